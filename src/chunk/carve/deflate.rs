//! Bare DEFLATE (RFC 1951), which gzip and ZIP wrap.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use flate2::{Decompress, FlushDecompress, Status};

use super::Ending;
use super::input::Input;
use super::output::Output;

/// Decodes until the last block ends; `None` if the first block cannot be one.
pub(super) fn decode(
    inflate: &mut Decompress,
    input: &mut Input<'_>,
    output: &mut Output<'_>,
) -> Option<Ending> {
    // The second and third bit tell the type of the block, and there is no type 3.
    if input.peek().first()? & 0b110 == 0b110 {
        return None;
    }
    input.end_header();
    inflate.reset(false);
    loop {
        if let Some(limit) = output.limit(input.consumed()) {
            return Some(Ending::Limited(limit));
        }
        let (taken, given) = (inflate.total_in(), inflate.total_out());
        let stored = input.peek();
        let ended = stored.is_empty();
        let status = output.write(|space| {
            let status = inflate.decompress(stored, space, FlushDecompress::None);
            (since(inflate.total_out(), given), status)
        });
        input.consume(since(inflate.total_in(), taken));
        match status {
            Ok(Status::StreamEnd) => return Some(Ending::Whole),
            Ok(_) if ended && inflate.total_out() == given => return Some(Ending::Broken),
            // Neither takes nor gives anything: nothing will change that.
            Ok(Status::BufError) if inflate.total_in() == taken => return Some(Ending::Broken),
            Ok(_) => {}
            Err(_) => return Some(Ending::Broken),
        }
    }
}

/// How far a counter has come.
pub(super) fn since(now: u64, before: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}
