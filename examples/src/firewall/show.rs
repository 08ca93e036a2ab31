//! Sessions and rules as tables, and counters.

use super::node::FirewallRouter;
use core::fmt::Write as _;
use core::net::SocketAddr;
use flow_state::FlowState;
use nat::Nat;
use packet_buffer::Instant;
use serde_json::{Value, json};
use stateful_firewall::{Firewall, Key, RuleId, SessionInfo};

/// The counters as an object.
pub fn counters(router: &FirewallRouter, event: &str) -> Value {
    let Ok(firewall) = router.firewall() else {
        return json!({ "event": event });
    };
    let (counters, stats) = (router.counters(), firewall.stats());
    let (ipv4, ipv6) = firewall.sessions();
    json!({
        "event": event,
        "sessions": ipv4 + ipv6,
        "half_open": firewall.half_open(),
        "translated": router.nat().map_or(0, Nat::session_count),
        "forwarded": counters.forwarded,
        "local": counters.local,
        "held": counters.held,
        "refused": counters.refused,
        "dropped": counters.dropped,
        "accepted": stats.accepted,
        "queued": stats.queued,
        "answered": stats.consumed,
        "header": stats.header,
        "checksum": stats.checksum,
        "malformed": stats.malformed,
        "spoofed": stats.spoofed,
        "acl": stats.acl,
        "invalid": stats.invalid,
        "icmp_errors": stats.icmp_errors,
        "policy": stats.policy,
        "limit": stats.limit,
        "half_open_refused": stats.half_open,
        "table_full": stats.table_full,
        "application": stats.application,
        "syn_proxy": stats.syn_proxy,
        "sessions_begun": stats.sessions_begun,
        "sessions_expired": stats.sessions_expired,
        "sessions_evicted": stats.sessions_evicted,
        "sessions_ended": stats.sessions_ended,
        "logs_suppressed": stats.logs_suppressed,
        "events_lost": stats.events_lost,
    })
}

/// The sessions that end last, at most `rows` of them, as `top` would show them.
pub fn session_table(router: &FirewallRouter, now: Instant, rows: usize) -> String {
    let Ok(firewall) = router.firewall() else {
        return String::new();
    };
    let mut sessions: Vec<SessionInfo> = firewall.iter_sessions().collect();
    sessions.sort_by_key(|session| (core::cmp::Reverse(session.expires), session.session));
    let (counters, stats) = (router.counters(), firewall.stats());
    let mut text = format!(
        "{} sessions, {} half-open; packets {} accepted, {} answered, {} dropped; \
         {} by policy, {} invalid, {} spoofed, {} over limits\n",
        sessions.len(),
        firewall.half_open(),
        stats.accepted,
        stats.consumed,
        counters.dropped + counters.refused,
        stats.policy,
        stats.invalid,
        stats.spoofed,
        stats.limit + stats.half_open + stats.table_full,
    );
    let _ = writeln!(
        text,
        "{:<7} {:<28} {:<28} {:<12} {:<12} {:>9} {:>9} {:>6}  STATE",
        "PROTO", "FROM", "TO", "IN", "RULE", "SENT", "RECEIVED", "ENDS"
    );
    for session in sessions.iter().take(rows) {
        let policy = firewall.policy();
        let [sent, received] = firewall
            .session_counts(session.session)
            .map_or([0; 2], |(_, octets)| octets);
        let rule = session.rule.and_then(|rule| policy.rule_name(rule));
        let rule = rule.unwrap_or(if session.granted {
            "(granted)"
        } else {
            "(levels)"
        });
        let ingress = session.ingress.and_then(|id| policy.interface_name(id));
        let _ = writeln!(
            text,
            "{:<7} {:<28} {:<28} {:<12} {:<12} {:>9} {:>9} {:>5}s  {}",
            session.key.protocol().to_string(),
            end(&session.key, true),
            end(&session.key, false),
            ingress.unwrap_or("self"),
            rule,
            sent,
            received,
            session.expires.saturating_duration_since(now).as_secs(),
            state(&session.state),
        );
    }
    let left = sessions.len().saturating_sub(rows);
    if left > 0 {
        let _ = writeln!(text, "and {left} more");
    }
    text
}

/// What each rule has decided about since the policy was loaded.
pub fn rule_table(firewall: &Firewall) -> String {
    let policy = firewall.policy();
    let mut text = format!(
        "{:>9} {:>12} {:>9}  RULE\n",
        "PACKETS", "OCTETS", "SESSIONS"
    );
    let count = u32::try_from(policy.rules()).unwrap_or(u32::MAX);
    for rule in (0..count).map(RuleId) {
        let counters = firewall.rule_counters(rule).copied().unwrap_or_default();
        let _ = writeln!(
            text,
            "{:>9} {:>12} {:>9}  {}",
            counters.packets,
            counters.octets,
            counters.sessions,
            policy.rule_text(rule).unwrap_or("?"),
        );
    }
    text
}

fn end(key: &Key, is_source: bool) -> String {
    let (address, port) = if is_source {
        (key.source(), key.source_port())
    } else {
        (key.destination(), key.destination_port())
    };
    if key.protocol().has_ports() {
        SocketAddr::new(address, port).to_string()
    } else {
        address.to_string()
    }
}

fn state(state: &FlowState) -> String {
    match state {
        FlowState::Tcp(flow) => format!("{:?}", flow.state()),
        _ if state.is_replied() => "answered".to_owned(),
        _ => "new".to_owned(),
    }
}
