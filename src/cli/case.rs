//! `keydredge case`: findings and inventories put together, and what follows from them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use super::args::{
    CaseArgs, CaseCommand, ExploreArgs, GridFormat, ImportArgs, InventoryArgs, PathArgs,
    RecommendationArgs, ShowArg,
};
use super::exit::{Ended, Failure};
use super::output::Output;
use super::{export, look, report, serve};
use crate::case::status::Decision;
use crate::case::{Case, CaseError};
use crate::estate;
use crate::graph::grid::Grid;
use crate::graph::{self, explore, inventory, path, raw, recommendation};
use crate::report::grid::{self as shown, Shape};
use crate::report::terminal::visible;

impl From<CaseError> for Failure {
    fn from(error: CaseError) -> Self {
        Self::usage(error.to_string())
    }
}

pub(super) fn run(command: &CaseCommand) -> Result<Ended, Failure> {
    match command {
        CaseCommand::Import(args) => import(args),
        CaseCommand::Inventory(args) => list(args),
        CaseCommand::Recommendations(args) => recommend(args),
        CaseCommand::Explore(args) => ask(args),
        CaseCommand::Paths(args) => paths(args),
        CaseCommand::Export(args) => export::run(args),
        CaseCommand::Report(args) => report::run(args),
        CaseCommand::Serve(args) => serve::run(args),
    }
}

fn import(args: &ImportArgs) -> Result<Ended, Failure> {
    let mut case = Case::create(&args.file)?;
    let mut failed = 0_usize;
    for file in &args.files {
        failed += usize::from(!import_file(&mut case, file, args.asset.as_deref())?);
    }
    graph::derive(&mut case)?;
    if failed == 0 {
        return Ok(Ended::Complete);
    }
    let all = args.files.len();
    Err(Failure {
        ended: if failed == all {
            Ended::Usage
        } else {
            Ended::Incomplete
        },
        message: format!("{failed} of {all} files were not imported, see above"),
    })
}

/// Imports one file and says what became of it; `false` if nothing could be taken from it.
pub(super) fn import_file(
    case: &mut Case,
    file: &Path,
    asset: Option<&str>,
) -> Result<bool, Failure> {
    let mut out = io::stdout().lock();
    let name = visible(&file.to_string_lossy());
    match estate::import(case, file, asset) {
        Ok(done) if done.unchanged => writeln!(out, "{name}: imported before, unchanged")?,
        Ok(done) => {
            for problem in &done.problems {
                writeln!(io::stderr(), "keydredge: {}", visible(problem))?;
            }
            writeln!(out, "{name}: {} rows, {} skipped", done.rows, done.skipped)?;
        }
        Err(estate::EstateError::Case(error)) => return Err(error.into()),
        Err(error) => {
            writeln!(io::stderr(), "keydredge: {}", visible(&error.to_string()))?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes an answer where it was asked for.
fn answer(args: &CaseArgs, grid: &Grid) -> Result<Ended, Failure> {
    let output = Output::open(&args.output)?;
    let mut writer = io::BufWriter::new(output.writer()?);
    let width = look::of(&output).width;
    shown::write(grid, shape(args.format), width, &mut writer)?;
    writer.flush()?;
    drop(writer);
    output.commit()?;
    Ok(Ended::Complete)
}

pub(super) fn shape(format: GridFormat) -> Shape {
    match format {
        GridFormat::Table => Shape::Table,
        GridFormat::Json => Shape::Json,
        GridFormat::Csv => Shape::Csv,
    }
}

fn list(args: &InventoryArgs) -> Result<Ended, Failure> {
    let case = graph::open(&args.case.file)?;
    let grid = match &args.asset {
        Some(asset) => inventory::secrets(case.connection(), asset, args.case.limit)?,
        None => inventory::assets(case.connection(), args.case.limit)?,
    };
    answer(&args.case, &grid)
}

fn recommend(args: &RecommendationArgs) -> Result<Ended, Failure> {
    let mut case = graph::open(&args.case.file)?;
    for set in &args.set {
        let parsed = set
            .split_once('=')
            .and_then(|(number, status)| Some((number.parse().ok()?, Decision::parse(status)?)));
        let (number, decision) = parsed.ok_or_else(|| {
            Failure::usage(format!(
                "`{set}` is no decision: write NUMBER=open, NUMBER=accepted, \
                 NUMBER=accepted:2027-01-31 or NUMBER=false-positive"
            ))
        })?;
        case.decide(number, &decision)?;
    }
    if !args.set.is_empty() || case.reopen()? > 0 {
        graph::derive(&mut case)?;
    }
    let grid = if args.findings {
        recommendation::findings(case.connection(), args.case.limit)?
    } else {
        recommendation::roll_up(case.connection())?
    };
    answer(&args.case, &grid)
}

fn ask(args: &ExploreArgs) -> Result<Ended, Failure> {
    let (question, limit) = (&args.question, args.case.limit);
    let case = graph::open(&args.case.file)?;
    if let Some(sql) = &question.sql {
        drop(case);
        let bounds = raw::Bounds {
            deadline: Duration::from_secs(args.deadline),
            rows: limit,
        };
        let grid = raw::run(&args.case.file, sql, &[], bounds)?;
        return answer(&args.case, &grid);
    }
    let text = if let Some(name) = &question.template {
        let unknown = || {
            Failure::usage(format!(
                "no template is called `{name}`; `keydredge case explore --case FILE` lists them"
            ))
        };
        explore::template(name).ok_or_else(unknown)?.to_owned()
    } else if let Some(file) = &question.saved {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        let lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        lines.collect::<Vec<_>>().join(" ")
    } else if let Some(query) = &question.query {
        query.clone()
    } else {
        let mut grid = Grid::of(&["template", "query"]);
        for (name, query) in explore::TEMPLATES {
            grid.rows.push(vec![(*name).into(), (*query).into()]);
        }
        return answer(&args.case, &grid);
    };
    if args.share {
        let mut grid = Grid::of(&["link"]);
        grid.rows.push(vec![explore::link(&text)?.into()]);
        return answer(&args.case, &grid);
    }
    answer(&args.case, &explore::run(case.connection(), &text, limit)?)
}

fn paths(args: &PathArgs) -> Result<Ended, Failure> {
    let case = graph::open(&args.case.file)?;
    let ask = path::Ask {
        confidence: args.confidence,
        limit: args.case.limit,
        ..path::Ask::default()
    };
    let connection = case.connection();
    let grid = match args.show {
        ShowArg::Scenarios => path::named(connection, &ask)?,
        ShowArg::Extras => path::extras(connection, &ask)?,
        ShowArg::ChokePoints => path::choke_points(connection, &ask)?,
        ShowArg::NoTarget => path::without_target(connection, &ask)?,
    };
    answer(&args.case, &grid)
}

/// Puts a scan that was written as JSON Lines into a case.
pub(super) fn take_scan(case: &Path, lines: &Path, asset: Option<&str>) -> Result<(), Failure> {
    let mut case = Case::create(case)?;
    estate::import(&mut case, lines, asset).map_err(|error| Failure::usage(error.to_string()))?;
    graph::derive(&mut case)?;
    Ok(())
}
