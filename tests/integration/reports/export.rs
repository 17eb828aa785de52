//! A case in the formats of other tools.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Ocsf, Schema, children, csv_rows, file_objects, lines, parsed};
use crate::case::Fleet;

fn export(fleet: &Fleet, format: &str) -> String {
    fleet.case(&["export", "--format", format]).expect(0).stdout
}

#[test]
fn the_findings_of_a_case_are_those_of_its_scans_with_their_status() {
    let fleet = Fleet::new();
    let all = lines(&export(&fleet, "jsonl"));
    let (summary, findings) = all.split_last().unwrap();
    assert_eq!(summary["schema"], "keydredge.summary/1");
    assert_eq!(summary["findings"], findings.len());
    assert_eq!(findings.len(), 16);
    let scanned = fleet
        .desk
        .keydredge_with_key(&[0; 32])
        .args([
            "scan",
            "fleet/images/az-web01.img",
            "--engine",
            "cpu",
            "--format",
            "jsonl",
        ])
        .output()
        .unwrap();
    let scanned = String::from_utf8(scanned.stdout).unwrap();
    let scanned = lines(&scanned);
    let (_, scanned) = scanned.split_last().unwrap();
    assert!(scanned.len() >= 3);
    for finding in scanned {
        let place = |line: &Value| line["occurrence"]["forensic_path"].clone();
        let same = findings.iter().find(|stored| {
            place(stored) == place(finding)
                && stored["occurrence"]["input"] == finding["occurrence"]["input"]
        });
        let mut same = same.unwrap_or_else(|| panic!("{finding}")).clone();
        let known = same.as_object_mut().unwrap();
        let asset = known.remove("asset").unwrap();
        assert!(asset.as_str().unwrap().ends_with("/az-web01"), "{asset}");
        assert_eq!(known.remove("status").unwrap(), "open");
        assert!(known.remove("first_seen").is_some() && known.remove("last_seen").is_some());
        assert!(finding["occurrence"]["surroundings"]["before"].is_string());
        assert_eq!(same, *finding);
    }
    // What another case imports is what this one had.
    let again = fleet.desk.file("again.jsonl", export(&fleet, "jsonl"));
    fleet
        .desk
        .run(&[
            "case",
            "import",
            "--case",
            "again.db",
            again.to_str().unwrap(),
        ])
        .expect(0);
    let rows = fleet
        .desk
        .run(&["case", "export", "--case", "again.db"])
        .expect(0);
    let again = lines(&rows.stdout);
    let (_, again) = again.split_last().unwrap();
    let place = |line: &Value| line["occurrence"].clone();
    assert!(again.iter().map(place).eq(findings.iter().map(place)));
}

#[test]
fn decisions_and_what_is_gone_are_in_every_format() {
    let fleet = Fleet::new();
    let number = |path: &str| {
        let rows = fleet.ask(&["recommendations", "--findings"]);
        let row = rows
            .iter()
            .find(|row| row["location"].as_str().unwrap().contains(path));
        row.unwrap_or_else(|| panic!("{path}: {rows:?}"))["finding"]
            .as_i64()
            .unwrap()
    };
    let rows = fleet.ask(&["recommendations", "--findings"]);
    let first = rows[0]["location"].as_str().unwrap();
    let path = first.split(" at ").next().unwrap();
    fleet
        .case(&[
            "recommendations",
            "--set",
            &format!("{}=false-positive", number(path)),
        ])
        .expect(0);
    // The disk is wiped: what lay on it is fixed.
    fleet.rescan("az-batch01", |image| image.fill(0));
    let stored = lines(&export(&fleet, "jsonl"));
    let with = |status: &str| {
        stored
            .iter()
            .filter(|line| line["status"] == status)
            .count()
    };
    assert!(
        with("false-positive") >= 1 && with("fixed") >= 1,
        "{stored:?}"
    );

    let log = parsed(&export(&fleet, "sarif"));
    Schema::of("sarif-2.1.0.json").check(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let absent = results
        .iter()
        .filter(|result| result["baselineState"] == "absent");
    assert_eq!(absent.count(), with("fixed"));
    let decided = results
        .iter()
        .filter(|result| result["suppressions"].is_array());
    assert_eq!(decided.count(), with("false-positive"));

    let events = Ocsf::new().events(&export(&fleet, "ocsf"));
    let of_status = |id: u64| {
        let all = events.iter().filter(|event| event["class_uid"] == 2006);
        all.filter(|event| event["status_id"] == id).count()
    };
    assert_eq!(
        (of_status(3), of_status(4)),
        (with("false-positive"), with("fixed"))
    );

    let rows = csv_rows(&fleet.desk, &export(&fleet, "csv"));
    let fixed = rows.iter().filter(|row| row["status"] == "fixed");
    assert_eq!(fixed.count(), with("fixed"));

    // None of them is an edge.
    let graph = parsed(&export(&fleet, "bloodhound"));
    let contains = graph["graph"]["edges"].as_array().unwrap().iter();
    let contains = contains
        .filter(|edge| edge["kind"] == "KD_Contains")
        .count();
    assert!(contains + with("false-positive") + with("fixed") < stored.len());
}

#[test]
fn attack_paths_are_detection_findings() {
    let fleet = Fleet::new();
    let paths = fleet.ask(&["paths"]);
    let extras = fleet.ask(&["paths", "--show", "extras"]);
    let events = Ocsf::new().events(&export(&fleet, "ocsf"));
    let detections: Vec<&Value> = events
        .iter()
        .filter(|event| event["class_uid"] == 2004)
        .collect();
    assert_eq!(detections.len(), paths.len() + extras.len());
    for (event, path) in detections.iter().zip(&paths) {
        assert_eq!(event["finding_info"]["uid"], path["id"]);
        assert_eq!(event["finding_info"]["title"], path["name"]);
        assert_eq!(event["resources"][1]["uid"], path["target"]);
        assert_eq!(event["confidence_score"], path["confidence"]);
        assert!(
            !event["vulnerabilities"].as_array().unwrap().is_empty(),
            "{event}"
        );
        assert!(event["evidences"][0]["file"]["path"].is_string(), "{event}");
        let exposed = !path["ports"].as_str().unwrap().is_empty();
        assert_eq!(event["severity_id"], if exposed { 5 } else { 4 });
    }
    assert_eq!(events.last().unwrap()["class_uid"], 6007);
}

#[test]
fn the_files_of_a_fleet_are_dfxml() {
    let fleet = Fleet::new();
    let objects = file_objects(&fleet.desk, &export(&fleet, "dfxml"));
    let found: usize = objects
        .iter()
        .map(|object| children(object, "kd:finding").len())
        .sum();
    assert_eq!(found, 16);
    let images: BTreeSet<&str> = objects
        .iter()
        .map(|object| children(object, "kd:image")[0][2].as_str().unwrap())
        .collect();
    assert!(images.len() > 5, "{images:?}");
}

/// The rules of BloodHound's documents for OpenGraph payloads.
#[track_caller]
fn flat(properties: &Value) {
    for (name, value) in properties.as_object().unwrap() {
        assert_ne!(name, "objectid", "reserved");
        let is_plain = |byte: u8| byte.is_ascii_lowercase();
        assert!(name.bytes().all(is_plain), "{name}");
        let is_flat = value.is_string() || value.is_number() || value.is_boolean();
        assert!(is_flat, "{name}: {value}");
    }
}

#[test]
fn bloodhound_gets_a_graph_in_which_it_finds_the_paths() {
    let fleet = Fleet::new();
    let payload = parsed(&export(&fleet, "bloodhound"));
    assert_eq!(payload.as_object().unwrap().len(), 2);
    assert_eq!(payload["metadata"].as_object().unwrap().len(), 1);
    let extension = parsed(&export(&fleet, "bloodhound-extension"));
    let schema = &extension["schema"];
    for field in ["name", "display_name", "version", "namespace"] {
        assert!(!schema[field].as_str().unwrap().is_empty());
    }
    assert!(schema["version"].as_str().unwrap().starts_with('v'));
    let prefix = format!("{}_", schema["namespace"].as_str().unwrap());
    let mut traversable = BTreeMap::new();
    let mut names = BTreeSet::new();
    for list in ["node_kinds", "relationship_kinds"] {
        for kind in extension[list].as_array().unwrap() {
            let name = kind["name"].as_str().unwrap();
            assert!(
                name.len() > prefix.len() && name.starts_with(&prefix),
                "{name}"
            );
            assert!(names.insert(name), "{name} twice");
            if let Some(is_traversable) = kind["is_traversable"].as_bool() {
                traversable.insert(name, is_traversable);
            } else {
                let colour = kind["color"].as_str().unwrap();
                assert!(colour.starts_with('#') && colour.len() == 7);
            }
        }
    }

    let mut ids = BTreeSet::new();
    for node in payload["graph"]["nodes"].as_array().unwrap() {
        assert!(ids.insert(node["id"].as_str().unwrap()), "{node} twice");
        let kinds = node["kinds"].as_array().unwrap();
        assert!((1..=3).contains(&kinds.len()));
        assert!(names.contains(kinds[0].as_str().unwrap()), "{node}");
        assert!(node["properties"]["name"].is_string(), "{node}");
        flat(&node["properties"]);
    }
    let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for edge in payload["graph"]["edges"].as_array().unwrap() {
        let kind = edge["kind"].as_str().unwrap();
        flat(&edge["properties"]);
        let end = |name: &str| {
            assert_eq!(edge[name]["match_by"], "id");
            let id = edge[name]["value"].as_str().unwrap();
            assert!(ids.contains(id), "{edge}");
            id
        };
        let (from, to) = (end("start"), end("end"));
        if traversable[kind] {
            ways.entry(from).or_default().push(to);
        }
        if kind == "KD_AuthenticatesTo" {
            for fact in ["how", "confidence", "evidence"] {
                assert!(!edge["properties"][fact].is_null(), "{edge}");
            }
        }
    }
    let mut reached = BTreeSet::new();
    let mut next = vec!["kd:internet"];
    while let Some(at) = next.pop() {
        if reached.insert(at) {
            next.extend(ways.get(at).into_iter().flatten());
        }
    }
    for path in fleet.ask(&["paths"]) {
        let exposed = !path["ports"].as_str().unwrap().is_empty();
        let target = format!("kd:asset:{}", path["target"].as_str().unwrap());
        assert!(ids.contains(target.as_str()), "{path}");
        assert!(!exposed || reached.contains(target.as_str()), "{path}");
    }
    // A machine that nothing leads to.
    let patched = ids.iter().find(|id| id.ends_with("/az-patched")).unwrap();
    assert!(!reached.contains(patched));
    assert!(!export(&fleet, "bloodhound").contains("PRIVATE KEY"));
}
