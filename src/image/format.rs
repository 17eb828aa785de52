//! Which container a file is, told from its content.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::fmt;

use super::files::Files;
use super::mapping::{Concat, Mapping};
use super::{ImageError, ewf, qcow2, split, vdi, vhd, vhdx, vmdk};

/// Most images below one another: overlay, its backing file, and so on.
const MAX_DEPTH: u32 = 16;

/// How much of a file's beginning and end is looked at.
const END: u64 = 512;

/// A kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The disk as it is, in a file or device.
    Raw,
    /// The disk as it is, in several files.
    Split,
    /// QEMU's own format, version 2 or 3.
    Qcow2,
    /// Microsoft's older format: fixed, dynamic or differencing.
    Vhd,
    /// Microsoft's newer format.
    Vhdx,
    /// The format of `VMware`, in one file or several.
    Vmdk,
    /// The format of `VirtualBox`.
    Vdi,
    /// The format of EnCase, version 1 (`.E01`), in one file or several.
    Ewf,
}

/// Containers by a byte string at a place.
const MAGICS: &[(usize, &[u8], Format)] = &[
    (0, b"QFI\xfb", Format::Qcow2),
    (0, b"vhdxfile", Format::Vhdx),
    (0, b"KDMV", Format::Vmdk),
    (0, b"COWD", Format::Vmdk),
    (0, b"# Disk DescriptorFile", Format::Vmdk),
    (0, b"EVF\x09\x0d\x0a\xff\x00", Format::Ewf),
    (64, b"\x7f\x10\xda\xbe", Format::Vdi),
    (0, b"conectix", Format::Vhd),
];

impl Format {
    /// The container that a file is, told from its first and its last 512 bytes (or all, if it has
    /// fewer): a fixed VHD begins like the disk it holds. `None` if it is none.
    #[must_use]
    pub fn recognise(head: &[u8], tail: &[u8]) -> Option<Self> {
        let mut magics = MAGICS.iter();
        let found = magics
            .find(|(at, magic, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
        let fixed = || vhd::is_fixed(tail).then_some(Self::Vhd);
        found.map(|(_, _, format)| *format).or_else(fixed)
    }

    /// Its name as shown to the user.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Split => "split raw",
            Self::Qcow2 => "qcow2",
            Self::Vhd => "VHD",
            Self::Vhdx => "VHDX",
            Self::Vmdk => "VMDK",
            Self::Vdi => "VDI",
            Self::Ewf => "EWF",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A container that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) format: Format,
    pub(super) mapping: Box<dyn Mapping>,
    /// What the container says of itself.
    pub(super) facts: Vec<(String, String)>,
    pub(super) warnings: Vec<String>,
    /// What of the container is not part of the disk and is not read, in sentences.
    pub(super) unread: Vec<String>,
}

impl Opened {
    pub(super) fn new(format: Format, mapping: impl Mapping + 'static) -> Self {
        Self {
            format,
            mapping: Box::new(mapping),
            facts: Vec::new(),
            warnings: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// A file as the bytes it consists of.
    pub(super) fn plain(files: &Files, file: usize) -> Self {
        let mut disk = Concat::default();
        // One part cannot be too long.
        let _fits = disk.push(files.len(file), file, 0);
        Self::new(Format::Raw, disk)
    }

    pub(super) fn fact(&mut self, name: &str, value: impl fmt::Display) {
        self.facts.push((name.to_owned(), value.to_string()));
    }
}

/// Opens a container that lies in `file`. `format` is what another image says it is; a raw file
/// must then not be taken for what its guest may have written into it. `depth` counts the images
/// above it.
pub(super) fn open(
    files: &mut Files,
    file: usize,
    format: Option<Format>,
    depth: u32,
) -> Result<Opened, ImageError> {
    if depth > MAX_DEPTH {
        return Err(ImageError::Unsupported {
            path: files.path(file).to_owned(),
            what: format!(
                "it is the backing file of a chain of more than {MAX_DEPTH} images (or one that \
                 leads back to itself)"
            ),
        });
    }
    match format.unwrap_or_else(|| detect(files, file)) {
        Format::Raw => Ok(Opened::plain(files, file)),
        Format::Split => split::open(files, file),
        Format::Qcow2 => qcow2::open(files, file, depth),
        Format::Vhd => vhd::open(files, file, depth),
        Format::Vhdx => vhdx::open(files, file, depth),
        Format::Vmdk => vmdk::open(files, file, depth),
        Format::Vdi => vdi::open(files, file),
        Format::Ewf => ewf::open(files, file),
    }
}

/// Opens the image below another, by the name that other gives it.
pub(super) fn open_named(
    files: &mut Files,
    from: usize,
    name: &str,
    format: Option<Format>,
    depth: u32,
) -> Result<Opened, ImageError> {
    const ROLE: &str = "backing file";
    let path = files.named_in(from, name, ROLE)?;
    let file = files.open(&path, ROLE)?;
    open(files, file, format, depth.saturating_add(1))
}

/// What kind of image a file is. Pieces of a split one have nothing but their names to tell.
pub(super) fn detect(files: &Files, file: usize) -> Format {
    match Format::recognise(files.slice(file, 0, END), tail(files, file)) {
        Some(format) => format,
        None if split::is_first_piece(files.path(file)) => Format::Split,
        None => Format::Raw,
    }
}

/// The last bytes of a file.
pub(super) fn tail(files: &Files, file: usize) -> &[u8] {
    files.slice(file, files.len(file).saturating_sub(END), END)
}
