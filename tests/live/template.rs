//! `infra/template.yaml`, read as JSON: what `!Sub` and the like say stands in an object of one member.

use crate::stack::root;
use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

/// The template.
pub(crate) struct Template(Value);

/// An alarm of it.
pub(crate) struct Alarm {
    /// Its logical id, without `Alarm`.
    pub(crate) name: String,
    /// Its properties.
    pub(crate) is: Value,
}

/// A statement of the function's role.
pub(crate) struct Statement {
    pub(crate) actions: Vec<String>,
    pub(crate) resource: Value,
}

impl Template {
    pub(crate) fn read() -> Template {
        let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
        Template(json_of(yaml_serde::from_str(&text).unwrap()))
    }

    pub(crate) fn properties(&self, resource: &str) -> &Value {
        &self.0["Resources"][resource]["Properties"]
    }

    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        let resources = self.0["Resources"].as_object().unwrap().iter();
        let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
        let alarm = |(name, resource): (&String, &Value)| Alarm {
            name: name.strip_suffix("Alarm").expect("its name says what it is").to_owned(),
            is: resource["Properties"].clone(),
        };
        alarms.map(alarm).collect()
    }

    /// Statements of the function's role, those of conditional policies among them.
    pub(crate) fn function_may(&self) -> Vec<Statement> {
        let mut statements = Vec::new();
        for policy in self.properties("FunctionRole")["Policies"].as_array().unwrap() {
            let policy = policy.get("Fn::If").map_or(policy, |choice| &choice[1]);
            for statement in policy["PolicyDocument"]["Statement"].as_array().unwrap() {
                assert_eq!(statement["Effect"], "Allow");
                let actions = match &statement["Action"] {
                    Value::Array(actions) => actions.iter().filter_map(Value::as_str).collect(),
                    action => vec![action.as_str().unwrap()],
                };
                statements.push(Statement {
                    actions: actions.into_iter().map(str::to_owned).collect(),
                    resource: statement["Resource"].clone(),
                });
            }
        }
        statements
    }
}

fn json_of(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                function => format!("Fn::{function}"),
            };
            json!({ name: json_of(tagged.value) })
        }
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect(),
        Yaml::Mapping(members) => {
            let member = |(name, value): (Yaml, Yaml)| (name.as_str().unwrap().to_owned(), json_of(value));
            Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
        plain => serde_json::to_value(plain).unwrap(),
    }
}
