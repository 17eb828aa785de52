//! What a byte is that no file holds.

use super::Btrfs;
use super::node::{Key, Node, kind};
use super::root::{self, CHUNK_TREE, LOG, ROOT_TREE};
use super::superblock::Root;
use super::tree::Budget;
use crate::volume::Claim;
use crate::volume::field::le_u64;

/// Flag of an extent that holds a block of a tree.
const TREE_BLOCK: u64 = 0x2;
/// How many items of other kinds may lie between an address and the extent before it.
const LOOK: usize = 16;

/// Which blocks the trees consist of.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Logical address and tree, in order.
    blocks: Vec<(u64, u64)>,
    /// Logical address and length of what the tree of trees keeps in files of its own: the free
    /// space cache of old.
    caches: Vec<(u64, u64)>,
}

impl Survey {
    /// Whether a tree has its block at this logical address.
    pub(super) fn has(&self, logical: u64) -> bool {
        self.blocks
            .binary_search_by_key(&logical, |(block, _)| *block)
            .is_ok()
    }

    /// The tree whose block holds a logical address.
    fn tree(&self, logical: u64, node: u64) -> Option<u64> {
        let after = self.blocks.partition_point(|(block, _)| *block <= logical);
        let (block, tree) = self.blocks.get(after.checked_sub(1)?)?;
        (logical.checked_sub(*block)? < node).then_some(*tree)
    }

    fn is_cache(&self, logical: u64) -> bool {
        let holds = |(start, len): &(u64, u64)| {
            logical
                .checked_sub(*start)
                .is_some_and(|within| within < *len)
        };
        self.caches.iter().any(holds)
    }
}

impl Btrfs {
    pub(super) fn survey(&self) -> &Survey {
        self.survey.get_or_init(|| self.surveyed())
    }

    /// One walk over all trees.
    fn surveyed(&self) -> Survey {
        let store = &self.store;
        let mut survey = Survey::default();
        let own = self.roots.own.map(|root| (ROOT_TREE, root));
        let chunks = Some((CHUNK_TREE, store.fs.chunk_root));
        let log = store.fs.log_root.map(|root| (LOG, root));
        let logs = self.roots.logs.iter().map(|tree| (LOG, tree.root));
        let trees = self.roots.trees.iter().map(|tree| (tree.id, tree.root));
        let all = own.into_iter().chain(chunks).chain(trees);
        let mut budget = Budget::once(store);
        for (id, root) in all.chain(log).chain(logs) {
            self.note(id, &root, &mut budget, &mut survey);
        }
        survey.blocks.sort_unstable();
        survey.blocks.dedup_by_key(|(block, _)| *block);
        survey
    }

    fn note(&self, id: u64, root: &Root, budget: &mut Budget, survey: &mut Survey) {
        // Snapshots share most of their blocks, and what is below a block that was seen was too.
        if budget.has_seen(root.block) {
            return;
        }
        let (blocks, caches) = (&mut survey.blocks, &mut survey.caches);
        let mut visit = |node: &Node| {
            blocks.push((node.logical, id));
            if id != ROOT_TREE {
                return;
            }
            for item in node.items() {
                if item.key.kind == kind::EXTENT_DATA
                    && let (Some(logical), Some(len)) =
                        (le_u64(item.data, 21), le_u64(item.data, 29))
                {
                    caches.push((logical, len));
                }
            }
        };
        self.store
            .walk(root, Key::FIRST, Key::LAST, budget, &mut visit);
    }

    pub(super) fn claim_of(&self, at: u64) -> Claim {
        let fs = &self.store.fs;
        if at >= fs.end {
            return Claim::Beyond;
        }
        if fs.is_at(at) {
            return Claim::Metadata("superblock".to_owned());
        }
        if at < super::superblock::PLACES[0] {
            return Claim::Metadata("boot code".to_owned());
        }
        let Some(logical) = self.store.chunks.logical(at) else {
            return Claim::Unallocated;
        };
        let survey = self.survey();
        if let Some(tree) = survey.tree(logical, fs.node) {
            return Claim::Metadata(root::name(tree));
        }
        if survey.is_cache(logical) {
            return Claim::Metadata("free space cache".to_owned());
        }
        match self.allocated(logical) {
            None => Claim::Unclaimed,
            Some(Use::Free) => Claim::Unallocated,
            Some(Use::Content) => Claim::Unclaimed,
            Some(Use::Block) => Claim::Metadata("block of a tree".to_owned()),
        }
    }

    /// What the extent tree says of a logical address; `None` if it cannot be read.
    fn allocated(&self, logical: u64) -> Option<Use> {
        let tree = self.roots.tree(root::EXTENT_TREE)?;
        let mut below = Key::new(logical, kind::METADATA, u64::MAX);
        for _ in 0..LOOK {
            let Some((key, item)) = self.store.last_before(&tree.root, below) else {
                // Before the first extent nothing is used, if the tree can be read at all.
                let root = tree.root;
                let readable = self.store.block(root.block, root.level, root.generation);
                return readable.is_ok().then_some(Use::Free);
            };
            let len = match key.kind {
                kind::EXTENT => key.offset,
                kind::METADATA => self.store.fs.node,
                // What refers to an extent lies behind it.
                _ => {
                    below = Key::new(key.object, kind::METADATA, u64::MAX);
                    if key <= below {
                        below = Key::new(key.object.checked_sub(1)?, kind::METADATA, u64::MAX);
                    }
                    continue;
                }
            };
            if logical.checked_sub(key.object)? >= len {
                return Some(Use::Free);
            }
            let is_block = key.kind == kind::METADATA
                || le_u64(&item, 16).is_some_and(|flags| flags & TREE_BLOCK != 0);
            return Some(if is_block { Use::Block } else { Use::Content });
        }
        None
    }
}

/// What a logical address is used for.
enum Use {
    Free,
    Content,
    Block,
}
