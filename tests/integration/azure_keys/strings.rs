//! Connection strings, addresses and headers: host and key in one text.

use super::{believed, found_everywhere, made, only};

/// Type and a string that holds its key.
const STRINGS: &[(&str, &str)] = &[
    (
        "azure-app-configuration-access-key",
        "Endpoint=https://acme.azconfig.io;Id=aB1+-l4-s0:xYz0;Secret={azure-key32}",
    ),
    (
        "azure-app-configuration-access-key",
        "Endpoint=https://acme.azconfig.azure.cn;Id=a1B2;Secret={azure-app-configuration-key}",
    ),
    (
        "azure-signalr-access-key",
        "Endpoint=https://acme.service.signalr.net;AccessKey={azure-key32};Version=1.0;",
    ),
    (
        "azure-signalr-access-key",
        "endpoint=https://acme.signalr.azure.cn;version=1.0;accesskey={azure-signalr-key}",
    ),
    (
        "azure-web-pubsub-access-key",
        "Endpoint=https://acme.webpubsub.azure.com;AccessKey={azure-key32};Version=1.0;",
    ),
    (
        "azure-web-pubsub-access-key",
        "AccessKey={azure-web-pubsub-key};Endpoint=https://acme.webpubsub.azure.us",
    ),
    (
        "azure-communication-services-access-key",
        "endpoint=https://acme.communication.azure.com/;accesskey={azure-key64}",
    ),
    (
        "azure-communication-services-access-key",
        "endpoint=https://acme.india.communication.azure.com/;accesskey={azure-communication-key}",
    ),
    (
        "azure-shared-access-key",
        "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey={azure-key32}",
    ),
    (
        "azure-shared-access-key",
        "SharedAccessKey={azure-messaging-key-hubs};Endpoint=sb://acme.servicebus.usgovcloudapi.net/;EntityPath=e",
    ),
    (
        "azure-iot-shared-access-key",
        "HostName=acme.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={azure-key32}",
    ),
    (
        "azure-iot-shared-access-key",
        "HostName=acme.azure-devices.net;DeviceId=d1;SharedAccessKey={azure-key16}",
    ),
    (
        "azure-iot-shared-access-key",
        "HostName=acme.azure-devices-provisioning.net;SharedAccessKeyName=p;SharedAccessKey={azure-iot-key-provisioning}",
    ),
    (
        "azure-redis-cache-password",
        "acme.redis.cache.windows.net:6380,password={azure-key32},ssl=True,abortConnect=False",
    ),
    (
        "azure-redis-cache-password",
        "rediss://:{azure-key32-percent}@acme.redis.cache.windows.net:6380/0",
    ),
    (
        "azure-function-api-key",
        "https://acme.azurewebsites.net/api/order?clientId=default&code={azure-key40}",
    ),
    (
        "azure-function-api-key",
        "https://acme.azurewebsites.net/api/order?code={azure-key40-percent}",
    ),
    (
        "azure-function-api-key",
        "https://acme.azurewebsites.us/api/order?code={azure-function-key-bare}",
    ),
    ("azure-logic-app-sas", "{azure-workflow-url}"),
    (
        "azure-logic-app-sas",
        "https://acme.azurewebsites.net:443/api/order/triggers/manual/invoke?api-version=2022-05-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={azure-urlkey32}",
    ),
    (
        "azure-service-bus-sas",
        "SharedAccessSignature {azure-messaging-token}",
    ),
    (
        "azure-service-bus-sas",
        "SharedAccessSignature=SharedAccessSignature {azure-messaging-token-hub}",
    ),
    (
        "azure-maps-subscription-key",
        "https://atlas.microsoft.com/map/tile?subscription-key={azure-urlkey32}",
    ),
    (
        "azure-api-management-subscription-key",
        "https://acme.azure-api.net/orders?subscription-key={azure-hex32}",
    ),
    (
        "azure-bot-framework-secret-key",
        "https://webchat.botframework.com/embed/acme?s={azure-bot-secret55}",
    ),
    (
        "azure-bot-framework-secret-key",
        "https://webchat.botframework.com/embed/acme?s={azure-bot-secret63}",
    ),
    (
        "azure-container-registry-access-key",
        "docker login acme0.azurecr.io -u acme0 -p {azure-mixed32}",
    ),
];

#[test]
fn a_string_with_host_and_key_is_found_in_every_text() {
    for (secret_type, template) in STRINGS {
        found_everywhere(template, secret_type);
    }
}

#[test]
fn escapes_of_every_writer_are_undone() {
    // Go and .NET escape the ampersand and the plus sign, PHP the slash, XML both.
    for (secret_type, template) in STRINGS {
        let value = made(template, "escapes");
        let forms = [
            value
                .replace('+', "\\u002B")
                .replace('&', "\\u0026")
                .replace('/', "\\/"),
            value.replace('&', "&amp;").replace('+', "&#x2B;"),
        ];
        for form in forms {
            let text = format!("{{\"value\":\"{form}\"}}");
            only(&text, secret_type);
        }
    }
}

#[test]
fn a_whole_address_may_be_a_parameter_of_another() {
    for (secret_type, template) in [
        ("azure-logic-app-sas", "{azure-workflow-url}"),
        (
            "azure-function-api-key",
            "https://acme.azurewebsites.net/api/order?code={azure-function-key}",
        ),
    ] {
        let url: String = made(template, "parameter")
            .bytes()
            .map(|byte| match byte {
                byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                    char::from(byte).to_string()
                }
                byte => format!("%{byte:02X}"),
            })
            .collect();
        only(&format!("https://example.com/?next={url}&x=1"), secret_type);
    }
}

#[test]
fn a_string_of_one_service_is_no_key_of_another() {
    const TYPES: &[&str] = &[
        "azure-storage-connection-string",
        "azure-app-configuration-access-key",
        "azure-signalr-access-key",
        "azure-web-pubsub-access-key",
        "azure-communication-services-access-key",
        "azure-batch-shared-access-key",
        "azure-shared-access-key",
        "azure-iot-shared-access-key",
        "azure-redis-cache-password",
        "azure-function-api-key",
        "azure-eventgrid-access-key",
        "azure-logic-app-sas",
        "azure-cognitive-services-key",
        "azure-api-management-subscription-key",
    ];
    for (secret_type, template) in STRINGS {
        let value = made(template, "another");
        for other in TYPES.iter().filter(|other| *other != secret_type) {
            assert!(believed(&value, other).is_empty(), "{value} is no {other}");
        }
    }
}

#[test]
fn a_docker_file_is_decoded() {
    for auth in ["{azure-registry-auth}", "{azure-registry-auth-legacy}"] {
        let text = made(
            &format!("{{\"auths\":{{\"acme0.azurecr.io\":{{\"auth\":\"{auth}\"}}}}}}"),
            "docker",
        );
        let found = only(&text, "azure-container-registry-access-key");
        assert_eq!(found.proof.identity["user"], "acme0");
        assert_eq!(found.proof.target.unwrap().name, "acme0");
        assert!(found.proof.canonical.is_some_and(|key| key.len() < 60));
    }
}
