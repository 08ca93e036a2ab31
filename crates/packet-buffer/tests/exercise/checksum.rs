//! The Internet checksum in all its forms, held against RFC 1071 written down word by word.

use packet_buffer::checksum::{ChecksumDelta, Sum, internet_checksum, is_valid};

/// The one's complement sum, one word after the other.
fn by_words(octets: &[u8]) -> u16 {
    octets.chunks(2).fold(0, |sum: u16, word| {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// Takes two cuts, a place and a new word from the front of `octets`, and sums what follows.
pub(crate) fn checksum(octets: &[u8]) {
    let Some((control, octets)) = octets.split_first_chunk::<24>() else {
        return;
    };
    let number = |at: usize| usize::from(u16::from_be_bytes([control[at], control[at + 1]]));
    let expected = by_words(octets);
    assert_eq!(Sum::new().add_bytes(octets).fold(), expected);
    assert_eq!(internet_checksum(octets), !expected);
    assert_eq!(is_valid(octets), expected == 0xffff);

    let (a, b) = (
        number(0) % (octets.len() + 1),
        number(2) % (octets.len() + 1),
    );
    let (first, last) = (a.min(b), a.max(b));
    let in_parts = Sum::new()
        .add_bytes(&octets[..first])
        .add_bytes(&octets[first..last])
        .add_bytes(&octets[last..]);
    assert_eq!(in_parts.fold(), expected, "in parts");
    assert_eq!(in_parts.checksum(), !expected);

    let words = octets.chunks_exact(2);
    let tail = words.remainder().to_vec();
    let sum = words.fold(Sum::new(), |sum, word| {
        sum.add_u16(u16::from_be_bytes([word[0], word[1]]))
    });
    assert_eq!(sum.add_bytes(&tail).fold(), expected, "by u16");
    let quads = octets.chunks_exact(4);
    let tail = quads.remainder().to_vec();
    let sum = quads.fold(Sum::new(), |sum, quad| {
        sum.add_u32(u32::from_be_bytes([quad[0], quad[1], quad[2], quad[3]]))
    });
    assert_eq!(sum.add_bytes(&tail).fold(), expected, "by u32");

    incremental(octets, number(4), &control[8..24]);
}

/// Changes up to sixteen octets at an even place, and patches the checksum.
fn incremental(octets: &[u8], place: usize, new: &[u8]) {
    if octets.len() < 16 {
        return;
    }
    let at = place % (octets.len() - 15) / 2 * 2;
    let mut changed = octets.to_vec();
    changed[at..at + 16].copy_from_slice(new);
    let words = |octets: &[u8]| -> Vec<u16> {
        let words = octets[at..at + 16].chunks_exact(2);
        words
            .map(|word| u16::from_be_bytes([word[0], word[1]]))
            .collect()
    };
    let long = |octets: &[u8]| u128::from_be_bytes(octets[at..at + 16].try_into().unwrap());
    let whole = ChecksumDelta::new().replace_u128(long(octets), long(&changed));
    let mut single = ChecksumDelta::new();
    let mut joined = ChecksumDelta::new();
    for (old, new) in words(octets).into_iter().zip(words(&changed)) {
        single = single.replace_u16(old, new);
        joined = joined.and(ChecksumDelta::new().replace_u16(old, new));
    }
    let (old, expected) = (internet_checksum(octets), internet_checksum(&changed));
    for delta in [whole, single, joined] {
        let patched = delta.apply(old);
        assert_eq!(patched % 0xffff, expected % 0xffff, "patched");
        // Only a sum over nothing but zeroes is the other zero.
        if octets.iter().any(|octet| *octet != 0) && changed.iter().any(|octet| *octet != 0) {
            assert_eq!(patched, expected);
        }
        assert_eq!(delta.apply_udp(0), 0);
        assert_ne!(delta.apply_udp(old.max(1)), 0);
    }
}
