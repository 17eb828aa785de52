//! Texts drawn from a pattern, and texts that were once examples: what a rule's claims about
//! itself are tried on.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::Stream;

/// Repetitions beyond the least that are drawn at most: enough to leave the least behind, few
/// enough that a text stays short.
const EXTRA: u64 = 3;

/// A pattern that texts can be drawn from.
pub(super) struct Sampler(Hir);

impl Sampler {
    /// Reads a pattern as the confirm stage does; `None` if it does not compile.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
        parser.parse(pattern).ok().map(Self)
    }

    /// A text that the pattern matches, unless it looks at what lies around it.
    pub(super) fn draw(&self, stream: &mut Stream) -> Vec<u8> {
        let mut text = Vec::new();
        draw(&self.0, stream, &mut text);
        text
    }
}

fn draw(pattern: &Hir, stream: &mut Stream, text: &mut Vec<u8>) {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.extend_from_slice(&literal.0),
        HirKind::Class(class) => text.extend(member(class, stream)),
        HirKind::Capture(capture) => draw(&capture.sub, stream, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| draw(part, stream, text)),
        HirKind::Alternation(parts) => {
            let chosen = stream.below(parts.len() as u64) as usize;
            draw(&parts[chosen], stream, text);
        }
        HirKind::Repetition(repetition) => {
            let room = repetition
                .max
                .map_or(EXTRA, |max| u64::from(max - repetition.min));
            let count = u64::from(repetition.min) + stream.below(room.min(EXTRA) + 1);
            (0..count).for_each(|_| draw(&repetition.sub, stream, text));
        }
    }
}

/// A member of a class, one that can be printed if a few tries find one.
fn member(class: &Class, stream: &mut Stream) -> Option<u8> {
    let ranges: Vec<(u8, u8)> = match class {
        Class::Bytes(bytes) => bytes.iter().map(|r| (r.start(), r.end())).collect(),
        Class::Unicode(characters) => characters
            .iter()
            .filter_map(|r| Some((u8::try_from(r.start()).ok()?, u8::try_from(r.end()).ok()?)))
            .collect(),
    };
    let mut drawn = None;
    for _ in 0..4 {
        let (first, last) = *ranges.get(stream.below(ranges.len().max(1) as u64) as usize)?;
        let byte = first + stream.below(u64::from(last - first) + 1) as u8;
        drawn = Some(byte);
        if byte.is_ascii_graphic() {
            break;
        }
    }
    drawn
}

/// The text with a few random changes: bytes replaced, removed, repeated, or in the other case.
pub(super) fn mutate(text: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut changed = text.to_vec();
    for _ in 0..=stream.below(3) {
        if changed.is_empty() {
            break;
        }
        let len = changed.len() as u64;
        let at = stream.below(len) as usize;
        let end = (at + 1 + stream.below(12) as usize).min(changed.len());
        match stream.below(5) {
            0 => changed[at] = 32 + stream.below(95) as u8,
            1 => drop(changed.drain(at..end)),
            2 => {
                let again = changed[at..end].to_vec();
                changed.splice(at..at, again);
            }
            3 => changed[at..end].iter_mut().for_each(|byte| {
                *byte = if byte.is_ascii_lowercase() {
                    byte.to_ascii_uppercase()
                } else {
                    byte.to_ascii_lowercase()
                };
            }),
            _ => changed.insert(at, 32 + stream.below(95) as u8),
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_texts_match_their_pattern() {
        for pattern in [
            r"(?i)ab[c-f]{2,9}(?:x|yy)?z",
            r"(?<secret>[^\x00-\x40]{3}|key=\d+)",
            r"(?s).{5}",
        ] {
            let sampler = Sampler::new(pattern).unwrap();
            let regex = regex::bytes::RegexBuilder::new(&format!("^(?:{pattern})$"))
                .unicode(false)
                .build()
                .unwrap();
            let mut stream = Stream::new(pattern);
            for _ in 0..50 {
                let text = sampler.draw(&mut stream);
                assert!(regex.is_match(&text), "{pattern}: {}", text.escape_ascii());
            }
        }
        assert!(Sampler::new("(").is_none());
    }
}
