//! HCL, with the place of every value: Terraform's `.tf` and `.tfvars`.
//!
//! A walker of our own that knows blocks, attributes, lists, objects, strings and heredocs, and
//! takes any other expression as one value. It uses no stack, as the parsers in use do, and half a
//! file is read as far as it goes. Blocks become the objects of HCL's own JSON syntax, so that a
//! pointer reads `/resource/aws_db_instance/main/password`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::tree::{DEEPEST, Shape, Stopped, Text, Tree};

/// Most labels of a block; Terraform has two at most.
const LABELS: usize = 4;

/// Reads a file. Gives the tree as far as it was read, and why reading stopped, if it did.
pub(super) fn read(bytes: &[u8]) -> (Tree, Option<Stopped>) {
    let mut reader = Reader {
        bytes,
        at: 0,
        tree: Tree::default(),
        frames: Vec::new(),
    };
    let stopped = reader.file().err();
    reader.tree.finish(bytes.len());
    (reader.tree, stopped)
}

/// What is open, and how many levels of the tree it takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Body(usize),
    Object,
    List,
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    tree: Tree,
    frames: Vec<Frame>,
}

impl Reader<'_> {
    fn file(&mut self) -> Result<(), Stopped> {
        self.tree.open(Shape::Object, 0)?;
        self.frames.push(Frame::Body(1));
        while let Some(frame) = self.frames.last().copied() {
            self.blank();
            match (self.peek(), frame) {
                (None, Frame::Body(_)) if self.frames.len() == 1 => return Ok(()),
                (None, _) => return Err(self.unexpected("`}` or `]`")),
                (Some(b'}'), Frame::Body(_)) if self.frames.len() == 1 => {
                    return Err(self.unexpected("a name"));
                }
                (Some(b'}'), Frame::Body(_) | Frame::Object) | (Some(b']'), Frame::List) => {
                    self.step(1);
                    self.close();
                }
                (Some(b','), Frame::Object | Frame::List) => self.step(1),
                (Some(_), Frame::List) => self.value()?,
                (Some(_), Frame::Body(_) | Frame::Object) => self.item(frame)?,
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        let levels = match self.frames.pop() {
            Some(Frame::Body(levels)) => levels,
            _ => 1,
        };
        for _ in 0..levels {
            self.tree.close(self.at);
        }
    }

    /// An attribute, or the head of a block.
    fn item(&mut self, frame: Frame) -> Result<(), Stopped> {
        let start = self.at;
        let name = self.word().ok_or_else(|| self.unexpected("a name"))?;
        let mut labels = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(b'=' | b':') if labels.is_empty() => {
                    self.step(1);
                    self.space();
                    self.tree.key(name);
                    return self.value();
                }
                Some(b'{') if frame != Frame::Object => {
                    self.step(1);
                    self.tree.key(name);
                    self.tree.open(Shape::Object, start)?;
                    let levels = labels.len().saturating_add(1);
                    for label in labels {
                        self.tree.key(label);
                        self.tree.open(Shape::Object, start)?;
                    }
                    return self.enter(Frame::Body(levels));
                }
                _ if frame != Frame::Object && labels.len() < LABELS => {
                    let label = self.word();
                    labels.push(label.ok_or_else(|| self.unexpected("`=` or `{`"))?);
                }
                _ => return Err(self.unexpected("`=` or `{`")),
            }
        }
    }

    fn enter(&mut self, frame: Frame) -> Result<(), Stopped> {
        if self.frames.len() >= DEEPEST {
            let why = format!("blocks are nested more than {DEEPEST} deep");
            return Err(Stopped::new(self.at, why));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// A name, or a text in quotes.
    fn word(&mut self) -> Option<Text> {
        let start = self.at;
        if self.peek() == Some(b'"') {
            let end = self.end_of_text(start)?;
            self.at = end;
            return Some(text(start.saturating_add(1)..end.saturating_sub(1)));
        }
        // A key of an object may be an expression in parentheses.
        if self.peek() == Some(b'(') {
            self.at = self.end_of_expression(start);
            return Some(text(start..self.at)).filter(|word| !word.span.is_empty());
        }
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let rest = self.bytes.get(start..)?;
        let len = rest.iter().take_while(|byte| is_part(byte)).count();
        self.step(len);
        (len > 0).then(|| text(start..self.at))
    }

    /// A value: what is in it is read by the loop.
    fn value(&mut self) -> Result<(), Stopped> {
        let start = self.at;
        let (shape, frame) = match self.peek() {
            Some(b'{') => (Shape::Object, Frame::Object),
            Some(b'[') => (Shape::List, Frame::List),
            _ => return self.scalar(),
        };
        if self.is_comprehension() {
            return self.scalar();
        }
        self.step(1);
        self.tree.open(shape, start)?;
        self.enter(frame)
    }

    /// `[for ...]` and `{for ...}` are expressions.
    fn is_comprehension(&self) -> bool {
        let inside = self.bytes.get(self.at.saturating_add(1)..).unwrap_or(&[]);
        inside.trim_ascii_start().starts_with(b"for ")
    }

    fn scalar(&mut self) -> Result<(), Stopped> {
        let start = self.at;
        let end = self.end_of_expression(start);
        if end == start {
            return Err(self.unexpected("a value"));
        }
        self.at = end;
        let whole = self.bytes.get(start..end).unwrap_or(&[]).trim_ascii_end();
        let span = start..start.saturating_add(whole.len());
        let is_text = whole.first() == Some(&b'"') && self.end_of_text(start) == Some(span.end);
        let inner = match is_text {
            true => span.start.saturating_add(1)..span.end.saturating_sub(1),
            false => span.clone(),
        };
        self.tree.scalar(span, text(inner))
    }

    /// Where an expression ends: at the end of its line, or at what ends its container, outside all
    /// brackets, texts and heredocs.
    fn end_of_expression(&self, start: usize) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(byte) = self.bytes.get(at).copied() {
            let next = at.saturating_add(1);
            let after = self.bytes.get(next).copied();
            match byte {
                b'"' => {
                    at = self.end_of_text(at).unwrap_or(self.bytes.len());
                    continue;
                }
                b'<' if after == Some(b'<') => {
                    if let Some(end) = self.end_of_heredoc(at) {
                        at = end;
                        continue;
                    }
                }
                b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
                b')' | b']' | b'}' if depth > 0 => depth = depth.saturating_sub(1),
                b']' | b'}' | b',' | b'\n' if depth == 0 => return at,
                b'#' if depth == 0 => return at,
                b'/' if depth == 0 && matches!(after, Some(b'/' | b'*')) => return at,
                _ => {}
            }
            at = next;
        }
        at
    }

    /// Where a text ends, behind its closing quote: `${...}` in it may hold texts.
    fn end_of_text(&self, start: usize) -> Option<usize> {
        // For each expression inside the text how many braces are open in it, and a mark for each
        // text inside an expression.
        let mut open = vec![None];
        let mut at = start.checked_add(1)?;
        loop {
            let byte = self.bytes.get(at).copied()?;
            let next = at.checked_add(1)?;
            at = next;
            match (open.last_mut()?, byte) {
                (None, b'\\') => at = next.checked_add(1)?,
                (None, b'"') => {
                    open.pop();
                    if open.is_empty() {
                        return Some(next);
                    }
                }
                (None, b'$' | b'%') if self.bytes.get(next) == Some(&b'{') => {
                    at = next.checked_add(1)?;
                    open.push(Some(0_usize));
                }
                // Only what stands in an expression may go on in the next line.
                (None, b'\n') => return None,
                (Some(_), b'"') => open.push(None),
                (Some(braces), b'{') => *braces = braces.saturating_add(1),
                (Some(0), b'}') => {
                    open.pop();
                }
                (Some(braces), b'}') => *braces = braces.saturating_sub(1),
                _ => {}
            }
            if open.len() > DEEPEST {
                return None;
            }
        }
    }

    /// Where a heredoc ends, behind its last mark.
    fn end_of_heredoc(&self, start: usize) -> Option<usize> {
        let mut from = start.checked_add(2)?;
        if self.bytes.get(from) == Some(&b'-') {
            from = from.checked_add(1)?;
        }
        let rest = self.bytes.get(from..)?;
        let len = memchr::memchr(b'\n', rest)?;
        let mark = rest.get(..len)?.trim_ascii();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if mark.is_empty() || !mark.iter().all(is_name) {
            return None;
        }
        let mut at = from.checked_add(len)?.checked_add(1)?;
        loop {
            let rest = self.bytes.get(at..)?;
            let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let end = at.checked_add(len)?;
            let line = rest.get(..len)?;
            if line.trim_ascii() == mark {
                return Some(end);
            }
            if end >= self.bytes.len() {
                return None;
            }
            at = end.checked_add(1)?;
        }
    }

    /// Spaces, line ends and remarks.
    fn blank(&mut self) {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            let blank = rest.len().saturating_sub(rest.trim_ascii_start().len());
            let after = rest.get(blank..).unwrap_or(&[]);
            let remark = match after {
                [b'#', ..] | [b'/', b'/', ..] => memchr::memchr(b'\n', after),
                [b'/', b'*', ..] => {
                    memchr::memmem::find(after, b"*/").map(|at| at.saturating_add(2))
                }
                _ => Some(0),
            };
            let remark = remark.unwrap_or(after.len());
            self.step(blank.saturating_add(remark));
            if remark == 0 {
                return;
            }
        }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.step(1);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self, len: usize) {
        self.at = self.at.saturating_add(len);
    }

    fn unexpected(&self, expected: &str) -> Stopped {
        Stopped::new(self.at, format!("expected {expected}"))
    }
}

fn text(span: Range<usize>) -> Text {
    Text { span, own: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer_of(text: &str, needle: &str) -> Option<String> {
        read(text.as_bytes()).0.pointer_of(text, needle)
    }

    const MODULE: &str = r#"
# a remark
/* another
   one */
variable "pw" {
  type    = string // of text
  default = "in-variable"
}
resource "aws_db_instance" "main" {
  password = "a${lookup(var.x, "in-lookup")}b"
  tags     = { Name = "in-tag", "other/key" : "in-other" }
  ingress { cidr = ["10.0.0.0/8", "in-list"] }
  user_data = <<-EOT
    #!/bin/sh
    export X=in-heredoc
  EOT
  policy = jsonencode({
    a = "in-call"
  })
  names = [for x in var.y : "in-for"]
  after = "in-after"
}
"#;

    #[test]
    fn every_value_has_its_pointer() {
        let resource = "/resource/aws_db_instance/main";
        for (needle, pointer) in [
            ("in-variable", "/variable/pw/default".to_owned()),
            ("in-lookup", format!("{resource}/password")),
            ("in-tag", format!("{resource}/tags/Name")),
            ("in-other", format!("{resource}/tags/other~1key")),
            ("in-list", format!("{resource}/ingress/cidr/1")),
            ("in-heredoc", format!("{resource}/user_data")),
            ("in-call", format!("{resource}/policy")),
            ("in-for", format!("{resource}/names")),
            ("in-after", format!("{resource}/after")),
        ] {
            assert_eq!(pointer_of(MODULE, needle), Some(pointer), "{needle}");
        }
        assert_eq!(pointer_of(MODULE, "a remark"), None);
        assert_eq!(read(MODULE.as_bytes()).1, None);
    }

    #[test]
    fn broken_files_are_read_as_far_as_they_go() {
        for len in 0..MODULE.len() {
            let _ = read(MODULE.get(..len).unwrap().as_bytes());
        }
        for broken in [
            "x = [[[",
            "}",
            "a b c d e f {",
            "x = \"${\"",
            "x = <<EOT\n",
            "x = (",
        ] {
            let _ = read(broken.as_bytes());
        }
        let deep = format!("x = {}", "[".repeat(1_000_000));
        assert!(read(deep.as_bytes()).1.unwrap().why.contains("deep"));
        let deep = format!("x = {}", "\"${".repeat(100_000));
        let _ = read(deep.as_bytes());
    }
}
