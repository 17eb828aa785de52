//! The GPU engine against the reference, on whatever adapter there is: here the software one will
//! do. A machine without any fails these tests; it must not pass by skipping them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use keydredge::anchor::gpu::device::{self, Choice};
use keydredge::anchor::gpu::{Config, Gpu};
use keydredge::anchor::reference::Reference;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, EngineError, Hit};
use keydredge::chunk::Chunk;
use keydredge::rule::AnchorSpec;
use keydredge::unit::ByteClass;
use proptest::prelude::*;

fn literal(bytes: &[u8], nocase: bool, follow: Option<&str>) -> AnchorSpec {
    AnchorSpec::Literal {
        bytes: bytes.to_vec(),
        nocase,
        follow: follow.map(|class| ByteClass::parse(class).unwrap()),
    }
}

fn run(class: &str, min: u32, max: u32) -> AnchorSpec {
    AnchorSpec::Run {
        class: ByteClass::parse(class).unwrap(),
        min,
        max,
    }
}

fn compile(specs: &[AnchorSpec]) -> Arc<Table> {
    let named = specs.iter().cloned().map(|spec| (spec, 0));
    Arc::new(Table::compile(&AnchorSet::new(named)))
}

/// Literals of every length and rule, some of them parts of others, and runs of few and of many
/// ranges.
fn mixed() -> Arc<Table> {
    compile(&[
        literal(b"abc", false, Some("a-c")),
        literal(b"cab", false, None),
        literal(b"abca", false, None),
        literal(b"bCaB", true, None),
        literal(b"a\0b\0c\0", false, None),
        literal(b"-----BEGIN ", false, None),
        literal(b"accountkey=", true, None),
        literal(b"0123456789abcdef", false, None),
        literal(b"0123456789abcdef", false, Some("a-f")),
        literal(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", false, None),
        literal(b"c\0\0", false, None),
        literal(b"\xFF\xFE\xFD", false, None),
        run("a-c", 31, 40),
        run("a-z2-7", 52, 52),
        run("acegikmoqsuwy0-9", 31, 64),
    ])
}

fn gpu(table: &Arc<Table>, config: Config) -> Gpu {
    let adapter = device::choose(&Choice::Any).unwrap_or_else(|error| {
        panic!(
            "{error}. These tests need a Vulkan, Metal or DirectX 12 driver; a software one such \
             as Mesa's lavapipe (Debian package mesa-vulkan-drivers) will do"
        )
    });
    let gpu = Gpu::new(Arc::clone(table), &adapter, config).unwrap();
    println!("adapter: {}", gpu.device());
    gpu
}

fn small(ring: usize) -> Config {
    Config {
        ring,
        max_chunk: 1 << 16,
        hit_capacity: 1 << 14,
        ..Config::default()
    }
}

fn chunk(sequence: u64, window: &[u8], body: Range<usize>) -> Chunk {
    Chunk {
        sequence,
        ..Chunk::of(window, body)
    }
}

fn reference(table: &Arc<Table>, chunk: &Chunk) -> Vec<Hit> {
    let mut engine = Reference::new(Arc::clone(table));
    let mut hits = Vec::new();
    engine.submit(chunk.clone()).unwrap();
    engine.collect(&mut hits).unwrap();
    hits
}

/// Sends all chunks through the engine, as many in flight as it allows, and compares each with
/// the reference. Returns how many hits there were.
fn compare(gpu: &mut Gpu, table: &Arc<Table>, chunks: &[Chunk]) -> usize {
    let mut hits = Vec::new();
    let mut total = 0;
    let mut collected = 0;
    for sent in 0..chunks.len() + gpu.depth() {
        if sent >= gpu.depth() {
            let back = gpu.collect(&mut hits).unwrap();
            let Some(expected) = chunks.get(collected) else {
                break;
            };
            collected += 1;
            let body = expected.body.clone();
            assert_eq!(
                back.map(|chunk| (chunk.sequence, chunk.body)),
                Some((expected.sequence, body.clone()))
            );
            let right = reference(table, expected);
            let window = expected.window.len();
            assert_eq!(hits, right, "body {body:?} of a window of {window} bytes");
            total += hits.len();
        }
        if let Some(chunk) = chunks.get(sent) {
            gpu.submit(chunk.clone()).unwrap();
        }
    }
    assert_eq!(collected, chunks.len());
    assert!(gpu.collect(&mut hits).unwrap().is_none());
    total
}

/// Bytes from a small alphabet, so that anchors, near misses and runs are common.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let alphabet = b"abcabcABC\0c=\xFF\xFE\xFD-5";
    let mut bytes = Vec::with_capacity(len + 64);
    while bytes.len() < len {
        let draw = next();
        let repeat = (draw >> 32) as usize % 60;
        match draw % 40 {
            0 => bytes.extend_from_slice(b"0123456789abcdef"),
            1 => bytes.extend_from_slice(b"0123456789ABCDEFGHIJKLMNOPQRSTUV"),
            2 => bytes.extend_from_slice(b"AccountKEY="),
            3 => bytes.extend(std::iter::repeat_n(b'a', repeat)),
            4 => bytes.extend((0..repeat).map(|index| b"ac2e"[index % 4])),
            other => bytes.push(alphabet[other as usize % alphabet.len()]),
        }
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn an_anchor_is_found_at_every_offset_around_every_border() {
    let table = mixed();
    let mut gpu = gpu(&table, small(3));
    let len = 16384 + 4096 + 40;
    let anchors: [&[u8]; 5] = [
        b"abca",
        b"0123456789abcdef",
        b"AccountKey=",
        b"0123456789ABCDEFGHIJKLMNOPQRSTUV",
        b"abcabcabcabcabcabcabcabcabcabca",
    ];
    let mut chunks = Vec::new();
    for (index, anchor) in anchors.iter().enumerate() {
        for border in [0, 4, 16, 4096, 16384, len - anchor.len()] {
            for shift in 0..=34 {
                let at = (border + shift).saturating_sub(17);
                if at + anchor.len() > len {
                    continue;
                }
                let mut window = vec![b' '; len];
                window[at..at + anchor.len()].copy_from_slice(anchor);
                // The body begins at the window, or after a margin that moves every border.
                let body = [0..len, 3..len, 17..len - 5][(index + shift) % 3].clone();
                chunks.push(chunk(chunks.len() as u64, &window, body));
            }
        }
    }
    let hits = compare(&mut gpu, &table, &chunks);
    assert!(hits > chunks.len() / 2, "{hits} hits");
}

#[test]
fn an_anchor_belongs_to_the_body_it_begins_in_wherever_the_cut_is() {
    let table = mixed();
    let mut gpu = gpu(&table, small(2));
    let mut window = noise(5, 3000);
    window[1420..1452].copy_from_slice(b"0123456789ABCDEFGHIJKLMNOPQRSTUV");
    window[1454..1486].copy_from_slice(b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb!");
    let mut chunks = Vec::new();
    for cut in 1400..1500 {
        chunks.push(chunk(0, &window, 0..cut));
        chunks.push(chunk(1, &window, cut..window.len()));
    }
    let parts = compare(&mut gpu, &table, &chunks);
    let once = reference(&table, &chunk(0, &window, 0..window.len())).len();
    assert_eq!(parts, once * 100);
}

#[test]
fn bodies_of_no_byte_and_of_one_byte_are_scanned() {
    let table = mixed();
    let mut gpu = gpu(&table, small(4));
    let window = b"  abca cab";
    let mut chunks = vec![chunk(0, b"", 0..0), chunk(1, b"a", 0..1)];
    for start in 0..window.len() {
        chunks.push(chunk(2, window, start..start));
        chunks.push(chunk(3, window, start..start + 1));
    }
    assert_eq!(compare(&mut gpu, &table, &chunks), 3);
}

#[test]
fn a_table_without_literals_or_without_runs_or_with_nothing_works() {
    let window = noise(9, 40_000);
    let whole = [chunk(0, &window, 0..window.len())];
    for specs in [
        vec![],
        vec![run("a-z", 31, 60)],
        vec![literal(b"abca", false, None)],
    ] {
        let table = compile(&specs);
        let hits = compare(&mut gpu(&table, small(1)), &table, &whole);
        assert_eq!(hits == 0, specs.is_empty());
    }
}

#[test]
fn no_hit_is_lost_when_the_hit_buffer_is_too_small() {
    let table = mixed();
    let window = noise(77, 500_000);
    let chunks: Vec<Chunk> = [0..500_000, 5..499_000, 100_001..100_002]
        .into_iter()
        .map(|body| chunk(0, &window, body))
        .collect();
    let mut sparse = vec![b' '; 300_000];
    sparse[200_000..200_004].copy_from_slice(b"abca");
    let sparse = [chunk(0, &sparse, 0..300_000)];
    for (hit_capacity, first_hits) in [(1, 1), (2000, 1), (1 << 18, 10), (1 << 18, 1 << 18)] {
        let config = Config {
            max_chunk: 1 << 19,
            hit_capacity,
            first_hits,
            ..small(3)
        };
        let mut gpu = gpu(&table, config);
        let hits = compare(&mut gpu, &table, &chunks);
        assert!(
            hits > 8 * 2000,
            "too few to overflow parts of 64 KiB: {hits}"
        );
        let timings = gpu.timings();
        assert_eq!(timings.overflow_dispatches > 0, hit_capacity < 1 << 18);
        assert_eq!(timings.host_bytes > 0, hit_capacity < 1 << 18);
        compare(&mut gpu, &table, &sparse);
    }
}

#[test]
fn a_body_longer_than_the_longest_chunk_is_scanned_in_pieces() {
    let table = mixed();
    let config = Config {
        max_chunk: 1000,
        ..small(3)
    };
    let mut gpu = gpu(&table, config);
    let mut window = noise(3, 5000);
    // Runs across the borders between pieces, one of them the whole of two pieces.
    window[980..1015].fill(b'a');
    window[1990..4010].fill(b'b');
    let chunks = [0..5000, 30..4999, 999..1001, 0..5000].map(|body| chunk(4, &window, body));
    assert!(compare(&mut gpu, &table, &chunks) > 0);
}

#[test]
fn a_long_run_is_one_result_and_no_hit_if_it_is_too_long() {
    let table = mixed();
    let mut gpu = gpu(&table, small(1));
    let mut window = vec![b'a'; 60_000];
    window[30_000..30_002].fill(b'!');
    let chunks = [0..60_000, 29_000..60_000, 30_001..30_003].map(|body| chunk(0, &window, body));
    compare(&mut gpu, &table, &chunks);
    let runs = compile(&[run("a-c", 31, 40)]);
    let config = Config {
        hit_capacity: 2,
        ..small(1)
    };
    let mut gpu = self::gpu(&runs, config);
    compare(&mut gpu, &runs, &chunks);
    let timings = gpu.timings();
    assert_eq!((timings.overflow_dispatches, timings.host_bytes), (0, 0));
}

#[test]
fn survivors_that_find_the_queue_full_are_compared_at_once() {
    let table = mixed();
    let config = Config {
        hit_capacity: 1 << 17,
        ..small(1)
    };
    let mut gpu = gpu(&table, config);
    // Sixteen thousand survivors in each workgroup, whose queue holds a thousand.
    let window = b"abca".repeat(10_000);
    let hits = compare(&mut gpu, &table, &[chunk(0, &window, 0..window.len())]);
    assert!(hits > window.len() / 4, "{hits}");
    assert_eq!(gpu.timings().host_bytes, 0);
}

#[test]
fn the_shader_compares_literals_to_their_end() {
    let table = compile(&[
        literal(b"abc", false, None),
        literal(b"0123456789abcdef", true, None),
        literal(b"cab=", false, None),
    ]);
    let mut gpu = gpu(&table, small(1));
    let window = noise(12, 60_000);
    assert!(compare(&mut gpu, &table, &[chunk(0, &window, 0..60_000)]) > 100);
    assert_eq!(gpu.timings().refused, 0);
}

#[test]
fn the_device_times_its_kernels_only_when_it_is_asked_to() {
    let table = mixed();
    let window = noise(5, 60_000);
    for timed in [false, true] {
        let config = Config { timed, ..small(3) };
        let mut gpu = gpu(&table, config);
        let started = std::time::Instant::now();
        compare(&mut gpu, &table, &[chunk(0, &window, 0..60_000)]);
        let kernel = gpu.timings().kernel;
        assert_eq!(kernel.is_some(), timed);
        let kernel = kernel.unwrap_or_default();
        assert_eq!(kernel > Duration::ZERO, timed);
        assert!(kernel < started.elapsed(), "{kernel:?}");
        assert_eq!(gpu.parts().unwrap().by_device, timed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_gpu_finds_what_the_reference_finds(
        seed in any::<u64>(),
        ring in 1_usize..=4,
        specs in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(b"abcABC\0=-".to_vec()), 3..20), any::<bool>(), any::<bool>()),
            1..40,
        ),
        cuts in prop::collection::vec((0_usize..9000, 0_usize..9000), 1..6),
    ) {
        let mut specs: Vec<AnchorSpec> = specs
            .into_iter()
            .map(|(bytes, nocase, follow)| literal(&bytes, nocase, follow.then_some("a-cA-C")))
            .collect();
        specs.push(run("a-c", 31, 50));
        let table = compile(&specs);
        let window = noise(seed, 9000);
        let chunks: Vec<Chunk> = cuts
            .into_iter()
            .map(|(one, other)| chunk(seed, &window, one.min(other)..one.max(other)))
            .collect();
        compare(&mut gpu(&table, small(ring)), &table, &chunks);
    }
}

#[test]
fn a_lost_device_gives_back_every_chunk_in_order() {
    let table = mixed();
    let window = noise(1, 20_000);
    let mut gpu = gpu(
        &table,
        Config {
            lose_after: Some(4),
            ..small(3)
        },
    );
    let mut hits = Vec::new();
    let mut done = Vec::new();
    let mut sent = 0;
    let error = loop {
        if sent >= 3 {
            match gpu.collect(&mut hits) {
                Ok(back) => {
                    let back = back.unwrap();
                    assert_eq!(hits, reference(&table, &back));
                    done.push(back.sequence);
                }
                Err(error) => break error,
            }
        }
        sent += 1;
        assert!(sent < 10, "the device was never lost");
        if let Err(error) = gpu.submit(chunk(sent, &window, 0..20_000)) {
            break error;
        }
    };
    assert!(matches!(error, EngineError::Lost(_)), "{error}");
    assert!(gpu.timings().dispatches >= 4);
    let again = gpu.collect(&mut hits);
    assert!(matches!(again, Err(EngineError::Lost(_))));
    done.extend(gpu.abandon().into_iter().map(|chunk| chunk.sequence));
    assert_eq!(done, (1..=sent).collect::<Vec<u64>>());
    // It stays lost, and still gives back what it is handed.
    assert!(gpu.submit(chunk(77, &window, 0..1)).is_err());
    assert_eq!(gpu.abandon().len(), 1);
    assert!(gpu.abandon().is_empty());
}

#[test]
fn a_device_that_does_not_answer_in_time_is_lost() {
    let table = mixed();
    let config = Config {
        max_chunk: 4 << 20,
        timeout: Duration::ZERO,
        ..small(1)
    };
    let mut gpu = gpu(&table, config);
    let window = vec![0; 4 << 20];
    let mut hits = Vec::new();
    // A device may happen to be done before it is asked, but not every time.
    for _ in 0..20 {
        gpu.submit(chunk(0, &window, 0..window.len())).unwrap();
        if let Err(error) = gpu.collect(&mut hits) {
            assert!(error.to_string().contains("did not answer"), "{error}");
            assert_eq!(gpu.abandon().len(), 1);
            return;
        }
    }
    panic!("no time at all was always enough");
}

#[test]
fn an_engine_works_on_after_chunks_were_abandoned() {
    let table = mixed();
    let mut gpu = gpu(&table, small(3));
    let window = noise(8, 50_000);
    for sequence in 0..2 {
        gpu.submit(chunk(sequence, &window, 0..50_000)).unwrap();
    }
    let back: Vec<u64> = gpu.abandon().iter().map(|chunk| chunk.sequence).collect();
    assert_eq!(back, [0, 1]);
    let chunks: Vec<Chunk> = (0..5)
        .map(|sequence| chunk(sequence, &window, 0..40_000))
        .collect();
    compare(&mut gpu, &table, &chunks);
}

#[test]
fn settings_that_cannot_work_are_refused_with_a_sentence() {
    let table = mixed();
    let adapter = device::choose(&Choice::Any).unwrap();
    for (config, expected) in [
        (small(5), "5 chunks in flight, expected 1 to 4"),
        (
            Config {
                max_chunk: 1 << 30,
                ..small(1)
            },
            "chunks of 1073741824 bytes, expected 1 to 67108864",
        ),
        (
            Config {
                hit_capacity: 0,
                ..small(1)
            },
            "a hit buffer of 0 entries, expected 1 to 16777214",
        ),
    ] {
        let error = Gpu::new(Arc::clone(&table), &adapter, config)
            .err()
            .unwrap();
        assert_eq!(error.to_string(), format!("no usable GPU: {expected}"));
    }
}
