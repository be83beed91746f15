//! What an attack needs: the actor, the network it comes from, the keys, and a place for its records.

use super::AttackKind;
use crate::Error;
use crate::calendar::{DAY, HOUR};
use crate::dice::Dice;
use crate::organisation::caller::{Session, Via, access_key, caller};
use crate::organisation::{Key, KeyKind, Organisation, PrincipalKind};
use crate::record::{At, Caller, Record};
use crate::scenario::{AttackPlan, Duty, Scenario};
use crate::traffic::habit::Habit;
use crate::traffic::{Action, Actor, Outage, Platform, read, session_for, share};
use std::sync::Arc;

/// Tools that intruders bring.
const TOOLS: &[&str] = &[
    "aws-cli/2.15.30 Python/3.11.8 Linux/6.6.15-amd64 exe/x86_64.kali.2024 prompt/off",
    "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#6.6.15-amd64 md/arch#x86_64 lang/python#3.11.8",
    "aws-sdk-go/1.55.5 (go1.22.5; linux; amd64)",
];

/// The stage of one attack.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) organisation: &'a mut Organisation,
    pub(crate) actors: &'a [Actor],
    /// Unix time of the start.
    pub(crate) begin: i64,
    /// Seconds that it takes.
    pub(crate) lasts: i64,
    pub(crate) strength: f64,
    pub(crate) variant: &'static str,
    /// Unix times at which the scenario begins and ends.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) rate_scale: f64,
    plan: &'a AttackPlan,
    number: usize,
    records: Vec<Record>,
    outages: Vec<Outage>,
    facts: Facts,
}

/// Who and what an attack was about.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) principals: Vec<String>,
    pub(crate) keys: Vec<String>,
}

/// Credentials in somebody's hands.
#[derive(Clone, Debug)]
pub(crate) struct Hand {
    pub(crate) principal: usize,
    /// Account of the principal.
    pub(crate) account: usize,
    session: Session,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        organisation: &'a mut Organisation,
        actors: &'a [Actor],
        kind: &'static AttackKind,
        plan: &'a AttackPlan,
        number: usize,
        begin: i64,
        scenario: &Scenario,
    ) -> Stage<'a> {
        let variants = kind.variants.iter().copied();
        let chosen = plan.variant.as_deref();
        let variant = variants.clone().find(|&v| chosen == Some(v)).or(kind.variants.first().copied());
        let lasts = i64::from(plan.minutes.unwrap_or(kind.minutes)) * 60;
        let start = crate::calendar::start_of(&scenario.start).unwrap_or(begin);
        Stage {
            organisation,
            actors,
            begin,
            lasts: lasts.max(1),
            strength: plan.strength.unwrap_or(kind.strength.1),
            variant: variant.unwrap_or(""),
            start,
            end: start + i64::from(scenario.days) * DAY,
            rate_scale: scenario.rate_scale,
            plan,
            number,
            records: Vec::new(),
            outages: Vec::new(),
            facts: Facts::default(),
        }
    }

    pub(super) fn done(self) -> (Vec<Record>, Vec<Outage>, Facts) {
        (self.records, self.outages, self.facts)
    }

    /// `strength` as a number of things, at least one and at most a million.
    pub(crate) fn count(&self) -> u64 {
        self.strength.clamp(1.0, 1_000_000.0) as u64
    }

    /// The account that attacks look for.
    pub(crate) fn payments(&self) -> usize {
        self.organisation.account_for(Duty::Payments)
    }

    /// The actor asked for in the plan, else the first that `choose` likes.
    pub(crate) fn actor(&self, choose: impl Fn(&Organisation, &Actor) -> bool) -> Result<usize, Error> {
        let wanted = self.plan.actor.as_deref();
        let mut indices = 0..self.actors.len();
        let found = indices.find(|&index| {
            let Some(actor) = self.actors.get(index) else { return false };
            let name = self.organisation.principals.get(actor.principal).map(|p| p.name.as_str());
            match wanted {
                Some(wanted) => name == Some(wanted) || actor.person.as_deref() == Some(wanted),
                None => choose(self.organisation, actor),
            }
        });
        found.ok_or_else(|| {
            let wanted = wanted.unwrap_or("suitable");
            Error::Scenario(format!("attack {}: no {wanted} actor in this organisation", self.plan.kind))
        })
    }

    /// The actor asked for in the plan, else any that `choose` likes.
    pub(crate) fn any_actor(
        &self,
        dice: &mut Dice,
        choose: impl Fn(&Organisation, &Actor) -> bool,
    ) -> Result<usize, Error> {
        if self.plan.actor.is_some() {
            return self.actor(choose);
        }
        let indices = 0..self.actors.len();
        let liked: Vec<usize> = indices
            .filter(|&index| self.actors.get(index).is_some_and(|actor| choose(self.organisation, actor)))
            .collect();
        dice.pick(&liked).copied().ok_or_else(|| {
            Error::Scenario(format!("attack {}: no suitable actor in this organisation", self.plan.kind))
        })
    }

    /// Whether an actor is a workload that is there for the whole scenario and whose credentials can be stolen.
    pub(crate) fn is_workload(actor: &Actor) -> bool {
        matches!(actor.habit, Habit::Steady(_))
            && matches!(actor.platform, Platform::Ec2 | Platform::Ecs | Platform::Eks | Platform::Lambda)
            && actor.days.start == 0
            && actor.uses.iter().any(|a_use| a_use.action == Action::Open)
    }

    /// The day of the scenario, counted from 0, and its midnight.
    pub(crate) fn day_of(&self, time: i64) -> (i64, i64) {
        let day = (time - self.start).div_euclid(DAY);
        (day, self.start + day * DAY)
    }

    /// Home Region of an account.
    pub(crate) fn home(&self, account: usize) -> Arc<str> {
        self.organisation.accounts.get(account).map(|a| a.home()).unwrap_or_default()
    }

    /// Id of an account.
    pub(crate) fn account_id(&self, account: usize) -> Arc<str> {
        self.organisation.accounts.get(account).map(|a| a.id.clone()).unwrap_or_default()
    }

    /// One read by an actor with its own key and context, by these credentials.
    pub(crate) fn read(&mut self, dice: &mut Dice, actor: usize, hand: &Hand, time: i64) {
        let Some(acting) = self.actors.get(actor) else { return };
        let reads: Vec<_> = acting.uses.iter().filter(|a_use| a_use.action.reads()).collect();
        let weights = reads.iter().map(|a_use| a_use.weight);
        let Some(what) = reads.get(dice.weighted(weights)) else { return };
        let caller = self.caller(hand, what.action.via());
        let item = dice.below(u64::from(what.resources.max(1))) as u32;
        let at = At { time, account: hand.account, region: &acting.region, caller: &caller };
        let record = read(self.organisation, acting, what, item, at, dice);
        let key = self.organisation.keys.get(what.key).map(|key| key.arn.to_string());
        self.facts.keys.extend(key.filter(|arn| !self.facts.keys.contains(arn)));
        if let Some(record) = record {
            self.emit(dice, record);
        }
    }

    /// The actor with this role name in an account.
    pub(crate) fn actor_named(&self, account: usize, name: &str) -> Result<usize, Error> {
        self.actor(|organisation, actor| {
            actor.account == account
                && organisation.principals.get(actor.principal).is_some_and(|p| p.name == name)
        })
    }

    /// The principal of a kind in an account.
    pub(crate) fn principal(&self, kind: PrincipalKind, account: usize) -> Result<usize, Error> {
        let mut principals = self.organisation.principals.iter();
        principals.position(|p| p.kind == kind && p.account == Some(account)).ok_or_else(|| {
            Error::Scenario(format!("attack {}: no principal of kind {kind:?}", self.plan.kind))
        })
    }

    /// The index of the key asked for in the plan, else of the one with this purpose in the payments account.
    pub(crate) fn key(&self, purpose: &str) -> Result<usize, Error> {
        let name =
            self.organisation.accounts.get(self.payments()).map(|a| a.name.clone()).unwrap_or_default();
        let alias = self.plan.key.clone().unwrap_or_else(|| format!("alias/{name}/{purpose}"));
        self.organisation.key_named(&alias).ok_or_else(|| {
            Error::Scenario(format!("attack {}: no key has the alias {alias:?}", self.plan.kind))
        })
    }

    /// Whether the plan names the key.
    pub(crate) fn named_key(&self) -> bool {
        self.plan.key.is_some()
    }

    /// The key at an index, and notes it for the label.
    pub(crate) fn target(&mut self, index: usize) -> Result<Key, Error> {
        let key = self.organisation.keys.get(index).cloned();
        let key = key.ok_or_else(|| Error::Scenario(format!("attack {}: no such key", self.plan.kind)))?;
        self.facts.keys.push(key.arn.to_string());
        Ok(key)
    }

    /// Customer keys of an account in its home Region, the most precious first.
    pub(crate) fn keys_of(&self, account: usize) -> Vec<usize> {
        let home = self.organisation.accounts.get(account).map(|a| a.home()).unwrap_or_default();
        let mut keys: Vec<usize> = (0..self.organisation.keys.len())
            .filter(|&index| {
                self.organisation.keys.get(index).is_some_and(|key| {
                    key.account == Some(account) && key.region == home && key.kind != KeyKind::AwsManaged
                })
            })
            .collect();
        keys.sort_by_key(|&index| self.organisation.keys.get(index).is_none_or(|key| !key.critical));
        keys
    }

    /// A key in an account outside the organisation.
    pub(crate) fn foreign_key(&mut self, dice: &mut Dice, region: &Arc<str>) -> Key {
        let key = Key::draw(dice, &Arc::from(self.foreign_account()), region, KeyKind::Symmetric);
        self.facts.keys.push(key.arn.to_string());
        key
    }

    /// The attacker's own account.
    pub(crate) fn foreign_account(&self) -> &'static str {
        "999988887777"
    }

    /// Whether the caller comes from outside; `usual` is what the kind does if the plan does not say.
    pub(crate) fn outside(&self, usual: bool) -> bool {
        self.plan.from_outside.unwrap_or(usual)
    }

    /// An actor's credentials: in its own hands, or stolen and used from the attacker's network.
    pub(crate) fn hand(&mut self, actor: usize, outside: bool) -> Result<Hand, Error> {
        let Some(acting) = self.actors.get(actor) else {
            return Err(Error::Scenario(format!("attack {}: no such actor", self.plan.kind)));
        };
        let mut session = session_for(self.organisation, actor, acting, self.begin, 0);
        if outside {
            self.steal(&mut session);
        }
        Ok(self.holding(acting.principal, session))
    }

    /// Fresh credentials of a principal that has no traffic of its own: root, break-glass.
    pub(crate) fn fresh(&mut self, principal: usize, name: &str) -> Hand {
        let bits = self.organisation.stable("fresh session", self.number as u64);
        let mut session = Session {
            name: name.to_owned(),
            access_key: access_key("ASIA", bits),
            created: self.begin - 240,
            mfa: true,
            ..Session::default()
        };
        self.steal(&mut session);
        self.holding(principal, session)
    }

    fn holding(&mut self, principal: usize, session: Session) -> Hand {
        let account = self.organisation.principals.get(principal).and_then(|p| p.account).unwrap_or(0);
        let id = self.organisation.principals.get(principal).map(|p| p.id.to_string());
        self.facts.principals.extend(id);
        Hand { principal, account, session }
    }

    fn steal(&self, session: &mut Session) {
        let networks = ["203.0.113", "198.51.100", "192.0.2"];
        let number = self.plan.intruder.unwrap_or(1_000 + self.number as u32);
        let pick = self.organisation.stable("intruder", u64::from(number)) as usize % 100_000;
        let network = networks.get(pick % 3).copied().unwrap_or("203.0.113");
        session.address = format!("{network}.{}", 20 + pick % 200);
        session.agent = TOOLS.get(pick / 3 % 3).copied().unwrap_or("aws-cli/2.15.30").to_owned();
        session.endpoint = None;
        session.console = false;
        if session.created < self.begin - 6 * HOUR {
            session.created = self.begin - HOUR;
        }
    }

    /// Notes a principal for the label that never holds the credentials itself.
    pub(crate) fn note_principal(&mut self, id: String) {
        self.facts.principals.push(id);
    }

    /// Notes a key for the label.
    pub(crate) fn note_key(&mut self, key: &Key) {
        self.facts.keys.push(key.arn.to_string());
    }

    /// The caller that these credentials make.
    pub(crate) fn caller(&self, hand: &Hand, via: Via) -> Arc<Caller> {
        Arc::new(caller(self.organisation, hand.principal, &hand.session, via))
    }

    /// Adds a record, and the owner's copy if it is a call on a key of another account of ours.
    pub(crate) fn emit(&mut self, dice: &mut Dice, record: Record) {
        let first = self.records.len();
        self.records.push(record);
        share(self.organisation, dice, first, &mut self.records);
    }

    /// Adds a record that is itself the owner's copy of a stranger's call.
    pub(crate) fn emit_from_stranger(&mut self, record: Record) {
        self.records.push(record);
    }

    /// From `from` until `until` the key does not work.
    pub(crate) fn breaks(&mut self, outage: Outage) {
        self.outages.push(outage);
    }

    /// The scene of a call by `caller` in its own account and this Region.
    pub(crate) fn at<'b>(
        &self,
        time: i64,
        hand: &Hand,
        region: &'b Arc<str>,
        caller: &'b Arc<Caller>,
    ) -> At<'b> {
        At { time, account: hand.account, region, caller }
    }
}
