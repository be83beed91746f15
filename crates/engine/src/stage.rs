//! What a finding is in the course of an attack.

use serde::Serialize;

/// What a finding is in the course of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Finding out what the credentials allow: refusals, dry runs, attempts.
    Probing,
    /// Use that is unusual in amount.
    Taking,
    /// Something never done before.
    FirstUse,
    /// A log is switched off or narrowed.
    Blinding,
    /// Others are let in: policy, grant, replica.
    Opening,
    /// A foreign account uses a key.
    ForeignUse,
    /// Data is put under a key of somebody else.
    ForeignKey,
    /// Keys are taken away from their users.
    Destruction,
    /// Users miss a key.
    Impact,
    /// Root at work.
    Root,
}

impl Stage {
    /// What it is, in a list of what happened.
    pub fn words(self) -> &'static str {
        match self {
            Stage::Probing => "refusals and trials",
            Stage::Taking => "unusual use",
            Stage::FirstUse => "first uses",
            Stage::Blinding => "log switched off",
            Stage::Opening => "access given away",
            Stage::ForeignUse => "key used from outside",
            Stage::ForeignKey => "foreign key used",
            Stage::Destruction => "keys taken away",
            Stage::Impact => "keys missed",
            Stage::Root => "root at work",
        }
    }
}
