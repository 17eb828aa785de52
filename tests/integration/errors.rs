//! Bad input: one clear sentence and the right exit code, whatever it is.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use keydredge::specimen::{Stream, maker};

use crate::fixture::Desk;

/// The one sentence, without the program's name.
#[track_caller]
fn sentence(stderr: &str) -> &str {
    let line = stderr.trim_end();
    assert_eq!(line.lines().count(), 1, "{stderr}");
    line.strip_prefix("keydredge: ")
        .unwrap_or_else(|| panic!("{stderr}"))
}

/// The program as somebody without rights runs it. Permissions do not bind the superuser, so the
/// test gives them up, and runs a copy: the superuser's own folder may let nobody else in.
fn without_rights(desk: &Desk, is_superuser: bool) -> Command {
    std::fs::set_permissions(desk.path("."), std::fs::Permissions::from_mode(0o777)).unwrap();
    let usual = desk.keydredge();
    if !is_superuser {
        return usual;
    }
    let program = desk.path("keydredge");
    // Not written by this process, whose other threads could keep it open while they start others.
    let copied = Command::new("cp")
        .arg(usual.get_program())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let mut command = Command::new(program);
    command.current_dir(desk.path(".")).uid(65534).gid(65534);
    for (name, value) in usual.get_envs() {
        command.env(name, value.unwrap());
    }
    command
}

#[test]
fn a_missing_file_is_named() {
    let desk = Desk::new();
    let ran = desk.run(&["scan", "nowhere.img"]).expect(2);
    assert_eq!(
        sentence(&ran.stderr),
        "nowhere.img: No such file or directory (os error 2)"
    );
}

#[test]
fn a_folder_without_permission_is_named() {
    let desk = Desk::new();
    desk.file("locked/secret.txt", "x");
    let locked = desk.path("locked");
    let set = |mode| {
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o000);
    let mut command = without_rights(&desk, std::fs::read_dir(&locked).is_ok());
    let output = command.arg("scan").arg(&locked).output().unwrap();
    set(0o755);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        sentence(&stderr).ends_with("locked: Permission denied (os error 13)"),
        "{stderr}"
    );
}

#[test]
fn an_unreadable_file_in_a_tree_makes_the_scan_incomplete_and_the_rest_is_found() {
    let desk = Desk::new();
    let token = maker("github-classic").unwrap()(&mut Stream::new("tree"));
    desk.file("tree/a.txt", &token);
    let locked = desk.file("tree/locked.txt", "x");
    desk.file("tree/z.txt", &token);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = without_rights(&desk, std::fs::read(&locked).is_ok());
    let output = command
        .args(["scan", "--format", "jsonl", "tree"])
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stdout}");
    assert_eq!(stdout.matches("keydredge.finding/1").count(), 2);
    assert!(
        stdout.lines().last().unwrap().contains("locked.txt"),
        "{stdout}"
    );
}

#[test]
fn an_empty_file_is_searched_and_has_nothing() {
    let desk = Desk::new();
    let ran = desk.scan(&desk.file("empty.img", ""), &[]).expect(0);
    let summary = ran.summary();
    assert_eq!(
        (summary.findings, summary.bytes_read, summary.complete),
        (0, 0, true)
    );
}

#[test]
fn an_unknown_type_is_named() {
    let desk = Desk::new();
    let file = desk.file("a.txt", "x");
    let ran = desk
        .scan(&file, &["--types", "aws-access-key,aws-acces-key"])
        .expect(2);
    assert_eq!(
        sentence(&ran.stderr),
        "no secret type is called `aws-acces-key`; the nearest are `aws-access-key`, \
         `azure-shared-access-key`, `ssh-private-key`; `keydredge types` lists them all"
    );
}

#[test]
fn a_gpu_that_is_not_there_is_not_replaced() {
    let desk = Desk::new();
    let file = desk.file("a.txt", "x");
    let nothing = desk.path("none.json");
    let output = desk
        .keydredge()
        .args(["scan", "--engine", "gpu"])
        .arg(&file)
        .env("VK_ICD_FILENAMES", &nothing)
        .env("VK_DRIVER_FILES", &nothing)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(sentence(&stderr).starts_with("no usable GPU: "), "{stderr}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    let make = maker("github-classic").unwrap();
    let mut stream = Stream::new("many");
    let many: String = (0..20_000).map(|_| make(&mut stream) + "\n").collect();
    let file = desk.file("many.txt", many);
    let mut child = desk
        .keydredge()
        .args(["scan", "--format", "jsonl"])
        .arg(&file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_full_disk_is_transient_and_named() {
    let desk = Desk::new();
    let file = desk.file(
        "a.txt",
        maker("github-classic").unwrap()(&mut Stream::new("full")),
    );
    let ran = desk.scan(&file, &["--output", "/dev/full"]).expect(75);
    assert!(
        sentence(&ran.stderr).contains("No space left on device"),
        "{}",
        ran.stderr
    );
    assert!(
        std::fs::metadata("/dev/full").is_ok_and(|kind| !kind.is_file()),
        "left alone"
    );
}

#[test]
fn a_pipe_is_refused_with_advice_and_a_wrong_argument_with_the_usage() {
    let desk = Desk::new();
    let ran = desk.run(&["scan", "/dev/tty0"]);
    assert_eq!(ran.code, 2);
    let ran = desk.run(&["scan", "/dev/null"]).expect(2);
    assert!(
        sentence(&ran.stderr).contains("pipe it in"),
        "{}",
        ran.stderr
    );
    let ran = desk.run(&["scan", "--range", "9..1", "x"]).expect(2);
    assert!(ran.stderr.contains("is empty"), "{}", ran.stderr);
    desk.run(&["scna"]).expect(2);
    desk.run(&["--version"]).expect(0);
}

#[test]
fn a_container_that_cannot_be_read_is_searched_as_it_lies_and_said_to_be_incomplete() {
    let desk = Desk::new();
    for (name, head, words) in [
        (
            "disk.qcow2",
            &b"QFI\xfb"[..],
            "it is qcow2 version 0, expected 2 or 3",
        ),
        ("disk.Ex01", b"EVF2\x0d\x0a\x81\x00", "is a EWF2 container"),
    ] {
        let mut bytes = head.to_vec();
        bytes.resize(100_000, 0);
        let ran = desk.scan(&desk.file(name, bytes), &[]).expect(3);
        let summary = ran.summary();
        assert_eq!(summary.bytes_read + summary.bytes_skipped, 100_000);
        let warning = &summary.warnings[0];
        assert!(!summary.complete && warning.contains(words), "{warning}");
        assert!(warning.contains("searched as it lies"), "{warning}");
    }
}

#[test]
fn a_broken_rule_file_is_explained() {
    let desk = Desk::new();
    let rules = desk.file("own.toml", "[[type]]\nid = 'x'\n");
    let file = desk.file("a.txt", "x");
    let ran = desk
        .scan(&file, &["--rules", rules.to_str().unwrap()])
        .expect(2);
    assert!(
        ran.stderr.contains("own.toml") && ran.stderr.contains("line"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_key_file_of_the_wrong_length_is_refused() {
    let desk = Desk::new();
    let file = desk.file("a.txt", "x");
    let key = desk.file("short.key", "x");
    let ran = desk
        .scan(&file, &["--key", key.to_str().unwrap()])
        .expect(2);
    assert!(
        sentence(&ran.stderr).contains("has 1 bytes, expected 32"),
        "{}",
        ran.stderr
    );
}
