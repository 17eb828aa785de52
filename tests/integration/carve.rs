//! Secrets inside compressed streams, written by the tools that people write them with.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compress, Compression, FlushCompress};
use keydredge::finding::Finding;
use keydredge::specimen::{Stream, maker};

use crate::fixture::{Desk, Ran};

/// A way to compress: the encoding it is found as, and the command, which reads and writes pipes.
const TOOLS: &[(&str, &[&str])] = &[
    ("gzip", &["gzip", "-1"]),
    ("gzip", &["gzip", "-9"]),
    // Through a pipe the sizes come after the bytes, and the local header says zero.
    ("zip", &["zip", "-q", "-", "-"]),
    ("zstd", &["zstd", "-q", "-1"]),
    ("zstd", &["zstd", "-q", "-19", "--no-check"]),
    ("xz", &["xz", "-0"]),
    ("xz", &["xz", "-9", "--check=sha256"]),
    ("bzip2", &["bzip2", "-1"]),
    ("bzip2", &["bzip2", "-9"]),
    ("lz4", &["lz4", "-q"]),
    ("lz4", &["lz4", "-q", "-9", "-B4", "-BD", "-BX"]),
];

/// Runs a tool of the Debian package of the same name, or of another as `tests/run.sh` lists.
pub(crate) fn tool(folder: &Path, command: &[&str], input: &[u8]) -> Vec<u8> {
    let (program, args) = command.split_first().unwrap();
    let mut child = Command::new(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; tests/run.sh installs it"));
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

fn github(seed: &str) -> String {
    maker("github-classic").unwrap()(&mut Stream::new(seed))
}

/// Lines that compress like a log, about `len` bytes of them.
fn log(seed: &str, len: usize) -> Vec<u8> {
    let mut stream = Stream::new(seed);
    let mut text = Vec::new();
    while text.len() < len {
        let (minute, port) = (stream.below(60), stream.below(60_000));
        let word = stream.text("abcdefghij", 7);
        writeln!(text, "10:{minute:02} web01 sshd[{port}]: closed by {word}").unwrap();
    }
    text
}

/// Such lines with a secret in the middle; where it lies in them.
fn log_with(secret: &str, len: usize) -> (Vec<u8>, usize) {
    let mut text = log(secret, len / 2);
    let at = text.len();
    text.extend(format!("{secret}\n").into_bytes());
    text.extend(log(secret, len / 2));
    (text, at)
}

/// Bytes in which nothing is found.
fn noise(seed: &str, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Stream::new(seed).fill(&mut bytes);
    bytes
}

fn scan(desk: &Desk, bytes: &[u8], args: &[&str]) -> Ran {
    let file = desk.file("disk.img", bytes);
    let mut all = vec!["--as", "image"];
    all.extend(args);
    desk.scan(&file, &all).expect(0)
}

fn paths(findings: &[Finding]) -> Vec<String> {
    let paths = findings
        .iter()
        .map(|finding| finding.occurrence.forensic_path.clone());
    paths.collect()
}

#[test]
fn what_every_tool_writes_is_found_where_it_lies() {
    let desk = Desk::new();
    let secret = github("tools");
    let (text, inner) = log_with(&secret, 300_000);
    let plain = scan(&desk, &text, &[]).findings()[0].fingerprint.clone();
    for (index, (encoding, command)) in TOOLS.iter().enumerate() {
        let stream = tool(desk.path("").as_path(), command, &text);
        let at = 12_345 + index;
        let disk = [noise("before", at), stream.clone(), noise("after", 70_000)].concat();
        let ran = scan(&desk, &disk, &[]);
        let mut found = ran.findings();
        // LZ4 copies what never came before, so a secret lies in the stream as it is, too.
        found.retain(|finding| !finding.occurrence.encoding.is_empty());
        assert_eq!(found.len(), 1, "{command:?}: {}", ran.stdout);
        let place = &found[0].occurrence;
        assert_eq!(place.encoding, [*encoding], "{command:?}");
        assert_eq!(place.offset, at as u64, "{command:?}");
        let codec = encoding.to_uppercase();
        assert_eq!(place.forensic_path, format!("{at}-{codec}-{inner}"));
        assert_eq!(found[0].fingerprint, plain, "{command:?}");
        // Behind a file in a ZIP archive lie its descriptor and the directory.
        let rest = stream.len() as u64 - place.length;
        let directory = if *encoding == "zip" { 60..200 } else { 0..1 };
        assert!(directory.contains(&rest), "{command:?}: {rest}");
        let summary = ran.summary();
        assert_eq!(summary.streams, 1, "{command:?}");
        assert_eq!(summary.bytes_decoded, text.len() as u64, "{command:?}");
        assert_eq!(summary.limits, BTreeMap::new(), "{command:?}");
        let closed = scan(&desk, &disk, &["--max-depth", "0"]);
        assert_eq!(closed.findings().len(), ran.findings().len() - 1);
        assert_eq!(closed.summary().streams, 0, "{command:?}");
    }
}

#[test]
fn streams_in_streams_are_opened_to_the_depth_asked_for() {
    let desk = Desk::new();
    let secret = github("nested");
    let encoded = STANDARD.encode(format!("password: {secret}"));
    let config = format!("kind: Secret\ndata:\n  config: {encoded}\n");
    desk.file("pack/etc/secret.yaml", &config);
    desk.file("pack/etc/motd", log("motd", 50_000));
    let tar = ["tar", "-C", "pack", "-cf", "-", "etc"];
    let tar = tool(desk.path("").as_path(), &tar, &[]);
    let inner = memchr::memmem::find(&tar, encoded.as_bytes()).unwrap();
    let gz = tool(desk.path("").as_path(), &["gzip"], &tar);
    let xz = tool(
        desk.path("").as_path(),
        &["xz"],
        &[&b"padding"[..], &gz].concat(),
    );
    let zip = tool(desk.path("").as_path(), &["zip", "-q", "-", "-"], &xz);
    let disk = [noise("nested", 4097), zip].concat();
    let ran = scan(&desk, &disk, &[]);
    let found = ran.findings();
    let path = format!("4097-ZIP-0-XZ-7-GZIP-{inner}-BASE64-10");
    assert_eq!(paths(&found), [path], "{}", ran.stdout);
    let steps = ["zip", "xz", "gzip", "base64"];
    assert_eq!(found[0].occurrence.encoding, steps);
    assert_eq!(found[0].occurrence.offset, 4097);
    assert_eq!((ran.summary().streams, ran.summary().limits.len()), (3, 0));
    assert_eq!(scan(&desk, &disk, &["--max-depth", "3"]).findings(), found);
    let shallow = scan(&desk, &disk, &["--max-depth", "1"]);
    assert_eq!(shallow.findings().len(), 0);
    // What xz could not compress lies in it as it is, and begins a stream too.
    assert_eq!(shallow.summary().limits["carve-depth"], 2);
    assert!(shallow.summary().complete);
    // Without the streams in it the xz stream covers nothing, and the one in it is opened.
    let direct = scan(&desk, &disk, &["--max-depth", "2"]);
    let path = format!("4097-ZIP-34-GZIP-{inner}-BASE64-10");
    assert_eq!(paths(&direct.findings()), [path]);
}

#[test]
fn every_file_of_an_archive_is_a_stream_of_its_own() {
    let desk = Desk::new();
    let secrets: Vec<String> = (0..4).map(|n| github(&format!("archive {n}"))).collect();
    desk.file("docx/[Content_Types].xml", log("types", 2000));
    desk.file("docx/word/document.xml", log_with(&secrets[0], 20_000).0);
    desk.file("docx/docProps/core.xml", log_with(&secrets[1], 3000).0);
    desk.file("docx/customXml/item1.xml", format!("\n{}\n", secrets[2]));
    let folder = desk.path("docx");
    // The third is too short to compress and is stored, so it lies there as it is.
    tool(
        &folder,
        &["zip", "-q", "-X", "-r", "../report.docx", "."],
        &[],
    );
    // The same archive without compression holds nothing but plain bytes.
    tool(
        &folder,
        &["zip", "-q", "-X", "-0", "-r", "../stored.zip", "."],
        &[],
    );
    // A stored archive inside another is in plain sight too, and so are its files.
    let outer = ["zip", "-q", "-X", "-0", "outer.zip", "report.docx"];
    tool(desk.path("").as_path(), &outer, &[]);
    for (name, carved) in [("report.docx", 2), ("stored.zip", 0), ("outer.zip", 2)] {
        let bytes = std::fs::read(desk.path(name)).unwrap();
        let found = scan(&desk, &bytes, &[]).findings();
        let inside = |f: &&Finding| f.occurrence.encoding == ["zip"];
        assert_eq!(found.iter().filter(inside).count(), carved, "{name}");
        let mut distinct: Vec<&str> = found.iter().map(|f| f.fingerprint.as_str()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 3, "{name}");
        assert_eq!(found.len(), 3, "{name}");
    }
    // An encrypted file is told of and left alone.
    let locked = ["zip", "-q", "-X", "-P", "word", "-r", "../locked.zip", "."];
    tool(&folder, &locked, &[]);
    let bytes = std::fs::read(desk.path("locked.zip")).unwrap();
    let ran = scan(&desk, &bytes, &[]);
    assert_eq!(ran.findings().len(), 0);
    assert!(ran.summary().limits["carve-encrypted"] >= 3);
}

/// A disk with streams of every tool, a plain secret after each, and all that once more in bzip2.
fn mixed(desk: &Desk) -> (Vec<u8>, usize) {
    let mut disk = noise("mixed", 1001);
    let planted = 2 * TOOLS.len();
    for (index, (_, command)) in TOOLS.iter().cycle().take(planted).enumerate() {
        let (text, _) = log_with(&github(&format!("mixed {index}")), 9000 * (1 + index % 4));
        disk.extend(tool(desk.path("").as_path(), command, &text));
        disk.extend(noise("gap", index * 37 % 5000));
        disk.extend(format!("\n{}\n", github(&format!("plain {index}"))).into_bytes());
    }
    let whole = tool(desk.path("").as_path(), &["bzip2"], &disk);
    disk.extend(whole);
    (disk, planted)
}

#[test]
fn findings_depend_neither_on_chunks_nor_threads_nor_pieces() {
    let desk = Desk::new();
    let (disk, planted) = mixed(&desk);
    let whole = scan(&desk, &disk, &["--chunk", "64M", "--threads", "1"]);
    let expected = whole.findings();
    // Each lies in the disk and in its copy inside it; LZ4 shows what it could not compress.
    let mut depths: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for finding in &expected {
        let depth = finding.occurrence.encoding.len();
        depths.entry(&finding.fingerprint).or_default().push(depth);
    }
    let (mut plain, mut carved) = (0, 0);
    for mut depths in depths.into_values() {
        depths.sort_unstable();
        match depths.as_slice() {
            [0, 1] => plain += 1,
            [1, 2] | [0, 1, 1, 2] => carved += 1,
            other => panic!("{other:?} in {:?}", paths(&expected)),
        }
    }
    assert_eq!((plain, carved), (planted, planted));
    for args in [
        ["--chunk", "4K", "--threads", "1"],
        ["--chunk", "4K", "--threads", "5"],
        ["--chunk", "68K", "--threads", "2"],
    ] {
        let ran = scan(&desk, &disk, &args);
        assert!(
            ran.findings() == expected,
            "{args:?}: {:?}",
            paths(&ran.findings())
        );
        assert_eq!(ran.summary().streams, whole.summary().streams);
        assert_eq!(ran.summary().bytes_decoded, whole.summary().bytes_decoded);
    }
    let gpu = scan(&desk, &disk, &["--engine", "gpu", "--chunk", "1M"]);
    assert!(gpu.findings() == expected);
    // Pieces of a split disk are no multiple of anything, so chunks are put together from two.
    tool(
        &desk.path(""),
        &[
            "split",
            "-d",
            "-a",
            "3",
            "-b",
            "100001",
            "--numeric-suffixes=1",
            "disk.img",
            "piece.",
        ],
        &[],
    );
    let split = desk.scan(&desk.path("piece.001"), &["--as", "image", "--chunk", "4K"]);
    let split = split.expect(0).findings();
    assert_eq!(paths(&split), paths(&expected));
}

#[test]
fn a_stream_on_standard_input_is_read_as_far_as_it_is_there() {
    let desk = Desk::new();
    let secret = github("piped");
    let (text, _) = log_with(&secret, 200_000);
    let stream = tool(desk.path("").as_path(), &["gzip"], &text);
    let args = ["scan", "--format", "jsonl", "-"];
    let whole = desk.pipe(&args, &stream).expect(0);
    assert_eq!(whole.findings().len(), 1);
    assert_eq!(whole.summary().limits, BTreeMap::new());
    let long = tool(
        desk.path("").as_path(),
        &["gzip"],
        &STANDARD.encode(noise("long", 4 << 20)).into_bytes(),
    );
    let cut = desk.pipe(&args, &long).expect(0);
    let limits = BTreeMap::from([("carve-pipe".to_owned(), 1)]);
    assert_eq!(cut.summary().limits, limits);
}

#[test]
fn what_precedes_the_end_of_a_cut_stream_is_found() {
    let desk = Desk::new();
    let secret = github("cut");
    let text = [format!("{secret}\n").into_bytes(), log("cut", 3 << 20)].concat();
    for (encoding, command) in TOOLS {
        let stream = tool(desk.path("").as_path(), command, &text);
        for tenths in [0, 1, 5, 9] {
            let kept = &stream[..(stream.len() * tenths / 10).max(20)];
            // Cut by the end of the disk, and by bytes of another file.
            for after in [0, 5000] {
                let disk = [kept, &noise("after", after)].concat();
                let ran = scan(&desk, &disk, &[]);
                let found = ran.findings().len();
                assert!(found <= 1, "{command:?} {tenths}");
                // A block of bzip2 gives nothing until it is there to its last byte.
                let expected = tenths >= if *encoding == "bzip2" { 5 } else { 1 };
                assert!(found == 1 || !expected, "{command:?} {tenths} {after}");
            }
        }
    }
}

#[test]
fn damage_in_a_stream_neither_stops_nor_delays_the_scan() {
    let desk = Desk::new();
    let (text, _) = log_with(&github("damage"), 60_000);
    let mut random = Stream::new("damage");
    let mut disk = Vec::new();
    for (_, command) in TOOLS {
        let stream = tool(desk.path("").as_path(), command, &text);
        for _ in 0..200 {
            let mut damaged = stream.clone();
            // Mostly near the head, where the sizes and tables are.
            let near = [40, 400, damaged.len() as u64][random.below(3) as usize];
            for _ in 0..=random.below(4) {
                let at = random.below(near.min(damaged.len() as u64)) as usize;
                damaged[at] ^= 1 << random.below(8);
            }
            disk.extend(damaged);
        }
    }
    disk.extend(github("behind").into_bytes());
    let ran = scan(&desk, &disk, &[]);
    let summary = ran.summary();
    assert!(summary.complete);
    assert!(summary.streams > 1000, "{}", summary.streams);
    let last = ran.findings().pop().unwrap();
    assert_eq!(last.occurrence.length, 40, "the plain one at the end");
}

#[test]
fn magic_numbers_without_a_stream_are_no_streams() {
    let desk = Desk::new();
    let mut disk = Vec::new();
    let magics: [&[u8]; 7] = [
        b"\x1f\x8b\x08\x00",
        b"PK\x03\x04\x14\0\0\0\x08\0",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0\0\x04",
        b"BZh91AY&SY",
        b"\x04\x22\x4d\x18\x64\x40",
        b"\x1f\x8b\x08\x08\0\0\0\0\0\x03",
    ];
    let mut random = Stream::new("magics");
    for index in 0..20_000 {
        disk.extend(magics[index % magics.len()]);
        let mut after = vec![0; random.below(60) as usize];
        random.fill(&mut after);
        disk.extend(after);
    }
    disk.extend(github("after the magics").into_bytes());
    let ran = scan(&desk, &disk, &[]);
    assert_eq!(ran.findings().len(), 1);
    // A few decode to some bytes before they turn out to be none.
    let decoded = ran.summary().bytes_decoded;
    assert!(decoded < 4 << 20, "{decoded}");
}

/// A gzip member of `mib` MiB of zeros: after a full flush a stretch is the same bytes each time.
fn zeros(mib: usize) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut step = |flush, input: &[u8]| {
        let mut out = Vec::with_capacity(64 << 10);
        compress.compress_vec(input, &mut out, flush).unwrap();
        out
    };
    let block = vec![0; 1 << 20];
    let first = step(FlushCompress::Full, &block);
    let next = step(FlushCompress::Full, &block);
    let last = step(FlushCompress::Finish, &[]);
    let mut member = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03".to_vec();
    member.extend(first);
    member.extend(next.repeat(mib - 1));
    member.extend(last);
    member.extend([0; 8]);
    member
}

#[test]
fn a_bomb_ends_at_its_limits_and_says_so() {
    let desk = Desk::new();
    let limits = |ran: &Ran| -> Vec<String> { ran.summary().limits.into_keys().collect() };
    // Ten gigabytes of zeros, which are ten megabytes in gzip.
    let ran = scan(&desk, &zeros(10 << 10), &[]);
    assert_eq!(limits(&ran), ["carve-ratio"]);
    assert!(ran.summary().complete);
    assert!(ran.summary().bytes_decoded < 8 << 20);
    let zeros = vec![0; 256 << 20];
    for command in [
        &["zstd", "-q"][..],
        &["xz", "-0"],
        &["bzip2"],
        &["lz4", "-q"],
    ] {
        let ran = scan(&desk, &tool(desk.path("").as_path(), command, &zeros), &[]);
        assert!(ran.summary().bytes_decoded <= 80 << 20, "{command:?}");
        let limits = limits(&ran);
        let bound = ["carve-ratio", "carve-size", "carve-window"];
        assert!(
            limits.iter().all(|limit| bound.contains(&limit.as_str())) && limits.len() == 1,
            "{command:?}: {limits:?}"
        );
    }
    // A stream of more than 64 MiB that no ratio stops.
    let long = STANDARD.encode(noise("long", 60 << 20)).into_bytes();
    let ran = scan(
        &desk,
        &tool(desk.path("").as_path(), &["gzip", "-1"], &long),
        &[],
    );
    assert_eq!(limits(&ran), ["carve-size"]);
    assert_eq!(ran.summary().bytes_decoded, 64 << 20);
}

#[test]
fn archives_of_archives_of_archives_end() {
    let desk = Desk::new();
    let mut level = tool(
        desk.path("").as_path(),
        &["zip", "-q", "-", "-"],
        &vec![b' '; 1 << 20],
    );
    for depth in 0..5 {
        let names: Vec<String> = (0..16).map(|copy| format!("{depth}/{copy}.dat")).collect();
        for name in &names {
            desk.file(name, &level);
        }
        let archive = format!("level{depth}.dat");
        let mut command = vec!["zip", "-q", archive.as_str()];
        command.extend(names.iter().map(String::as_str));
        tool(desk.path("").as_path(), &command, &[]);
        level = std::fs::read(desk.path(&archive)).unwrap();
    }
    let ran = scan(&desk, &level, &[]);
    let summary = ran.summary();
    assert!(
        summary.complete && summary.limits.contains_key("carve-depth"),
        "{:?}",
        summary.limits
    );
    // Sixteen streams lie in plain sight, and each may give 256 MiB.
    assert!(
        summary.bytes_decoded <= 16 << 28,
        "{}",
        summary.bytes_decoded
    );
}

#[test]
fn streams_that_lie_over_each_other_end() {
    let desk = Desk::new();
    // Every 15 bytes a gzip member begins whose first block is stored and holds all that follow,
    // and where it ends, the next one begins.
    let mut unit = vec![0, 0xff, 0xff, 0, 0];
    unit.extend(b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
    let mut disk = unit.repeat((4 << 20) / unit.len());
    disk.extend(github("behind it all").into_bytes());
    let ran = scan(&desk, &disk, &[]);
    let summary = ran.summary();
    let limits: Vec<String> = summary.limits.into_keys().collect();
    assert!(limits.contains(&"carve-total".to_owned()), "{limits:?}");
    let plain = |f: &Finding| f.occurrence.encoding.is_empty();
    assert_eq!(ran.findings().iter().filter(|f| plain(f)).count(), 1);
}
