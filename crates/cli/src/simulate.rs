//! Logs of an invented organisation, to try things on.

use crate::args::SimulateArgs;

/// `kmswatch simulate`.
pub(crate) fn run(_args: &SimulateArgs) -> anyhow::Result<u8> {
    anyhow::bail!("not in this version")
}
