//! Who called: a stable principal, never a session (reference: CloudTrail `userIdentity` element).

use crate::json::Text;

/// Kind of principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// The root user of an account, also an AssumeRoot session.
    Root,
    /// An IAM user.
    User,
    /// An IAM role.
    Role,
    /// A role of an AWS service in the account (`aws-service-role`), or a pseudo-role such as
    /// `aws:ec2-infrastructure`.
    ServiceLinkedRole,
    /// A role of an IAM Identity Center permission set; its sessions are people.
    PermissionSet,
    /// A user of GetFederationToken.
    FederatedUser,
    /// An AWS service, calling for itself.
    AwsService,
    /// A caller of another account, known only by account and unique id.
    ForeignAccount,
    /// A user of IAM Identity Center.
    IdentityCenterUser,
    /// Anything else.
    Unknown,
}

impl PrincipalKind {
    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            PrincipalKind::Root => "root",
            PrincipalKind::User => "user",
            PrincipalKind::Role => "role",
            PrincipalKind::ServiceLinkedRole => "service_linked_role",
            PrincipalKind::PermissionSet => "permission_set",
            PrincipalKind::FederatedUser => "federated_user",
            PrincipalKind::AwsService => "aws_service",
            PrincipalKind::ForeignAccount => "foreign_account",
            PrincipalKind::IdentityCenterUser => "identity_center_user",
            PrincipalKind::Unknown => "unknown",
        }
    }
}

/// The principal of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal<'a> {
    /// Stable id: the ARN of the role, user or root; `service:NAME`; `account:ID/UNIQUEID`;
    /// `identity-center:USERID`; `user:ACCOUNT/NAME` for a user without ARN; `unknown:TYPE:PRINCIPALID`.
    /// A role is `arn:PARTITION:iam::ACCOUNT:role/NAME` without its path, since STS ARNs drop the path and
    /// role names are unique in an account.
    pub id: Text<'a>,
    /// Kind.
    pub kind: PrincipalKind,
    /// Account of the principal.
    pub account: Option<Text<'a>>,
    /// Name of the role session.
    pub session: Option<Text<'a>>,
    /// Unique id (`AROA...`, `AIDA...`): another one under the same name is another generation.
    pub generation: Option<Text<'a>>,
    /// Access key id. Under `via_service` it is made for the forwarded call and tells nothing.
    pub access_key: Option<Text<'a>>,
    /// Service through which the call was made, without `.amazonaws.com`: `secretsmanager`, `s3`, or
    /// `aws-internal` where the record does not tell which. Also set where the principal is the service
    /// itself: `None` means a direct call by somebody.
    pub via_service: Option<Text<'a>>,
    /// `sourceIdentity` set at AssumeRole.
    pub source_identity: Option<Text<'a>>,
    /// The human behind it: Identity Center user id, or the session name of a permission set.
    pub person: Option<Text<'a>>,
    /// `mfaAuthenticated`.
    pub mfa: Option<bool>,
    /// `sessionCredentialFromConsole`, or called by the console (`invokedBy` of older records).
    pub console: bool,
    /// `ec2RoleDelivery`: version of the instance metadata service that delivered the credentials.
    pub imds: Option<Text<'a>>,
}

impl Principal<'_> {
    /// Whether a service made the call: for itself, on behalf of the principal, or as the data path of EC2.
    /// Address, endpoint and TLS are then the service's own.
    pub fn through_service(&self) -> bool {
        self.via_service.is_some() || self.kind == PrincipalKind::AwsService
    }
}
