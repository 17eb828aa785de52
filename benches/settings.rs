//! How long criterion measures: every stage alike, and short enough to be run often.

use std::time::Duration;

use criterion::Criterion;

/// Measures each function for so many seconds; the command line has the last word.
pub(crate) fn criterion(seconds: u64) -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(seconds))
        .configure_from_args()
}
