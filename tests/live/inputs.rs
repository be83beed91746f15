//! Bad input on the whole way: what each does, and that nothing else is harmed by it.

use crate::logs::{self, deletion, gzip, log, notification, object};
use crate::world::{World, task};
use kmswatch_aws::metrics::{self, Metric};
use serde_json::json;

const NOW: &str = "2026-05-04T10:30:00Z";

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It is done; what could not be read is counted here.
    Done(Metric),
    /// It comes again, and ends in the dead-letter queue.
    DeadLetter,
}

#[tokio::test]
async fn damaged_objects_are_told_and_harm_no_other() {
    let good = log(&[deletion(2, "2026-05-04T10:15:42Z")]);
    let half = &good[..good.len() / 2];
    let two = log(&[deletion(2, "2026-05-04T10:15:42Z"), json!("no record")]);
    let huge = gzip(&vec![b' '; 40 << 20]);
    let deep = format!("{{\"Records\":[{}{}]}}", "[".repeat(200_000), "]".repeat(200_000));
    let latin =
        b"{\"Records\":[{\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"Decr\xffypt\"}]}".to_vec();
    let cases: Vec<(&str, Vec<u8>, Fate)> = vec![
        ("nothing", Vec::new(), Fate::Done(metrics::OBJECTS)),
        ("an empty log", log(&[]), Fate::Done(metrics::OBJECTS)),
        ("cut off", half.to_vec(), Fate::Done(metrics::PROBLEMS)),
        ("text", b"hello".to_vec(), Fate::DeadLetter),
        ("gzip of text", gzip(b"hello"), Fate::DeadLetter),
        (
            "noise",
            (0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
            Fate::DeadLetter,
        ),
        ("JSON of something else", gzip(b"{\"a\":1}"), Fate::DeadLetter),
        ("one bad record", two, Fate::Done(metrics::RECORDS_BROKEN)),
        ("a bomb of spaces", huge, Fate::Done(metrics::OBJECTS)),
        ("nested too deep", gzip(deep.as_bytes()), Fate::Done(metrics::PROBLEMS)),
        ("bytes that are no UTF-8", gzip(&latin), Fate::Done(metrics::OBJECTS)),
    ];
    for (what, bytes, fate) in cases {
        let [bad, well] = [1, 2].map(|n| object("20260504T1020Z", n));
        let world = World::holding(NOW, &[(bad.clone(), bytes), (well.clone(), good.clone())]);
        let tasks = vec![task("bad", &notification(&[&bad])), task("good", &notification(&[&well]))];
        let result = world.live("w1").batch(tasks, None).await;
        match fate {
            Fate::Done(metric) => {
                assert!(result.failed.is_empty(), "{what}: {:?}", result.failed);
                assert!(result.counts.get(metric) > 0, "{what}: {:?}", result.counts);
            }
            Fate::DeadLetter => {
                assert_eq!(result.failed.keys().collect::<Vec<_>>(), ["bad"], "{what}: {:?}", result.counts);
                assert!(!result.failed["bad"].is_temporary(), "{what}: {:?}", result.failed);
                assert_eq!(result.counts.get(metrics::OBJECTS_FAILED), 1, "{what}");
            }
        }
        assert_eq!(world.copies(), [1, 1], "{what}");
    }
}

#[tokio::test]
async fn an_object_larger_than_the_limit_is_refused() {
    let object = object("20260504T1020Z", 1);
    let world = World::holding(NOW, &[(object.clone(), vec![0; 65 << 20])]);
    let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
    assert!(result.failed["m1"].to_string().contains("more than"), "{:?}", result.failed);
}

#[tokio::test]
async fn hostile_names_end_in_items_of_their_own() {
    let object = object("20260504T1020Z", 1);
    let names = ["x".repeat(3_000), "x".repeat(3_001), "a#b".to_owned(), "\u{0}\n\"".to_owned()];
    let events: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| logs::by(name, n as u32, "2026-05-04T10:01:00Z", "Decrypt", json!({})))
        .collect();
    let world = World::holding(NOW, &[(object.clone(), log(&events))]);
    let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    let principals = world.stored().into_keys().filter(|name| name.starts_with("principal#"));
    let names: Vec<String> = principals.collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 2_048));
}
