//! Alarms and dashboard of the template look at what the function counts, under the names and dimensions that it writes.

use crate::template::{Alarm, Template};
use kmswatch_aws::metrics::{self, Counts, Metric};
use serde_json::{Value, json};

/// Metrics that AWS writes, by namespace, with the dimension by which they are told apart.
const OF_AWS: [(&str, &str, &[&str]); 4] = [
    ("AWS/SQS", "QueueName", &["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"]),
    ("AWS/Lambda", "FunctionName", &["Errors", "Throttles", "Duration", "ConcurrentExecutions"]),
    ("AWS/SNS", "TopicName", &["NumberOfNotificationsFailed"]),
    ("AWS/DynamoDB", "TableName", &["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"]),
];

impl Alarm {
    /// What of ours it looks at; `None` if it is a metric of AWS.
    fn metric(&self) -> Option<Metric> {
        (self.is["Namespace"] == metrics::NAMESPACE).then(|| {
            let name = self.is["MetricName"].as_str().unwrap();
            *metrics::ALL.iter().find(|metric| metric.name == name).expect("nobody counts it")
        })
    }
}

/// The alarms on our metrics that these counts of one invocation raise.
pub(crate) fn raised(template: &Template, counts: &Counts) -> Vec<String> {
    let alarms = template.alarms().into_iter().filter(|alarm| {
        let limit = alarm.is["Threshold"].as_u64();
        let above = alarm.is["ComparisonOperator"] == "GreaterThanThreshold";
        alarm.metric().is_some_and(|metric| above && limit.is_some_and(|limit| counts.get(metric) > limit))
    });
    alarms.map(|alarm| alarm.name).collect()
}

#[test]
fn alarms_look_at_what_the_function_counts() {
    let template = Template::read();
    let mut counts = Counts::default();
    metrics::ALL.iter().for_each(|metric| counts.add(*metric, 1));
    let line: Value = serde_json::from_str(&counts.embedded("its name", 0).unwrap()).unwrap();
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(
        (&directive["Namespace"], &directive["Dimensions"]),
        (&json!("kmswatch"), &json!([["Function"]]))
    );
    assert_eq!(line["Function"], "its name");
    let largest =
        [metrics::STATE_BYTES, metrics::SILENT_HOURS, metrics::LAG_SECONDS, metrics::EVENT_LAG_SECONDS];
    let alarms = template.alarms();
    assert!(alarms.len() >= 10);
    for alarm in &alarms {
        let (name, is) = (&alarm.name, &alarm.is);
        assert_eq!(is["AlarmActions"], json!([{"Ref": "Topic"}]), "{name}");
        assert!(is["AlarmDescription"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
        let dimension = &is["Dimensions"][0];
        assert_eq!(is["Dimensions"].as_array().unwrap().len(), 1, "{name}");
        match alarm.metric() {
            Some(metric) => {
                assert_eq!(*dimension, json!({"Name": "Function", "Value": {"Ref": "Function"}}), "{name}");
                let statistic = if largest.contains(&metric) { "Maximum" } else { "Sum" };
                assert_eq!(is["Statistic"], statistic, "{name}");
            }
            None => {
                let (namespace, metric) =
                    (is["Namespace"].as_str().unwrap(), is["MetricName"].as_str().unwrap());
                assert_eq!(dimension["Name"].as_str(), of_aws(namespace, metric), "{name}");
            }
        }
    }
    // What says that nothing is seen any more is raised also if nobody says anything.
    let silence = alarms.iter().find(|alarm| alarm.name == "Silence").unwrap();
    assert_eq!(silence.is["TreatMissingData"], "breaching");
}

/// The dimension of a metric of AWS.
fn of_aws(namespace: &str, metric: &str) -> Option<&'static str> {
    let known = OF_AWS.iter().find(|(space, _, names)| *space == namespace && names.contains(&metric));
    known.map(|(_, dimension, _)| *dimension)
}

#[test]
fn the_dashboard_shows_what_the_function_counts() {
    let template = Template::read();
    let body = template.properties("Dashboard")["DashboardBody"]["Fn::Sub"].as_str().unwrap();
    let board: Value = serde_json::from_str(body).unwrap();
    let mut shown = 0;
    for widget in board["widgets"].as_array().unwrap() {
        let mut before: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().unwrap() {
            // A point stands for what the row before has there.
            let words = row.as_array().unwrap().iter().filter_map(Value::as_str).enumerate();
            let words: Vec<String> = words
                .map(|(at, word)| if word == "." { before[at].clone() } else { word.to_owned() })
                .collect();
            let [namespace, metric, dimension, value] = words.as_slice() else { panic!("{row}") };
            if namespace == metrics::NAMESPACE {
                assert!(metrics::ALL.iter().any(|known| known.name == metric), "{metric}");
                assert_eq!((dimension.as_str(), value.as_str()), ("Function", "${Function}"));
            } else {
                assert_eq!(Some(dimension.as_str()), of_aws(namespace, metric), "{namespace} {metric}");
            }
            shown += 1;
            before = words;
        }
    }
    assert!(shown > 15, "{shown}");
}
