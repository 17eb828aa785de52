//! One disk in every format: the same findings, valid, pointing at the right bytes, and the same
//! text as the last time.

use serde_json::{Value, json};

use super::{Disk, Ocsf, Schema, children, csv_rows, file_objects, lines, parsed};

/// A golden text changes with the findings, not with the version or the catalogue's prose.
fn golden(name: &str, text: &str) {
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    insta::assert_snapshot!(name, text);
}

fn pretty(values: &[Value]) -> String {
    let texts = values.iter().map(|value| format!("{value:#}\n"));
    texts.collect()
}

#[test]
fn csv() {
    let disk = Disk::new();
    let ran = disk.scan(&["--format", "csv"]).expect(0);
    let rows = csv_rows(&disk.desk, &ran.stdout);
    let findings = disk.scan(&["--format", "jsonl"]).expect(0).findings();
    assert_eq!(rows.len(), findings.len());
    for (row, finding) in rows.iter().zip(&findings) {
        assert_eq!(row["fingerprint"], finding.fingerprint);
        assert_eq!(row["offset"], finding.occurrence.offset.to_string());
        assert_eq!(row["path"], *finding.occurrence.path.as_ref().unwrap());
    }
    golden("csv", &ran.stdout.replace('\r', ""));
}

#[test]
fn sarif() {
    let disk = Disk::new();
    let ran = disk.scan(&["--format", "sarif"]).expect(0);
    let mut log = parsed(&ran.stdout);
    Schema::of("sarif-2.1.0.json").check(&log);
    let run = &log["runs"][0];
    let (results, rules) = (&run["results"], &run["tool"]["driver"]["rules"]);
    let findings = disk.scan(&["--format", "jsonl"]).expect(0).findings();
    assert_eq!(results.as_array().unwrap().len(), findings.len());
    for (result, finding) in results.as_array().unwrap().iter().zip(&findings) {
        let fingerprints = &result["partialFingerprints"];
        assert_eq!(fingerprints["keydredgeSecret/v1"], finding.fingerprint);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        // The region of the file and the one of the image are the same bytes.
        let region = &result["relatedLocations"][0]["physicalLocation"]["region"];
        let at = |name: &str| usize::try_from(region[name].as_u64().unwrap()).unwrap();
        let bytes = &disk.image[at("byteOffset")..][..at("byteLength")];
        let preview = finding.secret.preview.as_bytes();
        if finding.secret_type == "ssh-private-key" {
            assert!(bytes.starts_with(b"-----BEGIN") || bytes.starts_with(b"PuTTY"));
        } else {
            assert_eq!(bytes[..4], preview[..4]);
        }
        let base = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"];
        assert!(!run["originalUriBaseIds"][base.as_str().unwrap()].is_null());
        assert!(
            result
                .pointer("/locations/0/physicalLocation/region/snippet")
                .is_none()
        );
    }
    for rule in rules.as_array().unwrap() {
        for relation in rule["relationships"].as_array().unwrap() {
            let target = &relation["target"];
            let index =
                usize::try_from(target["toolComponent"]["index"].as_u64().unwrap()).unwrap();
            let taxa = run["taxonomies"][index]["taxa"].as_array().unwrap();
            assert!(
                taxa.iter().any(|taxon| taxon["id"] == target["id"]),
                "{target}"
            );
        }
        assert!(rule["help"]["text"].as_str().unwrap().contains("\n1. "));
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let ids: Vec<Value> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].clone())
        .collect();
    log["runs"][0]["tool"]["driver"]["rules"] = ids.into();
    log["runs"][0]["properties"] = Value::Null;
    golden("sarif", &format!("{log:#}"));
}

#[test]
fn ocsf() {
    let disk = Disk::new();
    let ran = disk.scan(&["--format", "ocsf"]).expect(0);
    let mut events = Ocsf::new().events(&ran.stdout);
    let findings = disk.scan(&["--format", "jsonl"]).expect(0).findings();
    assert_eq!(events.len(), findings.len() + 1);
    for event in &mut events {
        let (class, activity) = (event["class_uid"].as_u64(), event["activity_id"].as_u64());
        assert_eq!(
            event["type_uid"].as_u64(),
            Some(class.unwrap() * 100 + activity.unwrap())
        );
        assert_eq!(event["category_uid"].as_u64(), Some(class.unwrap() / 1000));
        assert!(
            event["time"].as_i64().unwrap() > 1_700_000_000_000,
            "milliseconds"
        );
        event["time"] = 0.into();
        if class == Some(2006) {
            event["finding_info"]["created_time"] = 0.into();
        }
    }
    let uids: std::collections::BTreeSet<&str> = events[..findings.len()]
        .iter()
        .map(|event| event["finding_info"]["uid"].as_str().unwrap())
        .collect();
    assert_eq!(uids.len(), findings.len(), "each has its own uid");
    let last = events.last_mut().unwrap();
    assert_eq!(last["class_uid"], 6007);
    assert_eq!(last["num_detections"], findings.len());
    last["unmapped"] = json!({});
    golden("ocsf", &pretty(&events));
}

#[test]
fn dfxml() {
    let disk = Disk::new();
    let ran = disk.scan(&["--format", "dfxml"]).expect(0);
    let objects = file_objects(&disk.desk, &ran.stdout);
    let findings = disk.scan(&["--format", "jsonl"]).expect(0).findings();
    let mut found = 0;
    for object in &objects {
        let runs = children(object, "byte_runs")[0][3].as_array().unwrap();
        let own = children(object, "kd:finding");
        assert_eq!(runs.len(), own.len(), "one run per finding");
        for run in runs {
            let finding = &findings[found];
            found += 1;
            assert_eq!(run[1]["img_offset"], finding.occurrence.offset.to_string());
            assert_eq!(run[1]["len"], finding.occurrence.length.to_string());
            assert_eq!(
                run[1]["file_offset"],
                finding.occurrence.file_offset.unwrap().to_string()
            );
            let name = &children(object, "filename")[0][2];
            assert_eq!(*name, *finding.occurrence.path.as_ref().unwrap());
            let alloc = finding.occurrence.state.as_deref() == Some("allocated");
            assert_eq!(
                children(object, "alloc")[0][2],
                if alloc { "1" } else { "0" }
            );
        }
    }
    assert_eq!(found, findings.len());
    let text: Vec<&str> = ran
        .stdout
        .lines()
        .filter(|line| !line.contains("kd:bytes_read"))
        .collect();
    golden("dfxml", &text.join("\n"));
}

#[test]
fn what_was_not_read_is_told_in_every_format() {
    let disk = Disk::new();
    // The partition goes on behind the end of the file.
    disk.desk
        .file("disk.img", &disk.image[..disk.image.len() / 2]);
    let jsonl = disk.scan(&["--format", "jsonl"]).expect(3);
    let warning = jsonl.summary().warnings[0].clone();
    let log = parsed(&disk.scan(&["--format", "sarif"]).expect(3).stdout);
    Schema::of("sarif-2.1.0.json").check(&log);
    let invocation = &log["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notes = invocation["toolExecutionNotifications"].as_array().unwrap();
    let noted = |note: &Value| {
        note["message"]["text"]
            .as_str()
            .unwrap()
            .contains(&warning[..20])
    };
    assert!(notes.iter().any(noted), "{notes:?}");
    let ocsf = disk.scan(&["--format", "ocsf"]).expect(3);
    let events = Ocsf::new().events(&ocsf.stdout);
    assert_eq!(events.last().unwrap()["status"], "Failure");
    let dfxml = disk.scan(&["--format", "dfxml"]).expect(3);
    file_objects(&disk.desk, &dfxml.stdout);
    assert!(dfxml.stdout.contains("complete=\"0\"") && dfxml.stdout.contains("<kd:warning>"));
    let table = disk.scan(&["--format", "table"]).expect(3);
    assert!(
        table.stdout.contains("The scan is INCOMPLETE"),
        "{}",
        table.stdout
    );
}

#[test]
fn a_secret_is_in_no_format_unless_it_is_asked_for() {
    let disk = Disk::new();
    let revealed = disk
        .scan(&["--format", "jsonl", "--reveal"])
        .expect(0)
        .findings();
    let token = revealed
        .iter()
        .filter(|finding| finding.secret_type == "github-personal-access-token")
        .find_map(|finding| finding.secret.value.clone())
        .unwrap();
    for format in ["table", "jsonl", "csv", "sarif", "ocsf", "dfxml"] {
        let ran = disk.scan(&["--format", format]).expect(0);
        assert!(!ran.stdout.contains(&token[4..]), "{format}");
        let shown = disk.scan(&["--format", format, "--reveal"]).expect(0);
        assert_eq!(shown.stdout.contains(&token), format != "table", "{format}");
    }
}

#[test]
fn an_empty_scan_is_a_valid_document() {
    let desk = crate::fixture::Desk::new();
    desk.file("nothing.txt", "nothing");
    let written = |format: &str| {
        desk.run(&["scan", "nothing.txt", "--format", format])
            .expect(0)
            .stdout
    };
    Schema::of("sarif-2.1.0.json").check(&parsed(&written("sarif")));
    assert_eq!(Ocsf::new().events(&written("ocsf")).len(), 1);
    assert!(file_objects(&desk, &written("dfxml")).is_empty());
    assert!(csv_rows(&desk, &written("csv")).is_empty());
    assert_eq!(lines(&written("jsonl")).len(), 1);
}
