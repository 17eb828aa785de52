//! A password beside its name, anywhere: settings, parameters, properties, command lines.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::Validator;
use super::chosen::{self, Form};
use super::context::{self, Pattern, gap_between};
use super::key_name::names_a_password;
use super::{encoding, placeholder};
use crate::confirm::unescape;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("password-bare", bare),
    ("password-command", command),
    ("password-named", named),
    ("password-quoted", quoted),
    ("password-secure-string", secure_string),
];

/// How far from a password its host is looked for, in bytes.
const NEAR: usize = 300;

/// Where a host is named: a URL, or a field.
static HOST: Pattern = Pattern::new(
    r#"(?i)(?:[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@"'<>]{1,200}@)?|(?:host(?:name)?|server(?:name)?|endpoint|address|fqdn|machine|data source)["'\]]{0,2}\s{0,4}(?:=>|[:=])\s{0,4}["']?(?:tcp:)?)(?<host>[a-z0-9][a-z0-9.-]{0,200}\.[a-z][a-z0-9-]{1,30})(?:[^a-z0-9_(-]|$)"#,
);

/// The host nearest to a place, in lower case.
pub(super) fn host_near(window: &[u8], place: &Range<usize>) -> Option<String> {
    let found = HOST.nearest(window, place, NEAR)?;
    Some(context::text_of(&found, "host")?.to_ascii_lowercase())
}

/// A field `name = "value"`.
pub(super) fn quoted(candidate: &Candidate<'_>) -> Judgement {
    field(candidate, Form::Quoted)
}

/// A line `name=value`.
pub(super) fn bare(candidate: &Candidate<'_>) -> Judgement {
    field(candidate, Form::Bare)
}

fn field(candidate: &Candidate<'_>, form: Form) -> Judgement {
    let Some(core) = candidate.group_range("key") else {
        return Judgement::Reject("no name");
    };
    let key = name_around(candidate.window, core);
    if !names_a_password(key) {
        return Judgement::Reject("the name of something else");
    }
    if form == Form::Bare && is_directory(key, candidate.secret()) {
        return Judgement::Reject("a directory");
    }
    finish(candidate, form)
}

/// Name and value in fields or elements of their own.
pub(super) fn named(candidate: &Candidate<'_>) -> Judgement {
    let Some(key) = candidate.group("key") else {
        return Judgement::Reject("no name");
    };
    // An element's name ends before its attributes.
    let key = key
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    if !key.eq_ignore_ascii_case(b"secret") && !names_a_password(key) {
        return Judgement::Reject("the name of something else");
    }
    finish(candidate, form_of(candidate))
}

/// `ConvertTo-SecureString "..."`: the literal, not the export of one.
pub(super) fn secure_string(candidate: &Candidate<'_>) -> Judgement {
    let value = candidate.secret();
    if value.len() >= 64 && value.iter().all(u8::is_ascii_hexdigit) {
        return Judgement::Reject("encrypted");
    }
    finish(candidate, Form::Quoted)
}

/// An argument of a command: nothing else is written there, so only stand-ins are thrown out.
pub(super) fn command(candidate: &Candidate<'_>) -> Judgement {
    let value = candidate.secret();
    let user = candidate.group("user").unwrap_or(&[]);
    if placeholder::reason(user).is_some_and(|reason| reason == "template") {
        return Judgement::Reject("a template");
    }
    let proof = describe(candidate, value, Proof::of(Verdict::Pattern));
    let proof = if user.is_empty() {
        proof
    } else {
        proof.owner("user", context::text(user))
    };
    chosen::judge(value, Form::Bare, proof)
}

/// Quoted if a quote or a tag stands before the value.
pub(super) fn form_of(candidate: &Candidate<'_>) -> Form {
    let before = candidate.secret_range().start.checked_sub(1);
    match before.and_then(|at| candidate.window.get(at)) {
        Some(b'"' | b'\'' | b'>') => Form::Quoted,
        _ => Form::Bare,
    }
}

fn finish(candidate: &Candidate<'_>, form: Form) -> Judgement {
    let value = candidate.secret();
    let rest = candidate.window.get(candidate.secret_range().end..);
    if unescape::looks_escaped(value, rest.unwrap_or(&[])) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let proof = describe(candidate, value, Proof::of(Verdict::Pattern));
    believe(value, form, proof)
}

/// Believed unless something speaks against the value, or against what it says in base64: that is
/// how a Kubernetes secret holds it.
pub(super) fn believe(value: &[u8], form: Form, proof: Proof) -> Judgement {
    let Some(inner) = readable_base64(value) else {
        return chosen::judge(value, form, proof);
    };
    match chosen::doubt(&inner, Form::Quoted) {
        None => proof.canonical(inner).detail("encoding", "base64").accept(),
        Some(_) => proof.suppress("placeholder"),
    }
}

/// What a value says in base64, if that is text. Of random values of twelve characters one in a
/// thousand does.
fn readable_base64(value: &[u8]) -> Option<Vec<u8>> {
    if value.len() < 12 || !value.len().is_multiple_of(4) {
        return None;
    }
    let inner = encoding::base64(value)?;
    let trimmed = inner.strip_suffix(b"\n").unwrap_or(&inner);
    trimmed
        .iter()
        .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        .then(|| trimmed.to_vec())
}

fn describe(candidate: &Candidate<'_>, value: &[u8], proof: Proof) -> Proof {
    let place = candidate.secret_range();
    let proof = proof.canonical(value);
    match host_near(candidate.window, &place) {
        Some(host) => proof.opens("host", &host, None),
        None => proof,
    }
}

/// The whole name of which `core` is a part.
pub(super) fn name_around(window: &[u8], core: Range<usize>) -> &[u8] {
    const LONGEST: usize = 64;
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = window.get(..core.start).unwrap_or(&[]);
    let len = before
        .iter()
        .rev()
        .take(LONGEST)
        .take_while(|byte| is_part(byte))
        .count();
    window
        .get(core.start.saturating_sub(len)..core.end)
        .unwrap_or(&[])
}

/// `PWD=/home/x`: the shell's working directory.
fn is_directory(key: &[u8], value: &[u8]) -> bool {
    key == b"PWD"
        || (key.eq_ignore_ascii_case(b"pwd")
            && value.iter().any(|byte| matches!(byte, b'/' | b'\\')))
}

/// The text between two places.
pub(super) fn between<'t>(window: &'t [u8], one: &Range<usize>, other: &Range<usize>) -> &'t [u8] {
    let range = if one.start < other.start {
        one.end..other.start
    } else {
        other.end..one.start
    };
    window.get(range).unwrap_or(&[])
}

/// Whether two places belong to one record: no empty line and no new section between them.
pub(super) fn same_record(window: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    let text = between(window, one, other);
    gap_between(one, other) == 0
        || !(context::has_blank_line(text) || context::begins_section(text) || text.contains(&0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_from_urls_and_fields() {
        let find = |text: &str| host_near(text.as_bytes(), &(0..0));
        assert_eq!(
            find("url = https://Ci.corp.example/x").unwrap(),
            "ci.corp.example"
        );
        assert_eq!(
            find("\"host\": \"db1.corp.example\"").unwrap(),
            "db1.corp.example"
        );
        assert_eq!(find("host = os.getenv('X')"), None);
    }

    #[test]
    fn base64_of_text_is_read() {
        assert_eq!(
            readable_base64(b"U3VtbWVyMjAyNCE=").unwrap(),
            b"Summer2024!"
        );
        assert_eq!(readable_base64(b"q8Zt2LmX0aPw7RkD"), None);
    }
}
