//! What comes out of a replay.

use crate::logs::{
    ACCOUNT, KEY, Logs, assert_accounted, container, decrypt, deletion, elsewhere, golden, replay, run,
    run_with,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A day in which a key is scheduled for deletion between usual events.
fn day() -> (Logs, Vec<PathBuf>) {
    let logs = Logs::new();
    let paths = vec![
        logs.object(10, &[decrypt(1, "2026-05-04T10:00:10Z"), elsewhere(2, "2026-05-04T10:00:20Z")]),
        logs.object(11, &[deletion(3, "2026-05-04T11:00:30Z")]),
        logs.object(
            12,
            &[
                decrypt(4, "2026-05-04T12:00:00Z"),
                decrypt(5, "2026-05-04T12:01:00Z"),
                elsewhere(6, "2026-05-04T12:02:00Z"),
            ],
        ),
        logs.file(
            "export.ndjson",
            format!("{}\n{}\n", deletion(7, "2026-05-04T09:00:00Z"), decrypt(8, "2026-05-04T09:30:00Z")),
        ),
        logs.file("plain/later.json", container(&[deletion(9, "2026-05-05T09:00:00Z")])),
    ];
    (logs, paths)
}

fn refs(paths: &[PathBuf]) -> Vec<&Path> {
    paths.iter().map(PathBuf::as_path).collect()
}

#[test]
fn a_scheduled_deletion_is_found_with_who_and_which_key() {
    let logs = Logs::new();
    let path = logs.object(11, &[deletion(3, "2026-05-04T11:00:30Z")]);
    let (said, summary) = replay(&[&path], &[]);
    assert_eq!((said.status, said.err.as_str()), (1, ""));
    let findings = said.findings();
    assert!(!findings.is_empty());
    let finding = &findings[0];
    assert_eq!(finding["key"]["arn"], KEY);
    assert_eq!(finding["account"], ACCOUNT);
    assert_eq!(finding["principal"]["id"], format!("arn:aws:iam::{ACCOUNT}:role/Admin"));
    assert_eq!(finding["principal"]["session"], "mallory");
    assert_eq!(finding["time"]["start"], "2026-05-04T11:00:30Z");
    assert_eq!(finding["evidence"]["event_ids"][0], "00000000-0000-4000-8000-000000000003");
    assert_eq!(summary["findings"], findings.len());
    assert_accounted(&summary);
}

#[test]
fn the_text_tells_all_that_is_needed() {
    let logs = Logs::new();
    let path = logs.object(11, &[deletion(3, "2026-05-04T11:00:30Z"), elsewhere(6, "2026-05-04T11:02:00Z")]);
    let said = run(&["replay", "--format", "text", "--verbose", path.to_str().unwrap()]);
    assert_eq!((said.status, said.err.as_str()), (1, ""));
    golden("deletion.txt", &said.out);
    assert!(!said.out.contains('\x1b'), "no colours in a pipe");
    let said = run(&["--color", "always", "replay", "--format", "text", path.to_str().unwrap()]);
    assert!(said.out.contains('\x1b'), "colours if asked for");
}

#[test]
fn nothing_found_is_status_0() {
    let logs = Logs::new();
    let path = logs.file("quiet.json", container(&[elsewhere(1, "2026-05-04T10:00:00Z")]));
    let (said, summary) = replay(&[&path], &[]);
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (0, "", ""));
    assert_eq!(summary["skipped"]["not_watched"], 1);
    let said = run(&["replay", "--format", "text", path.to_str().unwrap()]);
    assert!(said.out.starts_with("Nothing found."), "{}", said.out);
}

#[test]
fn any_order_of_arguments_and_any_number_of_threads_gives_the_same_bytes() {
    let (_logs, paths) = day();
    let (first, first_summary) = replay(&refs(&paths), &["--threads", "1"]);
    assert_eq!(first.status, 1);
    for (rotation, threads) in [(0, "2"), (1, "1"), (2, "2"), (3, "7"), (4, "3")] {
        let mut paths = refs(&paths);
        paths.rotate_left(rotation);
        if rotation % 2 == 1 {
            paths.reverse();
        }
        let (said, summary) = replay(&paths, &["--threads", threads]);
        assert_eq!(said.out, first.out);
        assert_eq!(summary, first_summary);
    }
}

#[test]
fn a_folder_says_what_its_files_say() {
    let (logs, paths) = day();
    let files = replay(&refs(&paths[..3]), &[]).0;
    let folder = replay(&[&logs.path().join("AWSLogs")], &[]).0;
    assert_eq!(files.out, folder.out);
}

#[test]
fn standard_input_is_read_like_a_file() {
    let events = [deletion(3, "2026-05-04T11:00:30Z")];
    let logs = Logs::new();
    let path = logs.file("log.json", container(&events));
    let from_file = run(&["replay", "--format", "jsonl", path.to_str().unwrap()]);
    for bytes in [container(&events), crate::logs::gzip(&container(&events))] {
        let said = run_with(&bytes, &["replay", "--format", "jsonl", "-"]);
        assert_eq!((said.status, &said.out), (1, &from_file.out));
    }
}

#[test]
fn the_same_file_again_under_another_name_changes_nothing_but_counts() {
    let (logs, paths) = day();
    let (once, mut once_summary) = replay(&refs(&paths), &[]);
    let copy = logs.path().join("copy.json.gz");
    std::fs::copy(&paths[2], &copy).unwrap();
    let mut with_copy = refs(&paths);
    with_copy.push(&copy);
    let (twice, mut twice_summary) = replay(&with_copy, &[]);
    assert_eq!(once.out, twice.out);
    assert_eq!(twice_summary["duplicates"], 2);
    assert_accounted(&twice_summary);
    for field in ["objects", "source_bytes", "bytes", "records", "duplicates", "skipped"] {
        assert_ne!(once_summary[field], twice_summary[field], "{field}");
        once_summary.as_object_mut().unwrap().remove(field);
        twice_summary.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(once_summary, twice_summary);
}

#[test]
fn paths_that_overlap_are_read_once() {
    let (logs, paths) = day();
    let (_, once) = replay(&[logs.path()], &[]);
    let inside = logs.path().join("AWSLogs/../AWSLogs");
    let (_, again) = replay(&[&inside, logs.path(), &paths[0], &paths[0], logs.path()], &[]);
    assert_eq!(once["records"], again["records"]);
    assert_eq!(once["objects"], again["objects"]);
}

#[test]
fn beside_awslogs_nothing_is_taken_for_a_log() {
    let logs = Logs::new();
    logs.object(11, &[decrypt(1, "2026-05-04T11:00:30Z")]);
    logs.file("README.md", "# A sample\n");
    logs.file("labels.json", "[{\"eventID\": \"1\", \"attack\": \"x\"}]\n");
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_eq!((said.status == 2, said.err.as_str()), (false, ""));
    assert_eq!(summary["ignored_files"]["count"], 2);
    assert_eq!(summary["problems"], 0);
    assert_eq!(summary["records"], 1);
}

#[test]
fn in_other_folders_what_is_no_log_is_told_and_is_no_problem() {
    let logs = Logs::new();
    logs.file("log.json", container(&[decrypt(1, "2026-05-04T11:00:30Z")]));
    let other = logs.file("package.json", "{\"name\": \"something else\"}\n");
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_ne!(said.status, 2, "{summary:#}");
    assert_eq!(summary["files_without_log"]["count"], 1);
    assert_eq!(summary["problems"], 0);
    // Named on the command line, it was meant to be one.
    let (said, summary) = replay(&[&other], &[]);
    assert_eq!((said.status, summary["problems"].as_u64()), (2, Some(1)));
    assert!(said.err.contains("package.json"), "{}", said.err);
}

#[test]
fn filters_leave_out_events_and_count_them() {
    let (_logs, paths) = day();
    let (said, summary) = replay(&refs(&paths), &["--since", "2026-05-05"]);
    assert!(said.findings().iter().all(|finding| finding["time"]["start"] == "2026-05-05T09:00:00Z"));
    assert_eq!(summary["kms_events"], 1);
    assert_accounted(&summary);
    let (said, summary) = replay(&refs(&paths), &["--account", "999988887777"]);
    assert_eq!((said.status, summary["kms_events"].as_u64()), (0, Some(0)));
    let (said, _) = replay(&refs(&paths), &["--region", "eu-central-1", "--region", "us-east-1"]);
    assert_eq!(said.status, 1);
}

#[test]
fn severity_chooses_what_is_shown_and_what_counts() {
    let logs = Logs::new();
    let path = logs.object(11, &[deletion(3, "2026-05-04T11:00:30Z")]);
    let (all, summary) = replay(&[&path], &[]);
    let worst = all.findings().iter().filter(|finding| finding["severity"] == "critical").count();
    let (said, shown) = replay(&[&path], &["--severity", "critical"]);
    assert_eq!(said.findings().len(), worst);
    assert_eq!(said.status, i32::from(worst > 0));
    assert_eq!(
        shown["findings"].as_u64().unwrap() + shown["findings_less_severe"].as_u64().unwrap(),
        summary["findings"].as_u64().unwrap()
    );
}

#[test]
fn findings_keep_to_the_schema() {
    let (_logs, paths) = day();
    let schema: Value = serde_json::from_str(&run(&["schema", "finding"]).out).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for finding in replay(&refs(&paths), &[]).0.findings() {
        let errors: Vec<String> = schema.iter_errors(&finding).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{finding:#}");
    }
}

#[test]
fn whoever_reads_the_output_may_stop_at_any_time() {
    use std::io::Read;
    use std::process::Stdio;
    let logs = Logs::new();
    // More findings than any pipe holds.
    let events: Vec<Value> = (0..400)
        .map(|n| {
            let mut event = deletion(n, "2026-05-04T11:00:30Z");
            let key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-{n:012}");
            event["requestParameters"]["keyId"] = key.clone().into();
            event["resources"][0]["ARN"] = key.into();
            event
        })
        .collect();
    let path = logs.object(11, &events);
    for format in ["text", "jsonl"] {
        let mut child = crate::logs::command(&["replay", "--format", format, path.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let end = child.wait_with_output().unwrap();
        assert_eq!(end.status.code(), Some(1), "{format}");
        assert_eq!(String::from_utf8_lossy(&end.stderr), "", "{format}");
    }
}
