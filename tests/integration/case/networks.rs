//! Who is reached from the internet: through a balancer, past an access list, by a group's rule.

use serde_json::{Value, json};

use crate::fixture::Desk;

/// The open ports of each machine, by its name, after these files were imported.
fn ports(files: &[(&str, Value)]) -> Vec<(String, String)> {
    let desk = Desk::new();
    for (name, value) in files {
        // A file that says nothing of what it is of is told by the part before the `@`.
        let (of, name) = name.rsplit_once('@').unwrap_or(("", name));
        desk.file(name, value.to_string());
        let mut args = vec!["case", "import", "--case", "c.db", name];
        if !of.is_empty() {
            args.extend(["--asset", of]);
        }
        desk.run(&args).expect(0);
    }
    let all = ["case", "inventory", "--case", "c.db", "--format", "json"];
    let rows: Vec<Value> = serde_json::from_str(&desk.run(&all).expect(0).stdout).unwrap();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let machines = rows.iter().filter(|row| row["kind"] == "vm");
    let mut found: Vec<_> = machines
        .map(|row| (text(row, "name"), text(row, "ports")))
        .collect();
    found.sort();
    found
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    of.iter().map(own).collect()
}

fn instance(id: &str, address: Option<&str>) -> Value {
    json!({"InstanceId": id, "PublicIpAddress": address, "SubnetId": "subnet-1",
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "SecurityGroups": [{"GroupId": "sg-1"}]})
}

fn instances() -> Value {
    json!({"Reservations": [{"OwnerId": "1",
        "Instances": [instance("i-1", Some("198.51.100.1")), instance("i-2", None)]}]})
}

fn groups() -> Value {
    let rule = |first: u16, last: u16, from: &str| json!({"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": from}]});
    json!({"SecurityGroups": [
        {"GroupId": "sg-1", "IpPermissions": [rule(20, 30, "0.0.0.0/0")]},
        {"GroupId": "sg-lb", "IpPermissions": [rule(443, 443, "0.0.0.0/0")]}]})
}

#[test]
fn an_access_list_before_the_subnet_must_let_in_too() {
    let entry = |number: u32, action: &str, first: u16, last: u16, egress: bool| {
        json!({"RuleNumber": number, "RuleAction": action, "Protocol": "6", "Egress": egress,
            "CidrBlock": "0.0.0.0/0", "PortRange": {"From": first, "To": last}})
    };
    let list = json!({"NetworkAcls": [{"NetworkAclId": "acl-1",
        "Associations": [{"SubnetId": "subnet-1"}],
        "Entries": [entry(90, "deny", 22, 22, false), entry(100, "allow", 0, 25, false),
            entry(50, "deny", 0, 65535, true)]}]});
    let known = [("instances.json", instances()), ("groups.json", groups())];
    assert_eq!(ports(&known), pairs(&[("i-1", "20-30"), ("i-2", "")]));
    let [one, two] = known;
    assert_eq!(
        ports(&[one, two, ("acls.json", list)]),
        pairs(&[("i-1", "20-21,23-25"), ("i-2", "")])
    );
}

#[test]
fn a_public_balancer_exposes_the_port_it_passes_on_to() {
    let classic = |scheme: &str| {
        json!({"LoadBalancerDescriptions": [{"LoadBalancerName": "old", "Scheme": scheme,
            "SecurityGroups": ["sg-lb"], "Instances": [{"InstanceId": "i-2"}],
            "ListenerDescriptions": [
                {"Listener": {"LoadBalancerPort": 443, "InstancePort": 8443}},
                {"Listener": {"LoadBalancerPort": 81, "InstancePort": 8081}}]}]})
    };
    let with = |more: &[(&str, Value)]| {
        let mut all = vec![("instances.json", instances()), ("groups.json", groups())];
        all.extend_from_slice(more);
        ports(&all)
    };
    assert_eq!(
        with(&[("elb.json", classic("internet-facing"))]),
        pairs(&[("i-1", "20-30"), ("i-2", "8443")]),
        "the balancer's own group closes the other listener"
    );
    assert_eq!(
        with(&[("elb.json", classic("internal"))]),
        pairs(&[("i-1", "20-30"), ("i-2", "")])
    );
    let (arn, group) = ("arn:lb", "arn:targetgroup/web");
    let balancer =
        json!({"LoadBalancers": [{"LoadBalancerArn": arn, "Scheme": "internet-facing"}]});
    let listeners = json!({"Listeners": [{"LoadBalancerArn": arn, "Port": 80,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}]}]});
    let health = json!({"TargetHealthDescriptions": [{"Target": {"Id": "i-2", "Port": 9000}}]});
    assert_eq!(
        with(&[
            ("lb.json", balancer),
            ("listeners.json", listeners),
            ("arn:targetgroup/web@health.json", health)
        ]),
        pairs(&[("i-1", "20-30"), ("i-2", "9000")])
    );
}

/// Two machines without public addresses behind an Azure load balancer.
fn azure(kind: &str, rules: &Value) -> Value {
    let base = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network";
    let machine = |name: &str| {
        json!({"type": "microsoft.compute/virtualmachines", "name": name,
            "id": format!("/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute/virtualMachines/{name}"),
            "properties": {"networkProfile": {"networkInterfaces":
                [{"id": format!("{base}/networkInterfaces/{name}-nic")}]}}})
    };
    let interface = |name: &str, groups: Value| {
        json!({"type": "microsoft.network/networkinterfaces",
            "id": format!("{base}/networkInterfaces/{name}-nic"),
            "properties": {"networkSecurityGroup": {"id": format!("{base}/nsg")},
                "ipConfigurations": [{"properties": {"applicationSecurityGroups": groups}}]}})
    };
    let front = format!("{base}/loadBalancers/lb/frontendIPConfigurations/front");
    let pool = format!("{base}/loadBalancers/lb/backendAddressPools/pool");
    let members: Vec<Value> = ["a", "b"]
        .iter()
        .map(
            |name| json!({"id": format!("{base}/networkInterfaces/{name}-nic/ipConfigurations/x")}),
        )
        .collect();
    let address = if kind == "public" {
        json!({"id": format!("{base}/publicIPAddresses/p")})
    } else {
        Value::Null
    };
    json!({"data": [machine("a"), machine("b"),
        interface("a", json!([{"id": format!("{base}/asg")}])), interface("b", json!([])),
        {"type": "microsoft.network/networksecuritygroups", "id": format!("{base}/nsg"),
            "properties": {"securityRules": rules}},
        {"type": "microsoft.network/loadbalancers", "id": format!("{base}/loadBalancers/lb"),
            "properties": {
                "frontendIPConfigurations": [{"id": front, "properties": {"publicIPAddress": address}}],
                "backendAddressPools": [{"id": pool, "properties": {"backendIPConfigurations": members}}],
                "loadBalancingRules": [{"properties": {"frontendPort": 443, "backendPort": 8443,
                    "frontendIPConfiguration": {"id": front}, "backendAddressPool": {"id": pool}}}],
                "inboundNatRules": [{"properties": {"frontendPort": 50001, "backendPort": 22,
                    "frontendIPConfiguration": {"id": front},
                    "backendIPConfiguration": {"id": members[1]["id"]}}}]}}]})
}

fn rule(priority: u32, access: &str, ports: &str, group: bool) -> Value {
    let base = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network";
    let mut properties = json!({"priority": priority, "access": access, "direction": "Inbound",
        "protocol": "Tcp", "sourceAddressPrefix": "Internet", "destinationPortRange": ports});
    if group {
        properties["destinationApplicationSecurityGroups"] = json!([{"id": format!("{base}/asg")}]);
    }
    json!({"properties": properties})
}

#[test]
fn an_azure_balancer_passes_on_what_the_security_group_lets_in() {
    let all = json!([rule(100, "Allow", "*", false)]);
    let found = |kind: &str, rules: &Value| ports(&[("azure.json", azure(kind, rules))]);
    assert_eq!(
        found("public", &all),
        pairs(&[("a", "8443"), ("b", "22,8443")])
    );
    assert_eq!(found("internal", &all), pairs(&[("a", ""), ("b", "")]));
    // A rule of a group concerns only the machine in it, and the lowest number decides.
    let grouped = json!([
        rule(100, "Allow", "8443", true),
        rule(200, "Deny", "8443", false),
        rule(300, "Allow", "*", false)
    ]);
    assert_eq!(
        found("public", &grouped),
        pairs(&[("a", "8443"), ("b", "22")])
    );
}

#[test]
fn a_google_forwarding_rule_leads_to_its_pool() {
    let project = "//compute.googleapis.com/projects/p";
    let url = "https://www.googleapis.com/compute/v1/projects/p";
    let found = |scheme: &str| {
        let lines = [
            json!({"name": format!("{project}/zones/z/instances/app"),
                "assetType": "compute.googleapis.com/Instance", "resource": {"data": {"name": "app",
                    "networkInterfaces": [{"network": format!("{url}/global/networks/n")}]}}}),
            json!({"name": format!("{project}/global/firewalls/f"),
                "assetType": "compute.googleapis.com/Firewall", "resource": {"data": {
                    "network": format!("{url}/global/networks/n"), "sourceRanges": ["0.0.0.0/0"],
                    "allowed": [{"IPProtocol": "tcp", "ports": ["8005-8099"]}]}}}),
            json!({"name": format!("{project}/regions/r/targetPools/pool"),
                "assetType": "compute.googleapis.com/TargetPool", "resource": {"data": {
                    "instances": [format!("{url}/zones/z/instances/app")]}}}),
            json!({"name": format!("{project}/regions/r/forwardingRules/rule"),
                "assetType": "compute.googleapis.com/ForwardingRule", "resource": {"data": {
                    "loadBalancingScheme": scheme, "portRange": "8000-8010",
                    "target": format!("{url}/regions/r/targetPools/pool")}}}),
        ];
        let desk = Desk::new();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        desk.file("assets.jsonl", text);
        desk.run(&["case", "import", "--case", "c.db", "assets.jsonl"])
            .expect(0);
        let all = ["case", "inventory", "--case", "c.db", "--format", "json"];
        let rows: Vec<Value> = serde_json::from_str(&desk.run(&all).expect(0).stdout).unwrap();
        rows[0]["ports"].as_str().unwrap().to_owned()
    };
    assert_eq!(found("EXTERNAL"), "8005-8010");
    assert_eq!(found("INTERNAL"), "");
}
