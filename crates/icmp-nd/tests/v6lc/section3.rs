//! Section 3: address autoconfiguration and duplicate address detection.

use crate::packets::{
    AUTONOMOUS, ON_LINK, OVERRIDE, Packet, SOLICITED, empty_option, ip, na, ns, pio, ra, slla, tlla,
};
use crate::support::{
    ALL_NODES, Lab, NA, NS, NUT_GLOBAL, NUT_LL, NUT_MAC, PREFIX_B, Seen, TN1, TN1_LL, TR1, TR1_LL,
    group_of, secs,
};
use core::time::Duration;
use icmp_nd::address::AddressState;
use icmp_nd::host::HostConfig;

const ANY: &str = "::";
const OTHER_LL: &str = "fe80::77";

/// A host that has just sent its first solicitation for its link-local address.
fn testing() -> Lab {
    testing_with(|_| {})
}

fn testing_with(change: impl FnOnce(&mut HostConfig)) -> Lab {
    let mut lab = Lab::cold_host(change);
    lab.start();
    for _ in 0..200 {
        if !lab.of(NS).is_empty() {
            return lab;
        }
        lab.run(Duration::from_millis(10));
    }
    panic!("no solicitation");
}

fn assert_assigned(lab: &mut Lab) {
    lab.run(secs(3));
    assert_eq!(lab.state(NUT_LL), Some(AddressState::Preferred));
    lab.clear();
    let request = Lab::solicitation(TN1_LL, NUT_LL, &[slla(TN1.mac)]);
    lab.exchange(TN1, &request);
    assert_eq!(lab.of(NA).len(), 1, "it answers for its address");
}

fn assert_not_assigned(lab: &mut Lab) {
    lab.run(secs(3));
    assert_eq!(lab.state(NUT_LL), None);
    lab.clear();
    let request = Lab::solicitation(TN1_LL, NUT_LL, &[slla(TN1.mac)]);
    lab.exchange(TN1, &request);
    assert!(lab.seen().is_empty(), "{:?}", lab.seen());
}

fn is_dad(seen: &Seen, target: &str) -> bool {
    seen.is(NS) && seen.ip().source().is_unspecified() && seen.target() == ip(target)
}

mod s_3_1_1 {
    use super::*;

    /// v6LC.3.1.1 | Address Autoconfiguration and Duplicate Address Detection
    #[test]
    fn autoconfiguration_and_dad() {
        for transmits in 0..=2u8 {
            let mut lab = Lab::cold_host(|config| config.nd.address.dad_transmits = transmits);
            lab.start();
            lab.run(secs(5));
            let tests: Vec<Seen> = lab
                .of(NS)
                .into_iter()
                .filter(|it| is_dad(it, NUT_LL))
                .collect();
            assert_eq!(tests.len(), usize::from(transmits));
            for test in &tests {
                assert_eq!(test.ip().destination(), ip(&group_of(NUT_LL)));
                assert_eq!(test.ip().hop_limit(), 255);
                let options = test.nd_options(24);
                assert!(
                    options.iter().all(|it| it.0 == 14),
                    "a nonce alone: {options:?}"
                );
            }
            if let [first, second] = &tests[..] {
                assert_eq!((second.at - first.at).as_millis(), 1_000);
            }
            assert_assigned(&mut lab);
        }
    }
}

mod s_3_1_2 {
    use super::*;

    /// v6LC.3.1.2 | Receiving DAD Neighbor Solicitations And Advertisements
    #[test]
    fn solicitations_and_advertisements() {
        // A: a solicitation for the same target.
        let mut lab = testing();
        lab.send(TN1, &Lab::solicitation(ANY, NUT_LL, &[]));
        assert_not_assigned(&mut lab);
        // B: a solicitation for another target.
        let mut lab = testing();
        lab.send(TN1, &Lab::solicitation(ANY, OTHER_LL, &[]));
        assert_assigned(&mut lab);
        // C: an advertisement for the same target.
        let mut lab = testing();
        let message = na(NUT_LL, OVERRIDE, &[tlla(TN1.mac)]);
        lab.send(TN1, &Packet::nd(TN1_LL, ALL_NODES, message));
        assert_not_assigned(&mut lab);
        // D: an advertisement for another target.
        let mut lab = testing();
        let message = na(OTHER_LL, OVERRIDE, &[tlla(TN1.mac)]);
        lab.send(TN1, &Packet::nd(TN1_LL, ALL_NODES, message));
        assert_assigned(&mut lab);
    }
}

mod s_3_1_3 {
    use super::*;

    fn dad(options: &[Vec<u8>]) -> Packet {
        Lab::solicitation(ANY, NUT_LL, options)
    }

    fn ignored(packet: &Packet) {
        let mut lab = testing();
        lab.send(TN1, packet);
        assert_assigned(&mut lab);
    }

    fn duplicate(packet: &Packet) {
        let mut lab = testing();
        lab.send(TN1, packet);
        assert_not_assigned(&mut lab);
    }

    /// v6LC.3.1.3 | Part A
    #[test]
    fn part_a_shorter_than_24_octets() {
        let mut message = ns(NUT_LL, &[]);
        message.truncate(23);
        ignored(&Packet::nd(ANY, &group_of(NUT_LL), message));
    }

    /// v6LC.3.1.3 | Part B
    #[test]
    fn part_b_hop_limit() {
        ignored(&dad(&[]).hop_limit(254));
    }

    /// v6LC.3.1.3 | Part C
    #[test]
    fn part_c_to_the_tentative_address() {
        ignored(&Packet::nd(ANY, NUT_LL, ns(NUT_LL, &[])));
    }

    /// v6LC.3.1.3 | Part D
    #[test]
    fn part_d_to_all_nodes() {
        ignored(&Packet::nd(ANY, ALL_NODES, ns(NUT_LL, &[])));
    }

    /// v6LC.3.1.3 | Part E
    #[test]
    fn part_e_code() {
        let mut message = ns(NUT_LL, &[]);
        message[1] = 1;
        ignored(&Packet::nd(ANY, &group_of(NUT_LL), message));
    }

    /// v6LC.3.1.3 | Part F
    #[test]
    fn part_f_checksum() {
        ignored(&dad(&[]).bad_checksum());
    }

    /// v6LC.3.1.3 | Part G
    #[test]
    fn part_g_multicast_target() {
        let group = group_of(NUT_LL);
        ignored(&Packet::nd(ANY, &group, ns(&group, &[])));
    }

    /// v6LC.3.1.3 | Part H
    #[test]
    fn part_h_source_link_layer_address() {
        ignored(&dad(&[slla(TN1.mac)]));
    }

    /// v6LC.3.1.3 | Part I
    #[test]
    fn part_i_valid_with_reserved_bits() {
        let mut message = ns(NUT_LL, &[]);
        message[4..8].copy_from_slice(&[0xff; 4]);
        duplicate(&Packet::nd(ANY, &group_of(NUT_LL), message));
    }

    /// v6LC.3.1.3 | Part J
    #[test]
    fn part_j_valid_with_target_link_layer_address() {
        duplicate(&dad(&[tlla(TN1.mac)]));
    }

    /// An option of length zero, which the list leaves out.
    #[test]
    fn option_of_length_zero() {
        ignored(&dad(&[empty_option()]));
    }
}

mod s_3_1_4 {
    use super::*;

    fn advertisement() -> Vec<u8> {
        na(NUT_LL, OVERRIDE, &[tlla(TN1.mac)])
    }

    fn to_all(message: Vec<u8>) -> Packet {
        Packet::nd(TN1_LL, ALL_NODES, message)
    }

    fn ignored(packet: &Packet) {
        let mut lab = testing();
        lab.send(TN1, packet);
        assert_assigned(&mut lab);
    }

    fn duplicate(packet: &Packet) {
        let mut lab = testing();
        lab.send(TN1, packet);
        assert_not_assigned(&mut lab);
    }

    /// v6LC.3.1.4 | Part A
    #[test]
    fn part_a_shorter_than_24_octets() {
        let mut message = advertisement();
        message.truncate(23);
        ignored(&to_all(message));
    }

    /// v6LC.3.1.4 | Part B
    #[test]
    fn part_b_hop_limit() {
        ignored(&to_all(advertisement()).hop_limit(254));
    }

    /// v6LC.3.1.4 | Part C
    #[test]
    fn part_c_code() {
        let mut message = advertisement();
        message[1] = 1;
        ignored(&to_all(message));
    }

    /// v6LC.3.1.4 | Part D
    #[test]
    fn part_d_checksum() {
        ignored(&to_all(advertisement()).bad_checksum());
    }

    /// v6LC.3.1.4 | Part E
    #[test]
    fn part_e_solicited_to_a_group() {
        ignored(&to_all(na(NUT_LL, SOLICITED | OVERRIDE, &[tlla(TN1.mac)])));
    }

    /// v6LC.3.1.4 | Part F
    #[test]
    fn part_f_multicast_target() {
        ignored(&to_all(na(&group_of(NUT_LL), OVERRIDE, &[tlla(TN1.mac)])));
    }

    /// v6LC.3.1.4 | Part G
    #[test]
    fn part_g_option_of_length_zero() {
        ignored(&to_all(na(NUT_LL, OVERRIDE, &[empty_option()])));
    }

    /// v6LC.3.1.4 | Part H
    #[test]
    fn part_h_valid_with_reserved_bits() {
        let mut message = advertisement();
        message[4] |= 0x1f;
        message[5..8].copy_from_slice(&[0xff; 3]);
        duplicate(&to_all(message));
    }

    /// The same with all flags of a router: what a host does with its own address does not depend on
    /// them.
    ///
    /// v6LC.3.1.4 | Host Part H
    #[test]
    fn host_part_h_valid_with_reserved_bits_and_router_flag() {
        let mut message = advertisement();
        message[4] |= 0x9f;
        duplicate(&to_all(message));
    }

    /// v6LC.3.1.4 | Part I
    #[test]
    fn part_i_valid_with_source_link_layer_address() {
        duplicate(&to_all(na(NUT_LL, OVERRIDE, &[slla(TN1.mac)])));
    }
}

mod s_3_1_5 {
    use super::*;

    fn resolving(destination: &str) {
        let mut lab = testing();
        lab.clear();
        let message = ns(NUT_LL, &[slla(TN1.mac)]);
        let packet = Packet::nd(TN1_LL, destination, message);
        lab.send_to(NUT_MAC, TN1, &packet);
        lab.run(Duration::from_millis(500));
        assert!(lab.of(NA).is_empty());
        assert_eq!(lab.state(NUT_LL), Some(AddressState::Tentative));
        assert_assigned(&mut lab);
    }

    /// v6LC.3.1.5 | Part A
    #[test]
    fn part_a_a_resolver_by_multicast() {
        resolving(&group_of(NUT_LL));
    }

    /// v6LC.3.1.5 | Part B
    #[test]
    fn part_b_a_resolver_by_unicast() {
        resolving(NUT_LL);
    }
}

/// TR1 advertises a prefix: length, flags and lifetimes.
fn advertise(lab: &mut Lab, prefix: &str, length: u8, flags: u8, valid: u32, preferred: u32) {
    let option = pio(prefix, length, flags, valid, preferred);
    let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac), option]);
    lab.send(TR1, &Packet::nd(TR1_LL, ALL_NODES, message));
    lab.run(Duration::from_millis(10));
}

mod s_3_2_1 {
    use super::*;

    /// Site-local prefixes are as good as any since RFC 3879 took their meaning away.
    ///
    /// v6LC.3.2.1 | Global Autoconfiguration and DAD
    #[test]
    fn global_autoconfiguration_and_dad() {
        for (prefix, address) in [
            (PREFIX_B, NUT_GLOBAL),
            ("8000::", "8000::ff:fe00:99"),
            ("fec0::", "fec0::ff:fe00:99"),
        ] {
            let mut lab = Lab::host();
            advertise(
                &mut lab,
                prefix,
                64,
                ON_LINK | AUTONOMOUS,
                2_592_000,
                604_800,
            );
            assert_eq!(lab.state(address), Some(AddressState::Tentative));
            lab.run(secs(3));
            let seen = lab.seen();
            assert_eq!(seen.iter().filter(|it| is_dad(it, address)).count(), 1);
            assert_eq!(lab.state(address), Some(AddressState::Preferred));
            lab.clear();
            let request = Lab::solicitation(TN1_LL, address, &[slla(TN1.mac)]);
            lab.exchange(TN1, &request);
            assert_eq!(lab.of(NA).len(), 1);
            // And a duplicate of it.
            let mut lab = Lab::host();
            advertise(
                &mut lab,
                prefix,
                64,
                ON_LINK | AUTONOMOUS,
                2_592_000,
                604_800,
            );
            lab.send(TN1, &Lab::solicitation(ANY, address, &[]));
            lab.run(secs(3));
            assert_eq!(lab.state(address), None);
            lab.assert_alive();
        }
    }

    /// Address lifetime expiry (test 3.2.2, which the list leaves out).
    #[test]
    fn lifetimes_end() {
        let mut lab = Lab::host();
        advertise(&mut lab, PREFIX_B, 64, ON_LINK | AUTONOMOUS, 30, 20);
        lab.run(secs(15));
        assert_eq!(lab.state(NUT_GLOBAL), Some(AddressState::Preferred));
        lab.run(secs(10));
        assert_eq!(lab.state(NUT_GLOBAL), Some(AddressState::Deprecated));
        lab.clear();
        lab.exchange(
            TN1,
            &Lab::solicitation(TN1_LL, NUT_GLOBAL, &[slla(TN1.mac)]),
        );
        assert_eq!(
            lab.of(NA).len(),
            1,
            "deprecated addresses are still answered for"
        );
        lab.run(secs(10));
        lab.clear();
        lab.exchange(
            TN1,
            &Lab::solicitation(TN1_LL, NUT_GLOBAL, &[slla(TN1.mac)]),
        );
        assert!(lab.of(NA).is_empty());
    }
}

mod s_3_2_3 {
    use super::*;

    /// v6LC.3.2.3 | Multiple Prefixes and Network Renumbering HOST ONLY
    #[test]
    fn renumbering() {
        let mut lab = Lab::host();
        let (old, new) = ("2001:db8:2::ff:fe00:99", "2001:db8:3::ff:fe00:99");
        advertise(&mut lab, "2001:db8:2::", 64, ON_LINK | AUTONOMOUS, 35, 30);
        lab.run(secs(3));
        assert_eq!(lab.state(old), Some(AddressState::Preferred));
        advertise(&mut lab, "2001:db8:3::", 64, ON_LINK | AUTONOMOUS, 600, 300);
        lab.run(secs(3));
        for address in [old, new] {
            lab.clear();
            lab.exchange(TN1, &Lab::solicitation(TN1_LL, address, &[slla(TN1.mac)]));
            assert_eq!(lab.of(NA).len(), 1);
        }
        // Again and again, and the old one is not: it ends, the new one lasts.
        for _ in 0..4 {
            advertise(&mut lab, "2001:db8:3::", 64, ON_LINK | AUTONOMOUS, 600, 300);
            lab.run(secs(10));
        }
        assert_eq!(lab.state(old), None);
        assert_eq!(lab.state(new), Some(AddressState::Preferred));
        lab.clear();
        lab.exchange(TN1, &Lab::solicitation(TN1_LL, old, &[slla(TN1.mac)]));
        assert!(lab.of(NA).is_empty());
    }
}

mod s_3_2_4 {
    use super::*;

    fn addresses(prefix: &str, length: u8, flags: u8, valid: u32, preferred: u32) -> usize {
        let mut lab = Lab::host();
        advertise(&mut lab, prefix, length, flags, valid, preferred);
        lab.run(secs(3));
        lab.nd().addresses().iter().count() - 1
    }

    /// v6LC.3.2.4 | Prefix Information Option Processing HOST ONLY
    #[test]
    fn prefix_information() {
        let all = ON_LINK | AUTONOMOUS;
        assert_eq!(addresses(PREFIX_B, 64, all, 600, 300), 1, "valid");
        assert_eq!(
            addresses(PREFIX_B, 64, ON_LINK, 600, 300),
            0,
            "not autonomous"
        );
        assert_eq!(addresses("fe80::", 64, all, 600, 300), 0, "link-local");
        assert_eq!(
            addresses(PREFIX_B, 64, all, 300, 600),
            0,
            "preferred exceeds valid"
        );
        assert_eq!(addresses(PREFIX_B, 129, all, 600, 300), 0, "above 128");
        assert_eq!(addresses(PREFIX_B, 63, all, 600, 300), 0, "below 64");
        assert_eq!(
            addresses(PREFIX_B, 96, all, 600, 300),
            0,
            "between 64 and 128"
        );
        assert_eq!(addresses(PREFIX_B, 64, all, 0, 0), 0, "no lifetime");
        assert_eq!(
            addresses(PREFIX_B, 64, AUTONOMOUS, 600, 300),
            1,
            "not on the link"
        );
        assert_eq!(
            addresses(PREFIX_B, 64, all, u32::MAX, u32::MAX),
            1,
            "for ever"
        );
        assert_eq!(
            addresses(PREFIX_B, 64, all, 600, 0),
            1,
            "deprecated at once"
        );
        let mut lab = Lab::host();
        let option = pio(PREFIX_B, 64, all, 600, 300);
        let message = ra(64, 1_800, 0, 0, &[slla(TR1.mac), option]);
        lab.send(TR1, &Packet::nd(TR1_LL, ALL_NODES, message).hop_limit(254));
        lab.run(secs(3));
        assert_eq!(lab.state(NUT_GLOBAL), None, "hop limit 254");
    }

    /// v6LC.3.2.4 | Prefix Information Option Processing Lifetime HOST ONLY
    #[test]
    fn prefix_lifetimes() {
        // Remaining, received, and what is left a moment later.
        for (remaining, received, expected) in [
            (600, 1_200, 1_200),
            (10_000, 8_000, 8_000),
            (5_000, 1_000, 5_000),
            (10_000, 1_000, 7_200),
            (7_300, u32::MAX, u32::MAX),
        ] {
            let mut lab = Lab::host();
            advertise(&mut lab, PREFIX_B, 64, ON_LINK | AUTONOMOUS, remaining, 10);
            let before = lab.now();
            advertise(&mut lab, PREFIX_B, 64, ON_LINK | AUTONOMOUS, received, 10);
            let entry = lab.nd().addresses().get(ip(NUT_GLOBAL)).unwrap();
            let left = entry.valid_until().map(|it| (it - before).as_secs());
            let expected = (expected != u32::MAX).then_some(u64::from(expected));
            match (left, expected) {
                (Some(left), Some(expected)) => assert!(left.abs_diff(expected) <= 1, "{left}"),
                (left, expected) => assert_eq!(left, expected),
            }
        }
    }
}
