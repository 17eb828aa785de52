//! AWS secrets and the links they signed, wherever in a scan the two lie.
//!
//! A secret access key has no checksum, and which id it belongs to is read from the text around
//! it. A presigned link settles both: its signature is recomputed with the secrets of its id, and
//! with those found without an id. What gives the same signature is proven.
//!
//! Findings are written as they are found, so of the two that prove each other only the one that
//! comes second can say so: its verdict becomes `paired`, and `proved_by` is the fingerprint of
//! the first. A secret or link that comes again later says so too.
//!
//! Memory and time are bounded whatever the disk holds. Past the limits the oldest is forgotten:
//! a finding is then less sure than it could be, and never lost.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::collections::{HashMap, VecDeque};

use super::Proof;
use super::validate::aws;
use super::validate::signature::Signed;
use crate::finding::Verdict;

/// Ids of which secrets or links are remembered.
const MOST_IDS: usize = 1024;
/// Secrets remembered of one id: it has one, but the text around it may offer several.
const SECRETS_PER_ID: usize = 8;
/// Links remembered of one id, to try its secret on. One is enough unless it was altered.
const LINKS_PER_ID: usize = 2;
/// Secrets without an id that are remembered.
const MOST_STRAYS: usize = 256;
/// Signatures recomputed in vain before no more are tried, once for secrets with an id and once
/// for those without: a few seconds each, so that a disk full of links costs no more.
const MOST_FAILURES: u32 = 1 << 17;

/// What a finding may prove of another, or another of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The finding's secret is a secret access key.
    Secret {
        /// The id that it was found with.
        id: Option<String>,
    },
    /// The finding is a link that somebody's key signed.
    Signature {
        /// The id of that key.
        id: String,
        /// What was signed.
        signed: Signed,
    },
}

/// Finds which secret signed which link. Takes the findings of a scan in their order.
#[derive(Default)]
pub struct Pairer {
    owners: HashMap<String, Owner>,
    /// The ids of `owners`, oldest first.
    ids: VecDeque<String>,
    strays: VecDeque<Secret>,
    failures: Failures,
}

/// Signatures recomputed in vain.
#[derive(Clone, Copy, Default)]
struct Failures {
    /// With a secret found beside the link's id.
    own: u32,
    /// With a secret found without an id.
    stray: u32,
}

/// What was found of one id.
#[derive(Default)]
struct Owner {
    proven: Option<Proven>,
    /// Candidates; none of them signed one of `links`.
    secrets: VecDeque<Secret>,
    links: VecDeque<Link>,
}

/// A secret, and the fingerprint of its finding.
#[derive(Clone)]
struct Secret {
    value: Vec<u8>,
    fingerprint: String,
}

/// A link, and the fingerprint of its finding.
struct Link {
    signed: Signed,
    fingerprint: String,
}

/// The secret of an id, and the fingerprint of the link that proved it.
struct Proven {
    secret: Secret,
    link: String,
}

impl Pairer {
    /// Takes a finding that is about to be written, and adds to its proof what earlier ones say
    /// of it. `secret` is its plaintext.
    pub fn take(&mut self, proof: &mut Proof, secret: &[u8], fingerprint: &str) {
        let secret = || Secret {
            value: secret.to_vec(),
            fingerprint: fingerprint.to_owned(),
        };
        match proof.evidence.take() {
            None => {}
            Some(Evidence::Secret { id: Some(id) }) => self.take_secret(&id, secret(), proof),
            Some(Evidence::Secret { id: None }) => self.take_stray(secret(), proof),
            Some(Evidence::Signature { id, signed }) => {
                let fingerprint = fingerprint.to_owned();
                let link = Link {
                    signed,
                    fingerprint,
                };
                self.take_link(&id, link, proof);
            }
        }
    }

    /// A secret beside an id.
    fn take_secret(&mut self, id: &str, secret: Secret, proof: &mut Proof) {
        let mut failures = self.failures;
        let owner = self.owner(id);
        if owner.proven.is_none() {
            owner.try_secret(&secret, &mut failures.own);
        }
        match &owner.proven {
            Some(proven) if proven.secret.value == secret.value => proved(proof, &proven.link),
            Some(_) => disprove(proof),
            None => {
                let conclusive = |link: &Link| link.signed.is_conclusive();
                if failures.own < MOST_FAILURES && owner.links.iter().any(conclusive) {
                    disprove(proof);
                }
                let known = |other: &Secret| other.value == secret.value;
                if !owner.secrets.iter().any(known) {
                    remember(&mut owner.secrets, secret, SECRETS_PER_ID);
                }
            }
        }
        self.failures = failures;
    }

    /// A secret whose id is not known.
    fn take_stray(&mut self, secret: Secret, proof: &mut Proof) {
        let is_new = !self.strays.iter().any(|other| other.value == secret.value);
        let mut found = None;
        for id in &self.ids {
            let Some(owner) = self.owners.get_mut(id) else {
                continue;
            };
            if is_new && owner.proven.is_none() {
                owner.try_secret(&secret, &mut self.failures.stray);
            }
            let proven = owner.proven.as_ref();
            if let Some(proven) = proven.filter(|proven| proven.secret.value == secret.value) {
                found = Some((id.clone(), proven.link.clone()));
                break;
            }
        }
        if let Some((id, link)) = found {
            // It is now known whose it is, and as bad as any other of its owner's.
            proof.severity = None;
            proof.details.remove("key_id");
            *proof = aws::with_id(std::mem::take(proof), id.as_bytes());
            proved(proof, &link);
        }
        if is_new {
            remember(&mut self.strays, secret, MOST_STRAYS);
        }
    }

    fn take_link(&mut self, id: &str, link: Link, proof: &mut Proof) {
        let mut failures = self.failures;
        let strays = std::mem::take(&mut self.strays);
        let owner = self.owner(id);
        let method = match &owner.proven {
            Some(proven) => link.signed.method_by(&proven.secret.value),
            None => owner.try_link(link, &strays, &mut failures),
        };
        if let (Some(method), Some(proven)) = (method, &owner.proven) {
            proved(proof, &proven.secret.fingerprint);
            proof.details.insert("method".to_owned(), method.into());
        }
        self.strays = strays;
        self.failures = failures;
    }

    /// What is known of an id, made room for if it is new.
    fn owner(&mut self, id: &str) -> &mut Owner {
        if !self.owners.contains_key(id) {
            self.ids.push_back(id.to_owned());
            if self.ids.len() > MOST_IDS
                && let Some(oldest) = self.ids.pop_front()
            {
                self.owners.remove(&oldest);
            }
        }
        self.owners.entry(id.to_owned()).or_default()
    }
}

impl Owner {
    /// Tries a secret that was not tried before on the links of this id.
    fn try_secret(&mut self, secret: &Secret, failures: &mut u32) {
        if self.secrets.iter().any(|other| other.value == secret.value) {
            return;
        }
        let signed = self
            .links
            .iter()
            .find(|link| attempt(&link.signed, secret, failures).is_some());
        if let Some(link) = signed {
            let link = link.fingerprint.clone();
            self.prove(secret.clone(), link);
        }
    }

    /// Tries the secrets of this id, then those of no id, on a link. The method that it was signed
    /// for, if one of them did.
    fn try_link(
        &mut self,
        link: Link,
        strays: &VecDeque<Secret>,
        failures: &mut Failures,
    ) -> Option<&'static str> {
        let known = |other: &Link| other.fingerprint == link.fingerprint;
        if self.links.iter().any(known) {
            return None;
        }
        let try_all = |secrets: &VecDeque<Secret>, failures: &mut u32| {
            secrets.iter().find_map(|secret| {
                let method = attempt(&link.signed, secret, failures)?;
                Some((secret.clone(), method))
            })
        };
        let signer = try_all(&self.secrets, &mut failures.own)
            .or_else(|| try_all(strays, &mut failures.stray));
        let Some((secret, method)) = signer else {
            remember(&mut self.links, link, LINKS_PER_ID);
            return None;
        };
        self.prove(secret, link.fingerprint);
        Some(method)
    }

    fn prove(&mut self, secret: Secret, link: String) {
        self.proven = Some(Proven { secret, link });
        self.secrets = VecDeque::new();
        self.links = VecDeque::new();
    }
}

/// The method that this secret signed a link for.
fn attempt(signed: &Signed, secret: &Secret, failures: &mut u32) -> Option<&'static str> {
    if *failures >= MOST_FAILURES {
        return None;
    }
    let method = signed.method_by(&secret.value);
    if method.is_none() {
        *failures = failures.saturating_add(1);
    }
    method
}

fn remember<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    list.push_back(item);
    if list.len() > most {
        list.pop_front();
    }
}

fn proved(proof: &mut Proof, by: &str) {
    proof.verdict = Some(Verdict::Paired);
    proof.details.insert("proved_by".to_owned(), by.into());
}

/// The text says that this secret belongs to the id, a link of the id says that it does not. It
/// may still be the secret of another id, so it stays a finding: one of its shape alone.
fn disprove(proof: &mut Proof) {
    proof.verdict = Some(Verdict::Pattern);
    let what = "not this secret".into();
    proof.details.insert("signature".to_owned(), what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confirm::validate::signature::{Address, Signer, sign_version_4};

    const ID: &str = "AKIAIOSFODNN7EXAMPLE";

    /// A link that this secret signed, with its evidence.
    fn link(id: &str, secret: &str, path: &str) -> Proof {
        let (host, moment) = ("acme.s3.amazonaws.com", "20260301T000000Z");
        let signer = Signer {
            host,
            path,
            id,
            secret,
            region: "eu-west-1",
        };
        let url = sign_version_4(&signer, moment, 60);
        let (_, query) = url.split_once('?').unwrap();
        let (_, signature) = url.rsplit_once('=').unwrap();
        let address = Address { host, path, query };
        let scope = "20260301/eu-west-1/s3/aws4_request";
        Proof::of(Verdict::Structure).evidence(Evidence::Signature {
            id: id.to_owned(),
            signed: Signed::version_4(&address, moment, scope, signature),
        })
    }

    fn secret(id: Option<&str>) -> Proof {
        Proof::of(Verdict::Pattern).evidence(Evidence::Secret {
            id: id.map(str::to_owned),
        })
    }

    /// What a proof says after these findings, each a proof and its plaintext; the fingerprint of
    /// a finding is its place.
    fn last(findings: Vec<(Proof, &str)>) -> Proof {
        let mut pairer = Pairer::default();
        let mut last = Proof::default();
        for (place, (proof, plaintext)) in findings.into_iter().enumerate() {
            last = proof;
            pairer.take(&mut last, plaintext.as_bytes(), &place.to_string());
        }
        last
    }

    fn proved_by(proof: &Proof) -> Option<&str> {
        proof
            .details
            .get("proved_by")
            .map(|by| by.as_str().unwrap())
    }

    #[test]
    fn whichever_of_two_comes_second_is_proven_by_the_first() {
        let proof = last(vec![
            (secret(Some(ID)), "right"),
            (link(ID, "right", "a"), ""),
        ]);
        assert_eq!(proved_by(&proof), Some("0"));
        assert_eq!(proof.verdict, Some(Verdict::Paired));
        assert_eq!(proof.details["method"], "GET");
        let proof = last(vec![
            (link(ID, "right", "a"), ""),
            (secret(Some(ID)), "right"),
        ]);
        assert_eq!(proved_by(&proof), Some("0"));
        assert_eq!(proof.verdict, Some(Verdict::Paired));
    }

    #[test]
    fn of_several_secrets_of_an_id_the_one_that_signed_is_right() {
        let pairs = || vec![(secret(Some(ID)), "wrong"), (secret(Some(ID)), "right")];
        let link = || (link(ID, "right", "a"), "");
        let proof = last([pairs(), vec![link()]].concat());
        assert_eq!(proved_by(&proof), Some("1"));
        let proof = last([pairs(), vec![link(), (secret(Some(ID)), "wrong")]].concat());
        assert_eq!(proved_by(&proof), None);
        assert_eq!(proof.details["signature"], "not this secret");
        let proof = last(vec![link(), (secret(Some(ID)), "wrong")]);
        assert_eq!(proof.details["signature"], "not this secret");
        assert_eq!(proof.verdict, Some(Verdict::Pattern), "it stays a finding");
        let proof = last(vec![link(), (secret(Some(ID)), "wrong"), pairs().remove(1)]);
        assert_eq!(proved_by(&proof), Some("0"));
    }

    #[test]
    fn a_secret_without_an_id_takes_the_id_of_the_link_it_signed() {
        let proof = last(vec![(link(ID, "right", "a"), ""), (secret(None), "right")]);
        assert_eq!(proved_by(&proof), Some("0"));
        assert_eq!(proof.identity["key_id"], ID);
        let proof = last(vec![(secret(None), "right"), (link(ID, "right", "a"), "")]);
        assert_eq!(proved_by(&proof), Some("0"));
        let proof = last(vec![(link(ID, "right", "a"), ""), (secret(None), "wrong")]);
        assert_eq!(
            proof,
            secret_taken(None),
            "it is nobody's, so nothing is said"
        );
    }

    /// A secret that nothing was said of.
    fn secret_taken(id: Option<&str>) -> Proof {
        let mut proof = secret(id);
        proof.evidence = None;
        proof
    }

    #[test]
    fn what_comes_again_says_again_who_proves_it() {
        let again = || (secret(None), "right");
        let proof = last(vec![(link(ID, "right", "a"), ""), again(), again()]);
        assert_eq!(proved_by(&proof), Some("0"));
        let link = || (link(ID, "right", "a"), "");
        let proof = last(vec![again(), link(), link(), again()]);
        assert_eq!(proved_by(&proof), Some("1"));
    }

    #[test]
    fn a_link_of_another_id_proves_nothing() {
        let other = "AKIAI44QH8DHBEXAMPLE";
        let proof = last(vec![
            (link(other, "right", "a"), ""),
            (secret(Some(ID)), "right"),
        ]);
        assert_eq!(proof, secret_taken(Some(ID)));
    }

    #[test]
    fn the_oldest_id_is_forgotten_when_there_are_too_many() {
        let findings = |more: usize| {
            let first = vec![(secret(Some(ID)), "right")];
            let others = (0..more).map(|index| (secret(Some(&format!("id {index}"))), "x"));
            let link = vec![(link(ID, "right", "a"), "")];
            first.into_iter().chain(others).chain(link).collect()
        };
        assert_eq!(proved_by(&last(findings(MOST_IDS - 1))), Some("0"));
        assert_eq!(proved_by(&last(findings(MOST_IDS))), None);
    }

    #[test]
    fn lists_stay_bounded_whatever_is_found() {
        let mut pairer = Pairer::default();
        for index in 0..600 {
            let text = index.to_string();
            pairer.take(&mut secret(Some(ID)), text.as_bytes(), &text);
            pairer.take(&mut secret(None), text.as_bytes(), &text);
        }
        for index in 0..10 {
            let text = index.to_string();
            pairer.take(&mut link(ID, "unknown", &text), b"", &text);
        }
        let owner = &pairer.owners[ID];
        assert_eq!(owner.secrets.len(), SECRETS_PER_ID);
        assert_eq!(owner.links.len(), LINKS_PER_ID);
        assert_eq!(pairer.strays.len(), MOST_STRAYS);
        pairer.failures = Failures {
            own: MOST_FAILURES,
            stray: MOST_FAILURES,
        };
        let mut proof = secret(Some(ID));
        pairer.take(&mut proof, b"unknown", "late");
        assert_eq!(proof, secret_taken(Some(ID)), "untried, so not disproved");
    }
}
