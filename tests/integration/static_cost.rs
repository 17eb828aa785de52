//! What the anchor kernel costs a GPU, counted without one.
//!
//! Mesa's RADV driver compiles for an AMD card that is not there (`RADV_FORCE_FAMILY`) and shows the
//! machine code. The kernel is written as SPIR-V as wgpu does it, checks and all, and what the code
//! asks for is counted in its *hot block*: the straight line from the load of sixteen bytes to their
//! last look-up in the bitmap. The figures, and the speeds that follow from them, stand in
//! `shaders/README.md`; they may come down, and not go up.

use std::path::{Path, PathBuf};
use std::process::Command;

use keydredge::anchor::gpu::pipeline::{GROUP, STEPS, source};
use wgpu::naga::back::pipeline_constants::process_overrides;
use wgpu::naga::back::spv;
use wgpu::naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use wgpu::naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu::naga::{ShaderStage, front};

/// The card: RDNA 2, whose instructions Debian's Mesa knows.
const CARD: &str = "navi21";
/// Bytes that an invocation looks at in the hot block.
const BYTES: f64 = 16.0;
/// Numbers of bindings.
const BINDINGS: &str = "8";

/// The kernel as the driver gets it.
fn spirv() -> Vec<u8> {
    let module = front::wgsl::parse_str(&source()).unwrap();
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    let info = validator.validate(&module).unwrap();
    let entry = (ShaderStage::Compute, "anchor_scan");
    let constants = [("GROUP", f64::from(GROUP)), ("STEPS", f64::from(STEPS))];
    let constants = constants.map(|(name, value)| (name.to_owned(), value));
    let constants = constants.into_iter().collect();
    let (module, info) = process_overrides(&module, &info, Some(entry), &constants).unwrap();
    let options = spv::Options {
        lang_version: (1, 5),
        flags: spv::WriterFlags::empty(),
        // What wgpu asks for where the driver bounds buffers by itself.
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            image_load: BoundsCheckPolicy::Unchecked,
            binding_array: BoundsCheckPolicy::Unchecked,
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
        force_loop_bounding: true,
        ..spv::Options::default()
    };
    let pipeline = spv::PipelineOptions {
        shader_stage: entry.0,
        entry_point: entry.1.to_owned(),
    };
    let words = spv::write_vec(&module, &info, &options, Some(&pipeline)).unwrap();
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// RADV's manifest.
fn manifest() -> PathBuf {
    let folder = Path::new("/usr/share/vulkan/icd.d");
    let files = std::fs::read_dir(folder).expect("Vulkan manifests (mesa-vulkan-drivers)");
    let named = files
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("radeon_icd"));
    named.expect("RADV's manifest (Debian package mesa-vulkan-drivers)")
}

/// What the driver tells: statistics, then texts, the last of them the machine code.
fn compiled() -> String {
    let desk = crate::fixture::Desk::new();
    let shader = desk.file("anchor_scan.spv", spirv());
    let program = desk.path("static_cost");
    let built = Command::new("gcc")
        .args(["-std=c11", "-O1", "-o"])
        .arg(&program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/static_cost.c"))
        .arg("-lvulkan")
        .output()
        .expect("gcc");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "gcc with libvulkan-dev is needed: {said}"
    );
    let ran = Command::new(program)
        .arg(shader)
        .args(["anchor_scan", BINDINGS])
        .env("RADV_FORCE_FAMILY", CARD)
        .env("MESA_SHADER_CACHE_DISABLE", "true")
        .env("VK_ICD_FILENAMES", manifest())
        .env("NODEVICE_SELECT", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    String::from_utf8(ran.stdout).unwrap()
}

/// A number of the driver's statistics.
#[track_caller]
fn statistic(text: &str, name: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

/// The instructions of the block that loads sixteen bytes and looks them up.
fn hot_block(text: &str) -> Vec<&str> {
    let (_, code) = text.split_once("===== Assembly").expect("machine code");
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in code.lines() {
        if line.starts_with("BB") {
            blocks.push(Vec::new());
        } else if let (Some(block), Some(name)) =
            (blocks.last_mut(), line.split_whitespace().next())
        {
            block.push(name);
        }
    }
    let loads = |block: &Vec<&str>| {
        block
            .iter()
            .any(|name| name.ends_with("load_dwordx4") || name.ends_with("load_b128"))
    };
    let look_ups = |block: &Vec<&str>| block.iter().filter(|name| name.starts_with("ds_")).count();
    let mut hot = blocks
        .into_iter()
        .filter(|block| loads(block) && look_ups(block) >= 8);
    let block = hot.next().expect("a hot block");
    assert!(hot.next().is_none(), "one hot block");
    block
}

#[test]
fn the_kernel_costs_no_more_than_its_readme_says() {
    let text = compiled();
    let device = text.lines().next().unwrap().to_lowercase();
    assert!(device.contains(CARD), "{device}");
    let block = hot_block(&text);
    let count = |is: &dyn Fn(&str) -> bool| block.iter().filter(|name| is(name)).count() as f64;
    let vector = count(&|name| name.starts_with("v_"));
    // A multiplication of 32 bits takes four times as long as anything else.
    let slow = count(&|name| name.starts_with("v_mul_lo") || name.starts_with("v_mul_hi"));
    let slots = (vector + 3.0 * slow) / BYTES;
    let look_ups = count(&|name| name.starts_with("ds_")) / BYTES;
    println!(
        "{vector} vector instructions, {slow} slow; {slots} slots, {look_ups} look-ups a byte"
    );
    // The aim is 9.5; see the README for what is in the way.
    assert!(slots <= 12.0, "{slots} lane slots for each byte");
    assert!(look_ups <= 1.1, "{look_ups} look-ups for each byte");
    let memory = statistic(&text, "LDS size");
    assert!(memory <= 16 << 10, "{memory} bytes of workgroup memory");
    let waves = statistic(&text, "Subgroups per SIMD");
    assert!(waves >= 16, "{waves} waves on one SIMD");
}
