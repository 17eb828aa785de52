//! User name and password together: in one record, a URL, a `.netrc`.

// In tests plain sums are the clearest statement of what is expected.
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing
    )
)]

use std::ops::Range;

use super::Validator;
use super::chosen::{self, Classes, Form};
use super::context::{self, Pattern, gap_between};
use super::encoding;
use super::key_name::names_a_password;
use super::password::{self, same_record};
use super::placeholder;
use crate::confirm::unescape;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("login-pair", pair),
    ("login-record", record),
    ("login-url", url),
];

/// How far from a password its user is looked for, in bytes.
const NEAR: usize = 200;

/// A field that names a user, with a literal value.
static USER: Pattern = Pattern::new(
    r#"(?i)(?:^|[^a-z0-9])(?<key>[a-z0-9_.-]{0,40}(?:user(?:[ _-]?(?:name|id))?|uid|login(?:[ _-]?name)?|account(?:[ _-]?name)?|principal(?:[ _-]?name)?))["'\]]{0,2}(?:\s{0,8}(?:=>|:=|[:=])\s{0,8}(?:\{\s{0,8}"value"\s{0,2}:\s{0,2})?|,?\s{1,40}["']?value["']?\s{0,2}[:=]\s{0,2}|>)(?:"(?<quoted>[^"\r\n]{1,100})"|'(?<single>[^'\r\n]{1,100})'|(?<bare>[^\s"';,&<>(){}\[\]]{1,100})(?:[\s"';,&<>]|$))"#,
);

/// Hosts that documentation is written with.
const DOCUMENTED: &[&str] = &[
    "example",
    "example.com",
    "example.org",
    "example.net",
    "host",
    "hostname",
    "server",
    "domain",
    "domain.com",
    "domain.tld",
    "host.com",
    "myhost",
    "yourhost",
    "proxy",
    "proxyserver",
    "proxy.com",
    "test.com",
    "foo.com",
    "bar.com",
    "company.com",
    "mycompany.com",
    "site.com",
    "a.com",
    "b.com",
    "website.com",
    "somewhere.com",
    "address",
];

/// Passwords that documentation is written with, in URLs above all.
const DOCUMENTED_PASSWORDS: &[&str] = &[
    "pass",
    "passwd",
    "password",
    "pwd",
    "secret",
    "guest",
    "user",
    "test",
    "foo",
    "bar",
    "baz",
    "pw",
    "token",
    "xyz",
    "abc",
    "abcd",
    "qwerty",
    "letmein",
    "admin",
    "root",
    "hunter2",
    "pass1",
    "pass123",
    "password1",
    "secret123",
    "mypass",
    "user123",
    "p4ssw0rd",
    "p@ssw0rd",
    "hello",
    "api_key",
    "apikey",
];

/// A field whose record also names the user.
pub(super) fn pair(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let Some(core) = candidate.group_range("key") else {
        return Judgement::Reject("no name");
    };
    if !names_a_password(password::name_around(window, core)) {
        return Judgement::Reject("the name of something else");
    }
    let value = candidate.secret();
    let place = candidate.secret_range();
    let rest = window.get(place.end..).unwrap_or(&[]);
    if unescape::looks_escaped(value, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let Some((user, _)) = user_near(window, &place) else {
        return Judgement::Reject("no user in the same record");
    };
    let proof = describe(candidate, &user, value);
    unless_echo(&user, value, password::form_of(candidate), proof)
}

/// Believed unless something speaks against the value, or it is the user's name: `guest:guest`.
fn unless_echo(user: &[u8], value: &[u8], form: Form, proof: Proof) -> Judgement {
    if is_echo(user, value) && chosen::doubt(value, form).is_none() {
        return proof.suppress("placeholder");
    }
    password::believe(value, form, proof)
}

/// A record with fields of its own for user and password: XML, `.netrc`.
pub(super) fn record(candidate: &Candidate<'_>) -> Judgement {
    let user = candidate.group("user").unwrap_or(&[]);
    let raw = candidate.secret();
    let user = unescape::text_value(user).into_owned();
    let mut value = unescape::text_value(raw).into_owned();
    if candidate.group("encoded").is_some() {
        let Some(decoded) = encoding::base64(&value) else {
            return Judgement::Reject("base64");
        };
        value = decoded;
    }
    if !is_user(&user) {
        return Judgement::Reject("no user");
    }
    let mut proof = describe(candidate, &user, &value);
    if let Some(host) = candidate.group("host") {
        let host = context::text(host).to_ascii_lowercase();
        if is_documented(&host) {
            return proof.suppress("documentation");
        }
        proof = proof.opens("host", &host, None);
    }
    unless_echo(&user, &value, Form::Quoted, proof)
}

/// `scheme://user:password@host`.
pub(super) fn url(candidate: &Candidate<'_>) -> Judgement {
    let (user, raw, host) = (
        candidate.group("user").unwrap_or(&[]),
        candidate.secret(),
        candidate.group("host").unwrap_or(&[]),
    );
    let value = unescape::percent_value(raw).into_owned();
    let user = unescape::percent_value(user).into_owned();
    let after = candidate.window.get(candidate.secret_range().end..);
    if unescape::looks_escaped(raw, after.unwrap_or(&[])) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let host = context::text(host).to_ascii_lowercase();
    let printable = |text: &[u8]| {
        text.iter()
            .all(|byte| byte.is_ascii_graphic() || !byte.is_ascii())
    };
    // `//HOST:1433;user=app@corp`: the `@` need not be that of the URL.
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let port_only =
        (1..=5).contains(&digits) && matches!(value.get(digits), None | Some(b';' | b'?'));
    let bracket = |text: &[u8]| {
        text.iter().any(|byte| {
            matches!(
                byte,
                b'<' | b'>'
                    | b'['
                    | b']'
                    | b'('
                    | b')'
                    | b'{'
                    | b'}'
                    | b'|'
                    | b'`'
                    | b'\\'
                    | b'^'
                    | b','
                    | b'*'
            )
        })
    };
    let ends = host.ends_with('.') || host.ends_with('-') || host.contains("..");
    if port_only || value.len() < 4 || !printable(&value) || !printable(&user) || ends {
        return Judgement::Reject("no password");
    }
    if bracket(raw) || bracket(&user) {
        return Judgement::Reject("a template");
    }
    let scheme = candidate
        .group("scheme")
        .map(context::text)
        .unwrap_or_default();
    let mut proof = Proof::of(Verdict::Structure)
        .canonical(value.as_slice())
        .opens("host", &host, None)
        .detail("scheme", scheme.to_ascii_lowercase());
    if !user.is_empty() {
        proof = proof.owner("user", context::text(&user));
    }
    if placeholder::reason(&user) == Some("template") {
        return proof.suppress("template");
    }
    if let Some(reason) = placeholder::reason(&value) {
        return proof.suppress(reason);
    }
    let lower = value.to_ascii_lowercase();
    let weak = DOCUMENTED_PASSWORDS
        .iter()
        .any(|word| word.as_bytes() == lower);
    if weak || is_echo(&user, &value) || chosen::is_words(&value) {
        return proof.suppress("placeholder");
    }
    if is_documented(&host) || (is_local(&host) && Classes::of(&value).count() < 3) {
        return proof.suppress("documentation");
    }
    proof.accept()
}

fn describe(candidate: &Candidate<'_>, user: &[u8], value: &[u8]) -> Proof {
    let place = candidate.secret_range();
    let proof = Proof::of(Verdict::Pattern)
        .canonical(value)
        .owner("user", context::text(user));
    match password::host_near(candidate.window, &place) {
        Some(host) => proof.opens("host", &host, None),
        None => proof,
    }
}

/// The user of the same record: the nearest before, else the nearest after.
pub(super) fn user_near(window: &[u8], place: &Range<usize>) -> Option<(Vec<u8>, Range<usize>)> {
    let start = place.start.saturating_sub(NEAR.saturating_mul(2));
    let text = window.get(start..)?;
    USER.find_all(text)
        .filter_map(|found| {
            let value = ["quoted", "single", "bare"]
                .into_iter()
                .find_map(|name| found.name(name))?;
            let at = value.start().saturating_add(start)..value.end().saturating_add(start);
            let key = found.name("key")?.as_bytes();
            let fits = is_user(value.as_bytes())
                && !key_is_about_users(key)
                && gap_between(&at, place) <= NEAR
                && gap_between(&at, place) > 0
                && same_record(window, &at, place);
            fits.then(|| (value.as_bytes().to_vec(), at))
        })
        .min_by_key(|(_, at)| (at.start > place.start, gap_between(at, place)))
}

/// Whether a value can be the name of a user and is written out.
fn is_user(value: &[u8]) -> bool {
    let plain = value.iter().all(|byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'@' | b'\\' | b'/' | b'+' | b'#')
    });
    let names = [
        "username",
        "user",
        "userid",
        "user_name",
        "login",
        "null",
        "none",
        "string",
        "true",
        "false",
        "str",
        "text",
    ];
    let lower = value.to_ascii_lowercase();
    let named = |name: &&str| name.as_bytes() == lower;
    value.len() >= 2
        && plain
        && value.iter().any(u8::is_ascii_alphabetic)
        && !names.iter().any(named)
        && !value.starts_with(b"/")
        && placeholder::reason(value).is_none()
}

/// `user-agent`, `login_url`: fields beside users that are none.
fn key_is_about_users(key: &[u8]) -> bool {
    let lower = key.to_ascii_lowercase();
    ["agent", "storage", "billing"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word.as_bytes()).is_some())
}

/// Whether user and password are the same word: `guest:guest`.
fn is_echo(user: &[u8], value: &[u8]) -> bool {
    user.eq_ignore_ascii_case(value)
}

fn is_documented(host: &str) -> bool {
    let endings = [
        ".example",
        ".example.com",
        ".example.org",
        ".example.net",
        ".test",
        ".invalid",
        ".foo",
        ".bar",
    ];
    DOCUMENTED.contains(&host) || endings.iter().any(|ending| host.ends_with(ending))
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host == "0.0.0.0" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> Option<String> {
        let at = text.find("PW").unwrap();
        user_near(text.as_bytes(), &(at..at.saturating_add(2)))
            .map(|(user, _)| context::text(&user))
    }

    #[test]
    fn the_user_of_the_same_record_is_read() {
        for text in [
            "user=svc_app\npassword=PW",
            "{\"username\": \"svc_app\", \"password\": \"PW\"}",
            "User ID=svc_app;Password=PW",
            "DB_USER: 'svc_app'\nDB_PASS: 'PW'",
            "password = PW\nlogin = svc_app",
            "\"adminUsername\": {\"value\": \"svc_app\"}, \"adminPassword\": {\"value\": \"PW\"}",
            "- name: DB_USER\n  value: svc_app\n- name: DB_PASSWORD\n  value: PW",
            "<add key=\"DbUser\" value=\"svc_app\"/><add key=\"DbPassword\" value=\"PW\"/>",
        ] {
            assert_eq!(user(text).as_deref(), Some("svc_app"), "{text}");
        }
        for text in [
            "user=svc_app\n\npassword=PW",
            "user=${DB_USER}\npassword=PW",
            "user-agent: curl\npassword=PW",
            "user = get_user()\npassword=PW",
            "username: str\npassword=PW",
        ] {
            assert_eq!(user(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_of_documentation_are_known() {
        for host in ["example.com", "db.example.org", "host", "x.test"] {
            assert!(is_documented(host), "{host}");
        }
        assert!(!is_documented("db.corp.internal"));
        assert!(is_local("127.0.0.1"));
        assert!(USER.regex().is_some());
    }
}
