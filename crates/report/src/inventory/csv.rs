//! The inventory as a table: a line for each key and user.

use super::{Inventory, KeyEntry, User};
use std::collections::BTreeMap;
use std::io::Write;

/// Columns, in order. Columns are added at the end, never renamed.
pub const COLUMNS: [&str; 27] = [
    "key_arn",
    "aliases",
    "account",
    "region",
    "origin",
    "manager",
    "spec",
    "multi_region",
    "state",
    "rotation",
    "key_first_use",
    "key_last_use",
    "key_uses_per_day",
    "resources",
    "key_errors",
    "key_cost_usd_per_month",
    "principal",
    "principal_kind",
    "principal_account",
    "via_service",
    "calls",
    "uses",
    "operations",
    "errors",
    "first",
    "last",
    "last_use",
];

/// Writes the table. A key without users has one line of its own.
///
/// # Errors
/// If `out` cannot be written to.
pub fn write(out: impl Write, inventory: &Inventory) -> std::io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    for key in &inventory.keys {
        let own = of_key(key);
        if key.users.is_empty() {
            line(&mut table, &own, vec![String::new(); COLUMNS.len() - own.len()])?;
        }
        for user in &key.users {
            line(&mut table, &own, of_user(user))?;
        }
    }
    table.flush()
}

fn line(table: &mut csv::Writer<impl Write>, own: &[String], of_user: Vec<String>) -> std::io::Result<()> {
    let cells = own.iter().cloned().chain(of_user);
    Ok(table.write_record(cells.map(harmless))?)
}

fn of_key(key: &KeyEntry) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let time =
        |time: Option<kmswatch_engine::time::Timestamp>| time.map_or(String::new(), |time| time.to_string());
    let rotation = match key.rotation.automatic {
        Some(true) => "on",
        Some(false) => "off",
        None => "",
    };
    vec![
        key.arn.clone(),
        key.aliases.join(" "),
        key.account.clone(),
        key.region.clone(),
        text(&key.origin),
        text(&key.manager),
        text(&key.spec.spec),
        key.multi_region.to_string(),
        key.state.words().to_owned(),
        rotation.to_owned(),
        time(key.first_use),
        time(key.last_use),
        format!("{:.2}", key.uses_per_day),
        counts(&key.resources),
        counts(&key.errors),
        format!("{:.4}", key.cost.total()),
    ]
}

fn of_user(user: &User) -> Vec<String> {
    vec![
        user.principal.clone(),
        user.kind.to_owned(),
        user.account.clone(),
        user.via.clone(),
        user.calls.to_string(),
        user.uses.to_string(),
        counts(&user.operations),
        counts(&user.errors),
        user.first.to_string(),
        user.last.to_string(),
        user.last_use.map_or(String::new(), |time| time.to_string()),
    ]
}

/// `Decrypt=4 Encrypt=1`
fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let parts: Vec<String> =
        counts.iter().map(|(name, n)| format!("{}={n}", name.replace(' ', "_"))).collect();
    parts.join(" ")
}

/// A spreadsheet takes a cell that begins with one of these for a formula, and runs it. A table may also be looked at on a
/// terminal, which control characters could lead astray.
fn harmless(cell: String) -> String {
    let mut shown = String::with_capacity(cell.len());
    if cell.starts_with(['=', '+', '-', '@']) {
        shown.push('\'');
    }
    for c in cell.chars() {
        if c.is_control() { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{inventory, logs};

    fn written(inventory: &Inventory) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        write(&mut out, inventory).unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn there_is_a_line_for_each_user_and_every_line_has_all_columns() {
        let rows = written(&inventory(&[logs::decrypt("app", "k1", 0), logs::decrypt("other", "k1", 1)]));
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len()));
        assert!(rows[1][0].ends_with(":key/k1") && rows[1][16].ends_with("role/app"), "{rows:?}");
    }

    #[test]
    fn a_cell_never_begins_like_a_formula() {
        for text in ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)"] {
            assert!(harmless(text.to_owned()).starts_with('\''));
        }
        assert_eq!(harmless("\t=1\u{1b}[2J".to_owned()), r"\u{9}=1\u{1b}[2J");
        assert_eq!(harmless("arn:aws:kms".to_owned()), "arn:aws:kms");
    }
}
