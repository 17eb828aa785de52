//! Partition tables by parted and sgdisk, and what stands in the partitions.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use keydredge::volume::attribute::State;
use keydredge::volume::partition::Scheme;
use keydredge::volume::{Content, ReadAt, Volumes};

use super::mark::{self, Marked};
use super::{blank, open, owners, run, stdout};
use crate::fixture::Desk;

const MIB: u64 = 1 << 20;

fn write(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

/// A small file system with one marked file.
fn file_system(desk: &Desk, marked: &mut Marked, name: &str, len: u64) -> Vec<u8> {
    let tree = desk.path(&format!("tree-{name}"));
    marked.write(&tree, &format!("/{name}.key"), 30_000);
    let image = desk.path(&format!("{name}.img"));
    blank(&image, len);
    let (shown, root) = (image.to_str().unwrap(), tree.to_str().unwrap());
    run("mke2fs", &["-q", "-F", "-t", "ext4", "-d", root, shown]);
    std::fs::read(image).unwrap()
}

fn parted(disk: &Path, commands: &[&str]) {
    let mut all = vec!["-s", "-a", "none", disk.to_str().unwrap()];
    all.extend(commands);
    run("parted", &all);
}

/// The partitions that `mmls` lists, in bytes.
fn listed(disk: &Path) -> Vec<Range<u64>> {
    let text = stdout(&run("mmls", &[disk.to_str().unwrap()]));
    let mut found: Vec<_> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (_, slot) = (words.next()?.strip_suffix(':')?, words.next()?);
            // Free space and the tables themselves have no number for a slot.
            let numbered = slot
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b':');
            let start: u64 = words.next()?.parse().ok()?;
            let last: u64 = words.next()?.parse().ok()?;
            let extended = line.contains("Extended");
            (numbered && !extended).then_some(start * 512..(last + 1) * 512)
        })
        .collect();
    found.sort_by_key(|range| range.start);
    found
}

fn ranges(volumes: &Volumes) -> Vec<Range<u64>> {
    let ranges = volumes
        .volumes
        .iter()
        .flat_map(|volume| volume.part.ranges());
    let mut ranges: Vec<_> = ranges.collect();
    ranges.sort_by_key(|range| range.start);
    ranges
}

/// Every mark on the disk must be owned in the partition, under the path, that it was put in.
fn check_marks(
    disk: &Path,
    volumes: &Volumes,
    marked: &Marked,
    place: impl Fn(&str) -> (u32, Option<String>),
) {
    let found = mark::find(&std::fs::read(disk).unwrap());
    assert!(found.len() > 400);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let owners = owners(volumes, &places);
    marked.check(&found, &owners, |_| true);
    for (mark, owners) in found.iter().zip(owners) {
        let (number, label) = place(&marked.files[&mark.file].0);
        assert_eq!(owners[0].partition, Some(number), "{owners:?}");
        assert_eq!(owners[0].volume, label, "{owners:?}");
    }
}

#[test]
fn logical_partitions_are_those_that_mmls_lists() {
    let desk = Desk::new();
    let disk = desk.path("disk.img");
    blank(&disk, 64 * MIB);
    parted(&disk, &["mklabel", "msdos"]);
    parted(&disk, &["mkpart", "primary", "ext4", "2048s", "18431s"]);
    parted(&disk, &["mkpart", "extended", "20480s", "122879s"]);
    for (start, end) in [(24576, 40959), (43008, 59391), (63000, 79383)] {
        let (start, end) = (format!("{start}s"), format!("{end}s"));
        parted(&disk, &["mkpart", "logical", "ext4", &start, &end]);
    }
    parted(
        &disk,
        &["mkpart", "primary", "linux-swap", "122880s", "131071s"],
    );
    let mut marked = Marked::default();
    for (name, start) in [("one", 2048), ("five", 24576), ("seven", 63000)] {
        let image = file_system(&desk, &mut marked, name, 8 * MIB);
        write(&disk, start * 512, &image);
    }
    let swap = desk.path("swap.img");
    blank(&swap, 4 * MIB);
    run("mkswap", &[swap.to_str().unwrap()]);
    write(&disk, 122_880 * 512, &std::fs::read(&swap).unwrap());

    let volumes = open(&disk);
    assert_eq!(ranges(&volumes), listed(&disk));
    let numbers: Vec<_> = volumes.volumes.iter().map(|volume| volume.number).collect();
    assert_eq!(numbers, [1, 3, 5, 6, 7].map(Some));
    assert!(matches!(volumes.volumes[1].content, Content::Swap));
    assert!(matches!(volumes.volumes[3].content, Content::Unknown));
    assert_eq!(volumes.warnings, [""; 0]);
    check_marks(&disk, &volumes, &marked, |path| match path {
        "/one.key" => (1, None),
        "/five.key" => (5, None),
        _ => (7, None),
    });
    // In the swap partition, between partitions, in a partition without a file system.
    let states = owners(&volumes, &[122_890 * 512, 19_000 * 512, 43_010 * 512]);
    let states: Vec<_> = states.iter().map(|owners| owners[0].state).collect();
    assert_eq!(states, [State::Swap, State::Outside, State::Unread]);
}

fn gpt(desk: &Desk, marked: &mut Marked) -> PathBuf {
    let disk = desk.path("disk.img");
    blank(&disk, 48 * MIB);
    let new = ["-n1:2048:+8M", "-n2:20480:+8M", "-n7:40960:+8M"];
    let types = ["-t1:ef00", "-t2:8300", "-t7:8e00"];
    let names = ["-c1:EFI p\u{e4}rt", "-c2:root", "-c7:data"];
    let mut args: Vec<&str> = [&new[..], &types, &names].concat();
    args.push(disk.to_str().unwrap());
    run("sgdisk", &args);
    let image = file_system(desk, marked, "root", 8 * MIB);
    write(&disk, 20480 * 512, &image);
    disk
}

#[test]
fn gpt_partitions_are_those_that_mmls_lists() {
    let desk = Desk::new();
    let mut marked = Marked::default();
    let disk = gpt(&desk, &mut marked);
    let volumes = open(&disk);
    assert_eq!(ranges(&volumes), listed(&disk));
    let shown: Vec<_> = volumes
        .volumes
        .iter()
        .map(|volume| {
            assert_eq!(volume.scheme, Scheme::Gpt);
            let label = volume.label.as_deref().unwrap();
            (volume.number.unwrap(), volume.kind.as_str(), label)
        })
        .collect();
    let expected = [
        (1, "EFI system", "EFI p\u{e4}rt"),
        (2, "Linux filesystem", "root"),
        (7, "Linux LVM", "data"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(volumes.warnings, [""; 0]);
    check_marks(&disk, &volumes, &marked, |_| (2, Some("root".to_owned())));
}

#[test]
fn a_damaged_gpt_is_replaced_by_its_copy() {
    let desk = Desk::new();
    let mut marked = Marked::default();
    let disk = gpt(&desk, &mut marked);
    let whole = ranges(&open(&disk));
    let sound = std::fs::read(&disk).unwrap();
    // The size of a partition, the header, the signature, all of the first megabyte.
    for (damaged, said) in [
        (
            1024 + 40..1024 + 41,
            "expected entries that fit their checksum",
        ),
        (
            512 + 48..512 + 49,
            "expected a header that fits its checksum",
        ),
        (512..520, "the copy at its end was used"),
        (0..1 << 20, "the copy at its end was used"),
    ] {
        let mut bytes = sound.clone();
        bytes[damaged].fill(0x77);
        let path = desk.file("damaged.img", &bytes);
        let volumes = open(&path);
        assert_eq!(ranges(&volumes), whole);
        assert!(volumes.warnings[0].contains(said), "{:?}", volumes.warnings);
    }
    // Both: a wrong checksum is better than no partitions.
    let mut bytes = sound;
    bytes[512 + 48] ^= 1;
    let last = bytes.len() - 512;
    bytes[last..].fill(0);
    let volumes = open(&desk.file("damaged.img", &bytes));
    assert_eq!(ranges(&volumes), whole);
    assert!(volumes.warnings[0].contains("taken as they stand"));
}

/// As LVM2 2.03 wrote it, shortened; the identifiers are made up.
const DESCRIPTION: &str = r#"vg0 {
id = "UrVe0W-2Q0l-odQM-QzgM-BKtW-0gqM-8NKzPY"
seqno = 2
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
flags = []
extent_size = 8192

physical_volumes {

pv0 {
id = "D9fCJy-mFwt-gnpy-cAoZ-V9as-Or3d-pUd989"
device = "/dev/sda"
status = ["ALLOCATABLE"]
dev_size = 131072
pe_start = 2048
pe_count = 15
}
}

logical_volumes {

root {
status = ["READ", "WRITE", "VISIBLE"]
segment_count = 2

segment1 {
start_extent = 0
extent_count = 3

type = "striped"
stripe_count = 1	# linear

stripes = [
"pv0", 0
]
}
segment2 {
start_extent = 3
extent_count = 2
type = "striped"
stripe_count = 1
stripes = [
"pv0", 5
]
}
}

pool {
segment1 {
start_extent = 0
extent_count = 2
type = "thin-pool"
}
}
}
}
# Generated by LVM2
"#;

/// Of the description with its final NUL, by another program's CRC-32.
const SUM: u32 = 0xad80_d18c;

/// Length of an extent of the volume that is described.
pub const EXTENT: u64 = 4 * MIB;

/// A disk whose one partition holds a logical volume of five extents, of which the fourth is not
/// behind the third.
pub fn two_pieces(desk: &Desk, root: &[u8]) -> PathBuf {
    let mut volume = vec![0; 64 << 20];
    volume[512..544].copy_from_slice(b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001");
    volume[544..576].copy_from_slice(b"D9fCJymFwtgnpycAoZV9asOr3dpUd989");
    let numbers = [64 * MIB, MIB, 0, 0, 0, 4096, MIB - 4096, 0, 0];
    for (place, number) in volume[576..].chunks_mut(8).zip(numbers) {
        place.copy_from_slice(&u64::to_le_bytes(number));
    }
    volume[4096 + 4..4096 + 20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    // The ring's end is in the middle of the description.
    let text = format!("{DESCRIPTION}\0").into_bytes();
    let (len, ring) = (u64::try_from(text.len()).unwrap(), MIB - 4096);
    let offset = ring - 100;
    for (place, number) in volume[4096 + 40..]
        .chunks_mut(8)
        .zip([offset, len, SUM.into()])
    {
        place.copy_from_slice(&number.to_le_bytes());
    }
    volume[usize::try_from(4096 + offset).unwrap()..][..100].copy_from_slice(&text[..100]);
    volume[4096 + 512..][..text.len() - 100].copy_from_slice(&text[100..]);
    let extent = usize::try_from(EXTENT).unwrap();
    for (number, piece) in [0, 1, 2, 5, 6].into_iter().zip(root.chunks(extent)) {
        volume[(1 << 20) + number * extent..][..extent].copy_from_slice(piece);
    }
    let disk = desk.path("disk.img");
    blank(&disk, 80 * MIB);
    parted(&disk, &["mklabel", "msdos"]);
    parted(&disk, &["mkpart", "primary", "ext4", "2048s", "139264s"]);
    write(&disk, MIB, &volume);
    disk
}

#[test]
fn a_logical_volume_in_two_pieces_is_put_together() {
    let desk = Desk::new();
    let mut marked = Marked::default();
    let root = file_system(&desk, &mut marked, "root", 5 * EXTENT);
    let disk = two_pieces(&desk, &root);
    let volumes = open(&disk);
    let [physical, logical] = &volumes.volumes[..] else {
        panic!("{volumes:?}");
    };
    assert!(matches!(physical.content, Content::PhysicalVolume));
    assert_eq!(logical.part.len(), 5 * EXTENT);
    assert!(matches!(logical.content, Content::FileSystem(_)));
    let [warning] = &volumes.warnings[..] else {
        panic!("{:?}", volumes.warnings);
    };
    assert!(warning.contains("vg0/pool") && warning.contains("not linear (thin-pool)"));
    check_marks(&disk, &volumes, &marked, |_| {
        (1, Some("vg0/root".to_owned()))
    });
    // Extent 4 is nobody's.
    let free = owners(&volumes, &[MIB + MIB + 4 * EXTENT]);
    assert_eq!(free[0][0].state, State::Unallocated);
    assert_eq!(free[0][0].file_system, Some("LVM2"));
}

#[test]
fn what_is_not_read_is_named() {
    for (at, magic, name) in [
        (0, &b"LUKS\xba\xbe\x00\x02"[..], "LUKS"),
        (3, b"-FVE-FS-", "BitLocker"),
        (32, b"NXSB", "APFS"),
        (4096, b"\xfc\x4e\x2b\xa9\x01\0\0\0", "Linux RAID member"),
        (
            (8 << 20) - 65536,
            b"\xfc\x4e\x2b\xa9\0\0\0\0",
            "Linux RAID member",
        ),
        ((128 << 10) + 5 * 1024, b"\x0c\xb1\xba\0\0\0\0\0", "ZFS"),
    ] {
        let mut bytes = vec![0; 8 << 20];
        bytes[at..at + magic.len()].copy_from_slice(magic);
        let desk = Desk::new();
        let volumes = open(&desk.file("disk.img", &bytes));
        let [volume] = &volumes.volumes[..] else {
            panic!("{volumes:?}");
        };
        assert_eq!(volume.scheme, Scheme::Whole);
        let Content::Unread {
            name: found,
            encrypted,
        } = volume.content
        else {
            panic!("{name}: {volume:?}");
        };
        assert_eq!(found, name);
        assert_eq!(volumes.warnings.len(), usize::from(encrypted));
        let owners = owners(&volumes, &[5000]);
        assert_eq!(owners[0][0].state, State::Unread);
        assert_eq!(owners[0][0].file_system, Some(name));
    }
}

#[test]
fn a_file_system_longer_than_its_partition_is_told_once_and_nothing_is_missing() {
    let desk = Desk::new();
    let mut marked = Marked::default();
    let bytes = file_system(&desk, &mut marked, "long", 8 * MIB);
    let disk = desk.path("disk.img");
    blank(&disk, 16 * MIB);
    parted(
        &disk,
        &["mklabel", "msdos", "mkpart", "primary", "1MiB", "5MiB"],
    );
    write(&disk, MIB, &bytes);
    let opened = open(&disk);
    assert!(opened.missing.is_empty(), "{:?}", opened.missing);
    let told = |sentence: &&String| sentence.contains("ends 0x400000 bytes behind");
    assert_eq!(
        opened.warnings.iter().filter(told).count(),
        1,
        "{:?}",
        opened.warnings
    );
    let Content::FileSystem(reader) = &opened.volumes[0].content else {
        panic!("no file system: {:?}", opened.volumes);
    };
    assert!(reader.warnings().is_empty(), "{:?}", reader.warnings());
}
