//! People and their permission sets.

use super::Cast;
use crate::organisation::{PrincipalKind, names};
use crate::scenario::Duty;
use crate::traffic::habit::Habit;
use crate::traffic::{Action, Platform, Use};

const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

impl Cast<'_> {
    /// People: developers per productive account, analysts for data, two administrators everywhere.
    pub(super) fn people(&mut self, count: usize) {
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
                calls: 2.0 + 5.0 * self.dice.unit(),
                hours_east: self.dice.between(0, 3),
            };
            self.actor(principal, account, Platform::Person, habit, uses);
            if let Some(actor) = self.actors.last_mut() {
                actor.person = Some(names::person(n));
                actor.agent = BROWSER;
            }
        }
    }
}
