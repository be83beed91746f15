//! For the tests of detectors: what a watch says of a few records.

use super::worker::event_looks;
use super::{Filter, ObjectOutcome, Watch};
use crate::estate::Estate;
use crate::event::testing::{RecordBuilder, with_event};
use crate::finding::Finding;
use crate::settings::Settings;
use crate::state::Patterns;

/// What one object gives that holds these records, as JSON text.
pub(crate) fn object(records: &[String], estate: &Estate, filter: &Filter) -> ObjectOutcome {
    let looks: Vec<_> = event_looks(estate).collect();
    let mut outcome = ObjectOutcome::default();
    let mut patterns = Patterns::default();
    for record in records {
        with_event(record, |event| {
            if filter.passes_event(event) {
                outcome.take(event, estate, &looks, &mut patterns);
            }
        });
    }
    outcome
}

/// A watch that has read the records as one object.
pub(crate) fn watch(records: &[RecordBuilder], settings: &Settings) -> Watch {
    let estate = Estate::new(settings.clone());
    let records: Vec<String> = records.iter().map(RecordBuilder::text).collect();
    let outcome = object(&records, &estate, &Filter::default());
    let mut watch = Watch::new(estate);
    watch.absorb(outcome);
    watch
}

/// The findings of one detector about the records.
pub(crate) fn findings_with(
    detector: &crate::detectors::Detector,
    records: &[RecordBuilder],
    settings: &Settings,
) -> Vec<Finding> {
    let mut findings = watch(records, settings).findings();
    findings.retain(|finding| finding.detector == detector.id);
    findings
}

/// The findings of one detector about the records, with the default settings.
pub(crate) fn findings(detector: &crate::detectors::Detector, records: &[RecordBuilder]) -> Vec<Finding> {
    findings_with(detector, records, &Settings::default())
}

/// The only finding of one detector about the records.
#[track_caller]
pub(crate) fn only(detector: &crate::detectors::Detector, records: &[RecordBuilder]) -> Finding {
    let mut findings = findings(detector, records);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}
