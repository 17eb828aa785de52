//! Many deployments at once: lines, directories, standard input; and how the result is shown.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Desk, scan, token};

const LINES: usize = 100_000;
/// Every so many lines hold a secret.
const EVERY: usize = 500;

fn id(number: usize) -> String {
    format!(
        "/subscriptions/0b1c7d2e-0000-4000-8000-5f1a2b3c4d5e/resourceGroups/rg/providers/Microsoft.Resources/deployments/d{number}"
    )
}

/// A deployment a line, and the tokens in some of them.
fn lines() -> (String, BTreeMap<String, String>) {
    let mut text = String::new();
    let mut tokens = BTreeMap::new();
    for number in 0..LINES {
        let value = match number % EVERY {
            7 => token(&format!("line {number}")),
            _ => "nothing".to_owned(),
        };
        // As `jq -c` writes it, broken once: one bad line is no reason to misread the others.
        let line = match number {
            3 => "{\"id\": \"broken\", \"properties\": {".to_owned(),
            _ => json!({"id": id(number), "name": format!("d{number}"),
                "properties": {"outputs": {"o": {"type": "String", "value": value}},
                    "parameters": {"p": {"type": "SecureString"}}},
                "type": "Microsoft.Resources/deployments"})
            .to_string(),
        };
        text.push_str(&line);
        text.push('\n');
        if value != "nothing" {
            tokens.insert(id(number), value);
        }
    }
    (text, tokens)
}

#[test]
fn a_hundred_thousand_deployments_each_with_its_id() {
    let desk = Desk::new();
    let (text, tokens) = lines();
    let path = desk.file("all.jsonl", &text);
    let from_file = scan(&desk, &path, &["--reveal"]).expect(0);
    let found = from_file.findings();
    assert_eq!((found.len(), tokens.len()), (LINES / EVERY, LINES / EVERY));
    let starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    for found in &found {
        let place = &found.occurrence;
        let id = place.deployment.as_deref().unwrap();
        assert_eq!(found.secret.value.as_ref(), tokens.get(id), "{id}");
        assert_eq!(
            place.pointer.as_deref(),
            Some("/properties/outputs/o/value")
        );
        assert_eq!(place.role.as_deref(), Some("output"));
        let number: usize = id.rsplit("/d").next().unwrap().parse().unwrap();
        assert_eq!(place.line, Some(number as u64 + 1));
        assert_eq!(
            place.column,
            Some((place.offset as usize - starts[number] + 1) as u64)
        );
    }
    // The same through a pipe.
    let args = [
        "scan",
        "--as",
        "deployment",
        "--reveal",
        "--format",
        "jsonl",
        "-",
    ];
    let piped = desk.pipe(&args, text.as_bytes()).expect(0).findings();
    let same = |found: &keydredge::finding::Finding| {
        let place = &found.occurrence;
        (
            found.fingerprint.clone(),
            place.offset,
            place.line,
            place.deployment.clone(),
            place.pointer.clone(),
        )
    };
    assert_eq!(
        piped.iter().map(same).collect::<Vec<_>>(),
        found.iter().map(same).collect::<Vec<_>>()
    );
    assert!(piped.iter().all(|found| found.occurrence.path.is_none()));
}

#[test]
fn json_values_that_follow_each_other_are_documents_of_their_own() {
    let desk = Desk::new();
    let mut text = String::new();
    for number in 0..5 {
        let value = json!({"id": id(number), "properties": {"outputs": {"o": {"value": token(&number.to_string())}}}});
        text.push_str(&format!("{value:#}\n"));
    }
    let path = desk.file("shows.json", text);
    let found = scan(&desk, &path, &[]).expect(0).findings();
    let ids: Vec<String> = found
        .iter()
        .map(|found| found.occurrence.deployment.clone().unwrap())
        .collect();
    assert_eq!(ids, (0..5).map(id).collect::<Vec<_>>());
}

#[test]
fn a_directory_is_walked_and_its_test_folders_are_labelled() {
    let desk = Desk::new();
    let (one, two) = (token("one"), token("two"));
    desk.file("infra/main.tf", format!("locals {{\n  x = \"{one}\"\n}}\n"));
    desk.file(
        "infra/tests/k8s.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  x: {two}\n"),
    );
    desk.file("infra/README.md", "no deployment\n");
    let ran = scan(&desk, &desk.path("infra"), &[]).expect(0);
    assert_eq!(ran.summary().files, 3);
    assert_eq!(
        ran.summary().rules.types,
        52,
        "the profile is that of deployments"
    );
    let found = ran.findings();
    let said: Vec<(Option<&str>, bool)> = found
        .iter()
        .map(|found| {
            let is_test = found.occurrence.labels == ["test-directory"];
            (found.occurrence.pointer.as_deref(), is_test)
        })
        .collect();
    assert_eq!(said, [(Some("/locals/x"), false), (Some("/data/x"), true)]);
    // As plain files they have neither pointer nor the types of deployments.
    let plain = desk.scan(&desk.path("infra"), &[]).expect(0);
    assert_eq!(plain.summary().rules.types, 34);
    assert!(
        plain
            .findings()
            .iter()
            .all(|found| found.occurrence.pointer.is_none())
    );
}

#[test]
fn the_table_shows_deployment_and_pointer() {
    let desk = Desk::new();
    let text = json!({"id": id(1), "properties": {"outputs": {"o": {"value": token("table")}}}});
    let path = desk.file("show.json", text.to_string());
    let path = path.to_str().unwrap();
    let ran = desk
        .run(&["scan", "--as", "deployment", "--format", "table", path])
        .expect(0);
    let shown = format!("#/properties/outputs/o/value of {}", id(1));
    assert!(ran.stdout.contains(&shown), "{}", ran.stdout);
}
