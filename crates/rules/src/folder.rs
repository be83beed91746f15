//! The files of a folder.

use crate::rule::{RuleError, RuleSet};
use std::io;
use std::path::{Path, PathBuf};

/// Deepest folder that is looked into.
const DEPTH: usize = 16;

/// Why the rules of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// It holds no file that ends in `.yml` or `.yaml`.
    #[error("there are no rules in {0}: files that end in .yml or .yaml")]
    Empty(PathBuf),
    /// Rules that cannot be used, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Rules(Vec<RuleError>),
}

/// Reads all rules of a folder, and of those in it.
///
/// # Errors
/// If anything cannot be read, or any rule cannot be used: part of the rules would be a false calm.
pub fn load(folder: &Path) -> Result<RuleSet, FolderError> {
    let files = files(folder)?;
    if files.is_empty() {
        return Err(FolderError::Empty(folder.to_owned()));
    }
    RuleSet::compile(&files).map_err(FolderError::Rules)
}

/// The rules of a folder by their names below it, with their texts, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<(String, String)>, FolderError> {
    let mut found = Vec::new();
    walk(folder, DEPTH, &mut found)?;
    found.sort();
    let named = found.into_iter().map(|path| {
        let text =
            std::fs::read_to_string(&path).map_err(|error| FolderError::Unreadable(path.clone(), error))?;
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        Ok((name, text))
    });
    named.collect()
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), FolderError> {
    let unreadable = |error| FolderError::Unreadable(folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const RULE: &str = "title: x\nlogsource: {product: aws}\ndetection: {s: {eventName: y}, condition: s}\n";

    #[test]
    fn rules_are_named_by_their_place_below_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("team/sub")).unwrap();
        fs::write(folder.path().join("team/sub/b.yaml"), RULE).unwrap();
        fs::write(folder.path().join("a.yml"), RULE).unwrap();
        fs::write(folder.path().join("a.cases.json"), "{}").unwrap();
        let ids: Vec<_> = load(folder.path()).unwrap().ids().collect();
        assert_eq!(ids, ["sigma/a", "sigma/team/sub/b"]);
    }

    #[test]
    fn one_wrong_rule_is_told_beside_all_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yml"), RULE.replace("title", "titel")).unwrap();
        fs::write(folder.path().join("b.yml"), RULE).unwrap();
        fs::write(folder.path().join("c.yml"), RULE.replace("condition: s", "condition: t")).unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(
            error.lines().count() == 2 && error.contains("a.yml: ") && error.contains("c.yml: "),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_rules_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(folder.path()), Err(FolderError::Empty(_))));
        assert!(matches!(load(&folder.path().join("none")), Err(FolderError::Unreadable(..))));
    }
}
