//! Findings as people and programs read them.
//!
//! Every format is written as the findings come: none of them keeps the findings of a scan, so
//! that memory does not grow with what was found.

pub mod bloodhound;
mod csv;
mod dfxml;
pub mod explain;
pub mod grid;
pub mod html;
mod jsonl;
pub mod ocsf;
#[cfg(feature = "parquet")]
mod parquet;
mod sarif;
mod table;
mod tally;
pub mod terminal;

use std::io::{self, Write};

use crate::case::stored::Stored;
use crate::finding::Finding;
use crate::finding::summary::Summary;
use crate::rule::RuleSet;
use terminal::Look;

/// The shapes a result can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One line per finding, aligned, and a closing paragraph.
    Table,
    /// One JSON object per line; the last one is the summary.
    Jsonl,
    /// For spreadsheets.
    Csv,
    /// SARIF 2.1.0, for code-scanning dashboards.
    Sarif,
    /// OCSF 1.8.0, one event per line, for SIEMs and data lakes.
    Ocsf,
    /// Digital Forensics XML, for examiners' tools.
    Dfxml,
    /// Parquet, for data lakes.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// What a report must know before the first finding.
pub struct Setting<'s> {
    /// What is looked for.
    pub rules: &'s RuleSet,
    /// The inputs as the user named them.
    pub inputs: &'s [String],
    /// How a terminal shows it.
    pub look: Look,
}

/// Writes findings as they come, then the summary.
pub trait Report {
    /// Writes one finding, so that a reader at the other end of a pipe has it at once.
    ///
    /// # Errors
    /// When the writer fails.
    fn finding(&mut self, finding: &Finding) -> io::Result<()>;

    /// Writes one finding of a case, with what the case knows of it if the format has a place for
    /// that.
    ///
    /// # Errors
    /// When the writer fails.
    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        self.finding(&stored.finding)
    }

    /// Writes the summary and flushes.
    ///
    /// # Errors
    /// When the writer fails.
    fn finish(&mut self, summary: &Summary) -> io::Result<()>;
}

/// A report of this format on a writer.
pub fn on<'w>(
    format: Format,
    setting: &Setting<'_>,
    writer: Box<dyn Write + 'w>,
) -> Box<dyn Report + 'w> {
    match format {
        Format::Table => Box::new(table::Table::new(writer, setting)),
        Format::Jsonl => Box::new(jsonl::Jsonl::new(writer)),
        Format::Csv => Box::new(csv::Csv::new(writer)),
        Format::Sarif => Box::new(sarif::Sarif::new(writer, setting)),
        Format::Ocsf => Box::new(ocsf::Ocsf::new(writer)),
        Format::Dfxml => Box::new(dfxml::Dfxml::new(writer, setting)),
        #[cfg(feature = "parquet")]
        Format::Parquet => Box::new(parquet::Parquet::new(writer)),
    }
}
