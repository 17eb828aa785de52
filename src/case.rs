//! The case: one SQLite file that holds what scans found and what inventories say.
//!
//! The tables are in `schema.sql` and `derived.sql`, each with its reason. This module writes them and knows nothing
//! of clouds: [`crate::estate`] reads inventories into [`record`]s, [`crate::graph`] derives from
//! the tables what opens what.
//!
//! A case never holds a plaintext secret, so it can be handed on, and a free query cannot leak one.
//! Everything that an import writes is written in one transaction: an interrupted import leaves the
//! case as it was.

pub mod deployments;
mod evidence;
pub mod findings;
pub mod record;
pub mod status;
pub mod stored;
mod write;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

pub use write::Import;

/// The tables of the current version.
const SCHEMA: &str = include_str!("case/schema.sql");
/// The tables that are derived from them, made anew.
const DERIVED: &str = include_str!("case/derived.sql");
/// The current version.
const VERSION: usize = 2;
/// What brings a file of version N+1 to version N+2.
const MIGRATIONS: &[&str] = &[include_str!("case/version2.sql")];
/// Bytes of pages kept in memory: the paths of a large case read the same ones again.
const CACHE_KIB: i64 = 256 << 10;
/// Bytes of the file that are mapped: looking up scattered rows is then no copy of a page.
const MAPPED: i64 = 64 << 30;
/// Marks a case among other SQLite files: "kdrg".
const APPLICATION: i64 = 0x6b64_7267;

/// Why a case cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaseError {
    /// The file cannot be created or read.
    #[error("case {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not a case.
    #[error("{0} is not a case file; name another file, or a new one to have it made")]
    Foreign(PathBuf),
    /// Written by a newer program.
    #[error(
        "case {path} has version {found}, this program knows versions up to {VERSION}; update it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// There is none.
    #[error("there is no case {0}; `keydredge case import` makes one")]
    Missing(PathBuf),
    /// The database says no.
    #[error("case: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The user asked for something that is not there.
    #[error("{0}")]
    Request(String),
}

/// An open case.
pub struct Case {
    connection: Connection,
    path: PathBuf,
}

impl Case {
    /// Opens a case, or makes one (readable by its owner only) if there is no such file.
    ///
    /// # Errors
    /// When the file is something else, or cannot be used.
    pub fn create(path: &Path) -> Result<Self, CaseError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        match options.open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                let path = path.to_owned();
                return Err(CaseError::Io { path, source });
            }
        }
        Self::open(path)
    }

    /// Opens a case that exists.
    ///
    /// # Errors
    /// When there is none, the file is something else, or cannot be used.
    pub fn open(path: &Path) -> Result<Self, CaseError> {
        if !path.exists() {
            return Err(CaseError::Missing(path.to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut case = Self {
            connection,
            path: path.to_owned(),
        };
        case.migrate().map_err(|error| match error {
            CaseError::Sql(rusqlite::Error::SqliteFailure(code, _))
                if code.code == rusqlite::ErrorCode::NotADatabase =>
            {
                CaseError::Foreign(path.to_owned())
            }
            other => other,
        })?;
        case.connection
            .pragma_update(None, "cache_size", -CACHE_KIB)?;
        case.connection.pragma_update(None, "mmap_size", MAPPED)?;
        case.connection
            .pragma_update(None, "trusted_schema", false)?;
        case.connection
            .pragma_update(None, "temp_store", "memory")?;
        case.connection.set_prepared_statement_cache_capacity(64);
        Ok(case)
    }

    /// Opens a case that exists to be read only, and by several at once.
    ///
    /// # Errors
    /// When there is none, the file is something else or of another version, or cannot be read.
    pub fn read(path: &Path) -> Result<Connection, CaseError> {
        if !path.exists() {
            return Err(CaseError::Missing(path.to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        let foreign = || CaseError::Foreign(path.to_owned());
        let id: i64 = connection
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(|_| foreign())?;
        if id != APPLICATION {
            return Err(foreign());
        }
        let version: String =
            connection.query_row("SELECT value FROM meta WHERE key = 'version'", [], |row| {
                row.get(0)
            })?;
        match version.parse() {
            Ok(VERSION) => {}
            Ok(found) if found > VERSION => {
                let path = path.to_owned();
                return Err(CaseError::Newer { path, found });
            }
            _ => {
                return Err(CaseError::Request(format!(
                    "case {} has version {version} and can only be read as version {VERSION}; \
                     `keydredge case inventory` brings it up to date",
                    path.display()
                )));
            }
        }
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "mmap_size", MAPPED)?;
        connection.pragma_update(None, "temp_store", "memory")?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    fn migrate(&mut self) -> Result<(), CaseError> {
        let tables: i64 =
            self.connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let transaction = self.connection.transaction()?;
        let found = if tables == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.execute_batch(DERIVED)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            VERSION
        } else {
            let id: i64 =
                transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
            let version: Option<String> = if id == APPLICATION {
                transaction
                    .query_row("SELECT value FROM meta WHERE key = 'version'", [], |row| {
                        row.get(0)
                    })
                    .optional()?
            } else {
                None
            };
            let version = version.and_then(|text| text.parse().ok());
            version.ok_or_else(|| CaseError::Foreign(self.path.clone()))?
        };
        if found > VERSION {
            let path = self.path.clone();
            return Err(CaseError::Newer { path, found });
        }
        for step in MIGRATIONS.iter().skip(found.saturating_sub(1)) {
            transaction.execute_batch(step)?;
        }
        if found < VERSION {
            transaction.execute_batch(DERIVED)?;
        }
        transaction.execute(
            "INSERT INTO meta VALUES ('version', ?1)
             ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
            [VERSION.to_string()],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The database, to query.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The database, to change.
    pub fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_private_and_other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(Case::create(&path).unwrap());
        drop(Case::open(&path).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let text = folder.path().join("text");
        std::fs::write(
            &text,
            "not a database at all, but long enough to have a header".repeat(9),
        )
        .unwrap();
        assert!(matches!(Case::open(&text), Err(CaseError::Foreign(_))));
        let other = folder.path().join("other.db");
        Connection::open(&other)
            .unwrap()
            .execute_batch("CREATE TABLE t (x)")
            .unwrap();
        assert!(matches!(Case::open(&other), Err(CaseError::Foreign(_))));
        let missing = folder.path().join("missing.db");
        assert!(matches!(Case::open(&missing), Err(CaseError::Missing(_))));
        for (file, is_foreign) in [(&text, true), (&other, true), (&missing, false)] {
            let refused = Case::read(file).map(|_| ()).unwrap_err();
            assert_eq!(
                matches!(refused, CaseError::Foreign(_)),
                is_foreign,
                "{refused}"
            );
        }
        let reader = Case::read(&path).unwrap();
        reader.execute("DELETE FROM meta", []).unwrap_err();
    }

    #[test]
    fn a_newer_case_is_refused_by_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let case = Case::create(&path).unwrap();
        case.connection
            .execute("UPDATE meta SET value = '99' WHERE key = 'version'", [])
            .unwrap();
        drop(case);
        let error = Case::open(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("has version 99"), "{error}");
    }
}
