//! The summing loop.

/// The one's complement sum of `octets` in the machine's byte order, folded to 32 bits.
#[inline]
pub(super) fn sum(octets: &[u8]) -> u32 {
    let (quads, tail) = octets.as_chunks::<4>();
    let mut sum = 0u64;
    for quad in quads {
        sum += u64::from(u32::from_ne_bytes(*quad));
    }
    let (pairs, last) = tail.as_chunks::<2>();
    for pair in pairs {
        sum += u64::from(u16::from_ne_bytes(*pair));
    }
    if let [octet] = last {
        sum += u64::from(u16::from_ne_bytes([*octet, 0]));
    }
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    (sum & 0xffff_ffff) as u32
}
