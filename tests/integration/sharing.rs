//! Several devices and the cores beside them on one queue: what is found, and in which order, must
//! not depend on who searched what, nor on who failed.

use std::sync::Arc;

use keydredge::anchor::cpu::Cpu;
use keydredge::anchor::gpu::device::{self, Choice};
use keydredge::anchor::gpu::{Config, Gpu};
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, EngineError, Hit};
use keydredge::chunk::Chunk;
use keydredge::confirm::Confirmer;
use keydredge::finding::fingerprint::Key;
use keydredge::rule::load::catalogue;
use keydredge::scan::choice::Engines;
use keydredge::scan::input::{Input, Treatment};
use keydredge::scan::{self, Deployments, Outcome, Plan, Progress};
use keydredge::specimen::disk;

/// Searches on the processor but behaves like a device: several chunks are in flight, and it is
/// lost after some.
struct Device {
    cpu: Cpu,
    waiting: Vec<Chunk>,
    depth: usize,
    /// How many chunks it still gives back.
    left: usize,
}

impl Engine for Device {
    fn name(&self) -> &'static str {
        "device"
    }

    fn device(&self) -> String {
        format!("device of depth {}", self.depth)
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn submit(&mut self, chunk: Chunk) -> Result<(), EngineError> {
        self.waiting.push(chunk);
        Ok(())
    }

    fn collect(&mut self, hits: &mut Vec<Hit>) -> Result<Option<Chunk>, EngineError> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        if self.left == 0 {
            return Err(EngineError::Lost("it was unplugged".to_owned()));
        }
        self.left -= 1;
        self.cpu.submit(self.waiting.remove(0))?;
        self.cpu.collect(hits)
    }

    fn abandon(&mut self) -> Vec<Chunk> {
        std::mem::take(&mut self.waiting)
    }
}

/// A disk, the rules, and the scan of it with whatever engines.
struct Desk {
    folder: tempfile::TempDir,
    anchors: Arc<AnchorSet>,
    table: Arc<Table>,
    confirmer: Confirmer,
}

impl Desk {
    /// The demo disk: secrets of many kinds, far apart.
    fn new() -> Self {
        Self::with(&disk::build("sharing", disk::DEMO_LEN).unwrap().0)
    }

    /// What lies around the same secrets, close together: a software adapter takes seconds for the
    /// disk.
    fn dense() -> Self {
        let (disk, truth) = disk::build("sharing", disk::DEMO_LEN).unwrap();
        let mut bytes = Vec::new();
        for row in truth {
            let start = usize::try_from(row.offset).unwrap() - 200;
            let len = usize::try_from(row.length).unwrap() + 400;
            bytes.extend_from_slice(&disk[start..start + len]);
            bytes.resize(bytes.len() + 90_000, b'\n');
        }
        Self::with(&bytes)
    }

    fn with(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("disk.img"), bytes).unwrap();
        let rules = Arc::new(catalogue().unwrap());
        let anchors = Arc::new(AnchorSet::of_rules(&rules).with_magics());
        let table = Arc::new(Table::compile(&anchors));
        let confirmer = Confirmer::new(rules, Arc::clone(&anchors)).unwrap();
        Self {
            folder,
            anchors,
            table,
            confirmer,
        }
    }

    /// What a scan finds, as it would be written, and how it ended.
    fn scan(&self, engines: Engines, chunk: u64) -> (Vec<String>, Outcome) {
        let disk = self.folder.path().join("disk.img");
        let plan = Plan {
            inputs: vec![Input::open(&disk, Treatment::Image).unwrap()],
            confirmer: self.confirmer.clone(),
            table: Arc::clone(&self.table),
            anchors: self.anchors.anchors().len(),
            threads: 2,
            chunk,
            range: 0..u64::MAX,
            key: Key::from_bytes([7; 32]),
            reveal: false,
            include_suppressed: true,
            max_depth: 4,
            deployments: Deployments::No,
        };
        let mut found = Vec::new();
        let mut report = |finding| {
            found.push(serde_json::to_string(&finding).unwrap());
            Ok(())
        };
        let outcome = scan::run(&plan, engines, &Progress::default(), &mut report).unwrap();
        assert!(outcome.summary.complete, "{:?}", outcome.summary);
        (found, outcome)
    }

    fn device(&self, depth: usize, left: usize) -> Box<dyn Engine> {
        Box::new(Device {
            cpu: Cpu::new(Arc::clone(&self.table)),
            waiting: Vec::new(),
            depth,
            left,
        })
    }

    fn gpu(&self, config: Config) -> Box<dyn Engine> {
        let adapter = device::choose(&Choice::Any).unwrap();
        Box::new(Gpu::new(Arc::clone(&self.table), &adapter, config).unwrap())
    }

    fn alone(&self) -> Vec<String> {
        let (found, outcome) = self.scan(Engines::of(Vec::new(), &self.table, false), 1 << 20);
        assert!(found.len() >= 10, "{} findings", found.len());
        assert_eq!(outcome.summary.engine, "cpu");
        found
    }
}

#[test]
fn devices_of_any_number_that_fail_at_any_time_change_nothing() {
    let desk = Desk::new();
    let expected = desk.alone();
    let never = usize::MAX;
    for devices in [
        vec![(1, never)],
        vec![(3, 0)],
        vec![(2, 1), (4, never)],
        vec![(3, 2), (1, 0), (2, 3)],
    ] {
        for chunk in [64 << 10, 1 << 20, 64 << 20] {
            for shared in [false, true] {
                let of = |(depth, left): &(usize, usize)| desk.device(*depth, *left);
                let engines = devices.iter().map(of).collect();
                let engines = Engines::of(engines, &desk.table, shared);
                let (found, outcome) = desk.scan(engines, chunk);
                let what = format!("devices {devices:?}, chunk {chunk}, shared {shared}");
                assert_eq!(found, expected, "{what}");
                assert_eq!(outcome.summary.engine, "device", "{what}");
                // Nobody asked for the device by name, so that its loss is no error.
                assert!(outcome.engine_error.is_none(), "{what}");
            }
        }
    }
}

#[test]
fn cores_that_have_nothing_to_confirm_search_what_waits_for_a_device() {
    let desk = Desk::new();
    // It takes chunks and gives none back before the source has no more.
    let slow = desk.device(1000, usize::MAX);
    let (found, outcome) = desk.scan(Engines::of(vec![slow], &desk.table, true), 1 << 20);
    assert_eq!(found, desk.alone());
    let device = outcome.summary.adapter;
    assert!(device.starts_with("device of depth 1000, "), "{device}");
    assert!(device.ends_with(" on idle cores"), "{device}");
}

#[test]
fn a_gpu_finds_the_same_with_any_ring_chunk_and_company() {
    let desk = Desk::dense();
    let expected = desk.alone();
    for (ring, lose_after) in [(1, None), (2, Some(2)), (3, None), (4, Some(1))] {
        for chunk in [1 << 20, 4 << 20, 64 << 20] {
            for shared in [false, true] {
                let config = Config {
                    ring,
                    lose_after,
                    max_chunk: usize::try_from(chunk).unwrap().min(Config::LONGEST_CHUNK),
                    ..Config::default()
                };
                let engines = Engines::of(vec![desk.gpu(config)], &desk.table, shared);
                let (found, _) = desk.scan(engines, chunk);
                let what = format!("ring {ring}, chunk {chunk}, shared {shared}");
                assert_eq!(found, expected, "{what}, lost after {lose_after:?}");
            }
        }
    }
}
