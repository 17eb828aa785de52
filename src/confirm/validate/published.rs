//! Valid keys that everybody knows: from documentation, emulators and other scanners' rule files.
//!
//! They are listed by hash, so that no key lies in the sources.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use sha2::{Digest as _, Sha256};

/// First eight bytes of the SHA-256 of the canonical value.
const KNOWN: &[[u8; 8]] = &[
    // GitHub tokens in the rule files and tests of Nosey Parker, TruffleHog and Kingfisher.
    0xd367_7d4f_41b6_7a19_u64.to_be_bytes(),
    0x7f96_ce4a_c814_a872_u64.to_be_bytes(),
    0xfc63_f901_e578_39da_u64.to_be_bytes(),
    0xf1a8_7f1b_03eb_cdea_u64.to_be_bytes(),
    0xe83f_25c0_55f3_82cc_u64.to_be_bytes(),
    0xc37a_513b_aebb_5716_u64.to_be_bytes(),
    // Fine-grained GitHub tokens in those of secretlint and Kingfisher.
    0x8cf2_6305_2890_081f_u64.to_be_bytes(),
    0xb2a1_fb95_ebb1_0538_u64.to_be_bytes(),
    // npm tokens in those of sarif-pattern-matcher and Kingfisher.
    0x9e1d_81d2_d457_92dd_u64.to_be_bytes(),
    0x9ae9_35a2_d6e2_e45c_u64.to_be_bytes(),
    // Azure DevOps tokens in the Purview documentation, sarif-pattern-matcher and Nosey Parker.
    0x7b17_3bd0_0fa0_fd13_u64.to_be_bytes(),
    0x83a6_e7de_1b01_4eb9_u64.to_be_bytes(),
    0x7752_bf84_ba8a_fd27_u64.to_be_bytes(),
    // Entra client secret and storage key in security-utilities.
    0x7c64_2fde_738c_a654_u64.to_be_bytes(),
    0x234e_6745_32b3_5c59_u64.to_be_bytes(),
    // The storage emulator's account key.
    EMULATOR,
    // The account key of the Cosmos DB emulator.
    0xaa65_4743_9583_c3a2_u64.to_be_bytes(),
    // Shared access signature in the documentation of AWS DataSync.
    0xb171_a33e_8f8a_16ec_u64.to_be_bytes(),
    // Slack configuration tokens in gitleaks.
    0x6746_6e87_ce90_9c04_u64.to_be_bytes(),
    0x96e0_67d9_3f51_9122_u64.to_be_bytes(),
    // Password in the help of kubectl.
    0x6a81_b242_9c0b_a421_u64.to_be_bytes(),
    // API keys that the Google Cloud SDK carries for error reports and for gsutil.
    0x6189_b36d_9648_49f3_u64.to_be_bytes(),
    0xa73b_3ad3_b416_d981_u64.to_be_bytes(),
    0xb3f1_9cc8_5129_501b_u64.to_be_bytes(),
];

/// The account key of Azurite and of the storage emulator before it.
const EMULATOR: [u8; 8] = 0x0011_cc25_eb43_2071_u64.to_be_bytes();

/// Whether this value is printed somewhere for all to read.
pub(crate) fn is_known(canonical: &[u8]) -> bool {
    KNOWN.contains(&short_hash(canonical))
}

/// Whether this is the storage emulator's key.
pub(crate) fn is_storage_emulator(key: &[u8]) -> bool {
    short_hash(key) == EMULATOR
}

fn short_hash(value: &[u8]) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::digest(value).into();
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_key_is_known_and_its_neighbour_is_not() {
        let key = format!("{}+ASt{}", "a".repeat(76), "5mnCaw==");
        assert!(is_known(key.as_bytes()));
        assert!(!is_known(&key.as_bytes()[1..]));
        let emulator = [
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErC",
            "z4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        ];
        assert!(is_storage_emulator(emulator.concat().as_bytes()));
    }
}
