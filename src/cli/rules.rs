//! `keydredge rules`.

use super::args::RulesCommand;
use super::exit::{Ended, Failure};

pub(super) fn run(command: &RulesCommand) -> Result<Ended, Failure> {
    let RulesCommand::Check { files } = command;
    let _rules = super::scan::load_rules(files)?;
    Ok(Ended::Complete)
}
