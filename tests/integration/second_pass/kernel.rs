//! File systems that the kernel has compressed, fragmented, cloned in and deleted from, scanned as a
//! whole. Their files say at every 512 bytes whose they are and where in them, so each of these
//! marks is a planted secret of a type of its own; what is in the files is told by `btrfs restore`
//! and `xfs_db`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keydredge::finding::Finding;

use super::{blank, ext4, github, is_at, only, strung, strung_in};
use crate::fixture::{Desk, Ran};
use crate::volumes::btrfs::restored;
use crate::volumes::table::{EXTENT, two_pieces};
use crate::volumes::{fixture, mark, xfs};

/// What is in the files, by their paths.
type Files = BTreeMap<String, Vec<u8>>;

/// Folders whose files the oracle of XFS tells by one name of many, or by their blocks with headers.
const UNTOLD: [&str; 3] = ["/links/", "/names/", "/sparse/"];

/// Longest file that Btrfs keeps in its trees, if it compresses well.
const INLINE: usize = 4096;

/// Scans for marks. `before` is what stands before each of them, as a pattern: where it is part of
/// the secret, a mark at the beginning of a block crosses into it.
fn marks(desk: &Desk, image: &Path, before: &str) -> Ran {
    let rules = format!(
        "[[type]]\nid = 'test-mark'\nname = 'Mark'\nseverity = 'high'\nvm = true\n\
         [[type.variant]]\nname = 'mark'\nreach = {{ before = 40, after = 40 }}\n\
         anchors = [{{ literal = ':00' }}, {{ literal = ':53' }}]\n\
         pattern = '(?<secret>{before}@[0-9]{{6}}:[0-9]{{10}}@)'\n\
         examples = ['........@000001:0000000512@']\ncounter_examples = ['@1:00@']\n"
    );
    let rules = desk.file("marks.toml", rules);
    let rules = ["--rules", rules.to_str().unwrap(), "--types", "test-mark"];
    desk.scan(image, &[&rules[..], &["--reveal"]].concat())
}

/// A mark in a text: the file's number, and its place in the file.
fn parse(text: &str) -> Option<(u32, u64)> {
    let (_, text) = text.split_once('@')?;
    let (file, offset) = text.strip_suffix('@')?.split_once(':')?;
    Some((file.parse().ok()?, offset.parse().ok()?))
}

fn parsed(finding: &Finding) -> (u32, u64) {
    parse(finding.secret.value.as_deref().unwrap()).unwrap()
}

/// The live files that hold it, each with the place in the file.
fn holders(finding: &Finding) -> BTreeSet<(String, u64)> {
    let place = &finding.occurrence;
    let first = (&place.state, &place.path, place.file_offset);
    let first = Some(first).filter(|(state, ..)| state.as_deref() == Some("allocated"));
    let first = first.map(|(_, path, at)| (path, at));
    let others = place.also.iter().filter(|other| other.state == "allocated");
    let others = others.map(|other| (&other.path, other.file_offset));
    let all = first.into_iter().chain(others);
    all.map(|(path, at)| (path.clone().unwrap(), at.unwrap()))
        .collect()
}

#[track_caller]
fn each_place_once(findings: &[Finding]) {
    let mut seen = BTreeSet::new();
    for finding in findings {
        let place = &finding.occurrence;
        let pieces = place.pieces.iter().map(|piece| piece.offset);
        let all = (&place.forensic_path, pieces.collect::<Vec<_>>());
        assert!(seen.insert(all), "twice: {finding:#?}");
    }
}

/// Findings by the live files that hold them.
fn by_holder(findings: &[Finding]) -> BTreeMap<(String, u64), Vec<&Finding>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for finding in findings {
        for holder in holders(finding) {
            all.entry(holder).or_default().push(finding);
        }
    }
    all
}

/// Every mark of every file is found once, under its path and at its place, and no file is said to
/// hold one that it does not. What was found, for more to be asked of it.
fn check_files(desk: &Desk, image: &Path, files: &Files) -> Vec<Finding> {
    let ran = marks(desk, image, "").expect(0);
    let findings = ran.findings();
    each_place_once(&findings);
    assert_eq!(ran.summary().findings, findings.len() as u64);
    let mut found = by_holder(&findings);
    for (path, content) in files {
        for planted in mark::find(content) {
            let place = (path.clone(), planted.at);
            let mark = (planted.file, planted.offset);
            let mut found = found.remove(&place).unwrap_or_default();
            // LZO leaves some of its content as it is. What no file holds any more of a block that
            // is in use is told by the place of the block.
            let is_remains = |found: &Finding| {
                found.occurrence.encoding.is_empty() && path.contains("/lzo/replaced/")
            };
            found.retain(|found| parsed(found) == mark || !is_remains(found));
            let told: Vec<_> = found.iter().map(|found| parsed(found)).collect();
            let same = told.iter().all(|told| *told == mark);
            // Btrfs keeps two copies of its trees, and small files in them.
            let copies = if content.len() > INLINE { 1 } else { 2 };
            assert!(
                same && (1..=copies).contains(&told.len()),
                "{place:?}: {found:#?}"
            );
        }
    }
    let is_told = |path: &str| !UNTOLD.iter().any(|folder| path.starts_with(folder));
    found.retain(|(path, _), _| is_told(path));
    assert!(found.is_empty(), "{found:#?}");
    findings
}

/// The same for secrets that begin 8 bytes before a mark. How many of them lie in pieces, and how
/// many in what was decoded.
fn check_joins(desk: &Desk, image: &Path, files: &Files) -> (usize, usize) {
    let ran = marks(desk, image, "[.]{8}").expect(0);
    let findings = ran.findings();
    each_place_once(&findings);
    let found = by_holder(&findings);
    let bytes = std::fs::read(image).unwrap();
    let (mut joined, mut decoded) = (0, 0);
    for (path, content) in files {
        for planted in mark::find(content) {
            let Some(at) = planted.at.checked_sub(8) else {
                continue;
            };
            if !content[at as usize..].starts_with(b"........") {
                continue;
            }
            // Blocks of two files beside each other look like one secret too.
            let found = found.get(&(path.clone(), at)).into_iter().flatten();
            let found: Vec<_> = found
                .filter(|found| parsed(found) == (planted.file, planted.offset))
                .collect();
            // Small files lie there twice, and of two files that go on in different places after
            // what they share each has one: all of them begin in both.
            let is_late = path.contains("/text/");
            let copies = if content.len() > INLINE && !is_late {
                1
            } else {
                2
            };
            assert!(
                (1..=copies).contains(&found.len()),
                "{path} at {at}: {found:#?}"
            );
            let found = found[0];
            if found.occurrence.encoding.is_empty() && !found.occurrence.pieces.is_empty() {
                let secret = found.secret.value.as_deref().unwrap();
                assert_eq!(strung_in(&bytes, found), secret.as_bytes());
                joined += 1;
            }
            decoded += usize::from(!found.occurrence.encoding.is_empty());
        }
    }
    (joined, decoded)
}

#[test]
fn compressed_and_shared_files_of_btrfs_are_told_by_all_their_owners() {
    let desk = Desk::new();
    let image = fixture(&desk, "btrfs-shared");
    let mut files = restored(&desk, &image);
    // A snapshot holds no subvolumes; `restore` follows the names that it has of them.
    files.retain(|path, _| !path.starts_with("/snapshot/home/"));
    let findings = check_files(&desk, &image, &files);
    for codec in ["zlib", "lzo", "zstd"] {
        let decoded = |path: &str| {
            let folder = format!("/@/{codec}/{path}/");
            let all = findings.iter().filter(|found| {
                let place = &found.occurrence;
                place
                    .path
                    .as_deref()
                    .is_some_and(|path| path.starts_with(&folder))
                    && place.encoding == [codec]
                    && place
                        .forensic_path
                        .contains(&format!("-{}-", codec.to_uppercase()))
            });
            all.count()
        };
        let counts = ["tiny", "text", "replaced"].map(decoded);
        assert!(
            counts[0] >= 12 && counts[1] > 2500 && counts[2] > 900,
            "{codec}: {counts:?}"
        );
        // Deleted last of all: 391 marks and 2, of which nothing was overwritten.
        let folder = format!("/@/{codec}/gone/f");
        let gone = findings.iter().filter(|found| {
            let place = &found.occurrence;
            let path = place.path.as_deref().unwrap_or_default();
            let number = path
                .strip_prefix(&folder)
                .and_then(|number| number.parse().ok());
            let is_it = number
                .is_some_and(|number: u32| (number, place.file_offset.unwrap()) == parsed(found));
            is_it && place.state.as_deref() == Some("deleted")
        });
        let gone: BTreeSet<_> = gone.map(parsed).collect();
        assert_eq!(gone.len(), 393, "{codec}");
    }
    let shared = |path: &str| {
        let all = findings.iter().map(holders);
        let shared = all.filter(|all| all.len() > 1 && all.iter().any(|one| one.0.contains(path)));
        shared.count()
    };
    let counts = [
        "/snapshot/zstd/text/",
        "/snapshot/plain/pieces/",
        "/plain/cloned/all-",
    ];
    let counts = counts.map(shared);
    assert!(counts.iter().all(|count| *count > 300), "{counts:?}");
    let (joined, decoded) = check_joins(&desk, &image, &files);
    assert!(joined > 80 && decoded > 20000, "{joined} {decoded}");
}

#[test]
fn fragmented_and_shared_files_of_xfs_are_told_by_all_their_owners() {
    for name in ["xfs-v5", "xfs-1k"] {
        let desk = Desk::new();
        let image = fixture(&desk, name);
        let bytes = std::fs::read(&image).unwrap();
        let mut files = BTreeMap::new();
        let (told, _) = xfs::told(&image);
        for file in told {
            if UNTOLD.iter().any(|folder| file.path.starts_with(folder)) {
                continue;
            }
            let mut content = vec![0; file.size as usize];
            for (offset, at, len) in &file.runs {
                let len = file.size.saturating_sub(*offset).min(*len) as usize;
                content[*offset as usize..][..len].copy_from_slice(&bytes[*at as usize..][..len]);
            }
            files.insert(file.path, content);
        }
        let findings = check_files(&desk, &image, &files);
        let shared = findings.iter().filter(|found| holders(found).len() > 1);
        assert!(shared.count() > 20, "{name}");
        let (joined, _) = check_joins(&desk, &image, &files);
        assert!(joined > 40, "{name}: {joined}");
    }
}

#[test]
fn a_secret_across_two_pieces_of_a_logical_volume_is_found_whole() {
    let desk = Desk::new();
    let tree = desk.path("tree");
    std::fs::create_dir_all(&tree).unwrap();
    // Each line says where in the file it lies.
    let lines: String = (0..16 << 20)
        .step_by(16)
        .map(|at| format!("line {at:09}.\n"))
        .collect();
    std::fs::write(tree.join("big.log"), lines).unwrap();
    let image = desk.path("root.img");
    blank(&image, 5 * EXTENT);
    ext4(&image, &tree, &[]);
    let mut root = std::fs::read(&image).unwrap();
    // The third extent of the volume is not beside the fourth.
    let join = 3 * EXTENT as usize;
    let line = std::str::from_utf8(&root[join - 32..join - 16]).unwrap();
    let start: usize = line[5..14].parse().unwrap();
    let secret = github("joined");
    root[join - 17..][..secret.len()].copy_from_slice(secret.as_bytes());
    root[join - 18] = b' ';
    root[join - 17 + secret.len()] = b' ';
    let disk = two_pieces(&desk, &root);
    let found = only(&desk.scan(&disk, &["--reveal"]).expect(0), "joined");
    is_at(&found, "/big.log", start + 15, "allocated");
    assert_eq!(found.occurrence.partition, Some(1));
    assert_eq!(found.occurrence.pieces.len(), 2);
    assert_eq!(found.occurrence.pieces[0].length, 17);
    assert_eq!(strung(&disk, &found), secret.as_bytes());
    assert_eq!(found.occurrence.also, []);
}
