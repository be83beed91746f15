//! Which logs lie below a prefix, without asking for what nobody wants.
//!
//! CloudTrail writes to `…AWSLogs/[organisation/]account/CloudTrail/Region/year/month/day/`. So folders of other accounts,
//! Regions and times are never listed, and those that are wanted as a whole are listed in one go, a thousand names a
//! request.

use super::ObjectError;
use super::s3::S3Objects;
use kmswatch_engine::estate::is_account_id;
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::trail::object_key::{self, KeyKind};
use std::collections::BTreeSet;

/// The folder that CloudTrail begins its keys with, after the prefix of the trail.
const LOG_ROOT: &str = "AWSLogs";
/// Folders that are listed side by side.
pub(super) const SIDE_BY_SIDE: usize = 16;
/// Endings of objects that may be logs.
const ENDINGS: [&str; 5] = [".json", ".gz", ".ndjson", ".jsonl", ".log"];
/// Seconds after an event within which its log is looked for. Most come within some minutes.
const LATE: i64 = DAY;

/// Which logs are wanted. Empty lists and missing bounds want everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Events from this moment on.
    pub since: Option<Timestamp>,
    /// Events before this moment; their logs may have come up to a day later.
    pub until: Option<Timestamp>,
    /// Accounts whose logs are wanted.
    pub accounts: Vec<String>,
    /// Regions whose logs are wanted.
    pub regions: Vec<String>,
}

/// An object that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size as it is stored.
    pub bytes: u64,
}

/// What lies below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Objects that may be logs that are wanted, in the order of their names.
    pub objects: Vec<Listed>,
    /// Accounts whose folders were met, wanted or not: ours, since only own accounts deliver to own trails.
    pub accounts: BTreeSet<String>,
}

/// What to do with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// Nothing in it is wanted.
    Skip,
    /// Look at its folders.
    Step,
    /// All in it may be wanted.
    All,
}

impl Wanted {
    /// What to do with the folder of this name, which ends with a slash or is empty.
    pub(super) fn visit(&self, folder: &str) -> Visit {
        let mut parts = folder.trim_end_matches('/').split('/').skip_while(|part| *part != LOG_ROOT).skip(1);
        if !folder.split('/').any(|part| part == LOG_ROOT) {
            return Visit::Step;
        }
        let mut account = parts.next();
        if account.is_some_and(|part| part.starts_with("o-")) {
            account = parts.next();
        }
        match account {
            None => return Visit::Step,
            Some(account) if !is_account_id(account) => return Visit::All,
            Some(account) if !is_in(&self.accounts, account) => return Visit::Skip,
            Some(_) => {}
        }
        match parts.next() {
            None => return Visit::Step,
            Some("CloudTrail" | "CloudTrail-NetworkActivity") => {}
            Some(_) => return Visit::Skip,
        }
        match parts.next() {
            None if self.regions.is_empty() && self.since.is_none() && self.until.is_none() => {
                return Visit::All;
            }
            None => return Visit::Step,
            Some(region) if !is_in(&self.regions, region) => return Visit::Skip,
            Some(_) => {}
        }
        let date: Vec<Option<i32>> = parts.take(3).map(|part| part.parse().ok()).collect();
        let (first, after) = match date.as_slice() {
            [] if self.since.is_none() && self.until.is_none() => return Visit::All,
            [] => return Visit::Step,
            [Some(year)] => (begin(*year, 1), begin(*year + 1, 1)),
            [Some(year), Some(month @ 1..=12)] => (
                begin(*year, *month),
                if *month == 12 { begin(*year + 1, 1) } else { begin(*year, *month + 1) },
            ),
            [Some(year), Some(month), Some(day)] => {
                let day = Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
                (day, day.map(|day| day.plus(DAY)))
            }
            // Not as CloudTrail names them.
            _ => return Visit::All,
        };
        let (Some(first), Some(after)) = (first, after) else { return Visit::All };
        let last = self.until.map(|until| until.plus(LATE));
        if self.since.is_some_and(|since| after <= since) || last.is_some_and(|last| first > last) {
            return Visit::Skip;
        }
        let is_inside =
            self.since.is_none_or(|since| since <= first) && last.is_none_or(|last| after <= last);
        if is_inside || date.len() == 3 { Visit::All } else { Visit::Step }
    }

    /// Whether the object of this name may be a log that is wanted.
    pub(super) fn takes(&self, key: &str) -> bool {
        if !ENDINGS.iter().any(|ending| key.ends_with(ending)) {
            return false;
        }
        let Some(name) = object_key::parse(key) else { return true };
        let is_log = matches!(name.kind, KeyKind::Log | KeyKind::NetworkActivity);
        // Events are older than their delivery.
        let too_early = |delivered: Timestamp| self.since.is_some_and(|since| delivered < since);
        let too_late = |delivered| self.until.is_some_and(|until| delivered > until.plus(LATE));
        is_log
            && is_in(&self.accounts, name.account)
            && is_in(&self.regions, name.region)
            && !name.delivered.is_some_and(|delivered| too_early(delivered) || too_late(delivered))
    }

    /// Of the folders beside each other those to look at: beside a tree of `AWSLogs` lie notes about it, but no logs.
    fn steps(&self, folders: Vec<String>) -> Vec<(String, Visit)> {
        let is_root = |folder: &String| folder.trim_end_matches('/').rsplit('/').next() == Some(LOG_ROOT);
        let has_root = folders.iter().any(is_root);
        folders
            .into_iter()
            .filter(|folder| !has_root || is_root(folder))
            .map(|folder| {
                let visit = self.visit(&folder);
                (folder, visit)
            })
            .filter(|(_, visit)| *visit != Visit::Skip)
            .collect()
    }
}

/// The account whose folder this is.
fn account_of(folder: &str) -> Option<&str> {
    let mut parts = folder.trim_end_matches('/').rsplit('/');
    let account = parts.next().filter(|part| is_account_id(part))?;
    let above = parts.next().filter(|part| !part.starts_with("o-")).or_else(|| parts.next())?;
    (above == LOG_ROOT).then_some(account)
}

fn begin(year: i32, month: i32) -> Option<Timestamp> {
    Timestamp::parse(&format!("{year:04}-{month:02}-01T00:00:00Z"))
}

fn is_in(list: &[String], one: &str) -> bool {
    list.is_empty() || list.iter().any(|known| known == one)
}

impl S3Objects {
    /// What of the logs below `prefix` is wanted.
    ///
    /// # Errors
    /// If a folder cannot be listed.
    pub async fn list(&self, bucket: &str, prefix: &str, wanted: &Wanted) -> Result<Listing, ObjectError> {
        let mut found = Listing::default();
        // A prefix in the midst of a name is asked for as it is.
        let visit =
            if prefix.is_empty() || prefix.ends_with('/') { wanted.visit(prefix) } else { Visit::Step };
        let mut folders = vec![(prefix.to_owned(), if visit == Visit::Skip { Visit::All } else { visit })];
        while !folders.is_empty() {
            let pages = self.list_all(bucket, &folders).await?;
            folders.clear();
            for (objects, below) in pages {
                found.objects.extend(objects.into_iter().filter(|object| wanted.takes(&object.key)));
                found
                    .accounts
                    .extend(below.iter().filter_map(|folder| account_of(folder)).map(str::to_owned));
                folders.extend(wanted.steps(below));
            }
        }
        found.objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(since: &str, until: &str) -> Wanted {
        Wanted {
            since: Timestamp::parse(since),
            until: Timestamp::parse(until),
            accounts: vec!["111122223333".to_owned()],
            regions: vec!["eu-west-1".to_owned()],
        }
    }

    #[test]
    fn only_folders_of_what_is_wanted_are_looked_at() {
        let wanted = wanted("2026-03-30T12:00:00Z", "2026-05-02T00:00:00Z");
        let root = "trail/AWSLogs/o-abc/111122223333/";
        for (folder, visit) in [
            ("", Visit::Step),
            ("trail/", Visit::Step),
            ("trail/AWSLogs/", Visit::Step),
            ("trail/AWSLogs/o-abc/", Visit::Step),
            (root, Visit::Step),
            ("trail/AWSLogs/o-abc/444455556666/", Visit::Skip),
            ("trail/AWSLogs/444455556666/", Visit::Skip),
        ] {
            assert_eq!(wanted.visit(folder), visit, "{folder}");
        }
        for (folder, visit) in [
            ("CloudTrail/", Visit::Step),
            ("CloudTrail-Digest/", Visit::Skip),
            ("Config/", Visit::Skip),
            ("CloudTrail/us-east-1/", Visit::Skip),
            ("CloudTrail/eu-west-1/", Visit::Step),
            ("CloudTrail/eu-west-1/2025/", Visit::Skip),
            ("CloudTrail/eu-west-1/2026/", Visit::Step),
            ("CloudTrail/eu-west-1/2026/02/", Visit::Skip),
            ("CloudTrail/eu-west-1/2026/03/", Visit::Step),
            ("CloudTrail/eu-west-1/2026/03/29/", Visit::Skip),
            ("CloudTrail/eu-west-1/2026/03/30/", Visit::All),
            ("CloudTrail/eu-west-1/2026/04/", Visit::All),
            ("CloudTrail/eu-west-1/2026/05/", Visit::Step),
            // The last events may have been delivered a day later.
            ("CloudTrail/eu-west-1/2026/05/03/", Visit::All),
            ("CloudTrail/eu-west-1/2026/05/04/", Visit::Skip),
            ("CloudTrail/eu-west-1/2026/13/", Visit::All),
        ] {
            assert_eq!(wanted.visit(&format!("{root}{folder}")), visit, "{folder}");
        }
    }

    #[test]
    fn without_bounds_a_tree_is_listed_in_few_requests() {
        let all = Wanted::default();
        assert_eq!(all.visit("AWSLogs/111122223333/"), Visit::Step);
        assert_eq!(all.visit("AWSLogs/111122223333/CloudTrail/"), Visit::All);
        assert_eq!(all.visit("AWSLogs/111122223333/CloudTrail-Insight/"), Visit::Skip);
    }

    #[test]
    fn objects_are_taken_by_kind_and_by_the_moment_of_their_delivery() {
        let wanted = wanted("2026-05-01T12:00:00Z", "2026-05-02T00:00:00Z");
        let log = |kind: &str, region: &str, stamp: &str| {
            format!(
                "AWSLogs/111122223333/{kind}/{region}/2026/05/01/111122223333_{kind}_{region}_{stamp}_AbCdEfGhIjKlMnOp.json.gz"
            )
        };
        assert!(wanted.takes(&log("CloudTrail", "eu-west-1", "20260501T1200Z")));
        assert!(!wanted.takes(&log("CloudTrail", "eu-west-1", "20260501T1155Z")));
        assert!(wanted.takes(&log("CloudTrail", "eu-west-1", "20260502T2355Z")));
        assert!(!wanted.takes(&log("CloudTrail", "eu-west-1", "20260503T0005Z")));
        assert!(!wanted.takes(&log("CloudTrail", "us-east-1", "20260501T1200Z")));
        assert!(!wanted.takes(&log("CloudTrail-Insight", "eu-west-1", "20260501T1200Z")));
        assert!(wanted.takes("copies/some.json"));
        assert!(!wanted.takes("copies/some.txt"));
    }

    #[test]
    fn accounts_are_told_from_their_folders() {
        for folder in ["AWSLogs/111122223333/", "x/AWSLogs/o-abc/111122223333/"] {
            assert_eq!(account_of(folder), Some("111122223333"), "{folder}");
        }
        for folder in ["111122223333/", "x/111122223333/", "AWSLogs/111122223333/CloudTrail/", "AWSLogs/"] {
            assert_eq!(account_of(folder), None, "{folder}");
        }
    }

    #[test]
    fn beside_a_tree_of_logs_nothing_is_looked_at() {
        let folders = ["x/", "AWSLogs/", "notes/"].map(str::to_owned).to_vec();
        assert_eq!(Wanted::default().steps(folders), [("AWSLogs/".to_owned(), Visit::Step)]);
        assert_eq!(Wanted::default().steps(vec!["x/".to_owned(), "y/".to_owned()]).len(), 2);
    }
}
