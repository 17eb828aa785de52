//! What stands near a secret: account names, hosts, identifiers.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// A regular expression of the program's own, compiled when it is first used. One that did not
/// compile would find nothing; the tests compile them all.
pub(crate) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Over bytes, Unicode off.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }

    /// The compiled expression.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        let compile = || RegexBuilder::new(self.text).unicode(false).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    /// Every match, first to last.
    pub(crate) fn find_all<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = Captures<'t>> {
        self.regex()
            .into_iter()
            .flat_map(move |regex| regex.captures_iter(text))
    }

    /// The first match.
    pub(crate) fn first<'t>(&self, text: &'t [u8]) -> Option<Captures<'t>> {
        self.regex()?.captures(text)
    }

    /// The match nearest to `place` that ends or begins within `reach` bytes of it; of two
    /// equally near ones the one before.
    pub(crate) fn nearest<'t>(
        &self,
        text: &'t [u8],
        place: &Range<usize>,
        reach: usize,
    ) -> Option<Captures<'t>> {
        let gap = |found: &Captures<'_>| {
            let whole = found.get(0).map_or(0..0, |whole| whole.range());
            gap_between(&whole, place)
        };
        self.find_all(text)
            .filter(|found| gap(found) <= reach)
            .min_by_key(gap)
    }
}

/// Bytes between two ranges; 0 if they touch or overlap.
pub(crate) fn gap_between(one: &Range<usize>, other: &Range<usize>) -> usize {
    let after = one.start.saturating_sub(other.end);
    let before = other.start.saturating_sub(one.end);
    after.max(before)
}

/// A named group as text; `None` if it took no part or is not UTF-8.
pub(crate) fn text_of(captures: &Captures<'_>, name: &str) -> Option<String> {
    let bytes = captures.name(name)?.as_bytes();
    String::from_utf8(bytes.to_vec()).ok()
}

/// Bytes as text, where they are.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `DefaultEndpointsProtocol`'s neighbour: the part of the text around `place` without line ends,
/// which is where fields of one record are looked for first.
pub(crate) fn line_around<'t>(text: &'t [u8], place: &Range<usize>) -> &'t [u8] {
    around(text, place, |byte| matches!(byte, b'\n' | b'\r' | 0))
}

/// The part of the text around `place` up to the next byte on either side that ends it.
pub(crate) fn around<'t>(
    text: &'t [u8],
    place: &Range<usize>,
    ends: impl Fn(u8) -> bool,
) -> &'t [u8] {
    let is_end = |byte: &u8| ends(*byte);
    let before = text.get(..place.start).unwrap_or(&[]);
    let start = before
        .iter()
        .rposition(is_end)
        .map_or(0, |at| at.saturating_add(1));
    let after = text.get(place.end..).unwrap_or(&[]);
    let len = after.iter().position(is_end).unwrap_or(after.len());
    text.get(start..place.end.saturating_add(len))
        .unwrap_or(&[])
}

/// The XML tag around `place`, from its `<` up to its `>`; `reach` bytes on a side that has none.
pub(crate) fn tag_around<'t>(text: &'t [u8], place: &Range<usize>, reach: usize) -> &'t [u8] {
    let before = text.get(..place.start).unwrap_or(&[]);
    let start = before
        .iter()
        .rposition(|byte| *byte == b'<')
        .unwrap_or_else(|| place.start.saturating_sub(reach));
    let after = text.get(place.end..).unwrap_or(&[]);
    let len = after
        .iter()
        .position(|byte| *byte == b'>')
        .unwrap_or_else(|| after.len().min(reach));
    text.get(start..place.end.saturating_add(len))
        .unwrap_or(&[])
}

/// Whether an empty line lies in a text, also in an indented block or with its line ends written as
/// in an attribute of XML.
pub(super) fn has_blank_line(text: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    // The first and the last piece are parts of lines.
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.next();
    lines.next_back();
    lines.any(|line| line.trim_ascii().is_empty()) || has(b"&#xA;&#xA;") || has(b"&#10;&#10;")
}

/// Whether a section of a file begins in a text: `[name]` or `---` on a line of its own.
pub(super) fn begins_section(text: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" _.:-".contains(byte);
    let is_head = |line: &[u8]| matches!(line, [b'[', name @ .., b']'] if name.iter().all(in_name));
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    has(b"\n[") || has(b"\n---") || has(b"&#xA;[") || has(b"&#10;[") || lines.any(is_head)
}

#[cfg(test)]
mod tests {
    use super::*;

    static NUMBER: Pattern = Pattern::new(r"[0-9]+");

    #[test]
    fn the_nearest_match_wins_on_either_side() {
        let text = b"11 ....KEY. 22 ........ 33";
        let found = |reach| {
            NUMBER
                .nearest(text, &(7..10), reach)
                .map(|found| found.get(0).unwrap().as_bytes().to_vec())
        };
        assert_eq!(found(100).unwrap(), b"22");
        assert_eq!(found(1), None);
    }

    #[test]
    fn a_line_ends_at_line_ends_and_nul() {
        assert_eq!(line_around(b"a\nbKc\r\nd", &(3..4)), b"bKc");
        assert_eq!(line_around(b"K", &(0..1)), b"K");
    }
}
