//! Writes the seeds of the PPP targets in `corpus/`. The same come out every time; inputs that a fuzzer
//! found stay.
//!
//! Run it in this folder with `cargo run --example seeds_ppp`.

mod support;

use std::io;
use support::{octets, write};

/// Packets of each kind, in the order of their names.
const PACKETS: [(&str, &[u8]); 16] = [
    (
        "lcp-request",
        b"\xff\x03\xc0\x21\x01\x01\x00\x1d\x01\x04\x05\xd4\x02\x06\x00\x0a\x00\x00\x03\x05\xc2\x23\
          \x05\x05\x06\x12\x34\x56\x78\x07\x02\x08\x02",
    ),
    (
        "lcp-request-multilink",
        b"\xc0\x21\x01\x02\x00\x1c\x11\x04\x05\xdc\x12\x02\x13\x09\x03\x02\x00\x00\x00\x00\x01\x04\
          \x04\xc0\x25\x09\x03\x02\x17\x04\x00",
    ),
    (
        "lcp-protocol-reject",
        b"\xc0\x21\x08\x05\x00\x0c\x80\x21\x01\x01\x00\x04\x00\x00",
    ),
    ("lcp-echo", b"\xc0\x21\x09\x06\x00\x0b\x01\x02\x03\x04abc"),
    (
        "ipcp-request",
        b"\x80\x21\x01\x01\x00\x16\x02\x06\x00\x2d\x0f\x01\x03\x06\x0a\x00\x00\x01\x81\x06\x00\x00\
          \x00\x00",
    ),
    (
        "ipv6cp-request",
        b"\x80\x57\x01\x01\x00\x0e\x01\x0a\x01\x02\x03\x04\x05\x06\x07\x08",
    ),
    (
        "ccp-request",
        b"\x80\xfd\x01\x01\x00\x0a\x12\x06\x01\x00\x00\x40",
    ),
    ("pap-request", b"\xc0\x23\x01\x01\x00\x0e\x04user\x04pass"),
    (
        "chap-challenge",
        b"\xc2\x23\x01\x01\x00\x19\x100123456789abcdefname",
    ),
    ("chap-success", b"\xc2\x23\x03\x01\x00\x0bwelcome"),
    ("eap-identity", b"\xc2\x27\x02\x01\x00\x08\x01bob"),
    (
        "eap-md5",
        b"\xc2\x27\x01\x03\x00\x19\x04\x100123456789abcdefsrv",
    ),
    (
        "pppoe-padi",
        b"\x11\x09\x00\x00\x00\x0c\x01\x01\x00\x00\x01\x03\x00\x04abcd",
    ),
    (
        "pppoe-session",
        b"\x11\x00\x00\x05\x00\x06\xc0\x21\x01\x01\x00\x04",
    ),
    ("multilink", b"\xc0\x00\x00\x03\x00\x21E"),
    ("lqr", &[0x5a; 48]),
];

/// Targets whose inputs are structures: any octets are some.
const STRUCTURED: [&str; 6] = [
    "ppp_ccp",
    "ppp_framing",
    "ppp_link_ops",
    "ppp_multilink",
    "ppp_pppoe_ops",
    "ppp_vj",
];

fn main() -> io::Result<()> {
    for (name, packet) in PACKETS {
        write("ppp_parse", name, packet)?;
        let information = packet.get(2..).unwrap_or_default();
        write("ppp_parse", &format!("{name}-information"), information)?;
    }
    for target in STRUCTURED {
        for seed in 0..12u32 {
            write(target, &format!("numbers-{seed:02}"), &numbers(seed))?;
        }
    }
    Ok(())
}

/// Octets of a linear congruential generator; small ones, and those that frames escape, among them.
fn numbers(seed: u32) -> Vec<u8> {
    octets(seed, 80 + seed * 40, |state| {
        let [octet, other, ..] = state.to_be_bytes();
        match (seed % 3, other % 4) {
            (0, _) => octet,
            (1, _) => octet % 16,
            (_, 0) => 0x7d + octet % 2,
            _ => octet,
        }
    })
}
