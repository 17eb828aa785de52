//! What to search, and as what.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::image::is_first_piece;
use crate::volume::{self, Layout};

/// How the user wants inputs to be treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Treatment {
    /// As a disk if it is recognised as one, else as a file or directory.
    #[default]
    Auto,
    /// As a disk: findings carry offsets.
    Image,
    /// As files: findings carry path, line and column.
    Tree,
    /// As files with cloud deployments: findings carry deployment, resource and pointer besides.
    Deployment,
}

/// One thing to search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A disk image or block device; the layout if it was recognised.
    Image(PathBuf, Option<Layout>),
    /// A single file.
    File(PathBuf),
    /// A directory with everything below it.
    Tree(PathBuf),
    /// Standard input.
    Standard,
}

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It cannot be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The input.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A directory was to be treated as a disk.
    #[error("{path} is a directory, expected a disk image; leave out `--as image`", path = .0.display())]
    NotAnImage(PathBuf),
    /// It is not something that can be mapped.
    #[error("{path} is neither a file, a directory nor a block device; to search a pipe, give `-` \
             and pipe it in", path = .0.display())]
    NotAFile(PathBuf),
}

impl Input {
    /// Looks at what the user named. `-` is standard input.
    ///
    /// # Errors
    /// When it does not exist, cannot be read, or does not fit the treatment.
    pub fn open(path: &Path, treatment: Treatment) -> Result<Self, InputError> {
        if path == Path::new("-") {
            return Ok(Self::Standard);
        }
        let failed = |source| InputError::Io {
            path: path.to_owned(),
            source,
        };
        let kind = fs::metadata(path).map_err(failed)?.file_type();
        if kind.is_dir() {
            // Reading it now gives the user a clear error instead of an empty result.
            fs::read_dir(path).map_err(failed)?;
            return match treatment {
                Treatment::Image => Err(InputError::NotAnImage(path.to_owned())),
                Treatment::Auto | Treatment::Tree | Treatment::Deployment => {
                    Ok(Self::Tree(path.to_owned()))
                }
            };
        }
        let device = is_block_device(kind);
        if !kind.is_file() && !device {
            return Err(InputError::NotAFile(path.to_owned()));
        }
        let layout = layout_of(path).map_err(failed)?;
        let as_image = match treatment {
            Treatment::Image => true,
            Treatment::Tree | Treatment::Deployment => false,
            Treatment::Auto => device || layout.is_some() || is_first_piece(path),
        };
        Ok(if as_image {
            Self::Image(path.to_owned(), layout)
        } else {
            Self::File(path.to_owned())
        })
    }

    /// The name used in records.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Image(path, _) | Self::File(path) | Self::Tree(path) => {
                path.to_string_lossy().into_owned()
            }
            Self::Standard => "-".to_owned(),
        }
    }

    /// Why what was read is not the whole truth, if it is not.
    #[must_use]
    pub fn caveat(&self) -> Option<String> {
        let Self::Image(path, Some(layout)) = self else {
            return None;
        };
        let consequence = match layout {
            Layout::Encrypted(_) => "its content is encrypted and could not be searched",
            // The other containers are opened, or are an error.
            Layout::Container("EWF2") => {
                "it was searched as it lies, and what it compresses was not seen; export it as raw \
                 or as EWF version 1 (.E01) for a complete scan"
            }
            _ => return None,
        };
        Some(format!("{} is a {layout}: {consequence}", path.display()))
    }
}

/// Reads the first and last bytes and asks [`volume::recognise`].
fn layout_of(path: &Path) -> io::Result<Option<Layout>> {
    const HEAD: u64 = 68 * 1024;
    const TAIL: u64 = 512;
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    let len = file.seek(SeekFrom::End(0))?;
    let mut tail = Vec::new();
    if len >= TAIL {
        file.seek(SeekFrom::Start(len - TAIL))?;
        file.take(TAIL).read_to_end(&mut tail)?;
    }
    Ok(volume::recognise(&head, &tail))
}

#[cfg(unix)]
fn is_block_device(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&kind)
}

#[cfg(not(unix))]
fn is_block_device(_: fs::FileType) -> bool {
    false
}
