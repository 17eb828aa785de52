//! Presigned S3 URLs: whoever holds the link may use it until it expires.
//!
//! Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters" (version 4), and
//! Amazon S3 User Guide, "Signing and authenticating REST requests" (version 2).

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::query::Query;
use super::signature::{Address, Signed};
use super::{aws, encoding};
use crate::confirm::pair::Evidence;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("aws-presigned-v2", version_2),
    ("aws-presigned-v4", version_4),
];

/// Longest life of a version 4 signature: a week, in seconds.
pub(super) const WEEK: i64 = 604_800;

/// The parts of a link.
pub(super) struct Link<'u> {
    pub(super) address: Address<'u>,
    pub(super) query: Query,
}

/// The last URL with this parameter in a text that may hold several without a space between.
pub(super) fn link<'t>(text: &'t [u8], parameter: &str) -> Option<(usize, Link<'t>)> {
    let text = std::str::from_utf8(text).ok()?;
    let lower = text.to_ascii_lowercase();
    lower.rmatch_indices("http").find_map(|(start, _)| {
        let (scheme, rest) = text.get(start..)?.split_once("://")?;
        if !matches!(scheme.len(), 4 | 5) {
            return None;
        }
        let (before, query) = rest.split_once('?')?;
        let (host, path) = before.split_once('/')?;
        let address = Address { host, path, query };
        let query = Query::parse(query.as_bytes());
        query.get(parameter)?;
        Some((start, Link { address, query }))
    })
}

/// `X-Amz-Signature`.
pub(super) fn version_4(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    let Some((start, link)) = link(candidate.secret(), "X-Amz-Signature") else {
        return Judgement::Reject("not a link");
    };
    let query = &link.query;
    if query.has_duplicates() || query.text("X-Amz-Algorithm") != Some("AWS4-HMAC-SHA256") {
        return Judgement::Reject("parameters");
    }
    let (Some(credential), Some(date), Some(life), Some(headers), Some(signature)) = (
        query.text("X-Amz-Credential"),
        query.text("X-Amz-Date"),
        query.text("X-Amz-Expires"),
        query.text("X-Amz-SignedHeaders"),
        query.text("X-Amz-Signature"),
    ) else {
        return Judgement::Reject("a parameter is missing");
    };
    let parts: Vec<&str> = credential.split('/').collect();
    let [id, day, region, service, "aws4_request"] = parts.as_slice() else {
        return Judgement::Reject("credential scope");
    };
    if *service != "s3" {
        return Judgement::Reject("signed for another service");
    }
    let signed = date.get(..8) == Some(*day);
    let (Some(at), Ok(life)) = (basic_time(date), life.parse::<i64>()) else {
        return Judgement::Reject("date");
    };
    if !signed || !(1..=WEEK).contains(&life) || signature.len() != 64 {
        return Judgement::Reject("date, life or signature");
    }
    let mut proof = describe(&link, id.as_bytes())
        .lies_at(place.start.saturating_add(start)..place.end)
        .canonical(signature.to_ascii_lowercase())
        .detail("region", *region)
        .detail("signed", at.to_string())
        .detail("algorithm", "signature version 4");
    proof.expires = at
        .as_second()
        .checked_add(life)
        .and_then(|second| jiff::Timestamp::from_second(second).ok());
    if headers.eq_ignore_ascii_case("host") {
        let scope = format!("{day}/{region}/s3/aws4_request");
        proof = proof.evidence(Evidence::Signature {
            id: (*id).to_owned(),
            signed: Signed::version_4(&link.address, date, &scope, signature),
        });
    } else {
        proof = proof.detail("signed_headers", headers).detail(
            "signature",
            "cannot be recomputed: it covers headers that are not in the link",
        );
    }
    finish(proof, id)
}

/// `AWSAccessKeyId`.
pub(super) fn version_2(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    let Some((start, link)) = link(candidate.secret(), "AWSAccessKeyId") else {
        return Judgement::Reject("not a link");
    };
    let query = &link.query;
    // Other services of the time sign queries too, and say how.
    if query.has_duplicates() || query.get("SignatureMethod").is_some() {
        return Judgement::Reject("parameters");
    }
    let (Some(id), Some(expires), Some(signature)) = (
        query.text("AWSAccessKeyId"),
        query.text("Expires"),
        query.get("Signature"),
    ) else {
        return Judgement::Reject("a parameter is missing");
    };
    let well_formed = (16..=24).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let mac = encoding::base64(signature).filter(|mac| mac.len() == 20);
    let moment = (expires.len() == 10)
        .then(|| expires.parse().ok())
        .flatten()
        .and_then(|second| jiff::Timestamp::from_second(second).ok());
    let (true, Some(mac), Some(moment)) = (well_formed, mac, moment) else {
        return Judgement::Reject("id, expiry or signature");
    };
    let mut proof = describe(&link, id.as_bytes())
        .lies_at(place.start.saturating_add(start)..place.end)
        .canonical(signature)
        .detail("algorithm", "signature version 2");
    proof.expires = Some(moment);
    let bucket = bucket_of_host(&link.address);
    proof = proof.evidence(Evidence::Signature {
        id: id.to_owned(),
        signed: Signed::version_2(&link.address, bucket.as_deref(), expires, &mac),
    });
    finish(proof, id)
}

fn finish(proof: Proof, id: &str) -> Judgement {
    // Nothing is left of an expired link but the names in it.
    let proof = proof.expired_severity(Severity::Info);
    if id.ends_with("EXAMPLE") {
        proof.suppress("published example")
    } else {
        proof.accept()
    }
}

/// Whose link it is and what it opens. The severity of the key that signed it is not the link's.
fn describe(link: &Link<'_>, id: &[u8]) -> Proof {
    let mut proof = aws::with_id(Proof::of(Verdict::Structure), id);
    proof.severity = None;
    proof.details.remove("kind");
    let Address { host, path, .. } = link.address;
    let endpoint = Some(host_name(host));
    let (front, inside) = path.split_once('/').unwrap_or((path, ""));
    let (kind, bucket, object) = match bucket_of_host(&link.address) {
        Some(bucket) if bucket.is_empty() => ("s3-bucket", front.to_owned(), inside),
        Some(bucket) => ("s3-bucket", bucket, path),
        None => ("s3-compatible", front.to_owned(), path),
    };
    proof
        .detail("object", object)
        .opens(kind, &bucket, endpoint)
}

/// The host without its port, in lower case.
fn host_name(host: &str) -> String {
    host.split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// The bucket that an Amazon host names; empty where the path names it. `None` for other hosts.
fn bucket_of_host(address: &Address<'_>) -> Option<String> {
    let host = host_name(address.host);
    let front = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let is_service = |label: &str| label == "s3" || label.starts_with("s3-");
    let labels: Vec<&str> = front.split('.').collect();
    let at = labels.iter().rposition(|label| is_service(label))?;
    Some(labels.get(..at)?.join("."))
}

/// `20130524T000000Z`.
pub(super) fn basic_time(text: &str) -> Option<jiff::Timestamp> {
    let part = |range: std::ops::Range<usize>| text.get(range);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
    if part(8..9)? != "T" || part(15..16)? != "Z" || text.len() != 16 {
        return None;
    }
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_read_from_both_styles_of_host() {
        let found = |host, path| {
            let text = format!("https://{host}/{path}?q=1");
            let (_, link) = link(text.as_bytes(), "q").unwrap();
            let target = describe(&link, b"").target.unwrap();
            (target.kind == "s3-bucket").then_some(target.name)
        };
        assert_eq!(found("logs.s3.amazonaws.com", "a/b").unwrap(), "logs");
        assert_eq!(
            found("my.logs.S3.eu-west-1.amazonaws.com:443", "a").unwrap(),
            "my.logs"
        );
        assert_eq!(
            found("s3-eu-west-1.amazonaws.com", "logs/a").unwrap(),
            "logs"
        );
        assert_eq!(
            found("s3.eu-west-1.amazonaws.com", "logs/a").unwrap(),
            "logs"
        );
        assert_eq!(found("minio.corp.example", "logs/a"), None);
    }

    #[test]
    fn the_last_of_two_urls_run_together_is_taken() {
        let text = b"https://a/x?y=2,http://b.example/k?q=1";
        let (start, link) = link(text, "q").unwrap();
        let Address { host, path, .. } = link.address;
        assert_eq!((start, host, path), (16, "b.example", "k"));
    }
}
