//! Pictures: bars, and attack paths as boxes in a line.
//!
//! Plain SVG with presentation attributes: no script, no style of its own, and the same on paper.

use maud::{Markup, html};

use super::{clipped, grouped};

/// Height of a path's picture.
const HEIGHT: u32 = 92;
/// Where the boxes stand in it.
const TOP: u32 = 12;
const BOX: u32 = 64;
/// Room between boxes, for what is said of the edge.
const GAP: u32 = 100;
/// Width of a character in the two sizes of text, rounded up.
const WIDE: u32 = 7;
const NARROW: u32 = 6;
/// Room in a box beside its text.
const MARGIN: u32 = 46;

/// One box.
pub(super) struct Node {
    /// Its icon: `internet`, `vm`, `file`, ...
    pub(super) kind: &'static str,
    /// The name in it.
    pub(super) name: String,
    /// The line under the name.
    pub(super) note: String,
    /// All of it, for whoever points at it.
    pub(super) full: String,
    /// Most characters of its lines.
    pub(super) most: u32,
}

/// What leads from one box to the next.
pub(super) struct Edge {
    /// How.
    pub(super) how: String,
    /// How sure, or where.
    pub(super) note: String,
}

/// The icon for a kind of asset.
pub(super) fn icon(kind: &str) -> &'static str {
    match kind {
        "vm" => "vm",
        "storage" => "storage",
        "database" => "database",
        "identity" => "identity",
        "deployment" => "deployment",
        _ => "other",
    }
}

/// Boxes in a line, with arrows between them. `said` is the path in one sentence.
pub(super) fn path(nodes: &[Node], edges: &[Edge], said: &str) -> Markup {
    let width_of = |node: &Node| MARGIN + node.most * NARROW;
    let mut at = 2;
    let mut placed = Vec::new();
    for node in nodes {
        let width = width_of(node);
        placed.push((node, at, width));
        at += width + GAP;
    }
    let width = at.saturating_sub(GAP) + 2;
    let middle = TOP + BOX / 2;
    html! {
        svg.path role="img" aria-label=(said) viewBox={ "0 0 " (width) " " (HEIGHT) }
            width=(width) height=(HEIGHT) {
            @for ((edge, (_, left, own)), (_, right, _)) in edges.iter().zip(&placed).zip(placed.iter().skip(1)) {
                @let from = left + own;
                @let centre = from + GAP / 2;
                path.edge d={ "M" (from) " " (middle) "H" (right - 7) } {}
                path.arrow d={ "M" (right - 8) " " (middle - 4) "l8 4l-8 4z" } {}
                text.how x=(centre) y=(middle - 8) text-anchor="middle" { title { (super::Shown(&edge.how)) } (clipped(&edge.how, 15)) }
                text.sure x=(centre) y=(middle + 17) text-anchor="middle" { (clipped(&edge.note, 15)) }
            }
            @for (node, left, width) in &placed {
                @let most = node.most as usize;
                g.{ "node n-" (node.kind) } {
                    title { (super::Shown(&node.full)) }
                    rect x=(left) y=(TOP) width=(width) height=(BOX) rx="8" {}
                    use href={ "#i-" (node.kind) } x=(left + 10) y=(TOP + 21) width="22" height="22" {}
                    text.name x=(left + 40) y=(TOP + 28) { (clipped(&node.name, most * NARROW as usize / WIDE as usize)) }
                    text.note x=(left + 40) y=(TOP + 46) { (clipped(&node.note, most)) }
                }
            }
        }
    }
}

/// A bar as long as its share of the longest.
pub(super) fn bar(count: u64, longest: u64, class: &str) -> Markup {
    let width = (count.saturating_mul(100) / longest.max(1)).max(1);
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect.back width="100" height="8" {}
            rect.{ "fill " (class) } width=(width) height="8" {}
        }
    }
}

/// Parts of a whole, side by side: count, class and what it is.
pub(super) fn parts(parts: &[(u64, &str, &str)]) -> Markup {
    let all: u64 = parts.iter().map(|(count, _, _)| count).sum();
    let said: Vec<String> = parts
        .iter()
        .map(|(count, _, name)| format!("{} {name}", grouped(*count)))
        .collect();
    let mut at = 0;
    let mut placed = Vec::new();
    for (count, class, _) in parts {
        let width = count.saturating_mul(100) / all.max(1);
        placed.push((at, width, *class));
        at += width;
    }
    html! {
        svg.bar.parts viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(said.join(", ")) {
            rect.back width="100" height="8" {}
            @for (x, width, class) in placed {
                rect.{ "fill " (class) } x=(x) width=(width) height="8" {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_path_has_a_box_per_node_and_keeps_hostile_names_inert() {
        let node = |name: &str| Node {
            kind: "vm",
            name: name.to_owned(),
            note: String::new(),
            full: name.to_owned(),
            most: 20,
        };
        let edge = Edge {
            how: "authorized_keys".to_owned(),
            note: "95".to_owned(),
        };
        let drawn = path(&[node("a"), node("</svg><script>")], &[edge], "a to b").into_string();
        assert_eq!(drawn.matches("<rect").count(), 2);
        assert_eq!(drawn.matches("class=\"arrow\"").count(), 1);
        assert!(!drawn.contains("<script>") && drawn.contains("&lt;script&gt;"));
    }
}
