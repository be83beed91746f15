//! Text out of hostile logs, made safe to show.
//!
//! Whoever writes to a log chooses user agents, session names, aliases and tags. All text that may quote them goes
//! through here, whatever the format; a format then escapes only what is special to itself.

use unicode_width::UnicodeWidthChar;

/// The text on one line as people may see it, at most `longest` characters.
///
/// What does not show, reorders or piles up is dropped. Angle brackets, which make HTML and Slack mentions, become
/// the signs that look like them; links are written so that no client makes them clickable (`https[:]//`); Markdown
/// links and mentions of everybody are broken.
pub fn plain(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for c in visible(text).take(longest.saturating_mul(4).saturating_add(16)) {
        match c {
            '<' => out.push('‹'),
            '>' => out.push('›'),
            c => out.push(c),
        }
    }
    let out = broken(&out);
    cut(&out, longest)
}

/// An id that programs compare: letters, digits and what stands in ARNs, at most `longest` bytes; what is no such id
/// becomes [`plain`] text.
pub fn id(text: &str, longest: usize) -> String {
    if is_id(text, longest) { text.to_owned() } else { plain(text, longest) }
}

/// Whether it is an id as AWS makes them, of at most `longest` bytes.
pub fn is_id(text: &str, longest: usize) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    // Mentions are written with an @, which session names may hold.
    text.len() <= longest && text.chars().all(fits) && broken(text) == text
}

/// As [`plain`], in ASCII: other characters become question marks.
pub fn ascii(text: &str, longest: usize) -> String {
    let text = plain(text, longest.saturating_mul(2));
    let text: String = text
        .chars()
        .map(|c| match c {
            '‹' => '(',
            '›' => ')',
            '…' => '~',
            '×' => 'x',
            '≈' => '~',
            c if c.is_ascii() => c,
            _ => '?',
        })
        .collect();
    if text.len() <= longest { text } else { format!("{}...", cut_plain(&text, longest.saturating_sub(3))) }
}

/// At most `longest` characters, the last an ellipsis if something was cut.
pub fn cut(text: &str, longest: usize) -> String {
    if text.chars().nth(longest).is_none() {
        return text.to_owned();
    }
    format!("{}…", cut_plain(text, longest.saturating_sub(1)).trim_end())
}

fn cut_plain(text: &str, longest: usize) -> &str {
    text.char_indices().nth(longest).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The characters that show, with each run of white space as one blank.
fn visible(text: &str) -> impl Iterator<Item = char> {
    let mut blank = true;
    text.chars().filter_map(move |c| {
        if c.is_whitespace() || c == '\0' {
            let first = !blank;
            blank = true;
            return first.then_some(' ');
        }
        // Combining marks have no width, and piled up they spill over the lines around.
        let shows = !c.is_control() && !hides(c) && c.width().is_some_and(|width| width > 0);
        if shows {
            blank = false;
        }
        shows.then_some(c)
    })
}

/// Whether the character has no glyph of its own, or changes how others are shown.
fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Links, Markdown links and mentions of everybody, broken so that they stay readable.
fn broken(text: &str) -> String {
    let mut out = text.replace("](", "] (").replace("://", "[:]//").replace("www.", "www[.]");
    for name in ["channel", "here", "everyone", "all"] {
        out = out.replace(&format!("@{name}"), &format!("@ {name}"));
    }
    // What looks like a link in commands of ours: files of the reader.
    for file in OWN_FILES {
        out = out.replace(&file.replace("://", "[:]//"), file);
    }
    out
}

/// Files of the reader that the commands of runbooks name.
pub(crate) const OWN_FILES: [&str; 3] =
    ["file://last-good-policy.json", "fileb://material.bin", "fileb://token.bin"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_text_stays_as_it_is() {
        for text in ["role/ci-deploy", "alias/payments: gone on 2026-05-11 (in 7 days).", "Größe 東京"] {
            assert_eq!(plain(text, 100), text);
        }
    }

    #[test]
    fn what_would_act_is_broken() {
        assert_eq!(plain("<!channel> \x1b[2J<b>x</b>\u{202e}", 100), "‹!channel› [2J‹b›x‹/b›");
        assert_eq!(
            plain("[a](https://evil.example) @here\nnext", 100),
            "[a] (https[:]//evil.example) @ here next"
        );
        assert_eq!(plain("Z\u{335}\u{321}algo", 100), "Zalgo");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(plain(&"x".repeat(100_000), 5), "xxxx…");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(ascii(&"ä".repeat(300), 10), "???????...");
        assert_eq!(ascii("a…b×2", 10), "a~bx2");
    }

    #[test]
    fn an_id_stays_exact_or_is_no_id() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(id(arn, 512), arn);
        assert_eq!(id("https://evil.example", 512), "https[:]//evil.example");
        assert_eq!(id("a b", 512), "a b");
    }

    proptest! {
        #[test]
        fn whatever_goes_in_one_visible_line_comes_out(text in "(\\PC|\\pC|[<>@\u{0}-\u{1f}\u{200b}-\u{202e}]){0,80}", longest in 1usize..60) {
            let out = plain(&text, longest);
            prop_assert!(out.chars().count() <= longest);
            prop_assert!(out.chars().all(|c| !c.is_control() && !hides(c) && c != '<' && c != '>'));
            prop_assert!(ascii(&text, longest).is_ascii());
            prop_assert!(ascii(&text, longest).len() <= longest.max(3));
        }
    }
}
