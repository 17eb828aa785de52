//! The AVX-512 tier: 64 positions at a time, any byte looked up in two registers (VPERMI2B), and
//! survivors listed by compressing their positions.

#![allow(
    unsafe_code,
    reason = "vector loads and stores, and calls that need detected instructions"
)]

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16, _mm512_and_si512, _mm512_andnot_si512, _mm512_loadu_si512,
    _mm512_maskz_compress_epi16, _mm512_min_epu8, _mm512_movepi8_mask, _mm512_permutex2var_epi8,
    _mm512_set1_epi8, _mm512_set1_epi16, _mm512_setzero_si512, _mm512_shuffle_i64x2,
    _mm512_storeu_si512, _mm512_test_epi8_mask,
};

use super::filter::Filter;
use super::membership::{Membership, full_lanes};
use super::portable;
use super::survivors::{Mark, Survivors};
use super::tile::{Piece, STEP};
use crate::anchor::table::WINDOW;

/// Bytes in a vector, which is one step.
const VECTOR: usize = STEP;
/// A table entry for each byte below 0x80; those above share the last one with 0x7F, which hardly
/// occurs in text and in no anchor.
const ENTRIES: usize = 128;

/// Proof that the instructions of this module exist.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// The tables of a filter as registers hold them: group, place, byte.
pub(super) struct Tables(Vec<[[u8; ENTRIES]; WINDOW]>);

impl Tables {
    pub(super) fn new(filter: &Filter) -> Self {
        let narrow = |table: [u8; 256]| {
            let mut entries = [0; ENTRIES];
            for (byte, bits) in table.iter().enumerate() {
                entries[byte.min(ENTRIES - 1)] |= bits;
            }
            entries
        };
        Self(filter.groups().map(|places| places.map(narrow)).collect())
    }
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vbmi2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt");
        has_all.then_some(Self(()))
    }

    /// Lists the positions that pass the filter.
    pub(super) fn pass(self, tables: &Tables, piece: Piece<'_>, survivors: &mut Survivors) {
        match &tables.0[..] {
            // SAFETY: `self` exists only if the instructions do.
            [one] => unsafe { pass(&[one], piece, survivors) },
            // SAFETY: as above.
            [one, two] => unsafe { pass(&[one, two], piece, survivors) },
            _ => {}
        }
    }

    /// Lists 16-byte blocks that lie wholly in the class, one or more of each run.
    pub(super) fn full_blocks(
        self,
        class: &Membership,
        piece: Piece<'_>,
        survivors: &mut Survivors,
    ) {
        if !class.is_ascii {
            return portable::full_blocks(class, piece, survivors);
        }
        // SAFETY: `self` exists only if the instructions do.
        unsafe { full_blocks(class, piece, survivors) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn pass<const GROUPS: usize>(
    tables: &[&[[u8; ENTRIES]; WINDOW]; GROUPS],
    piece: Piece<'_>,
    survivors: &mut Survivors,
) {
    let mut halves = [[[_mm512_setzero_si512(); 2]; GROUPS]; WINDOW];
    for (place, halves) in halves.iter_mut().enumerate() {
        for (halves, places) in halves.iter_mut().zip(tables) {
            *halves = load_entries(&places[place]);
        }
    }
    let last = _mm512_set1_epi8(0x7F);
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let mut all = [_mm512_set1_epi8(-1); GROUPS];
        for (place, halves) in halves.iter().enumerate() {
            let bytes = _mm512_min_epu8(load(step, place), last);
            for (all, [low, high]) in all.iter_mut().zip(halves) {
                let accepting = _mm512_permutex2var_epi8(*low, bytes, *high);
                *all = _mm512_and_si512(*all, accepting);
            }
        }
        let mut mask = 0;
        for all in all {
            mask |= _mm512_test_epi8_mask(all, all);
        }
        if piece.count - at < VECTOR {
            mask &= (1 << (piece.count - at)) - 1;
        }
        survivors.mark(mask, piece.first + at);
        at += STEP;
    }
    for index in 0..survivors.take_marks() {
        list(survivors.marked(index), survivors);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn full_blocks(class: &Membership, piece: Piece<'_>, survivors: &mut Survivors) {
    let [low, high] = load_entries(&class.ascii);
    let mut at = 0;
    while let Some(step) = piece.step(at) {
        let pair = piece.bytes[at..].first_chunk::<{ 2 * STEP }>();
        // Every other block of two steps, if that is enough, or every block of one.
        let (bytes, spacing) = match pair {
            Some(pair) if class.every_other && piece.count - at > STEP => {
                let (one, other) = (load(pair, 0), load(pair, STEP));
                (_mm512_shuffle_i64x2::<0b10_00_10_00>(one, other), 2)
            }
            _ => (load(step, 0), 1),
        };
        // The look-up ignores the top bit of its index, so a member is a byte whose entry has the
        // top bit and which does not have it itself.
        let entries = _mm512_permutex2var_epi8(low, bytes, high);
        let members = _mm512_movepi8_mask(_mm512_andnot_si512(bytes, entries));
        let mut full = full_lanes(members);
        while full != 0 {
            let block = at + full.trailing_zeros() as usize * spacing;
            survivors.push_if((piece.first + block) as u16, true);
            full &= full - 1;
        }
        at += STEP * spacing;
    }
}

/// Appends the positions of a step.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn list(Mark { mask, first }: Mark, survivors: &mut Survivors) {
    let mut positions = _mm512_add_epi16(load_places(), _mm512_set1_epi16(first as i16));
    for half in [mask as u32, (mask >> 32) as u32] {
        // Compressing into memory is microcoded on Zen 4; compressing a register and storing all
        // of it is not, and what is stored too much is overwritten next.
        let packed = _mm512_maskz_compress_epi16(half, positions);
        survivors.append(|room| {
            // SAFETY: `room` is 64 bytes, and the store has no alignment.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), packed) };
            half.count_ones() as usize
        });
        positions = _mm512_add_epi16(positions, _mm512_set1_epi16(32));
    }
}

/// The numbers 0 to 31.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_places() -> __m512i {
    const PLACES: [u16; 32] = {
        let mut places = [0; 32];
        let mut index = 0;
        while index < 32 {
            places[index] = index as u16;
            index += 1;
        }
        places
    };
    // SAFETY: 64 bytes are read from an array of 64 bytes, without alignment.
    unsafe { _mm512_loadu_si512(PLACES.as_ptr().cast()) }
}

/// The 64 bytes at an offset.
#[inline]
#[target_feature(enable = "avx512f")]
fn load<const LEN: usize>(bytes: &[u8; LEN], offset: usize) -> __m512i {
    let bytes = &bytes[offset..offset + VECTOR];
    // SAFETY: the slice is 64 bytes long, and the load has no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The two halves of a table.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_entries(entries: &[u8; ENTRIES]) -> [__m512i; 2] {
    [load(entries, 0), load(entries, VECTOR)]
}
