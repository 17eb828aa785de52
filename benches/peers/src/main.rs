//! keydredge's engines and other literal matchers, at the same literals over the same bytes.
//!
//! ```text
//! cargo run --release -- [--mib N] [--all] [DIR...]
//! ```
//!
//! `DIR` (default `/usr`) is where the bytes come from. Every peer searches every slice; a row
//! whose count differs from the first is refused. `BIAS.md` says what this does not show.

mod data;
mod hyperscan;
mod matcher;
mod table;

use std::process::ExitCode;

use data::{Kind, sample};
use table::Row;

/// Bytes of each kind, in MiB, if not told otherwise.
const MIB: usize = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (mut mib, mut roots, mut slow) = (MIB, Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--mib" => {
                let value = arguments.next().and_then(|value| value.parse().ok());
                mib = value.ok_or("--mib takes a number")?;
            }
            "--all" => slow = true,
            other if other.starts_with('-') => return Err(format!("`{other}` is no option")),
            root => roots.push(root.to_owned()),
        }
    }
    if roots.is_empty() {
        roots.push("/usr".to_owned());
    }
    println!("{}\n", table::machine());
    for (title, literals) in matcher::sets()? {
        let mut peers = matcher::peers(&literals, slow)?;
        for kind in Kind::ALL {
            let slices = sample(&roots, kind, mib << 20)?;
            let rows: Vec<Row> = table::measure(&mut peers, &slices);
            println!("{}\n", table::shown(&title, kind, &slices, &rows));
        }
    }
    Ok(())
}
