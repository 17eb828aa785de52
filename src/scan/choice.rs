//! Which engine searches.
//!
//! `auto` takes a hardware GPU if there is one, with the cores that are idle beside it, and the CPU
//! otherwise. An engine named by the user is taken alone or refused, never replaced: a benchmark
//! that silently ran on something else would be worse than none.

use std::path::Path;
use std::sync::Arc;

use crate::anchor::cpu::{Cpu, Tier};
use crate::anchor::reference::Reference;
use crate::anchor::table::Table;
use crate::anchor::{Engine, EngineError};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// A hardware GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// A GPU, a software one included.
    Gpu,
    /// The CPU's vector units.
    Cpu,
    /// The oracle.
    Reference,
}

/// The engines of one scan: what the workers use, and the GPUs in front of them if there are any.
pub struct Engines {
    worker: Worker,
    gpus: Vec<Box<dyn Engine>>,
    must_not_fall_back: bool,
    shared: bool,
}

/// What the workers search with.
enum Worker {
    Reference(Arc<Table>),
    Cpu(Box<Cpu>),
}

impl Worker {
    fn engine(&self) -> Box<dyn Engine> {
        match self {
            Self::Reference(table) => Box::new(Reference::new(Arc::clone(table))),
            Self::Cpu(cpu) => Box::new(cpu.for_thread()),
        }
    }
}

impl Engines {
    /// Chooses. `adapters` are names, parts of them, or indices as `keydredge devices` lists them;
    /// all of them are used.
    ///
    /// # Errors
    /// When a GPU was asked for and there is none that can be used.
    pub fn choose(
        wish: Wish,
        adapters: &[String],
        table: &Arc<Table>,
        chunk: u64,
    ) -> Result<Self, EngineError> {
        let named = || {
            let opened = adapters
                .iter()
                .map(|adapter| open_gpu(true, Some(adapter), table, chunk, false));
            opened.collect::<Result<Vec<_>, _>>()
        };
        let gpus = match wish {
            Wish::Cpu | Wish::Reference => Vec::new(),
            _ if !adapters.is_empty() => named()?,
            Wish::Gpu => vec![open_gpu(true, None, table, chunk, false)?],
            Wish::Auto if !hardware_may_exist() => Vec::new(),
            Wish::Auto => open_gpu(false, None, table, chunk, false)
                .into_iter()
                .collect(),
        };
        let worker = match wish {
            Wish::Reference => Worker::Reference(Arc::clone(table)),
            _ => Worker::Cpu(Box::new(Cpu::new(Arc::clone(table)))),
        };
        Ok(Self {
            worker,
            gpus,
            must_not_fall_back: wish == Wish::Gpu,
            shared: wish == Wish::Auto,
        })
    }

    /// These GPUs, or whatever else searches at a distance, and the CPU. If `shared`, workers that
    /// have nothing to confirm search what waits for a GPU; else only what the GPUs failed at.
    #[must_use]
    pub fn of(gpus: Vec<Box<dyn Engine>>, table: &Arc<Table>, shared: bool) -> Self {
        Self {
            worker: Worker::Cpu(Box::new(Cpu::new(Arc::clone(table)))),
            gpus,
            must_not_fall_back: false,
            shared,
        }
    }

    /// The engine's name in the summary.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.gpus
            .first()
            .map_or_else(|| self.worker.engine().name(), |gpu| gpu.name())
    }

    /// What it runs on.
    #[must_use]
    pub fn device(&self) -> String {
        let cpu = self.worker.engine().device();
        let mut devices: Vec<String> = self.gpus.iter().map(|gpu| gpu.device()).collect();
        if devices.is_empty() {
            return cpu;
        }
        if self.shared {
            devices.push(format!("{cpu} on idle cores"));
        }
        devices.join(", ")
    }

    /// Whether a failing GPU ends the scan, because it was asked for by name.
    #[must_use]
    pub fn must_not_fall_back(&self) -> bool {
        self.must_not_fall_back
    }

    /// An engine for a worker thread.
    #[must_use]
    pub fn for_worker(&self) -> Box<dyn Engine> {
        self.worker.engine()
    }

    /// Whether idle workers take what waits for a GPU.
    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    pub(super) fn into_gpus(self) -> Vec<Box<dyn Engine>> {
        self.gpus
    }
}

/// Whether asking the drivers for a hardware GPU can succeed. Loading them takes longer than many
/// a scan, and some write to standard error on a machine without a display; on Linux every GPU has
/// a device file, so a look for one answers first.
fn hardware_may_exist() -> bool {
    !cfg!(target_os = "linux")
        || ["/dev/dri", "/dev/nvidiactl", "/dev/dxg"]
            .iter()
            .any(|path| Path::new(path).exists())
}

#[cfg(feature = "gpu")]
fn open_gpu(
    software: bool,
    adapter: Option<&str>,
    table: &Arc<Table>,
    chunk: u64,
    timed: bool,
) -> Result<Box<dyn Engine>, EngineError> {
    use crate::anchor::gpu::device::{Choice, choose};
    use crate::anchor::gpu::{Config, Gpu};

    let choice = match adapter {
        Some(name) => Choice::Named(name.to_owned()),
        None if software => Choice::Any,
        None => Choice::Auto,
    };
    let longest = Config::LONGEST_CHUNK;
    let config = Config {
        max_chunk: usize::try_from(chunk).unwrap_or(longest).min(longest),
        timed,
        ..Config::default()
    };
    Ok(Box::new(Gpu::new(
        Arc::clone(table),
        &choose(&choice)?,
        config,
    )?))
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(
    _: bool,
    _: Option<&str>,
    _: &Arc<Table>,
    _: u64,
    _: bool,
) -> Result<Box<dyn Engine>, EngineError> {
    Err(EngineError::Unavailable(
        "this build has no GPU engine (feature `gpu`)".to_owned(),
    ))
}

/// One engine for the side-by-side bench.
pub struct Candidate {
    /// The engine's name.
    pub name: &'static str,
    /// The most bytes it can be asked to search in a reasonable time.
    pub most: u64,
    /// The engine, or why it cannot be had.
    pub engine: Result<Box<dyn Engine>, EngineError>,
}

/// Every engine of this machine, the oracle first; of the GPUs the one that was asked for, or else
/// the one that `--engine gpu` takes, with its clock.
#[must_use]
pub fn every_engine(table: &Arc<Table>, adapter: Option<&str>, chunk: u64) -> Vec<Candidate> {
    let candidate = |name, most, engine| Candidate { name, most, engine };
    let oracle = Reference::new(Arc::clone(table));
    let mut engines = vec![candidate(
        "reference",
        128 << 10,
        Ok(Box::new(oracle) as Box<dyn Engine>),
    )];
    for tier in Tier::available() {
        let engine = Cpu::with_tier(Arc::clone(table), tier);
        engines.extend(engine.map(|engine| candidate("cpu", u64::MAX, Ok(Box::new(engine) as _))));
    }
    let gpu = open_gpu(true, adapter, table, chunk, true);
    let is_software = |gpu: &dyn Engine| gpu.device().contains("software");
    let most = match &gpu {
        Ok(gpu) if is_software(gpu.as_ref()) => 4 << 20,
        _ => u64::MAX,
    };
    engines.push(candidate("gpu", most, gpu));
    engines
}
