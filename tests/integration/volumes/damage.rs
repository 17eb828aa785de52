//! Damaged images: whatever the bytes say, reading ends, and nothing panics.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use keydredge::volume::attribute::attribute;
use keydredge::volume::{Content, Disk, volumes};

use super::mark::Marked;
use super::mount::Mounted;
use super::{blank, btrfs, exfat, fixture, ntfs, run, xfs};
use crate::fixture::Desk;

/// A repeatable source of numbers (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// Asks everything that can be asked.
fn read_all(bytes: Vec<u8>) -> usize {
    let len = u64::try_from(bytes.len()).unwrap();
    let disk: Disk = Arc::new(bytes);
    let found = volumes(&disk);
    let mut runs = 0;
    for volume in &found.volumes {
        let Content::FileSystem(reader) = &volume.content else {
            continue;
        };
        let mut nodes = HashSet::new();
        reader.runs(&mut |run| {
            runs += 1;
            nodes.insert(run.node);
        });
        for name in reader.names(&nodes) {
            reader.node(name.node);
        }
        reader.seams(4096, &mut |seam| assert!(!seam.is_empty()));
        reader.encoded(&mut |encoded| assert!(encoded.origin(0).is_some()));
        for at in (0..len).step_by(37 * 1024) {
            reader.claim(at);
        }
        reader.warnings();
    }
    let places: Vec<Range<u64>> = (0..len).step_by(50_021).map(|at| at..at + 40).collect();
    let owners = attribute(&found.volumes, &places);
    assert!(owners.iter().all(|owners| !owners.is_empty()));
    runs
}

/// Flips bytes in the structures, reads, and mends them again.
fn flip(image: &Path, structures: &[Range<usize>], rounds: usize, seed: u64) {
    let sound = std::fs::read(image).unwrap();
    let whole = read_all(sound.clone());
    assert!(whole > 50);
    let mut dice = Dice(seed);
    let mut poorer = 0;
    for _ in 0..rounds {
        let mut bytes = sound.clone();
        for _ in 0..1 + dice.throw(12) {
            let range = &structures[dice.throw(structures.len())];
            let at = range.start + dice.throw(range.len());
            // Limits and all bits are where sums overflow.
            bytes[at] = match dice.throw(4) {
                0 => 0xff,
                1 => 0,
                2 => 0x7f,
                _ => u8::try_from(dice.throw(256)).unwrap(),
            };
        }
        if dice.throw(8) == 0 {
            bytes.truncate(dice.throw(sound.len()));
        }
        poorer += usize::from(read_all(bytes) < whole);
    }
    assert!(poorer > 0, "no flip hit anything that matters");
}

fn tree(desk: &Desk) -> String {
    let mut marked = Marked::default();
    let tree = desk.path("tree");
    for number in 0..60 {
        marked.write(
            &tree,
            &format!("/d{}/f{number}", number % 7),
            100 + number * 400,
        );
    }
    tree.to_str().unwrap().to_owned()
}

fn ext(kind: &str, options: &[&str], rounds: usize) {
    let desk = Desk::new();
    let tree = tree(&desk);
    let image = desk.path("disk.img");
    blank(&image, 3 << 20);
    let shown = image.to_str().unwrap();
    let mut args = vec![
        "-q", "-F", "-t", kind, "-b", "1024", "-N", "128", "-d", &tree,
    ];
    args.extend(options);
    args.push(shown);
    run("mke2fs", &args);
    // Superblock and descriptors; the rest of the first 100 KiB are bitmaps, inodes, directories.
    flip(
        &image,
        &[1024..1024 + 400, 2048..2048 + 64, 3072..100 << 10],
        rounds,
        1,
    );
}

#[test]
fn damaged_ext_structures_do_no_harm() {
    ext("ext4", &["-J", "size=1"], 120);
    ext(
        "ext4",
        &["-O", "inline_data,^metadata_csum,^has_journal,^64bit"],
        120,
    );
    ext("ext2", &[], 120);
}

#[test]
fn damaged_fat_structures_do_no_harm() {
    let desk = Desk::new();
    let tree = tree(&desk);
    for (width, len) in [("12", 1 << 20), ("16", 5 << 20), ("32", 34 << 20)] {
        let image = desk.path("disk.img");
        blank(&image, len);
        let shown = image.to_str().unwrap();
        run("mkfs.fat", &["-F", width, "-s", "1", shown]);
        for number in 0..7 {
            run(
                "mcopy",
                &["-sQ", "-i", shown, &format!("{tree}/d{number}"), "::"],
            );
        }
        // The tables are larger the wider they are; the directories lie behind them.
        let reserved = if width == "32" { 32 * 512 } else { 512 };
        let end = std::fs::read(&image)
            .unwrap()
            .iter()
            .rposition(|byte| *byte != 0);
        let tables = reserved..reserved + 400;
        let rest = reserved..end.unwrap().min(700 << 10);
        flip(&image, &[0..90, tables, rest], 80, 2);
    }
}

#[test]
fn damaged_ntfs_structures_do_no_harm() {
    let desk = Desk::new();
    let image = desk.path("disk.img");
    blank(&image, 4 << 20);
    let shown = image.to_str().unwrap();
    run("mkntfs", &["-q", "-F", "-c", "512", shown]);
    let mounted = Mounted::new(&image, &desk.path("mount"));
    ntfs::damage_tree(&mounted);
    mounted.unmount();
    let bytes = std::fs::read(&image).unwrap();
    let first = u64::from_le_bytes(bytes[48..56].try_into().unwrap());
    let first = usize::try_from(first).unwrap() * 512;
    // The system's own records, and the rest of the table with what follows it.
    let records = first..first + (12 << 10);
    let rest = first + (64 << 10)..first + (150 << 10);
    flip(&image, &[0..90, records, rest.clone(), rest], 200, 4);
}

#[test]
fn damaged_exfat_structures_do_no_harm() {
    let desk = Desk::new();
    let (image, structures) = exfat::damageable(&desk);
    flip(&image, &structures, 200, 5);
}

#[test]
fn damaged_xfs_structures_do_no_harm() {
    for (options, rounds) in [(&["-m", "crc=0"][..], 60), (&["-b", "size=1024"], 60)] {
        let desk = Desk::new();
        let mut marked = Marked::default();
        let tree = desk.path("tree");
        xfs::tree(&mut marked, &tree);
        let image = xfs::offline(&desk, &tree, 20 << 20, options);
        let bytes = std::fs::read(&image).unwrap();
        let inodes = memchr::memmem::find(&bytes, b"IN\x41\xed").unwrap();
        let structures = [
            0..270,
            512..600,
            1024..1070,
            4096..4200,
            inodes..inodes + (64 << 10),
            inodes..inodes + (8 << 10),
        ];
        flip(&image, &structures, rounds, 6);
    }
    // Trees of extents and of free space, leftovers, large directories.
    let desk = Desk::new();
    let image = fixture(&desk, "xfs-1k");
    let bytes = std::fs::read(&image).unwrap();
    let mut structures = Vec::new();
    for mark in [
        &b"BMA3"[..],
        b"AB3B",
        b"IAB3",
        b"XDD3",
        b"XDB3",
        b"XARM",
        b"XSLM",
    ] {
        let found = memchr::memmem::find_iter(&bytes, mark).take(4);
        structures.extend(found.map(|at| at..at + 512));
    }
    assert!(structures.len() > 15);
    for at in memchr::memmem::find_iter(&bytes, b"IN\x81\xa4").step_by(16) {
        structures.push(at..at + 512);
    }
    flip(&image, &structures, 60, 7);
}

#[test]
fn damaged_btrfs_structures_do_no_harm() {
    let desk = Desk::new();
    for (name, rounds) in [("btrfs-shared", 100), ("btrfs-stopped", 60)] {
        let image = fixture(&desk, name);
        // Copies of blocks would stand in for what is flipped.
        let mut structures = btrfs::lonely_blocks(&image);
        structures.push(65536..65536 + 0x3a0);
        flip(&image, &structures, rounds, 6);
        std::fs::remove_file(&image).unwrap();
    }
}

#[test]
fn damaged_partition_tables_do_no_harm() {
    let desk = Desk::new();
    let tree = tree(&desk);
    let part = desk.path("part.img");
    blank(&part, 1 << 20);
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext2",
            "-d",
            &tree,
            part.to_str().unwrap(),
        ],
    );
    let part = std::fs::read(part).unwrap();
    for label in ["msdos", "gpt"] {
        let disk = desk.path("disk.img");
        blank(&disk, 6 << 20);
        let shown = disk.to_str().unwrap();
        let mut commands = vec!["-s", "-a", "none", shown, "mklabel", label];
        if label == "msdos" {
            commands.extend("mkpart extended 64s 12000s mkpart logical 128s 2175s".split(' '));
            commands.extend("mkpart logical 2300s 4400s mkpart logical 4500s 6600s".split(' '));
        } else {
            commands.extend("mkpart a 128s 2175s mkpart b 2300s 4400s".split(' '));
        }
        run("parted", &commands);
        let mut bytes = std::fs::read(&disk).unwrap();
        bytes[128 * 512..][..part.len()].copy_from_slice(&part);
        std::fs::write(&disk, &bytes).unwrap();
        let tables = match label {
            "msdos" => vec![446..512, 64 * 512 + 446..64 * 512 + 512],
            _ => vec![446..512, 512..604, 1024..1280],
        };
        flip(&disk, &tables, 100, 3);
    }
}
