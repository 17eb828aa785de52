//! Tokens signed by Microsoft Entra and by Azure DevOps, and the refresh tokens behind them.
//!
//! Microsoft identity platform: "Access token claims reference", "ID token claims reference". The
//! signature is not verified, which would need the issuer's public key of that day.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use serde_json::{Map, Value};

use crate::confirm::validate::Validator;
use crate::confirm::validate::context::{self, Pattern};
use crate::confirm::validate::{encoding, jwt, placeholder};
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(in super::super) const VALIDATORS: &[(&str, Validator)] = &[
    ("azure-devops-app-token", devops),
    ("entra-access-token", access),
    ("entra-refresh-token", refresh),
];

/// Issuer and audience of Azure DevOps.
const DEVOPS: &str = "app.vstoken.visualstudio.com";

/// Issuers of Entra and of its directories for customers. Those of the national clouds and of
/// customers' directories are not from a document.
static ISSUER: Pattern = Pattern::new(
    r"^https://(?:(?:sts\.windows\.net|sts\.chinacloudapi\.cn|login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn)/(?<tenant>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/(?:v2\.0/?)?|[a-z0-9-]{1,64}\.(?:b2clogin|ciamlogin)\.com/[^\s]{1,200})$",
);

/// A token that Entra signed.
pub(super) fn access(candidate: &Candidate<'_>) -> Judgement {
    let Some(claims) = signed_claims(candidate.secret()) else {
        return Judgement::Reject("not a signed web token");
    };
    let issuer = text(&claims, "iss").and_then(|issuer| ISSUER.first(issuer.as_bytes()));
    let Some(issuer) = issuer else {
        return Judgement::Reject("issuer");
    };
    let tenant = text(&claims, "tid");
    if let (Some(named), Some(tenant)) = (context::text_of(&issuer, "tenant"), tenant)
        && named != tenant
    {
        return Judgement::Reject("issuer and tenant differ");
    }
    let audience = text(&claims, "aud");
    let (Some(audience), Some(expires)) = (audience, jwt::expiry(&claims)) else {
        return Judgement::Reject("no audience or no expiry");
    };
    let issued = claims.get("iat").and_then(Value::as_i64);
    if issued.is_some_and(|issued| issued >= expires.as_second()) {
        return Judgement::Reject("expires before it is issued");
    }
    let is_access = ["scp", "appid", "azp"]
        .iter()
        .any(|name| claims.contains_key(*name))
        || claims.contains_key("roles") && !claims.contains_key("nonce");
    let mut proof = Proof::of(Verdict::Structure);
    proof.expires = Some(expires);
    proof = if is_access {
        proof.detail("kind", "access token")
    } else {
        // It says who somebody is and opens nothing by itself.
        proof.detail("kind", "id token").severity(Severity::Low)
    };
    proof = proof.detail("audience", audience);
    let known = tenant
        .map(str::to_owned)
        .or_else(|| context::text_of(&issuer, "tenant"));
    if let Some(tenant) = known {
        proof = proof
            .opens("tenant", &tenant, Some(audience.to_owned()))
            .owner("tenant", tenant);
    }
    for (claim, name) in [
        ("appid", "application"),
        ("azp", "application"),
        ("oid", "object"),
        ("preferred_username", "user"),
        ("unique_name", "user"),
        ("upn", "user"),
    ] {
        if let Some(value) = text(&claims, claim) {
            proof = proof.owner(name, value);
        }
    }
    proof.accept()
}

/// A token that Azure DevOps signed. Pipelines' job tokens have the same issuer.
pub(super) fn devops(candidate: &Candidate<'_>) -> Judgement {
    let Some(claims) = signed_claims(candidate.secret()) else {
        return Judgement::Reject("not a signed web token");
    };
    let is_devops = |name| text(&claims, name).is_some_and(|value| value.contains(DEVOPS));
    if !is_devops("iss") && !is_devops("aud") {
        return Judgement::Reject("issuer");
    }
    let mut proof = Proof::of(Verdict::Structure);
    proof.expires = jwt::expiry(&claims);
    for (claim, name) in [("nameid", "subject"), ("sub", "subject"), ("tid", "tenant")] {
        if let Some(value) = text(&claims, claim) {
            proof = proof.owner(name, value);
        }
    }
    proof.accept()
}

/// A refresh token is opaque: only its shape speaks for it.
pub(super) fn refresh(candidate: &Candidate<'_>) -> Judgement {
    let secret = candidate.secret();
    let has = |test: fn(&u8) -> bool| secret.iter().any(test);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let proof = Proof::of(Verdict::Pattern).detail("kind", "refresh token");
    if !mixed || placeholder::is_typed(secret) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// The claims of a token with a signature by a private key: algorithm, key and signature are
/// there, and the signature is as long as the algorithm makes it.
fn signed_claims(token: &[u8]) -> Option<Map<String, Value>> {
    let header = jwt::header(token)?;
    let shortest = match text(&header, "alg")? {
        "RS256" | "RS384" | "RS512" | "PS256" => 256,
        "ES256" => 64,
        _ => return None,
    };
    text(&header, "kid").or_else(|| text(&header, "x5t"))?;
    let signature = token.rsplit(|byte| *byte == b'.').next()?;
    let signature = encoding::base64url(signature)?;
    (signature.len() >= shortest).then(|| jwt::claims(token))?
}

fn text<'m>(map: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    map.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_whole_addresses() {
        let id = "11111111-2222-4333-a444-555555555555";
        for issuer in [
            format!("https://sts.windows.net/{id}/"),
            format!("https://login.microsoftonline.com/{id}/v2.0"),
            format!("https://login.microsoftonline.us/{id}/v2.0"),
            format!("https://login.partner.microsoftonline.cn/{id}/v2.0"),
            format!("https://acme.b2clogin.com/{id}/v2.0/"),
            format!("https://acme.ciamlogin.com/{id}/v2.0"),
        ] {
            assert!(ISSUER.first(issuer.as_bytes()).is_some(), "{issuer}");
        }
        for issuer in [
            format!("https://sts.windows.net.evil.example/{id}/"),
            format!("http://sts.windows.net/{id}/"),
            "https://sts.windows.net/common/".to_owned(),
            "https://accounts.google.com".to_owned(),
        ] {
            assert!(ISSUER.first(issuer.as_bytes()).is_none(), "{issuer}");
        }
    }
}
