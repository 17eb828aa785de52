//! YAML, with the place of every value.
//!
//! The parser gives events, so an alias stays an alias and no document grows by being read.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::tree::{Shape, Stopped, Text, Tree};

/// Characters between two places whose byte is remembered.
const STRIDE: usize = 256;

/// Reads the first document of a stream. Gives the tree as far as it was read, and why reading
/// stopped before the end, if it did.
pub(super) fn read(bytes: &[u8]) -> (Tree, Option<Stopped>) {
    let text = readable(bytes);
    let mut reader = Reader {
        text: &text,
        positions: Positions::new(&text),
        tree: Tree::default(),
        keys: Vec::new(),
        last: 0,
    };
    let stopped = reader.document().err();
    reader.tree.finish(bytes.len());
    (reader.tree, stopped)
}

/// The text, with a question mark for each byte that is none: positions stay.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// Leads from the number of a character, in which the parser counts, to its byte.
struct Positions<'t> {
    text: &'t str,
    /// The byte of every so many characters; none where all characters are bytes.
    marks: Vec<usize>,
}

impl<'t> Positions<'t> {
    fn new(text: &'t str) -> Self {
        let marks = if text.is_ascii() {
            Vec::new()
        } else {
            let bytes = text.char_indices().map(|(at, _)| at);
            bytes.step_by(STRIDE).collect()
        };
        Self { text, marks }
    }

    fn byte(&self, character: usize) -> usize {
        let len = self.text.len();
        if self.marks.is_empty() {
            return character.min(len);
        }
        let mark = character.checked_div(STRIDE).unwrap_or(0);
        let Some(from) = self.marks.get(mark).copied() else {
            return len;
        };
        let rest = self.text.get(from..).unwrap_or("");
        let into = character.checked_rem(STRIDE).unwrap_or(0);
        let found = rest.char_indices().nth(into);
        found.map_or(len, |(at, _)| from.saturating_add(at))
    }
}

struct Reader<'t> {
    text: &'t str,
    positions: Positions<'t>,
    tree: Tree,
    /// For each open mapping whether a key comes next; `None` for a sequence.
    keys: Vec<Option<bool>>,
    /// Where the last value ended.
    last: usize,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<(), Stopped> {
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| {
                let at = self.positions.byte(error.marker().index());
                Stopped::new(at, error.info())
            })?;
            let span = self.positions.byte(span.start.index())..self.end_of(&event, span);
            match event {
                Event::DocumentEnd | Event::StreamEnd => break,
                Event::Scalar(value, style, ..) => {
                    let span = self.behind_properties(span);
                    let text = self.text_of(&value, style, span.clone());
                    self.last = self.last.max(span.end);
                    if self.is_key() {
                        self.tree.key(text);
                    } else {
                        self.tree.scalar(span, text)?;
                    }
                    self.turn();
                }
                Event::Alias(_) => {
                    if self.is_key() {
                        self.tree.key(Text::default());
                    } else {
                        self.tree.scalar(span, Text::default())?;
                    }
                    self.turn();
                }
                Event::MappingStart(..) => self.open(Shape::Object, span.start)?,
                Event::SequenceStart(..) => self.open(Shape::List, span.start)?,
                Event::MappingEnd | Event::SequenceEnd => {
                    self.keys.pop();
                    self.last = self.last.max(span.end);
                    self.tree.close(self.last);
                    self.turn();
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
            }
        }
        Ok(())
    }

    /// A container that its indentation ends has its end in front of the next one, however far that
    /// is.
    fn end_of(&self, event: &Event<'_>, span: Span) -> usize {
        let is_end = matches!(event, Event::MappingEnd | Event::SequenceEnd);
        if is_end && span.is_empty() {
            return self.last;
        }
        self.positions.byte(span.end.index())
    }

    fn open(&mut self, shape: Shape, start: usize) -> Result<(), Stopped> {
        if self.is_key() {
            return Err(Stopped::new(start, "a key that is no text is not followed"));
        }
        self.keys.push((shape == Shape::Object).then_some(true));
        self.last = self.last.max(start);
        self.tree.open(shape, start)
    }

    fn is_key(&self) -> bool {
        self.keys.last() == Some(&Some(true))
    }

    /// After a key comes its value, and after that a key.
    fn turn(&mut self) {
        if let Some(Some(is_key)) = self.keys.last_mut() {
            *is_key = !*is_key;
        }
    }

    /// A value without its tag and anchor: `!Sub &a "..."`. No value begins with their marks.
    fn behind_properties(&self, span: Range<usize>) -> Range<usize> {
        let mut rest = self.text.get(span.clone()).unwrap_or("");
        while rest.starts_with(['!', '&']) {
            let (_, value) = rest
                .split_once(|c: char| c.is_ascii_whitespace())
                .unwrap_or_default();
            rest = value.trim_ascii_start();
        }
        span.end.saturating_sub(rest.len())..span.end
    }

    fn text_of(&self, value: &str, style: ScalarStyle, span: Range<usize>) -> Text {
        let is_quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
        let span = match is_quoted && span.len() >= 2 {
            true => span.start.saturating_add(1)..span.end.saturating_sub(1),
            false => span,
        };
        let as_it_lies = self.text.get(span.clone()) == Some(value);
        Text {
            own: (!as_it_lies).then(|| value.into()),
            span,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Document;
    use super::*;

    fn pointer_of(text: &str, needle: &str) -> Option<String> {
        read(text.as_bytes()).0.pointer_of(text, needle)
    }

    const STACK: &str = "---\n# é a remark: in-remark\nA:\n  'b/c':\n  - x\n  - {k: [1, 'flow']}\n  - d: \"é quoted\"\n    e: |\n      first\n      second\n\n    f: !Sub >-\n      folded ${x}\n      onwards\nG: &g\n  h: anchored\nI: *g\n? J\n: K\n";

    #[test]
    fn every_value_has_its_pointer() {
        for (needle, pointer) in [
            ("x\n", "/A/b~1c/0"),
            ("flow", "/A/b~1c/1/k/1"),
            ("quoted", "/A/b~1c/2/d"),
            ("first", "/A/b~1c/2/e"),
            ("second", "/A/b~1c/2/e"),
            ("folded", "/A/b~1c/2/f"),
            ("onwards", "/A/b~1c/2/f"),
            ("anchored", "/G/h"),
            ("K", "/J"),
        ] {
            assert_eq!(
                pointer_of(STACK, needle).as_deref(),
                Some(pointer),
                "{needle}"
            );
            let windows = STACK.replace('\n', "\r\n");
            let needle = needle.trim();
            assert_eq!(
                pointer_of(&windows, needle).as_deref(),
                Some(pointer),
                "{needle}"
            );
        }
        assert_eq!(pointer_of(STACK, "in-remark"), None);
    }

    #[test]
    fn what_differs_from_its_source_is_told() {
        let (tree, stopped) = read(STACK.as_bytes());
        assert_eq!(stopped, None);
        let own: Vec<&str> = Document::new(STACK.as_bytes(), &tree)
            .items()
            .filter_map(|item| item.own_text())
            .collect();
        assert_eq!(own, ["first\nsecond\n", "folded ${x} onwards"]);
    }

    #[test]
    fn a_tag_is_no_part_of_its_value() {
        let text = "a: !Sub 'quoted'\nb: &x !y plain\nc: !Sub |\n  block\n";
        let (tree, _) = read(text.as_bytes());
        let document = Document::new(text.as_bytes(), &tree);
        let own = |item: super::super::tree::Item<'_>| item.own_text().map(str::to_owned);
        let own: Vec<String> = document.items().filter_map(own).collect();
        assert_eq!(own, ["block\n"], "the others lie there as they are");
        let starts = |needle: &str| {
            document
                .at(text.find(needle).unwrap())
                .unwrap()
                .0
                .text_span()
        };
        assert_eq!(text.get(starts("quoted")), Some("quoted"));
        assert_eq!(text.get(starts("plain")), Some("plain"));
    }

    #[test]
    fn bytes_that_are_no_text_move_nothing() {
        let bytes = b"a: \xff\xfe\xe9\nb: found\n";
        let (tree, _) = read(bytes);
        let (item, _) = Document::new(bytes, &tree).at(11).unwrap();
        assert_eq!((item.pointer().as_str(), &*item.text()), ("/b", "found"));
    }

    #[test]
    fn aliases_are_not_followed_and_depth_is_bounded() {
        let mut bomb = "a0: &a0 [x, x]\n".to_owned();
        for n in 1..60 {
            bomb.push_str(&format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1));
        }
        let (tree, stopped) = read(bomb.as_bytes());
        assert_eq!(stopped, None);
        assert!(Document::new(bomb.as_bytes(), &tree).items().count() < 300);
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes()).1.is_some());
        let deep = "- ".repeat(100_000);
        assert!(read(deep.as_bytes()).1.is_some());
        for broken in [
            "a: b: c", "\t- x", "\"", "a: 'x", "{", "a: |\nb", "%", "&", "*",
        ] {
            let _ = read(broken.as_bytes());
        }
    }
}
