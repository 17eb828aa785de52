//! Cloud deployments: every format as its tools write it, the exact place of each value, what a
//! document hides from a search, what is no secret, and what a hostile document may do.

mod case;
mod documents;
mod hidden;
mod hostile;
mod many;
mod templates;
mod types;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use keydredge::finding::{Finding, Occurrence};
use keydredge::specimen::{Stream, maker};

use crate::fixture::{Desk, Ran};

/// A token of a checksum, so that finding it is no matter of what is around it.
fn token(seed: &str) -> String {
    maker("github-classic").unwrap()(&mut Stream::new(seed))
}

fn scan(desk: &Desk, input: &Path, args: &[&str]) -> Ran {
    let all = [&["--as", "deployment", "--engine", "cpu"], args].concat();
    desk.scan(input, &all)
}

/// What is said of a value: pointer, role, resource.
type Said<'a> = (&'a str, &'a str, Option<&'a str>);

/// Writes a document in which `{0}`, `{1}`, ... are tokens, and expects each to be found once, at
/// its line and column, with what is said of it. Gives the places in the order of the tokens.
#[track_caller]
fn expect(
    name: &str,
    template: &str,
    kind: &str,
    deployment: Option<&str>,
    said: &[Said<'_>],
) -> Vec<Occurrence> {
    let desk = Desk::new();
    let tokens: Vec<String> = (0..said.len())
        .map(|n| token(&format!("{name}/{n}")))
        .collect();
    let mut text = template.to_owned();
    for (number, token) in tokens.iter().enumerate() {
        let hole = format!("{{{number}}}");
        assert_eq!(text.matches(&hole).count(), 1, "{hole}");
        text = text.replace(&hole, token);
    }
    let path = desk.file(name, &text);
    let found = scan(&desk, &path, &["--reveal"]).expect(0).findings();
    let mut places = Vec::new();
    for (token, (pointer, role, resource)) in tokens.iter().zip(said) {
        let own: Vec<&Finding> = found
            .iter()
            .filter(|found| found.secret.value.as_deref() == Some(token))
            .collect();
        assert_eq!(own.len(), 1, "{pointer}: found {} times", own.len());
        let place = &own[0].occurrence;
        assert_eq!(place.pointer.as_deref(), Some(*pointer));
        assert_eq!(place.role.as_deref(), Some(*role), "{pointer}");
        assert_eq!(place.resource.as_deref(), *resource, "{pointer}");
        assert_eq!(place.deployment_kind.as_deref(), Some(kind), "{pointer}");
        assert_eq!(place.deployment.as_deref(), deployment, "{pointer}");
        let at = text.find(token.as_str()).unwrap();
        let line = text[..at].matches('\n').count() + 1;
        let column = at - text[..at].rfind('\n').map_or(0, |end| end + 1) + 1;
        assert_eq!(
            (place.offset, place.line, place.column),
            (at as u64, Some(line as u64), Some(column as u64)),
            "{pointer}"
        );
        if text.trim_start().starts_with(['{', '[']) && text.lines().count() > 1 {
            let value = resolve(&text, pointer);
            assert!(value.contains(token.as_str()), "{pointer} is {value}");
        }
        places.push(place.clone());
    }
    assert_eq!(found.len(), tokens.len(), "nothing else is found");
    places
}

/// What jq finds behind a JSON pointer.
fn resolve(document: &str, pointer: &str) -> String {
    let program = r#"reduce ($p | split("/")[1:][] | gsub("~1"; "/") | gsub("~0"; "~")) as $s
        (.; if type == "array" then .[$s | tonumber] else .[$s] end)"#;
    let mut jq = Command::new("jq")
        .args(["-r", "--arg", "p", pointer, program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = jq.stdin.take().unwrap();
    stdin.write_all(document.as_bytes()).unwrap();
    drop(stdin);
    let output = jq.wait_with_output().unwrap();
    assert!(output.status.success(), "jq, {pointer}");
    String::from_utf8(output.stdout).unwrap()
}
