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
use std::io::{self, BufRead, BufReader, Seek};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::case::findings::{Deployed, Scan};
use crate::case::record::Record;
use crate::case::{Case, CaseError, Import};
use crate::finding::Finding;
use crate::finding::deployment::Deployment;
use crate::finding::summary::Summary;
use rows::{Elements, Layout};

/// Most skipped rows that are named; more are counted.
const NAMED: usize = 20;

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
    /// It cannot be read twice.
    #[error("{0}: not a file; an import is read twice, so write it to a file first")]
    Stream(PathBuf),
    /// No row of it is of a known form.
    #[error(
        "{0}: not an inventory this program knows (expected JSON Lines of findings, Azure Resource \
         Graph, AWS CLI, `gcloud asset export`, Terraform state, Trivy, Defender, or a CSV list \
         with the column `uid` or `image`){1}"
    )]
    Unknown(PathBuf, String),
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
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(EstateError::Stream(path.to_owned()));
    }
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
    let read = match rows::layout(input.fill_buf().map_err(failed)?) {
        Layout::Csv => reader.csv(&mut input),
        Layout::Lines => reader.lines(&mut input),
        Layout::Elements => reader.elements(&mut input),
    };
    read.map_err(|error| match error {
        Streamed::Io(source) => failed(source),
        Streamed::Estate(error) => error,
    })?;
    let Reader {
        import,
        problems,
        known,
        ..
    } = reader;
    if known == 0 {
        let first = problems.first().map(|why| format!("; {why}"));
        return Err(EstateError::Unknown(
            path.to_owned(),
            first.unwrap_or_default(),
        ));
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

impl From<EstateError> for Streamed {
    fn from(error: EstateError) -> Self {
        Self::Estate(error)
    }
}

impl From<io::Error> for Streamed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Reader<'_, '_> {
    fn lines(&mut self, input: &mut impl BufRead) -> Result<(), Streamed> {
        let mut line = Vec::new();
        for number in 1.. {
            let Some(whole) = rows::line(input, &mut line, rows::LONGEST)? else {
                break;
            };
            let bytes = line.trim_ascii();
            if !whole {
                self.skip(number, &too_long(rows::LONGEST))?;
            } else if !bytes.is_empty() {
                self.line(number, bytes)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, number: usize, bytes: &[u8]) -> Result<(), EstateError> {
        let records = [Finding::SCHEMA, Summary::SCHEMA, Deployment::SCHEMA];
        if records.iter().any(|schema| contains(bytes, schema)) {
            return self.finding(number, bytes);
        }
        let mut records = Records::new();
        let read = rows::value(bytes).and_then(|value| read("", &value, self.asset, &mut records));
        self.take(number, read, records)
    }

    fn elements(&mut self, input: &mut impl BufRead) -> Result<(), Streamed> {
        let mut elements = Elements::new(input);
        while let Some(row) = elements.next()? {
            let mut records = Records::new();
            let value = if row.whole {
                rows::value(row.bytes)
            } else {
                Err(too_long(rows::LONGEST))
            };
            let read = value.and_then(|value| {
                let document = row.document;
                if document.is_state {
                    terraform::element(row.list, document.version, &value, &mut records)
                } else if let Some(artifact) = document.artifact.as_deref() {
                    let subject = self.asset.unwrap_or(artifact);
                    vulnerability::trivy(row.list, subject, &value, &mut records)
                } else {
                    read(row.list, &value, self.asset, &mut records)
                }
            });
            self.take(row.line, read, records)?;
        }
        // A state without resources, a report without results.
        self.known += u64::from(elements.document.is_known());
        Ok(())
    }

    fn csv(&mut self, input: &mut impl BufRead) -> Result<(), Streamed> {
        let mut lines = plain::Lines::new(input);
        let mut heading = None;
        while let Some((line, cells)) = lines.next()? {
            let Some(heading) = &heading else {
                match cells {
                    Ok(cells) if plain::is_heading(&cells) => heading = Some(cells),
                    // Nothing below means anything.
                    _ => break,
                }
                continue;
            };
            let mut records = Records::new();
            let read = cells.and_then(|cells| plain::row(heading, &cells, &mut records));
            self.take(line, read, records)?;
        }
        Ok(())
    }

    fn finding(&mut self, line: usize, bytes: &[u8]) -> Result<(), EstateError> {
        if self.scan.is_none() {
            self.scan = Some(self.import.scan(self.asset)?);
        }
        let Some(scan) = &self.scan else {
            return Ok(());
        };
        if let Ok(summary) = serde_json::from_slice::<Summary>(bytes) {
            self.import.summary(scan, &summary)?;
        } else if let Ok(deployment) = serde_json::from_slice::<Deployment>(bytes) {
            self.import.scanned(scan, &deployment)?;
        } else {
            let finding: Finding = match serde_json::from_slice(bytes) {
                Ok(finding) => finding,
                Err(error) => return self.skip(line, &format!("not a finding: {error}")),
            };
            let outer: Option<Outer> = serde_json::from_slice(bytes).ok();
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
    aws::element(list, value, asset, records)
}

fn too_long(longest: usize) -> String {
    format!("longer than {} MiB", longest >> 20)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}
