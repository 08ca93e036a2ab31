//! The parts of an ICMP error: the packet that it quotes, of its own version, and the extensions
//! behind it (RFC 4884).

use super::IcmpExtensions;
use packet_buffer::ParseError;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Type, Icmpv6Message, Icmpv6Type, QuotedIpv4, QuotedIpv6,
};

/// Where those senders put extensions that do not tell a length (RFC 4884 §5.5): behind so many
/// octets of the quoted packet.
const LEGACY_QUOTE: usize = 128;

/// How the extensions of an error were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtensionPart<'a> {
    /// There are none.
    None,
    /// The error tells where they are.
    Present(IcmpExtensions<'a>),
    /// The error tells no length, and there is a structure with a right checksum behind 128 octets
    /// of the quoted packet, where senders from before RFC 4884 put it.
    Legacy(IcmpExtensions<'a>),
    /// The error tells where they are, and they cannot be read. The quoted packet stands.
    Invalid(ParseError),
}

impl<'a> ExtensionPart<'a> {
    /// The extensions, if they could be read.
    pub const fn extensions(&self) -> Option<IcmpExtensions<'a>> {
        match self {
            Self::Present(extensions) | Self::Legacy(extensions) => Some(*extensions),
            Self::None | Self::Invalid(_) => None,
        }
    }
}

/// The quote and the extensions of a payload that starts `offset` octets into the message.
/// `told` are the octets behind the quote as `packet-buffer` found them by the length field.
fn split<'a>(
    payload: &'a [u8],
    told: &'a [u8],
    has_length: bool,
    extensible: bool,
    offset: usize,
) -> (&'a [u8], ExtensionPart<'a>) {
    let quote = payload
        .get(..payload.len() - told.len())
        .unwrap_or_default();
    if !told.is_empty() {
        let at = offset + quote.len();
        return match IcmpExtensions::parse(told, at) {
            Ok(extensions) => (quote, ExtensionPart::Present(extensions)),
            Err(error) => (quote, ExtensionPart::Invalid(error)),
        };
    }
    // RFC 4884 §5.5 MUST (legacy): only what has the version and a right checksum is taken for
    // extensions; a checksum of zero proves nothing here.
    if extensible
        && !has_length
        && let Some((quote, structure)) = payload.split_at_checked(LEGACY_QUOTE)
        && structure
            .get(2..4)
            .is_some_and(|checksum| checksum != [0, 0])
        && let Ok(extensions) = IcmpExtensions::parse(structure, offset + LEGACY_QUOTE)
    {
        return (quote, ExtensionPart::Legacy(extensions));
    }
    (quote, ExtensionPart::None)
}

/// A received ICMPv4 error in its parts.
#[derive(Debug, Clone, Copy)]
pub struct Icmpv4Error<'a> {
    /// The message.
    pub message: Icmpv4Message<'a>,
    /// The IPv4 packet that it is about.
    pub quoted: QuotedIpv4<'a>,
    /// What stands behind the quoted packet.
    pub extensions: ExtensionPart<'a>,
}

impl<'a> Icmpv4Error<'a> {
    /// Takes an error apart.
    ///
    /// # Errors
    ///
    /// Unsupported, when the message is not an error; what [`QuotedIpv4::parse`] says, a packet
    /// of another version among it: an ICMPv4 error that quotes an IPv6 packet is refused.
    pub fn parse(message: Icmpv4Message<'a>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        if !message_type.is_error() {
            let value = u32::from(message_type.0);
            return Err(ParseError::unsupported("ICMP error", 0, value));
        }
        let extensible = matches!(
            message_type,
            Icmpv4Type::DESTINATION_UNREACHABLE
                | Icmpv4Type::TIME_EXCEEDED
                | Icmpv4Type::PARAMETER_PROBLEM
        );
        let has_length = message.rest_of_header()[1] != 0;
        let offset = Icmpv4Message::HEADER_LEN;
        let (payload, told) = (message.payload(), message.extension_octets());
        let (quote, extensions) = split(payload, told, has_length, extensible, offset);
        let quoted = QuotedIpv4::parse(quote).map_err(|error| error.offset_by(offset))?;
        Ok(Self {
            message,
            quoted,
            extensions,
        })
    }
}

/// A received ICMPv6 error in its parts.
#[derive(Debug, Clone, Copy)]
pub struct Icmpv6Error<'a> {
    /// The message.
    pub message: Icmpv6Message<'a>,
    /// The IPv6 packet that it is about.
    pub quoted: QuotedIpv6<'a>,
    /// What stands behind the quoted packet.
    pub extensions: ExtensionPart<'a>,
}

impl<'a> Icmpv6Error<'a> {
    /// Takes an error apart.
    ///
    /// # Errors
    ///
    /// Unsupported, when the message is not an error; what [`QuotedIpv6::parse`] says, a packet
    /// of another version among it: an ICMPv6 error that quotes an IPv4 packet is refused.
    pub fn parse(message: Icmpv6Message<'a>) -> Result<Self, ParseError> {
        let message_type = message.message_type();
        if !message_type.is_error() {
            let value = u32::from(message_type.0);
            return Err(ParseError::unsupported("ICMPv6 error", 0, value));
        }
        let extensible = matches!(
            message_type,
            Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED
        );
        let has_length = message.body().first().is_some_and(|&length| length != 0);
        let (payload, told) = (message.payload(), message.extension_octets());
        let (quote, extensions) = split(payload, told, has_length, extensible, 8);
        let quoted = QuotedIpv6::parse(quote).map_err(|error| error.offset_by(8))?;
        Ok(Self {
            message,
            quoted,
            extensions,
        })
    }
}
