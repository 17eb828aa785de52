//! How long the kernel ran, by the clock of the device.
//!
//! The host only sees when results arrive, which is later by the copies and by whatever else waits
//! in the queue. A device that has a clock writes it down before and after the kernel. It is not
//! asked to unless somebody wants to know: see [`Config::timed`].
//!
//! [`Config::timed`]: super::Config::timed

use std::time::Duration;

use super::device::Device;

/// Two times of eight bytes.
const LEN: u64 = 16;

/// The clock of one slot: used once for each submission.
pub(super) struct Clock {
    queries: wgpu::QuerySet,
    /// What the device writes, since it cannot write where the host reads.
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
    /// Nanoseconds of a tick.
    tick: f64,
}

impl Clock {
    /// `None` if the device was opened without its clock.
    pub(super) fn new(device: &Device) -> Option<Self> {
        let handle = &device.handle;
        if !handle.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |label, usage| {
            handle.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: LEN,
                usage,
                mapped_at_creation: false,
            })
        };
        use wgpu::BufferUsages as Usage;
        Some(Self {
            queries: handle.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("times"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer("times", Usage::QUERY_RESOLVE | Usage::COPY_SRC),
            readable: buffer("times, readable", Usage::MAP_READ | Usage::COPY_DST),
            tick: f64::from(device.queue.get_timestamp_period()),
        })
    }

    /// What makes a pass write down when it began and when it ended.
    pub(super) fn around_pass(&self) -> wgpu::ComputePassTimestampWrites<'_> {
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Records what brings the times to the host, and calls back when it can read them.
    pub(super) fn resolve(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        mapped: impl FnOnce(Result<(), wgpu::BufferAsyncError>) + Send + 'static,
    ) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, LEN);
        encoder.map_buffer_on_submit(&self.readable, wgpu::MapMode::Read, .., mapped);
    }

    /// The time between the two, of the submission that was waited for.
    pub(super) fn read(&self) -> Result<Duration, wgpu::MapRangeError> {
        let view = self.readable.slice(..).get_mapped_range()?;
        let [began, ended]: [u64; 2] = bytemuck::pod_read_unaligned(&view);
        drop(view);
        self.readable.unmap();
        // A clock that was set back between the two says nothing.
        let ticks = ended.saturating_sub(began);
        Ok(Duration::from_nanos((ticks as f64 * self.tick) as u64))
    }
}
