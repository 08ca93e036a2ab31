//! What the reassembler says it holds is what it takes from the allocator, or more.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

#[path = "reassembly_support/mod.rs"]
mod support;

use core::net::Ipv4Addr;
use packet_buffer::fragment::{FragmentDiscard, ReassemblerConfig, WhenFull};
use packet_buffer::wire::Ipv4Repr;
use support::*;
use testkit::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What is there whatever is held: the roots of three maps, which may be nearly empty, and the queue
/// of events.
const FIXED: isize = 16 << 10;
const ROOM: usize = 2 << 20;

/// Fills a reassembler with datagrams of `sources` sources, each of `fragments` fragments of
/// `length` octets, and compares what it says with what it takes.
fn compare(sources: u32, fragments: u16, length: usize) {
    let mut packets = vec![];
    let datagrams = ROOM / (usize::from(fragments) * (length + 64)) + 1;
    for n in 0..datagrams as u32 {
        let header = Ipv4Repr {
            source: Ipv4Addr::from_bits(0x0a00_0000 + n % sources),
            identification: (n / sources) as u16,
            ..header4()
        };
        for index in 0..fragments {
            let offset = 8 + index * (length as u16 + 8);
            packets.push(fragment4_of(header, offset, true, &vec![0; length]));
        }
    }
    let before = CountingAllocator::held();
    let mut bench = Bench::with(ReassemblerConfig {
        when_full: WhenFull::Refuse,
        max_octets: ROOM,
        max_octets_per_source: ROOM,
        max_datagrams: 10_000,
        max_datagrams_per_source: 10_000,
        ..ReassemblerConfig::default()
    });
    for packet in &packets {
        match bench.insert(packet) {
            Ok(_) => {}
            Err(FragmentDiscard::Full | FragmentDiscard::SourceFull) => {}
            Err(discard) => panic!("{discard}"),
        }
    }
    let (held, said) = (
        CountingAllocator::held() - before,
        bench.reassembler.octets() as isize,
    );
    assert!(said > 1_900_000, "the room was filled: {said}");
    assert!(
        held <= said + FIXED,
        "{held} octets are held, and {said} admitted"
    );
    assert!(
        held * 3 > said,
        "{held} octets are held, and {said} are claimed"
    );
    bench
        .reassembler
        .handle_timeout(packet_buffer::Instant::MAX);
    while bench.reassembler.poll_event().is_some() {}
    assert_eq!(bench.reassembler.octets(), 0);
    assert!(
        CountingAllocator::held() - before <= FIXED,
        "what was held is freed"
    );
}

#[test]
fn many_datagrams_of_one_small_fragment() {
    compare(10_000, 1, 8);
    compare(1, 1, 8);
}

#[test]
fn datagrams_of_many_small_fragments() {
    compare(50, 128, 8);
    compare(50, 9, 8);
}

#[test]
fn datagrams_of_long_fragments() {
    compare(100, 20, 1_480);
}
