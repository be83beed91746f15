//! # Account fell silent
//!
//! An account that always had KMS events in a Region has none any more, while logs of others still come.
//!
//! ## What it finds
//!
//! Accounts and Regions without a single KMS call that succeeded, for far longer than ever before.
//!
//! ## Why it matters
//!
//! Somebody who leaves KMS out of a log, or stops a trail, does so before the calls that nobody shall see. `trail_blinded`
//! finds the change itself, if its record arrives; this finds what follows, also where the change was made elsewhere.
//!
//! ## How it decides
//!
//! Every hour is held against the rhythm of that account and Region: silent hours are those that are over, by the clock
//! of deliveries, and in which nothing succeeded. A log that comes late says nothing of the hours after its records: in a
//! replay some record of any service must be later than the silence. *Medium* as soon as the silence lasts 6 hours at least, and more than
//! twice as long as any before it, of those in the last eight weeks (of somebody who is always heard; in longer if not).
//! Weekends and nights are silences before it, so they need no calendar. It is told of accounts that were heard in 50 hours
//! at least, over 14 days.
//!
//! ## False positives
//!
//! A workload that was stopped or moved to another Region; long holidays of an account in which only people work.
//!
//! ## What it cannot see
//!
//! A log in which everything ceases: then no clock goes on, and an alarm on the silence of the pipeline has to tell
//! (`SilentHours`). Accounts that are new, or seldom heard. Part of the events left out while others still come.
//!
//! ## What to do
//!
//! See in Event history, which does not depend on trails, whether KMS is still called in that account and Region. If it is,
//! look at the trail's selectors and at the delivery to its bucket.
//!
//! ## References
//!
//! * CloudTrail user guide, "Logging management events"
//! * MITRE ATT&CK T1562.008, Disable or Modify Cloud Logs

use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook::{aws, look_up};
use crate::state::{AccountState, Heard};
use crate::time::{DAY, HOUR, Timestamp};

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "account_fell_silent",
    title: "Account fell silent",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    // Most silences are a workload that was stopped; with a key that was deleted it must not make a critical incident.
    stage: None,
    mitre: &[Technique { id: "T1562.008", name: "Impair Defenses: Disable or Modify Cloud Logs" }],
    covers: &["N2"],
    reads: Reads::All,
    page: page(include_str!("account_fell_silent.rs")),
    look: Look::Clock(judge),
};

/// Hours that a silence must last: delivery is seldom so late.
const LEAST: i64 = 6;
/// So many times the longest silence before it.
const TIMES: i64 = 2;
/// Hours in which something was heard, and the days over which, that make a rhythm.
const RHYTHM_HOURS: usize = 50;
const RHYTHM_DAYS: i64 = 14;

fn judge(account: &str, state: &AccountState, closed: i64, _: &Estate, found: &mut Vec<Finding>) {
    for (region, heard) in state.heard.iter() {
        if let Some(longest) = is_silent(heard, closed)
            && let Some((last, event_id)) = heard.last()
        {
            found.push(silent((account, region), (*last, event_id), longest));
        }
    }
}

/// Whether nothing was heard for too long when the hour `closed` is over; then the longest silence before.
fn is_silent(heard: &Heard, closed: i64) -> Option<i64> {
    let (first, last) = (heard.hours().first()?, heard.hours().last()?);
    let longest = heard.longest_silence();
    let rhythm = heard.hours().len() >= RHYTHM_HOURS && last - first >= RHYTHM_DAYS * DAY / HOUR;
    (rhythm && closed - last >= least(longest)).then_some(longest)
}

/// From how many silent hours on it is a finding.
fn least(longest: i64) -> i64 {
    LEAST.max(longest.saturating_mul(TIMES).saturating_add(1))
}

/// Whether what was heard since takes the finding back: calls that came late, out of hours that were silent.
pub(crate) fn is_taken_back(finding: &Finding, state: &AccountState) -> bool {
    let (from, to) = (finding.time.start.hour(), finding.time.end.hour());
    let of_region = state.heard.iter().filter(|(region, _)| **region == finding.region);
    of_region.flat_map(|(_, heard)| heard.hours()).any(|hour| (from + 1..to).contains(hour))
}

fn silent((account, region): (&str, &str), (last, event_id): (Timestamp, &str), longest: i64) -> Finding {
    let since = (last.hour() + 1) * HOUR;
    let mut finding = finding::of_key(&DETECTOR, "", &[account, region, &since.to_string()]);
    finding.evidence.add(last, event_id);
    // To the moment from which it was a finding, so that it says the same for as long as it lasts.
    finding.time = Span { start: last, end: Timestamp(since + least(longest) * HOUR) };
    finding.account = account.to_owned();
    finding.region = region.to_owned();
    finding.title = format!("No KMS events of account {account} in {region} any more");
    finding.explanation = format!(
        "The last call of KMS that succeeded in account {account} and Region {region} was at {last}. Since then logs of \
         others have come, and none of it for {} hours and more; before, it was never silent for more than {longest}. \
         Either nothing there uses KMS any more, or it is no longer logged.",
        least(longest)
    );
    finding.evidence.expected = Some(longest as f64);
    finding.evidence.observed = Some(least(longest) as f64);
    let start = last.to_string();
    let times = [("start-time", start.as_str()), ("region", region)];
    finding.runbook = vec![
        format!(
            "See in that account whether KMS is still called, in Event history: {}",
            look_up("EventSource", "kms.amazonaws.com", &times)
        ),
        format!("See what its trails log: {}", aws("cloudtrail describe-trails", &[("region", region)])),
        format!(
            "See whether trails were changed: {}",
            look_up("EventSource", "cloudtrail.amazonaws.com", &times)
        ),
    ];
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::{Filter, Watch, Worker};

    /// Midnight, a Monday.
    const START: i64 = 1_777_852_800;

    fn at(hour: i64) -> RecordBuilder {
        let time = Timestamp(START + hour * HOUR + 120).to_string();
        kms("Decrypt").id(&format!("e{hour}")).at(&time)
    }

    /// Delivers records in this hour, and with them one of another service, of the hour before.
    fn deliver(watch: &mut Watch, records: &[RecordBuilder], hour: i64) {
        let mut records: Vec<String> = records.iter().map(RecordBuilder::text).collect();
        let other =
            at(hour - 1).set("eventSource", "ec2.amazonaws.com").set("eventName", "DescribeInstances");
        records.push(other.text());
        deliver_alone(watch, &records, hour);
    }

    fn deliver_alone(watch: &mut Watch, records: &[String], hour: i64) {
        deliver_through(&Filter::default(), watch, records, hour);
    }

    fn deliver_through(filter: &Filter, watch: &mut Watch, records: &[String], hour: i64) {
        let text = format!("{{\"Records\":[{}]}}", records.join(","));
        watch.absorb(Worker::default().process(text.as_bytes(), &Estate::default(), filter));
        watch.advance(Timestamp(START + hour * HOUR));
    }

    fn said(watch: &Watch) -> Vec<Finding> {
        let mut findings = watch.findings();
        findings.retain(|finding| finding.detector == DETECTOR.id);
        findings
    }

    /// Whether the account is silent at the delivery in hour `now`, after calls in these hours.
    fn is_silent_at(now: i64, hours: impl IntoIterator<Item = i64>) -> bool {
        let records: Vec<RecordBuilder> = hours.into_iter().map(at).collect();
        let mut watch = Watch::default();
        deliver(&mut watch, &records, now);
        !said(&watch).is_empty()
    }

    #[test]
    fn an_account_that_was_always_heard_is_silent_after_six_hours_and_the_horizon() {
        // The last hour is 479; hours 480 to 485 are over, and all of them delivered, at 487.
        assert!(is_silent_at(487, 0..480) && !is_silent_at(486, 0..480));
        let mut watch = Watch::default();
        deliver(&mut watch, &(0..480).map(at).collect::<Vec<_>>(), 490);
        let finding = said(&watch).remove(0);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, format!("No KMS events of account {ACCOUNT} in eu-west-1 any more"));
        assert_eq!(
            (finding.evidence.event_ids, finding.evidence.expected),
            (vec!["e479".to_owned()], Some(0.0))
        );
        assert!(finding.runbook[0].contains("--start-time") && finding.runbook[0].contains("eu-west-1"));
        assert_eq!(finding.time.end.0, START + 486 * HOUR);
    }

    #[test]
    fn twice_the_longest_silence_before_it_is_not_enough_and_an_hour_more_is() {
        // Office hours of five days a week: 61 silent hours from Friday 18:00 to Monday 07:00.
        let office = |hour: &i64| hour % 168 < 120 && (7..18).contains(&(hour % 24));
        let hours: Vec<i64> = (0..4 * 168).filter(office).collect();
        let then = hours.last().unwrap() + 2 * 61 + 1 + 2;
        assert!(is_silent_at(then, hours.clone()) && !is_silent_at(then - 1, hours));
    }

    #[test]
    fn without_a_rhythm_nothing_is_said() {
        // Too short a time, and too few hours.
        assert!(!is_silent_at(900, 0..336) && is_silent_at(900, 0..337));
        let sparse = |n: i64| (0..n).map(|n| n * 10);
        assert!(!is_silent_at(900, sparse(49)) && is_silent_at(900, sparse(50)));
    }

    #[test]
    fn while_no_log_comes_nobody_is_silent() {
        let mut watch = Watch::default();
        deliver(&mut watch, &(0..480).map(at).collect::<Vec<_>>(), 481);
        assert!(said(&watch).is_empty());
        // Not even once asked for findings again and again.
        assert!(said(&watch).is_empty());
    }

    #[test]
    fn a_log_that_comes_late_or_again_is_no_sign_of_silence() {
        let records: Vec<String> = (0..480).map(|hour| at(hour).text()).collect();
        let mut watch = Watch::default();
        deliver_alone(&mut watch, &records, 481);
        deliver_alone(&mut watch, &records[470..], 500);
        assert!(said(&watch).is_empty());
        // An empty log tells no more than that.
        deliver_alone(&mut watch, &[], 501);
        assert!(said(&watch).is_empty());
        deliver(&mut watch, &[], 502);
        assert_eq!(said(&watch).len(), 1);
    }

    #[test]
    fn what_a_filter_leaves_out_is_heard() {
        let other = at(500).set("recipientAccountId", "444455556666").text();
        let filter = Filter { accounts: vec![ACCOUNT.to_owned()], ..Filter::default() };
        let mut watch = Watch::default();
        let records: Vec<String> = (0..480).map(|hour| at(hour).text()).chain([other]).collect();
        deliver_through(&filter, &mut watch, &records, 501);
        assert_eq!(said(&watch).len(), 1);
    }

    #[test]
    fn who_knows_the_states_and_the_clock_alone_is_believed() {
        let records: Vec<String> = (0..480).map(|hour| at(hour).text()).collect();
        let mut before = Watch::default();
        deliver_alone(&mut before, &records, 481);
        let (states, judge) = (before.states().clone(), before.judge().clone());
        let mut watch = Watch::resumed(Estate::default(), states, before.clock(), judge);
        watch.advance(Timestamp(START + 490 * HOUR));
        assert_eq!(said(&watch).len(), 1);
    }

    #[test]
    fn a_silence_that_ends_stays_told_and_one_that_was_late_delivery_does_not() {
        let before: Vec<RecordBuilder> = (0..480).map(at).collect();
        let mut watch = Watch::default();
        deliver(&mut watch, &before, 490);
        assert_eq!(said(&watch).len(), 1);
        deliver(&mut watch, &[at(495)], 497);
        assert_eq!(said(&watch).len(), 1, "it was silent");
        deliver(&mut watch, &[at(483)], 498);
        assert!(said(&watch).is_empty(), "it was not");
    }

    #[test]
    fn regions_and_accounts_have_rhythms_of_their_own() {
        let there = |hour| at(hour).set("awsRegion", "us-east-1").id(&format!("there-{hour}"));
        let records: Vec<RecordBuilder> = (0..600).map(at).chain((0..480).map(there)).collect();
        let mut watch = Watch::default();
        deliver(&mut watch, &records, 600);
        let findings = said(&watch);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].region, "us-east-1");
    }

    #[test]
    fn refusals_are_not_heard() {
        let refused: Vec<RecordBuilder> = (480..600).map(|hour| at(hour).denied()).collect();
        let mut watch = Watch::default();
        deliver(&mut watch, &(0..480).map(at).chain(refused).collect::<Vec<_>>(), 600);
        assert_eq!(said(&watch).len(), 1);
    }

    #[test]
    fn what_is_after_the_end_of_what_was_asked_for_is_no_silence() {
        let records: Vec<RecordBuilder> = (0..480).map(at).collect();
        let mut watch = Watch::default().until(Some(Timestamp(START + 480 * HOUR)));
        deliver(&mut watch, &records, 700);
        assert!(said(&watch).is_empty());
    }
}
