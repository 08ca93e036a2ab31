//! What happens on a link, for people and for programs.

use super::port::Port;
use core::net::Ipv4Addr;
use ppp_lcp_ncp::auth::{ChapCode, EapCode, PapCode};
use ppp_lcp_ncp::ccp::CcpMethod;
use ppp_lcp_ncp::ccp::mppe::MppeStrength;
use ppp_lcp_ncp::lcp::{FcsAlternatives, LcpValues};
use ppp_lcp_ncp::link::{AuthRole, LinkEvent};
use ppp_lcp_ncp::wire::{ControlPacket, PppPacket, PppProtocol};
use serde_json::{Value, json};

/// Counters that the link does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Octets from the line.
    pub octets_received: u64,
    /// Octets to the line.
    pub octets_sent: u64,
    /// Packets that the kernel did not take.
    pub kernel_refused: u64,
}

/// An event as JSON.
pub fn event(event: &LinkEvent) -> Value {
    match event {
        LinkEvent::Phase(phase) => json!({"event": "phase", "phase": phase.to_string()}),
        LinkEvent::Authenticated { role, name } => json!({
            "event": "authenticated", "whose": whose(*role), "name": text(name),
        }),
        LinkEvent::Ipv4Up(values) => json!({
            "event": "ipv4-up", "address": values.our_address, "peer": values.peer_address,
            "dns": servers(&values.dns), "nbns": servers(&values.nbns),
            "vj_receive": values.vj_receive.map(|vj| vj.max_slot_id),
            "vj_send": values.vj_send.map(|vj| vj.max_slot_id),
        }),
        LinkEvent::Ipv4Down => json!({"event": "ipv4-down"}),
        LinkEvent::Ipv6Up { ours, peers } => json!({
            "event": "ipv6-up", "address": ours.link_local(), "peer": peers.link_local(),
        }),
        LinkEvent::Ipv6Down => json!({"event": "ipv6-down"}),
        LinkEvent::CompressionUp { receive, send } => json!({
            "event": "compression-up", "receive": receive.map(method),
            "send": send.map(method),
        }),
        LinkEvent::CompressionDown => json!({"event": "compression-down"}),
        LinkEvent::EncryptionUp { receive, send } => json!({
            "event": "encryption-up", "receive": receive.map(|it| format!("{it:?}")),
            "send": send.map(|it| format!("{it:?}")),
        }),
        LinkEvent::EncryptionDown => json!({"event": "encryption-down"}),
        LinkEvent::PathLimited { octets } => json!({"event": "path-limited", "octets": octets}),
        LinkEvent::LineWanted => json!({"event": "line-wanted"}),
        LinkEvent::Quality { is_poor } => json!({"event": "quality", "poor": is_poor}),
        LinkEvent::PeerIdentification(name) => {
            json!({"event": "peer-identification", "text": text(name)})
        }
        LinkEvent::TimeRemaining(left) => {
            json!({"event": "time-remaining", "seconds": left.map(|left| left.as_secs())})
        }
        LinkEvent::ProtocolRejected(protocol) => {
            json!({"event": "protocol-rejected", "protocol": protocol.to_string()})
        }
        LinkEvent::Closed(reason) => json!({"event": "closed", "reason": reason.to_string()}),
        other => json!({"event": "other", "text": format!("{other:?}")}),
    }
}

/// What LCP has agreed on, as JSON.
pub fn lcp(port: &Port) -> Value {
    let lcp = port.link().lcp();
    json!({"event": "lcp", "ours": values(lcp.ours()), "peers": values(lcp.peers())})
}

fn values(values: &LcpValues) -> Value {
    json!({
        "mru": values.mru,
        "accm": format!("{:08x}", values.accm),
        "auth": values.auth.map(|auth| auth.to_string()),
        "magic": values.magic != 0,
        "pfc": values.protocol_field_compression,
        "acfc": values.address_and_control_field_compression,
        "fcs32": !values.fcs.common(FcsAlternatives::FCS_32).is_empty(),
        "mrru": values.mrru,
    })
}

/// The counters, as JSON.
pub fn counters(event: &str, port: &Port, traffic: &Traffic) -> Value {
    let (link, (frames, bad)) = (port.link().stats(), port.frames());
    let lcp = port.link().lcp();
    json!({
        "event": event,
        "phase": port.link().phase().to_string(),
        "ipv4": port.link().is_open(PppProtocol::IPV4),
        "ipv6": port.link().is_open(PppProtocol::IPV6),
        "octets_received": traffic.octets_received,
        "octets_sent": traffic.octets_sent,
        "kernel_refused": traffic.kernel_refused,
        "frames": frames,
        "bad_frames": bad,
        "received": link.received,
        "delivered": link.delivered,
        "sent": link.sent,
        "not_open": link.not_open + link.send_not_open,
        "too_long": link.send_too_long,
        "wrong_phase": link.wrong_phase,
        "refused": link.malformed + link.lcp_refused + link.auth_refused + link.ncp_refused
            + link.not_negotiated,
        "protection_refused": link.protection_refused,
        "vj_refused": link.vj_refused,
        "vj_compressed": port.link().vj_compressor().map(|vj| vj.stats().compressed),
        "vj_decompressed": port.link().vj_decompressor().map(|vj| vj.stats().compressed),
        "quality_refused": link.quality_refused,
        "compressed": port.link().ccp().map(|ccp| ccp.stats().compressed),
        "decompressed": port.link().ccp().map(|ccp| ccp.stats().decompressed),
        "resets_sent": port.link().ccp().map(|ccp| ccp.stats().resets_sent),
        "resets_received": port.link().ccp().map(|ccp| ccp.stats().resets_received),
        "unknown_protocol": link.unknown_protocol,
        "echo_requests": link.echo_requests,
        "echo_replies": lcp.stats().echo_replies,
        "retransmitted": lcp.endpoint_stats().retransmitted,
    })
}

/// The status line of a terminal.
pub fn status_line(port: &Port, traffic: &Traffic) -> String {
    let (link, (_, bad)) = (port.link().stats(), port.frames());
    let networks = [("IPv4", PppProtocol::IPV4), ("IPv6", PppProtocol::IPV6)];
    let open: Vec<&str> = networks
        .into_iter()
        .filter(|(_, protocol)| port.link().is_open(*protocol))
        .map(|(name, _)| name)
        .collect();
    format!(
        "{} | {} | in {} packets, {} octets | out {} packets, {} octets | bad frames {} | echoes {}/{}",
        port.link().phase(),
        if open.is_empty() {
            "no network".to_owned()
        } else {
            open.join(" ")
        },
        link.delivered,
        traffic.octets_received,
        link.sent,
        traffic.octets_sent,
        bad,
        port.link().lcp().stats().echo_replies,
        link.echo_requests,
    )
}

/// An event's JSON, for people: the name, then the values that say something.
pub fn to_text(event: &Value) -> String {
    let mut line = String::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        let words = match value {
            Value::Null => continue,
            // Such as the phase of the event that tells of a phase.
            Value::String(text) if key == "event" || event.get("event") == Some(&json!(key)) => {
                text.clone()
            }
            Value::String(text) => format!("{key} {text}"),
            Value::Array(values) if values.is_empty() => continue,
            other => format!("{key} {other}"),
        };
        if !line.is_empty() {
            line.push_str(if line.contains(": ") { ", " } else { ": " });
        }
        line.push_str(&words);
    }
    line
}

/// A PPP packet in a few words: protocol, what kind, identifier, octets.
pub fn packet(octets: &[u8]) -> String {
    let Ok(packet) = PppPacket::parse(octets) else {
        return format!("no PPP packet, {} octets", octets.len());
    };
    let (protocol, information) = (packet.protocol(), packet.information());
    let code = information.first().copied().unwrap_or_default();
    let kind = match protocol {
        PppProtocol::PAP => Some(PapCode(code).to_string()),
        PppProtocol::CHAP => Some(ChapCode(code).to_string()),
        PppProtocol::EAP => Some(EapCode(code).to_string()),
        protocol if protocol.0 >= 0x8000 => ControlPacket::parse(information)
            .ok()
            .map(|packet| format!("{} {}", packet.code(), packet.identifier())),
        _ => None,
    };
    let kind = kind.map(|kind| format!(" {kind}")).unwrap_or_default();
    format!("{protocol}{kind}, {} octets", information.len())
}

/// What packets of a direction go through.
fn method(method: CcpMethod) -> String {
    match method {
        CcpMethod::Mppe { strength, mode } => {
            let bits = match strength {
                MppeStrength::Bits40 => 40,
                MppeStrength::Bits56 => 56,
                MppeStrength::Bits128 => 128,
            };
            let keys = if mode.is_stateless() {
                "stateless"
            } else {
                "stateful"
            };
            format!("MPPE {bits} {keys}")
        }
        CcpMethod::Deflate { window_bits } => format!("Deflate {window_bits}"),
        CcpMethod::BsdCompress { max_bits } => format!("BSD Compress {max_bits}"),
        other => format!("{other:?}"),
    }
}

const fn whose(role: AuthRole) -> &'static str {
    match role {
        AuthRole::Peer => "peer",
        AuthRole::Ours => "ours",
    }
}

/// Octets that a peer sent, without control characters that a terminal would obey.
fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets)
        .chars()
        .filter(|character| !character.is_control())
        .take(256)
        .collect()
}

fn servers(servers: &[Option<Ipv4Addr>; 2]) -> Vec<Ipv4Addr> {
    servers.iter().flatten().copied().collect()
}
