//! What has happened, as JSON.

use super::node::{FirewallRouter, GatewayDrop, Note};
use crate::nat_router::nat_event;
use packet_buffer::Instant;
use packet_buffer::wire::TcpFlags;
use serde_json::{Map, Value, json};
use stateful_firewall::{
    CompiledPolicy, Event, FlowLogRecord, InterfaceId, Key, LogCause, Logged, PacketLog, RuleId,
    SessionRecord,
};

/// A note as an object.
pub fn to_json(note: &Note, router: &FirewallRouter) -> Value {
    let Some(policy) = router.policy() else {
        return Value::Null;
    };
    match note {
        Note::Firewall(event) => firewall_event(event, policy),
        Note::Nat(event) => nat_event(event),
        Note::Dropped(drop) => of_drop(drop, router),
    }
}

fn firewall_event(event: &Event, policy: &CompiledPolicy) -> Value {
    match event {
        Event::Packet(log) => packet(log, policy),
        Event::Suppressed { at, cause, count } => json!({
            "event": "suppressed",
            "at": seconds(*at),
            "cause": cause_text(cause),
            "count": count,
        }),
        Event::SessionBegun { at, key, rule, .. } => {
            let mut object = Map::new();
            object.insert("event".to_owned(), "session_begun".into());
            object.insert("at".to_owned(), seconds(*at));
            put_rule(&mut object, *rule, policy);
            put_key(&mut object, key);
            Value::Object(object)
        }
        Event::SessionEnded(record) => session(record, policy),
        Event::FlowLog(record) => flow(record, policy),
        _ => json!({ "event": "other" }),
    }
}

fn packet(log: &PacketLog, policy: &CompiledPolicy) -> Value {
    let (action, reason) = match &log.logged {
        Logged::Accepted => ("accept", None),
        Logged::Dropped(reason) => ("drop", Some(reason.to_string())),
        Logged::Rejected(reason) => ("reject", Some(reason.to_string())),
        Logged::Queued(_) => ("queue", None),
        Logged::Noted => ("note", None),
    };
    let mut object = Map::new();
    object.insert("event".to_owned(), "packet".into());
    object.insert("at".to_owned(), seconds(log.at));
    object.insert("action".to_owned(), action.into());
    if let Some(reason) = reason {
        object.insert("reason".to_owned(), reason.into());
    }
    object.insert("cause".to_owned(), cause_text(&log.cause).into());
    put_rule(&mut object, log.rule, policy);
    object.insert("in".to_owned(), interface(log.ingress, policy));
    object.insert("out".to_owned(), interface(log.egress, policy));
    if let Some(key) = &log.key {
        put_key(&mut object, key);
    }
    object.insert("length".to_owned(), log.length.into());
    if let Some(flags) = log.tcp_flags {
        object.insert("tcp_flags".to_owned(), flags.to_string().into());
    }
    if log.suppressed > 0 {
        object.insert("suppressed".to_owned(), log.suppressed.into());
    }
    Value::Object(object)
}

fn session(record: &SessionRecord, policy: &CompiledPolicy) -> Value {
    let mut object = Map::new();
    object.insert("event".to_owned(), "session_ended".into());
    object.insert("at".to_owned(), seconds(record.ended));
    object.insert("begun".to_owned(), seconds(record.begun));
    object.insert("last".to_owned(), seconds(record.last));
    let reason = format!("{:?}", record.reason).to_lowercase();
    object.insert("reason".to_owned(), reason.into());
    put_rule(&mut object, record.rule, policy);
    object.insert("in".to_owned(), interface(record.ingress, policy));
    put_key(&mut object, &record.key);
    object.insert("packets".to_owned(), json!(record.packets));
    object.insert("octets".to_owned(), json!(record.octets));
    put_flags(&mut object, record.tcp_flags);
    Value::Object(object)
}

fn flow(record: &FlowLogRecord, policy: &CompiledPolicy) -> Value {
    let mut object = Map::new();
    object.insert("event".to_owned(), "flow".into());
    object.insert("start".to_owned(), seconds(record.start));
    object.insert("end".to_owned(), seconds(record.end));
    let action = if record.accepted { "ACCEPT" } else { "REJECT" };
    object.insert("action".to_owned(), action.into());
    object.insert("in".to_owned(), interface(record.ingress, policy));
    put_key(&mut object, &record.key);
    object.insert("packets".to_owned(), record.packets.into());
    object.insert("octets".to_owned(), record.octets.into());
    put_flags(&mut object, record.tcp_flags);
    Value::Object(object)
}

fn of_drop(drop: &GatewayDrop, router: &FirewallRouter) -> Value {
    let mut object = Map::new();
    object.insert("event".to_owned(), "router_drop".into());
    object.insert("at".to_owned(), seconds(drop.at));
    object.insert("reason".to_owned(), format!("{:?}", drop.cause).into());
    let name = router.interface_name(drop.ingress);
    object.insert("in".to_owned(), name.into());
    if let Some((source, destination)) = drop.ends {
        object.insert("source".to_owned(), source.to_string().into());
        object.insert("destination".to_owned(), destination.to_string().into());
    }
    if drop.suppressed > 0 {
        object.insert("suppressed".to_owned(), drop.suppressed.into());
    }
    Value::Object(object)
}

/// Seconds, with microseconds behind the point.
fn seconds(at: Instant) -> Value {
    let micros = at.as_micros();
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

fn cause_text(cause: &LogCause) -> String {
    match cause {
        LogCause::Rule(_) => "rule".to_owned(),
        LogCause::Acl(None) => "acl".to_owned(),
        LogCause::Acl(Some(entry)) => format!("acl entry {entry}"),
        LogCause::Default => "default".to_owned(),
        LogCause::Other(trouble) => format!("{trouble:?}").to_lowercase(),
        _ => "other".to_owned(),
    }
}

fn put_rule(object: &mut Map<String, Value>, rule: Option<RuleId>, policy: &CompiledPolicy) {
    if let Some(rule) = rule {
        object.insert("rule_id".to_owned(), (u64::from(rule.0) + 1).into());
        object.insert("rule".to_owned(), policy.rule_name(rule).into());
    }
}

fn put_key(object: &mut Map<String, Value>, key: &Key) {
    object.insert("protocol".to_owned(), key.protocol().to_string().into());
    object.insert("source".to_owned(), key.source().to_string().into());
    object.insert(
        "destination".to_owned(),
        key.destination().to_string().into(),
    );
    if key.protocol().has_ports() {
        object.insert("source_port".to_owned(), key.source_port().into());
        object.insert("destination_port".to_owned(), key.destination_port().into());
    }
}

fn put_flags(object: &mut Map<String, Value>, flags: u8) {
    if flags != 0 {
        let text = TcpFlags(flags.into()).to_string();
        object.insert("tcp_flags".to_owned(), text.into());
    }
}

fn interface(id: Option<InterfaceId>, policy: &CompiledPolicy) -> Value {
    match id {
        Some(id) => policy.interface_name(id).into(),
        None => "self".into(),
    }
}
