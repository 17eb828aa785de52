//! A file in a ZIP archive, from its local header on (APPNOTE.TXT 6.3.10, section 4.3.7).
//!
//! The central directory at the end of an archive is often lost, and the sizes in a local header
//! are zero where the archive was written as a stream: the compressed bytes say where they end. A
//! stored file lies in plain sight, and so does one in a format with a magic number of its own.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use flate2::Decompress;

use super::input::Input;
use super::output::Output;
use super::{Ending, Limit, deflate};

/// Newest version of the format, 6.3, as it is written: ten times.
const NEWEST: u8 = 63;

/// The flag of an encrypted file, and those without a meaning (section 4.4.4).
const ENCRYPTED: u16 = 1;
const UNUSED: u16 = 0b1101_0111_1000_0000;

/// Longest name that is believed: the longest path of the common systems.
const MAX_NAME: u16 = 4096;

/// Compression methods (section 4.4.5).
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const BZIP2: u16 = 12;
const ZSTD: u16 = 93;
const XZ: u16 = 95;
/// Highest number that was ever given to a method.
const LAST_METHOD: u16 = 99;

pub(super) fn decode(
    inflate: &mut Decompress,
    input: &mut Input<'_>,
    output: &mut Output<'_>,
) -> Option<Ending> {
    let _magic: [u8; 4] = input.array()?;
    let [version, _system] = input.array()?;
    let flags = u16::from_le_bytes(input.array()?);
    let method = u16::from_le_bytes(input.array()?);
    let _time_date_checksum_sizes: [u8; 16] = input.array()?;
    let name = u16::from_le_bytes(input.array()?);
    let extra = u16::from_le_bytes(input.array()?);
    let sensible = version <= NEWEST
        && flags & UNUSED == 0
        && method <= LAST_METHOD
        && (1..=MAX_NAME).contains(&name);
    if !sensible {
        return None;
    }
    input.skip(usize::from(name))?;
    input.skip(usize::from(extra))?;
    match method {
        _ if flags & ENCRYPTED != 0 => Some(Ending::Limited(Limit::Encrypted)),
        DEFLATED => deflate::decode(inflate, input, output),
        STORED | BZIP2 | ZSTD | XZ => None,
        _ => Some(Ending::Limited(Limit::Unsupported)),
    }
}
