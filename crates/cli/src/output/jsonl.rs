//! Findings and incidents for programs: one JSON object a line, as `kmswatch schema finding` and `kmswatch schema
//! incident` describe them.

use serde::Serialize;
use std::io::{self, Write};

/// Writes all findings, or all incidents.
pub(crate) fn write(out: &mut (impl Write + ?Sized), items: &[impl Serialize]) -> io::Result<()> {
    for item in items {
        serde_json::to_writer(&mut *out, item)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;
    use kmswatch_engine::finding::Severity;
    use serde_json::Value;

    fn schema() -> jsonschema::Validator {
        validator(include_str!("../../schema/finding.schema.json"))
    }

    fn validator(schema: &str) -> jsonschema::Validator {
        let schema: Value = serde_json::from_str(schema).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&schema), "the schema itself");
        jsonschema::draft202012::new(&schema).unwrap()
    }

    fn written(item: impl Serialize) -> Value {
        let mut out = Vec::new();
        write(&mut out, &[item]).unwrap();
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1, "one line");
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn findings_of_every_sort_keep_to_the_schema() {
        let schema = schema();
        for finding in
            [samples::usual(Severity::Critical, 1), samples::storm(), samples::bare(), samples::hostile()]
        {
            let json = written(finding);
            let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{json:#}");
        }
    }

    #[test]
    fn incidents_of_every_sort_keep_to_the_schema() {
        let schema = validator(include_str!("../../schema/incident.schema.json"));
        let findings = [samples::story(), vec![samples::hostile()], vec![samples::bare()]];
        for incident in findings.iter().flat_map(|findings| samples::incidents(findings)) {
            let json = written(incident);
            let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{json:#}");
        }
    }

    #[test]
    fn the_schemas_ask_for_every_field_and_mind_its_type() {
        minds(&schema(), &written(samples::storm()));
        let incident = samples::incidents(&samples::story()).remove(0);
        minds(&validator(include_str!("../../schema/incident.schema.json")), &written(incident));
    }

    fn minds(schema: &jsonschema::Validator, good: &Value) {
        let Value::Object(fields) = good else { panic!("an object") };
        for field in fields.keys() {
            let mut without = good.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(!schema.is_valid(&without), "{field} may not be missing");
            let mut wrong = good.clone();
            wrong[field] = if wrong[field].is_number() { Value::from("7") } else { Value::from(7) };
            assert!(!schema.is_valid(&wrong), "{field} is of another type");
        }
        let mut more = good.clone();
        more["later"] = serde_json::json!("a field of a later version");
        assert!(schema.is_valid(&more));
    }

    #[test]
    fn what_is_not_there_is_null() {
        let json = written(samples::bare());
        assert!(json["principal"].is_null() && json["key"].is_null());
        assert!(json["evidence"]["expected"].is_null(), "NaN is no number of JSON");
        assert_eq!(json["time"]["start"], "2026-05-04T10:15:42Z");
    }
}
