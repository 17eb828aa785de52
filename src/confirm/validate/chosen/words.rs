//! Telling words from drawn characters, without a dictionary.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

/// Words that sentences have and passphrases drawn from a list of words have not.
const FUNCTION_WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "are",
    "as",
    "be",
    "by",
    "can",
    "do",
    "does",
    "for",
    "from",
    "has",
    "have",
    "if",
    "in",
    "is",
    "it",
    "not",
    "of",
    "on",
    "or",
    "the",
    "this",
    "to",
    "was",
    "with",
    "you",
    "your",
    "no",
    "use",
    "used",
    "using",
    "enter",
    "must",
    "password",
    "passphrase",
    "when",
];

/// Whether a text reads as words joined by nothing, marks or capitals: `db-password`,
/// `userPassword`, `Contraseña:`. Random letters do not: of twelve of them, one in a hundred texts
/// has vowels where words have them.
pub(in super::super) fn is_words(value: &[u8]) -> bool {
    let end = value
        .iter()
        .rposition(|byte| !matches!(byte, b':' | b'.' | b'!' | b'?' | b'*' | b',' | b'#'))
        .map_or(0, |at| at.saturating_add(1));
    let trimmed = value.get(..end).unwrap_or(&[]);
    let first = trimmed
        .iter()
        .position(|byte| !matches!(byte, b'#' | b'.' | b'@' | b':' | b'%' | b'&' | b'*' | b'-'))
        .unwrap_or(trimmed.len());
    let body = trimmed.get(first..).unwrap_or(&[]);
    let is_joint = |byte: &u8| {
        matches!(
            byte,
            b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'\'' | b'@' | b'#'
        )
    };
    let segments = || body.split(is_joint).filter(|segment| !segment.is_empty());
    let joined = segments().count() > 1;
    segments().all(|segment| {
        let letters = segment
            .iter()
            .position(u8::is_ascii_digit)
            .unwrap_or(segment.len());
        let (name, digits) = segment.split_at_checked(letters).unwrap_or((segment, &[]));
        let counted = digits.is_empty()
            || (joined && digits.len() <= 2 && digits.iter().all(u8::is_ascii_digit));
        counted && reads_as_words(name)
    })
}

/// Whether letters have vowels and consonants where words have them.
fn reads_as_words(letters: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    if !letters.iter().all(is_letter) {
        return false;
    }
    let is_vowel = |byte: &u8| {
        matches!(
            byte.to_ascii_lowercase(),
            b'a' | b'e' | b'i' | b'o' | b'u' | b'y'
        ) || !byte.is_ascii()
    };
    let longest = letters.split(is_vowel).map(<[u8]>::len).max().unwrap_or(0);
    let turns = letters
        .iter()
        .zip(letters.iter().skip(1))
        .filter(|(one, next)| one.is_ascii_lowercase() && next.is_ascii_uppercase())
        .count();
    let all_upper = letters.iter().all(u8::is_ascii_uppercase);
    let sane_case = all_upper || turns.saturating_mul(3) <= letters.len();
    letters.len() <= 3 || (longest <= 4 && sane_case)
}

/// Whether a text with spaces is four or more lower-case words that make no sentence.
pub(super) fn is_passphrase(value: &[u8]) -> bool {
    let words: Vec<&[u8]> = value.split(|byte| *byte == b' ').collect();
    let plain = |word: &&[u8]| word.len() >= 3 && word.iter().all(u8::is_ascii_lowercase);
    let functional = |word: &&[u8]| FUNCTION_WORDS.iter().any(|known| known.as_bytes() == *word);
    words.len() >= 4 && words.iter().all(plain) && !words.iter().any(functional)
}

/// A value that is the name of what it should be, decorated: `my-password-here`, `DbPassword`.
pub(super) fn names_itself(lower: &[u8]) -> bool {
    const SELF: &[&str] = &["password", "passwd", "passphrase", "passwort"];
    let named = SELF
        .iter()
        .any(|word| memchr::memmem::find(lower, word.as_bytes()).is_some());
    named
        && lower.iter().all(|byte| {
            byte.is_ascii_alphabetic()
                || matches!(byte, b'-' | b'_' | b'.' | b' ' | b'/' | b':' | b'#')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_letters_are_no_words() {
        assert!(is_words(b"authenticationFailed"));
        assert!(is_words(b"MY_API_TOKEN"));
        assert!(!is_words(b"xkqzjvwpltmn"));
        assert!(!is_words(b"aBcDeFgHiJkL"));
        assert!(!is_words(b"Summer2024"));
    }
}
