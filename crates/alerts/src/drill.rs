//! A test alert: it goes the way of a true one, says at once that it is none, and asks for nothing.

use kmswatch_engine::finding::{Severity, Span};
use kmswatch_engine::incident::{AlertKind, AlertMoment, Incident, Reason, Standing};
use kmswatch_engine::time::Timestamp;

/// An incident that never was. Each moment gives another, so that no sink takes it for one that it has had.
pub fn incident(severity: Severity, now: Timestamp) -> Incident {
    let title = "TEST of kmswatch alerts: nothing has happened";
    let reason = Reason { id: "opened".to_owned(), why: title.to_owned() };
    Incident {
        id: Incident::id_after(&format!("test at {now}")),
        joined: Vec::new(),
        severity,
        standing: Standing::Open,
        title: title.to_owned(),
        summary: format!(
            "Somebody ran `kmswatch alert test` at {now}. There is no incident, and nothing to do. Whoever reads this is \
             on the way that alerts of severity {severity} take."
        ),
        time: Span { start: now, end: now },
        accounts: Vec::new(),
        regions: Vec::new(),
        principals: Vec::new(),
        principal_count: 0,
        keys: Vec::new(),
        key_count: 0,
        combinations: Vec::new(),
        why: vec!["An alert that nobody gets is worse than none.".to_owned()],
        stages: Vec::new(),
        losses: Vec::new(),
        steps: vec!["Tell whoever sent it that it has arrived.".to_owned()],
        steps_left_out: 0,
        look_further: Vec::new(),
        unknown: Vec::new(),
        timeline: Vec::new(),
        timeline_left_out: 0,
        alerts: vec![AlertMoment { at: now, kind: AlertKind::Opened, severity, reasons: vec![reason] }],
        mitre: Vec::new(),
        finding_count: 0,
        event_count: 0,
        muted_count: 0,
    }
}
