//! Passwords for whatever an ODBC driver connects to.
//!
//! Syntax: Microsoft, "SQLDriverConnect Function" (connection strings, braces), "Microsoft OLE DB
//! Provider for ODBC"; unixODBC, `odbc.ini`. A host that has a type of its own belongs to that.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::host::Endpoint;
use super::login;
use super::text::{DATABASE, USER, plus_to_space};
use crate::confirm::validate::connection_string::{self, Field, unquote, value_of};
use crate::confirm::validate::context::Pattern;
use crate::confirm::validate::{Validator, placeholder};
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// The validators of this type, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("odbc-arguments", arguments),
    ("odbc-encoded", encoded),
    ("odbc-list", list),
    ("odbc-section", section),
];

const SERVER: &[&str] = &[
    "server",
    "servername",
    "data source",
    "host",
    "hostname",
    "addr",
    "address",
    "network address",
    "system",
    "dbq",
];
const SOURCE: &[&str] = &["dsn", "filedsn", "data source name"];
const PASSWORD: &[&str] = &["pwd", "password"];
const TRUSTED: &[&str] = &["trusted_connection", "integrated security"];
/// Longest section of an `odbc.ini`, in bytes.
const SECTION: usize = 2000;

static ARGUMENT: Pattern = Pattern::new(
    r#"(?i)[\s,({](?<name>[a-z_]{2,20})["']?\s{0,8}[=:]\s{0,8}(?:"(?<value>[^"\r\n]{0,200})"|'(?<value_b>[^'\r\n]{0,200})'|(?<value_c>\d{1,5}))"#,
);

/// A connection string.
fn list(candidate: &Candidate<'_>) -> Judgement {
    let raw = candidate.secret();
    let at = candidate.secret_range();
    let rest = candidate.window.get(at.end..).unwrap_or(&[]);
    if unescape::looks_escaped(raw, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let whole = candidate
        .captures
        .get(0)
        .map_or(0..0, |whole| whole.range());
    let text = connection_string::list_around(candidate.window, &whole);
    let (value, inner) = unquote(raw);
    let place = at.start.saturating_add(inner.start)..at.start.saturating_add(inner.end);
    let text = connection_string::joined(text);
    let fields = connection_string::fields(&text);
    judge(&text, &fields, &value, raw, place)
}

/// A connection string that is percent-encoded as a whole.
fn encoded(candidate: &Candidate<'_>) -> Judgement {
    let Some(text) = candidate.group("conn") else {
        return Judgement::Reject("no connection string");
    };
    let text = plus_to_space(&unescape::percent_value(text));
    let raw = plus_to_space(&unescape::percent_value(candidate.secret()));
    let (value, _) = unquote(&raw);
    let fields = connection_string::fields(&text);
    judge(&text, &fields, &value, &raw, candidate.secret_range())
}

/// Arguments of a call, by name or by place.
fn arguments(candidate: &Candidate<'_>) -> Judgement {
    let raw = candidate.secret();
    let at = candidate.secret_range();
    let rest = candidate.window.get(at.end..).unwrap_or(&[]);
    if unescape::looks_escaped(raw, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let (value, inner) = unquote(raw);
    let place = at.start.saturating_add(inner.start)..at.start.saturating_add(inner.end);
    let whole = candidate
        .captures
        .get(0)
        .map_or(&[][..], |whole| whole.as_bytes());
    // What a call says by name is a list in other clothes.
    let mut text = Vec::new();
    for found in ARGUMENT.find_all(whole) {
        let value = ["value", "value_b", "value_c"]
            .into_iter()
            .find_map(|name| found.name(name));
        let (Some(name), Some(value)) = (found.name("name"), value) else {
            continue;
        };
        text.extend([name.as_bytes(), b"=", value.as_bytes(), b";"].concat());
    }
    if let (Some(source), Some(user)) = (candidate.group("source"), candidate.group("user")) {
        let is_list = source.contains(&b'=');
        let name: &[u8] = if is_list { b"" } else { b"DSN=" };
        text.extend([name, source, b";UID=", user, b";PWD=", &value, b";"].concat());
    }
    let fields = connection_string::fields(&text);
    if value_of(&fields, PASSWORD).is_none() {
        return Judgement::Reject("no password");
    }
    judge(whole, &fields, &value, raw, place)
}

/// Whether a byte is the first of a line that is not blank.
fn begins_line(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or(&[]);
    let mut blanks = before
        .iter()
        .rev()
        .skip_while(|byte| matches!(byte, b' ' | b'\t'));
    matches!(blanks.next(), None | Some(b'\n' | b'\r' | 0))
}

/// A section of an `odbc.ini` or a file DSN, around the line that names its driver.
fn section(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let anchor = candidate.anchor;
    // On a disk a text begins behind the NULs of whatever lay there before.
    let floor = anchor.saturating_sub(SECTION);
    let before = window.get(floor..anchor).unwrap_or(&[]);
    let begin = memchr::memrchr_iter(b'[', before).find(|at| begins_line(before, *at));
    let nul = memchr::memrchr(0, before).map(|at| at.saturating_add(1));
    let begin = floor.saturating_add(begin.max(nul).unwrap_or(0));
    let after = window.get(anchor..).unwrap_or(&[]);
    let end = memchr::memchr_iter(b'[', after).find(|at| begins_line(after, *at));
    let nul = memchr::memchr(0, after);
    let len = end
        .into_iter()
        .chain(nul)
        .chain([after.len(), SECTION])
        .min();
    let Some(text) = window.get(begin..anchor.saturating_add(len.unwrap_or(0))) else {
        return Judgement::Reject("no section");
    };
    let fields = connection_string::fields(text);
    let Some(password) = fields.iter().find(|field| field.is_named(PASSWORD)) else {
        return Judgement::Reject("no password in the section");
    };
    if value_of(&fields, USER).is_none() && value_of(&fields, SERVER).is_none() {
        return Judgement::Reject("neither user nor server in the section");
    }
    let raw = password.raw();
    let Some(start) = offset_in(text, raw) else {
        return Judgement::Reject("no password in the section");
    };
    let start = begin.saturating_add(start);
    let (value, inner) = unquote(raw);
    let place = start.saturating_add(inner.start)..start.saturating_add(inner.end);
    if value.contains(&b' ') || value.is_empty() {
        return Judgement::Reject("a sentence, not a password");
    }
    judge(text, &fields, &value, raw, place)
}

fn judge(
    text: &[u8],
    fields: &[Field<'_>],
    value: &[u8],
    raw: &[u8],
    place: Range<usize>,
) -> Judgement {
    if Endpoint::all(text).next().is_some() {
        return Judgement::Reject("a host that has a type of its own");
    }
    let trusted = value_of(fields, TRUSTED).is_some_and(|word| {
        ["yes", "true", "sspi", "1"].contains(&word.to_ascii_lowercase().as_str())
    });
    if trusted {
        return Judgement::Reject("the login of the operating system");
    }
    let source = value_of(fields, SOURCE);
    let user = value_of(fields, USER);
    if user.is_none() && source.is_none() && value_of(fields, SERVER).is_none() {
        return Judgement::Reject("neither user nor server");
    }
    let mut proof = Proof::of(Verdict::Structure)
        .lies_at(place)
        .canonical(value);
    let server = value_of(fields, SERVER).filter(|server| {
        placeholder::reason(server.as_bytes()).is_none() && !server.starts_with('(')
    });
    if let Some(server) = &server {
        let (host, port) = split_port(server);
        let port = value_of(fields, &["port"]).or(port);
        proof = proof.opens("database", &host, Some(host.clone()));
        if let Some(port) = port.and_then(|port| login::number(port.as_bytes())) {
            proof = proof.detail("port", port);
        }
    } else if let Some(source) = &source {
        proof = proof.opens("odbc-data-source", source, None);
    }
    if let Some(user) = user {
        proof = proof.owner("user", user);
    }
    if let Some(database) = value_of(fields, DATABASE) {
        proof = proof.detail("database", database);
    }
    if let Some(driver) = value_of(fields, &["driver"]) {
        proof = proof.detail("driver", driver);
    }
    login::judge(value, raw, false, proof)
}

/// `tcp:host\instance,1433` without protocol and instance, and its port.
fn split_port(server: &str) -> (String, Option<String>) {
    let server = server.strip_prefix("tcp:").unwrap_or(server);
    let (host, port) = server
        .split_once([',', ':'])
        .map_or((server, None), |(host, port)| (host, Some(port)));
    let host = host.split('\\').next().unwrap_or(host);
    (
        host.trim().to_ascii_lowercase(),
        port.map(|port| port.trim().to_owned()),
    )
}

/// Where a part of a text lies in it.
fn offset_in(text: &[u8], part: &[u8]) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (offset <= text.len()).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        let split = |text| split_port(text);
        assert_eq!(
            split("tcp:DB01\\sql,1433"),
            ("db01".to_owned(), Some("1433".to_owned()))
        );
        assert_eq!(split("db01"), ("db01".to_owned(), None));
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(ARGUMENT.regex().is_some());
    }
}
