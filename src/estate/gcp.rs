//! `gcloud asset export --content-type=resource`, one asset a line.

use serde_json::Value;

use super::json::{
    MOST_MEMBERS, deep_text, is_anywhere, list, need, number, ports, protocol, text,
};
use super::{Records, ssh};
use crate::case::record::{Asset, Record};

/// Confidence in a key of the metadata: the guest agent writes it into `authorized_keys`.
const METADATA: u8 = 85;
/// Roles that give the content of a bucket away.
const STORAGE_ROLES: &[&str] = &[
    "roles/storage.admin",
    "roles/storage.objectAdmin",
    "roles/storage.objectUser",
    "roles/storage.objectViewer",
    "roles/storage.legacyBucketOwner",
    "roles/storage.legacyBucketReader",
    "roles/storage.legacyBucketWriter",
    "roles/storage.legacyObjectOwner",
    "roles/storage.legacyObjectReader",
];
/// Priority of a rule that has none.
const DEFAULT_PRIORITY: i64 = 1000;

/// Reads one asset.
pub(super) fn resource(value: &Value, records: &mut Records) -> Result<(), String> {
    let name = need(value, "name")?;
    let data = value.pointer("/resource/data").unwrap_or(&Value::Null);
    // `--content-type=iam-policy` writes lines of its own.
    for binding in list(value, "iamPolicy.bindings") {
        let role = text(binding, "role");
        if STORAGE_ROLES.contains(&role) {
            for member in list(binding, "members").iter().filter_map(Value::as_str) {
                if let Some(account) = member.strip_prefix("serviceAccount:") {
                    fact(records, account, "may-use", name);
                }
            }
        }
    }
    match text(value, "assetType") {
        "compute.googleapis.com/Instance" => return machine(name, data, records),
        "compute.googleapis.com/Project" => {
            let keys = keys_of(list(data, "commonInstanceMetadata.items"));
            accept(&format!("gcp-project:{}", project_of(name)), &keys, records);
        }
        "compute.googleapis.com/Firewall" => return firewall(data, records),
        "compute.googleapis.com/ForwardingRule" | "compute.googleapis.com/GlobalForwardingRule" => {
            forward(name, data, records);
        }
        "compute.googleapis.com/TargetPool" => {
            for instance in list(data, "instances").iter().filter_map(Value::as_str) {
                let target = format!("//compute.googleapis.com/{} 0", network_of(instance));
                fact(records, &network_of(name), "target", &target);
            }
        }
        "storage.googleapis.com/Bucket" if !data.is_null() => {
            let bucket = name.rsplit('/').next().unwrap_or(name);
            records.push(Record::Asset(asset(name, "storage", "gcp.bucket", data)));
            fact(records, name, "name", &format!("gcs:{bucket}"));
        }
        "sqladmin.googleapis.com/Instance" => {
            records.push(Record::Asset(asset(name, "database", "gcp.sql", data)));
            for address in list(data, "ipAddresses") {
                let address = text(address, "ipAddress");
                if !address.is_empty() {
                    fact(records, name, "name", &format!("address:{address}"));
                }
            }
            let host = text(data, "dnsName").trim_end_matches('.');
            if !host.is_empty() {
                fact(records, name, "name", &format!("host:{host}"));
            }
        }
        _ => {}
    }
    Ok(())
}

/// `p1` of `//compute.googleapis.com/projects/p1/...`.
fn project_of(name: &str) -> &str {
    let rest = name.split_once("/projects/").map_or("", |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// `projects/p1/global/networks/default`, however the link is written.
fn network_of(link: &str) -> String {
    link.split_once("/projects/")
        .map_or_else(|| link.to_owned(), |(_, rest)| format!("projects/{rest}"))
}

fn asset(uid: &str, kind: &'static str, service: &str, data: &Value) -> Asset {
    let labels = data.get("labels").map(Value::to_string).unwrap_or_default();
    let name = match text(data, "name") {
        "" => uid.rsplit('/').next().unwrap_or(uid),
        name => name,
    };
    Asset {
        uid: uid.to_owned(),
        kind,
        service: service.to_owned(),
        cloud: "gcp".to_owned(),
        account: project_of(uid).to_owned(),
        name: name.to_owned(),
        region: text(data, "zone")
            .rsplit('/')
            .next()
            .unwrap_or("")
            .to_owned(),
        sensitive: super::plain::is_sensitive(&labels),
        ..Asset::default()
    }
}

fn fact(records: &mut Records, subject: &str, kind: &'static str, object: &str) {
    records.push(Record::Fact {
        subject: subject.to_owned(),
        kind,
        object: object.to_owned(),
    });
}

fn machine(name: &str, data: &Value, records: &mut Records) -> Result<(), String> {
    let interfaces = list(data, "networkInterfaces");
    let picked = list(data, "tags.items")
        .len()
        .saturating_add(list(data, "serviceAccounts").len());
    if interfaces.len().saturating_mul(picked) > MOST_MEMBERS {
        return Err(format!("more than {MOST_MEMBERS} tags of networks"));
    }
    let network = interfaces
        .first()
        .map_or("", |first| text(first, "network"));
    let status = text(data, "status");
    records.push(Record::Asset(Asset {
        network: network_of(network),
        running: (!status.is_empty())
            .then_some(matches!(status, "RUNNING" | "PROVISIONING" | "STAGING")),
        ..asset(name, "vm", "gcp.vm", data)
    }));
    for interface in interfaces {
        // Firewalls belong to a network and pick machines by tag.
        let network = network_of(text(interface, "network"));
        fact(records, name, "firewall", &format!("{network}#"));
        for tag in list(data, "tags.items").iter().filter_map(Value::as_str) {
            fact(records, name, "firewall", &format!("{network}#{tag}"));
        }
        for account in list(data, "serviceAccounts") {
            let email = text(account, "email");
            fact(records, name, "firewall", &format!("{network}#{email}"));
        }
        let private = text(interface, "networkIP");
        if !private.is_empty() {
            fact(records, name, "name", &format!("address:{private}"));
        }
        for access in list(interface, "accessConfigs") {
            let public = text(access, "natIP");
            if !public.is_empty() {
                fact(records, name, "public-address", public);
                fact(records, name, "name", &format!("address:{public}"));
            }
        }
    }
    for account in list(data, "serviceAccounts") {
        let email = text(account, "email");
        if !email.is_empty() {
            fact(records, name, "identity", email);
        }
    }
    let items = list(data, "metadata.items");
    accept(name, &keys_of(items), records);
    let blocks = items.iter().any(|item| {
        text(item, "key") == "block-project-ssh-keys"
            && text(item, "value").eq_ignore_ascii_case("true")
    });
    if !blocks {
        let project = format!("gcp-project:{}", project_of(name));
        fact(records, name, "key-pair", &project);
    }
    Ok(())
}

/// Login and key of each line of `ssh-keys`.
fn keys_of(items: &[Value]) -> Vec<(String, String)> {
    let keys = items
        .iter()
        .filter(|item| matches!(text(item, "key"), "ssh-keys" | "sshKeys"));
    keys.flat_map(|item| text(item, "value").lines())
        .filter_map(|line| {
            let (login, key) = line.split_once(':')?;
            Some((login.to_owned(), ssh::fingerprint(key)?))
        })
        .collect()
}

fn accept(subject: &str, keys: &[(String, String)], records: &mut Records) {
    for (login, public_key) in keys {
        records.push(Record::Accepts {
            subject: subject.to_owned(),
            public_key: public_key.clone(),
            login: login.clone(),
            how: "gcp-metadata",
            confidence: METADATA,
            evidence: format!("`ssh-keys` in the metadata of {subject}"),
        });
    }
}

/// A rule of a load balancer: only an external one is reached from outside. Without a target pool,
/// which lists machines, what lies behind is not known.
fn forward(name: &str, data: &Value, records: &mut Records) {
    let scheme = text(data, "loadBalancingScheme");
    let target = text(data, "target");
    if !matches!(scheme, "" | "EXTERNAL") || target.is_empty() {
        return;
    }
    fact(records, name, "is-public", "1");
    let several = list(data, "ports").iter().filter_map(Value::as_str);
    for ports in std::iter::once(text(data, "portRange")).chain(several) {
        if !ports.is_empty() {
            let forward = format!("{ports} {} 0", network_of(target));
            fact(records, name, "forwards", &forward);
        }
    }
}

fn firewall(data: &Value, records: &mut Records) -> Result<(), String> {
    let disabled = data.get("disabled").and_then(Value::as_bool) == Some(true);
    let sources = list(data, "sourceRanges").iter().filter_map(Value::as_str);
    // Without a source of any kind the rule is for everybody.
    let anywhere = sources.clone().any(is_anywhere)
        || (sources.count() == 0
            && list(data, "sourceTags").is_empty()
            && list(data, "sourceServiceAccounts").is_empty());
    if disabled || text(data, "direction").eq_ignore_ascii_case("egress") || !anywhere {
        return Ok(());
    }
    let network = network_of(text(data, "network"));
    let targets = list(data, "targetTags")
        .iter()
        .chain(list(data, "targetServiceAccounts"))
        .filter_map(Value::as_str);
    let mut groups: Vec<String> = targets.map(|tag| format!("{network}#{tag}")).collect();
    if groups.is_empty() {
        groups.push(format!("{network}#"));
    }
    let priority = number(data.get("priority")).unwrap_or(DEFAULT_PRIORITY);
    for (list_name, allow) in [("allowed", true), ("denied", false)] {
        for entry in list(data, list_name) {
            let Some(protocol) = protocol(deep_text(entry, "IPProtocol")) else {
                continue;
            };
            let ranges: Vec<_> = list(entry, "ports")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let ranges = if ranges.is_empty() { vec!["*"] } else { ranges };
            if records
                .len()
                .saturating_add(ranges.len().saturating_mul(groups.len()))
                > MOST_MEMBERS
            {
                return Err(format!(
                    "more than {MOST_MEMBERS} pairs of ports and targets"
                ));
            }
            for range in ranges.into_iter().filter_map(ports) {
                for group in &groups {
                    records.push(Record::Rule {
                        firewall: group.clone(),
                        priority,
                        allow,
                        protocol,
                        ports: range,
                    });
                }
            }
        }
    }
    Ok(())
}
