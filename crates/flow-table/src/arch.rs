//! The two steps that name processor instructions: comparing a bucket's tags at once, and
//! prefetching. Each has a portable twin; there is nothing to choose at run time, since SSE2 and
//! PREFETCHT0 are part of every x86-64.

/// Tags in a bucket.
pub(crate) const TAGS: usize = 8;

/// One bit for each of the eight 16-bit lanes of `words` that equals `tag`; lane 0 is the lowest of
/// the first word.
#[inline]
#[cfg_attr(
    all(target_arch = "x86_64", target_feature = "sse2"),
    expect(unsafe_code, reason = "a call of a function that needs SSE2")
)]
pub(crate) fn match_tags(words: &[u64; 2], tag: u16) -> u32 {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    // SAFETY: this line is compiled only for targets that all have SSE2.
    return unsafe { sse2::match_tags(words, tag) };
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
    return match_tags_portable(words, tag);
}

/// The twin of `sse2::match_tags`, four lanes at a time.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn match_tags_portable(words: &[u64; 2], tag: u16) -> u32 {
    const LOW: u64 = 0x7fff_7fff_7fff_7fff;
    // Multiplied by this, bits 0, 16, 32 and 48 come together in bits 48 to 51.
    const GATHER: u64 = (1 << 48) | (1 << 33) | (1 << 18) | (1 << 3);
    let [low, high] = words.map(|word| {
        let lanes = word ^ u64::from(tag).wrapping_mul(0x0001_0001_0001_0001);
        // The top bit of each lane that is zero, and no other bit.
        let zero = !(((lanes & LOW) + LOW) | lanes | LOW);
        ((zero >> 15).wrapping_mul(GATHER) >> 48) & 0xf
    });
    // Eight bits.
    u32::try_from(low | high << 4).unwrap_or(0)
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    use core::arch::x86_64::{
        _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set_epi64x, _mm_set1_epi16,
        _mm_setzero_si128,
    };

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn match_tags(words: &[u64; 2], tag: u16) -> u32 {
        let [low, high] = words.map(u64::cast_signed);
        let tag = _mm_set1_epi16(tag.cast_signed());
        let equal = _mm_cmpeq_epi16(_mm_set_epi64x(high, low), tag);
        // Each lane is 0 or -1; packed with saturation they become octets 0 or -1.
        _mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())).cast_unsigned()
    }
}

/// Asks the processor to fetch the cache lines of `value` (of its first 192 octets), soon to be
/// read. It changes nothing but the time that reading takes; without such an instruction it does
/// nothing. For what is kept beside a [`FlowTable`](crate::FlowTable) and needed at the same time.
#[inline]
#[cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "the prefetch instruction takes a raw pointer")
)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        const LINE: usize = 64;
        let first = core::ptr::from_ref(value).cast::<i8>();
        let last = size_of::<T>().saturating_sub(1);
        // What is not aligned to lines may end in one line more than it is long.
        let end = if align_of::<T>() < LINE {
            last.min(3 * LINE - 1)
        } else {
            0
        };
        for offset in [0, LINE, 2 * LINE, end] {
            if offset <= last {
                // SAFETY: a prefetch is a hint that never faults and reads nothing as far as the
                // program can tell; moreover `offset` is inside `value`, which is borrowed.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(first.add(offset)) };
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_twins_agree(mut words: [u64; 2], tag: u16, copies: u8) {
            // Plant the tag in some lanes, or it would hardly ever be found.
            for lane in 0..TAGS {
                if copies & (1 << lane) != 0 {
                    let shift = lane % 4 * 16;
                    let word = &mut words[lane / 4];
                    *word = *word & !(0xffff << shift) | u64::from(tag) << shift;
                }
            }
            let expected = (0..TAGS)
                .filter(|lane| (words[lane / 4] >> (lane % 4 * 16)) & 0xffff == u64::from(tag))
                .fold(0, |mask, lane| mask | 1u32 << lane);
            prop_assert_eq!(match_tags(&words, tag), expected);
            prop_assert_eq!(match_tags_portable(&words, tag), expected);
        }
    }

    #[test]
    fn prefetching_any_size_is_harmless() {
        prefetch(&());
        prefetch(&7u8);
        prefetch(&[0u64; 3]);
        prefetch(&[0u64; 100]);
    }
}
