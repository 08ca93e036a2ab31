//! ICMP for IPv4 (RFC 792): the header, echo, and the errors. The other messages belong to the crate
//! `icmp-nd`.
//!
//! ```text
//!  0      1      2          4                          8
//! +------+------+----------+--------------------------+------------------
//! | Type | Code | Checksum | depends on type and code | data, or the quoted packet
//! +------+------+----------+--------------------------+------------------
//! ```

use super::{QuotedPacket, be16, field};
use crate::checksum::Sum;
use crate::{EmitError, PacketBuf, ParseError};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv4Addr;

crate::code_points! {
    /// The type of an ICMPv4 message.
    pub struct Icmpv4Type(u8) {
        /// The answer to an echo request.
        ECHO_REPLY = 0 => "echo reply",
        /// The packet cannot be delivered.
        DESTINATION_UNREACHABLE = 3 => "destination unreachable",
        /// Congestion; deprecated and to be ignored (RFC 6633).
        SOURCE_QUENCH = 4 => "source quench",
        /// A better first hop.
        REDIRECT = 5 => "redirect",
        /// Asks for an echo.
        ECHO_REQUEST = 8 => "echo request",
        /// A router tells its addresses (RFC 1256).
        ROUTER_ADVERTISEMENT = 9 => "router advertisement",
        /// A host asks for routers (RFC 1256).
        ROUTER_SOLICITATION = 10 => "router solicitation",
        /// The time to live, or the time for reassembly, ran out.
        TIME_EXCEEDED = 11 => "time exceeded",
        /// A header field is wrong.
        PARAMETER_PROBLEM = 12 => "parameter problem",
        /// Asks for the time.
        TIMESTAMP_REQUEST = 13 => "timestamp request",
        /// The answer to a timestamp request.
        TIMESTAMP_REPLY = 14 => "timestamp reply",
        /// Asks for a network number.
        INFORMATION_REQUEST = 15 => "information request",
        /// The answer to an information request.
        INFORMATION_REPLY = 16 => "information reply",
        /// Asks for the subnet mask (RFC 950).
        ADDRESS_MASK_REQUEST = 17 => "address mask request",
        /// The answer to an address mask request (RFC 950).
        ADDRESS_MASK_REPLY = 18 => "address mask reply",
        /// Asks about an interface (RFC 8335).
        EXTENDED_ECHO_REQUEST = 42 => "extended echo request",
        /// The answer to an extended echo request (RFC 8335).
        EXTENDED_ECHO_REPLY = 43 => "extended echo reply",
    }
}

impl Icmpv4Type {
    /// Whether the message reports an error about a packet that it quotes.
    // RFC 1122 §3.2.2 MUST: errors are these five types, and no error is sent about an error.
    #[inline]
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::DESTINATION_UNREACHABLE
                | Self::SOURCE_QUENCH
                | Self::REDIRECT
                | Self::TIME_EXCEEDED
                | Self::PARAMETER_PROBLEM
        )
    }

    /// Whether messages of the type may carry extensions behind the quoted packet (RFC 4884 §4).
    #[inline]
    const fn is_extensible(self) -> bool {
        matches!(
            self,
            Self::DESTINATION_UNREACHABLE | Self::TIME_EXCEEDED | Self::PARAMETER_PROBLEM
        )
    }
}

/// Codes of the ICMPv4 errors.
pub mod icmpv4_code {
    crate::code_points! {
        /// Why a destination is unreachable.
        pub struct Unreachable(u8) {
            /// No route to the network.
            NETWORK = 0 => "network unreachable",
            /// The host does not answer on its link.
            HOST = 1 => "host unreachable",
            /// The host does not speak the protocol.
            PROTOCOL = 2 => "protocol unreachable",
            /// Nobody listens on the port.
            PORT = 3 => "port unreachable",
            /// The packet must be fragmented and may not be; the next hop's MTU is told (RFC 1191).
            FRAGMENTATION_NEEDED = 4 => "fragmentation needed",
            /// The source route failed.
            SOURCE_ROUTE_FAILED = 5 => "source route failed",
            /// The network is not known.
            NETWORK_UNKNOWN = 6 => "network unknown",
            /// The host is not known.
            HOST_UNKNOWN = 7 => "host unknown",
            /// The source host is isolated (obsolete).
            SOURCE_ISOLATED = 8 => "source host isolated",
            /// The network is administratively prohibited.
            NETWORK_PROHIBITED = 9 => "network administratively prohibited",
            /// The host is administratively prohibited.
            HOST_PROHIBITED = 10 => "host administratively prohibited",
            /// The network is unreachable for this type of service.
            NETWORK_TOS = 11 => "network unreachable for type of service",
            /// The host is unreachable for this type of service.
            HOST_TOS = 12 => "host unreachable for type of service",
            /// A filter forbids the communication (RFC 1812 §5.2.7.1).
            ADMINISTRATIVELY_PROHIBITED = 13 => "communication administratively prohibited",
            /// The precedence is not allowed for the host.
            PRECEDENCE_VIOLATION = 14 => "host precedence violation",
            /// The precedence is too low.
            PRECEDENCE_CUTOFF = 15 => "precedence cutoff in effect",
        }
    }

    crate::code_points! {
        /// What is redirected.
        pub struct Redirect(u8) {
            /// All packets to the network; to be read as for the host (RFC 1122 §3.2.2.2).
            NETWORK = 0 => "redirect for network",
            /// Packets to the host.
            HOST = 1 => "redirect for host",
            /// Packets of this type of service to the network.
            NETWORK_TOS = 2 => "redirect for type of service and network",
            /// Packets of this type of service to the host.
            HOST_TOS = 3 => "redirect for type of service and host",
        }
    }

    crate::code_points! {
        /// Which time was exceeded.
        pub struct TimeExceeded(u8) {
            /// The time to live reached zero in transit.
            TRANSIT = 0 => "time to live exceeded in transit",
            /// Fragments were missing for too long.
            REASSEMBLY = 1 => "fragment reassembly time exceeded",
        }
    }

    crate::code_points! {
        /// What is wrong with a parameter.
        pub struct ParameterProblem(u8) {
            /// The octet that the pointer names.
            POINTER = 0 => "pointer indicates the error",
            /// An option is missing (RFC 1108).
            MISSING_OPTION = 1 => "a required option is missing",
            /// A length is wrong.
            BAD_LENGTH = 2 => "bad length",
        }
    }
}

/// A received ICMPv4 message.
#[derive(Debug, Clone, Copy)]
pub struct Icmpv4Message<'a> {
    octets: &'a [u8],
    header: &'a [u8; 8],
    payload: &'a [u8],
}

impl<'a> Icmpv4Message<'a> {
    /// Octets of the header.
    pub const HEADER_LEN: usize = 8;

    /// Checks that the header is there. `octets` is the whole payload of the IP packet.
    ///
    /// # Errors
    ///
    /// Truncated, when it is not.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, payload)) = octets.split_first_chunk::<8>() else {
            return Err(ParseError::truncated("ICMP header", 0, 8, octets.len()));
        };
        Ok(Self {
            octets,
            header,
            payload,
        })
    }

    /// Checks the checksum over the whole message.
    ///
    /// # Errors
    ///
    /// Bad checksum.
    #[inline]
    pub fn verify_checksum(&self) -> Result<(), ParseError> {
        if Sum::new().add_bytes(self.octets).is_valid() {
            Ok(())
        } else {
            Err(ParseError::bad_checksum(
                "ICMP checksum",
                2,
                self.checksum(),
            ))
        }
    }

    /// The type of the message.
    #[inline]
    pub fn message_type(&self) -> Icmpv4Type {
        Icmpv4Type(self.header[0])
    }

    /// The code, whose meaning depends on the type; see [`icmpv4_code`].
    #[inline]
    pub fn code(&self) -> u8 {
        self.header[1]
    }

    /// The checksum as received.
    #[inline]
    pub fn checksum(&self) -> u16 {
        be16::<2, 8>(self.header)
    }

    /// Octets 4 to 7, whose meaning depends on type and code.
    #[inline]
    pub fn rest_of_header(&self) -> [u8; 4] {
        *field::<4, 4, 8>(self.header)
    }

    /// What follows the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.payload
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
            quoted.map_err(|error| error.offset_by(Self::HEADER_LEN))
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
        let words = if self.message_type().is_extensible() {
            self.header[5]
        } else {
            0
        };
        match self.payload.split_at_checked(usize::from(words) * 4) {
            Some((quoted, extension)) if words > 0 => (quoted, extension),
            _ => (self.payload, &[]),
        }
    }

    /// The header as values.
    #[inline]
    pub fn to_repr(&self) -> Icmpv4Repr {
        let code = self.code();
        let rest = self.rest_of_header();
        let [_, length, high, low] = rest;
        let (identifier, sequence_number) = (be16::<4, 8>(self.header), be16::<6, 8>(self.header));
        match self.message_type() {
            Icmpv4Type::ECHO_REQUEST if code == 0 => Icmpv4Repr::EchoRequest {
                identifier,
                sequence_number,
            },
            Icmpv4Type::ECHO_REPLY if code == 0 => Icmpv4Repr::EchoReply {
                identifier,
                sequence_number,
            },
            Icmpv4Type::DESTINATION_UNREACHABLE => Icmpv4Repr::DestinationUnreachable {
                code: icmpv4_code::Unreachable(code),
                quoted_words: length,
                next_hop_mtu: u16::from_be_bytes([high, low]),
            },
            Icmpv4Type::REDIRECT => Icmpv4Repr::Redirect {
                code: icmpv4_code::Redirect(code),
                gateway: Ipv4Addr::from(rest),
            },
            Icmpv4Type::TIME_EXCEEDED => Icmpv4Repr::TimeExceeded {
                code: icmpv4_code::TimeExceeded(code),
                quoted_words: length,
            },
            Icmpv4Type::PARAMETER_PROBLEM => Icmpv4Repr::ParameterProblem {
                code: icmpv4_code::ParameterProblem(code),
                pointer: rest[0],
                quoted_words: length,
            },
            message_type => Icmpv4Repr::Other {
                message_type,
                code,
                rest,
            },
        }
    }
}

/// An ICMPv4 header as values. The payload is what the packet buffer holds: the data of an echo, or
/// the quoted packet (and its extensions) of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Icmpv4Repr {
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
    /// The packet cannot be delivered.
    DestinationUnreachable {
        /// Why.
        code: icmpv4_code::Unreachable,
        /// The length of the quoted packet in words of four octets when extensions follow it, else
        /// 0 (RFC 4884 §4.1).
        quoted_words: u8,
        /// The MTU of the next hop in octets when fragmentation is needed, else 0 (RFC 1191 §4).
        next_hop_mtu: u16,
    },
    /// A better first hop.
    Redirect {
        /// For what.
        code: icmpv4_code::Redirect,
        /// The better router.
        gateway: Ipv4Addr,
    },
    /// The time to live, or the time for reassembly, ran out.
    TimeExceeded {
        /// Which of both.
        code: icmpv4_code::TimeExceeded,
        /// As for [`DestinationUnreachable`](Self::DestinationUnreachable).
        quoted_words: u8,
    },
    /// A header field is wrong.
    ParameterProblem {
        /// In which way.
        code: icmpv4_code::ParameterProblem,
        /// The octet of the quoted packet that is wrong.
        pointer: u8,
        /// As for [`DestinationUnreachable`](Self::DestinationUnreachable).
        quoted_words: u8,
    },
    /// Any other message.
    Other {
        /// The type.
        message_type: Icmpv4Type,
        /// The code.
        code: u8,
        /// Octets 4 to 7.
        rest: [u8; 4],
    },
}

impl Icmpv4Repr {
    /// The type of the message.
    pub const fn message_type(&self) -> Icmpv4Type {
        match self {
            Self::EchoRequest { .. } => Icmpv4Type::ECHO_REQUEST,
            Self::EchoReply { .. } => Icmpv4Type::ECHO_REPLY,
            Self::DestinationUnreachable { .. } => Icmpv4Type::DESTINATION_UNREACHABLE,
            Self::Redirect { .. } => Icmpv4Type::REDIRECT,
            Self::TimeExceeded { .. } => Icmpv4Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv4Type::PARAMETER_PROBLEM,
            Self::Other { message_type, .. } => *message_type,
        }
    }

    /// Writes the header in front of `packet`, with the checksum over header and payload.
    ///
    /// # Errors
    ///
    /// Too long, with the packet unchanged, when message and IP header would exceed 65535 octets.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let limit = usize::from(u16::MAX) - 20 - Icmpv4Message::HEADER_LEN;
        if packet.len() > limit {
            return Err(EmitError::TooLong {
                what: "ICMP payload",
                length: packet.len(),
                limit,
            });
        }
        let (code, rest) = match *self {
            Self::EchoRequest {
                identifier,
                sequence_number,
            }
            | Self::EchoReply {
                identifier,
                sequence_number,
            } => {
                let ([a, b], [c, d]) = (identifier.to_be_bytes(), sequence_number.to_be_bytes());
                (0, [a, b, c, d])
            }
            Self::DestinationUnreachable {
                code,
                quoted_words,
                next_hop_mtu,
            } => {
                let [high, low] = next_hop_mtu.to_be_bytes();
                (code.0, [0, quoted_words, high, low])
            }
            Self::Redirect { code, gateway } => (code.0, gateway.octets()),
            Self::TimeExceeded { code, quoted_words } => (code.0, [0, quoted_words, 0, 0]),
            Self::ParameterProblem {
                code,
                pointer,
                quoted_words,
            } => (code.0, [pointer, quoted_words, 0, 0]),
            Self::Other { code, rest, .. } => (code, rest),
        };
        let mut header = [0; Icmpv4Message::HEADER_LEN];
        header[0] = self.message_type().0;
        header[1] = code;
        header[4..8].copy_from_slice(&rest);
        let sum = Sum::new().add_array(&header).add_bytes(packet.as_slice());
        NetworkEndian::write_u16(&mut header[2..4], sum.checksum());
        packet.prepend_slice(&header);
        Ok(())
    }
}
