//! The whole graph of a case, one node and one edge after the other, for programs that find paths
//! themselves.

use rusqlite::Connection;

use super::{THRESHOLD, VULNERABLE};
use crate::case::CaseError;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody outside.
    Internet,
    /// A virtual machine.
    Machine,
    /// A bucket or a storage account.
    Storage,
    /// A database or its server.
    Database,
    /// A cloud's user or role.
    Identity,
    /// A deployment or a stack.
    Deployment,
    /// Another resource.
    Resource,
    /// A secret that was found.
    Secret,
    /// A public key that machines accept.
    PublicKey,
}

/// A value of a node or an edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A text, not empty.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

/// Named values.
pub type Facts = Vec<(&'static str, Fact)>;

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Equal in every case that holds it, under the same key.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What is known of it.
    pub facts: Facts,
}

/// How one node leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The internet reaches a machine.
    Exposes,
    /// The internet reaches a machine with a grave vulnerability.
    CanExploit,
    /// An asset holds a secret.
    Contains,
    /// A secret opens an asset.
    AuthenticatesTo,
    /// A secret may open an asset: the edge is weak, or the secret is revoked, expired or under a
    /// passphrase.
    MayAuthenticateTo,
    /// A private key has this public half.
    HasPublicKey,
    /// A machine lets in who holds the private half.
    AcceptsKey,
}

/// One edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Id of the node it starts from.
    pub from: String,
    /// Id of the node it leads to.
    pub to: String,
    /// How.
    pub relation: Relation,
    /// How that is known, how sure it is, and where it stands.
    pub facts: Facts,
}

const INTERNET: &str = "kd:internet";

fn asset_id(uid: &str) -> String {
    format!("kd:asset:{uid}")
}

fn secret_id(fingerprint: &str) -> String {
    format!("kd:secret:{fingerprint}")
}

fn public_key_id(key: &str) -> String {
    format!("kd:public-key:{key}")
}

fn text(facts: &mut Facts, name: &'static str, value: String) {
    if !value.is_empty() {
        facts.push((name, Fact::Text(value)));
    }
}

/// Hands out every node.
///
/// # Errors
/// When the database fails, or `take` does.
pub fn nodes<E: From<CaseError>>(
    connection: &Connection,
    take: &mut dyn FnMut(Node) -> Result<(), E>,
) -> Result<(), E> {
    take(Node {
        id: INTERNET.to_owned(),
        kind: Kind::Internet,
        facts: vec![("name", Fact::Text("Internet".to_owned()))],
    })?;
    each(
        connection,
        "SELECT uid, kind, service, cloud, account, iif(name = '', uid, name), region, ports,
             exposed, vuln, sensitive, running, stub FROM asset ORDER BY id",
        &mut |row| {
            let uid: String = row.get(0)?;
            let kind: String = row.get(1)?;
            let mut facts = Facts::new();
            for (column, name) in [
                (2, "service"),
                (3, "cloud"),
                (4, "account"),
                (5, "name"),
                (6, "region"),
                (7, "ports"),
            ] {
                text(&mut facts, name, row.get(column)?);
            }
            facts.push(("exposed", Fact::Flag(row.get(8)?)));
            facts.push(("vulnerability", Fact::Number(row.get(9)?)));
            facts.push(("sensitive", Fact::Flag(row.get(10)?)));
            facts.push(("running", Fact::Flag(row.get(11)?)));
            facts.push(("namedonly", Fact::Flag(row.get(12)?)));
            facts.push(("uid", Fact::Text(uid.clone())));
            Ok(Node {
                id: asset_id(&uid),
                kind: match kind.as_str() {
                    "vm" => Kind::Machine,
                    "storage" => Kind::Storage,
                    "database" => Kind::Database,
                    "identity" => Kind::Identity,
                    "deployment" => Kind::Deployment,
                    _ => Kind::Resource,
                },
                facts,
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT fingerprint, type, variant, family, verdict, preview, severity, protected, revoked,
             coalesce(datetime(expires, 'unixepoch'), '') FROM secret ORDER BY id",
        &mut |row| {
            let fingerprint: String = row.get(0)?;
            let (kind, preview): (String, String) = (row.get(1)?, row.get(5)?);
            let mut facts = vec![("name", Fact::Text(format!("{kind} {preview}")))];
            for (column, name) in [
                (1, "type"),
                (2, "variant"),
                (3, "family"),
                (4, "verdict"),
                (5, "preview"),
                (9, "expires"),
            ] {
                text(&mut facts, name, row.get(column)?);
            }
            facts.push(("severity", Fact::Number(row.get(6)?)));
            facts.push(("protected", Fact::Flag(row.get(7)?)));
            facts.push(("revoked", Fact::Flag(row.get(8)?)));
            text(&mut facts, "fingerprint", fingerprint.clone());
            Ok(Node {
                id: secret_id(&fingerprint),
                kind: Kind::Secret,
                facts,
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT public_key FROM accepts
         UNION SELECT public_key FROM secret WHERE public_key IS NOT NULL",
        &mut |row| {
            let key: String = row.get(0)?;
            Ok(Node {
                id: public_key_id(&key),
                kind: Kind::PublicKey,
                facts: vec![("name", Fact::Text(key))],
            })
        },
        take,
    )
}

/// Hands out every edge. Findings that were decided upon or are gone make none.
///
/// # Errors
/// When the database fails, or `take` does.
pub fn edges<E: From<CaseError>>(
    connection: &Connection,
    take: &mut dyn FnMut(Edge) -> Result<(), E>,
) -> Result<(), E> {
    each(
        connection,
        "SELECT uid, ports, vuln FROM asset WHERE exposed = 1 AND running = 1 ORDER BY id",
        &mut |row| {
            let (uid, vulnerability): (String, u8) = (row.get(0)?, row.get(2)?);
            let mut facts = vec![("vulnerability", Fact::Number(vulnerability.into()))];
            text(&mut facts, "ports", row.get(1)?);
            Ok(Edge {
                from: INTERNET.to_owned(),
                to: asset_id(&uid),
                relation: if vulnerability >= VULNERABLE {
                    Relation::CanExploit
                } else {
                    Relation::Exposes
                },
                facts,
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT a.uid, s.fingerprint, f.first_seen, f.last_seen,
             coalesce((SELECT coalesce(nullif(l.path, ''), l.pointer, i.input) || ' at ' || l.offset
                 FROM location l JOIN image i ON i.id = l.image_id
                 WHERE l.finding_id = f.id AND l.gone = 0
                 ORDER BY l.state IS NOT 'allocated', l.id LIMIT 1), ''),
             (SELECT count(*) FROM location l WHERE l.finding_id = f.id AND l.gone = 0)
         FROM finding f JOIN asset a ON a.id = f.asset_id JOIN secret s ON s.id = f.secret_id
         WHERE f.status = 'open' ORDER BY f.id",
        &mut |row| {
            let (uid, fingerprint): (String, String) = (row.get(0)?, row.get(1)?);
            let mut facts = vec![("places", Fact::Number(row.get(5)?))];
            for (column, name) in [(2, "firstseen"), (3, "seen"), (4, "location")] {
                text(&mut facts, name, row.get(column)?);
            }
            Ok(Edge {
                from: asset_id(&uid),
                to: secret_id(&fingerprint),
                relation: Relation::Contains,
                facts,
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT s.fingerprint, a.uid, e.how, e.evidence, e.confidence,
             s.protected OR s.revoked OR (s.expires IS NOT NULL AND s.expires < unixepoch())
             OR a.running = 0
         FROM auth e JOIN secret s ON s.id = e.secret_id JOIN asset a ON a.id = e.asset_id
         ORDER BY e.secret_id, e.asset_id, e.how",
        &mut |row| {
            let (fingerprint, uid): (String, String) = (row.get(0)?, row.get(1)?);
            let (confidence, is_dead): (u8, bool) = (row.get(4)?, row.get(5)?);
            Ok(Edge {
                from: secret_id(&fingerprint),
                to: asset_id(&uid),
                relation: if is_dead || confidence < THRESHOLD {
                    Relation::MayAuthenticateTo
                } else {
                    Relation::AuthenticatesTo
                },
                facts: known(row.get(2)?, confidence, row.get(3)?),
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT fingerprint, public_key FROM secret WHERE public_key IS NOT NULL ORDER BY id",
        &mut |row| {
            let (fingerprint, key): (String, String) = (row.get(0)?, row.get(1)?);
            Ok(Edge {
                from: secret_id(&fingerprint),
                to: public_key_id(&key),
                relation: Relation::HasPublicKey,
                facts: known("computed".to_owned(), 100, String::new()),
            })
        },
        take,
    )?;
    each(
        connection,
        "SELECT a.uid, e.public_key, e.how, max(e.confidence), e.evidence, e.login
         FROM accepts e JOIN name n ON n.name = e.subject JOIN asset a ON a.id = n.asset_id
         GROUP BY a.id, e.public_key ORDER BY a.id, e.public_key",
        &mut |row| {
            let (uid, key): (String, String) = (row.get(0)?, row.get(1)?);
            let mut facts = known(row.get(2)?, row.get(3)?, row.get(4)?);
            text(&mut facts, "login", row.get(5)?);
            Ok(Edge {
                from: asset_id(&uid),
                to: public_key_id(&key),
                relation: Relation::AcceptsKey,
                facts,
            })
        },
        take,
    )
}

fn known(how: String, confidence: u8, evidence: String) -> Facts {
    let mut facts = vec![("confidence", Fact::Number(confidence.into()))];
    text(&mut facts, "how", how);
    text(&mut facts, "evidence", evidence);
    facts
}

/// Makes something of each row and hands it on.
fn each<T, E: From<CaseError>>(
    connection: &Connection,
    sql: &str,
    make: &mut dyn FnMut(&rusqlite::Row<'_>) -> Result<T, rusqlite::Error>,
    take: &mut dyn FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = connection.prepare(sql).map_err(CaseError::from)?;
    let mut rows = statement.query([]).map_err(CaseError::from)?;
    while let Some(row) = rows.next().map_err(CaseError::from)? {
        take(make(row).map_err(CaseError::from)?)?;
    }
    Ok(())
}
