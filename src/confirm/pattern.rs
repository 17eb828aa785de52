//! A rule's pattern, compiled when its first hit asks for it, and asked only where it can match.
//!
//! Compiling all patterns of the catalogue takes longer than most files take to be searched, and
//! most files have hits of few rules. A pattern that nobody has proven is compiled at once all the
//! same: a mistake in a rule file must be told before the scan, not when the first hit comes.
//!
//! Most hits are coincidences, and most windows around those lack some byte without which the
//! pattern cannot match: a `://` without an `@` behind it is no login. Looking for one byte is many
//! times faster than the regex, which would tell the same.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use crate::anchor::table::rarity;

/// A pattern; its clones compile it once between them.
pub(super) struct Pattern {
    shared: Arc<Shared>,
    /// This clone's own: a regex's scratch space is best not shared between threads.
    own: OnceLock<Compiled>,
}

struct Shared {
    text: String,
    compiled: OnceLock<Compiled>,
}

#[derive(Clone)]
struct Compiled {
    regex: Regex,
    /// A byte that every match holds, the rarest there is.
    needed: Option<u8>,
}

impl Clone for Pattern {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            own: OnceLock::new(),
        }
    }
}

impl Pattern {
    /// A pattern that is compiled later if it is `proven` to compile, and now if it is not.
    pub(super) fn new(text: &str, proven: bool) -> Result<Self, regex::Error> {
        let compiled = OnceLock::new();
        if !proven {
            let _empty = compiled.set(compile(text)?);
        }
        let text = text.to_owned();
        Ok(Self {
            shared: Arc::new(Shared { text, compiled }),
            own: OnceLock::new(),
        })
    }

    /// A way to look for matches in a text; `None` if it can have none.
    pub(super) fn on<'t>(
        &self,
        text: &'t [u8],
    ) -> Option<impl Fn(usize) -> Option<Captures<'t>> + use<'_, 't>> {
        let compiled = self.own.get_or_init(|| self.shared.compiled().clone());
        if let Some(byte) = compiled.needed {
            memchr::memchr(byte, text)?;
        }
        Some(|from| compiled.regex.captures_at(text, from))
    }
}

impl Shared {
    fn compiled(&self) -> &Compiled {
        // Only a pattern that the tests have compiled comes here uncompiled. Were they wrong, a scan
        // that goes on without the rule would look like one that found nothing.
        self.compiled.get_or_init(|| {
            compile(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.text))
        })
    }
}

/// Disks are bytes: Unicode classes would only cost time and miss Latin-1 neighbours.
fn compile(text: &str) -> Result<Compiled, regex::Error> {
    let regex = RegexBuilder::new(text).unicode(false).build()?;
    let parsed = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(text);
    // What cannot be parsed apart is only not known.
    let needed = parsed.map(|pattern| held(&pattern)).unwrap_or_default();
    Ok(Compiled {
        regex,
        needed: needed.into_iter().max_by_key(|byte| rarity(&[*byte])),
    })
}

/// Bytes that every match holds.
fn held(pattern: &Hir) -> BTreeSet<u8> {
    match pattern.kind() {
        HirKind::Literal(literal) => literal.0.iter().copied().collect(),
        // A class of one byte is a literal by now; of more, none is certain.
        HirKind::Class(_) | HirKind::Empty | HirKind::Look(_) => BTreeSet::new(),
        HirKind::Repetition(repeated) if repeated.min == 0 => BTreeSet::new(),
        HirKind::Repetition(repeated) => held(&repeated.sub),
        HirKind::Capture(group) => held(&group.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(held).collect(),
        HirKind::Alternation(parts) => parts
            .iter()
            .map(held)
            .reduce(|some, others| &some & &others)
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load::{AUTHORIZED_KEYS, catalogue, load};

    #[test]
    fn every_pattern_of_the_catalogue_compiles() {
        let lines = load([AUTHORIZED_KEYS]).unwrap().variants;
        for variant in catalogue().unwrap().variants.into_iter().chain(lines) {
            assert!(variant.proven, "{}", variant.name);
            let found = compile(&variant.pattern);
            assert!(found.is_ok(), "{}: {:?}", variant.name, found.err());
        }
    }

    #[test]
    fn what_is_not_proven_is_compiled_at_once() {
        assert!(Pattern::new("(", false).is_err());
        assert!(Pattern::new("(", true).is_ok());
        let early = Pattern::new("a", false).unwrap();
        assert!(early.shared.compiled.get().is_some());
    }

    #[test]
    fn clones_compile_once_between_them() {
        let one = Pattern::new("a+", true).unwrap();
        assert!(one.shared.compiled.get().is_none());
        let two = one.clone();
        let first = |pattern: &Pattern| pattern.on(b"caat").unwrap()(0).unwrap()[0].to_vec();
        assert_eq!(first(&one), b"aa");
        assert!(two.shared.compiled.get().is_some() && two.own.get().is_none());
        assert_eq!(first(&two), b"aa");
    }

    #[test]
    fn a_needed_byte_is_in_every_alternative_and_not_in_what_may_be_left_out() {
        let held = |text: &str| {
            let parser = &mut ParserBuilder::new().unicode(false).utf8(false).build();
            held(&parser.parse(text).unwrap())
        };
        for (pattern, bytes) in [
            ("abc", "abc"),
            ("(?<secret>a|ab)c", "ac"),
            ("a?b*c+(?:d){2}", "cd"),
            ("[xy]z|[z]", "z"),
            ("(?i)ab=", "="),
            ("^$|a", ""),
            (r"\x40{0,3}#", "#"),
        ] {
            assert_eq!(held(pattern), bytes.bytes().collect(), "{pattern}");
        }
        let login = Pattern::new("[a-z]+://[^@]+@[a-z]+", true).unwrap();
        assert!(login.on(b"see http://host/path").is_none());
        assert!(login.on(b"see http://a:b@host").unwrap()(0).is_some());
    }
}
