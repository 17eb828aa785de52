//! Findings and inventories on their way into the case, and what people decide about them.

use serde_json::{Value, json};

use super::{Fleet, all_but, column};
use crate::fixture::Desk;

#[test]
fn importing_the_same_file_again_changes_nothing() {
    let fleet = Fleet::new();
    let before = fleet.ask(&["inventory"]);
    let file = fleet.desk.path("fleet/inventory/azure-resources.json");
    let ran = fleet.case(&["import", file.to_str().unwrap()]).expect(0);
    assert!(ran.stdout.contains("unchanged"), "{}", ran.stdout);
    // The same content under another name says the same again.
    let copy = fleet.desk.file("copy.json", std::fs::read(&file).unwrap());
    fleet.case(&["import", copy.to_str().unwrap()]).expect(0);
    assert_eq!(fleet.ask(&["inventory"]), before);
    assert_eq!(fleet.scenarios(), all_but(&[]));
    fleet.rescan("az-web01", |_| {});
    assert_eq!(
        fleet.ask(&["inventory"]),
        before,
        "a second scan of the same disk"
    );
}

#[test]
fn decisions_survive_scans_and_take_paths_away_while_they_hold() {
    let fleet = Fleet::new();
    let findings = fleet.ask(&["recommendations", "--findings"]);
    let of = |kind: &str| {
        let found = findings.iter().find(|row| {
            row["secret"] == kind && row["asset"].as_str().unwrap().ends_with("az-web01")
        });
        found.unwrap()["finding"].to_string()
    };
    let (key, sql) = (of("ssh-private-key"), of("azure-sql-connection-string"));
    fleet
        .case(&["recommendations", "--set", &format!("{key}=false-positive")])
        .expect(0);
    fleet
        .case(&[
            "recommendations",
            "--set",
            &format!("{sql}=accepted:2099-01-01"),
        ])
        .expect(0);
    assert_eq!(fleet.scenarios(), all_but(&["A1", "A4"]));
    fleet.rescan("az-web01", |_| {});
    assert_eq!(
        fleet.scenarios(),
        all_but(&["A1", "A4"]),
        "kept across a scan"
    );
    fleet
        .case(&[
            "recommendations",
            "--set",
            &format!("{sql}=accepted:2020-01-01"),
        ])
        .expect(0);
    assert_eq!(fleet.scenarios(), all_but(&["A1"]), "an acceptance ends");
    fleet
        .case(&["recommendations", "--set", &format!("{key}=open")])
        .expect(0);
    assert_eq!(fleet.scenarios(), all_but(&[]));
    for wrong in ["999=open", "1=perhaps", "x=open"] {
        fleet.case(&["recommendations", "--set", wrong]).expect(2);
    }
}

#[test]
fn a_secret_that_is_gone_is_fixed_and_one_that_returns_is_open() {
    let fleet = Fleet::new();
    let mut saved = Vec::new();
    fleet.rescan("gcp-app", |image| {
        saved = image.clone();
        let at = memchr::memmem::find(image, b"-----BEGIN OPENSSH").unwrap();
        image[at..at + 400].fill(0);
    });
    assert_eq!(fleet.scenarios(), all_but(&["G1"]));
    let gcp = |fleet: &Fleet| fleet.ask(&["recommendations"])[2].clone();
    assert_eq!(
        (&gcp(&fleet)["fixed"], &gcp(&fleet)["healthy"]),
        (&1.into(), &1.into())
    );
    fleet.rescan("gcp-app", |image| *image = saved);
    assert_eq!(fleet.scenarios(), all_but(&[]));
    assert_eq!(gcp(&fleet)["fixed"], 0);
}

#[test]
fn an_unfinished_or_narrower_scan_fixes_nothing() {
    let fleet = Fleet::new();
    let image = fleet.desk.path("fleet/images/gcp-app.img");
    let kept = std::fs::read(&image).unwrap();
    std::fs::write(&image, vec![0; kept.len()]).unwrap();
    for narrower in [["--range", "0..1M"], ["--types", "slack-access-token"]] {
        fleet
            .desk
            .keydredge_with_key(&[0; 32])
            .args([
                "scan",
                "fleet/images/gcp-app.img",
                "--case",
                "fleet/fleet.db",
            ])
            .args(narrower)
            .output()
            .unwrap();
        assert_eq!(fleet.scenarios(), all_but(&[]), "{narrower:?}");
    }
}

/// A record that is imported says what is gone as a scan into the case does; of lines of public keys
/// it says nothing, because it did not look for them.
#[test]
fn a_record_that_is_imported_fixes_what_is_gone() {
    let fleet = Fleet::new();
    let accepting =
        || fleet.ask(&["explore", "--sql", "SELECT count(*) AS n FROM accepts"])[0].clone();
    let before = accepting();
    for (name, gone) in [("gcp-app", "G1"), ("az-db01", "")] {
        let path = format!("fleet/images/{name}.img");
        let image = fleet.desk.path(&path);
        let len = std::fs::read(&image).unwrap().len();
        std::fs::write(&image, vec![0; len]).unwrap();
        let record = fleet.desk.path("again.jsonl");
        let ran = fleet
            .desk
            .keydredge_with_key(&[0; 32])
            .args(["scan", &path, "--output"])
            .arg(&record)
            .output()
            .unwrap();
        assert!(ran.status.success());
        fleet.case(&["import", "again.jsonl"]).expect(0);
        if !gone.is_empty() {
            assert_eq!(fleet.scenarios(), all_but(&[gone]));
        }
    }
    assert_eq!(accepting(), before);
}

/// A finding in a deployment, as the scan of one writes it.
fn deployed(deployment: &str, pointer: &str, fingerprint: &str) -> Value {
    json!({
        "schema": "keydredge.finding/1", "type": "azure-storage-connection-string",
        "variant": "connection-string", "severity": "high", "verdict": "checksum",
        "fingerprint": fingerprint, "secret": {"preview": "ab…yz", "length": 88, "value": null},
        "deployment": deployment, "resource": "acmelogs",
        "occurrence": {"input": "deployments.json", "offset": 10, "length": 88,
            "forensic_path": "10", "encoding": [], "partition": null, "filesystem": null,
            "path": null, "file_offset": null, "inode": null, "state": null, "modified": null,
            "line": 1, "column": 2, "pointer": pointer, "labels": []},
        "target": {"kind": "storage-account", "name": "acmelogs",
            "endpoint": "acmelogs.blob.core.windows.net"},
        "identity": {}, "expires": null, "expired": null, "details": {}, "new_field": [1],
    })
}

#[test]
fn findings_in_deployments_stand_under_their_recommendation_and_lead_to_their_target() {
    let fleet = Fleet::new();
    let arm =
        "/subscriptions/0b1c/resourceGroups/rg/providers/Microsoft.Resources/deployments/main";
    let stack = "arn:aws:cloudformation:eu-west-1:210987654321:stack/shop/1";
    let lines = [
        deployed(arm, "/properties/outputs/key/value", "k1:01"),
        deployed(stack, "/Stacks/0/Parameters/1", "k1:02"),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let file = fleet.desk.file("deployments.jsonl", text);
    fleet.case(&["import", file.to_str().unwrap()]).expect(0);
    let rows = fleet.ask(&["recommendations"]);
    assert_eq!(
        (&rows[3]["findings"], &rows[4]["findings"]),
        (&2.into(), &2.into()),
        "with those of the fleet's own deployments"
    );
    let extras = fleet.ask(&["paths", "--show", "extras"]);
    let found: Vec<&Value> = extras
        .iter()
        .filter(|row| row["scenario"] == "X4")
        .collect();
    assert_eq!(found.len(), 4);
    let names = |row: &&Value| {
        let location = row["location"].as_str().unwrap();
        location.contains("/properties/outputs/key/value")
    };
    assert_eq!(found.iter().filter(|row| names(row)).count(), 1);
    assert_eq!(
        fleet.scenarios(),
        all_but(&[]),
        "a deployment is no machine"
    );
}

#[test]
fn an_authorized_keys_line_opens_its_machine_unless_it_is_bound_or_commented_out() {
    let fleet = Fleet::new();
    let pairs =
        std::fs::read_to_string(fleet.desk.path("fleet/inventory/aws-key-pairs.json")).unwrap();
    let (_, rest) = pairs.split_once("ssh-ed25519 ").unwrap();
    let line = format!("ssh-ed25519 {} x", rest.split(' ').next().unwrap());
    let how = |prefix: &str| {
        let record = json!({"schema": "keydredge.authorized-key/1", "asset": "i-0a2",
            "path": "/home/ops/.ssh/authorized_keys", "line": format!("{prefix}{line}")});
        let file = fleet.desk.file("keys.jsonl", format!("{record}\n"));
        fleet.case(&["import", file.to_str().unwrap()]).expect(0);
        let rows = fleet.ask(&["paths", "--confidence", "0"]);
        let row = rows
            .iter()
            .find(|row| row["target"].as_str().unwrap().ends_with("i-0a2"));
        row.map(|row| (row["how"].clone(), row["confidence"].clone()))
    };
    assert_eq!(how(""), Some(("authorized_keys".into(), 95.into())));
    assert_eq!(
        how("from=\"10.0.0.1\" "),
        Some(("authorized_keys".into(), 60.into()))
    );
    assert_eq!(how("# "), Some(("authorized_keys".into(), 10.into())));
    assert_eq!(fleet.scenarios(), all_but(&[]), "ten is not sure enough");
}

#[test]
fn plain_lists_of_assets_and_images_are_enough() {
    let desk = Desk::new();
    let key = keydredge::specimen::maker("azure-storage-key").unwrap();
    let key = key(&mut keydredge::specimen::Stream::new("plain"));
    let text = format!(
        "DefaultEndpointsProtocol=https;AccountName=acmex;AccountKey={key};EndpointSuffix=core.windows.net\n"
    );
    desk.file("disk.img", &text);
    desk.file(
        "assets.csv",
        "uid,kind,cloud,exposed,vuln_max\r\nvm1,vm,azure,1,high\r\nbroken\r\n",
    );
    desk.file("images.csv", "image,asset_uid\ndisk.img,vm1\n");
    desk.run(&["scan", "disk.img", "--case", "c.db", "--as", "image"])
        .expect(0);
    let ran = desk
        .run(&[
            "case",
            "import",
            "--case",
            "c.db",
            "assets.csv",
            "images.csv",
        ])
        .expect(0);
    assert!(
        ran.stderr
            .contains("assets.csv:3: 1 cells under a heading of 5"),
        "{}",
        ran.stderr
    );
    let ran = desk
        .run(&[
            "case",
            "paths",
            "--case",
            "c.db",
            "--confidence",
            "50",
            "--format",
            "json",
        ])
        .expect(0);
    let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(column(&rows, "scenario"), ["A2"]);
    assert_eq!(rows[0]["source"], "vm1");
}

#[test]
fn the_rule_for_authorized_keys_proves_itself() {
    let rules = keydredge::rule::load::load([keydredge::rule::load::AUTHORIZED_KEYS]).unwrap();
    assert_eq!(rules.types[0].id, keydredge::rule::load::AUTHORIZED_KEY);
    let report = keydredge::specimen::check::check(&rules);
    assert!(report.problems.is_empty() && report.examples > 0);
}

#[test]
fn public_keys_are_no_findings_and_a_scan_without_a_case_does_not_look_for_them() {
    let fleet = Fleet::new();
    let scan = |args: &[&str]| {
        let mut all = vec!["scan", "fleet/images/az-db01.img", "--format", "jsonl"];
        all.extend(args);
        let ran = fleet.desk.run(&all).expect(0);
        (ran.findings().len(), ran.summary())
    };
    let (found, summary) = scan(&[]);
    assert_eq!((found, summary.findings, summary.rules.types), (0, 0, 34));
    assert!(!summary.rules.key_lines);
    let (found, summary) = scan(&["--case", "other.db"]);
    assert_eq!((found, summary.findings, summary.rules.types), (0, 0, 34));
    assert!(summary.rules.key_lines);
    let ran = fleet.desk.run(&[
        "case",
        "explore",
        "--case",
        "other.db",
        "--sql",
        "SELECT count(*) AS n FROM accepts",
        "--format",
        "json",
    ]);
    assert!(ran.expect(0).stdout.contains("\"n\":1"));
}
