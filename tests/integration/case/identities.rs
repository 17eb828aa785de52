//! What identities may do, and where a private key was used.

use serde_json::{Value, json};

use super::column;
use crate::fixture::Desk;

fn ask(desk: &Desk, args: &[&str]) -> Vec<Value> {
    let all = [&["case"], args, &["--case", "c.db", "--format", "json"]].concat();
    serde_json::from_str(&desk.run(&all).expect(0).stdout).unwrap()
}

fn import(desk: &Desk, name: &str, text: &str) {
    desk.file(name, text);
    desk.run(&["case", "import", "--case", "c.db", name])
        .expect(0);
}

/// The stores that an exposed machine's role reaches, by these policies.
fn reached(details: &Value) -> Vec<String> {
    let desk = Desk::new();
    let profile = "arn:aws:iam::1:instance-profile/web";
    let machine = json!({"Reservations": [{"OwnerId": "1", "Instances": [{"InstanceId": "i-1",
        "Placement": {"AvailabilityZone": "eu-west-1a"}, "IamInstanceProfile": {"Arn": profile}}]}]});
    import(&desk, "instances.json", &machine.to_string());
    import(
        &desk,
        "buckets.json",
        &json!({"Buckets": [{"Name": "acme-logs"}, {"Name": "acme-pay"},
        {"Name": "other"}]})
        .to_string(),
    );
    import(
        &desk,
        "list.csv",
        "uid,exposed,vuln_max\narn:aws:ec2:eu-west-1:1:instance/i-1,1,high\n",
    );
    import(&desk, "iam.json", &details.to_string());
    let rows = ask(&desk, &["paths", "--show", "extras"]);
    let own: Vec<Value> = rows
        .into_iter()
        .filter(|row| row["scenario"] == "X7")
        .collect();
    let name = |uid: String| uid.rsplit(':').next().unwrap().to_owned();
    column(&own, "target").into_iter().map(name).collect()
}

fn role(policies: Value, attached: Value) -> Value {
    json!({"RoleName": "web", "Arn": "arn:aws:iam::1:role/web", "RolePolicyList": policies,
        "AttachedManagedPolicies": attached,
        "InstanceProfileList": [{"Arn": "arn:aws:iam::1:instance-profile/web"}]})
}

fn inline(statements: Value) -> Value {
    json!([{"PolicyDocument": {"Statement": statements}}])
}

#[test]
fn a_machine_may_use_what_its_role_allows_and_nothing_denies() {
    let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-*"});
    let of = |statements: Value| {
        reached(&json!({"RoleDetailList": [role(inline(statements), json!([]))]}))
    };
    assert_eq!(of(json!([allow])), ["acme-logs", "acme-pay"]);
    let deny = json!({"Effect": "Deny", "Action": "s3:*",
        "Resource": ["arn:aws:s3:::acme-pay", "arn:aws:s3:::acme-pay/*"]});
    assert_eq!(of(json!([allow, deny])), ["acme-logs"]);
    let but = json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"});
    assert_eq!(of(json!([but])), ["acme-logs", "acme-pay", "other"]);
    let but = json!({"Effect": "Allow", "NotAction": ["s3:*"], "Resource": "*"});
    assert_eq!(of(json!([but])), [""; 0]);
    // Attached: a policy of the customer's in its current version, and one of AWS's own.
    let arn = "arn:aws:iam::1:policy/own";
    let version = |current: bool, resource: &str| {
        json!({"IsDefaultVersion": current, "Document": {"Statement":
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}}})
    };
    let attached = json!([{"PolicyName": "own", "PolicyArn": arn}]);
    let details = json!({
        "RoleDetailList": [role(json!([]), attached)],
        "Policies": [{"PolicyName": "own", "Arn": arn, "PolicyVersionList":
            [version(false, "*"), version(true, "arn:aws:s3:::other/*")]}]});
    assert_eq!(reached(&details), ["other"]);
    let attached = json!([{"PolicyName": "AmazonS3ReadOnlyAccess",
        "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]);
    let details = json!({"RoleDetailList": [role(json!([]), attached)]});
    assert_eq!(reached(&details).len(), 3);
}

#[test]
fn a_managed_identity_may_use_what_its_role_assignment_covers() {
    let desk = Desk::new();
    let group = "/subscriptions/s/resourceGroups/data";
    let store = |name: &str, group: &str| {
        json!({"type": "microsoft.storage/storageaccounts", "name": name,
            "id": format!("{group}/providers/Microsoft.Storage/storageAccounts/{name}")})
    };
    let assignment = |role: &str| {
        json!({"type": "microsoft.authorization/roleassignments", "id": format!("{group}/ra/{role}"),
            "properties": {"principalId": "P-1", "scope": group,
                "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}")}})
    };
    let import_all = |role: &str| {
        let all = json!({"data": [
            {"type": "microsoft.compute/virtualmachines", "name": "web", "id": "/vm/web",
                "identity": {"type": "SystemAssigned", "principalId": "p-1"}},
            store("inside", group), store("outside", "/subscriptions/s/resourceGroups/database"),
            assignment(role)]});
        import(&desk, "azure.json", &all.to_string());
        import(
            &desk,
            "list.csv",
            "uid,exposed,vuln_max\n/vm/web,1,critical\n",
        );
        let rows = ask(&desk, &["paths", "--show", "extras"]);
        let own: Vec<Value> = rows
            .into_iter()
            .filter(|row| row["scenario"] == "X7")
            .collect();
        column(&own, "target")
    };
    let found = import_all("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1");
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("/inside"), "{found:?}");
    // Reader sees that there is an account, and nothing in it.
    assert_eq!(import_all("acdd72a7-3385-48ef-bd42-f606fba81ae7"), [""; 0]);
}

#[test]
fn known_hosts_beside_a_key_say_where_it_was_used() {
    let desk = Desk::new();
    let key = desk
        .file("vm1/home/ops/.ssh/placeholder", "")
        .with_file_name("id_ed25519");
    let keygen = |args: &[&str]| {
        let ran = std::process::Command::new("ssh-keygen").args(args).output();
        let ran = ran.expect("ssh-keygen: tests/run.sh installs it");
        assert!(ran.status.success(), "{ran:?}");
    };
    let path = key.to_str().unwrap();
    keygen(&["-q", "-t", "ed25519", "-N", "", "-f", path]);
    keygen(&[
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-f",
        desk.path("host").to_str().unwrap(),
    ]);
    let public = std::fs::read_to_string(desk.path("host.pub")).unwrap();
    let host = public.rsplit_once(' ').unwrap().0.to_owned();
    import(
        &desk,
        "list.csv",
        "uid,kind,cloud,exposed,vuln_max,host\nvm1,vm,azure,1,high,\nvm2,vm,azure,0,none,db01.example\n\
         vm3,vm,azure,0,none,db02.example\n",
    );
    let edges = |names: &str, hashed: bool| {
        let list = desk.file("vm1/home/ops/.ssh/known_hosts", format!("{names} {host}\n"));
        if hashed {
            keygen(&["-q", "-H", "-f", list.to_str().unwrap()]);
            assert!(std::fs::read_to_string(&list).unwrap().starts_with("|1|"));
            std::fs::remove_file(list.with_extension("old")).unwrap();
        }
        desk.run(&[
            "scan", "vm1", "--as", "tree", "--case", "c.db", "--asset", "vm1",
        ])
        .expect(0);
        let rows = ask(
            &desk,
            &["explore", "--query", "find vm -has-> secret -opens-> vm"],
        );
        let weak = ask(
            &desk,
            &[
                "explore",
                "--sql",
                "SELECT a.uid, e.how, e.confidence, e.evidence FROM auth e JOIN asset a ON a.id = e.asset_id",
            ],
        );
        (rows.len(), weak)
    };
    let (paths, weak) = edges("db01.example,10.0.0.9", false);
    assert_eq!(paths, 0, "a hint alone is no path");
    assert_eq!((weak.len(), &weak[0]["uid"]), (1, &"vm2".into()));
    assert_eq!(
        (&weak[0]["how"], &weak[0]["confidence"]),
        (&"known_hosts".into(), &40.into())
    );
    let (_, weak) = edges("db02.example", true);
    assert_eq!((weak.len(), &weak[0]["uid"]), (1, &"vm3".into()));
    let evidence = weak[0]["evidence"].as_str().unwrap();
    assert!(
        evidence.ends_with("known_hosts holds the hash of db02.example"),
        "{evidence}"
    );
    // A host that accepts the key is surer for it.
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let line = json!({"schema": "keydredge.authorized-key/1", "asset": "vm3",
        "path": "/root/.ssh/authorized_keys", "line": public.trim()});
    import(&desk, "keys.jsonl", &format!("{line}\n"));
    let rows = ask(&desk, &["paths"]);
    assert_eq!((rows.len(), &rows[0]["confidence"]), (1, &98.into()));
    let evidence = rows[0]["evidence"].as_str().unwrap();
    assert!(
        evidence.contains("authorized_keys; ") && evidence.contains("db02"),
        "{evidence}"
    );
}
