//! What is sooner misuse than something else that is as rare.
//!
//! Divided evenly, a budget is spent on what estates show most: jobs that catch up, with the counts of the keys that they
//! use, and what services of AWS do. So evidence is weighted before it is known (p-value weighting: Genovese, Roeder and
//! Wasserman 2006): C grows by a prior. Whatever the priors, the budget is kept, since the threshold is set by incidents that
//! have them, too; good ones find more for the same budget.
//!
//! They are rounded, and chosen on twenty simulated organisations (seeds 1 to 15, of which five without attacks, too;
//! `crates/README.md` has the figures). What they say:
//!
//! * Of a key's count, its users have counts of their own, of which more is known.
//! * A job that does more of the same at its own hours catches up, nearly always.
//! * More all day long is not the work of a job, and first uses, odd hours, refusals and trials are what intruders cannot do
//!   without; what releases secrets is what they come for.

use super::sign::{Group, QUIET_HOUR};
use crate::baseline::budget::{Family, Span};
use crate::measures;

/// What is added to C for the peaks of a family of this group (log10; 0 for other counts of people and workloads).
pub(super) fn of(family: &Family, group: Group) -> f64 {
    let (class, id) = family.measure().split_once('/').unwrap_or_default();
    let of_class = match class {
        "key" if id == measures::decrypts::MEASURE.id => -2.0,
        "job" => -1.5,
        "service" => -1.0,
        _ => 0.0,
    };
    let releases = [measures::decrypts::MEASURE.id, measures::resources_decrypted::MEASURE.id].contains(&id);
    let of_evidence = match family.span() {
        Span::Novelty if id == super::sign::FIRST_USES_CRITICAL => 0.75,
        Span::Novelty | Span::Drift => 0.5,
        _ if id == QUIET_HOUR || group == Group::Denials => 0.5,
        Span::SpreadDay => 0.5,
        _ => 0.0,
    };
    of_class + of_evidence + if releases { 0.25 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior(measure: &str, span: Span) -> f64 {
        super::super::kind_of(&Family::new(measure, span)).prior
    }

    #[test]
    fn a_count_of_a_job_or_a_key_weighs_less_than_one_of_a_workload() {
        for span in [Span::Hour, Span::SixHours, Span::Day, Span::SpreadDay, Span::Drift] {
            let [workload, job, key] =
                ["principal", "job", "key"].map(|class| prior(&format!("{class}/decrypts"), span));
            assert!(key < job && job < workload, "{span:?}: {key} {job} {workload}");
        }
    }

    #[test]
    fn how_many_use_a_key_weighs_as_much_as_before() {
        assert_eq!(prior("key/principals", Span::Hour), 0.0);
        assert_eq!(prior("principal/encrypts", Span::Hour), 0.0);
    }

    #[test]
    fn what_intruders_cannot_do_without_weighs_more() {
        let count = prior("principal/management_calls", Span::Hour);
        for (measure, span) in [
            ("person/quiet_hour", Span::Hour),
            ("principal/first_uses", Span::Novelty),
            ("principal/dry_runs", Span::Hour),
            ("principal/denied_share", Span::Hour),
            ("principal/decrypts", Span::SpreadDay),
            ("principal/decrypts", Span::Drift),
        ] {
            assert!(prior(measure, span) > count, "{measure} {span:?}");
        }
        assert!(prior("key/first_uses_critical", Span::Novelty) > prior("key/first_uses", Span::Novelty));
        assert!(prior("principal/decrypts", Span::SpreadDay) > prior("principal/decrypts", Span::Day));
    }
}
