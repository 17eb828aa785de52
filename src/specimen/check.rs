//! Proving a rule file: what its examples claim is tried, as the scan would do it.
//!
//! The slow engine finds the anchors and the confirm stage judges them, so a rule that passes here
//! works in a scan. On top of its own examples every rule is tried on texts drawn from its pattern
//! and on altered examples: a match without an anchor is one that a scan would miss in silence.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};

use super::sample::{Sampler, mutate};
use super::{Stream, expand, maker};
use crate::anchor::cpu::Cpu;
use crate::anchor::table::Table;
use crate::anchor::{AnchorSet, Engine as _};
use crate::chunk::Chunk;
use crate::confirm::{Confirmed, Confirmer, validate};
use crate::rule::load::LONGEST_REACH;
use crate::rule::{Reach, RuleSet, SecretType, Variant};

/// How many times each example is made anew.
const SEEDS: u32 = 6;
/// Texts drawn from each pattern.
const DRAWN: u32 = 300;
/// Altered forms of each example.
const ALTERED: u32 = 40;
/// Longest part of a template that is quoted in a problem, in characters.
const QUOTED: usize = 60;

/// Something wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The type's id.
    pub secret_type: String,
    /// The variant's name.
    pub variant: String,
    /// What is wrong and what to do, as a sentence without its full stop.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            secret_type,
            variant,
            what,
        } = self;
        write!(f, "type `{secret_type}`, variant `{variant}`: {what}")
    }
}

/// What was tried and what was wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rules tried.
    pub variants: usize,
    /// Examples that should be found.
    pub examples: usize,
    /// Counter-examples that should not.
    pub counter_examples: usize,
    /// What was wrong, in the order of the rules; empty if nothing was.
    pub problems: Vec<Problem>,
}

/// Tries every rule.
#[must_use]
pub fn check(rules: &RuleSet) -> Report {
    let mut report = Report::default();
    for secret_type in &rules.types {
        check_type(
            &rules.select(|other| other.id == secret_type.id),
            &mut report,
        );
    }
    report
}

/// Tries the rules of one type, which are the only ones in the set.
fn check_type(rules: &RuleSet, report: &mut Report) {
    let Some(secret_type) = rules.types.first() else {
        return;
    };
    let first_problem = report.problems.len();
    for variant in &rules.variants {
        report.variants += 1;
        report.examples += variant.examples.len();
        report.counter_examples += variant.counter_examples.len();
        let mut fault = |what| report.problems.push(problem(secret_type, variant, what));
        declared(variant).into_iter().for_each(&mut fault);
    }
    if report.problems.len() > first_problem {
        // What cannot be compiled or has nothing to say cannot be tried either.
        return;
    }
    let Some(mut scan) = Scan::new(rules) else {
        return;
    };
    for (index, variant) in rules.variants.iter().enumerate() {
        let trial = Trial {
            secret_type,
            variant,
            index,
        };
        let mut faults = trial.examples(&mut scan);
        faults.extend(trial.anchors());
        faults.extend(trial.reach());
        let named = faults
            .into_iter()
            .map(|what| problem(secret_type, variant, what));
        report.problems.extend(named);
    }
}

fn problem(secret_type: &SecretType, variant: &Variant, what: String) -> Problem {
    Problem {
        secret_type: secret_type.id.clone(),
        variant: variant.name.clone(),
        what,
    }
}

/// What is wrong with a rule as it is written.
fn declared(variant: &Variant) -> Vec<String> {
    let mut faults = Vec::new();
    match compile(&variant.pattern) {
        Err(error) => faults.push(format!("the pattern does not compile: {error}")),
        Ok(regex) => {
            if !regex.capture_names().flatten().any(|name| name == "secret") {
                faults.push(
                    "the pattern has no group `secret`: write `(?<secret>...)` around it"
                        .to_owned(),
                );
            }
        }
    }
    if validate::by_name(&variant.validate).is_none() {
        faults.push(format!("no validator is called `{}`", variant.validate));
    }
    if variant.examples.is_empty() {
        faults.push("it has no example: give one text in which it must be found".to_owned());
    }
    if variant.counter_examples.is_empty() {
        faults.push(
            "it has no counter-example: give one text that looks like it and is not".to_owned(),
        );
    }
    let templates = variant.examples.iter().chain(&variant.counter_examples);
    let unknown: HashSet<&str> = templates.flat_map(|text| unknown_makers(text)).collect();
    let mut unknown: Vec<&str> = unknown.into_iter().collect();
    unknown.sort_unstable();
    faults.extend(
        unknown
            .into_iter()
            .map(|name| format!("no specimen is called `{name}`")),
    );
    faults
}

fn compile(pattern: &str) -> Result<Regex, Box<regex::Error>> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .map_err(Box::new)
}

/// Names in braces that are written as specimens are and that none has.
fn unknown_makers(template: &str) -> impl Iterator<Item = &str> {
    let names = template
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
    names.filter(|name| {
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        name.contains('-') && name.split('-').all(word) && maker(name).is_none()
    })
}

/// A small scan over texts in memory.
struct Scan {
    engine: Cpu,
    confirmer: Confirmer,
}

impl Scan {
    fn new(rules: &RuleSet) -> Option<Self> {
        let anchors = Arc::new(AnchorSet::of_rules(rules));
        let engine = Cpu::new(Arc::new(Table::compile(&anchors)));
        let confirmer = Confirmer::new(Arc::new(rules.clone()), anchors).ok()?;
        Some(Self { engine, confirmer })
    }

    fn run(&mut self, text: &[u8]) -> Vec<Confirmed> {
        let chunk = Chunk::of(text, 0..text.len());
        let mut hits = Vec::new();
        let mut found = Vec::new();
        // The engine only reads memory: it never fails.
        let submitted = self.engine.submit(chunk);
        if let (Ok(()), Ok(Some(chunk))) = (submitted, self.engine.collect(&mut hits)) {
            self.confirmer.confirm(&chunk, &hits, &mut found);
        }
        found
    }
}

/// One rule under trial.
struct Trial<'r> {
    secret_type: &'r SecretType,
    variant: &'r Variant,
    /// Of the variant, in a rule set of its type alone.
    index: usize,
}

impl Trial<'_> {
    fn stream(&self, purpose: &str, number: usize, seed: u32) -> Stream {
        let (id, name) = (&self.secret_type.id, &self.variant.name);
        Stream::new(&format!("{id}/{name}/{purpose}/{number}/{seed}"))
    }

    /// Every expansion of every example, with the example's number from 1.
    fn expanded<'t>(
        &'t self,
        purpose: &'t str,
        templates: &'t [String],
    ) -> impl Iterator<Item = (usize, Vec<u8>)> + 't {
        templates.iter().enumerate().flat_map(move |(index, text)| {
            (0..SEEDS).map(move |seed| {
                let mut stream = self.stream(purpose, index, seed);
                (index + 1, expand(text, &mut stream).into_bytes())
            })
        })
    }

    /// Examples are found and counter-examples are not.
    fn examples(&self, scan: &mut Scan) -> Vec<String> {
        let mut faults = Faults::default();
        for (number, text) in self.expanded("example", &self.variant.examples) {
            let found = scan.run(&text);
            let own = found.iter().filter(|found| found.variant == self.index);
            let template = quote(&self.variant.examples[number - 1]);
            match own.map(|found| found.suppressed).min() {
                Some(None) => {}
                Some(Some(reason)) => faults.add(
                    number,
                    format!("example {number} is suppressed as {reason}: {template}"),
                ),
                None => faults.add(number, format!("example {number} is not found: {template}")),
            }
        }
        let mut counter_faults = Faults::default();
        for (number, text) in self.expanded("counter", &self.variant.counter_examples) {
            let found = scan.run(&text);
            let believed =
                |found: &Confirmed| found.variant == self.index && found.suppressed.is_none();
            if found.iter().any(believed) {
                let template = quote(&self.variant.counter_examples[number - 1]);
                counter_faults.add(
                    number,
                    format!("counter-example {number} is found: {template}"),
                );
            }
        }
        faults
            .0
            .into_iter()
            .chain(counter_faults.0)
            .map(|(_, what)| what)
            .collect()
    }

    /// Every match holds an anchor.
    fn anchors(&self) -> Option<String> {
        let regex = compile(&self.variant.pattern).ok()?;
        let sampler = Sampler::new(&self.variant.pattern)?;
        let anchors = self
            .variant
            .anchors
            .iter()
            .map(|anchor| (anchor.clone(), 0));
        let table = Table::compile(&AnchorSet::new(anchors));
        let bare = |text: &[u8]| -> Option<String> {
            let without = regex
                .find_iter(text)
                .find(|found| !holds_anchor(&table, text, &found.range()))?;
            Some(quote(&without.as_bytes().escape_ascii().to_string()))
        };
        let mut stream = self.stream("drawn", 0, 0);
        let drawn = (0..DRAWN)
            .map(|_| sampler.draw(&mut stream))
            .find_map(|text| bare(&text));
        let found = drawn.or_else(|| {
            let mut stream = self.stream("altered", 0, 0);
            self.expanded("example", &self.variant.examples)
                .find_map(|(_, text)| {
                    bare(&text)
                        .or_else(|| (0..ALTERED).find_map(|_| bare(&mutate(&text, &mut stream))))
                })
        })?;
        Some(format!(
            "the pattern matches a text without any of its anchors, which a scan would miss: \
             {found}"
        ))
    }

    /// Nothing changes when the confirm stage may look farther.
    fn reach(&self) -> Option<String> {
        let own = |reach: Reach| -> Option<Scan> {
            let set = RuleSet {
                types: vec![self.secret_type.clone()],
                variants: vec![Variant {
                    reach,
                    type_index: 0,
                    ..self.variant.clone()
                }],
                hash: String::new(),
            };
            Scan::new(&set)
        };
        let Reach { before, after } = self.variant.reach;
        let wider = Reach {
            before: (before + 4096).min(LONGEST_REACH),
            after: (after + 4096).min(LONGEST_REACH),
        };
        let (mut narrow, mut wide) = (own(self.variant.reach)?, own(wider)?);
        let mut places = |text: &[u8]| {
            let spans = |scan: &mut Scan| -> Vec<(u64, u64)> {
                let found = scan.run(text);
                let believed = found.into_iter().filter(|found| found.suppressed.is_none());
                // One match may be seen from several of its anchors.
                let mut spans: Vec<_> = believed
                    .map(|found| (found.span.start, found.span.end))
                    .collect();
                spans.sort_unstable();
                spans.dedup();
                spans
            };
            (spans(&mut narrow), spans(&mut wide))
        };
        self.expanded("example", &self.variant.examples)
            .find_map(|(number, text)| {
                let (narrow, wide) = places(&padded(&text));
                (narrow != wide).then(|| {
                    format!(
                        "example {number} between other text is found differently when the confirm \
                     stage may look farther: a reach of {before} bytes before and {after} after \
                     the anchor is too short"
                    )
                })
            })
    }
}

/// The first fault of each example.
#[derive(Default)]
struct Faults(Vec<(usize, String)>);

impl Faults {
    fn add(&mut self, number: usize, what: String) {
        if self.0.iter().all(|(known, _)| *known != number) {
            self.0.push((number, what));
        }
    }
}

/// Whether an anchor lies wholly inside the range; only the byte after it may lie outside.
fn holds_anchor(table: &Table, text: &[u8], range: &Range<usize>) -> bool {
    range.clone().any(|start| {
        let literal = table
            .literals
            .iter()
            .any(|literal| start + literal.bytes.len() <= range.end && literal.is_at(text, start));
        literal
            || table.runs.iter().any(|run| {
                let begins = start == 0 || !run.class.has(text[start - 1]);
                let len = text[start..]
                    .iter()
                    .take_while(|byte| run.class.has(**byte))
                    .count();
                begins && (run.min..=run.max).contains(&len)
            })
    })
}

/// The text between lines of other text.
fn padded(text: &[u8]) -> Vec<u8> {
    let lines = "a line of a log, of no interest\n".repeat(40);
    [lines.as_bytes(), text, b"\n", lines.as_bytes()].concat()
}

/// The start of a text, for a message.
fn quote(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load::load;

    /// The problems of a broken rule file, one a line.
    fn problems(name: &str, text: &str) -> String {
        let report = check(&load([(name, text)]).unwrap());
        let lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    macro_rules! broken {
        ($test:ident, $file:literal, $expected:expr) => {
            #[test]
            fn $test() {
                let text = include_str!(concat!("../../tests/data/rules/", $file));
                assert_eq!(problems($file, text), $expected);
            }
        };
    }

    broken!(a_sound_rule_has_no_problem, "sound.toml", "");
    broken!(
        a_match_without_an_anchor_is_shown,
        "anchor-missing-from-a-match.toml",
        "type `x`, variant `v`: the pattern matches a text without any of its anchors, which a \
         scan would miss: `pass=0000`"
    );
    broken!(
        a_rule_needs_examples_of_both_kinds,
        "no-examples.toml",
        "type `x`, variant `v`: it has no example: give one text in which it must be found\n\
         type `x`, variant `v`: it has no counter-example: give one text that looks like it and \
         is not"
    );
    broken!(
        an_example_that_is_not_found_is_named,
        "example-not-found.toml",
        "type `x`, variant `v`: example 2 is not found: `key={github-classic-wrong-crc}`"
    );
    broken!(
        an_example_that_is_suppressed_is_named,
        "example-suppressed.toml",
        "type `x`, variant `v`: example 1 is suppressed as published example: `key=AAAA`"
    );
    broken!(
        a_counter_example_that_is_found_is_named,
        "counter-example-found.toml",
        "type `x`, variant `v`: counter-example 1 is found: `key=BBBB`"
    );
    broken!(
        a_short_reach_is_told,
        "reach-too-short.toml",
        "type `x`, variant `v`: example 1 between other text is found differently when the \
         confirm stage may look farther: a reach of 1 bytes before and 40 after the anchor is too \
         short"
    );
    broken!(
        what_is_misspelt_is_named,
        "misspelt.toml",
        "type `x`, variant `v`: the pattern has no group `secret`: write `(?<secret>...)` around \
         it\n\
         type `x`, variant `v`: no validator is called `github-crc`\n\
         type `x`, variant `v`: no specimen is called `github-clasic`"
    );

    #[test]
    fn a_pattern_that_does_not_compile_is_told() {
        let text = include_str!("../../tests/data/rules/sound.toml").replace("[A-Z]", "[Z-A]");
        let found = problems("own.toml", &text);
        assert!(
            found.starts_with("type `x`, variant `v`: the pattern does not compile: regex parse"),
            "{found}"
        );
    }

    #[test]
    fn the_report_counts_what_was_tried() {
        let text = include_str!("../../tests/data/rules/sound.toml");
        let report = check(&load([("own.toml", text)]).unwrap());
        assert_eq!(
            (report.variants, report.examples, report.counter_examples),
            (1, 2, 2)
        );
    }
}
