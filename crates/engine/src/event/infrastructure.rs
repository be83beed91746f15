//! Calls of other services that can stop what brings the logs to kmswatch, or its alerts to people.
//!
//! Only these are read, by name, so that the everyday calls of busy services cost nothing (service authorization
//! references, and the names that CloudTrail writes: S3 drops "Configuration", Lambda adds a date).

/// One call that is watched.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// `eventName`.
    pub name: &'static str,
    /// Service, without `.amazonaws.com`.
    pub service: &'static str,
    /// Member of `requestParameters` that names what is changed.
    pub member: &'static str,
    /// What it does to what it names.
    pub effect: Effect,
}

/// What a call does to a part of the way that logs and alerts take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Gives keys of KMS to other accounts (AWS RAM).
    Shares,
    /// Changes it, which may or may not stop it.
    Changes,
    /// Stops it, or throws away what it holds.
    Stops,
}

const fn change(name: &'static str, service: &'static str, member: &'static str, effect: Effect) -> Change {
    Change { name, service, member, effect }
}

use Effect::{Changes, Shares, Stops};

/// All that are watched, ascending by name and service.
pub const CHANGES: &[Change] = &[
    change("AssociateResourceShare", "ram", "resourceArns", Shares),
    change("AttachRolePolicy", "iam", "roleName", Changes),
    change("CreatePolicyVersion", "iam", "policyArn", Changes),
    change("CreateResourceShare", "ram", "resourceArns", Shares),
    change("DeleteAlarms", "monitoring", "alarmNames", Stops),
    change("DeleteBucket", "s3", "bucketName", Stops),
    change("DeleteBucketLifecycle", "s3", "bucketName", Changes),
    change("DeleteBucketPolicy", "s3", "bucketName", Stops),
    change("DeleteEventBus", "events", "name", Stops),
    change("DeleteEventSourceMapping20150331", "lambda", "functionName", Stops),
    change("DeleteFunction20150331", "lambda", "functionName", Stops),
    change("DeleteFunctionConcurrency20171031", "lambda", "functionName", Changes),
    change("DeleteLogGroup", "logs", "logGroupName", Stops),
    change("DeleteQueue", "sqs", "queueUrl", Stops),
    change("DeleteRole", "iam", "roleName", Stops),
    change("DeleteRolePolicy", "iam", "roleName", Stops),
    change("DeleteRule", "events", "name", Stops),
    change("DeleteStack", "cloudformation", "stackName", Stops),
    change("DeleteTable", "dynamodb", "tableName", Stops),
    change("DeleteTopic", "sns", "topicArn", Stops),
    change("DetachRolePolicy", "iam", "roleName", Stops),
    change("DisableAlarmActions", "monitoring", "alarmNames", Stops),
    change("DisableRule", "events", "name", Stops),
    change("PurgeQueue", "sqs", "queueUrl", Stops),
    change("PutBucketAcl", "s3", "bucketName", Changes),
    change("PutBucketEncryption", "s3", "bucketName", Changes),
    change("PutBucketLifecycle", "s3", "bucketName", Changes),
    change("PutBucketNotification", "s3", "bucketName", Changes),
    change("PutBucketObjectLockConfiguration", "s3", "bucketName", Changes),
    change("PutBucketPolicy", "s3", "bucketName", Changes),
    change("PutBucketPublicAccessBlock", "s3", "bucketName", Changes),
    change("PutBucketReplication", "s3", "bucketName", Changes),
    change("PutBucketVersioning", "s3", "bucketName", Changes),
    change("PutFunctionConcurrency20171031", "lambda", "functionName", Changes),
    change("PutMetricAlarm", "monitoring", "alarmName", Changes),
    change("PutRolePermissionsBoundary", "iam", "roleName", Changes),
    change("PutRolePolicy", "iam", "roleName", Changes),
    change("PutRule", "events", "name", Changes),
    change("RemovePermission", "sns", "topicArn", Stops),
    change("RemovePermission", "sqs", "queueUrl", Stops),
    change("RemovePermission20150331v2", "lambda", "functionName", Stops),
    change("RemoveTargets", "events", "rule", Stops),
    change("SetDefaultPolicyVersion", "iam", "policyArn", Changes),
    change("SetQueueAttributes", "sqs", "queueUrl", Changes),
    change("SetSubscriptionAttributes", "sns", "subscriptionArn", Changes),
    change("SetTopicAttributes", "sns", "topicArn", Changes),
    change("Unsubscribe", "sns", "subscriptionArn", Stops),
    change("UpdateAssumeRolePolicy", "iam", "roleName", Changes),
    change("UpdateEventSourceMapping20150331", "lambda", "functionName", Changes),
    change("UpdateFunctionCode20150331v2", "lambda", "functionName", Changes),
    change("UpdateFunctionConfiguration20150331v2", "lambda", "functionName", Changes),
    change("UpdateTable", "dynamodb", "tableName", Changes),
    change("UpdateTimeToLive", "dynamodb", "tableName", Changes),
];

/// The call of `service` (without `.amazonaws.com`) with this name, if it is watched.
pub(super) fn find(service: &str, name: &str) -> Option<&'static Change> {
    let at = CHANGES.binary_search_by(|change| (change.name, change.service).cmp(&(name, service))).ok()?;
    CHANGES.get(at)
}

/// Whether a watched call of some service has this name.
///
/// Asked of every record of a log: nearly all names are told at one look to be none.
pub(crate) fn is_name(name: &[u8]) -> bool {
    let (word, bit) = mark(name);
    MARKS.get(word).is_some_and(|marks| marks & bit != 0)
        && CHANGES.binary_search_by(|change| change.name.as_bytes().cmp(name)).is_ok()
}

/// A bit for each watched name, by [`mark`].
const MARKS: [u64; 8] = {
    let mut marks = [0; 8];
    let mut n = 0;
    while n < CHANGES.len() {
        #[allow(clippy::indexing_slicing)] // Runs at compile time only, where a bad index is a compile error.
        {
            let (word, bit) = mark(CHANGES[n].name.as_bytes());
            marks[word] |= bit;
        }
        n += 1;
    }
    marks
};

/// The place of a name in [`MARKS`]: by its length, its first byte and its last two.
const fn mark(name: &[u8]) -> (usize, u64) {
    let [first, .., before, last] = name else { return (0, 0) };
    let hash = name.len() + 31 * *first as usize + 7 * *before as usize + 3 * *last as usize;
    (hash / 64 % 8, 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_each_is_found() {
        assert!(CHANGES.is_sorted_by(|a, b| (a.name, a.service) < (b.name, b.service)));
        for change in CHANGES {
            assert_eq!(find(change.service, change.name), Some(change));
            assert!(is_name(change.name.as_bytes()));
        }
    }

    #[test]
    fn the_same_name_in_another_service_is_not_watched() {
        assert_eq!(find("waf", "DeleteRule"), None);
        assert_eq!(find("s3", "GetBucketAcl"), None);
        assert!(!is_name(b"DeleteBuckets"));
        assert!(!is_name(b""));
    }
}
