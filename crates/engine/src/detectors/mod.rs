//! The detectors: one file each, one ordered list.
//!
//! A detector is a constant in a file of its own. The file's head comment *is* the detector's public page
//! (`kmswatch detectors ID` prints it), so page, parameters, logic and tests cannot drift apart.
//! To add one: write the file, name it in [`ALL`]. Nothing else changes; the tests at the end of this module
//! walk the list and say what a new file still lacks.

use crate::estate::Estate;
use crate::event::Event;
use crate::finding::{Finding, FindingKind, Severity, Technique};
use crate::settings::DetectorSettings;
use crate::state::{AccountState, KeyState, PrincipalState};

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
    /// Techniques of MITRE ATT&CK v18.
    pub mitre: &'static [Technique],
    /// The public page: the head comment of the file, see [`page`].
    pub page: &'static str,
    /// The logic.
    pub look: Look,
}

/// What a detector looks at.
#[derive(Debug)]
pub enum Look {
    /// One event.
    Event(fn(&Event<'_>, &Estate) -> Option<Finding>),
    /// The State of one key.
    Key(fn(&str, &KeyState, &Estate, &mut Vec<Finding>)),
    /// The State of one principal.
    Principal(fn(&str, &PrincipalState, &Estate, &mut Vec<Finding>)),
    /// The State of one account.
    Account(fn(&str, &AccountState, &Estate, &mut Vec<Finding>)),
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
pub const ALL: &[&Detector] = &[];

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
