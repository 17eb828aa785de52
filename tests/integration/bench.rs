//! What `bench` prints adds up, and counts what a scan counts.

use serde_json::Value;

use crate::fixture::Desk;

/// Stages of which none may be negative and which together may not take longer than there was time.
const STAGES: [&str; 6] = [
    "source_us",
    "feed_us",
    "kernel_us",
    "read_back_us",
    "anchor_us",
    "confirm_us",
];

fn rows(stdout: &str) -> Vec<Value> {
    serde_json::from_str(stdout).unwrap()
}

fn number(row: &Value, column: &str) -> f64 {
    row[column]
        .as_f64()
        .unwrap_or_else(|| panic!("{column} of {row}"))
}

/// Text in which rules find what to look at: anchors, candidates and secrets.
fn demo_disk(desk: &Desk) -> String {
    desk.run(&["demo", "--engine", "cpu", "--dir", "demo"])
        .expect(0);
    desk.path("demo/disk.img").to_str().unwrap().to_owned()
}

#[test]
fn bench_says_where_the_time_of_every_engine_goes() {
    let desk = Desk::new();
    let disk = demo_disk(&desk);
    let ran = desk
        .run(&["bench", &disk, "--bytes", "2M", "--format", "json"])
        .expect(0);
    let rows = rows(&ran.stdout);
    let of = |engine: &'static str| rows.iter().filter(move |row| row["engine"] == engine);
    for (engine, expected) in [
        ("reference", &["source_us", "anchor_us", "confirm_us"][..]),
        ("cpu", &["source_us", "anchor_us", "confirm_us"]),
        (
            "gpu",
            &[
                "source_us",
                "feed_us",
                "kernel_us",
                "read_back_us",
                "confirm_us",
            ],
        ),
    ] {
        assert!(of(engine).count() > 0, "no {engine}: {}", ran.stdout);
        for row in of(engine) {
            assert!(number(row, "gb_s") > 0.0 && number(row, "of_read") > 0.0);
            let stages = STAGES.iter().filter(|stage| !row[**stage].is_null());
            assert_eq!(
                stages.collect::<Vec<_>>(),
                expected.iter().collect::<Vec<_>>()
            );
            let times: Vec<f64> = expected.iter().map(|stage| number(row, stage)).collect();
            assert!(times.iter().all(|time| *time >= 0.0), "{row}");
            let (sum, total) = (times.iter().sum::<f64>(), number(row, "total_us"));
            // They are rounded to four digits.
            assert!(sum <= total * number(row, "at_once") * 1.005, "{row}");
            assert!(times.iter().all(|time| *time <= total * 1.005), "{row}");
        }
    }
    // Neither the search nor the confirming of a disk with secrets is free.
    let cpu = of("cpu").next().unwrap();
    assert!(number(cpu, "anchor_us") > 0.0 && number(cpu, "confirm_us") > 0.0);
    let gpu = of("gpu").next().unwrap();
    assert!(
        number(gpu, "kernel_us") > 0.0 && number(gpu, "feed_us") > 0.0,
        "{gpu}"
    );
}

#[test]
fn bench_shows_the_engines_as_a_table_too() {
    let desk = Desk::new();
    let file = desk.file("data.bin", "some bytes of text\n".repeat(200_000));
    let ran = desk
        .run(&["bench", file.to_str().unwrap(), "--bytes", "1M"])
        .expect(0);
    assert!(ran.stdout.starts_with("1.0 MiB of "), "{}", ran.stdout);
    for engine in ["read ", "reference ", "cpu ", "gpu "] {
        let line = ran.stdout.lines().find(|line| line.starts_with(engine));
        let rate = line
            .and_then(|line| line.split_whitespace().nth(1))
            .expect(&ran.stdout);
        assert!(rate.parse::<f64>().is_ok(), "{engine}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("refused"), "{}", ran.stdout);
}

#[test]
fn the_costs_of_rules_count_what_a_scan_counts() {
    let desk = Desk::new();
    let disk = demo_disk(&desk);
    let ran = desk
        .run(&["bench", "--rules", &disk, "--format", "json"])
        .expect(0);
    let rows = rows(&ran.stdout);
    // A file of no kind and no closed streams: the scan then looks at its bytes and nothing else.
    let scan = desk.scan(
        disk.as_ref(),
        &[
            "--as",
            "tree",
            "--profile",
            "all",
            "--max-depth",
            "0",
            "--engine",
            "cpu",
        ],
    );
    let summary = scan.expect(0).summary();
    let (all, each) = rows.split_first().unwrap();
    assert_eq!(all["type"], "all");
    let count = |row: &Value, column: &str| row[column].as_u64().unwrap();
    assert_eq!(count(all, "hits"), summary.hits);
    assert_eq!(count(all, "candidates"), summary.candidates);
    assert_eq!(
        count(all, "confirmed"),
        summary.candidates - summary.rejected
    );
    assert!(summary.candidates > summary.rejected && summary.rejected > 0);
    for column in ["candidates", "confirmed"] {
        let sum: u64 = each.iter().map(|row| count(row, column)).sum();
        assert_eq!(sum, count(all, column), "{column}");
    }
    for row in each {
        assert!(count(row, "hits") >= count(row, "candidates"), "{row}");
        assert!(count(row, "candidates") >= count(row, "confirmed"), "{row}");
    }
    let times: Vec<f64> = each.iter().map(|row| number(row, "ms")).collect();
    assert!(times.is_sorted_by(|one, two| one >= two), "{times:?}");
    assert!(times.iter().sum::<f64>() <= number(all, "ms") * 1.01 + 1.0);
}
