//! `openssh-key-v1`, the format of OpenSSH itself (PROTOCOL.key in its sources).
//!
//! ```text
//! "openssh-key-v1\0"  cipher  kdf  kdf options  uint32 keys  public blob  private list
//! private list = uint32 check  uint32 check  key  comment  padding 1 2 3 ..
//! ```
//!
//! The public blob lies in the clear and the private list repeats it, so a copy that lost a byte
//! contradicts itself.

use super::number::{self, Rsa};
use super::public::{Curve, Public};
use super::wire::Wire;
use super::{Key, Refusal};

/// What every such key begins with.
pub(super) const MAGIC: &[u8] = b"openssh-key-v1\0";

/// Parses a key that fills `bytes`.
pub(super) fn parse(bytes: &[u8]) -> Result<Key, Refusal> {
    let (key, rest) = parse_first(bytes)?;
    if rest.is_empty() {
        Ok(key)
    } else {
        Err(Refusal::Broken("bytes follow the key"))
    }
}

/// Parses the key that `bytes` begins with, and returns what follows it.
pub(super) fn parse_first(bytes: &[u8]) -> Result<(Key, &[u8]), Refusal> {
    let mut wire = Wire(bytes);
    if wire.take(MAGIC.len())? != MAGIC {
        return Err(Refusal::Broken("no openssh-key-v1"));
    }
    let (cipher, kdf, options) = (wire.string()?, wire.string()?, wire.string()?);
    if cipher != b"none" {
        return Err(Refusal::Encrypted);
    }
    if kdf != b"none" || !options.is_empty() || wire.word()? != 1 {
        return Err(Refusal::Broken("one unprotected key was expected"));
    }
    let blob = wire.string()?;
    let list = wire.string()?;
    let (public, comment) = private_list(list)?;
    if public.blob() != blob {
        return Err(Refusal::Broken("the public half is another key's"));
    }
    let key = Key {
        public,
        format: "OpenSSH",
        comment: Some(comment.to_vec()),
    };
    Ok((key, wire.0))
}

/// The public half of a key whose private half needs a passphrase.
pub(super) fn public_of_encrypted(bytes: &[u8]) -> Result<Public, Refusal> {
    let mut wire = Wire(bytes);
    let _magic = wire.take(MAGIC.len())?;
    let _cipher_and_kdf = (wire.string()?, wire.string()?, wire.string()?);
    if wire.word()? != 1 {
        return Err(Refusal::Broken("one key was expected"));
    }
    let blob = wire.string()?;
    let algorithm = Wire(blob).string()?;
    Ok(Public::Stored {
        algorithm: String::from_utf8_lossy(algorithm).into_owned(),
        blob: blob.to_vec(),
    })
}

fn private_list(list: &[u8]) -> Result<(Public, &[u8]), Refusal> {
    let mut wire = Wire(list);
    if wire.word()? != wire.word()? {
        return Err(Refusal::Broken("the check numbers differ"));
    }
    let public = private_key(&mut wire)?;
    let comment = wire.string()?;
    // Padding fills a cipher block; PuTTY writes up to a block more.
    let counts = wire.0.len() < 256 && wire.0.iter().zip(1u8..).all(|(byte, n)| *byte == n);
    if counts {
        Ok((public, comment))
    } else {
        Err(Refusal::Broken("the padding does not count up"))
    }
}

fn private_key(wire: &mut Wire<'_>) -> Result<Public, Refusal> {
    match wire.string()? {
        b"ssh-rsa" => {
            let (n, e, d) = (wire.number()?, wire.number()?, wire.number()?);
            let (coefficient, p, q) = (wire.number()?, wire.number()?, wire.number()?);
            let exponents = None;
            Rsa {
                n,
                e,
                d,
                p,
                q,
                exponents,
                coefficient,
            }
            .prove()
        }
        b"ssh-dss" => {
            let domain = [wire.number()?, wire.number()?, wire.number()?];
            let y = wire.number()?;
            number::dsa(domain, Some(y), wire.number()?)
        }
        b"ssh-ed25519" => {
            let point = wire.string()?;
            let pair = wire.string()?;
            let (seed, again) = pair
                .split_at_checked(32)
                .ok_or(Refusal::Broken("an Ed25519 pair has 64 bytes"))?;
            if again != point {
                return Err(Refusal::Broken("the public half is another key's"));
            }
            number::ed25519(seed, Some(point))
        }
        name => {
            // A key on a FIDO token (`sk-...`) is a handle, worth nothing without the token.
            let curve = name
                .strip_prefix(b"ecdsa-sha2-")
                .and_then(Curve::of_name)
                .ok_or(Refusal::Foreign)?;
            if Curve::of_name(wire.string()?) != Some(curve) {
                return Err(Refusal::Broken("two curves in one key"));
            }
            let point = wire.string()?;
            number::ecdsa(curve, wire.number()?, Some(point))
        }
    }
}
