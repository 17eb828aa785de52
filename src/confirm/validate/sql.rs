//! Passwords of Azure SQL: databases, managed instances and Synapse.
//!
//! Syntax: Microsoft, "Connection String Syntax (ADO.NET)", "Building the connection URL (JDBC)",
//! "sqlcmd utility". A password has no format of its own, so the host beside it proves it.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

use super::Validator;
use super::connection_string::{self, unquote, value_of};
use super::context::{self, Pattern, gap_between};
use super::placeholder;
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("azure-sql-fields", fields), ("azure-sql-string", string)];

/// Farthest that a host and a password in lines of their own lie apart, in bytes.
const FIELDS: usize = 400;

const DATABASE: &[&str] = &["database", "initial catalog", "dbname", "databasename"];
const USER: &[&str] = &["user id", "uid", "user", "username", "user name"];

static HOST: Pattern = Pattern::new(
    r"(?i)[a-z0-9][a-z0-9.-]{0,120}\.(?:database\.(?:windows\.net|usgovcloudapi\.net|chinacloudapi\.cn|cloudapi\.de)|sql\.azuresynapse\.(?:net|azure\.cn))",
);

static PASSWORD_FIELD: Pattern = Pattern::new(
    r#"(?i)(?:password|passwd|_pwd|_pass|\bpwd|\bpass)["'\]]?(?:\s{0,8}(?:=>|:=|[:=,])\s{0,8}|\s{1,4}value=)(?:"(?<quoted>[^"\r\n]{4,128})"|'(?<single>[^'\r\n]{4,128})'|(?<bare>[^\s"'<>,;&]{4,128}))"#,
);

static USER_FIELD: Pattern = Pattern::new(
    r#"(?i)(?:user(?:_?name|_?id)?|login|\buid)["'\]]?(?:\s{0,8}(?:=>|:=|[:=,])\s{0,8}|\s{1,4}value=)["']?(?<user>[a-z0-9_.@\\-]{1,128})"#,
);

static DATABASE_FIELD: Pattern = Pattern::new(
    r#"(?i)(?:database(?:_?name)?|db_?name|initial catalog)["'\]]?(?:\s{0,8}(?:=>|:=|[:=,])\s{0,8}|\s{1,4}value=)["']?(?<database>[a-z0-9_.-]{1,128})"#,
);

static CLI_USER: Pattern = Pattern::new(
    r#"(?i)(?:\s(?-i:-U)|/[ts]u:|--user(?:name)?)\s{0,4}[:=]?["']?(?<user>[^\s"']{1,128})"#,
);

static CLI_DATABASE: Pattern = Pattern::new(
    r#"(?i)(?:\s(?-i:-d)|/[ts]dn:|--database)\s{0,4}[:=]?["']?(?<database>[^\s"']{1,128})"#,
);

/// What the text around a password says of the login.
struct Login {
    host: String,
    user: Option<String>,
    database: Option<String>,
}

/// One connection string, URL or command: host and password in the same text.
pub(super) fn string(candidate: &Candidate<'_>) -> Judgement {
    let Some(place) = candidate.group_range("host") else {
        return Judgement::Reject("no host");
    };
    let Some(host) = host_of(candidate.window, &place) else {
        return Judgement::Reject("not an Azure SQL host");
    };
    let raw = candidate.secret();
    let at = candidate.secret_range();
    let whole = candidate
        .captures
        .get(0)
        .map_or(0..0, |whole| whole.range());
    let is_url = candidate.group("user").is_some();
    let is_percent = candidate.group("conn").is_some();
    let rest = candidate.window.get(at.end..).unwrap_or(&[]);
    if !is_url && !is_percent && unescape::looks_escaped(raw, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let (value, inner): (Cow<'_, [u8]>, Range<usize>) = if is_url {
        (unescape::percent_value(raw), 0..raw.len())
    } else if is_percent {
        let decoded = plus_to_space(&unescape::percent_value(raw));
        (Cow::Owned(unquote(&decoded).0.into_owned()), 0..raw.len())
    } else {
        unquote(raw)
    };
    let login = if let Some(user) = candidate.group("user") {
        Login {
            host,
            user: Some(context::text(&unescape::percent_value(user))),
            database: candidate.group("database").map(context::text),
        }
    } else if candidate.group("tool").is_some() {
        let line = context::line_around(candidate.window, &whole);
        Login {
            host,
            user: CLI_USER
                .first(line)
                .and_then(|found| context::text_of(&found, "user")),
            database: CLI_DATABASE
                .first(line)
                .and_then(|found| context::text_of(&found, "database")),
        }
    } else {
        let list = connection_string::list_around(candidate.window, &whole);
        let list = if is_percent {
            Cow::Owned(plus_to_space(&unescape::percent_value(list)))
        } else {
            Cow::Borrowed(list)
        };
        let fields = connection_string::fields(&list);
        Login {
            host,
            user: value_of(&fields, USER),
            database: value_of(&fields, DATABASE),
        }
    };
    let place = at.start.saturating_add(inner.start)..at.start.saturating_add(inner.end);
    let proof = describe(Proof::of(Verdict::Structure), &login)
        .lies_at(place)
        .canonical(value.as_ref());
    if raw.starts_with(b"{{") {
        // Not a quoted value that begins with a brace, which nobody writes.
        return proof.suppress("template");
    }
    placeholder::accept_unless_placeholder(&value, proof)
}

/// Host and password in lines of their own: settings, properties, arguments.
pub(super) fn fields(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let place = HOST
        .find_all(window)
        .filter_map(|found| found.get(0).map(|whole| whole.range()))
        .find(|place| place.contains(&candidate.anchor));
    let Some(place) = place else {
        return Judgement::Reject("no host");
    };
    let Some(host) = host_of(window, &place) else {
        return Judgement::Reject("not an Azure SQL host");
    };
    // The nearest password in the same block, one after the host before one before it.
    let found = PASSWORD_FIELD
        .find_all(window)
        .filter_map(|found| password_of(&found))
        .filter(|(_, at, _)| gap_between(at, &place) <= FIELDS)
        .filter(|(_, at, _)| !is_break(window, &place, at))
        .min_by_key(|(_, at, _)| (at.start < place.start, gap_between(at, &place)));
    let Some((value, at, is_bare)) = found else {
        return Judgement::Reject("no password in the same block");
    };
    let rest = window.get(at.end..).unwrap_or(&[]);
    if unescape::looks_escaped(value, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    if is_bare && is_code(value) {
        return Judgement::Reject("an expression, not a value");
    }
    let near = |pattern: &Pattern, group: &str| {
        pattern
            .nearest(window, &at, FIELDS)
            .and_then(|found| context::text_of(&found, group))
    };
    let login = Login {
        host,
        user: near(&USER_FIELD, "user"),
        database: near(&DATABASE_FIELD, "database"),
    };
    let proof = describe(Proof::of(Verdict::Pattern), &login)
        .lies_at(at)
        .canonical(value);
    placeholder::accept_unless_placeholder(value, proof)
}

/// The host at a place in lower case, if it ends there and is an Azure SQL server.
fn host_of(window: &[u8], place: &Range<usize>) -> Option<String> {
    let after = window.get(place.end..).unwrap_or(&[]);
    let goes_on = match after {
        [b'.', next, ..] => next.is_ascii_alphanumeric(),
        [next, ..] => next.is_ascii_alphanumeric() || matches!(next, b'-' | b'_'),
        [] => false,
    };
    let host = context::text(window.get(place.clone())?).to_ascii_lowercase();
    // In sovereign clouds the suffix of SQL servers is that of other databases' hosts too.
    let other = ["mysql", "postgres", "mariadb"]
        .iter()
        .any(|label| host.contains(&format!(".{label}.database.")));
    let is_audience = host.starts_with("ossrdbms-aad.");
    (!goes_on && !other && !is_audience).then_some(host)
}

fn describe(proof: Proof, login: &Login) -> Proof {
    let server = login.host.split('.').next().unwrap_or_default().to_owned();
    let mut proof = proof.opens(
        "sql-database",
        &server,
        Some(login.host.replace(".privatelink.", ".")),
    );
    if let Some(user) = &login.user {
        // Logins of single servers are written `user@server`.
        let user = match user.rsplit_once('@') {
            Some((user, suffix)) if suffix == server => user,
            _ => user,
        };
        proof = proof.owner("user", user);
    }
    if let Some(database) = &login.database {
        proof = proof.detail("database", database.clone());
    }
    proof
}

/// Value, place and whether it stands without quotes.
fn password_of<'t>(found: &regex::bytes::Captures<'t>) -> Option<(&'t [u8], Range<usize>, bool)> {
    let group = ["quoted", "single", "bare"]
        .into_iter()
        .find_map(|name| found.name(name))?;
    Some((
        group.as_bytes(),
        group.range(),
        found.name("bare").is_some(),
    ))
}

/// Whether a section begins between the two.
fn is_break(window: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    let between = if one.start < other.start {
        one.end..other.start
    } else {
        other.end..one.start
    };
    let text = window.get(between).unwrap_or(&[]);
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    has(b"\n[") || has(b"\n---")
}

/// Whether an unquoted value is program text: a call, a path of names, a type.
fn is_code(value: &[u8]) -> bool {
    const TYPES: &[&[u8]] = &[
        b"string",
        b"String",
        b"text",
        b"bytes",
        b"prompt",
        b"required",
    ];
    // In an argument list the value seems to go on to the bracket that ends the list.
    let value = match value {
        [inner @ .., b')' | b']' | b'}'] => inner,
        _ => value,
    };
    let is_path = value.contains(&b'.')
        && value.split(|byte| *byte == b'.').all(|name| {
            name.first().is_some_and(u8::is_ascii_alphabetic)
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        });
    is_path || value.contains(&b'(') || TYPES.contains(&value)
}

fn plus_to_space(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<String> {
        let found = HOST.first(text.as_bytes())?;
        host_of(text.as_bytes(), &found.get(0)?.range())
    }

    #[test]
    fn only_hosts_that_end_at_the_suffix_count() {
        assert_eq!(
            host("Srv.Database.Windows.net,1433").unwrap(),
            "srv.database.windows.net"
        );
        assert!(host("ws-ondemand.sql.azuresynapse.net;").is_some());
        assert!(host("srv.database.windows.net.").is_some(), "a full stop");
        for text in [
            "srv.database.windows.net.evil.example",
            "srv.database.windows.network",
            "srv.mysql.database.chinacloudapi.cn",
            "ossrdbms-aad.database.windows.net",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn program_text_is_no_password() {
        assert!(is_code(b"config.db.password"));
        assert!(is_code(b"getenv(PW)"));
        assert!(is_code(b"settings.password)"));
        assert!(is_code(b"string"));
        assert!(!is_code(b"hunter2.pass!"));
    }

    #[test]
    fn the_patterns_compile() {
        for pattern in [
            &HOST,
            &PASSWORD_FIELD,
            &USER_FIELD,
            &DATABASE_FIELD,
            &CLI_USER,
            &CLI_DATABASE,
        ] {
            assert!(pattern.regex().is_some());
        }
    }
}
