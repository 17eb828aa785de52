//! All that is known of one finding or one asset: the evidence, as a person reads it.

use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value};

use super::listing;
use super::recommendation::{level, named};
use crate::case::CaseError;
use crate::finding::{Place, Surroundings};

/// Vulnerabilities of an asset that are listed.
const LISTED: usize = 50;

/// One place of a secret.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The image or file that was scanned.
    pub image: String,
    /// The file on it; empty if none is known.
    pub path: String,
    /// First byte, in the image.
    pub offset: i64,
    /// Bytes it takes there.
    pub length: i64,
    /// Position through decoders.
    pub forensic_path: String,
    /// Partition number.
    pub partition: Option<i64>,
    /// Inode of the file.
    pub inode: Option<i64>,
    /// `allocated`, `deleted`, ...
    pub state: Option<String>,
    /// When the file was last changed.
    pub modified: Option<String>,
    /// Line in a text file.
    pub line: Option<i64>,
    /// JSON pointer in a document.
    pub pointer: Option<String>,
    /// Resource of a deployment.
    pub resource: Option<String>,
    /// Remarks.
    pub labels: String,
    /// Whether a later complete scan did not see it.
    pub gone: bool,
    /// What was undone to read it, outermost first.
    pub encoding: String,
    /// Name of the file system.
    pub filesystem: Option<String>,
    /// First byte in the file.
    pub file_offset: Option<i64>,
    /// User and group that own the file.
    pub owner: Option<(i64, i64)>,
    /// Its permission bits, octal.
    pub mode: Option<String>,
    /// What else owns the bytes.
    pub also: Vec<Place>,
    /// The bytes around it, redacted.
    pub surroundings: Option<Surroundings>,
}

/// What a secret opens.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Uid of the asset.
    pub target: String,
    /// Its name.
    pub name: String,
    /// How that is known.
    pub how: String,
    /// How sure it is, 0 to 100.
    pub confidence: i64,
    /// Where it stands.
    pub evidence: String,
}

/// A finding with its evidence.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Number in the case.
    pub id: i64,
    /// Type and variant of the secret.
    pub secret_type: String,
    /// Shape within the type.
    pub variant: String,
    /// Family, by which steps are chosen.
    pub family: String,
    /// The secret, redacted.
    pub preview: String,
    /// Keyed hash of the secret.
    pub fingerprint: String,
    /// Fingerprint of the public half of a key.
    pub public_key: Option<String>,
    /// Public id of an access key.
    pub key_id: Option<String>,
    /// Under a passphrase.
    pub protected: bool,
    /// Switched off by its owner.
    pub revoked: bool,
    /// When it stops working.
    pub expires: Option<String>,
    /// Whose it is.
    pub identity: Map<String, Value>,
    /// Facts particular to the type.
    pub details: Map<String, Value>,
    /// Uid, name, kind and cloud of the asset that holds it.
    pub asset: [String; 4],
    /// Day on which an accepted finding opens again.
    pub until: Option<String>,
    /// Remark of whoever decided on it.
    pub note: String,
    /// First and last scan that saw it.
    pub seen: [String; 2],
    /// Its places.
    pub spots: Vec<Spot>,
    /// What it opens.
    pub opens: Vec<Opening>,
    /// Other assets that hold the same secret.
    pub also_on: Vec<String>,
    /// Its priority in words, with its terms.
    pub priority: String,
}

impl Finding {
    /// The recommendation it falls under; empty if none.
    #[must_use]
    pub fn recommendation(&self) -> &'static str {
        let [_, _, kind, cloud] = &self.asset;
        named(kind, cloud)
    }
}

/// What an asset is drawn as.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// `vm`, `storage`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `azure.vm`, ...
    pub service: String,
}

/// What the asset of this uid is drawn as.
///
/// # Errors
/// When the database fails.
pub fn node(connection: &Connection, uid: &str) -> Result<Option<Node>, CaseError> {
    let mut statement =
        connection.prepare_cached("SELECT kind, name, service FROM asset WHERE uid = ?1")?;
    let node = statement.query_row([uid], |row| {
        Ok(Node {
            kind: row.get(0)?,
            name: row.get(1)?,
            service: row.get(2)?,
        })
    });
    Ok(node.optional()?)
}

fn map(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Looks a finding up.
///
/// # Errors
/// When the database fails.
pub fn finding(connection: &Connection, id: i64) -> Result<Option<Finding>, CaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT f.id, s.type, s.variant, s.family, s.preview, s.fingerprint, s.public_key, s.key_id,
             s.protected, s.revoked, strftime('%Y-%m-%dT%H:%M:%SZ', s.expires, 'unixepoch'),
             s.identity, s.details, v.uid, v.name, v.kind, v.cloud, f.until, f.note, f.first_seen,
             f.last_seen, s.id
         FROM finding f JOIN secret s ON s.id = f.secret_id JOIN asset v ON v.id = f.asset_id
         WHERE f.id = ?1",
    )?;
    let found = statement
        .query_row([id], |row| {
            let (identity, details): (String, String) = (row.get(11)?, row.get(12)?);
            let finding = Finding {
                id: row.get(0)?,
                secret_type: row.get(1)?,
                variant: row.get(2)?,
                family: row.get(3)?,
                preview: row.get(4)?,
                fingerprint: row.get(5)?,
                public_key: row.get(6)?,
                key_id: row.get(7)?,
                protected: row.get(8)?,
                revoked: row.get(9)?,
                expires: row.get(10)?,
                identity: map(&identity),
                details: map(&details),
                asset: [row.get(13)?, row.get(14)?, row.get(15)?, row.get(16)?],
                until: row.get(17)?,
                note: row.get(18)?,
                seen: [row.get(19)?, row.get(20)?],
                spots: Vec::new(),
                opens: Vec::new(),
                also_on: Vec::new(),
                priority: String::new(),
            };
            Ok((finding, row.get::<_, i64>(21)?))
        })
        .optional()?;
    let Some((mut finding, secret)) = found else {
        return Ok(None);
    };
    finding.spots = all(
        connection,
        "SELECT i.input, l.path, l.offset, l.length, l.place, l.partition, l.inode, l.state,
             l.modified, l.line, l.pointer, l.resource, l.labels, l.gone, coalesce(e.encoding, ''),
             e.filesystem, e.file_offset, e.uid, e.gid, e.mode, e.also, e.surroundings
         FROM location l JOIN image i ON i.id = l.image_id
         LEFT JOIN evidence e ON e.location_id = l.id WHERE l.finding_id = ?1
         ORDER BY l.gone, l.state IS NOT 'allocated', l.id",
        id,
        |row| {
            let (user, group): (Option<i64>, Option<i64>) = (row.get(17)?, row.get(18)?);
            let (also, around): (Option<String>, Option<String>) = (row.get(20)?, row.get(21)?);
            Ok(Spot {
                image: row.get(0)?,
                path: row.get(1)?,
                offset: row.get(2)?,
                length: row.get(3)?,
                forensic_path: row.get(4)?,
                partition: row.get(5)?,
                inode: row.get(6)?,
                state: row.get(7)?,
                modified: row.get(8)?,
                line: row.get(9)?,
                pointer: row.get(10)?,
                resource: row.get(11)?,
                labels: row.get(12)?,
                gone: row.get(13)?,
                encoding: row.get(14)?,
                filesystem: row.get(15)?,
                file_offset: row.get(16)?,
                owner: user.zip(group),
                mode: row.get(19)?,
                also: also
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or_default(),
                surroundings: around.and_then(|text| serde_json::from_str(&text).ok()),
            })
        },
    )?;
    finding.opens = all(
        connection,
        "SELECT t.uid, t.name, a.how, a.confidence, a.evidence
         FROM auth a JOIN asset t ON t.id = a.asset_id WHERE a.secret_id = ?1
         ORDER BY a.confidence DESC, t.uid",
        secret,
        |row| {
            Ok(Opening {
                target: row.get(0)?,
                name: row.get(1)?,
                how: row.get(2)?,
                confidence: row.get(3)?,
                evidence: row.get(4)?,
            })
        },
    )?;
    // What opens the asset it lies on is no way further.
    let [uid, ..] = &finding.asset;
    finding.opens.retain(|opening| opening.target != *uid);
    finding.also_on = all(
        connection,
        "SELECT v.uid FROM finding f JOIN asset v ON v.id = f.asset_id
         WHERE f.secret_id = ?1 AND f.status = 'open' ORDER BY v.uid",
        secret,
        |row| row.get(0),
    )?;
    finding.also_on.retain(|other| other != uid);
    let (score, terms) = listing::terms(connection, id)?;
    finding.priority = format!("{score} ({}): {terms}", level(score));
    Ok(Some(finding))
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    id: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, CaseError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An asset with what inventories say of it.
#[derive(Clone, Debug)]
pub struct Asset {
    /// The cloud's own id.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// `azure.vm`, `aws.rds`, ...
    pub service: String,
    /// Subscription, account or project.
    pub account: String,
    /// Where it runs.
    pub region: String,
    /// Open ports.
    pub ports: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether it holds what is called sensitive.
    pub sensitive: bool,
    /// Whether only a secret names it.
    pub stub: bool,
    /// Other names.
    pub names: Vec<String>,
    /// Images of it.
    pub images: Vec<String>,
    /// Open vulnerabilities, the most severe first.
    pub vulnerabilities: Vec<String>,
    /// Which secrets open it, with the asset that holds them.
    pub opened_by: Vec<String>,
}

/// Looks an asset up.
///
/// # Errors
/// When the database fails.
pub fn asset(connection: &Connection, id: i64) -> Result<Option<Asset>, CaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT uid, name, service, account, region, ports, running, sensitive, stub
         FROM asset WHERE id = ?1",
    )?;
    let found = statement
        .query_row([id], |row| {
            Ok(Asset {
                uid: row.get(0)?,
                name: row.get(1)?,
                service: row.get(2)?,
                account: row.get(3)?,
                region: row.get(4)?,
                ports: row.get(5)?,
                running: row.get(6)?,
                sensitive: row.get(7)?,
                stub: row.get(8)?,
                names: Vec::new(),
                images: Vec::new(),
                vulnerabilities: Vec::new(),
                opened_by: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut asset) = found else {
        return Ok(None);
    };
    asset.names = all(
        connection,
        "SELECT name FROM name WHERE asset_id = ?1 ORDER BY name",
        id,
        |row| row.get(0),
    )?;
    asset.names.retain(|name| *name != asset.uid);
    asset.images = all(
        connection,
        "SELECT input FROM image WHERE asset_id = ?1 ORDER BY input",
        id,
        |row| row.get(0),
    )?;
    asset.vulnerabilities = all(
        connection,
        &format!(
            "SELECT DISTINCT v.cve || CASE v.severity WHEN 4 THEN ' critical' WHEN 3 THEN ' high'
                 WHEN 2 THEN ' medium' WHEN 1 THEN ' low' ELSE '' END
                 || iif(v.package = '', '', ', ' || v.package)
                 || iif(v.fixed_in = '', '', ', fixed in ' || v.fixed_in)
             FROM name n JOIN vulnerability v ON v.subject = n.name WHERE n.asset_id = ?1
             ORDER BY v.severity DESC, v.cve LIMIT {LISTED}"
        ),
        id,
        |row| row.get(0),
    )?;
    asset.opened_by = all(
        connection,
        &format!(
            "SELECT s.type || ' ' || s.preview || ' on ' || v.uid
             FROM lateral l JOIN secret s ON s.id = l.secret_id JOIN asset v ON v.id = l.src
             WHERE l.dst = ?1 ORDER BY l.confidence DESC, v.uid LIMIT {LISTED}"
        ),
        id,
        |row| row.get(0),
    )?;
    Ok(Some(asset))
}
