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
#[derive(Debug)]
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

/// Signatures of 32-byte keys.
const SHORT: &[[u8; 4]] = &[*b"+ASb", *b"+AEh", *b"+ARm", *b"AIoT", *b"AzCa", *b"AZEG"];

/// Seeds of the three rights that a messaging key may carry.
const RIGHTS: &[Seed] = &[*b"Send0000", *b"Listen00", *b"Manage00"];

/// Batch account keys, 64 bytes.
pub(crate) const BATCH: Provider = Provider {
    signature: *b"+ABa",
    seeds: &[*b"AbAcct00"],
};

/// Keys of Machine Learning Studio (classic), 64 bytes.
pub(crate) const MACHINE_LEARNING: Provider = Provider {
    signature: *b"+AMC",
    seeds: &[*b"Classic0"],
};

/// API Management keys, 64 bytes: direct management, subscription, gateway and repository. Only
/// the first seed has a published vector; the second is the one that IoT Hub uses, as the source
/// has it.
pub(crate) const API_MANAGEMENT: Provider = Provider {
    signature: *b"APIM",
    seeds: &[*b"Tenant00", *b"IoTHub00", *b"Gatewy00", *b"GitKey00"],
};

/// Service Bus keys, 32 bytes.
pub(crate) const SERVICE_BUS: Provider = Provider {
    signature: *b"+ASb",
    seeds: RIGHTS,
};

/// Event Hubs keys, 32 bytes.
pub(crate) const EVENT_HUBS: Provider = Provider {
    signature: *b"+AEh",
    seeds: RIGHTS,
};

/// Relay keys, 32 bytes.
pub(crate) const RELAY: Provider = Provider {
    signature: *b"+ARm",
    seeds: RIGHTS,
};

/// IoT Hub, Device Provisioning Service and device keys, 32 bytes.
pub(crate) const IOT: Provider = Provider {
    signature: *b"AIoT",
    seeds: &[*b"IoTHub00", *b"DpsKey00", *b"Device00"],
};

/// Cache for Redis keys, 32 bytes: see [`check_alphanumeric`].
pub(crate) const REDIS: Provider = Provider {
    signature: *b"AzCa",
    seeds: &[*b"Access00"],
};

/// Event Grid keys, 32 bytes. The source names `SendRecv`, its test vector needs `Default0`.
pub(crate) const EVENT_GRID: Provider = Provider {
    signature: *b"AZEG",
    seeds: &[*b"SendRecv", *b"Default0"],
};

/// Container Registry admin keys, 39 bytes.
pub(crate) const REGISTRY: Provider = Provider {
    signature: *b"+ACR",
    seeds: &[*b"ACRDflt0"],
};

/// Function keys, 40 bytes in URL-safe base64.
pub(crate) const FUNCTION: Provider = Provider {
    signature: *b"AzFu",
    seeds: &[*b"Functi00", *b"Master00", *b"System00"],
};

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
    match read(text, len, provider) {
        Signed::Not => None,
        Signed::Broken => Some(false),
        Signed::Under(_) => Some(true),
    }
}

/// What a provider's signature in a text is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// The signature is not there.
    Not,
    /// The signature is there, and the checksum holds under none of the provider's seeds.
    Broken,
    /// The checksum holds under this seed, which says what kind of key it is.
    Under(Seed),
}

/// As [`check`], naming the seed.
pub(crate) fn read(text: &[u8], len: usize, provider: &Provider) -> Signed {
    if signature_of(text, len) != Some(provider.signature) {
        return Signed::Not;
    }
    let raw = encoding::base64_any(text).filter(|raw| raw.len() == len);
    let Some((body, checksum)) = raw.as_deref().and_then(<[u8]>::split_last_chunk::<4>) else {
        return Signed::Broken;
    };
    let found = u32::from_le_bytes(*checksum);
    let fits = |seed: &&Seed| marvin32(body, **seed) == found;
    match provider.seeds.iter().find(fits) {
        Some(seed) => Signed::Under(*seed),
        None => Signed::Broken,
    }
}

/// As [`check`] for a provider that writes `P` for `+` and `F` for `/` in the finished text: the
/// hash is of the bytes before the checksum, and what it makes is compared as text.
pub(crate) fn check_alphanumeric(text: &[u8], len: usize, provider: &Provider) -> Option<bool> {
    let plain = check(text, len, provider)?;
    let raw = encoding::base64_any(text).filter(|raw| raw.len() == len);
    let replaced = raw.is_some_and(|mut raw| {
        raw.truncate(len.saturating_sub(4));
        provider
            .seeds
            .iter()
            .any(|seed| alphanumeric(&signed(&raw, *seed)).as_bytes() == text)
    });
    Some(plain || replaced)
}

/// The text with the two marks of base64 replaced by letters.
pub(crate) fn alphanumeric(text: &str) -> String {
    text.replace('+', "P").replace('/', "F")
}

/// Whether a key of `len` bytes carries the signature of any provider of keys of that length.
pub(crate) fn is_signed(text: &[u8], len: usize) -> bool {
    let found = signature_of(text, len);
    let is = |signature: &[u8; 4]| found == Some(*signature);
    match len {
        32 => SHORT.iter().any(is),
        64 => is(&STORAGE.signature) || OTHERS.iter().any(is),
        _ => false,
    }
}

/// A key with signature and checksum around random bytes, as text.
pub(crate) fn make(random: &[u8], provider: &Provider) -> String {
    let seed = provider.seeds.first().copied().unwrap_or_default();
    make_under(random, provider, seed)
}

/// As [`make`], under a seed of choice.
pub(crate) fn make_under(random: &[u8], provider: &Provider, seed: Seed) -> String {
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
    signed(&raw, seed)
}

/// The bytes with their checksum, as text.
fn signed(body: &[u8], seed: Seed) -> String {
    let checksum = marvin32(body, seed).to_le_bytes();
    encoding::to_base64(&[body, &checksum].concat())
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

    /// A key of one repeated letter, its signature and its checksum.
    fn repeated(letter: &str, len: usize, provider: &Provider, tail: &str) -> String {
        let signature = String::from_utf8(provider.signature.to_vec()).unwrap();
        format!("{}{signature}{tail}", letter.repeat(signature_at(len)))
    }

    #[test]
    fn the_published_vector_of_every_provider_holds() {
        // security-utilities, identifiable_scans.rs.
        for (letter, len, provider, tail, seed) in [
            ("a", 32, &RELAY, "D7h+qo=", b"Send0000"),
            ("a", 32, &EVENT_HUBS, "G2s/8w=", b"Send0000"),
            ("a", 32, &SERVICE_BUS, "HpHeAI=", b"Send0000"),
            ("a", 32, &IOT, "Oumzco=", b"IoTHub00"),
            ("b", 32, &EVENT_GRID, "LiQbng=", b"Default0"),
            ("d", 39, &REGISTRY, "CUDxQE", b"ACRDflt0"),
            ("d", 40, &FUNCTION, "182vhA==", b"System00"),
            ("a", 64, &BATCH, "13FZVQ==", b"AbAcct00"),
            ("a", 64, &MACHINE_LEARNING, "FNqWyA==", b"Classic0"),
            ("a", 64, &API_MANAGEMENT, "HbKhsQ==", b"Tenant00"),
        ] {
            let key = repeated(letter, len, provider, tail);
            assert_eq!(
                read(key.as_bytes(), len, provider),
                Signed::Under(*seed),
                "{key}"
            );
            let edited = format!("c{}", &key[1..]);
            assert_eq!(
                read(edited.as_bytes(), len, provider),
                Signed::Broken,
                "{key}"
            );
        }
    }

    #[test]
    fn every_other_seed_agrees_with_an_independent_implementation() {
        // Computed by a second implementation, in another language, of the same specification.
        for (len, provider, tail, seed) in [
            (32, &SERVICE_BUS, "LMHE8s=", b"Listen00"),
            (32, &SERVICE_BUS, "DuOyPg=", b"Manage00"),
            (32, &EVENT_HUBS, "GIn/qI=", b"Listen00"),
            (32, &EVENT_HUBS, "GV03Wc=", b"Manage00"),
            (32, &RELAY, "GKbpZQ=", b"Listen00"),
            (32, &RELAY, "ITTL1M=", b"Manage00"),
            (32, &IOT, "DkYCI4=", b"DpsKey00"),
            (32, &IOT, "JIavxQ=", b"Device00"),
            (32, &REDIS, "JM04l8=", b"Access00"),
            (32, &EVENT_GRID, "BCBVPw=", b"SendRecv"),
            (40, &FUNCTION, "Zs2k4g==", b"Master00"),
            (40, &FUNCTION, "Ht7CiQ==", b"Functi00"),
            (64, &API_MANAGEMENT, "GMZ9Ww==", b"IoTHub00"),
            (64, &API_MANAGEMENT, "l1GhHg==", b"Gatewy00"),
            (64, &API_MANAGEMENT, "HaSJCw==", b"GitKey00"),
        ] {
            let key = repeated("a", len, provider, tail);
            assert_eq!(
                read(key.as_bytes(), len, provider),
                Signed::Under(*seed),
                "{key}"
            );
        }
    }

    #[test]
    fn letters_may_stand_for_the_marks_of_base64() {
        for (letter, tail) in [("l", "M4FtGw="), ("m", "IrTpPc=")] {
            let key = repeated(letter, 32, &REDIS, tail);
            assert_eq!(check(key.as_bytes(), 32, &REDIS), Some(false));
            assert_eq!(check_alphanumeric(key.as_bytes(), 32, &REDIS), Some(true));
            let edited = format!("a{}", &key[1..]);
            assert_eq!(
                check_alphanumeric(edited.as_bytes(), 32, &REDIS),
                Some(false)
            );
        }
        let plain = repeated("a", 32, &REDIS, "JM04l8=");
        assert_eq!(check_alphanumeric(plain.as_bytes(), 32, &REDIS), Some(true));
        assert_eq!(check_alphanumeric(b"short", 32, &REDIS), None);
    }

    #[test]
    fn a_key_of_any_provider_is_told_from_a_random_one() {
        assert!(is_signed(repeated("a", 32, &IOT, "AAAAAA=").as_bytes(), 32));
        assert!(is_signed(
            repeated("a", 64, &STORAGE, "AAAAAA==").as_bytes(),
            64
        ));
        assert!(!is_signed("a".repeat(44).as_bytes(), 32));
        assert!(!is_signed(b"", 64));
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
