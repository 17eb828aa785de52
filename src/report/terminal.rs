//! What may reach a terminal, and how much of it fits.
//!
//! File names and key comments come from a stranger's disk. A terminal obeys escape sequences in
//! them: they can hide lines, retitle windows or worse. Every text from an image goes through
//! [`visible`] before it is shown to a person.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::rule::Severity;

/// How a terminal shows a report; the default is what a file or a pipe gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Paint severities.
    pub colour: bool,
    /// Columns that a line should not pass.
    pub width: Option<usize>,
}

/// The text with control characters, escape sequences, characters without width and bidirectional
/// overrides made visible.
#[must_use]
pub fn visible(text: &str) -> String {
    // Nearly all texts are plain, and a report has millions of them.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars()
        .map(|character| match character {
            // Marks, overrides and isolates of direction, joiners, separators of lines, byte order.
            '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => '\u{fffd}',
            // The control pictures show which one it was.
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            '\u{80}'..='\u{9f}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text with its middle left out where it is wider than `most` columns. More is kept of its
/// end: that of a path is the file, that of a place its offset.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let Some(room) = most.checked_sub(1) else {
        return String::new();
    };
    let head: String = fitting(text.chars(), room / 3).collect();
    let tail: Vec<char> = fitting(text.chars().rev(), room - width(&head)).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
}

/// The first of these characters that fit into so many columns.
fn fitting(characters: impl Iterator<Item = char>, mut room: usize) -> impl Iterator<Item = char> {
    characters.map_while(move |character| {
        room = room.checked_sub(character.width().unwrap_or(0))?;
        Some(character)
    })
}

/// The text filled up with blanks to so many columns.
#[must_use]
pub fn padded(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(blanks))
}

/// A severity's word, padded to the column of severities and painted if `colour`.
#[must_use]
pub fn severity(severity: Severity, colour: bool) -> String {
    let word = format!("{:<8}", severity.name());
    if !colour {
        return word;
    }
    let paint = match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "2",
    };
    format!("\x1b[{paint}m{word}\x1b[0m")
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
        assert_eq!(visible("pay\u{200b}pal\u{feff}"), "pay\u{fffd}pal\u{fffd}");
        assert_eq!(visible("plain é 日本"), "plain é 日本");
    }

    #[test]
    fn the_middle_is_left_out_and_the_end_stays() {
        assert_eq!(
            shortened("/home/ops/.ssh/id_rsa", 21),
            "/home/ops/.ssh/id_rsa"
        );
        assert_eq!(shortened("/home/ops/.ssh/id_rsa", 12), "/ho…h/id_rsa");
        // A character of two columns is not cut in half.
        for most in 0..20 {
            let short = shortened("日本語のファイル名.txt", most);
            assert!(width(&short) <= most, "{most}: {short}");
        }
        assert_eq!(padded("日本", 6), "日本  ");
    }
}
