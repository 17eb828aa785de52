//! An input as a few edits of a sound image.
//!
//! A whole image as input would be mostly content that nobody parses, and each mutation would hit
//! one byte in a hundred thousand. So an input says which image, and what is changed in those of
//! its sectors that hold anything. Checksums over what was changed are made to fit again unless
//! the input says otherwise: that they fit proves nothing about an image made to do harm.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use keydredge::volume::{ReadAt, ReadFault};

use crate::base::{Base, SECTOR};

/// Most edits of one input: more only slow it down.
const MOST: usize = 64;

type Sector = [u8; SECTOR];

/// An image after its edits.
pub struct Edited {
    pub base: Arc<Base>,
    /// Changed sectors, by where they begin.
    pub sectors: BTreeMap<usize, Sector>,
    /// Less than that of the base if it was cut short.
    pub len: usize,
}

/// Takes an input apart.
struct Words<'i>(&'i [u8]);

impl Words<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<usize> {
        Some(usize::from(u16::from_le_bytes([
            self.byte()?,
            self.byte()?,
        ])))
    }
}

impl Edited {
    /// The first byte chooses the image (and, by its highest bit, that checksums are left alone).
    /// Each edit is a word that chooses a sector, a word of place (9 bits), kind (3 bits) and
    /// length (4 bits), and what the kind needs.
    pub fn of(bases: &[Arc<Base>], input: &[u8]) -> Self {
        let mut words = Words(input);
        let first = words.byte().unwrap_or(0);
        let base = Arc::clone(&bases[usize::from(first & 0x7f) % bases.len()]);
        let mut image = Self {
            len: base.bytes.len(),
            base,
            sectors: BTreeMap::new(),
        };
        for _ in 0..MOST {
            if image.edit(&mut words).is_none() {
                break;
            }
        }
        if first & 0x80 == 0 {
            let base = Arc::clone(&image.base);
            for seal in &base.seals {
                seal.renew(&mut image);
            }
        }
        image
    }

    fn edit(&mut self, words: &mut Words<'_>) -> Option<()> {
        let slots = &self.base.slots;
        let slot = |number: usize| slots[number % slots.len()];
        let sector = slot(words.word()?);
        let word = words.word()?;
        let (place, kind, len) = (word & 0x1ff, word >> 9 & 7, (word >> 12) + 1);
        match kind {
            // Another sector in its place: two structures with one address, or the wrong one.
            4 => {
                let other = slot(words.word()?);
                self.sectors.insert(sector, self.sector(other));
            }
            // Where sums overflow.
            5 => {
                let fill = [0xff, 0, 0x7f, 0x80][usize::from(words.byte()?) % 4];
                for at in 0..len {
                    self.set(sector + place + at, fill);
                }
            }
            6 => self.len = self.len.min(sector + place),
            // A sector that held nothing.
            7 => {
                let count = self.base.bytes.len().div_ceil(SECTOR);
                let number = words.word()? | words.word()? << 16;
                let sector = number % count * SECTOR;
                for at in 0..len {
                    self.set(sector + place + at, words.byte()?);
                }
            }
            _ => {
                for at in 0..len {
                    self.set(sector + place + at, words.byte()?);
                }
            }
        }
        Some(())
    }

    /// The sector at `at`; zeros beyond the end.
    pub fn sector(&self, at: usize) -> Sector {
        let mut sector = [0; SECTOR];
        if let Some(edited) = self.sectors.get(&at) {
            return *edited;
        }
        let bytes = self.base.bytes.get(at..).unwrap_or_default();
        let len = bytes.len().min(SECTOR);
        sector[..len].copy_from_slice(&bytes[..len]);
        sector
    }

    pub fn set(&mut self, at: usize, byte: u8) {
        let start = at - at % SECTOR;
        if start < self.base.bytes.len() {
            let mut sector = self.sector(start);
            sector[at - start] = byte;
            self.sectors.insert(start, sector);
        }
    }

    /// The bytes from `at` on, whether or not the image is cut short there.
    pub fn copy(&self, at: usize, buf: &mut [u8]) {
        let bytes = &self.base.bytes[at..at + buf.len()];
        buf.copy_from_slice(bytes);
        let end = at + buf.len();
        for (start, sector) in self.sectors.range(at - at % SECTOR..end) {
            let (from, to) = (at.max(*start), end.min(start + SECTOR));
            buf[from - at..to - at].copy_from_slice(&sector[from - start..to - start]);
        }
    }
}

impl fmt::Debug for Edited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} edited", self.base.path.display())
    }
}

impl ReadAt for Edited {
    fn len(&self) -> u64 {
        self.len as u64
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<(), ReadFault> {
        let (len, end) = (buf.len(), self.len as u64);
        let last = at.checked_add(len as u64);
        if last.is_none_or(|last| last > end) {
            return Err(ReadFault::Beyond { at, len, end });
        }
        self.copy(at as usize, buf);
        Ok(())
    }
}
