//! A bzip2 stream: `BZh`, the block size, and blocks that begin with the digits of pi.
//!
//! After a damaged block the next ones could still be read, but they begin at any bit; they are
//! not looked for.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use bzip2::{Decompress, Status};

use super::Ending;
use super::deflate::since;
use super::input::Input;
use super::output::Output;

/// What the first block begins with.
const BLOCK: &[u8] = &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59];

pub(super) fn decode(input: &mut Input<'_>, output: &mut Output<'_>) -> Option<Ending> {
    if input.peek().get(4..10)? != BLOCK {
        return None;
    }
    let mut stream = Decompress::new(false);
    loop {
        if let Some(limit) = output.limit(input.consumed()) {
            return Some(Ending::Limited(limit));
        }
        let (taken, given) = (stream.total_in(), stream.total_out());
        let stored = input.peek();
        let status = output.write(|space| {
            let status = stream.decompress(stored, space);
            (since(stream.total_out(), given), status)
        });
        input.consume(since(stream.total_in(), taken));
        let stuck = stream.total_in() == taken && stream.total_out() == given;
        match status {
            Ok(Status::StreamEnd) => return Some(Ending::Whole),
            Ok(_) if !stuck => {}
            _ => return Some(Ending::Broken),
        }
    }
}
