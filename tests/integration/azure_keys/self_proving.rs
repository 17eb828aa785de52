//! Keys with a checksum are found wherever they lie, and never when one character is another.

use keydredge::finding::Verdict;

use super::{PLACES, found_everywhere, found_nowhere, made, only};

/// Type, maker of a key, maker of one with a wrong checksum.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "azure-app-configuration-access-key",
        "azure-app-configuration-key",
        "azure-app-configuration-key-wrong-checksum",
    ),
    (
        "azure-cognitive-services-key",
        "azure-cognitive-key",
        "azure-cognitive-key-wrong-checksum",
    ),
    (
        "azure-container-registry-access-key",
        "azure-registry-key",
        "azure-registry-key-wrong-checksum",
    ),
    (
        "azure-container-registry-access-key",
        "azure-registry-token",
        "azure-registry-token-wrong-checksum",
    ),
    (
        "azure-signalr-access-key",
        "azure-signalr-key",
        "azure-signalr-key-wrong-checksum",
    ),
    (
        "azure-web-pubsub-access-key",
        "azure-web-pubsub-key",
        "azure-web-pubsub-key-wrong-checksum",
    ),
    (
        "azure-api-management-subscription-key",
        "azure-management-key",
        "azure-management-key-wrong-checksum",
    ),
    (
        "azure-bot-framework-secret-key",
        "azure-bot-key",
        "azure-bot-key-wrong-checksum",
    ),
    (
        "azure-ml-web-service-api-key",
        "azure-ml-key",
        "azure-ml-key-wrong-checksum",
    ),
    (
        "azure-ml-web-service-api-key",
        "azure-ml-classic-key",
        "azure-ml-classic-key-wrong-checksum",
    ),
    (
        "azure-communication-services-access-key",
        "azure-communication-key",
        "azure-communication-key-wrong-checksum",
    ),
    (
        "azure-eventgrid-access-key",
        "azure-eventgrid-key",
        "azure-eventgrid-key-wrong-checksum",
    ),
    (
        "azure-eventgrid-access-key",
        "azure-eventgrid-signed",
        "azure-eventgrid-signed-wrong-checksum",
    ),
    (
        "azure-maps-subscription-key",
        "azure-maps-key",
        "azure-maps-key-wrong-checksum",
    ),
    (
        "azure-batch-shared-access-key",
        "azure-batch-key",
        "azure-batch-key-wrong-checksum",
    ),
    (
        "azure-redis-cache-password",
        "azure-redis-key",
        "azure-redis-key-wrong-checksum",
    ),
    (
        "azure-iot-shared-access-key",
        "azure-iot-key",
        "azure-iot-key-wrong-checksum",
    ),
    (
        "azure-function-api-key",
        "azure-function-key",
        "azure-function-key-wrong-checksum",
    ),
    (
        "azure-shared-access-key",
        "azure-messaging-key-send",
        "azure-messaging-key-wrong-checksum",
    ),
    (
        "azure-devops-app-secret",
        "azure-devops-app-secret",
        "azure-devops-app-secret-wrong-crc",
    ),
];

#[test]
fn a_key_that_proves_itself_is_found_in_every_text() {
    for (secret_type, maker, _) in KEYS {
        found_everywhere(&format!("{{{maker}}}"), secret_type);
        let text = PLACES[0].replace('@', &made(&format!("{{{maker}}}"), "verdict"));
        let found = only(&text, secret_type);
        assert_eq!(found.proof.verdict, Some(Verdict::Checksum), "{text}");
    }
}

#[test]
fn a_wrong_checksum_is_no_finding() {
    for (secret_type, _, wrong) in KEYS {
        found_nowhere(&format!("{{{wrong}}}"), secret_type);
    }
}

#[test]
fn a_key_inside_a_longer_word_is_no_finding() {
    for (secret_type, maker, _) in KEYS {
        // Behind the padding of base64 nothing could go on.
        found_nowhere(&format!("aZ9{{{maker}}}"), secret_type);
    }
}

#[test]
fn every_key_belongs_to_one_type_only() {
    for (secret_type, maker, _) in KEYS {
        let key = made(&format!("{{{maker}}}"), "one type");
        for (other, ..) in KEYS.iter().filter(|(other, ..)| other != secret_type) {
            for place in PLACES {
                let found = super::believed(&place.replace('@', &key), other);
                assert!(found.is_empty(), "{maker} is no {other}");
            }
        }
    }
}

#[test]
fn databricks_tokens_and_web_tokens_are_found_in_every_text() {
    for (secret_type, maker) in [
        ("azure-databricks-pat", "azure-databricks-token"),
        ("azure-databricks-pat", "azure-databricks-token2"),
        ("azure-devops-app-secret", "azure-devops-app-token"),
        ("azure-ad-access-token", "entra-access-token"),
        ("azure-ad-access-token", "entra-access-token-v2"),
        ("azure-ad-access-token", "entra-access-token-customer"),
        ("azure-ad-access-token", "entra-id-token"),
        ("azure-ad-access-token", "entra-refresh-token"),
    ] {
        found_everywhere(&format!("{{{maker}}}"), secret_type);
    }
}
