//! `keydredge case report`: the case as one file that people read.

use std::io::{self, Write};
use std::path::Path;

use super::args::ReportArgs;
use super::exit::{Ended, Failure};
use super::output::Output;
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
    let connection = graph::read(&args.file)?;
    let bounds = Bounds {
        paths: args.paths,
        findings: args.findings,
        ..Bounds::default()
    };
    let page = Page::load(&connection, &title(&args.file), bounds)?;
    let output = Output::open(&args.html)?;
    let mut writer = io::BufWriter::new(output.writer()?);
    page.write(&connection, &mut writer)?;
    writer.flush()?;
    drop(writer);
    output.commit()?;
    Ok(Ended::Complete)
}

/// What a case is called: its file, without the folders, which say where somebody works.
pub(super) fn title(case: &Path) -> String {
    let name = case.file_name().unwrap_or(case.as_os_str());
    name.to_string_lossy().into_owned()
}
