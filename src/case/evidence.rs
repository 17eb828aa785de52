//! What the record of a place says besides what queries walk: written with the place, and read back
//! where a finding is shown or written out.

use rusqlite::{Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{CaseError, Import};
use crate::finding::Finding;

/// The columns of the table, in the order of [`fill`].
pub(super) const COLUMNS: &str =
    "e.secret_length, e.encoding, e.filesystem, e.file_offset, e.uid, e.gid, e.mode, e.text_column,
     e.role, e.deployment, e.deployment_kind, e.target, e.pieces, e.also, e.surroundings";

/// JSON, unless there is nothing.
fn json<T: Serialize + PartialEq + Default>(value: &T) -> Option<String> {
    let is_there = *value != T::default();
    is_there.then(|| serde_json::to_string(value).unwrap_or_default())
}

/// SQLite's integers are signed; a position beyond them is no position of a disk.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Import<'_> {
    /// Writes what belongs to a place. A scan that finds it again knows it better.
    pub(super) fn evidence(&mut self, location: i64, finding: &Finding) -> Result<(), CaseError> {
        let place = &finding.occurrence;
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO evidence
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?
            .execute(params![
                location,
                i64::try_from(finding.secret.length).unwrap_or(i64::MAX),
                place.encoding.join(","),
                place.filesystem,
                place.file_offset.map(number),
                place.owner.map(|(user, _)| user),
                place.owner.map(|(_, group)| group),
                place.mode,
                place.column.map(number),
                place.role,
                place.deployment,
                place.deployment_kind,
                json(&finding.target),
                json(&place.pieces),
                json(&place.also),
                json(&place.surroundings),
            ])?;
        Ok(())
    }
}

/// Fills a finding with what is known of its place, from columns that begin at `first`. Of a place
/// that an older program wrote nothing is known.
pub(super) fn fill(
    finding: &mut Finding,
    row: &Row<'_>,
    first: usize,
) -> Result<(), rusqlite::Error> {
    let Some(length) = row.get::<_, Option<i64>>(first)? else {
        return Ok(());
    };
    let mut at = first;
    let mut next = || {
        at += 1;
        at
    };
    finding.secret.length = usize::try_from(length).unwrap_or_default();
    let place = &mut finding.occurrence;
    let encoding: String = row.get(next())?;
    let names = encoding.split(',').filter(|name| !name.is_empty());
    place.encoding = names.map(str::to_owned).collect();
    place.filesystem = row.get(next())?;
    place.file_offset = row.get::<_, Option<i64>>(next())?.map(i64::unsigned_abs);
    let (user, group): (Option<u32>, Option<u32>) = (row.get(next())?, row.get(next())?);
    place.owner = user.zip(group);
    place.mode = row.get(next())?;
    place.column = row.get::<_, Option<i64>>(next())?.map(i64::unsigned_abs);
    place.role = row.get(next())?;
    place.deployment = row.get(next())?;
    place.deployment_kind = row.get(next())?;
    finding.target = parsed(row, next())?;
    place.pieces = parsed(row, next())?.unwrap_or_default();
    place.also = parsed(row, next())?.unwrap_or_default();
    place.surroundings = parsed(row, next())?;
    Ok(())
}

/// JSON of a column; what is none is as if it were not there.
fn parsed<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> Result<Option<T>, rusqlite::Error> {
    let text: Option<String> = row.get(at)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}
