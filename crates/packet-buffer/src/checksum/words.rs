//! The summing loops, in safe code.
//!
//! All of them sum 16-bit words in the machine's own byte order: RFC 1071 §2 (B) shows that the
//! octets of the result are then those of the sum in network order, in the machine's order.

/// Octets from which on [`portable`] is faster than [`short`].
pub(super) const BLOCK: usize = 128;

/// Octets that [`blocks`] sums without overflow, with room to spare. Even, so that slices of this
/// length can follow each other.
pub(super) const AT_ONCE: usize = 1 << 20;

/// The sum over a slice that is too short for [`blocks`] to pay, in 34 bits.
#[inline]
pub(super) fn short(octets: &[u8]) -> u64 {
    let (words, mut rest) = octets.as_chunks::<8>();
    let (mut sum, mut carries) = (0u64, 0u64);
    for word in words {
        let (next, carry) = sum.overflowing_add(u64::from_ne_bytes(*word));
        sum = next;
        carries += u64::from(carry);
    }
    if let Some((word, after)) = rest.split_first_chunk() {
        carries += u64::from(u32::from_ne_bytes(*word));
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk() {
        carries += u64::from(u16::from_ne_bytes(*word));
        rest = after;
    }
    if let [octet] = rest {
        carries += lone(*octet);
    }
    halves(sum) + carries
}

/// [`blocks`] with what every processor of the target has.
pub(super) fn portable(octets: &[u8]) -> u64 {
    blocks::<BLOCK>(octets)
}

/// The sum over a slice of up to [`AT_ONCE`] octets, in 34 bits; in blocks of `B` octets, and fast
/// from `B` octets on.
///
/// A loop without carries between its turns, so that the compiler makes vector code of it for
/// whatever it may use in the function that this is inlined into. What is left behind the last
/// whole block is summed as the end of one more block, which overlaps it and has the octets that
/// were summed already masked out: a tail costs one turn, whatever its length.
#[inline(always)]
pub(super) fn blocks<const B: usize>(octets: &[u8]) -> u64 {
    const { assert!(B.is_multiple_of(8) && B <= MAX_BLOCK) };
    let (pairs, odd) = match octets.split_last() {
        Some((last, pairs)) if octets.len() % 2 == 1 => (pairs, lone(*last)),
        _ => (octets, 0),
    };
    let Some(end) = pairs.last_chunk::<B>() else {
        return odd + short(pairs);
    };
    let (whole, tail) = pairs.as_chunks::<B>();
    let mut sum = odd;
    for word in whole.as_flattened().as_chunks::<8>().0 {
        sum += halves(u64::from_ne_bytes(*word));
    }
    // The mask lets the last `tail.len()` octets through.
    let mask = MASK.as_flattened().get(MAX_BLOCK - B + tail.len()..);
    if let Some(mask) = mask.and_then(<[u8]>::first_chunk::<B>) {
        for (word, mask) in end.as_chunks::<8>().0.iter().zip(mask.as_chunks::<8>().0) {
            sum += halves(u64::from_ne_bytes(*word) & u64::from_ne_bytes(*mask));
        }
    }
    halves(sum)
}

const MAX_BLOCK: usize = 256;

/// Octets that let nothing through, then as many that let all through.
static MASK: [[u8; MAX_BLOCK]; 2] = [[0; MAX_BLOCK], [0xff; MAX_BLOCK]];

/// The last octet of an odd number: the first of a word whose second is zero (RFC 1071 §4.1).
#[inline]
fn lone(octet: u8) -> u64 {
    u64::from(u16::from_ne_bytes([octet, 0]))
}

/// The sum of the two halves of a word, which stands for the same 16-bit sum.
#[inline]
pub(super) const fn halves(sum: u64) -> u64 {
    (sum & 0xffff_ffff) + (sum >> 32)
}
