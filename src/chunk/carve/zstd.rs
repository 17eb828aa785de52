//! A Zstandard frame (RFC 8878, section 3.1.1).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::input::Input;
use super::output::Output;
use super::{Ending, Limit, MAX_DECODED};

/// Reserved bit of the frame header descriptor: a decoder must refuse a frame that sets it.
const RESERVED: u8 = 1 << 3;

/// A last block without bytes, and a checksum that nobody compares. It makes the decoder hand out
/// what it holds back for blocks that refer to it.
const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

pub(super) fn decode(input: &mut Input<'_>, output: &mut Output<'_>) -> Option<Ending> {
    if input.peek().get(4)? & RESERVED != 0 {
        return None;
    }
    let mut frame = FrameDecoder::new();
    frame.set_max_window_size(super::input::to_u64(MAX_DECODED));
    match frame.init(&mut *input) {
        Ok(()) => {}
        Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
            return Some(Ending::Limited(Limit::Window));
        }
        Err(FrameDecoderError::DictNotProvided { .. }) => {
            return Some(Ending::Limited(Limit::Unsupported));
        }
        Err(_) => return None,
    }
    let one = || BlockDecodingStrategy::UptoBlocks(1);
    let ending = loop {
        if let Some(limit) = output.limit(input.consumed()) {
            break Ending::Limited(limit);
        }
        let ended = frame.decode_blocks(&mut *input, one());
        // Writing to memory cannot fail.
        let _written = frame.collect_to_writer(output.bytes());
        match ended {
            Ok(true) => return Some(Ending::Whole),
            Ok(false) => {}
            Err(_) => break Ending::Broken,
        }
    };
    if frame.decode_blocks(END.as_slice(), one()).is_ok() {
        let _written = frame.collect_to_writer(output.bytes());
    }
    Some(ending)
}
