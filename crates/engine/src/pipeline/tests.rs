use super::testing::{object, watch};
use super::*;
use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, cloudtrail, kms};
use crate::settings::Settings;
use crate::state::laws;
use proptest::prelude::*;

const REPLICA: &str = "arn:aws:kms:ap-south-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
const MRK: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

/// A record of a kind that some State or detector takes up, by somebody, at some time of a few days.
fn record(what: u8, who: u8, which: bool, time: i64) -> RecordBuilder {
    let key = if which { KEY } else { OTHER_KEY };
    let moment = Timestamp(1_777_889_742 + time).to_string();
    let record = match what % 20 {
        0 => kms("Decrypt").set(
            "requestParameters.encryptionContext.SecretARN",
            format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:s{who}"),
        ),
        1 => kms("GenerateDataKey"),
        2 => kms("ScheduleKeyDeletion").set("requestParameters.pendingWindowInDays", 7),
        3 => kms("CancelKeyDeletion"),
        4 => kms("DisableKey"),
        5 => kms("EnableKey"),
        6 => kms("DisableKey").denied(),
        7 => kms("ScheduleKeyDeletion").denied(),
        8 => kms("Decrypt").failed("DisabledException", &format!("{key} is disabled.")),
        9 => kms("Decrypt").failed("KMSInvalidStateException", &format!("{key} is pending deletion.")),
        10 => kms("DeleteImportedKeyMaterial"),
        11 => kms("CreateAlias").set("requestParameters.aliasName", format!("alias/a{}", who % 2)),
        12 => kms("UpdateAlias").set("requestParameters.aliasName", format!("alias/a{}", who % 2)),
        13 => kms("DeleteKey"),
        14 => cloudtrail("StopLogging"),
        15 => cloudtrail("StopLogging").denied(),
        16 => kms("ReplicateKey")
            .set("requestParameters.replicaRegion", "ap-south-1")
            .set("responseElements.replicaKeyMetadata.arn", REPLICA),
        17 => kms("CreateKey")
            .set("awsRegion", "ap-south-1")
            .set("responseElements.keyMetadata.multiRegionConfiguration.multiRegionKeyType", "REPLICA"),
        18 => kms("DryRun").set("requestParameters.dryRun", true),
        _ => kms("PutKeyPolicy").set("requestParameters.policy", format!("{{\"Id\":\"{who}\"}}")),
    };
    let key = match what % 20 {
        16 => MRK,
        17 => REPLICA,
        _ => key,
    };
    let record = if what % 20 == 14 || what % 20 == 15 { record } else { record.key(key) };
    // Service events keep the identity that they have.
    let record = if what % 20 == 13 { record } else { record.by_user(ACCOUNT, &format!("user{}", who % 4)) };
    record.at(&moment)
}

fn records(events: &[(u8, u8, bool, i64)]) -> Vec<String> {
    events.iter().map(|(what, who, which, time)| record(*what, *who, *which, *time).text()).collect()
}

fn events() -> impl Strategy<Value = Vec<(u8, u8, bool, i64)>> {
    // Coarse times, so that acts of one second and of one day meet.
    let time = (0i64..40, 0i64..3).prop_map(|(n, second)| n * 7_200 + second);
    prop::collection::vec((0u8..20, 0u8..6, any::<bool>(), time), 0..40)
}

/// A watch that has absorbed the records, cut into objects at the given places.
fn watch_of(records: &[String], cuts: &[usize]) -> Watch {
    let mut watch = Watch::new(Estate::default());
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (records.len() + 1)).collect();
    cuts.extend([0, records.len()]);
    cuts.sort();
    for part in cuts.windows(2) {
        let outcome = object(&records[part[0]..part[1]], &Estate::default(), &Filter::default());
        watch.absorb(outcome);
    }
    watch
}

fn shown(watch: &Watch) -> String {
    serde_json::to_string_pretty(&watch.findings()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_repetition_and_split_change_nothing(
        events in events(),
        cuts in prop::collection::vec(any::<usize>(), 0..4),
        other_cuts in prop::collection::vec(any::<usize>(), 0..4),
        repeated in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        keys in prop::collection::vec(any::<u32>(), 60),
    ) {
        let records = records(&events);
        let plain = watch_of(&records, &cuts);
        let mut shuffled = records.clone();
        if !records.is_empty() {
            shuffled.extend(repeated.iter().map(|index| index.get(&records).clone()));
        }
        let mut order: Vec<usize> = (0..shuffled.len()).collect();
        order.sort_by_key(|at| keys.get(*at).copied().unwrap_or_default());
        let shuffled: Vec<String> = order.into_iter().map(|at| shuffled[at].clone()).collect();
        let other = watch_of(&shuffled, &other_cuts);
        prop_assert_eq!(plain.states(), other.states());
        prop_assert_eq!(
            serde_json::to_string(plain.states()).unwrap(),
            serde_json::to_string(other.states()).unwrap()
        );
        prop_assert_eq!(shown(&plain), shown(&other));
    }

    #[test]
    fn what_is_gathered_says_at_any_moment_what_is_absorbed_at_once(
        events in prop::collection::vec((0u8..20, 0u8..6, any::<bool>(), 0i64..40_000), 0..60),
        objects in prop::collection::vec(0usize..4, 60),
    ) {
        // Of many kinds few repeat and wait.
        let kinds = |what| if what > 6 { what % 2 } else { what };
        let events: Vec<_> = events.into_iter().map(|(what, who, w, time)| (kinds(what), who, w, time)).collect();
        let records = records(&events);
        let (mut at_once, mut gathered) = (Watch::new(Estate::default()), Watch::new(Estate::default()));
        let (mut rest, mut delivered) = (records.as_slice(), Timestamp(0));
        // The times have no order, so that hours are closed before the last of their events come.
        for number in objects {
            let (part, later) = rest.split_at(number.min(rest.len()));
            rest = later;
            let outcome = object(part, &Estate::default(), &Filter::default());
            delivered = delivered.max(outcome.span.map_or(delivered, |span| span.end.plus(-1_800)));
            at_once.absorb(outcome.clone());
            gathered.gather(outcome);
            at_once.advance(delivered);
            gathered.advance(delivered);
        }
        gathered.settle();
        prop_assert_eq!(gathered.save().unwrap(), at_once.save().unwrap());
        prop_assert_eq!(shown(&gathered), shown(&at_once));
        prop_assert_eq!(gathered.summary(), at_once.summary());
    }

    #[test]
    fn states_are_semilattices(events in events(), cuts: [u8; 2]) {
        let records = records(&events);
        laws::check(&records, cuts, |records| {
            object(records, &Estate::default(), &Filter::default()).delta.into_states()
        })?;
    }

    #[test]
    fn a_watch_that_joins_what_another_has_stored_knows_what_both_saw(events in events(), cut: usize) {
        let records = records(&events);
        let (before, after) = records.split_at(cut % (records.len() + 1));
        let (earlier, mut later) = (watch_of(before, &[]), watch_of(after, &[]));
        let mut stored = States::default();
        for entity in earlier.states().ids() {
            stored.merge_stored(&entity, &earlier.states().encode(&entity).unwrap().unwrap()).unwrap();
        }
        later.join(&stored);
        let whole = watch_of(&records, &[]);
        prop_assert_eq!(later.states(), whole.states());
        let said: std::collections::BTreeSet<String> = earlier.findings().into_iter().chain(later.findings()).map(|f| f.id).collect();
        for finding in whole.findings() {
            prop_assert!(said.contains(&finding.id), "{:#?}", finding);
        }
    }

    #[test]
    fn more_evidence_never_takes_the_id_of_an_act_away(events in events(), cut: usize) {
        let records = records(&events);
        let part = watch_of(&records[..cut % (records.len() + 1)], &[]);
        let all = watch_of(&records, &[]);
        // Findings about single acts, whose ids rest on the key and the event alone.
        for finding in part.findings() {
            if ["key_disabled", "key_deletion_scheduled"].contains(&finding.detector)
                && !finding.title.contains("was deleted")
            {
                prop_assert!(all.findings().iter().any(|other| other.id == finding.id), "{:#?}", finding);
            }
        }
    }

    #[test]
    fn no_placeholder_is_left_and_every_finding_has_evidence(events in events()) {
        for finding in watch_of(&records(&events), &[]).findings() {
            prop_assert!(!serde_json::to_string(&finding).unwrap().contains("{key}"), "{:#?}", finding);
            prop_assert!(finding.evidence.count > 0 && !finding.evidence.event_ids.is_empty());
            prop_assert_eq!(Some(finding.time), finding.evidence.span());
            prop_assert!(!finding.title.is_empty() && !finding.explanation.is_empty());
            prop_assert!(!finding.runbook.is_empty());
            prop_assert!(!finding.account.is_empty());
        }
    }
}

#[test]
fn two_accounts_copies_of_an_act_are_one_finding_in_either_order() {
    let stop = cloudtrail("StopLogging").set("sharedEventID", "shared-1");
    let copies = [stop.clone().id("b").text(), stop.in_log_of("000000000001").id("a").text()];
    let [mut one, mut other] = [Watch::new(Estate::default()), Watch::new(Estate::default())];
    for copy in &copies {
        one.absorb(object(std::slice::from_ref(copy), &Estate::default(), &Filter::default()));
    }
    for copy in copies.iter().rev() {
        other.absorb(object(std::slice::from_ref(copy), &Estate::default(), &Filter::default()));
    }
    assert_eq!(one.findings().len(), 1);
    assert_eq!(one.findings()[0].evidence.count, 1);
    // The caller's copy tells who.
    assert_eq!(one.findings()[0].account, ACCOUNT);
    assert_eq!(shown(&one), shown(&other));
}

#[test]
fn a_detector_that_is_off_says_nothing() {
    let records = [kms("DisableKey"), cloudtrail("StopLogging")];
    let mut settings = Settings::default();
    assert_eq!(watch(&records, &settings).findings().len(), 2);
    settings.detectors.off = vec!["key_disabled".into()];
    let left: Vec<_> = watch(&records, &settings).findings().iter().map(|f| f.detector).collect();
    assert_eq!(left, ["trail_blinded"]);
    settings.detectors.off = vec!["trail_blinded".into()];
    let left: Vec<_> = watch(&records, &settings).findings().iter().map(|f| f.detector).collect();
    assert_eq!(left, ["key_disabled"]);
}

#[test]
fn a_finding_names_the_key_by_the_alias_that_any_event_teaches() {
    let disable = kms("DisableKey").at("2026-05-04T10:00:00Z");
    let taught = kms("GenerateDataKey")
        .at("2026-05-06T10:00:00Z")
        .set("requestParameters.keyId", "alias/payments")
        .resource(0, KEY);
    let watch = watch(&[disable, taught], &Settings::default());
    let finding = &watch.findings()[0];
    assert_eq!(finding.title, "alias/payments was disabled");
    assert_eq!(finding.key.as_ref().unwrap().aliases, ["alias/payments"]);
}

#[test]
fn an_alias_that_was_moved_names_only_its_new_key() {
    let create = kms("CreateAlias").at("2026-05-04T10:00:00Z");
    let update = kms("UpdateAlias").key(OTHER_KEY).at("2026-05-04T11:00:00Z");
    let disable = [KEY, OTHER_KEY].map(|key| kms("DisableKey").key(key).at("2026-05-05T10:00:00Z"));
    let [first, second] = disable;
    let watch = watch(&[create, update, first, second], &Settings::default());
    for finding in watch.findings().iter().filter(|finding| finding.detector == "key_disabled") {
        let key = finding.key.as_ref().unwrap();
        let expected: &[&str] = if key.arn == OTHER_KEY { &["alias/payments"] } else { &[] };
        assert_eq!(key.aliases, expected, "{}", key.arn);
    }
}

#[test]
fn a_key_named_only_by_an_alias_becomes_the_key_it_means() {
    let teach = kms("CreateAlias").at("2026-05-04T10:00:00Z");
    let refused = kms("Encrypt")
        .at("2026-05-05T10:00:00Z")
        .set("requestParameters.keyId", "alias/payments")
        .failed("DisabledException", "")
        .remove("resources");
    let watch = watch(&[teach, refused], &Settings::default());
    let findings = watch.findings();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].key.as_ref().unwrap().arn, KEY);
    assert_eq!(findings[0].key.as_ref().unwrap().aliases, ["alias/payments"]);
}

#[test]
fn a_finding_of_one_event_that_names_an_alias_is_about_the_key_it_means() {
    let teach = kms("CreateAlias").at("2026-05-04T10:00:00Z");
    let by_root = kms("Encrypt")
        .by_root(ACCOUNT)
        .set("requestParameters.keyId", "alias/payments")
        .remove("resources")
        .at("2026-05-05T10:00:00Z");
    let watch = watch(&[teach, by_root], &Settings::default());
    let findings = watch.findings();
    let finding = findings.iter().find(|finding| finding.detector == "root_use").unwrap();
    assert_eq!(finding.key.as_ref().unwrap().arn, KEY);
    assert_eq!(finding.key.as_ref().unwrap().aliases, ["alias/payments"]);
}

#[test]
fn a_deleted_alias_still_names_the_key_in_findings() {
    let records = [
        kms("CreateAlias").at("2026-05-04T10:00:00Z"),
        kms("DeleteAlias").at("2026-05-04T11:00:00Z").resource(0, KEY),
        kms("DisableKey").at("2026-05-04T12:00:00Z"),
    ];
    let watch = watch(&records, &Settings::default());
    assert!(watch.findings()[0].title.starts_with("alias/payments"));
    assert_eq!(watch.states().keys[KEY].aliases(), Vec::<String>::new());
}

/// Ten days of a busy role and a quiet one, with a burst and refusals at the end: (hours from the start, seconds).
fn rates() -> Vec<(i64, RecordBuilder)> {
    let start = 1_777_852_800;
    let at = |record: RecordBuilder, seconds: i64| {
        let id = format!("{}-{seconds}", if record.text().contains("errorCode") { "d" } else { "e" });
        (seconds, record.at(&Timestamp(start + seconds).to_string()).id(&id))
    };
    let mut records = Vec::new();
    for hour in (0..10 * 24).filter(|hour| (8..18).contains(&(hour % 24))) {
        for n in 0..1 + hour % 3 {
            records.push(at(kms("Decrypt"), hour * 3_600 + n * 700));
        }
    }
    for n in 0..40 {
        let key = format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{n:012}");
        records.push(at(kms("Decrypt").key(&key), (9 * 24 + 21) * 3_600 + n * 61));
        records.push(at(kms("Decrypt").denied().key(&key), (9 * 24 + 22) * 3_600 + n * 61));
    }
    records
}

/// A watch told of the records as they are delivered: each so many seconds after its time, in objects of five minutes
/// that hold them in the order of `keys`, some of them twice.
fn delivered(delays: &[u16], keys: &[u32], twice: &[usize]) -> Watch {
    let of = |list: &[u32], at: usize| list.get(at % list.len().max(1)).copied().unwrap_or_default();
    let mut objects: BTreeMap<i64, Vec<(u32, String)>> = BTreeMap::new();
    for (at, (time, record)) in rates().into_iter().enumerate() {
        let delay = i64::from(delays.get(at % delays.len().max(1)).copied().unwrap_or_default());
        let stamp = (time + delay).div_euclid(300) + 1;
        let text = record.text();
        if twice.contains(&at) {
            // Again within the hour, or much later.
            let again = stamp + i64::from(delays.first().copied().unwrap_or_default() % 500);
            objects.entry(again).or_default().push((of(keys, at + 1), text.clone()));
        }
        objects.entry(stamp).or_default().push((of(keys, at), text));
    }
    let mut watch = Watch::new(Estate::default());
    for (stamp, mut records) in objects {
        records.sort();
        let records: Vec<String> = records.into_iter().map(|(_, record)| record).collect();
        for part in records.chunks(7) {
            watch.absorb(object(part, &Estate::default(), &Filter::default()));
        }
        watch.advance(Timestamp(1_777_852_800 + stamp * 300));
    }
    watch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn rates_depend_neither_on_order_nor_on_repetition_within_the_horizon(
        delays in prop::collection::vec(0u16..3_300, 1..40),
        keys in prop::collection::vec(any::<u32>(), 1..40),
        twice in prop::collection::vec(0usize..280, 0..40),
    ) {
        let end = Timestamp(1_777_852_800 + 12 * 86_400);
        let mut plain = delivered(&[0], &[0], &[]);
        let mut other = delivered(&delays, &keys, &twice);
        for watch in [&mut plain, &mut other] {
            // Before the last hours are closed, what is said of them is said already.
            let before: Vec<String> = watch.findings().into_iter().map(|finding| finding.id).collect();
            watch.advance(end);
            let after: Vec<String> = watch.findings().into_iter().map(|finding| finding.id).collect();
            prop_assert_eq!(&before, &after);
            prop_assert_eq!(watch.summary().late, 0);
        }
        prop_assert_eq!(plain.states(), other.states());
        prop_assert_eq!(serde_json::to_string(plain.states()).unwrap(), serde_json::to_string(other.states()).unwrap());
        prop_assert_eq!(shown(&plain), shown(&other));
        // One actor within a day is one finding.
        let found: Vec<&str> = plain.findings().iter().map(|finding| finding.detector).collect();
        prop_assert_eq!(&found, &["unusual_rate"]);
        prop_assert!(plain.findings()[0].explanation.contains("denied"), "{}", plain.findings()[0].explanation);
    }
}

/// The watch as it is after it was stored and read again: States item by item, the clock, the judge.
fn stored_and_resumed(watch: &Watch) -> Watch {
    let mut states = States::default();
    for entity in watch.states().ids() {
        states.merge_stored(&entity, &watch.states().encode(&entity).unwrap().unwrap()).unwrap();
    }
    let clock = serde_json::from_str(&serde_json::to_string(&watch.clock()).unwrap()).unwrap();
    let judge = Judge::restore(&watch.judge().store().unwrap()).unwrap();
    assert!(judge == *watch.judge());
    Watch::resumed(watch.estate().clone(), states, clock, judge)
}

#[test]
fn a_watch_that_is_stored_again_and_again_says_what_one_that_never_stopped_says() {
    let records = rates();
    let mut whole = Watch::new(Estate::default());
    let mut stopped = Watch::new(Estate::default());
    for (at, part) in records.chunks(9).enumerate() {
        let texts: Vec<String> = part.iter().map(|(_, record)| record.text()).collect();
        let delivered = Timestamp(1_777_852_800 + part.iter().map(|(time, _)| time).max().unwrap());
        for watch in [&mut whole, &mut stopped] {
            watch.absorb(object(&texts, &Estate::default(), &Filter::default()));
            watch.advance(delivered);
        }
        if at % 3 == 0 {
            stopped = stored_and_resumed(&stopped);
        }
    }
    assert!(!whole.findings().is_empty());
    assert_eq!(shown(&whole), shown(&stopped));
    assert_eq!(whole.states(), stopped.states());
    assert!(whole.judge() == stopped.judge());
}

#[test]
fn closing_the_same_hours_of_the_same_states_again_changes_nothing() {
    let settings = Settings::default();
    let watch = watch(&rates().into_iter().map(|(_, record)| record).collect::<Vec<_>>(), &settings);
    let open = rates::OpenHours::of(watch.states());
    let [mut first, mut again] = [watch.states().clone(), watch.states().clone()];
    let mut judge = Judge::default();
    rates::close(open.clone(), &mut first, &mut judge, &settings, &|_| Vec::new());
    let once = judge.clone();
    // The judge was stored, the States were not: somebody begins anew.
    rates::close(open, &mut again, &mut judge, &settings, &|_| Vec::new());
    assert!(judge == once);
    assert_eq!(first, again);
    assert!(!judge.episodes().is_empty());
}

#[test]
fn what_comes_after_its_hour_was_closed_is_counted_as_late() {
    let mut watch = delivered(&[0], &[0], &[]);
    watch.advance(Timestamp(1_777_852_800 + 20 * 86_400));
    let before = watch.states().clone();
    let late = kms("Decrypt").at("2026-05-12T10:20:00Z").id("late").text();
    watch.absorb(object(std::slice::from_ref(&late), &Estate::default(), &Filter::default()));
    watch.absorb(object(&[late], &Estate::default(), &Filter::default()));
    assert_eq!(watch.summary().late, 1);
    let baseline = |states: &States| states.principals[crate::event::testing::ROLE].baseline.clone();
    assert_eq!(baseline(watch.states()), baseline(&before));
}

#[test]
fn an_event_of_the_future_closes_nothing() {
    let mut watch = delivered(&[0], &[0], &[]);
    let future = kms("Decrypt").at("2036-01-01T00:00:00Z").id("future").text();
    watch.absorb(object(&[future], &Estate::default(), &Filter::default()));
    watch.advance(Timestamp(1_777_852_800 + 10 * 86_400));
    let next = kms("Decrypt").at("2026-05-14T00:20:00Z").id("next").text();
    watch.absorb(object(&[next], &Estate::default(), &Filter::default()));
    assert_eq!(watch.summary().late, 0);
}
