//! JSON Lines: one record per line, flushed per record, so that `| jq` works while the scan runs.

use std::io::{self, Write};

use serde::Serialize;

use super::Report;
use crate::case::stored::Stored;
use crate::finding::Finding;
use crate::finding::summary::Summary;

pub(super) struct Jsonl<'w> {
    writer: Box<dyn Write + 'w>,
    line: Vec<u8>,
}

impl<'w> Jsonl<'w> {
    pub(super) fn new(writer: Box<dyn Write + 'w>) -> Self {
        Self {
            writer,
            line: Vec::new(),
        }
    }

    /// One write call per record: a reader never sees half a line of ours.
    pub(super) fn record(&mut self, record: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        self.writer.write_all(&self.line)?;
        self.writer.flush()
    }
}

impl Report for Jsonl<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.record(finding)
    }

    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        self.record(stored)
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.record(summary)
    }
}
