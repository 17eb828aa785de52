//! The two checksums of ext4: CRC-32C of the `metadata_csum` feature and CRC-16 of `uninit_bg`.

const CRC32C: [u32; 256] = crc32c_table();
const CRC16: [u16; 256] = crc16_table();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "run by the compiler on no input"
)]
const fn crc32c_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0x82f6_3b78
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

#[allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "run by the compiler on no input"
)]
const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xa001
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
}

/// Goes on with a CRC-32C as the kernel counts it: without inversion at either end, so that the
/// sum of one piece seeds the next.
pub(in crate::volume) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |sum, byte| {
        let [low, ..] = (sum ^ u32::from(*byte)).to_le_bytes();
        CRC32C.get(usize::from(low)).unwrap_or(&0) ^ (sum >> 8)
    })
}

/// Goes on with a CRC-16, likewise.
pub(super) fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |sum, byte| {
        let [low, _] = (sum ^ u16::from(*byte)).to_le_bytes();
        CRC16.get(usize::from(low)).unwrap_or(&0) ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_values_come_out() {
        // The "check" column of the catalogue of parametrised CRC algorithms: CRC-32/ISCSI and
        // CRC-16/MODBUS, of which the first inverts its result.
        assert_eq!(!crc32c(!0, b"123456789"), 0xe306_9283);
        assert_eq!(crc16(0xffff, b"123456789"), 0x4b37);
    }
}
