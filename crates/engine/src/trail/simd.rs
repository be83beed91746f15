//! The masks of a block, by the best instructions that the processor has.
//!
//! The one module of the engine with `unsafe`: every block of it calls an instruction whose presence was
//! checked at run time (or that the architecture always has), on memory that an array reference owns.
//! [`scalar`] is the same in safe code: the fallback elsewhere, and the oracle of the tests.
#![allow(unsafe_code)]

use super::split::{BLOCK, Item, Pause, Splitter};

/// The bytes of a block by class: bit `n` of a word stands for byte `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Masks {
    /// `"`
    pub(super) quote: u64,
    /// `\`
    pub(super) backslash: u64,
    /// `{` and `[`
    pub(super) open: u64,
    /// `}` and `]`
    pub(super) close: u64,
    /// Whether any byte is below 0x20.
    pub(super) control: bool,
}

/// Scans whole blocks with the best instructions at hand.
pub(super) fn scan(splitter: &mut Splitter, blocks: &[[u8; BLOCK]], items: &mut Vec<Item>) -> Pause {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::has_avx2() {
            // SAFETY: the processor has every feature that `scan_avx2` is compiled for, as just checked.
            return unsafe { x86::scan_avx2(splitter, blocks, items) };
        }
        x86::scan_sse2(splitter, blocks, items)
    }
    #[cfg(target_arch = "aarch64")]
    {
        arm::scan_neon(splitter, blocks, items)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        scalar::scan(splitter, blocks, items)
    }
}

/// The scan with what every processor of the architecture has.
#[cfg(test)]
pub(super) fn baseline() -> fn(&mut Splitter, &[[u8; BLOCK]], &mut Vec<Item>) -> Pause {
    #[cfg(target_arch = "x86_64")]
    return x86::scan_sse2;
    #[cfg(not(target_arch = "x86_64"))]
    return scan;
}

/// The masks of one block by every set of instructions at hand.
#[cfg(test)]
pub(super) fn all_masks(block: &[u8; BLOCK]) -> Vec<Masks> {
    let mut all = vec![scalar::masks(block)];
    #[cfg(target_arch = "x86_64")]
    {
        all.push(x86::masks_sse2(block));
        if x86::has_avx2() {
            // SAFETY: the feature was just checked.
            all.push(unsafe { x86::masks_avx2(block) });
        }
    }
    #[cfg(target_arch = "aarch64")]
    all.push(arm::masks_neon(block));
    all
}

/// The same without special instructions.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) mod scalar {
    use super::{BLOCK, Item, Masks, Pause, Splitter, prefix_xor};

    pub(in super::super) fn scan(
        splitter: &mut Splitter,
        blocks: &[[u8; BLOCK]],
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(blocks, items, masks, prefix_xor)
    }

    pub(in super::super) fn masks(block: &[u8; BLOCK]) -> Masks {
        let mask = |class: fn(u8) -> bool| {
            block.iter().rev().fold(0, |mask, &byte| (mask << 1) | u64::from(class(byte)))
        };
        Masks {
            quote: mask(|byte| byte == b'"'),
            backslash: mask(|byte| byte == b'\\'),
            open: mask(|byte| byte == b'{' || byte == b'['),
            close: mask(|byte| byte == b'}' || byte == b']'),
            control: block.iter().any(|&byte| byte < 0x20),
        }
    }
}

/// Bit `n` of the result is the XOR of bits `0..=n`: ones from each odd set bit up to the next one.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ (bits << 32)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, Item, Masks, Pause, Splitter, prefix_xor};
    use core::arch::x86_64::*;

    pub(super) fn has_avx2() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
    }

    /// # Safety
    /// The processor must have the features named here: see [`has_avx2`].
    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn scan_avx2(
        splitter: &mut Splitter,
        blocks: &[[u8; BLOCK]],
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(
            blocks,
            items,
            // SAFETY: the closures run inside this function, whose caller vouches for the features.
            |block| unsafe { masks_avx2(block) },
            // SAFETY: as above.
            |bits| unsafe { prefix_xor_clmul(bits) },
        )
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn masks_avx2(block: &[u8; BLOCK]) -> Masks {
        // SAFETY: both loads lie within the 64 bytes of the block and need no alignment.
        let (low, high) = unsafe {
            let at = block.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
        };
        let equal = |low: __m256i, high: __m256i, byte: u8| {
            let byte = _mm256_set1_epi8(byte as i8);
            let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) as u32;
            let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) as u32;
            u64::from(low) | (u64::from(high) << 32)
        };
        // Bit 5 is all that tells `{` from `[` and `}` from `]`.
        let fold = _mm256_set1_epi8(0x20);
        let (low_folded, high_folded) = (_mm256_or_si256(low, fold), _mm256_or_si256(high, fold));
        let least = _mm256_min_epu8(low, high);
        let printable = _mm256_cmpeq_epi8(_mm256_max_epu8(least, fold), least);
        Masks {
            quote: equal(low, high, b'"'),
            backslash: equal(low, high, b'\\'),
            open: equal(low_folded, high_folded, b'{'),
            close: equal(low_folded, high_folded, b'}'),
            control: _mm256_movemask_epi8(printable) != -1,
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    unsafe fn prefix_xor_clmul(bits: u64) -> u64 {
        // Multiplying without carries by all ones XORs every lower bit into each bit.
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product) as u64
    }

    pub(super) fn scan_sse2(splitter: &mut Splitter, blocks: &[[u8; BLOCK]], items: &mut Vec<Item>) -> Pause {
        splitter.scan_blocks(blocks, items, masks_sse2, prefix_xor)
    }

    #[inline(always)]
    pub(super) fn masks_sse2(block: &[u8; BLOCK]) -> Masks {
        // SAFETY: SSE2 belongs to every x86-64; the loads lie within the 64 bytes and need no alignment.
        unsafe {
            let at = block.as_ptr().cast::<__m128i>();
            let parts = [
                _mm_loadu_si128(at),
                _mm_loadu_si128(at.add(1)),
                _mm_loadu_si128(at.add(2)),
                _mm_loadu_si128(at.add(3)),
            ];
            let fold = _mm_set1_epi8(0x20);
            let equal = |parts: [__m128i; 4], byte: u8| {
                let byte = _mm_set1_epi8(byte as i8);
                let [a, b, c, d] =
                    parts.map(|part| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(part, byte)) as u32));
                a | (b << 16) | (c << 32) | (d << 48)
            };
            let folded = parts.map(|part| _mm_or_si128(part, fold));
            let [a, b, c, d] = parts;
            let least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
            let printable = _mm_cmpeq_epi8(_mm_max_epu8(least, fold), least);
            Masks {
                quote: equal(parts, b'"'),
                backslash: equal(parts, b'\\'),
                open: equal(folded, b'{'),
                close: equal(folded, b'}'),
                control: _mm_movemask_epi8(printable) != 0xffff,
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{BLOCK, Item, Masks, Pause, Splitter, prefix_xor};
    use core::arch::aarch64::*;

    pub(super) fn scan_neon(splitter: &mut Splitter, blocks: &[[u8; BLOCK]], items: &mut Vec<Item>) -> Pause {
        splitter.scan_blocks(blocks, items, masks_neon, prefix_xor)
    }

    #[inline(always)]
    pub(super) fn masks_neon(block: &[u8; BLOCK]) -> Masks {
        /// The bit of each byte within its group of eight.
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: NEON belongs to every AArch64 that Rust's targets with `std` name; the loads lie within the
        // 64 bytes of the block and the 16 of `BITS`, and need no alignment.
        unsafe {
            let at = block.as_ptr();
            let parts = [vld1q_u8(at), vld1q_u8(at.add(16)), vld1q_u8(at.add(32)), vld1q_u8(at.add(48))];
            let bits = vld1q_u8(BITS.as_ptr());
            let fold = vdupq_n_u8(0x20);
            let equal = |parts: [uint8x16_t; 4], byte: u8| {
                let byte = vdupq_n_u8(byte);
                let [a, b, c, d] = parts.map(|part| vandq_u8(vceqq_u8(part, byte), bits));
                // Three rounds of adding neighbours gather eight bytes of one bit each into one byte.
                let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
                vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
            };
            let folded = parts.map(|part| vorrq_u8(part, fold));
            let [a, b, c, d] = parts;
            Masks {
                quote: equal(parts, b'"'),
                backslash: equal(parts, b'\\'),
                open: equal(folded, b'{'),
                close: equal(folded, b'}'),
                control: vminvq_u8(vminq_u8(vminq_u8(a, b), vminq_u8(c, d))) < 0x20,
            }
        }
    }
}
