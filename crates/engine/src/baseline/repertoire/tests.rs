use super::*;
use crate::event::testing::{KEY, RecordBuilder, kms};
use crate::state::laws;
use crate::time::{HOUR, Timestamp};
use proptest::prelude::*;

const START: i64 = 493_858;

fn at(hour: i64, second: i64) -> String {
    Timestamp((START + hour) * HOUR + second).to_string()
}

fn shown(record: &RecordBuilder) -> Vec<(Dimension, String)> {
    let mut repertoire = Repertoire::default();
    record.event(|event| {
        assert!(concerns_caller(event));
        repertoire.note_caller(event, &mut Kept::default());
    });
    let values = repertoire.open.iter().flat_map(|(_, shown)| &shown.values);
    values.map(|value| (value.dimension, value.name.to_string())).collect()
}

fn of(dimension: Dimension, record: &RecordBuilder) -> Vec<String> {
    shown(record).into_iter().filter(|(of, _)| *of == dimension).map(|(_, name)| name).collect()
}

#[test]
fn a_call_shows_where_with_what_and_on_what() {
    let expected = [
        (Dimension::Network, "203.0.113.0/24"),
        (Dimension::Agent, "aws-sdk-rust/1"),
        (Dimension::Region, "eu-west-1"),
        (Dimension::Account, "111122223333"),
        (Dimension::Operation, "Decrypt"),
        (Dimension::Key, KEY),
    ];
    assert_eq!(shown(&kms("Decrypt")), expected.map(|(dimension, name)| (dimension, name.to_owned())));
}

#[test]
fn a_service_in_between_shows_neither_network_nor_agent() {
    let through = kms("Decrypt").through("secretsmanager");
    assert!(of(Dimension::Network, &through).is_empty() && of(Dimension::Agent, &through).is_empty());
    assert_eq!(of(Dimension::Key, &through), [KEY]);
}

#[test]
fn services_and_what_is_no_call_are_left_out() {
    kms("Decrypt").by_service("s3").event(|event| assert!(!concerns_caller(event)));
    kms("DeleteKey").event(|event| assert!(!concerns_caller(event)));
    crate::event::testing::cloudtrail("StopLogging").event(|event| assert!(!concerns_caller(event)));
}

#[test]
fn a_network_is_wide_where_addresses_come_and_go() {
    let network = |ip: &str| of(Dimension::Network, &kms("Decrypt").set("sourceIPAddress", ip)).remove(0);
    assert_eq!(network("10.3.77.9"), "10.3.0.0/16");
    assert_eq!(network("198.51.100.200"), "198.51.100.0/24");
    assert_eq!(network("2001:db8:77:1::9"), "2001:db8:77::/48");
    assert_eq!(network("::ffff:198.51.100.7"), "198.51.100.0/24");
    let endpoint = kms("Decrypt").set("vpcEndpointId", "vpce-0123456789abcdef0");
    assert_eq!(of(Dimension::Network, &endpoint), ["vpce-0123456789abcdef0"]);
}

#[test]
fn sessions_and_small_updates_show_nothing_new() {
    let one = kms("Decrypt").by_role("111122223333", "app", "i-1").set("userAgent", "Boto3/1.34.1 md/x");
    let two = kms("Decrypt").by_role("111122223333", "app", "i-2").set("userAgent", "Boto3/1.35.9 md/y");
    assert_eq!(shown(&one), shown(&two));
}

#[test]
fn dry_runs_and_keys_of_others_are_operations_of_their_own() {
    let dry = kms("Decrypt").set("requestParameters.dryRun", true).failed("DryRunOperationException", "");
    assert_eq!(of(Dimension::Operation, &dry), ["a dry run of Decrypt"]);
    let foreign = KEY.replace("111122223333", "999988887777");
    let foreign = kms("Encrypt").key(&foreign);
    assert_eq!(of(Dimension::Operation, &foreign), ["Encrypt with a key of another account"]);
    assert_eq!(of(Dimension::Account, &foreign), ["999988887777"]);
}

#[test]
fn a_refused_call_shows_the_refusal_and_no_key() {
    let refused = kms("Decrypt").denied();
    assert!(of(Dimension::Key, &refused).is_empty());
    assert_eq!(of(Dimension::Refusal, &refused), [format!("Decrypt on {KEY}")]);
}

/// A principal that calls in `hours`, the n-th time from network `n`.
fn lived(hours: &[(i64, u8)]) -> Repertoire {
    let mut repertoire = Repertoire::default();
    for (hour, network) in hours {
        let ip = format!("198.51.{network}.7");
        let id = format!("{hour}-{network}");
        let record = kms("Decrypt").set("sourceIPAddress", ip).id(&id);
        record.at(&at(*hour, i64::from(*network))).event(|event| {
            repertoire.note_caller(event, &mut Kept::default());
        });
    }
    repertoire
}

fn close_until(repertoire: &mut Repertoire, hour: i64) -> Vec<ClosedShown> {
    let due: Vec<i64> = repertoire.open_hours().filter(|open| *open <= START + hour).collect();
    due.into_iter().filter_map(|hour| repertoire.close(hour)).collect()
}

#[test]
fn what_was_shown_before_is_not_new_and_is_taken_up_once() {
    let mut repertoire = lived(&[(0, 1), (1, 1), (1, 2), (2, 2)]);
    let new: Vec<usize> = close_until(&mut repertoire, 9).iter().map(|closed| closed.new.len()).collect();
    // Six values with the first call, the other network with the second hour.
    assert_eq!(new, [6, 1, 0]);
    assert_eq!(repertoire.habit().unwrap().active_hours(), 3);
    let before = repertoire.clone();
    repertoire.merge(&lived(&[(1, 1), (2, 9)]));
    assert_eq!(repertoire.close(START + 2), None);
    assert_eq!(repertoire, before);
}

#[test]
fn a_key_that_was_refused_and_then_works_is_told_apart() {
    let mut repertoire = lived(&[(0, 1)]);
    let note = |repertoire: &mut Repertoire, record: RecordBuilder, hour: i64| {
        let record = record.at(&at(hour, 5)).id(&format!("r{hour}"));
        record.event(|event| repertoire.note_caller(event, &mut Kept::default()));
        close_until(repertoire, hour).last().map(|closed| (closed.new.len(), closed.refused.len()))
    };
    let key = |n: i64| kms("Decrypt").key(&KEY.replace("1234abcd", &format!("0000000{n}")));
    note(&mut repertoire, key(1).denied(), 1);
    assert_eq!(note(&mut repertoire, key(2), 2).unwrap().1, 0);
    assert_eq!(note(&mut repertoire, key(1), 3).unwrap().1, 1);
    note(&mut repertoire, key(3).denied(), 4);
    assert_eq!(note(&mut repertoire, key(3), 4 + 49).unwrap().1, 0);
}

#[test]
fn made_up_values_push_nothing_out_that_came_before_in_the_hour() {
    let mut hours: Vec<(i64, u8)> = (0..=200).map(|network| (0, network)).collect();
    hours.reverse();
    let mut repertoire = lived(&hours);
    let closed = close_until(&mut repertoire, 0).remove(0);
    let networks: Vec<&str> =
        closed.shown.iter().filter(|v| v.dimension == Dimension::Network).map(|v| v.name.as_ref()).collect();
    assert_eq!(networks.len(), SHOWN);
    assert!(networks.contains(&"198.51.0.0/24") && networks.contains(&"198.51.31.0/24"));
    assert!(closed.is_cut);
}

#[test]
fn what_was_shown_longest_ago_is_forgotten_first() {
    let hours: Vec<(i64, u8)> = (0..100).map(|n| (i64::from(n) * 24, n)).collect();
    let mut repertoire = lived(&hours);
    close_until(&mut repertoire, 9_999);
    let known = repertoire.known.as_ref().unwrap();
    assert_eq!(known.values.iter().filter(|(of, ..)| *of == Dimension::Network).count(), KNOWN);
    repertoire.merge(&lived(&[(3_000, 99), (3_001, 0)]));
    let new: Vec<usize> = close_until(&mut repertoire, 9_999).iter().map(|closed| closed.new.len()).collect();
    assert_eq!(new, [0, 1]);
}

#[test]
fn a_usual_repertoire_is_small() {
    let mut repertoire = lived(&(0..500).map(|hour| (hour, (hour % 3) as u8)).collect::<Vec<_>>());
    close_until(&mut repertoire, 999);
    let bytes = serde_json::to_string(&repertoire).unwrap().len();
    assert!(bytes < 400, "{bytes}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn open_hours_are_a_semilattice(
        hours in prop::collection::vec((0i64..3, any::<u8>()), 0..50), cuts: [u8; 2],
    ) {
        laws::check(&hours, cuts, lived)?;
    }

    #[test]
    fn closed_and_open_parts_are_a_semilattice(
        hours in prop::collection::vec((0i64..30, 0u8..9), 1..40), a in 0i64..30, b in 0i64..30,
    ) {
        let closed = |until| {
            let mut repertoire = lived(&hours);
            close_until(&mut repertoire, until);
            repertoire
        };
        let (a, b, open) = (closed(a.min(b)), closed(a.max(b)), lived(&hours));
        let union = |x: &Repertoire, y: &Repertoire| { let mut x = x.clone(); x.merge(y); x };
        prop_assert_eq!(&union(&a, &b), &b);
        prop_assert_eq!(&union(&b, &a), &b);
        prop_assert_eq!(&union(&b, &b), &b);
        prop_assert_eq!(union(&union(&a, &open), &b), union(&a, &union(&open, &b)));
        prop_assert_eq!(&serde_json::from_str::<Repertoire>(&serde_json::to_string(&b).unwrap()).unwrap(), &b);
    }
}
