//! Nanoseconds per event of `States::observe`: `cargo run --release --example observe_speed`.
//!
//! The usual case: Decrypt by known principals on known keys, for known secrets.

use kmswatch_engine::estate::Estate;
use kmswatch_engine::event::{Event, Normalized, normalize};
use kmswatch_engine::state::States;
use kmswatch_engine::trail::Record;
use std::hint::black_box;

const PRINCIPALS: usize = 40;
const KEYS: usize = 25;
const EVENTS: usize = 200;
const ROUNDS: u32 = 2_000;

fn text(n: usize) -> String {
    let (principal, key, secret) = (n % PRINCIPALS, n % KEYS, n % 100);
    let second = n % 60;
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{principal}:i-0abc",
        "arn":"arn:aws:sts::111122223333:assumed-role/payments-api-{principal}/i-0abc","accountId":"111122223333",
        "sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"arn:aws:iam::111122223333:role/payments-api-{principal}",
        "accountId":"111122223333","userName":"payments-api-{principal}"}}}},"invokedBy":"secretsmanager.amazonaws.com"}},
        "eventTime":"2026-05-04T10:15:{second:02}Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt",
        "awsRegion":"eu-west-1","requestParameters":{{"encryptionContext":
        {{"SecretARN":"arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-{secret}"}}}},"eventID":"e-{n}",
        "resources":[{{"ARN":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-{key:012}"}}],
        "recipientAccountId":"111122223333"}}"#
    )
}

#[allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement needs a clock and says its result"
)]
fn main() {
    // Few enough to stay in the cache, as a record is that has just been normalised.
    let texts: Vec<String> = (0..EVENTS).map(text).collect();
    let events: Vec<Event<'_>> = texts
        .iter()
        .filter_map(|text| match normalize(&Record { text, index: 0, offset: 0, next: &[] }) {
            Normalized::Event(event) => Some(event),
            _ => None,
        })
        .collect();
    assert_eq!(events.len(), texts.len());
    let estate = Estate::default();
    let mut states = States::default();
    let mut best = f64::INFINITY;
    for round in 0..=ROUNDS {
        let start = std::time::Instant::now();
        for event in &events {
            black_box(&mut states).observe(black_box(event), &estate);
        }
        let nanos = start.elapsed().as_nanos() as f64 / events.len() as f64;
        // The first round meets everything for the first time.
        if round > 0 {
            best = best.min(nanos);
        } else {
            println!("new: {nanos:.0} ns per event");
        }
    }
    println!("known: {best:.0} ns per event (best of {ROUNDS} rounds)");
    let mut fresh = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = std::time::Instant::now();
        for object in events.chunks(200) {
            let mut delta = States::default();
            object.iter().for_each(|event| delta.observe(event, &estate));
            black_box(delta);
        }
        fresh = fresh.min(start.elapsed().as_nanos() as f64 / events.len() as f64);
    }
    println!("fresh Delta for each 200: {fresh:.0} ns per event");
    let stored: usize = serde_json::to_string(&states).map_or(0, |json| json.len());
    println!("{} keys, {} bytes of JSON each", states.keys.len(), stored / states.keys.len().max(1));
}
