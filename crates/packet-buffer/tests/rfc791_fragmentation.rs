//! Fragmentation and reassembly over IPv4: RFC 791 §3.2, RFC 1122 §3.3.2, RFC 6864.

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

use core::time::Duration;
use packet_buffer::PacketBuf;
use packet_buffer::fragment::{
    AbandonReason, FragmentDiscard, FragmentError, Ipv4Fragmenter, Ipv4Identifications,
    ReassemblerConfig, Reassembly, ReassemblyEvent,
};
use packet_buffer::wire::{HeaderOptions, IpProtocol, Ipv4Packet, Ipv4Repr};
use support::*;

/// All fragments of a packet.
fn split(packet: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let packet = read4(packet).unwrap();
    let mut fragmenter = Ipv4Fragmenter::new(&packet, mtu)?;
    let mut out = PacketBuf::with_headroom(14);
    let mut fragments = vec![];
    while fragmenter.next_fragment(&mut out) {
        assert!(out.len() <= mtu);
        assert_eq!(out.headroom(), 14);
        read4(out.as_slice()).unwrap();
        fragments.push(out.as_slice().to_vec());
    }
    assert!(!fragmenter.next_fragment(&mut out));
    Ok(fragments)
}

/// Offset, "more fragments" and payload octets of each.
fn layout(fragments: &[Vec<u8>]) -> Vec<(u16, bool, usize)> {
    let of = |octets: &Vec<u8>| {
        let packet = read4(octets).unwrap();
        (
            packet.fragment_offset(),
            packet.more_fragments(),
            packet.payload().len(),
        )
    };
    fragments.iter().map(of).collect()
}

mod section_3_2_fragmentation {
    use super::*;

    // RFC 791 §3.2 MUST (units): cuts are at multiples of eight octets.
    // RFC 791 §3.2 MUST (more): all but the last say that more follow.
    #[test]
    fn a_packet_of_472_octets_over_a_link_of_280() {
        // The packet of RFC 791 appendix A, example 2 and 3: 452 octets of data.
        let packet = packet4(header4(), &pattern(452));
        let fragments = split(&packet, 280).unwrap();
        assert_eq!(layout(&fragments), [(0, true, 256), (256, false, 196)]);
        for fragment in &fragments {
            let fragment = read4(fragment).unwrap();
            let expected = header4();
            assert_eq!(fragment.identification(), expected.identification);
            assert_eq!(fragment.time_to_live(), expected.time_to_live);
            assert_eq!((fragment.source(), fragment.destination()), (A4, B4));
            assert_eq!(fragment.protocol(), IpProtocol::UDP);
        }
    }

    #[test]
    fn the_last_fragment_fills_the_mtu_to_the_octet() {
        let packet = packet4(header4(), &pattern(256 + 263));
        assert_eq!(
            layout(&split(&packet, 283).unwrap()),
            [(0, true, 256), (256, false, 263)]
        );
        let packet = packet4(header4(), &pattern(256 + 264));
        assert_eq!(
            layout(&split(&packet, 283).unwrap()),
            [(0, true, 256), (256, true, 256), (512, false, 8)]
        );
    }

    #[test]
    fn a_packet_that_fits_is_left_alone() {
        let header = Ipv4Repr {
            dont_fragment: true,
            ..header4()
        };
        let packet = packet4(header, &pattern(80));
        assert_eq!(split(&packet, 100).unwrap(), [packet]);
    }

    // RFC 791 §3.2 MUST (more): the last part of a fragment that is split says what the fragment
    // said.
    #[test]
    fn a_fragment_is_split_again() {
        let middle = fragment4(800, true, &pattern(320));
        assert_eq!(
            layout(&split(&middle, 148).unwrap()),
            [(800, true, 128), (928, true, 128), (1056, true, 64)]
        );
        let last = fragment4(800, false, &pattern(301));
        assert_eq!(
            layout(&split(&last, 220).unwrap()),
            [(800, true, 200), (1000, false, 101)]
        );
    }

    // RFC 791 §3.2 MUST (copied): later fragments carry the options with the copied flag only.
    #[test]
    fn options_that_are_not_copied_stay_in_the_first() {
        // Record route (not copied), no operation, router alert (copied), end of list.
        let options = [7, 7, 4, 192, 0, 2, 9, 1, 148, 4, 0, 0, 0, 0, 0, 0];
        let header = Ipv4Repr {
            options: HeaderOptions::from_slice(&options).unwrap(),
            ..header4()
        };
        let fragments = split(&packet4(header, &pattern(300)), 100).unwrap();
        assert_eq!(
            layout(&fragments),
            [
                (0, true, 64),
                (64, true, 72),
                (136, true, 72),
                (208, true, 72),
                (280, false, 20)
            ]
        );
        assert_eq!(read4(&fragments[0]).unwrap().options().as_slice(), options);
        for fragment in &fragments[1..] {
            assert_eq!(
                read4(fragment).unwrap().options().as_slice(),
                [148, 4, 0, 0]
            );
        }
        let mut bench = Bench::new();
        assert_eq!(bench.assemble(&fragments), packet4(header, &pattern(300)));
    }

    #[test]
    fn copied_options_are_padded() {
        // Nine octets of a copied option, after one that is not copied.
        let options = [68, 4, 5, 0, 0x88 | 0x80, 9, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0];
        let header = Ipv4Repr {
            options: HeaderOptions::from_slice(&options).unwrap(),
            ..header4()
        };
        let fragments = split(&packet4(header, &pattern(200)), 100).unwrap();
        let later = read4(&fragments[1]).unwrap();
        assert_eq!(later.header_len(), 32);
        assert_eq!(
            later.options().as_slice(),
            [0x88, 9, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0]
        );
    }

    // RFC 6864 §4.3 MUST NOT (df): a packet marked "don't fragment" is not fragmented.
    #[test]
    fn dont_fragment_is_obeyed_and_says_the_mtu() {
        let header = Ipv4Repr {
            dont_fragment: true,
            ..header4()
        };
        let error = split(&packet4(header, &pattern(1481)), 1500).unwrap_err();
        assert_eq!(error, FragmentError::DontFragment { mtu: 1500 });
        assert_eq!(error.next_hop_mtu(), Some(1500));
    }

    // RFC 6864 §4.3 MUST NOT (clear-df): the mark is not taken off a packet that fits.
    #[test]
    fn dont_fragment_stays() {
        let header = Ipv4Repr {
            dont_fragment: true,
            ..header4()
        };
        let fragments = split(&packet4(header, &pattern(1480)), 1500).unwrap();
        assert!(read4(&fragments[0]).unwrap().dont_fragment());
    }

    // RFC 791 §3.2 MUST (68): a module forwards packets of 68 octets without fragmenting them
    // further: over a link of 68, the longest header and eight octets fit.
    #[test]
    fn the_least_mtu_fits_the_longest_header() {
        let options = HeaderOptions::from_slice(&[1; 40]).unwrap();
        let header = Ipv4Repr {
            options,
            ..header4()
        };
        let packet = packet4(header, &pattern(64));
        assert_eq!(layout(&split(&packet, 68).unwrap())[0], (0, true, 8));
        let error = split(&packet, 67).unwrap_err();
        assert_eq!(
            error,
            FragmentError::MtuTooSmall {
                mtu: 67,
                minimum: 68
            }
        );
        assert_eq!(error.next_hop_mtu(), None);
    }

    #[test]
    fn fragments_with_impossible_lengths_are_not_split() {
        let unaligned = fragment4(0, true, &pattern(301));
        assert!(matches!(
            split(&unaligned, 100),
            Err(FragmentError::Malformed(_))
        ));
        let too_far = fragment4(65_528, false, &pattern(301));
        assert!(matches!(
            split(&too_far, 100),
            Err(FragmentError::Malformed(_))
        ));
    }
}

mod section_3_2_reassembly {
    use super::*;

    // RFC 791 §3.2 MUST (whole): the header of the first fragment, a new total length, no flags.
    #[test]
    fn the_header_is_that_of_the_first_fragment() {
        let payload = pattern(64);
        let first = fragment4_of(
            Ipv4Repr {
                time_to_live: 9,
                ..header4()
            },
            0,
            true,
            &payload[..32],
        );
        let last = fragment4_of(
            Ipv4Repr {
                dscp: 10,
                ..header4()
            },
            32,
            false,
            &payload[32..],
        );
        let expected = packet4(
            Ipv4Repr {
                time_to_live: 9,
                ..header4()
            },
            &payload,
        );
        for order in [[&first, &last], [&last, &first]] {
            assert_eq!(Bench::new().assemble(&order.map(Clone::clone)), expected);
        }
    }

    #[test]
    fn the_buffer_keeps_its_headroom_and_loses_what_it_held() {
        let mut bench = Bench::new();
        bench.out = PacketBuf::from_slice(14, b"earlier");
        bench.assemble(&[fragment4(0, true, &[1; 8]), fragment4(8, false, &[2; 3])]);
        assert_eq!(bench.out.headroom(), 14);
        assert_eq!(bench.out.len(), 31);
    }

    // RFC 791 §3.2 MUST (key): source, destination, protocol and identification tell packets apart.
    #[test]
    fn fragments_of_different_packets_are_not_mixed() {
        let mut bench = Bench::new();
        let others = [
            Ipv4Repr {
                source: B4,
                ..header4()
            },
            Ipv4Repr {
                destination: A4,
                ..header4()
            },
            Ipv4Repr {
                protocol: IpProtocol::ICMP,
                ..header4()
            },
            Ipv4Repr {
                identification: 7,
                ..header4()
            },
        ];
        assert_eq!(
            bench.insert(&fragment4(0, true, &[1; 8])),
            Ok(Reassembly::Incomplete)
        );
        for other in others {
            let last = fragment4_of(other, 8, false, &[2; 8]);
            bench.hold(&last);
        }
        let last = fragment4(8, false, &[2; 8]);
        let parsed = packet_buffer::wire::IpPacket::parse(&last).unwrap();
        let elsewhere = bench
            .reassembler
            .insert(bench.now, 1, &parsed, &mut bench.out);
        assert_eq!(elsewhere, Ok(Reassembly::Incomplete));
        assert_eq!(bench.reassembler.datagrams(), 6);
        assert_eq!(bench.insert(&last), Ok(Reassembly::Complete));
        assert_eq!(bench.reassembler.datagrams(), 5);
    }

    #[test]
    fn a_packet_that_is_no_fragment_is_not_touched() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.insert(&packet4(header4(), &[1; 8])),
            Ok(Reassembly::NotAFragment)
        );
        assert_eq!(bench.reassembler.octets(), 0);
        assert!(bench.out.is_empty());
    }

    #[test]
    fn the_longest_packet() {
        let payload = pattern(65_515);
        let packet = packet4(header4(), &payload);
        let mut bench = Bench::new();
        let fragments = split(&packet, 576).unwrap();
        assert_eq!(fragments.len(), 119);
        assert_eq!(bench.assemble(&fragments), packet);
        assert_eq!(
            (bench.reassembler.octets(), bench.reassembler.datagrams()),
            (0, 0)
        );
        assert_eq!(bench.reassembler.poll_timeout(), None);
        assert_eq!(bench.reassembler.stats().reassembled, 1);
        assert_eq!(bench.reassembler.stats().accepted, 119);
    }

    #[test]
    fn a_packet_that_would_exceed_the_total_length_is_refused() {
        let mut bench = Bench::new();
        let discard = bench.refuse(&fragment4(65_504, false, &[0; 12]));
        assert_eq!(
            discard,
            FragmentDiscard::TooLong {
                length: 65_536,
                icmpv6_pointer: None
            }
        );
        assert_eq!(discard.icmpv6_parameter_problem(), None);
        assert_eq!(
            bench.insert(&fragment4(65_504, false, &[0; 11])),
            Ok(Reassembly::Incomplete)
        );
        assert_eq!(bench.reassembler.stats().too_long, 1);
    }

    #[test]
    fn options_of_the_first_fragment_can_make_the_packet_too_long() {
        let options = HeaderOptions::from_slice(&[1; 4]).unwrap();
        let packet = packet4(header4(), &pattern(65_515));
        let mut fragments = split(&packet, 1500).unwrap();
        let first = read4(&fragments[0]).unwrap().payload().to_vec();
        fragments[0] = fragment4_of(
            Ipv4Repr {
                options,
                ..header4()
            },
            0,
            true,
            &first,
        );
        let mut bench = Bench::new();
        let mut last = Ok(Reassembly::Incomplete);
        for fragment in &fragments {
            assert_eq!(last, Ok(Reassembly::Incomplete));
            last = bench.insert(fragment);
        }
        assert_eq!(last, Ok(Reassembly::Abandoned(AbandonReason::TooLong)));
        assert!(bench.out.is_empty());
        assert_eq!(bench.reassembler.octets(), 0);
        assert_eq!(bench.reassembler.stats().too_long, 1);
    }

    #[test]
    fn lengths_that_no_sender_makes_are_refused() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.refuse(&fragment4(0, true, &[0; 9])),
            FragmentDiscard::Unaligned {
                length: 9,
                icmpv6_pointer: None
            }
        );
        assert_eq!(
            bench.refuse(&fragment4(0, true, &[])),
            FragmentDiscard::Empty
        );
        assert_eq!(
            bench.refuse(&fragment4(16, false, &[])),
            FragmentDiscard::Empty
        );
        let stats = bench.reassembler.stats();
        assert_eq!((stats.unaligned, stats.empty), (1, 2));
    }

    #[test]
    fn overlaps_and_conflicting_ends_end_the_datagram() {
        use AbandonReason::{ConflictingEnd, Overlap};
        let held = [fragment4(16, true, &[1; 16]), fragment4(48, true, &[2; 16])];
        let cases = [
            (fragment4(24, true, &[1; 16]), Overlap),
            (fragment4(8, true, &[1; 16]), Overlap),
            (fragment4(0, true, &[1; 64]), Overlap),
            (fragment4(24, true, &[1; 8]), Overlap),
            (fragment4(16, true, &[9; 16]), Overlap),
            (fragment4(16, true, &[1; 24]), Overlap),
            (fragment4(48, false, &[2; 16]), Overlap),
            (fragment4(32, false, &[3; 16]), ConflictingEnd),
        ];
        for (fragment, reason) in cases {
            let mut bench = Bench::new();
            for held in &held {
                bench.hold(held);
            }
            assert_eq!(bench.insert(&fragment), Ok(Reassembly::Abandoned(reason)));
            assert_eq!(
                bench.reassembler.octets(),
                ReassemblerConfig::DATAGRAM_OVERHEAD
            );
            assert_eq!(
                bench.refuse(&fragment4(0, true, &[1; 8])),
                FragmentDiscard::GivenUp
            );
        }
        // With the end known: another end, and data at or behind it.
        for (fragment, reason) in [
            (fragment4(16, false, &[1; 4]), ConflictingEnd),
            (fragment4(24, false, &[1; 8]), ConflictingEnd),
            (fragment4(16, true, &[1; 16]), ConflictingEnd),
            (fragment4(16, true, &[1; 8]), ConflictingEnd),
            (fragment4(64, true, &[1; 8]), ConflictingEnd),
        ] {
            let mut bench = Bench::new();
            bench.hold(&fragment4(16, false, &[1; 8]));
            assert_eq!(bench.insert(&fragment), Ok(Reassembly::Abandoned(reason)));
        }
    }

    #[test]
    fn an_exact_duplicate_is_ignored() {
        let (first, last) = (fragment4(0, true, &[1; 16]), fragment4(16, false, &[2; 5]));
        for [a, b] in [[&first, &last], [&last, &first]] {
            let mut bench = Bench::new();
            bench.hold(a);
            assert_eq!(bench.refuse(a), FragmentDiscard::Duplicate);
            assert_eq!(bench.insert(b), Ok(Reassembly::Complete));
            assert_eq!(bench.reassembler.stats().duplicate, 1);
        }
    }
}

mod rfc_1122_section_3_3_2 {
    use super::*;

    /// What comes after the time is of another datagram with the same identification, also when
    /// `handle_timeout` is late.
    // RFC 1122 §3.3.2 MUST (expired): the partially reassembled datagram is discarded.
    #[test]
    fn a_late_timeout_mixes_no_datagrams() {
        let mut bench = Bench::new();
        bench.hold(&fragment4(0, true, &[1; 16]));
        bench.now += Duration::from_secs(60);
        bench.hold(&fragment4(16, false, &[2; 8]));
        let event = bench.reassembler.poll_event();
        assert!(matches!(event, Some(ReassemblyEvent::TimedOut { .. })));
        assert_eq!(bench.reassembler.stats().timed_out, 1);
        let deadline = bench.now + Duration::from_secs(60);
        assert_eq!(bench.reassembler.poll_timeout(), Some(deadline));
        let whole = bench.insert(&fragment4(0, true, &[3; 16]));
        assert_eq!(whole, Ok(Reassembly::Complete));
        assert_eq!(
            bench.out.as_slice()[20..],
            [[3; 8], [3; 8], [2; 8]].concat()
        );
        assert_eq!(bench.reassembler.octets(), 0);
    }

    // RFC 1122 §3.3.2 SHOULD (timeout): a fixed time, from 60 to 120 seconds.
    // RFC 1122 §3.3.2 MUST (expired): the datagram is discarded, and ICMP is sent if fragment zero
    // has been received: the event has what to quote.
    #[test]
    fn the_time_runs_out() {
        let mut bench = Bench::new();
        let first = fragment4(0, true, &pattern(2000));
        bench.hold(&first);
        let deadline = bench.now + Duration::from_secs(60);
        assert_eq!(bench.reassembler.poll_timeout(), Some(deadline));
        bench.now = deadline - Duration::from_secs(1);
        bench.hold(&fragment4(4000, true, &[0; 8]));
        assert_eq!(
            bench.reassembler.poll_timeout(),
            Some(deadline),
            "it is fixed"
        );

        bench
            .reassembler
            .handle_timeout(deadline - Duration::from_micros(1));
        assert_eq!(bench.reassembler.poll_event(), None);
        bench.reassembler.handle_timeout(deadline);
        assert_eq!(bench.reassembler.poll_timeout(), None);
        assert_eq!(
            (bench.reassembler.octets(), bench.reassembler.datagrams()),
            (0, 0)
        );
        let Some(ReassemblyEvent::TimedOut {
            key,
            first_fragment,
        }) = bench.reassembler.poll_event()
        else {
            panic!("no event");
        };
        assert_eq!(key, key4());
        assert_eq!(first_fragment.unwrap().as_slice(), &first[..1232]);
        assert_eq!(bench.reassembler.poll_event(), None);
        assert_eq!(bench.reassembler.stats().timed_out, 1);
        // The rest begins anew.
        let last = bench.insert(&fragment4(2000, false, &[0; 8]));
        assert_eq!(last, Ok(Reassembly::Incomplete));
    }

    #[test]
    fn without_fragment_zero_there_is_nothing_to_quote() {
        let mut bench = Bench::new();
        bench.hold(&fragment4(8, true, &[0; 8]));
        let deadline = bench.reassembler.poll_timeout().unwrap();
        bench.reassembler.handle_timeout(deadline);
        let key = key4();
        let event = ReassemblyEvent::TimedOut {
            key,
            first_fragment: None,
        };
        assert_eq!(bench.reassembler.poll_event(), Some(event));
    }

    // RFC 1122 §3.3.2 MUST (emtu-r): a host reassembles datagrams of at least 576 octets, whatever
    // its limits are set to.
    #[test]
    fn the_least_limits_hold_the_least_datagrams() {
        let config = ReassemblerConfig {
            max_octets: ReassemblerConfig::MIN_OCTETS,
            max_octets_per_source: ReassemblerConfig::MIN_OCTETS,
            max_datagrams: 1,
            max_datagrams_per_source: 1,
            ..ReassemblerConfig::default()
        };
        let packet = packet4(header4(), &pattern(556));
        let mut fragments = split(&packet, 68).unwrap();
        assert_eq!(fragments.len(), 12);
        fragments.reverse();
        assert_eq!(Bench::with(config).assemble(&fragments), packet);
    }
}

mod rfc_6864 {
    use super::*;
    use packet_buffer::Instant;
    use std::collections::HashSet;

    // RFC 6864 §4.3 MUST NOT (repeat): none comes twice within the lifetime.
    // RFC 6864 §5.2 MUST: when all are used up, the source is told to wait.
    #[test]
    fn none_comes_twice_within_a_lifetime() {
        let mut source = Ipv4Identifications::new(&mut Random(1));
        let second = |secs| Instant::from_secs(secs);
        let mut seen = HashSet::new();
        let mut next = |now| source.next(now, A4, B4, IpProtocol::UDP);
        // The counter starts within a part; that one and the seven others make up to 65536.
        while let Some(id) = next(second(10)) {
            assert!(seen.insert(id), "{id} came twice");
        }
        assert!((57_344..=65_536).contains(&seen.len()), "{}", seen.len());
        assert_eq!(next(second(129)), None);
        // The lifetime is over for all parts that were used up, and they are free again.
        let mut seen = HashSet::new();
        for _ in 0..57_344 {
            assert!(seen.insert(next(second(130)).expect("free")));
        }
        assert_eq!(source.exhausted(), 2);
    }

    #[test]
    fn a_lifetime_of_zero_never_runs_out() {
        let mut source = Ipv4Identifications::with_lifetime(&mut Random(1), Duration::ZERO);
        let first: Vec<u16> = (0..65_536)
            .map(|_| source.next(Instant::ZERO, A4, B4, IpProtocol::UDP).unwrap())
            .collect();
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 65_536);
        assert_eq!(
            source.next(Instant::ZERO, A4, B4, IpProtocol::UDP),
            Some(first[0])
        );
    }

    #[test]
    fn destinations_have_orders_of_their_own() {
        let mut source = Ipv4Identifications::with_lifetime(&mut Random(3), Duration::ZERO);
        let mut of = |destination, count| -> Vec<u16> {
            let next = |_| source.next(Instant::ZERO, A4, destination, IpProtocol::UDP);
            (0..count).map(next).map(Option::unwrap).collect()
        };
        let one = of(B4, 65_536);
        let mut places = vec![0u16; 65_536];
        for (place, id) in one.iter().enumerate() {
            places[usize::from(*id)] = place as u16;
        }
        // Neither the numbers nor their places in the order of another destination are in a row.
        let two = of(A4, 1_000);
        let in_a_row = |pair: &[u16]| pair[1] == pair[0].wrapping_add(1);
        let moved: Vec<u16> = two.iter().map(|id| places[usize::from(*id)]).collect();
        for ids in [two, moved] {
            assert!(ids.windows(2).filter(|pair| in_a_row(pair)).count() < 4);
        }
    }

    // RFC 6864 §4.1 MAY: an atomic packet has any identification; the header writes zero.
    #[test]
    fn an_atomic_packet_has_identification_zero() {
        let header = Ipv4Repr::new(A4, B4, IpProtocol::UDP);
        let packet = packet4(header, &[0; 8]);
        let packet = Ipv4Packet::parse(&packet).unwrap();
        assert!(packet.dont_fragment() && !packet.is_fragment());
        assert_eq!(packet.identification(), 0);
    }
}
