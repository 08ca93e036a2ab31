//! Reading and writing echo, Neighbor Advertisements and Router Advertisements beside the peers.
//!
//! Equal work when reading: check the ICMPv6 message, take out its fields and those of all its
//! options, and sum them; no checksums. 256 different messages in turn. Equal work when writing: the
//! message with its options and its checksum. Each contender must give the same sum, and write the
//! same octets.

#![allow(clippy::unwrap_used, reason = "a bench may fail loudly")]

mod messages;
mod read;
mod write;

use internetwork_benches::run;

fn main() {
    run(vec![
        read::echo("parse, echo request"),
        read::neighbor_advertisement("parse, Neighbor Advertisement with an address"),
        read::router_advertisement("parse, Router Advertisement with three options"),
        write::echo("emit, echo request of 64 octets"),
        write::neighbor_advertisement("emit, Neighbor Advertisement with an address"),
        write::router_advertisement("emit, Router Advertisement with three options"),
    ]);
}

/// What takes part.
mod names {
    pub(crate) const OURS: &str = "icmp-nd";
    pub(crate) const SMOLTCP: &str = "smoltcp 0.14";
    pub(crate) const ETHERPARSE: &str = "etherparse 0.21";
    pub(crate) const PNET: &str = "pnet_packet 0.35";
}
