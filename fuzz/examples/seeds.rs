//! Writes the seeds in `corpus/`: the hand-made packets of `packet-buffer`'s tests, and short
//! sequences of operations. The same seeds come out every time; inputs that a fuzzer found stay.
//!
//! Run it in this folder with `cargo run --example seeds`.

#[path = "../../crates/packet-buffer/tests/vectors/mod.rs"]
mod vectors;

mod support;

use std::io;
use support::{octets, write};

fn main() -> io::Result<()> {
    for (name, octets) in vectors::all() {
        let file = name.replace('/', "-");
        write("packet_parse", &file, &octets)?;
        write("packet_round_trip", &file, &octets)?;
        // Port, hop limit, switches, address, and then the packet.
        let mut input = vec![0xee, 0x48, 63, 0];
        input.extend([
            0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 1, 0, 0, 0, 0, 203, 0, 113, 254,
        ]);
        input.extend(&octets);
        write("packet_rewrite", &file, &input)?;
    }
    // Each is of its own length, and of octets that are small, large or any.
    for seed in 0..24u32 {
        let file = format!("numbers-{seed:02}");
        let length = 24 + seed * seed;
        let any = numbers(seed, length);
        write("checksum", &file, &any)?;
        write("buffer_ops", &file, &any)?;
        write("packet_structured", &file, &any)?;
        write("flow_table_ops", &file, &any)?;
        write("fragment_ops", &file, &any)?;
        write("icmp_nd_host_ops", &file, &any)?;
        write("icmp_nd_router_ops", &file, &any)?;
    }
    write("checksum", "ones", &[0xff; 200])?;
    write("checksum", "zeroes", &[0; 200])?;
    for (name, octets) in reassemblies() {
        write("fragment_ops", name, &octets)?;
    }
    Ok(())
}

/// Operations on fragments that get far: packets that are split, and put together in some order.
fn reassemblies() -> [(&'static str, Vec<u8>); 4] {
    // A configuration with room: switches, timeout, limits.
    let config = [2, 100, 0xff, 0xff, 0xff, 0xff, 15, 7, 31, 7];
    let with = |ops: &[u8]| [&config[..], ops].concat();
    // Splits 900 octets for an MTU of 300, and hands in what is first in the pool, four times.
    let mut in_turn = vec![0, 0x10, 3, 132, 0, 232];
    for _ in 0..4 {
        in_turn.extend([2, 0, 1, 0]);
    }
    let mut changed = in_turn.clone();
    changed.extend([0, 0x12, 15, 0, 0, 10, 1, 4, 0, 3, 0x40, 0, 6, 0x10, 0, 1, 0]);
    let mut times_out = in_turn[..10].to_vec();
    times_out.extend([6, 0x0f, 0xa0, 1, 0, 6, 0xff, 0xff, 1, 0]);
    let mut there_and_back = Vec::new();
    for choice in 0..16 {
        there_and_back.extend([7, choice, choice, 200, 0, choice, 1]);
        there_and_back.extend([3, 0x82, 1, 9, 0x80, 0, 0, 0]);
    }
    [
        ("in-turn", with(&in_turn)),
        ("changed", with(&changed)),
        ("times-out", with(&times_out)),
        ("there-and-back", with(&there_and_back)),
    ]
}

/// `length` octets of a linear congruential generator.
fn numbers(seed: u32, length: u32) -> Vec<u8> {
    octets(seed, length, |state| {
        let octet = (state >> 24) as u8;
        match seed % 3 {
            0 => octet,
            1 => octet % 16,
            _ => octet | 0xe0,
        }
    })
}
