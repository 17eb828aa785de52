//! Files are imported in the order in which they come, and that must not matter.

use serde_json::{Value, json};

use super::{Fleet, column};
use crate::fixture::Desk;

/// What a case answers, without the numbers and times that tell which import came first.
fn answers(desk: &Desk, case: &str) -> Vec<Value> {
    let questions: [&[&str]; 5] = [
        &["inventory"],
        &["recommendations"],
        &["recommendations", "--findings"],
        &["paths", "--confidence", "0"],
        &["paths", "--show", "extras"],
    ];
    let ask = |question: &&[&str]| {
        let all = [&["case"], *question, &["--case", case, "--format", "json"]].concat();
        let ran = desk.run(&all).expect(0);
        let mut rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        for row in &mut rows {
            for name in ["finding", "first_seen", "last_seen"] {
                row.as_object_mut().unwrap().remove(name);
            }
        }
        rows.sort_by_key(Value::to_string);
        assert!(!rows.is_empty(), "{question:?}");
        Value::from(rows)
    };
    questions.iter().map(ask).collect()
}

fn scan(desk: &Desk, case: &str, folder: &str, more: &[&str]) {
    let mut inputs: Vec<String> = std::fs::read_dir(desk.path(folder))
        .unwrap()
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    inputs.sort();
    let ran = desk
        .keydredge_with_key(&[0; 32])
        .args(["scan", "--case", case, "--engine", "cpu"])
        .args(more)
        .args(inputs)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn inventories_and_scans_in_any_order_are_the_same_case() {
    let fleet = Fleet::new();
    let desk = &fleet.desk;
    let expected = answers(desk, "fleet/fleet.db");
    let mut inventories: Vec<String> = std::fs::read_dir(desk.path("fleet/inventory"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    inventories.sort();
    let import = |case: &str, file: &str| {
        desk.run(&["case", "import", "--case", case, file])
            .expect(0);
    };
    let disks = |case: &str| scan(desk, case, "fleet/images", &["--as", "image"]);
    let deployments = |case: &str| scan(desk, case, "fleet/deployments", &["--as", "deployment"]);
    // Scans first, and the list that says whose disks they are before or after all others.
    for (case, backwards) in [("a.db", false), ("b.db", true)] {
        disks(case);
        deployments(case);
        if backwards {
            inventories.reverse();
        }
        for file in &inventories {
            import(case, file);
        }
        assert!(answers(desk, case) == expected, "{case}");
    }
    // Scans in the middle.
    let (before, after) = inventories.split_at(inventories.len() / 2);
    deployments("c.db");
    for file in before {
        import("c.db", file);
    }
    disks("c.db");
    for file in after {
        import("c.db", file);
    }
    assert!(answers(desk, "c.db") == expected, "c.db");
}

#[test]
fn a_scan_may_name_a_machine_by_a_name_that_is_known_later() {
    let fleet = Fleet::new();
    let desk = &fleet.desk;
    let image = "fleet/images/i-0a1.img";
    let image = if desk.path(image).exists() {
        image.to_owned()
    } else {
        let rows = fleet.ask(&[
            "explore",
            "--sql",
            "SELECT i.input FROM image i JOIN asset a \
             ON a.id = i.asset_id WHERE a.uid GLOB '*/i-0a1' AND i.input GLOB 'fleet/*'",
        ]);
        rows[0]["input"].as_str().unwrap().to_owned()
    };
    let take = |case: &str, first: bool| {
        let inventory = desk.path("fleet/inventory/aws-instances.json");
        let import = || {
            desk.run(&[
                "case",
                "import",
                "--case",
                case,
                inventory.to_str().unwrap(),
            ])
            .expect(0);
        };
        if first {
            import();
        }
        desk.keydredge_with_key(&[0; 32])
            .args([
                "scan", &image, "--case", case, "--asset", "i-0a1", "--engine", "cpu",
            ])
            .output()
            .map(|ran| assert!(ran.status.success()))
            .unwrap();
        if !first {
            import();
        }
        let all = ["case", "inventory", "--case", case, "--format", "json"];
        let ran = desk.run(&all).expect(0);
        serde_json::from_str::<Vec<Value>>(&ran.stdout).unwrap()
    };
    let rows = take("first.db", true);
    assert_eq!(rows, take("last.db", false));
    let holder = &rows[0];
    assert!(holder["uid"].as_str().unwrap().ends_with("instance/i-0a1"));
    assert!(holder["secrets"].as_i64().unwrap() > 0);
    assert!(!rows.iter().any(|row| row["uid"] == "i-0a1"));
}

#[test]
fn lists_that_say_less_take_nothing_back() {
    let desk = Desk::new();
    let machine = |state: &str| {
        json!({"Reservations": [{"OwnerId": "1", "Instances": [{"InstanceId": "i-1",
            "Placement": {"AvailabilityZone": "eu-west-1a"}, "State": {"Name": state}}]}]})
    };
    let uid = "arn:aws:ec2:eu-west-1:1:instance/i-1";
    desk.file("cloud.json", machine("stopped").to_string());
    desk.file("list.csv", format!("uid,exposed,vuln_max\n{uid},1,high\n"));
    let shown = |files: [&str; 2]| {
        let case = format!("{}.db", files[0]);
        for file in files {
            desk.run(&["case", "import", "--case", &case, file])
                .expect(0);
        }
        let ran = desk
            .run(&["case", "inventory", "--case", &case, "--format", "json"])
            .expect(0);
        serde_json::from_str::<Vec<Value>>(&ran.stdout).unwrap()
    };
    let rows = shown(["cloud.json", "list.csv"]);
    assert_eq!(rows, shown(["list.csv", "cloud.json"]));
    assert_eq!(
        (&rows[0]["kind"], &rows[0]["state"], &rows[0]["vulnerable"]),
        (&"vm".into(), &"stopped".into(), &"high".into())
    );
    // What one of them says is replaced when it is imported again, and the other still counts.
    desk.file("cloud.json", machine("running").to_string());
    let ran = desk.run(&["case", "import", "--case", "list.csv.db", "cloud.json"]);
    ran.expect(0);
    let all = [
        "case",
        "inventory",
        "--case",
        "list.csv.db",
        "--format",
        "json",
    ];
    let rows: Vec<Value> = serde_json::from_str(&desk.run(&all).expect(0).stdout).unwrap();
    assert_eq!(
        (
            &rows[0]["state"],
            &rows[0]["exposed"],
            &rows[0]["vulnerable"]
        ),
        (&"".into(), &"yes".into(), &"high".into())
    );
}

#[test]
fn a_scan_of_a_range_that_was_written_to_a_file_fixes_nothing() {
    let desk = Desk::new();
    let line = |key: &str| {
        format!(
            "DefaultEndpointsProtocol=https;AccountName=acmex;AccountKey={key};EndpointSuffix=core.windows.net\n"
        )
    };
    let key = keydredge::specimen::maker("azure-storage-key").unwrap();
    let key = key(&mut keydredge::specimen::Stream::new("range"));
    let statuses = |name: &str, range: &[&str]| {
        let all = [
            &["scan", "disk.img", "--as", "image", "--output", name],
            range,
        ]
        .concat();
        desk.run(&all).expect(0);
        desk.run(&["case", "import", "--case", "c.db", name])
            .expect(0);
        let sql = "SELECT status FROM finding";
        let ran = desk
            .run(&[
                "case", "explore", "--case", "c.db", "--sql", sql, "--format", "json",
            ])
            .expect(0);
        let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        column(&rows, "status")
    };
    desk.file("disk.img", line(&key));
    assert_eq!(statuses("first.jsonl", &["--format", "jsonl"]), ["open"]);
    desk.file("disk.img", "nothing is left of it\n".repeat(9));
    let range = ["--format", "jsonl", "--range", "0..64"];
    assert_eq!(statuses("part.jsonl", &range), ["open"]);
    let text = std::fs::read_to_string(desk.path("part.jsonl")).unwrap();
    assert!(
        text.contains("\"range\":{\"start\":0,\"end\":64}"),
        "{text}"
    );
    assert_eq!(statuses("whole.jsonl", &["--format", "jsonl"]), ["fixed"]);
    let text = std::fs::read_to_string(desk.path("whole.jsonl")).unwrap();
    assert!(!text.contains("\"range\""), "{text}");
}

#[test]
fn a_stack_that_is_scanned_by_its_name_is_the_one_of_the_inventory() {
    let desk = Desk::new();
    let key = keydredge::specimen::maker("azure-storage-key").unwrap();
    let key = key(&mut keydredge::specimen::Stream::new("stack"));
    let value = format!(
        "DefaultEndpointsProtocol=https;AccountName=acmex;AccountKey={key};EndpointSuffix=core.windows.net"
    );
    let stack = json!({"StackName": "Shop", "Outputs":
        [{"OutputKey": "Connection", "OutputValue": value}]});
    desk.file("named.json", json!({ "Stacks": [stack] }).to_string());
    let arn = "arn:aws:cloudformation:eu-west-1:1:stack/Shop/9";
    let listed = json!({"Stacks": [{"StackName": "Shop", "StackId": arn}]});
    desk.file("inventory.json", listed.to_string());
    let shown = |case: &str, first: bool| {
        let import = || {
            desk.run(&["case", "import", "--case", case, "inventory.json"])
                .expect(0);
        };
        if first {
            import();
        }
        desk.run(&["scan", "named.json", "--as", "deployment", "--case", case])
            .expect(0);
        if !first {
            import();
        }
        let ran = desk
            .run(&["case", "inventory", "--case", case, "--format", "json"])
            .expect(0);
        let rows: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
        let stacks = rows.into_iter().filter(|row| row["kind"] == "deployment");
        stacks.collect::<Vec<_>>()
    };
    let rows = shown("first.db", true);
    assert_eq!(rows, shown("last.db", false));
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["uid"], &rows[0]["secrets"]),
        (&arn.to_lowercase().into(), &1.into())
    );
}
