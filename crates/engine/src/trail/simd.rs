//! The masks of a block, by the best instructions that the processor has.
//!
//! The one module of the engine with `unsafe`: every block of it calls an instruction whose presence was
//! checked at run time (or that the architecture always has), on memory that an array reference owns; [`prefetch`]
//! only hints at memory.
//! `scalar` is the same in safe code: the fallback elsewhere, and the oracle of the tests.
#![allow(unsafe_code)]

use super::split::{Item, Pause, READ, Skip, Splitter};

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
    /// Places where one of the words of [`super::candidates::word_at`] may stand: `m` or `i` two bytes before
    /// a full stop (`kms.`, `cloudtrail.`), `I` four bytes before `g` (`Insight`), and `v` four bytes before `N`
    /// (`eventName`).
    pub(super) word: u64,
}

/// Scans whole blocks with the best instructions at hand.
pub(super) fn scan(splitter: &mut Splitter, bytes: &[u8], from: usize, items: &mut Vec<Item>) -> Pause {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::has_avx512() {
            // SAFETY: the processor has every feature that `scan_avx512` is compiled for, as just checked.
            return unsafe { x86::scan_avx512(splitter, bytes, from, items) };
        }
        if x86::has_avx2() {
            // SAFETY: the processor has every feature that `scan_avx2` is compiled for, as just checked.
            return unsafe { x86::scan_avx2(splitter, bytes, from, items) };
        }
        x86::scan_sse2(splitter, bytes, from, items)
    }
    #[cfg(target_arch = "aarch64")]
    {
        arm::scan_neon(splitter, bytes, from, items)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        scalar::scan(splitter, bytes, from, items)
    }
}

/// Where the next quote or backslash stands, at or behind `from`.
///
/// In place and without choosing among instruction sets: the strings of a record are short, and looked for one by
/// one.
#[inline(always)]
pub(crate) fn quote_or_backslash(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        #[cfg(target_arch = "x86_64")]
        let n = x86::quote_or_backslash(chunk);
        #[cfg(target_arch = "aarch64")]
        let n = arm::quote_or_backslash(chunk);
        if n < chunk.len() {
            return Some(at + n);
        }
        at += chunk.len();
    }
    memchr::memchr2(b'"', b'\\', bytes.get(at..)?).map(|n| at + n)
}

/// Asks for the memory of `value`, which is about to be read, without waiting for it.
#[inline(always)]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(std::ptr::from_ref(value).cast(), size_of_val(value));
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Goes on looking for the end of a container with the best instructions at hand.
pub(super) fn skip(skip: &mut Skip, bytes: &[u8], at: &mut usize) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    {
        if x86::has_avx2() {
            // SAFETY: the processor has every feature that `skip_avx2` is compiled for, as just checked.
            return unsafe { x86::skip_avx2(skip, bytes, at) };
        }
        skip.skip_blocks(bytes, at, x86::masks_sse2, prefix_xor)
    }
    #[cfg(target_arch = "aarch64")]
    {
        skip.skip_blocks(bytes, at, arm::masks_neon, prefix_xor)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        skip.skip_blocks(bytes, at, scalar::masks, prefix_xor)
    }
}

#[cfg(test)]
pub(super) type Scan = fn(&mut Splitter, &[u8], usize, &mut Vec<Item>) -> Pause;

/// The scan with each set of instructions at hand.
#[cfg(test)]
pub(super) fn all_scans() -> Vec<Scan> {
    let mut all: Vec<Scan> = vec![scan, scalar::scan];
    #[cfg(target_arch = "x86_64")]
    {
        all.push(x86::scan_sse2);
        if x86::has_avx2() {
            // SAFETY: the features were just checked.
            all.push(|splitter, bytes, from, items| unsafe { x86::scan_avx2(splitter, bytes, from, items) });
        }
    }
    all
}

/// The masks of one block by every set of instructions at hand.
#[cfg(test)]
pub(super) fn all_masks(block: &[u8; READ]) -> Vec<Masks> {
    let mut all = vec![scalar::masks(block)];
    #[cfg(target_arch = "x86_64")]
    {
        all.push(x86::masks_sse2(block));
        if x86::has_avx2() {
            // SAFETY: the feature was just checked.
            all.push(unsafe { x86::masks_avx2(block) });
        }
        if x86::has_avx512() {
            // SAFETY: the features were just checked.
            all.push(unsafe { x86::masks_avx512(block) });
        }
    }
    #[cfg(target_arch = "aarch64")]
    all.push(arm::masks_neon(block));
    all
}

/// The same without special instructions.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) mod scalar {
    use super::super::split::BLOCK;
    use super::{Item, Masks, Pause, READ, Splitter, prefix_xor};

    pub(in super::super) fn scan(
        splitter: &mut Splitter,
        bytes: &[u8],
        from: usize,
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(bytes, from, items, masks, prefix_xor)
    }

    pub(in super::super) fn masks(block: &[u8; READ]) -> Masks {
        let (head, _) = block.split_at(BLOCK);
        let mask = |class: fn(u8) -> bool| {
            head.iter().rev().fold(0, |mask, &byte| (mask << 1) | u64::from(class(byte)))
        };
        let word = block.windows(5).take(BLOCK).rev().fold(0, |mask, bytes| {
            let may =
                matches!(bytes, [b'm' | b'i', _, b'.', ..] | [b'I', _, _, _, b'g'] | [b'v', _, _, _, b'N']);
            (mask << 1) | u64::from(may)
        });
        Masks {
            quote: mask(|byte| byte == b'"'),
            backslash: mask(|byte| byte == b'\\'),
            open: mask(|byte| byte == b'{' || byte == b'['),
            close: mask(|byte| byte == b'}' || byte == b']'),
            control: head.iter().any(|&byte| byte < 0x20),
            word,
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
    use super::{Item, Masks, Pause, READ, Skip, Splitter, prefix_xor};
    use core::arch::x86_64::*;
    use std::sync::LazyLock;

    /// Asked for every container that is passed over, so the answer is kept.
    #[inline]
    pub(super) fn has_avx2() -> bool {
        static ALL: LazyLock<bool> = LazyLock::new(|| {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
        });
        *ALL
    }

    /// As [`has_avx2`], with the instructions that make a mask of 64 bytes at once.
    #[inline]
    pub(super) fn has_avx512() -> bool {
        static ALL: LazyLock<bool> = LazyLock::new(|| {
            has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
        });
        *ALL
    }

    #[inline(always)]
    pub(super) fn prefetch(from: *const i8, bytes: usize) {
        for at in (0..bytes).step_by(64) {
            // SAFETY: a hint, which reads nothing that the program sees and does not fail for any address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at)) };
        }
    }

    /// # Safety
    /// The processor must have the features named here: see [`has_avx512`].
    #[target_feature(enable = "avx512f,avx512bw,avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn scan_avx512(
        splitter: &mut Splitter,
        bytes: &[u8],
        from: usize,
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(
            bytes,
            from,
            items,
            // SAFETY: the closures run inside this function, whose caller vouches for the features.
            |block| unsafe { masks_avx512(block) },
            // SAFETY: as above.
            |bits| unsafe { prefix_xor_clmul(bits) },
        )
    }

    /// # Safety
    /// The processor must have the features named here: see [`has_avx2`].
    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn scan_avx2(
        splitter: &mut Splitter,
        bytes: &[u8],
        from: usize,
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(
            bytes,
            from,
            items,
            // SAFETY: the closures run inside this function, whose caller vouches for the features.
            |block| unsafe { masks_avx2(block) },
            // SAFETY: as above.
            |bits| unsafe { prefix_xor_clmul(bits) },
        )
    }

    /// # Safety
    /// As for [`scan_avx2`].
    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    pub(super) unsafe fn skip_avx2(skip: &mut Skip, bytes: &[u8], at: &mut usize) -> Option<usize> {
        skip.skip_blocks(
            bytes,
            at,
            // SAFETY: the closures run inside this function, whose caller vouches for the features.
            |block| unsafe { masks_avx2(block) },
            // SAFETY: as above.
            |bits| unsafe { prefix_xor_clmul(bits) },
        )
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn masks_avx512(block: &[u8; READ]) -> Masks {
        let load = |at: usize| {
            let bytes: &[u8; 64] = block.get(at..).and_then(|bytes| bytes.first_chunk()).unwrap_or(&[0; 64]);
            // SAFETY: the load reads the 64 bytes of the array and needs no alignment.
            unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
        };
        let is = |bytes: __m512i, byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte as i8));
        let (bytes, second, fourth) = (load(0), load(2), load(4));
        let space = _mm512_set1_epi8(0x20);
        // Bit 5 is all that tells `{` from `[` and `}` from `]`.
        let folded = _mm512_or_si512(bytes, space);
        // Zero where a word may stand: making a mask of each comparison would cost more than comparing.
        let all = |byte: u8| _mm512_set1_epi8(byte as i8);
        // Bit 2 is all that tells `i` from `m`. (a | b) ^ c, then a | (b ^ c).
        let before_dot = _mm512_ternarylogic_epi32::<0x56>(bytes, all(4), all(b'm'));
        let pair = |first: __m512i, other: __m512i, byte: u8| {
            _mm512_ternarylogic_epi32::<0xf6>(first, other, all(byte))
        };
        let source = pair(before_dot, second, b'.');
        let insight = pair(_mm512_xor_si512(bytes, all(b'I')), fourth, b'g');
        let name = pair(_mm512_xor_si512(bytes, all(b'v')), fourth, b'N');
        let words = _mm512_min_epu8(source, _mm512_min_epu8(insight, name));
        Masks {
            quote: is(bytes, b'"'),
            backslash: is(bytes, b'\\'),
            open: is(folded, b'{'),
            close: is(folded, b'}'),
            control: _mm512_cmplt_epu8_mask(bytes, space) != 0,
            word: _mm512_testn_epi8_mask(words, words),
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn masks_avx2(block: &[u8; READ]) -> Masks {
        let load = |at: usize| {
            let bytes: &[u8; 32] = block.get(at..).and_then(|bytes| bytes.first_chunk()).unwrap_or(&[0; 32]);
            // SAFETY: the load reads the 32 bytes of the array and needs no alignment.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        };
        let (low, high) = (load(0), load(32));
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
        let words = |bytes: __m256i, second: __m256i, fourth: __m256i| {
            let is = |bytes: __m256i, byte: u8| _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte as i8));
            // Bit 2 is all that tells `i` from `m`.
            let before_dot = is(_mm256_or_si256(bytes, _mm256_set1_epi8(4)), b'm');
            let source = _mm256_and_si256(before_dot, is(second, b'.'));
            let insight = _mm256_and_si256(is(bytes, b'I'), is(fourth, b'g'));
            let name = _mm256_and_si256(is(bytes, b'v'), is(fourth, b'N'));
            _mm256_or_si256(_mm256_or_si256(source, insight), name)
        };
        let low_words = words(low, load(2), load(4));
        let high_words = words(high, load(34), load(36));
        let any = _mm256_or_si256(low_words, high_words);
        let word = if _mm256_testz_si256(any, any) == 1 {
            0
        } else {
            u64::from(_mm256_movemask_epi8(low_words) as u32)
                | (u64::from(_mm256_movemask_epi8(high_words) as u32) << 32)
        };
        Masks {
            quote: equal(low, high, b'"'),
            backslash: equal(low, high, b'\\'),
            open: equal(low_folded, high_folded, b'{'),
            close: equal(low_folded, high_folded, b'}'),
            control: _mm256_movemask_epi8(printable) != -1,
            word,
        }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq")]
    unsafe fn prefix_xor_clmul(bits: u64) -> u64 {
        // Multiplying without carries by all ones XORs every lower bit into each bit.
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product) as u64
    }

    /// The first quote or backslash; at least 32 if there is none.
    #[inline(always)]
    pub(super) fn quote_or_backslash(bytes: &[u8; 32]) -> usize {
        // SAFETY: SSE2 belongs to every x86-64; the loads lie within the 32 bytes and need no alignment.
        unsafe {
            let find = |at: usize| {
                let part = _mm_loadu_si128(bytes.as_ptr().add(at).cast::<__m128i>());
                let is = |byte: u8| _mm_cmpeq_epi8(part, _mm_set1_epi8(byte as i8));
                _mm_movemask_epi8(_mm_or_si128(is(b'"'), is(b'\\'))) as u32
            };
            (find(0) | (find(16) << 16)).trailing_zeros() as usize
        }
    }

    pub(super) fn scan_sse2(
        splitter: &mut Splitter,
        bytes: &[u8],
        from: usize,
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(bytes, from, items, masks_sse2, prefix_xor)
    }

    #[inline(always)]
    pub(super) fn masks_sse2(block: &[u8; READ]) -> Masks {
        // SAFETY: SSE2 belongs to every x86-64; the loads lie within the block and need no alignment.
        unsafe {
            let load = |at: usize| _mm_loadu_si128(block.as_ptr().add(at).cast::<__m128i>());
            let parts = [load(0), load(16), load(32), load(48)];
            let fold = _mm_set1_epi8(0x20);
            let equal = |parts: [__m128i; 4], byte: u8| {
                let byte = _mm_set1_epi8(byte as i8);
                let [a, b, c, d] =
                    parts.map(|part| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(part, byte)) as u32));
                a | (b << 16) | (c << 32) | (d << 48)
            };
            let folded = parts.map(|part| _mm_or_si128(part, fold));
            let [a, b, c, d] = parts;
            let words = |at: usize| {
                let is = |at: usize, byte: u8| _mm_cmpeq_epi8(load(at), _mm_set1_epi8(byte as i8));
                let source = _mm_and_si128(_mm_or_si128(is(at, b'm'), is(at, b'i')), is(at + 2, b'.'));
                let insight = _mm_and_si128(is(at, b'I'), is(at + 4, b'g'));
                let name = _mm_and_si128(is(at, b'v'), is(at + 4, b'N'));
                let word = _mm_or_si128(_mm_or_si128(source, insight), name);
                u64::from(_mm_movemask_epi8(word) as u32) << at
            };
            let least = _mm_min_epu8(_mm_min_epu8(a, b), _mm_min_epu8(c, d));
            let printable = _mm_cmpeq_epi8(_mm_max_epu8(least, fold), least);
            Masks {
                quote: equal(parts, b'"'),
                backslash: equal(parts, b'\\'),
                open: equal(folded, b'{'),
                close: equal(folded, b'}'),
                control: _mm_movemask_epi8(printable) != 0xffff,
                word: words(0) | words(16) | words(32) | words(48),
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::{Item, Masks, Pause, READ, Splitter, prefix_xor};
    use core::arch::aarch64::*;

    /// The first quote or backslash; at least 16 if there is none.
    #[inline(always)]
    pub(super) fn quote_or_backslash(bytes: &[u8; 16]) -> usize {
        // SAFETY: NEON belongs to every AArch64 that Rust's targets with `std` name; the load reads the array.
        unsafe {
            let part = vld1q_u8(bytes.as_ptr());
            let found = vorrq_u8(vceqq_u8(part, vdupq_n_u8(b'"')), vceqq_u8(part, vdupq_n_u8(b'\\')));
            // Narrowing shift: four bits for each byte.
            let nibbles = vshrn_n_u16::<4>(vreinterpretq_u16_u8(found));
            vget_lane_u64::<0>(vreinterpret_u64_u8(nibbles)).trailing_zeros() as usize / 4
        }
    }

    pub(super) fn scan_neon(
        splitter: &mut Splitter,
        bytes: &[u8],
        from: usize,
        items: &mut Vec<Item>,
    ) -> Pause {
        splitter.scan_blocks(bytes, from, items, masks_neon, prefix_xor)
    }

    #[inline(always)]
    pub(super) fn masks_neon(block: &[u8; READ]) -> Masks {
        /// The bit of each byte within its group of eight.
        const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
        // SAFETY: NEON belongs to every AArch64 that Rust's targets with `std` name; the loads lie within the
        // bytes of the block and the 16 of `BITS`, and need no alignment.
        unsafe {
            let load = |at: usize| vld1q_u8(block.as_ptr().add(at));
            let parts = [load(0), load(16), load(32), load(48)];
            let bits = vld1q_u8(BITS.as_ptr());
            let fold = vdupq_n_u8(0x20);
            let gather = |parts: [uint8x16_t; 4]| {
                let [a, b, c, d] = parts.map(|part| vandq_u8(part, bits));
                // Three rounds of adding neighbours gather eight bytes of one bit each into one byte.
                let sum = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
                vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)))
            };
            let is = |bytes: uint8x16_t, byte: u8| vceqq_u8(bytes, vdupq_n_u8(byte));
            let equal = |parts: [uint8x16_t; 4], byte: u8| gather(parts.map(|part| is(part, byte)));
            let word = [0, 16, 32, 48].map(|at| {
                let source =
                    vandq_u8(vorrq_u8(is(load(at), b'm'), is(load(at), b'i')), is(load(at + 2), b'.'));
                let insight = vandq_u8(is(load(at), b'I'), is(load(at + 4), b'g'));
                let name = vandq_u8(is(load(at), b'v'), is(load(at + 4), b'N'));
                vorrq_u8(vorrq_u8(source, insight), name)
            });
            let folded = parts.map(|part| vorrq_u8(part, fold));
            let [a, b, c, d] = parts;
            Masks {
                quote: equal(parts, b'"'),
                backslash: equal(parts, b'\\'),
                open: equal(folded, b'{'),
                close: equal(folded, b'}'),
                control: vminvq_u8(vminq_u8(vminq_u8(a, b), vminq_u8(c, d))) < 0x20,
                word: gather(word),
            }
        }
    }
}
