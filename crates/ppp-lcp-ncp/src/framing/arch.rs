//! Blocks in the vector units that a processor turns out to have: AVX2, which moves octets by tables
//! eight at a time, and AVX-512 with VBMI2, which moves 64 by a mask.
//!
//! Beside safe code, the bench `ppp` shows what they save.

use super::block::{
    BLOCK, Block, Classes, Expanded, FLIP, LANE, Lanes, entry, lanes, low_bits, put,
};
use super::decode::Scanner;
use super::encode::escape;
use super::{ESCAPE, ESCAPE_MASK, FLAG};
use core::arch::x86_64::*;

cpufeatures::new!(avx2, "avx2", "bmi1", "bmi2", "popcnt");
cpufeatures::new!(
    avx512,
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512vbmi2",
    "bmi1",
    "bmi2",
    "popcnt"
);

/// A processor with AVX2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

/// A processor with AVX-512 and its VBMI2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx512(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        avx2::get().then_some(Self(()))
    }

    #[inline]
    pub(super) fn escape(self, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        fn inner(lanes: Avx2, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
            escape(lanes, octets, accm, out)
        }
        // SAFETY: the value is made only where the processor has the features.
        unsafe { inner(self, octets, accm, out) }
    }

    #[inline]
    pub(super) fn scan(self, scanner: &mut Scanner, input: &mut &[u8]) -> Option<usize> {
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        fn inner(lanes: Avx2, scanner: &mut Scanner, input: &mut &[u8]) -> Option<usize> {
            scanner.scan(lanes, input)
        }
        // SAFETY: the value is made only where the processor has the features.
        unsafe { inner(self, scanner, input) }
    }
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        avx512::get().then_some(Self(()))
    }

    #[inline]
    pub(super) fn escape(self, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
        fn inner(lanes: Avx512, octets: &[u8], accm: u32, out: &mut [u8]) -> usize {
            escape(lanes, octets, accm, out)
        }
        // SAFETY: the value is made only where the processor has the features.
        unsafe { inner(self, octets, accm, out) }
    }

    #[inline]
    pub(super) fn scan(self, scanner: &mut Scanner, input: &mut &[u8]) -> Option<usize> {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,bmi1,bmi2,popcnt")]
        fn inner(lanes: Avx512, scanner: &mut Scanner, input: &mut &[u8]) -> Option<usize> {
            scanner.scan(lanes, input)
        }
        // SAFETY: the value is made only where the processor has the features.
        unsafe { inner(self, scanner, input) }
    }
}

/// Bit n of an octet as octet n, for a shuffle by a character's three lower bits.
const BITS: i64 = 0x8040_2010_0804_0201_u64.cast_signed();

impl Lanes for Avx2 {
    const FEW: usize = 24;

    #[inline(always)]
    fn classes(self, block: &Block, accm: u32) -> Classes {
        let mut classes = Classes::default();
        for (half, shift) in block.as_chunks().0.iter().zip([0, 32]) {
            // SAFETY: the value is made only where the processor has the features.
            let [flags, escapes, controls] = unsafe {
                let octets = load(half);
                let controls = if accm == 0 {
                    0
                } else {
                    bits(controls(octets, accm))
                };
                [
                    bits(equal(octets, FLAG)),
                    bits(equal(octets, ESCAPE)),
                    controls,
                ]
            };
            classes.flags |= flags << shift;
            classes.escapes |= escapes << shift;
            classes.controls |= controls << shift;
        }
        classes
    }

    #[inline(always)]
    fn special(self, block: &Block, accm: u32) -> u64 {
        let mut special = 0;
        for (half, shift) in block.as_chunks().0.iter().zip([0, 32]) {
            // SAFETY: the value is made only where the processor has the features.
            let half = unsafe {
                let octets = load(half);
                let mut found = _mm256_or_si256(equal(octets, FLAG), equal(octets, ESCAPE));
                if accm != 0 {
                    found = _mm256_or_si256(found, controls(octets, accm));
                }
                bits(found)
            };
            special |= half << shift;
        }
        special
    }

    #[inline(always)]
    fn gather(self, block: &Block, keep: u64, flip: u64, out: &mut Block) {
        if keep == u64::MAX && flip == 0 {
            *out = *block;
        } else {
            // SAFETY: the value is made only where the processor has the features.
            unsafe { gather(block, keep, flip, out) }
        }
    }

    #[inline(always)]
    fn expand(self, block: &Block, special: u64, out: &mut Expanded) -> usize {
        if special == 0 {
            put(out, 0, block);
            BLOCK
        } else {
            // SAFETY: the value is made only where the processor has the features.
            unsafe { expand(block, special, out) }
        }
    }
}

/// [`Lanes::gather`] in AVX2.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn gather(block: &Block, keep: u64, flip: u64, out: &mut Block) {
    let mut length = 0;
    let masks = keep.to_le_bytes().into_iter().zip(flip.to_le_bytes());
    for (lane, (keep, flip)) in lanes(block).iter().zip(masks) {
        if keep == 0 {
            continue;
        }
        let octets = u64::from_le_bytes(*lane) ^ entry(&FLIP, flip);
        let order = u64::from_le_bytes(entry(&GATHER, keep));
        let octets = _mm_cvtsi64_si128(octets.cast_signed());
        let order = _mm_cvtsi64_si128(order.cast_signed());
        let octets = _mm_cvtsi128_si64(_mm_shuffle_epi8(octets, order));
        put(out, length, &octets.to_le_bytes());
        length += keep.count_ones() as usize;
    }
}

/// [`Lanes::expand`] in AVX2.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn expand(block: &Block, special: u64, out: &mut Expanded) -> usize {
    let mut length = 0;
    for (lane, special) in lanes(block).iter().zip(special.to_le_bytes()) {
        let octets = u64::from_le_bytes(*lane) ^ entry(&FLIP, special);
        let octets = _mm_cvtsi64_si128(octets.cast_signed());
        let order = entry(&EXPAND, special);
        // SAFETY: it reads the octets of the array.
        let order = unsafe { _mm_loadu_si128(order.as_ptr().cast()) };
        let moved = _mm_shuffle_epi8(octets, order);
        let octets = _mm_blendv_epi8(moved, _mm_set1_epi8(ESCAPE.cast_signed()), order);
        let mut expanded = [0u8; 2 * LANE];
        // SAFETY: it writes the octets of the array.
        unsafe { _mm_storeu_si128(expanded.as_mut_ptr().cast(), octets) };
        put(out, length, &expanded);
        length += LANE + special.count_ones() as usize;
    }
    length
}

impl Lanes for Avx512 {
    const FEW: usize = 8;

    #[inline(always)]
    fn padded(self, octets: &[u8]) -> Block {
        let mut block = [0; BLOCK];
        let mask = low_bits(octets.len());
        // SAFETY: the value is made only where the processor has the features; it reads the octets
        // of the slice, of which the mask has no more, and writes those of the block.
        unsafe {
            let octets = _mm512_maskz_loadu_epi8(mask, octets.as_ptr().cast());
            _mm512_storeu_si512(block.as_mut_ptr().cast(), octets);
        }
        block
    }

    #[inline(always)]
    fn classes(self, block: &Block, accm: u32) -> Classes {
        // SAFETY: the value is made only where the processor has the features.
        unsafe {
            let octets = load512(block);
            Classes {
                flags: _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(FLAG.cast_signed())),
                escapes: _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8(ESCAPE.cast_signed())),
                controls: if accm == 0 {
                    0
                } else {
                    controls512(octets, accm)
                },
            }
        }
    }

    #[inline(always)]
    fn special(self, block: &Block, accm: u32) -> u64 {
        let classes = self.classes(block, accm);
        classes.flags | classes.escapes | classes.controls
    }

    #[inline(always)]
    fn gather(self, block: &Block, keep: u64, flip: u64, out: &mut Block) {
        // SAFETY: the value is made only where the processor has the features; the store is of the 64
        // octets of its block.
        unsafe {
            let octets = flipped(load512(block), flip);
            let octets = _mm512_maskz_compress_epi8(keep, octets);
            _mm512_storeu_si512(out.as_mut_ptr().cast(), octets);
        }
    }

    #[inline(always)]
    fn expand(self, block: &Block, special: u64, out: &mut Expanded) -> usize {
        let first = 32 + (special & u64::from(u32::MAX)).count_ones() as usize;
        // SAFETY: the value is made only where the processor has the features.
        let halves = unsafe {
            let octets = flipped(load512(block), special);
            let marks = _mm512_movm_epi8(special);
            [
                pairs(
                    _mm512_castsi512_si256(octets),
                    _mm512_castsi512_si256(marks),
                ),
                pairs(
                    _mm512_extracti64x4_epi64(octets, 1),
                    _mm512_extracti64x4_epi64(marks, 1),
                ),
            ]
        };
        for (half, at) in halves.into_iter().zip([0, first]) {
            let place = out.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<BLOCK>);
            if let Some(place) = place {
                // SAFETY: as above; the store is of the 64 octets of the place.
                unsafe { _mm512_storeu_si512(place.as_mut_ptr().cast(), half) };
            }
        }
        BLOCK + special.count_ones() as usize
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(octets: &[u8; 32]) -> __m256i {
    // SAFETY: it reads the octets of the array.
    unsafe { _mm256_loadu_si256(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load512(block: &Block) -> __m512i {
    // SAFETY: it reads the octets of the block.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

/// A bit for each octet that has its highest bit set.
#[inline]
#[target_feature(enable = "avx2")]
fn bits(octets: __m256i) -> u64 {
    // The compiler would take the mask apart into bits, each of which it finds in the vector.
    core::hint::black_box(_mm256_movemask_epi8(octets).cast_unsigned()).into()
}

/// All bits of the octets that are this one.
#[inline]
#[target_feature(enable = "avx2")]
fn equal(octets: __m256i, octet: u8) -> __m256i {
    _mm256_cmpeq_epi8(octets, _mm256_set1_epi8(octet.cast_signed()))
}

/// All bits of the octets that are control characters of the map.
#[inline]
#[target_feature(enable = "avx2")]
fn controls(octets: __m256i, accm: u32) -> __m256i {
    // The map's octet of which the character is a bit, and that bit.
    let map = _mm256_set1_epi32(accm.cast_signed());
    let row = _mm256_and_si256(_mm256_srli_epi16(octets, 3), _mm256_set1_epi8(3));
    let row = _mm256_shuffle_epi8(map, row);
    let bits = _mm256_set1_epi64x(BITS);
    let bit = _mm256_and_si256(octets, _mm256_set1_epi8(7));
    let bit = _mm256_shuffle_epi8(bits, bit);
    let mapped = _mm256_cmpeq_epi8(_mm256_and_si256(row, bit), bit);
    let upper = _mm256_and_si256(octets, _mm256_set1_epi8(!0x1f));
    let low = _mm256_cmpeq_epi8(upper, _mm256_setzero_si256());
    _mm256_and_si256(mapped, low)
}

/// A bit for each octet that is a control character of the map.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn controls512(octets: __m512i, accm: u32) -> u64 {
    // As above.
    let map = _mm512_set1_epi32(accm.cast_signed());
    let row = _mm512_and_si512(_mm512_srli_epi16(octets, 3), _mm512_set1_epi8(3));
    let row = _mm512_shuffle_epi8(map, row);
    let bits = _mm512_set1_epi64(BITS);
    let bit = _mm512_and_si512(octets, _mm512_set1_epi8(7));
    let bit = _mm512_shuffle_epi8(bits, bit);
    let low = _mm512_cmplt_epu8_mask(octets, _mm512_set1_epi8(0x20));
    _mm512_mask_test_epi8_mask(low, row, bit)
}

/// The octets, those with a bit in `flip` as they are behind an escape.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn flipped(octets: __m512i, flip: u64) -> __m512i {
    let mask = _mm512_set1_epi8(ESCAPE_MASK.cast_signed());
    _mm512_mask_blend_epi8(flip, octets, _mm512_xor_si512(octets, mask))
}

/// The octets, with an escape in front of each that is marked by all its bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn pairs(octets: __m256i, marks: __m256i) -> __m512i {
    // Each octet becomes two, the first of which is an escape and is kept where it is needed.
    let pairs = _mm512_slli_epi16(_mm512_cvtepu8_epi16(octets), 8);
    let pairs = _mm512_or_si512(pairs, _mm512_set1_epi16(ESCAPE.into()));
    let needed = _mm512_movepi8_mask(_mm512_cvtepi8_epi16(marks));
    _mm512_maskz_compress_epi8(needed | 0xaaaa_aaaa_aaaa_aaaa, pairs)
}

/// Which of eight octets a mask keeps, in order; from nowhere behind them.
static GATHER: [[u8; LANE]; 256] = gather_table();

/// Which of eight octets go where when those with a bit have an escape, from nowhere, in front.
static EXPAND: [[u8; 2 * LANE]; 256] = expand_table();

/// In a shuffle, an octet from nowhere.
const NOWHERE: u8 = 0x80;

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn gather_table() -> [[u8; LANE]; 256] {
    let mut table = [[NOWHERE; LANE]; 256];
    let mut mask = 0;
    while mask < table.len() {
        let (mut octet, mut at) = (0, 0);
        while octet < LANE {
            if mask >> octet & 1 == 1 {
                [table[mask][at], ..] = octet.to_le_bytes();
                at += 1;
            }
            octet += 1;
        }
        mask += 1;
    }
    table
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn expand_table() -> [[u8; 2 * LANE]; 256] {
    let mut table = [[NOWHERE; 2 * LANE]; 256];
    let mut mask = 0;
    while mask < table.len() {
        let (mut octet, mut at) = (0, 0);
        while octet < LANE {
            at += mask >> octet & 1;
            [table[mask][at], ..] = octet.to_le_bytes();
            at += 1;
            octet += 1;
        }
        mask += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::block::Portable;
    use super::*;
    use proptest::prelude::*;

    fn assert_equal<L: Lanes>(lanes: L, block: &Block, accm: u32, keep: u64, flip: u64) {
        let classes = Portable.classes(block, accm);
        assert_eq!(lanes.classes(block, accm), classes);
        let some = &block[..keep.count_ones() as usize];
        assert_eq!(lanes.padded(some), Portable.padded(some));
        let length = keep.count_ones() as usize;
        let [mut ours, mut theirs] = [[0; BLOCK]; 2];
        lanes.gather(block, keep, flip, &mut ours);
        Portable.gather(block, keep, flip, &mut theirs);
        assert_eq!(ours[..length], theirs[..length]);
        let special = classes.flags | classes.escapes | classes.controls;
        assert_eq!(lanes.special(block, accm), special);
        assert_eq!(Portable.special(block, accm), special);
        for special in [special, keep, 0, low_bits(BLOCK)] {
            let [mut ours, mut theirs] = [[0; 2 * BLOCK]; 2];
            let length = lanes.expand(block, special, &mut ours);
            assert_eq!(length, Portable.expand(block, special, &mut theirs));
            assert_eq!(ours[..length], theirs[..length]);
        }
    }

    fn assert_twins_equal(block: &Block, accm: u32, keep: u64, flip: u64) {
        if let Some(lanes) = Avx2::detect() {
            assert_equal(lanes, block, accm, keep, flip);
        }
        if let Some(lanes) = Avx512::detect() {
            assert_equal(lanes, block, accm, keep, flip);
        }
    }

    #[test]
    fn every_octet_and_map_bit() {
        for octet in 0..=255u8 {
            let block = core::array::from_fn(|i| if i % 3 == 0 { octet } else { b'x' });
            for accm in [
                0,
                1 << 17,
                0x000a_0000,
                u32::MAX,
                1u32.rotate_left(octet.into()),
            ] {
                let mask = u64::from(octet).wrapping_mul(0x8100_4020_1008_0402);
                assert_twins_equal(&block, accm, mask, !mask);
            }
        }
    }

    proptest! {
        #[test]
        fn twins_are_equal(
            octets in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(FLAG), Just(ESCAPE), 0u8..0x20], BLOCK),
            accm: u32,
            keep: u64,
            flip: u64,
        ) {
            let block: Block = octets.try_into().unwrap();
            assert_twins_equal(&block, accm, keep, flip);
            assert_twins_equal(&block, u32::MAX, keep | flip, flip);
        }
    }
}
