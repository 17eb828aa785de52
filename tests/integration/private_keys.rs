//! Private keys made by the programs people make them with are found, and named as those programs
//! name them.

mod deployment;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use keydredge::confirm::Confirmed;
use keydredge::finding::Verdict;
use keydredge::specimen::{Stream, maker};
use tempfile::TempDir;

use crate::texts::Texts;

const MANAGEMENT: &str = "azure-subscription-management-certificate";

/// What the catalogue says of a text: all that is found of one type.
fn find(secret_type: &str, text: &[u8]) -> Vec<Confirmed> {
    let texts = Texts::shared();
    let mut found = texts.confirmed(text);
    found.retain(|one| texts.type_of(one) == secret_type);
    found
}

/// The one SSH key that lies in a text.
fn ssh_key(text: &[u8]) -> Confirmed {
    let mut found = find("ssh-private-key", text);
    found.retain(|one| Texts::shared().variant(one).name != "openssh-magic");
    assert_eq!(found.len(), 1, "{}", String::from_utf8_lossy(text));
    found.remove(0)
}

fn nothing(text: &[u8]) -> bool {
    find("ssh-private-key", text).is_empty()
}

fn detail<'a>(found: &'a Confirmed, name: &str) -> &'a str {
    found
        .proof
        .details
        .get(name)
        .map_or("", |value| value.as_str().unwrap())
}

/// Runs a program in a folder; a program that is not there fails the test by name.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!("this test needs the program `{program}`, which cannot be run: {error}")
    });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn text_of(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// `SHA256:...` of a key file, and its bits, as `ssh-keygen -l` gives them.
fn listed(folder: &Path, file: &str) -> (String, u64) {
    let line = text_of(&run(folder, "ssh-keygen", &["-l", "-f", file]));
    let mut words = line.split_whitespace();
    let bits = words.next().unwrap().parse().unwrap();
    (words.next().unwrap().to_owned(), bits)
}

fn read(folder: &TempDir, file: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(file)).unwrap()
}

/// Writes a key readable by its owner only: `ssh-keygen` refuses others.
fn write_private(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    std::fs::write(&path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

const KINDS: [(&str, &str, &str); 5] = [
    ("rsa", "2048", "ssh-rsa"),
    ("ecdsa", "256", "ecdsa-sha2-nistp256"),
    ("ecdsa", "384", "ecdsa-sha2-nistp384"),
    ("ecdsa", "521", "ecdsa-sha2-nistp521"),
    ("ed25519", "256", "ssh-ed25519"),
];

#[test]
fn keys_of_ssh_keygen_are_found_and_named_alike_and_encrypted_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits, algorithm) in KINDS {
        for format in ["PEM", "PKCS8", "RFC4716"] {
            for passphrase in ["", "correct horse"] {
                let file = format!("{kind}{bits}{format}{}", passphrase.len());
                let comment = "ops@web01";
                run(
                    folder.path(),
                    "ssh-keygen",
                    &[
                        "-q", "-t", kind, "-b", bits, "-m", format, "-N", passphrase, "-C",
                        comment, "-f", &file,
                    ],
                );
                let text = read(&folder, &file);
                if !passphrase.is_empty() {
                    assert!(nothing(&text), "{file}");
                    continue;
                }
                let found = ssh_key(&text);
                let (fingerprint, size) = listed(folder.path(), &file);
                assert_eq!(detail(&found, "public_key"), fingerprint, "{file}");
                assert_eq!(detail(&found, "algorithm"), algorithm);
                assert_eq!(found.proof.details["bits"], size);
                assert_eq!(found.proof.verdict, Some(Verdict::Structure));
                assert_eq!(found.suppressed, None);
                if detail(&found, "format") == "OpenSSH" {
                    assert_eq!(found.proof.identity["user"], "ops");
                    assert_eq!(found.proof.identity["host"], "web01");
                }
            }
        }
    }
}

#[test]
fn one_key_has_one_canonical_value_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits, _) in KINDS {
        let mut values = Vec::new();
        let file = format!("{kind}{bits}");
        let make = [
            "-q", "-t", kind, "-b", bits, "-N", "", "-C", "x", "-f", &file,
        ];
        run(folder.path(), "ssh-keygen", &make);
        for version in ["2", "3"] {
            let param = format!("version={version}");
            let out = format!("{file}.{version}.ppk");
            let make = [&file, "-O", "private", "--ppk-param", &param, "-o", &out];
            run(folder.path(), "puttygen", &make);
            let found = ssh_key(&read(&folder, &out));
            assert_eq!(found.proof.verdict, Some(Verdict::Checksum));
            assert_eq!(detail(&found, "format"), format!("PPK {version}"));
            values.push(found.proof.canonical.clone());
        }
        let formats: &[&str] = if kind == "ed25519" {
            &["RFC4716"]
        } else {
            &["RFC4716", "PEM", "PKCS8"]
        };
        for format in formats {
            // Rewrites the key in place.
            let make = ["-q", "-p", "-P", "", "-N", "", "-m", format, "-f", &file];
            run(folder.path(), "ssh-keygen", &make);
            values.push(ssh_key(&read(&folder, &file)).proof.canonical.clone());
        }
        assert!(
            values[0].is_some() && values.iter().all(|value| *value == values[0]),
            "{file}"
        );
    }
}

#[test]
fn keys_of_openssl_are_found_where_ssh_can_use_them() {
    let folder = tempfile::tempdir().unwrap();
    let make = |arguments: &[&str]| run(folder.path(), "openssl", arguments);
    make(&[
        "genpkey",
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
        "-out",
        "rsa.pem",
    ]);
    make(&["genpkey", "-algorithm", "ED25519", "-out", "ed25519.pem"]);
    make(&["genpkey", "-algorithm", "X25519", "-out", "x25519.pem"]);
    make(&["genpkey", "-algorithm", "ED448", "-out", "ed448.pem"]);
    make(&[
        "genpkey",
        "-algorithm",
        "RSA-PSS",
        "-pkeyopt",
        "rsa_keygen_bits:1024",
        "-out",
        "pss.pem",
    ]);
    make(&["dsaparam", "-out", "domain.pem", "1024"]);
    make(&["gendsa", "-out", "dsa8.pem", "domain.pem"]);
    make(&["dsa", "-in", "dsa8.pem", "-out", "dsa.pem"]);
    make(&["pkey", "-in", "rsa.pem", "-traditional", "-out", "rsa1.pem"]);
    make(&[
        "pkey",
        "-in",
        "rsa.pem",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        "rsa8e.pem",
    ]);
    make(&[
        "rsa",
        "-in",
        "rsa.pem",
        "-traditional",
        "-aes128",
        "-passout",
        "pass:x",
        "-out",
        "rsa1e.pem",
    ]);
    let mut usable = vec!["rsa.pem", "rsa1.pem"];
    let files: Vec<[String; 3]> = ["prime256v1", "secp384r1", "secp521r1"]
        .iter()
        .map(|curve| ["8", "1", "n"].map(|form| format!("{curve}{form}.pem")))
        .collect();
    for (curve, [pkcs8, sec1, bare]) in ["prime256v1", "secp384r1", "secp521r1"].iter().zip(&files)
    {
        let named = format!("ec_paramgen_curve:{curve}");
        make(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            &named,
            "-out",
            pkcs8,
        ]);
        make(&["ec", "-in", pkcs8, "-out", sec1]);
        make(&["ec", "-in", pkcs8, "-no_public", "-out", bare]);
        usable.extend([&**pkcs8, sec1]);
        // ssh-keygen does not read a key without its point; it is the same key.
        assert_eq!(
            ssh_key(&read(&folder, bare)).proof.canonical,
            ssh_key(&read(&folder, sec1)).proof.canonical
        );
    }
    make(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:secp256k1",
        "-out",
        "k1.pem",
    ]);
    for file in usable {
        let text = read(&folder, file);
        write_private(folder.path(), file, std::str::from_utf8(&text).unwrap());
        let line = text_of(&run(folder.path(), "ssh-keygen", &["-y", "-f", file]));
        std::fs::write(folder.path().join("public"), line).unwrap();
        let (fingerprint, bits) = listed(folder.path(), "public");
        let found = ssh_key(&text);
        assert_eq!(detail(&found, "public_key"), fingerprint, "{file}");
        assert_eq!(found.proof.details["bits"], bits, "{file}");
    }
    // OpenSSH 10 no longer reads DSA keys; PuTTY does.
    let line = text_of(&run(folder.path(), "puttygen", &["dsa.pem", "-l"]));
    let found = ssh_key(&read(&folder, "dsa.pem"));
    assert_eq!(
        line.split_whitespace().nth(2),
        Some(detail(&found, "public_key"))
    );
    let other_form = ssh_key(&read(&folder, "dsa8.pem"));
    assert_eq!(found.proof.canonical, other_form.proof.canonical);
    // The key in a certificate is the same bytes, so its digest ties the two together.
    for file in [
        "rsa.pem",
        "dsa8.pem",
        "prime256v18.pem",
        "secp521r11.pem",
        "ed25519.pem",
    ] {
        make(&[
            "pkey", "-in", file, "-pubout", "-outform", "DER", "-out", "spki",
        ]);
        let digest = text_of(&make(&["dgst", "-sha256", "-r", "spki"]));
        let found = ssh_key(&read(&folder, file));
        assert_eq!(
            digest.split(' ').next(),
            Some(detail(&found, "spki_sha256")),
            "{file}"
        );
    }
    for file in [
        "x25519.pem",
        "ed448.pem",
        "pss.pem",
        "k1.pem",
        "rsa8e.pem",
        "rsa1e.pem",
    ] {
        assert!(nothing(&read(&folder, file)), "{file}");
    }
}

#[test]
fn encrypted_putty_files_are_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("passphrase"), "correct horse").unwrap();
    run(
        folder.path(),
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-f", "key"],
    );
    for version in ["version=2", "version=3,memory=256,passes=1"] {
        let make = [
            "key",
            "-O",
            "private",
            "--ppk-param",
            version,
            "--new-passphrase",
            "passphrase",
            "-o",
            "locked.ppk",
        ];
        run(folder.path(), "puttygen", &make);
        assert!(nothing(&read(&folder, "locked.ppk")), "{version}");
    }
}

fn specimen(name: &str) -> String {
    let maker = maker(name).unwrap_or_else(|| panic!("no maker `{name}`"));
    maker(&mut Stream::new(name))
}

const WHOLE: [&str; 12] = [
    "ssh-pkcs1-rsa",
    "ssh-pkcs8-rsa",
    "ssh-sec1-p256",
    "ssh-pkcs8-p256",
    "ssh-pkcs8-ed25519",
    "ssh-dsa",
    "ssh-openssh-ed25519",
    "ssh-openssh-p256",
    "ssh-openssh-rsa",
    "ssh-ppk3-ed25519",
    "ssh-ppk2-rsa",
    "ssh-wrapped-pem",
];

#[test]
fn specimens_are_keys_to_the_real_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    for name in WHOLE {
        let text = specimen(name);
        let found = ssh_key(text.as_bytes());
        let expected = detail(&found, "public_key");
        write_private(folder.path(), name, &text);
        let seen = match name {
            "ssh-wrapped-pem" => {
                run(
                    folder.path(),
                    "openssl",
                    &["base64", "-d", "-A", "-in", name, "-out", "pem"],
                );
                listed_private(folder.path(), "pem")
            }
            // The OpenSSH of Debian 12 reads Ed25519 in its own format only.
            "ssh-pkcs8-ed25519" => {
                run(
                    folder.path(),
                    "openssl",
                    &["pkey", "-check", "-noout", "-in", name],
                );
                expected.to_owned()
            }
            // OpenSSH 10 no longer reads DSA keys.
            "ssh-dsa" | "ssh-ppk2-rsa" | "ssh-ppk3-ed25519" => {
                let line = text_of(&run(folder.path(), "puttygen", &[name, "-l"]));
                line.split_whitespace().nth(2).unwrap().to_owned()
            }
            _ => listed_private(folder.path(), name),
        };
        assert_eq!(seen, expected, "{name}");
    }
    for name in ["ssh-pkcs1-rsa", "ssh-pkcs8-rsa"] {
        run(
            folder.path(),
            "openssl",
            &["rsa", "-check", "-noout", "-in", name],
        );
    }
}

/// As [`listed`], from the private half.
fn listed_private(folder: &Path, file: &str) -> String {
    write_private(
        folder,
        file,
        &std::fs::read_to_string(folder.join(file)).unwrap(),
    );
    let line = text_of(&run(folder, "ssh-keygen", &["-y", "-f", file]));
    std::fs::write(folder.join("public"), line).unwrap();
    listed(folder, "public").0
}

#[test]
fn a_key_is_found_where_people_paste_it() {
    for name in WHOLE {
        let text = specimen(name);
        let expected = ssh_key(text.as_bytes()).proof.canonical.clone();
        let json = serde_json::to_string(&text).unwrap();
        let twice = serde_json::to_string(&json).unwrap();
        let indented = |before: &str| {
            let lines: Vec<String> = text.lines().map(|line| format!("{before}{line}")).collect();
            lines.join("\n")
        };
        let mut pastes = vec![
            format!("x: {json}, y: 1"),
            format!("body: {twice}"),
            json.replace("\\n", "\\r\\n"),
            format!("data:\n  key: |\n{}\nnext: 1\n", indented("      ")),
            format!("<key>{}</key>", text.replace('\n', "&#10;")),
            format!("<key value=\"{}\"/>", text.replace('\n', "&#xD;&#xA;")),
            text.replace('\n', "\r\n"),
        ];
        if !name.contains("ppk") && name != "ssh-wrapped-pem" {
            pastes.extend([
                indented("# "),
                indented("// "),
                indented("+"),
                text.replace('\n', " "),
                text.replace("-----", "----"),
                format!(
                    "key = \"{}\";",
                    text.trim_end().replace('\n', "\\n\" +\n      \"")
                ),
            ]);
        }
        for paste in pastes {
            assert_eq!(
                ssh_key(paste.as_bytes()).proof.canonical,
                expected,
                "{name}: {paste}"
            );
        }
    }
}

#[test]
fn a_key_without_its_armor_is_found_by_its_magic() {
    let text = format!("key={} and more words", specimen("ssh-openssh-bare"));
    let found = find("ssh-private-key", text.as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(detail(&found[0], "algorithm"), "ssh-ed25519");
}

#[test]
fn broken_and_locked_keys_are_no_finding() {
    for name in [
        "ssh-broken-mac",
        "ssh-broken-numbers",
        "ssh-truncated",
        "ssh-encrypted-pem",
        "ssh-encrypted-openssh",
    ] {
        assert!(nothing(specimen(name).as_bytes()), "{name}");
    }
}

#[test]
fn one_altered_character_of_base64_is_no_finding() {
    // Not among them: Ed25519 in PKCS#8, where every seed is a key.
    for name in [
        "ssh-pkcs1-rsa",
        "ssh-sec1-p256",
        "ssh-dsa",
        "ssh-ppk3-ed25519",
        "ssh-ppk2-rsa",
    ] {
        let text = specimen(name);
        let body = text.find('\n').unwrap()..text.rfind("\n-----END").unwrap_or(text.len() - 1);
        for at in body.clone().step_by(body.len() / 40) {
            let mut altered = text.clone().into_bytes();
            altered[at] = match altered[at] {
                b'A' => b'B',
                b'a' => b'b',
                b'0'..=b'8' | b'B'..=b'Y' | b'b'..=b'y' => altered[at] + 1,
                _ => continue,
            };
            assert!(nothing(&altered), "{name} at {at}");
        }
    }
}

/// Every shape at once, so that one altered byte meets every parser.
fn pile() -> &'static [u8] {
    static PILE: OnceLock<Vec<u8>> = OnceLock::new();
    PILE.get_or_init(|| {
        let names = [
            "ssh-sec1-p256",
            "ssh-pkcs8-ed25519",
            "ssh-openssh-ed25519",
            "ssh-openssh-bare",
            "ssh-ppk3-ed25519",
            "ssh-wrapped-pem",
        ];
        names
            .map(|name| specimen(name) + "\n")
            .concat()
            .into_bytes()
    })
}

proptest::proptest! {
    #[test]
    fn damage_of_any_kind_never_panics(
        places in proptest::collection::vec((0..20_000_usize, 0..=u8::MAX), 0..12),
        cut in 0..20_000_usize,
        gap in 0..200_usize,
    ) {
        let mut text = pile().to_vec();
        for (at, byte) in places {
            let at = at % text.len();
            text[at] = byte;
        }
        let cut = cut % text.len();
        let end = (cut + gap).min(text.len());
        text.drain(cut..end);
        for (secret_type, most) in [("ssh-private-key", 8), ("private-key", 8), (MANAGEMENT, 3)] {
            // Whatever is left whole is found, once per way that leads to it.
            let found = find(secret_type, &text);
            proptest::prop_assert!(found.len() <= most, "{}: {}", secret_type, found.len());
        }
    }
}

#[test]
fn a_key_after_many_headers_without_one_is_found() {
    let mut text =
        "-----BEGIN RSA PRIVATE KEY-----\nPuTTY-User-Key-File-3: ssh-rsa\n".repeat(40_000);
    text.push_str(&specimen("ssh-sec1-p256"));
    assert_eq!(
        ssh_key(text.as_bytes()).proof.verdict,
        Some(Verdict::Structure)
    );
}

#[test]
fn every_example_of_the_rules_is_found_by_its_own_variant() {
    let texts = Texts::shared();
    let rules = texts.rules();
    let types = ["ssh-private-key", "private-key", MANAGEMENT];
    for variant in &rules.variants {
        let secret_type = &rules.type_of(variant).id;
        if !types.contains(&&**secret_type) {
            continue;
        }
        let found_in = |text: &str| {
            let found = find(secret_type, text.as_bytes());
            found
                .iter()
                .any(|one| texts.variant(one).name == variant.name)
        };
        for template in &variant.examples {
            let (before, rest) = template.split_once('{').unwrap();
            let (name, after) = rest.split_once('}').unwrap();
            let text = format!("{before}{}{after}", specimen(name));
            assert!(
                found_in(&text),
                "{secret_type} {}: {template}",
                variant.name
            );
        }
        for text in &variant.counter_examples {
            assert!(!found_in(text), "{secret_type} {}: {text}", variant.name);
        }
        assert!(!variant.examples.is_empty() && !variant.counter_examples.is_empty());
    }
}
