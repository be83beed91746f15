//! The variables of a function out of a file.

use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Reads them: JSON as the API of Lambda gives it, JSON with nothing but the variables, or lines `NAME=VALUE`.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| format!("cannot use the settings in {}", file.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    if !text.trim_start().starts_with('{') {
        return text.lines().filter_map(|line| of_line(line).transpose()).collect();
    }
    let value: Value = serde_json::from_str(text)?;
    let places = ["/Environment/Variables", "/Configuration/Environment/Variables", "/Variables", ""];
    let found = places.into_iter().find_map(|place| value.pointer(place)).and_then(Value::as_object);
    let variables = found.into_iter().flatten();
    let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    Ok(variables.filter_map(pair).collect())
}

fn of_line(line: &str) -> anyhow::Result<Option<(String, String)>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else { bail!("write NAME=VALUE, not {line:?}") };
    let quoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    Ok(Some((name.trim().to_owned(), quoted.unwrap_or(value).to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_in_every_form_in_which_people_have_them() {
        let expected = vec![("KMSWATCH_TABLE".to_owned(), "kms watch".to_owned())];
        for text in [
            r#"{"FunctionName": "f", "Environment": {"Variables": {"KMSWATCH_TABLE": "kms watch"}}}"#,
            r#"{"Configuration": {"Environment": {"Variables": {"KMSWATCH_TABLE": "kms watch"}}}}"#,
            r#"{"KMSWATCH_TABLE": "kms watch"}"#,
            "# mine\n\nexport KMSWATCH_TABLE='kms watch'\n",
            "KMSWATCH_TABLE=kms watch",
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert!(parse("KMSWATCH_TABLE").is_err());
        assert!(parse("{").is_err());
    }
}
