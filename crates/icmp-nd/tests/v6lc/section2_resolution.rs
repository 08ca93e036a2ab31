//! Sections 2.1.1 to 2.1.8: addresses that are resolved, solicitations, unreachability.

use crate::packets::{
    AUTONOMOUS, ON_LINK, OVERRIDE, Packet, SOLICITED, empty_option, ip, na, ns, pio, ra, slla, tlla,
};
use crate::support::{
    ALL_NODES, Lab, NA, NUT_GLOBAL, NUT_LL, NUT_MAC, PREFIX_B, Seen, Station, TN1, TN1_GLOBAL,
    TN1_LL, TN2_GLOBAL, TN3, TN3_GLOBAL, TR1, TR1_LL, cache, group_of, secs,
};
use core::time::Duration;
use icmp_nd::neighbor::State;

mod s_2_1_1 {
    use super::*;

    /// Nobody answers, and the host asks for the address itself, three times.
    fn resolves(source: &str, destination: &str) {
        let mut lab = Lab::host_with_router();
        lab.silent(source);
        let request = lab.echo(source, destination);
        lab.send(TN1, &request);
        lab.run(secs(4));
        assert_eq!(lab.solicitations(source).len(), 3);
    }

    /// v6LC.2.1.1a | On Link Determination - Link Local
    #[test]
    fn link_local() {
        resolves(TN1_LL, NUT_LL);
    }

    /// v6LC.2.1.1b | On Link Determination - Global Address, On-link Prefix covers TN1
    #[test]
    fn global_on_link() {
        resolves(TN1_GLOBAL, NUT_GLOBAL);
    }

    /// v6LC.2.1.1c | On Link Determination - Global Address, On-link Prefix does not cover TN2
    #[test]
    fn global_off_link() {
        let mut lab = Lab::host_with_router();
        lab.assert_reply_to(TN1, TN2_GLOBAL, TR1);
        assert!(lab.solicitations(TN2_GLOBAL).is_empty());
    }
}

mod s_2_1_2 {
    use super::*;

    fn advertise(lab: &mut Lab, station: Station, address: &str) {
        let message = na(address, SOLICITED | OVERRIDE, &[tlla(station.mac)]);
        lab.send(station, &Packet::nd(address, NUT_GLOBAL, message));
        lab.run(Duration::from_millis(100));
    }

    /// v6LC.2.1.2a | Resolution Wait Queue - Single Queue
    #[test]
    fn one_neighbor() {
        let mut lab = Lab::host_with_router();
        lab.silent(TN1_GLOBAL);
        for _ in 0..3 {
            let request = lab.echo(TN1_GLOBAL, NUT_GLOBAL);
            lab.send(TN1, &request);
        }
        lab.run(Duration::from_millis(500));
        lab.clear();
        advertise(&mut lab, TN1, TN1_GLOBAL);
        assert_eq!(lab.of(crate::support::ECHO_REPLY).len(), 3);
    }

    /// v6LC.2.1.2b | Resolution Wait Queue - Multiple Queues
    #[test]
    fn two_neighbors() {
        let mut lab = Lab::host_with_router();
        lab.silent(TN1_GLOBAL);
        lab.silent(TN3_GLOBAL);
        for _ in 0..3 {
            let request = lab.echo(TN1_GLOBAL, NUT_GLOBAL);
            lab.send(TN1, &request);
        }
        for _ in 0..4 {
            let request = lab.echo(TN3_GLOBAL, NUT_GLOBAL);
            lab.send(TN3, &request);
        }
        lab.run(Duration::from_millis(500));
        lab.clear();
        advertise(&mut lab, TN3, TN3_GLOBAL);
        let replies = lab.of(crate::support::ECHO_REPLY);
        assert!((1..=4).contains(&replies.len()));
        assert!(replies.iter().all(|it| it.to == TN3.mac));
        lab.clear();
        advertise(&mut lab, TN1, TN1_GLOBAL);
        let replies = lab.of(crate::support::ECHO_REPLY);
        assert_eq!(replies.len(), 3);
        assert!(replies.iter().all(|it| it.to == TN1.mac));
    }
}

mod s_2_1_3 {
    use super::*;

    /// v6LC.2.1.3 | Prefix Information Option Processing, On-link Flag (Hosts Only)
    #[test]
    fn on_link_flag() {
        let mut lab = Lab::host();
        let advertise = |lab: &mut Lab, flags| {
            let option = pio(PREFIX_B, 64, flags, 2_592_000, 604_800);
            let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac), option]);
            lab.send(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
            lab.run(secs(3));
        };
        // L clear: nothing is said, so packets go to the router.
        advertise(&mut lab, AUTONOMOUS);
        lab.assert_reply_to(TN1, TN1_GLOBAL, TR1);
        assert!(lab.solicitations(TN1_GLOBAL).is_empty());
        // L set: on the link.
        advertise(&mut lab, AUTONOMOUS | ON_LINK);
        lab.assert_reply_to(TN1, TN1_GLOBAL, TN1);
        // L clear again: it stays on the link.
        advertise(&mut lab, AUTONOMOUS);
        lab.assert_reply_to(TN1, TN1_GLOBAL, TN1);
    }
}

mod s_2_1_5 {
    use super::*;

    fn resolution(source: &str, destination: &str) {
        let mut lab = Lab::host_with_router();
        lab.silent(source);
        let request = lab.echo(source, destination);
        lab.send(TN1, &request);
        lab.run(secs(10));
        let asked = lab.solicitations(source);
        assert_eq!(asked.len(), 3, "MAX_MULTICAST_SOLICIT");
        for pair in asked.windows(2) {
            assert_eq!((pair[1].at - pair[0].at).as_millis(), 1_000, "RetransTimer");
        }
        for it in &asked {
            assert_eq!(it.ip().destination(), ip(&group_of(source)));
            assert_eq!(
                it.ip().source(),
                ip(destination),
                "of the packet that waits"
            );
            assert_eq!(it.ip().hop_limit(), 255);
            assert_eq!(it.nd_options(24), [(1, slla(NUT_MAC))]);
        }
        assert!(lab.of(crate::support::ECHO_REPLY).is_empty());
        assert_eq!(cache(&lab, source), None);
    }

    /// Link-local.
    ///
    /// v6LC.2.1.5a | Neighbor Solicitation Origination, Address Resolution - Target Address
    #[test]
    fn link_local_target() {
        resolution(TN1_LL, NUT_LL);
    }

    /// Global.
    ///
    /// v6LC.2.1.5b | Neighbor Solicitation Origination, Address Resolution - Target Address
    #[test]
    fn global_target() {
        resolution(TN1_GLOBAL, NUT_GLOBAL);
    }
}

mod s_2_1_6 {
    use super::*;

    fn reachability(source: &str, destination: &str) {
        let mut lab = Lab::host_with_router();
        assert_eq!(lab.ping(TN1, source, destination).len(), 1);
        assert_eq!(cache(&lab, source), Some(State::Reachable));
        lab.silent(source);
        lab.run(secs(50));
        assert_eq!(
            cache(&lab, source),
            Some(State::Stale),
            "after ReachableTime"
        );
        lab.clear();
        assert_eq!(lab.ping(TN1, source, destination).len(), 1);
        let used = lab.now();
        lab.run(secs(10));
        let asked = lab.solicitations(source);
        assert_eq!(asked.len(), 3, "MAX_UNICAST_SOLICIT");
        let delay = asked[0].at - used;
        assert!(
            delay > secs(3) && delay <= secs(5),
            "DELAY_FIRST_PROBE_TIME: {delay:?}"
        );
        for it in &asked {
            assert_eq!(it.to, TN1.mac);
            assert_eq!(it.ip().destination(), ip(source), "unicast");
        }
        for pair in asked.windows(2) {
            assert_eq!((pair[1].at - pair[0].at).as_millis(), 1_000);
        }
        // The entry is gone: what comes next asks the group again.
        lab.clear();
        let request = lab.echo(source, destination);
        lab.exchange(TN1, &request);
        assert_eq!(
            lab.solicitations(source)[0].ip().destination(),
            ip(&group_of(source))
        );
    }

    /// To a link-local address.
    ///
    /// v6LC.2.1.6a | Neighbor Solicitation Origination Reachability Configuration - Link-local
    #[test]
    fn link_local_to_link_local() {
        reachability(TN1_LL, NUT_LL);
    }

    /// To a global address.
    ///
    /// v6LC.2.1.6b | Neighbor Solicitation Origination Reachability Configuration - Global
    #[test]
    fn global_to_global() {
        reachability(TN1_GLOBAL, NUT_GLOBAL);
    }

    /// From link-local to global.
    ///
    /// v6LC.2.1.6c | Neighbor Solicitation Origination Reachability Configuration - Link-local
    #[test]
    fn link_local_to_global() {
        reachability(TN1_LL, NUT_GLOBAL);
    }

    /// From global to link-local.
    ///
    /// v6LC.2.1.6d | Neighbor Solicitation Origination Reachability Configuration - Global
    #[test]
    fn global_to_link_local() {
        reachability(TN1_GLOBAL, NUT_LL);
    }
}

mod s_2_1_7 {
    use super::*;

    fn invalid(packet: &Packet) {
        let mut lab = Lab::host();
        let seen = lab.exchange(TN1, packet);
        assert!(seen.is_empty(), "{seen:?}");
        assert_eq!(cache(&lab, TN1_LL), None, "no entry is made");
        lab.assert_alive();
    }

    fn valid() -> Packet {
        Lab::solicitation(TN1_LL, NUT_LL, &[slla(TN1.mac)])
    }

    /// v6LC.2.1.7a | Invalid Neighbor Solicitation Handling - Invalid Target Address
    #[test]
    fn target() {
        let group = group_of(NUT_LL);
        invalid(&Packet::nd(TN1_LL, &group, ns(&group, &[slla(TN1.mac)])));
    }

    /// From the unspecified address to another group than the solicited-node one.
    ///
    /// v6LC.2.1.7b | Invalid Neighbor Solicitation Handling - Invalid Destination Address
    #[test]
    fn destination() {
        invalid(&Packet::nd("::", ALL_NODES, ns(NUT_LL, &[])));
    }

    /// v6LC.2.1.7c | Invalid Neighbor Solicitation Handling - Invalid Source Link-Layer Address Option
    #[test]
    fn source_link_layer_address() {
        invalid(&Lab::solicitation("::", NUT_LL, &[slla(TN1.mac)]));
    }

    /// v6LC.2.1.7d | Invalid Neighbor Solicitation Handling - Invalid Hop Limit
    #[test]
    fn hop_limit() {
        invalid(&valid().hop_limit(254));
    }

    /// v6LC.2.1.7e | Invalid Neighbor Solicitation Handling - Invalid Checksum
    #[test]
    fn checksum() {
        invalid(&valid().bad_checksum());
    }

    /// v6LC.2.1.7f | Invalid Neighbor Solicitation Handling - Invalid ICMP code
    #[test]
    fn code() {
        let mut message = ns(NUT_LL, &[slla(TN1.mac)]);
        message[1] = 1;
        invalid(&Packet::nd(TN1_LL, &group_of(NUT_LL), message));
    }

    /// v6LC.2.1.7g | Invalid Neighbor Solicitation Handling - Invalid ICMP Length
    #[test]
    fn length() {
        let mut message = ns(NUT_LL, &[]);
        message.truncate(16);
        invalid(&Packet::nd(TN1_LL, &group_of(NUT_LL), message));
    }

    /// v6LC.2.1.7h | Invalid Neighbor Solicitation Handling - Option of Length 0
    #[test]
    fn option_of_length_zero() {
        invalid(&Lab::solicitation(TN1_LL, NUT_LL, &[empty_option()]));
    }
}

mod s_2_1_8 {
    use super::*;

    fn assert_advertised(seen: &[Seen]) {
        let answers: Vec<&Seen> = seen.iter().filter(|it| it.is(NA)).collect();
        assert_eq!(answers.len(), 1);
        let (_, _, body) = answers[0].icmp().unwrap();
        assert_eq!(body[0], SOLICITED | OVERRIDE, "a host, solicited, override");
        assert_eq!(answers[0].target(), ip(NUT_LL));
        assert_eq!(answers[0].ip().source(), ip(NUT_LL));
        assert_eq!(answers[0].ip().destination(), ip(TN1_LL));
        assert_eq!(answers[0].ip().hop_limit(), 255);
        assert_eq!(answers[0].nd_options(24), [(2, tlla(NUT_MAC))]);
    }

    /// The answer goes to the address of the option, and after DELAY_FIRST_PROBE_TIME the host checks
    /// that the neighbor is there.
    fn makes_an_entry(packet: &Packet) {
        let mut lab = Lab::host();
        lab.silent(TN1_LL);
        let seen = lab.exchange(TN1, packet);
        assert_advertised(&seen);
        assert!(
            lab.solicitations(TN1_LL).is_empty(),
            "the option told the address"
        );
        let state = cache(&lab, TN1_LL);
        assert!(
            matches!(state, Some(State::Stale | State::Delay)),
            "{state:?}"
        );
        let replies = lab.ping(TN1, TN1_LL, NUT_LL);
        assert_eq!(replies[0].to, TN1.mac);
        lab.run(secs(6));
        let asked = lab.solicitations(TN1_LL);
        assert_eq!(asked[0].ip().destination(), ip(TN1_LL));
    }

    /// With a source link-layer address.
    ///
    /// v6LC.2.1.8a | Neighbor Solicitation Processing, No NCE - Unicast Neighbor Solicitation
    #[test]
    fn unicast() {
        makes_an_entry(&Packet::nd(TN1_LL, NUT_LL, ns(NUT_LL, &[slla(TN1.mac)])));
    }

    /// v6LC.2.1.8b | Neighbor Solicitation Processing, No NCE - Multicast Neighbor Solicitation
    #[test]
    fn multicast() {
        makes_an_entry(&Lab::solicitation(TN1_LL, NUT_LL, &[slla(TN1.mac)]));
    }

    /// Without a source link-layer address: the host has to ask first.
    ///
    /// v6LC.2.1.8c | Neighbor Solicitation Processing, No NCE - Unicast Neighbor Solicitation
    #[test]
    fn unicast_without_an_option() {
        let mut lab = Lab::host();
        let seen = lab.exchange(TN1, &Packet::nd(TN1_LL, NUT_LL, ns(NUT_LL, &[])));
        assert_advertised(&seen);
        let asked = lab.solicitations(TN1_LL);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].ip().destination(), ip(&group_of(TN1_LL)));
        assert_eq!(cache(&lab, TN1_LL), Some(State::Reachable));
    }
}
