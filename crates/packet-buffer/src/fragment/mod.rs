//! Fragmentation and reassembly for IPv4 and IPv6.
//!
//! | part | does | specification |
//! |---|---|---|
//! | [`Ipv4Fragmenter`] | splits a packet, or a fragment again | RFC 791 §3.2, RFC 6864 §4.3 |
//! | [`Ipv6Fragmenter`] | splits a packet at its source | RFC 8200 §4.5, RFC 7112 §5 |
//! | [`Ipv4Identifications`], [`Ipv6Identifications`] | identifications that are unique and hard to guess | RFC 6864 §4.3, RFC 7739 |
//! | [`Reassembler`] | puts fragments together, within limits | RFC 791, RFC 815, RFC 1122 §3.3.2, RFC 8200 §4.5, RFC 5722, RFC 6946, RFC 3168 §5.3 |
//! | [`FirstFragmentPolicy`] | refuses fragments made to get past filters | RFC 1858, RFC 3128, RFC 7112 §5 |
//! | [`Fragment`], [`FragmentKey`] | one checked fragment, without reassembly | |
//!
//! A translator or a firewall that must find the flow of later fragments without putting the packet
//! together reads them with [`Fragment::parse`], holds them to a [`FirstFragmentPolicy`], and keeps
//! the flow of the first one by its [`FragmentKey`] in a table of its own.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use packet_buffer::fragment::{Ipv4Fragmenter, Reassembler, ReassemblerConfig, Reassembly};
//! use packet_buffer::wire::{IpPacket, IpProtocol, Ipv4Packet, Ipv4Repr};
//! use packet_buffer::{Instant, PacketBuf};
//!
//! let mut packet = PacketBuf::with_headroom(64);
//! packet.append_slice(&[0xa5; 4000]);
//! let (source, destination) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
//! let header = Ipv4Repr {
//!     dont_fragment: false,
//!     identification: 0x1234,
//!     ..Ipv4Repr::new(source, destination, IpProtocol::UDP)
//! };
//! header.emit(&mut packet)?;
//!
//! let mut reassembler = Reassembler::new(ReassemblerConfig::default())?;
//! let (mut fragment, mut whole) = (PacketBuf::new(), PacketBuf::new());
//! let mut fragmenter = Ipv4Fragmenter::new(&Ipv4Packet::parse(packet.as_slice())?, 1500)?;
//! let mut last = Reassembly::NotAFragment;
//! while fragmenter.next_fragment(&mut fragment) {
//!     assert!(fragment.len() <= 1500);
//!     let received = IpPacket::parse(fragment.as_slice())?;
//!     last = reassembler.insert(Instant::ZERO, 0, &received, &mut whole)?;
//! }
//! assert_eq!(last, Reassembly::Complete);
//! assert_eq!(whole, packet);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use crate::checksum::Sum;
use crate::wire::{IpProtocol, Ipv6Extensions};
use byteorder::{ByteOrder, NetworkEndian};

mod config;
mod datagram;
mod discard;
mod identification;
mod ipv4_fragmenter;
mod ipv6_fragmenter;
mod policy;
mod reassembler;
mod view;

pub use config::{ReassemblerConfig, ReassemblerConfigError, ReassemblerStats, WhenFull};
pub use discard::{AbandonReason, FragmentDiscard, FragmentError};
pub use identification::{Ipv4Identifications, Ipv6Identifications};
pub use ipv4_fragmenter::Ipv4Fragmenter;
pub use ipv6_fragmenter::Ipv6Fragmenter;
pub use policy::FirstFragmentPolicy;
pub use reassembler::{Reassembler, Reassembly, ReassemblyEvent};
pub use view::{Fragment, FragmentKey};

/// Octets that the payload of every fragment but the last is a multiple of.
const UNIT: usize = 8;

/// The most octets that a total length or payload length field can say.
const MAX_LENGTH: usize = 65_535;

/// Fits the IPv4 header at the front of `packet` to the packet: total length, fragment fields, ECN
/// and checksum. `fragment_word` holds the three flags and the offset as they stand on the wire.
fn patch_ipv4(packet: &mut [u8], header_len: usize, fragment_word: u16, ecn: u8) {
    // The callers keep to 65535 octets.
    let total_length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let Some(header) = packet.get_mut(..header_len) else {
        return;
    };
    if let Some(fixed) = header.first_chunk_mut::<20>() {
        fixed[1] = fixed[1] & !0x03 | ecn;
        NetworkEndian::write_u16(&mut fixed[2..4], total_length);
        NetworkEndian::write_u16(&mut fixed[6..8], fragment_word);
        fixed[10..12].fill(0);
    }
    let checksum = Sum::new().add_bytes(header).checksum();
    if let Some(fixed) = header.first_chunk_mut::<20>() {
        NetworkEndian::write_u16(&mut fixed[10..12], checksum);
    }
}

/// Fits the IPv6 header at the front of `packet` to the packet: payload length, ECN, and the Next
/// Header field at `next_header_at`, which can stand in an extension header.
fn patch_ipv6(packet: &mut [u8], next_header_at: usize, next_header: IpProtocol, ecn: u8) {
    // The callers keep to 65535 octets.
    let length = u16::try_from(packet.len().saturating_sub(40)).unwrap_or(u16::MAX);
    if let Some(fixed) = packet.first_chunk_mut::<40>() {
        fixed[1] = fixed[1] & !0x30 | ecn << 4;
        NetworkEndian::write_u16(&mut fixed[4..6], length);
    }
    if let Some(field) = packet.get_mut(next_header_at) {
        *field = next_header.0;
    }
}

/// What follows the extension header `kind` at the front of `octets`, and the length in octets that
/// the header says it has; `None` when not even that can be read.
fn extension(kind: IpProtocol, octets: &[u8]) -> Option<(IpProtocol, usize)> {
    let &[next, length, ..] = octets else {
        return None;
    };
    let length = match kind {
        IpProtocol::FRAGMENT => 8,
        IpProtocol::AH => (usize::from(length) + 2) * 4,
        _ => (usize::from(length) + 1) * 8,
    };
    Some((IpProtocol(next), length))
}

/// Whether `octets`, which start with the header `next`, hold the rest of an IPv6 header chain up to
/// the end of its upper-layer header.
fn holds_header_chain(mut next: IpProtocol, mut octets: &[u8]) -> bool {
    for _ in 0..Ipv6Extensions::MAX {
        if !next.is_ipv6_extension() {
            return octets.len() >= upper_header_len(next, octets);
        }
        let Some((after, length)) = extension(next, octets) else {
            return false;
        };
        let Some(rest) = octets.get(length..) else {
            return false;
        };
        (next, octets) = (after, rest);
    }
    false
}

/// Octets of the upper-layer header of `protocol`, the start of which is `octets`; 0 where the
/// protocol is not known.
fn upper_header_len(protocol: IpProtocol, octets: &[u8]) -> usize {
    match protocol {
        IpProtocol::TCP => {
            let words = octets.get(12).map_or(0, |octet| usize::from(octet >> 4));
            (words * 4).max(20)
        }
        IpProtocol::UDP | IpProtocol::UDP_LITE | IpProtocol::ESP | IpProtocol::MOBILITY => 8,
        IpProtocol::SCTP | IpProtocol::DCCP => 12,
        IpProtocol::ICMPV6 | IpProtocol::GRE => 4,
        IpProtocol::IPV4 => 20,
        IpProtocol::IPV6 => 40,
        _ => 0,
    }
}
