//! One object to read: what it is called, where it lies, and how it is opened.

use crate::folders::Folders;
use kmswatch_engine::time::Timestamp;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "aws")]
use crate::bucket::Bucket;

/// One object to read.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(super) place: Place,
    /// Found in a folder under a name that CloudTrail does not write, so that it may well be something else.
    pub(crate) maybe_no_log: bool,
    /// The delivery stamp, else the time of the first event: everything before it in the list was there by then.
    pub(crate) time: Option<Timestamp>,
    /// Whether the time is the delivery stamp in the name.
    pub(crate) is_stamped: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Stdin {
        copy: Option<Arc<Path>>,
    },
    File {
        folder: Arc<Path>,
        name: Box<OsStr>,
    },
    #[cfg(feature = "aws")]
    Object {
        bucket: Arc<Bucket>,
        key: Box<str>,
        bytes: u64,
    },
}

impl Place {
    /// The folder or bucket, and the name in it.
    fn parts(&self) -> (&OsStr, &OsStr) {
        match self {
            Place::Stdin { .. } => (OsStr::new(""), OsStr::new("-")),
            Place::File { folder, name } => (folder.as_os_str(), name),
            #[cfg(feature = "aws")]
            Place::Object { bucket, key, .. } => (OsStr::new(bucket.name()), OsStr::new(&**key)),
        }
    }
}

impl Input {
    /// Inputs are read in this order: without any time, and standard input, last. It borrows, since a run has thousands.
    pub(super) fn order(&self) -> impl Ord {
        (self.time.is_none(), self.time, self.place.parts())
    }

    /// What people call it: the path as it was named or found, or `-`.
    pub(crate) fn name(&self) -> String {
        match &self.place {
            Place::Stdin { .. } => "-".to_owned(),
            Place::File { .. } => self.path().display().to_string(),
            #[cfg(feature = "aws")]
            Place::Object { bucket, key, .. } => bucket.address_of(key),
        }
    }

    /// Opens it, from its folder if it has one.
    pub(crate) fn open(&self, folders: &mut Folders) -> io::Result<Opened> {
        match &self.place {
            Place::Stdin { copy: None } => Ok(Opened::Stdin(io::stdin())),
            Place::Stdin { copy: Some(copy) } => File::open(copy).map(Opened::File),
            Place::File { folder, name } => folders.open(folder, name).map(Opened::File),
            #[cfg(feature = "aws")]
            Place::Object { bucket, key, bytes } => {
                bucket.get(key, *bytes).map(|bytes| Opened::Bytes(io::Cursor::new(bytes)))
            }
        }
    }

    /// Bytes to read; `None` where that cannot be known before.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match &self.place {
            Place::Stdin { copy } => fs::metadata(copy.as_ref()?).ok().map(|data| data.len()),
            Place::File { .. } => fs::metadata(self.path()).ok().map(|data| data.len()),
            #[cfg(feature = "aws")]
            Place::Object { bytes, .. } => Some(*bytes),
        }
    }

    /// Whether it comes over the network, so that more should be read side by side than there are cores.
    pub(crate) fn is_remote(&self) -> bool {
        match &self.place {
            #[cfg(feature = "aws")]
            Place::Object { .. } => true,
            Place::Stdin { .. } | Place::File { .. } => false,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        match &self.place {
            Place::File { folder, name } => folder.join(&**name),
            _ => PathBuf::new(),
        }
    }
}

/// An open input.
pub(crate) enum Opened {
    /// A file.
    File(File),
    /// Standard input.
    Stdin(io::Stdin),
    /// What was fetched.
    #[cfg(feature = "aws")]
    Bytes(io::Cursor<Vec<u8>>),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Opened::File(file) => file.read(buffer),
            Opened::Stdin(stdin) => stdin.read(buffer),
            #[cfg(feature = "aws")]
            Opened::Bytes(bytes) => bytes.read(buffer),
        }
    }
}
