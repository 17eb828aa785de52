//! What was deleted or replaced.
//!
//! A change never writes over a block of a tree: it writes a new one and frees the old. Until its
//! place is used again, the old leaf is there, with files as they were before. Whatever lies in a
//! chunk of metadata, is in no tree, and says of itself that it belongs there, is such a block.

use std::collections::HashMap;

use super::Btrfs;
use super::extent::{Extent, Parsed, Stored};
use super::file::{File, Gather};
use super::node::{Key, Node, kind};
use super::root::{LOG, is_subvolume, parts};
use super::seen::Seen;
use super::tree::Budget;
use crate::volume::ReadAt;
use crate::volume::field::le_u64;

/// Blocks of the tree of today that are looked at to tell what an old leaf says that it does not.
const LOOK: u64 = 16;
/// How much of a block is read to see whether it may be one.
const HEAD: usize = 0x40;

/// What a file has today: inode, logical address and base of an extent, and which part of the file
/// it is.
type Current = HashMap<(u64, (u64, u64)), (u64, u64)>;

impl Btrfs {
    /// Visits every file, live and deleted.
    pub(super) fn files(&self, carry: usize, visit: &mut dyn FnMut(&File)) {
        self.live(&mut Budget::of(&self.store), carry, visit);
        let mut seen = Seen::default();
        self.stale(&mut |leaf| self.old_files(leaf, &mut seen, visit));
    }

    /// The subvolume that an old leaf belonged to.
    pub(super) fn subvolume_of(&self, leaf: &Node) -> Option<u64> {
        // A log does not say whose it is, which does not matter if there is only one.
        let mut subvolumes = self.roots.subvolumes();
        match leaf.owner {
            LOG => match (subvolumes.next(), subvolumes.next()) {
                (Some(only), None) => Some(only.id),
                _ => None,
            },
            owner => is_subvolume(owner).then_some(owner),
        }
    }

    /// Visits the leaves that are in no tree any more.
    pub(super) fn stale(&self, visit: &mut dyn FnMut(&Node)) {
        let store = &self.store;
        let len = store.part.len();
        let blocks = len.checked_div(store.fs.node).unwrap_or(0);
        // Chunks of a damaged file system may overlap.
        let mut budget = blocks.saturating_add(4096);
        let survey = self.survey();
        for chunk in store.chunks.all() {
            if !chunk.is_metadata {
                continue;
            }
            for start in &chunk.places {
                let reached = chunk.len.min(len.saturating_sub(*start));
                let count = reached.checked_div(store.fs.node).unwrap_or(0);
                for number in 0..count {
                    let Some(rest) = budget.checked_sub(1) else {
                        return;
                    };
                    budget = rest;
                    let within = number.saturating_mul(store.fs.node);
                    let logical = chunk.logical.saturating_add(within);
                    let place = start.saturating_add(within);
                    if survey.has(logical) {
                        continue;
                    }
                    if let Some(leaf) = self.stale_leaf(place, logical) {
                        visit(&leaf);
                    }
                }
            }
        }
    }

    fn stale_leaf(&self, place: u64, logical: u64) -> Option<Node> {
        let fs = &self.store.fs;
        let head = self.store.part.read_vec(place, HEAD).ok()?;
        if head.get(0x20..0x30) != Some(&fs.fsid) || le_u64(&head, 0x30) != Some(logical) {
            return None;
        }
        let leaf = self.store.node_at(place, logical, vec![place]).ok()?;
        // What a change in progress wrote is one ahead of the superblock.
        let newest = fs.generation.saturating_add(1);
        let fits = leaf.level == 0 && leaf.generation <= newest;
        (fits && leaf.is_whole()).then_some(leaf)
    }

    /// Visits what an old leaf says of files and today's tree does not.
    fn old_files(&self, leaf: &Node, seen: &mut Seen, visit: &mut dyn FnMut(&File)) {
        let Some(subvolume) = self.subvolume_of(leaf) else {
            return;
        };
        let current = self.current(leaf, subvolume);
        let mut visit = |file: &File| {
            let (_, inode) = parts(file.node);
            let is_old = |extent: &Extent| {
                let Some(base) = extent.base() else {
                    return true;
                };
                let held = current.get(&(inode, base));
                held.is_none_or(|(start, end)| extent.file < *start || *end < extent.end())
                    && seen.is_new(&(file.node, base, extent.file, extent.len))
            };
            let mut is_old = is_old;
            let extents: Vec<Extent> = file
                .extents
                .iter()
                .filter(|extent| is_old(extent))
                .cloned()
                .collect();
            if !extents.is_empty() {
                visit(&File { extents, ..*file });
            }
        };
        let mut gather = Gather::new(self, subvolume, true, 0);
        for item in leaf.items() {
            gather.push(leaf, &item, &mut visit);
        }
        gather.flush(&mut visit);
    }

    /// What the files that an old leaf tells of have today.
    fn current(&self, leaf: &Node, subvolume: u64) -> Current {
        let mut current = Current::new();
        let mut keys = leaf.items().map(|item| item.key);
        let is_content = |key: &Key| key.kind == kind::EXTENT_DATA;
        let first = keys.find(is_content);
        let last = leaf.items().map(|item| item.key).filter(is_content).last();
        let tree = self.roots.tree(subvolume);
        let (Some(first), Some(last), Some(tree)) = (first, last, tree) else {
            return current;
        };
        let from = Key::new(first.object, kind::EXTENT_DATA, 0);
        let mut budget = Budget::few(LOOK);
        let sector = self.store.fs.sector;
        let mut note = |leaf: &Node, item: &super::node::Item<'_>| {
            if item.key.kind != kind::EXTENT_DATA {
                return;
            }
            let Parsed::Extent(extent) = Extent::parse(leaf, item, sector) else {
                return;
            };
            if let (Some(base), Stored::Blocks { .. }) = (extent.base(), &extent.stored) {
                let new = (extent.file, extent.end());
                let held = current.entry((item.key.object, base)).or_insert(new);
                if held.1 == extent.file {
                    held.1 = extent.end();
                }
            }
        };
        self.store
            .items(&tree.root, from, last, &mut budget, &mut note);
        current
    }
}
