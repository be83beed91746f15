//! What else must be known to judge what was touched: keys and their aliases.
//!
//! A key can be met under an alias that nobody could resolve at the time; what is known under the alias belongs to
//! the key. So for each alias of each key there is a set of the keys that have had it (`alias#ARN`), and judging a key
//! reads what stands under its aliases, and judging an alias reads its keys. Both are read after what was touched is
//! saved: of two workers that touch the two halves at the same time, the one that saves last sees both.

use crate::entities::{Known, item_name};
use crate::sets::{self, Change, Set};
use crate::store::{Store, StoreError};
use futures_util::future::try_join_all;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::state::{KeyState, States};
use kmswatch_engine::time::{DAY, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Keys and aliases that are read beside those touched, at most, in one batch.
const MOST: usize = 400;
/// Keys that are read for one alias: KMS lets an alias move, but not often.
const KEYS_OF_ALIAS: usize = 32;
/// Days for which it is kept which keys had an alias.
const KEPT_DAYS: i64 = 400;

/// ARNs of the aliases that the key with this ARN has or had.
fn aliases<'s>(arn: &str, state: &'s KeyState) -> impl Iterator<Item = String> + use<'s> {
    let home = arn.split_once(":key/").map(|(home, _)| home.to_owned());
    let names = state.aliases.iter().map(|(name, _)| name);
    names.filter_map(move |name| home.as_ref().map(|home| format!("{home}:{name}")))
}

fn set_of(alias: &str) -> String {
    item_name("alias", alias)
}

/// All pairs of an alias and a key that has or had it.
pub(crate) fn links(states: &States) -> BTreeSet<(String, String)> {
    let mut links = BTreeSet::new();
    for (arn, state) in &states.keys {
        links.extend(aliases(arn, state).map(|alias| (alias, arn.clone())));
    }
    links
}

/// Notes which keys have which aliases, before the States that say so are saved: a State that is stored with an
/// alias is proof that the set has it.
pub(crate) async fn link(
    store: &dyn Store,
    before: &BTreeSet<(String, String)>,
    after: &BTreeSet<(String, String)>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (alias, arn) in after.difference(before) {
        wanted.entry(set_of(alias)).or_default().insert(arn.clone());
    }
    let names: Vec<String> = wanted.keys().cloned().collect();
    let read = sets::read(store, &names).await?;
    let (nothing, expires) = (BTreeSet::new(), now.plus(KEPT_DAYS * DAY));
    let changes = wanted
        .iter()
        .zip(&read)
        .map(|((name, add), set)| sets::change(store, set, Change { name, add, remove: &nothing, expires }));
    Ok(try_join_all(changes).await?.into_iter().sum())
}

/// Loads what belongs to the keys among `touched`, and to `named`, the keys that findings are about.
pub(crate) async fn load(
    store: &dyn Store,
    known: &mut Known,
    touched: impl Iterator<Item = &EntityId>,
    named: BTreeSet<String>,
) -> Result<(), StoreError> {
    let key = |arn: String| EntityId::new(EntityKind::Key, arn);
    let keys: BTreeSet<String> = touched
        .filter(|entity| entity.kind == EntityKind::Key)
        .map(|entity| entity.id.clone())
        // Of a key that was only ever used there is nothing that an alias could complete.
        .filter(|arn| known.states.keys.get(arn).is_some_and(has_facts) || arn.contains(":alias/"))
        .chain(named)
        .take(MOST)
        .collect();
    known.load(store, keys.iter().cloned().map(key)).await?;
    let mut alias_arns: BTreeSet<String> =
        keys.iter().filter(|arn| arn.contains(":alias/")).cloned().collect();
    alias_arns.extend(keys.iter().flat_map(|arn| {
        let state = known.states.keys.get(arn);
        state.map(|state| aliases(arn, state).collect::<Vec<_>>()).unwrap_or_default()
    }));
    let alias_arns: Vec<String> = alias_arns.into_iter().take(MOST).collect();
    let names: Vec<String> = alias_arns.iter().map(|alias| set_of(alias)).collect();
    let sets: Vec<Set> = sets::read(store, &names).await?;
    let owners = sets.into_iter().flat_map(|set| set.members.into_iter().take(KEYS_OF_ALIAS));
    let more: Vec<String> = alias_arns.into_iter().chain(owners).take(2 * MOST).collect();
    known.load(store, more.into_iter().map(key)).await
}

fn has_facts(state: &KeyState) -> bool {
    state.acts.values().next().is_some() || state.refused.values().next().is_some()
}
