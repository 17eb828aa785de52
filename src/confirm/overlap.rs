//! One span, one finding.
