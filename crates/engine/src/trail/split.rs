//! Where the items of a sequence begin and end, found 64 bytes at a time.
//!
//! For each block the places of quotes, backslashes and brackets are bits of a word. Quotes that no backslash
//! escapes toggle "inside a string" (a prefix XOR over the word); brackets outside strings change the depth.
//! Only blocks in which the depth can come back to zero are looked at bit by bit.
//!
//! Guaranteed: the bounds are those that a byte-by-byte reader of JSON finds, however the bytes are cut into
//! calls. Kinds of brackets are not told apart and nothing else is checked: that is for whoever reads an item.

use super::simd::{self, Masks};

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// Items handed back at most (and a few more) before the splitter pauses: bounds the memory for `{}{}{}...`.
const ITEMS: usize = 1024;

/// One item of a sequence: a container at depth 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Offset of its opening bracket.
    pub(super) start: u64,
    /// Offset behind its closing bracket.
    pub(super) end: u64,
    /// It may hold a backslash (always set if it does).
    pub(super) escapes: bool,
    /// It may hold a control character, such as a line feed (always set if it does).
    pub(super) controls: bool,
    /// It is nested deeper than allowed.
    pub(super) too_deep: bool,
}

/// Why the splitter paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// Everything was scanned.
    Exhausted,
    /// Enough items were found; go on from [`Splitter::at`].
    Full,
    /// A bracket closes at this offset that was not opened in the sequence: its end.
    Closed(u64),
    /// A raw control character stands inside a string at this offset: a quote is missing.
    Control(u64),
}

/// The state between two blocks.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Offset of the first byte not yet scanned.
    pub(super) at: u64,
    pub(super) depth: usize,
    /// All ones inside a string, else zero.
    in_string: u64,
    /// One if the first byte of the next block is escaped.
    escaped: u64,
    nesting: usize,
    open: Item,
}

impl Splitter {
    /// Begins a sequence at `at`; items may be nested `nesting` deep, counting themselves.
    pub(super) fn begin(&mut self, at: u64, nesting: usize) {
        *self = Splitter { at, nesting, ..Splitter::default() };
    }

    /// Scans `bytes`, which begin at [`Splitter::at`], and appends the items that end in them.
    ///
    /// Fewer than [`BLOCK`] bytes at the end stay unscanned, unless `last` says that nothing follows them.
    pub(super) fn scan(&mut self, bytes: &[u8], last: Tail, items: &mut Vec<Item>) -> Pause {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let pause = simd::scan(self, blocks, items);
        if pause != Pause::Exhausted || last == Tail::MayFollow || rest.is_empty() {
            return pause;
        }
        let mut block = [b' '; BLOCK];
        if let Some(to) = block.get_mut(..rest.len()) {
            to.copy_from_slice(rest);
        }
        let end = self.at + rest.len() as u64;
        let pause = simd::scan(self, &[block], items);
        self.at = self.at.min(end);
        pause
    }

    /// Scans whole blocks. Inlined into one copy for each instruction set, see [`simd::scan`].
    #[inline(always)]
    pub(super) fn scan_blocks(
        &mut self,
        blocks: &[[u8; BLOCK]],
        items: &mut Vec<Item>,
        masks: impl Fn(&[u8; BLOCK]) -> Masks,
        prefix_xor: impl Fn(u64) -> u64,
    ) -> Pause {
        for block in blocks {
            let Masks { quote, backslash, open, close, control } = masks(block);
            let quote = if backslash | self.escaped == 0 {
                quote
            } else {
                self.open.escapes |= backslash != 0;
                quote & !self.escaped_bytes(backslash)
            };
            let in_string = prefix_xor(quote) ^ self.in_string;
            self.in_string = ((in_string as i64) >> 63) as u64;
            let (mut open, mut close) = (open & !in_string, close & !in_string);
            let mut broken_at = None;
            if control {
                self.open.controls = true;
                let inside = controls(block) & in_string;
                if inside != 0 {
                    broken_at = Some(inside.trailing_zeros());
                    let before = (inside & inside.wrapping_neg()) - 1;
                    (open, close) = (open & before, close & before);
                }
            }
            let (opened, closed) = (open.count_ones() as usize, close.count_ones() as usize);
            if closed < self.depth && self.depth + opened <= self.nesting && broken_at.is_none() {
                self.depth = self.depth + opened - closed;
                self.at += BLOCK as u64;
                continue;
            }
            if let Some(at) = self.brackets(open, close, backslash != 0, control, items) {
                return Pause::Closed(at);
            }
            if let Some(bit) = broken_at {
                return Pause::Control(self.at + u64::from(bit));
            }
            self.at += BLOCK as u64;
            if items.len() >= ITEMS {
                return Pause::Full;
            }
        }
        Pause::Exhausted
    }

    /// Follows the brackets of one block one by one; the offset of one that closes the sequence.
    #[inline(always)]
    fn brackets(
        &mut self,
        open: u64,
        close: u64,
        escapes: bool,
        controls: bool,
        items: &mut Vec<Item>,
    ) -> Option<u64> {
        let mut brackets = open | close;
        while brackets != 0 {
            let at = self.at + u64::from(brackets.trailing_zeros());
            let bit = brackets & brackets.wrapping_neg();
            brackets ^= bit;
            if open & bit != 0 {
                if self.depth == 0 {
                    self.open = Item { start: at, end: at, escapes, controls, too_deep: false };
                }
                self.depth += 1;
                self.open.too_deep |= self.depth > self.nesting;
            } else if self.depth == 0 {
                return Some(at);
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    items.push(Item { end: at + 1, ..self.open });
                }
            }
        }
        None
    }

    /// The bytes of a block that a backslash before them escapes.
    ///
    /// A run of backslashes escapes the byte behind it if its length is odd. Adding the backslashes to the
    /// starts of runs on odd places carries a bit to the end of each such run; where it ends tells the parity.
    #[inline(always)]
    fn escaped_bytes(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslash = backslash & !self.escaped;
        let follows = (backslash << 1) | self.escaped;
        let odd_starts = backslash & !EVEN & !follows;
        let (even_runs, carry) = odd_starts.overflowing_add(backslash);
        self.escaped = u64::from(carry);
        (EVEN ^ (even_runs << 1)) & follows
    }
}

/// Whether more bytes may follow those given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// More may come.
    MayFollow,
    /// The object ends here.
    Last,
}

fn controls(block: &[u8; BLOCK]) -> u64 {
    block.iter().rev().fold(0, |mask, &byte| (mask << 1) | u64::from(byte < 0x20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NESTING: usize = 3;

    /// One byte after the other: what the splitter has to find.
    fn naive(bytes: &[u8]) -> (Vec<(u64, u64, bool)>, Option<Pause>) {
        let (mut items, mut depth, mut start, mut too_deep) = (Vec::new(), 0, 0, false);
        let (mut in_string, mut escaped) = (false, false);
        for (at, &byte) in bytes.iter().enumerate() {
            if escaped {
                escaped = false;
                if in_string && byte < 0x20 {
                    return (items, Some(Pause::Control(at as u64)));
                }
                if matches!(byte, b'"' | b'\\') || in_string {
                    continue;
                }
            } else if byte == b'\\' {
                escaped = true;
                continue;
            }
            match byte {
                b'"' => in_string = !in_string,
                0..0x20 if in_string => return (items, Some(Pause::Control(at as u64))),
                _ if in_string => {}
                b'{' | b'[' => {
                    if depth == 0 {
                        (start, too_deep) = (at as u64, false);
                    }
                    depth += 1;
                    too_deep |= depth > NESTING;
                }
                b'}' | b']' if depth == 0 => return (items, Some(Pause::Closed(at as u64))),
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        items.push((start, at as u64 + 1, too_deep));
                    }
                }
                _ => {}
            }
        }
        (items, None)
    }

    type Scan = fn(&mut Splitter, &[[u8; BLOCK]], &mut Vec<Item>) -> Pause;

    /// Scans whole blocks in calls of `n` blocks.
    fn scanned(bytes: &[u8], n: usize, scan: Scan) -> (Vec<Item>, Option<Pause>) {
        let mut splitter = Splitter::default();
        splitter.begin(0, NESTING);
        let (mut items, mut all) = (Vec::new(), Vec::new());
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        assert!(rest.is_empty());
        while (splitter.at as usize) < bytes.len() {
            let from = splitter.at as usize / BLOCK;
            let pause = scan(&mut splitter, &blocks[from..(from + n).min(blocks.len())], &mut items);
            all.append(&mut items);
            if matches!(pause, Pause::Closed(_) | Pause::Control(_)) {
                return (all, Some(pause));
            }
        }
        (all, None)
    }

    #[test]
    fn a_pause_comes_before_the_items_take_much_memory() {
        let mut splitter = Splitter::default();
        splitter.begin(0, NESTING);
        let (bytes, mut items) = ("{}".repeat(100_000).into_bytes(), Vec::new());
        let mut n = 0;
        while splitter.at < bytes.len() as u64 {
            splitter.scan(&bytes[splitter.at as usize..], Tail::Last, &mut items);
            assert!(items.len() <= ITEMS + BLOCK);
            n += items.len();
            items.clear();
        }
        assert_eq!(n, 100_000);
    }

    proptest! {
        #[test]
        fn every_instruction_set_finds_what_a_byte_by_byte_reader_finds(
            text in r#"([{}\[\]"\\,:]|\\"|\\\\|[a-z\n]|"[a-z{}]{0,70}"|é){0,400}"#,
            n in 1usize..5,
        ) {
            let mut bytes = text.into_bytes();
            bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
            let (items, end) = naive(&bytes);
            for scan in [simd::scan as Scan, simd::scalar::scan, simd::baseline()] {
                let (found, pause) = scanned(&bytes, n, scan);
                let bounds: Vec<_> = found.iter().map(|item| (item.start, item.end, item.too_deep)).collect();
                prop_assert_eq!((&bounds, pause), (&items, end));
                for item in found {
                    let text = &bytes[item.start as usize..item.end as usize];
                    prop_assert!(item.escapes || !text.contains(&b'\\'));
                    prop_assert!(item.controls || !text.contains(&b'\n'));
                }
            }
        }

        #[test]
        fn masks_agree_on_any_bytes(block: [[u8; 32]; 2]) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(block.as_flattened());
            for byte in &mut bytes {
                // Half of the bytes are ones that matter, or near them.
                if *byte < 128 {
                    *byte = b"\"\\{}[]:,\x1f\x20\x21\x5a\x5e\x7a\x7c\x7e"[usize::from(*byte % 16)];
                }
            }
            for masks in simd::all_masks(&bytes) {
                prop_assert_eq!(masks, simd::scalar::masks(&bytes));
            }
        }
    }
}
