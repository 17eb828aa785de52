//! Who logs in where, and whether the value between them is a password.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::host::{Endpoint, Service};
use crate::confirm::validate::placeholder;
use crate::confirm::{Judgement, Proof};

/// Longest password, in bytes: what the servers take, and some.
const LONGEST: usize = 256;

/// What the text around a password says of the login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) port: Option<u16>,
    /// Scheme of the URL, or driver: `postgresql`, `jdbc:sqlserver`.
    pub(super) scheme: Option<String>,
}

impl Login {
    /// The proof with host, user and database.
    pub(super) fn describe(&self, proof: Proof, endpoint: &Endpoint) -> Proof {
        let mut proof = proof.opens(endpoint.kind, &endpoint.name, Some(endpoint.host.clone()));
        if let Some(user) = self.user.as_deref().filter(|user| !user.is_empty()) {
            // Logins of single servers are written `user@server`.
            let user = match user.rsplit_once('@') {
                Some((user, suffix)) if suffix.split('.').next() == Some(&endpoint.name) => user,
                _ => user,
            };
            proof = proof.owner("user", user);
        }
        if let Some(account) = &endpoint.account {
            proof = proof.owner("account", account.clone());
        }
        if let Some(code) = &endpoint.account_code {
            proof = proof.owner("account_code", code.clone());
        }
        if let Some(database) = self.database.as_deref().filter(|name| !name.is_empty()) {
            proof = proof.detail("database", database);
        }
        if let Some(port) = self.port {
            proof = proof.detail("port", port);
        }
        if let Some(region) = &endpoint.region {
            proof = proof.detail("region", region.clone());
        }
        if endpoint.service == Service::Rds
            && let Some(engine) = self.engine()
        {
            proof = proof.detail("engine", engine);
        }
        proof
    }

    /// The engine behind a host that does not name it, by scheme, else by port.
    fn engine(&self) -> Option<&'static str> {
        let scheme = self.scheme.as_deref().unwrap_or("").to_ascii_lowercase();
        let known = [
            ("postgres", "postgresql"),
            ("pgsql", "postgresql"),
            ("psycopg", "postgresql"),
            ("mariadb", "mariadb"),
            ("mysql", "mysql"),
            ("oracle", "oracle"),
            ("mssql", "sqlserver"),
            ("sqlserver", "sqlserver"),
        ];
        let named = known.iter().find(|(word, _)| scheme.contains(word));
        let by_port = || match self.port? {
            1433 => Some("sqlserver"),
            1521 => Some("oracle"),
            3306 => Some("mysql"),
            5432 => Some("postgresql"),
            _ => None,
        };
        named.map(|(_, engine)| *engine).or_else(by_port)
    }
}

/// Believed unless the value stands for a password or the host for a host. `raw` is the value as
/// it lies, with its quotes.
pub(super) fn judge(value: &[u8], raw: &[u8], is_printed: bool, proof: Proof) -> Judgement {
    let has = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    if has(b"X-Amz-Signature") {
        return Judgement::Reject("a token of IAM, which ends within minutes");
    }
    if matches!(raw.first(), Some(b'"' | b'\'')) && is_concatenation(value) {
        return Judgement::Reject("program text between two strings");
    }
    if is_printed {
        return proof.suppress("published example");
    }
    if value.len() > LONGEST {
        return Judgement::Reject("too long for a password");
    }
    if raw.starts_with(b"{{") || has_field(raw) || is_format(value) || is_tag(value) {
        return proof.suppress("template");
    }
    placeholder::accept_unless_placeholder(value, proof)
}

/// `" + password + "` between two strings of a program is no quoted value.
fn is_concatenation(value: &[u8]) -> bool {
    let joins = |byte: Option<&u8>| matches!(byte, Some(b'+' | b'.' | b'&' | b','));
    let value = value.trim_ascii();
    value.len() > 2 && joins(value.first()) && joins(value.last())
}

/// `{pwd}`, `{config.password}`, `{0}`: a field of a format string, alone or amid other text.
/// Braces that quote hold something that needs a quote.
fn has_field(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'{').skip(1).any(|rest| {
        let Some(len) = rest.iter().position(|byte| *byte == b'}') else {
            return false;
        };
        let inner = rest.get(..len).unwrap_or(&[]);
        let is_number = inner.len() <= 2 && inner.iter().all(u8::is_ascii_digit);
        let is_name = inner.first().is_some_and(u8::is_ascii_alphabetic)
            && inner
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || b"_.[]'\"!:()".contains(byte));
        is_number || is_name
    })
}

/// `%s`, `?`, `:password`: a place that a program fills.
fn is_format(value: &[u8]) -> bool {
    match value {
        [b'%', letter] => letter.is_ascii_alphabetic(),
        b"?" => true,
        [b':', name @ ..] => {
            !name.is_empty() && name.iter().all(|b| b.is_ascii_lowercase() || *b == b'_')
        }
        _ => false,
    }
}

/// `!Ref`, `!vault`: a tag of YAML before what it stands for.
fn is_tag(value: &[u8]) -> bool {
    let [b'!', name @ ..] = value else {
        return false;
    };
    name.len() >= 3 && name.iter().all(u8::is_ascii_alphabetic)
}

/// The port right after a host.
pub(super) fn port_after(text: &[u8], host: &Range<usize>) -> Option<u16> {
    let [b':' | b',', rest @ ..] = text.get(host.end..)? else {
        return None;
    };
    number(rest.trim_ascii_start())
}

/// The number that begins a text.
pub(super) fn number(text: &[u8]) -> Option<u16> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(text.get(..len)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    fn outcome(value: &str) -> &'static str {
        let inner = value.trim_matches(['"', '{', '}']);
        match judge(
            inner.as_bytes(),
            value.as_bytes(),
            false,
            Proof::of(Verdict::Pattern),
        ) {
            Judgement::Accept(_) => "accept",
            Judgement::Suppress(_, _) => "suppress",
            Judgement::Reject(_) => "reject",
        }
    }

    #[test]
    fn program_text_and_format_fields_are_no_passwords() {
        for text in ["\" + pwd + \"", "\" . $p . \"", "\"+pw+\""] {
            assert_eq!(outcome(text), "reject", "{text}");
        }
        for text in [
            "{pwd}",
            "{0}",
            "{config.password}",
            "{}",
            "%s",
            "?",
            ":secret",
            "!Ref",
        ] {
            assert_eq!(outcome(text), "suppress", "{text}");
        }
        for text in [
            "{a;b}",
            "{pw1!}",
            "%s3cret",
            "hunter2",
            "+a+b+",
            "!Passw0rd",
        ] {
            assert_eq!(outcome(text), "accept", "{text}");
        }
    }

    #[test]
    fn a_login_names_its_user_without_the_server() {
        let endpoint = Endpoint::of("pg1.postgres.database.azure.com").unwrap();
        let login = Login {
            user: Some("app@pg1".to_owned()),
            ..Login::default()
        };
        let proof = login.describe(Proof::default(), &endpoint);
        assert_eq!(proof.identity["user"], "app");
        assert_eq!(port_after(b"h:5432/x", &(0..1)), Some(5432));
        assert_eq!(port_after(b"h, 1433", &(0..1)), Some(1433));
        assert_eq!(port_after(b"h:99999", &(0..1)), None);
    }
}
