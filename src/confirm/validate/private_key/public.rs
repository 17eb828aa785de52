//! The public half of a key, and the names other machines know it by.
//!
//! An SSH server lists the keys it lets in as *blobs* (RFC 4253, section 6.6; RFC 5656,
//! section 3.1; RFC 8709, section 4), and everybody shortens a blob to the fingerprint that
//! `ssh-keygen -l` prints. A certificate holds the same numbers as a `SubjectPublicKeyInfo`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use der::Encode;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::oid::ObjectIdentifier;
use p256::elliptic_curve::sec1::ToSec1Point;
use pkcs8::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};
use sha2::{Digest, Sha256};

/// The object identifiers of key algorithms.
pub(super) mod oid {
    use der::oid::ObjectIdentifier;

    /// RFC 8017, appendix C.
    pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    /// RFC 3279, section 2.3.2.
    pub(crate) const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
    /// RFC 5480, section 2.1.1.
    pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    /// RFC 8410, section 3.
    pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    /// RFC 5480, section 2.1.1.1.
    pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    /// RFC 5480, section 2.1.1.1.
    pub(super) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    /// RFC 5480, section 2.1.1.1.
    pub(super) const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
}

/// The curves that SSH knows (RFC 5656, section 10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A point as SEC 1 writes it, section 2.3.3.
pub(super) struct Points {
    pub(super) whole: Vec<u8>,
    pub(super) compressed: Vec<u8>,
}

impl Curve {
    /// The curve of an object identifier.
    pub(super) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.oid() == oid)
    }

    /// The curve of a name in an SSH blob: `nistp256`.
    pub(super) fn of_name(name: &[u8]) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.name().as_bytes() == name)
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => oid::P256,
            Self::P384 => oid::P384,
            Self::P521 => oid::P521,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "nistp256",
            Self::P384 => "nistp384",
            Self::P521 => "nistp521",
        }
    }

    fn bits(self) -> u64 {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// The point `scalar * G`; `None` if the scalar is zero or too large.
    pub(super) fn points(self, scalar: &[u8]) -> Option<Points> {
        macro_rules! multiply {
            ($curve:ident, $len:literal) => {{
                let secret = $curve::SecretKey::from_slice(&padded::<$len>(scalar)?).ok()?;
                let public = secret.public_key();
                Some(Points {
                    whole: public.to_sec1_point(false).as_bytes().to_vec(),
                    compressed: public.to_sec1_point(true).as_bytes().to_vec(),
                })
            }};
        }
        match self {
            Self::P256 => multiply!(p256, 32),
            Self::P384 => multiply!(p384, 48),
            Self::P521 => multiply!(p521, 66),
        }
    }
}

/// A number as exactly `LEN` bytes, if it fits.
fn padded<const LEN: usize>(number: &[u8]) -> Option<[u8; LEN]> {
    let number = minimal(number);
    let mut bytes = [0; LEN];
    let at = LEN.checked_sub(number.len())?;
    bytes.get_mut(at..)?.copy_from_slice(number);
    Some(bytes)
}

/// A number without leading zeros.
fn minimal(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or(&[])
}

/// A public key. Numbers are big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Public {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    Dsa {
        p: Vec<u8>,
        q: Vec<u8>,
        g: Vec<u8>,
        y: Vec<u8>,
    },
    Ecdsa {
        curve: Curve,
        /// Uncompressed.
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
    /// An algorithm that only PuTTY has, Ed448: the blob as it was stored.
    Stored {
        algorithm: String,
        blob: Vec<u8>,
    },
}

impl Public {
    /// The algorithm's name in SSH: `ssh-ed25519`.
    pub(super) fn algorithm(&self) -> String {
        match self {
            Self::Rsa { .. } => "ssh-rsa".to_owned(),
            Self::Dsa { .. } => "ssh-dss".to_owned(),
            Self::Ecdsa { curve, .. } => format!("ecdsa-sha2-{}", curve.name()),
            Self::Ed25519(_) => "ssh-ed25519".to_owned(),
            Self::Stored { algorithm, .. } => algorithm.clone(),
        }
    }

    /// The key's size as `ssh-keygen -l` gives it; 0 where nothing is known.
    pub(super) fn bits(&self) -> u64 {
        let of_number = |number: &[u8]| num_bigint::BigUint::from_bytes_be(number).bits();
        match self {
            Self::Rsa { n, .. } => of_number(n),
            Self::Dsa { p, .. } => of_number(p),
            Self::Ecdsa { curve, .. } => curve.bits(),
            Self::Ed25519(_) => 256,
            Self::Stored { algorithm, .. } if algorithm == "ssh-ed448" => 448,
            Self::Stored { .. } => 0,
        }
    }

    /// The blob of `authorized_keys` lines and of the wire.
    pub(super) fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        string(&mut blob, self.algorithm().as_bytes());
        match self {
            Self::Rsa { n, e } => {
                mpint(&mut blob, e);
                mpint(&mut blob, n);
            }
            Self::Dsa { p, q, g, y } => {
                for number in [p, q, g, y] {
                    mpint(&mut blob, number);
                }
            }
            Self::Ecdsa { curve, point } => {
                string(&mut blob, curve.name().as_bytes());
                string(&mut blob, point);
            }
            Self::Ed25519(point) => string(&mut blob, point),
            Self::Stored { blob, .. } => return blob.clone(),
        }
        blob
    }

    /// `SHA256:` and 43 base64 characters, as `ssh-keygen -l` prints it.
    pub(super) fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(self.blob()))
        )
    }

    /// The key as a certificate holds it (RFC 5280, section 4.1), DER.
    pub(super) fn spki(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa { n, e } => {
                let key = pkcs1::RsaPublicKeyRef {
                    modulus: UintRef::new(n).ok()?,
                    public_exponent: UintRef::new(e).ok()?,
                };
                info(oid::RSA, Some(AnyRef::NULL), &key.to_der().ok()?)
            }
            Self::Dsa { p, q, g, y } => {
                let mut numbers = Vec::new();
                for number in [p, q, g] {
                    numbers.extend(UintRef::new(number).ok()?.to_der().ok()?);
                }
                let parameters = AnyRef::new(der::Tag::Sequence, &numbers).ok()?;
                let y = UintRef::new(y).ok()?.to_der().ok()?;
                info(oid::DSA, Some(parameters), &y)
            }
            Self::Ecdsa { curve, point } => {
                let curve = curve.oid();
                info(oid::EC, Some(AnyRef::from(&curve)), point)
            }
            Self::Ed25519(point) => info(oid::ED25519, None, point),
            Self::Stored { .. } => None,
        }
    }
}

fn info(
    algorithm: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    key: &[u8],
) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier {
            oid: algorithm,
            parameters,
        },
        subject_public_key: BitStringRef::from_bytes(key).ok()?,
    };
    info.to_der().ok()
}

/// Appends a `string` of RFC 4251, section 5.
pub(super) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    // Nothing here is longer than a rule's reach, which is far below 4 GiB.
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(len.to_be_bytes());
    out.extend(bytes);
}

/// Appends a positive `mpint` of RFC 4251, section 5.
pub(super) fn mpint(out: &mut Vec<u8>, number: &[u8]) {
    let number = minimal(number);
    if number.first().is_some_and(|byte| *byte >= 0x80) {
        string(out, &[&[0], number].concat());
    } else {
        string(out, number);
    }
}
