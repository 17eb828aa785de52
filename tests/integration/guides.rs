//! The guides of the README do what they say: each is run as it stands, in a folder of its own.

use std::path::Path;
use std::process::Command;

use crate::fixture::{Desk, Ran};

/// The commands of a guide.
fn commands(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let open = format!("<!-- guide: {name} -->\n```sh\n");
    let (_, rest) = readme.split_once(&open).expect("the guide's opening mark");
    let (commands, _) = rest
        .split_once("```\n<!-- /guide -->")
        .expect("its closing mark");
    commands.to_owned()
}

/// Runs a guide as one script that stops at the first command that fails.
fn run(desk: &Desk, name: &str) -> Ran {
    let program = desk.keydredge().get_program().to_owned();
    let called = "keydredge() { \"$PROGRAM\" \"$@\"; }";
    let script = format!("set -euo pipefail\n{called}\n{}", commands(name));
    let ran = Command::new("bash")
        .args(["-c", &script])
        .env("PROGRAM", program)
        .env("KEYDREDGE_KEY", desk.path("key"))
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    Ran::of(ran).expect(0)
}

#[test]
fn an_examiner_gets_a_report_and_the_deleted_files() {
    let desk = Desk::new();
    let ran = run(&desk, "examiner");
    assert!(ran.stdout.contains("\"complete\": true"), "{}", ran.stdout);
    assert!(ran.stdout.contains("/tmp/old-key.pem\t"), "{}", ran.stdout);
    let page = std::fs::read_to_string(desk.path("case1/report.html")).unwrap();
    assert!(page.contains("id_ed25519") && page.contains("Bytes around it"));
    let dfxml = std::fs::read_to_string(desk.path("case1/findings.dfxml")).unwrap();
    assert!(dfxml.contains("<dfxml"));
}

#[test]
fn a_team_gets_paths_and_a_report() {
    let desk = Desk::new();
    let ran = run(&desk, "fleet");
    for scenario in ["A1", "A2", "A3", "A4", "W1", "W2", "W3", "W4", "G1"] {
        assert!(ran.stdout.contains(scenario), "{scenario}: {}", ran.stdout);
    }
    let page = std::fs::read_to_string(desk.path("team.html")).unwrap();
    assert!(page.contains("accepted until 2099-01-31"));
}

#[test]
fn a_pipeline_is_stopped_and_told_why() {
    let ran = run(&Desk::new(), "pipeline");
    assert!(ran.stdout.contains("error\t"), "{}", ran.stdout);
    assert!(ran.stdout.contains("high\t"), "{}", ran.stdout);
}

#[test]
fn the_rule_finds_what_was_made_for_it() {
    let ran = run(&Desk::new(), "rule");
    assert!(ran.stdout.contains(" 0 problems."), "{}", ran.stdout);
    assert!(ran.stdout.contains("notes.txt"), "{}", ran.stdout);
}

#[test]
fn a_record_tells_its_place_and_what_is_around_it() {
    let ran = run(&Desk::new(), "record");
    assert!(
        ran.stdout.contains("\"verdict\": \"paired\""),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("/home/ops/.aws/credentials"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("aws_secret_access_key"),
        "{}",
        ran.stdout
    );
}
