//! Packets whose payload changes, and what that does to TCP's sequence numbers.

use alloc::collections::VecDeque;
use packet_buffer::PacketBuf;
use packet_buffer::checksum::{ChecksumDelta, internet_checksum};
use packet_buffer::wire::{IpProtocol, Ipv4Packet, TcpFlags, TcpSegment, UdpDatagram};

/// Where the parts of an IPv4 packet with a whole TCP segment or UDP datagram are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// Where the transport header starts, in octets from the start of the packet.
    pub(super) transport: usize,
    /// Where the payload starts.
    pub(super) payload: usize,
    /// Where it ends; padding follows.
    pub(super) end: usize,
    /// TCP's sequence number.
    pub(super) sequence_number: u32,
    /// TCP's flags.
    pub(super) flags: TcpFlags,
    is_tcp: bool,
}

impl Parts {
    /// Finds the parts; `None` for another packet, a fragment, or one with a wrong checksum, of
    /// which nothing can be believed.
    pub(super) fn of(octets: &[u8]) -> Option<Self> {
        let ip = Ipv4Packet::parse(octets).ok()?;
        if ip.is_fragment() {
            return None;
        }
        let transport = ip.header_len();
        match ip.protocol() {
            IpProtocol::TCP => {
                let tcp = TcpSegment::parse(ip.payload()).ok()?;
                tcp.verify_checksum(&ip.pseudo_header()).ok()?;
                Some(Self {
                    transport,
                    payload: transport + tcp.header_len(),
                    end: ip.total_length(),
                    sequence_number: tcp.sequence_number(),
                    flags: tcp.flags(),
                    is_tcp: true,
                })
            }
            IpProtocol::UDP => {
                let udp = UdpDatagram::parse(ip.payload()).ok()?;
                udp.verify_checksum(&ip.pseudo_header()).ok()?;
                Some(Self {
                    transport,
                    payload: transport + UdpDatagram::HEADER_LEN,
                    end: transport + udp.length(),
                    sequence_number: 0,
                    flags: TcpFlags::default(),
                    is_tcp: false,
                })
            }
            _ => None,
        }
    }

    /// The payload.
    pub(super) fn payload_of<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        octets.get(self.payload..self.end).unwrap_or_default()
    }

    /// Puts another payload in place, with lengths and checksums. `None`, with the packet
    /// unchanged, when it would be too long.
    pub(super) fn replace(&self, packet: &mut PacketBuf, payload: &[u8]) -> Option<()> {
        let total = u16::try_from(self.payload + payload.len()).ok()?;
        packet.truncate(self.payload);
        packet.append_slice(payload);
        let octets = packet.as_mut_slice();
        octets.get_mut(2..4)?.copy_from_slice(&total.to_be_bytes());
        let header = octets.get_mut(..self.transport)?;
        header.get_mut(10..12)?.fill(0);
        let sum = internet_checksum(header);
        header.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
        let had_checksum =
            self.is_tcp || octets.get(self.transport + 6..self.transport + 8)? != [0, 0];
        if !self.is_tcp {
            let length = u16::try_from(octets.len() - self.transport).ok()?;
            let at = self.transport + 4;
            octets
                .get_mut(at..at + 2)?
                .copy_from_slice(&length.to_be_bytes());
        }
        let (protocol, at) = if self.is_tcp {
            (IpProtocol::TCP, self.transport + 16)
        } else {
            (IpProtocol::UDP, self.transport + 6)
        };
        octets.get_mut(at..at + 2)?.fill(0);
        if had_checksum {
            let ip = Ipv4Packet::parse(octets).ok()?;
            let segment = ip.payload();
            let sum = ip.pseudo_header().sum(protocol, segment.len());
            let sum = match sum.add_bytes(segment).checksum() {
                0 if !self.is_tcp => 0xffff,
                sum => sum,
            };
            octets
                .get_mut(at..at + 2)?
                .copy_from_slice(&sum.to_be_bytes());
        }
        Some(())
    }

    /// Changes octets of the payload and patches the checksum.
    pub(super) fn patch<const N: usize>(&self, octets: &mut [u8], offset: usize, new: [u8; N]) {
        let at = self.payload + offset;
        let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<N>) else {
            return;
        };
        let old = core::mem::replace(field, new);
        let mut delta = ChecksumDelta::new();
        let is_odd = (at - self.transport) % 2 == 1;
        for (place, (old, new)) in old.into_iter().zip(new).enumerate() {
            let word = |octet: u8| {
                if (place % 2 == 1) == is_odd {
                    u16::from_be_bytes([octet, 0])
                } else {
                    u16::from(octet)
                }
            };
            delta = delta.replace_u16(word(old), word(new));
        }
        let at = self.transport + if self.is_tcp { 16 } else { 6 };
        patch_checksum(octets, at, delta, !self.is_tcp);
    }
}

fn patch_checksum(octets: &mut [u8], at: usize, delta: ChecksumDelta, is_udp: bool) {
    if let Some(field) = octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        let old = u16::from_be_bytes(*field);
        let new = if is_udp {
            delta.apply_udp(old)
        } else {
            delta.apply(old)
        };
        *field = new.to_be_bytes();
    }
}

/// How far one direction's sequence numbers are shifted, because its payload became longer or
/// shorter.
#[derive(Debug, Clone, Default)]
pub(super) struct Shifts {
    /// What is in force before the first of `list`.
    base: u32,
    list: VecDeque<Shift>,
}

#[derive(Debug, Clone, Copy)]
struct Shift {
    /// The first sequence number behind the change, as the sender counts.
    at: u32,
    /// What is added from there on.
    delta: u32,
}

/// Changes that are kept apart; older ones have been acknowledged long ago.
const MAX_SHIFTS: usize = 16;

/// Whether `a` is at `b` or behind it.
const fn is_at_or_behind(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() >= 0
}

impl Shifts {
    pub(super) fn is_empty(&self) -> bool {
        self.base == 0 && self.list.is_empty()
    }

    /// What the receiver has in place of a sender's number.
    pub(super) fn to_receiver(&self, number: u32) -> u32 {
        let behind = self.list.iter().rev();
        let shift = behind
            .clone()
            .find(|shift| is_at_or_behind(number, shift.at));
        number.wrapping_add(shift.map_or(self.base, |shift| shift.delta))
    }

    /// What the sender has in place of a receiver's number. Within a text that was changed, it is
    /// where that began or ends.
    pub(super) fn to_sender(&self, number: u32) -> u32 {
        let mut limit: Option<u32> = None;
        for shift in self.list.iter().rev() {
            if is_at_or_behind(number, shift.at.wrapping_add(shift.delta)) {
                let back = number.wrapping_sub(shift.delta);
                return within(back, limit);
            }
            limit = Some(shift.at);
        }
        within(number.wrapping_sub(self.base), limit)
    }

    /// Text that ends at `at` became so many octets longer, modulo 2^32. A repetition changes
    /// nothing.
    pub(super) fn add(&mut self, at: u32, longer: u32) {
        if longer == 0 {
            return;
        }
        // What comes late, before changes that are known, does not come at all from a real client.
        if let Some(last) = self.list.back()
            && is_at_or_behind(last.at, at)
        {
            return;
        }
        let before = self.list.back().map_or(self.base, |shift| shift.delta);
        let delta = before.wrapping_add(longer);
        self.list.push_back(Shift { at, delta });
        if self.list.len() > MAX_SHIFTS
            && let Some(first) = self.list.pop_front()
        {
            self.base = first.delta;
        }
    }
}

fn within(number: u32, limit: Option<u32>) -> u32 {
    match limit {
        Some(limit) if is_at_or_behind(number, limit) => limit,
        _ => number,
    }
}

/// Both directions of a TCP session.
#[derive(Debug, Clone, Default)]
pub(super) struct TcpShifts {
    directions: [Shifts; 2],
}

impl TcpShifts {
    pub(super) fn of(&mut self, direction: flow_table::Direction) -> &mut Shifts {
        let [original, reply] = &mut self.directions;
        match direction {
            flow_table::Direction::Original => original,
            flow_table::Direction::Reply => reply,
        }
    }

    /// Has a segment acknowledge what the sender of the data has sent: its acknowledgment number,
    /// and its SACK blocks.
    pub(super) fn acknowledge(&mut self, direction: flow_table::Direction, packet: &mut PacketBuf) {
        let shifts = self.of(direction.reversed());
        if shifts.is_empty() {
            return;
        }
        let Some((transport, options)) = tcp_places(packet.as_slice()) else {
            return;
        };
        let octets = packet.as_mut_slice();
        change(octets, transport, 8, |number| shifts.to_sender(number));
        // RFC 2018 §3: kind 5, length, and pairs of edges.
        let mut at = transport + 20;
        while at < options {
            let kind = octets.get(at).copied().unwrap_or(0);
            let length = match kind {
                0 => return,
                1 => 1,
                _ => usize::from(octets.get(at + 1).copied().unwrap_or(0)).max(2),
            };
            if kind == 5 {
                for edge in (at + 2..(at + length).min(options)).step_by(4) {
                    change(octets, transport, edge - transport, |number| {
                        shifts.to_sender(number)
                    });
                }
            }
            at += length;
        }
    }

    /// Shifts a segment's own sequence number.
    pub(super) fn advance(&mut self, direction: flow_table::Direction, packet: &mut PacketBuf) {
        let shifts = self.of(direction);
        if shifts.is_empty() {
            return;
        }
        if let Some((transport, _)) = tcp_places(packet.as_slice()) {
            let octets = packet.as_mut_slice();
            change(octets, transport, 4, |number| shifts.to_receiver(number));
        }
    }
}

/// Where a TCP header starts and ends.
fn tcp_places(octets: &[u8]) -> Option<(usize, usize)> {
    let ip = Ipv4Packet::parse(octets).ok()?;
    if ip.protocol() != IpProtocol::TCP || ip.is_fragment() {
        return None;
    }
    let tcp = TcpSegment::parse(ip.payload()).ok()?;
    Some((ip.header_len(), ip.header_len() + tcp.header_len()))
}

/// Changes a number of 32 bits in a TCP header and patches the checksum.
fn change(octets: &mut [u8], transport: usize, offset: usize, to: impl FnOnce(u32) -> u32) {
    let Some(field) = octets
        .get_mut(transport + offset..)
        .and_then(<[u8]>::first_chunk_mut::<4>)
    else {
        return;
    };
    let old = u32::from_be_bytes(*field);
    let new = to(old);
    *field = new.to_be_bytes();
    // At an odd place the octets stand in other halves of the words that are summed.
    let turned = |number: u32| {
        if offset % 2 == 1 {
            number.rotate_right(8)
        } else {
            number
        }
    };
    let delta = ChecksumDelta::new().replace_u32(turned(old), turned(new));
    patch_checksum(octets, transport + 16, delta, false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_there_and_back() {
        let mut shifts = Shifts::default();
        let start = u32::MAX - 50;
        let at = |offset: u32| start.wrapping_add(offset);
        shifts.add(at(20), 5);
        shifts.add(at(20), 5);
        shifts.add(at(100), 0u32.wrapping_sub(3));
        for (sender, receiver) in [
            (0, 0),
            (19, 19),
            (20, 25),
            // The last three octets of the text that became shorter have no place of their own.
            (96, 101),
            (100, 102),
            (500, 502),
        ] {
            assert_eq!(shifts.to_receiver(at(sender)), at(receiver), "{sender}");
            assert_eq!(shifts.to_sender(at(receiver)), at(sender), "{receiver}");
        }
        // Within the longer text.
        assert_eq!(shifts.to_sender(at(22)), at(20));
        // What came out of order, and what was known, changed nothing.
        shifts.add(at(50), 9);
        assert_eq!(shifts.to_receiver(at(500)), at(502));
    }

    #[test]
    fn old_shifts_are_forgotten_and_their_sum_stays() {
        let mut shifts = Shifts::default();
        for n in 0..100u32 {
            shifts.add(n * 10, 1);
        }
        assert_eq!(shifts.list.len(), MAX_SHIFTS);
        assert_eq!(shifts.to_receiver(5_000), 5_100);
        assert_eq!(shifts.to_sender(5_100), 5_000);
    }
}
