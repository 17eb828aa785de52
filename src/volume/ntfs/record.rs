//! A record of the master file table: fixups, header and attributes (Linux kernel,
//! `fs/ntfs3/ntfs.h`, `struct MFT_REC` and `struct ATTRIB`).

use crate::volume::field::{le_u16, le_u32, le_u64, u8_at};

/// Bytes that one fixup protects, whatever the sector size.
pub(super) const STRIDE: usize = 512;
const IN_USE: u16 = 1;
const DIRECTORY: u16 = 2;
/// Type that ends the attributes.
const END: u32 = 0xffff_ffff;

/// Names a record and which of the files it has held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) record: u64,
    pub(super) sequence: u16,
}

impl Reference {
    pub(super) fn parse(raw: &[u8], at: usize) -> Option<Self> {
        Some(Self {
            record: le_u64(raw, at)? & 0xffff_ffff_ffff,
            sequence: le_u16(raw, at.checked_add(6)?)?,
        })
    }
}

/// A record that is or was in use, its fixups undone.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) raw: Vec<u8>,
    pub(super) sequence: u16,
    pub(super) deleted: bool,
    pub(super) is_directory: bool,
    /// The record that this one extends.
    pub(super) base: Option<Reference>,
    /// Every sector ended with what the header says it does.
    pub(super) whole: bool,
    first: usize,
    used: usize,
}

impl Record {
    /// `None` if it was never in use.
    pub(super) fn parse(mut raw: Vec<u8>, number: u64) -> Option<Self> {
        // The second marks a record that was found torn before.
        if !matches!(raw.first_chunk::<4>()?, b"FILE" | b"BAAD") {
            return None;
        }
        let whole = unfix(&mut raw).unwrap_or(false);
        let flags = le_u16(&raw, 22)?;
        let base = Reference::parse(&raw, 32)?;
        let used = usize::try_from(le_u32(&raw, 24)?).ok()?;
        Some(Self {
            number,
            sequence: le_u16(&raw, 16)?,
            deleted: flags & IN_USE == 0,
            is_directory: flags & DIRECTORY != 0,
            base: Some(base).filter(|base| {
                *base
                    != Reference {
                        record: 0,
                        sequence: 0,
                    }
            }),
            whole,
            first: usize::from(le_u16(&raw, 20)?),
            used: if (48..=raw.len()).contains(&used) {
                used
            } else {
                raw.len()
            },
            raw,
        })
    }

    /// Whether `reference` means the file that this record holds or, deleted, last held: deleting
    /// it counts the sequence number up.
    pub(super) fn is(&self, reference: Reference) -> bool {
        let same = reference.sequence == self.sequence;
        let before = reference.sequence == self.sequence.wrapping_sub(1);
        reference.record == self.number && (same || self.deleted && before)
    }

    /// Its attributes, and whether their list ends as it should.
    pub(super) fn attributes(&self) -> (Vec<Attribute<'_>>, bool) {
        let mut attributes = Vec::new();
        let mut at = self.first;
        let body = self.raw.get(..self.used).unwrap_or(&[]);
        loop {
            match le_u32(body, at) {
                Some(END) => return (attributes, true),
                None => return (attributes, false),
                Some(_) => {}
            }
            let len = attribute_len(body, at);
            let raw = len.and_then(|len| body.get(at..)?.get(..len));
            let Some(raw) = raw else {
                return (attributes, false);
            };
            match Attribute::parse(raw, at) {
                Some(attribute) => attributes.push(attribute),
                None => return (attributes, false),
            }
            at = at.saturating_add(raw.len());
        }
    }
}

fn attribute_len(body: &[u8], at: usize) -> Option<usize> {
    let len = usize::try_from(le_u32(body, at.checked_add(4)?)?).ok()?;
    (len >= 24).then_some(len)
}

/// Puts back what the last two bytes of each sector held; false if they did not hold the number
/// that shows that the sector was written together with the others.
fn unfix(raw: &mut [u8]) -> Option<bool> {
    let at = usize::from(le_u16(raw, 4)?);
    let count = usize::from(le_u16(raw, 6)?);
    let number = le_u16(raw, at)?;
    let strides = raw.len().checked_div(STRIDE)?;
    let mut whole = count == strides.checked_add(1)?;
    for stride in 1..count.min(strides.saturating_add(1)) {
        let kept = le_u16(raw, at.checked_add(stride.checked_mul(2)?)?)?;
        let end = stride.checked_mul(STRIDE)?.checked_sub(2)?;
        if le_u16(raw, end)? == number {
            raw.get_mut(end..)?
                .first_chunk_mut::<2>()?
                .copy_from_slice(&kept.to_le_bytes());
        } else {
            whole = false;
        }
    }
    Some(whole)
}

/// An attribute, or the part of one that a record has.
#[derive(Clone, Debug)]
pub(super) struct Attribute<'a> {
    pub(super) kind: u32,
    /// In UTF-16.
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    pub(super) body: Body<'a>,
}

/// Where an attribute's value is.
#[derive(Clone, Debug)]
pub(super) enum Body<'a> {
    /// Here.
    Resident {
        /// Its first byte in the record.
        within: usize,
        value: &'a [u8],
    },
    /// In clusters.
    Runs(Runs<'a>),
}

/// A part of the map of a value that lies in clusters.
#[derive(Clone, Debug)]
pub(super) struct Runs<'a> {
    /// First and last cluster of the value that this part maps.
    pub(super) first: u64,
    pub(super) last: u64,
    /// Clusters that are compressed together, as an exponent of two.
    pub(super) unit: u16,
    /// In bytes; only in the part that begins with cluster 0.
    pub(super) size: u64,
    pub(super) initialized: u64,
    pub(super) map: &'a [u8],
}

impl<'a> Attribute<'a> {
    fn parse(raw: &'a [u8], at: usize) -> Option<Self> {
        let name_len = usize::from(u8_at(raw, 9)?).checked_mul(2)?;
        let name = match name_len {
            0 => &[],
            _ => raw.get(usize::from(le_u16(raw, 10)?)..)?.get(..name_len)?,
        };
        let body = if u8_at(raw, 8)? == 0 {
            let offset = usize::from(le_u16(raw, 20)?);
            let len = usize::try_from(le_u32(raw, 16)?).ok()?;
            Body::Resident {
                within: at.checked_add(offset)?,
                value: raw.get(offset..)?.get(..len)?,
            }
        } else {
            Body::Runs(Runs {
                first: le_u64(raw, 16)?,
                last: le_u64(raw, 24)?,
                unit: le_u16(raw, 34)?,
                size: le_u64(raw, 48)?,
                initialized: le_u64(raw, 56)?,
                map: raw.get(usize::from(le_u16(raw, 32)?)..)?,
            })
        };
        Some(Self {
            kind: le_u32(raw, 0)?,
            name,
            flags: le_u16(raw, 12)?,
            body,
        })
    }

    /// Its value, if it lies in the record.
    pub(super) fn value(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Resident { value, .. } => Some(value),
            Body::Runs(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut raw = vec![0; 1024];
        raw[..4].copy_from_slice(b"FILE");
        raw[4] = 48;
        raw[6] = 3;
        raw[16] = 7;
        raw[20] = 56;
        raw[22] = 1;
        raw[24..28].copy_from_slice(&1024_u32.to_le_bytes());
        raw[48..54].copy_from_slice(&[9, 0, b'a', b'b', b'c', b'd']);
        // A value of 600 bytes, and the end.
        raw[56] = 0x80;
        raw[60..64].copy_from_slice(&624_u32.to_le_bytes());
        raw[72..76].copy_from_slice(&600_u32.to_le_bytes());
        raw[76] = 24;
        raw[680..684].fill(0xff);
        for end in [510, 1022] {
            raw[end..end + 2].copy_from_slice(&[9, 0]);
        }
        raw
    }

    #[test]
    fn fixups_are_undone() {
        let record = Record::parse(record(), 30).unwrap();
        assert!(record.whole && !record.deleted);
        assert_eq!(&record.raw[510..512], b"ab");
        let (attributes, sound) = record.attributes();
        assert!(sound);
        assert_eq!(attributes[0].value().unwrap().len(), 600);
        assert_eq!(&attributes[0].value().unwrap()[430..432], b"ab");
    }

    #[test]
    fn a_torn_record_keeps_what_was_written() {
        let mut raw = record();
        raw[1022] = 8;
        let record = Record::parse(raw, 30).unwrap();
        assert!(!record.whole);
        assert_eq!(&record.raw[510..512], b"ab");
        assert_eq!(&record.raw[1022..], [8, 0]);
    }

    #[test]
    fn an_attribute_that_leads_nowhere_ends_the_list() {
        for len in [0_u32, 8, 23, 2000, u32::MAX] {
            let mut raw = record();
            raw[60..64].copy_from_slice(&len.to_le_bytes());
            let record = Record::parse(raw, 30).unwrap();
            let (attributes, sound) = record.attributes();
            assert!(attributes.is_empty() && !sound, "length {len}");
        }
    }

    #[test]
    fn deletion_counts_the_sequence_up() {
        let of = |record, sequence| Reference { record, sequence };
        let mut raw = record();
        let live = Record::parse(raw.clone(), 30).unwrap();
        assert!(live.is(of(30, 7)) && !live.is(of(30, 6)) && !live.is(of(31, 7)));
        raw[22] = 0;
        let deleted = Record::parse(raw, 30).unwrap();
        assert!(deleted.is(of(30, 6)) && deleted.is(of(30, 7)) && !deleted.is(of(30, 5)));
    }
}
