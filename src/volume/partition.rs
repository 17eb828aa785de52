//! The volumes of a disk.
//!
//! A disk is divided by a partition table, some partitions are divided again by a volume manager,
//! and some disks are not divided at all. The result is one flat list; a volume inside another
//! (a logical volume on its physical one) stands behind it and shares its bytes.

mod gpt;
mod lvm;
mod mbr;

use std::fmt;
use std::ops::Range;

use super::content::Content;
use super::{Disk, Part, ReadAt, Warnings};

/// Most volumes that are looked at. Linux itself handles at most 256 on a disk; a table with more
/// is there to keep somebody busy.
const VOLUMES: usize = 1024;

/// How a volume was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// The disk is not divided.
    Whole,
    /// DOS partition table, logical partitions included.
    Mbr,
    /// GUID partition table.
    Gpt,
    /// LVM2 logical volume.
    Lvm,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole => "whole disk",
            Self::Mbr => "MBR",
            Self::Gpt => "GPT",
            Self::Lvm => "LVM2",
        })
    }
}

/// A partition, logical volume, or undivided disk.
#[derive(Debug)]
pub struct Volume {
    /// The partition's number as Linux counts: primary ones from 1 to 4, logical ones from 5; of a
    /// logical volume that of its first physical volume; none on an undivided disk.
    pub number: Option<u32>,
    /// How it was found.
    pub scheme: Scheme,
    /// What the table says it is for: `Linux filesystem`, or the type as a number.
    pub kind: String,
    /// Its name in the table, as GPT and LVM2 have.
    pub label: Option<String>,
    /// Its bytes.
    pub part: Part,
    /// What its bytes say it is.
    pub content: Content,
}

/// What was found on a disk.
#[derive(Debug, Default)]
pub struct Volumes {
    /// In the order of their tables.
    pub volumes: Vec<Volume>,
    /// What is wrong with the tables or could not be read, in sentences; what is wrong inside a
    /// file system is told by it.
    pub warnings: Vec<String>,
    /// What should be there and is not, because the image ends before it, in sentences.
    pub missing: Vec<String>,
}

/// An entry of a partition table.
struct Entry {
    number: u32,
    scheme: Scheme,
    kind: String,
    label: Option<String>,
    range: Range<u64>,
}

/// Finds the volumes of a disk and opens the file systems on them. Never fails: a disk without any
/// structure is one volume of unknown content.
#[must_use]
pub fn volumes(disk: &Disk) -> Volumes {
    let warnings = Warnings::default();
    let mut found = divided(disk, &warnings);
    if found.is_empty() {
        found.push(Volume {
            number: None,
            scheme: Scheme::Whole,
            kind: "undivided".to_owned(),
            label: None,
            content: Content::of(&Part::whole(disk.clone()), &warnings),
            part: Part::whole(disk.clone()),
        });
    }
    let logical = lvm::volumes(disk, &found, &warnings);
    found.extend(logical);
    let missing = found
        .iter()
        .filter_map(|volume| missing(volume, disk.len(), &warnings))
        .collect();
    Volumes {
        missing,
        volumes: found,
        warnings: warnings.list(),
    }
}

/// What of a volume, or of the file system on it, lies behind the end of the disk. A file system
/// that only ends behind its volume is warned of.
fn missing(volume: &Volume, end: u64, warnings: &Warnings) -> Option<String> {
    let part = &volume.part;
    // A protective entry says no more than that the whole disk is in use.
    let is_protective = volume.scheme == Scheme::Mbr && volume.kind == mbr::PROTECTIVE;
    let last = part.ranges().map(|range| range.end).max()?;
    let what = volume.number.map_or_else(
        || "the volume".to_owned(),
        |number| format!("partition {number}"),
    );
    if last > end && !is_protective {
        return Some(format!(
            "{what} ({}) ends at {last:#x}, and the image at {end:#x}: what lies between was not \
             searched, because the image was cut short or the table is wrong",
            volume.scheme
        ));
    }
    let Content::FileSystem(file_system) = &volume.content else {
        return None;
    };
    // A file system may be longer than its volume by mistake; then its end lies on the disk too.
    let over = file_system.end()?.checked_sub(part.len())?;
    if over == 0 {
        return None;
    }
    let too_long = format!(
        "the {} file system of {what} ends {over:#x} bytes behind the volume's end at {last:#x}",
        file_system.name()
    );
    if last.checked_add(over).is_some_and(|last| last <= end) {
        warnings.add(format!(
            "{too_long}: the volume was made shorter, or the table is wrong"
        ));
        return None;
    }
    Some(format!(
        "{too_long}, and the image ends at {end:#x}: those bytes were not searched, because the \
         image was cut short"
    ))
}

/// The partitions, or none if the disk is to be taken as a whole.
fn divided(disk: &Disk, warnings: &Warnings) -> Vec<Volume> {
    if let Some(entries) = gpt::entries(disk, warnings) {
        return open(disk, entries, warnings);
    }
    // Boot code of a file system on an undivided disk can look like a table, and a file system
    // left over from before a table was written like an undivided disk. What lies where the table
    // points decides. Disks with large sectors count in those.
    let mut plain = None;
    for sector in [512, 4096] {
        let notes = Warnings::default();
        let volumes = open(disk, mbr::entries(disk, sector, &notes), &notes);
        let known = |volume: &Volume| !matches!(volume.content, Content::Unknown);
        if volumes.iter().any(known) {
            warnings.extend(&notes);
            return volumes;
        }
        if !volumes.is_empty() {
            plain.get_or_insert((volumes, notes));
        }
    }
    let whole = Content::of(&Part::whole(disk.clone()), &Warnings::default());
    if !matches!(whole, Content::Unknown) {
        return Vec::new();
    }
    if let Some(entries) = gpt::copy(disk, warnings) {
        return open(disk, entries, warnings);
    }
    let Some((volumes, notes)) = plain else {
        return Vec::new();
    };
    warnings.extend(&notes);
    volumes
}

fn open(disk: &Disk, mut entries: Vec<Entry>, warnings: &Warnings) -> Vec<Volume> {
    if entries.len() > VOLUMES {
        warnings.add(format!(
            "the table lists {} partitions; only the first {VOLUMES} are looked at",
            entries.len()
        ));
        entries.truncate(VOLUMES);
    }
    let open = |entry: Entry| {
        let part = Part::new(disk.clone(), [entry.range]);
        Volume {
            number: Some(entry.number),
            scheme: entry.scheme,
            kind: entry.kind,
            label: entry.label,
            content: Content::of(&part, warnings),
            part,
        }
    };
    entries.into_iter().map(open).collect()
}
