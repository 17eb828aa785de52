//! Passwords of databases in the cloud, and of whatever an ODBC driver connects to.
//!
//! A password has no format of its own, so the host beside it proves it: the host says whose
//! database it is, and thereby which type of secret. How host and password are written together
//! does not depend on the service, so there is one reader per way of writing.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod cosmos;
mod fields;
mod host;
mod login;
mod odbc;
mod text;

use self::host::Service;
use self::text::Form;
use super::Validator;

/// The readers of a service under names that begin with its own.
macro_rules! readers {
    ($service:expr, $name:literal) => {
        &[
            (concat!($name, "-arguments"), |found| {
                text::read(found, $service, Form::Arguments)
            }),
            (concat!($name, "-command"), |found| {
                text::read(found, $service, Form::Command)
            }),
            (concat!($name, "-conninfo"), |found| {
                text::read(found, $service, Form::Conninfo)
            }),
            (concat!($name, "-encoded"), |found| {
                text::read(found, $service, Form::Encoded)
            }),
            (concat!($name, "-fields"), |found| {
                fields::read(found, $service)
            }),
            (concat!($name, "-list"), |found| {
                text::read(found, $service, Form::List)
            }),
            (concat!($name, "-login"), |found| {
                text::read(found, $service, Form::Login)
            }),
            (concat!($name, "-password-file"), |found| {
                text::read(found, $service, Form::PasswordFile)
            }),
            (concat!($name, "-query"), |found| {
                text::read(found, $service, Form::Query)
            }),
            (concat!($name, "-url"), |found| {
                text::read(found, $service, Form::Url)
            }),
        ]
    };
}

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[&[(&str, Validator)]] = &[
    cosmos::VALIDATORS,
    odbc::VALIDATORS,
    readers!(Service::Rds, "aws-rds"),
    readers!(Service::Redshift, "aws-redshift"),
    readers!(Service::Cosmos, "azure-cosmos"),
    readers!(Service::AzureMariadb, "azure-mariadb"),
    readers!(Service::AzureMysql, "azure-mysql"),
    readers!(Service::AzurePostgresql, "azure-postgresql"),
    readers!(Service::AzureSql, "azure-sql"),
];
