//! The runs that hold the places asked about.

use std::collections::HashMap;

use super::{OWNERS, Place, State, Whose};
use crate::volume::{Claim, FileSystem, NodeId, Run, RunKind};

/// A run that holds a place.
pub(super) struct Hold {
    pub(super) asked: usize,
    pub(super) node: NodeId,
    pub(super) stream: u32,
    pub(super) kind: RunKind,
    pub(super) file_offset: Option<u64>,
    pub(super) slack: bool,
    pub(super) whole: bool,
    pub(super) deleted: bool,
    pub(super) journal: bool,
    /// Where it begins on the volume.
    pub(super) start: u64,
}

/// One sweep: the runs that hold any of the places, which are sorted.
pub(super) fn holds(file_system: &dyn FileSystem, places: &[Place]) -> Vec<Hold> {
    let known = |place: &Place| Some(Hold::known(place.asked, place.file.as_ref()?));
    let mut holds: Vec<Hold> = places.iter().filter_map(known).collect();
    let mut counts: HashMap<(usize, bool), usize> = HashMap::new();
    // Where an encoded block begins and which of the bytes it gives is asked about.
    let streams = places.iter();
    let streams = streams.filter_map(|place| Some((place.asked, (place.at, place.decoded?))));
    let mut decoded: HashMap<usize, (u64, u64)> = streams.collect();
    file_system.runs(&mut |run| {
        let first = places.partition_point(|place| place.at < run.start);
        for place in places.get(first..).unwrap_or(&[]) {
            if place.at >= run.end() {
                break;
            }
            let count = counts.entry((place.asked, run.deleted)).or_default();
            let known = place.file.filter(|file| {
                (file.node, file.stream, file.deleted) == (run.node, run.stream, run.deleted)
            });
            if let Some(at) = known.and_then(|file| run.decoded_from(file.file_offset)) {
                decoded.insert(place.asked, (run.start, at));
            }
            if *count < OWNERS && known.is_none() {
                *count = count.saturating_add(1);
                holds.push(Hold::new(place, run));
            }
        }
    });
    holds.retain_mut(|hold| match decoded.get(&hold.asked) {
        Some((start, at)) if *start == hold.start => hold.settle(*at),
        _ => true,
    });
    holds
}

impl Run {
    /// Which byte of what the block gives is that of the stream at `file_offset`.
    fn decoded_from(&self, file_offset: u64) -> Option<u64> {
        let RunKind::Encoded { skip, len } = self.kind else {
            return None;
        };
        let into = file_offset.checked_sub(self.file_offset)?;
        (into < len).then(|| skip.saturating_add(into))
    }
}

impl Hold {
    /// Takes into account which byte of what its block gives is asked about. False if the file has
    /// no part in that byte: it uses another part of the block.
    fn settle(&mut self, decoded: u64) -> bool {
        let RunKind::Encoded { skip, len } = self.kind else {
            return true;
        };
        let into = decoded.checked_sub(skip).filter(|into| *into < len);
        self.file_offset = into.and_then(|into| self.file_offset?.checked_add(into));
        into.is_some()
    }

    fn new(place: &Place, run: &Run) -> Self {
        let into = place.at.saturating_sub(run.start);
        let valid = into.saturating_add(place.len) <= run.valid;
        Self {
            asked: place.asked,
            node: run.node,
            stream: run.stream,
            kind: run.kind,
            file_offset: match run.kind {
                RunKind::Map => None,
                RunKind::Encoded { .. } => Some(run.file_offset),
                _ => Some(run.file_offset.saturating_add(into)),
            },
            slack: into >= run.valid,
            whole: valid && !place.shared,
            deleted: run.deleted,
            journal: place.journal,
            start: run.start,
        }
    }

    fn known(asked: usize, file: &Whose) -> Self {
        Self {
            asked,
            node: file.node,
            stream: file.stream,
            kind: RunKind::Plain,
            file_offset: Some(file.file_offset),
            slack: false,
            whole: true,
            deleted: file.deleted,
            journal: false,
            start: 0,
        }
    }
}

pub(super) fn state(hold: &Hold) -> State {
    match hold.kind {
        _ if hold.journal => State::JournalCopy,
        RunKind::Map if hold.deleted => State::Deleted,
        RunKind::Map => State::Metadata,
        RunKind::Unwritten => State::Slack,
        _ if hold.slack => State::Slack,
        _ if hold.deleted => State::Deleted,
        _ => State::Allocated,
    }
}

pub(super) fn detail(hold: &Hold, claim: Option<&Claim>) -> Option<String> {
    if let (true, Some(Claim::Journal { of: Some(at) })) = (hold.journal, claim) {
        return Some(format!("copy of {at:#x}"));
    }
    let detail = match hold.kind {
        RunKind::Unwritten => "reserved for the file, never written",
        RunKind::Map => "block map of the file",
        RunKind::Encoded { .. } => "inside an encoded block",
        RunKind::Resident => "inside the file's metadata",
        RunKind::Plain => return None,
    };
    Some(detail.to_owned())
}
