//! What was asked of AWS, as plain values: what to make of them is decided elsewhere.

use kmswatch_aws::settings::LiveSettings;
use kmswatch_engine::time::Timestamp;

/// An answer, or why there is none.
pub(crate) type Asked<T> = Result<T, Refusal>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such thing.
    Missing(String),
    /// Whoever asked may not know.
    Denied(String),
    /// Anything else.
    Failed(String),
}

/// Everything that was asked.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) now: Timestamp,
    /// Where the settings come from, in words.
    pub(crate) settings_from: String,
    /// The settings, or what is wrong with them.
    pub(crate) settings: Result<LiveSettings, String>,
    /// What is wrong with the engine's settings, where they stand elsewhere.
    pub(crate) engine: Result<(), String>,
    /// Rules of the user's own: how many, or what is wrong; `None` if none are named or they lie elsewhere.
    pub(crate) rules: Option<Result<(), String>>,
    /// The Region that is asked.
    pub(crate) region: Option<String>,
    pub(crate) caller: Asked<Caller>,
    /// Where the logs lie, if that is known.
    pub(crate) logs: Option<Logs>,
    pub(crate) trails: Asked<Vec<Trail>>,
    pub(crate) bucket: Asked<BucketWiring>,
    pub(crate) rules_of_bus: Asked<Vec<BusRule>>,
    /// Queues that notifications lead to, or the one that was named.
    pub(crate) queues: Vec<(String, Asked<Queue>)>,
    pub(crate) table: Asked<Table>,
    pub(crate) progress: Asked<Progress>,
    pub(crate) sinks: Vec<Sink>,
}

/// Who is asking.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) arn: String,
}

/// The bucket of the logs, and what stands before `AWSLogs/` in their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logs {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
}

/// A trail.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) home_region: String,
    pub(crate) is_multi_region: bool,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) status: Asked<TrailStatus>,
    /// As the API writes them, in JSON.
    pub(crate) selectors: Asked<String>,
}

/// What a trail says of its work.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrailStatus {
    pub(crate) is_logging: bool,
    pub(crate) delivery_error: Option<String>,
    pub(crate) delivered: Option<Timestamp>,
}

/// Whom a bucket tells of its objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct BucketWiring {
    pub(crate) queues: Vec<Route>,
    pub(crate) topics: Vec<Route>,
    /// Whether its events go to EventBridge.
    pub(crate) to_event_bridge: bool,
}

/// One that a bucket tells.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// ARN of the queue or topic.
    pub(crate) arn: String,
    /// Which events: `s3:ObjectCreated:*`.
    pub(crate) events: Vec<String>,
    pub(crate) prefix: String,
    pub(crate) suffix: String,
    /// Queues that get it from the topic.
    pub(crate) queues: Asked<Vec<String>>,
}

/// A rule of the default bus about objects in S3.
#[derive(Clone, Debug)]
pub(crate) struct BusRule {
    pub(crate) name: String,
    pub(crate) is_enabled: bool,
    /// JSON.
    pub(crate) pattern: String,
    /// ARNs of the queues among its targets.
    pub(crate) queues: Vec<String>,
}

/// A queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pub(crate) arn: String,
    pub(crate) url: String,
    /// JSON.
    pub(crate) policy: String,
    /// Seconds for which a message that was taken is invisible.
    pub(crate) visibility: u64,
    pub(crate) waiting: u64,
    /// Its key, if one of KMS encrypts it.
    pub(crate) key: String,
    /// ARN of the queue of dead letters, and messages in it.
    pub(crate) dead_letters: Option<(String, Asked<u64>)>,
}

/// The table of States.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) status: String,
    /// Whether its key is the text `pk` and nothing else.
    pub(crate) has_key: bool,
    pub(crate) expires: Asked<bool>,
}

pub(crate) use kmswatch_aws::stored::Progress;

/// Where alerts go.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    Topic(String, Asked<Topic>),
    /// With the number of rules that take from it.
    Bus(String, Asked<usize>),
    Queue(String, Asked<Queue>),
    /// What became of a test alert, by the kind of sink.
    Sent(&'static str, Result<(), String>),
}

/// A topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topic {
    pub(crate) confirmed: u64,
    pub(crate) pending: u64,
    /// Its key, if one of KMS encrypts it.
    pub(crate) key: String,
}
