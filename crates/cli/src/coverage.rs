//! Which detector finds what: the page of coverage.

use kmswatch_engine::detectors::coverage::{IDEAS, UNSEEN};
use kmswatch_engine::detectors::{ALL, Detector, Reads};
use kmswatch_engine::event::Operation;

/// The page in Markdown, for the folder in which the detectors lie.
pub(crate) fn page() -> String {
    let mut out = String::from(
        "# Coverage\n\n\
         Written by `kmswatch detectors --coverage`; a test holds it to the code. What detectors declare is checked: for\n\
         every idea below there is either a detector that fires on a fixture, or a reason why there is none.\n\n\
         ## What cannot be seen in these logs\n\n",
    );
    for unseen in UNSEEN {
        out.push_str(&format!("* {unseen}\n"));
    }
    out.push_str(
        "\n## Ideas\n\n\
         **M**: shipped by some product or public rule set. **N**: thought of besides. **P**: a pattern of attack as a \
         whole.\n\n| idea | what it is | found by, or why not |\n|---|---|---|\n",
    );
    for idea in IDEAS {
        let found = names(|detector| detector.covers.contains(&idea.id));
        let by = if found.is_empty() { format!("*not found.* {}", idea.why_not) } else { found };
        out.push_str(&format!("| {} | {} | {by} |\n", idea.id, idea.what));
    }
    out.push_str(&format!(
        "\n## Operations\n\n\
         All operations are read by {}; all that use a key for cryptography besides by {}. Calls of other services are \
         read by {}. What reads an operation in particular:\n\n| operation | detectors |\n|---|---|\n",
        names(|detector| matches!(detector.reads, Reads::All)),
        names(|detector| matches!(detector.reads, Reads::Cryptographic)),
        names(|detector| matches!(detector.reads, Reads::OtherServices)),
    ));
    for operation in Operation::ALL {
        let own =
            names(|detector| matches!(detector.reads, Reads::These(_)) && detector.reads.has(*operation));
        let also =
            if operation.is_cryptographic() { "those of cryptography" } else { "those of all operations" };
        let by = if own.is_empty() { also.to_owned() } else { own };
        out.push_str(&format!("| {} | {by} |\n", operation.name()));
    }
    out
}

fn names(of: impl Fn(&Detector) -> bool) -> String {
    let names: Vec<String> =
        ALL.iter().filter(|detector| of(detector)).map(|detector| format!("`{}`", detector.id)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_repository_is_up_to_date() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../engine/src/detectors/COVERAGE.md");
        let now = page();
        crate::golden::golden(file, &now);
    }

    #[test]
    fn every_row_says_something() {
        let page = page();
        assert!(page.contains("| N38 |") && page.contains("| ScheduleKeyDeletion |"));
        assert!(!page.contains("|  |"), "an empty cell");
    }
}
