//! Connection strings of one endpoint: App Configuration, SignalR, Web PubSub, Communication
//! Services.
//!
//! `Endpoint=https://HOST;...;AccessKey=KEY`, names in any case: Azure documentation, "Connection
//! strings in Azure SignalR Service".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::key::{self, Format};
use super::service::{self, Service};
use crate::confirm::validate::Validator;
use crate::confirm::validate::connection_string::{self, value_of};
use crate::confirm::{Candidate, Judgement};

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-app-configuration-string", |candidate| {
        judge(candidate, &APP_CONFIGURATION)
    }),
    ("azure-communication-string", |candidate| {
        judge(candidate, &COMMUNICATION)
    }),
    ("azure-signalr-string", |candidate| {
        judge(candidate, &SIGNALR)
    }),
    ("azure-web-pubsub-string", |candidate| {
        judge(candidate, &WEB_PUBSUB)
    }),
];

struct Endpoint {
    service: &'static Service,
    format: Format,
    /// Field that must stand beside the key.
    needs: Option<&'static str>,
}

const APP_CONFIGURATION: Endpoint = Endpoint {
    service: &service::APP_CONFIGURATION,
    format: Format {
        len: 32,
        signed: None,
        annotated: Some(*b"AZAC"),
    },
    needs: Some("Id"),
};

const COMMUNICATION: Endpoint = Endpoint {
    service: &service::COMMUNICATION,
    format: Format {
        len: 64,
        signed: None,
        annotated: Some(*b"AZCS"),
    },
    needs: None,
};

const SIGNALR: Endpoint = Endpoint {
    service: &service::SIGNALR,
    format: Format {
        len: 32,
        signed: None,
        annotated: Some(*b"ASRS"),
    },
    needs: None,
};

const WEB_PUBSUB: Endpoint = Endpoint {
    service: &service::WEB_PUBSUB,
    format: Format {
        len: 32,
        signed: None,
        annotated: Some(*b"AWPS"),
    },
    needs: None,
};

fn judge(candidate: &Candidate<'_>, endpoint: &Endpoint) -> Judgement {
    let key = candidate.secret();
    let Some(proof) = endpoint.format.prove(key) else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let Some(host) = candidate.group("host") else {
        return Judgement::Reject("no host");
    };
    let mut proof = endpoint.service.opened_at(proof, host);
    if let Some(name) = endpoint.needs {
        let list = connection_string::list_around(candidate.window, &candidate.secret_range());
        let Some(value) = value_of(&connection_string::fields(list), &[name]) else {
            return Judgement::Reject("a field is missing");
        };
        proof = proof.owner(&name.to_ascii_lowercase(), value);
    }
    if key::is_typed(key) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}
