//! What a secret type is, how it is recognised and what to do about it, in full sentences.

use std::fmt::Write;

use super::terminal::{self, visible};
use crate::case::findings::family;
use crate::finding::Verdict;
use crate::graph::recommendation::steps;
use crate::rule::{RuleSet, SecretType};

/// Columns that lists and sentences are folded to where the terminal's are not known.
const WIDTH: usize = 100;
/// Columns before what a field says.
const INDENT: usize = 12;

/// The explanation of a type, for a terminal of so many columns.
#[must_use]
pub fn text(rules: &RuleSet, of: &SecretType, width: Option<usize>) -> String {
    let width = width.unwrap_or(WIDTH).max(2 * INDENT);
    let mut out = format!("{}\n{}\n\n", of.id, visible(&of.name));
    let mut field = |name: &str, text: &str| {
        for (number, line) in folded(text, width - INDENT).iter().enumerate() {
            let name = if number == 0 { name } else { "" };
            let _infallible = writeln!(out, "{name:<INDENT$}{line}");
        }
    };
    let severity = of.severity;
    field(
        "severity",
        &format!("{}: {}", severity.name(), severity.reason()),
    );
    field("verdict", &strength(of));
    let searched = match (of.vm, of.deployment) {
        (true, true) => "on machines' disks and in cloud deployments",
        (true, false) => "on machines' disks",
        (false, true) => "in cloud deployments (on disks with --profile all)",
        (false, false) => "with --profile all",
    };
    field("looked for", searched);
    field("found in", &of.found_in.join(", "));
    field("anchors", &rules.anchors_of(&of.id).join(", "));
    for variant in rules.variants_of(&of.id) {
        field(
            "variant",
            &format!(
                "{}: a pattern within {} bytes before and {} after the anchor, then the check `{}`",
                variant.name, variant.reach.before, variant.reach.after, variant.validate
            ),
        );
    }
    if !of.published.is_empty() {
        field(
            "held back",
            &format!(
                "{} published values, which are no secrets",
                of.published.len()
            ),
        );
    }
    field("sources", &of.references.join("; "));
    out.push_str("\nWhat to do, in this order:\n");
    for (number, step) in (1..).zip(steps(family(&of.id), !of.vm)) {
        for (line_number, line) in folded(step, width - 3).iter().enumerate() {
            let mark = if line_number == 0 {
                format!("{number}.")
            } else {
                String::new()
            };
            let _infallible = writeln!(out, "{mark:<3}{line}");
        }
    }
    out.push_str("\nWhat a verdict says:\n");
    for verdict in Verdict::ALL {
        let meaning = folded(verdict.meaning(), width - INDENT);
        for (number, line) in meaning.iter().enumerate() {
            let name = if number == 0 { verdict.name() } else { "" };
            let _infallible = writeln!(out, "{name:<INDENT$}{line}");
        }
    }
    out
}

/// The strongest verdict that a type can reach, and what that means.
#[must_use]
pub fn strength(of: &SecretType) -> String {
    let verdict = Verdict::ALL
        .into_iter()
        .find(|verdict| verdict.name() == of.strength);
    let mut text = verdict.map_or_else(
        || "as its rule says".to_owned(),
        |verdict| format!("up to {}: {}", verdict.name(), verdict.meaning()),
    );
    if !of.strength_note.is_empty() {
        let _infallible = write!(text, " ({})", of.strength_note);
    }
    text
}

/// The text on lines of so many columns, broken between words; a longer word has its own line.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // A rule file may be a stranger's.
    for word in text.split_whitespace().map(visible) {
        match lines.last_mut() {
            Some(line) if terminal::width(line) + 1 + terminal::width(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load::catalogue;

    #[test]
    fn every_type_is_explained_within_the_width() {
        let rules = catalogue().unwrap();
        for of in &rules.types {
            let text = text(&rules, of, Some(80));
            let words: Vec<&str> = text.split_whitespace().collect();
            let words = words.join(" ");
            for part in [
                of.severity.reason(),
                "variant",
                "anchors",
                "found in",
                "1. ",
                "5. ",
            ] {
                assert!(words.contains(part), "{}: {part}", of.id);
            }
            for line in text.lines().skip(2) {
                let is_one_word = line.trim().split(' ').count() == 1;
                assert!(terminal::width(line) <= 80 || is_one_word, "{line}");
            }
        }
    }
}
