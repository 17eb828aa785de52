//! Where findings are written.

use std::fs::{self, File, OpenOptions};
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
    /// Something that is not a regular file, such as a named pipe: written as it is.
    Special {
        path: PathBuf,
        file: File,
    },
    File {
        path: PathBuf,
        file: NamedTempFile,
    },
}

impl Output {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Standard);
        }
        let unusable =
            |error: io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
        // The file behind a link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let kind = fs::metadata(&path)
            .map(|metadata| metadata.file_type())
            .ok();
        if kind.is_some_and(|kind| kind.is_dir()) {
            return Err(Failure::usage(format!(
                "{} is a directory, expected the name of a file to write",
                path.display()
            )));
        }
        if kind.is_some_and(|kind| !kind.is_file()) {
            let file = OpenOptions::new()
                .write(true)
                .open(&path)
                .map_err(unusable)?;
            return Ok(Self::Special { path, file });
        }
        // tempfile makes files with mode 0600.
        let file = NamedTempFile::new_in(folder_of(&path)).map_err(unusable)?;
        Ok(Self::File { path, file })
    }

    pub(super) fn is_file(&self) -> bool {
        !matches!(self, Self::Standard)
    }

    /// A writer for the report.
    pub(super) fn writer(&self) -> Result<Box<dyn Write>, Failure> {
        let (path, handle) = match self {
            Self::Standard => return Ok(Box::new(io::stdout())),
            Self::Special { path, file } => (path, file.try_clone()),
            Self::File { path, file } => (path, file.as_file().try_clone()),
        };
        Ok(Box::new(
            handle.map_err(|error| cannot_write(path, &error))?,
        ))
    }

    /// Gives a file its name.
    pub(super) fn commit(self) -> Result<(), Failure> {
        let Self::File { path, file } = self else {
            return Ok(());
        };
        let failed = |error: io::Error| cannot_write(&path, &error);
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        // The rename itself must survive a power cut.
        #[cfg(unix)]
        File::open(folder_of(&path))
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(())
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure {
        ended: Ended::Transient,
        message: format!("cannot write {}: {error}", path.display()),
    }
}

/// The folder a file lies in.
fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
