//! The account of one object: every record found is handed out, passed over, of Insights, or broken.
//!
//! Guaranteed: `records = handed out + passed over + insights + broken`, whatever the object holds. What is
//! handed out is valid UTF-8, at most `limits.record_bytes` long and at most `limits.nesting` deep.

use super::candidates::Suggestion;
use super::object_key::event_time;
use super::{ObjectKind, ObjectReport, Problem, Record};
use crate::json::Value;
use crate::settings::Limits;
use crate::time::Timestamp;

/// Counts what is found and passes on what may matter.
pub(super) struct Ledger<'a> {
    pub(super) limits: &'a Limits,
    pub(super) sink: &'a mut dyn FnMut(Record<'_>),
    /// What the object is, as far as something in it has told.
    pub(super) signs: Signs,
    /// Index of the first record: above 0 for an object inside another one.
    first_index: u64,
    handed_out: u64,
    passed_over: u64,
    newest_passed_over: Option<Timestamp>,
    insights: u64,
    broken: u64,
    strangers: u64,
    record_problems: Vec<Problem>,
    stranger_problems: Vec<Problem>,
    object_problems: Vec<Problem>,
    n_object_problems: u64,
}

/// Signs of what an object is, apart from its records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    /// There is something other than white space.
    pub(super) content: bool,
    /// A container of records was found, be it empty.
    pub(super) container: bool,
    /// It has the members of a digest file.
    pub(super) digest: bool,
    /// It is a control message of CloudWatch Logs.
    pub(super) control_message: bool,
    /// What comes first in it is longer than a record may be, so that nobody looked at what it is.
    pub(super) too_long: bool,
    /// It begins like text in UTF-16.
    pub(super) utf16: bool,
}

/// Whether the nesting of a record is within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Allowed,
    TooDeep,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        sink: &'a mut dyn FnMut(Record<'_>),
        first_index: u64,
    ) -> Ledger<'a> {
        Ledger {
            limits,
            sink,
            signs: Signs::default(),
            first_index,
            handed_out: 0,
            passed_over: 0,
            newest_passed_over: None,
            insights: 0,
            broken: 0,
            strangers: 0,
            record_problems: Vec::new(),
            stranger_problems: Vec::new(),
            object_problems: Vec::new(),
            n_object_problems: 0,
        }
    }

    /// Index of the next record.
    pub(super) fn index(&self) -> u64 {
        self.first_index + self.handed_out + self.passed_over + self.insights + self.broken + self.strangers
    }

    /// Takes the text of one record.
    pub(super) fn record(
        &mut self,
        text: &[u8],
        offset: u64,
        suggestion: Suggestion,
        depth: Depth,
        next: &[u8],
    ) {
        if text.len() > self.limits.record_bytes {
            let message = self.too_long();
            return self.broken(offset, message);
        }
        if depth == Depth::TooDeep {
            let limit = self.limits.nesting;
            return self.broken(
                offset,
                format!("the record is nested deeper than {limit} levels; raise limits.nesting to read it"),
            );
        }
        if !suggestion.watched && !suggestion.insight {
            self.passed_over += 1;
            // Of a few the time is read: enough to know how far in time an object without a record for us goes.
            if self.passed_over.is_power_of_two() {
                self.newest_passed_over = self.newest_passed_over.max(event_time(text));
            }
            return;
        }
        match simdutf8::compat::from_utf8(text) {
            Ok(text) if suggestion.insight && is_insight(text) => self.insights += 1,
            Ok(text) if suggestion.watched => {
                let index = self.index();
                self.handed_out += 1;
                (self.sink)(Record { text, index, offset, next });
            }
            Err(error) if suggestion.watched => {
                let at = error.valid_up_to();
                let index = self.index();
                self.problem(
                    offset,
                    format!(
                        "record {index} is not valid UTF-8 at its byte {at}: read with U+FFFD in its place"
                    ),
                );
                self.handed_out += 1;
                // One bad byte, in a user agent say, must not hide what was done.
                (self.sink)(Record { text: &String::from_utf8_lossy(text), index, offset, next });
            }
            _ => self.passed_over += 1,
        }
    }

    /// Counts a record that could not be read.
    pub(super) fn broken(&mut self, offset: u64, message: String) {
        let record = Some(self.index());
        self.broken += 1;
        keep(&mut self.record_problems, Problem { record, offset, message });
    }

    /// Counts something in the place of a record that is none. If nothing else is found either, the object is
    /// not recognized, and these are not counted.
    pub(super) fn stranger(&mut self, offset: u64) {
        let record = Some(self.index());
        self.strangers += 1;
        let message = "this is no CloudTrail record".to_string();
        keep(&mut self.stranger_problems, Problem { record, offset, message });
    }

    /// Notes something that is wrong with the object.
    pub(super) fn problem(&mut self, offset: u64, message: String) {
        self.n_object_problems += 1;
        keep(&mut self.object_problems, Problem { record: None, offset, message });
    }

    /// Adds the account of an object inside this one.
    pub(super) fn absorb(&mut self, inner: ObjectReport) {
        self.signs.content = true;
        match inner.kind {
            ObjectKind::Digest => self.signs.digest = true,
            ObjectKind::Unrecognized => {}
            _ => self.signs.container = true,
        }
        self.passed_over += inner.passed_over;
        self.newest_passed_over = self.newest_passed_over.max(inner.newest_passed_over);
        self.insights += inner.insights;
        self.broken += inner.broken_records;
        self.handed_out += inner.records - inner.passed_over - inner.insights - inner.broken_records;
        self.n_object_problems += inner.problem_count - inner.broken_records;
        for problem in inner.problems {
            let of_record = problem.record.is_some();
            keep(if of_record { &mut self.record_problems } else { &mut self.object_problems }, problem);
        }
    }

    /// Closes the account.
    pub(super) fn close(mut self) -> ObjectReport {
        let kind = self.kind();
        if kind == ObjectKind::Unrecognized {
            self.broken = 0;
            self.record_problems.clear();
            self.problem(0, self.why_unrecognized());
        }
        if kind == ObjectKind::Log {
            self.broken += self.strangers;
            self.record_problems.append(&mut self.stranger_problems);
        }
        let mut problems = self.object_problems;
        problems.append(&mut self.record_problems);
        problems.sort_by_key(|problem| (problem.offset, problem.record));
        problems.truncate(ObjectReport::PROBLEMS);
        ObjectReport {
            kind,
            undecided: kind == ObjectKind::Unrecognized && (self.signs.too_long || self.signs.utf16),
            records: self.handed_out + self.passed_over + self.insights + self.broken,
            passed_over: self.passed_over,
            newest_passed_over: self.newest_passed_over,
            insights: self.insights,
            broken_records: self.broken,
            problems,
            problem_count: self.n_object_problems + self.broken,
            ..ObjectReport::default()
        }
    }

    fn why_unrecognized(&self) -> String {
        if self.signs.too_long {
            let limit = self.limits.record_bytes;
            return format!(
                "what stands here is longer than {limit} bytes, the most that a record may have, so nobody looked at \
                 what it is; if it is a log, raise limits.record_bytes to read it"
            );
        }
        if self.signs.utf16 {
            return "the object is text in UTF-16, which is not read: convert it, as in \
                    `iconv -f UTF-16 -t UTF-8`"
                .to_owned();
        }
        "the object is no CloudTrail log, no digest and no known envelope of records; \
         if that is so, leave it out of the input"
            .to_owned()
    }

    fn kind(&self) -> ObjectKind {
        if self.handed_out + self.passed_over > 0 {
            ObjectKind::Log
        } else if self.insights > 0 {
            let others = self.broken + self.strangers;
            if others == 0 { ObjectKind::Insight } else { ObjectKind::Log }
        } else if self.signs.digest {
            ObjectKind::Digest
        } else if self.signs.control_message {
            ObjectKind::Empty
        } else if self.signs.container && self.broken > 0 {
            ObjectKind::Log
        } else if (self.signs.container && self.strangers == 0)
            || (!self.signs.content && self.n_object_problems == 0)
        {
            ObjectKind::Empty
        } else {
            ObjectKind::Unrecognized
        }
    }

    /// What to say of a record that is too long.
    pub(super) fn too_long(&mut self) -> String {
        self.signs.too_long |= self.index() == self.first_index && self.n_object_problems == 0;
        let limit = self.limits.record_bytes;
        format!("the record is longer than {limit} bytes; raise limits.record_bytes to read it")
    }
}

fn keep(problems: &mut Vec<Problem>, problem: Problem) {
    if problems.len() < ObjectReport::PROBLEMS {
        problems.push(problem);
    }
}

fn is_insight(text: &str) -> bool {
    let record = Value::new(text);
    record.get("eventCategory").text().as_deref() == Some("Insight")
        || record.get("eventType").text().as_deref() == Some("AwsCloudTrailInsight")
}
