//! The bytes around a secret in the record: what an examiner needs, and no secret.

use keydredge::finding::{Finding, Surroundings};
use keydredge::specimen::{Stream, expand};

use crate::fixture::Desk;

fn token(seed: &str) -> String {
    expand("{github-classic}", &mut Stream::new(seed))
}

fn around(finding: &Finding) -> &Surroundings {
    finding.occurrence.surroundings.as_ref().unwrap()
}

/// The bytes of a side, with a NUL for each that is hidden.
fn bytes(side: &str) -> Vec<u8> {
    let pairs = side.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap_or_else(|_| {
            assert_eq!(pair, Surroundings::HIDDEN);
            0
        })
    };
    pairs.map(byte).collect()
}

/// No six bytes of a secret in a row stand in what is shown.
#[track_caller]
fn is_hidden(shown: &[u8], secret: &str) {
    for part in secret.as_bytes().windows(6) {
        let found = memchr::memmem::find(shown, part);
        assert_eq!(
            found,
            None,
            "{secret} in {}",
            String::from_utf8_lossy(shown)
        );
    }
}

#[test]
fn neighbours_are_hidden_from_one_another_wherever_chunks_are_cut() {
    let (one, two, three) = (token("one"), token("two"), token("three"));
    let text = format!("# nightly\nA={one}\nB={two} # then\nexport C='{three}'\n# end\n");
    // Before, on and behind the border of a chunk.
    for first in [4096 - 130, 4096 - 70, 4096 - 20, 4096] {
        let desk = Desk::new();
        let mut image = vec![b'.'; 64 << 10];
        image[first..first + text.len()].copy_from_slice(text.as_bytes());
        let path = desk.file("disk.img", &image);
        let ran = desk.scan(
            &path,
            &["--chunk", "4K", "--as", "image", "--engine", "cpu"],
        );
        let found = ran.expect(0).findings();
        assert_eq!(found.len(), 3, "{first}");
        for finding in &found {
            let around = around(finding);
            let shown = [bytes(&around.before), bytes(&around.after)].concat();
            assert_eq!(shown.len(), 128);
            for secret in [&one, &two, &three] {
                is_hidden(&shown, secret);
            }
            let at = around.offset + (around.before.len() / 2) as u64;
            assert_eq!((at, around.length), (finding.occurrence.offset, 40));
        }
        let shown = bytes(&around(&found[0]).before);
        assert!(shown.ends_with(b"# nightly\nA="), "{shown:?}");
        let shown = bytes(&around(&found[0]).after);
        assert!(shown.starts_with(b"\nB=\0\0"), "{shown:?}");
        let shown = bytes(&around(&found[2]).before);
        assert!(shown.ends_with(b" # then\nexport C='"), "{shown:?}");
    }
}

#[test]
fn what_was_not_looked_for_is_hidden_and_so_is_what_was_asked_to_be_shown() {
    let desk = Desk::new();
    let (own, other) = (token("own"), token("other"));
    let slack = expand("{slack-bot}", &mut Stream::new("slack"));
    let text =
        format!("url=https://ops:hunter2@h/ t={own}\nPGPASSWORD=hunter3 x\nn {slack}\n{other}");
    let path = desk.file("notes.txt", text);
    let types = "github-personal-access-token";
    let ran = desk.scan(&path, &["--types", types, "--reveal"]).expect(0);
    let found = ran.findings();
    let finding = found
        .iter()
        .find(|finding| finding.secret.value.as_deref() == Some(&own))
        .unwrap();
    let shown = [
        bytes(&around(finding).before),
        bytes(&around(finding).after),
    ]
    .concat();
    for secret in ["hunter2", "hunter3", &slack, &own, &other] {
        is_hidden(&shown, secret);
    }
    let text = String::from_utf8_lossy(&shown).into_owned();
    assert!(
        text.contains("url=https://ops:") && text.contains("\nPGPASSWORD="),
        "{text:?}"
    );
}

#[test]
fn around_a_secret_in_a_stream_lies_what_the_stream_gives() {
    use std::io::Write;
    let desk = Desk::new();
    let (one, two) = (token("one"), token("two"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    write!(packed, "# first\nA={one}\nB={two}\n# last\n").unwrap();
    let path = desk.file("notes.gz", packed.finish().unwrap());
    let found = desk.scan(&path, &[]).expect(0).findings();
    assert_eq!(found.len(), 2);
    let [first, second] = [&found[0], &found[1]].map(around);
    assert_eq!(bytes(&first.before), b"# first\nA=");
    assert_eq!(first.offset, 0);
    let shown = bytes(&second.after);
    assert_eq!(shown, b"\n# last\n");
    is_hidden(&bytes(&second.before), &one);
    is_hidden(&bytes(&first.after), &two);
}
