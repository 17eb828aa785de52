//! Public keys that machines accept.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Records, json};
use crate::case::findings::{confidence_of, login_of};
use crate::case::record::Record;

/// One line of an `authorized_keys` file, as a record: `{"schema": ..., "asset": any name of the
/// machine, "path": where it lies, "line": the line as it is}`.
pub(super) const SCHEMA: &str = "keydredge.authorized-key/1";

/// Algorithms whose keys let somebody in.
const ALGORITHMS: &[&str] = &["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];
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

/// What stands before the key on its line.
fn options(line: &str) -> &str {
    let at = ALGORITHMS
        .iter()
        .filter_map(|prefix| line.find(prefix))
        .min();
    at.and_then(|at| line.get(..at)).unwrap_or("")
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
        confidence: confidence_of(options(line)),
        evidence: format!("line of {path}"),
    });
    Ok(())
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
        let confidence = |line: &str| confidence_of(options(line));
        assert_eq!(confidence(key), 95);
        assert_eq!(confidence(&format!("from=\"10.0.0.1\" {key}")), 60);
        assert_eq!(confidence(&format!("no-pty {key}")), 95);
        assert_eq!(confidence(&format!("# {key}")), 10);
        assert_eq!(fingerprint("ssh-ed25519 notbase64!"), None);
        assert_eq!(login_of("/home/ops/.ssh/authorized_keys"), "ops");
    }
}
