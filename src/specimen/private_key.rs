//! Private keys in every format, and broken ones that look like them.
//!
//! The real tools must accept the whole ones, so the formats are written here a second time, apart
//! from the code that reads them.

pub(super) mod deployment;
mod encoding;
mod number;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Hmac;
use num_bigint::BigUint;
use p256::elliptic_curve::sec1::ToSec1Point;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use self::encoding::{
    OID_EC, OID_ED25519, OID_P256, OID_RSA, integer, mpint, pem, pkcs8, sec1, strings, tag, tlv,
    wrapped,
};
use self::number::{Rsa, prime, random};
use super::{Maker, Stream};

/// The makers of this module.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("ssh-pkcs1-rsa", pkcs1_rsa),
    ("ssh-pkcs8-rsa", pkcs8_rsa),
    ("ssh-sec1-p256", sec1_p256),
    ("ssh-pkcs8-p256", pkcs8_p256),
    ("ssh-pkcs8-ed25519", pkcs8_ed25519),
    ("ssh-dsa", dsa),
    ("ssh-openssh-ed25519", openssh_ed25519),
    ("ssh-openssh-p256", openssh_p256),
    ("ssh-openssh-rsa", openssh_rsa),
    ("ssh-openssh-bare", openssh_bare),
    ("ssh-ppk3-ed25519", ppk3_ed25519),
    ("ssh-ppk2-rsa", ppk2_rsa),
    ("ssh-wrapped-pem", wrapped_pem),
    ("ssh-broken-mac", broken_mac),
    ("ssh-broken-numbers", broken_numbers),
    ("ssh-truncated", truncated),
    ("ssh-encrypted-pem", encrypted_pem),
    ("ssh-encrypted-openssh", encrypted_openssh),
];

/// Bits of a specimen's DSA numbers: all that OpenSSH ever took.
const DSA_PRIME: u64 = 1024;
const DSA_ORDER: u64 = 160;

fn pkcs1_rsa(stream: &mut Stream) -> String {
    pem("RSA PRIVATE KEY", &Rsa::new(stream).pkcs1(), 64)
}

fn pkcs8_rsa(stream: &mut Stream) -> String {
    let key = Rsa::new(stream).pkcs1();
    pem("PRIVATE KEY", &pkcs8(&[OID_RSA, &[5, 0]], &key), 64)
}

fn sec1_p256(stream: &mut Stream) -> String {
    let (scalar, point) = p256_key(stream);
    let curve = tlv(0xa0, &[OID_P256]);
    pem("EC PRIVATE KEY", &sec1(&scalar, &curve, &point), 64)
}

fn pkcs8_p256(stream: &mut Stream) -> String {
    let (scalar, point) = p256_key(stream);
    let key = sec1(&scalar, &[], &point);
    pem("PRIVATE KEY", &pkcs8(&[OID_EC, OID_P256], &key), 64)
}

fn pkcs8_ed25519(stream: &mut Stream) -> String {
    let seed: [u8; 32] = stream.bytes();
    pem("PRIVATE KEY", &pkcs8(&[OID_ED25519], &tlv(4, &[&seed])), 64)
}

/// OpenSSL's `SEQUENCE { 0, p, q, g, y, x }`.
fn dsa(stream: &mut Stream) -> String {
    let one = BigUint::from(1u8);
    let q = prime(stream, DSA_ORDER, &one);
    let p = prime(stream, DSA_PRIME, &(&q << 1u8));
    let cofactor = (&p - &one) / &q;
    let g = BigUint::from(2u8).modpow(&cofactor, &p);
    let x = random(stream, DSA_ORDER - 1);
    let y = g.modpow(&x, &p);
    let numbers = [&BigUint::ZERO, &p, &q, &g, &y, &x].map(integer);
    pem("DSA PRIVATE KEY", &tlv(0x30, &[&numbers.concat()]), 64)
}

fn openssh_ed25519(stream: &mut Stream) -> String {
    pem("OPENSSH PRIVATE KEY", &ed25519_container(stream), 70)
}

/// A private key, and the line that lets its holder in.
pub(super) fn pair(stream: &mut Stream) -> (String, String) {
    let (seed, point) = ed25519_key(stream);
    let public = strings(&[b"ssh-ed25519", &point]);
    let private = strings(&[b"ssh-ed25519", &point, &[seed, point].concat()]);
    let container = openssh(stream, &public, &private);
    let line = format!(
        "ssh-ed25519 {} specimen@keydredge",
        STANDARD.encode(&public)
    );
    (pem("OPENSSH PRIVATE KEY", &container, 70), line)
}

/// The same under a passphrase.
pub(super) fn protected_pair(stream: &mut Stream) -> (String, String) {
    let (_, point) = ed25519_key(stream);
    let public = strings(&[b"ssh-ed25519", &point]);
    let line = format!(
        "ssh-ed25519 {} specimen@keydredge",
        STANDARD.encode(&public)
    );
    (encrypted(stream, &public), line)
}

fn openssh_bare(stream: &mut Stream) -> String {
    STANDARD.encode(ed25519_container(stream))
}

fn ed25519_container(stream: &mut Stream) -> Vec<u8> {
    let (seed, point) = ed25519_key(stream);
    let public = strings(&[b"ssh-ed25519", &point]);
    let private = strings(&[b"ssh-ed25519", &point, &[seed, point].concat()]);
    openssh(stream, &public, &private)
}

fn openssh_p256(stream: &mut Stream) -> String {
    let (scalar, point) = p256_key(stream);
    let public = strings(&[b"ecdsa-sha2-nistp256", b"nistp256", &point]);
    let scalar = mpint(&BigUint::from_bytes_be(&scalar));
    let private = [public.clone(), scalar].concat();
    pem(
        "OPENSSH PRIVATE KEY",
        &openssh(stream, &public, &private),
        70,
    )
}

fn openssh_rsa(stream: &mut Stream) -> String {
    let key = Rsa::new(stream);
    let numbers = [&key.n, &key.e, &key.d, &key.coefficient(), &key.p, &key.q];
    let private = [strings(&[b"ssh-rsa"]), numbers.map(mpint).concat()].concat();
    pem(
        "OPENSSH PRIVATE KEY",
        &openssh(stream, &key.blob(), &private),
        70,
    )
}

fn ppk3_ed25519(stream: &mut Stream) -> String {
    let (seed, point) = ed25519_key(stream);
    let public = strings(&[b"ssh-ed25519", &point]);
    ppk(3, "ssh-ed25519", &public, &strings(&[&seed]))
}

fn ppk2_rsa(stream: &mut Stream) -> String {
    let key = Rsa::new(stream);
    let private = [&key.d, &key.p, &key.q, &key.coefficient()].map(mpint);
    ppk(2, "ssh-rsa", &key.blob(), &private.concat())
}

/// A Kubernetes secret's idea of a PEM file.
fn wrapped_pem(stream: &mut Stream) -> String {
    STANDARD.encode(pkcs8_p256(stream))
}

/// A PuTTY file with one wrong digit in its MAC.
fn broken_mac(stream: &mut Stream) -> String {
    let mut text = ppk3_ed25519(stream);
    let digit = text.trim_end().len() - 1;
    let other = if text[digit..].starts_with('0') {
        "1"
    } else {
        "0"
    };
    text.replace_range(digit..=digit, other);
    text
}

/// A whole structure around a point that belongs to another scalar.
fn broken_numbers(stream: &mut Stream) -> String {
    let (scalar, _) = p256_key(stream);
    let (_, point) = p256_key(stream);
    let key = sec1(&scalar, &tlv(0xa0, &[OID_P256]), &point);
    pem("EC PRIVATE KEY", &key, 64)
}

/// A block whose second half was lost.
fn truncated(stream: &mut Stream) -> String {
    let (scalar, point) = p256_key(stream);
    let key = sec1(&scalar, &tlv(0xa0, &[OID_P256]), &point);
    pem("EC PRIVATE KEY", &key[..key.len() / 2], 64)
}

/// What OpenSSL wrote with a passphrase: noise under two header lines (RFC 1421).
fn encrypted_pem(stream: &mut Stream) -> String {
    let salt: [u8; 16] = stream.bytes();
    let salt: String = salt.iter().map(|byte| format!("{byte:02X}")).collect();
    let noise: [u8; 128] = stream.bytes();
    let block = pem("EC PRIVATE KEY", &noise, 64);
    let headers = format!("-\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{salt}\n\n");
    block.replacen("-\n", &headers, 1)
}

/// What `ssh-keygen` writes with a passphrase: the public half, then noise.
fn encrypted_openssh(stream: &mut Stream) -> String {
    let (_, point) = ed25519_key(stream);
    encrypted(stream, &strings(&[b"ssh-ed25519", &point]))
}

fn encrypted(stream: &mut Stream, public: &[u8]) -> String {
    let salt: [u8; 16] = stream.bytes();
    let options = [&strings(&[&salt])[..], &16u32.to_be_bytes()].concat();
    let noise: [u8; 144] = stream.bytes();
    let key = [
        b"openssh-key-v1\0".to_vec(),
        strings(&[b"aes256-ctr", b"bcrypt", &options]),
        1u32.to_be_bytes().to_vec(),
        strings(&[public, &noise]),
    ];
    pem("OPENSSH PRIVATE KEY", &key.concat(), 70)
}

/// Comment of the formats that have one.
const COMMENT: &[u8] = b"specimen@keydredge";

fn p256_key(stream: &mut Stream) -> ([u8; 32], Vec<u8>) {
    loop {
        let scalar: [u8; 32] = stream.bytes();
        if let Ok(key) = p256::SecretKey::from_slice(&scalar) {
            let point = key.public_key().to_sec1_point(false);
            return (scalar, point.as_bytes().to_vec());
        }
    }
}

fn ed25519_key(stream: &mut Stream) -> ([u8; 32], [u8; 32]) {
    let seed = stream.bytes();
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    (seed, key.verifying_key().to_bytes())
}

/// `openssh-key-v1` without encryption.
fn openssh(stream: &mut Stream, public: &[u8], private: &[u8]) -> Vec<u8> {
    let check: [u8; 4] = stream.bytes();
    let comment = strings(&[COMMENT]);
    let mut list = [&check, &check, private, &comment[..]].concat();
    let mut next = 1;
    while list.len() % 8 != 0 {
        list.push(next);
        next += 1;
    }
    let key = [
        b"openssh-key-v1\0".to_vec(),
        strings(&[b"none", b"none", b""]),
        1u32.to_be_bytes().to_vec(),
        strings(&[public, &list]),
    ];
    key.concat()
}

/// PuTTY's format, versions 2 and 3, without encryption.
fn ppk(version: u8, algorithm: &str, public: &[u8], private: &[u8]) -> String {
    let covered = strings(&[algorithm.as_bytes(), b"none", COMMENT, public, private]);
    let mac = if version == 2 {
        tag::<Hmac<Sha1>>(&Sha1::digest(b"putty-private-key-file-mac-key"), &covered)
    } else {
        tag::<Hmac<Sha256>>(&[], &covered)
    };
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let block = |name: &str, bytes: &[u8]| {
        let lines = wrapped(bytes, 64);
        format!("{name}-Lines: {}\n{}\n", lines.len(), lines.join("\n"))
    };
    format!(
        "PuTTY-User-Key-File-{version}: {algorithm}\nEncryption: none\nComment: {}\n{}{}\
         Private-MAC: {mac}\n",
        String::from_utf8_lossy(COMMENT),
        block("Public", public),
        block("Private", private),
    )
}
