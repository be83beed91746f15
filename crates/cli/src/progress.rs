//! How far reading has come: a bar on stderr, and only where a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Read};

/// A bar that moves with the bytes read, or nothing at all.
#[derive(Debug)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// No bar.
    pub(crate) fn hidden() -> Progress {
        Progress(None)
    }

    /// A bar, if stderr is a terminal. `total` counts the bytes; `None` where that is not known (standard input).
    pub(crate) fn on_terminal(total: impl FnOnce() -> Option<u64>) -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        Progress(Some(match total() {
            Some(total) => bar(ProgressBar::new(total), READING),
            None => bar(ProgressBar::no_length(), READING_STDIN),
        }))
    }

    /// A bar that moves with a share of work, if stderr is a terminal.
    pub(crate) fn of_work() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        Progress(Some(bar(ProgressBar::new(STEPS), WRITING)))
    }

    /// The same for an evaluation.
    pub(crate) fn of_evaluation() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::hidden();
        }
        Progress(Some(bar(ProgressBar::new(STEPS), EVALUATING)))
    }

    /// Sets the share of the work that is done, 0 to 1.
    pub(crate) fn set(&self, done: f64) {
        if let Some(bar) = &self.0 {
            // The cast saturates: a share outside of 0 to 1 shows an odd bar and does no harm.
            bar.set_position((done * STEPS as f64) as u64);
        }
    }

    /// The reader, with every byte that it gives counted.
    pub(crate) fn watch<R: Read>(&self, source: R) -> Watched<'_, R> {
        Watched { source, progress: self }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

const READING: &str = "reading {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}, {eta} left";
/// Standard input: nobody knows how much there will be.
const READING_STDIN: &str = "reading {spinner} {bytes}  {bytes_per_sec}";
const WRITING: &str = "writing {bar:24} {percent}%  {eta} left";

const EVALUATING: &str = "evaluating {bar:24} {percent}%  {elapsed}, {eta} left";

/// Steps of a bar that shows a share.
const STEPS: u64 = 1_000;

fn bar(bar: ProgressBar, template: &str) -> ProgressBar {
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    // A bar in the wrong style is still a bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

/// A reader that moves the bar.
pub(crate) struct Watched<'a, R> {
    source: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buffer)?;
        if let Some(bar) = &self.progress.0 {
            bar.inc(n as u64);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_sound() {
        for template in [READING, READING_STDIN, WRITING, EVALUATING] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
