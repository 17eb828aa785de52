//! The explorer: questions about the graph in one line of text, compiled to bound SQL.
//!
//! ```text
//! query  = "find" node { edge node } [ "limit" number ]
//! node   = kind [ "[" filter { "," filter } "]" ]
//! kind   = vm | storage | database | identity | deployment | asset | secret
//! edge   = "-has->"            an asset holds a secret
//!        | "-opens->"          a secret opens an asset
//!        | "-opens{m..n}->"    over m to n machines, each opened with a secret of the one before
//! filter = name | name op value,   op = "=" "!=" ">=" "<=" ">" "<" "~" (GLOB pattern)
//!          value = word or "text in quotes"; words with bars between them are alternatives
//! ```
//!
//! `find vm[exposed, vuln>=high] -has-> secret[type=ssh-private-key] -opens{1..3}-> vm`
//!
//! Values never become part of the SQL: they are bound. Names come from fixed tables.

mod link;
mod parse;

use rusqlite::{Connection, params_from_iter};

use super::grid::{self, Grid};
use crate::case::CaseError;
use parse::{Edge, Filter, Kind, Node, Query};

/// The templates of the published document, by name, as queries; and further ones.
pub const TEMPLATES: &[(&str, &str)] = &[
    (
        "VM with plaintext secret that can authenticate to another VM",
        "find vm[cloud=azure|aws|gcp] -has-> secret -opens-> vm",
    ),
    (
        "VM with plaintext secret that can authenticate to a storage account",
        "find vm[cloud=azure|aws|gcp] -has-> secret -opens-> storage",
    ),
    (
        "VM with plaintext secret that can authenticate to an SQL database",
        "find vm[cloud=azure|aws|gcp] -has-> secret -opens-> database",
    ),
    (
        "Deployment with plaintext secret that can authenticate to a resource",
        "find deployment -has-> secret -opens-> asset",
    ),
    (
        "Exposed vulnerable machine that leads to another over at most three",
        "find vm[exposed, vuln>=high] -has-> secret[family=ssh] -opens{1..3}-> vm",
    ),
    (
        "Machine with a secret that never expires",
        "find vm -has-> secret[!expires]",
    ),
];

/// Columns of an asset that filters may name, and their form.
const ASSET: &[(&str, &str)] = &[
    ("exposed", "exposed"),
    ("vuln", "vuln"),
    ("cloud", "cloud"),
    ("name", "name"),
    ("uid", "uid"),
    ("service", "service"),
    ("account", "account"),
    ("region", "region"),
    ("ports", "ports"),
    ("running", "running"),
    ("sensitive", "sensitive"),
    ("stub", "stub"),
];
/// Those of a secret.
const SECRET: &[(&str, &str)] = &[
    ("type", "type"),
    ("variant", "variant"),
    ("family", "family"),
    ("severity", "severity"),
    ("verdict", "verdict"),
    ("fingerprint", "fingerprint"),
    ("public_key", "public_key"),
    ("key_id", "key_id"),
    ("protected", "protected"),
    ("expires", "expires"),
    ("revoked", "revoked"),
];
/// Words for levels, in columns that hold numbers.
const LEVELS: &[&str] = &["none", "low", "medium", "high", "critical"];

/// A query as SQL with its values apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The statement.
    pub sql: String,
    /// What is bound to it.
    pub values: Vec<String>,
    /// Most rows, if the query says so.
    pub limit: Option<usize>,
}

/// Compiles a query.
///
/// # Errors
/// When the text is no query; the message says where and what was expected.
pub fn compile(text: &str) -> Result<Compiled, CaseError> {
    let linked = link::read(text)?;
    let text = linked.as_deref().unwrap_or(text);
    let query = parse::query(text).map_err(CaseError::Request)?;
    let mut values = Vec::new();
    let mut stages = Vec::new();
    let mut recursive = false;
    let first = query.nodes.first();
    let first = first.ok_or_else(|| CaseError::Request("the query names no node".to_owned()))?;
    stages.push(format!(
        "q0 AS (SELECT n0.id AS n0, {} FROM {} n0 WHERE {})",
        own_columns(first, 0, "n0").join(", "),
        table(first),
        conditions(first, "n0", &mut values)?
    ));
    // Every stage hands on the columns of those before it: the ids, and what is shown.
    let mut kept = vec!["n0".to_owned()];
    kept.extend(names(&own_columns(first, 0, "n0")));
    let mut last = 0;
    for (at, edge) in query.edges.iter().enumerate() {
        let (Some(from), Some(to)) = (query.nodes.get(at), query.nodes.get(at + 1)) else {
            break;
        };
        check(edge, from, to)?;
        let (before, own) = (format!("q{last}"), format!("q{}", at + 1));
        let (old, new) = (format!("n{at}"), format!("n{}", at + 1));
        let of = |stage: &str| -> String {
            let columns: Vec<String> = kept
                .iter()
                .map(|column| format!("{stage}.{column}"))
                .collect();
            columns.join(", ")
        };
        let shown = own_columns(to, at + 1, "t");
        let columns = shown.join(", ");
        let mut added = Vec::new();
        let holder = at.checked_sub(1);
        let secret = holder.and_then(|holder| Some((holder, query.nodes.get(at)?)));
        let live = format!(
            "l.confidence >= {} AND (l.expires IS NULL OR l.expires > unixepoch())",
            super::THRESHOLD
        );
        let joined = match (edge, secret) {
            // What opens something is read from where both edges lie together.
            (Edge::Has, _) if at < query.edges.len() - 1 => continue,
            (Edge::Has, _) => format!(
                "{own} AS (SELECT {}, f.secret_id AS {new}, {columns} FROM {before}
                 CROSS JOIN finding f ON f.asset_id = {before}.{old} AND f.status = 'open'
                 CROSS JOIN secret t ON t.id = f.secret_id WHERE {})",
                of(&before),
                conditions(to, "t", &mut values)?
            ),
            (Edge::Opens { least, most }, Some((holder, secret))) => {
                added.push(old.clone());
                let filtered = if secret.filters.is_empty() {
                    String::new()
                } else {
                    format!(
                        "CROSS JOIN secret s ON s.id = l.secret_id AND {}",
                        conditions(secret, "s", &mut values)?
                    )
                };
                let first = format!(
                    "FROM {before} CROSS JOIN lateral l ON l.src = {before}.n{holder} {filtered}"
                );
                let wanted = conditions(to, "t", &mut values)?;
                if *most == 1 {
                    let hop: Vec<String> = LATERAL
                        .iter()
                        .map(|(name, column)| format!("{column} AS s{at}_{name}"))
                        .collect();
                    added.extend(names(&hop));
                    format!(
                        "{own} AS (SELECT {}, l.secret_id AS {old}, {}, l.dst AS {new}, {columns} {first}
                         CROSS JOIN asset t ON t.id = l.dst WHERE {live} AND {wanted})",
                        of(&before),
                        hop.join(", ")
                    )
                } else {
                    recursive = true;
                    let all = [&kept[..], &added[..]].concat();
                    let (all, again) = (all.join(", "), all.join(", r."));
                    format!(
                        "r{at}({all}, node, depth) AS (
                             SELECT {}, l.secret_id, l.dst, 1 {first} WHERE {live}
                             UNION SELECT r.{again}, l.dst, r.depth + 1 FROM r{at} r
                             CROSS JOIN lateral l ON l.src = r.node
                             WHERE r.depth < {most} AND l.dst <> r.n{holder} AND {live}),
                         {own} AS (SELECT DISTINCT r.{again}, r.node AS {new}, {columns} FROM r{at} r
                             CROSS JOIN asset t ON t.id = r.node WHERE r.depth >= {least} AND {wanted})",
                        of(&before)
                    )
                }
            }
            (Edge::Opens { most: 1, .. }, None) => format!(
                "{own} AS (SELECT {}, a.asset_id AS {new}, {columns} FROM {before}
                 CROSS JOIN auth a ON a.secret_id = {before}.{old} AND a.confidence >= {}
                 CROSS JOIN asset t ON t.id = a.asset_id WHERE {})",
                of(&before),
                super::THRESHOLD,
                conditions(to, "t", &mut values)?
            ),
            (Edge::Opens { .. }, None) => {
                return Err(CaseError::Request(
                    "several hops need a machine that holds the secret: find vm -has-> secret -opens{1..3}-> vm"
                        .to_owned(),
                ));
            }
        };
        kept.extend(added);
        kept.push(new);
        kept.extend(names(&shown));
        last = at + 1;
        stages.push(joined);
    }
    let (columns, joins) = shown(&query, last);
    let sql = format!(
        "WITH {}{} SELECT {} FROM q{last} {}",
        if recursive { "RECURSIVE " } else { "" },
        stages.join(", "),
        columns.join(", "),
        joins.join(" "),
    );
    Ok(Compiled {
        sql,
        values,
        limit: query.limit,
    })
}

/// What the table `lateral` knows of a secret that it needs one hop for, under the names of the
/// answer's columns.
const LATERAL: [(&str, &str); 5] = [
    ("type", "l.type"),
    ("preview", "l.preview"),
    ("fingerprint", "l.fingerprint"),
    ("location", "l.location"),
    (
        "evidence",
        "l.how || ' ' || l.confidence || ': ' || l.evidence",
    ),
];

/// What is shown of a node of its own row.
fn own_columns(node: &Node, at: usize, alias: &str) -> Vec<String> {
    let columns: &[&str] = if node.kind == Kind::Secret {
        &["type", "preview", "fingerprint"]
    } else {
        &["uid"]
    };
    let named = |column: &&str| format!("{alias}.{column} AS s{at}_{column}");
    columns.iter().map(named).collect()
}

/// The names under which columns are handed on.
fn names(columns: &[String]) -> Vec<String> {
    let name = |column: &String| column.rsplit(' ').next().unwrap_or_default().to_owned();
    columns.iter().map(name).collect()
}

/// An asset has, a secret opens.
fn check(edge: &Edge, from: &Node, to: &Node) -> Result<(), CaseError> {
    let fits = match edge {
        Edge::Has => from.kind != Kind::Secret && to.kind == Kind::Secret,
        Edge::Opens { .. } => from.kind == Kind::Secret && to.kind != Kind::Secret,
    };
    if fits {
        return Ok(());
    }
    Err(CaseError::Request(
        "an edge joins the wrong kinds: an asset -has-> secret, a secret -opens-> an asset"
            .to_owned(),
    ))
}

fn table(node: &Node) -> &'static str {
    if node.kind == Kind::Secret {
        "secret"
    } else {
        "asset"
    }
}

/// The columns of every node, and where each secret lies.
fn shown(query: &Query, last: usize) -> (Vec<String>, Vec<String>) {
    let (mut columns, mut joins) = (Vec::new(), Vec::new());
    for (at, node) in query.nodes.iter().enumerate() {
        let suffix = if at == 0 {
            String::new()
        } else {
            format!("_{}", at + 1)
        };
        if node.kind != Kind::Secret {
            columns.push(format!("q{last}.s{at}_uid AS {}{suffix}", node.kind.name()));
            continue;
        }
        let (many, next) = (at > 0, query.edges.get(at));
        if let (true, Some(Edge::Opens { most: 1, .. })) = (many, next) {
            for (name, _) in LATERAL {
                let title = match name {
                    "evidence" => format!("evidence{suffix}"),
                    _ => format!("secret{suffix}_{name}"),
                };
                columns.push(format!("q{last}.s{at}_{name} AS {title}"));
            }
            continue;
        }
        // Over several hops the ways are told apart by as little as can be.
        let over_several = many && next.is_some();
        if over_several {
            joins.push(format!(
                "CROSS JOIN secret d{at} ON d{at}.id = q{last}.n{at}"
            ));
        }
        for column in ["type", "preview", "fingerprint"] {
            let from = if over_several {
                format!("d{at}.{column}")
            } else {
                format!("q{last}.s{at}_{column}")
            };
            columns.push(format!("{from} AS secret{suffix}_{column}"));
        }
        if many {
            columns.push(format!(
                "(SELECT coalesce(nullif(l.path, '') || coalesce('#' || l.pointer, ''), l.pointer, '')
                      || ' at ' || l.offset
                  FROM finding f JOIN location l ON l.finding_id = f.id AND l.gone = 0
                  WHERE f.asset_id = q{last}.n{} AND f.secret_id = q{last}.n{at} LIMIT 1)
                 AS secret{suffix}_location",
                at - 1
            ));
        }
    }
    (columns, joins)
}

fn conditions(node: &Node, alias: &str, values: &mut Vec<String>) -> Result<String, CaseError> {
    let mut all = Vec::new();
    if !matches!(node.kind, Kind::Secret | Kind::Asset) {
        all.push(format!("{alias}.kind = '{}'", node.kind.name()));
    }
    let columns = if node.kind == Kind::Secret {
        SECRET
    } else {
        ASSET
    };
    for filter in &node.filters {
        let Filter {
            name,
            negated,
            test,
        } = filter;
        let column = columns.iter().find(|(known, _)| known == name);
        let (_, column) = column.ok_or_else(|| {
            let known: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            CaseError::Request(format!(
                "`{name}` is no property of {}; there are {}",
                node.kind.name(),
                known.join(", ")
            ))
        })?;
        let column = format!("{alias}.{column}");
        let test = match test {
            None => format!("coalesce({column}, 0) NOT IN (0, '')"),
            Some((operator, alternatives)) => {
                let tests: Vec<String> = alternatives
                    .iter()
                    .map(|value| {
                        values.push(level(name, value));
                        // Numbers compare as numbers, whatever the text was.
                        let bound = if is_number(name) {
                            format!("CAST(?{} AS INTEGER)", values.len())
                        } else {
                            format!("?{}", values.len())
                        };
                        format!("{column} {operator} {bound}")
                    })
                    .collect();
                let joint = if *operator == "<>" { " AND " } else { " OR " };
                format!("({})", tests.join(joint))
            }
        };
        all.push(if *negated {
            format!("NOT ({test})")
        } else {
            test
        });
    }
    if all.is_empty() {
        all.push("1".to_owned());
    }
    Ok(all.join(" AND "))
}

fn is_number(name: &str) -> bool {
    matches!(
        name,
        "exposed"
            | "vuln"
            | "severity"
            | "running"
            | "sensitive"
            | "stub"
            | "protected"
            | "revoked"
            | "expires"
    )
}

/// `high` as the number it is stored as.
fn level(name: &str, value: &str) -> String {
    if !is_number(name) {
        return value.to_owned();
    }
    match value {
        "yes" | "true" => "1".to_owned(),
        "no" | "false" => "0".to_owned(),
        _ => LEVELS
            .iter()
            .position(|known| *known == value)
            .map_or_else(|| value.to_owned(), |level| level.to_string()),
    }
}

/// A query as a link that [`run`] takes in its place.
///
/// # Errors
/// When the text is no query.
pub fn link(text: &str) -> Result<String, CaseError> {
    compile(text)?;
    Ok(link::write(text))
}

/// Runs a query; `limit` holds where the query does not say less.
///
/// # Errors
/// When the text is no query, or the database fails.
pub fn run(connection: &Connection, text: &str, limit: usize) -> Result<Grid, CaseError> {
    let compiled = compile(text)?;
    let limit = compiled.limit.map_or(limit, |own| own.min(limit));
    grid::query(
        connection,
        &compiled.sql,
        params_from_iter(&compiled.values),
        limit,
    )
}

/// The query of a template, by its name.
#[must_use]
pub fn template(name: &str) -> Option<&'static str> {
    let found = TEMPLATES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, query)| *query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_never_written_into_the_statement() {
        let hostile = "find vm[name=\"x' OR 1=1; DROP TABLE asset; --\"] -has-> secret[type~ssh*]";
        let compiled = compile(hostile).unwrap();
        assert!(
            !compiled.sql.contains("DROP") && !compiled.sql.contains("ssh"),
            "{}",
            compiled.sql
        );
        assert_eq!(compiled.values, ["x' OR 1=1; DROP TABLE asset; --", "ssh*"]);
    }

    #[test]
    fn every_template_compiles_and_nonsense_is_explained() {
        for (name, query) in TEMPLATES {
            compile(query).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for (text, part) in [
            ("", "expected `find`"),
            ("find", "expected a kind"),
            ("find cat", "expected a kind"),
            ("find vm[colour=red]", "`colour` is no property"),
            ("find vm -has-> vm", "wrong kinds"),
            ("find vm -opens-> vm", "wrong kinds"),
            ("find vm -has-> secret -opens{3..1}-> vm", "range"),
            ("find vm[name=\"x", "quote"),
            ("find vm junk", "expected"),
        ] {
            let error = compile(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
