//! The file in which one run leaves what it knows to the next.

use anyhow::{Context, bail};
use kmswatch_engine::pipeline::Watch;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// The bytes of a saved state.
pub(crate) fn load(file: &Path) -> anyhow::Result<Vec<u8>> {
    match fs::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{} does not exist: begin with `--save` alone, which makes it", file.display())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// A file that can be written, made before hours of reading and put in place after them.
pub(crate) fn create(file: &Path) -> anyhow::Result<NamedTempFile> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).with_context(|| format!("cannot write to {}", folder.display()))
}

/// Writes what `watch` knows. Whoever dies in between leaves the file as it was.
pub(crate) fn write(mut new: NamedTempFile, file: &Path, watch: &Watch) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", file.display());
    new.write_all(&watch.save()?).with_context(failed)?;
    new.as_file().sync_all().with_context(failed)?;
    new.persist(file).with_context(failed)?;
    Ok(())
}
