//! The second pass: what a disk holds and no pass over its bytes in their order can see.
//!
//! A secret may cross from one run of a file into the next, lie in a compressed block, or be cut up
//! inside the metadata. The file systems tell where ([`FileSystem::seams`],
//! [`FileSystem::encoded`]); one sweep over each puts the bytes together in batches, and the
//! workers search them with the engine of the CPU.
//!
//! The same goes for values that a file of deployments writes in another way than they are
//! ([`crate::deployment::hidden`]).
//!
//! It comes before the pass over the disk, so that what both find is known when the disk is
//! searched, and reported once.
//!
//! [`FileSystem::seams`]: crate::volume::FileSystem::seams
//! [`FileSystem::encoded`]: crate::volume::FileSystem::encoded

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use super::carve::Cover;
use super::sink::{Done, Step};
use super::worker::{Gathered, Worker};
use crate::chunk::assembly::{Assembly, InFile, Source};
use crate::chunk::cut::Cut;
use crate::chunk::joins::Joining;
use crate::chunk::{Bytes, Inside, Origin};
use crate::confirm::Confirmed;
use crate::confirm::overlap::settle;
use crate::deployment::Documents;
use crate::deployment::hidden::Hidden;
use crate::image::Image;
use crate::volume::seam::{Seam, Seams};
use crate::volume::{
    Content, Encoded, FileSystem, NodeId, Part, Run, RunKind, Stretch, Volume, Volumes,
};

/// Bytes of one batch, more or less: what waits for the workers is held in memory.
const BATCH: u64 = 1 << 20;
/// Pieces of one batch.
const PIECES: usize = 512;
/// Length of the parts in which a piece is searched.
const BODY: u64 = 1 << 20;

/// How values are called that a record of NTFS cuts up, and the length of what it cuts.
const FIXUP: &str = "fixup";
const SECTOR: u64 = 512;

/// What the second pass looked at, for the summary.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    /// Seams searched.
    pub(super) seams: u64,
    /// Pieces of encoded content searched.
    pub(super) encoded: u64,
    /// Bytes of both.
    pub(super) bytes: u64,
    /// Values of deployments that were left alone, because they are too long.
    pub(super) left: u64,
    /// Joins of runs that streams are not followed across, because there are too many.
    pub(super) unjoined: u64,
}

/// Pieces to be searched.
pub(super) struct Batch {
    pub(super) sequence: u64,
    pub(super) origin: Arc<Origin>,
    pub(super) image: Arc<Image>,
    pub(super) cut: Cut,
    pub(super) pieces: Vec<Piece>,
}

/// Bytes of a file in one piece.
pub(super) struct Piece {
    assembly: Assembly,
    /// The bytes; none if they are to be read from where the assembly says.
    bytes: Option<Vec<u8>>,
    /// Behind this position nothing begins that reaches what is new here.
    end: u64,
}

/// Visits what the volumes of one disk hold, and hands it out in batches.
pub(super) struct Sweep<'s> {
    pub(super) cut: Cut,
    /// Length of the disk.
    pub(super) len: u64,
    /// Which positions of the disk were asked for.
    pub(super) range: Range<u64>,
    /// Takes a batch; false if no more are wanted.
    pub(super) send: &'s mut dyn FnMut(Vec<Piece>) -> bool,
    pub(super) looked: Looked,
    joining: Joining,
    pieces: Vec<Piece>,
    held: u64,
    ended: bool,
}

impl Looked {
    pub(super) fn add(&mut self, other: Self) {
        self.seams += other.seams;
        self.encoded += other.encoded;
        self.bytes += other.bytes;
        self.left += other.left;
        self.unjoined += other.unjoined;
    }
}

impl<'s> Sweep<'s> {
    pub(super) fn new(
        cut: Cut,
        len: u64,
        range: Range<u64>,
        send: &'s mut dyn FnMut(Vec<Piece>) -> bool,
    ) -> Self {
        Self {
            cut,
            len,
            range,
            send,
            looked: Looked::default(),
            joining: Joining::default(),
            pieces: Vec::new(),
            held: 0,
            ended: false,
        }
    }

    /// Visits all of them, and says where files go on elsewhere.
    pub(super) fn run(mut self, volumes: &Volumes) -> (Looked, Joining) {
        let mut seen = HashSet::new();
        for (index, volume) in volumes.volumes.iter().enumerate() {
            self.joins(index, volume);
            let Content::FileSystem(file_system) = &volume.content else {
                continue;
            };
            // A table may name the same place a thousand times.
            if seen.insert(volume.part.to_disk(0)) {
                self.files(index, &volume.part, file_system.as_ref());
            }
        }
        self.flush();
        self.looked.unjoined = self.joining.left();
        (self.looked, self.joining)
    }

    /// Visits the values that a file of deployments hides.
    pub(super) fn values(mut self, documents: &Documents) -> Looked {
        let left = documents.hidden(&mut |hidden| {
            let Hidden {
                codec,
                bytes,
                sources,
            } = hidden;
            let len = bytes.len() as u64;
            let assembly = Assembly {
                volume: 0,
                file: None,
                codec: Some(codec),
                sources,
            };
            let piece = Piece {
                end: assembly.range().end,
                assembly,
                bytes: Some(bytes),
            };
            if self.push(piece, len) {
                self.looked.encoded += 1;
            }
            !self.ended
        });
        self.looked.left = left;
        self.flush();
        self.looked
    }

    /// Longest that a secret may be, with what it is known by.
    fn reach(&self) -> u64 {
        self.cut.before + self.cut.after
    }

    /// Where a logical volume goes on elsewhere on the disk, whatever file lies there.
    fn joins(&mut self, index: usize, volume: &Volume) {
        let mut seams = Seams::new(self.reach());
        let mut found = Vec::new();
        let mut at = 0;
        for range in volume.part.ranges() {
            let len = range.end - range.start;
            let run = Run {
                node: NodeId(0),
                stream: 0,
                file_offset: at,
                start: range.start,
                len,
                valid: len,
                kind: RunKind::Plain,
                deleted: false,
            };
            seams.push(&run, &mut |seam| found.push(seam.clone()));
            at += len;
        }
        seams.finish(&mut |seam| found.push(seam.clone()));
        let whole = Part::whole(Arc::clone(volume.part.disk()));
        for seam in found {
            self.seam(index, &whole, &seam, None);
        }
    }

    fn files(&mut self, index: usize, part: &Part, file_system: &dyn FileSystem) {
        let reach = self.reach();
        file_system.seams(reach, &mut |seam| {
            let file = InFile {
                deleted: seam.deleted,
                node: seam.node,
                stream: seam.stream,
            };
            self.seam(index, part, seam, Some(file));
        });
        file_system.encoded(&mut |encoded| self.encoded(index, part, encoded));
    }

    fn seam(&mut self, volume: usize, part: &Part, seam: &Seam, file: Option<InFile>) {
        let mut sources = Vec::new();
        let mut at = seam.file_offset;
        for piece in &seam.pieces {
            for disk in part.disk_ranges(piece.clone()) {
                let end = at.saturating_add(disk.end - disk.start);
                sources.push(Source {
                    range: at..end,
                    disk,
                    moved: true,
                    skip: 0,
                });
                at = end;
            }
        }
        let len = seam.len();
        // What does not belong to the volume as a whole is damage, and told as such.
        if at != seam.file_offset.saturating_add(len) {
            return;
        }
        for (before, after) in sources.iter().zip(sources.iter().skip(1)) {
            self.joining
                .add(before.disk.end, after.disk.start, seam.deleted);
        }
        let last = seam.pieces.last().map_or(0, |last| last.end - last.start);
        let piece = Piece {
            assembly: Assembly {
                volume,
                file,
                codec: None,
                sources,
            },
            bytes: None,
            end: at - last + last.min(self.cut.before),
        };
        if self.push(piece, len) {
            self.looked.seams += 1;
        }
    }

    fn encoded(&mut self, volume: usize, part: &Part, encoded: &Encoded) {
        let mut sources = Vec::new();
        let at = |decoded: u64| encoded.file_offset.saturating_add(decoded);
        let is_fixed = encoded.codec == FIXUP;
        let parts = |stretch: &Stretch| match is_fixed {
            true => at_sector_ends(stretch),
            false => vec![(stretch.clone(), stretch.is_moved())],
        };
        for (stretch, moved) in encoded.stretches.iter().flat_map(parts) {
            let mut next = at(stretch.decoded.start);
            let disk = part.disk_ranges(stretch.volume.clone());
            if !moved {
                // A block that crosses from one piece of the volume into the next is told by its
                // beginning.
                sources.extend(disk.into_iter().take(1).map(|disk| Source {
                    range: next..at(stretch.decoded.end),
                    disk,
                    moved,
                    skip: stretch.skip,
                }));
                continue;
            }
            for disk in disk {
                let end = next.saturating_add(disk.end - disk.start);
                sources.push(Source {
                    range: next..end,
                    disk,
                    moved,
                    skip: 0,
                });
                next = end;
            }
        }
        let len = encoded.bytes.len() as u64;
        let piece = Piece {
            assembly: Assembly {
                volume,
                file: Some(InFile {
                    deleted: encoded.deleted,
                    node: encoded.node,
                    stream: encoded.stream,
                }),
                codec: Some(encoded.codec),
                sources,
            },
            bytes: Some(encoded.bytes.clone()),
            end: at(len),
        };
        if self.push(piece, len) {
            self.looked.encoded += 1;
        }
    }

    /// Takes a piece, unless nothing of it can be in the wanted range, or it does not exist.
    fn push(&mut self, piece: Piece, len: u64) -> bool {
        let sources = &piece.assembly.sources;
        let wanted = |source: &Source| {
            source.disk.start < self.range.end && self.range.start < source.disk.end
        };
        let exists = |source: &Source| source.disk.end <= self.len;
        if self.ended || !sources.iter().any(wanted) || !sources.iter().all(exists) {
            return false;
        }
        self.held += len;
        self.looked.bytes += len;
        self.pieces.push(piece);
        if self.held >= BATCH || self.pieces.len() >= PIECES {
            self.flush();
        }
        true
    }

    fn flush(&mut self) {
        self.held = 0;
        if !self.pieces.is_empty() {
            let pieces = std::mem::take(&mut self.pieces);
            self.ended = self.ended || !(self.send)(pieces);
        }
    }
}

impl Worker<'_> {
    /// Searches a batch, piece by piece.
    pub(super) fn assembled(&mut self, batch: Batch) -> Done {
        let Batch {
            sequence,
            origin,
            image,
            cut,
            pieces,
        } = batch;
        let cut = Cut { body: BODY, ..cut };
        let mut gathered = Gathered::default();
        for piece in pieces {
            let bytes = piece
                .bytes
                .unwrap_or_else(|| self.read(&image, &piece.assembly));
            let stored = piece.assembly.range();
            let assembly = Arc::new(piece.assembly);
            let inside = Inside {
                assembly: Some(Arc::clone(&assembly)),
                stored: stored.clone(),
                layers: Vec::new(),
            };
            let origin = Arc::new(Origin {
                input: origin.input.clone(),
                path: origin.path.clone(),
                inside: Some(inside),
            });
            let whole = (stored.start, Bytes::decoded(Arc::new(bytes)));
            let searched = self.piece(&origin, &whole, cut, piece.end, &mut gathered);
            if let Err(error) = searched {
                return Done::problem(sequence, error.to_string());
            }
        }
        Done {
            sequence,
            step: Step::Assembled {
                found: gathered.found,
                tally: gathered.tally,
                carved: gathered.carved,
            },
        }
    }

    /// The bytes that an assembly is made of.
    fn read(&mut self, image: &Image, assembly: &Assembly) -> Vec<u8> {
        let range = assembly.range();
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let mut rest = bytes.as_mut_slice();
        for source in &assembly.sources {
            let len = (source.disk.end - source.disk.start) as usize;
            let (here, after) = rest.split_at_mut(len.min(rest.len()));
            // What cannot be read stays zero, and the image lists it when it is closed.
            let _listed = image.read_with(&mut self.cache, source.disk.start, here);
            rest = after;
        }
        bytes
    }

    fn piece(
        &mut self,
        origin: &Arc<Origin>,
        (start, whole): &(u64, Bytes),
        cut: Cut,
        end: u64,
        gathered: &mut Gathered,
    ) -> Result<(), crate::anchor::EngineError> {
        let mut hits = std::mem::take(&mut self.hits);
        let mut found = Vec::new();
        let mut covers: Vec<Cover> = Vec::new();
        let all = *start..start.saturating_add(whole.len() as u64);
        for part in cut.pieces(all, 0..end) {
            self.engine.submit(part.of(origin, whole, *start))?;
            let Some(chunk) = self.engine.collect(&mut hits)? else {
                continue;
            };
            gathered
                .tally
                .add(self.confirmer.confirm(&chunk, &hits, &mut found));
            let (tally, mut carved) = self.carver.search(
                self.engine.as_mut(),
                &self.confirmer,
                &mut self.cache,
                (&chunk, &hits),
                &mut found,
            )?;
            covers.append(&mut carved.covers);
            gathered.tally.add(tally);
            gathered.carved.add(carved);
        }
        self.hits = hits;
        let in_stream = |confirmed: &Confirmed| {
            let inside = confirmed.origin.inside.as_ref();
            inside.is_some_and(|inside| !inside.layers.is_empty())
        };
        let (mut carved, plain): (Vec<_>, Vec<_>) = found.into_iter().partition(in_stream);
        carved.retain(|confirmed| {
            let at = confirmed.stored().start;
            !covers.iter().any(|cover| cover.content.contains(&at))
        });
        carved.extend(settle(plain, self.confirmer.rules()));
        let unseen = carved.into_iter().filter(crosses);
        gathered.found.extend(unseen);
        Ok(())
    }
}

/// The parts of a stretch of a record of NTFS, and whether they lie there as they are: the last two
/// bytes of every sector are kept elsewhere in the record.
fn at_sector_ends(stretch: &Stretch) -> Vec<(Stretch, bool)> {
    let mut parts = Vec::new();
    let (end, mut at) = (stretch.volume.end, stretch.volume.start);
    while at < end {
        let within = at % SECTOR;
        let is_kept = within < SECTOR - 2;
        let len = if is_kept {
            SECTOR - 2 - within
        } else {
            SECTOR - within
        };
        let volume = at..end.min(at + len);
        let decoded = stretch.decoded.start + (at - stretch.volume.start);
        let decoded = decoded..decoded + (volume.end - volume.start);
        at = volume.end;
        let part = Stretch {
            decoded,
            volume,
            skip: 0,
        };
        parts.push((part, is_kept));
    }
    parts
}

/// Whether what was found, or what it was known by, lies nowhere on the disk in one piece: all else
/// is found there.
fn crosses(confirmed: &Confirmed) -> bool {
    let inside = confirmed.origin.inside.as_ref();
    let Some(assembly) = inside.and_then(|inside| inside.assembly.as_ref()) else {
        return false;
    };
    let layered = inside.is_some_and(|inside| !inside.layers.is_empty());
    match layered {
        true => assembly.crosses(&confirmed.stored()),
        false => assembly.crosses(&confirmed.matched) || assembly.crosses(&confirmed.span),
    }
}
