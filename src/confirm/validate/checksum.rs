//! Tokens that carry a CRC-32 of themselves.

use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A GitHub token (`ghp_` and its siblings) ends in the CRC-32 of the 30 characters before, as six
/// base-62 digits (GitHub Engineering, "Behind GitHub's new authentication token formats", 2021).
pub(super) fn github(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let Some(body) = secret.get(4..34) else {
        return Judgement::Reject("length");
    };
    let Some(tail) = secret.get(34..) else {
        return Judgement::Reject("length");
    };
    if base62_crc32(body) == tail {
        Proof::of(Verdict::Checksum).accept()
    } else {
        Judgement::Reject("checksum")
    }
}

/// CRC-32 (IEEE) as six base-62 digits, most significant first.
pub(crate) fn base62_crc32(bytes: &[u8]) -> [u8; 6] {
    let mut value = crc32fast::hash(bytes);
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(value % 62) as usize];
        value /= 62;
    }
    digits
}
