//! How fast compressed streams are opened: 8 MiB of text in each of the formats, packed by the
//! programs that people use; and what it costs to refuse a magic number that begins no stream.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

mod settings;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use criterion::Throughput;
use keydredge::chunk::carve::{Codec, Decoder, Ending};
use keydredge::rule::AnchorSpec;
use keydredge::specimen::Stream;

/// Bytes of text.
const LEN: usize = 8 << 20;

/// Lines like those of a log, which pack as logs do.
fn text() -> Vec<u8> {
    let mut stream = Stream::new("carve");
    let mut bytes = Vec::with_capacity(LEN + 128);
    while bytes.len() < LEN {
        let (code, id) = (stream.below(600), stream.text("0123456789abcdef", 12));
        let line = format!("2026-01-02T03:04:05Z host app[{code}]: request {id} took {code} ms\n");
        bytes.extend(line.into_bytes());
    }
    bytes.truncate(LEN);
    bytes
}

fn packed(command: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", command[0]));
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

fn main() {
    let mut criterion = settings::criterion(2);
    let text = text();
    let (mut decoder, mut bytes) = (Decoder::default(), Vec::new());
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(LEN as u64));
    for (codec, command) in [
        (Codec::Gzip, &["gzip", "-c"][..]),
        (Codec::Zip, &["zip", "-q", "-", "-"]),
        (Codec::Zstd, &["zstd", "-c", "-q"]),
        (Codec::Xz, &["xz", "-c"]),
        (Codec::Bzip2, &["bzip2", "-c"]),
        (Codec::Lz4, &["lz4", "-c", "-q"]),
    ] {
        let stored = packed(command, &text);
        // One byte more, so that none ends at its limit.
        let decoded = decoder.decode(codec, &mut stored.as_slice(), LEN + 1, &mut bytes);
        assert_eq!(decoded.unwrap().ending, Ending::Whole, "{codec:?}");
        assert!(bytes == text, "{codec:?} gives other bytes");
        group.bench_function(codec.name(), |bencher| {
            bencher.iter(|| decoder.decode(codec, &mut stored.as_slice(), LEN + 1, &mut bytes));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("refuse");
    let mut noise = vec![0; 64 << 10];
    Stream::new("noise").fill(&mut noise);
    for codec in Codec::ALL {
        let AnchorSpec::Literal { bytes: magic, .. } = codec.magic() else {
            continue;
        };
        noise[..magic.len()].copy_from_slice(&magic);
        // No format has these flags or sizes.
        noise[magic.len()..magic.len() + 16].fill(0xFF);
        let refused = decoder.decode(codec, &mut noise.as_slice(), LEN, &mut bytes);
        assert!(refused.is_none(), "{codec:?}: {refused:?}");
        group.bench_function(codec.name(), |bencher| {
            bencher.iter(|| decoder.decode(codec, &mut noise.as_slice(), LEN, &mut bytes));
        });
    }
    group.finish();
    criterion.final_summary();
}
