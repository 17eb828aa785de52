//! Whose bytes these are.
//!
//! Findings come first: sorted by place, they are laid against one sweep over each file system's
//! metadata, and a run that holds none of them is forgotten at once. Names are asked for only of
//! the files that are left. Every owner is kept, because blocks are shared (hard links, reflinks)
//! and reused after deletion, and all of them may matter.

mod hold;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Claim, Content, FileSystem, Name, Node, NodeId, Volume};
use hold::{detail, holds, state};

/// Owners of one place that are kept, of live and of deleted ones each. A hostile image could
/// claim one block from a million inodes.
const OWNERS: usize = 64;

/// One owner of a place on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// In what way it owns the place.
    pub state: State,
    /// Number of the partition.
    pub partition: Option<u32>,
    /// Name of the partition or logical volume.
    pub volume: Option<String>,
    /// Name of the file system, or of what else fills the volume.
    pub file_system: Option<&'static str>,
    /// The file's number in its file system.
    pub inode: Option<NodeId>,
    /// The file's path, `:stream` appended where it is not the main one; none if the file has no
    /// name any more.
    pub path: Option<String>,
    /// Position in the file or stream.
    pub file_offset: Option<u64>,
    /// Whether the whole range asked about lies in this run of this file.
    pub whole: bool,
    /// The file, or this name of it, was deleted.
    pub deleted: bool,
    /// What else is known of the file.
    pub node: Option<Node>,
    /// What there is to say beyond the state: which structure, copy of which place.
    pub detail: Option<String>,
}

/// In what way a file or structure owns a place; strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Content of a file.
    Allocated,
    /// Structure of a file system.
    Metadata,
    /// Copy of a block in a journal; the file is the owner of the block's home now.
    JournalCopy,
    /// Swap space.
    Swap,
    /// Inside a file's blocks but not in the file: behind its end, or never written by it.
    Slack,
    /// Content of a deleted file, if the space was not reused since.
    Deleted,
    /// In use by nothing.
    Unallocated,
    /// In a volume whose files are not read.
    Unread,
    /// In no partition.
    Outside,
}

impl State {
    /// The word of the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allocated => "allocated",
            Self::Metadata => "metadata",
            Self::JournalCopy => "journal copy",
            Self::Swap => "swap",
            Self::Slack => "slack",
            Self::Deleted => "deleted",
            Self::Unallocated => "unallocated",
            Self::Unread => "unread volume",
            Self::Outside => "outside any partition",
        }
    }
}

/// A place asked about, as one volume sees it.
struct Place {
    /// On the volume.
    at: u64,
    len: u64,
    /// Index of the range asked about.
    asked: usize,
    /// It is the home of a journal copy, and the copy was asked about.
    journal: bool,
    /// All of it belongs to a file that is known.
    shared: bool,
    /// That file, if it is one of this volume.
    file: Option<Whose>,
    /// Which byte is asked about of what is encoded from here on.
    decoded: Option<u64>,
}

/// A place asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Bytes of the disk.
    pub range: Range<u64>,
    /// What is known of them already.
    pub file: Option<Whose>,
    /// Where they are a stream that was decoded: which byte of what it gives is asked about. A file
    /// system may have encoded a file that way.
    pub decoded: Option<u64>,
}

/// A file that is known to hold bytes that come from a place, and where in the file they lie. The
/// place itself may not show it: it is the beginning of a compressed block, or one of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Index of the volume.
    pub volume: usize,
    /// The file.
    pub node: NodeId,
    /// Which of its streams.
    pub stream: u32,
    /// Position in the stream.
    pub file_offset: u64,
    /// The file was deleted.
    pub deleted: bool,
}

/// For each of the ranges, which are disk positions, every owner of its first byte, the strongest
/// first. Never empty: what nothing owns is [`State::Unallocated`] or [`State::Outside`].
///
/// One sweep per file system that holds any of the ranges; memory grows with the ranges and with
/// the directories of those file systems.
#[must_use]
pub fn attribute(volumes: &[Volume], ranges: &[Range<u64>]) -> Vec<Vec<Owner>> {
    let asked = ranges.iter().map(|range| Asked {
        range: range.clone(),
        file: None,
        decoded: None,
    });
    attribute_known(volumes, &asked.collect::<Vec<_>>())
}

/// The same where files are known for some of the places: these come first, and they alone are said
/// to hold all of it.
#[must_use]
pub fn attribute_known(volumes: &[Volume], asked: &[Asked]) -> Vec<Vec<Owner>> {
    let mut owners: Vec<Vec<Owner>> = vec![Vec::new(); asked.len()];
    // Logical volumes stand behind the physical ones that hold them and know more about the bytes.
    for (index, volume) in volumes.iter().enumerate().rev() {
        let mut places = Vec::new();
        for (asked, known_of) in asked.iter().enumerate() {
            let Asked {
                range,
                file,
                decoded,
            } = known_of;
            let group = matches!(volume.content, Content::PhysicalVolume);
            let known = owners.get(asked).is_some_and(|known| !known.is_empty());
            if let Some(at) = volume
                .part
                .from_disk(range.start)
                .filter(|_| !(group && known))
            {
                places.push(Place {
                    at,
                    len: range.end.saturating_sub(range.start).max(1),
                    asked,
                    journal: false,
                    shared: file.is_some(),
                    file: file.filter(|file| file.volume == index),
                    decoded: *decoded,
                });
            }
        }
        if !places.is_empty() {
            of_volume(volume, places, &mut |asked, owner| {
                if let Some(all) = owners.get_mut(asked) {
                    all.push(owner);
                }
            });
        }
    }
    for (all, asked) in owners.iter_mut().zip(asked) {
        if all.is_empty() {
            all.push(Owner::new(State::Outside));
        }
        let is_known = asked.file.is_some();
        all.sort_by_key(|owner| (is_known && !owner.whole, owner.state, owner.deleted));
    }
    owners
}

impl Owner {
    fn new(state: State) -> Self {
        Self {
            state,
            partition: None,
            volume: None,
            file_system: None,
            inode: None,
            path: None,
            file_offset: None,
            whole: false,
            deleted: false,
            node: None,
            detail: None,
        }
    }

    fn on(volume: &Volume, file_system: Option<&'static str>, state: State) -> Self {
        Self {
            partition: volume.number,
            volume: volume.label.clone(),
            file_system,
            ..Self::new(state)
        }
    }
}

fn of_volume(volume: &Volume, places: Vec<Place>, give: &mut dyn FnMut(usize, Owner)) {
    let (name, state) = match &volume.content {
        Content::FileSystem(file_system) => {
            return of_file_system(volume, file_system.as_ref(), places, give);
        }
        Content::PhysicalVolume => (Some("LVM2"), State::Unallocated),
        Content::Swap => (Some("swap"), State::Swap),
        Content::Unread { name, .. } => (Some(*name), State::Unread),
        Content::Unknown => (None, State::Unread),
    };
    for place in places {
        give(place.asked, Owner::on(volume, name, state));
    }
}

fn of_file_system(
    volume: &Volume,
    file_system: &dyn FileSystem,
    mut places: Vec<Place>,
    give: &mut dyn FnMut(usize, Owner),
) {
    let mut claims: HashMap<usize, Claim> = HashMap::new();
    let mut homes = Vec::new();
    for place in &places {
        let claim = file_system.claim(place.at);
        if let Claim::Journal { of: Some(at) } = claim {
            homes.push(Place {
                at,
                journal: true,
                file: None,
                decoded: None,
                ..*place
            });
        }
        claims.insert(place.asked, claim);
    }
    places.extend(homes);
    places.sort_by_key(|place| place.at);

    let holds = holds(file_system, &places);
    let wanted: HashSet<NodeId> = holds.iter().map(|hold| hold.node).collect();
    let mut names: HashMap<NodeId, Vec<Name>> = HashMap::new();
    if !wanted.is_empty() {
        for name in file_system.names(&wanted) {
            names.entry(name.node).or_default().push(name);
        }
    }
    let mut nodes: HashMap<NodeId, Option<Node>> = HashMap::new();
    let blank = |state| Owner::on(volume, Some(file_system.name()), state);

    let mut live = HashSet::new();
    let mut held = HashSet::new();
    for hold in &holds {
        held.insert((hold.asked, hold.journal));
        if !hold.deleted && !hold.journal {
            live.insert(hold.asked);
        }
        let node = nodes
            .entry(hold.node)
            .or_insert_with(|| file_system.node(hold.node));
        let stream = file_system.stream_name(hold.node, hold.stream);
        let owner = Owner {
            inode: Some(hold.node),
            file_offset: hold.file_offset,
            whole: hold.whole,
            deleted: hold.deleted,
            node: node.clone(),
            detail: detail(hold, claims.get(&hold.asked)),
            ..blank(state(hold))
        };
        let names = names.get(&hold.node).map_or(&[][..], Vec::as_slice);
        if names.is_empty() {
            give(hold.asked, owner.clone());
        }
        for name in names.iter().take(OWNERS) {
            let path = match &stream {
                Some(stream) => format!("{}:{stream}", name.path),
                None => name.path.clone(),
            };
            let owner = Owner {
                path: Some(path),
                deleted: owner.deleted || name.deleted,
                ..owner.clone()
            };
            give(hold.asked, owner);
        }
    }
    for (asked, claim) in claims {
        if live.contains(&asked) || held.contains(&(asked, true)) {
            continue;
        }
        let (state, detail) = match claim {
            // A deleted file says more than that nothing uses its space now.
            Claim::Unallocated if held.contains(&(asked, false)) => continue,
            Claim::Unallocated => (State::Unallocated, None),
            Claim::Metadata(what) => (State::Metadata, Some(what)),
            Claim::Journal { of } => (State::JournalCopy, of.map(|at| home(file_system, at))),
            Claim::Unclaimed => (State::Metadata, Some("in use, but by no file".to_owned())),
            Claim::Beyond => {
                let detail = "behind the end of the file system";
                (State::Unallocated, Some(detail.to_owned()))
            }
        };
        let owner = blank(state);
        give(asked, Owner { detail, ..owner });
    }
}

/// What the home of a journal copy is now.
fn home(file_system: &dyn FileSystem, at: u64) -> String {
    match file_system.claim(at) {
        Claim::Metadata(what) => format!("copy of {at:#x}, {what}"),
        Claim::Unallocated => format!("copy of {at:#x}, which is unallocated now"),
        _ => format!("copy of {at:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::volume::file_system::Encoded;
    use crate::volume::partition::Scheme;
    use crate::volume::{Disk, Part, Run, RunKind};

    /// Two live files, of which the second has two names, and a deleted one that had their blocks;
    /// byte 900 is a journal copy of byte 100.
    #[derive(Debug)]
    struct Fake;

    fn run(node: u64, start: u64, valid: u64, deleted: bool) -> Run {
        Run {
            node: NodeId(node),
            stream: 0,
            file_offset: 4096,
            start,
            len: 100,
            valid,
            kind: RunKind::Plain,
            deleted,
        }
    }

    impl FileSystem for Fake {
        fn name(&self) -> &'static str {
            "fake"
        }

        fn label(&self) -> Option<&str> {
            None
        }

        fn block_size(&self) -> u64 {
            100
        }

        fn runs(&self, visit: &mut dyn FnMut(&Run)) {
            visit(&run(7, 100, 100, true));
            visit(&run(5, 100, 60, false));
            visit(&run(6, 200, 100, false));
            visit(&run(7, 300, 100, true));
            for node in 1000..2000 {
                visit(&run(node, 500, 100, true));
            }
            visit(&run(5, 500, 100, false));
        }

        fn names(&self, wanted: &HashSet<NodeId>) -> Vec<Name> {
            let all = [(5, "/five"), (6, "/six"), (6, "/also-six"), (7, "/seven")];
            let all = all.map(|(node, path)| Name {
                node: NodeId(node),
                path: path.to_owned(),
                deleted: node == 7,
            });
            let wanted = all.into_iter().filter(|name| wanted.contains(&name.node));
            wanted.collect()
        }

        fn node(&self, _: NodeId) -> Option<Node> {
            Some(Node::default())
        }

        fn claim(&self, at: u64) -> Claim {
            match at {
                900.. => Claim::Journal { of: Some(at - 800) },
                800.. => Claim::Journal { of: None },
                700.. => Claim::Metadata("superblock".to_owned()),
                _ => Claim::Unallocated,
            }
        }

        fn encoded(&self, _: &mut dyn FnMut(&Encoded)) {}

        fn warnings(&self) -> Vec<String> {
            Vec::new()
        }
    }

    fn volume(range: Range<u64>, content: Content) -> Volume {
        let disk: Disk = Arc::new(vec![0; 10_000]);
        Volume {
            number: Some(1),
            scheme: Scheme::Mbr,
            kind: String::new(),
            label: None,
            part: Part::new(disk, [range]),
            content,
        }
    }

    fn shown(at: u64) -> Vec<(State, Option<String>, Option<u64>)> {
        let volumes = [
            volume(1000..2000, Content::PhysicalVolume),
            volume(1000..2000, Content::FileSystem(Box::new(Fake))),
            volume(5000..6000, Content::PhysicalVolume),
        ];
        let ask = [5500..5501, 1000 + at..1000 + at + 10, 3000..3001];
        let [free, owners, outside] = attribute(&volumes, &ask).try_into().unwrap();
        assert_eq!(free[0].state, State::Unallocated);
        assert_eq!(outside[0].state, State::Outside);
        let shown = owners
            .into_iter()
            .map(|owner| (owner.state, owner.path, owner.file_offset));
        shown.collect()
    }

    fn path(path: &str) -> Option<String> {
        Some(path.to_owned())
    }

    #[test]
    fn every_owner_is_kept_and_live_ones_come_first() {
        let both = [
            (State::Allocated, path("/five"), Some(4106)),
            (State::Deleted, path("/seven"), Some(4106)),
        ];
        assert_eq!(shown(110), both);
        let slack = [
            (State::Slack, path("/five"), Some(4166)),
            (State::Deleted, path("/seven"), Some(4166)),
        ];
        assert_eq!(shown(170), slack);
        let names = [
            (State::Allocated, path("/six"), Some(4096)),
            (State::Allocated, path("/also-six"), Some(4096)),
        ];
        assert_eq!(shown(200), names);
        assert_eq!(shown(310), [(State::Deleted, path("/seven"), Some(4106))]);
    }

    #[test]
    fn what_no_file_holds_is_claimed() {
        assert_eq!(shown(600), [(State::Unallocated, None, None)]);
        assert_eq!(shown(750), [(State::Metadata, None, None)]);
        assert_eq!(shown(850), [(State::JournalCopy, None, None)]);
        let copy = [
            (State::JournalCopy, path("/five"), Some(4106)),
            (State::JournalCopy, path("/seven"), Some(4106)),
        ];
        assert_eq!(shown(910), copy);
    }

    #[test]
    fn a_flood_of_deleted_owners_does_not_hide_the_live_one() {
        let owners = shown(500);
        assert_eq!(owners.len(), 1 + OWNERS);
        assert_eq!(owners[0], (State::Allocated, path("/five"), Some(4096)));
    }
}
