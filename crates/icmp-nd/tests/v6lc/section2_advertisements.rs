//! Sections 2.1.13 to 2.1.21: what advertisements of neighbors do to their entries.

use crate::packets::{OVERRIDE, Packet, SOLICITED, empty_option, ip, na, ns, slla, tlla};
use crate::support::{
    ALL_NODES, Lab, NA, NUT_GLOBAL, NUT_LL, TN1, TN1_LL, TN2_GLOBAL, TR1, TR1_LL, cache, group_of,
    is_router, secs,
};
use core::time::Duration;
use icmp_nd::address::ManualAddress;
use icmp_nd::neighbor::State;

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
