//! What the frames are made of.

use ppp_lcp_ncp::framing::{ESCAPE, FLAG};

/// A packet and a map of control characters.
pub(crate) struct Payload {
    pub(crate) name: &'static str,
    pub(crate) accm: u32,
    /// Protocol and information.
    pub(crate) packet: Vec<u8>,
}

/// A stream without good frames.
pub(crate) struct Noise {
    pub(crate) name: &'static str,
    pub(crate) accm: u32,
    pub(crate) octets: Vec<u8>,
}

/// Octets of a xorshift generator.
fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn ip(information: Vec<u8>) -> Vec<u8> {
    [&[0x00, 0x21][..], &information].concat()
}

pub(crate) fn all() -> Vec<Payload> {
    let payload = |name, accm, information| Payload {
        name,
        accm,
        packet: ip(information),
    };
    // One octet in eight is escaped, none beside another: no lane of eight is without one.
    let spread = (0..1500).map(|i| if i % 8 == 3 { FLAG } else { b'x' });
    vec![
        payload("1500 random octets", 0, random(1500)),
        payload(
            "1500 random octets, all controls escaped",
            u32::MAX,
            random(1500),
        ),
        payload("1500 flags", 0, vec![FLAG; 1500]),
        payload("1500 escapes", 0, vec![ESCAPE; 1500]),
        payload("1500 zeroes, all controls escaped", u32::MAX, vec![0; 1500]),
        payload("1500 octets, each eighth a flag", 0, spread.collect()),
        payload("1500 octets without escapes", 0, vec![b'x'; 1500]),
        payload("40 random octets", 0, random(40)),
        payload("4 random octets", 0, random(4)),
    ]
}

pub(crate) fn noise() -> Vec<Noise> {
    let noise = |name, accm, octets: &[u8]| Noise {
        name,
        accm,
        octets: octets.iter().copied().cycle().take(1500).collect(),
    };
    vec![
        noise("flags", 0, &[FLAG]),
        noise("flags and single octets", 0, &[FLAG, b'x']),
        noise("frames of five octets", 0, b"\x7e12345"),
        noise("frames of ten octets", 0, b"\x7e1234567890"),
        noise(
            "frames of ten octets, escapes and controls",
            u32::MAX,
            b"\x7e}234567890\x11",
        ),
        noise("frames of twenty octets", 0, b"\x7e12345678901234567890"),
        noise("escapes", 0, &[ESCAPE]),
        noise("flags and escapes", 0, &[FLAG, ESCAPE]),
        noise("controls that the line put in", u32::MAX, &[0x11]),
        noise("octets and controls", u32::MAX, &[b'x', 0x11]),
        noise("flags, controls and octets", u32::MAX, &[FLAG, 0x11, b'x']),
        noise("an endless frame", 0, b"x"),
        noise("random octets", u32::MAX, &random(1500)),
    ]
}
