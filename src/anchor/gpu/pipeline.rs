//! The compute pipeline and the table in the memory of the device.

use wgpu::util::DeviceExt;

use super::device::Device;
use super::layout::{LiteralRecord, RunRecord};
use crate::anchor::EngineError;
use crate::anchor::table::{BLOCK, Table};

/// The files that make up the shader module, in order: name below `shaders`, and text.
pub const ANCHOR_SCAN: &[(&str, &str)] = &[
    (
        "shared/params.wgsl",
        include_str!("../../../shaders/shared/params.wgsl"),
    ),
    (
        "shared/load.wgsl",
        include_str!("../../../shaders/shared/load.wgsl"),
    ),
    (
        "shared/table.wgsl",
        include_str!("../../../shaders/shared/table.wgsl"),
    ),
    (
        "shared/hit.wgsl",
        include_str!("../../../shaders/shared/hit.wgsl"),
    ),
    (
        "anchor_scan.wgsl",
        include_str!("../../../shaders/anchor_scan.wgsl"),
    ),
];

/// Invocations in a workgroup.
pub const GROUP: u32 = 256;
/// Blocks each invocation looks at: the copy of the bitmap into workgroup memory is shared by
/// this many times [`GROUP`] blocks, 16 KiB.
pub const STEPS: u32 = 4;

/// The module's text.
#[must_use]
pub fn source() -> String {
    ANCHOR_SCAN.iter().map(|(_, text)| *text).collect()
}

/// Binding numbers of the buffers that each slot of the ring has for itself.
const PARAMS: u32 = 0;
const DATA: u32 = 1;
const FOUND: u32 = 7;

/// Everything a dispatch needs besides the buffers of its slot.
pub(super) struct Pipeline {
    compute: wgpu::ComputePipeline,
    bindings: wgpu::BindGroupLayout,
    /// Bindings 2 to 6.
    table: Vec<wgpu::Buffer>,
}

impl Pipeline {
    /// Compiles the shader and uploads the table.
    pub(super) fn new(device: &Device, table: &Table) -> Result<Self, EngineError> {
        let handle = &device.handle;
        let module = handle.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some("anchor_scan"),
            source: wgpu::ShaderSource::Wgsl(source().into()),
        });
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        // Given explicitly, since a layout derived from the shader lacks what a small table might
        // let the compiler remove.
        let entries: Vec<wgpu::BindGroupLayoutEntry> = (PARAMS..=FOUND)
            .map(|binding| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: match binding {
                        PARAMS => wgpu::BufferBindingType::Uniform,
                        FOUND => storage(false),
                        _ => storage(true),
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let bindings = handle.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("anchor_scan"),
            entries: &entries,
        });
        let layout = handle.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("anchor_scan"),
            bind_group_layouts: &[Some(&bindings)],
            ..wgpu::PipelineLayoutDescriptor::default()
        });
        let compute = handle.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some("anchor_scan"),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("anchor_scan"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("GROUP", f64::from(GROUP)), ("STEPS", f64::from(STEPS))],
                // The shader writes every word of it before it reads one.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        let pipeline = Self {
            compute,
            bindings,
            table: upload(handle, table),
        };
        device.check()?;
        Ok(pipeline)
    }

    /// Binds the buffers of a slot.
    pub(super) fn bind(
        &self,
        device: &wgpu::Device,
        params: &wgpu::Buffer,
        data: &wgpu::Buffer,
        found: &wgpu::Buffer,
    ) -> wgpu::BindGroup {
        let table = self.table.iter().zip(DATA + 1..);
        let slot = [(params, PARAMS), (data, DATA), (found, FOUND)];
        let entries: Vec<wgpu::BindGroupEntry<'_>> = table
            .chain(slot)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("slot"),
            layout: &self.bindings,
            entries: &entries,
        })
    }

    /// Records the dispatch that looks at `block_count` blocks.
    pub(super) fn dispatch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        bindings: &wgpu::BindGroup,
        block_count: u32,
        timestamps: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("anchor_scan"),
            timestamp_writes: timestamps,
        });
        pass.set_pipeline(&self.compute);
        pass.set_bind_group(0, bindings, &[]);
        // One dimension is enough: 65535 groups, the least that any device allows, are 1 GiB, and
        // a chunk is at most 64 MiB.
        pass.dispatch_workgroups(block_count.div_ceil(GROUP * STEPS), 1, 1);
    }
}

/// Bytes that one workgroup looks at.
pub(super) const TILE: usize = GROUP as usize * STEPS as usize * BLOCK;

/// The table in bindings 2 to 6. A binding cannot be empty, so an empty array has one zero record
/// that nothing refers to.
fn upload(device: &wgpu::Device, table: &Table) -> Vec<wgpu::Buffer> {
    let literals: Vec<LiteralRecord> = table.literals.iter().map(LiteralRecord::of).collect();
    let runs: Vec<RunRecord> = table.runs.iter().map(RunRecord::of).collect();
    let parts: [(&str, Vec<u8>); 5] = [
        ("bitmap", bytemuck::cast_slice(&table.bitmap).to_vec()),
        ("heads", bytemuck::cast_slice(&table.heads).to_vec()),
        ("entries", bytemuck::cast_slice(&table.entries).to_vec()),
        ("literals", bytemuck::cast_slice(&literals).to_vec()),
        ("runs", bytemuck::cast_slice(&runs).to_vec()),
    ];
    parts
        .into_iter()
        .map(|(label, mut contents)| {
            if contents.is_empty() {
                contents.resize(size_of::<RunRecord>(), 0);
            }
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: Some(label),
                contents: &contents,
                usage: wgpu::BufferUsages::STORAGE,
            })
        })
        .collect()
}
