//! What a certificate next to a key says of it (RFC 5280, section 4.1).

use der::asn1::{GeneralizedTime, UtcTime};
use der::oid::ObjectIdentifier;
use der::{Decode, Tag};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::tree::{Fields, context};
use super::{Refusal, hex};

/// `id-at-commonName`.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The parts of a certificate that are reported.
pub(super) struct Certificate {
    /// Common name of the subject.
    pub(super) subject: Option<String>,
    /// SHA-1 of the certificate in upper-case hexadecimal: Windows and Azure name it so.
    pub(super) thumbprint: String,
    /// SHA-256 of its public key, as in [`super::Key::proof`].
    pub(super) spki: String,
    /// When it ends.
    pub(super) expires: Option<jiff::Timestamp>,
}

impl Certificate {
    /// Reads a certificate in DER.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut fields = Fields::of_structure(bytes)?;
        let mut signed = fields.enter(Tag::Sequence)?;
        let _version = signed.optional(context(0));
        let _serial = signed.field(Tag::Integer)?;
        let _signature = signed.field(Tag::Sequence)?;
        let _issuer = signed.field(Tag::Sequence)?;
        let validity = signed.enter(Tag::Sequence)?;
        let subject = signed.enter(Tag::Sequence)?;
        let spki = signed.whole(Tag::Sequence)?;
        Ok(Self {
            subject: common_name(subject),
            thumbprint: hex(&Sha1::digest(bytes)).to_uppercase(),
            spki: hex(&Sha256::digest(spki)),
            expires: not_after(validity),
        })
    }
}

fn not_after(mut validity: Fields<'_>) -> Option<jiff::Timestamp> {
    let _not_before = validity.next()?;
    let bytes = validity.0;
    let since_epoch = match UtcTime::from_der(bytes) {
        Ok(time) => time.to_unix_duration(),
        Err(_) => GeneralizedTime::from_der(bytes).ok()?.to_unix_duration(),
    };
    jiff::Timestamp::from_second(i64::try_from(since_epoch.as_secs()).ok()?).ok()
}

fn common_name(mut subject: Fields<'_>) -> Option<String> {
    while let Some(mut names) = subject.optional(Tag::Set).map(Fields) {
        while let Some(mut name) = names.optional(Tag::Sequence).map(Fields) {
            if name.oid().ok()? == COMMON_NAME {
                let text = name.next()?.value();
                return Some(String::from_utf8_lossy(text).into_owned());
            }
        }
    }
    None
}
