//! The ports on AWS: clients, built once.

use crate::clock::SystemClock;
use crate::fault::describe;
use crate::live::Ports;
use crate::objects::s3::S3Objects;
use crate::objects::{ObjectError, Objects};
use crate::queue::sqs::SqsQueue;
use crate::settings::{ConfigFrom, LiveSettings, SettingsError};
use crate::sinks::Sink;
use crate::sinks::event_bridge::EventBridgeSink;
use crate::sinks::sns::SnsSink;
use crate::sinks::sqs::SqsSink;
use crate::store::dynamodb::DynamoStore;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of the object with settings.
const CONFIG_BYTES: u64 = 1 << 20;
/// Tries of a request, the first included. More only take time from a message that could be given back.
const TRIES: u32 = 4;
/// How long one try may take. The largest log objects need some seconds; asking an empty queue takes 20.
const ONE_TRY: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);

/// What all clients share: Region, credentials, connections.
#[derive(Clone, Debug)]
pub struct Clients {
    config: SdkConfig,
}

impl Clients {
    /// Reads Region, credentials and endpoints from where the SDK looks for them.
    pub async fn connect() -> Clients {
        Clients::connect_with(aws_config::defaults(BehaviorVersion::latest())).await
    }

    /// As [`Clients::connect`], but what `loader` has been given comes first.
    pub async fn connect_with(loader: ConfigLoader) -> Clients {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ONE_TRY);
        let config = loader
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .timeout_config(timeouts.build())
            .load()
            .await;
        Clients { config }
    }

    /// For clients of other services.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Log objects.
    pub fn objects(&self) -> S3Objects {
        S3Objects::new(aws_sdk_s3::Client::new(&self.config))
    }

    /// Objects of this bucket, asked for in the Region where it is.
    ///
    /// # Errors
    /// If there is no such bucket, or nobody says where it is.
    pub async fn objects_of(&self, bucket: &str) -> Result<S3Objects, ObjectError> {
        let client = aws_sdk_s3::Client::new(&self.config);
        let region = match client.head_bucket().bucket(bucket).send().await {
            Ok(answer) => answer.bucket_region,
            Err(error) => {
                let answer = error.raw_response();
                // S3 says where a bucket is also to those who asked in the wrong place, or may not see it.
                let region = answer.and_then(|answer| answer.headers().get("x-amz-bucket-region"));
                match (region, answer.map(|answer| answer.status().as_u16())) {
                    (Some(region), _) => Some(region.to_owned()),
                    (None, Some(404)) => {
                        return Err(ObjectError::Failed(format!("there is no bucket {bucket:?}")));
                    }
                    (None, Some(403)) => return Err(ObjectError::AccessDenied(describe(&error))),
                    _ => return Err(ObjectError::Failed(describe(&error))),
                }
            }
        };
        let known = self.config.region().map(ToString::to_string);
        let Some(region) = region.filter(|region| Some(region) != known.as_ref()) else {
            return Ok(S3Objects::new(client));
        };
        let config = aws_sdk_s3::config::Builder::from(&self.config);
        let config = config.region(aws_sdk_s3::config::Region::new(region)).build();
        Ok(S3Objects::new(aws_sdk_s3::Client::from_conf(config)))
    }

    /// Settings with those from the object or parameter that they name.
    ///
    /// # Errors
    /// If it cannot be read, or its settings cannot be used.
    pub async fn complete(&self, settings: LiveSettings) -> Result<LiveSettings, CompleteError> {
        let Some(place) = settings.config_from.clone() else { return Ok(settings) };
        let unread = |why: String| CompleteError::Unread(place.to_string(), why);
        let bytes = match &place {
            ConfigFrom::Object(object) => {
                self.objects().get(object, CONFIG_BYTES).await.map_err(|error| unread(error.to_string()))?
            }
            ConfigFrom::Parameter(name) => self.parameter(name).await.map_err(unread)?.into_bytes(),
        };
        Ok(settings.with_config(&bytes)?)
    }

    /// The value of a parameter of Systems Manager, decrypted if it is a secret one.
    async fn parameter(&self, name: &str) -> Result<String, String> {
        let request = aws_sdk_ssm::Client::new(&self.config).get_parameter().name(name).with_decryption(true);
        let answer = request.send().await.map_err(|error| describe(&error))?;
        answer.parameter.and_then(|parameter| parameter.value).ok_or_else(|| "it has no value".to_owned())
    }

    /// A queue of notifications.
    pub fn queue(&self, url: &str) -> SqsQueue {
        SqsQueue::new(aws_sdk_sqs::Client::new(&self.config), url)
    }

    /// Where alerts go: a topic of SNS (its ARN), a bus of EventBridge (its name), a queue of SQS (its URL).
    pub fn sinks(&self, topic: Option<&str>, bus: Option<&str>, queue: Option<&str>) -> Vec<Arc<dyn Sink>> {
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        if let Some(topic) = topic {
            sinks.push(Arc::new(SnsSink::new(aws_sdk_sns::Client::new(&self.config), topic)));
        }
        if let Some(bus) = bus {
            sinks.push(Arc::new(EventBridgeSink::new(aws_sdk_eventbridge::Client::new(&self.config), bus)));
        }
        if let Some(url) = queue {
            sinks.push(Arc::new(SqsSink::new(aws_sdk_sqs::Client::new(&self.config), url)));
        }
        sinks
    }

    /// The items of this table.
    pub fn store(&self, table: &str) -> DynamoStore {
        DynamoStore::new(aws_sdk_dynamodb::Client::new(&self.config), table)
    }

    /// All ports of the pipeline.
    pub fn ports(&self, settings: &LiveSettings) -> Ports {
        let [topic, bus, queue] =
            [&settings.topic, &settings.bus, &settings.alert_queue].map(Option::as_deref);
        let sinks = self.sinks(topic, bus, queue);
        let store = self.store(&settings.table);
        Ports {
            objects: Arc::new(self.objects()),
            store: Arc::new(store),
            sinks,
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why settings could not be completed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompleteError {
    /// The object or parameter with settings could not be had, and why.
    #[error("{0}: {1}")]
    Unread(String, String),
    /// It holds settings that cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// A name that no other running process has: it holds leases.
pub fn owner() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}
