//! Compressed streams of fragmented files: each block of these lies alone. What is in them must be
//! what the same scan finds in the same file outside of any disk.

use std::collections::BTreeSet;
use std::path::Path;

use keydredge::finding::Finding;
use keydredge::specimen::Stream;

use super::{fragmented, github, ntfs, strung};
use crate::fixture::Desk;
use crate::volumes::ntfs::write_backwards;
use crate::volumes::run;

const ONLY: [&str; 3] = ["--reveal", "--types", "github-personal-access-token"];

/// What each kind of file is written with.
const TOOLS: [(&str, &str); 5] = [
    ("gzip", "gz"),
    ("zstd", "zst"),
    ("xz", "xz"),
    ("bzip2", "bz2"),
    ("lz4", "lz4"),
];

/// A log with a secret every few kilobytes.
fn log(seed: &str) -> String {
    let mut stream = Stream::new(seed);
    let mut text = String::new();
    for part in 0..6 {
        for _ in 0..120 {
            let word = stream.text("abcdefghijklmnopqrstuvwxyz0123456789", 30);
            text.push_str(&format!("closed by {word}\n"));
        }
        text.push_str(&github(&format!("{seed} {part}")));
        text.push('\n');
    }
    text
}

/// A secret, and where in what its stream gives it lies.
fn found(finding: &Finding) -> (Option<String>, String) {
    let path = &finding.occurrence.forensic_path;
    let (_, inside) = path.split_once('-').unwrap_or(("", path));
    (finding.secret.value.clone(), inside.to_owned())
}

/// What the files of this name gave.
fn of(findings: &[Finding], name: &str) -> Vec<Finding> {
    let path = format!("/{name}");
    let its = findings.iter().filter(|finding| {
        let place = &finding.occurrence;
        place.path.as_deref() == Some(&path) && !place.encoding.is_empty()
    });
    its.cloned().collect()
}

/// The logs as each tool packs them: the name and the bytes of each.
fn packed(desk: &Desk) -> Vec<(String, Vec<u8>)> {
    let pack = |(tool, ending): (&str, &str)| {
        let plain = desk.file(&format!("{tool}.log"), log(tool));
        let name = format!("{tool}.log.{ending}");
        let target = desk.path(&name);
        match tool {
            "lz4" => run(
                tool,
                &["-q", plain.to_str().unwrap(), target.to_str().unwrap()],
            ),
            _ => run(tool, &["-q", plain.to_str().unwrap()]),
        };
        let bytes = std::fs::read(&target).unwrap();
        (name, bytes)
    };
    TOOLS.map(pack).into()
}

/// Everything that such a file gives by itself is found in the image, once.
#[track_caller]
fn holds(desk: &Desk, image: &Path, all: &[Finding], (name, bytes): &(String, Vec<u8>)) {
    let alone = desk.scan(&desk.path(name), &ONLY).expect(0).findings();
    let mut expected: Vec<_> = alone.iter().map(found).collect();
    expected.retain(|(_, inside)| inside.contains('-'));
    let its = of(all, name);
    let mut given: Vec<_> = its.iter().map(found).collect();
    expected.sort();
    given.sort();
    assert_eq!(expected.len(), 6, "{name}: {expected:?}");
    assert_eq!(given, expected, "{name}");
    for finding in &its {
        let place = &finding.occurrence;
        assert_eq!(place.file_offset, Some(0), "{name}");
        assert!(place.pieces.len() > 2, "{name}: {:?}", place.pieces);
        let whole = strung(image, finding);
        assert_eq!(whole.len() as u64, place.length, "{name}");
        assert!(bytes.starts_with(&whole), "{name}");
    }
}

#[test]
fn streams_are_read_along_their_file() {
    let desk = Desk::new();
    let files = packed(&desk);
    let named: Vec<(&str, Vec<u8>)> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    let image = fragmented(&desk, &named, &[]);
    let all = desk.scan(&image, &ONLY).expect(0).findings();
    for file in &files {
        holds(&desk, &image, &all, file);
    }
    same_however_it_is_cut(&desk, &image, &all);
}

#[test]
fn streams_of_deleted_files_are_read_along_them_too() {
    let desk = Desk::new();
    let (image, mounted) = ntfs(&desk);
    let files = packed(&desk);
    for (name, bytes) in &files {
        // From its end on, so that no cluster follows the one before it.
        write_backwards(&mounted.path(name), bytes, 4096);
    }
    let (gone, _) = &files[0];
    std::fs::remove_file(mounted.path(gone)).unwrap();
    mounted.unmount();
    let all = desk.scan(&image, &ONLY).expect(0).findings();
    for file in &files {
        holds(&desk, &image, &all, file);
    }
    let state = |name: &str| {
        let its = of(&all, name);
        its.into_iter().map(|one| one.occurrence.state.unwrap())
    };
    assert!(state(gone).all(|state| state == "deleted"));
    assert!(state(&files[1].0).all(|state| state == "allocated"));
}

/// Neither chunks nor threads nor engines change anything.
fn same_however_it_is_cut(desk: &Desk, image: &Path, expected: &[Finding]) {
    for args in [
        ["--chunk", "4K", "--threads", "3"],
        ["--chunk", "68K", "--engine", "reference"],
        ["--chunk", "1M", "--engine", "gpu"],
    ] {
        let mut all = ONLY.to_vec();
        all.extend(args);
        let other = desk.scan(image, &all).expect(0).findings();
        assert!(other == expected, "{args:?}");
    }
    // In a container whose clusters are compressed nothing lies in one piece of memory.
    let packed = desk.path("packed.qcow2");
    let (from, to) = (image.to_str().unwrap(), packed.to_str().unwrap());
    run("qemu-img", &["convert", "-c", "-O", "qcow2", from, to]);
    let other = desk.scan(&packed, &ONLY).expect(0).findings();
    let places = |findings: &[Finding]| -> BTreeSet<(String, Option<String>)> {
        let place = |one: &Finding| {
            (
                one.occurrence.forensic_path.clone(),
                one.occurrence.path.clone(),
            )
        };
        findings.iter().map(place).collect()
    };
    assert_eq!(places(&other), places(expected));
}
