//! Whether the name of a field is that of a password, or of something about passwords.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

/// Words that end in one of these name a password.
const PASSWORD_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "pass",
    "passw",
    "kennwort",
];

/// Owners of what is merely called `pass` or `pwd`: of anything else it is a round or a folder.
const PASS_OWNERS: &[&str] = &[
    "",
    "db",
    "database",
    "user",
    "admin",
    "root",
    "my",
    "smtp",
    "ftp",
    "sftp",
    "mail",
    "email",
    "imap",
    "ssh",
    "http",
    "proxy",
    "login",
    "auth",
    "ldap",
    "bind",
    "mysql",
    "postgres",
    "pg",
    "redis",
    "mongo",
    "rabbitmq",
    "amqp",
    "mqtt",
    "wifi",
    "sql",
    "api",
    "service",
    "svc",
    "server",
    "host",
    "app",
    "become",
    "sa",
    "new",
    "test",
    "prod",
    "dev",
    "sasl",
    "ssl",
    "cert",
    "ca",
    "truststore",
    "vault",
    "gpg",
    "zip",
    "registry",
    "docker",
    "git",
    "nexus",
    "jenkins",
    "sonar",
    "grafana",
    "kafka",
    "elastic",
    "oracle",
    "mssql",
    "postgresql",
    "mariadb",
    "backup",
    "deploy",
    "snmp",
    "master",
    "sudo",
    "key",
    "keystore",
    "vpn",
    "rpc",
    "basic",
    "account",
    "default",
];

/// Words before it that make it something else.
const NOT_BEFORE: &[&str] = &[
    "show",
    "hide",
    "forgot",
    "forgotten",
    "reset",
    "change",
    "confirm",
    "enter",
    "invalid",
    "wrong",
    "incorrect",
    "require",
    "requires",
    "required",
    "no",
    "use",
    "uses",
    "has",
    "is",
    "hash",
    "hashed",
    "encrypted",
    "crypted",
    "min",
    "max",
    "encode",
    "encoded",
    "allow",
    "bad",
    "missing",
    "empty",
    "old",
    "ask",
    "check",
    "verify",
    "validate",
    "generate",
    "by",
    "pass",
    "bypass",
    "com",
    "cwd",
    "init",
    "fsf",
    "compass",
];

/// Words after it that leave it a password; with any other it is a hash, a label, a file.
const AFTER: &[&str] = &[
    "value",
    "plain",
    "plaintext",
    "text",
    "default",
    "string",
    "str",
    "prod",
    "production",
    "dev",
    "test",
    "testing",
    "stage",
    "staging",
    "qa",
    "uat",
    "primary",
    "secondary",
    "backup",
    "root",
    "admin",
    "db",
    "sa",
    "user",
    "new",
    "confirm",
    "confirmation",
    "again",
    "param",
    "parameter",
];

/// Whether a name is that of a password: `DB_PASSWORD`, `adminPwd`, `spring.mail.password`; not
/// `NOPASSWD`, `password_hash`, `showPassword`.
pub(super) fn names_a_password(key: &[u8]) -> bool {
    let words = words_of(key);
    let Some(at) = words.iter().rposition(|word| owner_in(word).is_some()) else {
        return false;
    };
    let (before, rest) = words.split_at_checked(at).unwrap_or((&words, &[]));
    let after = rest.get(1..).unwrap_or(&[]);
    let (owner, core) = rest
        .first()
        .and_then(|word| owner_in(word))
        .unwrap_or_default();
    let previous = before.last().map_or("", String::as_str);
    // Short words end many others: `compass`, `GOPATHPWD`.
    let known = PASS_OWNERS.contains(&owner);
    let is_other = match core {
        "pwd" => !known,
        "pass" | "passw" => !known || (owner.is_empty() && !PASS_OWNERS.contains(&previous)),
        _ => false,
    };
    let spoiled = |word: &str| NOT_BEFORE.contains(&word);
    let fits = |word: &String| {
        word.bytes().all(|byte| byte.is_ascii_digit()) || AFTER.contains(&word.as_str())
    };
    !is_other
        && !spoiled(owner)
        && !before.iter().any(|word| spoiled(word))
        && after.iter().all(fits)
}

/// The word for a password that ends a word, and what stands before it: `db`, `password`.
fn owner_in(word: &str) -> Option<(&str, &'static str)> {
    PASSWORD_WORDS
        .iter()
        .find_map(|known| Some((word.strip_suffix(known)?, *known)))
}

/// The words of a name, lower-case, split at marks, capitals and before digits.
fn words_of(name: &[u8]) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last = 0_u8;
    for byte in name {
        let mark = !byte.is_ascii_alphanumeric();
        let turn = (last.is_ascii_lowercase() && byte.is_ascii_uppercase())
            || (last.is_ascii_alphabetic() && byte.is_ascii_digit());
        if mark || turn {
            words.push(String::new());
        }
        if !mark && let Some(word) = words.last_mut() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        last = *byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_passwords_are_told_from_names_about_them() {
        for name in [
            "password",
            "DB_PASSWORD",
            "adminPwd",
            "spring.datasource.password",
            "MYSQL_ROOT_PASSWORD",
            "administratorLoginPassword",
            "dbpassword",
            "smtp_pass",
            "PASSWORD2",
            "masterUserPassword",
            "password_prod",
            "redis-password",
        ] {
            assert!(names_a_password(name.as_bytes()), "{name}");
        }
        for name in [
            "NOPASSWD",
            "OLDPWD",
            "password_hash",
            "showPassword",
            "passwordLabel",
            "forgot_password",
            "PasswordAuthentication",
            "password_file",
            "hashed_password",
            "bypass",
            "renderPass",
            "first_pass",
            "PATHPWD",
            "minPasswordLength",
            "passwordSecretName",
            "user",
        ] {
            assert!(!names_a_password(name.as_bytes()), "{name}");
        }
    }
}
