//! The B+trees of an allocation group ("XFS Filesystem Structure", chapter Allocation Groups, the
//! short form of B+tree blocks).

use super::Xfs;
use crate::volume::ReadAt;
use crate::volume::field::{be_u16, be_u32};

/// Deepest tree that a group's 2^32 blocks can need: a node has at least two entries.
const DEPTH: u16 = 32;

/// A tree of a group: where its root lies, and how its entries look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub(super) group: u64,
    pub(super) root: u32,
    /// Number of levels.
    pub(super) levels: u32,
    pub(super) kind: Kind,
}

/// Which tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Free extents by place.
    FreeSpace,
    /// Chunks of inodes.
    Inodes,
}

impl Kind {
    fn magics(self) -> [&'static [u8]; 2] {
        match self {
            Self::FreeSpace => [b"ABTB", b"AB3B"],
            Self::Inodes => [b"IABT", b"IAB3"],
        }
    }

    fn record(self) -> usize {
        match self {
            Self::FreeSpace => 8,
            Self::Inodes => 16,
        }
    }

    fn key(self) -> usize {
        match self {
            Self::FreeSpace => 8,
            Self::Inodes => 4,
        }
    }
}

/// A block of a tree, checked.
struct Block {
    level: u16,
    /// Records or, above the leaves, keys and behind the room for all keys the blocks below.
    entries: Vec<u8>,
    count: usize,
}

impl Block {
    fn record(&self, kind: Kind, index: usize) -> Option<&[u8]> {
        let size = kind.record();
        self.entries.get(index.checked_mul(size)?..)?.get(..size)
    }

    /// First number of the record or key `index`: the first block or inode it speaks of.
    fn first(&self, kind: Kind, index: usize) -> Option<u32> {
        let size = if self.level == 0 {
            kind.record()
        } else {
            kind.key()
        };
        be_u32(&self.entries, index.checked_mul(size)?)
    }

    fn below(&self, kind: Kind, index: usize) -> Option<u32> {
        let room = self.entries.len().checked_div(kind.key().checked_add(4)?)?;
        let keys = room.checked_mul(kind.key())?;
        be_u32(&self.entries, keys.checked_add(index.checked_mul(4)?)?)
    }

    /// Index of the last entry that begins at or before `wanted`.
    fn floor(&self, kind: Kind, wanted: u32) -> Option<usize> {
        let starts_by = |index: &usize| self.first(kind, *index).is_some_and(|at| at <= wanted);
        // Entries of a sound block ascend; in another the answer is as good as any.
        let mut low = 0_usize;
        let mut high = self.count;
        while low < high {
            let middle = low.midpoint(high);
            if starts_by(&middle) {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }
}

impl Xfs {
    /// Visits all records, ascending. False if some could not be reached.
    pub(super) fn walk(&self, tree: Tree, visit: &mut dyn FnMut(&[u8])) -> bool {
        let Some(level) = top(tree) else {
            return false;
        };
        let mut walk = Walk {
            left: self.fs.blocks_of(tree.group),
            next: 0,
            whole: true,
            visit,
        };
        self.walk_below(tree, tree.root, level, &mut walk);
        walk.whole
    }

    fn walk_below(&self, tree: Tree, block: u32, level: u16, walk: &mut Walk<'_>) {
        // A block belongs to one tree once, so a longer walk goes in circles.
        let Some(left) = walk.left.checked_sub(1) else {
            walk.whole = false;
            return;
        };
        walk.left = left;
        let Some(found) = self.tree_block(tree, block, level) else {
            walk.whole = false;
            return;
        };
        for index in 0..found.count {
            if let Some(below) = level.checked_sub(1) {
                match found.below(tree.kind, index) {
                    Some(block) => self.walk_below(tree, block, below, walk),
                    None => walk.whole = false,
                }
                continue;
            }
            let first = found.first(tree.kind, index).map(u64::from);
            match (first, found.record(tree.kind, index)) {
                (Some(first), Some(record)) if first >= walk.next => {
                    walk.next = first.saturating_add(1);
                    (walk.visit)(record);
                }
                _ => walk.whole = false,
            }
        }
    }

    /// The last record that begins at or before `wanted`: `Err` if the way to it is damaged, `Ok`
    /// without one if all begin later.
    pub(super) fn floor(&self, tree: Tree, wanted: u32) -> Result<Option<Vec<u8>>, ()> {
        let mut level = top(tree).ok_or(())?;
        let mut block = tree.root;
        loop {
            let found = self.tree_block(tree, block, level).ok_or(())?;
            let Some(index) = found.floor(tree.kind, wanted) else {
                return Ok(None);
            };
            match level.checked_sub(1) {
                Some(below) => {
                    block = found.below(tree.kind, index).ok_or(())?;
                    level = below;
                }
                None => return Ok(found.record(tree.kind, index).map(<[u8]>::to_vec)),
            }
        }
    }

    fn tree_block(&self, tree: Tree, block: u32, level: u16) -> Option<Block> {
        let at = self.fs.at(tree.group, block.into(), 1)?;
        let wrong = |what: &str| {
            self.warnings.add(format!(
                "a block of a tree of allocation group {} at {at:#x} {what}",
                tree.group
            ));
        };
        let len = usize::try_from(self.fs.block_size).ok()?;
        let raw = match self.part.read_vec(at, len) {
            Ok(raw) => raw,
            Err(fault) => {
                wrong(&format!("cannot be read: {fault}"));
                return None;
            }
        };
        let header = if self.fs.has_checksums { 56 } else { 16 };
        let signed = tree
            .kind
            .magics()
            .iter()
            .any(|magic| raw.starts_with(magic));
        if !signed || be_u16(&raw, 4) != Some(level) {
            wrong("is damaged: it has another mark or level than its place in the tree");
            return None;
        }
        let count = usize::from(be_u16(&raw, 6)?);
        let size = match level {
            0 => tree.kind.record(),
            _ => tree.kind.key().checked_add(4)?,
        };
        let entries = raw.get(header..)?.to_vec();
        if count.checked_mul(size)? > entries.len() {
            wrong("is damaged: it has more entries than room");
            return None;
        }
        if self.fs.has_checksums && !super::crc::is_sound(&raw, 52) {
            wrong("does not fit its checksum");
        }
        Some(Block {
            level,
            entries,
            count,
        })
    }
}

struct Walk<'a> {
    /// Blocks that may still be read.
    left: u64,
    /// The next record begins here or later.
    next: u64,
    whole: bool,
    visit: &'a mut dyn FnMut(&[u8]),
}

/// Level of the root.
fn top(tree: Tree) -> Option<u16> {
    let level = u16::try_from(tree.levels.checked_sub(1)?).ok()?;
    (level < DEPTH).then_some(level)
}
