//! The whole catalogue over texts in memory: what a scan would find in them, without a process.

use std::sync::{Arc, OnceLock};

use keydredge::anchor::cpu::Cpu;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine};
use keydredge::chunk::Chunk;
use keydredge::confirm::overlap::Resolver;
use keydredge::confirm::{Confirmed, Confirmer};
use keydredge::rule::load::catalogue;
use keydredge::rule::{RuleSet, Variant};

/// The engine and the rules, made once: compiling them takes longer than a test.
pub struct Texts {
    engine: Cpu,
    confirmer: Confirmer,
}

impl Texts {
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Texts> = OnceLock::new();
        SHARED.get_or_init(|| {
            let rules = Arc::new(catalogue().unwrap());
            let anchors = Arc::new(AnchorSet::of_rules(&rules));
            Self {
                engine: Cpu::new(Arc::new(Table::compile(&anchors))),
                confirmer: Confirmer::new(rules, anchors).unwrap(),
            }
        })
    }

    pub fn rules(&self) -> &RuleSet {
        self.confirmer.rules()
    }

    /// Everything that any rule confirms, suppressed ones and copies included.
    pub fn confirmed(&self, text: &[u8]) -> Vec<Confirmed> {
        let chunk = Chunk::of(text, 0..text.len());
        let mut engine = self.engine.for_thread();
        let (mut hits, mut found) = (Vec::new(), Vec::new());
        engine.submit(chunk).unwrap();
        let chunk = engine.collect(&mut hits).unwrap().unwrap();
        self.confirmer.confirm(&chunk, &hits, &mut found);
        found
    }

    /// The best of what overlaps, as a scan would report it; suppressed ones included.
    pub fn resolved(&self, text: &[u8]) -> Vec<Confirmed> {
        Resolver::default().push(self.confirmed(text), u64::MAX, self.rules())
    }

    pub fn variant(&self, found: &Confirmed) -> &Variant {
        &self.rules().variants[found.variant]
    }

    /// The id of the type.
    pub fn type_of(&self, found: &Confirmed) -> &str {
        &self.rules().type_of(self.variant(found)).id
    }
}
