//! Values that stand for a secret and are none: `changeme`, `<your key>`, `${DB_PASSWORD}`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::entropy;
use crate::confirm::Judgement;
use crate::confirm::Proof;

/// Words that are no secret when they are the whole value; longer values may contain them.
const WHOLE: &[&str] = &[
    "password",
    "passw0rd",
    "passwd",
    // So in the documentation of a service of AWS.
    "pasword",
    "pass",
    "pwd",
    "secret",
    "example",
    "removed",
    "dummy",
    "todo",
    "none",
    "null",
    "undefined",
    "n/a",
    "test",
    "empty",
    "hidden",
    "token",
    "true",
    "false",
];

/// Words that no generated or chosen secret holds.
const ANYWHERE: &[&str] = &[
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "redacted",
    "your_",
    "your-",
    "yourpassword",
    "yourstrong",
    "mypassword",
    "examplepass",
    "enter_",
    "insert_",
    "replace_me",
    "replaceme",
    "xxxx",
    "****",
    "....",
    "\u{2022}\u{2022}",
    // So Terraform shows what it does not.
    "(sensitive",
    "(known after apply",
];

/// Openings of references that a program fills in, wherever they stand in a value.
const TEMPLATE_ANYWHERE: &[&str] = &[
    "${",
    "$(",
    "{{",
    "%(",
    "<%",
    "#{",
    "@{",
    "$env:",
    "[parameters(",
    "[variables(",
    "[concat(",
    "[format(",
    "[reference(",
    "[list",
    "[if(",
    "[base64(",
    "[tostring(",
    "[uniquestring(",
    "listkeys(",
    "!ref ",
    "!sub ",
    "!getatt ",
    "{\"ref\":",
    "fn::",
    "{{resolve:",
    "@microsoft.keyvault(",
    "os.environ",
    "os.getenv",
    "process.env",
    "getenv(",
    "configurationmanager.",
    "{cipher}",
];

/// Openings of references that must begin the value.
const TEMPLATE_START: &[&str] = &[
    "vault:", "op://", "enc(", "aqicah", "var.", "local.", "data.", "module.", "each.", "secrets.",
];

/// Why a password or other chosen value is no secret, if it is none: `placeholder` or `template`.
pub(crate) fn reason(value: &[u8]) -> Option<&'static str> {
    let lower = value.to_ascii_lowercase();
    let has = |word: &&str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    if TEMPLATE_ANYWHERE.iter().any(has)
        || TEMPLATE_START
            .iter()
            .any(|word| lower.starts_with(word.as_bytes()))
        || is_variable(value)
    {
        return Some("template");
    }
    let whole = |word: &&str| word.as_bytes() == lower;
    let bracketed = matches!(
        value,
        [b'<', .., b'>'] | [b'{', .., b'}'] | [b'[', .., b']']
    );
    let repeated = value.len() >= 3 && entropy::distinct(value) == 1;
    if value.is_empty()
        || bracketed
        || repeated
        || WHOLE.iter().any(whole)
        || ANYWHERE.iter().any(has)
    {
        return Some("placeholder");
    }
    None
}

/// Whether a generated key was typed by a person to look like one: few different characters, or
/// a stretch of the alphabet. A random key of 20 characters does neither once in 10^9.
pub(crate) fn is_typed(key: &[u8]) -> bool {
    let few = if key.len() >= 60 { 8 } else { 5 };
    entropy::distinct(key) <= few
        || entropy::longest_progression(key, 1) >= 7
        || entropy::longest_progression(key, 0) >= 7
}

/// Believed unless the value stands for a secret.
pub(crate) fn accept_unless_placeholder(value: &[u8], proof: Proof) -> Judgement {
    match reason(value) {
        Some(reason) => proof.suppress(reason),
        None => proof.accept(),
    }
}

/// `$NAME`, `%NAME%`, `__NAME__`: a variable as the whole value.
fn is_variable(value: &[u8]) -> bool {
    let name = |text: &[u8]| {
        text.first().is_some_and(|byte| !byte.is_ascii_digit())
            && text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match value {
        [b'$', rest @ ..] => name(rest),
        [b'%', inner @ .., b'%'] => name(inner),
        [b'_', b'_', inner @ .., b'_', b'_'] => name(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_told_from_secrets() {
        for text in [
            "changeme",
            "Password",
            "your_password_here",
            "<password>",
            "{your_password}",
            "xxxxxxxx",
            "********",
            "REDACTED",
            "null",
            "(sensitive value)",
            "(known after apply)",
        ] {
            assert_eq!(reason(text.as_bytes()), Some("placeholder"), "{text}");
        }
        for text in [
            "${DB_PASSWORD}",
            "$(SqlPassword)",
            "{{ .Values.password }}",
            "%DB_PASS%",
            "$DB_PASS",
            "__PASSWORD__",
            "[parameters('pw')]",
            "[listKeys(variables('id'), '2023-01-01').keys[0].value]",
            "{{resolve:secretsmanager:db:SecretString:password}}",
            "$env:PW",
            "#{pw}#",
            "os.environ['PW']",
            "@Microsoft.KeyVault(SecretUri=x)",
            "var.password",
        ] {
            assert_eq!(reason(text.as_bytes()), Some("template"), "{text}");
        }
        for text in [
            "hunter2",
            "Tr0ub4dor&3",
            "p$ssw0rd!",
            "Password123!",
            "testing-42",
        ] {
            assert_eq!(reason(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn typed_keys_are_told_from_drawn_ones() {
        assert!(is_typed(b"abcdefghijklmnopqrst"));
        assert!(is_typed(b"AAAAAAAAAAAAAAAAAAAA"));
        assert!(is_typed(b"1212121212121212abab"));
        assert!(!is_typed(b"q8Zt2LmX0aPw7RkD5vYc"));
    }
}
