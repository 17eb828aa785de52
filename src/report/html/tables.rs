//! The lists of findings and assets: where the script puts its explorer, and before that the most
//! urgent rows with their evidence, for paper and for readers without script.

use maud::{Markup, html};
use rusqlite::Connection;

use super::facts::{self, Fact};
use super::{Page, Shown, grouped, short};
use crate::case::CaseError;
use crate::graph::detail;

fn evidence(facts: &[Fact]) -> Markup {
    html! {
        dl.facts {
            @for fact in facts {
                dt { (fact.label) }
                dd.dump[fact.label == facts::AROUND] tabindex=[(fact.label == facts::AROUND).then_some("0")] {
                    @for line in &fact.lines { span.line { (line) } }
                }
            }
        }
    }
}

pub(super) fn findings(page: &Page, connection: &Connection) -> Result<Markup, CaseError> {
    let listing = &page.findings;
    let mut rows = Vec::new();
    for entry in listing.entries.iter().take(page.bounds.rows) {
        if let Some(found) = detail::finding(connection, entry.id)? {
            rows.push((entry, found));
        }
    }
    let all = listing.entries.len();
    Ok(html! {
        section #findings aria-labelledby="h-findings" {
            h2 #h-findings { "Findings" }
            @if all == 0 {
                p.empty { "There are none." }
            } @else {
                div.explorer data-list="findings" {}
                @if all > page.bounds.findings {
                    p.note.cut.file { "The " (grouped(page.bounds.findings as u64)) " most urgent of " (grouped(all as u64))
                        " findings are in this file; " code { "keydredge case serve" } " shows all of them." }
                }
                @if all.min(page.bounds.findings) > page.bounds.bytes {
                    p.note.cut.file { "The " (grouped(page.bounds.bytes as u64)) " most urgent of them show the bytes around the secret; "
                        code { "keydredge case serve" } " shows those of all." }
                }
                div.static {
                    @for (entry, found) in &rows {
                        @let [uid, name, ..] = &found.asset;
                        article.card.evidence id={ "finding-" (found.id) } {
                            header {
                                span.{ "chip " (listing.word(entry, 0)) } { (listing.word(entry, 0)) }
                                h3 { (Shown(&found.secret_type)) " on " (Shown(short(name, uid))) }
                                span.state { (listing.word(entry, 3)) ", " (listing.word(entry, 1)) ", " (Shown(listing.word(entry, 2))) }
                                span.sure { "finding " (found.id) }
                            }
                            (evidence(&facts::of_finding(found, true)))
                        }
                    }
                    @if all > rows.len() {
                        p.note.cut { "The " (grouped(rows.len() as u64)) " most urgent of " (grouped(all as u64)) " findings are written out here." }
                    }
                }
            }
        }
    })
}

pub(super) fn assets(page: &Page, connection: &Connection) -> Result<Markup, CaseError> {
    let listing = &page.assets;
    let mut rows = Vec::new();
    for entry in listing.entries.iter().take(page.bounds.rows) {
        if let Some(found) = detail::asset(connection, entry.id)? {
            rows.push((entry, found));
        }
    }
    let all = listing.entries.len();
    Ok(html! {
        section #assets aria-labelledby="h-assets" {
            h2 #h-assets { "Assets" }
            @if all == 0 {
                p.empty { "There are none." }
            } @else {
                div.explorer data-list="assets" {}
                @if all > page.bounds.assets {
                    p.note.cut.file { "The " (grouped(page.bounds.assets as u64)) " assets with the most findings of " (grouped(all as u64))
                        " are in this file; " code { "keydredge case serve" } " shows all of them." }
                }
                div.static {
                    div.scroll role="region" aria-label="Table of all assets" tabindex="0" {
                        table {
                            thead { tr {
                                th.right scope="col" { "Open" } th scope="col" { "Asset" } th scope="col" { "Kind" }
                                th scope="col" { "Service" } th scope="col" { "Exposed" } th scope="col" { "Ports" }
                                th scope="col" { "Vulnerable" } th scope="col" { "Id" }
                            } }
                            tbody {
                                @for (entry, found) in &rows {
                                    tr {
                                        td.right { (grouped(entry.score)) }
                                        th scope="row" { (Shown(short(&found.name, &found.uid))) }
                                        td { (Shown(listing.word(entry, 0))) }
                                        td { (Shown(&found.service)) }
                                        td { (listing.word(entry, 2)) }
                                        td { (Shown(&found.ports)) }
                                        td { (listing.word(entry, 3)) }
                                        td.mono { (Shown(&found.uid)) }
                                    }
                                }
                            }
                        }
                    }
                    @if all > rows.len() {
                        p.note.cut { "The " (grouped(rows.len() as u64)) " of " (grouped(all as u64)) " assets with the most findings are written out here." }
                    }
                }
            }
        }
    })
}
