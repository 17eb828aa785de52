//! Azure's common annotated security keys: 84 or 88 characters around the marker `JQQJ99`.
//!
//! 52 random characters, `JQQJ9` and a kind, year and month, platform and provider data, the
//! provider's signature, and a checksum: the Marvin32 hash of the 60 bytes that the first 80
//! characters decode to, little-endian, written in base 62 by newer and in base64 by older
//! issuers. Source: Microsoft `security-utilities`, `LegacyCommonAnnotatedSecurityKey`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::encoding::{self, BASE62, BASE64};
use super::marvin::{Seed, marvin32};
use crate::confirm::Proof;
use crate::finding::Verdict;

/// Seed of every provider but one.
const DEFAULT: Seed = *b"Default0";
/// Seed of Container Registry tokens.
const REGISTRY: Seed = *b"ACRDflt0";

/// The year that the digit `A` stands for.
const FIRST_YEAR: u16 = 2024;

/// What is written in an annotated key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Annotation {
    /// Who issued it: `AZDO` is Azure DevOps.
    pub(crate) signature: [u8; 4],
    /// Year of issue.
    pub(crate) year: u16,
    /// Month of issue, from 1.
    pub(crate) month: u8,
}

/// Reads a key whose checksum holds; `None` for anything else, and for hashes of keys.
pub(crate) fn read(key: &[u8]) -> Option<Annotation> {
    if !matches!(key.len(), 84 | 88) || key.get(52..57)? != b"JQQJ9" {
        return None;
    }
    if !matches!(key.get(57)?, b'9' | b'D') {
        return None;
    }
    let year = BASE64.iter().position(|digit| Some(digit) == key.get(58))?;
    let month = key.get(59)?.checked_sub(b'A').filter(|month| *month < 12)?;
    let (body, tail) = key.split_at_checked(80)?;
    let signature: [u8; 4] = *body.last_chunk()?;
    let seeds: &[Seed] = if &signature == b"AZCR" {
        &[DEFAULT, REGISTRY]
    } else {
        &[DEFAULT]
    };
    let holds = |seed: &Seed| {
        tails(body, *seed)
            .iter()
            .any(|whole| whole.get(..tail.len()) == Some(tail))
    };
    // The long form ends in padding, the short one is cut before it.
    if !seeds.iter().any(holds) {
        return None;
    }
    Some(Annotation {
        signature,
        year: FIRST_YEAR.saturating_add(u16::try_from(year).ok()?),
        month: month.saturating_add(1),
    })
}

/// The proof of a key that this provider issued and whose checksum holds.
pub(crate) fn proof(key: &[u8], signature: [u8; 4]) -> Option<Proof> {
    let annotation = read(key).filter(|annotation| annotation.signature == signature)?;
    let issued = format!("{}-{:02}", annotation.year, annotation.month);
    Some(Proof::of(Verdict::Checksum).detail("issued", issued))
}

/// Whether a text has the marker of an annotated key in its place.
pub(crate) fn is_annotated(key: &[u8]) -> bool {
    matches!(key.len(), 84 | 88) && key.get(52..57) == Some(b"JQQJ9")
}

/// Both texts of the checksum over the first 80 characters: base 62, then base64, each as the
/// eight closing characters of the long form. Nothing if the characters are not base64.
pub(crate) fn tails(body: &[u8], seed: Seed) -> Vec<Vec<u8>> {
    let Some(raw) = encoding::base64(body) else {
        return Vec::new();
    };
    let checksum = marvin32(&raw, seed).to_le_bytes();
    let mut padded = base62(checksum);
    padded.truncate(6);
    padded.resize(6, b'0');
    padded.extend(b"==");
    let canonical = encoding::base64_lenient(&padded).unwrap_or_default();
    vec![
        encoding::to_base64(&canonical).into_bytes(),
        encoding::to_base64(&checksum).into_bytes(),
    ]
}

/// Four bytes, read as one big-endian number, in base 62; a leading zero byte keeps a zero digit.
fn base62(bytes: [u8; 4]) -> Vec<u8> {
    let mut value = u32::from_be_bytes(bytes);
    let mut digits = Vec::new();
    loop {
        let index = usize::try_from(value % 62).unwrap_or(0);
        digits.extend(BASE62.get(index));
        value /= 62;
        if value == 0 {
            break;
        }
    }
    let zeros = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    digits.extend(std::iter::repeat_n(b'0', zeros));
    digits.reverse();
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_devops_token_holds() {
        // Printed as an example in Nosey Parker's azure.yml, rule np.azure.4.
        let parts = [
            "6RtqHqPc66Y6DYbkydbrrFJTYnRoA7r40ts7LWS2SkINSFsRABxh",
            "JQQJ99BFACAAAAALGcqjAAAS",
            "AZDO3eqU",
        ];
        let key = parts.concat();
        let annotation = read(key.as_bytes()).unwrap();
        assert_eq!(annotation.signature, *b"AZDO");
        assert_eq!((annotation.year, annotation.month), (2025, 6));
        let edited = format!("7{}", &key[1..]);
        assert_eq!(read(edited.as_bytes()), None);
        let hash = key.replace("JQQJ99", "JQQJ9H");
        assert_eq!(read(hash.as_bytes()), None, "a hash of a key opens nothing");
    }

    #[test]
    fn the_checksum_of_every_provider_agrees_with_an_independent_implementation() {
        // Computed by a second implementation, in another language, of the same specification:
        // the base-62 and the base-64 tail of a key of one repeated letter.
        for (data, signature, tails) in [
            ("AAAS", "AZDO", ["3nvKQw==", "A1n2fg=="]),
            ("AAAC", "AZAC", ["3EnegA==", "sNpg2A=="]),
            ("AAAB", "AZEG", ["3RhOsg==", "vDa6mA=="]),
            ("AAAg", "AZMP", ["30ivhA==", "pHSgnQ=="]),
            ("AAAA", "AZCS", ["WXFBaw==", "HKfoAg=="]),
            ("AAAB", "ACOG", ["42nkFg==", "3OQnpA=="]),
            ("AAAA", "ASRS", ["2nQ7eQ==", "mL0i9Q=="]),
            ("AAAA", "AWPS", ["3X9OEg==", "wQPcYA=="]),
            ("INFR", "AZML", ["4PGYaA==", "8K0/4Q=="]),
            ("AAAB", "AZCR", ["2J6hVw==", "fgpwKw=="]),
            ("AAAB", "AZBS", ["1SDatg==", "T3WmUA=="]),
        ] {
            let body = format!(
                "{}JQQJ99BFAC{}{data}{signature}",
                "k".repeat(52),
                "A".repeat(10)
            );
            for tail in tails {
                for tail in [tail, &tail[..4]] {
                    let key = format!("{body}{tail}");
                    let annotation = read(key.as_bytes()).unwrap();
                    assert_eq!(annotation.signature, signature.as_bytes(), "{key}");
                    assert_eq!((annotation.year, annotation.month), (2025, 6));
                    let edited = format!("m{}", &key[1..]);
                    assert_eq!(read(edited.as_bytes()), None, "{key}");
                }
            }
        }
    }

    #[test]
    fn base62_keeps_a_digit_per_leading_zero_byte() {
        assert_eq!(base62([0, 0, 0, 0]), b"0000");
        assert_eq!(base62([0, 0, 0, 61]), b"000z");
        assert_eq!(base62([0, 0, 1, 0]), b"0048");
        assert_eq!(base62([255; 4]), b"4gfFC3");
    }
}
