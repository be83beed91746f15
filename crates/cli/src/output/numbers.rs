//! Quantiles, and figures as tables show them.

/// The value below which the share `q` of `values` lies, between neighbours by linear interpolation.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = q.clamp(0.0, 1.0) * values.len().checked_sub(1)? as f64;
    let below = *values.get(place.floor() as usize)?;
    let above = *values.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

/// A share in whole per cent; a dash of nothing.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.0} %", 100.0 * part as f64 / whole as f64) }
}

/// A number with two digits after the point, none where it is large; a dash for none.
pub(crate) fn short(value: Option<f64>) -> String {
    // The sum of nothing is -0.
    match value.map(|value| value + 0.0) {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.25), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 1.0), Some(2.0));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([percent(1, 3), percent(0, 4), percent(0, 0)], ["33 %", "0 %", "-"]);
        assert_eq!([short(Some(0.123)), short(Some(12.34)), short(Some(304.4))], ["0.12", "12.3", "304"]);
        assert_eq!(short(Some([0.0f64; 0].iter().sum())), "0.00");
    }
}
