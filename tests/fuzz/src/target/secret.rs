//! Secrets of every type, from the anchors to the parsers of keys. Private keys are long, so inputs
//! that grow out of them have a target of their own.

use std::sync::{Arc, Mutex};

use keydredge::anchor::cpu::Cpu;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine as _};
use keydredge::chunk::Chunk;
use keydredge::confirm::Confirmer;
use keydredge::confirm::overlap::settle;
use keydredge::rule::RuleSet;
use keydredge::rule::load::catalogue;
use keydredge::specimen::{Stream, expand};

use super::Target;

pub fn target(name: &str) -> Target {
    let rules = Arc::new(catalogue().unwrap());
    let anchors = Arc::new(AnchorSet::of_rules(&rules));
    let engine = Mutex::new(Cpu::new(Arc::new(Table::compile(&anchors))));
    let confirmer = Mutex::new(Confirmer::new(Arc::clone(&rules), anchors).unwrap());
    let seeds = seeds(&rules, name == "keys");
    Target::new(
        move |input| {
            let mut hits = Vec::new();
            let mut found = Vec::new();
            let mut engine = engine.lock().unwrap();
            engine.submit(Chunk::of(input, 0..input.len())).unwrap();
            let chunk = engine.collect(&mut hits).unwrap().unwrap();
            assert!(hits.is_sorted());
            confirmer.lock().unwrap().confirm(&chunk, &hits, &mut found);
            let len = input.len() as u64;
            for secret in &found {
                assert!(secret.span.start < secret.span.end && secret.span.end <= len);
                assert!(!secret.secret.is_empty());
            }
            let count = found.len();
            assert!(settle(found, &rules).len() <= count);
        },
        seeds,
    )
}

/// The examples of the catalogue: of private keys, or of all else.
fn seeds(rules: &RuleSet, of_keys: bool) -> Vec<Vec<u8>> {
    let variants = rules.variants.iter();
    let variants = variants.filter(|rule| {
        let family = rules.type_of(rule).id.as_str();
        of_keys == (family.contains("private-key") || family.contains("certificate"))
    });
    let examples = variants.flat_map(|rule| rule.examples.iter().chain(&rule.counter_examples));
    examples
        .map(|example| expand(example, &mut Stream::new(example)).into_bytes())
        .collect()
}
