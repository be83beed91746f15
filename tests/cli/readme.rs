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
    let commands: [(&[&str], i32); 4] = [
        (&["replay", "--format", "text"], 1),
        (&["replay", "--format", "text", "--incidents"], 1),
        (&["report", "--key", "alias/payments/card-data"], 0),
        (&["tune"], 0),
    ];
    assert_eq!(blocks.len(), commands.len());
    for (block, (arguments, status)) in blocks.into_iter().zip(commands) {
        let said = run(&[arguments, &[sample.to_str().unwrap()]].concat());
        assert_eq!(said.status, status, "{}", said.err);
        // "…" on a line of its own stands for what is left out.
        for part in block.split("…\n") {
            assert!(said.out.contains(part), "not in the output:\n{part}\n\nthe output:\n{}", said.out);
        }
    }
}
