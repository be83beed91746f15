//! The detectors: one file each, one ordered list.
//!
//! A detector is a constant in a file of its own. The file's head comment *is* the detector's public page
//! (`kmswatch detectors ID` prints it), so page, parameters, logic and tests cannot drift apart.
//! To add one: write the file, name it in [`ALL`]. Nothing else changes; the tests at the end of this module
//! walk the list and say what a new file still lacks.

pub mod access_tags_changed;
pub mod account_fell_silent;
pub mod alias_moved;
pub mod break_glass_use;
pub mod canary_key_touched;
pub mod ciphertext_probed;
pub mod coverage;
pub mod debug_enclave;
mod deed;
mod denied;
pub mod dormant_woke;
pub mod foreign_key_used;
pub mod grant_to_foreign_account;
pub mod grants_ended;
pub mod habit_broken;
mod impact;
pub mod imported_key_material;
pub mod key_deletion_scheduled;
pub mod key_disabled;
pub mod key_policy_changed;
pub mod key_policy_lockout;
pub mod key_policy_opened;
pub mod key_shared_by_ram;
pub mod key_store_disrupted;
pub mod key_used_by_foreign_account;
pub mod log_objects_read;
pub mod outside_key_material;
pub mod pipeline_changed;
pub mod quota_exhausted;
pub mod replica_in_new_region;
pub mod root_use;
pub mod rotation_weakened;
mod selectors;
pub mod self_extending_grant;
pub mod several_keys_destroyed;
pub mod trail_blinded;
pub mod unintended_user;
pub mod unusable_key_used;
mod unusual;
pub mod unusual_denials;
pub mod unusual_first_use;
pub mod unusual_rate;
pub mod user_rules;

pub use selectors::{LeftOut, left_out_by};

use crate::baseline::judge::Episode;
use crate::estate::Estate;
use crate::event::{Event, Operation};
use crate::finding::{Finding, FindingKind, Severity, Technique};
use crate::settings::DetectorSettings;
use crate::stage::Stage;
use crate::state::{AccountState, KeyState, PrincipalState, States};

/// A thing that makes findings.
#[derive(Debug)]
pub struct Detector {
    /// The file's name; part of every finding.
    pub id: &'static str,
    /// What is found, in a few words.
    pub title: &'static str,
    /// Severity where nothing raises or lowers it.
    pub severity: Severity,
    /// The way in which it knows.
    pub kind: FindingKind,
    /// What its findings are in the course of an attack, if they are not refused; `None` for what no combination of
    /// findings asks for.
    pub stage: Option<Stage>,
    /// Techniques of MITRE ATT&CK v18.
    pub mitre: &'static [Technique],
    /// Ids of the ideas of [`coverage::IDEAS`] that it finds, wholly or in part.
    pub covers: &'static [&'static str],
    /// The operations of KMS whose events can lead to a finding.
    pub reads: Reads,
    /// The public page: the head comment of the file, see [`page`].
    pub page: &'static str,
    /// The logic.
    pub look: Look,
}

/// The operations of KMS that a detector reads.
#[derive(Clone, Copy, Debug)]
pub enum Reads {
    /// All.
    All,
    /// Those that use a key for cryptography.
    Cryptographic,
    /// These.
    These(&'static [Operation]),
    /// None: calls of other services.
    OtherServices,
}

impl Reads {
    /// Whether events of `operation` are among them.
    pub fn has(self, operation: Operation) -> bool {
        match self {
            Reads::All => true,
            Reads::Cryptographic => operation.is_cryptographic(),
            Reads::These(operations) => operations.contains(&operation),
            Reads::OtherServices => false,
        }
    }
}

/// What a detector looks at.
#[derive(Debug)]
pub enum Look {
    /// One event. Of a call of KMS that succeeded and changed nothing, whether there is a finding must not depend on
    /// what differs from call to call: time, ids, access key, when the session began, values of the encryption context.
    /// If there is none, calls that differ in nothing else are not asked about (`event/alike.rs`).
    Event(fn(&Event<'_>, &Estate) -> Option<Finding>),
    /// The State of one key.
    Key(fn(&str, &KeyState, &Estate, &mut Vec<Finding>)),
    /// The State of one principal.
    Principal(fn(&str, &PrincipalState, &Estate, &mut Vec<Finding>)),
    /// The State of one account.
    Account(fn(&str, &AccountState, &Estate, &mut Vec<Finding>)),
    /// The State of one account when an hour is over (whole hours since the epoch), by the clock of deliveries.
    Clock(fn(&str, &AccountState, i64, &Estate, &mut Vec<Finding>)),
    /// Counts of some hours that are unusual for an entity.
    Score(fn(&Episode, &Estate) -> Option<Finding>),
    /// All States together, where a fact needs those of several entities.
    All(fn(&States, &Estate, &mut Vec<Finding>)),
    /// Several of these.
    Several(&'static [Look]),
}

impl Look {
    /// The looks one by one.
    pub fn each(&'static self) -> impl Iterator<Item = &'static Look> {
        match self {
            Look::Several(looks) => looks.iter(),
            one => std::slice::from_ref(one).iter(),
        }
    }
}

/// All detectors, in the order of the catalogue: the worst loss first.
pub const ALL: &[&Detector] = &[
    &several_keys_destroyed::DETECTOR,
    &key_deletion_scheduled::DETECTOR,
    &imported_key_material::DETECTOR,
    &key_disabled::DETECTOR,
    &unusable_key_used::DETECTOR,
    &key_store_disrupted::DETECTOR,
    &grants_ended::DETECTOR,
    &canary_key_touched::DETECTOR,
    &unintended_user::DETECTOR,
    &trail_blinded::DETECTOR,
    &account_fell_silent::DETECTOR,
    &pipeline_changed::DETECTOR,
    &replica_in_new_region::DETECTOR,
    &key_shared_by_ram::DETECTOR,
    &key_policy_lockout::DETECTOR,
    &foreign_key_used::DETECTOR,
    &outside_key_material::DETECTOR,
    &alias_moved::DETECTOR,
    &key_policy_opened::DETECTOR,
    &key_policy_changed::DETECTOR,
    &grant_to_foreign_account::DETECTOR,
    &self_extending_grant::DETECTOR,
    &access_tags_changed::DETECTOR,
    &rotation_weakened::DETECTOR,
    &root_use::DETECTOR,
    &debug_enclave::DETECTOR,
    &habit_broken::DETECTOR,
    &log_objects_read::DETECTOR,
    &dormant_woke::DETECTOR,
    &ciphertext_probed::DETECTOR,
    &quota_exhausted::DETECTOR,
    &key_used_by_foreign_account::DETECTOR,
    &break_glass_use::DETECTOR,
    &unusual_first_use::DETECTOR,
    &unusual_rate::DETECTOR,
    &unusual_denials::DETECTOR,
];

/// The detectors that are not switched off.
pub fn on(settings: &DetectorSettings) -> impl Iterator<Item = &'static Detector> {
    ALL.iter().copied().filter(|detector| !settings.off.iter().any(|off| off == detector.id))
}

/// The head comment (`//!` lines) of a source file, cut out at compile time.
#[allow(clippy::indexing_slicing)] // Runs at compile time only, where a bad index is a compile error.
pub const fn page(source: &'static str) -> &'static str {
    let bytes = source.as_bytes();
    let mut at = 0;
    // A page is a run of lines that begin with "//!".
    while at + 2 < bytes.len() && bytes[at] == b'/' && bytes[at + 1] == b'/' && bytes[at + 2] == b'!' {
        while at < bytes.len() && bytes[at] != b'\n' {
            at += 1;
        }
        at += 1;
    }
    let end = if at < bytes.len() { at } else { bytes.len() };
    source.split_at(end).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Headings of a page, in their order, and whether each page must have them.
    const HEADINGS: [(&str, bool); 8] = [
        ("What it finds", true),
        ("Why it matters", true),
        ("How it decides", true),
        ("Parameters", false),
        ("False positives", true),
        ("What it cannot see", true),
        ("What to do", true),
        ("References", true),
    ];

    /// The page as Markdown.
    fn lines(detector: &Detector) -> Vec<&'static str> {
        let text = |line: &'static str| line.strip_prefix("//!").unwrap_or(line).trim();
        detector.page.lines().map(text).collect()
    }

    #[allow(clippy::disallowed_methods)] // The test reads the source of the detectors.
    fn source(detector: &Detector) -> String {
        let path = format!("{}/src/detectors/{}.rs", env!("CARGO_MANIFEST_DIR"), detector.id);
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("the id is not the file name: {path}: {error}"))
    }

    #[test]
    fn every_id_is_unique_and_names_its_file() {
        let ids: BTreeSet<&str> = ALL.iter().map(|detector| detector.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for detector in ALL {
            assert!(source(detector).contains(&format!("id: \"{}\"", detector.id)), "{}", detector.id);
        }
    }

    #[test]
    fn every_title_heads_its_page_and_shares_a_word_with_the_id() {
        let titles: BTreeSet<&str> = ALL.iter().map(|detector| detector.title).collect();
        assert_eq!(titles.len(), ALL.len());
        for detector in ALL {
            assert_eq!(lines(detector).first().copied(), Some(format!("# {}", detector.title).as_str()));
            let title = detector.title.to_lowercase();
            let shared = detector.id.split('_').any(|word| title.split(' ').any(|other| other == word));
            assert!(shared, "{}: {title}", detector.id);
        }
    }

    #[test]
    fn every_page_has_its_headings_in_order_and_text_under_each() {
        for detector in ALL {
            let lines = lines(detector);
            let found: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("## ")).collect();
            let allowed: Vec<&str> = HEADINGS
                .iter()
                .filter(|(heading, must)| *must || found.contains(heading))
                .map(|(heading, _)| *heading)
                .collect();
            assert_eq!(found, allowed, "{}", detector.id);
            for pair in lines.iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().windows(2) {
                assert!(
                    !pair.iter().all(|line| line.starts_with("## ")),
                    "{}: nothing under {}",
                    detector.id,
                    pair[0]
                );
            }
            assert!(!lines.last().unwrap().starts_with('#'), "{}", detector.id);
        }
    }

    #[test]
    fn every_parameter_that_a_file_reads_is_on_its_page() {
        for detector in ALL {
            let source = source(detector);
            let settings = serde_json::to_value(DetectorSettings::default()).unwrap();
            for parameter in settings
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| !["off", "staged"].contains(&name.as_str()))
            {
                let reads = [".", " ", "(", ")", ",", ";", "\n"].iter().any(|end| {
                    source.contains(&format!("settings.{parameter}{end}"))
                        || source.contains(&format!("detectors.{parameter}{end}"))
                });
                let tells = detector.page.contains(&format!("`detectors.{parameter}`"));
                assert_eq!(reads, tells, "{}: {parameter}", detector.id);
            }
        }
    }

    #[test]
    fn every_technique_is_well_formed() {
        for detector in ALL {
            assert!(!detector.mitre.is_empty(), "{}", detector.id);
            for technique in detector.mitre {
                let id = technique.id.strip_prefix('T').unwrap();
                let (id, sub) = id.split_once('.').unwrap_or((id, "001"));
                assert!(id.len() == 4 && sub.len() == 3, "{}", technique.id);
                assert!(id.chars().chain(sub.chars()).all(|c| c.is_ascii_digit()), "{}", technique.id);
                assert!(!technique.name.is_empty());
            }
        }
    }

    #[test]
    fn every_detector_has_tests_in_its_file() {
        for detector in ALL {
            let source = source(detector);
            let tests = source.split_once("mod tests {").map(|(_, tests)| tests.matches("#[test]").count());
            assert!(tests.unwrap_or_default() >= 5, "{}", detector.id);
        }
    }

    #[test]
    fn a_page_ends_where_the_head_comment_ends() {
        assert_eq!(page("//! # A\n//!\n//! b\n\nuse x;\n//! no\n"), "//! # A\n//!\n//! b\n");
        assert_eq!(page("//! # A"), "//! # A");
        assert_eq!(page("use x;"), "");
    }
}
