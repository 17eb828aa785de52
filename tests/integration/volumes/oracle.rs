//! What The Sleuth Kit says of an image.

use std::collections::BTreeSet;
use std::path::Path;

use keydredge::volume::attribute::{Owner, State};
use keydredge::volume::{FileSystem, NodeId, Seam, Volumes};

use super::{mark, owners, run, stdout};

/// A file as `fiwalk` describes it.
#[derive(Debug)]
pub struct Told {
    pub path: String,
    pub inode: u64,
    pub allocated: bool,
    pub owner: (u32, u32),
    pub mode: u16,
    pub size: u64,
    pub modified: String,
    /// Offset in the file, offset in the image, length.
    pub runs: Vec<(u64, u64, u64)>,
}

/// Every file of an undivided image; the oracle's own pseudo-files are left out, and so are deleted
/// names whose number belongs to another file by now.
pub(super) fn files(image: &Path) -> Vec<Told> {
    let reused = stdout(&run("fls", &["-rp", image.to_str().unwrap()]));
    let reused = reused.lines().filter(|line| line.contains("(realloc)"));
    let reused: Vec<_> = reused
        .filter_map(|line| Some(format!("/{}", line.split_once(":\t")?.1)))
        .collect();
    let text = stdout(&run("fiwalk", &["-x", image.to_str().unwrap()]));
    let objects = text.split("<fileobject>").skip(1);
    let told = objects.filter_map(|object| {
        let object = object.split("</fileobject>").next()?;
        let own = object.split("</parent_object>").last()?;
        let number = |name| field(own, name).and_then(|text| text.parse::<u64>().ok());
        let path = format!("/{}", field(own, "filename")?);
        let pseudo = path.contains("/$") || path.ends_with("/.") || path.ends_with("/..");
        let runs = own.split("<byte_run ").skip(1).filter_map(|run| {
            // Of what lies inside a record it does not tell the place.
            let run = Some(run).filter(|run| !run.contains("resident"))?;
            let value = |name: &str| {
                let text = run.split(&format!("{name}='")).nth(1)?;
                text.split('\'').next()?.parse().ok()
            };
            Some((value("file_offset")?, value("img_offset")?, value("len")?))
        });
        (!pseudo && !reused.contains(&path)).then(|| Told {
            path,
            inode: number("inode").unwrap_or(0),
            allocated: field(own, "alloc").is_some(),
            owner: (
                u32::try_from(number("uid").unwrap_or(0)).unwrap(),
                u32::try_from(number("gid").unwrap_or(0)).unwrap(),
            ),
            mode: u16::try_from(number("mode").unwrap_or(0)).unwrap(),
            size: number("filesize").unwrap_or(0),
            modified: field(own, "mtime").unwrap_or_default().to_owned(),
            runs: runs.collect(),
        })
    });
    let told: Vec<_> = told.collect();
    assert!(!told.is_empty(), "fiwalk found no files: {text}");
    told
}

/// The text of an element, which may have attributes.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let opening = format!("<{name}");
    let after = text.split(&opening).skip(1);
    let mut found = after.filter(|rest| rest.starts_with(['>', ' ']));
    let (_, inside) = found.next()?.split_once('>')?;
    inside.split("</").next()
}

/// A place in a file, and the file's index.
pub(super) struct Sample {
    pub(super) at: u64,
    pub(super) file: usize,
    pub(super) offset: u64,
}

/// About `count` places spread evenly over all runs, block by block.
pub(super) fn samples(told: &[Told], block: u64, count: usize) -> Vec<Sample> {
    let mut all = Vec::new();
    for (file, told) in told.iter().enumerate() {
        for (offset, at, len) in &told.runs {
            for step in (0..*len).step_by(usize::try_from(block).unwrap()) {
                let inside = step + (step * 7 + offset) % block.min(len - step);
                all.push(Sample {
                    at: at + inside,
                    file,
                    offset: offset + inside,
                });
            }
        }
    }
    let step = (all.len() / count).max(1);
    all.into_iter().step_by(step).collect()
}

/// The owner of a sample must be the file that the oracle names, with all that is known of it.
pub(super) fn assert_owner(sample: &Sample, told: &Told, owners: &[Owner]) {
    let same = owners.iter().find(|owner| {
        owner.inode == Some(NodeId(told.inode))
            && (owner.path.as_deref() == Some(&told.path) || !told.allocated)
    });
    let context = || format!("{:#x} of {told:?}: {owners:?}", sample.at);
    let owner = same.unwrap_or_else(|| panic!("no such owner of {}", context()));
    assert_eq!(owner.file_offset, Some(sample.offset), "{}", context());
    assert_eq!(owner.deleted, !told.allocated, "{}", context());
    let wanted = if told.allocated {
        State::Allocated
    } else {
        State::Deleted
    };
    assert_eq!(owner.state, wanted, "{}", context());
    let node = owner.node.as_ref().unwrap();
    assert_eq!(node.size, told.size, "{}", context());
    let (seconds, _) = node.modified.unwrap();
    let modified = jiff::Timestamp::from_second(seconds).unwrap();
    let shown = told.modified.trim_end_matches('Z');
    assert_eq!(
        modified.to_string().trim_end_matches('Z'),
        shown,
        "{}",
        context()
    );
    if let Some(owner) = node.owner {
        assert_eq!(owner, told.owner, "{}", context());
        assert_eq!(node.mode, Some(told.mode & 0xfff), "{}", context());
    }
}

/// The first byte behind each live file is its slack.
pub(super) fn check_slack(volumes: &Volumes, told: &[Told], block: u64) {
    let last = |file: &Told| file.runs.last().map(|(_, at, len)| at + len);
    let ends = told.iter().filter(|file| file.allocated && file.size > 60);
    let ends = ends.filter_map(|file| Some((file, last(file)?)));
    let ends: Vec<_> = ends.filter(|(_, end)| end % block != 0).collect();
    assert!(ends.len() > 40);
    let places: Vec<u64> = ends.iter().map(|(_, end)| *end).collect();
    for ((file, end), owners) in ends.iter().zip(owners(volumes, &places)) {
        let is_slack = owners.iter().any(|owner| {
            owner.inode == Some(NodeId(file.inode))
                && owner.path.as_deref() == Some(&*file.path)
                && owner.state == State::Slack
        });
        assert!(is_slack, "{} at {end:#x}: {owners:?}", file.path);
    }
}

/// Every block that the allocation maps say is in use has a live owner, and no other has.
pub(super) fn check_allocation(image: &Path, volumes: &Volumes, block: u64) {
    let listed = stdout(&run("blkls", &["-el", image.to_str().unwrap()]));
    let listed: Vec<(u64, bool)> = listed
        .lines()
        .filter_map(|line| {
            let (number, state) = line.split_once('|')?;
            Some((number.parse().ok()?, state == "a"))
        })
        .collect();
    assert!(listed.len() > 4000);
    let places: Vec<u64> = listed
        .iter()
        .map(|(number, _)| number * block + 1)
        .collect();
    for ((number, allocated), owners) in listed.iter().zip(owners(volumes, &places)) {
        // The slack of a deleted file is in no one's use either.
        let live = match owners[0].state {
            State::Slack => !owners[0].deleted,
            state => matches!(
                state,
                State::Allocated | State::Metadata | State::JournalCopy
            ),
        };
        assert_eq!(live, *allocated, "block {number}: {owners:?}");
        let lost = owners[0].detail.as_deref() == Some("in use, but by no file");
        assert!(!lost, "block {number}");
    }
}

/// The bytes of each seam are the file's, and the fragmented file `big` has some.
pub(super) fn check_seams(image: &[u8], reader: &dyn FileSystem, big: u32) {
    let mut fragmented = BTreeSet::new();
    let mut joins = 0;
    reader.seams(512, &mut |seam: &Seam| {
        let mut bytes = Vec::new();
        for piece in &seam.pieces {
            let range = usize::try_from(piece.start).unwrap()..usize::try_from(piece.end).unwrap();
            bytes.extend(&image[range]);
        }
        assert_eq!(u64::try_from(bytes.len()).unwrap(), seam.len());
        joins += seam.pieces.len() - 1;
        let mut first = None;
        for mark in mark::find(&bytes) {
            let file = *first.get_or_insert(mark.file);
            // What a deleted file had may be another's by now.
            if !seam.deleted {
                assert_eq!(mark.file, file);
                assert_eq!(seam.file_offset + mark.at, mark.offset);
                fragmented.insert(file);
            }
        }
    });
    assert!(fragmented.contains(&big));
    assert!(joins > 20, "only {joins} joins");
}
