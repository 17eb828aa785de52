//! exFAT. No program fills an image without mounting it, so the entries are written here, and
//! `fsck.exfat` has to find nothing wrong with them.

use std::path::PathBuf;

use keydredge::volume::attribute::State;

use super::mark::{self, Marked};
use super::oracle::{self, samples};
use super::{blank, open, owners, reader, run};
use crate::fixture::Desk;

/// Puts files into an image that `mkfs.exfat` made.
pub(super) struct Writer {
    bytes: Vec<u8>,
    table: usize,
    heap: usize,
    cluster: usize,
    bitmap: usize,
    root: usize,
    next: usize,
}

/// Content that has its clusters.
#[derive(Clone)]
struct Stored {
    clusters: Vec<usize>,
    len: usize,
    valid: usize,
    contiguous: bool,
}

fn number(bytes: &[u8], at: usize) -> usize {
    let field = bytes[at..at + 4].try_into().unwrap();
    usize::try_from(u32::from_le_bytes(field)).unwrap()
}

impl Writer {
    fn new(path: &std::path::Path, len: u64, cluster: &str) -> Self {
        blank(path, len);
        let shown = path.to_str().unwrap();
        run(
            "mkfs.exfat",
            &["-b", "4K", "-c", cluster, "-L", "TESTDISK", shown],
        );
        let bytes = std::fs::read(path).unwrap();
        let sector = 1 << bytes[108];
        let mut writer = Self {
            table: number(&bytes, 80) * sector,
            heap: number(&bytes, 88) * sector,
            cluster: sector << bytes[109],
            root: number(&bytes, 96),
            bitmap: 0,
            next: 0,
            bytes,
        };
        let root = writer.place(writer.root);
        let entries = writer.bytes[root..].chunks(32);
        let bitmap = entries.clone().find(|entry| entry[0] == 0x81).unwrap();
        writer.bitmap = writer.place(number(bitmap, 20));
        writer.next = writer.root + 1;
        writer
    }

    fn place(&self, cluster: usize) -> usize {
        self.heap + (cluster - 2) * self.cluster
    }

    fn mark(&mut self, cluster: usize, used: bool) {
        let bit = 1 << ((cluster - 2) % 8);
        let byte = &mut self.bytes[self.bitmap + (cluster - 2) / 8];
        *byte = if used { *byte | bit } else { *byte & !bit };
    }

    fn link(&mut self, clusters: &[usize]) {
        for (place, cluster) in clusters.iter().enumerate() {
            let next = clusters.get(place + 1);
            let next = next.map_or(u32::MAX, |next| u32::try_from(*next).unwrap());
            let at = self.table + cluster * 4;
            self.bytes[at..at + 4].copy_from_slice(&next.to_le_bytes());
        }
    }

    /// Scattered content takes every second cluster, the last ones first.
    fn store(&mut self, content: &[u8], scattered: bool) -> Stored {
        let count = content.len().div_ceil(self.cluster);
        let step = if scattered { 2 } else { 1 };
        let mut clusters: Vec<_> = (0..count).map(|place| self.next + place * step).collect();
        self.next += count * step;
        if scattered {
            clusters.reverse();
            self.link(&clusters);
        }
        for (cluster, block) in clusters.iter().zip(content.chunks(self.cluster)) {
            let at = self.place(*cluster);
            self.bytes[at..at + block.len()].copy_from_slice(block);
            self.mark(*cluster, true);
        }
        Stored {
            clusters,
            len: content.len(),
            valid: content.len(),
            contiguous: !scattered,
        }
    }

    /// What deletion leaves: the bits of the clusters are cleared, their chain and content stay.
    fn free(&mut self, stored: &Stored) {
        for cluster in &stored.clusters {
            self.mark(*cluster, false);
        }
    }

    /// A directory of these sets; never shorter than a cluster.
    fn directory(&mut self, sets: &[Vec<u8>], scattered: bool) -> Stored {
        let mut content = sets.concat();
        content.push(0);
        content.resize(content.len().next_multiple_of(self.cluster), 0);
        self.store(&content, scattered)
    }

    /// Appends to the root directory and writes the image.
    fn finish(mut self, sets: &[Vec<u8>], path: &std::path::Path) {
        let root = self.place(self.root);
        let own = &self.bytes[root..root + self.cluster];
        let used = own.chunks(32).position(|entry| entry[0] == 0).unwrap() * 32;
        let mut content = own[..used].to_vec();
        content.extend(sets.concat());
        content.push(0);
        content.resize(content.len().next_multiple_of(self.cluster), 0);
        let (head, rest) = content.split_at(self.cluster);
        self.bytes[root..root + self.cluster].copy_from_slice(head);
        let mut clusters = vec![self.root];
        if !rest.is_empty() {
            clusters.extend(self.store(rest, false).clusters);
        }
        self.link(&clusters);
        std::fs::write(path, &self.bytes).unwrap();
    }
}

/// The entries of a file or directory.
fn set(name: &str, is_directory: bool, stored: &Stored) -> Vec<u8> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let mut set = vec![0; 64];
    set[0] = 0x85;
    set[1] = u8::try_from(1 + units.len().div_ceil(15)).unwrap();
    set[4] = if is_directory { 0x10 } else { 0x20 };
    for time in [8, 12, 16] {
        // 24 November 2026, 10:20:30, in UTC.
        let date = (46_u32 << 9 | 11 << 5 | 24) << 16;
        let moment = date | 10 << 11 | 20 << 5 | 15;
        set[time..time + 4].copy_from_slice(&moment.to_le_bytes());
    }
    set[22..25].fill(0x80);
    set[32] = 0xc0;
    set[33] = if stored.contiguous { 3 } else { 1 };
    set[35] = u8::try_from(units.len()).unwrap();
    let mut hash = 0_u16;
    for byte in units.iter().flat_map(|unit| {
        let upper = u8::try_from(*unit).map_or(*unit, |byte| byte.to_ascii_uppercase().into());
        upper.to_le_bytes()
    }) {
        hash = hash.rotate_right(1).wrapping_add(byte.into());
    }
    set[36..38].copy_from_slice(&hash.to_le_bytes());
    let first = stored.clusters.first().copied().unwrap_or(0);
    set[40..48].copy_from_slice(&u64::try_from(stored.valid).unwrap().to_le_bytes());
    set[52..56].copy_from_slice(&u32::try_from(first).unwrap().to_le_bytes());
    set[56..64].copy_from_slice(&u64::try_from(stored.len).unwrap().to_le_bytes());
    for part in units.chunks(15) {
        let start = set.len();
        set.extend([0xc1, 0]);
        set.extend(part.iter().flat_map(|unit| unit.to_le_bytes()));
        set.resize(start + 32, 0);
    }
    let mut sum = 0_u16;
    for (place, byte) in set.iter().enumerate() {
        if !matches!(place, 2 | 3) {
            sum = sum.rotate_right(1).wrapping_add((*byte).into());
        }
    }
    set[2..4].copy_from_slice(&sum.to_le_bytes());
    set
}

fn deleted(mut set: Vec<u8>) -> Vec<u8> {
    for kind in set.iter_mut().step_by(32) {
        *kind &= 0x7f;
    }
    set
}

struct Made {
    desk: Desk,
    path: PathBuf,
    marked: Marked,
}

impl Made {
    fn file(&mut self, writer: &mut Writer, path: &str, len: u64, scattered: bool) -> Stored {
        writer.store(&self.marked.content(path, len), scattered)
    }
}

fn make(cluster: &str, len: u64) -> Made {
    let desk = Desk::new();
    let path = desk.path("disk.img");
    let mut writer = Writer::new(&path, len, cluster);
    let mut made = Made {
        desk,
        path,
        marked: Marked::default(),
    };
    let mut small = Vec::new();
    let mut gone = Vec::new();
    for number in 0..90_u64 {
        let name = match number % 3 {
            0 => format!("S{number:02}.TXT"),
            1 => format!("s{number:02} with a name that takes more than one entry.json"),
            _ => format!("s{number:02}.env"),
        };
        let len = 700 * (number % 4) + 100 + number;
        let path = format!("/small/{name}");
        let stored = made.file(&mut writer, &path, len, number % 5 == 0);
        let entries = set(&name, false, &stored);
        if number % 2 == 0 {
            small.push(deleted(entries));
            gone.push(stored);
        } else {
            small.push(entries);
        }
    }
    let small = writer.directory(&small, true);
    let mut frag = Vec::new();
    for (name, len) in [("big.bin", 90_040), ("\u{9375}.key", 5_000)] {
        let stored = made.file(&mut writer, &format!("/frag/{name}"), len, true);
        frag.push(set(name, false, &stored));
    }
    let frag = writer.directory(&frag, false);
    // A folder that was deleted with what was in it.
    let key = made.file(&mut writer, "/gone/key.pem", 7_000, true);
    let dir = writer.directory(&[deleted(set("key.pem", false, &key))], false);
    let mut half = made.file(&mut writer, "/half.log", 9_024, false);
    half.valid = 3_008;
    let last = made.file(&mut writer, "/last.pem", 7_000, false);
    let root = [
        set("small", true, &small),
        set("frag", true, &frag),
        deleted(set("gone", true, &dir)),
        set("half.log", false, &half),
        deleted(set("last.pem", false, &last)),
    ];
    for stored in gone.iter().chain([&key, &dir, &last]) {
        writer.free(stored);
    }
    writer.finish(&root, &made.path);
    run("fsck.exfat", &["-n", made.path.to_str().unwrap()]);
    made
}

/// An image to be damaged, and where its structures lie.
pub(super) fn damageable(desk: &Desk) -> (PathBuf, Vec<std::ops::Range<usize>>) {
    let made = make("512", 2 << 20);
    let bytes = std::fs::read(&made.path).unwrap();
    let path = desk.file("exfat.img", &bytes);
    let sector = 1 << bytes[108];
    let table = number(&bytes, 80) * sector;
    let heap = number(&bytes, 88) * sector;
    let root = heap + (number(&bytes, 96) - 2) * (sector << bytes[109]);
    // Directories lie among the files.
    let entries = bytes.chunks(32).enumerate();
    let entries = entries.filter(|(_, entry)| matches!(entry[0], 0x85 | 0xc0 | 0x05 | 0x40));
    let mut ranges: Vec<_> = entries
        .map(|(place, _)| place * 32..place * 32 + 32)
        .collect();
    ranges.truncate(200);
    ranges.extend([64..112, table..table + 4000, root..root + 512]);
    ranges.extend(vec![64..112; 10]);
    (path, ranges)
}

fn is_live(path: &str) -> bool {
    let number = path
        .get(8..10)
        .and_then(|digits| digits.parse::<u32>().ok());
    let number = number.filter(|_| path.starts_with("/small"));
    number.is_none_or(|number| number % 2 == 1)
        && !matches!(path, "/last.pem" | "/gone/key.pem" | "/half.log")
}

#[track_caller]
fn check(cluster: &str, len: u64) {
    let made = make(cluster, len);
    let volumes = open(&made.path);
    let reader = reader(&volumes);
    assert_eq!(reader.name(), "exfat");
    assert_eq!(reader.label(), Some("TESTDISK"));
    let bytes = std::fs::read(&made.path).unwrap();
    let found = mark::find(&bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let all = owners(&volumes, &places);
    made.marked.check(&found, &all, is_live);
    for (mark, owners) in found.iter().zip(&all) {
        let (path, _) = &made.marked.files[&mark.file];
        let owner = &owners[0];
        let state = match path.as_str() {
            "/half.log" if mark.offset >= 3_008 => State::Slack,
            path if path == "/half.log" || is_live(path) => State::Allocated,
            _ => State::Deleted,
        };
        assert_eq!(owner.state, state, "{path} at {:#x}: {owners:?}", mark.at);
        assert_eq!(owner.path.as_ref(), Some(path), "at {:#x}", mark.at);
        assert_eq!(owner.file_offset, Some(mark.offset), "{path}");
    }

    let mut told = oracle::files(&made.path);
    // It does not follow the chain of a deleted file, which is still there.
    let is_scattered = |path: &str| {
        let number = path
            .get(8..10)
            .and_then(|digits| digits.parse::<u32>().ok());
        number.is_none_or(|number| number % 5 == 0) && path != "/gone" && path != "/last.pem"
    };
    told.retain(|file| {
        let same = file.allocated || !is_scattered(&file.path);
        file.size > 0 && file.path != "/half.log" && same
    });
    let block = reader.block_size();
    let picked = samples(&told, block, 500);
    assert!(picked.len() > 100, "{}", picked.len());
    let places: Vec<u64> = picked.iter().map(|sample| sample.at).collect();
    for (sample, owners) in picked.iter().zip(owners(&volumes, &places)) {
        oracle::assert_owner(sample, &told[sample.file], &owners);
    }
    oracle::check_slack(&volumes, &told, block);
    // It counts sectors.
    oracle::check_allocation(&made.path, &volumes, 512);
    let big = made.marked.number_of("/frag/big.bin");
    oracle::check_seams(&bytes, reader, big);
    assert_eq!(reader.warnings(), [""; 0]);

    let mut damaged = bytes.clone();
    damaged[..512].fill(0);
    let path = made.desk.file("damaged.img", &damaged);
    let volumes = open(&path);
    let reader = super::reader(&volumes);
    assert!(reader.warnings()[0].contains("its copy at 0x1800 was used"));
    let again = owners(&volumes, &places);
    assert!(again.iter().all(|owners| owners[0].path.is_some()));
}

#[test]
fn exfat_clusters_belong_to_whom_the_sleuth_kit_says() {
    check("512", 4 << 20);
    check("4K", 24 << 20);
}
