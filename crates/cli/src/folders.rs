//! Files opened from their folder.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The folders from which files were opened last, kept open: for each file the system need not walk down a path of
/// a dozen names, which takes as long as reading a small object.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    #[cfg(unix)]
    open: std::collections::VecDeque<(Arc<Path>, std::os::fd::OwnedFd)>,
}

impl Folders {
    /// Folders that are kept open: those of the accounts and Regions whose objects of one day are read by turns.
    #[cfg(unix)]
    const MOST: usize = 48;

    /// Opens the file of this name in `folder`.
    ///
    /// # Errors
    ///
    /// Those of [`File::open`].
    #[cfg(unix)]
    pub(crate) fn open(&mut self, folder: &Arc<Path>, name: &OsStr) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        // A folder that cannot be listed any more may still be walked through.
        let Some(from) = self.opened(folder) else { return File::open(folder.join(name)) };
        let open = || openat(from, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        Ok(File::from(rustix::io::retry_on_intr(open)?))
    }

    /// The folder itself, if it can be opened.
    #[cfg(unix)]
    fn opened(&mut self, folder: &Arc<Path>) -> Option<&std::os::fd::OwnedFd> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let known = self.open.iter().position(|(path, _)| Arc::ptr_eq(path, folder));
        let at = match known {
            Some(at) => at,
            None => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let opened = openat(CWD, &**folder, flags, Mode::empty()).ok()?;
                if self.open.len() >= Self::MOST {
                    self.open.pop_front();
                }
                self.open.push_back((Arc::clone(folder), opened));
                self.open.len() - 1
            }
        };
        self.open.get(at).map(|(_, opened)| opened)
    }

    /// Opens the file of this name in `folder`.
    ///
    /// # Errors
    ///
    /// Those of [`File::open`].
    #[cfg(not(unix))]
    pub(crate) fn open(&mut self, folder: &Arc<Path>, name: &OsStr) -> io::Result<File> {
        File::open(folder.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn files_of_more_folders_than_are_kept_open_are_all_read_and_what_is_missing_is_told_as_ever() {
        let root = tempfile::tempdir().unwrap();
        let all: Vec<Arc<Path>> = (0..100)
            .map(|n| {
                let folder = root.path().join(n.to_string());
                std::fs::create_dir(&folder).unwrap();
                std::fs::write(folder.join("a"), n.to_string()).unwrap();
                Arc::from(folder)
            })
            .collect();
        let mut folders = Folders::default();
        for _ in 0..2 {
            for (n, folder) in all.iter().enumerate() {
                let mut text = String::new();
                folders.open(folder, OsStr::new("a")).unwrap().read_to_string(&mut text).unwrap();
                assert_eq!(text, n.to_string());
                let ours = folders.open(folder, OsStr::new("b")).unwrap_err();
                assert_eq!(ours.to_string(), File::open(folder.join("b")).unwrap_err().to_string());
            }
        }
        let missing: Arc<Path> = Arc::from(root.path().join("none"));
        let ours = folders.open(&missing, OsStr::new("a")).unwrap_err();
        assert_eq!(ours.kind(), io::ErrorKind::NotFound);
    }
}
