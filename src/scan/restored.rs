//! What the second pass found, until its turn in the order of the disk has come.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::chunk::assembly::{Assembly, InFile};
use crate::confirm::Confirmed;
use crate::confirm::overlap::settle;
use crate::deployment::hidden::IN_BASE64;
use crate::rule::RuleSet;

/// Most places that are looked at to tell whether one of them holds a position. Only a file system
/// made for it has more blocks with the same secret over each other.
const OVERLAPS: usize = 256;

/// A finding, and where on the disk its bytes come from.
pub(super) struct Restored {
    pub(super) offset: u64,
    pub(super) places: Vec<Range<u64>>,
    pub(super) forensic_path: String,
    pub(super) assembly: Arc<Assembly>,
    pub(super) confirmed: Confirmed,
}

impl Restored {
    fn of(confirmed: Confirmed) -> Option<Self> {
        let inside = confirmed.origin.inside.as_ref()?;
        let assembly = Arc::clone(inside.assembly.as_ref()?);
        let places = confirmed.places();
        // The first number of the path is in bytes of the file; the disk's takes its place.
        let mut forensic_path = String::new();
        for (depth, (at, codec)) in inside.layers.iter().enumerate() {
            let at = match depth {
                0 => assembly.forensic_path(*at),
                _ => at.to_string(),
            };
            forensic_path.push_str(&format!("{at}-{}-", codec.name().to_ascii_uppercase()));
        }
        let is_outermost = inside.layers.is_empty();
        let place = |at: u64| match is_outermost {
            true => assembly.forensic_path(at),
            false => at.to_string(),
        };
        forensic_path.push_str(&match confirmed.base64 {
            Some((at, inner)) => format!("{}-BASE64-{inner}", place(at)),
            None => place(confirmed.span.start),
        });
        Some(Self {
            offset: places.first()?.start,
            places,
            forensic_path,
            assembly,
            confirmed,
        })
    }

    /// The file it was found in, and where in that file it begins.
    pub(super) fn in_file(&self) -> Option<(InFile, u64)> {
        Some((self.assembly.file?, self.confirmed.stored().start))
    }

    fn is_deleted(&self) -> bool {
        self.assembly.file.is_some_and(|file| file.deleted)
    }
}

/// Ranges of the disk, each with the highest end of it and those before, by where they begin.
#[derive(Default)]
struct Places(Vec<(Range<u64>, u64)>);

impl Places {
    fn add(&mut self, place: Range<u64>) {
        self.0.push((place, 0));
    }

    /// To be called when all are there.
    fn sort(&mut self) {
        self.0.sort_by_key(|(place, _)| ends(place));
        let mut end = 0;
        for (place, highest) in &mut self.0 {
            end = place.end.max(end);
            *highest = end;
        }
    }

    fn hold(&self, at: u64) -> bool {
        let after = self.0.partition_point(|(place, _)| place.start <= at);
        let before = self.0.get(..after).unwrap_or(&[]).iter().rev();
        before
            .take_while(|(_, highest)| *highest > at)
            .take(OVERLAPS)
            .any(|(place, _)| place.contains(&at))
    }
}

/// The findings of one image.
#[derive(Default)]
pub(super) struct Second {
    found: Vec<Confirmed>,
    due: VecDeque<Restored>,
    /// Where each secret of each type was found.
    known: HashMap<usize, HashMap<Vec<u8>, Places>>,
    /// What is known to be base64, whatever it looks like.
    base64: Places,
}

impl Second {
    /// Takes what a batch gave.
    pub(super) fn take(&mut self, found: Vec<Confirmed>) {
        self.found.extend(found);
    }

    /// All batches were searched: puts what they gave in order, each once.
    pub(super) fn settle(&mut self, rules: &RuleSet, wanted: &Range<u64>) {
        let found = once_per_file(std::mem::take(&mut self.found), rules);
        let mut due: Vec<Restored> = found.into_iter().filter_map(Restored::of).collect();
        due.retain(|restored| wanted.contains(&restored.offset));
        // Of the files that share the bytes, one that is there comes first; the others own the
        // place too, and are told as such.
        due.sort_by(|a, b| {
            let key = |it: &Restored| (it.offset, it.confirmed.variant, it.assembly.volume);
            let same = key(a)
                .cmp(&key(b))
                .then(a.forensic_path.cmp(&b.forensic_path));
            let same = same.then_with(|| a.places.iter().map(ends).cmp(b.places.iter().map(ends)));
            same.then_with(|| a.in_file().cmp(&b.in_file()))
        });
        due.dedup_by(|b, a| {
            a.forensic_path == b.forensic_path
                && a.places == b.places
                && a.confirmed.variant == b.confirmed.variant
                && a.confirmed.secret == b.confirmed.secret
        });
        self.known.clear();
        self.base64 = Places::default();
        for restored in due.iter().filter(|restored| !restored.is_deleted()) {
            let known = self.known.entry(sort(&restored.confirmed, rules));
            let secret = restored.confirmed.canonical().to_vec();
            let known = known.or_default().entry(secret).or_default();
            let is_base64 = restored.assembly.codec == Some(IN_BASE64);
            for place in &restored.places {
                known.add(place.clone());
                if is_base64 {
                    self.base64.add(place.clone());
                }
            }
        }
        self.known
            .values_mut()
            .flat_map(HashMap::values_mut)
            .for_each(Places::sort);
        self.base64.sort();
        self.due = due.into();
    }

    /// The same for what is left where the pass was cut short.
    pub(super) fn settle_rest(&mut self, rules: &RuleSet, wanted: &Range<u64>) {
        if !self.found.is_empty() {
            self.settle(rules, wanted);
        }
    }

    /// The next finding, if it lies before this position of the disk.
    pub(super) fn next_before(&mut self, position: u64) -> Option<Restored> {
        let is_due = self.due.front().is_some_and(|next| next.offset <= position);
        if is_due { self.due.pop_front() } else { None }
    }

    /// Whether a finding of the pass over the disk is one of these: the same secret, in the bytes
    /// that it was decoded from. Blocks often hold parts of their content as they are. Or it is
    /// none: the base64 of one of these, which looks like a secret of its own.
    pub(super) fn has(&self, confirmed: &Confirmed, rules: &RuleSet) -> bool {
        let at = confirmed.stored().start;
        let known = self.known.get(&sort(confirmed, rules));
        let known = known.and_then(|known| known.get(confirmed.canonical()));
        known.is_some_and(|known| known.hold(at))
            || confirmed.base64.is_none() && self.base64.hold(at)
    }
}

/// One secret may look like several shapes of its type, by how much is seen of what is around it.
fn sort(confirmed: &Confirmed, rules: &RuleSet) -> usize {
    let variant = rules.variants.get(confirmed.variant);
    variant.map_or(usize::MAX, |variant| variant.type_index)
}

fn ends(range: &Range<u64>) -> (u64, u64) {
    (range.start, range.end)
}

/// Pieces of a file overlap, and one may show more of what is around a secret than the other: of
/// what they give for the same bytes of the file the best stays.
fn once_per_file(found: Vec<Confirmed>, rules: &RuleSet) -> Vec<Confirmed> {
    let mut files: BTreeMap<(usize, Option<InFile>), Vec<Confirmed>> = BTreeMap::new();
    let mut kept = Vec::new();
    for confirmed in found {
        let inside = confirmed.origin.inside.as_ref();
        let assembly = inside.and_then(|inside| inside.assembly.as_ref());
        match (inside, assembly) {
            (Some(inside), Some(assembly)) if inside.layers.is_empty() => {
                let key = (assembly.volume, assembly.file);
                files.entry(key).or_default().push(confirmed);
            }
            _ => kept.push(confirmed),
        }
    }
    for (_, found) in files {
        kept.extend(settle(found, rules));
    }
    kept
}
