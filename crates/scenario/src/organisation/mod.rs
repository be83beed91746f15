//! The invented organisation: accounts, keys and principals, made from a plan and a seed.

mod build;
pub(crate) mod caller;
pub(crate) mod names;

use crate::dice::{Dice, fnv};
use crate::scenario::Duty;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The organisation, fixed once built.
#[derive(Debug)]
pub(crate) struct Organisation {
    pub(crate) seed: u64,
    /// `o-` and ten characters.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) accounts: Vec<Account>,
    pub(crate) keys: Vec<Key>,
    pub(crate) principals: Vec<Principal>,
    /// Index of the account that owns the trail and its key.
    pub(crate) security: usize,
    /// Bucket of the trail.
    pub(crate) bucket: String,
}

/// One account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: Arc<str>,
    pub(crate) name: String,
    pub(crate) duty: Duty,
    /// Home Region first.
    pub(crate) regions: Vec<Arc<str>>,
    /// Second octet of its VPC addresses, `10.x`.
    pub(crate) vpc: u64,
}

impl Account {
    /// The home Region.
    pub(crate) fn home(&self) -> Arc<str> {
        self.regions.first().cloned().unwrap_or_else(|| "eu-west-1".into())
    }
}

/// What kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// AWS managed key of a service.
    AwsManaged,
    /// Symmetric customer key.
    Symmetric,
    /// Symmetric, with imported material.
    Imported,
    /// Asymmetric, for signatures.
    Signing,
    /// Multi-Region primary.
    Primary,
    /// Multi-Region replica.
    Replica,
}

/// One key, own or foreign.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) arn: Arc<str>,
    /// Account id of the owner.
    pub(crate) owner: Arc<str>,
    /// Index of the owner, if it is ours.
    pub(crate) account: Option<usize>,
    pub(crate) region: Arc<str>,
    pub(crate) alias: Option<String>,
    pub(crate) kind: KeyKind,
    /// Id of the current key material.
    pub(crate) material: String,
    pub(crate) critical: bool,
}

impl Key {
    /// A key of an account, with ids drawn from `dice`.
    pub(crate) fn draw(dice: &mut Dice, owner: &Arc<str>, region: &Arc<str>, kind: KeyKind) -> Key {
        let id = match kind {
            KeyKind::Primary | KeyKind::Replica => format!("mrk-{:032x}", dice.wide()),
            _ => crate::record::uuid(dice.wide()),
        };
        let material = format!("{:032x}{:032x}", dice.wide(), dice.wide());
        Key {
            arn: format!("arn:aws:kms:{region}:{owner}:key/{id}").into(),
            id,
            owner: owner.clone(),
            account: None,
            region: region.clone(),
            alias: None,
            kind,
            material,
            critical: false,
        }
    }

    /// The replica of a multi-Region key in another Region: same id, same material.
    pub(crate) fn replica(&self, region: &Arc<str>) -> Key {
        Key {
            arn: format!("arn:aws:kms:{region}:{}:key/{}", self.owner, self.id).into(),
            region: region.clone(),
            kind: KeyKind::Replica,
            ..self.clone()
        }
    }
}

/// Kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// Role of a workload.
    Workload,
    /// Role of a scheduled job.
    Job,
    /// Role of a build or deployment pipeline.
    Pipeline,
    /// Role of an IAM Identity Center permission set: several people.
    PermissionSet,
    /// IAM user with a long-term access key.
    User,
    /// Role for emergencies; never used in normal times.
    BreakGlass,
    /// Service-linked role or role session that AWS makes.
    ServiceLinked,
    /// AWS service, calling for itself.
    AwsService,
    /// Root user.
    Root,
}

/// One principal.
#[derive(Debug)]
pub(crate) struct Principal {
    /// Stable id: ARN of role (without path), user or root; `service:NAME` for a service.
    pub(crate) id: Arc<str>,
    /// Name of role, user or service.
    pub(crate) name: String,
    pub(crate) kind: PrincipalKind,
    /// Index of its account; `None` for services.
    pub(crate) account: Option<usize>,
    /// ARN with path, as the session issuer has it.
    pub(crate) arn: String,
    /// `AROA...` or `AIDA...`.
    pub(crate) unique_id: String,
}

impl Organisation {
    /// A number that depends on the seed and a name alone: for ids that must be the same wherever they appear.
    pub(crate) fn stable(&self, what: &str, number: u64) -> u128 {
        Dice::new(self.seed, what, number).wide()
    }

    /// The first account with this duty, else the first of all.
    pub(crate) fn account_for(&self, duty: Duty) -> usize {
        self.accounts.iter().position(|account| account.duty == duty).unwrap_or(0)
    }

    /// Index of the key with this alias.
    pub(crate) fn key_named(&self, alias: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.alias.as_deref() == Some(alias) && key.kind != KeyKind::Replica)
    }

    /// The path of a log object in the bucket.
    pub(crate) fn object_path(&self, account: usize, region: &str, stamp: i64, part: u64) -> String {
        let suffix = self.object_suffix(account, region, stamp, part);
        let id = self.accounts.get(account).map(|account| account.id.clone()).unwrap_or_default();
        let name = format!("{id}_CloudTrail_{region}_{}_{suffix}.json.gz", crate::calendar::stamp(stamp));
        format!("{}/{name}", self.folder(account, "CloudTrail", region, stamp))
    }

    /// The folder of a day: `AWSLogs/o-.../ACCOUNT/KIND/REGION/YYYY/MM/DD`.
    pub(crate) fn folder(&self, account: usize, kind: &str, region: &str, time: i64) -> String {
        let id = self.accounts.get(account).map(|account| account.id.clone()).unwrap_or_default();
        let at = crate::calendar::Moment::of(time);
        format!("AWSLogs/{}/{id}/{kind}/{region}/{:04}/{:02}/{:02}", self.id, at.year, at.month, at.day)
    }

    /// The 16 characters in the name of a log object.
    fn object_suffix(&self, account: usize, region: &str, stamp: i64, part: u64) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let place = fnv(region) ^ (account as u64).rotate_left(17) ^ (stamp as u64).rotate_left(31) ^ part;
        let mut dice = Dice::new(self.seed, "object", place);
        (0..16).map(|_| char::from(dice.pick(LETTERS).copied().unwrap_or(b'A'))).collect()
    }
}
