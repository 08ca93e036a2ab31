//! Packets and a reassembler for the tests of fragmentation.

#![allow(dead_code, reason = "each test file uses some of it")]

use core::net::{Ipv4Addr, Ipv6Addr};
use packet_buffer::fragment::{
    FragmentDiscard, FragmentKey, Reassembler, ReassemblerConfig, Reassembly,
};
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6FragmentHeader, Ipv6Repr,
};
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};

pub(crate) const A4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const B4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
pub(crate) const A6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1);
pub(crate) const B6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 7);

/// The header of an IPv4 packet that may be fragmented.
pub(crate) fn header4() -> Ipv4Repr {
    Ipv4Repr {
        dont_fragment: false,
        identification: 0x1234,
        ..Ipv4Repr::new(A4, B4, IpProtocol::UDP)
    }
}

/// An IPv4 packet.
pub(crate) fn packet4(header: Ipv4Repr, payload: &[u8]) -> Vec<u8> {
    let mut packet = PacketBuf::from(payload);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// An IPv4 fragment, with lengths that may be wrong.
pub(crate) fn fragment4(offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    fragment4_of(header4(), offset, more, payload)
}

/// The same with another header.
pub(crate) fn fragment4_of(header: Ipv4Repr, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut packet = packet4(header, payload);
    let flags = u16::from_be_bytes([packet[6], packet[7]]);
    let word = flags | (offset / 8) | (u16::from(more) << 13);
    packet[6..8].copy_from_slice(&word.to_be_bytes());
    seal4(&mut packet);
    packet
}

/// Computes the IPv4 header checksum.
pub(crate) fn seal4(packet: &mut [u8]) {
    let header = usize::from(packet[0] & 0xf) * 4;
    packet[10..12].fill(0);
    let sum = packet_buffer::checksum::internet_checksum(&packet[..header]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// An IPv6 fragment of a UDP datagram, with lengths that may be wrong.
pub(crate) fn fragment6(identification: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Repr::new(A6, B6, IpProtocol::FRAGMENT);
    fragment6_of(
        header,
        &[],
        IpProtocol::UDP,
        identification,
        offset,
        more,
        payload,
    )
}

/// The same with another header, other extension headers (which name the fragment header
/// themselves) and another protocol.
pub(crate) fn fragment6_of(
    header: Ipv6Repr,
    extensions: &[u8],
    next_header: IpProtocol,
    identification: u32,
    offset: u16,
    more: bool,
    payload: &[u8],
) -> Vec<u8> {
    let mut fragment_header = PacketBuf::new();
    let values = Ipv6FragmentHeader {
        next_header,
        offset,
        more_fragments: more,
        identification,
    };
    values.emit(&mut fragment_header).unwrap();
    let mut packet = PacketBuf::from(payload);
    packet.prepend_slice(fragment_header.as_slice());
    packet.prepend_slice(extensions);
    header.emit(&mut packet).unwrap();
    packet.as_slice().to_vec()
}

/// Octets that differ from place to place.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// A reassembler, what it made, and its clock.
pub(crate) struct Bench {
    pub(crate) reassembler: Reassembler,
    pub(crate) out: PacketBuf,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(ReassemblerConfig::default())
    }

    pub(crate) fn with(config: ReassemblerConfig) -> Self {
        Self {
            reassembler: Reassembler::new(config).unwrap(),
            out: PacketBuf::new(),
            now: Instant::from_secs(1_000),
        }
    }

    pub(crate) fn insert(&mut self, packet: &[u8]) -> Result<Reassembly, FragmentDiscard> {
        let packet = IpPacket::parse(packet).expect("the tests write packets");
        self.reassembler.insert(self.now, 0, &packet, &mut self.out)
    }

    /// Inserts a fragment that is kept, and others are missing.
    #[track_caller]
    pub(crate) fn hold(&mut self, packet: &[u8]) {
        assert_eq!(self.insert(packet), Ok(Reassembly::Incomplete));
    }

    /// Inserts fragments of which none but the last makes the packet whole; returns that packet.
    #[track_caller]
    pub(crate) fn assemble(&mut self, fragments: &[Vec<u8>]) -> Vec<u8> {
        let (last, others) = fragments.split_last().unwrap();
        for fragment in others {
            self.hold(fragment);
        }
        assert_eq!(self.insert(last), Ok(Reassembly::Complete));
        self.out.as_slice().to_vec()
    }

    /// Inserts a fragment that is refused, and checks that nothing but a counter changes.
    #[track_caller]
    pub(crate) fn refuse(&mut self, packet: &[u8]) -> FragmentDiscard {
        let before = self.visible();
        let discard = self.insert(packet).unwrap_err();
        assert_eq!(self.visible(), before);
        discard
    }

    fn visible(&self) -> (usize, usize, Option<Instant>, Vec<u8>) {
        let machine = &self.reassembler;
        (
            machine.datagrams(),
            machine.octets(),
            machine.poll_timeout(),
            self.out.as_slice().to_vec(),
        )
    }
}

/// A source that repeats itself after a long time.
pub(crate) struct Random(pub(crate) u64);

impl RandomSource for Random {
    fn fill(&mut self, dest: &mut [u8]) {
        for octet in dest {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *octet = (self.0 >> 56) as u8;
        }
    }
}

/// The key of the fragments that [`fragment4`] makes.
pub(crate) fn key4() -> FragmentKey {
    FragmentKey::V4 {
        zone: 0,
        source: A4,
        destination: B4,
        protocol: IpProtocol::UDP,
        identification: 0x1234,
    }
}

/// The header of a valid IPv4 packet.
pub(crate) fn read4(packet: &[u8]) -> Result<Ipv4Packet<'_>, ParseError> {
    let packet = Ipv4Packet::parse(packet)?;
    packet.verify_checksum()?;
    Ok(packet)
}
