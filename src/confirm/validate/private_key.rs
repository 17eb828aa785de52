//! Private keys: believed only when their numbers belong together.
//!
//! A header proves nothing: most `BEGIN PRIVATE KEY` lines on a disk are prose, code that looks
//! for them, or cut off. So every block is decoded and parsed, and its public half is computed from
//! the private one and compared. That public half is what ties a key to the machines that it opens.
//! Keys behind a passphrase are no finding.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

pub(super) mod any;
mod armor;
mod certificate;
mod decipher;
pub(super) mod management;
mod number;
mod openpgp;
mod openssh;
mod pkcs;
mod pkcs12;
mod public;
mod putty;
mod tree;
mod wellknown;
mod wire;

use base64::Engine as _;
use sha2::{Digest, Sha256};

use self::public::Public;
use std::ops::Range;

use super::Validator;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("ssh-pem", ssh_pem),
    ("ssh-magic", ssh_magic),
    ("ssh-putty", ssh_putty),
    ("any-pem", any::pem),
    ("pkcs12", any::pkcs12),
    ("gcp-service-account", any::service_account),
    ("management-certificate", management::certificate),
];

/// Why a block is no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It needs a passphrase.
    Encrypted,
    /// A key of an algorithm that SSH does not have.
    Foreign,
    /// No structure of a private key.
    Misfit,
    /// The structure of a key, but it contradicts itself; or no block at all.
    Broken(&'static str),
}

impl Refusal {
    fn reason(self) -> &'static str {
        match self {
            Self::Encrypted => "protected by a passphrase",
            Self::Foreign => "not an algorithm of SSH",
            Self::Misfit => "not the structure of a private key",
            Self::Broken(reason) => reason,
        }
    }
}

/// A key whose halves belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    public: Public,
    /// The structure it was stored in: `PKCS#8`.
    format: &'static str,
    /// The comment, in formats that have one; an empty one is kept.
    comment: Option<Vec<u8>>,
}

impl Key {
    /// What is known of the key. The value that is fingerprinted is the public half, so that the
    /// same key is recognised in every format.
    fn proof(&self, verdict: Verdict) -> Proof {
        let blob = self.public.blob();
        let mut proof = with_public(Proof::of(verdict), &self.public)
            .detail("algorithm", self.public.algorithm())
            .detail("bits", self.public.bits())
            .detail("format", self.format);
        if let Some(digest) = self.spki_digest() {
            proof = proof.detail("spki_sha256", digest);
        }
        let comment = self.comment.as_deref().unwrap_or(&[]);
        if !comment.is_empty() {
            let comment = String::from_utf8_lossy(comment);
            if let Some((user, host)) = user_and_host(&comment) {
                proof = proof.owner("user", user).owner("host", host);
            }
            proof = proof.detail("comment", comment);
        }
        proof.canonical = Some([b"ssh-private-key\0", &*blob].concat());
        proof
    }

    /// SHA-256 of the public key as a certificate holds it, in hexadecimal.
    fn spki_digest(&self) -> Option<String> {
        self.public.spki().map(|spki| hex(&Sha256::digest(spki)))
    }

    fn judge(&self, verdict: Verdict) -> Judgement {
        let proof = self.proof(verdict);
        match wellknown::device(&self.public.fingerprint()) {
            Some(device) => {
                let proof = proof.detail("device", device);
                Judgement::Suppress("publicly known key", Box::new(proof))
            }
            None => proof.accept(),
        }
    }
}

/// Names the public half, which is also what a person knows the key by: the secret's own ends are
/// the dashes of its armor. Four characters tell the keys of a machine apart.
fn with_public(proof: Proof, public: &Public) -> Proof {
    const SHOWN: usize = "SHA256:".len() + 4;
    let fingerprint = public.fingerprint();
    let label = format!("{}…", fingerprint.get(..SHOWN).unwrap_or_default());
    proof.detail("public_key", fingerprint).label(label)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `ssh-keygen` comments a key with where it was made. It is a hint, not proof.
fn user_and_host(comment: &str) -> Option<(&str, &str)> {
    let (user, host) = comment.trim().split_once('@')?;
    let plain = |name: &str| {
        let of_name = |c: char| c.is_ascii_alphanumeric() || "-_.\\".contains(c);
        !name.is_empty() && name.chars().all(of_name)
    };
    (plain(user) && plain(host)).then_some((user, host))
}

/// A PEM block with a key that SSH can use.
pub(super) fn ssh_pem(candidate: &Candidate<'_>) -> Judgement {
    judge(pem(candidate.secret()), Verdict::Structure)
}

/// `openssh-key-v1` without looking at its armor.
pub(super) fn ssh_magic(candidate: &Candidate<'_>) -> Judgement {
    let plain = armor::unescape(candidate.secret());
    let bytes = decode_while_base64(&plain);
    match openssh::parse_first(&bytes) {
        Ok((key, rest)) => {
            let mut judgement = key.judge(Verdict::Structure);
            if let Judgement::Accept(proof) | Judgement::Suppress(_, proof) = &mut judgement {
                proof.at = Some(beginning(candidate, bytes.len().saturating_sub(rest.len())));
            }
            judgement
        }
        Err(refusal) => Judgement::Reject(refusal.reason()),
    }
}

/// Where the base64 of the first `len` bytes of a key without an END line lies in the window.
fn beginning(candidate: &Candidate<'_>, len: usize) -> Range<usize> {
    let start = candidate.secret_range().start;
    start..start.saturating_add(armor::length_of(candidate.secret(), len))
}

/// A PuTTY private key file.
pub(super) fn ssh_putty(candidate: &Candidate<'_>) -> Judgement {
    let text = candidate.secret();
    // As it lies first: a comment may hold a backslash of its own.
    let key = match putty::parse(text) {
        Err(Refusal::Broken(_)) => putty::parse(&armor::unescape(text)),
        other => other,
    };
    judge(key, Verdict::Checksum)
}

fn judge(key: Result<Key, Refusal>, verdict: Verdict) -> Judgement {
    match key {
        Ok(key) => key.judge(verdict),
        Err(refusal) => Judgement::Reject(refusal.reason()),
    }
}

fn pem(text: &[u8]) -> Result<Key, Refusal> {
    let block = armor::open(text)?;
    if block.encrypted {
        return Err(Refusal::Encrypted);
    }
    pkcs::parse(&block.label, &block.bytes)
}

/// Decodes what base64 a text begins with; blanks and line ends do not count.
fn decode_while_base64(text: &[u8]) -> Vec<u8> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let base64: Vec<u8> = text
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take_while(|byte| is_base64(byte))
        .copied()
        .collect();
    // What follows the key may be words that look like base64: whole groups always decode.
    let whole = base64
        .len()
        .saturating_sub(base64.len().checked_rem(4).unwrap_or(0));
    let (groups, last) = base64.split_at_checked(whole).unwrap_or_default();
    let mut bytes = armor::BASE64.decode(groups).unwrap_or_default();
    bytes.extend(armor::BASE64.decode(last).unwrap_or_default());
    bytes
}
