//! What is to be written: a [`Scenario`], readable as a few lines of TOML.

use crate::Error;
use crate::attacks;
use serde::{Deserialize, Serialize};

/// A scenario: organisation, time, volume, delivery and attacks. Two equal scenarios give equal bytes.
///
/// ```
/// let scenario = kmswatch_scenario::Scenario::from_toml(r#"
///     seed = 7
///     start = "2026-03-02"
///     days = 14
///
///     [[attacks]]
///     kind = "scheduled_deletion"
///     day = 12
///     time = "02:14"
/// "#)?;
/// assert_eq!(scenario.days, 14);
/// # Ok::<(), kmswatch_scenario::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Name, for people.
    pub name: String,
    /// Everything random comes from here.
    pub seed: u64,
    /// First day, UTC, as `2026-03-02`. Weekends follow the calendar.
    pub start: String,
    /// Days of traffic, 1 to 3,660.
    pub days: u32,
    /// Days (0 is the first) on which offices are empty.
    pub holidays: Vec<u32>,
    /// Factor on the rate of all workloads, jobs and people; 1.0 is about 300 KMS events an hour for 20
    /// workloads.
    pub rate_scale: f64,
    /// Share of KMS among all records, above 0 to 1. At 1.0 there are only KMS records and those of attacks.
    pub kms_share: f64,
    /// Changes in the estate that come without an attacker: releases, outages, backfills, new principals,
    /// retry storms. Off makes a log that is easier to read.
    pub turbulence: bool,
    /// Stop after the object with which this many bytes of uncompressed log are reached. Attacks after that
    /// point are lost: meant for benchmarks.
    pub max_bytes: Option<u64>,
    /// Accounts, people and machines.
    pub organisation: OrganisationPlan,
    /// How CloudTrail delivers.
    pub delivery: Delivery,
    /// What goes wrong, in any order. See [`attacks()`](crate::attacks()) for the kinds.
    pub attacks: Vec<AttackPlan>,
}

/// Size and shape of the organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OrganisationPlan {
    /// Name, a part of bucket names.
    pub name: String,
    /// Workloads, jobs and pipelines (service roles), divided among the accounts.
    pub workloads: u32,
    /// People, each a user of a permission set.
    pub people: u32,
    /// Customer keys beyond the ones that every account has for its duty.
    pub extra_keys: u32,
    /// Accounts; the first of each duty is the one that attacks look for.
    pub accounts: Vec<AccountPlan>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountPlan {
    /// Name.
    pub name: String,
    /// What it is for.
    pub duty: Duty,
    /// Regions in use, the home Region first.
    pub regions: Vec<String>,
    /// Account id; made from the seed if missing.
    #[serde(default)]
    pub id: Option<String>,
}

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// Production with the critical keys.
    Payments,
    /// Lake and reports; uses a key of payments across accounts.
    Data,
    /// The trail, its key and its readers.
    Security,
    /// Experiments.
    Sandbox,
    /// Any other production.
    Workload,
}

/// How objects are cut and delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Minutes between stamps; CloudTrail has 5. Larger ones make fewer and larger objects. A divisor of 1,440.
    pub stamp_minutes: u32,
    /// Most records in one object; more make several objects with one stamp.
    pub records_per_object: u32,
    /// Share of events that come up to 45 minutes late, instead of 2 to 6 minutes.
    pub late_share: f64,
    /// Share of events that stand in a second object as well.
    pub duplicate_share: f64,
    /// Whole objects written twice under two names, per 14 days.
    pub duplicate_objects: u32,
    /// Hours between digest objects; CloudTrail has 1. 0 writes none. A divisor of 24.
    pub digest_hours: u32,
    /// Whether an Insights object is written each week.
    pub insights: bool,
    /// Share of quiet stamps that get an object without records.
    pub empty_share: f64,
}

/// One attack or look-alike to be staged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttackPlan {
    /// Kind, from the catalogue [`attacks()`](crate::attacks()).
    pub kind: String,
    /// Day of its start, 0 is the first of the scenario.
    pub day: u32,
    /// Time of its start in UTC, as `02:14`.
    #[serde(default = "midday")]
    pub time: String,
    /// How strong; what it counts differs by kind (keys, secrets, factor on the usual rate). The catalogue says.
    #[serde(default)]
    pub strength: Option<f64>,
    /// How long it takes.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// The actor: name of a role or person, of the organisation. Chosen by kind if missing.
    #[serde(default)]
    pub actor: Option<String>,
    /// The key: its alias, such as `alias/payments/card-data`. Chosen by kind if missing.
    #[serde(default)]
    pub key: Option<String>,
    /// One of several ways to do it; the catalogue lists them.
    #[serde(default)]
    pub variant: Option<String>,
    /// Whether the caller comes from the attacker's network with his tools instead of the actor's usual place.
    #[serde(default)]
    pub from_outside: Option<bool>,
    /// Number of the intruder: attacks with the same number come from the same network with the same tools.
    /// Each attack has its own if missing.
    #[serde(default)]
    pub intruder: Option<u32>,
}

fn midday() -> String {
    "12:00".to_owned()
}

impl AttackPlan {
    /// A plan of this kind at this time, all else as the kind has it.
    pub fn new(kind: &str, day: u32, time: &str) -> AttackPlan {
        AttackPlan {
            kind: kind.to_owned(),
            day,
            time: time.to_owned(),
            strength: None,
            minutes: None,
            actor: None,
            key: None,
            variant: None,
            from_outside: None,
            intruder: None,
        }
    }
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            name: "scenario".to_owned(),
            seed: 1,
            start: "2026-03-02".to_owned(),
            days: 14,
            holidays: Vec::new(),
            rate_scale: 1.0,
            kms_share: 1.0,
            turbulence: true,
            max_bytes: None,
            organisation: OrganisationPlan::default(),
            delivery: Delivery::default(),
            attacks: Vec::new(),
        }
    }
}

impl Default for OrganisationPlan {
    fn default() -> OrganisationPlan {
        let account = |name: &str, duty, regions: &[&str]| AccountPlan {
            name: name.to_owned(),
            duty,
            regions: regions.iter().map(|&region| region.to_owned()).collect(),
            id: None,
        };
        OrganisationPlan {
            name: "meridian".to_owned(),
            workloads: 20,
            people: 8,
            extra_keys: 6,
            accounts: vec![
                account("payments-prod", Duty::Payments, &["eu-west-1", "eu-central-1"]),
                account("data", Duty::Data, &["eu-west-1"]),
                account("security", Duty::Security, &["eu-west-1"]),
                account("sandbox", Duty::Sandbox, &["eu-west-1"]),
            ],
        }
    }
}

impl Default for Delivery {
    fn default() -> Delivery {
        Delivery {
            stamp_minutes: 5,
            records_per_object: 2_000,
            late_share: 0.004,
            duplicate_share: 0.002,
            duplicate_objects: 1,
            digest_hours: 1,
            insights: true,
            empty_share: 0.05,
        }
    }
}

impl Scenario {
    /// Reads a scenario. What is not given has its default; what is not known is an error.
    pub fn from_toml(text: &str) -> Result<Scenario, Error> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| Error::Scenario(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether everything is within its range.
    pub fn check(&self) -> Result<(), Error> {
        let ensure = |good: bool, advice: &str| {
            if good { Ok(()) } else { Err(Error::Scenario(advice.to_owned())) }
        };
        crate::calendar::start_of(&self.start)?;
        ensure((1..=3_660).contains(&self.days), "days must be 1 to 3660")?;
        ensure(
            self.rate_scale.is_finite() && (0.0..=10_000.0).contains(&self.rate_scale),
            "rate_scale must be 0 to 10000",
        )?;
        ensure(
            self.kms_share.is_finite() && self.kms_share >= 0.001 && self.kms_share <= 1.0,
            "kms_share must be 0.001 to 1.0",
        )?;
        let delivery = &self.delivery;
        ensure(
            delivery.stamp_minutes > 0 && 1_440 % delivery.stamp_minutes == 0,
            "delivery.stamp_minutes must be a divisor of 1440",
        )?;
        ensure(
            delivery.digest_hours == 0 || 24 % delivery.digest_hours == 0,
            "delivery.digest_hours must be 0 or a divisor of 24",
        )?;
        ensure(delivery.records_per_object > 0, "delivery.records_per_object must be at least 1")?;
        for (share, name) in [
            (delivery.late_share, "late_share"),
            (delivery.duplicate_share, "duplicate_share"),
            (delivery.empty_share, "empty_share"),
        ] {
            ensure((0.0..=1.0).contains(&share), &format!("delivery.{name} must be 0 to 1"))?;
        }
        self.organisation.check()?;
        for attack in &self.attacks {
            attacks::find(&attack.kind)?;
            crate::calendar::time_of_day(&attack.time)?;
            ensure(attack.day < self.days, &format!("attack {}: day must be below days", attack.kind))?;
        }
        Ok(())
    }
}

impl OrganisationPlan {
    fn check(&self) -> Result<(), Error> {
        let has = |duty| self.accounts.iter().any(|account| account.duty == duty);
        for (duty, name) in [(Duty::Payments, "payments"), (Duty::Security, "security")] {
            if !has(duty) {
                return Err(Error::Scenario(format!("an account with duty = \"{name}\" is needed")));
            }
        }
        for account in &self.accounts {
            if account.regions.is_empty() {
                return Err(Error::Scenario(format!("account {:?} needs at least one Region", account.name)));
            }
            let good = |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
            if !account.id.iter().all(good) {
                return Err(Error::Scenario(format!(
                    "the id of account {:?} is not twelve digits",
                    account.name
                )));
            }
        }
        if self.workloads > 5_000
            || self.people > 2_000
            || self.extra_keys > 2_000
            || self.accounts.len() > 200
        {
            return Err(Error::Scenario(
                "at most 5000 workloads, 2000 people, 2000 extra keys and 200 accounts".to_owned(),
            ));
        }
        Ok(())
    }
}
