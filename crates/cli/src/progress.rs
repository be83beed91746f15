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
        let (bar, template) = match total() {
            Some(total) => (
                ProgressBar::new(total),
                "reading {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}, {eta} left",
            ),
            None => (ProgressBar::no_length(), "reading {spinner} {bytes}  {bytes_per_sec}"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        // The templates are constants that a test has read; a bar in the wrong style is still a bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Progress(Some(bar))
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
