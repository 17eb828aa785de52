//! NTFS, filled and fragmented through ntfs-3g.

use std::collections::{BTreeMap, HashSet};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use keydredge::volume::attribute::State;
use keydredge::volume::{Encoded, FileSystem, RunKind, Volumes};
use rustix::fs::XattrFlags;

use super::mark::{self, Marked};
use super::mount::Mounted;
use super::oracle::{self, samples};
use super::{blank, open, owners, reader, run};
use crate::fixture::Desk;

/// An image and what is in it.
struct Made {
    desk: Desk,
    path: PathBuf,
    marked: Marked,
    bytes: Vec<u8>,
    /// Files whose content is not marked.
    texts: BTreeMap<String, Vec<u8>>,
}

/// Text that is different everywhere and compresses well.
fn text(len: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0.. {
        if text.len() >= len {
            break;
        }
        text.extend(format!("line {number} of a file that compresses well; ").bytes());
    }
    text.truncate(len);
    text
}

/// Bytes that do not compress at all.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// Writes a file block by block from its end, which puts each block in a place of its own.
pub fn write_backwards(path: &Path, content: &[u8], block: usize) {
    let mut file = std::fs::File::create(path).unwrap();
    file.set_len(u64::try_from(content.len()).unwrap()).unwrap();
    for (number, block_bytes) in content.chunks(block).enumerate().rev() {
        let at = u64::try_from(number * block).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(block_bytes).unwrap();
    }
}

/// Writes until nothing more fits, so that later files go into the holes that others leave.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).unwrap();
    for len in [1 << 16, 512] {
        while file.write_all(&vec![b'f'; len]).is_ok() {}
    }
}

fn make(cluster: usize, len: u64) -> Made {
    let desk = Desk::new();
    let path = desk.path("disk.img");
    blank(&path, len);
    let shown = path.to_str().unwrap();
    let size = cluster.to_string();
    run(
        "mkntfs",
        &["-q", "-F", "-c", &size, "-L", "TESTDISK", shown],
    );
    let mut made = Made {
        path,
        marked: Marked::default(),
        bytes: Vec::new(),
        texts: BTreeMap::new(),
        desk,
    };
    let mounted = Mounted::new(&made.path, &made.desk.path("mount"));
    made.fill(&mounted, cluster);
    mounted.unmount();
    made.bytes = std::fs::read(&made.path).unwrap();
    made
}

/// Makes a folder whose files are compressed.
fn compressed_folder(mounted: &Mounted, path: &str) {
    const COMPRESSED: u32 = 0x800;
    const DIRECTORY: u32 = 0x10;
    let folder = mounted.path(path);
    std::fs::create_dir(&folder).unwrap();
    let flags = (COMPRESSED | DIRECTORY).to_be_bytes();
    let name = "system.ntfs_attrib_be";
    rustix::fs::setxattr(&folder, name, &flags, XattrFlags::empty()).unwrap();
}

/// A little of everything, to be damaged.
pub(super) fn damage_tree(mounted: &Mounted) {
    compressed_folder(mounted, "/comp");
    for number in 0..60 {
        let folder = mounted.path(&format!("/d{}", number % 7));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("f{number}")), text(100 + number * 200)).unwrap();
        std::fs::write(folder.join(format!("f{number}:ads")), text(50)).unwrap();
        if number % 5 == 0 {
            std::fs::remove_file(folder.join(format!("f{number}"))).unwrap();
        }
    }
    for number in 0..4 {
        std::fs::write(
            mounted.path(&format!("/comp/c{number}")),
            text(40_000 * number),
        )
        .unwrap();
    }
    write_backwards(&mounted.path("/fragments"), &noise(512 * 300), 512);
}

impl Made {
    fn write(&mut self, mounted: &Mounted, path: &str, len: usize) {
        let content = self.marked.content(path, u64::try_from(len).unwrap());
        let file = mounted.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn write_text(&mut self, mounted: &Mounted, path: &str, content: Vec<u8>) {
        let file = mounted.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &content).unwrap();
        self.texts.insert(path.to_owned(), content);
    }

    fn fill(&mut self, mounted: &Mounted, cluster: usize) {
        for number in 0..6 {
            let path = format!("/tiny/t{number}.key");
            self.write(mounted, &path, 40 + number * 12);
        }
        for number in 0..8 {
            let path = format!("/tiny/r{number}.pem");
            self.write_text(mounted, &path, text(180 + number * 60));
        }
        self.write_text(mounted, "/tiny/gone.pem", text(410));
        self.compressed(mounted);
        let wide = cluster.max(1024);
        self.write(mounted, "/deep/a/b/c/p\u{e4}ss w\u{f6}rd.txt", 9000);
        std::fs::create_dir(mounted.path("/frag")).unwrap();
        let content = self
            .marked
            .content("/frag/big.bin", u64::try_from(cluster * 400 - 77).unwrap());
        write_backwards(&mounted.path("/frag/big.bin"), &content, cluster);
        let content = self.marked.content("/sparse.bin", 3 << 20);
        let mut sparse = std::fs::File::create(mounted.path("/sparse.bin")).unwrap();
        sparse.set_len(3 << 20).unwrap();
        for at in [0_usize, 1 << 20, (3 << 20) - (4 << 10)] {
            sparse
                .seek(SeekFrom::Start(u64::try_from(at).unwrap()))
                .unwrap();
            sparse.write_all(&content[at..at + (4 << 10)]).unwrap();
        }
        drop(sparse);
        self.write(mounted, "/ads/host.txt", 3000);
        self.write(mounted, "/ads/host.txt:note", 30_000);
        self.write(mounted, "/ads/host.txt:small", 80);
        self.write(mounted, "/gone/dir/key.pem", 7000);
        self.write(mounted, "/last.pem", 7000);
        for number in 0..200 {
            let path = format!("/small/s{number:03}.txt");
            self.write(mounted, &path, wide * (1 + number % 3) + 100 + number);
        }
        std::fs::hard_link(
            mounted.path("/small/s003.txt"),
            mounted.path("/deep/second"),
        )
        .unwrap();
        fill(&mounted.path("/filler.bin"));
        for number in (0..200).step_by(2) {
            std::fs::remove_file(mounted.path(&format!("/small/s{number:03}.txt"))).unwrap();
        }
        // The table itself grows into the holes.
        std::fs::create_dir(mounted.path("/many")).unwrap();
        for number in 0..120 {
            std::fs::write(mounted.path(&format!("/many/m{number}")), b"").unwrap();
        }
        self.write(mounted, "/frag/f0.env", wide * 40 + 77);
        for path in ["/last.pem", "/tiny/gone.pem", "/comp/gone.txt"] {
            std::fs::remove_file(mounted.path(path)).unwrap();
        }
        std::fs::remove_dir_all(mounted.path("/gone")).unwrap();
    }

    fn compressed(&mut self, mounted: &Mounted) {
        compressed_folder(mounted, "/comp");
        let unit = 64 << 10;
        let mut mixed = text(unit);
        mixed.extend(noise(unit * 5));
        mixed.extend(text(unit));
        mixed.extend(noise(unit));
        mixed.extend(text(unit + 1000));
        self.write_text(mounted, "/comp/mixed.bin", mixed);
        self.write_text(mounted, "/comp/long.txt", text(2_500_000));
        self.write_text(mounted, "/comp/short.txt", text(20_000));
        self.write_text(mounted, "/comp/gone.txt", text(150_000));
    }
}

fn is_live(path: &str) -> bool {
    let number = path.strip_prefix("/small/s");
    let number = number.and_then(|rest| rest[..3].parse::<u32>().ok());
    number.is_none_or(|number| number % 2 == 1)
        && path != "/last.pem"
        && path != "/sparse.bin"
        && !path.starts_with("/gone")
}

/// The one path of each file of a reader, by number.
fn paths(reader: &dyn FileSystem) -> BTreeMap<u64, String> {
    let mut nodes = HashSet::new();
    reader.runs(&mut |run| {
        nodes.insert(run.node);
    });
    let names = reader.names(&nodes).into_iter();
    names.map(|name| (name.node.0, name.path)).collect()
}

#[track_caller]
fn check(cluster: usize, len: u64) {
    let made = make(cluster, len);
    let volumes = open(&made.path);
    let reader = reader(&volumes);
    assert_eq!(reader.name(), "ntfs");
    assert_eq!(reader.label(), Some("TESTDISK"));
    let block = u64::try_from(cluster).unwrap();
    assert_eq!(reader.block_size(), block);

    let found = mark::find(&made.bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let all = owners(&volumes, &places);
    made.marked.check(&found, &all, is_live);
    let sparse = all.iter().filter(|owners| {
        owners[0].path.as_deref() == Some("/sparse.bin") && owners[0].state == State::Allocated
    });
    assert_eq!(sparse.count(), 3 * 4096 / 64);
    check_deleted(&made, &volumes);

    let mut told = oracle::files(&made.path);
    // Compressed runs are told in decoded lengths, and of streams only the first's is the length of
    // the file.
    told.retain(|file| {
        !file.path.starts_with("/comp/") && !file.path.contains(':') && file.size > 0
    });
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
    check_decoded(&made, reader);
    check_fixups(&made, reader);
    check_links(&volumes);
    check_damage(&made);
    assert_eq!(reader.warnings(), [""; 0]);
}

#[test]
fn ntfs_clusters_belong_to_whom_the_sleuth_kit_says() {
    check(4096, 24 << 20);
}

#[test]
fn records_may_be_longer_than_clusters() {
    check(512, 16 << 20);
}

/// What was deleted last is still all there, with its name and place.
fn check_deleted(made: &Made, volumes: &Volumes) {
    let found = mark::find(&made.bytes);
    for path in ["/last.pem", "/gone/dir/key.pem"] {
        let number = made.marked.number_of(path);
        let marks: Vec<_> = found.iter().filter(|mark| mark.file == number).collect();
        let places: Vec<u64> = marks.iter().map(|mark| mark.at).collect();
        let mut count = 0;
        for (mark, owners) in marks.iter().zip(owners(volumes, &places)) {
            let owner = owners.iter().find(|owner| {
                owner.state == State::Deleted
                    && owner.path.as_deref() == Some(path)
                    && owner.file_offset == Some(mark.offset)
            });
            assert!(owner.is_some(), "{path} at {:#x}: {owners:?}", mark.at);
            count += 1;
        }
        assert_eq!(count, 7_000_usize.div_ceil(64), "{path}");
    }
}

/// Compressed files come out as they went in, wherever a secret of 16 KiB may lie in them.
fn check_decoded(made: &Made, reader: &dyn FileSystem) {
    const REACH: usize = 16 << 10;
    let paths = paths(reader);
    let mut pieces: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    reader.encoded(&mut |encoded: &Encoded| {
        if encoded.codec != "lznt1" {
            return;
        }
        let path = &paths[&encoded.node.0];
        let start = usize::try_from(encoded.file_offset).unwrap();
        let end = start + encoded.bytes.len();
        assert!(
            encoded.bytes == made.texts[path][start..end],
            "{path} from {start} on"
        );
        assert_eq!(encoded.deleted, path == "/comp/gone.txt");
        for at in 0..u64::try_from(encoded.bytes.len()).unwrap() {
            assert!(encoded.origin(at).is_some(), "{path} at {at}");
        }
        pieces.entry(path.clone()).or_default().push((start, end));
    });
    let whole = |path: &str, from: usize, to: usize| {
        let pieces = &pieces[path];
        for at in (from..to).step_by(1000) {
            let end = (at + REACH).min(to);
            let held = pieces
                .iter()
                .any(|(start, stop)| *start <= at && end <= *stop);
            assert!(held, "{path}: {at} to {end} is in none of {pieces:?}");
        }
    };
    for path in ["/comp/long.txt", "/comp/short.txt", "/comp/gone.txt"] {
        whole(path, 0, made.texts[path].len());
    }
    let unit = 64 << 10;
    let mixed = made.texts["/comp/mixed.bin"].len();
    whole("/comp/mixed.bin", 0, unit + REACH);
    whole("/comp/mixed.bin", unit * 6 - REACH, mixed);
    let total: usize = pieces["/comp/mixed.bin"].iter().map(|(a, b)| b - a).sum();
    assert!(total < mixed, "what is not compressed needs no decoding");
}

/// Values that lie across the end of a sector in their record come out whole.
fn check_fixups(made: &Made, reader: &dyn FileSystem) {
    let paths = paths(reader);
    let mut seen = Vec::new();
    reader.encoded(&mut |encoded: &Encoded| {
        let Some(path) = paths
            .get(&encoded.node.0)
            .filter(|path| encoded.codec == "fixup" && path.starts_with("/tiny/"))
        else {
            return;
        };
        assert!(encoded.bytes == made.texts[path], "{path}");
        let mut different = 0;
        for (at, byte) in (0..).zip(&encoded.bytes) {
            let origin = usize::try_from(encoded.origin(at).unwrap()).unwrap();
            different += usize::from(made.bytes[origin] != *byte);
        }
        assert!((1..=4).contains(&different), "{path}: {different}");
        seen.push(path.as_str());
    });
    assert!(seen.contains(&"/tiny/gone.pem"), "{seen:?}");
    assert!(seen.len() > 4, "{seen:?}");
}

fn check_links(volumes: &Volumes) {
    let reader = reader(volumes);
    let nodes = paths(reader).into_iter();
    let mut linked = nodes.filter(|(_, path)| path == "/small/s003.txt" || path == "/deep/second");
    let (node, _) = linked.next().unwrap();
    let names = reader.names(&HashSet::from([keydredge::volume::NodeId(node)]));
    let mut names: Vec<_> = names.iter().map(|name| name.path.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["/deep/second", "/small/s003.txt"]);
}

/// Structures that are kept twice, or can be done without, may be lost.
fn check_damage(made: &Made) {
    let volumes = open(&made.path);
    let mut whole = paths(reader(&volumes));
    assert!(whole.len() > 120);
    // The name of the table is in its own first record.
    whole.remove(&0);
    let mut map = Vec::new();
    reader(&volumes).runs(&mut |run| {
        if run.kind == RunKind::Map {
            map.push(usize::try_from(run.start).unwrap()..usize::try_from(run.end()).unwrap());
        }
    });
    let cluster = usize::try_from(reader(&volumes).block_size()).unwrap();
    // The list of a file with as many pieces is short enough for a record where there are fewer.
    assert!(
        cluster > 512 || !map.is_empty(),
        "no list of attributes outside a record"
    );
    let mft = u64::from_le_bytes(made.bytes[48..56].try_into().unwrap());
    let mft = usize::try_from(mft).unwrap() * cluster;
    let only = |range| std::iter::once(range).collect();
    for (ranges, sentence) in [
        (only(0..512), "its copy at 0x"),
        (only(mft..mft + 1024), "its copy at 0x"),
        (map, "are damaged, the first is record"),
    ] {
        if ranges.is_empty() {
            continue;
        }
        let mut bytes = made.bytes.clone();
        for range in ranges {
            bytes[range].fill(0);
        }
        let path = made.desk.file("damaged.img", &bytes);
        let volumes = open(&path);
        let reader = reader(&volumes);
        let mut found = paths(reader);
        found.remove(&0);
        assert!(found == whole, "{sentence}: {found:?}");
        let found = mark::find(&bytes);
        let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
        made.marked
            .check(&found, &owners(&volumes, &places), is_live);
        let warnings = reader.warnings();
        assert!(
            warnings.iter().any(|warning| warning.contains(sentence)),
            "{warnings:?}"
        );
    }
}
