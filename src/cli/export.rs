//! `keydredge case export`: a case in the formats of other tools.

use std::io::{self, Write};

use rusqlite::Connection;

use super::args::{ExportArgs, ExportFormat};
use super::exit::{Ended, Failure};
use super::output::Output;
use super::scan::load_rules;
use crate::case::stored;
use crate::graph::{self, path};
use crate::report::bloodhound::{self, ExportError};
use crate::report::terminal::Look;
use crate::report::{self, Format, Setting, ocsf};

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Case(error) => error.into(),
            ExportError::Output(error) => error.into(),
        }
    }
}

pub(super) fn run(args: &ExportArgs) -> Result<Ended, Failure> {
    let case = graph::open(&args.file)?;
    let connection = case.connection();
    let output = Output::open(&args.output)?;
    let mut writer = io::BufWriter::new(output.writer()?);
    match args.format {
        ExportFormat::Bloodhound => bloodhound::payload(connection, &mut writer)?,
        ExportFormat::BloodhoundExtension => bloodhound::extension(&mut writer)?,
        ExportFormat::Ocsf => {
            // All of them: an event stream has no place to say that some are missing.
            let ask = path::Ask {
                limit: usize::MAX >> 1,
                ..path::Ask::default()
            };
            ocsf::attack_paths(&path::named(connection, &ask)?, &mut writer)?;
            ocsf::attack_paths(&path::extras(connection, &ask)?, &mut writer)?;
            findings(connection, Format::Ocsf, writer)?;
        }
        ExportFormat::Jsonl => findings(connection, Format::Jsonl, writer)?,
        ExportFormat::Csv => findings(connection, Format::Csv, writer)?,
        ExportFormat::Sarif => findings(connection, Format::Sarif, writer)?,
        ExportFormat::Dfxml => findings(connection, Format::Dfxml, writer)?,
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => findings(connection, Format::Parquet, writer)?,
    }
    output.commit()?;
    Ok(Ended::Complete)
}

fn findings(
    connection: &Connection,
    format: Format,
    writer: impl Write + 'static,
) -> Result<(), Failure> {
    let mut summary = stored::summary(connection)?;
    let rules = load_rules(&[])?;
    let setting = Setting {
        rules: &rules,
        inputs: &summary.inputs,
        look: Look::default(),
    };
    let mut report = report::on(format, &setting, Box::new(writer));
    let mut written = 0;
    stored::each::<Failure>(connection, &mut |found| {
        written += 1;
        Ok(report.stored(found)?)
    })?;
    // What is in this output, whatever else the scans counted.
    summary.findings = written;
    report.finish(&summary)?;
    Ok(())
}
