//! Users' own rule files.

use std::fs;
use std::sync::Arc;

use keydredge::anchor::AnchorSet;
use keydredge::anchor::table::Table;
use keydredge::confirm::Confirmer;
use keydredge::rule::load::load;

use super::Target;
use crate::base::files;

pub fn target() -> Target {
    Target::new(read, seeds())
}

fn read(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(rules) = load([("rules.toml", text.as_ref())]) else {
        return;
    };
    let anchors = Arc::new(AnchorSet::of_rules(&rules));
    drop(Table::compile(&anchors));
    let _refused = Confirmer::new(Arc::new(rules), anchors);
}

/// The types of the catalogue one by one, since a whole file takes long to compile.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for path in files("rules") {
        let text = fs::read_to_string(path).unwrap();
        let mut types = text.split("[[type]]");
        // What comes before the first may be shared by all of them.
        let shared = types.next().unwrap_or_default();
        seeds.extend(types.map(|own| format!("{shared}[[type]]{own}").into_bytes()));
    }
    seeds
}
