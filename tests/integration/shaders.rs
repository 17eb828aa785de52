//! The shaders without a device: they parse and validate, they stay within the default limits, and
//! what they share with the host has one layout and one value on both sides.

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::path::Path;

use keydredge::anchor::Hit;
use keydredge::anchor::gpu::layout::{BLOCK_FLAG, HitHeader, LiteralRecord, RunRecord, ScanParams};
use keydredge::anchor::gpu::pipeline::{ANCHOR_SCAN, GROUP, STEPS, source};
use keydredge::anchor::table::{BITMAP_LOG2, FOLD, HASH, SLOTS_LOG2};
use wgpu::naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use wgpu::naga::{AddressSpace, Literal, Module, TypeInner};

fn module() -> (Module, ModuleInfo) {
    let text = source();
    let module = wgpu::naga::front::wgsl::parse_str(&text)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string(&text)));
    (module, info)
}

/// Offsets of the members of a WGSL struct, and its size.
fn layout(module: &Module, name: &str) -> (Vec<(String, usize)>, usize) {
    let found = module
        .types
        .iter()
        .find(|(_, ty)| ty.name.as_deref() == Some(name));
    let Some((_, ty)) = found else {
        panic!("no shader defines a struct {name}");
    };
    let TypeInner::Struct { members, span } = &ty.inner else {
        panic!("{name} is not a struct");
    };
    let offsets = members
        .iter()
        .map(|member| (member.name.clone().unwrap(), member.offset as usize))
        .collect();
    (offsets, *span as usize)
}

macro_rules! assert_layout {
    ($module:expr, $wgsl:literal, $rust:ty { $($field:ident),* $(,)? }) => {
        let expected = vec![$((stringify!($field).to_owned(), offset_of!($rust, $field))),*];
        assert_eq!(layout($module, $wgsl), (expected, size_of::<$rust>()), $wgsl);
    };
}

#[test]
fn shared_structs_have_one_layout() {
    let (module, _) = module();
    assert_layout!(
        &module,
        "ScanParams",
        ScanParams {
            first_block,
            block_count,
            len,
            body_len,
            hit_capacity,
            run_count
        }
    );
    assert_layout!(
        &module,
        "LiteralRecord",
        LiteralRecord {
            pattern,
            mask,
            fold,
            len,
            window,
            anchor,
            reserved
        }
    );
    assert_layout!(
        &module,
        "RunRecord",
        RunRecord {
            starts,
            ends,
            members,
            range_count,
            high,
            anchor,
            reserved
        }
    );
    assert_layout!(&module, "Hit", Hit { at, anchor });
    let (members, _) = layout(&module, "HitBuffer");
    let expected = [
        ("demand".to_owned(), offset_of!(HitHeader, demand)),
        ("hits".to_owned(), size_of::<HitHeader>()),
    ];
    assert_eq!(members, expected);
}

#[test]
fn shared_constants_have_one_value() {
    let (module, _) = module();
    for (name, value) in [
        ("FOLD", FOLD),
        ("HASH", HASH),
        ("BITMAP_LOG2", BITMAP_LOG2),
        ("SLOTS_LOG2", SLOTS_LOG2),
        ("BLOCK_FLAG", BLOCK_FLAG),
    ] {
        let found = module
            .constants
            .iter()
            .find(|(_, constant)| constant.name.as_deref() == Some(name));
        let Some((_, constant)) = found else {
            panic!("no shader defines the constant {name}");
        };
        let told = match module.global_expressions[constant.init] {
            wgpu::naga::Expression::Literal(Literal::U32(told)) => told,
            ref other => panic!("{name} is {other:?}"),
        };
        assert_eq!(told, value, "{name}");
    }
    // The pipeline sets the overrides by name; the defaults in the text should not mislead.
    for (name, value) in [("GROUP", GROUP), ("STEPS", STEPS)] {
        let found = module
            .overrides
            .iter()
            .find(|(_, constant)| constant.name.as_deref() == Some(name));
        let init = found.and_then(|(_, constant)| constant.init).unwrap();
        assert!(
            matches!(
                module.global_expressions[init],
                wgpu::naga::Expression::Literal(Literal::U32(told)) if told == value
            ),
            "{name} is not {value}"
        );
    }
}

#[test]
fn shaders_fit_the_default_limits() {
    let (module, _) = module();
    let limits = wgpu::Limits::default();
    let (mut workgroup, mut storage, mut uniform) = (0, 0, 0);
    for (_, variable) in module.global_variables.iter() {
        match variable.space {
            AddressSpace::WorkGroup => {
                workgroup += module.types[variable.ty].inner.size(module.to_ctx());
            }
            AddressSpace::Storage { .. } => storage += 1,
            AddressSpace::Uniform => uniform += 1,
            _ => {}
        }
    }
    assert!(workgroup > 8192, "the bitmap alone is 8 KiB: {workgroup}");
    assert!(workgroup <= limits.max_compute_workgroup_storage_size);
    assert!(storage <= limits.max_storage_buffers_per_shader_stage);
    assert_eq!(uniform, 1);
    assert!(GROUP <= limits.max_compute_invocations_per_workgroup);
    assert!(GROUP <= limits.max_compute_workgroup_size_x);
}

#[test]
fn each_module_has_one_entry_point_named_like_its_file() {
    let (module, _) = module();
    let names: Vec<&str> = module
        .entry_points
        .iter()
        .map(|entry| entry.name.as_str())
        .collect();
    assert_eq!(names, ["anchor_scan"]);
}

#[test]
fn no_shader_file_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut there = BTreeSet::new();
    for folder in ["", "shared/"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".wgsl") {
                there.insert(format!("{folder}{name}"));
            }
        }
    }
    let listed: BTreeSet<String> = ANCHOR_SCAN
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(there, listed);
}
