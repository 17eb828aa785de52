//! Passwords, logins, headers, links and keys of the web: found in the texts they lie in, and not
//! in texts that only look like it.

mod samples;

use keydredge::confirm::Confirmed;
use keydredge::finding::Verdict;
use keydredge::specimen::{Stream, expand};

use crate::texts::Texts;

/// The types that are believed, in the order of their secrets.
fn types(text: &str) -> Vec<String> {
    let texts = Texts::shared();
    let found = texts.resolved(text.as_bytes());
    let believed = found.iter().filter(|found| found.suppressed.is_none());
    believed
        .map(|found| texts.type_of(found).to_owned())
        .collect()
}

/// The one secret of a type that is believed in a text.
#[track_caller]
fn only(secret_type: &str, text: &str) -> Confirmed {
    let texts = Texts::shared();
    let mut found = texts.resolved(text.as_bytes());
    found.retain(|found| found.suppressed.is_none() && texts.type_of(found) == secret_type);
    assert_eq!(found.len(), 1, "{secret_type} in {text}");
    found.remove(0)
}

fn made(template: &str, seed: usize) -> String {
    expand(template, &mut Stream::new(&format!("logins/{seed}")))
}

#[test]
fn every_sample_is_found_as_what_it_is() {
    for (secret_type, templates) in samples::FOUND {
        assert!(templates.len() >= 10, "{secret_type}");
        for (seed, template) in templates.iter().enumerate() {
            let text = made(template, seed);
            let types = types(&text);
            assert!(
                types.iter().any(|found| found == secret_type),
                "{secret_type} not found, but {types:?}: {text}"
            );
        }
    }
}

#[test]
fn no_near_miss_is_found() {
    for (secret_type, templates) in samples::NOT_FOUND {
        assert!(templates.len() >= 10, "{secret_type}");
        for (seed, template) in templates.iter().enumerate() {
            let text = made(template, seed);
            let types = types(&text);
            assert!(
                types.iter().all(|found| found != secret_type),
                "{secret_type} found: {text}"
            );
        }
    }
}

#[test]
fn a_password_with_its_user_is_a_login_and_without_one_a_password() {
    let login = made("username: svc_app\npassword: '{password}'\n", 1);
    assert_eq!(types(&login), ["user-login-credentials"]);
    let password = made("smtp_password: '{password}'\n", 1);
    assert_eq!(types(&password), ["general-password"]);
    let header = made("Authorization: token {github-classic}\n", 1);
    assert_eq!(types(&header), ["github-personal-access-token"]);
}

#[test]
fn a_login_names_its_user_and_host() {
    let text = made("url = amqp://svc:{password}@mq.acme.corp:5672/v\n", 2);
    let found = only("user-login-credentials", &text);
    assert_eq!(found.proof.identity["user"], "svc");
    assert_eq!(found.proof.target.unwrap().name, "mq.acme.corp");
    let text = made("machine git.acme.corp login ops password {password}\n", 2);
    let found = only("user-login-credentials", &text);
    assert_eq!(found.proof.target.unwrap().name, "git.acme.corp");
    let text = made(
        "{\"host\":\"db1.acme.corp\",\"user\":\"svc_app\",\"password\":\"{password}\"}",
        2,
    );
    let found = only("user-login-credentials", &text);
    assert_eq!(found.proof.identity["user"], "svc_app");
    assert_eq!(found.proof.target.unwrap().name, "db1.acme.corp");
}

#[test]
fn a_percent_encoded_password_is_fingerprinted_as_it_is_typed() {
    let found = only(
        "user-login-credentials",
        &["https://ops:S3cret%40", "Home9@git.acme.corp/x"].concat(),
    );
    assert_eq!(found.proof.canonical.unwrap(), b"S3cret@Home9");
    assert_eq!(found.secret, b"S3cret%40Home9");
}

#[test]
fn the_value_of_a_kubernetes_secret_is_read() {
    let text = made("kind: Secret\ndata:\n  password: {password-base64}\n", 3);
    let found = only("general-password", &text);
    assert_eq!(found.proof.details["encoding"], "base64");
    // Base64 of `changeme-please`.
    let text = "kind: Secret\ndata:\n  password: Y2hhbmdlbWUtcGxlYXNl\n";
    assert!(types(text).is_empty());
}

#[test]
fn a_signed_link_names_bucket_signer_and_expiry() {
    let found = only("google-storage-signed-url", &made("{google-signed-v4}", 4));
    let target = found.proof.target.as_ref().unwrap();
    assert_eq!(
        (target.kind.as_str(), target.name.as_str()),
        ("gcs-bucket", "acme-backups")
    );
    assert_eq!(found.proof.identity["project"], "acme-prod");
    let expires = found.proof.expires.unwrap().to_string();
    assert!(
        expires.starts_with("2026-02-") && expires.ends_with("T11:11:12Z"),
        "{expires}"
    );
    assert_eq!(found.proof.verdict, Some(Verdict::Structure));
    let found = only("google-storage-signed-url", &made("{google-signed-v2}", 4));
    assert_eq!(found.proof.expires.unwrap().as_second(), 1_790_000_000);
    assert_eq!(found.proof.target.unwrap().name, "acme-backups");
}

#[test]
fn a_profile_names_its_site_once_for_each_copy_of_the_password() {
    let password = made("{app-service-password}", 5);
    let text = format!(
        "<publishData><publishProfile publishMethod=\"MSDeploy\" publishUrl=\"acme.scm.azurewebsites\
         .net:443\" userName=\"$acme\" userPWD=\"{password}\" destinationAppUrl=\"http://acme.\
         azurewebsites.net\"><databases /></publishProfile><publishProfile publishMethod=\"FTP\" \
         publishUrl=\"ftp://waws-prod-am2-001.ftp.azurewebsites.windows.net/site/wwwroot\" \
         userName=\"acme\\$acme\" userPWD=\"{password}\" /></publishData>"
    );
    let found = Texts::shared().resolved(text.as_bytes());
    assert_eq!(found.len(), 2);
    for one in found {
        assert_eq!(
            Texts::shared().type_of(&one),
            "azure-app-service-deployment-password"
        );
        assert_eq!(one.secret, password.as_bytes());
        assert_eq!(one.proof.target.unwrap().name, "acme");
    }
}

#[test]
fn a_header_tells_what_its_token_says() {
    let text = made(
        "curl -H 'Authorization: Bearer {http-jwt}' https://api.acme.corp/v1",
        6,
    );
    let found = only("http-authorization-header", &text);
    assert_eq!(found.proof.identity["issuer"], "https://id.acme.corp");
    assert_eq!(found.proof.expires.unwrap().as_second(), 1_790_000_000);
    assert_eq!(found.proof.target.unwrap().name, "api.acme.corp");
    let text = made(
        "Host: ci.acme.corp\r\nAuthorization: Basic {basic-login}\r\n",
        6,
    );
    let found = only("http-authorization-header", &text);
    assert_eq!(found.proof.identity["user"], "deploy");
    assert_eq!(found.proof.verdict, Some(Verdict::Structure));
}

#[test]
fn an_escaped_machine_key_spans_its_digits() {
    let key = made("{machine-key-128}", 7);
    let text = format!(
        "{{\"config\":\"<machineKey validationKey=\\\"{key}\\\" validation=\\\"SHA1\\\" />\"}}"
    );
    let found = only("asp-net-machine-key", &text);
    assert_eq!(found.secret, key.as_bytes());
    assert_eq!(found.proof.details["algorithm"], "SHA1");
    assert_eq!(found.proof.details["bits"], 512);
}
