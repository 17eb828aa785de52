//! Findings as Parquet, for data lakes and whatever asks questions of tables.
//!
//! A column per field of the record that is asked for, with its type: positions are numbers and
//! times are times. What has a shape of its own in each type of secret is JSON. Rows are written in
//! groups, so that memory does not grow with what was found; the summary is in the file's metadata.

use std::io::{self, Write};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use ::parquet::schema::parser::parse_message_type;
use serde::Serialize;

use super::Report;
use crate::case::stored::Stored;
use crate::finding::Finding;
use crate::finding::summary::Summary;

/// Rows of a group: they are held in memory until they are written.
const GROUP: usize = 20_000;
/// Name of the summary in the file's metadata.
const SUMMARY: &str = "keydredge.summary";

/// What a column holds.
#[derive(Clone, Copy)]
enum Sort {
    Text,
    Json,
    Number,
    Time,
    Flag,
}

use Sort::{Flag, Json, Number, Text, Time};

/// The columns; the last four are known to a case only.
const COLUMNS: &[(&str, Sort)] = &[
    ("type", Text),
    ("variant", Text),
    ("severity", Text),
    ("verdict", Text),
    ("fingerprint", Text),
    ("preview", Text),
    ("secret_length", Number),
    ("value", Text),
    ("input", Text),
    ("offset", Number),
    ("length", Number),
    ("forensic_path", Text),
    ("encoding", Text),
    ("partition", Number),
    ("filesystem", Text),
    ("path", Text),
    ("file_offset", Number),
    ("inode", Number),
    ("state", Text),
    ("uid", Number),
    ("gid", Number),
    ("mode", Text),
    ("modified", Time),
    ("line", Number),
    ("column", Number),
    ("pointer", Text),
    ("deployment", Text),
    ("deployment_kind", Text),
    ("resource", Text),
    ("role", Text),
    ("labels", Text),
    ("pieces", Json),
    ("also", Json),
    ("surroundings", Json),
    ("target_kind", Text),
    ("target", Text),
    ("endpoint", Text),
    ("identity", Json),
    ("expires", Time),
    ("expired", Flag),
    ("details", Json),
    ("suppressed", Text),
    ("asset", Text),
    ("status", Text),
    ("first_seen", Time),
    ("last_seen", Time),
];

/// A cell that is not empty.
enum Cell {
    Text(String),
    Number(i64),
    Flag(bool),
}

type Row = Vec<Option<Cell>>;

fn text(value: impl Into<String>) -> Option<Cell> {
    Some(Cell::Text(value.into()))
}

fn word(value: Option<&str>) -> Option<Cell> {
    value.and_then(text)
}

/// Parquet's numbers are signed; a position beyond them is no position of a disk.
fn number(value: impl TryInto<i64>) -> Option<Cell> {
    Some(Cell::Number(value.try_into().unwrap_or(i64::MAX)))
}

/// Microseconds since 1970.
fn time(value: Option<&str>) -> Option<Cell> {
    let time: jiff::Timestamp = value?.parse().ok()?;
    number(time.as_microsecond())
}

/// Words with spaces between, as in CSV; none of those names has one.
fn joined(words: &[String]) -> Option<Cell> {
    word(Some(words.join(" ").as_str()).filter(|words| !words.is_empty()))
}

/// JSON, unless there is nothing.
fn json<T: Serialize + Default + PartialEq>(value: &T) -> Option<Cell> {
    let is_there = *value != T::default();
    is_there
        .then(|| serde_json::to_string(value).ok())?
        .map(Cell::Text)
}

fn row(finding: &Finding, stored: Option<&Stored>) -> Row {
    let (place, target) = (&finding.occurrence, finding.target.as_ref());
    let known = |of: fn(&Stored) -> &String| stored.map(|stored| of(stored).as_str());
    vec![
        text(&finding.secret_type),
        text(&finding.variant),
        text(finding.severity.name()),
        text(finding.verdict.name()),
        text(&finding.fingerprint),
        text(&finding.secret.preview),
        number(finding.secret.length),
        word(finding.secret.value.as_deref()),
        text(&place.input),
        number(place.offset),
        number(place.length),
        text(&place.forensic_path),
        joined(&place.encoding),
        place.partition.and_then(number),
        word(place.filesystem.as_deref()),
        word(place.path.as_deref()),
        place.file_offset.and_then(number),
        place.inode.and_then(number),
        word(place.state.as_deref()),
        place.owner.and_then(|(user, _)| number(user)),
        place.owner.and_then(|(_, group)| number(group)),
        word(place.mode.as_deref()),
        time(place.modified.as_deref()),
        place.line.and_then(number),
        place.column.and_then(number),
        word(place.pointer.as_deref()),
        word(place.deployment.as_deref()),
        word(place.deployment_kind.as_deref()),
        word(place.resource.as_deref()),
        word(place.role.as_deref()),
        joined(&place.labels),
        json(&place.pieces),
        json(&place.also),
        json(&place.surroundings),
        word(target.map(|target| target.kind.as_str())),
        word(target.map(|target| target.name.as_str())),
        word(target.and_then(|target| target.endpoint.as_deref())),
        json(&finding.identity),
        time(finding.expires.as_deref()),
        finding.expired.map(Cell::Flag),
        json(&finding.details),
        word(finding.suppressed.as_deref()),
        word(known(|stored| &stored.asset)),
        word(known(|stored| &stored.status)),
        time(known(|stored| &stored.first_seen)),
        time(known(|stored| &stored.last_seen)),
    ]
}

/// Every column may be empty: a later version may know less of something than this one.
fn schema() -> String {
    let field = |(name, sort): &(&str, Sort)| {
        let (physical, logical) = match sort {
            Text => ("BYTE_ARRAY", "(STRING)"),
            Json => ("BYTE_ARRAY", "(JSON)"),
            Number => ("INT64", ""),
            Time => ("INT64", "(TIMESTAMP(MICROS,true))"),
            Flag => ("BOOLEAN", ""),
        };
        format!("OPTIONAL {physical} {name} {logical};\n")
    };
    let fields: String = COLUMNS.iter().map(field).collect();
    format!("message finding {{\n{fields}}}")
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        other => io::Error::other(other),
    }
}

/// Findings as Parquet.
pub(super) struct Parquet<'w> {
    out: Box<dyn Write + 'w>,
    /// Writes into memory, from where each group goes on its way.
    file: Option<SerializedFileWriter<Vec<u8>>>,
    rows: Vec<Row>,
}

impl<'w> Parquet<'w> {
    pub(super) fn new(out: Box<dyn Write + 'w>) -> Self {
        Self {
            out,
            file: None,
            rows: Vec::new(),
        }
    }

    fn take(&mut self, row: Row) -> io::Result<()> {
        self.rows.push(row);
        if self.rows.len() >= GROUP {
            return self.group();
        }
        Ok(())
    }

    /// Writes the rows that wait.
    fn group(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        let file = self.open()?;
        if !rows.is_empty() {
            columns(file, &rows).map_err(failed)?;
        }
        file.flush()?;
        let written = std::mem::take(file.inner_mut());
        self.out.write_all(&written)
    }

    fn open(&mut self) -> io::Result<&mut SerializedFileWriter<Vec<u8>>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_created_by(format!("keydredge {}", env!("CARGO_PKG_VERSION")));
                let schema = parse_message_type(&schema()).map_err(failed)?;
                let properties = Arc::new(properties.build());
                SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties)
                    .map_err(failed)?
            }
        };
        Ok(self.file.insert(file))
    }
}

fn columns(file: &mut SerializedFileWriter<Vec<u8>>, rows: &[Row]) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for (at, (_, sort)) in COLUMNS.iter().enumerate() {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        let cells = rows.iter().map(|row| row.get(at).and_then(Option::as_ref));
        match sort {
            Text | Json => fill::<ByteArrayType>(&mut column, cells, |cell| match cell {
                Cell::Text(text) => Some(ByteArray::from(text.as_str())),
                _ => None,
            }),
            Number | Time => fill::<Int64Type>(&mut column, cells, |cell| match cell {
                Cell::Number(number) => Some(*number),
                _ => None,
            }),
            Flag => fill::<BoolType>(&mut column, cells, |cell| match cell {
                Cell::Flag(flag) => Some(*flag),
                _ => None,
            }),
        }?;
        column.close()?;
    }
    group.close()?;
    Ok(())
}

/// Writes a column: its values, and which rows have one.
fn fill<'c, T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = Option<&'c Cell>>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let cells: Vec<Option<T::T>> = cells.map(|cell| cell.and_then(&value)).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    column
        .typed::<T>()
        .write_batch(&values, Some(&levels), None)?;
    Ok(())
}

impl Report for Parquet<'_> {
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        self.take(row(finding, None))
    }

    fn stored(&mut self, stored: &Stored) -> io::Result<()> {
        self.take(row(&stored.finding, Some(stored)))
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.group()?;
        if let Some(mut file) = self.file.take() {
            let summary = serde_json::to_string(summary)?;
            file.append_key_value_metadata(KeyValue::new(SUMMARY.to_owned(), summary));
            self.out.write_all(&file.into_inner().map_err(failed)?)?;
        }
        self.out.flush()
    }
}
