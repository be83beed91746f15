//! The laws that every State keeps, as one check for the property tests.

use super::Merge;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// Checks, for values made of three parts of `events`, that merging is commutative, associative and idempotent,
/// that it gives what observing all events gives, in either direction, that the form in which it is stored is
/// the same to the byte, and that it comes back from it.
pub(crate) fn check<E: Clone, S>(
    events: &[E],
    cuts: [u8; 2],
    of: impl Fn(&[E]) -> S,
) -> Result<(), TestCaseError>
where
    S: Merge + Clone + Debug + PartialEq + Serialize + DeserializeOwned,
{
    let union = |x: &S, y: &S| {
        let mut x = x.clone();
        x.merge(y);
        x
    };
    let stored = |x: &S| serde_json::to_string(x).unwrap();
    let mut at = cuts.map(|cut| usize::from(cut) % (events.len() + 1));
    at.sort();
    let (a, b, c) = (of(&events[..at[0]]), of(&events[at[0]..at[1]]), of(&events[at[1]..]));
    let all = of(events);
    let mut backwards = events.to_vec();
    backwards.reverse();
    let backwards = of(&backwards);
    let merged = union(&union(&a, &b), &c);
    prop_assert_eq!(&merged, &all);
    prop_assert_eq!(&backwards, &all);
    prop_assert_eq!(&union(&a, &union(&b, &c)), &all);
    prop_assert_eq!(&union(&c, &union(&b, &a)), &all);
    prop_assert_eq!(&union(&all, &all), &all);
    prop_assert_eq!(&union(&all, &b), &all);
    prop_assert_eq!(&union(&b, &all), &all);
    prop_assert_eq!(stored(&merged), stored(&all));
    prop_assert_eq!(stored(&backwards), stored(&all));
    prop_assert_eq!(&serde_json::from_str::<S>(&stored(&all)).unwrap(), &all);
    Ok(())
}
