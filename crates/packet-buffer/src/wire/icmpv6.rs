//! ICMP for IPv6 (RFC 4443): the header, echo, and the errors. Neighbor Discovery and multicast
//! listener messages belong to the crate `icmp-nd`.
//!
//! ```text
//!  0      1      2          4                          8
//! +------+------+----------+--------------------------+------------------
//! | Type | Code | Checksum | depends on type and code | data, or the quoted packet
//! +------+------+----------+--------------------------+------------------
//! ```

use super::{IpProtocol, PseudoHeader, QuotedPacket, be16, be16_at, be32_at};
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};

crate::code_points! {
    /// The type of an ICMPv6 message: errors are below 128.
    pub struct Icmpv6Type(u8) {
        /// The packet cannot be delivered.
        DESTINATION_UNREACHABLE = 1 => "destination unreachable",
        /// The packet is too big for the next link.
        PACKET_TOO_BIG = 2 => "packet too big",
        /// The hop limit, or the time for reassembly, ran out.
        TIME_EXCEEDED = 3 => "time exceeded",
        /// A header field is wrong.
        PARAMETER_PROBLEM = 4 => "parameter problem",
        /// Asks for an echo.
        ECHO_REQUEST = 128 => "echo request",
        /// The answer to an echo request.
        ECHO_REPLY = 129 => "echo reply",
        /// Asks for multicast listeners (RFC 2710, RFC 3810).
        MULTICAST_LISTENER_QUERY = 130 => "multicast listener query",
        /// A listener answers (RFC 2710).
        MULTICAST_LISTENER_REPORT = 131 => "multicast listener report",
        /// A listener leaves (RFC 2710).
        MULTICAST_LISTENER_DONE = 132 => "multicast listener done",
        /// A host asks for routers (RFC 4861 §4.1).
        ROUTER_SOLICITATION = 133 => "router solicitation",
        /// A router tells about itself and the link (RFC 4861 §4.2).
        ROUTER_ADVERTISEMENT = 134 => "router advertisement",
        /// Asks for a neighbor's link-layer address (RFC 4861 §4.3).
        NEIGHBOR_SOLICITATION = 135 => "neighbor solicitation",
        /// Tells a link-layer address (RFC 4861 §4.4).
        NEIGHBOR_ADVERTISEMENT = 136 => "neighbor advertisement",
        /// A better first hop (RFC 4861 §4.5).
        REDIRECT = 137 => "redirect",
        /// Listeners answer, version 2 (RFC 3810).
        MULTICAST_LISTENER_REPORT_V2 = 143 => "multicast listener report v2",
        /// Asks about an interface (RFC 8335).
        EXTENDED_ECHO_REQUEST = 160 => "extended echo request",
        /// The answer to an extended echo request (RFC 8335).
        EXTENDED_ECHO_REPLY = 161 => "extended echo reply",
    }
}

impl Icmpv6Type {
    /// Whether the message reports an error about a packet that it quotes.
    // RFC 4443 §2.1 MUST: the high-order bit of the type tells errors from information.
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }

    /// Whether every message of the type has eight octets at least: errors and echoes.
    #[inline]
    const fn has_eight_octets(self) -> bool {
        self.is_error() || matches!(self, Self::ECHO_REQUEST | Self::ECHO_REPLY)
    }

    /// Whether messages of the type may carry extensions behind the quoted packet (RFC 4884 §4).
    #[inline]
    const fn is_extensible(self) -> bool {
        matches!(self, Self::DESTINATION_UNREACHABLE | Self::TIME_EXCEEDED)
    }
}

/// Codes of the ICMPv6 errors.
pub mod icmpv6_code {
    crate::code_points! {
        /// Why a destination is unreachable.
        pub struct Unreachable(u8) {
            /// No route to the destination.
            NO_ROUTE = 0 => "no route to destination",
            /// A filter forbids the communication.
            ADMINISTRATIVELY_PROHIBITED = 1 => "communication administratively prohibited",
            /// The destination is beyond the scope of the source address.
            BEYOND_SCOPE = 2 => "beyond scope of source address",
            /// The destination does not answer on its link.
            ADDRESS = 3 => "address unreachable",
            /// Nobody listens on the port.
            PORT = 4 => "port unreachable",
            /// The source address failed the ingress or egress policy.
            SOURCE_POLICY = 5 => "source address failed policy",
            /// The route to the destination rejects.
            REJECT_ROUTE = 6 => "reject route to destination",
        }
    }

    crate::code_points! {
        /// Which time was exceeded.
        pub struct TimeExceeded(u8) {
            /// The hop limit reached zero in transit.
            TRANSIT = 0 => "hop limit exceeded in transit",
            /// Fragments were missing for too long.
            REASSEMBLY = 1 => "fragment reassembly time exceeded",
        }
    }

    crate::code_points! {
        /// What is wrong with a parameter.
        pub struct ParameterProblem(u8) {
            /// A header field has a value that cannot be.
            HEADER_FIELD = 0 => "erroneous header field",
            /// A Next Header is not known.
            NEXT_HEADER = 1 => "unrecognized next header",
            /// An option is not known.
            OPTION = 2 => "unrecognized IPv6 option",
            /// The first fragment does not hold the whole header chain (RFC 7112 §5).
            INCOMPLETE_HEADER_CHAIN = 3 => "first fragment has incomplete header chain",
        }
    }
}

/// A received ICMPv6 message.
#[derive(Debug, Clone, Copy)]
pub struct Icmpv6Message<'a> {
    octets: &'a [u8],
    header: &'a [u8; 4],
    body: &'a [u8],
}

impl<'a> Icmpv6Message<'a> {
    /// Octets that every message starts with: type, code and checksum.
    pub const HEADER_LEN: usize = 4;

    /// Checks that a header is there, and, in errors and echoes, the four octets behind it.
    /// `octets` is what follows the extension headers of the IP packet.
    ///
    /// # Errors
    ///
    /// Truncated, when they are not.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, body)) = octets.split_first_chunk::<4>() else {
            return Err(ParseError::truncated("ICMPv6 header", 0, 4, octets.len()));
        };
        if Icmpv6Type(header[0]).has_eight_octets() && body.len() < 4 {
            return Err(ParseError::truncated("ICMPv6 message", 0, 8, octets.len()));
        }
        Ok(Self {
            octets,
            header,
            body,
        })
    }

    /// Checks the checksum over the whole message and the pseudo-header.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    // RFC 4443 §2.3 MUST: the checksum covers the message and the IPv6 pseudo-header.
    #[inline]
    pub fn verify_checksum(&self, pseudo_header: &PseudoHeader) -> Result<(), ParseError> {
        let sum = pseudo_header
            .sum(IpProtocol::ICMPV6, self.octets.len())
            .add_bytes(self.octets);
        if sum.is_valid() {
            Ok(())
        } else {
            Err(ParseError::bad_checksum(
                "ICMPv6 checksum",
                2,
                self.checksum(),
            ))
        }
    }

    /// The type of the message.
    #[inline]
    pub fn message_type(&self) -> Icmpv6Type {
        Icmpv6Type(self.header[0])
    }

    /// The code, whose meaning depends on the type; see [`icmpv6_code`].
    #[inline]
    pub fn code(&self) -> u8 {
        self.header[1]
    }

    /// The checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        be16::<2, 4>(self.header)
    }

    /// What follows the checksum.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// What follows octets 4 to 7 of the message: the data of an echo, or the quoted packet of an
    /// error.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.body.get(4..).unwrap_or_default()
    }

    /// The packet that an error quotes; `None` for messages that are not errors.
    ///
    /// # Errors
    ///
    /// What [`QuotedPacket::parse`] says.
    pub fn quoted_packet(&self) -> Option<Result<QuotedPacket<'a>, ParseError>> {
        let is_error = self.message_type().is_error();
        is_error.then(|| {
            let quoted = QuotedPacket::parse(self.split_payload().0);
            quoted.map_err(|error| error.offset_by(8))
        })
    }

    /// The multi-part extension behind the quoted packet, as octets; empty where there is none
    /// (RFC 4884).
    pub fn extension_octets(&self) -> &'a [u8] {
        self.split_payload().1
    }

    /// The quoted packet and what follows it. A length that goes beyond the message is from a
    /// sender that knows nothing of RFC 4884, and ignored.
    fn split_payload(&self) -> (&'a [u8], &'a [u8]) {
        let payload = self.payload();
        let extensible = self.message_type().is_extensible();
        let words = if extensible {
            self.body.first().copied().unwrap_or(0)
        } else {
            0
        };
        match payload.split_at_checked(usize::from(words) * 8) {
            Some((quoted, extension)) if words > 0 => (quoted, extension),
            _ => (payload, &[]),
        }
    }

    /// The header as values.
    #[inline]
    pub fn to_repr(&self) -> Icmpv6Repr {
        let code = self.code();
        // `parse` made sure that these octets are there wherever they are used.
        let word = be32_at(self.body, 0).unwrap_or_default();
        let quoted_words = self.body.first().copied().unwrap_or_default();
        let identifier = be16_at(self.body, 0).unwrap_or_default();
        let sequence_number = be16_at(self.body, 2).unwrap_or_default();
        match self.message_type() {
            Icmpv6Type::DESTINATION_UNREACHABLE => Icmpv6Repr::DestinationUnreachable {
                code: icmpv6_code::Unreachable(code),
                quoted_words,
            },
            // RFC 4443 §3.2 MUST: the receiver ignores the code.
            Icmpv6Type::PACKET_TOO_BIG => Icmpv6Repr::PacketTooBig { mtu: word },
            Icmpv6Type::TIME_EXCEEDED => Icmpv6Repr::TimeExceeded {
                code: icmpv6_code::TimeExceeded(code),
                quoted_words,
            },
            Icmpv6Type::PARAMETER_PROBLEM => Icmpv6Repr::ParameterProblem {
                code: icmpv6_code::ParameterProblem(code),
                pointer: word,
            },
            Icmpv6Type::ECHO_REQUEST if code == 0 => Icmpv6Repr::EchoRequest {
                identifier,
                sequence_number,
            },
            Icmpv6Type::ECHO_REPLY if code == 0 => Icmpv6Repr::EchoReply {
                identifier,
                sequence_number,
            },
            message_type => Icmpv6Repr::Other { message_type, code },
        }
    }
}

/// An ICMPv6 header as values. The payload is what the packet buffer holds: the data of an echo, the
/// quoted packet (and its extensions) of an error, or the whole body of another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icmpv6Repr {
    /// The packet cannot be delivered.
    DestinationUnreachable {
        /// Why.
        code: icmpv6_code::Unreachable,
        /// The length of the quoted packet in words of eight octets when extensions follow it, else
        /// 0 (RFC 4884 §4.4).
        quoted_words: u8,
    },
    /// The packet is too big for the next link.
    PacketTooBig {
        /// The MTU of that link, in octets.
        mtu: u32,
    },
    /// The hop limit, or the time for reassembly, ran out.
    TimeExceeded {
        /// Which of both.
        code: icmpv6_code::TimeExceeded,
        /// As for [`DestinationUnreachable`](Self::DestinationUnreachable).
        quoted_words: u8,
    },
    /// A header field is wrong.
    ParameterProblem {
        /// In which way.
        code: icmpv6_code::ParameterProblem,
        /// The octet of the quoted packet that is wrong; it can be behind what is quoted.
        pointer: u32,
    },
    /// Asks for an echo.
    EchoRequest {
        /// Tells the requests of one sender from another's.
        identifier: u16,
        /// Counts the requests.
        sequence_number: u16,
    },
    /// The answer to an echo request, with the same identifier, sequence number and data.
    EchoReply {
        /// As in the request.
        identifier: u16,
        /// As in the request.
        sequence_number: u16,
    },
    /// Any other message; its payload is all that follows the checksum.
    Other {
        /// The type.
        message_type: Icmpv6Type,
        /// The code.
        code: u8,
    },
}

impl Icmpv6Repr {
    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv6Type {
        match self {
            Self::DestinationUnreachable { .. } => Icmpv6Type::DESTINATION_UNREACHABLE,
            Self::PacketTooBig { .. } => Icmpv6Type::PACKET_TOO_BIG,
            Self::TimeExceeded { .. } => Icmpv6Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv6Type::PARAMETER_PROBLEM,
            Self::EchoRequest { .. } => Icmpv6Type::ECHO_REQUEST,
            Self::EchoReply { .. } => Icmpv6Type::ECHO_REPLY,
            Self::Other { message_type, .. } => *message_type,
        }
    }

    /// Writes the header in front of `packet`, with the checksum over pseudo-header, header and
    /// payload.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: too long, when the message would exceed 65535 octets; bad value,
    /// when an [`Other`](Self::Other) of an error's or echo's type would be too short for its type.
    #[inline]
    pub fn emit(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let limit = usize::from(u16::MAX) - 8;
        if packet.len() > limit {
            return Err(EmitError::TooLong {
                what: "ICMPv6 payload",
                length: packet.len(),
                limit,
            });
        }
        if let Self::Other { message_type, .. } = self
            && message_type.has_eight_octets()
            && packet.len() < 4
        {
            let value = u32::from(message_type.0);
            let what = "ICMPv6 type of a message under eight octets";
            return Err(EmitError::BadValue { what, value });
        }
        let (code, word) = match *self {
            Self::DestinationUnreachable { code, quoted_words } => {
                (code.0, u32::from(quoted_words) << 24)
            }
            Self::PacketTooBig { mtu } => (0, mtu),
            Self::TimeExceeded { code, quoted_words } => (code.0, u32::from(quoted_words) << 24),
            Self::ParameterProblem { code, pointer } => (code.0, pointer),
            Self::EchoRequest {
                identifier,
                sequence_number,
            }
            | Self::EchoReply {
                identifier,
                sequence_number,
            } => (0, u32::from(identifier) << 16 | u32::from(sequence_number)),
            Self::Other { code, .. } => (code, 0),
        };
        let mut header = [0; 8];
        header[0] = self.message_type().0;
        header[1] = code;
        NetworkEndian::write_u32(&mut header[4..8], word);
        // A message of another type brings its own octets 4 to 7, if it has them.
        let short = matches!(self, Self::Other { .. });
        let length = if short {
            Icmpv6Message::HEADER_LEN
        } else {
            header.len()
        } + packet.len();
        let sum = pseudo_header
            .sum(IpProtocol::ICMPV6, length)
            .add_array(&header)
            .add_bytes(packet.as_slice());
        NetworkEndian::write_u16(&mut header[2..4], sum.checksum());
        let written = if short {
            &header[..Icmpv6Message::HEADER_LEN]
        } else {
            &header[..]
        };
        packet.prepend_slice(written);
        Ok(())
    }
}
