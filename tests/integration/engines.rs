//! One suite for all engines: the cases of `tests/data/anchor`, wherever a boundary may cut them,
//! and anchors and haystacks made up at random. Every engine must say the same.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
#[cfg(feature = "gpu")]
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use keydredge::anchor::cpu::{Cpu, Tier};
#[cfg(feature = "gpu")]
use keydredge::anchor::gpu::device::{Adapter, Choice, choose};
#[cfg(feature = "gpu")]
use keydredge::anchor::gpu::{Config, Gpu};
use keydredge::anchor::reference::Reference;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, Hit};
use keydredge::chunk::Chunk;
use keydredge::chunk::cut::Cut;
use keydredge::rule::AnchorSpec;
use keydredge::unit::{ByteClass, ImageOffset};
use proptest::prelude::*;
use serde::Deserialize;

/// Every engine that this machine can run, the oracle first.
fn engines(table: &Arc<Table>) -> Vec<Box<dyn Engine>> {
    #[allow(unused_mut, reason = "a build without the GPU engine adds none")]
    let mut engines = processor_engines(table);
    #[cfg(feature = "gpu")]
    engines.push(Box::new(gpu(table)));
    engines
}

/// The engines that cost next to nothing to make. The GPU engine is held to random anchors in a
/// test of its own.
fn processor_engines(table: &Arc<Table>) -> Vec<Box<dyn Engine>> {
    let mut engines: Vec<Box<dyn Engine>> = vec![Box::new(Reference::new(table.clone()))];
    for tier in Tier::available() {
        engines.push(Box::new(Cpu::with_tier(table.clone(), tier).unwrap()));
    }
    engines
}

/// A GPU, a software one if there is no other; opened once, because opening takes long.
#[cfg(feature = "gpu")]
fn gpu(table: &Arc<Table>) -> Gpu {
    static ADAPTER: OnceLock<Adapter> = OnceLock::new();
    let adapter = ADAPTER.get_or_init(|| {
        choose(&Choice::Any).expect("a Vulkan adapter: tests/run.sh installs a software one")
    });
    let config = Config {
        max_chunk: 1 << 20,
        ..Config::default()
    };
    Gpu::new(table.clone(), adapter, config).unwrap()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    anchors: Vec<Anchor>,
    haystack: Vec<Piece>,
    /// All of the haystack where it is not given.
    body: Option<(usize, usize)>,
    /// Position and anchor.
    hits: Vec<(usize, u32)>,
    /// The ends of the window are what the case is about.
    #[serde(default)]
    edges: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    literal: Option<String>,
    hex: Option<String>,
    #[serde(default)]
    nocase: bool,
    follow: Option<String>,
    follow_hex: Option<String>,
    run: Option<String>,
    run_hex: Option<String>,
    #[serde(default)]
    min: u32,
    #[serde(default)]
    max: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Text(String),
    Hex { hex: String },
    Repeat { repeat: String, times: usize },
    RepeatHex { repeat_hex: String, times: usize },
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

impl Anchor {
    fn spec(&self) -> AnchorSpec {
        let class = |text: &Option<String>, hex: &Option<String>| {
            let listed = hex.as_deref().map(unhex);
            let listed = listed.map(|bytes| ByteClass::from_fn(|byte| bytes.contains(&byte)));
            let named = text.as_deref().map(|text| ByteClass::parse(text).unwrap());
            named.or(listed)
        };
        if let Some(class) = class(&self.run, &self.run_hex) {
            return AnchorSpec::Run {
                class,
                min: self.min,
                max: self.max,
            };
        }
        let text = self.literal.as_ref().map(|text| text.clone().into_bytes());
        AnchorSpec::Literal {
            bytes: text.or(self.hex.as_deref().map(unhex)).unwrap(),
            nocase: self.nocase,
            follow: class(&self.follow, &self.follow_hex),
        }
    }
}

impl Case {
    fn haystack(&self) -> Vec<u8> {
        let bytes = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone().into_bytes(),
            Piece::Hex { hex } => unhex(hex),
            Piece::Repeat { repeat, times } => repeat.repeat(*times).into_bytes(),
            Piece::RepeatHex { repeat_hex, times } => unhex(repeat_hex).repeat(*times),
        };
        self.haystack.iter().flat_map(bytes).collect()
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/anchor");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |file: &std::path::PathBuf| -> CaseFile {
        let text = std::fs::read_to_string(file).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().flat_map(|file| read(file).case).collect()
}

fn compile(specs: impl IntoIterator<Item = AnchorSpec>) -> Arc<Table> {
    let named = specs.into_iter().map(|spec| (spec, 0));
    Arc::new(Table::compile(&AnchorSet::new(named)))
}

fn chunk(window: &[u8], at: u64, body: Range<usize>) -> Chunk {
    Chunk {
        at: ImageOffset(at),
        ..Chunk::of(window, body)
    }
}

fn scan(engine: &mut dyn Engine, chunk: Chunk) -> Vec<Hit> {
    let mut hits = Vec::new();
    engine.submit(chunk).unwrap();
    assert!(engine.collect(&mut hits).unwrap().is_some());
    assert!(engine.collect(&mut Vec::new()).unwrap().is_none());
    hits
}

fn pairs(hits: &[Hit]) -> Vec<(usize, u32)> {
    hits.iter()
        .map(|hit| (hit.at.index(), hit.anchor.0))
        .collect()
}

/// Cuts a haystack into chunks and collects all hits in absolute positions.
fn scan_in_pieces(
    engine: &mut dyn Engine,
    haystack: &[u8],
    body: u64,
    reach: u64,
) -> Vec<(usize, u32)> {
    let cut = Cut {
        body,
        before: 1,
        after: reach,
    };
    let len = haystack.len() as u64;
    let mut found = Vec::new();
    for piece in cut.pieces(0..len, 0..len) {
        let window = piece.window.start as usize..piece.window.end as usize;
        let body = (piece.body.start - piece.window.start) as usize
            ..(piece.body.end - piece.window.start) as usize;
        let chunk = chunk(&haystack[window.clone()], piece.window.start, body);
        let hits = scan(engine, chunk);
        found.extend(
            hits.iter()
                .map(|hit| (window.start + hit.at.index(), hit.anchor.0)),
        );
    }
    found
}

#[test]
fn every_engine_gives_the_hits_of_every_case() {
    let cases = cases();
    assert!(cases.len() > 25, "only {} cases were read", cases.len());
    for case in &cases {
        let haystack = case.haystack();
        let (start, end) = case.body.unwrap_or((0, haystack.len()));
        for engine in &mut engines(&compile(case.anchors.iter().map(Anchor::spec))) {
            let hits = scan(engine.as_mut(), chunk(&haystack, 0, start..end));
            let device = engine.device();
            assert_eq!(pairs(&hits), case.hits, "{}: {device}", case.name);
        }
    }
}

/// Copies of a case's haystack among full stops, so placed that each of its hits begins at each
/// small distance before boundaries that mean something to an engine, and what must be found.
fn placed(case: &Case) -> (Vec<u8>, Vec<(usize, u32)>) {
    // A tile and a workgroup, a page, a vector, a block: (multiple of 16384) + ...
    const BOUNDARIES: [usize; 4] = [0, 4096, 8192 + 64, 12288 + 16];
    let haystack = case.haystack();
    let distances = (0..=18).chain([31, 32, 51, 52, 53]);
    let firsts: BTreeSet<usize> = case.hits.iter().map(|hit| hit.0).chain([0]).collect();
    let (mut window, mut expected) = (Vec::new(), Vec::new());
    for distance in distances {
        for first in &firsts {
            for boundary in BOUNDARIES {
                let soonest = window.len() + 1 + first + distance;
                let tiles = soonest.saturating_sub(boundary).div_ceil(16384);
                let at = tiles * 16384 + boundary - first - distance;
                window.resize(at, b'.');
                window.extend_from_slice(&haystack);
                let hits = case.hits.iter();
                expected.extend(hits.map(|(place, anchor)| (at + place, *anchor)));
            }
        }
    }
    window.push(b'.');
    (window, expected)
}

#[test]
fn boundaries_change_nothing() {
    for case in cases().iter().filter(|case| !case.edges) {
        let (window, expected) = placed(case);
        let len = window.len();
        let table = compile(case.anchors.iter().map(Anchor::spec));
        for engine in &mut engines(&table) {
            let hits = scan(engine.as_mut(), chunk(&window, 0, 0..len));
            let device = engine.device();
            assert_eq!(pairs(&hits), expected, "{}: {device}", case.name);
            // Again with bodies that begin and end anywhere, over one window and then as chunks.
            let bodies = [0, 17, 16384, 40_001, len / 2 + 3, len];
            let whole = chunk(&window, 0, 0..len);
            let mut hits = Vec::new();
            for ends in bodies.windows(2) {
                let body = ends[0].min(len)..ends[1].clamp(ends[0].min(len), len);
                hits.extend(pairs(&scan(engine.as_mut(), whole.part(body))));
            }
            assert_eq!(hits, expected, "{} in parts: {device}", case.name);
            let hits = scan_in_pieces(engine.as_mut(), &window, 50_000, table.longest as u64);
            assert_eq!(hits, expected, "{} in chunks: {device}", case.name);
        }
    }
}

/// Anchors of every kind, some inside others.
fn mixture() -> Vec<AnchorSpec> {
    let literal = |text: &str, nocase, follow: Option<&str>| AnchorSpec::Literal {
        bytes: text.as_bytes().to_vec(),
        nocase,
        follow: follow.map(|class| ByteClass::parse(class).unwrap()),
    };
    let run = |class, min, max| AnchorSpec::Run {
        class: ByteClass::parse(class).unwrap(),
        min,
        max,
    };
    vec![
        literal("ghp_", false, Some("A-Za-z0-9")),
        literal("8Q~", false, Some("a-z")),
        literal("7Q~", true, None),
        literal("AccountKey=", true, None),
        literal("-----BEGIN", false, None),
        literal("-----", false, None),
        literal("s\0e\0c\0r\0e\0t\0", true, None),
        literal("0123456789abcdef", false, None),
        run("a-z2-7", 52, 52),
        run("a-z", 31, 60),
    ]
}

/// Bytes that hold many anchors, whole and damaged, from a fixed sequence.
fn busy(len: usize) -> Vec<u8> {
    let specs = mixture();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let mut bytes = Vec::new();
    while bytes.len() < len {
        match &specs[next(specs.len())] {
            AnchorSpec::Literal { bytes: literal, .. } => {
                let mut copy = literal.clone();
                match next(4) {
                    0 => copy.make_ascii_uppercase(),
                    1 => copy[next(literal.len())] ^= 1 << next(8),
                    _ => {}
                }
                bytes.extend(copy);
            }
            AnchorSpec::Run { class, min, max } => {
                let members: Vec<u8> = class.members().collect();
                let run = *min as usize - 2 + next((max - min) as usize + 5);
                bytes.extend((0..run).map(|_| members[next(members.len())]));
            }
        }
        for _ in 0..next(40) {
            bytes.push(b"x-~ \0Q\xFFa"[next(8)]);
        }
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn chunks_of_any_size_give_the_hits_of_one() {
    let table = compile(mixture());
    let reach = table.longest as u64;
    let haystack = busy(300_000);
    let whole = scan(
        &mut Reference::new(table.clone()),
        chunk(&haystack, 0, 0..haystack.len()),
    );
    let whole = pairs(&whole);
    assert!(
        whole.len() > 3000,
        "{} hits are too few to prove much",
        whole.len()
    );
    for engine in &mut engines(&table) {
        let device = engine.device();
        for body in [1, 2, 3, 5, 15, 16, 17, 31, 63, 64, 65, 100] {
            let part = &haystack[..2000];
            let expected = scan(&mut Reference::new(table.clone()), chunk(part, 0, 0..2000));
            let hits = scan_in_pieces(engine.as_mut(), part, body, reach);
            assert_eq!(hits, pairs(&expected), "chunks of {body}: {device}");
        }
        for body in [
            4095, 4096, 4097, 16_383, 16_384, 16_385, 65_536, 100_000, 299_999, 300_000,
        ] {
            let hits = scan_in_pieces(engine.as_mut(), &haystack, body, reach);
            assert_eq!(hits, whole, "chunks of {body}: {device}");
        }
    }
}

#[test]
fn a_haystack_of_one_byte_or_one_anchor_is_scanned_in_one_go() {
    let mut specs = mixture();
    let literals = ["aaaa", "----------------", "    ", "\0\0\0\0"];
    specs.extend(literals.map(|text| AnchorSpec::Literal {
        bytes: text.as_bytes().to_vec(),
        nocase: true,
        follow: None,
    }));
    let table = compile(specs);
    for pattern in [
        "-",
        "a",
        " ",
        "\0",
        "7Q~",
        "ghp_",
        "-----BEGIN",
        "0123456789abcdef",
    ] {
        let haystack = pattern.as_bytes().repeat((1 << 20) / pattern.len());
        let mut expected = None;
        for engine in &mut engines(&table) {
            let hits = scan(engine.as_mut(), chunk(&haystack, 0, 0..haystack.len()));
            let device = engine.device();
            let expected = expected.get_or_insert_with(|| hits.clone());
            assert!(hits == *expected, "{pattern}: {device}");
        }
    }
}

#[test]
fn what_is_in_flight_can_be_taken_back() {
    let table = compile(mixture());
    for engine in &mut engines(&table) {
        assert!(engine.depth() >= 1);
        engine.submit(chunk(b"ghp_a", 7, 0..5)).unwrap();
        let back = engine.abandon();
        assert_eq!(back.len(), 1, "{}", engine.device());
        assert_eq!(back[0].at, ImageOffset(7));
        assert!(engine.collect(&mut Vec::new()).unwrap().is_none());
        assert_eq!(scan(engine.as_mut(), chunk(b"ghp_a", 7, 0..5)).len(), 1);
    }
}

/// A byte of few values, so that anchors and haystacks collide.
fn few() -> impl Strategy<Value = u8> {
    prop::sample::select(b"aAbBk-~@`\0\x1F\xE1\xFF".to_vec())
}

fn class() -> impl Strategy<Value = ByteClass> {
    prop::collection::vec(few(), 1..6)
        .prop_map(|members| ByteClass::from_fn(|byte| members.contains(&byte)))
}

fn literal() -> impl Strategy<Value = AnchorSpec> {
    let bytes = prop::collection::vec(few(), AnchorSpec::SHORTEST..=AnchorSpec::LONGEST);
    let short = prop::collection::vec(few(), AnchorSpec::SHORTEST..=5);
    (
        prop_oneof![bytes, short],
        any::<bool>(),
        prop::option::of(class()),
    )
        .prop_map(|(bytes, nocase, follow)| AnchorSpec::Literal {
            bytes,
            nocase,
            follow,
        })
}

fn run() -> impl Strategy<Value = AnchorSpec> {
    (class(), AnchorSpec::SHORTEST_RUN..70, 0..20_u32).prop_map(|(class, min, more)| {
        AnchorSpec::Run {
            class,
            min,
            max: min + more,
        }
    })
}

/// What a haystack is made of: a piece of an anchor with its case changed, one byte many times,
/// or anything.
#[derive(Clone, Debug)]
enum Stretch {
    Of(prop::sample::Index, bool),
    Same(u8, usize),
    Any(Vec<u8>),
}

fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
    let stretch = prop_oneof![
        4 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(index, flip)| Stretch::Of(index, flip)),
        1 => (few(), 1..100_usize).prop_map(|(byte, times)| Stretch::Same(byte, times)),
        2 => prop::collection::vec(few(), 0..30).prop_map(Stretch::Any),
        1 => prop::collection::vec(any::<u8>(), 0..30).prop_map(Stretch::Any),
    ];
    prop::collection::vec(stretch, 0..40)
}

fn assemble(stretches: &[Stretch], specs: &[AnchorSpec]) -> Vec<u8> {
    let mut haystack = Vec::new();
    for stretch in stretches {
        match stretch {
            Stretch::Of(index, flip) => match index.get(specs) {
                AnchorSpec::Literal { bytes, .. } if *flip => {
                    haystack.extend(bytes.iter().map(|byte| byte ^ 0x20));
                }
                AnchorSpec::Literal { bytes, .. } => haystack.extend(bytes),
                AnchorSpec::Run { class, min, .. } => {
                    let members: Vec<u8> = class.members().collect();
                    haystack.extend(members.iter().cycle().take(*min as usize));
                }
            },
            Stretch::Same(byte, times) => haystack.resize(haystack.len() + times, *byte),
            Stretch::Any(bytes) => haystack.extend(bytes),
        }
    }
    haystack
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn all_engines_agree_with_the_reference(
        literals in prop::collection::vec(literal(), 1..30),
        runs in prop::collection::vec(run(), 0..3),
        stretches in stretches(),
        lead in prop_oneof![0..70_usize, 16_300..16_400_usize],
        ends in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let specs: Vec<AnchorSpec> = literals.into_iter().chain(runs).collect();
        let mut haystack = vec![b'.'; lead];
        haystack.extend(assemble(&stretches, &specs));
        let len = haystack.len();
        let (one, other) = (ends.0.index(len + 1), ends.1.index(len + 1));
        let table = compile(specs);
        for body in [0..len, one.min(other)..one.max(other)] {
            let mut expected = None;
            for engine in &mut processor_engines(&table) {
                let hits = scan(engine.as_mut(), chunk(&haystack, 0, body.clone()));
                let expected = expected.get_or_insert_with(|| hits.clone());
                prop_assert_eq!(&hits, expected, "{}", engine.device());
            }
        }
    }

    #[test]
    fn the_reference_agrees_with_aho_and_corasick(
        literals in prop::collection::vec(literal(), 1..20),
        stretches in stretches(),
    ) {
        let haystack = assemble(&stretches, &literals);
        let set = AnchorSet::new(literals.into_iter().map(|spec| (spec, 0)));
        let mut expected = Vec::new();
        for caseless in [false, true] {
            let patterns: Vec<(u32, Vec<u8>, Option<ByteClass>)> = (0..)
                .zip(set.anchors())
                .filter_map(|(index, spec)| match spec {
                    AnchorSpec::Literal { bytes, nocase, follow } if *nocase == caseless => {
                        Some((index, bytes.clone(), *follow))
                    }
                    _ => None,
                })
                .collect();
            let automaton = AhoCorasick::builder()
                .ascii_case_insensitive(caseless)
                .build(patterns.iter().map(|pattern| &pattern.1))
                .unwrap();
            for found in automaton.find_overlapping_iter(&haystack) {
                let (anchor, _, follow) = &patterns[found.pattern().as_usize()];
                let next = haystack.get(found.end());
                if follow.is_none_or(|class| next.is_some_and(|byte| class.has(*byte))) {
                    expected.push((found.start(), *anchor));
                }
            }
        }
        expected.sort_unstable();
        let table = Arc::new(Table::compile(&set));
        let hits = scan(&mut Reference::new(table), chunk(&haystack, 0, 0..haystack.len()));
        prop_assert_eq!(pairs(&hits), expected);
    }
}
