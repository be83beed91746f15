//! What cannot be read is told and counted, and the rest goes on.

use crate::logs::{Logs, assert_accounted, container, decrypt, deletion, gzip, replay, run};

#[test]
fn a_gzip_file_that_breaks_off_gives_what_it_holds_and_a_problem() {
    let logs = Logs::new();
    let events: Vec<_> = (0..400).map(|n| decrypt(n, "2026-05-04T10:00:00Z")).collect();
    let whole = gzip(&container(&events));
    let broken = logs.file("broken.json.gz", &whole[..whole.len() / 2]);
    let good = logs.object(11, &[deletion(1_000, "2026-05-04T11:00:00Z")]);
    let (said, summary) = replay(&[&broken, &good], &[]);
    assert_eq!(said.status, 2);
    assert!(!said.findings().is_empty(), "the other file is read");
    assert!(said.err.contains("broken.json.gz"), "{}", said.err);
    assert!(summary["kms_events"].as_u64().unwrap() > 1, "records before the break are read: {summary:#}");
    assert!(summary["problems"].as_u64().unwrap() >= 1);
    assert_eq!(summary["problem_list"][0]["input"], broken.to_str().unwrap());
    assert_accounted(&summary);
}

#[test]
fn a_broken_record_is_told_with_its_place_and_the_others_are_read() {
    let logs = Logs::new();
    let mut bad = decrypt(2, "2026-05-04T10:00:00Z");
    bad["eventTime"] = "yesterday".into();
    let events = [decrypt(1, "2026-05-04T10:00:00Z"), bad, deletion(3, "2026-05-04T10:00:00Z")];
    let path = logs.file("log.json", container(&events));
    let (said, summary) = replay(&[&path], &[]);
    assert_eq!(said.status, 2);
    assert!(!said.findings().is_empty());
    assert_eq!((summary["broken_records"].as_u64(), summary["problems"].as_u64()), (Some(1), Some(1)));
    let problem = &summary["problem_list"][0];
    assert_eq!(problem["record"], 1);
    assert!(problem["offset"].as_u64().unwrap() > 0);
    assert!(problem["message"].as_str().unwrap().contains("eventTime"), "{problem:#}");
    assert_accounted(&summary);
}

#[test]
fn what_powershell_has_written_is_read() {
    let logs = Logs::new();
    let text = String::from_utf8(container(&[deletion(1, "2026-05-04T10:15:42Z")])).unwrap();
    let plain = replay(&[&logs.file("plain/log.json", &text)], &[]).0;
    for (mark, to_bytes) in [("\u{feff}", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("", u16::to_be_bytes)] {
        let bytes: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(to_bytes).collect();
        let folder = logs.file("utf16/log.json", bytes);
        let (said, _) = replay(&[folder.parent().unwrap()], &[]);
        assert_eq!((said.status, said.err.as_str(), &said.out), (1, "", &plain.out));
    }
}

#[test]
fn what_is_too_long_to_be_looked_at_is_a_problem_and_not_called_another_thing() {
    let logs = Logs::new();
    let config = logs.file("kmswatch.toml", "[limits]\nrecord_bytes = 2000\n");
    let mut long = deletion(1, "2026-05-04T10:15:42Z");
    long["userAgent"] = "x".repeat(4_000).into();
    let file = logs.file("logs/long.json", long.to_string());
    for path in [file.as_path(), file.parent().unwrap()] {
        let (said, summary) = replay(&[path], &["--config", config.to_str().unwrap()]);
        assert_eq!((said.status, &summary["problems"]), (2, &1.into()));
        assert!(said.err.contains("limits.record_bytes"), "{}", said.err);
    }
}

#[test]
fn a_path_that_is_not_there_is_a_problem_and_the_others_are_read() {
    let logs = Logs::new();
    let good = logs.object(11, &[deletion(1, "2026-05-04T11:00:00Z")]);
    let missing = logs.path().join("missing.json");
    let (said, summary) = replay(&[&missing, &good], &[]);
    assert_eq!(said.status, 2);
    assert!(!said.findings().is_empty());
    assert!(said.err.contains("missing.json"), "{}", said.err);
    assert_eq!(summary["unread_inputs"], 1);
}

#[cfg(unix)]
fn pipe(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn pipes_that_are_named_are_read_whole_however_many() {
    let logs = Logs::new();
    let paths = [logs.path().join("first"), logs.path().join("second")];
    let writers = paths.clone().into_iter().zip(1u32..).map(|(path, n)| {
        pipe(&path);
        // Opening a pipe waits for the reader.
        std::thread::spawn(move || {
            std::fs::write(path, container(&[deletion(n, "2026-05-04T11:00:00Z")])).unwrap();
        })
    });
    let writers: Vec<_> = writers.collect();
    let (said, summary) = replay(&[&paths[0], &paths[1]], &[]);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(said.status, 1, "{}", said.err);
    assert_eq!(summary["kms_events"], 2);
}

#[cfg(unix)]
#[test]
fn a_pipe_that_lies_in_a_folder_is_left_alone_and_told() {
    let logs = Logs::new();
    logs.file("good.json", container(&[deletion(1, "2026-05-04T11:00:00Z")]));
    pipe(&logs.path().join("pipe.json"));
    std::os::unix::fs::symlink("pipe.json", logs.path().join("link.json")).unwrap();
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_eq!(said.status, 1, "{}", said.err);
    assert_eq!(summary["ignored_files"]["count"], 2);
}

#[cfg(unix)]
#[test]
fn a_file_in_a_folder_that_cannot_be_opened_is_a_problem() {
    let logs = Logs::new();
    logs.file("good.json", container(&[deletion(1, "2026-05-04T11:00:00Z")]));
    std::os::unix::fs::symlink("nowhere", logs.path().join("dangling.json")).unwrap();
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_eq!(said.status, 2);
    assert!(!said.findings().is_empty());
    assert!(said.err.contains("dangling.json"), "{}", said.err);
    assert_eq!(summary["unread_inputs"], 1);
}

#[cfg(unix)]
#[test]
fn a_circle_of_links_ends() {
    let logs = Logs::new();
    logs.file("in/good.json", container(&[decrypt(1, "2026-05-04T11:00:00Z")]));
    std::os::unix::fs::symlink("..", logs.path().join("in/up")).unwrap();
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_ne!(said.status, 2, "{}", said.err);
    assert_eq!(summary["records"], 1);
}

#[test]
fn a_folder_without_logs_is_a_problem_and_no_all_clear() {
    let logs = Logs::new();
    logs.file("notes.txt", "nothing");
    let (said, summary) = replay(&[logs.path()], &[]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("no log files"), "{}", said.err);
    assert_eq!(summary["ignored_files"]["count"], 1);
}

#[test]
fn names_of_files_do_not_act_on_the_terminal() {
    let logs = Logs::new();
    let path = logs.file("a\x1b[2J.json", "{\"no\": \"log\"}");
    for format in ["text", "jsonl"] {
        let said = run(&["replay", "--format", format, path.to_str().unwrap()]);
        assert_eq!(said.status, 2);
        assert!(!said.out.contains('\x1b') && !said.err.contains('\x1b'), "{format}");
    }
}
