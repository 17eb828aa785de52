//! The sound images that inputs are edits of.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::seal::{self, Seal};

pub const SECTOR: usize = 512;

/// The files that a target begins with, by name.
pub fn files(target: &str) -> Vec<PathBuf> {
    let folder = std::env::var_os("FUZZ_DATA").expect("FUZZ_DATA names the folder of bases");
    let entries = fs::read_dir(Path::new(&folder).join(target)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no base");
    paths
}

/// A sound image.
pub struct Base {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    /// Where the sectors begin that hold more than one byte many times: all that is worth editing.
    pub slots: Vec<usize>,
    pub seals: Vec<Seal>,
}

impl Base {
    fn read(path: PathBuf, target: &str) -> Self {
        let bytes = fs::read(&path).unwrap();
        let used = |at: &usize| {
            let mut sector = bytes[*at..].iter().take(SECTOR);
            sector
                .next()
                .is_some_and(|first| sector.any(|byte| byte != first))
        };
        let slots = (0..bytes.len()).step_by(SECTOR).filter(used).collect();
        let seals = seal::find(target, &bytes);
        Self {
            path,
            bytes,
            slots,
            seals,
        }
    }

    /// The images of a target.
    pub fn all(target: &str) -> Vec<Arc<Self>> {
        let bases: Vec<_> = files(target)
            .into_iter()
            .map(|path| Arc::new(Self::read(path, target)))
            .collect();
        // Without them no edit of a sealed structure would be believed, and little be tested.
        let sealed = bases.iter().any(|base| !base.seals.is_empty());
        assert_eq!(sealed, seal::KNOWN.contains(&target), "seals of {target}");
        bases
    }
}
