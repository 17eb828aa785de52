//! What to do: recommendations with their steps, choke points, and secrets that lead nowhere known.

use maud::{Markup, html};
use rusqlite::Connection;
use serde_json::Value;

use super::drawing::{bar, parts};
use super::{Shown, grouped};
use crate::case::CaseError;
use crate::graph::grid::Grid;
use crate::graph::recommendation::{FAMILIES, roll_up, steps};
use crate::graph::scenario::NO_TARGET;

fn number(grid: &Grid, row: usize, column: &str) -> u64 {
    grid.at(row, column).and_then(Value::as_u64).unwrap_or(0)
}

fn text<'g>(grid: &'g Grid, row: usize, column: &str) -> &'g str {
    grid.at(row, column).and_then(Value::as_str).unwrap_or("")
}

/// The recommendations.
pub(super) struct Advice {
    rolled: Grid,
}

impl Advice {
    pub(super) fn new(connection: &Connection) -> Result<Self, CaseError> {
        Ok(Self {
            rolled: roll_up(connection)?,
        })
    }

    /// Recommendations that are not fulfilled.
    pub(super) fn unhealthy(&self) -> Option<usize> {
        let rows = 0..self.rolled.rows.len();
        Some(
            rows.filter(|row| number(&self.rolled, *row, "unhealthy") > 0)
                .count(),
        )
    }

    pub(super) fn section(&self) -> Markup {
        let grid = &self.rolled;
        html! {
            section #recommendations aria-labelledby="h-recommendations" {
                h2 #h-recommendations { "Recommendations" }
                div.scroll role="region" aria-label="Table of recommendations" tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "Recommendation" } th scope="col" { "Resources" }
                            th.right scope="col" { "Unhealthy" } th.right scope="col" { "Healthy" }
                            th.right scope="col" { "Not assessed" } th.right scope="col" { "Open" }
                            th.right scope="col" { "Fixed" } th.right scope="col" { "Accepted" }
                            th.right scope="col" { "False positive" }
                        } }
                        tbody {
                            @for row in 0..grid.rows.len() {
                                @let of = |column| number(grid, row, column);
                                tr {
                                    th scope="row" { (text(grid, row, "recommendation")) }
                                    td { (parts(&[
                                        (of("unhealthy"), "critical", "unhealthy"),
                                        (of("healthy"), "good", "healthy"),
                                        (of("not_assessed"), "info", "not assessed"),
                                    ])) }
                                    @for column in ["unhealthy", "healthy", "not_assessed", "findings", "fixed", "accepted", "false_positive"] {
                                        td.right { (grouped(of(column))) }
                                    }
                                }
                            }
                        }
                    }
                }
                p.note { "A resource is unhealthy while it has an open finding, healthy if a complete scan of it has none, and else not assessed." }
                h3 { "Steps" }
                p.lead { "Rotate before you delete: removing a file does not make the key in it safe." }
                div.steps {
                    @for (family, name) in FAMILIES {
                        details {
                            summary { (name) }
                            ol { @for step in steps(family, false) { li { (step) } } }
                        }
                    }
                }
            }
        }
    }
}

/// The secrets whose removal cuts the most paths.
pub(super) fn choke_points(grid: &Grid) -> Markup {
    let most = (0..grid.rows.len())
        .map(|row| number(grid, row, "paths"))
        .max();
    html! {
        section #choke-points aria-labelledby="h-choke-points" {
            h2 #h-choke-points { "Choke points" }
            @if grid.rows.is_empty() {
                p.empty { "There are no paths to cut." }
            } @else {
                p.lead { "The secrets whose removal cuts the most paths, each counted after those above it are gone." }
                div.scroll role="region" aria-label="Table of choke points" tabindex="0" {
                    table {
                        thead { tr {
                            th.right scope="col" { "#" } th scope="col" { "Secret" } th scope="col" { "Preview" }
                            th scope="col" { "Fingerprint" } th.right scope="col" { "Paths" }
                            th scope="col" { span.unseen { "Share" } } th scope="col" { "Together" }
                        } }
                        tbody {
                            @for row in 0..grid.rows.len() {
                                tr {
                                    td.right { (number(grid, row, "rank")) }
                                    td { (Shown(text(grid, row, "secret"))) }
                                    td.mono { (Shown(text(grid, row, "preview"))) }
                                    td.mono { (Shown(text(grid, row, "fingerprint"))) }
                                    td.right { (grouped(number(grid, row, "paths"))) }
                                    td.wide { (bar(number(grid, row, "paths"), most.unwrap_or(1), "plain")) }
                                    td { (text(grid, row, "advice")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The group of secrets that are known to open nothing in particular.
pub(super) fn without_target(grid: &Grid) -> Markup {
    html! {
        section #no-target aria-labelledby="h-no-target" {
            h2 #h-no-target { "Secrets without an identified target resource" }
            @if grid.rows.is_empty() {
                p.empty { "Every open secret is known to open something." }
            } @else {
                p.lead { "They open something, but neither their text nor an inventory says what. An inventory that names it would." }
                div.scroll role="region" aria-label={ "Table of " (NO_TARGET) } tabindex="0" {
                    table {
                        thead { tr {
                            th scope="col" { "Secret" } th scope="col" { "Preview" }
                            th scope="col" { "On asset" } th scope="col" { "File" } th scope="col" { "Fingerprint" }
                        } }
                        tbody {
                            @for row in 0..grid.rows.len() {
                                tr {
                                    td { (Shown(text(grid, row, "secret"))) }
                                    td.mono { (Shown(text(grid, row, "preview"))) }
                                    td.mono { (Shown(text(grid, row, "source"))) }
                                    td.mono { (Shown(text(grid, row, "location"))) }
                                    td.mono { (Shown(text(grid, row, "fingerprint"))) }
                                }
                            }
                        }
                    }
                }
                @if grid.cut {
                    p.note.cut { "There are more than the " (grouped(grid.rows.len() as u64)) " shown here; "
                        code { "keydredge case paths --show no-target" } " lists them." }
                }
            }
        }
    }
}
