//! Private keys of any kind, as infrastructure code and deployments carry them.

use der::asn1::AnyRef;
use der::oid::ObjectIdentifier;
use der::{Decode, Tag, Tagged};
use pkcs8::PrivateKeyInfoRef;
use serde_json::Value;

use super::armor::{self, Block};
use super::pkcs12::{Container, Lock};
use super::{Refusal, beginning, decode_while_base64, openpgp, openssh, pkcs, with_public};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// Any PEM block that holds a private key, also one that needs a passphrase.
pub(crate) fn pem(candidate: &Candidate<'_>) -> Judgement {
    match armor::open(candidate.secret()).and_then(|block| judge(&block)) {
        Ok(judgement) => judgement,
        Err(refusal) => Judgement::Reject(refusal.reason()),
    }
}

fn judge(block: &Block) -> Result<Judgement, Refusal> {
    if block.label == "PGP PRIVATE KEY BLOCK" {
        return pgp(block);
    }
    if !block.label.ends_with("PRIVATE KEY") {
        return Err(Refusal::Misfit);
    }
    if block.encrypted {
        return encrypted(block);
    }
    match pkcs::parse(&block.label, &block.bytes) {
        Ok(key) => Ok(key.judge(Verdict::Structure)),
        Err(Refusal::Encrypted) => {
            // The public half lies in the clear.
            let proof = match openssh::public_of_encrypted(&block.bytes) {
                Ok(public) => with_public(locked(block), &public),
                Err(_) => locked(block),
            };
            Ok(proof.accept())
        }
        Err(Refusal::Foreign | Refusal::Misfit) => foreign(block),
        Err(broken) => Err(broken),
    }
}

/// A key of an algorithm that is not checked further: its structure must fill the block.
fn foreign(block: &Block) -> Result<Judgement, Refusal> {
    let mut proof = Proof::of(Verdict::Structure).label(short(block));
    proof.canonical = Some(block.bytes.clone());
    if let Ok(info) = PrivateKeyInfoRef::from_der(&block.bytes) {
        let oid = info.algorithm.oid;
        return Ok(proof
            .label("PKCS#8")
            .detail("format", "PKCS#8")
            .detail(
                "algorithm",
                algorithm(oid).map_or_else(|| oid.to_string(), str::to_owned),
            )
            .accept());
    }
    if block.label == "PRIVATE KEY" {
        return Err(Refusal::Misfit);
    }
    let whole = AnyRef::from_der(&block.bytes).map_err(pkcs::misfit)?;
    if whole.tag() != Tag::Sequence {
        return Err(Refusal::Misfit);
    }
    if block.label.starts_with("TSS2") {
        // A key that only the TPM that made it can open.
        return Ok(locked(block).accept());
    }
    Ok(proof.detail("format", &*block.label).accept())
}

/// The names of algorithms in PKCS#8 that SSH does not have (RFC 8410, RFC 4055, RFC 3279).
fn algorithm(oid: ObjectIdentifier) -> Option<&'static str> {
    let known = [
        ("1.3.101.110", "X25519"),
        ("1.3.101.111", "X448"),
        ("1.3.101.113", "Ed448"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
        ("1.2.840.113549.1.1.7", "RSAES-OAEP"),
        ("1.2.840.113549.1.3.1", "DH"),
        ("1.2.840.10046.2.1", "X9.42 DH"),
        ("1.2.840.10045.2.1", "EC"),
        ("1.2.840.113549.1.1.1", "RSA"),
    ];
    let text = oid.to_string();
    known
        .into_iter()
        .find(|(dotted, _)| *dotted == text)
        .map(|(_, name)| name)
}

/// What tells a block without a known public half apart: `EC` of `EC PRIVATE KEY`.
fn short(block: &Block) -> &str {
    let label = block.label.trim_end_matches(" BLOCK");
    label.strip_suffix(" PRIVATE KEY").unwrap_or(label)
}

/// What is known of a key behind a passphrase: worth knowing, opens nothing by itself.
fn locked(block: &Block) -> Proof {
    let mut proof = Proof::of(Verdict::Structure)
        .label(short(block))
        .detail("format", &*block.label)
        .detail("encrypted", true);
    proof.severity = Some(Severity::Low);
    proof.canonical = Some(block.bytes.clone());
    proof
}

fn encrypted(block: &Block) -> Result<Judgement, Refusal> {
    let fits = if block.label == "ENCRYPTED PRIVATE KEY" {
        // `EncryptedPrivateKeyInfo` of RFC 5958, section 3.
        let whole = AnyRef::from_der(&block.bytes).map_err(pkcs::misfit)?;
        let parts = whole.sequence(|reader| {
            let algorithm = AnyRef::decode(reader)?;
            let text = AnyRef::decode(reader)?;
            der::Result::Ok((algorithm.tag(), text.tag()))
        });
        parts == Ok((Tag::Sequence, Tag::OctetString))
    } else {
        // Whole blocks of DES or AES in CBC mode.
        block.bytes.len() >= 16 && block.bytes.len().is_multiple_of(8)
    };
    if fits {
        Ok(locked(block).accept())
    } else {
        Err(Refusal::Misfit)
    }
}

fn pgp(block: &Block) -> Result<Judgement, Refusal> {
    let key = openpgp::read(block)?;
    let mut proof = if key.encrypted {
        locked(block)
    } else {
        Proof::of(Verdict::Structure).detail("format", "OpenPGP")
    };
    if key.summed {
        proof.verdict = Some(Verdict::Checksum);
    }
    proof = proof.label("OpenPGP");
    proof.canonical = Some(block.bytes.clone());
    if let Some(fingerprint) = key.fingerprint {
        proof = proof.detail("openpgp_fingerprint", fingerprint);
    }
    if let Some(user) = key.user {
        proof = proof.owner("user", user);
    }
    Ok(proof.accept())
}

/// A PKCS#12 container in base64.
pub(crate) fn pkcs12(candidate: &Candidate<'_>) -> Judgement {
    let bytes = decode_while_base64(&armor::unescape(candidate.secret()));
    let judged = Container::read(&bytes)
        .and_then(|container| Ok((container_proof(&container)?, container.bytes.len())));
    match judged {
        Ok((mut proof, len)) => {
            proof.at = Some(beginning(candidate, len));
            proof.accept()
        }
        Err(refusal) => Judgement::Reject(refusal.reason()),
    }
}

/// What is known of a container and of the key in it. One that surely holds no key is refused:
/// it is a list of certificates that a machine trusts.
pub(super) fn container_proof(container: &Container<'_>) -> Result<Proof, Refusal> {
    if container.keys.is_empty() && !container.shut {
        return Err(Refusal::Broken("a container without a private key"));
    }
    let verdict = match container.lock {
        Lock::Empty => Verdict::Checksum,
        Lock::Password | Lock::Unknown => Verdict::Structure,
    };
    let mut proof = match container.opened() {
        Some(key) => key.proof(verdict),
        None => {
            let mut proof = Proof::of(verdict).label("PKCS#12");
            proof.canonical = Some(container.bytes.to_vec());
            proof
        }
    };
    proof = proof.detail("format", "PKCS#12");
    if container.lock == Lock::Password {
        proof = proof.detail("encrypted", true);
        proof.severity = Some(Severity::Medium);
    }
    if let Some(certificate) = container.certificate() {
        proof = proof.detail("certificate_sha1", &*certificate.thumbprint);
        if let Some(subject) = &certificate.subject {
            proof = proof.detail("certificate_subject", &**subject);
        }
        proof.expires = certificate.expires;
    }
    Ok(proof)
}

/// The account that Google lets every cluster pull public images with.
const PUBLIC_ACCOUNT: &str = "image-pulling@authenticated-image-pulling.iam.gserviceaccount.com";

/// The `private_key` of a Google service account's JSON file.
pub(crate) fn service_account(candidate: &Candidate<'_>) -> Judgement {
    let Some(account) = enclosing_object(candidate) else {
        return Judgement::Reject("no service account around the key");
    };
    let field = |name: &str| account.get(name).and_then(Value::as_str);
    let Some(email) = field("client_email") else {
        return Judgement::Reject("no client_email beside the key");
    };
    let key =
        armor::open(candidate.secret()).and_then(|block| pkcs::parse(&block.label, &block.bytes));
    let key = match key {
        Ok(key) => key,
        Err(refusal) => return Judgement::Reject(refusal.reason()),
    };
    let mut proof = key
        .proof(Verdict::Structure)
        .owner("client_email", email)
        .opens("gcp-service-account", email, None);
    if let Some(project) = field("project_id") {
        proof = proof.owner("project", project);
    }
    if let Some(id) = field("private_key_id") {
        proof = proof.detail("private_key_id", id);
    }
    if email == PUBLIC_ACCOUNT {
        return Judgement::Suppress("published example", Box::new(proof));
    }
    proof.accept()
}

/// The JSON object around the key: such files are flat, so it runs from the brace before to the
/// brace after. A file inside a JSON string is freed of one level of escapes after another.
fn enclosing_object(candidate: &Candidate<'_>) -> Option<Value> {
    let secret = candidate.secret_range();
    let before = candidate.window.get(..secret.start)?;
    let after = candidate.window.get(secret.end..)?;
    let open = before.iter().rposition(|byte| *byte == b'{')?;
    let close = after.iter().position(|byte| *byte == b'}')?;
    let close = secret.end.checked_add(close)?.checked_add(1)?;
    let mut text = String::from_utf8_lossy(candidate.window.get(open..close)?).into_owned();
    for _ in 0..3 {
        match serde_json::from_str::<Value>(&text) {
            Ok(object) => return Some(object),
            Err(_) => text = serde_json::from_str(&format!("\"{text}\"")).ok()?,
        }
    }
    None
}
