//! The demo fleet: every scenario once, no near-miss, and the words of the published document.

use serde_json::Value;

use super::{Fleet, all_but, column};

/// Names as the published document writes them, in its order.
const NAMES: [&str; 9] = [
    "Exposed Vulnerable VM has an insecure SSH private key that is used to authenticate to a VM",
    "Exposed Vulnerable VM has insecure secrets that are used to authenticate to a storage account",
    "Vulnerable VM has insecure secrets that are used to authenticate to a storage account",
    "Exposed Vulnerable VM has insecure secrets that are used to authenticate to an SQL server",
    "Exposed Vulnerable EC2 instance has an insecure SSH private key that is used to authenticate to an EC2 instance",
    "Exposed Vulnerable EC2 instance has an insecure secret that are used to authenticate to a storage account",
    "Exposed Vulnerable EC2 instance has insecure secrets that are used to authenticate to an AWS RDS server",
    "Vulnerable EC2 instance has insecure secrets that are used to authenticate to an AWS RDS server",
    "Exposed Vulnerable GCP VM instance has an insecure SSH private key that is used to authenticate to a GCP VM instance",
];

#[test]
fn the_nine_paths_and_no_other_each_with_its_evidence() {
    let fleet = Fleet::new();
    let rows = fleet.ask(&["paths"]);
    assert_eq!(column(&rows, "scenario"), all_but(&[]));
    assert_eq!(column(&rows, "name"), NAMES);
    for row in &rows {
        for field in [
            "id", "source", "cves", "preview", "location", "target", "how", "evidence",
        ] {
            let text = row[field].as_str().unwrap();
            assert!(!text.is_empty(), "{field}: {row}");
        }
        assert!(row["confidence"].as_i64().unwrap() >= 60, "{row}");
        let near_miss = [
            "az-patched",
            "az-closed",
            "az-locked",
            "i-0a3",
            "instances/ops",
        ];
        let source = row["source"].as_str().unwrap();
        assert!(
            !near_miss.iter().any(|name| source.ends_with(name)),
            "{row}"
        );
    }
    assert_eq!(rows[0]["ports"], "443");
    assert_eq!(rows[8]["ports"], "80,8000-8080");
    // The same question has the same ids; CSV has the same rows.
    assert_eq!(column(&fleet.ask(&["paths"]), "id"), column(&rows, "id"));
    let csv = fleet.case(&["paths", "--format", "csv"]).expect(0).stdout;
    assert_eq!(csv.lines().count(), 10, "{csv}");
    let table = fleet.case(&["paths"]).expect(0).stdout;
    assert!(NAMES.iter().all(|name| table.contains(name)), "{table}");
}

#[test]
fn the_templates_find_their_rows() {
    let fleet = Fleet::new();
    let count = |name: &str, target: &str| {
        let rows = fleet.ask(&["explore", "--template", name]);
        let mut pairs: Vec<(String, String)> = column(&rows, "vm")
            .into_iter()
            .zip(column(&rows, target))
            .map(|(from, to)| (end(&from), end(&to)))
            .collect();
        pairs.sort();
        assert!(rows.iter().all(|row| !row["secret_2_location"].is_null()));
        pairs
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(
        count(
            "VM with plaintext secret that can authenticate to another VM",
            "vm_3"
        ),
        [
            pair("app", "db"),
            pair("az-closed", "az-db01"),
            pair("az-patched", "az-db01"),
            pair("az-web01", "az-db01"),
            pair("i-0a1", "i-0a4"),
        ]
    );
    assert_eq!(
        count(
            "VM with plaintext secret that can authenticate to a storage account",
            "storage_3"
        ),
        [
            pair("acme-exports", "").0,
            "acmebackup".to_owned(),
            "acmelogs".to_owned()
        ]
        .into_iter()
        .zip(["i-0a1", "az-batch01", "az-web01"])
        .map(|(to, from)| pair(from, &to))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(
        count(
            "VM with plaintext secret that can authenticate to an SQL database",
            "database_3"
        ),
        [
            pair("az-web01", "acme-crm"),
            pair("i-0a1", "shop"),
            pair("i-0a2", "billing"),
        ]
    );
}

fn end(uid: &str) -> String {
    uid.rsplit(['/', ':']).next().unwrap().to_owned()
}

#[test]
fn recommendations_count_resources_and_findings() {
    let fleet = Fleet::new();
    let rows = fleet.ask(&["recommendations"]);
    let counts: Vec<(&str, [i64; 4])> = rows
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().unwrap();
            (
                row["recommendation"].as_str().unwrap(),
                ["unhealthy", "healthy", "not_assessed", "findings"].map(number),
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            (
                "Machines should have secrets findings resolved",
                [5, 1, 0, 7]
            ),
            (
                "EC2 instances should have secrets findings resolved",
                [3, 0, 1, 5]
            ),
            (
                "VM instances should have secrets findings resolved",
                [2, 0, 2, 2]
            ),
            (
                "Azure Resource Manager deployments should have secrets findings resolved",
                [1, 1, 0, 1]
            ),
            (
                "AWS CloudFormation Stack should have secrets findings resolved",
                [1, 1, 0, 1]
            ),
        ]
    );
    let findings = fleet.ask(&["recommendations", "--findings"]);
    let scores: Vec<i64> = findings
        .iter()
        .map(|row| row["priority"].as_i64().unwrap())
        .collect();
    assert!(
        scores.is_sorted_by(|one, two| one >= two),
        "{scores:?}: ordered by the sum shown"
    );
    assert_eq!(scores.len(), 16);
    for finding in &findings {
        let steps = finding["steps"].as_str().unwrap();
        assert!(
            steps.starts_with("1. ") && steps.contains(" 5. "),
            "{steps}"
        );
        assert!(!finding["recommendation"].as_str().unwrap().is_empty());
    }
    let group = fleet.ask(&["paths", "--show", "no-target"]);
    let name = "secrets without an identified target resource";
    assert!(
        group.iter().all(|row| row["group"] == name) && group.len() == 1,
        "{group:?}"
    );
    let choke = fleet.ask(&["paths", "--show", "choke-points"]);
    assert_eq!(
        choke.last().unwrap()["advice"],
        "fixing these 9 cuts 100% of paths"
    );
}

#[test]
fn the_inventory_shows_the_secrets_of_a_machine_with_their_keys_and_targets() {
    let fleet = Fleet::new();
    let assets = fleet.ask(&["inventory"]);
    assert!(
        assets
            .iter()
            .any(|row| row["name"] == "az-db01" && row["secrets"] == 0)
    );
    let secrets = fleet.ask(&["inventory", "--asset", "az-web01"]);
    let key: Vec<&Value> = secrets
        .iter()
        .filter(|row| row["type"] == "ssh-private-key")
        .collect();
    assert_eq!(key.len(), 1);
    assert!(
        key[0]["public_key"]
            .as_str()
            .unwrap()
            .starts_with("SHA256:")
    );
    let opens = key[0]["opens"].as_str().unwrap();
    assert!(opens.contains("az-db01 (authorized_keys 95)"), "{opens}");
    let by_alias = fleet.ask(&["inventory", "--asset", "i-0a1"]);
    assert_eq!(by_alias.len(), 3);
    let ran = fleet.case(&["inventory", "--asset", "nobody"]).expect(2);
    assert!(
        ran.stderr.contains("no asset is called `nobody`"),
        "{}",
        ran.stderr
    );
}

/// Beside each of the two that hold a secret stands one that keeps it out.
#[test]
fn deployments_stand_in_the_inventory_and_lead_to_what_their_secrets_open() {
    let fleet = Fleet::new();
    let assets = fleet.ask(&["inventory"]);
    let mut found: Vec<(&str, &str, i64)> = assets
        .iter()
        .filter(|row| row["kind"] == "deployment")
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (
                text("service"),
                text("name"),
                row["secrets"].as_i64().unwrap(),
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("arm.deployment", "shop", 1),
            ("arm.deployment", "web", 0),
            ("cfn.stack", "network", 0),
            ("cfn.stack", "shop", 1),
        ]
    );
    let extras = fleet.ask(&["paths", "--show", "extras"]);
    let mut places: Vec<(String, String)> = extras
        .iter()
        .filter(|row| row["scenario"] == "X4")
        .map(|row| {
            let location = row["location"].as_str().unwrap();
            let pointer = location.rsplit(' ').next().unwrap();
            (pointer.to_owned(), end(row["target"].as_str().unwrap()))
        })
        .collect();
    places.sort();
    assert_eq!(
        places,
        [
            (
                "/Stacks/0/Parameters/1/ParameterValue".to_owned(),
                "shop".to_owned()
            ),
            (
                "/properties/outputs/logs/value".to_owned(),
                "acmelogs".to_owned()
            ),
        ]
    );
}

#[test]
fn no_plaintext_reaches_the_case() {
    let fleet = Fleet::new();
    let db = std::fs::read(fleet.desk.path("fleet/fleet.db")).unwrap();
    let image = std::fs::read(fleet.desk.path("fleet/images/az-web01.img")).unwrap();
    let text = String::from_utf8_lossy(&image);
    for mark in ["Password=", "sig=", "BEGIN OPENSSH PRIVATE KEY-----\n"] {
        let (_, rest) = text.split_once(mark).unwrap();
        let secret: String = rest.chars().take(12).collect();
        let found = memchr::memmem::find(&db, secret.as_bytes());
        assert!(found.is_none(), "{mark}{secret}");
    }
}

/// What looks like a path but for one condition becomes one when that condition holds.
#[test]
fn each_near_miss_lacks_just_one_condition() {
    let fleet = Fleet::new();
    let count = |name: &str| fleet.scenarios().iter().filter(|own| *own == name).count();
    fleet.change("azure-assessments.json", "\"Medium\"", "\"High\"");
    assert_eq!(count("A1"), 2, "not vulnerable");
    fleet.change(
        "azure-resources.json",
        "\"priority\": 200",
        "\"priority\": 99",
    );
    assert_eq!(count("A1"), 3, "closed");
    fleet.change("gcp-assets.json", "TERMINATED", "RUNNING");
    assert_eq!(count("G1"), 2, "stopped");
    fleet.change("aws-access-keys.json", "\"Inactive\"", "\"Active\"");
    assert_eq!(count("W2"), 2, "switched off");
    fleet.rescan("az-locked", |image| {
        let at = memchr::memmem::find(image, b"se=2020").unwrap();
        image[at..at + 7].copy_from_slice(b"se=2099");
    });
    assert_eq!(count("A2"), 2, "expired");
    // The sixth is a key under a passphrase, which is no plaintext secret and so not even found.
    let locked = fleet.ask(&["inventory", "--asset", "az-locked"]);
    assert_eq!(column(&locked, "type"), ["azure-storage-sas"]);
}
