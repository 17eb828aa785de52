//! The pipeline as a whole: the same findings, however it is run.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use keydredge::finding::{Finding, Verdict};
use keydredge::specimen::{Stream, disk, maker};

use crate::fixture::Desk;

fn github(seed: &str) -> String {
    maker("github-classic").unwrap()(&mut Stream::new(seed))
}

/// Findings as lines that can be compared.
fn lines(findings: &[Finding]) -> Vec<String> {
    let mut lines: Vec<String> = findings
        .iter()
        .map(|finding| serde_json::to_string(finding).unwrap())
        .collect();
    lines.sort();
    lines
}

#[test]
fn every_engine_thread_count_and_chunk_size_gives_the_same_findings() {
    let desk = Desk::new();
    let (image, truth) = disk::build("same", disk::DEMO_LEN).unwrap();
    let image = desk.file("disk.img", image);
    let expected = desk
        .scan(&image, &["--engine", "cpu", "--profile", "all"])
        .expect(0);
    let expected = lines(&expected.findings());
    assert!(expected.len() >= truth.iter().filter(|row| row.secret).count());
    for threads in ["1", "2", "7"] {
        for chunk in ["4K", "68K", "1M", "64M"] {
            let args = [
                "--engine",
                "cpu",
                "--profile",
                "all",
                "--threads",
                threads,
                "--chunk",
                chunk,
            ];
            let ran = desk.scan(&image, &args).expect(0);
            assert_eq!(
                lines(&ran.findings()),
                expected,
                "{threads} threads, chunk {chunk}"
            );
        }
    }
    let args = ["--engine", "gpu", "--profile", "all", "--chunk", "20M"];
    let ran = desk.scan(&image, &args).expect(0);
    assert_eq!(ran.summary().engine, "gpu");
    assert_eq!(lines(&ran.findings()), expected, "gpu");
    // The oracle is slow, so it is given a part; the CPU engine must agree on that part.
    let range = format!(
        "{:#x}..{:#x}",
        truth[0].offset - 4096,
        truth[0].offset + (512 << 10)
    );
    let part = ["--profile", "all", "--range", &range, "--engine"];
    let oracle = desk
        .scan(&image, &[&part[..], &["reference"]].concat())
        .expect(0);
    let cpu = desk.scan(&image, &[&part[..], &["cpu"]].concat()).expect(0);
    assert!(!oracle.findings().is_empty());
    assert_eq!(lines(&oracle.findings()), lines(&cpu.findings()));
}

#[test]
fn a_secret_across_every_chunk_border_is_found_once() {
    let desk = Desk::new();
    let token = github("border");
    for shift in [1, 3, 4, 20, 39, 40, 41] {
        let mut bytes = vec![b'.'; 3 * 4096];
        let at = 4096 - shift;
        bytes[at..at + token.len()].copy_from_slice(token.as_bytes());
        let file = desk.file("border.bin", &bytes);
        let ran = desk
            .scan(&file, &["--chunk", "4K", "--engine", "cpu"])
            .expect(0);
        let found = ran.findings();
        assert_eq!(found.len(), 1, "{shift}");
        assert_eq!(found[0].occurrence.offset, at as u64);
        assert_eq!(found[0].verdict, Verdict::Checksum);
    }
}

#[test]
fn standard_input_gives_the_same_findings_as_the_file() {
    let desk = Desk::new();
    let mut bytes = vec![b'\n'; 5 << 20];
    for (index, at) in [0, (1 << 20) - 7, 3 << 20].into_iter().enumerate() {
        let token = github(&index.to_string());
        bytes[at..at + token.len()].copy_from_slice(token.as_bytes());
    }
    let file = desk.file("data.bin", &bytes);
    let from_file = desk.scan(&file, &["--as", "image"]).expect(0).findings();
    let piped = desk
        .pipe(&["scan", "--format", "jsonl", "-"], &bytes)
        .expect(0);
    assert_eq!(piped.summary().bytes_read, bytes.len() as u64);
    let place = |found: &[Finding]| -> Vec<(u64, String)> {
        found
            .iter()
            .map(|f| (f.occurrence.offset, f.fingerprint.clone()))
            .collect()
    };
    assert_eq!(place(&from_file).len(), 3);
    assert_eq!(place(&from_file), place(&piped.findings()));
}

#[test]
fn findings_are_written_while_the_scan_still_runs() {
    let desk = Desk::new();
    let mut child = desk
        .keydredge()
        .args(["scan", "--format", "jsonl", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    stdin
        .write_all(format!("{}\n", github("early")).as_bytes())
        .unwrap();
    stdin.write_all(&vec![b' '; 8 << 20]).unwrap();
    // Standard input is still open, so the scan cannot have ended.
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("github-personal-access-token"), "{line}");
    drop(stdin);
    assert!(
        lines
            .next()
            .unwrap()
            .unwrap()
            .contains("keydredge.summary/1")
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn holes_are_skipped_and_counted() {
    let desk = Desk::new();
    let path = desk.path("sparse.img");
    let mut file = File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    file.seek(SeekFrom::Start(700 << 30)).unwrap();
    file.write_all(github("sparse").as_bytes()).unwrap();
    drop(file);
    let ran = desk.scan(&path, &["--as", "image"]).expect(0);
    let summary = ran.summary();
    assert_eq!(ran.findings()[0].occurrence.offset, 700 << 30);
    assert_eq!(summary.bytes_read + summary.bytes_skipped, 1 << 40);
    assert!(summary.bytes_read < 1 << 20, "{}", summary.bytes_read);
}

#[test]
fn a_file_that_shrinks_under_the_scan_is_read_as_far_as_it_goes() {
    let desk = Desk::new();
    let path = desk.path("shrinking.img");
    let len = 6_u64 << 20;
    let mut file = File::create(&path).unwrap();
    file.write_all(format!("{}\n", github("kept")).as_bytes())
        .unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..6 {
        file.write_all(&block).unwrap();
    }
    drop(file);
    // The progress of the first finding is the signal that the file is mapped; a slow engine then
    // leaves time to cut it while it is being read.
    let mut child = desk
        .keydredge()
        .args([
            "scan",
            "--as",
            "image",
            "--format",
            "jsonl",
            "--engine",
            "reference",
        ])
        .args([
            "--threads",
            "1",
            "--chunk",
            "64K",
            "--types",
            "github-personal-access-token",
        ])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("keydredge.finding/1"), "{first}");
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(len / 2)
        .unwrap();
    let last = lines.map(Result::unwrap).last().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{last}");
    let summary: keydredge::finding::summary::Summary = serde_json::from_str(&last).unwrap();
    assert!(!summary.complete);
    assert!(summary.bytes_unreadable > 0);
    assert!(
        summary
            .unreadable
            .iter()
            .all(|range| range.start >= len / 2),
        "{last}"
    );
    assert!(!summary.changed.is_empty());
}

#[test]
fn a_range_limits_where_anchors_lie_not_what_is_read_around_them() {
    let desk = Desk::new();
    let (one, two) = (github("one"), github("two"));
    let file = desk.file("range.txt", format!("{}{one} {two}\n", " ".repeat(1000)));
    let found = |range: &str| {
        let ran = desk.scan(&file, &["--range", range]).expect(0);
        let offsets: Vec<u64> = ran.findings().iter().map(|f| f.occurrence.offset).collect();
        offsets
    };
    assert_eq!(found("0.."), [1000, 1041]);
    assert_eq!(found("1000..1001"), [1000]);
    assert_eq!(found("1001..1041"), [0_u64; 0]);
    assert_eq!(found("0x411.."), [1041]);
}

#[test]
fn a_tree_gives_path_line_and_column_and_labels_test_folders() {
    let desk = Desk::new();
    let token = github("tree");
    desk.file("tree/app/.env", format!("A=1\nTOKEN={token}\n"));
    desk.file(
        "tree/app/tests/fixture.bin",
        [b"\0\0", token.as_bytes()].concat(),
    );
    let ran = desk.scan(&desk.path("tree"), &[]).expect(0);
    let found = ran.findings();
    assert_eq!(found.len(), 2);
    assert!(
        found[0]
            .occurrence
            .path
            .as_deref()
            .unwrap()
            .ends_with("app/.env")
    );
    assert_eq!(
        (found[0].occurrence.line, found[0].occurrence.column),
        (Some(2), Some(7))
    );
    assert_eq!(found[1].occurrence.line, None, "a binary file has no lines");
    assert_eq!(found[1].occurrence.labels, ["test-directory"]);
    assert_eq!(
        found[0].fingerprint, found[1].fingerprint,
        "the same secret"
    );
    assert_eq!(ran.summary().files, 2);
}

#[test]
fn secrets_are_redacted_unless_asked_for() {
    let desk = Desk::new();
    let token = github("redacted");
    let file = desk.file("a.txt", &token);
    let hidden = desk.scan(&file, &[]).expect(0);
    let middle = &token[8..32];
    assert!(!hidden.stdout.contains(middle) && !hidden.stderr.contains(middle));
    let table = desk
        .run(&["scan", "--format", "table", file.to_str().unwrap()])
        .expect(0);
    assert!(table.stdout.contains("ghp_…") && !table.stdout.contains(middle));
    let shown = desk.scan(&file, &["--reveal"]).expect(0);
    assert_eq!(
        shown.findings()[0].secret.value.as_deref(),
        Some(token.as_str())
    );
}

#[test]
fn an_output_file_is_private_and_complete() {
    let desk = Desk::new();
    let file = desk.file("a.txt", github("output"));
    let output = desk.file("out.jsonl", "an older result");
    let ran = desk
        .scan(&file, &["--output", output.to_str().unwrap()])
        .expect(0);
    assert_eq!(ran.stdout, "");
    let text = fs::read_to_string(&output).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().last().unwrap().contains("keydredge.summary/1"));
    assert_eq!(
        fs::metadata(&output).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let left: Vec<_> = fs::read_dir(output.parent().unwrap()).unwrap().collect();
    assert_eq!(
        left.len(),
        3,
        "the file, its output and the key, and nothing temporary"
    );
}

#[test]
fn fail_on_speaks_through_the_exit_code() {
    let desk = Desk::new();
    let file = desk.file("a.txt", github("severity"));
    desk.scan(&file, &["--fail-on", "high"]).expect(1);
    desk.scan(&file, &["--fail-on", "critical"]).expect(0);
}
