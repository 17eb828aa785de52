//! Azure Resource Graph: `az graph query`, or any list of resources with their properties.

use std::collections::HashMap;

use serde_json::Value;

use super::json::{
    MOST_MEMBERS, deep_text, is_anywhere, list, need, number, ports, protocol, text,
};
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

/// Built-in roles that give the content or the keys of a storage account away: Owner, Contributor,
/// Storage Account Contributor, Reader and Data Access, and Storage Blob Data Owner, Contributor
/// and Reader. <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
const STORAGE_ROLES: &[&str] = &[
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab",
    "c12c1c16-33a1-487b-954d-41c89c60f349",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
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
        "microsoft.network/networksecuritygroups" => return firewall(id, value, records),
        "microsoft.authorization/roleassignments" => {
            let role = deep_text(value, "properties.roleDefinitionId").to_ascii_lowercase();
            let role = role.rsplit('/').next().unwrap_or_default();
            if STORAGE_ROLES.contains(&role) {
                let principal = deep_text(value, "properties.principalId");
                let scope = deep_text(value, "properties.scope");
                fact(records, principal, "may-use", scope);
            }
        }
        "microsoft.network/loadbalancers" => return balancer(id, value, records),
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
        running: (!power.is_empty())
            .then(|| !power.ends_with("/deallocated") && !power.ends_with("/stopped")),
        ..asset(id, "vm", "azure.vm", value)
    }));
    fact(
        records,
        id,
        "identity",
        deep_text(value, "identity.principalId"),
    );
    let assigned = value.pointer("/identity/userAssignedIdentities");
    for identity in assigned.and_then(Value::as_object).into_iter().flatten() {
        fact(records, id, "identity", text(identity.1, "principalId"));
    }
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
        for group in list(address, "properties.applicationSecurityGroups") {
            fact(records, id, "application-group", text(group, "id"));
        }
        let private = deep_text(address, "properties.privateIPAddress");
        fact(records, id, "private-address", private);
    }
}

/// What a load balancer passes on from its public addresses, and to which interfaces.
fn balancer(id: &str, value: &Value, records: &mut Records) -> Result<(), String> {
    let at = |value: &Value, path: &str| deep_text(value, path).to_ascii_lowercase();
    // `.../networkInterfaces/nic1/ipConfigurations/main`
    let interface = |configuration: &str| {
        let (interface, _) = configuration.split_once("/ipconfigurations/")?;
        Some(interface.to_owned())
    };
    let public: Vec<String> = list(value, "properties.frontendIPConfigurations")
        .iter()
        .filter(|front| !at(front, "properties.publicIPAddress.id").is_empty())
        .map(|front| at(front, "id"))
        .collect();
    let pools: HashMap<String, Vec<String>> = list(value, "properties.backendAddressPools")
        .iter()
        .map(|pool| {
            let members = list(pool, "properties.backendIPConfigurations").iter();
            let members = members.filter_map(|member| interface(&at(member, "id")));
            (at(pool, "id"), members.collect())
        })
        .collect();
    let rules = list(value, "properties.loadBalancingRules").iter();
    let translated = list(value, "properties.inboundNatRules").iter();
    let mut forwards = Vec::new();
    for rule in rules.chain(translated) {
        let port = |name: &str| number(rule.pointer(&format!("/properties/{name}")));
        let (Some(front), Some(back)) = (port("frontendPort"), port("backendPort")) else {
            continue;
        };
        if !public.contains(&at(rule, "properties.frontendIPConfiguration.id")) {
            continue;
        }
        let pool = pools.get(&at(rule, "properties.backendAddressPool.id"));
        let single = interface(&at(rule, "properties.backendIPConfiguration.id"));
        let members = pool.into_iter().flatten().chain(&single);
        for member in members.take(MOST_MEMBERS) {
            forwards.push(format!("{front} {member} {back}"));
        }
        if forwards.len() > MOST_MEMBERS {
            return Err(format!("passes on to more than {MOST_MEMBERS} places"));
        }
    }
    for forward in &forwards {
        fact(records, id, "is-public", "1");
        fact(records, id, "forwards", forward);
    }
    Ok(())
}

/// Inbound rules for the whole internet; the default is to deny.
fn firewall(id: &str, value: &Value, records: &mut Records) -> Result<(), String> {
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
        let priority = number(rule.pointer("/properties/priority")).unwrap_or(4096);
        let ranges = one_or_many(
            "properties.destinationPortRange",
            "properties.destinationPortRanges",
        );
        // A rule for the interfaces of a group is one of a firewall that only they have.
        let groups = list(rule, "properties.destinationApplicationSecurityGroups");
        let mut walls: Vec<String> = groups
            .iter()
            .map(|group| format!("{id}#{}", text(group, "id")))
            .collect();
        if walls.is_empty() {
            walls.push(id.to_owned());
        }
        let pairs = ranges.len().saturating_mul(walls.len());
        if records.len().saturating_add(pairs) > MOST_MEMBERS {
            return Err(format!(
                "more than {MOST_MEMBERS} pairs of ports and groups"
            ));
        }
        for ports in ranges.iter().filter_map(|range| ports(range)) {
            for firewall in &walls {
                records.push(Record::Rule {
                    firewall: firewall.clone(),
                    priority,
                    allow: at("properties.access").eq_ignore_ascii_case("allow"),
                    protocol,
                    ports,
                });
            }
        }
    }
    // Even a firewall without a rule closes what it stands before.
    fact(records, id, "is-firewall", "1");
    Ok(())
}
