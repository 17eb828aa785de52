//! How bytes come in: a file in the page cache as it is mapped, the same read into memory, and what
//! containers add, beside a plain sum over bytes that are in memory already.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

mod settings;

use std::fs;
use std::path::Path;
use std::process::Command;

use criterion::Throughput;
use keydredge::image::{Cache, ExtentKind, Image, Stored};
use keydredge::specimen::Stream;

/// Bytes of the disk: more than the caches hold.
const LEN: usize = 128 << 20;
/// Bytes that are read at once, as a worker does.
const PIECE: usize = 1 << 20;

/// A disk of which half can be packed.
fn bytes() -> Vec<u8> {
    let mut bytes = vec![0; LEN];
    let mut stream = Stream::new("source");
    for piece in bytes.chunks_mut(8192) {
        let (noise, rest) = piece.split_at_mut(4096);
        stream.fill(noise);
        rest.fill(b'.');
    }
    bytes
}

/// Every word once.
fn sum(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(0, u64::wrapping_add)
}

/// Every byte of an image once: from the map where it lies there as it is, through a buffer where
/// it does not, or always.
fn read(image: &Image, map: bool, buffer: &mut Vec<u8>) -> u64 {
    let mut cache = Cache::default();
    let mut total = 0_u64;
    for extent in image.extents() {
        assert_ne!(extent.kind, ExtentKind::Unreadable);
        let end = extent.start.0 + extent.len;
        for at in (extent.start.0..end).step_by(PIECE) {
            let range = at..end.min(at + PIECE as u64);
            if let Some((map, place)) = image.mapped(range.clone()).filter(|_| map) {
                total = total.wrapping_add(sum(&map.bytes()[place]));
                continue;
            }
            buffer.resize((range.end - range.start) as usize, 0);
            image.read_with(&mut cache, at, buffer).unwrap();
            total = total.wrapping_add(sum(buffer));
        }
    }
    total
}

fn converted(raw: &Path, name: &str, options: &[&str]) -> Image {
    let target = raw.with_file_name(name);
    let made = Command::new("qemu-img")
        .args(["convert", "-f", "raw", "-O", "qcow2"])
        .args(options)
        .args([raw, &target])
        .status();
    assert!(made.expect("qemu-img (qemu-utils)").success());
    Image::open(target).unwrap()
}

fn main() {
    let mut criterion = settings::criterion(2);
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("disk.raw");
    let bytes = bytes();
    fs::write(&raw, &bytes).unwrap();
    let plain = Image::open(&raw).unwrap();
    let qcow2 = converted(&raw, "disk.qcow2", &[]);
    let packed = converted(&raw, "packed.qcow2", &["-c"]);
    // What is compared is stored in the ways that the names say.
    assert!(
        qcow2
            .extents()
            .all(|one| matches!(one.stored, Stored::Mapped { .. }))
    );
    assert!(
        !packed
            .extents()
            .all(|one| matches!(one.stored, Stored::Mapped { .. }))
    );
    let mut group = criterion.benchmark_group("source");
    group.throughput(Throughput::Bytes(LEN as u64));
    group.bench_function("in memory", |bencher| bencher.iter(|| sum(&bytes)));
    let mut buffer = Vec::new();
    for (name, image, map) in [
        ("raw, mapped", &plain, true),
        ("raw, read", &plain, false),
        ("qcow2, mapped", &qcow2, true),
        ("qcow2, compressed", &packed, true),
    ] {
        assert_eq!(read(image, map, &mut buffer), sum(&bytes), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| read(image, map, &mut buffer));
        });
    }
    group.finish();
    criterion.final_summary();
}
