//! Partition tables and file systems.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use keydredge::volume::attribute::attribute;
use keydredge::volume::{Content, Disk, ReadAt, recognise, volumes};

use super::Target;
use crate::base::Base;
use crate::edit::Edited;

/// Longest secret that seams are asked for.
const REACH: u64 = 4096;
/// Places whose owners are asked for.
const PLACES: u64 = 48;

pub fn target(name: &str) -> Target {
    let bases = Base::all(name);
    Target::edits(&bases.clone(), move |input| {
        read(Arc::new(Edited::of(&bases, input)))
    })
}

/// Asks everything that can be asked.
fn read(disk: Disk) {
    let len = disk.len();
    let head = disk.read_vec(0, len.min(68 << 10) as usize).unwrap();
    let tail = disk.read_vec(len.saturating_sub(512), len.min(512) as usize);
    let _layout = recognise(&head, &tail.unwrap());
    let found = volumes(&disk);
    let step = (len / PLACES).max(1) as usize;
    let mut places: Vec<Range<u64>> = (0..len).step_by(step).map(|at| at..at + 40).collect();
    for volume in &found.volumes {
        let Content::FileSystem(reader) = &volume.content else {
            continue;
        };
        let mut nodes = HashSet::new();
        reader.runs(&mut |run| {
            nodes.insert(run.node);
            // Where files say that they are is where findings will be.
            if places.len() < 2 * PLACES as usize {
                let at = volume.part.to_disk(run.start);
                places.extend(at.map(|at| at..at.saturating_add(9)));
            }
        });
        for name in reader.names(&nodes) {
            reader.node(name.node);
        }
        reader.seams(REACH, &mut |seam| assert!(!seam.is_empty()));
        reader.encoded(&mut |encoded| assert!(encoded.origin(0).is_some()));
        for at in (0..volume.part.len().min(len)).step_by(step) {
            reader.claim(at);
        }
        reader.label();
        reader.end();
        reader.warnings();
    }
    let owners = attribute(&found.volumes, &places);
    assert!(owners.iter().all(|owners| !owners.is_empty()));
}
