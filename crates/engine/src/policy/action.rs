//! KMS actions as sets, and the patterns that name them.

/// What an action gives to whoever may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Reads metadata, or checks signatures: `DescribeKey`, `GetPublicKey`, `Verify`.
    Read,
    /// Encrypts, decrypts, makes data keys, signs.
    Use,
    /// Makes and ends grants: access that no policy shows.
    Grant,
    /// Changes or destroys the key: `PutKeyPolicy`, `ScheduleKeyDeletion`. KMS takes these only from principals
    /// of the account that owns the key, whatever the policy says (KMS developer guide, "Allowing users in other
    /// accounts to use a KMS key").
    Admin,
}

impl Class {
    /// All classes, the least first.
    pub const ALL: [Class; 4] = [Class::Read, Class::Use, Class::Grant, Class::Admin];

    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Use => "use",
            Class::Grant => "grant",
            Class::Admin => "admin",
        }
    }
}

/// The actions that a key policy can allow on its key (service authorization reference of KMS, 2026), without
/// those on custom key stores and those that take no key. Ascending by name; the position is the bit in
/// [`Actions`].
const TABLE: [(&str, Class); 47] = [
    ("CancelKeyDeletion", Class::Admin),
    ("CreateAlias", Class::Admin),
    ("CreateGrant", Class::Grant),
    ("Decapsulate", Class::Use),
    ("Decrypt", Class::Use),
    ("DeleteAlias", Class::Admin),
    ("DeleteImportedKeyMaterial", Class::Admin),
    ("DeriveSharedSecret", Class::Use),
    ("DescribeKey", Class::Read),
    ("DisableKey", Class::Admin),
    ("DisableKeyRotation", Class::Admin),
    ("EnableKey", Class::Admin),
    ("EnableKeyRotation", Class::Admin),
    ("Encapsulate", Class::Use),
    ("Encrypt", Class::Use),
    ("GenerateDataKey", Class::Use),
    ("GenerateDataKeyPair", Class::Use),
    ("GenerateDataKeyPairWithoutPlaintext", Class::Use),
    ("GenerateDataKeyWithoutPlaintext", Class::Use),
    ("GenerateMac", Class::Use),
    ("GetKeyLastUsage", Class::Read),
    ("GetKeyPolicy", Class::Read),
    ("GetKeyRotationStatus", Class::Read),
    ("GetParametersForImport", Class::Admin),
    ("GetPublicKey", Class::Read),
    ("ImportKeyMaterial", Class::Admin),
    ("ListGrants", Class::Read),
    ("ListKeyPolicies", Class::Read),
    ("ListKeyRotations", Class::Read),
    ("ListResourceTags", Class::Read),
    ("PutKeyPolicy", Class::Admin),
    ("ReEncryptFrom", Class::Use),
    ("ReEncryptTo", Class::Use),
    ("ReplicateKey", Class::Admin),
    ("RetireGrant", Class::Grant),
    ("RevokeGrant", Class::Grant),
    ("RotateKeyOnDemand", Class::Admin),
    ("ScheduleKeyDeletion", Class::Admin),
    ("Sign", Class::Use),
    ("SynchronizeMultiRegionKey", Class::Admin),
    ("TagResource", Class::Admin),
    ("UntagResource", Class::Admin),
    ("UpdateAlias", Class::Admin),
    ("UpdateKeyDescription", Class::Admin),
    ("UpdatePrimaryRegion", Class::Admin),
    ("Verify", Class::Read),
    ("VerifyMac", Class::Read),
];

/// A set of KMS actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actions(u64);

impl Actions {
    /// No action.
    pub const NONE: Actions = Actions(0);
    /// Every action on a key.
    pub const ALL: Actions = Actions((1 << TABLE.len()) - 1);

    /// The actions that `pattern` names: `*`, `kms:*`, `kms:Enc*`, in any case.
    pub fn matching(pattern: &str) -> Actions {
        let Some(pattern) = strip_service(pattern) else {
            return Actions::NONE;
        };
        let set = TABLE.iter().enumerate().filter(|(_, (name, _))| glob_ignoring_case(pattern, name));
        Actions(set.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// The action with this name, such as `PutKeyPolicy`; empty if there is none.
    pub fn named(name: &str) -> Actions {
        let at = TABLE.iter().position(|(known, _)| *known == name);
        Actions(at.map_or(0, |at| 1 << at))
    }

    /// The actions of one class.
    pub fn of_class(class: Class) -> Actions {
        let set = TABLE.iter().enumerate().filter(|(_, (_, of))| *of == class);
        Actions(set.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// The actions of either set.
    #[must_use]
    pub fn or(self, other: Actions) -> Actions {
        Actions(self.0 | other.0)
    }

    /// The actions of both sets.
    #[must_use]
    pub fn and(self, other: Actions) -> Actions {
        Actions(self.0 & other.0)
    }

    /// The actions of this set that are not in `other`.
    #[must_use]
    pub fn minus(self, other: Actions) -> Actions {
        Actions(self.0 & !other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether one of them is of this class.
    pub fn gives(self, class: Class) -> bool {
        !self.and(Actions::of_class(class)).is_empty()
    }

    /// Whether the action of this name, such as `CreateGrant`, is among them.
    pub fn gives_named(self, name: &str) -> bool {
        !self.and(Actions::named(name)).is_empty()
    }

    /// The classes that the actions are of, the least first.
    pub fn classes(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.gives(*class))
    }

    /// The names of the actions, without `kms:`, in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        TABLE.iter().enumerate().filter(move |(at, _)| self.0 & (1 << at) != 0).map(|(_, (name, _))| *name)
    }
}

/// What follows `kms:`. The service too may be a pattern: `k*:Decrypt` is legal, if odd.
fn strip_service(pattern: &str) -> Option<&str> {
    match pattern.split_once(':') {
        Some((service, action)) => glob_ignoring_case(service, "kms").then_some(action),
        // Without a colon only a run of stars can reach beyond it.
        None => (!pattern.is_empty() && pattern.bytes().all(|b| b == b'*')).then_some("*"),
    }
}

/// Whether `text` is matched by `pattern`, in which `*` stands for any run of characters and `?` for any one.
///
/// Takes at most `pattern × text` steps: after a mismatch only the last star is tried further on.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    glob_by(pattern.as_bytes(), text.as_bytes(), |a, b| a == b)
}

/// The same, in any case.
pub(crate) fn glob_ignoring_case(pattern: &str, text: &str) -> bool {
    glob_by(pattern.as_bytes(), text.as_bytes(), |a, b| a.eq_ignore_ascii_case(&b))
}

fn glob_by(pattern: &[u8], text: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(&a), Some(&b)) if a == b'?' || same(a, b) => {
                p += 1;
                t += 1;
            }
            (None, None) => return true,
            // The last star takes one character more, if there is one.
            _ => match star {
                Some((star_p, star_t)) if star_t < text.len() => {
                    star = Some((star_p, star_t + 1));
                    p = star_p + 1;
                    t = star_t + 1;
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(pattern: &str) -> Vec<&'static str> {
        Actions::matching(pattern).names().collect()
    }

    #[test]
    fn patterns_name_actions_in_any_case() {
        assert_eq!(names("kms:Decrypt"), ["Decrypt"]);
        assert_eq!(names("KMS:decrypt"), ["Decrypt"]);
        assert_eq!(names("kms:Enc*"), ["Encapsulate", "Encrypt"]);
        assert_eq!(names("kms:ReEncrypt*"), ["ReEncryptFrom", "ReEncryptTo"]);
        assert_eq!(
            names("kms:*Key"),
            [
                "DescribeKey",
                "DisableKey",
                "EnableKey",
                "GenerateDataKey",
                "GetPublicKey",
                "ReplicateKey",
                "SynchronizeMultiRegionKey"
            ]
        );
        assert_eq!(names("kms:?ign"), ["Sign"]);
        for all in ["*", "kms:*", "KMS:*", "**", "k*:*", "*:*"] {
            assert_eq!(Actions::matching(all), Actions::ALL, "{all}");
        }
        for none in
            ["", "s3:*", "kms", "kms:", "Decrypt", "kms:Decrypts", "kms:ecrypt", "kms", "km", "kmss:*"]
        {
            assert_eq!(Actions::matching(none), Actions::NONE, "{none}");
        }
    }

    #[test]
    fn each_action_has_a_class_and_its_own_bit() {
        let sum: u32 = Class::ALL.into_iter().map(|class| Actions::of_class(class).0.count_ones()).sum();
        assert_eq!(sum as usize, TABLE.len());
        assert_eq!(Actions::ALL.names().count(), TABLE.len());
        assert_eq!(Actions::named("PutKeyPolicy").names().collect::<Vec<_>>(), ["PutKeyPolicy"]);
        assert!(Actions::named("putkeypolicy").is_empty());
        assert_eq!(Actions::matching("kms:*Grant").classes().collect::<Vec<_>>(), [Class::Grant]);
    }

    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) if naive(rest, text) => true,
            (Some((b'*', _)), Some((_, tail))) => naive(pattern, tail),
            (Some((b'?', rest)), Some((_, tail))) => naive(rest, tail),
            (Some((a, rest)), Some((b, tail))) => a == b && naive(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_glob_matches_what_a_naive_one_matches(pattern in "[ab*?]{0,7}", text in "[ab]{0,8}") {
            prop_assert_eq!(glob(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
