//! Bundles: fragments of any packets in any order come together as they were, or not at all; what
//! waits stays within its bounds.
#![no_main]

use arbitrary::Arbitrary;
use core::time::Duration;
use libfuzzer_sys::fuzz_target;
use packet_buffer::Instant;
use ppp_lcp_ncp::multilink::{FragmentHeader, Reassembler, ReassemblerConfig};

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// A fragment whose number is near to the one before.
    Fragment {
        link: u8,
        step: i8,
        begins: bool,
        ends: bool,
        data: &'a [u8],
    },
    /// Any octets arrive.
    Octets(u8, &'a [u8]),
    /// A packet in so many parts, of which those with a bit are lost.
    Packet(&'a [u8], u8, u16),
    Wait(u16),
    Add,
    Remove(u8),
}

const MRRU: usize = 600;
const MAX_FRAGMENTS: usize = 20;
const MAX_OCTETS: usize = 2_000;

fuzz_target!(|input: (bool, Vec<Op<'_>>)| {
    let (is_short, ops) = input;
    let config = ReassemblerConfig {
        is_short,
        mrru: MRRU,
        max_fragments: MAX_FRAGMENTS,
        max_octets: MAX_OCTETS,
        ..ReassemblerConfig::default()
    };
    let mut reassembler = Reassembler::new(config).expect("it can work");
    let mut links = 2;
    for _ in 0..links {
        reassembler.add_link();
    }
    let mut now = Instant::from_secs(1);
    let mut sequence = 0u32;
    for op in &ops {
        match op {
            Op::Fragment {
                link,
                step,
                begins,
                ends,
                data,
            } => {
                sequence = sequence.wrapping_add_signed((*step).into());
                let fragment = fragment(is_short, sequence, [*begins, *ends], data);
                let _ = reassembler.handle_input(now, usize::from(*link) % (links + 1), &fragment);
            }
            Op::Octets(link, octets) => {
                let _ = reassembler.handle_input(now, usize::from(*link) % (links + 1), octets);
            }
            Op::Packet(octets, parts, lost) => {
                let octets = octets.get(..octets.len().min(MRRU)).unwrap_or_default();
                let size = octets.len().div_ceil(usize::from(parts % 8) + 1).max(1);
                let parts: Vec<_> = octets.chunks(size).collect();
                let mut is_whole = !parts.is_empty();
                for (number, part) in parts.iter().enumerate() {
                    sequence = sequence.wrapping_add(1);
                    let flags = [number == 0, number + 1 == parts.len()];
                    let fragment = fragment(is_short, sequence, flags, part);
                    is_whole &= lost >> number & 1 == 0;
                    if lost >> number & 1 == 0 {
                        let link = number % links.max(1);
                        is_whole &= reassembler.handle_input(now, link, &fragment).is_ok();
                    }
                }
                let (waiting, _) = reassembler.waiting();
                if is_whole && waiting == 0 && links > 0 {
                    let mut found = core::iter::from_fn(|| reassembler.poll_packet());
                    assert!(found.any(|packet| packet.as_slice() == octets));
                }
            }
            Op::Wait(tenths) => {
                now += Duration::from_millis(u64::from(*tenths) * 100);
                reassembler.handle_timeout(now);
                assert!(reassembler.poll_timeout().is_none_or(|next| next > now));
            }
            Op::Add if links < 6 => {
                reassembler.add_link();
                links += 1;
            }
            Op::Add => {}
            Op::Remove(link) => reassembler.remove_link(usize::from(*link) % (links + 1)),
        }
        let (fragments, octets) = reassembler.waiting();
        assert!(fragments <= MAX_FRAGMENTS && octets <= MAX_OCTETS);
        while let Some(packet) = reassembler.poll_packet() {
            assert!(packet.len() <= MRRU + 2);
        }
    }
});

fn fragment(is_short: bool, sequence: u32, [begins, ends]: [bool; 2], data: &[u8]) -> Vec<u8> {
    let mut packet = packet_buffer::PacketBuf::from(data);
    let header = FragmentHeader {
        begins,
        ends,
        sequence,
    };
    header.emit(&mut packet, is_short);
    packet.as_slice().to_vec()
}
