//! Settings of the live pipeline: from variables of the environment, read once, checked, with defaults.
//!
//! Settings of the engine come as one TOML text with the sections that `kmswatch config` prints: in `KMSWATCH_CONFIG`, in
//! the object that `KMSWATCH_CONFIG_S3` names, or in the parameter of Systems Manager that `KMSWATCH_CONFIG_SSM` names.

use crate::objects::ObjectRef;
use kmswatch_engine::detectors::user_rules::UserRules;
use kmswatch_engine::finding::Severity;
use kmswatch_engine::settings::Settings;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What the names of all variables begin with.
pub const PREFIX: &str = "KMSWATCH_";

/// Settings of the live pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveSettings {
    /// `KMSWATCH_TABLE`: name of the DynamoDB table. Needed.
    pub table: String,
    /// `KMSWATCH_TOPIC`: ARN of the SNS topic for alerts.
    pub topic: Option<String>,
    /// `KMSWATCH_BUS`: name or ARN of the EventBridge bus for alerts.
    pub bus: Option<String>,
    /// `KMSWATCH_ALERT_QUEUE`: URL of an SQS queue for alerts.
    pub alert_queue: Option<String>,
    /// `KMSWATCH_OBJECT_BYTES`: objects with more bytes, compressed as they are, are not read. CloudTrail writes at
    /// most 50 MB before compression.
    pub object_bytes: u64,
    /// `KMSWATCH_MIN_SEVERITY`: goes before `incidents.alert_from` of the engine's settings.
    pub min_severity: Option<Severity>,
    /// `KMSWATCH_ALERT_DAYS`: what was over for longer is counted, but not told: what a backfill brings up is history.
    pub alert_days: i64,
    /// `KMSWATCH_LOGS`: where the logs lie, for the commands in alerts: an `s3://` address.
    pub logs: String,
    /// `KMSWATCH_CONFIG_S3` or `KMSWATCH_CONFIG_SSM`: where the engine's settings are, read once at the start.
    pub config_from: Option<ConfigFrom>,
    /// `KMSWATCH_DIGEST_DAYS`: days that a digest covers, and after which there is another; 0 for none.
    pub digest_days: u32,
    /// `KMSWATCH_RULES`: folder of Sigma rules of the user's own, read once at the start.
    pub rules: Option<PathBuf>,
    /// `KMSWATCH_CONFIG`: the engine's settings as text.
    pub engine: Settings,
}

/// Where the engine's settings are, if not in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigFrom {
    /// An object of S3.
    Object(ObjectRef),
    /// A parameter of the Parameter Store of AWS Systems Manager: its name or ARN. It holds 4 KB, or 8 KB if it is an
    /// advanced one.
    Parameter(String),
}

impl ConfigFrom {
    /// The variable that names it.
    fn variable(&self) -> &'static str {
        match self {
            ConfigFrom::Object(_) => "CONFIG_S3",
            ConfigFrom::Parameter(_) => "CONFIG_SSM",
        }
    }
}

impl fmt::Display for ConfigFrom {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigFrom::Object(ObjectRef { bucket, key, .. }) => write!(out, "s3://{bucket}/{key}"),
            ConfigFrom::Parameter(name) => write!(out, "the parameter {name}"),
        }
    }
}

/// Most days that a digest may cover: what was found is kept for some longer.
const DIGEST_DAYS: u32 = 60;

/// A setting that cannot be used, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingsError {
    /// Name of the variable.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

fn wrong(name: &str, problem: impl Into<String>) -> SettingsError {
    SettingsError { name: format!("{PREFIX}{name}"), problem: problem.into() }
}

impl LiveSettings {
    /// Reads the variables whose names begin with [`PREFIX`]; others are not looked at.
    ///
    /// # Errors
    /// The first variable that is unknown, missing or of no use.
    pub fn of_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut given: BTreeMap<String, String> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
            // A parameter of a template that was left empty.
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        let mut take = |name: &str| given.remove(name);
        let mut settings = LiveSettings {
            table: take("TABLE").ok_or_else(|| wrong("TABLE", "write the name of the table for States"))?,
            topic: take("TOPIC"),
            bus: take("BUS"),
            alert_queue: take("ALERT_QUEUE"),
            object_bytes: number(take("OBJECT_BYTES"), "OBJECT_BYTES", 64 << 20)?,
            min_severity: severity(take("MIN_SEVERITY"))?,
            alert_days: number(take("ALERT_DAYS"), "ALERT_DAYS", 30)?,
            logs: take("LOGS").unwrap_or_else(|| "./AWSLogs".to_owned()),
            config_from: config_from(take("CONFIG_S3"), take("CONFIG_SSM"))?,
            digest_days: digest_days(take("DIGEST_DAYS"))?,
            rules: take("RULES").map(PathBuf::from),
            engine: take("CONFIG").map_or_else(|| Ok(Settings::default()), |text| engine(&text, "CONFIG"))?,
        };
        settings.put_first();
        match given.keys().next() {
            Some(name) => Err(wrong(name, "there is no such setting: the README lists them")),
            None => Ok(settings),
        }
    }

    /// Takes the engine's settings from what stands in the place that was named.
    ///
    /// # Errors
    /// If it is not TOML of the known sections and keys, or a value is of no use.
    pub fn with_config(mut self, bytes: &[u8]) -> Result<Self, SettingsError> {
        let name = self.config_from.as_ref().map_or("CONFIG", ConfigFrom::variable);
        let text = std::str::from_utf8(bytes).map_err(|_| wrong(name, "what it names is not UTF-8"))?;
        self.engine = engine(text, name)?;
        self.put_first();
        Ok(self)
    }

    fn put_first(&mut self) {
        if let Some(severity) = self.min_severity {
            self.engine.incidents.alert_from = severity;
        }
    }
}

impl LiveSettings {
    /// The rules of the user, but for those that the engine's settings switch off; `None` if no folder is named.
    ///
    /// # Errors
    /// If the folder cannot be read, or any of its rules cannot be used.
    pub fn user_rules(&self) -> Result<Option<Arc<dyn UserRules>>, SettingsError> {
        let Some(folder) = &self.rules else { return Ok(None) };
        let rules = kmswatch_rules::load(folder).map_err(|error| wrong("RULES", error.to_string()))?;
        Ok(Some(Arc::new(rules.without(&self.engine.detectors.off))))
    }
}

fn number<N: std::str::FromStr>(text: Option<String>, name: &str, default: N) -> Result<N, SettingsError> {
    match text {
        None => Ok(default),
        Some(text) => text.trim().parse().map_err(|_| wrong(name, format!("{text:?} is no number"))),
    }
}

fn severity(text: Option<String>) -> Result<Option<Severity>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    let known = Severity::ALL.into_iter().find(|severity| severity.name() == text.trim());
    known
        .map(Some)
        .ok_or_else(|| wrong("MIN_SEVERITY", format!("{text:?}: write info, low, medium, high or critical")))
}

fn digest_days(text: Option<String>) -> Result<u32, SettingsError> {
    match number(text, "DIGEST_DAYS", 7)? {
        days @ 0..=DIGEST_DAYS => Ok(days),
        days => Err(wrong("DIGEST_DAYS", format!("{days}: write 0 (none) to {DIGEST_DAYS}"))),
    }
}

fn config_from(
    object: Option<String>,
    parameter: Option<String>,
) -> Result<Option<ConfigFrom>, SettingsError> {
    match (object, parameter) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(wrong("CONFIG_SSM", "KMSWATCH_CONFIG_S3 is set as well: leave one out")),
        (Some(name), None) => object_name(&name).map(|object| Some(ConfigFrom::Object(object))),
        (None, Some(name)) => Ok(Some(ConfigFrom::Parameter(name.trim().to_owned()))),
    }
}

fn object_name(name: &str) -> Result<ObjectRef, SettingsError> {
    let parts = name.trim().strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    match parts {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => Ok(ObjectRef::new(bucket, key)),
        _ => Err(wrong("CONFIG_S3", format!("{name:?}: write s3://bucket/key"))),
    }
}

fn engine(text: &str, name: &str) -> Result<Settings, SettingsError> {
    let settings: Settings = toml::from_str(text).map_err(|error| wrong(name, error.to_string()))?;
    settings.check().map_err(|unfit| wrong(name, unfit.to_string()))?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<LiveSettings, SettingsError> {
        LiveSettings::of_variables(
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn only_the_table_is_needed() {
        let settings = read(&[("KMSWATCH_TABLE", "t"), ("PATH", "x"), ("KMSWATCH_TOPIC", "")]).unwrap();
        assert_eq!((settings.table.as_str(), settings.topic, settings.alert_days), ("t", None, 30));
        assert_eq!(settings.engine, Settings::default());
        assert_eq!(read(&[]).unwrap_err().name, "KMSWATCH_TABLE");
    }

    #[test]
    fn rules_are_read_from_the_folder_that_is_named() {
        assert!(read(&[("KMSWATCH_TABLE", "t")]).unwrap().user_rules().unwrap().is_none());
        let named = |folder: &str| read(&[("KMSWATCH_TABLE", "t"), ("KMSWATCH_RULES", folder)]).unwrap();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/rules");
        assert!(named(folder).user_rules().unwrap().is_some());
        assert_eq!(named("/no/such/folder").user_rules().unwrap_err().name, "KMSWATCH_RULES");
    }

    #[test]
    fn what_cannot_be_meant_is_an_error_that_names_it() {
        for (name, value) in [
            ("KMSWATCH_TOPPIC", "x"),
            ("KMSWATCH_MIN_SEVERITY", "bad"),
            ("KMSWATCH_OBJECT_BYTES", "many"),
            ("KMSWATCH_CONFIG_S3", "bucket/key"),
            ("KMSWATCH_DIGEST_DAYS", "61"),
            ("KMSWATCH_CONFIG", "[alerts]\nbudget = 1"),
            ("KMSWATCH_CONFIG", "[alerts]\nbudget_per_week = 0"),
            ("KMSWATCH_CONFIG", "[estate]\naccounts = [\"12\"]"),
            ("KMSWATCH_CONFIG", "[detectors]\noff = [\"none\"]"),
        ] {
            assert_eq!(read(&[("KMSWATCH_TABLE", "t"), (name, value)]).unwrap_err().name, name, "{value}");
        }
    }

    #[test]
    fn the_object_or_parameter_with_settings_takes_the_place_of_the_text() {
        let (object, parameter) =
            (("KMSWATCH_CONFIG_S3", "s3://b/a/c.toml"), ("KMSWATCH_CONFIG_SSM", " /k/c "));
        for (variable, place) in [
            (object, ConfigFrom::Object(ObjectRef::new("b", "a/c.toml"))),
            (parameter, ConfigFrom::Parameter("/k/c".to_owned())),
        ] {
            let settings = read(&[("KMSWATCH_TABLE", "t"), variable]).unwrap();
            assert_eq!(settings.config_from, Some(place));
            let error = settings.clone().with_config(b"[alerts]\nbudget = 3").unwrap_err();
            assert_eq!(error.name, variable.0, "whoever reads it must know where to look");
            let settings = settings.with_config(b"[alerts]\nbudget_per_week = 3").unwrap();
            assert!((settings.engine.alerts.budget_per_week - 3.0).abs() < 1e-9);
        }
        let both = read(&[("KMSWATCH_TABLE", "t"), object, parameter]).unwrap_err();
        assert_eq!(both.name, "KMSWATCH_CONFIG_SSM", "{both}");
    }

    #[test]
    fn the_least_severity_goes_before_that_of_the_text_and_of_the_object() {
        let text = "[incidents]\nalert_from = \"low\"";
        let least = |settings: &LiveSettings| settings.engine.incidents.alert_from;
        let settings = read(&[("KMSWATCH_TABLE", "t"), ("KMSWATCH_CONFIG", text)]).unwrap();
        assert_eq!(least(&settings), Severity::Low);
        let variables =
            [("KMSWATCH_TABLE", "t"), ("KMSWATCH_CONFIG", text), ("KMSWATCH_MIN_SEVERITY", "high")];
        let settings = read(&variables).unwrap();
        assert_eq!(least(&settings), Severity::High);
        assert_eq!(least(&settings.with_config(text.as_bytes()).unwrap()), Severity::High);
    }

    #[test]
    fn a_setting_that_cannot_be_meant_is_named_with_what_to_write() {
        for (text, parts) in [
            ("[incidents]\nwindow_hours = 0", ["incidents.window_hours", "1 to 336"]),
            ("[detectors]\nstaged = [\"none\"]", ["detectors.staged", "kmswatch detectors"]),
            (
                "[[suppressions]]\nreason = \"r\"\nowner = \"o\"\nexpires = \"2026-12-31\"",
                ["suppressions: \"r\"", "mute everything"],
            ),
        ] {
            let error = read(&[("KMSWATCH_TABLE", "t"), ("KMSWATCH_CONFIG", text)]).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
