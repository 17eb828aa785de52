//! What is said of a key besides that it is there: target, owner, kind, end, severity.

use keydredge::rule::Severity;

use super::{made, only};

/// A text, its type, and name and endpoint of what its key opens.
#[test]
fn a_key_names_what_it_opens() {
    for (template, secret_type, kind, name, endpoint) in [
        (
            "Endpoint=https://Acme.azconfig.io;Id=a1B2;Secret={azure-key32}",
            "azure-app-configuration-access-key",
            "app-configuration",
            "acme",
            "acme.azconfig.io",
        ),
        (
            "SPEECH_KEY={azure-cognitive-key}\nENDPOINT=https://acme.cognitiveservices.azure.com/\n",
            "azure-cognitive-services-key",
            "cognitive-services",
            "acme",
            "acme.cognitiveservices.azure.com",
        ),
        (
            "docker login acme0.azurecr.io -u acme0 -p {azure-registry-key}\n",
            "azure-container-registry-access-key",
            "container-registry",
            "acme0",
            "acme0.azurecr.io",
        ),
        (
            "Endpoint=https://acme.service.signalr.net;AccessKey={azure-signalr-key};Version=1.0;",
            "azure-signalr-access-key",
            "signalr",
            "acme",
            "acme.service.signalr.net",
        ),
        (
            "Endpoint=https://acme.webpubsub.azure.com;AccessKey={azure-key32};Version=1.0;",
            "azure-web-pubsub-access-key",
            "web-pubsub",
            "acme",
            "acme.webpubsub.azure.com",
        ),
        (
            "https://apim:git&202711301200&{azure-management-key-git}@acme.scm.azure-api.net/",
            "azure-api-management-subscription-key",
            "api-management",
            "acme",
            "acme.scm.azure-api.net",
        ),
        (
            "endpoint=https://acme.france.communication.azure.com/;accesskey={azure-communication-key}",
            "azure-communication-services-access-key",
            "communication-services",
            "acme",
            "acme.france.communication.azure.com",
        ),
        (
            "url: https://acme.westeurope-1.eventgrid.azure.net/api/events\nkey: {azure-eventgrid-key}\n",
            "azure-eventgrid-access-key",
            "event-grid",
            "acme",
            "acme.westeurope-1.eventgrid.azure.net",
        ),
        (
            "AZ_BATCH_KEY={azure-batch-key}\nAZ_BATCH_URL=https://acme.westeurope.batch.azure.com\n",
            "azure-batch-shared-access-key",
            "batch-account",
            "acme",
            "acme.westeurope.batch.azure.com",
        ),
        (
            "rediss://:{azure-redis-key}@acme.redis.cache.windows.net:6380",
            "azure-redis-cache-password",
            "redis-cache",
            "acme",
            "acme.redis.cache.windows.net",
        ),
        (
            "HostName=acme.azure-devices.net;SharedAccessKeyName=p;SharedAccessKey={azure-iot-key}",
            "azure-iot-shared-access-key",
            "iot-hub",
            "acme",
            "acme.azure-devices.net",
        ),
        (
            "https://acme.azurewebsites.net/api/order?code={azure-function-key}",
            "azure-function-api-key",
            "function-app",
            "acme",
            "acme.azurewebsites.net",
        ),
        (
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=p;SharedAccessKey={azure-key32}",
            "azure-shared-access-key",
            "messaging-namespace",
            "acme",
            "acme.servicebus.windows.net",
        ),
        (
            "SharedAccessSignature {azure-messaging-token}",
            "azure-service-bus-sas",
            "messaging-namespace",
            "acme",
            "acme.servicebus.windows.net",
        ),
        (
            "SharedAccessSignature {azure-messaging-token-hub}",
            "azure-service-bus-sas",
            "iot-hub",
            "acme",
            "acme.azure-devices.net",
        ),
        (
            "host = https://adb-1234567890123456.7.azuredatabricks.net\ntoken = {azure-databricks-token}\n",
            "azure-databricks-pat",
            "databricks-workspace",
            "adb-1234567890123456.7",
            "adb-1234567890123456.7.azuredatabricks.net",
        ),
        (
            "https://acme.azurewebsites.net/api/order/triggers/manual/invoke?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={azure-urlkey32}",
            "azure-logic-app-sas",
            "logic-app",
            "order",
            "acme.azurewebsites.net",
        ),
        (
            "url = 'https://acme.westeurope.inference.ml.azure.com/score'\napi_key = '{azure-ml-key}'\n",
            "azure-ml-web-service-api-key",
            "machine-learning",
            "acme",
            "acme.westeurope.inference.ml.azure.com",
        ),
    ] {
        let text = made(template, "target");
        let target = only(&text, secret_type).proof.target;
        let target = target.unwrap_or_else(|| panic!("{secret_type} names nothing in {text}"));
        assert_eq!(
            (
                target.kind.as_str(),
                target.name.as_str(),
                target.endpoint.as_deref()
            ),
            (kind, name, Some(endpoint)),
            "{text}"
        );
    }
}

#[test]
fn a_shared_host_is_no_target() {
    for (template, secret_type, endpoint) in [
        (
            "Ocp-Apim-Subscription-Key: {azure-hex32}\nHost: westeurope.api.cognitive.microsoft.com\n",
            "azure-cognitive-services-key",
            "westeurope.api.cognitive.microsoft.com",
        ),
        (
            "https://atlas.microsoft.com/?subscription-key={azure-maps-key}",
            "azure-maps-subscription-key",
            "atlas.microsoft.com",
        ),
    ] {
        let proof = only(&made(template, "shared"), secret_type).proof;
        assert_eq!(proof.target, None);
        assert_eq!(proof.details["endpoint"], endpoint);
    }
}

#[test]
fn a_key_says_what_it_may_do() {
    for (template, secret_type, kind, severity) in [
        (
            "k={azure-messaging-key-send}\n",
            "azure-shared-access-key",
            "send",
            Some(Severity::Medium),
        ),
        (
            "k={azure-messaging-key-listen}\n",
            "azure-shared-access-key",
            "listen",
            Some(Severity::Medium),
        ),
        (
            "k={azure-messaging-key-manage}\n",
            "azure-shared-access-key",
            "manage",
            None,
        ),
        (
            "k={azure-iot-key}\n",
            "azure-iot-shared-access-key",
            "hub",
            None,
        ),
        (
            "k={azure-iot-key-device}\n",
            "azure-iot-shared-access-key",
            "device",
            Some(Severity::Medium),
        ),
        (
            "k={azure-iot-key-provisioning}\n",
            "azure-iot-shared-access-key",
            "provisioning",
            None,
        ),
        (
            "k={azure-function-key-master}\n",
            "azure-function-api-key",
            "master",
            Some(Severity::High),
        ),
        (
            "k={azure-function-key}\n",
            "azure-function-api-key",
            "function",
            None,
        ),
        (
            "k={azure-function-key-system}\n",
            "azure-function-api-key",
            "system",
            None,
        ),
        (
            "k={azure-management-key}\n",
            "azure-api-management-subscription-key",
            "direct management",
            Some(Severity::High),
        ),
        (
            "k={azure-management-key-gateway}\n",
            "azure-api-management-subscription-key",
            "gateway",
            Some(Severity::High),
        ),
        (
            "k={azure-management-key-git}\n",
            "azure-api-management-subscription-key",
            "repository",
            Some(Severity::High),
        ),
        (
            "k={entra-access-token}\n",
            "azure-ad-access-token",
            "access token",
            None,
        ),
        (
            "k={entra-id-token}\n",
            "azure-ad-access-token",
            "id token",
            Some(Severity::Low),
        ),
        (
            "k={entra-refresh-token}\n",
            "azure-ad-access-token",
            "refresh token",
            None,
        ),
    ] {
        let proof = only(&made(template, "kind"), secret_type).proof;
        assert_eq!(proof.details["kind"], kind, "{template}");
        assert_eq!(proof.severity, severity, "{template}");
    }
}

#[test]
fn the_end_of_a_token_is_read() {
    let text = "https://apim:git&202711301230&{azure-management-key-git}@acme.scm.azure-api.net/";
    let proof = only(&made(text, "end"), "azure-api-management-subscription-key").proof;
    assert_eq!(proof.expires.unwrap().to_string(), "2027-11-30T12:30:00Z");
    assert_eq!(proof.identity["user"], "git");

    let token = made("SharedAccessSignature {azure-messaging-token}", "end");
    let proof = only(&token, "azure-service-bus-sas").proof;
    let seconds = proof.expires.unwrap().as_second();
    assert!(token.contains(&format!("se={seconds}")), "{token}");
    assert_eq!(proof.identity["policy"], "send");
    assert_eq!(proof.details["entity"], "orders");

    let proof = only(
        &made("{entra-access-token}", "end"),
        "azure-ad-access-token",
    )
    .proof;
    assert_eq!(proof.expires.unwrap().as_second(), 1_790_004_500);
    assert_eq!(proof.details["audience"], "https://management.azure.com/");
    assert_eq!(proof.identity["user"], "ops@acme.example");
    assert_eq!(proof.target.unwrap().kind, "tenant");

    let proof = only(
        &made("{azure-devops-app-token}", "end"),
        "azure-devops-app-secret",
    )
    .proof;
    assert_eq!(proof.expires.unwrap().as_second(), 1_947_000_000);
}

#[test]
fn an_annotated_key_says_when_it_was_issued_and_for_what() {
    let key = made("k={azure-cognitive-key}\n", "issued");
    let proof = only(&key, "azure-cognitive-services-key").proof;
    let issued = proof.details["issued"].as_str().unwrap();
    assert!(issued.starts_with("2025-"), "{issued}");
    assert!(proof.details["service"].is_string());
}

#[test]
fn policy_device_and_entity_are_read() {
    let text = "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=reader;SharedAccessKey={azure-key32};EntityPath=orders";
    let proof = only(&made(text, "policy"), "azure-shared-access-key").proof;
    assert_eq!(proof.identity["policy"], "reader");
    assert_eq!(proof.details["entity"], "orders");
    assert_eq!(proof.severity, Some(Severity::Medium));

    let root = text.replace("reader", "RootManageSharedAccessKey");
    let proof = only(&made(&root, "policy"), "azure-shared-access-key").proof;
    assert_eq!(proof.severity, None, "the type's own, which is high");

    let text =
        "HostName=acme.azure-devices.net;DeviceId=d1;ModuleId=m1;SharedAccessKey={azure-key16}";
    let proof = only(&made(text, "device"), "azure-iot-shared-access-key").proof;
    assert_eq!(proof.identity["device"], "d1");
    assert_eq!(proof.identity["module"], "m1");
    assert_eq!(proof.severity, Some(Severity::Medium));
}

#[test]
fn one_function_key_has_one_canonical_form() {
    let bare = made("code={azure-function-key-bare}&", "same");
    let padded = made("code={azure-function-key}&", "same");
    let percent = made("code={azure-function-key-percent}&", "same");
    let canonical = |text: &str| only(text, "azure-function-api-key").proof.canonical;
    assert_eq!(canonical(&bare), canonical(&padded));
    assert_eq!(canonical(&percent), canonical(&padded));
}
