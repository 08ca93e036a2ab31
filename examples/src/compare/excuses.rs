//! Differences that are known, each with its reason.

use serde_json::Value;

/// A known difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excuse {
    /// The capture: folder and name.
    pub capture: &'static str,
    /// Its frames.
    pub frames: Which,
    /// The keys; one that ends in a dot stands for all that begin so.
    pub keys: &'static [&'static str],
    /// Why the two differ.
    pub reason: &'static str,
}

/// Frames of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those of these numbers, from one.
    These(&'static [usize]),
}

impl Excuse {
    /// Whether it is about this key of this frame.
    pub fn covers(&self, capture: &str, frame: usize, key: &str) -> bool {
        let frames = match self.frames {
            Which::All => true,
            Which::These(frames) => frames.contains(&frame),
        };
        let is_meant =
            |meant: &&str| *meant == key || meant.ends_with('.') && key.starts_with(meant);
        frames && self.capture == capture && self.keys.iter().any(is_meant)
    }
}

/// All known differences. One that no frame needs any more fails the comparison.
pub const EXCUSES: &[Excuse] = &[
    Excuse {
        capture: "frag/pcpp-ipv4-malformed",
        frames: Which::These(&[1]),
        keys: &["ip."],
        reason: "the total length is below the header length: tshark stops there, we show the \
                 fixed header beside the error",
    },
    Excuse {
        capture: "frag/suricata-ipv6-malformed-fragments-11",
        frames: Which::These(&[1, 2]),
        keys: &["ipv6.fraghdr.", "icmpv6."],
        reason: "134 fragment headers in a packet: we refuse the second, and read nothing behind",
    },
    Excuse {
        capture: "frag/suricata-ipv6-malformed-fragments-35",
        frames: Which::These(&[1]),
        keys: &["ipv6.fraghdr.", "icmpv6."],
        reason: "two fragment headers in a packet: we refuse the second, and read nothing behind",
    },
    Excuse {
        capture: "icmp/pcpp-ipv4-options",
        frames: Which::These(&[6, 7]),
        keys: &["ip.dst"],
        reason: "a source route: tshark gives its last address as destination, we what the header \
                 says",
    },
    Excuse {
        capture: "icmp/tcpdump-icmp-rfc5837",
        frames: Which::These(&[1]),
        keys: &[
            "icmp.int_info.name",
            "icmp.int_info.name_length",
            "icmp.reserved",
        ],
        reason: "a name of the greatest length: tshark shows that and the reserved octets of the \
                 address, we the name",
    },
    Excuse {
        capture: "misc/ndpi-6in4tunnel",
        frames: Which::These(&[45]),
        keys: &["tcp.checksum.status"],
        reason: "a segment that an ICMPv6 error quotes cut: tshark computes the checksum over what \
                 is there and calls it bad, we do not judge it",
    },
    Excuse {
        capture: "nd/scapy-nd-options-1",
        frames: Which::These(&[17]),
        keys: &["icmpv6.opt.prefix"],
        reason: "a route of length 0 with octets behind it: tshark shows them, receivers ignore \
                 them (RFC 4191 §2.3)",
    },
    Excuse {
        capture: "nd/scapy-nd-options-1",
        frames: Which::These(&[23]),
        keys: &["icmpv6.opt.dnssl.lifetime"],
        reason: "a search list without names, which receivers ignore (RFC 8106 §5.3.1): we keep it \
                 as octets",
    },
    Excuse {
        capture: "nd/scapy-nd-options-1",
        frames: Which::These(&[25]),
        keys: &["icmpv6.opt.captive_portal"],
        reason: "a captive portal without a URI: we keep it as octets",
    },
    Excuse {
        capture: "nd/tcpdump-rpl-14-dao",
        frames: Which::These(&[1]),
        keys: &["icmpv6.reserved"],
        reason: "a field of RPL (RFC 6550), which no crate reads",
    },
    Excuse {
        capture: "nd/tcpdump-rpl-dao-oobr",
        frames: Which::These(&[1]),
        keys: &["icmpv6.reserved"],
        reason: "a field of RPL (RFC 6550), which no crate reads",
    },
    Excuse {
        capture: "ppp/tcpdump-eapon1",
        frames: Which::These(&[21, 34, 59, 109]),
        keys: &["eap.identity"],
        reason: "an attribute of EAP-SIM (RFC 4186), which no crate reads",
    },
];

/// A difference that any frame may have, as long as it is of this kind.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The keys.
    pub keys: &'static [&'static str],
    /// Why the two differ.
    pub reason: &'static str,
    /// Whether the difference between tshark's fields and ours is of this kind. It is given the
    /// key, and the values of any key on either side.
    pub holds: fn(key: &str, theirs: Lookup<'_>, ours: Lookup<'_>) -> bool,
}

/// The values of a key on one side.
pub type Lookup<'a> = &'a dyn Fn(&str) -> &'a [Value];

/// All known kinds of differences. One that no frame needs any more fails the comparison.
pub const RULES: &[Rule] = &[
    Rule {
        keys: &["tcp.option_kind"],
        reason: "zeroes behind the end of the TCP options: tshark lists each as an option, we stop \
                 at the first",
        holds: only_padding_follows,
    },
    Rule {
        keys: &["tcp.options.sack_le", "tcp.options.sack_re"],
        reason: "tshark gives SACK edges relative to the first sequence number that it has seen, \
                 we as they stand in the segment",
        holds: have_one_base,
    },
];

fn only_padding_follows(key: &str, theirs: Lookup<'_>, ours: Lookup<'_>) -> bool {
    let end = Value::from(0);
    let (theirs, ours) = (theirs(key), ours(key));
    let padding = theirs.strip_prefix(ours).unwrap_or_default();
    ours.last() == Some(&end) && !padding.is_empty() && padding.iter().all(|kind| *kind == end)
}

/// Whether all edges, left and right, are the same distance from ours.
fn have_one_base(_: &str, theirs: Lookup<'_>, ours: Lookup<'_>) -> bool {
    let edges = |side: Lookup<'_>| -> Option<Vec<u32>> {
        let all = side("tcp.options.sack_le")
            .iter()
            .chain(side("tcp.options.sack_re"));
        all.map(|edge| u32::try_from(edge.as_u64()?).ok()).collect()
    };
    let (Some(theirs), Some(ours)) = (edges(theirs), edges(ours)) else {
        return false;
    };
    let pairs = theirs.iter().zip(&ours);
    let mut bases = pairs.map(|(theirs, ours)| ours.wrapping_sub(*theirs));
    let base = bases.next();
    theirs.len() == ours.len() && base.is_some_and(|base| bases.all(|other| other == base))
}
