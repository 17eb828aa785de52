//! Certificates that Azure's classic deployment model let in: whoever had one of a subscription
//! was its administrator. Visual Studio's `.publishsettings` files carry them with their keys.

use super::any::container_proof;
use super::pkcs12::{Container, Lock};
use super::{armor, decode_while_base64};
use crate::confirm::{Candidate, Judgement};

/// Where such a certificate is shown.
const ENDPOINT: &str = "management.core.windows.net";

/// How far from the value its subscription is looked for, in bytes.
const REACH: usize = 1024;

/// A PKCS#12 container that an empty password opens.
pub(crate) fn certificate(candidate: &Candidate<'_>) -> Judgement {
    let bytes = decode_while_base64(&armor::unescape(candidate.secret()));
    let proof = Container::read(&bytes).and_then(|container| {
        let proof = container_proof(&container)?;
        Ok((container.lock, proof))
    });
    let mut proof = match proof {
        Err(refusal) => return Judgement::Reject(refusal.reason()),
        Ok((Lock::Password, _)) => return Judgement::Reject("protected by a password"),
        Ok((_, proof)) => proof,
    };
    let subscriptions = subscriptions(candidate);
    if let Some((id, name)) = subscriptions.first() {
        let endpoint = Some(ENDPOINT.to_owned());
        proof = proof.opens("azure-subscription", id, endpoint);
        if let Some(name) = name {
            proof = proof.detail("subscription_name", &**name);
        }
    }
    let ids: Vec<&str> = subscriptions.iter().map(|(id, _)| &**id).collect();
    if ids.len() > 1 {
        proof = proof.detail("subscriptions", ids);
    }
    proof.accept()
}

/// Ids and names of the subscriptions that the value is for: those of its own element where it is
/// an attribute of `Subscription` (schema 2.0), else those of the elements that follow.
fn subscriptions(candidate: &Candidate<'_>) -> Vec<(String, Option<String>)> {
    let secret = candidate.secret_range();
    let text = |range| String::from_utf8_lossy(candidate.window.get(range).unwrap_or(&[]));
    let before = text(secret.start.saturating_sub(REACH)..secret.start);
    let end = secret.end.saturating_add(REACH).min(candidate.window.len());
    let after = text(secret.end..end);
    let own = before
        .rfind('<')
        .map_or("", |at| before.get(at..).unwrap_or(""));
    let rest = after
        .find('>')
        .map_or("", |at| after.get(..at).unwrap_or(""));
    if own.starts_with("<Subscription") {
        let element = format!("{own} {rest}");
        return described(&element).into_iter().collect();
    }
    let elements = after.split("<Subscription").skip(1);
    elements
        .filter_map(|element| described(element.split('>').next()?))
        .collect()
}

fn described(element: &str) -> Option<(String, Option<String>)> {
    let id = attribute(element, "Id")?;
    let is_guid = id.len() == 36 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    is_guid.then(|| {
        (
            id.to_ascii_lowercase(),
            attribute(element, "Name").map(str::to_owned),
        )
    })
}

/// The value of an attribute: ` Name="value"`.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.match_indices(name).find_map(|(at, _)| {
        let preceded = element.get(..at)?.ends_with(char::is_whitespace);
        let value = element.get(at..)?.strip_prefix(name)?.trim_start();
        let value = value
            .strip_prefix('=')?
            .trim_start()
            .trim_start_matches('\\');
        let quote = value
            .chars()
            .next()
            .filter(|c| "\"'".contains(*c) && preceded)?;
        let (value, _) = value.strip_prefix(quote)?.split_once(quote)?;
        Some(value.trim_end_matches('\\'))
    })
}
