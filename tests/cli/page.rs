//! The page of `kmswatch replay --report` in a browser: clicked through, and with hostile text in every field.
//!
//! Needs Python 3.9 with `venv`, PyPI the first time (Playwright, pinned by `page/requirements.txt`), and a Chromium that
//! is installed or named by `CHROMIUM`. Without them these tests fail and say so, unless `NO_BROWSER` is set, which says
//! that there is none and that nobody shall look.

use super::logs::{ACCOUNT, Logs, event, run};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const REQUIREMENTS: &str = include_str!("page/requirements.txt");
const NEEDS: &str = "the tests of the page look at it in a browser, for which they need Python 3.9 or later with its module venv \
                     (Debian: python3-venv), PyPI the first time, and Chromium (Debian: chromium or \
                     chromium-headless-shell; or name another by CHROMIUM)";

/// The virtual environment with Playwright, made if it is not there.
fn python() -> &'static Path {
    static ONCE: OnceLock<PathBuf> = OnceLock::new();
    ONCE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
        let (done, python) = (folder.join("installed.txt"), folder.join("bin/python"));
        if fs::read_to_string(&done).is_ok_and(|installed| installed == REQUIREMENTS) {
            return python;
        }
        let _ = fs::remove_dir_all(&folder);
        let said = |command: &mut Command| {
            let output = command.output().unwrap_or_else(|error| panic!("{NEEDS}: {error}"));
            assert!(output.status.success(), "{NEEDS}: {}", String::from_utf8_lossy(&output.stderr));
        };
        said(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        let wanted = folder.join("requirements.txt");
        fs::write(&wanted, REQUIREMENTS).unwrap();
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        said(Command::new(&python).args(install).arg(&wanted));
        fs::write(&done, REQUIREMENTS).unwrap();
        python
    })
}

/// A Chromium.
fn browser() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        names.iter().flat_map(|name| std::env::split_paths(&folders).map(move |folder| folder.join(name)));
    found.into_iter().find(|file| file.is_file()).unwrap_or_else(|| panic!("{NEEDS}: no browser in PATH"))
}

/// Whether somebody has said that there is no browser here.
fn has_none() -> bool {
    let none = std::env::var_os("NO_BROWSER").is_some();
    if none {
        println!("NO_BROWSER is set: nobody looks at the page");
    }
    none
}

/// Looks at a page; what is not as it should be ends the test.
fn browse(what: &str, page: &Path) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cli/page/browse.py");
    let output = Command::new(python()).arg(script).arg(browser()).arg(what).arg(page).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The page of these logs.
fn page(logs: &Path, folder: &Path) -> PathBuf {
    let page = folder.join("page.html");
    let said =
        run(&["replay", "--format", "jsonl", "--report", page.to_str().unwrap(), logs.to_str().unwrap()]);
    assert!(said.status < 2, "{}", said.err);
    page
}

#[test]
fn the_page_of_the_sample_can_be_clicked_through_typed_through_and_printed() {
    if has_none() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart");
    let page = page(&sample, folder.path());
    browse("tour", &page);
    let visited: Value = serde_json::from_str(&browse("crawl", &page)).unwrap();
    assert!(visited["visited"].as_u64().unwrap() > 100, "{visited}");
}

/// What somebody would write into a log who knows that it ends on a page.
const HOSTILE: [&str; 22] = [
    "<script>window.pwned1=1</script>",
    "</script><script>window.pwned2=1</script>",
    "<!--<script>window.pwned3=1//",
    "]]></script><img src=x onerror=\"window.pwned4=1\">",
    "\"><svg onload=window.pwned5=1>",
    "' onmouseover='window.pwned6=1",
    "javascript:window.pwned7=1",
    "data:text/html,<script>window.pwned8=1</script>",
    "</title><base href=https://evil.example/>",
    "</style><style>*{display:none}</style>",
    "<meta http-equiv=refresh content=0;url=https://evil.example/>",
    "<iframe srcdoc='<script>top.pwned9=1</script>'>",
    "{{constructor.constructor('window.pwned10=1')()}}${window.pwned11=1}",
    "__proto__",
    "constructor",
    "\\u003cscript\\u003e&lt;script&gt;%3Cscript%3E",
    "\u{202e}gpj.exe\u{2066}\u{200b}\u{feff}",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}\u{30c}Z\u{335}\u{321}",
    "line\nbreak\ttab\u{0}nul\u{1b}[31m\u{2028}\u{2029}",
    "#/finding/../../..?x=1&y=%00%ff",
    "مرحبا بالعالم עברית 東京 🗝️",
    "`$(window.pwned12)` : aws kms delete --all",
];

#[test]
fn nothing_out_of_a_log_runs_shows_as_markup_or_breaks_the_layout() {
    if has_none() {
        return;
    }
    let logs = Logs::new();
    let long = "W".repeat(5_000);
    let mut events = Vec::new();
    for (n, text) in (0..).zip(HOSTILE.into_iter().chain([long.as_str()])) {
        events.extend(hostile(n, text));
    }
    logs.object(11, &events);
    let page = page(logs.path(), logs.path());
    let html = fs::read_to_string(&page).unwrap();
    // The data blocks, the script: nobody has opened or closed another element.
    assert_eq!(html.matches("<script").count(), html.matches("</script>").count());
    let blocks = html.matches("<script type=\"application/").count();
    assert_eq!(html.matches("<script").count() - blocks, 1, "one script");
    let visited: Value = serde_json::from_str(&browse("crawl", &page)).unwrap();
    assert!(visited["visited"].as_u64().unwrap() > 100, "{visited}");
}

/// Events that bring `text` wherever a caller can bring one: and for those that cannot, wherever a forged log could.
fn hostile(n: u32, text: &str) -> Vec<Value> {
    let key = format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/{n}-{text}");
    let mut made = Vec::new();
    let mut add = |name: &str, request: Value| {
        let at = format!("2026-05-04T10:{:02}:{:02}Z", made.len(), n);
        let mut event = event(n * 100 + u32::try_from(made.len()).unwrap(), &at, name, request);
        event["eventID"] = json!(format!("{n}-{}-{text}", made.len()));
        event["userAgent"] = json!(text);
        event["userIdentity"]["arn"] =
            json!(format!("arn:aws:sts::{ACCOUNT}:assumed-role/R{n}{text}/{text}"));
        event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] =
            json!(format!("arn:aws:iam::{ACCOUNT}:role/R{n}{text}"));
        event["userIdentity"]["accessKeyId"] = json!(format!("AKIA{text}"));
        event["resources"][0]["ARN"] = json!(key);
        made.push(event);
    };
    add("CreateAlias", json!({"aliasName": format!("alias/{n}{text}"), "targetKeyId": key}));
    add(
        "Decrypt",
        json!({"keyId": text, "encryptionContext": {"aws:s3:arn": format!("arn:aws:s3:::b/{text}"), text: text}}),
    );
    add(
        "PutKeyPolicy",
        json!({"keyId": key, "policy": json!({"Version": "2012-10-17", "Statement": [
        {"Sid": text, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}]}).to_string()}),
    );
    add(
        "CreateGrant",
        json!({"keyId": key, "granteePrincipal": format!("arn:aws:iam::999988887777:role/{text}"), "operations": ["Decrypt", text]}),
    );
    add("TagResource", json!({"keyId": key, "tags": [{"tagKey": text, "tagValue": text}]}));
    add("ScheduleKeyDeletion", json!({"keyId": key, "pendingWindowInDays": 7}));
    add("Decrypt", json!({"keyId": key}));
    let refused = made.last_mut().unwrap();
    refused["errorCode"] = json!("KMSInvalidStateException");
    refused["errorMessage"] = json!(format!("{key} {text} is pending deletion."));
    made
}

#[test]
fn a_page_of_keys_alone_is_a_page_too() {
    if has_none() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart");
    let said = run(&["report", "--format", "html", sample.to_str().unwrap()]);
    let page = folder.path().join("keys.html");
    fs::write(&page, said.out).unwrap();
    browse("crawl", &page);
}

#[test]
fn standard_input_gives_the_page_that_a_file_gives_with_its_charts() {
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("all.json");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart/AWSLogs");
    fs::write(&log, documents(&sample)).unwrap();
    let made = |input: &[u8], path: &str| {
        let page = folder.path().join("page.html");
        let said =
            super::logs::run_with(input, &["replay", "--quiet", "--report", page.to_str().unwrap(), path]);
        assert_eq!((said.status, said.err.as_str()), (1, ""));
        fs::read_to_string(&page).unwrap()
    };
    let piped = made(&fs::read(&log).unwrap(), "-");
    let named = made(&[], log.to_str().unwrap());
    let block = |page: &str, id: &str| {
        let from = page.split_once(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}")).1;
        from.split_once("</script>").unwrap().0.to_owned()
    };
    for id in ["charts-0", "findings-0", "incidents-0", "keys-0"] {
        assert_eq!(block(&piped, id), block(&named, id), "{id}");
    }
}

/// All log files below a folder, by name, decompressed, one after the other.
fn documents(folder: &Path) -> Vec<u8> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut all = Vec::new();
    for path in entries {
        if path.is_dir() {
            all.extend(documents(&path));
        } else {
            let file = fs::File::open(&path).unwrap();
            flate2::read::GzDecoder::new(file).read_to_end(&mut all).unwrap();
        }
    }
    all
}
