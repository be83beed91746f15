//! Which key: its ARN from whatever names the record gives.
//!
//! A request names a key in any of four forms (id, key ARN, alias, alias ARN) or not at all, as in the usual
//! Decrypt. So the places are asked in this order, and the first answer counts:
//!
//! 1. entries of `resources` that are key ARNs (`type` tells nothing: aliases are `AWS::KMS::Key` too);
//! 2. of ReEncrypt the first entry is the source and the second the destination;
//! 3. the response: `keyMetadata.arn`, `keyId`;
//! 4. the request (and `serviceEventDetails`), where a bare name means the caller's own account and Region;
//! 5. a key ARN in `errorMessage`, where denials name the key;
//! 6. nothing: some operations have no key.
//!
//! An alias is only an answer where no step gives the key itself.

use super::arn::{Arn, partition_of_region};
use super::fields::{Read, bounded, cut, fields, first_string, lent, owned, string};
use super::operation::{KeyPlace, Operation};
use crate::finding::KeyName;
use crate::json::{Kind, Text, Value};

/// Longest `keyId` that KMS takes (API model: 2,048 characters); longer text is no name of a key.
const LONGEST_KEY_ID: usize = 2_048;

/// A KMS key as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The key ARN. Where the record has only a name that is no ARN and no account is known, that name.
    pub arn: Text<'a>,
    /// Account that owns the key, from the ARN.
    pub account: Option<Text<'a>>,
    /// Region of the key, from the ARN.
    pub region: Option<Text<'a>>,
    /// The key id: `mrk-...` is the same in every Region of a multi-Region key. Of an alias its name,
    /// `alias/...`.
    pub id: Text<'a>,
    /// Whether the record names the key only by an alias (the ARN is then an alias ARN).
    pub is_alias: bool,
}

impl<'a> Key<'a> {
    /// Whether it belongs to a multi-Region key.
    pub fn is_multi_region(&self) -> bool {
        self.id.starts_with("mrk-")
    }

    /// The key, for a finding; its aliases are known later.
    pub fn name(&self) -> KeyName {
        KeyName {
            arn: self.arn.to_string(),
            aliases: if self.is_alias { vec![self.id.to_string()] } else { Vec::new() },
            account: self.account.as_ref().map(|t| t.to_string()),
            region: self.region.as_ref().map(|t| t.to_string()),
        }
    }

    /// The key that an ARN names, if it is the ARN of a KMS key or alias.
    pub fn from_arn(text: Text<'a>) -> Option<Key<'a>> {
        match text {
            Text::Borrowed(text) => Key::of_borrowed(text),
            Text::Owned(text) => Key::of_borrowed(&text).map(Key::into_owned),
        }
    }

    fn of_borrowed(text: &str) -> Option<Key<'_>> {
        let arn = kms_arn(text).filter(|_| text.len() <= LONGEST_KEY_ID)?;
        let key_id = arn.resource.strip_prefix("key/");
        Some(Key {
            arn: Text::Borrowed(text),
            account: Some(Text::Borrowed(arn.account)),
            region: (!arn.region.is_empty()).then_some(Text::Borrowed(arn.region)),
            is_alias: key_id.is_none(),
            id: Text::Borrowed(key_id.unwrap_or(arn.resource)),
        })
    }

    pub(super) fn lent(&self) -> Key<'_> {
        Key {
            arn: Text::Borrowed(&self.arn),
            account: lent(&self.account),
            region: lent(&self.region),
            id: Text::Borrowed(&self.id),
            is_alias: self.is_alias,
        }
    }

    pub(super) fn into_owned(self) -> Key<'static> {
        Key {
            arn: Text::Owned(self.arn.into_owned()),
            account: owned(self.account),
            region: owned(self.region),
            id: Text::Owned(self.id.into_owned()),
            is_alias: self.is_alias,
        }
    }

    fn plain(text: Text<'a>) -> Key<'a> {
        let text = bounded(text);
        Key { is_alias: text.starts_with("alias/"), arn: text.clone(), id: text, account: None, region: None }
    }
}

/// The ARN of a key or alias of KMS with an account. Account ids are not held to 12 digits: exports redact them.
fn kms_arn(text: &str) -> Option<Arn<'_>> {
    Arn::parse(text).filter(|arn| {
        arn.service == "kms"
            && !arn.account.is_empty()
            && ["key/", "alias/"]
                .iter()
                .any(|kind| arn.resource.len() > kind.len() && arn.resource.starts_with(kind))
    })
}

/// Names of keys in `requestParameters`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestedKeys<'a> {
    pub(super) key: Value<'a>,
    pub(super) target: Value<'a>,
    pub(super) source: Value<'a>,
    pub(super) destination: Value<'a>,
    pub(super) alias: Value<'a>,
}

/// Everything in a record that can name a key, beside `resources`.
#[derive(Debug)]
pub(super) struct Clues<'a, 'r> {
    pub(super) operation: Operation,
    pub(super) request: RequestedKeys<'a>,
    pub(super) response: Value<'a>,
    pub(super) details: Value<'a>,
    pub(super) message: Option<&'r Text<'a>>,
    /// Account and Region that a bare name means; empty if not known.
    pub(super) account: &'r str,
    pub(super) region: &'r str,
    /// The principal's id; if it is an ARN, its partition is that of a bare name too.
    pub(super) principal: &'r str,
}

/// The keys and the alias of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys<'a> {
    pub(super) key: Option<Key<'a>>,
    pub(super) destination: Option<Key<'a>>,
    pub(super) alias: Option<Text<'a>>,
}

/// What `resources` holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed<'a> {
    entries: usize,
    first_entry: Option<Key<'a>>,
    second_entry: Option<Key<'a>>,
    alias: Option<Key<'a>>,
}

impl<'a> Listed<'a> {
    /// The same list, with texts borrowed from this one.
    pub(super) fn lent(&self) -> Listed<'_> {
        Listed {
            entries: self.entries,
            first_entry: self.first_entry.as_ref().map(Key::lent),
            second_entry: self.second_entry.as_ref().map(Key::lent),
            alias: self.alias.as_ref().map(Key::lent),
        }
    }

    /// The same list, borrowed from nothing.
    pub(super) fn into_owned(self) -> Listed<'static> {
        Listed {
            entries: self.entries,
            first_entry: self.first_entry.map(Key::into_owned),
            second_entry: self.second_entry.map(Key::into_owned),
            alias: self.alias.map(Key::into_owned),
        }
    }

    /// Reads `resources`.
    pub(super) fn read(resources: Value<'a>) -> Read<Listed<'a>> {
        let mut listed = Listed::default();
        for item in resources.items() {
            let item = item?;
            let arn = if item.kind() == Kind::String {
                string(item)?
            } else {
                first_string(fields(item, ["ARN", "arn"])?)?
            };
            let position = listed.entries;
            listed.entries += 1;
            let Some(key) = arn.and_then(Key::from_arn) else { continue };
            let slot = match position {
                _ if key.is_alias => &mut listed.alias,
                1 => &mut listed.second_entry,
                _ => &mut listed.first_entry,
            };
            slot.get_or_insert(key);
        }
        Ok(listed)
    }
}

impl<'a> Clues<'a, '_> {
    /// The keys that the record is about.
    pub(super) fn keys(&self, listed: Listed<'a>) -> Read<Keys<'a>> {
        match self.operation.info().key_place {
            KeyPlace::None => Ok(Keys::default()),
            KeyPlace::SourceAndDestination => self.two_keys(listed),
            _ => self.one_key(listed),
        }
    }

    fn one_key(&self, listed: Listed<'a>) -> Read<Keys<'a>> {
        let requested_alias = self.requested_alias()?;
        let mut key = listed.first_entry.or(listed.second_entry);
        if key.is_none() {
            key = self.key_in_response()?;
        }
        if key.as_ref().is_none_or(|key| key.is_alias) {
            let weaker = [key, self.key_in_request()?, self.key_in_message(), listed.alias.clone()];
            key = best(weaker);
        }
        let alias = requested_alias.or(listed.alias.map(|alias| alias.id));
        Ok(Keys { key, destination: None, alias })
    }

    fn two_keys(&self, listed: Listed<'a>) -> Read<Keys<'a>> {
        let [requested_source, requested_destination] =
            [self.named(self.request.source)?, self.named(self.request.destination)?];
        let (mut source, mut destination) = (listed.first_entry, listed.second_entry);
        // A single entry is the source unless the request names it as the destination.
        if listed.entries == 1
            && let (Some(only), Some(requested)) = (&source, &requested_destination)
            && only.id == requested.id
            && requested_source.as_ref().is_none_or(|source| source.id != only.id)
        {
            destination = source.take();
        }
        // A denial names the one key that it is about, and the right that is missing on it.
        let mentioned = self.key_in_message();
        let about_destination = self.message.is_some_and(|message| message.contains("kms:ReEncryptTo"));
        let (from_message, to_message) =
            if about_destination { (None, mentioned) } else { (mentioned, None) };
        source = best([source, requested_source, from_message, None]);
        destination = best([destination, requested_destination, to_message, None]);
        let alias = string(self.request.source)?.and_then(alias_name);
        Ok(Keys { key: source, destination, alias })
    }

    fn requested_alias(&self) -> Read<Option<Text<'a>>> {
        if let Some(name) = string(self.request.alias)?.and_then(alias_name) {
            return Ok(Some(name));
        }
        Ok(string(self.request.key)?.and_then(alias_name))
    }

    fn key_in_response(&self) -> Read<Option<Key<'a>>> {
        if self.response.kind() != Kind::Object {
            return Ok(None);
        }
        let [metadata, key_id] = fields(self.response, ["keyMetadata", "keyId"])?;
        let [metadata_arn] = fields(metadata, ["arn"])?;
        match self.named(metadata_arn)? {
            Some(key) => Ok(Some(key)),
            None => self.named(key_id),
        }
    }

    fn key_in_request(&self) -> Read<Option<Key<'a>>> {
        let [in_details] = fields(self.details, ["keyId"])?;
        for value in
            [self.request.key, self.request.target, self.request.destination, self.request.source, in_details]
        {
            if let Some(key) = self.named(value)? {
                return Ok(Some(key));
            }
        }
        // DeleteAlias names nothing else; the replica's ARN tells at least the id of its primary key.
        if let Some(key) = self.named(self.request.alias)? {
            return Ok(Some(key));
        }
        let [replica] = fields(self.response, ["replicaKeyMetadata"])?;
        let [replica_arn] = fields(replica, ["arn"])?;
        self.named(replica_arn)
    }

    fn key_in_message(&self) -> Option<Key<'a>> {
        cut(self.message?, arn_in).and_then(Key::from_arn)
    }

    /// The key that a text names in any form.
    fn named(&self, name: Value<'a>) -> Read<Option<Key<'a>>> {
        let Some(name) = string(name)? else { return Ok(None) };
        if name.len() > LONGEST_KEY_ID {
            return Ok(None);
        }
        if name.starts_with("arn:") {
            return Ok(Some(match Key::from_arn(name.clone()) {
                Some(key) => key,
                None => Key::plain(name),
            }));
        }
        let plausible = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'));
        if !plausible || self.account.is_empty() || self.region.is_empty() {
            return Ok(Some(Key::plain(name)));
        }
        let partition = Arn::parse(self.principal)
            .map_or_else(|| partition_of_region(self.region), |caller| caller.partition);
        let kind = if name.starts_with("alias/") { "" } else { "key/" };
        let arn = format!("arn:{partition}:kms:{}:{}:{kind}{name}", self.region, self.account);
        Ok(Some(Key {
            arn: Text::Owned(arn),
            account: Some(Text::Owned(self.account.to_owned())),
            region: Some(Text::Owned(self.region.to_owned())),
            is_alias: kind.is_empty(),
            id: name,
        }))
    }
}

/// The first that is a key, else the first that is an alias.
fn best<const N: usize>(candidates: [Option<Key<'_>>; N]) -> Option<Key<'_>> {
    let mut alias = None;
    for candidate in candidates.into_iter().flatten() {
        if !candidate.is_alias {
            return Some(candidate);
        }
        alias.get_or_insert(candidate);
    }
    alias
}

/// `alias/...` of an alias name or an alias ARN.
fn alias_name(text: Text<'_>) -> Option<Text<'_>> {
    if text.starts_with("alias/") {
        return (text.len() <= LONGEST_KEY_ID).then_some(text);
    }
    Key::from_arn(text).filter(|key| key.is_alias).map(|key| key.id)
}

/// The first ARN of a KMS key or alias in free text. Only the exact form counts: a message also quotes what
/// callers chose, though neither role nor session names can hold a colon.
fn arn_in(message: &str) -> Option<&str> {
    let part_of_arn = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'/' | b'_' | b'-');
    let mut rest = message;
    while let Some(start) = memchr::memmem::find(rest.as_bytes(), b"arn:") {
        let from = rest.get(start..)?;
        let length = from.bytes().take_while(|b| part_of_arn(*b)).count();
        let candidate = from.get(..length)?;
        let exact = kms_arn(candidate)
            .is_some_and(|arn| arn.account.len() == 12 && arn.account.bytes().all(|b| b.is_ascii_digit()));
        if exact {
            return Some(candidate);
        }
        rest = from.get(4..)?;
    }
    None
}

#[cfg(test)]
mod tests;
