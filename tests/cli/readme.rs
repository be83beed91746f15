//! The README shows what the command really prints.

use super::logs::run;
use std::fs;
use std::path::Path;

#[test]
fn the_output_in_the_readme_is_real() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(top.join("README.md")).unwrap();
    let sample = top.join("samples/quickstart");
    let blocks: Vec<&str> =
        readme.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 2);
    for (block, more) in blocks.into_iter().zip([None, Some("--incidents")]) {
        let arguments = ["replay", "--format", "text", sample.to_str().unwrap()];
        let said = run(&arguments.into_iter().chain(more).collect::<Vec<_>>());
        assert_eq!(said.status, 1, "{}", said.err);
        // "…" on a line of its own stands for what is left out.
        for part in block.split("…\n") {
            assert!(said.out.contains(part), "not in the output:\n{part}\n\nthe output:\n{}", said.out);
        }
    }
}
