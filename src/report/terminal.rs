//! What may reach a terminal.
//!
//! File names and key comments come from a stranger's disk. A terminal obeys escape sequences in
//! them: they can hide lines, retitle windows or worse. Every text from an image goes through
//! [`visible`] before it is shown to a person.

/// The text with control characters, escape sequences and bidirectional overrides made visible.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                '\u{fffd}'
            }
            // No width and no shape: two names that differ would look the same.
            '\u{61c}' | '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}' | '\u{feff}' => {
                '\u{fffd}'
            }
            // The control pictures show which one it was.
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_overrides_become_visible() {
        assert_eq!(visible("a\x1b[2Jb\n"), "a␛[2Jb␊");
        assert_eq!(
            visible("x\u{202e}txt.exe\u{9b}"),
            "x\u{fffd}txt.exe\u{fffd}"
        );
        assert_eq!(visible("id\u{200b}_rsa\u{feff}"), "id\u{fffd}_rsa\u{fffd}");
        assert_eq!(visible("plain é 日本"), "plain é 日本");
    }
}
