//! Escapes of halves of UTF-16 pairs that stand alone.
//!
//! The grammar of JSON allows `"\ud800"`, and whoever calls an API may send it in a user agent or a policy. No
//! Unicode text can hold it, so a strict reader refuses the string, and one such character would hide the whole
//! event. It is read as U+FFFD instead, as browsers do.

/// The JSON text of a string with each lone half replaced by the escape of U+FFFD.
pub(super) fn replace_lone(raw: &str) -> String {
    let mut mended = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let taken = match unit(escape) {
            Some(0xd800..=0xdbff) if matches!(escape.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str("\\ufffd");
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // A backslash and what it escapes belong together, also `\\`.
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at_checked(taken).unwrap_or((escape, ""));
        mended.push_str(kept);
        rest = after;
    }
    mended.push_str(rest);
    mended
}

/// The number of the escape `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_halves_without_their_other_half_are_replaced() {
        for (raw, mended) in [
            (r#""\ud800""#, r#""\ufffd""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            (r#""\\ud800""#, r#""\\ud800""#),
            (r#""a\n\\\udfffé""#, r#""a\n\\\ufffdé""#),
        ] {
            assert_eq!(replace_lone(raw), mended, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn what_is_valid_stays_as_it_is(text: String) {
            let raw = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(replace_lone(&raw), raw);
        }

        #[test]
        fn strings_of_any_escapes_become_readable(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let raw = format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
            let mended: String = serde_json::from_str(&replace_lone(&raw)).unwrap();
            prop_assert_eq!(mended, String::from_utf16_lossy(&units));
        }

        #[test]
        fn nothing_makes_it_panic(text in "[\\\\ud8cé\"]{0,30}") {
            let _ = replace_lone(&text);
        }
    }
}
