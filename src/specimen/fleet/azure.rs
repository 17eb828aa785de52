//! Azure: A1 to A4, and three machines that are almost as bad.

use serde_json::{Value, json};

use super::{Cloud, Machine, Stream, expand, file, pair, printed, protected_pair};

const GROUP: &str =
    "/subscriptions/0b1c7d2e-0000-4000-8000-5f1a2b3c4d5e/resourceGroups/fleet/providers";

pub(super) fn id(kind: &str, name: &str) -> String {
    format!("{GROUP}/{kind}/{name}")
}

fn machine_id(name: &str) -> String {
    id("Microsoft.Compute/virtualMachines", name)
}

fn resource(kind: &str, name: &str, properties: &Value) -> Value {
    json!({
        "id": id(kind, name), "name": name, "type": kind.to_ascii_lowercase(),
        "location": "westeurope", "resourceGroup": "fleet",
        "subscriptionId": "0b1c7d2e-0000-4000-8000-5f1a2b3c4d5e", "tags": {}, "properties": properties,
    })
}

/// A machine with its interface; the firewall is that of the interface.
fn machine(name: &str, public: bool, firewall: &str, keys: &[&str], data: &mut Vec<Value>) {
    let keys: Vec<Value> = keys
        .iter()
        .map(|key| json!({"path": "/home/ops/.ssh/authorized_keys", "keyData": key}))
        .collect();
    let nic = format!("{name}-nic");
    data.push(resource("Microsoft.Compute/virtualMachines", name, &json!({
        "hardwareProfile": {"vmSize": "Standard_B2s"},
        "extended": {"instanceView": {"powerState": {"code": "PowerState/running"}}},
        "osProfile": {"computerName": name, "linuxConfiguration": {"ssh": {"publicKeys": keys}}},
        "networkProfile": {"networkInterfaces": [{"id": id("Microsoft.Network/networkInterfaces", &nic)}]},
    })));
    let address = format!("{name}-ip");
    let address_id = id("Microsoft.Network/publicIPAddresses", &address);
    let mut configuration = json!({"privateIPAddress": "10.0.0.4"});
    if public {
        configuration["publicIPAddress"] = json!({"id": address_id});
        data.push(resource(
            "Microsoft.Network/publicIPAddresses",
            &address,
            &json!({
                "ipAddress": "203.0.113.10", "publicIPAllocationMethod": "Static",
            }),
        ));
    }
    data.push(resource(
        "Microsoft.Network/networkInterfaces",
        &nic,
        &json!({
            "ipConfigurations": [{"name": "ipconfig1", "properties": configuration}],
            "networkSecurityGroup": {"id": id("Microsoft.Network/networkSecurityGroups", firewall)},
        }),
    ));
}

fn rule(priority: u32, access: &str, port: &str) -> Value {
    json!({"name": format!("rule-{priority}"), "properties": {
        "access": access, "direction": "Inbound", "priority": priority, "protocol": "Tcp",
        "sourceAddressPrefix": "Internet", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": port,
    }})
}

/// One assessment of the form that Defender writes now.
fn weakness(machine: &str, cve: &str, severity: &str) -> Value {
    json!({
        "id": format!("{}/providers/Microsoft.Security/assessments/{cve}", machine_id(machine)),
        "type": "microsoft.security/assessments",
        "properties": {
            "resourceDetails": {"source": "Azure", "id": machine_id(machine)},
            "status": {"code": "Unhealthy"}, "metadata": {"severity": severity},
            "additionalData": {
                "CvesDetails": format!("[{{\"cveId\":\"{cve}\",\"cvss\":8.1}}]"),
                "SoftwareName": "openssl", "FixedVersion": "3.0.16",
            },
        },
    })
}

pub(super) fn build(stream: &mut Stream) -> Cloud {
    let (key, public) = pair(stream);
    let (other, other_public) = pair(stream);
    let (closed_key, closed_public) = pair(stream);
    let (locked, locked_public) = protected_pair(stream);
    let sas = |stream: &mut Stream, year: &str| {
        let text = expand(
            "https://acmelogs.blob.core.windows.net/logs?{azure-storage-sas}\n",
            stream,
        );
        text.replace("se=2027", &format!("se={year}"))
            .replace("sr=b", "sr=c")
    };
    let sql = "{\n  \"ConnectionStrings\": {\n    \"Crm\": \"Server=tcp:acme-crm.database.windows.net,1433;\
               Initial Catalog=crm;User ID=app;Password={password};Encrypt=True;\"\n  }\n}\n";
    let storage = "AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;\
                   AccountName=acmebackup;AccountKey={azure-storage-key};EndpointSuffix=core.windows.net\n";
    let machines = vec![
        Machine {
            name: "az-web01",
            uid: machine_id("az-web01"),
            files: vec![
                file("home/ops/.ssh/id_ed25519", &*key),
                file("home/ops/copy.txt", sas(stream, "2099")),
                file("var/www/crm/appsettings.json", expand(sql, stream)),
            ],
        },
        Machine {
            name: "az-batch01",
            uid: machine_id("az-batch01"),
            files: vec![file("etc/backup.env", expand(storage, stream))],
        },
        Machine {
            name: "az-db01",
            uid: machine_id("az-db01"),
            files: vec![file(
                "home/ops/.ssh/authorized_keys",
                format!("# who may come in\n{public}\n"),
            )],
        },
        Machine {
            name: "az-patched",
            uid: machine_id("az-patched"),
            files: vec![file("home/ops/.ssh/id_ed25519", other)],
        },
        Machine {
            name: "az-closed",
            uid: machine_id("az-closed"),
            files: vec![file("home/ops/.ssh/id_ed25519", closed_key)],
        },
        Machine {
            name: "az-locked",
            uid: machine_id("az-locked"),
            files: vec![
                file("home/ops/.ssh/id_ed25519", locked),
                file("home/ops/old.txt", sas(stream, "2020")),
            ],
        },
    ];
    let mut data = Vec::new();
    machine("az-web01", true, "open", &[], &mut data);
    machine("az-batch01", false, "open", &[], &mut data);
    machine("az-patched", true, "open", &[], &mut data);
    machine("az-closed", true, "closed", &[], &mut data);
    machine("az-locked", true, "open", &[], &mut data);
    let accepted = [&*other_public, &closed_public, &locked_public];
    machine("az-db01", false, "closed", &accepted, &mut data);
    data.push(resource(
        "Microsoft.Network/networkSecurityGroups",
        "open",
        &json!({
            "securityRules": [rule(100, "Allow", "443"), rule(4096, "Deny", "*")],
        }),
    ));
    // The denial has the lower number, so the permission never counts.
    data.push(resource(
        "Microsoft.Network/networkSecurityGroups",
        "closed",
        &json!({
            "securityRules": [rule(200, "Allow", "22"), rule(100, "Deny", "*")],
        }),
    ));
    for account in ["acmelogs", "acmebackup"] {
        data.push(resource(
            "Microsoft.Storage/storageAccounts",
            account,
            &json!({
                "primaryEndpoints": {"blob": format!("https://{account}.blob.core.windows.net/")},
                "allowBlobPublicAccess": false, "allowSharedKeyAccess": true,
            }),
        ));
    }
    data.push(resource(
        "Microsoft.Sql/servers",
        "acme-crm",
        &json!({
            "fullyQualifiedDomainName": "acme-crm.database.windows.net", "version": "12.0",
        }),
    ));
    let count = data.len();
    let graph = json!({"count": count, "data": data, "skip_token": null, "total_records": count});
    let weak = json!({"count": 5, "data": [
        weakness("az-web01", "CVE-2025-0001", "High"),
        weakness("az-batch01", "CVE-2025-0002", "Critical"),
        weakness("az-closed", "CVE-2025-0001", "High"),
        weakness("az-locked", "CVE-2025-0001", "High"),
        weakness("az-patched", "CVE-2025-0003", "Medium"),
    ]});
    let inventories = vec![
        ("inventory/azure-resources.json", printed(&graph)),
        ("inventory/azure-assessments.json", printed(&weak)),
    ];
    (machines, inventories)
}
