//! The bytes from a place in a chunk on, as a decoder asks for them: what the chunk holds, then the
//! rest of the image, along the file that they are in.

use std::ops::Range;

use super::carve::Cover;
use crate::chunk::carve::Supply;
use crate::chunk::joins::Joins;
use crate::chunk::{Beyond, Chunk};
use crate::image::{Cache, Image};

/// The bytes of an image from a hit on.
pub(super) struct Following<'f> {
    /// What the chunk holds of them.
    window: &'f [u8],
    beyond: &'f Beyond,
    /// Position of the hit in the image.
    at: u64,
    cache: &'f mut Cache,
    /// The runs they lie in, as far as they were asked for, each with the number of bytes before it.
    runs: Vec<(u64, Range<u64>)>,
    /// Where the last of them goes on.
    next: Option<u64>,
    /// Whether more was wanted than there is.
    ran_dry: bool,
}

impl<'f> Following<'f> {
    /// Those that begin at this byte of a chunk's window.
    pub(super) fn new(chunk: &'f Chunk, index: usize, cache: &'f mut Cache) -> Self {
        let at = chunk.image_offset(index).0;
        let (run, next) = match &chunk.beyond {
            Beyond::Image(_, joins) => joins.run(at),
            Beyond::Nothing | Beyond::Pipe => (at..u64::MAX, None),
        };
        Self {
            window: chunk.window.get(index..).unwrap_or_default(),
            beyond: &chunk.beyond,
            at,
            cache,
            runs: vec![(0, run)],
            next,
            ran_dry: false,
        }
    }

    /// Whether bytes were missing that a pipe held once, or still has to give.
    pub(super) fn was_cut_off(&self) -> bool {
        self.ran_dry && matches!(self.beyond, Beyond::Pipe)
    }

    /// What a stream covers, told by bytes of the image: a part for each run it lies in.
    pub(super) fn on_image(&self, cover: Cover) -> Vec<Cover> {
        let content = cover.content.start - self.at..cover.content.end - self.at;
        let places = self.places(content).map(|place| Cover {
            start: cover.start,
            content: place,
        });
        places.collect()
    }

    /// Where some of the bytes lie, of those that were asked for.
    fn places(&self, bytes: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        self.runs.iter().filter_map(move |(before, run)| {
            let len = run.end - run.start;
            let from = bytes.start.saturating_sub(*before);
            let to = bytes.end.saturating_sub(*before).min(len);
            (from < to).then(|| run.start + from..run.start + to)
        })
    }

    /// The place of a byte, and how many follow it there.
    fn place(&mut self, at: u64, joins: &Joins) -> (u64, u64) {
        // Decoders read on, so it is the last one nearly always.
        while let Some(next) = self.next {
            let (before, run) = self.runs.last().cloned().unwrap_or((0, next..next));
            let end = before.saturating_add(run.end - run.start);
            if at < end {
                break;
            }
            let (run, after) = joins.run(next);
            self.runs.push((end, run));
            self.next = after;
        }
        let first = self.runs.partition_point(|(before, _)| *before <= at);
        let (before, run) = &self.runs[first.saturating_sub(1)];
        let into = at - before;
        let place = run.start.saturating_add(into);
        (place, run.end.saturating_sub(place))
    }

    /// Reads from one run on: fewer bytes than asked for at the end of the image, or of the run.
    fn read_run(&mut self, at: u64, image: &Image, joins: &Joins, buf: &mut [u8]) -> usize {
        let (place, left) = self.place(at, joins);
        let left = left.min(image.len().saturating_sub(place));
        let len = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        // What cannot be read stays zero, and the image lists it when it is closed.
        let _listed = image.read_with(self.cache, place, &mut buf[..len]);
        len
    }
}

impl Supply for Following<'_> {
    fn read_at(&mut self, at: u64, buf: &mut [u8]) -> usize {
        let first = self.runs.first().map_or(0, |(_, run)| run.end - run.start);
        let held = usize::try_from(first).unwrap_or(usize::MAX);
        let held = &self.window[..held.min(self.window.len())];
        let mut here = usize::try_from(at)
            .ok()
            .and_then(|at| held.get(at..))
            .unwrap_or_default();
        let mut len = here.read_at(0, buf);
        let beyond = self.beyond;
        let Beyond::Image(image, joins) = beyond else {
            self.ran_dry |= len < buf.len();
            return len;
        };
        while len < buf.len() {
            let next = at.saturating_add(len as u64);
            match self.read_run(next, image, joins, &mut buf[len..]) {
                0 => break,
                more => len += more,
            }
        }
        len
    }

    fn pieces(&self, len: u64) -> Vec<Range<u64>> {
        match self.runs.len() {
            1 => Vec::new(),
            _ => self.places(0..len).collect(),
        }
    }
}
