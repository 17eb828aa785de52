//! Directory entries, and the deleted ones between them.
//!
//! An indexed directory keeps its index where a linear reader sees an entry without an inode, so
//! one reader serves both. Deleting an entry lengthens the one before it: the old bytes stay, and
//! with them the name.

use std::collections::HashSet;

use super::inode::{Inode, ROOT};
use super::superblock::incompat;
use super::{Ext, inline};
use crate::volume::budget::Budget;
use crate::volume::field::{le_u16, le_u32, text, u8_at};
use crate::volume::path::{self, Directories};
use crate::volume::{Name, NodeId, RunKind};

/// Size of an entry without its name.
const HEADER: usize = 8;
/// File type of a directory.
const DIRECTORY: u8 = 2;
/// Longest directory that is read: a file system with 4 KiB blocks cannot index more.
const LONGEST: u64 = 2 << 30;

/// An entry of a directory.
struct Entry<'a> {
    inode: u64,
    name: &'a [u8],
    /// 0 if the file system does not say.
    file_type: u8,
    deleted: bool,
}

/// How entries look on this file system.
#[derive(Clone, Copy)]
struct Format {
    has_type: bool,
    inodes: u64,
    /// Looks for deleted entries too.
    deleted: bool,
}

impl Ext {
    /// All names of the wanted inodes.
    pub(super) fn names_of(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        let mut directories = Directories::new(NodeId(ROOT));
        let mut found = Vec::new();
        let known = (!self.fs.has(incompat::FILE_TYPE)).then(|| self.directories());
        let mut budget = Budget::of_blocks(self.fs.blocks);
        self.inodes(&mut |inode| {
            if !inode.is_directory() {
                return;
            }
            self.entries(&inode, &mut budget, &mut |entry| {
                let node = NodeId(entry.inode);
                let deleted = entry.deleted || inode.deleted;
                let is_directory = match &known {
                    Some(known) => known.contains(&node),
                    None => entry.file_type == DIRECTORY,
                };
                let is_wanted = wanted.contains(&node);
                if !is_directory && !is_wanted {
                    return;
                }
                let name = text(entry.name);
                let is_itself = is_directory && (node.0 == ROOT || matches!(&*name, "." | ".."));
                let named = path::Entry {
                    node,
                    parent: inode.id(),
                    name,
                    deleted,
                };
                directories.take(named, is_directory, is_wanted && !is_itself, &mut found);
            });
        });
        // Of a number that is in use again, an old name tells of another file.
        let in_use = |node: NodeId| self.inode(node.0).is_some_and(|inode| !inode.deleted);
        directories.names(wanted, found, in_use)
    }

    /// The numbers of all directories, for file systems whose entries do not tell.
    fn directories(&self) -> HashSet<NodeId> {
        let mut directories = HashSet::new();
        self.inodes(&mut |inode| {
            if inode.is_directory() {
                directories.insert(inode.id());
            }
        });
        directories
    }

    /// Visits the entries of a directory, the live ones of each block first.
    fn entries(&self, inode: &Inode<'_>, budget: &mut Budget, visit: &mut dyn FnMut(Entry<'_>)) {
        let format = Format {
            has_type: self.fs.has(incompat::FILE_TYPE),
            inodes: self.fs.inodes,
            deleted: true,
        };
        if inode.is_inline() {
            for piece in inline::pieces(inode) {
                // The first four bytes are the parent's number, in place of `.` and `..`.
                let bytes = inline::bytes(inode, piece).unwrap_or(&[]);
                let skip = if piece.file_offset == 0 { 4 } else { 0 };
                parse(bytes.get(skip..).unwrap_or(&[]), format, visit);
            }
            return;
        }
        let mut first = true;
        let mut blocks = Vec::new();
        self.map(inode, budget, &mut |run| {
            if run.kind == RunKind::Plain && run.file_offset < LONGEST {
                blocks.push((run.file_offset, run.start, run.valid));
            }
        });
        for (file_offset, start, len) in blocks {
            let size = self.fs.block_size;
            let mut at = 0;
            while at < len {
                let block = start.saturating_add(at).checked_div(size);
                let bytes = block
                    .and_then(|block| self.block(block))
                    .unwrap_or_default();
                // The blocks of a deleted directory may hold anything by now.
                let own = le_u32(&bytes, 0).map(u64::from) == Some(inode.number);
                if first && inode.deleted && !own {
                    return;
                }
                first = false;
                // In an index, what lies behind the entries are hashes, not names.
                let index =
                    inode.is_indexed() && (file_offset.saturating_add(at) == 0 || is_index(&bytes));
                let deleted = !index;
                parse(&bytes, Format { deleted, ..format }, visit);
                at = at.saturating_add(size);
            }
        }
    }
}

/// Whether a block begins with one unused entry as long as itself.
fn is_index(block: &[u8]) -> bool {
    let len = le_u16(block, 4).map(usize::from);
    le_u32(block, 0) == Some(0) && len == Some(block.len())
}

/// Visits the entries in a block.
fn parse(block: &[u8], format: Format, visit: &mut dyn FnMut(Entry<'_>)) {
    let mut at = 0_usize;
    while let Some(record) = record_len(block, at) {
        let end = at.saturating_add(record);
        let entry = entry(block, at, format);
        let used = entry.as_ref().map_or(HEADER, Entry::room);
        if let Some(entry) = entry {
            visit(entry);
        }
        if format.deleted {
            gaps(block, at.saturating_add(used), end, format, visit);
        }
        at = end;
    }
}

/// Length of the record at `at`, if it is one that leads on inside the block.
fn record_len(block: &[u8], at: usize) -> Option<usize> {
    let len = usize::from(le_u16(block, at.checked_add(4)?)?);
    let rest = block.len().checked_sub(at)?;
    // Blocks of 64 KiB do not fit the field.
    let len = if matches!(len, 0 | 0xffff) && block.len() == 65536 {
        rest
    } else {
        len
    };
    (len >= HEADER && len % 4 == 0 && len <= rest).then_some(len)
}

/// Visits what looks like entries between the end of a live one and the next.
fn gaps(block: &[u8], from: usize, end: usize, format: Format, visit: &mut dyn FnMut(Entry<'_>)) {
    let mut at = from;
    while at.saturating_add(HEADER) < end {
        let fits = |entry: &Entry<'_>| at.saturating_add(entry.room()) <= end;
        let found = entry(block, at, format).filter(fits);
        let found = found.filter(|_| record_len(block, at).is_some());
        let step = found.as_ref().map_or(4, Entry::room);
        if let Some(entry) = found.filter(|entry| entry.file_type <= 7) {
            visit(Entry {
                deleted: true,
                ..entry
            });
        }
        at = at.saturating_add(step);
    }
}

/// The entry at `at`, if it names an inode.
fn entry(block: &[u8], at: usize, format: Format) -> Option<Entry<'_>> {
    let inode = u64::from(le_u32(block, at)?);
    let len = usize::from(u8_at(block, at.checked_add(6)?)?);
    let file_type = u8_at(block, at.checked_add(7)?)?;
    let name = block.get(at.checked_add(HEADER)?..)?.get(..len)?;
    let sane = (1..=format.inodes).contains(&inode)
        && len > 0
        && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
    sane.then_some(Entry {
        inode,
        name,
        file_type: if format.has_type { file_type } else { 0 },
        deleted: false,
    })
}

impl Entry<'_> {
    /// Bytes the entry needs.
    fn room(&self) -> usize {
        self.name.len().saturating_add(HEADER).saturating_add(3) & !3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(block: &mut [u8], at: usize, inode: u32, record: u16, name: &str) {
        block[at..at + 4].copy_from_slice(&inode.to_le_bytes());
        block[at + 4..at + 6].copy_from_slice(&record.to_le_bytes());
        block[at + 6] = u8::try_from(name.len()).unwrap();
        block[at + 7] = 1;
        block[at + 8..at + 8 + name.len()].copy_from_slice(name.as_bytes());
    }

    fn names(block: &[u8]) -> Vec<(u64, String, bool)> {
        let format = Format {
            has_type: true,
            inodes: 100,
            deleted: true,
        };
        let mut names = Vec::new();
        parse(block, format, &mut |entry| {
            names.push((entry.inode, text(entry.name), entry.deleted));
        });
        names
    }

    #[test]
    fn names_survive_deletion_in_the_gaps() {
        let mut block = vec![0; 1024];
        put(&mut block, 0, 12, 48, "live");
        put(&mut block, 12, 13, 16, "gone.pem");
        put(&mut block, 28, 14, 20, "gone-too");
        put(&mut block, 48, 15, 976, "last");
        let found = names(&block);
        let expected = [
            (12, "live".to_owned(), false),
            (13, "gone.pem".to_owned(), true),
            (14, "gone-too".to_owned(), true),
            (15, "last".to_owned(), false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_record_that_leads_nowhere_ends_the_block() {
        let mut block = vec![0; 1024];
        put(&mut block, 0, 12, 12, "live");
        for wrong in [0, 4, 13, 2000] {
            put(&mut block, 12, 13, wrong, "next");
            assert_eq!(names(&block).len(), 1, "record length {wrong}");
        }
        assert!(names(&block[..6]).is_empty());
    }
}
