//! Secrets that do not lie in plain bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keydredge::specimen::{Stream, maker};

use crate::fixture::Desk;

/// A specimen and the type it must be found as.
const SPECIMENS: &[(&str, &str)] = &[
    ("github-classic", "github-personal-access-token"),
    ("npm-token", "npm-author-token"),
    (
        "azure-storage-connection",
        "azure-storage-connection-string",
    ),
    ("azure-devops-pat84", "azure-devops-pat"),
    ("entra-secret", "azure-ad-client-secret"),
    ("aws-pair", "aws-access-key"),
    ("ssh-openssh-ed25519", "ssh-private-key"),
    ("ssh-pkcs1-rsa", "ssh-private-key"),
];

pub(crate) fn utf16(text: &str, low_first: bool) -> Vec<u8> {
    let order = if low_first {
        u16::to_le_bytes
    } else {
        u16::to_be_bytes
    };
    text.encode_utf16().flat_map(order).collect()
}

/// `text` in lines of `width` characters.
fn wrapped(text: &str, width: usize, line_break: &str) -> String {
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(width)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    lines.join(line_break)
}

/// Scans and expects one finding of the type, encoded like this, whose place in the file decodes
/// to itself; returns its fingerprint.
#[track_caller]
fn found(desk: &Desk, bytes: &[u8], secret_type: &str, encodings: &[&str], what: &str) -> String {
    let file = desk.file("encoded.bin", bytes);
    let ran = desk
        .scan(&file, &["--profile", "all", "--types", secret_type])
        .expect(0);
    let findings = ran.findings();
    assert_eq!(findings.len(), 1, "{what}: {}", ran.stdout);
    let finding = &findings[0];
    assert_eq!(finding.occurrence.encoding, encodings, "{what}");
    assert!(finding.occurrence.offset + finding.occurrence.length <= bytes.len() as u64);
    if encodings.first() == Some(&"base64") {
        let path = &finding.occurrence.forensic_path;
        assert!(path.contains("-BASE64-"), "{what}: {path}");
    }
    finding.fingerprint.clone()
}

#[test]
fn every_encoding_gives_the_same_secret() {
    let desk = Desk::new();
    for (name, secret_type) in SPECIMENS {
        let secret = maker(name).unwrap()(&mut Stream::new("encodings"));
        let text = format!("# settings\r\nvalue: {secret}\r\n");
        let plain = found(&desk, text.as_bytes(), secret_type, &[], name);
        for (encoding, low_first) in [("utf-16le", true), ("utf-16be", false)] {
            for lead in [0, 1, 3] {
                let mut bytes = vec![0x80; lead];
                bytes.extend(utf16(&text, low_first));
                let what = format!("{name} in {encoding} after {lead} bytes");
                let here = found(&desk, &bytes, secret_type, &[encoding], &what);
                assert_eq!(here, plain, "{what}");
            }
        }
        for shift in 0..3 {
            let inner = format!("{}{text}", " ".repeat(shift));
            let secret_of = |encoded: &str| format!("data:\n  config: {encoded}\nkind: Secret\n");
            let encoded = STANDARD.encode(&inner);
            let forms = [
                ("one line", secret_of(&encoded)),
                ("MIME lines", secret_of(&wrapped(&encoded, 76, "\r\n"))),
                (
                    "indented lines",
                    secret_of(&wrapped(&encoded, 64, "\n    ")),
                ),
                (
                    "written line breaks",
                    secret_of(&wrapped(&encoded, 64, "\\n")),
                ),
                ("for URLs", secret_of(&URL_SAFE_NO_PAD.encode(&inner))),
            ];
            for (form, file) in forms {
                let what = format!("{name} in base64, {form}, shift {shift}");
                let here = found(&desk, file.as_bytes(), secret_type, &["base64"], &what);
                assert_eq!(here, plain, "{what}");
            }
            let wide = STANDARD.encode([vec![b' '; shift], utf16(&text, true)].concat());
            let command = format!("powershell -EncodedCommand {wide}\n");
            let what = format!("{name} in an encoded command, shift {shift}");
            // An odd shift is no UTF-16 text, but a secret in it is one all the same.
            let both = ["base64", "utf-16le"];
            let here = found(&desk, command.as_bytes(), secret_type, &both, &what);
            assert_eq!(here, plain, "{what}");
        }
    }
}

#[test]
fn encoded_secrets_do_not_depend_on_the_chunk_size() {
    let desk = Desk::new();
    let (mut bytes, mut planted) = (Vec::new(), Vec::new());
    let mut stream = Stream::new("cuts");
    for (index, (name, _)) in SPECIMENS.iter().cycle().take(64).enumerate() {
        let secret = maker(name).unwrap()(&mut stream);
        let start = bytes.len() as u64;
        match index % 3 {
            0 => bytes.extend(utf16(&secret, true)),
            1 => bytes.extend(STANDARD.encode(&secret).into_bytes()),
            _ => bytes.extend(secret.into_bytes()),
        }
        planted.push((start, bytes.len() as u64, format!("{name} {}", index % 3)));
        bytes.extend(b"\n;;\n\n");
    }
    let file = desk.file("cuts.bin", &bytes);
    let whole = desk.scan(&file, &["--chunk", "64M"]).expect(0);
    let places: Vec<(u64, String)> = whole
        .findings()
        .into_iter()
        .map(|finding| (finding.occurrence.offset, finding.variant))
        .collect();
    for (start, end, name) in planted {
        let inside = places
            .iter()
            .filter(|(at, _)| (start..end).contains(at))
            .count();
        assert_eq!(inside, 1, "{name} at {start}..{end}: {places:?}");
    }
    let cut = desk.scan(&file, &["--chunk", "4K"]).expect(0);
    assert_eq!(whole.findings(), cut.findings());
}
