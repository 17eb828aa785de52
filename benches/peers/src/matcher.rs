//! The peers behind one interface: count the literals of a slice.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use keydredge::anchor::cpu::{Cpu, Tier};
use keydredge::anchor::table::{Literal, Table};
use keydredge::anchor::{AnchorSet, Engine, Hit};
use keydredge::chunk::Chunk;
use keydredge::rule::load::catalogue;
use keydredge::rule::{AnchorSpec, RuleSet};

use crate::hyperscan::Hyperscan;

/// Counts the literals that lie wholly in a slice, overlapping ones too.
pub(crate) trait Matcher {
    fn name(&self) -> String;
    fn count(&mut self, slice: &Slice<'_>) -> usize;
}

/// The same bytes as each peer wants them.
pub(crate) struct Slice<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) chunk: &'a Chunk,
}

/// The literals that are searched for: those of the catalogue as it stands, with and without the
/// forms of encoded text.
pub(crate) fn sets() -> Result<Vec<(String, Arc<Table>)>, String> {
    let rules = catalogue().map_err(|error| error.to_string())?;
    let full = AnchorSet::of_rules(&rules).with_magics();
    let few = plain(&rules);
    Ok([("plain", few), ("all encodings", full)]
        .into_iter()
        .map(|(name, set)| {
            let literals = set.anchors().iter().filter(|anchor| is_literal(anchor));
            let set = AnchorSet::new(literals.map(|anchor| (anchor.clone(), 0)));
            let table = Arc::new(Table::compile(&set));
            (format!("{} literals, {name}", table.literals.len()), table)
        })
        .collect())
}

fn plain(rules: &RuleSet) -> AnchorSet {
    let anchors = rules.variants.iter().flat_map(|rule| &rule.anchors);
    AnchorSet::new(anchors.map(|anchor| (anchor.clone(), 0)))
}

/// Runs of a class have no counterpart elsewhere, and libhs takes a literal that begins with a zero
/// byte for an empty one: those, the UTF-16BE forms, are left out for everybody.
fn is_literal(anchor: &AnchorSpec) -> bool {
    matches!(anchor, AnchorSpec::Literal { bytes, .. } if bytes.first() != Some(&0))
}

/// Everything that is compared, ours first. The slow ones only if asked for.
pub(crate) fn peers(table: &Arc<Table>, slow: bool) -> Result<Vec<Box<dyn Matcher>>, String> {
    let mut peers: Vec<Box<dyn Matcher>> = Vec::new();
    for tier in Tier::available().into_iter().rev() {
        if let Some(engine) = Cpu::with_tier(Arc::clone(table), tier) {
            peers.push(Box::new(Ours {
                engine,
                tier,
                hits: Vec::new(),
            }));
        }
    }
    peers.push(Box::new(Hyperscan::new(&table.literals)?));
    if slow {
        peers.push(Box::new(Automata::new(&table.literals)?));
    }
    peers.push(Box::new(PlainRead));
    Ok(peers)
}

struct Ours {
    engine: Cpu,
    tier: Tier,
    hits: Vec<Hit>,
}

impl Matcher for Ours {
    fn name(&self) -> String {
        format!("keydredge {}", self.tier)
    }

    fn count(&mut self, slice: &Slice<'_>) -> usize {
        let searched = self.engine.submit(slice.chunk.clone());
        let collected = searched.and_then(|()| self.engine.collect(&mut self.hits));
        match collected {
            Ok(_) => self.hits.len(),
            Err(_) => 0,
        }
    }
}

/// The crate's automaton takes one rule of case for all literals, so there are two.
struct Automata {
    exact: (AhoCorasick, Vec<Literal>),
    caseless: (AhoCorasick, Vec<Literal>),
}

impl Automata {
    fn new(literals: &[Literal]) -> Result<Self, String> {
        let of = |nocase: bool| {
            let some: Vec<Literal> = literals
                .iter()
                .filter(|one| one.nocase == nocase)
                .cloned()
                .collect();
            let automaton = AhoCorasick::builder()
                .ascii_case_insensitive(nocase)
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(some.iter().map(|one| &one.bytes));
            automaton
                .map(|automaton| (automaton, some))
                .map_err(|error| error.to_string())
        };
        Ok(Self {
            exact: of(false)?,
            caseless: of(true)?,
        })
    }
}

impl Matcher for Automata {
    fn name(&self) -> String {
        "aho-corasick, two contiguous NFAs".to_owned()
    }

    fn count(&mut self, slice: &Slice<'_>) -> usize {
        let of = |(automaton, literals): &(AhoCorasick, Vec<Literal>)| {
            let found = automaton.find_overlapping_iter(slice.bytes);
            found
                .filter(|one| follows(&literals[one.pattern()], slice.bytes, one.end()))
                .count()
        };
        of(&self.exact) + of(&self.caseless)
    }
}

/// Some literals ask for the byte behind them; other matchers cannot, so it is checked here.
pub(crate) fn follows(literal: &Literal, bytes: &[u8], end: usize) -> bool {
    literal
        .follow
        .is_none_or(|class| bytes.get(end).is_some_and(|byte| class.has(*byte)))
}

/// Every byte once: nothing can be faster.
struct PlainRead;

impl Matcher for PlainRead {
    fn name(&self) -> String {
        "plain read".to_owned()
    }

    fn count(&mut self, slice: &Slice<'_>) -> usize {
        let (words, _) = slice.bytes.as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        std::hint::black_box(words.fold(0, u64::wrapping_add));
        usize::MAX
    }
}
