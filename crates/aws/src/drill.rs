//! A test alert on its way: the same forms and the same sinks as those of a true one, and no record of it.

use crate::alert::Alert;
use crate::sinks::{Sink, SinkError};
use kmswatch_alerts::{Context, drill};
use kmswatch_engine::finding::Severity;
use std::slice;
use std::sync::Arc;

/// Sends a test alert of this severity to each sink; gives what each said, by its name.
pub async fn send(
    sinks: &[Arc<dyn Sink>],
    severity: Severity,
    context: &Context,
) -> Vec<(&'static str, Result<(), SinkError>)> {
    let incident = drill::incident(severity, context.now);
    let reasons = incident.alerts.iter().flat_map(|moment| &moment.reasons);
    let reasons = reasons.map(|reason| reason.id.clone()).collect();
    let alert = Alert::of(&incident, &reasons, context);
    let mut results = Vec::new();
    for sink in sinks {
        let result = sink.send(slice::from_ref(&alert)).await.pop();
        results.push((sink.name(), result.unwrap_or_else(|| Err(SinkError("no answer".to_owned())))));
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemorySink;

    #[tokio::test]
    async fn each_sink_gets_a_test_alert_that_says_what_it_is() {
        let memory = Arc::new(MemorySink::new("memory"));
        let sinks: Vec<Arc<dyn Sink>> = vec![memory.clone()];
        let said = send(&sinks, Severity::Critical, &Context::default()).await;
        assert_eq!(said, [("memory", Ok(()))]);
        let [alert] = memory.alerts().try_into().unwrap();
        assert_eq!(alert.subject, "CRITICAL: TEST of kmswatch alerts: nothing has happened");
        assert_eq!(alert.json["source"], crate::alert::SOURCE, "so that it comes back to nobody as news");
        assert!(alert.text.contains("There is no incident, and nothing to do."), "{}", alert.text);
    }
}
