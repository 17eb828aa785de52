//! keydredge finds secrets in terabytes. (The tour of the architecture belongs here.)

pub mod anchor;
pub mod chunk;
pub mod confirm;
pub mod finding;
pub mod image;
pub mod rule;
pub mod specimen;
pub mod unit;
