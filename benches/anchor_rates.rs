//! How often every anchor of the catalogue occurs in a corpus, and how often a rule's pattern
//! matches there: the numbers by which anchors are chosen.
//!
//! An anchor costs the engine a little wherever it occurs and the confirm stage a regex, so of the
//! literals that a rule allows the rarest on real disks is the right one. Rarity is measured, not
//! guessed: run this over a system's own files before and after changing a rule.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, process};

use keydredge::anchor::cpu::Cpu;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine, Hit};
use keydredge::chunk::cut::Cut;
use keydredge::chunk::{Beyond, Bytes, Chunk, Origin};
use keydredge::confirm::{Confirmer, Tally};
use keydredge::image::{ExtentKind, Image, tree};
use keydredge::rule::load::catalogue;
use keydredge::rule::{AnchorSpec, RuleSet};
use keydredge::unit::{ImageOffset, human_bytes};

/// Length of a chunk's body, in bytes: hits and bytes stay in the cache.
const BODY: u64 = 256 << 10;

fn main() {
    let mut paths: Vec<String> = env::args().skip(1).collect();
    let rules_too = paths.iter().any(|path| path == "--rules");
    paths.retain(|path| path != "--rules");
    if paths.is_empty() || paths.iter().any(|path| path.starts_with('-')) {
        fail("expected files or directories");
    }
    let outcome = catalogue()
        .map_err(|error| error.to_string())
        .and_then(|rules| measure(&paths, &Arc::new(rules), rules_too));
    if let Err(error) = outcome {
        fail(&error);
    }
}

fn measure(paths: &[String], rules: &Arc<RuleSet>, rules_too: bool) -> Result<(), String> {
    let anchors = AnchorSet::of_rules(rules);
    let reach = rules.widest_reach();
    let cut = Cut {
        body: BODY,
        before: reach.before.into(),
        after: reach.after.into(),
    };
    let mut engine = Cpu::new(Arc::new(Table::compile(&anchors)));
    let mut counts = vec![0_u64; anchors.anchors().len()];
    let mut trials = if rules_too {
        Some(Trials::new(rules)?)
    } else {
        None
    };
    let mut read = 0;
    for path in paths {
        each_chunk(Path::new(path), cut, |chunk| {
            read += chunk.body.len() as u64;
            if let Some(trials) = &mut trials {
                trials.run(&chunk)?;
            }
            let (_, hits) = search(&mut engine, chunk)?;
            for hit in hits {
                counts[hit.anchor.index()] += 1;
            }
            Ok(())
        })?;
    }
    let mib = (read as f64 / f64::from(1 << 20)).max(f64::MIN_POSITIVE);
    print(rules, &anchors, &counts, mib, trials.as_ref()).map_err(|error| error.to_string())
}

/// Every rule alone, on the hits of one engine.
struct Trials {
    engine: Cpu,
    /// Name, confirmer of that variant alone, and what it did.
    rules: Vec<(String, Confirmer, Tally)>,
}

impl Trials {
    fn new(rules: &Arc<RuleSet>) -> Result<Self, String> {
        // All confirmers number the anchors alike; each knows itself as variant 0 and the others
        // as one that does not exist.
        let numbered = |own: usize| {
            let named = rules
                .variants
                .iter()
                .enumerate()
                .flat_map(move |(index, variant)| {
                    let user = if index == own { 0 } else { usize::MAX };
                    variant
                        .anchors
                        .iter()
                        .map(move |anchor| (anchor.clone(), user))
                });
            AnchorSet::new(named)
        };
        let alone = rules.variants.iter().enumerate().map(|(index, variant)| {
            let secret_type = rules.type_of(variant);
            let mut own = rules.select(|other| other.id == secret_type.id);
            own.variants.retain(|other| other.name == variant.name);
            let name = format!("{}/{}", secret_type.id, variant.name);
            let confirmer = Confirmer::new(Arc::new(own), Arc::new(numbered(index)))
                .map_err(|error| error.to_string())?;
            Ok((name, confirmer, Tally::default()))
        });
        Ok(Self {
            engine: Cpu::new(Arc::new(Table::compile(&numbered(usize::MAX)))),
            rules: alone.collect::<Result<_, String>>()?,
        })
    }

    fn run(&mut self, chunk: &Chunk) -> Result<(), String> {
        let whole = chunk.part(chunk.body.clone());
        let (chunk, hits) = search(&mut self.engine, whole)?;
        let mut found = Vec::new();
        for (_, confirmer, tally) in &mut self.rules {
            tally.add(confirmer.confirm(&chunk, &hits, &mut found));
            found.clear();
        }
        Ok(())
    }
}

fn search(engine: &mut Cpu, chunk: Chunk) -> Result<(Chunk, Vec<Hit>), String> {
    let mut hits = Vec::new();
    engine.submit(chunk).map_err(|error| error.to_string())?;
    let chunk = engine
        .collect(&mut hits)
        .map_err(|error| error.to_string())?;
    let chunk = chunk.ok_or("the engine lost a chunk")?;
    Ok((chunk, hits))
}

/// Hands over every chunk of a file, or of the files below a directory that can be read.
fn each_chunk(
    path: &Path,
    cut: Cut,
    mut take: impl FnMut(Chunk) -> Result<(), String>,
) -> Result<(), String> {
    let files: Vec<PathBuf> = if path.is_dir() {
        tree::walk(path).flatten().map(|entry| entry.path).collect()
    } else {
        vec![path.to_owned()]
    };
    for file in files {
        let image = match Image::open_plain(&file) {
            Ok(image) => image,
            Err(error) if path.is_dir() => {
                warn(&error.to_string());
                continue;
            }
            Err(error) => return Err(error.to_string()),
        };
        let origin = Arc::new(Origin {
            input: file.to_string_lossy().into_owned(),
            path: None,
            inside: None,
        });
        for extent in image
            .extents()
            .filter(|extent| extent.kind != ExtentKind::Hole)
        {
            for piece in cut.pieces(extent.start.0..extent.start.plus(extent.len).0, 0..u64::MAX) {
                let start = piece.window.start;
                let window = start as usize..piece.window.end as usize;
                let chunk = Chunk {
                    sequence: 0,
                    origin: Arc::clone(&origin),
                    at: ImageOffset(start),
                    body: (piece.body.start - start) as usize..(piece.body.end - start) as usize,
                    window: Bytes::mapped(Arc::clone(image.map()), window),
                    beyond: Beyond::Nothing,
                };
                take(chunk)?;
            }
        }
    }
    Ok(())
}

fn print(
    rules: &RuleSet,
    anchors: &AnchorSet,
    counts: &[u64],
    mib: f64,
    trials: Option<&Trials>,
) -> io::Result<()> {
    let owned: Vec<(&str, HashSet<AnchorSpec>)> = rules
        .types
        .iter()
        .map(|secret_type| {
            let own = AnchorSet::of_rules(&rules.select(|other| other.id == secret_type.id));
            (
                secret_type.id.as_str(),
                own.anchors().iter().cloned().collect(),
            )
        })
        .collect();
    let mut rows: Vec<(u64, &AnchorSpec)> = counts.iter().copied().zip(anchors.anchors()).collect();
    rows.sort_by_key(|(count, anchor)| (std::cmp::Reverse(*count), anchor.to_string()));
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} searched.",
        human_bytes((mib * f64::from(1 << 20)) as u64)
    )?;
    writeln!(
        out,
        "\n{:>12} {:>12}  {:<40}  TYPES",
        "HITS/MiB", "HITS", "ANCHOR"
    )?;
    for (count, anchor) in rows {
        let users: Vec<&str> = owned
            .iter()
            .filter(|(_, own)| own.contains(anchor))
            .map(|(id, _)| *id)
            .collect();
        let rate = count as f64 / mib;
        writeln!(
            out,
            "{rate:>12.4} {count:>12}  {:<40}  {}",
            anchor.to_string(),
            users.join(", ")
        )?;
    }
    // What the catalogue's `rate` lines note.
    let counts: HashMap<&AnchorSpec, u64> = anchors
        .anchors()
        .iter()
        .zip(counts.iter().copied())
        .collect();
    writeln!(out, "\n{:>12}  VARIANT", "RATE")?;
    for variant in &rules.variants {
        let own = AnchorSet::new(variant.anchors.iter().map(|anchor| (anchor.clone(), 0)));
        let hits: u64 = own
            .anchors()
            .iter()
            .filter_map(|anchor| counts.get(anchor))
            .sum();
        let rate = hits as f64 / mib;
        writeln!(
            out,
            "{rate:>12.3}  {}/{}",
            rules.type_of(variant).id,
            variant.name
        )?;
    }
    let Some(trials) = trials else {
        return Ok(());
    };
    let mut rules: Vec<&(String, Confirmer, Tally)> = trials.rules.iter().collect();
    rules.sort_by_key(|(name, _, tally)| (std::cmp::Reverse(tally.candidates), name.as_str()));
    writeln!(
        out,
        "\n{:>16} {:>12} {:>12}  RULE",
        "CANDIDATES/MiB", "CANDIDATES", "DISPROVED"
    )?;
    for (name, _, tally) in rules {
        let Tally {
            candidates,
            rejected,
            ..
        } = tally;
        let rate = *candidates as f64 / mib;
        writeln!(out, "{rate:>16.4} {candidates:>12} {rejected:>12}  {name}")?;
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "a tool for developers, run by hand")]
fn warn(problem: &str) {
    eprintln!("anchor_rates: {problem}");
}

#[allow(clippy::print_stderr, reason = "a tool for developers, run by hand")]
fn fail(problem: &str) -> ! {
    eprintln!("anchor_rates: {problem}\nusage: anchor_rates [--rules] FILE|DIR...");
    process::exit(2)
}
