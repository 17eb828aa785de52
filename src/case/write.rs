//! Writing one source into the case: all of it, or nothing.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, params};

use super::record::{Asset, Record};
use super::{Case, CaseError};

/// An import that is under way. Dropped without [`Import::commit`], it never happened.
pub struct Import<'c> {
    pub(super) transaction: Transaction<'c>,
    pub(super) source_id: i64,
    /// RFC 3339.
    pub(super) now: String,
    rows: i64,
    skipped: i64,
    linked: bool,
}

impl Case {
    /// Begins to import a source. `None` if exactly this content was imported from this path
    /// before: importing it again would change nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn begin(
        &mut self,
        path: &Path,
        hash: &str,
        format: &str,
    ) -> Result<Option<Import<'_>>, CaseError> {
        let now = jiff::Timestamp::now().to_string();
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let path = path.to_string_lossy();
        let transaction = self.connection_mut().transaction()?;
        let known: Option<(i64, String)> = transaction
            .query_row(
                "SELECT id, hash FROM source WHERE path = ?1",
                [&path],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        if known.as_ref().is_some_and(|(_, known)| known == hash) {
            return Ok(None);
        }
        let source_id: i64 = transaction.query_row(
            "INSERT INTO source (path, hash, format, imported, rows, skipped)
             VALUES (?1, ?2, ?3, ?4, 0, 0)
             ON CONFLICT DO UPDATE SET hash = excluded.hash, format = excluded.format,
                                       imported = excluded.imported
             RETURNING id",
            params![path, hash, format, now],
            |row| row.get(0),
        )?;
        for table in [
            "fact",
            "rule",
            "vulnerability",
            "accepts",
            "owner",
            "permission",
        ] {
            transaction.execute(
                &format!("DELETE FROM {table} WHERE source_id = ?1"),
                [source_id],
            )?;
        }
        // What this file named before and names no more is gone: it can no longer be reached.
        transaction.execute(
            "UPDATE asset SET running = 0, given_exposed = NULL, given_vuln = NULL
             WHERE source_id = ?1",
            [source_id],
        )?;
        Ok(Some(Import {
            transaction,
            source_id,
            now,
            rows: 0,
            skipped: 0,
            linked: false,
        }))
    }
}

impl Import<'_> {
    /// Writes one record.
    ///
    /// # Errors
    /// When the database fails.
    pub fn put(&mut self, record: Record) -> Result<(), CaseError> {
        let source = self.source_id;
        match record {
            Record::Asset(asset) => return self.asset(&asset).map(drop),
            Record::Fact {
                subject,
                kind,
                object,
            } => self
                .transaction
                .prepare_cached("INSERT OR IGNORE INTO fact VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    subject.to_ascii_lowercase(),
                    kind,
                    object.to_ascii_lowercase(),
                    source
                ])?,
            Record::Rule {
                firewall,
                priority,
                allow,
                protocol,
                ports,
            } => self
                .transaction
                .prepare_cached("INSERT INTO rule VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                .execute(params![
                    firewall.to_ascii_lowercase(),
                    priority,
                    allow,
                    protocol,
                    ports.0,
                    ports.1,
                    source
                ])?,
            Record::Vulnerability {
                subject,
                cve,
                severity,
                package,
                fixed_in,
            } => self
                .transaction
                .prepare_cached(
                    "INSERT INTO vulnerability VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT DO UPDATE SET severity = max(severity, excluded.severity)",
                )?
                .execute(params![
                    subject.to_ascii_lowercase(),
                    cve,
                    severity,
                    package,
                    fixed_in,
                    source
                ])?,
            Record::Accepts {
                subject,
                public_key,
                login,
                how,
                confidence,
                evidence,
            } => self
                .transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO accepts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, NULL)",
                )?
                .execute(params![
                    subject.to_ascii_lowercase(),
                    public_key,
                    login,
                    how,
                    confidence,
                    evidence,
                    source
                ])?,
            Record::Owner {
                key_id,
                identity,
                active,
            } => self
                .transaction
                .prepare_cached("INSERT OR REPLACE INTO owner VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    key_id,
                    identity.to_ascii_lowercase(),
                    active,
                    source
                ])?,
            Record::Permission {
                identity,
                action,
                resource,
            } => self
                .transaction
                .prepare_cached("INSERT OR IGNORE INTO permission VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![
                    identity.to_ascii_lowercase(),
                    action,
                    resource.to_ascii_lowercase(),
                    source
                ])?,
            Record::Image { input, asset } => return self.link(&input, &asset),
        };
        Ok(())
    }

    /// Counts a row of the source, whether it was used or skipped.
    pub fn count(&mut self, skipped: bool) {
        self.rows = self.rows.saturating_add(1);
        self.skipped = self.skipped.saturating_add(i64::from(skipped));
    }

    /// Makes the import happen. Returns how many rows were read and how many of them skipped.
    ///
    /// # Errors
    /// When the database fails.
    pub fn commit(mut self) -> Result<(i64, i64), CaseError> {
        if self.linked {
            self.follow_links()?;
        }
        self.transaction.execute(
            "UPDATE source SET rows = ?2, skipped = ?3 WHERE id = ?1",
            params![self.source_id, self.rows, self.skipped],
        )?;
        self.transaction.commit()?;
        Ok((self.rows, self.skipped))
    }

    fn asset(&mut self, asset: &Asset) -> Result<i64, CaseError> {
        let id = self
            .transaction
            .prepare_cached(
                "INSERT INTO asset (uid, kind, service, cloud, account, name, region, network,
                     running, sensitive, key_access, given_exposed, given_vuln, source_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT (uid) DO UPDATE SET kind = excluded.kind,
                     service = coalesce(nullif(excluded.service, ''), service),
                     cloud = coalesce(nullif(excluded.cloud, ''), cloud),
                     account = coalesce(nullif(excluded.account, ''), account),
                     name = coalesce(nullif(excluded.name, ''), name),
                     region = coalesce(nullif(excluded.region, ''), region),
                     network = coalesce(nullif(excluded.network, ''), network),
                     running = excluded.running, sensitive = max(sensitive, excluded.sensitive),
                     key_access = excluded.key_access, stub = 0,
                     given_exposed = coalesce(excluded.given_exposed, given_exposed),
                     given_vuln = coalesce(excluded.given_vuln, given_vuln),
                     source_id = excluded.source_id
                 RETURNING id",
            )?
            .query_row(
                params![
                    asset.uid.to_ascii_lowercase(),
                    asset.kind,
                    asset.service,
                    asset.cloud,
                    asset.account,
                    asset.name,
                    asset.region,
                    asset.network.to_ascii_lowercase(),
                    !asset.stopped,
                    asset.sensitive,
                    !asset.keys_refused,
                    asset.exposed,
                    asset.vulnerable,
                    self.source_id
                ],
                |row| row.get(0),
            )?;
        Ok(id)
    }

    /// The asset of this uid or other name; one of no known kind is made if there is none.
    pub(super) fn asset_named(&mut self, name: &str) -> Result<i64, CaseError> {
        let name = name.to_ascii_lowercase();
        let known: Option<i64> = self
            .transaction
            .prepare_cached(
                "SELECT id FROM asset WHERE uid = ?1
                 UNION ALL
                 SELECT asset.id FROM fact JOIN asset ON asset.uid = subject
                 WHERE object = ?1 AND fact.kind = 'name'
                 LIMIT 1",
            )?
            .query_row([&name], |row| row.get(0))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        let id = self.transaction.query_row(
            "INSERT INTO asset (uid, kind, name) VALUES (?1, 'other', ?1) RETURNING id",
            [&name],
            |row| row.get(0),
        )?;
        Ok(id)
    }

    /// Says that an image is of an asset, and moves what was found in it there.
    fn link(&mut self, input: &str, asset: &str) -> Result<(), CaseError> {
        let asset_id = self.asset_named(asset)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO image (input, file, asset_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET asset_id = excluded.asset_id",
            )?
            .execute(params![input, file_of(input), asset_id])?;
        // Scans may name it with its folders.
        self.transaction
            .prepare_cached("UPDATE image SET asset_id = ?2 WHERE file = ?1 AND asset_id <> ?2")?
            .execute(params![input, asset_id])?;
        self.linked = true;
        Ok(())
    }

    /// Moves what was found in images to the assets that they are now known to be of.
    fn follow_links(&mut self) -> Result<(), CaseError> {
        self.transaction.execute_batch(
            "INSERT OR IGNORE INTO finding (asset_id, secret_id, status, until, note, first_seen, last_seen)
             SELECT i.asset_id, f.secret_id, f.status, f.until, f.note, f.first_seen, f.last_seen
             FROM location l JOIN image i ON i.id = l.image_id JOIN finding f ON f.id = l.finding_id
             WHERE f.asset_id <> i.asset_id;
             UPDATE OR IGNORE location SET finding_id = (
                 SELECT own.id FROM finding own JOIN image i ON i.id = location.image_id
                 JOIN finding old ON old.id = location.finding_id
                 WHERE own.asset_id = i.asset_id AND own.secret_id = old.secret_id)
             WHERE finding_id IN (SELECT f.id FROM finding f JOIN location l ON l.finding_id = f.id
                 JOIN image i ON i.id = l.image_id WHERE f.asset_id <> i.asset_id);
             DELETE FROM finding WHERE NOT EXISTS
                 (SELECT 1 FROM location WHERE finding_id = finding.id) AND status <> 'fixed';",
        )?;
        Ok(())
    }
}

/// The last part of an input's name.
pub(super) fn file_of(input: &str) -> &str {
    input.rsplit(['/', '\\']).next().unwrap_or(input)
}
