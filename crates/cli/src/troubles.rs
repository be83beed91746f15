//! What could not be read, and what was left aside: kept in words up to a bound, counted without one.

use serde::Serialize;

/// Something in one input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InputProblem {
    /// The input, as it was named or found.
    pub(crate) input: String,
    /// Index of the record, if it concerns one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<u64>,
    /// Byte offset in the decompressed object, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// What is wrong.
    pub(crate) message: String,
}

impl InputProblem {
    /// A problem of the input as a whole.
    pub(crate) fn whole(input: impl Into<String>, message: impl Into<String>) -> InputProblem {
        InputProblem { input: input.into(), record: None, offset: None, message: message.into() }
    }
}

/// A list that keeps its first members and counts the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First<T> {
    /// The first [`First::KEPT`] of them.
    pub(crate) items: Vec<T>,
    /// All of them.
    pub(crate) count: u64,
}

impl<T> Default for First<T> {
    fn default() -> Self {
        First { items: Vec::new(), count: 0 }
    }
}

impl<T> First<T> {
    /// Members kept: more than anybody reads, little enough for any memory.
    pub(crate) const KEPT: usize = 1_000;

    /// Adds one at the end.
    pub(crate) fn push(&mut self, item: T) {
        self.count += 1;
        if self.items.len() < Self::KEPT {
            self.items.push(item);
        }
    }

    /// Adds members of which only the first may be known, but not their number.
    pub(crate) fn extend_counted(&mut self, items: impl IntoIterator<Item = T>, count: u64) {
        let count = self.count + count;
        items.into_iter().for_each(|item| self.push(item));
        self.count = count;
    }
}

/// Everything that did not go as planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Troubles {
    /// What could not be read. Any of it makes the exit status 2.
    pub(crate) problems: First<InputProblem>,
    /// Inputs and paths of which nothing was read: the engine's own account does not hold them.
    pub(crate) unread: u64,
    /// Files in folders that were not read, by their name.
    pub(crate) ignored: First<String>,
    /// Files in folders that were read and are no logs of CloudTrail.
    pub(crate) not_logs: First<String>,
}

impl Troubles {
    /// Notes an input or path of which nothing was read.
    pub(crate) fn unread(&mut self, problem: InputProblem) {
        self.unread += 1;
        self.problems.push(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let mut first = First::default();
        (0..3_000).for_each(|n| first.push(n));
        assert_eq!((first.items.len(), first.count), (1_000, 3_000));
        first.extend_counted([1, 2], 500);
        assert_eq!((first.items.len(), first.count), (1_000, 3_500));
    }
}
