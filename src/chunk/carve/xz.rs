//! An .xz stream (The .xz File Format 1.2.1, section 2).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::io::ErrorKind;

use lzma_rust2::{Action, Status, XzStream};

use super::deflate::since;
use super::input::Input;
use super::output::Output;
use super::{Ending, Limit};

/// Most memory a decoder may take, in KiB: the dictionary of the highest preset, 64 MiB, and some.
const MAX_MEMORY: u32 = 66 << 10;

pub(super) fn decode(input: &mut Input<'_>, output: &mut Output<'_>) -> Option<Ending> {
    // The first flag byte is zero, and so are the upper four bits of the second.
    let header = input.peek().get(6..8)?;
    if !matches!(header, [0, check] if *check < 16) {
        return None;
    }
    let mut stream = XzStream::new_mem_limit(false, MAX_MEMORY);
    loop {
        if let Some(limit) = output.limit(input.consumed()) {
            return Some(Ending::Limited(limit));
        }
        let (taken, given) = (stream.total_in(), stream.total_out());
        let stored = input.peek();
        let action = match stored.is_empty() {
            true => Action::Finish,
            false => Action::Run,
        };
        let result = output.write(|space| {
            let result = stream.process(stored, space, action);
            (since(stream.total_out(), given), result)
        });
        input.consume(since(stream.total_in(), taken));
        let stuck = stream.total_in() == taken && stream.total_out() == given;
        match result {
            Ok(result) if result.status == Status::StreamEnd => return Some(Ending::Whole),
            Ok(_) if stuck => return Some(Ending::Broken),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                return Some(Ending::Limited(Limit::Window));
            }
            Err(_) => return Some(Ending::Broken),
        }
    }
}
