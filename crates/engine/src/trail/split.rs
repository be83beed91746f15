//! Where the items of a sequence begin and end, found 64 bytes at a time.
//!
//! For each block the places of quotes, backslashes and brackets are bits of a word. Quotes that no backslash
//! escapes toggle "inside a string" (a prefix XOR over the word); brackets outside strings change the depth.
//! Only blocks in which the depth can come back to zero are looked at bit by bit.
//!
//! Guaranteed: the bounds are those that a byte-by-byte reader of JSON finds, however the bytes are cut into
//! calls. Kinds of brackets are not told apart and nothing else is checked: that is for whoever reads an item.

use super::candidates::{self, Word};
use super::simd::{self, Masks};

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// Bytes read for a block: those behind it tell whether a word begins in it.
pub(super) const READ: usize = BLOCK + AROUND;

/// Bytes before and behind a place that are looked at to tell a word that stands there, and what call it names.
const AROUND: usize = 32;

/// Items handed back at most (and a few more) before the splitter pauses: what it has gone over is still in the nearest
/// cache when they are read. It also bounds the memory for `{}{}{}...`.
const ITEMS: usize = 16;

/// One item of a sequence: a container at depth 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Offset of its opening bracket.
    pub(super) start: u64,
    /// Offset behind its closing bracket.
    pub(super) end: u64,
    /// It may hold a control character, such as a line feed (always set if it does).
    pub(super) controls: bool,
    /// It is nested deeper than allowed.
    pub(super) too_deep: bool,
    /// It names a watched source or call, or holds `\u`, which may hide such a name.
    pub(super) watched: bool,
    /// It has the word that every record of Insights has, or `\u`.
    pub(super) insight: bool,
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

/// Where words stand in a block.
#[derive(Clone, Copy, Default)]
struct Words {
    watched: u64,
    insight: u64,
}

impl Words {
    /// Takes every `\u` for any word: it may hide a letter of one.
    #[inline(always)]
    fn hide(&mut self, block: &[u8; READ], mut escaped: u64) {
        while escaped != 0 {
            let bit = escaped & escaped.wrapping_neg();
            if block.get(escaped.trailing_zeros() as usize) == Some(&b'u') {
                self.watched |= bit;
                self.insight |= bit;
            }
            escaped ^= bit;
        }
    }
}

impl Item {
    /// Takes up the words that stand at `places` of the current block.
    #[inline(always)]
    fn note(&mut self, words: Words, places: u64) {
        self.watched |= words.watched & places != 0;
        self.insight |= words.insight & places != 0;
    }
}

impl Splitter {
    /// Begins a sequence at `at`; items may be nested `nesting` deep, counting themselves.
    pub(super) fn begin(&mut self, at: u64, nesting: usize) {
        *self = Splitter { at, nesting, ..Splitter::default() };
    }

    /// Scans `bytes` from the index `from` on, which is where [`Splitter::at`] stands, and appends the items
    /// that end in them. What precedes `from` is only looked back at.
    ///
    /// Fewer than [`READ`] bytes at the end stay unscanned, unless `last` says that nothing follows them.
    pub(super) fn scan(&mut self, bytes: &[u8], from: usize, last: Tail, items: &mut Vec<Item>) -> Pause {
        let start = self.at;
        let pause = simd::scan(self, bytes, from, items);
        let from = from + (self.at - start) as usize;
        let rest = bytes.get(from..).unwrap_or_default();
        if pause != Pause::Exhausted || last == Tail::MayFollow || rest.is_empty() {
            return pause;
        }
        // The last bytes with blanks behind them, for at most two blocks.
        let mut padded = [b' '; AROUND + 2 * BLOCK + AROUND];
        let before = from.min(AROUND);
        let tail = bytes.get(from - before..).unwrap_or_default();
        if let Some(to) = padded.get_mut(..tail.len()) {
            to.copy_from_slice(tail);
        }
        let end = self.at + rest.len() as u64;
        let pause = simd::scan(self, &padded, before, items);
        self.at = self.at.min(end);
        pause
    }

    /// Scans whole blocks. Inlined into one copy for each instruction set, see [`simd::scan`].
    #[inline(always)]
    pub(super) fn scan_blocks(
        &mut self,
        bytes: &[u8],
        mut from: usize,
        items: &mut Vec<Item>,
        masks: impl Fn(&[u8; READ]) -> Masks,
        prefix_xor: impl Fn(u64) -> u64,
    ) -> Pause {
        let start = from;
        // What changes with each block is kept in registers for as long as no item begins or ends.
        let (mut depth, mut in_string_before, mut escaped_before) =
            (self.depth, self.in_string, self.escaped);
        let mut pause = Pause::Exhausted;
        while let Some(block) = bytes.get(from..).and_then(|bytes| bytes.first_chunk()) {
            let Masks { mut quote, backslash, open, close, control, word } = masks(block);
            let mut words = if word == 0 { Words::default() } else { words(bytes, from, word) };
            if backslash | escaped_before != 0 {
                let escaped = escaped_bytes(backslash, &mut escaped_before);
                quote &= !escaped;
                words.hide(block, escaped);
            }
            let in_string = prefix_xor(quote) ^ in_string_before;
            in_string_before = ((in_string as i64) >> 63) as u64;
            let (mut open, mut close) = (open & !in_string, close & !in_string);
            let mut control_inside = 0;
            if control {
                self.open.controls = true;
                control_inside = controls(block) & in_string;
                if control_inside != 0 {
                    let before = (control_inside & control_inside.wrapping_neg()) - 1;
                    (open, close) = (open & before, close & before);
                }
            }
            let (opened, closed) = (open.count_ones() as usize, close.count_ones() as usize);
            if closed < depth && depth + opened <= self.nesting && control_inside == 0 {
                if words.watched | words.insight != 0 {
                    self.open.note(words, !0);
                }
                depth = depth + opened - closed;
                from += BLOCK;
                continue;
            }
            self.depth = depth;
            let block_at = self.at + (from - start) as u64;
            if let Some(at) = self.brackets(block_at, open, close, words, control, items) {
                pause = Pause::Closed(at);
                break;
            }
            depth = self.depth;
            if control_inside != 0 {
                pause = Pause::Control(block_at + u64::from(control_inside.trailing_zeros()));
                break;
            }
            from += BLOCK;
            if items.len() >= ITEMS {
                pause = Pause::Full;
                break;
            }
        }
        (self.depth, self.in_string, self.escaped) = (depth, in_string_before, escaped_before);
        self.at += (from - start) as u64;
        pause
    }

    /// Follows the brackets of one block one by one; the offset of one that closes the sequence.
    #[inline(always)]
    fn brackets(
        &mut self,
        block_at: u64,
        open: u64,
        close: u64,
        words: Words,
        controls: bool,
        items: &mut Vec<Item>,
    ) -> Option<u64> {
        let mut brackets = open | close;
        // The bits of the block from the beginning of the item on.
        let mut since = !0u64;
        while brackets != 0 {
            let at = block_at + u64::from(brackets.trailing_zeros());
            let bit = brackets & brackets.wrapping_neg();
            brackets ^= bit;
            if open & bit != 0 {
                if self.depth == 0 {
                    self.open = Item { start: at, controls, ..Item::default() };
                    since = !(bit - 1);
                }
                self.depth += 1;
                self.open.too_deep |= self.depth > self.nesting;
            } else if self.depth == 0 {
                return Some(at);
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    self.open.note(words, since & (bit - 1));
                    items.push(Item { end: at + 1, ..self.open });
                }
            }
        }
        self.open.note(words, since);
        None
    }
}

/// The index behind the bracket that closes the container whose opening bracket stands at `from`.
///
/// Found at scanning speed; as in the splitter, the kinds of brackets are not told apart. `None` if the text ends
/// first.
pub(crate) fn end_of_container(text: &[u8], from: usize) -> Option<usize> {
    let mut skip = Skip::default();
    let mut at = from;
    if let Some(end) = simd::skip(&mut skip, text, &mut at) {
        return Some(end);
    }
    // The last bytes with blanks behind them, for at most two blocks.
    let rest = text.get(at..)?;
    let mut padded = [b' '; 2 * BLOCK + AROUND];
    padded.get_mut(..rest.len())?.copy_from_slice(rest);
    simd::skip(&mut skip, &padded, &mut 0).map(|end| at + end)
}

/// The state of a search for the end of a container between two blocks.
#[derive(Debug, Default)]
pub(super) struct Skip {
    depth: usize,
    in_string: u64,
    escaped: u64,
}

impl Skip {
    /// Goes on over whole blocks from `at`; the index behind the closing bracket if it is found.
    #[inline(always)]
    pub(super) fn skip_blocks(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        masks: impl Fn(&[u8; READ]) -> Masks,
        prefix_xor: impl Fn(u64) -> u64,
    ) -> Option<usize> {
        while let Some(block) = bytes.get(*at..).and_then(|bytes| bytes.first_chunk()) {
            let Masks { mut quote, backslash, open, close, .. } = masks(block);
            if backslash | self.escaped != 0 {
                quote &= !escaped_bytes(backslash, &mut self.escaped);
            }
            let in_string = prefix_xor(quote) ^ self.in_string;
            self.in_string = ((in_string as i64) >> 63) as u64;
            let (open, close) = (open & !in_string, close & !in_string);
            let (opened, closed) = (open.count_ones() as usize, close.count_ones() as usize);
            if closed < self.depth {
                self.depth = self.depth + opened - closed;
            } else {
                let mut brackets = open | close;
                while brackets != 0 {
                    let bit = brackets & brackets.wrapping_neg();
                    if open & bit != 0 {
                        self.depth += 1;
                    } else {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(*at + bit.trailing_zeros() as usize + 1);
                        }
                    }
                    brackets ^= bit;
                }
            }
            *at += BLOCK;
        }
        None
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

/// The bytes of a block that a backslash before them escapes; `carry` is one if the first byte is escaped, and
/// is set to one if the first byte of the next block is.
///
/// A run of backslashes escapes the byte behind it if its length is odd. Adding the backslashes to the starts of
/// runs on odd places carries a bit to the end of each such run; where it ends tells the parity.
#[inline(always)]
fn escaped_bytes(backslash: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslash = backslash & !*carry;
    let follows = (backslash << 1) | *carry;
    let odd_starts = backslash & !EVEN & !follows;
    let (even_runs, overflow) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(overflow);
    (EVEN ^ (even_runs << 1)) & follows
}

/// The words that do stand where `places` of the block at `from` say that one may.
#[inline(always)]
fn words(bytes: &[u8], from: usize, mut places: u64) -> Words {
    let mut words = Words::default();
    while places != 0 {
        let bit = places & places.wrapping_neg();
        match candidates::word_at(bytes, from + places.trailing_zeros() as usize) {
            Some(Word::Watched) => words.watched |= bit,
            Some(Word::Insight) => words.insight |= bit,
            None => {}
        }
        places ^= bit;
    }
    words
}

fn controls(block: &[u8; READ]) -> u64 {
    block.iter().take(BLOCK).rev().fold(0, |mask, &byte| (mask << 1) | u64::from(byte < 0x20))
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

    use simd::Scan;

    /// Scans in calls of `n` blocks.
    fn scanned(bytes: &[u8], n: usize, scan: Scan) -> (Vec<Item>, Option<Pause>) {
        let mut splitter = Splitter::default();
        splitter.begin(0, NESTING);
        let (mut items, mut all) = (Vec::new(), Vec::new());
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(BLOCK) + AROUND, b' ');
        while (splitter.at as usize) < bytes.len() {
            let from = splitter.at as usize;
            let until = padded.len().min(from + n * BLOCK + AROUND);
            let pause = scan(&mut splitter, &padded[..until], from, &mut items);
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
            let from = splitter.at as usize;
            splitter.scan(&bytes, from, Tail::Last, &mut items);
            assert!(items.len() <= ITEMS + BLOCK);
            n += items.len();
            items.clear();
        }
        assert_eq!(n, 100_000);
    }

    proptest! {
        #[test]
        fn every_instruction_set_finds_what_a_byte_by_byte_reader_finds(
            text in r#"([{}\[\]"\\,:]|\\"|\\\\|[a-z\n]|"[a-z{}]{0,70}"|é|kms\.amazonaws\.com|"cloudtrail\.amazonaws\.com|Insight"|kms\.amazonaws|"eventName" ?: ?"(DeleteQueue|DeleteQueues)?"|\\u){0,400}"#,
            n in 1usize..5,
        ) {
            let bytes = text.into_bytes();
            let (items, end) = naive(&bytes);
            for scan in simd::all_scans() {
                let (found, pause) = scanned(&bytes, n, scan);
                let bounds: Vec<_> = found.iter().map(|item| (item.start, item.end, item.too_deep)).collect();
                prop_assert_eq!((&bounds, pause), (&items, end));
                for item in found {
                    let text = &bytes[item.start as usize..item.end as usize];
                    let has = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
                    let hidden = has("\\u") && !has("\\\\");
                    let called = [r#"Name":"D"#, r#"Name" :"D"#, r#"Name": "D"#, r#"Name" : "D"#]
                        .iter()
                        .any(|name| has(&format!(r#""event{name}eleteQueue""#)));
                    let watched = called || candidates::WATCHED_SOURCES.iter().any(|source| has(source));
                    // A name that is cut short could be any.
                    if (!has("\\u") || !has("\\\\")) && (watched || !has(r#""eventName""#)) {
                        prop_assert_eq!(item.watched, watched || hidden);
                        prop_assert_eq!(item.insight, has("Insight\"") || hidden);
                    }
                    prop_assert!(item.controls || !text.contains(&b'\n'));
                }
            }
        }

        #[test]
        fn the_end_of_a_container_is_where_the_item_ends(
            before in "[a-z]{0,70}",
            text in r#"\{([{}\[\]",:]|\\"|[a-z]|"[a-z{}]{0,70}"){0,100}"#,
        ) {
            let (items, end) = naive(text.as_bytes());
            prop_assert!(!matches!(end, Some(Pause::Control(_))));
            let expected = items.first().map(|(_, end, _)| before.len() + *end as usize);
            prop_assert_eq!(end_of_container(format!("{before}{text}").as_bytes(), before.len()), expected);
        }

        #[test]
        fn the_next_quote_or_backslash_is_found(text in r#"([a-z]{0,40}["\\é]){0,4}[a-z]{0,40}"#) {
            for from in 0..text.len() + 2 {
                let expected = text.bytes().enumerate().skip(from).find(|(_, byte)| matches!(byte, b'"' | b'\\'));
                let found = simd::quote_or_backslash(text.as_bytes(), from);
                prop_assert_eq!(found, expected.map(|(at, _)| at));
            }
        }

        #[test]
        fn masks_agree_on_any_bytes(block: [[u8; 16]; READ / 16]) {
            let mut bytes = [0; READ];
            bytes.copy_from_slice(block.as_flattened());
            for byte in &mut bytes {
                // Half of the bytes are ones that matter, or near them.
                if *byte < 128 {
                    *byte = b"\"\\{}[]\x1f\x20\x5a\x5e\x7cmi.IgvN"[usize::from(*byte % 18)];
                }
            }
            for masks in simd::all_masks(&bytes) {
                prop_assert_eq!(masks, simd::scalar::masks(&bytes));
            }
        }
    }
}
