//! Volumes and file systems against programs that nobody here wrote: the images are made by mke2fs,
//! debugfs, mkfs.btrfs, mkfs.xfs, mkfs.exfat, mkfs.fat, mtools, mkntfs, ntfs-3g, parted and sgdisk,
//! and what lies where in them is told by The Sleuth Kit, `xfs_db` and the tools of Btrfs. No test
//! needs a loop device; those of NTFS mount through FUSE.

pub mod btrfs;
mod damage;
mod exfat;
mod ext;
mod fat;
pub mod mark;
pub mod mount;
pub mod ntfs;
pub mod oracle;
pub mod table;
pub mod xfs;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use keydredge::image::Image;
use keydredge::volume::attribute::{Owner, attribute};
use keydredge::volume::{Content, Disk, FileSystem, Volumes, volumes};

use crate::fixture::Desk;

/// Runs a program that the test cannot do without.
pub fn run(program: &str, args: &[&str]) -> Output {
    run_with(program, args, b"")
}

/// The same with bytes on its standard input.
fn run_with(program: &str, args: &[&str], input: &[u8]) -> Output {
    use std::io::Write;

    let mut child = command(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{program} is needed and tests/run.sh installs it: {error}")
        });
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    });
    assert!(
        output.status.success(),
        "{program} {args:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Unpacks an image that the kernel has filled (`tests/data/volumes/make-*.sh`).
pub fn fixture(desk: &Desk, name: &str) -> PathBuf {
    let packed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/volumes/{name}.img.zst"));
    let image = desk.path("disk.img");
    let (packed, shown) = (packed.to_str().unwrap(), image.to_str().unwrap());
    run("zstd", &["-q", "-d", "--sparse", packed, "-o", shown]);
    image
}

pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    // File-system tools live where ordinary users do not look.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    // FAT keeps local time, and what was made here is read here.
    command.env("TZ", "UTC");
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn open(path: &Path) -> Volumes {
    let disk: Disk = Arc::new(Image::open(path).unwrap());
    volumes(&disk)
}

/// The file system that an undivided disk begins with.
fn reader(volumes: &Volumes) -> &dyn FileSystem {
    match &volumes.volumes[0].content {
        Content::FileSystem(reader) => reader.as_ref(),
        other => panic!("no file system but {other:?}"),
    }
}

/// The owners of single bytes.
fn owners(volumes: &Volumes, offsets: &[u64]) -> Vec<Vec<Owner>> {
    let ranges: Vec<_> = offsets.iter().map(|at| *at..at + 1).collect();
    let owners = attribute(&volumes.volumes, &ranges);
    assert_eq!(owners.len(), offsets.len());
    owners
}

/// An empty file of this length.
pub fn blank(path: &Path, len: u64) {
    std::fs::File::create(path).unwrap().set_len(len).unwrap();
}

/// The paths of all files that have runs, more than so many.
#[track_caller]
fn paths(volumes: &Volumes, more_than: usize) -> BTreeSet<String> {
    let mut nodes = HashSet::new();
    let reader = reader(volumes);
    reader.runs(&mut |run| {
        nodes.insert(run.node);
    });
    let names = reader.names(&nodes).into_iter();
    let paths: BTreeSet<_> = names.map(|name| name.path).collect();
    assert!(paths.len() > more_than);
    paths
}
