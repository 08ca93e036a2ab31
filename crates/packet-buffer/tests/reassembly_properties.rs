//! What goes through the fragmenters comes out of the reassembler, in any order; and what comes out
//! is what went in, whatever goes in.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "reassembly_support/mod.rs"]
mod support;

use packet_buffer::PacketBuf;
use packet_buffer::fragment::{
    FirstFragmentPolicy, Ipv4Fragmenter, Ipv6Fragmenter, ReassemblerConfig, Reassembly,
};
use packet_buffer::wire::{HeaderOptions, IpPacket, IpProtocol, Ipv4Repr, Ipv6Packet, Ipv6Repr};
use proptest::prelude::*;
use support::*;

fn split4(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let packet = read4(packet).unwrap();
    let mut fragmenter = Ipv4Fragmenter::new(&packet, mtu).unwrap();
    let mut out = PacketBuf::new();
    core::iter::from_fn(|| {
        fragmenter
            .next_fragment(&mut out)
            .then(|| out.as_slice().to_vec())
    })
    .collect()
}

fn split6(packet: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let packet = Ipv6Packet::parse(packet).unwrap();
    let mut fragmenter = Ipv6Fragmenter::new(&packet, mtu, 77).unwrap();
    let mut out = PacketBuf::new();
    core::iter::from_fn(|| {
        fragmenter
            .next_fragment(&mut out)
            .then(|| out.as_slice().to_vec())
    })
    .collect()
}

fn lenient() -> Bench {
    Bench::with(ReassemblerConfig {
        max_fragments: 8_192,
        max_octets: 16 << 20,
        max_octets_per_source: 16 << 20,
        first_fragment: FirstFragmentPolicy::OFF,
        ..ReassemblerConfig::default()
    })
}

/// Puts fragments together in the order of `order`, each up to twice while others are missing.
fn reassemble(fragments: &[Vec<u8>], order: &[(u32, bool)]) -> Option<Vec<u8>> {
    let key = |i: usize| order[i % order.len()].0.wrapping_mul(i as u32 + 1);
    let mut shuffled: Vec<usize> = (0..fragments.len()).collect();
    shuffled.sort_by_key(|&i| key(i));
    let mut bench = lenient();
    for (n, &i) in shuffled.iter().enumerate() {
        let result = bench.insert(&fragments[i]).unwrap();
        if n + 1 == fragments.len() {
            return match result {
                Reassembly::Complete | Reassembly::NotAFragment => {
                    let whole = bench.out.as_slice();
                    Some(
                        if whole.is_empty() {
                            &fragments[i]
                        } else {
                            whole
                        }
                        .to_vec(),
                    )
                }
                _ => None,
            };
        }
        assert_eq!(result, Reassembly::Incomplete);
        if order[i % order.len()].1 {
            bench.refuse(&fragments[i]);
        }
    }
    None
}

fn order() -> impl Strategy<Value = Vec<(u32, bool)>> {
    proptest::collection::vec((any::<u32>(), any::<bool>()), 1..40)
}

proptest! {
    #[test]
    fn ipv4_packets_survive(
        length in 0usize..9_000,
        options in proptest::collection::vec(any::<u8>(), 0..=36),
        mtu in 68usize..3_000,
        second_mtu in 68usize..1_500,
        order in order(),
    ) {
        // One copied option of any length, in front of one that is not copied.
        let mut list = vec![148, options.len() as u8 + 2];
        list.extend(&options);
        list.extend(&[7, 2][..(40 - list.len()).min(2)]);
        let header = Ipv4Repr {
            options: HeaderOptions::from_slice(&list).unwrap(),
            ..header4()
        };
        let packet = packet4(header, &pattern(length));
        let fragments = split4(&packet, mtu);
        prop_assert_eq!(reassemble(&fragments, &order), Some(packet.clone()));
        // A second link on the way splits fragments again.
        let again: Vec<_> = fragments.iter().flat_map(|one| split4(one, second_mtu)).collect();
        prop_assert_eq!(reassemble(&again, &order), Some(packet));
    }

    #[test]
    fn ipv6_packets_survive(
        length in 8usize..9_000,
        options in 0usize..60,
        mtu in 1_280usize..3_000,
        order in order(),
    ) {
        let mut packet = PacketBuf::from(&pattern(length)[..]);
        let extension = packet.prepend(8 * options);
        let mut next_header = IpProtocol::UDP;
        if let [next, length, ..] = extension {
            *next = IpProtocol::UDP.0;
            *length = options as u8 - 1;
            next_header = IpProtocol::HOP_BY_HOP;
        }
        Ipv6Repr::new(A6, B6, next_header).emit(&mut packet).unwrap();
        let fragments = split6(packet.as_slice(), mtu);
        prop_assert_eq!(reassemble(&fragments, &order), Some(packet.as_slice().to_vec()));
    }

    /// Fragments of any offset and content: what is put together agrees with every fragment that
    /// was accepted for it.
    #[test]
    fn nothing_is_made_up(
        fragments in proptest::collection::vec(
            (any::<bool>(), 0u16..6, any::<bool>(), 1usize..24, 0u8..2), 1..60),
    ) {
        let mut bench = lenient();
        let mut accepted: [Vec<(usize, Vec<u8>)>; 2] = Default::default();
        for (is_v6, unit, more, length, content) in fragments {
            let offset = unit * 8;
            let length = if more { length.next_multiple_of(8) } else { length };
            let payload: Vec<u8> = pattern(64)[usize::from(offset)..]
                .iter()
                .map(|octet| octet ^ content)
                .take(length)
                .collect();
            let packet = if is_v6 {
                fragment6(1, offset, more, &payload)
            } else {
                fragment4(offset, more, &payload)
            };
            let held = &mut accepted[usize::from(is_v6)];
            let result = bench.insert(&packet);
            if matches!(result, Ok(Reassembly::Incomplete | Reassembly::Complete)) {
                held.push((usize::from(offset), payload));
            }
            match result {
                Ok(Reassembly::Complete) => {
                    let whole = IpPacket::parse(bench.out.as_slice()).unwrap();
                    let whole = match &whole {
                        IpPacket::V4(packet) => packet.payload(),
                        IpPacket::V6(packet) => packet.payload(),
                    };
                    let mut covered = 0;
                    for (offset, payload) in held.drain(..) {
                        prop_assert_eq!(&whole[offset..offset + payload.len()], &payload[..]);
                        covered += payload.len();
                    }
                    prop_assert_eq!(covered, whole.len());
                }
                Ok(Reassembly::Abandoned(_)) => held.clear(),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Any octets that parse as a packet are taken without a panic.
    #[test]
    fn any_packet_is_taken(
        mut octets in proptest::collection::vec(any::<u8>(), 20..120),
        version in 0u8..2,
    ) {
        let length = octets.len();
        if version == 0 {
            octets[0] = 0x45;
            octets[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        } else if length >= 48 {
            octets[0] = 0x60;
            octets[4..6].copy_from_slice(&(length as u16 - 40).to_be_bytes());
            octets[6] = [0, 43, 44, 60][usize::from(octets[6] % 4)];
            octets[40] = [44, 60, 6][usize::from(octets[40] % 3)];
            octets[41] %= 4;
        }
        if let Ok(packet) = IpPacket::parse(&octets) {
            let mut bench = Bench::new();
            let before = bench.out.clone();
            let result = bench.reassembler.insert(bench.now, 0, &packet, &mut bench.out);
            let written = matches!(result, Ok(Reassembly::Complete | Reassembly::Atomic));
            prop_assert!(written || bench.out == before);
            let held = bench.reassembler.octets();
            prop_assert_eq!(held > 0, result == Ok(Reassembly::Incomplete));
        }
    }
}
