//! keydredge finds secrets in terabytes. (The tour of the architecture belongs here.)

pub mod anchor;
pub mod chunk;
pub mod cli;
pub mod confirm;
pub mod finding;
pub mod image;
pub mod report;
pub mod rule;
pub mod scan;
pub mod specimen;
pub mod unit;
pub mod volume;
