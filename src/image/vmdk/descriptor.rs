//! The descriptor of a VMDK: lines of text.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::image::ImageError;
use crate::image::field::Region;
use crate::image::files::Files;

/// Longest descriptor read: 20 sectors are usual, an extent is a line.
const MAX_LEN: u64 = 1 << 20;
/// Most extents listed; every 2 GB of a split disk are one.
const MAX_EXTENTS: usize = 8192;

/// What a descriptor says.
pub(super) struct Descriptor {
    region: Region,
    /// `createType`.
    pub(super) kind: Option<String>,
    pub(super) extents: Vec<Line>,
    has_parent: bool,
    parent: Option<String>,
}

/// A line that describes an extent.
pub(super) struct Line {
    pub(super) sectors: u64,
    pub(super) kind: Kind,
}

/// How an extent is stored.
pub(super) enum Kind {
    /// Not at all.
    Zero,
    /// As it is, from a sector of a file on.
    Flat {
        /// The file.
        name: String,
        /// The first sector.
        sector: u64,
    },
    /// In grains.
    Sparse {
        /// The file.
        name: String,
    },
    /// In a way this program does not read.
    Unknown(String),
}

impl Descriptor {
    pub(super) fn read(files: &Files, file: usize, at: u64, len: u64) -> Result<Self, ImageError> {
        let region = Region::read(files, file, at, len.min(MAX_LEN), "descriptor")?;
        let text = String::from_utf8_lossy(region.bytes()).into_owned();
        let text = text.split('\0').next().unwrap_or_default();
        let mut descriptor = Self {
            region,
            kind: None,
            extents: Vec::new(),
            has_parent: false,
            parent: None,
        };
        for line in text.lines().map(str::trim) {
            let access = line.split_whitespace().next();
            if let Some("RW" | "RDONLY" | "NOACCESS") = access {
                if descriptor.extents.len() >= MAX_EXTENTS {
                    return Err(descriptor.corrupt("the descriptor lists too many extents"));
                }
                let line = Line::parse(line).ok_or_else(|| {
                    descriptor.corrupt(format!(
                        "{line:?}, expected an extent as in: RW 4192256 SPARSE \"disk-s001.vmdk\""
                    ))
                })?;
                descriptor.extents.push(line);
            } else if let Some((key, value)) = line.split_once('=') {
                let value = value.trim().trim_matches('"').to_owned();
                match key.trim() {
                    "createType" => descriptor.kind = Some(value),
                    "parentCID" => descriptor.has_parent = !value.eq_ignore_ascii_case("ffffffff"),
                    "parentFileNameHint" => descriptor.parent = Some(value),
                    _ => {}
                }
            }
        }
        Ok(descriptor)
    }

    /// The name of the image this disk was made over.
    pub(super) fn parent(&self) -> Option<&str> {
        self.parent.as_deref().filter(|_| self.has_parent)
    }

    pub(super) fn corrupt(&self, what: impl Into<String>) -> ImageError {
        self.region.corrupt(0, what)
    }

    pub(super) fn unsupported(&self, what: impl Into<String>) -> ImageError {
        self.region.unsupported(what)
    }
}

impl Line {
    /// Access, length in sectors, kind, file name in quotes, first sector.
    fn parse(line: &str) -> Option<Self> {
        let (head, rest) = line.split_once('"').unwrap_or((line, ""));
        let mut words = head.split_whitespace().skip(1);
        let sectors = words.next()?.parse().ok()?;
        let kind = words.next()?;
        let named = || rest.split_once('"').filter(|(name, _)| !name.is_empty());
        let kind = match kind {
            "ZERO" => Kind::Zero,
            "FLAT" | "VMFS" => {
                let (name, after) = named()?;
                let sector = after.split_whitespace().next().unwrap_or("0");
                Kind::Flat {
                    name: name.to_owned(),
                    sector: sector.parse().ok()?,
                }
            }
            "SPARSE" => Kind::Sparse {
                name: named()?.0.to_owned(),
            },
            other => Kind::Unknown(other.to_owned()),
        };
        Some(Self { sectors, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extent_lines_are_read_with_spaces_in_names() {
        let line = Line::parse("RW 4192256 FLAT \"my disk-f001.vmdk\" 128").unwrap();
        assert_eq!(line.sectors, 4_192_256);
        let Kind::Flat { name, sector } = line.kind else {
            panic!("not flat");
        };
        assert_eq!((name.as_str(), sector), ("my disk-f001.vmdk", 128));
        assert!(matches!(Line::parse("RW 8 ZERO").unwrap().kind, Kind::Zero));
        for wrong in [
            "RW",
            "RW x FLAT \"a\"",
            "RW 8 FLAT",
            "RW 8 SPARSE \"\"",
            "RW 8",
        ] {
            assert!(Line::parse(wrong).is_none(), "{wrong}");
        }
    }
}
