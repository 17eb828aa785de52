//! Reading a window without its escapes.
//!
//! The same key lies raw in one file, JSON-escaped in the next (`\u002B` by .NET, `\u0026` by Go,
//! `\/` by PHP), XML-escaped in a third (`&amp;`) and percent-encoded in a URL. A [`View`] is the
//! window with one such layer undone, and knows for each byte where it came from.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

/// Longest XML character reference that is undone, without `&` and `;`: `#x10FFFF`.
const LONGEST_REFERENCE: usize = 8;

/// A window with a layer of escapes undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What was undone, the outermost first.
    names: Vec<&'static str>,
    bytes: Vec<u8>,
    /// For each byte where its escape begins in the source, and at the end the source's length.
    origin: Vec<usize>,
    /// For each byte where its source ends; empty where that is the next byte's origin.
    ends: Vec<usize>,
}

impl View {
    /// A view made elsewhere. `origin` has one entry more than `bytes`, `ends` as many or none.
    pub(super) fn new(
        name: &'static str,
        bytes: Vec<u8>,
        origin: Vec<usize>,
        ends: Vec<usize>,
    ) -> Self {
        Self {
            names: vec![name],
            bytes,
            origin,
            ends,
        }
    }

    /// Which escapes were undone, the outermost first: `json-xml`, `percent`, `properties`.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The readable bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The position of the byte that was made from source position `source`: for a position
    /// inside an escape the byte that escape stands for. `None` past the end.
    #[must_use]
    pub fn position_of(&self, source: usize) -> Option<usize> {
        let after = self.origin.partition_point(|origin| *origin <= source);
        after
            .checked_sub(1)
            .filter(|position| *position < self.bytes.len())
    }

    /// The source bytes that a range of the view was made from.
    #[must_use]
    pub fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let last = self.origin.last().copied().unwrap_or(0);
        let at = |index: usize| self.origin.get(index).copied().unwrap_or(last);
        let own_end = || self.ends.get(range.end.checked_sub(1)?).copied();
        let end = if range.is_empty() { None } else { own_end() };
        at(range.start)..end.unwrap_or_else(|| at(range.end))
    }

    /// This view, of a source that was itself a view.
    #[must_use]
    pub fn over(mut self, inner: &Self) -> Self {
        self.ends = (1..self.origin.len())
            .map(|next| {
                let source = self.source_range(next.saturating_sub(1)..next);
                inner.source_range(source).end
            })
            .collect();
        for origin in &mut self.origin {
            *origin = inner.source_range(*origin..*origin).start;
        }
        // JSON in JSON is told once.
        let mut names = inner.names.clone();
        names.append(&mut self.names);
        names.dedup();
        self.names = names;
        self
    }
}

/// The views worth reading, most likely first: none if the window holds no escape.
pub fn views(window: &[u8]) -> impl Iterator<Item = View> {
    let text_again = |outer: &View| Some(text(&outer.bytes)?.over(outer));
    let percent_again = |outer: &View| Some(percent(&outer.bytes)?.over(outer));
    // JSON inside JSON (a template in an API answer, a setting in a state file) escapes twice, and
    // an API's answer that is itself written into a log as JSON three times.
    let texts = std::iter::successors(text(window), text_again).take(3);
    // A link that is a parameter of a link is encoded twice.
    let percents = std::iter::successors(percent(window), percent_again).take(2);
    // A link in JSON, and JSON as a parameter of a link.
    let in_text = std::iter::once_with(move || percent_again(&text(window)?));
    let in_percent = std::iter::once_with(move || text_again(&percent(window)?));
    let in_properties = std::iter::once_with(move || properties(window));
    let others = in_text.chain(in_percent).chain(in_properties).flatten();
    texts.chain(percents).chain(others)
}

/// Undoes JSON string escapes and XML character references; `None` if there are none.
#[must_use]
pub fn text(source: &[u8]) -> Option<View> {
    // Most windows hold no escape, and looking for one is much cheaper than copying.
    memchr::memchr2(b'\\', b'&', source)?;
    undo("json-xml", source, [b'\\', b'&'], |rest| match rest {
        [b'\\', ..] => backslash(rest),
        [b'&', ..] => reference(rest),
        _ => None,
    })
}

/// Undoes percent-encoding; `None` if there is none.
#[must_use]
pub fn percent(source: &[u8]) -> Option<View> {
    memchr::memchr(b'%', source)?;
    undo("percent", source, [b'%'; 2], percent_triple)
}

/// Undoes the escapes of a property file of Java (`Properties.store`), which has more of them than
/// JSON; `None` if there are none of those.
#[must_use]
pub fn properties(source: &[u8]) -> Option<View> {
    let own = |rest: &[u8]| match rest {
        [b'\\', mark @ (b':' | b'=' | b'#' | b'!'), ..] => Some((Replacement::byte(*mark), 2)),
        _ => None,
    };
    memchr::memchr_iter(b'\\', source).find(|at| source.get(*at..).and_then(own).is_some())?;
    undo("properties", source, [b'\\'; 2], |rest| match rest {
        [b'\\', ..] => own(rest).or_else(|| backslash(rest)),
        _ => None,
    })
}

/// A value with its percent-encoding undone.
#[must_use]
pub fn percent_value(value: &[u8]) -> Cow<'_, [u8]> {
    percent(value).map_or(Cow::Borrowed(value), |view| Cow::Owned(view.bytes))
}

/// A value with its JSON and XML escapes undone.
#[must_use]
pub fn text_value(value: &[u8]) -> Cow<'_, [u8]> {
    text(value).map_or(Cow::Borrowed(value), |view| Cow::Owned(view.bytes))
}

/// Whether a value holds an escape that a person would not type: then it must be read in a view
/// without it. `rest` is what follows the value, for a reference cut by its own `;`.
#[must_use]
pub fn looks_escaped(value: &[u8], rest: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    let cut_reference = || {
        let name = value
            .iter()
            .rposition(|byte| *byte == b'&')
            .and_then(|at| value.get(at..))
            .unwrap_or(&[]);
        let whole: Vec<u8> = name.iter().chain(rest.first()).copied().collect();
        !name.is_empty() && reference(&whole).is_some()
    };
    has(b"\\u00")
        || has(b"\\n")
        || has(b"\\\"")
        || has(b"\\/")
        || has(b"\\\\")
        || has(b"\\!")
        || has(b"\\=")
        || has(b"\\#")
        || has(b"&amp;")
        || has(b"&quot;")
        || (value.ends_with(b"\\") && rest.starts_with(b"\""))
        || cut_reference()
}

/// What one escape stands for, and how many source bytes it takes.
type Escape = (Replacement, usize);

/// Up to four bytes: one character in UTF-8.
struct Replacement {
    bytes: [u8; 4],
    len: usize,
}

impl Replacement {
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            len: 1,
        }
    }

    fn character(character: char) -> Self {
        let mut bytes = [0; 4];
        let len = character.encode_utf8(&mut bytes).len();
        Self { bytes, len }
    }
}

/// Undoes the escapes that `escape` knows, all of which begin with one of two bytes.
fn undo(
    name: &'static str,
    source: &[u8],
    leads: [u8; 2],
    escape: impl Fn(&[u8]) -> Option<Escape>,
) -> Option<View> {
    let [lead, other] = leads;
    let (mut bytes, mut origin) = (Vec::new(), Vec::new());
    // Windows are long and escapes few: what lies between them is copied at once.
    let mut copied = 0;
    for at in memchr::memchr2_iter(lead, other, source) {
        if at < copied {
            continue;
        }
        let Some((replacement, len)) = source.get(at..).and_then(&escape) else {
            continue;
        };
        bytes.extend_from_slice(source.get(copied..at)?);
        origin.extend(copied..at);
        bytes.extend(replacement.bytes.iter().take(replacement.len));
        origin.extend(std::iter::repeat_n(at, replacement.len));
        copied = at.saturating_add(len.max(1));
    }
    if copied == 0 {
        return None;
    }
    bytes.extend_from_slice(source.get(copied..).unwrap_or(&[]));
    origin.extend(copied..source.len());
    origin.push(source.len());
    Some(View::new(name, bytes, origin, Vec::new()))
}

/// A JSON string escape (RFC 8259 section 7) at the start of `rest`.
fn backslash(rest: &[u8]) -> Option<Escape> {
    let plain = |byte: u8| Some((Replacement::byte(byte), 2));
    match rest.get(1)? {
        b'"' => plain(b'"'),
        b'\'' => plain(b'\''),
        b'/' => plain(b'/'),
        b'\\' => plain(b'\\'),
        b'n' => plain(b'\n'),
        b'r' => plain(b'\r'),
        b't' => plain(b'\t'),
        b'u' => {
            let code = number(rest.get(2..6)?, 16)?;
            Some((Replacement::character(char::from_u32(code)?), 6))
        }
        _ => None,
    }
}

/// An XML character or entity reference (XML 1.0 sections 4.1 and 4.6) at the start of `rest`.
fn reference(rest: &[u8]) -> Option<Escape> {
    let body = rest.get(1..)?;
    let len = body
        .iter()
        .take(LONGEST_REFERENCE.saturating_add(1))
        .position(|byte| *byte == b';')?;
    let character = match body.get(..len)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
        [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
        _ => return None,
    };
    Some((Replacement::character(character), len.saturating_add(2)))
}

/// A percent-encoded byte (RFC 3986 section 2.1) at the start of `rest`.
fn percent_triple(rest: &[u8]) -> Option<Escape> {
    let [b'%', digits @ ..] = rest else {
        return None;
    };
    let code = number(digits.get(..2)?, 16)?;
    Some((Replacement::byte(u8::try_from(code).ok()?), 3))
}

/// An unsigned number without a sign; `None` if it is empty or not one.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?;
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    u32::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(view: Option<View>) -> String {
        String::from_utf8(view.unwrap().bytes).unwrap()
    }

    #[test]
    fn json_and_xml_escapes_are_undone() {
        assert_eq!(readable(text(br"a\u002Bb\u0026c\/d\n")), "a+b&c/d\n");
        assert_eq!(readable(text(b"a&amp;b&#43;c&#x2F;d&quot;")), "a&b+c/d\"");
        assert_eq!(readable(text("\\u00e9".as_bytes())), "é");
        assert_eq!(text(b"nothing here"), None);
        assert_eq!(text(br"&unknown; & \u12 \q &#; \ud800"), None);
    }

    #[test]
    fn properties_of_java_escape_what_json_does_not() {
        let source = br"url=https\://a.example/?x\=1\#b\!\u0026\\c";
        assert_eq!(
            readable(properties(source)),
            r"url=https://a.example/?x=1#b!&\c"
        );
        assert_eq!(properties(br"a\nb\u0026"), None, "JSON has these");
        let last = views(br"key\=a\:b").last().unwrap();
        assert_eq!(
            (last.bytes(), last.names()),
            (&b"key=a:b"[..], &["properties"][..])
        );
    }

    #[test]
    fn escapes_of_several_kinds_are_undone_together() {
        let read = |source: &[u8]| -> Vec<(String, Vec<&'static str>)> {
            let text = |view: &View| String::from_utf8(view.bytes().to_vec()).unwrap();
            views(source)
                .map(|view| (text(&view), view.names().to_vec()))
                .collect()
        };
        let found = read(br"a\u0026b=%2B");
        assert!(
            found.contains(&("a&b=+".to_owned(), vec!["json-xml", "percent"])),
            "{found:?}"
        );
        let found = read(b"u=a%26amp;b%252B");
        assert!(
            found.contains(&("u=a&amp;b+".to_owned(), vec!["percent"])),
            "{found:?}"
        );
        assert!(
            found.contains(&("u=a&b%2B".to_owned(), vec!["percent", "json-xml"])),
            "{found:?}"
        );
        let thrice = br#"{\\\"a\\\":1}"#;
        let found = read(thrice);
        assert!(
            found.contains(&(r#"{"a":1}"#.to_owned(), vec!["json-xml"])),
            "{found:?}"
        );
    }

    #[test]
    fn percent_encoding_is_undone_in_either_case() {
        assert_eq!(readable(percent(b"a%2Bb%2fc%3D%zz%")), "a+b/c=%zz%");
    }

    #[test]
    fn positions_lead_back_to_the_source() {
        let source = br"key=\u002BASt;";
        let view = text(source).unwrap();
        assert_eq!(view.bytes(), b"key=+ASt;");
        assert_eq!(view.position_of(4), Some(4), "the first byte of the escape");
        assert_eq!(view.position_of(8), Some(4), "inside the escape");
        assert_eq!(view.position_of(10), Some(5));
        assert_eq!(view.position_of(source.len()), None);
        assert_eq!(view.source_range(4..8), 4..13);
        assert_eq!(view.source_range(0..view.bytes().len()), 0..source.len());
    }

    #[test]
    fn an_escape_inside_an_escape_is_undone_and_still_leads_back() {
        let source = br#"{\"k\":\"a\\u002Bb\"}"#;
        let readings: Vec<View> = views(source).collect();
        assert_eq!(readings[1].bytes(), br#"{"k":"a+b"}"#);
        let plus = readings[1].bytes().iter().position(|b| *b == b'+').unwrap();
        let there = readings[1].source_range(plus..plus + 1);
        assert_eq!(&source[there], br"\\u002B");
    }

    #[test]
    fn an_escaped_value_is_told_from_a_typed_one() {
        assert!(looks_escaped(br"a\u0026b", b";"));
        assert!(looks_escaped(b"ab&amp", b";c"));
        assert!(!looks_escaped(b"ab&cd", b";Encrypt"));
        assert!(!looks_escaped(br"C:\users", b";"));
        assert!(!looks_escaped(b"p&", b""));
    }
}
