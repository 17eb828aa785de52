//! The door to evidence: opens for reading only, and only what has a length.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::path::Path;

use super::ImageError;

/// An open file and what is known of it.
pub(super) struct Source {
    pub(super) file: File,
    /// In bytes.
    pub(super) len: u64,
    /// A block device rather than a regular file.
    pub(super) device: bool,
}

enum Kind {
    File,
    #[cfg_attr(not(unix), allow(dead_code, reason = "devices are not files there"))]
    Device,
}

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, ImageError> {
        let failed = |reason| open_error(path, reason);
        // Asked before opening: opening a pipe would wait for its writer.
        kind(path, fs::metadata(path).map_err(failed)?.file_type())?;
        let file = open_unnoticed(path).map_err(failed)?;
        // Asked again: the name may have been given to something else in between.
        let metadata = file.metadata().map_err(failed)?;
        let (len, device) = match kind(path, metadata.file_type())? {
            Kind::File => (metadata.len(), false),
            Kind::Device => (device_len(&file, path)?, true),
        };
        Ok(Self { file, len, device })
    }
}

/// Where a file or device ends now, in bytes. Unlike its metadata, this is also true of a device.
pub(super) fn end_of(mut file: &File) -> io::Result<u64> {
    // Nothing reads at the file's position, so moving it disturbs nobody.
    file.seek(SeekFrom::End(0))
}

fn device_len(file: &File, path: &Path) -> Result<u64, ImageError> {
    match end_of(file) {
        Ok(0) => Err(ImageError::NoLength {
            path: path.to_owned(),
        }),
        Ok(len) => Ok(len),
        Err(reason) => Err(open_error(path, reason)),
    }
}

/// Reading must leave no trace in the evidence, so access times are kept where the system lets the
/// user keep them: on Linux, of files that are the user's own, and of all files for root.
#[cfg(target_os = "linux")]
fn open_unnoticed(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let kept = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOATIME)
        .open(path);
    match kept {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(path),
        other => other,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_unnoticed(path: &Path) -> io::Result<File> {
    File::open(path)
}

fn open_error(path: &Path, reason: io::Error) -> ImageError {
    let path = path.to_owned();
    match reason.kind() {
        ErrorKind::NotFound => ImageError::Missing { path },
        ErrorKind::PermissionDenied => ImageError::Denied { path },
        _ => ImageError::Open { path, reason },
    }
}

fn kind(path: &Path, file_type: FileType) -> Result<Kind, ImageError> {
    let path = path.to_owned();
    if file_type.is_file() {
        return Ok(Kind::File);
    }
    if file_type.is_dir() {
        return Err(ImageError::Directory { path });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;

        if file_type.is_block_device() {
            return Ok(Kind::Device);
        }
        let kind = if file_type.is_fifo() {
            "named pipe"
        } else if file_type.is_socket() {
            "socket"
        } else if file_type.is_char_device() {
            "character device"
        } else {
            "special file"
        };
        Err(ImageError::NotAFile { path, kind })
    }
    #[cfg(not(unix))]
    Err(ImageError::NotAFile {
        path,
        kind: "special file",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_who_may_read() {
        let error = open_error(Path::new("/dev/sda"), ErrorKind::PermissionDenied.into());
        assert!(error.to_string().contains("usually root"), "{error}");
    }

    #[test]
    fn the_end_is_where_the_bytes_end_now() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(end_of(&file).unwrap(), 0);
        file.set_len(12_345).unwrap();
        assert_eq!(end_of(&file).unwrap(), 12_345);
    }

    #[test]
    fn a_device_without_a_medium_is_told_from_an_empty_file() {
        let file = tempfile::tempfile().unwrap();
        let error = device_len(&file, Path::new("/dev/sr0")).unwrap_err();
        assert!(matches!(error, ImageError::NoLength { .. }), "{error}");
    }
}
