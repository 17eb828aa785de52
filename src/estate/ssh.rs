//! Public keys that machines accept.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Records, json};
use crate::case::record::Record;

/// One line of an `authorized_keys` file, as a record: `{"schema": ..., "asset": any name of the
/// machine, "path": where it lies, "line": the line as it is}`.
pub(super) const SCHEMA: &str = "keydredge.authorized-key/1";

/// Algorithms whose keys let somebody in.
const ALGORITHMS: &[&str] = &["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
/// How sure a line is.
const PLAIN: u8 = 95;
/// With options that bind it to an address or a command.
const BOUND: u8 = 60;
/// Commented out.
const COMMENT: u8 = 10;

/// `SHA256:...` of a line that holds `ssh-ed25519 AAAA...`, whatever stands around it.
pub(super) fn fingerprint(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace().peekable();
    while let Some(word) = words.next() {
        let algorithm = ALGORITHMS.iter().any(|prefix| word.starts_with(prefix));
        if !algorithm {
            continue;
        }
        let blob = words.peek().and_then(|blob| STANDARD.decode(blob).ok());
        if let Some(blob) = blob.filter(|blob| blob.len() > 16) {
            let digest = STANDARD_NO_PAD.encode(Sha256::digest(&blob));
            return Some(format!("SHA256:{digest}"));
        }
    }
    None
}

/// How far an `authorized_keys` line lets its holder in.
fn confidence(line: &str) -> u8 {
    let line = line.trim_start();
    if line.starts_with('#') {
        return COMMENT;
    }
    let plain = ALGORITHMS.iter().any(|prefix| line.starts_with(prefix));
    let options = line.split_ascii_whitespace().next().unwrap_or("");
    let binds = ["from=", "command=", "restrict", "cert-authority"];
    if !plain && binds.iter().any(|option| options.contains(option)) {
        BOUND
    } else {
        PLAIN
    }
}

/// Reads one line of an `authorized_keys` file.
pub(super) fn authorized(
    value: &Value,
    asset: Option<&str>,
    records: &mut Records,
) -> Result<(), String> {
    let line = json::need(value, "line")?;
    let subject = match asset {
        Some(asset) => asset,
        None => json::need(value, "asset")?,
    };
    let path = json::text(value, "path");
    let public_key = fingerprint(line).ok_or("`line` holds no SSH public key")?;
    records.push(Record::Accepts {
        subject: subject.to_owned(),
        public_key,
        login: login_of(path).to_owned(),
        how: "authorized_keys",
        confidence: confidence(line),
        evidence: format!("line of {path}"),
    });
    Ok(())
}

/// The user whose home a path lies in.
pub(super) fn login_of(path: &str) -> &str {
    if path.starts_with("/root/") {
        return "root";
    }
    let home = path
        .strip_prefix("/home/")
        .or_else(|| path.split_once("/Users/").map(|(_, rest)| rest));
    home.and_then(|rest| rest.split('/').next()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_weaken_a_line_and_a_comment_almost_voids_it() {
        let key =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ops";
        assert!(fingerprint(key).unwrap().starts_with("SHA256:"));
        assert_eq!(
            fingerprint(key),
            fingerprint(&format!("from=\"10.0.0.1\" {key}"))
        );
        assert_eq!(confidence(key), PLAIN);
        assert_eq!(confidence(&format!("from=\"10.0.0.1\" {key}")), BOUND);
        assert_eq!(confidence(&format!("no-pty {key}")), PLAIN);
        assert_eq!(confidence(&format!("# {key}")), COMMENT);
        assert_eq!(fingerprint("ssh-ed25519 notbase64!"), None);
        assert_eq!(login_of("/home/ops/.ssh/authorized_keys"), "ops");
    }
}
