//! Searches what compressed streams hold, and the streams in those, while a worker is at it.
//!
//! Everything below one stream of an image is done by the worker in whose chunk it begins, in one
//! go: what is found there belongs to that chunk, so the order of findings stays what it is.
//!
//! What does not compress is stored inside a stream as it is, so a file in an archive in an archive
//! is often seen twice: through the outer one, and directly. A stream that begins in the compressed
//! bytes of another that was decoded whole, with all in it, is therefore left to that one. In the
//! image only the sink can know, because the outer stream may have begun in another chunk.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Progress;
use super::following::Following;
use crate::anchor::{Engine, EngineError, Hit};
use crate::chunk::assembly::{Assembly, Source};
use crate::chunk::carve::{Codec, Decoder, Ending, Limit, MAX_DECODED, Supply};
use crate::chunk::cut::Cut;
use crate::chunk::{Bytes, Chunk, Inside, Origin};
use crate::confirm::overlap::settle;
use crate::confirm::{Confirmed, Confirmer, Tally};
use crate::image::Cache;

/// Most bytes that a stream of the image and all streams inside it may give together.
const MAX_TREE: usize = 256 << 20;

/// Bytes that all streams of a scan may give together, whatever was searched: this many, and this
/// many for each byte searched. Only streams that lie over each other to waste time give more.
const FREE: u64 = 1 << 30;
const MAX_SHARE: u64 = 16;

/// Few bytes that tell whether a stream is one, where it is not to be decoded.
const PROBE: usize = 4 << 10;

/// What a look at a magic number counts at least, in bytes given: what setting up a decoder costs.
const LEAST: usize = 1 << 10;

/// Length of the pieces in which decoded bytes are searched.
const BODY: u64 = 1 << 20;

/// Bytes that all streams of a scan gave, or took where that is more.
#[derive(Default)]
pub(super) struct Spent(AtomicU64);

impl Spent {
    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether that is as much as `searched` bytes of input can answer for.
    fn is_all(&self, searched: u64) -> bool {
        let most = searched.saturating_mul(MAX_SHARE).saturating_add(FREE);
        self.0.load(Ordering::Relaxed) > most
    }
}

/// A stream that was decoded to its end, as was every stream in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    /// Where it begins.
    pub(super) start: u64,
    /// Where its compressed bytes lie.
    pub(super) content: Range<u64>,
}

/// What was decoded, for the summary.
#[derive(Clone, Debug, Default)]
pub(super) struct Carved {
    /// Streams that gave bytes.
    pub(super) streams: u64,
    /// How many they gave.
    pub(super) bytes: u64,
    /// Streams that were not searched, or not to their end, by reason.
    pub(super) limits: BTreeMap<&'static str, u64>,
    /// Streams of the image that leave nothing to those that begin inside them, ascending.
    pub(super) covers: Vec<Cover>,
}

impl Carved {
    pub(super) fn add(&mut self, other: Self) {
        self.streams += other.streams;
        self.bytes += other.bytes;
        for (limit, count) in other.limits {
            *self.limits.entry(limit).or_default() += count;
        }
        self.covers.extend(other.covers);
    }
}

/// What one worker needs to look into streams.
pub(super) struct Carver<'a> {
    /// How many streams inside each other are opened.
    max_depth: usize,
    cut: Cut,
    spent: Arc<Spent>,
    progress: &'a Progress,
    decoder: Decoder,
    /// Memory of decoded bytes that is not in use.
    memory: Vec<Vec<u8>>,
}

/// The streams below one stream of the image, and what was found in them.
struct Tree<'t> {
    engine: &'t mut dyn Engine,
    confirmer: &'t Confirmer,
    found: &'t mut Vec<Confirmed>,
    tally: Tally,
    carved: Carved,
    /// Bytes they gave so far.
    given: usize,
    /// How often a limit took effect.
    limited: u64,
}

impl Tree<'_> {
    fn limit(&mut self, limit: Limit) {
        self.limited += 1;
        *self.carved.limits.entry(limit.name()).or_default() += 1;
    }
}

/// A magic number and what is around it.
struct Place<'p> {
    codec: Codec,
    /// Position in what the origin counts.
    at: u64,
    origin: &'p Origin,
}

impl<'a> Carver<'a> {
    pub(super) fn new(
        max_depth: usize,
        cut: Cut,
        spent: Arc<Spent>,
        progress: &'a Progress,
    ) -> Self {
        Self {
            max_depth,
            cut: Cut { body: BODY, ..cut },
            spent,
            progress,
            decoder: Decoder::default(),
            memory: Vec::new(),
        }
    }

    /// Searches the streams that begin at the hits of a chunk, and appends what is found in them.
    ///
    /// # Errors
    /// When the engine fails, which those of the CPU do not.
    pub(super) fn search(
        &mut self,
        engine: &mut dyn Engine,
        confirmer: &Confirmer,
        cache: &mut Cache,
        (chunk, hits): (&Chunk, &[Hit]),
        found: &mut Vec<Confirmed>,
    ) -> Result<(Tally, Carved), EngineError> {
        let mut tree = Tree {
            engine,
            confirmer,
            found,
            tally: Tally::default(),
            carved: Carved::default(),
            given: 0,
            limited: 0,
        };
        for hit in hits {
            let Some(codec) = confirmer.anchors().codec(hit.anchor) else {
                continue;
            };
            if self.progress.stopped() {
                break;
            }
            let at = chunk.image_offset(hit.at.index()).0;
            let mut supply = Following::new(chunk, hit.at.index(), cache);
            let place = Place {
                codec,
                at,
                origin: &chunk.origin,
            };
            tree.given = 0;
            let searched = self.progress.done.load(Ordering::Relaxed);
            if self.spent.is_all(searched) {
                tree.limit(Limit::Total);
                break;
            }
            let Some((ending, cover)) = self.stream(&place, &mut supply, &mut tree, 1)? else {
                continue;
            };
            tree.carved
                .covers
                .extend(cover.into_iter().flat_map(|cover| supply.on_image(cover)));
            if tree.given >= MAX_TREE {
                tree.limit(Limit::Tree);
            }
            if supply.was_cut_off() && ending == Ending::Broken {
                tree.limit(Limit::Pipe);
            }
        }
        Ok((tree.tally, tree.carved))
    }

    /// Searches a stream and those inside it. How it ended, and what it covers; `None` if it is
    /// none, or none that is to be opened.
    fn stream(
        &mut self,
        place: &Place<'_>,
        supply: &mut dyn Supply,
        tree: &mut Tree<'_>,
        depth: usize,
    ) -> Result<Option<(Ending, Option<Cover>)>, EngineError> {
        let limited = tree.limited;
        let left = MAX_TREE.saturating_sub(tree.given);
        let room = match depth <= self.max_depth {
            true => MAX_DECODED.min(left),
            false => PROBE.min(left),
        };
        let mut bytes = self.memory.pop().unwrap_or_default();
        let decoded = self.decoder.decode(place.codec, supply, room, &mut bytes);
        let stored = decoded.as_ref().map_or(0, |decoded| decoded.stored);
        let cost = bytes.len().max(LEAST);
        tree.given += cost;
        self.spent.add(stored.max(cost as u64));
        let Some(decoded) = decoded.filter(|_| depth <= self.max_depth) else {
            if decoded.is_some() {
                tree.limit(Limit::Depth);
            }
            self.memory.push(bytes);
            return Ok(None);
        };
        match decoded.ending {
            // Told once for the whole tree.
            Ending::Limited(Limit::Size) if room == left => {}
            Ending::Limited(limit) => tree.limit(limit),
            Ending::Whole | Ending::Broken => {}
        }
        tree.carved.streams += u64::from(!bytes.is_empty());
        tree.carved.bytes += bytes.len() as u64;
        let outside = place.origin.inside.as_ref();
        let (stored, mut layers) = match outside {
            Some(Inside { stored, layers, .. }) if !layers.is_empty() => {
                (stored.clone(), layers.clone())
            }
            _ => (place.at..place.at + decoded.stored, Vec::new()),
        };
        let assembly = match outside {
            Some(outside) => outside.assembly.clone(),
            None => strung(place.at, &supply.pieces(decoded.stored)),
        };
        layers.push((place.at, place.codec));
        let origin = Arc::new(Origin {
            input: place.origin.input.clone(),
            path: place.origin.path.clone(),
            inside: Some(Inside {
                assembly,
                stored,
                layers,
            }),
        });
        let bytes = Arc::new(bytes);
        let inner = self.content(&bytes, &origin, tree)?;
        let mut covered = 0..0;
        for (at, codec) in inner {
            if self.progress.stopped() || tree.given >= MAX_TREE {
                break;
            }
            if covered.contains(&(at as u64)) {
                continue;
            }
            let place = Place {
                codec,
                at: at as u64,
                origin: &origin,
            };
            let mut supply = bytes.get(at..).unwrap_or_default();
            let searched = self.stream(&place, &mut supply, tree, depth + 1)?;
            if let Some((_, Some(cover))) = searched {
                covered = cover.content;
            }
        }
        // No chunk holds on to it any more.
        self.memory.extend(Arc::into_inner(bytes));
        let whole = decoded.ending == Ending::Whole && tree.limited == limited;
        let cover = (whole && tree.given < MAX_TREE).then(|| Cover {
            start: place.at,
            content: place.at + decoded.header..place.at + decoded.stored,
        });
        Ok(Some((decoded.ending, cover)))
    }

    /// Searches decoded bytes, and says where streams may begin in them.
    fn content(
        &self,
        bytes: &Arc<Vec<u8>>,
        origin: &Arc<Origin>,
        tree: &mut Tree<'_>,
    ) -> Result<Vec<(usize, Codec)>, EngineError> {
        let (mut hits, mut found, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        let whole = Bytes::decoded(Arc::clone(bytes));
        for piece in self.cut.pieces(0..bytes.len() as u64, 0..u64::MAX) {
            let first = piece.window.start as usize;
            tree.engine.submit(piece.of(origin, &whole, 0))?;
            let Some(chunk) = tree.engine.collect(&mut hits)? else {
                continue;
            };
            tree.tally
                .add(tree.confirmer.confirm(&chunk, &hits, &mut found));
            let anchors = tree.confirmer.anchors();
            let streams = hits
                .iter()
                .filter_map(|hit| Some((first + hit.at.index(), anchors.codec(hit.anchor)?)));
            inner.extend(streams);
        }
        tree.found.extend(settle(found, tree.confirmer.rules()));
        Ok(inner)
    }
}

/// The bytes of a stream that begins at `at` and goes on elsewhere.
fn strung(at: u64, pieces: &[Range<u64>]) -> Option<Arc<Assembly>> {
    if pieces.len() < 2 {
        return None;
    }
    let mut next = at;
    let sources = pieces.iter().map(|disk| {
        let start = next;
        next += disk.end - disk.start;
        Source {
            range: start..next,
            disk: disk.clone(),
            moved: true,
            skip: 0,
        }
    });
    Some(Arc::new(Assembly {
        volume: 0,
        file: None,
        codec: None,
        sources: sources.collect(),
    }))
}
