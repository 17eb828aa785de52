//! The arguments, exactly as `--help` shows them.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::report::html::Bounds;
use crate::rule::{Profile, Severity};
use crate::scan::choice::Wish;
use crate::scan::input::Treatment;

/// How many compressed streams inside each other are opened: a log in a tar.gz in a zip of a
/// backup, and one more.
pub(super) const DEFAULT_DEPTH: u8 = 4;

/// Finds secrets in disk images, at the speed of the disk, and says what they open.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Search images, devices, files, directories or standard input
    Scan(ScanArgs),
    /// Make the demo disk and scan it
    Demo(DemoArgs),
    /// Describe an image: container, partitions, file systems, what can be read
    Info(InfoArgs),
    /// List the secret types that are looked for
    Types(TypesArgs),
    /// Work with rule files
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// List the GPUs, and say which one is used and why
    Devices,
    /// Measure the engines side by side on this machine, or what each rule costs
    Bench(BenchArgs),
    /// Put findings and inventories together, and ask what they open
    Case {
        #[command(subcommand)]
        command: CaseCommand,
    },
    /// Make shell completions and manual pages, for packages
    #[command(hide = true)]
    Generate {
        #[command(subcommand)]
        command: GenerateCommand,
    },
}

#[derive(Args)]
pub(super) struct ScanArgs {
    /// Disk images, block devices, files or directories; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub(super) inputs: Vec<PathBuf>,
    /// Treat inputs as disks (offsets), as files (path, line, column) or as files with cloud
    /// deployments (deployment, resource, JSON pointer); the last is never chosen by itself
    #[arg(long = "as", value_name = "KIND", value_enum, default_value_t)]
    pub(super) treatment: TreatmentArg,
    /// Which secret types to look for: the columns of `keydredge types`; vm if not given, with
    /// `--as deployment` deployment
    #[arg(long, value_enum)]
    pub(super) profile: Option<ProfileArg>,
    /// Look for these types only
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub(super) types: Vec<String>,
    /// Add the rules of this file to the built-in ones; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// Search only these bytes of each input: A..B, A.. or ..B; 0x, K, M, G, T are understood
    #[arg(long, value_name = "A..B", value_parser = parse_range)]
    pub(super) range: Option<Range<u64>>,
    /// How to write findings: without it, a table for a terminal and JSON Lines for a pipe or file
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: FormatArg,
    /// Write to this file (readable by its owner only, complete or not at all); `-` is standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(super) output: PathBuf,
    /// Put the plaintext of each secret into the output
    #[arg(long)]
    pub(super) reveal: bool,
    /// Also report published examples, placeholders and well-known keys, marked as such
    #[arg(long)]
    pub(super) include_suppressed: bool,
    /// Open compressed streams (gzip, zip, zstd, xz, bzip2, lz4) up to so many inside each other;
    /// 0 leaves them closed
    #[arg(long, value_name = "N", default_value_t = DEFAULT_DEPTH,
          value_parser = clap::value_parser!(u8).range(0..=16))]
    pub(super) max_depth: u8,
    /// Key of the fingerprints; made on first use
    #[arg(long, value_name = "FILE", env = "KEYDREDGE_KEY")]
    pub(super) key: Option<PathBuf>,
    /// Also put the findings into this case; it is made if there is none
    #[arg(long, value_name = "FILE")]
    pub(super) case: Option<PathBuf>,
    /// Which asset of the case the inputs are of: the cloud's id of the machine. Deployments
    /// bring their own
    #[arg(long, value_name = "UID", requires = "case")]
    pub(super) asset: Option<String>,
    /// Also write a report that opens in a browser; with --case that of the whole case
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// How to show progress on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(super) progress: ProgressArg,
    /// Exit with 1 if a finding is at least this severe
    #[arg(long, value_name = "SEVERITY", value_enum)]
    pub(super) fail_on: Option<SeverityArg>,
}

#[derive(Args)]
pub(super) struct EngineArgs {
    /// What searches
    #[arg(long, value_enum, default_value_t)]
    pub(super) engine: EngineArg,
    /// Use this GPU: its index in `keydredge devices`, or part of its name; several may be given
    #[arg(long, value_name = "NAME|INDEX")]
    pub(super) adapter: Vec<String>,
    /// Worker threads; all cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// Bytes searched in one piece: results do not depend on it
    #[arg(long, value_name = "BYTES", value_parser = parse_chunk)]
    pub(super) chunk: Option<u64>,
}

#[derive(Args)]
pub(super) struct DemoArgs {
    /// Where the disk and its truth table are written
    #[arg(long, value_name = "DIR", default_value = "datasets/demo")]
    pub(super) dir: PathBuf,
    /// Make a fleet in three clouds instead, scan it, and show its attack paths
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    pub(super) fleet: Option<PathBuf>,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
}

#[derive(Args)]
pub(super) struct InfoArgs {
    /// Disk image in any container, or block device
    #[arg(value_name = "IMAGE")]
    pub(super) image: PathBuf,
}

#[derive(Args)]
pub(super) struct TypesArgs {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: TypesFormat,
    /// Explain one type: how it is recognised, how sure that is, and what to do
    #[arg(long, value_name = "ID", conflicts_with = "format")]
    pub(super) explain: Option<String>,
    /// Add the rules of this file to the built-in ones; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum RulesCommand {
    /// Prove rule files: examples are found, counter-examples are not, every match has an anchor
    Check {
        /// Rule files; the built-in catalogue if none is given
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print a rule file that explains itself, to begin one's own with
    Example,
}

#[derive(Args)]
pub(super) struct BenchArgs {
    /// Image to search; generated data if not given
    #[arg(value_name = "IMAGE")]
    pub(super) image: Option<PathBuf>,
    /// Bytes to search at most
    #[arg(long, value_name = "BYTES", value_parser = parse_size, default_value = "256M")]
    pub(super) bytes: u64,
    /// Measure the rules instead: which of them the time of the confirm stage goes to
    #[arg(long)]
    pub(super) rules: bool,
    /// Use this GPU: its index in `keydredge devices`, or part of its name
    #[arg(long, value_name = "NAME|INDEX", conflicts_with = "rules")]
    pub(super) adapter: Option<String>,
    /// How to write the measurements
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: GridFormat,
}

#[derive(Subcommand)]
pub(super) enum CaseCommand {
    /// Read findings and inventories into the case
    Import(ImportArgs),
    /// List the assets, or the secrets on one of them
    Inventory(InventoryArgs),
    /// What should be done, with the findings under each recommendation
    Recommendations(RecommendationArgs),
    /// Ask the graph: a template, a query, or read-only SQL
    Explore(ExploreArgs),
    /// The attack paths
    Paths(PathArgs),
    /// Write the findings, or the graph, in a format that other tools read
    Export(ExportArgs),
    /// Write the case as one HTML file that opens anywhere, without network or script
    Report(ReportArgs),
    /// Show the case in a browser on this machine: the same page, for cases of any size
    Serve(ServeArgs),
}

#[derive(Args)]
pub(super) struct CaseArgs {
    /// The case
    #[arg(long = "case", value_name = "FILE")]
    pub(super) file: PathBuf,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: GridFormat,
    /// Most rows
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(super) limit: usize,
    /// Write to this file (readable by its owner only, complete or not at all)
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(super) output: PathBuf,
}

#[derive(Args)]
pub(super) struct ImportArgs {
    /// The case; it is made if there is none
    #[arg(long = "case", value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Which asset findings and vulnerabilities are of that name none
    #[arg(long, value_name = "UID")]
    pub(super) asset: Option<String>,
    /// Findings as JSON Lines, inventories, vulnerabilities, assets.csv, images.csv
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Args)]
pub(super) struct InventoryArgs {
    #[command(flatten)]
    pub(super) case: CaseArgs,
    /// Show the secrets on this asset
    #[arg(long, value_name = "UID")]
    pub(super) asset: Option<String>,
}

#[derive(Args)]
pub(super) struct RecommendationArgs {
    #[command(flatten)]
    pub(super) case: CaseArgs,
    /// List the findings with their steps instead of the roll-ups
    #[arg(long)]
    pub(super) findings: bool,
    /// Decide on a finding: NUMBER=open, =accepted, =accepted:2027-01-31 or =false-positive
    #[arg(long, value_name = "NUMBER=STATUS")]
    pub(super) set: Vec<String>,
}

#[derive(Args)]
pub(super) struct ExploreArgs {
    #[command(flatten)]
    pub(super) case: CaseArgs,
    #[command(flatten)]
    pub(super) question: Question,
    /// Do not answer, but print the query as a link that --query takes
    #[arg(long, conflicts_with = "sql")]
    pub(super) share: bool,
    /// Seconds that SQL may run
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) deadline: u64,
}

#[derive(Args)]
#[group(multiple = false)]
pub(super) struct Question {
    /// find vm[exposed, vuln>=high] -has-> secret[type=ssh-private-key] -opens{1..3}-> vm, or a
    /// link to one, kdq1:...
    #[arg(long, value_name = "TEXT")]
    pub(super) query: Option<String>,
    /// A template by its name; without a question all are listed
    #[arg(long, value_name = "NAME")]
    pub(super) template: Option<String>,
    /// A query saved in a file; lines that begin with # are remarks
    #[arg(long, value_name = "FILE")]
    pub(super) saved: Option<PathBuf>,
    /// One read-only statement
    #[arg(long, value_name = "SELECT")]
    pub(super) sql: Option<String>,
}

#[derive(Args)]
pub(super) struct PathArgs {
    #[command(flatten)]
    pub(super) case: CaseArgs,
    /// What to list
    #[arg(long, value_enum, default_value_t)]
    pub(super) show: ShowArg,
    /// Lowest confidence of what a secret opens, 0 to 100
    #[arg(long, value_name = "N", default_value_t = crate::graph::THRESHOLD,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) confidence: u8,
}

#[derive(Args)]
pub(super) struct ReportArgs {
    /// The case
    #[arg(long = "case", value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The file to write (readable by its owner only, complete or not at all)
    #[arg(long, value_name = "FILE")]
    pub(super) html: PathBuf,
    /// Most attack paths that are drawn, of each kind
    #[arg(long, value_name = "N", default_value_t = Bounds::default().paths)]
    pub(super) paths: usize,
    /// Most findings that go into the file, the most urgent first
    #[arg(long, value_name = "N", default_value_t = Bounds::default().findings)]
    pub(super) findings: usize,
}

#[derive(Args)]
pub(super) struct ServeArgs {
    /// The case; it is only read
    #[arg(long = "case", value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Port on 127.0.0.1; a free one if not given
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
}

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
        pub(in crate::cli) enum $name {
            $($(#[$item_doc])* $item),+
        }
    };
}

// After the macro, which it uses.
mod export;

pub(super) use export::{ExportArgs, ExportFormat, GenerateCommand};

choices!(TreatmentArg {
    /// As disks if they are recognised as such, else as files
    #[default]
    Auto,
    /// As disks
    Image,
    /// As files
    Tree,
    /// As files with cloud deployments, templates and manifests: JSON, YAML, JSON Lines, HCL
    Deployment,
});

choices!(ProfileArg {
    /// Types found on disks
    #[default]
    Vm,
    /// Types found in cloud deployments
    Deployment,
    /// Every type
    All,
});

choices!(EngineArg {
    /// A hardware GPU if there is one, else the CPU
    #[default]
    Auto,
    /// A GPU, a software one included
    Gpu,
    /// The CPU's vector units
    Cpu,
    /// The slow oracle the others are tested against
    Reference,
});

choices!(FormatArg {
    /// A table on a terminal, JSON Lines otherwise
    #[default]
    Auto,
    /// For people
    Table,
    /// For programs: one JSON object per line, the last one is the summary
    Jsonl,
    /// For spreadsheets
    Csv,
    /// For code-scanning dashboards: SARIF 2.1.0
    Sarif,
    /// For SIEMs: OCSF 1.8.0, one event per line
    Ocsf,
    /// For examiners' tools: Digital Forensics XML
    Dfxml,
    /// For data lakes
    #[cfg(feature = "parquet")]
    Parquet,
});

choices!(ProgressArg {
    /// A bar if standard error is a terminal
    #[default]
    Auto,
    /// A bar
    Bar,
    /// A JSON object per second
    Json,
    /// Nothing
    None,
});

choices!(TypesFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For documents
    Markdown,
});

choices!(GridFormat {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
});

choices!(ShowArg {
    /// The nine scenarios
    #[default]
    Scenarios,
    /// Paths over clouds and several machines, deployments, unknown keys, one secret on many machines
    Extras,
    /// The secrets whose removal cuts the most paths
    ChokePoints,
    /// Secrets without an identified target resource
    NoTarget,
});

choices!(SeverityArg {
    #[default]
    Info,
    Low,
    Medium,
    High,
    Critical,
});

impl From<TreatmentArg> for Treatment {
    fn from(arg: TreatmentArg) -> Self {
        match arg {
            TreatmentArg::Auto => Self::Auto,
            TreatmentArg::Image => Self::Image,
            TreatmentArg::Tree => Self::Tree,
            TreatmentArg::Deployment => Self::Deployment,
        }
    }
}

impl From<ProfileArg> for Profile {
    fn from(arg: ProfileArg) -> Self {
        match arg {
            ProfileArg::Vm => Self::Vm,
            ProfileArg::Deployment => Self::Deployment,
            ProfileArg::All => Self::All,
        }
    }
}

impl From<EngineArg> for Wish {
    fn from(arg: EngineArg) -> Self {
        match arg {
            EngineArg::Auto => Self::Auto,
            EngineArg::Gpu => Self::Gpu,
            EngineArg::Cpu => Self::Cpu,
            EngineArg::Reference => Self::Reference,
        }
    }
}

impl From<SeverityArg> for Severity {
    fn from(arg: SeverityArg) -> Self {
        match arg {
            SeverityArg::Info => Self::Info,
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

/// `4096`, `0x1000`, `64K`, `1M`, `2G`, `1T`: powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let fault =
        || format!("`{text}` is not a number of bytes: write 4096, 0x1000, 64K, 1M, 2G or 1T");
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).map_err(|_| fault());
    }
    let (digits, shift) = match text.as_bytes().last().map(u8::to_ascii_uppercase) {
        Some(b'K') => (text.len() - 1, 10),
        Some(b'M') => (text.len() - 1, 20),
        Some(b'G') => (text.len() - 1, 30),
        Some(b'T') => (text.len() - 1, 40),
        _ => (text.len(), 0),
    };
    let number: u64 = text
        .get(..digits)
        .and_then(|d| d.parse().ok())
        .ok_or_else(fault)?;
    number.checked_mul(1 << shift).ok_or_else(fault)
}

fn parse_range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text
        .split_once("..")
        .ok_or_else(|| format!("`{text}` is not a range: write A..B, A.. or ..B"))?;
    let start = if start.is_empty() {
        0
    } else {
        parse_size(start)?
    };
    let end = if end.is_empty() {
        u64::MAX
    } else {
        parse_size(end)?
    };
    if start >= end {
        return Err(format!(
            "the range `{text}` is empty: its end must lie after its start"
        ));
    }
    Ok(start..end)
}

/// Below 4 KiB the margins would cost more than the bodies; a GPU addresses at most 1 GiB at once.
fn parse_chunk(text: &str) -> Result<u64, String> {
    let size = parse_size(text)?;
    if (4096..=1 << 30).contains(&size) {
        Ok(size)
    } else {
        Err(format!("a chunk of {size} bytes: expected 4K to 1G"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_and_ranges_are_read_and_nonsense_is_explained() {
        assert_eq!(parse_size("0x1000"), Ok(4096));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert_eq!(parse_range("1M..2M"), Ok(1 << 20..2 << 20));
        assert_eq!(parse_range("..4096"), Ok(0..4096));
        for bad in ["", "x", "16777216T", "-1", "1Mé"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert!(parse_range("5..5").unwrap_err().contains("empty"));
        assert!(parse_chunk("1K").is_err());
    }
}
