//! What it costs to say whose bytes these are, on an ext4 disk of 4,000 files: opening the disk, and
//! one sweep of its metadata for one place or for thousands.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

mod settings;

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use criterion::Throughput;
use keydredge::image::Image;
use keydredge::specimen::Stream;
use keydredge::volume::attribute::{State, attribute};
use keydredge::volume::disk::{Disk, Guest};
use keydredge::volume::partition::volumes;

const FOLDERS: usize = 40;
const FILES_OF_A_FOLDER: usize = 100;
const FILES: usize = FOLDERS * FILES_OF_A_FOLDER;

/// A disk with files of one to eight blocks.
fn make(folder: &Path) -> Arc<Image> {
    let tree = folder.join("tree");
    let mut stream = Stream::new("volume");
    for directory in 0..FOLDERS {
        let directory = tree.join(format!("folder-{directory}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..FILES_OF_A_FOLDER {
            let len = 1 + stream.below(8 * 4096) as usize;
            fs::write(directory.join(format!("file-{file}")), vec![b'x'; len]).unwrap();
        }
    }
    let disk = folder.join("disk.img");
    let path = format!("{}:/sbin:/usr/sbin", std::env::var("PATH").unwrap());
    let made = Command::new("mke2fs")
        .env("PATH", path)
        .args(["-q", "-F", "-t", "ext4", "-d"])
        .args([&tree, &disk])
        .arg("256M")
        .status();
    assert!(made.expect("mke2fs (e2fsprogs)").success());
    Arc::new(Image::open(disk).unwrap())
}

/// Places where a file's content lies, every so many of them.
fn places(bytes: &[u8], count: usize) -> Vec<Range<u64>> {
    let blocks = bytes.chunks(4096).zip(0..);
    let in_files = blocks.filter(|(block, _)| block.starts_with(b"xxxxxxxx"));
    let all: Vec<u64> = in_files.map(|(_, block)| block * 4096).collect();
    let step = all.len() / count;
    let some = all.into_iter().step_by(step).take(count);
    some.map(|at| at..at + 8).collect()
}

fn main() {
    let mut criterion = settings::criterion(2);
    let folder = tempfile::tempdir().unwrap();
    let image = make(folder.path());
    let disk: Disk = Arc::new(Guest::new(Arc::clone(&image)));
    let found = volumes(&disk).volumes;
    let mut group = criterion.benchmark_group("ext4");
    group.throughput(Throughput::Elements(FILES as u64));
    group.bench_function("open", |bencher| bencher.iter(|| volumes(&disk)));
    for count in [1, 100, FILES] {
        let ranges = places(image.map().bytes(), count);
        let owners = attribute(&found, &ranges);
        let named = owners.iter().filter(|owners| {
            let owner = owners.first();
            owner.is_some_and(|owner| owner.state == State::Allocated && owner.path.is_some())
        });
        assert_eq!(named.count(), count, "every place is in a file");
        group.bench_function(format!("{count} places"), |bencher| {
            bencher.iter(|| attribute(&found, &ranges));
        });
    }
    group.finish();
    criterion.final_summary();
}
