//! Every type in the texts it is found in, and in texts that only look like it.
//!
//! A secret is planted into configuration, code, logs and histories; it must be found at exactly
//! the place where it was planted. A look-alike in the same places must not be.

use keydredge::specimen::{Stream, expand};

use super::Scan;

/// Texts around a value that stands alone, with the name of its setting.
const FORMS: &[(&str, &str)] = &[
    ("env", "# settings\nexport KEY=@\nDEBUG=1\n"),
    (
        "JSON",
        "{\n  \"name\": \"web\",\n  \"KEY\": \"@\",\n  \"port\": 80\n}\n",
    ),
    ("minified JSON", "{\"a\":1,\"KEY\":\"@\",\"b\":[2,3]}"),
    ("JSON in JSON", r#"{"body":"{\"KEY\":\"@\",\"n\":1}"}"#),
    (
        "XML",
        "<configuration><add key=\"KEY\" value=\"@\" /></configuration>",
    ),
    (
        "YAML",
        "services:\n  web:\n    environment:\n      KEY: @\n      TZ: UTC\n",
    ),
    ("INI with CRLF", "[main]\r\nKEY = @\r\nother = 1\r\n"),
    (
        "shell history",
        "cd /srv\nexport KEY='@' && ./deploy.sh\nls -la\n",
    ),
    (
        "Python",
        "KEY = \"@\"  # do not commit\nclient = connect(KEY)\n",
    ),
    (
        "JavaScript",
        "const c={KEY:'@',retries:3};module.exports=c;",
    ),
    ("Terraform", "resource \"x\" \"y\" {\n  KEY = \"@\"\n}\n"),
    ("between other bytes", "\u{0}\u{1}\u{7f}KEY=@\u{0}\u{0}"),
];

/// A type, the name its setting goes by, and the makers of secrets and look-alikes.
struct Alone {
    secret_type: &'static str,
    name: &'static str,
    makers: &'static [&'static str],
    look_alikes: &'static [&'static str],
}

const ALONE: &[Alone] = &[
    Alone {
        secret_type: "github-personal-access-token",
        name: "GITHUB_TOKEN",
        makers: &[
            "{github-classic}",
            "{github-oauth}",
            "{github-server}",
            "{github-user-server}",
            "{github-refresh}",
            "{github-fine-grained}",
            "{github-installation}",
            "{hex40}",
        ],
        look_alikes: &[
            "{github-classic-wrong-crc}",
            "{github-refresh-wrong-crc}",
            "{github-fine-grained-wrong-hash}",
            "{github-installation-not-json}",
            "{github-classic}0",
            "x{github-classic}",
            "ghp_{hex40}",
            "sha256:{hex40}",
        ],
    },
    Alone {
        secret_type: "npm-author-token",
        name: "NPM_TOKEN",
        makers: &["{npm-token}", "{uuid}"],
        look_alikes: &[
            "{npm-token-wrong-crc}",
            "{npm-token}A",
            "npm_config_{hex40}",
            "{uuid}-{uuid}",
            "00000000-0000-0000-0000-000000000000",
            "${NPM_TOKEN}",
        ],
    },
    Alone {
        secret_type: "slack-access-token",
        name: "SLACK_TOKEN",
        makers: &[
            "{slack-bot}",
            "{slack-user}",
            "{slack-session}",
            "{slack-legacy-bot}",
            "{slack-refresh}",
            "{slack-app}",
            "{slack-config-access}",
            "{slack-config-refresh}",
        ],
        look_alikes: &[
            "{slack-bot-zero-team}",
            "{slack-config-access-not-a-record}",
            "xoxb-your-token",
            "x{slack-bot}",
            "{slack-user}-1",
            "xoxp-XXXXXXXXXX",
        ],
    },
    Alone {
        secret_type: "openai-api-key",
        name: "OPENAI_API_KEY",
        makers: &[
            "{openai-legacy}",
            "{openai-project}",
            "{openai-service-account}",
            "{openai-admin}",
            "{openai-old}",
        ],
        look_alikes: &[
            "sk-{hex40}",
            "sk_live_{hex40}",
            "sk-ant-{hex40}{hex40}",
            "{openai-old}x",
            "sk-xxxxxxxxxxxxxxxxxxxxT3BlbkFJxxxxxxxxxxxxxxxxxxxx",
        ],
    },
    Alone {
        secret_type: "aws-access-key",
        name: "AWS_SECRET_ACCESS_KEY",
        makers: &["{aws-secret}"],
        look_alikes: &[
            "{hex40}",
            "{aws-secret}x",
            "{aws-secret}=",
            "${AWS_SECRET_ACCESS_KEY}",
            "aaaaaaaaaaaaaaaaaaaaAAAAAAAAAAAAAAAAAAA1",
        ],
    },
    Alone {
        secret_type: "azure-storage-connection-string",
        name: "AZURE_STORAGE_ACCESS_KEY",
        makers: &["{azure-storage-key}", "{azure-storage-legacy-key}"],
        look_alikes: &[
            "{azure-storage-key-wrong-checksum}",
            "{azure-batch-key}",
            "x{azure-storage-key}",
            "{entra-secret-legacy44}",
            "${STORAGE_KEY}",
        ],
    },
    Alone {
        secret_type: "azure-ad-client-secret",
        name: "ARM_CLIENT_SECRET",
        makers: &["{entra-secret}", "{entra-secret-7q}"],
        look_alikes: &[
            "{entra-secret-wrong-checksum}",
            "x{entra-secret}",
            "{entra-secret}~",
            "abc7Q~defghijklmnopqrs0t123456789-_.~",
            "{entra-secret-legacy44}",
        ],
    },
    Alone {
        secret_type: "azure-devops-pat",
        name: "AZURE_DEVOPS_EXT_PAT",
        makers: &["{azure-devops-pat52}", "{azure-devops-pat84}"],
        look_alikes: &[
            "{azure-devops-pat52-wrong-crc}",
            "{azure-devops-pat84-wrong-checksum}",
            "a{azure-devops-pat52}",
            "{azure-devops-pat52}8",
            "{azure-devops-pat84}A",
            "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdead",
        ],
    },
];

/// Whole texts; the secret stands between `<<` and `>>`.
const WHOLE: &[(&str, &[&str], &[&str])] = &[
    (
        "aws-s3-presigned-url",
        &[
            "curl -o f '<<{s3-presigned-v4}>>'\n",
            "{\"url\":\"<<{s3-presigned-v4}>>\",\"ttl\":3600}",
            "{\"url\":\"<<{s3-presigned-v4-json}>>\"}",
            "<a href=\"<<{s3-presigned-v4-xml}>>\">file</a>",
            "2026-03-01 GET <<{s3-presigned-v4-path-style}>> 200\r\n",
            "url: <<{s3-presigned-v4}>>\n",
            "[file](<<{s3-presigned-v4}>>)",
            "URL=<<{s3-presigned-v2}>>\n",
            "<img src='<<{s3-presigned-v2-xml}>>'/>",
            "const u=\"<<{s3-presigned-v2}>>\";fetch(u)",
            "\u{0}<<{s3-presigned-v4}>>\u{0}",
        ],
        &[
            "{s3-presigned-v4-other-service}",
            "{s3-presigned-v4}0",
            "https://a.s3.amazonaws.com/k?X-Amz-Signature={hex40}",
            "https://a.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={hex40}{hex40}",
            "Authorization: AWS4-HMAC-SHA256 Credential={aws-key-id}/20260301/eu-west-1/s3/aws4_request, Signature={hex40}",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId={aws-key-id}&Expires=1700000000",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId={aws-key-id}&Signature=abc&Expires=1700000000",
            "https://mws.amazonservices.com/?AWSAccessKeyId={aws-key-id}&SignatureMethod=HmacSHA256&Signature=x&Expires=1700000000",
            "https://a.s3.amazonaws.com/k?X-Amz-Signature=<signature>",
            "https://a.s3.amazonaws.com/k?AWSAccessKeyId=${ID}&Expires=1700000000&Signature=${SIG}",
        ],
    ),
    (
        "azure-storage-sas",
        &[
            "azcopy cp f 'https://acme.blob.core.windows.net/c?<<{azure-storage-sas}>>'\n",
            "SAS=<<{azure-storage-sas-account}>>\n",
            "{\"sas\":\"?<<{azure-storage-sas-user-delegation}>>\"}",
            "{\"u\":\"https://acme.blob.core.windows.net/c/f?<<{azure-storage-sas-json}>>\"}",
            "<add key=\"u\" value=\"https://acme.blob.core.windows.net/c/f?<<{azure-storage-sas-xml}>>\" />",
            "BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=<<{azure-storage-sas-account}>>;",
            "sas: \"<<{azure-storage-sas}>>\"\n",
            "artifactsLocationSasToken = \"?<<{azure-storage-sas}>>\"\r\n",
            "$sas='<<{azure-storage-sas-account}>>'",
            "WEBSITE_RUN_FROM_PACKAGE=https://acme.blob.core.windows.net/p/a.zip?<<{azure-storage-sas}>>\n",
        ],
        &[
            "?{azure-storage-sas-short-signature}",
            "?{azure-storage-sas-bad-permissions}",
            "?{azure-storage-sas}&sp=r",
            "?sv=2024-08-04&sr=b&sp=r&se=2027-01-01&sig=REDACTED",
            "?sv=2024-08-04&sr=b&sp=r&se=2027-01-01&sig=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%3D",
            "?sv=2024-13-04&ss=b&srt=s&sp=r&se=2027-01-01&sig={hex40}",
            "csv=2024&dsv=20&sig={hex40}",
            "sv=2024-08-04&sig=${SIGNATURE}",
            "http://127.0.0.1:10000/devstoreaccount1/c?{azure-storage-sas}",
            "SharedAccessSignature sr=acme.servicebus.windows.net&sig={hex40}&se=1700000000&skn=Root",
        ],
    ),
    (
        "azure-sql-connection-string",
        &[
            "Server=tcp:acme.database.windows.net,1433;Initial Catalog=crm;User ID=app;Password=<<{password}>>;Encrypt=True;",
            "<add connectionString=\"Data Source=acme.database.windows.net;Initial Catalog=crm;User ID=app;Password=<<{password}>>\" />",
            "{\"Db\":\"Server=acme.database.windows.net;Uid=app;Pwd=<<{password}>>;\"}",
            "DATABASE_URL=mssql://app:<<{password}>>@acme.database.windows.net:1433/crm\n",
            "url: jdbc:sqlserver://acme.database.windows.net:1433;database=crm;user=app;password=<<{password}>>;encrypt=true\n",
            "DB_HOST=acme.database.windows.net\nDB_USER=app\nDB_PASSWORD=<<{password}>>\n",
            "spec:\n  password: \"<<{password}>>\"\n  server: acme.database.windows.net\n",
            "connect(server='acme.database.windows.net', user='app', password='<<{password}>>')",
            "sqlcmd -S acme.database.windows.net -U app -P <<{password}>> -i x.sql\n",
            "sqlpackage /a:Export /ssn:acme.database.windows.net /su:app /sp:\"<<{password}>>\"\n",
            "odbc_connect=SERVER%3Dacme.database.windows.net%3BUID%3Dapp%3BPWD%3D<<{password}>>%3BEncrypt%3Dyes",
            "c=\"Password='<<{password};{password}>>';Server=acme-ondemand.sql.azuresynapse.net;User ID=app\"",
        ],
        &[
            "Server=acme.database.windows.net;User ID=app;Password={your_password};",
            "Server=acme.database.windows.net;User ID=app;Password=${DB_PASSWORD};",
            "Server=acme.database.windows.net;User ID=app;Password=;Encrypt=True",
            "Server=acme.database.windows.net;Authentication=Active Directory Default;",
            "Server=acme.database.windows.net.evil.example;Password={password};",
            "Server=acme.database.windows.networks;Password={password};",
            "Server=acme.postgres.database.usgovcloudapi.net;Password={password};",
            "Server=localhost;User ID=sa;Password={password};",
            "mssql://app:$DB_PASSWORD@acme.database.windows.net/crm",
            "jdbc:sqlserver://acme.database.windows.net;user=app;password=<password>;",
            "host: acme.database.windows.net\npassword: {{ .Values.password }}\n",
            "sqlcmd -S acme.database.windows.net -U app -P $(SQL_PASSWORD)\n",
            "host='acme.database.windows.net', password=os.environ['SQL_PASSWORD']",
        ],
    ),
    (
        "aws-access-key",
        &[
            "[default]\naws_access_key_id={aws-key-id}\naws_secret_access_key=<<{aws-secret}>>\n",
            "{\"AccessKeyId\":\"{aws-key-id}\",\"SecretAccessKey\":\"<<{aws-secret}>>\"}",
            "{aws-key-id}:<<{aws-secret}>>\n",
            "{aws-key-id},<<{aws-secret}>>\r\n",
            "<Id>{aws-key-id}</Id><Key><<{aws-secret}>></Key>",
            "new AWS.S3({accessKeyId:'{aws-key-id}',secretAccessKey:'<<{aws-secret}>>'})",
            "- name: ID\n  value: {aws-key-id}\n- name: SECRET\n  value: <<{aws-secret}>>\n",
            "AWS_ACCESS_KEY_ID={aws-temporary-id} AWS_SECRET_ACCESS_KEY=<<{aws-secret}>> aws s3 ls\n",
            "provider \"aws\" {\n  access_key = \"{aws-key-id}\"\n  secret_key = \"<<{aws-secret}>>\"\n}\n",
            "{\"secret\":\"<<{aws-secret}>>\",\"id\":\"{aws-key-id}\"}",
        ],
        &[
            "{aws-key-id} {hex40}",
            "{aws-key-id}",
            "0{aws-key-id}:{aws-secret}",
            "{aws-key-id}0:{aws-secret}",
            "AKIAIOSFODNN7EXAMPLE:{aws-secret}",
            "AKIAXXXXXXXXXXXXXXXX:{hex40}",
            "AKIA0189018901890189:{aws-secret}",
            "{aws-key-id} x{aws-secret}",
            "{aws-key-id} 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",
            "MSTAKIAGHTLLVRSASIAQNPEKDFGHIKLMNPQRSTVWY {aws-secret}",
        ],
    ),
];

/// The text and where the secret lies in it.
fn plant(form: &str, name: &str, value: &str) -> (String, std::ops::Range<u64>) {
    let text = form.replace("KEY", name);
    let (before, after) = text.split_once('@').unwrap();
    let place = before.len() as u64..(before.len() + value.len()) as u64;
    (format!("{before}{value}{after}"), place)
}

#[test]
fn secrets_in_settings_are_found_where_they_lie() {
    let mut scan = Scan::new();
    for alone in ALONE {
        let mut tried = 0;
        for maker in alone.makers {
            for (form, template) in FORMS {
                let value = expand(maker, &mut Stream::new(&format!("{maker} {form}")));
                let (text, place) = plant(template, alone.name, &value);
                let found = scan.believed(text.as_bytes(), alone.secret_type);
                assert!(
                    found.iter().any(|found| found.span == place),
                    "{}: {maker} in {form} at {place:?}, found at {:?} in {text}",
                    alone.secret_type,
                    found.iter().map(|found| &found.span).collect::<Vec<_>>()
                );
                tried += 1;
            }
        }
        assert!(tried >= 10, "{}", alone.secret_type);
    }
}

#[test]
fn secrets_after_a_written_line_end_are_found_where_they_lie() {
    let mut scan = Scan::new();
    for (secret_type, maker) in [
        ("github-personal-access-token", "{github-classic}"),
        ("github-personal-access-token", "{github-fine-grained}"),
        ("npm-author-token", "{npm-token}"),
        ("slack-access-token", "{slack-bot}"),
        ("openai-api-key", "{openai-project}"),
        ("azure-storage-connection-string", "{azure-storage-key}"),
        ("azure-ad-client-secret", "{entra-secret}"),
        ("azure-devops-pat", "{azure-devops-pat52}"),
        ("azure-devops-pat", "{azure-devops-pat84}"),
    ] {
        for form in ["{\"file\":\"first\\n@\\nlast\"}", "printf 'a\\t@\\r\\n'"] {
            let value = expand(maker, &mut Stream::new(maker));
            let (text, place) = plant(form, "", &value);
            let found = scan.believed(text.as_bytes(), secret_type);
            assert!(
                found.iter().any(|found| found.span == place),
                "{maker} at {place:?} in {text}"
            );
        }
    }
}

#[test]
fn look_alikes_in_settings_are_not_found() {
    let mut scan = Scan::new();
    for alone in ALONE {
        for maker in alone.look_alikes {
            for (form, template) in FORMS {
                let value = expand(maker, &mut Stream::new(&format!("{maker} {form}")));
                let (text, _) = plant(template, alone.name, &value);
                let found = scan.believed(text.as_bytes(), alone.secret_type);
                assert!(
                    found.is_empty(),
                    "{}: {maker} in {form} is found at {:?} in {text}",
                    alone.secret_type,
                    found[0].span
                );
            }
        }
        assert!(
            alone.look_alikes.len() * FORMS.len() >= 10,
            "{}",
            alone.secret_type
        );
    }
}

#[test]
fn secrets_with_their_surroundings_are_found_where_they_lie() {
    let mut scan = Scan::new();
    for (secret_type, texts, _) in WHOLE {
        assert!(texts.len() >= 10, "{secret_type}");
        for template in *texts {
            let marked = expand(template, &mut Stream::new(template));
            let (before, rest) = marked.split_once("<<").unwrap();
            let (secret, after) = rest.split_once(">>").unwrap();
            let text = format!("{before}{secret}{after}");
            let place = before.len() as u64..(before.len() + secret.len()) as u64;
            let found = scan.believed(text.as_bytes(), secret_type);
            assert!(
                found.iter().any(|found| found.span == place),
                "{secret_type} at {place:?}, found at {:?} in {text}",
                found.iter().map(|found| &found.span).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn look_alikes_with_surroundings_are_not_found() {
    let mut scan = Scan::new();
    for (secret_type, _, texts) in WHOLE {
        assert!(texts.len() >= 10, "{secret_type}");
        for template in *texts {
            let text = expand(template, &mut Stream::new(template));
            let found = scan.believed(text.as_bytes(), secret_type);
            assert!(
                found.is_empty(),
                "{secret_type} at {:?} in {text}",
                found[0].span
            );
        }
    }
}
