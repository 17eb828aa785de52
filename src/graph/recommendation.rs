//! What should be done: the five recommendations, the findings under each, and the steps.

use rusqlite::Connection;
use serde_json::Value;

use super::grid::{self, Grid};
use crate::case::CaseError;

/// One roll-up over the findings of one sort of resource.
#[derive(Clone, Copy, Debug)]
pub struct Recommendation {
    /// The name.
    pub name: &'static str,
    /// Kind of the resources.
    pub kind: &'static str,
    /// Cloud of the resources.
    pub of: &'static str,
}

/// The three for machines and the two for deployments.
pub const RECOMMENDATIONS: &[Recommendation] = &[
    Recommendation {
        name: "Machines should have secrets findings resolved",
        kind: "vm",
        of: "azure",
    },
    Recommendation {
        name: "EC2 instances should have secrets findings resolved",
        kind: "vm",
        of: "aws",
    },
    Recommendation {
        name: "VM instances should have secrets findings resolved",
        kind: "vm",
        of: "gcp",
    },
    Recommendation {
        name: "Azure Resource Manager deployments should have secrets findings resolved",
        kind: "deployment",
        of: "azure",
    },
    Recommendation {
        name: "AWS CloudFormation Stack should have secrets findings resolved",
        kind: "deployment",
        of: "aws",
    },
];

/// Steps per family of secrets: contain, check, replace, clean the copy, prevent. Rotating comes
/// before deleting: a deleted file does not make a key safe.
const STEPS: &[(&str, [&str; 5])] = &[
    (
        "ssh",
        [
            "Remove the public half from every machine that accepts it (listed as `opens`).",
            "Read the login records of those machines since the file was last changed.",
            "Give access by short-lived certificates, instance connect or a bastion instead of a key file.",
            "Overwrite the file, then trim; snapshots, backups, deleted and unallocated copies hold it too and are listed by offset.",
            "Put keys under a passphrase or into an agent, mode 0600, and none into images.",
        ],
    ),
    (
        "storage",
        [
            "Regenerate the other account key, move its users there, then regenerate this one. A shared access signature dies with the key that signed it or with its stored access policy; a pre-signed link with the access key of its signer.",
            "Read the storage logs for this key or signature since the file was last changed.",
            "Use a managed identity and role assignments, and disable shared keys.",
            "Overwrite the file, then trim; snapshots, backups, deleted and unallocated copies hold it too and are listed by offset.",
            "Forbid shared keys by policy.",
        ],
    ),
    (
        "database",
        [
            "Change the login's password or drop the login, and end its sessions.",
            "Read the database's audit log since the file was last changed.",
            "Let the application log in with its identity, or refer to a vault from its configuration.",
            "Overwrite the file, then trim; snapshots, backups, deleted and unallocated copies hold it too and are listed by offset.",
            "Keep connection strings out of configuration files; refer to a secret store.",
        ],
    ),
    (
        "cloud",
        [
            "Deactivate the key, watch what fails, then delete it; its last use tells who needs it.",
            "Read the provider's audit log for the key id since the file was last changed.",
            "Use a role, a managed identity or federated login instead of a long-lived key.",
            "Overwrite the file, then trim; snapshots, backups, deleted and unallocated copies hold it too and are listed by offset.",
            "Search commits and images for keys before they leave the developer's machine.",
        ],
    ),
    (
        "other",
        [
            "Revoke it where it was issued.",
            "Read the issuer's audit log since the file was last changed.",
            "Issue one that is short-lived and narrow, and keep it in a secret store.",
            "Overwrite the file, then trim; snapshots, backups, deleted and unallocated copies hold it too and are listed by offset.",
            "Search commits and images for secrets before they leave the developer's machine.",
        ],
    ),
];

/// The families of secrets, and what they are called.
pub const FAMILIES: &[(&str, &str)] = &[
    ("ssh", "SSH keys"),
    ("storage", "Storage keys, signatures and links"),
    ("database", "Connection strings of databases"),
    ("cloud", "Access keys of cloud users"),
    ("other", "Other secrets"),
];

/// What a deployment needs besides.
const DEPLOYMENT: &str = "Deploy again with secure parameter types or references to a vault, then delete the deployment's entry in the history, or the stack's outputs.";

/// The steps for a secret of this family.
#[must_use]
pub fn steps(family: &str, in_deployment: bool) -> Vec<&'static str> {
    let known = STEPS.iter().find(|(name, _)| *name == family);
    let mut steps: Vec<&str> = known.map(|(_, steps)| steps.to_vec()).unwrap_or_default();
    if in_deployment {
        steps.push(DEPLOYMENT);
    }
    steps
}

/// The roll-ups with their counts. A resource is unhealthy if it has an open finding, healthy if a
/// complete scan of it has none, and else not assessed.
///
/// # Errors
/// When the database fails.
pub fn roll_up(connection: &Connection) -> Result<Grid, CaseError> {
    let mut grid = Grid::of(&[
        "recommendation",
        "unhealthy",
        "healthy",
        "not_assessed",
        "findings",
        "fixed",
        "accepted",
        "false_positive",
    ]);
    for recommendation in RECOMMENDATIONS {
        let found = grid::query(
            connection,
            "SELECT count(*) FILTER (WHERE t.open > 0),
                 count(*) FILTER (WHERE t.open = 0 AND t.complete),
                 count(*) FILTER (WHERE t.open = 0 AND NOT t.complete),
                 coalesce(sum(t.open), 0), coalesce(sum(t.fixed), 0),
                 coalesce(sum(t.accepted), 0), coalesce(sum(t.false_positive), 0)
             FROM asset a CROSS JOIN tally t ON t.asset_id = a.id
             WHERE a.kind = ?1 AND a.cloud = ?2 AND a.stub = 0",
            [recommendation.kind, recommendation.of],
            1,
        )?;
        let mut row = vec![Value::from(recommendation.name)];
        row.extend(found.rows.into_iter().flatten());
        grid.rows.push(row);
    }
    Ok(grid)
}

/// The `?1` most urgent findings in the table `top`, with the terms of their priority that are
/// kept: the same sum that is shown with its terms.
pub(super) fn top() -> String {
    format!(
        "WITH top AS MATERIALIZED (SELECT finding_id AS id,
             score + {DEAD} * coalesce(ends < unixepoch(), 0) AS score,
             coalesce(ends < unixepoch(), 0) AS dead, best, sensitive, hosts, test, deleted
         FROM urgency ORDER BY 2 DESC, 1 LIMIT ?1)"
    )
}

/// Every finding under its recommendation with a priority whose terms are shown, the highest
/// first. Those on other assets have an empty recommendation.
///
/// # Errors
/// When the database fails.
pub fn findings(connection: &Connection, limit: usize) -> Result<Grid, CaseError> {
    let found = grid::query(
        connection,
        &format!(
            "{}
             SELECT f.id, f.status, v.uid, v.kind, v.cloud, s.type, s.family, s.preview, s.fingerprint,
                 (SELECT coalesce(nullif(l.path, '') || coalesce('#' || l.pointer, ''), l.pointer, i.input) || ' at ' || l.offset
                  FROM location l JOIN image i ON i.id = l.image_id WHERE l.finding_id = f.id
                  ORDER BY l.gone, l.id LIMIT 1),
                 v.exposed, v.vuln, s.protected, s.severity, top.dead, top.best,
                 top.sensitive, top.hosts, top.test, top.deleted, f.until, f.first_seen, f.last_seen
             FROM top JOIN finding f ON f.id = top.id JOIN secret s ON s.id = f.secret_id
             JOIN asset v ON v.id = f.asset_id ORDER BY top.score DESC, f.id",
            top()
        ),
        [i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)],
        limit,
    )?;
    let mut grid = Grid::of(&[
        "finding",
        "priority",
        "terms",
        "recommendation",
        "status",
        "asset",
        "secret",
        "preview",
        "fingerprint",
        "location",
        "until",
        "first_seen",
        "last_seen",
        "steps",
    ]);
    for row in &found.rows {
        let cell = |at: usize| row.get(at).cloned().unwrap_or_default();
        let word = |at: usize| row.get(at).and_then(Value::as_str).unwrap_or("");
        let number = |at: usize| row.get(at).and_then(Value::as_i64).unwrap_or(0);
        let name = named(word(3), word(4));
        let (score, terms) = priority(&Terms {
            family: word(6),
            severity: number(13),
            exposed: number(10) != 0,
            vulnerable: number(11),
            protected: number(12) != 0,
            expired: number(14) != 0,
            confidence: number(15),
            sensitive: number(16) != 0,
            hosts: number(17),
            test: number(18) != 0,
            deleted: number(19) != 0,
        });
        let steps = steps(word(6), word(3) == "deployment");
        let steps: Vec<String> = (1..)
            .zip(steps)
            .map(|(number, step)| format!("{number}. {step}"))
            .collect();
        let level = level(score);
        grid.rows.push(vec![
            cell(0),
            score.into(),
            format!("{level}: {terms}").into(),
            name.into(),
            cell(1),
            cell(2),
            cell(5),
            cell(7),
            cell(8),
            cell(9),
            cell(20),
            cell(21),
            cell(22),
            steps.join(" ").into(),
        ]);
    }
    grid.cut = found.cut;
    Ok(grid)
}

/// The recommendation for assets of this kind and cloud; empty if there is none.
#[must_use]
pub fn named(kind: &str, cloud: &str) -> &'static str {
    let known = RECOMMENDATIONS
        .iter()
        .find(|known| known.kind == kind && known.of == cloud);
    known.map_or("", |known| known.name)
}

/// The word for a priority.
#[must_use]
pub fn level(score: i64) -> &'static str {
    match score {
        85.. => "critical",
        65.. => "high",
        40.. => "medium",
        _ => "low",
    }
}

/// What a priority is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'t> {
    pub(super) family: &'t str,
    pub(super) severity: i64,
    pub(super) exposed: bool,
    pub(super) vulnerable: i64,
    pub(super) protected: bool,
    pub(super) expired: bool,
    pub(super) confidence: i64,
    pub(super) sensitive: bool,
    pub(super) hosts: i64,
    pub(super) test: bool,
    pub(super) deleted: bool,
}

/// What a secret that is expired or revoked loses.
const DEAD: i64 = -40;

/// The points of each term, and what it is called.
fn points<'t>(of: &Terms<'t>) -> [(i64, &'t str); 10] {
    let base = match of.family {
        "ssh" | "cloud" => 40,
        "storage" | "database" => 35,
        _ if of.severity >= 3 => 25,
        _ => 15,
    };
    let known = match of.confidence {
        85.. => (20, "accepted by its target"),
        50.. => (15, "target known"),
        _ => (0, ""),
    };
    let spread = i64::from(of.hosts.max(1).unsigned_abs().ilog2()).min(10);
    [
        (base, of.family),
        known,
        (if of.expired { DEAD } else { 0 }, "expired or revoked"),
        (if of.protected { -25 } else { 0 }, "passphrase"),
        (if of.exposed { 15 } else { 0 }, "exposed"),
        (
            match of.vulnerable {
                4.. => 15,
                3 => 10,
                _ => 0,
            },
            "vulnerable",
        ),
        (if of.sensitive { 15 } else { 0 }, "opens sensitive data"),
        (spread, "on several machines"),
        (if of.deleted { -5 } else { 0 }, "deleted"),
        (if of.test { -15 } else { 0 }, "test directory"),
    ]
}

/// The sum alone; it may be negative.
pub(super) fn score(of: &Terms<'_>) -> i64 {
    points(of).iter().map(|(points, _)| points).sum()
}

/// A sum whose terms a person can check.
pub(super) fn priority(of: &Terms<'_>) -> (i64, String) {
    let shown = points(of).into_iter().filter(|(points, _)| *points != 0);
    let shown: Vec<String> = shown
        .map(|(points, why)| format!("{points:+} {why}"))
        .collect();
    (score(of).max(0), shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_the_sum_of_its_shown_terms() {
        let (score, terms) = priority(&Terms {
            family: "ssh",
            severity: 3,
            exposed: true,
            vulnerable: 4,
            protected: false,
            expired: false,
            confidence: 95,
            sensitive: false,
            hosts: 4,
            test: true,
            deleted: false,
        });
        let sum: i64 = terms
            .split(", ")
            .map(|term| term.split(' ').next().unwrap().parse::<i64>().unwrap())
            .sum();
        assert_eq!((score, sum), (77, 77), "{terms}");
    }
}
