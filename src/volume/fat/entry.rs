//! Directory entries with their long names.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::volume::field::{joined, le_u16, le_u32, text, text_utf16, u8_at};

/// Size of an entry.
pub(super) const LEN: usize = 32;

const DELETED: u8 = 0xe5;
/// Attributes: volume label, directory, and the combination that marks a part of a long name.
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG: u8 = 0x0f;
/// Characters 128 to 255 of code page 437.
const CODE_PAGE: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ\
    áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
/// Most parts of a long name: 255 characters, 13 each.
const PARTS: usize = 20;

/// An entry that names a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it lies on the volume.
    pub(super) at: u64,
    pub(super) name: String,
    pub(super) is_directory: bool,
    pub(super) first: u64,
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
    pub(super) deleted: bool,
}

/// Puts entries together while a directory is read in order.
#[derive(Default)]
pub(super) struct Reader {
    /// Parts of the long name that precedes its entry, last part first.
    parts: Vec<Part>,
}

struct Part {
    order: u8,
    sum: u8,
    units: Vec<u8>,
    deleted: bool,
}

/// What an entry turned out to be.
pub(super) enum Step {
    Entry(Entry),
    /// Part of a name, a label, or nothing that makes sense.
    Other,
    /// Nothing follows.
    End,
}

impl Reader {
    /// Takes the next 32 bytes of the directory.
    pub(super) fn next(&mut self, raw: &[u8], at: u64) -> Step {
        let (Some(first), Some(attributes)) = (u8_at(raw, 0), u8_at(raw, 11)) else {
            return Step::End;
        };
        if first == 0 {
            return Step::End;
        }
        if attributes & 0x3f == LONG {
            if let Some(part) = part(raw).filter(|_| self.parts.len() < PARTS) {
                self.parts.push(part);
            }
            return Step::Other;
        }
        let parts = std::mem::take(&mut self.parts);
        if attributes & LABEL != 0 {
            return Step::Other;
        }
        parse(raw, at, &parts).map_or(Step::Other, Step::Entry)
    }
}

/// An entry on its own, without a long name.
pub(super) fn single(raw: &[u8], at: u64) -> Option<Entry> {
    match Reader::default().next(raw, at) {
        Step::Entry(entry) => Some(entry),
        Step::Other | Step::End => None,
    }
}

fn part(raw: &[u8]) -> Option<Part> {
    let mut units = raw.get(1..11)?.to_vec();
    units.extend(raw.get(14..26)?);
    units.extend(raw.get(28..32)?);
    let order = u8_at(raw, 0)?;
    Some(Part {
        order: order & 0x3f,
        sum: u8_at(raw, 13)?,
        units,
        deleted: order == DELETED,
    })
}

fn parse(raw: &[u8], at: u64, parts: &[Part]) -> Option<Entry> {
    let deleted = u8_at(raw, 0)? == DELETED;
    let attributes = u8_at(raw, 11)?;
    let short = raw.get(..11)?;
    // Control characters are in no name: this is not a directory entry.
    if attributes & 0xc0 != 0 || short.iter().skip(1).any(|byte| *byte < 0x20) {
        return None;
    }
    let first = joined(
        0,
        u32::from(le_u16(raw, 20)?) << 16 | u32::from(le_u16(raw, 26)?),
    );
    let name = match long_name(parts, short, deleted) {
        Some(name) => name,
        None => short_name(short, u8_at(raw, 12)?),
    };
    Some(Entry {
        at,
        name,
        is_directory: attributes & DIRECTORY != 0,
        first,
        size: u64::from(le_u32(raw, 28)?),
        modified: time(le_u16(raw, 24)?, le_u16(raw, 22)?),
        deleted,
    })
}

/// The long name, if its parts are all there and belong to this entry.
fn long_name(parts: &[Part], short: &[u8], deleted: bool) -> Option<String> {
    let same = parts
        .iter()
        .rev()
        .take_while(|part| part.deleted == deleted);
    let sum = parts.last()?.sum;
    let mut units = Vec::new();
    for (order, part) in (1..).zip(same) {
        // A deleted part has lost its number, and a deleted entry the letter the sum is made with;
        // that all parts carry the same sum still holds.
        if part.sum != sum || (!deleted && part.order != order) {
            break;
        }
        units.extend(&part.units);
    }
    if units.is_empty() || (!deleted && sum != checksum(short)) {
        return None;
    }
    // Filled up with 0xffff behind a NUL, which a name that fits exactly does not have.
    let name = text_utf16(&units);
    (!name.is_empty()).then_some(name)
}

fn checksum(short: &[u8]) -> u8 {
    short
        .iter()
        .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

fn short_name(short: &[u8], case: u8) -> String {
    let mut bytes = short.to_vec();
    match bytes.first_mut() {
        Some(first) if *first == DELETED => *first = b'_',
        // A name that really begins with the mark of a deleted one.
        Some(first) if *first == 0x05 => *first = DELETED,
        _ => {}
    }
    let (base, extension) = bytes.split_at_checked(8).unwrap_or((&[], &[]));
    let shown = |part: &[u8], lower: bool| {
        let part: String = part.iter().map(|byte| character(*byte)).collect();
        let part = if lower { part.to_lowercase() } else { part };
        text(part.as_bytes()).trim_end().to_owned()
    };
    let base = shown(base, case & 0x08 != 0);
    let extension = shown(extension, case & 0x10 != 0);
    match extension.as_str() {
        "" => base,
        extension => format!("{base}.{extension}"),
    }
}

/// Short names are in the code page of whoever wrote them, which is not noted; 437 is the most
/// common and what Linux assumes.
fn character(byte: u8) -> char {
    let upper = byte.checked_sub(128);
    upper.map_or(char::from(byte), |index| {
        let found = CODE_PAGE.chars().nth(usize::from(index));
        found.unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

/// Seconds since 1970, taking the time as UTC.
pub(in crate::volume) fn time(date: u16, time: u16) -> Option<i64> {
    let small = |value: u16| i8::try_from(value).ok();
    let year = 1980_i16.checked_add(i16::try_from(date >> 9).ok()?)?;
    let date = Date::new(year, small(date >> 5 & 15)?, small(date & 31)?).ok()?;
    let second = small(time & 31)?.checked_mul(2)?;
    let time = Time::new(small(time >> 11)?, small(time >> 5 & 63)?, second, 0).ok()?;
    let moment = TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(moment.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(name: &[u8; 11]) -> Vec<u8> {
        let mut raw = vec![0; LEN];
        raw[..11].copy_from_slice(name);
        raw[26] = 5;
        raw
    }

    fn long(order: u8, sum: u8, name: &str) -> Vec<u8> {
        let mut units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        units.resize(26, 0);
        let mut raw = vec![order];
        raw.extend(&units[..10]);
        raw.extend([LONG, 0, sum]);
        raw.extend(&units[10..22]);
        raw.extend([0, 0]);
        raw.extend(&units[22..]);
        raw
    }

    fn names(raws: &[Vec<u8>]) -> Vec<(String, bool)> {
        let mut reader = Reader::default();
        let mut names = Vec::new();
        for raw in raws {
            if let Step::Entry(entry) = reader.next(raw, 0) {
                names.push((entry.name, entry.deleted));
            }
        }
        names
    }

    #[test]
    fn a_long_name_belongs_to_the_entry_with_its_sum() {
        let name = b"SERVIC~1JSO";
        let sum = checksum(name);
        let parts = [long(0x42, sum, "nt.json"), long(1, sum, "service-accou")];
        let whole = [parts[0].clone(), parts[1].clone(), short(name)];
        assert_eq!(names(&whole), [("service-account.json".to_owned(), false)]);
        let wrong = [parts[0].clone(), parts[1].clone(), short(b"OTHER   TXT")];
        assert_eq!(names(&wrong), [("OTHER.TXT".to_owned(), false)]);
    }

    #[test]
    fn a_deleted_entry_keeps_its_long_name_and_loses_a_letter_of_the_short_one() {
        let gone = b"\xe5ERVIC~1JSO";
        let parts = [long(0xe5, 9, "nt.json"), long(0xe5, 9, "service-accou")];
        let whole = [parts[0].clone(), parts[1].clone(), short(gone)];
        assert_eq!(names(&whole), [("service-account.json".to_owned(), true)]);
        assert_eq!(
            names(&[short(b"\xe5D_RSA     ")]),
            [("_D_RSA".to_owned(), true)]
        );
    }

    #[test]
    fn an_impossible_date_is_no_date() {
        assert_eq!(time(0x21, 0), Some(315_532_800));
        assert_eq!(time(0, 0), None);
        assert_eq!(time(0x21, 0xffff), None);
    }
}
