//! What is said of the checks: for people, and for programs.

use super::check::{Check, Status};
use crate::output::layout::{Part, parts, wrapped};
use crate::output::{BAD, COMMAND, FAINT, STRONG};
use crate::terminal::{safe, safe_lines};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::{self, Write};

/// Columns of the status, with the space after it.
const STATUS: usize = 13;

/// For people: by area, what has failed with what to do.
pub(super) fn text(out: &mut impl Write, checks: &[Check], columns: usize) -> io::Result<()> {
    let mut area = None;
    for check in checks {
        if area.replace(check.area) != Some(check.area) {
            writeln!(out, "{STRONG}{}{STRONG:#}", check.area.words())?;
        }
        let style = style(check.status);
        writeln!(out, "  {style}{:<STATUS$}{style:#}{}", check.status.words(), safe(&check.what))?;
        let room = columns.saturating_sub(2 + STATUS);
        for line in wrapped(&safe(&check.says), room) {
            writeln!(out, "  {:STATUS$}{line}", "")?;
        }
        for (n, step) in (1..).zip(&check.steps) {
            let mut mark = format!("{n}.");
            for part in parts(step) {
                match part {
                    Part::Words(words) => {
                        for line in wrapped(&safe_lines(words), room.saturating_sub(3)) {
                            writeln!(out, "  {:STATUS$}{mark:<3}{line}", "")?;
                            mark.clear();
                        }
                    }
                    Part::Command(command) => {
                        let command = safe_lines(command);
                        writeln!(out, "  {:STATUS$}{mark:<3}{COMMAND}{command}{COMMAND:#}", "")?;
                        mark.clear();
                    }
                }
            }
        }
    }
    writeln!(out, "\n{}", sum(checks))
}

fn style(status: Status) -> Style {
    match status {
        Status::Ok => AnsiColor::Green.on_default(),
        Status::NotChecked => FAINT,
        Status::Warning => AnsiColor::Yellow.on_default(),
        Status::Failed => BAD,
    }
}

/// `14 checks: 11 ok, 1 warning, 2 failed.`
fn sum(checks: &[Check]) -> String {
    let all = [Status::Failed, Status::Warning, Status::NotChecked, Status::Ok];
    let counted = all.map(|status| (checks.iter().filter(|check| check.status == status).count(), status));
    let parts: Vec<String> = counted
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, status)| match status {
            Status::Warning if n > 1 => format!("{n} warnings"),
            status => format!("{n} {}", status.words()),
        })
        .collect();
    format!("{} checks: {}.", checks.len(), parts.join(", "))
}

/// For programs: one object.
pub(super) fn json(out: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    #[derive(Serialize)]
    struct All<'a> {
        /// The worst of them.
        status: Status,
        checks: &'a [Check],
    }
    let status = checks.iter().map(|check| check.status).max().unwrap_or(Status::NotChecked);
    serde_json::to_writer_pretty(&mut *out, &All { status, checks })?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::super::check::Area;
    use super::*;

    fn some() -> Vec<Check> {
        vec![
            Check::ok(Area::Credentials, "credentials", "me, in eu-west-1."),
            Check::failed(
                Area::Trail,
                "t\u{1b}[2J: logging",
                "It is switched off.",
                "Switch it on: aws cloudtrail start-logging --name t",
            )
            .step("Find out who did it."),
            Check::warning(Area::Trail, "t: Regions", "One."),
        ]
    }

    #[test]
    fn what_has_failed_stands_with_commands_that_can_be_copied() {
        let mut out = Vec::new();
        text(&mut out, &some(), 60).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string();
        assert_eq!(
            text,
            "Credentials\n  ok           credentials\n               me, in eu-west-1.\n\
             Trail\n  failed       t\\u{1b}[2J: logging\n               It is switched off.\n\
             \u{20}              1. Switch it on:\n                  aws cloudtrail start-logging --name t\n\
             \u{20}              2. Find out who did it.\n  warning      t: Regions\n               One.\n\n\
             3 checks: 1 failed, 1 warning, 1 ok.\n"
        );
    }

    #[test]
    fn programs_get_the_worst_first() {
        let mut out = Vec::new();
        json(&mut out, &some()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["status"], "failed");
        assert_eq!(value["checks"][1]["do"][1], "Find out who did it.");
    }
}
