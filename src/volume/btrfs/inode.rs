//! What is known of a file besides its content, and its names (kernel,
//! `include/uapi/linux/btrfs_tree.h`, `struct btrfs_inode_item`, `btrfs_inode_ref`,
//! `btrfs_inode_extref`).

use super::node::{Key, kind};
use crate::volume::field::{le_u16, le_u32, le_u64, text};
use crate::volume::file_system::NodeKind;
use crate::volume::{Node, NodeId};

const DIRECTORY: u32 = 0o040_000;

/// An inode's item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inode {
    pub(super) size: u64,
    pub(super) links: u32,
    owner: (u32, u32),
    mode: u32,
    modified: (i64, u32),
    /// A log notes some inodes only so that names can lead to them.
    pub(super) is_full: bool,
    /// The change that wrote the leaf it was found in: of several, the latest tells.
    pub(super) generation: u64,
}

impl Inode {
    pub(super) fn parse(item: &[u8], generation: u64) -> Option<Self> {
        Some(Self {
            size: le_u64(item, 16)?,
            links: le_u32(item, 40)?,
            owner: (le_u32(item, 44)?, le_u32(item, 48)?),
            mode: le_u32(item, 52)?,
            modified: (le_u64(item, 136)?.cast_signed(), le_u32(item, 144)?),
            is_full: le_u64(item, 0)? != 0,
            generation,
        })
    }

    pub(super) fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == DIRECTORY
    }

    pub(super) fn node(&self, deleted: bool) -> Node {
        let (seconds, nanoseconds) = self.modified;
        Node {
            size: self.size,
            kind: match self.mode & 0o170_000 {
                0o100_000 => NodeKind::File,
                DIRECTORY => NodeKind::Directory,
                0o120_000 => NodeKind::Link,
                _ => NodeKind::Other,
            },
            owner: Some(self.owner),
            mode: u16::try_from(self.mode & 0o7777).ok(),
            modified: (nanoseconds < 1_000_000_000).then_some((seconds, nanoseconds)),
            deleted: deleted || self.links == 0,
        }
    }
}

/// A name of an inode, and the directory it is in.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) node: NodeId,
    pub(super) parent: NodeId,
    pub(super) name: String,
    /// The change that wrote the leaf it was found in.
    pub(super) generation: u64,
}

/// The names that an item holds: those of one directory, or those of several that share a hash.
pub(super) fn names(key: Key, item: &[u8]) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut rest = item;
    while let Some((parent, name, after)) = first_name(key, rest) {
        found.push((parent, text(name)));
        rest = after;
    }
    found
}

fn first_name(key: Key, item: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (parent, fixed) = match key.kind {
        kind::INODE_REF => (key.offset, 8_usize),
        kind::INODE_EXTREF => (le_u64(item, 0)?, 16),
        _ => return None,
    };
    let len = usize::from(le_u16(item, fixed)?);
    let start = fixed.checked_add(2)?;
    let end = start.checked_add(len)?;
    Some((parent, item.get(start..end)?, item.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_may_hold_several_names() {
        let mut item = Vec::new();
        for name in ["first", "second"] {
            item.extend([0; 8]);
            item.extend([u8::try_from(name.len()).unwrap(), 0]);
            item.extend(name.bytes());
        }
        let key = Key::new(300, kind::INODE_REF, 257);
        let two = [(257, "first".to_owned()), (257, "second".to_owned())];
        assert_eq!(names(key, &item), two);
        item.truncate(item.len() - 1);
        assert_eq!(names(key, &item), two[..1]);
        assert_eq!(names(Key::new(300, kind::INODE_EXTREF, 9), &item[..9]), []);
    }
}
