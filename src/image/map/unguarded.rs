//! Platforms where a failed read of a map cannot be caught: nothing is ever recorded by a fault.
//!
//! Windows refuses to truncate a file that is mapped, which leaves only failing media, and those
//! end the process with an in-page error: loud, never a clean result.

use std::fs::File;
use std::io;

use super::record::Record;

#[derive(Debug)]
pub(super) struct Guard(Record);

impl Guard {
    pub(super) fn new(memory: &[u8], _: &File) -> io::Result<Self> {
        const PAGE: usize = 4096;
        Ok(Self(Record::new(memory.len(), PAGE)))
    }

    pub(super) fn record(&self) -> &Record {
        &self.0
    }
}
