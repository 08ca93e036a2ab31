//! Which keys are compared.

use serde_json::{Map, Value};

/// Protocols that carry packets which no crate reads yet, by tshark's short name, and who will read
/// them. A carrier that is read must be taken off this list: the report names those not needed.
pub const CARRIERS: &[(&str, &str)] = &[
    ("fr", "Frame Relay: nobody"),
    ("ipnet", "Solaris IPNET: nobody"),
    ("mpls", "MPLS: nobody"),
    ("teredo", "Teredo: nobody"),
    ("nhrp", "NHRP: nobody"),
    ("macsec", "MACsec: nobody"),
    ("avsp", "Arista timestamps: nobody"),
];

/// Keys that we give, and that the expected files were made without.
const NOT_ASKED_FOR: &[&str] = &[
    "eth.dst",
    "eth.src",
    "eth.len",
    "vlan.priority",
    "vlan.dei",
    "vlan.len",
    "ieee8021ad.priority",
    "ieee8021ad.dei",
    "ieee8021ad.id",
    "llc.dsap",
    "llc.ssap",
    "llc.oui",
    "sll.pkttype",
    "sll.hatype",
    "sll.halen",
    "sll.ifindex",
    "arp.hw.type",
    "arp.proto.type",
    "arp.hw.size",
    "arp.proto.size",
    "ip.checksum",
    "ipv6.routing.nxt",
    "ipv6.routing.len",
    "udp.checksum",
    "tcp.checksum",
];

/// Whether a key is no field: tshark's remarks, ours, and what only one side was asked for.
pub fn is_beside_the_point(key: &str) -> bool {
    key.starts_with("_ws.") || matches!(key, "expert" | "error") || NOT_ASKED_FOR.contains(&key)
}

/// The protocol that a key belongs to: what is in front of the first dot.
pub fn protocol(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// What tshark went into in a frame, and no crate does.
pub fn carrier(expected: &Map<String, Value>) -> Option<&'static str> {
    let protocols = expected.get("frame.protocols")?.as_str()?;
    protocols.split(':').find_map(|protocol| {
        let carrier = CARRIERS.iter().find(|(name, _)| *name == protocol);
        carrier.map(|(_, reason)| *reason)
    })
}

/// Beginnings of keys that are not about the frame alone.
const STATEFUL: [&str; 4] = ["tcp.analysis.", "mp.fragment", "mp.reassembled.", "vjc."];

/// Who will give a key, or why nobody does; `None` for keys that must be given.
pub fn not_yet(key: &str) -> Option<&'static str> {
    Some(match protocol(key) {
        "bap" | "bacp" => "nobody: bandwidth allocation (RFC 2125)",
        "ah" | "esp" | "isakmp" | "udpencap" | "ipcomp" => "ipsec-ah-esp-ike",
        "mip" | "mip6" => "mobileip",
        "dns" | "ftp" | "tftp" | "sip" | "sdp" | "stun" | "natpmp" | "portcontrol" | "pptp" => {
            "nat"
        }
        "vrrp" | "carp" | "mpls" | "pwethcw" | "l2tp" | "ldp" => "nobody: no crate's protocol",
        "data" => "nobody: what tshark has no dissector for depends on its dissectors",
        "icmp" => icmp_not_yet(key)?,
        "icmpv6" => icmpv6_not_yet(key)?,
        _ => match key {
            "frame.protocols" => "nobody: it names protocols that only tshark reads",
            "udp.payload" => "mobileip",
            "tcp.stream" | "tcp.completeness" | "tcp.window_size_scalefactor" | "udp.stream" => {
                "nobody: it takes the frames before"
            }
            key if STATEFUL.iter().any(|start| key.starts_with(start)) => {
                "nobody: it takes the frames before"
            }
            _ => return None,
        },
    })
}

/// The extension that makes an agent advertisement of a router advertisement.
fn icmp_not_yet(key: &str) -> Option<&'static str> {
    key.starts_with("icmp.mip.").then_some("mobileip")
}

/// Messages and options of other protocols that ride on ICMPv6.
fn icmpv6_not_yet(key: &str) -> Option<&'static str> {
    const OTHERS: [(&str, &str); 9] = [
        ("icmpv6.ni.", "nobody: node information (RFC 4620)"),
        (
            "icmpv6.nonce",
            "nobody: what the Teredo dissector makes of an echo",
        ),
        (
            "icmpv6.mcast_ra.",
            "nobody: multicast router discovery (RFC 4286)",
        ),
        ("icmpv6.mip6.", "mobileip"),
        ("icmpv6.opt.advertisement_interval", "mobileip"),
        ("icmpv6.opt.home_agent_", "mobileip"),
        ("icmpv6.opt.ipa.", "nobody: fast handovers (RFC 5568)"),
        ("icmpv6.opt.nrpi.", "nobody: fast handovers (RFC 5568)"),
        (
            "icmpv6.opt.map.",
            "nobody: hierarchical mobility (RFC 5380)",
        ),
    ];
    const WHOLE: [(&str, &str); 3] = [
        (
            "icmpv6.opt.ipv6_address",
            "nobody: fast handovers (RFC 5568)",
        ),
        ("icmpv6.data", "nobody: what tshark has no dissector for"),
        (
            "icmpv6.unknown_data",
            "nobody: what tshark has no dissector for",
        ),
    ];
    let by_start = OTHERS.iter().find(|(start, _)| key.starts_with(start));
    let known = by_start.or_else(|| WHOLE.iter().find(|(whole, _)| *whole == key));
    let flags_expansion = key.starts_with("icmpv6.opt.efo");
    match known {
        Some((_, reason)) => Some(reason),
        None => flags_expansion.then_some("nobody: more flags of routers (RFC 5175)"),
    }
}
