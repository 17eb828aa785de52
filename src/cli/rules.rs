//! `keydredge rules`: proving rule files, and one to begin with.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::args::RulesCommand;
use super::exit::{Ended, Failure};
use crate::report::terminal::visible;
use crate::rule::load::{EXAMPLE, catalogue, load};
use crate::specimen::check::check;

pub(super) fn run(command: &RulesCommand) -> Result<Ended, Failure> {
    match command {
        RulesCommand::Check { files } => prove(files),
        RulesCommand::Example => {
            io::stdout().lock().write_all(EXAMPLE.as_bytes())?;
            Ok(Ended::Complete)
        }
    }
}

fn prove(files: &[PathBuf]) -> Result<Ended, Failure> {
    let mut texts = Vec::new();
    for path in files {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        texts.push((path.to_string_lossy().into_owned(), text));
    }
    let own = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let rules = if files.is_empty() {
        catalogue()
    } else {
        load(own)
    };
    let rules = rules.map_err(|error| Failure::usage(error.to_string()))?;
    let report = check(&rules);
    let mut out = io::stdout().lock();
    for problem in &report.problems {
        writeln!(out, "{}", visible(&problem.to_string()))?;
    }
    writeln!(
        out,
        "{} types, {} variants: {} examples found, {} counter-examples not found, {} problems.",
        rules.types.len(),
        report.variants,
        report.examples,
        report.counter_examples,
        report.problems.len()
    )?;
    if report.problems.is_empty() {
        return Ok(Ended::Complete);
    }
    Err(Failure::usage(format!(
        "{} rules cannot be trusted",
        report.problems.len()
    )))
}
