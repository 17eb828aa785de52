//! Keys in DER: PKCS#1 (RFC 8017), PKCS#8 (RFC 5958), SEC 1 (RFC 5915), and OpenSSL's own form of
//! DSA keys.

use der::asn1::{OctetStringRef, UintRef};
use der::{Decode, Reader, SliceReader};
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use sec1::{EcParameters, EcPrivateKey};

use super::number::{self, Rsa};
use super::public::{Curve, oid};
use super::{Key, Refusal, openssh};

/// Parses one structure.
type Parser = fn(&[u8]) -> Result<Key, Refusal>;

/// Parses the content of a PEM block. The label says which structure to try first; the others
/// are tried too, for tools have put every structure under every label.
pub(super) fn parse(label: &str, bytes: &[u8]) -> Result<Key, Refusal> {
    if bytes.starts_with(openssh::MAGIC) {
        return openssh::parse(bytes);
    }
    let parsers: [Parser; 4] = [pkcs1, sec1, dsa, pkcs8];
    let first = match label {
        "RSA PRIVATE KEY" => 0,
        "EC PRIVATE KEY" => 1,
        "DSA PRIVATE KEY" => 2,
        _ => 3,
    };
    let mut parsed = parsers.iter().cycle().skip(first).map(|parse| parse(bytes));
    let expected = parsed.next().unwrap_or(Err(Refusal::Foreign));
    if expected.is_ok() {
        return expected;
    }
    parsed.take(3).find(Result::is_ok).unwrap_or(expected)
}

/// What the structure is not.
pub(super) fn misfit(_: der::Error) -> Refusal {
    Refusal::Misfit
}

fn pkcs1(bytes: &[u8]) -> Result<Key, Refusal> {
    let key = RsaPrivateKeyRef::from_der(bytes).map_err(misfit)?;
    if key.other_prime_infos.is_some() {
        // No SSH implementation takes more than two primes.
        return Err(Refusal::Foreign);
    }
    let numbers = Rsa {
        n: key.modulus.as_bytes(),
        e: key.public_exponent.as_bytes(),
        d: key.private_exponent.as_bytes(),
        p: key.prime1.as_bytes(),
        q: key.prime2.as_bytes(),
        exponents: Some((key.exponent1.as_bytes(), key.exponent2.as_bytes())),
        coefficient: key.coefficient.as_bytes(),
    };
    Ok(Key {
        public: numbers.prove()?,
        format: "PKCS#1",
        comment: None,
    })
}

fn sec1(bytes: &[u8]) -> Result<Key, Refusal> {
    let key = EcPrivateKey::from_der(bytes).map_err(misfit)?;
    elliptic(&key, None, "SEC 1")
}

fn elliptic(
    key: &EcPrivateKey<'_>,
    outer: Option<Curve>,
    format: &'static str,
) -> Result<Key, Refusal> {
    let curve = match key.parameters {
        Some(EcParameters::NamedCurve(curve)) => {
            Some(Curve::of_oid(curve).ok_or(Refusal::Foreign)?)
        }
        None => None,
    };
    if let (Some(inner), Some(outer)) = (curve, outer)
        && inner != outer
    {
        return Err(Refusal::Broken("two curves in one key"));
    }
    let curve = curve.or(outer).ok_or(Refusal::Foreign)?;
    Ok(Key {
        public: number::ecdsa(curve, key.private_key, key.public_key)?,
        format,
        comment: None,
    })
}

/// OpenSSL's `SEQUENCE { 0, p, q, g, y, x }`.
fn dsa(bytes: &[u8]) -> Result<Key, Refusal> {
    let mut reader = SliceReader::new(bytes).map_err(misfit)?;
    let numbers = reader.sequence(|reader| {
        let version = u8::decode(reader)?;
        let mut next = || UintRef::decode(reader);
        der::Result::Ok((version, [next()?, next()?, next()?], next()?, next()?))
    });
    let (version, domain, y, x) = numbers.map_err(misfit)?;
    if version != 0 || !reader.is_finished() {
        return Err(Refusal::Misfit);
    }
    Ok(Key {
        public: number::dsa(
            domain.map(|number| number.as_bytes()),
            Some(y.as_bytes()),
            x.as_bytes(),
        )?,
        format: "DSA",
        comment: None,
    })
}

fn pkcs8(bytes: &[u8]) -> Result<Key, Refusal> {
    const FORMAT: &str = "PKCS#8";
    let info = PrivateKeyInfoRef::from_der(bytes).map_err(misfit)?;
    let inner = info.private_key.as_bytes();
    let parameters = info.algorithm.parameters;
    let key = match info.algorithm.oid {
        oid::RSA => pkcs1(inner)?,
        oid::EC => {
            let curve = info
                .algorithm
                .parameters_oid()
                .map_err(|_| Refusal::Foreign)?;
            let curve = Curve::of_oid(curve).ok_or(Refusal::Foreign)?;
            let key = EcPrivateKey::from_der(inner).map_err(misfit)?;
            elliptic(&key, Some(curve), FORMAT)?
        }
        oid::ED25519 => {
            let seed = <&OctetStringRef>::from_der(inner).map_err(misfit)?;
            let point = match info.public_key {
                Some(bits) => Some(bits.as_bytes().ok_or(Refusal::Broken("odd bits"))?),
                None => None,
            };
            Key {
                public: number::ed25519(seed.as_bytes(), point)?,
                format: FORMAT,
                comment: None,
            }
        }
        oid::DSA => {
            let domain = parameters.ok_or(Refusal::Broken("a DSA key without its domain"))?;
            let domain = domain
                .sequence(|reader| {
                    let mut next = || UintRef::decode(reader);
                    der::Result::Ok([next()?, next()?, next()?])
                })
                .map_err(misfit)?;
            let x = UintRef::from_der(inner).map_err(misfit)?;
            Key {
                public: number::dsa(domain.map(|number| number.as_bytes()), None, x.as_bytes())?,
                format: FORMAT,
                comment: None,
            }
        }
        _ => return Err(Refusal::Foreign),
    };
    Ok(Key {
        format: FORMAT,
        ..key
    })
}
