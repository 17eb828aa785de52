//! The files an image is made of: the one the user named, and those it names itself.
//!
//! A name inside an image is the word of whoever made the image. It could say `/etc/shadow`, and a
//! scan would then report what lies there; so such a name may only lead to files below the folder
//! of the image, unless the user allows more.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::identity::Identity;
use super::mapping::Piece;
use super::ranges::Ranges;
use super::source::Source;
use super::{ImageError, Map, Options};

/// Most files one image may be made of; an EWF set has 14,295 names.
const MAX_FILES: usize = 16_384;

/// The open files of one image.
#[derive(Debug)]
pub(super) struct Files {
    first: Member,
    more: Vec<Member>,
    options: Options,
    /// The folder below which a name in the image may lead.
    root: PathBuf,
}

/// One open file.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) role: &'static str,
    pub(super) map: Arc<Map>,
    pub(super) identity: Identity,
    /// A block device rather than a regular file.
    pub(super) device: bool,
    /// What could not be read when so many reads had failed.
    failed: Mutex<(u64, Ranges)>,
}

impl Member {
    fn open(path: &Path, role: &'static str) -> Result<Self, ImageError> {
        let Source { file, len, device } = Source::open(path)?;
        let identity = Identity::of(&file, len).map_err(|reason| ImageError::Open {
            path: path.to_owned(),
            reason,
        })?;
        let map = Map::new(file, len).map_err(|reason| ImageError::Map {
            path: path.to_owned(),
            reason,
        })?;
        Ok(Self {
            path: path.to_owned(),
            role,
            map: Arc::new(map),
            identity,
            device,
            failed: Mutex::default(),
        })
    }

    /// Whether some of these bytes could not be read, and are zeros in the map instead. To be
    /// asked after they were looked at.
    pub(super) fn lost(&self, range: Range<u64>) -> bool {
        let faults = self.map.faults();
        if faults == 0 {
            return false;
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.0 != faults {
            *failed = (faults, self.map.unreadable().into_iter().collect());
        }
        failed.1.within(range).next().is_some()
    }
}

impl Files {
    /// Opens the file the user named.
    pub(super) fn new(path: &Path, options: Options) -> Result<Self, ImageError> {
        let folder = folder_of(path);
        Ok(Self {
            first: Member::open(path, "image")?,
            more: Vec::new(),
            options,
            root: folder.canonicalize().unwrap_or(folder),
        })
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        Self::new(file.path(), Options::default()).unwrap()
    }

    /// Opens one more file and gives its number. Its path must not come from an image; see
    /// [`named_in`](Self::named_in).
    pub(super) fn open(&mut self, path: &Path, role: &'static str) -> Result<usize, ImageError> {
        if self.count() >= MAX_FILES {
            return Err(ImageError::Unsupported {
                path: path.to_owned(),
                what: format!("the image is made of more than {MAX_FILES} files"),
            });
        }
        self.more.push(Member::open(path, role)?);
        Ok(self.more.len())
    }

    /// The path that `name`, read in file `from`, stands for.
    pub(super) fn named_in(
        &self,
        from: usize,
        name: &str,
        role: &'static str,
    ) -> Result<PathBuf, ImageError> {
        let path = self.path(from);
        let part = folder_of(path).join(name);
        let refused = |reason: String| ImageError::Part {
            path: path.to_owned(),
            part: part.clone(),
            role,
            reason,
        };
        let outside = || {
            refused(format!(
                "lies outside {:?}, where a name in an image may not lead unless that is allowed; \
                 copy it there and name it there, or convert the image to raw",
                self.root
            ))
        };
        // First by its words, so that no place outside is even asked about.
        let absolute = std::path::absolute(&part).unwrap_or_else(|_| part.clone());
        let given = std::path::absolute(folder_of(path)).unwrap_or_default();
        let plain = without_dots(&absolute);
        let inside = plain.starts_with(&self.root) || plain.starts_with(without_dots(&given));
        if !self.options.parts_outside && !inside {
            return Err(outside());
        }
        let real = part
            .canonicalize()
            .map_err(|reason| refused(format!("cannot be opened: {reason}")))?;
        if !self.options.parts_outside && !real.starts_with(&self.root) {
            return Err(outside());
        }
        Ok(part)
    }

    /// The bytes of the first file.
    pub(super) fn first(&self) -> &Arc<Map> {
        &self.first.map
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        std::iter::once(&self.first).chain(&self.more)
    }

    pub(super) fn count(&self) -> usize {
        self.more.len().saturating_add(1)
    }

    pub(super) fn get(&self, file: usize) -> Option<&Member> {
        match file.checked_sub(1) {
            None => Some(&self.first),
            Some(more) => self.more.get(more),
        }
    }

    pub(super) fn path(&self, file: usize) -> &Path {
        self.get(file).map_or(Path::new(""), |file| &file.path)
    }

    /// Length of a file when it was mapped.
    pub(super) fn len(&self, file: usize) -> u64 {
        u64::try_from(self.bytes(file).len()).unwrap_or(u64::MAX)
    }

    fn bytes(&self, file: usize) -> &[u8] {
        self.get(file).map_or(&[], |file| file.map.bytes())
    }

    /// What an entry of a table stands for that cannot be read: `len` bytes of the disk, or all
    /// `rest` that the table has from there on if the file ends before it. However many entries a
    /// table claims to have, what the file cannot hold of them is lost in one piece.
    pub(super) fn lost(
        &self,
        file: usize,
        at: u64,
        [len, rest]: [u64; 2],
        why: &'static str,
    ) -> Piece {
        match at < self.len(file) {
            true => Piece::lost(len, why),
            false => Piece::lost(rest, why),
        }
    }

    /// The bytes of a file from `at` on, at most `len` of them.
    pub(super) fn slice(&self, file: usize, at: u64, len: u64) -> &[u8] {
        let bytes = self.bytes(file);
        let limit = |position: u64| {
            usize::try_from(position)
                .unwrap_or(usize::MAX)
                .min(bytes.len())
        };
        bytes
            .get(limit(at)..limit(at.saturating_add(len)))
            .unwrap_or_default()
    }

    /// A copy of `N` bytes at `at`, if the file has as many and they could be read: a table entry
    /// that is only zero because its sector failed must not pass for an empty one.
    pub(super) fn array<const N: usize>(&self, file: usize, at: u64) -> Option<[u8; N]> {
        let len = u64::try_from(N).ok()?;
        let bytes = self.slice(file, at, len).try_into().ok()?;
        let lost = self.get(file)?.lost(at..at.saturating_add(len));
        (!lost).then_some(bytes)
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The path without `.` and `..`, by its words alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_in_an_image_leads_nowhere_outside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("images");
        fs::create_dir_all(inside.join("base")).unwrap();
        fs::write(folder.path().join("outside.raw"), "x").unwrap();
        let image = inside.join("overlay.img");
        for name in ["overlay.img", "base/base.raw"] {
            fs::write(inside.join(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("../outside.raw", inside.join("link.raw")).unwrap();
        let files = Files::new(&image, Options::default()).unwrap();
        let own = 0;
        let allowed = inside.join("base/base.raw").to_str().unwrap().to_owned();
        for name in ["base/base.raw", "./base/../base/base.raw", &allowed] {
            files.named_in(own, name, "backing file").unwrap();
        }
        for name in [
            "../outside.raw",
            "/etc/passwd",
            "base/../../outside.raw",
            "link.raw",
        ] {
            let error = files.named_in(own, name, "backing file").unwrap_err();
            assert!(error.to_string().contains("lies outside"), "{error}");
        }
        let error = files.named_in(own, "gone.raw", "backing file").unwrap_err();
        assert!(error.to_string().contains("cannot be opened"), "{error}");
        let options = Options {
            parts_outside: true,
        };
        let files = Files::new(&image, options).unwrap();
        files
            .named_in(own, "../outside.raw", "backing file")
            .unwrap();
    }
}
