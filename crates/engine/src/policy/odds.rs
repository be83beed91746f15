//! How hard it is for a kind of caller to have something hold, and to have it fail.

/// How hard something is for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ease {
    /// It cannot be.
    Never,
    /// It depends on what a policy does not tell, such as the network.
    Maybe,
    /// The subject can bring it about.
    Easy,
}

/// How hard it is for a subject to have a test hold, and to have it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odds {
    /// To have it hold.
    pub hold: Ease,
    /// To have it fail.
    pub fail: Ease,
}

impl Odds {
    /// It holds, whatever the subject does.
    pub const ALWAYS: Odds = Odds { hold: Ease::Easy, fail: Ease::Never };
    /// It never holds.
    pub const NEVER: Odds = Odds { hold: Ease::Never, fail: Ease::Easy };
    /// The subject chooses.
    pub const CHOSEN: Odds = Odds { hold: Ease::Easy, fail: Ease::Easy };
    /// Easily avoided, and holds only in circumstances that are not known here.
    pub const NARROW: Odds = Odds { hold: Ease::Maybe, fail: Ease::Easy };
    /// Nothing can be said.
    pub const UNKNOWN: Odds = Odds { hold: Ease::Maybe, fail: Ease::Maybe };

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Odds) -> Odds {
        Odds { hold: self.hold.min(other.hold), fail: self.fail.max(other.fail) }
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Odds) -> Odds {
        Odds { hold: self.hold.max(other.hold), fail: self.fail.min(other.fail) }
    }

    /// It does not hold.
    #[must_use]
    pub fn negated(self) -> Odds {
        Odds { hold: self.fail, fail: self.hold }
    }

    /// The subject brings about either this or the other, as it likes.
    #[must_use]
    pub fn either(self, other: Odds) -> Odds {
        Odds { hold: self.hold.max(other.hold), fail: self.fail.max(other.fail) }
    }
}

impl From<bool> for Odds {
    fn from(holds: bool) -> Odds {
        if holds { Odds::ALWAYS } else { Odds::NEVER }
    }
}
