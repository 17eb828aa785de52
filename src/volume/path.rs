//! Paths out of parent links.
//!
//! A file system stores a name beside the number of the directory it is in. Only directories are
//! remembered, a few in a hundred files; a wanted file's path is then built from the root down.

use std::collections::{HashMap, HashSet};

use super::file_system::{Name, NodeId};

/// Deepest path that is followed. Linux itself cannot open deeper ones in one call, and a
/// damaged tree may contain itself.
const DEPTH: usize = 256;

/// An entry of a directory that names a wanted file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) node: NodeId,
    /// The directory it is in.
    pub(super) parent: NodeId,
    pub(super) name: String,
    pub(super) deleted: bool,
}

/// Every directory's name and the directory it is in.
#[derive(Debug)]
pub struct Directories {
    root: NodeId,
    links: HashMap<NodeId, Link>,
}

#[derive(Debug)]
struct Link {
    parent: NodeId,
    name: Box<str>,
    deleted: bool,
}

impl Directories {
    /// None yet; `root` is the directory that is written `/`.
    #[must_use]
    pub fn new(root: NodeId) -> Self {
        Self {
            root,
            links: HashMap::new(),
        }
    }

    /// Notes that `directory` is called `name` in `parent`. A live name replaces a deleted one,
    /// else the first stays: a directory has only one.
    pub fn add(&mut self, directory: NodeId, parent: NodeId, name: &str, deleted: bool) {
        if directory == self.root || matches!(name, "." | "..") {
            return;
        }
        let known = self.links.get(&directory);
        if known.is_none_or(|link| link.deleted && !deleted) {
            let name = name.into();
            let link = Link {
                parent,
                name,
                deleted,
            };
            self.links.insert(directory, link);
        }
    }

    /// Takes an entry: a directory's is remembered, and one that names a wanted file is kept.
    pub(super) fn take(
        &mut self,
        entry: Entry,
        is_directory: bool,
        is_wanted: bool,
        found: &mut Vec<Entry>,
    ) {
        if is_directory {
            self.add(entry.node, entry.parent, &entry.name, entry.deleted);
        }
        if is_wanted {
            found.push(entry);
        }
    }

    /// The path of `name` in the directory `parent`, and whether a directory on the way was deleted
    /// or is not known.
    #[must_use]
    pub fn path(&self, parent: NodeId, name: &str) -> (String, bool) {
        let mut names = vec![name];
        let mut deleted = false;
        let mut at = parent;
        while at != self.root {
            match self.links.get(&at) {
                Some(link) if names.len() < DEPTH => {
                    names.push(&link.name);
                    deleted |= link.deleted;
                    at = link.parent;
                }
                // Cut off from the root, or going round in circles.
                _ => {
                    names.push("?");
                    deleted = true;
                    break;
                }
            }
        }
        let mut path = String::new();
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(name);
        }
        (path, deleted)
    }

    /// The names that entries give to wanted files, each once, and the root's if it is wanted.
    /// `is_reused` tells whether a number of a deleted entry belongs to another file by now.
    pub(super) fn names(
        &self,
        wanted: &HashSet<NodeId>,
        entries: Vec<Entry>,
        is_reused: impl Fn(NodeId) -> bool,
    ) -> Vec<Name> {
        let mut names = Vec::new();
        if wanted.contains(&self.root) {
            names.push(Name {
                node: self.root,
                path: "/".to_owned(),
                deleted: false,
            });
        }
        let mut seen = HashSet::new();
        for entry in entries {
            if entry.deleted && is_reused(entry.node) {
                continue;
            }
            let (path, lost) = self.path(entry.parent, &entry.name);
            // Entries move inside a directory, and the old place keeps the same name.
            if seen.insert((entry.node, path.clone())) {
                names.push(Name {
                    node: entry.node,
                    path,
                    deleted: entry.deleted || lost,
                });
            }
        }
        names
    }

    /// The path of a directory itself, if its name is known.
    #[must_use]
    pub fn path_of(&self, directory: NodeId) -> Option<(String, bool)> {
        if directory == self.root {
            return Some(("/".to_owned(), false));
        }
        let link = self.links.get(&directory)?;
        let (path, deleted) = self.path(link.parent, &link.name);
        Some((path, deleted || link.deleted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_built_from_the_root() {
        let mut directories = Directories::new(NodeId(2));
        directories.add(NodeId(12), NodeId(2), "home", false);
        directories.add(NodeId(13), NodeId(12), "old", true);
        let path = |parent| directories.path(NodeId(parent), "id_rsa");
        assert_eq!(path(2), ("/id_rsa".to_owned(), false));
        assert_eq!(path(12), ("/home/id_rsa".to_owned(), false));
        assert_eq!(path(13), ("/home/old/id_rsa".to_owned(), true));
        assert_eq!(path(99), ("/?/id_rsa".to_owned(), true));
        let old = directories.path_of(NodeId(13));
        assert_eq!(old, Some(("/home/old".to_owned(), true)));
        assert_eq!(directories.path_of(NodeId(14)), None);
    }

    #[test]
    fn a_directory_inside_itself_ends() {
        let mut directories = Directories::new(NodeId(2));
        directories.add(NodeId(12), NodeId(13), "a", false);
        directories.add(NodeId(13), NodeId(12), "b", false);
        let (path, deleted) = directories.path(NodeId(12), "x");
        assert!(path.starts_with("/?/") && path.ends_with("/a/x"));
        assert!(deleted);
    }

    #[test]
    fn a_live_name_replaces_a_deleted_one() {
        let mut directories = Directories::new(NodeId(2));
        directories.add(NodeId(12), NodeId(2), "old", true);
        directories.add(NodeId(12), NodeId(2), "new", false);
        directories.add(NodeId(12), NodeId(2), "third", false);
        let path = directories.path_of(NodeId(12));
        assert_eq!(path, Some(("/new".to_owned(), false)));
    }
}
