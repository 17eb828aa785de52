//! `keydredge info`: what an image is, and how much of it can be read.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::args::InfoArgs;
use super::exit::{Ended, Failure};
use crate::image::{Image, ImageError};
use crate::report::terminal::visible;
use crate::unit::human_bytes;
use crate::volume::disk::Guest;
use crate::volume::{Content, Disk, Volume, volumes};

pub(super) fn run(args: &InfoArgs) -> Result<Ended, Failure> {
    let (image, refused) = open(&args.image)?;
    let image = Arc::new(image);
    let disk: Disk = Arc::new(Guest::new(Arc::clone(&image)));
    let found = volumes(&disk);
    let about = image.describe();
    let mut warnings = about.warnings.clone();
    let is_refused = refused.is_some();
    warnings.extend(refused);
    warnings.extend(found.warnings);
    warnings.extend_from_slice(&found.missing);
    let mut out = io::stdout().lock();
    if is_refused {
        let container = image.recognised();
        writeln!(out, "container    {container}, which cannot be read")?;
        writeln!(
            out,
            "             taken as it lies: positions are those of the file, and what it compresses \
             or splits is not seen"
        )?;
    } else {
        writeln!(out, "container    {}", about.format)?;
    }
    for (name, value) in &about.facts {
        writeln!(out, "             {}: {}", visible(name), visible(value))?;
    }
    for part in &about.parts {
        let path = visible(&part.path.to_string_lossy());
        writeln!(out, "{:<12} {path}, {} bytes", part.role, part.len)?;
    }
    writeln!(
        out,
        "disk         {} bytes ({})",
        about.len,
        human_bytes(about.len)
    )?;
    let shares = [
        ("stored", about.mapped),
        ("compressed", about.compressed),
        ("holes", about.holes),
        ("unreadable", about.unreadable),
    ];
    for (name, bytes) in shares.into_iter().filter(|(_, bytes)| *bytes > 0) {
        writeln!(out, "{name:<12} {bytes} bytes ({})", human_bytes(bytes))?;
    }
    for volume in &found.volumes {
        writeln!(out)?;
        show(volume, &mut out)?;
        if let Content::FileSystem(file_system) = &volume.content {
            warnings.extend(file_system.warnings());
        }
    }
    if !warnings.is_empty() {
        writeln!(out)?;
    }
    for warning in &warnings {
        writeln!(out, "warning: {}", visible(warning))?;
    }
    let is_whole = !is_refused && about.unreadable == 0 && found.missing.is_empty();
    Ok(if is_whole {
        Ended::Complete
    } else {
        Ended::Incomplete
    })
}

/// The image; if its container cannot be read, the file as it lies and the reason.
fn open(path: &Path) -> Result<(Image, Option<String>), Failure> {
    let unusable = |error: ImageError| Failure::usage(error.to_string());
    match Image::open(path) {
        Err(error) if error.is_about_the_container() => Ok((
            Image::open_plain(path).map_err(unusable)?,
            Some(error.to_string()),
        )),
        other => Ok((other.map_err(unusable)?, None)),
    }
}

fn show(volume: &Volume, out: &mut impl Write) -> io::Result<()> {
    let number = volume
        .number
        .map_or_else(|| "-".to_owned(), |number| number.to_string());
    write!(out, "volume {number:<5} {}", volume.scheme)?;
    if !volume.kind.is_empty() {
        write!(out, ", {}", visible(&volume.kind))?;
    }
    if let Some(label) = &volume.label {
        write!(out, ", \"{}\"", visible(label))?;
    }
    writeln!(out)?;
    for range in volume.part.ranges() {
        let len = human_bytes(range.end.saturating_sub(range.start));
        writeln!(
            out,
            "             {:#x}..{:#x} ({len})",
            range.start, range.end
        )?;
    }
    match &volume.content {
        Content::FileSystem(file_system) => {
            write!(out, "             {}", file_system.name())?;
            if let Some(label) = file_system.label() {
                write!(out, " \"{}\"", visible(label))?;
            }
            writeln!(
                out,
                ", {} byte blocks: files are named",
                file_system.block_size()
            )
        }
        Content::PhysicalVolume => {
            writeln!(
                out,
                "             LVM2 physical volume; its logical volumes follow"
            )
        }
        Content::Swap => writeln!(out, "             swap space"),
        Content::Unread {
            name,
            encrypted: true,
        } => {
            writeln!(
                out,
                "             {name}, encrypted: its content cannot be searched"
            )
        }
        Content::Unread {
            name,
            encrypted: false,
        } => {
            writeln!(
                out,
                "             {name}: searched byte by byte, its files are not named"
            )
        }
        Content::Unknown => {
            writeln!(out, "             nothing known: searched byte by byte")
        }
    }
}
