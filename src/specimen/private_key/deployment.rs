//! Keys as deployments carry them: in containers, in settings files, of kinds SSH does not have.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use num_bigint::BigUint;
use sha2::{Digest, Sha256};

use super::encoding::{
    OID_DATA, OID_KEY_BAG, OID_RSA, OID_SHA256, OID_X25519, integer, pem, pkcs8, tag, tlv,
};
use super::number::Rsa;
use super::{Maker, Stream, ed25519_key, pkcs8_rsa};

/// The makers of this module.
pub(in crate::specimen) const MAKERS: &[(&str, Maker)] = &[
    ("pem-x25519", x25519),
    ("pem-openpgp", openpgp),
    ("pfx-rsa", container),
    ("publishsettings", publish_settings),
    ("gcp-service-account", service_account),
];

/// A key for agreeing on keys, which SSH cannot log in with.
fn x25519(stream: &mut Stream) -> String {
    let scalar: [u8; 32] = stream.bytes();
    pem(
        "PRIVATE KEY",
        &pkcs8(&[OID_X25519], &tlv(4, &[&scalar])),
        64,
    )
}

/// A version 4 Ed25519 key without a passphrase (RFC 4880 and its draft for Ed25519, algorithm 22).
fn openpgp(stream: &mut Stream) -> String {
    let (seed, point) = ed25519_key(stream);
    let number = |bytes: &[u8]| {
        let bytes = BigUint::from_bytes_be(bytes);
        [
            &(bytes.bits() as u16).to_be_bytes()[..],
            &bytes.to_bytes_be(),
        ]
        .concat()
    };
    let secret = number(&seed);
    let sum = secret
        .iter()
        .fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)));
    let key = [
        // Version, the first second of 2026, algorithm, curve.
        &[4, 0x69, 0x55, 0xb9, 0x00, 22, 9][..],
        b"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01",
        &number(&[&[0x40], &point[..]].concat()),
        &[0],
        &secret,
        &sum.to_be_bytes(),
    ]
    .concat();
    let user = b"Specimen <specimen@keydredge.invalid>";
    let packets = [
        &[0xc5, key.len() as u8],
        &key[..],
        &[0xcd, user.len() as u8],
        user,
    ]
    .concat();
    let crc = packets.iter().fold(0x00b7_04ce_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let crc = crc << 1;
            if crc >> 24 & 1 == 1 {
                crc ^ 0x0186_4cfb
            } else {
                crc
            }
        })
    });
    let sum = STANDARD.encode(&crc.to_be_bytes()[1..]);
    let block = pem("PGP PRIVATE KEY BLOCK", &packets, 64);
    let block = block.replacen("-\n", "-\n\n", 1);
    block.replace("\n-----END", &format!("\n={sum}\n-----END"))
}

/// A PKCS#12 container with an empty password (RFC 7292), in base64.
fn container(stream: &mut Stream) -> String {
    const ROUNDS: u32 = 2048;
    let key = pkcs8(&[OID_RSA, &[5, 0]], &Rsa::new(stream).pkcs1());
    let bag = tlv(0x30, &[OID_KEY_BAG, &tlv(0xa0, &[&key])]);
    let bags = tlv(4, &[&tlv(0x30, &[&bag])]);
    let content = |octets: &[u8]| tlv(0x30, &[OID_DATA, &tlv(0xa0, &[octets])]);
    let safe = tlv(0x30, &[&content(&bags)]);
    let salt: [u8; 8] = stream.bytes();
    // Appendix B.2 with SHA-256: one hash is as long as the key of the MAC.
    let mut mac_key = [
        [3; 64],
        salt.repeat(8).try_into().unwrap_or([0; 64]),
        [0; 64],
    ]
    .concat();
    for _ in 0..ROUNDS {
        mac_key = Sha256::digest(&mac_key).to_vec();
    }
    let mac = tag::<Hmac<Sha256>>(&mac_key, &safe);
    let digest = tlv(
        0x30,
        &[&tlv(0x30, &[OID_SHA256, &[5, 0]]), &tlv(4, &[&mac])],
    );
    let rounds = integer(&BigUint::from(ROUNDS));
    let mac = tlv(0x30, &[&digest, &tlv(4, &[&salt]), &rounds]);
    let version = integer(&BigUint::from(3u8));
    STANDARD.encode(tlv(0x30, &[&version, &content(&tlv(4, &[&safe])), &mac]))
}

/// Visual Studio's file of subscriptions, schema 2.0.
fn publish_settings(stream: &mut Stream) -> String {
    let certificate = container(stream);
    let digits = stream.text("0123456789abcdef", 32);
    let id = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<PublishData>\n  <PublishProfile \
         SchemaVersion=\"2.0\" PublishMethod=\"AzureServiceManagementAPI\">\n    <Subscription\n      \
         ServiceManagementUrl=\"https://management.core.windows.net\"\n      Id=\"{}\"\n      \
         Name=\"Specimen\"\n      ManagementCertificate=\"{certificate}\" />\n  \
         </PublishProfile>\n</PublishData>\n",
        id.join("-")
    )
}

/// The JSON file of a Google service account.
fn service_account(stream: &mut Stream) -> String {
    let key = pkcs8_rsa(stream).replace('\n', "\\n");
    let id = stream.text("0123456789abcdef", 40);
    let client = stream.text("0123456789", 21);
    format!(
        "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"specimen-project\",\n  \
         \"private_key_id\": \"{id}\",\n  \"private_key\": \"{key}\",\n  \"client_email\": \
         \"specimen@specimen-project.iam.gserviceaccount.com\",\n  \"client_id\": \"{client}\"\n}}\n"
    )
}
