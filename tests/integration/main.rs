//! The one integration binary: the program and the library as a user meets them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "test helpers"
)]

mod architecture;
mod azure_keys;
mod bench;
mod carve;
mod case;
mod catalogue;
mod commands;
mod containers;
mod damage;
mod deployments;
mod encodings;
mod engines;
mod errors;
mod fixture;
#[cfg(feature = "gpu")]
mod gpu;
mod guides;
mod html;
mod images;
mod linked;
mod logins;
mod pairing;
mod private_keys;
mod readme;
mod reports;
mod rules;
mod scan;
mod second_pass;
#[cfg(feature = "gpu")]
mod shaders;
#[cfg(feature = "gpu")]
mod sharing;
#[cfg(feature = "gpu")]
mod static_cost;
mod surroundings;
mod texts;
mod types;
mod volumes;
