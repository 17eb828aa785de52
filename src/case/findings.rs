//! Scans in the case: what was found on which asset, and what is no longer there.

use rusqlite::{OptionalExtension, params};

use super::evidence::number;
use super::write::file_of;
use super::{CaseError, Import};
use crate::finding::summary::Summary;
use crate::finding::{Finding, Target, Verdict};
use crate::rule::Severity;
use crate::rule::load::AUTHORIZED_KEY;

/// Family of a secret by the beginning of its type; the rest is `other`.
const FAMILIES: &[(&str, &str)] = &[
    ("ssh-private-key", "ssh"),
    ("azure-storage-", "storage"),
    ("aws-s3-presigned-url", "storage"),
    ("google-storage-signed-url", "storage"),
    ("azure-sql-connection-string", "database"),
    ("azure-postgresql-connection-string", "database"),
    ("azure-mysql-connection-string", "database"),
    ("azure-mariadb-connection-string", "database"),
    ("azure-cosmos-db-connection-string", "database"),
    ("aws-rds-connection-string", "database"),
    ("aws-redshift-credentials", "database"),
    ("odbc-connection-string", "database"),
    ("aws-access-key", "cloud"),
];

/// The family of a secret type: `ssh`, `storage`, `database`, `cloud` or `other`.
#[must_use]
pub fn family(secret_type: &str) -> &'static str {
    let known = FAMILIES
        .iter()
        .find(|(prefix, _)| secret_type.starts_with(prefix));
    known.map_or("other", |(_, family)| family)
}

/// How sure a line of an `authorized_keys` file is, by confidence: plain, with options that bind
/// it to an address or a command, commented out, and in a file that was deleted.
const PLAIN: u8 = 95;
const BOUND: u8 = 60;
const DELETED: u8 = 40;
const COMMENT: u8 = 10;

/// How far a line lets its holder in, by what stands before the key.
#[must_use]
pub fn confidence_of(options: &str) -> u8 {
    let binds = ["from=", "command=", "restrict", "cert-authority"];
    if options.trim_start().starts_with('#') {
        COMMENT
    } else if binds.iter().any(|option| options.contains(option)) {
        BOUND
    } else {
        PLAIN
    }
}

/// The user whose home a path lies in.
#[must_use]
pub fn login_of(path: &str) -> &str {
    if path.starts_with("/root/") {
        return "root";
    }
    let home = path
        .strip_prefix("/home/")
        .or_else(|| path.split_once("/Users/").map(|(_, rest)| rest));
    home.and_then(|rest| rest.split('/').next()).unwrap_or("")
}

/// Severities as the case orders them.
#[must_use]
pub fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

/// In which deployment and resource a finding lies, if it lies in one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deployed<'f> {
    /// Id of the deployment.
    pub deployment: Option<&'f str>,
    /// What sort of deployment it is; of one without an id all that is known.
    pub kind: Option<&'f str>,
    /// Id of the resource in it.
    pub resource: Option<&'f str>,
}

/// One scan on its way into the case.
pub struct Scan {
    pub(super) id: i64,
    /// The asset that all its inputs are of, if the user named one.
    pub(super) asset: Option<i64>,
    /// The name by which the user did.
    named: String,
}

impl Import<'_> {
    /// Begins a scan; `asset` is what its inputs are of, by any of its names.
    ///
    /// # Errors
    /// When the database fails.
    pub fn scan(&mut self, asset: Option<&str>) -> Result<Scan, CaseError> {
        let named = asset.unwrap_or_default().to_owned();
        let asset = asset.map(|name| self.asset_named(name)).transpose()?;
        self.transaction.execute(
            "INSERT INTO scan (source_id, taken) VALUES (?1, ?2)",
            params![self.source_id, self.now],
        )?;
        Ok(Scan {
            id: self.transaction.last_insert_rowid(),
            asset,
            named,
        })
    }

    /// Takes one finding of a scan.
    ///
    /// # Errors
    /// When the database fails.
    pub fn finding(
        &mut self,
        scan: &Scan,
        finding: &Finding,
        deployed: Deployed<'_>,
    ) -> Result<(), CaseError> {
        // What is known to be no secret opens nothing.
        if finding.suppressed.is_some() {
            return Ok(());
        }
        let place = &finding.occurrence;
        let (image, asset) =
            match self.deployed(scan, &place.input, place.path.as_deref(), deployed)? {
                Some(deployment) => deployment,
                None => self.image(scan, &place.input)?,
            };
        if finding.secret_type == AUTHORIZED_KEY {
            return self.authorized(scan, finding, (image, asset));
        }
        let secret = self.secret(finding)?;
        let finding_id: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO finding (asset_id, secret_id, first_seen, last_seen)
                 VALUES (?1, ?2, ?3, ?3)
                 ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen,
                     status = CASE status WHEN 'fixed' THEN 'open' ELSE status END
                 RETURNING id",
            )?
            .query_row(params![asset, secret, self.now], |row| row.get(0))?;
        let location: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO location (finding_id, image_id, place, path, offset, length, partition,
                     inode, state, modified, line, pointer, resource, labels, scan_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                 ON CONFLICT DO UPDATE SET scan_id = excluded.scan_id, gone = 0,
                     state = excluded.state, modified = excluded.modified
                 RETURNING id",
            )?
            .query_row(
                params![
                finding_id,
                image,
                place.forensic_path,
                place.path.as_deref().unwrap_or(""),
                number(place.offset),
                number(place.length),
                place.partition,
                place.inode.map(number),
                place.state,
                place.modified,
                place.line.map(number),
                place.pointer,
                deployed.resource,
                place.labels.join(","),
                scan.id
            ],
                |row| row.get(0),
            )?;
        self.evidence(location, finding)
    }

    /// Takes the summary. A complete scan of whole inputs that looked for at least as many types as
    /// the one before also says what is gone; findings that are in none of their places any more are
    /// fixed.
    ///
    /// # Errors
    /// When the database fails.
    pub fn summary(&mut self, scan: &Scan, summary: &Summary) -> Result<(), CaseError> {
        let types = i64::try_from(summary.rules.types).unwrap_or(i64::MAX);
        // What lies outside a range is not gone, nor is it known to be free of secrets.
        let summary = &Summary {
            complete: summary.complete && summary.range.is_none(),
            ..summary.clone()
        };
        self.transaction.execute(
            "UPDATE scan SET version = ?2, rules = ?3, types = ?4, complete = ?5, summary = ?6
             WHERE id = ?1",
            params![
                scan.id,
                summary.version,
                summary.rules.hash,
                types,
                summary.complete,
                serde_json::to_string(summary).unwrap_or_default()
            ],
        )?;
        for input in &summary.inputs {
            if !self.is_of_deployments(scan, input)? {
                self.image(scan, input)?;
            }
        }
        if !summary.complete {
            return Ok(());
        }
        self.transaction.execute(
            "UPDATE location SET gone = 1
             WHERE image_id IN (SELECT image_id FROM scanned WHERE scan_id = ?1)
               AND scan_id <> ?1 AND gone = 0
               AND ?2 >= (SELECT types FROM scan WHERE id = location.scan_id)",
            params![scan.id, types],
        )?;
        if summary.rules.key_lines {
            for lines in ["accepts", "known_host"] {
                let gone = format!(
                    "DELETE FROM {lines} WHERE scan_id <> ?1
                       AND image_id IN (SELECT image_id FROM scanned WHERE scan_id = ?1)"
                );
                self.transaction.execute(&gone, [scan.id])?;
            }
        }
        self.transaction.execute(
            "UPDATE finding SET status = 'fixed' WHERE status IN ('open', 'accepted')
               AND id IN (SELECT finding_id FROM location WHERE gone = 1)
               AND NOT EXISTS (SELECT 1 FROM location WHERE finding_id = finding.id AND gone = 0)",
            [],
        )?;
        Ok(())
    }

    /// Takes a public key that lies on a disk. It lets somebody in only where a server looks for
    /// it; copies beside private keys do not, and lists of known hosts say where somebody went.
    fn authorized(
        &mut self,
        scan: &Scan,
        finding: &Finding,
        (image, asset): (i64, i64),
    ) -> Result<(), CaseError> {
        let place = &finding.occurrence;
        let path = place.path.as_deref().unwrap_or("");
        let file = file_of(path).to_ascii_lowercase();
        let text = |name: &str| finding.details.get(name).and_then(|value| value.as_str());
        if file.ends_with("known_hosts") {
            let hosts = text("options").unwrap_or("");
            return self.known_hosts(scan, image, path, hosts);
        }
        let listed = file.ends_with("authorized_keys") || file == "authorized_keys2";
        let Some(public_key) = text("public_key").filter(|_| listed) else {
            return Ok(());
        };
        let deleted = place
            .state
            .as_deref()
            .is_some_and(|state| state != "allocated");
        let confidence = match confidence_of(text("options").unwrap_or("")) {
            live if !deleted => live,
            once => once.min(DELETED),
        };
        self.transaction
            .prepare_cached(
                "INSERT INTO accepts SELECT uid, ?2, ?3, 'authorized_keys', ?4, ?5, ?6, ?7, ?8
                 FROM asset WHERE id = ?1
                 ON CONFLICT DO UPDATE SET confidence = max(confidence, excluded.confidence),
                     evidence = excluded.evidence",
            )?
            .execute(params![
                asset,
                public_key,
                login_of(path),
                confidence,
                format!("{path} at {:#x}", place.offset),
                self.source_id,
                image,
                scan.id
            ])?;
        Ok(())
    }

    /// Takes the names before a key in a list of known hosts. One that is marked as revoked, or of
    /// an authority, and a pattern name no host.
    fn known_hosts(
        &mut self,
        scan: &Scan,
        image: i64,
        path: &str,
        hosts: &str,
    ) -> Result<(), CaseError> {
        if hosts.contains([' ', '@', '#']) {
            return Ok(());
        }
        let is_name = |host: &&str| !host.is_empty() && !host.contains(['*', '?', '!']);
        for host in hosts.split(',').filter(is_name) {
            // `[db01]:2222`
            let bare = host
                .strip_prefix('[')
                .and_then(|rest| rest.split(']').next());
            let host = if host.starts_with('|') {
                host.to_owned()
            } else {
                bare.unwrap_or(host).to_ascii_lowercase()
            };
            self.transaction
                .prepare_cached(
                    "INSERT INTO known_host VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO UPDATE SET evidence = min(evidence, excluded.evidence),
                         scan_id = excluded.scan_id",
                )?
                .execute(params![image, host, path, scan.id])?;
        }
        Ok(())
    }

    /// The image of this name and its asset.
    fn image(&mut self, scan: &Scan, input: &str) -> Result<(i64, i64), CaseError> {
        let known: Option<(i64, i64)> = self
            .transaction
            .prepare_cached("SELECT id, asset_id FROM image WHERE input = ?1")?
            .query_row([input], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (image, asset) = match (known, scan.asset) {
            (Some((image, asset)), None) => (image, asset),
            (Some((image, before)), Some(asset)) => {
                if before != asset {
                    self.transaction
                        .prepare_cached("UPDATE image SET asset_id = ?2, named = ?3 WHERE id = ?1")?
                        .execute(params![image, asset, scan.named])?;
                    self.moved = true;
                }
                (image, asset)
            }
            (None, asset) => {
                let (asset, named) = match asset {
                    Some(asset) => (asset, scan.named.clone()),
                    None => self.asset_of_input(input)?,
                };
                self.transaction
                    .prepare_cached(
                        "INSERT INTO image (input, file, asset_id, named) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![input, file_of(input), asset, named])?;
                (self.transaction.last_insert_rowid(), asset)
            }
        };
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO scanned VALUES (?1, ?2)")?
            .execute([image, scan.id])?;
        Ok((image, asset))
    }

    /// An image that a table of images names without its folders, or an asset of its own.
    fn asset_of_input(&mut self, input: &str) -> Result<(i64, String), CaseError> {
        let file = file_of(input);
        let listed: Option<(i64, String)> = self
            .transaction
            .query_row(
                "SELECT asset_id, named FROM image WHERE input = ?1",
                [file],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        match listed {
            Some(listed) => Ok(listed),
            None => Ok((self.asset_named(&format!("image:{input}"))?, String::new())),
        }
    }

    fn secret(&mut self, finding: &Finding) -> Result<i64, CaseError> {
        let text = |map: &serde_json::Map<String, serde_json::Value>, key: &str| {
            map.get(key)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        let expires = finding.expires.as_deref();
        let expires = expires.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let protected = finding.details.get("encrypted") == Some(&true.into());
        let id: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO secret (fingerprint, type, variant, family, severity, verdict, preview,
                     protected, public_key, key_id, expires, identity, details)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
                 ON CONFLICT DO UPDATE SET severity = excluded.severity,
                     -- What was proven beside one copy of it holds for all.
                     verdict = CASE WHEN instr(?14, excluded.verdict) > instr(?14, verdict)
                         THEN excluded.verdict ELSE verdict END,
                     identity = max(identity, excluded.identity),
                     details = max(details, excluded.details),
                     public_key = coalesce(excluded.public_key, public_key),
                     key_id = coalesce(excluded.key_id, key_id),
                     expires = coalesce(excluded.expires, expires),
                     protected = min(protected, excluded.protected)
                 RETURNING id",
            )?
            .query_row(
                params![
                    finding.fingerprint,
                    finding.secret_type,
                    finding.variant,
                    family(&finding.secret_type),
                    rank(finding.severity),
                    finding.verdict.name(),
                    finding.secret.preview,
                    protected,
                    text(&finding.details, "public_key"),
                    text(&finding.identity, "key_id"),
                    expires.map(jiff::Timestamp::as_second),
                    serde_json::to_string(&finding.identity).unwrap_or_default(),
                    serde_json::to_string(&finding.details).unwrap_or_default(),
                    Verdict::ALL.map(Verdict::name).join(" ")
                ],
                |row| row.get(0),
            )?;
        if let Some((name, kind)) = finding.target.as_ref().and_then(claim) {
            self.transaction
                .prepare_cached("INSERT OR IGNORE INTO claim VALUES (?1, ?2, ?3)")?
                .execute(params![id, name, kind])?;
        }
        Ok(id)
    }
}

/// The name under which the estate knows what a secret opens. A bare word names nothing, and this
/// machine itself is no target.
fn claim(target: &Target) -> Option<(String, &str)> {
    let host = target.endpoint.as_deref().unwrap_or(&target.name);
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let host = host.split(['/', ':', ',']).next().unwrap_or(host);
    let is_here = host.eq_ignore_ascii_case("localhost")
        || host.starts_with("127.")
        || host == "::1"
        || host == "0.0.0.0";
    let kind = target.kind.as_str();
    let name = match kind {
        "storage-account" => format!("azure-storage:{}", target.name),
        "s3-bucket" => format!("s3:{}", target.name),
        "gcs-bucket" => format!("gcs:{}", target.name),
        "host" | "database" | "sql-database" | "postgresql-server" | "mysql-server"
        | "mariadb-server" | "cosmos-account" | "cosmos-cluster" | "rds-instance"
        | "rds-cluster" | "rds-proxy" | "redshift-cluster" => {
            if is_here || !host.contains('.') {
                return None;
            }
            match host.parse::<std::net::Ipv4Addr>() {
                Ok(_) => format!("address:{host}"),
                Err(_) => format!("host:{host}"),
            }
        }
        _ => format!("{kind}:{}", target.name),
    };
    Some((name.to_ascii_lowercase(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_name_and_this_machine_is_none() {
        let name = |kind: &str, name: &str, endpoint: Option<&str>| {
            let target = Target {
                kind: kind.to_owned(),
                name: name.to_owned(),
                endpoint: endpoint.map(str::to_owned),
            };
            claim(&target).map(|(name, _)| name)
        };
        let host = Some("tcp://Crm.Database.Windows.Net,1433");
        assert_eq!(
            name("sql-database", "crm", host).as_deref(),
            Some("host:crm.database.windows.net")
        );
        assert_eq!(
            name("database", "10.0.0.4", None).as_deref(),
            Some("address:10.0.0.4")
        );
        assert_eq!(name("database", "localhost", None), None);
        assert_eq!(name("host", "127.0.0.1", None), None);
        assert_eq!(name("host", "db", None), None);
        assert_eq!(
            name("storage-account", "AcmeLogs", None).as_deref(),
            Some("azure-storage:acmelogs")
        );
    }
}
