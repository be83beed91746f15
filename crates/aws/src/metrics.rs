//! What is counted, in one place: names, units and meanings. Names are never changed: alarms hang on them.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "kmswatch";

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// Its unit in CloudWatch.
    pub unit: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($constant:ident $name:literal $unit:literal $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric = Metric { name: $name, unit: $unit, meaning: $meaning };
        )*
        /// All metrics.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    MESSAGES "Messages" "Count" "Notifications taken up.";
    MESSAGES_FAILED "MessagesFailed" "Count" "Notifications given back, to come again or to end in the dead-letter queue.";
    MESSAGES_IGNORED "MessagesIgnored" "Count" "Notifications that ask for nothing: test events, own alerts and the like.";
    OBJECTS "Objects" "Count" "Objects read.";
    OBJECTS_PASSED_OVER "ObjectsPassedOver" "Count" "Objects that are no logs: digests, Insights, foreign ones.";
    OBJECTS_FAILED "ObjectsFailed" "Count" "Objects that could not be read.";
    OBJECTS_DENIED "ObjectsDenied" "Count" "Objects, or the keys they are encrypted with, to which access was denied.";
    OBJECTS_MISSING "ObjectsMissing" "Count" "Objects that had vanished before they were read.";
    BYTES "Bytes" "Bytes" "Bytes read, decompressed.";
    RECORDS "Records" "Count" "Records in the objects read.";
    KMS_EVENTS "KmsEvents" "Count" "Events of KMS and of watched services, copies among them.";
    DUPLICATES "Duplicates" "Count" "Events that came more than once in one batch. Between batches nobody remembers them: they change nothing.";
    RECORDS_BROKEN "RecordsBroken" "Count" "Records that could not be read.";
    PROBLEMS "Problems" "Count" "Everything that could not be read, records and parts of objects.";
    STATES_SAVED "StatesSaved" "Count" "Entities whose States were loaded, merged and saved.";
    STATE_BYTES "StateBytes" "Bytes" "Size of the largest State that was saved.";
    CONFLICTS "Conflicts" "Count" "Writes that were repeated because another worker had written in between.";
    INDEX_FULL "IndexFull" "Count" "Entries that found no place in a set: hours of rates that may close late, unjudged.";
    STATES_FAILED "StatesFailed" "Count" "States that could not be saved.";
    FINDINGS "Findings" "Count" "Findings that stand, told before or not.";
    FINDINGS_MUTED "FindingsMuted" "Count" "Findings that are worth no alert: muted, too old, or of too little severity.";
    FINDINGS_STAGED "FindingsStaged" "Count" "Findings of staged detectors, which are not told.";
    ALERTS_SENT "AlertsSent" "Count" "Incidents of which all sinks have taken an alert.";
    ALERTS_FAILED "AlertsFailed" "Count" "Incidents of which a sink has not taken an alert; it is tried again.";
    DIGESTS_SENT "DigestsSent" "Count" "Digests that a sink has taken.";
    HOURS_CLOSED "HoursClosed" "Count" "Hours of rates closed over the whole estate.";
    ENTITIES_CLOSED "EntitiesClosed" "Count" "Entities of which an hour was closed.";
    ENTITIES_LATE "EntitiesLate" "Count" "Entities of which something came when its hour was closed.";
    SILENT_HOURS "SilentHours" "None" "Whole hours since the newest log object that was read had been delivered.";
    LAG_SECONDS "LagSeconds" "Seconds" "Time from the delivery of a log object to its being read.";
    EVENT_LAG_SECONDS "EventLagSeconds" "Seconds" "Time from the newest event of a batch to its being judged.";
}

/// Quantities of which the largest counts.
const LARGEST: [Metric; 4] = [STATE_BYTES, SILENT_HOURS, LAG_SECONDS, EVENT_LAG_SECONDS];

/// Counts of one invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: BTreeMap<Metric, u64>,
}

impl Counts {
    /// Counts `n` more.
    pub fn add(&mut self, metric: Metric, n: u64) {
        if n > 0 {
            *self.counts.entry(metric).or_default() += n;
        }
    }

    /// Notes a quantity of which the largest counts.
    pub fn largest(&mut self, metric: Metric, n: u64) {
        let known = self.counts.entry(metric).or_default();
        *known = n.max(*known);
    }

    /// What was counted; nothing is zero.
    pub fn get(&self, metric: Metric) -> u64 {
        self.counts.get(&metric).copied().unwrap_or_default()
    }

    /// Takes up the counts of another part of the work.
    pub fn merge(&mut self, other: &Counts) {
        for (metric, n) in &other.counts {
            if LARGEST.contains(metric) { self.largest(*metric, *n) } else { self.add(*metric, *n) }
        }
    }

    /// The counts as fields of a log line.
    pub fn fields(&self) -> Map<String, Value> {
        self.counts.iter().map(|(metric, n)| (metric.name.to_owned(), (*n).into())).collect()
    }

    /// One line of Embedded Metric Format, from which CloudWatch makes metrics of the dimension `Function`; `None` if
    /// nothing was counted. `now` is in milliseconds since the epoch.
    pub fn embedded(&self, function: &str, now: u64) -> Option<String> {
        if self.counts.is_empty() {
            return None;
        }
        let metrics: Vec<Value> =
            self.counts.keys().map(|metric| json!({ "Name": metric.name, "Unit": metric.unit })).collect();
        let mut line = self.fields();
        line.insert("Function".to_owned(), function.into());
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics });
        line.insert("_aws".to_owned(), json!({ "Timestamp": now, "CloudWatchMetrics": [directive] }));
        Some(Value::Object(line).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_explained() {
        let names: BTreeSet<&str> = ALL.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(ALL.len() <= 100, "one line of embedded metrics takes no more");
        for metric in ALL {
            assert!(metric.meaning.ends_with('.'), "{metric:?}");
            assert!(["Count", "Bytes", "Seconds", "None"].contains(&metric.unit), "{metric:?}");
        }
    }

    #[test]
    fn counts_of_parts_add_up_and_of_quantities_the_largest_counts() {
        let (mut all, mut part) = (Counts::default(), Counts::default());
        part.add(OBJECTS, 2);
        part.largest(LAG_SECONDS, 300);
        all.merge(&part);
        all.merge(&part);
        assert_eq!((all.get(OBJECTS), all.get(LAG_SECONDS)), (4, 300));
    }

    #[test]
    fn a_line_declares_every_count_that_it_holds() {
        let mut counts = Counts::default();
        assert_eq!(counts.embedded("f", 1), None);
        counts.add(OBJECTS, 3);
        counts.add(PROBLEMS, 0);
        counts.largest(LAG_SECONDS, 7);
        counts.largest(LAG_SECONDS, 5);
        let line: Value = serde_json::from_str(&counts.embedded("f", 1).unwrap()).unwrap();
        assert_eq!(
            (&line["Objects"], &line["LagSeconds"], &line["Problems"]),
            (&3.into(), &7.into(), &Value::Null)
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64());
        }
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 2);
    }
}
