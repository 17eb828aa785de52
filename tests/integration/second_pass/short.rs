//! Images that end before what they hold does.

use std::path::Path;

use super::{blank, run};
use crate::fixture::Desk;
use crate::volumes::command;

fn cut(path: &Path, len: u64) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(len).unwrap();
}

#[track_caller]
fn is_short(desk: &Desk, image: &Path, words: &[&str]) {
    let ran = desk.scan(image, &[]).expect(3);
    let summary = ran.summary();
    assert!(!summary.complete);
    let told = |warning: &String| words.iter().all(|word| warning.contains(word));
    assert!(
        summary.warnings.iter().any(told),
        "{words:?}: {:#?}",
        summary.warnings
    );
}

#[test]
fn a_partition_that_the_image_does_not_hold_makes_the_scan_incomplete() {
    for label in ["msdos", "gpt"] {
        let desk = Desk::new();
        let image = desk.path("disk.img");
        blank(&image, 16 << 20);
        let shown = image.to_str().unwrap();
        let make = [
            "-s", shown, "mklabel", label, "mkpart", "primary", "1MiB", "12MiB",
        ];
        run("parted", &make);
        desk.scan(&image, &[]).expect(0);
        cut(&image, 8 << 20);
        is_short(&desk, &image, &["partition 1", "0xc00000", "0x800000"]);
        let info = desk.run(&["info", shown]).expect(3);
        assert!(info.stdout.contains("0xc00000"), "{}", info.stdout);
    }
}

#[test]
fn a_file_system_that_the_image_does_not_hold_makes_the_scan_incomplete() {
    for (tool, args, kind, mib) in [
        ("mke2fs", &["-q", "-F", "-t", "ext4"][..], "ext4", 64),
        ("mkntfs", &["-q", "-F"], "ntfs", 64),
        ("mkfs.fat", &["-F", "32"], "fat32", 64),
        ("mkfs.exfat", &[], "exfat", 64),
        // These two make no smaller ones.
        ("mkfs.xfs", &["-q"], "xfs", 320),
        ("mkfs.btrfs", &["-q"], "btrfs", 128),
    ] {
        let desk = Desk::new();
        let image = desk.path("disk.img");
        blank(&image, mib << 20);
        let shown = image.to_str().unwrap();
        let mut all = args.to_vec();
        all.push(shown);
        run(tool, &all);
        desk.scan(&image, &[]).expect(0);
        cut(&image, 40 << 20);
        is_short(&desk, &image, &[kind, "0x2800000"]);
    }
}

#[test]
fn a_container_that_is_cut_short_makes_the_scan_incomplete() {
    let desk = Desk::new();
    let raw = desk.file(
        "disk.raw",
        keydredge::specimen::disk::build("cut", keydredge::specimen::disk::DEMO_LEN)
            .unwrap()
            .0,
    );
    let image = desk.path("disk.qcow2");
    run(
        "qemu-img",
        &[
            "convert",
            "-O",
            "qcow2",
            raw.to_str().unwrap(),
            image.to_str().unwrap(),
        ],
    );
    let len = std::fs::metadata(&image).unwrap().len();
    cut(&image, len * 2 / 3);
    let ran = desk.scan(&image, &[]).expect(3);
    assert!(!ran.summary().complete && ran.summary().bytes_unreadable > 0);
    let made = command("ewfacquire")
        .args([
            "-u",
            "-t",
            desk.path("e").to_str().unwrap(),
            raw.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(made.status.success());
    let image = desk.path("e.E01");
    let len = std::fs::metadata(&image).unwrap().len();
    cut(&image, len * 2 / 3);
    let ran = desk.scan(&image, &[]).expect(3);
    assert!(!ran.summary().complete);
}
