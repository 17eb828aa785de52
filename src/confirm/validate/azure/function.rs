//! Keys of Azure Functions: in a URL as `code=`, or in the header `x-functions-key`.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{bare, key, service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::encoding;
use crate::confirm::validate::identifiable::{self, FUNCTION};
use crate::confirm::{Candidate, Judgement, Proof, unescape};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-function", function)];

/// Bytes in a key.
const KEY_LEN: usize = 40;

/// The URL up to the parameters before the key.
static URL: Pattern = Pattern::new(
    r#"(?i)https?://(?<host>[a-z0-9-]{2,60}\.(?:azurewebsites\.(?:net|us)|chinacloudsites\.cn))(?::[0-9]{1,5})?/(?<route>[^\s?"'<>]{1,200})\?[^\s"'<>]{0,300}$"#,
);

/// A key of either generation; the padding may be percent-encoded or left out.
pub(super) fn function(candidate: &Candidate<'_>) -> Judgement {
    let decoded = unescape::percent_value(candidate.secret());
    let len = decoded.iter().take_while(|byte| **byte != b'=').count();
    let secret = decoded.get(..len).unwrap_or(&[]);
    let proof = match bare::prove(secret) {
        Some((proof, issuer)) if std::ptr::eq(issuer, &raw const service::FUNCTION_APP) => proof,
        Some(_) => return Judgement::Reject("a key of another service"),
        None if identifiable::signature_of(secret, KEY_LEN) == Some(FUNCTION.signature) => {
            return Judgement::Reject("checksum");
        }
        None => {
            let raw = encoding::base64_any(secret).filter(|raw| raw.len() == KEY_LEN);
            if raw.is_none() || !key::is_random(secret) {
                return Judgement::Reject("base64 or entropy");
            }
            Proof::of(Verdict::Structure)
        }
    };
    let place = candidate.secret_range();
    let before = candidate.window.get(..place.start).unwrap_or(&[]);
    let proof = match URL.first(before) {
        Some(found) => {
            let host = context::text_of(&found, "host").unwrap_or_default();
            let route = context::text_of(&found, "route").unwrap_or_default();
            service::FUNCTION_APP
                .opened_at(proof, host.as_bytes())
                .detail("route", format!("/{route}"))
        }
        None => service::FUNCTION_APP.opened_near(proof, candidate.window, &place),
    };
    let proof = proof.canonical([secret, b"=="].concat());
    if key::is_typed(secret) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(URL.regex().is_some());
    }
}
