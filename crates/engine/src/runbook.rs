//! Commands for the runbook of a finding, with ids out of hostile logs put safely into them.
//!
//! People paste these lines into a shell. Whatever a log holds, a value stays one word of the command.

use crate::finding::Actor;
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
/// out, so that a record without a Region gives a command that uses the default one. A value that the AWS CLI
/// itself would take for an option or for a file to read is replaced by [`UNSAFE`]: no real id looks like that.
pub fn aws(command: &str, options: &[(&str, &str)]) -> String {
    let mut line = format!("aws {command}");
    for (name, value) in options.iter().filter(|(_, value)| !value.is_empty()) {
        let word = if means_more(value) { Cow::Borrowed(UNSAFE) } else { quote(value) };
        line.push_str(&format!(" --{name} {word}"));
    }
    line
}

/// Whether the AWS CLI takes the value for an option or for a file to read. Invisible characters are dropped
/// before it sees the value.
fn means_more(value: &str) -> bool {
    let visible: String = value.chars().filter(|c| !is_invisible(*c)).take(8).collect();
    ["-", "file://", "fileb://"].iter().any(|prefix| visible.starts_with(prefix))
}

/// Stands in a command for a value out of a log that must not be passed on.
pub const UNSAFE: &str = "UNSAFE_VALUE_LEFT_OUT";

/// The command that looks events up by one attribute (`AccessKeyId`, `Username`, `ResourceName`, `EventSource`).
///
/// The short form of the attribute has no way to write a comma or an equals sign, which session names may hold;
/// such values take the JSON form.
pub fn look_up(attribute: &str, value: &str, options: &[(&str, &str)]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+:./_-".contains(c);
    let by = match value.chars().all(is_plain) {
        true => format!("AttributeKey={attribute},AttributeValue={value}"),
        false => serde_json::json!([{ "AttributeKey": attribute, "AttributeValue": value }]).to_string(),
    };
    let options: Vec<(&str, &str)> =
        [("lookup-attributes", by.as_str())].iter().chain(options).copied().collect();
    aws("cloudtrail lookup-events", &options)
}

/// How to end what a principal can do, in a way that can be taken back; `None` for those that cannot be ended so:
/// service-linked roles, services, strangers, and root, whom no policy of the account binds.
///
/// `until` is the moment up to which sessions are ended, RFC 3339. New ones can be made from then on, unless the way to
/// them is closed as well.
pub fn cut_off(actor: &Actor, until: &str) -> Option<String> {
    let name = actor.id.rsplit(['/', ':']).next().unwrap_or(&actor.id);
    let command = match actor.kind {
        "role" => {
            let deny = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*",
                "Resource": "*", "Condition": {"DateLessThan": {"aws:TokenIssueTime": until}}}]});
            let options = [
                ("role-name", name),
                ("policy-name", "RevokeOlderSessions"),
                ("policy-document", &deny.to_string()),
            ];
            aws("iam put-role-policy", &options)
        }
        "user" => {
            let key = actor.access_key.as_deref().unwrap_or("ACCESS_KEY_ID");
            let key = key.get(..128).unwrap_or(key);
            aws(
                "iam update-access-key",
                &[("user-name", name), ("access-key-id", key), ("status", "Inactive")],
            )
        }
        "permission_set" => {
            return Some(
                "If nobody knows of it, end the sessions of this person in IAM Identity Center, and disable the user \
                 there."
                    .to_owned(),
            );
        }
        _ => return None,
    };
    Some(format!("If nobody knows of it, cut it off, which ends its rightful sessions as well: {command}"))
}

/// Whether a command is one of [`cut_off`].
pub fn is_cut_off(command: &str) -> bool {
    ["aws iam put-role-policy", "aws iam update-access-key"].iter().any(|start| command.starts_with(start))
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

    #[test]
    fn a_value_that_the_command_line_would_read_as_more_is_left_out() {
        for value in ["file:///etc/passwd", "fileb://x", "--endpoint-url=http://evil.example"] {
            assert_eq!(
                aws("kms enable-key", &[("key-id", value)]),
                "aws kms enable-key --key-id UNSAFE_VALUE_LEFT_OUT"
            );
        }
    }

    #[test]
    fn a_name_with_commas_and_equals_signs_is_looked_up_whole() {
        assert_eq!(
            look_up("Username", "a,AttributeKey=b", &[("region", "eu-west-1")]),
            "aws cloudtrail lookup-events --lookup-attributes \
             '[{\"AttributeKey\":\"Username\",\"AttributeValue\":\"a,AttributeKey=b\"}]' --region eu-west-1"
        );
        assert_eq!(
            look_up("Username", "alice@example.com", &[]),
            "aws cloudtrail lookup-events --lookup-attributes AttributeKey=Username,AttributeValue=alice@example.com"
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
            let expected: String = match means_more(&value) {
                true => UNSAFE.to_owned(),
                false => value.chars().filter(|c| !is_invisible(*c)).collect(),
            };
            prop_assert_eq!(
                words(&aws("kms x", &[("key-id", &value)])),
                Some(vec!["aws".into(), "kms".into(), "x".into(), "--key-id".into(), expected])
            );
        }
    }
}
