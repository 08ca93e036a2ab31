//! Reading and writing headers beside the peers.
//!
//! Equal work when reading: check the frame, take out addresses, ports, sequence number, flags (or
//! what ICMP has instead) and the length of the payload, and sum all of them. 256 different packets
//! in turn. Each contender must give the same sum, and write the same octets.

#![allow(clippy::unwrap_used, reason = "a bench may fail loudly")]

mod frames;
mod read;
mod write;

use internetwork_benches::run;

fn main() {
    let tcp = frames::tcp(0);
    let udp = frames::udp(0);
    let echo = frames::echo(0);
    let (small, large) = (frames::tcp(24), frames::tcp(1460));
    let mut groups = vec![
        read::tcp("parse, IPv4 and TCP", &tcp),
        read::udp("parse, IPv6 and UDP", &udp),
        read::echo("parse, IPv6 and ICMPv6 echo", &echo),
        read::tcp_verified("parse and verify, IPv4 and TCP, 64 octets", &small),
        read::tcp_verified("parse and verify, IPv4 and TCP, 1500 octets", &large),
    ];
    for length in [64, 512, 1500] {
        groups.push(write::tcp(
            format!("emit, IPv4 and TCP, {length} octets"),
            length,
        ));
    }
    run(groups);
}

/// What takes part.
mod names {
    pub(crate) const OURS: &str = "packet-buffer";
    pub(crate) const OURS_EXTENSIONS: &str = "packet-buffer, extension headers too";
    pub(crate) const CAST: &str = "zerocopy 0.8 struct cast";
    pub(crate) const SMOLTCP: &str = "smoltcp 0.14";
    pub(crate) const SMOLTCP_REPR: &str = "smoltcp 0.14, Repr";
    pub(crate) const ETHERPARSE: &str = "etherparse 0.21";
    pub(crate) const PNET: &str = "pnet_packet 0.35";
}
