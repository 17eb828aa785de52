//! Coverage-guided fuzzing of everything that reads a stranger's bytes; `tests/fuzz.sh` builds and
//! runs it.
//!
//! One program holds every target, so that the library is built and instrumented once;
//! `FUZZ_TARGET` names the one to run, `FUZZ_DATA` the folder with its base images, and
//! `FUZZ_SEEDS` one to write the inputs to that it begins with.

#![no_main]

mod base;
mod edit;
mod seal;
mod target;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use target::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let target = target::chosen();
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        for (number, seed) in target.seeds.iter().enumerate() {
            fs::write(Path::new(&folder).join(format!("seed-{number}")), seed).unwrap();
        }
    }
    target
});

fuzz_target!(
    init: {
        // Base images are read before the clock of the first input runs.
        LazyLock::force(&TARGET);
    },
    |input: &[u8]| (TARGET.read)(input)
);
