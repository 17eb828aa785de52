//! Inventories and findings on their way into a case.

use std::fs;
use std::sync::Mutex;

use keydredge::case::Case;
use keydredge::estate::import;
use keydredge::specimen::fleet;

use super::Target;

pub fn target() -> Target {
    let folder = super::folder();
    let folder = Mutex::new(folder);
    Target::new(
        move |input| {
            let folder = folder.lock().unwrap();
            let (file, case) = (folder.join("inventory"), folder.join("case.db"));
            fs::write(&file, input).unwrap();
            // A case of its own, so that what an input does depends on nothing before it.
            let _none = fs::remove_file(&case);
            let mut case = Case::create(&case).unwrap();
            if let Ok(imported) = import(&mut case, &file, Some("asset")) {
                assert!(imported.skipped <= imported.rows);
            }
        },
        seeds(),
    )
}

/// The inventories of the demo's fleet.
fn seeds() -> Vec<Vec<u8>> {
    let files = fleet::build("fleet").unwrap().into_iter();
    let inventories = files.filter(|file| !file.path.ends_with(".img"));
    inventories.map(|file| file.bytes).collect()
}
