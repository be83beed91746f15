//! Roles beside the applications: pipelines, what AWS does in an account's name, the trail.

use super::Cast;
use crate::calendar::HOUR;
use crate::organisation::PrincipalKind;
use crate::scenario::Duty;
use crate::traffic::habit::{FLAT, Habit, OFFICE, Rhythm, Steady};
use crate::traffic::{Action, Platform, Use};

const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) \
                         terraform-provider-aws/6.2.0 (+https://registry.terraform.io/providers/hashicorp/aws) \
                         aws-sdk-go-v2/1.36.5 ua/2.1 os/linux lang/go#1.24.4";

impl Cast<'_> {
    /// What every productive account has beside its applications: deployments, volumes, databases, Config.
    pub(super) fn edges(&mut self, account: usize) {
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
            Habit::Steady(Box::new(quiet(0.8, OFFICE))),
            of(ebs, Action::Volume, 1.0, 60, "volume").into_iter().collect(),
            "AWS Internal",
        );
        one(
            self,
            PrincipalKind::ServiceLinked,
            "AWSServiceRoleForAutoScaling",
            Platform::Linked("AutoScaling"),
            "/aws-service-role/autoscaling.amazonaws.com/",
            Habit::Steady(Box::new(quiet(0.4, OFFICE))),
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
            Habit::Steady(Box::new(quiet(0.5, FLAT))),
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
    pub(super) fn shared_roles(&mut self) {
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

    /// The trail: one data key for each log object, and the reader of the logs.
    pub(super) fn services(&mut self) {
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

fn quiet(rate: f64, rhythm: Rhythm) -> Steady {
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
