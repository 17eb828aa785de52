//! Cutting a document into rows without reading it whole, so that one broken row costs only itself
//! and a file of any size costs one row of memory.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::io::{self, BufRead};

use serde_json::Value;

/// Longest row of any form; a longer one is skipped. The list of one resource's policies or
/// vulnerabilities has a few megabytes.
pub(super) const LONGEST: usize = 64 << 20;
/// Most values of one row: one of two bytes takes 32 in memory.
const MOST_VALUES: usize = 4 << 20;
/// Longest name of a list, and longest field of a document.
const LONGEST_NAME: usize = 1 << 10;

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A list for spreadsheets.
    Csv,
    /// One JSON value a line.
    Lines,
    /// A JSON document with lists in it.
    Elements,
}

/// Recognises the layout of a file by its first bytes.
pub(super) fn layout(head: &[u8]) -> Layout {
    let head = head.strip_prefix(MARK).unwrap_or(head);
    let start = head.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(start, Some(b'{' | b'[')) {
        return Layout::Csv;
    }
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    let single = first.len() >= head.trim_ascii_end().len();
    let is_line = first.first() == Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
    // A broken first line is no reason to misread the others.
    let is_lines = is_line || head.windows(3).any(|pair| pair == b"}\n{");
    if is_lines && (!single || is_record(first)) {
        Layout::Lines
    } else {
        Layout::Elements
    }
}

/// The byte order mark that spreadsheets write before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a line is a row of its own and not a document that lies on one line.
fn is_record(line: &[u8]) -> bool {
    ["\"assetType\"", "\"schema\":\"keydredge."]
        .iter()
        .any(|mark| memchr::memmem::find(line, mark.as_bytes()).is_some())
}

/// Reads a row as JSON, if that fits into memory.
pub(super) fn value(bytes: &[u8]) -> Result<Value, String> {
    if memchr::memchr_iter(b',', bytes).count() > MOST_VALUES {
        return Err(format!("more than {MOST_VALUES} values in one row"));
    }
    serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))
}

/// Reads a line, without its end, into `line`: at most `longest` bytes of it. `None` at the end of
/// the file, else whether all of it was read.
pub(super) fn line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    longest: usize,
) -> io::Result<Option<bool>> {
    line.clear();
    let (mut begun, mut whole) = (false, true);
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(begun.then_some(whole));
        }
        begun = true;
        let end = memchr::memchr(b'\n', chunk);
        let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
        whole &= append(line, part, longest);
        let used = end.map_or(chunk.len(), |end| end.saturating_add(1));
        input.consume(used);
        if end.is_some() {
            return Ok(Some(whole));
        }
    }
}

/// Appends as much as there is room for; whether that is all.
fn append(to: &mut Vec<u8>, part: &[u8], longest: usize) -> bool {
    let room = longest.saturating_sub(to.len()).min(part.len());
    to.extend_from_slice(part.get(..room).unwrap_or_default());
    room == part.len()
}

/// What a document says of itself before its lists begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    /// What Trivy looked at.
    pub(super) artifact: Option<String>,
    /// Version of a Terraform state's form.
    pub(super) version: Option<i64>,
    /// Whether it is a Terraform state.
    pub(super) is_state: bool,
}

impl Document {
    /// Whether it is one whose lists may be empty.
    pub(super) const fn is_known(&self) -> bool {
        self.is_state || self.artifact.is_some()
    }
}

/// One element of a list.
pub(super) struct Row<'r> {
    /// The field of the outermost object that holds the list; empty for bare lists.
    pub(super) list: &'r str,
    /// Line of its first byte, from 1.
    pub(super) line: usize,
    pub(super) bytes: &'r [u8],
    /// Whether it is there from its first to its last byte.
    pub(super) whole: bool,
    pub(super) document: &'r Document,
}

/// The elements of the outermost lists: of the document if it is one, else of its fields. Brackets
/// are counted and strings skipped; whether an element is sound is for its reader to say.
pub(super) struct Elements<R> {
    input: R,
    line: usize,
    /// Kinds of the two outermost brackets, and how many are open.
    outer: [u8; 2],
    depth: usize,
    text: Text,
    /// Key of the outermost object's field, and its value as long as it is no list.
    key: Vec<u8>,
    value: Vec<u8>,
    in_value: bool,
    list: String,
    row: Vec<u8>,
    whole: bool,
    /// Line and depth of the element that has begun.
    begun: Option<(usize, usize)>,
    pub(super) document: Document,
}

/// Whether a byte lies in a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Out,
    In,
    Escaped,
}

impl<R: BufRead> Elements<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            line: 1,
            outer: [0; 2],
            depth: 0,
            text: Text::Out,
            key: Vec::new(),
            value: Vec::new(),
            in_value: false,
            list: String::new(),
            row: Vec::new(),
            whole: true,
            begun: None,
            document: Document::default(),
        }
    }

    /// The next element; one that is cut off by the end of the file too: its reader will say so.
    pub(super) fn next(&mut self) -> io::Result<Option<Row<'_>>> {
        self.row.clear();
        self.whole = true;
        loop {
            let chunk = self.input.fill_buf()?;
            let Some(byte) = chunk.first().copied() else {
                let cut = self.begun.take();
                return Ok(cut.map(|(line, depth)| self.row_of(line, depth)));
            };
            // What lies in a string or between two brackets is of one piece.
            let special = match self.text {
                Text::Escaped => Some(0),
                Text::In => memchr::memchr3(b'"', b'\\', b'\n', chunk),
                Text::Out if self.depth > 2 => chunk
                    .iter()
                    .position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']' | b'\n')),
                Text::Out => Some(0),
            };
            let plain = special.unwrap_or(chunk.len());
            if plain > 0 {
                let part = chunk.get(..plain).unwrap_or_default();
                if self.begun.is_some() {
                    self.whole &= append(&mut self.row, part, LONGEST);
                } else if self.depth == 1 {
                    let field = if self.in_value {
                        &mut self.value
                    } else {
                        &mut self.key
                    };
                    append(field, part, LONGEST_NAME);
                }
                self.input.consume(plain);
                continue;
            }
            self.input.consume(1);
            if let Some((line, depth)) = self.byte(byte) {
                return Ok(Some(self.row_of(line, depth)));
            }
        }
    }

    fn row_of(&self, line: usize, depth: usize) -> Row<'_> {
        Row {
            list: if depth == 1 { "" } else { &self.list },
            line,
            bytes: &self.row,
            whole: self.whole,
            document: &self.document,
        }
    }

    /// Takes a byte; line and depth of the element that it ends.
    fn byte(&mut self, byte: u8) -> Option<(usize, usize)> {
        if byte == b'\n' {
            self.line = self.line.saturating_add(1);
        }
        let was_out = self.text == Text::Out;
        self.text = match (self.text, byte) {
            (Text::Out, b'"') | (Text::Escaped, _) => Text::In,
            (Text::In, b'\\') => Text::Escaped,
            (Text::In, b'"') => Text::Out,
            (same, _) => same,
        };
        let is_text = !was_out || byte == b'"';
        if !is_text && matches!(byte, b'{' | b'[') {
            self.open(byte);
        }
        if self.begun.is_some() {
            self.whole &= append(&mut self.row, &[byte], LONGEST);
        } else if self.depth == 1 {
            self.field(byte, is_text);
        }
        if !is_text && matches!(byte, b'}' | b']') {
            self.depth = self.depth.saturating_sub(1);
            return self.begun.take_if(|(_, depth)| self.depth <= *depth);
        }
        None
    }

    fn open(&mut self, byte: u8) {
        let innermost = self.depth.checked_sub(1).and_then(|at| self.outer.get(at));
        let in_list = innermost == Some(&b'[') && (self.depth == 1 || self.outer[0] == b'{');
        if self.begun.is_none() && in_list {
            self.begun = Some((self.line, self.depth));
        } else if self.depth == 1 {
            self.list = String::from_utf8_lossy(self.key.trim_ascii())
                .trim_matches('"')
                .to_owned();
            self.key.clear();
            self.in_value = false;
        }
        if let Some(kind) = self.outer.get_mut(self.depth) {
            *kind = byte;
        }
        self.depth = self.depth.saturating_add(1);
    }

    /// A byte of a field of the outermost object.
    fn field(&mut self, byte: u8, is_text: bool) {
        match byte {
            b':' if !is_text => self.in_value = true,
            b',' | b'}' | b']' | b'{' | b'[' if !is_text => {
                let key = self.key.trim_ascii();
                let value = || serde_json::from_slice::<Value>(&self.value).ok();
                match key {
                    b"\"ArtifactName\"" => {
                        self.document.artifact =
                            value().and_then(|v| v.as_str().map(str::to_owned));
                    }
                    b"\"version\"" => self.document.version = value().and_then(|v| v.as_i64()),
                    b"\"terraform_version\"" => self.document.is_state = true,
                    _ => {}
                }
                self.key.clear();
                self.value.clear();
                self.in_value = false;
            }
            byte => {
                let field = if self.in_value {
                    &mut self.value
                } else {
                    &mut self.key
                };
                append(field, &[byte], LONGEST_NAME);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// The elements of a text that is read a few bytes at a time.
    fn of(text: &str) -> Vec<(String, usize, String)> {
        let mut found = Vec::new();
        for bytes in [1, 2, 7, 1 << 20] {
            let mut elements = Elements::new(BufReader::with_capacity(bytes, text.as_bytes()));
            let mut rows = Vec::new();
            while let Some(row) = elements.next().unwrap() {
                let bytes = String::from_utf8_lossy(row.bytes).into_owned();
                rows.push((row.list.to_owned(), row.line, bytes));
            }
            assert!(
                found.is_empty() || found == rows,
                "{bytes} at a time: {text}"
            );
            found = rows;
        }
        found
    }

    #[test]
    fn elements_of_lists_are_cut_with_their_lines() {
        let rows = of("{\"count\": 2,\n \"data\": [\n {\"a\": \"]}\\\"\"},\n {\"b\": [1, {}]}]}");
        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0],
            ("data".to_owned(), 3, "{\"a\": \"]}\\\"\"}".to_owned())
        );
        assert_eq!(rows[1].1, 4);
        assert_eq!(of("[{\"a\":1},\n{\"b\":2}]").len(), 2);
        assert_eq!(of("{\"x\": {\"y\": [{}]}, \"z\": [[1], {}]}").len(), 2);
    }

    #[test]
    fn layouts_are_told_by_the_first_lines() {
        for (text, expected) in [
            ("uid,kind\na,vm\n", Layout::Csv),
            ("{\"a\":1}\n{\"b\":2}\n", Layout::Lines),
            ("{\"a\":1}\n{\"b\":\n{\"c\":3}\n", Layout::Lines),
            ("{\"a\":\n{\"b\":2}\n{\"c\":3}\n", Layout::Lines),
            ("{\"assetType\":1}", Layout::Lines),
            ("{\"data\":[{}]}\n", Layout::Elements),
            ("\u{feff}[\n{}]", Layout::Elements),
            ("", Layout::Csv),
        ] {
            assert_eq!(layout(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_document_says_what_its_lists_are_of() {
        let text = "{\"SchemaVersion\": 2, \"ArtifactName\": \"web \\\"01\\\"\", \"version\" : 4 ,\n\
                    \"terraform_version\":\"1.9.0\", \"Results\": [{}]}";
        let mut elements = Elements::new(text.as_bytes());
        let row = elements.next().unwrap().unwrap();
        assert_eq!(row.document.artifact.as_deref(), Some("web \"01\""));
        assert_eq!(
            (row.document.version, row.document.is_state),
            (Some(4), true)
        );
        assert_eq!(row.list, "Results");
    }

    #[test]
    fn what_is_too_long_is_cut_and_the_next_row_counts() {
        let long = "x".repeat(100);
        let mut input = BufReader::with_capacity(7, long.as_bytes()).chain(&b"\nnext\n"[..]);
        let mut bytes = Vec::new();
        assert_eq!(line(&mut input, &mut bytes, 50).unwrap(), Some(false));
        assert_eq!(bytes.len(), 50);
        assert_eq!(line(&mut input, &mut bytes, 50).unwrap(), Some(true));
        assert_eq!(bytes, b"next");
        assert_eq!(line(&mut input, &mut bytes, 50).unwrap(), None);
        // A row of more than the longest, made while it is read.
        let filler = io::repeat(b' ').take(u64::try_from(LONGEST).unwrap() + 5);
        let document = (&b"[{\"a\":"[..])
            .chain(filler)
            .chain(&b"1},\n{\"b\":2}]"[..]);
        let mut elements = Elements::new(BufReader::new(document));
        let row = elements.next().unwrap().unwrap();
        assert!(!row.whole && row.bytes.len() == LONGEST);
        let row = elements.next().unwrap().unwrap();
        assert_eq!(
            (row.whole, row.line, row.bytes),
            (true, 2, &b"{\"b\":2}"[..])
        );
        assert!(elements.next().unwrap().is_none());
    }

    #[test]
    fn a_row_of_millions_of_values_is_refused_before_it_takes_memory() {
        let all = format!("[{}0]", "0,".repeat(MOST_VALUES + 1));
        assert!(
            value(all.as_bytes())
                .unwrap_err()
                .contains("values in one row")
        );
    }

    #[test]
    fn garbage_is_cut_without_a_panic() {
        for text in [
            "{",
            "[{",
            "]]]]",
            "{\"a\": [[[[[{\"",
            "[\"\\",
            "{}}}{[",
            "[1,2,3]",
        ] {
            layout(text.as_bytes());
            of(text);
        }
        of(&"[".repeat(100_000));
        of(&"{\"a\":".repeat(100_000));
    }
}
