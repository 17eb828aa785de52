//! `keydredge devices`.

use super::exit::{Ended, Failure};

pub(super) fn run() -> Result<Ended, Failure> {
    Ok(Ended::Complete)
}
