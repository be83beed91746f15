//! From States and counts to entries.

use super::cost::{self, Cost, PRICES};
use super::{Evidence, Grant, Inventory, KeyEntry, Note, Resource, Rotation, State, User, state};
use crate::facts::Fact;
use crate::usage::{KeyUsage, Tally, Usage, Way};
use kmswatch_engine::event::{ErrorClass, Operation};
use kmswatch_engine::finding::{KeyName, key_family};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::state::{ActKind, Detail, KeyState};
use kmswatch_engine::time::DAY;
use std::collections::BTreeMap;

/// Longest list of copies of a multi-Region key, which has at most one in a Region.
const COPIES: usize = 40;
/// Waiting period of a deletion that names none (KMS developer guide).
const LONGEST_WAIT_DAYS: i64 = 30;
/// Resources that are named.
const RESOURCES: usize = 12;

/// A key before its entry is made: what is known of it under its ARN and under its aliases.
#[derive(Default)]
struct Draft<'a> {
    users: BTreeMap<(&'a str, &'a str), User>,
    entry: KeyEntry,
    days: BTreeMap<i64, u64>,
    usage: Option<&'a KeyUsage>,
}

impl Inventory {
    /// The inventory of everything that `watch` and `usage` have met.
    pub fn of(watch: &Watch, usage: &Usage) -> Inventory {
        let span = watch.span();
        // Without an event of its own, all that it knows was saved by another.
        let as_of = span.map(|span| span.end).or(watch.last_event()).unwrap_or_default();
        let since = span.map_or(as_of, |span| span.start);
        let days = (as_of.since(since).max(3_600) as f64) / DAY as f64;
        let mut keys: Vec<KeyEntry> =
            drafts(watch, usage).into_iter().map(|(arn, draft)| entry(&arn, draft, watch)).collect();
        copies(&mut keys);
        let mut total = Cost::default();
        for key in &mut keys {
            // An hour of logs says nothing of a month.
            let days = days.max(1.0);
            key.uses_per_day = key.use_by_day.values().sum::<u64>() as f64 / days;
            key.cost = cost::of(key, days);
            if !key.foreign {
                total.add(key.cost);
            }
        }
        keys.sort_by(|a, b| (b.acts, &a.arn).cmp(&(a.acts, &b.arn)));
        let own_accounts = watch.estate().own_accounts().map(str::to_owned).collect();
        Inventory { as_of, since, days, own_accounts, keys, cost: total, prices: PRICES, cut: usage.cut() }
    }
}

/// What is known of each key that is proved to exist, by ARN.
fn drafts<'a>(watch: &'a Watch, usage: &'a Usage) -> BTreeMap<String, Draft<'a>> {
    let states = &watch.states().keys;
    let names = watch.states().names();
    // A call that names only an alias is one on the key behind it.
    let key_of = |name: &str| names.key_of(name).unwrap_or(name).to_owned();
    let mut drafts: BTreeMap<String, Draft<'a>> = BTreeMap::new();
    for arn in states.keys() {
        drafts.entry(key_of(arn)).or_default();
    }
    for (name, counted) in usage.keys() {
        let arn = key_of(name);
        if !counted.is_proved && !drafts.contains_key(&arn) {
            continue;
        }
        let draft = drafts.entry(arn).or_default();
        draft.entry.acts += counted.acts;
        draft.entry.acts_of_other_users += counted.of_other_users;
        counted.days.iter().for_each(|(day, n)| *draft.days.entry(*day).or_default() += n);
        for (day, [decrypts, data_keys]) in &counted.decrypts_and_data_keys {
            let of_day = draft.entry.decrypts_and_data_keys.entry(*day).or_default();
            *of_day = [of_day[0] + decrypts, of_day[1] + data_keys];
        }
        if name.contains(":key/") {
            draft.usage = Some(counted);
        }
    }
    for (way, tally) in usage.ways() {
        if let Some(draft) = drafts.get_mut(&key_of(&way.key)) {
            draft.take(way, tally);
        }
    }
    drafts
}

impl<'a> Draft<'a> {
    fn take(&mut self, way: &'a Way, tally: &Tally) {
        let call = &way.call;
        let operation = match call.operation {
            Operation::Other => "other operation",
            known => known.name(),
        };
        let user = self.users.entry((&way.principal, &way.via)).or_insert_with(|| User {
            principal: way.principal.to_string(),
            kind: call.kind.name(),
            account: way.account.to_string(),
            via: way.via.to_string(),
            first: tally.first,
            last: tally.last,
            ..User::default()
        });
        user.calls += tally.count;
        user.first = user.first.min(tally.first);
        user.last = user.last.max(tally.last);
        let evidence = Evidence {
            count: tally.count,
            first: tally.first,
            last: tally.last,
            event_ids: vec![tally.event_id.to_string()],
        };
        let mut note = |note: Note| match user.notes.get_mut(&note) {
            Some(known) => known.add(&evidence),
            None => {
                user.notes.insert(note, evidence.clone());
            }
        };
        Fact::ALL.into_iter().filter(|fact| call.facts.has(*fact)).for_each(|fact| note(Note::Fact(fact)));
        match call.class {
            Some(ErrorClass::KeyState) => note(Note::KeyNotUsable),
            Some(ErrorClass::Throttled) => note(Note::Throttled),
            Some(ErrorClass::CryptoMismatch) => note(Note::Mismatch),
            _ => {}
        }
        let (mine, all) = (&mut *user, &mut self.entry);
        match call.class {
            None if call.facts.has(Fact::DryRun) => {}
            None => {
                *mine.operations.entry(operation).or_default() += tally.count;
                *all.operations.entry(operation).or_default() += tally.count;
                if call.operation.is_cryptographic() {
                    mine.uses += tally.count;
                    mine.contexts = mine.contexts.and(tally.contexts);
                    mine.last_use = mine.last_use.max(Some(tally.last));
                    all.last_use = all.last_use.max(Some(tally.last));
                    let first = all.first_use.unwrap_or(tally.first);
                    all.first_use = Some(first.min(tally.first));
                }
                if call.operation == Operation::RotateKey {
                    all.rotation.seen += tally.count;
                    all.rotation.last = all.rotation.last.max(Some(tally.last));
                }
            }
            Some(class) => {
                *mine.errors.entry(words(class)).or_default() += tally.count;
                *all.errors.entry(words(class)).or_default() += tally.count;
            }
        }
    }
}

fn words(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Denied => "denied",
        ErrorClass::KeyState => "key not usable",
        ErrorClass::Throttled => "throttled",
        ErrorClass::BadInput => "bad input",
        ErrorClass::NotFound => "not found",
        ErrorClass::CryptoMismatch => "did not fit",
        ErrorClass::DryRun => "dry run",
        ErrorClass::ServiceFault => "service fault",
        ErrorClass::Other => "other error",
    }
}

fn entry(arn: &str, draft: Draft<'_>, watch: &Watch) -> KeyEntry {
    let Draft { users, mut entry, days, usage } = draft;
    let name = KeyName::of_arn(arn);
    let empty = KeyState::default();
    let state = watch.states().keys.get(arn).unwrap_or(&empty);
    let estate = watch.estate();
    entry.arn = arn.to_owned();
    entry.aliases = watch.states().names().of(arn, state);
    entry.account = name.account.unwrap_or_default();
    entry.region = name.region.unwrap_or_default();
    entry.foreign = estate.is_foreign(&entry.account);
    entry.origin = state.origin.get().cloned();
    entry.manager = state.manager.get().cloned();
    entry.multi_region = state.multi_region || arn.contains(":key/mrk-");
    entry.users = users.into_values().collect();
    entry.users.sort_by(|a, b| (b.calls, &a.principal, &a.via).cmp(&(a.calls, &b.principal, &b.via)));
    (entry.state, entry.state_since) = state::of(state, entry.last_use);
    entry.use_by_day = days;
    for act in state.timeline() {
        match (&act.detail, act.kind) {
            (_, ActKind::Create) => entry.created_at = Some(act.time),
            (Detail::Deletion { waits_for_replicas: true, .. }, _) => entry.deletion_at = None,
            (Detail::Deletion { window_days, at, .. }, _) => {
                let days = window_days.unwrap_or(LONGEST_WAIT_DAYS);
                entry.deletion_at = at.or(Some(act.time.plus(days.saturating_mul(DAY))));
            }
            (Detail::Import { valid_to, .. }, _) => entry.material_expires_at = *valid_to,
            _ => {}
        }
    }
    if entry.state != State::PendingDeletion {
        entry.deletion_at = None;
    }
    rotation(&mut entry.rotation, state);
    entry.resource_sample = state
        .resources
        .sample
        .newest()
        .into_iter()
        .take(RESOURCES)
        .map(|sight| Resource { kind: sight.detail.to_string(), id: sight.name.to_string() })
        .collect();
    if let Some(usage) = usage {
        entry.resources = usage.resources.iter().map(|(kind, ids)| (kind.name(), ids.len() as u64)).collect();
        entry.resources_cut = usage.resources_cut;
        entry.spec = usage.spec.clone().unwrap_or_default();
        entry.most_repeats = usage.most_repeats.clone();
        let grants = usage.grants.iter();
        entry.open_grants =
            grants.map(|(id, (by, at))| Grant { id: id.to_string(), by: by.to_string(), at: *at }).collect();
        entry.grants_cut = usage.grants_cut;
    }
    entry
}

fn rotation(rotation: &mut Rotation, state: &KeyState) {
    for act in state.rotations.values() {
        match act.kind {
            ActKind::EnableRotation | ActKind::DisableRotation => {
                rotation.automatic = Some(act.kind == ActKind::EnableRotation);
                rotation.switched = Some((act.by.id.clone(), act.time));
                if let Detail::Rotation { period_days } = act.detail {
                    rotation.period_days = period_days;
                }
            }
            ActKind::RotateOnDemand => rotation.last = rotation.last.max(Some(act.time)),
            _ => {}
        }
    }
    // KMS rotates by itself only what is set to rotate.
    if rotation.automatic.is_none() && rotation.seen > 0 {
        rotation.automatic = Some(true);
    }
}

/// Names the other copies of multi-Region keys.
fn copies(keys: &mut [KeyEntry]) {
    let mut families: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.multi_region) {
        families.entry(key_family(&key.arn)).or_default().push(key.arn.clone());
    }
    for key in keys.iter_mut().filter(|key| key.multi_region) {
        let family = families.get(&key_family(&key.arn)).into_iter().flatten();
        key.copies = family.filter(|arn| **arn != key.arn).take(COPIES).cloned().collect();
    }
}
