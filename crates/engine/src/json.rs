//! JSON read in place: a [`Value`] is a slice of the text, found but not copied.
//!
//! CloudTrail records are read once and mostly thrown away, so nothing is built: looking up a member walks the
//! object and borrows. Strings are borrowed too, unless they hold escapes. What is skipped is checked only as
//! far as is needed to find its end; whatever is read is checked in full, and bad text ends the walk with
//! [`Malformed`] instead of a guess. Nesting needs no recursion. Of a repeated member name the last one counts,
//! as in `serde_json::Value`.

use crate::trail::{end_of_container, quote_or_backslash};
use std::borrow::Cow;

mod surrogates;

/// Text borrowed from a record, owned only where an escape had to be resolved.
pub type Text<'a> = Cow<'a, str>;

/// The JSON text is not well formed at this byte of the value that was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed JSON at byte {at}")]
pub struct Malformed {
    /// Offset within the text that was given to [`Value::new`].
    pub at: usize,
}

/// One JSON value, as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    raw: &'a str,
    found: Found,
}

/// What finding the end of a value told about it.
///
/// As wide as a word: behind a byte, compilers copy the padding too, in pieces that overlap, and reading those
/// back makes the processor wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Found {
    /// Nothing that is kept.
    Other,
    /// It is a string without escapes, so that it need not be searched again.
    PlainString,
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Value<'_> {}

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
    /// None of these: malformed.
    Other,
}

impl<'a> Value<'a> {
    /// The value `null`, which stands for everything that is missing.
    pub const NULL: Value<'static> = Value { raw: "null", found: Found::Other };

    /// The value that `text` holds, without white space around it.
    pub fn new(text: &'a str) -> Value<'a> {
        Value { raw: text.trim_matches(is_space), found: Found::Other }
    }

    /// The value that `raw` is known to be, from its first byte to its last.
    pub(crate) fn known(raw: &'a str) -> Value<'a> {
        Value { raw, found: Found::Other }
    }

    /// The string without escapes that `raw` is known to be, with its quotes.
    pub(crate) fn known_string(raw: &'a str) -> Value<'a> {
        Value { raw, found: Found::PlainString }
    }

    /// The text of the value.
    pub fn raw(self) -> &'a str {
        self.raw
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        match self.raw.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => Kind::Other,
        }
    }

    /// Whether there is nothing in it: `null`, `{}`, `[]` and `""` all occur in CloudTrail and mean the same.
    pub fn is_empty(self) -> bool {
        match self.kind() {
            Kind::Null => true,
            Kind::Object | Kind::Array if self.raw.as_bytes().get(1) == Some(&b'"') => false,
            Kind::Object | Kind::Array => self
                .raw
                .get(1..self.raw.len().saturating_sub(1))
                .is_some_and(|inner| inner.trim_matches(is_space).is_empty()),
            Kind::String => self.raw == "\"\"",
            _ => false,
        }
    }

    /// The members of an object; none if the value is not an object.
    pub fn members(self) -> Members<'a> {
        let open = self.kind() == Kind::Object;
        Members { cursor: Cursor { text: self.raw, at: usize::from(open) }, first: true, done: !open }
    }

    /// The items of an array; none if the value is not an array.
    pub fn items(self) -> Items<'a> {
        let open = self.kind() == Kind::Array;
        Items { cursor: Cursor { text: self.raw, at: usize::from(open) }, first: true, done: !open }
    }

    /// The member `name`, or [`Value::NULL`] if there is none or the object is malformed.
    pub fn get(self, name: &str) -> Value<'a> {
        let mut found = Value::NULL;
        for member in self.members() {
            match member {
                Ok((member_name, value)) if member_name == name => found = value,
                Ok(_) => {}
                Err(_) => return Value::NULL,
            }
        }
        found
    }

    /// The members `names` of an object into `found`, each to the place of its name; what is missing stays as it is.
    ///
    /// Members mostly come in the same order: names in that order are found soonest, as each is looked for behind
    /// the one found before it. Comparing it in place costs less than finding where an unknown name ends.
    #[inline(never)]
    pub(crate) fn pick<N: Named>(self, names: &[N], found: &mut [Value<'a>]) -> Result<(), Malformed> {
        let Members { mut cursor, mut first, done } = self.members();
        if done {
            return Ok(());
        }
        let mut likely = 0;
        while cursor.step(&mut first, b'}')? {
            let place = match cursor.known_name(names, likely) {
                Some(place) => Some(place),
                None => {
                    let name = cursor.name()?;
                    cursor.expect(b':')?;
                    names.iter().position(|known| known.name() == name)
                }
            };
            let value = cursor.value()?;
            if let Some(place) = place {
                likely = place + 1;
                if let Some(slot) = found.get_mut(place) {
                    *slot = value;
                }
            }
        }
        Ok(())
    }

    /// The string with its escapes resolved; `None` if it is not a string or has a bad escape.
    #[inline(always)]
    pub fn text(self) -> Option<Text<'a>> {
        match self.found {
            Found::PlainString => Some(Cow::Borrowed(self.inner())),
            Found::Other => self.searched_text(),
        }
    }

    /// The string of a value that is not known to be a plain one.
    fn searched_text(self) -> Option<Text<'a>> {
        if self.kind() != Kind::String || self.raw.len() < 2 || !self.raw.ends_with('"') {
            return None;
        }
        let bytes = self.raw.as_bytes();
        if quote_or_backslash(bytes, 1) == Some(bytes.len() - 1) {
            return Some(Cow::Borrowed(self.inner()));
        }
        let strict = serde_json::from_str::<String>(self.raw);
        strict.or_else(|_| serde_json::from_str(&surrogates::replace_lone(self.raw))).ok().map(Cow::Owned)
    }

    /// What stands between the first and the last byte: the text of a string without escapes.
    fn inner(self) -> &'a str {
        self.raw.get(1..self.raw.len().saturating_sub(1)).unwrap_or_default()
    }

    /// [`Value::text`], with the empty string taken as missing.
    pub fn nonempty(self) -> Option<Text<'a>> {
        self.text().filter(|text| !text.is_empty())
    }

    /// A boolean, also written as the text `"true"` or `"false"`, as older records do.
    pub fn bool(self) -> Option<bool> {
        match self.raw {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        }
    }

    /// A whole number, also written as text, as some tools do.
    pub fn integer(self) -> Option<i64> {
        self.raw.trim_matches('"').parse().ok()
    }

    /// The value behind a string that holds JSON (policies, backing keys); the value itself if it is no string.
    ///
    /// The text has to outlive the value, hence two steps: `let text = v.embedded(); Value::new(&text)`.
    pub fn embedded(self) -> Text<'a> {
        self.text().unwrap_or(Cow::Borrowed(self.raw))
    }
}

/// The name of a member that is looked for.
pub(crate) trait Named {
    /// The name.
    fn name(&self) -> &str;

    /// Whether `text` begins with the name in quotes and a colon; `near` are its first bytes.
    fn begins(&self, text: &[u8], near: Option<&Near>) -> bool;
}

impl Named for &str {
    fn name(&self) -> &str {
        self
    }

    #[inline(always)]
    fn begins(&self, text: &[u8], _: Option<&Near>) -> bool {
        let Some(rest) = text.strip_prefix(b"\"") else { return false };
        rest.get(self.len()) == Some(&b'"')
            && rest.get(self.len() + 1) == Some(&b':')
            && rest.starts_with(self.as_bytes())
    }
}

/// The first 32 bytes of a text, as words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near([u64; 4]);

impl Near {
    #[inline(always)]
    fn of(text: &[u8]) -> Option<Near> {
        let (words, _) = text.first_chunk::<32>()?.as_chunks::<8>();
        let words: &[[u8; 8]; 4] = words.try_into().ok()?;
        Some(Near(words.map(u64::from_le_bytes)))
    }
}

/// A name that is compared in words and not byte by byte: quicker where many names are looked for all the time.
#[derive(Debug)]
pub(crate) struct Name {
    text: &'static str,
    /// The name in quotes, with the colon, and zeros behind.
    words: [u64; 4],
    /// Ones where the words have bytes of the name.
    mask: [u64; 4],
}

impl Name {
    /// The name `text`, of at most 29 bytes.
    #[allow(clippy::indexing_slicing)] // Runs at compile time only, where a bad index is a compile error.
    pub(crate) const fn new(text: &'static str) -> Name {
        let name = text.as_bytes();
        let (mut words, mut mask) = ([0; 4], [0; 4]);
        let mut at = 0;
        while at < name.len() + 3 {
            let byte = match at {
                0 => b'"',
                _ if at <= name.len() => name[at - 1],
                _ if at == name.len() + 1 => b'"',
                _ => b':',
            };
            words[at / 8] |= (byte as u64) << (at % 8 * 8);
            mask[at / 8] |= 0xff << (at % 8 * 8);
            at += 1;
        }
        Name { text, words, mask }
    }
}

impl Named for Name {
    fn name(&self) -> &str {
        self.text
    }

    #[inline(always)]
    fn begins(&self, text: &[u8], near: Option<&Near>) -> bool {
        match near {
            Some(Near([a, b, c, d])) => {
                // The first word settles nearly all; the others are compared at once.
                let ([wa, wb, wc, wd], [ma, mb, mc, md]) = (&self.words, &self.mask);
                a & ma == *wa && ((b & mb) ^ wb) | ((c & mc) ^ wc) | ((d & md) ^ wd) == 0
            }
            None => self.text.begins(text, None),
        }
    }
}

/// Iterator over the members of an object. Ends after the first [`Malformed`].
#[derive(Clone, Debug)]
pub struct Members<'a> {
    cursor: Cursor<'a>,
    first: bool,
    done: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Text<'a>, Value<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let member = self.cursor.next_member(&mut self.first);
        self.done = !matches!(member, Ok(Some(_)));
        member.transpose()
    }
}

/// Iterator over the items of an array. Ends after the first [`Malformed`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    cursor: Cursor<'a>,
    first: bool,
    done: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Value<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.cursor.next_item(&mut self.first);
        self.done = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}

/// Its parts are inlined into the two walks over members, and those nowhere: one copy of the step to the next
/// member, shared by all who look into a record, measured a tenth quicker for the whole replay than a copy for each.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline(never)]
    fn next_member(&mut self, first: &mut bool) -> Result<Option<(Text<'a>, Value<'a>)>, Malformed> {
        if !self.step(first, b'}')? {
            return Ok(None);
        }
        let name = self.name()?;
        self.expect(b':')?;
        Ok(Some((name, self.value()?)))
    }

    #[inline(always)]
    fn name(&mut self) -> Result<Text<'a>, Malformed> {
        self.string()?.text().ok_or(Malformed { at: self.at })
    }

    /// Goes behind the name and the colon that stand here if it is one of `names`, written without escapes and space;
    /// gives its place among them. Begins with the one at `likely`.
    #[inline(always)]
    fn known_name<N: Named>(&mut self, names: &[N], likely: usize) -> Option<usize> {
        let rest = self.rest();
        let near = Near::of(rest);
        let (before, behind) = names.split_at_checked(likely)?;
        let place = match behind.iter().position(|name| name.begins(rest, near.as_ref())) {
            Some(place) => likely + place,
            None => before.iter().position(|name| name.begins(rest, near.as_ref()))?,
        };
        self.at += names.get(place)?.name().len() + 3;
        Some(place)
    }

    #[inline(always)]
    fn next_item(&mut self, first: &mut bool) -> Result<Option<Value<'a>>, Malformed> {
        Ok(if self.step(first, b']')? { Some(self.value()?) } else { None })
    }

    /// Goes to the next entry of a container; false at its end.
    #[inline(always)]
    fn step(&mut self, first: &mut bool, close: u8) -> Result<bool, Malformed> {
        // So it stands behind nearly every member.
        if self.rest().first_chunk() == Some(b",\"") && !*first {
            self.at += 1;
            return Ok(true);
        }
        self.spaces();
        match self.peek() {
            Some(b) if b == close => {
                self.at += 1;
                self.spaces();
                // Text after the end means that the slice was no single value.
                if self.at == self.text.len() { Ok(false) } else { self.malformed() }
            }
            Some(b',') if !*first => {
                self.at += 1;
                self.spaces();
                Ok(true)
            }
            Some(_) if *first => {
                *first = false;
                Ok(true)
            }
            _ => self.malformed(),
        }
    }

    #[inline(always)]
    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        if self.peek() == Some(b'"') {
            return self.string_here();
        }
        self.spaces();
        match self.peek() {
            Some(b'"') => self.string_here(),
            Some(b'{' | b'[') => self.container(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.scalar(),
            _ => self.malformed(),
        }
    }

    #[inline(always)]
    fn string(&mut self) -> Result<Value<'a>, Malformed> {
        if self.peek() == Some(b'"') { self.string_here() } else { self.malformed() }
    }

    /// The string whose opening quote stands here.
    #[inline(always)]
    fn string_here(&mut self) -> Result<Value<'a>, Malformed> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let (mut from, mut found) = (start + 1, Found::PlainString);
        loop {
            let at = quote_or_backslash(bytes, from).ok_or(Malformed { at: self.text.len() })?;
            if bytes.get(at) == Some(&b'"') {
                self.at = at + 1;
                return Ok(Value { found, ..self.slice(start)? });
            }
            found = Found::Other;
            from = at + 2;
        }
    }

    fn container(&mut self) -> Result<Value<'a>, Malformed> {
        let start = self.at;
        let end = end_of_container(self.text.as_bytes(), start);
        self.at = end.ok_or(Malformed { at: self.text.len() })?;
        self.slice(start)
    }

    #[inline(always)]
    fn scalar(&mut self) -> Result<Value<'a>, Malformed> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')) {
            self.at += 1;
        }
        let value = self.slice(start)?;
        let valid = match value.kind() {
            Kind::Number => is_number(value.raw.as_bytes()),
            _ => matches!(value.raw, "true" | "false" | "null"),
        };
        if valid { Ok(value) } else { Err(Malformed { at: start }) }
    }

    #[inline(always)]
    fn slice(&self, start: usize) -> Result<Value<'a>, Malformed> {
        self.text
            .get(start..self.at)
            .map(|raw| Value { raw, found: Found::Other })
            .ok_or(Malformed { at: start })
    }

    #[inline(always)]
    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        self.spaces();
        if self.peek() != Some(byte) {
            return self.malformed();
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn malformed<T>(&self) -> Result<T, Malformed> {
        Err(Malformed { at: self.at })
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\r' | '\t')
}

/// RFC 8259: no leading zeros, digits around the point, digits in the exponent.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = fraction.get(n..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let exponent =
            exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests;
