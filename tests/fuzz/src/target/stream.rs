//! Compressed streams: the first byte says which kind, the rest is what lies on the disk.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use keydredge::chunk::carve::{Codec, Decoder};

use super::Target;
use crate::base::files;

/// Most bytes that a stream may give.
const ROOM: usize = 1 << 20;

pub fn target() -> Target {
    // Kept from one input to the next, as a worker keeps it from one stream to the next.
    let decoder = Mutex::new(Decoder::default());
    Target::new(
        move |input| {
            let Some((first, mut stored)) = input.split_first() else {
                return;
            };
            let codec = Codec::ALL[usize::from(*first) % Codec::ALL.len()];
            let len = stored.len() as u64;
            let mut bytes = Vec::new();
            let mut decoder = decoder.lock().unwrap();
            if let Some(decoded) = decoder.decode(codec, &mut stored, ROOM, &mut bytes) {
                assert!(bytes.len() <= ROOM);
                assert!(decoded.stored <= len);
                assert!(decoded.header <= decoded.stored.max(1));
            }
        },
        seeds(),
    )
}

/// Streams of the usual programs, in files named after their kind.
fn seeds() -> Vec<Vec<u8>> {
    let files = files("streams").into_iter();
    let seed = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let kind = name.split('-').next().unwrap();
        let codec = Codec::ALL.iter().position(|codec| codec.name() == kind);
        let mut seed = vec![u8::try_from(codec.unwrap()).unwrap()];
        seed.extend(fs::read(path).unwrap());
        seed
    };
    files.map(seed).collect()
}
