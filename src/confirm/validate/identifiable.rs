//! Azure's identifiable keys: base64 with a signature at a fixed place and a checksum at the end.
//!
//! The four characters before the last six significant ones are the provider's signature; the
//! last four bytes are the Marvin32 hash of all before them, little-endian, under a seed of the
//! provider. Source: Microsoft `security-utilities`, `IdentifiableMetadata`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::encoding;
use super::marvin::{Seed, marvin32};

/// What an identifiable key must show.
pub(crate) struct Provider {
    /// Four characters at a place that depends on the key's length only.
    pub(crate) signature: [u8; 4],
    /// Seeds under which the checksum may hold.
    pub(crate) seeds: &'static [Seed],
}

/// Storage account keys, 64 bytes.
pub(crate) const STORAGE: Provider = Provider {
    signature: *b"+ASt",
    seeds: &[*b"Default0"],
};

/// What a key of Cosmos DB may do, by the seed of its checksum. Only the seed of read-write keys
/// has been seen in use; the others are those of the published source.
pub(crate) const COSMOS_SEEDS: &[(Seed, &str)] = &[
    (*b"MastRW00", "read-write"),
    (*b"MastRO00", "read-only"),
    (*b"SystRW00", "system read-write"),
    (*b"SystRO00", "system read-only"),
    (*b"SysAll00", "system"),
    (*b"Resour00", "resource"),
    (*b"Encryp00", "encryption"),
];

/// Cosmos DB account keys, 64 bytes.
pub(crate) const COSMOS: Provider = Provider {
    signature: *b"ACDb",
    seeds: &[
        *b"MastRW00",
        *b"MastRO00",
        *b"SystRW00",
        *b"SystRO00",
        *b"SysAll00",
        *b"Resour00",
        *b"Encryp00",
    ],
};

/// Signatures of other providers' 64-byte keys: such a key opens something else.
pub(crate) const OTHERS: &[[u8; 4]] = &[*b"ACDb", *b"+ABa", *b"+AMC", *b"APIM"];

/// The signature's place in the text of a key of `len` bytes.
pub(crate) fn signature_at(len: usize) -> usize {
    len.saturating_mul(8).div_ceil(6).saturating_sub(10)
}

/// The four characters in the signature's place of a key of `len` bytes.
pub(crate) fn signature_of(text: &[u8], len: usize) -> Option<[u8; 4]> {
    let at = signature_at(len);
    text.get(at..at.saturating_add(4))?.try_into().ok()
}

/// Whether the text is a key of this provider: `None` if it does not carry the signature, else
/// whether the checksum holds. A random key shows a given signature once in 16 million, so one
/// that carries it and fails was edited or made up.
pub(crate) fn check(text: &[u8], len: usize, provider: &Provider) -> Option<bool> {
    if signature_of(text, len)? != provider.signature {
        return None;
    }
    let raw = encoding::base64_any(text).filter(|raw| raw.len() == len);
    let Some((body, checksum)) = raw.as_deref().and_then(<[u8]>::split_last_chunk::<4>) else {
        return Some(false);
    };
    let found = u32::from_le_bytes(*checksum);
    let holds = |seed: &Seed| marvin32(body, *seed) == found;
    Some(provider.seeds.iter().any(holds))
}

/// A key with signature and checksum around random bytes, as text.
pub(crate) fn make(random: &[u8], provider: &Provider) -> String {
    let len = random.len();
    let text: String = encoding::to_base64(random)
        .chars()
        .take(signature_at(len))
        .chain(provider.signature.map(char::from))
        // The bits between signature and checksum are zero.
        .chain("AAAAAA".chars())
        .collect();
    let mut raw = encoding::base64_lenient(text.as_bytes()).unwrap_or_default();
    raw.truncate(len.saturating_sub(4));
    let seed = provider.seeds.first().copied().unwrap_or_default();
    let checksum = marvin32(&raw, seed).to_le_bytes();
    raw.extend(checksum);
    encoding::to_base64(&raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_storage_provider_holds() {
        // security-utilities, identifiable_scans.rs: 76 times `a`, signature, checksum.
        let key = format!("{}+ASt{}", "a".repeat(76), "5mnCaw==");
        assert_eq!(check(key.as_bytes(), 64, &STORAGE), Some(true));
        let edited = format!("b{}", &key[1..]);
        assert_eq!(check(edited.as_bytes(), 64, &STORAGE), Some(false));
        let unsigned = key.replace("+ASt", "+ASx");
        assert_eq!(check(unsigned.as_bytes(), 64, &STORAGE), None);
        assert_eq!(check(b"short", 64, &STORAGE), None);
    }

    #[test]
    fn a_made_key_of_every_length_holds() {
        for len in [32_u8, 39, 40, 64] {
            let random: Vec<u8> = (0..len).map(|index| index.wrapping_mul(37)).collect();
            let key = make(&random, &STORAGE);
            let len = usize::from(len);
            assert_eq!(check(key.as_bytes(), len, &STORAGE), Some(true), "{len}");
        }
    }
}
