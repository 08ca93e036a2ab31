//! Extended echo, which asks about an interface (RFC 8335 §2, §3), in both versions of ICMP.
//!
//! ```text
//!  0      1      2          4            6          7                         8
//! +------+------+----------+------------+----------+-------------------------+-----------------
//! | Type | Code | Checksum | Identifier | Sequence | zero                  L | extension structure
//! +------+------+----------+------------+----------+-------------------------+-----------------
//! | Type | Code | Checksum | Identifier | Sequence | State, zero, A, 4, 6    | reply
//! +------+------+----------+------------+----------+-------------------------+
//! ```

use super::extension::ExtensionObjectRepr;
use super::{ExtensionObject, IcmpExtensions, InterfaceIdentification, be16, emit_extensions};
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Repr, Icmpv4Type, Icmpv6Message, Icmpv6Repr, Icmpv6Type, PseudoHeader,
};
use packet_buffer::{EmitError, PacketBuf, ParseError};

packet_buffer::code_points! {
    /// The code of an extended echo reply.
    pub struct ExtendedEchoCode(u8) {
        /// The reply tells the interface's state.
        NO_ERROR = 0 => "no error",
        /// The request could not be understood.
        MALFORMED_QUERY = 1 => "malformed query",
        /// There is no such interface.
        NO_SUCH_INTERFACE = 2 => "no such interface",
        /// There is no such entry in the neighbor cache.
        NO_SUCH_TABLE_ENTRY = 3 => "no such table entry",
        /// More than one interface is meant.
        MULTIPLE_INTERFACES = 4 => "multiple interfaces satisfy query",
    }
}

packet_buffer::code_points! {
    /// The state of a neighbor's entry, in a reply about an interface that is not the node's own.
    pub struct ExtendedEchoState(u8) {
        /// The request was about an own interface.
        RESERVED = 0 => "reserved",
        /// The neighbor is being resolved.
        INCOMPLETE = 1 => "incomplete",
        /// The neighbor was reachable a short time ago.
        REACHABLE = 2 => "reachable",
        /// Nothing is known of late.
        STALE = 3 => "stale",
        /// Confirmation is waited for.
        DELAY = 4 => "delay",
        /// Confirmation is asked for.
        PROBE = 5 => "probe",
        /// The neighbor did not answer.
        FAILED = 6 => "failed",
    }
}

/// The fields of an extended echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedEchoRequest<'a> {
    /// Tells the requests of one sender from another's.
    pub identifier: u16,
    /// Counts the requests.
    pub sequence_number: u8,
    /// L: the interface is one of the node that is asked, else one of its neighbors'.
    pub local: bool,
    /// The interface.
    pub interface: InterfaceIdentification<'a>,
}

/// The fields of an extended echo reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedEchoReply {
    /// The outcome.
    pub code: ExtendedEchoCode,
    /// As in the request.
    pub identifier: u16,
    /// As in the request.
    pub sequence_number: u8,
    /// The state of a neighbor's entry, 3 bits.
    pub state: ExtendedEchoState,
    /// A: the interface is up.
    pub active: bool,
    /// 4: IPv4 runs on the interface.
    pub ipv4: bool,
    /// 6: IPv6 runs on the interface.
    pub ipv6: bool,
}

/// What is wrong with an extended echo request: its answer has the code "malformed query".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ExtendedEchoError {
    /// The message is of another type.
    #[error("the message is not an extended echo")]
    Type,
    /// The extension structure cannot be read.
    #[error(transparent)]
    Extensions(ParseError),
    /// There is no object, or more than one, or one that does not identify an interface.
    #[error("the request does not have one object that identifies an interface, and nothing else")]
    Objects,
}

/// Octets 4 to 7 of a message.
type Word = [u8; 4];

impl<'a> ExtendedEchoRequest<'a> {
    /// Reads an ICMPv4 extended echo request. The code is to be ignored.
    ///
    /// # Errors
    ///
    /// Another type; no readable extension structure with one interface identification object.
    pub fn parse_v4(message: &Icmpv4Message<'a>) -> Result<Self, ExtendedEchoError> {
        if message.message_type() != Icmpv4Type::EXTENDED_ECHO_REQUEST {
            return Err(ExtendedEchoError::Type);
        }
        Self::read(message.rest_of_header(), message.payload())
    }

    /// Reads an ICMPv6 extended echo request. The code is to be ignored.
    ///
    /// # Errors
    ///
    /// Another type; too short; no readable extension structure with one interface identification
    /// object.
    pub fn parse_v6(message: &Icmpv6Message<'a>) -> Result<Self, ExtendedEchoError> {
        if message.message_type() != Icmpv6Type::EXTENDED_ECHO_REQUEST {
            return Err(ExtendedEchoError::Type);
        }
        Self::read(
            word(message).map_err(ExtendedEchoError::Extensions)?,
            message.payload(),
        )
    }

    fn read(word: Word, structure: &'a [u8]) -> Result<Self, ExtendedEchoError> {
        let extensions =
            IcmpExtensions::parse(structure, 8).map_err(ExtendedEchoError::Extensions)?;
        // RFC 8335 §2 MUST (one-object): the structure has exactly one object.
        let mut objects = extensions.iter();
        let (Some(ExtensionObject::InterfaceIdentification(interface)), None) =
            (objects.next(), objects.next())
        else {
            return Err(ExtendedEchoError::Objects);
        };
        Ok(Self {
            identifier: be16::<0, 4>(&word),
            sequence_number: word[2],
            local: word[3] & 0x01 != 0,
            interface,
        })
    }

    fn word(&self) -> Word {
        let [high, low] = self.identifier.to_be_bytes();
        [high, low, self.sequence_number, u8::from(self.local)]
    }

    fn emit_structure(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let object = ExtensionObjectRepr::InterfaceIdentification(self.interface);
        check_empty(packet)?;
        emit_extensions(&[object], packet)
    }

    /// Writes an ICMPv4 extended echo request into `packet`, which has to be empty.
    ///
    /// # Errors
    ///
    /// With the packet unchanged: what the object says
    /// ([`ExtensionObjectRepr::wire_len`]); bad value, when the packet is not empty.
    pub fn emit_v4(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        self.emit_structure(packet)?;
        emit_v4(packet, Icmpv4Type::EXTENDED_ECHO_REQUEST, 0, self.word())
    }

    /// Writes an ICMPv6 extended echo request into `packet`, which has to be empty.
    ///
    /// # Errors
    ///
    /// As [`emit_v4`](Self::emit_v4).
    pub fn emit_v6(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        self.emit_structure(packet)?;
        let message_type = Icmpv6Type::EXTENDED_ECHO_REQUEST;
        emit_v6(packet, message_type, 0, self.word(), pseudo_header)
    }
}

impl ExtendedEchoReply {
    /// A reply that tells an error, or nothing yet.
    pub const fn new(code: ExtendedEchoCode, identifier: u16, sequence_number: u8) -> Self {
        Self {
            code,
            identifier,
            sequence_number,
            state: ExtendedEchoState::RESERVED,
            active: false,
            ipv4: false,
            ipv6: false,
        }
    }

    /// Reads an ICMPv4 extended echo reply. What follows is ignored.
    ///
    /// # Errors
    ///
    /// Unsupported, for another type.
    pub fn parse_v4(message: &Icmpv4Message<'_>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        if message_type != Icmpv4Type::EXTENDED_ECHO_REPLY {
            let value = u32::from(message_type.0);
            return Err(ParseError::unsupported("extended echo reply", 0, value));
        }
        Ok(Self::read(message.code(), message.rest_of_header()))
    }

    /// Reads an ICMPv6 extended echo reply. What follows is ignored.
    ///
    /// # Errors
    ///
    /// Unsupported, for another type; truncated, when the fields are not there.
    pub fn parse_v6(message: &Icmpv6Message<'_>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        if message_type != Icmpv6Type::EXTENDED_ECHO_REPLY {
            let value = u32::from(message_type.0);
            return Err(ParseError::unsupported("extended echo reply", 0, value));
        }
        Ok(Self::read(message.code(), word(message)?))
    }

    fn read(code: u8, word: Word) -> Self {
        let flags = word[3];
        Self {
            code: ExtendedEchoCode(code),
            identifier: be16::<0, 4>(&word),
            sequence_number: word[2],
            state: ExtendedEchoState(flags >> 5),
            active: flags & 0x04 != 0,
            ipv4: flags & 0x02 != 0,
            ipv6: flags & 0x01 != 0,
        }
    }

    fn word(&self) -> Result<Word, EmitError> {
        if self.state.0 > 7 {
            return Err(EmitError::BadValue {
                what: "extended echo state",
                value: u32::from(self.state.0),
            });
        }
        let [high, low] = self.identifier.to_be_bytes();
        let flags = self.state.0 << 5
            | u8::from(self.active) << 2
            | u8::from(self.ipv4) << 1
            | u8::from(self.ipv6);
        Ok([high, low, self.sequence_number, flags])
    }

    /// Writes an ICMPv4 extended echo reply into `packet`, which has to be empty.
    ///
    /// # Errors
    ///
    /// Bad value, with the packet unchanged, for a state over 7, or when the packet is not empty.
    pub fn emit_v4(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        let word = self.word()?;
        check_empty(packet)?;
        emit_v4(packet, Icmpv4Type::EXTENDED_ECHO_REPLY, self.code.0, word)
    }

    /// Writes an ICMPv6 extended echo reply into `packet`, which has to be empty.
    ///
    /// # Errors
    ///
    /// As [`emit_v4`](Self::emit_v4).
    pub fn emit_v6(
        &self,
        packet: &mut PacketBuf,
        pseudo_header: &PseudoHeader,
    ) -> Result<(), EmitError> {
        let word = self.word()?;
        check_empty(packet)?;
        let message_type = Icmpv6Type::EXTENDED_ECHO_REPLY;
        emit_v6(packet, message_type, self.code.0, word, pseudo_header)
    }
}

fn check_empty(packet: &PacketBuf) -> Result<(), EmitError> {
    if packet.is_empty() {
        return Ok(());
    }
    Err(EmitError::BadValue {
        what: "octets behind an extended echo",
        value: u32::try_from(packet.len()).unwrap_or(u32::MAX),
    })
}

/// Octets 4 to 7 of an ICMPv6 message, which may be shorter.
fn word(message: &Icmpv6Message<'_>) -> Result<Word, ParseError> {
    let body = message.body();
    match body.first_chunk() {
        Some(word) => Ok(*word),
        None => {
            let what = "ICMPv6 extended echo";
            Err(ParseError::truncated(what, 0, 8, 4 + body.len()))
        }
    }
}

// A packet of at most a few hundred octets fits every limit, so these cannot fail half-way.

fn emit_v4(
    packet: &mut PacketBuf,
    message_type: Icmpv4Type,
    code: u8,
    rest: Word,
) -> Result<(), EmitError> {
    let header = Icmpv4Repr::Other {
        message_type,
        code,
        rest,
    };
    header.emit(packet)
}

fn emit_v6(
    packet: &mut PacketBuf,
    message_type: Icmpv6Type,
    code: u8,
    rest: Word,
    pseudo_header: &PseudoHeader,
) -> Result<(), EmitError> {
    packet.prepend_slice(&rest);
    Icmpv6Repr::Other { message_type, code }.emit(packet, pseudo_header)
}
