//! Numbers with their words.

use kmswatch_engine::words::grouped;

/// `1 table`, `4,310 tables`, `2 copies`.
pub(crate) fn many(n: u64, word: &str) -> String {
    match (n, word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o']))) {
        (1, _) => format!("1 {word}"),
        (_, Some(stem)) => format!("{} {stem}ies", grouped(n)),
        (_, None) => format!("{} {word}s", grouped(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_fit_their_numbers() {
        assert_eq!(many(1, "key"), "1 key");
        assert_eq!(many(2, "key"), "2 keys");
        assert_eq!(many(0, "other copy"), "0 other copies");
        assert_eq!(many(1_234_567, "use"), "1,234,567 uses");
    }
}
