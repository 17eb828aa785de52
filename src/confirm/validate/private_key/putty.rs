//! PuTTY's private key files, versions 2 and 3 (PuTTY manual, appendix C).
//!
//! ```text
//! PuTTY-User-Key-File-3: ssh-ed25519
//! Encryption: none
//! Comment: me@work
//! Public-Lines: 2
//! <base64>
//! Private-Lines: 1
//! <base64>
//! Private-MAC: <hex>
//! ```
//!
//! The MAC covers everything and needs no passphrase where there is no encryption: it proves that
//! not one bit is wrong. Version 1 lived only in development snapshots of the year 2001.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::number::{self, Rsa};
use super::public::{Curve, Public, string};
use super::wire::Wire;
use super::{Key, Refusal};

/// What the MAC key of version 2 is the SHA-1 of, when there is no passphrase.
const MAC_KEY: &[u8] = b"putty-private-key-file-mac-key";

/// The longest file, in lines: an RSA key of 16384 bits has 130.
const MOST_LINES: usize = 1000;

/// The lines of a file, taken apart.
#[derive(Default)]
struct File<'a> {
    version: u8,
    algorithm: &'a [u8],
    encryption: &'a [u8],
    comment: &'a [u8],
    public: Vec<u8>,
    private: Vec<u8>,
    mac: &'a [u8],
}

/// Parses a file whose lines may be indented.
pub(super) fn parse(text: &[u8]) -> Result<Key, Refusal> {
    let file = File::read(text)?;
    if file.encryption != b"none" {
        return Err(Refusal::Encrypted);
    }
    if hex(file.mac) != Some(file.mac()) {
        return Err(Refusal::Broken("the MAC is wrong"));
    }
    let public = file.public_key()?;
    if public.blob() != file.public {
        return Err(Refusal::Broken("the public half is another key's"));
    }
    Ok(Key {
        public,
        format: if file.version == 2 { "PPK 2" } else { "PPK 3" },
        comment: Some(file.comment.to_vec()),
    })
}

impl<'a> File<'a> {
    fn read(text: &'a [u8]) -> Result<Self, Refusal> {
        let mut lines = text
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start())
            .take(MOST_LINES);
        let mut file = Self::default();
        while let Some(line) = lines.next() {
            let Some(colon) = line.windows(2).position(|pair| pair == b": ") else {
                // Blank lines come from a line end of two characters that was split.
                if line.is_empty() {
                    continue;
                }
                return Err(Refusal::Broken("a line without a field name"));
            };
            let (name, value) = line.split_at(colon);
            let value = value.get(2..).unwrap_or(&[]);
            match name {
                b"PuTTY-User-Key-File-2" => (file.version, file.algorithm) = (2, value),
                b"PuTTY-User-Key-File-3" => (file.version, file.algorithm) = (3, value),
                b"Encryption" => file.encryption = value,
                b"Comment" => file.comment = value,
                b"Public-Lines" => file.public = block(&mut lines, value)?,
                b"Private-Lines" => file.private = block(&mut lines, value)?,
                b"Private-MAC" => {
                    file.mac = value;
                    return Ok(file);
                }
                name if name.starts_with(b"Argon2-") || name == b"Key-Derivation" => {}
                _ => return Err(Refusal::Broken("an unknown field")),
            }
        }
        Err(Refusal::Broken("no MAC"))
    }

    fn mac(&self) -> Vec<u8> {
        let mut covered = Vec::new();
        for field in [self.algorithm, self.encryption, self.comment] {
            string(&mut covered, field);
        }
        string(&mut covered, &self.public);
        string(&mut covered, &self.private);
        if self.version == 2 {
            let key = Sha1::digest(MAC_KEY);
            tag::<Hmac<Sha1>>(&key, &covered)
        } else {
            tag::<Hmac<Sha256>>(&[], &covered)
        }
    }

    /// The public half, computed from the private one; Ed448, which nothing else in SSH has, is
    /// taken as stored: the MAC vouches for it.
    fn public_key(&self) -> Result<Public, Refusal> {
        let mut public = Wire(&self.public);
        let mut private = Wire(&self.private);
        if public.string()? != self.algorithm {
            return Err(Refusal::Broken("two algorithms in one file"));
        }
        match self.algorithm {
            b"ssh-rsa" => {
                let (e, n) = (public.number()?, public.number()?);
                let (d, p, q) = (private.number()?, private.number()?, private.number()?);
                let coefficient = private.number()?;
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
                let domain = [public.number()?, public.number()?, public.number()?];
                number::dsa(domain, Some(public.number()?), private.number()?)
            }
            b"ssh-ed25519" => {
                let (seed, point) = (private.string()?, public.string()?);
                match <[u8; 32]>::try_from(point) {
                    // Some writers made a number of the seed, with a sign byte or without its
                    // zeros. The MAC vouches for the public half then.
                    Ok(point) if seed.len() != 32 => Ok(Public::Ed25519(point)),
                    _ => number::ed25519(seed, Some(point)),
                }
            }
            b"ssh-ed448" => Ok(Public::Stored {
                algorithm: "ssh-ed448".to_owned(),
                blob: self.public.clone(),
            }),
            name => {
                let curve = name
                    .strip_prefix(b"ecdsa-sha2-")
                    .and_then(Curve::of_name)
                    .ok_or(Refusal::Foreign)?;
                let _name = public.string()?;
                number::ecdsa(curve, private.number()?, Some(public.string()?))
            }
        }
    }
}

/// The base64 block that a `-Lines` field announces.
fn block<'a>(lines: &mut impl Iterator<Item = &'a [u8]>, count: &[u8]) -> Result<Vec<u8>, Refusal> {
    let bad = Refusal::Broken("a block that is not base64");
    let count = std::str::from_utf8(count)
        .ok()
        .and_then(|count| count.trim().parse().ok());
    let text: Vec<u8> = lines
        .filter(|line| !line.is_empty())
        .take(count.ok_or(bad)?)
        .flat_map(|line| line.trim_ascii_end())
        .copied()
        .collect();
    STANDARD.decode(text).map_err(|_| bad)
}

fn tag<M: Mac + KeyInit>(key: &[u8], covered: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(covered);
    mac.finalize().into_bytes().to_vec()
}

/// The bytes of an even number of hexadecimal digits.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits
        .trim_ascii_end()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
            _ => None,
        })
        .collect()
}
