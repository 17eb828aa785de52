//! The evidence of a finding, or what is known of an asset, as lines under labels.
//!
//! One list of facts is drawn twice: as part of the page, for paper and readers without script, and
//! as JSON, for the script that shows a row that was picked.

use serde_json::Value;

use super::{hexdump, short};
use crate::graph::detail::{Asset, Finding, Spot};
use crate::graph::recommendation::steps;
use crate::report::terminal::visible;

/// Sector of a disk, by which other tools count.
const SECTOR: i64 = 512;
/// Lines of one fact; more are counted.
const MOST: usize = 100;

/// A label, and the lines under it.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) lines: Vec<String>,
}

/// Collects facts that are not empty.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn lines(&mut self, label: &'static str, lines: impl IntoIterator<Item = String>) {
        let mut lines: Vec<String> = lines
            .into_iter()
            .filter(|line| !line.is_empty())
            .map(|line| line.split('\n').map(visible).collect::<Vec<_>>().join("\n"))
            .collect();
        if lines.len() > MOST {
            let more = lines.len() - MOST;
            lines.truncate(MOST);
            lines.push(format!("and {more} more"));
        }
        if !lines.is_empty() {
            self.0.push(Fact { label, lines });
        }
    }

    fn line(&mut self, label: &'static str, line: impl Into<String>) {
        self.lines(label, [line.into()]);
    }
}

/// Label of the steps.
pub(super) const STEPS: &str = "What to do";

/// Label of the bytes around a secret.
pub(super) const AROUND: &str = "Bytes around it";

/// The evidence of a finding; with the bytes around its first place if `bytes`.
pub(super) fn of_finding(finding: &Finding, bytes: bool) -> Vec<Fact> {
    let mut facts = Facts::default();
    let [uid, name, kind, _] = &finding.asset;
    facts.line("Secret", &finding.preview);
    facts.line(
        "Type",
        format!("{}, {}", finding.secret_type, finding.variant),
    );
    facts.line("Priority", &finding.priority);
    facts.line("Recommendation", finding.recommendation());
    facts.line(
        "On",
        if name.is_empty() || name == uid {
            uid.clone()
        } else {
            format!("{name}\n{uid}")
        },
    );
    facts.lines("Places", finding.spots.iter().map(place));
    let mut spots = finding.spots.iter().filter(|_| bytes);
    let around = spots.find_map(|spot| spot.surroundings.as_ref());
    let dump = around.map(|around| hexdump::lines(around, &finding.preview));
    facts.lines(AROUND, dump.into_iter().flatten());
    facts.lines(
        "Opens",
        finding.opens.iter().map(|opening| {
            format!(
                "{}\n{} ({} % sure): {}",
                short(&opening.name, &opening.target),
                opening.how,
                opening.confidence,
                opening.evidence
            )
        }),
    );
    facts.lines("Also on", finding.also_on.iter().cloned());
    facts.line("Public key", finding.public_key.as_deref().unwrap_or(""));
    facts.line("Key id", finding.key_id.as_deref().unwrap_or(""));
    facts.line("Expires", finding.expires.as_deref().unwrap_or(""));
    let remarks = [
        (finding.protected, "under a passphrase"),
        (finding.revoked, "switched off by its owner"),
    ];
    facts.lines(
        "Remarks",
        remarks
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, remark)| (*remark).to_owned())
            .chain([finding.note.clone()])
            .chain(
                finding
                    .until
                    .iter()
                    .map(|day| format!("accepted until {day}")),
            ),
    );
    let pairs = finding.identity.iter().chain(&finding.details);
    facts.lines(
        "Details",
        pairs
            .filter(|(_, value)| !value.is_null())
            .filter(|(name, _)| *name != "public_key" && *name != "key_id")
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            }),
    );
    let [first, last] = &finding.seen;
    let day = |time: &str| time.get(..19).unwrap_or(time).replace('T', " ");
    facts.line("Seen", format!("first {}, last {}", day(first), day(last)));
    facts.line("Fingerprint", &finding.fingerprint);
    let steps = (1..).zip(steps(&finding.family, kind == "deployment"));
    facts.lines(
        STEPS,
        steps.map(|(number, step)| format!("{number}. {step}")),
    );
    facts.0
}

/// Where it lies: the file, then the bytes, as an examiner finds them again.
fn place(spot: &Spot) -> String {
    let mut first = spot.image.clone();
    for more in [
        Some(&spot.path).filter(|path| !path.is_empty()),
        spot.pointer.as_ref(),
        spot.resource.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        first.push_str("  ");
        first.push_str(more);
    }
    let last = spot
        .offset
        .saturating_add(spot.length.max(1))
        .saturating_sub(1);
    let mut facts = vec![format!(
        "bytes {:#x}..{:#x} ({} at {}, sector {})",
        spot.offset,
        last,
        spot.length,
        spot.offset,
        spot.offset / SECTOR
    )];
    if spot.forensic_path != spot.offset.to_string() {
        facts.push(format!("through {}", spot.forensic_path));
    }
    let encoding = spot.encoding.replace(',', ", ");
    facts.extend(Some(encoding).filter(|names| !names.is_empty()));
    facts.extend(spot.partition.map(|number| format!("partition {number}")));
    facts.extend(spot.filesystem.clone());
    facts.extend(spot.inode.map(|number| format!("inode {number}")));
    let in_file = spot.file_offset.filter(|at| *at != spot.offset);
    facts.extend(in_file.map(|at| format!("byte {at:#x} of the file")));
    facts.extend(
        spot.owner
            .map(|(user, group)| format!("owner {user}:{group}")),
    );
    facts.extend(spot.mode.as_ref().map(|mode| format!("mode {mode}")));
    facts.extend(spot.line.map(|number| format!("line {number}")));
    facts.extend(spot.state.clone());
    facts.extend(spot.modified.as_ref().map(|time| format!("changed {time}")));
    facts.extend(Some(spot.labels.clone()).filter(|labels| !labels.is_empty()));
    facts.extend(spot.also.iter().map(|other| {
        let path = other.path.as_deref().unwrap_or("no file");
        format!("also {path} ({})", other.state)
    }));
    if spot.gone {
        facts.push("no longer there in a later complete scan".to_owned());
    }
    format!("{first}\n{}", facts.join(" · "))
}

/// Where a finding lies, in a cell.
pub(super) fn where_short(finding: &Finding) -> String {
    let Some(spot) = finding.spots.first() else {
        return String::new();
    };
    let file = match (&spot.pointer, &*spot.path) {
        (Some(pointer), _) => pointer,
        (None, "") => &spot.image,
        (None, path) => path,
    };
    let more = match finding.spots.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    };
    format!("{file} at {:#x}{more}", spot.offset)
}

/// What a finding opens, in a cell.
pub(super) fn opens_short(finding: &Finding) -> String {
    let mut names: Vec<&str> = finding
        .opens
        .iter()
        .map(|opening| short(&opening.name, &opening.target))
        .collect();
    names.dedup();
    match &names[..] {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, more @ ..] => format!("{one} and {} more", more.len()),
    }
}

/// What is known of an asset.
pub(super) fn of_asset(asset: &Asset) -> Vec<Fact> {
    let mut facts = Facts::default();
    facts.line("Id", &asset.uid);
    facts.line("Service", &asset.service);
    facts.line("Account", &asset.account);
    facts.line("Region", &asset.region);
    facts.line("Open ports", &asset.ports);
    let remarks = [
        (!asset.running, "stopped"),
        (asset.sensitive, "holds sensitive data"),
        (asset.stub, "named by a secret, in no inventory"),
    ];
    facts.lines(
        "Remarks",
        remarks
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, remark)| (*remark).to_owned()),
    );
    facts.lines("Images", asset.images.iter().cloned());
    facts.lines("Vulnerabilities", asset.vulnerabilities.iter().cloned());
    facts.lines("Opened by", asset.opened_by.iter().cloned());
    facts.lines("Other names", asset.names.iter().cloned());
    facts.0
}
