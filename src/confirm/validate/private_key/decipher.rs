//! Password-based encryption under the empty password (RFC 8018 and RFC 7292, appendix C).

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, InnerIvInit, KeyIvInit};
use der::oid::ObjectIdentifier;
use der::{Decode, Tag};
use sha1::Sha1;

use super::pkcs12::{MOST_ROUNDS, derive};
use super::tree::Fields;

/// `pbeWithSHAAnd3-KeyTripleDES-CBC`: what Windows exports.
const TRIPLE_DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");
/// `pbeWithSHAAnd40BitRC2-CBC`: what older tools hide certificates with.
const RC2_40: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6");
/// `id-PBES2`.
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// Block length of SHA-1, in bytes.
const SHA1_BLOCK: usize = 64;

/// Deciphers a text under an algorithm identifier in DER and an empty password; `password` is the
/// way it is written in PKCS#12. `None` if that does not open it, the algorithm is not known, or
/// it would take too long.
pub(super) fn decipher(algorithm: &[u8], text: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields::of_structure(algorithm).ok()?;
    let kind = fields.oid().ok()?;
    if kind == PBES2 {
        return scheme2(algorithm, text);
    }
    let mut parameters = fields.enter(Tag::Sequence).ok()?;
    let salt = parameters.field(Tag::OctetString).ok()?;
    let rounds = parameters.number().ok()?;
    if rounds > MOST_ROUNDS {
        return None;
    }
    let derive = |purpose, len| derive::<Sha1>(SHA1_BLOCK, purpose, password, salt, rounds, len);
    let iv = derive(2, 8);
    let mut buf = text.to_vec();
    let plain = match kind {
        TRIPLE_DES => {
            let key = derive(1, 24);
            let cipher = cbc::Decryptor::<des::TdesEde3>::new_from_slices(&key, &iv).ok()?;
            cipher.decrypt_padded::<Pkcs7>(&mut buf).ok()?.to_vec()
        }
        RC2_40 => {
            let key = rc2::Rc2::new_with_eff_key_len(&derive(1, 5), 40);
            let cipher = cbc::Decryptor::inner_iv_slice_init(key, &iv).ok()?;
            cipher.decrypt_padded::<Pkcs7>(&mut buf).ok()?.to_vec()
        }
        _ => return None,
    };
    Some(plain)
}

/// PBES2 of RFC 8018, section 6.2, with PBKDF2: scrypt takes as much memory as it likes.
fn scheme2(algorithm: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let scheme = pkcs5::EncryptionScheme::from_der(algorithm).ok()?;
    let rounds = scheme.pbes2()?.kdf.pbkdf2()?.iteration_count;
    if rounds > MOST_ROUNDS {
        return None;
    }
    let mut buf = text.to_vec();
    let plain = scheme.decrypt_in_place([], &mut buf).ok()?;
    Some(plain.to_vec())
}
