//! What the confirm stage costs a hit: for secrets as every rule shows them, for the same texts with
//! the keys spoilt, and for anchors with nothing around them, which is what most hits are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

mod settings;

use std::sync::Arc;

use criterion::Throughput;
use keydredge::anchor::cpu::Cpu;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, Hit};
use keydredge::chunk::Chunk;
use keydredge::confirm::Confirmer;
use keydredge::rule::load::catalogue;
use keydredge::rule::{AnchorSpec, RuleSet};
use keydredge::specimen::{Stream, expand};

/// What stands between two texts: farther than most rules look.
const GAP: usize = 2048;

/// An example of every rule, with made-up keys.
fn examples(rules: &RuleSet) -> Vec<Vec<u8>> {
    let mut stream = Stream::new("bench");
    let templates = rules.variants.iter().flat_map(|variant| &variant.examples);
    templates
        .map(|template| expand(template, &mut stream).into_bytes())
        .collect()
}

/// The same with some of the letters and digits changed, so that few match and none is proven.
fn spoilt(texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let spoil = |text: &Vec<u8>| {
        let mut text = text.clone();
        for byte in text.iter_mut().skip(12).step_by(7) {
            if byte.is_ascii_alphanumeric() {
                *byte = b'~';
            }
        }
        text
    };
    texts.iter().map(spoil).collect()
}

/// Every literal alone.
fn anchors(rules: &RuleSet) -> Vec<Vec<u8>> {
    let anchors = rules.variants.iter().flat_map(|variant| &variant.anchors);
    anchors
        .filter_map(|anchor| match anchor {
            AnchorSpec::Literal { bytes, .. } => Some(bytes.clone()),
            AnchorSpec::Run { .. } => None,
        })
        .collect()
}

/// One chunk with all texts, spaces between them.
fn joined(texts: &[Vec<u8>]) -> Chunk {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend(text);
        bytes.resize(bytes.len() + GAP, b' ');
    }
    Chunk::of(&bytes, 0..bytes.len())
}

fn main() {
    let mut criterion = settings::criterion(2);
    let rules = Arc::new(catalogue().unwrap());
    let set = Arc::new(AnchorSet::of_rules(&rules));
    let mut engine = Cpu::new(Arc::new(Table::compile(&set)));
    let confirmer = Confirmer::new(Arc::clone(&rules), set).unwrap();
    let secrets = examples(&rules);
    let mut group = criterion.benchmark_group("confirm");
    for (name, texts, expected) in [
        ("secrets", secrets.clone(), true),
        ("spoilt secrets", spoilt(&secrets), true),
        ("bare anchors", anchors(&rules), false),
    ] {
        let mut hits: Vec<Hit> = Vec::new();
        engine.submit(joined(&texts)).unwrap();
        let chunk = engine.collect(&mut hits).unwrap().unwrap();
        let mut found = Vec::new();
        let tally = confirmer.confirm(&chunk, &hits, &mut found);
        // A bench of nothing would be fast.
        assert!(tally.hits >= texts.len() as u64 / 2, "{name}: {tally:?}");
        assert_eq!(tally.candidates > 100, expected, "{name}: {tally:?}");
        group.throughput(Throughput::Elements(tally.hits));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                found.clear();
                confirmer.confirm(&chunk, &hits, &mut found)
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
