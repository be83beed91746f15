//! # Lasting habit broken
//!
//! A key that was always used in one way, or a principal that always called in one way, for the first time was not.
//!
//! ## What it finds
//!
//! The first cryptographic call that succeeded and broke one of these habits:
//!
//! * a key was used only through AWS services, or by them: now it was called directly;
//! * whoever called a key directly gave an encryption context: now somebody gave none;
//! * all those contexts had the same names: now one had others;
//! * a key released plaintext to attested enclaves only: now to something without an attestation;
//! * a principal had plaintext released only through VPC endpoints: now from another network;
//! * a role was used only by programs: now with the credentials of a console session;
//! * a principal had plaintext released by TLS 1.3 only: now by an older version;
//! * its connections began with a post-quantum (hybrid) key exchange: now one began with a classical one.
//!
//! ## Why it matters
//!
//! These habits come from how a system is built, not from how busy it is. Whoever holds stolen credentials, or a right
//! that was meant for a service, does not know them.
//!
//! ## How it decides
//!
//! By facts, not by counts: the habit must have been kept on 5 days at least, the first of them `detectors.habit_days`
//! days before it is broken, and must never have been broken before. *High* for plaintext released without attestation;
//! *low* for a missing context, or one with other names, and for TLS; else *medium*. Each habit of a key or principal is
//! broken once.
//!
//! ## Parameters
//!
//! * `detectors.habit_days` (14): days that a habit must have lasted. Smaller finds more.
//!
//! ## False positives
//!
//! A system that is rebuilt: its key is used by a new program, its calls take a new way. Found once, when it begins. An
//! update of an SDK raises TLS, and breaks nothing; a second program under the same role may be an older one.
//!
//! ## What it cannot see
//!
//! Calls that failed. A context with other values than usual: they are data of the customer's, and are not kept. A third
//! set of names. Habits that others had already broken when the logs at hand begin. Whether the context that is missing
//! was ever checked. Older TLS in calls that a service makes for somebody: records do not tell it. Ciphers and the host
//! that was asked for are not looked at: they change with the processor and the network. Key exchanges are told since
//! November 2025.
//!
//! ## What to do
//!
//! Ask the owner of the principal about this very call, by its event id. Then see what it did around it.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Encryption context", "Condition keys for attested platforms" and "VPC endpoint"
//! * AWS CloudTrail user guide, "CloudTrail record contents", `tlsDetails`
//! * MITRE ATT&CK T1078.004, Valid Accounts: Cloud Accounts

use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::finding::{self, Actor, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::{Habit, KeyState, Once, PrincipalState};
use crate::time::DAY;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "habit_broken",
    title: "Lasting habit broken",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" }],
    covers: &["N4", "N6", "N31", "N32", "N33", "P21"],
    reads: Reads::Cryptographic,
    page: page(include_str!("habit_broken.rs")),
    look: Look::Several(&[Look::Key(of_key), Look::Principal(of_principal)]),
};

/// Days on which a habit must have been kept.
const KEPT: usize = 5;

/// A habit in words.
struct Kind {
    id: &'static str,
    severity: Severity,
    title: &'static str,
    /// What was so, and what was done.
    was: &'static str,
    now: &'static str,
}

const THROUGH_SERVICE: Kind = Kind {
    id: "through_service",
    severity: Severity::Medium,
    title: "{key}, which only services used, was called directly",
    was: "Until then {key} was used only through AWS services, or by them.",
    now: "used it by a direct call",
};
const WITH_CONTEXT: Kind = Kind {
    id: "with_context",
    severity: Severity::Low,
    title: "{key} was used without an encryption context",
    was: "Until then whoever called {key} directly gave an encryption context.",
    now: "used it with none, so nothing binds what was encrypted or decrypted to its place",
};
const CONTEXT_NAMES: Kind = Kind {
    id: "context_names",
    severity: Severity::Low,
    title: "{key} was used with an encryption context of other names",
    was: "Until then the encryption contexts of whoever called {key} directly had the same names.",
    now: "used it with a context of other names, as another program would, or somebody who tries",
};
const ATTESTED: Kind = Kind {
    id: "attested",
    severity: Severity::High,
    title: "{key}, which served enclaves only, released plaintext without attestation",
    was: "Until then {key} released plaintext only to enclaves that proved what they run.",
    now: "had plaintext released without an attestation",
};
const BY_ENDPOINT: Kind = Kind {
    id: "by_endpoint",
    severity: Severity::Medium,
    title: "called from outside its VPC endpoints",
    was: "Until then it had plaintext released only through VPC endpoints.",
    now: "did so from another network",
};
const BY_PROGRAM: Kind = Kind {
    id: "by_program",
    severity: Severity::Medium,
    title: "used by somebody at the console",
    was: "Until then only programs used the role to have plaintext released.",
    now: "did so with the credentials of a console session",
};
const BY_TLS13: Kind = Kind {
    id: "by_tls_1_3",
    severity: Severity::Low,
    title: "calling by an older version of TLS than ever",
    was: "Until then it had plaintext released by TLS 1.3 only.",
    now: "did so by an older version, as an older program would, or that of somebody else",
};
const HYBRID: Kind = Kind {
    id: "hybrid_key_exchange",
    severity: Severity::Low,
    title: "calling without the post-quantum key exchange that it always had",
    was: "Until then its connections began with a hybrid key exchange, as far as records tell it.",
    now: "had plaintext released over one with a classical key exchange, as another program would",
};

fn of_key(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let habits = &state.habits;
    let renamed = habits.contexts.changed().and_then(|once| {
        let days = estate.settings.detectors.habit_days;
        Some((once, habits.with_context.lasted(once.time, days, KEPT)?))
    });
    for (kind, broken) in [
        (&THROUGH_SERVICE, broken(&habits.through_service, estate)),
        (&WITH_CONTEXT, broken(&habits.with_context, estate)),
        (&CONTEXT_NAMES, renamed),
        (&ATTESTED, broken(&habits.attested, estate)),
    ] {
        let Some((once, days)) = broken else { continue };
        let who = state.users.iter().map(|sight| sight.name.as_ref()).find(|name| once.is_by(name));
        let mut finding = begin(kind, key, key, once, days);
        finding.title = kind.title.to_owned();
        let name = who.map_or("somebody whom the State no longer names", short);
        finding.explanation = format!("{} At {} {name} {}. {LASTED}", kind.was, once.time, kind.now);
        finding.principal = who.map(|who| Actor { id: who.to_owned(), kind: "unknown", ..Actor::default() });
        found.push(finding);
    }
}

fn of_principal(principal: &str, state: &PrincipalState, estate: &Estate, found: &mut Vec<Finding>) {
    // Only ARNs tell the account.
    let account = principal.split(':').nth(4).filter(|account| is_account_id(account));
    let Some(account) = account else { return };
    let habits = &state.habits;
    for (kind, habit) in [
        (&BY_ENDPOINT, &habits.by_endpoint),
        (&BY_PROGRAM, &habits.by_program),
        (&BY_TLS13, &habits.by_tls13),
        (&HYBRID, &habits.hybrid),
    ] {
        let Some((once, days)) = broken(habit, estate) else { continue };
        let mut finding = begin(kind, "", principal, once, days);
        finding.account = account.to_owned();
        let who = short(principal);
        finding.title = format!("{who} was {}", kind.title);
        finding.explanation = format!("{} At {} {who} {}. {LASTED}", kind.was, once.time, kind.now);
        finding.principal = Some(Actor { id: principal.to_owned(), kind: "unknown", ..Actor::default() });
        found.push(finding);
    }
}

const LASTED: &str = "Such a habit comes from how a system is built; it may have been rebuilt, or somebody else acts in \
                      its name.";

fn broken<'h>(habit: &'h Habit, estate: &Estate) -> Option<(&'h Once, usize)> {
    habit.broken(estate.settings.detectors.habit_days, KEPT)
}

fn begin(kind: &Kind, key: &str, entity: &str, once: &Once, days: usize) -> Finding {
    let event_id = once.event_id();
    let mut finding = finding::of_key(&DETECTOR, key, &[kind.id, entity, &event_id]);
    finding.evidence.add(once.time, &event_id);
    finding.time = Span { start: once.time, end: once.time };
    finding.severity = kind.severity;
    finding.evidence.details.insert("habit", kind.id.into());
    // More days than these are not remembered.
    finding.evidence.details.insert("days_kept_at_least", days.into());
    let start = once.time.plus(-DAY).to_string();
    let around = if key.is_empty() {
        let name = entity.rsplit('/').next().unwrap_or(entity);
        format!(
            "See what is known of the principal: aws iam get-role --role-name {}",
            crate::runbook::quote(name)
        )
    } else {
        let region = [("start-time", start.as_str()), ("region", finding.region.as_str())];
        format!("See what else was done with the key: {}", look_up("ResourceName", key, &region))
    };
    finding.runbook = vec![
        format!("See the call: {}", look_up("EventId", &event_id, &[("region", &finding.region)])),
        around,
    ];
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with};
    use crate::settings::Settings;
    use serde_json::json;

    /// One call on each of these days of May.
    fn on(days: &[u32], record: &RecordBuilder) -> Vec<RecordBuilder> {
        days.iter().map(|day| record.clone().at(&format!("2026-05-{day:02}T10:00:00Z"))).collect()
    }

    const WEEKS: [u32; 5] = [1, 4, 8, 11, 14];

    /// The habits that are broken: kept on these days, and broken by the record on the 15th.
    fn broken_by(days: &[u32], kept: &RecordBuilder, breaking: &RecordBuilder) -> Vec<(String, Severity)> {
        let records = [on(days, kept), on(&[15], breaking)].concat();
        let found = findings(&DETECTOR, &records);
        found
            .iter()
            .map(|finding| (finding.evidence.details["habit"].as_str().unwrap().to_owned(), finding.severity))
            .collect()
    }

    fn secret() -> RecordBuilder {
        kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", "arn:aws:secretsmanager:x")
    }

    fn only_one(id: &str, severity: Severity) -> Vec<(String, Severity)> {
        vec![(id.to_owned(), severity)]
    }

    #[test]
    fn a_direct_call_of_a_key_that_services_use_is_medium() {
        let mallory = secret().by_user(ACCOUNT, "mallory");
        let kept = secret().through("secretsmanager");
        assert_eq!(broken_by(&WEEKS, &kept, &mallory), only_one("through_service", Severity::Medium));
        let records = [on(&WEEKS, &kept), on(&[15, 16], &mallory)].concat();
        let found = findings(&DETECTOR, &records);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].principal.as_ref().unwrap().id, "arn:aws:iam::111122223333:user/mallory");
        assert_eq!(found[0].time.start.to_string(), "2026-05-15T10:00:00Z");
        assert_eq!(found[0].evidence.details["days_kept_at_least"], 5);
        assert!(
            found[0].explanation.contains("At 2026-05-15T10:00:00Z user/mallory used it by a direct call")
        );
        assert!(
            found[0].runbook[0]
                .contains(&format!("AttributeKey=EventId,AttributeValue={}", found[0].evidence.event_ids[0]))
        );
        assert!(found[0].runbook[1].contains(KEY));
    }

    #[test]
    fn services_for_themselves_and_linked_roles_keep_the_habit() {
        let mallory = secret().by_user(ACCOUNT, "mallory");
        for kept in [
            secret().by_service("rds"),
            secret().by_role(
                ACCOUNT,
                "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
                "s",
            ),
        ] {
            assert_eq!(broken_by(&WEEKS, &kept, &mallory), only_one("through_service", Severity::Medium));
            assert!(broken_by(&WEEKS, &secret().through("secretsmanager"), &kept).is_empty());
        }
    }

    #[test]
    fn a_habit_must_have_lasted_and_been_kept_on_enough_days() {
        let (kept, mallory) = (secret().through("secretsmanager"), secret().by_user(ACCOUNT, "mallory"));
        assert!(broken_by(&[2, 4, 8, 11, 14], &kept, &mallory).is_empty(), "13 days");
        assert!(broken_by(&[1, 4, 8, 11], &kept, &mallory).is_empty(), "4 days");
        let before = [on(&WEEKS, &kept), on(&[1, 15], &mallory)].concat();
        assert!(findings(&DETECTOR, &before).is_empty(), "broken from the beginning");
        let mut settings = Settings::default();
        settings.detectors.habit_days = 20;
        let records = [on(&WEEKS, &kept), on(&[15], &mallory)].concat();
        assert!(findings_with(&DETECTOR, &records, &settings).is_empty());
    }

    #[test]
    fn a_call_without_context_is_low() {
        let with = kms("Encrypt").set("requestParameters.encryptionContext.tenant", "t");
        for bare in [kms("Encrypt"), kms("Decrypt"), kms("GenerateDataKeyWithoutPlaintext")] {
            let broken = broken_by(&WEEKS, &with, &bare);
            assert_eq!(broken, only_one("with_context", Severity::Low));
        }
        assert!(broken_by(&WEEKS, &with, &kms("GenerateMac")).is_empty(), "it takes no context");
        assert!(broken_by(&WEEKS, &with, &kms("DescribeKey")).is_empty());
        assert!(broken_by(&WEEKS, &with, &kms("Decrypt").denied()).is_empty());
        let dry = kms("Decrypt").set("requestParameters.dryRun", true);
        assert!(broken_by(&WEEKS, &with, &dry).is_empty());
    }

    #[test]
    fn a_context_of_other_names_is_low() {
        let with =
            |names: serde_json::Value| kms("Encrypt").set("requestParameters.encryptionContext", names);
        let tenant = with(json!({"tenant": "a"}));
        for other in [with(json!({"user": "a"})), with(json!({"tenant": "a", "user": "b"}))] {
            let broken = broken_by(&WEEKS, &tenant, &other);
            assert_eq!(broken, only_one("context_names", Severity::Low));
            let decrypt = other.set("eventName", "Decrypt").by_user(ACCOUNT, "mallory");
            let found = findings(&DETECTOR, &[on(&WEEKS, &tenant), on(&[15, 16], &decrypt)].concat());
            assert_eq!(found.len(), 1);
            assert!(
                found[0].explanation.contains("At 2026-05-15T10:00:00Z user/mallory used it with a context")
            );
        }
        let both = with(json!({"a": "1", "b": "2"}));
        assert!(
            broken_by(&WEEKS, &both, &with(json!({"b": "3", "a": "4"}))).is_empty(),
            "any order, any values"
        );
        let by_service = with(json!({"aws:s3:arn": "arn:aws:s3:::b"})).through("s3");
        assert!(broken_by(&WEEKS, &tenant, &by_service).is_empty(), "services have contexts of their own");
        assert!(broken_by(&[2, 4, 8, 11, 14], &tenant, &with(json!({"user": "a"}))).is_empty(), "13 days");
        let two_kinds =
            [on(&WEEKS, &tenant), on(&[3], &with(json!({"x": "a"}))), on(&[15], &with(json!({"y": "a"})))];
        assert!(findings(&DETECTOR, &two_kinds.concat()).is_empty(), "who gives many kinds has no habit");
    }

    #[test]
    fn plaintext_without_attestation_is_high() {
        let recipient =
            json!({"attestationDocumentModuleId": "i-1-enc2", "attestationDocumentEnclaveImageDigest": "d1"});
        let attested = kms("Decrypt").set("additionalEventData", json!({ "recipient": recipient }));
        assert_eq!(broken_by(&WEEKS, &attested, &kms("Decrypt")), only_one("attested", Severity::High));
        assert!(broken_by(&WEEKS, &attested, &kms("Encrypt")).is_empty(), "it releases nothing");
    }

    #[test]
    fn a_call_from_outside_the_endpoints_is_medium() {
        let inside = kms("Decrypt").set("vpcEndpointId", "vpce-0123456789abcdef0");
        assert_eq!(broken_by(&WEEKS, &inside, &kms("Decrypt")), only_one("by_endpoint", Severity::Medium));
        let found = findings(&DETECTOR, &[on(&WEEKS, &inside), on(&[15], &kms("Decrypt"))].concat());
        assert_eq!(found[0].title, "role/payments-api was called from outside its VPC endpoints");
        assert_eq!((found[0].account.as_str(), &found[0].key), (ACCOUNT, &None));
        assert_eq!(found[0].principal.as_ref().unwrap().id, ROLE);
        assert!(found[0].runbook[1].ends_with("get-role --role-name payments-api"));
        for silent in [
            kms("Decrypt").through("s3"),
            kms("Encrypt"),
            kms("Decrypt").set("sourceIPAddress", "AWS Internal"),
        ] {
            assert!(broken_by(&WEEKS, &inside, &silent).is_empty());
        }
    }

    #[test]
    fn a_role_of_programs_used_at_the_console_is_medium_and_a_person_may_do_both() {
        let console = kms("Decrypt").set("sessionCredentialFromConsole", "true");
        assert_eq!(broken_by(&WEEKS, &kms("Decrypt"), &console), only_one("by_program", Severity::Medium));
        let person = |record: RecordBuilder| {
            record.by_role(
                ACCOUNT,
                "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
                "alice",
            )
        };
        assert!(broken_by(&WEEKS, &person(kms("Decrypt")), &person(console.clone())).is_empty());
        let user = |record: RecordBuilder| record.by_user(ACCOUNT, "alice");
        assert!(broken_by(&WEEKS, &user(kms("Decrypt")), &user(console)).is_empty());
    }

    fn tls(version: &str, key_exchange: serde_json::Value) -> RecordBuilder {
        kms("Decrypt").set("tlsDetails", json!({"tlsVersion": version, "keyExchange": key_exchange}))
    }

    #[test]
    fn an_older_tls_than_ever_is_low() {
        let kept = tls("TLSv1.3", json!(null));
        for older in ["TLSv1.2", "TLSv1"].map(|version| tls(version, json!("secp256r1"))) {
            assert_eq!(broken_by(&WEEKS, &kept, &older), only_one("by_tls_1_3", Severity::Low));
            let hybrid = tls("TLSv1.3", json!("X25519MLKEM768"));
            assert_eq!(broken_by(&WEEKS, &hybrid, &older), only_one("by_tls_1_3", Severity::Low));
            assert!(broken_by(&WEEKS, &kept, &older.clone().denied()).is_empty());
            assert!(broken_by(&WEEKS, &kept, &older.clone().set("eventName", "Encrypt")).is_empty());
            assert!(broken_by(&WEEKS, &kept, &older.clone().through("s3")).is_empty());
            assert!(broken_by(&WEEKS, &older, &kept).is_empty(), "an SDK was updated");
            assert!(broken_by(&[2, 4, 8, 11, 14], &kept, &older).is_empty(), "13 days");
            let both = [on(&WEEKS, &kept), on(&[2, 15], &older)].concat();
            assert!(findings(&DETECTOR, &both).is_empty(), "who has two programs has no habit");
        }
        let found =
            findings(&DETECTOR, &[on(&WEEKS, &kept), on(&[15], &tls("TLSv1.2", json!(null)))].concat());
        assert_eq!(found[0].title, "role/payments-api was calling by an older version of TLS than ever");
        assert_eq!((found[0].account.as_str(), &found[0].key), (ACCOUNT, &None));
    }

    #[test]
    fn a_classical_key_exchange_where_all_were_hybrid_is_low() {
        let (hybrid, classical) = (tls("TLSv1.3", json!("X25519MLKEM768")), tls("TLSv1.3", json!("x25519")));
        assert_eq!(broken_by(&WEEKS, &hybrid, &classical), only_one("hybrid_key_exchange", Severity::Low));
        let other = tls("TLSv1.3", json!("SecP384r1MLKEM1024"));
        for unknown in [other, tls("TLSv1.3", json!(null)), kms("Decrypt").remove("tlsDetails")] {
            assert!(broken_by(&WEEKS, &hybrid, &unknown).is_empty());
        }
        assert!(broken_by(&WEEKS, &classical, &hybrid).is_empty(), "an SDK was updated");
        assert!(
            broken_by(&WEEKS, &tls("TLSv1.3", json!(null)), &classical).is_empty(),
            "records tell it since"
        );
    }

    #[test]
    fn nothing_known_is_no_habit() {
        assert!(broken_by(&[], &kms("Decrypt"), &kms("Decrypt").by_user(ACCOUNT, "mallory")).is_empty());
        let bare = secret().by_user(ACCOUNT, "mallory").remove("userIdentity.arn").remove("resources");
        assert!(broken_by(&WEEKS, &secret().through("secretsmanager"), &bare).is_empty(), "it names no key");
    }
}
