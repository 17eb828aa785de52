//! From what a secret says to what it opens.
//!
//! An edge always says how it is known, how sure that is, and where it stands written. Confidences:
//!
//! | edge | confidence |
//! |---|---|
//! | SSH key, `authorized_keys` line | 95; 60 with an option that binds it; 10 commented out |
//! | SSH key, inventory | 85, shared by the key pairs of one name |
//! | access key, its user by key id | 95; what the user's policies allow 70, under a condition 50 |
//! | SSH key, list of known hosts beside it | 40; 3 more for a host that accepts the key |
//! | host name of an inventory, storage account key | 90; 40 if the account refuses keys |
//! | shared access signature, signed link | 85, until it expires |
//! | private address, in the same network | 70 |
//! | a name that is in no inventory | 50: a node of its own, marked as such |

use rusqlite::Transaction;

use crate::case::CaseError;

/// All names by which assets can be meant.
pub(super) fn names(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute_batch(
        "DELETE FROM name;
         DELETE FROM asset WHERE stub = 1 AND id NOT IN (SELECT asset_id FROM finding)
             AND id NOT IN (SELECT asset_id FROM image);
         INSERT INTO name SELECT uid, id FROM asset;
         INSERT OR IGNORE INTO name
             SELECT f.object, a.id FROM fact f JOIN asset a ON a.uid = f.subject WHERE f.kind = 'name';
         INSERT OR IGNORE INTO name
             SELECT 'address:' || p.object, a.id FROM fact i JOIN asset a ON a.uid = i.subject
             JOIN fact p ON p.subject = i.object AND p.kind = 'private-address'
             WHERE i.kind = 'network-interface';
         INSERT OR IGNORE INTO name
             SELECT 'address:' || d.object, a.id FROM fact i JOIN asset a ON a.uid = i.subject
             JOIN fact p ON p.subject = i.object AND p.kind = 'public-address'
             JOIN fact d ON d.subject = p.object AND d.kind = 'address'
             WHERE i.kind = 'network-interface';",
    )?;
    Ok(())
}

/// The most severe open vulnerability of each asset.
pub(super) fn vulnerabilities(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute_batch(
        "UPDATE asset SET vuln = coalesce(given_vuln, 0) WHERE vuln <> coalesce(given_vuln, 0);
         UPDATE asset SET vuln = max(vuln, worst.severity) FROM (
             SELECT n.asset_id, max(v.severity) AS severity
             FROM vulnerability v JOIN name n ON n.name = v.subject GROUP BY n.asset_id) AS worst
         WHERE worst.asset_id = asset.id;",
    )?;
    Ok(())
}

/// What each secret opens.
pub(super) fn secrets(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute_batch(
        "DELETE FROM auth;
         UPDATE secret SET revoked = 0 WHERE revoked = 1;
         UPDATE secret SET revoked = 1 WHERE key_id IN (SELECT key_id FROM owner GROUP BY key_id
             HAVING max(active) = 0);

         -- SSH keys: lines and inventories that name the machine itself
         INSERT OR IGNORE INTO auth
             SELECT s.id, n.asset_id, a.how, max(a.confidence), a.evidence
             FROM accepts a JOIN secret s ON s.public_key = a.public_key
             JOIN name n ON n.name = a.subject
             GROUP BY s.id, n.asset_id, a.how;
         -- and those that name its key pair, of which several may have the same name
         INSERT OR IGNORE INTO auth
             SELECT s.id, t.id, a.how, max(a.confidence) / coalesce(alike.keys, 1), a.evidence
             FROM accepts a JOIN secret s ON s.public_key = a.public_key
             LEFT JOIN (SELECT subject, how, count(DISTINCT public_key) AS keys FROM accepts
                 WHERE how = 'ec2-key-pair' GROUP BY subject) alike
                 ON alike.subject = a.subject AND alike.how = a.how
             JOIN fact p ON p.object = a.subject AND p.kind = 'key-pair'
             JOIN asset t ON t.uid = p.subject
             GROUP BY s.id, t.id, a.how;

         -- names that an inventory knows
         INSERT OR IGNORE INTO auth
             SELECT c.secret_id, n.asset_id,
                 CASE WHEN s.type = 'azure-storage-sas' THEN 'shared-access-signature'
                      WHEN c.kind = 'storage-account' THEN 'account-key'
                      WHEN c.kind IN ('s3-bucket', 'gcs-bucket') THEN 'signed-link'
                      WHEN c.name GLOB 'address:*' THEN 'address'
                      WHEN c.name GLOB 'host:*' THEN 'host-name'
                      ELSE 'name' END,
                 (CASE WHEN s.type = 'azure-storage-sas' THEN iif(t.key_access, 85, 40)
                      WHEN c.kind = 'storage-account' THEN iif(t.key_access, 90, 40)
                      WHEN c.kind IN ('s3-bucket', 'gcs-bucket') THEN 85
                      WHEN c.name GLOB 'address:*' THEN 70
                      ELSE 90 END)
                 / iif(c.name GLOB 'address:*', 1, alike.assets),
                 'the text around it names ' || c.name
             FROM claim c
             -- A name that everything has tells nothing apart.
             JOIN (SELECT name, count(*) AS assets FROM name GROUP BY name
                 HAVING count(*) <= 1000) alike ON alike.name = c.name
             JOIN name n ON n.name = c.name
             JOIN secret s ON s.id = c.secret_id JOIN asset t ON t.id = n.asset_id;

         -- names that no inventory knows: a node that says so
         INSERT OR IGNORE INTO asset (uid, kind, service, cloud, name, stub)
             SELECT 'named:' || c.name,
                 CASE WHEN c.kind IN ('storage-account', 's3-bucket', 'gcs-bucket') THEN 'storage'
                      WHEN c.kind = 'aws-account' THEN 'identity' ELSE 'database' END,
                 CASE c.kind WHEN 'storage-account' THEN 'azure.storage_account'
                      WHEN 's3-bucket' THEN 'aws.s3_bucket' WHEN 'gcs-bucket' THEN 'gcp.bucket'
                      WHEN 'rds-instance' THEN 'aws.rds' WHEN 'rds-cluster' THEN 'aws.rds'
                      WHEN 'rds-proxy' THEN 'aws.rds' WHEN 'redshift-cluster' THEN 'aws.redshift'
                      WHEN 'aws-account' THEN 'aws.account' ELSE 'azure.' || c.kind END,
                 CASE WHEN c.kind GLOB 'rds-*' OR c.kind IN ('s3-bucket', 'redshift-cluster', 'aws-account')
                      THEN 'aws' WHEN c.kind = 'gcs-bucket' THEN 'gcp' ELSE 'azure' END,
                 substr(c.name, instr(c.name, ':') + 1), 1
             FROM claim c
             WHERE c.kind IN ('storage-account', 's3-bucket', 'gcs-bucket', 'aws-account',
                     'sql-database', 'postgresql-server', 'mysql-server', 'mariadb-server',
                     'cosmos-account', 'cosmos-cluster', 'rds-instance', 'rds-cluster', 'rds-proxy',
                     'redshift-cluster')
               AND c.name NOT IN (SELECT name FROM name) GROUP BY c.name;
         INSERT OR IGNORE INTO auth
             SELECT c.secret_id, a.id, 'named-only', 50,
                 'the text around it names ' || c.name || ', which is in no inventory'
             FROM claim c JOIN asset a ON a.uid = 'named:' || c.name AND a.stub = 1
             WHERE c.name NOT IN (SELECT name FROM name);

         -- access keys: their user, and what its policies allow
         INSERT OR IGNORE INTO auth
             SELECT s.id, a.id, 'access-key-id', 95, 'IAM lists ' || o.key_id || ' as a key of ' || a.name
             FROM owner o JOIN secret s ON s.key_id = o.key_id AND s.family = 'cloud'
             JOIN asset a ON a.uid = o.identity WHERE o.active = 1;
         INSERT OR IGNORE INTO auth
             SELECT s.id, m.asset_id, 'iam-policy', max(m.confidence), m.evidence
             FROM owner o JOIN secret s ON s.key_id = o.key_id AND s.family = 'cloud'
             JOIN may m ON m.identity = o.identity
             WHERE o.active = 1 GROUP BY s.id, m.asset_id;",
    )?;
    Ok(())
}

/// What can be reached from where. A secret opens nothing once it is revoked, protected by a
/// passphrase, decided upon or gone; a machine that is off cannot be entered, and entering oneself
/// leads nowhere.
pub(super) fn lateral(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute_batch(
        "DELETE FROM lateral;
         INSERT INTO lateral
             SELECT e.src, e.dst, s.id, s.family, e.confidence, s.expires, e.how, e.evidence, s.type,
                 s.preview, s.fingerprint,
                 coalesce((SELECT
                     -- The image is shown where a path would not do.
                     CASE WHEN l.pointer IS NOT NULL THEN i.input || ' ' || l.pointer
                          WHEN l.path = '' THEN i.input || ' at 0x' || printf('%x', l.offset)
                          ELSE l.path || ' at 0x' || printf('%x', l.offset) END
                     || coalesce(' [' || nullif(l.state, 'allocated') || ']', '')
                  FROM location l JOIN image i ON i.id = l.image_id
                  WHERE l.finding_id = e.finding AND l.gone = 0
                  ORDER BY l.state IS NOT 'allocated', l.id LIMIT 1), '')
             FROM (SELECT f.asset_id AS src, a.asset_id AS dst, f.secret_id AS secret, f.id AS finding,
                     max(a.confidence) AS confidence, a.how, a.evidence
                 FROM finding f JOIN secret s ON s.id = f.secret_id
                 JOIN auth a ON a.secret_id = f.secret_id
                 JOIN asset v ON v.id = f.asset_id JOIN asset t ON t.id = a.asset_id
                 WHERE f.status = 'open' AND s.revoked = 0 AND s.protected = 0
                   AND a.asset_id <> f.asset_id AND v.running = 1 AND t.running = 1
                   AND (a.how <> 'address'
                        OR (v.network <> '' AND v.network = t.network)
                        OR (v.network = '' AND v.account <> '' AND v.account = t.account))
                 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) e
             JOIN secret s ON s.id = e.secret;",
    )?;
    Ok(())
}
