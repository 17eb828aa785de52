//! Opening what is to be searched, and knowing how much of it could be read.
//!
//! Evidence is opened for reading only, mapped rather than copied, and never trusted to stay as it
//! was: a file may shrink, a sector may fail, a program may write to the disk while it is searched.
//! None of that may stop the scan or look like a clean result, so an [`Image`] can say afterwards
//! which bytes nobody saw ([`Map::unreadable`]) and whether it is still the same file
//! ([`Image::changed`]).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod error;
mod extent;
mod identity;
mod map;
mod source;
mod stream;
pub mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::ImageError;
pub use extent::{Extent, ExtentKind, Extents};
pub use map::Map;
pub use stream::{Stream, StreamError, StreamPiece};

use identity::Identity;
use source::Source;

/// A regular file or block device, mapped for reading.
///
/// ```no_run
/// use keydredge::image::{ExtentKind, Image};
///
/// let image = Image::open("web01.img")?;
/// for extent in image.extents().filter(|extent| extent.kind == ExtentKind::Data) {
///     println!("{} bytes at {}", extent.len, extent.start);
/// }
/// if let Some(sentence) = image.changed() {
///     println!("{sentence}");
/// }
/// # Ok::<(), keydredge::image::ImageError>(())
/// ```
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    map: Arc<Map>,
    identity: Identity,
    device: bool,
}

impl Image {
    /// Opens and maps a regular file or a block device; symbolic links are followed.
    ///
    /// # Errors
    /// If the path names nothing, a directory, something without a fixed length (pipe, socket,
    /// character device), or a file that may not be read or cannot be mapped.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let Source { file, len, device } = Source::open(path)?;
        let identity = Identity::of(&file, len).map_err(|reason| ImageError::Open {
            path: path.to_owned(),
            reason,
        })?;
        let map = Map::new(file, len).map_err(|reason| ImageError::Map {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self {
            path: path.to_owned(),
            map: Arc::new(map),
            identity,
            device,
        })
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes.
    #[must_use]
    pub fn map(&self) -> &Arc<Map> {
        &self.map
    }

    /// Length in bytes when it was opened.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.identity.len()
    }

    /// Whether it had no bytes when it was opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is a block device rather than a regular file.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.device
    }

    /// Stretches of data and holes in ascending order, tiling the image from its first byte to its
    /// last. Asked of the file system one by one, so an image of millions of extents costs no
    /// memory. Where holes cannot be told, all is data.
    #[must_use]
    pub fn extents(&self) -> Extents {
        Extents::new(Arc::clone(&self.map), self.len())
    }

    /// Number of bytes in holes: never written, read as zeros, not worth reading.
    #[must_use]
    pub fn hole_bytes(&self) -> u64 {
        self.extents()
            .filter(|extent| extent.kind == ExtentKind::Hole)
            .fold(0, |sum, extent| sum.saturating_add(extent.len))
    }

    /// A sentence saying how the image differs from when it was opened (length, time of last
    /// modification, another file under its name), or `None` if it does not. Asked at the end of a
    /// scan: findings in an image that changed cannot be repeated.
    #[must_use]
    pub fn changed(&self) -> Option<String> {
        let now = self.map.current_len();
        self.identity.change(self.map.file(), now, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    fn image(len: usize) -> (tempfile::TempDir, PathBuf, Image) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk.img");
        fs::write(&path, vec![1; len]).unwrap();
        let image = Image::open(&path).unwrap();
        (folder, path, image)
    }

    #[test]
    fn an_image_that_nobody_touched_has_not_changed() {
        let (_folder, path, image) = image(10_000);
        assert_eq!(image.map().bytes(), fs::read(&path).unwrap());
        assert_eq!((image.len(), image.is_device()), (10_000, false));
        assert_eq!(image.changed(), None);
    }

    #[test]
    fn a_new_length_is_a_change() {
        for len in [0, 5000, 20_000] {
            let (_folder, path, image) = image(10_000);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_len(len)
                .unwrap();
            let sentence = image.changed().unwrap();
            let expected = format!("was 0x2710 bytes long when it was opened and is {len:#x} now");
            assert!(sentence.contains(&expected), "{sentence}");
        }
    }

    #[test]
    fn a_write_of_the_same_length_is_a_change() {
        let (_folder, path, image) = image(10_000);
        // A nanosecond matters, and a clock that ticks slowly must not hide it from the test.
        let file = File::options().write(true).open(&path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified + Duration::from_nanos(1_000))
            .unwrap();
        let sentence = image.changed().unwrap();
        assert!(sentence.contains("something wrote to it"), "{sentence}");
    }

    #[test]
    fn another_file_under_the_name_is_a_change() {
        let (folder, path, image) = image(10_000);
        let other = folder.path().join("other.img");
        fs::write(&other, vec![2; 10_000]).unwrap();
        fs::rename(&other, &path).unwrap();
        let sentence = image.changed().unwrap();
        assert!(sentence.contains("belongs to another file"), "{sentence}");
        assert_eq!(image.map().bytes()[0], 1);
        fs::remove_file(&path).unwrap();
        let sentence = image.changed().unwrap();
        assert!(sentence.contains("no longer leads to it"), "{sentence}");
    }

    #[test]
    fn a_missing_file_and_a_directory_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Image::open(folder.path().join("no\x1b[31m.img")).unwrap_err();
        assert!(matches!(missing, ImageError::Missing { .. }));
        assert!(!missing.to_string().contains('\x1b'), "{missing}");
        let directory = Image::open(folder.path()).unwrap_err();
        assert!(directory.to_string().contains("--as tree"), "{directory}");
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_length_is_sent_to_standard_input() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let status = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(status.success());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (pipe.as_path(), "named pipe"),
            (&socket, "socket"),
            (Path::new("/dev/null"), "character device"),
        ] {
            let error = Image::open(path).unwrap_err().to_string();
            assert!(error.contains(kind), "{error}");
            assert!(error.contains("standard input"), "{error}");
        }
    }

    #[test]
    fn opening_leaves_no_access_time() {
        let (_folder, path, image) = image(10_000);
        drop(image);
        let file = File::options().write(true).open(&path).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
        file.set_times(fs::FileTimes::new().set_accessed(long_ago))
            .unwrap();
        let image = Image::open(&path).unwrap();
        assert_eq!(image.map().bytes().iter().max(), Some(&1));
        drop(image);
        let accessed = fs::metadata(&path).unwrap().accessed().unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(accessed, long_ago);
        }
    }
}
