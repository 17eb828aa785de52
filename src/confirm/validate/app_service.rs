//! Publishing passwords of Azure App Service.
//!
//! Project Kudu, "Deployment credentials": a site has one user, `$site`, whose password of 60
//! characters stands in its publishing profile; a person may have one login for all sites.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::Validator;
use super::chosen::{self, Form};
use super::context::{self, Pattern};
use super::{entropy, placeholder};
use crate::confirm::unescape;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] =
    &[("app-service-profile", profile), ("app-service-url", url)];

/// Characters of a site's password.
const LEN: usize = 60;
/// Bits per character that it must show: of random ones, one in 10,000 shows fewer than 4.67.
const FLOOR: f64 = 4.5;

static USER: Pattern = Pattern::new(r#"(?i)\buserName\s*=\s*["'](?<user>[^"'<>]{1,128})"#);
static HOST: Pattern = Pattern::new(
    r"(?i)(?<host>[a-z0-9][a-z0-9-]{0,80}(?:\.[a-z0-9-]{1,60}){0,3}\.(?:azurewebsites\.(?:net|us|windows\.net)|chinacloudsites\.cn))",
);
static SITE: Pattern = Pattern::new(r#"(?i)\bmsdeploySite\s*=\s*["'](?<site>[a-z0-9-]{1,64})"#);

/// The attribute `userPWD`, in a profile or alone.
pub(super) fn profile(candidate: &Candidate<'_>) -> Judgement {
    let password = candidate.secret();
    if password.len() != LEN || entropy::bits_per_byte(password) < FLOOR {
        return Judgement::Reject("not drawn by Azure");
    }
    let tag = context::tag_around(candidate.window, &candidate.secret_range(), 200);
    let user = USER
        .first(tag)
        .and_then(|found| context::text_of(&found, "user"));
    if user.as_ref().is_some_and(|user| !user.contains('$')) {
        return Judgement::Reject("not the user of a site");
    }
    let host = HOST
        .find_all(tag)
        .filter_map(|found| context::text_of(&found, "host"))
        .min_by_key(String::len);
    let site = user
        .as_ref()
        .and_then(|user| Some(user.rsplit_once('$')?.1.to_owned()))
        .or_else(|| {
            let found = SITE.first(tag)?;
            context::text_of(&found, "site")
        });
    let mut proof = Proof::of(Verdict::Pattern).canonical(password);
    if let Some(user) = user {
        proof = proof.owner("user", user);
    }
    if let Some(site) = site {
        let host = host.map(|host| host.to_ascii_lowercase());
        proof = proof.opens("app-service", &site.to_ascii_lowercase(), host);
    }
    if placeholder::is_typed(password) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// `https://$site:password@site.scm.azurewebsites.net`.
pub(super) fn url(candidate: &Candidate<'_>) -> Judgement {
    let (Some(user), Some(host)) = (candidate.group("user"), candidate.group("host")) else {
        return Judgement::Reject("shape");
    };
    let user = context::text(&unescape::percent_value(user));
    let host = context::text(host).to_ascii_lowercase();
    let password = unescape::percent_value(candidate.secret());
    let site = match user.rsplit_once('$') {
        Some((_, site)) => site.to_ascii_lowercase(),
        None => host.split('.').next().unwrap_or_default().to_owned(),
    };
    let proof = Proof::of(Verdict::Structure)
        .canonical(password.as_ref())
        .owner("user", user)
        .opens("app-service", &site, Some(host));
    if password.len() == LEN && entropy::bits_per_byte(&password) >= FLOOR {
        return if placeholder::is_typed(&password) {
            proof.suppress("placeholder")
        } else {
            proof.accept()
        };
    }
    // Chosen by a person, for all their sites.
    chosen::judge(&password, Form::Quoted, proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_a_profile_are_read() {
        let text =
            "publishUrl=\"acme.scm.azurewebsites.net:443\" x=\"http://acme.azurewebsites.net\"";
        let found = HOST.find_all(text.as_bytes());
        let hosts: Vec<String> = found
            .filter_map(|found| context::text_of(&found, "host"))
            .collect();
        assert_eq!(
            hosts,
            ["acme.scm.azurewebsites.net", "acme.azurewebsites.net"]
        );
        assert!(USER.regex().is_some() && SITE.regex().is_some());
    }
}
