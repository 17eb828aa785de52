//! The estate: inventories as the clouds' own tools write them, read into records.
//!
//! Every file is somebody else's: unknown fields are ignored, a row that cannot be read is named by
//! file and line and left out, and the rest of the file still counts. A reader never decides what
//! an inventory means for an attacker; it only translates.

mod aws;
mod azure;
mod gcp;
mod json;
mod plain;
mod rows;
mod ssh;
mod terraform;
mod vulnerability;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::case::findings::{Deployed, Scan};
use crate::case::record::Record;
use crate::case::{Case, CaseError, Import};
use crate::finding::Finding;
use crate::finding::deployment::Deployment;
use crate::finding::summary::Summary;
use rows::{Layout, Row};

/// Most skipped rows that are named; more are counted.
const NAMED: usize = 20;
/// Longest line of records; a longer one is cut, and so skipped.
const LONGEST_LINE: u64 = 64 << 20;

/// Why a file was not imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EstateError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No row of it is of a known form.
    #[error(
        "{0}: not an inventory this program knows (expected JSON Lines of findings, Azure Resource \
         Graph, AWS CLI, `gcloud asset export`, Terraform state, Trivy, Defender, or a CSV list \
         with the column `uid` or `image`)"
    )]
    Unknown(PathBuf),
    /// The case cannot be written.
    #[error(transparent)]
    Case(#[from] CaseError),
}

/// What became of a file.
#[derive(Debug, Default)]
pub struct Imported {
    /// Whether exactly this was imported before.
    pub unchanged: bool,
    /// Rows read.
    pub rows: i64,
    /// Rows that could not be used.
    pub skipped: i64,
    /// The first of those, by file and line.
    pub problems: Vec<String>,
}

/// Where readers put what they read.
type Records = Vec<Record>;

/// What an inventory says of a thing, unless it leaves one of the two empty.
fn fact(records: &mut Records, subject: &str, kind: &'static str, object: &str) {
    if !subject.is_empty() && !object.is_empty() {
        records.push(Record::Fact {
            subject: subject.to_owned(),
            kind,
            object: object.to_owned(),
        });
    }
}

/// A finding's place in a deployment, wherever the record says so.
#[derive(Deserialize)]
struct Outer {
    deployment: Option<String>,
    resource: Option<String>,
    occurrence: Inner,
}

#[derive(Deserialize)]
struct Inner {
    deployment: Option<String>,
    deployment_kind: Option<String>,
    resource: Option<String>,
}

/// Imports one file, in one transaction. `asset` is what findings in it, or vulnerabilities that
/// name no machine, are of.
///
/// # Errors
/// When the file cannot be read, nothing in it is known, or the case cannot be written.
pub fn import(case: &mut Case, path: &Path, asset: Option<&str>) -> Result<Imported, EstateError> {
    let failed = |source| EstateError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&file).map_err(failed)?;
    hasher.update(asset.unwrap_or_default().as_bytes());
    let hash = hasher.finalize().to_hex();
    let Some(import) = case.begin(path, &hash, "file")? else {
        return Ok(Imported {
            unchanged: true,
            ..Imported::default()
        });
    };
    let mut reader = Reader {
        import,
        path,
        asset,
        scan: None,
        problems: Vec::new(),
        known: 0,
    };
    file.rewind().map_err(failed)?;
    let mut input = BufReader::with_capacity(1 << 20, file);
    if rows::are_records(input.fill_buf().map_err(failed)?) {
        // Findings of a large fleet are larger than memory; their lines stand alone.
        reader.records(&mut input).map_err(|error| match error {
            Streamed::Io(source) => failed(source),
            Streamed::Estate(error) => error,
        })?;
    } else {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes).map_err(failed)?;
        match rows::layout(&bytes) {
            Layout::Csv => reader.csv(&bytes)?,
            Layout::Whole(value) => reader.whole(&value)?,
            Layout::Rows(all) => {
                for row in all {
                    reader.row(&row)?;
                }
            }
        }
    }
    let Reader {
        import,
        problems,
        known,
        ..
    } = reader;
    if known == 0 {
        return Err(EstateError::Unknown(path.to_owned()));
    }
    let (rows, skipped) = import.commit()?;
    Ok(Imported {
        unchanged: false,
        rows,
        skipped,
        problems,
    })
}

struct Reader<'c, 'p> {
    import: Import<'c>,
    path: &'p Path,
    asset: Option<&'p str>,
    scan: Option<Scan>,
    problems: Vec<String>,
    /// Rows of a known form.
    known: u64,
}

/// Why reading line by line ended.
enum Streamed {
    Io(io::Error),
    Estate(EstateError),
}

impl Reader<'_, '_> {
    fn records(&mut self, input: &mut impl BufRead) -> Result<(), Streamed> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut bounded = input.by_ref().take(LONGEST_LINE);
            if bounded.read_until(b'\n', &mut line).map_err(Streamed::Io)? == 0 {
                break;
            }
            let bytes = line.trim_ascii();
            if !bytes.is_empty() {
                let row = Row {
                    list: String::new(),
                    line: number,
                    bytes,
                };
                self.row(&row).map_err(Streamed::Estate)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Row<'_>) -> Result<(), EstateError> {
        let records = [Finding::SCHEMA, Summary::SCHEMA, Deployment::SCHEMA];
        if records.iter().any(|schema| contains(row.bytes, schema)) {
            return self.finding(row);
        }
        match serde_json::from_slice::<Value>(row.bytes) {
            Ok(value) => {
                let mut records = Records::new();
                let read = read(&row.list, &value, self.asset, &mut records);
                self.take(row.line, read, records)
            }
            Err(error) => self.skip(row.line, &format!("not JSON: {error}")),
        }
    }

    fn finding(&mut self, row: &Row<'_>) -> Result<(), EstateError> {
        if self.scan.is_none() {
            self.scan = Some(self.import.scan(self.asset)?);
        }
        let Some(scan) = &self.scan else {
            return Ok(());
        };
        if let Ok(summary) = serde_json::from_slice::<Summary>(row.bytes) {
            self.import.summary(scan, &summary)?;
        } else if let Ok(deployment) = serde_json::from_slice::<Deployment>(row.bytes) {
            self.import.scanned(scan, &deployment)?;
        } else {
            let finding: Finding = match serde_json::from_slice(row.bytes) {
                Ok(finding) => finding,
                Err(error) => return self.skip(row.line, &format!("not a finding: {error}")),
            };
            let outer: Option<Outer> = serde_json::from_slice(row.bytes).ok();
            let outer = outer.as_ref();
            let deployed = Deployed {
                deployment: outer.and_then(|outer| {
                    let inner = outer.occurrence.deployment.as_deref();
                    outer.deployment.as_deref().or(inner)
                }),
                kind: outer.and_then(|outer| outer.occurrence.deployment_kind.as_deref()),
                resource: outer.and_then(|outer| {
                    let inner = outer.occurrence.resource.as_deref();
                    outer.resource.as_deref().or(inner)
                }),
            };
            self.import.finding(scan, &finding, deployed)?;
        }
        self.known = self.known.saturating_add(1);
        self.import.count(false);
        Ok(())
    }

    fn whole(&mut self, value: &Value) -> Result<(), EstateError> {
        let mut records = Records::new();
        let read = if value.get("terraform_version").is_some() {
            terraform::state(value, &mut records)
        } else {
            vulnerability::trivy(value, self.asset, &mut records)
        };
        self.take(1, read, records)
    }

    fn csv(&mut self, bytes: &[u8]) -> Result<(), EstateError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = plain::lines(&text);
        let Some((_, heading)) = lines.next() else {
            return Ok(());
        };
        for (line, cells) in lines {
            let mut records = Records::new();
            let read = plain::row(&heading, &cells, &mut records);
            self.take(line, read, records)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        line: usize,
        read: Result<(), String>,
        records: Records,
    ) -> Result<(), EstateError> {
        match read {
            Ok(()) => {
                self.known = self.known.saturating_add(1);
                self.import.count(false);
                for record in records {
                    self.import.put(record)?;
                }
                Ok(())
            }
            Err(why) => self.skip(line, &why),
        }
    }

    fn skip(&mut self, line: usize, why: &str) -> Result<(), EstateError> {
        self.import.count(true);
        if self.problems.len() < NAMED {
            self.problems.push(format!(
                "{}:{line}: {why}; row skipped",
                self.path.display()
            ));
        }
        Ok(())
    }
}

/// One element of an inventory, known by the list it stands in or by its own fields.
fn read(
    list: &str,
    value: &Value,
    asset: Option<&str>,
    records: &mut Records,
) -> Result<(), String> {
    if value.get("assetType").is_some() {
        return gcp::resource(value, records);
    }
    if value.get("schema").and_then(Value::as_str) == Some(ssh::SCHEMA) {
        return ssh::authorized(value, asset, records);
    }
    let kind = json::text(value, "type").to_ascii_lowercase();
    if kind.starts_with("microsoft.security/") {
        return vulnerability::defender(value, records);
    }
    if kind.starts_with("microsoft.") {
        return azure::resource(&kind, value, records);
    }
    if value.get("packageVulnerabilityDetails").is_some() {
        return vulnerability::inspector(value, records);
    }
    aws::element(list, value, records)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
