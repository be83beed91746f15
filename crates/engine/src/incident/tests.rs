//! What holds of incidents, on findings made by hand.

use super::*;
use crate::detectors;
use crate::finding::{self, Evidence};
use crate::time::{DAY, HOUR};
use proptest::prelude::*;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER: &str = "arn:aws:kms:eu-west-1:111122223333:key/99999999-12ab-34cd-56ef-1234567890ab";

/// A finding of `detector` by role `who` (empty: by nobody) on `key` (empty: on none), `hour` hours after the epoch.
fn finding(detector: &str, who: &str, key: &str, hour: i64, severity: Severity) -> Finding {
    let detector = detectors::ALL.iter().find(|known| known.id == detector).unwrap();
    let mut finding = finding::of_key(detector, key, &[who, key, &hour.to_string()]);
    let start = Timestamp(hour * HOUR);
    finding.evidence.add(start, &format!("{}-{who}-{hour}", detector.id));
    finding.time = Span { start, end: start };
    finding.account = "111122223333".to_owned();
    finding.severity = severity;
    finding.title = format!("{} by {who}", detector.title);
    finding.rests_on_foreign = vec!["999988887777".to_owned()];
    if !who.is_empty() {
        finding.principal = Some(Actor {
            id: format!("arn:aws:iam::111122223333:role/{who}"),
            kind: "role",
            ..Actor::default()
        });
    }
    finding
}

fn told(findings: impl IntoIterator<Item = Finding>) -> Vec<Member> {
    findings.into_iter().map(|finding| Member { finding, muted: false }).collect()
}

fn of(members: Vec<Member>, now: i64) -> Vec<Incident> {
    incidents(members, &Settings::default(), Timestamp(now * HOUR), &BTreeSet::new())
}

/// The only incident of these findings, as of an hour after the last.
#[track_caller]
fn only(findings: impl IntoIterator<Item = Finding>) -> Incident {
    let members = told(findings);
    let now = members.iter().map(|member| member.finding.time.end.hour()).max().unwrap() + 1;
    let mut incidents = of(members, now);
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    incidents.remove(0)
}

fn scheduled(who: &str, key: &str, hour: i64, final_hour: i64) -> Finding {
    let mut finding = finding("key_deletion_scheduled", who, key, hour, Severity::High);
    let end = Timestamp(final_hour * HOUR);
    finding.evidence.details.insert("window_days", 7.into());
    finding.evidence.details.insert("deletion_date", serde_json::json!(end));
    finding
}

fn combined(incident: &Incident) -> Vec<&'static str> {
    incident.combinations.iter().map(|found| found.id).collect()
}

#[test]
fn findings_of_one_actor_are_one_incident_up_to_the_window() {
    let at = |hour| finding("key_disabled", "a", &format!("{KEY}{hour}"), hour, Severity::High);
    assert_eq!(of(told([at(0), at(72)]), 100).len(), 1);
    assert_eq!(of(told([at(0), at(73)]), 100).len(), 2);
    assert_eq!(of(told([at(0), at(50), at(100)]), 100).len(), 1, "each is near the next");
}

#[test]
fn findings_about_one_key_are_one_incident_whoever_made_them() {
    let a = finding("key_disabled", "a", KEY, 0, Severity::High);
    let b = finding("key_policy_opened", "b", KEY, 1, Severity::High);
    let c = finding("key_disabled", "c", OTHER, 1, Severity::High);
    let incidents = of(told([a, b, c]), 2);
    let sizes: Vec<usize> = incidents.iter().map(|incident| incident.finding_count).collect();
    assert_eq!(sizes, [2, 1]);
    assert_eq!(incidents[0].principal_count, 2);
}

#[test]
fn two_sides_of_one_call_are_no_sequence() {
    let mut opened = finding("key_policy_opened", "a", KEY, 0, Severity::High);
    let mut locked = finding("key_policy_lockout", "a", KEY, 0, Severity::Critical);
    assert_eq!(combined(&only([opened.clone(), locked.clone()])), ["opened_then_destruction"]);
    for finding in [&mut opened, &mut locked] {
        finding.evidence = Evidence::default();
        finding.evidence.add(Timestamp(0), "the same");
    }
    assert!(combined(&only([opened, locked])).is_empty());
}

#[test]
fn copies_of_a_multi_region_key_are_one_key() {
    let arn = |region| format!("arn:aws:kms:{region}:111122223333:key/mrk-1234");
    let a = finding("key_disabled", "a", &arn("eu-west-1"), 0, Severity::High);
    let b = finding("key_disabled", "b", &arn("us-east-1"), 1, Severity::High);
    assert_eq!(of(told([a, b]), 2).len(), 1);
}

#[test]
fn statistics_of_different_principals_are_not_joined_by_a_key_that_they_share() {
    let rate = |who, hour| finding("unusual_rate", who, KEY, hour, Severity::Medium);
    assert_eq!(of(told([rate("a", 0), rate("b", 1)]), 2).len(), 2);
    // But a fact about the key joins both.
    let fact = finding("key_disabled", "c", KEY, 2, Severity::High);
    assert_eq!(of(told([rate("a", 0), rate("b", 1), fact]), 2).len(), 1);
}

/// Denials of so many principals, most unusual in hours from `hour` on, `each` in the same hour.
fn denials(n: i64, hour: i64, each: i64) -> Vec<Finding> {
    let one = |n: i64| {
        let mut finding = finding("unusual_denials", &format!("r{n}"), "", hour, Severity::High);
        let until = Timestamp((hour + n / each + 1) * HOUR);
        finding.evidence.details.insert("until", serde_json::json!(until));
        finding.runbook = vec![format!("Ask the owner of r{n}.")];
        finding
    };
    (0..n).map(one).collect()
}

#[test]
fn many_who_are_unusual_at_once_are_one_incident_with_one_cause() {
    let mut policy = finding("key_policy_opened", "r0", KEY, 0, Severity::High);
    policy.explanation = "It was opened.".into();
    let incident = only(denials(300, 1, 150));
    assert_eq!((incident.principal_count, incident.event_count), (300, 300));
    assert_eq!(incident.title, "300 principals were refused unusually often at the same time");
    assert_eq!(incident.alerts.len(), 1, "{:?}", incident.alerts);
    assert!(incident.steps[0].contains("AttributeValue=PutKeyPolicy"), "{:?}", incident.steps);
    assert!(incident.steps.len() < 4, "nobody asks three hundred owners");
    // What one of them has done beside stays in it, with its own steps and its own name.
    let incident = only(denials(5, 1, 5).into_iter().chain([policy]));
    assert!(incident.steps.iter().any(|step| step.contains("put-role-policy --role-name r0")));
    assert!(incident.why.iter().any(|why| why == "It was opened."), "{:?}", incident.why);
}

#[test]
fn a_few_who_are_unusual_at_once_or_many_one_after_another_are_no_crowd() {
    assert_eq!(of(told(denials(4, 1, 4)), 3).len(), 4);
    let apart = denials(20, 1, 1).into_iter().step_by(2);
    assert_eq!(of(told(apart), 30).len(), 10, "two hours lie between each two");
}

#[test]
fn an_aws_service_is_no_actor() {
    let by_service = |key, hour| {
        let mut finding = finding("unusual_rate", "x", key, hour, Severity::Medium);
        finding.principal = Some(Actor { id: "service:s3".into(), kind: "aws_service", ..Actor::default() });
        finding
    };
    assert_eq!(of(told([by_service(KEY, 0), by_service(OTHER, 1)]), 2).len(), 2);
}

#[test]
fn a_blinded_log_joins_a_destruction_by_somebody_else_in_its_account() {
    let blinded = finding("trail_blinded", "a", "", 0, Severity::High);
    let destroyed = finding("key_disabled", "b", KEY, 1, Severity::High);
    let incident = only([blinded.clone(), destroyed.clone()]);
    assert_eq!(combined(&incident), ["blinded_then_destruction"]);
    assert_eq!(incident.severity, Severity::Critical);
    let mut elsewhere = destroyed;
    elsewhere.account = "444455556666".to_owned();
    assert_eq!(of(told([blinded, elsewhere]), 2).len(), 2);
}

#[test]
fn each_combination_needs_its_order_and_its_tie() {
    use Severity::{High, Medium};
    let cases: [(&str, &str, &str); 9] = [
        ("opened_then_used", "key_policy_opened", "key_used_by_foreign_account"),
        ("foreign_key_then_destruction", "foreign_key_used", "key_disabled"),
        ("blinded_then_destruction", "trail_blinded", "key_disabled"),
        ("opened_then_destruction", "key_policy_opened", "key_disabled"),
        ("probing_then_destruction", "unusual_denials", "key_disabled"),
        ("destruction_felt", "key_disabled", "unusable_key_used"),
        ("blinded_then_opened", "trail_blinded", "key_policy_opened"),
        ("taking_then_opened", "unusual_rate", "key_policy_opened"),
        ("probing_then_taking", "unusual_denials", "unusual_rate"),
    ];
    for (id, first, then) in cases {
        let first_at = |hour| finding(first, "a", KEY, hour, Medium);
        let then_at = |hour| finding(then, "a", KEY, hour, Medium);
        let incident = only([first_at(0), then_at(1)]);
        assert!(combined(&incident).contains(&id), "{id}: {:?}", combined(&incident));
        assert!(incident.severity >= High, "{id}");
        assert_ne!(incident.title, then_at(1).title, "{id} gives the title");
        assert!(!incident.title.contains('{'), "{}", incident.title);
        let reversed = only([first_at(1), then_at(0)]);
        assert!(!combined(&reversed).contains(&id), "{id} the other way round");
    }
    let known: Vec<&str> =
        cases.iter().map(|(id, ..)| *id).chain(["root_destruction", "new_and_much"]).collect();
    assert!(COMBINATIONS.iter().all(|combination| known.contains(&combination.id)), "all are tested");
}

#[test]
fn combinations_without_order_need_two_different_stages() {
    let root = |hour| finding("root_use", "root", KEY, hour, Severity::High);
    let destroyed = |hour| finding("key_disabled", "root", KEY, hour, Severity::High);
    for pair in [[root(0), destroyed(1)], [destroyed(0), root(1)]] {
        assert_eq!(combined(&only(pair)), ["root_destruction"]);
    }
    assert!(combined(&only([root(0), root(1)])).is_empty());
    let novel = |hour| finding("unusual_first_use", "a", KEY, hour, Severity::Medium);
    let rate = |hour| finding("unusual_rate", "a", OTHER, hour, Severity::Medium);
    assert_eq!(combined(&only([novel(1), rate(0)])), ["new_and_much"]);
    assert!(combined(&only([rate(0), rate(1)])).is_empty());
}

#[test]
fn what_was_only_tried_is_probing_and_no_destruction() {
    let mut tried = finding("key_deletion_scheduled", "a", KEY, 0, Severity::Medium);
    tried.evidence.details.insert("denied", true.into());
    let incident = only([tried, finding("key_disabled", "a", OTHER, 1, Severity::High)]);
    assert_eq!(combined(&incident), ["probing_then_destruction"]);
    assert_eq!(incident.losses.len(), 1, "nothing was lost by trying");
}

#[test]
fn an_incident_alerts_when_it_opens_and_when_it_gets_worse_and_not_per_finding() {
    let mut findings = Vec::new();
    for hour in 0..10 {
        findings.push(finding("key_policy_opened", "a", &format!("{KEY}{hour}"), hour, Severity::Medium));
    }
    findings.push(finding("key_policy_opened", "a", "", 10, Severity::High));
    let incident = only(findings);
    let alerts: Vec<_> =
        incident.alerts.iter().map(|alert| (alert.kind, alert.at.hour(), alert.severity)).collect();
    assert_eq!(
        alerts,
        [(AlertKind::Opened, 0, Severity::Medium), (AlertKind::Escalated, 10, Severity::High)]
    );
    assert_eq!(incident.standing, Standing::Escalated);
}

#[test]
fn what_comes_after_a_quiet_time_is_an_alert_again() {
    let at = |hour| finding("unusual_rate", "a", KEY, hour, Severity::Medium);
    let incident = only([at(0), at(12), at(25)]);
    let alerts: Vec<_> =
        incident.alerts.iter().map(|alert| (alert.at.hour(), &*alert.reasons[0].id)).collect();
    assert_eq!(alerts, [(0, "opened"), (25, format!("resumed:{}", at(25).id).as_str())]);
}

#[test]
fn an_incident_is_quiet_after_a_while() {
    let members = || told([finding("key_disabled", "a", KEY, 0, Severity::High)]);
    assert_eq!(of(members(), 12)[0].standing, Standing::Open);
    assert_eq!(of(members(), 13)[0].standing, Standing::Quiet);
}

#[test]
fn a_key_declared_critical_makes_it_a_step_worse() {
    let mut settings = Settings::default();
    settings.estate.critical_keys = vec![KEY.to_owned()];
    let severity = |key, severity| {
        let members = told([finding("key_disabled", "a", key, 0, severity)]);
        let incident = incidents(members, &settings, Timestamp(HOUR), &BTreeSet::new()).remove(0);
        (incident.severity, combined(&incident).len(), incident.title)
    };
    let title = finding("key_disabled", "a", KEY, 0, Severity::High).title;
    assert_eq!(severity(KEY, Severity::High), (Severity::Critical, 1, title.clone()));
    assert_eq!(severity(KEY, Severity::Medium), (Severity::High, 1, title.clone()));
    assert_eq!(severity(KEY, Severity::Low), (Severity::Low, 0, title.clone()));
    assert_eq!(severity(OTHER, Severity::High), (Severity::High, 0, title));
}

#[test]
fn what_is_below_the_threshold_opens_an_incident_without_an_alert() {
    let incident = only([finding("key_disabled", "a", KEY, 0, Severity::Low)]);
    assert!(incident.alerts.is_empty());
}

#[test]
fn muting_silences_alerts_but_not_combinations() {
    let first = finding("unusual_denials", "a", "", 0, Severity::High);
    let then = finding("key_disabled", "a", KEY, 1, Severity::Medium);
    let muted = |which: [bool; 2]| {
        let members = [&first, &then].into_iter().zip(which);
        let members = members.map(|(finding, muted)| Member { finding: finding.clone(), muted }).collect();
        of(members, 2).remove(0)
    };
    let half = muted([true, false]);
    assert_eq!((half.severity, half.muted_count), (Severity::Critical, 1));
    assert_eq!(half.alerts.len(), 1, "at the destruction, not at the denials");
    assert_eq!(half.alerts[0].severity, Severity::Critical);
    let all = muted([true, true]);
    assert_eq!(combined(&all), ["probing_then_destruction"]);
    assert_eq!((all.severity, all.alerts.len()), (Severity::Info, 0));
}

#[test]
fn a_key_that_will_be_deleted_is_remembered_in_time_and_only_once_each() {
    let members = || told([scheduled("a", KEY, 0, 7 * 24)]);
    let reasons = |now| -> Vec<String> {
        let incident = of(members(), now).remove(0);
        incident.alerts.iter().flat_map(|alert| &alert.reasons).map(|reason| reason.id.clone()).collect()
    };
    let id = &members()[0].finding.id;
    assert_eq!(reasons(4 * 24 - 1), ["opened"]);
    assert_eq!(reasons(4 * 24), ["opened".to_owned(), format!("final_3d:{id}")]);
    assert_eq!(reasons(7 * 24).len(), 4);
    let loss = &of(members(), 5 * 24)[0].losses[0];
    assert_eq!((loss.fate, loss.days_left), (Fate::PendingDeletion, Some(2)));
    // Cancelled: nothing to remember.
    let mut cancelled = scheduled("a", KEY, 0, 7 * 24);
    cancelled.evidence.details.insert("cancelled", serde_json::json!({"at": Timestamp(HOUR)}));
    let incident = of(told([cancelled]), 8 * 24).remove(0);
    assert_eq!((incident.alerts.len(), incident.losses[0].fate), (1, Fate::Disabled));
}

#[test]
fn steps_are_merged_without_repeating_a_command() {
    let undo = "Stop the deletion: aws kms cancel-key-deletion --key-id k";
    let look = "See its state: aws kms describe-key --key-id k";
    let with = |mut finding: Finding, steps: &[&str]| {
        finding.runbook = steps.iter().map(|step| (*step).to_owned()).collect();
        finding
    };
    let several = finding("several_keys_destroyed", "a", "", 0, Severity::Critical);
    let incident = only([
        with(several, &["Cancel it: aws kms cancel-key-deletion --key-id k", look]),
        with(scheduled("a", KEY, 0, 200), &[undo, look, "Ask the owner."]),
        with(
            finding("unusual_rate", "a", OTHER, 0, Severity::High),
            &["Ask the owner.", "aws iam detach-role-policy x"],
        ),
    ]);
    let [first, second, cut_off, last] = incident.steps.as_slice() else { panic!("{:?}", incident.steps) };
    assert_eq!([first, second, last], [undo, "Ask the owner.", "aws iam detach-role-policy x"]);
    assert!(cut_off.contains("put-role-policy --role-name a"), "who did it is cut off: {cut_off}");
    assert_eq!(incident.look_further.iter().filter(|step| step.contains("describe-key")).count(), 1);
    assert!(incident.look_further[0].contains("lookup-events"), "{:?}", incident.look_further);
}

#[test]
fn what_lasts_for_ever_becomes_a_new_incident() {
    let findings = (0..30).map(|day| finding("unusual_rate", "a", KEY, day * 24, Severity::Medium));
    let incidents = of(told(findings), 30 * 24);
    let sizes: Vec<usize> = incidents.iter().map(|incident| incident.finding_count).collect();
    assert_eq!(sizes, [14, 14, 2]);
}

#[test]
fn an_id_given_out_stays_when_an_earlier_finding_comes_late() {
    let [early, first, then] =
        [0, 10, 20].map(|hour| finding("key_disabled", "a", KEY, hour, Severity::High));
    let settings = Settings::default();
    let run = |findings: &[&Finding], given_out: &BTreeSet<String>| {
        let members = told(findings.iter().copied().cloned());
        incidents(members, &settings, Timestamp(DAY), given_out)
    };
    let before = run(&[&first, &then], &BTreeSet::new()).remove(0).id;
    assert_ne!(run(&[&early, &first, &then], &BTreeSet::new())[0].id, before);
    let given_out = BTreeSet::from([before.clone()]);
    assert_eq!(run(&[&early, &first, &then], &given_out)[0].id, before);
}

#[test]
fn two_incidents_that_a_late_finding_joins_keep_the_earlier_id_and_name_the_other() {
    let [a, bridge, b] = [0, 60, 120].map(|hour| finding("key_disabled", "a", KEY, hour, Severity::High));
    let settings = Settings::default();
    let run = |findings: Vec<Finding>, given_out: &BTreeSet<String>| {
        incidents(told(findings), &settings, Timestamp(130 * HOUR), given_out)
    };
    let ids: Vec<String> =
        run(vec![a.clone(), b.clone()], &BTreeSet::new()).into_iter().map(|incident| incident.id).collect();
    assert_eq!(ids.len(), 2);
    let joined = run(vec![a, bridge, b], &ids.iter().cloned().collect()).remove(0);
    assert_eq!((joined.id, joined.joined), (ids[0].clone(), vec![ids[1].clone()]));
}

/// Findings of a small world: detector, actor, key, hour.
fn world() -> impl Strategy<Value = Vec<(usize, usize, usize, i64)>> {
    prop::collection::vec((0..detectors::ALL.len(), 0usize..4, 0usize..4, 0i64..400), 1..14)
}

fn build((detector, who, key, hour): (usize, usize, usize, i64)) -> Finding {
    let key = ["", KEY, OTHER, "arn:aws:kms:us-east-1:111122223333:key/mrk-1"][key];
    let severity = Severity::ALL[(detector + who) % 5];
    let mut finding = finding(detectors::ALL[detector].id, ["", "a", "b", "c"][who], key, hour, severity);
    if detectors::ALL[detector].id == "key_deletion_scheduled" && hour % 2 == 0 {
        finding = scheduled(["x", "a", "b", "c"][who], key, hour, hour + 168);
    }
    finding
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(world in world(), shuffle in any::<u64>()) {
        let findings: Vec<Finding> = world.into_iter().map(build).collect();
        let expected = of(told(findings.clone()), 400);
        let mut mixed: Vec<Finding> = findings.iter().chain(&findings).cloned().collect();
        let n = mixed.len();
        for at in 0..n {
            mixed.swap(at, (shuffle.rotate_left(at as u32 % 64) as usize) % n);
        }
        prop_assert_eq!(of(told(mixed), 400), expected);
    }

    #[test]
    fn evidence_split_over_workers_changes_nothing(world in world(), cut in 1usize..4) {
        let whole: Vec<Finding> = world.iter().copied().map(|seed| with_events(seed, 0..4)).collect();
        let parts = world.iter().copied().flat_map(|seed| [with_events(seed, 0..cut), with_events(seed, cut..4)]);
        prop_assert_eq!(of(told(parts.collect::<Vec<_>>()), 400), of(told(whole), 400));
    }

    #[test]
    fn every_finding_is_in_one_incident_and_ids_are_distinct(world in world()) {
        let findings: BTreeSet<String> = world.iter().copied().map(|seed| build(seed).id).collect();
        let incidents = of(told(world.into_iter().map(build)), 400);
        let told: Vec<String> =
            incidents.iter().flat_map(|incident| &incident.timeline).map(|step| step.finding.clone()).collect();
        prop_assert_eq!(told.len(), findings.len());
        prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), findings);
        let ids: BTreeSet<&str> = incidents.iter().map(|incident| incident.id.as_str()).collect();
        prop_assert_eq!(ids.len(), incidents.len());
    }

    #[test]
    fn ids_given_out_are_all_found_again_whatever_comes_late(world in world(), late in world()) {
        let before = of(told(world.iter().copied().map(build)), 400);
        let given_out: BTreeSet<String> = before.into_iter().map(|incident| incident.id).collect();
        let all = told(world.into_iter().chain(late).map(build));
        let after = incidents(all, &Settings::default(), Timestamp(400 * HOUR), &given_out);
        let known: BTreeSet<String> = after
            .iter()
            .flat_map(|incident| incident.joined.iter().chain([&incident.id]))
            .filter(|id| given_out.contains(*id))
            .cloned()
            .collect();
        prop_assert_eq!(known, given_out);
    }

    #[test]
    fn alerts_only_get_worse_and_their_reasons_are_distinct(world in world()) {
        for incident in of(told(world.into_iter().map(build)), 400) {
            let mut level = Severity::Info;
            let mut ids = BTreeSet::new();
            for alert in &incident.alerts {
                prop_assert!(alert.severity >= level);
                level = alert.severity;
                prop_assert!(alert.reasons.iter().all(|reason| ids.insert(reason.id.clone())), "{:?}", incident.alerts);
            }
            prop_assert!(incident.alerts.is_empty() || level == incident.severity);
            prop_assert!(incident.alerts.iter().filter(|alert| alert.kind == AlertKind::Opened).count() <= 1);
        }
    }
}

/// The finding with some of its four events.
fn with_events(seed: (usize, usize, usize, i64), events: std::ops::Range<usize>) -> Finding {
    let mut finding = build(seed);
    let details = std::mem::take(&mut finding.evidence.details);
    finding.evidence = Evidence::default();
    finding.evidence.details = details;
    for event in events {
        finding
            .evidence
            .add(Timestamp(seed.3 * HOUR + 600 * event as i64), &format!("{}-{event}", finding.id));
    }
    finding.time = finding.evidence.span().unwrap();
    finding
}
