//! Keys of Cosmos DB; the passwords of other databases are anybody's.

use super::common::{broken, json, percent};
use super::{Maker, Stream};
use crate::confirm::validate::identifiable::{self, COSMOS};

/// The specimens of this family.
pub(super) const MAKERS: &[(&str, Maker)] = &[
    ("azure-cosmos-key", cosmos_key),
    ("azure-cosmos-key-json", cosmos_key_json),
    ("azure-cosmos-key-percent", cosmos_key_percent),
    ("azure-cosmos-key-wrong-checksum", cosmos_key_wrong_checksum),
];

/// A read-write key with its signature and checksum.
fn cosmos_key(stream: &mut Stream) -> String {
    identifiable::make(&stream.bytes::<64>(), &COSMOS)
}

fn cosmos_key_json(stream: &mut Stream) -> String {
    json(&cosmos_key(stream))
}

fn cosmos_key_percent(stream: &mut Stream) -> String {
    percent(&cosmos_key(stream))
}

fn cosmos_key_wrong_checksum(stream: &mut Stream) -> String {
    broken(&cosmos_key(stream))
}
