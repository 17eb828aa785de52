//! Why an input cannot be opened, in words for the person who named it.

use std::io;
use std::path::PathBuf;

use crate::unit::ImageOffset;

/// Why an image cannot be searched. Paths are shown quoted, so that control characters in a
/// hostile name do not reach a terminal.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Nothing has this name.
    #[error("{path:?} does not exist; check the spelling, and that its disk is mounted")]
    Missing {
        /// As it was named.
        path: PathBuf,
    },
    /// A directory was named where one file was expected.
    #[error(
        "{path:?} is a directory where an image or a file was expected; search the files in it \
         with --as tree"
    )]
    Directory {
        /// As it was named.
        path: PathBuf,
    },
    /// A pipe, socket or character device: it has no length and cannot be mapped.
    #[error(
        "{path:?} is a {kind}, which has no fixed length; feed it through standard input: \
         keydredge scan - < {path:?}"
    )]
    NotAFile {
        /// As it was named.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The operating system refuses.
    #[error(
        "{path:?} may not be read by this user; ask its owner, or run as one who may (for a block \
         device usually root)"
    )]
    Denied {
        /// As it was named.
        path: PathBuf,
    },
    /// A block device that does not tell its length.
    #[error(
        "{path:?} is a block device of unknown length; check that a medium is inserted, or feed \
         it through standard input: keydredge scan - < {path:?}"
    )]
    NoLength {
        /// As it was named.
        path: PathBuf,
    },
    /// Opening failed in some other way.
    #[error("{path:?} cannot be opened: {reason}")]
    Open {
        /// As it was named.
        path: PathBuf,
        /// The operating system's answer.
        reason: io::Error,
    },
    /// It opened, but this file system or this machine's address space cannot map it. The bytes
    /// can still be read as a [`Stream`](super::Stream).
    #[error(
        "{path:?} cannot be mapped into memory: {reason}; copy it to a local disk, or feed it \
         through standard input: keydredge scan - < {path:?}"
    )]
    Map {
        /// As it was named.
        path: PathBuf,
        /// The operating system's answer.
        reason: io::Error,
    },
    /// A structure of a container is not what its format demands.
    #[error("{path:?}: at {at}: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        at: ImageOffset,
        /// What was found and what was expected.
        what: String,
    },
    /// A container that is encrypted, or of a kind or version this program does not read.
    #[error("{path:?} cannot be read as a disk: {what}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// Another file that the image needs cannot be used.
    #[error("{path:?} needs its {role} {part:?}, which {reason}")]
    Part {
        /// The file that names it.
        path: PathBuf,
        /// The file named.
        part: PathBuf,
        /// What it is to the image.
        role: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl ImageError {
    /// Whether the file itself can be read, so that its bytes can still be searched as they lie.
    #[must_use]
    pub fn is_about_the_container(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. } | Self::Unsupported { .. } | Self::Part { .. }
        )
    }
}
