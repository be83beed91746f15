//! What has the right type and still cannot be meant: looked for by every shell before it begins.

use super::{Settings, Suppression};
use crate::detectors::{self, user_rules};
use crate::estate::is_account_id;
use crate::tuning::Network;

/// A setting that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct Unfit {
    /// The setting, as `section.key`.
    pub key: String,
    /// What is wrong with it, and what to write instead.
    pub problem: String,
    /// The id of a detector that there is not: a shell may know which one was meant.
    pub unknown_detector: Option<String>,
}

fn unfit(key: impl Into<String>, problem: impl Into<String>) -> Unfit {
    Unfit { key: key.into(), problem: problem.into(), unknown_detector: None }
}

impl Settings {
    /// Looks whether the settings can be meant.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn check(&self) -> Result<(), Unfit> {
        let estate = &self.estate;
        for (key, ids) in
            [("estate.accounts", &estate.accounts), ("estate.trusted_accounts", &estate.trusted_accounts)]
        {
            accounts(key, ids)?;
        }
        if let Some(organization) = estate.organizations.iter().find(|id| !id.starts_with("o-")) {
            let problem = format!("{organization:?} is no organisation id: they begin with \"o-\"");
            return Err(unfit("estate.organizations", problem));
        }
        let budget = self.alerts.budget_per_week;
        if !(0.01..=1_000.0).contains(&budget) {
            let problem =
                format!("{budget} is outside 0.01 to 1000: write how many false alerts a week you accept");
            return Err(unfit("alerts.budget_per_week", problem));
        }
        let incidents = &self.incidents;
        for (key, value, most) in [
            ("incidents.window_hours", incidents.window_hours, 336),
            ("incidents.quiet_hours", incidents.quiet_hours, 336),
            ("incidents.longest_days", incidents.longest_days, 90),
        ] {
            if !(1..=most).contains(&value) {
                return Err(unfit(key, format!("{value} is outside 1 to {most}")));
            }
        }
        for (key, ids) in
            [("detectors.off", &self.detectors.off), ("detectors.staged", &self.detectors.staged)]
        {
            ids.iter().try_for_each(|id| known_detector(key, id))?;
        }
        self.suppressions.iter().try_for_each(suppression)?;
        for maintenance in &self.maintenance {
            let name = format!("maintenance: {:?}", maintenance.reason);
            answered_for(&name, &maintenance.reason, &maintenance.owner)?;
            if maintenance.from >= maintenance.until {
                let problem = format!("from {} is not before until {}", maintenance.from, maintenance.until);
                return Err(unfit(name, problem));
            }
            accounts(&name, &maintenance.accounts)?;
        }
        for confirmed in &self.confirmed {
            let name = format!("confirmed: {:?}", confirmed.reason);
            answered_for(&name, &confirmed.reason, &confirmed.owner)?;
            if confirmed.from >= confirmed.until {
                let problem = format!("from {} is not before until {}", confirmed.from, confirmed.until);
                return Err(unfit(name, problem));
            }
            if confirmed.actors.is_empty() {
                return Err(unfit(
                    name,
                    "write whose acts they were: principals or keys, as the alert names them",
                ));
            }
            if let Some(actor) = confirmed.actors.iter().find(|actor| actor.contains('*')) {
                return Err(unfit(name, format!("{actor:?}: write each actor in full, without *")));
            }
        }
        Ok(())
    }
}

fn known_detector(key: &str, id: &str) -> Result<(), Unfit> {
    // Which rules of the user there are is known once their folder is.
    if id.starts_with(user_rules::PREFIX) || detectors::ALL.iter().any(|detector| detector.id == id) {
        return Ok(());
    }
    let problem = format!("there is no detector {id:?}: `kmswatch detectors` lists them");
    Err(Unfit { unknown_detector: Some(id.to_owned()), ..unfit(key, problem) })
}

/// A suppression that mutes everything, or that nobody answers for, is a mistake.
fn suppression(suppression: &Suppression) -> Result<(), Unfit> {
    let Suppression { reason, owner, detectors, principals, keys, accounts: ids, networks, .. } = suppression;
    let name = format!("suppressions: {reason:?}");
    answered_for(&name, reason, owner)?;
    if [detectors, principals, keys, ids, networks].iter().all(|conditions| conditions.is_empty()) {
        let problem = "it would mute everything: name detectors, principals, keys, accounts or networks";
        return Err(unfit(name, problem));
    }
    detectors.iter().try_for_each(|id| known_detector(&name, id))?;
    accounts(&name, ids)?;
    if let Some(network) = networks.iter().find(|network| Network::parse(network).is_none()) {
        return Err(unfit(name, format!("{network:?} is no network: write \"203.0.113.0/24\"")));
    }
    if let (Some(from), Some(until)) = (suppression.from, suppression.until)
        && from >= until
    {
        return Err(unfit(name, format!("from {from} is not before until {until}")));
    }
    Ok(())
}

fn answered_for(name: &str, reason: &str, owner: &str) -> Result<(), Unfit> {
    if reason.trim().is_empty() || owner.trim().is_empty() {
        return Err(unfit(name, "write a reason and an owner, so that somebody can be asked"));
    }
    Ok(())
}

fn accounts(key: &str, ids: &[String]) -> Result<(), Unfit> {
    match ids.iter().find(|id| !is_account_id(id)) {
        Some(id) => Err(unfit(key, format!("{id:?} is no account id: write its twelve digits in quotes"))),
        None => Ok(()),
    }
}
