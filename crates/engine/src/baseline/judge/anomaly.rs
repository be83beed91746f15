//! A score beyond what is usual, and whose it is.

use super::sign::Sign;
use crate::baseline::budget::Threshold;
use crate::baseline::entity::Age;
use crate::baseline::trace::Trace;
use crate::state::{Sample, Share, Sightings};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Whose stream it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A principal, by id.
    Principal(String),
    /// A key, by ARN.
    Key(String),
}

impl Entity {
    /// Id or ARN.
    pub fn id(&self) -> &str {
        match self {
            Entity::Principal(id) | Entity::Key(id) => id,
        }
    }

    /// Whether it is a key.
    pub fn is_key(&self) -> bool {
        matches!(self, Entity::Key(_))
    }

    /// The class by what it is; [`Entity::class_among`] goes by what it does, too.
    pub fn class(&self) -> &'static str {
        match self {
            Entity::Key(_) => "key",
            Entity::Principal(id) if is_service(id) => "service",
            Entity::Principal(id) if is_person(id) => "person",
            Entity::Principal(_) => "principal",
        }
    }

    /// The class with which its counts are compared: a workload that keeps to a schedule is a job among jobs.
    pub fn class_among(&self, keeps_schedule: bool) -> &'static str {
        if keeps_schedule && self.may_be_job() { "job" } else { self.class() }
    }

    /// Whether it is a workload, of which a schedule makes a job.
    pub fn may_be_job(&self) -> bool {
        self.class() == "principal"
    }

    /// Whether it has hours of its own. A key has those of its users, and a service of AWS those of its customers.
    pub(super) fn has_hours(&self) -> bool {
        matches!(self, Entity::Principal(id) if !is_service(id))
    }

    /// The hash by which calibrations know it.
    pub fn hash(&self) -> u64 {
        xxh3_64(self.id().as_bytes())
    }
}

/// Whether the principal with this id is an AWS service: for itself, or in a role made for it.
fn is_service(id: &str) -> bool {
    let role = id.split_once(":role/").map(|(_, role)| role);
    id.starts_with("service:")
        || role.is_some_and(|role| role.starts_with("AWSServiceRoleFor") || role.starts_with("aws:"))
}

/// Whether people act by this id: a role of IAM Identity Center, or a user of IAM.
fn is_person(id: &str) -> bool {
    id.contains(":user/")
        || id
            .split_once(":role/")
            .is_some_and(|(_, role)| role.starts_with("AWSReservedSSO_") || role.contains("/AWSReservedSSO_"))
}

/// A score beyond what is usual: beyond the threshold, or so near that it counts together with others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// Whose stream it is.
    pub entity: Entity,
    /// To whom it is laid: the principal itself; of a key the principal that made at least half, or else the key.
    pub actor: Entity,
    /// The hour with which it ends, whole hours since the epoch.
    pub hour: i64,
    /// What was unusual.
    pub sign: Sign,
    /// C: -log10 of how many such peaks a week the estate shows, and its prior.
    pub c: f64,
    /// What of that is the prior: how much sooner such evidence is misuse than other evidence that is as rare.
    #[serde(default)]
    pub prior: f64,
    /// The threshold in force.
    pub threshold: Threshold,
    /// Whether it was judged among newcomers.
    pub is_new: bool,
    /// How long the entity had been known.
    pub age: Age,
    /// The first event of the actor in the hour.
    pub first: Option<Trace>,
    /// The events of the actor in the hour.
    pub sightings: Sightings,
    /// Of refusals, for which keys.
    #[serde(default)]
    pub refused_keys: RefusedKeys,
}

/// The keys for which calls of an hour were refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedKeys {
    /// The most refused, by ARN; empty for calls that name no key. At most [`RefusedKeys::MOST`].
    pub most: Vec<Share>,
    /// Refusals for all others.
    pub others: u64,
}

impl RefusedKeys {
    /// Keys that are named.
    pub const MOST: usize = 5;

    /// Of the keys of refused calls, of which there were `total`.
    pub fn of(sample: &Sample, total: u64) -> RefusedKeys {
        let mut most = sample.shares(total);
        let others = most.split_off(most.len().min(Self::MOST));
        RefusedKeys { most, others: others.iter().map(|share| share.events).sum() }
    }
}

impl Anomaly {
    /// What it is kept by.
    pub(super) fn place(&self) -> super::Place {
        (self.hour, self.is_new, self.actor.clone(), self.entity.clone(), self.sign.code())
    }

    /// How far C is beyond the threshold.
    pub fn excess(&self) -> f64 {
        self.c - self.threshold.c
    }
}
