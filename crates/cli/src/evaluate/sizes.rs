//! `--show sizes`: how large States are when they are stored, at the end of a run.

use super::statement::Class;
use super::text::paragraph;
use crate::output::figures::grouped;
use crate::output::numbers::quantile;
use crate::output::table::Table;
use kmswatch_engine::state::{States, stored};
use serde::Serialize;
use std::io::{self, Write};

/// The stored form of one entity's State.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// `None` for an account.
    pub(crate) class: Option<Class>,
    pub(crate) bytes: usize,
}

/// The sizes of all States; one that cannot be stored has none.
pub(crate) fn of(states: &States) -> Vec<Size> {
    let size = |class, bytes: Option<usize>| bytes.map(|bytes| Size { class, bytes });
    let keys = states.keys.values().filter_map(|state| size(Some(Class::Key), length(state)));
    let principals =
        states.principals.iter().filter_map(|(id, state)| size(Some(Class::of(id)), length(state)));
    let accounts = states.accounts.values().filter_map(|state| size(None, length(state)));
    keys.chain(principals).chain(accounts).collect()
}

fn length<T: Serialize>(state: &T) -> Option<usize> {
    stored::encode(state).ok().map(|bytes| bytes.len())
}

/// A line of the table.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Line {
    what: &'static str,
    entities: usize,
    /// Bytes: median, nine in ten, the largest.
    bytes: [usize; 3],
    /// Bytes of all, for one organisation.
    all: usize,
}

/// Sums up.
pub(crate) fn lines(all: &[Vec<Size>]) -> Vec<Line> {
    let classes =
        Class::ALL.map(|class| (Some(class), class.plural())).into_iter().chain([(None, "accounts")]);
    classes
        .filter_map(|(class, what)| {
            let sizes = all.iter().flatten().filter(|size| size.class == class);
            let bytes: Vec<f64> = sizes.map(|size| size.bytes as f64).collect();
            let at = |q| quantile(&bytes, q).map(|bytes| bytes.round() as usize);
            Some(Line {
                what,
                entities: bytes.len(),
                bytes: [at(0.5)?, at(0.9)?, at(1.0)?],
                all: (bytes.iter().sum::<f64>() / all.len().max(1) as f64).round() as usize,
            })
        })
        .collect()
}

/// Writes the table.
pub(crate) fn write(out: &mut dyn Write, lines: &[Line]) -> io::Result<()> {
    let mut table = Table::new(["State of", "n", "median", "9 in 10", "largest", "an organisation"]);
    for line in lines {
        let cells = [line.what.to_owned(), grouped(line.entities as u64)];
        let bytes = line.bytes.iter().chain([&line.all]).map(|bytes| grouped(*bytes as u64));
        table.row(cells.into_iter().chain(bytes));
    }
    table.write(out)?;
    paragraph(out, "Bytes of the stored form of one entity (deflated), at the end of the run.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_largest_are_of_all_organisations_and_the_sum_of_one() {
        let of = |bytes| Size { class: Some(Class::Key), bytes };
        let lines = lines(&[vec![of(100), of(300)], vec![of(200)]]);
        assert_eq!(lines, [Line { what: "keys", entities: 3, bytes: [200, 280, 300], all: 300 }]);
    }
}
