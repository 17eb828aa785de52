//! Tokens that carry a CRC-32 of themselves.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::encoding::BASE62;

/// Whether a token of a four-character prefix (`ghp_`, `npm_`) ends in the CRC-32 of what lies
/// between prefix and checksum.
pub(crate) fn holds(token: &[u8]) -> bool {
    let Some((body, tail)) = token.split_last_chunk::<6>() else {
        return false;
    };
    body.get(4..)
        .is_some_and(|body| base62_crc32(body) == *tail)
}

/// CRC-32 (IEEE) as six base-62 digits, most significant first (GitHub Engineering, "Behind
/// GitHub's new authentication token formats", 2021).
pub(crate) fn base62_crc32(bytes: &[u8]) -> [u8; 6] {
    let mut value = crc32fast::hash(bytes);
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        let index = usize::try_from(value % 62).unwrap_or(0);
        *digit = BASE62.get(index).copied().unwrap_or(b'0');
        value /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_tokens_hold_and_documentation_samples_do_not() {
        // Revoked tokens from the tests of Nosey Parker, Kingfisher and sarif-pattern-matcher,
        // and a sample of GitHub's documentation that was never valid.
        for (parts, expected) in [
            (["ghp_", "ZJDeVREhkptGF7Wvep0N", "wJWlPEQP7a0t2nxL"], true),
            (["gho_", "vr0nUtGPA6FMaUb56n4u", "JwJAoWuVfV4OdycX"], true),
            (["npm_", "0dead12Test345DeadTe", "st6789test399Wq7"], true),
            (["npm_", "0dead12Test345DeadTe", "st6789test399Wq8"], false),
            (["ghu_", "16C7e42F292c69C2E7C1", "0c838347Ae178B4a"], false),
        ] {
            assert_eq!(holds(parts.concat().as_bytes()), expected, "{parts:?}");
        }
        let refresh = [
            "ghr_",
            "xgrrGzSbbGRL34Wp39JU9nxtN27Pr1v1He8FjE7x7wbExGGs7nfJszJDAmZuoKas",
            "xZ0KxJ1HSzgc",
        ];
        assert!(holds(refresh.concat().as_bytes()));
        assert!(!holds(b"ghp_"));
        assert!(!holds(b""));
    }
}
