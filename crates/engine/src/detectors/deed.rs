//! What a detector of single events asks first: was it done, or tried and refused; and how to name what it is about.

use crate::event::{Event, Key};
use crate::finding::{Finding, Severity};
use crate::runbook;

/// What became of a call that would change or use something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It was done.
    Done,
    /// It was refused for want of permission.
    Denied,
}

impl Deed {
    /// What became of it; `None` where nothing was done: a dry run, or a call that failed for another reason than
    /// want of permission (wrong input, key state, throttling), which changes nothing and gives nothing away.
    pub(crate) fn of(event: &Event<'_>) -> Option<Deed> {
        if event.dry_run {
            None
        } else if event.denied() {
            Some(Deed::Denied)
        } else {
            event.succeeded().then_some(Deed::Done)
        }
    }

    /// `severity` for what was done; less for what was only tried.
    pub(crate) fn severity(self, severity: Severity) -> Severity {
        match (self, severity) {
            (Deed::Done, severity) => severity,
            (Deed::Denied, Severity::Critical | Severity::High) => Severity::Medium,
            (Deed::Denied, Severity::Medium) => Severity::Low,
            (Deed::Denied, _) => Severity::Info,
        }
    }

    /// Puts it into the details of an attempt that nothing was done.
    pub(crate) fn tell(self, finding: &mut Finding) {
        if self == Deed::Denied {
            finding.evidence.details.insert("denied", true.into());
        }
    }

    /// What stands behind the title of an attempt.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Deed::Done => "",
            Deed::Denied => " (attempted, denied)",
        }
    }

    /// What stands before the explanation of an attempt.
    pub(crate) fn preface(self) -> &'static str {
        match self {
            Deed::Done => "",
            Deed::Denied => "The call was denied, so nothing has changed. ",
        }
    }
}

/// The key in a title or an explanation: its name is put in later, if there is one.
pub(crate) fn the_key(event: &Event<'_>) -> &'static str {
    if event.key.is_some() { "{key}" } else { "a key" }
}

/// Account that owns the key of the event, else the account in whose log it stands.
pub(crate) fn owner<'e>(event: &'e Event<'_>) -> &'e str {
    event.key.as_ref().and_then(|key| key.account.as_deref()).unwrap_or(&event.account)
}

/// Key id and Region for the commands of a runbook.
pub(crate) fn key_and_region<'e>(key: Option<&'e Key<'_>>, event: &'e Event<'_>) -> (&'e str, &'e str) {
    let region = key.and_then(|key| key.region.as_deref()).unwrap_or(&event.region);
    (key.map_or("KEY_ID", |key| key.arn.as_ref()), region)
}

/// The command that shows what else was done with a key.
pub(crate) fn look_up_key(key: &str, region: &str) -> String {
    runbook::look_up("ResourceName", key, &[("region", region)])
}

/// The command that shows what else a principal did: by access key where the record has one.
pub(crate) fn look_up_actor(event: &Event<'_>) -> String {
    let (attribute, value) = match (&event.principal.access_key, &event.principal.via_service) {
        (Some(key), None) => ("AccessKeyId", key.as_ref()),
        _ => {
            let id = event.principal.id.as_ref();
            let name = event.principal.session.as_deref();
            ("Username", name.unwrap_or_else(|| id.rsplit(['/', ':']).next().unwrap_or(id)))
        }
    };
    runbook::look_up(attribute, value, &[("region", &event.region)])
}

/// At most 200 characters of a text out of a log.
pub(crate) fn clip(text: &str) -> &str {
    text.char_indices().nth(200).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_always_less_than_the_deed() {
        for severity in Severity::ALL {
            assert_eq!(Deed::Done.severity(severity), severity);
            let attempt = Deed::Denied.severity(severity);
            assert!(attempt < severity || severity == Severity::Info, "{severity}");
        }
        assert_eq!(Deed::Denied.severity(Severity::Critical), Severity::Medium);
        assert_eq!(Deed::Denied.severity(Severity::Medium), Severity::Low);
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clip("a"), "a");
        assert_eq!(clip(&"ä".repeat(201)), "ä".repeat(200));
        assert_eq!(clip(&"ä".repeat(200)), "ä".repeat(200));
    }

    #[test]
    fn an_attempt_is_told_in_the_details_and_a_deed_is_not() {
        for (deed, told) in [(Deed::Denied, Some(&serde_json::Value::Bool(true))), (Deed::Done, None)] {
            let mut finding = crate::finding::of_key(&crate::detectors::root_use::DETECTOR, "", &["x"]);
            deed.tell(&mut finding);
            assert_eq!(finding.evidence.details.get("denied"), told);
        }
    }
}
