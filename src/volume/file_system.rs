//! What every file-system reader can say, and in which words.
//!
//! The design is "findings first": no reader keeps an index of its files, whose size would grow
//! with the disk. A reader sweeps its metadata once, in disk order, and hands every run of every
//! file to a visitor that keeps only what it needs. Names are looked up afterwards, and only for
//! the few files in question. So memory is bounded by findings and directories.
//!
//! # The contract of a reader
//! - Positions are relative to the volume; lengths are in bytes.
//! - Nothing panics and nothing runs longer than the volume's own length allows, whatever the
//!   bytes say: loops are bounded by counts checked against that length.
//! - What is wrong with *live* metadata is told as a warning and the reading goes on. Deleted
//!   metadata is expected to be stale: what does not fit is left out without a word.
//! - Readers have no mutable state that a caller could see. All methods may be called from several
//!   threads at once.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use super::seam::{Seam, Seams};

/// Number of a file within its file system: the inode number, MFT record number, or for FAT the
/// number The Sleuth Kit gives to the directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A stretch of a file that lies in one piece on the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose it is.
    pub node: NodeId,
    /// Which of the file's streams: 0 is its content, the reader numbers the others
    /// ([`FileSystem::stream_name`]).
    pub stream: u32,
    /// First byte within the stream.
    pub file_offset: u64,
    /// First byte on the volume.
    pub start: u64,
    /// Bytes the run takes on the volume, to the end of its last block.
    pub len: u64,
    /// How many of them belong to the stream: the rest is slack behind its end.
    pub valid: u64,
    /// How the bytes relate to the file's.
    pub kind: RunKind,
    /// The file was deleted; the run may hold another file's bytes by now.
    pub deleted: bool,
}

impl Run {
    /// Where it ends on the volume.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }
}

/// How the bytes of a run relate to the bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunKind {
    /// They are the file's bytes.
    Plain,
    /// They are the file's bytes and lie inside its metadata: an inode, an MFT record.
    Resident,
    /// They are the file's bytes, compressed or otherwise encoded; the run's length counts the
    /// encoded ones and `file_offset` is where the decoded ones begin.
    Encoded {
        /// How many of the decoded bytes are left out before the file's.
        skip: u64,
        /// How many of them are the file's.
        len: u64,
    },
    /// The file owns the space but has never written it: what lies there is older.
    Unwritten,
    /// They are not content but say where content lies: an indirect block, an extent block.
    Map,
}

/// What is known of a file besides its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Length of its content in bytes.
    pub size: u64,
    /// What it is.
    pub kind: NodeKind,
    /// Numbers of its user and group, where the file system keeps them.
    pub owner: Option<(u32, u32)>,
    /// Unix permission bits without the type, where the file system keeps them.
    pub mode: Option<u16>,
    /// Last modification of its content: seconds since 1970 UTC, and nanoseconds. FAT keeps local
    /// time of an unknown place; it is taken as UTC.
    pub modified: Option<(i64, u32)>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Kind of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its content is the target.
    Link,
    /// Pipe, socket, device, or something the file system keeps for itself.
    Other,
}

/// One name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The file.
    pub node: NodeId,
    /// From the root, with `/` between and before names. A directory whose own name could not be
    /// found is written `?`: `/?/id_rsa`.
    pub path: String,
    /// The name was deleted, or one of the directories above it.
    pub deleted: bool,
}

/// What a byte is when no run holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// The allocation map says that nothing uses it.
    Unallocated,
    /// It belongs to the file system's own structures, named as in `inode 1201`.
    Metadata(String),
    /// It lies in the journal. `of` is the place on the volume of which this is an earlier or
    /// later copy, if the journal still says so.
    Journal {
        /// The byte's home.
        of: Option<u64>,
    },
    /// The allocation map says it is in use, but no file or structure was found that uses it.
    Unclaimed,
    /// It lies behind the last block of the file system, inside its partition.
    Beyond,
}

/// Content that has to be decoded before it can be searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Whose it is.
    pub node: NodeId,
    /// Which of its streams.
    pub stream: u32,
    /// First decoded byte within the stream.
    pub file_offset: u64,
    /// What was undone: `inline`, `fixup`, `lznt1`, `zstd`, ...
    pub codec: &'static str,
    /// The decoded bytes, not beyond the end of the stream.
    pub bytes: Vec<u8>,
    /// Where they came from, ascending by `decoded`.
    pub stretches: Vec<Stretch>,
    /// The file was deleted.
    pub deleted: bool,
}

impl Encoded {
    /// Where on the volume a decoded byte comes from: its very place where bytes were only moved,
    /// else the first byte of the encoded block.
    #[must_use]
    pub fn origin(&self, decoded: u64) -> Option<u64> {
        let mut stretches = self.stretches.iter();
        let stretch = stretches.find(|stretch| stretch.decoded.contains(&decoded))?;
        if !stretch.is_moved() {
            return Some(stretch.volume.start);
        }
        let into = decoded.checked_sub(stretch.decoded.start)?;
        stretch.volume.start.checked_add(into)
    }
}

/// A range of decoded bytes and the range of the volume it was made from. If both are equally
/// long, bytes were moved one by one; else the block as a whole was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Range of [`Encoded::bytes`].
    pub decoded: Range<u64>,
    /// Range of the volume.
    pub volume: Range<u64>,
    /// How many bytes of what the block gives are left out before these.
    pub skip: u64,
}

impl Stretch {
    /// Whether each decoded byte has a place of its own on the volume.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        let span = |range: &Range<u64>| range.end.saturating_sub(range.start);
        span(&self.decoded) == span(&self.volume)
    }
}

/// A reader of one mounted-once file system. See the module for what it promises.
pub trait FileSystem: fmt::Debug + Send + Sync {
    /// Its kind as shown to the user: `ext4`, `ntfs`, `fat32`.
    fn name(&self) -> &'static str;

    /// The label its owner gave it.
    fn label(&self) -> Option<&str>;

    /// Size of its allocation unit in bytes.
    fn block_size(&self) -> u64;

    /// Where it ends on the volume by its own word; none if it does not say.
    fn end(&self) -> Option<u64> {
        None
    }

    /// Visits every run of every file, live and deleted, in one sweep over the metadata. Runs of
    /// one stream follow each other without another's between, ascending in `file_offset`
    /// ([`RunKind::Map`] runs may lie among them); files come in any order. Holes are not visited.
    /// The journal and areas reserved by the file system are left to [`claim`](Self::claim).
    fn runs(&self, visit: &mut dyn FnMut(&Run));

    /// All names of the wanted files, hard links included, in any order; a file that has none left
    /// is missing. A deleted name is given only for a deleted file: a live one that happens to have
    /// the same number is another file.
    fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name>;

    /// What is known of a file; `None` if the number is not in use and never was.
    fn node(&self, id: NodeId) -> Option<Node>;

    /// The name of a stream other than the first, as it is appended to a path after a `:`.
    fn stream_name(&self, _node: NodeId, _stream: u32) -> Option<String> {
        None
    }

    /// What the byte at `at` is if no live run holds it. Costs a few small reads.
    fn claim(&self, at: u64) -> Claim;

    /// Visits the places where a file goes on elsewhere on the volume, so that a secret that
    /// crosses from one piece into the next is seen whole. `reach` is the length of the longest.
    fn seams(&self, reach: u64, visit: &mut dyn FnMut(&Seam)) {
        let mut seams = Seams::new(reach);
        self.runs(&mut |run| seams.push(run, visit));
        seams.finish(visit);
    }

    /// Visits content that a raw scan cannot see because it is encoded or cut up inside metadata,
    /// decoded, one piece at a time.
    fn encoded(&self, visit: &mut dyn FnMut(&Encoded));

    /// Sentences about what was found wrong so far, positions in hex and relative to the volume.
    fn warnings(&self) -> Vec<String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_byte_is_led_back_to_the_volume() {
        let encoded = Encoded {
            node: NodeId(1),
            stream: 0,
            file_offset: 0,
            codec: "inline",
            bytes: vec![0; 100],
            stretches: vec![
                Stretch {
                    decoded: 0..60,
                    volume: 1000..1060,
                    skip: 0,
                },
                Stretch {
                    decoded: 60..100,
                    volume: 4096..4100,
                    skip: 0,
                },
            ],
            deleted: false,
        };
        assert_eq!(encoded.origin(59), Some(1059));
        assert_eq!(encoded.origin(61), Some(4096));
        assert_eq!(encoded.origin(100), None);
    }
}
