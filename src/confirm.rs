//! From a hit to a believed secret: regex, then the key's own format.
//!
//! A hit says that a literal lies here, which is usually a coincidence. Per hit and rule the
//! confirm stage cuts the rule's window out of the chunk, runs the rule's regex over it, and hands
//! the match to the rule's [validator](validate), which recomputes the checksum or parses the key.
//! What a checksum disproves is no finding.
//!
//! Everything here depends only on the bytes within the rule's reach of the hit, never on where
//! the chunk was cut: the same image gives the same findings for every engine, chunk size and
//! thread count.

pub mod around;
pub mod overlap;
pub mod pair;
mod pattern;
mod proof;
mod transcode;
pub mod unescape;
pub mod validate;

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::Captures;

use crate::anchor::encode::{Encoding, SIGHT};
use crate::anchor::{AnchorSet, Hit, User};
use crate::chunk::{Chunk, Inside, Origin};
use crate::rule::{RuleSet, Variant};
use around::Around;
use pattern::Pattern;
pub use proof::Proof;

/// A match that its validator is asked about.
pub struct Candidate<'w> {
    /// The rule's window: the bytes within its reach of the anchor.
    pub window: &'w [u8],
    /// The regex match with its groups, in window coordinates.
    pub captures: Captures<'w>,
    /// Where the anchor that led here begins in the window.
    pub anchor: usize,
}

impl<'w> Candidate<'w> {
    /// The text of a named group, if it took part in the match. A pattern may not use a name
    /// twice, so its second alternative calls the same thing `name_b`.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&'w [u8]> {
        self.group_range(name)
            .and_then(|range| self.window.get(range))
    }

    /// Where a named group, or its `_b` alternative, lies in the window.
    #[must_use]
    pub fn group_range(&self, name: &str) -> Option<Range<usize>> {
        let found = self
            .captures
            .name(name)
            .or_else(|| self.captures.name(&format!("{name}_b")));
        found.map(|found| found.range())
    }

    /// The secret: the group `secret`, or the whole match where the pattern has none.
    #[must_use]
    pub fn secret(&self) -> &'w [u8] {
        let range = self.secret_range();
        self.window.get(range).unwrap_or(&[])
    }

    /// Where the secret lies in the window.
    #[must_use]
    pub fn secret_range(&self) -> Range<usize> {
        let whole = || self.captures.get(0).map(|found| found.range());
        self.group_range("secret").or_else(whole).unwrap_or(0..0)
    }

    /// The bytes within `reach` of the secret on either side, the secret included: where the name
    /// of an account or a host is looked for.
    #[must_use]
    pub fn around(&self, reach: usize) -> &'w [u8] {
        let Range { start, end } = self.secret_range();
        let range = start.saturating_sub(reach)..end.saturating_add(reach).min(self.window.len());
        self.window.get(range).unwrap_or(&[])
    }
}

/// What a validator says of a candidate.
pub enum Judgement {
    /// Not a secret: a checksum or parser disproved it.
    Reject(&'static str),
    /// Well formed, but known not to be one: published example, placeholder, emulator key.
    Suppress(&'static str, Box<Proof>),
    /// Believed.
    Accept(Box<Proof>),
}

/// A secret at a place, believed or suppressed.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// Index of the variant in the rule set.
    pub variant: usize,
    /// The input it was found in.
    pub origin: Arc<Origin>,
    /// Where the secret lies in the image, or in the decoded bytes that its origin names.
    pub span: Range<u64>,
    /// Where all that the rule's pattern matched lies, the secret and what it was known by.
    pub matched: Range<u64>,
    /// The secret as it lies on the disk.
    pub secret: Vec<u8>,
    /// What was undone to read it, outermost first: `base64`, `utf-16le`, `json-xml`, `percent`.
    pub encodings: Vec<&'static str>,
    /// Position of the base64 it lies in, in what `span` counts, and its own position in the
    /// bytes decoded from that.
    pub base64: Option<(u64, u64)>,
    /// Why it is believed.
    pub proof: Proof,
    /// Why it is not, if it is not.
    pub suppressed: Option<&'static str>,
    /// What lies around it.
    pub around: Around,
}

impl Confirmed {
    /// Where in the image (or in the bytes of a file that its origin names) the bytes lie that give
    /// the secret: its own, or those of the compressed stream it was found in.
    #[must_use]
    pub fn stored(&self) -> Range<u64> {
        let in_stream = |inside: &&Inside| inside.assembly.is_none() || !inside.layers.is_empty();
        let inside = self.origin.inside.as_ref().filter(in_stream);
        inside.map_or(&self.span, |inside| &inside.stored).clone()
    }

    /// Where those bytes lie in the image, where they were put together from pieces of it; nothing
    /// if they were not.
    #[must_use]
    pub fn places(&self) -> Vec<Range<u64>> {
        let inside = self.origin.inside.as_ref();
        let assembly = inside.and_then(|inside| inside.assembly.as_ref());
        assembly.map_or_else(Vec::new, |assembly| assembly.places(&self.stored()))
    }

    /// Where it begins in what the outermost stream gives that it was found in, if there is one.
    #[must_use]
    pub fn decoded(&self) -> Option<u64> {
        let layers = &self.origin.inside.as_ref()?.layers;
        let inner = layers.get(1).map(|(at, _)| *at);
        (!layers.is_empty()).then(|| inner.unwrap_or(self.span.start))
    }

    /// The secret in the form that is the same however it was written.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        self.proof.canonical.as_deref().unwrap_or(&self.secret)
    }
}

/// What the confirm stage did, for the summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Anchors found.
    pub hits: u64,
    /// Hits whose regex matched.
    pub candidates: u64,
    /// Candidates a validator disproved.
    pub rejected: u64,
}

impl Tally {
    /// Adds another thread's counts.
    pub fn add(&mut self, other: Self) {
        self.hits += other.hits;
        self.candidates += other.candidates;
        self.rejected += other.rejected;
    }
}

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// The pattern is not a regular expression.
    #[error("type `{secret_type}`, variant `{variant}`: {source}")]
    Pattern {
        /// The type's id.
        secret_type: String,
        /// The variant's name.
        variant: String,
        /// What the regex compiler said.
        #[source]
        source: Box<regex::Error>,
    },
    /// The validator's name is unknown.
    #[error("type `{secret_type}`, variant `{variant}`: no validator is called `{name}`")]
    Validator {
        /// The type's id.
        secret_type: String,
        /// The variant's name.
        variant: String,
        /// The name.
        name: String,
    },
}

/// A variant ready to run.
#[derive(Clone)]
struct Compiled {
    pattern: Pattern,
    validate: validate::Validator,
    before: usize,
    after: usize,
}

/// Confirms hits. Clone one per thread: a regex's scratch space is then never shared. Clones share
/// the compiling of patterns, each of which waits for its first hit.
#[derive(Clone)]
pub struct Confirmer {
    rules: Arc<RuleSet>,
    anchors: Arc<AnchorSet>,
    compiled: Vec<Compiled>,
}

impl Confirmer {
    /// Makes the rules ready to run; patterns outside the catalogue are compiled.
    ///
    /// # Errors
    /// When such a pattern does not compile or a validator does not exist.
    pub fn new(rules: Arc<RuleSet>, anchors: Arc<AnchorSet>) -> Result<Self, ConfirmError> {
        let compile = |variant: &Variant| {
            let name = || (rules.type_of(variant).id.clone(), variant.name.clone());
            let pattern = Pattern::new(&variant.pattern, variant.proven).map_err(|error| {
                let (secret_type, variant) = name();
                ConfirmError::Pattern {
                    secret_type,
                    variant,
                    source: Box::new(error),
                }
            })?;
            let validate = validate::by_name(&variant.validate).ok_or_else(|| {
                let (secret_type, name_of_variant) = name();
                ConfirmError::Validator {
                    secret_type,
                    variant: name_of_variant,
                    name: variant.validate.clone(),
                }
            })?;
            let (before, after) = (variant.reach.before as usize, variant.reach.after as usize);
            Ok(Compiled {
                pattern,
                validate,
                before,
                after,
            })
        };
        let compiled = rules
            .variants
            .iter()
            .map(compile)
            .collect::<Result<_, ConfirmError>>()?;
        Ok(Self {
            rules,
            anchors,
            compiled,
        })
    }

    /// The rules this was built from.
    #[must_use]
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The anchors whose hits it confirms.
    #[must_use]
    pub fn anchors(&self) -> &AnchorSet {
        &self.anchors
    }

    /// Confirms a chunk's hits, which are in ascending order, and appends what is found. One
    /// secret may be appended several times, once per rule and anchor that lead to it:
    /// [`overlap`] keeps the best.
    pub fn confirm(&self, chunk: &Chunk, hits: &[Hit], found: &mut Vec<Confirmed>) -> Tally {
        let mut tally = Tally {
            hits: hits.len() as u64,
            ..Tally::default()
        };
        for hit in hits {
            for user in self.anchors.users(hit.anchor) {
                found.extend(self.confirm_hit(chunk, *hit, *user, &mut tally));
            }
        }
        tally
    }

    /// Confirms a hit for one of the rules that its anchor may begin, and counts the candidates.
    pub fn confirm_hit(
        &self,
        chunk: &Chunk,
        hit: Hit,
        user: User,
        tally: &mut Tally,
    ) -> Option<Confirmed> {
        let at = hit.at.index();
        let rule = self.compiled.get(user.variant)?;
        let stretch = user.encoding.stretch();
        let before = rule.before.saturating_add(user.encoding.skipped());
        let sight = if user.encoding == Encoding::Plain {
            0
        } else {
            SIGHT
        };
        let start = at.saturating_sub(before.saturating_mul(stretch).max(sight));
        let end = at
            .saturating_add(rule.after.saturating_mul(stretch))
            .min(chunk.window.len());
        let window = chunk.window.get(start..end)?;
        let anchor = at - start;
        let mut encodings = Vec::new();
        let mut base64 = None;
        let (mut matched, mut judged) = (false, None);
        if user.encoding == Encoding::Plain {
            (matched, judged) = read(rule, window, anchor, &mut encodings);
        } else {
            let place = transcode::Place {
                window,
                at: anchor,
                even: chunk.image_offset(start).0.is_multiple_of(2),
                before: rule.before,
                after: rule.after,
            };
            for decoded in transcode::decode(place, user.encoding) {
                encodings = decoded.encodings.to_vec();
                let (matched_here, judged_here) =
                    read(rule, decoded.view.bytes(), decoded.anchor, &mut encodings);
                matched |= matched_here;
                if let Some(found) = judged_here {
                    let inner = found.range.start as u64;
                    base64 = decoded
                        .base64_at
                        .map(|at| (chunk.image_offset(start + at).0, inner));
                    let range = decoded.view.source_range(found.range);
                    let whole = decoded.view.source_range(found.whole);
                    judged = Some(Judged {
                        range,
                        whole,
                        ..found
                    });
                    break;
                }
            }
        }
        tally.candidates += u64::from(matched);
        let Some(judged) = judged else {
            tally.rejected += u64::from(matched);
            return None;
        };
        let secret_type = self.rules.type_of(&self.rules.variants[user.variant]);
        let canonical = judged.proof.canonical.as_deref().unwrap_or(&judged.secret);
        let published = validate::published::is_known(canonical)
            || secret_type
                .published
                .iter()
                .any(|value| value.as_bytes() == canonical);
        let place = start + judged.range.start..start + judged.range.end;
        let around = Around::of(&chunk.window, &place, &judged.secret);
        let first = chunk.image_offset(start + judged.range.start).0;
        let matched_from = chunk.image_offset(start + judged.whole.start).0;
        Some(Confirmed {
            variant: user.variant,
            origin: Arc::clone(&chunk.origin),
            span: first..first + judged.range.len() as u64,
            matched: matched_from..matched_from + judged.whole.len() as u64,
            secret: judged.secret,
            encodings,
            base64,
            proof: *judged.proof,
            suppressed: if published {
                Some("published example")
            } else {
                judged.suppressed
            },
            around,
        })
    }
}

/// Reads a window as it is and, where that gives nothing, without its escapes: most secrets lie as
/// they are. Whether the pattern matched, and what was believed.
fn read(
    rule: &Compiled,
    window: &[u8],
    anchor: usize,
    encodings: &mut Vec<&'static str>,
) -> (bool, Option<Judged>) {
    let (mut matched, judged) = judge(rule, window, anchor);
    if judged.is_some() {
        return (matched, judged);
    }
    for view in unescape::views(window) {
        let Some(anchor) = view.position_of(anchor) else {
            continue;
        };
        let (matched_here, judged) = judge(rule, view.bytes(), anchor);
        matched |= matched_here;
        if let Some(judged) = judged {
            encodings.extend(view.names());
            let range = view.source_range(judged.range.clone());
            let whole = view.source_range(judged.whole.clone());
            let judged = Judged {
                range,
                whole,
                ..judged
            };
            return (matched, Some(judged));
        }
    }
    (matched, None)
}

/// What a validator believed or suppressed, in window coordinates.
struct Judged {
    range: Range<usize>,
    /// What the pattern matched, the range included.
    whole: Range<usize>,
    secret: Vec<u8>,
    proof: Box<Proof>,
    suppressed: Option<&'static str>,
}

/// Whether the rule's pattern matches around the anchor, and what its validator makes of it.
fn judge(rule: &Compiled, window: &[u8], anchor: usize) -> (bool, Option<Judged>) {
    // A match that does not hold this anchor belongs to another hit, which sees it in a window of
    // its own.
    let mut from = 0;
    let Some(find) = rule.pattern.on(window) else {
        return (false, None);
    };
    let captures = loop {
        let Some(captures) = find(from) else {
            return (false, None);
        };
        let Some(whole) = captures.get(0) else {
            return (false, None);
        };
        if whole.start() > anchor {
            return (false, None);
        }
        if whole.end() > anchor {
            break captures;
        }
        // The byte that ended one match may be the one before the next.
        from = (whole.end() - 1).max(whole.start() + 1).max(from + 1);
    };
    let candidate = Candidate {
        window,
        captures,
        anchor,
    };
    let (proof, suppressed) = match (rule.validate)(&candidate) {
        Judgement::Reject(_) => return (true, None),
        Judgement::Suppress(reason, proof) => (proof, Some(reason)),
        Judgement::Accept(proof) => (proof, None),
    };
    let range = proof.at.clone().unwrap_or_else(|| candidate.secret_range());
    let secret = window.get(range.clone()).unwrap_or(&[]).to_vec();
    let matched = candidate
        .captures
        .get(0)
        .map_or(range.clone(), |found| found.range());
    let judged = Judged {
        whole: matched.start.min(range.start)..matched.end.max(range.end),
        range,
        secret,
        proof,
        suppressed,
    };
    (true, Some(judged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anchor::Engine as _;
    use crate::anchor::reference::Reference;
    use crate::anchor::table::Table;
    use crate::rule::load::load;

    /// What one rule finds in a text: places and secrets, and the counts.
    fn confirm(pattern: &str, validate: &str, text: &[u8]) -> (Vec<Confirmed>, Tally) {
        let file = format!(
            "[[type]]\nid = 'x'\nname = 'X'\nseverity = 'low'\n[[type.variant]]\nname = 'v'\n\
             anchors = [{{ literal = 'key' }}]\nreach = {{ before = 20, after = 60 }}\n\
             pattern = '''{pattern}'''\nvalidate = '{validate}'"
        );
        let rules = Arc::new(load([("own.toml", file.as_str())]).unwrap());
        let anchors = Arc::new(AnchorSet::of_rules(&rules));
        let mut engine = Reference::new(Arc::new(Table::compile(&anchors)));
        let confirmer = Confirmer::new(rules, anchors).unwrap();
        engine.submit(Chunk::of(text, 0..text.len())).unwrap();
        let mut hits = Vec::new();
        let chunk = engine.collect(&mut hits).unwrap().unwrap();
        let mut found = Vec::new();
        let tally = confirmer.confirm(&chunk, &hits, &mut found);
        (found, tally)
    }

    #[test]
    fn either_alternative_of_a_pattern_names_the_secret() {
        let pattern = "key=(?<secret>[a-z]+)|(?<secret_b>[A-Z]+)=key";
        for (text, secret) in [("key=abc", "abc"), ("ABC=key", "ABC")] {
            let (found, _) = confirm(pattern, "pattern", text.as_bytes());
            assert_eq!(found[0].secret, secret.as_bytes());
        }
    }

    #[test]
    fn a_byte_that_ends_one_match_may_begin_the_next() {
        let pattern = "(?:^|[^a-z])(?<secret>key[0-9])(?:[^0-9]|$)";
        let (found, tally) = confirm(pattern, "pattern", b"key1,key2,key3");
        let starts: Vec<u64> = found.iter().map(|found| found.span.start).collect();
        assert_eq!(starts, [0, 5, 10]);
        assert_eq!((tally.hits, tally.candidates, tally.rejected), (3, 3, 0));
    }

    #[test]
    fn an_escaped_secret_spans_its_escapes() {
        let text = br"a key=1\u002B2\/3; b";
        let (found, _) = confirm("(?<secret>key=1[+]2/3);", "pattern", text);
        assert_eq!(found[0].secret, b"key=1+2/3");
        assert_eq!(found[0].span, 2..17);
        assert_eq!(found[0].encodings, ["json-xml"]);
    }

    #[test]
    fn what_a_validator_disproves_is_counted_and_not_found() {
        let (found, tally) = confirm("(?<secret>key_[0-9a-z]+)", "npm-crc32", b"key_123456789");
        assert!(found.is_empty());
        assert_eq!((tally.hits, tally.candidates, tally.rejected), (1, 1, 1));
        let (_, tally) = confirm("(?<secret>key_[0-9]+)", "pattern", b"a key");
        assert_eq!((tally.hits, tally.candidates, tally.rejected), (1, 0, 0));
    }
}
