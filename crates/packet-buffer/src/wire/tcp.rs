//! Transmission Control Protocol (RFC 9293).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |          Source Port          |       Destination Port        |
//! +-------------------------------+-------------------------------+
//! |                        Sequence Number                        |
//! +---------------------------------------------------------------+
//! |                    Acknowledgment Number                      |
//! +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//! | Data  |Reser- |C|E|U|A|P|R|S|F|            Window             |
//! | Offset| ved   |W|C|R|C|S|S|Y|I|                               |
//! |       |       |R|E|G|K|H|T|N|N|                               |
//! +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//! |           Checksum            |         Urgent Pointer        |
//! +-------------------------------+-------------------------------+
//! |                  Options, up to 40 octets                     |
//! +---------------------------------------------------------------+
//! ```

use super::{HeaderOptions, IpProtocol, PseudoHeader, be16, be32, be32_at};
use crate::tlv::{Tlv, TlvFormat, TlvList};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// The twelve bits behind the data offset: four reserved ones and eight control bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(
    /// The bits as they stand in the header; the four highest are always zero.
    pub u16,
);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment number is valid.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is valid.
    pub const URG: Self = Self(0x20);
    /// ECN-Echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// Whether all of `flags` are set.
    #[inline]
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether any of `flags` is set.
    #[inline]
    pub const fn intersects(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TcpFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The names of the flags that are set, as in `SYN, ACK`; `none` without any.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(TcpFlags, &str); 8] = [
            (TcpFlags::FIN, "FIN"),
            (TcpFlags::SYN, "SYN"),
            (TcpFlags::RST, "RST"),
            (TcpFlags::PSH, "PSH"),
            (TcpFlags::ACK, "ACK"),
            (TcpFlags::URG, "URG"),
            (TcpFlags::ECE, "ECE"),
            (TcpFlags::CWR, "CWR"),
        ];
        let mut separator = "";
        for (flag, name) in NAMES {
            if self.contains(flag) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        if self.0 >> 8 != 0 {
            return write!(f, "{separator}reserved {:#x}", self.0 >> 8);
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

crate::code_points! {
    /// The kind of a TCP option.
    pub struct TcpOptionKind(u8) {
        /// End of the option list.
        END_OF_LIST = 0 => "end of option list",
        /// No operation.
        NO_OPERATION = 1 => "no operation",
        /// Maximum segment size.
        MAXIMUM_SEGMENT_SIZE = 2 => "maximum segment size",
        /// Window scale.
        WINDOW_SCALE = 3 => "window scale",
        /// Selective acknowledgment permitted.
        SACK_PERMITTED = 4 => "SACK permitted",
        /// Selective acknowledgment.
        SACK = 5 => "SACK",
        /// Timestamps.
        TIMESTAMPS = 8 => "timestamps",
        /// Keyed MD5 of BGP sessions (RFC 2385).
        MD5_SIGNATURE = 19 => "MD5 signature",
        /// TCP authentication option (RFC 5925).
        AUTHENTICATION = 29 => "authentication",
        /// Multipath TCP (RFC 8684).
        MULTIPATH = 30 => "multipath",
        /// TCP Fast Open cookie (RFC 7413).
        FAST_OPEN = 34 => "fast open",
    }
}

/// One TCP option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpOption<'a> {
    /// The end of the list; what follows is padding.
    EndOfList,
    /// Padding between options.
    NoOperation,
    /// The largest segment that the sender takes, in octets of data (RFC 9293 §3.7.1).
    MaximumSegmentSize(u16),
    /// How far the window is to be shifted, in bits; at most 14 counts (RFC 7323 §2.3).
    WindowScale(u8),
    /// The sender takes selective acknowledgments (RFC 2018 §2).
    SackPermitted,
    /// Blocks of data that have arrived (RFC 2018 §3).
    Sack(SackBlocks<'a>),
    /// Timestamps (RFC 7323 §3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The receiver's clock, echoed.
        echo_reply: u32,
    },
    /// Any other option, and a known one whose length is not that of its kind.
    Other {
        /// The kind.
        kind: TcpOptionKind,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

impl<'a> TcpOption<'a> {
    /// Reads one element of an option list.
    fn from_tlv(option: Tlv<'a>) -> Self {
        let kind = TcpOptionKind(option.kind);
        match (kind, option.data) {
            (TcpOptionKind::END_OF_LIST, _) => Self::EndOfList,
            (TcpOptionKind::NO_OPERATION, _) => Self::NoOperation,
            (TcpOptionKind::MAXIMUM_SEGMENT_SIZE, &[high, low]) => {
                Self::MaximumSegmentSize(u16::from_be_bytes([high, low]))
            }
            (TcpOptionKind::WINDOW_SCALE, &[shift]) => Self::WindowScale(shift),
            (TcpOptionKind::SACK_PERMITTED, []) => Self::SackPermitted,
            (TcpOptionKind::SACK, data) if !data.is_empty() && data.len() % 8 == 0 => {
                Self::Sack(SackBlocks { octets: data })
            }
            (TcpOptionKind::TIMESTAMPS, data @ [_, _, _, _, _, _, _, _]) => Self::Timestamps {
                value: be32_at(data, 0).unwrap_or_default(),
                echo_reply: be32_at(data, 4).unwrap_or_default(),
            },
            (kind, data) => Self::Other { kind, data },
        }
    }

    /// The kind of the option.
    pub const fn kind(&self) -> TcpOptionKind {
        match self {
            Self::EndOfList => TcpOptionKind::END_OF_LIST,
            Self::NoOperation => TcpOptionKind::NO_OPERATION,
            Self::MaximumSegmentSize(_) => TcpOptionKind::MAXIMUM_SEGMENT_SIZE,
            Self::WindowScale(_) => TcpOptionKind::WINDOW_SCALE,
            Self::SackPermitted => TcpOptionKind::SACK_PERMITTED,
            Self::Sack(_) => TcpOptionKind::SACK,
            Self::Timestamps { .. } => TcpOptionKind::TIMESTAMPS,
            Self::Other { kind, .. } => *kind,
        }
    }
}

/// The blocks of a SACK option: left edge (first sequence number of the block) and right edge (the
/// one after its last).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SackBlocks<'a> {
    /// Eight octets a block.
    octets: &'a [u8],
}

impl<'a> SackBlocks<'a> {
    /// The blocks in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        self.octets
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| (be32::<0, 8>(b), be32::<4, 8>(b)))
    }

    /// The blocks as octets of the wire, for [`HeaderOptions::from_tcp_options`]: eight a block.
    ///
    /// # Errors
    ///
    /// Unaligned, when `octets` is not a multiple of eight; too long for more than four blocks.
    pub fn from_octets(octets: &'a [u8]) -> Result<Self, EmitError> {
        let (what, length) = ("SACK blocks", octets.len());
        if length % 8 != 0 {
            return Err(EmitError::Unaligned {
                what,
                length,
                multiple: 8,
            });
        }
        if length > 32 {
            return Err(EmitError::TooLong {
                what,
                length,
                limit: 32,
            });
        }
        Ok(Self { octets })
    }
}

impl fmt::Debug for SackBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl HeaderOptions {
    /// The given TCP options in order, padded with zeroes to a multiple of four.
    ///
    /// ```
    /// use packet_buffer::wire::{HeaderOptions, TcpOption};
    ///
    /// let options = HeaderOptions::from_tcp_options(&[
    ///     TcpOption::MaximumSegmentSize(1460),
    ///     TcpOption::SackPermitted,
    /// ])?;
    /// assert_eq!(options.as_slice(), [2, 4, 0x05, 0xb4, 4, 2, 0, 0]);
    /// # Ok::<(), packet_buffer::EmitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`EmitError::TooLong`] for more than 40 octets; [`EmitError::BadValue`] for a
    /// [`TcpOption::Other`] whose kind has no length and no data: 0 and 1.
    pub fn from_tcp_options(options: &[TcpOption<'_>]) -> Result<Self, EmitError> {
        let mut octets = [0; Self::MAX];
        let mut len = 0usize;
        let mut put = |part: &[u8]| {
            let end = len.saturating_add(part.len());
            let room = octets.get_mut(len..end).ok_or(Self::too_long(end))?;
            room.copy_from_slice(part);
            len = end;
            Ok(())
        };
        for option in options {
            let kind = option.kind().0;
            match *option {
                TcpOption::EndOfList | TcpOption::NoOperation => put(&[kind])?,
                TcpOption::MaximumSegmentSize(size) => {
                    let [high, low] = size.to_be_bytes();
                    put(&[kind, 4, high, low])?;
                }
                TcpOption::WindowScale(shift) => put(&[kind, 3, shift])?,
                TcpOption::SackPermitted => put(&[kind, 2])?,
                TcpOption::Timestamps { value, echo_reply } => {
                    put(&[kind, 10])?;
                    put(&value.to_be_bytes())?;
                    put(&echo_reply.to_be_bytes())?;
                }
                TcpOption::Other {
                    kind: TcpOptionKind::END_OF_LIST | TcpOptionKind::NO_OPERATION,
                    ..
                } => {
                    return Err(EmitError::BadValue {
                        what: "TCP option kind",
                        value: u32::from(kind),
                    });
                }
                TcpOption::Sack(SackBlocks { octets: data }) | TcpOption::Other { data, .. } => {
                    let length = u8::try_from(data.len().saturating_add(2));
                    put(&[kind, length.map_err(|_| Self::too_long(data.len()))?])?;
                    put(data)?;
                }
            }
        }
        Self::from_slice(octets.get(..len).unwrap_or_default())
    }
}

/// A received TCP segment.
#[derive(Debug, Clone, Copy)]
pub struct TcpSegment<'a> {
    octets: &'a [u8],
    header: &'a [u8; 20],
    options: TlvList<'a>,
    payload: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// Octets of a header without options.
    pub const MIN_HEADER_LEN: usize = 20;

    /// Checks a segment: data offset and options. `octets` is the whole payload of the IP packet.
    ///
    /// # Errors
    ///
    /// Truncated, when the header is not there whole; bad length, when the data offset is under
    /// five words, or an option cannot be right.
    // RFC 9293 §3.1 MUST (MUST-7): an illegal option length is handled without crashing.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<20>() else {
            return Err(ParseError::truncated("TCP header", 0, 20, octets.len()));
        };
        let header_length = usize::from(header[12] >> 4) * 4;
        let Some(options_length) = header_length.checked_sub(20) else {
            return Err(ParseError::bad_length("TCP data offset", 12, header_length));
        };
        let Some((options, payload)) = rest.split_at_checked(options_length) else {
            return Err(ParseError::truncated(
                "TCP header",
                0,
                header_length,
                octets.len(),
            ));
        };
        let options = TlvList::parse(&TlvFormat::TCP, options, 20)?;
        Ok(Self {
            octets,
            header,
            options,
            payload,
        })
    }

    /// Checks the checksum.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    // RFC 9293 §3.1 MUST (MUST-3): the receiver checks the checksum.
    #[inline]
    pub fn verify_checksum(&self, pseudo_header: &PseudoHeader) -> Result<(), ParseError> {
        let sum = pseudo_header
            .sum(IpProtocol::TCP, self.octets.len())
            .add_bytes(self.octets);
        if sum.is_valid() {
            Ok(())
        } else {
            Err(ParseError::bad_checksum(
                "TCP checksum",
                16,
                self.checksum(),
            ))
        }
    }

    /// The sender's port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        be16::<0, 20>(self.header)
    }

    /// The receiver's port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        be16::<2, 20>(self.header)
    }

    /// The number of the first octet of data, or of the SYN.
    #[inline]
    pub fn sequence_number(&self) -> u32 {
        be32::<4, 20>(self.header)
    }

    /// The next sequence number that the sender expects, when ACK is set.
    #[inline]
    pub fn acknowledgment_number(&self) -> u32 {
        be32::<8, 20>(self.header)
    }

    /// Octets of the header with its options: 20 to 60.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.header[12] >> 4) * 4
    }

    /// Control and reserved bits.
    #[inline]
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(be16::<12, 20>(self.header) & 0x0fff)
    }

    /// Octets that the sender takes, before scaling.
    #[inline]
    pub fn window(&self) -> u16 {
        be16::<14, 20>(self.header)
    }

    /// The checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        be16::<16, 20>(self.header)
    }

    /// Where urgent data ends, counted from the sequence number, when URG is set.
    #[inline]
    pub fn urgent_pointer(&self) -> u16 {
        be16::<18, 20>(self.header)
    }

    /// The options in wire order.
    #[inline]
    pub fn options(&self) -> impl Iterator<Item = TcpOption<'a>> + use<'a> {
        self.options.iter().map(TcpOption::from_tlv)
    }

    /// The options as they stand in the header.
    #[inline]
    pub fn option_list(&self) -> TlvList<'a> {
        self.options
    }

    /// The data.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Sequence numbers that the segment takes: its data, and one each for SYN and FIN
    /// (RFC 9293 §3.4, SEG.LEN).
    pub fn sequence_length(&self) -> usize {
        let flags = self.flags();
        self.payload.len()
            + usize::from(flags.contains(TcpFlags::SYN))
            + usize::from(flags.contains(TcpFlags::FIN))
    }

    /// The header as values.
    pub fn to_repr(&self) -> TcpRepr {
        TcpRepr {
            source_port: self.source_port(),
            destination_port: self.destination_port(),
            sequence_number: self.sequence_number(),
            acknowledgment_number: self.acknowledgment_number(),
            flags: self.flags(),
            window: self.window(),
            urgent_pointer: self.urgent_pointer(),
            // A parsed header has at most 40 octets of options.
            options: HeaderOptions::from_slice(self.options.as_slice()).unwrap_or_default(),
        }
    }
}

/// A TCP header as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpRepr {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The number of the first octet of data, or of the SYN.
    pub sequence_number: u32,
    /// The next sequence number expected, when ACK is set.
    pub acknowledgment_number: u32,
    /// Control and reserved bits.
    pub flags: TcpFlags,
    /// Octets that the sender takes, before scaling.
    pub window: u16,
    /// Where urgent data ends, when URG is set.
    pub urgent_pointer: u16,
    /// Options, see [`HeaderOptions::from_tcp_options`].
    pub options: HeaderOptions,
}

impl TcpRepr {
    /// Octets that [`emit`](Self::emit) puts in front of the data.
    #[inline]
    pub const fn header_len(&self) -> usize {
        TcpSegment::MIN_HEADER_LEN + self.options.len()
    }

    /// Writes the header in front of `packet`, with data offset and checksum.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: too long, when header and data exceed 65535 octets; bad value,
    /// when the flags have more than twelve bits.
    // RFC 9293 §3.1 MUST (MUST-2): the sender generates the checksum.
    #[inline]
    pub fn emit(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let limit = usize::from(u16::MAX) - self.header_len();
        if packet.len() > limit {
            return Err(EmitError::TooLong {
                what: "TCP data",
                length: packet.len(),
                limit,
            });
        }
        if self.flags.0 > 0x0fff {
            let value = u32::from(self.flags.0);
            return Err(EmitError::BadValue {
                what: "TCP flags",
                value,
            });
        }
        let mut header = [0; TcpSegment::MIN_HEADER_LEN];
        NetworkEndian::write_u16(&mut header[0..2], self.source_port);
        NetworkEndian::write_u16(&mut header[2..4], self.destination_port);
        NetworkEndian::write_u32(&mut header[4..8], self.sequence_number);
        NetworkEndian::write_u32(&mut header[8..12], self.acknowledgment_number);
        let words = 5 + u16::from(self.options.words());
        NetworkEndian::write_u16(&mut header[12..14], words << 12 | self.flags.0);
        NetworkEndian::write_u16(&mut header[14..16], self.window);
        NetworkEndian::write_u16(&mut header[18..20], self.urgent_pointer);
        let options = self.options.as_slice();
        let mut sum = pseudo_header
            .sum(IpProtocol::TCP, self.header_len() + packet.len())
            .add_array(&header);
        if !options.is_empty() {
            sum = sum.add_bytes(options);
        }
        let sum = sum.add_bytes(packet.as_slice());
        NetworkEndian::write_u16(&mut header[16..18], sum.checksum());
        if !options.is_empty() {
            packet.prepend_slice(options);
        }
        packet.prepend_slice(&header);
        Ok(())
    }
}
