//! Commands for the runbook of a finding, with ids out of hostile logs put safely into them.
//!
//! People paste these lines into a shell. Whatever a log holds, a value stays one word of the command.

use std::borrow::Cow;

/// The text as one word of a POSIX shell.
///
/// Text of letters, digits and `@%+=:,./_-` stays as it is; anything else goes into single quotes. Control
/// characters and those that reorder or hide text on the screen are dropped: no id has them, and with them the
/// line that is read would not be the line that is run.
pub fn quote(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        // A single quote cannot stand inside single quotes: close them, write it escaped, open them again.
        if c == '\'' { quoted.push_str("'\\''") } else { quoted.push(c) }
    }
    quoted.push('\'');
    Cow::Owned(quoted)
}

/// An AWS CLI command, such as `aws kms revoke-grant --key-id ... --region eu-west-1`.
///
/// `command` is ours and stays as it is; each value of `options` is quoted. Options with an empty value are left
/// out, so that a record without a Region gives a command that uses the default one.
pub fn aws(command: &str, options: &[(&str, &str)]) -> String {
    let mut line = format!("aws {command}");
    for (name, value) in options.iter().filter(|(_, value)| !value.is_empty()) {
        line.push_str(&format!(" --{name} {}", quote(value)));
    }
    line
}

/// Control characters (Unicode Cc), and the format characters that set direction or have no width.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_arn_needs_no_quotes() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(quote(arn), arn);
    }

    #[test]
    fn hostile_text_stays_one_word() {
        assert_eq!(quote("a; rm -rf ~"), "'a; rm -rf ~'");
        assert_eq!(quote("$(id)`id`"), "'$(id)`id`'");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("*"), "'*'");
        assert_eq!(quote("~root"), "'~root'");
    }

    #[test]
    fn what_does_not_show_is_dropped() {
        assert_eq!(quote("a\nb\x1b[2J\u{202e}c\u{200b}"), "'ab[2Jc'");
    }

    #[test]
    fn options_without_a_value_are_left_out() {
        assert_eq!(
            aws("kms revoke-grant", &[("key-id", "k"), ("grant-id", "a b"), ("region", "")]),
            "aws kms revoke-grant --key-id k --grant-id 'a b'"
        );
    }

    /// The words of a line, as a POSIX shell splits it; `None` if a quote stays open or something would expand.
    fn words(line: &str) -> Option<Vec<String>> {
        let (mut words, mut word, mut chars) = (Vec::new(), None::<String>, line.chars());
        while let Some(c) = chars.next() {
            match c {
                ' ' => words.extend(word.take()),
                '\'' => {
                    let word = word.get_or_insert_default();
                    loop {
                        match chars.next()? {
                            '\'' => break,
                            c => word.push(c),
                        }
                    }
                }
                '\\' => word.get_or_insert_default().push(chars.next()?),
                '$' | '`' | ';' | '&' | '|' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '#' | '~' | '"'
                | '!' | '{' | '}' | '\n' => return None,
                c => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        Some(words)
    }

    proptest! {
        #[test]
        fn any_value_comes_out_of_the_shell_as_it_went_in(value in "[ -~]{1,30}|\\PC{1,30}") {
            let expected: String = value.chars().filter(|c| !is_invisible(*c)).collect();
            prop_assert_eq!(
                words(&aws("kms x", &[("key-id", &value)])),
                Some(vec!["aws".into(), "kms".into(), "x".into(), "--key-id".into(), expected])
            );
        }
    }
}
