//! Lines of `authorized_keys` files: no secrets, but what says which private key opens a machine.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use super::{Validator, context};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[("ssh-authorized-key", line)];

/// The blob begins with the algorithm's name under its length (RFC 4253, section 6.6), and the line
/// repeats it.
fn line(candidate: &Candidate<'_>) -> Judgement {
    let text = candidate.secret();
    let mut words = text.splitn(2, |byte| *byte == b' ');
    let (algorithm, blob) = (words.next().unwrap_or(&[]), words.next().unwrap_or(&[]));
    let Ok(blob) = STANDARD.decode(blob) else {
        return Judgement::Reject("base64");
    };
    let named = blob.get(4..).and_then(|rest| rest.get(..algorithm.len()));
    let length = u32::try_from(algorithm.len()).ok().map(u32::to_be_bytes);
    if named != Some(algorithm) || blob.first_chunk::<4>().copied() != length {
        return Judgement::Reject("the blob is of another algorithm");
    }
    let digest = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
    // Options, or a mark that makes a comment of it, stand before the key on its line.
    let place = candidate.secret_range();
    let line = context::line_around(candidate.window, &place);
    let before = memchr::memmem::find(line, text).and_then(|at| line.get(..at));
    Proof::of(Verdict::Structure)
        .detail("public_key", format!("SHA256:{digest}"))
        .detail("algorithm", context::text(algorithm))
        .detail("options", context::text(before.unwrap_or(&[])).trim())
        .label("public key")
        .accept()
}
