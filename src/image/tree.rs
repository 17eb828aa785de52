//! All files below a directory, in an order that is the same on every run.
//!
//! Holds the names beside the current path and no more, so a tree may have any number of files.
//! What cannot be listed comes out as an error among the files, and the walk goes on.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::vec;

/// A regular file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The root as it was named, joined with the path below it.
    pub path: PathBuf,
}

/// Why a part of a tree was not searched. Paths are shown quoted, so that control characters in a
/// hostile name do not reach a terminal.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// A directory, or the rest of it, could not be listed.
    #[error("the directory {path:?} cannot be listed: {reason}; what it holds was not searched")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The operating system's answer.
        reason: io::Error,
    },
    /// Something is there, but the system does not say what.
    #[error("{path:?} cannot be looked at: {reason}; it was not searched")]
    Entry {
        /// What could not be looked at.
        path: PathBuf,
        /// The operating system's answer.
        reason: io::Error,
    },
    /// A directory that lies inside itself, through a mount or a damaged file system.
    #[error("the directory {path:?} is one of those it lies in; it was not entered again")]
    Loop {
        /// The directory, by its second path.
        path: PathBuf,
    },
}

/// How many entries hold no bytes of their own and were passed by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Symbolic links; what they lead to is searched where it lies, if that is in the tree.
    pub links: u64,
    /// Named pipes.
    pub pipes: u64,
    /// Sockets.
    pub sockets: u64,
    /// Block and character devices.
    pub devices: u64,
    /// Anything else the system calls neither file nor directory.
    pub others: u64,
}

/// A walk in progress: yields files and errors.
#[derive(Debug)]
pub struct Walk {
    /// The directories of the current path, each with what is left of it.
    levels: Vec<Level>,
    /// Found already, to be yielded first.
    ready: VecDeque<Result<Entry, TreeError>>,
    skipped: Skipped,
}

#[derive(Debug)]
struct Level {
    path: PathBuf,
    inode: Option<(u64, u64)>,
    left: vec::IntoIter<Sibling>,
}

#[derive(Debug)]
struct Sibling {
    name: OsString,
    file_type: io::Result<FileType>,
}

/// Walks the tree below `root`, by the bytes of the names in each directory. Symbolic links are not
/// followed, except `root` itself; a `root` that is a file is the only entry.
pub fn walk(root: impl AsRef<Path>) -> Walk {
    let path = root.as_ref().to_owned();
    let mut walk = Walk {
        levels: Vec::new(),
        ready: VecDeque::new(),
        skipped: Skipped::default(),
    };
    match fs::metadata(&path) {
        Ok(metadata) => walk.visit(path, Ok(metadata.file_type())),
        Err(reason) => walk.visit(path, Err(reason)),
    }
    walk
}

impl Walk {
    /// What was passed by so far.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    fn visit(&mut self, path: PathBuf, file_type: io::Result<FileType>) {
        match file_type {
            Ok(file_type) if file_type.is_file() => self.ready.push_back(Ok(Entry { path })),
            Ok(file_type) if file_type.is_dir() => self.enter(path),
            Ok(file_type) => self.skip(file_type),
            Err(reason) => self.ready.push_back(Err(TreeError::Entry { path, reason })),
        }
    }

    fn enter(&mut self, path: PathBuf) {
        let inode = inode(&path);
        if inode.is_some() && self.levels.iter().any(|level| level.inode == inode) {
            self.ready.push_back(Err(TreeError::Loop { path }));
            return;
        }
        let (mut siblings, failure) = list(&path);
        if let Some(reason) = failure {
            let path = path.clone();
            self.ready
                .push_back(Err(TreeError::Directory { path, reason }));
        }
        siblings.sort_unstable_by(|one, other| {
            one.name
                .as_encoded_bytes()
                .cmp(other.name.as_encoded_bytes())
        });
        self.levels.push(Level {
            path,
            inode,
            left: siblings.into_iter(),
        });
    }

    fn skip(&mut self, file_type: FileType) {
        let skipped = &mut self.skipped;
        let count = count_of(skipped, file_type);
        *count = count.saturating_add(1);
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let level = self.levels.last_mut()?;
            match level.left.next() {
                Some(Sibling { name, file_type }) => {
                    let path = level.path.join(name);
                    self.visit(path, file_type);
                }
                None => {
                    self.levels.pop();
                }
            }
        }
    }
}

/// What a directory holds, as far as it can be listed, and why not farther.
fn list(path: &Path) -> (Vec<Sibling>, Option<io::Error>) {
    let mut siblings = Vec::new();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(reason) => return (siblings, Some(reason)),
    };
    for entry in entries {
        match entry {
            Ok(entry) => siblings.push(Sibling {
                name: entry.file_name(),
                file_type: entry.file_type(),
            }),
            Err(reason) => return (siblings, Some(reason)),
        }
    }
    (siblings, None)
}

#[cfg(unix)]
fn count_of(skipped: &mut Skipped, file_type: FileType) -> &mut u64 {
    use std::os::unix::fs::FileTypeExt;

    if file_type.is_symlink() {
        &mut skipped.links
    } else if file_type.is_fifo() {
        &mut skipped.pipes
    } else if file_type.is_socket() {
        &mut skipped.sockets
    } else if file_type.is_block_device() || file_type.is_char_device() {
        &mut skipped.devices
    } else {
        &mut skipped.others
    }
}

#[cfg(not(unix))]
fn count_of(skipped: &mut Skipped, file_type: FileType) -> &mut u64 {
    if file_type.is_symlink() {
        &mut skipped.links
    } else {
        &mut skipped.others
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn inode(_: &Path) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    /// Paths below the root, in the order of the walk.
    fn files(root: &Path, walk: impl Iterator<Item = Result<Entry, TreeError>>) -> Vec<PathBuf> {
        walk.map(|entry| entry.unwrap().path.strip_prefix(root).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn files_come_in_the_order_of_their_names_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let odd = Path::new(OsStr::from_bytes(b"\xff\xfe.bin"));
        for path in ["b/2", "b/10", "b/c/x", "a", "B", ".hidden/.git/config", "z"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"\0\xff").unwrap();
        }
        fs::write(root.join(odd), b"").unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        fs::hard_link(root.join("a"), root.join("b/linked")).unwrap();
        let mut expected: Vec<&Path> = [
            ".hidden/.git/config",
            "B",
            "a",
            "b/10",
            "b/2",
            "b/c/x",
            "b/linked",
            "z",
        ]
        .iter()
        .map(Path::new)
        .collect();
        expected.push(odd);
        assert_eq!(files(root, walk(root)), expected);
    }

    #[test]
    fn links_pipes_and_sockets_are_counted_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("d")).unwrap();
        fs::write(root.join("d/file"), b"x").unwrap();
        symlink(root, root.join("d/loop")).unwrap();
        symlink("file", root.join("d/same")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let status = Command::new("mkfifo")
            .arg(root.join("pipe"))
            .status()
            .unwrap();
        assert!(status.success());
        let _listener = UnixListener::bind(root.join("socket")).unwrap();
        let mut walk = walk(root);
        assert_eq!(files(root, walk.by_ref()), [Path::new("d/file")]);
        let expected = Skipped {
            links: 3,
            pipes: 1,
            sockets: 1,
            ..Skipped::default()
        };
        assert_eq!(walk.skipped(), expected);
    }

    #[test]
    fn a_directory_that_cannot_be_listed_is_an_error_and_the_walk_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["a/1", "b/1", "c/1"] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"x").unwrap();
        }
        let mut walk = walk(root);
        assert_eq!(walk.next().unwrap().unwrap().path, root.join("a/1"));
        // Listed already as a member of the root, and gone before its turn.
        fs::remove_dir_all(root.join("b")).unwrap();
        let error = walk.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("what it holds was not searched"));
        assert!(matches!(error, TreeError::Directory { path, .. } if path == root.join("b")));
        assert_eq!(walk.next().unwrap().unwrap().path, root.join("c/1"));
        assert!(walk.next().is_none());
    }

    #[test]
    fn a_directory_inside_itself_is_not_entered_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"x").unwrap();
        let mut walk = walk(folder.path());
        walk.enter(folder.path().join("."));
        assert!(matches!(walk.next(), Some(Err(TreeError::Loop { .. }))));
        assert!(walk.next().unwrap().is_ok());
        assert!(walk.next().is_none());
    }

    #[test]
    fn a_root_may_be_a_file_a_link_or_missing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"x").unwrap();
        assert_eq!(walk(&file).next().unwrap().unwrap().path, file);
        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        assert_eq!(files(&link, walk(&link)), [Path::new("file")]);
        let missing = walk(folder.path().join("missing")).next().unwrap();
        assert!(matches!(missing, Err(TreeError::Entry { .. })));
    }

    #[test]
    fn depth_costs_no_stack() {
        let folder = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", 1500).collect();
        let deep = folder.path().join(deep);
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), b"x").unwrap();
        let found = std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn({
                let root = folder.path().to_owned();
                move || walk(root).map(Result::unwrap).collect::<Vec<_>>()
            })
            .unwrap()
            .join()
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, deep.join("file"));
    }
}
