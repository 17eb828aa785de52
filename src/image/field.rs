//! Fields of a structure in an image, and the words for a field that is wrong.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::path::PathBuf;

use super::ImageError;
use super::files::Files;
use crate::unit::ImageOffset;

/// A structure, copied out of its file before it is looked at: the file may change under the map,
/// and what was checked must be what is used.
#[derive(Clone, Debug)]
pub(super) struct Region {
    path: PathBuf,
    at: u64,
    bytes: Vec<u8>,
}

macro_rules! fields {
    ($($name:ident $integer:ty, $from:ident;)*) => {$(
        /// The number at a position of the structure; zero beyond its end.
        pub(super) fn $name(&self, offset: usize) -> $integer {
            self.array(offset).map_or(0, <$integer>::$from)
        }
    )*};
}

impl Region {
    /// Copies `len` bytes of a file, which must have as many.
    pub(super) fn read(
        files: &Files,
        file: usize,
        at: u64,
        len: u64,
        what: &str,
    ) -> Result<Self, ImageError> {
        let bytes = files.slice(file, at, len).to_vec();
        let region = Self {
            path: files.path(file).to_owned(),
            at,
            bytes,
        };
        let found = u64::try_from(region.bytes.len()).unwrap_or(u64::MAX);
        if found < len {
            let file_len = files.len(file);
            return Err(region.corrupt(
                0,
                format!(
                    "the {what} should be {len:#x} bytes long, but the file ends at {file_len:#x} \
                     (it was cut short, or its header is damaged)"
                ),
            ));
        }
        Ok(region)
    }

    /// A structure that was read in another way.
    pub(super) fn of(files: &Files, file: usize, at: u64, bytes: Vec<u8>) -> Self {
        Self {
            path: files.path(file).to_owned(),
            at,
            bytes,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A part of the structure; as much of it as there is.
    pub(super) fn part(&self, offset: usize, len: usize) -> &[u8] {
        let end = offset.saturating_add(len).min(self.bytes.len());
        self.bytes.get(offset..end).unwrap_or_default()
    }

    pub(super) fn array<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.part(offset, N).try_into().ok()
    }

    pub(super) fn byte(&self, offset: usize) -> u8 {
        self.bytes.get(offset).copied().unwrap_or(0)
    }

    fields! {
        le16 u16, from_le_bytes;
        le32 u32, from_le_bytes;
        le64 u64, from_le_bytes;
        be32 u32, from_be_bytes;
        be64 u64, from_be_bytes;
    }

    /// The error for a wrong field: where, what was found, what was expected.
    pub(super) fn corrupt(&self, offset: usize, what: impl Into<String>) -> ImageError {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        ImageError::Corrupt {
            path: self.path.clone(),
            at: ImageOffset(self.at).plus(offset),
            what: what.into(),
        }
    }

    /// The error for something that is well-formed and cannot be read.
    pub(super) fn unsupported(&self, what: impl Into<String>) -> ImageError {
        ImageError::Unsupported {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

/// UTF-16 text up to its first zero, with replacement characters for what is not text.
pub(super) fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok())
        .map(unit)
        .take_while(|unit| *unit != 0);
    char::decode_utf16(units)
        .map(|found| found.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// A GUID as Microsoft's tools write it: the first three fields are little-endian.
pub(super) fn guid(bytes: [u8; 16]) -> String {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = bytes;
    let [d0, d1, node @ ..] = rest;
    let first = u32::from_le_bytes([a0, a1, a2, a3]);
    let (second, third) = (u16::from_le_bytes([b0, b1]), u16::from_le_bytes([c0, c1]));
    let node: String = node.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{first:08x}-{second:04x}-{third:04x}-{d0:02x}{d1:02x}-{node}")
}
