//! Whether a trail writes all KMS events of all Regions to the bucket.

use crate::doctor::check::{Area, Check, Status};
use crate::doctor::facts::{Facts, Logs, Trail};
use kmswatch_engine::detectors::left_out_by;
use kmswatch_engine::runbook::aws;
use kmswatch_engine::time::{DAY, HOUR, Timestamp};
use serde_json::{Value, json};

const KMS: &str = "kms.amazonaws.com";

/// What the trails that write to the bucket log, and what they leave out.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let trails = match &facts.trails {
        Ok(trails) => trails,
        Err(refusal) => {
            return vec![Check::refused(
                Area::Trail,
                "trails",
                refusal,
                "See them: aws cloudtrail describe-trails",
            )];
        }
    };
    let Some(logs) = &facts.logs else {
        let names: Vec<&str> = trails.iter().map(|trail| trail.name.as_str()).collect();
        let says = format!(
            "Nobody says where the logs lie, so it is not known which trail counts (there are: {}). Name the bucket: \
             --logs s3://BUCKET/AWSLogs, or KMSWATCH_LOGS.",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
        return vec![Check::not_checked(Area::Trail, "trails", says)];
    };
    let ours: Vec<&Trail> = trails.iter().filter(|trail| trail.bucket == logs.bucket).collect();
    if ours.is_empty() {
        return vec![none(facts, trails, logs)];
    }
    let account = facts.caller.as_ref().map(|caller| caller.account.as_str()).unwrap_or_default();
    let judged: Vec<Vec<Check>> = ours.iter().map(|trail| judge(trail, logs, account, facts.now)).collect();
    // What one trail leaves out is no loss if another has it.
    let is_enough = judged.iter().any(|checks| checks.iter().all(|check| check.status == Status::Ok));
    let mut checks: Vec<Check> = judged.into_iter().flatten().collect();
    if is_enough {
        for check in checks.iter_mut().filter(|check| check.status == Status::Failed) {
            check.status = Status::Warning;
            check.says.push_str(" Another trail writes to the same bucket and has all of it.");
        }
    }
    checks
}

fn none(facts: &Facts, trails: &[Trail], logs: &Logs) -> Check {
    let others: Vec<&str> = trails.iter().map(|trail| trail.name.as_str()).collect();
    let bucket = &logs.bucket;
    let mut says = format!("No trail that is seen from here writes to the bucket {bucket}");
    if !others.is_empty() {
        says.push_str(&format!("; these write elsewhere: {}", others.join(", ")));
    }
    let delivered = facts.progress.as_ref().ok().and_then(|progress| progress.delivered);
    if delivered.is_some_and(|delivered| facts.now.since(delivered) < DAY) {
        says.push_str(
            ". Logs come all the same, so it belongs to another account: run this again with credentials of that one.",
        );
        return Check::not_checked(Area::Trail, "trails", says);
    }
    says.push('.');
    Check::failed(
        Area::Trail,
        "trails",
        says,
        "If the trail belongs to another account, such as the management account of the organisation, run this again with \
         credentials of that account.",
    )
    .step(format!(
        "Else deploy the stack with CreateTrail=true, or make one: {}",
        aws(
            "cloudtrail create-trail --is-multi-region-trail",
            &[("name", "kmswatch-trail"), ("s3-bucket-name", bucket)]
        )
    ))
    .step("Then switch it on: aws cloudtrail start-logging --name kmswatch-trail")
}

fn judge(trail: &Trail, logs: &Logs, account: &str, now: Timestamp) -> Vec<Check> {
    let owner = trail.arn.split(':').nth(4).unwrap_or_default();
    // An organisation's trail is seen by its members, and changed by its owner alone.
    let whose =
        if owner.is_empty() || owner == account { String::new() } else { format!("In account {owner}: ") };
    let command = |command: &str, name: &str, more: &[(&str, &str)]| {
        let options = [&[(name, trail.arn.as_str()), ("region", &trail.home_region)], more].concat();
        format!("{whose}{}", aws(command, &options))
    };
    let what = |of: &str| format!("{}: {of}", trail.name);
    let mut checks = vec![logging(trail, &what("logging"), now, &command)];
    if logs.prefix != trail.prefix {
        checks.push(
            Check::warning(
                Area::Trail,
                what("prefix"),
                format!(
                    "It writes below {:?} of the bucket, and the settings look below {:?}.",
                    trail.prefix, logs.prefix
                ),
            )
            .step("Deploy with LogPrefix as the trail has it; it is wrong in KMSWATCH_LOGS."),
        );
    }
    checks.push(if trail.is_multi_region {
        Check::ok(Area::Trail, what("Regions"), "It logs all Regions.")
    } else {
        Check::failed(
            Area::Trail,
            what("Regions"),
            format!("It logs {} alone: KMS calls in other Regions are not seen.", trail.home_region),
            format!(
                "Log all Regions: {}",
                command("cloudtrail update-trail --is-multi-region-trail", "name", &[])
            ),
        )
    });
    checks.push(events(trail, &what("KMS events"), &command));
    checks
}

type Command<'a> = dyn Fn(&str, &str, &[(&str, &str)]) -> String + 'a;

fn logging(trail: &Trail, what: &str, now: Timestamp, command: &Command<'_>) -> Check {
    let status = match &trail.status {
        Ok(status) => status,
        Err(refusal) => {
            let step = format!("See it: {}", command("cloudtrail get-trail-status", "name", &[]));
            return Check::refused(Area::Trail, what, refusal, step);
        }
    };
    if !status.is_logging {
        let start = command("cloudtrail start-logging", "name", &[]);
        return Check::failed(Area::Trail, what, "It is switched off.", format!("Switch it on: {start}"))
            .step(format!(
                "Find out who switched it off: {}",
                aws(
                    "cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=StopLogging",
                    &[("region", &trail.home_region)]
                )
            ));
    }
    if let Some(error) = status.delivery_error.as_ref().filter(|error| !error.is_empty()) {
        return Check::failed(
            Area::Trail,
            what,
            format!("It cannot write to the bucket {}: {error}.", trail.bucket),
            format!(
                "Let it: the bucket's policy (and the policy of the key that encrypts it) must allow \
                 cloudtrail.amazonaws.com: {}",
                aws("s3api get-bucket-policy", &[("bucket", &trail.bucket)])
            ),
        );
    }
    match status.delivered {
        None => Check::warning(Area::Trail, what, "It is switched on and has not delivered a log yet.")
            .step("A new trail takes up to a quarter of an hour. Then look again."),
        Some(delivered) if now.since(delivered) > DAY => Check::warning(
            Area::Trail,
            what,
            format!("It is switched on, and its last log came at {delivered}."),
        )
        .step("Nobody may have done anything. If that cannot be, look at the bucket's policy."),
        Some(delivered) => {
            let minutes = now.since(delivered).max(0) * 60 / HOUR;
            Check::ok(
                Area::Trail,
                what,
                format!("It is switched on; its last log came {minutes} minutes ago."),
            )
        }
    }
}

fn events(trail: &Trail, what: &str, command: &Command<'_>) -> Check {
    let selectors = match &trail.selectors {
        Ok(selectors) => selectors,
        Err(refusal) => {
            let step = format!("See them: {}", command("cloudtrail get-event-selectors", "trail-name", &[]));
            return Check::refused(Area::Trail, what, refusal, step);
        }
    };
    match left_out_by(selectors) {
        None => Check::not_checked(Area::Trail, what, "CloudTrail gives no selectors for this trail."),
        Some(left_out) if left_out.operations.is_empty() => {
            Check::ok(Area::Trail, what, "It logs all KMS events, those that read included.")
        }
        Some(left_out) => {
            let (option, fixed) = repaired(selectors);
            let put = command("cloudtrail put-event-selectors", "trail-name", &[(option, fixed.as_str())]);
            Check::failed(
                Area::Trail,
                what,
                format!("It leaves out {}.", left_out.words),
                format!("Log them, and all else as now: {put}"),
            )
        }
    }
}

/// The selectors with what is needed so that they take all events of KMS, and nothing else changed; with the option that
/// takes them.
fn repaired(selectors: &str) -> (&'static str, String) {
    let mut all: Value = serde_json::from_str(selectors).unwrap_or_default();
    if let Some(Value::Array(list)) = all.get_mut("AdvancedEventSelectors").filter(|list| list.is_array()) {
        let category = json!({"Field": "eventCategory", "Equals": ["Management"]});
        let is_management = |one: &Value| {
            let fields = one["FieldSelectors"].as_array();
            fields.is_some_and(|fields| fields.contains(&category))
        };
        list.retain(|one| !is_management(one));
        list.insert(0, json!({"Name": "All management events", "FieldSelectors": [category]}));
        return ("advanced-event-selectors", Value::Array(list.clone()).to_string());
    }
    let mut list = all.get("EventSelectors").and_then(Value::as_array).cloned().unwrap_or_default();
    if list.is_empty() {
        list.push(json!({}));
    }
    let manages = |one: &Value| one["IncludeManagementEvents"] != json!(false);
    let at = list.iter().position(manages).unwrap_or_default();
    if let Some(one) = list.get_mut(at) {
        one["ReadWriteType"] = json!("All");
        one["IncludeManagementEvents"] = json!(true);
        let sources = one["ExcludeManagementEventSources"].as_array().cloned().unwrap_or_default();
        one["ExcludeManagementEventSources"] = sources.into_iter().filter(|source| source != KMS).collect();
    }
    ("event-selectors", Value::Array(list).to_string())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, denied, facts};
    use super::*;
    use crate::doctor::facts::{Progress, TrailStatus};

    fn trail() -> Trail {
        Trail {
            name: "org-trail".to_owned(),
            arn: "arn:aws:cloudtrail:eu-west-1:111122223333:trail/org-trail".to_owned(),
            home_region: "eu-west-1".to_owned(),
            is_multi_region: true,
            bucket: "trail-logs".to_owned(),
            prefix: String::new(),
            status: Ok(TrailStatus {
                is_logging: true,
                delivery_error: None,
                delivered: Some(at("2026-05-04T09:55:00Z")),
            }),
            selectors: Ok(classic("All", true, &[])),
        }
    }

    fn classic(reads: &str, management: bool, excluded: &[&str]) -> String {
        json!({"EventSelectors": [{"ReadWriteType": reads, "IncludeManagementEvents": management,
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::b/"]}],
            "ExcludeManagementEventSources": excluded}]})
        .to_string()
    }

    fn judged(trails: Vec<Trail>) -> Vec<Check> {
        let mut facts = facts();
        facts.trails = Ok(trails);
        checks(&facts)
    }

    /// What has failed, with its steps.
    fn failed(trail: Trail) -> (String, String) {
        let checks = judged(vec![trail]);
        let bad: Vec<&Check> = checks.iter().filter(|check| check.status != Status::Ok).collect();
        let [bad] = bad.as_slice() else { panic!("{checks:#?}") };
        assert_eq!(bad.status, Status::Failed, "{bad:?}");
        (bad.says.clone(), bad.steps.join("\n"))
    }

    #[test]
    fn a_trail_that_logs_everything_is_fine() {
        let checks = judged(vec![trail()]);
        assert!(checks.len() == 3 && checks.iter().all(|check| check.status == Status::Ok), "{checks:#?}");
    }

    #[test]
    fn what_selectors_leave_out_is_put_back_by_a_command_that_changes_nothing_else() {
        for (selectors, words) in [
            (classic("WriteOnly", true, &[]), "all reading KMS events"),
            (classic("ReadOnly", true, &[]), "all changing KMS events"),
            (classic("All", true, &["kms.amazonaws.com", "rdsdata.amazonaws.com"]), "all KMS events"),
            (classic("All", false, &[]), "all KMS events"),
        ] {
            let (says, steps) = failed(Trail { selectors: Ok(selectors.clone()), ..trail() });
            assert!(says.contains(words), "{says}");
            assert!(steps.contains("put-event-selectors --trail-name arn:aws:cloudtrail:eu-west-1:111122223333:trail/org-trail --region eu-west-1 --event-selectors '["), "{steps}");
            let fixed = steps.split('\'').nth(1).unwrap();
            assert!(fixed.contains("arn:aws:s3:::b/"), "data events stay: {fixed}");
            assert_eq!(fixed.contains("rdsdata"), selectors.contains("rdsdata"));
            let whole = format!("{{\"EventSelectors\":{fixed}}}");
            assert!(left_out_by(&whole).unwrap().operations.is_empty(), "{fixed}");
        }
    }

    #[test]
    fn so_it_is_with_advanced_selectors() {
        let management = |field: Value| {
            json!({"AdvancedEventSelectors": [
                {"Name": "data", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]},
                {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}, field]}]})
            .to_string()
        };
        for (field, words) in [
            (json!({"Field": "readOnly", "Equals": ["false"]}), "all reading KMS events"),
            (json!({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}), "all KMS events"),
            (json!({"Field": "eventName", "NotEquals": ["Decrypt"]}), "the events of Decrypt"),
            (json!({"Field": "userIdentity.arn", "NotStartsWith": ["x"]}), "userIdentity.arn"),
        ] {
            let (says, steps) = failed(Trail { selectors: Ok(management(field)), ..trail() });
            assert!(says.contains(words), "{says}");
            let fixed = steps.split('\'').nth(1).unwrap();
            assert!(fixed.contains("\"Data\""), "{fixed}");
            let whole = format!("{{\"AdvancedEventSelectors\":{fixed}}}");
            assert!(left_out_by(&whole).unwrap().operations.is_empty(), "{fixed}");
        }
    }

    #[test]
    fn one_region_a_trail_that_is_off_and_one_that_cannot_write_are_failures() {
        let (says, steps) = failed(Trail { is_multi_region: false, ..trail() });
        assert!(says.contains("eu-west-1 alone") && steps.contains("--is-multi-region-trail"), "{steps}");
        let status = |status: TrailStatus| failed(Trail { status: Ok(status), ..trail() });
        let (_, steps) = status(TrailStatus::default());
        assert!(steps.contains("aws cloudtrail start-logging --name arn:"), "{steps}");
        let (says, _) = status(TrailStatus {
            is_logging: true,
            delivery_error: Some("AccessDenied".to_owned()),
            delivered: None,
        });
        assert!(says.contains("cannot write"), "{says}");
    }

    #[test]
    fn what_another_trail_has_is_a_warning() {
        let narrow = Trail { name: "narrow".to_owned(), is_multi_region: false, ..trail() };
        let checks = judged(vec![narrow, trail()]);
        let worst = checks.iter().map(|check| check.status).max();
        assert_eq!(worst, Some(Status::Warning), "{checks:#?}");
    }

    #[test]
    fn the_trail_of_another_account_is_changed_there() {
        let arn = "arn:aws:cloudtrail:eu-west-1:999988887777:trail/org-trail".to_owned();
        let (_, steps) = failed(Trail { arn, is_multi_region: false, ..trail() });
        assert!(steps.contains("In account 999988887777: aws cloudtrail update-trail"), "{steps}");
    }

    #[test]
    fn what_may_not_be_seen_is_not_checked() {
        let checks = judged(vec![Trail { status: denied(), selectors: denied(), ..trail() }]);
        let statuses: Vec<Status> = checks.iter().map(|check| check.status).collect();
        assert_eq!(statuses, [Status::NotChecked, Status::Ok, Status::NotChecked]);
        assert!(checks[0].says.starts_with("Access denied"));
    }

    #[test]
    fn no_trail_is_a_failure_unless_logs_come_from_another_account() {
        let elsewhere = || vec![Trail { bucket: "other".to_owned(), ..trail() }];
        let checks_ = judged(elsewhere());
        assert_eq!(checks_[0].status, Status::Failed);
        assert!(checks_[0].says.contains("elsewhere: org-trail"), "{}", checks_[0].says);
        let mut facts = facts();
        facts.trails = Ok(elsewhere());
        facts.progress = Ok(Progress { delivered: Some(at("2026-05-04T09:00:00Z")), closed: None });
        assert_eq!(checks(&facts)[0].status, Status::NotChecked);
        facts.logs = None;
        assert_eq!(checks(&facts)[0].status, Status::NotChecked);
    }
}
