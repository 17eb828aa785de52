//! Writes DER, the strings of SSH, and PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit, Mac};
use num_bigint::BigUint;

pub(super) fn tag<M: Mac + KeyInit>(key: &[u8], covered: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(covered);
    mac.finalize().into_bytes().to_vec()
}

pub(super) fn pem(label: &str, bytes: &[u8], width: usize) -> String {
    let body = wrapped(bytes, width).join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

pub(super) fn wrapped(bytes: &[u8], width: usize) -> Vec<String> {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(width);
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// A DER value (X.690, section 8.1).
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let len = content.len();
    let mut out = vec![tag];
    match len {
        0..0x80 => out.push(len as u8),
        0x80..0x100 => out.extend([0x81, len as u8]),
        _ => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

pub(super) fn integer(number: &BigUint) -> Vec<u8> {
    tlv(2, &[&signed(number)])
}

/// A number with room for its sign; zero takes one byte.
pub(super) fn signed(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    if bytes[0] >= 0x80 {
        [&[0], &*bytes].concat()
    } else {
        bytes
    }
}

pub(super) fn mpint(number: &BigUint) -> Vec<u8> {
    strings(&[&signed(number)])
}

/// `string`s of RFC 4251, section 5.
pub(super) fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend((part.len() as u32).to_be_bytes());
        out.extend(*part);
    }
    out
}

/// `PrivateKeyInfo` of RFC 5958, section 2.
pub(super) fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    let version = integer(&BigUint::ZERO);
    tlv(0x30, &[&version, &tlv(0x30, algorithm), &tlv(4, &[key])])
}

/// `ECPrivateKey` of RFC 5915, section 3.
pub(super) fn sec1(scalar: &[u8], curve: &[u8], point: &[u8]) -> Vec<u8> {
    let version = integer(&BigUint::from(1u8));
    let point = tlv(0xa1, &[&tlv(3, &[&[0], point])]);
    tlv(0x30, &[&version, &tlv(4, &[scalar]), curve, &point])
}

// Object identifiers in DER.
pub(super) const OID_X25519: &[u8] = b"\x06\x03\x2b\x65\x6e";
pub(super) const OID_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
pub(super) const OID_KEY_BAG: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01";
pub(super) const OID_SHA256: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
pub(super) const OID_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
pub(super) const OID_EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
pub(super) const OID_P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
pub(super) const OID_ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
