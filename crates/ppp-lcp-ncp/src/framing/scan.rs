//! Where a run of octets ends that can be copied as it is.

use super::{ESCAPE, FLAG};

/// Octets that are looked at together.
pub(super) const LANES: usize = 8;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Not zero when one of the eight octets is zero. Which one may be wrong, whether there is one not.
const fn any_zero(octets: u64) -> u64 {
    octets.wrapping_sub(ONES) & !octets & HIGH
}

/// Whether one of the eight is a flag or an escape or, with `controls`, below 0x20.
const fn any_special(octets: [u8; LANES], controls: bool) -> bool {
    let octets = u64::from_ne_bytes(octets);
    let flags = any_zero(octets ^ (ONES * FLAG as u64));
    let escapes = any_zero(octets ^ (ONES * ESCAPE as u64));
    // An octet below 0x20 has its three upper bits clear.
    let low = if controls {
        any_zero(octets & (ONES * 0xe0))
    } else {
        0
    };
    flags | escapes | low != 0
}

/// Whether one of the eight is a flag or, with `controls`, below 0x20: anything but an escape that
/// needs a look.
pub(super) const fn any_boundary(octets: [u8; LANES], controls: bool) -> bool {
    let octets = u64::from_ne_bytes(octets);
    let flags = any_zero(octets ^ (ONES * FLAG as u64));
    let low = if controls {
        any_zero(octets & (ONES * 0xe0))
    } else {
        0
    };
    flags | low != 0
}

/// How many octets, a multiple of eight, begin `octets` without anything special among them.
#[inline]
pub(super) fn plain_len(octets: &[u8], controls: bool) -> usize {
    let mut length = 0;
    let mut rest = octets;
    while let Some((lanes, behind)) = rest.split_first_chunk::<LANES>() {
        if any_special(*lanes, controls) {
            break;
        }
        length += LANES;
        rest = behind;
    }
    length
}
