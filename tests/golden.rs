//! Golden files: what was said before, kept beside the tests, to be compared with what is said now. Part of the tests of
//! several crates.

use std::path::Path;

/// Compares with a file; `UPDATE_GOLDEN=1` writes it anew, to be read in the diff.
#[allow(clippy::disallowed_methods, clippy::panic, clippy::unwrap_used)]
#[track_caller]
pub(crate) fn golden(file: impl AsRef<Path>, now: &str) {
    let file = file.as_ref();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, now).unwrap();
    }
    let before = std::fs::read_to_string(file).unwrap_or_default();
    assert_eq!(now, before, "{}: UPDATE_GOLDEN=1 cargo test writes it anew", file.display());
}
