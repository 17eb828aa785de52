//! Images on real media: devices, failing sectors, files that change while they are read.

#![cfg(unix)]
#![allow(
    clippy::single_range_in_vec_init,
    reason = "a list of one range is meant as one"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use keydredge::image::{ExtentKind, Image, Map};
use keydredge::unit::ImageOffset;

const MIB: usize = 1 << 20;

/// Bytes that are never zero.
fn filling(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251 + 1) as u8).collect()
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{program} {arguments:?}: {}", words.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A loop device over a file, gone when dropped.
struct Loop(PathBuf);

impl Loop {
    /// Reads of the device become reads of the file at once, past the page cache, so that the
    /// file's end is the device's bad sectors.
    fn over(file: &Path) -> Result<Self, String> {
        let file = file.to_str().unwrap();
        let device = run(
            "losetup",
            &["--find", "--show", "--read-only", "--direct-io=on", file],
        )?;
        Ok(Self(PathBuf::from(device)))
    }

    fn reads_directly(&self) -> bool {
        let device = self.0.to_str().unwrap();
        run("losetup", &["--noheadings", "--output", "DIO", device]).is_ok_and(|dio| dio == "1")
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let device = self.0.to_str().unwrap();
        if let Err(reason) = run("losetup", &["--detach", device]) {
            eprintln!("{reason}");
        }
    }
}

#[test]
fn a_block_device_is_as_long_as_its_medium() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medium");
    let bytes = filling(8 * MIB);
    fs::write(&path, &bytes).unwrap();
    match Loop::over(&path) {
        Ok(device) => {
            let image = Image::open(&device.0).unwrap();
            assert!(image.is_device());
            assert_eq!(image.len(), 8 * MIB as u64);
            assert!(image.map().bytes() == bytes, "the bytes differ");
            let extents: Vec<_> = image.extents().collect();
            assert_eq!(extents.len(), 1);
            assert_eq!(extents[0].kind, ExtentKind::Data);
            assert_eq!(extents[0].start, ImageOffset(0));
            assert_eq!(extents[0].len, 8 * MIB as u64);
            assert_eq!(image.changed(), None);
            assert_eq!(image.map().unreadable(), []);
        }
        Err(reason) => {
            println!("no loop device ({reason}): a file stands in, opened as a device would be");
            // The length of a device is where seeking to its end leads.
            let map = Map::new(File::open(&path).unwrap(), 8 * MIB as u64).unwrap();
            assert_eq!(map.current_len().unwrap(), 8 * MIB as u64);
            assert!(map.bytes() == bytes, "the bytes differ");
        }
    }
}

#[test]
fn bad_sectors_of_a_device_are_listed_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("medium");
    let bytes = filling(16 * MIB);
    fs::write(&path, &bytes).unwrap();
    let good = 12 * MIB + 8192;
    match Loop::over(&path) {
        Ok(device) if device.reads_directly() => {
            // As it lies: looking for a container would have its last sectors read and cached.
            let image = Image::open_plain(&device.0).unwrap();
            // The device stays as long as it was, but its last sectors lead nowhere.
            let medium = File::options().write(true).open(&path).unwrap();
            medium.set_len(good as u64).unwrap();
            let (sound, bad) = image.map().bytes().split_at(good);
            assert!(sound == &bytes[..good], "the sound bytes differ");
            assert!(bad.iter().all(|byte| *byte == 0));
            assert_eq!(
                image.map().unreadable(),
                [good as u64..16 * MIB as u64],
                "exactly what the medium lost"
            );
            assert_eq!(image.map().current_len().unwrap(), 16 * MIB as u64);
            assert_ne!(image.map().faults(), 0);
        }
        other => {
            let reason = other.err().unwrap_or("it reads through the cache".into());
            println!("no direct loop device ({reason}): a truncated file stands in");
            let image = Image::open(&path).unwrap();
            let medium = File::options().write(true).open(&path).unwrap();
            medium.set_len(good as u64).unwrap();
            let (sound, bad) = image.map().bytes().split_at(good);
            assert!(sound == &bytes[..good], "the sound bytes differ");
            assert!(bad.iter().all(|byte| *byte == 0));
            assert_eq!(
                image.map().unreadable(),
                [good as u64..16 * MIB as u64],
                "exactly what the file lost"
            );
        }
    }
}

#[test]
fn an_image_another_process_truncates_is_searched_to_its_new_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.img");
    let bytes = filling(32 * MIB);
    fs::write(&path, &bytes).unwrap();
    let image = Image::open(&path).unwrap();
    let (first, second) = image.map().bytes().split_at(10 * MIB);
    assert!(first == &bytes[..10 * MIB], "the first bytes differ");
    run("truncate", &["--size=20971521", path.to_str().unwrap()]).unwrap();
    let left = second.iter().take_while(|byte| **byte != 0).count();
    assert_eq!(first.len() + left, 20 * MIB + 1);
    assert!(second[left..].iter().all(|byte| *byte == 0));
    assert_eq!(
        image.map().unreadable(),
        [20 * MIB as u64 + 1..32 * MIB as u64]
    );
    assert_eq!(image.map().faults(), 1);
    let sentence = image.changed().unwrap();
    assert!(sentence.contains("is 0x1400001 now"), "{sentence}");
}

#[test]
fn a_sparse_image_is_read_where_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.img");
    let file = File::create(&path).unwrap();
    // A hundred gibibytes, of which three stretches exist.
    let len = 100_u64 << 30;
    file.set_len(len).unwrap();
    let stretches = [0, 7_u64 << 30, len - MIB as u64];
    for at in stretches {
        file.write_all_at(&filling(MIB), at).unwrap();
    }
    let image = Image::open(&path).unwrap();
    assert_eq!(image.hole_bytes(), len - 3 * MIB as u64);
    let data: Vec<_> = image
        .extents()
        .filter(|extent| extent.kind == ExtentKind::Data)
        .map(|extent| (extent.start.0, extent.len))
        .collect();
    assert_eq!(data, stretches.map(|at| (at, MIB as u64)));
    for (at, len) in data {
        let at = usize::try_from(at).unwrap();
        let len = usize::try_from(len).unwrap();
        assert!(image.map().bytes()[at..at + len] == filling(MIB));
    }
    assert_eq!(image.changed(), None);
}
