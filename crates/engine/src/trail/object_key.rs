//! What the name of an object tells: S3 keys of CloudTrail, and local paths that end like one.
//!
//! ```text
//! [prefix/]AWSLogs/[o-orgid/]<account>/<kind>/<region>/YYYY/MM/DD/<account>_<kind>_<region>_<stamp>_<rest>
//! ```
//!
//! Names are hints for sorting and choosing objects; what an object is, its content tells ([`super::Reader`]).
//! Guaranteed: [`parse`] looks at the last folders and the file name alone, so any prefix is fine, and a file
//! that was copied out of its folders is still known by its name.

use super::gunzip::{Buffers, Gunzip};
use crate::settings::Limits;
use crate::time::Timestamp;

/// Decompressed bytes in which the first event is looked for.
const HEAD_BYTES: usize = 64 << 10;

/// What CloudTrail writes beneath `AWSLogs`, by the folder's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `CloudTrail`: log files with events.
    Log,
    /// `CloudTrail-Digest`: hashes of log files.
    Digest,
    /// `CloudTrail-Insight`: anomaly summaries.
    Insight,
    /// `CloudTrail-NetworkActivity`: calls as the owner of a VPC endpoint sees them.
    NetworkActivity,
    /// `CloudTrail-Aggregated`: summaries of data events.
    Aggregated,
}

impl KeyKind {
    fn named(name: &str) -> Option<KeyKind> {
        match name {
            "CloudTrail" => Some(KeyKind::Log),
            "CloudTrail-Digest" => Some(KeyKind::Digest),
            "CloudTrail-Insight" => Some(KeyKind::Insight),
            "CloudTrail-NetworkActivity" => Some(KeyKind::NetworkActivity),
            "CloudTrail-Aggregated" => Some(KeyKind::Aggregated),
            _ => None,
        }
    }
}

/// The parts of an object's name. Borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKey<'a> {
    /// Organisation id (`o-...`), if the trail is one of an organisation and the folders are there.
    pub organization: Option<&'a str>,
    /// Account whose events are in it: twelve digits.
    pub account: &'a str,
    /// Region of the trail's endpoint.
    pub region: &'a str,
    /// What is written there.
    pub kind: KeyKind,
    /// Day of delivery by the folders: its first moment, UTC. Without folders, the day of the stamp.
    pub date: Timestamp,
    /// Moment of delivery by the file name, rounded by CloudTrail to five minutes. Events are older.
    pub delivered: Option<Timestamp>,
}

/// Reads the key of an S3 object or the path of a file. `\` separates folders as well as `/`.
pub fn parse(key: &str) -> Option<ObjectKey<'_>> {
    let mut parts = key.rsplit(['/', '\\']);
    let file = FileName::parse(parts.next()?);
    let folders = Folders::parse(&mut parts);
    match (folders, file) {
        (Some(folders), Some(file)) => Some(ObjectKey {
            organization: folders.organization,
            account: folders.account,
            region: folders.region,
            kind: folders.kind,
            date: folders.date,
            delivered: Some(file.stamp),
        }),
        (Some(folders), None) => Some(ObjectKey {
            organization: folders.organization,
            account: folders.account,
            region: folders.region,
            kind: folders.kind,
            date: folders.date,
            delivered: None,
        }),
        (None, Some(file)) => Some(ObjectKey {
            organization: None,
            account: file.account,
            region: file.region,
            kind: file.kind,
            date: Timestamp(file.stamp.day() * crate::time::DAY),
            delivered: Some(file.stamp),
        }),
        (None, None) => None,
    }
}

/// Time of the first event in an object and the account whose log it is in, from the first bytes of the object
/// as it is stored, compressed or not (64 KiB are plenty).
///
/// For the order of objects whose names have no stamp: cheap, and never wrong in a way that matters, since any
/// order of objects gives the same findings. The first `eventTime` and `recipientAccountId` in the text are
/// taken, also from JSON in strings.
pub fn first_event_time(head: &[u8]) -> Option<(Timestamp, Option<String>)> {
    let (mut buffers, mut text) = (Buffers::default(), vec![0; HEAD_BYTES]);
    let mut gunzip = Gunzip::new(head, &mut buffers, &Limits::default());
    let mut len = 0;
    loop {
        let n = gunzip.read(text.get_mut(len..).unwrap_or_default());
        if n == 0 {
            break;
        }
        len += n;
    }
    let head = text.get(..len).unwrap_or_default();
    let time = event_time(head)?;
    Some((time, first_text(head, b"recipientAccountId").filter(|account| is_account(account))))
}

/// The first `eventTime` in a text.
pub(super) fn event_time(text: &[u8]) -> Option<Timestamp> {
    first_text(text, b"eventTime").and_then(|text| Timestamp::parse(&text))
}

/// The text behind the first member of this name.
fn first_text(head: &[u8], name: &[u8]) -> Option<String> {
    for at in memchr::memmem::find_iter(head, name) {
        // Between the name and its text stand quotes (escaped in strings), a colon and white space.
        let rest = head.get(at + name.len()..).unwrap_or_default();
        let is_between = |byte: &u8| matches!(byte, b'"' | b'\\' | b':' | b' ' | b'\t' | b'\r' | b'\n');
        let between = rest.iter().take_while(|byte| is_between(byte)).count();
        if !rest.get(..between).is_some_and(|bytes| bytes.contains(&b':')) {
            continue;
        }
        let text = rest.get(between..).unwrap_or_default();
        let end = memchr::memchr2(b'"', b'\\', text)?;
        return std::str::from_utf8(text.get(..end)?).ok().map(str::to_string);
    }
    None
}

struct Folders<'a> {
    organization: Option<&'a str>,
    account: &'a str,
    region: &'a str,
    kind: KeyKind,
    date: Timestamp,
}

impl<'a> Folders<'a> {
    /// `parts` are the folders from the innermost outwards.
    fn parse(parts: &mut impl Iterator<Item = &'a str>) -> Option<Folders<'a>> {
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(day, 2) || !digits(month, 2) || !digits(year, 4) {
            return None;
        }
        let date = moment([year, month, day, "00", "00", "00"])?;
        let region = parts.next().filter(|region| is_region(region))?;
        let kind = KeyKind::named(parts.next()?)?;
        let account = parts.next().filter(|account| is_account(account))?;
        let organization = parts.next().filter(|part| part.starts_with("o-"));
        Some(Folders { organization, account, region, kind, date })
    }
}

struct FileName<'a> {
    account: &'a str,
    region: &'a str,
    kind: KeyKind,
    stamp: Timestamp,
}

impl<'a> FileName<'a> {
    /// `<account>_<kind>_<region>_[<trail>_<home region>_]<stamp>[_<rest>]`; a trail's name may hold `_`.
    fn parse(name: &'a str) -> Option<FileName<'a>> {
        let (account, rest) = name.split_once('_').filter(|(account, _)| is_account(account))?;
        let (kind, rest) = rest.split_once('_')?;
        let (region, rest) = rest.split_once('_').filter(|(region, _)| is_region(region))?;
        let kind = KeyKind::named(kind)?;
        // The last part that looks like a stamp is it: what follows is random or `backfill`.
        let stamp = rest.rsplit('_').find_map(stamp)?;
        Some(FileName { account, region, kind, stamp })
    }
}

/// `20260504T1020Z` or `20260504T102042Z`, perhaps with a file extension.
fn stamp(text: &str) -> Option<Timestamp> {
    let (digits, rest) = text.split_once('Z')?;
    if !(rest.is_empty() || rest.starts_with('.')) {
        return None;
    }
    let (date, time) = digits.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let (hour, minute) = (time.get(..2)?, time.get(2..4)?);
    let second = if time.len() == 4 { "00" } else { time.get(4..)? };
    moment([year, month, day, hour, minute, second])
}

/// The moment of these digits: four of the year, two of all else.
fn moment(parts: [&str; 6]) -> Option<Timestamp> {
    let mut text = *b"yyyy-mm-ddThh:mm:ssZ";
    for (to, part) in text.split_mut(|byte| !byte.is_ascii_lowercase()).zip(parts) {
        // Any other number of digits would be read leniently.
        (to.len() == part.len()).then(|| to.copy_from_slice(part.as_bytes()))?;
    }
    Timestamp::parse(std::str::from_utf8(&text).ok()?)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `eu-west-1`, `us-gov-west-1`, `cn-north-1`, `us-isob-east-1`: words and a number.
fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && words.split('-').count() >= 2
        && words.split('-').all(|word| word.len() >= 2 && word.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: &str = "2026-05-04T00:00:00Z";

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn keys_of_all_kinds_are_read_behind_any_prefix() {
        for (key, organization, account, region, kind, delivered) in [
            (
                "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/111122223333_CloudTrail_eu-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json.gz",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::Log,
                Some("2026-05-04T10:20:00Z"),
            ),
            (
                "some/prefix/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/us-gov-west-1/2026/05/04/111122223333_CloudTrail_us-gov-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json.gz",
                Some("o-a1b2c3d4e5"),
                "111122223333",
                "us-gov-west-1",
                KeyKind::Log,
                Some("2026-05-04T10:20:00Z"),
            ),
            (
                "AWSLogs/111122223333/CloudTrail-Digest/cn-north-1/2026/05/04/111122223333_CloudTrail-Digest_cn-north-1_my_trail.x_cn-north-1_20260504T102042Z_backfill.json.gz",
                None,
                "111122223333",
                "cn-north-1",
                KeyKind::Digest,
                Some("2026-05-04T10:20:42Z"),
            ),
            (
                "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/05/04/111122223333_CloudTrail-Digest_eu-west-1_t_eu-west-1_20260504T102042Z.json.gz",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::Digest,
                Some("2026-05-04T10:20:42Z"),
            ),
            (
                "AWSLogs/111122223333/CloudTrail-Insight/eu-west-1/2026/05/04/111122223333_CloudTrail-Insight_eu-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json.gz",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::Insight,
                Some("2026-05-04T10:20:00Z"),
            ),
            (
                "AWSLogs/111122223333/CloudTrail-NetworkActivity/eu-west-1/2026/05/04/x.json.gz",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::NetworkActivity,
                None,
            ),
            (
                "AWSLogs/111122223333/CloudTrail-Aggregated/ap-southeast-2/2026/05/04/x.json.gz",
                None,
                "111122223333",
                "ap-southeast-2",
                KeyKind::Aggregated,
                None,
            ),
            (
                "C:\\logs\\CloudTrail\\111122223333_CloudTrail_eu-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json.gz",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::Log,
                Some("2026-05-04T10:20:00Z"),
            ),
            (
                "111122223333_CloudTrail_eu-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json",
                None,
                "111122223333",
                "eu-west-1",
                KeyKind::Log,
                Some("2026-05-04T10:20:00Z"),
            ),
        ] {
            let delivered = delivered.map(moment);
            let expected = ObjectKey { organization, account, region, kind, date: moment(DAY), delivered };
            assert_eq!(parse(key), Some(expected), "{key}");
        }
    }

    #[test]
    fn other_names_are_not_taken_for_keys() {
        for key in [
            "",
            "AWSLogs/111122223333/CloudTrail/",
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/13/04/x.json.gz",
            "AWSLogs/11112222333/CloudTrail/eu-west-1/2026/05/04/x.json.gz",
            "AWSLogs/111122223333/vpcflowlogs/eu-west-1/2026/05/04/x.log.gz",
            "AWSLogs/111122223333/CloudTrail/nowhere/2026/05/04/x.json.gz",
            "111122223333_CloudTrail_eu-west-1_2026_AbCdEfGhIjKlMnOp.json.gz",
            "111122223333_CloudTrail_eu-west-1_20260504T9920Z_AbCdEfGhIjKlMnOp.json.gz",
            "events.ndjson.gz",
        ] {
            assert_eq!(parse(key), None, "{key}");
        }
    }

    #[test]
    fn the_first_event_is_found_in_any_container() {
        let expected = Some((moment("2026-05-04T10:15:42Z"), Some("111122223333".to_string())));
        for head in [
            r#"{"Records":[{"eventTime":"2026-05-04T10:15:42Z","recipientAccountId":"111122223333"},{"eventTime":"2027"#,
            "[{\n  \"recipientAccountId\" : \"111122223333\",\n \"eventTime\" : \"2026-05-04T10:15:42Z\"",
            r#"{"Events":[{"CloudTrailEvent":"{\"eventTime\":\"2026-05-04T10:15:42Z\",\"recipientAccountId\":\"111122223333\"}"}]}"#,
            r#"{"x":"eventTime","eventTime":"2026-05-04T10:15:42Z","recipientAccountId":"111122223333"}"#,
        ] {
            assert_eq!(first_event_time(head.as_bytes()), expected, "{head}");
            let packed = crate::trail::tests::gzip(head.as_bytes());
            assert_eq!(first_event_time(&packed[..packed.len() - 8]), expected, "{head}");
        }
        assert_eq!(
            first_event_time(br#"{"eventTime":"2026-05-04T10:15:42Z"}"#),
            Some((moment("2026-05-04T10:15:42Z"), None))
        );
        for head in [
            "",
            "{\"Records\":[]}",
            "{\"eventTime\":\"2026",
            "{\"eventTime\":\"soon\"}",
            "{\"eventTime\":null}",
        ] {
            assert_eq!(first_event_time(head.as_bytes()), None, "{head}");
        }
    }

    proptest! {
        #[test]
        fn no_name_and_no_head_makes_it_panic(
            name in "\\PC{0,40}|([0-9]{12}_CloudTrail_[a-z-]{2,9}[0-9]?_[0-9TZé]{0,20}[._a-z]{0,3})",
            folders in "([0-9]{12}/CloudTrail/[a-z]{2}-[a-z]{2}-[0-9]/[0-9]{4}/[0-9é]{2}/[0-9]{2}/){0,1}",
            head in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = parse(&format!("{folders}{name}"));
            let _ = first_event_time(&[b"\"eventTime\"", head.as_slice()].concat());
        }
    }
}
