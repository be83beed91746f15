//! # Key store disrupted
//!
//! A custom key store was disconnected, deleted or pointed elsewhere, or an external one was made.
//!
//! ## What it finds
//!
//! * `DisconnectCustomKeyStore`, followed until `ConnectCustomKeyStore`;
//! * `UpdateCustomKeyStore` with another proxy endpoint, path, VPC service or credential, cluster or password;
//! * `DeleteCustomKeyStore`; `CreateCustomKeyStore` with an external key store;
//! * the same, denied.
//!
//! ## Why it matters
//!
//! The keys of a custom key store live outside KMS: in a CloudHSM cluster, or behind a proxy. Without the connection none
//! of them can be used, at once and whatever their state. Whoever controls the proxy decides over all data under its keys,
//! which is a way to ransom that needs no deletion.
//!
//! ## How it decides
//!
//! *High* if a store is disconnected, its proxy or cluster is changed, or an external store is made; *medium* if only its
//! credential or password is set anew, if it is deleted (KMS takes that only of an empty one), or once it is connected
//! again. A denied attempt is lower.
//!
//! ## False positives
//!
//! Maintenance of the cluster or the proxy, and rotation of the credential. Both come announced.
//!
//! ## What it cannot see
//!
//! A proxy that is switched off, or refuses: then the calls of users fail, which `unusable_key_used` tells. Which keys a
//! store holds.
//!
//! ## What to do
//!
//! Connect the store again. If the proxy was changed, put the last good endpoint back first: with a wrong one the keys may
//! be those of somebody else.
//!
//! ## References
//!
//! * AWS KMS developer guide, "External key stores" and "Disconnect an external key store"
//! * MITRE ATT&CK T1489, Service Stop; T1486, Data Encrypted for Impact

use super::deed::{self, Deed};
use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::params::Params;
use crate::event::{Event, Operation};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::stage::Stage;
use crate::state::{AccountState, Act, ActKind, Detail};
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_store_disrupted",
    title: "Key store disrupted",
    severity: Severity::High,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[
        Technique { id: "T1489", name: "Service Stop" },
        Technique { id: "T1486", name: "Data Encrypted for Impact" },
    ],
    covers: &["N20", "P4", "P16"],
    reads: Reads::These(&[
        Operation::CreateCustomKeyStore,
        Operation::ConnectCustomKeyStore,
        Operation::DisconnectCustomKeyStore,
        Operation::UpdateCustomKeyStore,
        Operation::DeleteCustomKeyStore,
    ]),
    page: page(include_str!("key_store_disrupted.rs")),
    look: Look::Several(&[Look::Event(look), Look::Account(disconnected)]),
};

/// Parameters that decide where a store is, and those that only open it.
const PLACE: [&str; 5] = [
    "xksProxyUriEndpoint",
    "xksProxyUriPath",
    "xksProxyVpcEndpointServiceName",
    "xksProxyConnectivity",
    "cloudHsmClusterId",
];
const SECRETS: [&str; 2] = ["xksProxyAuthenticationCredential", "keyStorePassword"];

fn look(event: &Event<'_>, _: &Estate) -> Option<Finding> {
    let Params::KeyStore(store) = &event.params else { return None };
    let deed = Deed::of(event)?;
    let given = |names: &[&'static str]| -> Vec<&'static str> {
        names.iter().copied().filter(|name| !event.request.get(name).is_empty()).collect()
    };
    let (place, secrets) = (given(&PLACE), given(&SECRETS));
    let external = store.store_type.as_deref() == Some("EXTERNAL_KEY_STORE")
        || !event.request.get("xksProxyUriEndpoint").is_empty();
    let (severity, what) = match event.operation {
        Operation::UpdateCustomKeyStore if !place.is_empty() => (Severity::High, "was pointed elsewhere"),
        Operation::UpdateCustomKeyStore if !secrets.is_empty() => {
            (Severity::Medium, "was given another credential")
        }
        Operation::DeleteCustomKeyStore => (Severity::Medium, "was deleted"),
        Operation::CreateCustomKeyStore if external => (Severity::High, "was made outside AWS"),
        // What was done is told from the State, which knows whether it is over.
        Operation::DisconnectCustomKeyStore if deed == Deed::Denied => (Severity::High, "was disconnected"),
        _ => return None,
    };
    let id = store.id.as_deref().unwrap_or_default();
    let mut finding = finding::of_event(&DETECTOR, event, &[event.operation.name(), id, &event.principal.id]);
    finding.severity = deed.severity(severity);
    deed.tell(&mut finding);
    let name = name(store.name.as_deref().unwrap_or(id));
    finding.title = format!("{name} {what}{}", deed.suffix());
    let endpoint = store.proxy_endpoint.as_deref().map(deed::clip);
    let to = endpoint.map(|endpoint| format!(" Its proxy is now {endpoint}.")).unwrap_or_default();
    finding.explanation = format!(
        "{}{} called {} on {name} at {}.{to} Whoever runs what a key store is connected to decides whether the keys in it \
         can be used.",
        deed.preface(),
        short(&event.principal.id),
        event.operation.name(),
        event.time
    );
    let details = &mut finding.evidence.details;
    details.insert("key_store", json!(deed::clip(id)));
    details.insert("changed", json!([place, secrets].concat()));
    if let Some(endpoint) = endpoint {
        details.insert("proxy_endpoint", endpoint.into());
    }
    finding.runbook = vec![
        format!(
            "See how it is connected now: {}",
            on_store("kms describe-custom-key-stores", id, &event.region)
        ),
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
    ];
    Some(finding)
}

fn disconnected(account: &str, state: &AccountState, _: &Estate, found: &mut Vec<Finding>) {
    let acts: Vec<&Act> = state.switches.values().collect();
    for (at, act) in acts.iter().enumerate().filter(|(_, act)| act.kind == ActKind::DisconnectStore) {
        let later = acts.get(at + 1..).unwrap_or_default().iter();
        let connected = later.copied().find(|later| {
            later.kind == ActKind::ConnectStore && later.detail == act.detail && later.region == act.region
        });
        let Detail::Target(id) = &act.detail else { continue };
        let mut finding = finding::of_act(&DETECTOR, act, &[account, &act.event_id]);
        let (name, who) = (name(id), short(&act.by.id));
        let said = format!("{who} disconnected {name} at {}.", act.time);
        if let Some(connected) = connected {
            finding.add_act(connected);
            finding.severity = Severity::Medium;
            finding.title = format!("{name} was disconnected and connected again");
            finding.explanation = format!(
                "{said} {} connected it again at {}. In between no key in it could be used.",
                short(&connected.by.id),
                connected.time
            );
            let undone = json!({"at": connected.time, "by": connected.by.id, "event_id": connected.event_id});
            finding.evidence.details.insert("connected", undone);
        } else {
            finding.severity = Severity::High;
            finding.title = format!("{name} was disconnected");
            finding.explanation =
                format!("{said} Until somebody connects it, no key in it can be used, nor made.");
            let connect = on_store("kms connect-custom-key-store", id, &act.region);
            finding.runbook.push(format!("Connect it again: {connect}"));
        }
        finding.evidence.details.insert("key_store", json!(id));
        let describe = on_store("kms describe-custom-key-stores", id, &act.region);
        finding.runbook.push(format!("See how it is connected now: {describe}"));
        finding.runbook.push(look_further(&finding));
        found.push(finding);
    }
}

fn name(id: &str) -> String {
    if id.is_empty() {
        "A key store that the log does not name".to_owned()
    } else {
        format!("Key store {}", deed::clip(id))
    }
}

fn on_store(command: &str, id: &str, region: &str) -> String {
    aws(command, &[("custom-key-store-id", id), ("region", region)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn on(name: &str, request: Value) -> RecordBuilder {
        let record = kms(name).by_user(ACCOUNT, "mallory").set("requestParameters", request);
        record.set("requestParameters.customKeyStoreId", "cks-1234567890abcdef0").at("2026-05-04T10:00:00Z")
    }

    #[test]
    fn a_disconnected_store_is_high_and_can_be_connected() {
        let finding = only(&DETECTOR, &[on("DisconnectCustomKeyStore", json!({}))]);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Key store cks-1234567890abcdef0 was disconnected");
        assert_eq!(
            finding.runbook[0],
            "Connect it again: aws kms connect-custom-key-store --custom-key-store-id cks-1234567890abcdef0 --region eu-west-1"
        );
    }

    #[test]
    fn one_that_is_connected_again_is_medium() {
        let off = || on("DisconnectCustomKeyStore", json!({}));
        let connect = on("ConnectCustomKeyStore", json!({})).at("2026-05-04T11:00:00Z");
        let finding = only(&DETECTOR, &[off(), connect.clone()]);
        assert_eq!((finding.severity, finding.evidence.count), (Severity::Medium, 2));
        assert_eq!(finding.title, "Key store cks-1234567890abcdef0 was disconnected and connected again");
        assert!(!finding.runbook[0].contains("connect-custom"));
        for other in [
            connect.clone().set("requestParameters.customKeyStoreId", "cks-other"),
            connect.clone().set("awsRegion", "us-east-1"),
            connect.clone().at("2026-05-04T09:00:00Z"),
            connect.denied(),
        ] {
            assert_eq!(only(&DETECTOR, &[off(), other]).severity, Severity::High);
        }
    }

    #[test]
    fn a_store_that_is_pointed_elsewhere_is_high() {
        for name in PLACE {
            let finding =
                only(&DETECTOR, &[on("UpdateCustomKeyStore", json!({ name: "https://proxy.example" }))]);
            assert_eq!(finding.severity, Severity::High, "{name}");
            assert_eq!(finding.evidence.details["changed"], json!([name]));
        }
        let proxy = json!({"xksProxyUriEndpoint": "https://proxy.example"});
        let finding = only(&DETECTOR, &[on("UpdateCustomKeyStore", proxy)]);
        assert!(finding.explanation.contains("Its proxy is now https://proxy.example."));
    }

    #[test]
    fn another_credential_and_a_deletion_are_medium() {
        for name in SECRETS {
            let finding = only(&DETECTOR, &[on("UpdateCustomKeyStore", json!({ name: "HIDDEN" }))]);
            assert_eq!(finding.severity, Severity::Medium, "{name}");
            assert!(!serde_json::to_string(&finding).unwrap().contains("HIDDEN"));
        }
        assert_eq!(only(&DETECTOR, &[on("DeleteCustomKeyStore", json!({}))]).severity, Severity::Medium);
    }

    #[test]
    fn only_an_external_store_is_found_when_it_is_made() {
        let external = json!({"customKeyStoreType": "EXTERNAL_KEY_STORE", "customKeyStoreName": "acme"});
        let finding = only(&DETECTOR, &[on("CreateCustomKeyStore", external)]);
        assert_eq!(
            (finding.severity, finding.title.as_str()),
            (Severity::High, "Key store acme was made outside AWS")
        );
        let proxy = json!({"xksProxyUriEndpoint": "https://proxy.example"});
        assert_eq!(findings(&DETECTOR, &[on("CreateCustomKeyStore", proxy)]).len(), 1);
        assert!(
            findings(&DETECTOR, &[on("CreateCustomKeyStore", json!({"cloudHsmClusterId": "c-1"}))])
                .is_empty()
        );
    }

    #[test]
    fn a_denied_attempt_is_lower() {
        let finding = only(&DETECTOR, &[on("DisconnectCustomKeyStore", json!({})).denied()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("was disconnected (attempted, denied)"));
        assert_eq!(
            only(&DETECTOR, &[on("DeleteCustomKeyStore", json!({})).denied()]).severity,
            Severity::Low
        );
    }

    #[test]
    fn harmless_calls_and_failures_are_silent() {
        for record in [
            on("UpdateCustomKeyStore", json!({"newCustomKeyStoreName": "a better one"})),
            on("UpdateCustomKeyStore", json!({"keyStorePassword": null})),
            on("DescribeCustomKeyStores", json!({})),
            on("ConnectCustomKeyStore", json!({})),
            on("DisconnectCustomKeyStore", json!({})).failed("CustomKeyStoreNotFoundException", ""),
            on("DeleteCustomKeyStore", json!({})).failed("CustomKeyStoreHasCMKsException", ""),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
        let bare = kms("DisconnectCustomKeyStore").set("requestParameters", Value::Null);
        assert!(only(&DETECTOR, &[bare]).title.starts_with("A key store that the log does not name"));
    }
}
