//! Everyday traffic: who acts ([`cast`]), when ([`habit`]) and what that writes ([`perform`]).

mod cast;
pub(crate) mod habit;
mod perform;
mod sessions;

use crate::calendar::DAY;
use crate::dice::{Dice, fnv};
use crate::organisation::caller::Via;
use crate::organisation::{KeyKind, Organisation};
use crate::record::kms::Naming;
use crate::record::{At, Record, other};
use crate::scenario::Scenario;
use habit::Habit;
use std::sync::Arc;

pub(crate) use cast::cast;
pub(crate) use perform::{
    Outage, Reason, object_context, parameter_context, read, secret_context, share, tenant_context,
};
pub(crate) use sessions::{Callers, session_for};

/// Someone or something that acts: one service in one Region, one person, one job.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) principal: usize,
    /// Account in which it acts.
    pub(crate) account: usize,
    pub(crate) region: Arc<str>,
    pub(crate) platform: Platform,
    pub(crate) habit: Habit,
    pub(crate) uses: Vec<Use>,
    /// First day of existence, and the first day without it.
    pub(crate) days: std::ops::Range<i64>,
    pub(crate) naming: Naming,
    /// SDK or tool, as user agent.
    pub(crate) agent: &'static str,
    /// The person's mail name; session name of permission sets.
    pub(crate) person: Option<String>,
}

/// Where an actor runs, which decides its session names and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Ec2,
    Ecs,
    Lambda,
    Eks,
    Pipeline,
    Person,
    /// A machine outside AWS with a long-term key.
    OnPremises,
    /// A service-linked role with a fixed session name.
    Linked(&'static str),
    /// The EBS data path of an instance.
    Ec2Infrastructure,
    /// An AWS service for itself.
    Service,
}

/// One thing that an actor does, with one key.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) key: usize,
    pub(crate) action: Action,
    /// Share among the uses of the actor.
    pub(crate) weight: f64,
    /// Distinct resources (tenants, secrets, objects); low numbers are used most.
    pub(crate) resources: u32,
    /// Name of the family of resources: application, bucket or table.
    pub(crate) family: String,
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Decrypt for a tenant, called directly.
    Open,
    /// Data key for a tenant, called directly.
    Seal,
    /// Encrypt, called directly.
    Encrypt,
    /// GetSecretValue.
    Secret,
    /// GetParameter.
    Parameter,
    /// GetObject, one Decrypt each.
    ReadObject,
    /// PutObject, one data key each.
    WriteObject,
    /// GetObject from a bucket with a bucket key: the context is the bucket.
    ReadBucket,
    /// DynamoDB table key.
    Table,
    /// EBS volume.
    Volume,
    /// New EBS volume: grant and data key by the autoscaling role.
    NewVolume,
    /// RDS instance.
    Database,
    Sign,
    Verify,
    /// ReEncrypt onto the same key's new material.
    Rewrap,
    /// DescribeKey.
    Describe,
    /// Console: lists and looks.
    Browse,
    /// Lambda's permission test with the deployer's identity.
    DeployFunction,
    /// Config's Decrypt of Lambda variables, which is never allowed.
    StandingDenial,
    /// CloudTrail's data key for each log object.
    LogObject,
    /// A reader of log objects.
    ReadLogObject,
    /// Terraform's look at all it manages.
    Refresh,
}

impl Action {
    /// Whether it gives out plaintext.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Action::Open | Action::Secret | Action::Parameter | Action::ReadObject)
    }

    /// Through which service the call goes.
    pub(crate) fn via(self) -> Via {
        match self {
            Action::Secret => Via::Service("secretsmanager"),
            Action::Parameter | Action::ReadObject | Action::WriteObject | Action::ReadBucket => {
                Via::Internal
            }
            Action::ReadLogObject => Via::Internal,
            Action::Table => Via::Service("dynamodb"),
            Action::Database => Via::Service("rds"),
            Action::DeployFunction => Via::Service("lambda"),
            Action::StandingDenial => Via::Service("config"),
            Action::NewVolume => Via::Service("ec2"),
            _ => Via::Direct,
        }
    }
}

/// Everyday traffic of a scenario, made one day at a time.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) actors: Vec<Actor>,
    pub(crate) outages: Vec<Outage>,
    kms_share: f64,
    rate_scale: f64,
    holidays: Vec<u32>,
    start: i64,
    log: LogRhythm,
}

/// How often the trail writes an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRhythm {
    /// Seconds between stamps.
    pub(crate) step: i64,
}

impl Traffic {
    /// The traffic of these actors. `start` is the Unix time of the first day.
    pub(crate) fn new(scenario: &Scenario, start: i64, actors: Vec<Actor>, outages: Vec<Outage>) -> Traffic {
        Traffic {
            actors,
            outages,
            kms_share: scenario.kms_share,
            rate_scale: scenario.rate_scale,
            holidays: scenario.holidays.clone(),
            start,
            log: LogRhythm { step: i64::from(scenario.delivery.stamp_minutes) * 60 },
        }
    }

    /// All records of one day, in no order.
    pub(crate) fn day(&self, organisation: &Organisation, day: i64) -> Vec<Record> {
        let mut records = Vec::new();
        let mut callers = Callers::default();
        let holiday = self.holidays.iter().any(|&h| i64::from(h) == day);
        let midnight = self.start + day * DAY;
        for (index, actor) in self.actors.iter().enumerate() {
            if !actor.days.contains(&day) {
                continue;
            }
            let mut dice = Dice::new(organisation.seed, "actor", ((index as u64) << 24) | day as u64);
            let scale = self.rate_scale;
            let times = actor.habit.times(day, midnight, holiday, scale, self.log, &mut dice);
            for moment in times {
                perform::perform(
                    self,
                    organisation,
                    (index, actor),
                    moment,
                    &mut callers,
                    &mut dice,
                    &mut records,
                );
            }
        }
        self.rotations(organisation, day, midnight, &mut records);
        self.fill(organisation, day, &mut records);
        records
    }

    /// KMS rotates some keys of its own accord, about once a year each.
    fn rotations(&self, organisation: &Organisation, day: i64, midnight: i64, records: &mut Vec<Record>) {
        for (index, key) in organisation.keys.iter().enumerate() {
            let due = fnv(&key.id) % 365;
            let rotates = matches!(key.kind, KeyKind::Symmetric | KeyKind::AwsManaged | KeyKind::Primary);
            let (true, Some(account)) = (rotates && due == (day as u64) % 365, key.account) else { continue };
            let mut dice = Dice::new(organisation.seed, "rotation", ((index as u64) << 24) | day as u64);
            let caller = Arc::new(crate::organisation::caller::kms_itself(&key.owner));
            let time = midnight + dice.between(0, DAY);
            let at = At { time, account, region: &key.region, caller: &caller };
            let details = crate::record::json::Object::new()
                .text("rotationType", "AUTOMATIC")
                .text("keyOrigin", "AWS_KMS")
                .text("previousKeyMaterialId", &key.material)
                .text("currentKeyMaterialId", &format!("{:032x}{:032x}", dice.wide(), dice.wide()))
                .text("keyId", &key.id);
            let event = crate::record::kms::service_event(&mut dice, at, "RotateKey", key, details.done());
            records.push(event);
        }
    }

    /// Adds records of other services until KMS has its share. They borrow time, caller and place of KMS
    /// records, so that they have the same rhythm.
    fn fill(&self, organisation: &Organisation, day: i64, records: &mut Vec<Record>) {
        let kms = records.len();
        if self.kms_share >= 1.0 || kms == 0 {
            return;
        }
        let mut dice = Dice::new(organisation.seed, "filler", day as u64);
        let wanted = (kms as f64 * (1.0 / self.kms_share - 1.0)) as usize;
        let models: Vec<_> = records
            .iter()
            .filter(|record| record.caller.direct)
            .map(|r| (r.time, r.account, r.region.clone(), r.caller.clone()))
            .collect();
        records.reserve(wanted);
        for _ in 0..wanted {
            let Some((time, account, region, caller)) = dice.pick(&models).cloned() else { return };
            let account_id = organisation.accounts.get(account).map(|a| a.id.clone()).unwrap_or_default();
            let time = time + dice.between(-300, 300);
            let time = time.clamp(self.start + day * DAY, self.start + (day + 1) * DAY - 1);
            let at = At { time, account, region: &region, caller: &caller };
            let mut record = other::everyday(&mut dice, at, &account_id);
            if record.source == "iam" {
                // IAM is a global service and logs in us-east-1.
                record.region = "us-east-1".into();
            }
            records.push(record);
        }
    }
}
