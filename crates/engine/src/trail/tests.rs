//! Whole objects: every container and layout, cut and damaged in every way.

use super::*;
use serde_json::{Value as Json, json};
use std::io::Write;

/// A record as the sink got it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) json: Option<Json>,
    pub(super) text: String,
    pub(super) index: u64,
    pub(super) offset: u64,
}

pub(super) fn read(bytes: &[u8]) -> (ObjectReport, Vec<Seen>) {
    read_with(bytes, &Limits::default(), usize::MAX)
}

/// Reads with a source that gives at most `chunk` bytes at once, and checks what must always hold.
pub(super) fn read_with(bytes: &[u8], limits: &Limits, chunk: usize) -> (ObjectReport, Vec<Seen>) {
    let mut seen = Vec::new();
    let report = Reader::default().read(Chunks { bytes, chunk }, limits, |record| {
        seen.push(Seen {
            json: serde_json::from_str(record.text).ok(),
            text: record.text.to_string(),
            index: record.index,
            offset: record.offset,
        });
    });
    assert_accounts(&report, seen.len());
    (report, seen)
}

fn assert_accounts(report: &ObjectReport, n_seen: usize) {
    assert_eq!(
        report.records,
        n_seen as u64 + report.passed_over + report.insights + report.broken_records,
        "{report:?}"
    );
    assert!(report.problem_count >= report.broken_records, "{report:?}");
    assert_eq!(report.problems.len() as u64, report.problem_count.min(20), "{report:?}");
    assert_eq!(report.kind == ObjectKind::Log, report.records > report.insights, "{report:?}");
}

struct Chunks<'a> {
    bytes: &'a [u8],
    chunk: usize,
}

impl Read for Chunks<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(self.chunk).min(self.bytes.len());
        out[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn record(source: &str, name: &str) -> Json {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "AWSAccount", "accountId": "111122223333"},
        "eventTime": "2026-05-04T10:15:42Z",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "eu-west-1",
        "requestParameters": {"keyId": "alias/orders", "nested": [{"a": [1, {"b": "}],{"}]}]},
        "resources": [{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/k", "accountId": "111122223333"}],
        "eventID": "1b0f5a60-0000-4000-8000-000000000000",
        "recipientAccountId": "111122223333"
    })
}

fn kms() -> Json {
    record("kms.amazonaws.com", "Decrypt")
}

fn other() -> Json {
    record("s3.amazonaws.com", "GetObject")
}

fn insight() -> Json {
    json!({"eventVersion": "1.07", "eventType": "AwsCloudTrailInsight", "eventTime": "2026-05-04T10:15:42Z",
        "insightDetails": {"state": "Start", "eventSource": "kms.amazonaws.com", "eventName": "Decrypt"},
        "eventCategory": "Insight"})
}

fn names(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|seen| match &seen.json {
            Some(json) => json["eventName"].as_str().unwrap_or("?").to_string(),
            None => "malformed".to_string(),
        })
        .collect()
}

#[test]
fn a_usual_object_gives_its_kms_records_with_index_and_offset() {
    let text =
        json!({"Records": [other(), kms(), other(), record("cloudtrail.amazonaws.com", "StopLogging")]})
            .to_string();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let (report, seen) = read(&bytes);
        assert_eq!(names(&seen), ["Decrypt", "StopLogging"]);
        assert_eq!(seen.iter().map(|seen| seen.index).collect::<Vec<_>>(), [1, 3]);
        assert!(seen.iter().all(|seen| text[seen.offset as usize..].starts_with(&seen.text)));
        assert_eq!((report.records, report.passed_over, report.broken_records), (4, 2, 0));
        assert_eq!((report.kind, report.bytes), (ObjectKind::Log, text.len() as u64));
        assert_eq!(report.source_bytes, bytes.len() as u64);
        assert!(report.problems.is_empty());
    }
}

/// Objects with one KMS record, as `at` of `records`.
fn containers() -> Vec<(&'static str, String, u64, u64)> {
    let embedded =
        |record: Json| json!({"EventId": "e", "EventName": "Decrypt", "CloudTrailEvent": record.to_string()});
    let bridge = |record: Json| json!({"version": "0", "detail-type": "AWS API Call via CloudTrail", "source": "aws.kms", "detail": record});
    let log_event =
        |record: Json| json!({"id": "1", "timestamp": 1_777_890_942_000_i64, "message": record.to_string()});
    let payload = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": [log_event(other()), log_event(kms())]});
    let filtered = json!({"events": [log_event(other()), log_event(kms())], "searchedLogStreams": []});
    let records = json!({"Records": [other(), kms()]}).to_string();
    vec![
        ("what filter-log-events prints", serde_json::to_string_pretty(&filtered).unwrap(), 1, 2),
        ("Records", records.clone(), 1, 2),
        (
            "Records, pretty",
            serde_json::to_string_pretty(&json!({"Records": [other(), kms()]})).unwrap(),
            1,
            2,
        ),
        (
            "Records not first",
            format!(
                "{{\"x\":{{\"Records\":[{}]}},\"n\":-1.5e3,\"Records\":[{}],\"z\":\"]}}\"}}",
                kms(),
                kms()
            ),
            0,
            1,
        ),
        ("Records with an escaped name", format!("{{\"\\u0052ecords\":[{}]}}", kms()), 0, 1),
        ("byte order mark", format!("\u{feff}{records}"), 1, 2),
        (
            "white space",
            format!(" \r\n\t{{ \"Records\" : [ {} , {} ] , \"x\" : 1 }} \n", other(), kms()),
            1,
            2,
        ),
        ("documents behind each other", format!("{records}{}{records}", json!({"Records": []})), 1, 4),
        ("documents on lines", format!("{records}\n{records}\n"), 1, 4),
        ("NDJSON", format!("{}\n{}\n", other(), kms()), 1, 2),
        ("NDJSON, last line without line feed", format!("{}\r\n{}", other(), kms()), 1, 2),
        ("records behind each other", format!("{}{}{}", other(), kms(), other()), 1, 3),
        ("array", json!([other(), kms()]).to_string(), 1, 2),
        ("array, pretty", serde_json::to_string_pretty(&json!([other(), kms()])).unwrap(), 1, 2),
        ("single", kms().to_string(), 0, 1),
        ("single, pretty", serde_json::to_string_pretty(&kms()).unwrap(), 0, 1),
        (
            "LookupEvents",
            json!({"Events": [embedded(other()), embedded(kms())], "NextToken": "t"}).to_string(),
            1,
            2,
        ),
        ("LookupEvents, entries on lines", format!("{}\n{}\n", embedded(other()), embedded(kms())), 1, 2),
        ("LookupEvents, entries in an array", json!([embedded(other()), embedded(kms())]).to_string(), 1, 2),
        ("EventBridge", bridge(kms()).to_string(), 0, 1),
        ("EventBridge, lines", format!("{}\n{}\n", bridge(other()), bridge(kms())), 1, 2),
        ("EventBridge, array", json!([bridge(other()), bridge(kms())]).to_string(), 1, 2),
        ("CloudWatch Logs", payload.to_string(), 1, 2),
        (
            "CloudWatch Logs in Lambda",
            json!({"awslogs": {"data": base64(&gzip(payload.to_string().as_bytes()))}}).to_string(),
            1,
            2,
        ),
    ]
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for n in 0..4 {
            text.push(if n <= group.len() {
                DIGITS[(bits >> (18 - 6 * n)) as usize & 63] as char
            } else {
                '='
            });
        }
    }
    text
}

#[test]
fn every_container_is_told_by_its_content() {
    for (name, text, at, n_records) in containers() {
        for (bytes, chunk) in [
            (text.clone().into_bytes(), usize::MAX),
            (gzip(text.as_bytes()), usize::MAX),
            (text.clone().into_bytes(), 1),
        ] {
            let (report, seen) = read_with(&bytes, &Limits::default(), chunk);
            assert_eq!(report.kind, ObjectKind::Log, "{name}: {report:?}");
            assert_eq!(report.problems, [], "{name}");
            assert_eq!(report.records, n_records, "{name}");
            assert_eq!(seen.first().map(|seen| seen.index), Some(at), "{name}");
            assert!(seen.iter().all(|seen| seen.json == Some(kms())), "{name}: {seen:?}");
        }
    }
}

#[test]
fn objects_without_records_are_told_apart() {
    let digest =
        json!({"awsAccountId": "111122223333", "digestS3Object": "AWSLogs/...", "logFiles": []}).to_string();
    let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "message": "CWL CONTROL MESSAGE: Checking health"}]});
    for (text, kind) in [
        (String::new(), ObjectKind::Empty),
        (" \n".to_string(), ObjectKind::Empty),
        ("\u{feff}".to_string(), ObjectKind::Empty),
        ("{\"Records\":[]}".to_string(), ObjectKind::Empty),
        ("{\"Records\" : null }".to_string(), ObjectKind::Empty),
        ("[ ]".to_string(), ObjectKind::Empty),
        ("{\"Events\":[]}".to_string(), ObjectKind::Empty),
        (control.to_string(), ObjectKind::Empty),
        (digest, ObjectKind::Digest),
        (json!({"Records": [insight(), insight()]}).to_string(), ObjectKind::Insight),
        ("{}".to_string(), ObjectKind::Unrecognized),
        ("[1,2]".to_string(), ObjectKind::Unrecognized),
        ("hello".to_string(), ObjectKind::Unrecognized),
        ("{\"a\":{\"Records\":[]}}".to_string(), ObjectKind::Unrecognized),
        ("PAR1\u{15}{\u{0}[\"".to_string(), ObjectKind::Unrecognized),
    ] {
        for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
            let (report, seen) = read(&bytes);
            assert_eq!((report.kind, seen.len()), (kind, 0), "{text}: {report:?}");
            assert_eq!(report.problems.is_empty(), kind != ObjectKind::Unrecognized, "{text}: {report:?}");
        }
    }
}

#[test]
fn records_of_insights_are_counted_apart() {
    let (report, seen) =
        read(json!({"Records": [insight(), kms(), insight(), other()]}).to_string().as_bytes());
    assert_eq!(names(&seen), ["Decrypt"]);
    assert_eq!((report.records, report.insights, report.passed_over), (4, 2, 1));
}

#[test]
fn an_escaped_source_is_still_a_candidate() {
    let text = json!({"Records": [kms(), other()]})
        .to_string()
        .replace("\"kms.amazonaws", "\"\\u006bms.amaz\\u006Fnaws");
    let (_, seen) = read(text.as_bytes());
    assert_eq!(names(&seen), ["Decrypt"]);
    assert!(seen[0].text.contains("\\u006bms"));
}

#[test]
fn a_record_forged_inside_parameters_is_not_split_off() {
    let mut outer = other();
    outer["requestParameters"] = json!({"x": [1, kms(), {"Records": [kms()]}]});
    let text = json!({"Records": [outer.clone(), kms()]}).to_string();
    let (report, seen) = read(text.as_bytes());
    assert_eq!(report.records, 2);
    assert_eq!(seen.iter().filter_map(|seen| seen.json.clone()).collect::<Vec<_>>(), [outer, kms()]);
}

fn damaged(parts: &[&str]) -> (ObjectReport, Vec<Seen>) {
    let text = format!("{{\"Records\":[{}]}}", parts.join(","));
    read(text.as_bytes())
}

#[test]
fn one_broken_record_in_a_list_costs_that_record_alone() {
    let (good, other) = (kms().to_string(), other().to_string());
    let brace = &good[..good.len() - 1];
    let quote = &good.replacen("\"eventTime\":\"", "\"eventTime\":", 1);
    let cut_in_string = &good[..good.find("Decrypt").unwrap()];
    let two_braces = &good[..good.find("alias/orders").unwrap() + "alias/orders\"".len()];
    let closing = &format!("{good}}}");
    for broken in [brace, quote, cut_in_string, two_braces, "garbage", "\"text\"", "7", "[1]", "{", closing] {
        for parts in
            [[&good, broken, &other, &good], [broken, &good, &other, &good], [&good, &other, &good, broken]]
        {
            let (report, seen) = damaged(&parts);
            let expected = if broken == closing { 3 } else { 2 };
            assert_eq!(
                seen.iter().filter(|seen| seen.text == good).count(),
                expected,
                "{broken}: {report:?}"
            );
            assert!(report.broken_records >= 1, "{broken}: {report:?}");
            assert!(report.passed_over == 1, "{broken}: {report:?}");
            assert!(report.problems.iter().any(|problem| problem.record.is_some()), "{broken}: {report:?}");
        }
    }
    let (report, seen) = damaged(&[&good, brace, quote, &good]);
    assert_eq!((seen.len(), report.broken_records), (2, 2), "{report:?}");
    assert_eq!(seen[1].index, 3);
}

#[test]
fn one_broken_line_costs_that_line_alone() {
    let (good, other) = (kms().to_string(), other().to_string());
    let brace = &good[..good.len() - 1];
    let quote = &good.replacen("\"eventTime\":\"", "\"eventTime\":", 1);
    let closing = &format!("{good}}}");
    for broken in [brace, quote, &good[..200], "garbage", "}", closing] {
        for line_end in ["\n", "\r\n"] {
            for parts in [
                [&good, broken, &other, &good],
                [broken, &good, &other, &good],
                [&good, &other, &good, broken],
            ] {
                let (report, seen) = read(parts.join(line_end).as_bytes());
                let expected = if broken == closing { 3 } else { 2 };
                assert_eq!(
                    seen.iter().filter(|seen| seen.text == good).count(),
                    expected,
                    "{broken}: {report:?}"
                );
                assert_eq!(report.passed_over, 1, "{broken}: {report:?}");
            }
        }
    }
}

#[test]
fn a_cut_off_object_gives_every_complete_record() {
    let text = json!({"Records": [kms(), other(), kms(), kms()]}).to_string();
    for end in 0..text.len() {
        let (report, seen) = read(&text.as_bytes()[..end]);
        let complete = serde_json::from_str::<Json>(&format!("{}]}}", &text[..end]))
            .map_or(seen.len(), |json| {
                json["Records"].as_array().map_or(0, Vec::len) - report.passed_over as usize
            });
        assert_eq!(seen.len(), complete, "{end}");
        assert!(end == 0 || !report.problems.is_empty(), "{end}: {report:?}");
    }
    let packed = gzip(text.as_bytes());
    for end in 2..packed.len() {
        let (report, seen) = read(&packed[..end]);
        assert!(
            report.problems.iter().any(|problem| problem.message.contains("cut off")),
            "{end}: {report:?}"
        );
        assert!(seen.len() <= 3);
    }
}

#[test]
fn a_damaged_checksum_is_told_and_the_records_are_used() {
    let mut packed = gzip(json!({"Records": [kms()]}).to_string().as_bytes());
    let at = packed.len() - 6;
    packed[at] ^= 1;
    let (report, seen) = read(&packed);
    assert_eq!(seen.len(), 1);
    assert!(report.problems[0].message.contains("damaged"), "{report:?}");
}

#[test]
fn members_and_padding_are_read_through() {
    let (first, second) =
        (json!({"Records": [kms()]}).to_string(), json!({"Records": [other(), kms()]}).to_string());
    let mut bytes = gzip(&first.as_bytes()[..40]);
    bytes.extend(gzip(&first.as_bytes()[40..]));
    bytes.extend([0; 700]);
    bytes.extend(gzip(second.as_bytes()));
    bytes.extend([0; 512]);
    for chunk in [1, 7, usize::MAX] {
        let (report, seen) = read_with(&bytes, &Limits::default(), chunk);
        assert_eq!((seen.len(), report.records, report.problem_count), (2, 3, 0), "{report:?}");
    }
    bytes.extend(b"x");
    assert_eq!(read(&bytes).0.problem_count, 1);
}

#[test]
fn the_size_limit_holds_to_the_byte() {
    let text = json!({"Records": [kms(), other(), kms()]}).to_string();
    for bytes in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let at = Limits { object_bytes: text.len() as u64, ..Limits::default() };
        let (report, seen) = read_with(&bytes, &at, usize::MAX);
        assert_eq!((seen.len(), report.problem_count, report.bytes), (2, 0, text.len() as u64));

        let over = Limits { object_bytes: text.len() as u64 - 3, ..Limits::default() };
        let (report, seen) = read_with(&bytes, &over, usize::MAX);
        assert_eq!((seen.len(), report.broken_records, report.bytes), (1, 1, over.object_bytes));
        assert!(report.problems.iter().any(|problem| problem.message.contains("limits.object_bytes")));
    }
}

#[test]
fn the_compression_limit_counts_from_one_mebibyte_on() {
    let record = kms().to_string();
    let pad = |len: usize| {
        gzip(format!("{{\"Records\":[{record}{}]}}", " ".repeat(len - record.len() - 14)).as_bytes())
    };
    let free = gunzip::RATIO_FREE_BYTES as usize;
    let strict = Limits { compression_ratio: 2, ..Limits::default() };
    assert_eq!(read_with(&pad(free), &strict, usize::MAX).0.problem_count, 0);
    let (report, seen) = read_with(&pad(free + 1), &strict, usize::MAX);
    assert_eq!(seen.len(), 1);
    assert!(
        report.problems.iter().any(|problem| problem.message.contains("limits.compression_ratio")),
        "{report:?}"
    );

    let bytes = pad(free + 1);
    let ratio = (free + 1).div_ceil(bytes.len()) as u64;
    let at = Limits { compression_ratio: ratio, ..Limits::default() };
    assert_eq!(read_with(&bytes, &at, usize::MAX).0.problem_count, 0);
    let over = Limits { compression_ratio: ratio - 1, ..Limits::default() };
    assert_ne!(read_with(&bytes, &over, usize::MAX).0.problem_count, 0);
}

#[test]
fn the_limits_of_a_record_hold_to_the_byte_and_to_the_level() {
    let mut deep = kms();
    deep["requestParameters"] = json!({"a": [[[[[[]]]]]]});
    let text = json!({"Records": [kms(), deep, kms()]}).to_string();
    let levels = |nesting| read_with(text.as_bytes(), &Limits { nesting, ..Limits::default() }, usize::MAX);
    assert_eq!(levels(8).1.len(), 3);
    let (report, seen) = levels(7);
    assert_eq!((seen.len(), report.broken_records), (2, 1));
    assert!(report.problems[0].message.contains("limits.nesting"));
    assert_eq!(report.problems[0].record, Some(1));

    let mut long = kms();
    long["requestParameters"] = json!({"a": "x".repeat(5_000)});
    let record_bytes = long.to_string().len();
    for text in [
        json!({"Records": [kms(), long, kms()]}).to_string(),
        format!("{}\n{long}\n{}", kms(), kms()),
        json!([kms(), long, kms()]).to_string(),
    ] {
        for chunk in [usize::MAX, 100] {
            let bytes = |record_bytes| {
                read_with(text.as_bytes(), &Limits { record_bytes, ..Limits::default() }, chunk)
            };
            assert_eq!(bytes(record_bytes).1.len(), 3, "{text}");
            let (report, seen) = bytes(record_bytes - 1);
            assert_eq!((seen.len(), report.broken_records), (2, 1), "{report:?}");
            assert!(report.problems[0].message.contains("limits.record_bytes"));
            assert_eq!(seen[1].index, 2);
        }
    }
}

#[test]
fn an_object_that_is_not_looked_at_says_why() {
    let mut long = kms();
    long["requestParameters"] = json!({"a": "x".repeat(5_000)});
    let limits = Limits { record_bytes: 4_000, ..Limits::default() };
    for text in [long.to_string(), json!([long]).to_string(), json!({"detail": long}).to_string()] {
        for chunk in [usize::MAX, 100] {
            let (report, seen) = read_with(text.as_bytes(), &limits, chunk);
            assert_eq!((seen.len(), report.kind), (0, ObjectKind::Unrecognized));
            let message = &report.problems[0].message;
            assert!(report.undecided && message.contains("limits.record_bytes"), "{message}");
        }
    }
    for bytes in [b"\xff\xfe{\0}\0".as_slice(), b"\xfe\xff\0{\0}"] {
        let (report, _) = read(bytes);
        assert!(report.undecided && report.problems[0].message.contains("iconv"), "{report:?}");
    }
    let (report, _) = read(b"some notes, and {braces}");
    assert!(!report.undecided && report.problems[0].message.contains("no CloudTrail log"), "{report:?}");
}

#[test]
fn a_candidate_that_is_not_utf8_is_read_with_a_mark_in_place_of_the_bad_byte() {
    let mut bytes = json!({"Records": [kms(), kms(), other()]}).to_string().into_bytes();
    let at = bytes.windows(5).position(|window| window == b"alias").unwrap();
    bytes[at] = 0xff;
    let (report, seen) = read(&bytes);
    assert_eq!((seen.len(), report.broken_records, report.passed_over), (2, 0, 1));
    assert!(seen[0].text.contains('\u{fffd}'), "{}", seen[0].text);
    assert_eq!((report.problem_count, report.problems[0].offset), (1, 12));
    assert!(report.problems[0].message.contains("not valid UTF-8"));
}

#[test]
fn hostile_damage_costs_a_bounded_number_of_steps() {
    let open = "{\"eventVersion\":[".repeat(40);
    let padding = " ".repeat(1_000);
    for text in [
        // Every brace may begin a record that never ends.
        format!("{{\"Records\":[x{}", format!(",{{\"eventVersion\":[{padding}").repeat(3_000)),
        format!("x\n{}", format!("{{\"eventVersion\":[{padding}\n").repeat(3_000)),
        format!("{{\"Records\":[x,{}", open.repeat(2_000)),
        format!("{{\"Records\":[{}", "{".repeat(2_000_000)),
        format!("{{\"Records\":[{}", "[{}".repeat(500_000)),
        "{\"a\":".repeat(500_000),
        "x{".repeat(500_000),
        "{\"Records\":[".repeat(100_000),
        format!("{{\"Records\":[{}]}}", "{\"a\":\"b},".repeat(200_000)),
    ] {
        let mut reader = Reader::default();
        let limits = Limits { record_bytes: 1 << 20, ..Limits::default() };
        let mut n_seen = 0;
        let (mut source, mut sink) = (text.as_bytes(), |_: Record<'_>| n_seen += 1);
        let mut walk = reader.begin(&mut source, &limits, &mut sink, 0, false);
        walk.run();
        let (spent, bytes) = (walk.budget.spent(), walk.gunzip.bytes);
        // One step may overshoot by what one record may have.
        assert!(spent <= (2 << 20) + 16 * bytes, "{spent} steps for {bytes} bytes: {}", &text[..60]);
        let report = walk.close();
        assert_accounts(&report, n_seen);
        assert!(report.problem_count > 0);
    }
}
