//! RFC 8981: temporary addresses.

use crate::support::{Bench, ip, secs};
use core::net::Ipv6Addr;
use icmp_nd::address::{
    AddressConfig, AddressConfigError, AddressOrigin, AddressState, AddressTable,
    InterfaceIdentifier, TemporaryConfig,
};
use testkit::SeededRandom;

const PREFIX: &str = "2001:db8:1::";
const DAY: u64 = 86_400;

fn config() -> AddressConfig {
    let mut config = crate::support::config();
    config.temporary = Some(TemporaryConfig::default());
    config
}

fn temporary(bench: &Bench) -> Vec<(Ipv6Addr, AddressState)> {
    let all = bench.table.iter();
    all.filter(|it| it.origin() == AddressOrigin::Temporary)
        .map(|it| (it.address(), it.state()))
        .collect()
}

mod section_3_3 {
    use super::*;

    // RFC 8981 §3.3.1 MUST (reserved): an identifier that is reserved is drawn again.
    #[test]
    fn reserved_identifiers_are_not_drawn() {
        struct Script(Vec<u64>);
        impl packet_buffer::RandomSource for Script {
            fn fill(&mut self, dest: &mut [u8]) {
                dest.copy_from_slice(&self.0.remove(0).to_ne_bytes()[..dest.len()]);
            }
        }
        let mut script = Script(vec![0, 0xfdff_ffff_ffff_ff85, 0x0200_5eff_fe00_0001, 42]);
        let made = InterfaceIdentifier::random(&mut script);
        assert_eq!(made, InterfaceIdentifier::from_bits(42));
    }

    #[test]
    fn each_is_random_and_of_the_prefix() {
        let mut seen = Vec::new();
        for seed in 0..20 {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            bench.advertise(PREFIX, 604_800, 302_400).unwrap();
            bench.run_for(secs(3));
            let all = temporary(&bench);
            assert_eq!(all.len(), 1);
            assert_eq!(all[0].1, AddressState::Preferred);
            assert_eq!(all[0].0.segments()[..4], ip(PREFIX).segments()[..4]);
            seen.push(all[0].0);
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20);
    }
}

mod section_3_4 {
    use super::*;

    // RFC 8981 §3.4 MUST (constraint): none is valid or preferred longer than its own limits.
    #[test]
    fn lifetimes_have_limits_of_their_own() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, u32::MAX, u32::MAX).unwrap();
        bench.run_for(secs(2));
        let (first, _) = temporary(&bench)[0];
        let created = bench.table.get(first).unwrap();
        let valid = created.valid_until().unwrap();
        let preferred = created.preferred_until().unwrap();
        assert_eq!((valid - bench.now).as_secs(), 2 * DAY - 2);
        let left = (preferred - bench.now).as_secs();
        assert!(left < DAY && left > DAY / 2, "{left}");
        // Advertised again and again, the limits stay where they are.
        for _ in 0..5 {
            bench.run_for(secs(600));
            bench.advertise(PREFIX, u32::MAX, u32::MAX).unwrap();
        }
        let entry = bench.table.get(first).unwrap();
        assert_eq!(entry.valid_until(), Some(valid));
        assert_eq!(entry.preferred_until(), Some(preferred));
    }

    #[test]
    fn shorter_advertised_lifetimes_hold_and_can_be_lengthened() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 9_000, 3_000).unwrap();
        bench.run_for(secs(2));
        let (address, _) = temporary(&bench)[0];
        let text = address.to_string();
        assert_eq!(bench.lifetimes(&text), (8_998, 2_998));
        bench.advertise(PREFIX, 20_000, 10_000).unwrap();
        assert_eq!(bench.lifetimes(&text), (20_000, 10_000));
        assert_eq!(temporary(&bench).len(), 1);
    }

    // RFC 8981 §3.4 MUST (advance): none is made whose preferred lifetime is within REGEN_ADVANCE.
    #[test]
    fn none_for_a_prefix_that_ends_too_soon() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 7_200, 5).unwrap();
        bench.run_for(secs(2));
        assert_eq!(temporary(&bench), []);
        assert!(bench.table.get(ip("2001:db8:1::5eff:fe10:1")).is_some());
        bench.advertise(PREFIX, 7_200, 6).unwrap();
        assert_eq!(temporary(&bench).len(), 1);
    }

    // RFC 8981 §3.4 MUST (regenerate): the next one is made before the last one is deprecated.
    #[test]
    fn there_is_always_one_that_is_preferred() {
        let mut bench = Bench::up(config());
        let mut seen = Vec::new();
        for _ in 0..10 * 24 {
            bench.advertise(PREFIX, 604_800, 302_400).unwrap();
            bench.run_for(secs(3_600));
            let all = temporary(&bench);
            let preferred = all.iter().filter(|it| it.1 == AddressState::Preferred);
            assert!((1..=2).contains(&preferred.count()), "{all:?}");
            assert!(all.len() <= 4);
            seen.extend(all.iter().map(|it| it.0));
        }
        seen.sort_unstable();
        seen.dedup();
        // 10 days, each address preferred for 0.6 to 1 day.
        assert!((10..=17).contains(&seen.len()), "{}", seen.len());
    }

    #[test]
    fn the_next_one_is_tested_in_time() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 604_800, 302_400).unwrap();
        bench.run_for(secs(2));
        let (first, _) = temporary(&bench)[0];
        let until = bench.table.get(first).unwrap().preferred_until().unwrap();
        bench.run_for(until - bench.now - core::time::Duration::from_millis(1));
        let all = temporary(&bench);
        assert_eq!(all.len(), 2);
        assert!(
            all.iter().all(|it| it.1 == AddressState::Preferred),
            "{all:?}"
        );
    }

    // RFC 8981 §3.4 MUST (retries): after TEMP_IDGEN_RETRIES no more are made for the prefix.
    #[test]
    fn duplicates_are_tried_again_three_times() {
        let mut bench = Bench::up(config());
        bench.advertise(PREFIX, 604_800, 302_400).unwrap();
        let mut tried = Vec::new();
        while let Some(&(address, _)) = temporary(&bench).first() {
            assert!(!tried.contains(&address) && tried.len() < 10);
            tried.push(address);
            bench.table.handle_advertisement(bench.now, address);
            bench.drain();
        }
        assert_eq!(tried.len(), 4);
        bench.advertise(PREFIX, 604_800, 302_400).unwrap();
        bench.run_for(secs(5));
        assert_eq!(temporary(&bench), []);
        let stable = "2001:db8:1::5eff:fe10:1";
        assert_eq!(bench.state(stable), Some(AddressState::Preferred));
    }
}

mod section_3_8 {
    use super::*;
    use core::time::Duration;

    // RFC 8981 §3.8 MUST (desync): the factor never reaches the preferred lifetime less REGEN_ADVANCE.
    #[test]
    fn configurations_that_leave_nothing_are_refused() {
        let refused = |change: fn(&mut TemporaryConfig)| {
            let mut config = config();
            change(config.temporary.as_mut().unwrap());
            let random = Box::new(SeededRandom::new(1));
            AddressTable::new(config, random).err()
        };
        assert_eq!(refused(|_| {}), None);
        let desync = |it: &mut TemporaryConfig| it.max_desync_factor = it.preferred_lifetime;
        assert_eq!(refused(desync), Some(AddressConfigError::Desync));
        let valid = |it: &mut TemporaryConfig| it.valid_lifetime = Duration::from_secs(60);
        assert_eq!(
            refused(valid),
            Some(AddressConfigError::PreferredExceedsValid)
        );
    }

    #[test]
    fn hosts_do_not_change_all_at_once() {
        let mut ends = Vec::new();
        for seed in 0..30 {
            let mut bench = Bench::with_seed(config(), seed);
            bench.table.start(bench.now);
            bench.advertise(PREFIX, u32::MAX, u32::MAX).unwrap();
            let (address, _) = temporary(&bench)[0];
            let until = bench.table.get(address).unwrap().preferred_until().unwrap();
            ends.push(until.as_secs());
        }
        ends.sort_unstable();
        assert!(ends[0] >= DAY * 6 / 10 && ends[29] <= DAY, "{ends:?}");
        assert!(ends[25] - ends[5] > DAY / 10, "{ends:?}");
    }
}
