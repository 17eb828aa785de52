//! What lies around a secret, with every other secret hidden.
//!
//! A few bytes on either side tell an examiner what a secret was part of: a line of a
//! configuration, a command that was typed. They are the only bytes of a disk that a record holds,
//! so they are hidden twice: where a rule found something, and where something only looks as if it
//! were secret, because no scan looks for all that somebody may keep secret.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use crate::finding::Surroundings;

/// Bytes that are kept on either side. Chunks have margins so much wider.
pub const AROUND: usize = 64;
/// Shortest run of the characters of keys that is hidden.
const RUN: usize = 20;
/// The same for a run that is cut off where the kept bytes end.
const CUT_RUN: usize = 8;
/// Longest name of a value that is looked at.
const NAME: usize = 40;
/// Shortest secret that is looked for among the bytes around it.
const REPEATED: usize = 4;
/// Names that hold one of these have a value that is hidden.
const WORDS: &[&str] = &[
    "pass", "pwd", "secret", "token", "key", "sig", "cred", "auth", "kennwort",
];

/// A byte, unless it is hidden.
type Byte = Option<u8>;

/// The bytes on either side of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    before: Vec<Byte>,
    after: Vec<Byte>,
}

impl Around {
    /// What lies around a range of a window. `secret` is hidden wherever it is repeated.
    #[must_use]
    pub(super) fn of(window: &[u8], range: &Range<usize>, secret: &[u8]) -> Self {
        let side = |range: Range<usize>| window.get(range).unwrap_or(&[]);
        let end = range.end.saturating_add(AROUND).min(window.len());
        let before = side(range.start.saturating_sub(AROUND)..range.start);
        let after = side(range.end..end);
        let mut around = Self {
            before: before.iter().copied().map(Some).collect(),
            after: after.iter().copied().map(Some).collect(),
        };
        for (bytes, side) in [(before, &mut around.before), (after, &mut around.after)] {
            if secret.len() >= REPEATED {
                for at in memchr::memmem::find_iter(bytes, secret) {
                    hide(side, at..at.saturating_add(secret.len()));
                }
            }
        }
        around
    }

    /// Hides what lies at `other`, where the secret lies at `own`; both count in the same bytes.
    pub(super) fn hide(&mut self, own: &Range<u64>, other: &Range<u64>) {
        let first = own.start.saturating_sub(length(&self.before));
        for (first, side) in [(first, &mut self.before), (own.end, &mut self.after)] {
            let at = |position: u64| {
                usize::try_from(position.saturating_sub(first)).unwrap_or(usize::MAX)
            };
            hide(side, at(other.start)..at(other.end));
        }
    }

    /// The record of it, where the secret lies at `own`.
    #[must_use]
    pub fn record(mut self, own: &Range<u64>) -> Surroundings {
        for side in [&mut self.before, &mut self.after] {
            hide_likely(side);
        }
        Surroundings {
            offset: own.start.saturating_sub(length(&self.before)),
            before: text(&self.before),
            length: own.end.saturating_sub(own.start),
            after: text(&self.after),
        }
    }
}

fn length(side: &[Byte]) -> u64 {
    u64::try_from(side.len()).unwrap_or(u64::MAX)
}

fn hide(side: &mut [Byte], range: Range<usize>) {
    let end = range.end.min(side.len());
    if let Some(hidden) = side.get_mut(range.start.min(end)..end) {
        hidden.fill(None);
    }
}

fn text(side: &[Byte]) -> String {
    let shown = side.iter().map(|byte| match byte {
        Some(byte) => format!("{byte:02x}"),
        None => Surroundings::HIDDEN.to_owned(),
    });
    shown.collect()
}

/// Hides what looks like a key, and the values of names that speak of secrets.
fn hide_likely(side: &mut [Byte]) {
    // Texts of Windows have a NUL in every character; without them both read alike.
    let places: Vec<usize> = (0..side.len())
        .filter(|at| side.get(*at) != Some(&Some(0)))
        .collect();
    let read: Vec<u8> = places
        .iter()
        .map(|at| side.get(*at).copied().flatten().unwrap_or(b'*'))
        .collect();
    for range in runs(&read).into_iter().chain(values(&read)) {
        for at in places.get(range).unwrap_or(&[]) {
            hide(side, *at..at.saturating_add(1));
        }
    }
}

/// Stretches of the characters of keys, as long as keys and with digits among the letters.
fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let is_of_key = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-' | b'*')
    };
    let mut found = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or(&[]);
        let len = rest.iter().take_while(|byte| is_of_key(**byte)).count();
        let end = start.saturating_add(len);
        let run = bytes.get(start..end).unwrap_or(&[]);
        let is_cut = start == 0 || end == bytes.len();
        let least = if is_cut { CUT_RUN } else { RUN };
        let has = |sort: fn(&u8) -> bool| run.iter().any(sort);
        if len >= least && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) {
            found.push(start..end);
        }
        start = end.saturating_add(1);
    }
    found
}

/// What stands behind `password=`, `"api_key": "`, and between `//user:` and `@`.
fn values(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let signs = memchr::memchr2_iter(b'=', b':', bytes);
    for sign in signs {
        let (name, rest) = bytes.split_at(sign);
        let rest = rest.get(1..).unwrap_or(&[]);
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'>' | b'=' | b'*');
        let name: Vec<u8> = name
            .iter()
            .rev()
            .skip_while(|byte| is_blank(byte))
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
            .take(NAME)
            .map(u8::to_ascii_lowercase)
            .collect();
        let name: Vec<u8> = name.into_iter().rev().collect();
        let speaks = WORDS
            .iter()
            .any(|word| memchr::memmem::find(&name, word.as_bytes()).is_some());
        let is_login = rest.starts_with(b"//");
        if !speaks && !is_login {
            continue;
        }
        let blank = rest.iter().take_while(|byte| is_blank(byte)).count();
        let value = rest.get(blank..).unwrap_or(&[]);
        let len = value
            .iter()
            .take_while(|byte| {
                !byte.is_ascii_whitespace()
                    && !byte.is_ascii_control()
                    && !matches!(byte, b'"' | b'\'' | b';' | b',' | b'&' | b'<')
            })
            .count();
        let start = sign.saturating_add(1).saturating_add(blank);
        let end = start.saturating_add(len);
        if speaks {
            found.push(start..end);
            continue;
        }
        // `//user:password@host`: up to the last `@`.
        let login = value.get(..len).unwrap_or(&[]);
        if let Some(at) = memchr::memrchr(b'@', login) {
            let login = login.get(2..at).unwrap_or(&[]);
            let name = memchr::memchr(b':', login).map_or(0, |colon| colon.saturating_add(1));
            let first = start.saturating_add(2).saturating_add(name);
            found.push(first..start.saturating_add(at));
        }
    }
    found
}

/// Where secrets lie, joined and in ascending order.
pub(super) fn joined(spans: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut spans: Vec<Range<u64>> = spans.into_iter().collect();
    spans.sort_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

/// Those of some joined ranges that lie within reach of one.
pub(super) fn near<'s>(
    joined: &'s [Range<u64>],
    own: &Range<u64>,
) -> impl Iterator<Item = &'s Range<u64>> {
    let reach = u64::try_from(AROUND).unwrap_or(0);
    let (first, last) = (
        own.start.saturating_sub(reach),
        own.end.saturating_add(reach),
    );
    let skipped = joined.partition_point(|span| span.end <= first);
    let rest = joined.get(skipped..).unwrap_or(&[]).iter();
    rest.take_while(move |span| span.start < last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text on either side of `SECRET` in a text, with `*` for what is hidden.
    fn shown(text: &[u8]) -> [String; 2] {
        let at = memchr::memmem::find(text, b"SECRET").unwrap();
        let range = at..at.saturating_add(6);
        let own = u64::try_from(range.start).unwrap()..u64::try_from(range.end).unwrap();
        let record = Around::of(text, &range, b"SECRET").record(&own);
        let first = usize::try_from(record.offset).unwrap();
        assert_eq!(first.saturating_add(record.before.len() / 2), at);
        let read = |side: &str| -> String {
            let pairs = side.as_bytes().chunks(2);
            pairs
                .map(|pair| match std::str::from_utf8(pair).unwrap() {
                    "**" => '*',
                    pair => char::from(u8::from_str_radix(pair, 16).unwrap()),
                })
                .collect()
        };
        [read(&record.before), read(&record.after)]
    }

    #[test]
    fn plain_text_is_shown_and_ends_after_64_bytes() {
        let [before, after] = shown(b"# for the nightly job\nexport X=SECRET\nrun --all\n");
        assert_eq!(before, "# for the nightly job\nexport X=");
        assert_eq!(after, "\nrun --all\n");
        let long = [b". ".repeat(50), b"SECRET".to_vec(), b" .".repeat(50)].concat();
        assert_eq!(shown(&long).map(|side| side.len()), [AROUND, AROUND]);
    }

    #[test]
    fn what_looks_secret_is_hidden() {
        let cases: &[(&str, &str)] = &[
            ("x=SECRET\npassword=hunter2;b", "\npassword=*******;b"),
            ("x=SECRET \"apiKey\": \"ab1\" }", " \"apiKey\": \"***\" }"),
            ("x=SECRET DB_PASSWD = ab1\n", " DB_PASSWD = ***\n"),
            (
                "x=SECRET https://ops:pw@d@db.example/x ",
                " https://ops:****@db.example/x ",
            ),
            (
                "SECRET /home/ops/.aws/credentials ",
                " /home/ops/.aws/credentials ",
            ),
            ("SECRET and SECRET again", " and ****** again"),
            (
                "SECRET .0a1b2c3d4e5f60718293a. ",
                " .*********************. ",
            ),
        ];
        for (text, after) in cases {
            assert_eq!(shown(text.as_bytes())[1], *after, "{text}");
        }
        let cut = [b"SECRET . ".to_vec(), b"a1b2c3d4e5f6".repeat(9)].concat();
        assert_eq!(shown(&cut)[1], format!(" . {}", "*".repeat(AROUND - 3)));
    }

    #[test]
    fn texts_of_windows_hide_alike() {
        let wide: Vec<u8> = "\npwd=hunter2\n"
            .bytes()
            .flat_map(|byte| [byte, 0])
            .collect();
        let [_, after] = shown(&[b"SECRET".to_vec(), wide].concat());
        let letters: String = after.chars().filter(|letter| *letter != '\0').collect();
        assert_eq!(letters, "\npwd=*******\n");
    }

    #[test]
    fn another_secret_is_hidden_where_it_reaches_in() {
        let text = b"0123456789 SECRET 0123456789";
        let mut around = Around::of(text, &(11..17), b"SECRET");
        for other in [0..4, 20..22, 300..400] {
            around.hide(&(11..17), &other);
        }
        let record = around.record(&(11..17));
        assert!(record.before.starts_with("********34"), "{record:?}");
        assert!(record.after.starts_with("203031****34"), "{record:?}");
    }

    #[test]
    fn spans_are_joined_and_found_within_reach() {
        let joined = joined([50..60, 0..5, 4..9, 60..70, 1000..2000]);
        assert_eq!(joined, [0..9, 50..70, 1000..2000]);
        let near: Vec<_> = near(&joined, &(100..120)).cloned().collect();
        assert_eq!((near.first(), near.len()), (Some(&(50..70)), 1));
    }
}
