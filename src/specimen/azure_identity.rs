//! Tokens as Microsoft Entra and Azure DevOps sign them, with random bytes for a signature.

use serde_json::{Value, json};

use super::common::{BASE64URL, broken, uuid};
use super::{Maker, Stream};
use crate::confirm::validate::devops::{self, Holder};
use crate::confirm::validate::encoding;

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("azure-devops-app-secret", app_secret),
    ("azure-devops-app-secret-wrong-crc", |s| {
        broken(&app_secret(s))
    }),
    ("azure-devops-app-token", |s| {
        let claims = devops_claims(s);
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("azure-devops-app-token-unsigned", |s| {
        let claims = devops_claims(s);
        web_token(s, &header("none"), &claims, 256)
    }),
    ("entra-access-token", |s| {
        let claims = claims(s);
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("entra-access-token-backwards", |s| {
        let claims = with(claims(s), "iat", json!(1_900_000_000));
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("entra-access-token-customer", |s| {
        let tenant = uuid(s);
        let issuer = format!("https://acme.b2clogin.com/{tenant}/v2.0/");
        let claims = with(with(claims(s), "iss", json!(issuer)), "tid", Value::Null);
        let header = format!(
            r#"{{"alg":"RS256","kid":"{}","typ":"JWT"}}"#,
            s.text(BASE64URL, 43)
        );
        web_token(s, &header, &claims, 256)
    }),
    ("entra-access-token-cut", |s| {
        let claims = claims(s);
        web_token(s, &header("RS256"), &claims, 200)
    }),
    ("entra-access-token-hmac", |s| {
        let claims = claims(s);
        web_token(s, &header("HS256"), &claims, 256)
    }),
    ("entra-access-token-other-issuer", |s| {
        let claims = with(claims(s), "iss", json!("https://accounts.example.com"));
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("entra-access-token-other-tenant", |s| {
        let claims = with(
            claims(s),
            "tid",
            json!("11111111-2222-4333-a444-555555555555"),
        );
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("entra-access-token-v2", |s| {
        let tenant = uuid(s);
        let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
        let claims = with(with(claims(s), "iss", json!(issuer)), "tid", json!(tenant));
        web_token(s, &header("RS256"), &claims, 256)
    }),
    ("entra-id-token", |s| {
        let claims = with(with(claims(s), "appid", Value::Null), "scp", Value::Null);
        web_token(s, &header("RS256"), &with(claims, "nonce", json!("n")), 256)
    }),
    ("entra-refresh-token", |s| {
        format!(
            "0.A{}.AgABAAEAAA{}",
            s.text(BASE64URL, 80),
            s.text(BASE64URL, 700)
        )
    }),
];

/// 52 characters of base32 with the CRC of an application.
fn app_secret(stream: &mut Stream) -> String {
    devops::make_base32(stream.bytes(), Holder::Application)
}

fn header(algorithm: &str) -> String {
    // Issuers write the type first, which gives every token the same beginning.
    format!(
        r#"{{"typ":"JWT","alg":"{algorithm}","x5t":"kid-of-a-specimen","kid":"kid-of-a-specimen"}}"#
    )
}

/// The claims of an access token for a resource, as version 1.0 has them.
fn claims(stream: &mut Stream) -> Value {
    let tenant = uuid(stream);
    json!({
        "aud": "https://management.azure.com/",
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": 1_790_000_000,
        "nbf": 1_790_000_000,
        "exp": 1_790_004_500,
        "appid": uuid(stream),
        "oid": uuid(stream),
        "scp": "user_impersonation",
        "tid": tenant,
        "upn": "ops@acme.example",
        "ver": "1.0",
    })
}

fn devops_claims(stream: &mut Stream) -> Value {
    json!({
        "nameid": uuid(stream),
        "cid": uuid(stream),
        "iss": "app.vstoken.visualstudio.com",
        "aud": "app.vstoken.visualstudio.com",
        "nbf": 1_790_000_000,
        "exp": 1_947_000_000,
    })
}

/// The claims with one changed, or without it for `null`.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    if let Some(object) = claims.as_object_mut() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.to_owned(), value);
        }
    }
    claims
}

fn web_token(stream: &mut Stream, header: &str, claims: &Value, signature_len: usize) -> String {
    let mut signature = vec![0; signature_len];
    stream.fill(&mut signature);
    [header.as_bytes(), claims.to_string().as_bytes(), &signature]
        .map(|part| {
            encoding::to_base64(part)
                .replace('+', "-")
                .replace('/', "_")
                .replace('=', "")
        })
        .join(".")
}
