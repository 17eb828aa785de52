//! What `aws ... describe-*` and `list-*` print, and snapshots of AWS Config.

use serde_json::Value;

use super::json::{deep_text, is_anywhere, list, need, number, protocol, text};
use super::{Records, fact, ssh};
use crate::case::record::{Asset, Record};

/// Confidence that an instance still accepts the key pair it was started with.
const AT_CREATION: u8 = 85;

/// Reads an element of the list of this name.
pub(super) fn element(name: &str, value: &Value, records: &mut Records) -> Result<(), String> {
    match name {
        "Reservations" => {
            for instance in list(value, "Instances") {
                machine(instance, text(value, "OwnerId"), "", records)?;
            }
            Ok(())
        }
        "Instances" => machine(value, text(value, "OwnerId"), "", records),
        "SecurityGroups" => firewall(value, records),
        "DBInstances" => database(
            value,
            need(value, "DBInstanceArn")?,
            deep_text(value, "Endpoint.Address"),
            records,
        ),
        "DBClusters" => {
            let arn = need(value, "DBClusterArn")?;
            database(value, arn, text(value, "Endpoint"), records)?;
            name_host(arn, text(value, "ReaderEndpoint"), records);
            Ok(())
        }
        "Stacks" => {
            let arn = need(value, "StackId")?;
            records.push(Record::Asset(Asset {
                uid: arn.to_owned(),
                kind: "deployment",
                service: "cfn.stack".to_owned(),
                cloud: "aws".to_owned(),
                account: arn.split(':').nth(4).unwrap_or("").to_owned(),
                name: text(value, "StackName").to_owned(),
                region: arn.split(':').nth(3).unwrap_or("").to_owned(),
                ..Asset::default()
            }));
            Ok(())
        }
        "Buckets" => {
            bucket(need(value, "Name")?, records);
            Ok(())
        }
        "KeyPairs" => key_pair(value, records),
        "AccessKeyMetadata" => access_key(value, records),
        "UserDetailList" | "RoleDetailList" => permissions(value, records),
        "configurationItems" => item(value, records),
        "Groups" | "GroupDetailList" | "Policies" => Ok(()),
        _ => Err("neither its list nor its fields are known".to_owned()),
    }
}

/// `eu-west-1` of `eu-west-1a` and of a local zone: the parts up to the number.
fn region_of(zone: &str) -> &str {
    let end = zone
        .find(|c: char| c.is_ascii_digit())
        .map(|at| at.saturating_add(1));
    end.and_then(|end| zone.get(..end)).unwrap_or(zone)
}

fn tag<'v>(value: &'v Value, name: &str) -> &'v str {
    let tags = list(value, "Tags").iter().chain(list(value, "TagList"));
    let mut named = tags.filter(|tag| text(tag, "Key") == name);
    named.next().map_or("", |tag| text(tag, "Value"))
}

fn machine(value: &Value, owner: &str, arn: &str, records: &mut Records) -> Result<(), String> {
    let id = need(value, "InstanceId")?;
    let region = region_of(deep_text(value, "Placement.AvailabilityZone"));
    let uid = if arn.is_empty() {
        format!("arn:aws:ec2:{region}:{owner}:instance/{id}")
    } else {
        arn.to_owned()
    };
    let state = deep_text(value, "State.Name");
    let name = tag(value, "Name");
    records.push(Record::Asset(Asset {
        uid: uid.clone(),
        kind: "vm",
        service: "aws.ec2".to_owned(),
        cloud: "aws".to_owned(),
        account: owner.to_owned(),
        name: if name.is_empty() { id } else { name }.to_owned(),
        region: region.to_owned(),
        network: text(value, "VpcId").to_owned(),
        stopped: !matches!(state, "" | "running" | "pending"),
        sensitive: super::plain::is_sensitive(&value["Tags"].to_string()),
        ..Asset::default()
    }));
    fact(records, &uid, "name", id);
    fact(
        records,
        &uid,
        "public-address",
        text(value, "PublicIpAddress"),
    );
    for (kind, field) in [
        ("address", "PublicIpAddress"),
        ("address", "PrivateIpAddress"),
    ] {
        let address = text(value, field);
        if !address.is_empty() {
            fact(records, &uid, "name", &format!("{kind}:{address}"));
        }
    }
    for field in ["PublicDnsName", "PrivateDnsName"] {
        name_host(&uid, text(value, field), records);
    }
    for group in list(value, "SecurityGroups") {
        fact(records, &uid, "firewall", text(group, "GroupId"));
    }
    let pair = text(value, "KeyName");
    if !pair.is_empty() {
        fact(records, &uid, "key-pair", &format!("aws-key-pair:{pair}"));
    }
    Ok(())
}

fn name_host(uid: &str, host: &str, records: &mut Records) {
    if !host.is_empty() {
        fact(records, uid, "name", &format!("host:{host}"));
    }
}

/// Security groups only allow.
fn firewall(value: &Value, records: &mut Records) -> Result<(), String> {
    let id = need(value, "GroupId")?;
    fact(records, id, "is-firewall", "1");
    for rule in list(value, "IpPermissions") {
        let anywhere = list(rule, "IpRanges")
            .iter()
            .map(|range| text(range, "CidrIp"))
            .chain(
                list(rule, "Ipv6Ranges")
                    .iter()
                    .map(|range| text(range, "CidrIpv6")),
            )
            .any(is_anywhere);
        let Some(protocol) = protocol(text(rule, "IpProtocol")).filter(|_| anywhere) else {
            continue;
        };
        let port = |name: &str, default: u16| {
            number(rule.get(name)).map_or(Some(default), |port| u16::try_from(port).ok())
        };
        let ports = port("FromPort", 0).zip(port("ToPort", u16::MAX));
        let ports = ports.ok_or("`FromPort` or `ToPort` is no port")?;
        records.push(Record::Rule {
            firewall: id.to_owned(),
            priority: 0,
            allow: true,
            protocol,
            ports,
        });
    }
    Ok(())
}

fn database(value: &Value, arn: &str, host: &str, records: &mut Records) -> Result<(), String> {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let name = ["DBInstanceIdentifier", "DBClusterIdentifier"].map(|field| text(value, field));
    let status = ["DBInstanceStatus", "Status"].map(|field| text(value, field));
    records.push(Record::Asset(Asset {
        uid: arn.to_owned(),
        kind: "database",
        service: "aws.rds".to_owned(),
        cloud: "aws".to_owned(),
        account: account.to_owned(),
        name: name.concat(),
        region: region.to_owned(),
        stopped: status.contains(&"stopped"),
        sensitive: super::plain::is_sensitive(&value["TagList"].to_string()),
        exposed: value.get("PubliclyAccessible").and_then(Value::as_bool),
        ..Asset::default()
    }));
    name_host(arn, host, records);
    Ok(())
}

fn bucket(name: &str, records: &mut Records) {
    let uid = format!("arn:aws:s3:::{name}");
    fact(records, &uid, "name", &format!("s3:{name}"));
    records.push(Record::Asset(Asset {
        uid,
        kind: "storage",
        service: "aws.s3_bucket".to_owned(),
        cloud: "aws".to_owned(),
        name: name.to_owned(),
        ..Asset::default()
    }));
}

fn key_pair(value: &Value, records: &mut Records) -> Result<(), String> {
    let name = need(value, "KeyName")?;
    let key = text(value, "PublicKey");
    if key.is_empty() {
        return Err("no `PublicKey`: export with --include-public-key".to_owned());
    }
    records.push(Record::Accepts {
        subject: format!("aws-key-pair:{name}"),
        public_key: ssh::fingerprint(key).ok_or("`PublicKey` is no SSH public key")?,
        login: String::new(),
        how: "ec2-key-pair",
        confidence: AT_CREATION,
        evidence: format!("started with the key pair {name}"),
    });
    Ok(())
}

fn access_key(value: &Value, records: &mut Records) -> Result<(), String> {
    let (user, id) = (need(value, "UserName")?, need(value, "AccessKeyId")?);
    // The list has no account: the name stands for the user until an export tells more.
    let uid = format!("aws-iam-user:{user}");
    records.push(Record::Asset(Asset {
        uid: uid.clone(),
        kind: "identity",
        service: "aws.iam_user".to_owned(),
        cloud: "aws".to_owned(),
        name: user.to_owned(),
        ..Asset::default()
    }));
    records.push(Record::Owner {
        key_id: id.to_owned(),
        identity: uid,
        active: text(value, "Status") != "Inactive",
    });
    Ok(())
}

/// What the policies of a user allow: `get-account-authorization-details`.
fn permissions(value: &Value, records: &mut Records) -> Result<(), String> {
    let name = match text(value, "UserName") {
        "" => return Ok(()),
        name => name,
    };
    let identity = format!("aws-iam-user:{name}");
    for policy in list(value, "UserPolicyList") {
        let document = policy.get("PolicyDocument").cloned().unwrap_or_default();
        for statement in many(&document["Statement"]) {
            if text(statement, "Effect") != "Allow" {
                continue;
            }
            for action in many(&statement["Action"]).iter().filter_map(|a| a.as_str()) {
                for resource in many(&statement["Resource"])
                    .iter()
                    .filter_map(|r| r.as_str())
                {
                    records.push(Record::Permission {
                        identity: identity.clone(),
                        action: action.to_owned(),
                        resource: resource.trim_end_matches("/*").to_owned(),
                    });
                }
            }
        }
    }
    for policy in list(value, "AttachedManagedPolicies") {
        let policy = text(policy, "PolicyName");
        if matches!(
            policy,
            "AdministratorAccess" | "AmazonS3FullAccess" | "AmazonS3ReadOnlyAccess"
        ) {
            records.push(Record::Permission {
                identity: identity.clone(),
                action: policy.to_owned(),
                resource: "arn:aws:s3:::*".to_owned(),
            });
        }
    }
    Ok(())
}

/// Policies write one thing without its list.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// One item of AWS Config, which writes the same fields in lower camel case.
fn item(value: &Value, records: &mut Records) -> Result<(), String> {
    let configuration = &upper(value.get("configuration").unwrap_or(&Value::Null), 0);
    let (arn, account) = (text(value, "ARN"), text(value, "awsAccountId"));
    match need(value, "resourceType")? {
        "AWS::EC2::Instance" => machine(configuration, account, arn, records),
        "AWS::EC2::SecurityGroup" => firewall(configuration, records),
        "AWS::S3::Bucket" => {
            bucket(need(value, "resourceName")?, records);
            Ok(())
        }
        "AWS::RDS::DBInstance" => {
            let host = deep_text(configuration, "Endpoint.Address");
            database(configuration, arn, host, records)
        }
        _ => Ok(()),
    }
}

/// Deepest nesting that is followed.
const DEEPEST: usize = 16;

fn upper(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) if depth < DEEPEST => fields
            .iter()
            .map(|(name, value)| {
                let mut letters = name.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase());
                let name: String = first.into_iter().chain(letters).collect();
                (name, upper(value, depth.saturating_add(1)))
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(all) if depth < DEEPEST => all
            .iter()
            .map(|value| upper(value, depth.saturating_add(1)))
            .collect::<Vec<_>>()
            .into(),
        other => other.clone(),
    }
}
