//! Exit codes. Batch drivers act on them, so they are a contract.

use std::io;
use std::process::ExitCode;

use crate::anchor::EngineError;
use crate::scan::ScanError;
use crate::scan::input::InputError;

/// Exit code after a panic: the shell's convention for Rust programs.
pub const PANIC: i32 = 101;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Everything asked for was done.
    Complete,
    /// A finding reached the severity of `--fail-on`.
    Findings,
    /// The command line or an input cannot be used.
    Usage,
    /// Finished, but not every byte was searched; the summary lists what was not.
    Incomplete,
    /// An input changed while it was read: trying again will not help.
    Changed,
    /// Something that may work the next time: device lost, disk full.
    Transient,
    /// Nobody reads our output any more. Not an error.
    BrokenPipe,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Complete | Ended::BrokenPipe => 0,
            Ended::Findings => 1,
            Ended::Usage => 2,
            Ended::Incomplete => 3,
            Ended::Changed => 65,
            Ended::Transient => 75,
        })
    }
}

/// An end that is explained in one sentence.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) ended: Ended,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            ended: Ended::Usage,
            message: message.into(),
        }
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let ended = match error {
            EngineError::Unavailable(_) => Ended::Usage,
            _ => Ended::Transient,
        };
        Self {
            ended,
            message: error.to_string(),
        }
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Output(error) => error.into(),
            other => Self {
                ended: Ended::Transient,
                message: other.to_string(),
            },
        }
    }
}

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let ended = match error.kind() {
            io::ErrorKind::BrokenPipe => Ended::BrokenPipe,
            _ => Ended::Transient,
        };
        Self {
            ended,
            message: format!("cannot write the output: {error}"),
        }
    }
}
