//! The formats that other tools read, held against their published schemas, read back by other
//! programs, and fed with names that would like to be something else.
//!
//! `INSTA_UPDATE=always cargo test --release reports` writes the golden files anew.

mod explain;
mod export;
mod golden;
mod hostile;
#[cfg(feature = "parquet")]
mod parquet;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::Command;

use keydredge::specimen::{Stream, expand};
use serde_json::Value;

use crate::fixture::{Desk, Ran};

/// Holds documents against a published schema.
pub struct Schema {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    /// The schema of this file under `tests/data/formats`.
    pub fn of(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/formats")
            .join(name);
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.enable_format_assertions();
        let text = std::fs::read_to_string(path).unwrap();
        let schema = serde_json::from_str(&text).unwrap();
        let url = "file:///schema.json";
        compiler.add_resource(url, schema).unwrap();
        let index = compiler.compile(url, &mut schemas).unwrap();
        Self { schemas, index }
    }

    #[track_caller]
    pub fn check(&self, document: &Value) {
        if let Err(error) = self.schemas.validate(document, self.index) {
            panic!("{error:#}\n{document:#}");
        }
    }
}

/// The schemas of the three classes of OCSF that are written.
pub struct Ocsf {
    finding: Schema,
    path: Schema,
    scan: Schema,
}

impl Ocsf {
    pub fn new() -> Self {
        Self {
            finding: Schema::of("ocsf-1.8.0-data_security_finding.json"),
            path: Schema::of("ocsf-1.8.0-detection_finding.json"),
            scan: Schema::of("ocsf-1.8.0-scan_activity.json"),
        }
    }

    /// Checks every event, and returns them.
    #[track_caller]
    pub fn events(&self, text: &str) -> Vec<Value> {
        let events: Vec<Value> = lines(text);
        for event in &events {
            match event["class_uid"].as_u64() {
                Some(2006) => self.finding.check(event),
                Some(2004) => self.path.check(event),
                Some(6007) => self.scan.check(event),
                other => panic!("class {other:?}: {event}"),
            }
        }
        events
    }
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What Python's own reader makes of a text: its program reads standard input and prints JSON.
#[track_caller]
pub fn python(desk: &Desk, program: &str, text: &str) -> Value {
    let input = desk.file("python-input", text);
    let ran = Command::new("python3")
        .args(["-c", program])
        .stdin(std::fs::File::open(input).unwrap())
        .output()
        .unwrap_or_else(|error| panic!("python3: {error}; tests/run.sh installs it"));
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}\n{text}");
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Rows of CSV as Python's `csv` reads them.
#[track_caller]
pub fn csv_rows(desk: &Desk, text: &str) -> Vec<Value> {
    let program = "import csv, io, json, sys\n\
        text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')\n\
        print(json.dumps(list(csv.DictReader(text, strict=True))))";
    let rows = python(desk, program, text);
    rows.as_array().unwrap().clone()
}

/// The file objects of DFXML as Python's XML reader sees them, each a list of name, attributes and
/// text of its children.
#[track_caller]
pub fn file_objects(desk: &Desk, text: &str) -> Vec<Value> {
    let program = "import json, sys, xml.etree.ElementTree as tree\n\
        root = tree.parse(sys.stdin.buffer).getroot()\n\
        def show(e): return [e.tag.replace('{http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML}', '')\
            .replace('{urn:keydredge:dfxml:1}', 'kd:'), e.attrib, (e.text or '').strip(), [show(c) for c in e]]\n\
        print(json.dumps([show(e) for e in root]))";
    let all = python(desk, program, text);
    let all = all.as_array().unwrap();
    let names: Vec<&str> = all.iter().map(|e| e[0].as_str().unwrap()).collect();
    assert_eq!(&names[..3], ["metadata", "creator", "source"]);
    assert_eq!(names.last(), Some(&"kd:summary"));
    let objects: Vec<Value> = all
        .iter()
        .filter(|element| element[0] == "fileobject")
        .map(|element| element[3].clone())
        .collect();
    assert_eq!(objects.len() + 4, all.len(), "{names:?}");
    objects.iter().for_each(in_order);
    objects
}

/// The schema of the DFXML working group wants the children of a file object in this order.
#[track_caller]
fn in_order(object: &Value) {
    const ORDER: &[&str] = &[
        "filename",
        "partition",
        "name_type",
        "alloc",
        "inode",
        "uid",
        "gid",
        "mtime",
        "byte_runs",
        "kd:image",
        "kd:finding",
    ];
    let places: Vec<usize> = object
        .as_array()
        .unwrap()
        .iter()
        .map(|child| {
            let known = ORDER.iter().position(|name| child[0] == *name);
            known.unwrap_or_else(|| panic!("{child}"))
        })
        .collect();
    assert!(places.is_sorted(), "{object}");
}

/// The children of this name.
pub fn children<'o>(object: &'o Value, name: &str) -> Vec<&'o Value> {
    let all = object.as_array().unwrap().iter();
    all.filter(|child| child[0] == name).collect()
}

/// A disk with two types of secrets, some of them in deleted files, and its scan in a format.
pub struct Disk {
    pub desk: Desk,
    pub image: Vec<u8>,
}

impl Disk {
    pub fn new() -> Self {
        let desk = Desk::new();
        let (image, _) = keydredge::specimen::disk::build("reports", 64 << 20).unwrap();
        desk.file("disk.img", &image);
        Self { desk, image }
    }

    pub fn scan(&self, args: &[&str]) -> Ran {
        let mut command = self.desk.keydredge_with_key(&[0; 32]);
        command
            .args(["scan", "disk.img", "--engine", "cpu", "--types"])
            .arg("github-personal-access-token,azure-storage-sas,ssh-private-key")
            .args(args);
        Ran::of(command.output().unwrap())
    }
}

/// A folder of files with secrets in them, one under each of these names.
pub fn folder(desk: &Desk, names: &[&[u8]]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    let token = expand("{github-classic}", &mut Stream::new("reports"));
    let folder = desk.path("folder");
    std::fs::create_dir(&folder).unwrap();
    for name in names {
        let path = folder.join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, format!("token = {token}\n")).unwrap();
    }
    folder
}
