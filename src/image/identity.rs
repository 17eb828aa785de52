//! What a file was when it was opened, to notice afterwards that it no longer is.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Length, time and name of a file at one moment. Times are as fine as the file system keeps them.
#[derive(Debug)]
pub(super) struct Identity {
    len: u64,
    modified: Option<SystemTime>,
    inode: Option<Inode>,
}

/// What stays the same under renaming: the device a file lies on and its number there.
#[derive(Debug, PartialEq, Eq)]
struct Inode {
    device: u64,
    number: u64,
}

impl Identity {
    /// `len` is given because the metadata of a block device does not hold it.
    pub(super) fn of(file: &File, len: u64) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            len,
            modified: metadata.modified().ok(),
            inode: inode(&metadata),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How the open file, and the file its path now names, differ from this; `now` is its length.
    pub(super) fn change(&self, file: &File, now: io::Result<u64>, path: &Path) -> Option<String> {
        let what = self
            .content_change(file, now)
            .or_else(|| self.name_change(path))?;
        Some(format!(
            "{path:?} changed while it was searched: {what}; search a snapshot, or a copy that \
             nothing writes to"
        ))
    }

    fn content_change(&self, file: &File, now: io::Result<u64>) -> Option<String> {
        let now = match now {
            Ok(now) => now,
            Err(reason) => return Some(format!("its length can no longer be read ({reason})")),
        };
        if now != self.len {
            let before = self.len;
            return Some(format!(
                "it was {before:#x} bytes long when it was opened and is {now:#x} now"
            ));
        }
        match file.metadata() {
            Err(reason) => Some(format!("its state can no longer be read ({reason})")),
            Ok(metadata) if metadata.modified().ok() != self.modified => {
                Some("something wrote to it".to_owned())
            }
            Ok(_) => None,
        }
    }

    fn name_change(&self, path: &Path) -> Option<String> {
        match fs::metadata(path) {
            Err(reason) => Some(format!("its name no longer leads to it ({reason})")),
            Ok(metadata) if inode(&metadata) != self.inode => Some(
                "its name now belongs to another file, and the one first opened was searched"
                    .to_owned(),
            ),
            Ok(_) => None,
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt;

    Some(Inode {
        device: metadata.dev(),
        number: metadata.ino(),
    })
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<Inode> {
    None
}
