//! The plateaus: MTUs that links have (RFC 1191 §7.1).

/// MTUs that are common among links, ascending: those of RFC 1191 table 7-1, and what has become
/// common since: 1280 (IPv6's minimum), 1492 (PPPoE), 1500 (Ethernet), 9000 and 9001 (jumbo
/// frames).
///
/// ```
/// use icmp_nd::pmtu::{plateau_above, plateau_below};
///
/// assert_eq!(plateau_below(1500), 1492);
/// assert_eq!(plateau_above(1500), 2002);
/// assert_eq!(plateau_below(68), 68);
/// assert_eq!(plateau_above(65_535), 65_535);
/// ```
pub const PLATEAUS: [u32; 15] = [
    68, 296, 508, 1006, 1280, 1492, 1500, 2002, 4352, 8166, 9000, 9001, 17_914, 32_000, 65_535,
];

/// The largest plateau below `size`; the smallest one where there is none.
// RFC 1191 §7 MUST (plateau): without a next-hop MTU, the next lower plateau is tried.
pub fn plateau_below(size: u32) -> u32 {
    let mut below = PLATEAUS.iter().rev().filter(|&&it| it < size);
    below.next().or(PLATEAUS.first()).copied().unwrap_or(size)
}

/// The smallest plateau above `size`; the largest one where there is none.
pub fn plateau_above(size: u32) -> u32 {
    let mut above = PLATEAUS.iter().filter(|&&it| it > size);
    above.next().or(PLATEAUS.last()).copied().unwrap_or(size)
}
