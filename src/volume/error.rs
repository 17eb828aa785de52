//! Why a volume's structures cannot be used.

use super::ReadFault;

/// A structure that is needed and cannot be read or believed. Positions are relative to the volume
/// or disk it was looked for on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// Its bytes cannot be had.
    #[error("the {what} cannot be read: {fault}")]
    Read {
        /// The structure.
        what: &'static str,
        /// What failed.
        #[source]
        fault: ReadFault,
    },
    /// A field has a value that it cannot have.
    #[error("the {what} at {at:#x} is damaged: expected {expected}, found {found}")]
    Damaged {
        /// The structure.
        what: &'static str,
        /// Where it lies.
        at: u64,
        /// What the field may hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// It is sound but of a kind that this program does not read.
    #[error(
        "the {what} at {at:#x} uses {feature}, which keydredge does not read; its bytes are searched without file names"
    )]
    Unsupported {
        /// The structure.
        what: &'static str,
        /// Where it lies.
        at: u64,
        /// What is not supported.
        feature: String,
    },
}

impl VolumeError {
    pub(super) fn read(what: &'static str) -> impl Fn(ReadFault) -> Self {
        move |fault| Self::Read { what, fault }
    }

    /// For a field of the structure `what` that lies at `at`.
    pub(super) fn damaged(
        what: &'static str,
        at: u64,
        expected: &'static str,
        found: impl ToString,
    ) -> Self {
        let found = found.to_string();
        Self::Damaged {
            what,
            at,
            expected,
            found,
        }
    }
}
