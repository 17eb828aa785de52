//! What the README shows is what the program prints.
//!
//! `KEYDREDGE_BLESS=1 cargo test --release readme` writes the current output into the README.

use std::fs;
use std::path::Path;

use crate::fixture::Desk;

/// Speeds differ from run to run and the engine's device from machine to machine; everything else
/// must be equal.
fn normal(text: &str) -> String {
    let line = |line: &str| -> String {
        let Some((before, rest)) = line.split_once(" read at ") else {
            return line.trim_end().to_owned();
        };
        let after = rest.split_once("), ").map_or(rest, |(_, after)| after);
        format!("{before} read at RATE by ENGINE, {after}")
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn section(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let start = readme.find(&open).expect("the section's opening mark") + open.len();
    let end = readme.find(&close).expect("the section's closing mark");
    if normal(&readme[start..end]) == normal(expected) {
        return;
    }
    if std::env::var_os("KEYDREDGE_BLESS").is_some() {
        fs::write(
            &path,
            format!("{}{expected}{}", &readme[..start], &readme[end..]),
        )
        .unwrap();
        return;
    }
    panic!("README.md, section {name}, is out of date; expected:\n{expected}");
}

#[test]
fn the_demo_prints_what_the_readme_shows() {
    let desk = Desk::new();
    let ran = desk.run(&["demo", "--engine", "cpu"]).expect(0);
    section(
        "demo",
        &format!(
            "```console\n$ cargo run --release -- demo\n{}```\n",
            ran.stdout
        ),
    );
}

#[test]
fn the_table_of_types_is_the_catalogue() {
    let desk = Desk::new();
    let ran = desk.run(&["types", "--format", "markdown"]).expect(0);
    section("types", &ran.stdout);
}
