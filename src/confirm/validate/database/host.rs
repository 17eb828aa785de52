//! Whose database a host is.
//!
//! Sources: Microsoft, "Azure Government endpoint mapping", "Connect to Synapse SQL", "Node
//! domain names in Azure Cosmos DB for PostgreSQL"; the environments of Azure CLI for China and
//! Germany; AWS, "Amazon Aurora endpoint connections", "Working with Amazon RDS Proxy endpoints",
//! "Connecting to Amazon Redshift Serverless".

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use crate::confirm::validate::context::{self, Pattern};

/// Who runs a database, as far as types of secrets tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    AzureSql,
    AzurePostgresql,
    AzureMysql,
    AzureMariadb,
    Cosmos,
    Rds,
    Redshift,
}

/// A host and what its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) service: Service,
    /// In lower case, without the label of a private link.
    pub(super) host: String,
    /// What it is, in the words of the record.
    pub(super) kind: &'static str,
    /// Its name at the provider.
    pub(super) name: String,
    pub(super) region: Option<String>,
    /// Account number, where the host shows it.
    pub(super) account: Option<String>,
    /// A code that all hosts of one account in one region share.
    pub(super) account_code: Option<String>,
}

/// Suffixes of database servers in the clouds of Azure. In all but the public one the suffix of
/// SQL servers is that of the other databases' hosts too.
const AZURE_SERVERS: &[&str] = &[
    ".database.azure.com",
    ".database.usgovcloudapi.net",
    ".database.chinacloudapi.cn",
    ".database.cloudapi.de",
];

const AZURE_SQL: &[&str] = &[
    ".database.windows.net",
    ".sql.azuresynapse.net",
    ".sql.azuresynapse.azure.cn",
];

/// The interfaces of Cosmos DB accounts, whose secret is the account's key.
const COSMOS_ACCOUNTS: &[&str] = &[
    ".documents",
    ".mongo.cosmos",
    ".table.cosmos",
    ".tables.cosmosdb",
    ".gremlin.cosmos",
    ".gremlin.cosmosdb",
    ".cassandra.cosmos",
    ".cassandra.cosmosdb",
];

/// Kinds of RDS endpoints by the prefix of the label after the name. The longer prefix first.
const RDS_ENDPOINTS: &[(&str, &str)] = &[
    ("cluster-custom-", "rds-cluster"),
    ("cluster-ro-", "rds-cluster"),
    ("cluster-", "rds-cluster"),
    ("shardgrp-", "rds-cluster"),
    ("proxy-", "rds-proxy"),
    ("", "rds-instance"),
];

/// Account codes that documentation prints.
const PRINTED: &[&str] = &[
    "123456789012",
    "111122223333",
    "abcdefghijkl",
    "abc123xyz789",
];

static ANY: Pattern = Pattern::new(
    r"(?i)[a-z0-9][a-z0-9.-]{0,200}\.(?:windows\.net|azure\.(?:com|us|cn)|usgovcloudapi\.net|chinacloudapi\.cn|cloudapi\.de|azuresynapse\.net|amazonaws\.com(?:\.cn)?)",
);

impl Endpoint {
    /// The endpoint of a host name in any case; `None` if it is nobody's database.
    pub(super) fn of(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase().replace(".privatelink.", ".");
        azure_server(&host)
            .or_else(|| cosmos(&host))
            .or_else(|| amazon(&host))
    }

    /// The endpoint whose host lies at this place of a text and ends there.
    pub(super) fn at(text: &[u8], place: &Range<usize>) -> Option<Self> {
        let after = text.get(place.end..).unwrap_or(&[]);
        let goes_on = match after {
            [b'.', next, ..] => next.is_ascii_alphanumeric(),
            [next, ..] => next.is_ascii_alphanumeric() || matches!(next, b'-' | b'_'),
            [] => false,
        };
        // `$server.database...` is the name of a variable, `%s.database...` a format.
        let before = place.start.checked_sub(1).and_then(|at| text.get(at));
        if goes_on || matches!(before, Some(b'$' | b'%')) {
            return None;
        }
        Self::of(&context::text(text.get(place.clone())?))
    }

    /// The endpoints in a text, with their places.
    pub(super) fn all(text: &[u8]) -> impl Iterator<Item = (Self, Range<usize>)> {
        ANY.find_all(text).filter_map(move |found| {
            let place = found.get(0)?.range();
            Some((Self::at(text, &place)?, place))
        })
    }

    /// Whether its name stands in documentation, so that nobody's database has it.
    pub(super) fn is_printed(&self) -> bool {
        let code = self.account_code.as_deref().or(self.account.as_deref());
        code.is_some_and(|code| PRINTED.contains(&code) || code.contains("example"))
            || self.name == "mydemoserver"
    }

    /// Whether its secret is the key of a Cosmos DB account and not a password.
    pub(super) fn takes_key(&self) -> bool {
        self.kind == "cosmos-account"
    }

    fn new(service: Service, kind: &'static str, host: &str, name: &str) -> Self {
        Self {
            service,
            host: host.to_owned(),
            kind,
            name: name.to_owned(),
            region: None,
            account: None,
            account_code: None,
        }
    }
}

fn azure_server(host: &str) -> Option<Endpoint> {
    let name = host.split('.').next()?;
    // The audience of tokens for open-source databases, not a server.
    if name == "ossrdbms-aad" {
        return None;
    }
    let strip = |suffixes: &[&str]| suffixes.iter().find_map(|suffix| host.strip_suffix(suffix));
    if strip(AZURE_SQL).is_some() {
        return Some(Endpoint::new(Service::AzureSql, "sql-database", host, name));
    }
    let head = strip(AZURE_SERVERS)?;
    if let Some(head) = head.strip_suffix(".postgres") {
        // Clusters made before June 2023 hide behind the suffix of single servers.
        if let Some((_, cluster)) = head.split_once('.').filter(|(node, _)| is_node(node)) {
            return Some(Endpoint::new(
                Service::Cosmos,
                "cosmos-cluster",
                host,
                cluster,
            ));
        }
        let kind = "postgresql-server";
        return Some(Endpoint::new(Service::AzurePostgresql, kind, host, name));
    }
    if head.ends_with(".mysql") {
        return Some(Endpoint::new(
            Service::AzureMysql,
            "mysql-server",
            host,
            name,
        ));
    }
    if head.ends_with(".mariadb") {
        return Some(Endpoint::new(
            Service::AzureMariadb,
            "mariadb-server",
            host,
            name,
        ));
    }
    (!host.ends_with(".database.azure.com"))
        .then(|| Endpoint::new(Service::AzureSql, "sql-database", host, name))
}

/// Whether a label names the coordinator or a worker of a PostgreSQL cluster: `c`, `w0`.
fn is_node(label: &str) -> bool {
    let number = label.strip_prefix('w').unwrap_or("");
    label == "c" || ((1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()))
}

fn cosmos(host: &str) -> Option<Endpoint> {
    let head = [".azure.com", ".azure.us", ".azure.cn"]
        .iter()
        .find_map(|suffix| host.strip_suffix(suffix))?;
    let name = head.split('.').next()?;
    if let Some(cluster) = head.strip_suffix(".postgres.cosmos") {
        // `c-CLUSTER.CODE`
        let (node, rest) = cluster.split_once('-')?;
        let name = rest.split('.').next().filter(|_| is_node(node))?;
        return Some(Endpoint::new(Service::Cosmos, "cosmos-cluster", host, name));
    }
    if head.ends_with(".mongocluster.cosmos") {
        return Some(Endpoint::new(Service::Cosmos, "cosmos-cluster", host, name));
    }
    COSMOS_ACCOUNTS
        .iter()
        .any(|suffix| head.ends_with(suffix))
        .then(|| Endpoint::new(Service::Cosmos, "cosmos-account", host, name))
}

fn amazon(host: &str) -> Option<Endpoint> {
    let head = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let labels: Vec<&str> = head.split('.').collect();
    match labels.as_slice() {
        // In China region and service stand the other way round.
        [name, between @ .., region, "rds"] | [name, between @ .., "rds", region] => {
            let label = match between {
                [label] | ["endpoint", label] => *label,
                _ => return None,
            };
            let (kind, code) = RDS_ENDPOINTS
                .iter()
                .find_map(|(prefix, kind)| Some((*kind, label.strip_prefix(prefix)?)))?;
            let mut endpoint = Endpoint::new(Service::Rds, kind, host, name);
            endpoint.region = Some((*region).to_owned());
            endpoint.account_code = Some(code.to_owned());
            Some(endpoint)
        }
        [name, code, region, "redshift"] => {
            let mut endpoint = Endpoint::new(Service::Redshift, "redshift-cluster", host, name);
            endpoint.region = Some((*region).to_owned());
            endpoint.account_code = Some((*code).to_owned());
            Some(endpoint)
        }
        [name, account, region, "redshift-serverless"] => {
            let mut endpoint = Endpoint::new(Service::Redshift, "redshift-workgroup", host, name);
            endpoint.region = Some((*region).to_owned());
            endpoint.account = Some((*account).to_owned());
            Some(endpoint)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_says_whose_database_it_is() {
        for (host, service, kind, name) in [
            (
                "Srv.Database.Windows.net",
                Service::AzureSql,
                "sql-database",
                "srv",
            ),
            (
                "mi.public.a1b2.database.windows.net",
                Service::AzureSql,
                "sql-database",
                "mi",
            ),
            (
                "ws-ondemand.sql.azuresynapse.net",
                Service::AzureSql,
                "sql-database",
                "ws-ondemand",
            ),
            (
                "srv.database.chinacloudapi.cn",
                Service::AzureSql,
                "sql-database",
                "srv",
            ),
            (
                "pg.privatelink.postgres.database.azure.com",
                Service::AzurePostgresql,
                "postgresql-server",
                "pg",
            ),
            (
                "pg.postgres.database.usgovcloudapi.net",
                Service::AzurePostgresql,
                "postgresql-server",
                "pg",
            ),
            (
                "my.mysql.database.chinacloudapi.cn",
                Service::AzureMysql,
                "mysql-server",
                "my",
            ),
            (
                "ma.mariadb.database.azure.com",
                Service::AzureMariadb,
                "mariadb-server",
                "ma",
            ),
            (
                "c.old.postgres.database.azure.com",
                Service::Cosmos,
                "cosmos-cluster",
                "old",
            ),
            (
                "w12.old.postgres.database.azure.com",
                Service::Cosmos,
                "cosmos-cluster",
                "old",
            ),
            (
                "c-new-one.abcdefghijklmn.postgres.cosmos.azure.com",
                Service::Cosmos,
                "cosmos-cluster",
                "new-one",
            ),
            (
                "acct.documents.azure.cn",
                Service::Cosmos,
                "cosmos-account",
                "acct",
            ),
            (
                "acct.mongo.cosmos.azure.com",
                Service::Cosmos,
                "cosmos-account",
                "acct",
            ),
            (
                "vc.global.mongocluster.cosmos.azure.com",
                Service::Cosmos,
                "cosmos-cluster",
                "vc",
            ),
            (
                "db.c9akciq32abc.eu-west-1.rds.amazonaws.com",
                Service::Rds,
                "rds-instance",
                "db",
            ),
            (
                "au.cluster-ro-c9akciq32abc.us-gov-west-1.rds.amazonaws.com",
                Service::Rds,
                "rds-cluster",
                "au",
            ),
            (
                "ep.endpoint.proxy-c9akciq32abc.eu-west-1.rds.amazonaws.com",
                Service::Rds,
                "rds-proxy",
                "ep",
            ),
            (
                "db.c9akciq32abc.rds.cn-north-1.amazonaws.com.cn",
                Service::Rds,
                "rds-instance",
                "db",
            ),
            (
                "dw.c9akciq32abc.eu-west-1.redshift.amazonaws.com",
                Service::Redshift,
                "redshift-cluster",
                "dw",
            ),
            (
                "wg.210987654321.eu-west-1.redshift-serverless.amazonaws.com",
                Service::Redshift,
                "redshift-workgroup",
                "wg",
            ),
        ] {
            let found = Endpoint::of(host).unwrap_or_else(|| panic!("{host}"));
            assert_eq!(
                (found.service, found.kind, found.name.as_str()),
                (service, kind, name),
                "{host}"
            );
            assert!(!found.host.contains("privatelink"));
        }
        for host in [
            "ossrdbms-aad.database.windows.net",
            "acme.blob.core.windows.net",
            "rds.eu-west-1.amazonaws.com",
            "s3.amazonaws.com",
            "srv.database.azure.com",
            "a.b.cosmos.azure.com",
            "localhost",
            "",
        ] {
            assert_eq!(Endpoint::of(host), None, "{host}");
        }
    }

    #[test]
    fn only_hosts_that_end_at_the_suffix_count() {
        let hosts = |text: &str| -> Vec<String> {
            Endpoint::all(text.as_bytes())
                .map(|(found, _)| found.host)
                .collect()
        };
        assert_eq!(
            hosts("tcp:Srv.database.windows.net,1433"),
            ["srv.database.windows.net"]
        );
        assert_eq!(
            hosts("at srv.database.windows.net."),
            ["srv.database.windows.net"]
        );
        for text in [
            "srv.database.windows.net.evil.example",
            "srv.database.windows.network",
            "srv.database.windows.net-x",
            "$srv.database.windows.net",
            "%s.database.windows.net",
            "db.c9akciq32abc.eu-west-1.rds.amazonaws.community",
        ] {
            assert_eq!(hosts(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn hosts_of_the_documentation_are_known() {
        let printed = |host: &str| Endpoint::of(host).is_some_and(|found| found.is_printed());
        assert!(printed("mydb.123456789012.us-east-1.rds.amazonaws.com"));
        assert!(printed("mydb.c7tj4example.us-east-1.rds.amazonaws.com"));
        assert!(printed("x.abc123xyz789.us-west-2.redshift.amazonaws.com"));
        assert!(!printed("mydb.c9akciq32abc.us-east-1.rds.amazonaws.com"));
    }
}
