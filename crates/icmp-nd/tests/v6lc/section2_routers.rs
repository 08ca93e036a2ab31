//! Section 2.2: routers and prefixes.

use crate::packets::{
    AUTONOMOUS, ON_LINK, Packet, SOLICITED, echo_request, empty_option, ip, na, pio, ra, rs, slla,
};
use crate::support::{
    ALL_NODES, ALL_ROUTERS, Lab, NA, NS, NUT_GLOBAL, NUT_LL, NUT_MAC, OTHER_MAC, PREFIX_B, RA, RS,
    RUT_B, Seen, TN1, TN1_GLOBAL, TN1_LL, TN2_GLOBAL, TN3, TN3_GLOBAL, TR1, TR1_LL, TR2, TR2_LL,
    assert_silence, cache, is_router, secs,
};
use icmp_nd::router::{AdvertisedPrefix, AdvertiserConfig};
use packet_buffer::wire::MacAddr;

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
