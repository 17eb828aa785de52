//! The command line: the only module that prints.

mod args;
mod bench;
mod case;
mod demo;
mod devices;
pub mod exit;
mod export;
mod fleet;
mod generate;
mod info;
mod look;
mod output;
mod progress;
mod report;
mod rules;
mod scan;
mod serve;
mod types;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use exit::{Ended, Failure};

use crate::report::terminal::visible;

/// Runs the program with the process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let ended = match arguments.command {
        Command::Scan(scan) => scan::run(&scan),
        Command::Demo(demo) => demo::run(&demo),
        Command::Info(info) => info::run(&info),
        Command::Types(types) => types::run(&types),
        Command::Rules { command } => rules::run(&command),
        Command::Devices => devices::run(),
        Command::Bench(bench) => bench::run(&bench),
        Command::Case { command } => case::run(&command),
        Command::Generate { command } => generate::run(&command),
    };
    match ended {
        Ok(ended) => ended.into(),
        // Whoever read our output has seen enough.
        Err(Failure {
            ended: Ended::BrokenPipe,
            ..
        }) => Ended::Complete.into(),
        Err(Failure { ended, message }) => {
            // Some messages show a line of a rule file under the sentence.
            let lines: Vec<String> = message.lines().map(visible).collect();
            let _unwritable = writeln!(io::stderr(), "keydredge: {}", lines.join("\n"));
            ended.into()
        }
    }
}

/// Help and version are what was asked for; anything else is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    let _unwritable = error.print();
    if error.use_stderr() {
        Ended::Usage.into()
    } else {
        Ended::Complete.into()
    }
}
