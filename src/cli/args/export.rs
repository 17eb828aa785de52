//! The arguments of what is written for other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args)]
pub(in crate::cli) struct ExportArgs {
    /// The case
    #[arg(long = "case", value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    pub(in crate::cli) format: ExportFormat,
    /// Write to this file (readable by its owner only, complete or not at all)
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(in crate::cli) output: PathBuf,
}

#[derive(Subcommand)]
pub(in crate::cli) enum GenerateCommand {
    /// Completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Manual pages: one per command, into a folder
    Man {
        /// Where they are written
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

choices!(ExportFormat {
    /// For programs: one JSON object per line, the last one is the summary
    #[default]
    Jsonl,
    /// For spreadsheets
    Csv,
    /// For code-scanning dashboards: SARIF 2.1.0
    Sarif,
    /// For SIEMs: OCSF 1.8.0, attack paths and findings, one event per line
    Ocsf,
    /// For examiners' tools: Digital Forensics XML
    Dfxml,
    /// For data lakes
    #[cfg(feature = "parquet")]
    Parquet,
    /// For BloodHound: the graph as an OpenGraph payload
    Bloodhound,
    /// For BloodHound: the extension that must be uploaded before the first payload
    BloodhoundExtension,
});
