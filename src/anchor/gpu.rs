//! The engine for graphics processors.
//!
//! The shader (`shaders/README.md` tells how it works) is many times faster than any link over
//! which a chunk can reach it, so this module is about feeding it: a [ring](Config::ring) of slots
//! whose buffers are made once, one copy and one submission for each chunk, and results that come
//! back with it.
//!
//! The device is not trusted to stay. It can be lost, run out of memory or stop answering; from
//! then on the engine does nothing but return errors, and [`Engine::abandon`] gives back the
//! chunks it had, for another engine to scan. Nor is it trusted to be right: every literal it
//! reports is compared with the bytes of the chunk before it becomes a hit.

mod clock;
pub mod device;
pub mod guard;
pub mod layout;
pub mod pipeline;
mod ring;

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use self::device::{Adapter, Device};
use self::ring::Ring;
use super::table::{BLOCK, Table};
use super::{Engine, EngineError, Hit, Parts};
use crate::chunk::Chunk;

/// How the engine uses the device.
#[derive(Clone, Debug)]
pub struct Config {
    /// Chunks in flight, 1 to 4. Two keep the device busy while a third is filled.
    pub ring: usize,
    /// Longest body in bytes that goes through in one submission, at most
    /// [`Config::LONGEST_CHUNK`]. A longer body is scanned in pieces of this length, one after the
    /// other.
    pub max_chunk: usize,
    /// Entries of the hit buffer. More hits than that cost time, never hits.
    pub hit_capacity: u32,
    /// Hits that are copied back together with their number; more cost a second copy.
    pub first_hits: u32,
    /// How long a submission may take before the device counts as lost.
    pub timeout: Duration,
    /// Whether the device times its kernels, if it can: for benchmarks. It is the one optional
    /// feature that is ever asked for.
    pub timed: bool,
    /// For tests of recovery: the device is destroyed after this many submissions.
    pub lose_after: Option<u64>,
}

impl Config {
    /// Longest chunk: with it the buffers of a slot stay within the default limits of any device,
    /// and a dispatch within the two seconds after which Windows resets a device.
    pub const LONGEST_CHUNK: usize = 64 << 20;

    fn first_hits(&self) -> u32 {
        self.first_hits.min(self.hit_capacity)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring: 3,
            max_chunk: 32 << 20,
            hit_capacity: 1 << 18,
            first_hits: 1 << 15,
            timeout: Duration::from_secs(10),
            timed: false,
            lose_after: None,
        }
    }
}

/// What the engine did so far, for benchmarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bytes copied into staging buffers.
    pub upload_bytes: u64,
    /// Time the host spent copying them.
    pub upload: Duration,
    /// Time the host spent recording and submitting commands.
    pub submit: Duration,
    /// Time the host spent waiting for results.
    pub wait: Duration,
    /// Time the device spent in the kernel, by its own clock; `None` unless
    /// [`Config::timed`] and the device has one.
    pub kernel: Option<Duration>,
    /// Time the host spent turning results into hits.
    pub read_back: Duration,
    /// Dispatches, those after an overflow included.
    pub dispatches: u64,
    /// Dispatches that repeated a part of a chunk because its hits did not fit.
    pub overflow_dispatches: u64,
    /// Bytes that the host scanned because even a small part overflowed.
    pub host_bytes: u64,
    /// Literals that the device reported and the host refused: those whose following byte, or
    /// whose bytes beyond the sixteenth, did not fit.
    pub refused: u64,
}

/// Scans on a graphics processor.
pub struct Gpu {
    adapter: String,
    depth: usize,
    max_chunk: usize,
    /// `None` once the device failed.
    ring: Option<Ring>,
    failure: String,
    timings: Timings,
    in_flight: VecDeque<Job>,
    next_slot: usize,
}

/// A chunk in flight, and the piece of its body that is on the device.
struct Job {
    chunk: Chunk,
    piece: Range<usize>,
    slot: usize,
}

impl Gpu {
    /// Opens an adapter, compiles the shader and makes the buffers: about
    /// `ring * (2 * max_chunk + 16 * hit_capacity)` bytes.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if the adapter or the settings cannot be used.
    pub fn new(table: Arc<Table>, adapter: &Adapter, config: Config) -> Result<Self, EngineError> {
        check(&table, &config).map_err(EngineError::Unavailable)?;
        let device = Device::open(adapter, config.timed)?;
        let (depth, max_chunk) = (config.ring, config.max_chunk);
        // A device that fails before it did anything is one that cannot be used.
        let ring = Ring::new(device, table, config).map_err(|error| match error {
            EngineError::Lost(what) => {
                EngineError::Unavailable(format!("{}: {what}", adapter.about.name))
            }
            other => other,
        })?;
        Ok(Self {
            adapter: adapter.about.to_string(),
            depth,
            max_chunk,
            ring: Some(ring),
            failure: String::new(),
            timings: Timings::default(),
            in_flight: VecDeque::new(),
            next_slot: 0,
        })
    }

    /// What was done so far.
    #[must_use]
    pub fn timings(&self) -> Timings {
        self.ring.as_ref().map_or(self.timings, |ring| ring.timings)
    }

    /// The part of a body that begins at `start` and goes through in one submission.
    fn piece(&self, chunk: &Chunk, start: usize) -> Range<usize> {
        let end = chunk.body.end.min(chunk.window.len());
        start.min(end)..end.min(start.saturating_add(self.max_chunk))
    }

    /// Runs a step on the ring. After an error there is no ring.
    fn step<T>(
        &mut self,
        step: impl FnOnce(&mut Ring) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let Some(ring) = &mut self.ring else {
            return Err(EngineError::Lost(self.failure.clone()));
        };
        let result = step(ring);
        if let Err(EngineError::Lost(what) | EngineError::Unavailable(what)) = &result {
            self.failure.clone_from(what);
            self.timings = ring.timings;
            // Dropping a queue waits for its work without a limit, and panics if the device is
            // gone: a device that failed is left to the end of the process.
            mem::forget(self.ring.take());
        }
        result
    }
}

/// Why these settings cannot be used with this table.
fn check(table: &Table, config: &Config) -> Result<(), String> {
    let longest = Config::LONGEST_CHUNK;
    if !(1..=4).contains(&config.ring) {
        return Err(format!("{} chunks in flight, expected 1 to 4", config.ring));
    }
    if !(1..=longest).contains(&config.max_chunk) {
        return Err(format!(
            "chunks of {} bytes, expected 1 to {longest}",
            config.max_chunk
        ));
    }
    // Both buffers of hits must stay within the default limit of a binding, 128 MiB.
    let most = (1 << 24) - 2;
    if !(1..=most).contains(&config.hit_capacity) {
        return Err(format!(
            "a hit buffer of {} entries, expected 1 to {most}",
            config.hit_capacity
        ));
    }
    // The counter of hits has 32 bits and must not wrap around: an overflow would go unseen.
    let alike = table.heads.windows(2).map(|pair| pair[1] - pair[0]).max();
    let of_a_byte = u64::from(alike.unwrap_or(0)) + table.runs.len().div_ceil(BLOCK) as u64;
    if of_a_byte * config.max_chunk as u64 >= u64::from(u32::MAX) {
        return Err(format!(
            "{of_a_byte} anchors may begin at one byte: too many for chunks of {} bytes",
            config.max_chunk
        ));
    }
    Ok(())
}

impl Engine for Gpu {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn device(&self) -> String {
        self.adapter.clone()
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn submit(&mut self, chunk: Chunk) -> Result<(), EngineError> {
        let piece = self.piece(&chunk, chunk.body.start);
        let slot = self.next_slot;
        self.in_flight.push_back(Job {
            chunk: chunk.clone(),
            piece: piece.clone(),
            slot,
        });
        if self.in_flight.len() > self.depth {
            return Err(EngineError::Lost(format!(
                "more than {} chunks were handed over at once",
                self.depth
            )));
        }
        self.next_slot = (slot + 1) % self.depth;
        self.step(|ring| ring.start(slot, &chunk.window, &piece))
    }

    fn collect(&mut self, hits: &mut Vec<Hit>) -> Result<Option<Chunk>, EngineError> {
        hits.clear();
        loop {
            let Some(job) = self.in_flight.front() else {
                return Ok(None);
            };
            let (chunk, piece, slot) = (job.chunk.clone(), job.piece.clone(), job.slot);
            self.step(|ring| ring.finish(slot, &chunk.window, &piece, hits))?;
            let next = self.piece(&chunk, piece.end);
            if next.is_empty() {
                break;
            }
            self.step(|ring| ring.start(slot, &chunk.window, &next))?;
            if let Some(job) = self.in_flight.front_mut() {
                job.piece = next;
            }
        }
        hits.sort_unstable();
        Ok(self.in_flight.pop_front().map(|job| job.chunk))
    }

    fn abandon(&mut self) -> Vec<Chunk> {
        // A device that works is given the time to finish, so that its slots can be used again;
        // whether it still does shows at the next chunk.
        if self.ring.is_some() {
            let _ = self.step(Ring::drain);
        }
        self.next_slot = 0;
        self.in_flight.drain(..).map(|job| job.chunk).collect()
    }

    fn parts(&self) -> Option<Parts> {
        let timings = self.timings();
        Some(Parts {
            feed: timings.upload + timings.submit,
            kernel: timings.kernel.unwrap_or(timings.wait),
            by_device: timings.kernel.is_some(),
            read_back: timings.read_back,
        })
    }
}
