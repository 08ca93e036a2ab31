//! Transport headers, as far as flows need them.
//!
//! These are values, read once: fixed offsets, no options walked. `packet_buffer::wire` has views that check and
//! show everything; a gateway must not refuse what end hosts accept, such as odd TCP options.

use packet_buffer::wire::{IpProtocol, TcpFlags};
use packet_buffer::{Cursor, ParseError};

/// A TCP segment, as a state tracker sees it.
///
/// The options are not checked: a gateway that drops segments for an option list which it does not
/// need stands in the way of connections. [`window_scale`](Self::window_scale) and
/// [`sack_right_edge`](Self::sack_right_edge) read them as far as they can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The number of the first octet of data, or of the SYN.
    pub sequence_number: u32,
    /// The next number that the sender expects, when ACK is set.
    pub acknowledgment_number: u32,
    /// Control and reserved bits.
    pub flags: TcpFlags,
    /// Octets that the sender takes, before scaling.
    pub window: u16,
    /// The octets of the options.
    pub options: &'a [u8],
    /// The data; in a first fragment, what of it is there.
    pub payload: &'a [u8],
}

impl<'a> TcpSegment<'a> {
    /// Reads the header of `octets`, an IP packet's whole payload.
    ///
    /// # Errors
    ///
    /// Truncated, when the header with its options is not there whole; bad length, when the data
    /// offset is under five words.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        Self::read(octets).ok_or_else(|| Self::fault(octets))
    }

    /// As [`parse`](Self::parse), without the reason.
    // In a result that has room for an error, what was read goes through memory.
    #[inline(always)]
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let (header, rest) = octets.split_first_chunk::<20>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = *header;
        let offset_and_flags = u16::from_be_bytes([m, n]);
        let length = Self::header_length(offset_and_flags).checked_sub(20)?;
        let (options, payload) = rest.split_at_checked(length)?;
        Some(Self {
            source_port: u16::from_be_bytes([a, b]),
            destination_port: u16::from_be_bytes([c, d]),
            sequence_number: u32::from_be_bytes([e, f, g, h]),
            acknowledgment_number: u32::from_be_bytes([i, j, k, l]),
            flags: TcpFlags(offset_and_flags & 0x0fff),
            window: u16::from_be_bytes([o, p]),
            options,
            payload,
        })
    }

    #[inline]
    const fn header_length(offset_and_flags: u16) -> usize {
        (offset_and_flags >> 12) as usize * 4
    }

    /// What is wrong with octets that are no segment.
    #[cold]
    fn fault(octets: &[u8]) -> ParseError {
        let Some((header, rest)) = octets.split_first_chunk::<20>() else {
            return Self::cut_short(octets);
        };
        let header_length = Self::header_length(u16::from_be_bytes([header[12], header[13]]));
        match header_length.checked_sub(20) {
            None => ParseError::bad_length("TCP data offset", 12, header_length),
            Some(length) => ParseError::truncated("TCP options", 20, length, rest.len()),
        }
    }

    /// Where a header of less than 20 octets ends.
    fn cut_short(octets: &[u8]) -> ParseError {
        const FIELDS: [(usize, &str); 7] = [
            (2, "TCP source port"),
            (2, "TCP destination port"),
            (4, "TCP sequence number"),
            (4, "TCP acknowledgment number"),
            (2, "TCP flags"),
            (2, "TCP window"),
            (4, "TCP checksum and urgent pointer"),
        ];
        let mut cursor = Cursor::new(octets);
        let mut fields = FIELDS.into_iter();
        let error = fields.find_map(|(length, what)| cursor.take(length, what).err());
        error.unwrap_or_else(|| ParseError::truncated("TCP header", 0, 20, octets.len()))
    }

    /// Sequence numbers that the segment takes: its data, and one each for SYN and FIN
    /// (RFC 9293 §3.4, SEG.LEN).
    #[inline]
    pub fn sequence_length(&self) -> u32 {
        // An IP packet's payload is far under 2^32 octets.
        let data = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        data.wrapping_add(u32::from(self.flags.contains(TcpFlags::SYN)))
            .wrapping_add(u32::from(self.flags.contains(TcpFlags::FIN)))
    }

    /// The sequence number that follows the segment.
    #[inline]
    pub fn sequence_end(&self) -> u32 {
        self.sequence_number.wrapping_add(self.sequence_length())
    }

    /// The shift of the window scale option, as it stands there (RFC 7323 §2.2).
    pub fn window_scale(&self) -> Option<u8> {
        self.find_option(3, |data| match data {
            [shift] => Some(*shift),
            _ => None,
        })
    }

    /// Whether the SACK-permitted option is there (RFC 2018 §2).
    pub fn permits_sack(&self) -> bool {
        self.find_option(4, |data| data.is_empty().then_some(()))
            .is_some()
    }

    /// The right edge of the block that reaches farthest, of the SACK option (RFC 2018 §3).
    pub fn sack_right_edge(&self) -> Option<u32> {
        // Almost all segments carry none, and timestamps alone are the usual layout.
        if let [1, 1, 8, 10, ..] = self.options
            && self.options.len() == 12
        {
            return None;
        }
        self.find_option(5, |data| {
            let (blocks, _) = data.as_chunks::<8>();
            blocks
                .iter()
                .map(|&[_, _, _, _, a, b, c, d]| u32::from_be_bytes([a, b, c, d]))
                .reduce(|farthest, edge| {
                    if edge.wrapping_sub(farthest).cast_signed() > 0 {
                        edge
                    } else {
                        farthest
                    }
                })
        })
    }

    /// What `read` makes of the first option of this kind that it accepts. Stops where the list
    /// cannot be read.
    fn find_option<T>(&self, kind: u8, read: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut rest = self.options;
        loop {
            match *rest {
                [] | [0, ..] => return None,
                [1, ref after @ ..] => rest = after,
                [found, length, ..] => {
                    let (option, after) = rest.split_at_checked(usize::from(length))?;
                    let data = option.get(2..)?;
                    if found == kind
                        && let Some(value) = read(data)
                    {
                        return Some(value);
                    }
                    rest = after;
                }
                [_] => return None,
            }
        }
    }
}

/// A UDP or UDP-Lite header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// The sender's port; 0 when it expects no answer.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The checksum as received; 0 when the sender computed none.
    pub checksum: u16,
    /// The data; in a first fragment, what of it is there.
    pub payload: &'a [u8],
}

impl<'a> UdpDatagram<'a> {
    /// Reads the header of `octets`, an IP packet's whole payload, or what a first fragment holds
    /// of it when `is_fragment`.
    ///
    /// # Errors
    ///
    /// Truncated, when the header, or what the length promises, is not there; bad length, when the
    /// length is under eight.
    #[inline]
    pub fn parse(octets: &'a [u8], is_fragment: bool) -> Result<Self, ParseError> {
        Self::read(octets, is_fragment).ok_or_else(|| Self::fault(octets))
    }

    /// As [`parse`](Self::parse), without the reason.
    #[inline(always)]
    pub(super) fn read(octets: &'a [u8], is_fragment: bool) -> Option<Self> {
        let (header, rest) = octets.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *header;
        let data = usize::from(u16::from_be_bytes([e, f])).checked_sub(8)?;
        let payload = match rest.get(..data) {
            Some(payload) => payload,
            None if is_fragment => rest,
            None => return None,
        };
        Some(Self {
            source_port: u16::from_be_bytes([a, b]),
            destination_port: u16::from_be_bytes([c, d]),
            checksum: u16::from_be_bytes([g, h]),
            payload,
        })
    }

    /// What is wrong with octets that are no datagram.
    #[cold]
    fn fault(octets: &[u8]) -> ParseError {
        let Some((header, rest)) = octets.split_first_chunk::<8>() else {
            return Self::cut_short(octets);
        };
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        match length.checked_sub(8) {
            None => ParseError::bad_length("UDP length", 4, length),
            Some(data) => ParseError::truncated("UDP datagram", 8, data, rest.len()),
        }
    }

    /// Where a header of less than 8 octets ends.
    fn cut_short(octets: &[u8]) -> ParseError {
        const FIELDS: [&str; 4] = [
            "UDP source port",
            "UDP destination port",
            "UDP length",
            "UDP checksum",
        ];
        let mut cursor = Cursor::new(octets);
        let mut fields = FIELDS.into_iter();
        let error = fields.find_map(|what| cursor.u16(what).err());
        error.unwrap_or_else(|| ParseError::truncated("UDP header", 0, 8, octets.len()))
    }
}

/// An SCTP packet: common header and chunks (RFC 9260 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SctpPacket<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The tag by which the receiver knows the association.
    pub verification_tag: u32,
    /// The CRC32c as received, in the order of the wire.
    pub checksum: u32,
    /// The chunks.
    pub chunks: &'a [u8],
}

impl<'a> SctpPacket<'a> {
    /// Reads the common header.
    ///
    /// # Errors
    ///
    /// Truncated, when it is not there whole.
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        Ok(Self {
            source_port: cursor.u16("SCTP source port")?,
            destination_port: cursor.u16("SCTP destination port")?,
            verification_tag: cursor.u32("SCTP verification tag")?,
            checksum: cursor.u32("SCTP checksum")?,
            chunks: cursor.rest(),
        })
    }
}

/// A DCCP header (RFC 4340 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DccpHeader {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// What kind of packet it is: 0 for DCCP-Request and so on.
    pub packet_type: u8,
    /// Whether the sequence number has 48 bits (else 24).
    pub has_long_sequence_number: bool,
}

impl DccpHeader {
    /// Reads the generic header.
    ///
    /// # Errors
    ///
    /// Truncated, when it is not there whole (16 octets with a long sequence number, else 12); bad
    /// length, when the data offset is shorter or points behind the packet.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        let source_port = cursor.u16("DCCP source port")?;
        let destination_port = cursor.u16("DCCP destination port")?;
        let data_offset = usize::from(cursor.u8("DCCP data offset")?) * 4;
        cursor.take(3, "DCCP checksum")?;
        let type_and_x = cursor.u8("DCCP type")?;
        let has_long_sequence_number = type_and_x & 1 == 1;
        let header = if has_long_sequence_number { 16 } else { 12 };
        if octets.len() < header {
            return Err(ParseError::truncated(
                "DCCP header",
                0,
                header,
                octets.len(),
            ));
        }
        if data_offset < header || data_offset > octets.len() {
            return Err(ParseError::bad_length("DCCP data offset", 4, data_offset));
        }
        Ok(Self {
            source_port,
            destination_port,
            packet_type: (type_and_x >> 1) & 0x0f,
            has_long_sequence_number,
        })
    }
}

/// A GRE header (RFC 2784, RFC 2890; version 1 is PPTP's, RFC 2637 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GreHeader {
    /// 0, or 1 for PPTP.
    pub version: u8,
    /// The key of version 0, when there is one.
    pub key: Option<u32>,
    /// Version 1: the call id that the receiver gave the call.
    pub call_id: Option<u16>,
}

impl GreHeader {
    /// Reads the header as far as the key.
    ///
    /// # Errors
    ///
    /// Truncated, when an announced field is not there.
    pub fn parse(octets: &[u8]) -> Result<Self, ParseError> {
        let mut cursor = Cursor::new(octets);
        let flags = cursor.u16("GRE flags")?;
        cursor.take(2, "GRE protocol type")?;
        let version = flags.to_be_bytes()[1] & 0x07;
        let (has_checksum, has_key) = (flags & 0x8000 != 0, flags & 0x2000 != 0);
        let mut header = Self {
            version,
            key: None,
            call_id: None,
        };
        if version == 1 {
            cursor.take(2, "GRE payload length")?;
            header.call_id = Some(cursor.u16("GRE call id")?);
        } else {
            if has_checksum {
                cursor.take(4, "GRE checksum")?;
            }
            if has_key {
                header.key = Some(cursor.u32("GRE key")?);
            }
        }
        Ok(header)
    }
}

/// What of a packet's protocol tells its flow.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Transport<'a> {
    /// TCP.
    Tcp(TcpSegment<'a>),
    /// UDP and UDP-Lite.
    Udp(UdpDatagram<'a>),
    /// A request of ICMP or ICMPv6, or the answer to one.
    IcmpQuery(super::IcmpQuery),
    /// An ICMP or ICMPv6 error: it belongs to the flow of the packet that it quotes.
    IcmpError(super::IcmpError<'a>),
    /// Any other ICMP message.
    IcmpOther {
        /// The type; ICMPv6's where the packet is IPv6.
        message_type: u8,
        /// The code.
        code: u8,
    },
    /// SCTP.
    Sctp(SctpPacket<'a>),
    /// DCCP.
    Dccp(DccpHeader),
    /// GRE.
    Gre(GreHeader),
    /// ESP (RFC 4303).
    Esp {
        /// The security association, as the receiver knows it.
        spi: u32,
        /// Counts the packets of the association.
        sequence_number: u32,
    },
    /// AH over IPv4 (RFC 4302). Over IPv6 it is one of the extension headers that are walked
    /// through.
    Ah {
        /// The security association, as the receiver knows it.
        spi: u32,
    },
    /// A fragment that is not the first: there is no transport header.
    LaterFragment,
    /// Any other protocol.
    Other(IpProtocol),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_segment_is_refused_and_says_where() {
        let mut octets = [0; 24];
        octets[12] = 6 << 4;
        assert_eq!(TcpSegment::parse(&octets).unwrap().options.len(), 4);
        for (offset, length) in [(4, 16), (0, 0)] {
            octets[12] = offset << 4;
            let expected = ParseError::bad_length("TCP data offset", 12, length);
            assert_eq!(TcpSegment::parse(&octets), Err(expected));
        }
        octets[12] = 7 << 4;
        let expected = ParseError::truncated("TCP options", 20, 8, 4);
        assert_eq!(TcpSegment::parse(&octets), Err(expected));
        for length in 0..20 {
            let error = TcpSegment::parse(&octets[..length]).unwrap_err();
            assert!(error.is_truncated(), "{length}: {error}");
        }
    }

    #[test]
    fn what_is_no_datagram_is_refused_and_says_where() {
        let mut octets = [0; 12];
        octets[5] = 12;
        assert_eq!(UdpDatagram::parse(&octets, false).unwrap().payload.len(), 4);
        octets[5] = 7;
        let expected = ParseError::bad_length("UDP length", 4, 7);
        assert_eq!(UdpDatagram::parse(&octets, false), Err(expected));
        octets[5] = 13;
        let expected = ParseError::truncated("UDP datagram", 8, 5, 4);
        assert_eq!(UdpDatagram::parse(&octets, false), Err(expected));
        // A first fragment holds what it holds.
        assert_eq!(UdpDatagram::parse(&octets, true).unwrap().payload.len(), 4);
        for length in 0..8 {
            let error = UdpDatagram::parse(&octets[..length], true).unwrap_err();
            assert!(error.is_truncated(), "{length}: {error}");
        }
    }
}
