//! The formats of a service's keys, from the generation with a checksum to the one without.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::confirm::Proof;
use crate::confirm::validate::identifiable::{self, Provider, Signed};
use crate::confirm::validate::{cask, encoding, entropy, placeholder};
use crate::finding::Verdict;

/// What the keys of a service look like.
pub(super) struct Format {
    /// Bytes of a key in base64.
    pub(super) len: usize,
    /// Signature and seeds of its identifiable keys, if it issues such.
    pub(super) signed: Option<&'static Provider>,
    /// Signature of its annotated keys, if it issues such.
    pub(super) annotated: Option<[u8; 4]>,
}

impl Format {
    /// A proof as strong as the key's own format allows; `None` for what is no key of the service,
    /// which includes keys of others.
    pub(super) fn prove(&self, key: &[u8]) -> Option<Proof> {
        if cask::is_annotated(key) {
            return cask::proof(key, self.annotated?);
        }
        let raw = encoding::base64(key)?;
        if raw.len() != self.len {
            return None;
        }
        let signed = self.signed.map_or(Signed::Not, |provider| {
            identifiable::read(key, self.len, provider)
        });
        match signed {
            Signed::Under(_) => Some(Proof::of(Verdict::Checksum)),
            Signed::Broken => None,
            Signed::Not if identifiable::is_signed(key, self.len) => None,
            Signed::Not => is_random(key).then(|| Proof::of(Verdict::Structure)),
        }
    }
}

/// Whether base64 of 32 or 64 bytes looks drawn by a machine. Of random keys one in a million
/// shows less than these.
pub(super) fn is_random(key: &[u8]) -> bool {
    let floor = if key.len() > 60 { 4.5 } else { 4.0 };
    let len = key.iter().take_while(|byte| **byte != b'=').count();
    entropy::bits_per_byte(key.get(..len).unwrap_or(&[])) >= floor
}

/// Whether a person typed the key: the part before its signature is looked at, since what follows
/// is the same in many keys.
pub(super) fn is_typed(key: &[u8]) -> bool {
    let random = match key.len() {
        84 | 88 if cask::is_annotated(key) => key.get(..52),
        88 => key.get(..76),
        44 => key.get(..33),
        52 => key.get(..42),
        54 | 56 => key.get(..44),
        _ => None,
    };
    placeholder::is_typed(random.unwrap_or(key))
}
