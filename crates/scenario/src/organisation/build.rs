//! From a plan to accounts and keys.

use super::{Account, Key, KeyKind, Organisation, Principal, PrincipalKind, names};
use crate::dice::Dice;
use crate::scenario::{Duty, Scenario};
use std::sync::Arc;

/// Services whose AWS managed key every account has in its home Region.
const MANAGED: &[&str] = &["secretsmanager", "ssm", "s3", "ebs", "rds", "dynamodb", "lambda"];

impl Organisation {
    /// The organisation of a scenario: accounts and keys. Principals come with their traffic.
    pub(crate) fn build(scenario: &Scenario) -> Organisation {
        let plan = &scenario.organisation;
        let mut dice = Dice::new(scenario.seed, "organisation", 0);
        let id: String = (0..10)
            .map(|_| {
                char::from(
                    b"abcdefghijklmnopqrstuvwxyz0123456789"
                        .get(dice.below(36) as usize)
                        .copied()
                        .unwrap_or(b'a'),
                )
            })
            .collect();
        let accounts: Vec<Account> = plan
            .accounts
            .iter()
            .enumerate()
            .map(|(n, account)| {
                // Four equal digits three times over, as in AWS's own examples: no account of anybody.
                let drawn: String = (0..3)
                    .flat_map(|part| {
                        let digit = if part == 0 { 1 + (n as u64) % 9 } else { dice.below(10) };
                        std::iter::repeat_n(char::from(b'0' + digit as u8), 4)
                    })
                    .collect();
                Account {
                    id: account.id.clone().unwrap_or(drawn).into(),
                    name: account.name.clone(),
                    duty: account.duty,
                    regions: account.regions.iter().map(|region| Arc::from(region.as_str())).collect(),
                    vpc: 20 + n as u64,
                }
            })
            .collect();
        let security = accounts.iter().position(|account| account.duty == Duty::Security).unwrap_or(0);
        let mut organisation = Organisation {
            seed: scenario.seed,
            id: format!("o-{id}"),
            name: plan.name.clone(),
            bucket: format!("{}-org-trail-logs", plan.name),
            accounts,
            keys: Vec::new(),
            principals: Vec::new(),
            security,
        };
        organisation.add_keys(&mut dice, plan.extra_keys);
        organisation
    }

    fn add_keys(&mut self, dice: &mut Dice, extra: u32) {
        for account in 0..self.accounts.len() {
            for service in MANAGED {
                self.add_key(dice, account, &format!("alias/aws/{service}"), KeyKind::AwsManaged);
            }
            let Some((duty, name)) = self.accounts.get(account).map(|a| (a.duty, a.name.clone())) else {
                continue;
            };
            let own = |purpose: &str| format!("alias/{name}/{purpose}");
            match duty {
                Duty::Payments => {
                    let card_data = self.add_key(dice, account, &own("card-data"), KeyKind::Primary);
                    self.add_replica(card_data);
                    let tokens = self.add_key(dice, account, &own("tokens"), KeyKind::Symmetric);
                    let imported = self.add_key(dice, account, &own("settlement-files"), KeyKind::Imported);
                    let signing = self.add_key(dice, account, &own("webhook-signing"), KeyKind::Signing);
                    self.add_key(dice, account, &own("app-secrets"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("archive"), KeyKind::Symmetric);
                    for key in [card_data, tokens, imported, signing] {
                        if let Some(key) = self.keys.get_mut(key) {
                            key.critical = true;
                        }
                    }
                }
                Duty::Data => {
                    self.add_key(dice, account, &own("lake"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("warehouse"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("sandbox/unused"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("app-secrets"), KeyKind::Symmetric);
                }
                Duty::Security => {
                    let trail = self.add_key(dice, account, &own("org-trail"), KeyKind::Symmetric);
                    if let Some(key) = self.keys.get_mut(trail) {
                        key.critical = true;
                    }
                    self.add_key(dice, account, &own("findings"), KeyKind::Symmetric);
                }
                Duty::Sandbox => {
                    self.add_key(dice, account, &own("scratch"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("unused"), KeyKind::Symmetric);
                }
                Duty::Workload => {
                    self.add_key(dice, account, &own("app-secrets"), KeyKind::Symmetric);
                    self.add_key(dice, account, &own("data"), KeyKind::Symmetric);
                }
            }
        }
        let productive: Vec<usize> = (0..self.accounts.len())
            .filter(|&n| {
                self.accounts.get(n).is_some_and(|a| !matches!(a.duty, Duty::Security | Duty::Sandbox))
            })
            .collect();
        for n in 0..extra as usize {
            let Some(&account) = productive.get(n % productive.len().max(1)) else { break };
            let name = self.accounts.get(account).map(|a| a.name.clone()).unwrap_or_default();
            self.add_key(dice, account, &format!("alias/{name}/{}", names::key(n)), KeyKind::Symmetric);
        }
    }

    /// Adds a key to the home Region of an account.
    pub(crate) fn add_key(&mut self, dice: &mut Dice, account: usize, alias: &str, kind: KeyKind) -> usize {
        let Some(owner) = self.accounts.get(account) else { return 0 };
        let mut key = Key::draw(dice, &owner.id, &owner.home(), kind);
        key.account = Some(account);
        key.alias = Some(alias.to_owned());
        self.keys.push(key);
        self.keys.len() - 1
    }

    fn add_replica(&mut self, primary: usize) {
        let replica = self.keys.get(primary).and_then(|key| {
            let region = self.accounts.get(key.account?)?.regions.get(1)?;
            Some(key.replica(region))
        });
        self.keys.extend(replica);
    }

    /// Adds a principal; `path` begins and ends with a slash.
    pub(crate) fn add_principal(
        &mut self,
        dice: &mut Dice,
        kind: PrincipalKind,
        account: usize,
        path: &str,
        name: &str,
    ) -> usize {
        let owner = self.accounts.get(account).map(|a| a.id.clone()).unwrap_or_default();
        let unique = |prefix: &str, dice: &mut Dice| {
            const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
            let drawn: String =
                (0..17).map(|_| char::from(dice.pick(LETTERS).copied().unwrap_or(b'A'))).collect();
            format!("{prefix}{drawn}")
        };
        let (id, arn, unique_id, account) = match kind {
            PrincipalKind::AwsService => (format!("service:{name}"), String::new(), String::new(), None),
            PrincipalKind::Root => {
                let arn = format!("arn:aws:iam::{owner}:root");
                (arn.clone(), arn, owner.to_string(), Some(account))
            }
            PrincipalKind::User => {
                let arn = format!("arn:aws:iam::{owner}:user{path}{name}");
                (arn.clone(), arn, unique("AIDA", dice), Some(account))
            }
            _ => (
                format!("arn:aws:iam::{owner}:role/{name}"),
                format!("arn:aws:iam::{owner}:role{path}{name}"),
                unique("AROA", dice),
                Some(account),
            ),
        };
        self.principals.push(Principal {
            id: id.into(),
            name: name.to_owned(),
            kind,
            account,
            arn,
            unique_id,
        });
        self.principals.len() - 1
    }
}
