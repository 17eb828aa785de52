//! All that a scan of the files finds, a scan of the disk with these files finds too.

use std::collections::HashSet;

use keydredge::finding::Finding;
use keydredge::specimen::{Stream, disk};

use super::{INLINE, blank, ext4, filler, run};
use crate::fixture::Desk;

/// What a finding is, wherever the files lie.
fn key(finding: &Finding, root: &str) -> (String, String, u64, String) {
    let place = &finding.occurrence;
    let path = place.path.clone().unwrap_or_default();
    (
        finding.secret_type.clone(),
        path.strip_prefix(root).unwrap_or(&path).to_owned(),
        place.file_offset.unwrap_or(u64::MAX),
        finding.fingerprint.clone(),
    )
}

#[test]
fn a_disk_gives_all_that_its_files_give() {
    let desk = Desk::new();
    let tree = desk.path("tree");
    let (bytes, truth) = disk::build("recall", disk::DEMO_LEN).unwrap();
    let mut stream = Stream::new("recall cuts");
    // Each specimen with a little or a lot of what is around it.
    let around = |row: &disk::Truth, before: u64, after: u64| {
        let start = row.offset.saturating_sub(before) as usize;
        let end = ((row.offset + row.length + after) as usize).min(bytes.len());
        bytes[start..end].to_vec()
    };
    for (number, row) in truth.iter().enumerate() {
        let most = [2, 60, 900, 5000, 60_000][number % 5];
        let file = around(row, stream.below(most), stream.below(most));
        let path = format!("tree/d{}/e{}/f{number}", number % 7, number % 3);
        desk.file(&path, file);
    }
    let image = desk.path("disk.img");
    blank(&image, 64 << 20);
    let (shown, root) = (image.to_str().unwrap(), tree.to_str().unwrap());
    ext4(
        &image,
        &tree,
        &[&["-b", "1024", "-N", "4096"], &INLINE[..]].concat(),
    );
    // More of the same, into holes.
    let hole = desk.file("hole", filler(900));
    let fill = desk.file("fill", filler(80 << 20));
    let mut script = String::from("mkdir holes\nmkdir frag\n");
    for number in 0..1200 {
        script.push_str(&format!("write {} holes/h{number}\n", hole.display()));
    }
    script.push_str(&format!("write {} filler\n", fill.display()));
    for number in (0..1200).step_by(2) {
        script.push_str(&format!("rm holes/h{number}\n"));
    }
    for (number, row) in truth.iter().enumerate().step_by(4) {
        let part = around(row, 1000 + stream.below(1000), 900);
        let source = desk.file(&format!("tree/frag/g{number}"), part);
        script.push_str(&format!("write {} frag/g{number}\n", source.display()));
    }
    let script = desk.file("script", script);
    run("debugfs", &["-w", "-f", script.to_str().unwrap(), shown]);

    let of_files = desk.scan(&tree, &["--profile", "all"]);
    let of_disk = desk.scan(&image, &["--profile", "all"]).expect(0);
    let found: HashSet<_> = of_disk.findings().iter().map(|one| key(one, "")).collect();
    let wanted: Vec<_> = of_files
        .findings()
        .iter()
        .map(|one| key(one, root))
        .collect();
    assert!(wanted.len() >= 20, "{}", wanted.len());
    assert!(
        wanted
            .iter()
            .any(|(_, path, ..)| path.starts_with("/frag/"))
    );
    let missed: Vec<_> = wanted.iter().filter(|one| !found.contains(*one)).collect();
    assert!(
        missed.is_empty(),
        "{} of {}: {missed:#?}",
        missed.len(),
        wanted.len()
    );
    let summary = of_disk.summary();
    assert!(
        summary.second_pass.seams > 0 && summary.second_pass.encoded > 0,
        "{summary:?}"
    );
}
