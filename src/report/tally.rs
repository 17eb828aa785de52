//! Counts of what was reported, for the lines that close a report.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::finding::{Finding, Verdict};
use crate::rule::Severity;

/// Findings counted by what a reader asks first. Suppressed ones do not count.
#[derive(Default)]
pub(super) struct Tally {
    severities: BTreeMap<Severity, u64>,
    verdicts: BTreeMap<Verdict, u64>,
    states: BTreeMap<String, u64>,
    expired: u64,
}

impl Tally {
    pub(super) fn count(&mut self, finding: &Finding) {
        if finding.suppressed.is_some() {
            return;
        }
        *self.severities.entry(finding.severity).or_default() += 1;
        *self.verdicts.entry(finding.verdict).or_default() += 1;
        let place = &finding.occurrence;
        let state = match (place.state.as_deref(), &place.path) {
            (Some("allocated"), _) => "in live files",
            (Some("deleted"), _) => "in deleted files",
            (Some(other), _) => other,
            (None, Some(_)) => "in files",
            (None, None) => "of no known file",
        };
        *self.states.entry(state.to_owned()).or_default() += 1;
        self.expired += u64::from(finding.expired == Some(true));
    }

    /// The lines, none if there was no finding.
    pub(super) fn lines(&self) -> Vec<String> {
        if self.severities.is_empty() {
            return Vec::new();
        }
        let severities = self.severities.iter().rev();
        let mut severity = list(severities.map(|(severity, count)| (severity.name(), *count)));
        if self.expired > 0 {
            let _infallible = write!(severity, " ({} expired)", self.expired);
        }
        let verdicts = self.verdicts.iter().rev();
        let verdict = list(verdicts.map(|(verdict, count)| (verdict.name(), *count)));
        let mut states: Vec<(&str, u64)> = self
            .states
            .iter()
            .map(|(state, count)| (state.as_str(), *count))
            .collect();
        states.sort_by_key(|(state, count)| (std::cmp::Reverse(*count), *state));
        vec![
            format!("  severity  {severity}"),
            format!("  verdict   {verdict}"),
            format!("  where     {}", list(states.into_iter())),
        ]
    }
}

/// `1 critical, 19 high`.
fn list<'n>(counts: impl Iterator<Item = (&'n str, u64)>) -> String {
    let parts: Vec<String> = counts
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    parts.join(", ")
}
