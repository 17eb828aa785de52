//! What identities may do: policies of AWS, evaluated as AWS does, and role assignments of Azure and
//! GCP.
//!
//! A statement that denies wins over all that allow (IAM User Guide, "Policy evaluation logic").
//! What a condition hides is not known here: an allowance under one is only possible, a denial
//! under one is not counted on.

use std::collections::{BTreeSet, HashMap, HashSet};

use rusqlite::{Transaction, params};

use crate::case::CaseError;

/// Confidence of what a policy allows, and of what it allows under a condition.
const ALLOWED: u8 = 70;
const CONDITIONAL: u8 = 50;
/// Groups and policies that one identity may have.
const MOST_POLICIES: usize = 1000;

/// What gives the content of a store away.
const STORAGE: [(&str, &str); 3] = [
    ("s3:getobject", "/object"),
    ("s3:putobject", "/object"),
    ("s3:listbucket", ""),
];
/// What gives a machine away.
const MACHINE: [(&str, &str); 3] = [
    ("ssm:sendcommand", ""),
    ("ssm:startsession", ""),
    ("ec2-instance-connect:sendsshpublickey", ""),
];

struct Statement {
    denies: bool,
    conditional: bool,
    actions: Vec<String>,
    /// All but the actions listed; all but the resources listed.
    inverted: (bool, bool),
    resources: Vec<String>,
}

impl Statement {
    fn covers(&self, action: &str, resource: &str) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|p| fits(p, text));
        any(&self.actions, action) != self.inverted.0
            && any(&self.resources, resource) != self.inverted.1
    }
}

/// Computes the table `may`.
pub(super) fn compute(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute("DELETE FROM may", [])?;
    aws(transaction)?;
    // A role at a scope holds for all below it: `/subscriptions/ID/resourceGroups/NAME`. In GCP the
    // policy hangs at the bucket itself.
    transaction.execute(
        "INSERT OR IGNORE INTO may
         SELECT f.subject, t.id, ?1, 'it has a role at ' || f.object FROM fact f
         CROSS JOIN asset t ON t.uid = f.object AND t.kind = 'storage' WHERE f.kind = 'may-use'
         UNION ALL
         SELECT f.subject, t.id, ?1, 'it has a role at ' || f.object FROM fact f
         CROSS JOIN asset t ON t.uid > f.object || '/' AND t.uid < f.object || '0'
             AND t.kind = 'storage' WHERE f.kind = 'may-use'",
        [ALLOWED],
    )?;
    Ok(())
}

fn aws(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    let mut statements: HashMap<String, Vec<Statement>> = HashMap::new();
    let mut query = transaction.prepare(
        "SELECT DISTINCT identity, denies, conditional, actions, but_actions, resources, but_resources
         FROM statement",
    )?;
    let mut rows = query.query([])?;
    let lines = |text: String| text.split('\n').map(str::to_owned).collect();
    while let Some(row) = rows.next()? {
        let statement = Statement {
            denies: row.get(1)?,
            conditional: row.get(2)?,
            actions: lines(row.get(3)?),
            inverted: (row.get(4)?, row.get(6)?),
            resources: lines(row.get(5)?),
        };
        statements.entry(row.get(0)?).or_default().push(statement);
    }
    if statements.is_empty() {
        return Ok(());
    }
    let mut above: HashMap<String, Vec<String>> = HashMap::new();
    let mut query =
        transaction.prepare("SELECT DISTINCT subject, object FROM fact WHERE kind = 'policy'")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        above.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    // Those that somebody could act as: a key of theirs is known, or a machine has their role.
    let mut query = transaction.prepare(
        "SELECT identity FROM owner WHERE active = 1
         UNION SELECT r.subject FROM fact r JOIN fact i ON i.object = r.object
             AND i.kind = 'identity' WHERE r.kind = 'profile'",
    )?;
    let identities = query.query_map([], |row| row.get::<_, String>(0))?;
    let identities = identities.collect::<Result<BTreeSet<_>, _>>()?;
    let mut query = transaction.prepare(
        "SELECT id, uid, kind FROM asset WHERE cloud = 'aws' AND kind IN ('storage', 'vm')
         AND stub = 0 ORDER BY id",
    )?;
    let targets = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let targets = targets.collect::<Result<Vec<(i64, String, String)>, _>>()?;
    let mut insert = transaction.prepare("INSERT OR IGNORE INTO may VALUES (?1, ?2, ?3, ?4)")?;
    for identity in identities {
        let own = all_of(&identity, &statements, &above);
        if !own.iter().any(|statement| !statement.denies) {
            continue;
        }
        for (id, uid, kind) in &targets {
            let actions = if kind == "vm" { MACHINE } else { STORAGE };
            let found = actions
                .iter()
                .filter_map(|(action, below)| {
                    let resource = format!("{uid}{below}");
                    Some((allowed(&own, action, &resource)?, *action))
                })
                .max_by_key(|(confidence, _)| *confidence);
            if let Some((confidence, action)) = found {
                let evidence = format!("a policy of {identity} allows {action} on {uid}");
                insert.execute(params![identity, id, confidence, evidence])?;
            }
        }
    }
    Ok(())
}

/// The statements of an identity, of its groups and of the policies attached to them.
fn all_of<'s>(
    identity: &'s str,
    statements: &'s HashMap<String, Vec<Statement>>,
    above: &'s HashMap<String, Vec<String>>,
) -> Vec<&'s Statement> {
    let (mut seen, mut open) = (HashSet::from([identity]), vec![identity]);
    let mut all = Vec::new();
    while let Some(at) = open.pop() {
        all.extend(statements.get(at).into_iter().flatten());
        for next in above.get(at).into_iter().flatten() {
            if seen.len() < MOST_POLICIES && seen.insert(next) {
                open.push(next);
            }
        }
    }
    all
}

/// How sure it is that these statements allow an action.
fn allowed(statements: &[&Statement], action: &str, resource: &str) -> Option<u8> {
    let mut best = None;
    for statement in statements {
        if !statement.covers(action, resource) {
            continue;
        }
        match (statement.denies, statement.conditional) {
            (true, false) => return None,
            (true, true) => {}
            (false, true) => best = best.max(Some(CONDITIONAL)),
            (false, false) => best = Some(ALLOWED),
        }
    }
    best
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut from) = (0, 0);
    // Where to go on after the last star, if what follows it does not fit here.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(from) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, from));
                at += 1;
            }
            Some(b'?') => {
                at += 1;
                from += 1;
            }
            Some(same) if same == byte => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((after, began)) = star else {
                    return false;
                };
                star = Some((after, began + 1));
                (at, from) = (after, began + 1);
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(denies: bool, action: &str, resource: &str) -> Statement {
        Statement {
            denies,
            conditional: false,
            actions: vec![action.to_owned()],
            inverted: (false, false),
            resources: vec![resource.to_owned()],
        }
    }

    #[test]
    fn patterns_fit_as_policies_write_them() {
        for (pattern, text, fit) in [
            ("*", "anything", true),
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("arn:aws:s3:::acme-*", "arn:aws:s3:::acme-logs/object", true),
            ("arn:aws:s3:::acme", "arn:aws:s3:::acme/object", false),
            ("a?c*e", "abcde", true),
            ("a*b*c", "axxbxx", false),
            ("", "", true),
            ("a**", "a", true),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn a_denial_wins_and_what_is_excepted_is_not_allowed() {
        let (action, resource) = ("s3:getobject", "arn:aws:s3:::acme/object");
        let allow = statement(false, "s3:*", "arn:aws:s3:::acme*");
        assert_eq!(allowed(&[&allow], action, resource), Some(ALLOWED));
        let deny = statement(true, "s3:getobject", "*");
        assert_eq!(allowed(&[&deny, &allow], action, resource), None);
        assert_eq!(allowed(&[&allow, &deny], action, resource), None);
        let but = |what: &str| Statement {
            inverted: (true, false),
            ..statement(false, what, "*")
        };
        assert_eq!(allowed(&[&but("iam:*")], action, resource), Some(ALLOWED));
        assert_eq!(allowed(&[&but("s3:*")], action, resource), None);
        let perhaps = Statement {
            conditional: true,
            ..statement(false, "s3:*", "*")
        };
        assert_eq!(allowed(&[&perhaps], action, resource), Some(CONDITIONAL));
    }

    #[test]
    fn groups_that_hold_each_other_end() {
        let statements = HashMap::from([("b".to_owned(), vec![statement(false, "*", "*")])]);
        let above = HashMap::from([
            ("a".to_owned(), vec!["b".to_owned()]),
            ("b".to_owned(), vec!["a".to_owned()]),
        ]);
        assert_eq!(all_of("a", &statements, &above).len(), 1);
    }
}
