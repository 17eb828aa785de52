//! Azure Resource Graph: `az graph query`, or any list of resources with their properties.

use serde_json::Value;

use super::json::{deep_text, is_anywhere, list, need, ports, protocol, text};
use super::{Records, fact, ssh};
use crate::case::findings::login_of;
use crate::case::record::{Asset, Record};

/// Services that are databases, by type.
const DATABASES: &[(&str, &str)] = &[
    ("microsoft.sql/servers", "azure.sql"),
    ("microsoft.sql/managedinstances", "azure.sql"),
    ("microsoft.dbforpostgresql/", "azure.postgresql"),
    ("microsoft.dbformysql/", "azure.mysql"),
    ("microsoft.dbformariadb/", "azure.mariadb"),
    ("microsoft.documentdb/", "azure.cosmos"),
];

/// Confidence that a key which the machine was created with is still accepted.
const AT_CREATION: u8 = 85;

/// Reads one resource.
pub(super) fn resource(kind: &str, value: &Value, records: &mut Records) -> Result<(), String> {
    let id = need(value, "id")?;
    match kind {
        "microsoft.compute/virtualmachines" => machine(id, value, records),
        "microsoft.resources/deployments" => {
            records.push(Record::Asset(asset(
                id,
                "deployment",
                "arm.deployment",
                value,
            )));
        }
        "microsoft.network/networkinterfaces" => interface(id, value, records),
        "microsoft.network/networksecuritygroups" => firewall(id, value, records),
        "microsoft.network/publicipaddresses" => {
            fact(
                records,
                id,
                "address",
                deep_text(value, "properties.ipAddress"),
            );
            // An address of the old kind is open unless a firewall closes it.
            if deep_text(value, "sku.name").eq_ignore_ascii_case("basic") {
                fact(records, id, "open-by-default", "1");
            }
        }
        "microsoft.network/virtualnetworks" => {
            for subnet in list(value, "properties.subnets") {
                let group = deep_text(subnet, "properties.networkSecurityGroup.id");
                fact(records, text(subnet, "id"), "firewall", group);
            }
        }
        "microsoft.storage/storageaccounts" => {
            let refused = value.pointer("/properties/allowSharedKeyAccess") == Some(&false.into());
            let public = value.pointer("/properties/allowBlobPublicAccess") == Some(&true.into());
            records.push(Record::Asset(Asset {
                keys_refused: refused,
                exposed: public.then_some(true),
                ..asset(id, "storage", "azure.storage_account", value)
            }));
            let name = format!("azure-storage:{}", text(value, "name"));
            fact(records, id, "name", &name);
        }
        _ => {
            let database = DATABASES
                .iter()
                .find(|(prefix, _)| kind.starts_with(prefix));
            // A database on a server has no login of its own.
            if let Some((_, service)) = database.filter(|_| kind.matches('/').count() == 1) {
                records.push(Record::Asset(asset(id, "database", service, value)));
                for path in [
                    "properties.fullyQualifiedDomainName",
                    "properties.documentEndpoint",
                ] {
                    let host = deep_text(value, path);
                    let host = host.strip_prefix("https://").unwrap_or(host);
                    let host = host.split([':', '/']).next().unwrap_or(host);
                    if !host.is_empty() {
                        fact(records, id, "name", &format!("host:{host}"));
                    }
                }
            }
        }
    }
    Ok(())
}

fn asset(id: &str, kind: &'static str, service: &str, value: &Value) -> Asset {
    let tags = value.get("tags");
    let sensitive = tags.is_some_and(|tags| super::plain::is_sensitive(&tags.to_string()));
    Asset {
        uid: id.to_owned(),
        kind,
        service: service.to_owned(),
        cloud: "azure".to_owned(),
        account: text(value, "subscriptionId").to_owned(),
        name: text(value, "name").to_owned(),
        region: text(value, "location").to_owned(),
        sensitive,
        ..Asset::default()
    }
}

fn machine(id: &str, value: &Value, records: &mut Records) {
    let power = deep_text(value, "properties.extended.instanceView.powerState.code");
    let power = power.to_ascii_lowercase();
    records.push(Record::Asset(Asset {
        stopped: power.ends_with("/deallocated") || power.ends_with("/stopped"),
        ..asset(id, "vm", "azure.vm", value)
    }));
    for interface in list(value, "properties.networkProfile.networkInterfaces") {
        fact(records, id, "network-interface", text(interface, "id"));
    }
    let keys = list(
        value,
        "properties.osProfile.linuxConfiguration.ssh.publicKeys",
    );
    for key in keys {
        if let Some(public_key) = ssh::fingerprint(text(key, "keyData")) {
            let path = text(key, "path");
            records.push(Record::Accepts {
                subject: id.to_owned(),
                public_key,
                login: login_of(path).to_owned(),
                how: "arm-public-key",
                confidence: AT_CREATION,
                evidence: format!("osProfile puts the public key into {path}"),
            });
        }
    }
}

fn interface(id: &str, value: &Value, records: &mut Records) {
    let group = deep_text(value, "properties.networkSecurityGroup.id");
    fact(records, id, "firewall", group);
    for address in list(value, "properties.ipConfigurations") {
        let public = deep_text(address, "properties.publicIPAddress.id");
        fact(records, id, "public-address", public);
        fact(
            records,
            id,
            "subnet",
            deep_text(address, "properties.subnet.id"),
        );
        let private = deep_text(address, "properties.privateIPAddress");
        fact(records, id, "private-address", private);
    }
}

/// Inbound rules for the whole internet; the default is to deny.
fn firewall(id: &str, value: &Value, records: &mut Records) {
    for rule in list(value, "properties.securityRules") {
        let at = |path: &str| deep_text(rule, path);
        let one_or_many = |one: &str, many: &str| -> Vec<String> {
            let single = at(one);
            let all = list(rule, many).iter().filter_map(Value::as_str);
            let single = Some(single).filter(|text| !text.is_empty());
            all.chain(single).map(str::to_owned).collect()
        };
        let sources = one_or_many(
            "properties.sourceAddressPrefix",
            "properties.sourceAddressPrefixes",
        );
        let inbound = at("properties.direction").eq_ignore_ascii_case("inbound");
        if !inbound || !sources.iter().any(|source| is_anywhere(source)) {
            continue;
        }
        let Some(protocol) = protocol(at("properties.protocol")) else {
            continue;
        };
        let priority = super::json::number(rule.pointer("/properties/priority")).unwrap_or(4096);
        let ranges = one_or_many(
            "properties.destinationPortRange",
            "properties.destinationPortRanges",
        );
        for ports in ranges.iter().filter_map(|range| ports(range)) {
            records.push(Record::Rule {
                firewall: id.to_owned(),
                priority,
                allow: at("properties.access").eq_ignore_ascii_case("allow"),
                protocol,
                ports,
            });
        }
    }
    // Even a firewall without a rule closes what it stands before.
    fact(records, id, "is-firewall", "1");
}
