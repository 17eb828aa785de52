//! `keydredge demo --fleet`: makes a fleet, scans its disks, and shows what leads where.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::args::EngineArgs;
use super::case::import_file;
use super::demo::write_whole;
use super::exit::{Ended, Failure};
use super::scan::{Aside, Job, load_rules_for};
use crate::case::Case;
use crate::graph::{self, path, scenario};
use crate::report::terminal::visible;
use crate::rule::Profile;
use crate::rule::load::AUTHORIZED_KEY;
use crate::scan::Deployments;
use crate::scan::input::{Input, Treatment};
use crate::specimen::fleet;

/// Seed of the fleet.
const SEED: &str = "fleet";

pub(super) fn run(dir: &Path, engine: &EngineArgs) -> Result<Ended, Failure> {
    let files = fleet::build(SEED).map_err(|error| Failure::usage(error.to_string()))?;
    let (mut images, mut deployments, mut inventories) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let path = dir.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| {
                Failure::usage(format!(
                    "cannot make the folder {}: {error}",
                    folder.display()
                ))
            })?;
        }
        write_whole(&path, &file.bytes)?;
        let list: &mut Vec<PathBuf> = match file.path.split('/').next() {
            Some("images") => &mut images,
            Some("deployments") => &mut deployments,
            _ => &mut inventories,
        };
        list.push(path);
    }
    drop(files);
    writeln!(
        io::stdout(),
        "Wrote {} disks, {} files of deployments and {} inventories of a made-up fleet to {}.\n",
        images.len(),
        deployments.len(),
        inventories.len(),
        dir.display()
    )?;
    let db = dir.join("fleet.db");
    let mut case = Case::create(&db)?;
    for file in &inventories {
        import_file(&mut case, file, None)?;
    }
    drop(case);
    scan(&images, Treatment::Image, engine, &db)?;
    scan(&deployments, Treatment::Deployment, engine, &db)?;
    show(&db)
}

fn scan(
    files: &[PathBuf],
    treatment: Treatment,
    engine: &EngineArgs,
    db: &Path,
) -> Result<(), Failure> {
    let inputs = files.iter().map(|path| Input::open(path, treatment));
    let (profile, deployments, sort) = match treatment {
        Treatment::Deployment => (
            Profile::Deployment,
            Deployments::All,
            "files of deployments",
        ),
        _ => (Profile::Vm, Deployments::No, "disks"),
    };
    let mut job = Job::of_demo(
        inputs.collect::<Result<_, _>>()?,
        load_rules_for(true, &[])?.profile(profile),
    );
    job.deployments = deployments;
    let mut aside = Aside::open(db)?;
    let mut secrets = 0;
    let outcome = job.run(engine, false, &mut |finding| {
        secrets += u32::from(finding.secret_type != AUTHORIZED_KEY);
        aside.finding(finding)
    })?;
    let summary = &outcome.summary;
    writeln!(
        io::stdout(),
        "\nScanned {} {sort}: {secrets} secrets.\n",
        summary.files,
    )?;
    if let Some(error) = outcome.engine_error {
        return Err(error.into());
    }
    aside.finish(&outcome.deployments, summary, None)
}

/// Each path as a person reads it.
fn show(db: &Path) -> Result<Ended, Failure> {
    let case = graph::open(db)?;
    let grid = path::named(case.connection(), &path::Ask::default())?;
    let mut out = io::stdout().lock();
    let mut found = std::collections::BTreeSet::new();
    for row in 0..grid.rows.len() {
        let at = |column: &str| {
            let value = grid.at(row, column).and_then(|value| value.as_str());
            visible(value.unwrap_or(""))
        };
        let name = |uid: String| uid.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
        found.insert(at("scenario"));
        let entry = match &*at("ports") {
            "" => "inside".to_owned(),
            ports => format!("internet ({ports})"),
        };
        writeln!(
            out,
            "{}  {}\n    {entry} -> {} [{}] -> {} -> {} {} -> {}\n    because {}",
            at("scenario"),
            at("name"),
            name(at("source")),
            at("cves"),
            at("location"),
            at("secret"),
            at("preview"),
            name(at("target")),
            at("evidence"),
        )?;
    }
    writeln!(
        out,
        "\n{} paths, {} of {} scenarios. The case is {db}: keydredge case paths --case {db}",
        grid.rows.len(),
        found.len(),
        scenario::SCENARIOS.len(),
        db = db.display()
    )?;
    Ok(Ended::Complete)
}
