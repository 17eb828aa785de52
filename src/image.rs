//! Opening what is to be searched, and knowing how much of it could be read.
//!
//! An image is a disk as its machine saw it, whatever container it lies in: positions are those of
//! the disk, and what the container says of each stretch ([`Image::extents`]) decides whether it is
//! searched where it lies, skipped as a hole, or decoded first.
//!
//! Evidence is opened for reading only, mapped rather than copied, and never trusted to stay as it
//! was: a file may shrink, a sector may fail, a program may write to the disk while it is searched.
//! None of that may stop the scan or look like a clean result, so an [`Image`] can say afterwards
//! which bytes nobody saw ([`Image::unreadable`]) and whether it is still the same file
//! ([`Image::changed`]).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod block;
mod describe;
mod error;
mod ewf;
mod extent;
mod field;
mod files;
mod format;
mod identity;
mod map;
mod mapping;
mod qcow2;
mod ranges;
mod read;
mod source;
mod split;
mod stream;
pub mod tree;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod written;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub use block::Cache;
pub use describe::{Description, Part};
pub use error::ImageError;
pub use extent::{Extent, ExtentKind, Extents, Stored};
pub use format::Format;
pub use map::Map;
pub use read::ReadError;
pub use split::is_first_piece;
pub use stream::{Stream, StreamError, StreamPiece};

use files::Files;
use format::Opened;
use ranges::Ranges;

/// How an image may be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether a name inside an image (a backing file, an extent) may lead outside the folder of
    /// the image. Only for images whose maker is trusted: such a name can lead to any file.
    pub parts_outside: bool,
}

/// A disk: a regular file or block device, or a container in one or several files, mapped for
/// reading.
///
/// ```no_run
/// use keydredge::image::{ExtentKind, Image};
///
/// let image = Image::open("web01.qcow2")?;
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
    /// Tells images apart in a [`Cache`].
    id: u64,
    files: Files,
    opened: Opened,
    len: u64,
    /// What could not be decoded so far.
    lost: Mutex<Ranges>,
}

impl Image {
    /// Opens a disk image, recognised by its content: raw, split raw, qcow2, VHD, VHDX, VMDK, VDI
    /// or EWF. Symbolic links are followed.
    ///
    /// # Errors
    /// If the path names nothing, a directory, something without a fixed length (pipe, socket,
    /// character device), or a file that may not be read or cannot be mapped; if the container's
    /// header is damaged, of an unknown kind or encrypted; if another file that the image needs is
    /// missing or lies where it may not.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        Self::open_with(path, Options::default())
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let mut files = Files::new(path, options)?;
        let opened = format::open(&mut files, 0, None, 0)?;
        Ok(Self::of(files, opened))
    }

    /// Opens a file as the bytes it consists of, whatever they mean.
    ///
    /// # Errors
    /// If it cannot be opened or mapped.
    pub fn open_plain(path: impl AsRef<Path>) -> Result<Self, ImageError> {
        let path = path.as_ref();
        let files = Files::new(path, Options::default())?;
        let opened = Opened::plain(&files, 0);
        Ok(Self::of(files, opened))
    }

    fn of(files: Files, opened: Opened) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            len: opened.mapping.len(),
            files,
            opened,
            lost: Mutex::default(),
        }
    }

    /// The path it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.files.path(0)
    }

    /// What kind of container it is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.opened.format
    }

    /// What kind of container its first file is by its content, whether it could be opened as that
    /// or not.
    #[must_use]
    pub fn recognised(&self) -> Format {
        format::detect(&self.files, 0)
    }

    /// What container a file opened with [`open_plain`](Self::open_plain) is, if its bytes are not
    /// the disk's: they may be compressed, or out of order.
    #[must_use]
    pub fn unopened(&self) -> Option<Format> {
        let plain = self.format() == Format::Raw;
        let found = plain.then(|| self.recognised())?;
        let same = matches!(found, Format::Raw | Format::Split)
            || vhd::is_fixed(format::tail(&self.files, 0));
        (!same).then_some(found)
    }

    /// The bytes of its first file as they lie: those of the disk if the image is raw.
    #[must_use]
    pub fn map(&self) -> &Arc<Map> {
        self.files.first()
    }

    /// Its files: the one it was opened by, then those it names or that continue it.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Arc<Map>)> {
        self.files
            .iter()
            .map(|file| (file.path.as_path(), &file.map))
    }

    /// Length of the disk in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the disk has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it is a block device rather than a regular file.
    #[must_use]
    pub fn is_device(&self) -> bool {
        self.files.get(0).is_some_and(|file| file.device)
    }

    /// Stretches of data, of holes and of what cannot be read, in ascending order, tiling the disk
    /// from its first byte to its last. Two of the same kind may follow each other, where they are
    /// stored in different places. Asked of the container's tables and the file system one by one,
    /// so an image of millions of extents costs no memory. Where holes cannot be told, all is
    /// data.
    #[must_use]
    pub fn extents(&self) -> Extents<'_> {
        Extents::new(self)
    }

    /// Number of bytes in holes: never written, read as zeros, not worth reading.
    #[must_use]
    pub fn hole_bytes(&self) -> u64 {
        self.extents()
            .filter(|extent| extent.kind == ExtentKind::Hole)
            .fold(0, |sum, extent| sum.saturating_add(extent.len))
    }

    /// A sentence saying how one of its files differs from when it was opened (length, time of
    /// last modification, another file under its name), or `None` if none does. Asked at the end of
    /// a scan: findings in an image that changed cannot be repeated.
    #[must_use]
    pub fn changed(&self) -> Option<String> {
        self.files.iter().find_map(|file| {
            let now = file.map.current_len();
            file.identity.change(file.map.file(), now, &file.path)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;

    fn image(len: usize) -> (tempfile::TempDir, std::path::PathBuf, Image) {
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
