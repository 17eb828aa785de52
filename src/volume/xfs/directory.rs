//! Directory entries, and the deleted ones between them ("XFS Filesystem Structure", chapter
//! Directories).
//!
//! However large a directory is and whatever index it has, its names lie in data blocks below file
//! offset 32 GiB, so one linear reader serves all but the smallest, which lie in the inode.
//! Deleting an entry marks its place as free in its first four bytes: name, lower half of the
//! number and the tag that says where the entry began stay.

use std::collections::HashSet;

use super::Xfs;
use super::inode::{Counts, Format, Inode};
use super::map::DIRECTORY_INDEX;
use crate::volume::budget::Budget;
use crate::volume::field::{be_u16, be_u32, be_u64, text, u8_at};
use crate::volume::path::{self, Directories};
use crate::volume::{Name, NodeId, RunKind};

/// Marks free room among entries.
const FREE: u16 = 0xffff;
/// File type of a directory.
const DIRECTORY: u8 = 2;
/// Number of file types there are.
const TYPES: u8 = 9;
/// Entries begin at multiples of this.
const ALIGNMENT: usize = 8;

/// An entry of a directory.
#[derive(Clone, Copy)]
struct Entry<'a> {
    inode: u64,
    name: &'a [u8],
    /// 0 if the file system does not say.
    file_type: u8,
    deleted: bool,
}

/// How entries look on this file system.
#[derive(Clone, Copy)]
struct Layout {
    has_type: bool,
    /// Header of a data block.
    header: usize,
    /// Inode numbers need no more than four bytes, so that those of deleted entries are whole.
    short_numbers: bool,
}

impl Xfs {
    /// All names of the wanted inodes.
    pub(super) fn names_of(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        let root = NodeId(self.fs.root);
        let mut directories = Directories::new(root);
        let mut found = Vec::new();
        let known = (!self.fs.has_file_type).then(|| self.directories());
        let mut budget = Budget::of_blocks(self.fs.blocks);
        self.inodes(&mut Counts::default(), &mut |inode| {
            if !inode.is_directory() && !inode.is_cleared() {
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
                let is_itself = node == root || matches!(&*name, "." | "..");
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
        let in_use = |node: NodeId| self.inode(node.0).is_none_or(|inode| !inode.deleted);
        directories.names(wanted, found, in_use)
    }

    /// The numbers of all directories, for file systems whose entries do not tell.
    fn directories(&self) -> HashSet<NodeId> {
        let mut directories = HashSet::new();
        self.inodes(&mut Counts::default(), &mut |inode| {
            if inode.is_directory() {
                directories.insert(inode.id());
            }
        });
        directories
    }

    /// Visits the entries of a directory, or of what was one.
    fn entries(&self, inode: &Inode, budget: &mut Budget, visit: &mut dyn FnMut(Entry<'_>)) {
        let last = self.fs.inode_number(self.fs.groups, 0);
        let format = Layout {
            has_type: self.fs.has_file_type,
            header: if self.fs.has_checksums { 64 } else { 16 },
            short_numbers: last <= 1 << 32,
        };
        let data = inode.data();
        if data.format == Format::Local && !inode.is_cleared() {
            short_form(data.bytes, inode.size, format, visit);
            return;
        }
        let mut runs = Vec::new();
        self.map(inode, budget, &mut |run| {
            if run.stream == 0 && run.kind == RunKind::Plain && run.file_offset < DIRECTORY_INDEX {
                runs.push(*run);
            }
        });
        let size = self.fs.block_size;
        let mut block = Vec::new();
        let mut next = 0;
        for run in runs {
            // A directory shares its blocks with no one, so all of them are no more than there are.
            if !budget.take(inode.deleted, run.len.checked_div(size).unwrap_or(0)) {
                return;
            }
            let mut at = 0;
            while at < run.len {
                let offset = run.file_offset.saturating_add(at);
                let into = offset.checked_rem(self.fs.directory_block).unwrap_or(0);
                if into == 0 || offset != next {
                    block.clear();
                }
                // Without its beginning, a block of several is none.
                let begun = into == 0 || !block.is_empty();
                let place = run.start.saturating_add(at);
                match self.block_at(place).filter(|_| begun) {
                    Some(bytes) => block.extend(bytes),
                    None => block.clear(),
                }
                at = at.saturating_add(size);
                next = offset.saturating_add(size);
                let full = into.saturating_add(size) >= self.fs.directory_block;
                if full && !block.is_empty() {
                    let own = self.check(inode, &block, place);
                    // The blocks of a deleted directory may hold anything by now.
                    if !own && inode.deleted {
                        return;
                    }
                    if own {
                        data_block(&block, format, visit);
                    }
                    block.clear();
                }
            }
        }
    }

    /// Whether a block holds entries of this directory. `at` is where its last piece lies.
    fn check(&self, inode: &Inode, block: &[u8], at: u64) -> bool {
        let magics: [&[u8]; 2] = if self.fs.has_checksums {
            [b"XDB3", b"XDD3"]
        } else {
            [b"XD2B", b"XD2D"]
        };
        let wrong = |what: &str| {
            if !inode.deleted {
                let number = inode.number;
                self.warnings
                    .add(format!("a block of directory {number} at {at:#x} {what}"));
            }
        };
        if !magics.iter().any(|magic| block.starts_with(magic)) {
            wrong("is damaged: it has not the mark of a directory's block");
            return false;
        }
        if self.fs.has_checksums {
            if be_u64(block, 40) != Some(inode.number) {
                wrong("is damaged: it belongs to another directory");
                return false;
            }
            if !super::crc::is_sound(block, 4) {
                wrong("does not fit its checksum");
            }
        }
        true
    }
}

/// Visits the entries that lie in the inode.
fn short_form(bytes: &[u8], size: u64, format: Layout, visit: &mut dyn FnMut(Entry<'_>)) {
    let end = usize::try_from(size).unwrap_or(usize::MAX);
    let bytes = bytes.get(..end).unwrap_or(bytes);
    let (Some(count), Some(wide)) = (u8_at(bytes, 0), u8_at(bytes, 1)) else {
        return;
    };
    // If one number needs eight bytes, all have them, the parent's in the header too.
    let number: usize = if wide == 0 { 4 } else { 8 };
    let count = if wide == 0 { count } else { count.max(wide) };
    let mut rest = bytes.get(number.saturating_add(2)..).unwrap_or(&[]);
    for _ in 0..count {
        let Some((entry, after)) = short_entry(rest, number, format) else {
            return;
        };
        visit(entry);
        rest = after;
    }
}

/// The entry that the bytes begin with, and what follows it.
fn short_entry(bytes: &[u8], number: usize, format: Layout) -> Option<(Entry<'_>, &[u8])> {
    let len = usize::from(u8_at(bytes, 0)?);
    // Behind the length stands an offset that only seeking needs.
    let (name, rest) = bytes.get(3..)?.split_at_checked(len)?;
    let (file_type, rest) = match format.has_type {
        true => (u8_at(rest, 0)?, rest.get(1..)?),
        false => (0, rest),
    };
    let (inode, rest) = rest.split_at_checked(number)?;
    let inode = match number {
        4 => u64::from(be_u32(inode, 0)?),
        _ => be_u64(inode, 0)?,
    };
    let entry = Entry {
        inode,
        name,
        file_type,
        deleted: false,
    };
    is_name(name).then_some((entry, rest))
}

/// Visits the entries in a data block. In a directory of one block the index stands at its end,
/// where nothing looks like an entry any more.
fn data_block(block: &[u8], format: Layout, visit: &mut dyn FnMut(Entry<'_>)) {
    let end = entries_end(block).unwrap_or(block.len());
    let mut at = format.header;
    while at < end {
        if be_u16(block, at) == Some(FREE) {
            let len = at.checked_add(2).and_then(|at| be_u16(block, at));
            let len = usize::from(len.unwrap_or(0));
            if len < ALIGNMENT || !len.is_multiple_of(ALIGNMENT) {
                return;
            }
            let gap_end = at.saturating_add(len).min(end);
            gap(block, at, gap_end, format, visit);
            at = gap_end;
            continue;
        }
        let Some((entry, len)) = entry(block, at, format) else {
            return;
        };
        visit(entry);
        at = at.saturating_add(len);
    }
}

/// Where the entries of a block end that has the index of a whole directory behind them.
fn entries_end(block: &[u8]) -> Option<usize> {
    if !block.starts_with(b"XDB3") && !block.starts_with(b"XD2B") {
        return None;
    }
    let tail = block.len().checked_sub(8)?;
    let count = usize::try_from(be_u32(block, tail)?).ok()?;
    tail.checked_sub(count.checked_mul(8)?)
}

/// The entry at `at` and its length.
fn entry(block: &[u8], at: usize, format: Layout) -> Option<(Entry<'_>, usize)> {
    let inode = be_u64(block, at)?;
    let len = usize::from(u8_at(block, at.checked_add(8)?)?);
    let name_at = at.checked_add(9)?;
    let name = block.get(name_at..)?.get(..len)?;
    let behind = name_at.checked_add(len)?;
    let (file_type, behind) = match format.has_type {
        true => (u8_at(block, behind)?, behind.checked_add(1)?),
        false => (0, behind),
    };
    let end = behind.checked_add(2)?.checked_next_multiple_of(ALIGNMENT)?;
    let entry = Entry {
        inode,
        name,
        file_type,
        deleted: false,
    };
    (is_name(name) && end <= block.len()).then_some((entry, end.checked_sub(at)?))
}

/// Visits what looks like entries in free room.
fn gap(block: &[u8], from: usize, end: usize, format: Layout, visit: &mut dyn FnMut(Entry<'_>)) {
    let mut at = from;
    while at < end {
        let found = entry(block, at, format).filter(|(entry, len)| {
            let behind = at.saturating_add(*len);
            let tag = behind.checked_sub(2).and_then(|at| be_u16(block, at));
            // The tag of the last entry in the room was overwritten by the room's own.
            let own = tag.map(usize::from);
            let tagged = own == Some(at) || behind == end && own == Some(from);
            tagged && behind <= end && entry.file_type < TYPES
        });
        let Some((entry, len)) = found else {
            at = at.saturating_add(ALIGNMENT);
            continue;
        };
        let marked = entry.inode >> 48 == u64::from(FREE);
        if !marked || format.short_numbers {
            let inode = if marked {
                entry.inode & 0xffff_ffff
            } else {
                entry.inode
            };
            let deleted = true;
            visit(Entry {
                inode,
                deleted,
                ..entry
            });
        }
        at = at.saturating_add(len);
    }
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Layout = Layout {
        has_type: true,
        header: 64,
        short_numbers: true,
    };

    fn put(block: &mut [u8], at: usize, inode: u64, name: &str) -> usize {
        let len = (9 + name.len() + 1 + 2).next_multiple_of(8);
        block[at..at + 8].copy_from_slice(&inode.to_be_bytes());
        block[at + 8] = u8::try_from(name.len()).unwrap();
        block[at + 9..at + 9 + name.len()].copy_from_slice(name.as_bytes());
        block[at + 9 + name.len()] = 1;
        tag(block, at, at + len);
        at + len
    }

    fn tag(block: &mut [u8], start: usize, end: usize) {
        block[end - 2..end].copy_from_slice(&u16::try_from(start).unwrap().to_be_bytes());
    }

    fn free(block: &mut [u8], start: usize, end: usize) {
        block[start..start + 2].copy_from_slice(&FREE.to_be_bytes());
        let len = u16::try_from(end - start).unwrap();
        block[start + 2..start + 4].copy_from_slice(&len.to_be_bytes());
        tag(block, start, end);
    }

    fn names(block: &[u8]) -> Vec<(u64, String, bool)> {
        let mut names = Vec::new();
        data_block(block, FORMAT, &mut |entry| {
            names.push((entry.inode, text(entry.name), entry.deleted));
        });
        names
    }

    #[test]
    fn names_survive_deletion_in_free_room() {
        let mut block = vec![0; 1024];
        block[..4].copy_from_slice(b"XDD3");
        let one = put(&mut block, 64, 128, "live");
        let two = put(&mut block, one, 131, "gone.pem");
        let three = put(&mut block, two, 132, "gone-too");
        let four = put(&mut block, three, 133, "last");
        free(&mut block, four, 1024);
        let all = names(&block);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|(_, _, deleted)| !deleted));
        // One after the other, then as one room.
        free(&mut block, one, two);
        assert_eq!(names(&block)[1], (131, "gone.pem".to_owned(), true));
        free(&mut block, one, three);
        let expected = [
            (128, "live".to_owned(), false),
            (131, "gone.pem".to_owned(), true),
            (132, "gone-too".to_owned(), true),
            (133, "last".to_owned(), false),
        ];
        assert_eq!(names(&block), expected);
    }

    #[test]
    fn room_that_leads_nowhere_ends_the_block() {
        let mut block = vec![0; 1024];
        let one = put(&mut block, 64, 128, "live");
        put(&mut block, one + 16, 129, "next");
        for len in [0_u16, 4, 13] {
            block[one..one + 2].copy_from_slice(&FREE.to_be_bytes());
            block[one + 2..one + 4].copy_from_slice(&len.to_be_bytes());
            assert_eq!(names(&block).len(), 1, "room of {len}");
        }
        assert!(names(&block[..70]).is_empty());
    }

    #[test]
    fn one_long_number_makes_all_of_them_long() {
        let mut bytes = vec![1, 1];
        bytes.extend(128_u64.to_be_bytes());
        bytes.extend([3, 0, 96]);
        bytes.extend(b"key\x01");
        bytes.extend(0x1_0000_0083_u64.to_be_bytes());
        let mut found = Vec::new();
        let size = u64::try_from(bytes.len()).unwrap();
        short_form(&bytes, size, FORMAT, &mut |entry| {
            found.push((entry.inode, text(entry.name), entry.file_type));
        });
        assert_eq!(found, [(0x1_0000_0083, "key".to_owned(), 1)]);
    }
}
