//! Documents that were made to break their reader: they may cost a finding its pointer, no more.

use std::time::{Duration, Instant};

use keydredge::finding::Occurrence;

use super::{Desk, scan, token};

/// Where the one token in a document is found, and what the summary warns of.
#[track_caller]
fn place(name: &str, bytes: impl AsRef<[u8]>) -> (Occurrence, Vec<String>) {
    let desk = Desk::new();
    let path = desk.file(name, bytes);
    let started = Instant::now();
    let ran = scan(&desk, &path, &[]).expect(0);
    assert!(started.elapsed() < Duration::from_secs(60), "{name}");
    let mut found = ran.findings();
    assert_eq!(found.len(), 1, "{name}");
    (found.remove(0).occurrence, ran.summary().warnings)
}

#[test]
fn what_is_nested_too_deep_has_a_line_and_no_pointer() {
    let token = token("deep");
    for (name, text) in [
        (
            "deep.json",
            format!("{}\n\"{token}\"", "[".repeat(1_000_000)),
        ),
        (
            "deep2.json",
            format!(
                "{{\"b\":1,\n\"a\": {}\"{token}\"",
                "{\"a\":".repeat(200_000)
            ),
        ),
        (
            "deep.yaml",
            format!("a: {}\n  \"{token}\"", "[".repeat(100_000)),
        ),
        (
            "deep2.yaml",
            format!("k: v\na:\n  {}x\nb: {token}\n", "- ".repeat(50_000)),
        ),
        (
            "deep.tf",
            format!(
                "locals {{\n  x = {}\n  y = \"{token}\"\n",
                "[".repeat(500_000)
            ),
        ),
    ] {
        let (place, warnings) = place(name, &text);
        assert_eq!(place.pointer, None, "{name}");
        assert!(place.line.is_some(), "{name}");
        assert_eq!(warnings.len(), 1, "{name}: {warnings:?}");
        assert!(warnings[0].contains("no pointer"), "{warnings:?}");
    }
}

#[test]
fn what_breaks_off_is_told_as_far_as_it_goes() {
    let token = token("cut");
    let text = format!("{{\"a\": {{\"b\": \"{token}\", \"c\": [1, {{\"d\": \"cut o");
    let (found, warnings) = place("cut.json", &text);
    assert_eq!(found.pointer.as_deref(), Some("/a/b"));
    assert!(warnings.is_empty(), "{warnings:?}");
    let text = format!("{{\"a\": 1 2, \"b\": \"{token}\"}}");
    let (found, warnings) = place("wrong.json", &text);
    assert_eq!((found.pointer, found.line), (None, Some(1)));
    assert!(
        warnings[0].contains("read up to 0x8 (expected `,` or the end of the value, found `2`)"),
        "{warnings:?}"
    );
    let text = format!("a: {{{{ .Values.x }}}}\nb: [\nc: {token}\n");
    place("chart.yaml", &text);
}

#[test]
fn bytes_that_are_no_text_do_not_move_what_follows() {
    let token = token("bytes");
    let json = [
        b"{\"a\": \"\xff\xfe\xe9\", \"b\": \"",
        token.as_bytes(),
        b"\"}",
    ]
    .concat();
    assert_eq!(place("a.json", json).0.pointer.as_deref(), Some("/b"));
    let yaml = [b"a: \xff\xfe\xe9 x\nb: \"", token.as_bytes(), b"\"\n"].concat();
    let (found, _) = place("a.yaml", yaml);
    assert_eq!(
        (found.pointer.as_deref(), found.line, found.column),
        (Some("/b"), Some(2), Some(5))
    );
}

#[test]
fn keys_that_occur_twice_do_no_harm() {
    let token = token("twice");
    let text = format!("{{\"a\": \"{token}\", \"a\": 2, \"id\": \"x\", \"id\": [\"y\"]}}");
    assert_eq!(place("twice.json", text).0.pointer.as_deref(), Some("/a"));
    let text = format!("a: 1\na: {token}\n");
    assert_eq!(place("twice.yaml", text).0.pointer.as_deref(), Some("/a"));
}

#[test]
fn aliases_that_would_grow_are_never_followed() {
    let token = token("bomb");
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..40 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    text.push_str(&format!("<<: *a39\nend: {token}\n"));
    assert_eq!(place("bomb.yaml", text).0.pointer.as_deref(), Some("/end"));
}

#[test]
fn a_line_of_ten_megabytes_is_one_line() {
    let token = token("long");
    let mut text = "{\"a\": [".to_owned();
    while text.len() < 10 << 20 {
        text.push_str("{\"k\": \"v\", \"n\": 12345, \"e\": \"\\u00e9\\n\"}, ");
    }
    let count = text.matches("\"k\"").count();
    text.push_str(&format!("\"{token}\"]}}"));
    let (found, _) = place("long.json", &text);
    assert_eq!(found.pointer, Some(format!("/a/{count}")));
    assert_eq!(found.line, Some(1));
    // And one text of that length, full of escapes.
    let text = format!(
        "{{\"x\": \"{}\", \"y\": \"{token}\"}}",
        "\\u0041\\\\\\\\".repeat(1 << 20)
    );
    assert_eq!(place("escapes.json", text).0.pointer.as_deref(), Some("/y"));
}
