use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "instance_metadata_v1",
    title: "Credentials from version 1 of the instance metadata service",
    severity: Severity::Low,
    advice: "Require version 2 (aws ec2 modify-instance-metadata-options --http-tokens required): version 1 hands \
             credentials to whoever can make the instance fetch a URL.",
    caveat: "Only calls of instances carry this.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::Imds1),
        |_| true,
        |evidence, who| format!("{} by {who} with credentials of IMDSv1.", calls(evidence.count)),
    )
}
