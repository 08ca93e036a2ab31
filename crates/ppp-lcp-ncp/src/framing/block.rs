//! Work on blocks of 64 octets, of which masks tell what is where: bit n for octet n.
//!
//! What the encoder and the decoder do with the masks is written once, over [`Lanes`]. [`Portable`] is
//! safe code for every processor; its twins for vector units are in [`arch`](super::arch).

use super::{ESCAPE, ESCAPE_MASK, FLAG};

/// Octets of a block.
pub(super) const BLOCK: usize = 64;

pub(super) type Block = [u8; BLOCK];

/// A block all of whose octets are escaped.
pub(super) type Expanded = [u8; 2 * BLOCK];

/// Octets of which one octet of a mask tells.
pub(super) const LANE: usize = 8;

/// What is where in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Classes {
    pub(super) flags: u64,
    pub(super) escapes: u64,
    /// Control characters of the map.
    pub(super) controls: u64,
}

impl Classes {
    /// The same, for the first `size` octets alone.
    #[inline]
    pub(super) const fn within(self, size: usize) -> Self {
        let valid = low_bits(size);
        Self {
            flags: self.flags & valid,
            escapes: self.escapes & valid,
            controls: self.controls & valid,
        }
    }
}

/// The mask of the first `count` octets.
#[inline]
pub(super) const fn low_bits(count: usize) -> u64 {
    if count < BLOCK {
        (1 << count) - 1
    } else {
        u64::MAX
    }
}

/// What can be done with blocks. A value of the type proves that the processor can do it.
pub(super) trait Lanes: Copy {
    /// Fewer octets than these are taken one after the other: to make a block of them takes longer.
    const FEW: usize;

    /// Fewer octets than a block has, with zeroes behind them.
    #[inline(always)]
    fn padded(self, octets: &[u8]) -> Block {
        let mut block = [0; BLOCK];
        if let Some(part) = block.get_mut(..octets.len()) {
            part.copy_from_slice(octets);
        }
        block
    }

    /// What is where; control characters are those with a bit in `accm`.
    fn classes(self, block: &Block, accm: u32) -> Classes;

    /// All of these, which do not stand in a frame as they are.
    fn special(self, block: &Block, accm: u32) -> u64;

    /// Moves the octets with a bit in `keep` to the front of `out`, those with a bit in `flip` as they
    /// are without their escape. What is behind them in `out` means nothing.
    fn gather(self, block: &Block, keep: u64, flip: u64, out: &mut Block);

    /// Writes the block, with an escape for each octet that has a bit in `special`, and returns how
    /// many octets that makes. What is behind them in `out` means nothing.
    fn expand(self, block: &Block, special: u64, out: &mut Expanded) -> usize;
}

/// Safe code, for every processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Portable;

impl Lanes for Portable {
    const FEW: usize = 24;

    #[inline]
    fn classes(self, block: &Block, accm: u32) -> Classes {
        if is_plain(block, accm) {
            return Classes::default();
        }
        Classes {
            flags: mask(block, |octet| octet == FLAG),
            escapes: mask(block, |octet| octet == ESCAPE),
            controls: match accm {
                0 => 0,
                u32::MAX => mask(block, |octet| octet < 0x20),
                _ => mask(block, |octet| is_control(octet, accm)),
            },
        }
    }

    #[inline]
    fn special(self, block: &Block, accm: u32) -> u64 {
        if is_plain(block, accm) {
            return 0;
        }
        let is_special = |octet| (octet == FLAG) | (octet == ESCAPE);
        match accm {
            0 => mask(block, is_special),
            u32::MAX => mask(block, |octet| is_special(octet) | (octet < 0x20)),
            _ => mask(block, |octet| is_special(octet) | is_control(octet, accm)),
        }
    }

    #[inline]
    fn gather(self, block: &Block, keep: u64, flip: u64, out: &mut Block) {
        if keep == u64::MAX && flip == 0 {
            *out = *block;
            return;
        }
        let mut length = 0;
        let masks = keep.to_le_bytes().into_iter().zip(flip.to_le_bytes());
        for (lane, (keep, flip)) in lanes(block).iter().zip(masks) {
            if keep == 0 {
                continue;
            }
            let octets = u64::from_le_bytes(*lane) ^ entry(&FLIP, flip);
            let moves = entry(&GATHER, keep);
            put(out, length, &moves.down(octets).to_le_bytes());
            length += keep.count_ones() as usize;
        }
    }

    #[inline]
    fn expand(self, block: &Block, special: u64, out: &mut Expanded) -> usize {
        if special == 0 {
            put(out, 0, block);
            return BLOCK;
        }
        let (mut length, mut special) = (0, special);
        for half in block.as_chunks::<4>().0 {
            let [low, ..] = special.to_le_bytes();
            let [a, b, c, d] = *half;
            let octets = u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0]) ^ entry(&FLIP, low & 15);
            let (moves, escapes) = entry(&EXPAND, low & 15);
            put(out, length, &(moves.up(octets) | escapes).to_le_bytes());
            length += 4 + (low & 15).count_ones() as usize;
            special >>= 4;
        }
        length
    }
}

/// How the octets of a number go to other places: those of the first mask by one place, then those
/// of the second by two, those of the third by four.
#[derive(Debug, Clone, Copy)]
struct Moves {
    kept: u64,
    masks: [u64; 3],
}

impl Moves {
    /// To the front, where octets are missing that are not kept.
    #[inline]
    const fn down(&self, octets: u64) -> u64 {
        let [one, two, four] = self.masks;
        let octets = octets & self.kept;
        let octets = (octets & !one) | (octets & one) >> 8;
        let octets = (octets & !two) | (octets & two) >> 16;
        (octets & !four) | (octets & four) >> 32
    }

    /// The other way, the widest first.
    #[inline]
    const fn up(&self, octets: u64) -> u64 {
        let [one, two, four] = self.masks;
        let octets = (octets & !four) | (octets & four) << 32;
        let octets = (octets & !two) | (octets & two) << 16;
        (octets & !one) | (octets & one) << 8
    }
}

/// How the octets with a bit go to the front.
static GATHER: [Moves; 256] = gather_moves();

/// How four octets make room for escapes in front of those with a bit, and these escapes.
static EXPAND: [(Moves, u64); 16] = expand_moves();

/// The escapes' mask in each octet that has a bit.
pub(super) static FLIP: [u64; 256] = flips();

/// What a table has for a mask, which it has an entry for.
#[inline(always)]
pub(super) fn entry<T: Copy, const N: usize>(table: &[T; N], mask: u8) -> T {
    #[expect(
        clippy::indexing_slicing,
        reason = "tables have all masks that there are"
    )]
    table[usize::from(mask)]
}

const fn octet_at(place: u32, octet: u8) -> u64 {
    (octet as u64) << (8 * place)
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn gather_moves() -> [Moves; 256] {
    let none = Moves {
        kept: 0,
        masks: [0; 3],
    };
    let mut table = [none; 256];
    let mut mask = 0;
    while mask < table.len() {
        let (mut place, mut distance) = (0, 0);
        while place < u8::BITS {
            if mask >> place & 1 == 1 {
                let Moves { kept, masks } = &mut table[mask];
                *kept |= octet_at(place, 0xff);
                let mut step = 0;
                while step < masks.len() {
                    if distance >> step & 1 == 1 {
                        // The shorter moves are behind it.
                        let moved = distance & ((1 << step) - 1);
                        masks[step] |= octet_at(place - moved, 0xff);
                    }
                    step += 1;
                }
            } else {
                distance += 1;
            }
            place += 1;
        }
        mask += 1;
    }
    table
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn expand_moves() -> [(Moves, u64); 16] {
    let none = Moves {
        kept: u64::MAX,
        masks: [0; 3],
    };
    let mut table = [(none, 0); 16];
    let mut mask = 0;
    while mask < table.len() {
        let (mut place, mut distance) = (0, 0);
        while place < 4 {
            let (Moves { masks, .. }, escapes) = &mut table[mask];
            if mask >> place & 1 == 1 {
                *escapes |= octet_at(place + distance, ESCAPE);
                distance += 1;
            }
            let mut step = 0;
            while step < masks.len() {
                if distance >> step & 1 == 1 {
                    // The longer moves are behind it.
                    let moved = distance >> (step + 1) << (step + 1);
                    masks[step] |= octet_at(place + moved, 0xff);
                }
                step += 1;
            }
            place += 1;
        }
        mask += 1;
    }
    table
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn flips() -> [u64; 256] {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < table.len() {
        let mut place = 0;
        while place < u8::BITS {
            if mask >> place & 1 == 1 {
                table[mask] |= octet_at(place, ESCAPE_MASK);
            }
            place += 1;
        }
        mask += 1;
    }
    table
}

#[inline]
pub(super) fn lanes(block: &Block) -> &[[u8; LANE]] {
    block.as_chunks().0
}

/// Writes `octets` into `out` from `at` on. All of it has room: a lane goes no further to the back
/// than it came from, or twice as far.
#[inline]
pub(super) fn put<const N: usize>(out: &mut [u8], at: usize, octets: &[u8; N]) {
    let place = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    if let Some(place) = place {
        *place = *octets;
    }
}

/// Whether there is nothing special in a block, as in most. Compilers make vector code of it.
#[inline]
fn is_plain(block: &Block, accm: u32) -> bool {
    let controls_end = if accm == 0 { 0 } else { 0x20 };
    let is_special = |octet| (octet == FLAG) | (octet == ESCAPE) | (octet < controls_end);
    !block
        .iter()
        .fold(false, |any, octet| any | is_special(*octet))
}

#[inline]
pub(super) const fn is_control(octet: u8, accm: u32) -> bool {
    (octet < 0x20) & (accm >> (octet & 0x1f) & 1 == 1)
}

#[inline]
fn mask(block: &Block, is: impl Fn(u8) -> bool) -> u64 {
    let mut marks = [0; BLOCK];
    for (mark, octet) in marks.iter_mut().zip(block) {
        *mark = u8::from(is(*octet));
    }
    let mut masks = [0; BLOCK / LANE];
    for (mask, marks) in masks.iter_mut().zip(lanes(&marks)) {
        *mask = gathered_bits(*marks);
    }
    u64::from_le_bytes(masks)
}

/// The lowest bits of eight octets that are 0 or 1.
#[inline]
const fn gathered_bits(marks: [u8; LANE]) -> u8 {
    // The product has bit 8i of the marks at bit 56 + i, and no carry reaches there.
    let [.., top] = u64::from_le_bytes(marks)
        .wrapping_mul(0x0102_0408_1020_4080)
        .to_le_bytes();
    top
}

/// Those of the escapes that make the next octet another one; an escape that is itself behind such a
/// one does not.
#[inline]
pub(super) const fn starters(escapes: u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    // In a run of escapes, the first, third, fifth are starters. Adding the first bit of a run
    // clears the run.
    let first = escapes & !(escapes << 1);
    let from_even = escapes & !escapes.wrapping_add(first & EVEN);
    (from_even & EVEN) | (escapes & !from_even & !EVEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn octets_one_by_one(halves: [[u8; 32]; 2], keep: u64, flip: u64) {
            let block: Block = halves.concat().try_into().unwrap();
            let bit = |mask: u64, i: usize| mask >> i & 1 == 1;
            let mut expected = Vec::new();
            for (i, octet) in block.iter().enumerate().filter(|(i, _)| bit(keep, *i)) {
                expected.push(octet ^ if bit(flip, i) { ESCAPE_MASK } else { 0 });
            }
            let mut out = [0; BLOCK];
            Portable.gather(&block, keep, flip, &mut out);
            prop_assert_eq!(&out[..expected.len()], &expected);
            let mut expected = Vec::new();
            for (i, octet) in block.iter().enumerate() {
                if bit(keep, i) {
                    expected.extend([ESCAPE, octet ^ ESCAPE_MASK]);
                } else {
                    expected.push(*octet);
                }
            }
            let mut out = [0; 2 * BLOCK];
            let length = Portable.expand(&block, keep, &mut out);
            prop_assert_eq!(&out[..length], &expected);
        }

        #[test]
        fn starters_one_by_one(a: u64, b: u64) {
            // Runs of all lengths.
            for escapes in [a, a | b, !(a & b), a | a << 1 | a << 2, u64::MAX, a >> (b & 63)] {
                let (mut expected, mut escaped) = (0, false);
                for bit in 0..64 {
                    let starts = escapes >> bit & 1 == 1 && !escaped;
                    expected |= u64::from(starts) << bit;
                    escaped = starts;
                }
                prop_assert_eq!(starters(escapes), expected);
            }
        }
    }
}
