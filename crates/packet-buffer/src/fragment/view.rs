//! One fragment, checked on its own.

use super::{FragmentDiscard, MAX_LENGTH, UNIT, extension, patch_ipv6};
use crate::wire::{IpPacket, IpProtocol, Ipv4Packet, Ipv6Extensions, Ipv6Packet};
use crate::{Cursor, PacketBuf, ParseError};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ops::RangeInclusive;

/// What the fragments of one packet have in common.
///
/// `zone` is the caller's: an interface, a routing table, or 0. Fragments of different zones are
/// never put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FragmentKey {
    /// Fragments over IPv4.
    // RFC 791 §3.2 MUST (key): fragments with the same source, destination, protocol and
    // identification belong together.
    V4 {
        /// Where the caller received the packet.
        zone: u32,
        /// Where the packet comes from.
        source: Ipv4Addr,
        /// Where the packet goes.
        destination: Ipv4Addr,
        /// What the packet carries.
        protocol: IpProtocol,
        /// The identification that the sender gave the packet.
        identification: u16,
    },
    /// Fragments over IPv6.
    // RFC 8200 §4.5 MUST (key): only fragments with the same source, destination and identification
    // are put together; the Next Header does not count.
    V6 {
        /// Where the caller received the packet.
        zone: u32,
        /// Where the packet comes from.
        source: Ipv6Addr,
        /// Where the packet goes.
        destination: Ipv6Addr,
        /// The identification that the sender gave the packet.
        identification: u32,
    },
}

impl FragmentKey {
    /// Where the packet comes from.
    pub const fn source(&self) -> IpAddr {
        match *self {
            Self::V4 { source, .. } => IpAddr::V4(source),
            Self::V6 { source, .. } => IpAddr::V6(source),
        }
    }

    /// Where the packet goes.
    pub const fn destination(&self) -> IpAddr {
        match *self {
            Self::V4 { destination, .. } => IpAddr::V4(destination),
            Self::V6 { destination, .. } => IpAddr::V6(destination),
        }
    }

    /// All keys of the same source: of an IPv4 address, or of an IPv6 prefix of 64 bits, since one
    /// host has that many IPv6 addresses to send from.
    pub(super) fn of_same_source(&self) -> RangeInclusive<Self> {
        match *self {
            Self::V4 { zone, source, .. } => {
                let end = |octet| Self::V4 {
                    zone,
                    source,
                    destination: Ipv4Addr::from([octet; 4]),
                    protocol: IpProtocol(octet),
                    identification: u16::from_ne_bytes([octet; 2]),
                };
                end(0)..=end(0xff)
            }
            Self::V6 { zone, source, .. } => {
                let end = |octet| Self::V6 {
                    zone,
                    source: Ipv6Addr::from_bits(
                        source.to_bits() >> 64 << 64 | u128::from(u64::from_ne_bytes([octet; 8])),
                    ),
                    destination: Ipv6Addr::from([octet; 16]),
                    identification: u32::from_ne_bytes([octet; 4]),
                };
                end(0)..=end(0xff)
            }
        }
    }
}

/// A received fragment whose lengths can be true.
///
/// ```
/// use packet_buffer::fragment::Fragment;
/// use packet_buffer::wire::IpPacket;
///
/// // The last octets of a datagram: offset 8, no more fragments.
/// let octets = [
///     0x45, 0, 0, 22, 0x12, 0x34, 0x00, 0x01, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0xaa, 0xbb,
/// ];
/// let fragment = Fragment::parse(0, &IpPacket::parse(&octets)?)?.expect("a fragment");
/// assert_eq!((fragment.offset(), fragment.end()), (8, 10));
/// assert!(!fragment.more_fragments());
/// assert_eq!(fragment.payload(), [0xaa, 0xbb]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    key: FragmentKey,
    /// The whole packet.
    packet: &'a [u8],
    /// Octets in front of the payload, those of the fragment header among them.
    header_len: usize,
    /// Of an IPv6 packet: where the Next Header field stands that names the fragment header.
    next_header_at: usize,
    payload: &'a [u8],
    offset: u16,
    end: u16,
    more_fragments: bool,
    protocol: IpProtocol,
    ecn: u8,
}

impl<'a> Fragment<'a> {
    /// Checks a packet that may be a fragment; `None` when it is not one.
    ///
    /// # Errors
    ///
    /// Malformed, when the IPv6 headers up to the fragment header cannot be read, or another
    /// fragment header follows it; empty; unaligned; too long.
    pub fn parse(zone: u32, packet: &IpPacket<'a>) -> Result<Option<Self>, FragmentDiscard> {
        match packet {
            IpPacket::V4(packet) => Self::parse_v4(zone, packet),
            IpPacket::V6(packet) => Self::parse_v6(zone, packet),
        }
    }

    fn parse_v4(zone: u32, packet: &Ipv4Packet<'a>) -> Result<Option<Self>, FragmentDiscard> {
        if !packet.is_fragment() {
            return Ok(None);
        }
        let (header_len, payload) = (packet.header_len(), packet.payload());
        let (offset, more_fragments) = (packet.fragment_offset(), packet.more_fragments());
        let end = check_lengths(header_len, offset, payload, more_fragments, None)?;
        Ok(Some(Self {
            key: FragmentKey::V4 {
                zone,
                source: packet.source(),
                destination: packet.destination(),
                protocol: packet.protocol(),
                identification: packet.identification(),
            },
            packet: packet.as_slice(),
            header_len,
            next_header_at: 0,
            payload,
            offset,
            end,
            more_fragments,
            protocol: packet.protocol(),
            ecn: packet.ecn(),
        }))
    }

    fn parse_v6(zone: u32, packet: &Ipv6Packet<'a>) -> Result<Option<Self>, FragmentDiscard> {
        let Some((next_header_at, header_at)) = find_fragment_header(packet)? else {
            return Ok(None);
        };
        let rest = packet.as_slice().get(header_at..).unwrap_or_default();
        let mut cursor = Cursor::at(rest, header_at);
        let what = "IPv6 fragment header";
        let protocol = IpProtocol(cursor.u8(what)?);
        cursor.u8(what)?;
        let word = cursor.u16(what)?;
        let identification = cursor.u32(what)?;
        let (offset, more_fragments) = (word & 0xfff8, word & 1 != 0);
        if offset == 0 && protocol == IpProtocol::FRAGMENT {
            let value = u32::from(protocol.0);
            return Err(
                ParseError::bad_value("second IPv6 fragment header", header_at, value).into(),
            );
        }
        let (header_len, payload) = (cursor.offset(), cursor.rest());
        let end = if offset == 0 && !more_fragments {
            // An atomic fragment may have any length, zero among them.
            u16::try_from(payload.len()).unwrap_or(u16::MAX)
        } else {
            // What the payload length of the packet will count beside the payloads of fragments.
            let extensions = header_at - Ipv6Packet::HEADER_LEN;
            check_lengths(extensions, offset, payload, more_fragments, Some(header_at))?
        };
        Ok(Some(Self {
            key: FragmentKey::V6 {
                zone,
                source: packet.source(),
                destination: packet.destination(),
                identification,
            },
            packet: packet.as_slice(),
            header_len,
            next_header_at,
            payload,
            offset,
            end,
            more_fragments,
            protocol,
            ecn: packet.ecn(),
        }))
    }

    /// What the fragments of the packet have in common.
    #[inline]
    pub const fn key(&self) -> FragmentKey {
        self.key
    }

    /// Where the payload belongs in the original payload, in octets; a multiple of eight.
    #[inline]
    pub const fn offset(&self) -> u16 {
        self.offset
    }

    /// Where the payload ends in the original payload, in octets.
    #[inline]
    pub const fn end(&self) -> u16 {
        self.end
    }

    /// Whether another fragment follows this one.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.more_fragments
    }

    /// Whether the payload is the start of the original one, with the transport header.
    #[inline]
    pub const fn is_first(&self) -> bool {
        self.offset == 0
    }

    /// Whether the packet is whole in spite of its fragment header: possible over IPv6 only
    /// (RFC 6946).
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.offset == 0 && !self.more_fragments
    }

    /// What the original payload starts with. Over IPv6 only the first fragment is to be believed.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    #[inline]
    pub const fn ecn(&self) -> u8 {
        self.ecn
    }

    /// The part of the original payload that the fragment carries.
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole packet, headers first.
    #[inline]
    pub const fn as_slice(&self) -> &'a [u8] {
        self.packet
    }

    /// Octets in front of the payload, those of an IPv6 fragment header among them.
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// Of an IPv6 packet: where the Next Header field stands that names the fragment header, in
    /// octets from the start of the packet.
    pub(super) const fn next_header_at(&self) -> usize {
        self.next_header_at
    }

    /// Writes an atomic fragment into `out` without its fragment header.
    pub(super) fn write_atomic(&self, out: &mut PacketBuf) {
        let headers = self.header_len.saturating_sub(UNIT);
        out.clear();
        out.append_slice(self.packet.get(..headers).unwrap_or_default());
        out.append_slice(self.payload);
        patch_ipv6(
            out.as_mut_slice(),
            self.next_header_at,
            self.protocol,
            self.ecn,
        );
    }
}

/// Checks what must hold for every fragment, and returns where the payload ends in the original.
///
/// `headers` is what the length field of the whole packet counts beside the payload; `header_at` is
/// where the fragment header of an IPv6 packet stands.
fn check_lengths(
    headers: usize,
    offset: u16,
    payload: &[u8],
    more_fragments: bool,
    header_at: Option<usize>,
) -> Result<u16, FragmentDiscard> {
    if payload.is_empty() {
        return Err(FragmentDiscard::Empty);
    }
    // RFC 8200 §4.5 MUST (unaligned): a fragment that is not the last and whose length is not a
    // multiple of 8 octets is discarded. So it is over IPv4: no sender makes one.
    if more_fragments && !payload.len().is_multiple_of(UNIT) {
        return Err(FragmentDiscard::Unaligned {
            length: payload.len(),
            // The Payload Length field of the fixed header.
            icmpv6_pointer: header_at.map(|_| 4),
        });
    }
    // RFC 8200 §4.5 MUST (too-long): a fragment is discarded that would make the payload length
    // exceed 65535 octets. Over IPv4 it is the total length.
    let end = usize::from(offset) + payload.len();
    let length = headers + end;
    if length > MAX_LENGTH {
        return Err(FragmentDiscard::TooLong {
            length,
            // The Fragment Offset field stands two octets into the fragment header.
            icmpv6_pointer: header_at.and_then(|at| u32::try_from(at + 2).ok()),
        });
    }
    Ok(u16::try_from(end).unwrap_or(u16::MAX))
}

/// Where the Next Header field stands that names the fragment header, and where that header starts,
/// both in octets from the start of the packet.
///
/// Options are not looked at: a node on the way, or the host, has processed them.
fn find_fragment_header(packet: &Ipv6Packet<'_>) -> Result<Option<(usize, usize)>, ParseError> {
    let octets = packet.as_slice();
    // The Next Header field of the fixed header.
    let mut field = 6;
    let (mut next, mut at) = (packet.next_header(), Ipv6Packet::HEADER_LEN);
    for count in 0..=Ipv6Extensions::MAX {
        if next == IpProtocol::FRAGMENT {
            return Ok(Some((field, at)));
        }
        if !next.is_ipv6_extension() {
            return Ok(None);
        }
        if next == IpProtocol::HOP_BY_HOP && count > 0 {
            return Err(ParseError::bad_value(
                "IPv6 hop-by-hop header, not first,",
                at,
                0,
            ));
        }
        let rest = octets.get(at..).unwrap_or_default();
        let (after, length) = extension(next, rest).unwrap_or((next, UNIT));
        if length > rest.len() {
            let what = "IPv6 extension header";
            return Err(ParseError::truncated(what, at, length, rest.len()));
        }
        (field, next, at) = (at, after, at + length);
    }
    let value = u32::from(next.0);
    Err(ParseError::unsupported("IPv6 extension header", at, value))
}
