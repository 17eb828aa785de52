//! The anchor engines side by side, beside a plain read of the same bytes, which no engine can
//! beat. Data and anchors are made from a seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

mod settings;

use std::hint::black_box;
use std::sync::Arc;

use criterion::Throughput;
use keydredge::anchor::cpu::{Cpu, Tier};
use keydredge::anchor::reference::Reference;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, Hit};
use keydredge::chunk::Chunk;
use keydredge::rule::AnchorSpec;
use keydredge::unit::ByteClass;

/// Bytes of a haystack: more than the caches hold, since a disk image is not in them either.
const LEN: usize = 64 << 20;
/// Bytes that are also given to the reference, which would take minutes for all.
const CHECKED: usize = 64 << 10;

/// Numbers that are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }

    /// A word, with the letters as common as in English.
    fn word(&mut self) -> Vec<u8> {
        const LETTERS: &[u8] = b"eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddlllluuuccmmwwffggyyppbbvk";
        let len = 2 + self.below(8);
        (0..len)
            .map(|_| LETTERS[self.below(LETTERS.len())])
            .collect()
    }
}

/// Anchors like those of a catalogue: names, some caseless, prefixes, UTF-16 forms, and a run.
fn anchors(count: usize) -> Vec<AnchorSpec> {
    const PREFIX: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut numbers = Numbers(0x5EED_0001);
    let mut specs: Vec<AnchorSpec> = (0..count)
        .map(|index| {
            let mut bytes = numbers.word();
            bytes.push(b"_=:-"[numbers.below(4)]);
            bytes.extend(numbers.word());
            bytes.extend(numbers.word());
            match index % 4 {
                0 => bytes.make_ascii_uppercase(),
                1 => bytes = bytes.iter().flat_map(|byte| [*byte, 0]).collect(),
                2 => {
                    bytes = (0..4)
                        .map(|_| PREFIX[numbers.below(PREFIX.len())])
                        .collect();
                    bytes.push(b'_');
                }
                _ => {}
            }
            bytes.truncate(AnchorSpec::LONGEST);
            AnchorSpec::Literal {
                bytes,
                nocase: index % 3 == 0,
                follow: None,
            }
        })
        .collect();
    specs.push(AnchorSpec::Run {
        class: ByteClass::parse("a-z2-7").unwrap(),
        min: 52,
        max: 52,
    });
    specs
}

/// Words and punctuation.
fn text(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(0x5EED_0002);
    let mut bytes = Vec::with_capacity(len + 16);
    while bytes.len() < len {
        bytes.extend(numbers.word());
        bytes.push(b"       \n_=.-"[numbers.below(12)]);
    }
    bytes.truncate(len);
    bytes
}

/// Small numbers among zeros, and stretches of anything.
fn binary(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(0x5EED_0003);
    let mut bytes = Vec::with_capacity(len + 256);
    while bytes.len() < len {
        let anything = numbers.below(2) == 0;
        for _ in 0..64 + numbers.below(128) {
            let byte = numbers.below(256) as u8;
            let zero = !anything && numbers.below(3) > 0;
            bytes.push(if zero { 0 } else { byte });
        }
    }
    bytes.truncate(len);
    bytes
}

/// Text and binary in turns of a page.
fn mixed(len: usize) -> Vec<u8> {
    let pages =
        |bytes: Vec<u8>| -> Vec<Vec<u8>> { bytes.chunks(4096).map(<[u8]>::to_vec).collect() };
    let pairs = pages(text(len / 2)).into_iter().zip(pages(binary(len / 2)));
    pairs
        .flat_map(|(one, other)| [one, other].concat())
        .collect()
}

fn scan(engine: &mut dyn Engine, chunk: &Chunk, hits: &mut Vec<Hit>) {
    engine.submit(chunk.clone()).unwrap();
    engine.collect(hits).unwrap().unwrap();
}

/// Every word of the haystack once.
fn read(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(0, u64::wrapping_add)
}

fn main() {
    let mut criterion = settings::criterion(1);
    for (name, bytes) in [
        ("mixed", mixed(LEN)),
        ("text", text(LEN)),
        ("binary", binary(LEN)),
    ] {
        let chunk = Chunk::of(&bytes, 0..bytes.len());
        for count in [80, 2000] {
            let specs = anchors(count).into_iter().map(|spec| (spec, 0));
            let table = Arc::new(Table::compile(&AnchorSet::new(specs)));
            let mut group = criterion.benchmark_group(format!("{name}/{count} anchors"));
            group.throughput(Throughput::Bytes(LEN as u64));
            group.bench_function("plain read", |bencher| {
                bencher.iter(|| read(black_box(&chunk.window)));
            });
            let (mut expected, mut sample) = (None, Vec::new());
            scan(
                &mut Reference::new(table.clone()),
                &chunk.part(0..CHECKED),
                &mut sample,
            );
            for tier in Tier::available() {
                let mut engine = Cpu::with_tier(table.clone(), tier).unwrap();
                let mut hits = Vec::new();
                scan(&mut engine, &chunk, &mut hits);
                // Engines that find different things are not worth comparing.
                assert!(
                    hits.starts_with(&sample),
                    "{tier} differs from the reference"
                );
                assert_eq!(*expected.get_or_insert(hits.len()), hits.len(), "{tier}");
                group.bench_function(tier.to_string(), |bencher| {
                    bencher.iter(|| scan(&mut engine, &chunk, &mut hits));
                });
            }
            group.finish();
        }
    }
    criterion.final_summary();
}
