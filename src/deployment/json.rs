//! JSON, with the place of every value (RFC 8259).
//!
//! A walker of our own: no reader in wide use gives the spans of values, and one that refuses a
//! document for one bad number would lose the place of all that is sound. What a token says is not
//! judged here, only where it lies.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::tree::{Shape, Stopped, Text, Tree};

/// Reads the value that begins a document. Gives the tree as far as it was read, where the value
/// ends, and why reading stopped before, if it did.
pub(super) fn read(bytes: &[u8]) -> (Tree, usize, Option<Stopped>) {
    let mut reader = Reader {
        bytes,
        at: 0,
        tree: Tree::default(),
    };
    let stopped = reader.value_and_what_is_in_it().err();
    let end = reader.at;
    reader.tree.finish(bytes.len());
    (reader.tree, end, stopped)
}

/// Where a string ends, behind its closing quote; `start` is behind its opening one.
pub(super) fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let rest = bytes.get(at..)?;
        let found = at.checked_add(memchr::memchr2(b'"', b'\\', rest)?)?;
        match bytes.get(found)? {
            b'"' => return found.checked_add(1),
            _ => at = found.checked_add(2)?,
        }
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    tree: Tree,
}

impl Reader<'_> {
    fn value_and_what_is_in_it(&mut self) -> Result<(), Stopped> {
        loop {
            self.space();
            let is_container = self.value()?;
            if is_container && self.enter()? {
                continue;
            }
            // The value is over, and with it any number of containers.
            loop {
                let Some(within) = self.tree.within() else {
                    return Ok(());
                };
                self.space();
                match (self.peek(), within) {
                    (Some(b','), _) => {
                        self.step();
                        self.space();
                        // A comma too many is a slip of hand-written documents.
                        if matches!(self.peek(), Some(b'}' | b']')) {
                            continue;
                        }
                        if within == Shape::Object {
                            self.name()?;
                        }
                        break;
                    }
                    (Some(b'}'), Shape::Object) | (Some(b']'), Shape::List) => {
                        self.step();
                        self.tree.close(self.at);
                    }
                    _ => return Err(self.unexpected("`,` or the end of the value")),
                }
            }
        }
    }

    /// One scalar, or the beginning of a container; whether it is the latter.
    fn value(&mut self) -> Result<bool, Stopped> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => {
                self.tree.open(Shape::Object, start)?;
                self.step();
                Ok(true)
            }
            Some(b'[') => {
                self.tree.open(Shape::List, start)?;
                self.step();
                Ok(true)
            }
            Some(b'"') => {
                let text = self.string()?;
                self.tree.scalar(start..self.at, text)?;
                Ok(false)
            }
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.') => {
                let rest = self.bytes.get(start..).unwrap_or(&[]);
                let is_over = |byte: &u8| {
                    byte.is_ascii_whitespace()
                        || matches!(byte, b',' | b'}' | b']' | b':' | b'{' | b'[' | b'"')
                };
                let len = rest.iter().position(is_over).unwrap_or(rest.len());
                self.at = start.saturating_add(len);
                let span = start..self.at;
                let text = Text {
                    span: span.clone(),
                    own: None,
                };
                self.tree.scalar(span, text)?;
                Ok(false)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// After an opening bracket: whether anything is in the container; if not, it is closed.
    fn enter(&mut self) -> Result<bool, Stopped> {
        self.space();
        let is_object = self.tree.within() == Some(Shape::Object);
        let close = if is_object { b'}' } else { b']' };
        if self.peek() == Some(close) {
            self.step();
            self.tree.close(self.at);
            return Ok(false);
        }
        if is_object {
            self.name()?;
        }
        Ok(true)
    }

    /// A key and its colon.
    fn name(&mut self) -> Result<(), Stopped> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key"));
        }
        let key = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.step();
        self.tree.key(key);
        Ok(())
    }

    fn string(&mut self) -> Result<Text, Stopped> {
        let open = self.at;
        let start = open.saturating_add(1);
        let Some(end) = end_of_string(self.bytes, start) else {
            return Err(Stopped::new(open, "the text that begins here has no end"));
        };
        self.at = end;
        let span = start..end.saturating_sub(1);
        Ok(Text {
            own: self.decoded(&span, open..end),
            span,
        })
    }

    /// What a string says, if it has escapes; one that is no JSON says what lies there.
    fn decoded(&self, inner: &Range<usize>, whole: Range<usize>) -> Option<Box<str>> {
        memchr::memchr(b'\\', self.bytes.get(inner.clone())?)?;
        let text: String = serde_json::from_slice(self.bytes.get(whole)?).ok()?;
        Some(text.into_boxed_str())
    }

    fn space(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let len = rest.iter().position(|byte| !is_space(byte));
        self.at = self.at.saturating_add(len.unwrap_or(rest.len()));
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn unexpected(&self, expected: &str) -> Stopped {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(byte) if byte.is_ascii_graphic() => format!("`{}`", char::from(byte)),
            Some(byte) => format!("the byte {byte:#04x}"),
        };
        Stopped::new(self.at, format!("expected {expected}, found {found}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Document;
    use super::*;

    fn pointer_of(text: &str, needle: &str) -> Option<String> {
        read(text.as_bytes()).0.pointer_of(text, needle)
    }

    #[test]
    fn every_value_has_its_pointer() {
        let text =
            r#" {"a/b": [1, {"c~d": "here"}, [], {}], "\u0065": {"x":"a\"]}there"}, "":"empty" } "#;
        assert_eq!(pointer_of(text, "here").as_deref(), Some("/a~1b/1/c~0d"));
        assert_eq!(pointer_of(text, "there").as_deref(), Some("/e/x"));
        assert_eq!(pointer_of(text, "empty").as_deref(), Some("/"));
        assert_eq!(pointer_of(text, "c~d").as_deref(), Some("/a~1b/1/c~0d"));
        assert_eq!(pointer_of(text, ": ["), None, "between two texts");
    }

    #[test]
    fn what_follows_the_value_is_another_document() {
        let (tree, end, stopped) = read(b"{\"a\":1}\n{\"b\":2}");
        assert_eq!((end, stopped), (7, None));
        assert_eq!(Document::new(b"{\"a\":1}", &tree).items().count(), 2);
    }

    #[test]
    fn what_breaks_off_is_kept_as_far_as_it_goes() {
        let text = r#"{"a": {"b": "one", "c": "tw"#;
        let (.., stopped) = read(text.as_bytes());
        assert_eq!(stopped.unwrap().at, 24);
        assert_eq!(pointer_of(text, "one").as_deref(), Some("/a/b"));
        for broken in [
            "",
            "{",
            "[",
            "{\"a\"",
            "{\"a\":",
            "[1,",
            "]",
            "\"\\",
            "{]",
            "[}",
            "{\"a\":,}",
        ] {
            assert!(read(broken.as_bytes()).2.is_some(), "{broken}");
        }
        for sloppy in ["[1,]", "{\"a\":1,}", "[nan, -Infinity]"] {
            assert_eq!(read(sloppy.as_bytes()).2, None, "{sloppy}");
        }
    }

    #[test]
    fn depth_is_bounded_and_costs_no_stack() {
        let deep = "[".repeat(1_000_000);
        let stopped = read(deep.as_bytes()).2.unwrap();
        assert!(stopped.why.contains("deep"), "{}", stopped.why);
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_counts() {
        let text = br#"{"a": 1, "a": 2}"#;
        let (tree, ..) = read(text);
        let root = Document::new(text, &tree).items().next().unwrap();
        assert_eq!(root.word("a").unwrap(), "2");
    }
}
