//! The first uses around a finding as they were judged.

use super::figures::{counted, moment};
use super::layout::labelled;
use super::{BAD, FAINT};
use crate::terminal::safe;
use kmswatch_engine::baseline::judge::NewValue;
use kmswatch_engine::baseline::novelty::Dimension;
use kmswatch_engine::pipeline::JudgedUses;
use kmswatch_engine::time::{HOUR, Timestamp};
use std::io::{self, Write};

/// Hours with first uses that are shown before the judged one, and after it.
const AROUND: [usize; 2] = [12, 4];

/// Writes the hours in which an entity showed something for the first time, the one that ends with `until` marked.
pub(crate) fn write(out: &mut impl Write, until: i64, uses: &[JudgedUses]) -> io::Result<()> {
    let at = uses.iter().position(|one| one.hour >= until).unwrap_or(uses.len());
    let from = at.saturating_sub(AROUND[0]);
    let mut lines =
        vec!["shown for the first time, by hour (UTC), and how surprising: powers of ten".to_owned()];
    if from > 0 {
        lines.push(format!("{FAINT}… {} with first uses before{FAINT:#}", counted(from as u64, "hour")));
    }
    let shown = uses.iter().skip(from).take(at - from + 1 + AROUND[1]);
    lines.extend(shown.map(|one| line(one, one.hour == until)));
    if uses.is_empty() {
        lines.push("none of them could be read again".to_owned());
    }
    labelled(out, "new", lines)
}

fn line(one: &JudgedUses, is_judged: bool) -> String {
    let when = moment(Timestamp(one.hour.saturating_mul(HOUR)));
    let when = when.get(5..16).unwrap_or(&when).to_owned();
    let values: Vec<String> = one.values.iter().zip(&one.novelty.parts).map(value).collect();
    let text = format!("{when} {:>5.1}  {}", one.novelty.score, values.join(", "));
    if is_judged { format!("{BAD}{text} ◄{BAD:#}") } else { text }
}

fn value((value, part): (&NewValue, &kmswatch_engine::baseline::novelty::Part)) -> String {
    let what = match value.dimension {
        Dimension::Network => "network",
        Dimension::Agent => "agent",
        Dimension::Region => "Region",
        Dimension::Account => "account",
        Dimension::Operation => "operation",
        Dimension::Key => "key",
        Dimension::Refusal => "refused",
        Dimension::User => "user",
    };
    // Of an ARN the end tells.
    let name = value.name.rsplit_once(":key/").or(value.name.rsplit_once(":role/"));
    let name = safe(name.map_or(value.name.as_str(), |(_, name)| name));
    let more = if part.first_uses > 1 { format!(" and {} more", part.first_uses - 1) } else { String::new() };
    format!("{what} {name}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmswatch_engine::baseline::novelty::{Novelty, Part};

    fn uses(hour: i64, dimension: Dimension, name: &str) -> JudgedUses {
        let part = Part {
            dimension,
            first_uses: 2,
            dearest: 0,
            peers: None,
            key: None,
            was_refused: false,
            hazard: 0.01,
            score: 2.0,
        };
        JudgedUses {
            hour,
            novelty: Novelty { score: 2.0, parts: vec![part], active_hours: 40 },
            values: vec![NewValue { dimension, name: name.into() }],
        }
    }

    fn written(until: i64, uses: &[JudgedUses]) -> String {
        let mut out = Vec::new();
        write(&mut out, until, uses).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    #[test]
    fn the_judged_hour_is_marked_among_those_around_it() {
        let all: Vec<JudgedUses> =
            (0..30).map(|n| uses(n, Dimension::Key, &format!("arn:aws:kms:eu-west-1:1:key/k{n}"))).collect();
        let text = written(20, &all);
        assert!(text.contains("8 hours with first uses before"), "{text}");
        assert!(text.contains("key k20 and 1 more ◄"), "{text}");
        assert_eq!(text.matches("and 1 more").count(), 17, "{text}");
        assert!(!text.contains("k7 ") && text.contains("k24 ") && !text.contains("k25 "), "{text}");
    }

    #[test]
    fn names_from_logs_are_made_safe() {
        assert!(!written(1, &[uses(1, Dimension::Agent, "a\u{1b}[31mb")]).contains('\u{1b}'));
    }
}
