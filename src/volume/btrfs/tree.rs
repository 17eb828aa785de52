//! Reading trees: every block checked before it is believed, and no block visited too often.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::chunk::Chunks;
use super::node::{Key, Node, checksum_name, kind};
use super::superblock::{Root, Superblock, incompat};
use crate::volume::superblock::CopiedSuperblock;
use crate::volume::{Part, ReadAt, Warnings};

/// How often the blocks that snapshots share are gone through again, on average: one place has no
/// more owners that are kept.
const SHARED: u64 = 64;
/// What may always be spent, however small the volume.
const LEAST: u64 = 4096;

/// Blocks that are kept: single look-ups come by the same ones again and again.
const KEPT: usize = 128;

/// The logical addresses of a volume.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) part: Part,
    pub(super) fs: Superblock,
    pub(super) chunks: Chunks,
    pub(super) warnings: Warnings,
    /// Each at the place that its address gives it.
    kept: Mutex<Vec<Option<Arc<Node>>>>,
}

/// What a sweep may still read. Snapshots share blocks, so one sweep comes by a block many times;
/// damage can make that endless.
#[derive(Debug)]
pub(super) struct Budget {
    seen: HashSet<u64>,
    /// Blocks that may still be visited for the first time, and again.
    new: u64,
    again: u64,
    /// Something was left out.
    pub(super) spent: bool,
}

impl Budget {
    /// For a sweep over all trees that visits shared blocks with each.
    pub(super) fn of(store: &Store) -> Self {
        let blocks = store.part.len().checked_div(store.fs.node).unwrap_or(0);
        let new = blocks.saturating_add(LEAST);
        Self {
            seen: HashSet::new(),
            new,
            again: new.saturating_mul(SHARED),
            spent: false,
        }
    }

    /// For one that visits each block once.
    pub(super) fn once(store: &Store) -> Self {
        let again = 0;
        Self {
            again,
            ..Self::of(store)
        }
    }

    /// For a look at a few blocks.
    pub(super) fn few(count: u64) -> Self {
        Self {
            seen: HashSet::new(),
            new: count,
            again: 0,
            spent: false,
        }
    }

    fn enter(&mut self, block: u64) -> bool {
        let share = if self.seen.contains(&block) {
            &mut self.again
        } else {
            &mut self.new
        };
        let Some(rest) = share.checked_sub(1) else {
            self.spent = true;
            return false;
        };
        *share = rest;
        self.seen.insert(block);
        true
    }

    pub(super) fn has_seen(&self, block: u64) -> bool {
        self.seen.contains(&block)
    }
}

impl Store {
    /// The superblock's own chunks, and those of the chunk tree.
    pub(super) fn open(part: &Part, fs: Superblock, warnings: Warnings) -> Self {
        let mut chunks = Chunks::default();
        for (key, item) in fs.system_chunks() {
            if key.kind == kind::CHUNK {
                chunks.add(key, item, fs.device, &warnings);
            }
        }
        let mut store = Self {
            part: part.clone(),
            fs,
            chunks,
            warnings,
            kept: Mutex::new(vec![None; KEPT]),
        };
        let fs = &store.fs;
        let earlier = fs.earlier.iter().map(|(_, chunks)| *chunks);
        let roots: Vec<Root> = [fs.chunk_root].into_iter().chain(earlier).collect();
        let Some(root) = store.first(&roots, "chunk tree") else {
            return store;
        };
        let mut found = Vec::new();
        let mut budget = Budget::once(&store);
        store.items(&root, Key::FIRST, Key::LAST, &mut budget, &mut |_, item| {
            if item.key.kind == kind::CHUNK {
                found.push((item.key, item.data.to_vec()));
            }
        });
        for (key, item) in found {
            let device = store.fs.device;
            store.chunks.add(key, &item, device, &store.warnings);
        }
        store
    }

    /// The first of these roots whose block can be read.
    pub(super) fn first(&self, roots: &[Root], what: &str) -> Option<Root> {
        let sound = |root: &Root| self.block(root.block, root.level, root.generation);
        let mut error = None;
        for (number, root) in roots.iter().enumerate() {
            match sound(root) {
                Ok(_) => {
                    if let Some(error) = error.filter(|_| number > 0) {
                        self.warnings.add(format!(
                            "the root of the {what} is lost ({error}); an earlier one at the \
                             logical address {:#x} was used instead",
                            root.block
                        ));
                    }
                    return Some(*root);
                }
                Err(found) => {
                    error.get_or_insert(found);
                }
            }
        }
        let error = error.unwrap_or_default();
        self.warnings.add(format!(
            "the root of the {what} is lost ({error}): its files are not known"
        ));
        None
    }

    /// The block at a logical address, or what is wrong with it.
    pub(super) fn block(
        &self,
        logical: u64,
        level: u8,
        generation: Option<u64>,
    ) -> Result<Arc<Node>, String> {
        let number = logical.checked_div(self.fs.node).unwrap_or(0);
        let slot = usize::try_from(number).unwrap_or(0) % KEPT;
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |node: &&Arc<Node>| {
            let own = node.generation;
            (node.logical, node.level) == (logical, level)
                && generation.is_none_or(|wanted| wanted == own)
        };
        let found = kept()
            .get(slot)
            .and_then(Option::as_ref)
            .filter(fits)
            .cloned();
        if let Some(node) = found {
            return Ok(node);
        }
        let node = Arc::new(self.read(logical, level, generation)?);
        if let Some(kept) = kept().get_mut(slot) {
            *kept = Some(Arc::clone(&node));
        }
        Ok(node)
    }

    /// The block at a logical address, from the first copy of it that is sound.
    fn read(&self, logical: u64, level: u8, generation: Option<u64>) -> Result<Node, String> {
        let places = self.chunks.places(logical, self.fs.node);
        let places = places.ok_or_else(|| format!("no chunk holds {logical:#x}"))?;
        let mut error = format!("the block {logical:#x} lies on another device");
        let mut unsound = None;
        for place in &places {
            let node = match self.node_at(*place, logical, places.clone()) {
                Ok(node) => node,
                Err(why) => {
                    error = format!("the block at {place:#x} is not what it should be: {why}");
                    continue;
                }
            };
            let own = node.generation;
            if node.level != level || generation.is_some_and(|wanted| wanted != own) {
                error = format!(
                    "the block at {place:#x} is of level {} and change {own}, not {level} and {}",
                    node.level,
                    generation.unwrap_or(own)
                );
                continue;
            }
            match node.is_sound(&self.fs) {
                Some(false) => {
                    unsound = unsound.or(Some((node, *place)));
                }
                _ => return Ok(node),
            }
        }
        // A wrong checksum is better than nothing, as long as the rest makes sense.
        let (node, place) = unsound.ok_or(error)?;
        self.warnings.add(format!(
            "the block at {place:#x} does not fit its checksum: what it says may be wrong"
        ));
        Ok(node)
    }

    /// The block at a place on the volume.
    pub(super) fn node_at(
        &self,
        place: u64,
        logical: u64,
        places: Vec<u64>,
    ) -> Result<Node, &'static str> {
        let len = usize::try_from(self.fs.node).unwrap_or(0);
        let bytes = self.part.read_vec(place, len);
        let bytes = bytes.map_err(|_| "it cannot be read")?;
        Node::parse(bytes, logical, places, &self.fs)
    }

    /// Visits the blocks of a tree that may hold keys of a range, in order, each at most once.
    pub(super) fn walk(
        &self,
        root: &Root,
        from: Key,
        to: Key,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Node),
    ) {
        // The blocks that are still to be visited, the next one last.
        let mut waiting = vec![(root.block, root.level, root.generation)];
        let mut visited = HashSet::new();
        while let Some((block, level, generation)) = waiting.pop() {
            if !visited.insert(block) || !budget.enter(block) {
                continue;
            }
            let node = match self.block(block, level, generation) {
                Ok(node) => node,
                Err(error) => {
                    self.warnings
                        .add(format!("{error}: what it held is not known"));
                    continue;
                }
            };
            if !node.is_whole() {
                let at = node.places.first().copied().unwrap_or(0);
                self.warnings.add(format!(
                    "the block at {at:#x} is damaged: its entries do not fit or are out of order"
                ));
            }
            visit(&node);
            let Some(below) = level.checked_sub(1) else {
                continue;
            };
            let first = waiting.len();
            let mut children = node.children().peekable();
            while let Some(child) = children.next() {
                let ends_before = children.peek().is_some_and(|next| next.key <= from);
                if !ends_before && child.key <= to {
                    waiting.push((child.block, below, Some(child.generation)));
                }
            }
            if let Some(pushed) = waiting.get_mut(first..) {
                pushed.reverse();
            }
        }
    }

    /// Visits the items of a tree whose keys lie in a range, in order.
    pub(super) fn items(
        &self,
        root: &Root,
        from: Key,
        to: Key,
        budget: &mut Budget,
        visit: &mut dyn FnMut(&Node, &super::node::Item<'_>),
    ) {
        self.walk(root, from, to, budget, &mut |node| {
            for item in node.items() {
                if (from..=to).contains(&item.key) {
                    visit(node, &item);
                }
            }
        });
    }

    /// The last item whose key is not after `key`: a descent, not a sweep.
    pub(super) fn last_before(&self, root: &Root, key: Key) -> Option<(Key, Vec<u8>)> {
        let mut at = *root;
        loop {
            let node = self.block(at.block, at.level, at.generation).ok()?;
            let Some(below) = at.level.checked_sub(1) else {
                let item = node.items().take_while(|item| item.key <= key).last()?;
                return Some((item.key, item.data.to_vec()));
            };
            let child = node
                .children()
                .take_while(|child| child.key <= key)
                .last()?;
            at = Root {
                block: child.block,
                level: below,
                generation: Some(child.generation),
            };
        }
    }

    /// What there is to say once about the whole file system.
    pub(super) fn tell(&self) {
        let fs = &self.fs;
        Superblock::warn_of_unknown(fs.incompat & !incompat::KNOWN, &self.warnings);
        if fs.devices > 1 {
            self.warnings.add(format!(
                "the file system spans {} devices, of which this is number {}: files on the \
                 others cannot be found here",
                fs.devices, fs.device
            ));
        }
        if fs.log_root.is_some() {
            self.warnings.add(
                "the file system was not unmounted: its newest changes are in its log, which is \
                 read beside the trees they belong to",
            );
        }
        if !matches!(fs.checksum, 0 | 2) {
            self.warnings.add(format!(
                "checksums {} are not known here: blocks are not held against them",
                checksum_name(fs.checksum)
            ));
        }
    }
}
