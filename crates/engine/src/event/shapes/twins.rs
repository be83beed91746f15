//! Records that are nearly equal: whatever shape one has left behind, the other is read as if it came alone.

use super::Shapes;
use super::tests::{found, record as any_record, walked};
use crate::event::testing::record;
use crate::event::{Left, Normalized, Repeats, normalize, normalize_with};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

/// A record as it is written: members can come twice, and names and values need not be valid.
#[derive(Clone, Debug)]
enum Tree {
    Written(String),
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
}

impl Tree {
    fn of(json: &Json) -> Tree {
        match json {
            Json::Object(members) => {
                Tree::Object(members.iter().map(|(name, value)| (quoted(name), Tree::of(value))).collect())
            }
            Json::Array(items) => Tree::Array(items.iter().map(Tree::of).collect()),
            other => Tree::Written(other.to_string()),
        }
    }

    fn write(&self, into: &mut String) {
        match self {
            Tree::Written(text) => into.push_str(text),
            Tree::Object(members) => {
                into.push('{');
                for (n, (name, value)) in members.iter().enumerate() {
                    into.push_str(if n == 0 { "" } else { "," });
                    into.push_str(name);
                    into.push(':');
                    value.write(into);
                }
                into.push('}');
            }
            Tree::Array(items) => {
                into.push('[');
                for (n, value) in items.iter().enumerate() {
                    into.push_str(if n == 0 { "" } else { "," });
                    value.write(into);
                }
                into.push(']');
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// How many values there are in it, with itself.
    fn len(&self) -> usize {
        match self {
            Tree::Written(_) => 1,
            Tree::Object(members) => 1 + members.iter().map(|(_, value)| value.len()).sum::<usize>(),
            Tree::Array(items) => 1 + items.iter().map(Tree::len).sum::<usize>(),
        }
    }

    /// The value with this number, from the outermost inwards.
    fn at(&mut self, mut number: usize) -> Option<&mut Tree> {
        if number == 0 {
            return Some(self);
        }
        number -= 1;
        let inner: Vec<&mut Tree> = match self {
            Tree::Written(_) => Vec::new(),
            Tree::Object(members) => members.iter_mut().map(|(_, value)| value).collect(),
            Tree::Array(items) => items.iter_mut().collect(),
        };
        for value in inner {
            let len = value.len();
            if number < len {
                return value.at(number);
            }
            number -= len;
        }
        None
    }

    fn any(&mut self, which: &Index) -> &mut Tree {
        let number = which.index(self.len());
        self.at(number).unwrap()
    }

    /// The members of any object; a value that is none counts for the record.
    fn members(&mut self, which: &Index) -> &mut Vec<(String, Tree)> {
        let number = which.index(self.len());
        let number = if matches!(self.at(number), Some(Tree::Object(_))) { number } else { 0 };
        match self.at(number) {
            Some(Tree::Object(members)) => members,
            _ => panic!("a record is an object"),
        }
    }

    /// Changes a member, or several.
    fn change(&mut self, change: &Change) {
        let Change { how, which, other, text } = change;
        match how {
            Kind::Value => *self.any(which) = Tree::Written(text.clone()),
            // What stands elsewhere in the record, with all that is in it.
            Kind::Copy => {
                let copy = self.any(other).clone();
                *self.any(which) = copy;
            }
            Kind::Order => {
                let members = self.members(which);
                let len = members.len();
                if len > 1 {
                    members.swap(other.index(len), other.index(len - 1));
                }
            }
            Kind::Remove => {
                let members = self.members(which);
                if !members.is_empty() {
                    members.remove(other.index(members.len()));
                }
            }
            // A name again, before or behind the member that has it, in this object or in another.
            Kind::Again => {
                let members = self.members(which);
                if !members.is_empty() {
                    let (name, value) = members[other.index(members.len())].clone();
                    let value = if text.len() % 2 == 0 { value } else { Tree::Written(text.clone()) };
                    let into = if text.len() % 3 == 0 { self.members(other) } else { self.members(which) };
                    into.insert(other.index(into.len() + 1), (name, value));
                }
            }
            Kind::Name => {
                let members = self.members(which);
                let len = members.len();
                if len > 0 {
                    members[other.index(len)].0 = text.clone();
                }
            }
            Kind::Escape => {
                let members = self.members(which);
                let len = members.len();
                if let Some((name, _)) = members.get_mut(other.index(len.max(1)))
                    && let Some(first) = name.chars().nth(1).filter(char::is_ascii_alphanumeric)
                {
                    *name = name.replacen(first, &format!("\\u{:04x}", first as u32), 1);
                }
            }
            Kind::Deeper => {
                let value = self.any(which);
                let inner = std::mem::replace(value, Tree::Array(Vec::new()));
                *value = match text.len() % 2 {
                    0 => Tree::Array(vec![inner]),
                    _ => Tree::Object(vec![(text.clone(), inner)]),
                };
            }
            Kind::Bytes => {}
        }
        if !matches!(self, Tree::Object(_)) {
            *self = Tree::Object(vec![("\"eventSource\"".to_owned(), self.clone())]);
        }
    }
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Value,
    Copy,
    Order,
    Remove,
    Again,
    Name,
    Escape,
    Deeper,
    /// Bytes of the text, whatever they belong to.
    Bytes,
}

#[derive(Clone, Debug)]
struct Change {
    how: Kind,
    which: Index,
    other: Index,
    text: String,
}

/// Names that are looked for, and one that is not.
fn name() -> impl Strategy<Value = String> {
    let names = vec![
        "eventName",
        "eventSource",
        "eventTime",
        "eventID",
        "eventType",
        "eventVersion",
        "userIdentity",
        "type",
        "principalId",
        "arn",
        "accountId",
        "sessionContext",
        "sessionIssuer",
        "attributes",
        "mfaAuthenticated",
        "requestParameters",
        "encryptionContext",
        "sourceEncryptionContext",
        "destinationEncryptionContext",
        "keyId",
        "dryRun",
        "resources",
        "responseElements",
        "additionalEventData",
        "tlsDetails",
        "tlsVersion",
        "errorCode",
        "recipientAccountId",
        "aws:s3:arn",
        "SecretARN",
        "grantId",
        "invokedBy",
        "other",
        "",
    ];
    prop::sample::select(names).prop_map(quoted)
}

/// Texts of strings as a caller can choose them.
fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "", "x", "kms.amazonaws.com", "s3.amazonaws.com", "Decrypt", "AWS Internal", "AwsServiceEvent",
            "{", "}", "}}", "[]", ":", ",", ":{", "é", "'", " ", "null", "1.11", "Root", "true", "\u{1}", "\u{c}",
            "AccessDenied", "arn:aws:iam::111122223333:role/r", "2026-05-04T10:15:42Z",
        ]).prop_map(str::to_owned),
        1 => (50usize..80).prop_map(|n| "x".repeat(n)),
        1 => Just("long ".repeat(2_000)),
    ]
}

/// A value as it is written, some with escapes and some malformed.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => string().prop_map(|text| format!("\"{text}\"")),
        4 => prop::sample::select(vec![
            "null", "true", "false", "0", "-1.5e3", "{}", "[]", "{ }", "[ ]", r#""\"""#, r#""a\\""#, r#""\u0041""#,
            r#""\q""#, r#"{"keyId":"k"}"#, r#"{"a":"b","a":"c"}"#, r#"{"aws:s3:arn":"arn:aws:s3:::b"}"#,
            r#"[{"ARN":"a"},"b"]"#, r#"{"a":{"eventID":"b"}}"#, r#"{"a" "b"}"#, r#"{"a"x:"b"}"#, "tru", "01", "",
            r#"1"a"#, r#"[1"a,"b"]"#, "[}", r#"{"type":"Root"}"#, " \"a\" ", "\"a\"\t", "\"a\"\u{c}",
        ]).prop_map(str::to_owned),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    use Kind::*;
    let how = prop::sample::select(vec![Value, Copy, Order, Remove, Again, Name, Escape, Deeper, Bytes]);
    (how, any::<Index>(), any::<Index>()).prop_flat_map(|(how, which, other)| {
        let text = match how {
            Name | Deeper => name().boxed(),
            Bytes => prop::sample::select(vec![
                "", "\"", "\\", "{", "}", "[", "]", ":", "x", ",", "é", " ", "\n", "\t", "\u{c}", "\":\"",
                "\",\"",
            ])
            .prop_map(str::to_owned)
            .boxed(),
            _ => value().boxed(),
        };
        text.prop_map(move |text| Change { how, which, other, text })
    })
}

/// The same text but for bytes at one place.
fn with_bytes(text: &str, change: &Change) -> String {
    let mut text = text.to_owned();
    let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    // Often behind the last: no other place is as rare to hit and as much of its own.
    let at = if change.which.index(4) == 0 { text.len() } else { change.which.index(text.len() + 1) };
    let to = at + change.other.index(3);
    let (at, to) = (boundary(at), boundary(to.min(text.len())));
    text.replace_range(at..to.max(at), &change.text);
    text
}

/// The same text but for the strings: those that are no names and have no escapes, each with another, if it is chosen.
fn with_strings(text: &str, chosen: &[(u8, String)]) -> String {
    let (mut twin, mut rest, mut chosen) = (String::new(), text, chosen.iter().cycle());
    while let Some((before, behind)) = rest.split_once('"')
        && let Some((string, after)) = behind.split_once('"')
    {
        twin.push_str(before);
        let is_name = after.trim_start().starts_with(':');
        let is_time = string.len() == 20 && string.ends_with('Z');
        let (how, other) = chosen.next().unwrap();
        let other = match how % 12 {
            // Without a time there is no Event: keep that one mostly.
            _ if is_name || string.ends_with('\\') || (is_time && *how > 0) => string,
            0 => other,
            _ => string,
        };
        twin.extend(["\"", other, "\""]);
        rest = after;
    }
    twin + rest
}

/// All that a record becomes.
fn told(normalized: &Normalized<'_>) -> String {
    match normalized {
        Normalized::Event(event) => {
            let context = &event.context;
            let raw =
                [event.request, event.response, context.raw, context.destination].map(|value| value.raw());
            format!("{event:?} {raw:?} {}", context.names_hash)
        }
        other => format!("{other:?}"),
    }
}

/// Records and their twins, in the order in which they come.
pub(in crate::event) fn texts() -> impl Strategy<Value = Vec<String>> {
    let kind = (0u8..8, 0u8..4, 0u8..6);
    let changes = prop::collection::vec((prop::collection::vec(change(), 0..3), any::<bool>()), 1..6);
    let strings = prop::collection::vec(prop::collection::vec((any::<u8>(), string()), 40), 3);
    (kind, any::<bool>(), changes, strings).prop_map(|((what, who, how), pretty, changes, strings)| {
        let json: Json = serde_json::from_str(&any_record(what, who, how).text()).unwrap();
        let mut tree = Tree::of(&json);
        let mut texts = vec![if pretty { serde_json::to_string_pretty(&json).unwrap() } else { tree.text() }];
        for (changes, from_here) in &changes {
            let mut twin = tree.clone();
            changes.iter().for_each(|change| twin.change(change));
            let bytes = changes.iter().filter(|change| matches!(change.how, Kind::Bytes));
            texts.push(bytes.fold(twin.text(), |text, change| with_bytes(&text, change)));
            if *from_here {
                tree = twin;
            }
        }
        let with_twins = |text: String| {
            let twins: Vec<String> = strings.iter().map(|chosen| with_strings(&text, chosen)).collect();
            [text].into_iter().chain(twins)
        };
        texts.into_iter().flat_map(with_twins).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_record_is_read_as_if_its_twins_had_not_come(texts in texts()) {
        let (mut shapes, mut repeats) = (Shapes::default(), Repeats::default());
        for text in &texts {
            let alone = told(&normalize(&record(text)));
            for _ in 0..2 {
                let again = match normalize_with(&record(text), &mut repeats) {
                    Ok(event) => Normalized::Event(event),
                    Err(Left::Skip(reason)) => Normalized::Skip(reason),
                    Err(Left::Problem(problem)) => Normalized::Problem(problem),
                };
                prop_assert_eq!(&told(&again), &alone, "{}", text);
            }
            match found(&shapes, text) {
                Some(slots) => prop_assert_eq!(slots, walked(text), "{}", text),
                None => shapes.learn(text),
            }
        }
    }
}
