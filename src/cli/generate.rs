//! `keydredge generate`: what a package installs beside the program.

use std::fs;
use std::io;

use clap::CommandFactory;

use super::args::{Arguments, GenerateCommand};
use super::exit::{Ended, Failure};

pub(super) fn run(command: &GenerateCommand) -> Result<Ended, Failure> {
    let mut program = Arguments::command();
    match command {
        GenerateCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut program, "keydredge", &mut script);
            io::Write::write_all(&mut io::stdout().lock(), &script)?;
        }
        GenerateCommand::Man { dir } => {
            let failed = |error: io::Error| {
                Failure::usage(format!(
                    "cannot write manual pages to {}: {error}",
                    dir.display()
                ))
            };
            fs::create_dir_all(dir).map_err(failed)?;
            clap_mangen::generate_to(program, dir).map_err(failed)?;
        }
    }
    Ok(Ended::Complete)
}
