//! Searches and confirms: the threads that use the machine's cores.

use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender, select_biased};

use super::carve::{Carved, Carver};
use super::choice::Engines;
use super::second::Batch;
use super::sink::{Done, Step};
use crate::anchor::{Engine, Hit};
use crate::chunk::cut::{Cut, Piece};
use crate::chunk::joins::Joins;
use crate::chunk::{Beyond, Bytes, Chunk, Origin};
use crate::confirm::{Confirmed, Confirmer, Tally};
use crate::image::{Cache, Image};
use crate::unit::ImageOffset;

/// What a worker is handed.
pub(super) enum Work {
    /// A chunk nobody has searched.
    Search(Chunk),
    /// A chunk whose anchors a GPU has found.
    Confirm(Chunk, Vec<Hit>),
    /// A chunk whose bytes do not lie in one place: to be put together, then searched.
    Gather(Gather),
    /// Bytes of files that a pass over the disk does not see.
    Assembled(Batch),
}

/// A chunk that is scattered over its container, or compressed.
pub(super) struct Gather {
    pub(super) sequence: u64,
    pub(super) origin: Arc<Origin>,
    pub(super) image: Arc<Image>,
    pub(super) joins: Arc<Joins>,
    pub(super) piece: Piece,
    /// How it is cut further: a GPU's chunks are longer than a worker should hold.
    pub(super) cut: Cut,
}

/// One thread's engine and confirmer.
pub(super) struct Worker<'a> {
    pub(super) engine: Box<dyn Engine>,
    pub(super) confirmer: Confirmer,
    pub(super) carver: Carver<'a>,
    pub(super) hits: Vec<Hit>,
    pub(super) cache: Cache,
}

/// Longest body that is gathered at once: what is held at one time is bounded by the number of
/// workers, and the bytes are still in the cache when they are searched.
const GATHERED: u64 = 1 << 20;

impl<'a> Worker<'a> {
    pub(super) fn new(confirmer: Confirmer, engines: &Engines, carver: Carver<'a>) -> Self {
        Self {
            engine: engines.for_worker(),
            confirmer,
            carver,
            hits: Vec::new(),
            cache: Cache::default(),
        }
    }

    /// Works until the queues are closed or nobody listens any more. What waits for a GPU is taken
    /// from `idle` when there is nothing else to do.
    pub(super) fn run(
        mut self,
        work: &Receiver<Work>,
        mut idle: Option<Receiver<Work>>,
        done: &Sender<Done>,
    ) {
        while let Some(item) = next(work, &mut idle) {
            let searched = match &item {
                Work::Search(chunk) | Work::Confirm(chunk, _) => {
                    Some((chunk.window.clone(), chunk.body.clone()))
                }
                Work::Gather(_) | Work::Assembled(_) => None,
            };
            let result = match item {
                Work::Search(chunk) => self.search(chunk),
                Work::Confirm(chunk, hits) => self.confirm(&chunk, &hits),
                Work::Gather(gather) => self.gather(&gather),
                Work::Assembled(batch) => self.assembled(batch),
            };
            if let Some((window, body)) = searched {
                window.release(body);
            }
            if done.send(result).is_err() {
                return;
            }
        }
    }

    /// Searches a chunk, in parts if it was cut for a GPU, so that the bytes are still in the cache
    /// when they are confirmed.
    fn search(&mut self, chunk: Chunk) -> Done {
        if chunk.body.len() as u64 <= GATHERED {
            return self.part(chunk);
        }
        let mut gathered = Gathered::default();
        for start in chunk.body.clone().step_by(GATHERED as usize) {
            let body = start..chunk.body.end.min(start + GATHERED as usize);
            if let Err(other) = gathered.add(self.part(chunk.part(body))) {
                return *other;
            }
        }
        let end = chunk.image_offset(chunk.body.end).0;
        gathered.searched(chunk.sequence, chunk.body.len() as u64, end)
    }

    fn part(&mut self, chunk: Chunk) -> Done {
        let mut hits = std::mem::take(&mut self.hits);
        let sequence = chunk.sequence;
        // The CPU engines cannot fail: they do nothing but read memory.
        let searched = self
            .engine
            .submit(chunk)
            .and_then(|()| self.engine.collect(&mut hits));
        let done = match searched {
            Ok(Some(chunk)) => self.confirm(&chunk, &hits),
            Ok(None) => Done::problem(sequence, "the CPU engine lost a chunk".to_owned()),
            Err(error) => Done::problem(sequence, error.to_string()),
        };
        self.hits = hits;
        done
    }

    /// Searches a scattered chunk in parts, and gives their results as one.
    fn gather(&mut self, gather: &Gather) -> Done {
        let Gather {
            sequence,
            origin,
            image,
            joins,
            piece,
            cut,
        } = gather;
        let cut = Cut {
            body: cut.body.min(GATHERED),
            ..*cut
        };
        let mut gathered = Gathered::default();
        for part in cut.pieces(piece.window.clone(), piece.body.clone()) {
            let len = (part.window.end - part.window.start) as usize;
            // One allocation, filled in place.
            let mut window: Arc<[u8]> = std::iter::repeat_n(0, len).collect();
            if let Some(bytes) = Arc::get_mut(&mut window) {
                // What cannot be read stays zero, and the image lists it when it is closed.
                let _listed = image.read_with(&mut self.cache, part.window.start, bytes);
            }
            let body_start = (part.body.start - part.window.start) as usize;
            let body_len = (part.body.end - part.body.start) as usize;
            let done = self.part(Chunk {
                sequence: *sequence,
                origin: Arc::clone(origin),
                at: ImageOffset(part.window.start),
                body: body_start..body_start + body_len,
                window: Bytes::read(window),
                beyond: Beyond::Image(Arc::clone(image), Arc::clone(joins)),
            });
            if let Err(other) = gathered.add(done) {
                return *other;
            }
        }
        gathered.searched(*sequence, piece.body.end - piece.body.start, piece.body.end)
    }

    fn confirm(&mut self, chunk: &Chunk, hits: &[Hit]) -> Done {
        let mut found: Vec<Confirmed> = Vec::new();
        let mut tally = self.confirmer.confirm(chunk, hits, &mut found);
        let streams = self.carver.search(
            self.engine.as_mut(),
            &self.confirmer,
            &mut self.cache,
            (chunk, hits),
            &mut found,
        );
        let carved = match streams {
            Ok((inside, carved)) => {
                tally.add(inside);
                carved
            }
            Err(error) => return Done::problem(chunk.sequence, error.to_string()),
        };
        let end = chunk.image_offset(chunk.body.end).0;
        let len = chunk.body.len() as u64;
        Done {
            sequence: chunk.sequence,
            step: Step::Searched {
                len,
                end,
                found,
                tally,
                carved,
            },
        }
    }
}

/// The next thing to do: what others wait for first.
fn next(work: &Receiver<Work>, idle: &mut Option<Receiver<Work>>) -> Option<Work> {
    loop {
        let Some(waiting) = idle.as_ref() else {
            return work.recv().ok();
        };
        select_biased! {
            // Nobody adds work any more once the last GPU has none.
            recv(work) -> item => return item.ok().or_else(|| waiting.recv().ok()),
            recv(waiting) -> item => match item {
                Ok(item) => return Some(item),
                Err(_) => *idle = None,
            },
        }
    }
}

/// What the parts of a chunk, or the pieces of a batch, gave.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) found: Vec<Confirmed>,
    pub(super) tally: Tally,
    pub(super) carved: Carved,
}

impl Gathered {
    /// Takes the result of a part; one that is no result is given back.
    fn add(&mut self, done: Done) -> Result<(), Box<Done>> {
        let Done { sequence, step } = done;
        match step {
            Step::Searched {
                found,
                tally,
                carved,
                ..
            } => {
                self.found.extend(found);
                self.tally.add(tally);
                self.carved.add(carved);
                Ok(())
            }
            step => Err(Box::new(Done { sequence, step })),
        }
    }

    fn searched(self, sequence: u64, len: u64, end: u64) -> Done {
        Done {
            sequence,
            step: Step::Searched {
                len,
                end,
                found: self.found,
                tally: self.tally,
                carved: self.carved,
            },
        }
    }
}
