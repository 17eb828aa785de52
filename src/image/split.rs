//! Raw images in numbered pieces: `disk.001`, `disk.002` and so on, as FTK Imager and `dd` scripts
//! write them, or `disk.aa`, `disk.ab` as `split` does.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::path::{Path, PathBuf};

use super::ImageError;
use super::files::Files;
use super::format::{Format, Opened};
use super::mapping::Concat;

/// How many names after a missing one are tried: a gap is a lost piece, not the end.
const GAP: usize = 8;

/// Whether this is the first of several pieces of one raw image, told by its name and by the names
/// beside it.
#[must_use]
pub fn is_first_piece(path: &Path) -> bool {
    let Some(suffix) = suffix_of(path) else {
        return false;
    };
    let number = suffix.trim_start_matches('0');
    let first = matches!(number, "" | "1") || suffix.bytes().all(|byte| byte == b'a');
    first && successors(path).take(GAP).any(|next| next.is_file())
}

pub(super) fn open(files: &mut Files, file: usize) -> Result<Opened, ImageError> {
    let first = files.path(file).to_owned();
    let mut disk = Concat::default();
    let mut next = file;
    let mut names = successors(&first);
    loop {
        if !disk.push(files.len(next), next, 0) {
            return Err(ImageError::Unsupported {
                path: first,
                what: "its pieces together are longer than any disk".to_owned(),
            });
        }
        let Some(name) = names.next() else {
            break;
        };
        if !name.exists() {
            if let Some(later) = names.take(GAP).find(|later| later.exists()) {
                return Err(ImageError::Part {
                    path: first,
                    part: name,
                    role: "piece",
                    reason: format!(
                        "does not exist although {later:?} does; the disk is not complete without \
                         it"
                    ),
                });
            }
            break;
        }
        next = files.open(&name, "segment")?;
    }
    let mut opened = Opened::new(Format::Split, disk);
    opened.fact("pieces", files.count());
    Ok(opened)
}

/// The ending of a piece's name: two to four digits or two to four times `a` to `z`.
fn suffix_of(path: &Path) -> Option<&str> {
    let suffix = path.extension()?.to_str()?;
    let digits = suffix.bytes().all(|byte| byte.is_ascii_digit());
    let letters = suffix.bytes().all(|byte| byte.is_ascii_lowercase());
    ((2..=4).contains(&suffix.len()) && (digits || letters)).then_some(suffix)
}

/// The names that follow, until all places of the ending are used up.
fn successors(path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let path = path.to_owned();
    let mut suffix: Vec<u8> = suffix_of(&path).unwrap_or_default().into();
    std::iter::from_fn(move || {
        // Counts like a mileage counter, in digits or in letters.
        for byte in suffix.iter_mut().rev() {
            match *byte {
                b'9' => *byte = b'0',
                b'z' => *byte = b'a',
                _ => {
                    *byte = byte.saturating_add(1);
                    let name = std::str::from_utf8(&suffix).unwrap_or_default();
                    return Some(path.with_extension(name));
                }
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(name: &str) -> Option<String> {
        let name = successors(Path::new(name)).next()?;
        Some(name.to_str().unwrap().to_owned())
    }

    #[test]
    fn names_count_on_in_digits_and_letters() {
        assert_eq!(next("disk.001").as_deref(), Some("disk.002"));
        assert_eq!(next("disk.099").as_deref(), Some("disk.100"));
        assert_eq!(next("disk.raw.az").as_deref(), Some("disk.raw.ba"));
        assert_eq!(next("disk.999"), None);
        assert_eq!(next("disk.img1"), None);
        assert_eq!(successors(Path::new("x.zy")).count(), 1);
    }
}
