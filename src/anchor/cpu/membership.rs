//! The class of a run in the forms vector units test it: by the whole byte, or by its two halves.

use crate::anchor::table::{BLOCK, Run};

/// By halves, a byte is a member if the row of its low half has the bit of its high half. There are 16 high
/// halves and 8 bits, hence one set of rows for bytes below 0x80 and one for those above.
pub(super) struct Membership {
    /// Rows for the bytes 0x00 to 0x7F.
    pub(super) low: [u8; 16],
    /// Rows for the bytes 0x80 to 0xFF.
    pub(super) high: [u8; 16],
    /// 0x80 for the members below 0x80, by the whole byte.
    pub(super) ascii: [u8; 128],
    /// Whether there are no members from 0x80 on, as in every class a rule file can name.
    pub(super) is_ascii: bool,
    /// Whether each run that counts holds two neighbouring blocks, so that testing every other
    /// block finds it.
    pub(super) every_other: bool,
}

impl Membership {
    /// The bit of each high half.
    pub(super) const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

    pub(super) fn new(run: &Run) -> Self {
        let mut membership = Self {
            low: [0; 16],
            high: [0; 16],
            ascii: [0; 128],
            is_ascii: true,
            every_other: run.min >= 3 * BLOCK - 1,
        };
        for byte in run.class.members() {
            let rows = match membership.ascii.get_mut(usize::from(byte)) {
                Some(entry) => {
                    *entry = 0x80;
                    &mut membership.low
                }
                None => {
                    membership.is_ascii = false;
                    &mut membership.high
                }
            };
            rows[usize::from(byte % 16)] |= Self::BITS[usize::from(byte / 16)];
        }
        membership
    }

    /// Whether the byte is in the class.
    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        let rows = if byte < 0x80 { &self.low } else { &self.high };
        rows[usize::from(byte % 16)] & Self::BITS[usize::from(byte / 16)] != 0
    }
}

/// Of a mask with one bit a byte, the 16-bit lanes that are all ones, as their lowest bits.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(super) fn full_lanes(mask: u64) -> u64 {
    const LOWEST: u64 = 0x0001_0001_0001_0001;
    let gaps = !mask;
    // Exact unless nothing is full: a borrow can only come out of a full lane.
    if gaps.wrapping_sub(LOWEST) & mask & (LOWEST << 15) == 0 {
        return 0;
    }
    let mut all = mask & (mask >> 8);
    all &= all >> 4;
    all &= all >> 2;
    all &= all >> 1;
    all & LOWEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::AnchorId;
    use crate::unit::ByteClass;

    #[test]
    fn rows_and_bits_say_what_the_class_says() {
        let class = ByteClass::from_fn(|byte| byte % 7 == 3 || byte > 0xF0);
        let run = Run {
            anchor: AnchorId(0),
            class,
            min: 31,
            max: 40,
        };
        let rows = Membership::new(&run);
        for byte in 0..=u8::MAX {
            assert_eq!(rows.has(byte), class.has(byte), "{byte:#x}");
        }
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[test]
    fn a_lane_is_full_only_if_all_its_bits_are_set() {
        assert_eq!(full_lanes(u64::MAX), 0x0001_0001_0001_0001);
        assert_eq!(full_lanes(0xFFFF_FFFE_FFFF_7FFF), 0x0001_0000_0001_0000);
        assert_eq!(full_lanes(0x7FFF_FFFE_0000_8001), 0);
    }
}
