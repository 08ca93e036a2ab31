//! PPP beside its peers: frames, control packets, and whole sessions.
//!
//! Equal work on frames: flags, Address and Control fields, escapes and the 16-bit check sequence
//! around an IPv4 packet of 1500 octets; `hdlc` has no check sequence and no control characters, and
//! is there where that makes no other frame. The byte loop is what pppd and its kind do: one octet
//! after the other, a table for the check sequence. Each contender must find the same packets, and
//! write the same octets.

#![allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench may fail loudly"
)]

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
mod arch;
mod byte_loop;
mod configure;
mod frames;
mod payloads;
mod sessions;

use internetwork_benches::run;

fn main() {
    let mut groups = Vec::new();
    for payload in payloads::all() {
        groups.push(frames::encode(&payload));
        groups.push(frames::decode(&payload));
    }
    groups.extend([7, 10, 20].map(frames::short));
    groups.extend(payloads::noise().iter().map(frames::find));
    groups.push(configure::parse());
    groups.push(configure::emit());
    groups.extend(sessions::groups());
    sessions::print_octets();
    run(groups);
}
