//! Windows over bytes that arrive once and in order: standard input, pipes, files that cannot be
//! mapped.
//!
//! The windows are those a mapped image of the same bytes would be cut into, so that piping a disk
//! finds what mapping it finds. At most one window is held besides those the caller keeps.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::unit::ImageOffset;

/// Cuts what a reader yields into windows; iterate over it to get them.
///
/// A failing read ends the stream like its end would, except that the error comes as the last item:
/// nothing that was read before it is lost.
#[derive(Debug)]
pub struct Stream<R> {
    reader: R,
    body: usize,
    before: usize,
    after: usize,
    /// What was read and may still be needed.
    held: Vec<u8>,
    /// Position of the first held byte.
    at: u64,
    /// Where in `held` the next body begins.
    next: usize,
    ended: bool,
    failure: Option<io::Error>,
}

/// One window of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPiece {
    /// Position of the window's first byte.
    pub at: ImageOffset,
    /// The body, as a range of the window. Bodies tile the stream at multiples of the body length.
    pub body: Range<usize>,
    /// The window: margin, body, margin.
    pub bytes: Arc<[u8]>,
}

/// Why a stream ended before its end.
#[derive(Debug, thiserror::Error)]
#[error(
    "the input could not be read beyond byte {at}: {reason}; everything before that byte was \
     searched, nothing after it"
)]
pub struct StreamError {
    /// Number of bytes that were read.
    pub at: ImageOffset,
    /// The operating system's answer.
    pub reason: io::Error,
}

impl<R: Read> Stream<R> {
    /// Windows of `body_len` bytes with up to `before` and `after` bytes around them. A body
    /// length of zero counts as one.
    pub fn new(reader: R, body_len: usize, before: usize, after: usize) -> Self {
        Self {
            reader,
            body: body_len.max(1),
            before,
            after,
            held: Vec::new(),
            at: 0,
            next: 0,
            ended: false,
            failure: None,
        }
    }

    /// Reads until `len` bytes are held or no more come.
    fn fill(&mut self, len: usize) {
        while !self.ended {
            let missing = len.saturating_sub(self.held.len());
            if missing == 0 {
                return;
            }
            self.held.reserve_exact(missing);
            let limit = u64::try_from(missing).unwrap_or(u64::MAX);
            // Copes with short and interrupted reads; what came before an error stays in `held`.
            match self.reader.by_ref().take(limit).read_to_end(&mut self.held) {
                Ok(read) => self.ended = read < missing,
                // A pipe someone else set to non-blocking: its writer is only slow.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
    }
}

impl<R: Read> Iterator for Stream<R> {
    type Item = Result<StreamPiece, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        let body = self.next;
        self.fill(body.saturating_add(self.body).saturating_add(self.after));
        let body_end = body.saturating_add(self.body).min(self.held.len());
        if body_end <= body {
            let at = position(self.at, self.held.len());
            return self
                .failure
                .take()
                .map(|reason| Err(StreamError { at, reason }));
        }
        let start = body.saturating_sub(self.before);
        let end = body_end.saturating_add(self.after).min(self.held.len());
        let piece = StreamPiece {
            at: position(self.at, start),
            body: body.saturating_sub(start)..body_end.saturating_sub(start),
            bytes: self.held.get(start..end).unwrap_or_default().into(),
        };
        // What the next window does not reach back to is dropped.
        let done = body_end.saturating_sub(self.before);
        self.held.drain(..done);
        self.at = position(self.at, done).0;
        self.next = body_end.saturating_sub(done);
        Some(Ok(piece))
    }
}

fn position(at: u64, index: usize) -> ImageOffset {
    ImageOffset(at).plus(u64::try_from(index).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "tests write plain numbers and lists"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Yields its bytes in the given portions, with an interruption before each, then fails or
    /// ends.
    struct Portions {
        bytes: Vec<u8>,
        at: usize,
        portions: Vec<usize>,
        turn: usize,
        failure: Option<ErrorKind>,
    }

    impl Read for Portions {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.turn += 1;
            match self.turn % 3 {
                0 => return Err(ErrorKind::Interrupted.into()),
                1 if self.turn % 7 == 1 => return Err(ErrorKind::WouldBlock.into()),
                _ => {}
            }
            let left = &self.bytes[self.at..];
            if left.is_empty() {
                return self.failure.map_or(Ok(0), |kind| Err(kind.into()));
            }
            let portion = self.portions[self.turn % self.portions.len()];
            let count = portion.min(left.len()).min(buf.len());
            buf[..count].copy_from_slice(&left[..count]);
            self.at += count;
            Ok(count)
        }
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 % 251) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn windows_are_those_of_the_whole(
            len in 0_usize..400,
            portions in prop::collection::vec(1_usize..90, 1..8),
            (body, before, after) in (1_usize..90, 0_usize..120, 0_usize..120),
            fails in any::<bool>(),
        ) {
            let whole = bytes(len);
            let reader = Portions {
                bytes: whole.clone(),
                at: 0,
                portions,
                turn: 0,
                failure: fails.then_some(ErrorKind::ConnectionReset),
            };
            let mut stream = Stream::new(reader, body, before, after);
            let mut next = 0;
            while next < len {
                let end = (next + body).min(len);
                let piece = stream.next().unwrap().unwrap();
                let start = next.saturating_sub(before);
                prop_assert_eq!(piece.at, ImageOffset(start as u64));
                prop_assert_eq!(&piece.bytes[..], &whole[start..(end + after).min(len)]);
                prop_assert_eq!(piece.body, next - start..end - start);
                next = end;
            }
            if fails {
                let error = stream.next().unwrap().unwrap_err();
                prop_assert_eq!(error.at, ImageOffset(len as u64));
                prop_assert_eq!(error.reason.kind(), ErrorKind::ConnectionReset);
            }
            prop_assert!(stream.next().is_none());
            prop_assert!(stream.next().is_none());
        }
    }

    #[test]
    fn the_position_of_a_failure_is_told_in_hexadecimal() {
        let error = StreamError {
            at: ImageOffset(4096),
            reason: ErrorKind::ConnectionReset.into(),
        };
        assert!(error.to_string().contains("beyond byte 0x1000"), "{error}");
    }

    #[test]
    fn an_endless_stream_is_held_one_window_at_a_time() {
        let mut stream = Stream::new(io::repeat(7), 1000, 100, 200);
        for _ in 0..10_000 {
            stream.next().unwrap().unwrap();
            assert!(stream.held.capacity() <= 1300, "{}", stream.held.capacity());
        }
        assert_eq!(stream.at + stream.next as u64, 10_000_000);
    }
}
