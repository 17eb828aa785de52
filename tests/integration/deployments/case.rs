//! Deployments in a case: each is an asset of its cloud, with or without findings.

use keydredge::specimen::{Stream, expand};
use serde_json::{Value, json};

use super::{Desk, token};

const ARM: &str =
    "/subscriptions/0b1c/resourceGroups/rg/providers/Microsoft.Resources/deployments/";

fn ask(desk: &Desk, args: &[&str]) -> Vec<Value> {
    let all = [
        &["case", args[0], "--case", "c.db", "--format", "json"],
        &args[1..],
    ]
    .concat();
    serde_json::from_str(&desk.run(&all).expect(0).stdout).unwrap()
}

fn scan(desk: &Desk, args: &[&str]) {
    let all = [&["scan", "--as", "deployment", "--case", "c.db"], args].concat();
    desk.run(&all).expect(0);
}

fn arm(name: &str, output: &str) -> String {
    let value = json!({"id": format!("{ARM}{name}"), "name": name, "type": "Microsoft.Resources/deployments",
        "properties": {"outputs": {"o": {"type": "String", "value": output}}}});
    format!("{value}\n")
}

/// Unhealthy, healthy, not assessed and findings of the two recommendations on deployments.
fn counts(desk: &Desk) -> [[i64; 4]; 2] {
    let rows = ask(desk, &["recommendations"]);
    [3, 4].map(|row| {
        ["unhealthy", "healthy", "not_assessed", "findings"]
            .map(|name| rows[row][name].as_i64().unwrap())
    })
}

#[test]
fn every_deployment_of_a_file_is_an_asset_and_is_counted() {
    let desk = Desk::new();
    let key = expand("{azure-storage-key}", &mut Stream::new("case"));
    let connection =
        format!("AccountName=acmelogs;AccountKey={key};EndpointSuffix=core.windows.net");
    let lines = |third: &str| {
        [
            arm("one", &connection),
            arm("two", "x"),
            arm("three", third),
        ]
        .concat()
    };
    desk.file("arm.jsonl", lines(&token("three")));
    let stack = |name: &str, value: &str| {
        json!({"StackId": format!("arn:aws:cloudformation:eu-west-1:210987654321:stack/{name}/1"),
            "StackName": name, "Parameters": [{"ParameterKey": "P", "ParameterValue": value}]})
    };
    let stacks = json!({"Stacks": [stack("shop", &token("stack")), stack("vpc", "****")]});
    desk.file("stacks.json", stacks.to_string());
    desk.file(
        "infra/template.yaml",
        format!(
            "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      DisplayName: {}\n",
            token("template")
        ),
    );
    scan(&desk, &["arm.jsonl", "stacks.json", "infra"]);
    assert_eq!(counts(&desk), [[2, 1, 0, 2], [2, 1, 0, 2]]);
    let assets = ask(&desk, &["inventory"]);
    let mut said: Vec<(&str, &str, &str, i64)> = assets
        .iter()
        .filter(|row| row["kind"] == "deployment")
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (
                text("name"),
                text("service"),
                text("cloud"),
                row["secrets"].as_i64().unwrap(),
            )
        })
        .collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            ("one", "arm.deployment", "azure", 1),
            ("shop", "cfn.stack", "aws", 1),
            ("template.yaml", "cfn.template", "aws", 1),
            ("three", "arm.deployment", "azure", 1),
            ("two", "arm.deployment", "azure", 0),
            ("vpc", "cfn.stack", "aws", 0),
        ]
    );
    let others = assets.iter().filter(|row| row["kind"] == "other");
    assert_eq!(others.count(), 0, "a file around deployments is no asset");
    let secrets = ask(&desk, &["inventory", "--asset", &format!("{ARM}one")]);
    let place = secrets[0]["locations"].as_str().unwrap();
    assert!(
        place.contains("arm.jsonl#/properties/outputs/o/value"),
        "{place}"
    );
    // What a later scan no longer finds is fixed, in the deployments that it saw.
    desk.file("arm.jsonl", lines("nothing any more"));
    scan(&desk, &["arm.jsonl"]);
    assert_eq!(counts(&desk), [[1, 2, 0, 1], [2, 1, 0, 2]]);
}

#[test]
fn a_template_without_an_id_is_of_the_asset_that_the_user_names() {
    let desk = Desk::new();
    desk.file(
        "main.tf",
        format!("locals {{\n  x = \"{}\"\n}}\n", token("asset")),
    );
    desk.file("show.json", arm("own", &token("own")));
    scan(&desk, &["main.tf", "show.json", "--asset", "project-x"]);
    let assets = ask(&desk, &["inventory"]);
    let names: Vec<(&Value, &Value)> = assets
        .iter()
        .map(|row| (&row["name"], &row["secrets"]))
        .collect();
    assert_eq!(
        names,
        [(&json!("own"), &json!(1)), (&json!("project-x"), &json!(1))]
    );
}

#[test]
fn deployments_of_an_inventory_are_not_assessed_until_they_are_scanned() {
    let desk = Desk::new();
    let row = json!({"id": format!("{ARM}listed"), "name": "listed", "type": "microsoft.resources/deployments",
        "subscriptionId": "0b1c", "properties": {}});
    desk.file("az.json", json!({"count": 1, "data": [row]}).to_string());
    desk.run(&["case", "import", "--case", "c.db", "az.json"])
        .expect(0);
    assert_eq!(counts(&desk)[0], [0, 0, 1, 0]);
    desk.file("show.json", arm("listed", "x"));
    scan(&desk, &["show.json"]);
    assert_eq!(counts(&desk)[0], [0, 1, 0, 0]);
}
