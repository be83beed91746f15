//! The catalogue of detectors, and the page of each.

use crate::config::nearest;
use crate::output::layout::wrapped;
use crate::output::{COMMAND, FAINT, STRONG, style_of};
use crate::terminal;
use anyhow::bail;
use clap::Parser;
use kmswatch_engine::detectors::{ALL, Detector};
use kmswatch_engine::finding::Severity;
use std::io::{self, Write};

/// List what can be found, or show one detector's page
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch detectors\n  \
    kmswatch detectors key_deletion_scheduled")]
pub(crate) struct DetectorsArgs {
    /// Detector whose page is shown
    #[arg(value_name = "ID", conflicts_with_all = ["markdown", "coverage"])]
    pub(crate) id: Option<String>,

    /// Write the catalogue as Markdown
    #[arg(long, conflicts_with = "coverage")]
    pub(crate) markdown: bool,

    /// Write as Markdown what is found by which detector, and what is not
    #[arg(long)]
    pub(crate) coverage: bool,
}

/// `kmswatch detectors`.
pub(crate) fn run(args: &DetectorsArgs) -> anyhow::Result<u8> {
    let mut out = io::BufWriter::new(anstream::stdout().lock());
    match &args.id {
        Some(id) => match ALL.iter().find(|detector| detector.id == id) {
            Some(detector) => page(&mut out, detector, terminal::columns())?,
            None => {
                let hint = nearest(id, ALL.iter().map(|detector| detector.id))
                    .map_or_else(String::new, |id| format!("did you mean `{id}`? "));
                bail!("there is no detector {id:?}: {hint}`kmswatch detectors` lists them");
            }
        },
        None if args.coverage => out.write_all(crate::coverage::page().as_bytes())?,
        None if args.markdown => out.write_all(catalogue(ALL).as_bytes())?,
        None => table(&mut out, ALL, terminal::columns())?,
    }
    out.flush()?;
    Ok(crate::NOTHING_FOUND)
}

fn table(out: &mut impl Write, detectors: &[&Detector], columns: usize) -> io::Result<()> {
    let widest = detectors.iter().map(|detector| detector.id.len()).max().unwrap_or(0).max("detector".len());
    let severities = Severity::ALL.map(Severity::name).map(str::len).into_iter().max().unwrap_or(0);
    let kinds = "novelty".len();
    let indent = widest + 2 + severities + 2 + kinds + 2;
    writeln!(
        out,
        "{FAINT}{:<widest$}  {:<severities$}  {:<kinds$}  what is found{FAINT:#}",
        "detector", "severity", "kind"
    )?;
    for detector in detectors {
        let style = style_of(detector.severity);
        let mut title = wrapped(detector.title, columns.saturating_sub(indent)).into_iter();
        writeln!(
            out,
            "{:<widest$}  {style}{}{style:#}{:gap$}  {:<kinds$}  {}",
            detector.id,
            detector.severity,
            "",
            detector.kind.name(),
            title.next().unwrap_or_default(),
            gap = severities.saturating_sub(detector.severity.name().len())
        )?;
        for line in title {
            writeln!(out, "{:indent$}{line}", "")?;
        }
    }
    writeln!(out, "\n{FAINT}One in full:{FAINT:#} {COMMAND}kmswatch detectors ID{COMMAND:#}")
}

/// The page as Markdown: the head comment without its marks.
fn markdown(detector: &Detector) -> String {
    let lines = detector.page.lines().filter_map(|line| {
        let line = line.strip_prefix("//!")?;
        Some(line.strip_prefix(' ').unwrap_or(line))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes the page for a terminal: headings stand out, paragraphs are wrapped, code stays as it is.
fn page(out: &mut impl Write, detector: &Detector, columns: usize) -> io::Result<()> {
    let style = style_of(detector.severity);
    writeln!(out, "{STRONG}{}{STRONG:#}: {}", detector.id, detector.title)?;
    write!(out, "{style}{}{style:#} {FAINT}·{FAINT:#} {}", detector.severity, detector.kind.name())?;
    for technique in detector.mitre {
        write!(out, " {FAINT}·{FAINT:#} ATT&CK {} {}", technique.id, technique.name)?;
    }
    writeln!(out, "\n")?;
    let page = markdown(detector);
    let mut paragraph = Paragraph::default();
    let mut in_code = false;
    // The page begins with the title, which stands above already.
    let body = page.lines().skip_while(|line| line.starts_with("# ") || line.trim().is_empty());
    for line in body {
        if line.trim_start().starts_with("```") {
            paragraph.flush(out, columns)?;
            in_code = !in_code;
        } else if in_code {
            writeln!(out, "    {COMMAND}{line}{COMMAND:#}")?;
        } else if let Some(heading) = line.strip_prefix('#') {
            paragraph.flush(out, columns)?;
            writeln!(out, "{STRONG}{}{STRONG:#}", heading.trim_start_matches('#').trim())?;
        } else if line.trim().is_empty() {
            paragraph.flush(out, columns)?;
            writeln!(out)?;
        } else if line.starts_with('|') {
            paragraph.flush(out, columns)?;
            writeln!(out, "{line}")?;
        } else {
            if paragraph.begins_item(line) {
                paragraph.flush(out, columns)?;
            }
            paragraph.add(line);
        }
    }
    paragraph.flush(out, columns)
}

/// Lines of Markdown that flow together.
#[derive(Default)]
struct Paragraph {
    text: String,
    indent: usize,
}

impl Paragraph {
    /// Whether the line begins an item of a list, and so cannot flow into what stands before it.
    fn begins_item(&self, line: &str) -> bool {
        let line = line.trim_start();
        let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
        line.starts_with("* ")
            || line.starts_with("- ")
            || (number.len() < line.len() && number.starts_with(". "))
    }

    fn add(&mut self, line: &str) {
        if self.text.is_empty() {
            let marker =
                if self.begins_item(line) { line.trim_start().find(' ').map_or(0, |at| at + 1) } else { 0 };
            self.indent = line.len() - line.trim_start().len() + marker;
            self.text.push_str(line.trim_end());
        } else {
            self.text.push(' ');
            self.text.push_str(line.trim());
        }
    }

    fn flush(&mut self, out: &mut impl Write, columns: usize) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        // The first line brings its own indent and mark with it.
        let start = self.text.len() - self.text.trim_start().len();
        let text = std::mem::take(&mut self.text);
        for (at, line) in wrapped(text.trim(), columns.saturating_sub(self.indent)).into_iter().enumerate() {
            let indent = if at == 0 { start } else { self.indent };
            writeln!(out, "{:indent$}{}", "", emphasised(&line))?;
        }
        Ok(())
    }
}

/// Marks of emphasis and code within a line become styles.
fn emphasised(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for (at, part) in line.split('`').enumerate() {
        if at % 2 == 1 && line.matches('`').count() > at {
            out.push_str(&format!("{COMMAND}{part}{COMMAND:#}"));
        } else {
            for (at, part) in part.split("**").enumerate() {
                if at % 2 == 1 {
                    out.push_str(&format!("{STRONG}{part}{STRONG:#}"));
                } else {
                    out.push_str(part);
                }
            }
        }
    }
    out
}

/// The catalogue in Markdown, for the folder in which the detectors lie.
fn catalogue(detectors: &[&Detector]) -> String {
    let mut out = String::from(
        "# Detectors\n\n\
         Written by `kmswatch detectors --markdown`; a test holds it to the code. Each file's head comment is its page,\n\
         which `kmswatch detectors ID` shows: what is found and why it matters, what it rests on, where it errs.\n\
         What is covered, and what cannot be: [COVERAGE.md](COVERAGE.md).\n\n\
         | detector | severity | kind | what is found | MITRE ATT&CK |\n|---|---|---|---|---|\n",
    );
    for detector in detectors {
        let techniques: Vec<String> =
            detector.mitre.iter().map(|technique| format!("{} {}", technique.id, technique.name)).collect();
        out.push_str(&format!(
            "| [`{id}`]({id}.rs) | {} | {} | {} | {} |\n",
            detector.severity,
            detector.kind.name(),
            detector.title.replace('|', "\\|"),
            techniques.join(", "),
            id = detector.id,
        ));
    }
    out.push_str(
        "\nSeverities: **critical** wake somebody; **high** look at it now; **medium** today; **low** in the course of the \
         week;\n**info** worth knowing. Kinds: a **rule** needs one event, a **fact** several together, a **novelty** is a \
         value new for\nits entity, a **rate** is a count unusual for it.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmswatch_engine::detectors::{Look, Reads};
    use kmswatch_engine::finding::{FindingKind, Technique};

    const SAMPLE: Detector = Detector {
        id: "sample",
        title: "Something | of a sample",
        severity: Severity::High,
        kind: FindingKind::Rule,
        stage: None,
        mitre: &[Technique { id: "T1485", name: "Data Destruction" }],
        covers: &[],
        reads: Reads::All,
        page: "//! A first line\n//! that goes on.\n//!\n//! # Why\n//!\n//! * one `code` and\n//!   more\n//! * two\n//!\n//! ```text\n//! kept   as is\n//! ```\n",
        look: Look::Event(|_, _| None),
    };

    fn plain(text: Vec<u8>) -> String {
        anstream::adapter::strip_str(&String::from_utf8(text).unwrap()).to_string()
    }

    #[test]
    fn a_page_is_readable_on_a_terminal() {
        let mut out = Vec::new();
        page(&mut out, &SAMPLE, 80).unwrap();
        assert_eq!(
            plain(out),
            "sample: Something | of a sample\nhigh · rule · ATT&CK T1485 Data Destruction\n\n\
             A first line that goes on.\n\nWhy\n\n* one code and more\n* two\n\n    kept   as is\n"
        );
    }

    #[test]
    fn items_are_wrapped_under_their_own_text() {
        let long = format!("//! 1. {}\n", "word ".repeat(20).trim());
        let detector = Detector { page: Box::leak(long.into_boxed_str()), ..SAMPLE };
        let mut out = Vec::new();
        page(&mut out, &detector, 40).unwrap();
        assert!(plain(out).contains("\n   word word"), "a hanging indent");
    }

    #[test]
    fn the_catalogue_in_the_repository_is_up_to_date() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/src/detectors/README.md");
        let now = catalogue(ALL);
        crate::golden::golden(file, &now);
    }

    #[test]
    fn a_bar_in_a_title_does_not_break_the_table() {
        assert!(catalogue(&[&SAMPLE]).contains(r"Something \| of a sample"));
    }
}
