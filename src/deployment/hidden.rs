//! Values that a document writes so that a search of its bytes does not see them.
//!
//! - JSON escapes inside the literal by which a secret is known (`driver\u003d`), and texts inside
//!   texts inside texts. What else is escaped, the confirm stage reads.
//! - YAML texts of several lines: their indentation and folding lie in the middle of the value.
//! - The `data` of a Kubernetes Secret: base64, whose key says what it is.
//! - gzip in base64, and in base64 of base64: user data, and the releases of Helm.
//!
//! Each is decoded, with a note for every byte of where it comes from.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

use super::layout::{Language, line_at};
use super::tree::{Document, Item, Shape};
use super::{Documents, LONGEST, json, kind};
use crate::chunk::assembly::Source;
use crate::confirm::unescape::{self, View};

/// Longest value that is decoded.
const LONGEST_VALUE: usize = 4 << 20;
/// Shortest value that can hold a secret with what it is known by.
const SHORTEST: usize = 8;
/// So many texts inside each other are undone here; the confirm stage undoes two more.
const LAYERS: usize = 6;
/// Longest key that is kept before its value.
const LONGEST_KEY: usize = 256;

/// gzip (RFC 1952) of deflated data in base64, and that in base64 again.
const GZIP: &[u8] = b"H4sI";
const GZIP_TWICE: &[u8] = b"SDRzS";

/// Padding may be missing, and trailing bits are not looked at.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// How values in base64 are called in the record.
pub const IN_BASE64: &str = "base64";

/// A decoded value. Positions in it begin where the value begins in the file.
pub struct Hidden {
    /// What was undone.
    pub codec: &'static str,
    /// What it says.
    pub bytes: Vec<u8>,
    /// Where in the file it says so.
    pub sources: Vec<Source>,
}

/// Where decoded values go.
struct Out<'t> {
    take: &'t mut dyn FnMut(Hidden) -> bool,
    left: u64,
}

impl Out<'_> {
    /// Hands a value on; false if no more are wanted.
    fn give(&mut self, value: Hidden) -> bool {
        (self.take)(value)
    }

    /// Counts a value that is too long; the next is wanted all the same.
    fn leave(&mut self) -> bool {
        self.left = self.left.saturating_add(1);
        true
    }
}

impl Documents {
    /// Decodes what is hidden in the file, in no particular order, until `take` says that it wants
    /// no more. How many values were left alone because they are too long.
    pub fn hidden(&self, take: &mut dyn FnMut(Hidden) -> bool) -> u64 {
        let out = &mut Out { take, left: 0 };
        let bytes = self.map.bytes();
        let is_wanted = match self.language {
            Language::Json | Language::Lines => escaped(bytes, out) && self.secrets(bytes, out),
            Language::Yaml => self.each(&mut |start, document| match document {
                Some(document) => folded(document, start, out) && values(document, start, out),
                None => out.leave(),
            }),
            Language::Hcl | Language::Other => true,
        };
        if is_wanted {
            compressed(bytes, out);
        }
        out.left
    }

    /// The Secrets among JSON documents: few hold one, and only those are read.
    fn secrets(&self, bytes: &[u8], out: &mut Out<'_>) -> bool {
        let finder = memmem::Finder::new(b"\"Secret\"");
        if self.language != Language::Lines {
            return finder.find(bytes).is_none()
                || self.each(&mut |start, document| match document {
                    Some(document) => values(document, start, out),
                    None => out.leave(),
                });
        }
        let mut from = 0;
        while let Some(found) = finder.find(bytes.get(from..).unwrap_or(&[])) {
            let range = line_at(bytes, from.saturating_add(found));
            let line = bytes.get(range.clone()).unwrap_or(&[]);
            from = range.end;
            let is_wanted = match line.len() <= LONGEST {
                true => {
                    let (tree, _) = self.language.read(line);
                    values(Document::new(line, &tree), range.start, out)
                }
                false => out.leave(),
            };
            if !is_wanted {
                return false;
            }
        }
        true
    }
}

/// The texts with escapes that the confirm stage does not see through.
fn escaped(bytes: &[u8], out: &mut Out<'_>) -> bool {
    let mut done = 0;
    let finders = [
        memmem::Finder::new(b"\\u"),
        memmem::Finder::new(b"\\\\\\\\"),
    ];
    // The next mark of each sort, kept so that none is looked for twice.
    let mut next = [Some(0), Some(0)];
    loop {
        for (mark, finder) in next.iter_mut().zip(&finders) {
            if mark.is_some_and(|at| at <= done) {
                let rest = bytes.get(done..).unwrap_or(&[]);
                *mark = finder.find(rest).map(|at| done.saturating_add(at));
            }
        }
        let Some(at) = next.iter().flatten().min().copied() else {
            return true;
        };
        let start = begin_of_string(bytes, done, at);
        let end = json::end_of_string(bytes, start);
        let end = end.map_or(bytes.len(), |end| end.saturating_sub(1));
        let text = bytes.get(start..end).unwrap_or(&[]);
        if text.len() > LONGEST_VALUE {
            out.leave();
        } else if text.len() >= SHORTEST
            && let Some(view) = undo(text)
            && !out.give(of_view(&view, text, start))
        {
            return false;
        }
        done = end.max(at).saturating_add(1);
    }
}

/// Where the text begins that holds a byte: in a text no quote stands without a backslash.
fn begin_of_string(bytes: &[u8], from: usize, at: usize) -> usize {
    let before = bytes.get(from..at).unwrap_or(&[]);
    let mut quotes = memchr::memrchr_iter(b'"', before);
    let is_plain = |quote: &usize| {
        let slashes = before.get(..*quote).unwrap_or(&[]).iter().rev();
        slashes.take_while(|byte| **byte == b'\\').count() % 2 == 0
    };
    let open = quotes.find(is_plain);
    open.map_or(from, |open| from.saturating_add(open).saturating_add(1))
}

/// A text without its escapes, and without those inside them as far as they are too deep for the
/// confirm stage.
fn undo(text: &[u8]) -> Option<View> {
    let mut view = unescape::text(text)?;
    for _ in 1..LAYERS {
        if memmem::find(view.bytes(), b"\\\\\\\\").is_none() {
            break;
        }
        let Some(inner) = unescape::text(view.bytes()) else {
            break;
        };
        view = inner.over(&view);
    }
    Some(view)
}

fn of_view(view: &View, text: &[u8], start: usize) -> Hidden {
    let mut value = Value::new("json", start);
    for (index, byte) in view.bytes().iter().enumerate() {
        let source = view.source_range(index..index.saturating_add(1));
        let here = start.saturating_add(source.start);
        if source.len() == 1 && text.get(source.start) == Some(byte) {
            value.copy(std::slice::from_ref(byte), here);
        } else {
            let end = here.saturating_add(source.len().max(1));
            value.decode(std::slice::from_ref(byte), here..end);
        }
    }
    value.finish()
}

/// The texts of several lines of a YAML document.
fn folded(document: Document<'_>, start: usize, out: &mut Out<'_>) -> bool {
    for item in document.items() {
        let text = item.own_text().unwrap_or("");
        if text.len() > LONGEST_VALUE {
            out.leave();
        }
        if !(SHORTEST..=LONGEST_VALUE).contains(&text.len()) {
            continue;
        }
        let value = aligned(item, text.as_bytes(), document.bytes(), start);
        if value.is_some_and(|value| !out.give(value)) {
            return false;
        }
    }
    true
}

/// A text of several lines beside its source: the words stand there as they are, and what is
/// between them differs. One with escapes is taken as decoded from all of its source.
fn aligned(item: Item<'_>, text: &[u8], document: &[u8], start: usize) -> Option<Hidden> {
    let span = item.text_span();
    let source = document.get(span.clone())?;
    let mut value = Value::new("yaml", start.saturating_add(span.start));
    let at = |inside: usize| start.saturating_add(span.start).saturating_add(inside);
    // The head of a block: its style, and how its end is cut.
    let is_block = item.span() == span && matches!(source.first(), Some(b'|' | b'>'));
    let mut from = match is_block {
        true => memchr::memchr(b'\n', source)?.saturating_add(1),
        false => 0,
    };
    let mut rest = text;
    while !rest.is_empty() {
        let blank = rest.len().saturating_sub(rest.trim_ascii_start().len());
        let behind = source.get(from..)?;
        let blank_there = behind.len().saturating_sub(behind.trim_ascii_start().len());
        let (between, words) = rest.split_at_checked(blank)?;
        let there = behind.get(..blank_there)?;
        if between == there {
            value.copy(between, at(from));
        } else if !between.is_empty() {
            let end = from.saturating_add(blank_there.max(1));
            value.decode(between, at(from)..at(end));
        }
        from = from.saturating_add(blank_there);
        let len = words.iter().position(u8::is_ascii_whitespace);
        let (word, after) = words.split_at_checked(len.unwrap_or(words.len()))?;
        if !source.get(from..)?.starts_with(word) {
            let mut whole = Value::new("yaml", at(0));
            whole.decode(text, at(0)..at(source.len()));
            return Some(whole.finish()).filter(|_| text.len() <= source.len());
        }
        value.copy(word, at(from));
        from = from.saturating_add(word.len());
        rest = after;
    }
    Some(value.finish())
}

/// The values of all Secrets of a document, each behind its key.
fn values(document: Document<'_>, start: usize, out: &mut Out<'_>) -> bool {
    let objects = document
        .items()
        .filter(|item| item.shape() == Shape::Object);
    let secrets = objects.filter(|object| kind::is_secret(*object));
    for item in secrets.filter_map(|secret| secret.get("data")) {
        for item in item.children() {
            if item.span().len() > LONGEST_VALUE {
                out.leave();
                continue;
            }
            let value = value(document, item, start);
            if value.is_some_and(|value| !out.give(value)) {
                return false;
            }
        }
    }
    true
}

fn value(document: Document<'_>, item: Item<'_>, start: usize) -> Option<Hidden> {
    let mut text = item.text().into_owned().into_bytes();
    text.retain(|byte| !byte.is_ascii_whitespace());
    // Those are looked for everywhere.
    if text.starts_with(GZIP) || text.starts_with(GZIP_TWICE) {
        return None;
    }
    let decoded = BASE64.decode(&text).ok()?;
    let (key, span) = (item.key_span()?, item.text_span());
    let begin = key.start.max(span.start.saturating_sub(LONGEST_KEY));
    let at = |inside: usize| start.saturating_add(inside);
    let mut value = Value::new(IN_BASE64, at(begin));
    value.copy(document.bytes().get(begin..span.start)?, at(begin));
    value.decode(&decoded, at(span.start)..at(span.end));
    let behind = span.end..span.end.saturating_add(1);
    value.copy(document.bytes().get(behind).unwrap_or(&[]), at(span.end));
    Some(value.finish())
}

/// What is compressed and then written in base64, once or twice.
fn compressed(bytes: &[u8], out: &mut Out<'_>) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    for (mark, times) in [(GZIP, 1), (GZIP_TWICE, 2)] {
        let mut done = 0;
        for at in memmem::find_iter(bytes, mark) {
            let before = at.checked_sub(1).and_then(|before| bytes.get(before));
            if at < done || before.is_some_and(|byte| is_digit(*byte)) {
                continue;
            }
            let rest = bytes.get(at..).unwrap_or(&[]);
            let is_part = |byte: &u8| is_digit(*byte) || byte.is_ascii_whitespace();
            let len = rest.iter().take_while(|byte| is_part(byte)).count();
            let end = at.saturating_add(len);
            done = end;
            if len > LONGEST_VALUE {
                out.leave();
                continue;
            }
            let mut plain = bytes.get(at..end).unwrap_or(&[]).to_vec();
            for _ in 0..times {
                plain.retain(|byte| is_digit(*byte));
                // Words that follow may have been taken for a part: the stream ends before them.
                while plain.len() % 4 == 1 {
                    plain.pop();
                }
                plain = BASE64.decode(&plain).unwrap_or_default();
            }
            let mut value = Value::new(IN_BASE64, at);
            value.decode(&plain, at..end);
            if plain.len() >= SHORTEST && !out.give(value.finish()) {
                return false;
            }
        }
    }
    true
}

/// A value that is being put together.
struct Value {
    hidden: Hidden,
    at: u64,
}

impl Value {
    fn new(codec: &'static str, start: usize) -> Self {
        Self {
            hidden: Hidden {
                codec,
                bytes: Vec::new(),
                sources: Vec::new(),
            },
            at: position(start),
        }
    }

    /// Bytes that lie in the file as they are.
    fn copy(&mut self, bytes: &[u8], from: usize) {
        let disk = position(from)..position(from.saturating_add(bytes.len()));
        self.push(bytes, disk, true);
    }

    /// Bytes that those of the file stand for.
    fn decode(&mut self, bytes: &[u8], from: Range<usize>) {
        self.push(bytes, position(from.start)..position(from.end), false);
    }

    fn push(&mut self, bytes: &[u8], disk: Range<u64>, moved: bool) {
        if bytes.is_empty() {
            return;
        }
        let range = self.at..self.at.saturating_add(position(bytes.len()));
        self.at = range.end;
        self.hidden.bytes.extend_from_slice(bytes);
        match self.hidden.sources.last_mut() {
            Some(last) if moved && last.moved && last.disk.end == disk.start => {
                last.range.end = range.end;
                last.disk.end = disk.end;
            }
            _ => self.hidden.sources.push(Source {
                range,
                disk,
                moved,
                skip: 0,
            }),
        }
    }

    fn finish(self) -> Hidden {
        self.hidden
    }
}

/// Positions of files fit 64 bits.
fn position(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
