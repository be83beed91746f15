//! From records to objects: stamps, lateness, disorder, repetition, digests.

use crate::calendar::{DAY, HOUR, rfc3339, stamp};
use crate::dice::{Dice, fnv};
use crate::organisation::Organisation;
use crate::organisation::caller::access_key;
use crate::record::{Record, json::Object, write_record};
use crate::scenario::Delivery;
use crate::truth::Counts;
use crate::{Error, LogObject};
use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::Arc;

/// One object in the making: stamp, account, Region.
type Slot = (i64, usize, Arc<str>);

/// Digests are chained per account and Region.
type Place = (usize, Arc<str>);

/// Collects records and cuts them into objects.
#[derive(Debug)]
pub(crate) struct Courier {
    delivery: Delivery,
    seed: u64,
    start: i64,
    /// Records that wait for their stamp; the flag marks a second copy.
    waiting: BTreeMap<Slot, Vec<(Record, Copy)>>,
    chains: BTreeMap<Place, Chain>,
    /// Events by key and principal.
    pub(crate) users: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// KMS events by principal.
    pub(crate) callers: BTreeMap<Arc<str>, u64>,
    pub(crate) counts: Counts,
    text: Vec<u8>,
    scratch: String,
    repeated: u32,
    /// Digests are written up to here.
    clock: i64,
    most: Option<u64>,
    /// Whether the bodies of log objects are left uncompressed.
    pub(crate) is_plain: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    First,
    Second,
}

#[derive(Debug, Default)]
struct Chain {
    files: Vec<DigestEntry>,
    previous: Option<(String, String, String)>,
}

#[derive(Debug)]
struct DigestEntry {
    path: String,
    hash: String,
    oldest: Option<i64>,
    newest: Option<i64>,
}

impl Courier {
    /// `most` is the number of uncompressed bytes after which no object is written any more.
    pub(crate) fn new(delivery: &Delivery, seed: u64, start: i64, most: Option<u64>) -> Courier {
        Courier {
            delivery: delivery.clone(),
            seed,
            start,
            waiting: BTreeMap::new(),
            chains: BTreeMap::new(),
            users: BTreeMap::new(),
            callers: BTreeMap::new(),
            counts: Counts::default(),
            text: Vec::new(),
            scratch: String::new(),
            repeated: 0,
            clock: start,
            most,
            is_plain: false,
        }
    }

    /// Takes the records of one day.
    pub(crate) fn take(&mut self, records: Vec<Record>) {
        let step = i64::from(self.delivery.stamp_minutes) * 60;
        for record in records {
            // Fate depends on the event alone, so that an added attack delays nobody else.
            let mut dice =
                Dice::new(self.seed, "delivery", (record.event_id >> 64) as u64 ^ record.event_id as u64);
            let late = dice.chance(self.delivery.late_share);
            let seconds = if late { dice.between(360, 2_700) } else { dice.between(100, 360) };
            let stamp = (record.time + seconds + step - 1).div_euclid(step) * step;
            if dice.chance(self.delivery.duplicate_share) {
                let again = stamp + step * dice.between(1, 4);
                let key = (again, record.account, record.region.clone());
                self.waiting.entry(key).or_default().push((record.clone(), Copy::Second));
            }
            let key = (stamp, record.account, record.region.clone());
            self.waiting.entry(key).or_default().push((record, Copy::First));
        }
    }

    /// Writes every object whose stamp is not after `until`, and the digests of that time.
    pub(crate) fn flush(
        &mut self,
        organisation: &Organisation,
        until: i64,
        out: &mut VecDeque<LogObject>,
    ) -> Result<(), Error> {
        self.add_quiet_places(organisation, until);
        while !self.full()
            && let Some(entry) = self.waiting.first_entry()
        {
            let (stamp, account, region) = entry.key().clone();
            if stamp > until {
                break;
            }
            let records = entry.remove();
            self.digests(organisation, stamp, out)?;
            self.object(organisation, (stamp, account, region), records, out)?;
        }
        Ok(())
    }

    /// Whether the size asked for is reached.
    pub(crate) fn full(&self) -> bool {
        self.most.is_some_and(|most| self.counts.bytes >= most)
    }

    /// Places that have nothing to deliver still get an empty object now and then.
    fn add_quiet_places(&mut self, organisation: &Organisation, until: i64) {
        let step = i64::from(self.delivery.stamp_minutes) * 60;
        let Some((from, _, _)) = self.waiting.keys().next().cloned() else { return };
        let until = self.waiting.keys().next_back().map_or(from, |(last, _, _)| until.min(*last));
        for (index, account) in organisation.accounts.iter().enumerate() {
            for region in &account.regions {
                self.chains.entry((index, region.clone())).or_default();
                let mut stamp = from;
                while stamp <= until {
                    let mut dice = Dice::new(self.seed, "quiet", stamp as u64 ^ fnv(region) ^ index as u64);
                    if dice.chance(self.delivery.empty_share) {
                        self.waiting.entry((stamp, index, region.clone())).or_default();
                    }
                    stamp += step;
                }
            }
        }
    }

    fn object(
        &mut self,
        organisation: &Organisation,
        (time, account, region): Slot,
        mut records: Vec<(Record, Copy)>,
        out: &mut VecDeque<LogObject>,
    ) -> Result<(), Error> {
        // Nearly in order, not quite: each record may stand a minute and a half from its place.
        records.sort_by_cached_key(|(record, _)| {
            (record.time + (record.event_id % 180) as i64, record.event_id)
        });
        let limit = self.delivery.records_per_object as usize;
        let mut part = 0;
        let mut rest = records.as_slice();
        loop {
            let (now, later) = rest.split_at(rest.len().min(limit));
            self.write_object(organisation, (time, account, &region), part, now, out)?;
            part += 1;
            rest = later;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    fn write_object(
        &mut self,
        organisation: &Organisation,
        (time, account, region): (i64, usize, &Arc<str>),
        part: u64,
        records: &[(Record, Copy)],
        out: &mut VecDeque<LogObject>,
    ) -> Result<(), Error> {
        let id = organisation.accounts.get(account).map(|account| account.id.clone()).unwrap_or_default();
        self.text.clear();
        self.text.extend(b"{\"Records\":[");
        for (n, (record, copy)) in records.iter().enumerate() {
            if n > 0 {
                self.text.push(b',');
            }
            write_record(record, &id, &mut self.text, &mut self.scratch);
            self.count(record, *copy);
        }
        self.text.extend(b"]}");
        let path = organisation.object_path(account, region, time, part);
        let body = if self.is_plain { self.text.clone() } else { gzip(&self.text)? };
        let times = || records.iter().map(|(record, _)| record.time);
        if self.delivery.digest_hours > 0 {
            let entry = DigestEntry {
                path: path.clone(),
                hash: hex(&Sha256::digest(&self.text)),
                oldest: times().min(),
                newest: times().max(),
            };
            self.chains.entry((account, region.clone())).or_default().files.push(entry);
        }
        // The second delivery of a whole object: the same bytes under another name, one stamp later.
        let fortnight = ((time - self.start) / (14 * DAY)) as u32;
        let due = records.len() > 3
            && self.repeated < (fortnight + 1) * self.delivery.duplicate_objects
            && (time - self.start) % (14 * DAY) > DAY;
        if due {
            self.repeated += 1;
            self.counts.duplicate_objects += 1;
            self.counts.log_objects += 1;
            self.counts.records += records.len() as u64;
            self.counts.bytes += self.text.len() as u64;
            self.counts.compressed_bytes += body.len() as u64;
            let step = i64::from(self.delivery.stamp_minutes) * 60;
            let path = organisation.object_path(account, region, time + step, 99);
            out.push_back(LogObject { path, body: body.clone(), uncompressed: self.text.len() as u64 });
        }
        self.counts.log_objects += 1;
        self.counts.records += records.len() as u64;
        self.counts.bytes += self.text.len() as u64;
        self.counts.compressed_bytes += body.len() as u64;
        out.push_back(LogObject { path, body, uncompressed: self.text.len() as u64 });
        Ok(())
    }

    fn count(&mut self, record: &Record, copy: Copy) {
        if copy == Copy::Second {
            return;
        }
        self.counts.distinct_records += 1;
        if record.source != "kms" {
            return;
        }
        self.counts.distinct_kms_records += 1;
        *self.callers.entry(record.caller.principal.clone()).or_default() += 1;
        for (n, resource) in record.resources.iter().enumerate() {
            // ReEncrypt onto the same key names it twice.
            let again = record.resources.iter().take(n).any(|earlier| earlier.arn == resource.arn);
            if resource.arn.contains(":key/") && !again {
                let key = (resource.arn.clone(), record.caller.principal.clone());
                *self.users.entry(key).or_default() += 1;
            }
        }
    }

    /// Digests of all places for the periods that have ended by `until` and have none yet.
    pub(crate) fn digests(
        &mut self,
        organisation: &Organisation,
        until: i64,
        out: &mut VecDeque<LogObject>,
    ) -> Result<(), Error> {
        let period = i64::from(self.delivery.digest_hours) * HOUR;
        let after = self.clock;
        self.clock = until.max(after);
        if period == 0 {
            return Ok(());
        }
        let mut end = (after / period + 1) * period;
        while end <= until {
            for ((account, region), chain) in &mut self.chains {
                let files = std::mem::take(&mut chain.files);
                let (path, text, signature) =
                    digest(organisation, self.seed, (*account, region), (end - period, end), &files, chain);
                let hash = hex(&Sha256::digest(&text));
                chain.previous = Some((path.clone(), hash, signature));
                let body = gzip(&text)?;
                self.counts.digest_objects += 1;
                self.counts.compressed_bytes += body.len() as u64;
                out.push_back(LogObject { path, body, uncompressed: 0 });
            }
            end += period;
        }
        Ok(())
    }

    /// One Insights object: an unusual rate of AssumeRole, start and end.
    pub(crate) fn insight(
        &mut self,
        organisation: &Organisation,
        time: i64,
        out: &mut VecDeque<LogObject>,
    ) -> Result<(), Error> {
        let Some(account) = organisation.accounts.first() else { return Ok(()) };
        let mut dice = Dice::new(self.seed, "insight", time as u64);
        let shared = crate::record::uuid(dice.wide());
        let average = |value: &str| Object::new().json("average", value).done();
        let region = account.home();
        let record = |state: &str, at: i64, dice: &mut Dice| {
            let statistics =
                Object::new().json("baseline", &average("0.41")).json("insight", &average("9.2"));
            let context = Object::new().json("statistics", &statistics.done()).done();
            let details = Object::new()
                .text("state", state)
                .text("eventSource", "sts.amazonaws.com")
                .text("eventName", "AssumeRole")
                .text("insightType", "ApiCallRateInsight")
                .json("insightContext", &context);
            Object::new()
                .text("eventVersion", "1.11")
                .text("eventTime", &rfc3339(at))
                .text("awsRegion", &region)
                .text("eventID", &crate::record::uuid(dice.wide()))
                .text("eventType", "AwsCloudTrailInsight")
                .text("recipientAccountId", &account.id)
                .text("sharedEventID", &shared)
                .json("insightDetails", &details.done())
                .text("eventCategory", "Insight")
                .done()
        };
        let text = format!(
            "{{\"Records\":[{},{}]}}",
            record("Start", time, &mut dice),
            record("End", time + 600, &mut dice)
        );
        let name = format!(
            "{}_CloudTrail-Insight_{region}_{}_{}.json.gz",
            account.id,
            stamp(time + 1_800),
            access_key("", dice.wide())
        );
        let path = format!("{}/{name}", organisation.folder(0, "CloudTrail-Insight", &region, time));
        let body = gzip(text.as_bytes())?;
        self.counts.insight_objects += 1;
        self.counts.compressed_bytes += body.len() as u64;
        out.push_back(LogObject { path, body, uncompressed: 0 });
        Ok(())
    }
}

/// Path, text and signature of one digest. The signature is invented: nobody has CloudTrail's key.
fn digest(
    organisation: &Organisation,
    seed: u64,
    (account, region): (usize, &Arc<str>),
    (from, until): (i64, i64),
    files: &[DigestEntry],
    chain: &Chain,
) -> (String, Vec<u8>, String) {
    let id = organisation.accounts.get(account).map(|account| account.id.clone()).unwrap_or_default();
    let home = organisation.accounts.get(organisation.security).map(|a| a.home()).unwrap_or_default();
    let at = crate::calendar::Moment::of(until);
    let name = format!(
        "{id}_CloudTrail-Digest_{region}_org-trail_{home}_{:04}{:02}{:02}T{:02}{:02}{:02}Z.json.gz",
        at.year, at.month, at.day, at.hour, at.minute, at.second
    );
    let path = format!("{}/{name}", organisation.folder(account, "CloudTrail-Digest", region, until));
    let or_null = |time: Option<i64>| time.map_or("null".to_owned(), |time| format!("\"{}\"", rfc3339(time)));
    let listed: Vec<String> = files
        .iter()
        .map(|file| {
            Object::new()
                .text("s3Bucket", &organisation.bucket)
                .text("s3Object", &file.path)
                .text("hashValue", &file.hash)
                .text("hashAlgorithm", "SHA-256")
                .json("newestEventTime", &or_null(file.newest))
                .json("oldestEventTime", &or_null(file.oldest))
                .done()
        })
        .collect();
    let mut object = Object::new()
        .text("awsAccountId", &id)
        .text("digestStartTime", &rfc3339(from))
        .text("digestEndTime", &rfc3339(until))
        .text("digestS3Bucket", &organisation.bucket)
        .text("digestS3Object", &path)
        .text(
            "digestPublicKeyFingerprint",
            &format!("{:032x}", organisation.stable("fingerprint", fnv(region))),
        )
        .text("digestSignatureAlgorithm", "SHA256withRSA")
        .json("newestEventTime", &or_null(files.iter().filter_map(|file| file.newest).max()))
        .json("oldestEventTime", &or_null(files.iter().filter_map(|file| file.oldest).min()));
    object = match &chain.previous {
        Some((path, hash, signature)) => object
            .text("previousDigestS3Bucket", &organisation.bucket)
            .text("previousDigestS3Object", path)
            .text("previousDigestHashValue", hash)
            .text("previousDigestHashAlgorithm", "SHA-256")
            .text("previousDigestSignature", signature),
        None => object
            .json("previousDigestS3Bucket", "null")
            .json("previousDigestS3Object", "null")
            .json("previousDigestHashValue", "null")
            .json("previousDigestHashAlgorithm", "null")
            .json("previousDigestSignature", "null"),
    };
    let text = object.json("logFiles", &format!("[{}]", listed.join(","))).done();
    let mut dice = Dice::new(seed, "signature", fnv(&path));
    let signature = (0..16).map(|_| format!("{:032x}", dice.wide())).collect();
    (path, text.into_bytes(), signature)
}

/// gzip without name and time. The bytes depend on the version of the deflate library, on nothing else.
fn gzip(text: &[u8]) -> Result<Vec<u8>, Error> {
    let out = Vec::with_capacity(text.len() / 6 + 64);
    let mut encoder = GzBuilder::new().mtime(0).write(out, Compression::new(6));
    encoder.write_all(text)?;
    Ok(encoder.finish()?)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
