//! A gzip member (RFC 1952, section 2.3).
//!
//! A file of several members is several streams, each found by its own magic number.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use flate2::Decompress;

use super::input::Input;
use super::output::Output;
use super::{Ending, deflate};

const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

/// Checksum and length after the compressed bytes.
const TRAILER: usize = 8;

/// Longest name or comment that is believed. Nothing bounds them, but a name is a file name.
const MAX_TEXT: usize = 64 << 10;

pub(super) fn decode(
    inflate: &mut Decompress,
    input: &mut Input<'_>,
    output: &mut Output<'_>,
) -> Option<Ending> {
    let [_, _, _, flags, _, _, _, _, effort, system] = input.array()?;
    let known_effort = matches!(effort, 0 | 2 | 4);
    let known_system = system <= 13 || system == 255;
    if flags >= 0x20 || !known_effort || !known_system {
        return None;
    }
    if flags & EXTRA != 0 {
        let len = u16::from_le_bytes(input.array()?);
        input.skip(usize::from(len))?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            (0..MAX_TEXT).find_map(|_| match input.byte() {
                Some(0) => Some(Some(())),
                Some(_) => None,
                None => Some(None),
            })??;
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        input.skip(2)?;
    }
    let ending = deflate::decode(inflate, input, output)?;
    if ending == Ending::Whole {
        // A missing trailer takes nothing from what was decoded.
        let _cut = input.skip(TRAILER);
    }
    Some(ending)
}
