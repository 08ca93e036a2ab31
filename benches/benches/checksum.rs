//! The Internet checksum and its incremental update beside the peers'.

use core::hint::black_box;
use etherparse::checksum::Sum16BitWords;
use internetwork_benches::{Group, run};
use packet_buffer::checksum::{ChecksumDelta, internet_checksum, internet_checksum_portable};

const OURS: &str = "packet-buffer";
const PORTABLE: &str = "packet-buffer, safe twin";
const SMOLTCP: &str = "smoltcp 0.14";
const ETHERPARSE: &str = "etherparse 0.21";
const PNET: &str = "pnet_packet 0.35";
const FUCHSIA: &str = "internet-checksum 0.2.1";

fn main() {
    // Offset 0 of the array is 64-octet aligned; an IP header behind Ethernet is at offset 2.
    let memory = Aligned(core::array::from_fn(|i| {
        u8::try_from((i.wrapping_mul(2_654_435_761) >> 13) & 0xff).unwrap_or(0)
    }));
    let mut groups = Vec::new();
    for length in [20, 64, 256, 512, 1500, 9000] {
        for (place, offset) in [("aligned", 0), ("offset 2", 2), ("offset 1", 1)] {
            let octets = memory.0.get(offset..offset + length).unwrap_or_default();
            groups.push(whole(format!("checksum, {length} octets, {place}"), octets));
        }
    }
    groups.push(incremental(memory.0.first_chunk().unwrap_or(&[1; 20])));
    run(groups);
}

#[repr(align(64))]
struct Aligned([u8; 9216]);

/// The checksum over a whole slice.
fn whole(name: String, octets: &[u8]) -> Group<'_> {
    let ours = || internet_checksum(black_box(octets));
    let portable = || internet_checksum_portable(black_box(octets));
    let smoltcp = || !smoltcp::wire::checksum::data(black_box(octets));
    let etherparse = || {
        let sum = Sum16BitWords::new().add_slice(black_box(octets));
        sum.ones_complement().to_be()
    };
    // The word that is left out lies behind all of them.
    let pnet = || pnet_packet::util::checksum(black_box(octets), usize::MAX);
    let fuchsia = || u16::from_be_bytes(internet_checksum::checksum(black_box(octets)));

    let expected = ours();
    assert_eq!(portable(), expected);
    assert_eq!(smoltcp(), expected);
    assert_eq!(etherparse(), expected);
    assert_eq!(pnet(), expected);
    assert_eq!(fuchsia(), expected);

    let group = Group::new(name, 1)
        .item(OURS, ours)
        .item(PORTABLE, portable)
        .item(SMOLTCP, smoltcp)
        .item(ETHERPARSE, etherparse)
        .item(PNET, pnet)
        .item(FUCHSIA, fuchsia);
    match octets.len() {
        ..=64 => group.at_most(1.0, SMOLTCP),
        1500 => group.at_most(0.65, SMOLTCP),
        _ => group,
    }
}

/// An IPv4 address and a port change: patched, against summing a header of 20 octets anew.
fn incremental(header: &[u8; 20]) -> Group<'_> {
    let [a, b, c, d, e, f, ..] = *header;
    let (address, port) = ([a, b, c, d], [e, f]);
    let (new_address, new_port) = ([203, 0, 113, 9], [0xf0, 0x0d]);
    let old_sum = internet_checksum(header);
    let ours = move || {
        ChecksumDelta::new()
            .replace_u32(
                u32::from_be_bytes(black_box(address)),
                u32::from_be_bytes(black_box(new_address)),
            )
            .replace_u16(
                u16::from_be_bytes(black_box(port)),
                u16::from_be_bytes(black_box(new_port)),
            )
            .apply(black_box(old_sum))
    };
    let fuchsia = move || {
        let sum = black_box(old_sum).to_be_bytes();
        let sum = internet_checksum::update(sum, &black_box(address), &black_box(new_address));
        let sum = internet_checksum::update(sum, &black_box(port), &black_box(new_port));
        u16::from_be_bytes(sum)
    };
    let mut changed = *header;
    let mut recompute = move || {
        let [a, b, c, d, e, f, ..] = &mut changed;
        [*a, *b, *c, *d] = black_box(new_address);
        [*e, *f] = black_box(new_port);
        internet_checksum(black_box(&changed))
    };
    assert_eq!(ours(), recompute());
    assert_eq!(fuchsia(), recompute());
    Group::new("checksum, address and port change", 1)
        .item(OURS, ours)
        .item(FUCHSIA, fuchsia)
        .item("summing 20 octets anew", recompute)
        .at_most(1.0, FUCHSIA)
}
