//! CRC-32C, the checksum of the metadata of ext4, XFS and Btrfs.
//!
//! A sweep over the inode tables checks every inode, so the sum is most of its cost: the library
//! takes the processor's own instruction where there is one.

/// Goes on with a CRC-32C as the kernel counts it: without inversion at either end, so that the
/// sum of one piece seeds the next.
pub(in crate::volume) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!seed, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value_comes_out_of_one_piece_and_of_two() {
        // The "check" column of the catalogue of parametrised CRC algorithms, CRC-32/ISCSI, which
        // inverts its result.
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        assert_eq!(!crc32c(crc32c(!0, b"1234"), b"56789"), 0xe306_9283);
    }
}
