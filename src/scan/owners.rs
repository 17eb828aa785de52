//! Says whose bytes a finding's are.
//!
//! File systems are asked about findings in batches: one sweep over the metadata answers for any
//! number of them, and costs the same for one. A batch waits until the sweeps so far are a small
//! part of the scan's time, so findings still appear while the scan runs, and an image with
//! millions of files is not swept for each of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::finding::label::labels_of;
use crate::finding::{Finding, Place};
use crate::volume::attribute::{Owner, attribute};
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
    waiting: Vec<Finding>,
    due: Instant,
}

impl Owners {
    pub(super) fn new(volumes: Arc<Volumes>) -> Self {
        Self {
            volumes,
            waiting: Vec::new(),
            due: Instant::now() + FIRST,
        }
    }

    /// Takes a finding, and gives back those whose turn has come, in order.
    pub(super) fn push(&mut self, finding: Finding) -> Vec<Finding> {
        self.waiting.push(finding);
        if self.waiting.len() < LARGEST && Instant::now() < self.due {
            return Vec::new();
        }
        self.settle()
    }

    /// Gives back all that wait.
    pub(super) fn settle(&mut self) -> Vec<Finding> {
        let mut findings = std::mem::take(&mut self.waiting);
        if findings.is_empty() {
            return findings;
        }
        let started = Instant::now();
        let ranges: Vec<Range<u64>> = findings
            .iter()
            .map(|finding| &finding.occurrence)
            .map(|place| place.offset..place.offset + place.length)
            .collect();
        let owners = attribute(&self.volumes.volumes, &ranges);
        for (finding, owners) in findings.iter_mut().zip(owners) {
            tell(finding, owners);
        }
        self.due = Instant::now() + started.elapsed() * PATIENCE;
        findings
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
