//! What lies in folders. Listing is the system's work and the only part of a run that no object can be read beside, so
//! many folders are listed side by side.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder to search, and its path without links in it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) real: PathBuf,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Folder {
        Folder { path: path.to_owned(), real: real(path) }
    }

    /// A folder in this one.
    pub(super) fn inner(&self, entry: &Entry) -> Folder {
        let path = self.path.join(&*entry.name);
        // Asking for it takes a call for each part of the path.
        let real = if entry.is_link { real(&path) } else { self.real.join(&*entry.name) };
        Folder { path, real }
    }
}

/// The path without links in it; as it is where that cannot be told.
pub(super) fn real(path: &Path) -> PathBuf {
    let named = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    fs::canonicalize(named).unwrap_or_else(|_| path.to_owned())
}

/// One name in a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Box<OsStr>,
    pub(super) is_folder: bool,
    pub(super) is_link: bool,
    /// A pipe, a socket or a device. Reading one that merely lies in a folder could wait for ever.
    pub(super) is_stream: bool,
}

/// What lies in each of the folders, in no order.
pub(super) fn list_each(folders: &[Folder], threads: usize) -> Vec<io::Result<Vec<Entry>>> {
    // To start a thread takes as long as to list a small folder.
    let fewest = 8;
    let share = folders.len().div_ceil(threads.max(1)).max(fewest);
    let (ours, others) = folders.split_at(share.min(folders.len()));
    std::thread::scope(|scope| {
        let others: Vec<_> =
            others.chunks(share).map(|share| (share, scope.spawn(move || list_all(share)))).collect();
        let mut listed = list_all(ours);
        for (share, other) in others {
            // A panic is a fault of ours, and each of these folders must be accounted for.
            listed.extend(other.join().unwrap_or_else(|_| list_all(share)));
        }
        listed
    })
}

fn list_all(folders: &[Folder]) -> Vec<io::Result<Vec<Entry>>> {
    folders.iter().map(|folder| list(&folder.path)).collect()
}

fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let kind = entry.file_type()?;
        let is_link = kind.is_symlink();
        // A link that leads nowhere is taken for a file, whose opening then fails and is told.
        let kind =
            if is_link { fs::metadata(entry.path()).map_or(kind, |data| data.file_type()) } else { kind };
        let is_stream = !kind.is_dir() && !kind.is_file() && !kind.is_symlink();
        Ok(Entry { name: entry.file_name().into(), is_folder: kind.is_dir(), is_link, is_stream })
    };
    fs::read_dir(folder)?.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_listed_in_their_order_by_any_number_of_threads() {
        let root = tempfile::tempdir().unwrap();
        let folders: Vec<Folder> = (0..40)
            .map(|n| {
                let path = root.path().join(n.to_string());
                // Each fifth is not there.
                if n % 5 > 0 {
                    fs::create_dir(&path).unwrap();
                    fs::write(path.join(format!("{n}.json")), "").unwrap();
                }
                Folder::new(&path)
            })
            .collect();
        for threads in [0, 1, 2, 3, 5, 100] {
            let listed = list_each(&folders, threads);
            let names: Vec<Option<String>> = listed
                .into_iter()
                .map(|found| Some(found.ok()?.first()?.name.to_string_lossy().into_owned()))
                .collect();
            let expected: Vec<Option<String>> =
                (0..40).map(|n| (n % 5 > 0).then(|| format!("{n}.json"))).collect();
            assert_eq!(names, expected, "{threads} threads");
        }
        assert!(list_each(&[], 2).is_empty());
    }
}
