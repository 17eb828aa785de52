//! Names of files. An inode's names lie beside it in its tree, and so do those of the directories
//! above it: they are looked up one by one, from the file to the root, and no sweep is needed.
//! Only the names of deleted files are swept for, in the leaves of old.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use super::Btrfs;
use super::inode::{Inode, Reference, names};
use super::node::{Key, Node, kind};
use super::root::{ROOT_DIRECTORY, ROOT_TREE, Tree, link, node_id, parts};
use super::tree::Budget;
use crate::volume::path::Directories;
use crate::volume::{Name, NodeId};

/// Blocks that are read for the names of one file, which may have thousands.
const LOOK: u64 = 256;
/// Deepest path that is climbed.
const DEPTH: usize = 256;
/// The root of all.
const ROOT: NodeId = NodeId(ROOT_DIRECTORY);

/// What is found out about directories.
struct Climb<'a> {
    btrfs: &'a Btrfs,
    directories: Directories,
    /// The directories that subvolumes hang in.
    links: HashMap<NodeId, NodeId>,
    known: HashSet<NodeId>,
}

impl Climb<'_> {
    /// Makes known every directory from this one up.
    fn from(&mut self, directory: NodeId) {
        let mut at = directory;
        for _ in 0..DEPTH {
            if at == ROOT || !self.known.insert(at) {
                return;
            }
            at = match self.links.get(&at) {
                Some(parent) => *parent,
                None => match self.btrfs.references(at).into_iter().next() {
                    Some(found) => {
                        let Reference { parent, name, .. } = found;
                        self.directories.add(at, parent, &name, false);
                        parent
                    }
                    None => return,
                },
            };
        }
    }
}

/// What the leaves of old say.
#[derive(Default)]
struct Old {
    files: HashMap<NodeId, Vec<Reference>>,
    directories: HashMap<NodeId, Reference>,
    inodes: HashMap<NodeId, Inode>,
}

impl Btrfs {
    /// The trees of today that may hold a file's items.
    fn trees_of(&self, subvolume: u64) -> impl Iterator<Item = &Tree> {
        let logs = self.roots.logs.iter();
        let logs = logs.filter(move |log| log.id == subvolume);
        let tree = self
            .roots
            .subvolumes()
            .find(move |tree| tree.id == subvolume);
        tree.into_iter().chain(logs)
    }

    /// A live file's inode, and whether its subvolume was deleted.
    pub(super) fn inode(&self, node: NodeId) -> Option<(Inode, bool)> {
        let (subvolume, inode) = parts(node);
        let key = Key::new(inode, kind::INODE, 0);
        let found = self.trees_of(subvolume).filter_map(|tree| {
            let (found, item) = self.store.last_before(&tree.root, key)?;
            let inode = Inode::parse(&item, tree.root.generation.unwrap_or(0))?;
            (found == key).then_some((inode, tree.deleted))
        });
        // What the log says is newer, unless it only says that the file is there.
        let found: Vec<_> = found.collect();
        let full = found.iter().rev().find(|(inode, _)| inode.is_full);
        full.or(found.first()).copied()
    }

    /// The live names of a file.
    fn references(&self, node: NodeId) -> Vec<Reference> {
        let (subvolume, inode) = parts(node);
        let from = Key::new(inode, kind::INODE_REF, 0);
        let to = Key::new(inode, kind::INODE_EXTREF, u64::MAX);
        let mut found: Vec<Reference> = Vec::new();
        for tree in self.trees_of(subvolume) {
            let mut budget = Budget::few(LOOK);
            let mut visit = |leaf: &Node, item: &super::node::Item<'_>| {
                for new in references_in(leaf, item, subvolume) {
                    let same = |old: &Reference| (old.parent, &old.name) == (new.parent, &new.name);
                    if !found.iter().any(same) {
                        found.push(new);
                    }
                }
            };
            self.store
                .items(&tree.root, from, to, &mut budget, &mut visit);
        }
        found
    }

    pub(super) fn names_of(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        let mut climb = Climb {
            btrfs: self,
            directories: Directories::new(ROOT),
            links: HashMap::new(),
            known: HashSet::new(),
        };
        for link in &self.roots.links {
            let child = node_id(link.child, ROOT_DIRECTORY);
            let parent = node_id(link.parent, link.directory);
            if let (Some(child), Some(parent)) = (child, parent) {
                climb.directories.add(child, parent, &link.name, false);
                climb.links.insert(child, parent);
            }
        }
        let mut found = Vec::new();
        let mut gone = HashSet::new();
        for node in wanted {
            let references = self.references(*node);
            if references.is_empty() {
                gone.insert(*node);
            }
            let (subvolume, _) = parts(*node);
            let deleted = self.roots.tree(subvolume).is_some_and(|tree| tree.deleted);
            for reference in references {
                climb.from(reference.parent);
                found.push((reference, deleted));
            }
        }
        if !gone.is_empty() {
            let old = self.old(&gone);
            for (node, reference) in old.directories {
                let Reference { parent, name, .. } = reference;
                climb.from(parent);
                climb.directories.add(node, parent, &name, true);
            }
            for reference in old.files.into_values().flatten() {
                climb.from(reference.parent);
                found.push((reference, true));
            }
            let mut inodes = self.old.lock().unwrap_or_else(PoisonError::into_inner);
            for node in &gone {
                inodes.insert(*node, old.inodes.get(node).copied());
            }
        }
        let names = found.into_iter().map(|(reference, deleted)| {
            let (path, lost) = climb.directories.path(reference.parent, &reference.name);
            Name {
                node: reference.node,
                path,
                deleted: deleted || lost,
            }
        });
        names.collect()
    }

    /// A deleted file's inode.
    pub(super) fn old_inode(&self, node: NodeId) -> Option<Inode> {
        let known = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&node) {
            return *known;
        }
        drop(known);
        let found = self.old(&HashSet::from([node])).inodes.get(&node).copied();
        let mut known = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(node, found);
        found
    }

    /// One sweep over the leaves of old for these files, and for all directories.
    fn old(&self, wanted: &HashSet<NodeId>) -> Old {
        let mut old = Old::default();
        self.stale(&mut |leaf| {
            if leaf.owner == ROOT_TREE {
                for item in leaf.items() {
                    old.subvolume(leaf, &item);
                }
                return;
            }
            let Some(subvolume) = self.subvolume_of(leaf) else {
                return;
            };
            let mut last = None;
            for item in leaf.items() {
                match item.key.kind {
                    kind::INODE => {
                        let inode = Inode::parse(item.data, leaf.generation);
                        last = inode.map(|inode| (item.key.object, inode.is_directory()));
                        let node = node_id(subvolume, item.key.object);
                        let node = node.filter(|node| wanted.contains(node));
                        if let (Some(node), Some(inode)) = (node, inode) {
                            old.inode(node, inode);
                        }
                    }
                    kind::INODE_REF | kind::INODE_EXTREF => {
                        let known = last.filter(|(inode, _)| *inode == item.key.object);
                        let is_directory = known.is_none_or(|(_, directory)| directory);
                        for reference in references_in(leaf, &item, subvolume) {
                            if is_directory {
                                old.directory(&reference);
                            }
                            if wanted.contains(&reference.node) {
                                old.file(reference);
                            }
                        }
                    }
                    _ => {}
                }
            }
        });
        old
    }
}

impl Old {
    /// A file that was deleted has no links in the last leaf of all.
    fn inode(&mut self, node: NodeId, inode: Inode) {
        let held = self.inodes.entry(node).or_insert(inode);
        let later = (inode.links > 0, inode.generation) > (held.links > 0, held.generation);
        if later {
            *held = inode;
        }
    }

    fn directory(&mut self, reference: &Reference) {
        let held = self.directories.get(&reference.node);
        if held.is_none_or(|held| held.generation < reference.generation) {
            self.directories.insert(reference.node, reference.clone());
        }
    }

    /// Of names that a file had at different times, the last ones count.
    fn file(&mut self, reference: Reference) {
        let held = self.files.entry(reference.node).or_default();
        let newest = held.first().map_or(0, |held| held.generation);
        if reference.generation > newest {
            held.clear();
        }
        let same =
            |held: &Reference| (held.parent, &held.name) == (reference.parent, &reference.name);
        if reference.generation >= newest && !held.iter().any(same) {
            held.push(reference);
        }
    }

    /// The name of a subvolume that was deleted.
    fn subvolume(&mut self, leaf: &Node, item: &super::node::Item<'_>) {
        if item.key.kind != kind::ROOT_BACKREF {
            return;
        }
        let Some(link) = link(item.key, item.data) else {
            return;
        };
        let child = node_id(link.child, ROOT_DIRECTORY);
        let parent = node_id(link.parent, link.directory);
        if let (Some(node), Some(parent)) = (child, parent) {
            self.directory(&Reference {
                node,
                parent,
                name: link.name,
                generation: leaf.generation,
            });
        }
    }
}

/// The names that an item of a leaf gives to its inode.
fn references_in(leaf: &Node, item: &super::node::Item<'_>, subvolume: u64) -> Vec<Reference> {
    let Some(node) = node_id(subvolume, item.key.object) else {
        return Vec::new();
    };
    let all = names(item.key, item.data).into_iter();
    let all = all.filter_map(|(parent, name)| {
        Some(Reference {
            node,
            parent: node_id(subvolume, parent)?,
            name,
            generation: leaf.generation,
        })
    });
    // A subvolume's root is its own parent.
    all.filter(|reference| reference.parent != reference.node)
        .collect()
}
