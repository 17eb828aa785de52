//! ext2, ext3 and ext4, deliberately fragmented.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use keydredge::volume::attribute::State;
use keydredge::volume::{Encoded, Volumes};

use super::mark::{self, Marked};
use super::oracle::{self, samples};
use super::{blank, open, owners, paths, reader, run, run_with, stdout};
use crate::fixture::Desk;

/// An image and what is in it.
struct Made {
    _desk: Desk,
    path: PathBuf,
    marked: Marked,
    bytes: Vec<u8>,
}

/// Fills a file system with small files, deletes every other one, and writes files into the holes.
/// A second round deletes again, so that something stays deleted.
fn make(kind: &str, block: u64, len: u64, options: &[&str]) -> Made {
    let desk = Desk::new();
    let mut marked = Marked::default();
    let tree = desk.path("tree");
    for number in 0..160 {
        let len = block * (1 + number % 3) + 100 + number;
        marked.write(&tree, &format!("/small/s{number:03}.txt"), len);
    }
    marked.write(&tree, "/deep/a/b/c/p\u{e4}ss w\u{f6}rd.txt", 9000);
    marked.write(&tree, "/tiny/empty.key", 0);
    for number in 0..8 {
        marked.write(&tree, &format!("/tiny/t{number}.key"), 40 + number * 12);
    }
    std::os::unix::fs::symlink("/deep/a", tree.join("link")).unwrap();
    let path = desk.path("disk.img");
    blank(&path, len);
    let (shown, root) = (path.to_str().unwrap(), tree.to_str().unwrap());
    let block = block.to_string();
    let mut args = vec![
        "-q", "-F", "-t", kind, "-b", &block, "-d", root, "-L", "testdisk",
    ];
    args.extend(options);
    args.push(shown);
    run("mke2fs", &args);

    let block: u64 = block.parse().unwrap();
    let mut script = String::new();
    for number in (0..160).step_by(2) {
        script.push_str(&format!("rm /small/s{number:03}.txt\n"));
    }
    script.push_str("mkdir frag\n");
    // Long enough for the second level of indirect blocks.
    for (name, blocks) in [("f0.env", 40), ("f1.env", 33), ("big.bin", 700)] {
        let frag = format!("/frag/{name}");
        let source = marked.write(&desk.path("later"), &frag, block * blocks + 77);
        script.push_str(&format!("write {} {frag}\n", source.display()));
    }
    for number in (1..60).step_by(6) {
        script.push_str(&format!("rm /small/s{number:03}.txt\n"));
    }
    script.push_str("rm /deep/a/b/c/\"p\u{e4}ss w\u{f6}rd.txt\"\n");
    script.push_str("ln /small/s003.txt /deep/second\nsif /small/s003.txt links_count 2\n");
    script.push_str("sif /small/s005.txt uid 1234567\nsif /small/s005.txt gid 70000\n");
    run_with("debugfs", &["-w", "-f", "-", shown], script.as_bytes());
    let bytes = std::fs::read(&path).unwrap();
    Made {
        _desk: desk,
        path,
        marked,
        bytes,
    }
}

fn is_live(path: &str) -> bool {
    match path.strip_prefix("/small/s") {
        Some(number) => {
            let number: u32 = number[..3].parse().unwrap();
            number % 2 == 1 && !(number < 60 && number % 6 == 1)
        }
        None => !path.starts_with("/deep"),
    }
}

#[track_caller]
fn check(kind: &str, block: u64, len: u64, options: &[&str]) -> BTreeMap<&'static str, usize> {
    let made = make(kind, block, len, options);
    let volumes = open(&made.path);
    let reader = reader(&volumes);
    assert_eq!(reader.name(), kind);
    assert_eq!(reader.label(), Some("testdisk"));
    assert_eq!(reader.block_size(), block);

    let found = mark::find(&made.bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let states = made
        .marked
        .check(&found, &owners(&volumes, &places), is_live);

    // The second opinion.
    let mut told = oracle::files(&made.path);
    // The Sleuth Kit gives a hard link its first name only, and knows no inline data.
    told.retain(|file| file.path != "/deep/second");
    let picked = samples(&told, block, 600);
    assert!(picked.len() > 300);
    let places: Vec<u64> = picked.iter().map(|sample| sample.at).collect();
    for (sample, owners) in picked.iter().zip(owners(&volumes, &places)) {
        oracle::assert_owner(sample, &told[sample.file], &owners);
    }
    oracle::check_slack(&volumes, &told, block);
    oracle::check_allocation(&made.path, &volumes, block);
    let big = made.marked.number_of("/frag/big.bin");
    oracle::check_seams(&made.bytes, reader, big);
    assert_eq!(reader.warnings(), [""; 0]);
    states
}

#[test]
fn ext4_blocks_belong_to_whom_the_sleuth_kit_says() {
    let states = check("ext4", 4096, 16 << 20, &[]);
    assert!(states["deleted"] > 100, "{states:?}");
    check("ext4", 1024, 8 << 20, &[]);
    check(
        "ext4",
        2048,
        8 << 20,
        &["-O", "^metadata_csum,uninit_bg,^64bit"],
    );
}

#[test]
fn ext3_and_ext2_blocks_belong_to_whom_the_sleuth_kit_says() {
    check("ext3", 1024, 8 << 20, &[]);
    check("ext2", 1024, 8 << 20, &[]);
    check("ext2", 4096, 16 << 20, &["-O", "^filetype"]);
}

#[test]
fn rarer_layouts_are_read_too() {
    for (block, len, options) in [
        // Descriptors spread over the groups, two groups to a block of them.
        (
            1024_u64,
            40 << 20,
            &["-O", "meta_bg,^resize_inode,^flex_bg"][..],
        ),
        (1024, 40 << 20, &["-O", "sparse_super2,^resize_inode"]),
        (1024, 40 << 20, &["-O", "bigalloc", "-C", "4096"]),
        (
            4096,
            16 << 20,
            &["-I", "1024", "-O", "inline_data,ea_inode,large_dir"],
        ),
        (
            1024,
            20 << 20,
            &["-O", "^sparse_super,^flex_bg,^resize_inode", "-g", "1024"],
        ),
    ] {
        let made = make("ext4", block, len, options);
        let volumes = open(&made.path);
        let found = mark::find(&made.bytes);
        let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
        made.marked
            .check(&found, &owners(&volumes, &places), is_live);
        let warnings = reader(&volumes).warnings();
        let expected = |warning: &String| warning.contains("clusters of 4 blocks (bigalloc)");
        assert!(warnings.iter().all(expected), "{options:?}: {warnings:?}");
        let text = stdout(&run("dumpe2fs", &[made.path.to_str().unwrap()]));
        let cluster = if options.contains(&"bigalloc") { 4 } else { 1 };
        check_free(&volumes, &text, block, cluster);
    }
}

/// Against the free blocks as `dumpe2fs` lists them: nobody's, and what lies between is somebody's.
fn check_free(volumes: &Volumes, text: &str, block: u64, cluster: u64) {
    let mut free = BTreeSet::new();
    let mut last = 0;
    for line in text.lines() {
        let line = line.trim();
        if let Some((_, blocks)) = line.split_once("(Blocks ") {
            let end = blocks.split([')', '-']).nth(1).unwrap();
            last = last.max(end.parse().unwrap());
        }
        let Some(ranges) = line.strip_prefix("Free blocks: ") else {
            continue;
        };
        // The total has the same name and is set off with spaces.
        let ranges = ranges.split(", ").filter(|range| !range.starts_with(' '));
        for range in ranges.filter(|range| !range.is_empty()) {
            let (start, end) = range.split_once('-').unwrap_or((range, range));
            // Named are the first blocks of clusters.
            let end = end.parse::<u64>().unwrap() + cluster;
            free.extend(start.parse::<u64>().unwrap()..end);
        }
    }
    assert!(free.len() > 1000 && last > 4000);
    let places: Vec<u64> = (0..=last).map(|number| number * block).collect();
    for (number, owners) in (0..).zip(owners(volumes, &places)) {
        let idle = matches!(owners[0].state, State::Unallocated | State::Deleted);
        assert_eq!(idle, free.contains(&number), "block {number}: {owners:?}");
    }
}

#[test]
fn inline_files_are_found_and_put_together() {
    let options = ["-I", "256", "-O", "inline_data"];
    let made = make("ext4", 4096, 16 << 20, &options);
    let volumes = open(&made.path);
    let reader = reader(&volumes);
    let found = mark::find(&made.bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let owners = owners(&volumes, &places);
    made.marked.check(&found, &owners, is_live);
    let inline = owners.iter().filter(|owners| {
        owners[0]
            .path
            .as_deref()
            .is_some_and(|path| path.starts_with("/tiny/t"))
            && owners[0].detail.as_deref() == Some("inside the file's metadata")
    });
    assert_eq!(
        inline.count(),
        8 + 4,
        "t0 to t7, of which four have a second mark"
    );

    let mut whole = BTreeMap::new();
    reader.encoded(&mut |encoded: &Encoded| {
        assert_eq!(encoded.codec, "inline");
        for (at, byte) in (0..).zip(&encoded.bytes) {
            let origin = usize::try_from(encoded.origin(at).unwrap()).unwrap();
            assert_eq!(made.bytes[origin], *byte);
        }
        whole.insert(encoded.node, encoded.bytes.clone());
    });
    let names = reader.names(&whole.keys().copied().collect());
    for (number, (path, len)) in &made.marked.files {
        if path.starts_with("/tiny/t") && *len > 60 {
            let name = names.iter().find(|name| name.path == *path).unwrap();
            let bytes = &whole[&name.node];
            assert_eq!(u64::try_from(bytes.len()).unwrap(), *len);
            // The first piece ends four bytes before the second mark.
            assert_eq!(&bytes[56..64], b"........", "{path}");
            let marks = mark::find(bytes);
            let expected = if *len > 64 + 18 { 2 } else { 1 };
            assert_eq!(marks.len(), expected, "{path}");
            assert!(
                marks
                    .iter()
                    .all(|mark| mark.file == *number && mark.at == mark.offset)
            );
        }
    }
    assert_eq!(reader.warnings(), [""; 0]);
}

#[test]
fn a_journal_copy_is_led_back_to_its_file() {
    for (kind, block, options) in [
        ("ext3", 1024_u64, &[][..]),
        ("ext4", 1024, &["-O", "^metadata_csum,^64bit"]),
        ("ext4", 4096, &[]),
    ] {
        let made = make(kind, block, 32 << 20, options);
        let path = made.path.to_str().unwrap();
        let asked = |number| {
            stdout(&run(
                "debugfs",
                &["-R", &format!("bmap /frag/big.bin {number}"), path],
            ))
        };
        let homes: Vec<String> = (0..3)
            .map(|number| asked(number).trim().to_owned())
            .collect();
        let copy = made._desk.file("copy", "an old secret.".repeat(4096));
        let script = format!("jo\njw -b {} {}\njc\n", homes.join(","), copy.display());
        run_with("debugfs", &["-w", "-f", "-", path], script.as_bytes());

        let bytes = std::fs::read(path).unwrap();
        let volumes = open(&made.path);
        let needle = b"an old secret.an old";
        let size = usize::try_from(block).unwrap();
        let copies = bytes.chunks(size).enumerate();
        let copies = copies.filter(|(_, block)| memchr::memmem::find(block, needle).is_some());
        let copies: Vec<u64> = copies
            .map(|(number, _)| u64::try_from(number * size).unwrap() + 100)
            .collect();
        assert_eq!(copies.len(), 3, "{kind}");
        for (place, owners) in (0..).zip(owners(&volumes, &copies)) {
            // Behind it stand deleted files that had the block before.
            let owner = &owners[0];
            assert_eq!(owner.state, State::JournalCopy, "{kind}");
            assert_eq!(owner.path.as_deref(), Some("/frag/big.bin"), "{kind}");
            assert_eq!(owner.file_offset, Some(place * block + 100), "{kind}");
        }
        let warnings = reader(&volumes).warnings();
        assert!(
            warnings
                .iter()
                .all(|warning| warning.contains("was not unmounted")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_lost_superblock_is_replaced_by_its_copy() {
    for block in [1024_u64, 2048, 4096] {
        // Two groups, so that there is a copy.
        let len = block * block * 8 + (8 << 20);
        let made = make("ext4", block, len, &[]);
        let whole = paths(&open(&made.path), 100);
        for (first, damage) in [(0x400 + 4, 0xee), (0, 0)] {
            let mut file = OpenOptions::new().write(true).open(&made.path).unwrap();
            file.seek(SeekFrom::Start(first)).unwrap();
            let len = usize::try_from(0x800 - first).unwrap();
            file.write_all(&vec![damage; len]).unwrap();
            let volumes = open(&made.path);
            let warnings = reader(&volumes).warnings();
            assert!(warnings[0].contains("its copy at 0x"), "{warnings:?}");
            assert_eq!(paths(&volumes, 100), whole);
        }
    }
}
