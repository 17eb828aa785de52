//! Texts that several kinds of secret are made of.

use super::Maker;
use super::Stream;

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] =
    &[("hex40", hex40), ("password", password), ("uuid", uuid)];

pub(super) const ALPHANUMERIC: &str =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(super) const LOWER_ALPHANUMERIC: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
pub(super) const BASE64URL: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
pub(super) const UPPER_ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
pub(super) const DIGITS: &str = "0123456789";
pub(super) const HEX: &str = "0123456789abcdef";

/// Forty hexadecimal digits: a commit id, or a GitHub token from before 2021.
pub(super) fn hex40(stream: &mut Stream) -> String {
    stream.text(HEX, 40)
}

/// A random (version 4) UUID.
pub(super) fn uuid(stream: &mut Stream) -> String {
    let mut part = |len| stream.text(HEX, len);
    format!(
        "{}-{}-4{}-a{}-{}",
        part(8),
        part(4),
        part(3),
        part(3),
        part(12)
    )
}

/// A chosen password: letters of both cases, digits and a mark, nothing that any syntax quotes.
pub(super) fn password(stream: &mut Stream) -> String {
    format!(
        "{}{}!{}",
        stream.text("ABCDEFGHJKLMNPQRSTUVWXYZ", 2),
        stream.text(LOWER_ALPHANUMERIC, 9),
        stream.text(DIGITS, 3)
    )
}

/// A number that does not begin with a zero.
pub(super) fn number(stream: &mut Stream, len: usize) -> String {
    format!(
        "{}{}",
        stream.text("3456789", 1),
        stream.text(DIGITS, len - 1)
    )
}

/// The text with one character in the middle replaced by another of its kind.
pub(super) fn broken(text: &str) -> String {
    let middle = text.len() / 2;
    text.char_indices()
        .map(|(at, character)| match character {
            _ if at != middle => character,
            'b' => 'c',
            '7' => '4',
            character if character.is_ascii_digit() => '7',
            character if character.is_ascii_uppercase() && character != 'B' => 'B',
            _ => 'b',
        })
        .collect()
}

/// The text as a JSON encoder writes it that escapes more than it must.
pub(super) fn json(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('+', "\\u002B")
        .replace('&', "\\u0026")
        .replace('/', "\\/")
}

/// The text as an XML attribute.
pub(super) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;")
}

/// The text as a URL parameter.
pub(super) fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
