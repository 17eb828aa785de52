//! The frame around the sections, and what the page allows itself.

use std::io::{self, Write};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{Page, Sections, Shown, grouped};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("report.js");
/// cytoscape 3.34.4, MIT (`cytoscape.LICENSE`): the graph that one can move about in.
const GRAPH: &str = include_str!("cytoscape.min.js");
/// The graph library adds a style of its own, which the policy would refuse, unless an element of
/// this name is there already: ours is, and `style.css` has the one rule it would add.
const STYLE_ID: &str = "__________cytoscape_stylesheet";

/// Whether the page has its data with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A file that holds everything.
    File,
    /// Served, and fetching its data.
    Served,
}

static HASHES: LazyLock<[String; 3]> = LazyLock::new(|| {
    [STYLE, SCRIPT, GRAPH].map(|text| {
        let digest = Sha256::digest(text.as_bytes());
        format!("'sha256-{}'", STANDARD.encode(digest))
    })
});

/// The content security policy: only our own script and style, known by their hashes. `served`
/// also lets the script fetch from where it came.
#[must_use]
pub fn policy(served: bool) -> String {
    let [style, script, graph] = &*HASHES;
    let connect = if served { "connect-src 'self'; " } else { "" };
    format!(
        "default-src 'none'; script-src {script} {graph}; style-src {style}; {connect}\
         img-src data:; base-uri 'none'; form-action 'none'"
    )
}

/// Document up to and with the opening of the body.
pub(super) fn head(title: &str, mode: Mode, out: &mut dyn Write) -> io::Result<()> {
    let head = html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy(mode == Mode::Served));
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            meta name="color-scheme" content="light dark";
            meta name="generator" content={ "keydredge " (env!("CARGO_PKG_VERSION")) };
            title { (Shown(title)) @if !title.is_empty() { " · " } "keydredge" }
            link rel="icon" href="data:,";
            style id=(STYLE_ID) { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
    };
    out.write_all(head.into_string().as_bytes())
}

/// The scripts, and the end of the document.
pub(super) fn scripts(out: &mut dyn Write) -> io::Result<()> {
    let scripts = html! {
        script { (PreEscaped(GRAPH)) }
        script { (PreEscaped(SCRIPT)) }
        (PreEscaped("</body></html>\n"))
    };
    out.write_all(scripts.into_string().as_bytes())
}

/// Everything a reader sees.
pub(super) fn frame(page: &Page, sections: &Sections) -> Markup {
    html! {
        (sprite())
        a.skip href="#overview" { "Skip to the report" }
        (bar(Some(page)))
        div.frame {
            nav.side aria-label="Sections" {
                ul {
                    @for (anchor, name, count) in &sections.counts {
                        li {
                            a href={ "#" (anchor) } {
                                span { (name) }
                                @if let Some(count) = count {
                                    span.count { (grouped(*count)) }
                                }
                            }
                        }
                    }
                }
            }
            main { (sections.body) }
        }
        footer.foot {
            "Made by keydredge " (env!("CARGO_PKG_VERSION")) " on " (page.made) " from the case "
            (Shown(&page.title)) ". No secret stands in this page: previews are redacted, and fingerprints are worth nothing without their key."
        }
    }
}

/// What is shown until the case may be.
pub(super) fn frame_without_case() -> Markup {
    html! {
        (bar(None))
        main.wait {
            p #wait role="status" { "Loading the case…" }
            noscript { p { "The served case needs script. `keydredge case report` makes a file that does not." } }
        }
    }
}

fn bar(page: Option<&Page>) -> Markup {
    html! {
        header.bar {
            div.brand {
                svg.mark viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
                    path d="M3 6h18M5 10h14M8 14h8" {}
                    circle cx="12" cy="19" r="2.4" {}
                }
                h1 {
                    "keydredge"
                    @if let Some(page) = page { " " span.case { (Shown(&page.title)) } }
                }
            }
            div.tools {
                @if let Some(page) = page {
                    time.made { (page.made) }
                }
                button.quiet #theme type="button" hidden { "Theme" }
                button.quiet #print type="button" hidden { "Print" }
            }
        }
    }
}

/// The icons, each drawn once.
fn sprite() -> Markup {
    let icons = [
        (
            "internet",
            "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M3 12h18M12 3c3 3 3 15 0 18c-3-3-3-15 0-18",
        ),
        ("inside", "M4 20V9l8-5l8 5v11zM9 20v-6h6v6"),
        (
            "vm",
            "M4 4h16v7H4zM4 13h16v7H4zM7 7.5h.01M7 16.5h.01M11 7.5h6M11 16.5h6",
        ),
        ("file", "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6"),
        (
            "secret",
            "M8 11a4 4 0 1 0 0 .01M11.5 12.5L20 4M16 8l3 3M13.5 10.5l2 2",
        ),
        ("storage", "M4 6h16l-2 14H6zM4 6c0-2 16-2 16 0M8 11h8"),
        (
            "database",
            "M5 6c0-3 14-3 14 0v12c0 3-14 3-14 0zM5 6c0 3 14 3 14 0M5 12c0 3 14 3 14 0",
        ),
        (
            "identity",
            "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4 21c0-9 16-9 16 0",
        ),
        (
            "deployment",
            "M12 3l9 5l-9 5l-9-5zM3 12l9 5l9-5M3 16l9 5l9-5",
        ),
        ("other", "M4 4h16v16H4zM4 12h16"),
    ];
    html! {
        svg.sprite width="0" height="0" aria-hidden="true" focusable="false" {
            @for (name, shape) in icons {
                symbol id={ "i-" (name) } viewBox="0 0 24 24" { path d=(shape) {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_files_can_stand_inside_their_elements() {
        for (text, end) in [
            (SCRIPT, "</script"),
            (GRAPH, "</script"),
            (STYLE, "</style"),
        ] {
            let lower = text.to_ascii_lowercase();
            assert!(!lower.contains(end) && !lower.contains("<!--"));
        }
    }

    #[test]
    fn the_script_makes_no_markup_and_runs_no_text() {
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "setAttribute(\"style\"",
            "createContextualFragment",
            "srcdoc",
        ] {
            assert!(!SCRIPT.contains(word), "report.js uses {word}");
        }
    }

    #[test]
    fn the_graph_library_is_the_published_one() {
        let digest = Sha256::digest(GRAPH.as_bytes());
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            digits, "081591ab735b2b6a3b31a3c60f8f3a3e2fee8c92939e0c7820ad1208571b6cd8",
            "cytoscape.min.js of the package cytoscape 3.34.4"
        );
        assert!(include_str!("cytoscape.LICENSE").contains("Permission is hereby granted"));
    }
}
