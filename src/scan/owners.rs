//! Says whose bytes a finding's are.
//!
//! File systems are asked about findings in batches: one sweep over the metadata answers for any
//! number of them, and costs the same for one. A batch waits until the sweeps so far are a small
//! part of the scan's time, so findings still appear while the scan runs, and an image with
//! millions of files is not swept for each of them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::restored::Restored;
use crate::finding::label::labels_of;
use crate::finding::{Finding, Place};
use crate::volume::attribute::{Asked, Owner, State, Whose, attribute_known};
use crate::volume::{Content, Volumes};

/// The first batch is asked about after this time.
const FIRST: Duration = Duration::from_secs(1);
/// The next batch waits this many times as long as the last sweep took: sweeps then take at most
/// a tenth of the time.
const PATIENCE: u32 = 9;
/// A batch is asked about at this size in any case: what waits is held in memory.
const LARGEST: usize = 100_000;

/// Findings of one image that wait for their owners.
pub(super) struct Owners {
    volumes: Arc<Volumes>,
    waiting: Vec<(Finding, Known)>,
    due: Instant,
    /// By fingerprint, where the second pass found secrets of deleted files.
    deleted: HashMap<String, Vec<Remains>>,
    /// Findings, not counting suppressed ones, that were left out because they repeat one of these.
    pub(super) repeated: u64,
}

/// What is known of a finding before its owners are asked for.
#[derive(Clone, Copy)]
struct Known {
    /// The file that the second pass read it from.
    file: Option<Whose>,
    /// Which byte it is of what the stream gives that it was found in.
    decoded: Option<u64>,
}

/// A secret of a deleted file that the second pass put together.
struct Remains {
    inode: Option<u64>,
    partition: Option<u32>,
    places: Vec<Range<u64>>,
}

impl Owners {
    pub(super) fn new(volumes: Arc<Volumes>) -> Self {
        Self {
            volumes,
            waiting: Vec::new(),
            due: Instant::now() + FIRST,
            deleted: HashMap::new(),
            repeated: 0,
        }
    }

    /// Takes a finding, and gives back those whose turn has come, in order. `decoded`: which byte it
    /// is of what the stream gives that it was found in.
    pub(super) fn push(
        &mut self,
        finding: Finding,
        restored: Option<&Restored>,
        decoded: Option<u64>,
    ) -> Vec<Finding> {
        let known = Known {
            file: restored.and_then(whose),
            decoded: decoded.filter(|_| restored.is_none()),
        };
        self.waiting.push((finding, known));
        if self.waiting.len() < LARGEST && Instant::now() < self.due {
            return Vec::new();
        }
        self.settle()
    }

    /// Gives back all that wait.
    pub(super) fn settle(&mut self) -> Vec<Finding> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let (mut findings, known): (Vec<Finding>, Vec<Known>) =
            std::mem::take(&mut self.waiting).into_iter().unzip();
        let started = Instant::now();
        let asked = findings.iter().zip(known).map(|(finding, known)| {
            let place = &finding.occurrence;
            Asked {
                range: place.offset..place.offset + place.length,
                file: known.file,
                decoded: known.decoded,
            }
        });
        let asked: Vec<Asked> = asked.collect();
        let owners = attribute_known(&self.volumes.volumes, &asked);
        for (finding, owners) in findings.iter_mut().zip(owners) {
            tell(finding, owners);
        }
        let mut files = asked.into_iter().map(|asked| asked.file);
        findings.retain(|finding| !self.repeats(finding, files.next().flatten()));
        self.due = Instant::now() + started.elapsed() * PATIENCE;
        findings
    }

    /// Whether the pass over the disk found what the second pass put together already: a block of a
    /// deleted file that shows the secret as it is. Only its owners tell: if a file that is there
    /// has the block now, the secret is that file's too.
    fn repeats(&mut self, finding: &Finding, file: Option<Whose>) -> bool {
        let place = &finding.occurrence;
        let lies = place.offset..place.offset.saturating_add(place.length);
        match file {
            Some(file) if file.deleted => {
                let pieces = place.pieces.iter();
                let pieces = pieces.map(|piece| piece.offset..piece.offset + piece.length);
                let mut places: Vec<Range<u64>> = pieces.collect();
                if places.is_empty() {
                    places.push(lies);
                }
                let remains = Remains {
                    inode: place.inode,
                    partition: place.partition,
                    places,
                };
                let known = self.deleted.entry(finding.fingerprint.clone());
                known.or_default().push(remains);
                return false;
            }
            Some(_) => return false,
            None => {}
        }
        let is_deleted = place.state.as_deref() == Some(State::Deleted.name());
        let known = self.deleted.get(&finding.fingerprint);
        let repeats = is_deleted
            && known.into_iter().flatten().any(|remains| {
                remains.inode == place.inode
                    && remains.partition == place.partition
                    && remains
                        .places
                        .iter()
                        .any(|range| range.contains(&lies.start))
            });
        self.repeated += u64::from(repeats && finding.suppressed.is_none());
        repeats
    }

    /// What the disk should hold and does not.
    pub(super) fn missing(&self) -> &[String] {
        &self.volumes.missing
    }

    /// What was wrong with the structures that were asked.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut all = self.volumes.warnings.clone();
        for volume in &self.volumes.volumes {
            if let Content::FileSystem(file_system) = &volume.content {
                all.extend(file_system.warnings());
            }
        }
        all
    }
}

/// The file that the second pass read it from.
fn whose(restored: &Restored) -> Option<Whose> {
    let (file, file_offset) = restored.in_file()?;
    Some(Whose {
        volume: restored.assembly.volume,
        node: file.node,
        stream: file.stream,
        file_offset,
        deleted: file.deleted,
    })
}

/// Writes the strongest owner into the record, and the others behind it.
fn tell(finding: &mut Finding, owners: Vec<Owner>) {
    let mut owners = owners.into_iter();
    let Some(first) = owners.next() else { return };
    let place = &mut finding.occurrence;
    place.partition = first.partition;
    place.filesystem = first.file_system.map(str::to_owned);
    place.file_offset = first.file_offset;
    place.inode = first.inode.map(|node| node.0);
    place.state = Some(first.state.name().to_owned());
    if let Some(node) = &first.node {
        place.owner = node.owner;
        place.mode = node.mode.map(|mode| format!("{mode:04o}"));
        place.modified = node.modified.and_then(|(seconds, nanoseconds)| {
            let time = jiff::Timestamp::new(seconds, i32::try_from(nanoseconds).ok()?);
            time.ok().map(|time| time.to_string())
        });
    }
    if let Some(path) = &first.path {
        place.labels.extend(labels_of(path));
    }
    place.path = first.path;
    place.also = owners
        .map(|owner| Place {
            state: owner.state.name().to_owned(),
            filesystem: owner.file_system.map(str::to_owned),
            path: owner.path,
            file_offset: owner.file_offset,
            inode: owner.inode.map(|node| node.0),
        })
        .collect();
}
