//! N14: fragments (RFC 4787 §11), one by one and put together; and identifications (RFC 7857 §11).

use crate::support::*;
use nat::{DropReason, Fragments, Nat, PacketBuf, Profile, Verdict, VirtualReassembly};
use packet_buffer::fragment::{
    FirstFragmentPolicy, FragmentDiscard, Ipv4Fragmenter, Reassembler, ReassemblerConfig,
    Reassembly,
};
use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr};
use std::collections::HashSet;

/// A datagram of 4,000 octets that may be fragmented.
fn datagram(identification: u16) -> PacketBuf {
    let data: Vec<u8> = (0..4_000).map(|n| (n % 251) as u8).collect();
    let packet = udp_with(end(A, 5_000), end(SERVER, 53), &data);
    with_identification(&packet, identification)
}

/// The same packet, which may be fragmented, with an identification.
fn with_identification(packet: &PacketBuf, identification: u16) -> PacketBuf {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let header = Ipv4Repr {
        identification,
        dont_fragment: false,
        ..ip.to_repr()
    };
    let mut packet = PacketBuf::from_slice(64, ip.payload());
    header.emit(&mut packet).unwrap();
    packet
}

fn cut(packet: &PacketBuf, mtu: usize) -> Vec<PacketBuf> {
    let ip = Ipv4Packet::parse(packet.as_slice()).unwrap();
    let mut fragmenter = Ipv4Fragmenter::new(&ip, mtu).unwrap();
    let mut all = Vec::new();
    let mut piece = PacketBuf::new();
    while fragmenter.next_fragment(&mut piece) {
        all.push(piece.clone());
    }
    all
}

/// Puts packets through; returns all that comes out, in order.
fn through(nat: &mut Nat, packets: impl IntoIterator<Item = PacketBuf>) -> Vec<PacketBuf> {
    let mut out = Vec::new();
    for mut packet in packets {
        match nat.process(at(0), Inside, &mut packet) {
            Verdict::Forward { hairpin: false } => out.push(packet),
            Verdict::Held => {}
            other => panic!("{other:?}"),
        }
        for (transmit, packet) in transmits(nat) {
            assert_eq!((transmit.to, transmit.is_forwarded), (Outside, true));
            out.push(packet);
        }
    }
    out
}

fn together(fragments: &[PacketBuf]) -> PacketBuf {
    let config = ReassemblerConfig {
        first_fragment: FirstFragmentPolicy::OFF,
        ..ReassemblerConfig::default()
    };
    let mut reassembler = Reassembler::new(config).unwrap();
    let mut whole = PacketBuf::new();
    for (n, fragment) in fragments.iter().enumerate() {
        let ip = IpPacket::parse(fragment.as_slice()).unwrap();
        let result = reassembler.insert(at(0), 0, &ip, &mut whole).unwrap();
        let is_last = n + 1 == fragments.len();
        assert_eq!(result == Reassembly::Complete, is_last);
    }
    whole
}

fn full(mut config: nat::NatConfig) -> nat::NatConfig {
    config.fragments = Fragments::Full(ReassemblerConfig::default());
    config
}

// RFC 4787 §11 MUST (req-14): in order and out of order.
#[test]
fn n14_fragments_in_any_order() {
    for config in [config(Profile::Rfc), full(config(Profile::Rfc))] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1], [0, 2, 1]] {
            let mut nat = nat(config.clone());
            let fragments = cut(&datagram(77), 1_500);
            assert_eq!(fragments.len(), 3);
            let out = through(&mut nat, order.map(|n| fragments[n].clone()));
            assert_eq!(out.len(), 3, "{order:?}");
            let whole = together(&out);
            let seen = ends(&whole);
            assert_eq!((*seen.from.ip(), seen.to), (EXTERNAL, end(SERVER, 53)));
            let sent = datagram(77);
            assert_eq!(whole.as_slice()[28..], sent.as_slice()[28..]);
            assert_eq!(nat.session_count(), 1);
        }
    }
}

#[test]
fn n14_answers_in_fragments() {
    let mut nat = simple(Profile::Rfc);
    let outside = map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    let answer = with_identification(&udp_with(end(SERVER, 53), outside, &[5; 3_000]), 9);
    let mut fragments = cut(&answer, 1_500);
    fragments.reverse();
    let mut out = Vec::new();
    for mut fragment in fragments {
        match nat.process(at(0), Outside, &mut fragment) {
            Verdict::Forward { hairpin: false } => out.push(fragment),
            Verdict::Held => {}
            other => panic!("{other:?}"),
        }
    }
    out.extend(transmits(&mut nat).into_iter().map(|(transmit, packet)| {
        assert_eq!(transmit.to, Inside);
        packet
    }));
    assert_eq!(ends(&together(&out)).to, end(A, 5_000));
}

// RFC 4787 §11 MUST (req-14-b): what waits for a first fragment is bounded.
// RFC 4787 §11 MUST (req-14-a): what waits for a first fragment is bounded, and whole packets pass.
#[test]
fn n14_a_flood_of_fragments_stays_bounded() {
    let limits = VirtualReassembly {
        max_packets: 50,
        max_packets_per_source: 10,
        max_octets: 20_000,
        ..VirtualReassembly::default()
    };
    let mut config = config(Profile::Rfc);
    config.fragments = Fragments::Virtual(limits);
    let mut nat = nat(config);
    let later = cut(&datagram(0), 1_500).remove(1);
    let mut held = 0;
    for n in 0..2_000u16 {
        // Twenty sources, and a packet of each that has no first fragment.
        let ip = Ipv4Packet::parse(later.as_slice()).unwrap();
        let header = Ipv4Repr {
            source: [10, 0, 1, (n % 20) as u8].into(),
            identification: n,
            ..ip.to_repr()
        };
        let mut packet = PacketBuf::from_slice(64, ip.payload());
        header.emit(&mut packet).unwrap();
        match nat.process(at(0), Inside, &mut packet) {
            Verdict::Held => held += 1,
            Verdict::Drop(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(held * later.len() <= 20_000, "{held}");
    map(&mut nat, at(0), end(A, 5_000), end(SERVER, 53));
    assert_eq!(nat.session_count(), 1);
    // When their time is over, there is room again.
    run_until(&mut nat, at(31));
    let out = through(&mut nat, cut(&datagram(1), 1_500).into_iter().rev());
    assert_eq!(out.len(), 3);
}

#[test]
fn a_packet_that_is_dropped_takes_its_fragments_along() {
    let mut config = config(Profile::Rfc);
    config.rules.clear();
    let mut nat = nat(config);
    let mut fragments = cut(&datagram(7), 1_500);
    assert_eq!(nat.process(at(0), Inside, &mut fragments[2]), Verdict::Held);
    let first = fragments[0].clone();
    assert_eq!(drop_of(&mut nat, at(0), Inside, first), DropReason::NoRule);
    let middle = fragments[1].clone();
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, middle),
        DropReason::Fragments
    );
    assert!(transmits(&mut nat).is_empty());
}

/// C3.6: overlaps, doubles, tiny first fragments, too many, beyond the end.
#[test]
fn c6_hostile_fragments() {
    let mut nat = simple(Profile::Rfc);
    let fragments = cut(&datagram(7), 1_500);
    pass_packet(&mut nat, at(0), Inside, fragments[0].clone());
    let double = fragments[0].clone();
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, double),
        DropReason::Fragment(FragmentDiscard::Duplicate)
    );
    // Overlaps the first: the whole packet is given up.
    let overlapping = cut(&datagram(7), 1_200).remove(1);
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, overlapping),
        DropReason::Fragments
    );
    let honest = fragments[1].clone();
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, honest),
        DropReason::Fragments
    );

    // A first fragment that ends within the TCP header, and a second that writes over it.
    let segment = with_identification(
        &tcp_with(end(A, 5_000), end(SERVER, 80), "S", 1, 0, &[0; 64]),
        8,
    );
    let pieces = cut(&segment, 28);
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, pieces[0].clone()),
        DropReason::Malformed
    );
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, pieces[1].clone()),
        DropReason::Fragment(FragmentDiscard::WithinTcpHeader)
    );

    // Longer than any packet.
    let mut last = fragments[2].clone();
    last.as_mut_slice()[6..8].copy_from_slice(&0x1fff_u16.to_be_bytes());
    fix_header(&mut last);
    assert!(matches!(
        drop_of(&mut nat, at(0), Inside, last),
        DropReason::Fragment(FragmentDiscard::TooLong { .. })
    ));

    // More pieces than are followed.
    let many = cut(&datagram(9), 68);
    let mut dropped = 0;
    for mut piece in many {
        if let Verdict::Drop(DropReason::Fragments) = nat.process(at(0), Inside, &mut piece) {
            dropped += 1;
        }
    }
    assert!(dropped > 0);
}

fn fix_header(packet: &mut PacketBuf) {
    let octets = packet.as_mut_slice();
    octets[10..12].fill(0);
    let checksum = packet_buffer::checksum::internet_checksum(&octets[..20]);
    octets[10..12].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn errors_in_fragments_are_not_trusted() {
    let mut nat = simple(Profile::Rfc);
    let query = udp_with(end(A, 5_000), end(SERVER, 53), &[7; 400]);
    let sent = pass_packet(&mut nat, at(0), Inside, query);
    let error = with_identification(&unreachable(OTHER, &sent, 300), 5);
    let first = cut(&error, 200).remove(0);
    assert_eq!(
        drop_of(&mut nat, at(0), Outside, first),
        DropReason::Fragments
    );
}

#[test]
fn cloud_gateway_takes_fragments_of_udp_alone() {
    let mut nat = simple(Profile::CloudGateway);
    assert_eq!(through(&mut nat, cut(&datagram(1), 1_500)).len(), 3);
    let ping = with_identification(&icmp_of_size(2_000), 2);
    let first = cut(&ping, 1_500).remove(0);
    assert_eq!(
        drop_of(&mut nat, at(0), Inside, first),
        DropReason::Fragments
    );
}

fn icmp_of_size(octets: usize) -> PacketBuf {
    let request = packet_buffer::wire::Icmpv4Repr::EchoRequest {
        identifier: 7,
        sequence_number: 1,
    };
    icmp(A, SERVER, request, &vec![0; octets])
}

#[test]
fn put_together_packets_are_cut_to_the_largest_size_that_came() {
    let mut nat = simple(Profile::LinuxCompat);
    for mtu in [576, 1_000, 1_500] {
        let out = through(&mut nat, cut(&datagram(mtu as u16), mtu).into_iter().rev());
        let sizes: Vec<usize> = out.iter().map(PacketBuf::len).collect();
        let expected: Vec<usize> = cut(&datagram(0), mtu).iter().map(PacketBuf::len).collect();
        assert_eq!(sizes, expected);
        together(&out);
    }
    // Also where the first fragment ends within its transport header.
    let segment = tcp_with(end(A, 5_000), end(SERVER, 80), "S", 1, 0, &[0; 64]);
    let out = through(&mut nat, cut(&with_identification(&segment, 8), 28));
    assert_eq!(out.len(), 11);
    together(&out);
    // For the router itself, the whole packet is handed back.
    let mut config = config(Profile::LinuxCompat);
    config.local.push(SERVER);
    let mut nat = crate::support::nat(config);
    let mut verdicts = Vec::new();
    for mut fragment in cut(&datagram(7), 1_500) {
        verdicts.push((nat.process(at(0), Inside, &mut fragment), fragment.len()));
    }
    assert_eq!(verdicts[2], (Verdict::Local, 4_028));
}

// RFC 7857 §11 SHOULD: identifications of several hosts do not meet in one address.
#[test]
fn n31_identifications_do_not_meet() {
    let mut nat = simple(Profile::Rfc);
    let mut seen = HashSet::new();
    for host in 0..100u8 {
        let packet = udp_with(
            end([10, 0, 1, host].into(), 5_000),
            end(SERVER, 53),
            &[1; 3_000],
        );
        let fragments = cut(&with_identification(&packet, 4_242), 1_500);
        let out = through(&mut nat, fragments);
        let numbers: HashSet<u16> = out
            .iter()
            .map(|packet| {
                Ipv4Packet::parse(packet.as_slice())
                    .unwrap()
                    .identification()
            })
            .collect();
        assert_eq!(numbers.len(), 1, "all fragments of a packet have one");
        assert!(
            seen.insert(numbers.into_iter().next()),
            "another packet has another"
        );
        together(&out);
    }
    // A packet that must not be fragmented keeps its own (RFC 6864 §4.1).
    let mut packet = udp(end(A, 5_000), end(SERVER, 53));
    let before = Ipv4Packet::parse(packet.as_slice())
        .unwrap()
        .identification();
    assert!(
        Ipv4Packet::parse(packet.as_slice())
            .unwrap()
            .dont_fragment()
    );
    packet = pass_packet(&mut nat, at(0), Inside, packet);
    let after = Ipv4Packet::parse(packet.as_slice())
        .unwrap()
        .identification();
    assert_eq!(before, after);
    assert_eq!(
        Ipv4Packet::parse(packet.as_slice()).unwrap().protocol(),
        IpProtocol::UDP
    );
}
