//! Findings that prove each other, wherever in a scan they lie, and what a finding then says.

use keydredge::finding::{Finding, Verdict};
use keydredge::rule::Severity;
use keydredge::specimen::{Stream, maker};

use crate::fixture::Desk;

/// A key and the links that it signed.
struct Account {
    id: String,
    secret: String,
    links: [String; 2],
}

impl Account {
    fn new(seed: &str) -> Self {
        let text = made("aws-key-with-links", seed);
        let lines: Vec<&str> = text.lines().collect();
        let &[id, secret, new, old] = lines.as_slice() else {
            panic!("an id, a secret and two links: {text}");
        };
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            links: [new.to_owned(), old.to_owned()],
        }
    }

    fn pair(&self) -> String {
        pair(&self.id, &self.secret)
    }
}

fn made(name: &str, seed: &str) -> String {
    maker(name).unwrap()(&mut Stream::new(seed))
}

fn pair(id: &str, secret: &str) -> String {
    format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
}

/// What is found in these texts, a mebibyte apart on one disk.
fn found(texts: &[&str]) -> Vec<Finding> {
    found_with(&Desk::new(), texts, &[])
}

fn found_with(desk: &Desk, texts: &[&str], args: &[&str]) -> Vec<Finding> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(1 << 20), b'\n');
    }
    let disk = desk.file("disk.img", bytes);
    let args = [&["--as", "image"], args].concat();
    desk.scan(&disk, &args).expect(0).findings()
}

fn detail<'f>(finding: &'f Finding, name: &str) -> Option<&'f str> {
    let value = finding.details.get(name);
    value.map(|value| value.as_str().unwrap())
}

/// Asserts that the second of two findings is proven by the first, and the first by nothing.
#[track_caller]
fn assert_proven(found: &[Finding]) {
    let [first, second] = found else {
        panic!("two findings, not {}", found.len());
    };
    assert_eq!(second.verdict, Verdict::Paired);
    assert_eq!(detail(second, "proved_by"), Some(&*first.fingerprint));
    assert_eq!(detail(first, "proved_by"), None, "it was written first");
}

#[test]
fn a_key_and_a_link_it_signed_prove_each_other_in_either_order() {
    let account = Account::new("both");
    for link in &account.links {
        let first = found(&[&account.pair(), link]);
        assert_proven(&first);
        assert_eq!(detail(&first[1], "method"), Some("GET"));
        assert_proven(&found(&[link, &account.pair()]));
    }
}

#[test]
fn what_proves_what_depends_on_neither_chunks_nor_threads() {
    let account = Account::new("chunks");
    let wrong = pair(&account.id, &made("aws-secret", "wrong"));
    let texts = [
        &*account.pair(),
        &account.links[0],
        &wrong,
        &account.links[1],
    ];
    let desk = Desk::new();
    let expected = found_with(&desk, &texts, &["--threads", "1"]);
    assert_eq!(expected.len(), 4);
    assert!(detail(&expected[3], "proved_by").is_some());
    for chunk in ["64K", "1M", "64M"] {
        for threads in ["1", "3"] {
            let args = ["--chunk", chunk, "--threads", threads];
            assert_eq!(found_with(&desk, &texts, &args), expected, "{args:?}");
        }
    }
}

#[test]
fn the_pair_that_did_not_sign_is_kept_and_says_so() {
    let account = Account::new("ambiguous");
    let wrong = pair(&account.id, &made("aws-secret", "ambiguous"));
    let [new, old] = &account.links;
    let texts = [new, &wrong, &account.pair(), old];
    let findings = found(&texts.map(String::as_str));
    let [link, wrong, right, old] = findings.as_slice() else {
        panic!("four findings, not {}", findings.len());
    };
    assert_eq!(detail(wrong, "signature"), Some("not this secret"));
    assert_eq!(detail(wrong, "proved_by"), None);
    assert_eq!(wrong.verdict, Verdict::Pattern);
    assert_eq!(detail(right, "signature"), None);
    assert_eq!(detail(right, "proved_by"), Some(&*link.fingerprint));
    assert_eq!(detail(old, "proved_by"), Some(&*right.fingerprint));
}

#[test]
fn a_secret_alone_gets_its_id_and_account_from_the_link() {
    let account = Account::new("alone");
    let alone = format!("export AWS_SECRET_ACCESS_KEY={}\n", account.secret);
    let findings = found(&[&account.links[0], &alone]);
    assert_proven(&findings);
    let [link, secret] = findings.as_slice() else {
        panic!("two findings");
    };
    assert_eq!(secret.variant, "secret-with-keyword");
    assert_eq!(secret.identity["key_id"], account.id.as_str());
    assert_eq!(secret.identity["account"], link.identity["account"]);
    assert_eq!(secret.severity, Severity::Critical);
    assert_eq!(detail(secret, "key_id"), None, "it was found after all");
    assert_proven(&found(&[&alone, &account.links[1]]));
    let other = Account::new("other");
    for finding in found(&[&other.links[0], &alone]) {
        assert_eq!(detail(&finding, "proved_by"), None);
    }
}

#[test]
fn links_are_recomputed_through_their_escapes_and_across_files() {
    let account = Account::new("escaped");
    let [new, old] = &account.links;
    let desk = Desk::new();
    desk.file("tree/a/credentials", account.pair());
    let escaped = new.replace('&', "\\u0026").replace('/', "\\/");
    desk.file("tree/b/api.json", format!("{{\"url\": \"{escaped}\"}}\n"));
    let escaped = old.replace('&', "&amp;");
    desk.file("tree/c/page.html", format!("<a href=\"{escaped}\">\n"));
    let findings = desk.scan(&desk.path("tree"), &[]).expect(0).findings();
    assert_eq!(findings.len(), 3);
    for link in &findings[1..] {
        let key = &findings[0].fingerprint;
        assert_eq!(detail(link, "proved_by"), Some(&**key), "{}", link.variant);
    }
}

#[test]
fn a_link_that_was_altered_or_signs_headers_it_does_not_show_is_not_proven() {
    let account = Account::new("altered");
    let [new, old] = &account.links;
    let altered = [
        new.replace("march", "april"),
        old.replace("march", "april"),
        new.replace("SignedHeaders=host", "SignedHeaders=content-type%3Bhost"),
    ];
    for (index, link) in altered.iter().enumerate() {
        let findings = found(&[&account.pair(), link]);
        assert_eq!(findings[1].verdict, Verdict::Structure);
        assert_eq!(detail(&findings[1], "proved_by"), None);
        let says = detail(&findings[1], "signature").unwrap_or_default();
        assert_eq!(says.starts_with("cannot be recomputed"), index == 2);
    }
}

#[test]
fn a_piece_of_a_session_token_is_not_taken_for_the_secret_of_its_link() {
    let id = made("aws-temporary-id", "token");
    let secret = made("aws-secret", "piece").replace(['+', '/'], "7");
    let link = made("s3-presigned-v4", "token");
    let (_, rest) = link.split_once("Credential=").unwrap();
    let own = &rest[..id.len()];
    let piece = &secret[2..];
    // `2F` and 38 characters are 40.
    let token = format!("X-Amz-Security-Token=IQoJ%2F{piece}%2B&X-Amz-Signature");
    let link = link.replace(own, &id).replace("X-Amz-Signature", &token);
    let findings = found(&[&link]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].variant, "sigv4");
}

#[test]
fn what_has_expired_is_worth_as_little_as_its_type_says() {
    let expired = [
        made("s3-presigned-v4", "old").replace("202603", "201603"),
        format!(
            "https://acmelogs.blob.core.windows.net/c/f?{}",
            made("azure-storage-sas", "old").replace("se=2027-", "se=2017-")
        ),
    ];
    for (text, severity) in expired.iter().zip([Severity::Info, Severity::Low]) {
        let findings = found(&[text]);
        assert_eq!(findings.len(), 1, "{text}");
        assert_eq!(findings[0].expired, Some(true));
        assert_eq!(
            findings[0].severity, severity,
            "{}",
            findings[0].secret_type
        );
    }
}

#[test]
fn a_private_key_is_shown_by_its_public_half_and_a_host_key_by_its_label() {
    let desk = Desk::new();
    let key = made("ssh-openssh-ed25519", "host");
    desk.file("etc/ssh/ssh_host_ed25519_key", key);
    let pem = made("ssh-pkcs8-p256", "snakeoil");
    desk.file("etc/ssl/private/ssl-cert-snakeoil.key", pem);
    let findings = desk.scan(&desk.path("etc"), &[]).expect(0).findings();
    assert_eq!(findings.len(), 2);
    for (finding, label) in findings.iter().zip(["ssh-host-key", "snakeoil"]) {
        let public = detail(finding, "public_key").unwrap();
        assert_eq!(finding.secret.preview, format!("{}…", &public[..11]));
        assert_eq!(finding.occurrence.labels, [label]);
        assert_eq!(finding.secret.value, None);
    }
}
