//! Cases that an older program wrote.

use rusqlite::Connection;
use serde_json::Value;

use crate::fixture::Desk;

/// The tables of a case with what SQLite knows of their columns.
fn tables(path: &std::path::Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT format('%s %s %s %d %d', m.name, c.name, c.type, c.\"notnull\", c.pk)
             FROM sqlite_schema m JOIN pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT GLOB 'sqlite_*' ORDER BY m.name, c.name",
        )
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_case_of_the_first_version_is_brought_up_to_date_and_answers() {
    let desk = Desk::new();
    let old = Connection::open(desk.path("old.db")).unwrap();
    old.execute_batch(include_str!("version1.sql")).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 1801744999;
         INSERT INTO meta VALUES ('version', '1');
         INSERT INTO source VALUES (1, '/list.csv', 'x', 'file', '2026-01-01T00:00:00Z', 2, 0);
         INSERT INTO asset (id, uid, kind, cloud, given_exposed, given_vuln, exposed, vuln, source_id)
             VALUES (1, 'vm1', 'vm', 'azure', 1, 3, 1, 3, 1), (2, 'store1', 'storage', 'azure', 0, 0, 0, 0, 1);
         INSERT INTO fact VALUES ('store1', 'name', 'azure-storage:acme', 1);
         INSERT INTO image VALUES (1, 'disk.img', 'disk.img', 1);
         INSERT INTO secret (id, fingerprint, type, variant, family, severity, verdict, preview)
             VALUES (1, 'k1:1', 'azure-storage-connection-string', 'v', 'storage', 3, 'checksum', 'a…z');
         INSERT INTO claim VALUES (1, 'azure-storage:acme', 'storage-account');
         INSERT INTO finding (id, asset_id, secret_id, first_seen, last_seen) VALUES (1, 1, 1, 'a', 'b');
         INSERT INTO location (finding_id, image_id, place, path, offset, length, scan_id)
             VALUES (1, 1, '16', '/srv/app.conf', 16, 88, 1);
         INSERT INTO permission VALUES ('aws-iam-user:u', 's3:*', 'arn:aws:s3:::acme', 1);",
    )
    .unwrap();
    drop(old);
    let ask = |args: &[&str]| {
        let all = [&["case"], args, &["--case", "old.db", "--format", "json"]].concat();
        serde_json::from_str::<Vec<Value>>(&desk.run(&all).expect(0).stdout).unwrap()
    };
    // What only reads says what to do; what may write does it.
    let ran = desk.run(&["case", "report", "--case", "old.db", "--html", "r.html"]);
    assert!(ran.expect(2).stderr.contains("keydredge case inventory"));
    assert_eq!(ask(&["inventory"]).len(), 2);
    let rows = ask(&["paths"]);
    assert_eq!((rows.len(), &rows[0]["scenario"]), (1, &"A2".into()));
    assert_eq!(rows[0]["location"], "/srv/app.conf at 0x10");
    let statements = ask(&["explore", "--sql", "SELECT actions FROM statement"]);
    assert_eq!(statements[0]["actions"], "s3:*");
    desk.file("list.csv", "uid,kind\nvm2,vm\n");
    desk.run(&["case", "import", "--case", "new.db", "list.csv"])
        .expect(0);
    assert_eq!(tables(&desk.path("old.db")), tables(&desk.path("new.db")));
    // An inventory imported into it later says no less of what was there.
    desk.run(&["case", "import", "--case", "old.db", "list.csv"])
        .expect(0);
    assert_eq!(ask(&["paths"]).len(), 1);
}
