//! Passwords of people in Microsoft Entra (Azure AD): there is no mark but the tenant's name.
//!
//! Cloud accounts need eight characters of three kinds ("Password policies and account
//! restrictions in Microsoft Entra ID"); accounts from elsewhere keep their own rules.

// In tests plain sums are the clearest statement of what is expected.
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing
    )
)]

use std::ops::Range;

use super::Validator;
use super::chosen::{self, Classes, Form};
use super::context::{self, Pattern, gap_between};
use super::key_name::names_a_password;
use super::password::same_record;
use super::query::Query;
use crate::confirm::unescape;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("entra-user-code", code),
    ("entra-user-form", form),
    ("entra-user-name", name),
];

/// How far from a name its password is looked for, in bytes.
const NEAR: usize = 200;
/// How far from a form the address it is sent to is looked for, in bytes.
const REQUEST: usize = 500;
/// Shortest password of a cloud account.
const SHORTEST: usize = 8;

/// Tenants that documentation is written with.
const DOCUMENTED: &[&str] = &[
    "contoso",
    "fabrikam",
    "adatum",
    "tailspintoys",
    "wingtiptoys",
    "northwind",
    "example",
    "tenant",
    "yourtenant",
    "mytenant",
    "yourdomain",
    "mydomain",
    "domain",
    "company",
    "yourcompany",
    "mycompany",
    "test",
    "tenantname",
    "your-tenant",
    "xxx",
];

static PASSWORD: Pattern = Pattern::new(
    r#"(?i)(?:(?:^|[^a-z0-9_.-])(?:(?<key>[a-z0-9_.-]{0,40}(?:password|passwd|passphrase|pwd|pass))["'\]]{0,2}(?:\s{0,8}(?:=>|:=|[:=])\s{0,8}(?:\{\s{0,8}"value"\s{0,2}:\s{0,2})?|,?\s{1,40}["']?value["']?\s{0,2}[:=]\s{0,2}|>)|(?<flag>-p|--?password)(?:\s{1,4}|=)|(?<slash>/pass(?:word)?:))(?:"(?<quoted>[^"\r\n]{1,128})"|'(?<single>[^'\r\n]{1,128})'|(?<bare>[^\s"'<>,;&|`]{1,128}))|ConvertTo-SecureString\s{1,4}(?:-String\s{1,4})?["'](?<secure>[^"'$\r\n]{1,128})["'])"#,
);

/// A password in the next column: `user@tenant.onmicrosoft.com,Passw...`.
static COLUMN: Pattern =
    Pattern::new(r#"^["']?[,;:|\t]["']?(?<column>[^\s"',;|<>]{8,64})["']?(?:[\r\n,;|\t]|$)"#);

static FORM: Pattern = Pattern::new(r"(?:^|[&?])password=(?<password>[^&\s]{1,256})");

static TOKEN_HOST: Pattern = Pattern::new(
    r"(?i)login\.(?:partner\.)?microsoftonline\.(?:com|us|cn|de)|login\.windows\.net|login\.microsoft\.com|sts\.windows\.net|\.onmicrosoft\.com|%40[a-z0-9-]{1,40}\.onmicrosoft",
);

/// A user name of a tenant with a password in the same record.
pub(super) fn name(candidate: &Candidate<'_>) -> Judgement {
    let window = candidate.window;
    let place = candidate.secret_range();
    let user = candidate.secret();
    let after = window.get(place.end..).unwrap_or(&[]);
    if after
        .first()
        .is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'-')
    {
        return Judgement::Reject("the name goes on");
    }
    let Some((value, at, form)) = password_near(window, &place) else {
        return Judgement::Reject("no password in the same record");
    };
    let rest = window.get(at.end..).unwrap_or(&[]);
    if unescape::looks_escaped(value, rest) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    believe(user, value, form, Proof::of(Verdict::Pattern).lies_at(at))
}

/// Literals in a call that logs a person in.
pub(super) fn code(candidate: &Candidate<'_>) -> Judgement {
    let user = candidate.group("user").unwrap_or(&[]);
    let value = candidate.secret();
    let rest = candidate.window.get(candidate.secret_range().end..);
    if unescape::looks_escaped(value, rest.unwrap_or(&[])) {
        return Judgement::Reject("escaped: another reading of the window is right");
    }
    believe(user, value, Form::Quoted, Proof::of(Verdict::Pattern))
}

/// The form of the password grant (RFC 6749 section 4.3.2), sent to Microsoft.
pub(super) fn form(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    if TOKEN_HOST
        .nearest(candidate.window, &place, REQUEST)
        .is_none()
    {
        return Judgement::Reject("not sent to Microsoft");
    }
    let text = candidate.secret();
    let Some(found) = FORM.first(text).and_then(|found| found.name("password")) else {
        return Judgement::Reject("no password");
    };
    let at = place.start.saturating_add(found.start())..place.start.saturating_add(found.end());
    let query = Query::parse(text);
    let (Some(user), Some(value)) = (query.get("username"), query.get("password")) else {
        return Judgement::Reject("no user");
    };
    believe(
        user,
        value,
        Form::Quoted,
        Proof::of(Verdict::Structure).lies_at(at),
    )
}

fn believe(user: &[u8], value: &[u8], form: Form, proof: Proof) -> Judgement {
    let user = context::text(user).to_ascii_lowercase();
    let Some((_, domain)) = user.split_once('@') else {
        return Judgement::Reject("no tenant");
    };
    let tenant = domain.split('.').next().unwrap_or_default();
    let proof =
        proof
            .canonical(value)
            .owner("user", user.as_str())
            .opens("entra-tenant", domain, None);
    if DOCUMENTED.contains(&tenant) {
        return proof.suppress("documentation");
    }
    if value.len() < SHORTEST || Classes::of(value).count() < 2 {
        return Judgement::Reject("too simple for the directory");
    }
    chosen::judge(value, form, proof)
}

/// The password of a record: the nearest after the name, else the nearest before.
fn password_near<'w>(
    window: &'w [u8],
    place: &Range<usize>,
) -> Option<(&'w [u8], Range<usize>, Form)> {
    let after = window.get(place.end..)?;
    if let Some(column) = COLUMN.first(after).and_then(|found| found.name("column"))
        && Classes::of(column.as_bytes()).count() >= 3
        && !column.as_bytes().contains(&b'=')
    {
        let at = place.end.saturating_add(column.start())..place.end.saturating_add(column.end());
        return Some((column.as_bytes(), at, Form::Bare));
    }
    PASSWORD
        .find_all(window)
        .filter_map(|found| {
            let named = found
                .name("key")
                .is_none_or(|key| names_a_password(key.as_bytes()));
            let bare = found.name("bare").is_some();
            let value = ["quoted", "single", "bare", "secure"]
                .into_iter()
                .find_map(|group| found.name(group))?;
            let at = value.range();
            let fits = named
                && at.start != place.start
                && gap_between(&at, place) <= NEAR
                && same_record(window, &at, place);
            let form = if bare { Form::Bare } else { Form::Quoted };
            fits.then(|| (value.as_bytes(), at, form))
        })
        .min_by_key(|(_, at, _)| (at.start < place.start, gap_between(at, place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put in at run time, so that no login lies in this file.
    const HOST: &str = "acme.onmicrosoft.com";

    fn found(text: &str) -> Option<String> {
        let (before, _) = text.split_once(".onmicrosoft.com").unwrap();
        let marks = ['"', '\'', ' ', '=', '\n'];
        let name = before.rsplit(marks).next().unwrap();
        let start = before.len().saturating_sub(name.len());
        let end = before.len().saturating_add(16);
        password_near(text.as_bytes(), &(start..end)).map(|(value, ..)| context::text(value))
    }

    #[test]
    fn the_password_of_the_record_is_read() {
        for text in [
            "user=a@HOST\npassword=Xy7!xxab",
            "a@HOST,Xy7!xxab\n",
            "a@HOST:Xy7!xxab",
            "az login -u a@HOST -p Xy7!xxab",
            "cmdkey /add:x /user:x a@HOST /pass:Xy7!xxab",
            "$u = 'a@HOST'\n$p = ConvertTo-SecureString 'Xy7!xxab' -AsPlainText",
            "{\"password\": \"Xy7!xxab\", \"upn\": \"a@HOST\"}",
            "\"user\": {\"value\": \"a@HOST\"}, \"pwd\": {\"value\": \"Xy7!xxab\"}",
        ] {
            let text = text.replace("HOST", HOST);
            assert_eq!(found(&text).as_deref(), Some("Xy7!xxab"), "{text}");
        }
        for text in [
            "the password for a@HOST is known",
            "a@HOST\n\npassword=Xy7!xxab",
            "a@HOST,Engineering",
        ] {
            let text = text.replace("HOST", HOST);
            assert_eq!(found(&text), None, "{text}");
        }
        assert!(FORM.regex().is_some() && TOKEN_HOST.regex().is_some());
    }
}
