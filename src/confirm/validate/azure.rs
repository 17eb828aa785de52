//! Keys of Azure's services, one file per way of being written.
//!
//! A key of a newer generation proves itself by a checksum. An older one is 32 or 64 random bytes,
//! and only the host or the name of the setting beside it says what it opens.

pub(super) mod bare;
pub(super) mod bot;
pub(super) mod cognitive;
pub(super) mod databricks;
pub(super) mod endpoint;
pub(super) mod function;
mod hexadecimal;
mod key;
pub(super) mod machine_learning;
pub(super) mod management;
pub(super) mod maps;
pub(super) mod messaging;
pub(super) mod named;
pub(super) mod redis;
pub(super) mod registry;
mod service;
pub(super) mod token;
pub(super) mod workflow;
