//! AWS keys and the links they sign.

use super::Maker;
use super::Stream;
use super::common::{ALPHANUMERIC, BASE64, DIGITS, LOWER_ALPHANUMERIC, json, xml};
use crate::confirm::validate::signature::{Signer, sign_version_2, sign_version_4};
use crate::confirm::validate::{aws, encoding};

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("aws-key-id", key_id),
    ("aws-key-with-links", key_with_links),
    ("aws-pair", pair),
    ("aws-secret", secret),
    ("aws-session-token", session_token),
    ("aws-temporary-id", temporary_id),
    ("s3-presigned-v2", presigned_v2),
    ("s3-presigned-v2-xml", presigned_v2_xml),
    ("s3-presigned-v4", presigned_v4),
    ("s3-presigned-v4-json", presigned_v4_json),
    ("s3-presigned-v4-other-service", presigned_v4_other_service),
    ("s3-presigned-v4-path-style", presigned_v4_path_style),
    ("s3-presigned-v4-xml", presigned_v4_xml),
];

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `AKIA` id of a random account.
pub(super) fn key_id(stream: &mut Stream) -> String {
    id(stream, "AKIA")
}

/// `ASIA` id, of a temporary key.
pub(super) fn temporary_id(stream: &mut Stream) -> String {
    id(stream, "ASIA")
}

/// An id with the account in it, as they have been since 2019: the top bit is set, 40 bits are
/// the account's number, the rest is random.
fn id(stream: &mut Stream, prefix: &str) -> String {
    let account = stream.below(1_000_000_000_000);
    let front = 1 << 47 | account << 7 | stream.below(128);
    let mut raw = front.to_be_bytes()[2..].to_vec();
    raw.extend(stream.bytes::<4>());
    format!("{prefix}{}", encoding::to_base32(&raw, BASE32))
}

/// A secret access key: 40 characters, not all of one kind.
pub(super) fn secret(stream: &mut Stream) -> String {
    // A drawn key lacks a digit or is too uneven once in some hundred.
    loop {
        let text = stream.text(BASE64, 40);
        if aws::is_random(text.as_bytes()) {
            return text;
        }
    }
}

/// Id and secret as in a credentials file.
pub(super) fn pair(stream: &mut Stream) -> String {
    format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}",
        key_id(stream),
        secret(stream)
    )
}

/// A session token.
pub(super) fn session_token(stream: &mut Stream) -> String {
    format!("IQoJb3JpZ2luX2Vj{}==", stream.text(BASE64, 422))
}

/// A version 4 link to an object, signed.
pub(super) fn presigned_v4(stream: &mut Stream) -> String {
    let bucket = format!("acme-{}", stream.text(LOWER_ALPHANUMERIC, 8));
    let host = format!("{bucket}.s3.eu-west-1.amazonaws.com");
    let path = format!("exports/{}.csv", stream.text(LOWER_ALPHANUMERIC, 10));
    sign(stream, &host, &path)
}

/// The same with the bucket in the path.
pub(super) fn presigned_v4_path_style(stream: &mut Stream) -> String {
    let path = format!("acme-{}/backup.tar", stream.text(LOWER_ALPHANUMERIC, 8));
    sign(stream, "s3.eu-west-1.amazonaws.com", &path)
}

/// The same as an XML attribute.
pub(super) fn presigned_v4_xml(stream: &mut Stream) -> String {
    xml(&presigned_v4(stream))
}

/// The same in JSON.
pub(super) fn presigned_v4_json(stream: &mut Stream) -> String {
    json(&presigned_v4(stream))
}

/// A link of the same shape that was signed for another service.
pub(super) fn presigned_v4_other_service(stream: &mut Stream) -> String {
    presigned_v4(stream).replace("%2Fs3%2F", "%2Fsts%2F")
}

fn sign(stream: &mut Stream, host: &str, path: &str) -> String {
    let (id, secret) = (key_id(stream), secret(stream));
    sign_with(stream, &id, &secret, host, path)
}

fn sign_with(stream: &mut Stream, id: &str, secret: &str, host: &str, path: &str) -> String {
    let day = 10 + stream.below(18);
    let date = format!("202603{day}T1{}0000Z", stream.text(DIGITS, 1));
    let signer = Signer {
        host,
        path,
        id,
        secret,
        region: "eu-west-1",
    };
    sign_version_4(&signer, &date, 3600 + stream.below(80_000) as u32)
}

/// A key and what it signed, a line each: the id, the secret, a version 4 and a version 2 link.
pub(super) fn key_with_links(stream: &mut Stream) -> String {
    let (id, secret) = (key_id(stream), secret(stream));
    let (host, path) = ("acme-logs.s3.amazonaws.com", "2026/march.csv.gz");
    let new = sign_with(stream, &id, &secret, host, path);
    let signer = Signer {
        host,
        path,
        id: &id,
        secret: &secret,
        region: "",
    };
    let old = sign_version_2(&signer, &format!("17{}", stream.text(DIGITS, 8)));
    format!("{id}\n{secret}\n{new}\n{old}")
}

/// A version 2 link. Its signature is 20 random bytes: no key is kept that could check it.
pub(super) fn presigned_v2(stream: &mut Stream) -> String {
    let mac = encoding::to_base64(&stream.bytes::<20>());
    format!(
        "https://acme-{}.s3.amazonaws.com/{}.zip?AWSAccessKeyId={}&Expires=17{}&Signature={}",
        stream.text(LOWER_ALPHANUMERIC, 6),
        stream.text(ALPHANUMERIC, 8),
        key_id(stream),
        stream.text(DIGITS, 8),
        super::common::percent(&mac)
    )
}

/// The same as an XML attribute.
pub(super) fn presigned_v2_xml(stream: &mut Stream) -> String {
    xml(&presigned_v2(stream))
}
