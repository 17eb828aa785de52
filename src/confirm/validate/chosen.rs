//! Secrets that a person chose: nothing in them can be checked, so everything that is usually
//! something else is thrown out by its shape.
//!
//! Where a value is written after the name of a password it is, in order of how often, program
//! text, a sentence shown to people, a reference to where the password is kept, a stand-in, and
//! only then a password. What cannot be one is rejected; what may be one but is far more often a
//! word is suppressed, so that it is counted and can be listed.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod known;
mod words;

use known::{CODE, HASHES, NAMES};
pub(super) use words::is_words;

use super::{entropy, placeholder};
use crate::confirm::{Judgement, Proof};

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Between quotes or tags: it ends where its author wanted.
    Quoted,
    /// Bare: it may as well be a name in a program.
    Bare,
}

/// Why a value is not reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It cannot be a password.
    Impossible(&'static str),
    /// It may be one, but values like it rarely are.
    Unlikely(&'static str),
}

/// Shortest password that is believed, in bytes.
const SHORTEST: usize = 6;

/// What speaks against a value, if anything does.
pub(crate) fn doubt(value: &[u8], form: Form) -> Option<Doubt> {
    use Doubt::{Impossible, Unlikely};
    if value.len() < SHORTEST {
        return Some(Impossible("short"));
    }
    if value.iter().any(u8::is_ascii_control)
        || std::str::from_utf8(value).is_err()
        || value.first() == Some(&b' ')
        || value.last() == Some(&b' ')
    {
        return Some(Impossible("not one line of text"));
    }
    let lower = value.to_ascii_lowercase();
    let has = |word: &&str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    if HASHES
        .iter()
        .any(|start| lower.starts_with(start.as_bytes()))
    {
        return Some(Unlikely("hash"));
    }
    if let Some(reason) = placeholder::reason(value) {
        return Some(Unlikely(reason));
    }
    if value.contains(&b' ') {
        return (!words::is_passphrase(value)).then_some(Impossible("a sentence"));
    }
    if CODE.iter().any(has) || is_code(value, form) {
        return Some(Impossible("program text"));
    }
    if is_reference(value) {
        return Some(Impossible("a reference"));
    }
    if NAMES.iter().any(|name| name.as_bytes() == lower) {
        return Some(Unlikely("placeholder"));
    }
    if !value.is_ascii() && !Classes::of(value).digit {
        return Some(Unlikely("words"));
    }
    let figure =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b',' | b'-' | b'/');
    if value.iter().all(figure) {
        let counted = entropy::longest_progression(value, 1) >= 5;
        let plain = value.iter().all(u8::is_ascii_digit);
        return (counted || !plain || value.len() < 8).then_some(Unlikely("number"));
    }
    if is_words(value) || words::names_itself(&lower) {
        return Some(Unlikely("words"));
    }
    if entropy::distinct(value) < 4
        || entropy::longest_progression(value, 0) >= 5
        || entropy::longest_progression(value, 1) >= 6
    {
        return Some(Unlikely("placeholder"));
    }
    None
}

/// Believed unless something speaks against the value.
pub(crate) fn judge(value: &[u8], form: Form, proof: Proof) -> Judgement {
    match doubt(value, form) {
        None => proof.accept(),
        Some(Doubt::Impossible(reason)) => Judgement::Reject(reason),
        Some(Doubt::Unlikely(reason)) => proof.suppress(reason),
    }
}

/// The kinds of characters in a value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Classes {
    lower: bool,
    upper: bool,
    digit: bool,
    mark: bool,
}

impl Classes {
    pub(crate) fn of(value: &[u8]) -> Self {
        Self {
            lower: value.iter().any(u8::is_ascii_lowercase),
            upper: value.iter().any(u8::is_ascii_uppercase),
            digit: value.iter().any(u8::is_ascii_digit),
            mark: value.iter().any(|byte| !byte.is_ascii_alphanumeric()),
        }
    }

    /// How many of the four: lower case, upper case, digits, anything else.
    pub(crate) fn count(self) -> usize {
        [self.lower, self.upper, self.digit, self.mark]
            .into_iter()
            .filter(|has| *has)
            .count()
    }
}

/// Whether a value is program text rather than a literal.
fn is_code(value: &[u8], form: Form) -> bool {
    let opens_call = value
        .iter()
        .position(|byte| *byte == b'(')
        .is_some_and(|at| {
            let name = value.get(..at).unwrap_or(&[]);
            !name.is_empty()
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
                && (value.ends_with(b")") || form == Form::Bare)
        });
    let quoted_inside = value.contains(&b'"') || value.contains(&b'`');
    let index = value.contains(&b'[') && value.ends_with(b"]");
    if opens_call || index {
        return true;
    }
    if form == Form::Quoted {
        return false;
    }
    let starts = value.first().is_some_and(|first| {
        matches!(
            first,
            b'(' | b'<'
                | b'['
                | b'{'
                | b'$'
                | b'&'
                | b'*'
                | b'|'
                | b'>'
                | b'!'
                | b'@'
                | b'%'
                | b'~'
                | b'\\'
        )
    });
    let brackets = value.iter().any(|byte| {
        matches!(
            byte,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'\\' | b'\''
        )
    });
    let ends = value
        .last()
        .is_some_and(|last| matches!(last, b':' | b',' | b'.' | b';'));
    let constant = value
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    starts || brackets || ends || quoted_inside || is_name_with_few_digits(value) || constant
}

/// A name of a variable: letters, `_` and `.`, and digits only where names have them.
fn is_name_with_few_digits(value: &[u8]) -> bool {
    let dotted = value.contains(&b'.')
        && value.split(|byte| *byte == b'.').all(|name| {
            name.first()
                .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        });
    dotted && Classes::of(value).count() < 4
}

/// Whether a value says where something is: a path, a file, a selector.
fn is_reference(value: &[u8]) -> bool {
    let path = match value {
        [b'/', rest @ ..] => {
            let random =
                Classes::of(rest).count() >= 3 && !rest.contains(&b'.') && rest.len() >= 16;
            !random
        }
        [b'.', b'/', ..] | [b'.', b'.', b'/', ..] | [b'~', b'/', ..] => true,
        [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
        [b'\\', b'\\', ..] => true,
        _ => false,
    };
    let extension = value
        .iter()
        .rposition(|byte| *byte == b'.')
        .is_some_and(|at| {
            let (name, rest) = value.split_at_checked(at).unwrap_or((value, &[]));
            let known: &[&[u8]] = &[
                b".txt",
                b".json",
                b".yml",
                b".yaml",
                b".xml",
                b".html",
                b".pem",
                b".key",
                b".conf",
                b".php",
                b".py",
                b".js",
                b".ts",
                b".go",
                b".sh",
                b".cfg",
                b".ini",
                b".properties",
                b".com",
                b".org",
                b".net",
                b".md",
                b".rb",
                b".java",
                b".gpg",
                b".pass",
                b".dll",
                b".so",
            ];
            name.iter().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/')
            }) && known.contains(&rest.to_ascii_lowercase().as_slice())
        });
    let resource = [&b"projects/"[..], b"arn:", b"secrets/", b"vaults/"]
        .iter()
        .any(|start| value.starts_with(start));
    path || extension || resource
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, form: Form) -> Option<&'static str> {
        doubt(value.as_bytes(), form).map(|doubt| match doubt {
            Doubt::Impossible(reason) | Doubt::Unlikely(reason) => reason,
        })
    }

    #[test]
    fn chosen_passwords_are_believed() {
        for value in [
            "Summer2024!",
            "hunter7",
            "Tr0ub4dor&3",
            "P@ssw0rd",
            "Password123!",
            "xkqzjvwpltmn",
            "4f8a1c09be77d2305566",
            "aGVsbG8gd29ybGQ9Zm9v",
            "correct horse battery staple",
            "Zürich-2024x",
            "p$ssw0rd!",
            "welcome1",
            "!Qaz2wsx",
        ] {
            assert_eq!(of(value, Form::Quoted), None, "{value}");
        }
        for value in ["s3cretPass", "x9-Kq_22mm", "VerySecret99", "81726354"] {
            assert_eq!(of(value, Form::Bare), None, "{value}");
        }
    }

    #[test]
    fn what_stands_there_instead_is_told_apart() {
        for (value, reason) in [
            ("Wachtwoord", "words"),
            ("Contraseña:", "words"),
            ("Password:", "words"),
            ("db-password", "words"),
            ("redis-password", "words"),
            ("#password", "words"),
            ("postgres", "words"),
            ("Enter your password", "a sentence"),
            ("must be at least eight characters", "a sentence"),
            ("getPassword()", "program text"),
            ("%s:%s", "short"),
            ("pass%sword1", "program text"),
            ("a->password", "program text"),
            ("x[a-z]+[^0-9]", "program text"),
            ("^[0-9]+.*$", "program text"),
            ("/run/secrets/db", "a reference"),
            ("~/.pgpass1", "a reference"),
            ("secret1.txt", "a reference"),
            ("C:\\keys\\a1", "a reference"),
            ("$2y$10$abcdefghijklmnopqrstuv", "hash"),
            ("${DB_PASSWORD}", "template"),
            ("changeme", "placeholder"),
            ("123456", "number"),
            ("1.302103", "number"),
            ("##invalid-password##", "words"),
            ("projects/12/secrets/x/versions/1", "a reference"),
            ("hunter2", "placeholder"),
            ("sha256", "placeholder"),
            ("aaaa1111", "placeholder"),
            ("hunter", "words"),
        ] {
            assert_eq!(of(value, Form::Quoted), Some(reason), "{value}");
        }
        for value in [
            "config.password2",
            "getpass.getpass(prompt1)",
            "&args[0]",
            "*alias1",
            "<span1>",
            "self.pass1",
            "LPCWSTR",
        ] {
            assert!(of(value, Form::Bare).is_some(), "{value}");
        }
    }
}
