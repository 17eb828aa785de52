//! `keydredge case report`: the case as one file that people read.

use std::io::{self, Write};
use std::path::Path;

use super::args::ReportArgs;
use super::exit::{Ended, Failure};
use super::output::Output;
use crate::case::CaseError;
use crate::graph;
use crate::report::html::{Bounds, HtmlError, Page};

impl From<HtmlError> for Failure {
    fn from(error: HtmlError) -> Self {
        match error {
            HtmlError::Output(error) => error.into(),
            other => Self::usage(other.to_string()),
        }
    }
}

pub(super) fn run(args: &ReportArgs) -> Result<Ended, Failure> {
    let bounds = Bounds {
        paths: args.paths,
        findings: args.findings,
        ..Bounds::default()
    };
    let output = Output::open(&args.html)?;
    write_report(&args.file, &title(&args.file), bounds, output)?;
    Ok(Ended::Complete)
}

/// Writes the report of a case.
pub(super) fn write_report(
    case: &Path,
    title: &str,
    bounds: Bounds,
    output: Output,
) -> Result<(), Failure> {
    let connection = graph::read(case)?;
    // All of it as of one moment, and none of thousands of queries asks for the lock again.
    let moment = connection
        .unchecked_transaction()
        .map_err(CaseError::from)?;
    let page = Page::load(&moment, title, bounds)?;
    let mut writer = io::BufWriter::new(output.writer()?);
    page.write(&moment, &mut writer)?;
    writer.flush()?;
    drop(writer);
    output.commit()
}

/// What a case is called: its file, without the folders, which say where somebody works.
pub(super) fn title(case: &Path) -> String {
    let name = case.file_name().unwrap_or(case.as_os_str());
    name.to_string_lossy().into_owned()
}
