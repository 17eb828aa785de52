//! Makes a disk with planted secrets and its truth table, from a seed.

use std::path::Path;
use std::{env, fs, process};

use keydredge::specimen::disk;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let [seed, mib, folder] = args.as_slice() else {
        usage("expected SEED MIB DIR")
    };
    let Some(len) = mib
        .parse::<usize>()
        .ok()
        .and_then(|mib| mib.checked_mul(1 << 20))
    else {
        usage(&format!("`{mib}` is not a number of MiB"))
    };
    if let Err(error) = write(seed, len, Path::new(folder)) {
        usage(&error);
    }
}

fn write(seed: &str, len: usize, folder: &Path) -> Result<(), String> {
    let (image, truth) = disk::build(seed, len).map_err(|error| error.to_string())?;
    let mut rows = String::new();
    for row in &truth {
        rows.push_str(&serde_json::to_string(row).map_err(|error| error.to_string())?);
        rows.push('\n');
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(folder.join("disk.img"), image))
        .and_then(|()| fs::write(folder.join("truth.jsonl"), rows))
        .map_err(|error| format!("{}: {error}", folder.display()))
}

#[allow(
    clippy::print_stderr,
    reason = "a generator for developers, run by hand"
)]
fn usage(problem: &str) -> ! {
    eprintln!("datasets: {problem}\nusage: datasets SEED MIB DIR");
    process::exit(2)
}
