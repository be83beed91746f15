use super::*;
use crate::detectors::{self, Look};
use crate::event::shapes::twins;
use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms, record};
use crate::event::{Normalized, Repeats, normalize, normalize_with};
use crate::pipeline::{Filter, Watch, Worker};
use crate::settings::Settings;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:s";
const ID: &str = "0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f";

/// A record of a kind that repeats, or seldom does.
fn kind(what: u8, who: u8, how: u8) -> RecordBuilder {
    let call = match what % 14 {
        0 => kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", SECRET),
        1 => kms("Decrypt").set("requestParameters.encryptionContext", json!({"tenant": "t", "purpose": "p"})),
        2 => kms("Encrypt").set("requestParameters.encryptionContext", json!({"aws:s3:arn": "arn:aws:s3:::b/o"})),
        3 => kms("GenerateDataKey").set(
            "requestParameters.encryptionContext",
            json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:1:trail/t", "aws:s3:arn": "arn:aws:s3:::b/o"}),
        ),
        4 => kms("Decrypt").set("requestParameters.encryptionContext", json!({"a": ["x"], "b": {"c": "d"}, "e": "f"})),
        5 => kms("DescribeKey"),
        6 => kms("GenerateRandom").set("requestParameters", Json::Null),
        7 => kms("Decrypt").denied(),
        8 => kms("Decrypt").set("requestParameters.dryRun", true),
        9 => kms("ReEncrypt"),
        10 => kms("DisableKey"),
        11 => kms("CreateGrant"),
        12 => kms("Decrypt").set("additionalEventData.recipient.attestationDocumentModuleId", "i-1-enc2"),
        _ => kms("Sign").set("requestParameters.keyId", "alias/a"),
    };
    let call = match who % 7 {
        0 => call.by_user(ACCOUNT, "alice"),
        1 => call.by_service("cloudtrail"),
        2 => call.by_role(ACCOUNT, "payments", "i-1").through("secretsmanager"),
        3 => call.by_root(ACCOUNT),
        4 => call.by_user("444455556666", "mallory"),
        5 => call.by_role(ACCOUNT, "payments", "i-2").set("userIdentity.accessKeyId", "ASIAEXAMPLE"),
        _ => call,
    };
    match how % 7 {
        0 => call.set("sharedEventID", ID),
        1 => call.key(OTHER_KEY).set("sourceIPAddress", "198.51.100.7"),
        2 => call.in_log_of("444455556666"),
        3 => call.set("userIdentity.sessionContext.attributes.creationDate", "2026-05-04T09:00:00Z"),
        4 => call.key("arn:aws:kms:eu-west-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        5 => call.set("requestID", "r"),
        _ => call,
    }
}

/// The same record but for what stands in holes, as far as it has them.
fn other_holes(record: RecordBuilder, n: u8, text: &str) -> RecordBuilder {
    let context = "requestParameters.encryptionContext";
    let json: Json = serde_json::from_str(&record.text()).unwrap();
    let has = |path: &str| {
        path.split('.').try_fold(&json, |json, name| json.get(name)).is_some_and(Json::is_string)
    };
    let set = |record: RecordBuilder, path: String, text: &str| {
        if has(&path) { record.set(&path, text) } else { record }
    };
    let record = match n % 6 {
        0 => record.at("2026-05-04T10:15:43Z").id(&ID.replace('0', "1")),
        1 => record.at("2026-05-04T11:00:00Z").id(text),
        2 => record.at("2026-05-04 10:15:42").id("e2"),
        3 => record.at("2026-05-04T10:15:60Z").id(ID),
        4 => record.at(text).id("e3"),
        _ => record,
    };
    let record = set(record, "requestID".to_owned(), text);
    let record = set(record, "userIdentity.sessionContext.attributes.creationDate".to_owned(), text);
    let record = set(record, "userIdentity.accessKeyId".to_owned(), text);
    let record = set(record, "sharedEventID".to_owned(), if n < 128 { text } else { ID });
    let names = ["SecretARN", "tenant", "purpose", "aws:s3:arn", "aws:cloudtrail:arn", "e"];
    names.iter().fold(record, |record, name| set(record, format!("{context}.{name}"), text))
}

/// The same record from another session or address, in ways of which some are alike.
fn other_caller(record: RecordBuilder, n: u8) -> RecordBuilder {
    let names = ["i-0a", "i-0b", "a@b.c", "x/y", "a:b", "", "\u{e9}", "s\"", "i-1"];
    let name = names[usize::from(n / 2) % names.len()];
    let record = if n % 4 < 3 { other_session(record, name, n.is_multiple_of(8)) } else { record };
    let addresses = [
        "198.51.100.7",
        "198.51.100.8",
        "198.51.101.8",
        "10.1.2.3",
        "10.1.200.4",
        "10.2.1.1",
        "010.1.2.3",
        "198.51.100.300",
        "198.51.100.",
        "198.51.100.+7",
        "::1",
        "AWS Internal",
        "10.1.2.3.4",
    ];
    let address = addresses[usize::from(n / 3) % addresses.len()];
    if n.is_multiple_of(3) { record } else { record.set("sourceIPAddress", address) }
}

/// The same record in another session, of which one of two members may still name the old one.
fn other_session(record: RecordBuilder, name: &str, half: bool) -> RecordBuilder {
    let json: Json = serde_json::from_str(&record.text()).unwrap();
    let identity = &json["userIdentity"];
    let (Some(id), Some(arn)) = (identity["principalId"].as_str(), identity["arn"].as_str()) else {
        return record;
    };
    let (Some((id, _)), Some((arn, _))) = (id.rsplit_once(':'), arn.rsplit_once('/')) else { return record };
    let (id, arn) = (format!("{id}:{name}"), format!("{arn}/{name}"));
    if identity["type"] != "AssumedRole" {
        return record;
    }
    let record = record.set("userIdentity.principalId", id);
    if half { record } else { record.set("userIdentity.arn", arn) }
}

/// The same record from another session, and another address of the same network.
fn near_caller(record: RecordBuilder, session: &str) -> RecordBuilder {
    let json: Json = serde_json::from_str(&record.text()).unwrap();
    let record = other_session(record, session, false);
    let address = json["sourceIPAddress"].as_str().and_then(|text| text.parse::<std::net::Ipv4Addr>().ok());
    let Some([a, b, c, d]) = address.map(|address| address.octets()) else { return record };
    record.set("sourceIPAddress", format!("{a}.{b}.{c}.{}", d ^ 1))
}

fn object(records: &[String]) -> String {
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// Settings and accounts of which each makes some detector speak.
fn estate(n: u8) -> Estate {
    let mut settings = Settings::default();
    match n % 8 {
        1 => settings.estate.canary_keys = vec![KEY.to_owned()],
        2 => settings.estate.break_glass = vec!["*alice*".to_owned()],
        3 => settings.estate.key_users = [(KEY.to_owned(), vec!["nobody".to_owned()])].into(),
        4 => settings.estate.trusted_accounts = vec!["444455556666".to_owned()],
        5 => settings.estate.accounts = vec!["999988887777".to_owned(), "444455556666".to_owned()],
        6 => settings.detectors.off = vec!["root_use".to_owned()],
        _ => {}
    }
    let mut estate = Estate::new(settings);
    if n % 8 == 7 {
        estate.learn_account("999988887777");
    }
    estate
}

fn filter(n: u8) -> Filter {
    let time = |text| Timestamp::parse(text);
    match n % 8 {
        1 => Filter { since: time("2026-05-04T10:15:43Z"), ..Filter::default() },
        2 => Filter { until: time("2026-05-04T10:15:43Z"), ..Filter::default() },
        3 => Filter { accounts: vec![ACCOUNT.to_owned()], ..Filter::default() },
        4 => Filter { regions: vec!["us-east-1".to_owned()], ..Filter::default() },
        _ => Filter::default(),
    }
}

/// Whatever a worker has met, it says of an object what one says that makes each event.
fn check(objects: &[(String, u8, u8)]) -> Result<(), TestCaseError> {
    let (mut quick, mut thorough) = (Worker::default(), Worker::default());
    let mut watches = [Watch::new(Estate::default()), Watch::new(Estate::default())];
    for (text, by, passes) in objects {
        let (estate, filter) = (estate(*by), filter(*passes));
        let outcome = quick.process(text.as_bytes(), &estate, &filter);
        let expected = thorough.process_with(text.as_bytes(), &estate, &filter, |_| {});
        let [watch, other] = &mut watches;
        watch.gather(outcome.clone());
        // What another worker has used holds nothing of it.
        quick.reuse(other.gather(expected.clone()));
        prop_assert_eq!(outcome.told(), expected.told(), "{}", text);
    }
    watches.iter_mut().for_each(Watch::settle);
    let [watch, expected] = &watches;
    prop_assert_eq!(watch.save().unwrap(), expected.save().unwrap());
    prop_assert_eq!(watch.summary(), expected.summary());
    prop_assert_eq!(format!("{:?}", watch.findings()), format!("{:?}", expected.findings()));
    Ok(())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(ID.to_owned()),
        3 => prop::sample::select(vec![
            "", "x", "{", "}", ":", ",", "é", "null", "arn:aws:s3:::b", "arn:aws:s3:::b/o", "2026-05-04T10:15:42Z",
            "0B8F5A2E-2F0E-4D0C-8F4B-6A7B8C9D0E1F", "a\"b", "a\\b", "\u{1}", " ", "true", "AKIAEXAMPLE",
        ]).prop_map(str::to_owned),
        1 => (500usize..520).prop_map(|n| "x".repeat(n)),
        1 => (1_020usize..1_030).prop_map(|n| "y".repeat(n)),
        1 => Just("z".repeat(9_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn records_that_are_alike_are_taken_up_as_if_each_were_the_first(
        kinds in prop::collection::vec((0u8..14, 0u8..7, 0u8..7), 1..4),
        objects in prop::collection::vec(
            (prop::collection::vec((any::<Index>(), any::<u8>(), texts()), 1..12), 0u8..24, 0u8..16), 1..6),
        pretty: bool,
    ) {
        let mut all = Vec::new();
        for (records, by, passes) in objects {
            let texts: Vec<String> = records
                .iter()
                .map(|(which, n, text)| {
                    let (what, who, how) = *which.get(&kinds);
                    let record = other_holes(kind(what, who, how), *n, text);
                    let text = other_caller(record, n.rotate_left(3)).text();
                    let json: Json = serde_json::from_str(&text).unwrap();
                    if pretty { serde_json::to_string_pretty(&json).unwrap() } else { text }
                })
                .collect();
            // Most objects come under one estate, without a filter.
            all.push((object(&texts), if by < 12 { 0 } else { by }, if passes < 10 { 0 } else { passes }));
        }
        check(&all)?;
    }

    #[test]
    fn records_that_are_nearly_alike_are_taken_up_as_if_each_were_the_first(texts in twins::texts()) {
        let mut all = Vec::new();
        for text in texts {
            all.push((object(&[text.clone(), text]), 0, 0));
        }
        all.extend(all.clone());
        check(&all)?;
    }
}

/// Every string of a record that is no name: its path, and what stands there.
fn strings(json: &Json, path: &str, all: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
    match json {
        Json::Object(members) => members.iter().for_each(|(name, value)| strings(value, &below(name), all)),
        Json::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| strings(item, &below(&n.to_string()), all));
        }
        Json::String(text) => all.push((path.to_owned(), text.clone())),
        _ => {}
    }
}

/// A record with all sorts of members, of which an event is a row in a group.
fn rich() -> Json {
    let record = kms("Decrypt")
        .by_role(ACCOUNT, "payments", "i-1")
        .through("secretsmanager")
        .id(ID)
        .set("requestID", "r-1")
        .set("sharedEventID", "s-1")
        .set("vpcEndpointId", "vpce-1")
        .set("userIdentity.accessKeyId", "ASIAEXAMPLE")
        .set("userIdentity.sessionContext.attributes.creationDate", "2026-05-04T09:00:00Z")
        .set("userIdentity.sessionContext.sourceIdentity", "alice")
        .set("requestParameters.encryptionContext.SecretARN", SECRET)
        .set("requestParameters.encryptionContext.SecretVersionId", "v-1")
        .set("additionalEventData.keyMaterialId", "m-1")
        .set("tlsDetails.tlsVersion", "TLSv1.3");
    serde_json::from_str(&record.text()).unwrap()
}

/// Takes up a record; tells whether one that is alike was known.
fn take_up(repeats: &mut Repeats, text: &str) -> bool {
    if repeats.find(text, &[]).is_some() {
        return true;
    }
    // The first one makes its shape known, the second is taken up.
    (0..2).for_each(|_| repeats.normalize(&record(text), Pattern::suits).unwrap());
    false
}

const HOLES: [&str; 8] = [
    "eventTime",
    "eventID",
    "requestID",
    "sharedEventID",
    "userIdentity/accessKeyId",
    "userIdentity/sessionContext/attributes/creationDate",
    "requestParameters/encryptionContext/SecretARN",
    "requestParameters/encryptionContext/SecretVersionId",
];

#[test]
fn a_record_is_alike_if_it_differs_in_nothing_but_holes() {
    let rich = rich();
    let mut all = Vec::new();
    strings(&rich, "", &mut all);
    assert!(all.len() > 25 && HOLES.iter().all(|hole| all.iter().any(|(path, _)| path == hole)));
    for (path, text) in all {
        let mut repeats = Repeats::default();
        assert!(!take_up(&mut repeats, &rich.to_string()) && take_up(&mut repeats, &rich.to_string()));
        let mut other = rich.clone();
        let other_text =
            if path == "eventTime" { "2026-05-04T10:15:59Z".to_owned() } else { format!("{text}x") };
        *other.pointer_mut(&format!("/{path}")).unwrap() = other_text.into();
        assert_eq!(repeats.find(&other.to_string(), &[]).is_some(), HOLES.contains(&path.as_str()), "{path}");
    }
}

#[test]
fn records_of_other_sessions_and_addresses_of_one_network_are_alike() {
    let first = || kms("Decrypt").by_role(ACCOUNT, "payments", "i-1").set("sourceIPAddress", "10.1.2.3");
    let knows = |other: RecordBuilder| {
        let mut repeats = Repeats::default();
        take_up(&mut repeats, &first().text());
        repeats.find(&other.text(), &[]).is_some()
    };
    let session = |name| other_session(first(), name, false);
    for name in ["i-2", "a@b.c", "a-much-longer-name_of=a,session+1", "x/y", "a:b", "a b", "\u{e9}"] {
        assert!(knows(session(name)), "{name}");
    }
    for name in ["", "s\"", "s\\"] {
        assert!(!knows(session(name)), "{name}");
    }
    assert!(!knows(other_session(first(), "i-2", true)), "two sessions");
    // Without a known issuer the role is told by what else could be the session's name.
    let unknown = |name: &str| {
        let record = first().set("userIdentity.sessionContext.sessionIssuer.arn", "none");
        let record = record.set("userIdentity.principalId", format!("AROAEXAMPLE:{name}"));
        record.set("userIdentity.arn", format!("arn:aws:iam::{ACCOUNT}:role/{name}")).text()
    };
    let mut repeats = Repeats::default();
    take_up(&mut repeats, &unknown("payments"));
    assert!(
        repeats.find(&unknown("payments"), &[]).is_some() && repeats.find(&unknown("other"), &[]).is_none()
    );
    let address = |address: &str| first().set("sourceIPAddress", address);
    for near in ["10.1.2.4", "10.1.255.0"] {
        assert!(knows(address(near)), "{near}");
    }
    for far in
        ["10.2.2.3", "10.1.2", "10.1.2.3.4", "10.1.02.3", "10.1.2.256", "10.1.+2.3", "10.1..3", "10.1.2.x"]
    {
        assert!(!knows(address(far)), "{far}");
    }
    let public = || first().set("sourceIPAddress", "198.51.100.7");
    let mut repeats = Repeats::default();
    take_up(&mut repeats, &public().text());
    for (other, alike) in [("198.51.100.255", true), ("198.51.101.7", false), ("198.51.100.7.1", false)] {
        let other = public().set("sourceIPAddress", other).text();
        assert_eq!(repeats.find(&other, &[]).is_some(), alike, "{other}");
    }
}

#[test]
fn strings_whose_bytes_move_from_one_to_the_next_are_not_alike() {
    let rich = rich();
    let mut all = Vec::new();
    strings(&rich, "", &mut all);
    let mut repeats = Repeats::default();
    take_up(&mut repeats, &rich.to_string());
    for pair in all.windows(2) {
        let [(from, text), (to, next)] = pair else { continue };
        let mut other = rich.clone();
        *other.pointer_mut(&format!("/{from}")).unwrap() = text[..text.len() - 1].into();
        *other.pointer_mut(&format!("/{to}")).unwrap() = format!("{}{next}", &text[text.len() - 1..]).into();
        let holes = HOLES.contains(&from.as_str()) && HOLES.contains(&to.as_str());
        let is_time = [from, to].iter().any(|path| *path == "eventTime");
        assert_eq!(repeats.find(&other.to_string(), &[]).is_some(), holes && !is_time, "{from} {to}");
    }
}

#[test]
fn what_stands_in_the_holes_is_found() {
    let mut repeats = Repeats::default();
    let text = |time, id: &str, secret: &str, key: &str| {
        let mut rich = rich();
        rich["eventTime"] = json!(time);
        rich["eventID"] = json!(id);
        rich["userIdentity"]["accessKeyId"] = json!(key);
        rich["requestParameters"]["encryptionContext"]["SecretARN"] = json!(secret);
        rich.to_string()
    };
    assert!(!take_up(&mut repeats, &text("2026-05-04T10:15:42Z", "e1", "a", "k1")));
    let other = text("2026-05-04T12:00:01Z", "e2", "b", "");
    let found = repeats.find(&other, &[]).unwrap();
    assert_eq!(found.time.to_string(), "2026-05-04T12:00:01Z");
    assert_eq!((found.id, found.shared_id, found.access_key), ("e2", Some("s-1"), None));
    assert_eq!(found.resource, Some((ResourceKind::Secret, "b")));
}

#[test]
fn holes_that_hold_something_of_no_use_make_no_record_alike() {
    for (path, text) in [
        ("/eventTime", "yesterday"),
        ("/eventTime", ""),
        ("/eventID", ""),
        ("/eventID", "a\\b"),
        ("/requestParameters/encryptionContext/SecretARN", ""),
        ("/requestParameters/encryptionContext/SecretVersionId", "a\"b"),
        ("/userIdentity/accessKeyId", &"x".repeat(LONGEST + 1)),
    ] {
        let mut repeats = Repeats::default();
        take_up(&mut repeats, &rich().to_string());
        let mut other = rich();
        *other.pointer_mut(path).unwrap() = text.into();
        assert!(repeats.find(&other.to_string(), &[]).is_none(), "{path}");
        // Nor does it become one that others are compared with.
        let mut repeats = Repeats::default();
        for _ in 0..3 {
            let _ = repeats.normalize(&record(&other.to_string()), Pattern::suits);
        }
        assert_eq!(repeats.known_records(), 0, "{path}");
    }
}

#[test]
fn of_what_a_detector_has_told_nothing_is_kept_and_all_goes_with_the_estate() {
    let text = object(&vec![rich().to_string(); 3]);
    let mut worker = Worker::default();
    let mut known = |n| {
        worker.process(text.as_bytes(), &estate(n), &Filter::default());
        worker.known_records()
    };
    assert_eq!([0, 1, 0, 6, 3, 7].map(&mut known), [1, 0, 1, 1, 0, 1]);
}

#[test]
fn records_that_are_many_and_all_different_are_forgotten_in_time() {
    let text = |n: usize| {
        let record = kms("Decrypt").set("vpcEndpointId", format!("vpce-{n}"));
        // Some are found by their beginning, and some are too short for that.
        if n.is_multiple_of(2) { record.text() } else { record.set("additionalEventData", n).text() }
    };
    let mut repeats = Repeats::default();
    for n in 0..3 * Alike::SEGMENTS {
        take_up(&mut repeats, &text(n));
        let alike = repeats.alike();
        assert!(
            alike.segments.len() <= Alike::SEGMENTS
                && alike.texts.text.len() < Alike::TEXT + 4 * Alike::LONGEST
        );
        assert!(alike.templates.len() <= alike.segments.len());
    }
    let last = text(3 * Alike::SEGMENTS);
    let again = (0..16 * Alike::SEGMENTS / 3).any(|_| take_up(&mut repeats, &last));
    assert!(again, "all were forgotten, and it was learned");
}

#[test]
fn whether_a_detector_speaks_of_a_single_event_does_not_depend_on_what_stands_in_holes() {
    let looks: Vec<_> = detectors::ALL
        .iter()
        .flat_map(|detector| detector.look.each().map(|look| (detector.id, look)))
        .filter_map(|(id, look)| if let Look::Event(look) = look { Some((id, *look)) } else { None })
        .collect();
    let (mut silent, mut told) = (0, 0);
    for what in 0..14 {
        for (who, how) in (0..7).flat_map(|who| (0..7).map(move |how| (who, how))) {
            let one = kind(what, who, how);
            let said = |record: &RecordBuilder, by: u8| {
                record.event(|event| {
                    let said = looks.iter().map(|(id, look)| (*id, look(event, &estate(by)).is_some()));
                    Pattern::suits(event).then(|| said.collect::<Vec<_>>())
                })
            };
            for by in 0..8 {
                let Some(expected) = said(&one, by) else { continue };
                let n = expected.iter().filter(|(_, said)| *said).count();
                (silent, told) = (silent + usize::from(n == 0), told + n);
                for (n, text) in [(0, "x"), (1, "arn:aws:s3:::b/o"), (2, KEY), (3, "alice")] {
                    assert_eq!(
                        said(&other_holes(one.clone(), n, text), by).as_ref(),
                        Some(&expected),
                        "{what} {who} {how}"
                    );
                    let other = near_caller(one.clone(), text);
                    assert_eq!(said(&other, by).as_ref(), Some(&expected), "{what} {who} {how}");
                }
            }
        }
    }
    assert!(silent > 500 && told > 500, "{silent} {told}");
}

#[test]
fn a_template_holds_what_the_event_of_another_record_would_have() {
    let mut repeats = Repeats::default();
    for n in 0..3u8 {
        for what in [0u8, 1, 2, 3, 5, 6, 13] {
            let other = other_holes(kind(what, 5, 3), n % 2, &format!("text-{n}"));
            let other = other_session(other, &format!("i-{n}"), false);
            let text = other.set("sourceIPAddress", format!("10.1.{n}.9")).text();
            let alone = normalize_with(&record(&text), &mut Repeats::default()).map(|event| {
                let (mut pattern, mut details) = (String::new(), String::new());
                let of = (Pattern::of(&event, &mut pattern), Details::of(&event, &mut details));
                let resource =
                    event.resource.as_ref().map(|resource| (resource.kind, resource.id.to_string()));
                (of, pattern, details, event.time, event.id.to_string(), resource)
            });
            let ((pattern, details), pattern_text, details_text, time, id, resource) = alone.unwrap();
            if n > 0 {
                let found = repeats.find(&text, &[]).unwrap();
                let mut text = String::new();
                assert_eq!(found.details(&mut text), details);
                assert_eq!(
                    (found.pattern().parts(), text),
                    ((&pattern.unwrap(), pattern_text.as_str()), details_text)
                );
                assert_eq!((found.time, found.id), (time, id.as_str()));
                assert_eq!(found.resource.map(|(kind, id)| (kind, id.to_owned())), resource);
            }
            take_up(&mut repeats, &text);
        }
    }
}

#[test]
fn an_hour_that_is_known_reads_times_as_they_are_read() {
    let mut hour = LatestHour::default();
    let without_hour = format!("{}15:42Z", "\0".repeat(14));
    for text in [
        "2026-05-04T10:15:42Z",
        "2026-05-04T10:59:59Z",
        "2026-05-04T10:00:60Z",
        "2026-05-04T10:60:00Z",
        "2026-05-04T10:00:00",
        "2026-05-04T10:15:42+",
        "2026-05-04T10:1a:42Z",
        "2026-05-04T10:15:42.5Z",
        "2026-02-30T10:15:42Z",
        "2026-02-30T10:15:43Z",
        "2026-05-04 10:15:42",
        "",
        "2026-05-04T24:00:00Z",
        &without_hour,
        "2026-05-04T11:00:00Z",
        "2026-05-04T11:15:42+02:00",
    ] {
        for _ in 0..2 {
            assert_eq!(hour.parse(text), Timestamp::parse(text), "{text:?}");
        }
    }
    assert_eq!(LatestHour::default().parse(&without_hour), None);
}

#[test]
fn who_looks_at_each_event_gets_each() {
    let text = object(&vec![rich().to_string(); 5]);
    let (mut worker, mut n) = (Worker::default(), 0);
    for _ in 0..2 {
        worker.process(text.as_bytes(), &Estate::default(), &Filter::default());
        worker.process_with(text.as_bytes(), &Estate::default(), &Filter::default(), |_| n += 1);
    }
    assert_eq!((worker.known_records(), n), (1, 10));
}

#[test]
fn problems_and_skips_stay_what_they_are() {
    let mut repeats = Repeats::default();
    take_up(&mut repeats, &rich().to_string());
    let mut other = rich();
    other["eventTime"] = json!("never");
    let text = other.to_string();
    assert!(repeats.find(&text, &[]).is_none());
    let Normalized::Problem(alone) = normalize(&record(&text)) else { panic!("it has no time") };
    let again = repeats.normalize(&record(&text), |_| panic!("it has no time")).unwrap_err();
    assert!(matches!(again, super::super::Left::Problem(problem) if problem == alone));
}
