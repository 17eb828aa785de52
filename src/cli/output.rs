//! Where findings are written.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::exit::{Ended, Failure};

/// Standard output, or a file that appears under its name only when it is complete.
///
/// The file is made beside its final place, readable by its owner only, because it lists where
/// secrets lie; [`Output::commit`] syncs and renames it. A file that stood there is replaced then
/// and not before.
pub(super) enum Output {
    Standard,
    File { path: PathBuf, file: NamedTempFile },
}

impl Output {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Standard);
        }
        if path.is_dir() {
            return Err(Failure::usage(format!(
                "{} is a directory, expected the name of a file to write",
                path.display()
            )));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        // tempfile makes files with mode 0600.
        let file = NamedTempFile::new_in(folder).map_err(|error| {
            Failure::usage(format!("cannot write {}: {error}", path.display()))
        })?;
        Ok(Self::File { path: path.to_owned(), file })
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File { .. })
    }

    /// A writer for the report; a file is written through a buffer that [`Write::flush`] empties.
    pub(super) fn writer(&self) -> Result<Box<dyn Write>, Failure> {
        match self {
            Self::Standard => Ok(Box::new(io::stdout())),
            Self::File { path, file } => {
                let handle = file.as_file().try_clone().map_err(|error| Failure {
                    ended: Ended::Transient,
                    message: format!("cannot write {}: {error}", path.display()),
                })?;
                Ok(Box::new(handle))
            }
        }
    }

    /// Gives a file its name.
    pub(super) fn commit(self) -> Result<(), Failure> {
        let Self::File { path, file } = self else { return Ok(()) };
        let failed = |error: io::Error| Failure {
            ended: Ended::Transient,
            message: format!("cannot write {}: {error}", path.display()),
        };
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        // The rename itself must survive a power cut.
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(())
    }
}
