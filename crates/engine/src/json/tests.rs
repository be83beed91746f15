//! The cursor against serde_json.

use super::*;
use proptest::prelude::*;

fn names(text: &str) -> Vec<String> {
    Value::new(text).members().map(|m| m.unwrap().0.into_owned()).collect()
}

#[test]
fn members_are_found_in_any_layout() {
    let text = " {\n \"a\" : 1 ,\t\"b\":{\"a\":\"}\\\"\"}, \"\\u0063\":[true,null] } ";
    assert_eq!(names(text), ["a", "b", "c"]);
    let value = Value::new(text);
    assert_eq!(value.get("a").integer(), Some(1));
    assert_eq!(value.get("b").get("a").text().as_deref(), Some("}\""));
    assert_eq!(value.get("c").items().count(), 2);
    assert_eq!(value.get("d"), Value::NULL);
}

#[test]
fn the_last_of_repeated_members_counts() {
    assert_eq!(Value::new(r#"{"a":1,"a":2}"#).get("a").integer(), Some(2));
}

#[test]
fn empty_forms_are_alike() {
    for text in ["null", "{}", "{ }", "[]", "\"\""] {
        assert!(Value::new(text).is_empty(), "{text}");
    }
    for text in ["0", "false", "{\"a\":1}", "[0]", "\" \""] {
        assert!(!Value::new(text).is_empty(), "{text}");
    }
}

#[test]
fn malformed_text_ends_the_walk() {
    for text in [
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":tru}",
        "{\"a\":01}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":\"\\x\"}garbage",
        "{\"a\":[}",
        "{\"a",
        "{\"\\q\":1}",
    ] {
        assert!(Value::new(text).members().any(|m| m.is_err()), "{text}");
    }
}

fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>()
            .prop_map(|f| serde_json::Number::from_f64(f).map_or(serde_json::Value::Null, Into::into)),
        "\\PC{0,12}".prop_map(Into::into),
        "[\\x00-\\x7f\"\\\\{}\\[\\],:]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("\\PC{0,6}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Rebuilds the whole value through the cursor, to compare it with what serde_json reads.
fn rebuild(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Object => serde_json::Value::Object(
            value.members().map(|m| m.map(|(name, v)| (name.into_owned(), rebuild(v))).unwrap()).collect(),
        ),
        Kind::Array => value.items().map(|item| rebuild(item.unwrap())).collect(),
        Kind::String => value.text().unwrap().into_owned().into(),
        _ => serde_json::from_str(value.raw()).unwrap(),
    }
}

/// Objects with few names, some repeated or written with escapes, most of them well formed.
fn any_object() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "c",
        "cd",
        "é",
        "\\u0061",
        "d\\\"",
        "",
        "eventName",
        "eventNames",
        "\\q",
        "x",
    ]);
    let value = prop::sample::select(vec!["1", "\"v\"", "{\"a\":[2]}", "\"\\\"\"", "null", "[\"}\"]", "01"]);
    let gap = prop::sample::select(vec!["", "", "", " ", "\n\t"]);
    let member = (name, gap.clone(), gap, value).prop_map(|(name, before, behind, value)| {
        format!("{before}\"{name}\"{behind}:{before}{value}{behind}")
    });
    (prop::collection::vec(member, 0..8), prop::sample::select(vec!["}", "}", "}", "", ",}", "]"]))
        .prop_map(|(members, end)| format!("{{{}{end}", members.join(",")))
}

proptest! {
    #[test]
    fn the_cursor_reads_what_serde_json_reads(json in arbitrary_json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(rebuild(Value::new(&text)), expected);
    }

    #[test]
    fn picked_members_are_those_that_a_walk_finds(text in any_object(), names in prop::sample::subsequence(vec!["a", "b", "cd", "c", "é", "", "d\"", "eventName"], 0..8).prop_shuffle()) {
        let object = Value::new(&text);
        let mut expected = vec![Value::NULL; names.len()];
        let walk = object.members().try_for_each(|member| {
            let (name, value) = member?;
            if let Some(place) = names.iter().position(|known| *known == name) {
                expected[place] = value;
            }
            Ok(())
        });
        let mut found = vec![Value::NULL; names.len()];
        prop_assert_eq!(object.pick(&names, &mut found), walk);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[{}\\[\\]\",:\\\\u0-9a-e\\-. \n]{0,40}|\\PC{0,40}") {
        let value = Value::new(&text);
        let _ = (value.members().count(), value.items().count(), value.text(), value.bool(), value.integer());
        let _ = (value.is_empty(), value.get("a").embedded());
    }
}

#[test]
fn names_are_told_apart_whole_in_words_and_byte_by_byte() {
    const LONGEST: &str = "abcdefghijklmnopqrstuvwxyz123";
    let names = ["a", "ab", "event", "eventID", "eventIDs", "sharedEventID", LONGEST];
    let words = names.map(Name::new);
    let space = " ".repeat(40);
    for (place, name) in names.iter().enumerate() {
        // With enough text behind to be compared in words, and without.
        for behind in ["", &space] {
            for text in [format!("{{\"{name}\":1}}{behind}"), format!("{{ \"{name}\" : 1, \"x\":2}}{behind}")]
            {
                let value = Value { raw: &text, found: Found::Other };
                let mut by_words = [Value::NULL; 7];
                let mut by_bytes = [Value::NULL; 7];
                value.pick(&words, &mut by_words).unwrap();
                value.pick(&names, &mut by_bytes).unwrap();
                assert_eq!(by_words, by_bytes, "{text}");
                assert_eq!(
                    by_words.iter().position(|found| found.integer() == Some(1)),
                    Some(place),
                    "{text}"
                );
            }
        }
    }
    assert!(!Name::new("eventID").begins(b"\"eventIDs\":", None));
    assert!(!Name::new("eventID").begins(b"\"eventI\":", None));
}
