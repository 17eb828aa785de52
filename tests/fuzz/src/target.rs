//! What is fuzzed, by name.

mod container;
mod inventory;
mod rule;
mod secret;
mod stream;
mod volume;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Base;

/// One target.
pub struct Target {
    /// Reads one input. Whatever the bytes, it comes back.
    pub read: Box<dyn Fn(&[u8]) + Send + Sync>,
    /// Inputs to begin with that need no file.
    pub seeds: Vec<Vec<u8>>,
}

impl Target {
    fn new(read: impl Fn(&[u8]) + Send + Sync + 'static, seeds: Vec<Vec<u8>>) -> Self {
        let read = Box::new(read);
        Self { read, seeds }
    }

    /// A target whose inputs are edits of images: it begins with each as it is.
    fn edits(bases: &[Arc<Base>], read: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        let number = |index| u8::try_from(index).expect("fewer bases than a byte counts");
        Self::new(
            read,
            (0..bases.len()).map(|index| vec![number(index)]).collect(),
        )
    }
}

/// A folder of this process for inputs that become files; `tests/fuzz.sh` removes it.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("keydredge-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The target that `FUZZ_TARGET` names.
pub fn chosen() -> Target {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names the target");
    match name.as_str() {
        "ewf" | "qcow2" | "vdi" | "vhd" | "vhdx" | "vmdk" => container::target(&name),
        "btrfs" | "exfat" | "ext" | "fat" | "ntfs" | "partitions" | "xfs" => volume::target(&name),
        "inventories" => inventory::target(),
        "rules" => rule::target(),
        "keys" | "texts" => secret::target(&name),
        "streams" => stream::target(),
        _ => panic!("there is no target {name:?}"),
    }
}
