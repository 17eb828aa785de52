//! What was scanned, how much was found, what could not be read, and how to read the rest.

use maud::{Markup, html};

use super::drawing::bar;
use super::paths::Paths;
use super::{Page, Shown, grouped};
use crate::graph::listing::{Listing, Page as Counted, Wanted};
use crate::graph::overview::{Figures, Scan};
use crate::unit::human_bytes;

/// Lines of what could not be read; more are counted.
const LISTED: usize = 50;

/// The first section.
pub(super) fn section(page: &Page, figures: &Figures, scans: &[Scan], paths: &Paths) -> Markup {
    let open = Wanted {
        only: [(3, vec!["open".to_owned()])].into(),
        ..Wanted::default()
    };
    let counted = page.findings.page(&open);
    let severe: u64 = counted
        .counts
        .first()
        .and_then(|counts| counts.get(3..))
        .map_or(0, |counts| counts.iter().sum());
    let bytes: u64 = scans
        .iter()
        .filter_map(|scan| scan.summary.as_ref())
        .map(|s| s.bytes_read)
        .sum();
    let unread = scans.iter().filter(|scan| !scan.complete).count();
    let tile = |name: &str, number: i64, note: String, anchor: &str, alarm: bool| {
        html! {
            a.tile.alarm[alarm] href={ "#" (anchor) } {
                span.name { (name) }
                span.number { (grouped(number)) }
                span.note { (note) }
            }
        }
    };
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    html! {
        section #overview aria-labelledby="h-overview" {
            h2 #h-overview { "Overview" }
            div.tiles {
                (tile("Attack paths", number(paths.total), if paths.cut { "counted as far as they are listed; there are more" } else { "from a machine over a secret to a target" }.to_owned(), "paths", paths.total > 0))
                (tile("Open findings", figures.open, format!("{} different secrets", grouped(figures.secrets)), "findings", false))
                (tile("High or critical", i64::try_from(severe).unwrap_or(i64::MAX), "of the open findings".to_owned(), "findings?severity=critical&severity=high&status=open", severe > 0))
                (tile("Machines at risk", figures.at_risk, format!("exposed and vulnerable; {} hold a secret", grouped(figures.at_risk_with_secrets)), "assets?exposed=exposed&vulnerable=high&vulnerable=critical", figures.at_risk_with_secrets > 0))
                (tile("Assets", figures.assets, format!("{} of them machines, from {} inventories", grouped(figures.machines), grouped(figures.inventories)), "assets", false))
                (tile("Images scanned", figures.images, if unread == 0 { format!("{} read, complete", human_bytes(bytes)) } else { format!("{unread} scans incomplete") }, "scans", unread > 0))
            }
            @if page.findings.entries.is_empty() {
                p.empty { "The case holds no findings. Scan with " code { "keydredge scan IMAGE --case FILE" } ", or import findings." }
            } @else {
                div.charts {
                    (chart(&page.findings, &counted, 0, "severity", true))
                    (chart(&page.findings, &counted, 1, "verdict", true))
                    (chart(&page.findings, &counted, 2, "state", false))
                    (chart(&page.findings, &counted, 4, "type", false))
                }
            }
        }
    }
}

/// How many open findings each word of a column has.
fn chart(
    listing: &Listing,
    counted: &Counted<'_>,
    column: usize,
    name: &str,
    ordered: bool,
) -> Markup {
    /// Words shown; types are many.
    const MOST: usize = 10;
    let words = listing.words.get(column).map_or(&[][..], Vec::as_slice);
    let counts = counted.counts.get(column).map_or(&[][..], Vec::as_slice);
    let mut rows: Vec<(&str, u64)> = words
        .iter()
        .map(String::as_str)
        .zip(counts.iter().copied())
        .filter(|(_, count)| *count > 0)
        .collect();
    if ordered {
        rows.reverse();
    } else {
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
    let longest = rows.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let left_out = rows.len().saturating_sub(MOST);
    html! {
        div.chart {
            h3 { "Open, by " (name) }
            ul {
                @for (word, count) in rows.iter().take(MOST) {
                    li {
                        a href={ "#findings?" (name) "=" (in_link(word)) "&status=open" } { (Shown(word)) }
                        (bar(*count, longest, if name == "severity" { word } else { "plain" }))
                        span.number { (grouped(*count)) }
                    }
                }
            }
            @if left_out > 0 { p.note { "and " (left_out) " more" } }
        }
    }
}

/// A word as a value in a fragment.
fn in_link(word: &str) -> String {
    let mut text = String::new();
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Every scan, and what it could not read.
pub(super) fn scans(scans: &[Scan]) -> Markup {
    let summaries = || scans.iter().filter_map(|scan| scan.summary.as_ref());
    let mut unread: Vec<(String, String)> = Vec::new();
    for summary in summaries() {
        for range in &summary.unreadable {
            let place = format!("{:#x}..{:#x}", range.start, range.end);
            unread.push((range.input.clone(), format!("{place} could not be read")));
        }
        for input in &summary.changed {
            unread.push((input.clone(), "changed while it was read".to_owned()));
        }
        for warning in &summary.warnings {
            unread.push((String::new(), warning.clone()));
        }
        for (limit, count) in &summary.limits {
            unread.push((
                String::new(),
                format!("{count} compressed streams were left by the limit {limit}"),
            ));
        }
    }
    html! {
        section #scans aria-labelledby="h-scans" {
            h2 #h-scans { "Scans and coverage" }
            @if scans.is_empty() {
                p.empty { "No scan was put into this case." }
            } @else {
                div.scroll role="region" aria-label="Table of scans" tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "When" } th scope="col" { "Complete" } th scope="col" { "Engine" }
                            th.right scope="col" { "Inputs" } th.right scope="col" { "Read" }
                            th.right scope="col" { "Skipped" } th.right scope="col" { "Not readable" }
                            th.right scope="col" { "Findings" } th.right scope="col" { "Suppressed" }
                            th.right scope="col" { "Types" } th scope="col" { "Version, rules" }
                        } }
                        tbody {
                            @for scan in scans {
                                tr {
                                    td.nowrap { (scan.taken.get(..19).unwrap_or(&scan.taken).replace('T', " ")) }
                                    @match &scan.summary {
                                        None => { td { span.chip.high { "no summary" } } td colspan="9" { "The output of this scan ended before its summary: what it read is not known." } }
                                        Some(summary) => {
                                            td { @if scan.complete { span.chip.good { "complete" } } @else { span.chip.high { "incomplete" } } }
                                            td { (summary.engine) ", " (Shown(&summary.adapter)) }
                                            td.right { (grouped(summary.inputs.len() as u64)) }
                                            td.right { (human_bytes(summary.bytes_read)) }
                                            td.right { (human_bytes(summary.bytes_skipped)) }
                                            td.right { (human_bytes(summary.bytes_unreadable)) }
                                            td.right { (grouped(summary.findings)) }
                                            td.right { (grouped(summary.suppressed.values().sum::<u64>())) }
                                            td.right { (summary.rules.types) }
                                            td.mono { (Shown(&summary.version)) " " (Shown(summary.rules.hash.get(..12).unwrap_or(&summary.rules.hash))) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            h3 { "What was not read, or not searched" }
            @if unread.is_empty() {
                p { "Nothing: every byte that was asked for was read and searched." }
            } @else {
                ul.lines {
                    @for (input, what) in unread.iter().take(LISTED) {
                        li { @if !input.is_empty() { code { (Shown(input)) } " " } (Shown(what)) }
                    }
                }
                @if unread.len() > LISTED {
                    p.note { "and " (grouped((unread.len() - LISTED) as u64)) " more; the summaries in the case list them all." }
                }
            }
            @for summary in summaries() {
                details {
                    summary { "Inputs of the scan: " (grouped(summary.inputs.len() as u64)) }
                    ul.lines {
                        @for input in summary.inputs.iter().take(LISTED) { li { code { (Shown(input)) } } }
                    }
                    @if summary.inputs.len() > LISTED {
                        p.note { "and " (grouped((summary.inputs.len() - LISTED) as u64)) " more" }
                    }
                }
            }
        }
    }
}

/// The words of the report.
pub(super) fn reading() -> Markup {
    html! {
        section #reading aria-labelledby="h-reading" {
            h2 #h-reading { "How to read this" }
            dl.words {
                dt { "Verdict" }
                dd { "How sure it is that this is a secret: " b { "pattern" } ", shape and context fit; " b { "structure" } ", it parses as what it claims to be; " b { "checksum" } ", a checksum inside holds; " b { "paired" } ", something else on the disk proves it. Nothing was tried against a live system." }
                dt { "Confidence" }
                dd { "How sure it is that a secret opens its target, 0 to 100. Paths are drawn from 60 on." }
                dt { "State" }
                dd { "Whose bytes they are: " b { "allocated" } " to a file, of a " b { "deleted" } " one, in " b { "slack" } ", a " b { "journal" } ", or " b { "unallocated" } ". A deleted copy is still a copy." }
                dt { "Exposed" }
                dd { "A public address behind a firewall that lets the internet in. " b { "Vulnerable" } ": an open vulnerability of severity High or Critical." }
                dt { "Priority" }
                dd { "A sum; the evidence of each finding shows its terms. From 85 critical, 65 high, 40 medium." }
                dt { "Fingerprint" }
                dd { "A hash of the secret under a key that is not in this page. Equal fingerprints are the same secret." }
            }
        }
    }
}
