//! The checksum of group descriptors of the `uninit_bg` feature, CRC-16. Those of `metadata_csum` are
//! CRC-32C ([`crc`](crate::volume::crc)).

const CRC16: [u16; 256] = crc16_table();

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

/// Goes on with a CRC-16 without inversion at either end, so that the sum of one piece seeds the next.
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
    fn the_published_check_value_comes_out() {
        // The "check" column of the catalogue of parametrised CRC algorithms, CRC-16/MODBUS.
        assert_eq!(crc16(0xffff, b"123456789"), 0x4b37);
    }
}
