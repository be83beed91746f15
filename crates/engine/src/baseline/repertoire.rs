//! What an entity has shown so far: of a principal the networks, agents, Regions, accounts, operations and keys of its
//! calls and what it was refused; of a key its users.
//!
//! As with counts ([`super::series`]), an hour stays open until it is closed: the values that it has shown are a set
//! that merges. Closing it, in the same ascending close as the counts, compares the set with what is known, and takes
//! it up: exactly once.
//!
//! **Bounds.** Of an open hour the 32 values of a dimension that were shown first are kept, so that whoever makes up
//! values pushes nothing out that came before. Of the known values of a dimension the 64 that were shown last are
//! kept. Who has shown more than that shows something new all the time, and the hazard knows
//! ([`super::novelty`]).

use super::hours::ByHour;
use super::kept::Kept;
use super::novelty::{Dimension, Habit};
use super::trace::Packed;
use crate::event::{Event, Form, Operation, Source};
use crate::state::{Merge, Sample, seen::bounded};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Values of a dimension that an open hour keeps.
const SHOWN: usize = 32;
/// Known values of a dimension.
const KNOWN: usize = 64;

/// The values that an entity has shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repertoire {
    /// Boxed, since a Delta knows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<Box<Known>>,
    #[serde(default, skip_serializing_if = "ByHour::is_empty")]
    open: ByHour<Shown>,
}

/// What closed hours have taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    habit: Habit,
    /// Dimension, hash of the value, the day on which it was last shown (whole days since the epoch); in order of
    /// the first two.
    values: Vec<(Dimension, u32, i64)>,
}

/// The values shown in one hour, by dimension and hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    values: Vec<Value>,
    is_cut: bool,
    /// Of the calls that were refused, the keys.
    refused_keys: Sample,
}

/// A value that was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Of what kind it is.
    pub dimension: Dimension,
    /// Hash of the value: 32 bits, since whoever could search for a collision could show the known value as well.
    pub hash: u32,
    /// The value as people read it.
    pub name: Arc<str>,
    /// The first event that shows it.
    pub first: Arc<Packed>,
}

/// What came of closing an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedShown {
    /// All values that it has shown.
    pub shown: Vec<Value>,
    /// Those that were not known before, by their place in `shown`.
    pub new: Vec<usize>,
    /// Those of them that are keys which the principal was refused on this day or the day before.
    pub refused: Vec<usize>,
    /// The habit as it was before the hour.
    pub habit: Habit,
    /// Whether values were left out.
    pub is_cut: bool,
    /// Of the calls that were refused, the keys.
    pub refused_keys: Sample,
}

impl Repertoire {
    /// Whether nothing was ever shown.
    pub fn is_empty(&self) -> bool {
        self.known.is_none() && self.open.is_empty()
    }

    /// The open hours in which something was shown, in order.
    pub fn open_hours(&self) -> impl Iterator<Item = i64> {
        self.open.hours()
    }

    /// How often it has shown something new; `None` before an hour has closed.
    pub fn habit(&self) -> Option<&Habit> {
        self.known.as_ref().map(|known| &known.habit)
    }

    fn sealed_hour(&self) -> Option<i64> {
        self.habit().and_then(Habit::sealed_hour)
    }

    /// Takes up what a principal shows in `event`, and tells whether this opened the hour. Events that are equal but
    /// for their time and id show the same: of such a group the earliest is enough.
    pub(crate) fn note_caller(&mut self, event: &Event<'_>, kept: &mut Kept) -> bool {
        let Some((shown, opens)) = self.hour(event.time.hour()) else { return false };
        each_of_caller(event, |dimension, hash, name| shown.note(dimension, hash, name, event, kept));
        if is_refusal(event) {
            let key = event.key.as_ref().map_or("", |key| key.arn.as_ref());
            shown.refused_keys.note(xxh3_64(event.act_id().as_bytes()), key);
        }
        opens
    }

    /// Takes up who used a key in `event`, and tells whether this opened the hour. Of events that are equal but for
    /// their time and id the earliest is enough.
    pub(crate) fn note_user(&mut self, event: &Event<'_>, kept: &mut Kept) -> bool {
        let Some((shown, opens)) = self.hour(event.time.hour()) else { return false };
        let id = event.principal.id.as_ref();
        shown.note(Dimension::User, hash(&[id]), &|| Cow::Borrowed(id), event, kept);
        opens
    }

    /// The open hour, and whether nothing was shown in it yet; `None` if it is closed.
    fn hour(&mut self, hour: i64) -> Option<(&mut Shown, bool)> {
        match self.sealed_hour() {
            Some(sealed) if hour <= sealed => None,
            _ => {
                let shown = self.open.entry(hour);
                let opens = shown.values.is_empty();
                Some((shown, opens))
            }
        }
    }

    /// Closes `hour`, if something was shown in it. Earlier hours that are still open are closed with it, without
    /// being judged: close in ascending order.
    pub fn close(&mut self, hour: i64) -> Option<ClosedShown> {
        if !self.open.contains(hour) {
            return None;
        }
        let known = self.known.get_or_insert_default();
        while let Some((earlier, shown)) = self.open.take_before(hour) {
            known.learn(earlier, &shown.values);
        }
        let closed = self.open.remove(hour)?;
        let habit = known.habit.clone();
        let new = known.learn(hour, &closed.values);
        let is_refused_key = |at: &usize| {
            let value = closed.values.get(*at).filter(|value| value.dimension == Dimension::Key);
            value.is_some_and(|key| known.was_refused(&key.name, hour.div_euclid(24)))
        };
        let refused = new.iter().copied().filter(is_refused_key).collect();
        let Shown { values: shown, is_cut, refused_keys } = closed;
        Some(ClosedShown { new, refused, shown, habit, is_cut, refused_keys })
    }
}

impl Known {
    fn place(&self, value: &Value) -> Result<usize, usize> {
        self.values.binary_search_by_key(&(value.dimension, value.hash), |(of, hash, _)| (*of, *hash))
    }

    /// Whether any operation with this key was refused on `day` or the day before.
    fn was_refused(&self, key: &str, day: i64) -> bool {
        let knows_refusals = self.values.iter().any(|(of, ..)| *of == Dimension::Refusal);
        knows_refusals
            && Operation::ALL.iter().any(|operation| {
                let refusal = (Dimension::Refusal, hash(&[operation.info().name, key]));
                let place = self.values.binary_search_by_key(&refusal, |(of, hash, _)| (*of, *hash));
                place
                    .ok()
                    .and_then(|at| self.values.get(at))
                    .is_some_and(|(_, _, last)| day.saturating_sub(*last) <= 1)
            })
    }

    /// The values that are not known, by their place.
    fn unknown(&self, values: &[Value]) -> Vec<usize> {
        let places = values.iter().enumerate();
        places.filter(|(_, value)| self.place(value).is_err()).map(|(at, _)| at).collect()
    }

    /// Takes up what was shown in an hour, and tells which values were not known, by their place.
    fn learn(&mut self, hour: i64, values: &[Value]) -> Vec<usize> {
        let new = self.unknown(values);
        let new_ones = || new.iter().filter_map(|at| values.get(*at)).map(|value| value.dimension);
        let counts: Vec<(Dimension, u32)> = new_ones().map(|dimension| (dimension, 1)).collect();
        if !self.habit.seal(hour, &counts) {
            return new;
        }
        let day = hour.div_euclid(24);
        for value in values {
            match self.place(value) {
                Ok(at) => {
                    if let Some((_, _, last)) = self.values.get_mut(at) {
                        *last = (*last).max(day);
                    }
                }
                Err(at) => self.values.insert(at, (value.dimension, value.hash, day)),
            }
        }
        // They are in the order of their dimensions.
        let mut dimensions: Vec<Dimension> = new_ones().collect();
        dimensions.dedup();
        dimensions.into_iter().for_each(|dimension| self.bound(dimension));
        new
    }

    /// Forgets what was shown longest ago of a dimension that has too many values.
    fn bound(&mut self, dimension: Dimension) {
        let of = |value: &&(Dimension, u32, i64)| value.0 == dimension;
        let Some(excess) =
            self.values.iter().filter(of).count().checked_sub(KNOWN).filter(|excess| *excess > 0)
        else {
            return;
        };
        let mut days: Vec<(i64, u32)> =
            self.values.iter().filter(of).map(|(_, hash, day)| (*day, *hash)).collect();
        days.sort_unstable();
        days.truncate(excess);
        self.values.retain(|(of, hash, day)| *of != dimension || !days.contains(&(*day, *hash)));
    }
}

impl Shown {
    fn note<'n>(
        &mut self,
        dimension: Dimension,
        hash: u32,
        name: &dyn Fn() -> Cow<'n, str>,
        event: &Event<'_>,
        kept: &mut Kept,
    ) {
        match self.place(dimension, hash) {
            Ok(at) => {
                let Some(known) = self.values.get_mut(at) else { return };
                let first = (known.first.time, known.first.event_id());
                // Copies of one act in two accounts have the same time and id: then the whole trace decides.
                if (event.time, event.act_id()) <= first {
                    known.take_first(&kept.trace.get(event));
                }
            }
            Err(at) => {
                let (name, first) = (kept.name(dimension, hash, name()), kept.trace.get(event));
                self.insert(at, Value { dimension, hash, name, first });
            }
        }
    }

    fn place(&self, dimension: Dimension, hash: u32) -> Result<usize, usize> {
        self.values.binary_search_by_key(&(dimension, hash), |value| (value.dimension, value.hash))
    }

    fn put(&mut self, value: Value) {
        match self.place(value.dimension, value.hash) {
            Ok(at) => {
                if let Some(known) = self.values.get_mut(at) {
                    known.take_first(&value.first);
                    // Of two values with one hash, too, every copy has to name the same.
                    if value.name < known.name {
                        known.name = value.name;
                    }
                }
            }
            Err(at) => self.insert(at, value),
        }
    }

    fn insert(&mut self, at: usize, value: Value) {
        let dimension = value.dimension;
        if self.values.is_empty() {
            // Who calls shows a network, an agent, a Region, an account, an operation and a key at least.
            self.values.reserve_exact(8);
        }
        self.values.insert(at, value);
        self.bound(dimension);
    }

    /// Keeps the values that were shown first.
    fn bound(&mut self, dimension: Dimension) {
        let of = self.values.iter().filter(|value| value.dimension == dimension);
        if of.clone().count() > SHOWN {
            let last = of.max_by(|a, b| (&a.first, a.hash).cmp(&(&b.first, b.hash))).map(|value| value.hash);
            self.values.retain(|value| value.dimension != dimension || Some(value.hash) != last);
            self.is_cut = true;
        }
    }
}

impl Value {
    fn take_first(&mut self, first: &Arc<Packed>) {
        if *first < self.first {
            self.first = Arc::clone(first);
        }
    }
}

impl Merge for Shown {
    fn merge(&mut self, other: &Self) {
        other.values.iter().for_each(|value| self.put(value.clone()));
        self.is_cut |= other.is_cut;
        self.refused_keys.merge(&other.refused_keys);
    }
}

impl Merge for Repertoire {
    fn merge(&mut self, other: &Self) {
        for (hour, shown) in other.open.iter() {
            self.open.entry(hour).merge(shown);
        }
        match (&self.known, &other.known) {
            (None, Some(_)) => self.known.clone_from(&other.known),
            (Some(mine), Some(theirs)) if is_less(mine, theirs) => self.known.clone_from(&other.known),
            _ => {}
        }
        if let Some(sealed) = self.sealed_hour()
            && self.open.first().is_some_and(|first| first <= sealed)
        {
            self.open.forget(sealed);
        }
    }
}

/// The order among what closed hours have taught: who has closed more. Only a broken horizon can leave a tie among
/// different ones.
fn is_less(a: &Known, b: &Known) -> bool {
    let key = |known: &Known| (known.habit.sealed_hour(), known.habit.active_hours());
    match key(a).cmp(&key(b)) {
        std::cmp::Ordering::Equal => a.values < b.values,
        order => order.is_lt(),
    }
}

/// Tells `see` each value that a principal shows in an event: its dimension, its hash, and how to name it.
fn each_of_caller(event: &Event<'_>, mut see: impl for<'n> FnMut(Dimension, u32, &dyn Fn() -> Cow<'n, str>)) {
    if !event.principal.through_service() {
        if let Some(endpoint) = &event.caller.vpc_endpoint {
            plain(&mut see, Dimension::Network, endpoint);
        } else if let Some(ip) = event.caller.ip {
            let network = Network::of(ip);
            see(Dimension::Network, network.hash(), &|| network.to_string().into());
        }
        if let Some(agent) = &event.caller.agent_family {
            plain(&mut see, Dimension::Agent, agent);
        }
    }
    plain(&mut see, Dimension::Region, &event.region);
    let keys = || event.key.iter().chain(&event.destination_key);
    if event.succeeded() {
        for key in keys().filter(|key| key.arn.contains(":key/")) {
            plain(&mut see, Dimension::Key, &key.arn);
            plain(&mut see, Dimension::Account, key.account.as_deref().unwrap_or_default());
        }
    }
    let is_foreign =
        keys().any(|key| key.account.as_deref().is_some_and(|owner| owner != event.account.as_ref()));
    let kind: Cow<'_, str> = match (event.dry_run, is_foreign) {
        (false, false) => Cow::Borrowed(&event.name),
        (true, _) => Cow::Owned(format!("a dry run of {}", event.name)),
        (false, true) => Cow::Owned(format!("{} with a key of another account", event.name)),
    };
    plain(&mut see, Dimension::Operation, &kind);
    if is_refusal(event) {
        let key = event.key.as_ref().map_or("", |key| key.arn.as_ref());
        let name = || match key {
            "" => Cow::Borrowed(event.name.as_ref()),
            _ => Cow::Owned(bounded(&format!("{} on {key}", event.name)).into_owned()),
        };
        see(Dimension::Refusal, hash(&[&event.name, key]), &name);
    }
}

/// Whether a call was refused that would have done something.
fn is_refusal(event: &Event<'_>) -> bool {
    event.denied() && !event.dry_run
}

fn plain(
    see: &mut impl for<'n> FnMut(Dimension, u32, &dyn Fn() -> Cow<'n, str>),
    dimension: Dimension,
    text: &str,
) {
    if !text.is_empty() {
        let text = bounded(text);
        see(dimension, hash(&[&text]), &|| Cow::Borrowed(text.as_ref()));
    }
}

/// Whether what the caller of an event shows is taken up: a call of KMS by somebody who is no service. What a service
/// shows when it calls for itself follows from what its customers do.
pub fn concerns_caller(event: &Event<'_>) -> bool {
    use crate::event::PrincipalKind as K;
    event.source == Source::Kms
        && event.form == Form::ApiCall
        && !matches!(event.principal.kind, K::AwsService | K::ServiceLinkedRole)
}

fn hash(parts: &[&str]) -> u32 {
    parts.iter().fold(0u64, |hash, part| hash.rotate_left(7) ^ xxh3_64(part.as_bytes())) as u32
}

/// The address that stands for the network of an address: it shows what every address of the network shows.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    Network::of(ip).base
}

/// The block of addresses that counts as one place.
struct Network {
    base: IpAddr,
    bits: u8,
}

impl Network {
    fn of(ip: IpAddr) -> Network {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                // Subnets of a VPC come and go with scaling.
                let (c, bits) = if ip.is_private() { (0, 16) } else { (c, 24) };
                Network { base: IpAddr::from([a, b, c, 0]), bits }
            }
            IpAddr::V6(ip) => {
                let [a, b, c, ..] = ip.segments();
                Network { base: IpAddr::from([a, b, c, 0, 0, 0, 0, 0]), bits: 48 }
            }
        }
    }

    fn hash(&self) -> u32 {
        match self.base {
            IpAddr::V4(base) => xxh3_64(&base.octets()) as u32,
            IpAddr::V6(base) => xxh3_64(&base.octets()) as u32,
        }
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

/// The form in which an hour is stored: events that show several values stand in it once.
#[derive(Serialize, Deserialize)]
struct Stored {
    traces: Vec<Packed>,
    values: Vec<(Dimension, u32, String, usize)>,
    is_cut: bool,
    #[serde(default, skip_serializing_if = "Sample::is_empty")]
    refused_keys: Sample,
}

impl Serialize for Shown {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut traces: Vec<Packed> = self.values.iter().map(|value| value.first.as_ref().clone()).collect();
        traces.sort();
        traces.dedup();
        let value = |value: &Value| {
            let at = traces.binary_search(&value.first).unwrap_or_default();
            (value.dimension, value.hash, value.name.to_string(), at)
        };
        let values = self.values.iter().map(value).collect();
        let refused_keys = self.refused_keys.clone();
        Stored { values, traces, is_cut: self.is_cut, refused_keys }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { traces, values, is_cut, refused_keys } = Stored::deserialize(deserializer)?;
        let traces: Vec<Arc<Packed>> = traces.into_iter().map(Arc::new).collect();
        let mut shown = Shown { values: Vec::new(), is_cut, refused_keys };
        for (dimension, hash, name, at) in values {
            let first =
                traces.get(at).ok_or_else(|| serde::de::Error::custom("a value without its event"))?;
            shown.put(Value { dimension, hash, name: name.into(), first: Arc::clone(first) });
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests;
