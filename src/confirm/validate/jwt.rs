//! JSON web tokens (RFC 7519), read without their keys.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use serde_json::{Map, Value};

use super::encoding;

/// The claims of `header.payload.signature`: `None` unless header and payload are JSON objects in
/// base64url and the header names an algorithm.
pub(crate) fn claims(token: &[u8]) -> Option<Map<String, Value>> {
    let mut parts = token.split(|byte| *byte == b'.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.is_empty() {
        return None;
    }
    object(header)?.get("alg")?;
    object(payload)
}

/// The header of the token.
pub(crate) fn header(token: &[u8]) -> Option<Map<String, Value>> {
    object(token.split(|byte| *byte == b'.').next()?)
}

/// When the token stops working: claim `exp`, seconds since 1970.
pub(crate) fn expiry(claims: &Map<String, Value>) -> Option<jiff::Timestamp> {
    let seconds = claims.get("exp")?.as_i64()?;
    jiff::Timestamp::from_second(seconds).ok()
}

fn object(part: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&encoding::base64url(part)?) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_the_standard_is_read() {
        // RFC 7519 section 3.1, header and claims; the signature is not looked at.
        let token = [
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
             cGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "c2ln",
        ]
        .join(".");
        let claims = claims(token.as_bytes()).unwrap();
        assert_eq!(claims["iss"], "joe");
        assert_eq!(expiry(&claims).unwrap().as_second(), 1_300_819_380);
        assert!(super::claims(b"eyJ0.eyJ0.x").is_none());
        assert!(super::claims(b"").is_none());
    }
}
