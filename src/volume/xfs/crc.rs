//! The checksum that structures of version 5 carry: CRC-32C over the structure with the checksum's
//! own four bytes taken as zero, stored inverted and little-endian.

use crate::volume::crc::crc32c;
use crate::volume::field::le_u32;

/// Whether a structure fits the checksum that lies at `at` in it.
pub(super) fn is_sound(raw: &[u8], at: usize) -> bool {
    let after = at.saturating_add(4);
    let (Some(head), Some(tail)) = (raw.get(..at), raw.get(after..)) else {
        return false;
    };
    let sum = crc32c(crc32c(crc32c(!0, head), &[0; 4]), tail);
    le_u32(raw, at) == Some(!sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_itself_counts_as_zero() {
        let mut raw = *b"1234....56789";
        raw[4..8].fill(0);
        let sum = !crc32c(!0, &raw);
        raw[4..8].copy_from_slice(&sum.to_le_bytes());
        assert!(is_sound(&raw, 4));
        raw[12] ^= 1;
        assert!(!is_sound(&raw, 4));
        assert!(!is_sound(&raw, 11));
    }
}
