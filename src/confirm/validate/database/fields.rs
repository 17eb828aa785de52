//! Host and password in fields of their own: settings, properties, arguments, states.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::host::{Endpoint, Service};
use super::login::{self, Login};
use crate::confirm::validate::context::{self, Pattern, gap_between};
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// Farthest that a host and its password lie apart, in bytes.
const FIELDS: usize = 400;
/// Farthest that the attributes of one resource in a Terraform state lie apart: they are in the
/// order of their names, and a database has many.
const ATTRIBUTES: usize = 4000;

/// Shortest password that is believed on its field's name alone, in bytes.
const SHORTEST: usize = 4;

/// A field and its value, written as `name = value`, as an XML attribute or element, as a record
/// of name and value, or as a parameter of a template.
static PASSWORD: Pattern = Pattern::new(
    r#"(?i)(?<name>[a-z0-9_.$-]{0,48}?)(?:password|passwd|_pwd|_pass|_pw|\bpwd|\bpass|(?-i:[a-z]Pwd|[a-z]Pass))(?:(?:["']?\s{0,40}[,;]?\s{0,40}["']?(?:parameter|option)?value["']?\s{0,8}[:=]>?\s{0,8}|["']?\s{0,4}:\s{0,8}\{\s{0,40}["']?(?:default)?value["']?\s{0,8}:\s{0,8}|</\w{1,12}>\s{0,40}<\w{1,12}>|["'\]]{0,2}[*_]{0,2}\s{0,8}(?:=>|:=|[:=]|\|\||\?\?|\?:)[*_]{0,2}[ \t]{0,8}|[`*_]{0,2}[ \t]{0,30}\|[ \t]{0,8}|["'\]]{1,2}\s{0,8},\s{0,8})(?:"(?<quoted>[^"\r\n\x00]{4,128})"|'(?<single>[^'\r\n\x00]{4,128})'|`(?<tick>[^`\s]{4,128})`|(?<bare>[^\s"'`|<>,;&\x00-\x1f]{1,128}))|>(?<element>[^<>\r\n\x00]{4,128})</)"#,
);

static USER: Pattern = Pattern::new(
    r#"(?i)(?:user(?:_?name|_?id)?|login|\buid)(?:["'\]]{0,2}\s{0,8}(?:=>|:=|[:=,])[ \t]{0,8}|["']?\s{0,40}[,;]?\s{0,40}["']?value["']?\s{0,8}[:=]\s{0,8}|>)["']?(?<user>[a-z0-9_.@\\-]{1,128})"#,
);

static DATABASE: Pattern = Pattern::new(
    r#"(?i)(?:\bdatabase(?:_?name)?|[_.]database|\bdb|db_?name|initial catalog)(?:["'\]]{0,2}\s{0,8}(?:=>|:=|[:=,])[ \t]{0,8}|["']?\s{0,40}[,;]?\s{0,40}["']?value["']?\s{0,8}[:=]\s{0,8}|>)["']?(?<database>[a-z0-9_.-]{1,128})"#,
);

static PORT: Pattern = Pattern::new(
    r#"(?i)port(?:["'\]]{0,2}\s{0,8}(?:=>|:=|[:=,])[ \t]{0,8}|["']?\s{0,40}[,;]?\s{0,40}["']?value["']?\s{0,8}[:=]\s{0,8}|>)["']?(?<port>\d{2,5})(?:[^\d.]|$)"#,
);

/// Names whose password opens something else.
static FOREIGN: Pattern = Pattern::new(
    r"(?i)(?:redis|smtp|mail|ftp|ldap|rabbit|amqp|keystore|truststore|proxy|cache|elastic|kafka|sonar|nexus|docker|registry|grafana|jwt)",
);

struct Password<'t> {
    name: &'t [u8],
    value: &'t [u8],
    at: Range<usize>,
    is_quoted: bool,
}

/// The password nearest to the host that the anchor lies in.
pub(super) fn read(candidate: &Candidate<'_>, service: Service) -> Judgement {
    let window = candidate.window;
    let found = Endpoint::all(window).find(|(_, place)| place.contains(&candidate.anchor));
    let Some((endpoint, place)) = found.filter(|(found, _)| found.service == service) else {
        return Judgement::Reject("not a host of this service");
    };
    let resource = resource_around(window, &place);
    let in_reach = |at: &Range<usize>| {
        gap_between(at, &place) <= FIELDS || (resource.start <= at.start && at.end <= resource.end)
    };
    // One in the same record before one beyond its end, one after the host before one before it.
    let password = passwords(window)
        .into_iter()
        .filter(|password| in_reach(&password.at) && FOREIGN.first(password.name).is_none())
        .filter(|password| !is_section_between(window, &place, &password.at))
        .min_by_key(|password| {
            let at = &password.at;
            (
                is_record_between(window, &place, at),
                at.start < place.start,
                gap_between(at, &place),
            )
        });
    let Some(Password {
        value,
        at,
        is_quoted,
        ..
    }) = password
    else {
        return Judgement::Reject("no password in the same block");
    };
    // What is used where the variable is not set is as good as any other value.
    let (value, at, is_quoted) = match default_of(value) {
        Some(inner) => {
            let at = at.start.saturating_add(inner.start)..at.start.saturating_add(inner.end);
            (window.get(at.clone()).unwrap_or(&[]), at, false)
        }
        None => (value, at, is_quoted),
    };
    let rest = window.get(at.end..).unwrap_or(&[]);
    if unescape::looks_escaped(value, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    let near = |pattern: &Pattern, group: &str| {
        let found = pattern.nearest(window, &at, FIELDS)?;
        context::text_of(&found, group)
    };
    let port = || near(&PORT, "port").and_then(|port| port.parse().ok());
    let login = Login {
        user: near(&USER, "user"),
        database: near(&DATABASE, "database"),
        port: login::port_after(window, &place).or_else(port),
        scheme: None,
    };
    let proof = login.describe(Proof::of(Verdict::Pattern), &endpoint);
    let raw = if is_quoted {
        window.get(at.start.saturating_sub(1)..at.end.saturating_add(1))
    } else {
        window.get(at.clone())
    };
    let proof = proof.lies_at(at).canonical(value);
    login::judge(value, raw.unwrap_or(value), endpoint.is_printed(), proof)
}

/// The passwords in a text. What stands after the name of a field may be an expression that holds
/// the next field: `password = getenv("DB_PASSWORD", "...")`.
fn passwords(text: &[u8]) -> Vec<Password<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(captures) = PASSWORD
        .regex()
        .and_then(|regex| regex.captures_at(text, from))
    {
        let Some(whole) = captures.get(0) else {
            break;
        };
        let code = captures
            .name("bare")
            .filter(|bare| is_code(bare.as_bytes()));
        from = match code {
            Some(code) => code.start(),
            None => {
                found.extend(password_of(text, &captures));
                whole.end()
            }
        };
    }
    found
}

fn password_of<'t>(window: &'t [u8], found: &regex::bytes::Captures<'t>) -> Option<Password<'t>> {
    let name = found.name("name").map_or(&[][..], |name| name.as_bytes());
    if let Some(bare) = found.name("bare") {
        let at = bare.start()..bare_end(window, found.get(0)?.start(), &bare.range());
        if at.len() < SHORTEST {
            return None;
        }
        return Some(Password {
            name,
            value: window.get(at.clone())?,
            at,
            is_quoted: false,
        });
    }
    let group = ["quoted", "single", "tick", "element"]
        .into_iter()
        .find_map(|name| found.name(name))?;
    Some(Password {
        name,
        value: group.as_bytes(),
        at: group.range(),
        is_quoted: found.name("quoted").or(found.name("single")).is_some(),
    })
}

/// Where `VALUE` lies in `${NAME:-VALUE}` of a shell or `${NAME:VALUE}` of Spring.
fn default_of(value: &[u8]) -> Option<Range<usize>> {
    let inner = value.strip_prefix(b"${")?.strip_suffix(b"}")?;
    let colon = inner.iter().position(|byte| *byte == b':')?;
    let (name, default) = inner.split_at_checked(colon)?;
    let lead: usize = if default.starts_with(b":-") { 2 } else { 1 };
    let is_plain = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
        && !default.contains(&b'{')
        && default.len() > lead.saturating_add(3);
    let start = colon.saturating_add(lead).saturating_add(2);
    is_plain.then(|| start..value.len().saturating_sub(1))
}

/// Where a value without quotes ends. In a list of arguments that is the comma; a setting on a
/// line of its own may hold one.
fn bare_end(window: &[u8], field: usize, bare: &Range<usize>) -> usize {
    let goes_on = matches!(window.get(bare.end), Some(b',' | b';' | b'&'));
    let line = window.get(..field).unwrap_or(&[]);
    let start = line
        .iter()
        .rposition(|byte| matches!(byte, b'\n' | b'\r' | 0));
    let lead = line
        .get(start.map_or(0, |at| at.saturating_add(1))..)
        .unwrap_or(&[]);
    let lead = lead.strip_prefix(b"export ").unwrap_or(lead);
    if !goes_on || !lead.trim_ascii().is_empty() {
        return bare.end;
    }
    let rest = window.get(bare.end..).unwrap_or(&[]);
    let len = rest
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || b"\"'<>\0".contains(byte))
        .unwrap_or(rest.len());
    let more = rest.get(..len).unwrap_or(&[]);
    let kept = more
        .iter()
        .rposition(|byte| !b",;&".contains(byte))
        .map_or(0, |at| at.saturating_add(1));
    bare.end.saturating_add(kept)
}

/// The attributes of the resource in a Terraform state that a host lies in; the host alone
/// elsewhere.
fn resource_around(window: &[u8], host: &Range<usize>) -> Range<usize> {
    const BEGIN: &[u8] = b"\"attributes\"";
    let floor = host.start.saturating_sub(ATTRIBUTES);
    let before = window.get(floor..host.start).unwrap_or(&[]);
    let Some(begin) = memchr::memmem::rfind(before, BEGIN) else {
        return host.clone();
    };
    let ceiling = host.end.saturating_add(ATTRIBUTES).min(window.len());
    let after = window.get(host.end..ceiling).unwrap_or(&[]);
    let len = memchr::memmem::find(after, BEGIN).unwrap_or(after.len());
    floor.saturating_add(begin)..host.end.saturating_add(len)
}

fn between<'t>(window: &'t [u8], one: &Range<usize>, other: &Range<usize>) -> &'t [u8] {
    let range = if one.start < other.start {
        one.end..other.start
    } else {
        other.end..one.start
    };
    window.get(range).unwrap_or(&[])
}

/// Whether a section begins between the two.
fn is_section_between(window: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    let text = between(window, one, other);
    context::begins_section(text)
}

/// Whether one record ends and another begins between the two.
fn is_record_between(window: &[u8], one: &Range<usize>, other: &Range<usize>) -> bool {
    let text = between(window, one, other);
    let close = text.iter().position(|byte| *byte == b'}');
    let opens_again = close
        .and_then(|at| text.get(at..))
        .is_some_and(|rest| rest.contains(&b'{'));
    opens_again || context::has_blank_line(text)
}

/// Whether a value without quotes is program text: a call, a path of names, a type, a variable.
fn is_code(value: &[u8]) -> bool {
    const TYPES: &[&[u8]] = &[
        b"string",
        b"String",
        b"text",
        b"bytes",
        b"prompt",
        b"required",
        b"Optional",
        b"None",
    ];
    // In an argument list the value seems to go on to the bracket that ends the list.
    let value = match value {
        [inner @ .., b')' | b']' | b'}'] => inner,
        _ => value,
    };
    let is_name = |name: &[u8]| {
        name.first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let is_path = value.contains(&b'.') && value.split(|byte| *byte == b'.').all(is_name);
    let lower = value.to_ascii_lowercase();
    let has = |word: &[u8]| memchr::memmem::find(&lower, word).is_some();
    let is_variable = is_name(value)
        && !value.iter().any(u8::is_ascii_digit)
        && [&b"passw"[..], b"pwd", b"_pass", b"secret"]
            .into_iter()
            .any(has);
    is_path
        || is_variable
        || value.contains(&b'(')
        || value.ends_with(b":")
        || TYPES.contains(&value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        passwords(text.as_bytes())
            .iter()
            .map(|found| context::text(found.value))
            .collect()
    }

    #[test]
    fn a_field_is_read_in_every_notation() {
        for text in [
            "DB_PASSWORD=hunter2",
            "db.password: 'hunter2'",
            "'password' => \"hunter2\",",
            "define('DB_PASSWORD', 'hunter2');",
            "<property name=\"password\" value=\"hunter2\"/>",
            "<password>hunter2</password>",
            "- name: DB_PASSWORD\n  value: hunter2\n",
            "{\"name\": \"DB_PASSWORD\", \"value\": \"hunter2\"}",
            "\"adminPassword\": {\n  \"value\": \"hunter2\"\n}",
            "<key>password</key>\n<string>hunter2</string>",
            "OptionName: DB_PASSWORD\n Value: hunter2",
            "password = \"hunter2\"",
            "os.environ[\"PGPASSWORD\"] = 'hunter2'",
            "dbPwd: hunter2,",
            "| Password | `hunter2` |",
            "**Password:** `hunter2`",
            "process.env.DB_PASSWORD || 'hunter2'",
            "os.environ.get('DB_PASSWORD', 'hunter2')",
            "password=os.getenv('DB_PASSWORD', 'hunter2')",
        ] {
            assert_eq!(values(text), ["hunter2"], "{text}");
        }
        assert_eq!(values("export A_PASSWORD=a,b;c&d\n"), ["a,b;c&d"]);
        assert_eq!(values("  password=abcd,\n"), ["abcd"]);
        assert_eq!(values("f(password=abcd, x=1)"), ["abcd"]);
        assert_eq!(values("DB_PASSWORD=\nDB_USER=app\n"), Vec::<String>::new());
    }

    #[test]
    fn the_default_of_a_variable_is_a_value() {
        let of = |text: &'static str| default_of(text.as_bytes()).map(|at| &text[at]);
        assert_eq!(of("${DB_PASSWORD:-hunter2}"), Some("hunter2"));
        assert_eq!(of("${db.password:hunter2}"), Some("hunter2"));
        for text in [
            "${DB_PASSWORD}",
            "${DB_PASSWORD:-}",
            "${A:${B:hunter2}}",
            "hunter2",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn program_text_is_no_password() {
        for text in [
            "config.db.password",
            "getenv(PW)",
            "settings.password)",
            "string",
            "dbPassword",
            "secretKeyRef:",
        ] {
            assert!(is_code(text.as_bytes()), "{text}");
        }
        assert!(!is_code(b"hunter2.pass!"));
        assert!(!is_code(b"correcthorse"));
    }

    #[test]
    fn the_attributes_of_a_resource_end_where_the_next_begin() {
        let text = b"\"attributes\": {a HOST b} \"attributes\": {c}";
        let host = 17..21;
        assert_eq!(resource_around(text, &host), 0..25);
        assert_eq!(resource_around(&text[3..], &(14..18)), 14..18);
    }

    #[test]
    fn the_patterns_compile() {
        for pattern in [&PASSWORD, &USER, &DATABASE, &PORT, &FOREIGN] {
            assert!(pattern.regex().is_some());
        }
    }
}
