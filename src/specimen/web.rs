//! Credentials of the web: links, keys and headers.

use serde_json::json;

use super::Maker;
use super::Stream;
use super::common::{ALPHANUMERIC, BASE64URL, HEX, json, number, password, percent, uuid, xml};
use crate::confirm::validate::encoding;

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("app-service-password", app_service_password),
    ("basic-login", basic_login),
    ("gcp-api-key", gcp_api_key),
    ("gcp-api-key-wrong-end", gcp_api_key_wrong_end),
    ("gcp-auth-key", gcp_auth_key),
    ("google-signed-v2", google_signed_v2),
    ("google-signed-v2-short", google_signed_v2_short),
    ("google-signed-v4", google_signed_v4),
    ("google-signed-v4-hmac", google_signed_v4_hmac),
    ("google-signed-v4-json", google_signed_v4_json),
    ("google-signed-v4-xml", google_signed_v4_xml),
    ("http-jwt", http_jwt),
    ("machine-key-128", machine_key_128),
    ("machine-key-40", machine_key_40),
    ("machine-key-48", machine_key_48),
    ("machine-key-64", machine_key_64),
    ("mws-token", mws_token),
    ("opaque-token", opaque_token),
    ("password-base64", password_base64),
    ("travis-token", travis_token),
];

/// Sixty characters, as in a publishing profile.
pub(super) fn app_service_password(stream: &mut Stream) -> String {
    stream.text(ALPHANUMERIC, 60)
}

/// Base64 of `user:password`.
pub(super) fn basic_login(stream: &mut Stream) -> String {
    encoding::to_base64(format!("deploy:{}", password(stream)).as_bytes())
}

/// A password as a Kubernetes secret holds it.
pub(super) fn password_base64(stream: &mut Stream) -> String {
    encoding::to_base64(password(stream).as_bytes())
}

pub(super) fn gcp_api_key(stream: &mut Stream) -> String {
    format!(
        "AIzaSy{}{}",
        stream.text(BASE64URL, 32),
        stream.text("AEIMQUYcgkosw048", 1)
    )
}

pub(super) fn gcp_api_key_wrong_end(stream: &mut Stream) -> String {
    format!("AIzaSy{}b", stream.text(BASE64URL, 32))
}

pub(super) fn gcp_auth_key(stream: &mut Stream) -> String {
    format!("AQ.Ab{}", stream.text(BASE64URL, 48))
}

/// A link to an object that holds for an hour.
fn google_link(stream: &mut Stream, algorithm: &str, digits: usize) -> String {
    let day = format!("202602{:02}", 1 + stream.below(28));
    let signer = percent(&format!(
        "ci-{}@acme-prod.iam.gserviceaccount.com/{day}/auto/storage/goog4_request",
        number(stream, 4)
    ));
    format!(
        "https://storage.googleapis.com/acme-backups/db/{}.dump?X-Goog-Algorithm={algorithm}\
         &X-Goog-Credential={signer}&X-Goog-Date={day}T101112Z&X-Goog-Expires=3600\
         &X-Goog-SignedHeaders=host&X-Goog-Signature={}",
        number(stream, 6),
        stream.text(HEX, digits)
    )
}

pub(super) fn google_signed_v4(stream: &mut Stream) -> String {
    google_link(stream, "GOOG4-RSA-SHA256", 512)
}

pub(super) fn google_signed_v4_hmac(stream: &mut Stream) -> String {
    google_link(stream, "GOOG4-HMAC-SHA256", 64)
}

pub(super) fn google_signed_v4_json(stream: &mut Stream) -> String {
    json(&google_signed_v4(stream))
}

pub(super) fn google_signed_v4_xml(stream: &mut Stream) -> String {
    xml(&google_signed_v4(stream))
}

fn version_2(stream: &mut Stream, signature: &[u8]) -> String {
    format!(
        "https://acme-backups.storage.googleapis.com/{}.bin?GoogleAccessId=ci%40acme-prod.iam.\
         gserviceaccount.com&Expires=1790000000&Signature={}",
        number(stream, 6),
        percent(&encoding::to_base64(signature))
    )
}

pub(super) fn google_signed_v2(stream: &mut Stream) -> String {
    let signature: [u8; 256] = stream.bytes();
    version_2(stream, &signature)
}

pub(super) fn google_signed_v2_short(stream: &mut Stream) -> String {
    let signature: [u8; 200] = stream.bytes();
    version_2(stream, &signature)
}

/// A web token of an issuer of one's own.
pub(super) fn http_jwt(stream: &mut Stream) -> String {
    let part = |value: serde_json::Value| {
        encoding::to_base64(value.to_string().as_bytes())
            .replace('+', "-")
            .replace('/', "_")
            .replace('=', "")
    };
    let subject = number(stream, 8);
    let payload = json!({"iss": "https://id.acme.corp", "sub": subject, "exp": 1_790_000_000});
    format!(
        "{}.{}.{}",
        part(json!({"alg": "RS256", "typ": "JWT"})),
        part(payload),
        stream.text(BASE64URL, 86)
    )
}

fn upper_hex(stream: &mut Stream, len: usize) -> String {
    stream.text(HEX, len).to_ascii_uppercase()
}

pub(super) fn machine_key_128(stream: &mut Stream) -> String {
    upper_hex(stream, 128)
}

pub(super) fn machine_key_40(stream: &mut Stream) -> String {
    upper_hex(stream, 40)
}

pub(super) fn machine_key_48(stream: &mut Stream) -> String {
    upper_hex(stream, 48)
}

pub(super) fn machine_key_64(stream: &mut Stream) -> String {
    upper_hex(stream, 64)
}

pub(super) fn mws_token(stream: &mut Stream) -> String {
    format!("amzn.mws.{}", uuid(stream))
}

pub(super) fn opaque_token(stream: &mut Stream) -> String {
    format!(
        "{}4{}",
        stream.text(ALPHANUMERIC, 20),
        stream.text(ALPHANUMERIC, 19)
    )
}

/// Sixteen random bytes.
pub(super) fn travis_token(stream: &mut Stream) -> String {
    format!("{}{}", stream.text(BASE64URL, 21), stream.text("AQgw", 1))
}
