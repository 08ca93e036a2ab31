//! Which probe a received message answers, if any.

use super::config::ProbeKind;
use super::event::{AnswerKind, Discard};
use super::packet::{COMPENSATOR, Template};
use super::window::{Probe, Window};
use crate::probe::{Icmp, IcmpError, Received};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::IpAddr;
use packet_buffer::checksum;
use packet_buffer::wire::{
    Icmpv4Repr, Icmpv4Type, Icmpv6Repr, IpProtocol, QuotedPacket, TcpFlags, TcpSegment,
};

/// What a message was found to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match<'a> {
    pub(super) serial: u32,
    pub(super) probe: Probe,
    pub(super) kind: AnswerKind,
    pub(super) quoted_hop_limit: Option<u8>,
    pub(super) quoted_traffic_class: Option<u8>,
    pub(super) rewritten: bool,
    pub(super) extensions: &'a [u8],
}

/// Octets of the quote that senders of before RFC 4884 put in front of extensions.
const LEGACY_QUOTE: usize = 128;

/// Finds the probe that a message answers.
pub(super) fn identify<'a>(
    template: &Template,
    window: &Window,
    received: &Received<'a>,
) -> Result<Match<'a>, Discard> {
    if let Some(icmp) = received.icmp().map_err(Discard::Malformed)? {
        return match icmp {
            Icmp::V4(message) => match message.to_repr() {
                Icmpv4Repr::EchoReply {
                    identifier,
                    sequence_number,
                } => {
                    let data = message.payload();
                    echo_reply(
                        template,
                        window,
                        received.source,
                        identifier,
                        sequence_number,
                        data,
                    )
                }
                Icmpv4Repr::Redirect { .. } => Err(Discard::Redirect),
                repr if repr.message_type() == Icmpv4Type::SOURCE_QUENCH => {
                    Err(Discard::SourceQuench)
                }
                repr => {
                    let quoted = message.quoted_packet().ok_or(Discard::NotAnAnswer)?;
                    let quoted = quoted.map_err(Discard::Malformed)?;
                    let has_length = matches!(
                        repr,
                        Icmpv4Repr::DestinationUnreachable { .. } | Icmpv4Repr::TimeExceeded { .. }
                    );
                    let extensions = match message.extension_octets() {
                        [] if has_length => legacy_extensions(message.payload()),
                        extensions => extensions,
                    };
                    error(template, window, IcmpError::V4(repr), &quoted, extensions)
                }
            },
            Icmp::V6(message) => match message.to_repr() {
                Icmpv6Repr::EchoReply {
                    identifier,
                    sequence_number,
                } => {
                    let data = message.payload();
                    echo_reply(
                        template,
                        window,
                        received.source,
                        identifier,
                        sequence_number,
                        data,
                    )
                }
                repr => {
                    let quoted = message.quoted_packet().ok_or(Discard::NotAnAnswer)?;
                    let quoted = quoted.map_err(Discard::Malformed)?;
                    let extensions = message.extension_octets();
                    error(template, window, IcmpError::V6(repr), &quoted, extensions)
                }
            },
        };
    }
    match received.tcp().map_err(Discard::Malformed)? {
        Some(segment) => tcp(template, window, received.source, &segment),
        None => Err(Discard::NotAnAnswer),
    }
}

/// Extensions of senders that tell no length: behind 128 octets, when version and checksum are right
/// (RFC 4884 §5.5).
fn legacy_extensions(payload: &[u8]) -> &[u8] {
    let extensions = payload.get(LEGACY_QUOTE..).unwrap_or_default();
    let is_version_2 = extensions.first().is_some_and(|first| first >> 4 == 2);
    let has_checksum = extensions
        .get(2..4)
        .is_some_and(|checksum| checksum != [0, 0]);
    if is_version_2 && extensions.len() >= 8 && has_checksum && checksum::is_valid(extensions) {
        extensions
    } else {
        &[]
    }
}

fn answered<'a>(serial: u32, probe: Probe, kind: AnswerKind) -> Match<'a> {
    Match {
        serial,
        probe,
        kind,
        quoted_hop_limit: None,
        quoted_traffic_class: None,
        rewritten: false,
        extensions: &[],
    }
}

fn echo_reply<'a>(
    template: &Template,
    window: &Window,
    source: IpAddr,
    identifier: u16,
    sequence_number: u16,
    data: &[u8],
) -> Result<Match<'a>, Discard> {
    if template.kind() != ProbeKind::Icmp {
        return Err(Discard::NotAnAnswer);
    }
    if source != template.config().destination {
        return Err(Discard::OtherFlow);
    }
    let (serial, probe) = echo(template, window, identifier, sequence_number)?;
    let length = template.data_len(probe.size);
    if data.len() != length {
        return Err(Discard::WrongToken);
    }
    token(template, data)?;
    Ok(answered(serial, probe, AnswerKind::EchoReply))
}

/// The echo request with an identifier and a sequence number.
fn echo(
    template: &Template,
    window: &Window,
    identifier: u16,
    sequence_number: u16,
) -> Result<(u32, Probe), Discard> {
    let found = window.find(sequence_number);
    let (serial, probe) = found.ok_or(Discard::UnknownProbe)?;
    if template.identifier(probe.flow, sequence_number) != identifier {
        return Err(Discard::OtherFlow);
    }
    Ok((serial, probe))
}

fn tcp<'a>(
    template: &Template,
    window: &Window,
    source: IpAddr,
    segment: &TcpSegment<'_>,
) -> Result<Match<'a>, Discard> {
    if template.kind() != ProbeKind::Tcp || !segment.flags().contains(TcpFlags::ACK) {
        return Err(Discard::NotAnAnswer);
    }
    if source != template.config().destination {
        return Err(Discard::OtherFlow);
    }
    let kind = if segment.flags().contains(TcpFlags::RST) {
        AnswerKind::TcpReset
    } else if segment.flags().contains(TcpFlags::SYN) {
        AnswerKind::TcpSynAck
    } else {
        return Err(Discard::NotAnAnswer);
    };
    // The SYN is acknowledged, and the data of the probe may be. The lower half leaves room for it.
    let acknowledged = segment.acknowledgment_number().wrapping_sub(1);
    let [a, b, _, _] = acknowledged.to_be_bytes();
    let key = u16::from_be_bytes([a, b]);
    let (serial, probe) = window.find(key).ok_or(Discard::UnknownProbe)?;
    let (source_port, destination_port) = template.ports(probe.flow);
    if (segment.destination_port(), segment.source_port()) != (source_port, destination_port) {
        return Err(Discard::OtherFlow);
    }
    let sequence = Template::tcp_sequence(key, probe.nonce);
    let data = usize::try_from(acknowledged.wrapping_sub(sequence)).unwrap_or(usize::MAX);
    if data > template.data_len(probe.size) {
        return Err(Discard::WrongToken);
    }
    Ok(answered(serial, probe, kind))
}

fn error<'a>(
    template: &Template,
    window: &Window,
    error: IcmpError,
    quoted: &QuotedPacket<'_>,
    extensions: &'a [u8],
) -> Result<Match<'a>, Discard> {
    let config = template.config();
    let (source, destination) = (quoted.source(), quoted.destination());
    if (source, destination) != (config.source, config.destination) {
        return Err(Discard::OtherFlow);
    }
    let (wanted, over_v4) = match (config.kind, quoted) {
        (ProbeKind::Udp, _) => (IpProtocol::UDP, source.is_ipv4()),
        (ProbeKind::Tcp, _) => (IpProtocol::TCP, source.is_ipv4()),
        (ProbeKind::Icmp, QuotedPacket::V4(_)) => (IpProtocol::ICMP, true),
        (ProbeKind::Icmp, QuotedPacket::V6(_)) => (IpProtocol::ICMPV6, false),
    };
    if quoted.protocol() != Some(wanted) {
        return Err(Discard::OtherFlow);
    }
    let octets = quoted.transport();
    let Some((head, rest)) = octets.split_first_chunk::<8>() else {
        return Err(Discard::NotAnAnswer);
    };
    let [a, b, c, d, e, f, g, h] = *head;
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let (third, fourth) = (u16::from_be_bytes([e, f]), u16::from_be_bytes([g, h]));
    let mut rewritten = false;
    let (serial, probe) = match config.kind {
        ProbeKind::Icmp => {
            // An echo request, code 0; the checksum is the same in all of a flow.
            if a != if over_v4 { 8 } else { 128 } || b != 0 {
                return Err(Discard::NotAnAnswer);
            }
            let found = echo(template, window, third, fourth)?;
            token(template, rest)?;
            found
        }
        ProbeKind::Tcp => {
            let (serial, probe) = window.find(third).ok_or(Discard::UnknownProbe)?;
            if (first, second) != template.ports(probe.flow) || fourth != probe.nonce {
                return Err(Discard::OtherFlow);
            }
            (serial, probe)
        }
        ProbeKind::Udp => {
            let by_checksum = window
                .find(fourth)
                .filter(|(_, probe)| template.ports(probe.flow) == (first, second));
            // What translates addresses changes the checksum, and rarely the identification.
            let by_identification = || match quoted {
                QuotedPacket::V4(quoted) => window
                    .find(quoted.identification())
                    .filter(|(_, probe)| template.ports(probe.flow) == (first, second)),
                QuotedPacket::V6(_) => None,
            };
            let found = by_checksum.or_else(|| {
                let found = by_identification();
                rewritten = found.is_some();
                found
            });
            let found = found.ok_or(Discard::UnknownProbe)?;
            token(template, rest.get(COMPENSATOR..).unwrap_or_default())?;
            found
        }
    };
    let (quoted_hop_limit, quoted_traffic_class) = match quoted {
        QuotedPacket::V4(quoted) => (quoted.time_to_live(), quoted.type_of_service()),
        QuotedPacket::V6(quoted) => (quoted.hop_limit(), quoted.traffic_class()),
    };
    Ok(Match {
        serial,
        probe,
        kind: AnswerKind::Error(error),
        quoted_hop_limit: Some(quoted_hop_limit),
        quoted_traffic_class: Some(quoted_traffic_class),
        rewritten,
        extensions,
    })
}

/// What is there of the token must be right; often nothing of it is quoted.
fn token(template: &Template, data: &[u8]) -> Result<(), Discard> {
    match data.first_chunk::<8>() {
        Some(token) if NetworkEndian::read_u64(token) != template.token => Err(Discard::WrongToken),
        _ => Ok(()),
    }
}
