//! The bytes: what a real system's disk holds, as text, as binaries, and as both.

use std::fs;
use std::path::{Path, PathBuf};

/// Length of a slice: it stays in the cache, so that the matcher is measured and not the memory.
pub(crate) const SLICE: usize = 256 << 10;
/// A file is text if its beginning has no zero byte.
const BEGINNING: usize = 4096;

/// Which files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mixed,
    Text,
    Binary,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Mixed, Self::Text, Self::Binary];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }

    fn takes(self, bytes: &[u8]) -> bool {
        let is_text = !bytes[..bytes.len().min(BEGINNING)].contains(&0);
        match self {
            Self::Mixed => true,
            Self::Text => is_text,
            Self::Binary => !is_text,
        }
    }
}

/// Files of a kind, one behind the other, in slices. Every so many files are taken, so that all
/// of the directories are seen and not only the first.
pub(crate) fn sample(roots: &[String], kind: Kind, len: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut paths = Vec::new();
    for root in roots {
        walk(Path::new(root), &mut paths)?;
    }
    paths.sort();
    let mut bytes = Vec::with_capacity(len);
    // A step that has no divisor in common with the count comes by every file once.
    let count = paths.len();
    let step = (count / 3..)
        .find(|step| divisor(*step, count) == 1)
        .unwrap_or(1);
    for turn in 0..count {
        let Ok(content) = fs::read(&paths[turn * step % count]) else {
            continue;
        };
        if kind.takes(&content) {
            // One large file would be all there is.
            bytes.extend(content.iter().take(4 << 20));
        }
        if bytes.len() >= len {
            break;
        }
    }
    bytes.truncate(len);
    if bytes.is_empty() {
        return Err(format!("no {} files in {}", kind.name(), roots.join(", ")));
    }
    Ok(bytes.chunks(SLICE).map(<[u8]>::to_vec).collect())
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

fn walk(root: &Path, paths: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(root).map_err(|error| format!("{}: {error}", root.display()))?;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            // What cannot be listed is not part of the sample.
            let _unlisted = walk(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
    Ok(())
}
