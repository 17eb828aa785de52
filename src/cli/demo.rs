//! `keydredge demo`: makes the demo disk, scans it, and compares with what was planted.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::args::DemoArgs;
use super::exit::{Ended, Failure};
use super::look;
use super::output::Output;
use super::scan::{Job, load_rules};
use crate::finding::Finding;
use crate::report::{self, Format, Setting};
use crate::scan::input::{Input, Treatment};
use crate::specimen::disk::{self, Truth};

/// Seed of the disk: the same bytes on every machine.
const SEED: &str = "demo";

pub(super) fn run(args: &DemoArgs) -> Result<Ended, Failure> {
    if let Some(dir) = &args.fleet {
        return super::fleet::run(dir, &args.engine);
    }
    let (image, truth) =
        disk::build(SEED, disk::DEMO_LEN).map_err(|error| Failure::usage(error.to_string()))?;
    fs::create_dir_all(&args.dir).map_err(|error| {
        Failure::usage(format!(
            "cannot make the folder {}: {error}",
            args.dir.display()
        ))
    })?;
    let (image_path, truth_path) = (args.dir.join("disk.img"), args.dir.join("truth.jsonl"));
    write_whole(&image_path, &image)?;
    write_whole(&truth_path, &lines(&truth)?)?;
    drop(image);
    writeln!(
        io::stdout(),
        "Wrote {} (64 MiB, MBR, one FAT partition; nothing on it was ever valid)\n\
         and {} (what was planted where).\n",
        image_path.display(),
        truth_path.display()
    )?;
    let rules = load_rules(&[])?;
    let setting = Setting {
        rules: &rules,
        inputs: &[],
        look: look::of(&Output::Standard),
    };
    let mut table = report::on(Format::Table, &setting, Box::new(io::stdout()));
    let job = Job::of_demo(vec![Input::open(&image_path, Treatment::Image)?], rules);
    let mut found = Vec::new();
    let outcome = job.run(&args.engine, false, &mut |finding| {
        found.push(finding.clone());
        table.finding(finding)
    })?;
    table.finish(&outcome.summary)?;
    if let Some(error) = outcome.engine_error {
        return Err(error.into());
    }
    compare(&truth, &found)
}

pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let output = Output::open(path)?;
    output.writer()?.write_all(bytes).map_err(|error| Failure {
        ended: Ended::Transient,
        message: format!("cannot write {}: {error}", path.display()),
    })?;
    output.commit()
}

fn lines(truth: &[Truth]) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    for row in truth {
        serde_json::to_writer(&mut text, row).map_err(io::Error::from)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// Says how many planted secrets were found; any other result than all of them and nothing else
/// is a failure.
fn compare(truth: &[Truth], found: &[Finding]) -> Result<Ended, Failure> {
    let inside = |row: &Truth, finding: &Finding| {
        let (start, end) = (
            finding.occurrence.offset,
            finding.occurrence.offset + finding.occurrence.length,
        );
        row.offset < end && start < row.offset + row.length
    };
    let hit = |row: &Truth| {
        found
            .iter()
            .any(|finding| finding.secret_type == row.secret_type && inside(row, finding))
    };
    let secrets: Vec<&Truth> = truth.iter().filter(|row| row.secret).collect();
    let missed: Vec<&&Truth> = secrets.iter().filter(|row| !hit(row)).collect();
    let look_alikes = truth.len() - secrets.len();
    let wrong = found
        .iter()
        .filter(|finding| !secrets.iter().any(|row| inside(row, finding)))
        .count();
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "\n{} of {} planted secrets found; {wrong} false findings on {look_alikes} look-alikes \
         and 64 MiB of filler.",
        secrets.len() - missed.len(),
        secrets.len(),
    )?;
    for row in &missed {
        writeln!(
            out,
            "  missed: {} ({}) at {:#x}",
            row.secret_type, row.path, row.offset
        )?;
    }
    if missed.is_empty() && wrong == 0 {
        return Ok(Ended::Complete);
    }
    Err(Failure {
        ended: Ended::Incomplete,
        message: "the demo disk was not read as it was made; please report this".to_owned(),
    })
}
