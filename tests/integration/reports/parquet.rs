//! Parquet, read back by the reader of Apache Arrow.

use std::process::Command;

use serde_json::Value;

use super::lines;
use crate::case::Fleet;
use crate::fixture::Desk;

/// Types of the columns, metadata and rows of a file, times as they print.
fn read(desk: &Desk, file: &str) -> Value {
    let program = "import json, sys, pyarrow.parquet as parquet\n\
        file = parquet.ParquetFile(sys.argv[1])\n\
        schema = file.schema_arrow\n\
        meta = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}\n\
        print(json.dumps({'types': {field.name: str(field.type) for field in schema},\
            'summary': json.loads(meta['keydredge.summary']), 'groups': file.num_row_groups,\
            'rows': file.read().to_pylist()}, default=str))";
    let ran = Command::new("python3")
        .args(["-c", program])
        .arg(desk.path(file))
        .output()
        .unwrap_or_else(|error| panic!("python3: {error}; tests/run.sh installs it"));
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "{errors} (tests/run.sh installs pyarrow)"
    );
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[test]
fn another_reader_sees_what_json_lines_say() {
    let fleet = Fleet::new();
    let all = lines(&fleet.case(&["export"]).expect(0).stdout);
    let (summary, findings) = all.split_last().unwrap();
    let (desk, file) = (&fleet.desk, "out.parquet");
    let args = ["export", "--format", "parquet", "--output", file];
    fleet.case(&args).expect(0);
    let read = read(desk, file);
    assert_eq!(read["summary"], *summary);
    for (column, sort) in [
        ("offset", "int64"),
        ("path", "string"),
        ("modified", "timestamp[us, tz=UTC]"),
        ("expired", "bool"),
    ] {
        assert_eq!(read["types"][column], sort, "{column}");
    }
    let rows = read["rows"].as_array().unwrap();
    assert_eq!(rows.len(), findings.len());
    for (row, finding) in rows.iter().zip(findings) {
        for (column, pointer) in [
            ("type", "/type"),
            ("severity", "/severity"),
            ("verdict", "/verdict"),
            ("fingerprint", "/fingerprint"),
            ("preview", "/secret/preview"),
            ("secret_length", "/secret/length"),
            ("value", "/secret/value"),
            ("input", "/occurrence/input"),
            ("offset", "/occurrence/offset"),
            ("length", "/occurrence/length"),
            ("partition", "/occurrence/partition"),
            ("path", "/occurrence/path"),
            ("file_offset", "/occurrence/file_offset"),
            ("inode", "/occurrence/inode"),
            ("uid", "/occurrence/owner/0"),
            ("mode", "/occurrence/mode"),
            ("pointer", "/occurrence/pointer"),
            ("target", "/target/name"),
            ("expired", "/expired"),
            ("asset", "/asset"),
            ("status", "/status"),
        ] {
            let wanted = finding.pointer(pointer).unwrap_or(&Value::Null);
            assert_eq!(row[column], *wanted, "{column} of {finding}");
        }
        let time = |text: &Value| {
            text.as_str()
                .map(|text| text.get(..19).unwrap().replace('T', " "))
        };
        assert_eq!(time(&row["first_seen"]), time(&finding["first_seen"]));
        assert_eq!(
            time(&row["modified"]),
            time(&finding["occurrence"]["modified"])
        );
        for (column, pointer) in [("identity", "/identity"), ("details", "/details")] {
            let wanted = finding.pointer(pointer).unwrap().as_object().unwrap();
            let text = row[column].as_str().unwrap_or("{}");
            assert_eq!(
                serde_json::from_str::<Value>(text).unwrap(),
                Value::Object(wanted.clone())
            );
        }
    }
}

#[test]
fn a_scan_of_more_rows_than_a_group_and_one_of_none_are_whole_files() {
    let desk = Desk::new();
    let token = keydredge::specimen::expand(
        "{github-classic}",
        &mut keydredge::specimen::Stream::new("parquet"),
    );
    let text = format!("token = {token}\n").repeat(20_001);
    let inputs = [
        desk.file("many.txt", text),
        desk.file("none.txt", "nothing here"),
    ];
    for (input, found, groups) in [(&inputs[0], 20_001, 2), (&inputs[1], 0, 0)] {
        let input = input.to_str().unwrap();
        let args = [
            "scan",
            input,
            "--format",
            "parquet",
            "--output",
            "out.parquet",
        ];
        desk.run(&args).expect(0);
        let read = read(&desk, "out.parquet");
        assert_eq!(read["groups"], groups);
        assert_eq!(read["rows"].as_array().unwrap().len(), found);
        assert_eq!(read["summary"]["findings"], found);
    }
}
