//! The commands around the scan.

use keydredge::specimen::disk::Truth;

use crate::fixture::Desk;

#[test]
fn the_demo_finds_every_planted_secret_and_no_look_alike_on_cpu_and_gpu() {
    let desk = Desk::new();
    for engine in ["cpu", "gpu"] {
        let ran = desk
            .run(&["demo", "--engine", engine, "--dir", engine])
            .expect(0);
        assert!(
            ran.stdout.contains(" 0 false findings on "),
            "{}",
            ran.stdout
        );
        assert!(
            ran.stdout.contains(&format!("by {engine} (")),
            "{}",
            ran.stdout
        );
    }
    let (one, two) = (desk.path("cpu/disk.img"), desk.path("gpu/disk.img"));
    assert_eq!(
        std::fs::read(one).unwrap(),
        std::fs::read(two).unwrap(),
        "the same disk each time"
    );
    let truth = std::fs::read_to_string(desk.path("cpu/truth.jsonl")).unwrap();
    let rows: Vec<Truth> = truth
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    let kinds: std::collections::BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.secret)
        .map(|row| row.secret_type.as_str())
        .collect();
    assert!(kinds.len() >= 12, "{kinds:?}");
    assert!(rows.iter().any(|row| !row.secret) && rows.iter().any(|row| row.deleted));
}

#[test]
fn devices_says_which_adapter_is_used_and_why() {
    let desk = Desk::new();
    let ran = desk.run(&["devices"]).expect(0);
    for part in [
        "0  ",
        "storage binding ",
        "--engine auto: ",
        "`--engine auto` uses ",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn types_lists_every_type_in_three_formats() {
    let desk = Desk::new();
    let json = desk.run(&["types", "--format", "json"]).expect(0);
    let types: Vec<serde_json::Value> = serde_json::from_str(&json.stdout).unwrap();
    let rules = keydredge::rule::load::catalogue().unwrap();
    assert_eq!(types.len(), rules.types.len());
    for format in ["table", "markdown"] {
        let ran = desk.run(&["types", "--format", format]).expect(0);
        assert!(
            rules
                .types
                .iter()
                .all(|secret_type| ran.stdout.contains(&secret_type.id))
        );
    }
}

#[test]
fn rules_check_proves_the_catalogue_and_refuses_a_rule_that_misses() {
    let desk = Desk::new();
    let ran = desk.run(&["rules", "check"]).expect(0);
    assert!(ran.stdout.ends_with(" 0 problems.\n"), "{}", ran.stdout);
    let rules = desk.file(
        "own.toml",
        "[[type]]\nid = 'own-token'\nname = 'Own token'\nseverity = 'high'\n\
         [[type.variant]]\nname = 'v1'\nanchors = [{ literal = 'own_' }]\n\
         reach = { before = 8, after = 40 }\npattern = '(?<secret>(?:own|two)_[0-9]{8})'\n\
         examples = ['k=own_12345678', 'k=two_12345678']\ncounter_examples = ['own_1']\n",
    );
    let ran = desk
        .run(&["rules", "check", rules.to_str().unwrap()])
        .expect(2);
    assert!(
        ran.stdout.contains("own-token") && ran.stdout.contains("two_"),
        "{}",
        ran.stdout
    );
}

#[test]
fn own_rules_are_searched_for_beside_the_catalogue() {
    let desk = Desk::new();
    let rules = desk.file(
        "own.toml",
        "[[type]]\nid = 'own-token'\nname = 'Own token'\nseverity = 'high'\nvm = true\n\
         [[type.variant]]\nname = 'v1'\nanchors = [{ literal = 'own_' }]\n\
         reach = { before = 8, after = 40 }\npattern = '(?<secret>own_[0-9]{8})'\n\
         examples = ['k=own_12345678']\ncounter_examples = ['own_1']\n",
    );
    let file = desk.file("a.txt", "k = own_12345678\n");
    let ran = desk
        .scan(&file, &["--rules", rules.to_str().unwrap()])
        .expect(0);
    assert_eq!(ran.findings()[0].secret_type, "own-token");
}

#[test]
fn info_names_container_partitions_and_file_systems() {
    let desk = Desk::new();
    let (image, _) = keydredge::specimen::disk::build("info", 64 << 20).unwrap();
    let raw = desk.file("disk.img", image);
    let qcow2 = desk.path("disk.qcow2");
    let made = std::process::Command::new("qemu-img")
        .args(["convert", "-c", "-O", "qcow2"])
        .args([&raw, &qcow2])
        .status()
        .expect("qemu-img: tests/run.sh installs it");
    assert!(made.success());
    for (path, container) in [(&raw, "raw"), (&qcow2, "qcow2")] {
        let ran = desk.run(&["info", path.to_str().unwrap()]).expect(0);
        for part in [
            container,
            "67108864 bytes",
            "volume 1",
            "MBR",
            "fat16",
            "KEYDREDGE",
        ] {
            assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
        }
    }
    // A container that cannot be read is not passed off as a raw disk.
    let mut bytes = std::fs::read(&qcow2).unwrap();
    bytes[20..24].copy_from_slice(&40_u32.to_be_bytes());
    let broken = desk.file("broken.qcow2", bytes);
    let ran = desk.run(&["info", broken.to_str().unwrap()]).expect(3);
    for part in [
        "container    qcow2, which cannot be read",
        "at 0x14: clusters of 2^40 bytes, expected 2^9 to 2^21",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let scanned = desk.scan(&broken, &[]).expect(3);
    let warnings = scanned.summary().warnings;
    let told = |warning: &String| warning.contains("at 0x14: clusters of 2^40 bytes");
    assert!(warnings.iter().any(told), "{warnings:?}");
    let ran = desk.run(&["info", "nowhere.img"]).expect(2);
    assert!(ran.stderr.contains("nowhere.img"), "{}", ran.stderr);
}
