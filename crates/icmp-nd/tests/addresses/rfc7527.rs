//! RFC 7527: enhanced duplicate address detection.

use crate::support::{Bench, LINK_LOCAL, config, ip, secs};
use icmp_nd::address::{AddressState, SolicitationVerdict};

mod section_4_1 {
    use super::*;

    // RFC 7527 §4.1 MUST (nonce): each probe carries a random nonce, which is kept.
    #[test]
    fn nonces_differ() {
        let mut config = config();
        config.dad_transmits = 3;
        let mut bench = Bench::new(config);
        bench.table.start(bench.now);
        bench.run_for(secs(6));
        let nonces: Vec<[u8; 6]> = bench.sent.iter().map(|(_, it)| it.nonce.unwrap()).collect();
        assert_eq!(nonces.len(), 3);
        assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2] && nonces[0] != nonces[2]);
    }

    // RFC 7527 §4.1 MUST (continue): another MAX_MULTICAST_SOLICIT after a loop.
    #[test]
    fn a_loop_prolongs_the_test_until_it_is_gone() {
        let mut bench = Bench::new(config());
        bench.table.start(bench.now);
        // Everything comes back for 20 seconds.
        let mut returned = 0;
        while bench.now < packet_buffer::Instant::from_secs(20) {
            let at = bench.table.poll_timeout().unwrap();
            bench.run_for(at - bench.now);
            for (_, probe) in bench.sent.clone().drain(returned..) {
                let nonce = probe.nonce.unwrap();
                let verdict = bench.solicit(LINK_LOCAL, "::", Some(&nonce));
                assert_eq!(verdict, SolicitationVerdict::Looped);
                returned += 1;
            }
            assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Tentative));
        }
        assert!(returned > 15, "one each second: {returned}");
        assert_eq!(bench.table.stats().looped, returned as u64);
        // The loop is gone: what is left of the round and a further round, then silence.
        bench.run_for(secs(8));
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert!(bench.sent.len() - returned <= 6);
        assert_eq!(bench.table.stats().duplicates, 0);
    }

    #[test]
    fn the_probing_can_be_stopped_by_hand() {
        let mut bench = Bench::new(config());
        bench.table.start(bench.now);
        bench.run_for(secs(1));
        assert!(bench.table.stop_probing(bench.now, ip(LINK_LOCAL)));
        assert_eq!(bench.state(LINK_LOCAL), Some(AddressState::Preferred));
        assert!(!bench.table.stop_probing(bench.now, ip(LINK_LOCAL)));
        assert_eq!(bench.table.poll_timeout(), None);
    }
}

mod section_4_2 {
    use super::*;

    // RFC 7527 §4.2 MUST: what carries a nonce of ours is our own, and dropped.
    #[test]
    fn another_nonce_is_another_node() {
        for nonce in [None, Some(&[1, 2, 3, 4, 5, 6][..]), Some(&[][..])] {
            let mut bench = Bench::new(config());
            bench.table.start(bench.now);
            bench.run_for(secs(1));
            let own = bench.sent[0].1.nonce.unwrap();
            assert_eq!(
                bench.solicit(LINK_LOCAL, "::", Some(&own)),
                SolicitationVerdict::Looped
            );
            assert_eq!(
                bench.solicit(LINK_LOCAL, "::", nonce),
                SolicitationVerdict::Duplicate
            );
        }
    }

    #[test]
    fn without_nonces_what_comes_back_is_a_duplicate() {
        let mut config = config();
        config.enhanced_dad = false;
        let mut bench = Bench::new(config);
        bench.table.start(bench.now);
        bench.run_for(secs(1));
        assert_eq!(bench.sent[0].1.nonce, None);
        assert_eq!(
            bench.solicit(LINK_LOCAL, "::", None),
            SolicitationVerdict::Duplicate
        );
    }

    #[test]
    fn late_copies_are_still_known_after_the_test() {
        let mut bench = Bench::up(config());
        bench.advertise("2001:db8:1::", 7200, 3600).unwrap();
        let nonce = bench.sent[0].1.nonce.unwrap();
        bench.run_for(secs(5));
        let verdict = bench.solicit("2001:db8:1::5eff:fe10:1", "::", Some(&nonce));
        assert_eq!(verdict, SolicitationVerdict::Looped);
    }
}
