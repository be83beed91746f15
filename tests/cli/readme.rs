//! The README shows what the command really prints.

use super::logs::run;
use std::fs;
use std::path::Path;

#[test]
fn the_output_in_the_readme_is_real() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(top.join("README.md")).unwrap();
    let sample = top.join("samples/quickstart");
    let said = run(&["replay", "--format", "text", sample.to_str().unwrap()]);
    assert_eq!(said.status, 1, "{}", said.err);
    let block = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    // "…" on a line of its own stands for what is left out.
    for part in block.split("…\n") {
        assert!(said.out.contains(part), "not in the output:\n{part}\n\nthe output:\n{}", said.out);
    }
}
