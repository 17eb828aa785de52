//! Keys and signatures of Service Bus, Event Hubs, Relay, Notification Hubs and IoT Hub, which all
//! write `SharedAccessKey`.
//!
//! Azure documentation: `ServiceBusConnectionStringProperties`; "Control access to IoT Hub using
//! shared access signatures".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::service::{self, Service};
use super::{bare, key};
use crate::confirm::validate::Validator;
use crate::confirm::validate::connection_string::{self, Field, value_of};
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::query::Query;
use crate::confirm::validate::{encoding, entropy, identifiable};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-iot-string", hub_string),
    ("azure-messaging-string", namespace_string),
    ("azure-messaging-token", token),
];

/// The policy that a namespace is born with; it may do everything.
const ROOT_POLICY: &str = "RootManageSharedAccessKey";
/// Bytes in a key that the services made.
const KEY_LEN: usize = 32;

/// What a token is for: `sb://acme.servicebus.windows.net/queue`, with or without its scheme.
static RESOURCE: Pattern = Pattern::new(
    r"(?i)^(?:[a-z]{2,5}://)?(?<host>[a-z0-9-]{2,64}\.(?:servicebus\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net)|azure-devices(?:-provisioning)?\.(?:net|cn|us)))(?::[0-9]{1,5})?(?:/(?<path>[^\s?]{0,300})|[?]|$)",
);

static ENDPOINT: Pattern =
    Pattern::new(r#"(?i)Endpoint\s{0,2}=\s{0,2}(?<url>[a-z]{2,5}://[^;"'\s]{1,300})"#);

/// A host that is written out, and by nobody's template.
static HOST: Pattern = Pattern::new(r"(?i)^[a-z]{2,5}://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?/?$");

/// `Endpoint=sb://HOST/;SharedAccessKeyName=POLICY;SharedAccessKey=KEY`.
pub(super) fn namespace_string(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    let list = connection_string::list_around(candidate.window, &place);
    let fields = connection_string::fields(list);
    // The first field of a setting in an environment file begins with the name of the setting.
    let first = || context::text_of(&ENDPOINT.first(list)?, "url");
    let endpoint = value_of(&fields, &["Endpoint"]).or_else(first);
    if is_hub(candidate, &fields, endpoint.is_some()) {
        return Judgement::Reject("a key of IoT Hub");
    }
    let Some(mut proof) = prove(candidate.secret(), &service::MESSAGING) else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let policy = value_of(&fields, &["SharedAccessKeyName"]);
    if let Some(policy) = &policy {
        proof = proof.owner("policy", policy.as_str());
        if proof.verdict != Some(Verdict::Checksum) && policy != ROOT_POLICY {
            proof = proof.severity(Severity::Medium);
        }
    }
    if let Some(entity) = value_of(&fields, &["EntityPath"]) {
        proof = proof.detail("entity", entity);
    }
    let host = endpoint.as_deref().and_then(|url| {
        let found = RESOURCE.first(url.as_bytes())?;
        context::text_of(&found, "host")
    });
    let elsewhere = |url: &String| HOST.first(url.as_bytes()).is_some();
    if host.is_none()
        && proof.verdict != Some(Verdict::Checksum)
        && endpoint.as_ref().is_some_and(elsewhere)
    {
        return Judgement::Reject("not a host of this service");
    }
    proof = match host {
        Some(host) => service::MESSAGING.opened_at(proof, host.as_bytes()),
        None => service::MESSAGING.opened_near(proof, candidate.window, &place),
    };
    let emulated = value_of(&fields, &["UseDevelopmentEmulator"])
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if emulated {
        return proof.suppress("emulator key");
    }
    finish(candidate, proof)
}

/// `HostName=HOST;SharedAccessKeyName=POLICY;SharedAccessKey=KEY`, or `DeviceId=` for a policy.
pub(super) fn hub_string(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let Some(host) = candidate.group("host") else {
        return Judgement::Reject("no host");
    };
    let list = connection_string::list_around(candidate.window, &candidate.secret_range());
    let fields = connection_string::fields(list);
    let device = value_of(&fields, &["DeviceId"]);
    let proof = prove(secret, &service::IOT_HUB).or_else(|| {
        let chosen = device.is_some() && is_chosen(secret);
        chosen.then(|| Proof::of(Verdict::Pattern))
    });
    let Some(proof) = proof else {
        return Judgement::Reject("checksum, base64 or entropy");
    };
    let mut proof = service::IOT_HUB.opened_at(proof, host);
    if let Some(device) = device {
        proof = proof.owner("device", device).severity(Severity::Medium);
    }
    for (field, name) in [("ModuleId", "module"), ("SharedAccessKeyName", "policy")] {
        if let Some(value) = value_of(&fields, &[field]) {
            proof = proof.owner(name, value);
        }
    }
    finish(candidate, proof)
}

/// `SharedAccessSignature sr=RESOURCE&sig=MAC&se=EXPIRY&skn=POLICY`.
pub(super) fn token(candidate: &Candidate<'_>) -> Judgement {
    let query = Query::parse(candidate.secret());
    if query.has_duplicates() {
        return Judgement::Reject("parameters");
    }
    let signature = query.get("sig").unwrap_or(&[]);
    let mac = encoding::base64(signature).filter(|mac| mac.len() == KEY_LEN);
    let Some(mac) = mac else {
        return Judgement::Reject("signature is not 32 bytes");
    };
    let expires = query
        .text("se")
        .filter(|text| (9..=11).contains(&text.len()))
        .and_then(|text| text.parse().ok())
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let Some(expires) = expires else {
        return Judgement::Reject("expiry is no time");
    };
    let resource = query.get("sr").and_then(|text| RESOURCE.first(text));
    let Some(resource) = resource else {
        return Judgement::Reject("resource is no namespace and no hub");
    };
    let host = context::text_of(&resource, "host").unwrap_or_default();
    let is_hub = host.to_ascii_lowercase().contains(".azure-devices");
    let service = if is_hub {
        &service::IOT_HUB
    } else {
        &service::MESSAGING
    };
    let mut proof = Proof::of(Verdict::Structure).canonical(signature);
    proof = service.opened_at(proof, host.as_bytes());
    proof.expires = Some(expires);
    if let Some(path) = context::text_of(&resource, "path").filter(|path| !path.is_empty()) {
        proof = proof.detail("entity", path.trim_end_matches('/'));
    }
    if let Some(policy) = query.text("skn").filter(|policy| !policy.is_empty()) {
        proof = proof.owner("policy", policy);
    }
    if entropy::distinct(&mac) <= 8 {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// Whether the list is that of a hub, or, where it names no host, a hub is nearest.
fn is_hub(candidate: &Candidate<'_>, fields: &[Field<'_>], has_endpoint: bool) -> bool {
    if has_endpoint {
        return false;
    }
    let place = candidate.secret_range();
    let hub = service::IOT_HUB.near(candidate.window, &place);
    let namespace = service::MESSAGING.near(candidate.window, &place);
    value_of(fields, &["HostName", "DeviceId"]).is_some()
        || match (hub, namespace) {
            (Some(hub), Some(namespace)) => hub.gap < namespace.gap,
            (Some(_), None) => true,
            _ => false,
        }
}

/// A proof of a 32-byte key of this service; `None` if it is one of another, or edited.
fn prove(key: &[u8], service: &'static Service) -> Option<Proof> {
    match bare::prove(key) {
        Some((proof, issuer)) => std::ptr::eq(issuer, service).then_some(proof),
        None if identifiable::is_signed(key, KEY_LEN) => None,
        None => {
            let raw = encoding::base64(key).filter(|raw| raw.len() == KEY_LEN);
            (raw.is_some() && key::is_random(key)).then(|| Proof::of(Verdict::Structure))
        }
    }
}

/// A device's key may be any 16 to 64 bytes that its owner chose.
fn is_chosen(key: &[u8]) -> bool {
    let len = encoding::base64(key).map_or(0, |raw| raw.len());
    (16..=64).contains(&len)
        && !(len == KEY_LEN && identifiable::is_signed(key, KEY_LEN))
        && entropy::distinct(key) >= 10
        && entropy::bits_per_byte(key) >= 3.2
}

fn finish(candidate: &Candidate<'_>, proof: Proof) -> Judgement {
    if key::is_typed(candidate.secret()) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_read_with_and_without_a_scheme() {
        for (text, host, path) in [
            (
                "sb://acme.servicebus.windows.net/q1",
                "acme.servicebus.windows.net",
                "q1",
            ),
            (
                "acme.servicebus.windows.net",
                "acme.servicebus.windows.net",
                "",
            ),
            (
                "hub.azure-devices.net/devices/d1",
                "hub.azure-devices.net",
                "devices/d1",
            ),
            (
                "amqps://acme.servicebus.windows.net:5671/q",
                "acme.servicebus.windows.net",
                "q",
            ),
        ] {
            let found = RESOURCE.first(text.as_bytes()).unwrap();
            assert_eq!(context::text_of(&found, "host").unwrap(), host, "{text}");
            assert_eq!(
                context::text_of(&found, "path").unwrap_or_default(),
                path,
                "{text}"
            );
        }
        assert!(RESOURCE.first(b"acme.blob.core.windows.net").is_none());
    }

    #[test]
    fn a_chosen_key_is_no_word() {
        assert!(is_chosen(b"q8Zt2LmX0aPw7RkD5vYcNA=="));
        assert!(!is_chosen(b"AAAAAAAAAAAAAAAAAAAAAA=="));
        assert!(!is_chosen(b"c2VjcmV0"), "eight bytes");
    }
}
