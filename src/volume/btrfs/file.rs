//! Files, put together from the items of the leaves.
//!
//! Items lie in the order of inodes, so a sweep over a tree comes by one file after the other. A
//! file in a great many pieces is handed on in batches.

use super::Btrfs;
use super::codec::Codec;
use super::extent::{Extent, Parsed, Stored};
use super::inode::Inode;
use super::node::{Item, Key, Node, kind};
use super::root::{Tree, node_id};
use super::tree::Budget;
use crate::volume::{NodeId, Run, RunKind};

/// Extents of one batch.
const BATCH: usize = 1 << 16;

/// A file, or a batch of its extents.
#[derive(Debug)]
pub(super) struct File {
    pub(super) node: NodeId,
    pub(super) deleted: bool,
    /// Its size; not known if the leaf with its inode is lost.
    pub(super) size: Option<u64>,
    /// In the order of their places in the file.
    pub(super) extents: Vec<Extent>,
}

impl File {
    /// How many of `len` bytes from `file` on are the file's.
    pub(super) fn valid(&self, file: u64, len: u64) -> u64 {
        let left = self.size.map_or(u64::MAX, |size| size.saturating_sub(file));
        left.min(len)
    }
}

/// Puts files together.
pub(super) struct Gather<'a> {
    btrfs: &'a Btrfs,
    subvolume: u64,
    deleted: bool,
    /// How many extents of a batch begin the next one again, so that what crosses from one batch
    /// into the other is seen.
    carry: usize,
    open: Option<(u64, File)>,
}

impl<'a> Gather<'a> {
    pub(super) fn new(btrfs: &'a Btrfs, subvolume: u64, deleted: bool, carry: usize) -> Self {
        Self {
            btrfs,
            subvolume,
            deleted,
            carry: carry.min(BATCH / 2),
            open: None,
        }
    }

    /// Takes the next item.
    pub(super) fn push(&mut self, leaf: &Node, item: &Item<'_>, visit: &mut dyn FnMut(&File)) {
        let Key { object, kind, .. } = item.key;
        if self
            .open
            .as_ref()
            .is_some_and(|(inode, _)| *inode != object)
        {
            self.flush(visit);
        }
        match kind {
            kind::INODE => {
                let size = Inode::parse(item.data, leaf.generation).map(|inode| inode.size);
                if let Some(file) = self.file(object) {
                    file.size = size;
                }
            }
            kind::EXTENT_DATA => match Extent::parse(leaf, item, self.btrfs.store.fs.sector) {
                Parsed::Extent(extent) => self.add(object, extent, visit),
                Parsed::Hole => {}
                Parsed::Damaged => self.damaged(leaf, item),
            },
            _ => {}
        }
    }

    /// Ends the last file. To be called after the last item.
    pub(super) fn flush(&mut self, visit: &mut dyn FnMut(&File)) {
        if let Some((_, file)) = self.open.take()
            && !file.extents.is_empty()
        {
            visit(&file);
        }
    }

    fn file(&mut self, inode: u64) -> Option<&mut File> {
        let node = node_id(self.subvolume, inode)?;
        let new = File {
            node,
            deleted: self.deleted,
            size: None,
            extents: Vec::new(),
        };
        Some(&mut self.open.get_or_insert((inode, new)).1)
    }

    fn add(&mut self, inode: u64, extent: Extent, visit: &mut dyn FnMut(&File)) {
        let (carry, deleted) = (self.carry, self.deleted);
        let btrfs = self.btrfs;
        let Some(file) = self.file(inode) else {
            return;
        };
        // The tree has them in order; where it is damaged, the first is more likely to be right.
        let after = file.extents.last().map_or(0, Extent::end);
        if extent.file < after {
            if !deleted {
                btrfs.store.warnings.add(format!(
                    "inode {inode} is damaged: it has two contents at {:#x}",
                    extent.file
                ));
            }
            return;
        }
        file.extents.push(extent);
        if file.extents.len() >= BATCH {
            visit(file);
            let done = file.extents.len().saturating_sub(carry);
            file.extents.drain(..done);
        }
    }

    fn damaged(&self, leaf: &Node, item: &Item<'_>) {
        if self.deleted {
            return;
        }
        let place = leaf.places.first().copied().unwrap_or(0);
        let within = u64::try_from(item.within).unwrap_or(0);
        self.btrfs.store.warnings.add(format!(
            "inode {} is damaged: where its content at {:#x} lies is told at {:#x} in numbers that \
             make no sense",
            item.key.object,
            item.key.offset,
            place.saturating_add(within)
        ));
    }
}

impl Btrfs {
    /// Visits every live file, subvolume by subvolume.
    pub(super) fn live(&self, budget: &mut Budget, carry: usize, visit: &mut dyn FnMut(&File)) {
        let trees = self.roots.subvolumes().chain(&self.roots.logs);
        for Tree { id, root, deleted } in trees {
            let mut gather = Gather::new(self, *id, *deleted, carry);
            self.store
                .items(root, Key::FIRST, Key::LAST, budget, &mut |leaf, item| {
                    gather.push(leaf, item, visit);
                });
            gather.flush(visit);
        }
        if budget.spent {
            self.store.warnings.add(
                "snapshots share more blocks than are gone through: not all owners of their files \
                 are named",
            );
        }
    }

    /// The runs of a file, one copy of it after the other.
    pub(super) fn runs_of(&self, file: &File, visit: &mut dyn FnMut(&Run)) {
        let mut copy = 0;
        // Further copies of what has fewer are not there; one more round finds none.
        while self.runs_of_copy(file, copy, visit) {
            copy = copy.saturating_add(1);
        }
    }

    fn runs_of_copy(&self, file: &File, copy: usize, visit: &mut dyn FnMut(&Run)) -> bool {
        let mut more = false;
        for extent in &file.extents {
            let encoded = |skip| RunKind::Encoded {
                skip,
                len: extent.len,
            };
            let (place, copies, len, kind) = match &extent.stored {
                Stored::Inline { places, bytes } => {
                    let len = match extent.codec {
                        Codec::None => extent.len,
                        _ => u64::try_from(bytes.len()).unwrap_or(0),
                    };
                    let kind = match extent.codec {
                        Codec::None => RunKind::Resident,
                        _ => encoded(0),
                    };
                    (places.get(copy).copied(), places.len(), len, kind)
                }
                Stored::Blocks {
                    logical,
                    stored,
                    skip,
                    unwritten,
                } => {
                    let (skip, len, kind) = match extent.codec {
                        Codec::None if *unwritten => (*skip, extent.len, RunKind::Unwritten),
                        Codec::None => (*skip, extent.len, RunKind::Plain),
                        _ => (0, *stored, encoded(*skip)),
                    };
                    let start = logical.saturating_add(skip);
                    let places = self.store.chunks.places(start, len);
                    if places.is_none() && copy == 0 && !file.deleted {
                        self.store.warnings.add(format!(
                            "file {} is damaged: its content at {:#x} lies at the logical address \
                             {start:#x}, which no chunk holds",
                            file.node, extent.file
                        ));
                    }
                    let places = places.unwrap_or_default();
                    (places.get(copy).copied(), places.len(), len, kind)
                }
            };
            more |= copies > copy.saturating_add(1);
            let Some(start) = place else { continue };
            let valid = match kind {
                // How many of the encoded bytes count is not known; all or none.
                RunKind::Encoded { .. } if file.valid(extent.file, 1) == 0 => 0,
                RunKind::Encoded { .. } => len,
                _ => file.valid(extent.file, len),
            };
            visit(&Run {
                node: file.node,
                stream: 0,
                file_offset: extent.file,
                start,
                len,
                valid,
                kind,
                deleted: file.deleted,
            });
        }
        more
    }
}
