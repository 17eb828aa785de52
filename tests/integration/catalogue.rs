//! The catalogue is the published table of secret types, row by row and column by column.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use keydredge::rule::load::catalogue;

/// One row: its text, both columns and where it is reviewed.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    vm: bool,
    deployment: bool,
    review: String,
}

/// The rows of the published table by the identifier of their type.
fn table() -> BTreeMap<String, Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/types.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let column = |word: &str| match word {
        "yes" => true,
        "no" => false,
        other => panic!("`{other}` is neither yes nor no"),
    };
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, name, vm, deployment, review] = fields.as_slice() else {
            panic!("expected five columns: {line}")
        };
        let row = Row {
            name: (*name).to_owned(),
            vm: column(vm),
            deployment: column(deployment),
            review: (*review).to_owned(),
        };
        assert!(rows.insert((*id).to_owned(), row).is_none(), "{id} twice");
    }
    rows
}

#[test]
fn the_table_has_its_52_types_34_of_them_for_machines() {
    let rows = table();
    assert_eq!(rows.len(), 52);
    assert_eq!(rows.values().filter(|row| row.vm).count(), 34);
    assert_eq!(rows.values().filter(|row| row.deployment).count(), 52);
    let attacked = rows
        .values()
        .filter(|row| row.review.ends_with("attack paths"));
    assert_eq!(attacked.count(), 11);
}

#[test]
fn the_catalogue_has_every_row_of_the_table_and_no_other() {
    let mut missing = table();
    let mut faults = String::new();
    for found in catalogue().unwrap().types {
        let row = Row {
            name: found.name,
            vm: found.vm,
            deployment: found.deployment,
            review: found.review,
        };
        match missing.remove(&found.id) {
            None => writeln!(faults, "{}: not in the table", found.id).unwrap(),
            Some(expected) if expected != row => {
                writeln!(faults, "{}: {row:?}\n    expected {expected:?}", found.id).unwrap();
            }
            Some(_) => {}
        }
    }
    for (id, row) in missing {
        writeln!(faults, "{id}: missing ({})", row.name).unwrap();
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn every_rule_of_the_vm_profile_notes_how_rare_its_anchors_are() {
    let rules = catalogue().unwrap();
    for variant in &rules.variants {
        let secret_type = rules.type_of(variant);
        let name = format!("{}/{}", secret_type.id, variant.name);
        let rate = variant
            .rate
            .unwrap_or_else(|| panic!("{name} has no `rate`"));
        assert!(
            !secret_type.vm || rate <= 200.0,
            "{name}: {rate} hits per MiB"
        );
    }
}
