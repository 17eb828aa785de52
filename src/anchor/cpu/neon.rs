//! The NEON tier: 16 positions at a time, a byte looked up by its two halves (TBL).

#![allow(
    unsafe_code,
    reason = "vector loads, and calls that need detected instructions"
)]

use std::arch::aarch64::{
    uint8x16_t, vandq_u8, vdupq_n_u8, veorq_u8, vgetq_lane_u64, vld1q_u8, vorrq_u8, vpaddq_u8,
    vqtbl1q_u8, vreinterpretq_u64_u8, vshrq_n_u8, vtstq_u8,
};

use super::filter::Halves;
use super::membership::{Membership, full_lanes};
use super::survivors::Survivors;
use super::tile::{LOOK_AHEAD, Piece, STEP};
use crate::anchor::table::WINDOW;

/// Bytes in a vector, four of which make a step.
const VECTOR: usize = 16;

/// Proof that the instructions of this module exist.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Lists the positions that pass the filter.
    pub(super) fn pass(
        self,
        tables: &[[Halves; WINDOW]],
        piece: Piece<'_>,
        survivors: &mut Survivors,
    ) {
        match tables {
            // SAFETY: `self` exists only if the instructions do.
            [one] => unsafe { pass(&[one], piece, survivors) },
            // SAFETY: as above.
            [one, two] => unsafe { pass(&[one, two], piece, survivors) },
            // SAFETY: as above.
            [one, two, three, four] => unsafe {
                pass(&[one, two, three, four], piece, survivors);
            },
            _ => {}
        }
    }

    /// Lists the 16-byte blocks that lie wholly in the class.
    pub(super) fn full_blocks(
        self,
        class: &Membership,
        piece: Piece<'_>,
        survivors: &mut Survivors,
    ) {
        // SAFETY: `self` exists only if the instructions do.
        unsafe { full_blocks(class, piece, survivors) }
    }
}

#[target_feature(enable = "neon")]
fn pass<const GROUPS: usize>(
    tables: &[&[Halves; WINDOW]; GROUPS],
    piece: Piece<'_>,
    survivors: &mut Survivors,
) {
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut mask = bit_a_byte(passing(tables, step));
        if piece.count - at < STEP {
            mask &= (1 << (piece.count - at)) - 1;
        }
        survivors.mark(mask, piece.first + at);
        at += STEP;
    }
    survivors.list_marks();
}

/// For each of the 64 positions of a step, whether it passes the filter: not zero if so.
#[inline]
#[target_feature(enable = "neon")]
fn passing<const GROUPS: usize>(
    tables: &[&[Halves; WINDOW]; GROUPS],
    step: &[u8; STEP + LOOK_AHEAD],
) -> [uint8x16_t; 4] {
    let nibble = vdupq_n_u8(0x0F);
    let mut quarters = [vdupq_n_u8(0); 4];
    for (quarter, some) in quarters.iter_mut().enumerate() {
        let mut all = [vdupq_n_u8(0xFF); GROUPS];
        for place in 0..WINDOW {
            let bytes = load(step, quarter * VECTOR + place);
            let low = vandq_u8(bytes, nibble);
            let high = vshrq_n_u8::<4>(bytes);
            for (all, places) in all.iter_mut().zip(tables) {
                let halves = &places[place];
                let by_low = vqtbl1q_u8(load(&halves.low, 0), low);
                let by_high = vqtbl1q_u8(load(&halves.high, 0), high);
                *all = vandq_u8(*all, vandq_u8(by_low, by_high));
            }
        }
        for all in all {
            *some = vorrq_u8(*some, all);
        }
    }
    quarters
}

/// A bit for each of 64 bytes, set where the byte is not zero.
#[inline]
#[target_feature(enable = "neon")]
fn bit_a_byte(quarters: [uint8x16_t; 4]) -> u64 {
    let bits = load(&Membership::BITS, 0);
    let mut marked = quarters;
    for quarter in &mut marked {
        *quarter = vandq_u8(vtstq_u8(*quarter, *quarter), bits);
    }
    // Adding neighbours three times gathers eight bytes, one bit each, into one.
    let [first, second, third, fourth] = marked;
    let pairs = vpaddq_u8(vpaddq_u8(first, second), vpaddq_u8(third, fourth));
    vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)))
}

#[target_feature(enable = "neon")]
fn full_blocks(class: &Membership, piece: Piece<'_>, survivors: &mut Survivors) {
    let low = load(&class.low, 0);
    let high = load(&class.high, 0);
    let bits = load(&Membership::BITS, 0);
    // An index that is not below 16 gives zero, which tells the halves of the byte range apart.
    let index = vdupq_n_u8(0x8F);
    let top = vdupq_n_u8(0x80);
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut members = [vdupq_n_u8(0); 4];
        for (quarter, members) in members.iter_mut().enumerate() {
            let bytes = load(step, quarter * VECTOR);
            let rows = vorrq_u8(
                vqtbl1q_u8(low, vandq_u8(bytes, index)),
                vqtbl1q_u8(high, vandq_u8(veorq_u8(bytes, top), index)),
            );
            *members = vandq_u8(rows, vqtbl1q_u8(bits, vshrq_n_u8::<4>(bytes)));
        }
        let mask = bit_a_byte(members);
        let mut full = full_lanes(mask);
        while full != 0 {
            survivors.push_if(
                (piece.first + at + full.trailing_zeros() as usize) as u16,
                true,
            );
            full &= full - 1;
        }
        at += STEP;
    }
}

/// The 16 bytes at an offset.
#[inline]
#[target_feature(enable = "neon")]
fn load<const LEN: usize>(bytes: &[u8; LEN], offset: usize) -> uint8x16_t {
    let bytes = &bytes[offset..offset + VECTOR];
    // SAFETY: the slice is 16 bytes long, and the load has no alignment.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
