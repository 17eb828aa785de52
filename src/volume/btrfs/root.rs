//! The tree of trees: subvolumes and snapshots, the trees that keep the books, and the log (kernel,
//! `include/uapi/linux/btrfs_tree.h`, `struct btrfs_root_item`, `btrfs_root_ref`).

use super::node::{Key, kind};
use super::superblock::Root;
use super::tree::{Budget, Store};
use crate::volume::NodeId;
use crate::volume::field::{le_u16, le_u32, le_u64, text, u8_at};

pub(super) const ROOT_TREE: u64 = 1;
pub(super) const EXTENT_TREE: u64 = 2;
pub(super) const CHUNK_TREE: u64 = 3;
/// The subvolume that every file system has, and the first that a user makes.
const TOP: u64 = 5;
const FIRST: u64 = 256;
/// Trees that have no number of their own count down from the end.
const LAST: u64 = u64::MAX - 255;
pub(super) const LOG: u64 = u64::MAX - 5;
/// A subvolume's root directory.
pub(super) const ROOT_DIRECTORY: u64 = 256;

/// Bits of a file's number that are its inode's; the others are its subvolume's.
const INODE_BITS: u32 = 40;

/// A tree that the tree of trees names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    pub(super) id: u64,
    pub(super) root: Root,
    /// It is a subvolume that was deleted and not yet cleared away.
    pub(super) deleted: bool,
}

/// Where a subvolume hangs in another.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) child: u64,
    pub(super) parent: u64,
    pub(super) directory: u64,
    pub(super) name: String,
}

/// What the tree of trees says.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// In the order of their numbers.
    pub(super) trees: Vec<Tree>,
    pub(super) links: Vec<Link>,
    /// Logs, with the subvolume each belongs to.
    pub(super) logs: Vec<Tree>,
    /// The tree of trees itself.
    pub(super) own: Option<Root>,
}

/// Whether a tree holds files.
pub(super) fn is_subvolume(id: u64) -> bool {
    id == TOP || (FIRST..=LAST).contains(&id)
}

/// The number of a file. Those of the first subvolume are the inode's own; the others' are unique
/// because they have the subvolume's number before it. `None` if either number is longer than any
/// real one.
pub(super) fn node_id(subvolume: u64, inode: u64) -> Option<NodeId> {
    if inode >> INODE_BITS != 0 {
        return None;
    }
    let high = match subvolume {
        TOP => 0,
        other if other >> (64 - INODE_BITS) == 0 => other << INODE_BITS,
        _ => return None,
    };
    Some(NodeId(high | inode))
}

/// The subvolume and inode of a file.
pub(super) fn parts(node: NodeId) -> (u64, u64) {
    let subvolume = match node.0 >> INODE_BITS {
        0 => TOP,
        other => other,
    };
    (subvolume, node.0 & ((1 << INODE_BITS) - 1))
}

impl Roots {
    pub(super) fn read(store: &Store) -> Self {
        let fs = &store.fs;
        let earlier = fs.earlier.iter().map(|(root, _)| *root);
        let candidates: Vec<Root> = [fs.root].into_iter().chain(earlier).collect();
        let Some(own) = store.first(&candidates, "tree of trees") else {
            return Self::default();
        };
        let mut roots = Self {
            own: Some(own),
            ..Self::default()
        };
        let mut budget = Budget::once(store);
        store.items(
            &own,
            Key::FIRST,
            Key::LAST,
            &mut budget,
            &mut |_, item| match item.key.kind {
                kind::ROOT => roots.trees.extend(tree(item.key.object, item.data)),
                kind::ROOT_BACKREF => roots.links.extend(link(item.key, item.data)),
                _ => {}
            },
        );
        roots.trees.sort_by_key(|tree| tree.id);
        if let Some(log) = fs.log_root {
            store.items(&log, Key::FIRST, Key::LAST, &mut budget, &mut |_, item| {
                if item.key.kind == kind::ROOT {
                    // Nothing counts references to a log.
                    let tree = tree(item.key.offset, item.data).map(|tree| Tree {
                        deleted: false,
                        ..tree
                    });
                    roots.logs.extend(tree.filter(|tree| is_subvolume(tree.id)));
                }
            });
        }
        for tree in roots.subvolumes() {
            if node_id(tree.id, 0).is_none() {
                store.warnings.add(format!(
                    "subvolume {} has a number that is longer than any real one: its files are \
                     left out",
                    tree.id
                ));
            }
        }
        roots
    }

    pub(super) fn tree(&self, id: u64) -> Option<&Tree> {
        let at = self.trees.binary_search_by_key(&id, |tree| tree.id).ok()?;
        self.trees.get(at)
    }

    pub(super) fn subvolumes(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().filter(|tree| is_subvolume(tree.id))
    }
}

fn tree(id: u64, item: &[u8]) -> Option<Tree> {
    let level = u8_at(item, 238)?;
    let root = Root {
        block: le_u64(item, 176)?,
        level,
        generation: Some(le_u64(item, 160)?),
    };
    (root.block != 0 && level <= super::node::DEEPEST).then_some(Tree {
        id,
        root,
        deleted: is_subvolume(id) && le_u32(item, 216)? == 0,
    })
}

/// The item that leads from a subvolume to the directory it hangs in.
pub(super) fn link(key: Key, item: &[u8]) -> Option<Link> {
    let len = usize::from(le_u16(item, 16)?);
    let name = item.get(18..len.checked_add(18)?)?;
    Some(Link {
        child: key.object,
        parent: key.offset,
        directory: le_u64(item, 0)?,
        name: text(name),
    })
}

/// What a tree is called.
pub(super) fn name(id: u64) -> String {
    let name = match id {
        ROOT_TREE => "root tree",
        EXTENT_TREE => "extent tree",
        CHUNK_TREE => "chunk tree",
        4 => "device tree",
        7 => "checksum tree",
        8 => "quota tree",
        9 => "UUID tree",
        10 => "free space tree",
        11 => "block group tree",
        12 => "stripe tree",
        LOG => "log tree",
        _ if is_subvolume(id) => return format!("tree of subvolume {id}"),
        _ => "internal tree",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_files_are_unique_across_subvolumes() {
        for (subvolume, inode, expected) in [
            (5, 257, Some(257)),
            (256, 257, Some(256 << 40 | 257)),
            ((1 << 24) - 1, (1 << 40) - 1, Some(u64::MAX)),
            (1 << 24, 257, None),
            (5, 1 << 40, None),
            (LAST, 256, None),
        ] {
            let node = node_id(subvolume, inode);
            assert_eq!(node.map(|node| node.0), expected);
            if let Some(node) = node {
                assert_eq!(parts(node), (subvolume, inode));
            }
        }
    }
}
