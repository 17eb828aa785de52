//! Host and password in one text: a connection string, a URL, a command, a line.
//!
//! Syntax: Microsoft, "Connection String Syntax (ADO.NET)", "Building the connection URL (JDBC)",
//! "sqlcmd utility"; PostgreSQL, "Connection Strings", "The Password File"; MySQL, "Connecting to
//! the Server Using URI-Like Strings", "JDBC URL syntax"; Oracle, "Easy Connect Naming Method".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

use super::host::{Endpoint, Service};
use super::login::{self, Login};
use crate::confirm::validate::connection_string::{self, unquote, value_of};
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::query::Query;
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// Names of a database in lists.
pub(super) const DATABASE: &[&str] = &[
    "database",
    "initial catalog",
    "dbname",
    "databasename",
    "db",
];
/// Names of a user in lists.
pub(super) const USER: &[&str] = &[
    "user id",
    "uid",
    "user",
    "username",
    "user name",
    "userid",
    "logonid",
];

/// How the parts of a text are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Arguments of a call, in the order of its parameters.
    Arguments,
    /// A command with options.
    Command,
    /// `host=h user=u password=p`.
    Conninfo,
    /// A list, percent-encoded as a whole.
    Encoded,
    /// `key=value;`.
    List,
    /// `user/password@host`.
    Login,
    /// `host:port:database:user:password`.
    PasswordFile,
    /// A URL with the password among its parameters.
    Query,
    /// `scheme://user:password@host`.
    Url,
}

static COMMAND_USER: Pattern = Pattern::new(
    r#"(?:\s-[uU]\s{0,4}|/[tTsS][uU]:|--user(?:name)?[= ]\s{0,4})["']?(?<user>[^\s"']{1,128})"#,
);

static COMMAND_DATABASE: Pattern = Pattern::new(
    r#"(?:\s-[dD]\s{0,4}|/[tTsS][dD][nN]:|--d(?:atabase|bname)[= ]\s{0,4})["']?(?<database>[^\s"']{1,128})"#,
);

static COMMAND_PORT: Pattern = Pattern::new(
    r#"(?:\s-P\s{0,4}|\s-p\s{1,4}|--port[= ]\s{0,4})["']?(?<port>\d{2,5})(?:[\s"']|$)"#,
);

static USER_WORD: Pattern =
    Pattern::new(r#"(?i)[\s"'(,?&;]user(?:name)?\s{0,4}=\s{0,4}'?(?<user>[^\s"'(),&;]{1,128})"#);

static DATABASE_WORD: Pattern = Pattern::new(
    r#"(?i)[\s"'(,?&;](?:dbname|database)\s{0,4}=\s{0,4}'?(?<database>[^\s"'(),&;]{1,128})"#,
);

static PORT_WORD: Pattern = Pattern::new(r#"(?i)[\s"'(,?&;]port\s{0,4}=\s{0,4}'?(?<port>\d{1,5})"#);

static PATH: Pattern = Pattern::new(r"^(?::\d{1,5})?/(?<database>[A-Za-z0-9_.$-]{1,128})");

static SCHEME: Pattern =
    Pattern::new(r"(?i)(?<scheme>(?:jdbc:)?[a-z][a-z0-9:+_.-]{1,60}):(?://|@|\()");

/// What a candidate's text says.
pub(super) fn read(candidate: &Candidate<'_>, service: Service, form: Form) -> Judgement {
    let window = candidate.window;
    let Some(place) = candidate.group_range("host") else {
        return Judgement::Reject("no host");
    };
    let Some(endpoint) = Endpoint::at(window, &place).filter(|found| found.service == service)
    else {
        return Judgement::Reject("not a host of this service");
    };
    let raw = candidate.secret();
    let at = candidate.secret_range();
    let rest = window.get(at.end..).unwrap_or(&[]);
    if form != Form::Encoded && unescape::looks_escaped(raw, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let whole = candidate
        .captures
        .get(0)
        .map_or(0..0, |whole| whole.range());
    let (value, inner) = value_in(candidate, form, raw, &place);
    let place_of_value = at.start.saturating_add(inner.start)..at.start.saturating_add(inner.end);
    let proof = login_in(candidate, form, &place, &whole)
        .describe(Proof::of(Verdict::Structure), &endpoint)
        .lies_at(place_of_value)
        .canonical(value.as_ref());
    login::judge(&value, raw, endpoint.is_printed(), proof)
}

/// The password without what its form puts around it, and where it lies in `raw`.
fn value_in<'r>(
    candidate: &Candidate<'_>,
    form: Form,
    raw: &'r [u8],
    host: &Range<usize>,
) -> (Cow<'r, [u8]>, Range<usize>) {
    let as_it_is = 0..raw.len();
    let byte_before = |at: usize| candidate.window.get(at.checked_sub(1)?);
    match form {
        // The names of data sources of Go, `user:password@tcp(host)`, are no URLs.
        Form::Url if byte_before(host.start) == Some(&b'(') => (Cow::Borrowed(raw), as_it_is),
        Form::Url => (unescape::percent_value(raw), as_it_is),
        Form::Query if is_query(candidate.window, host) => (unescape::percent_value(raw), as_it_is),
        Form::Encoded => {
            let decoded = plus_to_space(&unescape::percent_value(raw));
            (Cow::Owned(unquote(&decoded).0.into_owned()), as_it_is)
        }
        Form::Conninfo => match raw {
            [b'\'', inner @ .., b'\''] => {
                (without_backslashes(inner), 1..raw.len().saturating_sub(1))
            }
            _ => (without_backslashes(raw), as_it_is),
        },
        Form::PasswordFile => (without_backslashes(raw), as_it_is),
        _ => unquote(raw),
    }
}

fn login_in(
    candidate: &Candidate<'_>,
    form: Form,
    host: &Range<usize>,
    whole: &Range<usize>,
) -> Login {
    let window = candidate.window;
    let group = |name: &str| candidate.group(name).map(context::text);
    let decoded = |name: &str| {
        let found = candidate.group(name)?;
        Some(context::text(&unescape::percent_value(found)))
    };
    let mut login = match form {
        Form::List | Form::Encoded => {
            let list = connection_string::list_around(window, whole);
            let list = if form == Form::Encoded {
                Cow::Owned(plus_to_space(&unescape::percent_value(list)))
            } else {
                connection_string::joined(list)
            };
            let fields = connection_string::fields(&list);
            Login {
                user: value_of(&fields, USER),
                database: value_of(&fields, DATABASE),
                port: value_of(&fields, &["port"]).and_then(|port| port.parse().ok()),
                scheme: value_of(&fields, &["driver", "provider"]),
            }
        }
        Form::Query => in_query(window, host, whole),
        Form::Command => {
            let line = context::line_around(window, whole);
            Login {
                user: first(&COMMAND_USER, line, "user"),
                database: first(&COMMAND_DATABASE, line, "database"),
                port: first(&COMMAND_PORT, line, "port").and_then(|port| port.parse().ok()),
                scheme: group("tool"),
            }
        }
        Form::Conninfo => {
            let line = context::line_around(window, whole);
            Login {
                user: first(&USER_WORD, line, "user"),
                database: first(&DATABASE_WORD, line, "database"),
                port: first(&PORT_WORD, line, "port").and_then(|port| port.parse().ok()),
                scheme: Some("postgresql".to_owned()),
            }
        }
        Form::Url => Login {
            user: decoded("user"),
            database: decoded("database"),
            port: None,
            scheme: group("scheme"),
        },
        Form::Arguments | Form::Login | Form::PasswordFile => Login {
            user: group("user"),
            database: group("database"),
            port: group("port").and_then(|port| port.parse().ok()),
            scheme: group("scheme"),
        },
    };
    login.port = login::port_after(window, host).or(login.port);
    login
}

/// User and database of a URL whose parameters hold them.
fn in_query(window: &[u8], host: &Range<usize>, whole: &Range<usize>) -> Login {
    let text = connection_string::list_around(window, whole);
    let after = window.get(host.end..).unwrap_or(&[]);
    let before = window.get(whole.start..host.start).unwrap_or(&[]);
    let parameters = after
        .iter()
        .position(|byte| *byte == b'?')
        .filter(|_| is_query(window, host))
        .and_then(|at| after.get(at.saturating_add(1)..))
        .map(|rest| {
            let len = rest
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || b"\"'<>`".contains(byte));
            Query::parse(rest.get(..len.unwrap_or(rest.len())).unwrap_or(&[]))
        });
    let of_query = |names: &[&str]| {
        let query = parameters.as_ref()?;
        names
            .iter()
            .find_map(|name| query.text(name))
            .map(str::to_owned)
    };
    let fields = connection_string::fields(text);
    Login {
        user: of_query(USER)
            .or_else(|| value_of(&fields, USER).filter(|_| parameters.is_none()))
            .or_else(|| first(&USER_WORD, text, "user")),
        database: first(&PATH, after, "database")
            .or_else(|| value_of(&fields, DATABASE))
            .or_else(|| of_query(DATABASE)),
        port: first(&PORT_WORD, text, "port").and_then(|port| port.parse().ok()),
        scheme: first(&SCHEME, before, "scheme"),
    }
}

/// Whether the parameters of the URL around a host follow a question mark.
fn is_query(window: &[u8], host: &Range<usize>) -> bool {
    let after = window.get(host.end..).unwrap_or(&[]);
    let mark = after
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .find(|byte| b"?;".contains(byte));
    mark == Some(&b'?')
}

fn first(pattern: &Pattern, text: &[u8], group: &str) -> Option<String> {
    context::text_of(&pattern.first(text)?, group)
}

/// A decoded value of a form, in which `+` stands for a space.
pub(super) fn plus_to_space(text: &[u8]) -> Vec<u8> {
    text.iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect()
}

/// A value in which a backslash stands before what would end it.
fn without_backslashes(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut value = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        value.push(if *byte == b'\\' {
            *bytes.next().unwrap_or(byte)
        } else {
            *byte
        });
    }
    Cow::Owned(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_stand_before_what_they_protect() {
        assert_eq!(without_backslashes(br"a\:b\\c").as_ref(), br"a:b\c");
        assert_eq!(without_backslashes(br"a\").as_ref(), br"a\");
        assert_eq!(without_backslashes(b"plain").as_ref(), b"plain");
    }

    #[test]
    fn the_patterns_compile() {
        for pattern in [
            &COMMAND_USER,
            &COMMAND_DATABASE,
            &COMMAND_PORT,
            &USER_WORD,
            &DATABASE_WORD,
            &PORT_WORD,
            &PATH,
            &SCHEME,
        ] {
            assert!(pattern.regex().is_some());
        }
    }
}
