//! Properties: the two-hour rule, and the table against a model.

use crate::support::{Bench, advertised, config, ip, secs};
use core::net::Ipv6Addr;
use icmp_nd::Instant;
use icmp_nd::address::{
    AddressState, Lifetime, ManualAddress, SolicitedTarget, TWO_HOURS, updated_valid_until,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn lifetime() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(7_199),
        Just(7_200),
        Just(7_201),
        Just(u32::MAX),
        0..20_000u32,
        any::<u32>(),
    ]
}

proptest! {
    /// The end of validity is one of three moments, and never earlier than both two hours from now
    /// and where it was.
    #[test]
    fn the_two_hour_rule(now in 0..1_000_000u64, left in lifetime(), received in lifetime()) {
        let now = Instant::from_secs(now);
        let before = Lifetime::from_secs(left).until(now);
        let received = Lifetime::from_secs(received);
        let after = updated_valid_until(now, before, received, false);
        let asked = received.until(now);
        let two_hours = Some(now + TWO_HOURS);
        prop_assert!(after == asked || after == before || after == two_hours);
        let end = |until: Option<Instant>| until.unwrap_or(Instant::MAX);
        prop_assert!(end(after) >= end(before).min(now + TWO_HOURS));
        // It grows only as far as was asked for.
        prop_assert!(end(after) <= end(before).max(end(asked)));
        prop_assert_eq!(updated_valid_until(now, before, received, true), asked);
    }
}

/// What can happen to a table.
#[derive(Debug, Clone)]
enum Operation {
    Advertise {
        prefix: u8,
        valid: u32,
        preferred: u32,
    },
    Wait(u32),
    Add(u8),
    Remove(u8),
    Claim(u8),
    Test(u8),
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..6u8, lifetime(), lifetime())
            .prop_map(|(prefix, valid, preferred)| Operation::Advertise { prefix, valid, preferred }),
        4 => (0..20_000_000u32).prop_map(Operation::Wait),
        4 => (0..2_000_000u32).prop_map(Operation::Wait),
        2 => (0..6u8).prop_map(Operation::Add),
        1 => (0..6u8).prop_map(Operation::Remove),
        1 => (0..6u8).prop_map(Operation::Claim),
        1 => (0..6u8).prop_map(Operation::Test),
        1 => Just(Operation::Restart),
    ]
}

/// The rules of RFC 4862 without timers: everything is computed from moments when it is looked at.
#[derive(Default)]
struct Model {
    /// Of each address: when its test ends, and when it stops being preferred and valid.
    addresses: BTreeMap<Ipv6Addr, (Instant, Instant, Instant)>,
    /// Of each prefix: until when it is known.
    prefixes: BTreeMap<u8, Instant>,
}

fn address_in(prefix: u8) -> Ipv6Addr {
    let [a, b, c, ..] = ip("2001:db8:1::").segments();
    Ipv6Addr::new(a, b, c, u16::from(prefix), 0, 0x5eff, 0xfe10, 1)
}

fn manual(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, u16::from(n) + 1)
}

impl Model {
    fn expire(&mut self, now: Instant) {
        self.addresses.retain(|_, (_, _, valid)| *valid > now);
        self.prefixes.retain(|_, valid| *valid > now);
    }

    fn advertise(&mut self, now: Instant, prefix: u8, valid: u32, preferred: u32) {
        let end = |seconds: u32| match seconds {
            u32::MAX => Instant::MAX,
            _ => now + secs(seconds.into()),
        };
        if preferred > valid {
            return;
        }
        let address = address_in(prefix);
        let full = self.prefixes.len() >= 4;
        match self.prefixes.get_mut(&prefix) {
            Some(until) => {
                let left = *until - now;
                if valid > 7_200 || end(valid) > *until {
                    *until = end(valid);
                } else if left > TWO_HOURS {
                    *until = now + TWO_HOURS;
                }
                if let Some(entry) = self.addresses.get_mut(&address) {
                    entry.1 = end(preferred).min(*until);
                    entry.2 = *until;
                }
            }
            None if valid == 0 || full => {}
            None => {
                self.prefixes.insert(prefix, end(valid));
                let entry = (now + secs(1), end(preferred), end(valid));
                self.addresses.entry(address).or_insert(entry);
            }
        }
    }

    fn state(&self, address: Ipv6Addr, now: Instant) -> Option<AddressState> {
        let &(tested, preferred, _) = self.addresses.get(&address)?;
        Some(match () {
            () if tested > now => AddressState::Tentative,
            () if preferred > now => AddressState::Preferred,
            () => AddressState::Deprecated,
        })
    }
}

proptest! {
    #[test]
    fn the_table_agrees_with_a_model(operations in prop::collection::vec(operation(), 1..60)) {
        let mut config = config();
        config.max_prefixes = 4;
        config.max_solicitation_delay = secs(0);
        let mut bench = Bench::up(config);
        let mut model = Model::default();
        for operation in operations {
            let now = bench.now;
            match operation {
                Operation::Advertise { prefix, valid, preferred } => {
                    let text = format!("2001:db8:1:{prefix}::");
                    let _ = bench.table.handle_prefix(now, &advertised(&text, valid, preferred));
                    bench.drain();
                    model.advertise(now, prefix, valid, preferred);
                }
                Operation::Wait(micros) => {
                    bench.run_for(core::time::Duration::from_micros(micros.into()) * 1_000);
                }
                Operation::Add(n) => {
                    let address = ManualAddress::new(manual(n), 64);
                    let added = bench.table.add(now, &address).is_ok();
                    prop_assert_eq!(added, !model.addresses.contains_key(&manual(n)));
                    let entry = (now + secs(1), Instant::MAX, Instant::MAX);
                    model.addresses.entry(manual(n)).or_insert(entry);
                }
                Operation::Remove(n) => {
                    let removed = bench.table.remove(now, manual(n));
                    prop_assert_eq!(removed, model.addresses.remove(&manual(n)).is_some());
                }
                Operation::Claim(prefix) => {
                    let address = address_in(prefix);
                    bench.table.handle_advertisement(now, address);
                    if model.state(address, now) == Some(AddressState::Tentative) {
                        model.addresses.remove(&address);
                    }
                }
                Operation::Test(n) => {
                    let solicited = SolicitedTarget {
                        target: manual(n),
                        source: Ipv6Addr::UNSPECIFIED,
                        nonce: None,
                    };
                    bench.table.handle_solicitation(now, &solicited);
                    if model.state(manual(n), now) == Some(AddressState::Tentative) {
                        model.addresses.remove(&manual(n));
                    }
                }
                Operation::Restart => {
                    bench.table.start(now);
                    bench.drain();
                    model.prefixes.clear();
                    model.addresses.retain(|address, _| (0..6).any(|n| manual(n) == *address));
                    for entry in model.addresses.values_mut() {
                        entry.0 = now + secs(1);
                    }
                }
            }
            let now = bench.now;
            model.expire(now);
            for address in (0..6).map(address_in).chain((0..6).map(manual)) {
                let state = bench.table.get(address).map(|it| it.state());
                prop_assert_eq!(state, model.state(address, now), "{} at {}", address, now);
            }
            let known = bench.table.iter().count();
            prop_assert_eq!(known, model.addresses.len() + 1, "with the link-local address");
        }
    }
}
