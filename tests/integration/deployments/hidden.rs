//! What a document writes so that a search of its bytes does not see it, and what is no secret.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keydredge::finding::Finding;
use keydredge::specimen::{Stream, expand};

use super::{Desk, scan, token};

/// The findings in one document, plaintext and all.
fn found(name: &str, text: &str, args: &[&str]) -> Vec<Finding> {
    let desk = Desk::new();
    let path = desk.file(name, text);
    let all = [&["--reveal"], args].concat();
    scan(&desk, &path, &all).expect(0).findings()
}

/// The one finding in a document: what it says, and where.
#[track_caller]
fn one(name: &str, text: &str) -> (String, Finding) {
    let found = found(name, text, &[]);
    assert_eq!(found.len(), 1, "{text}");
    (found[0].secret.value.clone().unwrap(), found[0].clone())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(bytes).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[test]
fn a_literal_that_is_escaped_itself_is_found_at_its_escapes() {
    let token = token("escaped");
    let escaped = token.replace("ghp_", "\\u0067hp\\u005f");
    let text = format!("{{\"a\": 1,\n \"b\": \"x {escaped} y\"}}\n");
    let (value, found) = one("a.json", &text);
    assert_eq!(value, token);
    let place = &found.occurrence;
    assert_eq!(place.pointer.as_deref(), Some("/b"));
    assert_eq!((place.line, place.column), (Some(2), Some(10)));
    assert_eq!(place.offset as usize, text.find("\\u0067").unwrap());
    assert_eq!(place.length as usize, escaped.len());
    assert_eq!(place.encoding, ["json"]);
}

#[test]
fn a_yaml_text_with_escapes_is_read_from_its_beginning() {
    let token = token("yaml");
    let escaped = token.replace("ghp_", "\\x67hp\\u005f");
    let (value, found) = one("a.yaml", &format!("a: 1\nb: \"x {escaped}\"\n"));
    assert_eq!(value, token);
    let place = &found.occurrence;
    assert_eq!(place.pointer.as_deref(), Some("/b"));
    assert_eq!((place.line, place.column), (Some(2), Some(5)));
    assert_eq!(place.encoding, ["yaml"]);
}

#[test]
fn documents_in_texts_in_texts_are_read_to_the_innermost() {
    let password = expand("{password}", &mut Stream::new("deep")).replace(['!', '"', '\\'], "x");
    let url =
        format!("Server=tcp:acme.database.windows.net,1433;User ID=ops;Password=\"{password}\";");
    let mut text = serde_json::json!({"connection": url}).to_string();
    for name in ["parametersJson", "body", "request", "log"] {
        text = serde_json::json!({name: text}).to_string();
        let (value, found) = one("deep.json", &text);
        assert!(value.contains(&password), "{name}: {value}");
        assert_eq!(found.occurrence.pointer, Some(format!("/{name}")));
    }
}

#[test]
fn a_key_in_a_text_with_escaped_line_ends_and_in_an_indented_block_is_one_finding() {
    let key = expand("{ssh-pkcs1-rsa}", &mut Stream::new("key"));
    assert!(key.contains("\n"), "a key of several lines");
    let json = serde_json::json!({"properties": {"key": key}}).to_string();
    let (_, in_json) = one("key.json", &json);
    assert_eq!(
        in_json.occurrence.pointer.as_deref(),
        Some("/properties/key")
    );
    let indented = key.trim_end().replace('\n', "\n      ");
    let yaml = format!("a:\n  - b: |\n      {indented}\n    c: 1\n");
    let (_, in_yaml) = one("key.yaml", &yaml);
    assert_eq!(in_yaml.occurrence.pointer.as_deref(), Some("/a/0/b"));
    assert_eq!(
        (in_yaml.occurrence.line, in_yaml.occurrence.column),
        (Some(3), Some(7))
    );
    let public = |found: &Finding| found.details["public_key"].clone();
    assert_eq!(public(&in_json), public(&in_yaml));
}

#[test]
fn a_folded_text_is_read_as_one_line() {
    let key = expand("{azure-storage-key}", &mut Stream::new("folded"));
    let text = format!(
        "spec:\n  value: >-\n    DefaultEndpointsProtocol=https;AccountName=acmelogs;\n    \n    AccountKey=\n  quoted: \"AccountName=acmelogs;\\\n    AccountKey=\\\n    {key};EndpointSuffix=core.windows.net\"\n"
    );
    let (_, found) = one("folded.yaml", &text);
    assert_eq!(found.occurrence.pointer.as_deref(), Some("/spec/quoted"));
    assert_eq!(found.target.unwrap().name, "acmelogs");
}

#[test]
fn the_data_of_a_secret_is_read_under_its_key() {
    let token = token("secret");
    let password = expand("{password}", &mut Stream::new("data"));
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  token: {}\n  password: {}\n  note: {}\n",
        STANDARD.encode(&token),
        STANDARD.encode(&password),
        STANDARD.encode("changeme"),
    );
    let all = found("secret.yaml", &text, &[]);
    let said: Vec<(&str, &str, Option<&str>)> = all
        .iter()
        .map(|found| {
            let pointer = found.occurrence.pointer.as_deref();
            (
                found.secret_type.as_str(),
                found.secret.value.as_deref().unwrap(),
                pointer,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (
                "github-personal-access-token",
                token.as_str(),
                Some("/data/token")
            ),
            (
                "general-password",
                password.as_str(),
                Some("/data/password")
            ),
        ]
    );
    for found in &all {
        assert_eq!(found.occurrence.role.as_deref(), Some("secret"));
        assert_eq!(found.occurrence.resource.as_deref(), Some("Secret/db"));
    }
    // The same object as `kubectl get -o json` prints it.
    let object = serde_json::json!({"kind": "List", "apiVersion": "v1", "items": [{
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
        "data": {"password": STANDARD.encode(&password)}}]});
    let (value, found) = one("secret.json", &format!("{object:#}"));
    assert_eq!(value, password);
    assert_eq!(
        found.occurrence.pointer.as_deref(),
        Some("/items/0/data/password")
    );
}

#[test]
fn a_release_of_helm_is_unpacked() {
    let token = token("release");
    let release = serde_json::json!({"name": "shop", "config": {"github": {"token": token}}});
    let packed = STANDARD.encode(STANDARD.encode(gzip(release.to_string().as_bytes())));
    let text = format!(
        "apiVersion: v1\nkind: Secret\ntype: helm.sh/release.v1\nmetadata:\n  name: sh.helm.release.v1.shop.v1\n  namespace: prod\n  labels: {{name: shop, owner: helm}}\ndata:\n  release: {packed}\n"
    );
    let (value, found) = one("release.yaml", &text);
    let place = &found.occurrence;
    assert_eq!(value, token);
    assert_eq!(place.pointer.as_deref(), Some("/data/release"));
    assert_eq!(place.deployment.as_deref(), Some("helm:prod/shop"));
    assert_eq!(place.deployment_kind.as_deref(), Some("helm.release"));
    assert_eq!(place.encoding, ["base64", "gzip"]);
    // User data as cloud-init takes it.
    let packed = STANDARD.encode(gzip(format!("export TOKEN={token}\n").as_bytes()));
    let text = format!(
        "{{\"Resources\": {{\"I\": {{\"Type\": \"AWS::EC2::Instance\",\n\"Properties\": {{\"UserData\": \"{packed}\"}}}}}}}}\n"
    );
    let (value, found) = one("instance.json", &text);
    assert_eq!(value, token);
    assert_eq!(
        found.occurrence.pointer.as_deref(),
        Some("/Resources/I/Properties/UserData")
    );
}

/// Values that stand where a secret was kept out: all of them in the words of their tools.
const NO_SECRETS: &[&str] = &[
    r#""adminPassword": {"type": "SecureString", "value": null}"#,
    r#""adminPassword": {"type": "SecureString", "value": ""}"#,
    r#""adminPassword": "[parameters('adminPassword')]""#,
    r#""password": "[listKeys(variables('id'), '2023-01-01').keys[0].value]""#,
    r#""password": "[reference('vault').outputs.secret.value]""#,
    r#""password": "[format('{0}', parameters('p'))]""#,
    r#""connectionString": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=[listKeys('a', '2023-01-01').keys[0].value]""#,
    r#""ParameterKey": "DbPassword", "ParameterValue": "****""#,
    r#""MasterUserPassword": "{{resolve:secretsmanager:db:SecretString:password}}""#,
    r#""MasterUserPassword": "{{resolve:ssm-secure:db:1}}""#,
    r#""MasterUserPassword": {"Ref": "DbPassword"}"#,
    r#""password": "${var.db_password}""#,
    r#""password": "${data.vault_generic_secret.db.data[\"password\"]}""#,
    r#""password": "(sensitive value)""#,
    r#""password": "(known after apply)""#,
    r#""password": "{{ .Values.db.password }}""#,
    r#""password": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/p)""#,
    r#""password": "<sensitive>""#,
];

#[test]
fn what_was_kept_out_is_no_finding() {
    // A document a line, so that none stands beside another.
    let lines: String = NO_SECRETS
        .iter()
        .map(|text| format!("{{{text}}}\n"))
        .collect();
    let found_in_json = found("a.jsonl", &lines, &[]);
    assert!(found_in_json.is_empty(), "{found_in_json:#?}");
    let text = "a:\n  password: {{ .Values.password }}\n  db_password = var.password\n";
    assert!(found("a.yaml", text, &[]).is_empty());
    let text = "resource \"x\" \"y\" {\n  password = var.db_password\n  master_password = random_password.db.result\n}\n";
    assert!(found("a.tf", text, &[]).is_empty());
}

#[test]
fn what_was_kept_out_is_counted_by_its_reason() {
    let desk = Desk::new();
    let path = desk.file(
        "a.json",
        "{\"password\": \"[parameters('p')]\",\n \"dbPassword\": \"(sensitive value)\"}\n",
    );
    let summary = scan(&desk, &path, &[]).expect(0).summary();
    assert_eq!(summary.findings, 0);
    assert_eq!(
        summary.suppressed.get("template"),
        Some(&1),
        "{:?}",
        summary.suppressed
    );
    assert_eq!(
        summary.suppressed.get("placeholder"),
        Some(&1),
        "{:?}",
        summary.suppressed
    );
}
