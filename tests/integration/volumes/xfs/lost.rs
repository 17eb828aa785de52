//! XFS of which something is lost: a superblock, the trees of inodes, deleted files, a device or the
//! end of a journal.

use std::collections::BTreeSet;
use std::path::Path;

use keydredge::volume::attribute::{Owner, State};
use keydredge::volume::{NodeId, RunKind, Volumes};

use super::super::mark;
use super::super::{fixture, open, owners, paths, reader, run, stdout};
use super::{check_free, compare, made, number_in, told};
use crate::fixture::Desk;

#[test]
fn a_lost_superblock_is_replaced_by_that_of_another_group() {
    for (options, len) in [
        // As mkfs makes them, and groups of a length that nothing but the headers tells.
        (&["-d", "agcount=4"][..], 80_u64),
        (&["-d", "agsize=17m"], 80),
        (&["-m", "crc=0", "-d", "agcount=2"], 50),
    ] {
        let (_desk, _, image) = made(options, len << 20);
        let whole = paths(&open(&image), 300);
        let sound = std::fs::read(&image).unwrap();
        // Its numbers, its mark, all headers of the group.
        for (range, value) in [(4..120, 0xee), (0..512, 0), (0..4096, 0)] {
            let mut bytes = sound.clone();
            bytes[range.clone()].fill(value);
            std::fs::write(&image, bytes).unwrap();
            let volumes = open(&image);
            let warnings = reader(&volumes).warnings();
            assert!(warnings[0].contains("its copy at 0x"), "{warnings:?}");
            assert_eq!(paths(&volumes, 300), whole, "{options:?} {range:?}");
        }
        // Nothing is left at the beginning to say that there is a copy.
        let mut bytes = sound;
        bytes[..1 << 20].fill(0);
        std::fs::write(&image, bytes).unwrap();
        let volumes = open(&image);
        assert_eq!(reader(&volumes).label(), Some("testdisk"));
        let warnings = reader(&volumes).warnings();
        assert!(warnings[0].contains("its copy at 0x"), "{warnings:?}");
    }
}

#[test]
fn inodes_are_found_without_their_tree() {
    for (options, len) in [(&["-d", "agcount=2"][..], 40_u64), (&["-m", "crc=0"], 40)] {
        let (_desk, _, image) = made(options, len << 20);
        let whole = paths(&open(&image), 300);
        let sound = std::fs::read(&image).unwrap();
        let root = usize::try_from(u32::from_be_bytes(sound[1044..1048].try_into().unwrap()));
        // The header of the group's inodes, and the root of their tree.
        for at in [1024, root.unwrap() * 4096] {
            let mut bytes = sound.clone();
            bytes[at..at + 4].fill(0);
            std::fs::write(&image, bytes).unwrap();
            let volumes = open(&image);
            assert_eq!(paths(&volumes, 300), whole, "{options:?} {at:#x}");
            let warnings = reader(&volumes).warnings();
            let told = |text: &str| warnings.iter().any(|warning| warning.contains(text));
            assert!(told("searched for block by block"), "{warnings:?}");
            assert!(told(&format!("{at:#x} is damaged")), "{warnings:?}");
        }
    }
}

/// Deleted files that are named by an inode which keeps no name.
fn named(image: &Path, volumes: &Volumes) -> BTreeSet<u32> {
    let bytes = std::fs::read(image).unwrap();
    let found = mark::find(&bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let mut gone = BTreeSet::new();
    for (mark, owners) in found.iter().zip(owners(volumes, &places)) {
        let is_named = |owner: &&Owner| {
            let path = owner.path.as_deref().unwrap_or_default();
            // The root lies in its inode, which keeps no name of what was deleted.
            path.starts_with("/?/f") && number_in(path) == Some(mark.file)
        };
        if let Some(owner) = owners.iter().find(is_named) {
            assert_eq!(owner.state, State::Deleted);
            assert_eq!(owner.file_offset, Some(mark.offset));
            gone.insert(mark.file);
        }
    }
    gone
}

#[test]
fn deleted_files_are_named_whose_inodes_are_in_no_tree_any_more() {
    let desk = Desk::new();
    let image = fixture(&desk, "xfs-freed");
    let volumes = open(&image);
    // What is free is said to be, whatever is found there.
    check_free(&image, &volumes, 4096);
    let gone = named(&image, &volumes);
    // Two hundred were deleted, and nothing was written since.
    assert_eq!(gone.len(), 200);
    assert_eq!(reader(&volumes).warnings(), [""; 0]);
}

#[test]
fn chunks_of_inodes_may_be_there_in_part() {
    let desk = Desk::new();
    let image = fixture(&desk, "xfs-sparse");
    // `1:[384,0xff00,32,4,0xffffffff10080402]`: the second number tells which parts are missing.
    let chunks = |group: &str| -> usize {
        let (group, shown) = (format!("agi {group}"), image.to_str().unwrap());
        let tree = ["-r", "-c", &group, "-c", "addr root", "-c", "print", shown];
        let told = stdout(&run("xfs_db", &tree));
        told.lines().filter(|line| line.contains(",0xff")).count()
    };
    assert!(chunks("0") > 2 && chunks("1") > 2);
    let volumes = open(&image);
    compare(&image, &volumes, 1000);
    // Of those given back there is nothing but what lies in free space.
    let gone = named(&image, &volumes);
    assert!(gone.len() > 300, "{}", gone.len());
    assert_eq!(reader(&volumes).warnings(), [""; 0]);
}

/// Changes fields of a structure and makes its checksum fit, which lies at `sum`.
fn patch(bytes: &mut [u8], sum: usize, fields: &[(usize, &[u8])]) {
    for (at, field) in fields {
        bytes[*at..*at + field.len()].copy_from_slice(field);
    }
    bytes[sum..sum + 4].fill(0);
    let value = crc32c::crc32c(bytes);
    bytes[sum..sum + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn files_on_a_realtime_device_are_not_placed_on_this_one() {
    let desk = Desk::new();
    let image = fixture(&desk, "xfs-v5");
    let (told, _) = told(&image);
    let file = told.iter().find(|file| file.path.starts_with("/many/f"));
    let node = NodeId(file.unwrap().inode);
    let count = |volumes: &Volumes| {
        let (mut own, mut cleared) = (0, 0);
        reader(volumes).runs(&mut |run| {
            let is_content = run.stream == 0 && run.kind == RunKind::Plain;
            own += usize::from(is_content && run.node == node);
            cleared += usize::from(is_content && run.deleted);
        });
        (own, cleared)
    };
    let (own, cleared) = count(&open(&image));
    assert!(own > 10 && cleared > 10);
    let mut bytes = std::fs::read(&image).unwrap();
    let at = (0..bytes.len()).step_by(512).find(|at| {
        let inode = &bytes[*at..];
        inode.starts_with(b"IN") && inode[152..160] == node.0.to_be_bytes()
    });
    let at = at.unwrap();
    let flags = bytes[at + 91] | 1;
    patch(&mut bytes[at..at + 512], 100, &[(91, &[flags])]);
    std::fs::write(&image, &bytes).unwrap();
    let volumes = open(&image);
    assert_eq!(count(&volumes), (0, cleared));
    let warnings = reader(&volumes).warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("1 files lie on a realtime device"),
        "{warnings:?}"
    );
    // Of a freed inode it cannot be told.
    patch(&mut bytes[..512], 224, &[(16, &100_u64.to_be_bytes())]);
    std::fs::write(&image, &bytes).unwrap();
    let volumes = open(&image);
    let (own, left) = count(&volumes);
    assert!(own == 0 && left < cleared, "{left} of {cleared}");
    let warnings = reader(&volumes).warnings();
    assert!(
        warnings[0].contains("has a realtime device, which is not part of this volume"),
        "{warnings:?}"
    );
}

#[test]
fn a_journal_that_was_not_replayed_is_told() {
    let desk = Desk::new();
    let image = fixture(&desk, "xfs-v5");
    let mut bytes = std::fs::read(&image).unwrap();
    // Behind its header the record of an unmount has one operation, and its flags say so.
    let records: Vec<_> = memchr::memmem::find_iter(&bytes, b"\xfe\xed\xba\xbe").collect();
    assert!(records.len() > 10);
    for at in records {
        bytes[at + 512 + 9] &= !0x20;
    }
    std::fs::write(&image, bytes).unwrap();
    let warnings = reader(&open(&image)).warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("was not unmounted"), "{warnings:?}");
}
