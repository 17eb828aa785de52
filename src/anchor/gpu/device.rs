//! Which adapter to run on. Every adapter gets a sentence that says why it was taken or not: a
//! scan that silently ran on the wrong one, or on none, would look like a slow program.
//!
//! `auto` wants hardware. A software adapter computes on the same cores as the [`cpu`] engine, and
//! slower, so it is taken only when somebody asks for it. Mesa's "null hardware" compiles shaders
//! for a card that is not there and never runs them; it calls itself a discrete GPU and must never
//! be believed.
//!
//! [`cpu`]: crate::anchor::cpu

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::anchor::EngineError;

/// What an adapter is, as far as it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A card with memory of its own.
    Discrete,
    /// A GPU that shares the memory of the machine.
    Integrated,
    /// A GPU passed to a virtual machine.
    Virtual,
    /// The machine's own processor.
    Software,
    /// The driver does not say.
    Unknown,
}

impl Kind {
    /// Lower is preferred. What `auto` takes comes first.
    fn rank(self) -> u8 {
        match self {
            Self::Discrete => 0,
            Self::Integrated => 1,
            Self::Virtual => 2,
            Self::Unknown => 3,
            Self::Software => 4,
        }
    }

    fn is_hardware(self) -> bool {
        matches!(self, Self::Discrete | Self::Integrated | Self::Virtual)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
            Self::Unknown => "of unknown kind",
        })
    }
}

/// What is known of an adapter without opening it.
#[derive(Clone, Debug)]
pub struct About {
    /// The name its driver gives it.
    pub name: String,
    /// `Vulkan`, `Metal` or `DX12`.
    pub backend: String,
    /// Hardware or not.
    pub kind: Kind,
    /// Driver name and version.
    pub driver: String,
    /// PCI vendor number, or what the backend has instead.
    pub vendor: u32,
    /// PCI device number, or what the backend has instead.
    pub device: u32,
    /// Bytes a storage buffer may have.
    pub storage_binding: u64,
    /// Bytes a buffer may have.
    pub buffer: u64,
    /// Bytes of memory shared by a workgroup.
    pub workgroup_storage: u32,
    /// Why it cannot be used whatever is asked for.
    pub refusal: Option<String>,
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.name, self.kind, self.backend)
    }
}

/// An adapter of this machine.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// What it is.
    pub about: About,
    handle: wgpu::Adapter,
}

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Hardware, the fastest kind first; nothing if there is none.
    Auto,
    /// As `Auto`, and software where there is no hardware.
    Any,
    /// An index in the list of adapters, or a part of a name in either case.
    Named(String),
}

/// Which adapter was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Index of the adapter to use.
    pub taken: Option<usize>,
    /// For each adapter, in order, a sentence without its full stop.
    pub verdicts: Vec<String>,
}

/// The adapters of this machine, in the order in which the drivers list them.
#[must_use]
pub fn adapters() -> Vec<Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::PRIMARY,
        // Validation layers print; this program is validated by its tests.
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY))
        .into_iter()
        .map(|handle| Adapter {
            about: about(&handle),
            handle,
        })
        .collect()
}

fn about(adapter: &wgpu::Adapter) -> About {
    let info = adapter.get_info();
    let limits = adapter.limits();
    let compute = adapter
        .get_downlevel_capabilities()
        .flags
        .contains(wgpu::DownlevelFlags::COMPUTE_SHADERS);
    let mut refusal = None;
    if !compute {
        refusal = Some("refused: it has no compute shaders".to_owned());
    }
    wgpu::Limits::default().check_limits_with_fail_fn(&limits, true, |limit, needed, has| {
        refusal = Some(format!("refused: its {limit} is {has}, {needed} is needed"));
    });
    if is_null(&info.name) {
        refusal = Some("refused: there is no hardware behind it".to_owned());
    }
    About {
        backend: match info.backend {
            wgpu::Backend::Dx12 => "DX12".to_owned(),
            other => format!("{other:?}"),
        },
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => Kind::Discrete,
            wgpu::DeviceType::IntegratedGpu => Kind::Integrated,
            wgpu::DeviceType::VirtualGpu => Kind::Virtual,
            wgpu::DeviceType::Cpu => Kind::Software,
            wgpu::DeviceType::Other => Kind::Unknown,
        },
        driver: format!("{} {}", info.driver, info.driver_info)
            .trim()
            .to_owned(),
        name: info.name,
        vendor: info.vendor,
        device: info.device,
        storage_binding: limits.max_storage_buffer_binding_size,
        buffer: limits.max_buffer_size,
        workgroup_storage: limits.max_compute_workgroup_storage_size,
        refusal,
    }
}

/// Mesa's stand-in for a card that is not there.
fn is_null(name: &str) -> bool {
    name.to_ascii_lowercase().contains("null hardware")
}

/// Chooses among adapters and says of each why it was taken or not.
#[must_use]
pub fn select(adapters: &[About], choice: &Choice) -> Selection {
    let objections: Vec<Option<String>> = adapters
        .iter()
        .enumerate()
        .map(|(index, about)| about.refusal.clone().or(objection(index, about, choice)))
        .collect();
    let taken = (0..adapters.len())
        .filter(|index| objections[*index].is_none())
        .min_by_key(|index| adapters[*index].kind.rank());
    let verdicts = objections
        .into_iter()
        .enumerate()
        .map(|(index, objection)| match objection {
            Some(objection) => objection,
            None if taken == Some(index) => match choice {
                Choice::Named(asked) => format!("taken: `{asked}` was asked for"),
                Choice::Auto | Choice::Any => format!("taken: {}", adapters[index].kind.praise()),
            },
            None => "not taken: another comes first".to_owned(),
        })
        .collect();
    Selection { taken, verdicts }
}

impl Kind {
    fn praise(self) -> &'static str {
        match self {
            Self::Discrete => "a card with memory of its own is preferred",
            Self::Integrated => "no discrete GPU can be used",
            Self::Virtual => "no other GPU can be used",
            Self::Unknown => "nothing that is known to be a GPU can be used",
            Self::Software => "no GPU can be used and software was allowed",
        }
    }
}

fn objection(index: usize, about: &About, choice: &Choice) -> Option<String> {
    match choice {
        Choice::Any => None,
        Choice::Auto if about.kind.is_hardware() => None,
        Choice::Auto if about.kind == Kind::Software => Some(
            "not taken: it computes on the processor, where the cpu engine is faster; ask for it \
             with `--engine gpu`"
                .to_owned(),
        ),
        Choice::Auto => Some(
            "not taken: it does not say that it is a GPU; ask for it with `--adapter`".to_owned(),
        ),
        Choice::Named(asked) => {
            let by_index = asked.parse() == Ok(index);
            let by_name = asked.parse::<usize>().is_err()
                && !asked.is_empty()
                && about
                    .name
                    .to_ascii_lowercase()
                    .contains(&asked.to_ascii_lowercase());
            (!by_index && !by_name).then(|| format!("not taken: `{asked}` was asked for"))
        }
    }
}

/// Lists the adapters and takes the chosen one.
///
/// # Errors
/// [`EngineError::Unavailable`] with the verdict on each adapter if none could be taken.
pub fn choose(choice: &Choice) -> Result<Adapter, EngineError> {
    let mut adapters = adapters();
    let abouts: Vec<About> = adapters.iter().map(|one| one.about.clone()).collect();
    let selection = select(&abouts, choice);
    match selection.taken {
        Some(index) => Ok(adapters.swap_remove(index)),
        None if adapters.is_empty() => Err(EngineError::Unavailable(
            "no graphics driver (Vulkan, Metal or DirectX 12) lists an adapter".to_owned(),
        )),
        None => {
            let verdicts: Vec<String> = abouts
                .iter()
                .zip(selection.verdicts)
                .map(|(about, verdict)| format!("{about}: {verdict}"))
                .collect();
            Err(EngineError::Unavailable(verdicts.join("; ")))
        }
    }
}

/// An open device. `fault` is filled once, by whichever callback of the driver comes first.
pub(super) struct Device {
    pub(super) handle: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) fault: Arc<OnceLock<String>>,
}

impl Device {
    /// Opens an adapter with the default limits and no optional feature, but for its clock where
    /// it has one and it is asked for.
    pub(super) fn open(adapter: &Adapter, timed: bool) -> Result<Self, EngineError> {
        if let Some(refusal) = &adapter.about.refusal {
            let name = &adapter.about.name;
            return Err(EngineError::Unavailable(format!("{name}: {refusal}")));
        }
        let request = adapter.handle.request_device(&wgpu::DeviceDescriptor {
            label: Some("keydredge"),
            required_features: match timed {
                true => adapter.handle.features() & wgpu::Features::TIMESTAMP_QUERY,
                false => wgpu::Features::empty(),
            },
            ..wgpu::DeviceDescriptor::default()
        });
        let (handle, queue) = pollster::block_on(request).map_err(|error| {
            EngineError::Unavailable(format!("{} cannot be opened: {error}", adapter.about.name))
        })?;
        let fault = Arc::new(OnceLock::new());
        // Without a handler the first driver error would end the program. Only the first message
        // is kept: the later ones are its consequences.
        let noted = Arc::clone(&fault);
        handle.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let _ = noted.set(error.to_string());
        }));
        let noted = Arc::clone(&fault);
        handle.set_device_lost_callback(move |reason, message| {
            let _ = noted.set(format!("the device was lost ({reason:?}) {message}"));
        });
        Ok(Self {
            handle,
            queue,
            fault,
        })
    }

    /// Fails if the driver has reported anything.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        match self.fault.get() {
            Some(fault) => Err(EngineError::Lost(fault.trim().to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(name: &str, kind: Kind) -> About {
        About {
            name: name.to_owned(),
            backend: "Vulkan".to_owned(),
            kind,
            driver: String::new(),
            vendor: 0,
            device: 0,
            storage_binding: 1 << 27,
            buffer: 1 << 28,
            workgroup_storage: 16384,
            refusal: is_null(name).then(|| "refused: there is no hardware behind it".to_owned()),
        }
    }

    fn machine() -> [About; 4] {
        [
            about("llvmpipe (LLVM 15.0.6, 256 bits)", Kind::Software),
            about("Small iGPU", Kind::Integrated),
            about("Null hardware (RADV NAVI21)", Kind::Discrete),
            about("Large Card", Kind::Discrete),
        ]
    }

    #[test]
    fn auto_prefers_a_card_and_never_believes_null_hardware() {
        let selection = select(&machine(), &Choice::Auto);
        assert_eq!(selection.taken, Some(3));
        assert_eq!(
            selection.verdicts[2],
            "refused: there is no hardware behind it"
        );
        assert_eq!(
            select(&machine(), &Choice::Named("2".to_owned())).taken,
            None
        );
    }

    #[test]
    fn software_is_taken_only_when_it_is_allowed_or_named() {
        let only = [machine()[0].clone(), machine()[2].clone()];
        let auto = select(&only, &Choice::Auto);
        assert_eq!(auto.taken, None);
        assert!(auto.verdicts[0].contains("ask for it"), "{auto:?}");
        assert_eq!(select(&only, &Choice::Any).taken, Some(0));
        assert_eq!(
            select(&only, &Choice::Named("LLVMpipe".to_owned())).taken,
            Some(0)
        );
    }

    #[test]
    fn any_takes_hardware_where_there_is_some() {
        assert_eq!(select(&machine(), &Choice::Any).taken, Some(3));
        assert_eq!(select(&machine()[..2], &Choice::Any).taken, Some(1));
    }

    #[test]
    fn an_index_or_a_part_of_the_name_is_enough() {
        for (asked, taken) in [("1", Some(1)), ("large", Some(3)), ("9", None), ("", None)] {
            let selection = select(&machine(), &Choice::Named(asked.to_owned()));
            assert_eq!(selection.taken, taken, "{asked}");
            assert_eq!(selection.verdicts.len(), 4);
        }
    }
}
