//! Sessions as a table, and everything as JSON.

use super::node::{NatRouter, Note};
use core::fmt::Write as _;
use nat::hooks::ShareEvent;
use nat::nat64::Nat64;
use nat::pcp::{PcpEvent, PcpMapping};
use nat::{Instant, MappingInfo, NatEvent, SessionInfo};
use serde_json::{Value, json};

/// A note as an object.
pub fn to_json(note: &Note) -> Value {
    match note {
        Note::Nat(event) => nat_event(event),
        Note::Pcp(PcpEvent::Mapped(mapping)) => pcp("pcp_mapped", mapping),
        Note::Pcp(PcpEvent::Unmapped(mapping)) => pcp("pcp_unmapped", mapping),
        Note::Pcp(_) => json!({ "event": "pcp" }),
    }
}

fn pcp(event: &str, mapping: &PcpMapping) -> Value {
    json!({
        "event": event,
        "protocol": mapping.protocol.to_string(),
        "inside": mapping.internal.to_string(),
        "outside": mapping.external.to_string(),
    })
}

pub(crate) fn nat_event(event: &NatEvent) -> Value {
    match event {
        NatEvent::MappingCreated { mapping, .. } => of_mapping("mapping_created", mapping),
        NatEvent::MappingDeleted { mapping, .. } => of_mapping("mapping_deleted", mapping),
        NatEvent::SessionCreated { session, .. } => of_session("session_created", session),
        NatEvent::SessionDeleted { session, .. } => of_session("session_deleted", session),
        NatEvent::Share(ShareEvent {
            subscriber,
            block,
            is_given,
            ..
        }) => json!({
            "event": if *is_given { "block_given" } else { "block_returned" },
            "subscriber": subscriber.to_string(),
            "outside": block.address.to_string(),
            "ports": format!("{}-{}", block.first, block.last),
        }),
        NatEvent::PortsExhausted { subscriber, .. } => {
            json!({ "event": "ports_exhausted", "subscriber": subscriber.to_string() })
        }
        NatEvent::LimitReached {
            subscriber, limit, ..
        } => json!({
            "event": "limit_reached",
            "subscriber": subscriber.to_string(),
            "limit": format!("{limit:?}"),
        }),
        NatEvent::SessionsExhausted { .. } => json!({ "event": "sessions_exhausted" }),
        _ => json!({ "event": "other" }),
    }
}

fn of_mapping(event: &str, mapping: &MappingInfo) -> Value {
    json!({
        "event": event,
        "protocol": mapping.protocol.to_string(),
        "inside": mapping.inside.to_string(),
        "outside": mapping.outside.to_string(),
    })
}

/// The end that is not inside, as the inside sees it.
fn peer(session: &SessionInfo) -> String {
    let (address, port) = match session.initiator {
        nat::Side::Inside => (
            session.original.destination(),
            session.original.destination_port(),
        ),
        nat::Side::Outside => (session.original.source(), session.original.source_port()),
    };
    format!("{address}:{port}")
}

fn protocol(session: &SessionInfo) -> String {
    packet_buffer::wire::IpProtocol(session.original.protocol()).to_string()
}

fn of_session(event: &str, session: &SessionInfo) -> Value {
    json!({
        "event": event,
        "protocol": protocol(session),
        "inside": session.inside().to_string(),
        "outside": session.outside().to_string(),
        "peer": peer(session),
    })
}

/// The counters as an object.
pub(super) fn counters(router: &NatRouter, event: &str) -> Value {
    let Some(nat) = router.nat() else {
        return json!({ "event": event });
    };
    let (counters, stats) = (router.counters(), nat.stats());
    json!({
        "event": event,
        "sessions": nat.session_count(),
        "mappings": nat.mapping_count(),
        "forwarded": counters.forwarded,
        "local": counters.local,
        "held": counters.held,
        "refused": counters.refused,
        "dropped": counters.dropped,
        "outbound": stats.outbound,
        "inbound": stats.inbound,
        "hairpinned": stats.hairpinned,
        "icmp_errors": stats.icmp_errors,
        "sessions_created": stats.sessions_created,
        "mappings_created": stats.mappings_created,
        "answers_sent": stats.answers_sent,
        "nat64_sessions": router.nat64().map_or(0, Nat64::sessions),
        "nat64_to_v4": router.nat64().map_or(0, |nat64| nat64.stats().to_v4),
        "nat64_to_v6": router.nat64().map_or(0, |nat64| nat64.stats().to_v6),
        "pcp_succeeded": router.pcp_stats().map_or(0, |stats| stats.succeeded),
    })
}

/// The sessions that end last, at most `rows` of them, as `top` would show them.
pub fn session_table(router: &NatRouter, now: Instant, rows: usize) -> String {
    let Some(nat) = router.nat() else {
        return String::new();
    };
    let mut sessions: Vec<SessionInfo> = nat.sessions().collect();
    sessions.sort_by_key(|session| {
        let ends = (session.inside(), session.outside());
        (core::cmp::Reverse(session.expires), ends)
    });
    let (counters, stats) = (router.counters(), nat.stats());
    let mut text = format!(
        "{} sessions, {} mappings; packets {} out, {} in, {} turned back, {} dropped\n",
        nat.session_count(),
        nat.mapping_count(),
        stats.outbound,
        stats.inbound,
        stats.hairpinned,
        counters.dropped + counters.refused,
    );
    let _ = writeln!(
        text,
        "{:<6} {:<22} {:<22} {:<22} {:>6}  STATE",
        "PROTO", "INSIDE", "OUTSIDE", "PEER", "ENDS"
    );
    for session in sessions.iter().take(rows) {
        let _ = writeln!(
            text,
            "{:<6} {:<22} {:<22} {:<22} {:>5}s  {}",
            protocol(session),
            session.inside().to_string(),
            session.outside().to_string(),
            peer(session),
            session.expires.saturating_duration_since(now).as_secs(),
            state(session),
        );
    }
    let left = sessions.len().saturating_sub(rows);
    if left > 0 {
        let _ = writeln!(text, "and {left} more");
    }
    text
}

fn state(session: &SessionInfo) -> String {
    match session.state {
        flow_state::FlowState::Tcp(flow) => format!("{:?}", flow.state()),
        _ if session.state.is_assured() => "answered".to_owned(),
        _ => "new".to_owned(),
    }
}
