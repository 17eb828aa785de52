//! Private keys of every kind, as deployments carry them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keydredge::confirm::Confirmed;
use keydredge::finding::Verdict;
use keydredge::rule::Severity;
use tempfile::TempDir;

use crate::texts::Texts;

use super::{MANAGEMENT, detail, find, listed, read, run, specimen, text_of};

/// The one private key that lies in a text.
fn key(text: &[u8]) -> Confirmed {
    let mut found = find("private-key", text);
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(text));
    found.remove(0)
}

fn nothing(secret_type: &str, text: &[u8]) -> bool {
    find(secret_type, text).is_empty()
}

#[test]
fn keys_of_openssl_are_found_whatever_their_algorithm() {
    let folder = tempfile::tempdir().unwrap();
    let make = |arguments: &[&str]| run(folder.path(), "openssl", arguments);
    let rsa = "rsa_keygen_bits:1024";
    for (file, algorithm, options) in [
        ("X25519", "X25519", None),
        ("X448", "X448", None),
        ("Ed448", "ED448", None),
        ("DH", "DH", Some("group:ffdhe2048")),
        ("RSASSA-PSS", "RSA-PSS", Some(rsa)),
        ("EC", "EC", Some("ec_paramgen_curve:secp256k1")),
        ("ssh-ed25519", "ED25519", None),
        ("ssh-rsa", "RSA", Some(rsa)),
    ] {
        let mut arguments = vec!["genpkey", "-algorithm", algorithm, "-out", file];
        if let Some(options) = options {
            arguments.extend(["-pkeyopt", options]);
        }
        make(&arguments);
        let found = key(&read(&folder, file));
        assert_eq!(detail(&found, "algorithm"), file);
        assert_eq!(found.proof.verdict, Some(Verdict::Structure));
        assert_eq!(found.proof.severity, None);
    }
    make(&["ec", "-in", "EC", "-out", "sec1"]);
    assert_eq!(
        detail(&key(&read(&folder, "sec1")), "format"),
        "EC PRIVATE KEY"
    );
    // Not one of them is a key: what is public, and parameters.
    make(&["pkey", "-in", "ssh-rsa", "-pubout", "-out", "public"]);
    make(&[
        "rsa",
        "-in",
        "ssh-rsa",
        "-RSAPublicKey_out",
        "-out",
        "rsa-public",
    ]);
    make(&[
        "req",
        "-x509",
        "-new",
        "-key",
        "ssh-rsa",
        "-subj",
        "/CN=x",
        "-out",
        "certificate",
    ]);
    make(&["ecparam", "-name", "prime256v1", "-out", "parameters"]);
    for file in ["public", "rsa-public", "certificate", "parameters"] {
        assert!(nothing("private-key", &read(&folder, file)), "{file}");
    }
    // A passphrase makes it worth knowing, no more.
    make(&[
        "pkey", "-in", "ssh-rsa", "-aes128", "-passout", "pass:x", "-out", "pkcs8",
    ]);
    let traditional = [
        "-traditional",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        "pkcs1",
    ];
    make(&[&["rsa", "-in", "ssh-rsa"], &traditional[..]].concat());
    run(
        folder.path(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "secret", "-f", "openssh"],
    );
    for file in ["pkcs8", "pkcs1", "openssh"] {
        let found = key(&read(&folder, file));
        assert_eq!(found.proof.severity, Some(Severity::Low), "{file}");
        assert_eq!(found.proof.details["encrypted"], true);
    }
    let found = key(&read(&folder, "openssh"));
    assert_eq!(
        detail(&found, "public_key"),
        listed(folder.path(), "openssh").0
    );
}

#[test]
fn a_block_with_a_lost_byte_or_another_end_is_no_finding() {
    let text = specimen("pem-x25519");
    assert!(key(text.as_bytes()).proof.canonical.is_some());
    for broken in [
        text.replacen("MC4", "MC5", 1),
        text.replacen("MC4", "MC", 1),
        text.replace("END PRIVATE KEY", "END RSA PRIVATE KEY"),
        text.replace("PRIVATE KEY", "PUBLIC KEY"),
    ] {
        assert!(nothing("private-key", broken.as_bytes()), "{broken}");
    }
}

/// A key, its certificate, and containers made of them.
fn containers() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let make = |arguments: &[&str]| run(folder.path(), "openssl", arguments);
    make(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key",
        "-out",
        "cert",
        "-days",
        "30",
        "-subj",
        "/O=Tools/CN=Windows Azure Tools",
    ]);
    let export = |name: &str, more: &[&str]| {
        let start = [
            "pkcs12", "-export", "-inkey", "key", "-in", "cert", "-out", name,
        ];
        make(&[&start, more].concat());
    };
    export("modern", &["-passout", "pass:"]);
    export("windows", &["-passout", "pass:", "-legacy"]);
    export(
        "triple",
        &[
            "-passout",
            "pass:",
            "-certpbe",
            "PBE-SHA1-3DES",
            "-keypbe",
            "PBE-SHA1-3DES",
            "-macalg",
            "sha1",
        ],
    );
    export("sha512", &["-passout", "pass:", "-macalg", "sha512"]);
    export(
        "plain",
        &["-passout", "pass:", "-certpbe", "NONE", "-keypbe", "NONE"],
    );
    export("no-mac", &["-passout", "pass:", "-nomac"]);
    export("locked", &["-passout", "pass:correct horse"]);
    let bare = [
        "pkcs12", "-export", "-nokeys", "-in", "cert", "-passout", "pass:", "-out", "bare",
    ];
    make(&bare);
    folder
}

#[test]
fn containers_of_openssl_are_opened_with_the_empty_password() {
    let folder = containers();
    let base64 = |file: &str| STANDARD.encode(read(&folder, file));
    let from_pem = key(&read(&folder, "key"));
    let make = |arguments: &[&str]| text_of(&run(folder.path(), "openssl", arguments));
    let end = make(&[
        "x509", "-in", "cert", "-noout", "-enddate", "-dateopt", "iso_8601",
    ]);
    let end = end.trim().trim_start_matches("notAfter=").replace(' ', "T");
    let print = make(&["x509", "-in", "cert", "-noout", "-fingerprint", "-sha1"]);
    let print = print.trim().rsplit('=').next().unwrap().replace(':', "");
    for file in ["modern", "windows", "triple", "sha512", "plain", "no-mac"] {
        let found = key(format!("data: \"{}\"", base64(file)).as_bytes());
        // The same key as in its PEM file, so it is recognised there.
        assert_eq!(found.proof.canonical, from_pem.proof.canonical, "{file}");
        assert_eq!(
            detail(&found, "public_key"),
            detail(&from_pem, "public_key")
        );
        assert_eq!(detail(&found, "certificate_subject"), "Windows Azure Tools");
        assert_eq!(detail(&found, "certificate_sha1"), print);
        assert_eq!(found.proof.expires.unwrap().to_string(), end);
        let proved = file != "no-mac";
        assert_eq!(
            found.proof.verdict == Some(Verdict::Checksum),
            proved,
            "{file}"
        );
    }
    let locked = key(base64("locked").as_bytes());
    assert_eq!(locked.proof.severity, Some(Severity::Medium));
    assert_eq!(locked.proof.verdict, Some(Verdict::Structure));
    assert!(
        nothing("private-key", base64("bare").as_bytes()),
        "certificates are no secret"
    );
    let wrapped = run(folder.path(), "openssl", &["base64", "-in", "modern"]);
    assert_eq!(
        key(&wrapped.stdout).proof.canonical,
        from_pem.proof.canonical
    );
    // A wrong byte anywhere breaks the MAC: then it is no longer known to be open.
    let mut broken = base64("modern").into_bytes();
    broken[1000] = if broken[1000] == b'A' { b'B' } else { b'A' };
    assert!(
        find("private-key", &broken)
            .iter()
            .all(|one| { one.proof.severity == Some(Severity::Medium) })
    );
}

#[test]
fn management_certificates_name_their_subscriptions() {
    let folder = containers();
    let base64 = |file: &str| STANDARD.encode(read(&folder, file));
    let first = "8ba4b5e0-0000-4000-8000-0123456789ab";
    let second = "8ba4b5e0-0000-4000-8000-0123456789ac";
    let newer = format!(
        "<PublishProfile SchemaVersion=\"2.0\">\n<Subscription\n Id=\"{first}\"\n \
         Name=\"Old one\"\n ManagementCertificate=\"{}\" />",
        base64("windows")
    );
    let older = format!(
        "<PublishProfile Url=\"https://management.core.windows.net/\"\n ManagementCertificate=\
         \"{}\">\n<Subscription Id=\"{first}\" Name=\"Old one\" />\n<Subscription Id=\"{second}\" \
         Name=\"Next\" />",
        base64("modern")
    );
    for text in [&newer, &older] {
        let found = find(MANAGEMENT, text.as_bytes());
        let found = found
            .iter()
            .find(|one| Texts::shared().variant(one).name == "publishsettings")
            .unwrap();
        assert_eq!(found.proof.verdict, Some(Verdict::Checksum));
        let target = found.proof.target.as_ref().unwrap();
        assert_eq!(
            (&*target.kind, &*target.name),
            ("azure-subscription", first)
        );
        assert_eq!(detail(found, "subscription_name"), "Old one");
        assert!(found.proof.expires.is_some());
    }
    let locked = format!("ManagementCertificate=\"{}\"", base64("locked"));
    assert!(nothing(MANAGEMENT, locked.as_bytes()));
    let near = format!("azure subscription certificate: {}", base64("modern"));
    assert_eq!(find(MANAGEMENT, near.as_bytes()).len(), 1);
    assert!(nothing(MANAGEMENT, base64("modern").as_bytes()));
}

#[test]
fn specimens_of_containers_are_containers_to_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let text = specimen("pfx-rsa");
    std::fs::write(folder.path().join("pfx"), STANDARD.decode(&text).unwrap()).unwrap();
    let open = [
        "pkcs12", "-in", "pfx", "-passin", "pass:", "-nodes", "-nocerts",
    ];
    let pem = run(folder.path(), "openssl", &open);
    assert_eq!(
        key(&pem.stdout).proof.canonical,
        key(text.as_bytes()).proof.canonical
    );
}

#[test]
fn service_accounts_name_their_account() {
    let text = specimen("gcp-service-account");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let within = serde_json::to_string(&text).unwrap();
    let twice = serde_json::to_string(&within).unwrap();
    for text in [
        text.clone(),
        format!("{{\"key\": {within}}}"),
        format!("x = {twice}"),
    ] {
        let found = find("private-key", text.as_bytes());
        let found = found
            .iter()
            .find(|one| Texts::shared().variant(one).name == "gcp-service-account-json")
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found.proof.identity["client_email"], value["client_email"]);
        assert_eq!(found.proof.identity["project"], "specimen-project");
        assert_eq!(
            found.proof.details["private_key_id"],
            value["private_key_id"]
        );
    }
    let public = "image-pulling@authenticated-image-pulling.iam.gserviceaccount.com";
    let email = value["client_email"].as_str().unwrap();
    let text = text.replace(email, public);
    let found = find("private-key", text.as_bytes());
    assert!(
        found
            .iter()
            .any(|one| one.suppressed == Some("published example"))
    );
}

#[test]
fn keys_of_gnupg_are_found_and_named_alike() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_str().unwrap();
    let gpg = |arguments: &[&str]| {
        let start = [
            "--homedir",
            home,
            "--batch",
            "--pinentry-mode",
            "loopback",
            "--no-tty",
        ];
        run(folder.path(), "gpg", &[&start, arguments].concat())
    };
    for (algorithm, passphrase) in [("ed25519", ""), ("rsa2048", ""), ("ed25519", "secret")] {
        let user = format!("Specimen {algorithm}{} <a@b.invalid>", passphrase.len());
        let secret = ["--passphrase", passphrase];
        let make = ["--quick-generate-key", &user, algorithm, "sign", "never"];
        gpg(&[&secret[..], &make].concat());
        let export = ["--armor", "--export-secret-keys", &user];
        let text = gpg(&[&secret[..], &export].concat()).stdout;
        let listing = text_of(&gpg(&["--with-colons", "--list-keys", &user]));
        let fingerprint = listing
            .lines()
            .find_map(|line| line.strip_prefix("fpr:"))
            .unwrap();
        let found = key(&text);
        assert_eq!(
            detail(&found, "openpgp_fingerprint"),
            fingerprint.trim_matches(':')
        );
        assert_eq!(found.proof.identity["user"], user);
        assert_eq!(found.proof.verdict, Some(Verdict::Checksum));
        let expected = (!passphrase.is_empty()).then_some(Severity::Low);
        assert_eq!(found.proof.severity, expected, "{user}");
        let text = String::from_utf8(text).unwrap();
        let at = text.find("\n\n").unwrap() + 100;
        let mut altered = text.into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert!(nothing("private-key", &altered), "the CRC-24 is wrong");
    }
    // The agent outlives its commands otherwise.
    run(
        folder.path(),
        "gpgconf",
        &["--homedir", home, "--kill", "gpg-agent"],
    );
}
