//! The same with the program, on an image: texts over the edges of chunks, and in compressed
//! streams.

use std::collections::BTreeSet;
use std::ops::Range;

use keydredge::finding::{Finding, Verdict};

use super::carrier::ENCODINGS;
use super::plain;
use super::table::ROWS;
use crate::carve::tool;
use crate::fixture::Desk;

/// How far apart the texts lie: no rule looks as far.
const APART: usize = 16 << 10;
/// What the image is cut into, so that every text lies over a cut.
const CHUNK: usize = 16 << 10;

/// An image in the making.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// Type, what it is in, and where its bytes lie.
    texts: Vec<(&'static str, String, Range<u64>)>,
}

impl Disk {
    /// Adds bytes so that their middle lies on the edge of a chunk.
    fn add(&mut self, secret_type: &'static str, what: String, bytes: &[u8]) {
        let middle = (self.bytes.len() + bytes.len() / 2 + APART).next_multiple_of(CHUNK);
        // Among NULs only the place tells in which order the bytes of UTF-16 are.
        let start = (middle - bytes.len() / 2) & !1;
        self.bytes.resize(start, 0);
        self.bytes.extend(bytes);
        let place = start as u64..self.bytes.len() as u64;
        self.bytes
            .resize(self.bytes.len().next_multiple_of(4096), 0);
        self.texts.push((secret_type, what, place));
    }

    fn scan(&self, desk: &Desk, args: &[&str]) -> Vec<Finding> {
        let file = desk.file("disk.img", &self.bytes);
        let args = [&["--as", "image", "--profile", "all"], args].concat();
        desk.scan(&file, &args).expect(0).findings()
    }

    /// What is known of the secrets of each text, with what it is in.
    fn known<'t>(
        &'t self,
        findings: &'t [Finding],
    ) -> impl Iterator<Item = (&'static str, &'t str, BTreeSet<(Verdict, &'t str)>)> {
        self.texts.iter().map(|(secret_type, what, place)| {
            let inside = findings.iter().filter(|finding| {
                finding.secret_type == *secret_type && place.contains(&finding.occurrence.offset)
            });
            let known = inside
                .map(|finding| (finding.verdict, &*finding.fingerprint))
                .collect();
            (*secret_type, &**what, known)
        })
    }
}

#[test]
fn every_type_is_found_over_the_edge_of_a_chunk_in_every_encoding() {
    let (desk, mut disk) = (Desk::new(), Disk::default());
    for row in ROWS {
        for (index, value) in row.values().enumerate() {
            let text = plain(row, &value.whole());
            disk.add(row.secret_type, format!("{index} plain"), text.as_bytes());
            // One value of each type in every encoding, the others in one each.
            let encodings = ENCODINGS.iter().enumerate();
            for (number, (encoding, encode)) in encodings {
                if index == 0 || number % ENCODINGS.len() == index {
                    disk.add(
                        row.secret_type,
                        format!("{index} {encoding}"),
                        &encode(&text),
                    );
                }
            }
        }
    }
    let findings = disk.scan(&desk, &["--chunk", "16K"]);
    let mut expected = BTreeSet::new();
    for (secret_type, what, known) in disk.known(&findings) {
        if what.ends_with("plain") {
            expected = known;
            assert_eq!(expected.len(), 1, "{secret_type}, {what}");
        } else {
            assert_eq!(known, expected, "{secret_type}, {what}");
        }
    }
    assert_eq!(disk.scan(&desk, &["--chunk", "64M"]), findings);
}

#[test]
fn every_type_is_found_in_compressed_streams() {
    const TOOLS: [&[&str]; 6] = [
        &["gzip", "-9"],
        &["zip", "-q", "-", "-"],
        &["zstd", "-q", "-19"],
        &["xz"],
        &["bzip2"],
        &["lz4", "-q"],
    ];
    let (desk, mut disk) = (Desk::new(), Disk::default());
    for (index, row) in ROWS.iter().enumerate() {
        let text = plain(row, &row.values().next().unwrap().whole());
        disk.add(row.secret_type, "plain".to_owned(), text.as_bytes());
        for step in [0, 3] {
            let command = TOOLS[(index + step) % TOOLS.len()];
            let stream = tool(&desk.path(""), command, text.repeat(2).as_bytes());
            disk.add(row.secret_type, command[0].to_owned(), &stream);
        }
    }
    let findings = disk.scan(&desk, &["--chunk", "16K"]);
    let mut expected = BTreeSet::new();
    for (secret_type, what, known) in disk.known(&findings) {
        if what == "plain" {
            expected = known;
            assert_eq!(expected.len(), 1, "{secret_type}");
        } else {
            // LZ4 keeps what never came before as it is, and pieces of it are less sure.
            let print = |(_, print): &(Verdict, &str)| (*print).to_owned();
            let prints: BTreeSet<String> = known.iter().map(print).collect();
            assert!(known.is_superset(&expected), "{secret_type} in {what}");
            assert_eq!(
                prints,
                expected.iter().map(print).collect(),
                "{secret_type} in {what}"
            );
        }
    }
    for command in TOOLS {
        let inside = findings.iter().filter(|finding| {
            let encodings = &finding.occurrence.encoding;
            encodings.iter().any(|encoding| encoding == command[0])
        });
        assert!(inside.count() >= 2 * 52 / TOOLS.len(), "{}", command[0]);
    }
}
