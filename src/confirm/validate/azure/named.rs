//! Keys of 32 or 64 random bytes that only the name of a setting and a service near it give away:
//! Event Grid, Batch, the Device Provisioning Service.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::key::{self, Format};
use super::service::{self, CONTEXT, Service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::context::{Pattern, gap_between};
use crate::confirm::validate::identifiable;
use crate::confirm::{Candidate, Judgement, Proof};

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-batch-legacy", batch),
    ("azure-event-grid-legacy", event_grid),
    ("azure-provisioning-legacy", provisioning),
];

const BATCH: Format = Format {
    len: 64,
    signed: Some(&identifiable::BATCH),
    annotated: None,
};

const EVENT_GRID: Format = Format {
    len: 32,
    signed: Some(&identifiable::EVENT_GRID),
    annotated: Some(*b"AZEG"),
};

const DEVICE: Format = Format {
    len: 32,
    signed: Some(&identifiable::IOT),
    annotated: None,
};

const GROUP: Format = Format {
    len: 64,
    signed: None,
    annotated: None,
};

static BATCH_WORD: Pattern = Pattern::new(r"(?i)\.batch\.azure\.|batch[_-]?account");

static EVENT_GRID_WORD: Pattern = Pattern::new(r"(?i)event[_-]?grid|aeg-sas");

/// What names a hub, the provisioning service or its scope of ids.
static PROVISIONING_WORD: Pattern = Pattern::new(
    r"(?i)\.azure-devices|azureiot|id_?scope|scope_?id|(?:^|[^a-z0-9])0ne[0-9a-f]{8}(?:[^a-z0-9]|$)",
);

/// Services whose keys look the same and stand beside the same names.
static RIVAL: Pattern = Pattern::new(
    r"(?i)\.core\.(?:windows|chinacloudapi|usgovcloudapi)\.|\.(?:documents|cosmos|communication)\.azure\.|storage[_-]?account",
);

pub(super) fn batch(candidate: &Candidate<'_>) -> Judgement {
    let name = candidate.group("name").unwrap_or(&[]).to_ascii_lowercase();
    let named = memchr::memmem::find(&name, b"batch").is_some();
    let own = gap_to(candidate, &BATCH_WORD);
    let rival = gap_to(candidate, &RIVAL);
    let nearest = own.is_some_and(|own| rival.is_none_or(|rival| own < rival));
    if !named && !nearest {
        return Judgement::Reject("nothing says that it is for Batch");
    }
    finish(candidate, BATCH.prove(candidate.secret()), &service::BATCH)
}

pub(super) fn event_grid(candidate: &Candidate<'_>) -> Judgement {
    if gap_to(candidate, &EVENT_GRID_WORD).is_none() {
        return Judgement::Reject("nothing says that it is for Event Grid");
    }
    let proof = EVENT_GRID.prove(candidate.secret());
    finish(candidate, proof, &service::EVENT_GRID)
}

/// The key of one device or of a group of them.
pub(super) fn provisioning(candidate: &Candidate<'_>) -> Judgement {
    if gap_to(candidate, &PROVISIONING_WORD).is_none() {
        return Judgement::Reject("nothing says that it is for devices");
    }
    let secret = candidate.secret();
    let proof = DEVICE.prove(secret).or_else(|| GROUP.prove(secret));
    finish(candidate, proof, &service::IOT_HUB)
}

/// Bytes between the secret and the nearest match within reach.
fn gap_to(candidate: &Candidate<'_>, pattern: &Pattern) -> Option<usize> {
    let place = candidate.secret_range();
    let found = pattern.nearest(candidate.window, &place, CONTEXT)?;
    Some(gap_between(&found.get(0)?.range(), &place))
}

fn finish(candidate: &Candidate<'_>, proof: Option<Proof>, service: &Service) -> Judgement {
    let Some(proof) = proof else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let proof = service.opened_near(proof, candidate.window, &candidate.secret_range());
    if key::is_typed(candidate.secret()) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        for pattern in [&BATCH_WORD, &EVENT_GRID_WORD, &PROVISIONING_WORD, &RIVAL] {
            assert!(pattern.regex().is_some());
        }
    }
}
