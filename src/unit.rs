//! Coordinates and small value types that every stage shares.
//!
//! A byte has one address per layer: where it lies in the disk the guest sees
//! ([`ImageOffset`]) and where it lies in the window an engine was handed
//! ([`ChunkOffset`]). Both are plain integers on the machine, so they are newtypes: adding a
//! chunk position to an image position by accident does not compile.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A byte position in an image, stream or file, counted from its first byte.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ImageOffset(pub u64);

impl ImageOffset {
    /// The position `len` bytes further on, or the last representable one: a position only ever
    /// names bytes that exist, so saturating cannot produce a wrong answer for a real image.
    #[must_use]
    pub fn plus(self, len: u64) -> Self {
        Self(self.0.saturating_add(len))
    }

    /// The position `len` bytes earlier, or the first byte.
    #[must_use]
    pub fn minus(self, len: u64) -> Self {
        Self(self.0.saturating_sub(len))
    }
}

impl fmt::Display for ImageOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A byte position relative to the first byte of a chunk's window. Four bytes, so that a GPU can
/// write it as one word; a window is always shorter than 4 GiB.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    bytemuck::Pod,
    bytemuck::Zeroable,
)]
pub struct ChunkOffset(pub u32);

impl ChunkOffset {
    /// As an index into the window.
    #[must_use]
    pub fn index(self) -> usize {
        // A window is indexed by usize, which has at least 32 bits on every supported target.
        self.0 as usize
    }
}

/// A set of byte values, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ByteClass([u64; 4]);

impl ByteClass {
    /// The class of the bytes for which `test` holds.
    #[must_use]
    pub fn from_fn(test: impl Fn(u8) -> bool) -> Self {
        let mut class = Self::default();
        for byte in 0..=u8::MAX {
            if test(byte) {
                class.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
        }
        class
    }

    /// Reads the notation of rule files: single characters and `a-z` ranges, nothing else.
    /// A `-` that stands first or last is a literal minus. `None` if a range runs backwards, the
    /// text is empty or holds a character outside ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || !text.is_ascii() {
            return None;
        }
        let mut class = Self::default();
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            match tail {
                [b'-', last, after @ ..] => {
                    if first > last {
                        return None;
                    }
                    for byte in *first..=*last {
                        class.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
                    }
                    rest = after;
                }
                _ => {
                    class.0[usize::from(first >> 6)] |= 1 << (first & 63);
                    rest = tail;
                }
            }
        }
        Some(class)
    }

    /// Whether the byte is in the class.
    #[inline]
    #[must_use]
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// The members in ascending order.
    pub fn members(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|byte| self.has(*byte))
    }
}

impl fmt::Debug for ByteClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<u8> = self.members().collect();
        write!(f, "ByteClass({})", members.escape_ascii())
    }
}

/// As [`ByteClass::parse`] reads it: ranges and characters, others escaped as in Rust.
impl fmt::Display for ByteClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut members = self.members().peekable();
        while let Some(first) = members.next() {
            let mut last = first;
            while let Some(next) = members.next_if(|next| *next == last.wrapping_add(1)) {
                last = next;
            }
            write!(f, "{}", [first].escape_ascii())?;
            // A dash saves nothing between two neighbours.
            if last.saturating_sub(first) > 1 {
                f.write_str("-")?;
            }
            if last != first {
                write!(f, "{}", [last].escape_ascii())?;
            }
        }
        Ok(())
    }
}

/// Bytes as a person reads them: `64.0 MiB`, `1.5 GiB`.
#[must_use]
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_notation_reads_ranges_singles_and_a_final_minus() {
        let class = ByteClass::parse("a-z2-7._-").unwrap();
        let members: Vec<u8> = class.members().collect();
        assert_eq!(members, b"-.234567_abcdefghijklmnopqrstuvwxyz");
        assert_eq!(class.to_string(), "-.2-7_a-z");
        assert!(ByteClass::parse("z-a").is_none());
        assert!(ByteClass::parse("").is_none());
        assert!(ByteClass::parse("é").is_none());
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(human_bytes(0), "0 B");
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(1 << 40), "1.0 TiB");
    }
}
