//! VMDK: a descriptor in words, and extents that are flat or made of grains.
//!
//! Written after the "Virtual Disk Format 5.0" of `VMware`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod descriptor;
mod sparse;

use super::ImageError;
use super::field::Region;
use super::files::Files;
use super::format::{self, Format, Opened};
use super::mapping::{Mapping, Piece, below};
use descriptor::{Descriptor, Kind};
use sparse::{Grain, Sparse};

pub(super) const SECTOR: u64 = 512;

/// The extents of a disk, over the image below it.
#[derive(Debug)]
struct Vmdk {
    extents: Vec<Extent>,
    len: u64,
    parent: Option<Box<dyn Mapping>>,
}

#[derive(Debug)]
struct Extent {
    start: u64,
    len: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Zero,
    Flat { file: usize, at: u64 },
    Sparse(Sparse),
}

pub(super) fn open(files: &mut Files, file: usize, depth: u32) -> Result<Opened, ImageError> {
    let head = files.array(file, 0).unwrap_or([0; 4]);
    let (mut warnings, mut unread) = (Vec::new(), Vec::new());
    let (descriptor, extents) = match &head {
        b"KDMV" => {
            let sparse = Sparse::read(files, file)?;
            warnings.extend(sparse.warning());
            let descriptor = sparse.descriptor(files)?;
            let len = sparse.len();
            let extent = Extent {
                start: 0,
                len,
                content: Content::Sparse(sparse),
            };
            (descriptor, vec![extent])
        }
        b"COWD" => {
            return Err(Region::read(files, file, 0, 4, "VMDK header")?.unsupported(
                "it is an extent of an ESX copy-on-write disk (COWD); convert it with qemu-img",
            ));
        }
        _ => {
            let descriptor = Descriptor::read(files, file, 0, files.len(file))?;
            let extents = extents(files, file, &descriptor, &mut warnings)?;
            (Some(descriptor), extents)
        }
    };
    let parent_name = descriptor.as_ref().and_then(Descriptor::parent);
    let parent = match parent_name {
        None => None,
        Some(name) => {
            let parent = format::open_named(files, file, name, None, depth)?;
            warnings.extend(parent.warnings);
            unread.extend(parent.unread);
            Some(parent.mapping)
        }
    };
    let len = extents
        .last()
        .map_or(0, |last| last.start.saturating_add(last.len));
    let compressed = extents.iter().any(|extent| match &extent.content {
        Content::Sparse(sparse) => sparse.is_compressed(),
        _ => false,
    });
    let count = extents.len();
    let mut opened = Opened::new(
        Format::Vmdk,
        Vmdk {
            extents,
            len,
            parent,
        },
    );
    (opened.warnings, opened.unread) = (warnings, unread);
    let kind = descriptor
        .as_ref()
        .and_then(|descriptor| descriptor.kind.clone());
    opened.fact(
        "kind",
        format!("{:?}", kind.unwrap_or_else(|| "one extent".to_owned())),
    );
    opened.fact("extents", count);
    opened.fact("compression", if compressed { "zlib" } else { "none" });
    Ok(opened)
}

/// Opens the extents that a descriptor lists.
fn extents(
    files: &mut Files,
    file: usize,
    descriptor: &Descriptor,
    warnings: &mut Vec<String>,
) -> Result<Vec<Extent>, ImageError> {
    let mut extents: Vec<Extent> = Vec::new();
    let mut start = 0_u64;
    for line in &descriptor.extents {
        let len = line.sectors.checked_mul(SECTOR);
        let (Some(len), Some(end)) = (len, len.and_then(|len| start.checked_add(len))) else {
            return Err(descriptor.corrupt("its extents together are longer than any disk"));
        };
        let content = match &line.kind {
            Kind::Zero => Content::Zero,
            Kind::Flat { name, sector } => {
                let path = files.named_in(file, name, "extent")?;
                Content::Flat {
                    file: files.open(&path, "extent")?,
                    at: sector.saturating_mul(SECTOR),
                }
            }
            Kind::Sparse { name } => {
                let path = files.named_in(file, name, "extent")?;
                let part = files.open(&path, "extent")?;
                let sparse = Sparse::read(files, part)?;
                warnings.extend(sparse.warning());
                Content::Sparse(sparse)
            }
            Kind::Unknown(kind) => {
                return Err(descriptor.unsupported(format!(
                    "it has an extent of the kind {kind:?}; convert it with qemu-img"
                )));
            }
        };
        extents.push(Extent {
            start,
            len,
            content,
        });
        start = end;
    }
    if extents.is_empty() {
        return Err(descriptor.corrupt("the descriptor lists no extents"));
    }
    Ok(extents)
}

impl Mapping for Vmdk {
    fn len(&self) -> u64 {
        self.len
    }

    fn piece_at(&self, files: &Files, at: u64) -> Piece {
        let after = self.extents.partition_point(|extent| extent.start <= at);
        let Some(extent) = after.checked_sub(1).and_then(|last| self.extents.get(last)) else {
            return Piece::zero(1);
        };
        let inside = at.saturating_sub(extent.start);
        let left = extent.len.saturating_sub(inside).max(1);
        match &extent.content {
            Content::Zero => Piece::zero(left),
            Content::Flat { file, at } => Piece::file(left, *file, at.saturating_add(inside)),
            Content::Sparse(sparse) => match sparse.grain(files, inside) {
                Grain::Own(piece) => piece.cut(left),
                Grain::Below(len) => below(self.parent.as_deref(), files, at, len.min(left)),
            },
        }
    }
}
