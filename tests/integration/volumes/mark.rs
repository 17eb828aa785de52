//! Files that say at every 64 bytes whose they are and where in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keydredge::volume::attribute::{Owner, State};

const UNIT: usize = 64;

/// Files by number.
#[derive(Default)]
pub(super) struct Marked {
    /// Path in the file system, and length.
    pub(super) files: BTreeMap<u32, (String, u64)>,
}

impl Marked {
    /// Content of a new file.
    pub(super) fn content(&mut self, path: &str, len: u64) -> Vec<u8> {
        let number = u32::try_from(self.files.len()).unwrap() + 1;
        self.files.insert(number, (path.to_owned(), len));
        let mut content = Vec::new();
        for at in (0..len).step_by(UNIT) {
            content.extend(format!("@{number:06}:{at:010}@").bytes());
            content.resize(usize::try_from(at).unwrap() + UNIT, b'.');
        }
        content.truncate(usize::try_from(len).unwrap());
        content
    }

    /// Writes a new file below a folder.
    pub(super) fn write(&mut self, folder: &Path, path: &str, len: u64) -> PathBuf {
        let content = self.content(path, len);
        let file = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }

    pub(super) fn number_of(&self, path: &str) -> u32 {
        let mut found = self.files.iter();
        *found.find(|(_, (known, _))| known == path).unwrap().0
    }

    /// Holds the owners of all marks in an image against what the marks say. A live owner must be
    /// the very file at the very place; every mark of a file that `live` names must have been seen
    /// with a live owner. Returns the states of the other marks.
    pub(super) fn check(
        &self,
        found: &[Mark],
        owners: &[Vec<Owner>],
        live: impl Fn(&str) -> bool,
    ) -> BTreeMap<&'static str, usize> {
        let mut seen = BTreeSet::new();
        let mut states = BTreeMap::new();
        for (mark, owners) in found.iter().zip(owners) {
            let (path, _) = &self.files[&mark.file];
            let names: Vec<_> = owners
                .iter()
                .filter(|owner| owner.state == State::Allocated && !owner.deleted)
                .collect();
            // A file may have several names, but only one number.
            for owner in &names {
                assert_eq!(owner.inode, names[0].inode, "at {:#x}: {owner:?}", mark.at);
                assert_eq!(owner.file_offset, Some(mark.offset), "at {:#x}", mark.at);
                seen.insert((mark.file, mark.offset));
            }
            let named = names.iter().any(|owner| owner.path.as_ref() == Some(path));
            assert!(
                named || names.is_empty(),
                "at {:#x}, {path}: {names:?}",
                mark.at
            );
            if names.is_empty() {
                *states.entry(owners[0].state.name()).or_default() += 1;
            }
        }
        for (number, (path, len)) in &self.files {
            // The mark itself takes 19 bytes; a shorter rest holds none.
            let whole = (0..len.saturating_sub(18)).step_by(UNIT);
            for offset in whole.filter(|_| live(path)) {
                assert!(
                    seen.contains(&(*number, offset)),
                    "{path} at {offset} has no owner"
                );
            }
        }
        states
    }
}

/// A mark in an image.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub at: u64,
    pub file: u32,
    pub offset: u64,
}

/// Every mark in an image.
pub fn find(image: &[u8]) -> Vec<Mark> {
    let mut found = Vec::new();
    for at in memchr::memchr_iter(b'@', image) {
        if let Some(mark) = image.get(at..at + 19).and_then(parse) {
            let at = u64::try_from(at).unwrap();
            found.push(Mark { at, ..mark });
        }
    }
    found
}

fn parse(bytes: &[u8]) -> Option<Mark> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (file, offset) = text.strip_prefix('@')?.strip_suffix('@')?.split_once(':')?;
    Some(Mark {
        at: 0,
        file: file.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}
