//! What the RFC tests have in common.

use core::fmt::Debug;
use packet_buffer::{EmitError, PacketBuf, ParseError};

/// The octets that `text` writes in hexadecimal digits; spaces and line breaks do not count.
pub(crate) fn octets(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).expect("pairs of hexadecimal digits")
}

/// `emit` puts a header in front of `payload`.
#[track_caller]
pub(crate) fn emitted(
    payload: &[u8],
    emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
) -> Vec<u8> {
    let mut packet = PacketBuf::from(payload);
    emit(&mut packet).expect("it can be written");
    packet.as_slice().to_vec()
}

/// `emit` refuses `length` octets of payload with `expected` and leaves the buffer as it was.
#[track_caller]
pub(crate) fn assert_refused(
    length: usize,
    expected: EmitError,
    emit: impl FnOnce(&mut PacketBuf) -> Result<(), EmitError>,
) {
    let payload = vec![0x5a; length];
    let mut packet = PacketBuf::from(&payload[..]);
    let headroom = packet.headroom();
    assert_eq!(emit(&mut packet), Err(expected));
    assert_eq!(packet.as_slice(), payload);
    assert_eq!(packet.headroom(), headroom);
}

/// All prefixes of `octets` shorter than the whole are refused as truncated.
#[track_caller]
pub(crate) fn assert_every_cut_is_truncated<T: Debug>(
    octets: &[u8],
    parse: impl for<'a> Fn(&'a [u8]) -> Result<T, ParseError>,
) {
    assert!(parse(octets).is_ok());
    for length in 0..octets.len() {
        let error = parse(&octets[..length]).expect_err("it is cut");
        assert!(error.is_truncated(), "{length}: {error}");
    }
}

/// `is_valid` sees every single bit that is wrong, and the octets as they are right.
#[track_caller]
pub(crate) fn assert_every_bit_counts(octets: &[u8], is_valid: impl Fn(&[u8]) -> bool) {
    assert!(is_valid(octets));
    let mut changed = octets.to_vec();
    for bit in 0..octets.len() * 8 {
        changed[bit / 8] ^= 0x80 >> (bit % 8);
        assert!(!is_valid(&changed), "bit {bit}");
        changed[bit / 8] = octets[bit / 8];
    }
}
