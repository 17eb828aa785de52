//! `keydredge scan`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use serde::Serialize;
use tempfile::{NamedTempFile, TempDir};

use super::args::{
    DEFAULT_DEPTH, EngineArgs, FormatArg, ProfileArg, ProgressArg, ScanArgs, TreatmentArg,
};
use super::exit::{Ended, Failure};
use super::output::Output;
use super::progress::Display;
use super::report::{title, write_report};
use super::{case, look, types};
use crate::anchor::AnchorSet;
use crate::anchor::table::Table;
use crate::case::Case;
use crate::confirm::Confirmer;
use crate::finding::Finding;
use crate::finding::deployment::Deployment;
use crate::finding::fingerprint::Key;
use crate::finding::summary::Summary;
use crate::report::html::Bounds;
use crate::report::{self, Format, Setting};
use crate::rule::load::{AUTHORIZED_KEY, AUTHORIZED_KEYS, CATALOGUE, load};
use crate::rule::{RuleSet, Severity};
use crate::scan::choice::Engines;
use crate::scan::input::Input;
use crate::scan::{self, Deployments, Plan, Progress};

/// Chunk of the CPU engine: small enough that the bytes are still in the second-level cache when
/// they are confirmed.
pub(super) const CPU_CHUNK: u64 = 1 << 20;
/// Chunk of a GPU: large enough that a submission's fixed cost does not show.
pub(super) const GPU_CHUNK: u64 = 32 << 20;

pub(super) fn run(args: &ScanArgs) -> Result<Ended, Failure> {
    let into_case = args.case.is_some() || args.html.is_some();
    let rules = select(load_rules_for(into_case, &args.rules)?, args)?;
    let inputs = args
        .inputs
        .iter()
        .map(|path| Input::open(path, args.treatment.into()))
        .collect::<Result<Vec<_>, _>>()?;
    let key = match &args.key {
        Some(path) => Key::load_or_create(path),
        None => Key::default_path().and_then(|path| Key::load_or_create(&path)),
    };
    let key = key.map_err(|error| Failure::usage(error.to_string()))?;
    let output = Output::open(&args.output)?;
    let to_terminal = !output.is_file() && io::stdout().is_terminal();
    let format = match args.format {
        FormatArg::Table => Format::Table,
        FormatArg::Jsonl => Format::Jsonl,
        FormatArg::Csv => Format::Csv,
        FormatArg::Sarif => Format::Sarif,
        FormatArg::Ocsf => Format::Ocsf,
        FormatArg::Dfxml => Format::Dfxml,
        #[cfg(feature = "parquet")]
        FormatArg::Parquet => Format::Parquet,
        FormatArg::Auto if to_terminal => Format::Table,
        FormatArg::Auto => Format::Jsonl,
    };
    let page = args.html.as_deref().map(Page::open).transpose()?;
    let own = || page.as_ref().map(|page| page.case.clone());
    let case = args.case.clone().or_else(own);
    let names: Vec<String> = inputs.iter().map(Input::name).collect();
    let setting = Setting {
        rules: &rules,
        inputs: &names,
        look: look::of(&output),
    };
    let mut writer = report::on(format, &setting, output.writer()?);
    let job = Job {
        inputs,
        rules,
        key,
        range: args.range.clone().unwrap_or(0..u64::MAX),
        reveal: args.reveal,
        include_suppressed: args.include_suppressed,
        max_depth: args.max_depth,
        deployments: match (args.treatment, into_case) {
            (TreatmentArg::Deployment, true) => Deployments::All,
            (TreatmentArg::Deployment, false) => Deployments::Found,
            _ => Deployments::No,
        },
        progress: args.progress,
    };
    let threshold: Option<Severity> = args.fail_on.map(Into::into);
    let mut reached = false;
    let mut for_case = case.as_deref().map(Aside::open).transpose()?;
    let mut lines = 0;
    let mut outcome = job.run(&args.engine, to_terminal, &mut |finding| {
        if let Some(aside) = &mut for_case {
            aside.finding(finding)?;
        }
        if finding.secret_type == AUTHORIZED_KEY {
            lines += 1;
            return Ok(());
        }
        reached |= finding.suppressed.is_none()
            && threshold.is_some_and(|threshold| finding.severity >= threshold);
        writer.finding(finding)
    })?;
    outcome.summary.findings = outcome.summary.findings.saturating_sub(lines);
    writer.finish(&outcome.summary)?;
    if let Some(aside) = for_case {
        aside.finish(
            &outcome.deployments,
            &outcome.summary,
            args.asset.as_deref(),
        )?;
    }
    drop(writer);
    output.commit()?;
    if let Some((page, case)) = page.zip(case) {
        page.write(&case, &names)?;
    }
    if let Some(error) = outcome.engine_error {
        return Err(error.into());
    }
    Ok(ending(&outcome.summary, reached))
}

/// The report of a scan: that of the case it goes into, or else of one that is thrown away.
struct Page {
    output: Output,
    folder: TempDir,
    case: PathBuf,
}

impl Page {
    fn open(path: &Path) -> Result<Self, Failure> {
        // A folder, because SQLite keeps files beside its own; only its owner can enter it.
        let folder = TempDir::new()?;
        Ok(Self {
            output: Output::open(path)?,
            case: folder.path().join("scan.db"),
            folder,
        })
    }

    fn write(self, case: &Path, inputs: &[String]) -> Result<(), Failure> {
        let title = match inputs {
            _ if case != self.case => title(case),
            [one] => title(Path::new(one)),
            several => format!("{} inputs", several.len()),
        };
        write_report(case, &title, Bounds::default(), self.output)?;
        self.folder.close()?;
        Ok(())
    }
}

/// The records of a scan on their way into a case, which takes all of them or none.
pub(super) struct Aside {
    case: PathBuf,
    file: NamedTempFile,
}

impl Aside {
    pub(super) fn open(case: &Path) -> Result<Self, Failure> {
        // A case that cannot be used is better known before the scan than after it.
        drop(Case::create(case)?);
        Ok(Self {
            case: case.to_owned(),
            file: NamedTempFile::new()?,
        })
    }

    fn line(&mut self, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    /// Never with the plaintext, whatever the output shows.
    pub(super) fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let mut finding = finding.clone();
        finding.secret.value = None;
        self.line(&finding)
    }

    pub(super) fn finish(
        mut self,
        deployments: &[Deployment],
        summary: &Summary,
        asset: Option<&str>,
    ) -> Result<(), Failure> {
        for deployment in deployments {
            self.line(deployment)?;
        }
        self.line(summary)?;
        case::take_scan(&self.case, self.file.path(), asset)
    }
}

/// The exit code of a finished scan. What was not searched outweighs what was found.
fn ending(summary: &Summary, reached: bool) -> Ended {
    if !summary.complete {
        Ended::Incomplete
    } else if !summary.changed.is_empty() {
        Ended::Changed
    } else if reached {
        Ended::Findings
    } else {
        Ended::Complete
    }
}

/// A scan that is ready but for its engine; the demo runs one too.
pub(super) struct Job {
    pub(super) inputs: Vec<Input>,
    pub(super) rules: RuleSet,
    pub(super) key: Key,
    pub(super) range: std::ops::Range<u64>,
    pub(super) reveal: bool,
    pub(super) include_suppressed: bool,
    pub(super) max_depth: u8,
    pub(super) deployments: Deployments,
    pub(super) progress: ProgressArg,
}

impl Job {
    /// The scan of disks that were made to be shown.
    pub(super) fn of_demo(inputs: Vec<Input>, rules: RuleSet) -> Self {
        Self {
            inputs,
            rules,
            // Its fingerprints compare with nothing, so no key file is made for them.
            key: Key::from_bytes([0; 32]),
            range: 0..u64::MAX,
            reveal: false,
            include_suppressed: false,
            max_depth: DEFAULT_DEPTH,
            deployments: Deployments::No,
            progress: ProgressArg::None,
        }
    }

    /// Runs it. `beside_bar`: findings go to the terminal that shows the bar.
    pub(super) fn run(
        self,
        engine: &EngineArgs,
        beside_bar: bool,
        take: &mut dyn FnMut(&Finding) -> io::Result<()>,
    ) -> Result<scan::Outcome, Failure> {
        let rules = Arc::new(self.rules);
        let anchors = AnchorSet::of_rules(&rules);
        let anchors = Arc::new(match self.max_depth {
            0 => anchors,
            _ => anchors.with_magics(),
        });
        let table = Arc::new(Table::compile(&anchors));
        let confirmer = Confirmer::new(rules, Arc::clone(&anchors));
        let confirmer = confirmer.map_err(|error| Failure::usage(error.to_string()))?;
        let gpu_chunk = engine.chunk.unwrap_or(GPU_CHUNK);
        let wish = engine.engine.into();
        let engines = Engines::choose(wish, &engine.adapter, &table, gpu_chunk)?;
        let chunk = if engines.name() == "gpu" {
            gpu_chunk
        } else {
            CPU_CHUNK
        };
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let progress = Arc::new(Progress::default());
        let plan = Plan {
            inputs: self.inputs,
            confirmer,
            table,
            anchors: anchors.anchors().len(),
            threads: engine.threads.map_or_else(cores, usize::from),
            chunk: engine.chunk.unwrap_or(chunk),
            range: self.range,
            key: self.key,
            reveal: self.reveal,
            include_suppressed: self.include_suppressed,
            max_depth: usize::from(self.max_depth),
            deployments: self.deployments,
        };
        stop_on_interrupt(&progress);
        let display = Display::start(self.progress, &progress);
        let bar = display.bar().filter(|_| beside_bar);
        let mut report = |finding: Finding| match &bar {
            Some(bar) => bar.suspend(|| take(&finding)),
            None => take(&finding),
        };
        Ok(scan::run(&plan, engines, &progress, &mut report)?)
    }
}

/// The first interrupt ends the scan in order, with its summary; the second ends the process.
fn stop_on_interrupt(progress: &Arc<Progress>) {
    let progress = Arc::clone(progress);
    let handler = move || {
        if progress.stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        let _unwritable = writeln!(
            io::stderr(),
            "keydredge: interrupted; writing what was found (interrupt again to quit at once)"
        );
    };
    // A second handler in one process is refused, which only a second scan would notice.
    let _already_set = ctrlc::set_handler(handler);
}

/// The catalogue with the user's own rule files after it.
pub(super) fn load_rules(own: &[PathBuf]) -> Result<RuleSet, Failure> {
    load_rules_for(false, own)
}

/// The same, with what a case wants to know besides if the scan is for one.
pub(super) fn load_rules_for(case: bool, own: &[PathBuf]) -> Result<RuleSet, Failure> {
    let mut texts = Vec::new();
    for path in own {
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        texts.push((path.to_string_lossy().into_owned(), text));
    }
    let own = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let extra = case.then_some(AUTHORIZED_KEYS);
    load(CATALOGUE.iter().copied().chain(extra).chain(own))
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The rules that were asked for: by name, or else by profile.
fn select(rules: RuleSet, args: &ScanArgs) -> Result<RuleSet, Failure> {
    if args.types.is_empty() {
        let default = match args.treatment {
            TreatmentArg::Deployment => ProfileArg::Deployment,
            _ => ProfileArg::default(),
        };
        return Ok(rules.profile(args.profile.unwrap_or(default).into()));
    }
    for id in &args.types {
        types::find(&rules, id)?;
    }
    Ok(rules.select(|secret_type| args.types.contains(&secret_type.id)))
}
