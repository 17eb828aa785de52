//! Databases in the cloud: every way of writing a login, for every service, and what is none.

mod samples;

use keydredge::finding::Verdict;
use keydredge::rule::Severity;

use self::samples::{LOGINS, LOGINS_OF_MYSQL, LOGINS_OF_POSTGRESQL, LOOK_ALIKES, OWN, SERVICES};
use super::{Scan, made};
use crate::texts::Texts;

/// The text without its marks, and where the secret lies in it.
fn marked(template: &str, service: &(&str, &str, &str, &str)) -> (String, std::ops::Range<u64>) {
    let (_, host, scheme, port) = service;
    let template = template
        .replace("HOST", host)
        .replace("SCHEME", scheme)
        .replace("PORT", port);
    let text = made(&template, &template);
    let (before, rest) = text.split_once("<<").unwrap_or((&text, ">>"));
    let (secret, after) = rest.split_once(">>").unwrap_or(("", ""));
    let place = before.len() as u64..(before.len() + secret.len()) as u64;
    (format!("{before}{secret}{after}"), place)
}

/// Nothing, if the secret is found at its place and nothing else in the whole text.
fn misread(text: &str, place: &std::ops::Range<u64>, secret_type: &str) -> Option<String> {
    let kept = Texts::shared().resolved(text.as_bytes());
    let kept: Vec<_> = kept
        .iter()
        .map(|found| {
            let name = Texts::shared().type_of(found);
            let variant = Texts::shared().variant(found);
            (
                name,
                variant.name.as_str(),
                found.span.clone(),
                found.suppressed,
            )
        })
        .collect();
    let believed: Vec<_> = kept.iter().filter(|(_, _, _, why)| why.is_none()).collect();
    let is_right = matches!(
        believed.as_slice(),
        [(name, _, span, _)] if *name == secret_type && span == place
    );
    (!is_right).then(|| format!("{secret_type} at {place:?}, found {kept:?} in {text:?}"))
}

#[test]
fn logins_are_found_where_they_lie_for_every_service() {
    let mut wrong: Vec<String> = Vec::new();
    for service in SERVICES {
        for template in LOGINS {
            let (text, place) = marked(template, service);
            wrong.extend(misread(&text, &place, service.0));
        }
        let is_postgresql = service.2.starts_with("postgres") || service.2.starts_with("redshift");
        let own = if is_postgresql {
            LOGINS_OF_POSTGRESQL
        } else {
            LOGINS_OF_MYSQL
        };
        for template in own {
            let (text, place) = marked(template, service);
            wrong.extend(misread(&text, &place, service.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn look_alikes_of_logins_are_not_found() {
    let mut scan = Scan::new();
    let mut wrong: Vec<String> = Vec::new();
    for service in SERVICES {
        for template in LOOK_ALIKES {
            let (text, _) = marked(template, service);
            let found = scan.believed(text.as_bytes(), service.0);
            wrong.extend(
                found
                    .first()
                    .map(|found| format!("{} at {:?} in {text:?}", service.0, found.span)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_of_one_kind_of_database_are_found_and_their_look_alikes_are_not() {
    let mut scan = Scan::new();
    let mut wrong: Vec<String> = Vec::new();
    let nowhere = ("", "HOST", "SCHEME", "PORT");
    for (secret_type, texts, look_alikes) in OWN {
        assert!(
            texts.len() >= 10 && look_alikes.len() >= 10,
            "{secret_type}"
        );
        for template in *texts {
            let (text, place) = marked(template, &nowhere);
            wrong.extend(misread(&text, &place, secret_type));
        }
        for template in *look_alikes {
            let text = made(template, template);
            let found = scan.believed(text.as_bytes(), secret_type);
            wrong.extend(
                found
                    .first()
                    .map(|found| format!("{secret_type} at {:?} in {text:?}", found.span)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn logins_in_utf_16_and_base64_are_found_too() {
    let mut scan = Scan::new();
    for service in SERVICES {
        let (text, place) = marked(LOGINS[0], service);
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = scan.believed(&wide, service.0);
        let place = place.start * 2..place.end * 2;
        assert!(found.iter().any(|found| found.span == place), "{text}");
    }
}

#[test]
fn the_rows_of_databases_are_those_of_the_published_table() {
    const EVERYWHERE: &str = "inventory, explorer, recommendations, attack paths";
    const SHORT: &str = "inventory, explorer";
    // Microsoft Defender for Cloud, "Protecting secrets", section "Discovery support".
    for (id, name, vm, review) in [
        (
            "azure-postgresql-connection-string",
            "Plaintext Azure database for PostgreSQL.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-mysql-connection-string",
            "Plaintext Azure database for MySQL.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-mariadb-connection-string",
            "Plaintext Azure database for MariaDB.",
            true,
            EVERYWHERE,
        ),
        (
            "azure-cosmos-db-connection-string",
            "Plaintext Azure Cosmos DB, including PostgreSQL, MySQL and MariaDB.",
            true,
            EVERYWHERE,
        ),
        (
            "aws-rds-connection-string",
            "Plaintext AWS RDS connection string, supports SQL PAAS:<br/>Plaintext Amazon Aurora with \
             Postgres and MySQL flavors.<br/>Plaintext Amazon custom RDS with Oracle and SQL Server \
             flavors.",
            true,
            EVERYWHERE,
        ),
        (
            "aws-redshift-credentials",
            "Plaintext AWS Redshift credentials.",
            false,
            SHORT,
        ),
        (
            "odbc-connection-string",
            "Plaintext ODBC connection string.",
            false,
            SHORT,
        ),
    ] {
        let row = Texts::shared()
            .rules()
            .types
            .iter()
            .find(|row| row.id == id)
            .unwrap();
        let found = (
            row.name.as_str(),
            row.vm,
            row.deployment,
            row.review.as_str(),
        );
        assert_eq!(found, (name, vm, true, review), "{id}");
    }
}

/// Kind, name, endpoint, user, database and port that a text names.
#[test]
fn the_login_is_read_from_the_text_around_the_password() {
    let mut scan = Scan::new();
    for (template, variant, expected) in [
        (
            "Server=Acme.postgres.database.azure.com;Database=crm;Port=6432;User Id=app@acme;Password={password};",
            "azure-postgresql-connection-string/keyvalue",
            "postgresql-server acme acme.postgres.database.azure.com app crm 6432",
        ),
        (
            "postgresql://app%40acme:{password}@acme.privatelink.postgres.database.azure.com:5432/crm?x=1",
            "azure-postgresql-connection-string/uri",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "acme.postgres.database.azure.com:5432:crm:app:{password}\n",
            "azure-postgresql-connection-string/pgpass",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "psql \"host=acme.postgres.database.azure.com port=5432 dbname=crm user=app password={password}\"",
            "azure-postgresql-connection-string/libpq",
            "postgresql-server acme acme.postgres.database.azure.com app crm 5432",
        ),
        (
            "mysql -h acme.mysql.database.azure.com -P 3306 -u app -p{password} -D crm\n",
            "azure-mysql-connection-string/cli",
            "mysql-server acme acme.mysql.database.azure.com app crm 3306",
        ),
        (
            "app:{password}@tcp(acme.mysql.database.azure.com:3306)/crm",
            "azure-mysql-connection-string/uri",
            "mysql-server acme acme.mysql.database.azure.com app crm 3306",
        ),
        (
            "DB_HOST=acme.mariadb.database.azure.com\nDB_PORT=3306\nDB_NAME=crm\nDB_USER=app\nDB_PASSWORD={password}\n",
            "azure-mariadb-connection-string/split-fields",
            "mariadb-server acme acme.mariadb.database.azure.com app crm 3306",
        ),
        (
            "jdbc:postgresql://acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com:5432/crm?user=app&password={password}",
            "aws-rds-connection-string/jdbc",
            "rds-cluster acme acme.cluster-c9akciq32abc.eu-west-1.rds.amazonaws.com app crm 5432",
        ),
        (
            "sqlplus app/{password}@//acme.c9akciq32abc.eu-west-1.rds.amazonaws.com:1521/ORCL",
            "aws-rds-connection-string/oracle",
            "rds-instance acme acme.c9akciq32abc.eu-west-1.rds.amazonaws.com app ORCL 1521",
        ),
        (
            "jdbc:redshift://wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com:5439/dev;UID=app;PWD={password}",
            "aws-redshift-credentials/jdbc",
            "redshift-workgroup wg wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com app dev 5439",
        ),
        (
            "postgres://citus:{password}@c-acme.q3z5k7m9p1r2t4.postgres.cosmos.azure.com:5432/citus",
            "azure-cosmos-db-connection-string/postgresql",
            "cosmos-cluster acme c-acme.q3z5k7m9p1r2t4.postgres.cosmos.azure.com citus citus 5432",
        ),
        (
            "Driver={SQL Server};Server=tcp:DB01\\x,1433;Database=crm;Uid=app;Pwd={password};",
            "odbc-connection-string/driver-or-dsn",
            "database db01 db01 app crm 1433",
        ),
        (
            "DSN=crm;UID=app;PWD={password};",
            "odbc-connection-string/driver-or-dsn",
            "odbc-data-source crm  app  ",
        ),
    ] {
        let found = scan.only(&made(template, template), variant);
        let target = found.proof.target.unwrap();
        let text = |value: Option<&serde_json::Value>| {
            value
                .map(|value| value.to_string().trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        let read = format!(
            "{} {} {} {} {} {}",
            target.kind,
            target.name,
            target.endpoint.unwrap_or_default(),
            text(found.proof.identity.get("user")),
            text(found.proof.details.get("database")),
            text(found.proof.details.get("port"))
        );
        assert_eq!(read, expected, "{template}");
    }
}

#[test]
fn hosts_of_aws_say_account_region_and_engine() {
    let mut scan = Scan::new();
    let found = scan.only(
        &made(
            "mysql://app:{password}@acme.c9akciq32abc.eu-west-1.rds.amazonaws.com/crm",
            "rds",
        ),
        "aws-rds-connection-string/uri",
    );
    assert_eq!(found.proof.identity["account_code"], "c9akciq32abc");
    assert_eq!(found.proof.details["region"], "eu-west-1");
    assert_eq!(found.proof.details["engine"], "mysql");
    let found = scan.only(
        &made(
            "redshift://app:{password}@wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com/dev",
            "serverless",
        ),
        "aws-redshift-credentials/uri",
    );
    assert_eq!(found.proof.identity["account"], "210987654321");
}

#[test]
fn a_key_of_cosmos_db_says_what_it_may_do() {
    let mut scan = Scan::new();
    let found = scan.only(
        &made("AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={azure-cosmos-key};Database=crm;", "rw"),
        "azure-cosmos-db-connection-string/sql-api",
    );
    assert_eq!(found.proof.verdict, Some(Verdict::Checksum));
    assert_eq!(found.proof.severity, Some(Severity::Critical));
    assert_eq!(found.proof.details["key"], "read-write");
    assert_eq!(found.proof.details["database"], "crm");
    assert_eq!(found.proof.target.unwrap().name, "acme");
}

#[test]
fn published_keys_and_hosts_are_suppressed() {
    let emulator = [
        "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mG",
        "GyPMbIZnqyMsEcaGQy67XIw/Jw==",
    ]
    .concat();
    for text in [
        format!("COSMOS_KEY={emulator}\n"),
        made(
            "mysql://app:{password}@mydb.123456789012.us-east-1.rds.amazonaws.com/crm",
            "docs",
        ),
        made(
            "jdbc:redshift://examplecluster.abc123xyz789.us-west-2.redshift.amazonaws.com:5439/dev?user=a&password={password}",
            "docs",
        ),
    ] {
        let found = Texts::shared().resolved(text.as_bytes());
        assert!(!found.is_empty(), "{text}");
        for found in found {
            assert_eq!(found.suppressed, Some("published example"), "{text}");
        }
    }
}

#[test]
fn of_several_records_each_host_has_its_own_password() {
    let mut scan = Scan::new();
    for template in [
        "[{\"password\":\"P1\",\"host\":\"a.HOST\"},{\"password\":\"P2\",\"host\":\"b.HOST\"}]",
        "[{\"host\":\"a.HOST\",\"password\":\"P1\"},{\"host\":\"b.HOST\",\"password\":\"P2\"}]",
    ] {
        let text = template
            .replace("HOST", "postgres.database.azure.com")
            .replace("P1", &made("{password}", "one"))
            .replace("P2", &made("{password}", "two"));
        let mut found: Vec<(String, String)> = scan
            .believed(text.as_bytes(), "azure-postgresql-connection-string")
            .into_iter()
            .map(|found| {
                let secret = String::from_utf8(found.secret).unwrap();
                (found.proof.target.unwrap().name, secret)
            })
            .collect();
        found.sort();
        let own = |host: &str, seed| (host.to_owned(), made("{password}", seed));
        assert_eq!(found, [own("a", "one"), own("b", "two")], "{text}");
    }
}
