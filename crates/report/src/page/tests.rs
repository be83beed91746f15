use super::*;
use crate::golden::golden;
use crate::testing::{inventory, logs, read};
use crate::usage::Bounds;
use serde_json::{Value, json};

/// A page about one key that was used and then scheduled for deletion.
fn written(role: &str) -> String {
    let records = [
        logs::decrypt(role, "k1", 0),
        logs::with(
            logs::call("ScheduleKeyDeletion", role, "k1", 2),
            "/requestParameters",
            json!({"keyId": logs::arn("k1"), "pendingWindowInDays": 7}),
        ),
    ];
    let (watch, _) = read(&records, Bounds::default());
    let inventory = inventory(&records);
    let findings = watch.findings();
    let page = Page {
        version: "0.0.0",
        inputs: vec!["logs".to_owned()],
        now: inventory.as_of,
        summary: &watch.summary_with(&findings),
        findings: &findings,
        incidents: Some(&[]),
        hygiene: &hygiene::reports(&inventory),
        inventory: &inventory,
        charts: &[],
        problems: Vec::new(),
        notes: Vec::new(),
    };
    let mut out = Vec::new();
    page.write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The data of a page, block by block.
fn blocks(page: &str) -> Vec<(String, Value)> {
    page.split("<script type=\"")
        .skip(1)
        .map(|rest| {
            let (kind, rest) = rest.split_once("\" id=\"").unwrap();
            let (id, rest) = rest.split_once("\">").unwrap();
            (id.to_owned(), super::blocks::read(kind, rest.split_once("</script>").unwrap().0))
        })
        .collect()
}

#[test]
fn the_data_is_as_it_was() {
    let golden_file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page/golden.json");
    let blocks = serde_json::Map::from_iter(blocks(&written("app")));
    let now = format!("{:#}\n", Value::Object(blocks));
    golden(golden_file, &now);
}

#[test]
fn what_a_log_holds_cannot_end_the_block_it_stands_in() {
    let page = written("</script><script>alert(1)</script><!--");
    assert_eq!(page.matches("<script").count(), blocks(&page).len() + 1);
    assert!(!page.contains("alert(1)</script>") && !page.contains("<!--<"));
    assert!(page.contains("\\u003cscript>alert(1)"), "it is only escaped");
}

#[test]
fn a_large_block_is_packed_and_holds_the_same() {
    for n in [1, 10_000] {
        let data = vec!["</script><b>\u{20ac}"; n];
        let mut out = Vec::new();
        block(&mut out, "many", &data).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.contains("application/x-deflate"), n > 1);
        assert_eq!((text.matches('<').count(), text.len() < 1_000), (2, true), "{text}");
        assert_eq!(blocks(&text), [("many".to_owned(), json!(data))]);
    }
}

#[test]
fn the_policy_allows_the_script_and_the_style_of_the_page_and_nothing_else() {
    let page = written("app");
    let policy =
        page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = page.rsplit("<script>").next().unwrap().split("</script>").next().unwrap();
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
            hash(script),
            hash(style)
        )
    );
    for elsewhere in [
        "src=",
        "http-equiv=\"refresh",
        "@import",
        "url(",
        "innerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        let own = page
            .replace(include_str!("../../assets/uplot/uPlot.iife.min.js"), "")
            .replace(include_str!("../../assets/pako/pako_inflate.umd.min.js"), "");
        assert!(!own.contains(elsewhere), "{elsewhere}");
    }
}

/// The files of the npm packages uplot 1.6.32 and pako 3.0.3; `assets/check` compares them with these.
#[test]
fn the_libraries_are_those_of_their_packages() {
    let sha256 =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for (file, expected) in [
        (
            include_bytes!("../../assets/uplot/uPlot.iife.min.js").as_slice(),
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ),
        (
            include_bytes!("../../assets/uplot/uPlot.min.css"),
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ),
        (
            include_bytes!("../../assets/uplot/LICENSE"),
            "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
        ),
        (
            include_bytes!("../../assets/pako/pako_inflate.umd.min.js"),
            "04a895459e5b456d4883d55f14e2e414864ee023b90b1ce51c759cf7b7ade73b",
        ),
        (
            include_bytes!("../../assets/pako/LICENSE"),
            "a04665b3b2de56c66730c1f720f528175739e4104f79073614aa611da1e85539",
        ),
    ] {
        assert_eq!(sha256(file), expected);
    }
}
