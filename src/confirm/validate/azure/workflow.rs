//! Callback addresses of Logic Apps and Power Automate: whoever has one fires the workflow.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::confirm::validate::Validator;
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::query::Query;
use crate::confirm::validate::{encoding, entropy};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[("azure-workflow", callback)];

/// The parts of an address that name what it fires.
static PATH: Pattern = Pattern::new(
    r#"(?i)(?:/workflows/|/api/)(?<workflow>[a-z0-9_.-]{1,80})/(?:triggers|runs)/(?<trigger>[^\s/?"'<>]{1,120})"#,
);

/// The group `url` of the match: an address that ends in its signature.
pub(super) fn callback(candidate: &Candidate<'_>) -> Judgement {
    let url = candidate.group("url").unwrap_or(&[]);
    let Some(at) = url.iter().position(|byte| *byte == b'?') else {
        return Judgement::Reject("no parameters");
    };
    let (path, query) = url.split_at(at);
    let query = Query::parse(query.get(1..).unwrap_or(&[]));
    let permitted = query
        .text("sp")
        .is_some_and(|text| text.contains("/triggers/") || text.contains("/runs/"));
    if query.text("sv") != Some("1.0") || !permitted {
        return Judgement::Reject("parameters");
    }
    let mac = encoding::base64url(candidate.secret()).filter(|mac| mac.len() == 32);
    let Some(mac) = mac else {
        return Judgement::Reject("signature is not 32 bytes");
    };
    let mut proof = Proof::of(Verdict::Structure);
    // Only addresses that were asked for with an end carry one.
    proof.expires = query.text("se").and_then(|text| text.parse().ok());
    let host = context::text(candidate.group("host").unwrap_or(&[])).to_ascii_lowercase();
    if let Some(found) = PATH.first(path) {
        let workflow = context::text_of(&found, "workflow").unwrap_or_default();
        let trigger = context::text_of(&found, "trigger").unwrap_or_default();
        proof = proof
            .opens("logic-app", &workflow, Some(host))
            .detail("trigger", trigger);
    }
    if entropy::distinct(&mac) <= 8 {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_workflow_and_trigger() {
        for (path, workflow) in [
            (
                "/workflows/0123abcd/triggers/manual/paths/invoke",
                "0123abcd",
            ),
            ("/api/order/triggers/manual/invoke", "order"),
            (
                "/powerautomate/automations/direct/workflows/0a/triggers/manual/x",
                "0a",
            ),
        ] {
            let found = PATH.first(path.as_bytes()).unwrap();
            assert_eq!(context::text_of(&found, "workflow").unwrap(), workflow);
            assert_eq!(context::text_of(&found, "trigger").unwrap(), "manual");
        }
    }
}
