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

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::Validator;
use super::query::Query;
use super::{aws, encoding};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("aws-presigned-v2", version_2),
    ("aws-presigned-v4", version_4),
];

/// Longest life of a version 4 signature: a week, in seconds.
pub(super) const WEEK: i64 = 604_800;

/// The parts of a link.
pub(super) struct Link<'u> {
    pub(super) host: &'u str,
    pub(super) path: &'u str,
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
        let query = Query::parse(query.as_bytes());
        query.get(parameter)?;
        Some((start, Link { host, path, query }))
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
    let (Some(scope), Some(date), Some(life), Some(_), Some(signature)) = (
        query.text("X-Amz-Credential"),
        query.text("X-Amz-Date"),
        query.text("X-Amz-Expires"),
        query.text("X-Amz-SignedHeaders"),
        query.text("X-Amz-Signature"),
    ) else {
        return Judgement::Reject("a parameter is missing");
    };
    let scope: Vec<&str> = scope.split('/').collect();
    let [id, day, region, service, "aws4_request"] = scope.as_slice() else {
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
    if !well_formed || mac.is_none() || moment.is_none() {
        return Judgement::Reject("id, expiry or signature");
    }
    let mut proof = describe(&link, id.as_bytes())
        .lies_at(place.start.saturating_add(start)..place.end)
        .canonical(signature)
        .detail("algorithm", "signature version 2");
    proof.expires = moment;
    finish(proof, id)
}

fn finish(proof: Proof, id: &str) -> Judgement {
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
    let host = link.host.to_ascii_lowercase();
    let host = host.split(':').next().unwrap_or_default();
    let path = link.path;
    match bucket(host, path) {
        Some((bucket, object)) => {
            proof
                .detail("object", object)
                .opens("s3-bucket", &bucket, Some(host.to_owned()))
        }
        None => {
            let name = path.split('/').next().unwrap_or_default();
            proof
                .detail("object", path)
                .opens("s3-compatible", name, Some(host.to_owned()))
        }
    }
}

/// Bucket and object key of an Amazon host, virtual-hosted or path style.
fn bucket(host: &str, path: &str) -> Option<(String, String)> {
    let front = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let is_service = |label: &str| label == "s3" || label.starts_with("s3-");
    let labels: Vec<&str> = front.split('.').collect();
    let at = labels.iter().rposition(|label| is_service(label))?;
    if at == 0 {
        let (bucket, object) = path.split_once('/').unwrap_or((path, ""));
        return Some((bucket.to_owned(), object.to_owned()));
    }
    Some((labels.get(..at)?.join("."), path.to_owned()))
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

/// A version 4 presigned URL for an object, made as the API reference says.
pub(crate) fn sign_version_4(signer: &Signer<'_>, date: &str, life: u32) -> String {
    let Signer {
        host,
        path,
        id,
        secret,
        region,
    } = *signer;
    let day = date.get(..8).unwrap_or_default();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={id}%2F{day}%2F{region}%2Fs3%2F\
         aws4_request&X-Amz-Date={date}&X-Amz-Expires={life}&X-Amz-SignedHeaders=host"
    );
    let request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{day}/{region}/s3/aws4_request\n{}",
        hex(&Sha256::digest(request.as_bytes()))
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, region, "s3", "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex(&mac(&key, to_sign.as_bytes()));
    format!("https://{host}{path}?{query}&X-Amz-Signature={signature}")
}

/// Who signs what.
#[derive(Clone, Copy)]
pub(crate) struct Signer<'s> {
    pub(crate) host: &'s str,
    /// With its leading `/`, already percent-encoded.
    pub(crate) path: &'s str,
    pub(crate) id: &'s str,
    pub(crate) secret: &'s str,
    pub(crate) region: &'s str,
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length.
    Hmac::<Sha256>::new_from_slice(key).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        },
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_url_is_signed_alike() {
        // Amazon S3 API Reference, the example of query parameter authentication.
        let signer = Signer {
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            id: "AKIAIOSFODNN7EXAMPLE",
            secret: &["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat(),
            region: "us-east-1",
        };
        let url = sign_version_4(&signer, "20130524T000000Z", 86_400);
        let end = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(url.ends_with(end), "{url}");
    }

    #[test]
    fn buckets_are_read_from_both_styles_of_host() {
        let found = |host, path| bucket(host, path).map(|(bucket, _)| bucket);
        assert_eq!(found("logs.s3.amazonaws.com", "a/b").unwrap(), "logs");
        assert_eq!(
            found("my.logs.s3.eu-west-1.amazonaws.com", "a").unwrap(),
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
        assert_eq!((start, link.host, link.path), (16, "b.example", "k"));
    }
}
