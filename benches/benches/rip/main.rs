//! RIP: what a route costs a router, and look-ups in a full table.
//!
//! * **learn**: a new router hears a table of n routes on one interface and announces all of it on
//!   another, by triggered updates. Each route is taken in once and written once.
//!   The table comes in the order of prefixes, in which routers send it, and in no order.
//! * **refresh**: the same table is heard again, unchanged, and a regular update is sent.
//! * **lookup**: random addresses of which each is in some prefix, in a table of 1,000,000 prefixes
//!   with the lengths of the Internet's, beside `prefix-trie`, and beside a flat array of 2^24 entries, the
//!   floor of what memory allows.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench may fail loudly"
)]

extern crate alloc;

mod engine;
mod lookup;

use internetwork_benches::run;
pub(crate) use internetwork_benches::traffic::Random;

fn main() {
    let mut groups = engine::groups();
    groups.extend(lookup::groups());
    run(groups);
}

/// Distinct prefixes with the lengths of the Internet's table, in no order.
pub(crate) fn prefixes(count: usize) -> Vec<packet_buffer::wire::Ipv4Prefix> {
    let mut random = Random(7);
    let mut seen = hashbrown::HashSet::new();
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        // 60 % of /24, 12 % of /22, 11 % of /23, and the others up to /16.
        let length = match random.below(100) {
            0..60 => 24,
            60..72 => 22,
            72..83 => 23,
            83..88 => 21,
            88..93 => 20,
            93..96 => 19,
            96..98 => 18,
            98 => 17,
            _ => 16,
        };
        // Nested in allocations, as those are.
        let first = 11 + random.below(200) as u32;
        if first == 127 {
            continue;
        }
        let address = first << 24 | (random.next() as u32 & 0x00ff_ffff);
        let prefix = packet_buffer::wire::Ipv4Prefix::new(address.into(), length).unwrap();
        if seen.insert(prefix) {
            all.push(prefix);
        }
    }
    all
}
