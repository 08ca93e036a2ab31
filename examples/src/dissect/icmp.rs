//! ICMP for both versions of IP: header, echo, and the errors with the packets that they quote.

use super::{Dissector, Layer, Network, Part};
use core::fmt::Display;
use core::net::Ipv4Addr;
use icmp_nd::wire::{ExtensionPart, Icmpv4Error, Icmpv6Error};
use packet_buffer::ParseError;
use packet_buffer::wire::{
    Icmpv4Message, Icmpv4Type, Icmpv6Message, Icmpv6Type, QuotedPacket, icmpv4_code, icmpv6_code,
};

/// Octets of the quoted packet in front of extensions from before RFC 4884.
const LEGACY_QUOTE: usize = 128;

impl Dissector {
    pub(super) fn icmp(&mut self, part: Part<'_>) {
        let message = match Icmpv4Message::parse(part.octets) {
            Ok(message) => message,
            Err(error) => return self.error("icmp", part, error),
        };
        let mut layer = Layer::new("icmp", "ICMP", part, Icmpv4Message::HEADER_LEN);
        layer.add("icmp.type", message.message_type().0);
        layer.add("icmp.code", message.code());
        let keys = ("icmp.checksum", "icmp.checksum.status");
        self.checksum(&mut layer, keys, covered(part), message.checksum(), || {
            message.verify_checksum()
        });
        add_icmp_fields(&mut layer, &message);
        layer.summary = icmp_summary(&message);
        let word = message.rest_of_header();
        match message.message_type() {
            Icmpv4Type::EXTENDED_ECHO_REQUEST => {
                self.extended_echo(&mut layer, part, word, Some(message.payload()));
            }
            Icmpv4Type::EXTENDED_ECHO_REPLY => self.extended_echo(&mut layer, part, word, None),
            kind if !kind.is_error() => self.icmpv4_query(&mut layer, part, &message),
            _ => {
                let structure = match Icmpv4Error::parse(message).map(|error| error.extensions) {
                    Ok(ExtensionPart::Legacy(_)) => message.payload().get(LEGACY_QUOTE..),
                    _ => Some(message.extension_octets()),
                };
                self.trailing_extensions(&mut layer, part, structure);
            }
        }
        self.push(layer);
        let quoted = message.quoted_packet();
        self.quoted(quoted, message.payload(), Icmpv4Message::HEADER_LEN, part);
    }

    pub(super) fn icmpv6(&mut self, network: Network, part: Part<'_>) {
        let message = match Icmpv6Message::parse(part.octets) {
            Ok(message) => message,
            Err(error) => return self.error("icmpv6", part, error),
        };
        let mut layer = Layer::new("icmpv6", "ICMPv6", part, Icmpv6Message::HEADER_LEN);
        layer.add("icmpv6.type", message.message_type().0);
        layer.add("icmpv6.code", message.code());
        let keys = ("icmpv6.checksum", "icmpv6.checksum.status");
        self.checksum(&mut layer, keys, covered(part), message.checksum(), || {
            message.verify_checksum(&network.addresses)
        });
        if let Some(word) = message.body().first_chunk::<4>() {
            add_icmpv6_fields(&mut layer, message.message_type(), word);
        }
        layer.summary = icmpv6_summary(&message);
        match (message.message_type(), message.body().first_chunk()) {
            (Icmpv6Type::EXTENDED_ECHO_REQUEST, Some(word)) => {
                self.extended_echo(&mut layer, part, *word, Some(message.payload()));
            }
            (Icmpv6Type::EXTENDED_ECHO_REPLY, Some(word)) => {
                self.extended_echo(&mut layer, part, *word, None);
            }
            _ => {
                let structure = match Icmpv6Error::parse(message).map(|error| error.extensions) {
                    Ok(ExtensionPart::Legacy(_)) => message.payload().get(LEGACY_QUOTE..),
                    _ => Some(message.extension_octets()),
                };
                self.trailing_extensions(&mut layer, part, structure);
            }
        }
        let redirected = self.nd_or_mld(&mut layer, part, message.message_type());
        self.push(layer);
        let quoted = message.quoted_packet();
        self.quoted(quoted, message.payload(), 8, part);
        if let Some((offset, packet)) = redirected {
            self.quoted(Some(QuotedPacket::parse(packet)), packet, offset, part);
        }
    }

    /// The extensions at the end of an error.
    fn trailing_extensions(&mut self, layer: &mut Layer, part: Part<'_>, structure: Option<&[u8]>) {
        let structure = structure.unwrap_or_default();
        if !structure.is_empty() {
            let offset = part.octets.len() - structure.len();
            self.extensions(layer, part, structure, offset);
        }
    }

    /// The packet that an error quotes; `payload` is where it should be, `offset` octets into
    /// `part`.
    fn quoted<'a>(
        &mut self,
        quoted: Option<Result<QuotedPacket<'a>, ParseError>>,
        payload: &'a [u8],
        offset: usize,
        part: Part<'a>,
    ) {
        let octets = match quoted {
            Some(Ok(QuotedPacket::V4(quoted))) => quoted.as_slice(),
            Some(Ok(QuotedPacket::V6(quoted))) => quoted.as_slice(),
            // It is no IP packet; what is shown of it says why.
            Some(Err(_)) => payload,
            None => return,
        };
        let mut quote = part.with(octets, offset, octets.len());
        quote.quoted = true;
        quote.fragment = false;
        self.ip(None, quote);
    }
}

/// The part that a checksum is judged by: that of a quoted message never is, since the quote
/// seldom has the whole of it.
fn covered(part: Part<'_>) -> Part<'_> {
    Part {
        fragment: part.fragment || part.quoted,
        ..part
    }
}

fn add_icmp_fields(layer: &mut Layer, message: &Icmpv4Message<'_>) {
    let rest = message.rest_of_header();
    let [first, words, high, low] = rest;
    let (front, back) = (
        u16::from_be_bytes([first, words]),
        u16::from_be_bytes([high, low]),
    );
    match message.message_type() {
        Icmpv4Type::ECHO_REPLY
        | Icmpv4Type::ECHO_REQUEST
        | Icmpv4Type::TIMESTAMP_REQUEST
        | Icmpv4Type::TIMESTAMP_REPLY
        | Icmpv4Type::INFORMATION_REQUEST
        | Icmpv4Type::INFORMATION_REPLY
        | Icmpv4Type::ADDRESS_MASK_REQUEST
        | Icmpv4Type::ADDRESS_MASK_REPLY => {
            layer.add("icmp.ident", front);
            layer.add("icmp.seq", back);
        }
        // The sequence number has eight bits there.
        Icmpv4Type::EXTENDED_ECHO_REQUEST | Icmpv4Type::EXTENDED_ECHO_REPLY => {
            layer.add("icmp.ident", front);
        }
        Icmpv4Type::DESTINATION_UNREACHABLE | Icmpv4Type::TIME_EXCEEDED => {
            let has_mtu = message.message_type() == Icmpv4Type::DESTINATION_UNREACHABLE
                && message.code() == icmpv4_code::Unreachable::FRAGMENTATION_NEEDED.0;
            match (words, has_mtu) {
                (0, false) => layer.add_octets("icmp.unused", &rest),
                (0, true) => layer.add_octets("icmp.unused", &[first, words]),
                (_, has_mtu) => {
                    layer.add_octets("icmp.unused", &[first]);
                    add_quoted_length(layer, words);
                    if !has_mtu {
                        layer.add_octets("icmp.unused", &[high, low]);
                    }
                }
            }
            if has_mtu {
                layer.add("icmp.mtu", back);
            }
        }
        Icmpv4Type::PARAMETER_PROBLEM => {
            layer.add("icmp.pointer", first);
            if words == 0 {
                layer.add_octets("icmp.unused", &[words, high, low]);
            } else {
                add_quoted_length(layer, words);
                layer.add_octets("icmp.unused", &[high, low]);
            }
        }
        Icmpv4Type::REDIRECT => layer.add_text("icmp.redir_gw", Ipv4Addr::from(rest)),
        _ => {}
    }
}

/// The length of the quoted packet, in words of four octets and in octets (RFC 4884 §4).
fn add_quoted_length(layer: &mut Layer, words: u8) {
    layer.add("icmp.length", words);
    layer.add("icmp.length.original_datagram", u16::from(words) * 4);
}

fn icmp_summary(message: &Icmpv4Message<'_>) -> String {
    let (kind, code) = (message.message_type(), message.code());
    let detail = match kind {
        Icmpv4Type::DESTINATION_UNREACHABLE => icmpv4_code::Unreachable(code).name(),
        Icmpv4Type::REDIRECT => icmpv4_code::Redirect(code).name(),
        Icmpv4Type::TIME_EXCEEDED => icmpv4_code::TimeExceeded(code).name(),
        Icmpv4Type::PARAMETER_PROBLEM => icmpv4_code::ParameterProblem(code).name(),
        Icmpv4Type::ECHO_REQUEST | Icmpv4Type::ECHO_REPLY => {
            return echo_summary(kind, Some(&message.rest_of_header()));
        }
        _ => None,
    };
    summary(kind.name(), kind.0, detail, code)
}

fn add_icmpv6_fields(layer: &mut Layer, kind: Icmpv6Type, word: &[u8; 4]) {
    let [a, b, c, d] = *word;
    match kind {
        Icmpv6Type::DESTINATION_UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => {
            layer.add_octets("icmpv6.reserved", word);
        }
        Icmpv6Type::PACKET_TOO_BIG => layer.add("icmpv6.mtu", u32::from_be_bytes(*word)),
        Icmpv6Type::PARAMETER_PROBLEM => layer.add("icmpv6.pointer", u32::from_be_bytes(*word)),
        Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY => {
            layer.add("icmpv6.echo.identifier", u16::from_be_bytes([a, b]));
            layer.add("icmpv6.echo.sequence_number", u16::from_be_bytes([c, d]));
        }
        _ => return,
    }
    layer.length += word.len();
}

fn icmpv6_summary(message: &Icmpv6Message<'_>) -> String {
    let (kind, code) = (message.message_type(), message.code());
    let detail = match kind {
        Icmpv6Type::DESTINATION_UNREACHABLE => icmpv6_code::Unreachable(code).name(),
        Icmpv6Type::TIME_EXCEEDED => icmpv6_code::TimeExceeded(code).name(),
        Icmpv6Type::PARAMETER_PROBLEM => icmpv6_code::ParameterProblem(code).name(),
        Icmpv6Type::ECHO_REQUEST | Icmpv6Type::ECHO_REPLY => {
            return echo_summary(kind, message.body().first_chunk());
        }
        _ => None,
    };
    summary(kind.name(), kind.0, detail, code)
}

fn echo_summary(kind: impl Display, numbers: Option<&[u8; 4]>) -> String {
    let [a, b, c, d] = numbers.copied().unwrap_or_default();
    let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    format!("{kind}, identifier {identifier:#06x}, sequence number {sequence}")
}

fn summary(name: Option<&str>, kind: u8, detail: Option<&str>, code: u8) -> String {
    match (name, detail) {
        (Some(name), Some(detail)) => format!("{name}: {detail}"),
        (Some(name), None) if code == 0 => name.to_owned(),
        (Some(name), None) => format!("{name}, code {code}"),
        (None, _) => format!("type {kind}, code {code}"),
    }
}
