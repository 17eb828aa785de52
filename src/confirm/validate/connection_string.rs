//! `key=value;` lists: ADO.NET, OLE DB, ODBC and storage connection strings.
//!
//! Microsoft, "Connection String Syntax (ADO.NET)": keys are case-insensitive, a value runs to the
//! next `;`, one that holds `;` is quoted with `"` or `'`, doubled inside. ODBC quotes with braces
//! and doubles only the closing one.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

use super::context::{self, Pattern};

/// Between two strings of a program that make one: `;" + "`, or a line end.
static JOINT: Pattern =
    Pattern::new(r#"["'][ \t]*(?:& _|[+.&\\])?\s*[+.&]?\s*[rRfFuUbB@$]{0,2}["']"#);

/// One `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field<'t> {
    name: &'t [u8],
    /// The value as it lies, with its quotes.
    raw: &'t [u8],
}

impl<'t> Field<'t> {
    /// Whether it has one of these names, in any case.
    pub(crate) fn is_named(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The value as it lies, with its quotes.
    pub(crate) fn raw(&self) -> &'t [u8] {
        self.raw
    }
}

/// The fields of a list, in order; what is no field is passed over.
pub(crate) fn fields(text: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let stop = rest
            .iter()
            .position(|byte| matches!(byte, b'=' | b';' | b'\n' | b'\r'))
            .unwrap_or(rest.len());
        let name = rest.get(..stop).unwrap_or(&[]);
        let after = stop.saturating_add(1);
        if rest.get(stop) != Some(&b'=') {
            at = at.saturating_add(after);
            continue;
        }
        let value = rest.get(after..).unwrap_or(&[]);
        let len = value_len(value);
        let raw = value.get(..len).unwrap_or(&[]).trim_ascii();
        fields.push(Field {
            name: name.trim_ascii(),
            raw,
        });
        at = at.saturating_add(after).saturating_add(len);
    }
    fields
}

/// The value of the first field with one of these names, as text.
pub(crate) fn value_of(fields: &[Field<'_>], names: &[&str]) -> Option<String> {
    let field = fields.iter().find(|field| field.is_named(names))?;
    let (value, _) = unquote(field.raw);
    String::from_utf8(value.into_owned())
        .ok()
        .filter(|value| !value.is_empty())
}

/// A value without its quotes, and where what is inside them lies in `raw`.
pub(crate) fn unquote(raw: &[u8]) -> (Cow<'_, [u8]>, Range<usize>) {
    let (inner, doubled) = match raw {
        [b'"', inner @ .., b'"'] => (inner, Some(b'"')),
        [b'\'', inner @ .., b'\''] => (inner, Some(b'\'')),
        [b'{', inner @ .., b'}'] => (inner, Some(b'}')),
        _ => (raw, None),
    };
    let start = usize::from(doubled.is_some());
    let place = start..start.saturating_add(inner.len());
    let Some(quote) = doubled.filter(|quote| inner.contains(quote)) else {
        return (Cow::Borrowed(inner), place);
    };
    let mut value = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte == quote && bytes.peek() == Some(&&quote) {
            bytes.next();
        }
        value.push(*byte);
    }
    (Cow::Owned(value), place)
}

/// Bytes of a value from the byte after `=` to the `;` or line end that ends it.
fn value_len(text: &[u8]) -> usize {
    let lead = text.iter().take_while(|byte| **byte == b' ').count();
    let value = text.get(lead..).unwrap_or(&[]);
    let close = match value.first() {
        Some(b'"') => Some(b'"'),
        Some(b'\'') => Some(b'\''),
        Some(b'{') => Some(b'}'),
        _ => None,
    };
    let quoted = close
        .and_then(|close| quoted_len(value, close))
        .unwrap_or(0);
    let rest = value.get(quoted..).unwrap_or(&[]);
    let bare = rest
        .iter()
        .position(|byte| matches!(byte, b';' | b'\n' | b'\r' | 0))
        .unwrap_or(rest.len());
    lead.saturating_add(quoted).saturating_add(bare)
}

/// Length of a quoted value with both quotes; `None` if it does not end on its line.
fn quoted_len(value: &[u8], close: u8) -> Option<usize> {
    let mut at: usize = 1;
    loop {
        let byte = *value.get(at)?;
        let next = at.saturating_add(1);
        if byte == close {
            if value.get(next) == Some(&close) {
                at = next.saturating_add(1);
                continue;
            }
            return Some(next);
        }
        if matches!(byte, b'\n' | b'\r') {
            return None;
        }
        at = next;
    }
}

/// A list that is written as several strings of a program, one after another, as one.
pub(crate) fn joined(text: &[u8]) -> Cow<'_, [u8]> {
    match JOINT.regex() {
        Some(joint) => joint.replace_all(text, &b""[..]),
        None => Cow::Borrowed(text),
    }
}

/// The list around a place: to the line end, quote or angle bracket on either side.
pub(crate) fn list_around<'t>(text: &'t [u8], place: &Range<usize>) -> &'t [u8] {
    context::around(text, place, |byte| {
        matches!(byte, b'\n' | b'\r' | b'"' | b'\'' | b'<' | b'>' | b'`' | 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_of_every_driver_are_undone() {
        let text = br#"Server=h; User ID = 'o''x';Password="a;b""c";Pwd={p}}q;};Empty=;last=1=2"#;
        let fields = fields(text);
        let get = |name| value_of(&fields, &[name]);
        assert_eq!(get("server").unwrap(), "h");
        assert_eq!(get("user id").unwrap(), "o'x");
        assert_eq!(get("PASSWORD").unwrap(), "a;b\"c");
        assert_eq!(get("pwd").unwrap(), "p}q;");
        assert_eq!(get("empty"), None);
        assert_eq!(get("last").unwrap(), "1=2");
    }

    #[test]
    fn strings_of_a_program_are_joined() {
        for text in [
            "'Driver={x};'\n    r'Pwd=p;'",
            "\"Driver={x};\" +\n  \"Pwd=p;\"",
            "\"Driver={x};\"\n  . \"Pwd=p;\"",
            "\"Driver={x};\" & _\r\n\"Pwd=p;\"",
        ] {
            let joined = joined(text.as_bytes());
            assert_eq!(value_of(&fields(&joined), &["pwd"]).unwrap(), "p", "{text}");
        }
    }

    #[test]
    fn nonsense_ends() {
        for text in [";;;", "=", "a=\"", "a={b", "\n=\n", "a"] {
            fields(text.as_bytes());
        }
        assert_eq!(unquote(b"\"").1, 0..1);
        assert_eq!(unquote(b"\"\"").1, 1..1);
    }
}
