//! `kmswatch baseline` on a table: shown, listed, exported, imported.

use super::emulator::Emulator;
use super::{kmswatch, output, sample, text};
use std::collections::BTreeMap;
use std::process::Output;

#[test]
fn a_table_is_shown_and_exported_as_a_state_file_is_and_import_merges() {
    let emulator = Emulator::moto();
    let scratch = tempfile::TempDir::new().unwrap();
    let folder = scratch.path().join("logs");
    sample(&emulator, &folder);
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    for table in ["kmswatch", "other"] {
        emulator.drive(&["table", table], "").unwrap();
    }
    let run = |args: &[&str]| -> Output {
        output(emulator.point(&mut kmswatch(args)).env("KMSWATCH_TABLE", "kmswatch"))
    };
    let good = |args: &[&str]| -> String {
        let said = run(args);
        assert!(said.status.code() <= Some(1) && said.stderr.is_empty(), "{args:?}: {}", text(&said.stderr));
        text(&said.stdout)
    };
    let logs = folder.to_str().unwrap();
    good(&["replay", "--quiet", "--format", "jsonl", "--save", &path("kms.state"), logs]);
    good(&["baseline", "bootstrap", "--quiet", logs]);

    // What is in the table is what is in the file.
    let table = good(&["baseline", "export", "--table", "kmswatch"]);
    let file = good(&["baseline", "export", "--state", &path("kms.state")]);
    assert!(table == file, "{} and {} bytes", table.len(), file.len());
    assert_eq!(
        good(&["baseline", "list", "--table", "kmswatch"]),
        good(&["baseline", "list", "--state", &path("kms.state")])
    );
    let listed = good(&["baseline", "list", "--table", "kmswatch"]);
    let entity = listed.lines().nth(1).unwrap().split_whitespace().last().unwrap();
    for format in ["text", "json"] {
        let show =
            |place: &str, name: &str| good(&["baseline", "show", entity, "--format", format, place, name]);
        assert_eq!(show("--table", "kmswatch"), show("--state", &path("kms.state")));
    }

    // Into an empty table everything is new, and again nothing is; the items are those of the first.
    std::fs::write(path("all.jsonl"), &table).unwrap();
    let import = || good(&["baseline", "import", &path("all.jsonl"), "--table", "other"]);
    let n = table.lines().count() - 1;
    assert!(n > 20, "{n}");
    assert!(import().starts_with(&format!("{n} of {n} entities are new in other")));
    assert!(import().contains(&format!("of {n} nothing was new")));
    let items = |name: &str| -> BTreeMap<String, String> {
        let all = serde_json::from_value(emulator.drive(&["dump", name], "").unwrap());
        let all: BTreeMap<String, String> = all.unwrap();
        let is_state = |name: &str| {
            ["key#", "principal#", "account#", "alias#"].iter().any(|kind| name.starts_with(kind))
        };
        all.into_iter().filter(|(name, _)| is_state(name)).collect()
    };
    assert_eq!(items("other"), items("kmswatch"));

    let said = run(&["baseline", "list", "--table", "none"]);
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).contains("cannot read the table"), "{}", text(&said.stderr));
}
