//! Which objects there are to read, and in which order.
//!
//! The order is that of time: the delivery stamp in the name of a log file, else the time of the first event in
//! it; equals go by folder and name. So it depends neither on the order of the arguments nor on that of a directory, and
//! findings become known roughly as they did when the logs were written.
//!
//! What stays in memory is a list of names: a file name and a shared folder for each object, about 100 bytes.

use crate::encoding::decoded;
use crate::troubles::{InputProblem, Troubles};
use input::Place;
#[cfg(feature = "aws")]
use kmswatch_aws::objects::listing::Wanted;
use kmswatch_engine::pipeline::Filter;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::trail::{first_event_time, object_key};
use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walk::{Entry, Folder, real};

pub(crate) use input::{Input, Opened};

#[cfg(feature = "aws")]
use crate::bucket::{self, Bucket};

mod input;
mod walk;

/// Endings of files that a folder is searched for. A file that is named on the command line is always read.
const ENDINGS: [&str; 5] = [".json", ".gz", ".ndjson", ".jsonl", ".log"];

/// The folder that CloudTrail begins its keys with, after the prefix of the trail.
const LOG_ROOT: &str = "AWSLogs";

/// Folders that are listed side by side. All that lies in them is in memory for a moment, also what is no log.
const LISTED: usize = 256;

/// All objects below some paths.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// The objects, in the order in which they are to be absorbed.
    pub(crate) list: Vec<Input>,
    /// Accounts in whose folders logs lie: ours, since only own accounts deliver to own trails.
    pub(crate) accounts: BTreeSet<String>,
}

/// What is looked for in a bucket, where listing costs time.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "aws"), allow(dead_code))]
pub(crate) struct Wish {
    /// Events that are wanted. Files and folders are read whole.
    pub(crate) filter: Filter,
    /// Folder in which objects are kept.
    pub(crate) cache: Option<PathBuf>,
    /// A file to read in the place of standard input: a copy of it.
    pub(crate) stdin: Option<Arc<Path>>,
}

/// Finds the objects below `paths` and puts them in order. What cannot be listed goes to `troubles`.
pub(crate) fn find(paths: &[PathBuf], wish: &Wish, threads: usize, troubles: &mut Troubles) -> Inputs {
    let mut search = Search {
        wish,
        threads,
        troubles,
        named: HashSet::new(),
        folders: HashSet::new(),
        candidates: 0,
        inputs: Inputs::default(),
    };
    let mut paths: Vec<(bool, &PathBuf)> = paths.iter().map(|path| (path.is_dir(), path)).collect();
    // Files before folders, each by name: what is named twice is told by the same name, whatever the order of
    // the arguments.
    paths.sort();
    for (is_folder, path) in paths {
        if is_folder { search.folder(path) } else { search.named(path) }
    }
    let mut inputs = search.inputs;
    look_up_times(&mut inputs.list, threads);
    inputs.list.sort_by(|a, b| a.order().cmp(&b.order()));
    inputs
}

struct Search<'a> {
    wish: &'a Wish,
    threads: usize,
    troubles: &'a mut Troubles,
    /// Real paths of the files named on the command line: one that lies in a folder as well is read once.
    named: HashSet<PathBuf>,
    /// Real paths of the folders already searched: it ends circles of links, too.
    folders: HashSet<PathBuf>,
    /// Files that are worth reading, also those met before.
    candidates: u64,
    inputs: Inputs,
}

impl Search<'_> {
    fn named(&mut self, path: &Path) {
        if path == Path::new("-") {
            if self.named.insert(path.to_owned()) {
                self.inputs.list.push(Input {
                    place: Place::Stdin { copy: self.wish.stdin.clone() },
                    maybe_no_log: false,
                    time: None,
                    is_stamped: false,
                });
            }
            return;
        }
        if path.as_os_str().as_encoded_bytes().starts_with(b"s3://") {
            return self.bucket(path);
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            // Only `..` and `/` end without a name, and both are folders where they exist.
            return self.fail(path, "no such file or folder");
        };
        match fs::metadata(path) {
            Ok(_) if self.named.insert(real(folder).join(name)) => {
                self.take(&folder.into(), name.into(), Found::Named);
            }
            Ok(_) => {}
            Err(error) => self.fail(path, &error.to_string()),
        }
    }

    /// Takes every log below a prefix of a bucket.
    #[cfg(feature = "aws")]
    fn bucket(&mut self, path: &Path) {
        let Some((name, prefix)) = bucket::address(path) else {
            return self.fail(path, "the address is not UTF-8");
        };
        let Filter { since, until, accounts, regions } = self.wish.filter.clone();
        let wanted = Wanted { since, until, accounts, regions };
        let (bucket, listed) = match Bucket::list(name, prefix, wanted, self.wish.cache.clone()) {
            Ok(found) => found,
            Err(error) => return self.fail(path, &format!("the bucket cannot be listed: {error:#}")),
        };
        self.inputs.accounts.extend(listed.accounts);
        if listed.objects.is_empty() {
            self.fail(
                path,
                "no log files below this prefix that --since, --until, --account and --region let pass",
            );
        }
        let bucket = Arc::new(bucket);
        for object in listed.objects {
            let name = self.learn(&object.key);
            let place =
                Place::Object { bucket: Arc::clone(&bucket), key: object.key.into(), bytes: object.bytes };
            self.add(place, name, Found::InFolder);
        }
    }

    #[cfg(not(feature = "aws"))]
    fn bucket(&mut self, path: &Path) {
        self.fail(path, "this kmswatch was built without AWS: build it with --features aws");
    }

    /// Takes every log below a folder, level by level.
    fn folder(&mut self, root: &Path) {
        let first = Folder::new(root);
        if self.folders.contains(&first.real) {
            return;
        }
        let before = self.candidates;
        let mut level = vec![first];
        while !level.is_empty() {
            level.retain(|folder| self.folders.insert(folder.real.clone()));
            let mut next = Vec::new();
            for folders in level.chunks(LISTED) {
                for (folder, entries) in folders.iter().zip(walk::list_each(folders, self.threads)) {
                    match entries {
                        Ok(entries) => self.entries(folder, entries, &mut next),
                        Err(error) => {
                            self.fail(&folder.path, &format!("the folder cannot be listed: {error}"));
                        }
                    }
                }
            }
            // Of two ways to one folder the first is taken, whatever the order in which the system lists.
            next.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
            level = next;
        }
        if self.candidates == before {
            // Nothing found in logs that were not there would be a false comfort.
            self.fail(root, &format!("no log files below this folder (looked for {})", ENDINGS.join(", ")));
        }
    }

    /// Takes the files of a folder, and gives its folders to `inner`.
    ///
    /// Beside a tree of `AWSLogs` lie notes, labels and indexes about it, but no logs: there, only the tree counts.
    fn entries(&mut self, folder: &Folder, entries: Vec<Entry>, inner: &mut Vec<Folder>) {
        let holds_root = entries.iter().any(|entry| entry.is_folder && *entry.name == *LOG_ROOT);
        let shared: Arc<Path> = folder.path.as_path().into();
        let mut ignored = Vec::new();
        for entry in entries {
            let bytes = entry.name.as_encoded_bytes();
            let is_log = !entry.is_stream && ENDINGS.iter().any(|end| bytes.ends_with(end.as_bytes()));
            let worth_it = match holds_root {
                true => entry.is_folder && *entry.name == *LOG_ROOT,
                false => entry.is_folder || is_log,
            };
            if !worth_it {
                ignored.push(entry.name);
            } else if entry.is_folder {
                inner.push(folder.inner(&entry));
            } else {
                self.candidates += 1;
                if self.named.is_empty() || !self.named.contains(&folder.real.join(&*entry.name)) {
                    self.take(&shared, entry.name, Found::InFolder);
                }
            }
        }
        ignored.sort();
        ignored
            .iter()
            .for_each(|name| self.troubles.ignored.push(shared.join(&**name).display().to_string()));
    }

    fn take(&mut self, folder: &Arc<Path>, name: Box<OsStr>, found: Found) {
        let key = name.to_str().map(|name| self.learn(name)).unwrap_or_default();
        self.add(Place::File { folder: Arc::clone(folder), name }, key, found);
    }

    /// Whether CloudTrail writes objects of this name, and when it delivered this one. Learns whose log it is.
    fn learn(&mut self, name: &str) -> Name {
        let Some(key) = object_key::parse(name) else { return Name::default() };
        if !self.inputs.accounts.contains(key.account) {
            self.inputs.accounts.insert(key.account.to_owned());
        }
        Name { is_known: true, delivered: key.delivered }
    }

    fn add(&mut self, place: Place, name: Name, found: Found) {
        self.inputs.list.push(Input {
            place,
            maybe_no_log: !name.is_known && found == Found::InFolder,
            time: name.delivered,
            is_stamped: name.delivered.is_some(),
        });
    }

    fn fail(&mut self, path: &Path, message: &str) {
        self.troubles.unread(InputProblem::whole(path.display().to_string(), message));
    }
}

/// What the name of an object tells.
#[derive(Clone, Copy, Debug, Default)]
struct Name {
    is_known: bool,
    delivered: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Named,
    InFolder,
}

/// Finds the time of the first event in all files without a stamp in their name, side by side, since it means
/// opening each of them. A lone file needs no order.
fn look_up_times(inputs: &mut [Input], threads: usize) {
    if inputs.len() < 2 {
        return;
    }
    let share = inputs.len().div_ceil(threads.max(1));
    std::thread::scope(|scope| {
        for chunk in inputs.chunks_mut(share) {
            scope.spawn(move || {
                for input in chunk.iter_mut().filter(|input| input.time.is_none()) {
                    input.time = first_event(input);
                }
            });
        }
    });
}

/// Bytes of a file, as it is stored, in which the first event is looked for.
const HEAD: u64 = 64 << 10;

fn first_event(input: &Input) -> Option<Timestamp> {
    match &input.place {
        // It can be read only once, and so can a pipe with a name, such as the shell makes of `<(zcat log)`.
        Place::Stdin { .. } => None,
        // It would be fetched twice. What CloudTrail has written has its time in its name.
        #[cfg(feature = "aws")]
        Place::Object { .. } => None,
        Place::File { .. } if !fs::metadata(input.path()).is_ok_and(|data| data.is_file()) => None,
        Place::File { .. } => {
            let mut head = Vec::new();
            decoded(File::open(input.path()).ok()?).take(HEAD).read_to_end(&mut head).ok()?;
            first_event_time(&head).map(|(time, _)| time)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_in_order_of_time_whatever_their_names() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        file("z.json", r#"{"Records":[{"eventVersion":"1.11","eventTime":"2026-05-01T00:00:00Z"}]}"#);
        file("111122223333_CloudTrail_eu-west-1_20260504T1015Z_x.json.gz", "");
        file("a.json", r#"{"Records":[{"eventTime":"2026-05-09T00:00:00Z"}]}"#);
        file("b.json", "{}");
        let mut troubles = Troubles::default();
        let paths = [folder.path().to_owned(), PathBuf::from("-")];
        let inputs = find(&paths, &Wish::default(), 2, &mut troubles);
        let names: Vec<String> = inputs
            .list
            .iter()
            .map(|input| input.name().rsplit('/').next().unwrap_or_default().chars().take(6).collect())
            .collect();
        assert_eq!(names, ["z.json", "111122", "a.json", "-", "b.json"]);
        assert_eq!(inputs.accounts.iter().collect::<Vec<_>>(), ["111122223333"]);
        assert_eq!(troubles, Troubles::default());
    }
    #[cfg(unix)]
    #[test]
    fn a_file_is_read_once_by_the_first_of_its_names_whatever_leads_to_it() {
        let root = tempfile::TempDir::new().unwrap();
        let stamped = |name: &str| format!("111122223333_CloudTrail_eu-west-1_20260504T1015Z_{name}.json.gz");
        for folder in ["a", "b", "a/deep"] {
            fs::create_dir(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join(stamped(&folder.replace('/', ""))), "").unwrap();
        }
        // A circle, and a second way to `b` that comes before it by name.
        std::os::unix::fs::symlink(root.path(), root.path().join("a/deep/root")).unwrap();
        std::os::unix::fs::symlink(root.path().join("b"), root.path().join("also")).unwrap();
        for threads in [1, 4] {
            let mut troubles = Troubles::default();
            let inputs = find(&[root.path().to_owned()], &Wish::default(), threads, &mut troubles);
            let below = |input: &Input| input.path().strip_prefix(root.path()).unwrap().display().to_string();
            let names: Vec<String> = inputs.list.iter().map(below).collect();
            let expected = [("a", "a"), ("a/deep", "adeep"), ("also", "b")]
                .map(|(folder, name)| format!("{folder}/{}", stamped(name)));
            assert_eq!(names, expected);
            assert_eq!(troubles, Troubles::default());
        }
    }
}
