//! Logs in S3: a bucket as one more place to read from.
//!
//! Whoever reads waits for its object; so many read side by side that the network is busy. With `--cache` each object
//! is kept in a folder once it is whole, and a run that was interrupted goes on with what lies there.

use anyhow::{Context, bail};
use kmswatch_aws::clients::Clients;
use kmswatch_aws::objects::listing::{Listing, Wanted};
use kmswatch_aws::objects::s3::S3Objects;
use kmswatch_aws::objects::{ObjectRef, Objects};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use tokio::runtime::{Builder, Handle};

/// Objects with more bytes, compressed as they are, are not read. CloudTrail writes at most 50 MB before compression.
const LARGEST: u64 = 256 << 20;

/// Bucket and prefix of an address, `s3://bucket/prefix`.
pub(crate) fn address(path: &Path) -> Option<(&str, &str)> {
    let rest = path.to_str()?.strip_prefix("s3://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// Waits for what AWS has to do, on a thread of its own.
pub(crate) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> anyhow::Result<T> {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    let handle = match HANDLE.get() {
        Some(handle) => handle,
        None => {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
            HANDLE.get_or_init(|| handle)
        }
    };
    let (sender, receiver) = mpsc::channel();
    handle.spawn(async move {
        // Nobody waits any more only if the command has ended.
        let _ = sender.send(work.await);
    });
    receiver.recv().context("a fault of kmswatch itself: work for AWS has ended without a result")
}

/// A bucket, and where its objects are kept.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    name: String,
    objects: S3Objects,
    cache: Option<PathBuf>,
}

impl Bucket {
    /// The bucket of this name, wherever it is, and what below the prefix is wanted.
    pub(crate) fn list(
        name: &str,
        prefix: &str,
        wanted: Wanted,
        cache: Option<PathBuf>,
    ) -> anyhow::Result<(Bucket, Listing)> {
        if name.is_empty() {
            bail!("write s3://bucket or s3://bucket/prefix");
        }
        let (bucket, prefix) = (name.to_owned(), prefix.to_owned());
        let (objects, listed) = wait(async move {
            let objects = Clients::connect().await.objects_of(&bucket).await?;
            let listed = objects.list(&bucket, &prefix, &wanted).await?;
            Ok::<_, kmswatch_aws::objects::ObjectError>((objects, listed))
        })??;
        Ok((Bucket { name: name.to_owned(), objects, cache }, listed))
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What people call an object of it.
    pub(crate) fn address_of(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// The bytes of an object of this size.
    pub(crate) fn get(&self, key: &str, bytes: u64) -> io::Result<Vec<u8>> {
        let kept = self.cache.as_deref().and_then(|cache| place(cache, &self.name, key));
        if let Some(place) = &kept
            && fs::metadata(place).is_ok_and(|data| data.len() == bytes)
        {
            return fs::read(place);
        }
        let (objects, object) = (self.objects.clone(), ObjectRef::new(&self.name, key));
        let got = wait(async move { objects.get(&object, LARGEST).await }).map_err(io::Error::other)?;
        let got = got.map_err(io::Error::other)?;
        if let Some(place) = &kept {
            keep(place, &got).map_err(|error| {
                io::Error::new(error.kind(), format!("it cannot be kept in the cache: {error}"))
            })?;
        }
        Ok(got)
    }
}

/// Where an object is kept; `None` for a name that is no path below the folder.
fn place(cache: &Path, bucket: &str, key: &str) -> Option<PathBuf> {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    let is_path = is_name(bucket) && key.split('/').all(is_name);
    is_path.then(|| cache.join(bucket).join(key))
}

/// Writes a file that is whole or not there.
fn keep(place: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = place.as_os_str().to_owned();
    name.push(".part");
    fs::write(&name, bytes)?;
    fs::rename(&name, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        let of = |text: &'static str| address(Path::new(text));
        assert_eq!(of("s3://logs/AWSLogs/1"), Some(("logs", "AWSLogs/1")));
        assert_eq!(of("s3://logs"), Some(("logs", "")));
        assert_eq!(of("./s3/logs"), None);
    }

    #[test]
    fn no_name_of_an_object_leads_out_of_the_cache() {
        let cache = Path::new("cache");
        assert_eq!(place(cache, "b", "a/b.json.gz"), Some(PathBuf::from("cache/b/a/b.json.gz")));
        for key in ["../x", "a/../../x", "/etc/passwd", "a//b", ".", "C:\\x", ""] {
            assert_eq!(place(cache, "b", key), None, "{key}");
        }
    }

    #[test]
    fn what_is_kept_is_whole() {
        let folder = tempfile::TempDir::new().unwrap();
        let place = folder.path().join("a/b");
        keep(&place, b"one").unwrap();
        keep(&place, b"two").unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }
}
