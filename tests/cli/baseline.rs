//! `kmswatch baseline export` and `import`, from state file to state file.

use crate::logs::{Logs, decrypt, event, run, run_with};
use serde_json::{Value, json};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

/// The state after a replay of these logs.
fn saved(logs: &str, state: &str) {
    let said = run(&["replay", "--quiet", "--format", "jsonl", "--save", state, logs]);
    assert!(said.status < 2, "{}", said.err);
}

fn good(args: &[&str]) -> String {
    let said = run(args);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{args:?}");
    said.out
}

#[test]
fn what_is_exported_and_imported_is_the_same_to_the_byte_and_says_nothing_new_again() {
    let files = Logs::new();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    saved(SAMPLE, &path("a.state"));
    let exported = good(&["baseline", "export", "--state", &path("a.state")]);
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let n = lines.len() - 1;
    assert_eq!(lines[0], json!({"kmswatch_baseline": 1, "entities": n}));
    assert!(lines[1..].iter().all(|line| line["id"].is_string() && line["state"].is_object()));
    assert_eq!(good(&["baseline", "export", "--out", &path("a.jsonl"), "--state", &path("a.state")]), "");
    assert_eq!(std::fs::read_to_string(path("a.jsonl")).unwrap(), exported);

    let said = good(&["baseline", "import", &path("a.jsonl"), "--state", &path("b.state")]);
    assert!(said.starts_with(&format!("{n} of {n} entities are new in ")), "{said}");
    assert!(good(&["baseline", "export", "--state", &path("b.state")]) == exported);
    let before = std::fs::read(path("b.state")).unwrap();
    let said = run_with(exported.as_bytes(), &["baseline", "import", "-", "--state", &path("b.state")]);
    assert!(said.out.contains(&format!("of {n} nothing was new")), "{}", said.out);
    assert!(std::fs::read(path("b.state")).unwrap() == before);
    for what in ["alias/payments/tokens", "role/settlement"] {
        let show = |state: &str| good(&["baseline", "show", what, "--state", &path(state)]);
        assert_eq!(show("a.state"), show("b.state"));
    }
}

#[test]
fn import_merges_and_overwrites_nothing() {
    let files = Logs::new();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let (first, second) = (Logs::new(), Logs::new());
    first.object(8, &[decrypt(1, "2026-05-04T08:00:00Z")]);
    let alias = json!({"aliasName": "alias/late", "targetKeyId": crate::logs::KEY});
    second.object(10, &[event(2, "2026-05-04T10:00:00Z", "CreateAlias", alias)]);
    for (logs, state) in [(&first, "first.state"), (&second, "second.state")] {
        saved(logs.path().to_str().unwrap(), &path(state));
    }
    good(&["baseline", "export", "--state", &path("second.state"), "--out", &path("second.jsonl")]);
    let said = good(&["baseline", "import", &path("second.jsonl"), "--state", &path("first.state")]);
    assert!(said.starts_with("0 of 3 entities are new in "), "{said}");
    assert!(said.contains("3 were merged with what was known"), "{said}");
    let shown =
        good(&["baseline", "show", "alias/late", "--format", "json", "--state", &path("first.state")]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert!(
        shown["state"].to_string().contains("2026-05-04T08") || shown.to_string().contains("Decrypt"),
        "{shown:#}"
    );
}

#[test]
fn what_is_no_export_changes_nothing() {
    let files = Logs::new();
    let state = files.path().join("kms.state");
    let state = state.to_str().unwrap();
    for text in ["", "{}", "{\"kmswatch_baseline\":1,\"entities\":2}\n"] {
        let said = run_with(text.as_bytes(), &["baseline", "import", "-", "--state", state]);
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        assert!(said.err.contains("nothing was changed"), "{}", said.err);
    }
    assert!(!files.path().join("kms.state").exists());
    let said = run(&["baseline", "import", "x.jsonl"]);
    assert!(said.status == 2 && said.err.contains("--state"), "{}", said.err);
}

#[test]
fn it_is_shown_with_whom_a_principal_is_compared() {
    for (who, among) in [
        ("role/fraud-score-batch", "judged    among jobs, since it keeps to a schedule"),
        ("role/merchant-portal", "judged    among workloads"),
        ("role/AWSReservedSSO_Developer_56078bc485787056", "judged    among people"),
    ] {
        let shown = good(&["baseline", "show", who, SAMPLE]);
        assert!(shown.contains(among), "{shown}");
    }
}
