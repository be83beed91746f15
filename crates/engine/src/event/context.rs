//! The encryption context and the resource behind it.

use crate::json::{Text, Value};

/// The encryption context of a call: names are shown, values never.
#[derive(Clone, Copy, Debug)]
pub struct EncryptionContext<'a> {
    /// `encryptionContext` as written; null if there is none.
    pub raw: Value<'a>,
}

/// Kind of resource that an encryption context names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// A secret of Secrets Manager.
    Secret,
    /// A SecureString of SSM Parameter Store.
    Parameter,
    /// An S3 bucket (with S3 Bucket Keys).
    Bucket,
    /// An S3 object.
    Object,
    /// An EBS volume or snapshot.
    Volume,
    /// A Lambda function.
    Function,
    /// A DynamoDB table.
    Table,
    /// A trail of CloudTrail.
    Trail,
    /// An RDS database.
    Database,
    /// Another resource of an AWS service.
    Other,
}

/// The resource behind an encryption context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource<'a> {
    /// What it is.
    pub kind: ResourceKind,
    /// Its ARN, id or name.
    pub id: Text<'a>,
}
