//! Keys and tokens of Azure's services, of the generation with a checksum and of the one without.

use super::common::{ALPHANUMERIC, DIGITS, HEX, broken, json, percent, xml};
use super::{Maker, Stream};
use crate::confirm::validate::cask;
use crate::confirm::validate::encoding;
use crate::confirm::validate::identifiable::{self, Provider};

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("azure-app-configuration-key", |s| {
        annotated(s, "AAAC", "AZAC")
    }),
    ("azure-app-configuration-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAC", "AZAC"))
    }),
    ("azure-app-configuration-key88", |s| {
        annotated_long(s, "AAAC", "AZAC")
    }),
    ("azure-batch-key-json", |s| {
        json(&signed(s, 64, &identifiable::BATCH, 0))
    }),
    ("azure-batch-key-percent", |s| {
        percent(&signed(s, 64, &identifiable::BATCH, 0))
    }),
    ("azure-batch-key-wrong-checksum", |s| {
        broken(&signed(s, 64, &identifiable::BATCH, 0))
    }),
    ("azure-bot-key", |s| annotated(s, "AAAB", "AZBS")),
    ("azure-bot-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAB", "AZBS"))
    }),
    ("azure-bot-secret55", |s| {
        format!("{}.{}", bare_base64url::<8>(s), drawn_base64url(s))
    }),
    ("azure-bot-secret63", |s| {
        let first = bare_base64url::<8>(s);
        let third = bare_base64url::<2>(s);
        format!("{first}.cwA.{third}.{}", drawn_base64url(s))
    }),
    ("azure-bot-secret63-other", |s| {
        let [first, last] = [bare_base64url::<8>(s), drawn_base64url(s)];
        let [second, third] = [bare_base64url::<2>(s), bare_base64url::<2>(s)];
        format!("{first}.{second}.{third}.{last}")
    }),
    ("azure-cognitive-key", cognitive_key),
    ("azure-cognitive-key-wrong-checksum", |s| {
        broken(&cognitive_key(s))
    }),
    ("azure-communication-key", |s| annotated(s, "AAAA", "AZCS")),
    ("azure-communication-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAA", "AZCS"))
    }),
    ("azure-databricks-token", |s| format!("dapi{}", hex32(s))),
    ("azure-databricks-token2", |s| {
        format!("dapi{}-{}", hex32(s), s.text("23", 1))
    }),
    ("azure-eventgrid-key", |s| annotated(s, "AAAB", "AZEG")),
    ("azure-eventgrid-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAB", "AZEG"))
    }),
    ("azure-eventgrid-signed", |s| {
        signed(s, 32, &identifiable::EVENT_GRID, 0)
    }),
    ("azure-eventgrid-signed-default", |s| {
        signed(s, 32, &identifiable::EVENT_GRID, 1)
    }),
    ("azure-eventgrid-signed-json", |s| {
        json(&signed(s, 32, &identifiable::EVENT_GRID, 0))
    }),
    ("azure-eventgrid-signed-wrong-checksum", |s| {
        broken(&signed(s, 32, &identifiable::EVENT_GRID, 0))
    }),
    ("azure-function-key", |s| function_key(s, 0)),
    ("azure-function-key-bare", |s| {
        function_key(s, 0).replace('=', "")
    }),
    ("azure-function-key-master", |s| function_key(s, 1)),
    ("azure-function-key-percent", |s| {
        percent(&function_key(s, 0))
    }),
    ("azure-function-key-system", |s| function_key(s, 2)),
    ("azure-function-key-wrong-checksum", |s| {
        broken(&function_key(s, 0))
    }),
    ("azure-hex32", hex32),
    ("azure-iot-key", |s| signed(s, 32, &identifiable::IOT, 0)),
    ("azure-iot-key-device", |s| {
        signed(s, 32, &identifiable::IOT, 2)
    }),
    ("azure-iot-key-json", |s| {
        json(&signed(s, 32, &identifiable::IOT, 0))
    }),
    ("azure-iot-key-provisioning", |s| {
        signed(s, 32, &identifiable::IOT, 1)
    }),
    ("azure-iot-key-wrong-checksum", |s| {
        broken(&signed(s, 32, &identifiable::IOT, 0))
    }),
    ("azure-key16", |s| encoding::to_base64(&s.bytes::<16>())),
    ("azure-key32", key32),
    ("azure-key32-json", |s| json(&key32(s))),
    ("azure-key32-percent", |s| percent(&key32(s))),
    ("azure-key40", key40),
    ("azure-key40-percent", |s| percent(&key40(s))),
    ("azure-key64", key64),
    ("azure-key64-json", |s| json(&key64(s))),
    ("azure-management-key", |s| {
        signed(s, 64, &identifiable::API_MANAGEMENT, 0)
    }),
    ("azure-management-key-gateway", |s| {
        signed(s, 64, &identifiable::API_MANAGEMENT, 2)
    }),
    ("azure-management-key-git", |s| {
        signed(s, 64, &identifiable::API_MANAGEMENT, 3)
    }),
    ("azure-management-key-json", |s| {
        json(&signed(s, 64, &identifiable::API_MANAGEMENT, 1))
    }),
    ("azure-management-key-percent", |s| {
        percent(&signed(s, 64, &identifiable::API_MANAGEMENT, 1))
    }),
    ("azure-management-key-wrong-checksum", |s| {
        broken(&signed(s, 64, &identifiable::API_MANAGEMENT, 0))
    }),
    ("azure-maps-key", |s| annotated(s, "AAAg", "AZMP")),
    ("azure-maps-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAg", "AZMP"))
    }),
    ("azure-messaging-key-hubs", |s| {
        signed(s, 32, &identifiable::EVENT_HUBS, 0)
    }),
    ("azure-messaging-key-json", |s| {
        json(&signed(s, 32, &identifiable::SERVICE_BUS, 0))
    }),
    ("azure-messaging-key-listen", |s| {
        signed(s, 32, &identifiable::SERVICE_BUS, 1)
    }),
    ("azure-messaging-key-manage", |s| {
        signed(s, 32, &identifiable::SERVICE_BUS, 2)
    }),
    ("azure-messaging-key-percent", |s| {
        percent(&signed(s, 32, &identifiable::SERVICE_BUS, 0))
    }),
    ("azure-messaging-key-relay", |s| {
        signed(s, 32, &identifiable::RELAY, 1)
    }),
    ("azure-messaging-key-send", |s| {
        signed(s, 32, &identifiable::SERVICE_BUS, 0)
    }),
    ("azure-messaging-key-wrong-checksum", |s| {
        broken(&signed(s, 32, &identifiable::SERVICE_BUS, 0))
    }),
    ("azure-messaging-token", |s| messaging_token(s, NAMESPACE)),
    ("azure-messaging-token-elsewhere", |s| {
        messaging_token(s, "https%3A%2F%2Facme.example.net%2Forders")
    }),
    ("azure-messaging-token-endless", |s| {
        messaging_token(s, NAMESPACE).replace("&se=", "&se=never")
    }),
    ("azure-messaging-token-hub", |s| {
        messaging_token(s, "acme.azure-devices.net%2Fdevices%2Fd1")
    }),
    ("azure-messaging-token-json", |s| {
        messaging_token(s, NAMESPACE).replace('&', "\\u0026")
    }),
    ("azure-messaging-token-xml", |s| {
        xml(&messaging_token(s, NAMESPACE))
    }),
    ("azure-mixed32", mixed32),
    ("azure-ml-classic-key", |s| {
        signed(s, 64, &identifiable::MACHINE_LEARNING, 0)
    }),
    ("azure-ml-classic-key-json", |s| {
        json(&signed(s, 64, &identifiable::MACHINE_LEARNING, 0))
    }),
    ("azure-ml-classic-key-percent", |s| {
        percent(&signed(s, 64, &identifiable::MACHINE_LEARNING, 0))
    }),
    ("azure-ml-classic-key-wrong-checksum", |s| {
        broken(&signed(s, 64, &identifiable::MACHINE_LEARNING, 0))
    }),
    ("azure-ml-key", |s| annotated(s, "INFR", "AZML")),
    ("azure-ml-key-wrong-checksum", |s| {
        broken(&annotated(s, "INFR", "AZML"))
    }),
    ("azure-redis-key", redis_key),
    ("azure-redis-key-wrong-checksum", |s| broken(&redis_key(s))),
    ("azure-registry-auth", |s| {
        let key = signed(s, 39, &identifiable::REGISTRY, 0);
        registry_auth("acme0", &key)
    }),
    ("azure-registry-auth-legacy", |s| {
        registry_auth("acme0", &mixed32(s))
    }),
    ("azure-registry-auth-token", |s| {
        let nobody = "00000000-0000-0000-0000-000000000000";
        registry_auth(nobody, &mixed32(s))
    }),
    ("azure-registry-auth-wrong-checksum", |s| {
        let key = broken(&signed(s, 39, &identifiable::REGISTRY, 0));
        registry_auth("acme0", &key)
    }),
    ("azure-registry-key", |s| {
        signed(s, 39, &identifiable::REGISTRY, 0)
    }),
    ("azure-registry-key-json", |s| {
        json(&signed(s, 39, &identifiable::REGISTRY, 0))
    }),
    ("azure-registry-key-percent", |s| {
        percent(&signed(s, 39, &identifiable::REGISTRY, 0))
    }),
    ("azure-registry-key-wrong-checksum", |s| {
        broken(&signed(s, 39, &identifiable::REGISTRY, 0))
    }),
    ("azure-registry-token", |s| annotated(s, "AAAB", "AZCR")),
    ("azure-registry-token-wrong-checksum", |s| {
        broken(&annotated(s, "AAAB", "AZCR"))
    }),
    ("azure-signalr-key", |s| annotated(s, "AAAA", "ASRS")),
    ("azure-signalr-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAA", "ASRS"))
    }),
    ("azure-urlkey32", drawn_base64url),
    ("azure-web-pubsub-key", |s| annotated(s, "AAAA", "AWPS")),
    ("azure-web-pubsub-key-wrong-checksum", |s| {
        broken(&annotated(s, "AAAA", "AWPS"))
    }),
    ("azure-workflow-url", workflow_url),
    ("azure-workflow-url-json", |s| {
        workflow_url(s).replace('&', "\\u0026")
    }),
    ("azure-workflow-url-xml", |s| xml(&workflow_url(s))),
];

/// What a messaging token is for.
const NAMESPACE: &str = "https%3A%2F%2Facme.servicebus.windows.net%2Forders";

/// An annotated key of 84 characters. Keys were issued with the checksum in base 62 and in base
/// 64, and none was seen with a mark in it.
fn annotated(stream: &mut Stream, data: &str, signature: &str) -> String {
    annotated_cut(stream, data, signature, 4)
}

/// An annotated key of 88 characters.
fn annotated_long(stream: &mut Stream, data: &str, signature: &str) -> String {
    annotated_cut(stream, data, signature, 8)
}

fn annotated_cut(stream: &mut Stream, data: &str, signature: &str, len: usize) -> String {
    let seed = if signature == "AZCR" {
        *b"ACRDflt0"
    } else {
        *b"Default0"
    };
    let form = usize::from(stream.below(2) == 1);
    loop {
        let body = format!(
            "{}JQQJ99B{}ACYeBj{}{data}{signature}",
            stream.text(ALPHANUMERIC, 52),
            stream.text("ABCDEFGHIJKL", 1),
            stream.text(ALPHANUMERIC, 6)
        );
        let tails = cask::tails(body.as_bytes(), seed);
        let tail: String = tails
            .get(form)
            .into_iter()
            .flatten()
            .take(len)
            .map(|byte| char::from(*byte))
            .collect();
        if !tail.contains(['+', '/']) {
            return format!("{body}{tail}");
        }
    }
}

fn cognitive_key(stream: &mut Stream) -> String {
    let service = stream.text("ABEFKLYb", 1);
    annotated(stream, &format!("AAA{service}"), "ACOG")
}

/// An identifiable key under the provider's seed of this number.
fn signed(stream: &mut Stream, len: usize, provider: &Provider, seed: usize) -> String {
    let random: Vec<u8> = (0..len).map(|_| stream.bytes::<1>()[0]).collect();
    identifiable::make_under(&random, provider, provider.seeds[seed])
}

fn function_key(stream: &mut Stream, seed: usize) -> String {
    signed(stream, 40, &identifiable::FUNCTION, seed)
        .replace('+', "-")
        .replace('/', "_")
}

/// A Redis key is of letters and digits throughout.
fn redis_key(stream: &mut Stream) -> String {
    let text = stream.text(ALPHANUMERIC, 40);
    let random = encoding::base64_lenient(format!("{text}AAA=").as_bytes()).unwrap_or_default();
    identifiable::alphanumeric(&identifiable::make(&random, &identifiable::REDIS))
}

fn key32(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<32>())
}

fn key40(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<40>())
}

fn key64(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<64>())
}

/// URL-safe base64 without padding.
fn bare_base64url<const N: usize>(stream: &mut Stream) -> String {
    encoding::to_base64(&stream.bytes::<N>())
        .replace('+', "-")
        .replace('/', "_")
        .replace('=', "")
}

/// The same of 32 bytes, holding what all but one in a hundred do: a digit and both cases.
fn drawn_base64url(stream: &mut Stream) -> String {
    let has = |text: &str, test: fn(&char) -> bool| text.chars().any(|c| test(&c));
    loop {
        let text = bare_base64url::<32>(stream);
        if has(&text, char::is_ascii_digit)
            && has(&text, char::is_ascii_lowercase)
            && has(&text, char::is_ascii_uppercase)
        {
            return text;
        }
    }
}

fn hex32(stream: &mut Stream) -> String {
    format!(
        "{}{}{}",
        stream.text("abcdef", 1),
        stream.text(DIGITS, 1),
        stream.text(HEX, 30)
    )
}

fn mixed32(stream: &mut Stream) -> String {
    format!("k7Q{}xB2m", stream.text(ALPHANUMERIC, 25))
}

fn registry_auth(user: &str, password: &str) -> String {
    encoding::to_base64(format!("{user}:{password}").as_bytes())
}

fn messaging_token(stream: &mut Stream, resource: &str) -> String {
    let signature = percent(&key32(stream));
    let seconds = 1_800_000_000 + stream.below(99_999_999);
    format!("sr={resource}&sig={signature}&se={seconds}&skn=send")
}

/// A callback address as the portal shows it.
fn workflow_url(stream: &mut Stream) -> String {
    format!(
        "https://prod-{}.westeurope.logic.azure.com:443/workflows/{}/triggers/manual/paths/invoke?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={}",
        10 + stream.below(80),
        stream.text(HEX, 32),
        drawn_base64url(stream)
    )
}
