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
use super::fields::{Read, bounded, cut, fields, first_string, string};
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

    fn into_owned(self) -> Key<'static> {
        let owned = |text: Text<'_>| Text::Owned(text.into_owned());
        Key {
            arn: owned(self.arn),
            account: self.account.map(owned),
            region: self.region.map(owned),
            id: owned(self.id),
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

/// Everything in a record that can name a key.
#[derive(Debug)]
pub(super) struct Clues<'a, 'r> {
    pub(super) operation: Operation,
    pub(super) resources: Value<'a>,
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
#[derive(Default)]
struct Listed<'a> {
    entries: usize,
    first_entry: Option<Key<'a>>,
    second_entry: Option<Key<'a>>,
    alias: Option<Key<'a>>,
}

impl<'a> Listed<'a> {
    fn read(resources: Value<'a>) -> Read<Listed<'a>> {
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
    pub(super) fn keys(&self) -> Read<Keys<'a>> {
        match self.operation.info().key_place {
            KeyPlace::None => Ok(Keys::default()),
            KeyPlace::SourceAndDestination => self.two_keys(),
            _ => self.one_key(),
        }
    }

    fn one_key(&self) -> Read<Keys<'a>> {
        let listed = Listed::read(self.resources)?;
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

    fn two_keys(&self) -> Read<Keys<'a>> {
        let listed = Listed::read(self.resources)?;
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
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, KEY, OTHER_KEY, RecordBuilder};
    use serde_json::json;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
    const ALIAS_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:alias/payments";

    /// ARN of the key, ARN of the destination key, alias.
    fn keys(record: &RecordBuilder) -> (Option<String>, Option<String>, Option<String>) {
        record.event(|event| {
            let arn = |key: &Option<Key<'_>>| key.as_ref().map(|key| key.arn.to_string());
            (
                arn(&event.key),
                arn(&event.destination_key),
                event.alias.as_ref().map(|alias| alias.to_string()),
            )
        })
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_symmetric_decrypt_names_its_key_in_resources_only() {
        let record = testing::kms("Decrypt");
        assert_eq!(keys(&record), (some(KEY), None, None));
        record.event(|event| {
            let key = event.key.as_ref().unwrap();
            assert_eq!((key.account.as_deref(), key.region.as_deref()), (Some(ACCOUNT), Some("eu-west-1")));
            assert_eq!((key.id.as_ref(), key.is_alias, key.is_multi_region()), (ID, false, false));
        });
    }

    #[test]
    fn a_key_is_the_same_under_all_of_its_names() {
        for name in [ID, KEY, "alias/payments", ALIAS_ARN] {
            let record = testing::kms("Encrypt").set("requestParameters.keyId", name);
            assert_eq!(keys(&record).0, some(KEY), "{name}");
        }
        for name in [ID, KEY] {
            let record = testing::kms("Encrypt").set("requestParameters.keyId", name).remove("resources");
            assert_eq!(keys(&record).0, some(KEY), "{name} without resources");
        }
        for name in ["alias/payments", ALIAS_ARN] {
            let record = testing::kms("Encrypt").set("requestParameters.keyId", name).remove("resources");
            assert_eq!(
                keys(&record),
                (some(ALIAS_ARN), None, some("alias/payments")),
                "{name} without resources"
            );
            record.event(|event| {
                let key = event.key.as_ref().unwrap();
                assert!(key.is_alias);
                assert_eq!(key.name().aliases, ["alias/payments"]);
            });
        }
    }

    #[test]
    fn resources_may_be_missing_null_or_empty() {
        let record = testing::kms("DescribeKey");
        for resources in
            [json!(null), json!([]), json!({}), json!(""), json!([null]), json!([{}]), json!("x")]
        {
            assert_eq!(keys(&record.clone().set("resources", resources.clone())).0, some(KEY), "{resources}");
        }
        assert_eq!(keys(&testing::kms("Decrypt").remove("resources")), (None, None, None));
    }

    #[test]
    fn entries_of_resources_are_read_without_type_in_lower_case_and_with_words_for_accounts() {
        for entry in [
            json!({"ARN": KEY}),
            json!({"arn": KEY, "accountId": ACCOUNT}),
            json!({"ARN": KEY, "accountId": "AWS Internal", "type": "AWS::KMS::Key"}),
            json!(KEY),
        ] {
            let record = testing::kms("Decrypt").set("resources", json!([entry.clone()]));
            assert_eq!(keys(&record).0, some(KEY), "{entry}");
            record.event(|event| assert_eq!(event.key.as_ref().unwrap().account.as_deref(), Some(ACCOUNT)));
        }
    }

    #[test]
    fn alias_events_are_told_by_the_form_of_the_arn_in_both_orders() {
        for name in ["CreateAlias", "UpdateAlias", "DeleteAlias"] {
            for order in [[KEY, ALIAS_ARN], [ALIAS_ARN, KEY]] {
                let record = testing::kms(name).resource(0, order[0]).resource(1, order[1]);
                assert_eq!(keys(&record), (some(KEY), None, some("alias/payments")), "{name} {order:?}");
            }
        }
        let bare = testing::kms("DeleteAlias").remove("resources");
        assert_eq!(keys(&bare), (some(ALIAS_ARN), None, some("alias/payments")));
        let target = testing::kms("UpdateAlias").remove("resources").remove("responseElements");
        assert_eq!(keys(&target), (some(KEY), None, some("alias/payments")));
    }

    #[test]
    fn re_encrypt_has_a_source_and_a_destination() {
        let both = testing::kms("ReEncrypt");
        assert_eq!(keys(&both), (some(KEY), some(OTHER_KEY), None));
        let named = both.clone().set("requestParameters.sourceKeyId", "alias/payments");
        assert_eq!(keys(&named), (some(KEY), some(OTHER_KEY), some("alias/payments")));
        let none = named.remove("resources");
        assert_eq!(keys(&none), (some(ALIAS_ARN), some(OTHER_KEY), some("alias/payments")));
        let without_source = both.remove("resources");
        assert_eq!(keys(&without_source), (None, some(OTHER_KEY), None));
    }

    #[test]
    fn a_single_key_of_re_encrypt_is_the_destination_if_the_request_says_so() {
        let one = testing::kms("ReEncrypt").set("resources", json!([{"ARN": OTHER_KEY}]));
        assert_eq!(keys(&one), (None, some(OTHER_KEY), None));
        let source = testing::kms("ReEncrypt").set("resources", json!([{"ARN": KEY}]));
        assert_eq!(keys(&source), (some(KEY), some(OTHER_KEY), None));
        let same = testing::kms("ReEncrypt").set("requestParameters.destinationKeyId", KEY).resource(1, KEY);
        assert_eq!(keys(&same), (some(KEY), some(KEY), None));
    }

    #[test]
    fn a_refused_re_encrypt_tells_which_of_its_keys_it_was_about() {
        let message = |right: &str| {
            format!(
                "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: {right} on resource: {KEY} because no identity-based policy allows the {right} action"
            )
        };
        let bare = testing::kms("ReEncrypt").remove("resources").remove("requestParameters");
        let from = bare.clone().failed("AccessDenied", &message("kms:ReEncryptFrom"));
        assert_eq!(keys(&from), (some(KEY), None, None));
        let to = bare.failed("AccessDenied", &message("kms:ReEncryptTo"));
        assert_eq!(keys(&to), (None, some(KEY), None));
    }

    #[test]
    fn a_denial_names_the_key_in_its_message() {
        let denied = testing::kms("Decrypt").denied().remove("resources").remove("requestParameters");
        assert_eq!(keys(&denied), (some(KEY), None, None));
        for message in [
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
            "on resource: arn:aws:kms:eu-west-1:1111:key/x because",
            "arn:aws:s3:::bucket arn: arn:aws:kms",
            "",
        ] {
            let record = testing::kms("Decrypt").failed("AccessDenied", message).remove("resources");
            assert_eq!(keys(&record).0, None, "{message}");
        }
        let state = testing::kms("Decrypt")
            .remove("resources")
            .failed("DisabledException", &format!("{KEY} is disabled."));
        assert_eq!(keys(&state).0, some(KEY));
    }

    #[test]
    fn a_denial_on_an_alias_that_names_the_key_is_about_the_key() {
        let record = testing::kms("Encrypt").set("requestParameters.keyId", "alias/payments").denied();
        let without = record.remove("resources");
        assert_eq!(keys(&without), (some(KEY), None, some("alias/payments")));
    }

    #[test]
    fn a_new_key_stands_in_the_response() {
        let record = testing::kms("CreateKey").remove("resources");
        assert_eq!(keys(&record).0, some(KEY));
        let bare = testing::kms("RotateKeyOnDemand")
            .remove("resources")
            .remove("requestParameters")
            .set("responseElements.keyId", ID);
        assert_eq!(keys(&bare).0, some(KEY));
    }

    #[test]
    fn a_service_event_may_name_its_key_in_its_details_only() {
        let record = testing::kms("RotateKey").remove("resources").set("serviceEventDetails.keyId", ID);
        assert_eq!(keys(&record).0, some(KEY));
    }

    #[test]
    fn some_operations_have_no_key() {
        for name in [
            "ListKeys",
            "GenerateRandom",
            "CreateCustomKeyStore",
            "DisconnectCustomKeyStore",
            "DescribeCustomKeyStores",
        ] {
            for resources in [json!(null), json!([])] {
                assert_eq!(
                    keys(&testing::kms(name).set("resources", resources)),
                    (None, None, None),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_bare_name_means_the_callers_account_and_region() {
        let record = testing::kms("DescribeKey")
            .by_user("444455556666", "bob")
            .set("requestParameters.keyId", ID)
            .remove("resources");
        assert_eq!(keys(&record).0, some(&format!("arn:aws:kms:eu-west-1:444455556666:key/{ID}")));
    }

    #[test]
    fn a_key_of_another_account_and_region_keeps_both() {
        let foreign = "arn:aws:kms:us-east-1:444455556666:key/0a";
        testing::kms("Encrypt").key(foreign).event(|event| {
            let key = event.key.as_ref().unwrap();
            assert_eq!(
                (key.account.as_deref(), key.region.as_deref()),
                (Some("444455556666"), Some("us-east-1"))
            );
            assert_eq!((event.account.as_ref(), event.region.as_ref()), (ACCOUNT, "eu-west-1"));
        });
    }

    #[test]
    fn a_multi_region_key_is_a_key_per_region_with_one_id() {
        let id = "mrk-1234abcd12ab34cd56ef1234567890ab";
        for region in ["eu-west-1", "us-gov-east-1"] {
            let arn = format!("arn:aws:kms:{region}:111122223333:key/{id}");
            testing::kms("Decrypt").key(&arn).event(|event| {
                let key = event.key.as_ref().unwrap();
                assert!(key.is_multi_region());
                assert_eq!((key.id.as_ref(), key.region.as_deref()), (id, Some(region)));
            });
        }
    }

    #[test]
    fn the_partition_comes_from_the_caller_else_from_the_region() {
        for (arn, region, partition) in [
            ("arn:aws-us-gov:iam::111122223333:user/u", "us-gov-west-1", "aws-us-gov"),
            ("arn:aws:iam::111122223333:user/u", "eu-west-1", "aws"),
            ("", "cn-north-1", "aws-cn"),
        ] {
            let record = testing::kms("DescribeKey")
                .by_user(ACCOUNT, "u")
                .set("userIdentity.arn", arn)
                .set("awsRegion", region)
                .set("requestParameters.keyId", ID)
                .remove("resources");
            assert_eq!(keys(&record).0, some(&format!("arn:{partition}:kms:{region}:111122223333:key/{ID}")));
        }
    }

    #[test]
    fn malformed_names_do_not_become_arns() {
        let request =
            |name: &str| testing::kms("DescribeKey").remove("resources").set("requestParameters.keyId", name);
        assert_eq!(keys(&request("arn:aws:kms:eu-west-1")).0, some("arn:aws:kms:eu-west-1"));
        assert_eq!(keys(&request("two words: $x")).0, some("two words: $x"));
        assert_eq!(keys(&request(&"x".repeat(3_000))).0, None);
        request("two words").event(|event| assert_eq!(event.key.as_ref().unwrap().account, None));
        // Redacted account ids of 9 or 13 digits still name one key.
        for account in ["111122223", "1111222233334"] {
            let arn = format!("arn:aws:kms:eu-west-1:{account}:key/{ID}");
            assert_eq!(keys(&testing::kms("Decrypt").resource(0, &arn)).0, some(&arn));
        }
        let nothing = testing::kms("Decrypt")
            .set("resources", json!([{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/"}]));
        assert_eq!(keys(&nothing).0, None);
    }

    #[test]
    fn a_bare_name_without_any_account_stays_a_name() {
        let record = testing::kms("DescribeKey")
            .set("userIdentity", json!({"type": "Unknown"}))
            .remove("recipientAccountId")
            .remove("resources")
            .set("requestParameters.keyId", "alias/payments");
        record.event(|event| {
            let key = event.key.as_ref().unwrap();
            assert_eq!(
                (key.arn.as_ref(), key.account.as_deref(), key.is_alias),
                ("alias/payments", None, true)
            );
            assert_eq!(event.account, "");
        });
    }
}
