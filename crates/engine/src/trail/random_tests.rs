//! Random logs in every container and layout, whole and damaged, judged by `serde_json`.

use super::tests::{Seen, base64, gzip, read_with};
use super::*;
use crate::event::infrastructure;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Container {
    Records,
    Array,
    Lines,
    Documents,
    LookupEvents,
    LookupEntries,
    EventBridge,
    EventBridgeArray,
    LogEvents,
    Lambda,
}

fn container() -> impl Strategy<Value = Container> {
    prop::sample::select(vec![
        Container::Records,
        Container::Array,
        Container::Lines,
        Container::Documents,
        Container::LookupEvents,
        Container::LookupEntries,
        Container::EventBridge,
        Container::EventBridgeArray,
        Container::LogEvents,
        Container::Lambda,
    ])
}

/// Text that looks like structure, or like another record.
fn nasty_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,200}",
        r#"[{}\[\]"\\,:\x00-\x1f]{0,20}"#,
        "\\PC{0,20}",
        Just(r#"},{"eventVersion":"1.08","eventSource":"kms.amazonaws.com"}"#.to_string()),
        Just("kms.amazonaws.com".to_string()),
        Just("\\u006bms\"Records\":[{".to_string()),
        Just("}]}\n{\"Records\":[".to_string()),
    ]
}

fn record() -> impl Strategy<Value = Json> {
    let source = prop::sample::select(vec![
        "kms.amazonaws.com",
        "s3.amazonaws.com",
        "cloudtrail.amazonaws.com",
        "ec2.amazonaws.com",
        "akms.amazonaws.comb",
    ]);
    let parameters = prop::collection::btree_map("[a-zA-Z\"\\\\{}é]{1,8}", nasty_text(), 0..4);
    let name = prop::sample::select(vec![
        "Decrypt",
        "DeleteQueue",
        "GetObject",
        "UpdateFunctionConfiguration20150331v2",
    ]);
    (source, name, parameters, nasty_text(), any::<bool>(), 0..20u32).prop_map(
        |(source, name, parameters, text, forged, insight)| {
            if insight == 0 {
                return json!({"eventVersion": "1.07", "eventType": "AwsCloudTrailInsight", "x": text});
            }
            let mut record = Map::new();
            record.insert("eventVersion".into(), "1.08".into());
            record.insert("eventTime".into(), "2026-05-04T10:15:42Z".into());
            record.insert("eventSource".into(), source.into());
            record.insert("eventName".into(), name.into());
            record.insert("requestParameters".into(), json!(parameters));
            record.insert("userAgent".into(), text.into());
            if forged {
                let nested =
                    json!([{"eventVersion": "1.08", "eventSource": "kms.amazonaws.com", "eventName": "x"}]);
                record.insert(
                    "responseElements".into(),
                    json!({"Records": nested, "n": [1.5e300, null, true, [], {}]}),
                );
            }
            Json::Object(record)
        },
    )
}

/// Writes a value in a random layout: order of members, white space, escapes.
fn write(json: &Json, layout: u64, out: &mut String) {
    let spaces = |n: u64, out: &mut String| {
        if layout % 3 == 1 {
            out.push_str([" ", "\n", "", "\r\n\t", "  "][((layout / 3 + n) % 5) as usize]);
        }
    };
    match json {
        Json::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            let n = members.len().max(1);
            members.rotate_left((layout / 7) as usize % n);
            for (n, (name, value)) in members.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                spaces(n as u64, out);
                out.push_str(&Json::from(name.as_str()).to_string());
                spaces(n as u64 + 1, out);
                out.push(':');
                spaces(n as u64 + 2, out);
                write(value, layout.rotate_right(7) | 1, out);
            }
            spaces(3, out);
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                spaces(n as u64, out);
                write(item, layout.rotate_right(11), out);
            }
            spaces(1, out);
            out.push(']');
        }
        Json::String(text) if layout.is_multiple_of(5) => {
            out.push('"');
            for unit in text.encode_utf16() {
                out.push_str(&format!("\\u{unit:04x}"));
            }
            out.push('"');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn written(json: &Json, layout: u64) -> String {
    let mut text = String::new();
    write(json, layout, &mut text);
    text
}

/// The text of an object in a container.
fn object(records: &[Json], container: Container, layout: u64) -> String {
    let lookup = |record: &Json| json!({"EventId": "e", "CloudTrailEvent": written(record, layout / 3)});
    let bridge = |record: &Json| json!({"version": "0", "detail-type": "d", "detail": record});
    let lines = |values: Vec<Json>| {
        let layout = layout - layout % 3;
        values
            .iter()
            .map(|value| written(value, layout) + ["\n", "\r\n", "\n\n"][(layout % 3) as usize])
            .collect()
    };
    let payload = || {
        json!({"messageType": "DATA_MESSAGE", "logEvents": records.iter()
            .map(|record| json!({"id": "1", "message": written(record, layout / 3)})).collect::<Vec<_>>()})
    };
    match container {
        Container::Records => {
            written(&json!({"a": {"Records": [1]}, "Records": records, "b": [{"Records": []}]}), layout)
        }
        Container::Array => written(&json!(records), layout),
        Container::Lines => lines(records.to_vec()),
        Container::Documents => {
            records.chunks(2).map(|records| written(&json!({"Records": records}), layout)).collect()
        }
        Container::LookupEvents => written(
            &json!({"Events": records.iter().map(lookup).collect::<Vec<_>>(), "NextToken": "t"}),
            layout,
        ),
        Container::LookupEntries => lines(records.iter().map(lookup).collect()),
        Container::EventBridge => lines(records.iter().map(bridge).collect()),
        Container::EventBridgeArray => written(&records.iter().map(bridge).collect(), layout),
        Container::LogEvents => written(&payload(), layout),
        Container::Lambda => {
            let data = base64(&gzip(payload().to_string().as_bytes()));
            written(&json!({"awslogs": {"data": data}}), layout)
        }
    }
}

fn packed(bytes: &[u8], splits: &[prop::sample::Index]) -> Vec<u8> {
    let mut cuts: Vec<usize> = splits.iter().map(|split| split.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).flat_map(|pair| gzip(&bytes[pair[0]..pair[1]])).collect()
}

fn is_watched(record: &Json) -> bool {
    candidates::WATCHED_SOURCES.iter().any(|source| record["eventSource"] == *source)
        || record["eventName"].as_str().is_some_and(|name| infrastructure::is_name(name.as_bytes()))
}

proptest! {
    #[test]
    fn the_same_records_are_found_as_serde_json_finds(
        records in prop::collection::vec(record(), 0..12),
        container in container(),
        layout: u64,
        chunk in prop_oneof![1usize..100, Just(usize::MAX)],
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        plain: bool,
    ) {
        let text = object(&records, container, layout);
        let bytes = if plain { text.clone().into_bytes() } else { packed(text.as_bytes(), &splits) };
        let (report, seen) = read_with(&bytes, &Limits::default(), chunk);

        prop_assert_eq!(&report.problems, &[]);
        prop_assert_eq!(report.records, records.len() as u64);
        prop_assert_eq!(report.bytes, text.len() as u64);
        let insights = records.iter().filter(|record| record["eventType"] == "AwsCloudTrailInsight").count();
        prop_assert_eq!(report.insights, insights as u64);
        let kind = match records.len() {
            0 => ObjectKind::Empty,
            n if n == insights => ObjectKind::Insight,
            _ => ObjectKind::Log,
        };
        prop_assert_eq!(report.kind, kind);

        let in_place = !matches!(
            container,
            Container::LookupEvents | Container::LookupEntries | Container::LogEvents | Container::Lambda
        );
        for Seen { json, text: record_text, index, offset } in &seen {
            prop_assert_eq!(json.as_ref(), records.get(*index as usize));
            prop_assert!(!in_place || text[*offset as usize..].starts_with(record_text));
        }
        let found: Vec<u64> = seen.iter().map(|seen| seen.index).collect();
        prop_assert!(found.is_sorted());
        for (index, record) in records.iter().enumerate() {
            prop_assert!(!is_watched(record) || found.contains(&(index as u64)), "{record}");
        }
    }

    #[test]
    fn damage_never_panics_and_every_record_is_accounted_for(
        records in prop::collection::vec(record(), 0..12),
        container in container(),
        layout: u64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..5), 1..4),
        chunk in prop_oneof![1usize..100, Just(usize::MAX)],
        pack: bool,
    ) {
        let mut bytes = object(&records, container, layout).into_bytes();
        if pack {
            bytes = gzip(&bytes);
        }
        for (at, byte, change) in changes {
            let at = at.index(bytes.len() + 1);
            match change {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => bytes.insert(at, b"\"\\{}[],\n"[usize::from(byte % 8)]),
                3 if at < bytes.len() => { bytes.remove(at); }
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        let limits = Limits { record_bytes: 4096, nesting: 6, ..Limits::default() };
        let (mut whole, seen) = read_with(&bytes, &limits, usize::MAX);
        let (in_chunks, seen_in_chunks) = read_with(&bytes, &limits, chunk);
        // How far the source was read before damage to the compression shows depends on the chunks.
        whole.source_bytes = in_chunks.source_bytes;
        prop_assert_eq!((in_chunks, seen_in_chunks), (whole, seen));
    }

    #[test]
    fn one_changed_byte_of_a_record_costs_that_record_alone(
        records in prop::collection::vec(record(), 2..8),
        broken in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in prop::sample::select(vec!["", "\"", "{", "}", "]", "\\", "\n"]),
        container in prop::sample::select(vec![Container::Records, Container::Array, Container::Lines]),
    ) {
        // Text that holds other records could be taken for them once the record around it is broken.
        let texts: Vec<String> = records
            .into_iter()
            .map(|mut record| {
                record["requestParameters"] = json!({"keyId": "alias/orders", "x": ["{\"", {"y": "},{"}]});
                record["userAgent"] = "agent".into();
                record["responseElements"] = Json::Null;
                record.to_string()
            })
            .collect();
        let n = broken.index(texts.len());
        let mut damaged = texts.clone();
        // The first and the last byte are left alone: what is outside of a record is another test.
        let places: Vec<usize> = texts[n].char_indices().filter(|(_, c)| c.is_ascii()).map(|(at, _)| at).collect();
        let at = places[1 + at.index(places.len() - 2)];
        damaged[n].replace_range(at..at + usize::from(change.is_empty() || change == "\n"), change);
        let text = match container {
            Container::Records => format!("{{\"Records\":[{}]}}", damaged.join(",")),
            Container::Array => format!("[{}]", damaged.join(",")),
            _ => damaged.join("\n"),
        };
        let (report, seen) = read_with(text.as_bytes(), &Limits::default(), usize::MAX);
        for (other, record) in texts.iter().enumerate() {
            if other != n && is_watched(&serde_json::from_str(record).unwrap()) {
                prop_assert!(seen.iter().any(|seen| seen.text == *record), "{other} of {text}: {report:?}");
            }
        }
    }
}

/// Reads the corpus of real records that `KMSWATCH_CORPUS` names, if it is set.
#[test]
#[allow(clippy::disallowed_methods)]
fn the_corpus_is_read_and_every_record_is_accounted_for() {
    let Some(folder) = std::env::var_os("KMSWATCH_CORPUS") else {
        println!("skipped: KMSWATCH_CORPUS names no folder of records");
        return;
    };
    let (mut folders, mut n_files, mut n_records) = (vec![std::path::PathBuf::from(folder)], 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.to_string_lossy().into_owned();
            let is_lines = name.ends_with(".ndjson.gz");
            if !is_lines && !name.contains("/orig/") {
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let (report, seen) = read_with(&bytes, &Limits::default(), usize::MAX);
            if is_lines {
                let mut text = String::new();
                flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
                let records: Vec<Json> =
                    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
                assert_eq!(
                    (report.records, report.problem_count),
                    (records.len() as u64, 0),
                    "{name}: {report:?}"
                );
                let missed = records.iter().enumerate().filter(|(index, record)| {
                    is_watched(record) && !seen.iter().any(|seen| seen.index == *index as u64)
                });
                assert_eq!(missed.count(), 0, "{name}");
            } else if report.problem_count > 0 {
                println!("{name}: {report:?}");
            }
            n_files += 1;
            n_records += report.records;
        }
    }
    println!("{n_files} files, {n_records} records");
    assert!(n_files > 0);
}
