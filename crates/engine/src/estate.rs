//! What is ours: the knowledge of the whole installation that a detector needs beside one event or State.

use crate::policy::glob_ignoring_case;
use crate::settings::Settings;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Own accounts and settings, fixed while one object is processed.
///
/// A "foreign" account is one that is neither declared in the settings nor learned: an account is learned
/// from the path of a log object and from `recipientAccountId`, since only own accounts deliver to own trails.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estate {
    /// The user's settings.
    pub settings: Settings,
    /// Shared by copies, so that to compare two of them costs little.
    own_accounts: Arc<BTreeSet<String>>,
}

impl Estate {
    /// An estate that knows the accounts declared in `settings`.
    pub fn new(settings: Settings) -> Estate {
        let own_accounts = settings.estate.accounts.iter().cloned().collect();
        Estate { settings, own_accounts: Arc::new(own_accounts) }
    }

    /// Learns that `account` is ours. Anything but twelve digits is ignored.
    pub fn learn_account(&mut self, account: &str) {
        if is_account_id(account) && !self.own_accounts.contains(account) {
            Arc::make_mut(&mut self.own_accounts).insert(account.to_owned());
        }
    }

    /// Whether `account` is declared or learned as ours.
    pub fn is_own(&self, account: &str) -> bool {
        self.own_accounts.contains(account)
    }

    /// Whether `account` is an account id that is not ours.
    pub fn is_foreign(&self, account: &str) -> bool {
        is_account_id(account) && !self.is_own(account)
    }

    /// Whether `account` is neither ours nor trusted, as far as is known while the log of account `here` is read.
    ///
    /// Only own accounts deliver logs, so `here` is ours even before it is learned.
    pub fn is_outsider(&self, account: &str, here: &str) -> bool {
        account != here
            && self.is_foreign(account)
            && !self.settings.estate.trusted_accounts.iter().any(|trusted| trusted == account)
    }

    /// Whether `name`, or the last part of it if it is an ARN, a URL or a path, is declared as a part of the way that
    /// logs and alerts take.
    pub fn is_pipeline(&self, name: &str) -> bool {
        let last = name.rsplit(['/', ':']).next().unwrap_or(name);
        self.settings
            .estate
            .pipeline
            .iter()
            .any(|pattern| glob_ignoring_case(pattern, name) || glob_ignoring_case(pattern, last))
    }

    /// The accounts known to be ours, in order.
    pub fn own_accounts(&self) -> impl Iterator<Item = &str> {
        self.own_accounts.iter().map(String::as_str)
    }
}

/// Whether `text` has the form of an AWS account id: twelve digits.
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_foreign_until_it_is_declared_or_learned() {
        let mut settings = Settings::default();
        settings.estate.accounts = vec!["111122223333".into()];
        let mut estate = Estate::new(settings);
        assert!(estate.is_own("111122223333"));
        assert!(estate.is_foreign("444455556666"));
        estate.learn_account("444455556666");
        assert!(estate.is_own("444455556666"));
    }

    #[test]
    fn an_outsider_is_not_ours_not_trusted_and_not_the_owner_of_the_log() {
        let mut settings = Settings::default();
        settings.estate.accounts = vec!["111122223333".into()];
        settings.estate.trusted_accounts = vec!["777788889999".into()];
        let estate = Estate::new(settings);
        assert!(estate.is_outsider("444455556666", "111122223333"));
        for account in ["111122223333", "777788889999", "222233334444", "AWS Internal"] {
            assert!(!estate.is_outsider(account, "222233334444"), "{account}");
        }
    }

    #[test]
    fn a_part_of_the_pipeline_is_known_by_any_form_of_its_name() {
        let mut settings = Settings::default();
        settings.estate.pipeline.push("acme-logs".into());
        let estate = Estate::new(settings);
        for name in [
            "acme-logs",
            "ACME-Logs",
            "arn:aws:s3:::acme-logs",
            "https://sqs.eu-west-1.amazonaws.com/111122223333/kmswatch-objects",
            "prod-KmsWatch-dlq",
        ] {
            assert!(estate.is_pipeline(name), "{name}");
        }
        for name in ["", "acme-logs-2", "arn:aws:s3:::acme-logs/AWSLogs", "watch"] {
            assert!(!estate.is_pipeline(name), "{name}");
        }
    }

    #[test]
    fn words_in_the_place_of_an_account_are_neither_own_nor_foreign() {
        let mut estate = Estate::default();
        estate.learn_account("AWS Internal");
        assert!(!estate.is_own("AWS Internal"));
        assert!(!estate.is_foreign("AWS Internal"));
    }
}
