//! Who a policy or a grant names, and the kinds of caller for which a policy is evaluated.

use super::odds::Odds;
use crate::estate::is_account_id;

/// A principal as a policy or a grant writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `*`: everybody, of any account.
    Anyone,
    /// A whole account: its id or the ARN of its root.
    Account(String),
    /// A role, user or session, with its account.
    Member {
        /// The account in the ARN.
        account: String,
        /// The ARN; of a session of a role the ARN of the role, without its path.
        arn: String,
    },
    /// A unique id (`AIDA...`, `AROA...`): KMS writes it for a principal that no longer exists, or that it does
    /// not resolve. The account is not known.
    UniqueId(String),
    /// An AWS service, such as `logs.eu-west-1.amazonaws.com`.
    Service(String),
    /// Anything else: federated and canonical users, and text that is no principal.
    Other(String),
}

impl Name {
    /// Reads a principal, as it stands under `"AWS"` or `"Service"` in a policy, or in a grant.
    pub fn parse(text: &str) -> Name {
        let text = text.trim();
        if text == "*" {
            return Name::Anyone;
        }
        if is_account_id(text) {
            return Name::Account(text.to_owned());
        }
        if let Some(arn) = Arn::parse(text) {
            return arn.name(text);
        }
        let lower = text.to_ascii_lowercase();
        if lower.ends_with(".amazonaws.com")
            || lower.ends_with(".amazonaws.com.cn")
            || lower.ends_with(".aws.internal")
        {
            return Name::Service(lower);
        }
        // The data path of EBS: `111122223333:aws:ec2-infrastructure:i-0abc...`.
        if let Some((account, _)) = text.split_once(':')
            && is_account_id(account)
        {
            return Name::Member { account: account.to_owned(), arn: text.to_owned() };
        }
        if is_unique_id(text) { Name::UniqueId(text.to_owned()) } else { Name::Other(text.to_owned()) }
    }

    /// The account, where the name tells it.
    pub fn account(&self) -> Option<&str> {
        match self {
            Name::Account(account) | Name::Member { account, .. } => Some(account),
            _ => None,
        }
    }

    /// The principal as it was written, for a reader.
    pub fn text(&self) -> &str {
        match self {
            Name::Anyone => "*",
            Name::Account(text)
            | Name::Member { arn: text, .. }
            | Name::UniqueId(text)
            | Name::Service(text)
            | Name::Other(text) => text,
        }
    }

    /// Whether only AWS itself can act under this name: a service, a service-linked role, or the infrastructure
    /// of EC2.
    pub fn is_aws_itself(&self) -> bool {
        match self {
            Name::Service(_) => true,
            Name::Member { arn, .. } => {
                arn.contains(":role/aws-service-role/")
                    || arn.contains(":aws:ec2-infrastructure")
                    || arn.contains("/aws:ec2-infrastructure")
            }
            _ => false,
        }
    }
}

/// Whether `text` has the form of a unique id of IAM: `AIDA`, `AROA` and the like, then capitals and digits.
pub(crate) fn is_unique_id(text: &str) -> bool {
    text.len() >= 16
        && ["AIDA", "AROA", "AGPA", "ASIA", "AKIA"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// The parts of an ARN that say who it is.
struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut parts = text.splitn(6, ':');
        let scheme = parts.next()?;
        let partition = parts.next()?;
        let service = parts.next()?;
        let _region = parts.next()?;
        let account = parts.next()?;
        let resource = parts.next()?;
        (scheme == "arn").then_some(Arn { partition, service, account, resource })
    }

    fn name(&self, text: &str) -> Name {
        if !is_account_id(self.account) {
            return Name::Other(text.to_owned());
        }
        let account = self.account.to_owned();
        if self.resource == "root" {
            return Name::Account(account);
        }
        // `assumed-role/NAME/SESSION`: the role is what lasts.
        let session = self.resource.strip_prefix("assumed-role/").filter(|_| self.service == "sts");
        let arn = match session.and_then(|role| role.split('/').next()) {
            Some(role) => format!("arn:{}:iam::{account}:role/{role}", self.partition),
            None => text.to_owned(),
        };
        Name::Member { account, arn }
    }
}

/// The principals of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principals {
    /// `Principal`: these.
    Only(Vec<Name>),
    /// `NotPrincipal`: everybody but these.
    Except(Vec<Name>),
}

/// A kind of caller: some principal, chosen by whoever controls it, of which only this is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A principal of an account and an organisation that the policy does not name.
    Stranger,
    /// A principal of an unnamed account of this organisation.
    Organization(String),
    /// A principal of this account that the policy does not name.
    Account(String),
    /// One principal, by account and ARN.
    Member {
        /// Its account.
        account: String,
        /// Its ARN.
        arn: String,
    },
    /// One principal, of which only the unique id is known.
    UniqueId(String),
    /// An AWS service acting for a resource of this account.
    ServiceFor(String),
    /// A principal of the key's account that the policy does not name.
    Owner,
    /// One principal of the key's account.
    OwnerMember(String),
}

impl Subject {
    /// Whether a statement with these principals covers the subject.
    pub(crate) fn covered_by(&self, principals: &Principals, owner: &str) -> Odds {
        match principals {
            Principals::Only(names) => Odds::from(names.iter().any(|name| self.is(name, owner))),
            Principals::Except(names) => Odds::from(!names.iter().any(|name| self.is(name, owner))),
        }
    }

    /// Whether `name` covers the subject. A name of a whole account covers its members: in an Allow statement
    /// the account may pass its rights on to them, in a Deny statement all are denied.
    fn is(&self, name: &Name, owner: &str) -> bool {
        match (self, name) {
            (_, Name::Anyone) => true,
            (Subject::ServiceFor(_), Name::Service(_)) => true,
            (Subject::Account(mine) | Subject::Member { account: mine, .. }, Name::Account(account)) => {
                mine == account
            }
            (Subject::Owner | Subject::OwnerMember(_), Name::Account(account)) => account == owner,
            (Subject::Member { arn: mine, .. } | Subject::OwnerMember(mine), Name::Member { arn, .. }) => {
                same_principal(mine, arn)
            }
            (Subject::UniqueId(mine), Name::UniqueId(id) | Name::Other(id)) => mine == id,
            _ => false,
        }
    }

    /// The account of the subject, if it is known.
    pub(crate) fn account<'a>(&'a self, owner: &'a str) -> Option<&'a str> {
        match self {
            Subject::Account(account) | Subject::Member { account, .. } => Some(account),
            Subject::Owner | Subject::OwnerMember(_) => Some(owner),
            Subject::Stranger | Subject::Organization(_) | Subject::UniqueId(_) | Subject::ServiceFor(_) => {
                None
            }
        }
    }
}

/// Whether two ARNs name one principal. Role names are unique in an account and ARNs of sessions leave the path
/// out, so of roles only account and name count.
pub fn same_principal(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let role = |text| {
        let arn = Arn::parse(text)?;
        let path =
            arn.resource.strip_prefix("role/").or_else(|| arn.resource.strip_prefix("assumed-role/"))?;
        let name = if arn.service == "sts" { path.split('/').next() } else { path.rsplit('/').next() };
        Some((arn.account, name?))
    };
    role(a).is_some_and(|first| role(b) == Some(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(account: &str, arn: &str) -> Name {
        Name::Member { account: account.into(), arn: arn.into() }
    }

    #[test]
    fn every_form_of_a_principal_is_read() {
        let account = Name::Account("444455556666".into());
        assert_eq!(Name::parse("*"), Name::Anyone);
        assert_eq!(Name::parse("444455556666"), account);
        assert_eq!(Name::parse("arn:aws-cn:iam::444455556666:root"), account);
        let role = "arn:aws:iam::444455556666:role/apps/reader";
        assert_eq!(Name::parse(role), member("444455556666", role));
        assert_eq!(
            Name::parse("arn:aws:sts::444455556666:assumed-role/reader/session"),
            member("444455556666", "arn:aws:iam::444455556666:role/reader")
        );
        assert_eq!(Name::parse("AROAEXAMPLEROLEID0001"), Name::UniqueId("AROAEXAMPLEROLEID0001".into()));
        assert_eq!(
            Name::parse("Logs.eu-west-1.amazonaws.com"),
            Name::Service("logs.eu-west-1.amazonaws.com".into())
        );
        assert_eq!(Name::parse("x.aws.internal"), Name::Service("x.aws.internal".into()));
        for other in [
            "EXAMPLEPRINCIPALID0001",
            "AROAexampleroleid0001",
            "AROA0001",
            "",
            "alice",
            "arn:aws:iam::*:root",
            "arn:aws:iam",
            "44445555666",
            "EX_PRINCIPAL_ID",
        ] {
            assert_eq!(Name::parse(other), Name::Other(other.into()), "{other}");
        }
    }

    #[test]
    fn names_that_only_aws_can_act_under_are_known() {
        for name in [
            "rds.amazonaws.com",
            "111122223333:aws:ec2-infrastructure:i-0abc1234def567890",
            "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc1234def567890",
            "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        ] {
            assert!(Name::parse(name).is_aws_itself(), "{name}");
        }
        for name in
            ["arn:aws:iam::111122223333:role/rds.amazonaws.com", "111122223333", "*", "AIDAEXAMPLEUSERID0001"]
        {
            assert!(!Name::parse(name).is_aws_itself(), "{name}");
        }
    }

    #[test]
    fn a_role_is_the_same_with_and_without_its_path() {
        let role = "arn:aws:iam::111122223333:role/apps/reader";
        assert!(same_principal(role, "arn:aws:iam::111122223333:role/reader"));
        assert!(same_principal(role, "arn:aws:sts::111122223333:assumed-role/reader/session"));
        assert!(!same_principal(role, "arn:aws:iam::444455556666:role/reader"));
        assert!(!same_principal(role, "arn:aws:iam::111122223333:user/reader"));
        assert!(!same_principal("arn:aws:iam::111122223333:user/a/x", "arn:aws:iam::111122223333:user/b/x"));
    }
}
