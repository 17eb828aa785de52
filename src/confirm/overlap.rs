//! One span, one finding.
//!
//! Several rules often see the same bytes: a connection string is also a password, a key in a
//! URL is also a URL. Of the findings that share bytes the one with the highest precedence stays
//! (then the stronger verdict, then the longer one); a suppressed one stays like any other, so
//! that a published example does not come back as a generic password.
//!
//! Chunks arrive in order, and a secret may reach into the next chunk or be seen from both, so
//! findings wait here until nothing that is still to come can share bytes with them. The result
//! therefore does not depend on where the chunks were cut.
//!
//! Bytes inside a compressed stream are shared with nothing outside it. What was found there is
//! [settled](settle) as soon as the stream was searched, and only waits for its place in the order.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ops::Range;

use super::Confirmed;
use super::around::{AROUND, joined, near};
use crate::rule::RuleSet;

/// Keeps the best of overlapping findings of one input.
#[derive(Default)]
pub struct Resolver {
    waiting: Vec<Confirmed>,
    /// Settled findings from inside compressed streams, in ascending order.
    carved: Vec<Confirmed>,
    /// Where secrets lie, as far as those that come next can lie beside them.
    recent: Vec<Range<u64>>,
}

impl Resolver {
    /// Takes what one chunk gave. `frontier` is the first byte that findings of later chunks can
    /// hold; what ends before it is final and returned in ascending order of where it is stored.
    pub fn push(
        &mut self,
        found: Vec<Confirmed>,
        frontier: u64,
        rules: &RuleSet,
    ) -> Vec<Confirmed> {
        for confirmed in found {
            match confirmed.origin.inside {
                None => self.waiting.push(confirmed),
                Some(_) => self.carved.push(confirmed),
            }
        }
        let recent = std::mem::take(&mut self.recent);
        let found = std::mem::take(&mut self.waiting);
        let (mut settled, waiting, spans) = resolve(found, recent, frontier, rules);
        self.waiting = waiting;
        // Nothing that begins before this is still to come, or still waits.
        let first = self
            .waiting
            .first()
            .map_or(u64::MAX, |next| next.span.start);
        let sure = first.min(frontier);
        let beside = |span: &Range<u64>| span.end.saturating_add(AROUND as u64) > sure;
        self.recent = spans.into_iter().filter(beside).collect();
        let in_turn = self
            .carved
            .partition_point(|confirmed| confirmed.stored().start < sure);
        if in_turn > 0 {
            settled.extend(self.carved.drain(..in_turn));
            settled.sort_by_key(|confirmed| confirmed.stored().start);
        }
        settled
    }

    /// Nothing more comes: returns what still waited.
    pub fn finish(&mut self, rules: &RuleSet) -> Vec<Confirmed> {
        let rest = self.push(Vec::new(), u64::MAX, rules);
        // The next input counts from its own beginning.
        self.recent.clear();
        rest
    }
}

/// The best of overlapping findings, in ascending order, where no others can come.
#[must_use]
pub fn settle(found: Vec<Confirmed>, rules: &RuleSet) -> Vec<Confirmed> {
    resolve(found, Vec::new(), u64::MAX, rules).0
}

/// What is final up to the frontier, and what has to wait; both in ascending order. Then where all
/// of it and all that came before lies: what loses to another finding is no less secret, so it is
/// hidden around its neighbours too. The frontier keeps so far from what is still to come that
/// nothing of that lies around what is final.
fn resolve(
    mut found: Vec<Confirmed>,
    mut spans: Vec<Range<u64>>,
    frontier: u64,
    rules: &RuleSet,
) -> (Vec<Confirmed>, Vec<Confirmed>, Vec<Range<u64>>) {
    spans.extend(found.iter().map(|confirmed| confirmed.span.clone()));
    let spans = joined(spans);
    found.sort_by_key(|confirmed| (confirmed.span.start, confirmed.span.end));
    let (mut settled, mut waiting) = (Vec::new(), Vec::new());
    let mut rest = found.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut end = first.span.end;
        let mut group = vec![first];
        while let Some(next) = rest.next_if(|next| next.span.start < end) {
            end = end.max(next.span.end);
            group.push(next);
        }
        if end <= frontier {
            settled.append(&mut best_of(group, rules));
        } else {
            waiting.append(&mut group);
        }
    }
    for confirmed in &mut settled {
        for span in near(&spans, &confirmed.span) {
            confirmed.around.hide(&confirmed.span, span);
        }
    }
    (settled, waiting, spans)
}

/// The non-overlapping best of a group of findings that are chained by shared bytes.
fn best_of(mut group: Vec<Confirmed>, rules: &RuleSet) -> Vec<Confirmed> {
    if group.len() == 1 {
        return group;
    }
    group.sort_by_key(|confirmed| {
        let len = confirmed.span.end - confirmed.span.start;
        let variant = &rules.variants[confirmed.variant];
        Reverse((
            variant.precedence,
            confirmed.proof.verdict,
            len,
            Reverse(confirmed.span.start),
            Reverse(confirmed.variant),
        ))
    });
    let mut kept: Vec<Confirmed> = Vec::new();
    let mut spans: HashSet<Range<u64>> = HashSet::new();
    for confirmed in group {
        // Most of a group are copies of one finding, seen from several anchors.
        if spans.contains(&confirmed.span) {
            continue;
        }
        let free = kept.iter().all(|other| {
            confirmed.span.end <= other.span.start || other.span.end <= confirmed.span.start
        });
        if free {
            spans.insert(confirmed.span.clone());
            kept.push(confirmed);
        }
    }
    kept.sort_by_key(|confirmed| confirmed.span.start);
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chunk::{Inside, Origin};
    use crate::confirm::Proof;
    use crate::confirm::around::Around;
    use crate::finding::Verdict;
    use crate::rule::load::load;

    fn rules() -> RuleSet {
        let variant = |name: &str, precedence: u8| {
            format!(
                "[[type.variant]]\nname = '{name}'\nanchors = [{{ literal = 'abc' }}]\n\
                 reach = {{ before = 0, after = 9 }}\npattern = 'abc'\nprecedence = {precedence}\n"
            )
        };
        let text = format!(
            "[[type]]\nid = 'x'\nname = 'X'\nseverity = 'low'\n{}{}",
            variant("generic", 10),
            variant("exact", 90)
        );
        load([("test.toml", text.as_str())]).unwrap()
    }

    fn at(variant: usize, span: Range<u64>) -> Confirmed {
        Confirmed {
            variant,
            origin: Arc::new(Origin {
                input: String::new(),
                path: None,
                inside: None,
            }),
            matched: span.clone(),
            span,
            secret: Vec::new(),
            encodings: Vec::new(),
            base64: None,
            proof: Proof::of(Verdict::Pattern),
            suppressed: None,
            around: Around::default(),
        }
    }

    fn spans(found: &[Confirmed]) -> Vec<(usize, Range<u64>)> {
        found
            .iter()
            .map(|confirmed| (confirmed.variant, confirmed.span.clone()))
            .collect()
    }

    #[test]
    fn precedence_beats_length_and_copies_fall_away() {
        let mut resolver = Resolver::default();
        let found = vec![at(0, 0..50), at(1, 10..20), at(1, 10..20), at(0, 60..70)];
        let kept = resolver.push(found, 100, &rules());
        assert_eq!(spans(&kept), [(1, 10..20), (0, 60..70)]);
    }

    /// A finding from inside a stream that lies there.
    fn carved(span: Range<u64>, stored: Range<u64>) -> Confirmed {
        let plain = at(0, span);
        let origin = Origin {
            input: String::new(),
            path: None,
            inside: Some(Inside {
                assembly: None,
                stored,
                layers: Vec::new(),
            }),
        };
        Confirmed {
            origin: Arc::new(origin),
            ..plain
        }
    }

    #[test]
    fn what_lies_in_a_stream_is_kept_apart_and_comes_in_its_turn() {
        let rules = rules();
        let mut resolver = Resolver::default();
        let found = vec![
            at(1, 10..30),
            at(1, 90..110),
            carved(10..30, 20..25),
            carved(5..9, 95..99),
        ];
        let kept = resolver.push(found, 105, &rules);
        assert_eq!(spans(&kept), [(1, 10..30), (0, 10..30)]);
        let kept = resolver.push(vec![at(1, 96..100)], 200, &rules);
        assert_eq!(spans(&kept), [(1, 90..110), (0, 5..9)]);
    }

    #[test]
    fn what_may_still_be_overlapped_waits_for_the_next_chunk() {
        let rules = rules();
        let mut resolver = Resolver::default();
        assert_eq!(resolver.push(vec![at(0, 90..110)], 95, &rules).len(), 0);
        let kept = resolver.push(vec![at(1, 100..120)], 200, &rules);
        assert_eq!(spans(&kept), [(1, 100..120)]);
        assert_eq!(resolver.push(vec![at(0, 190..210)], 200, &rules).len(), 0);
        assert_eq!(spans(&resolver.finish(&rules)), [(0, 190..210)]);
    }
}
