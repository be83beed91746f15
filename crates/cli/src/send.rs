//! Sends the test alert to where alerts go.

use crate::alert::TestArgs;
use kmswatch_alerts::Context;
use kmswatch_aws::clients::Clients;
use kmswatch_aws::drill;
use std::io::Write;

/// Sends it to those that are named, and says what became of it; `None` if none is.
pub(crate) fn send(args: &TestArgs, context: &Context) -> anyhow::Result<Option<u8>> {
    let named = [args.topic.as_deref(), args.bus.as_deref(), args.queue.as_deref()];
    if named.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [topic, bus, queue] = named;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let results = runtime.block_on(async {
        let sinks = Clients::connect().await.sinks(topic, bus, queue);
        drill::send(&sinks, args.severity, context).await
    });
    let mut status = crate::NOTHING_FOUND;
    let out = &mut anstream::stdout().lock();
    for (sink, result) in results {
        match result {
            Ok(()) => writeln!(out, "{sink}: taken; see whether it arrives")?,
            Err(error) => {
                status = crate::TROUBLE;
                writeln!(out, "{sink}: {}", crate::terminal::safe(&error.to_string()))?;
            }
        }
    }
    Ok(Some(status))
}
