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
    /// Whether it names assets, or did when it was imported before.
    named: bool,
    /// Whether images are of other assets than before.
    pub(super) moved: bool,
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
            "said",
            "fact",
            "rule",
            "vulnerability",
            "accepts",
            "owner",
            "statement",
        ] {
            transaction.execute(
                &format!("DELETE FROM {table} WHERE source_id = ?1"),
                [source_id],
            )?;
        }
        // Until they are derived again, the other tables do not fit these.
        transaction.execute("DELETE FROM meta WHERE key = 'derived'", [])?;
        Ok(Some(Import {
            transaction,
            source_id,
            now,
            rows: 0,
            skipped: 0,
            named: known.is_some(),
            moved: false,
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
            Record::Asset(asset) => return self.asset(&asset),
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
            Record::Statement {
                identity,
                denies,
                conditional,
                actions,
                but_actions,
                resources,
                but_resources,
            } => self
                .transaction
                .prepare_cached("INSERT INTO statement VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
                .execute(params![
                    identity.to_ascii_lowercase(),
                    denies,
                    conditional,
                    actions.join("\n").to_ascii_lowercase(),
                    but_actions,
                    resources.join("\n").to_ascii_lowercase(),
                    but_resources,
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
        self.settle()?;
        self.transaction.execute(
            "UPDATE source SET rows = ?2, skipped = ?3 WHERE id = ?1",
            params![self.source_id, self.rows, self.skipped],
        )?;
        self.transaction.commit()?;
        Ok((self.rows, self.skipped))
    }

    fn asset(&mut self, asset: &Asset) -> Result<(), CaseError> {
        self.named = true;
        let uid = asset.uid.to_ascii_lowercase();
        self.transaction
            .prepare_cached(
                "INSERT INTO asset (uid, kind, source_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET source_id = excluded.source_id, stub = 0",
            )?
            .execute(params![uid, asset.kind, self.source_id])?;
        // A file may name an asset more than once.
        self.transaction
            .prepare_cached(
                "INSERT INTO said VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT DO UPDATE SET kind = excluded.kind,
                     service = max(service, excluded.service), cloud = max(cloud, excluded.cloud),
                     account = max(account, excluded.account), name = max(name, excluded.name),
                     region = max(region, excluded.region),
                     network = max(network, excluded.network),
                     running = coalesce(max(running, excluded.running), running, excluded.running),
                     sensitive = max(sensitive, excluded.sensitive),
                     key_access = min(key_access, excluded.key_access),
                     exposed = coalesce(max(exposed, excluded.exposed), exposed, excluded.exposed),
                     vuln = coalesce(max(vuln, excluded.vuln), vuln, excluded.vuln)",
            )?
            .execute(params![
                uid,
                self.source_id,
                asset.kind,
                asset.service,
                asset.cloud,
                asset.account,
                asset.name,
                asset.region,
                asset.network.to_ascii_lowercase(),
                asset.running,
                asset.sensitive,
                !asset.keys_refused,
                asset.exposed,
                asset.vulnerable
            ])?;
        Ok(())
    }

    /// The asset of this uid or other name; one of no known kind is made if there is none, until
    /// an inventory tells which it is.
    pub(super) fn asset_named(&mut self, name: &str) -> Result<i64, CaseError> {
        let name = name.to_ascii_lowercase();
        if let Some(id) = self.known_by(&name)? {
            return Ok(id);
        }
        let id = self
            .transaction
            .prepare_cached(
                "INSERT INTO asset (uid, kind, name) VALUES (?1, 'other', ?1)
                 ON CONFLICT DO UPDATE SET name = name RETURNING id",
            )?
            .query_row([&name], |row| row.get(0))?;
        Ok(id)
    }

    /// The asset that an inventory or a deployment knows by this uid or other name.
    fn known_by(&self, name: &str) -> Result<Option<i64>, CaseError> {
        let id = self
            .transaction
            .prepare_cached(
                "SELECT id FROM (
                     SELECT id, 0 AS rank, uid FROM asset
                     WHERE uid = ?1 AND (source_id IS NOT NULL OR kind <> 'other')
                     UNION ALL
                     SELECT asset.id, 1, uid FROM fact JOIN asset ON asset.uid = subject
                     WHERE object = ?1 AND fact.kind = 'name')
                 ORDER BY rank, uid LIMIT 1",
            )?
            .query_row([name], |row| row.get(0))
            .optional()?;
        Ok(id)
    }

    /// Says that an image is of an asset.
    fn link(&mut self, input: &str, asset: &str) -> Result<(), CaseError> {
        let asset_id = self.asset_named(asset)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO image (input, file, asset_id, named) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET asset_id = excluded.asset_id, named = excluded.named",
            )?
            .execute(params![input, file_of(input), asset_id, asset])?;
        // Scans may name it with its folders.
        self.transaction
            .prepare_cached("UPDATE image SET asset_id = ?2, named = ?3 WHERE file = ?1")?
            .execute(params![input, asset_id, asset])?;
        self.moved = true;
        Ok(())
    }

    /// Makes of all that was imported, in whatever order, what it says together.
    fn settle(&mut self) -> Result<(), CaseError> {
        if self.named {
            self.transaction.execute_batch(
                "UPDATE asset SET kind = coalesce(all_said.kind, 'other'),
                     service = coalesce(nullif(all_said.service, ''), asset.service),
                     cloud = coalesce(nullif(all_said.cloud, ''), asset.cloud),
                     account = coalesce(nullif(all_said.account, ''), asset.account),
                     name = coalesce(nullif(all_said.name, ''), asset.name),
                     region = all_said.region, network = all_said.network,
                     running = coalesce(all_said.running, 1), sensitive = all_said.sensitive,
                     key_access = all_said.key_access, given_exposed = all_said.exposed,
                     given_vuln = all_said.vuln
                 FROM (SELECT uid, max(nullif(kind, 'other')) AS kind, max(service) AS service,
                         max(cloud) AS cloud, max(account) AS account, max(name) AS name,
                         max(region) AS region, max(network) AS network, max(running) AS running,
                         max(sensitive) AS sensitive, min(key_access) AS key_access,
                         max(exposed) AS exposed, max(vuln) AS vuln
                     FROM said GROUP BY uid) AS all_said
                 WHERE all_said.uid = asset.uid;
                 -- What is named no more is gone: it can no longer be reached.
                 UPDATE asset SET running = 0, given_exposed = NULL, given_vuln = NULL
                 WHERE source_id IS NOT NULL
                   AND NOT EXISTS (SELECT 1 FROM said WHERE said.uid = asset.uid);",
            )?;
            self.rename()?;
        }
        self.rename_stacks()?;
        if !self.moved {
            return Ok(());
        }
        // What was found in images, to the assets that they are now known to be of.
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
                 (SELECT 1 FROM location WHERE finding_id = finding.id) AND status <> 'fixed';
             UPDATE OR REPLACE accepts SET subject = (
                 SELECT a.uid FROM image i JOIN asset a ON a.id = i.asset_id WHERE i.id = image_id)
             WHERE image_id IS NOT NULL AND subject <> (
                 SELECT a.uid FROM image i JOIN asset a ON a.id = i.asset_id WHERE i.id = image_id);
             -- Those that only stood in for others.
             DELETE FROM asset WHERE source_id IS NULL
                 AND (kind = 'other' OR (service = 'cfn.stack' AND uid NOT GLOB '*:*'))
                 AND NOT EXISTS (SELECT 1 FROM image WHERE asset_id = asset.id)
                 AND NOT EXISTS (SELECT 1 FROM finding WHERE asset_id = asset.id);",
        )?;
        Ok(())
    }

    /// Looks again for the assets that images were said to be of: an inventory that came later may
    /// know the name.
    fn rename(&mut self) -> Result<(), CaseError> {
        let mut moves = Vec::new();
        let mut statement = self
            .transaction
            .prepare("SELECT id, asset_id, named FROM image WHERE named <> ''")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (image, now, name): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let known = self.known_by(&name.to_ascii_lowercase())?;
            if let Some(asset) = known.filter(|asset| *asset != now) {
                moves.push((image, asset));
            }
        }
        drop(rows);
        drop(statement);
        for (image, asset) in &moves {
            self.transaction
                .prepare_cached("UPDATE image SET asset_id = ?2 WHERE id = ?1")?
                .execute([image, asset])?;
        }
        self.moved |= !moves.is_empty();
        Ok(())
    }
}

/// The last part of an input's name.
pub(super) fn file_of(input: &str) -> &str {
    input.rsplit(['/', '\\']).next().unwrap_or(input)
}
