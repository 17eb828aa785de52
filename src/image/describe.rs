//! What can be said of an image without searching it.

use std::path::PathBuf;

use super::{ExtentKind, Format, Image, Stored};

/// An image in numbers and words. Words taken from the image may hold control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The kind of container.
    pub format: Format,
    /// What the container says of itself, as name and value: version, block size, creator.
    pub facts: Vec<(String, String)>,
    /// Length of the disk in bytes.
    pub len: u64,
    /// Bytes stored as they are.
    pub mapped: u64,
    /// Bytes stored in compressed blocks.
    pub compressed: u64,
    /// Bytes that were never written, or are zeros by the container's word.
    pub holes: u64,
    /// Bytes that the container promises and does not hold.
    pub unreadable: u64,
    /// The files it is made of.
    pub parts: Vec<Part>,
    /// What a reader of the result should know.
    pub warnings: Vec<String>,
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is to the image: `image`, `segment`, `backing file`.
    pub role: &'static str,
    /// Its path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub len: u64,
}

impl Image {
    /// Describes the image. Walks the tables of a container once.
    #[must_use]
    pub fn describe(&self) -> Description {
        let mut description = Description {
            format: self.format(),
            facts: self.opened.facts.clone(),
            len: self.len(),
            mapped: 0,
            compressed: 0,
            holes: 0,
            unreadable: 0,
            parts: Vec::new(),
            warnings: [&self.opened.warnings[..], &self.opened.unread].concat(),
        };
        for extent in self.extents() {
            let sum = match (extent.kind, extent.stored) {
                (ExtentKind::Hole, _) => &mut description.holes,
                (ExtentKind::Unreadable, _) => &mut description.unreadable,
                (ExtentKind::Data, Stored::Compressed) => &mut description.compressed,
                (ExtentKind::Data, _) => &mut description.mapped,
            };
            *sum = sum.saturating_add(extent.len);
        }
        let files = self.files.iter();
        description.parts = files
            .map(|file| Part {
                role: file.role,
                path: file.path.clone(),
                len: file.identity.len(),
            })
            .collect();
        description
    }
}
