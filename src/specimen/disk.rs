//! The demo disk: a small image with planted secrets and a table of where they lie.
//!
//! The image is a real one, an MBR with one FAT partition, so that other forensic tools read it
//! too. Around the planted files lie text and noise; some planted files are deleted again, so
//! their bytes lie in unallocated space. The same seed gives the same bytes everywhere.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::planted::{PLANTED, Plant};
use super::{Stream, maker};

/// Length of the demo disk, in bytes.
pub const DEMO_LEN: usize = 64 << 20;

/// Bytes in a sector.
const SECTOR: u64 = 512;
/// First sector of the partition: the 1 MiB alignment every current tool uses.
const FIRST_SECTOR: u64 = 2048;
/// Folder and number of filler files, and bytes in each.
const FILLER: (usize, usize) = (40, 1 << 20);

/// One row of the truth table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Identifier of the secret type.
    #[serde(rename = "type")]
    pub secret_type: String,
    /// Name of the specimen.
    pub specimen: String,
    /// Whether it is a secret (true) or only looks like one.
    pub secret: bool,
    /// The file it was written to.
    pub path: String,
    /// Whether that file was deleted afterwards.
    pub deleted: bool,
    /// First byte of the specimen in the image.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Why a demo disk could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The file-system writer failed.
    #[error("cannot make the demo disk: {0}")]
    Io(#[from] io::Error),
    /// The list of planted secrets names a specimen that does not exist.
    #[error("the demo disk wants the specimen `{0}`, which does not exist")]
    Unknown(&'static str),
    /// A specimen is not in the image exactly once.
    #[error("the specimen `{0}` lies {1} times in the demo disk, expected once")]
    Misplaced(&'static str, usize),
}

/// Makes an image of `len` bytes (at least 48 MiB) and its truth table, in ascending order.
///
/// # Errors
/// When the disk is too small for its content, or the list of planted secrets is wrong.
pub fn build(seed: &str, len: usize) -> Result<(Vec<u8>, Vec<Truth>), DiskError> {
    let mut image = vec![0; len];
    let sectors = len as u64 / SECTOR;
    write_mbr(&mut image, sectors);
    let mut stream = Stream::new(seed);
    let mut written: Vec<(&Plant, String)> = Vec::new();
    let start = (FIRST_SECTOR * SECTOR) as usize;
    {
        let partition = image.get_mut(start..).unwrap_or_default();
        // The label and number are part of the seed's promise: nothing comes from the clock.
        let options = FormatVolumeOptions::new()
            .volume_id(u32::from_le_bytes(stream.bytes()))
            .volume_label(*b"KEYDREDGE  ");
        fatfs::format_volume(Cursor::new(&mut *partition), options)?;
        let volume = FileSystem::new(Cursor::new(partition), FsOptions::new())?;
        let root = volume.root_dir();
        let (fillers, filler_len) = FILLER;
        for (index, plant) in PLANTED.iter().enumerate() {
            if index < fillers {
                write_filler(&root, index, filler_len, &mut stream)?;
            }
            let make = maker(plant.maker).ok_or(DiskError::Unknown(plant.maker))?;
            let specimen = make(&mut stream);
            let text = plant.template.replace("{}", &specimen);
            let mut file = create(&root, plant.path)?;
            file.write_all(text.as_bytes())?;
            written.push((plant, specimen));
        }
        for index in PLANTED.len()..fillers {
            write_filler(&root, index, filler_len, &mut stream)?;
        }
        for (plant, _) in written.iter().filter(|(plant, _)| plant.deleted) {
            root.remove(plant.path)?;
        }
        drop(root);
        volume.unmount()?;
    }
    let mut truth = Vec::new();
    for (plant, specimen) in written {
        let places: Vec<usize> = memmem::find_iter(&image, specimen.as_bytes()).collect();
        let &[place] = places.as_slice() else {
            return Err(DiskError::Misplaced(plant.maker, places.len()));
        };
        truth.push(Truth {
            secret_type: plant.secret_type.to_owned(),
            specimen: plant.maker.to_owned(),
            secret: plant.secret,
            path: plant.path.to_owned(),
            deleted: plant.deleted,
            offset: place as u64,
            length: specimen.len() as u64,
        });
    }
    truth.sort_by_key(|row| row.offset);
    Ok((image, truth))
}

/// Makes a small image of the same form with just these files.
///
/// # Errors
/// When they do not fit.
pub fn small(files: &[(String, String)], len: usize, number: u32) -> Result<Vec<u8>, DiskError> {
    let mut image = vec![0; len];
    write_mbr(&mut image, len as u64 / SECTOR);
    let start = (FIRST_SECTOR * SECTOR) as usize;
    let partition = image.get_mut(start..).unwrap_or_default();
    let options = FormatVolumeOptions::new().volume_id(number);
    fatfs::format_volume(Cursor::new(&mut *partition), options)?;
    let volume = FileSystem::new(Cursor::new(partition), FsOptions::new())?;
    let root = volume.root_dir();
    for (path, text) in files {
        create(&root, path)?.write_all(text.as_bytes())?;
    }
    drop(root);
    volume.unmount()?;
    Ok(image)
}

/// One partition of type 0x0e (FAT16, LBA) to the end of the disk.
fn write_mbr(image: &mut [u8], sectors: u64) {
    let count = sectors.saturating_sub(FIRST_SECTOR);
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut entry = [0_u8; 16];
    // The cylinder fields of disks beyond their reach hold the largest values.
    entry[..8].copy_from_slice(&[0, 0xfe, 0xff, 0xff, 0x0e, 0xfe, 0xff, 0xff]);
    entry[8..12].copy_from_slice(&number(FIRST_SECTOR));
    entry[12..].copy_from_slice(&number(count));
    if let Some(sector) = image.get_mut(..SECTOR as usize) {
        sector[446..462].copy_from_slice(&entry);
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
    }
}

type Folder<'v, D> = fatfs::Dir<'v, D>;

/// Creates a file with the folders above it.
fn create<'v, D: Read + Write + Seek>(
    root: &Folder<'v, D>,
    path: &str,
) -> io::Result<fatfs::File<'v, D>> {
    for (end, _) in path.match_indices('/') {
        let folder = path.get(..end).unwrap_or_default();
        if !folder.is_empty() && root.open_dir(folder).is_err() {
            root.create_dir(folder)?;
        }
    }
    let mut file = root.create_file(path)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Text that looks like logs, or noise that looks like archives, in turn.
fn write_filler<D: Read + Write + Seek>(
    root: &Folder<'_, D>,
    index: usize,
    len: usize,
    stream: &mut Stream,
) -> io::Result<()> {
    let mut bytes = vec![0; len];
    let name = if index.is_multiple_of(2) {
        stream.fill(&mut bytes);
        format!("var/cache/archive-{index:02}.bin")
    } else {
        fill_with_log(&mut bytes, stream);
        format!("var/log/service-{index:02}.log")
    };
    create(root, &name)?.write_all(&bytes)
}

fn fill_with_log(bytes: &mut [u8], stream: &mut Stream) {
    const WORDS: &[&str] = &[
        "accepted",
        "account",
        "connection",
        "token",
        "secret",
        "rotated",
        "session",
        "closed",
        "user",
        "password",
        "prompt",
        "skipped",
        "key",
        "reload",
        "config",
        "server=",
        "timeout",
        "retry",
        "request",
        "handled",
        "in",
        "ms",
        "from",
        "host",
    ];
    let mut rest = bytes;
    let mut line = String::new();
    while !rest.is_empty() {
        line.clear();
        line.push_str(&format!(
            "2026-03-{:02}T{:02}:{:02}:00Z ",
            1 + stream.below(28),
            stream.below(24),
            stream.below(60)
        ));
        for _ in 0..=stream.below(12) {
            line.push_str(WORDS[stream.below(WORDS.len() as u64) as usize]);
            line.push(' ');
        }
        line.push('\n');
        let len = line.len().min(rest.len());
        let (head, tail) = rest.split_at_mut(len);
        head.copy_from_slice(&line.as_bytes()[..len]);
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_disk_with_every_specimen_in_its_place() {
        let (image, truth) = build("test", DEMO_LEN).unwrap();
        let (again, _) = build("test", DEMO_LEN).unwrap();
        assert_eq!(blake3::hash(&image), blake3::hash(&again));
        assert_eq!(truth.len(), PLANTED.len());
        assert!(truth.iter().any(|row| row.deleted) && truth.iter().any(|row| !row.secret));
    }
}
