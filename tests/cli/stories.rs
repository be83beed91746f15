//! Stories: an attack in a small organisation, and the alert that a responder gets, as `tests/golden/stories` has it.
//!
//! They are there to be read. What a change does to an alert shows in the diff of `UPDATE_GOLDEN=1`.

use super::logs::{Said, command, golden};
use kmswatch_scenario::scenario::AttackPlan;
use kmswatch_scenario::{Scenario, Truth};
use serde_json::Value;
use tempfile::TempDir;

/// The organisation of all stories; each adds its days and its attack.
const ORGANISATION: &str = r#"
    seed = 7
    rate_scale = 0.1
    turbulence = false

    [organisation]
    workloads = 14
    people = 6
    extra_keys = 3

    [[organisation.accounts]]
    name = "payments"
    duty = "payments"
    regions = ["eu-west-1"]
    id = "111122223333"

    [[organisation.accounts]]
    name = "data"
    duty = "data"
    regions = ["eu-west-1"]
    id = "444455556666"

    [[organisation.accounts]]
    name = "security"
    duty = "security"
    regions = ["eu-west-1"]
    id = "777700001111"

    [delivery]
    stamp_minutes = 360
    digest_hours = 0
    insights = false
"#;

/// A folder of logs with one attack in the last night of so many days.
struct Logs {
    folder: TempDir,
    truth: Truth,
}

impl Logs {
    fn of(mut scenario: Scenario, days: u32, attack: AttackPlan) -> Logs {
        let folder = tempfile::tempdir().unwrap();
        scenario.days = days;
        scenario.attacks = vec![AttackPlan { day: days - 1, ..attack }];
        let truth = kmswatch_scenario::write(&scenario, &folder.path().join("logs"), |_| {}).unwrap();
        Logs { folder, truth }
    }

    fn of_story(kind: &str, days: u32, variant: Option<&str>) -> Logs {
        let plan = AttackPlan { variant: variant.map(str::to_owned), ..AttackPlan::new(kind, 0, "22:14") };
        Logs::of(Scenario::from_toml(ORGANISATION).unwrap(), days, plan)
    }

    /// Runs the command on them, from beside them: so no path of this machine stands in an alert.
    fn run(&self, args: &[&str]) -> String {
        let mut command = command(args);
        command.arg("logs").arg("--quiet").current_dir(self.folder.path());
        let said = Said::of(command.output().unwrap());
        assert!(said.status <= 1 && said.err.is_empty(), "{}: {}", said.status, said.err);
        said.out
    }
}

/// The alert about the worst incident as an e-mail and as a message of Slack.
fn told(name: &str, logs: &Logs) -> String {
    let both = logs.run(&["alert", "preview", "worst", "--format", "email,slack"]);
    let (mail, slack) = both.strip_prefix("=== email\n").unwrap().split_once("=== slack\n").unwrap();
    golden(&format!("stories/{name}.email.txt"), mail);
    golden(&format!("stories/{name}.slack.json"), slack);
    mail.to_owned()
}

/// What a responder must find in the first lines: who and which key, why, what breaks; then what to do.
#[track_caller]
fn story(name: &str, kind: &str, days: u32, variant: Option<&str>) {
    let logs = Logs::of_story(kind, days, variant);
    let mail = told(name, &logs);
    let label = &logs.truth.attacks[0];
    let head: String =
        mail.lines().skip(2).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    let has = |start: &str| head.lines().any(|line| line.starts_with(start));
    assert!(["What: ", "Who: ", "Why: ", "Breaks: "].iter().all(|start| has(start)), "{head}");
    assert!(head.lines().count() <= 12, "{head}");
    let who = head.lines().find_map(|line| line.strip_prefix("Who: ")).unwrap();
    assert!(label.principals.iter().any(|known| who.starts_with(known.as_str())), "{who}");
    let keys = logs.truth.keys.iter().filter(|key| label.keys.contains(&key.arn));
    let named = keys.flat_map(|key| key.aliases.iter().chain([&key.arn]));
    let ids = label.keys.iter().filter_map(|arn| arn.rsplit('/').next());
    let named = named.map(String::as_str).chain(ids).any(|name| head.contains(name));
    // What a principal does for the first time says nothing about keys, and it is said that it does not.
    let none = head.contains("\nKey: None in particular");
    assert!(named || none || label.keys.is_empty(), "no key of {:?} is named: {head}", label.keys);
    let steps = mail.split_once("\nDO NOW\n").unwrap().1;
    assert!(steps.starts_with("1. "), "{steps}");
}

#[test]
fn p1_keys_are_scheduled_for_deletion() {
    story("p01-scheduled-deletion", "scheduled_deletion", 9, None);
}

#[test]
fn p2_a_policy_shuts_the_owner_out() {
    story("p02-policy-lockout", "policy_lockout", 9, None);
}

#[test]
fn p3_data_is_put_under_material_that_is_then_taken_away() {
    story("p03-imported-material", "imported_material_ransom", 9, None);
}

#[test]
fn p5_data_is_put_under_a_foreign_key() {
    story("p05-foreign-key", "foreign_key_encryption", 9, None);
}

#[test]
fn p6_a_grant_lets_a_foreign_account_in() {
    story("p06-foreign-grant", "foreign_grant", 9, None);
}

#[test]
fn p8_secrets_are_read_in_bulk() {
    story("p08-bulk-secrets", "bulk_secret_read", 15, None);
}

#[test]
fn p10_a_key_is_replicated_into_a_region_that_nobody_uses() {
    story("p10-replica", "replica_new_region", 9, None);
}

#[test]
fn p11_somebody_tries_out_what_the_credentials_allow() {
    story("p11-enumeration", "enumeration", 15, None);
}

#[test]
fn p13_the_log_is_switched_off() {
    story("p13-blinding", "trail_blinding", 9, Some("exclude_kms"));
}

#[test]
fn p21_credentials_of_a_workload_are_used_from_elsewhere() {
    story("p21-stolen-credentials", "stolen_credentials", 22, None);
}

#[test]
fn p22_root_uses_kms() {
    story("p22-root", "root_use", 9, None);
}

#[test]
fn a_workload_reads_far_more_than_is_usual_for_it() {
    story("rate", "burst", 22, None);
}

/// 5,000 refusals a minute for ten minutes, in an organisation of so many workloads.
fn storm(variant: &str, workloads: u32) -> Logs {
    let mut scenario = Scenario::from_toml(ORGANISATION).unwrap();
    scenario.organisation.accounts.retain(|account| account.name != "data");
    scenario.organisation.workloads = workloads;
    scenario.rate_scale = 0.1 * 14.0 / f64::from(workloads);
    let plan = AttackPlan {
        variant: Some(variant.to_owned()),
        strength: Some(5_000.0),
        ..AttackPlan::new("denial_storm", 0, "10:14")
    };
    Logs::of(scenario, 6, plan)
}

/// The incidents of a storm, which must alert a handful of times in all; gives that of the storm itself.
fn in_few_words(logs: &Logs) -> Value {
    let out = logs.run(&["replay", "--incidents", "--format", "jsonl"]);
    let incidents: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let alerts = incidents.iter().map(|incident| incident["alerts"].as_array().unwrap().len());
    assert!((1..=5).contains(&alerts.sum::<usize>()), "{incidents:#?}");
    incidents.into_iter().max_by_key(|incident| incident["event_count"].as_u64()).unwrap()
}

/// Whether it counts all refusals, as far as a sketch can: its error is about one in a hundred.
#[track_caller]
fn counts_them_all(incident: &Value, logs: &Logs) {
    let label = logs.truth.look_alikes.iter().chain(&logs.truth.attacks).next().unwrap();
    let refused = label.event_ids.len() as f64;
    assert!(refused >= 50_000.0);
    let counted = incident["event_count"].as_f64().unwrap();
    assert!((counted / refused - 1.0).abs() < 0.02, "{counted} of {refused}");
}

#[test]
fn a_storm_of_refusals_of_one_role_is_one_alert() {
    let logs = storm("one_role", 14);
    let incident = in_few_words(&logs);
    counts_them_all(&incident, &logs);
    assert_eq!(incident["principal_count"], 1);
    told("storm-one-role", &logs);
}

#[test]
fn a_policy_change_that_shuts_out_three_hundred_roles_is_one_alert() {
    let logs = storm("policy_change", 360);
    let incident = in_few_words(&logs);
    counts_them_all(&incident, &logs);
    assert_eq!(incident["principal_count"], 300);
    told("storm-policy-change", &logs);
}
