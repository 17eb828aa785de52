//! GCP: G1, and a machine whose key opens one that is switched off.

use serde_json::{Value, json};

use super::{Cloud, Machine, Stream, file, pair, printed};

const ZONE: &str = "projects/acme/zones/europe-west1-b";

fn uid(name: &str) -> String {
    format!("//compute.googleapis.com/{ZONE}/instances/{name}")
}

fn instance(name: &str, public: Option<&str>, key: Option<&str>, status: &str) -> Value {
    let mut interface = json!({
        "network": "https://www.googleapis.com/compute/v1/projects/acme/global/networks/default",
        "networkIP": "10.1.0.5",
    });
    if let Some(public) = public {
        interface["accessConfigs"] = json!([{"natIP": public, "type": "ONE_TO_ONE_NAT"}]);
    }
    let keys = key.map(|key| json!({"key": "ssh-keys", "value": format!("ops:{key}")}));
    json!({
        "name": uid(name), "assetType": "compute.googleapis.com/Instance",
        "resource": {"version": "v1", "data": {
            "name": name, "zone": format!("https://www.googleapis.com/compute/v1/{ZONE}"),
            "status": status, "networkInterfaces": [interface], "tags": {"items": ["web"]},
            "metadata": {"items": keys.into_iter().collect::<Vec<_>>()},
        }},
        "ancestors": ["projects/42"],
    })
}

/// A Trivy report of a machine's disk.
fn report(image: &str) -> String {
    printed(&json!({
        "SchemaVersion": 2, "ArtifactName": image, "ArtifactType": "vm",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.8"}},
        "Results": [{"Target": "debian", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-2025-0005", "PkgName": "openssl", "InstalledVersion": "3.0.1",
             "FixedVersion": "3.0.2", "Severity": "HIGH"}]}],
    }))
}

pub(super) fn build(stream: &mut Stream) -> Cloud {
    let (key, public) = pair(stream);
    let (other, other_public) = pair(stream);
    let machines = vec![
        Machine {
            name: "gcp-app",
            uid: uid("app"),
            files: vec![file("home/ops/.ssh/id_ed25519", key)],
        },
        Machine {
            name: "gcp-ops",
            uid: uid("ops"),
            files: vec![file("home/ops/.ssh/id_ed25519", other)],
        },
    ];
    let firewall = json!({
        "name": "//compute.googleapis.com/projects/acme/global/firewalls/web",
        "assetType": "compute.googleapis.com/Firewall",
        "resource": {"version": "v1", "data": {
            "name": "web", "direction": "INGRESS", "priority": 1000, "disabled": false,
            "network": "https://www.googleapis.com/compute/v1/projects/acme/global/networks/default",
            "sourceRanges": ["0.0.0.0/0"], "targetTags": ["web"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["80", "8000-8080"]}],
        }},
    });
    let lines = [
        instance("app", Some("203.0.113.20"), None, "RUNNING"),
        instance("ops", Some("203.0.113.21"), None, "RUNNING"),
        instance("db", None, Some(&public), "RUNNING"),
        instance("retired", None, Some(&other_public), "TERMINATED"),
        firewall,
    ];
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let inventories = vec![
        ("inventory/gcp-assets.json", lines),
        ("inventory/trivy-gcp-app.json", report(&uid("app"))),
        ("inventory/trivy-gcp-ops.json", report(&uid("ops"))),
    ];
    (machines, inventories)
}
