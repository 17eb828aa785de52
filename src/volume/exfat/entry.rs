//! Sets of directory entries (Microsoft, "exFAT file system specification", 6 and 7): one for the
//! file, one for where its content is, and as many as its name takes, with a sum over them all.

use crate::volume::fat::entry::time;
use crate::volume::field::{le_u16, le_u32, le_u64, text_utf16, u8_at};

/// Size of an entry.
pub(super) const LEN: usize = 32;
/// The bit that deletion takes from each entry's type.
const IN_USE: u8 = 0x80;
const BITMAP: u8 = 0x81;
const UP_CASE: u8 = 0x82;
const LABEL: u8 = 0x83;
const FILE: u8 = 0x85;
const STREAM: u8 = 0xc0;
const NAME: u8 = 0xc1;
/// Attribute of a directory.
const DIRECTORY: u16 = 0x10;
/// Flag of content that lies in one piece and has no chain.
const CONTIGUOUS: u8 = 2;
/// Units of a name in one entry.
const UNITS: usize = 15;
/// Most entries that follow the first of a set.
const MOST: u8 = 18;

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where its set begins on the volume.
    pub(super) at: u64,
    pub(super) name: String,
    pub(super) is_directory: bool,
    pub(super) content: Content,
    pub(super) modified: Option<(i64, u32)>,
    pub(super) deleted: bool,
    /// It fits its sum.
    pub(super) sound: bool,
}

/// Where content lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// First cluster; 0 if there is none.
    pub(super) first: u64,
    pub(super) size: u64,
    /// How many of its bytes were ever written.
    pub(super) valid: u64,
    pub(super) is_contiguous: bool,
}

/// What the root directory says of the volume.
#[derive(Debug, Default)]
pub(super) struct Special {
    pub(super) bitmap: Option<Content>,
    pub(super) up_case: Option<Content>,
    pub(super) label: String,
}

impl Special {
    /// Takes the next entry of the root directory.
    pub(super) fn add(&mut self, raw: &[u8]) {
        match u8_at(raw, 0) {
            // The second bitmap belongs to the second table.
            Some(BITMAP) if u8_at(raw, 1).is_some_and(|flags| flags & 1 == 0) => {
                self.bitmap = self.bitmap.or_else(|| content(raw));
            }
            Some(UP_CASE) => self.up_case = self.up_case.or_else(|| content(raw)),
            Some(LABEL) => {
                let units = usize::from(u8_at(raw, 1).unwrap_or(0)).min(11);
                let bytes = raw
                    .get(2..)
                    .and_then(|rest| rest.get(..units.saturating_mul(2)));
                self.label = bytes.map(text_utf16).unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// Of an entry that has the fields of a bitmap.
fn content(raw: &[u8]) -> Option<Content> {
    let size = le_u64(raw, 24)?;
    Some(Content {
        first: u64::from(le_u32(raw, 20)?),
        size,
        valid: size,
        is_contiguous: false,
    })
}

/// Puts sets together while a directory is read in order.
#[derive(Default)]
pub(super) struct Reader {
    set: Vec<u8>,
    at: u64,
}

/// What an entry turned out to be.
pub(super) enum Step {
    /// The last one of a set.
    Entry(Entry),
    /// Part of a set, or nothing that makes sense.
    Other,
    /// Nothing follows.
    End,
}

impl Reader {
    /// Takes the next 32 bytes of the directory.
    pub(super) fn next(&mut self, raw: &[u8], at: u64) -> Step {
        let Some(kind) = u8_at(raw, 0).filter(|kind| *kind != 0) else {
            return Step::End;
        };
        let begun = u8_at(&self.set, 0);
        if kind | IN_USE == FILE {
            self.set.clear();
            self.at = at;
        } else {
            let follows = |first: u8| (first ^ kind) & IN_USE == 0 && kind & 0x40 != 0;
            if !begun.is_some_and(follows) {
                self.set.clear();
                return Step::Other;
            }
        }
        self.set.extend(raw);
        let more = u8_at(&self.set, 1).unwrap_or(0);
        if !(2..=MOST).contains(&more) {
            self.set.clear();
            return Step::Other;
        }
        if self.set.len() / LEN <= usize::from(more) {
            return Step::Other;
        }
        let set = std::mem::take(&mut self.set);
        parse(&set, self.at).map_or(Step::Other, Step::Entry)
    }
}

fn parse(set: &[u8], at: u64) -> Option<Entry> {
    let mut entries = set.chunks_exact(LEN);
    let file = entries.next()?;
    let stream = entries.next()?;
    let deleted = u8_at(file, 0)? & IN_USE == 0;
    if u8_at(stream, 0)? | IN_USE != STREAM {
        return None;
    }
    let mut units = usize::from(u8_at(stream, 3)?);
    let mut name = Vec::new();
    for entry in entries.filter(|entry| entry.first().is_some_and(|kind| kind | IN_USE == NAME)) {
        let take = units.min(UNITS);
        name.extend(entry.get(2..)?.get(..take.saturating_mul(2))?);
        units = units.saturating_sub(take);
    }
    let name = text_utf16(&name);
    if name.is_empty() {
        return None;
    }
    let size = le_u64(stream, 24)?;
    Some(Entry {
        at,
        name,
        is_directory: le_u16(file, 4)? & DIRECTORY != 0,
        content: Content {
            first: u64::from(le_u32(stream, 20)?),
            size,
            valid: le_u64(stream, 8)?.min(size),
            is_contiguous: u8_at(stream, 1)? & CONTIGUOUS != 0,
        },
        modified: modified(file),
        deleted,
        sound: units == 0 && sum(set) == le_u16(file, 2)?,
    })
}

/// The sum over a set as it was before deletion.
fn sum(set: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for (place, byte) in set.iter().enumerate() {
        // The sum itself is left out.
        if !matches!(place, 2 | 3) {
            let kind = if place.is_multiple_of(LEN) { IN_USE } else { 0 };
            sum = sum.rotate_right(1).wrapping_add(u16::from(byte | kind));
        }
    }
    sum
}

/// Seconds since 1970 UTC, as far as the zone is known, and nanoseconds.
fn modified(file: &[u8]) -> Option<(i64, u32)> {
    let local = time(le_u16(file, 14)?, le_u16(file, 12)?)?;
    let hundredths = u8_at(file, 21)?.min(199);
    let zone = u8_at(file, 23)?;
    // Seven bits with a sign, in quarters of an hour.
    let quarters = i64::from((zone << 1).cast_signed() >> 1);
    let ahead = if zone & 0x80 == 0 {
        0
    } else {
        quarters.saturating_mul(900)
    };
    let seconds = local
        .checked_add(i64::from(hundredths / 100))?
        .checked_sub(ahead)?;
    Some((
        seconds,
        u32::from(hundredths % 100).saturating_mul(10_000_000),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str) -> Vec<u8> {
        let units: Vec<u16> = name.encode_utf16().collect();
        let mut set = vec![0; 64];
        set[0] = FILE;
        set[1] = u8::try_from(1 + units.len().div_ceil(UNITS)).unwrap();
        set[32] = STREAM;
        set[33] = 3;
        set[35] = u8::try_from(units.len()).unwrap();
        set[40] = 70;
        set[52] = 9;
        set[56] = 80;
        for part in units.chunks(UNITS) {
            let mut entry = vec![NAME, 0];
            entry.extend(part.iter().flat_map(|unit| unit.to_le_bytes()));
            entry.resize(LEN, 0);
            set.extend(entry);
        }
        let sum = sum(&set).to_le_bytes();
        set[2..4].copy_from_slice(&sum);
        set
    }

    fn read(bytes: &[u8]) -> Vec<Entry> {
        let mut reader = Reader::default();
        let mut entries = Vec::new();
        for (raw, at) in bytes.chunks(LEN).zip((0..).step_by(LEN)) {
            match reader.next(raw, at) {
                Step::Entry(entry) => entries.push(entry),
                Step::Other => {}
                Step::End => break,
            }
        }
        entries
    }

    #[test]
    fn a_set_is_a_file_with_its_name() {
        let mut bytes = set("a name that takes two entries.json");
        bytes.extend(set("b"));
        bytes.extend([0; LEN]);
        bytes.extend(set("behind the end"));
        let entries = read(&bytes);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].name, "a name that takes two entries.json");
        assert_eq!((entries[1].at, entries[1].sound), (5 * 32, true));
        let expected = Content {
            first: 9,
            size: 80,
            valid: 70,
            is_contiguous: true,
        };
        assert_eq!(entries[0].content, expected);
    }

    #[test]
    fn a_deleted_set_still_fits_its_sum() {
        let mut bytes = set("gone.pem");
        for place in (0..bytes.len()).step_by(LEN) {
            bytes[place] &= !IN_USE;
        }
        let entries = read(&bytes);
        assert!(entries[0].deleted && entries[0].sound);
        // Another file took the end of the set.
        bytes.truncate(64);
        bytes.extend(set("new"));
        let entries = read(&bytes);
        assert_eq!(entries.len(), 1);
        assert!(!entries[0].deleted && entries[0].name == "new");
    }

    #[test]
    fn a_changed_set_does_not_fit_its_sum() {
        let mut bytes = set("id_rsa");
        bytes[66] ^= 1;
        assert!(!read(&bytes)[0].sound);
        bytes[1] = 200;
        assert!(read(&bytes).is_empty());
    }

    #[test]
    fn time_is_told_with_its_zone() {
        let mut file = vec![0; LEN];
        file[12..16].copy_from_slice(&[0, 0, 0x21, 0]);
        assert_eq!(modified(&file), Some((315_532_800, 0)));
        // An hour ahead, a second and a half later.
        file[21] = 150;
        file[23] = 0x84;
        assert_eq!(modified(&file), Some((315_529_201, 500_000_000)));
        file[23] = 0xfc;
        assert_eq!(modified(&file).unwrap().0, 315_536_401);
    }
}
