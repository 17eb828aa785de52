//! AWS: W1 to W4, and a machine whose access key was switched off.

use serde_json::{Value, json};

use super::{Cloud, Machine, Stream, expand, file, pair, printed};

pub(super) const ACCOUNT: &str = "210987654321";

fn uid(id: &str) -> String {
    format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/{id}")
}

fn instance(id: &str, name: &str, public: Option<&str>, key: Option<&str>, group: &str) -> Value {
    let mut value = json!({
        "InstanceId": id, "ImageId": "ami-01", "State": {"Code": 16, "Name": "running"},
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "PrivateIpAddress": "10.2.0.7",
        "VpcId": "vpc-1", "SecurityGroups": [{"GroupId": group, "GroupName": group}],
        "Tags": [{"Key": "Name", "Value": name}],
    });
    if let Some(public) = public {
        value["PublicIpAddress"] = public.into();
    }
    if let Some(key) = key {
        value["KeyName"] = key.into();
    }
    value
}

fn database(name: &str) -> Value {
    json!({
        "DBInstanceIdentifier": name, "Engine": "postgres", "DBInstanceStatus": "available",
        "DBInstanceArn": format!("arn:aws:rds:eu-west-1:{ACCOUNT}:db:{name}"),
        "PubliclyAccessible": false,
        "Endpoint": {"Address": host(name), "Port": 5432},
    })
}

pub(super) fn host(name: &str) -> String {
    format!("{name}.c9akciq32abc.eu-west-1.rds.amazonaws.com")
}

fn weakness(id: &str, severity: &str) -> Value {
    json!({
        "findingArn": format!("arn:aws:inspector2:eu-west-1:{ACCOUNT}:finding/{id}"),
        "severity": severity, "status": "ACTIVE", "type": "PACKAGE_VULNERABILITY",
        "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2025-0004"},
        "resources": [{"id": id, "type": "AWS_EC2_INSTANCE"}],
    })
}

/// The id in a credentials file.
fn id_in(credentials: &str) -> &str {
    let line = credentials
        .lines()
        .find_map(|line| line.strip_prefix("aws_access_key_id = "));
    line.unwrap_or("")
}

pub(super) fn build(stream: &mut Stream) -> Cloud {
    let (key, public) = pair(stream);
    let works = expand("{aws-pair}", stream);
    let off = expand("{aws-pair}", stream);
    let login = |name: &str, stream: &mut Stream| {
        let text = format!(
            "DATABASE_URL=postgresql://app:PASSWORD@{}:5432/shop\n",
            host(name)
        );
        text.replace("PASSWORD", &expand("{password}", stream).replace('!', "x"))
    };
    let machines = vec![
        Machine {
            name: "aws-web",
            uid: uid("i-0a1"),
            files: vec![
                file("home/ec2-user/.ssh/deploy.pem", key),
                file(
                    "home/ec2-user/.aws/credentials",
                    format!("[default]\n{works}\n"),
                ),
                file("srv/shop/.env", login("shop", stream)),
            ],
        },
        Machine {
            name: "aws-worker",
            uid: uid("i-0a2"),
            files: vec![file("srv/billing/.env", login("billing", stream))],
        },
        Machine {
            name: "aws-old",
            uid: uid("i-0a3"),
            files: vec![file(
                "home/ec2-user/.aws/credentials",
                format!("[default]\n{off}\n"),
            )],
        },
    ];
    let instances = json!({"Reservations": [{"OwnerId": ACCOUNT, "Instances": [
        instance("i-0a1", "web", Some("198.51.100.7"), None, "sg-open"),
        instance("i-0a2", "worker", None, None, "sg-open"),
        instance("i-0a3", "old", Some("198.51.100.9"), None, "sg-open"),
        instance("i-0a4", "app", None, Some("deploy"), "sg-inside"),
    ]}]});
    let everywhere = json!([{"CidrIp": "0.0.0.0/0"}]);
    let groups = json!({"SecurityGroups": [
        {"GroupId": "sg-open", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": everywhere, "Ipv6Ranges": []}]},
        {"GroupId": "sg-inside", "IpPermissions": [
            {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]},
    ]});
    let pairs = json!({"KeyPairs": [
        {"KeyPairId": "key-01", "KeyName": "deploy", "KeyType": "ed25519", "PublicKey": public}]});
    let keys = json!({"AccessKeyMetadata": [
        {"UserName": "uploader", "AccessKeyId": id_in(&works), "Status": "Active"},
        {"UserName": "leaver", "AccessKeyId": id_in(&off), "Status": "Inactive"},
    ]});
    let policy = |bucket: &str| {
        json!([{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": format!("arn:aws:s3:::{bucket}/*")}]}}])
    };
    let users = json!({"UserDetailList": [
        {"UserName": "uploader", "UserPolicyList": policy("acme-exports"), "AttachedManagedPolicies": []},
        {"UserName": "leaver", "UserPolicyList": policy("acme-exports"), "AttachedManagedPolicies": []},
    ], "GroupDetailList": [], "RoleDetailList": [], "Policies": []});
    let inventories = vec![
        ("inventory/aws-instances.json", printed(&instances)),
        ("inventory/aws-security-groups.json", printed(&groups)),
        ("inventory/aws-key-pairs.json", printed(&pairs)),
        (
            "inventory/aws-databases.json",
            printed(&json!({"DBInstances": [database("shop"), database("billing")]})),
        ),
        (
            "inventory/aws-buckets.json",
            printed(&json!({"Buckets": [{"Name": "acme-exports"}], "Owner": {"ID": "x"}})),
        ),
        ("inventory/aws-access-keys.json", printed(&keys)),
        ("inventory/aws-users.json", printed(&users)),
        (
            "inventory/aws-inspector.json",
            printed(&json!({"findings": [
            weakness("i-0a1", "CRITICAL"), weakness("i-0a2", "HIGH"), weakness("i-0a3", "HIGH")]})),
        ),
    ];
    (machines, inventories)
}
