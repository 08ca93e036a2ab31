//! Internet Protocol version 4 (RFC 791).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+-------------------------------+
//! |Version|  IHL  | DSCP      |ECN|         Total Length          |
//! +-------+-------+---------------+-----+-------------------------+
//! |         Identification        |Flags|     Fragment Offset     |
//! +---------------+---------------+-----+-------------------------+
//! | Time to Live  |   Protocol    |        Header Checksum        |
//! +---------------+---------------+-------------------------------+
//! |                        Source Address                         |
//! +---------------------------------------------------------------+
//! |                      Destination Address                      |
//! +---------------------------------------------------------------+
//! |                  Options, up to 40 octets                     |
//! +---------------------------------------------------------------+
//! ```

use super::{HeaderOptions, IpProtocol, PseudoHeader, be16, field};
use crate::checksum::Sum;
use crate::tlv::{TlvFormat, TlvList};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv4Addr;

crate::code_points! {
    /// The type octet of an IPv4 option: copied flag, class and number.
    pub struct Ipv4OptionKind(u8) {
        /// End of the option list.
        END_OF_LIST = 0 => "end of option list",
        /// No operation.
        NO_OPERATION = 1 => "no operation",
        /// Record route (RFC 791 §3.1).
        RECORD_ROUTE = 7 => "record route",
        /// Internet timestamp (RFC 791 §3.1).
        TIMESTAMP = 68 => "timestamp",
        /// Loose source and record route; to be dropped by default (RFC 7126 §4.3).
        LOOSE_SOURCE_ROUTE = 131 => "loose source route",
        /// Strict source and record route; to be dropped by default (RFC 7126 §4.4).
        STRICT_SOURCE_ROUTE = 137 => "strict source route",
        /// Router alert (RFC 2113).
        ROUTER_ALERT = 148 => "router alert",
    }
}

impl Ipv4OptionKind {
    /// Whether every fragment of the packet carries the option, and not only the first.
    #[inline]
    pub const fn is_copied(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// A received IPv4 packet.
#[derive(Debug, Clone, Copy)]
pub struct Ipv4Packet<'a> {
    /// The whole packet: what the total length says.
    octets: &'a [u8],
    header: &'a [u8; 20],
    options: TlvList<'a>,
    payload: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Octets of a header without options.
    pub const MIN_HEADER_LEN: usize = 20;

    /// Checks a packet: version, header length, total length and options.
    ///
    /// Octets behind the total length are padding of the link and left out. The header checksum is
    /// checked by [`verify_checksum`](Self::verify_checksum).
    ///
    /// # Errors
    ///
    /// Truncated, when the header or what the total length promises is not there; bad value, for
    /// another version; bad length, when the header length is under 20, the total length is under
    /// the header length (zero among them), or an option cannot be right.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some(header) = octets.first_chunk::<20>() else {
            return Err(ParseError::truncated("IPv4 header", 0, 20, octets.len()));
        };
        let version = header[0] >> 4;
        // RFC 1122 §3.2.1.1 MUST: a packet of another version is dropped.
        if version != 4 {
            return Err(ParseError::bad_value("IPv4 version", 0, u32::from(version)));
        }
        let header_length = usize::from(header[0] & 0x0f) * 4;
        if header_length < 20 {
            return Err(ParseError::bad_length(
                "IPv4 header length",
                0,
                header_length,
            ));
        }
        let total_length = usize::from(be16::<2, 20>(header));
        if total_length < header_length {
            return Err(ParseError::bad_length("IPv4 total length", 2, total_length));
        }
        let Some(packet) = octets.get(..total_length) else {
            return Err(ParseError::truncated(
                "IPv4 packet",
                0,
                total_length,
                octets.len(),
            ));
        };
        // Both were checked; the compiler sees that as well.
        let (head, payload) = packet.split_at_checked(header_length).unwrap_or_default();
        let options = head.get(20..).unwrap_or_default();
        Ok(Self {
            octets: packet,
            header,
            options: TlvList::parse(&TlvFormat::IPV4, options, 20)?,
            payload,
        })
    }

    /// Checks the header checksum.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    // RFC 1122 §3.2.1.2 MUST: a host verifies the header checksum and drops the packet when it is bad.
    #[inline]
    pub fn verify_checksum(&self) -> Result<(), ParseError> {
        let mut sum = Sum::new().add_array(self.header);
        if !self.options.is_empty() {
            sum = sum.add_bytes(self.options.as_slice());
        }
        if sum.is_valid() {
            Ok(())
        } else {
            Err(ParseError::bad_checksum(
                "IPv4 header checksum",
                10,
                self.checksum(),
            ))
        }
    }

    /// Octets of the header with its options: 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.header[0] & 0x0f) * 4
    }

    /// Octets of the whole packet.
    #[inline]
    pub fn total_length(&self) -> usize {
        self.octets.len()
    }

    /// Differentiated services code point, 0 to 63 (RFC 2474).
    #[inline]
    pub fn dscp(&self) -> u8 {
        self.header[1] >> 2
    }

    /// Explicit congestion notification, 0 to 3 (RFC 3168).
    #[inline]
    pub fn ecn(&self) -> u8 {
        self.header[1] & 0x03
    }

    /// Groups the fragments of one packet.
    #[inline]
    pub fn identification(&self) -> u16 {
        be16::<4, 20>(self.header)
    }

    /// The flag that must be zero.
    #[inline]
    pub fn reserved_flag(&self) -> bool {
        self.header[6] & 0x80 != 0
    }

    /// Whether routers may not fragment the packet.
    #[inline]
    pub fn dont_fragment(&self) -> bool {
        self.header[6] & 0x40 != 0
    }

    /// Whether another fragment follows this one.
    #[inline]
    pub fn more_fragments(&self) -> bool {
        self.header[6] & 0x20 != 0
    }

    /// Where this fragment belongs in the original payload, in octets; a multiple of eight.
    #[inline]
    pub fn fragment_offset(&self) -> u16 {
        (be16::<6, 20>(self.header) & 0x1fff) << 3
    }

    /// Whether the packet is a fragment: the first, one in the middle or the last.
    #[inline]
    pub fn is_fragment(&self) -> bool {
        be16::<6, 20>(self.header) & 0x3fff != 0
    }

    /// Hops that the packet may still make.
    #[inline]
    pub fn time_to_live(&self) -> u8 {
        self.header[8]
    }

    /// What the payload is.
    #[inline]
    pub fn protocol(&self) -> IpProtocol {
        IpProtocol(self.header[9])
    }

    /// The header checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        be16::<10, 20>(self.header)
    }

    /// Where the packet comes from.
    #[inline]
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from(*field::<12, 4, 20>(self.header))
    }

    /// Where the packet goes.
    #[inline]
    pub fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from(*field::<16, 4, 20>(self.header))
    }

    /// The options, see [`Ipv4OptionKind`].
    #[inline]
    pub fn options(&self) -> TlvList<'a> {
        self.options
    }

    /// What the packet carries.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The whole packet, header first, without padding that followed it.
    #[inline]
    pub fn as_slice(&self) -> &'a [u8] {
        self.octets
    }

    /// The addresses as transport checksums cover them.
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::V4 {
            source: self.source(),
            destination: self.destination(),
        }
    }

    /// The header as values.
    pub fn to_repr(&self) -> Ipv4Repr {
        Ipv4Repr {
            source: self.source(),
            destination: self.destination(),
            protocol: self.protocol(),
            time_to_live: self.time_to_live(),
            dscp: self.dscp(),
            ecn: self.ecn(),
            identification: self.identification(),
            reserved_flag: self.reserved_flag(),
            dont_fragment: self.dont_fragment(),
            more_fragments: self.more_fragments(),
            fragment_offset: self.fragment_offset(),
            // A parsed header has at most 40 octets of options.
            options: HeaderOptions::from_slice(self.options.as_slice()).unwrap_or_default(),
        }
    }
}

/// An IPv4 header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv4Repr {
    /// Where the packet comes from.
    pub source: Ipv4Addr,
    /// Where the packet goes.
    pub destination: Ipv4Addr,
    /// What the payload is.
    pub protocol: IpProtocol,
    /// Hops that the packet may make.
    pub time_to_live: u8,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// Explicit congestion notification, 0 to 3.
    pub ecn: u8,
    /// Groups the fragments of one packet. Of no meaning, and best zero, in a packet that is not
    /// and cannot be fragmented (RFC 6864 §4.1).
    pub identification: u16,
    /// The flag that must be zero; kept so that a received header can be written back.
    pub reserved_flag: bool,
    /// Whether routers may not fragment the packet.
    pub dont_fragment: bool,
    /// Whether another fragment follows.
    pub more_fragments: bool,
    /// Where the payload belongs in the original payload, in octets; a multiple of eight.
    pub fragment_offset: u16,
    /// Options, as they stand in the header.
    pub options: HeaderOptions,
}

impl Ipv4Repr {
    /// The time to live that RFC 1700 recommends.
    pub const DEFAULT_TIME_TO_LIVE: u8 = 64;

    /// A header as a host sends most packets: not to be fragmented, 64 hops, no options.
    pub const fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: IpProtocol) -> Self {
        Self {
            source,
            destination,
            protocol,
            time_to_live: Self::DEFAULT_TIME_TO_LIVE,
            dscp: 0,
            ecn: 0,
            identification: 0,
            reserved_flag: false,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            options: HeaderOptions::NONE,
        }
    }

    /// The outer header for carrying `inner` through a tunnel (RFC 2003 §3.1): the type of service
    /// is copied, and so is "don't fragment" where it is set; options are not. The inner time to
    /// live is the caller's to decrement, when it forwards, and so is the identification to choose,
    /// when the outer packet may be fragmented.
    pub fn ip_in_ip(inner: &Ipv4Packet<'_>, source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self {
            dscp: inner.dscp(),
            ecn: inner.ecn(),
            dont_fragment: inner.dont_fragment(),
            ..Self::new(source, destination, IpProtocol::IPV4)
        }
    }

    /// Octets that [`emit`](Self::emit) puts in front of the payload.
    #[inline]
    pub const fn header_len(&self) -> usize {
        Ipv4Packet::MIN_HEADER_LEN + self.options.len()
    }

    /// The addresses as transport checksums cover them.
    #[inline]
    pub const fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::V4 {
            source: self.source,
            destination: self.destination,
        }
    }

    /// Writes the header in front of `packet`, with total length and checksum.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: too long, when the total length, or that of the original packet
    /// with this fragment in it, would exceed 65535 octets; unaligned, when the fragment offset,
    /// or the payload of a fragment that is not the last, is not a multiple of eight; bad value,
    /// when DSCP or ECN do not fit their bits.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let payload = packet.len();
        self.check(payload)?;
        let mut header = [0; Ipv4Packet::MIN_HEADER_LEN];
        header[0] = 0x45 + self.options.words();
        header[1] = self.dscp << 2 | self.ecn;
        let total_length = u16::try_from(self.header_len() + payload).unwrap_or(u16::MAX);
        NetworkEndian::write_u16(&mut header[2..4], total_length);
        NetworkEndian::write_u16(&mut header[4..6], self.identification);
        let flags = u16::from(self.reserved_flag) << 15
            | u16::from(self.dont_fragment) << 14
            | u16::from(self.more_fragments) << 13;
        NetworkEndian::write_u16(&mut header[6..8], flags | self.fragment_offset >> 3);
        header[8] = self.time_to_live;
        header[9] = self.protocol.0;
        header[12..16].copy_from_slice(&self.source.octets());
        header[16..20].copy_from_slice(&self.destination.octets());
        let mut sum = Sum::new().add_array(&header);
        if !self.options.is_empty() {
            sum = sum.add_bytes(self.options.as_slice());
            packet.prepend_slice(self.options.as_slice());
        }
        NetworkEndian::write_u16(&mut header[10..12], sum.checksum());
        packet.prepend_slice(&header);
        Ok(())
    }

    /// What would make the header a lie.
    #[inline]
    fn check(&self, payload: usize) -> Result<(), EmitError> {
        // The original packet has a header as well, so this is where all of its payload ends.
        let limit = (usize::from(u16::MAX) - self.header_len())
            .saturating_sub(usize::from(self.fragment_offset));
        if payload > limit {
            return Err(EmitError::TooLong {
                what: "IPv4 payload",
                length: payload,
                limit,
            });
        }
        let unaligned = |what, length| {
            Err(EmitError::Unaligned {
                what,
                length,
                multiple: 8,
            })
        };
        if !self.fragment_offset.is_multiple_of(8) {
            return unaligned("IPv4 fragment offset", usize::from(self.fragment_offset));
        }
        if self.more_fragments && !payload.is_multiple_of(8) {
            return unaligned("IPv4 fragment payload", payload);
        }
        if self.dscp > 0x3f {
            return Err(EmitError::BadValue {
                what: "IPv4 DSCP",
                value: u32::from(self.dscp),
            });
        }
        if self.ecn > 0x03 {
            return Err(EmitError::BadValue {
                what: "IPv4 ECN",
                value: u32::from(self.ecn),
            });
        }
        Ok(())
    }
}
