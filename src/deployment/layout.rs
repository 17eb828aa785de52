//! In which language a file is written, and where in it one document ends and the next begins.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::tree::Tree;
use super::{hcl, json, tree::Stopped, yaml};

/// Bytes that are looked at to tell a language.
const HEAD: usize = 64 << 10;
/// Lines that are looked at for the first one that says something.
const LINES: usize = 200;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// JSON values one after the other; usually one.
    Json,
    /// One JSON value a line.
    Lines,
    /// A stream of documents.
    Yaml,
    Hcl,
    /// None of these: a file beside the deployments.
    Other,
}

impl Language {
    /// Tells the language by the content.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or(bytes);
        let text = head.strip_prefix(BOM).unwrap_or(head);
        if memchr::memchr(0, text).is_some() {
            return Self::Other;
        }
        let start = text.trim_ascii_start();
        if is_json(start) {
            return match are_lines(bytes.strip_prefix(BOM).unwrap_or(bytes)) {
                true => Self::Lines,
                false => Self::Json,
            };
        }
        of_lines(start)
    }

    /// Reads one document.
    pub(super) fn read(self, bytes: &[u8]) -> (Tree, Option<Stopped>) {
        match self {
            Self::Json | Self::Lines => {
                let (tree, _, stopped) = json::read(bytes);
                (tree, stopped)
            }
            Self::Yaml => yaml::read(bytes),
            Self::Hcl => hcl::read(bytes),
            Self::Other => (Tree::default(), None),
        }
    }
}

/// The mark that some programs of Windows put before a text.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// `{` or `[` and what may follow in JSON: `{{` begins a template and `[name]` a section.
fn is_json(start: &[u8]) -> bool {
    let Some((first, rest)) = start.split_first() else {
        return false;
    };
    let next = rest.trim_ascii_start().first();
    match first {
        b'{' => matches!(next, None | Some(b'"' | b'}')),
        b'[' => matches!(
            next,
            None | Some(b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9')
        ),
        _ => false,
    }
}

/// Whether there is a value a line. A broken first line is no reason to misread the others.
fn are_lines(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let len = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
    let line = line.trim_ascii_end();
    let (_, end, stopped) = json::read(line);
    if stopped.is_none() && end == line.len() {
        let next = rest.trim_ascii_start().first();
        return matches!(next, Some(b'{' | b'['));
    }
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    line.len() > 1 && memchr::memmem::find(head, b"}\n{").is_some()
}

/// YAML and HCL differ in what ties a name to its value.
fn of_lines(text: &[u8]) -> Language {
    let mut in_remark = false;
    for line in text.split(|byte| *byte == b'\n').take(LINES) {
        let line = line.trim_ascii();
        let ends = memchr::memmem::find(line, b"*/").is_some();
        let was_in_remark = in_remark;
        in_remark = !ends && (in_remark || line.starts_with(b"/*"));
        if was_in_remark || line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if line.starts_with(b"//") || line.starts_with(b"/*") {
            continue;
        }
        if let Some(language) = of_line(line) {
            return language;
        }
    }
    Language::Other
}

/// What a line says of its language; nothing, if it could be of HCL or of others.
fn of_line(line: &[u8]) -> Option<Language> {
    if line.starts_with(b"---") || line.starts_with(b"%YAML") || line == b"-" {
        return Some(Language::Yaml);
    }
    let entry = line.strip_prefix(b"- ").unwrap_or(line);
    let name = |rest: &[u8]| {
        let is_part = |byte: &&u8| {
            byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-' | b'.' | b'/' | b'$')
        };
        rest.iter().take_while(is_part).count()
    };
    let (len, quoted) = match entry.first() {
        Some(quote @ (b'"' | b'\'')) => {
            let rest = entry.get(1..).unwrap_or(&[]);
            let end = memchr::memchr(*quote, rest);
            (end.map_or(0, |end| end.saturating_add(2)), true)
        }
        _ => (name(entry), false),
    };
    let rest = entry.get(len..).unwrap_or(&[]);
    if len > 0 && matches!(rest, [b':'] | [b':', b' ' | b'\t', ..]) {
        return Some(Language::Yaml);
    }
    let after = rest.trim_ascii_start();
    let is_apart = !quoted && len > 0 && after.len() < rest.len();
    let value = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
    let is_attribute = matches!(value, Some([b'"' | b'[' | b'{', ..] | [b'<', b'<', ..]));
    let has_label = after.starts_with(b"\"") && line.contains(&b'{');
    let is_block = has_label || matches!(line, b"locals {" | b"terraform {");
    if is_apart && (is_attribute || is_block) {
        return Some(Language::Hcl);
    }
    if line.starts_with(b"- ") {
        return Some(Language::Yaml);
    }
    // `count = 3` could be of a file of settings, too.
    let is_setting = is_apart && value.is_some();
    (!is_setting).then_some(Language::Other)
}

/// The line that a byte lies in, without its end.
pub(super) fn line_at(bytes: &[u8], position: usize) -> Range<usize> {
    let position = position.min(bytes.len());
    let (before, after) = bytes.split_at_checked(position).unwrap_or((bytes, &[]));
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at.saturating_add(1));
    let len = memchr::memchr(b'\n', after).unwrap_or(after.len());
    start..position.saturating_add(len)
}

/// The document of a YAML stream that a byte lies in. Nothing but a mark of a document may begin a
/// line with `---` and a blank (YAML 1.2.2, production 206).
pub(super) fn part_at(bytes: &[u8], position: usize) -> Range<usize> {
    let position = position.min(bytes.len());
    let is_mark = |at: usize| {
        let rest = at.checked_add(4).and_then(|after| bytes.get(after..));
        matches!(rest, Some([] | [b' ' | b'\t' | b'\r' | b'\n', ..]))
    };
    let before = bytes.get(..position.saturating_add(3)).unwrap_or(bytes);
    let mut marks = memchr::memmem::rfind_iter(before, b"\n---");
    let start = marks.find(|at| *at < position && is_mark(*at));
    let start = start.map_or(0, |at| at.saturating_add(1));
    let rest = bytes.get(position..).unwrap_or(&[]);
    let marks = memchr::memmem::find_iter(rest, b"\n---");
    let mut marks = marks.map(|at| position.saturating_add(at));
    let end = marks.find(|at| is_mark(*at));
    start..end.map_or(bytes.len(), |at| at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_by_content() {
        for (text, language) in [
            ("{\"a\": 1}", Language::Json),
            ("\u{feff}[\n {\"a\": 1}\n]\n", Language::Json),
            ("{\n\"a\": 1\n}\n{\n\"b\": 1\n}", Language::Json),
            ("{\"a\":1}\n{\"b\":2}\n", Language::Lines),
            ("{\"a\":\n{\"b\":2}\n{\"c\":3}\n", Language::Lines),
            ("{\"a\":{\n{\"b\":2}}\n", Language::Json),
            ("---\na", Language::Yaml),
            (
                "# x\n\nAWSTemplateFormatVersion: '2010-09-09'\n",
                Language::Yaml,
            ),
            ("- name: x\n", Language::Yaml),
            ("\"a\": b\n", Language::Yaml),
            ("# x\nresource \"a\" \"b\" {\n", Language::Hcl),
            ("/* x\n a: b */\nlocals {\n", Language::Hcl),
            ("count = 3\ndb_password = \"x\"\n", Language::Hcl),
            ("count = 3\n[section]\nx = \"y\"\n", Language::Other),
            ("DB_PASSWORD=x\n", Language::Other),
            ("[section]\na = b\n", Language::Other),
            ("{{ include \"x\" }}\n", Language::Other),
            ("#!/bin/sh\necho\n", Language::Other),
            ("\u{0}{\"a\":1}", Language::Other),
            ("", Language::Other),
        ] {
            assert_eq!(Language::of(text.as_bytes()), language, "{text}");
        }
    }

    #[test]
    fn documents_of_a_stream_are_cut_at_their_marks() {
        let stream = b"a: |\n  ---\n--- # two\nb: ----\n---x: 1\n---\nc: 3";
        let part = |needle: &[u8]| {
            let at = memchr::memmem::find(stream, needle).unwrap();
            String::from_utf8(stream[part_at(stream, at)].to_vec()).unwrap()
        };
        assert_eq!(part(b"a:"), "a: |\n  ---\n");
        assert_eq!(part(b"two"), "--- # two\nb: ----\n---x: 1\n");
        assert_eq!(part(b"--- #"), "--- # two\nb: ----\n---x: 1\n");
        assert_eq!(part(b"c: 3"), "---\nc: 3");
        assert_eq!(part_at(b"", 5), 0..0);
    }
}
