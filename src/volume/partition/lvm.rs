//! LVM2 logical volumes that lie on the disk's own physical volumes, linear ones.
//!
//! Each physical volume carries the whole group's description as text (`lvm2/format_text`,
//! `vgcfgbackup(8)`): where its extents begin, and of which extents each logical volume is made.

mod text;

use std::collections::HashMap;
use std::ops::Range;

use super::{Scheme, VOLUMES, Volume};
use crate::volume::content::Content;
use crate::volume::field::{le_u32, le_u64};
use crate::volume::{Disk, Part, ReadAt, Warnings};
use text::Section;

/// A sector, in which LVM counts.
const SECTOR: u64 = 512;

/// Longest description that is read; real ones are some KiB.
const DESCRIPTION: u64 = 4 << 20;

/// What the label of a physical volume says.
struct Physical {
    /// 32 characters without dashes.
    id: String,
    /// Its place in the list of volumes.
    volume: usize,
    description: Option<Section>,
}

/// The logical volumes on those of `found` that are physical ones.
pub(super) fn volumes(disk: &Disk, found: &[Volume], warnings: &Warnings) -> Vec<Volume> {
    let mut physical = Vec::new();
    for (place, volume) in found.iter().enumerate() {
        if matches!(volume.content, Content::PhysicalVolume) {
            match label(volume, place, warnings) {
                Some(label) => physical.push(label),
                None => warnings.add(format!(
                    "the LVM2 physical volume at {:#x} is damaged: its logical volumes are not \
                     known",
                    volume.part.to_disk(0).unwrap_or(0)
                )),
            }
        }
    }
    let mut logical = Vec::new();
    for (name, group) in groups(&physical) {
        for (volume, section) in group
            .section("logical_volumes")
            .into_iter()
            .flat_map(Section::sections)
        {
            if logical.len() >= VOLUMES {
                warnings.add(format!(
                    "the group {name} lists more than {VOLUMES} logical volumes; only these are \
                     looked at"
                ));
                return logical;
            }
            let full = format!("{name}/{volume}");
            match ranges(group, section, &physical, found) {
                Ok((place, ranges)) => {
                    let part = Part::new(disk.clone(), ranges);
                    logical.push(Volume {
                        number: found.get(place).and_then(|volume| volume.number),
                        scheme: Scheme::Lvm,
                        kind: "logical volume".to_owned(),
                        label: Some(full),
                        content: Content::of(&part, warnings),
                        part,
                    });
                }
                Err(why) => warnings.add(format!(
                    "the logical volume {full} was not put together: {why}; its bytes are searched \
                     without file names"
                )),
            }
        }
    }
    logical
}

/// The newest description of each group.
fn groups(physical: &[Physical]) -> Vec<(&str, &Section)> {
    let mut groups: HashMap<&str, (&str, &Section)> = HashMap::new();
    for label in physical {
        let sections = label.description.iter().flat_map(Section::sections);
        // The group is the one section at the top; the rest are remarks about the file.
        for (name, group) in
            sections.filter(|(_, group)| group.section("physical_volumes").is_some())
        {
            let id = group.text("id").unwrap_or(name);
            let newer = |known: &Section| group.number("seqno") > known.number("seqno");
            if groups.get(id).is_none_or(|(_, known)| newer(known)) {
                groups.insert(id, (name, group));
            }
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|(name, _)| *name);
    groups
}

/// Where a logical volume lies on the disk, and the place of its first physical volume.
fn ranges(
    group: &Section,
    volume: &Section,
    physical: &[Physical],
    found: &[Volume],
) -> Result<(usize, Vec<Range<u64>>), String> {
    let extent = group
        .number("extent_size")
        .unwrap_or(0)
        .saturating_mul(SECTOR);
    let mut segments: Vec<(u64, &Section)> = volume
        .sections()
        .map(|(_, segment)| (segment.number("start_extent").unwrap_or(0), segment))
        .collect();
    segments.sort_by_key(|(start, _)| *start);
    let mut ranges = Vec::new();
    let mut first = None;
    for (_, segment) in segments {
        let kind = segment.text("type").unwrap_or("no type");
        if kind != "striped" || segment.number("stripe_count") != Some(1) {
            return Err(format!("it is not linear ({kind})"));
        }
        let count = segment
            .number("extent_count")
            .ok_or("a segment has no length")?;
        let (name, start) = segment.stripe().ok_or("a segment has no place")?;
        let listed = group
            .section("physical_volumes")
            .and_then(|all| all.section(name));
        let listed = listed.ok_or_else(|| format!("it names {name}, which is not in the group"))?;
        let id = listed.text("id").unwrap_or("").replace('-', "");
        let label = physical.iter().find(|label| label.id == id);
        let label =
            label.ok_or_else(|| format!("it lies partly on {name}, which is on another disk"))?;
        let part = found
            .get(label.volume)
            .map(|volume| &volume.part)
            .ok_or("no such volume")?;
        let from = listed
            .number("pe_start")
            .unwrap_or(0)
            .saturating_mul(SECTOR)
            .saturating_add(start.saturating_mul(extent));
        let to = from.saturating_add(count.saturating_mul(extent));
        if to > part.len() || from >= to {
            return Err(format!("it ends at {to:#x}, beyond its physical volume"));
        }
        ranges.extend(part.disk_ranges(from..to));
        first.get_or_insert(label.volume);
    }
    Ok((first.ok_or("it has no segments")?, ranges))
}

fn label(volume: &Volume, place: usize, warnings: &Warnings) -> Option<Physical> {
    let part = &volume.part;
    let sectors = (0..4_u64).map(|sector| sector.saturating_mul(SECTOR));
    let mut labels = sectors.filter_map(|at| part.read_vec(at, 512).ok());
    let label = labels.find(|label| label.starts_with(b"LABELONE"))?;
    let header = label.get(usize::try_from(le_u32(&label, 20)?).ok()?..)?;
    let id = header.get(..32)?;
    let mut areas = header.get(40..)?.chunks_exact(16).map(|area| {
        let (at, len) = (le_u64(area, 0), le_u64(area, 8));
        (at.unwrap_or(0), len.unwrap_or(0))
    });
    // Two lists, each ended by a pair of zeros: data areas, then metadata areas.
    areas.by_ref().find(|area| *area == (0, 0))?;
    let description = areas
        .take_while(|area| *area != (0, 0))
        .find_map(|(at, len)| description(part, at, len, warnings));
    Some(Physical {
        id: String::from_utf8_lossy(id).into_owned(),
        volume: place,
        description,
    })
}

/// The text in the metadata area at `area`, a ring behind one sector of header.
fn description(part: &Part, area: u64, len: u64, warnings: &Warnings) -> Option<Section> {
    let header = part.read_vec(area, 512).ok()?;
    if header.get(4..20)? != b" LVM2 x[5A%r0N*>" || len <= SECTOR || len > DESCRIPTION {
        return None;
    }
    let (offset, size) = (le_u64(&header, 40)?, le_u64(&header, 48)?);
    if offset < SECTOR || offset >= len || size == 0 || size > len {
        return None;
    }
    let first = size.min(len.checked_sub(offset)?);
    let rest = size.checked_sub(first)?;
    let mut text = part
        .read_vec(area.checked_add(offset)?, usize::try_from(first).ok()?)
        .ok()?;
    let wrapped = part.read_vec(area.checked_add(SECTOR)?, usize::try_from(rest).ok()?);
    text.extend(wrapped.ok()?);
    let (wanted, found) = (le_u32(&header, 56)?, checksum(&text));
    if wanted != found {
        warnings.add(format!(
            "the LVM2 description at {:#x} does not fit its checksum: {found:#010x} where \
             {wanted:#010x} is noted",
            part.to_disk(area.checked_add(offset)?)?
        ));
    }
    Section::parse(&text)
}

/// CRC-32 with LVM's own start value and without the final inversion.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
    hasher.update(bytes);
    !hasher.finalize()
}
