//! Ready-made scenarios.

use crate::dice::{Dice, exp, ln};
use crate::scenario::{AccountPlan, AttackPlan, Delivery, Duty, OrganisationPlan, Scenario};

/// How much of a log is KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// 80 %: a trail of an account whose data is all under customer keys.
    KmsHeavy,
    /// 10 %: an ordinary production account.
    Mixed,
    /// 0.5 %: an account that hardly uses KMS.
    Sparse,
}

impl Mix {
    /// The share of KMS records.
    pub fn share(self) -> f64 {
        match self {
            Mix::KmsHeavy => 0.8,
            Mix::Mixed => 0.1,
            Mix::Sparse => 0.005,
        }
    }
}

/// A ready-made scenario by name.
#[derive(Debug)]
pub struct Preset {
    /// Name on the command line.
    pub id: &'static str,
    /// One line: what it is for.
    pub description: &'static str,
    /// The scenario with the preset's own seed.
    pub scenario: fn() -> Scenario,
}

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "quickstart",
        description: "three weeks of three accounts, an intrusion in the last days; the sample of the repository",
        scenario: Scenario::quickstart,
    },
    Preset {
        id: "evaluation",
        description: "60 days, about 300 principals and 80 keys, attacks of every kind after four quiet weeks",
        scenario: || Scenario::evaluation(1),
    },
    Preset { id: "quiet", description: "eight weeks without any attack", scenario: || Scenario::quiet(8, 1) },
    Preset {
        id: "benchmark",
        description: "500 MB of log, 80 % KMS, no attacks",
        scenario: || Scenario::benchmark(Mix::KmsHeavy, 500_000_000),
    },
];

fn account(name: &str, duty: Duty, regions: &[&str], id: Option<&str>) -> AccountPlan {
    AccountPlan {
        name: name.to_owned(),
        duty,
        regions: regions.iter().map(|&region| region.to_owned()).collect(),
        id: id.map(str::to_owned),
    }
}

impl Scenario {
    /// The sample of the repository: small, with a story.
    pub fn quickstart() -> Scenario {
        Scenario {
            name: "quickstart".to_owned(),
            seed: 20_260_302,
            days: 21,
            rate_scale: 0.16,
            kms_share: 0.9,
            turbulence: false,
            organisation: OrganisationPlan {
                name: "meridian".to_owned(),
                workloads: 14,
                people: 6,
                extra_keys: 3,
                accounts: vec![
                    account("payments", Duty::Payments, &["eu-west-1"], Some("111122223333")),
                    account("data", Duty::Data, &["eu-west-1"], Some("444455556666")),
                    account("security", Duty::Security, &["eu-west-1"], Some("777700001111")),
                ],
            },
            delivery: Delivery {
                stamp_minutes: 360,
                records_per_object: 100_000,
                digest_hours: 24,
                empty_share: 0.1,
                ..Delivery::default()
            },
            attacks: quickstart_story(),
            ..Scenario::default()
        }
    }

    /// For measuring: about `bytes` of uncompressed log with this share of KMS, at a production's pace.
    pub fn benchmark(mix: Mix, bytes: u64) -> Scenario {
        let mut scenario = Scenario {
            name: "benchmark".to_owned(),
            seed: 4,
            days: 3_660,
            kms_share: mix.share(),
            max_bytes: Some(bytes),
            organisation: large(),
            ..Scenario::default()
        };
        // One to three hundred thousand records a day whatever the mix: a day fits in memory.
        scenario.rate_scale = 2.0 * mix.share() / 0.8;
        if mix == Mix::Sparse {
            // People, pipelines and the trail itself do not shrink with the rate: there must be fewer of them.
            scenario.organisation = OrganisationPlan {
                workloads: 10,
                people: 2,
                extra_keys: 0,
                accounts: vec![
                    account("payments-prod", Duty::Payments, &["eu-west-1"], None),
                    account("security", Duty::Security, &["eu-west-1"], None),
                ],
                ..OrganisationPlan::default()
            };
        }
        scenario
    }

    /// For evaluating statistics: 60 days, about 300 principals and 80 keys, about 4.5 million KMS events;
    /// the attacks come after four clean weeks.
    pub fn evaluation(seed: u64) -> Scenario {
        Scenario {
            name: "evaluation".to_owned(),
            seed,
            days: 60,
            holidays: vec![35],
            rate_scale: 0.92,
            attacks: evaluation_attacks(seed),
            organisation: large(),
            ..Scenario::default()
        }
    }

    /// Weeks without any attack, to count false alerts.
    pub fn quiet(weeks: u32, seed: u64) -> Scenario {
        Scenario {
            name: "quiet".to_owned(),
            seed,
            rate_scale: 0.92,
            days: 7 * weeks,
            organisation: large(),
            ..Scenario::default()
        }
    }
}

fn large() -> OrganisationPlan {
    OrganisationPlan {
        name: "meridian".to_owned(),
        workloads: 248,
        people: 60,
        extra_keys: 18,
        accounts: vec![
            account("payments-prod", Duty::Payments, &["eu-west-1", "eu-central-1"], None),
            account("data", Duty::Data, &["eu-west-1"], None),
            account("shop", Duty::Workload, &["eu-west-1"], None),
            account("platform", Duty::Workload, &["eu-central-1"], None),
            account("security", Duty::Security, &["eu-west-1"], None),
            account("sandbox", Duty::Sandbox, &["eu-west-1"], None),
        ],
    }
}

/// The story of the sample, see `samples/quickstart/README.md`.
fn quickstart_story() -> Vec<AttackPlan> {
    let intrusion = |kind: &str, day: u32, time: &str| AttackPlan {
        intruder: Some(1),
        actor: (!matches!(kind, "root_use")).then(|| "ci-deploy".to_owned()),
        ..AttackPlan::new(kind, day, time)
    };
    let with = |plan: AttackPlan, strength: f64, minutes: u32, key: &str| AttackPlan {
        strength: Some(strength),
        minutes: Some(minutes),
        key: (!key.is_empty()).then(|| key.to_owned()),
        ..plan
    };
    vec![
        // Ordinary changes that look like attacks.
        AttackPlan::new("organisation_policy", 8, "09:31"),
        AttackPlan::new("organisation_grant", 9, "13:05"),
        AttackPlan::new("planned_deletion", 11, "10:12"),
        // Wednesday night: what can these credentials do?
        with(intrusion("enumeration", 16, "22:47"), 36.0, 9, ""),
        // Thursday night: blind the account's trail, then read.
        intrusion("trail_blinding", 17, "01:36"),
        with(intrusion("bulk_secret_read", 17, "01:52"), 48.0, 7, ""),
        with(intrusion("foreign_grant", 17, "02:20"), 9.0, 95, "alias/payments/card-data"),
        with(intrusion("policy_opened", 17, "02:41"), 1.0, 1, "alias/payments/tokens"),
        // Friday night: the ransom.
        with(intrusion("root_use", 18, "23:58"), 1.0, 6, ""),
        with(intrusion("foreign_key_encryption", 19, "00:25"), 140.0, 35, "alias/payments/archive"),
        with(intrusion("key_disabled", 19, "01:08"), 60.0, 1, "alias/payments/tokens"),
        with(intrusion("scheduled_deletion", 19, "01:14"), 2.0, 5, ""),
    ]
}

/// Attacks of every statistical kind and of every pattern, on different days after four clean weeks, at
/// different strengths.
fn evaluation_attacks(seed: u64) -> Vec<AttackPlan> {
    let mut dice = Dice::new(seed, "evaluation plan", 0);
    // Kind, least and most strength, and whether the attacker works at night.
    let kinds: &[(&str, f64, f64)] = &[
        ("burst", 10.0, 1_000.0),
        ("slow_exfiltration", 2.0, 5.0),
        ("stolen_credentials", 15.0, 80.0),
        ("off_hours_person", 20.0, 80.0),
        ("key_drain", 6.0, 16.0),
        ("idle_break_glass", 3.0, 12.0),
        ("first_seen_on_critical_key", 8.0, 60.0),
        ("key_enumeration", 25.0, 120.0),
        ("dry_run_probing", 8.0, 40.0),
        ("burst", 10.0, 1_000.0),
        ("bulk_secret_read", 25.0, 120.0),
        ("signing_abuse", 10.0, 60.0),
        ("ransom", 40.0, 300.0),
        ("stolen_credentials", 15.0, 80.0),
        ("slow_exfiltration", 2.0, 5.0),
        ("enumeration", 20.0, 60.0),
        ("reencrypt_foreign", 20.0, 60.0),
        ("foreign_grant", 5.0, 20.0),
        ("replica_new_region", 5.0, 20.0),
        ("root_use", 1.0, 1.0),
        ("policy_opened", 1.0, 1.0),
        ("trail_blinding", 1.0, 1.0),
        ("alias_repoint", 1.0, 1.0),
        ("imported_material_ransom", 50.0, 200.0),
        ("scheduled_deletion", 2.0, 4.0),
        ("poisoning_ramp", 0.05, 0.12),
    ];
    let mut plans: Vec<AttackPlan> = Vec::new();
    for (n, &(kind, least, most)) in kinds.iter().enumerate() {
        // The ramp needs its two weeks; the deletion, which breaks workloads, comes last.
        let day = match kind {
            "poisoning_ramp" => 29,
            "scheduled_deletion" => 58,
            _ => 28 + n as u32 * 29 / kinds.len() as u32 + dice.below(2) as u32,
        };
        let minute = dice.below(24 * 60);
        let (hour, minute) =
            if kind == "off_hours_person" { (minute % 3, minute % 60) } else { (minute / 60, minute % 60) };
        // Strengths are spread over their range on a logarithmic scale.
        let strength = least * exp(dice.unit() * ln(most / least));
        plans.push(AttackPlan {
            strength: Some((strength * 100.0).floor() / 100.0),
            minutes: (kind == "slow_exfiltration").then(|| 1_440 * (1 + dice.below(5) as u32)),
            ..AttackPlan::new(kind, day, &format!("{hour:02}:{minute:02}"))
        });
    }
    for (kind, day, time) in [
        ("organisation_policy", 33, "10:05"),
        ("organisation_grant", 41, "14:40"),
        ("planned_deletion", 47, "09:20"),
    ] {
        plans.push(AttackPlan::new(kind, day, time));
    }
    plans
}
