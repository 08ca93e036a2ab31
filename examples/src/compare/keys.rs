//! Which keys are compared.

use serde_json::{Map, Value};

/// Protocols that carry packets which no crate reads yet, by tshark's short name, and who will read
/// them. A carrier that is read must be taken off this list: the report names those not needed.
pub const CARRIERS: &[(&str, &str)] = &[
    ("ppp", "PPP: ppp-lcp-ncp"),
    ("pppoes", "PPPoE: ppp-lcp-ncp"),
    ("chdlc", "Cisco HDLC: ppp-lcp-ncp"),
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

/// Who will give a key, or why nobody does; `None` for keys that must be given.
pub fn not_yet(key: &str, expected: &Map<String, Value>) -> Option<&'static str> {
    Some(match protocol(key) {
        "ppp" | "lcp" | "ipcp" | "ipv6cp" | "ccp" | "cdpcp" | "mplscp" | "bap" | "bacp" | "pap"
        | "chap" | "mp" | "vjc" | "eap" | "pppoed" | "pppoes" | "chdlc" | "slarp" => "ppp-lcp-ncp",
        "ah" | "esp" | "isakmp" | "udpencap" | "ipcomp" => "ipsec-ah-esp-ike",
        "mip" | "mip6" => "mobileip",
        "dns" | "ftp" | "tftp" | "sip" | "sdp" | "stun" | "natpmp" | "portcontrol" | "pptp" => {
            "nat"
        }
        "vrrp" | "carp" | "mpls" | "pwethcw" | "l2tp" | "ldp" => "nobody: no crate's protocol",
        "data" => "nobody: what tshark has no dissector for depends on its dissectors",
        "icmp" => icmp_not_yet(key)?,
        "icmpv6" => icmpv6_not_yet(key, expected)?,
        _ => match key {
            "frame.protocols" => "nobody: it names protocols that only tshark reads",
            "udp.payload" => "mobileip",
            "tcp.stream" | "tcp.completeness" | "tcp.window_size_scalefactor" | "udp.stream" => {
                "nobody: it takes the frames before"
            }
            key if key.starts_with("tcp.analysis.") => "nobody: it takes the frames before",
            _ => return None,
        },
    })
}

/// The bodies of the messages that are neither echo nor error, and the multi-part extensions.
fn icmp_not_yet(key: &str) -> Option<&'static str> {
    const PREFIXES: [&str; 4] = ["icmp.ext.", "icmp.int_info.", "icmp.mip.", "icmp.mpls."];
    let is_body = matches!(
        key,
        "icmp.addr_entry_size"
            | "icmp.lifetime"
            | "icmp.num_addrs"
            | "icmp.pref_level"
            | "icmp.router_address"
            | "icmp.reserved"
            | "icmp.originate_timestamp"
            | "icmp.receive_timestamp"
            | "icmp.transmit_timestamp"
    );
    let is_body = is_body || PREFIXES.iter().any(|prefix| key.starts_with(prefix));
    is_body.then_some("icmp-nd")
}

/// All but the header, echo and errors.
fn icmpv6_not_yet(key: &str, expected: &Map<String, Value>) -> Option<&'static str> {
    let is_error = || {
        let types = expected.get("icmpv6.type").and_then(Value::as_array);
        let first = types
            .and_then(|types| types.first())
            .and_then(Value::as_u64);
        first.is_some_and(|first| first < 128)
    };
    let is_given = match key {
        "icmpv6.type"
        | "icmpv6.code"
        | "icmpv6.checksum"
        | "icmpv6.checksum.status"
        | "icmpv6.mtu"
        | "icmpv6.pointer" => true,
        // Neighbor Discovery has a field of that name as well.
        "icmpv6.reserved" => is_error(),
        key => key.starts_with("icmpv6.echo."),
    };
    (!is_given).then_some("icmp-nd")
}
