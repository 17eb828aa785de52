//! The AVX2 tier: 32 positions at a time, a byte looked up by its two halves (PSHUFB).

#![allow(
    unsafe_code,
    reason = "vector loads, and calls that need detected instructions"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_xor_si256,
};

use super::filter::Halves;
use super::lookup::Lookup;
use super::membership::{Membership, full_lanes};
use super::portable;
use super::sampled::{FIRST, STRIDE};
use super::survivors::Survivors;
use super::tile::{LOOK_AHEAD, Piece, STEP};
use crate::anchor::table::WINDOW;

/// Bytes in a vector, two of which make a step.
const VECTOR: usize = 32;

/// Proof that the instructions of this module exist.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt");
        has_all.then_some(Self(()))
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

    /// Lists the positions of every stride at which a window may lie.
    pub(super) fn sample(
        self,
        windows: &Lookup<FIRST>,
        piece: Piece<'_>,
        survivors: &mut Survivors,
    ) {
        // SAFETY: `self` exists only if the instructions do.
        unsafe { sample(windows, piece, survivors) }
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

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn pass<const GROUPS: usize>(
    tables: &[&[Halves; WINDOW]; GROUPS],
    piece: Piece<'_>,
    survivors: &mut Survivors,
) {
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut mask = u64::from(passing(tables, step, 0));
        mask |= u64::from(passing(tables, step, VECTOR)) << VECTOR;
        if piece.count - at < STEP {
            mask &= (1 << (piece.count - at)) - 1;
        }
        survivors.mark(mask, piece.first + at);
        at += STEP;
    }
    survivors.list_marks();
}

#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn sample(windows: &Lookup<FIRST>, piece: Piece<'_>, survivors: &mut Survivors) {
    // Plain code, but shifts and bit counts are one instruction each here.
    portable::pass::<FIRST, STRIDE>(windows, piece, survivors);
}

/// A bit for each of the 32 positions from an offset on that pass the filter.
#[inline]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn passing<const GROUPS: usize>(
    tables: &[&[Halves; WINDOW]; GROUPS],
    step: &[u8; STEP + LOOK_AHEAD],
    offset: usize,
) -> u32 {
    let nibble = _mm256_set1_epi8(0x0F);
    let mut all = [_mm256_set1_epi8(-1); GROUPS];
    for place in 0..WINDOW {
        let bytes = load(step, offset + place);
        let low = _mm256_and_si256(bytes, nibble);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
        for (all, places) in all.iter_mut().zip(tables) {
            let halves = &places[place];
            let by_low = _mm256_shuffle_epi8(broadcast(&halves.low), low);
            let by_high = _mm256_shuffle_epi8(broadcast(&halves.high), high);
            *all = _mm256_and_si256(*all, _mm256_and_si256(by_low, by_high));
        }
    }
    let mut some = all[0];
    for other in &all[1..] {
        some = _mm256_or_si256(some, *other);
    }
    let none = _mm256_cmpeq_epi8(some, _mm256_setzero_si256());
    !_mm256_movemask_epi8(none) as u32
}

#[target_feature(enable = "avx2,bmi1,popcnt")]
fn full_blocks(class: &Membership, piece: Piece<'_>, survivors: &mut Survivors) {
    let low = broadcast(&class.low);
    let high = broadcast(&class.high);
    let bits = broadcast(&Membership::BITS);
    let nibble = _mm256_set1_epi8(0x0F);
    let top = _mm256_set1_epi8(-128);
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut mask = 0;
        for half in 0..2 {
            let bytes = load(step, half * VECTOR);
            // A shuffle gives zero where the top bit of its index is set, which tells the halves
            // of the byte range apart.
            let rows = _mm256_or_si256(
                _mm256_shuffle_epi8(low, bytes),
                _mm256_shuffle_epi8(high, _mm256_xor_si256(bytes, top)),
            );
            let column = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
            let found = _mm256_and_si256(rows, _mm256_shuffle_epi8(bits, column));
            let none = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
            let members = !(_mm256_movemask_epi8(none) as u32);
            mask |= u64::from(members) << (half * VECTOR);
        }
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

/// The 32 bytes at an offset.
#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; STEP + LOOK_AHEAD], offset: usize) -> __m256i {
    let bytes = &bytes[offset..offset + VECTOR];
    // SAFETY: the slice is 32 bytes long, and the load has no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Sixteen bytes in each half of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn broadcast(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes are read from an array of 16 bytes, without alignment.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}
