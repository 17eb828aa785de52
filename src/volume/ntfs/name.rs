//! Names: every record of a file holds them, with the directory each is in.

use std::collections::HashSet;

use super::Ntfs;
use super::record::{Record, Reference};
use super::stream::FILE_NAME;
use crate::volume::field::{text_utf16, u8_at};
use crate::volume::path::Directories;
use crate::volume::{Name, NodeId};

/// Record of the root directory.
pub(super) const ROOT: u64 = 5;
/// Name space of the short names that go with long ones.
const DOS: u8 = 2;

/// One name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    parent: Reference,
    name: String,
    is_short: bool,
}

impl Link {
    fn parse(value: &[u8]) -> Option<Self> {
        let len = usize::from(u8_at(value, 64)?).checked_mul(2)?;
        Some(Self {
            parent: Reference::parse(value, 0)?,
            name: text_utf16(value.get(66..)?.get(..len)?),
            is_short: u8_at(value, 65)? == DOS,
        })
    }
}

/// The names in a record. Short ones are left out where there are others.
fn links(record: &Record) -> Vec<Link> {
    let (attributes, _) = record.attributes();
    let names = attributes
        .iter()
        .filter(|attribute| attribute.kind == FILE_NAME);
    let mut links: Vec<_> = names
        .filter_map(|attribute| Link::parse(attribute.value()?))
        .collect();
    // The long name that goes with a short one may be in another record of the file.
    if record.base.is_some() || links.iter().any(|link| !link.is_short) {
        links.retain(|link| !link.is_short);
    }
    links
}

/// Tells directories apart that had the same record one after the other.
fn key(directory: Reference) -> NodeId {
    if directory.record == ROOT {
        return NodeId(ROOT);
    }
    NodeId(u64::from(directory.sequence) << 48 | directory.record)
}

impl Ntfs {
    /// All names of the wanted files.
    pub(super) fn names_of(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
        let mut directories = Directories::new(NodeId(ROOT));
        let mut found = Vec::new();
        self.mft.sweep(&self.warnings, &mut |record| {
            let base = record.base.map_or(record.number, |base| base.record);
            let is_wanted = wanted.contains(&NodeId(base));
            let is_directory = record.is_directory && record.base.is_none();
            if base == ROOT || !is_wanted && !is_directory {
                return;
            }
            for link in links(&record) {
                if is_directory {
                    let own = |sequence| {
                        key(Reference {
                            record: record.number,
                            sequence,
                        })
                    };
                    let parent = key(link.parent);
                    let mut add = |sequence| {
                        directories.add(own(sequence), parent, &link.name, record.deleted);
                    };
                    add(record.sequence);
                    // Those in it know it by the number it had before it was deleted.
                    if record.deleted {
                        add(record.sequence.wrapping_sub(1));
                    }
                }
                if is_wanted {
                    found.push((NodeId(base), record.base, link, record.deleted));
                }
            }
        });
        let mut names = Vec::new();
        if wanted.contains(&NodeId(ROOT)) {
            names.push(Name {
                node: NodeId(ROOT),
                path: "/".to_owned(),
                deleted: false,
            });
        }
        for (node, base, link, deleted) in found {
            // What extends a record that is another file's by now has nothing to say of that.
            let is_own = |base| {
                self.mft
                    .record(node.0)
                    .is_some_and(|record| record.is(base) && record.deleted == deleted)
            };
            if base.is_none_or(is_own) {
                let (path, lost) = directories.path(key(link.parent), &link.name);
                let deleted = deleted || lost;
                names.push(Name {
                    node,
                    path,
                    deleted,
                });
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_ends_early_is_none() {
        let mut value = vec![0; 66];
        value[0] = 5;
        value[6] = 5;
        value[64] = 2;
        assert_eq!(Link::parse(&value), None);
        value.extend([b'a', 0, 0xe4, 0]);
        let link = Link::parse(&value).unwrap();
        assert_eq!((link.name.as_str(), link.is_short), ("a\u{e4}", false));
        let (record, sequence) = (5, 5);
        assert_eq!(link.parent, Reference { record, sequence });
    }
}
