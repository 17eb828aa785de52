//! The built-in catalogue, tried as its users would: every type in the texts it is found in, and
//! in texts that only look like it.

mod database;
mod planted;

use std::fs;
use std::ops::Range;
use std::path::Path;

use keydredge::confirm::Confirmed;
use keydredge::finding::Verdict;
use keydredge::rule::load::{self, CATALOGUE};
use keydredge::rule::{RuleSet, Severity};
use keydredge::specimen::check::check;
use keydredge::specimen::{Stream, expand};

use crate::texts::Texts;

/// The catalogue over texts in memory.
pub(crate) struct Scan {
    rules: &'static RuleSet,
}

impl Scan {
    pub(crate) fn new() -> Self {
        Self {
            rules: Texts::shared().rules(),
        }
    }

    fn run(&mut self, text: &[u8]) -> Vec<Confirmed> {
        Texts::shared().confirmed(text)
    }

    /// What is believed to be a secret of this type.
    pub(crate) fn believed(&mut self, text: &[u8], secret_type: &str) -> Vec<Confirmed> {
        let mut found = self.run(text);
        found.retain(|found| {
            found.suppressed.is_none() && Texts::shared().type_of(found) == secret_type
        });
        found
    }

    /// The one finding of a text, of a variant named `type/variant`.
    fn only(&mut self, text: &str, variant: &str) -> Confirmed {
        let (secret_type, name) = variant.split_once('/').unwrap();
        let mut found = self.believed(text.as_bytes(), secret_type);
        found.retain(|found| self.rules.variants[found.variant].name == name);
        found.dedup_by(|one, other| one.span == other.span);
        assert_eq!(found.len(), 1, "{variant} in {text}");
        found.remove(0)
    }
}

fn made(template: &str, seed: &str) -> String {
    expand(template, &mut Stream::new(seed))
}

#[test]
fn the_catalogue_passes_its_own_trial() {
    let rules = load::catalogue().unwrap();
    let report = check(&rules);
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(report.variants, rules.variants.len());
    assert!(report.examples > report.variants);
}

#[test]
fn every_rule_file_is_in_the_catalogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules");
    let mut files: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    let mut listed: Vec<&str> = CATALOGUE.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(files, listed);
}

#[test]
fn types_are_rows_of_the_published_table() {
    const EVERYWHERE: &str = "inventory, explorer, recommendations, attack paths";
    const SHORT: &str = "inventory, explorer";
    let rules = load::catalogue().unwrap();
    // Microsoft Defender for Cloud, "Protecting secrets", section "Discovery support".
    for (id, name, vm, review) in [
        (
            "aws-access-key",
            "Plaintext AWS access keys.",
            true,
            EVERYWHERE,
        ),
        (
            "aws-s3-presigned-url",
            "Plaintext AWS S3 pre-signed URL.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-storage-connection-string",
            "Plaintext Azure storage account connection strings",
            true,
            EVERYWHERE,
        ),
        (
            "azure-storage-sas",
            "Plaintext Azure storage account SAS tokens.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-sql-connection-string",
            "Plaintext Azure SQL connection strings, supports SQL PAAS",
            true,
            EVERYWHERE,
        ),
        (
            "azure-ad-client-secret",
            "Plaintext Azure AD Client Secret.",
            true,
            SHORT,
        ),
        (
            "azure-devops-pat",
            "Plaintext Azure DevOps Personal Access Token.",
            true,
            SHORT,
        ),
        (
            "github-personal-access-token",
            "Plaintext GitHub Personal Access Token.",
            true,
            SHORT,
        ),
        (
            "npm-author-token",
            "Plaintext NPM Author Token.",
            true,
            SHORT,
        ),
        ("openai-api-key", "Plaintext OpenAI API Key.", true, SHORT),
        (
            "slack-access-token",
            "Plaintext Slack access token.",
            false,
            SHORT,
        ),
    ] {
        let row = rules.types.iter().find(|row| row.id == id).unwrap();
        let found = (
            row.name.as_str(),
            row.vm,
            row.deployment,
            row.review.as_str(),
        );
        assert_eq!(found, (name, vm, true, review), "{id}");
        assert!(
            !row.references.is_empty() && !row.found_in.is_empty(),
            "{id}"
        );
    }
}

#[test]
fn the_project_itself_holds_no_secret() {
    fn walk(folder: &Path, scan: &mut Scan) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, scan);
                continue;
            }
            let found = scan.run(&fs::read(&path).unwrap());
            // Tests of passwords have to hold a name beside a made-up value; what no format and no
            // checksum tells from a real one is not asked about.
            let alive = |found: &&Confirmed| {
                found.suppressed.is_none() && found.proof.verdict > Some(Verdict::Pattern)
            };
            if let Some(found) = found.iter().find(alive) {
                let variant = &scan.rules.variants[found.variant];
                panic!(
                    "{} holds what looks like {} ({}) at {:?}: build it from parts",
                    path.display(),
                    scan.rules.type_of(variant).id,
                    variant.name,
                    found.span
                );
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scan = Scan::new();
    walk(&root.join("src"), &mut scan);
    walk(&root.join("tests"), &mut scan);
}

#[test]
fn hostile_bytes_never_stop_the_confirm_stage() {
    let mut scan = Scan::new();
    let examples: Vec<String> = scan
        .rules
        .variants
        .iter()
        .flat_map(|variant| variant.examples.clone())
        .collect();
    let mut survivors = 0;
    for (index, example) in examples.iter().enumerate() {
        let mut stream = Stream::new(&format!("hostile {index}"));
        let text = expand(example, &mut stream).into_bytes();
        for _ in 0..12 {
            let mut text = text.clone();
            for _ in 0..=stream.below(4) {
                let at = stream.below(text.len() as u64) as usize;
                match stream.below(4) {
                    0 => text[at] = stream.bytes::<1>()[0],
                    1 => text.truncate(at.max(1)),
                    2 => text.insert(at, b'%'),
                    _ => text.splice(at..at, *b"\\u00e9&#x").for_each(drop),
                }
            }
            survivors += scan.run(&text).len();
        }
    }
    assert!(
        survivors > 0,
        "changes that leave no secret alive try nothing"
    );
}

/// Files with several AWS keys: before, between and after the records,
/// and a record with `@` for the id and `#` for the secret.
const LISTS: &[(&str, &str, &str, &str)] = &[
    (
        "",
        "",
        "",
        "[p]\naws_access_key_id = @\naws_secret_access_key = #\n",
    ),
    (
        "",
        "",
        "",
        "[p]\naws_secret_access_key = #\naws_access_key_id = @\nregion = eu-west-1\n",
    ),
    ("", "", "", "@:#\n"),
    (
        "User,Access key ID,Secret access key\r\n",
        "\r\n",
        "",
        "ops,@,#",
    ),
    (
        "",
        "",
        "",
        "AWS_ACCESS_KEY_ID=@\nAWS_SECRET_ACCESS_KEY=#\n\n",
    ),
    (
        "[",
        ",",
        "]",
        "{\"AccessKeyId\":\"@\",\"SecretAccessKey\":\"#\"}",
    ),
    ("[", ",", "]", "{\"secret\":\"#\",\"id\":\"@\"}"),
    (
        "[",
        ",",
        "]",
        "{\"id\":\"@\",\"user\":{\"name\":\"ops\"},\"secret\":\"#\"}",
    ),
    ("keys:\n", "", "", "- secret: #\n  id: @\n"),
    ("keys:\n", "", "", "- id: @\n  secret: #\n"),
    ("<keys>", "", "</keys>", "<key id=\"@\" secret=\"#\"/>"),
    (
        "",
        "",
        "",
        "provider \"aws\" {\n  secret_key = \"#\"\n  access_key = \"@\"\n}\n",
    ),
];

#[test]
fn each_of_several_keys_in_a_file_is_paired_with_its_own_id() {
    let mut scan = Scan::new();
    for (head, between, tail, record) in LISTS {
        for count in 1..=5 {
            let mut expected = Vec::new();
            let records: Vec<String> = (0..count)
                .map(|index| {
                    let seed = format!("{record} {index}");
                    let id = made("{aws-key-id}", &seed);
                    let key = made("{aws-secret}", &seed);
                    let text = record.replace('@', &id).replace('#', &key);
                    expected.push((id, key));
                    text
                })
                .collect();
            let lines = "nothing of interest\n".repeat(30);
            let text = format!("{lines}{head}{}{tail}\n{lines}", records.join(between));
            let mut pairs: Vec<(String, String)> = scan
                .believed(text.as_bytes(), "aws-access-key")
                .into_iter()
                .filter(|found| found.proof.verdict == Some(Verdict::Paired))
                .map(|found| {
                    let id = found.proof.identity["key_id"].as_str().unwrap().to_owned();
                    (id, String::from_utf8(found.secret).unwrap())
                })
                .collect();
            pairs.sort();
            pairs.dedup();
            expected.sort();
            assert_eq!(pairs, expected, "{count} of {record:?}");
        }
    }
}

#[test]
fn secrets_with_a_single_byte_between_them_are_all_found() {
    let mut scan = Scan::new();
    let text = made(
        "{github-classic},{github-classic}\n{github-classic}",
        "list",
    );
    let mut spans: Vec<_> = scan
        .believed(text.as_bytes(), "github-personal-access-token")
        .into_iter()
        .map(|found| found.span.start)
        .collect();
    spans.sort_unstable();
    assert_eq!(spans, [0, 41, 82]);
}

#[test]
fn what_a_secret_opens_is_read_from_the_text_around_it() {
    let mut scan = Scan::new();
    let target = |scan: &mut Scan, template: &str, variant: &str| {
        let found = scan.only(&made(template, template), variant);
        let target = found.proof.target.unwrap();
        let endpoint = target.endpoint.unwrap_or_default();
        format!("{} {} {endpoint}", target.kind, target.name)
    };
    for (template, variant, expected) in [
        (
            "https://x:{github-classic}@github.com/acme/web.git",
            "github-personal-access-token/classic",
            "repository acme/web github.com/acme/web",
        ),
        (
            "AccountName=acmelogs;AccountKey={azure-storage-key};EndpointSuffix=core.chinacloudapi.cn",
            "azure-storage-connection-string/connection-string",
            "storage-account acmelogs acmelogs.blob.core.chinacloudapi.cn",
        ),
        (
            "mount //acmelogs.file.core.windows.net/s -o password={azure-storage-key}",
            "azure-storage-connection-string/bare-identifiable-key",
            "storage-account acmelogs acmelogs.blob.core.windows.net",
        ),
        (
            "https://acmelogs.dfs.core.windows.net/backup/a/b.bak?{azure-storage-sas}",
            "azure-storage-sas/any-storage-sas",
            "storage-account acmelogs acmelogs.dfs.core.windows.net",
        ),
        (
            "git clone https://x:{azure-devops-pat52}@dev.azure.com/acme/_git/web",
            "azure-devops-pat/52-char-base32",
            "organisation acme dev.azure.com/acme",
        ),
        (
            "Server=tcp:Acme.database.windows.net,1433;Database=crm;User ID=app@acme;Password={password};",
            "azure-sql-connection-string/keyvalue",
            "sql-database acme acme.database.windows.net",
        ),
        (
            "//npm.corp.example/repository/x/:_authToken={npm-token}\n",
            "npm-author-token/npm-underscore",
            "package-registry npm.corp.example npm.corp.example/repository/x/",
        ),
    ] {
        assert_eq!(target(&mut scan, template, variant), expected, "{template}");
    }
}

#[test]
fn facts_beside_the_target_are_read_too() {
    let mut scan = Scan::new();
    let found = scan.only(
        &made(
            "Server=acme.database.windows.net;Initial Catalog=crm;Uid=app@acme;Pwd={password}",
            "sql",
        ),
        "azure-sql-connection-string/keyvalue",
    );
    assert_eq!(found.proof.identity["user"], "app");
    assert_eq!(found.proof.details["database"], "crm");

    let found = scan.only(
        &made("https://a.example/{s3-presigned-v4}", "link"),
        "aws-s3-presigned-url/sigv4",
    );
    assert!(
        found.secret.starts_with(b"https://acme-"),
        "the inner link alone"
    );
    assert_eq!(found.proof.details["region"], "eu-west-1");
    assert!(found.proof.expires.is_some());
    assert_eq!(found.proof.identity["account"].as_str().unwrap().len(), 12);

    let found = scan.only(
        &made("?{azure-storage-sas-user-delegation}", "delegated"),
        "azure-storage-sas/any-storage-sas",
    );
    assert_eq!(
        found.proof.severity,
        Some(Severity::Medium),
        "it can only read and list"
    );
    assert_eq!(
        found.proof.expires.unwrap().to_string(),
        "2026-05-08T00:00:00Z",
        "the key that made it ends before the signature does"
    );
    assert!(found.proof.identity.contains_key("tenant"));

    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let found = scan.only(
        &made(
            &format!(
                "client_id = \"{id}\"\nclient_secret = \"{{entra-secret}}\"\ntenant_id = \"{id}\"\n"
            ),
            "entra",
        ),
        "azure-ad-client-secret/8q",
    );
    assert_eq!(found.proof.identity["client"], id);
    assert_eq!(found.proof.identity["tenant"], id);

    let found = scan.only(
        &made("PAT={azure-devops-pat84}", "pat"),
        "azure-devops-pat/84-char",
    );
    assert!(
        found.proof.details["issued"]
            .as_str()
            .unwrap()
            .starts_with("2026-")
    );
}

#[test]
fn a_wrapped_token_has_the_fingerprint_of_the_bare_one() {
    let mut scan = Scan::new();
    let token = made("{azure-devops-pat52}", "wrapped");
    let mut wrapped = String::new();
    // The base64 of a token is made by the same maker from the same seed.
    wrapped.push_str("_password=");
    wrapped.push_str(&made("{azure-devops-pat-base64}", "wrapped"));
    let found = scan.only(&wrapped, "azure-devops-pat/base64-wrapped");
    assert_eq!(found.proof.canonical.unwrap(), token.as_bytes());
}

#[test]
fn an_escaped_key_is_found_where_it_lies_and_named_by_its_escapes() {
    let mut scan = Scan::new();
    let key = made("{azure-storage-key}", "escaped");
    for (text, escapes) in [
        (
            made("{\"k\":\"{azure-storage-key-json}\"}", "escaped"),
            "json-xml",
        ),
        (
            made("k={azure-storage-key-percent}&x", "escaped"),
            "percent",
        ),
    ] {
        let found = scan.only(
            &text,
            "azure-storage-connection-string/bare-identifiable-key",
        );
        assert_eq!(found.secret, key.as_bytes());
        assert_eq!(found.encodings, [escapes]);
        let span: Range<usize> = found.span.start as usize..found.span.end as usize;
        assert!(text[span.clone()].len() > key.len());
        assert_eq!(text[span].chars().next(), key.chars().next());
    }
}

#[test]
fn published_and_emulated_keys_are_suppressed_by_name() {
    let mut scan = Scan::new();
    let emulator = [
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErC",
        "z4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    ]
    .concat();
    let purview = ["ntpi2ch67ci2vjzcohglogyygwo5", "fuyl365n2zdowwxhsys6jnoa"].concat();
    let example = ["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"].concat();
    for (text, reason) in [
        (
            format!("AccountName=devstoreaccount1;AccountKey={emulator};"),
            "published example",
        ),
        (format!("PAT={purview}"), "published example"),
        (
            format!("aws_secret_access_key = {example}"),
            "published example",
        ),
        (
            made(
                "AccountName=devstoreaccount1;AccountKey={azure-storage-legacy-key};",
                "own",
            ),
            "emulator key",
        ),
    ] {
        let found = scan.run(text.as_bytes());
        assert!(!found.is_empty(), "{text}");
        for found in found {
            assert_eq!(found.suppressed, Some(reason), "{text}");
        }
    }
}
