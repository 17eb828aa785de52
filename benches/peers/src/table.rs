//! Measures and shows.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use keydredge::chunk::Chunk;

use crate::data::Kind;
use crate::matcher::{Matcher, Slice};

/// How often each slice is searched by each peer, in turns. The best time counts: everything else
/// that runs on the machine only slows.
const TURNS: usize = 5;

/// What became of a peer.
pub(crate) struct Row {
    name: String,
    seconds: f64,
    count: Option<usize>,
}

/// Every peer over every slice, in turns.
pub(crate) fn measure(peers: &mut [Box<dyn Matcher>], slices: &[Vec<u8>]) -> Vec<Row> {
    let mut seconds = vec![0.0; peers.len()];
    let mut counts = vec![Some(0_usize); peers.len()];
    for bytes in slices {
        let chunk = Chunk::of(bytes, 0..bytes.len());
        let slice = Slice {
            bytes,
            chunk: &chunk,
        };
        let mut best = vec![Duration::MAX; peers.len()];
        for turn in 0..TURNS {
            for (index, peer) in peers.iter_mut().enumerate() {
                let started = Instant::now();
                let count = peer.count(&slice);
                best[index] = best[index].min(started.elapsed());
                if turn == 0 {
                    counts[index] = counts[index].and_then(|sum| sum.checked_add(count));
                }
            }
        }
        for (sum, best) in seconds.iter_mut().zip(best) {
            *sum += best.as_secs_f64();
        }
    }
    let rows = peers.iter().zip(seconds).zip(counts);
    rows.map(|((peer, seconds), count)| Row {
        name: peer.name(),
        seconds,
        count,
    })
    .collect()
}

/// A Markdown table. The peer that all are related to is the one that only matches, not ours.
pub(crate) fn shown(title: &str, kind: Kind, slices: &[Vec<u8>], rows: &[Row]) -> String {
    let len: usize = slices.iter().map(Vec::len).sum();
    let expected = rows.first().and_then(|row| row.count);
    let by = |begin: &str| rows.iter().find(|row| row.name.starts_with(begin));
    let rate = |row: &Row| len as f64 / row.seconds / 1e9;
    let mut text = format!(
        "### {title}, {}, {} MiB\n\n| peer | GB/s | to vectorscan | to a plain read | hits |\n\
         |---|---|---|---|---|",
        kind.name(),
        len >> 20
    );
    for row in rows {
        let ratio = |other: Option<&Row>| {
            other.map_or_else(String::new, |other| {
                format!("{:.2}", rate(row) / rate(other))
            })
        };
        let hits = match row.count {
            None => String::new(),
            count if count == expected => count.unwrap_or(0).to_string(),
            count => {
                let count = count.unwrap_or(0);
                let _infallible = write!(text, "\n| {} | refused | | | {count} |", row.name);
                continue;
            }
        };
        let (name, rate) = (&row.name, rate(row));
        let (peer, read) = (ratio(by("vectorscan")), ratio(by("plain read")));
        let _infallible = write!(text, "\n| {name} | {rate:.2} | {peer} | {read} | {hits} |");
    }
    text
}

/// What is measured on.
pub(crate) fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map_or("", |(_, value)| value)
    };
    let load = read("/proc/loadavg");
    format!(
        "{} (family {}, model {}), {} cores, load {}, keydredge {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        std::thread::available_parallelism().map_or(0, usize::from),
        load.split(' ').next().unwrap_or("?"),
        env!("CARGO_PKG_VERSION"),
    )
}
