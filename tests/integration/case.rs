//! The case: what leads where in a fleet, what breaks a path, and what a stranger's file may do.

mod conditions;
mod findings;
mod fleet;
mod hostile;
mod identities;
mod networks;
mod order;
mod versions;

use serde_json::Value;

use crate::fixture::{Desk, Ran};

/// A desk with the demo fleet on it, scanned.
pub struct Fleet {
    pub desk: Desk,
}

impl Fleet {
    pub fn new() -> Self {
        let desk = Desk::new();
        let ran = desk
            .run(&["demo", "--fleet", "fleet", "--engine", "cpu"])
            .expect(0);
        assert!(
            ran.stdout.contains("9 paths, 9 of 9 scenarios"),
            "{}",
            ran.stdout
        );
        Self { desk }
    }

    /// A subcommand of `case` on the fleet's case.
    pub fn case(&self, args: &[&str]) -> Ran {
        let mut all = vec!["case", args[0], "--case", "fleet/fleet.db"];
        all.extend(&args[1..]);
        self.desk.run(&all)
    }

    /// Its answer as JSON.
    pub fn ask(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.case(&[args, &["--format", "json"]].concat()).expect(0);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// The short names of the scenarios that occur, in order.
    pub fn scenarios(&self) -> Vec<String> {
        column(&self.ask(&["paths"]), "scenario")
    }

    /// Changes a text of an inventory, once or more, and imports it again.
    #[track_caller]
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.desk.path(&format!("fleet/inventory/{file}"));
        let old = std::fs::read_to_string(&path).unwrap();
        assert!(old.contains(from), "{file} has no {from}");
        std::fs::write(&path, old.replace(from, to)).unwrap();
        self.case(&["import", path.to_str().unwrap()]).expect(0);
    }

    /// Changes the bytes of a disk and scans it again.
    #[track_caller]
    pub fn rescan(&self, image: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = format!("fleet/images/{image}.img");
        let mut bytes = std::fs::read(self.desk.path(&path)).unwrap();
        change(&mut bytes);
        std::fs::write(self.desk.path(&path), bytes).unwrap();
        self.desk
            .keydredge_with_key(&[0; 32])
            .args(["scan", &path, "--case", "fleet/fleet.db", "--engine", "cpu"])
            .output()
            .map(|ran| assert!(ran.status.success()))
            .unwrap();
    }
}

pub fn column(rows: &[Value], name: &str) -> Vec<String> {
    let text = |row: &Value| {
        row[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {row}"))
            .to_owned()
    };
    rows.iter().map(text).collect()
}

/// Names of the nine, without these.
pub fn all_but(gone: &[&str]) -> Vec<String> {
    let all = ["A1", "A2", "A3", "A4", "W1", "W2", "W3", "W4", "G1"];
    let left = all.iter().filter(|name| !gone.contains(name));
    left.map(|name| (*name).to_owned()).collect()
}
