//! Line and column of a position in a text file.

use std::sync::Arc;

use crate::image::Map;

/// Counts lines once, forwards: findings arrive in ascending order, so a file with many of them is
/// still read only once.
pub struct LineCounter {
    map: Arc<Map>,
    counted: usize,
    line: u64,
    line_start: usize,
}

impl LineCounter {
    /// Starts at the first line.
    #[must_use]
    pub fn new(map: Arc<Map>) -> Self {
        Self {
            map,
            counted: 0,
            line: 1,
            line_start: 0,
        }
    }

    /// Line and column of a byte, both from 1; columns count bytes.
    pub fn locate(&mut self, offset: u64) -> (u64, u64) {
        let bytes = self.map.bytes();
        let offset = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        if offset < self.counted {
            (self.counted, self.line, self.line_start) = (0, 1, 0);
        }
        for newline in memchr::memchr_iter(b'\n', &bytes[self.counted..offset]) {
            self.line += 1;
            self.line_start = self.counted + newline + 1;
        }
        self.counted = offset;
        (self.line, (offset - self.line_start + 1) as u64)
    }
}

/// Whether line numbers mean anything in this file: its first 8 KiB hold no NUL byte, the test
/// that grep and git use.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..8192).unwrap_or(bytes);
    memchr::memchr(0, head).is_none()
}
