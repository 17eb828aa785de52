//! `keydredge bench`: what this machine does with its time.
//!
//! Speeds depend on the machine and the moment, so they are only comparable within one run.

mod engines;
mod rules;

use std::io::{self, Write};
use std::sync::Arc;

use super::args::{BenchArgs, GridFormat};
use super::case::shape;
use super::exit::{Ended, Failure};
use super::look;
use super::output::Output;
use super::scan::load_rules;
use crate::anchor::AnchorSet;
use crate::anchor::table::Table;
use crate::chunk::cut::Cut;
use crate::chunk::{Bytes, Chunk, Origin};
use crate::confirm::Confirmer;
use crate::image::Image;
use crate::report::grid;
use crate::scan;
use crate::specimen::disk;

const MIB: f64 = (1 << 20) as f64;

/// What is measured on what.
struct Subject {
    confirmer: Confirmer,
    table: Arc<Table>,
    data: Bytes,
    /// What the data is called.
    label: String,
}

pub(super) fn run(args: &BenchArgs) -> Result<Ended, Failure> {
    let rules = Arc::new(load_rules(&[])?);
    let anchors = Arc::new(AnchorSet::of_rules(&rules));
    let confirmer = Confirmer::new(rules, Arc::clone(&anchors));
    let (data, label) = data(args)?;
    let subject = Subject {
        confirmer: confirmer.map_err(|error| Failure::usage(error.to_string()))?,
        table: Arc::new(Table::compile(&anchors)),
        data,
        label,
    };
    let (heading, grid) = if args.rules {
        rules::measure(&subject)?
    } else {
        engines::measure(&subject, args.adapter.as_deref())?
    };
    let mut out = io::stdout().lock();
    if args.format == GridFormat::Table {
        writeln!(out, "{heading}\n")?;
    }
    let width = look::of(&Output::Standard).width;
    grid::write(&grid, shape(args.format), width, &mut out)?;
    out.flush()?;
    Ok(Ended::Complete)
}

/// The image's first bytes, or the demo disk.
fn data(args: &BenchArgs) -> Result<(Bytes, String), Failure> {
    let limit = usize::try_from(args.bytes).unwrap_or(usize::MAX);
    if let Some(path) = &args.image {
        let image = Image::open_plain(path).map_err(|error| Failure::usage(error.to_string()))?;
        let bytes = Bytes::mapped(Arc::clone(image.map()), 0..limit);
        if bytes.is_empty() {
            return Err(Failure::usage(format!(
                "{} is empty: nothing to measure",
                path.display()
            )));
        }
        return Ok((bytes, path.display().to_string()));
    }
    let (mut disk, _) =
        disk::build("bench", disk::DEMO_LEN).map_err(|error| Failure::usage(error.to_string()))?;
    disk.truncate(limit.max(1 << 20));
    Ok((Bytes::read(disk.into()), "the demo disk".to_owned()))
}

impl Subject {
    /// The first `len` bytes in chunks, with the margins that a scan gives them.
    fn chunks(&self, len: u64, body: u64) -> impl Iterator<Item = Chunk> {
        let origin = Arc::new(Origin {
            input: "bench".to_owned(),
            path: None,
            inside: None,
        });
        let cut: Cut = scan::cut(self.confirmer.rules(), &self.table, body);
        cut.pieces(0..self.len(), 0..len)
            .map(move |piece| piece.of(&origin, &self.data, 0))
    }

    fn len(&self) -> u64 {
        self.data.len() as u64
    }
}

/// A number that a reader can take in: four digits that count, or the whole part.
fn rounded(value: f64) -> serde_json::Value {
    if value.abs() >= 1000.0 {
        return (value.round() as i64).into();
    }
    let digits = 3 - value.abs().max(1e-3).log10().floor() as i32;
    let scale = 10_f64.powi(digits);
    ((value * scale).round() / scale).into()
}
