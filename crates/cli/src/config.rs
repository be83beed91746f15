//! Settings: from a file, checked, and with their defaults explained.

use crate::terminal;
use anyhow::Context;
use clap::Parser;
use kmswatch_engine::detectors;
use kmswatch_engine::settings::Settings;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Print the default settings with their explanations, or check a file of settings
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch config > kmswatch.toml\n  \
    kmswatch config --check kmswatch.toml\n  \
    kmswatch replay --config kmswatch.toml ./AWSLogs")]
pub(crate) struct ConfigArgs {
    /// File to check
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// The defaults with their explanations; tests hold it to [`Settings`].
const DEFAULT: &str = include_str!("default.toml");

/// `kmswatch config`.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<u8> {
    let mut out = anstream::stdout().lock();
    match &args.check {
        None => out.write_all(DEFAULT.as_bytes())?,
        Some(file) => {
            load(file)?;
            writeln!(out, "{}: fine", terminal::safe(&file.display().to_string()))?;
        }
    }
    Ok(crate::NOTHING_FOUND)
}

/// Reads a file of settings. What is not in it keeps its default.
pub(crate) fn load(file: &Path) -> anyhow::Result<Settings> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the settings in {name}"))?;
    let settings = parse(&text).with_context(|| format!("cannot use the settings in {name}"))?;
    check(&settings).with_context(|| format!("cannot use the settings in {name}"))?;
    Ok(settings)
}

fn parse(text: &str) -> anyhow::Result<Settings> {
    toml::from_str(text).map_err(|error| {
        let hint = match unknown_key(error.message()) {
            Some((key, known)) => {
                nearest(key, known.iter().copied())
                    .map_or_else(String::new, |key| format!("did you mean `{key}`?\n"))
                    + "`kmswatch config` prints all keys"
            }
            None => "`kmswatch config` shows what is expected".to_owned(),
        };
        anyhow::anyhow!("{}\n{hint}", error.to_string().trim_end())
    })
}

/// The key and the keys that there are, out of serde's message: unknown field `a`, expected one of `b`, `c`.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// The word of `known` that `word` was most likely meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        // Half the letters right: less is another word.
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// What has the right type and still cannot be meant, with a guess at what was.
fn check(settings: &Settings) -> anyhow::Result<()> {
    settings.check().map_err(|unfit| {
        let known = detectors::ALL.iter().map(|detector| detector.id);
        let hint = unfit.unknown_detector.as_deref().and_then(|id| nearest(id, known));
        let hint = hint.map_or_else(String::new, |id| format!(" (did you mean {id:?}?)"));
        anyhow::anyhow!("{unfit}{hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_what_the_engine_does() {
        assert_eq!(parse(DEFAULT).unwrap(), Settings::default());
    }

    /// Every key with a value, as `section.key`.
    fn keys(table: &toml::Table, prefix: &str) -> Vec<String> {
        table
            .iter()
            .flat_map(|(key, value)| match value {
                toml::Value::Table(inner) => keys(inner, &format!("{prefix}{key}.")),
                _ => vec![format!("{prefix}{key}")],
            })
            .collect()
    }

    #[test]
    fn every_setting_stands_in_the_default_file_and_nothing_else() {
        let written: toml::Table = DEFAULT.parse().unwrap();
        let known = toml::Table::try_from(Settings::default()).unwrap();
        assert_eq!(keys(&written, ""), keys(&known, ""), "left: default.toml, right: engine/src/settings.rs");
    }

    #[test]
    fn every_setting_of_the_default_file_is_explained_above_it() {
        let mut explained = false;
        for line in DEFAULT.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(explained, "no comment above: {line}");
            }
            explained = line.starts_with('#');
        }
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line_and_a_hint() {
        let error = parse("[estate]\nacounts = [\"111122223333\"]\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(error.contains("acounts"), "{error}");
        assert!(error.contains("did you mean `accounts`?"), "{error}");
        let error = parse("[surprise]\n").unwrap_err().to_string();
        assert!(error.contains("`kmswatch config` prints all keys"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_an_error_with_its_line() {
        let error = parse("[limits]\nnesting = \"deep\"\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("kmswatch config"), "{error}");
    }

    fn suppression(rest: &str) -> String {
        format!("[[suppressions]]\nreason = \"r\"\nexpires = \"2026-12-31\"\n{rest}\n")
    }

    #[test]
    fn the_examples_of_the_default_file_are_right() {
        // The examples stand in comments, indented by two blanks more than words.
        let examples: Vec<&str> = DEFAULT.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
        let settings = parse(&examples.join("\n")).unwrap();
        check(&settings).unwrap();
        let tables = (settings.suppressions.len(), settings.maintenance.len(), settings.confirmed.len());
        assert_eq!(tables, (1, 1, 1));
        assert_eq!(settings.suppressions[0].expires.to_string(), "2026-12-31T00:00:00Z");
    }

    #[test]
    fn a_suppression_needs_an_end() {
        let error = parse("[[suppressions]]\nreason = \"r\"\nowner = \"o\"").unwrap_err().to_string();
        assert!(error.contains("missing field `expires`"), "{error}");
        let error = parse(&suppression("").replace("2026-12-31", "soon")).unwrap_err().to_string();
        assert!(error.contains("no moment"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused() {
        for (text, expected) in [
            ("[estate]\naccounts = [\"prod\"]", "twelve digits"),
            ("[estate]\ntrusted_accounts = [\"1234\"]", "estate.trusted_accounts"),
            ("[estate]\norganizations = [\"r-1\"]", "o-"),
            ("[alerts]\nbudget_per_week = 0.0", "0.01 to 1000"),
            ("[alerts]\nbudget_per_week = nan", "0.01 to 1000"),
            ("[incidents]\nwindow_hours = 0", "incidents.window_hours"),
            ("[incidents]\nlongest_days = 91", "1 to 90"),
            ("[detectors]\noff = [\"no_such_detector\"]", "kmswatch detectors"),
            ("[detectors]\nstaged = [\"root_us\"]", "did you mean \"root_use\"?"),
            (&suppression("owner = \"\"\naccounts = [\"111122223333\"]"), "an owner"),
            (&suppression("owner = \"me\""), "it would mute everything"),
            (&suppression("owner = \"me\"\ndetectors = [\"x\"]"), "no detector \"x\""),
            (&suppression("owner = \"me\"\nnetworks = [\"10.0.0.0/99\"]"), "203.0.113.0/24"),
            (&suppression("owner = \"me\"\naccounts = [\"prod\"]"), "twelve digits"),
            (
                &suppression("owner = \"me\"\nkeys = [\"*\"]\nfrom = \"2026-06-02\"\nuntil = \"2026-06-01\""),
                "not before",
            ),
            (
                "[[confirmed]]\nreason = \"r\"\nowner = \"o\"\nactors = [\"a\"]\nfrom = \"2026-06-02\"\nuntil = \"2026-06-01\"",
                "not before",
            ),
            (
                "[[confirmed]]\nreason = \"r\"\nowner = \"o\"\nactors = []\nfrom = \"2026-06-01\"\nuntil = \"2026-06-02\"",
                "whose acts",
            ),
            (
                "[[confirmed]]\nreason = \"r\"\nowner = \"o\"\nactors = [\"a*\"]\nfrom = \"2026-06-01\"\nuntil = \"2026-06-02\"",
                "in full",
            ),
            (
                "[[maintenance]]\nreason = \"r\"\nowner = \"o\"\nfrom = \"2026-06-02\"\nuntil = \"2026-06-01\"",
                "not before",
            ),
        ] {
            let error = check(&parse(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
