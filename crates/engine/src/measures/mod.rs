//! What is counted, for whom: one file a measure, one ordered list.
//!
//! A measure looks at an event and says what to count: the act itself, a value behind it (so that the count is
//! one of distinct values), or nothing. Counts are kept by hour of event time in the State of the entity and
//! learned by its baseline. To add a measure: write the file, name it in [`ALL`], give it the next free code.

pub mod decrypts;
pub mod denied_calls;
pub mod dry_runs;
pub mod encrypts;
pub mod keys_denied;
pub mod keys_used;
pub mod management_calls;
pub mod operations_denied;
pub mod principals;
pub mod resources_decrypted;
pub mod signatures;

use crate::event::Event;

/// Something that is counted by the hour.
#[derive(Debug)]
pub struct Measure {
    /// The file's name; part of findings.
    pub id: &'static str,
    /// The number under which saved States keep it. Never given to another measure.
    pub code: u8,
    /// What is counted, as words behind a number: "412 decrypts and data keys".
    pub unit: &'static str,
    /// For whom it is counted.
    pub of: Of,
    /// Whether it has the rhythm of a week, and windows of 6 and 24 hours beside the hour.
    pub seasonal: bool,
    /// Whether it counts the resource behind an event: the value is then the hash of its id. What others add is the
    /// same for all events of a pattern.
    pub by_resource: bool,
    /// What an event adds.
    pub count: fn(&Event<'_>) -> Counted,
}

/// The code is the measure's name.
impl PartialEq for Measure {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

/// The entity that a measure is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The principal of the event.
    Principal,
    /// Each key of the event.
    Key,
    /// Both.
    Both,
}

impl Of {
    /// Whether it is counted for principals.
    pub fn principal(self) -> bool {
        self != Of::Key
    }

    /// Whether it is counted for keys.
    pub fn key(self) -> bool {
        self != Of::Principal
    }
}

/// What an event adds to a count of distinct things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Nothing.
    Nothing,
    /// The act itself: the count is one of acts.
    Act,
    /// The value with this hash: the count is one of distinct values.
    Value(u64),
}

impl Counted {
    /// The act, if `condition` holds.
    fn act_if(condition: bool) -> Counted {
        if condition { Counted::Act } else { Counted::Nothing }
    }

    /// The value, if there is one.
    fn value(value: Option<&str>) -> Counted {
        value.map_or(Counted::Nothing, |value| Counted::Value(xxhash_rust::xxh3::xxh3_64(value.as_bytes())))
    }
}

/// All measures, in the order of their codes.
pub const ALL: &[&Measure] = &[
    &decrypts::MEASURE,
    &encrypts::MEASURE,
    &denied_calls::MEASURE,
    &resources_decrypted::MEASURE,
    &keys_used::MEASURE,
    &keys_denied::MEASURE,
    &dry_runs::MEASURE,
    &signatures::MEASURE,
    &management_calls::MEASURE,
    &principals::MEASURE,
    &operations_denied::MEASURE,
];

/// The measure with this code.
pub fn by_code(code: u8) -> Option<&'static Measure> {
    ALL.iter().copied().find(|measure| measure.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{kms, with_event};

    fn counted_by(record: &str) -> Vec<&'static str> {
        with_event(record, |event| {
            ALL.iter().filter(|m| (m.count)(event) != Counted::Nothing).map(|m| m.id).collect()
        })
    }

    #[test]
    fn codes_and_ids_are_unique_and_the_list_is_in_order() {
        for pair in ALL.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} before {}", pair[0].id, pair[1].id);
        }
        let mut ids: Vec<_> = ALL.iter().map(|measure| measure.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
    }

    #[test]
    fn a_decrypt_of_a_secret_counts_as_decrypt_resource_key_and_principal() {
        let record = kms("Decrypt")
            .set(
                "requestParameters.encryptionContext.SecretARN",
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db",
            )
            .text();
        assert_eq!(counted_by(&record), ["decrypts", "resources_decrypted", "keys_used", "principals"]);
    }

    #[test]
    fn a_denied_decrypt_counts_as_denied_call_key_and_operation_only() {
        let record = kms("Decrypt").set("errorCode", "AccessDenied").text();
        assert_eq!(counted_by(&record), ["denied_calls", "keys_denied", "operations_denied"]);
    }

    #[test]
    fn a_dry_run_releases_nothing_and_counts_as_a_dry_run_only() {
        let record = kms("Decrypt")
            .set("requestParameters.dryRun", true)
            .set("errorCode", "DryRunOperationException")
            .text();
        assert_eq!(counted_by(&record), ["dry_runs"]);
    }

    #[test]
    fn an_encrypt_a_signature_and_a_management_call_each_have_their_measure() {
        assert_eq!(counted_by(&kms("Encrypt").text()), ["encrypts", "keys_used", "principals"]);
        assert_eq!(counted_by(&kms("Sign").text()), ["keys_used", "signatures", "principals"]);
        assert_eq!(counted_by(&kms("DescribeKey").text()), ["management_calls"]);
    }

    #[test]
    fn a_call_that_failed_for_another_reason_is_counted_nowhere() {
        let record = kms("Decrypt").set("errorCode", "DisabledException").text();
        assert_eq!(counted_by(&record), [""; 0]);
    }
}
