//! Section 2: Neighbor Discovery; redirects are in a file of their own.

use crate::packets::{
    AUTONOMOUS, ON_LINK, OVERRIDE, Packet, SOLICITED, echo_request, empty_option, ip, na, ns, pio,
    ra, rs, slla, tlla,
};
use crate::support::{
    ALL_NODES, ALL_ROUTERS, Lab, NA, NS, NUT_GLOBAL, NUT_LL, NUT_MAC, PREFIX_B, RA, RS, RUT_B,
    Seen, Station, TN1, TN1_GLOBAL, TN1_LL, TN2_GLOBAL, TN3, TN3_GLOBAL, TR1, TR1_LL, TR2, TR2_LL,
    assert_silence, group_of, secs,
};
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::neighbor::State;
use icmp_nd::router::{AdvertisedPrefix, AdvertiserConfig};
use packet_buffer::wire::MacAddr;

const OTHER_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x5a]);

fn cache(lab: &Lab, address: &str) -> Option<State> {
    let entry = lab.nd().neighbors().get(ip(address))?;
    Some(entry.state())
}

fn is_router(lab: &Lab, address: &str) -> Option<bool> {
    let entry = lab.nd().neighbors().get(ip(address))?;
    Some(entry.is_router())
}

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

mod s_2_1_13 {
    use super::*;

    /// A solicitation from the router does not make it a host.
    fn stays_a_router(packet: &Packet) {
        let mut lab = Lab::host_with_router();
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
        lab.exchange(TR1, packet);
        assert_eq!(is_router(&lab, TR1_LL), Some(true));
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
    }

    /// With a source link-layer address.
    ///
    /// v6LC.2.1.13a | Neighbor Solicitation Processing, IsRouterFlag - Unicast Neighbor
    #[test]
    fn unicast() {
        stays_a_router(&Packet::nd(TR1_LL, NUT_LL, ns(NUT_LL, &[slla(TR1.mac)])));
    }

    /// Without one.
    ///
    /// v6LC.2.1.13b | Neighbor Solicitation Processing, IsRouterFlag - Unicast Neighbor
    #[test]
    fn unicast_without_an_option() {
        stays_a_router(&Packet::nd(TR1_LL, NUT_LL, ns(NUT_LL, &[])));
    }

    /// v6LC.2.1.13c | Neighbor Solicitation Processing, IsRouterFlag - Multicast Neighbor
    #[test]
    fn multicast() {
        stays_a_router(&Lab::solicitation(TR1_LL, NUT_LL, &[slla(TR1.mac)]));
    }
}

mod s_2_1_14 {
    use super::*;

    /// v6LC.2.1.14 | Neighbor Solicitation Processing, Anycast
    #[test]
    fn anycast() {
        let mut lab = Lab::host_with_router();
        let anycast = "2001:db8:2::fdff:ffff:ffff:ff80";
        let now = lab.now();
        let address = ManualAddress::anycast(ip(anycast), 64);
        lab.host_mut().add_ipv6_address(now, &address).unwrap();
        lab.run(secs(1));
        let mut delays = Vec::new();
        for _ in 0..10 {
            lab.clear();
            let asked = lab.now();
            lab.send(TN1, &Lab::solicitation(TN1_LL, anycast, &[slla(TN1.mac)]));
            lab.run(secs(2));
            let answers = lab.of(NA);
            assert_eq!(answers.len(), 1);
            let (_, _, body) = answers[0].icmp().unwrap();
            assert_eq!(body[0], SOLICITED, "no override");
            assert_eq!(answers[0].target(), ip(anycast));
            assert_ne!(answers[0].ip().source(), ip(anycast));
            delays.push(answers[0].at - asked);
        }
        assert!(
            delays.iter().all(|&it| it <= Duration::from_millis(1_010)),
            "{delays:?}"
        );
        assert!(
            delays.iter().any(|&it| it > Duration::from_millis(50)),
            "{delays:?}"
        );
    }
}

mod s_2_1_15 {
    use super::*;

    /// While the host resolves TN1, an advertisement that is wrong changes nothing, and one that is
    /// right ends the wait.
    fn invalid(packet: &Packet) {
        let mut lab = Lab::host();
        lab.silent(TN1_LL);
        let request = lab.echo(TN1_LL, NUT_LL);
        lab.send(TN1, &request);
        lab.run(Duration::from_millis(200));
        assert_eq!(cache(&lab, TN1_LL), Some(State::Incomplete));
        lab.send(TN1, packet);
        lab.run(Duration::from_millis(200));
        assert_eq!(cache(&lab, TN1_LL), Some(State::Incomplete));
        assert!(lab.of(crate::support::ECHO_REPLY).is_empty());
        let message = na(TN1_LL, SOLICITED | OVERRIDE, &[tlla(TN1.mac)]);
        lab.send(TN1, &Packet::nd(TN1_LL, NUT_LL, message));
        lab.run(Duration::from_millis(200));
        assert_eq!(lab.of(crate::support::ECHO_REPLY).len(), 1);
    }

    fn message() -> Vec<u8> {
        na(TN1_LL, SOLICITED | OVERRIDE, &[tlla(TN1.mac)])
    }

    fn to_nut(message: Vec<u8>) -> Packet {
        Packet::nd(TN1_LL, NUT_LL, message)
    }

    /// Solicited, to a group.
    ///
    /// v6LC.2.1.15a | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn solicited_to_a_group() {
        invalid(&Packet::nd(TN1_LL, ALL_NODES, message()));
    }

    /// Hop limit.
    ///
    /// v6LC.2.1.15b | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn hop_limit() {
        invalid(&to_nut(message()).hop_limit(254));
    }

    /// Checksum.
    ///
    /// v6LC.2.1.15c | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn checksum() {
        invalid(&to_nut(message()).bad_checksum());
    }

    /// Code.
    ///
    /// v6LC.2.1.15d | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn code() {
        let mut message = message();
        message[1] = 1;
        invalid(&to_nut(message));
    }

    /// Length.
    ///
    /// v6LC.2.1.15e | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn length() {
        let mut message = message();
        message.truncate(16);
        invalid(&to_nut(message));
    }

    /// An option of length zero.
    ///
    /// v6LC.2.1.15f | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn option_of_length_zero() {
        let options = [tlla(TN1.mac), empty_option()];
        invalid(&to_nut(na(TN1_LL, SOLICITED | OVERRIDE, &options)));
    }

    /// A multicast target.
    ///
    /// v6LC.2.1.15g | Invalid Neighbor Advertisement Handling - NUT receives invalid NA
    #[test]
    fn multicast_target() {
        let group = group_of(TN1_LL);
        invalid(&to_nut(na(&group, SOLICITED | OVERRIDE, &[tlla(TN1.mac)])));
    }
}

mod s_2_1_21 {
    use super::*;

    /// The default router says that it is none: no packet goes through it any more.
    fn no_router(flags: u8, with_option: bool) {
        let mut lab = Lab::host_with_router();
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
        assert_eq!(is_router(&lab, TR1_LL), Some(true));
        let options = [tlla(TR1.mac)];
        let options = if with_option { &options[..] } else { &[] };
        let to = if flags & SOLICITED == 0 {
            ALL_NODES
        } else {
            NUT_LL
        };
        lab.exchange(TR1, &Packet::nd(TR1_LL, to, na(TR1_LL, flags, options)));
        assert_eq!(is_router(&lab, TR1_LL), Some(false));
        let replies = lab.ping(TR1, TN2_GLOBAL, NUT_GLOBAL);
        assert!(replies.is_empty(), "{replies:?}");
        assert_eq!(lab.nd().default_routers().count(), 0);
        // It is still a neighbor.
        assert_eq!(lab.ping(TR1, TR1_LL, NUT_LL).len(), 1);
    }

    /// Neither solicited nor override, with the link-layer address.
    ///
    /// v6LC.2.1.21a | Neighbor Advertisement Processing, R-bit Change -
    #[test]
    fn unsolicited() {
        no_router(0, true);
    }

    /// Override.
    ///
    /// v6LC.2.1.21b | Neighbor Advertisement Processing, R-bit Change -
    #[test]
    fn unsolicited_override() {
        no_router(OVERRIDE, true);
    }

    /// Solicited.
    ///
    /// v6LC.2.1.21c | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn solicited() {
        no_router(SOLICITED, true);
    }

    /// Solicited and override.
    ///
    /// v6LC.2.1.21d | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn solicited_override() {
        no_router(SOLICITED | OVERRIDE, true);
    }

    /// Neither, without the link-layer address.
    ///
    /// v6LC.2.1.21e | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn unsolicited_without_an_option() {
        no_router(0, false);
    }

    /// Override, without the link-layer address.
    ///
    /// v6LC.2.1.21f | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn unsolicited_override_without_an_option() {
        no_router(OVERRIDE, false);
    }

    /// Solicited, without the link-layer address.
    ///
    /// v6LC.2.1.21g | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn solicited_without_an_option() {
        no_router(SOLICITED, false);
    }

    /// Solicited and override, without the link-layer address.
    ///
    /// v6LC.2.1.21h | Neighbor Advertisement Processing, R-bit Change
    #[test]
    fn solicited_override_without_an_option() {
        no_router(SOLICITED | OVERRIDE, false);
    }
}

mod s_2_2_1_and_2 {
    use super::*;

    fn solicitations(lab: &Lab) -> Vec<Seen> {
        let asked = lab.of(RS);
        for it in &asked {
            assert_eq!(it.ip().destination(), ip(ALL_ROUTERS));
            assert_eq!(it.ip().hop_limit(), 255);
            let unspecified = it.ip().source().is_unspecified();
            assert_eq!(it.nd_options(8).is_empty(), unspecified);
        }
        asked
    }

    /// With the limit of RFC 4861; without it, RFC 7559 has a host go on at growing intervals.
    ///
    /// v6LC.2.2.1 | Router Solicitations
    #[test]
    fn router_solicitations() {
        let mut lab = Lab::cold_host(|config| config.nd.solicitation.max = Some(3));
        lab.start();
        lab.run(secs(60));
        let asked = solicitations(&lab);
        assert_eq!(asked.len(), 3, "MAX_RTR_SOLICITATIONS");
        assert!(
            asked[0].at.as_millis() <= 1_010,
            "MAX_RTR_SOLICITATION_DELAY"
        );
        for pair in asked.windows(2) {
            assert!(
                (pair[1].at - pair[0].at).as_millis() >= 3_600,
                "RTR_SOLICITATION_INTERVAL"
            );
        }
        assert_eq!(asked[2].ip().source(), ip(NUT_LL));
        let mut lab = Lab::cold_host(|_| {});
        lab.start();
        lab.run(secs(60));
        assert!(solicitations(&lab).len() > 3, "RFC 7559");
    }

    /// Right after the first solicitation an advertisement comes; how many more are sent.
    fn after(packet: &Packet) -> usize {
        let mut lab = Lab::cold_host(|config| config.nd.solicitation.max = Some(3));
        lab.start();
        lab.run(secs(2));
        assert_eq!(solicitations(&lab).len(), 1);
        lab.clear();
        lab.send(TR1, packet);
        lab.run(secs(60));
        solicitations(&lab).len()
    }

    fn advertisement(options: &[Vec<u8>]) -> Packet {
        Packet::nd(TR1_LL, ALL_NODES, ra(64, 1_800, 0, 0, options))
    }

    /// With a source link-layer address.
    ///
    /// v6LC.2.2.2a | Router Solicitations, Solicited Router Advertisement - Valid Router
    #[test]
    fn valid() {
        assert_eq!(after(&advertisement(&[slla(TR1.mac)])), 0);
    }

    /// Without one.
    ///
    /// v6LC.2.2.2b | Router Solicitations, Solicited Router Advertisement - Valid Router
    #[test]
    fn valid_without_an_option() {
        assert_eq!(after(&advertisement(&[])), 0);
    }

    /// From a global address.
    ///
    /// v6LC.2.2.2c | Router Solicitations, Solicited Router Advertisement - Invalid Router
    #[test]
    fn from_a_global_address() {
        let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac)]);
        assert_eq!(after(&Packet::nd("2001:db8:2::a1", ALL_NODES, message)), 2);
    }

    /// Hop limit.
    ///
    /// v6LC.2.2.2d | Router Solicitations, Solicited Router Advertisement - Invalid Router
    #[test]
    fn hop_limit() {
        assert_eq!(after(&advertisement(&[slla(TR1.mac)]).hop_limit(2)), 2);
    }

    /// Checksum.
    ///
    /// v6LC.2.2.2e | Router Solicitations, Solicited Router Advertisement - Invalid Router
    #[test]
    fn checksum() {
        assert_eq!(after(&advertisement(&[slla(TR1.mac)]).bad_checksum()), 2);
    }

    /// Code.
    ///
    /// v6LC.2.2.2f | Router Solicitations, Solicited Router Advertisement - Invalid Router
    #[test]
    fn code() {
        let mut message = ra(64, 1_800, 0, 0, &[slla(TR1.mac)]);
        message[1] = 1;
        assert_eq!(after(&Packet::nd(TR1_LL, ALL_NODES, message)), 2);
    }
}

mod s_2_2_3 {
    use super::*;

    fn ignored(destination: &str) {
        let mut lab = Lab::host();
        lab.silent(TN1_LL);
        let packet = Packet::nd(TN1_LL, destination, rs(&[slla(TN1.mac)]));
        let seen = lab.exchange(TN1, &packet);
        assert!(seen.iter().all(|it| it.is(RS)), "{seen:?}");
        assert_eq!(cache(&lab, TN1_LL), None, "no entry is made");
        lab.answers(TN1_LL, TN1, false);
        lab.assert_alive();
    }

    /// v6LC.2.2.3a | Host Ignores Router Solicitations - All-Router Multicast Destination
    #[test]
    fn to_all_routers() {
        ignored(ALL_ROUTERS);
    }

    /// v6LC.2.2.3b | Host Ignores Router Solicitations - All-Nodes Multicast Destination
    #[test]
    fn to_all_nodes() {
        ignored(ALL_NODES);
    }

    /// v6LC.2.2.3c | Host Ignores Router Solicitations - Link-local Unicast Destination
    #[test]
    fn to_the_host() {
        ignored(NUT_LL);
    }
}

/// A router that advertises on link B and has sent its first advertisements.
fn advertising() -> Lab {
    let mut lab = Lab::router_with(|config| {
        config.interfaces[0].advertise = Some(AdvertiserConfig {
            prefixes: vec![AdvertisedPrefix::new("2001:db8:2::/64".parse().unwrap())],
            link_address: Some(NUT_MAC),
            ..AdvertiserConfig::default()
        });
    });
    lab.run(secs(120));
    lab.clear();
    lab
}

mod s_2_2_4_and_5 {
    use super::*;

    /// The router advertises every ten minutes at most, and answers a solicitation in half a second.
    fn answered(packet: &Packet) -> usize {
        let mut lab = advertising();
        lab.send(TN1, packet);
        lab.run(secs(4));
        lab.of(RA).len()
    }

    fn solicitation(options: &[Vec<u8>]) -> Packet {
        Packet::nd(TN1_LL, ALL_ROUTERS, rs(options))
    }

    #[test]
    fn a_valid_solicitation_is_answered() {
        assert_eq!(answered(&solicitation(&[slla(TN1.mac)])), 1);
        assert_eq!(answered(&Packet::nd("::", ALL_ROUTERS, rs(&[]))), 1);
    }

    /// Hop limit.
    ///
    /// v6LC.2.2.4a | Router Ignores Invalid Router Solicitations -
    #[test]
    fn hop_limit() {
        assert_eq!(answered(&solicitation(&[slla(TN1.mac)]).hop_limit(254)), 0);
    }

    /// Checksum.
    ///
    /// v6LC.2.2.4b | Router Ignores Invalid Router Solicitations -
    #[test]
    fn checksum() {
        assert_eq!(answered(&solicitation(&[slla(TN1.mac)]).bad_checksum()), 0);
    }

    /// Code.
    ///
    /// v6LC.2.2.4c | Router Ignores Invalid Router Solicitations -
    #[test]
    fn code() {
        let mut message = rs(&[slla(TN1.mac)]);
        message[1] = 1;
        assert_eq!(answered(&Packet::nd(TN1_LL, ALL_ROUTERS, message)), 0);
    }

    /// Length.
    ///
    /// v6LC.2.2.4d | Router Ignores Invalid Router Solicitations -
    #[test]
    fn length() {
        let mut message = rs(&[]);
        message.truncate(6);
        assert_eq!(answered(&Packet::nd(TN1_LL, ALL_ROUTERS, message)), 0);
        assert_eq!(
            answered(&solicitation(&[empty_option()])),
            0,
            "an option of length zero"
        );
    }

    /// From the unspecified address with a source link-layer address.
    ///
    /// v6LC.2.2.4f | Router Ignores Invalid Router Solicitations -
    #[test]
    fn source_link_layer_address() {
        assert_eq!(
            answered(&Packet::nd("::", ALL_ROUTERS, rs(&[slla(TN1.mac)]))),
            0
        );
    }

    /// v6LC.2.2.5 | Router Sends Valid Router Advertisement
    #[test]
    fn what_a_router_advertises() {
        let mut lab = advertising();
        lab.run(secs(1_300));
        let all = lab.of(RA);
        assert!(all.len() >= 2, "{}", all.len());
        for it in all {
            assert!(it.ip().source().is_unicast_link_local());
            assert_eq!(it.ip().hop_limit(), 255);
            assert_eq!(it.ip().destination(), ip(ALL_NODES));
            let (_, code, body) = it.icmp().unwrap();
            assert_eq!(code, 0);
            assert!(body.len() >= 12);
            assert_eq!(body[1] & 0x07, 0, "reserved bits");
            let options = it.nd_options(16);
            let link_address = options.iter().find(|it| it.0 == 1);
            assert_eq!(link_address, Some(&(1, slla(NUT_MAC))));
            let (_, prefix) = options.iter().find(|it| it.0 == 3).unwrap();
            assert_eq!((prefix.len(), prefix[2]), (32, 64));
            assert_eq!(prefix[3] & 0x1f, 0, "reserved bits");
        }
        assert!(lab.nd().addresses().is_local(ip(RUT_B)));
    }
}

mod s_2_2_11 {
    use super::*;

    /// v6LC.2.2.11 | Default Router Switch
    #[test]
    fn default_router_switch() {
        let mut lab = Lab::host_with_router();
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
        lab.advertise(TR2, TR2_LL);
        lab.run(secs(1));
        let replies = lab.ping(TR1, TN2_GLOBAL, NUT_GLOBAL);
        let used = replies[0].to;
        let (dead, dead_ll, other) = if used == TR1.mac {
            (TR1, TR1_LL, TR2)
        } else {
            (TR2, TR2_LL, TR1)
        };
        lab.silent(dead_ll);
        lab.run(secs(50));
        // Packets keep going there until it is known to be dead, and then to the other.
        lab.ping(dead, TN2_GLOBAL, NUT_GLOBAL);
        lab.run(secs(10));
        lab.assert_reply_to(TN1, TN2_GLOBAL, other);
    }
}

mod s_2_2_12_and_13 {
    use super::*;

    /// v6LC.2.2.12 | Router Advertisement Processing, Validity -
    #[test]
    fn invalid_advertisements_make_no_router() {
        let message = || ra(64, 1_800, 0, 0, &[slla(TR1.mac)]);
        let valid = || Packet::nd(TR1_LL, ALL_NODES, message());
        let mut with_code = message();
        with_code[1] = 1;
        let mut short = ra(64, 1_800, 0, 0, &[]);
        short.truncate(14);
        let no_length = ra(64, 1_800, 0, 0, &[empty_option()]);
        for (packet, expected) in [
            (Packet::nd("2001:db8:2::a1", ALL_NODES, message()), 0),
            (valid().hop_limit(254), 0),
            (valid().bad_checksum(), 0),
            (Packet::nd(TR1_LL, ALL_NODES, with_code), 0),
            (Packet::nd(TR1_LL, ALL_NODES, short), 0),
            (Packet::nd(TR1_LL, ALL_NODES, no_length), 0),
            (valid(), 1),
        ] {
            let mut lab = Lab::host();
            lab.exchange(TR1, &packet);
            assert_eq!(lab.nd().default_routers().count(), expected, "{packet:?}");
        }
    }

    fn hop_limit_after(advertised: u8) -> u8 {
        let mut lab = Lab::host();
        let message = ra(advertised, 1_800, 0, 0, &[slla(TR1.mac)]);
        lab.exchange(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
        let replies = lab.ping(TN1, TN1_LL, NUT_LL);
        replies[0].ip().hop_limit()
    }

    /// v6LC.2.2.13a | Router Advertisement Processing, Cur Hop Limit - Unspecified
    #[test]
    fn hop_limit_unspecified() {
        assert_eq!(hop_limit_after(0), 64);
    }

    /// v6LC.2.2.13b | Router Advertisement Processing, Cur Hop Limit - Non Zero
    #[test]
    fn hop_limit_15() {
        assert_eq!(hop_limit_after(15), 15);
    }
}

mod s_2_2_17 {
    use super::*;

    /// A neighbor that was a host becomes a router by its advertisement; so an advertisement of the
    /// other kind that says that it is none is believed later.
    fn becomes_a_router(options: &[Vec<u8>], now_at: MacAddr) {
        let mut lab = Lab::host();
        lab.answers(TR1_LL, TR1, false);
        lab.make_known(TR1, TR1_LL);
        assert_eq!(is_router(&lab, TR1_LL), Some(false));
        let prefix = pio(PREFIX_B, 64, ON_LINK | AUTONOMOUS, 2_592_000, 604_800);
        let mut options = options.to_vec();
        options.push(prefix);
        lab.send(
            TR1,
            &Packet::nd(TR1_LL, ALL_NODES, ra(64, 1_800, 0, 0, &options)),
        );
        lab.run(secs(3));
        assert_eq!(is_router(&lab, TR1_LL), Some(true));
        assert_eq!(lab.ping(TR1, TN2_GLOBAL, NUT_GLOBAL)[0].to, now_at);
        let message = na(TR1_LL, SOLICITED, &[]);
        lab.exchange(TR1, &Packet::nd(TR1_LL, NUT_LL, message));
        assert!(lab.ping(TR1, TN2_GLOBAL, NUT_GLOBAL).is_empty());
    }

    /// v6LC.2.2.17a | Router Advertisement Processing, IsRouter flag - RA without Source
    #[test]
    fn without_an_option() {
        becomes_a_router(&[], TR1.mac);
    }

    /// v6LC.2.2.17b | Router Advertisement Processing, IsRouter flag - RA with same Source
    #[test]
    fn with_the_same_address() {
        becomes_a_router(&[slla(TR1.mac)], TR1.mac);
    }

    /// v6LC.2.2.17c | Router Advertisement Processing, IsRouter flag - RA with different Source
    #[test]
    fn with_another_address() {
        becomes_a_router(&[slla(OTHER_MAC)], OTHER_MAC);
    }
}

mod s_2_2_18_and_19 {
    use super::*;

    /// v6LC.2.2.18 | Next-hop Determination
    #[test]
    fn next_hop() {
        let mut lab = Lab::host_with_router();
        // On the link: to the neighbor itself. Off the link: to the router, for every destination.
        lab.assert_reply_to(TN1, TN1_GLOBAL, TN1);
        lab.assert_reply_to(TN1, TN1_LL, TN1);
        for n in 1..20 {
            let far = format!("2001:db8:77:{n}::1");
            lab.assert_reply_to(TR1, &far, TR1);
            assert!(lab.solicitations(&far).is_empty());
        }
        // The router ceases to be one: there is no next hop.
        let message = ra(64, 0, 0, 0, &[slla(TR1.mac)]);
        lab.exchange(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
        assert!(lab.ping(TR1, TN2_GLOBAL, NUT_GLOBAL).is_empty());
        lab.assert_reply_to(TN1, TN1_GLOBAL, TN1);
    }

    /// A prefix ends: its addresses are off the link then, and go through the router.
    ///
    /// v6LC.2.2.19 | Router Advertisement Processing, On-link determination
    #[test]
    fn on_link() {
        let mut lab = Lab::host_with_router();
        lab.assert_reply_to(TN1, TN1_GLOBAL, TN1);
        let far = "2001:db8:5::11";
        lab.assert_reply_to(TN1, far, TR1);
        let option = pio("2001:db8:5::", 64, ON_LINK, 20, 20);
        let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac), option]);
        lab.exchange(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
        lab.answers(far, TN1, false);
        lab.assert_reply_to(TN1, far, TN1);
        lab.run(secs(20));
        lab.assert_reply_to(TN1, far, TR1);
        // A lifetime of zero ends it at once.
        let option = pio(PREFIX_B, 64, ON_LINK | AUTONOMOUS, 0, 0);
        let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac), option]);
        lab.exchange(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
        lab.assert_reply_to(TN1, TN1_GLOBAL, TR1);
    }

    /// Nothing of this file makes a host answer what it should not.
    #[test]
    fn a_solicitation_for_another_is_ignored() {
        let mut lab = Lab::host_with_router();
        let packet = Lab::solicitation(TN1_LL, "fe80::1234:5600:99", &[slla(TN1.mac)]);
        let seen = lab.exchange(TN1, &packet);
        assert_silence(&seen);
        assert!(seen.iter().all(|it| !it.is(NA) && !it.is(NS)));
        let echo = Packet::icmp(TN3_GLOBAL, NUT_GLOBAL, echo_request(1, 8));
        assert_eq!(lab.replies(TN3, &echo).len(), 1);
    }
}
