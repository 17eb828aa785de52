//! Private keys in every format, and broken ones that look like them.
//!
//! The real tools must accept the whole ones, so the formats are written here a second time, apart
//! from the code that reads them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use num_bigint::BigUint;
use p256::elliptic_curve::sec1::ToSec1Point;
use sha1::{Digest, Sha1};
use sha2::Sha256;

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

/// Bits of a specimen's RSA primes: keys of 2048 bits, as `ssh-keygen` made them for years.
const RSA_PRIME: u64 = 1024;
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
    let salt: [u8; 16] = stream.bytes();
    let options = [&strings(&[&salt])[..], &16u32.to_be_bytes()].concat();
    let noise: [u8; 144] = stream.bytes();
    let public = strings(&[b"ssh-ed25519", &point]);
    let key = [
        b"openssh-key-v1\0".to_vec(),
        strings(&[b"aes256-ctr", b"bcrypt", &options]),
        1u32.to_be_bytes().to_vec(),
        strings(&[&public, &noise]),
    ];
    pem("OPENSSH PRIVATE KEY", &key.concat(), 70)
}

// Object identifiers in DER.
const OID_RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const OID_EC: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01";
const OID_P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
const OID_ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

/// Comment of the formats that have one.
const COMMENT: &[u8] = b"specimen@keydredge";

struct Rsa {
    n: BigUint,
    e: BigUint,
    d: BigUint,
    p: BigUint,
    q: BigUint,
}

impl Rsa {
    fn new(stream: &mut Stream) -> Self {
        let e = BigUint::from(65537u32);
        let one = BigUint::from(1u8);
        loop {
            let p = prime(stream, RSA_PRIME, &one);
            let q = prime(stream, RSA_PRIME, &one);
            let order = (&p - &one) * (&q - &one);
            if let (true, Some(d)) = (p != q, e.modinv(&order)) {
                let n = &p * &q;
                return Self { n, e, d, p, q };
            }
        }
    }

    fn coefficient(&self) -> BigUint {
        // Two different primes: the inverse exists.
        self.q.modinv(&self.p).unwrap_or_default()
    }

    /// `RSAPrivateKey` of RFC 8017, appendix A.1.2.
    fn pkcs1(&self) -> Vec<u8> {
        let one = BigUint::from(1u8);
        let exponent = |prime: &BigUint| &self.d % (prime - &one);
        let numbers = [
            &BigUint::ZERO,
            &self.n,
            &self.e,
            &self.d,
            &self.p,
            &self.q,
            &exponent(&self.p),
            &exponent(&self.q),
            &self.coefficient(),
        ];
        tlv(0x30, &[&numbers.map(integer).concat()])
    }

    fn blob(&self) -> Vec<u8> {
        [strings(&[b"ssh-rsa"]), mpint(&self.e), mpint(&self.n)].concat()
    }
}

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

/// A number of at most `bits` bits.
fn random(stream: &mut Stream, bits: u64) -> BigUint {
    let mut bytes = vec![0; bits.div_ceil(8) as usize];
    stream.fill(&mut bytes);
    BigUint::from_bytes_be(&bytes) % (BigUint::from(1u8) << bits)
}

/// A prime of exactly `bits` bits, its two highest set, that leaves 1 when divided by `step`.
fn prime(stream: &mut Stream, bits: u64, step: &BigUint) -> BigUint {
    let one = BigUint::from(1u8);
    let top = BigUint::from(3u8) << (bits - 2);
    loop {
        let mut candidate = random(stream, bits) | &top | &one;
        if *step != one {
            candidate = &candidate - &candidate % step + &one;
        }
        if candidate.bits() == bits && is_prime(&candidate) {
            return candidate;
        }
    }
}

/// Miller-Rabin with fixed bases: enough for numbers that nobody chose to deceive.
fn is_prime(number: &BigUint) -> bool {
    let one = BigUint::from(1u8);
    let has_small_factor = (3u32..2000)
        .step_by(2)
        .any(|small| (number % small) == BigUint::ZERO);
    if has_small_factor || !number.bit(0) {
        return false;
    }
    let less = number - &one;
    let twos = less.trailing_zeros().unwrap_or(0);
    let odd = &less >> twos;
    [2u8, 3, 5, 7, 11].into_iter().all(|base| {
        let mut power = BigUint::from(base).modpow(&odd, number);
        if power == one || power == less {
            return true;
        }
        (1..twos).any(|_| {
            power = &power * &power % number;
            power == less
        })
    })
}

/// `PrivateKeyInfo` of RFC 5958, section 2.
fn pkcs8(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    let version = integer(&BigUint::ZERO);
    tlv(0x30, &[&version, &tlv(0x30, algorithm), &tlv(4, &[key])])
}

/// `ECPrivateKey` of RFC 5915, section 3.
fn sec1(scalar: &[u8], curve: &[u8], point: &[u8]) -> Vec<u8> {
    let version = integer(&BigUint::from(1u8));
    let point = tlv(0xa1, &[&tlv(3, &[&[0], point])]);
    tlv(0x30, &[&version, &tlv(4, &[scalar]), curve, &point])
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

fn tag<M: Mac + KeyInit>(key: &[u8], covered: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(covered);
    mac.finalize().into_bytes().to_vec()
}

fn pem(label: &str, bytes: &[u8], width: usize) -> String {
    let body = wrapped(bytes, width).join("\n");
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

fn wrapped(bytes: &[u8], width: usize) -> Vec<String> {
    let text = STANDARD.encode(bytes);
    let lines = text.as_bytes().chunks(width);
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// A DER value (X.690, section 8.1).
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
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

fn integer(number: &BigUint) -> Vec<u8> {
    tlv(2, &[&signed(number)])
}

/// A number with room for its sign; zero takes one byte.
fn signed(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    if bytes[0] >= 0x80 {
        [&[0], &*bytes].concat()
    } else {
        bytes
    }
}

fn mpint(number: &BigUint) -> Vec<u8> {
    strings(&[&signed(number)])
}

/// `string`s of RFC 4251, section 5.
fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.extend((part.len() as u32).to_be_bytes());
        out.extend(*part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_are_told_from_what_resembles_them() {
        let number = |text: &str| text.parse::<BigUint>().unwrap();

        // 2^127 - 1 and 2^521 - 1 are prime; 2^67 - 1 is not, though Mersenne thought so.
        let mersenne = |power: u32| (BigUint::from(1u8) << power) - 1u8;
        assert!(is_prime(&mersenne(127)) && is_prime(&mersenne(521)));
        assert!(!is_prime(&mersenne(67)) && !is_prime(&mersenne(523)));
        assert!(!is_prime(&(number("1000000007") * number("1000000009"))));
    }
}
