//! What a call of CloudTrail does to the log.

use super::super::selectors::{self, Lost};
use crate::event::Event;
use crate::finding::Severity;
use crate::runbook::aws;

/// What a call does to the log.
#[derive(Debug)]
pub(super) struct Blinding {
    pub(super) severity: Severity,
    /// What is lost, behind "no longer logs".
    pub(super) lost: String,
    pub(super) selectors: Option<Lost>,
    /// How to undo it.
    pub(super) undo: Vec<String>,
}

/// What the call does to the log of `target`; `None` if it takes nothing away.
pub(super) fn blinding(event: &Event<'_>, target: &str) -> Option<Blinding> {
    let region: &str = &event.region;
    let name = event.name.as_ref();
    let is_new = name.starts_with("Create");
    let on = |command: &str, option: &str| aws(command, &[(option, target), ("region", region)]);
    let ended = |undo: String| {
        Some(Blinding {
            severity: Severity::High,
            lost: "all KMS events".to_owned(),
            selectors: None,
            undo: vec![undo],
        })
    };
    match name {
        "StopLogging" | "DeleteEventDataStore" | "StopEventDataStoreIngestion" => return ended(String::new()),
        "DeleteTrail" => {
            return ended(
                "Make the trail again, with the settings that it had (see the CreateTrail event or your templates)."
                    .to_owned(),
            );
        }
        "PutEventSelectors"
        | "CreateTrail"
        | "UpdateTrail"
        | "CreateEventDataStore"
        | "UpdateEventDataStore" => {}
        _ => return None,
    }
    // A new store for other kinds of events takes nothing away.
    let lost = selectors::lost(event.request)
        .filter(|lost| !lost.is_empty())
        .filter(|_| name != "CreateEventDataStore" || selectors::has_management(event.request));
    if let Some(lost) = lost {
        let severity = if is_new { Severity::Medium } else { Severity::High };
        let undo = restore_selectors(event, target);
        return Some(Blinding { severity, lost: lost.words(), selectors: Some(lost), undo });
    }
    let switched_off = |member: &str| event.request.get(member).bool() == Some(false);
    let is_trail = name.ends_with("Trail");
    let (regions, organization) = if is_trail {
        ("isMultiRegionTrail", "isOrganizationTrail")
    } else {
        ("multiRegionEnabled", "organizationEnabled")
    };
    // CreateTrail covers one Region where it does not say; a store covers all.
    let one_region =
        switched_off(regions) || (name == "CreateTrail" && event.request.get(regions).is_empty());
    let severity = if is_new { Severity::Low } else { Severity::High };
    let update = if is_trail {
        on("cloudtrail update-trail", "name")
    } else {
        on("cloudtrail update-event-data-store", "event-data-store")
    };
    if one_region {
        let flag = if is_trail { "--is-multi-region-trail" } else { "--multi-region-enabled" };
        return Some(Blinding {
            severity,
            lost: format!("KMS events of Regions other than {region}"),
            selectors: None,
            undo: vec![format!("Let it cover all Regions: {update} {flag}")],
        });
    }
    if !is_new && switched_off(organization) {
        let flag = if is_trail { "--is-organization-trail" } else { "--organization-enabled" };
        return Some(Blinding {
            severity,
            lost: "KMS events of the other accounts of the organisation".to_owned(),
            selectors: None,
            undo: vec![format!("Let it cover the organisation: {update} {flag}")],
        });
    }
    None
}

fn restore_selectors(event: &Event<'_>, target: &str) -> Vec<String> {
    let region: &str = &event.region;
    if event.name.ends_with("EventDataStore") {
        let all = r#"[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]"#;
        let read =
            aws("cloudtrail get-event-data-store", &[("event-data-store", target), ("region", region)]);
        let write = aws(
            "cloudtrail update-event-data-store",
            &[("event-data-store", target), ("advanced-event-selectors", all), ("region", region)],
        );
        return vec![
            format!("See the selectors that it has: {read}"),
            format!("Log all management events again (add the selectors that you keep): {write}"),
        ];
    }
    let all = r#"[{"ReadWriteType":"All","IncludeManagementEvents":true}]"#;
    let read = aws("cloudtrail get-event-selectors", &[("trail-name", target), ("region", region)]);
    let write = aws(
        "cloudtrail put-event-selectors",
        &[("trail-name", target), ("event-selectors", all), ("region", region)],
    );
    vec![
        format!("See the selectors that it has: {read}"),
        format!("Log all management events again (add the selectors that you keep): {write}"),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::DETECTOR;
    use super::*;
    use crate::event::testing::{RecordBuilder, cloudtrail};
    use crate::pipeline::testing::{findings, only};

    /// What a call hides, or nothing.
    pub(in crate::detectors::trail_blinded) fn lost(record: &RecordBuilder) -> Option<String> {
        let found = findings(&DETECTOR, std::slice::from_ref(record));
        found.first().map(|finding| finding.evidence.details["lost"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_trail_that_no_longer_covers_all_regions_or_accounts_is_high() {
        for (name, member, part) in [
            ("UpdateTrail", "isMultiRegionTrail", "KMS events of Regions other than eu-west-1"),
            ("UpdateTrail", "isOrganizationTrail", "KMS events of the other accounts"),
            ("UpdateEventDataStore", "multiRegionEnabled", "KMS events of Regions other than eu-west-1"),
            ("UpdateEventDataStore", "organizationEnabled", "KMS events of the other accounts"),
        ] {
            let record = cloudtrail(name).set(&format!("requestParameters.{member}"), false);
            let finding = only(&DETECTOR, std::slice::from_ref(&record));
            assert_eq!(finding.severity, Severity::High);
            let flag = match (name, member) {
                ("UpdateTrail", "isMultiRegionTrail") => "update-trail --name",
                ("UpdateTrail", _) => "--is-organization-trail",
                (_, "multiRegionEnabled") => "--multi-region-enabled",
                _ => "update-event-data-store --event-data-store",
            };
            assert!(finding.runbook[0].contains(flag), "{}", finding.runbook[0]);
            assert!(finding.evidence.details["lost"].as_str().unwrap().starts_with(part));
            assert_eq!(lost(&record.set(&format!("requestParameters.{member}"), true)), None);
            assert_eq!(lost(&cloudtrail(name)), None);
        }
    }

    #[test]
    fn a_new_trail_for_one_region_is_low() {
        let unsaid = only(&DETECTOR, &[cloudtrail("CreateTrail")]);
        assert_eq!(unsaid.severity, Severity::Low);
        let said = cloudtrail("CreateTrail").set("requestParameters.isMultiRegionTrail", false);
        assert_eq!(only(&DETECTOR, &[said]).severity, Severity::Low);
        let all = cloudtrail("CreateTrail").set("requestParameters.isMultiRegionTrail", true);
        assert_eq!(lost(&all), None);
        assert_eq!(lost(&cloudtrail("CreateEventDataStore")), None);
        let store = cloudtrail("CreateEventDataStore").set("requestParameters.multiRegionEnabled", false);
        assert_eq!(only(&DETECTOR, &[store]).severity, Severity::Low);
        assert_eq!(lost(&all.set("requestParameters.isOrganizationTrail", false)), None);
    }
}
