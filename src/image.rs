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
