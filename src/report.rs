//! Findings as people and programs read them.

pub mod grid;
pub mod html;
mod jsonl;
mod table;
pub mod terminal;

use std::io::{self, Write};

use crate::finding::Finding;
use crate::finding::summary::Summary;

/// The shapes a result can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One line per finding, aligned, and a closing paragraph.
    Table,
    /// One JSON object per line; the last one is the summary.
    Jsonl,
}

/// Writes findings as they come, then the summary.
pub trait Report {
    /// Writes one finding, so that a reader at the other end of a pipe has it at once.
    ///
    /// # Errors
    /// When the writer fails.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;

    /// Writes the summary and flushes.
    ///
    /// # Errors
    /// When the writer fails.
    fn finish(&mut self, summary: &Summary) -> io::Result<()>;
}

/// A report of this format on a writer. `types` are the ids that may occur: the table aligns its
/// columns to the longest. `colour` paints severities for a terminal.
pub fn on<'w>(
    format: Format,
    types: &[&str],
    colour: bool,
    writer: Box<dyn Write + 'w>,
) -> Box<dyn Report + 'w> {
    match format {
        Format::Table => Box::new(table::Table::new(writer, types, colour)),
        Format::Jsonl => Box::new(jsonl::Jsonl::new(writer)),
    }
}
