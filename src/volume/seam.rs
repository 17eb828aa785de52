//! Where a file goes on elsewhere.
//!
//! A raw scan reads a disk in disk order, so a secret that begins at the end of one run and ends at
//! the start of the next lies nowhere in one piece. Around each such place a seam is cut: enough
//! of the file, in file order, that any secret crossing the join is whole in it. Where runs are
//! shorter than a secret, several joins share one seam.

use std::iter;
use std::ops::Range;

use super::file_system::{NodeId, Run, RunKind};

/// Longest seam in bytes. A badly fragmented file is one long chain of joins; it is cut into seams
/// of this length, which overlap by the reach.
const LONGEST: u64 = 1 << 20;

/// A piece of a file around one or more joins of its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seam {
    /// The file.
    pub node: NodeId,
    /// Its stream.
    pub stream: u32,
    /// The file was deleted.
    pub deleted: bool,
    /// Position of the seam's first byte in the stream.
    pub file_offset: u64,
    /// Ranges of the volume whose bytes, strung together, are the seam; at least two, none empty.
    pub pieces: Vec<Range<u64>>,
}

impl Seam {
    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.pieces.iter().fold(0, |sum, piece| {
            sum.saturating_add(piece.end.saturating_sub(piece.start))
        })
    }

    /// Whether it has no bytes; no seam that is visited is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where on the volume the seam's byte `at` lies.
    #[must_use]
    pub fn origin(&self, at: u64) -> Option<u64> {
        let mut rest = at;
        for piece in &self.pieces {
            let len = piece.end.saturating_sub(piece.start);
            if rest < len {
                return piece.start.checked_add(rest);
            }
            rest = rest.checked_sub(len)?;
        }
        None
    }

    /// Whether the seam's bytes `range` lie in more than one piece: what does not was seen by the
    /// raw scan already.
    #[must_use]
    pub fn crosses(&self, range: &Range<u64>) -> bool {
        let last = range.end.saturating_sub(1).max(range.start);
        self.piece_of(range.start) != self.piece_of(last)
    }

    /// Its last `len` bytes, or all if it has no more.
    fn last_bytes(&self, len: u64) -> Self {
        let mut pieces = Vec::new();
        let mut left = len;
        for piece in self.pieces.iter().rev() {
            let take = left.min(piece.end.saturating_sub(piece.start));
            if take == 0 {
                break;
            }
            pieces.push(piece.end.saturating_sub(take)..piece.end);
            left = left.saturating_sub(take);
        }
        pieces.reverse();
        let taken = len.saturating_sub(left);
        Self {
            file_offset: self
                .file_offset
                .saturating_add(self.len().saturating_sub(taken)),
            pieces,
            ..*self
        }
    }

    fn piece_of(&self, at: u64) -> Option<usize> {
        let mut rest = at;
        for (number, piece) in self.pieces.iter().enumerate() {
            let len = piece.end.saturating_sub(piece.start);
            if rest < len {
                return Some(number);
            }
            rest = rest.checked_sub(len)?;
        }
        None
    }
}

/// Cuts seams out of a stream of runs as [`FileSystem::runs`](super::FileSystem::runs) visits them.
#[derive(Debug)]
pub struct Seams {
    reach: u64,
    /// The last run of plain content, cut to what is valid of it.
    last: Option<Run>,
    /// The seam that ends with `last`, if `last` was joined to the run before it.
    open: Option<Seam>,
}

impl Seams {
    /// For secrets of at most `reach` bytes.
    #[must_use]
    pub fn new(reach: u64) -> Self {
        Self {
            reach: reach.clamp(1, LONGEST / 4),
            last: None,
            open: None,
        }
    }

    /// Takes the next run.
    pub fn push(&mut self, run: &Run, visit: &mut dyn FnMut(&Seam)) {
        if run.kind != RunKind::Plain {
            // A map block may come between two runs of content; anything else ends the chain.
            if run.kind != RunKind::Map {
                self.finish(visit);
            }
            return;
        }
        let mut run = *run;
        run.len = run.valid.min(run.len);
        if run.len == 0 {
            return;
        }
        let Some(last) = self.last.replace(run) else {
            return;
        };
        if !continues(&last, &run) {
            self.close(visit);
        } else if last.end() == run.start {
            // One run in two descriptions.
            let len = last.len.saturating_add(run.len);
            self.last = Some(Run { len, ..last });
        } else {
            self.join(&last, &run, visit);
        }
    }

    /// Ends the last file's seam. To be called after the last run.
    pub fn finish(&mut self, visit: &mut dyn FnMut(&Seam)) {
        self.close(visit);
        self.last = None;
    }

    /// `run` goes on where `last` ended, elsewhere on the volume.
    fn join(&mut self, last: &Run, run: &Run, visit: &mut dyn FnMut(&Seam)) {
        if last.len >= self.reach.saturating_mul(2) {
            self.close(visit);
        }
        // A run in the middle of a seam is there whole; only its head was taken so far.
        if let Some(piece) = self.open.as_mut().and_then(|seam| seam.pieces.last_mut()) {
            piece.end = last.end();
        }
        if let Some(full) = self.open.take_if(|seam| seam.len() >= LONGEST) {
            visit(&full);
            self.open = Some(full.last_bytes(self.reach));
        }
        let tail = last.len.min(self.reach);
        let seam = self.open.get_or_insert_with(|| Seam {
            node: last.node,
            stream: last.stream,
            deleted: last.deleted,
            file_offset: last
                .file_offset
                .saturating_add(last.len.saturating_sub(tail)),
            pieces: iter::once(last.end().saturating_sub(tail)..last.end()).collect(),
        });
        let head = run.len.min(self.reach);
        seam.pieces.push(run.start..run.start.saturating_add(head));
    }

    fn close(&mut self, visit: &mut dyn FnMut(&Seam)) {
        if let Some(seam) = self.open.take() {
            visit(&seam);
        }
    }
}

fn continues(last: &Run, run: &Run) -> bool {
    last.node == run.node
        && last.stream == run.stream
        && last.deleted == run.deleted
        && last.file_offset.checked_add(last.len) == Some(run.file_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(file_offset: u64, start: u64, len: u64) -> Run {
        Run {
            node: NodeId(12),
            stream: 0,
            file_offset,
            start,
            len,
            valid: len,
            kind: RunKind::Plain,
            deleted: false,
        }
    }

    fn seams(reach: u64, runs: &[Run]) -> Vec<(u64, Vec<Range<u64>>)> {
        let mut found = Vec::new();
        let mut visit = |seam: &Seam| found.push((seam.file_offset, seam.pieces.clone()));
        let mut seams = Seams::new(reach);
        for run in runs {
            seams.push(run, &mut visit);
        }
        seams.finish(&mut visit);
        found
    }

    #[test]
    fn long_runs_meet_in_seams_of_twice_the_reach() {
        let runs = [run(0, 1000, 500), run(500, 9000, 500), run(1000, 100, 50)];
        let expected = vec![
            (400, vec![1400..1500, 9000..9100]),
            (900, vec![9400..9500, 100..150]),
        ];
        assert_eq!(seams(100, &runs), expected);
    }

    #[test]
    fn short_runs_share_a_seam() {
        let runs = [run(0, 0, 64), run(64, 1000, 64), run(128, 500, 64)];
        let expected = vec![(0, vec![0..64, 1000..1064, 500..564])];
        assert_eq!(seams(4096, &runs), expected);
        // The middle run is longer than the reach, but not long enough to part the seams.
        assert_eq!(seams(40, &runs), [(24, vec![24..64, 1000..1064, 500..540])]);
    }

    #[test]
    fn no_seam_where_nothing_continues() {
        let whole = [run(0, 0, 64), run(64, 64, 64)];
        let hole = [run(0, 0, 64), run(128, 1000, 64)];
        let mut other = run(64, 1000, 64);
        other.node = NodeId(13);
        let mut slack = run(64, 1000, 64);
        slack.valid = 0;
        for runs in [whole, hole, [run(0, 0, 64), other], [run(0, 0, 64), slack]] {
            assert_eq!(seams(100, &runs), []);
        }
    }

    #[test]
    fn a_shredded_file_is_cut_with_overlap() {
        let runs: Vec<Run> = (0..3000).map(|n| run(n * 1024, n * 4096, 1024)).collect();
        let mut covered = 0;
        let mut count = 0;
        let mut visit = |seam: &Seam| {
            assert!(seam.file_offset <= covered);
            assert!(seam.len() <= LONGEST + 8192);
            if count > 0 {
                assert!(covered - seam.file_offset >= 4096);
            }
            assert!(seam.crosses(&(1000..1100)));
            assert!(!seam.crosses(&(10..1024)));
            assert_eq!(
                seam.origin(1024),
                Some((seam.file_offset / 1024 + 1) * 4096)
            );
            covered = seam.file_offset + seam.len();
            count += 1;
        };
        let mut seams = Seams::new(4096);
        for run in &runs {
            seams.push(run, &mut visit);
        }
        seams.finish(&mut visit);
        assert!(count >= 3);
        assert_eq!(covered, 3000 * 1024);
    }
}
