//! From the text of a file to rules that can be asked.

use crate::fields;
use kmswatch_engine::detectors::user_rules::{self, PREFIX, UserRule, UserRules};
use kmswatch_engine::event::Event;
use kmswatch_engine::finding::{Severity, Technique};
use rsigma_eval::{CompiledRule, JsonEvent, compile_rule, evaluate_rule};
use rsigma_parser::{Level, SigmaRule, parse_sigma_yaml};
use serde_json::Value;
use std::collections::BTreeSet;
use yaml_serde::{Mapping, Value as Yaml};

/// A rule that cannot be used: where it stands and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct RuleError {
    /// File, below the folder.
    pub file: String,
    /// The field, and what is wrong with it.
    pub problem: String,
}

/// Rules that can be asked about events.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    user: &'static UserRule,
    sigma: CompiledRule,
}

impl RuleSet {
    /// The rules of all files, each given by its name below the folder and its text.
    ///
    /// What findings say of a rule stays in memory until the process ends: call it once.
    ///
    /// # Errors
    /// All rules that cannot be used.
    pub fn compile(files: &[(String, String)]) -> Result<RuleSet, Vec<RuleError>> {
        let mut set = RuleSet::default();
        let mut errors = Vec::new();
        for (file, text) in files {
            match compiled(file, text) {
                Ok(rules) => set.rules.extend(rules),
                Err(problems) => errors
                    .extend(problems.into_iter().map(|problem| RuleError { file: file.clone(), problem })),
            }
        }
        let mut known = BTreeSet::new();
        for rule in &set.rules {
            if !known.insert(rule.user.detector.id) {
                let file = rule.user.detector.id.trim_start_matches(PREFIX).to_owned();
                errors.push(RuleError { file, problem: "another file has the same name".to_owned() });
            }
        }
        if errors.is_empty() { Ok(set) } else { Err(errors) }
    }

    /// The ids of all rules: `sigma/` and the file without its ending.
    pub fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.rules.iter().map(|rule| rule.user.detector.id)
    }

    /// The rules but for those that are switched off, by id.
    pub fn without(mut self, off: &[String]) -> RuleSet {
        self.rules.retain(|rule| !off.iter().any(|off| off == rule.user.detector.id));
        self
    }
}

impl UserRules for RuleSet {
    fn holding(&self, record: &str, event: &Event<'_>) -> Result<Vec<&'static UserRule>, String> {
        let mut record = read(record).map_err(|error| format!("no rule could be asked: {error}"))?;
        fields::add(&mut record, event);
        let event = JsonEvent::owned(Value::Object(record));
        let holds = |rule: &&Compiled| evaluate_rule(&rule.sigma, &event).is_some();
        Ok(self.rules.iter().filter(holds).map(|rule| rule.user).collect())
    }
}

/// Reads a record. Escapes that stand for no character (a lone surrogate) must not keep rules from seeing the rest.
fn read(record: &str) -> serde_json::Result<serde_json::Map<String, Value>> {
    serde_json::from_str(record).or_else(|error| match without_surrogates(record) {
        Some(record) => serde_json::from_str(&record),
        None => Err(error),
    })
}

/// The text with each `\uD800` to `\uDFFF` as the replacement character; `None` if there is none.
fn without_surrogates(record: &str) -> Option<String> {
    let mut out = String::with_capacity(record.len());
    let mut rest = record;
    let mut found = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let hex = escape.strip_prefix("\\u").and_then(|hex| hex.get(..4));
        let is_surrogate = hex.is_some_and(|hex| matches!(u16::from_str_radix(hex, 16), Ok(0xd800..=0xdfff)));
        // An escape is two bytes long at least; a text that ends in the middle of one is no JSON anyhow.
        let length = if is_surrogate { 6 } else { 2 };
        let (escape, after) = escape.split_at_checked(length)?;
        out.push_str(if is_surrogate { "\\ufffd" } else { escape });
        found |= is_surrogate;
        rest = after;
    }
    out.push_str(rest);
    found.then_some(out)
}

/// The rules of one file.
fn compiled(file: &str, text: &str) -> Result<Vec<Compiled>, Vec<String>> {
    let collection = parse_sigma_yaml(text).map_err(|error| vec![blame(text, &error.to_string())])?;
    let mut problems: Vec<String> = collection.errors.iter().map(|error| blame(text, error)).collect();
    if !collection.correlations.is_empty() {
        problems.push("correlation: rules about several events are not supported".to_owned());
    }
    if !collection.filters.is_empty() {
        problems.push("filter: filters of other rules are not supported".to_owned());
    }
    if problems.is_empty() && collection.rules.is_empty() {
        problems.push("there is no rule in it".to_owned());
    }
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let mut rules = Vec::new();
    for (at, rule) in collection.rules.iter().enumerate() {
        let id = if at == 0 { format!("{PREFIX}{stem}") } else { format!("{PREFIX}{stem}-{}", at + 1) };
        problems.extend(refused(rule));
        match compile_rule(rule) {
            Ok(sigma) => rules.push(Compiled { user: user_rule(id, rule), sigma }),
            Err(error) => problems.push(blame(text, &error.to_string())),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

/// What is a rule of Sigma, but none for these logs.
fn refused(rule: &SigmaRule) -> Option<String> {
    let logs = &rule.logsource;
    for (field, given, expected) in
        [("product", &logs.product, "aws"), ("service", &logs.service, "cloudtrail")]
    {
        if let Some(given) = given
            && !given.eq_ignore_ascii_case(expected)
        {
            return Some(format!("logsource.{field}: {given:?} is not what kmswatch reads: {expected:?}"));
        }
    }
    let status = rule.status.as_ref()?;
    use rsigma_parser::Status;
    matches!(status, Status::Deprecated | Status::Unsupported)
        .then(|| "status: a rule that its author no longer stands for".to_owned())
}

/// Names the field of which a message speaks, by trying the parts of the rule one by one.
fn blame(text: &str, message: &str) -> String {
    let named = |part: &str, message: &str| format!("{part}: {message}");
    let Ok(Yaml::Mapping(rule)) = yaml_serde::from_str::<Yaml>(text) else { return message.to_owned() };
    let field = ["title", "logsource", "level", "status", "detection"]
        .into_iter()
        .find(|field| message.contains(&format!("{field:?}")) || message.contains(&format!("'{field}'")));
    if let Some(field) = field {
        return named(field, message);
    }
    let Some(Yaml::Mapping(detection)) = rule.get("detection") else { return named("detection", message) };
    let fails = |name: &str, selection: &Yaml| -> Option<String> {
        let mut detection = Mapping::new();
        detection.insert(name.into(), selection.clone());
        detection.insert("condition".into(), name.into());
        let mut alone = Mapping::new();
        for part in ["title", "logsource"] {
            alone.insert(part.into(), rule.get(part).cloned().unwrap_or_default());
        }
        alone.insert("detection".into(), detection.into());
        let text = yaml_serde::to_string(&alone).ok()?;
        let collection = match parse_sigma_yaml(&text) {
            Ok(collection) => collection,
            Err(error) => return Some(error.to_string()),
        };
        let compiled = collection.rules.first().map(compile_rule);
        collection.errors.first().cloned().or_else(|| Some(compiled?.err()?.to_string()))
    };
    let selections = detection.iter().filter_map(|(name, selection)| Some((name.as_str()?, selection)));
    for (name, selection) in selections.filter(|(name, _)| !["condition", "timeframe"].contains(name)) {
        let Some(message) = fails(name, selection) else { continue };
        let fields = selection.as_mapping().into_iter().flatten();
        for (field, value) in fields {
            let mut one = Mapping::new();
            one.insert(field.clone(), value.clone());
            if let Some(message) = fails(name, &one.into()) {
                return named(&format!("detection.{name}.{}", field.as_str().unwrap_or("?")), &message);
            }
        }
        return named(&format!("detection.{name}"), &message);
    }
    named("detection.condition", message)
}

fn user_rule(id: String, rule: &SigmaRule) -> &'static UserRule {
    let severity = match rule.level {
        Some(Level::Informational) => Severity::Info,
        Some(Level::Low) => Severity::Low,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    };
    let title = rule.title.trim().to_owned();
    let mut steps = rule.custom_attributes.get("runbook").map(texts).unwrap_or_default();
    steps.extend(rule.references.iter().map(|reference| format!("Read {reference}")));
    Box::leak(Box::new(UserRule {
        detector: user_rules::detector(leaked(id), leaked(title), severity, techniques(&rule.tags)),
        description: one_line(rule.description.as_deref().unwrap_or_default()),
        steps,
        false_positives: rule
            .falsepositives
            .iter()
            .map(|text| one_line(text).trim_end_matches('.').to_owned())
            .collect(),
    }))
}

/// A text of several lines in one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text or a list of texts.
fn texts(value: &Yaml) -> Vec<String> {
    let one = |value: &Yaml| value.as_str().map(one_line);
    match value {
        Yaml::Sequence(values) => values.iter().filter_map(one).collect(),
        value => one(value).into_iter().collect(),
    }
}

/// The techniques that the tags name, such as `attack.t1485`.
fn techniques(tags: &[String]) -> &'static [Technique] {
    let known = || kmswatch_engine::detectors::ALL.iter().flat_map(|detector| detector.mitre);
    let named = tags.iter().filter_map(|tag| {
        let id = tag.to_lowercase().strip_prefix("attack.t")?.to_owned();
        id.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("T{id}"))
    });
    let techniques = named.map(|id| match known().find(|technique| technique.id == id) {
        Some(technique) => *technique,
        // Only its number is known.
        None => {
            let id = leaked(id);
            Technique { id, name: id }
        }
    });
    Box::leak(techniques.collect::<Vec<_>>().into_boxed_slice())
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[cfg(test)]
mod tests;
