//! What a pass over the bytes of a disk cannot see: secrets that cross from one run of a file into
//! the next, in compressed files, cut up by a record. The images are made by mke2fs and debugfs,
//! mkntfs and ntfs-3g, mkfs.fat and mtools.

mod kernel;
mod recall;
mod short;
mod streams;

use std::path::{Path, PathBuf};

use keydredge::finding::Finding;
use keydredge::specimen::{Stream, maker};
use rustix::fs::XattrFlags;

use crate::fixture::{Desk, Ran};
use crate::volumes::mount::Mounted;
use crate::volumes::ntfs::write_backwards;
use crate::volumes::{blank, run};

fn github(seed: &str) -> String {
    maker("github-classic").unwrap()(&mut Stream::new(seed))
}

/// Text without a secret.
fn filler(len: usize) -> Vec<u8> {
    b"nothing to see here, \n"
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Text of this length with a secret that begins at `at`.
fn with_secret(len: usize, at: usize, seed: &str) -> Vec<u8> {
    let mut text = filler(len);
    let secret = github(seed);
    text[at - 1] = b' ';
    text[at..at + secret.len()].copy_from_slice(secret.as_bytes());
    text[at + secret.len()] = b'\n';
    text
}

/// Scans with every engine, for the one type that is planted: the oracle is slow.
fn scan(desk: &Desk, image: &Path) -> Ran {
    let only = ["--reveal", "--types", "github-personal-access-token"];
    let ran = desk.scan(image, &only).expect(0);
    let expected: Vec<_> = ran.findings().iter().map(line).collect();
    for (engine, threads) in [("cpu", "1"), ("cpu", "3"), ("reference", "2"), ("gpu", "2")] {
        let mut args = only.to_vec();
        args.extend(["--engine", engine, "--threads", threads, "--max-depth", "0"]);
        let other = desk.scan(image, &args).expect(0);
        let found: Vec<_> = other.findings().iter().map(line).collect();
        assert_eq!(found, expected, "{engine}, {threads} threads");
    }
    ran
}

fn line(finding: &Finding) -> String {
    serde_json::to_string(finding).unwrap()
}

/// The one finding of a secret.
#[track_caller]
fn only(ran: &Ran, seed: &str) -> Finding {
    let secret = github(seed);
    let found = ran.findings();
    let is_it = |finding: &&Finding| finding.secret.value.as_deref() == Some(&secret);
    let mut found: Vec<_> = found.iter().filter(is_it).cloned().collect();
    assert_eq!(found.len(), 1, "{seed}: {found:#?}");
    found.remove(0)
}

#[track_caller]
fn is_at(finding: &Finding, path: &str, at: usize, state: &str) {
    let place = &finding.occurrence;
    assert_eq!(place.path.as_deref(), Some(path), "{place:#?}");
    assert_eq!(place.file_offset, Some(at as u64), "{place:#?}");
    assert_eq!(place.state.as_deref(), Some(state), "{place:#?}");
    assert!(place.inode.is_some(), "{place:#?}");
}

/// The bytes of the image that a finding in pieces names, strung together.
fn strung(image: &Path, finding: &Finding) -> Vec<u8> {
    strung_in(&std::fs::read(image).unwrap(), finding)
}

/// The same of an image in memory.
fn strung_in(bytes: &[u8], finding: &Finding) -> Vec<u8> {
    let mut all = Vec::new();
    for piece in &finding.occurrence.pieces {
        all.extend(&bytes[piece.offset as usize..(piece.offset + piece.length) as usize]);
    }
    all
}

/// An ext4 image whose free blocks lie one by one, with files written into them.
fn fragmented(desk: &Desk, files: &[(&str, Vec<u8>)], removed: &[&str]) -> PathBuf {
    let tree = desk.path("tree");
    std::fs::create_dir_all(&tree).unwrap();
    for number in 0..300 {
        std::fs::write(tree.join(format!("s{number:03}")), filler(1000)).unwrap();
    }
    let image = desk.path("ext.img");
    blank(&image, 4 << 20);
    ext4(&image, &tree, &["-b", "1024", "-m", "0"]);
    // What is left is taken, so that later files find only the holes.
    let fill = desk.file("fill", filler(8 << 20));
    let mut script = format!("write {} filler\n", fill.display());
    for number in (0..300).step_by(2) {
        script.push_str(&format!("rm s{number:03}\n"));
    }
    for (name, content) in files {
        let source = desk.file(&format!("later/{name}"), content);
        script.push_str(&format!("write {} {name}\n", source.display()));
    }
    for name in removed {
        script.push_str(&format!("rm {name}\n"));
    }
    let script = desk.file("script", script);
    run(
        "debugfs",
        &[
            "-w",
            "-f",
            script.to_str().unwrap(),
            image.to_str().unwrap(),
        ],
    );
    image
}

/// Keeps small files inside their inodes.
const INLINE: [&str; 4] = ["-O", "inline_data", "-I", "256"];

/// Makes an ext4 of a directory.
fn ext4(image: &Path, tree: &Path, options: &[&str]) {
    let mut all = vec!["-q", "-F", "-t", "ext4"];
    all.extend(options);
    all.extend(["-d", tree.to_str().unwrap(), image.to_str().unwrap()]);
    run("mke2fs", &all);
}

#[test]
fn a_secret_across_two_runs_of_a_file_is_found_whole() {
    let desk = Desk::new();
    let files = [
        ("live.env", with_secret(9000, 2048 - 17, "live")),
        ("gone.env", with_secret(9000, 3072 - 5, "gone")),
        ("plain.env", with_secret(9000, 100, "plain")),
    ];
    let image = fragmented(&desk, &files, &["gone.env"]);
    let ran = scan(&desk, &image);
    let live = only(&ran, "live");
    is_at(&live, "/live.env", 2048 - 17, "allocated");
    assert_eq!(live.occurrence.pieces.len(), 2);
    assert_eq!(live.occurrence.length, 40);
    assert_eq!(live.occurrence.pieces[0].length, 17);
    assert_eq!(
        live.occurrence.forensic_path,
        live.occurrence.offset.to_string()
    );
    assert_eq!(strung(&image, &live), github("live").as_bytes());
    // What lies in one piece is the pass over the disk's, once.
    let plain = only(&ran, "plain");
    is_at(&plain, "/plain.env", 100, "allocated");
    assert!(plain.occurrence.pieces.is_empty());
    let summary = ran.summary();
    assert!(summary.second_pass.seams >= 2, "{summary:?}");
    let mut order: Vec<u64> = ran
        .findings()
        .iter()
        .map(|one| one.occurrence.offset)
        .collect();
    let given = order.clone();
    order.sort_unstable();
    assert_eq!(given, order);
    // A range holds what begins in it.
    let at = live.occurrence.offset;
    let range = format!("{}..{}", at, at + 1);
    let ranged = desk
        .scan(&image, &["--reveal", "--range", &range])
        .expect(0);
    only(&ranged, "live");
    let range = format!("0..{at}");
    let ranged = desk
        .scan(&image, &["--reveal", "--range", &range])
        .expect(0);
    let secret = github("live");
    assert!(
        ranged
            .findings()
            .iter()
            .all(|one| one.secret.value.as_deref() != Some(&secret))
    );
}

#[test]
fn a_secret_between_the_two_parts_of_an_inode_is_found() {
    let desk = Desk::new();
    let tree = desk.path("tree");
    std::fs::create_dir_all(tree.join("deep")).unwrap();
    std::fs::write(tree.join("deep/tiny.env"), with_secret(120, 45, "tiny")).unwrap();
    let image = desk.path("inline.img");
    blank(&image, 4 << 20);
    ext4(&image, &tree, &INLINE);
    let ran = scan(&desk, &image);
    let tiny = only(&ran, "tiny");
    is_at(&tiny, "/deep/tiny.env", 45, "allocated");
    assert_eq!(tiny.occurrence.encoding, ["inline"]);
    assert_eq!(strung(&image, &tiny), github("tiny").as_bytes());
}

/// An empty NTFS, mounted.
fn ntfs(desk: &Desk) -> (PathBuf, Mounted) {
    let image = desk.path("ntfs.img");
    blank(&image, 5 << 20);
    run(
        "mkntfs",
        &["-q", "-F", "-c", "4096", image.to_str().unwrap()],
    );
    let mounted = Mounted::new(&image, &desk.path("mount"));
    (image, mounted)
}

#[test]
fn secrets_that_ntfs_compressed_or_cut_up_are_found() {
    let desk = Desk::new();
    let (image, mounted) = ntfs(&desk);
    let folder = mounted.path("/comp");
    std::fs::create_dir(&folder).unwrap();
    let flags = 0x810_u32.to_be_bytes();
    rustix::fs::setxattr(
        &folder,
        "system.ntfs_attrib_be",
        &flags,
        XattrFlags::empty(),
    )
    .unwrap();
    let mut long = with_secret(200_000, 65_536 - 10, "comp");
    let second = github("twice");
    for at in [150_000, 151_000] {
        long[at..at + 40].copy_from_slice(second.as_bytes());
        long[at - 1] = b' ';
        long[at + 40] = b' ';
    }
    std::fs::write(folder.join("long.txt"), &long).unwrap();
    std::fs::write(
        folder.join("gone.txt"),
        with_secret(100_000, 70_000, "gone"),
    )
    .unwrap();
    // A block that does not compress lies on the disk as it is: both passes see what is in it.
    let mut noise = Stream::new("noise");
    for (name, secret) in [("noisy.bin", "noisy"), ("gone.bin", "gone noisy")] {
        let mut noisy = with_secret(65_536, 22_000, secret);
        for around in [20_480..21_900, 22_100..24_576] {
            noise.fill(&mut noisy[around]);
        }
        std::fs::write(folder.join(name), &noisy).unwrap();
    }
    // Somewhere in these the end of a sector cuts the secret.
    for at in 0..12 {
        let text = with_secret(500, 40 + at * 35, &format!("resident {at}"));
        std::fs::write(mounted.path(&format!("/r{at}.env")), text).unwrap();
    }
    let shredded = with_secret(4096 * 6, 8192 - 20, "shredded");
    write_backwards(&mounted.path("/shredded.env"), &shredded, 4096);
    for gone in ["gone.txt", "gone.bin"] {
        std::fs::remove_file(folder.join(gone)).unwrap();
    }
    mounted.unmount();

    let ran = scan(&desk, &image);
    let comp = only(&ran, "comp");
    is_at(&comp, "/comp/long.txt", 65_536 - 10, "allocated");
    assert_eq!(comp.occurrence.encoding, ["lznt1"]);
    assert!(comp.occurrence.forensic_path.contains("-LZNT1-"));
    let places: Vec<u64> = ran
        .findings()
        .iter()
        .filter(|one| one.secret.value.as_deref() == Some(&second))
        .map(|one| one.occurrence.file_offset.unwrap())
        .collect();
    assert_eq!(places, [150_000, 151_000]);
    is_at(&only(&ran, "gone"), "/comp/gone.txt", 70_000, "deleted");
    is_at(&only(&ran, "noisy"), "/comp/noisy.bin", 22_000, "allocated");
    is_at(
        &only(&ran, "gone noisy"),
        "/comp/gone.bin",
        22_000,
        "deleted",
    );
    assert_eq!(ran.summary().findings, ran.findings().len() as u64);
    let bytes = std::fs::read(&image).unwrap();
    for noisy in ["noisy", "gone noisy"] {
        let plain = memchr::memmem::find_iter(&bytes, &github(noisy)).count();
        assert_eq!(plain, 1, "the block was compressed");
    }
    let mut cut = 0;
    for at in 0..12 {
        let found = only(&ran, &format!("resident {at}"));
        is_at(&found, &format!("/r{at}.env"), 40 + at * 35, "allocated");
        cut += usize::from(found.occurrence.encoding == ["fixup"]);
    }
    assert!(cut > 0, "no secret was cut");
    is_at(
        &only(&ran, "shredded"),
        "/shredded.env",
        8192 - 20,
        "allocated",
    );
    assert!(ran.summary().second_pass.encoded >= 3);
}

#[test]
fn a_secret_across_two_clusters_of_fat_is_found() {
    let desk = Desk::new();
    let image = desk.path("fat.img");
    blank(&image, 2 << 20);
    let shown = image.to_str().unwrap();
    run("mkfs.fat", &["-F", "12", "-s", "1", shown]);
    let small = desk.file("small", filler(500));
    let names: Vec<String> = (0..60).map(|number| format!("::s{number}.txt")).collect();
    for name in &names {
        run("mcopy", &["-i", shown, small.to_str().unwrap(), name]);
    }
    let rest = desk.file("rest", filler(1_900_000));
    run("mcopy", &["-i", shown, rest.to_str().unwrap(), "::rest"]);
    for name in names.iter().step_by(2) {
        run("mdel", &["-i", shown, name]);
    }
    let source = desk.file("frag", with_secret(512 * 100, 1024 - 20, "fat"));
    let copied = crate::volumes::command("mcopy")
        .args(["-i", shown, source.to_str().unwrap(), "::frag.env"])
        .status()
        .unwrap();
    assert!(copied.success());
    let ran = scan(&desk, &image);
    let found = only(&ran, "fat");
    is_at(&found, "/frag.env", 1024 - 20, "allocated");
    assert_eq!(strung(&image, &found), github("fat").as_bytes());
}
