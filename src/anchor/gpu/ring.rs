//! The slots through which chunks pass: while the device works on one, the host fills the next.
//!
//! All buffers of a slot are made once. A chunk costs one copy into the `staging` buffer, which
//! stays mapped between uses, and one submission:
//!
//! ```text
//!   staging --copy--> params, data --dispatch--> found --copy--> readback
//!   mapped again                                                 mapped: demand + first hits
//! ```
//!
//! `Queue::write_buffer` is not used for chunks: it allocates a new staging buffer each time.
//!
//! If more hits were demanded than `found` holds, the whole pass is thrown away and the blocks,
//! which are still on the device, are dispatched again in halves. A part that is small and still
//! finds too much is read by the host. So no hit is lost, and none is counted twice.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::clock::Clock;
use super::device::Device;
use super::guard::guarded;
use super::layout::{BLOCK_FLAG, HitHeader, ScanParams, tail};
use super::pipeline::{Pipeline, TILE};
use super::{Config, Timings};
use crate::anchor::table::{BLOCK, Table, word_at};
use crate::anchor::{AnchorId, EngineError, Hit};
use crate::unit::ChunkOffset;

/// Where the bytes of a chunk begin in the staging buffer; the parameters lie before them.
const DATA_AT: usize = 256;
/// Zero bytes after the last block: the shader reads the words that follow a block.
const PADDING: usize = BLOCK;
/// Blocks below which an overflowing part is left to the host: 64 KiB.
const SMALLEST_PART: u32 = (4 * TILE / BLOCK) as u32;
const HEADER: u64 = size_of::<HitHeader>() as u64;
const HIT: u64 = size_of::<Hit>() as u64;

/// The buffers of one chunk in flight.
struct Slot {
    staging: wgpu::Buffer,
    params: wgpu::Buffer,
    data: wgpu::Buffer,
    found: wgpu::Buffer,
    readback: wgpu::Buffer,
    bindings: wgpu::BindGroup,
    clock: Option<Clock>,
    sent: Option<Sent>,
}

/// A submission that was not waited for yet.
struct Sent {
    index: wgpu::SubmissionIndex,
    mapped: Arc<AtomicU32>,
    expected: u32,
    /// Whether the slot's clock ran.
    timed: bool,
}

/// Blocks of a slot's data, as first and count.
#[derive(Clone, Copy)]
struct Blocks {
    first: u32,
    count: u32,
}

/// The slots and what they share. When it fails it is of no further use.
pub(super) struct Ring {
    device: Device,
    pipeline: Pipeline,
    table: Arc<Table>,
    config: Config,
    slots: Vec<Slot>,
    records: Vec<Hit>,
    tail: usize,
    submissions: u64,
    /// What was done so far.
    pub(super) timings: Timings,
}

impl Ring {
    /// Makes all buffers.
    pub(super) fn new(
        device: Device,
        table: Arc<Table>,
        config: Config,
    ) -> Result<Self, EngineError> {
        let pipeline = Pipeline::new(&device, &table)?;
        let tail = tail(&table);
        let slots: Vec<Slot> = (0..config.ring)
            .map(|_| Slot::new(&device, &pipeline, &config, tail))
            .collect();
        let is_timed = slots.iter().all(|slot| slot.clock.is_some());
        device.check()?;
        Ok(Self {
            device,
            pipeline,
            table,
            config,
            slots,
            records: Vec::new(),
            tail,
            submissions: 0,
            timings: Timings {
                kernel: is_timed.then_some(Duration::ZERO),
                ..Timings::default()
            },
        })
    }

    /// Sends `piece`, a range of the window, through a slot that is free.
    pub(super) fn start(
        &mut self,
        slot: usize,
        window: &[u8],
        piece: &Range<usize>,
    ) -> Result<(), EngineError> {
        let bytes = self.seen(window, piece);
        let padded = bytes.len().next_multiple_of(BLOCK) + PADDING;
        let before = Instant::now();
        let target = (DATA_AT as u64)..(DATA_AT + padded) as u64;
        let mut view = self.slots[slot]
            .staging
            .slice(target)
            .get_mapped_range_mut()
            .map_err(lost)?;
        view.slice(..bytes.len()).copy_from_slice(bytes);
        view.slice(bytes.len()..).fill(0);
        drop(view);
        self.timings.upload += before.elapsed();
        self.timings.upload_bytes += bytes.len() as u64;
        self.send(slot, whole(bytes), bytes.len(), piece.len(), Some(padded))
    }

    /// Waits for a slot and appends the hits of `piece`, in no particular order.
    pub(super) fn finish(
        &mut self,
        slot: usize,
        window: &[u8],
        piece: &Range<usize>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), EngineError> {
        let bytes = self.seen(window, piece);
        self.records.clear();
        let mut parts = vec![whole(bytes)];
        self.wait(slot)?;
        while let Some(part) = parts.pop() {
            let before = Instant::now();
            let waited = self.timings.wait;
            let demand = self.demand(slot)?;
            if demand <= self.config.hit_capacity {
                self.take(slot, demand)?;
            } else if part.count <= SMALLEST_PART {
                self.slots[slot].readback.unmap();
                self.scan_on_host(window, piece, part, bytes.len(), hits);
            } else {
                self.slots[slot].readback.unmap();
                let half = part.count / 2;
                parts.push(Blocks {
                    first: part.first + half,
                    count: part.count - half,
                });
                parts.push(Blocks {
                    first: part.first,
                    count: half,
                });
            }
            let waited = self.timings.wait - waited;
            self.timings.read_back += before.elapsed().saturating_sub(waited);
            if let Some(next) = parts.last() {
                self.timings.overflow_dispatches += 1;
                self.send(slot, *next, bytes.len(), piece.len(), None)?;
                self.wait(slot)?;
            }
        }
        let before = Instant::now();
        let settled = self.settle(window, piece, hits);
        self.timings.read_back += before.elapsed();
        settled
    }

    /// Waits for every slot that is still in use and drops its results.
    pub(super) fn drain(&mut self) -> Result<(), EngineError> {
        for slot in 0..self.slots.len() {
            if self.slots[slot].sent.is_some() {
                self.wait(slot)?;
                self.slots[slot].readback.unmap();
            }
        }
        Ok(())
    }

    /// The bytes that the shader needs for a piece: no margin before it, since the host extends
    /// runs to both sides, and after it as much as any anchor needs.
    fn seen<'w>(&self, window: &'w [u8], piece: &Range<usize>) -> &'w [u8] {
        let end = (piece.end + self.tail).min(window.len());
        &window[piece.start.min(end)..end]
    }

    /// Submits a dispatch over `part`, after an upload of `upload` staged bytes if there is one.
    fn send(
        &mut self,
        slot: usize,
        part: Blocks,
        len: usize,
        body_len: usize,
        upload: Option<usize>,
    ) -> Result<(), EngineError> {
        if self.config.lose_after == Some(self.submissions) {
            self.device.handle.destroy();
        }
        self.submissions += 1;
        self.timings.dispatches += 1;
        let before = Instant::now();
        let params = ScanParams {
            first_block: part.first,
            block_count: part.count,
            len: len as u32,
            body_len: body_len as u32,
            hit_capacity: self.config.hit_capacity,
            run_count: self.table.runs.len() as u32,
        };
        let slot = &mut self.slots[slot];
        let params_len = size_of::<ScanParams>() as u64;
        let mut view = slot
            .staging
            .slice(..params_len)
            .get_mapped_range_mut()
            .map_err(lost)?;
        view.copy_from_slice(bytemuck::bytes_of(&params));
        drop(view);
        slot.staging.unmap();
        let mut encoder = self
            .device
            .handle
            .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(&slot.staging, 0, &slot.params, 0, params_len);
        if let Some(padded) = upload {
            let from = DATA_AT as u64;
            encoder.copy_buffer_to_buffer(&slot.staging, from, &slot.data, 0, padded as u64);
        }
        encoder.clear_buffer(&slot.found, 0, Some(HEADER));
        let timestamps = slot.clock.as_ref().map(Clock::around_pass);
        self.pipeline
            .dispatch(&mut encoder, &slot.bindings, part.count, timestamps);
        let head = HEADER + u64::from(self.config.first_hits()) * HIT;
        encoder.copy_buffer_to_buffer(&slot.found, 0, &slot.readback, 0, head);
        let mapped = Arc::new(AtomicU32::new(0));
        let count = || counting(&mapped);
        encoder.map_buffer_on_submit(&slot.staging, wgpu::MapMode::Write, .., count());
        encoder.map_buffer_on_submit(&slot.readback, wgpu::MapMode::Read, ..head, count());
        if let Some(clock) = &slot.clock {
            clock.resolve(&mut encoder, count());
        }
        let index = self.device.queue.submit([encoder.finish()]);
        let timed = slot.clock.is_some();
        slot.sent = Some(Sent {
            index,
            mapped,
            expected: 2 + u32::from(timed),
            timed,
        });
        self.timings.submit += before.elapsed();
        self.device.check()
    }

    /// Waits until the submission of a slot is done and its buffers are mapped.
    fn wait(&mut self, slot: usize) -> Result<(), EngineError> {
        let Some(sent) = self.slots[slot].sent.take() else {
            return Err(lost("a slot was collected that nothing was sent through"));
        };
        let before = Instant::now();
        let poll = wgpu::PollType::Wait {
            submission_index: Some(sent.index),
            timeout: Some(self.config.timeout),
        };
        // wgpu reports a device that is lost while it waits by a panic, not by an error.
        let polled = guarded(|| self.device.handle.poll(poll));
        self.timings.wait += before.elapsed();
        self.device.check()?;
        match polled {
            Some(Ok(_)) if sent.mapped.load(Ordering::Acquire) == sent.expected => {
                self.note_kernel(slot, sent.timed)
            }
            Some(Ok(_)) => Err(lost("its memory can no longer be read")),
            Some(Err(wgpu::PollError::Timeout)) => Err(lost(format!(
                "it did not answer within {} seconds",
                self.config.timeout.as_secs_f32()
            ))),
            Some(Err(error)) => Err(lost(error)),
            None => Err(lost("the driver gave up")),
        }
    }

    /// Adds what the device says it needed for a dispatch.
    fn note_kernel(&mut self, slot: usize, timed: bool) -> Result<(), EngineError> {
        if let Some(clock) = self.slots[slot].clock.as_ref().filter(|_| timed) {
            let kernel = self.timings.kernel.get_or_insert_default();
            *kernel += clock.read().map_err(lost)?;
        }
        Ok(())
    }

    /// How many hits the last dispatch of a slot found.
    fn demand(&self, slot: usize) -> Result<u32, EngineError> {
        let view = self.slots[slot]
            .readback
            .slice(..HEADER)
            .get_mapped_range()
            .map_err(lost)?;
        Ok(bytemuck::pod_read_unaligned::<HitHeader>(&view).demand)
    }

    /// Appends the hits of the last dispatch to the records and releases the readback buffer.
    fn take(&mut self, slot: usize, demand: u32) -> Result<(), EngineError> {
        let here = demand.min(self.config.first_hits());
        self.read(slot, 0..here)?;
        if here == demand {
            return Ok(());
        }
        let rest = HEADER + u64::from(here) * HIT..HEADER + u64::from(demand) * HIT;
        let len = rest.end - rest.start;
        let Slot {
            found,
            readback,
            sent,
            ..
        } = &mut self.slots[slot];
        let mut encoder = self
            .device
            .handle
            .create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        encoder.copy_buffer_to_buffer(found, rest.start, readback, rest.start, len);
        let mapped = Arc::new(AtomicU32::new(0));
        let count = counting(&mapped);
        encoder.map_buffer_on_submit(readback, wgpu::MapMode::Read, rest, count);
        *sent = Some(Sent {
            index: self.device.queue.submit([encoder.finish()]),
            mapped,
            expected: 1,
            timed: false,
        });
        self.wait(slot)?;
        self.read(slot, here..demand)
    }

    /// Appends hits that lie in the mapped part of the readback buffer, and unmaps it.
    fn read(&mut self, slot: usize, range: Range<u32>) -> Result<(), EngineError> {
        let readback = &self.slots[slot].readback;
        if !range.is_empty() {
            let at = HEADER + u64::from(range.start) * HIT..HEADER + u64::from(range.end) * HIT;
            let view = readback.slice(at).get_mapped_range().map_err(lost)?;
            let read = view.chunks_exact(HIT as usize);
            self.records
                .extend(read.map(bytemuck::pod_read_unaligned::<Hit>));
        }
        readback.unmap();
        Ok(())
    }

    /// Does the work of a dispatch over `part` with the table itself.
    fn scan_on_host(
        &mut self,
        window: &[u8],
        piece: &Range<usize>,
        part: Blocks,
        len: usize,
        hits: &mut Vec<Hit>,
    ) {
        self.timings.host_bytes += u64::from(part.count) * BLOCK as u64;
        let first = part.first as usize * BLOCK;
        let end = (first + part.count as usize * BLOCK).min(len);
        for position in piece.start + first..piece.start + end {
            if self.table.may_begin(word_at(window, position)) {
                self.table.verify(window, position, piece, hits);
            }
        }
        let bytes = &window[piece.start..piece.start + end];
        for (block, bytes) in bytes.chunks_exact(BLOCK).enumerate().skip(first / BLOCK) {
            let runs = self.table.runs.iter();
            let covering = runs.filter(|run| bytes.iter().all(|byte| run.class.has(*byte)));
            self.records.extend(covering.map(|run| Hit {
                at: ChunkOffset((block * BLOCK) as u32),
                anchor: AnchorId(run.anchor.0 | BLOCK_FLAG),
            }));
        }
    }

    /// Turns the records of a piece into hits: compares what the shader left open, and extends
    /// blocks to runs.
    fn settle(
        &mut self,
        window: &[u8],
        piece: &Range<usize>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), EngineError> {
        self.records.sort_unstable();
        for record in &self.records {
            if record.anchor.0 & BLOCK_FLAG != 0 {
                continue;
            }
            let literals = &self.table.literals;
            let known = literals.binary_search_by_key(&record.anchor, |literal| literal.anchor);
            let Some(literal) = known.ok().map(|index| &literals[index]) else {
                return Err(lost("it reported an anchor that does not exist"));
            };
            let start = piece.start + record.at.index();
            if piece.contains(&start) && literal.is_at(window, start) {
                hits.push(Hit {
                    at: ChunkOffset(start as u32),
                    anchor: record.anchor,
                });
            } else {
                self.timings.refused += 1;
            }
        }
        for run in &self.table.runs {
            let marked = AnchorId(run.anchor.0 | BLOCK_FLAG);
            let blocks = self.records.iter().filter(|hit| hit.anchor == marked);
            let blocks = blocks.map(|hit| piece.start + hit.at.index());
            let blocks = blocks.filter(|block| *block < window.len());
            Table::run_starts(run, window, piece, blocks, hits);
        }
        Ok(())
    }
}

impl Slot {
    fn new(device: &Device, pipeline: &Pipeline, config: &Config, tail: usize) -> Self {
        use wgpu::BufferUsages as Usage;
        let data_len = ((config.max_chunk + tail).next_multiple_of(BLOCK) + PADDING) as u64;
        let found_len = HEADER + u64::from(config.hit_capacity) * HIT;
        let buffer = |label, size, usage, mapped_at_creation| {
            device.handle.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation,
            })
        };
        let staging_len = DATA_AT as u64 + data_len;
        let staging = buffer(
            "staging",
            staging_len,
            Usage::MAP_WRITE | Usage::COPY_SRC,
            true,
        );
        let params_len = size_of::<ScanParams>() as u64;
        let params = buffer(
            "params",
            params_len,
            Usage::UNIFORM | Usage::COPY_DST,
            false,
        );
        let data = buffer("data", data_len, Usage::STORAGE | Usage::COPY_DST, false);
        let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let found = buffer("found", found_len, usage, false);
        let usage = Usage::MAP_READ | Usage::COPY_DST;
        let readback = buffer("readback", found_len, usage, false);
        Self {
            bindings: pipeline.bind(&device.handle, &params, &data, &found),
            clock: Clock::new(device),
            staging,
            params,
            data,
            found,
            readback,
            sent: None,
        }
    }
}

/// All blocks of what was uploaded, the last of them perhaps not full.
fn whole(bytes: &[u8]) -> Blocks {
    Blocks {
        first: 0,
        count: bytes.len().div_ceil(BLOCK) as u32,
    }
}

/// A callback that counts the buffers that were mapped.
fn counting(
    mapped: &Arc<AtomicU32>,
) -> impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static {
    let mapped = Arc::clone(mapped);
    move |result| {
        if result.is_ok() {
            mapped.fetch_add(1, Ordering::Release);
        }
    }
}

fn lost(what: impl ToString) -> EngineError {
    EngineError::Lost(what.to_string())
}
