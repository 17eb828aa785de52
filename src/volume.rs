//! What the structures on a disk say about it.
//!
//! The scan itself never depends on them: every byte is read whether or not a partition table or
//! file system makes sense. They decide whether an input is treated as a disk ([`Layout`]), what a
//! raw scan cannot see ([`FileSystem::seams`], [`FileSystem::encoded`]), and whose file a finding
//! lies in ([`attribute`](attribute::attribute)).
//!
//! ```text
//! disk: ReadAt ── partition::volumes ──> Volume { part, content } ──> dyn FileSystem
//!                                                                      ├ before the scan: seams, encoded
//!                                                                      └ after it: runs ∩ findings, names
//! ```
//!
//! Everything read here may be damaged or hostile. The readers check before they believe, go
//! through no loop that the volume's own length does not bound, and where something is wrong they
//! say so in a sentence ([`Warnings`]) and go on with the rest.

// In tests plain sums are the clearest statement of what is expected.
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing
    )
)]

pub mod attribute;
pub mod btrfs;
pub mod disk;
pub mod exfat;
pub mod ext;
pub mod fat;
pub mod field;
pub mod file_system;
pub mod ntfs;
pub mod partition;
pub mod path;
pub mod seam;
pub mod xfs;

mod budget;
mod content;
mod crc;
mod error;
mod layout;
mod piece;
mod superblock;
mod warning;

pub use content::Content;
pub use disk::{Disk, Part, ReadAt, ReadFault};
pub use error::VolumeError;
pub use file_system::{Claim, Encoded, FileSystem, Name, Node, NodeId, Run, RunKind, Stretch};
pub use layout::{Layout, recognise};
pub use partition::{Volume, Volumes, volumes};
pub use seam::Seam;
pub use warning::Warnings;
