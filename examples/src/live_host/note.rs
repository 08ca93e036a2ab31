//! What the host tells, as one line of text or JSON.

use core::net::{IpAddr, Ipv4Addr};
use icmp_nd::address::AddressEvent;
use icmp_nd::host::{Event, SendError};
use icmp_nd::nd::Parameter;
use icmp_nd::neighbor::NeighborEvent;
use icmp_nd::ping::TargetStats;
use icmp_nd::query::{Answer, QueryEvent};
use icmp_nd::{arp, nd, ping, pmtu};
use serde_json::{Value, json};

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// The tests of the configured addresses are over; these may be used.
    Ready(Vec<IpAddr>),
    /// In the IP layer.
    Host(Event),
    /// Router discovery (RFC 1256) has found another default gateway, or has none any more.
    DefaultGateway {
        /// The gateway.
        gateway: Option<Ipv4Addr>,
        /// How much it is preferred.
        preference: Option<i32>,
    },
    /// A router of router discovery is gone.
    GatewayGone(Ipv4Addr),
    /// Router discovery cannot be done; why.
    NoDiscovery(String),
    /// To a ping.
    Ping {
        /// Who is pinged.
        target: Option<IpAddr>,
        /// What.
        event: ping::Event,
    },
    /// All pings of a target have ended.
    Pinged {
        /// Who was pinged.
        target: IpAddr,
        /// With what success.
        stats: TargetStats,
    },
    /// A question was answered, or was not.
    Query {
        /// Who was asked.
        asked: IpAddr,
        /// What came of it.
        event: QueryEvent,
    },
    /// A ping or question cannot be asked.
    NotAsked {
        /// Who was to be asked.
        destination: IpAddr,
        /// Why not.
        why: String,
    },
    /// A packet of a ping or question was not sent.
    NotSent {
        /// Where it was to go.
        destination: IpAddr,
        /// Why not.
        why: SendError,
    },
}

/// A note as an object with a name, `event`, and what belongs to it.
pub fn to_json(note: &Note) -> Value {
    match note {
        Note::Ready(addresses) => json!({"event": "ready", "addresses": texts(addresses)}),
        Note::Host(event) => host(event),
        Note::DefaultGateway {
            gateway,
            preference,
        } => json!({
            "event": "default-gateway", "gateway": gateway.as_ref().map(text),
            "preference": preference,
        }),
        Note::GatewayGone(gateway) => json!({"event": "gateway-gone", "gateway": text(gateway)}),
        Note::NoDiscovery(why) => json!({"event": "no-router-discovery", "why": why}),
        Note::Ping { target, event } => ping(target.as_ref(), event),
        Note::Pinged { target, stats } => json!({
            "event": "pinged", "target": text(target), "sent": stats.sent,
            "received": stats.received, "errors": stats.errors,
            "duplicates": stats.duplicates, "corrupt": stats.corrupt,
            "average_ms": stats.rtt.average().map(millis),
        }),
        Note::Query { asked, event } => query(asked, event),
        Note::NotAsked { destination, why } => {
            json!({"event": "not-asked", "destination": text(destination), "why": why})
        }
        Note::NotSent { destination, why } => {
            json!({"event": "not-sent", "destination": text(destination), "why": text(why)})
        }
    }
}

/// The same as words: the name, then `key=value`.
pub fn to_text(value: &Value) -> String {
    let Some(object) = value.as_object() else {
        return value.to_string();
    };
    let name = object.get("event").and_then(Value::as_str);
    let mut words = vec![name.unwrap_or_default().to_owned()];
    for (key, value) in object {
        match value {
            _ if key == "event" => {}
            Value::Null => {}
            Value::String(text) if text.contains(' ') => words.push(format!("{key}={text:?}")),
            Value::String(text) => words.push(format!("{key}={text}")),
            value => words.push(format!("{key}={value}")),
        }
    }
    words.join(" ")
}

fn text(value: &impl ToString) -> String {
    value.to_string()
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn millis(time: core::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn host(event: &Event) -> Value {
    match event {
        Event::Nd(event) => neighbor_discovery(event),
        Event::Arp(arp::Event::Assigned { address }) => {
            json!({"event": "address", "address": text(address)})
        }
        Event::Arp(arp::Event::GivenUp {
            address,
            link_address,
        }) => json!({
            "event": "duplicate", "address": text(address), "link_address": text(link_address),
        }),
        Event::Arp(arp::Event::Conflict {
            address,
            link_address,
            defended,
        }) => json!({
            "event": "conflict", "address": text(address), "link_address": text(link_address),
            "defended": defended,
        }),
        Event::Arp(arp::Event::Neighbor(event)) => neighbor(event),
        Event::PathMtu(pmtu::Event::Reduced { path, mtu }) => {
            json!({"event": "path-mtu", "destination": text(&path.destination), "mtu": mtu})
        }
        Event::PathMtu(pmtu::Event::Increased { path, mtu }) => json!({
            "event": "path-mtu-increased", "destination": text(&path.destination), "mtu": mtu,
        }),
        Event::Unreachable {
            source,
            destination,
        } => json!({
            "event": "unreachable", "source": text(source), "destination": text(destination),
        }),
        Event::Redirected {
            destination,
            gateway,
        } => json!({
            "event": "redirected", "destination": text(destination), "target": text(gateway),
        }),
        other => json!({"event": "other", "what": format!("{other:?}")}),
    }
}

fn neighbor_discovery(event: &nd::Event) -> Value {
    match event {
        nd::Event::Address(event) => address(event),
        nd::Event::Neighbor(event) => neighbor(event),
        nd::Event::DefaultRouterAdded { router, preference } => json!({
            "event": "default-router", "router": text(router),
            "preference": format!("{preference:?}").to_lowercase(),
        }),
        nd::Event::DefaultRouterRemoved { router } => {
            json!({"event": "default-router-gone", "router": text(router)})
        }
        nd::Event::PrefixAdded(prefix) => json!({"event": "prefix", "prefix": text(prefix)}),
        nd::Event::PrefixRemoved(prefix) => {
            json!({"event": "prefix-gone", "prefix": text(prefix)})
        }
        nd::Event::RouteAdded { prefix, router } => {
            json!({"event": "route", "prefix": text(prefix), "router": text(router)})
        }
        nd::Event::RouteRemoved { prefix, router } => {
            json!({"event": "route-gone", "prefix": text(prefix), "router": text(router)})
        }
        nd::Event::Redirected {
            destination,
            target,
        } => json!({
            "event": "redirected", "destination": text(destination), "target": text(target),
        }),
        nd::Event::LinkMtu(mtu) => json!({"event": "link-mtu", "mtu": mtu}),
        nd::Event::Dhcpv6 { managed, other } => {
            json!({"event": "dhcpv6", "managed": managed, "other": other})
        }
        nd::Event::ParameterAdded(parameter) => parameter_of("", parameter),
        nd::Event::ParameterRemoved(parameter) => parameter_of("-gone", parameter),
        other => json!({"event": "other", "what": format!("{other:?}")}),
    }
}

fn address(event: &AddressEvent) -> Value {
    match event {
        AddressEvent::Assigned { address } => {
            json!({"event": "address", "address": text(address)})
        }
        AddressEvent::Duplicate { address, retry } => json!({
            "event": "duplicate", "address": text(address), "retry": retry.as_ref().map(text),
        }),
        AddressEvent::Conflict { address } => {
            json!({"event": "conflict", "address": text(address)})
        }
        AddressEvent::Deprecated { address } => {
            json!({"event": "address-deprecated", "address": text(address)})
        }
        AddressEvent::Removed { address, reason } => json!({
            "event": "address-gone", "address": text(address),
            "reason": format!("{reason:?}").to_lowercase(),
        }),
        AddressEvent::Disabled => json!({"event": "ipv6-disabled"}),
        other => json!({"event": "other", "what": format!("{other:?}")}),
    }
}

fn neighbor<A: ToString + core::fmt::Debug>(event: &NeighborEvent<A>) -> Value {
    match event {
        NeighborEvent::Resolved {
            address,
            link_address,
        } => json!({
            "event": "neighbor", "address": text(address), "link_address": text(link_address),
        }),
        NeighborEvent::LinkAddressChanged { address, old, new } => json!({
            "event": "neighbor-moved", "address": text(address), "old": text(old), "new": text(new),
        }),
        NeighborEvent::Unreachable { address } => {
            json!({"event": "neighbor-unreachable", "address": text(address)})
        }
        NeighborEvent::NoRouter { address } => {
            json!({"event": "neighbor-no-router", "address": text(address)})
        }
        other => json!({"event": "other", "what": format!("{other:?}")}),
    }
}

fn parameter_of(suffix: &str, parameter: &Parameter) -> Value {
    let (name, value) = match parameter {
        Parameter::DnsServer(server) => ("dns-server", text(server)),
        Parameter::SearchDomain(domain) => ("search-domain", text(domain)),
        Parameter::CaptivePortal(uri) => ("captive-portal", uri.clone()),
        Parameter::Nat64Prefix(prefix) => ("nat64-prefix", text(prefix)),
        other => ("parameter", format!("{other:?}")),
    };
    json!({"event": format!("{name}{suffix}"), "value": value})
}

fn ping(target: Option<&IpAddr>, event: &ping::Event) -> Value {
    let target = target.map(text);
    match event {
        ping::Event::Reply(reply) => json!({
            "event": "reply", "target": target, "from": text(&reply.from),
            "sequence": reply.sequence, "octets": reply.octets, "ttl": reply.hop_limit,
            "rtt_ms": millis(reply.rtt), "duplicate": reply.duplicate,
            "first_difference": reply.first_difference,
        }),
        ping::Event::Error {
            from,
            sequence,
            error,
            ..
        } => json!({
            "event": "error", "target": target, "from": text(from), "sequence": sequence,
            "error": text(error), "mtu": error.packet_too_big(),
        }),
        ping::Event::Timeout { sequence, .. } => {
            json!({"event": "no-reply", "target": target, "sequence": sequence})
        }
        other => json!({"event": "other", "what": format!("{other:?}")}),
    }
}

fn query(asked: &IpAddr, event: &QueryEvent) -> Value {
    let asked = text(asked);
    match event {
        QueryEvent::Answered {
            answer: Answer::Timestamp(estimate),
            ..
        } => json!({
            "event": "timestamp", "asked": asked, "offset_ms": estimate.offset_millis,
            "round_trip_ms": estimate.round_trip_millis,
        }),
        QueryEvent::Answered {
            answer: Answer::ExtendedEcho(reply),
            ..
        } => json!({
            "event": "extended-echo", "asked": asked, "code": reply.code.0, "active": reply.active,
            "ipv4": reply.ipv4, "ipv6": reply.ipv6,
        }),
        QueryEvent::Failed => json!({"event": "no-answer", "asked": asked}),
        other => json!({"event": "other", "asked": asked, "what": format!("{other:?}")}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;

    #[test]
    fn a_note_is_the_same_as_text_and_as_json() {
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let event = nd::Event::DefaultRouterRemoved { router };
        let value = to_json(&Note::Host(Event::Nd(event)));
        assert_eq!(value["router"], "fe80::1");
        assert_eq!(to_text(&value), "default-router-gone router=fe80::1");
    }

    #[test]
    fn what_is_unknown_is_left_out_of_the_text() {
        let value = json!({"event": "reply", "ttl": null, "octets": 56, "error": "no route"});
        assert_eq!(to_text(&value), "reply octets=56 error=\"no route\"");
    }
}
