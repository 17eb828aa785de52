//! How random a text looks: what is left to ask where a key has no checksum.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

/// Shannon entropy in bits per byte: 0 for one repeated byte, at most log2 of the length.
pub(crate) fn bits_per_byte(text: &[u8]) -> f64 {
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts(text)
        .into_iter()
        .filter(|count| *count > 0)
        .map(|count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum()
}

/// How many different bytes occur.
pub(crate) fn distinct(text: &[u8]) -> usize {
    counts(text).into_iter().filter(|count| *count > 0).count()
}

/// Length of the longest stretch in which every byte is the one before plus `step`: 4 for `abcd`
/// or `1234` with step 1, for `aaaa` with step 0.
pub(crate) fn longest_progression(text: &[u8], step: u8) -> usize {
    let mut longest: usize = text.len().min(1);
    let mut here = longest;
    for (byte, next) in text.iter().zip(text.iter().skip(1)) {
        here = if byte.wrapping_add(step) == *next {
            here.saturating_add(1)
        } else {
            1
        };
        longest = longest.max(here);
    }
    longest
}

fn counts(text: &[u8]) -> [u32; 256] {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_textbook() {
        assert_eq!(bits_per_byte(b""), 0.0);
        assert_eq!(bits_per_byte(b"aaaa"), 0.0);
        assert_eq!(bits_per_byte(b"abcd"), 2.0);
        assert_eq!(bits_per_byte(b"aabb"), 1.0);
        assert_eq!(distinct(b"aabbc"), 3);
    }

    #[test]
    fn progressions_are_measured_whole() {
        assert_eq!(longest_progression(b"xxabcdexx", 1), 5);
        assert_eq!(longest_progression(b"x000y", 0), 3);
        assert_eq!(longest_progression(b"", 1), 0);
        assert_eq!(longest_progression(b"z", 1), 1);
    }
}
