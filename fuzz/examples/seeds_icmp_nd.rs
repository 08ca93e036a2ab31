//! Writes the seeds of the targets of `icmp-nd`'s messages in `corpus/`: the hand-made packets of
//! its tests, each with and without its IP header. The same seeds come out every time; inputs that a
//! fuzzer found stay.
//!
//! Run it in this folder with `cargo run --example seeds_icmp_nd`.

#[path = "../../crates/icmp-nd/tests/vectors/mod.rs"]
mod vectors;

mod support;

use std::io;
use support::write;

fn main() -> io::Result<()> {
    for (name, octets) in vectors::all() {
        let file = name.trim_start_matches("ip/");
        // An IPv4 header without options; IPv6, with a hop-by-hop header of eight octets in MLD.
        let header = match (octets[0] >> 4, octets[6]) {
            (4, _) => 20,
            (_, 0) => 48,
            _ => 40,
        };
        for target in ["icmp_nd_parse", "icmp_nd_round_trip"] {
            write(target, file, &octets)?;
            write(target, &format!("{file}-message"), &octets[header..])?;
        }
        // These are values in an encoding of their own, which any octets are.
        write("icmp_nd_structured", file, &octets)?;
    }
    Ok(())
}
