//! What the program says about itself: types, rule files, completions and manual pages.

use crate::fixture::Desk;
use keydredge::rule::load::catalogue;

#[test]
fn every_type_is_explained_and_a_wrong_id_gets_the_nearest() {
    let desk = Desk::new();
    let ran = desk
        .run(&["types", "--explain", "ssh-private-key"])
        .expect(0);
    for part in [
        "ssh-private-key\n",
        "severity    high: it opens a service, an account or a machine",
        "up to structure",
        "~/.ssh/id_*",
        "\"BEGIN OPENSSH PR\"",
        "variant     openssh: ",
        "1. Remove the public half from every machine",
        "checksum    a checksum inside it holds",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let rules = catalogue().unwrap();
    for of in rules.types.iter().step_by(9) {
        let ran = desk.run(&["types", "--explain", &of.id]).expect(0);
        for variant in rules.variants_of(&of.id) {
            assert!(ran.stdout.contains(&variant.name), "{}", ran.stdout);
        }
    }
    let ran = desk
        .run(&["types", "--explain", "ssh-privat-key"])
        .expect(2);
    assert!(
        ran.stderr.contains("the nearest are `ssh-private-key`"),
        "{}",
        ran.stderr
    );
    let narrow = desk
        .keydredge()
        .env("COLUMNS", "60")
        .args(["types", "--explain", "private-key"])
        .output()
        .unwrap();
    let narrow = String::from_utf8(narrow.stdout).unwrap();
    for line in narrow.lines().skip(2) {
        let is_one_word = !line.trim_start().contains(' ');
        assert!(line.chars().count() <= 60 || is_one_word, "{line}");
    }
}

#[test]
fn the_example_of_a_rule_file_is_sound_and_finds_its_token() {
    let desk = Desk::new();
    let example = desk.run(&["rules", "example"]).expect(0).stdout;
    desk.file("own.toml", &example);
    let ran = desk.run(&["rules", "check", "own.toml"]).expect(0);
    assert!(
        ran.stdout
            .starts_with("1 types, 1 variants: 2 examples found, 3 counter-examples"),
        "{}",
        ran.stdout
    );
    let ran = desk
        .run(&["types", "--explain", "acme-token", "--rules", "own.toml"])
        .expect(0);
    assert!(ran.stdout.contains("\"acme_\"[0-9a-f]"), "{}", ran.stdout);
    let token = format!("acme_{}", "0123456789abcdef".repeat(3).get(..40).unwrap());
    let published = format!("acme_{}", "0".repeat(40));
    let utf16: Vec<u8> = format!(" {token} ")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut text = format!("a={token}\nb={published}\n\n").into_bytes();
    text.extend(utf16);
    let file = desk.file("a.txt", text);
    let ran = desk.scan(&file, &["--rules", "own.toml"]).expect(0);
    let types: Vec<String> = ran
        .findings()
        .into_iter()
        .map(|finding| finding.secret_type)
        .collect();
    assert_eq!(types, ["acme-token"; 2], "plain and in UTF-16");
    assert_eq!(ran.summary().suppressed["published example"], 1);
    // Its rule is in the reports too.
    let ran = desk
        .run(&["scan", "a.txt", "--rules", "own.toml", "--format", "sarif"])
        .expect(0);
    super::Schema::of("sarif-2.1.0.json").check(&super::parsed(&ran.stdout));
    assert!(ran.stdout.contains("\"name\":\"AcmeToken\""));
}

#[test]
fn completions_and_manual_pages_are_made_for_every_command() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = desk.run(&["generate", "completions", shell]).expect(0);
        assert!(ran.stdout.contains("include-suppressed"), "{shell}");
    }
    desk.run(&["generate", "man", "man"]).expect(0);
    for page in ["keydredge.1", "keydredge-scan.1", "keydredge-case-export.1"] {
        let text = std::fs::read_to_string(desk.path(&format!("man/{page}"))).unwrap();
        assert!(
            text.contains(".TH ") && text.contains(".SH OPTIONS"),
            "{page}"
        );
    }
    let help = desk.run(&["--help"]).expect(0).stdout;
    assert!(!help.contains("generate"), "a command of packagers only");
}
