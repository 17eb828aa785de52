//! FAT12, FAT16 and FAT32, filled by mtools.

use std::path::{Path, PathBuf};

use keydredge::volume::Content;
use keydredge::volume::attribute::State;

use super::mark::{self, Marked};
use super::oracle::{self, samples};
use super::{blank, open, owners, run, stdout};
use crate::fixture::Desk;

struct Made {
    desk: Desk,
    path: PathBuf,
    marked: Marked,
}

impl Made {
    /// Copies a new file into the image.
    fn put(&mut self, path: &str, len: u64) {
        let file = self.marked.write(&self.desk.path("tree"), path, len);
        mtools(
            &self.path,
            "mcopy",
            &["-Q", file.to_str().unwrap(), &format!("::{path}")],
        );
    }
}

impl Made {
    /// Takes all free space, so that only what is deleted later can be written to.
    fn fill(&self) {
        let listed = run("mdir", &["-i", self.path.to_str().unwrap(), "::"]);
        let listed = stdout(&listed);
        let free = listed
            .lines()
            .find(|line| line.ends_with("bytes free"))
            .unwrap();
        let free: String = free.chars().filter(char::is_ascii_digit).collect();
        let file = self.desk.path("filler.bin");
        blank(&file, free.parse().unwrap());
        mtools(&self.path, "mcopy", &[file.to_str().unwrap(), "::"]);
    }
}

fn mtools(image: &Path, program: &str, args: &[&str]) {
    let mut all = vec!["-i", image.to_str().unwrap()];
    all.extend(args);
    run(program, &all);
}

/// Fills a file system, deletes every other small file, and writes files into the holes.
fn make(width: &str, len: u64) -> Made {
    let desk = Desk::new();
    let path = desk.path("disk.img");
    blank(&path, len);
    let shown = path.to_str().unwrap();
    run(
        "mkfs.fat",
        &["-F", width, "-s", "2", "-n", "TESTDISK", shown],
    );
    let mut made = Made {
        desk,
        path,
        marked: Marked::default(),
    };
    let tree = made.desk.path("tree");
    for number in 0..80 {
        let len = 1024 * (1 + number % 3) + 100 + number;
        let name = match number % 3 {
            0 => format!("/small/S{number:03}.TXT"),
            1 => format!("/small/s{number:03}.txt"),
            _ => format!("/small/s{number:03} with a long name.json"),
        };
        made.marked.write(&tree, &name, len);
    }
    let small = tree.join("small");
    mtools(&made.path, "mcopy", &["-sQ", small.to_str().unwrap(), "::"]);
    mtools(
        &made.path,
        "mmd",
        &["::/frag", "::/gone", "::/Deep Folder", "::/Deep Folder/b"],
    );
    made.put("/gone/key.pem", 7_000);
    made.put("/last.pem", 7_000);
    made.fill();
    for number in (0..80).step_by(2) {
        mtools(&made.path, "mdel", &[&format!("::/small/s{number:03}*")]);
    }
    for (name, len) in [
        ("big file.bin", 50_040),
        ("f0.env", 12_077),
        ("F1.ENV", 9_000),
    ] {
        made.put(&format!("/frag/{name}"), len);
    }
    made.put("/Deep Folder/b/s\u{fc}\u{df}.key", 5_030);
    mtools(&made.path, "mdel", &["::/last.pem"]);
    mtools(&made.path, "mdeltree", &["::/gone"]);
    made
}

fn is_live(path: &str) -> bool {
    let number = path
        .get(8..11)
        .and_then(|digits| digits.parse::<u32>().ok());
    let small = path.starts_with("/small").then_some(number).flatten();
    small.is_none_or(|number| number % 2 == 1) && path != "/last.pem" && !path.starts_with("/gone")
}

#[track_caller]
fn check(width: &str, len: u64) {
    let made = make(width, len);
    let volumes = open(&made.path);
    let Content::FileSystem(reader) = &volumes.volumes[0].content else {
        panic!("{:?}", volumes.volumes);
    };
    assert_eq!(reader.name(), format!("fat{width}"));
    assert_eq!(reader.label(), Some("TESTDISK"));
    let bytes = std::fs::read(&made.path).unwrap();
    let found = mark::find(&bytes);
    let places: Vec<u64> = found.iter().map(|mark| mark.at).collect();
    let all = owners(&volumes, &places);
    made.marked.check(&found, &all, is_live);

    let mut joins = 0;
    reader.seams(512, &mut |seam| joins += seam.pieces.len() - 1);
    assert!(joins > 10, "only {joins} joins: nothing is fragmented");

    // In one piece and not overwritten: all of it is still known, the names as far as they are.
    for (path, shown) in [
        ("/last.pem", "/_ast.pem"),
        ("/gone/key.pem", "/_one/_ey.pem"),
    ] {
        let number = made.marked.number_of(path);
        let whose = found
            .iter()
            .zip(&all)
            .filter(|(mark, _)| mark.file == number);
        let mut count = 0;
        for (mark, owners) in whose {
            assert_eq!(owners[0].state, State::Deleted, "{path}: {owners:?}");
            assert_eq!(owners[0].path.as_deref(), Some(shown), "{path}");
            assert_eq!(owners[0].file_offset, Some(mark.offset), "{path}");
            count += 1;
        }
        assert_eq!(count, 7_000_usize.div_ceil(64), "{path}");
    }

    let mut told = oracle::files(&made.path);
    // It writes `^` for letters that it does not know.
    told.retain(|file| !file.path.contains('^') && file.path != "/filler.bin");
    let picked = samples(&told, 512, 500);
    assert!(picked.len() > 300);
    let places: Vec<u64> = picked.iter().map(|sample| sample.at).collect();
    for (sample, owners) in picked.iter().zip(owners(&volumes, &places)) {
        oracle::assert_owner(sample, &told[sample.file], &owners);
    }
    assert_eq!(reader.warnings(), [""; 0]);
}

#[test]
fn clusters_belong_to_whom_the_sleuth_kit_says() {
    check("12", 2 << 20);
    check("16", 16 << 20);
    check("32", 68 << 20);
}
