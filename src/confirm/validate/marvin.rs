//! Marvin32: the checksum inside Azure's identifiable keys.
//!
//! Marvin is the seeded hash of .NET's string tables; Microsoft's key formats use its 32-bit form
//! (both halves of the 64-bit state xored) with a fixed seed per provider. Sources: Microsoft
//! `SymCrypt` (`marvin32.c`) and the open `security-utilities` project.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

/// A seed is an eight-character name, read as a big-endian number.
pub(crate) type Seed = [u8; 8];

/// The 32-bit Marvin hash of `data`.
pub(crate) fn marvin32(data: &[u8], seed: Seed) -> u32 {
    let (a, b) = state(data, u64::from_be_bytes(seed));
    a ^ b
}

/// Both halves of the final state, low half first.
fn state(data: &[u8], seed: u64) -> (u32, u32) {
    let [a0, a1, a2, a3, b0, b1, b2, b3] = seed.to_le_bytes();
    let mut a = u32::from_le_bytes([a0, a1, a2, a3]);
    let mut b = u32::from_le_bytes([b0, b1, b2, b3]);
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        a = a.wrapping_add(u32::from_le_bytes(*word));
        (a, b) = mix(a, b);
    }
    let mut tail = [0; 4];
    for (slot, byte) in tail.iter_mut().zip(rest.iter().chain(&[0x80])) {
        *slot = *byte;
    }
    a = a.wrapping_add(u32::from_le_bytes(tail));
    (a, b) = mix(a, b);
    mix(a, b)
}

fn mix(mut a: u32, mut b: u32) -> (u32, u32) {
    b ^= a;
    a = a.rotate_left(20).wrapping_add(b);
    b = b.rotate_left(9) ^ a;
    a = a.rotate_left(27).wrapping_add(b);
    b = b.rotate_left(19);
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marvin64(data: &[u8], seed: u64) -> u64 {
        let (a, b) = state(data, seed);
        u64::from(b) << 32 | u64::from(a)
    }

    #[test]
    fn the_published_vectors_hold() {
        // SymCrypt's two, then those of security-utilities (MarvinTests.cs).
        assert_eq!(
            marvin64(b"abc", 0xd53c_d9ce_cd08_93b7),
            0x22c7_4339_4927_69bf
        );
        assert_eq!(
            marvin64(b"abcdefghijklmnopqrstuvwxyz", 0x0ddd_deee_efff_f000),
            0xa128_eb7e_7260_aca2
        );
        let seed = 0x004f_b61a_001b_dbcc;
        assert_eq!(marvin64(&[], seed), 0x30ed_35c1_00cd_3c7d);
        assert_eq!(marvin64(&[0xaf], seed), 0x48e7_3fc7_7d75_ddc1);
        assert_eq!(marvin64(&[0xe7, 0x0f], seed), 0xb5f6_e1fc_485d_bff8);
        assert_eq!(marvin64(&[0x37, 0xf4, 0x95], seed), 0xf0b0_7c78_9b8c_f7e8);
        assert_eq!(
            marvin64(&[0x86, 0x42, 0xdc, 0x59], seed),
            0x7008_f2e8_7e9c_f556
        );
        let last = [0xab, 0x42, 0x7e, 0xa8, 0xd1, 0x0f, 0xc7];
        assert_eq!(marvin64(&last, seed), 0xe118_47e4_f067_8c41);
    }
}
