//! Btrfs, made by mkfs.btrfs and by the kernel. What the kernel alone can make (compressed, cloned
//! and deleted files, snapshots, a log) lies in `tests/data/volumes`; what lies where in it is told
//! by `btrfs inspect-internal dump-tree`, and what is in its files by `btrfs restore`.

mod dump;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use keydredge::volume::attribute::State;
use keydredge::volume::{Claim, Encoded, FileSystem, NodeId, Seam, Volumes};

use super::mark::{self, Marked};
use super::{blank, fixture, open, owners, reader, run};
use crate::fixture::Desk;
use dump::{Dump, Told};

/// Longest secret that has to be seen whole.
const REACH: usize = 16 << 10;

/// Makes a file system with a tree in it.
pub(super) fn offline(desk: &Desk, tree: &Path, len: u64, options: &[&str]) -> PathBuf {
    let image = desk.path("disk.img");
    blank(&image, len);
    let (tree, shown) = (tree.to_str().unwrap(), image.to_str().unwrap());
    let mut args = vec!["-q", "-L", "testdisk", "--rootdir", tree];
    args.extend(options);
    args.push(shown);
    run("mkfs.btrfs", &args);
    image
}

fn live_runs(reader: &dyn FileSystem) -> BTreeSet<Told> {
    let mut runs = BTreeSet::new();
    reader.runs(&mut |run| {
        let told = (
            run.node.0,
            run.file_offset,
            run.start,
            run.len,
            dump::kind(run.kind),
        );
        if !run.deleted {
            assert!(runs.insert(told), "{run:?} twice");
        }
    });
    runs
}

/// Holds what the reader says against the dump: every run, every file, and the owners of a thousand
/// places and more.
#[track_caller]
fn check(image: &Path) -> (Volumes, Dump) {
    let told = Dump::of(image);
    let volumes = open(image);
    let reader = reader(&volumes);
    assert_eq!(reader.name(), "btrfs");
    let runs = live_runs(reader);
    let missing: Vec<_> = told.runs.difference(&runs).take(9).collect();
    let excess: Vec<_> = runs.difference(&told.runs).take(9).collect();
    assert!(
        missing.is_empty() && excess.is_empty(),
        "missing {missing:?}, not told of {excess:?}"
    );
    for (node, stat) in &told.stats {
        let found = reader.node(NodeId(*node)).unwrap();
        assert_eq!(found.size, stat.size, "{node}");
        assert_eq!(found.owner, Some(stat.owner), "{node}");
        assert_eq!(found.modified, Some(stat.modified), "{node}");
        assert_eq!(u32::from(found.mode.unwrap()), stat.mode & 0o7777, "{node}");
        assert_eq!(found.deleted, stat.links == 0, "{node}");
    }
    check_owners(&volumes, &told);
    check_claims(reader, &told);
    (volumes, told)
}

fn check_owners(volumes: &Volumes, told: &Dump) {
    let mut places = Vec::new();
    for (_, _, start, len, _) in &told.runs {
        for step in (0..*len).step_by(4096) {
            places.push(start + step + (step * 7 + start / 3) % (len - step).min(4096));
        }
    }
    let step = (places.len() / 3000).max(1);
    let places: Vec<u64> = places.into_iter().step_by(step).collect();
    for (at, owners) in places.iter().zip(owners(volumes, &places)) {
        let mut expected = BTreeSet::new();
        for (node, file, start, len, kind) in &told.runs {
            if !(*start..start + len).contains(at) {
                continue;
            }
            let offset = if *kind == "encoded" {
                *file
            } else {
                file + at - start
            };
            let size = told.stats[node].size;
            let slack = *kind == "unwritten" || offset >= size;
            let paths = told.paths(*node);
            // A file that was deleted while it was open still is where it is.
            let orphan = paths.is_empty();
            for path in paths {
                expected.insert((*node, offset, slack, Some(path)));
            }
            if orphan {
                expected.insert((*node, offset, slack, None));
            }
        }
        let live = owners.iter().filter(|owner| {
            let node = owner.inode.map_or(0, |node| node.0);
            let orphan = told.stats.get(&node).is_some_and(|stat| stat.links == 0);
            matches!(owner.state, State::Allocated | State::Slack) && (!owner.deleted || orphan)
        });
        let found = live.map(|owner| {
            let path = owner.path.clone().filter(|_| !owner.deleted);
            let slack = owner.state == State::Slack;
            let node = owner.inode.unwrap().0;
            (node, owner.file_offset.unwrap(), slack, path)
        });
        let found: BTreeSet<_> = found.collect();
        assert_eq!(found, expected, "at {at:#x}: {owners:#?}");
    }
}

/// Blocks of trees are named, and what is free is said to be.
fn check_claims(reader: &dyn FileSystem, told: &Dump) {
    for (logical, tree) in &told.blocks {
        let tree = tree.split(" key").next().unwrap().trim_end_matches(':');
        for place in told.places(*logical) {
            let Claim::Metadata(name) = reader.claim(place + 77) else {
                panic!("{logical} of the {tree}: {:?}", reader.claim(place));
            };
            let named = match tree {
                "fs tree" | "file tree" => "tree of subvolume",
                "checksum tree" | "extent tree" | "root tree" | "chunk tree" => tree,
                _ => "tree",
            };
            assert!(name.contains(named), "{name} is not of the {tree}");
        }
    }
    let mut free = 0;
    for (start, len, places) in &told.chunks {
        for within in (0..*len).step_by(16 << 10) {
            let logical = start + within;
            let before = told.extents.range(..=logical).next_back();
            let held = before.filter(|(at, (len, _))| *at + len > logical);
            let is_log = told.blocks.range(..=logical).next_back();
            let is_log = is_log.is_some_and(|(at, _)| logical - at < 16 << 10);
            for place in places {
                let superblocks = [64 << 10, 64 << 20];
                if superblocks
                    .iter()
                    .any(|at| (*at..at + 4096).contains(&(place + within)))
                {
                    continue;
                }
                match (reader.claim(place + within), held) {
                    (Claim::Unallocated, None) => free += 1,
                    (Claim::Unallocated, Some(held)) => panic!("{logical} is held by {held:?}"),
                    (Claim::Metadata(_), Some((_, (_, true)))) => {}
                    (Claim::Unclaimed, Some((_, (_, false)))) => {}
                    (Claim::Metadata(_), None) if is_log => {}
                    other => panic!("{logical}: {other:?}"),
                }
            }
        }
    }
    assert!(free > 100);
    assert_eq!(
        reader.claim(65536),
        Claim::Metadata("superblock".to_owned())
    );
}

#[test]
fn files_made_offline_are_where_the_dump_says() {
    let desk = Desk::new();
    let tree = desk.path("tree");
    let mut marked = Marked::default();
    for number in 0..120_u64 {
        let path = format!("/d{}/e{}/f{number}", number % 7, number % 3);
        marked.write(&tree, &path, 100 + number * number * 9);
    }
    marked.write(&tree, "/long", 2_000_000);
    std::fs::hard_link(tree.join("long"), tree.join("d1/second")).unwrap();
    std::os::unix::fs::symlink("../long", tree.join("d2/link")).unwrap();
    for options in [
        &["-m", "dup"][..],
        &["-m", "single", "-n", "4096"],
        &["-m", "single", "-n", "65536", "-O", "^no-holes"],
        &["-M", "-m", "dup", "-d", "dup"],
        &["--csum", "sha256"],
        &["--csum", "xxhash"],
    ] {
        let image = offline(&desk, &tree, 300 << 20, options);
        let (volumes, _) = check(&image);
        let reader = reader(&volumes);
        assert_eq!(reader.label(), Some("testdisk"));
        let bytes = std::fs::read(&image).unwrap();
        let found = mark::find(&bytes);
        let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
        marked.check(&found, &owners(&volumes, &places), |_| true);
        let warnings = reader.warnings();
        if options.contains(&"xxhash") {
            assert!(warnings[0].contains("checksums xxhash64 are not known"));
        } else {
            assert_eq!(warnings, [""; 0], "{options:?}");
        }
        std::fs::remove_file(&image).unwrap();
    }
}

/// The number that a file's name ends with.
fn number_in(path: &str) -> Option<u32> {
    let (_, number) = path.rsplit_once('f')?;
    number.parse().ok()
}

/// What a mark says must be what its owners say, and every file that is there has all its marks.
fn check_marks(image: &Path, volumes: &Volumes) -> BTreeMap<&'static str, usize> {
    let found = mark::find(&std::fs::read(image).unwrap());
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let mut states = BTreeMap::new();
    for (mark, owners) in found.iter().zip(owners(volumes, &places)) {
        *states.entry(owners[0].state.name()).or_default() += 1;
        let named = owners
            .iter()
            .filter(|owner| matches!(owner.state, State::Allocated | State::Deleted));
        for owner in named {
            let path = owner.path.as_deref().unwrap_or_default();
            let encoded = owner.detail.as_deref() == Some("inside an encoded block");
            // What was deleted may hold another file's bytes by now.
            if path.contains("/part-") || encoded || owner.state == State::Deleted {
                continue;
            }
            let number = number_in(path);
            let fits = number.is_none_or(|number| number == mark.file);
            assert!(fits, "{mark:?}: {owner:?}");
            assert_eq!(owner.file_offset, Some(mark.offset), "{mark:?}: {owner:?}");
        }
    }
    states
}

/// The path of each file that has runs.
fn paths(reader: &dyn FileSystem) -> BTreeMap<u64, String> {
    let mut nodes = HashSet::new();
    reader.runs(&mut |run| {
        nodes.insert(run.node);
    });
    let names = reader.names(&nodes).into_iter();
    names.map(|name| (name.node.0, name.path)).collect()
}

/// What `btrfs restore` gets out of an image.
pub fn restored(desk: &Desk, image: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, above: &str, files: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let shown = format!("{above}/{name}");
            if path.is_dir() {
                walk(&path, &shown, files);
            } else {
                files.insert(shown, std::fs::read(&path).unwrap());
            }
        }
    }
    let folder = desk.path("restored");
    std::fs::create_dir(&folder).unwrap();
    let (image, shown) = (image.to_str().unwrap(), folder.to_str().unwrap());
    run("btrfs", &["restore", "-s", "-i", image, shown]);
    let mut files = BTreeMap::new();
    walk(&folder, "", &mut files);
    assert!(files.len() > 50);
    files
}

/// Compressed files come out as they went in, wherever a secret may lie in them.
fn check_decoded(reader: &dyn FileSystem, told: &Dump, files: &BTreeMap<String, Vec<u8>>) {
    let paths = paths(reader);
    let mut pieces: BTreeMap<u64, Vec<(usize, usize)>> = BTreeMap::new();
    let mut codecs = BTreeSet::new();
    let mut gone = BTreeSet::new();
    reader.encoded(&mut |encoded: &Encoded| {
        codecs.insert(encoded.codec);
        for at in 0..u64::try_from(encoded.bytes.len()).unwrap() {
            assert!(encoded.origin(at).is_some());
        }
        let path = paths.get(&encoded.node.0).map_or("", String::as_str);
        let start = usize::try_from(encoded.file_offset).unwrap();
        if encoded.deleted {
            for mark in mark::find(&encoded.bytes) {
                // What was deleted first may have been overwritten since.
                let place = (Some(mark.file), encoded.file_offset + mark.at);
                if place == (number_in(path), mark.offset) {
                    gone.insert(path.to_owned());
                }
            }
            return;
        }
        let end = start + encoded.bytes.len();
        assert!(
            encoded.bytes == files[path][start..end],
            "{path} from {start} to {end}"
        );
        pieces.entry(encoded.node.0).or_default().push((start, end));
    });
    assert_eq!(
        codecs.iter().copied().collect::<Vec<_>>(),
        ["lzo", "zlib", "zstd"]
    );
    for codec in ["zlib", "lzo", "zstd"] {
        let folder = format!("/@/{codec}/gone/");
        assert!(
            gone.iter().any(|path| path.starts_with(&folder)),
            "{gone:?}"
        );
    }
    let mut checked = 0;
    for (node, file, _, _, kind) in &told.runs {
        let path = &paths[node];
        // What the snapshot has too was visited for the first of them.
        if *kind != "encoded" || path.starts_with("/snapshot") {
            continue;
        }
        let content = &files[path];
        let start = usize::try_from(*file).unwrap().saturating_sub(REACH / 2);
        for at in (start..(start + REACH).min(content.len())).step_by(777) {
            let end = (at + REACH / 2).min(content.len());
            let held = |(from, to): &(usize, usize)| *from <= at && end <= *to;
            assert!(
                pieces[node].iter().any(held),
                "{path}: {at} to {end} is in none of {:?}",
                pieces[node]
            );
            checked += 1;
        }
    }
    assert!(checked > 300);
}

/// The bytes of each seam are the file's.
fn check_seams(image: &Path, reader: &dyn FileSystem, files: &BTreeMap<String, Vec<u8>>) {
    let bytes = std::fs::read(image).unwrap();
    let paths = paths(reader);
    let mut joins = BTreeMap::new();
    let mut seen = HashSet::new();
    reader.seams(512, &mut |seam: &Seam| {
        assert!(seen.insert((seam.pieces.clone(), seam.file_offset)));
        let Some(path) = paths.get(&seam.node.0).filter(|_| !seam.deleted) else {
            return;
        };
        let mut at = usize::try_from(seam.file_offset).unwrap();
        for piece in &seam.pieces {
            let piece = usize::try_from(piece.start).unwrap()..usize::try_from(piece.end).unwrap();
            let own = &files[path][at..at + piece.len()];
            assert!(bytes[piece.clone()] == *own, "{path} at {at}");
            at += piece.len();
        }
        *joins.entry(path.clone()).or_insert(0) += seam.pieces.len() - 1;
    });
    let pieces = joins.iter().filter(|(path, _)| path.contains("/pieces/"));
    let count: usize = pieces.map(|(_, count)| count).sum();
    assert!(count > 80, "{joins:?}");
    assert!(
        joins.keys().any(|path| path.contains("/part-")),
        "{joins:?}"
    );
}

#[test]
fn what_subvolumes_and_snapshots_share_has_all_its_owners() {
    let desk = Desk::new();
    let image = fixture(&desk, "btrfs-shared");
    let (volumes, told) = check(&image);
    let reader = reader(&volumes);
    let files = restored(&desk, &image);
    check_decoded(reader, &told, &files);
    check_seams(&image, reader, &files);
    let states = check_marks(&image, &volumes);
    assert!(
        states["allocated"] > 1500 && states["deleted"] > 50,
        "{states:?}"
    );
    // A deleted subvolume's names.
    let names = paths(reader);
    let gone = names.values().filter(|path| path.starts_with("/gone/"));
    assert!(gone.count() > 3, "{names:?}");
    let linked = names
        .iter()
        .find(|(_, path)| path.contains("/owned/") || path.contains("second"));
    let (node, _) = linked.unwrap();
    let names = reader.names(&HashSet::from([NodeId(*node)]));
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(reader.warnings(), [""; 0]);
}

#[test]
fn what_was_deleted_or_only_logged_is_named() {
    let desk = Desk::new();
    let image = fixture(&desk, "btrfs-stopped");
    let (volumes, told) = check(&image);
    let reader = reader(&volumes);
    let warnings = reader.warnings();
    assert!(
        warnings.len() == 1 && warnings[0].contains("its newest changes are in its log"),
        "{warnings:?}"
    );
    check_marks(&image, &volumes);
    let names = paths(reader);
    let logged = names.values().filter(|path| path.starts_with("/log/f09"));
    assert_eq!(logged.count(), 2, "{names:?}");
    let orphans = told.stats.iter().filter(|(_, stat)| stat.links == 0);
    let orphans: Vec<_> = orphans.map(|(node, _)| *node).collect();
    let orphan = NodeId(orphans[0]);
    let names = reader.names(&HashSet::from([orphan]));
    assert!(
        names.len() == 1 && names[0].path.starts_with("/orphan/f09") && names[0].deleted,
        "{names:?}"
    );
}

#[test]
fn deleted_files_are_found_in_the_leaves_of_old() {
    let desk = Desk::new();
    let image = fixture(&desk, "btrfs-shared");
    let volumes = open(&image);
    let found = mark::find(&std::fs::read(&image).unwrap());
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let mut gone: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (mark, owners) in found.iter().zip(owners(&volumes, &places)) {
        for owner in owners {
            let Some(path) = owner.path.filter(|_| owner.state == State::Deleted) else {
                continue;
            };
            assert!(owner.deleted);
            let fits =
                number_in(&path) == Some(mark.file) && owner.file_offset == Some(mark.offset);
            if fits && path.contains("/plain/gone/") && !path.starts_with("/snapshot") {
                let node = owner.node.unwrap();
                assert!(node.deleted && node.size > mark.offset && node.mode == Some(0o644));
                gone.entry(path).or_default().insert(mark.offset);
            }
        }
    }
    // Four files, of which the two short ones lie in leaves.
    let home = gone
        .iter()
        .filter(|(path, _)| path.starts_with("/@/plain/gone/"));
    let counts: Vec<_> = home.map(|(_, offsets)| offsets.len()).collect();
    assert_eq!(counts, [1, 2, 18, 137], "{gone:?}");
}

/// Zeros what a dump says lies at these logical addresses, in the copies that `which` picks.
fn lose(bytes: &mut [u8], told: &Dump, logical: &[u64], which: fn(usize) -> bool) {
    for logical in logical {
        for (copy, place) in told.places(*logical).into_iter().enumerate() {
            if which(copy) {
                let at = usize::try_from(place).unwrap();
                bytes[at..at + 4096].fill(0);
            }
        }
    }
}

#[test]
fn what_is_kept_twice_may_be_lost_once() {
    let desk = Desk::new();
    let image = fixture(&desk, "btrfs-shared");
    let told = Dump::of(&image);
    let sound = std::fs::read(&image).unwrap();
    let whole = live_runs(reader(&open(&image)));
    let blocks: Vec<u64> = told.blocks.keys().copied().collect();
    let root = told.blocks.iter().find(|(_, tree)| *tree == "root tree");
    let root = *root.unwrap().0;
    let reread = |change: &dyn Fn(&mut Vec<u8>), sentence: &str| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        let path = desk.file("damaged.img", &bytes);
        let volumes = open(&path);
        let reader = reader(&volumes);
        let runs = live_runs(reader);
        let names = paths(reader);
        let warnings = reader.warnings();
        let told = warnings.iter().any(|warning| warning.contains(sentence));
        assert!(told, "{sentence:?} is not in {warnings:?}");
        (runs, names)
    };
    let (runs, _) = reread(
        &|bytes| bytes[65536..65536 + 4096].fill(0),
        "its copy at 0x4000000",
    );
    assert!(runs == whole);
    let (runs, _) = reread(&|bytes| bytes[65536 + 0x70] ^= 1, "its copy at 0x4000000");
    assert!(runs == whole);
    // The first copy of every block.
    let mut bytes = sound.clone();
    lose(&mut bytes, &told, &blocks, |copy| copy == 0);
    let path = desk.file("damaged.img", &bytes);
    assert!(live_runs(reader(&open(&path))) == whole);
    // Both copies of the root of all: an earlier one is still there.
    let (runs, names) = reread(
        &|bytes| lose(bytes, &told, &[root], |_| true),
        "the root of the tree of trees is lost",
    );
    assert!(runs.len() > whole.len() / 2 && names.len() > 50);
    // Both copies of a leaf with files; the other subvolumes are as before.
    let leaf = told
        .blocks
        .iter()
        .filter(|(_, tree)| tree.contains("file tree key (257"));
    let leaf = *leaf.max().unwrap().0;
    let (runs, _) = reread(
        &|bytes| lose(bytes, &told, &[leaf], |_| true),
        "what it held is not known",
    );
    assert!(runs.len() < whole.len() && runs.is_subset(&whole));
    // A checksum that does not fit is told, and what it covers is read all the same.
    let places = told.places(leaf);
    let (runs, _) = reread(
        &|bytes| {
            for place in &places {
                bytes[usize::try_from(*place).unwrap()] ^= 1;
            }
        },
        "does not fit its checksum",
    );
    assert!(runs == whole);
}

/// Where the blocks of trees lie, of which the copies are lost: nothing stands in for them.
pub(super) fn lonely_blocks(image: &Path) -> Vec<std::ops::Range<usize>> {
    let told = Dump::of(image);
    let mut bytes = std::fs::read(image).unwrap();
    let blocks: Vec<u64> = told.blocks.keys().copied().collect();
    lose(&mut bytes, &told, &blocks, |copy| copy > 0);
    bytes[64 << 20..][..4096].fill(0);
    std::fs::write(image, bytes).unwrap();
    let len = usize::try_from(told.node).unwrap();
    let first = |logical| usize::try_from(told.places(logical)[0]).unwrap();
    let firsts = blocks.into_iter().map(first);
    firsts.map(|first| first..first + len).collect()
}
