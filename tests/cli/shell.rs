//! Completions and manual pages.

use crate::logs::{Logs, run};
use std::fs;
use std::process::Command;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let said = run(&["completions", shell]);
        assert_eq!((said.status, said.err.as_str()), (0, ""), "{shell}");
        for word in ["replay", "explain", "budgets"] {
            assert!(said.out.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn bash_completes_with_the_script() {
    let files = Logs::new();
    let script = files.file("kmswatch.bash", run(&["completions", "bash"]).out);
    let asks = format!(
        "source {}; COMP_WORDS=(kmswatch expl); COMP_CWORD=1; _kmswatch kmswatch expl kmswatch; echo ${{COMPREPLY[@]}}",
        script.display()
    );
    let Ok(output) = Command::new("bash").args(["--norc", "-c", &asks]).output() else {
        println!("no bash here");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "explain");
}

#[test]
fn there_is_a_page_for_every_command() {
    let files = Logs::new();
    let folder = files.path().to_str().unwrap();
    let said = run(&["man", "--out", folder]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    for (page, words) in
        [("kmswatch", "misuse"), ("kmswatch-replay", "Exit status"), ("kmswatch-baseline-show", "alias")]
    {
        let text = fs::read_to_string(files.path().join(format!("{page}.1"))).unwrap();
        assert!(text.starts_with(".ie") && text.contains(words), "{page}: {text}");
    }
    let shown = run(&["man"]);
    assert_eq!(shown.out, fs::read_to_string(files.path().join("kmswatch.1")).unwrap());
    let said = run(&["man", "--out", "/nowhere"]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("cannot write to /nowhere"), "{}", said.err);
}
