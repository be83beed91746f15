//! Lines of text: wrapped, with labels in a column of their own.

use super::FAINT;
use crate::terminal;
use std::io::{self, Write};

/// Columns of the labels of a finding, with the space after them.
const LABEL: usize = 10;

/// The text wrapped to `columns`. A word that is longer (an ARN) stays whole, so that it can be copied.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let options = textwrap::Options::new(columns.max(20))
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(|line| line.into_owned()).collect()
}

/// Paragraphs of ours that may quote hostile text: made safe, wrapped, and with their line breaks kept.
pub(crate) fn paragraphs(text: &str, columns: usize) -> Vec<String> {
    terminal::safe_lines(text.trim()).lines().flat_map(|line| wrapped(line, columns)).collect()
}

/// Writes lines under one label: the first beside it, the others below each other.
pub(crate) fn labelled(
    out: &mut impl Write,
    label: &str,
    lines: impl IntoIterator<Item = impl AsRef<str>>,
) -> io::Result<()> {
    let mut label = label;
    for line in lines {
        writeln!(out, "  {FAINT}{label:<width$}{FAINT:#}{}", line.as_ref(), width = LABEL)?;
        label = "";
    }
    Ok(())
}

/// Columns that are left beside the labels.
pub(crate) fn beside_label(columns: usize) -> usize {
    columns.saturating_sub(2 + LABEL)
}

/// A part of a step of a runbook.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Words, to be wrapped.
    Words(&'a str),
    /// A command, to be copied: never wrapped.
    Command(&'a str),
}

/// Takes a step of a runbook apart: commands stand on lines of their own, in backticks, or after a colon at the
/// end of the step.
pub(crate) fn parts(step: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for line in step.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if is_command(line) {
            parts.push(Part::Command(line));
            continue;
        }
        let mut rest = line;
        while let Some((before, command, after)) = quoted_command(rest) {
            push_words(&mut parts, before);
            parts.push(Part::Command(command));
            rest = after;
        }
        match rest.split_once(": ") {
            Some((before, command)) if is_command(command) => {
                // The colon belongs to the words.
                push_words(&mut parts, rest.get(..=before.len()).unwrap_or(before));
                parts.push(Part::Command(command));
            }
            _ => push_words(&mut parts, rest),
        }
    }
    parts
}

fn push_words<'a>(parts: &mut Vec<Part<'a>>, words: &'a str) {
    let words = words.trim();
    // The full stop after a quoted command would stand alone.
    let words = if matches!(parts.last(), Some(Part::Command(_))) {
        words.trim_start_matches(['.', ',', ';', ')']).trim_start()
    } else {
        words
    };
    if !words.is_empty() {
        parts.push(Part::Words(words));
    }
}

/// The first command in backticks, with what stands before and after it.
fn quoted_command(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('`')?;
        let close = open + 1 + text.get(open + 1..)?.find('`')?;
        let inner = text.get(open + 1..close)?;
        if is_command(inner) {
            return Some((text.get(..open)?, inner, text.get(close + 1..)?));
        }
        from = close + 1;
    }
}

fn is_command(text: &str) -> bool {
    ["aws ", "kmswatch ", "jq "].iter().any(|program| text.starts_with(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_not_broken_at_its_hyphens() {
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let lines = wrapped(&format!("the key {arn} was used"), 40);
        assert_eq!(lines, ["the key", arn, "was used"]);
    }

    #[test]
    fn commands_are_taken_out_of_a_step_in_whatever_form_they_stand() {
        use Part::{Command, Words};
        assert_eq!(
            parts("Cancel it: `aws kms cancel-key-deletion --key-id k`. Then look."),
            [Words("Cancel it:"), Command("aws kms cancel-key-deletion --key-id k"), Words("Then look.")]
        );
        assert_eq!(parts("Cancel it: aws kms x --k v"), [Words("Cancel it:"), Command("aws kms x --k v")]);
        assert_eq!(parts("Cancel it:\naws kms x"), [Words("Cancel it:"), Command("aws kms x")]);
        assert_eq!(parts("aws kms x"), [Command("aws kms x")]);
        assert_eq!(parts("Ask `bob` about it: now"), [Words("Ask `bob` about it: now")]);
        assert_eq!(parts("an open ` tick"), [Words("an open ` tick")]);
        assert_eq!(parts(""), []);
    }
}
