//! Random TCP sequences: two ends that mean well, most of the time.
#![expect(
    clippy::indexing_slicing,
    reason = "sides are 0 and 1, and draws are below the number of choices"
)]

use core::net::Ipv4Addr;
use packet_buffer::wire::{HeaderOptions, IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr};
use packet_buffer::{PacketBuf, RandomSource};

/// The inside end.
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The outside end.
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 51, 100, 10), 80);

/// One segment of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Whether the inside end sends it.
    pub is_inside: bool,
    /// Its header.
    pub header: TcpRepr,
    /// Octets of data.
    pub length: usize,
}

impl Segment {
    /// The whole packet; the outside end sends to `outside`.
    ///
    /// # Panics
    ///
    /// Never: the packet is short.
    pub fn packet(&self, outside: Ipv4Addr) -> Vec<u8> {
        let (source, destination) = if self.is_inside {
            (CLIENT, SERVER.0)
        } else {
            (SERVER.0, outside)
        };
        let mut packet = PacketBuf::with_headroom(64);
        packet.append(self.length);
        let pseudo_header = PseudoHeader::V4 {
            source,
            destination,
        };
        let written = self
            .header
            .emit(&mut packet, &pseudo_header)
            .and_then(|()| {
                Ipv4Repr {
                    identification: 1,
                    ..Ipv4Repr::new(source, destination, IpProtocol::TCP)
                }
                .emit(&mut packet)
            });
        assert!(written.is_ok(), "a short packet");
        packet.as_slice().to_vec()
    }

    /// What it is, for people.
    pub fn describe(&self) -> String {
        let header = &self.header;
        let side = if self.is_inside { "in" } else { "out" };
        format!(
            "{side} {:?} seq={} ack={} win={} len={}",
            header.flags,
            header.sequence_number,
            header.acknowledgment_number,
            header.window,
            self.length
        )
    }
}

/// Draws segments: a handshake, data, and a fourth of them with numbers or control bits that are off.
pub struct Sequence<'a> {
    random: &'a mut dyn RandomSource,
    client_port: u16,
    start: [u32; 2],
    next: [u32; 2],
    window: [u16; 2],
    scale: Option<u8>,
    selective: bool,
    phase: u8,
}

impl<'a> Sequence<'a> {
    /// A sequence of a connection from this port of the inside end.
    pub fn new(random: &'a mut dyn RandomSource, client_port: u16) -> Self {
        let draw = random.next_u32();
        let start = [0, 1].map(|side| match (draw >> (4 * side)) & 3 {
            0 => 1_000,
            1 => 0xffff_fff0,
            _ => random.next_u32(),
        });
        let window =
            [8, 12].map(|shift| [500, 5_000, 65_535, 65_535][(draw >> shift) as usize & 3]);
        let scale = [None, Some(0), Some(3), Some(7)][(draw >> 16) as usize & 3];
        Self {
            random,
            client_port,
            start,
            next: start,
            window,
            scale,
            selective: draw >> 20 & 1 == 1,
            phase: 0,
        }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u32::try_from(choices.len()).unwrap_or(1);
        choices[self.below(count) as usize]
    }

    /// Options: scale and SACK-permitted of a SYN, now and then others than the last one's; selective
    /// acknowledgments of other segments, now and then.
    fn options(&mut self, is_syn: bool, ack: u32) -> HeaderOptions {
        let mut options = Vec::new();
        if is_syn {
            let scale = match self.below(10) {
                0 => None,
                1 => Some(self.pick(&[0, 1, 14, 15])),
                _ => self.scale,
            };
            if let Some(shift) = scale {
                options.extend([3, 3, shift, 1]);
            }
            if self.selective != (self.below(10) == 0) {
                options.extend([4, 2, 1, 1]);
            }
        } else if self.selective && self.below(10) == 0 {
            let from = moved(ack, i64::from(self.pick(&[0, 1, 100, 400, 70_000])));
            let to = moved(from, i64::from(self.pick(&[1, 100, 400])));
            options.extend([1, 1, 5, 10]);
            options.extend(from.to_be_bytes());
            options.extend(to.to_be_bytes());
        }
        HeaderOptions::from_slice(&options).unwrap_or_default()
    }

    /// The next segment.
    pub fn next_segment(&mut self) -> Segment {
        const SYN: u16 = TcpFlags::SYN.0;
        const ACK: u16 = TcpFlags::ACK.0;
        const FIN: u16 = TcpFlags::FIN.0;
        const RST: u16 = TcpFlags::RST.0;
        const PSH: u16 = TcpFlags::PSH.0;
        const URG: u16 = TcpFlags::URG.0;
        let goes_on = self.below(100) < 80;
        let (side, flags, mut seq, mut ack, length);
        match self.phase {
            0 if goes_on => {
                (side, flags, seq, ack, length) = (0, SYN, self.start[0], 0, 0);
                self.phase = 1;
                self.next[0] = self.start[0].wrapping_add(1);
            }
            1 if goes_on => {
                (side, flags, seq, ack, length) = (1, SYN | ACK, self.start[1], self.next[0], 0);
                self.phase = 2;
                self.next[1] = self.start[1].wrapping_add(1);
            }
            2 if goes_on => {
                (side, flags, seq, ack, length) = (0, ACK, self.next[0], self.next[1], 0);
                self.phase = 3;
            }
            _ => {
                side = self.below(2) as usize;
                let data = self.pick(&[0, 0, 1, 100, 400]);
                (seq, ack) = (self.next[side], self.next[1 - side]);
                (flags, length) = match self.below(100) {
                    0..6 => (FIN | ACK, data),
                    6..10 => (self.pick(&[RST, RST | ACK]), 0),
                    10..13 => {
                        let other = self.random.next_u32();
                        seq = self.pick(&[self.start[side], other]);
                        (SYN, 0)
                    }
                    13..16 => {
                        seq = self.start[side];
                        (SYN | ACK, 0)
                    }
                    16..18 => (
                        self.pick(&[0, SYN | FIN, FIN, FIN | PSH | URG, SYN | RST, PSH]),
                        data,
                    ),
                    _ => (self.pick(&[ACK, ACK | PSH]), data),
                };
                let window = i64::from(self.window[1 - side]);
                if self.below(100) < 22 {
                    let off = self.pick(&[
                        -1,
                        1,
                        -100,
                        100,
                        -1_000,
                        1_000,
                        window,
                        -window,
                        2 * window,
                        70_000,
                        -70_000,
                        1_000_000,
                        -1_000_000,
                        1_000_000_000,
                    ]);
                    seq = moved(seq, off);
                } else if self.below(100) < 12 {
                    let off = self.pick(&[
                        -1,
                        1,
                        100,
                        -100,
                        -5_000,
                        66_001,
                        -66_001,
                        -70_000,
                        1_000_000,
                        -1_000_000_000,
                    ]);
                    ack = moved(ack, off);
                } else if flags & (SYN | RST) == 0 {
                    let taken = u32::try_from(length).unwrap_or_default() + u32::from(flags & FIN);
                    self.next[side] = self.next[side].wrapping_add(taken);
                }
                if self.below(100) < 15 {
                    self.window[side] = self.pick(&[0, 1, 500, 5_000, 65_535]);
                }
            }
        }
        if flags & ACK == 0 {
            ack = 0;
        }
        let options = self.options(flags & SYN != 0, ack);
        let ports = [self.client_port, SERVER.1];
        Segment {
            is_inside: side == 0,
            header: TcpRepr {
                source_port: ports[side],
                destination_port: ports[1 - side],
                sequence_number: seq,
                acknowledgment_number: ack,
                flags: TcpFlags(flags),
                window: self.window[side],
                urgent_pointer: 0,
                options,
            },
            length,
        }
    }
}

/// A number that is off by so much, around the end.
fn moved(number: u32, by: i64) -> u32 {
    let wrapped = (i64::from(number) + by).rem_euclid(1 << 32);
    u32::try_from(wrapped).unwrap_or_default()
}
