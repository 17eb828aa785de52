//! PKCS#12 containers (RFC 7292), also called PFX: a key and its certificates in one file.
//!
//! The format cannot do without a password, so people give it an empty one, which protects
//! nothing. Whether it is empty can be seen: the container carries a MAC whose key is derived from
//! it. With an empty password the MAC also proves that every byte is as it was written.

use der::Tag;
use der::oid::ObjectIdentifier;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::certificate::Certificate;
use super::tree::{Fields, context};
use super::{Key, Refusal, decipher, pkcs};

/// Object identifiers of RFC 7292, appendix D, and of what it builds on.
mod oid {
    use der::oid::ObjectIdentifier;

    pub(super) const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
    pub(super) const ENCRYPTED_DATA: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
    pub(super) const KEY_BAG: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
    pub(super) const SHROUDED_KEY_BAG: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
    pub(super) const CERTIFICATE_BAG: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
    pub(super) const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
    pub(super) const SHA256: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
    pub(super) const SHA384: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
    pub(super) const SHA512: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
}

/// The most rounds of a key derivation that are computed. Tools write 1 to 100,000; more would let
/// a hostile file spend our time.
pub(super) const MOST_ROUNDS: u32 = 102_400;

/// The most bags that are opened.
const MOST_BAGS: usize = 64;

/// The two ways to write no password: as an empty string, which ends in a zero character, and as
/// no string at all (OpenSSL tries both).
const EMPTY_PASSWORDS: [&[u8]; 2] = [&[0, 0], &[]];

/// What keeps the container shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Nothing: the MAC holds with an empty password.
    Empty,
    /// A password, or a derivation that is not computed.
    Password,
    /// There is no MAC to tell.
    Unknown,
}

/// A private key inside.
pub(super) enum Inner {
    /// One whose halves belong together.
    Key(Key),
    /// One that could not be opened, or of another algorithm.
    Other,
}

/// A container, opened as far as an empty password does.
pub(super) struct Container<'a> {
    /// The bytes it takes.
    pub(super) bytes: &'a [u8],
    pub(super) lock: Lock,
    pub(super) keys: Vec<Inner>,
    pub(super) certificates: Vec<Certificate>,
    /// Bags behind a password: there may be keys among them.
    pub(super) shut: bool,
}

impl<'a> Container<'a> {
    /// Reads the container that `bytes` begins with.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let bytes = Fields(bytes).whole(Tag::Sequence)?;
        let mut fields = Fields::of_structure(bytes)?;
        if fields.number()? != 3 {
            return Err(Refusal::Misfit);
        }
        let safe = data(&mut fields)?;
        let (lock, password) = match fields.optional(Tag::Sequence) {
            None => (Lock::Unknown, EMPTY_PASSWORDS[0]),
            Some(mac) => match empty_password(Fields(mac), safe)? {
                Some(password) => (Lock::Empty, password),
                None => (Lock::Password, EMPTY_PASSWORDS[0]),
            },
        };
        let mut container = Self {
            bytes,
            lock,
            keys: Vec::new(),
            certificates: Vec::new(),
            shut: false,
        };
        let mut contents = Fields::of_structure(safe)?;
        for _ in 0..MOST_BAGS {
            let Some(content) = contents.optional(Tag::Sequence) else {
                break;
            };
            container.content(Fields(content), password)?;
        }
        Ok(container)
    }

    /// A `ContentInfo` of the authenticated safe.
    fn content(&mut self, mut content: Fields<'_>, password: &[u8]) -> Result<(), Refusal> {
        let plain;
        let bags = match content.oid()? {
            oid::DATA => content.enter(context(0))?.field(Tag::OctetString)?,
            oid::ENCRYPTED_DATA => {
                let mut encrypted = content.enter(context(0))?.enter(Tag::Sequence)?;
                let _version = encrypted.number()?;
                let mut info = encrypted.enter(Tag::Sequence)?;
                let _content_type = info.oid()?;
                let algorithm = info.whole(Tag::Sequence)?;
                let text = info.next().ok_or(Refusal::Misfit)?.value();
                match self.decipher(algorithm, text, password) {
                    Some(bytes) => {
                        plain = bytes;
                        &plain
                    }
                    None => {
                        self.shut = true;
                        return Ok(());
                    }
                }
            }
            // For the owner of another key; there is no password to try.
            _ => {
                self.shut = true;
                return Ok(());
            }
        };
        let mut bags = Fields::of_structure(bags)?;
        for _ in 0..MOST_BAGS {
            let Some(bag) = bags.optional(Tag::Sequence) else {
                break;
            };
            self.bag(Fields(bag), password)?;
        }
        Ok(())
    }

    fn bag(&mut self, mut bag: Fields<'_>, password: &[u8]) -> Result<(), Refusal> {
        let kind = bag.oid()?;
        let mut value = bag.enter(context(0))?;
        match kind {
            oid::KEY_BAG => self.key(value.0)?,
            oid::SHROUDED_KEY_BAG => {
                let mut info = value.enter(Tag::Sequence)?;
                let algorithm = info.whole(Tag::Sequence)?;
                let text = info.field(Tag::OctetString)?;
                match self.decipher(algorithm, text, password) {
                    Some(plain) => self.key(&plain)?,
                    None => self.keys.push(Inner::Other),
                }
            }
            oid::CERTIFICATE_BAG => {
                let mut certificate = value.enter(Tag::Sequence)?;
                let _kind = certificate.oid()?;
                let bytes = certificate.enter(context(0))?.field(Tag::OctetString)?;
                // A certificate that cannot be read takes nothing from the key.
                self.certificates.extend(Certificate::read(bytes));
            }
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match pkcs::parse("PRIVATE KEY", bytes) {
            Ok(key) => self.keys.push(Inner::Key(key)),
            Err(Refusal::Broken(reason)) => return Err(Refusal::Broken(reason)),
            Err(_) => self.keys.push(Inner::Other),
        }
        Ok(())
    }

    fn decipher(&self, algorithm: &[u8], text: &[u8], password: &[u8]) -> Option<Vec<u8>> {
        if self.lock == Lock::Password {
            return None;
        }
        decipher::decipher(algorithm, text, password)
    }

    /// The first key that was opened.
    pub(super) fn opened(&self) -> Option<&Key> {
        self.keys.iter().find_map(|inner| match inner {
            Inner::Key(key) => Some(key),
            Inner::Other => None,
        })
    }

    /// The certificate of the key, or the first one where that cannot be told.
    pub(super) fn certificate(&self) -> Option<&Certificate> {
        let spki = self.opened().and_then(Key::spki_digest);
        let own = |one: &&Certificate| spki.as_deref().is_none_or(|spki| one.spki == spki);
        self.certificates.iter().find(own)
    }
}

/// The content of a `ContentInfo` of type data.
fn data<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Refusal> {
    let mut content = fields.enter(Tag::Sequence)?;
    if content.oid()? != oid::DATA {
        return Err(Refusal::Foreign);
    }
    content.enter(context(0))?.field(Tag::OctetString)
}

/// The empty password under which the MAC holds, if any.
fn empty_password(mut mac: Fields<'_>, safe: &[u8]) -> Result<Option<&'static [u8]>, Refusal> {
    let mut digest = mac.enter(Tag::Sequence)?;
    let algorithm = digest.enter(Tag::Sequence)?.oid()?;
    let expected = digest.field(Tag::OctetString)?;
    let salt = mac.field(Tag::OctetString)?;
    let rounds = mac.number().unwrap_or(1);
    if rounds > MOST_ROUNDS {
        return Ok(None);
    }
    let holds = |password: &&&[u8]| {
        let tag = mac_of(algorithm, password, salt, rounds, safe);
        tag.is_some_and(|tag| tag == expected)
    };
    Ok(EMPTY_PASSWORDS.iter().find(holds).copied())
}

fn mac_of(
    algorithm: ObjectIdentifier,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    safe: &[u8],
) -> Option<Vec<u8>> {
    macro_rules! tag {
        ($hash:ty, $block:literal) => {{
            let len = <$hash as Digest>::output_size();
            let key = derive::<$hash>($block, 3, password, salt, rounds, len);
            let mut mac = <Hmac<$hash> as KeyInit>::new_from_slice(&key).ok()?;
            mac.update(safe);
            Some(mac.finalize().into_bytes().to_vec())
        }};
    }
    match algorithm {
        oid::SHA1 => tag!(Sha1, 64),
        oid::SHA256 => tag!(Sha256, 64),
        oid::SHA384 => tag!(Sha384, 128),
        oid::SHA512 => tag!(Sha512, 128),
        _ => None,
    }
}

/// The key derivation of RFC 7292, appendix B.2. `block` is the hash's block length in bytes;
/// `purpose` is 1 for a cipher key, 2 for an initial value, 3 for a MAC key.
pub(super) fn derive<D: Digest>(
    block: usize,
    purpose: u8,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    len: usize,
) -> Vec<u8> {
    let filled = |text: &[u8]| -> Vec<u8> {
        let len = text.len().next_multiple_of(block);
        text.iter().copied().cycle().take(len).collect()
    };
    let mut input = filled(salt);
    input.extend(filled(password));
    let mut key = Vec::new();
    while key.len() < len {
        let mut hash = D::new()
            .chain_update(vec![purpose; block])
            .chain_update(&input)
            .finalize();
        for _ in 1..rounds {
            hash = D::digest(&hash);
        }
        key.extend_from_slice(&hash);
        // Every block of the input grows by the hash, repeated to a block's length, plus one.
        let addend: Vec<u8> = hash.iter().copied().cycle().take(block).collect();
        for part in input.chunks_mut(block) {
            let mut carry = 1;
            for (byte, addend) in part.iter_mut().zip(&addend).rev() {
                let sum = u16::from(*byte)
                    .saturating_add(u16::from(*addend))
                    .saturating_add(carry);
                let [high, low] = sum.to_be_bytes();
                (*byte, carry) = (low, u16::from(high));
            }
        }
    }
    key.truncate(len);
    key
}
