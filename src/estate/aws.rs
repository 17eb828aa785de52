//! What `aws ... describe-*` and `list-*` print, and snapshots of AWS Config.

use serde_json::Value;

use super::json::{MOST_MEMBERS, deep_text, is_anywhere, list, need, number, protocol, text};
use super::{Records, fact, ssh};
use crate::case::record::{Asset, Record};

/// Confidence that an instance still accepts the key pair it was started with.
const AT_CREATION: u8 = 85;

/// Reads an element of the list of this name.
/// `subject` is what the user says it is of.
pub(super) fn element(
    name: &str,
    value: &Value,
    subject: Option<&str>,
    records: &mut Records,
) -> Result<(), String> {
    match name {
        "Reservations" => {
            for instance in list(value, "Instances") {
                machine(instance, text(value, "OwnerId"), "", records)?;
            }
            Ok(())
        }
        "Instances" => machine(value, text(value, "OwnerId"), "", records),
        "SecurityGroups" => firewall(value, records),
        "NetworkAcls" => network_acl(value, records),
        "LoadBalancers" | "LoadBalancerDescriptions" => balancer(value, records),
        "Listeners" => listener(value, records),
        "TargetHealthDescriptions" => target(value, subject, records),
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
        "UserDetailList" | "RoleDetailList" | "GroupDetailList" => permissions(value, records),
        "Policies" if value.get("PolicyVersionList").is_some() => policy(value, records),
        "configurationItems" => item(value, records),
        "Groups" | "Policies" | "TargetGroups" => Ok(()),
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
        running: (!state.is_empty()).then_some(matches!(state, "running" | "pending")),
        sensitive: super::plain::is_sensitive(&value["Tags"].to_string()),
        ..Asset::default()
    }));
    fact(records, &uid, "name", id);
    fact(records, &uid, "subnet", text(value, "SubnetId"));
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
    fact(
        records,
        &uid,
        "identity",
        deep_text(value, "IamInstanceProfile.Arn"),
    );
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

/// The rules of subnets: tried by number, and what none allows is denied.
fn network_acl(value: &Value, records: &mut Records) -> Result<(), String> {
    let id = need(value, "NetworkAclId")?;
    fact(records, id, "is-firewall", "1");
    for association in list(value, "Associations") {
        fact(records, text(association, "SubnetId"), "firewall", id);
    }
    for entry in list(value, "Entries") {
        let outbound = entry.get("Egress").and_then(Value::as_bool) == Some(true);
        let anywhere = ["CidrBlock", "Ipv6CidrBlock"]
            .iter()
            .any(|field| is_anywhere(text(entry, field)));
        let Some(protocol) = protocol(text(entry, "Protocol")).filter(|_| anywhere && !outbound)
        else {
            continue;
        };
        let port = |name: &str, default: u16| {
            let port = number(entry.pointer(&format!("/PortRange/{name}")));
            port.map_or(Some(default), |port| u16::try_from(port).ok())
        };
        let ports = port("From", 0).zip(port("To", u16::MAX));
        records.push(Record::Rule {
            firewall: id.to_owned(),
            priority: number(entry.get("RuleNumber")).unwrap_or(i64::MAX),
            allow: text(entry, "RuleAction").eq_ignore_ascii_case("allow"),
            protocol,
            ports: ports.ok_or("`PortRange` is no range of ports")?,
        });
    }
    Ok(())
}

/// A load balancer; of the classic kind with what it passes on.
fn balancer(value: &Value, records: &mut Records) -> Result<(), String> {
    let id = match text(value, "LoadBalancerArn") {
        "" => need(value, "LoadBalancerName")?,
        arn => arn,
    };
    let public = text(value, "Scheme") == "internet-facing";
    fact(records, id, "is-public", if public { "1" } else { "" });
    for group in list(value, "SecurityGroups")
        .iter()
        .filter_map(Value::as_str)
    {
        fact(records, id, "firewall", group);
    }
    let (listeners, instances) = (
        list(value, "ListenerDescriptions"),
        list(value, "Instances"),
    );
    if listeners.len().saturating_mul(instances.len()) > MOST_MEMBERS {
        return Err(format!("passes on to more than {MOST_MEMBERS} places"));
    }
    for listener in listeners {
        let port = |name: &str| number(listener.pointer(&format!("/Listener/{name}")));
        let ports = port("LoadBalancerPort").zip(port("InstancePort"));
        let (front, back) = ports.ok_or("a listener without its ports")?;
        for instance in instances {
            let forward = format!("{front} {} {back}", text(instance, "InstanceId"));
            fact(records, id, "forwards", &forward);
        }
    }
    Ok(())
}

fn listener(value: &Value, records: &mut Records) -> Result<(), String> {
    let port = number(value.get("Port")).ok_or("a listener without its port")?;
    let actions = list(value, "DefaultActions");
    let several = actions
        .iter()
        .flat_map(|action| list(action, "ForwardConfig.TargetGroups"));
    for group in actions.iter().chain(several) {
        let group = text(group, "TargetGroupArn");
        if !group.is_empty() {
            let forward = format!("{port} {group} 0");
            fact(
                records,
                need(value, "LoadBalancerArn")?,
                "forwards",
                &forward,
            );
        }
    }
    Ok(())
}

/// `describe-target-health` answers for a group without naming it.
fn target(value: &Value, group: Option<&str>, records: &mut Records) -> Result<(), String> {
    let group = group.ok_or("which target group is it of? Say so with --asset ARN")?;
    let target = value.get("Target").unwrap_or(&Value::Null);
    let port = number(target.get("Port")).unwrap_or(0);
    fact(
        records,
        group,
        "target",
        &format!("{} {port}", need(target, "Id")?),
    );
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
        running: (status != ["", ""]).then(|| !status.contains(&"stopped")),
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

/// Policies of AWS's own that matter, which an export names without their text.
const KNOWN: &[(&str, &[&str])] = &[
    ("AdministratorAccess", &["*"]),
    ("PowerUserAccess", &["*"]),
    ("AmazonS3FullAccess", &["s3:*"]),
    ("AmazonS3ReadOnlyAccess", &["s3:Get*", "s3:List*"]),
    ("AmazonSSMFullAccess", &["ssm:*"]),
];

/// A user, role or group of `get-account-authorization-details`, with its policies.
fn permissions(value: &Value, records: &mut Records) -> Result<(), String> {
    let (user, group) = (text(value, "UserName"), text(value, "GroupName"));
    let identity = if !user.is_empty() {
        // Lists of access keys know no more of the user.
        format!("aws-iam-user:{user}")
    } else if !group.is_empty() {
        format!("aws-iam-group:{group}")
    } else {
        need(value, "Arn")?.to_owned()
    };
    for group in list(value, "GroupList").iter().filter_map(Value::as_str) {
        fact(
            records,
            &identity,
            "policy",
            &format!("aws-iam-group:{group}"),
        );
    }
    for profile in list(value, "InstanceProfileList") {
        fact(records, &identity, "profile", text(profile, "Arn"));
    }
    for own in ["UserPolicyList", "RolePolicyList", "GroupPolicyList"] {
        for policy in list(value, own) {
            document(&identity, &policy["PolicyDocument"], records)?;
        }
    }
    for policy in list(value, "AttachedManagedPolicies") {
        let (name, arn) = (text(policy, "PolicyName"), text(policy, "PolicyArn"));
        fact(records, &identity, "policy", arn);
        if let Some((_, actions)) = KNOWN.iter().find(|(known, _)| *known == name) {
            records.push(Record::Statement {
                identity: identity.clone(),
                denies: false,
                conditional: false,
                actions: actions.iter().map(|action| (*action).to_owned()).collect(),
                but_actions: false,
                resources: vec!["*".to_owned()],
                but_resources: false,
            });
        }
    }
    Ok(())
}

/// A policy that the customer made.
fn policy(value: &Value, records: &mut Records) -> Result<(), String> {
    let arn = need(value, "Arn")?;
    let versions = list(value, "PolicyVersionList").iter();
    let current = versions
        .filter(|version| version.get("IsDefaultVersion").and_then(Value::as_bool) == Some(true));
    for version in current {
        document(arn, &version["Document"], records)?;
    }
    Ok(())
}

/// Longest pattern: no name of AWS is longer.
const LONGEST_PATTERN: usize = 2048;

fn document(identity: &str, document: &Value, records: &mut Records) -> Result<(), String> {
    for statement in many(&document["Statement"]) {
        let texts = |name: &str| -> Vec<String> {
            let all = many(&statement[name]).into_iter();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let one_or_but = |name: &str| match texts(name) {
            all if all.is_empty() => (texts(&format!("Not{name}")), true),
            all => (all, false),
        };
        let (actions, but_actions) = one_or_but("Action");
        let (resources, but_resources) = one_or_but("Resource");
        let mut patterns = actions.iter().chain(&resources);
        if patterns.any(|pattern| pattern.len() > LONGEST_PATTERN || pattern.contains('\n')) {
            return Err("a policy with a pattern that no name of AWS fits".to_owned());
        }
        // A statement without actions or resources is none.
        if actions.is_empty() || resources.is_empty() {
            continue;
        }
        records.push(Record::Statement {
            identity: identity.to_owned(),
            denies: text(statement, "Effect") != "Allow",
            conditional: !statement["Condition"].is_null(),
            actions,
            but_actions,
            resources,
            but_resources,
        });
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
        "AWS::EC2::NetworkAcl" => network_acl(configuration, records),
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
