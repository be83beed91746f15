//! Who there is: gives every account its workloads, jobs, pipelines, people and services.

mod people;
mod roles;

use super::habit::{CONSUMER, FLAT, Habit, OFFICE, Steady};
use super::{Action, Actor, Platform, Use};
use crate::calendar::HOUR;
use crate::dice::{Dice, exp};
use crate::organisation::{KeyKind, Organisation, PrincipalKind, names};
use crate::record::kms::Naming;
use crate::scenario::{Duty, Scenario};
use std::sync::Arc;

const AGENTS: &[&str] = &[
    "aws-sdk-java/2.31.22 md/io#async md/http#AwsCommonRuntime ua/2.1 os/Linux#6.1.130 lang/java#21.0.6",
    "aws-sdk-rust/1.8.3 ua/2.1 os/linux lang/rust/1.88.0",
    "aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.24.1 md/GOARCH#arm64 api/kms#1.38.1",
    "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.1.134 md/arch#aarch64 lang/python#3.13.5",
    "aws-sdk-js/3.826.0 ua/2.1 os/linux#6.1.132 lang/js md/nodejs#22.15.0 api/kms#3.826.0",
    "aws-encryption-sdk-python/4.0.1 Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux lang/python#3.13.5",
];

/// Gives `organisation` its principals and returns what they do.
pub(crate) fn cast(organisation: &mut Organisation, scenario: &Scenario) -> Vec<Actor> {
    let mut cast = Cast {
        dice: Dice::new(scenario.seed, "cast", 0),
        days: i64::from(scenario.days),
        turbulence: scenario.turbulence,
        workloads: scenario.organisation.workloads as usize,
        actors: Vec::new(),
        organisation,
    };
    cast.workloads(scenario.organisation.workloads as usize);
    cast.shared_roles();
    cast.people(scenario.organisation.people as usize);
    cast.services();
    cast.actors
}

struct Cast<'a> {
    organisation: &'a mut Organisation,
    dice: Dice,
    days: i64,
    turbulence: bool,
    workloads: usize,
    actors: Vec<Actor>,
}

impl Cast<'_> {
    fn region(&self, account: usize) -> Arc<str> {
        self.organisation.accounts.get(account).map(|account| account.home()).unwrap_or_default()
    }

    fn account_name(&self, account: usize) -> String {
        self.organisation.accounts.get(account).map(|account| account.name.clone()).unwrap_or_default()
    }

    fn with_duty(&self, duties: &[Duty]) -> Vec<usize> {
        let accounts = self.organisation.accounts.iter().enumerate();
        accounts.filter(|(_, account)| duties.contains(&account.duty)).map(|(index, _)| index).collect()
    }

    /// Customer keys for data in the home Region of an account.
    fn data_keys(&self, account: usize) -> Vec<usize> {
        let home = self.region(account);
        let keys = self.organisation.keys.iter().enumerate();
        keys.filter(|(_, key)| {
            key.account == Some(account)
                && key.region == home
                && matches!(key.kind, KeyKind::Symmetric | KeyKind::Primary | KeyKind::Imported)
                && key
                    .alias
                    .as_deref()
                    .is_some_and(|a| !a.ends_with("/unused") && !a.ends_with("/app-secrets"))
        })
        .map(|(index, _)| index)
        .collect()
    }

    fn key(&self, account: usize, purpose: &str) -> Option<usize> {
        let alias = match purpose.strip_prefix("aws/") {
            Some(_) => format!("alias/{purpose}"),
            None => format!("alias/{}/{purpose}", self.account_name(account)),
        };
        let mut keys = self.organisation.keys.iter();
        keys.position(|key| {
            key.account == Some(account)
                && key.alias.as_deref() == Some(alias.as_str())
                && key.kind != KeyKind::Replica
        })
    }

    fn principal(&mut self, kind: PrincipalKind, account: usize, path: &str, name: &str) -> usize {
        self.organisation.add_principal(&mut self.dice, kind, account, path, name)
    }

    fn actor(&mut self, principal: usize, account: usize, platform: Platform, habit: Habit, uses: Vec<Use>) {
        let naming = match self.dice.below(3) {
            0 => Naming::Alias,
            1 => Naming::Id,
            _ => Naming::Arn,
        };
        let agent = self.dice.pick(AGENTS).copied().unwrap_or("aws-sdk-java/2.31.22");
        let region = self.region(account);
        self.actors.push(Actor {
            principal,
            account,
            region,
            platform,
            habit,
            uses,
            days: 0..self.days,
            naming,
            agent,
            person: None,
        });
    }

    /// Service roles, divided among the productive accounts; every sixth is a scheduled job.
    fn workloads(&mut self, count: usize) {
        let productive = self.with_duty(&[Duty::Payments, Duty::Data, Duty::Workload]);
        for n in 0..count {
            // Payments is the largest: it gets every other one.
            let account = match n % 2 {
                0 => productive.first(),
                _ => productive.get(n / 2 % productive.len().max(1)),
            };
            let Some(&account) = account else { return };
            let name = names::workload(n);
            if n % 6 == 5 {
                self.job(account, &format!("{name}-batch"));
            } else {
                self.service(account, &name, n);
            }
        }
        for &account in &productive {
            self.edges(account);
        }
    }

    fn service(&mut self, account: usize, name: &str, n: usize) {
        let principal = self.principal(PrincipalKind::Workload, account, "/apps/", name);
        let platform = [Platform::Ec2, Platform::Ecs, Platform::Lambda, Platform::Eks]
            .get(self.dice.below(4) as usize)
            .copied()
            .unwrap_or(Platform::Ec2);
        // Few are busy, many are quiet: log-normal, median 6 and mean about 15 an hour.
        let rate = 6.0 * exp(1.35 * self.dice.normal());
        // In a small organisation no single one may drown the others.
        let rate = rate.clamp(0.3, (2.0 * self.workloads as f64).min(400.0));
        let (rhythm, weekend) = match self.dice.below(10) {
            0..=3 => (CONSUMER, 0.9 + 0.4 * self.dice.unit()),
            4..=7 => (OFFICE, 0.15 + 0.3 * self.dice.unit()),
            _ => (FLAT, 1.0),
        };
        let mut shifts = Vec::new();
        let mut outage = None;
        let mut from = 0;
        if self.turbulence {
            if self.dice.chance(0.25) {
                let day = self.dice.between(3, self.days.max(4));
                shifts.push((day, 0.5 + 1.6 * self.dice.unit()));
            }
            if self.dice.chance(0.08) {
                let start = self.dice.between(2 * 24, (self.days * 24).max(49)) * HOUR;
                outage = Some((start, start + self.dice.between(1, 5) * HOUR));
            }
            // The first ones are the known cast of every scenario; later ones may come later.
            if n > 8 && self.dice.chance(0.07) {
                from = self.dice.between(2, self.days.max(3));
            }
        }
        let habit = Habit::Steady(Box::new(Steady {
            rate,
            rhythm,
            weekend,
            dispersion: 0.1 + 0.6 * self.dice.unit(),
            instances: (2, 2 + (rate / 15.0) as u32 + self.dice.below(4) as u32),
            shifts,
            outage,
        }));
        let uses = self.service_uses(account, name, platform, n);
        self.actor(principal, account, platform, habit, uses);
        if let Some(actor) = self.actors.last_mut() {
            actor.days = from..self.days;
        }
    }

    fn service_uses(&mut self, account: usize, name: &str, platform: Platform, n: usize) -> Vec<Use> {
        let mut uses = Vec::new();
        let mut add = |key: Option<usize>, action, weight: f64, resources: u32, family: String| {
            if let Some(key) = key {
                uses.push(Use { key, action, weight, resources, family });
            }
        };
        let keys = self.data_keys(account);
        // The first data keys are the critical ones: the first workloads of the account share them.
        let main = if n < 6 { keys.get(n / 2 % 3) } else { self.dice.pick(&keys) }.copied();
        let second = self.dice.pick(&keys).copied();
        add(main, Action::Open, 5.0, 30 + self.dice.below(400) as u32, name.to_owned());
        if self.dice.chance(0.6) {
            add(main, Action::Seal, 2.0, 30 + self.dice.below(400) as u32, name.to_owned());
        }
        if self.dice.chance(0.15) {
            add(main, Action::Encrypt, 0.6, 50, name.to_owned());
        }
        if self.dice.chance(0.06) {
            add(main, Action::Rewrap, 0.1, 50, name.to_owned());
        }
        let own_secrets = self.dice.chance(0.6);
        let secrets = if own_secrets {
            self.key(account, "app-secrets")
        } else {
            self.key(account, "aws/secretsmanager")
        };
        add(secrets, Action::Secret, 0.6, 1 + self.dice.below(4) as u32, name.to_owned());
        if self.dice.chance(0.4) {
            add(
                self.key(account, "aws/ssm"),
                Action::Parameter,
                0.3,
                1 + self.dice.below(6) as u32,
                name.to_owned(),
            );
        }
        if self.dice.chance(0.5) {
            let bucket = format!("{}-{name}", self.organisation.name);
            let (read, write) = match self.dice.below(3) {
                0 => (Action::ReadBucket, Action::ReadBucket),
                _ => (Action::ReadObject, Action::WriteObject),
            };
            add(second, read, 1.5, 3_000, bucket.clone());
            add(second, write, 0.7, 3_000, bucket);
        }
        if self.dice.chance(0.25) {
            add(second, Action::Table, 0.3, 1, format!("{name}-table"));
        }
        if name == "webhooks" || n == 4 {
            add(self.key(account, "webhook-signing"), Action::Sign, 1.5, 1, name.to_owned());
            add(self.key(account, "webhook-signing"), Action::Verify, 0.4, 1, name.to_owned());
        }
        if platform == Platform::Lambda {
            add(self.key(account, "aws/lambda"), Action::DeployFunction, 0.02, 3, name.to_owned());
        }
        uses
    }

    fn job(&mut self, account: usize, name: &str) {
        let principal = self.principal(PrincipalKind::Job, account, "/jobs/", name);
        let keys = self.data_keys(account);
        let mut uses = Vec::new();
        if let Some(&key) = self.dice.pick(&keys) {
            uses.push(Use {
                key,
                action: Action::ReadObject,
                weight: 3.0,
                resources: 5_000,
                family: format!("{}-{name}", self.organisation.name),
            });
            uses.push(Use {
                key,
                action: Action::WriteObject,
                weight: 1.0,
                resources: 5_000,
                family: format!("{}-{name}-out", self.organisation.name),
            });
        }
        if let Some(key) = self.key(account, "app-secrets") {
            uses.push(Use {
                key,
                action: Action::Secret,
                weight: 0.1,
                resources: 2,
                family: name.to_owned(),
            });
        }
        let at = match self.dice.below(4) {
            // Every hour, every six hours, or once a night.
            0 => (0..24).map(|hour| hour * HOUR + 300).collect(),
            1 => (0..4).map(|n| n * 6 * HOUR + 900).collect(),
            _ => vec![self.dice.between(0, 5) * HOUR + self.dice.between(0, HOUR)],
        };
        let at: Vec<i64> = at;
        let calls = (20.0 + 300.0 * self.dice.unit()) / at.len() as f64;
        let backfill =
            (self.turbulence && self.dice.chance(0.15)).then(|| self.dice.between(2, self.days.max(3)));
        let weekdays = if self.dice.chance(0.3) { 0b001_1111 } else { 0b111_1111 };
        let habit = Habit::Job {
            at,
            calls,
            dispersion: 0.08,
            minutes: 4 + self.dice.between(0, 40),
            weekdays,
            backfill,
        };
        self.actor(principal, account, Platform::Ecs, habit, uses);
    }
}
