//! Who there is: gives every account its workloads, jobs, pipelines, people and services.

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
const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) \
                         terraform-provider-aws/6.2.0 (+https://registry.terraform.io/providers/hashicorp/aws) \
                         aws-sdk-go-v2/1.36.5 ua/2.1 os/linux lang/go#1.24.4";
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

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
        let habit = Habit::Steady(Steady {
            rate,
            rhythm,
            weekend,
            dispersion: 0.1 + 0.6 * self.dice.unit(),
            instances: (2, 2 + (rate / 15.0) as u32 + self.dice.below(4) as u32),
            shifts,
            outage,
        });
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

    /// What every productive account has beside its applications: deployments, volumes, databases, Config.
    fn edges(&mut self, account: usize) {
        let one = |cast: &mut Self, kind, name: &str, platform, path: &str, habit, uses: Vec<Use>, agent| {
            let uses: Vec<Use> = uses.into_iter().filter(|a_use| a_use.weight > 0.0).collect();
            if uses.is_empty() {
                return;
            }
            let principal = cast.principal(kind, account, path, name);
            cast.actor(principal, account, platform, habit, uses);
            if let Some(actor) = cast.actors.last_mut() {
                actor.agent = agent;
            }
        };
        let of = |key: Option<usize>, action, weight, resources, family: &str| {
            key.map(|key| Use { key, action, weight, resources, family: family.to_owned() })
        };
        let secrets = self.key(account, "app-secrets");
        let lambda = self.key(account, "aws/lambda");
        let ssm = self.key(account, "aws/ssm");
        let any = self.data_keys(account).first().copied();
        let deploys = [
            of(secrets, Action::Secret, 1.0, 6, "deploy"),
            of(ssm, Action::Parameter, 2.0, 12, "deploy"),
            of(lambda, Action::DeployFunction, 1.5, 8, "fn"),
            of(any, Action::Describe, 0.7, 1, "deploy"),
        ];
        one(
            self,
            PrincipalKind::Pipeline,
            "ci-deploy",
            Platform::Pipeline,
            "/ci/",
            Habit::Builds { a_day: 5.0, calls: 5.0 },
            deploys.into_iter().flatten().collect(),
            "Boto3/1.40.21 md/Botocore#1.40.21 ua/2.1 os/linux#6.11 md/arch#x86_64 lang/python#3.12.10",
        );
        let ebs = self.key(account, "aws/ebs");
        one(
            self,
            PrincipalKind::ServiceLinked,
            "aws:ec2-infrastructure",
            Platform::Ec2Infrastructure,
            "/",
            Habit::Steady(quiet(0.8, OFFICE)),
            of(ebs, Action::Volume, 1.0, 60, "volume").into_iter().collect(),
            "AWS Internal",
        );
        one(
            self,
            PrincipalKind::ServiceLinked,
            "AWSServiceRoleForAutoScaling",
            Platform::Linked("AutoScaling"),
            "/aws-service-role/autoscaling.amazonaws.com/",
            Habit::Steady(quiet(0.4, OFFICE)),
            of(ebs, Action::NewVolume, 1.0, 60, "volume").into_iter().collect(),
            "autoscaling.amazonaws.com",
        );
        let rds = self.key(account, "aws/rds");
        one(
            self,
            PrincipalKind::ServiceLinked,
            "AWSServiceRoleForRDS",
            Platform::Linked("SLRManagement"),
            "/aws-service-role/rds.amazonaws.com/",
            Habit::Steady(quiet(0.5, FLAT)),
            of(rds, Action::Database, 1.0, 3, "database").into_iter().collect(),
            "rds.amazonaws.com",
        );
        one(
            self,
            PrincipalKind::ServiceLinked,
            "AWSServiceRoleForConfig",
            Platform::Linked("LambdaDescribeHandlerSession"),
            "/aws-service-role/config.amazonaws.com/",
            Habit::Job {
                at: vec![2 * HOUR, 8 * HOUR, 14 * HOUR, 20 * HOUR],
                calls: 2.0,
                dispersion: 0.05,
                minutes: 3,
                weekdays: 127,
                backfill: None,
            },
            of(any, Action::StandingDenial, 1.0, 3, "fn").into_iter().collect(),
            "config.amazonaws.com",
        );
    }

    /// Roles that the organisation has once, or once in each account.
    fn shared_roles(&mut self) {
        let payments = self.organisation.account_for(Duty::Payments);
        for account in 0..self.organisation.accounts.len() {
            let principal = self.principal(PrincipalKind::Pipeline, account, "/ci/", "terraform");
            let uses = self.data_keys(account).first().copied().map(|key| Use {
                key,
                action: Action::Refresh,
                weight: 1.0,
                resources: 1,
                family: "terraform".to_owned(),
            });
            self.actor(
                principal,
                account,
                Platform::Pipeline,
                Habit::Job {
                    at: vec![6 * HOUR + 1_200],
                    calls: 1.0,
                    dispersion: 0.0,
                    minutes: 2,
                    weekdays: 0b001_1111,
                    backfill: None,
                },
                uses.into_iter().collect(),
            );
            if let Some(actor) = self.actors.last_mut() {
                actor.agent = TERRAFORM;
            }
            self.principal(PrincipalKind::BreakGlass, account, "/emergency/", "break-glass");
            self.principal(PrincipalKind::Root, account, "/", "root");
        }
        // Reports of the data account read card data of payments: across accounts, inside the organisation.
        let readers = self.with_duty(&[Duty::Data]);
        if let (Some(&data), Some(key)) = (readers.first(), self.key(payments, "archive")) {
            let principal = self.principal(PrincipalKind::Job, data, "/jobs/", "settlement-report");
            let family = format!("{}-archive", self.organisation.name);
            let uses = vec![Use { key, action: Action::ReadObject, weight: 1.0, resources: 800, family }];
            let habit = Habit::Job {
                at: (0..12).map(|n| n * 2 * HOUR + 600).collect(),
                calls: 6.0,
                dispersion: 0.1,
                minutes: 12,
                weekdays: 127,
                backfill: None,
            };
            self.actor(principal, data, Platform::Ecs, habit, uses);
        }
        // A server outside AWS that still has a user with a key.
        if let Some(key) = self.key(payments, "settlement-files") {
            let principal = self.principal(PrincipalKind::User, payments, "/legacy/", "bank-gateway");
            let uses = vec![
                Use {
                    key,
                    action: Action::Encrypt,
                    weight: 1.0,
                    resources: 20,
                    family: "bank-gateway".to_owned(),
                },
                Use {
                    key,
                    action: Action::Open,
                    weight: 1.0,
                    resources: 20,
                    family: "bank-gateway".to_owned(),
                },
            ];
            let habit = Habit::Job {
                at: vec![22 * HOUR],
                calls: 30.0,
                dispersion: 0.05,
                minutes: 25,
                weekdays: 0b001_1111,
                backfill: None,
            };
            self.actor(principal, payments, Platform::OnPremises, habit, uses);
            if let Some(actor) = self.actors.last_mut() {
                actor.agent =
                    "aws-cli/2.27.41 md/awscrt#0.26.1 ua/2.1 os/linux#5.15 md/arch#x86_64 lang/python#3.13.4";
            }
        }
    }

    /// People: developers per productive account, analysts for data, two administrators everywhere.
    fn people(&mut self, count: usize) {
        let accounts = self.with_duty(&[Duty::Payments, Duty::Data, Duty::Workload, Duty::Sandbox]);
        let home = self.organisation.accounts.first().map(|account| account.home()).unwrap_or_default();
        let mut sets: Vec<(usize, &str, usize)> = Vec::new();
        for n in 0..count {
            let Some(&account) = accounts.get(n % accounts.len().max(1)) else { return };
            let set = match n {
                0 | 4 => "SecurityAdmin",
                _ if n % 5 == 0 => "ReadOnly",
                _ => "Developer",
            };
            let account =
                if set == "SecurityAdmin" { self.organisation.account_for(Duty::Payments) } else { account };
            let principal = match sets.iter().find(|known| (known.0, known.1) == (account, set)) {
                Some(known) => known.2,
                None => {
                    let path = format!("/aws-reserved/sso.amazonaws.com/{home}/");
                    let name = format!("AWSReservedSSO_{set}_{:016x}", self.dice.bits());
                    let principal = self.principal(PrincipalKind::PermissionSet, account, &path, &name);
                    sets.push((account, set, principal));
                    principal
                }
            };
            let mut uses = Vec::new();
            let keys = self.data_keys(account);
            if let Some(&key) = self.dice.pick(&keys) {
                uses.push(Use {
                    key,
                    action: Action::Browse,
                    weight: 1.0,
                    resources: 1,
                    family: "console".to_owned(),
                });
                let bucket = format!("{}-exports", self.organisation.name);
                if set != "SecurityAdmin" {
                    uses.push(Use {
                        key,
                        action: Action::ReadObject,
                        weight: 3.0,
                        resources: 300,
                        family: bucket,
                    });
                }
            }
            if set == "Developer" {
                for (key, action) in [("app-secrets", Action::Secret), ("aws/ssm", Action::Parameter)] {
                    if let Some(key) = self.key(account, key) {
                        uses.push(Use { key, action, weight: 1.0, resources: 8, family: "team".to_owned() });
                    }
                }
            }
            let habit = Habit::Office {
                presence: 0.6 + 0.3 * self.dice.unit(),
                sittings: 0.8 + self.dice.unit(),
                calls: 3.0 + 8.0 * self.dice.unit(),
                hours_east: self.dice.between(0, 3),
            };
            self.actor(principal, account, Platform::Person, habit, uses);
            if let Some(actor) = self.actors.last_mut() {
                actor.person = Some(names::person(n));
                actor.agent = BROWSER;
            }
        }
    }

    /// The trail: one data key for each log object, and the reader of the logs.
    fn services(&mut self) {
        let security = self.organisation.security;
        let Some(trail_key) = self.key(security, "org-trail") else { return };
        let trail = self.principal(PrincipalKind::AwsService, security, "/", "cloudtrail");
        let siem = self.principal(PrincipalKind::Workload, security, "/apps/", "log-collector");
        for account in 0..self.organisation.accounts.len() {
            let regions =
                self.organisation.accounts.get(account).map(|a| a.regions.clone()).unwrap_or_default();
            for region in regions {
                for (principal, platform, action, after) in [
                    (trail, Platform::Service, Action::LogObject, 2),
                    (siem, Platform::Lambda, Action::ReadLogObject, 25),
                ] {
                    let uses = vec![Use {
                        key: trail_key,
                        action,
                        weight: 1.0,
                        resources: 1,
                        family: region.to_string(),
                    }];
                    self.actor(principal, security, platform, Habit::EachObject { after, account }, uses);
                }
            }
        }
        if let Some(key) = self.key(security, "findings") {
            let scanner = self.principal(PrincipalKind::Job, security, "/jobs/", "posture-scan");
            let uses = vec![Use {
                key,
                action: Action::Refresh,
                weight: 1.0,
                resources: 1,
                family: "scan".to_owned(),
            }];
            let habit = Habit::Job {
                at: vec![4 * HOUR],
                calls: 1.0,
                dispersion: 0.0,
                minutes: 1,
                weekdays: 127,
                backfill: None,
            };
            self.actor(scanner, security, Platform::Lambda, habit, uses);
        }
    }
}

fn quiet(rate: f64, rhythm: super::habit::Rhythm) -> Steady {
    Steady {
        rate,
        rhythm,
        weekend: 0.6,
        dispersion: 0.2,
        instances: (2, 4),
        shifts: Vec::new(),
        outage: None,
    }
}
