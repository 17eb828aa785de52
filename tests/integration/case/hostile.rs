//! Files and questions from people who mean harm.

use serde_json::json;

use super::{Fleet, all_but};
use crate::fixture::Desk;

#[test]
fn garbage_is_refused_by_name_and_leaves_the_case_as_it_was() {
    let fleet = Fleet::new();
    let noise: Vec<u8> = (0..4096_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let deep = "[".repeat(200_000);
    let nested = format!("{{\"data\":[{}", "{\"a\":".repeat(100_000));
    for (name, bytes) in [
        ("noise", &noise[..]),
        ("deep.json", deep.as_bytes()),
        ("nested.json", nested.as_bytes()),
        ("other.json", b"{\"hello\": [{\"type\": 1}]}"),
        ("empty.csv", b""),
        (
            "cut.json",
            b"{\"Reservations\": [{\"Instances\": [{\"InstanceId\": \"i-1\"",
        ),
    ] {
        let file = fleet.desk.file(name, bytes);
        let ran = fleet.case(&["import", file.to_str().unwrap()]).expect(2);
        assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
    }
    assert_eq!(fleet.scenarios(), all_but(&[]));
}

#[test]
fn a_broken_row_is_named_by_file_and_line_and_the_others_count() {
    let desk = Desk::new();
    desk.file(
        "assets.json",
        "{\"DBInstances\": [\n {\"DBInstanceArn\": \"arn:aws:rds:a:1:db:x\"},\n {\"Engine\": \"y\"},\n \
         {\"DBInstanceArn\": nonsense},\n {\"DBInstanceArn\": \"arn:aws:rds:a:1:db:z\"}]}",
    );
    let ran = desk
        .run(&["case", "import", "--case", "c.db", "assets.json"])
        .expect(0);
    for part in [
        "assets.json:3: `DBInstanceArn` is missing",
        "assets.json:4: not JSON",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(ran.stdout.contains("4 rows, 2 skipped"), "{}", ran.stdout);
    let ran = desk.run(&["case", "inventory", "--case", "c.db"]).expect(0);
    assert!(
        ran.stdout.contains("db:x") && ran.stdout.contains("db:z"),
        "{}",
        ran.stdout
    );
}

#[test]
fn names_with_control_characters_and_sql_stay_names() {
    let desk = Desk::new();
    let name = "x'); DROP TABLE asset; --\u{1b}[2J\u{202e}=HYPERLINK(\"http://x\")";
    let assets = json!({"DBInstances": [{"DBInstanceArn": name, "DBInstanceIdentifier": "=1+1"}]});
    desk.file("a.json", assets.to_string());
    desk.run(&["case", "import", "--case", "c.db", "a.json"])
        .expect(0);
    let table = desk
        .run(&["case", "inventory", "--case", "c.db"])
        .expect(0)
        .stdout;
    assert!(
        table.contains("drop table asset") && !table.contains('\u{1b}'),
        "{table}"
    );
    assert!(!table.contains('\u{202e}'), "{table}");
    let csv = desk
        .run(&["case", "inventory", "--case", "c.db", "--format", "csv"])
        .expect(0)
        .stdout;
    assert!(csv.contains("\"'=1+1\""), "{csv}");
    desk.run(&["case", "inventory", "--case", "c.db", "--asset", name])
        .expect(0);
    let query = format!("find database[uid=\"{}\"]", name.replace('"', ""));
    desk.run(&["case", "explore", "--case", "c.db", "--query", &query])
        .expect(0);
}

#[test]
fn duplicates_and_circles_end() {
    let desk = Desk::new();
    let key = |n: u8| {
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend([n; 32]);
        let engine = &base64::engine::general_purpose::STANDARD;
        format!("ssh-ed25519 {}", base64::Engine::encode(engine, blob))
    };
    let fingerprint = |n: u8| {
        let line = key(n);
        let blob = line.split(' ').nth(1).unwrap();
        let file = desk.file("one.pub", format!("ssh-ed25519 {blob}\n"));
        let ran = std::process::Command::new("ssh-keygen")
            .arg("-lf")
            .arg(file)
            .output()
            .unwrap();
        let text = String::from_utf8(ran.stdout).unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    // Three machines, each with the key of the next, and all of them listed twice.
    let mut assets = "uid,kind,cloud,exposed,vuln_max\n".to_owned();
    let (mut keys, mut findings) = (String::new(), String::new());
    for n in 0..3_u8 {
        assets.push_str(&format!("vm{n},vm,azure,1,4\n").repeat(2));
        let next = (n + 1) % 3;
        keys.push_str(&format!(
            "{}\n",
            json!({"schema": "keydredge.authorized-key/1", "asset": format!("vm{n}"),
                   "path": "/root/.ssh/authorized_keys", "line": key(n)})
        ));
        let input = format!("vm{n}.img");
        findings.push_str(
            &format!(
                "{}\n",
                json!({
            "schema": "keydredge.finding/1", "type": "ssh-private-key", "variant": "openssh",
            "severity": "high", "verdict": "structure", "fingerprint": format!("k1:{next}"),
            "secret": {"preview": "SHA256:x", "length": 400, "value": null},
            "occurrence": {"input": input, "offset": 1, "length": 400, "forensic_path": "1",
                "encoding": [], "partition": null, "filesystem": null, "path": "/key",
                "file_offset": 1, "inode": null, "state": "allocated", "modified": null,
                "line": null, "column": null, "pointer": null, "labels": []},
            "target": null, "identity": {}, "expires": null, "expired": null,
            "details": {"public_key": fingerprint(next)}})
            )
            .repeat(2),
        );
    }
    desk.file("assets.csv", assets);
    desk.file(
        "images.csv",
        "image,asset_uid\nvm0.img,vm0\nvm1.img,vm1\nvm2.img,vm2\n",
    );
    desk.file("keys.jsonl", keys);
    desk.file("findings.jsonl", findings);
    let files = ["assets.csv", "images.csv", "keys.jsonl", "findings.jsonl"];
    desk.run(&[&["case", "import", "--case", "c.db"][..], &files].concat())
        .expect(0);
    let ask = |args: &[&str]| {
        let ran = desk
            .run(&[args, &["--case", "c.db", "--format", "json"]].concat())
            .expect(0);
        serde_json::from_str::<Vec<serde_json::Value>>(&ran.stdout).unwrap()
    };
    assert_eq!(ask(&["case", "paths"]).len(), 3, "a circle of three");
    let far = "find vm[uid=vm0] -has-> secret -opens{1..6}-> vm";
    assert_eq!(
        ask(&["case", "explore", "--query", far]).len(),
        2,
        "both others, and an end"
    );
    ask(&["case", "paths", "--show", "extras"]);
}

#[test]
fn free_sql_can_neither_write_nor_attach_nor_run_for_ever() {
    let fleet = Fleet::new();
    let before = std::fs::read(fleet.desk.path("fleet/fleet.db")).unwrap();
    let endless =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    for sql in [
        "DELETE FROM asset",
        "INSERT INTO meta VALUES ('a', 'b')",
        "DROP TABLE asset",
        "CREATE TEMP TABLE t (x)",
        "ATTACH 'x.db' AS x",
        "VACUUM INTO 'y.db'",
        "PRAGMA journal_mode = wal",
        "PRAGMA query_only = 0",
        "SELECT load_extension('x')",
        "SELECT 1; DELETE FROM asset",
        "SELECT length(randomblob(2000000000))",
        endless,
    ] {
        let begun = std::time::Instant::now();
        let ran = fleet
            .case(&["explore", "--deadline", "1", "--sql", sql])
            .expect(2);
        assert!(!ran.stderr.is_empty(), "{sql}");
        assert!(begun.elapsed().as_secs() < 20, "{sql}");
    }
    let after = std::fs::read(fleet.desk.path("fleet/fleet.db")).unwrap();
    assert!(before == after, "the case changed");
    assert!(!fleet.desk.path("x.db").exists() && !fleet.desk.path("y.db").exists());
    let rows = fleet.ask(&["explore", "--sql", "SELECT uid FROM asset", "--limit", "2"]);
    assert_eq!(rows.len(), 2, "the row cap");
}

#[test]
fn a_saved_query_is_a_file_and_nonsense_says_where_it_is_wrong() {
    let fleet = Fleet::new();
    let file = fleet.desk.file(
        "q.kdq",
        "# exposed machines\nfind vm[exposed]\n-has-> secret[severity>=high]\n",
    );
    assert!(
        !fleet
            .ask(&["explore", "--saved", file.to_str().unwrap()])
            .is_empty()
    );
    let ran = fleet
        .case(&["explore", "--query", "find vm -has-> cat"])
        .expect(2);
    assert!(
        ran.stderr.contains("character 16: expected a kind"),
        "{}",
        ran.stderr
    );
    fleet
        .case(&["explore", "--template", "none such"])
        .expect(2);
    assert!(
        fleet.ask(&["explore"]).len() >= 3,
        "the templates are listed"
    );
}
