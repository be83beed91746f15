//! Conditions: how hard it is for a kind of caller to have one hold, and to have it fail.
//!
//! Semantics are those of the IAM user guide, "IAM JSON policy elements: Condition": a missing key makes a
//! positive operator fail and a negated one hold, `IfExists` and `ForAllValues` hold without the key,
//! `ForAnyValue` fails without it; the values of one key are joined by "or" (of a negated operator by "and not").

use super::Question;
use super::action::glob;
use super::odds::Odds;
use super::subject::{Subject, is_unique_id, same_principal};
use crate::estate::is_account_id;

/// What an operator tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoringCase,
    Like,
    Arn,
    Bool,
    Null,
    Address,
    /// Dates and times.
    Date,
    /// Numbers, bytes, and operators that this version does not know.
    Other,
}

/// Over the values of a key that may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    One,
    All,
    Any,
}

/// One operator, one key and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    test: Test,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
    /// The key, in lower case.
    pub key: String,
    /// Its values.
    pub values: Vec<String>,
}

impl Condition {
    /// A condition with this operator, such as `ForAnyValue:StringNotLikeIfExists`. Case does not matter.
    pub fn new(operator: &str, key: &str, values: Vec<String>) -> Condition {
        let operator = operator.to_ascii_lowercase();
        let (quantifier, operator) = match operator.split_once(':') {
            Some(("forallvalues", rest)) => (Quantifier::All, rest),
            Some(("foranyvalue", rest)) => (Quantifier::Any, rest),
            _ => (Quantifier::One, operator.as_str()),
        };
        let (if_exists, operator) = match operator.strip_suffix("ifexists") {
            Some(rest) => (true, rest),
            None => (false, operator),
        };
        let (test, negated) = match operator {
            "stringequals" => (Test::Equals, false),
            "stringnotequals" => (Test::Equals, true),
            "stringequalsignorecase" => (Test::EqualsIgnoringCase, false),
            "stringnotequalsignorecase" => (Test::EqualsIgnoringCase, true),
            "stringlike" => (Test::Like, false),
            "stringnotlike" => (Test::Like, true),
            "arnequals" | "arnlike" => (Test::Arn, false),
            "arnnotequals" | "arnnotlike" => (Test::Arn, true),
            "bool" => (Test::Bool, false),
            "null" => (Test::Null, false),
            "ipaddress" => (Test::Address, false),
            "notipaddress" => (Test::Address, true),
            _ if operator.starts_with("date") => (Test::Date, false),
            _ => (Test::Other, false),
        };
        Condition { test, negated, if_exists, quantifier, key: key.to_ascii_lowercase(), values }
    }

    /// How hard it is for `subject` to have the condition hold, and to have it fail.
    pub fn odds(&self, subject: &Subject, question: &Question<'_>) -> Odds {
        let facet = Facet::of(&self.key);
        if matches!(self.test, Test::Date | Test::Other) {
            // Of a moment one must assume that it comes; it says nothing about who.
            let chosen = self.test == Test::Date || facet == Facet::Chosen;
            return if chosen { Odds::CHOSEN } else { Odds::UNKNOWN };
        }
        let presence = facet.presence(subject);
        if self.test == Test::Null {
            let absent = presence.negated();
            return match self.values.first().map(String::as_str) {
                Some(value) if value.eq_ignore_ascii_case("true") => absent,
                Some(value) if value.eq_ignore_ascii_case("false") => presence,
                _ => Odds::UNKNOWN,
            };
        }
        let mut present = self
            .values
            .iter()
            .map(|value| self.value_odds(facet, value, subject, question))
            .fold(Odds::NEVER, Odds::or);
        if self.negated {
            present = present.negated();
        }
        let without_key = if self.if_exists {
            true
        } else {
            match self.quantifier {
                Quantifier::All => true,
                Quantifier::Any => false,
                Quantifier::One => self.negated,
            }
        };
        let absent = Odds::from(without_key);
        match presence {
            Odds::ALWAYS => present,
            Odds::NEVER => absent,
            _ => present.either(absent),
        }
    }

    /// The test against one value, for a request that has the key.
    fn value_odds(&self, facet: Facet, value: &str, subject: &Subject, question: &Question<'_>) -> Odds {
        let value = match variable(value, question) {
            Ok(value) => value,
            Err(odds) => return odds,
        };
        let pattern = matches!(self.test, Test::Like | Test::Arn);
        let open = pattern && value.bytes().any(|b| b == b'*' || b == b'?');
        if pattern && value.bytes().all(|b| b == b'*') && !value.is_empty() {
            return Odds::ALWAYS;
        }
        let same = |actual: &str| {
            Odds::from(match self.test {
                Test::EqualsIgnoringCase | Test::Bool => value.eq_ignore_ascii_case(actual),
                Test::Like | Test::Arn => glob(value, actual),
                _ => value == actual,
            })
        };
        match facet {
            Facet::Account => match subject.account(question.owner) {
                Some(account) => same(account),
                None => stranger_account(value, open),
            },
            Facet::PrincipalArn => principal_arn(value, open, subject, question, same),
            Facet::Organization => {
                // An organisation path, `o-.../r-.../ou-.../`, is as good as its organisation.
                let organization = value.split('/').next().unwrap_or(value);
                organization_odds(organization, open, subject, question)
            }
            Facet::SourceAccount => match subject {
                Subject::ServiceFor(account) | Subject::Account(account) => same(account),
                _ => stranger_account(value, open),
            },
            Facet::SourceArn => source_arn(value, open, subject),
            Facet::SourceOrganization => {
                organization_odds(value.split('/').next().unwrap_or(value), open, subject, question)
            }
            Facet::IsService => {
                same(if matches!(subject, Subject::ServiceFor(_)) { "true" } else { "false" })
            }
            Facet::SecureTransport => same("true"),
            Facet::UserId => user_id(value, open, subject),
            Facet::ResourceAccount => same(question.owner),
            Facet::ResourceOrganization => Odds::ALWAYS,
            Facet::Network if self.test == Test::Address => network(value),
            Facet::Network if open => Odds::CHOSEN,
            Facet::Network => Odds::NARROW,
            Facet::Chosen => Odds::CHOSEN,
            Facet::Unknown => Odds::UNKNOWN,
        }
    }
}

/// What a condition key says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Facet {
    Account,
    PrincipalArn,
    Organization,
    SourceAccount,
    SourceArn,
    SourceOrganization,
    IsService,
    SecureTransport,
    UserId,
    ResourceAccount,
    ResourceOrganization,
    Network,
    /// The caller has it as it likes: it goes through a service of its own, tags its own role.
    Chosen,
    Unknown,
}

impl Facet {
    /// The facet of a condition key in lower case.
    fn of(key: &str) -> Facet {
        match key {
            "kms:calleraccount" | "aws:principalaccount" => Facet::Account,
            "aws:principalarn" => Facet::PrincipalArn,
            "aws:principalorgid" | "aws:principalorgpaths" => Facet::Organization,
            "aws:sourceaccount" | "aws:sourceowner" => Facet::SourceAccount,
            "aws:sourcearn" => Facet::SourceArn,
            "aws:sourceorgid" | "aws:sourceorgpaths" => Facet::SourceOrganization,
            "aws:principalisawsservice" => Facet::IsService,
            // KMS has no endpoint without TLS.
            "aws:securetransport" => Facet::SecureTransport,
            "aws:userid" => Facet::UserId,
            "aws:resourceaccount" => Facet::ResourceAccount,
            "aws:resourceorgid" | "aws:resourceorgpaths" => Facet::ResourceOrganization,
            "aws:sourceip" | "aws:vpcsourceip" | "aws:sourcevpc" | "aws:sourcevpce" | "aws:sourcevpcarn"
            | "aws:vpceaccount" | "aws:vpceorgid" | "aws:vpceorgpaths" => Facet::Network,
            "kms:viaservice"
            | "aws:viaawsservice"
            | "aws:calledvia"
            | "aws:calledviafirst"
            | "aws:calledvialast"
            | "aws:multifactorauthpresent"
            | "aws:multifactorauthage"
            | "aws:currenttime"
            | "aws:epochtime"
            | "aws:tokenissuetime"
            | "aws:useragent"
            | "aws:referer"
            | "aws:username"
            | "aws:principaltype"
            | "aws:requestedregion"
            | "aws:tagkeys"
            | "kms:grantisforawsresource"
            | "kms:grantconstrainttype"
            | "kms:grantoperations"
            | "kms:encryptioncontextkeys"
            | "kms:encryptionalgorithm"
            | "kms:signingalgorithm"
            | "kms:messagetype"
            | "kms:macalgorithm"
            | "kms:keyagreementalgorithm"
            | "kms:reencryptonsamekey"
            | "kms:requestalias"
            | "kms:datakeypairspec"
            | "kms:bypasspolicylockoutsafetycheck"
            | "kms:schedulekeydeletionpendingwindowindays" => Facet::Chosen,
            _ if ["kms:encryptioncontext:", "aws:principaltag/", "aws:requesttag/"]
                .iter()
                .any(|prefix| key.starts_with(prefix)) =>
            {
                Facet::Chosen
            }
            _ => Facet::Unknown,
        }
    }

    /// Whether a request of `subject` has the key.
    fn presence(self, subject: &Subject) -> Odds {
        let service = matches!(subject, Subject::ServiceFor(_));
        match self {
            Facet::Account | Facet::PrincipalArn | Facet::UserId => Odds::from(!service),
            Facet::Organization => match subject {
                Subject::ServiceFor(_) => Odds::NEVER,
                Subject::Organization(_) | Subject::Owner | Subject::OwnerMember(_) => Odds::ALWAYS,
                // An account need not be in an organisation.
                _ => Odds::CHOSEN,
            },
            Facet::SourceAccount | Facet::SourceArn if service => Odds::ALWAYS,
            // Only services send these keys; a kind of caller as wide as an account stands for its services too.
            Facet::SourceAccount | Facet::SourceArn | Facet::SourceOrganization => match subject {
                Subject::Owner | Subject::OwnerMember(_) | Subject::Member { .. } | Subject::UniqueId(_) => {
                    Odds::NEVER
                }
                _ => Odds::CHOSEN,
            },
            Facet::IsService
            | Facet::SecureTransport
            | Facet::ResourceAccount
            | Facet::ResourceOrganization => Odds::ALWAYS,
            Facet::Network | Facet::Chosen => Odds::CHOSEN,
            Facet::Unknown => Odds::UNKNOWN,
        }
    }
}

/// Puts in the policy variables whose value is known here; of any other nothing can be said.
fn variable<'a>(value: &'a str, question: &Question<'a>) -> Result<&'a str, Odds> {
    if !value.contains("${") {
        return Ok(value);
    }
    match value.to_ascii_lowercase().as_str() {
        "${aws:resourceaccount}" => Ok(question.owner),
        // Of caller and key the organisation is compared, and the key is ours.
        "${aws:resourceorgid}" | "${aws:principalorgid}" => Ok(OWN_ORGANIZATION),
        _ => Err(Odds::UNKNOWN),
    }
}

/// Stands for the organisation of the key's account, whatever its id.
const OWN_ORGANIZATION: &str = "${own}";

/// An account id, or a pattern of one, against an account that the policy does not name.
fn stranger_account(value: &str, open: bool) -> Odds {
    match (pinned_account(value), open) {
        (Some(_), _) | (None, false) => Odds::NEVER,
        (None, true) => Odds::CHOSEN,
    }
}

/// The account that a value holds fast: `111122223333`, `arn:aws:iam::111122223333:role/*`, `*:111122223333:*`.
pub(crate) fn pinned_account(value: &str) -> Option<&str> {
    value.split(':').map(|part| part.trim_matches('*')).find(|part| is_account_id(part))
}

fn organization_odds(organization: &str, open: bool, subject: &Subject, question: &Question<'_>) -> Odds {
    let literal = organization.trim_end_matches('*');
    if open && literal.len() < 12 && literal.len() < organization.len() {
        // Ids have 10 to 32 characters after `o-`: a pattern that leaves most of one open holds nobody fast.
        return if organization.trim_matches('*').is_empty() { Odds::ALWAYS } else { Odds::CHOSEN };
    }
    let own = literal == OWN_ORGANIZATION || question.organizations.iter().any(|own| own == literal);
    match subject {
        Subject::Organization(mine) => Odds::from(mine == literal),
        Subject::Stranger => Odds::NEVER,
        // Without a declared organisation, the one that the account writes into its policies is taken for its own.
        Subject::Owner | Subject::OwnerMember(_) => Odds::from(own || question.organizations.is_empty()),
        // A foreign account is one that is not of our organisation.
        _ if own => Odds::NEVER,
        _ => Odds::UNKNOWN,
    }
}

fn principal_arn(
    value: &str,
    open: bool,
    subject: &Subject,
    question: &Question<'_>,
    same: impl Fn(&str) -> Odds,
) -> Odds {
    match subject {
        Subject::Member { arn, .. } | Subject::OwnerMember(arn) => {
            same(arn).or(Odds::from(same_principal(value, arn)))
        }
        _ => match (pinned_account(value), subject.account(question.owner)) {
            (Some(pinned), Some(account)) if pinned == account && open => {
                // `arn:aws:iam::ACCOUNT:*` is everybody in it; `...:role/app-*` is whoever gets such a name.
                let all =
                    value.split_once(pinned).is_some_and(|(_, rest)| matches!(rest, "*" | ":*" | "*:*"));
                if all { Odds::ALWAYS } else { Odds::CHOSEN }
            }
            (None, _) if open => Odds::CHOSEN,
            // A literal ARN is another subject, evaluated for itself.
            _ => Odds::NEVER,
        },
    }
}

fn source_arn(value: &str, open: bool, subject: &Subject) -> Odds {
    let mine = match subject {
        Subject::ServiceFor(account) | Subject::Account(account) => Some(account.as_str()),
        _ => None,
    };
    match pinned_account(value) {
        Some(pinned) if Some(pinned) == mine => Odds::CHOSEN,
        Some(_) => Odds::NEVER,
        // ARNs of S3 buckets name no account: `arn:aws:s3:::bucket` may be anybody's, `arn:aws:s3:::*` is.
        None => {
            let resource = value.splitn(6, ':').nth(5).unwrap_or(value);
            if open && (resource.starts_with(['*', '?']) || !value.contains(':')) {
                Odds::CHOSEN
            } else {
                Odds::NARROW
            }
        }
    }
}

fn user_id(value: &str, open: bool, subject: &Subject) -> Odds {
    let id = value.split(':').next().unwrap_or(value);
    match subject {
        Subject::UniqueId(mine) => Odds::from(mine == id),
        _ if is_unique_id(id) => Odds::NEVER,
        _ if open && id.starts_with('*') => Odds::CHOSEN,
        _ => Odds::UNKNOWN,
    }
}

/// A range of addresses. One with fewer than eight fixed bits is no network of anybody's: `0.0.0.0/0`, or
/// `0.0.0.0/1` beside `128.0.0.0/1`.
fn network(range: &str) -> Odds {
    let bits = range.split_once('/').and_then(|(_, bits)| bits.parse::<u8>().ok());
    if bits.is_some_and(|bits| bits < 8) { Odds::CHOSEN } else { Odds::NARROW }
}

#[cfg(test)]
mod tests;
