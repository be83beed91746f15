//! Making text out of hostile logs safe to print.
//!
//! Whoever writes to a log chooses user agents, session names, aliases and tags. On a terminal such a text could
//! move the cursor, recolour, retitle, hide itself, run backwards, or pretend to be another line of ours.
//! So nothing out of a log, a file name or an error message reaches a terminal but through this module.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar;

/// Columns of a value out of a log; longer ones are cut. An ARN of a role is at most 148 characters long.
pub(crate) const LONGEST: usize = 300;
/// Columns where the width of the terminal is not known, and the least and the most that lines are wrapped to.
const COLUMNS: usize = 80;
const NARROWEST: usize = 40;
const WIDEST: usize = 100;

/// The text on one line, with everything that does not show as one glyph of its own written as an escape
/// (`\u{1b}`), and cut to [`LONGEST`] columns.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    capped(text, LONGEST)
}

/// As [`safe`], cut to `longest` columns with an ellipsis.
pub(crate) fn capped(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest && text.chars().all(shows) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut columns = 0;
    for c in text.chars() {
        let before = out.len();
        push_shown(&mut out, c);
        columns += if shows(c) { c.width().unwrap_or(1) } else { out.len() - before };
        if columns > longest {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    Cow::Owned(out)
}

/// As [`safe`], but line breaks stay and nothing is cut: for texts of ours that quote hostile ones.
/// Such a text must be printed with an indent, so that none of its lines can pass for one of ours.
pub(crate) fn safe_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { out.push(c) } else { push_shown(&mut out, c) }
    }
    out
}

fn push_shown(out: &mut String, c: char) {
    if shows(c) { out.push(c) } else { out.extend(c.escape_unicode()) }
}

/// Whether the character shows as a glyph of its own, which neither reorders nor hides others.
fn shows(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let hides = matches!(c,
        // Soft hyphen; Arabic letter mark; Hangul fillers and the blank Braille cell, which look like nothing.
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
        // Zero width, direction marks, separators, embeddings, overrides, isolates.
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Variation selectors, byte order mark, interlinear annotation, tags.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    // Combining marks have no width: piled up they spill over the lines around. Escaping all of them costs a
    // decomposed accent in a rare name, and spares the question how many are too many.
    !hides && !c.is_control() && c.width().is_some_and(|width| width > 0)
}

/// Columns to wrap text to: those of the terminal on stdout, within reason.
pub(crate) fn columns() -> usize {
    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(COLUMNS, |(width, _)| usize::from(width.0))
        .clamp(NARROWEST, WIDEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_text_stays_as_it_is() {
        for text in ["arn:aws:iam::111122223333:role/Admin", "Größe 東京 ✓", ""] {
            assert!(matches!(safe(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_would_act_on_the_terminal_is_shown_as_an_escape() {
        assert_eq!(safe("\x1b[2J\x1b]0;pwned\x07"), r"\u{1b}[2J\u{1b}]0;pwned\u{7}");
        assert_eq!(safe("a\nCRITICAL  b\r\tc\0"), r"a\u{a}CRITICAL  b\u{d}\u{9}c\u{0}");
        assert_eq!(safe("\u{9b}31m"), r"\u{9b}31m");
        assert_eq!(safe("user\u{202e}nimda\u{2066}"), r"user\u{202e}nimda\u{2066}");
        assert_eq!(safe("ad\u{200b}min\u{feff}"), r"ad\u{200b}min\u{feff}");
        assert_eq!(safe("Z\u{335}\u{321}"), r"Z\u{335}\u{321}");
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let shown = safe(&"x".repeat(10_000)).into_owned();
        assert_eq!(shown.chars().count(), LONGEST + 1);
        assert!(shown.ends_with('…'));
        assert_eq!(capped("東京東京", 5), "東京…");
        assert_eq!(capped("abcde", 5), "abcde");
    }

    #[test]
    fn lines_of_ours_keep_their_breaks_but_nothing_else() {
        assert_eq!(safe_lines("first\nsecond\x1b[1m"), "first\nsecond\\u{1b}[1m");
    }

    proptest! {
        #[test]
        fn nothing_invisible_comes_out_whatever_goes_in(text in "(\\PC|\\pC|[\u{0}-\u{1f}\u{200b}-\u{202e}]){0,60}") {
            let shown = safe(&text);
            prop_assert!(shown.chars().all(shows));
            prop_assert!(unicode_width::UnicodeWidthStr::width(shown.as_ref()) <= LONGEST + 1);
            prop_assert!(safe_lines(&text).chars().all(|c| c == '\n' || shows(c)));
        }
    }
}
