//! XFS, made by mkfs.xfs and by the kernel. What the kernel alone can make (fragments, deleted and
//! shared files) lies in `tests/data/volumes`; what lies where in it is told by `xfs_db`.

mod lost;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use keydredge::volume::attribute::State;
use keydredge::volume::{FileSystem, NodeId, RunKind, Volumes};

use super::mark::{self, Marked};
use super::oracle::{self, Told, samples};
use super::{blank, command, fixture, open, owners, reader, run, run_with, stdout};
use crate::fixture::Desk;

/// Where directories keep their indexes.
const DIRECTORY_INDEX: u64 = 32 << 30;

/// Makes a file system with a tree in it. `make` writes the files.
pub(super) fn offline(desk: &Desk, tree: &Path, len: u64, options: &[&str]) -> PathBuf {
    let image = desk.path("disk.img");
    blank(&image, len);
    let mut proto = "/\n1 1\nd--755 0 0\n".to_owned();
    describe(tree, &mut proto);
    let proto = desk.file("proto", proto);
    let status = command("mkfs.xfs")
        // It makes small ones only for its own tests.
        .envs([("TEST_DIR", "."), ("TEST_DEV", "."), ("QA_CHECK_FS", "1")])
        .args(["-q", "-f", "-L", "testdisk", "-p", proto.to_str().unwrap()])
        .args(options)
        .arg(&image)
        .output()
        .unwrap_or_else(|error| panic!("mkfs.xfs is needed and tests/run.sh installs it: {error}"));
    assert!(status.status.success(), "{status:?}");
    image
}

/// Describes a folder in the language of mkfs.xfs.
fn describe(folder: &Path, proto: &mut String) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    entries.sort_by_key(|entry| entry.as_ref().unwrap().file_name());
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_symlink() {
            let target = std::fs::read_link(&path).unwrap();
            proto.push_str(&format!("{name} l--777 5 6 {}\n", target.display()));
        } else if path.is_dir() {
            proto.push_str(&format!("{name} d--750 7 8\n"));
            describe(&path, proto);
        } else {
            proto.push_str(&format!("{name} ---640 1234567 70000 {}\n", path.display()));
        }
    }
    proto.push_str("$\n");
}

/// What `xfs_db` says of all files that have a name, and the number of links of those that are not
/// directories.
pub fn told(image: &Path) -> (Vec<Told>, HashMap<u64, usize>) {
    let shown = image.to_str().unwrap();
    let names = stdout(&run(
        "xfs_db",
        &["-r", "-c", "blockget -n", "-c", "ncheck", shown],
    ));
    let names: Vec<(u64, String)> = names
        .lines()
        .filter_map(|line| {
            let (inode, path) = line.trim().split_once(' ')?;
            // Directories end with a dot.
            let path = path.strip_suffix("/.").unwrap_or(path);
            Some((inode.parse().ok()?, format!("/{path}")))
        })
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let mut script = String::new();
    for (inode, _) in &names {
        script.push_str(&format!(
            "inode {inode}\nprint core.mode core.size core.uid core.gid core.mtime.sec \
             core.nlinkv2\nbmap\n"
        ));
    }
    let geometry = stdout(&run("xfs_db", &["-r", "-c", "sb 0", "-c", "print", shown]));
    let geometry: HashMap<_, _> = geometry
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let number = |name| geometry[name].parse::<u64>().unwrap();
    let (block, group) = (number("blocksize"), number("agblocks"));
    let text = stdout(&run_with("xfs_db", &["-r", shown], script.as_bytes()));
    let mut records = text.split("core.mode = ").skip(1);
    let mut links = HashMap::new();
    let files = names.iter().map(|(inode, path)| {
        let record = records.next().unwrap();
        let field = |name: &str| {
            let mut lines = record.lines().filter_map(|line| line.split_once(" = "));
            lines.find(|(key, _)| *key == name).unwrap().1
        };
        let mode = record.lines().next().unwrap();
        if !mode.starts_with("04") {
            links.insert(*inode, field("core.nlinkv2").parse().unwrap());
        }
        let time = field("core.mtime.sec");
        let time = jiff::civil::DateTime::strptime("%a %b %d %H:%M:%S %Y", time).unwrap();
        Told {
            path: path.clone(),
            inode: *inode,
            allocated: true,
            owner: (
                field("core.uid").parse().unwrap(),
                field("core.gid").parse().unwrap(),
            ),
            mode: u16::from_str_radix(mode, 8).unwrap() & 0xfff,
            size: field("core.size").parse().unwrap(),
            modified: time.to_string(),
            runs: record
                .lines()
                .filter_map(|line| run_of(line, block, group))
                .collect(),
        }
    });
    let files = files.collect();
    assert!(records.next().is_none());
    (files, links)
}

/// `data offset 3 startblock 16414 (2/30) count 1 flag 0`: group and block are in brackets.
fn run_of(line: &str, block: u64, group: u64) -> Option<(u64, u64, u64)> {
    let words: Vec<_> = line.strip_prefix("data offset ")?.split(' ').collect();
    let [file, _, _, place, _, count, _, "0"] = words[..] else {
        return None;
    };
    let (number, within) = place.trim_matches(['(', ')']).split_once('/')?;
    let number = number.parse::<u64>().ok()?;
    let at = number * group + within.parse::<u64>().ok()?;
    let file = file.parse::<u64>().ok()? * block;
    let count = count.parse::<u64>().ok()?;
    // Behind the names lie indexes, which are no content.
    (file < DIRECTORY_INDEX).then_some((file, at * block, count * block))
}

/// Holds all places, which are at least `count`, against `xfs_db`, and all blocks against its list
/// of free ones.
#[track_caller]
fn compare(image: &Path, volumes: &Volumes, count: usize) -> Vec<Told> {
    let reader = reader(volumes);
    let block = reader.block_size();
    let (mut told, links) = told(image);
    // A block of a link or directory is not all content.
    let files = told
        .iter()
        .filter(|file| file.size > 0 || file.runs.is_empty());
    assert!(files.count() > 50);
    for file in &mut told {
        let mut left = Vec::new();
        for (offset, at, len) in &file.runs {
            let len = file.size.saturating_sub(*offset).min(*len);
            if len > 0 {
                left.push((*offset, *at, len));
            }
        }
        file.runs = left;
    }
    let mut picked = samples(&told, 512, usize::MAX);
    // The target of a remote link lies behind a header.
    picked.retain(|sample| !told[sample.file].path.starts_with("/links/"));
    assert!(picked.len() >= count, "only {} places", picked.len());
    let places: Vec<u64> = picked.iter().map(|sample| sample.at).collect();
    for (sample, owners) in picked.iter().zip(owners(volumes, &places)) {
        oracle::assert_owner(sample, &told[sample.file], &owners);
    }
    check_free(image, volumes, block);
    check_names(&told, &links, volumes);
    told
}

/// Every name that `xfs_db` knows is found, and each file has as many names as it has links. It
/// tells only the first name of each.
fn check_names(told: &[Told], links: &HashMap<u64, usize>, volumes: &Volumes) {
    let wanted: HashSet<_> = told.iter().map(|file| NodeId(file.inode)).collect();
    let mut live: HashMap<u64, BTreeSet<String>> = HashMap::new();
    for name in reader(volumes).names(&wanted) {
        if !name.deleted {
            live.entry(name.node.0).or_default().insert(name.path);
        }
    }
    for file in told {
        let names = live.get(&file.inode);
        let names = names.unwrap_or_else(|| panic!("{} has no name", file.path));
        assert!(names.contains(&file.path), "{} has other names", file.path);
        if let Some(links) = links.get(&file.inode) {
            assert_eq!(names.len(), *links, "{}", file.path);
        }
    }
}

/// What is free is no one's, and what is not is claimed by something.
fn check_free(image: &Path, volumes: &Volumes, block: u64) {
    let shown = image.to_str().unwrap();
    let geometry = stdout(&run(
        "xfs_db",
        &["-r", "-c", "sb 0", "-c", "print agblocks dblocks", shown],
    ));
    let mut numbers = geometry.lines().map(|line| {
        let (_, number) = line.split_once(" = ").unwrap();
        number.parse::<u64>().unwrap()
    });
    let (group, count) = (numbers.next().unwrap(), numbers.next().unwrap());
    let listed = stdout(&run("xfs_db", &["-r", "-c", "freesp -d", shown]));
    let mut free = BTreeSet::new();
    for line in listed.lines().skip(1) {
        let words: Vec<_> = line.split_whitespace().collect();
        // The histogram follows.
        let [number, start, len] = words[..] else {
            break;
        };
        let [number, start, len] = [number, start, len].map(|word| word.parse::<u64>());
        let (Ok(number), Ok(start), Ok(len)) = (number, start, len) else {
            break;
        };
        let first = number * group + start;
        free.extend(first..first + len);
    }
    assert!(free.len() > 1000);
    let places: Vec<u64> = (0..count)
        .map(|number| number * block + block - 1)
        .collect();
    for (number, owners) in (0..).zip(owners(volumes, &places)) {
        let idle = match owners[0].state {
            State::Slack => owners[0].deleted,
            state => matches!(state, State::Unallocated | State::Deleted),
        };
        assert_eq!(idle, free.contains(&number), "block {number}: {owners:?}");
        let lost = owners[0].detail.as_deref() == Some("in use, but by no file");
        assert!(!lost, "block {number}");
    }
}

/// What is reserved for a file beyond what was written of it is known as such.
fn check_unwritten(reader: &dyn FileSystem, told: &[Told]) {
    let reserved = told
        .iter()
        .find(|file| file.path.starts_with("/reserved/f"));
    let node = NodeId(reserved.unwrap().inode);
    let mut blocks = BTreeMap::new();
    reader.runs(&mut |run| {
        if run.node == node && !run.deleted {
            let count = run.len / reader.block_size();
            *blocks.entry(run.kind == RunKind::Unwritten).or_default() += count;
        }
    });
    assert_eq!(blocks, BTreeMap::from([(false, 2), (true, 10)]));
}

/// The values of attributes, in pieces with headers between, come out whole.
fn check_values(reader: &dyn FileSystem, bytes: &[u8]) {
    let mut longest = 0;
    let mut pieces: BTreeMap<NodeId, (u64, Vec<u8>)> = BTreeMap::new();
    reader.runs(&mut |run| {
        if run.stream == 1 && run.kind == RunKind::Plain && !run.deleted {
            assert_eq!(reader.stream_name(run.node, 1).as_deref(), Some("xattr"));
            let from = usize::try_from(run.start).unwrap();
            let piece = &bytes[from..from + usize::try_from(run.valid).unwrap()];
            let (next, value) = pieces.entry(run.node).or_default();
            if *next != run.file_offset {
                value.clear();
            }
            value.extend(piece);
            *next = run.file_offset + run.valid;
            longest = longest.max(value.len());
        }
    });
    assert!(longest >= 20000, "{longest}");
    let whole = pieces.values().filter(|(_, value)| {
        let text = String::from_utf8_lossy(value);
        let marks: Vec<_> = text.match_indices('#').map(|(at, _)| at).collect();
        marks.len() >= 78 && marks.windows(3).all(|at| at[2] - at[0] == 512)
    });
    assert_eq!(whole.count(), 1);
}

/// Number of the file that a name ends with.
fn number_in(path: &str) -> Option<u32> {
    path.rsplit_once("/f")?.1.parse().ok()
}

/// The images that the kernel filled.
fn fragments(name: &str) {
    let desk = Desk::new();
    let image = fixture(&desk, name);
    check_fragments(&image);
}

fn check_fragments(image: &Path) {
    let volumes = open(image);
    let reader = reader(&volumes);
    assert_eq!(reader.name(), "xfs");
    assert_eq!(reader.label(), Some("fragments"));
    let told = compare(image, &volumes, 800);
    let live: HashMap<u32, &Told> = told
        .iter()
        .filter_map(|file| Some((number_in(&file.path)?, file)))
        .collect();

    let bytes = std::fs::read(image).unwrap();
    let found = mark::find(&bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let mut seen: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut recovered, mut named) = (0, BTreeSet::new());
    let mut shared = 0;
    for (mark, owners) in found.iter().zip(owners(&volumes, &places)) {
        let owning = owners
            .iter()
            .filter(|owner| owner.state == State::Allocated);
        let owning: Vec<_> = owning.collect();
        for owner in &owning {
            let path = owner.path.as_deref().unwrap();
            if path.contains("/link-") {
                continue;
            }
            assert_eq!(
                number_in(path),
                Some(mark.file),
                "{:#x}: {owner:?}",
                mark.at
            );
            assert_eq!(owner.file_offset, Some(mark.offset), "{path}");
            seen.entry(mark.file).or_default().insert(mark.offset);
        }
        shared += usize::from(owning.len() > 1);
        *states.entry(owners[0].state.name()).or_default() += 1;
        let gone = owners
            .iter()
            .find(|owner| owner.state == State::Deleted && owner.file_offset == Some(mark.offset));
        if let Some(owner) = gone.filter(|_| owning.is_empty()) {
            recovered += 1;
            if let Some(path) = &owner.path {
                assert_eq!(number_in(path), Some(mark.file), "{:#x}", mark.at);
                named.insert(path.clone());
            }
        }
    }
    for (number, file) in &live {
        // Of the copy one block is another's, and hard links all have one number.
        if file.path.starts_with("/shared/") || file.path.contains("/link-") {
            continue;
        }
        // Holes and what was never written have no marks, and a link has one.
        let written: u64 = file.runs.iter().map(|(_, _, len)| len).sum();
        let expected = if file.path.starts_with("/links/") {
            1
        } else {
            usize::try_from(written.saturating_sub(18).div_ceil(512)).unwrap()
        };
        let found = seen.get(number).map_or(0, BTreeSet::len);
        assert!(found >= expected, "{}: {found} of {expected}", file.path);
    }
    check_unwritten(reader, &told);
    check_values(reader, &bytes);
    assert!(shared > 20, "{shared} marks have several owners");
    // Of deleted files the extents stay, and the names where the directory did not shrink into its
    // inode.
    assert!(
        recovered * 10 >= states["deleted"] * 9,
        "{recovered}, {states:?}"
    );
    assert!(named.len() >= 8, "{named:?}");

    let many = live.values().find(|file| file.path.starts_with("/many/"));
    oracle::check_seams(&bytes, reader, number_in(&many.unwrap().path).unwrap());
    assert_eq!(reader.warnings(), [""; 0]);
}

#[test]
fn files_that_the_kernel_fragmented_are_those_that_xfs_db_names() {
    fragments("xfs-v5");
    fragments("xfs-1k");
}

/// A tree of marked files, small and large, with directories of every shape.
pub(super) fn tree(marked: &mut Marked, tree: &Path) {
    for number in 0..300 {
        let path = format!("/crowd/file-{number:04}-{}", "n".repeat(number % 29));
        marked.write(tree, &path, u64::try_from(100 + number * 40).unwrap());
    }
    for number in 0..30 {
        marked.write(tree, &format!("/some/f{number}"), 5000 + number * 100);
    }
    for number in 0..3 {
        marked.write(
            tree,
            &format!("/deep/a/b/c/p\u{e4}ssword{number}.txt"),
            9000,
        );
    }
    marked.write(tree, "/deep/big.bin", 300_000);
    std::fs::create_dir(tree.join("links")).unwrap();
    std::os::unix::fs::symlink("/deep/a", tree.join("links/short")).unwrap();
    let long = format!("/deep/{}", "a/".repeat(480));
    std::os::unix::fs::symlink(long, tree.join("links/long")).unwrap();
}

/// A file system with such a tree in it.
fn made(options: &[&str], len: u64) -> (Desk, Marked, PathBuf) {
    let desk = Desk::new();
    let mut marked = Marked::default();
    tree(&mut marked, &desk.path("tree"));
    let image = offline(&desk, &desk.path("tree"), len, options);
    (desk, marked, image)
}

#[track_caller]
fn check_offline(options: &[&str], len: u64) {
    let (_desk, marked, image) = made(options, len);
    let volumes = open(&image);
    assert_eq!(reader(&volumes).label(), Some("testdisk"));
    let bytes = std::fs::read(&image).unwrap();
    let found = mark::find(&bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let states = marked.check(&found, &owners(&volumes, &places), |_| true);
    assert_eq!(states, BTreeMap::new(), "{options:?}");
    let mut told = compare(&image, &volumes, 4000);
    // Behind the header of a block a link is not where its map says.
    told.retain(|file| file.path != "/links/long");
    oracle::check_slack(&volumes, &told, reader(&volumes).block_size());
    assert_eq!(reader(&volumes).warnings(), [""; 0], "{options:?}");
}

#[test]
fn every_layout_of_mkfs_is_read() {
    for (options, len) in [
        (&["-m", "crc=0", "-i", "size=256"][..], 32),
        (
            &["-m", "crc=0", "-b", "size=1024", "-n", "size=4096,ftype=0"],
            32,
        ),
        (&["-m", "crc=0", "-b", "size=512", "-d", "agcount=2"], 40),
        (&["-d", "agcount=3", "-i", "size=2048"], 58),
        (
            &["-b", "size=1024", "-n", "size=8192", "-m", "rmapbt=1"],
            40,
        ),
        (
            &[
                "-b",
                "size=2048",
                "-i",
                "size=1024,sparse=0",
                "-d",
                "agcount=2",
            ],
            50,
        ),
        (&["-b", "size=16384", "-s", "size=4096"], 100),
        (&["-b", "size=65536", "-i", "size=512"], 200),
    ] {
        check_offline(options, len << 20);
    }
}

#[test]
fn what_crosses_from_one_fragment_to_the_next_is_whole_in_a_seam() {
    for name in ["xfs-v5", "xfs-1k"] {
        let desk = Desk::new();
        let image = fixture(&desk, name);
        let (told, _) = told(&image);
        let mut bytes = std::fs::read(&image).unwrap();
        let many = told.iter().find(|file| file.path.starts_with("/many/f"));
        let many = many.unwrap();
        let needle = b"across the join of two runs";
        let mut planted = BTreeSet::new();
        for (number, pair) in many.runs.windows(2).enumerate() {
            let [(_, at, len), (offset, next, _)] = pair else {
                unreachable!("windows of two");
            };
            if at + len == *next {
                continue;
            }
            let cut = 1 + number % (needle.len() - 1);
            let (end, start) = (usize::try_from(at + len), usize::try_from(*next));
            let (end, start) = (end.unwrap(), start.unwrap());
            bytes[end - cut..end].copy_from_slice(&needle[..cut]);
            bytes[start..start + needle.len() - cut].copy_from_slice(&needle[cut..]);
            planted.insert(offset - u64::try_from(cut).unwrap());
        }
        assert!(planted.len() >= 8, "{planted:?}");
        assert_eq!(memchr::memmem::find(&bytes, needle), None);
        std::fs::write(&image, &bytes).unwrap();
        let mut found = BTreeSet::new();
        let volumes = open(&image);
        reader(&volumes).seams(64, &mut |seam| {
            let mut joined = Vec::new();
            for piece in &seam.pieces {
                let (start, end) = (usize::try_from(piece.start), usize::try_from(piece.end));
                joined.extend(&bytes[start.unwrap()..end.unwrap()]);
            }
            for at in memchr::memmem::find_iter(&joined, needle) {
                assert_eq!(seam.node, NodeId(many.inode));
                found.insert(seam.file_offset + u64::try_from(at).unwrap());
            }
        });
        assert_eq!(found, planted, "{name}");
    }
}
