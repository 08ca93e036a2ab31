//! RFC 4429: optimistic duplicate address detection.

use crate::support::{Bench, config, ip, secs};
use icmp_nd::address::{AddressConfig, AddressState, ManualAddress, SolicitationVerdict};

const GLOBAL: &str = "2001:db8:1::5eff:fe10:1";

fn optimistic() -> AddressConfig {
    let mut config = config();
    config.optimistic = true;
    config
}

mod section_3_1 {
    use super::*;

    // RFC 4429 §3.1 MUST (deprecated): optimistic addresses rank with the deprecated ones.
    #[test]
    fn they_are_a_source_when_there_is_no_better_one() {
        let mut bench = Bench::up(optimistic());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Optimistic));
        assert!(bench.table.is_local(ip(GLOBAL)));
        let far = ip("2001:db8:2::1");
        assert_eq!(bench.table.select_source(far, None), Some(ip(GLOBAL)));
        bench.run_for(secs(2));
        assert_eq!(bench.state(GLOBAL), Some(AddressState::Preferred));
        bench.advertise("2001:db8:2::", 7200, 3600).unwrap();
        let nearer = "2001:db8:2::5eff:fe10:1";
        assert_eq!(bench.state(nearer), Some(AddressState::Optimistic));
        assert_eq!(bench.table.select_source(far, None), Some(ip(GLOBAL)));
        bench.run_for(secs(2));
        assert_eq!(bench.table.select_source(far, None), Some(ip(nearer)));
    }

    // RFC 4429 §3.1 SHOULD (manual): addresses configured by hand are not optimistic.
    #[test]
    fn manual_addresses_are_tentative() {
        let mut bench = Bench::up(optimistic());
        let manual = ManualAddress::new(ip("2001:db8::7"), 64);
        bench.table.add(bench.now, &manual).unwrap();
        assert_eq!(bench.state("2001:db8::7"), Some(AddressState::Tentative));
    }
}

mod section_3_3 {
    use super::*;

    // RFC 4429 §3.3 MUST (no-override): the override flag is clear while the address is optimistic.
    #[test]
    fn resolvers_get_an_answer_without_override() {
        let mut bench = Bench::up(optimistic());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        let careful = SolicitationVerdict::Advertise {
            override_flag: false,
            anycast: false,
        };
        assert_eq!(bench.solicit(GLOBAL, "fe80::2", None), careful);
        bench.run_for(secs(2));
        let sure = SolicitationVerdict::Advertise {
            override_flag: true,
            anycast: false,
        };
        assert_eq!(bench.solicit(GLOBAL, "fe80::2", None), sure);
    }

    // RFC 4429 §3.3 MUST (duplicate): an optimistic address is given up like a tentative one.
    #[test]
    fn a_duplicate_is_given_up_at_once() {
        let mut bench = Bench::up(optimistic());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        assert!(bench.groups.contains(&ip("ff02::1:ff10:1")));
        assert_eq!(
            bench.solicit(GLOBAL, "::", None),
            SolicitationVerdict::Duplicate
        );
        assert!(!bench.table.is_local(ip(GLOBAL)));
    }
}
