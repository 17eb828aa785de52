//! Superblocks that a file system keeps copies of, and what to do when the first is damaged.

use super::{Part, VolumeError, Warnings};

/// The structure that a file system is known by and opened with.
pub(super) trait CopiedSuperblock: Sized {
    /// Its name in sentences: `ext superblock`.
    const WHAT: &'static str;
    /// Where the first lies on the volume.
    const PRIMARY: u64;

    /// Whether something that looks like one lies at `at`.
    fn signed(part: &Part, at: u64) -> bool;

    /// The superblock at `at`, and whether it fits its checksum.
    fn read(part: &Part, at: u64) -> Result<(Self, bool), VolumeError>;

    /// A sound copy and where it lies, for a volume whose beginning is lost.
    fn copy(part: &Part) -> Option<(Self, u64)>;

    /// Reads the first superblock, or a copy of it if the first is damaged. `None` if the volume
    /// has none at its place.
    fn find(part: &Part, warnings: &Warnings) -> Option<Result<Self, VolumeError>> {
        if !Self::signed(part, Self::PRIMARY) {
            return None;
        }
        let error = match Self::read(part, Self::PRIMARY) {
            Ok((found, true)) => return Some(Ok(found)),
            Ok((_, false)) => VolumeError::damaged(
                Self::WHAT,
                Self::PRIMARY,
                "a superblock that fits its checksum",
                "another checksum",
            ),
            Err(error @ VolumeError::Unsupported { .. }) => return Some(Err(error)),
            Err(error) => error,
        };
        if let Some((copy, at)) = Self::copy(part) {
            warnings.add(format!("{error}; its copy at {at:#x} was used instead"));
            return Some(Ok(copy));
        }
        // A wrong checksum is better than no file names, as long as the numbers make sense.
        warnings.add(format!("{error}, and no copy of it was found"));
        Some(Self::read(part, Self::PRIMARY).map(|(found, _)| found))
    }

    /// A copy for a volume whose beginning is lost, with a warning that says so.
    fn find_copy(part: &Part, warnings: &Warnings) -> Option<Self> {
        let (copy, at) = Self::copy(part)?;
        warnings.add(format!(
            "the {} at {:#x} is lost; its copy at {at:#x} was used instead",
            Self::WHAT,
            Self::PRIMARY
        ));
        Some(copy)
    }

    /// Opens the file system that a volume begins with; `None` if it is not one of these.
    fn open<F>(
        part: &Part,
        with: impl FnOnce(&Part, Self, Warnings) -> F,
    ) -> Option<Result<F, VolumeError>> {
        let warnings = Warnings::default();
        let found = Self::find(part, &warnings)?;
        Some(found.map(|found| with(part, found, warnings)))
    }

    /// Opens a file system whose beginning is lost by a copy of its superblock.
    fn open_copy<F>(part: &Part, with: impl FnOnce(&Part, Self, Warnings) -> F) -> Option<F> {
        let warnings = Warnings::default();
        let found = Self::find_copy(part, &warnings)?;
        Some(with(part, found, warnings))
    }

    /// Warns of features that the reader does not know.
    fn warn_of_unknown(features: u64, warnings: &Warnings) {
        if features != 0 {
            warnings.add(format!(
                "the {} names features that are not known here ({features:#x}): files may be \
                 missing",
                Self::WHAT
            ));
        }
    }
}

/// Warns of a journal that holds what the file system does not yet.
pub(super) fn warn_of_journal(warnings: &Warnings) {
    warnings.add(
        "the file system was not unmounted: its newest changes are only in its journal, which is \
         searched but not replayed",
    );
}
