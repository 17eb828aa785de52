//! Disk images in containers. Each is one or several files, so the edited one is written where the
//! others lie.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Mutex;

use keydredge::image::{Cache, Image};

use super::Target;
use crate::base::{Base, SECTOR};
use crate::edit::Edited;

/// Extents that are read. Each costs a call, and a table may have millions.
const READ: usize = 64;
/// Extents that are listed.
const LISTED: usize = 4096;

pub fn target(name: &str) -> Target {
    let bases = Base::all(name);
    let folder = super::folder();
    for base in &bases {
        fs::copy(&base.path, folder.join(base.path.file_name().unwrap())).unwrap();
    }
    // One input at a time: the files are shared.
    let folder = Mutex::new(folder);
    Target::edits(&bases.clone(), move |input| {
        let folder = folder.lock().unwrap();
        let edited = Edited::of(&bases, input);
        let path = folder.join(edited.base.path.file_name().unwrap());
        let file = File::options().write(true).open(&path).unwrap();
        write(&file, &edited);
        read(&path);
        mend(&file, &edited);
    })
}

fn write(file: &File, edited: &Edited) {
    for (at, sector) in &edited.sectors {
        let len = SECTOR.min(edited.base.bytes.len() - at);
        file.write_all_at(&sector[..len], *at as u64).unwrap();
    }
    file.set_len(edited.len as u64).unwrap();
}

fn mend(file: &File, edited: &Edited) {
    let sound = &edited.base.bytes;
    let cut = sound[edited.len..].chunks(SECTOR).enumerate();
    let cut = cut.map(|(index, bytes)| (edited.len + index * SECTOR, bytes));
    let touched = edited.sectors.keys();
    let touched = touched.map(|at| (*at, &sound[*at..sound.len().min(at + SECTOR)]));
    for (at, bytes) in cut.chain(touched) {
        // What is a hole stays one.
        if edited.sectors.contains_key(&at) || bytes.iter().any(|byte| *byte != 0) {
            file.write_all_at(bytes, at as u64).unwrap();
        }
    }
    file.set_len(sound.len() as u64).unwrap();
}

/// Asks everything that can be asked.
fn read(path: &PathBuf) {
    let Ok(image) = Image::open(path) else {
        return;
    };
    drop(image.describe());
    let mut next = 0;
    let mut cache = Cache::default();
    for (number, extent) in image.extents().take(LISTED).enumerate() {
        assert_eq!(extent.start.0, next, "extents tile the disk");
        assert!(extent.len > 0);
        next += extent.len;
        if number < READ {
            let mut buf = vec![0; extent.len.min(8192) as usize];
            let _fault = image.read_with(&mut cache, extent.start.0, &mut buf);
            let last = extent.start.0 + extent.len - buf.len() as u64;
            let _fault = image.read_with(&mut cache, last, &mut buf);
            drop(image.mapped(extent.start.0..extent.start.0 + buf.len() as u64));
        }
    }
    assert!(next <= image.len());
    drop((image.unreadable(), image.damaged()));
    assert_eq!(image.changed(), None);
}
