//! The attack paths, each drawn and told.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::data::in_script;
use super::drawing::{self, Edge, Node};
use super::{Shown, grouped, short};
use crate::case::CaseError;
use crate::graph::detail;
use crate::graph::grid::Grid;
use crate::graph::scenario::{REACH, SPREAD, UNKNOWN_KEY};
use crate::report::terminal::visible;

/// The paths of a case, ready to be drawn.
pub(super) struct Paths {
    named: Vec<Path>,
    extras: Vec<Path>,
    /// Whether some were not listed.
    pub(super) cut: bool,
    /// Paths of the nine scenarios.
    pub(super) total: usize,
    most: usize,
}

/// The cells of one row, with what its ends are.
struct Path {
    id: String,
    scenario: String,
    name: String,
    source: (String, detail::Node),
    ports: String,
    cves: String,
    secret: String,
    preview: String,
    fingerprint: String,
    location: String,
    target: (String, detail::Node),
    how: String,
    confidence: i64,
    evidence: String,
}

impl Paths {
    pub(super) fn new(
        connection: &Connection,
        named: &Grid,
        extras: &Grid,
        most: usize,
    ) -> Result<Self, CaseError> {
        Ok(Self {
            named: read(connection, named)?,
            extras: read(connection, extras)?,
            cut: named.cut || extras.cut,
            total: named.rows.len(),
            most,
        })
    }

    pub(super) fn section(&self) -> Markup {
        let left_out = self.named.len().saturating_sub(self.most)
            + self.extras.len().saturating_sub(self.most);
        html! {
            section #paths aria-labelledby="h-paths" {
                h2 #h-paths { "Attack paths" }
                @if self.named.is_empty() {
                    p.empty { "No attack path was found: no exposed or vulnerable machine holds a secret that is known to open something else." }
                } @else {
                    p.lead { "From a machine an attacker could take, over a secret in one of its files, to what that secret opens." }
                    (scenarios(&self.named))
                    div #graph hidden {}
                    @for path in self.named.iter().take(self.most) { (path.card()) }
                }
                @if !self.extras.is_empty() {
                    h3 #more-paths { "Further paths" }
                    p.lead { "Across clouds, over several machines, from deployments, and secrets and keys that are shared." }
                    @for path in self.extras.iter().take(self.most) { (path.card()) }
                }
                @if self.cut || left_out > 0 {
                    p.note.cut { "There are more paths than the " (grouped(self.most as u64)) " of a kind that are drawn here; "
                        code { "keydredge case paths --limit N" } " lists them." }
                }
            }
            script #graph-data type="application/json" { (PreEscaped(in_script(&self.graph()))) }
        }
    }

    /// Nodes and edges of the graph that one can move about in.
    fn graph(&self) -> Value {
        let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        let mut node = |key: String, kind: &str, name: &str, full: &str| -> usize {
            let next = numbers.len();
            *numbers.entry(key).or_insert_with(|| {
                nodes.push(json!([kind, visible(name), visible(full)]));
                next
            })
        };
        let drawn = self.named.iter().take(self.most);
        for path in drawn.chain(self.extras.iter().take(self.most)) {
            if path.scenario == UNKNOWN_KEY.0 || path.scenario == SPREAD.0 {
                continue;
            }
            let (uid, source) = &path.source;
            let from = node(
                uid.clone(),
                drawing::icon(&source.kind),
                short(&source.name, uid),
                uid,
            );
            if !path.ports.is_empty() {
                let internet = node(String::new(), "internet", "Internet", "the internet");
                edges.push(json!([internet, from, format!("ports {}", path.ports)]));
            }
            let secret = node(
                path.fingerprint.clone(),
                "secret",
                &path.preview,
                &format!("{} {}", path.secret, path.fingerprint),
            );
            let (uid, target) = &path.target;
            let to = node(
                uid.clone(),
                drawing::icon(&target.kind),
                short(&target.name, uid),
                uid,
            );
            if path.scenario != REACH.0 {
                edges.push(json!([from, secret, visible(&path.location)]));
            }
            edges.push(json!([
                secret,
                to,
                format!("{} {}", path.how, path.confidence)
            ]));
        }
        edges.sort_by_key(Value::to_string);
        edges.dedup();
        json!({ "nodes": nodes, "edges": edges })
    }
}

/// How many paths each scenario has.
fn scenarios(paths: &[Path]) -> Markup {
    let mut counts: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
    for path in paths {
        counts.entry(&path.scenario).or_insert((&path.name, 0)).1 += 1;
    }
    html! {
        ul.scenarios aria-label="Scenarios" {
            @for (id, (name, count)) in counts {
                li { span.badge { (id) } span { (name) } span.count { (grouped(count as u64)) } }
            }
        }
    }
}

fn read(connection: &Connection, grid: &Grid) -> Result<Vec<Path>, CaseError> {
    let mut known: BTreeMap<String, detail::Node> = BTreeMap::new();
    let mut paths = Vec::new();
    for row in 0..grid.rows.len() {
        let text = |column: &str| -> String {
            let value = grid.at(row, column).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let mut end = |uid: String| -> Result<(String, detail::Node), CaseError> {
            if let Some(node) = known.get(&uid) {
                return Ok((uid, node.clone()));
            }
            let node = detail::node(connection, &uid)?.unwrap_or_default();
            known.insert(uid.clone(), node.clone());
            Ok((uid, node))
        };
        paths.push(Path {
            id: text("id"),
            scenario: text("scenario"),
            name: text("name"),
            source: end(text("source"))?,
            ports: text("ports"),
            cves: text("cves"),
            secret: text("secret"),
            preview: text("preview"),
            fingerprint: text("fingerprint"),
            location: text("location"),
            target: end(text("target"))?,
            how: text("how"),
            confidence: grid
                .at(row, "confidence")
                .and_then(Value::as_i64)
                .unwrap_or(0),
            evidence: text("evidence"),
        });
    }
    Ok(paths)
}

impl Path {
    fn card(&self) -> Markup {
        html! {
            article.card.pathcard id=(self.id) aria-label={ (self.scenario) " " (self.id) } {
                header {
                    span.badge { (self.scenario) }
                    h3 { (self.name) }
                    span.sure { (self.confidence) " % sure" }
                }
                div.scroll role="region" aria-label={ "Drawing of path " (self.id) } tabindex="0" { (self.drawing()) }
                dl.line {
                    dt { "Because" } dd { (Shown(&self.evidence)) }
                    @if !self.location.is_empty() { dt { "In" } dd.mono { (Shown(&self.location)) } }
                    dt { "From" } dd.mono { (Shown(&self.source.0)) }
                    dt { "To" } dd.mono { (Shown(&self.target.0)) }
                }
            }
        }
    }

    fn drawing(&self) -> Markup {
        let (source, target) = (&self.source, &self.target);
        let mut nodes = Vec::new();
        let mut edges = Vec::new();
        let deployed = source.1.kind == "deployment";
        if !self.ports.is_empty() {
            nodes.push(node("internet", "Internet", "anybody", "the internet", 10));
            edges.push(edge("reaches", &format!("port {}", self.ports)));
        } else if !deployed && self.scenario != SPREAD.0 {
            nodes.push(node(
                "inside",
                "Inside",
                "no open port",
                "not reachable from the internet",
                13,
            ));
            edges.push(edge("reaches", ""));
        }
        let name = short(&source.1.name, &source.0);
        let note = if self.cves.is_empty() {
            source.1.service.clone()
        } else {
            self.cves.clone()
        };
        let full = format!("{}\n{}", source.0, self.cves);
        nodes.push(node(drawing::icon(&source.1.kind), name, &note, &full, 18));
        let secret_note = self.secret.clone();
        if self.scenario == REACH.0 {
            edges.push(edge("leads over", "other machines"));
        } else if !self.location.is_empty() {
            edges.push(edge("holds", "in a file"));
            let (path, at) = self
                .location
                .rsplit_once(" at ")
                .unwrap_or((&self.location, ""));
            nodes.push(node("file", path, at, &self.location, 27));
            edges.push(edge("contains", ""));
        } else {
            edges.push(edge("holds", ""));
        }
        nodes.push(node(
            "secret",
            &self.preview,
            &secret_note,
            &self.fingerprint,
            19,
        ));
        edges.push(edge(&self.how, &format!("{} %", self.confidence)));
        let name = short(&target.1.name, &target.0);
        nodes.push(node(
            drawing::icon(&target.1.kind),
            name,
            &target.1.service,
            &target.0,
            22,
        ));
        let said: Vec<String> = nodes
            .iter()
            .map(|node| visible(&format!("{} ({})", node.name, node.note)))
            .collect();
        drawing::path(&nodes, &edges, &said.join(", then "))
    }
}

fn node(kind: &'static str, name: &str, note: &str, full: &str, most: u32) -> Node {
    Node {
        kind,
        name: name.to_owned(),
        note: note.to_owned(),
        full: full.to_owned(),
        most,
    }
}

fn edge(how: &str, note: &str) -> Edge {
    Edge {
        how: how.to_owned(),
        note: note.to_owned(),
    }
}
