//! Cutting a document into rows without reading it whole, so that one broken row costs only itself.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use serde_json::Value;

/// One element of a list, or one line.
pub(super) struct Row<'b> {
    /// The field of the outermost object that holds the list; empty for lines and bare lists.
    pub(super) list: String,
    /// Line of its first byte, from 1.
    pub(super) line: usize,
    pub(super) bytes: &'b [u8],
}

/// How a file is laid out.
pub(super) enum Layout<'b> {
    /// A list for spreadsheets.
    Csv,
    /// A document that only makes sense as a whole.
    Whole(Value),
    /// Anything that is a list.
    Rows(Vec<Row<'b>>),
}

/// Fields that mark a document that makes sense only as a whole.
const WHOLE: &[&str] = &["terraform_version", "SchemaVersion", "ArtifactName"];

/// Recognises the layout of a file.
pub(super) fn layout(bytes: &[u8]) -> Layout<'_> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(start, Some(b'{' | b'[')) {
        return Layout::Csv;
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    let single = first.len() >= bytes.trim_ascii_end().len();
    let is_line = first.first() == Some(&b'{')
        && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok();
    // A broken first line is no reason to misread the others.
    let is_lines = is_line || bytes.windows(3).any(|pair| pair == b"}\n{");
    if is_lines && (!single || is_record(first)) {
        return Layout::Rows(lines(bytes));
    }
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or(bytes);
    let is_whole = WHOLE
        .iter()
        .any(|field| memchr::memmem::find(head, format!("\"{field}\"").as_bytes()).is_some());
    if is_whole && let Ok(value) = serde_json::from_slice(bytes) {
        return Layout::Whole(value);
    }
    Layout::Rows(elements(bytes))
}

/// Whether a line is a row of its own and not a document that lies on one line.
fn is_record(line: &[u8]) -> bool {
    ["\"assetType\"", "\"schema\":\"keydredge."]
        .iter()
        .any(|mark| memchr::memmem::find(line, mark.as_bytes()).is_some())
}

/// Whether the beginning of a file is that of one record a line.
pub(super) fn are_records(head: &[u8]) -> bool {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    first.first() == Some(&b'{') && is_record(first)
}

fn lines(bytes: &[u8]) -> Vec<Row<'_>> {
    let numbered = bytes.split(|byte| *byte == b'\n').zip(1..);
    let filled = numbered.filter(|(line, _)| !line.trim_ascii().is_empty());
    filled
        .map(|(bytes, line)| Row {
            list: String::new(),
            line,
            bytes,
        })
        .collect()
}

/// The elements of the outermost lists: of the document if it is one, else of its fields. Brackets
/// are counted and strings skipped; whether an element is sound is for its reader to say.
fn elements(bytes: &[u8]) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut stack: Vec<u8> = Vec::new();
    let (mut line, mut list) = (1_usize, String::new());
    let mut begun: Option<(usize, usize, usize)> = None;
    let mut text: Option<usize> = None;
    let mut escaped = false;
    for (at, byte) in bytes.iter().copied().enumerate() {
        if byte == b'\n' {
            line = line.saturating_add(1);
        }
        if let Some(start) = text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    text = None;
                    if stack == [b'{'] {
                        let name = bytes.get(start..at).unwrap_or_default();
                        list = String::from_utf8_lossy(name).into_owned();
                    }
                }
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => text = Some(at.saturating_add(1)),
            b'{' | b'[' => {
                let in_list = stack.last() == Some(&b'[') && stack.len() <= 2;
                if begun.is_none() && in_list && (stack.len() == 1 || stack.first() == Some(&b'{'))
                {
                    begun = Some((at, line, stack.len()));
                }
                stack.push(byte);
            }
            b'}' | b']' => {
                stack.pop();
                if let Some((start, first, depth)) = begun
                    && stack.len() <= depth
                {
                    begun = None;
                    rows.push(Row {
                        list: if depth == 1 {
                            String::new()
                        } else {
                            list.clone()
                        },
                        line: first,
                        bytes: bytes.get(start..=at).unwrap_or_default(),
                    });
                }
            }
            _ => {}
        }
    }
    if let Some((start, first, _)) = begun {
        // Cut off: its reader will say so.
        rows.push(Row {
            list,
            line: first,
            bytes: bytes.get(start..).unwrap_or_default(),
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, usize, String)> {
        let Layout::Rows(rows) = layout(text.as_bytes()) else {
            panic!("not rows: {text}");
        };
        rows.into_iter()
            .map(|row| {
                (
                    row.list,
                    row.line,
                    String::from_utf8_lossy(row.bytes).into_owned(),
                )
            })
            .collect()
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
        assert_eq!(
            of("{\"a\":1}\n{\"b\":\n{\"c\":3}\n").len(),
            3,
            "lines, one broken"
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
            let _ = layout(text.as_bytes());
        }
    }
}
