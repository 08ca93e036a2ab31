//! RFC 1990: packets over several links, which lose and delay.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

extern crate alloc;

use alloc::collections::VecDeque;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::multilink::{
    FragmentHeader, Fragmenter, MemberLink, Reassembler, ReassemblerConfig, ReassemblyDiscard,
};
use proptest::prelude::*;
use testkit::SeededRandom;

const LINKS: [MemberLink; 3] = [
    MemberLink {
        mru: 1500,
        weight: 3,
    },
    MemberLink {
        mru: 400,
        weight: 1,
    },
    MemberLink {
        mru: 1500,
        weight: 2,
    },
];

fn reassembler(config: ReassemblerConfig) -> Reassembler {
    let mut reassembler = Reassembler::new(config).unwrap();
    for _ in LINKS {
        reassembler.add_link();
    }
    reassembler
}

fn packet(number: usize) -> Vec<u8> {
    let mut octets = vec![0x00, 0x21];
    octets.extend((0..(number * 37) % 1400).map(|i| (i * 7 + number) as u8));
    octets
}

/// Fragments in the order in which they are sent, each with its link.
fn fragments(is_short: bool, min_fragment: usize, packets: usize) -> Vec<(usize, PacketBuf)> {
    let mut fragmenter = Fragmenter::new(is_short, min_fragment);
    let mut sent = Vec::new();
    for number in 0..packets {
        assert!(fragmenter.fragment(&packet(number), &LINKS, |link, out| sent.push((link, out))));
    }
    sent
}

fn delivered(reassembler: &mut Reassembler) -> Vec<Vec<u8>> {
    core::iter::from_fn(|| reassembler.poll_packet())
        .map(|packet| packet.as_slice().to_vec())
        .collect()
}

fn header(octets: &[u8], is_short: bool) -> FragmentHeader {
    FragmentHeader::parse(octets, is_short).unwrap().0
}

mod section_3 {
    use super::*;

    // RFC 1990 §3 MUST (reserved): reserved bits are ignored.
    #[test]
    fn both_headers_octet_for_octet() {
        let first = FragmentHeader {
            begins: true,
            ends: false,
            sequence: 0x0123_4567,
        };
        let mut long = PacketBuf::from_slice(8, b"data");
        first.emit(&mut long, false);
        assert_eq!(long.as_slice(), b"\x80\x23\x45\x67data");
        let mut short = PacketBuf::from_slice(8, b"data");
        first.emit(&mut short, true);
        assert_eq!(short.as_slice(), b"\x85\x67data");
        let expected = FragmentHeader {
            begins: false,
            ends: true,
            sequence: 5,
        };
        let (read, rest) = FragmentHeader::parse(b"\x7f\x00\x00\x05x", false).unwrap();
        assert_eq!((read, rest), (expected, &b"x"[..]));
        let (read, rest) = FragmentHeader::parse(b"\x70\x05x", true).unwrap();
        assert_eq!((read, rest), (expected, &b"x"[..]));
        assert!(FragmentHeader::parse(b"\x80\x00\x00", false).is_err());
        assert!(FragmentHeader::parse(b"\x80", true).is_err());
    }

    // RFC 1990 §3 MUST (sequence): numbers go up by one over the whole bundle, and begin anew after the
    // last.
    #[test]
    fn numbers_go_up_by_one_and_wrap() {
        let sent = fragments(true, 64, 3000);
        for (number, (link, fragment)) in sent.iter().enumerate() {
            let header = header(fragment.as_slice(), true);
            assert_eq!(header.sequence as usize, number % 4096);
            assert!(fragment.len() <= LINKS[*link].mru);
        }
        assert!(sent.len() > 4096);
    }

    #[test]
    fn pieces_follow_the_weights() {
        let mut octets = [0; 3];
        for (link, fragment) in fragments(false, 64, 500) {
            octets[link] += fragment.len();
        }
        assert!(octets[0] > octets[2] && octets[2] > octets[1], "{octets:?}");
        let mut fragmenter = Fragmenter::new(false, 64);
        let useless = [
            MemberLink { mru: 4, weight: 1 },
            MemberLink {
                mru: 1500,
                weight: 0,
            },
        ];
        assert!(!fragmenter.fragment(&packet(9), &useless, |_, _| panic!("nothing can go")));
    }
}

mod section_4 {
    use super::*;

    // RFC 1990 §4 MUST (zero): a bundle starts with number 0.
    #[test]
    fn links_of_different_speed_do_not_change_the_order() {
        for is_short in [false, true] {
            let config = ReassemblerConfig {
                is_short,
                ..ReassemblerConfig::default()
            };
            let mut reassembler = reassembler(config);
            let mut queues = [const { VecDeque::new() }; 3];
            for (link, fragment) in fragments(is_short, 64, 2000) {
                queues[link].push_back(fragment);
            }
            let mut random = SeededRandom::new(7);
            let mut received = Vec::new();
            // At most some fragments apart, as the sender's queues would be.
            while queues.iter().any(|queue| !queue.is_empty()) {
                let longest = (0..3).max_by_key(|&link| queues[link].len()).unwrap();
                let link = if random.chance(0.5) {
                    longest
                } else {
                    random.between(0, 2)
                };
                if let Some(fragment) = queues[link].pop_front() {
                    let now = Instant::ZERO;
                    let _ = reassembler.handle_input(now, link, fragment.as_slice());
                }
                received.extend(delivered(&mut reassembler));
            }
            let stats = reassembler.stats();
            assert_eq!((stats.lost, stats.late, stats.duplicates), (0, 0, 0));
            assert_eq!(received.len(), 2000);
            assert!((0..2000).all(|number| received[number] == packet(number)));
        }
    }

    // RFC 1990 §4.1 MUST (lost): what all links have gone past is lost, and its packet with it.
    #[test]
    fn a_lost_fragment_costs_its_packet_alone() {
        let sent = fragments(false, 64, 50);
        for lost in 0..sent.len() {
            let mut reassembler = reassembler(ReassemblerConfig::default());
            for (number, (link, fragment)) in sent.iter().enumerate() {
                if number != lost {
                    reassembler
                        .handle_input(Instant::ZERO, *link, fragment.as_slice())
                        .unwrap();
                }
            }
            // The last packets may have to wait for their turn; time ends that.
            reassembler.handle_timeout(Instant::from_secs(5));
            let received = delivered(&mut reassembler);
            assert_eq!(received.len(), 49, "fragment {lost} was lost");
            let mut expected = (0..50).map(packet);
            assert!(received.iter().all(|one| expected.any(|it| it == *one)));
            assert_eq!(reassembler.waiting(), (0, 0));
        }
    }

    #[test]
    fn without_time_the_loss_is_seen_when_all_links_are_past_it() {
        let mut reassembler = reassembler(ReassemblerConfig::default());
        let sent = fragments(false, 64, 20);
        for (link, fragment) in &sent[1..] {
            reassembler
                .handle_input(Instant::ZERO, *link, fragment.as_slice())
                .unwrap();
        }
        assert_eq!(reassembler.stats().lost, 1);
        assert!(delivered(&mut reassembler).len() >= 17);
        // A link that has left is not awaited.
        let mut two = Reassembler::new(ReassemblerConfig::default()).unwrap();
        let (first, second) = (two.add_link(), two.add_link());
        for (_, fragment) in &sent[1..] {
            two.handle_input(Instant::ZERO, first, fragment.as_slice())
                .unwrap();
        }
        assert_eq!(delivered(&mut two).len(), 0);
        two.remove_link(second);
        assert!(delivered(&mut two).len() >= 17);
    }

    #[test]
    fn late_and_repeated_fragments_are_refused() {
        let mut reassembler = reassembler(ReassemblerConfig::default());
        let sent = fragments(false, 64, 10);
        let (link, first) = &sent[0];
        let now = Instant::ZERO;
        reassembler
            .handle_input(now, *link, first.as_slice())
            .unwrap();
        delivered(&mut reassembler);
        let result = reassembler.handle_input(now, *link, first.as_slice());
        assert!(matches!(
            result,
            Err(ReassemblyDiscard::Late(0) | ReassemblyDiscard::Duplicate(0))
        ));
        assert_eq!(
            reassembler.handle_input(now, 3, first.as_slice()),
            Err(ReassemblyDiscard::NoLink(3))
        );
        assert!(reassembler.handle_input(now, 0, &[0x80]).is_err());
    }
}

mod section_5_1_1 {
    use super::*;

    // RFC 1990 §5.1.1 MUST (mrru): a packet longer than the MRRU is not delivered.
    #[test]
    fn long_packets_are_dropped() {
        let config = ReassemblerConfig {
            mrru: 100,
            ..ReassemblerConfig::default()
        };
        let mut reassembler = reassembler(config);
        let mut fragmenter = Fragmenter::new(false, 64);
        for octets in [102, 103, 50] {
            fragmenter.fragment(&vec![1; octets], &LINKS, |link, fragment| {
                reassembler
                    .handle_input(Instant::ZERO, link, fragment.as_slice())
                    .unwrap();
            });
        }
        let lengths: Vec<usize> = delivered(&mut reassembler).iter().map(Vec::len).collect();
        assert_eq!(lengths, [102, 50]);
        assert_eq!(reassembler.stats().too_long, 1);
    }
}

mod bounds {
    use super::*;

    #[test]
    fn what_waits_is_bounded_whatever_comes() {
        let config = ReassemblerConfig {
            max_fragments: 16,
            max_octets: 2000,
            ..ReassemblerConfig::default()
        };
        let mut reassembler = reassembler(config);
        let mut random = SeededRandom::new(3);
        for _ in 0..20_000 {
            let header = FragmentHeader {
                begins: random.chance(0.2),
                ends: random.chance(0.2),
                sequence: random.between(0, 0x00ff_ffff) as u32,
            };
            let mut fragment = PacketBuf::from_slice(8, &vec![0; random.between(0, 300)]);
            header.emit(&mut fragment, false);
            let link = random.between(0, 3);
            let _ = reassembler.handle_input(Instant::ZERO, link, fragment.as_slice());
            let (fragments, octets) = reassembler.waiting();
            assert!(fragments <= 16 && octets <= 2000);
            delivered(&mut reassembler);
        }
        reassembler.handle_timeout(Instant::from_secs(9));
        assert_eq!(reassembler.waiting(), (0, 0));
        assert_eq!(reassembler.poll_timeout(), None);
    }

    #[test]
    fn limits_that_cannot_work_are_refused() {
        let wrong = [
            ReassemblerConfig {
                is_short: true,
                max_fragments: 1025,
                ..ReassemblerConfig::default()
            },
            ReassemblerConfig {
                max_fragments: 0,
                ..ReassemblerConfig::default()
            },
            ReassemblerConfig {
                max_octets: 1000,
                ..ReassemblerConfig::default()
            },
            ReassemblerConfig {
                timeout: Duration::ZERO,
                ..ReassemblerConfig::default()
            },
        ];
        for config in wrong {
            assert!(Reassembler::new(config).is_err(), "{config:?}");
        }
    }
}

proptest! {
    /// Whatever is lost, what comes out is what went in, in order, without a packet that lost a
    /// fragment.
    #[test]
    fn what_comes_out_went_in(seed: u64, loss in 0.0..0.3, min_fragment in 16usize..800) {
        let mut random = SeededRandom::new(seed);
        let mut fragmenter = Fragmenter::new(false, min_fragment);
        let mut reassembler = reassembler(ReassemblerConfig::default());
        let mut whole = Vec::new();
        for number in 0..60 {
            let mut lost = false;
            let mut sent = Vec::new();
            fragmenter.fragment(&packet(number), &LINKS, |link, out| sent.push((link, out)));
            for (link, fragment) in sent {
                if random.chance(loss) {
                    lost = true;
                } else {
                    reassembler
                        .handle_input(Instant::ZERO, link, fragment.as_slice())
                        .unwrap();
                }
            }
            if !lost {
                whole.push(packet(number));
            }
        }
        reassembler.handle_timeout(Instant::from_secs(5));
        prop_assert_eq!(delivered(&mut reassembler), whole);
    }
}
