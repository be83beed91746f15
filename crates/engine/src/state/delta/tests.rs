use super::*;
use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
use crate::json::Text;
use crate::state::Merge;
use proptest::prelude::*;

/// A record of one of the kinds that repeat, or do not; of each there are sessions.
fn record(what: u8, who: u8, how: u8, time: i64, session: u8) -> RecordBuilder {
    let alias = format!("alias/a{}", who % 2);
    let secret = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:s{who}");
    let record = match what % 12 {
        0 => kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", secret),
        1 => kms("Decrypt").set("requestParameters.encryptionContext.tenant", "t"),
        10 => kms("Decrypt").remove("requestParameters.encryptionContext"),
        11 => kms("Encrypt").set("requestParameters.encryptionContext", serde_json::json!({})),
        2 => kms("GenerateDataKey").set("requestParameters.keyId", alias),
        3 => kms("DescribeKey"),
        4 => kms("GenerateRandom"),
        5 => kms("ReEncrypt"),
        6 => kms("Decrypt").denied(),
        7 => kms("Decrypt").set("requestParameters.dryRun", true),
        8 => kms("DisableKey"),
        _ => kms("Sign"),
    };
    let record = match how % 8 {
        0 => record.key(OTHER_KEY),
        1 => record.set("sourceIPAddress", "198.51.100.7"),
        2 => record.set("userAgent", "Boto3/1.40").set("tlsDetails.tlsVersion", "TLSv1.2"),
        3 => record.set("awsRegion", "us-east-1").set("tlsDetails.keyExchange", "x25519"),
        4 => record.set("recipientAccountId", "444455556666"),
        5 => record.set("sharedEventID", "shared"),
        6 => record.through("secretsmanager"),
        _ => record,
    };
    let record = record.by_role(ACCOUNT, "payments", &format!("i-{}", session % 4));
    let record = match session / 4 {
        0 => record.set("userIdentity.accessKeyId", "ASIAEXAMPLE").set("sourceIPAddress", "203.0.113.9"),
        _ => record,
    };
    record.at(&Timestamp(time).to_string())
}

fn one_by_one(records: &[RecordBuilder]) -> States {
    let mut states = States::default();
    records.iter().for_each(|record| record.event(|event| states.observe(event, &Estate::default())));
    states
}

fn grouped(records: &[RecordBuilder], patterns: &mut Patterns) -> Delta {
    let mut delta = Delta::default();
    for record in records {
        record.event(|event| delta.observe(event, &Estate::default(), patterns));
    }
    delta
}

fn one_behind_the_other(deltas: &[Delta]) -> Delta {
    let mut all = Delta::default();
    deltas.iter().for_each(|delta| all.append(&mut delta.clone()));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn groups_say_what_their_events_say_one_by_one(
        kinds in prop::collection::vec((0u8..12, 0u8..3, 0u8..8), 1..6),
        events in prop::collection::vec((any::<prop::sample::Index>(), 0i64..9_000, 0u8..30, 0u8..8), 0..60),
        cut: usize,
    ) {
        let records: Vec<RecordBuilder> = events
            .iter()
            .map(|(kind, time, id, session)| {
                let (what, who, how) = *kind.get(&kinds);
                let id = match id % 2 {
                    0 => format!("e{id}"),
                    _ => format!("{id:02}34abcd-12ab-34cd-56ef-1234567890ab"),
                };
                // Coarse, so that events of one second meet.
                record(what, who, how, 1_777_889_742 + time / 30 * 30, *session).id(&id)
            })
            .collect();
        let expected = one_by_one(&records);
        let mut patterns = Patterns::default();
        let (earlier, later) = records.split_at(cut % (records.len() + 1));
        let deltas = [earlier, later, later].map(|part| grouped(part, &mut patterns));
        let mut absorbed = States::default();
        let mut open = Vec::new();
        for mut delta in deltas.clone() {
            let rare = delta.take_rare();
            absorbed.merge(&rare);
            open.extend(rare.principals.keys().map(|id| (id.clone(), None)));
            let opened = absorbed.absorb_groups(&delta);
            open.extend(opened.principals.into_iter().map(|(id, hour)| (id, Some(hour))));
        }
        prop_assert_eq!(&absorbed, &expected);
        let mut together = States::default();
        let mut waiting = deltas.clone();
        waiting.iter_mut().for_each(|delta| together.merge(&delta.take_rare()));
        together.absorb_groups(&one_behind_the_other(&waiting));
        prop_assert_eq!(&together, &expected);
        let mut merged = States::default();
        deltas.into_iter().for_each(|delta| merged.merge(&delta.into_states()));
        prop_assert_eq!(&merged, &expected);
        for (id, state) in &expected.principals {
            for hour in state.baseline.open_hours() {
                prop_assert!(open.contains(&(id.clone(), Some(hour))) || open.contains(&(id.clone(), None)));
            }
        }
    }
}

#[test]
fn events_that_differ_in_id_time_resource_and_session_alone_are_one_group() {
    let records: Vec<RecordBuilder> =
        (0..50).map(|n| record(0, n * 4, 7, 1_777_889_742, n).id(&format!("e{n}"))).collect();
    let mut patterns = Patterns::default();
    let delta = grouped(&records, &mut patterns);
    assert_eq!((delta.groups.len(), delta.rows.len()), (1, 50));
    let again = grouped(&records, &mut patterns);
    let mut groups = 0;
    each_group(&one_behind_the_other(&[delta, again]), true, |_, occurrences, _| {
        groups += 1;
        assert_eq!(occurrences.all.len(), 100);
    });
    assert_eq!(groups, 1);
    assert_eq!(grouped(&[kms("Decrypt").denied()], &mut patterns).groups.len(), 0);
}

#[test]
fn of_two_tales_of_one_act_the_same_is_kept_as_one_by_one() {
    let tale = |session| record(0, 0, 7, 1_777_889_742, session).id("e1");
    for sessions in [[1, 2, 3], [3, 2, 1], [2, 2, 1]] {
        let records = sessions.map(tale);
        let expected = one_by_one(&records);
        assert_eq!(grouped(&records, &mut Patterns::default()).into_states(), expected);
        let deltas = records.map(|one| grouped(&[one], &mut Patterns::default()));
        let mut together = States::default();
        together.absorb_groups(&one_behind_the_other(&deltas));
        assert_eq!(together, expected);
    }
}

#[test]
fn however_many_events_and_patterns_come_what_waits_is_bounded() {
    let mut patterns = Patterns::default();
    let mut delta = Delta::default();
    let mut expected = States::default();
    kms("Decrypt").key(KEY).event(|event| {
        let mut event = event.clone();
        for n in 0..(Delta::EVENTS + 5_000) {
            event.id = Text::Owned(format!("e{n}"));
            // As many names as events at first, then one.
            let name = if n < 3 * Delta::GROUPS { n } else { 0 };
            event.principal.via_service = Some(Text::Owned(format!("s{name}")));
            event.caller.user_agent = Some(Text::Owned("x".repeat(1_000)));
            delta.observe(&event, &Estate::default(), &mut patterns);
            expected.observe(&event, &Estate::default());
            assert!(delta.groups.len() <= Delta::GROUPS && delta.rows.len() <= Delta::EVENTS);
            assert!(delta.text.len() + delta.pattern_bytes < Delta::TEXT + 20_000);
            let held: usize = delta.groups.iter().map(|group| group.pattern.bytes()).sum();
            assert_eq!(delta.pattern_bytes, held);
        }
    });
    assert_eq!(patterns.places.places.len(), Patterns::PLACES);
    assert_eq!(delta.into_states(), expected);
}

#[test]
fn long_ids_go_by_the_slow_way() {
    let mut patterns = Patterns::default();
    let record = kms("Decrypt").id(&"x".repeat(Delta::LONGEST + 1));
    let delta = grouped(std::slice::from_ref(&record), &mut patterns);
    assert!(delta.groups.is_empty());
    assert_eq!(delta.into_states(), one_by_one(&[record]));
}
