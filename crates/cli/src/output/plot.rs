//! Small plots made of block characters.

/// A bar of at most `columns` columns for `value` of at most `most`, in eighths of a column. Any value above nothing
/// shows.
pub(crate) fn bar(value: f64, most: f64, columns: usize) -> String {
    const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if value.is_nan() || value <= 0.0 || most <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * columns as f64 * 8.0).round().max(1.0) as usize;
    let part = (eighths % 8).checked_sub(1).and_then(|part| EIGHTHS.get(part));
    "█".repeat(eighths / 8).chars().chain(part.copied()).collect()
}

/// One character for a value of at most `most`; next to nothing is a dot.
pub(crate) fn spark(value: f64, most: f64) -> char {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    /// Below this share a level would say more than there is.
    const LEAST: f64 = 1.0 / 32.0;
    if value.is_nan() || most <= 0.0 || value < most * LEAST {
        return '·';
    }
    let level = ((value / most).min(1.0) * 8.0).ceil() as usize;
    LEVELS.get(level.saturating_sub(1)).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_longer() {
        assert_eq!(bar(10.0, 10.0, 4), "████");
        assert_eq!(bar(5.0, 10.0, 4), "██");
        assert_eq!(bar(1.0, 16.0, 4), "▎");
        assert_eq!(bar(1.0, 1e9, 4), "▏", "what happened shows");
        assert_eq!(bar(99.0, 10.0, 4), "████");
        assert_eq!(bar(0.0, 10.0, 4), "");
        assert_eq!(bar(f64::NAN, 10.0, 4), "");
    }

    #[test]
    fn a_spark_rises_with_its_value() {
        let line: String = (0..=8).map(|n| spark(f64::from(n), 8.0)).collect();
        assert_eq!(line, "·▁▂▃▄▅▆▇█");
        assert_eq!(spark(1.0, 0.0), '·');
    }
}
