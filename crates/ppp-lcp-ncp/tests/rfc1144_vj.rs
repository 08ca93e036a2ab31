//! RFC 1144: compressed TCP/IP headers, over lines that lose.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::net::Ipv4Addr;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr, UdpRepr};
use ppp_lcp_ncp::ncp::VjParameters;
use ppp_lcp_ncp::vj::{Compressor, DecompressError, Decompressor, Form};
use proptest::prelude::*;

const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const B: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);

/// What one segment has.
#[derive(Debug, Clone)]
struct Segment {
    port: u16,
    sequence: u32,
    acknowledgment: u32,
    window: u16,
    urgent: u16,
    flags: TcpFlags,
    identification: u16,
    data: Vec<u8>,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            port: 1000,
            sequence: 5000,
            acknowledgment: 9000,
            window: 4096,
            urgent: 0,
            flags: TcpFlags::ACK,
            identification: 77,
            data: Vec::new(),
        }
    }
}

impl Segment {
    fn packet(&self) -> PacketBuf {
        let mut packet = PacketBuf::with_headroom(60);
        packet.append_slice(&self.data);
        TcpRepr {
            source_port: self.port,
            destination_port: 80,
            sequence_number: self.sequence,
            acknowledgment_number: self.acknowledgment,
            flags: self.flags,
            window: self.window,
            urgent_pointer: self.urgent,
            ..TcpRepr::default()
        }
        .emit(
            &mut packet,
            &PseudoHeader::V4 {
                source: A,
                destination: B,
            },
        )
        .unwrap();
        let mut ip = Ipv4Repr::new(A, B, IpProtocol::TCP);
        ip.identification = self.identification;
        ip.emit(&mut packet).unwrap();
        packet
    }
}

fn parameters(max_slot_id: u8) -> VjParameters {
    VjParameters {
        max_slot_id,
        compress_slot_id: true,
    }
}

/// Sends one segment; its form, and the octets of the header on the line.
fn send(
    compressor: &mut Compressor,
    decompressor: &mut Decompressor,
    segment: &Segment,
) -> (Form, usize) {
    let original = segment.packet();
    let mut packet = original.clone();
    let form = compressor.compress(&mut packet);
    let header = packet.len() - segment.data.len();
    decompressor.decompress(form, &mut packet).unwrap();
    assert_eq!(packet.as_slice(), original.as_slice(), "{segment:?}");
    (form, header)
}

mod section_3_2_3 {
    use super::*;

    // RFC 1144 §3.2.3 MUST (as-is): what is not TCP, fragments, and segments that begin or end a
    // connection go as they are.
    #[test]
    fn what_goes_as_it_is() {
        let mut compressor = Compressor::new(&parameters(15));
        for flags in [
            TcpFlags::SYN,
            TcpFlags::SYN | TcpFlags::ACK,
            TcpFlags::FIN | TcpFlags::ACK,
            TcpFlags::RST | TcpFlags::ACK,
            TcpFlags::PSH,
        ] {
            let mut packet = Segment {
                flags,
                ..Segment::default()
            }
            .packet();
            let original = packet.clone();
            assert_eq!(compressor.compress(&mut packet), Form::Ip);
            assert_eq!(packet.as_slice(), original.as_slice());
        }
        let mut datagram = PacketBuf::with_headroom(60);
        let pseudo_header = PseudoHeader::V4 {
            source: A,
            destination: B,
        };
        UdpRepr {
            source_port: 1,
            destination_port: 2,
        }
        .emit(&mut datagram, &pseudo_header)
        .unwrap();
        Ipv4Repr::new(A, B, IpProtocol::UDP)
            .emit(&mut datagram)
            .unwrap();
        assert_eq!(compressor.compress(&mut datagram), Form::Ip);
        // Fragments: the last of several, and the first.
        for fragment in [0x0001, 0x2000] {
            let mut packet = Segment::default().packet();
            packet.as_mut_slice()[6..8].copy_from_slice(&u16::to_be_bytes(fragment));
            assert_eq!(compressor.compress(&mut packet), Form::Ip);
        }
        assert_eq!(compressor.stats().as_is, 8);
    }

    #[test]
    fn the_common_cases_take_three_octets() {
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(15)),
            Decompressor::new(&parameters(15)),
        );
        let mut segment = Segment {
            data: vec![b'x'; 512],
            ..Segment::default()
        };
        let first = send(&mut compressor, &mut decompressor, &segment);
        assert_eq!(first, (Form::Uncompressed, 40));
        // A transfer in one direction: mask and checksum.
        for _ in 0..5 {
            segment.sequence += 512;
            segment.identification += 1;
            let next = send(&mut compressor, &mut decompressor, &segment);
            assert_eq!(next, (Form::Compressed, 3));
        }
        // Typing, echoed.
        segment.data = vec![b'y'];
        segment.sequence += 512;
        segment.identification += 1;
        segment.flags = TcpFlags::ACK | TcpFlags::PSH;
        send(&mut compressor, &mut decompressor, &segment);
        for _ in 0..5 {
            segment.sequence += 1;
            segment.acknowledgment += 1;
            segment.identification += 1;
            let next = send(&mut compressor, &mut decompressor, &segment);
            assert_eq!(next, (Form::Compressed, 3));
        }
    }

    // RFC 1144 §3.2.3 MUST (differences): urgent, window, acknowledgment, sequence, identification, each of
    // one octet or of three.
    #[test]
    fn all_differences_in_their_order() {
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(15)),
            Decompressor::new(&parameters(15)),
        );
        let mut segment = Segment::default();
        send(&mut compressor, &mut decompressor, &segment);
        segment.flags = TcpFlags::ACK | TcpFlags::URG | TcpFlags::PSH;
        segment.urgent = 3;
        segment.window = segment.window.wrapping_sub(2);
        segment.acknowledgment += 0x1234;
        segment.identification += 300;
        let mut packet = segment.packet();
        let checksum = packet.as_slice()[36..38].to_vec();
        assert_eq!(compressor.compress(&mut packet), Form::Compressed);
        let mut expected = vec![0x37];
        expected.extend(&checksum);
        expected.extend([3, 0, 0xff, 0xfe, 0, 0x12, 0x34, 0, 0x01, 0x2c]);
        assert_eq!(packet.as_slice(), expected);
        decompressor
            .decompress(Form::Compressed, &mut packet)
            .unwrap();
        assert_eq!(packet.as_slice(), segment.packet().as_slice());
    }

    #[test]
    fn what_cannot_be_told_goes_uncompressed() {
        let changes: [fn(&mut Segment); 5] = [
            // The same once more: the peer has lost something.
            |_| {},
            |segment| segment.sequence -= 1,
            |segment| segment.acknowledgment += 0x1_0000,
            |segment| segment.urgent = 5,
            |segment| segment.flags = TcpFlags::ACK | TcpFlags::ECE,
        ];
        for change in changes {
            let (mut compressor, mut decompressor) = (
                Compressor::new(&parameters(15)),
                Decompressor::new(&parameters(15)),
            );
            let mut segment = Segment {
                data: vec![1, 2, 3],
                ..Segment::default()
            };
            send(&mut compressor, &mut decompressor, &segment);
            change(&mut segment);
            let (form, _) = send(&mut compressor, &mut decompressor, &segment);
            assert_eq!(form, Form::Uncompressed, "{segment:?}");
        }
    }

    #[test]
    fn more_connections_than_slots() {
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(2)),
            Decompressor::new(&parameters(2)),
        );
        for round in 0..10u16 {
            for port in 0..5 {
                let segment = Segment {
                    port,
                    sequence: 100 + u32::from(round) * 10,
                    identification: round,
                    data: vec![0; 10],
                    ..Segment::default()
                };
                send(&mut compressor, &mut decompressor, &segment);
            }
        }
        assert!(compressor.stats().evicted >= 40);
        // With room for all of them, each fills its slot once.
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(4)),
            Decompressor::new(&parameters(4)),
        );
        for round in 0..10u16 {
            for port in 0..5 {
                let segment = Segment {
                    port,
                    sequence: 100 + u32::from(round) * 10,
                    identification: round,
                    data: vec![0; 10],
                    ..Segment::default()
                };
                let (form, header) = send(&mut compressor, &mut decompressor, &segment);
                assert_eq!(form == Form::Uncompressed, round == 0);
                // The slot is named, since the last packet was another's.
                assert!(round == 0 || header == 4);
            }
        }
    }
}

mod section_4_1 {
    use super::*;

    // RFC 1144 §4.1 MUST (toss): after an error, packets that do not name their slot are dropped.
    #[test]
    fn packets_are_tossed_until_one_names_its_slot() {
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(15)),
            Decompressor::new(&parameters(15)),
        );
        let mut segment = Segment {
            data: vec![0; 10],
            ..Segment::default()
        };
        send(&mut compressor, &mut decompressor, &segment);
        decompressor.line_error();
        segment.sequence += 10;
        segment.identification += 1;
        let mut packet = segment.packet();
        let form = compressor.compress(&mut packet);
        let before = packet.clone();
        assert_eq!(
            decompressor.decompress(form, &mut packet),
            Err(DecompressError::Tossed)
        );
        assert_eq!(packet.as_slice(), before.as_slice());
        assert_eq!(decompressor.stats().tossed, 1);
        // TCP sends again, which goes uncompressed.
        let (form, _) = send(&mut compressor, &mut decompressor, &segment);
        assert_eq!(form, Form::Uncompressed);
    }

    #[test]
    fn slots_that_were_not_agreed_on_are_refused() {
        let mut decompressor = Decompressor::new(&parameters(3));
        let mut packet = Segment::default().packet();
        packet.as_mut_slice()[9] = 4;
        assert_eq!(
            decompressor.decompress(Form::Uncompressed, &mut packet),
            Err(DecompressError::Slot(4))
        );
        let mut packet = PacketBuf::from(&[0x40, 2, 0, 0][..]);
        assert_eq!(
            decompressor.decompress(Form::Compressed, &mut packet),
            Err(DecompressError::Empty)
        );
        let mut packet = PacketBuf::from(&[0x00, 0, 0][..]);
        let result = decompressor.decompress(Form::Compressed, &mut packet);
        assert!(matches!(
            result,
            Err(DecompressError::Tossed | DecompressError::Empty)
        ));
    }

    #[test]
    fn nothing_panics_and_lengths_hold() {
        let mut compressor = Compressor::new(&parameters(15));
        let mut segment = Segment::default();
        compressor.compress(&mut segment.packet());
        segment.flags = TcpFlags::ACK | TcpFlags::URG;
        segment.window -= 700;
        segment.acknowledgment += 5;
        segment.data = vec![9; 20];
        let mut packet = segment.packet();
        assert_eq!(compressor.compress(&mut packet), Form::Compressed);
        for octets in [packet.as_slice(), Segment::default().packet().as_slice()] {
            testkit::sweep(octets, |changed| {
                for form in [Form::Uncompressed, Form::Compressed] {
                    let mut decompressor = Decompressor::new(&parameters(15));
                    let mut first = Segment::default().packet();
                    first.as_mut_slice()[9] = 0;
                    decompressor
                        .decompress(Form::Uncompressed, &mut first)
                        .unwrap();
                    let mut packet = PacketBuf::from(changed);
                    if decompressor.decompress(form, &mut packet).is_ok() {
                        let total =
                            u16::from_be_bytes([packet.as_slice()[2], packet.as_slice()[3]]);
                        assert_eq!(usize::from(total), packet.len());
                    } else {
                        assert_eq!(packet.as_slice(), changed);
                    }
                }
            });
        }
    }
}

proptest! {
    /// Any walk of any connections through any changes comes out as it went in.
    #[test]
    fn what_goes_in_comes_out(
        max_slot_id in 0u8..6,
        steps in proptest::collection::vec(
            (0u16..4, any::<[i8; 4]>(), any::<[bool; 8]>(), 0usize..40),
            1..60,
        ),
    ) {
        let (mut compressor, mut decompressor) = (
            Compressor::new(&parameters(max_slot_id)),
            Decompressor::new(&parameters(max_slot_id)),
        );
        let mut segments: Vec<Segment> = (0..4)
            .map(|port| Segment { port, ..Segment::default() })
            .collect();
        for (port, numbers, bits, data) in steps {
            let segment = &mut segments[usize::from(port)];
            let last = segment.data.len() as u32;
            segment.sequence = if bits[0] {
                segment.sequence.wrapping_add(last)
            } else {
                segment.sequence.wrapping_add_signed(i32::from(numbers[0]))
            };
            if bits[1] {
                segment.acknowledgment = segment.acknowledgment.wrapping_add(last);
            } else if bits[2] {
                segment.acknowledgment = segment.acknowledgment.wrapping_add(numbers[1] as u32);
            }
            if bits[3] {
                segment.window = segment.window.wrapping_add(numbers[2] as u16);
            }
            segment.identification = segment.identification.wrapping_add(if bits[4] {
                1
            } else {
                numbers[3] as u16
            });
            segment.flags = TcpFlags::ACK;
            if bits[5] {
                segment.flags |= TcpFlags::PSH;
            }
            if bits[6] {
                segment.flags |= TcpFlags::URG;
                segment.urgent = numbers[0] as u16;
            }
            segment.data = vec![port as u8; data];
            send(&mut compressor, &mut decompressor, segment);
            prop_assert_eq!(decompressor.stats().errors, 0);
        }
    }
}
