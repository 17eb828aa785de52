//! Containers that are damaged, cut short, hostile or locked: never a panic, never an endless
//! loop, never a scan that looks whole.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use keydredge::image::{Cache, ExtentKind, Image};
use keydredge::specimen::{Stream, maker};

use crate::containers::{disk, guest, tool};
use crate::fixture::Desk;

const MIB: u64 = 1 << 20;

/// A disk of 2 MiB with text, noise, a hole and a key.
fn small_disk() -> Vec<u8> {
    let mut stream = Stream::new("damage");
    let mut bytes = vec![0; 2 << 20];
    stream.fill(&mut bytes[..300_000]);
    for line in bytes[1 << 20..(1 << 20) + 300_000].chunks_mut(25) {
        line.copy_from_slice(&b"a line of text in a log\r\n"[..line.len()]);
    }
    let key = maker("ssh-openssh-ed25519").unwrap()(&mut stream);
    bytes[65_536 - 100..][..key.len()].copy_from_slice(key.as_bytes());
    bytes
}

/// The small disk in every container, by name; the raw one is `disk.raw`.
fn zoo(desk: &Desk) -> Vec<PathBuf> {
    let folder = desk.path(".");
    desk.file("disk.raw", small_disk());
    let mut names = Vec::new();
    for (name, format, options) in [
        ("plain.qcow2", "qcow2", "cluster_size=4096"),
        ("zlib.qcow2", "qcow2", "cluster_size=64k"),
        (
            "zstd.qcow2",
            "qcow2",
            "compression_type=zstd,cluster_size=32k",
        ),
        ("extended.qcow2", "qcow2", "extended_l2=on,cluster_size=16k"),
        ("disk.vhd", "vpc", "subformat=dynamic,force_size=on"),
        ("disk.vhdx", "vhdx", "subformat=dynamic,block_size=1M"),
        ("sparse.vmdk", "vmdk", "subformat=monolithicSparse"),
        ("stream.vmdk", "vmdk", "subformat=streamOptimized"),
        ("flat.vmdk", "vmdk", "subformat=twoGbMaxExtentFlat"),
        ("disk.vdi", "vdi", "static=off"),
    ] {
        let compress = ["zlib.qcow2", "zstd.qcow2"].contains(&name);
        let mut arguments = vec!["convert", "-O", format, "-o", options, "disk.raw", name];
        if compress {
            arguments.insert(1, "-c");
        }
        tool("qemu-img", &folder, &arguments);
        names.push(desk.path(name));
    }
    acquire(&folder, "disk", "1MiB");
    names.push(desk.path("disk.E01"));
    names
}

fn acquire(folder: &Path, name: &str, segment: &str) {
    tool(
        "ewfacquire",
        folder,
        &[
            "-u", "-q", "-t", name, "-c", "fast", "-S", segment, "-f", "encase6", "-C", "case",
            "-D", "disk", "-e", "examiner", "-E", "1", "-N", "notes", "-m", "fixed", "-M",
            "logical", "disk.raw",
        ],
    );
}

/// Everything that can be asked of an image, as far as a person would wait for the answer.
fn exercise(path: &Path) {
    let Ok(image) = Image::open(path) else {
        return;
    };
    let mut cache = Default::default();
    let mut buf = vec![0; 65_536];
    let mut budget = 8 * MIB;
    let mut next = 0;
    for extent in image.extents().take(100_000) {
        assert_eq!(extent.start.0, next, "{path:?}");
        assert_ne!(extent.len, 0, "{path:?}");
        next = extent.start.plus(extent.len).0;
        let mut at = extent.start.0;
        while extent.kind == ExtentKind::Data && at < next && budget > 0 {
            let len = (next - at).min(buf.len() as u64);
            let _damaged = image.read_with(&mut cache, at, &mut buf[..len as usize]);
            let _elsewhere = image.mapped(at..at + len);
            at += len;
            budget = budget.saturating_sub(len);
        }
    }
    let lost = image.unreadable();
    assert!(
        lost.windows(2).all(|pair| pair[0].end < pair[1].start),
        "{path:?}"
    );
    assert!(
        lost.iter()
            .all(|range| range.start < range.end && range.end <= image.len())
    );
    let _words = (image.describe(), image.damaged());
}

/// Positions at which a flipped byte hits a header or a table more often than it hits data.
fn position(stream: &mut Stream, len: u64) -> u64 {
    match stream.below(8) {
        0 => stream.below(64.min(len)),
        1 | 2 => stream.below(1024.min(len)),
        3 => len - 1 - stream.below(2048.min(len)),
        // The structures of VHDX and the tables of the others begin at round positions.
        4 => (stream.below(len >> 16).max(1) << 16).min(len - 1) + stream.below(64.min(len >> 17)),
        5 => (stream.below(len >> 9) << 9).min(len - 1),
        6 => stream.below(262_144.min(len)),
        _ => stream.below(len),
    }
    .min(len - 1)
}

#[test]
fn flipped_bytes_break_no_reader() {
    let desk = Desk::new();
    let mut stream = Stream::new("flips");
    for path in zoo(&desk) {
        let whole = fs::read(&path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        for _ in 0..300 {
            let mut changed = Vec::new();
            for _ in 0..=stream.below(3) {
                let at = position(&mut stream, whole.len() as u64);
                let [byte] = stream.bytes::<1>();
                let byte = [byte, 0, 0xff, 0x80, 1][stream.below(5) as usize];
                file.write_all_at(&[byte], at).unwrap();
                changed.push(at);
            }
            exercise(&path);
            for at in changed {
                file.write_all_at(&whole[at as usize..=at as usize], at)
                    .unwrap();
            }
        }
        assert!(fs::read(&path).unwrap() == whole);
    }
}

#[test]
fn a_descriptor_of_random_lines_breaks_no_reader() {
    let desk = Desk::new();
    let mut stream = Stream::new("lines");
    desk.file("a.vmdk", small_disk());
    let words = [
        "RW",
        "NOACCESS",
        "FLAT",
        "SPARSE",
        "ZERO",
        "VMFSSPARSE",
        "\"a.vmdk\"",
        "\"../a\"",
        "\"",
        "0",
        "1",
        "4096",
        "18446744073709551615",
        "=",
        "parentCID",
        "parentFileNameHint",
        "\n",
        "\n",
        "\0",
        "é",
    ];
    let mut opened = 0;
    for _ in 0..400 {
        let mut text = "# Disk DescriptorFile\nRW 8 FLAT \"a.vmdk\" 8\n".to_owned();
        for _ in 0..stream.below(30) {
            text.push_str(words[stream.below(words.len() as u64) as usize]);
            text.push(' ');
        }
        let path = desk.file("random.vmdk", text);
        opened += usize::from(Image::open(&path).is_ok());
        exercise(&path);
    }
    assert!(opened > 5, "{opened}");
}

#[test]
fn damaged_containers_are_scanned_within_a_memory_limit() {
    let desk = Desk::new();
    let mut stream = Stream::new("memory");
    for path in zoo(&desk) {
        let whole = fs::read(&path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        for _ in 0..6 {
            // Whole fields, so that lengths become absurd rather than merely wrong.
            let at = position(&mut stream, whole.len() as u64) & !7;
            let len = (whole.len() as u64 - at).min(8);
            file.write_all_at(&[0x7f; 8][..len as usize], at).unwrap();
            let mut command = Command::new("prlimit");
            let scan = desk.keydredge();
            command.arg("--data=268435456").arg(scan.get_program());
            command.envs(
                scan.get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            );
            let output = command
                .args([
                    "scan", "--format", "jsonl", "--engine", "cpu", "--range", "0..16M",
                ])
                .arg(&path)
                .output()
                .unwrap_or_else(|error| panic!("prlimit: {error}; install util-linux"));
            let words = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert!(
                matches!(code, Some(0 | 3)),
                "{path:?} {at:#x}: {code:?} {words}"
            );
            file.write_all_at(&whole[at as usize..(at + len) as usize], at)
                .unwrap();
        }
    }
}

#[test]
fn what_is_left_of_a_container_that_was_cut_short_is_searched() {
    let desk = Desk::new();
    let folder = desk.path(".");
    desk.file("disk.raw", disk());
    let expected = desk.scan(&desk.path("disk.raw"), &[]).expect(0).findings();
    let offsets = |found: &[keydredge::finding::Finding]| -> Vec<u64> {
        found
            .iter()
            .map(|finding| finding.occurrence.offset)
            .collect()
    };
    let expected = offsets(&expected);
    for (name, format, options, compress) in [
        ("plain.qcow2", "qcow2", "cluster_size=64k", false),
        ("zstd.qcow2", "qcow2", "compression_type=zstd", true),
        ("disk.vhd", "vpc", "subformat=dynamic,force_size=on", false),
        (
            "disk.vhdx",
            "vhdx",
            "subformat=dynamic,block_size=1M",
            false,
        ),
        ("sparse.vmdk", "vmdk", "subformat=monolithicSparse", false),
        ("stream.vmdk", "vmdk", "subformat=streamOptimized", false),
        ("flat.vmdk", "vmdk", "subformat=monolithicFlat", false),
        ("disk.vdi", "vdi", "static=off", false),
    ] {
        let mut arguments = vec!["convert", "-O", format, "-o", options, "disk.raw", name];
        if compress {
            arguments.insert(1, "-c");
        }
        tool("qemu-img", &folder, &arguments);
        let cut = desk.path(if name == "flat.vmdk" {
            "flat-flat.vmdk"
        } else {
            name
        });
        shorten(&cut);
        let ran = desk.scan(&desk.path(name), &[]).expect(3);
        let summary = ran.summary();
        assert!(summary.bytes_unreadable > 0, "{name}");
        let found = offsets(&ran.findings());
        assert!(
            !found.is_empty() && found.len() < expected.len(),
            "{name}: {found:?}"
        );
        assert!(
            found.iter().all(|at| expected.contains(at)),
            "{name}: {found:?}"
        );
        // What was neither found nor lies in a listed range was missed.
        for at in expected.iter().filter(|at| !found.contains(at)) {
            let listed = summary.unreadable.iter();
            let covered = listed
                .clone()
                .any(|range| range.start < at + 1000 && *at < range.end);
            assert!(covered, "{name}: {at:#x} is neither found nor listed");
        }
    }
    acquire(&folder, "disk", "2MiB");
    shorten(&desk.path("disk.E02"));
    let ran = desk.scan(&desk.path("disk.E01"), &[]).expect(3);
    assert!(!ran.findings().is_empty() && ran.summary().bytes_unreadable > 0);
    fs::remove_file(desk.path("disk.E02")).unwrap();
    desk.scan(&desk.path("disk.E01"), &[]).expect(3);
}

/// Cuts the end off a file, so that some of the keys are lost.
fn shorten(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    // The disk's files lie in its first half, which a flat extent does not move.
    let third = if len < disk().len() as u64 { 2 } else { 1 };
    file.set_len(len * third / 3).unwrap();
}

#[test]
fn a_container_that_shrinks_while_it_is_open_lists_guest_ranges() {
    let desk = Desk::new();
    for path in zoo(&desk) {
        let image = Image::open(&path).unwrap();
        let expected = guest(&image);
        let part = image.files().last().unwrap().0.to_owned();
        let len = fs::metadata(&part).unwrap().len();
        File::options()
            .write(true)
            .open(&part)
            .unwrap()
            .set_len(len / 2)
            .unwrap();
        let mut found = vec![1; expected.len()];
        let error = image.read_at(0, &mut found);
        let lost = image.unreadable();
        let listed = |at: usize| lost.iter().any(|range| range.contains(&(at as u64)));
        for (at, (one, other)) in found.iter().zip(&expected).enumerate() {
            assert!(
                one == other || listed(at),
                "{path:?}: {at:#x} differs and is not listed"
            );
        }
        assert!(error.is_err() || image.damaged().is_some(), "{path:?}");
        assert!(image.changed().is_some(), "{path:?}");
    }
}

#[test]
fn a_name_in_an_image_opens_no_file_elsewhere() {
    let desk = Desk::new();
    desk.file("outside.raw", small_disk());
    let path = desk.file("images/secret.raw", small_disk());
    let folder = path.parent().unwrap();
    let outside = desk.path("outside.raw");
    for (name, backing) in [
        ("passwd.qcow2", "/etc/passwd"),
        ("absolute.qcow2", outside.to_str().unwrap()),
        ("above.qcow2", "../outside.raw"),
        ("around.qcow2", "../images/../outside.raw"),
    ] {
        tool(
            "qemu-img",
            folder,
            &[
                "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", "raw", name, "2M",
            ],
        );
        let error = Image::open(folder.join(name)).unwrap_err().to_string();
        assert!(error.contains("lies outside"), "{error}");
        let ran = desk.scan(&folder.join(name), &[]).expect(3);
        assert!(ran.findings().is_empty());
        assert!(
            ran.summary().warnings[0].contains("lies outside"),
            "{:?}",
            ran.summary()
        );
    }
    fs::write(
        folder.join("evil.vmdk"),
        "# Disk DescriptorFile\nRW 4096 FLAT \"../outside.raw\" 0\n",
    )
    .unwrap();
    let error = Image::open(folder.join("evil.vmdk"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("lies outside"), "{error}");
    let options = keydredge::image::Options {
        parts_outside: true,
    };
    let image = Image::open_with(folder.join("evil.vmdk"), options).unwrap();
    assert!(guest(&image) == small_disk());
}

#[test]
fn missing_and_endless_chains_are_named() {
    let desk = Desk::new();
    let folder = desk.path(".");
    let create = |name: &str, backing: &str| {
        tool(
            "qemu-img",
            &folder,
            &[
                "create", "-q", "-u", "-f", "qcow2", "-b", backing, "-F", "qcow2", name, "2M",
            ],
        );
    };
    create("orphan.qcow2", "gone.qcow2");
    let error = Image::open(desk.path("orphan.qcow2"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("gone.qcow2\", which cannot be opened"),
        "{error}"
    );
    create("one.qcow2", "two.qcow2");
    create("two.qcow2", "one.qcow2");
    let error = Image::open(desk.path("one.qcow2")).unwrap_err().to_string();
    assert!(error.contains("chain of more than 16 images"), "{error}");
    create("remote.qcow2", "nbd://host/disk");
    let error = Image::open(desk.path("remote.qcow2"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not the name of a file"), "{error}");
}

#[test]
fn an_encrypted_container_is_named_as_such() {
    let desk = Desk::new();
    let folder = desk.path(".");
    desk.file("disk.raw", small_disk());
    tool(
        "qemu-img",
        &folder,
        &[
            "convert",
            "--object",
            "secret,id=key,data=dredge",
            "-O",
            "qcow2",
            "-o",
            "encrypt.format=luks,encrypt.key-secret=key,encrypt.iter-time=10",
            "disk.raw",
            "locked.qcow2",
        ],
    );
    let ran = desk.scan(&desk.path("locked.qcow2"), &[]).expect(3);
    let warnings = ran.summary().warnings;
    assert!(warnings[0].contains("encrypted (LUKS)"), "{warnings:?}");
}

#[test]
fn a_container_in_a_tree_makes_the_scan_incomplete() {
    let desk = Desk::new();
    let disk = desk.file("disk.raw", small_disk());
    let folder = disk.parent().unwrap();
    fs::create_dir(desk.path("tree")).unwrap();
    tool(
        "qemu-img",
        folder,
        &[
            "convert",
            "-c",
            "-O",
            "qcow2",
            "disk.raw",
            "tree/disk.qcow2",
        ],
    );
    let ran = desk.scan(&desk.path("tree"), &[]).expect(3);
    let warnings = ran.summary().warnings;
    assert!(warnings[0].contains("is a qcow2 container"), "{warnings:?}");
}

/// A table can be asked for each block of a disk that ends nowhere; what it cannot hold is one
/// extent, so that a small file never costs more than a small file.
#[test]
fn a_disk_far_longer_than_its_table_is_lost_in_one_piece() {
    let desk = Desk::new();
    desk.file("disk.raw", disk());
    let endless = (1_u64 << 60).to_le_bytes();
    for format in ["vhdx", "vdi"] {
        let options: &[&str] = match format {
            "vhdx" => &["-o", "block_size=1M"],
            _ => &[],
        };
        let name = format!("disk.{format}");
        let arguments = ["convert", "-O", format, "disk.raw", &name];
        tool(
            "qemu-img",
            &desk.path("."),
            &[&arguments[..1], options, &arguments[1..]].concat(),
        );
        let mut bytes = fs::read(desk.path(&name)).unwrap();
        if format == "vhdx" {
            // [MS-VHDX] 2.6.1: after the identity of an item, its place in the region.
            let size = b"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8";
            let entry = bytes.windows(16).position(|id| id == size).unwrap();
            let table = bytes.windows(8).position(|id| id == b"metadata").unwrap();
            let offset = &bytes[entry + 16..entry + 20];
            let at = table + u32::from_le_bytes(offset.try_into().unwrap()) as usize;
            assert_eq!(bytes[at..at + 8], (disk().len() as u64).to_le_bytes());
            bytes[at..at + 8].copy_from_slice(&endless);
        } else {
            bytes[0x170..0x178].copy_from_slice(&endless);
        }
        fs::write(desk.path(&name), &bytes).unwrap();
        let image = Image::open(desk.path(&name)).unwrap();
        let extents: Vec<_> = image.extents().take(1000).collect();
        let last = extents.last().unwrap();
        assert!(extents.len() < 1000, "{format}");
        assert_eq!(last.kind, ExtentKind::Unreadable, "{format}");
        assert_eq!(last.start.0 + last.len, 1 << 60, "{format}");
        // What the table does hold is where it was; its end may be padded.
        assert!(last.start.0 >= disk().len() as u64, "{format}");
        assert!(last.start.0 <= bytes.len() as u64 * MIB / 4, "{format}");
        let mut first = vec![0; 4096];
        image
            .read_with(&mut Cache::default(), 0, &mut first)
            .unwrap();
        assert_eq!(first, disk()[..4096], "{format}");
    }
}

#[test]
fn tables_that_name_the_same_bytes_for_ever_come_to_an_end() {
    let desk = Desk::new();
    let folder = desk.path(".");
    tool(
        "qemu-img",
        &folder,
        &["create", "-q", "-f", "qcow2", "bomb.qcow2", "1P"],
    );
    let path = desk.path("bomb.qcow2");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let field = |at: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, at).unwrap();
        u64::from_be_bytes(bytes)
    };
    let (entries, l1_at) = (field(32) & 0xffff_ffff, field(40));
    // One second table of clusters that all lie at the same place, named by every entry.
    let l2_at = (l1_at + entries * 8 + 0xffff) & !0xffff;
    let cluster = (l2_at + 0x1_0000) | 1 << 63;
    file.write_all_at(&cluster.to_be_bytes().repeat(8192), l2_at)
        .unwrap();
    file.write_all_at(&[b'x'; 65_536], l2_at + 0x1_0000)
        .unwrap();
    let entry = (l2_at | 1 << 63).to_be_bytes();
    file.write_all_at(&entry.repeat(64), l1_at).unwrap();
    file.set_len(l2_at + 0x2_0000).unwrap();
    let image = Image::open(&path).unwrap();
    let data: u64 = image
        .extents()
        .filter(|extent| extent.kind == ExtentKind::Data)
        .map(|extent| extent.len)
        .sum();
    assert_eq!(data, 64 * 512 * MIB);
    file.write_all_at(&entry.repeat(usize::try_from(entries).unwrap()), l1_at)
        .unwrap();
    let image = Image::open(&path).unwrap();
    let last = image.extents().last().unwrap();
    assert_eq!(last.kind, ExtentKind::Unreadable);
    assert!(last.start.0 < 1 << 44, "{last:?}");
    assert_eq!(image.unreadable().last().unwrap().end, image.len());
}
