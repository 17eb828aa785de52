//! keydredge finds secrets in disk images, as fast as the bytes can be read.
//!
//! This page is the tour of the architecture. The program is [`cli`]; everything else is a library
//! whose modules are the stages of a byte's path, in this order:
//!
//! ```text
//!  image file --image--> extents --chunk--> chunks --anchor--> hits --confirm--> findings --report--> output
//!                  |                                                               |
//!                  +--volume--> partitions, file systems ---- whose bytes are these +
//!
//!  findings, inventories --estate--> case --graph--> attack paths, recommendations
//! ```
//!
//! | module | noun | what it knows |
//! |---|---|---|
//! | [`unit`](mod@unit) | coordinates | positions in an image and in a chunk cannot be mixed up |
//! | [`image`] | image | maps files, reads containers, survives bytes that cannot be read |
//! | [`volume`] | volume | partitions and file systems: what the disk says of itself |
//! | [`rule`] | rule | the catalogue of secret types, as data that carries its own proof |
//! | [`chunk`] | chunk | a body to answer for, and margins to look at |
//! | [`anchor`] | hit | three engines that find the literals every secret contains, bit for bit alike |
//! | [`finding`] | finding | the record, its fingerprint, the summary |
//! | [`confirm`] | candidate | regex, then the key's own format: checksums and parsers |
//! | [`specimen`] | specimen | secrets that were never issued, for examples, tests and the demo |
//! | [`deployment`] | document | in which deployment, resource and value of it a finding lies |
//! | [`scan`] | scan | the pipeline: the only module with threads |
//! | [`case`] | case | one SQLite file with what scans found and inventories say |
//! | [`estate`] | inventory | what the clouds' own tools write, read into records |
//! | [`graph`] | path | what opens what, who is exposed, and the questions about it |
//! | [`report`] | report | findings and answers in the formats that people and other tools read |
//! | [`cli`] | command | the only module that prints |
//!
//! A module may name only modules above it in this table; a test keeps that. Data flows one way,
//! and what a later stage needs from an earlier one travels inside the value.
//!
//! Four decisions carry the rest:
//!
//! - **Everything worth finding begins with a literal.** One pass over the bytes looks for
//!   anchors only; other encodings of a literal are more anchors, not more passes ([`anchor`]).
//! - **The fast stage gives integers, the slow stage borrows, only a finding owns.** A hit is
//!   eight bytes; a candidate points into the mapped image; memory grows with findings, not with
//!   the image.
//! - **Results do not depend on how the work was cut.** A chunk's margins let every rule see as
//!   far as it may, and overlapping findings are settled in image order ([`confirm::overlap`]), so
//!   engines, thread counts and chunk sizes give the same records in the same order.
//! - **Nothing is missed silently.** Bytes that could not be read, files that could not be opened
//!   and containers that could not be decoded are in the summary, and in the exit code.
//!
//! To add a secret type, write a rule in `src/rules/*.toml` and, if it has a checksum or a format,
//! a validator in [`confirm::validate`]; `keydredge rules check` proves both. To add an engine,
//! implement [`anchor::Engine`] and add it to the suite in `tests/integration/engines.rs`.

pub mod anchor;
pub mod case;
pub mod chunk;
pub mod cli;
pub mod confirm;
pub mod deployment;
pub mod estate;
pub mod finding;
pub mod graph;
pub mod image;
pub mod report;
pub mod rule;
pub mod scan;
pub mod specimen;
pub mod unit;
pub mod volume;
