//! Ready-made scenarios.

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
            attacks: vec![
                AttackPlan { strength: Some(2.0), ..AttackPlan::new("scheduled_deletion", 19, "03:40") },
                AttackPlan::new("key_disabled", 19, "02:14"),
            ],
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
        // About 160,000 records a day whatever the mix: a day fits in memory, and 500 MB are a few days.
        scenario.rate_scale = 2.0 * mix.share() / 0.8;
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
            organisation: large(),
            ..Scenario::default()
        }
    }

    /// Weeks without any attack, to count false alerts.
    pub fn quiet(weeks: u32, seed: u64) -> Scenario {
        Scenario {
            name: "quiet".to_owned(),
            seed,
            days: 7 * weeks,
            organisation: large(),
            ..Scenario::default()
        }
    }
}

fn large() -> OrganisationPlan {
    OrganisationPlan {
        name: "meridian".to_owned(),
        workloads: 220,
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
