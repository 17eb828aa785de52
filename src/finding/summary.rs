//! The last line of the output: what was read, what was not, and how it was done.
//!
//! A scan that found nothing is only worth something if it says what it looked at. Whatever was
//! not read is listed here and makes the scan incomplete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A range of an input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The input or file.
    pub input: String,
    /// First byte not read.
    pub start: u64,
    /// First byte after it.
    pub end: u64,
}

/// Bytes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first one.
    pub start: u64,
    /// The first one after it.
    pub end: u64,
}

/// Name and hash of what was looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// BLAKE3 of the rule files, hex.
    pub hash: String,
    /// Number of secret types looked for.
    pub types: usize,
    /// Number of anchors they have.
    pub anchors: usize,
    /// Whether lines of `authorized_keys` and `known_hosts` were looked for too, as for a case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_lines: bool,
}

/// What was searched beside the bytes of a disk in their order: bytes of files that lie there in
/// pieces or encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondPass {
    /// Places where files go on elsewhere.
    pub seams: u64,
    /// Pieces of encoded content.
    pub encoded: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Wall time, in which nothing else was done.
    pub seconds: f64,
}

/// The summary record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`Summary::SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// Whether every byte asked for was read and searched.
    pub complete: bool,
    /// The bytes of each input that were asked for, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Span>,
    /// The inputs as the user named them.
    pub inputs: Vec<String>,
    /// Files and images opened.
    pub files: u64,
    /// Bytes searched.
    pub bytes_read: u64,
    /// Bytes not searched because they were never written, by the word of the file system or the
    /// container.
    pub bytes_skipped: u64,
    /// Bytes that could not be read.
    pub bytes_unreadable: u64,
    /// Where those lie.
    pub unreadable: Vec<Unreadable>,
    /// Inputs that changed while they were read.
    pub changed: Vec<String>,
    /// What else a reader of the result should know: files that could not be opened, containers
    /// that were read as they lie.
    pub warnings: Vec<String>,
    /// Chunks searched.
    pub chunks: u64,
    /// Anchors found.
    pub hits: u64,
    /// Hits whose regex matched.
    pub candidates: u64,
    /// Candidates that a checksum or parser disproved.
    pub rejected: u64,
    /// Findings reported.
    pub findings: u64,
    /// Findings held back, by reason.
    pub suppressed: BTreeMap<String, u64>,
    /// Compressed streams that were decoded and searched.
    #[serde(default)]
    pub streams: u64,
    /// Bytes they gave.
    #[serde(default)]
    pub bytes_decoded: u64,
    /// What was put together from what file systems say, and searched.
    #[serde(default)]
    pub second_pass: SecondPass,
    /// Compressed streams that were left alone, or left before their end, by the limit that
    /// stopped it: `carve-depth`, `carve-ratio`; and values of deployments that were not decoded,
    /// because they are too long: `value-length`; and joins of a disk's fragmented files that no
    /// stream was followed across, because there are millions: `joins`. What lies beyond was not
    /// searched; the bytes as they are stored were, so the scan is complete all the same.
    #[serde(default)]
    pub limits: BTreeMap<String, u64>,
    /// The engine used: `cpu`, `gpu` or `reference`.
    pub engine: String,
    /// What it ran on.
    pub adapter: String,
    /// Threads that confirmed (and, without a GPU, searched).
    pub threads: usize,
    /// What was looked for.
    pub rules: Rules,
    /// Wall time of the scan.
    pub seconds: f64,
}

impl Summary {
    /// Name and version of the record.
    pub const SCHEMA: &'static str = "keydredge.summary/1";
    /// What was read by several scans together: what one of them left out is still left out.
    #[must_use]
    pub fn of_all<'s>(scans: impl IntoIterator<Item = &'s Self>) -> Self {
        let mut all = Self {
            schema: Self::SCHEMA.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            complete: true,
            ..Self::default()
        };
        for scan in scans {
            all.add(scan);
        }
        all
    }

    fn add(&mut self, scan: &Self) {
        self.complete &= scan.complete;
        self.inputs.extend_from_slice(&scan.inputs);
        self.unreadable.extend_from_slice(&scan.unreadable);
        self.changed.extend_from_slice(&scan.changed);
        self.warnings.extend_from_slice(&scan.warnings);
        for (sum, more) in [
            (&mut self.files, scan.files),
            (&mut self.bytes_read, scan.bytes_read),
            (&mut self.bytes_skipped, scan.bytes_skipped),
            (&mut self.bytes_unreadable, scan.bytes_unreadable),
            (&mut self.chunks, scan.chunks),
            (&mut self.hits, scan.hits),
            (&mut self.candidates, scan.candidates),
            (&mut self.rejected, scan.rejected),
            (&mut self.findings, scan.findings),
            (&mut self.streams, scan.streams),
            (&mut self.bytes_decoded, scan.bytes_decoded),
            (&mut self.second_pass.seams, scan.second_pass.seams),
            (&mut self.second_pass.encoded, scan.second_pass.encoded),
            (&mut self.second_pass.bytes, scan.second_pass.bytes),
        ] {
            *sum = sum.saturating_add(more);
        }
        for (sums, more) in [
            (&mut self.suppressed, &scan.suppressed),
            (&mut self.limits, &scan.limits),
        ] {
            for (reason, count) in more {
                let sum = sums.entry(reason.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        self.seconds += scan.seconds;
        self.second_pass.seconds += scan.second_pass.seconds;
        self.threads = self.threads.max(scan.threads);
        // The newest scan comes last.
        self.engine.clone_from(&scan.engine);
        self.adapter.clone_from(&scan.adapter);
        self.rules.clone_from(&scan.rules);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_scan_did_not_read_is_not_read_by_all_of_them() {
        let of = |complete, bytes_read, warning: &str| Summary {
            complete,
            bytes_read,
            warnings: vec![warning.to_owned()],
            ..Summary::default()
        };
        let all = Summary::of_all([&of(true, 10, "a"), &of(false, 5, "b")]);
        assert!(!all.complete);
        assert_eq!((all.bytes_read, all.warnings.len()), (15, 2));
        assert!(Summary::of_all([&of(true, 1, "")]).complete);
    }
}
