//! Files and questions from people who mean harm.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Imports a file with so little memory: how that ended, and what it said.
fn bounded(fleet: &Fleet, bytes: u64, file: &Path) -> (i32, String) {
    let ran = Command::new("prlimit")
        .arg(format!("--data={bytes}"))
        .arg(fleet.desk.keydredge().get_program())
        .args(["case", "import", "--case", "fleet/fleet.db"])
        .arg(file)
        .current_dir(fleet.desk.path("."))
        .output()
        .unwrap_or_else(|error| panic!("prlimit: {error}; install util-linux"));
    let text = String::from_utf8(ran.stderr).unwrap();
    (ran.status.code().unwrap_or(-1), text)
}

#[test]
fn what_is_larger_than_any_row_costs_one_row_of_memory() {
    const LARGE: u64 = 200 << 20;
    let fleet = Fleet::new();
    let make = |name: &str, begin: &str, filler: &str, end: &str| -> PathBuf {
        let path = fleet.desk.path(name);
        let mut file = BufWriter::new(File::create(&path).unwrap());
        file.write_all(begin.as_bytes()).unwrap();
        let one_mebibyte = filler.repeat((1 << 20) / filler.len());
        for _ in 0..LARGE >> 20 {
            file.write_all(one_mebibyte.as_bytes()).unwrap();
        }
        file.write_all(end.as_bytes()).unwrap();
        file.into_inner().unwrap();
        path
    };
    let longer = "longer than 64 MiB";
    let line = format!("{}\n", "a".repeat(1023));
    let good = "{\"DBInstanceArn\": \"arn:aws:rds:a:1:db:kept\"}]}";
    for (name, begin, filler, end, code, sentence) in [
        (
            "garbage",
            "",
            "\u{1}\u{fffd}zq;",
            "",
            2,
            "not an inventory this program knows",
        ),
        (
            "no-lines.csv",
            "uid,kind\n",
            "a",
            "",
            2,
            "longer than 1 MiB",
        ),
        (
            "open-quote.csv",
            "uid,kind\n\"",
            &line,
            "",
            2,
            "longer than 1 MiB",
        ),
        (
            "one-line.json",
            "{\"DBInstances\": [{\"a\": \"",
            "x",
            "",
            2,
            longer,
        ),
        (
            "records.jsonl",
            "{\"assetType\": 1, \"name\": \"n\"}\n{\"assetType\": \"",
            "x",
            "\"}\n",
            0,
            longer,
        ),
        ("nested.json", "{\"DBInstances\": ", "[", "", 2, longer),
        (
            "objects.json",
            "{\"DBInstances\": [{\"a\":",
            "{\"a\":",
            "",
            2,
            longer,
        ),
        (
            "values.json",
            "{\"DBInstances\": [[0",
            ",[]",
            "]]}",
            2,
            longer,
        ),
        (
            "kept.json",
            "{\"DBInstances\": [{\"a\": \"",
            "x",
            &format!("\"}}, {good}"),
            0,
            longer,
        ),
    ] {
        let file = make(name, begin, filler, end);
        let (ended, said) = bounded(&fleet, LARGE, &file);
        assert_eq!(ended, code, "{name}: {said}");
        assert!(
            said.contains(name) && said.contains(sentence),
            "{name}: {said}"
        );
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!(
        fleet.scenarios(),
        all_but(&[]),
        "nothing that was there is lost"
    );
    let kept = fleet.ask(&["explore", "--query", "find database[uid~*:kept]"]);
    assert_eq!(kept.len(), 1, "the row after the one that is too long");
    // Never read to its end: it has none.
    let endless = Path::new("/dev/zero");
    let (ended, said) = bounded(&fleet, LARGE, endless);
    assert!(
        ended == 2 && said.contains("/dev/zero: not a file"),
        "{said}"
    );
}

#[test]
fn a_policy_of_many_actions_on_many_resources_is_one_statement() {
    let desk = Desk::new();
    let many =
        |prefix: &str| -> Vec<String> { (0..2000).map(|n| format!("{prefix}{n}")).collect() };
    let user = |actions: Vec<String>| {
        json!({"UserName": "u", "UserPolicyList": [{"PolicyDocument": {"Statement": [
            {"Effect": "Allow", "Action": actions, "Resource": many("arn:")}]}}]})
    };
    let details = json!({"UserDetailList": [user(many("s3:")), user(vec!["*".repeat(5000)])]});
    desk.file("iam.json", details.to_string());
    let ran = desk
        .run(&["case", "import", "--case", "c.db", "iam.json"])
        .expect(0);
    assert!(
        ran.stderr.contains("iam.json:1: a policy with a pattern"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("2 rows, 1 skipped"), "{}", ran.stdout);
    let sql = "SELECT count(*) AS n FROM statement";
    let ran = desk
        .run(&[
            "case", "explore", "--case", "c.db", "--sql", sql, "--format", "json",
        ])
        .expect(0);
    assert!(ran.stdout.contains("\"n\":1"), "{}", ran.stdout);
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
        let ran = Command::new("ssh-keygen")
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
    // As a link it is the same question.
    let saved = ["explore", "--saved", file.to_str().unwrap()];
    let link = fleet.ask(&[&saved[..], &["--share"]].concat());
    let link = link[0]["link"].as_str().unwrap();
    assert!(link.starts_with("kdq1:"), "{link}");
    assert_eq!(fleet.ask(&["explore", "--query", link]), fleet.ask(&saved));
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
