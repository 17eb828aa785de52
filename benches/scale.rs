//! How a whole scan grows with the disk and with the rules: sparse disks filled from a folder, rule
//! files of more and more anchors, each scan in a process of its own.
//!
//! ```text
//! cargo build --release
//! cargo run --release --example scale -- FOLDER SOURCE              # 1, 4, 16, 64 GiB; 20 to 10,000 anchors
//! cargo run --release --example scale -- FOLDER SOURCE --gib 1,4 --anchors 20,2000 --runs 1
//! ```
//!
//! `SOURCE` is where the bytes come from (`/usr`). The largest disk takes an eighth of its length in
//! `FOLDER`; a disk that is there already is used again. Writes `FOLDER/scale.svg` and prints
//! Markdown. On a busy machine only the CPU column means something. Linux only: memory is read
//! from /proc.

#![allow(clippy::print_stdout, reason = "a measurement prints")]

mod process;

use std::error::Error;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use keydredge::anchor::AnchorSet;
use keydredge::finding::summary::Summary;
use keydredge::image::tree;
use keydredge::rule::RuleSet;
use keydredge::rule::load::{CATALOGUE, load};
use keydredge::specimen::Stream;

/// A measurement stops at the first fault.
type Done<T> = Result<T, Box<dyn Error>>;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;
/// Of each stretch of this length the first eighth is filled.
const STRETCH: u64 = 16 * MIB;
const FILLED: u64 = STRETCH / 8;
/// Length of the disk that rules are measured on, in GiB.
const FOR_RULES: u64 = 4;
/// How often the memory of a scan is looked at.
const LOOK: Duration = Duration::from_millis(5);

struct Args {
    folder: PathBuf,
    source: PathBuf,
    gib: Vec<u64>,
    anchors: Vec<u64>,
    runs: u64,
}

impl Args {
    fn read() -> Done<Self> {
        let mut args = Self {
            folder: PathBuf::new(),
            source: PathBuf::new(),
            gib: vec![1, 4, 16, 64],
            anchors: vec![20, 200, 2_000, 10_000],
            runs: 3,
        };
        let mut paths = Vec::new();
        let mut given = std::env::args().skip(1);
        while let Some(arg) = given.next() {
            if !arg.starts_with("--") {
                paths.push(PathBuf::from(arg));
                continue;
            }
            let value = given.next().ok_or(format!("{arg} takes a value"))?;
            let numbers = value.split(',').map(str::parse).collect::<Result<_, _>>()?;
            match arg.as_str() {
                "--gib" => args.gib = numbers,
                "--anchors" => args.anchors = numbers,
                "--runs" => args.runs = value.parse()?,
                _ => return Err(format!("`{arg}` is no option").into()),
            }
        }
        let [folder, source] = <[PathBuf; 2]>::try_from(paths).map_err(|_| "FOLDER SOURCE")?;
        Ok(Self {
            folder,
            source,
            ..args
        })
    }
}

fn main() -> Done<()> {
    let args = Args::read()?;
    fs::create_dir_all(&args.folder)?;
    let mut sizes = Vec::new();
    for gib in &args.gib {
        let disk = disk(&args, *gib)?;
        sizes.push(best(&args, &disk, *gib, &["--profile", "all"])?);
    }
    show("GiB", &sizes);
    let on = disk(
        &args,
        FOR_RULES.min(args.gib.iter().copied().max().unwrap_or(1)),
    )?;
    let mut rules = Vec::new();
    for anchors in &args.anchors {
        let file = args.folder.join(format!("rules-{anchors}.toml"));
        let types = rule_file(&file, *anchors)?;
        let file = file.to_string_lossy();
        // Streams are carved by magic numbers, which are not of the rules.
        let options = ["--max-depth", "0", "--rules", &file, "--types", &types];
        rules.push(best(&args, &on, *anchors, &options)?);
    }
    show("anchors", &rules);
    let plot = plot(&[("GiB", &sizes), ("anchors", &rules)])?;
    fs::write(args.folder.join("scale.svg"), plot)?;
    Ok(())
}

/// A disk of so many GiB, holes but for what is filled.
fn disk(args: &Args, gib: u64) -> Done<PathBuf> {
    let path = args.folder.join(format!("scale-{gib}.img"));
    if fs::metadata(&path).is_ok_and(|there| there.len() == gib * GIB) {
        return Ok(path);
    }
    let file = File::create(&path)?;
    let mut at = 0;
    let mut files = Vec::new();
    while at < gib * GIB {
        if files.is_empty() {
            // The largest disks hold every file several times, each time elsewhere in a page.
            files = shuffled(&args.source);
            if files.is_empty() {
                return Err(format!("no files in {}", args.source.display()).into());
            }
        }
        let Some(Ok(mut bytes)) = files.pop().map(fs::read) else {
            continue;
        };
        // One large file would be all there is.
        bytes.truncate(4 << 20);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() && at < gib * GIB {
            let room = (FILLED - at % STRETCH) as usize;
            let (now, later) = rest.split_at(rest.len().min(room));
            file.write_all_at(now, at)?;
            at += now.len() as u64;
            if at % STRETCH == FILLED {
                at += STRETCH - FILLED;
            }
            rest = later;
        }
    }
    // Its length is given last: a disk of full length is a whole one.
    file.sync_all()?;
    file.set_len(gib * GIB)?;
    Ok(path)
}

/// The files of a folder in an order that is the same every time and mixes its parts.
fn shuffled(folder: &Path) -> Vec<PathBuf> {
    let walk = tree::walk(folder).flatten();
    let mut files: Vec<PathBuf> = walk.map(|entry| entry.path).collect();
    let mut stream = Stream::new("order");
    for last in (1..files.len()).rev() {
        let other = stream.below(last as u64 + 1) as usize;
        files.swap(last, other);
    }
    files
}

/// Rules with so many anchors, encoded forms counted: types of the catalogue as long as they fit,
/// the smallest first, then made-up literals. The types that are in it.
fn rule_file(path: &Path, anchors: u64) -> Done<String> {
    let catalogue = load(CATALOGUE.iter().copied())?;
    let count = |rules: &RuleSet| AnchorSet::of_rules(rules).anchors().len() as u64;
    let of = |id: &str| catalogue.select(|secret_type| secret_type.id == id);
    let mut types: Vec<(u64, &str)> = catalogue
        .types
        .iter()
        .map(|secret_type| (count(&of(&secret_type.id)), secret_type.id.as_str()))
        .collect();
    types.sort_unstable();
    let mut taken: Vec<&str> = Vec::new();
    for (_, id) in types {
        let with = |known: &str| known == id || taken.contains(&known);
        if count(&catalogue.select(|secret_type| with(&secret_type.id))) > anchors {
            break;
        }
        taken.push(id);
    }
    let mut have = count(&catalogue.select(|secret_type| taken.contains(&secret_type.id.as_str())));
    let mut text = String::from(
        "[[type]]\nid = 'made-up'\nname = 'Made up'\nseverity = 'low'\n\
         [[type.variant]]\nname = 'v'\nreach = { before = 0, after = 40 }\n\
         pattern = '(?<secret>made_up_[0-9]{20})'\nanchors = [{ literal = 'made_up_' }",
    );
    let mut stream = Stream::new("scale");
    let mut literals = 0;
    // All have as many forms, so one tells how many are needed.
    let forms = count(&load([("one", format!("{text}]\n").as_str())])?);
    have += forms;
    while have + forms <= anchors {
        let word = stream.text("abcdefghijklmnopqrstuvwxyz_", 11);
        write!(text, ", {{ literal = '{word}=' }}")?;
        have += forms;
        literals += 1;
    }
    text.push_str("]\n");
    println!(
        "{anchors} anchors: {} types of the catalogue, {literals} literals besides",
        taken.len()
    );
    fs::write(path, text)?;
    taken.push("made-up");
    Ok(taken.join(","))
}

/// What a scan took.
struct Point {
    /// GiB or anchors.
    x: u64,
    summary: Summary,
    wall: f64,
    cpu: f64,
    /// Most anonymous memory, in MiB.
    memory: f64,
}

/// The run that needed least CPU: everything else that runs only slows.
fn best(args: &Args, disk: &Path, x: u64, options: &[&str]) -> Done<Point> {
    let mut best: Option<Point> = None;
    for _ in 0..args.runs.max(1) {
        let point = scan(args, disk, x, options)?;
        if best.as_ref().is_none_or(|best| point.cpu < best.cpu) {
            best = Some(point);
        }
    }
    Ok(best.ok_or("no runs")?)
}

fn scan(args: &Args, disk: &Path, x: u64, options: &[&str]) -> Done<Point> {
    // The program lies beside the folder of examples.
    let here = std::env::current_exe()?;
    let program = here.ancestors().nth(2).ok_or("no folder of programs")?;
    let output = args.folder.join("findings.jsonl");
    let (before, started) = (process::cpu()?.1, Instant::now());
    let mut child = Command::new(program.join("keydredge"))
        .args([
            "scan",
            "--as",
            "image",
            "--format",
            "jsonl",
            "--progress",
            "none",
        ])
        .args(["--engine", "cpu", "--output"])
        .arg(&output)
        .arg("--key")
        .arg(args.folder.join("key"))
        .args(options)
        .arg(disk)
        .stdout(Stdio::null())
        .spawn()?;
    let mut memory = 0;
    let status = loop {
        memory = memory.max(process::anonymous(&child.id().to_string()));
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(LOOK),
        }
    };
    let (wall, cpu) = (started.elapsed().as_secs_f64(), process::cpu()?.1 - before);
    if !status.success() {
        return Err(format!("the scan of {} ended with {status}", disk.display()).into());
    }
    let text = fs::read_to_string(&output)?;
    let last = text.lines().last().ok_or("no summary")?;
    Ok(Point {
        x,
        summary: serde_json::from_str(last)?,
        wall,
        cpu,
        memory: memory as f64 / 1024.0,
    })
}

/// Slope and start of the line with the least squares through the points.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let across: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let along: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let slope = if along > 0.0 { across / along } else { 0.0 };
    (slope, y - slope * x)
}

fn show(what: &str, points: &[Point]) {
    println!(
        "\n| {what} | GiB read | anchors | hits | candidates | findings | wall s | CPU s | \
         CPU s/GiB read | RSS-anon MiB |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for point in points {
        let Point {
            x,
            summary,
            wall,
            cpu,
            memory,
        } = point;
        let read = summary.bytes_read as f64 / GIB as f64;
        println!(
            "| {x} | {read:.2} | {} | {} | {} | {} | {wall:.2} | {cpu:.2} | {:.2} | {memory:.0} |",
            summary.rules.anchors,
            summary.hits,
            summary.candidates,
            summary.findings,
            cpu / read,
        );
    }
    for (name, of) in MEASURES {
        let pairs: Vec<_> = points
            .iter()
            .map(|point| (point.x as f64, of(point)))
            .collect();
        let (slope, start) = line(&pairs);
        println!("\n{name}: {start:.3} + {slope:.6} for each of {what}");
    }
}

/// A name, and how a point tells it.
type Measure = (&'static str, fn(&Point) -> f64);

/// What is drawn and fitted.
const MEASURES: [Measure; 2] = [
    ("CPU s", |point| point.cpu),
    ("RSS-anon MiB", |point| point.memory),
];

/// One picture for each series and measure, both axes from zero.
fn plot(series: &[(&str, &[Point])]) -> Done<String> {
    const WIDTH: f64 = 320.0;
    const HEIGHT: f64 = 200.0;
    const EDGE: f64 = 50.0;
    let (across, down) = (WIDTH + 2.0 * EDGE, HEIGHT + 2.0 * EDGE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n",
        across * MEASURES.len() as f64,
        down * series.len() as f64
    );
    for (row, (what, points)) in series.iter().enumerate() {
        for (column, (name, of)) in MEASURES.iter().enumerate() {
            let (left, top) = (column as f64 * across + EDGE, row as f64 * down + EDGE);
            let most = |of: &dyn Fn(&Point) -> f64| {
                points.iter().map(of).fold(f64::MIN_POSITIVE, f64::max)
            };
            let (widest, highest) = (most(&|point| point.x as f64), most(of));
            let place = |x: f64, y: f64| {
                (
                    left + x / widest * WIDTH,
                    top + HEIGHT - y / highest * HEIGHT,
                )
            };
            writeln!(
                svg,
                "<path d=\"M{left} {top}v{HEIGHT}h{WIDTH}\" fill=\"none\" stroke=\"black\"/>\n\
                 <text x=\"{left}\" y=\"{}\">{name}, at most {highest:.1}</text>\n\
                 <text x=\"{left}\" y=\"{}\">{what}, 0 to {widest}</text>",
                top - 8.0,
                top + HEIGHT + 16.0
            )?;
            let pairs: Vec<_> = points
                .iter()
                .map(|point| (point.x as f64, of(point)))
                .collect();
            let (slope, start) = line(&pairs);
            let (from, to) = (place(0.0, start), place(widest, start + slope * widest));
            writeln!(
                svg,
                "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" stroke=\"silver\"/>",
                from.0, from.1, to.0, to.1
            )?;
            for (x, y) in pairs {
                let (x, y) = place(x, y);
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>")?;
            }
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
