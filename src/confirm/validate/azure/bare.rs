//! Keys that prove themselves by a checksum, wherever they lie.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::key;
use super::service::{self, Service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::cask;
use crate::confirm::validate::identifiable::{self, Provider, Signed};
use crate::confirm::validate::marvin::Seed;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-annotated", annotated),
    ("azure-identifiable", signed),
];

/// Issuers of annotated keys, by signature. Machine Learning, SignalR, Web PubSub, Container
/// Registry and Bot Service are not in the provider list of `security-utilities`; their keys were
/// seen to hold.
const ISSUERS: &[([u8; 4], &Service)] = &[
    (*b"ACOG", &service::COGNITIVE),
    (*b"ASRS", &service::SIGNALR),
    (*b"AWPS", &service::WEB_PUBSUB),
    (*b"AZAC", &service::APP_CONFIGURATION),
    (*b"AZBS", &service::BOT),
    (*b"AZCR", &service::REGISTRY),
    (*b"AZCS", &service::COMMUNICATION),
    (*b"AZEG", &service::EVENT_GRID),
    (*b"AZML", &service::MACHINE_LEARNING),
    (*b"AZMP", &service::MAPS),
];

/// Which AI service a key opens, by its character 75. `security-utilities` lists 41; these are
/// the ones whose names are certain.
const AI_SERVICES: &[(u8, &str)] = &[
    (b'A', "AI services"),
    (b'B', "OpenAI"),
    (b'E', "Cognitive Services"),
    (b'F', "Computer Vision"),
    (b'K', "Face"),
    (b'L', "Form Recognizer"),
    (b'Y', "Speech"),
    (b'b', "Text Translation"),
];

/// A provider of identifiable keys.
struct Issuer {
    provider: &'static Provider,
    /// Bytes in its keys.
    len: usize,
    service: &'static Service,
    /// What a key is, by the seed of its checksum, and its severity if that is not the type's.
    kinds: &'static [(&'static Seed, &'static str, Option<Severity>)],
}

const MEDIUM: Option<Severity> = Some(Severity::Medium);
const HIGH: Option<Severity> = Some(Severity::High);

const SIGNERS: &[Issuer] = &[
    Issuer {
        provider: &identifiable::BATCH,
        len: 64,
        service: &service::BATCH,
        kinds: &[],
    },
    Issuer {
        provider: &identifiable::MACHINE_LEARNING,
        len: 64,
        service: &service::MACHINE_LEARNING,
        kinds: &[],
    },
    Issuer {
        provider: &identifiable::REGISTRY,
        len: 39,
        service: &service::REGISTRY,
        kinds: &[],
    },
    Issuer {
        provider: &identifiable::EVENT_GRID,
        len: 32,
        service: &service::EVENT_GRID,
        kinds: &[],
    },
    Issuer {
        provider: &identifiable::API_MANAGEMENT,
        len: 64,
        service: &service::API_MANAGEMENT,
        kinds: &[
            (b"Tenant00", "direct management", HIGH),
            (b"IoTHub00", "subscription", None),
            (b"Gatewy00", "gateway", HIGH),
            (b"GitKey00", "repository", HIGH),
        ],
    },
    Issuer {
        provider: &identifiable::IOT,
        len: 32,
        service: &service::IOT_HUB,
        kinds: &[
            (b"IoTHub00", "hub", None),
            (b"DpsKey00", "provisioning", None),
            (b"Device00", "device", MEDIUM),
        ],
    },
    Issuer {
        provider: &identifiable::SERVICE_BUS,
        len: 32,
        service: &service::MESSAGING,
        kinds: RIGHTS,
    },
    Issuer {
        provider: &identifiable::EVENT_HUBS,
        len: 32,
        service: &service::MESSAGING,
        kinds: RIGHTS,
    },
    Issuer {
        provider: &identifiable::RELAY,
        len: 32,
        service: &service::MESSAGING,
        kinds: RIGHTS,
    },
    Issuer {
        provider: &identifiable::FUNCTION,
        len: 40,
        service: &service::FUNCTION_APP,
        kinds: &[
            (b"Functi00", "function", None),
            (b"Master00", "master", HIGH),
            (b"System00", "system", None),
        ],
    },
];

/// What a messaging key may do.
const RIGHTS: &[(&Seed, &str, Option<Severity>)] = &[
    (b"Send0000", "send", MEDIUM),
    (b"Listen00", "listen", MEDIUM),
    (b"Manage00", "manage", None),
];

/// 84 or 88 characters, annotated: see [`cask`].
pub(super) fn annotated(candidate: &Candidate<'_>) -> Judgement {
    let key = candidate.secret();
    // The pattern of the rule has said which one it is to be.
    let issuer = ISSUERS
        .iter()
        .find_map(|(signature, service)| Some((cask::proof(key, *signature)?, service)));
    let Some((mut proof, service)) = issuer else {
        return Judgement::Reject("checksum");
    };
    if key.get(76..80) == Some(b"ACOG") {
        let digit = key.get(75);
        let known = AI_SERVICES.iter().find(|(code, _)| Some(code) == digit);
        if let Some((_, name)) = known {
            proof = proof.detail("service", *name);
        }
    }
    finish(candidate, proof, service)
}

/// Base64 with signature and checksum: see [`identifiable`].
pub(super) fn signed(candidate: &Candidate<'_>) -> Judgement {
    match prove(candidate.secret()) {
        Some((proof, service)) => finish(candidate, proof, service),
        None => Judgement::Reject("checksum"),
    }
}

/// The proof of an identifiable key and what it opens; `None` if no checksum holds.
pub(super) fn prove(key: &[u8]) -> Option<(Proof, &'static Service)> {
    SIGNERS.iter().find_map(|issuer| {
        let Signed::Under(seed) = identifiable::read(key, issuer.len, issuer.provider) else {
            return None;
        };
        let mut proof = Proof::of(Verdict::Checksum);
        if let Some((_, kind, severity)) = issuer.kinds.iter().find(|(known, ..)| **known == seed) {
            proof = proof.detail("kind", *kind);
            if let Some(severity) = severity {
                proof = proof.severity(*severity);
            }
        }
        Some((proof, issuer.service))
    })
}

fn finish(candidate: &Candidate<'_>, proof: Proof, service: &Service) -> Judgement {
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
    fn the_seed_says_what_a_key_is() {
        for (issuer, (seed, kind, severity)) in SIGNERS
            .iter()
            .flat_map(|issuer| issuer.kinds.iter().map(move |kind| (issuer, kind)))
        {
            let random: Vec<u8> = (0..=u8::MAX)
                .map(|index| index.wrapping_mul(29))
                .take(issuer.len)
                .collect();
            let key = identifiable::make_under(&random, issuer.provider, **seed);
            let (proof, _) = prove(key.as_bytes()).unwrap();
            assert_eq!(proof.details["kind"], *kind);
            assert_eq!(proof.severity, *severity);
        }
    }

    #[test]
    fn every_seed_of_every_provider_has_a_kind_or_none_has() {
        for issuer in SIGNERS.iter().filter(|issuer| !issuer.kinds.is_empty()) {
            let kinds: Vec<Seed> = issuer.kinds.iter().map(|(seed, ..)| **seed).collect();
            assert_eq!(kinds, issuer.provider.seeds);
        }
    }
}
