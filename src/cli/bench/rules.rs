//! What each rule costs: an anchor that occurs everywhere, or a pattern that looks far, shows here.
//!
//! The hits of a chunk are put together by rule, so that the clock is read twice for each rule and
//! chunk and not around every hit, which would cost about as much as many a hit.

use std::time::{Duration, Instant};

use super::{MIB, Subject, rounded};
use crate::anchor::cpu::Cpu;
use crate::anchor::{Engine, Hit, User};
use crate::cli::exit::Failure;
use crate::cli::scan::CPU_CHUNK;
use crate::confirm::Tally;
use crate::graph::grid::Grid;
use crate::unit::human_bytes;

/// What one rule, or all of them, did.
#[derive(Clone, Default)]
struct Cost {
    hits: u64,
    candidates: u64,
    confirmed: u64,
    time: Duration,
}

pub(super) fn measure(subject: &Subject) -> Result<(String, Grid), Failure> {
    let confirmer = &subject.confirmer;
    let rules = confirmer.rules();
    let mut engine = Cpu::new(std::sync::Arc::clone(&subject.table));
    let mut costs = vec![Cost::default(); rules.variants.len()];
    let mut all = Cost::default();
    let mut hits: Vec<Hit> = Vec::new();
    let mut by_rule: Vec<Vec<(Hit, User)>> = vec![Vec::new(); rules.variants.len()];
    for chunk in subject.chunks(subject.len(), CPU_CHUNK) {
        engine.submit(chunk)?;
        let Some(chunk) = engine.collect(&mut hits)? else {
            continue;
        };
        all.hits += hits.len() as u64;
        for hit in &hits {
            for user in confirmer.anchors().users(hit.anchor) {
                by_rule[user.variant].push((*hit, *user));
            }
        }
        for (pairs, cost) in by_rule.iter_mut().zip(&mut costs) {
            if pairs.is_empty() {
                continue;
            }
            let mut tally = Tally::default();
            let mut confirmed = 0;
            let started = Instant::now();
            for (hit, user) in pairs.iter() {
                let found = confirmer.confirm_hit(&chunk, *hit, *user, &mut tally);
                confirmed += u64::from(found.is_some());
            }
            cost.time += started.elapsed();
            cost.hits += pairs.len() as u64;
            cost.candidates += tally.candidates;
            cost.confirmed += confirmed;
            pairs.clear();
        }
    }
    for cost in &costs {
        all.candidates += cost.candidates;
        all.confirmed += cost.confirmed;
        all.time += cost.time;
    }
    let heading = format!(
        "{} of {}, {} rules. A hit counts for each rule that its anchor may begin; `all` counts it \
         once.",
        human_bytes(subject.len()),
        subject.label,
        rules.variants.len()
    );
    let named = rules.variants.iter().map(|variant| {
        let id = rules.type_of(variant).id.as_str();
        (id, variant.name.as_str())
    });
    let mut rows: Vec<((&str, &str), Cost)> =
        named.zip(costs).filter(|(_, cost)| cost.hits > 0).collect();
    rows.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.time));
    rows.insert(0, (("all", ""), all));
    let mut grid = Grid::of(&[
        "type",
        "variant",
        "hits",
        "candidates",
        "confirmed",
        "ms",
        "ns_mib",
    ]);
    grid.rows
        .extend(rows.into_iter().map(|((id, variant), cost)| {
            let nanos = cost.time.as_secs_f64() * 1e9;
            vec![
                id.into(),
                variant.into(),
                cost.hits.into(),
                cost.candidates.into(),
                cost.confirmed.into(),
                rounded(nanos / 1e6),
                rounded(nanos * MIB / subject.len() as f64),
            ]
        }));
    Ok((heading, grid))
}
