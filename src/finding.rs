//! What is reported: one secret at one place, in the shape of the record.
//!
//! The record is a contract with every program downstream: fields may be added, none renamed. A
//! plaintext secret never enters it unless the user asked to see it; the same secret is
//! recognised elsewhere by its keyed [`Fingerprint`](fingerprint::Key).

pub mod deployment;
pub mod fingerprint;
pub mod label;
pub mod line;
pub mod summary;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::rule::Severity;

/// How sure we are, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The shape and the context fit.
    Pattern,
    /// It parses as what it claims to be.
    Structure,
    /// A checksum inside the secret holds.
    Checksum,
    /// A second thing on the disk proves it: its key id, a signature made with it, its public half.
    Paired,
}

impl Verdict {
    /// All of them, weakest first.
    pub const ALL: [Self; 4] = [Self::Pattern, Self::Structure, Self::Checksum, Self::Paired];

    /// What it says, in the words of a person.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Pattern => "its shape and the text around it fit; look at it before acting",
            Self::Structure => "it parses as what it claims to be",
            Self::Checksum => "a checksum inside it holds, so that chance is ruled out",
            Self::Paired => {
                "something else that was found proves it: its key id, a signature made with it, or \
                 its public half"
            }
        }
    }

    /// The word of the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Structure => "structure",
            Self::Checksum => "checksum",
            Self::Paired => "paired",
        }
    }
}

/// What a secret opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `storage-account`, `sql-database`, `s3-bucket`, `organisation`, ...
    pub kind: String,
    /// Its name at the provider.
    pub name: String,
    /// Host or URL, if the text around the secret shows it.
    pub endpoint: Option<String>,
}

/// Characters of a label that are shown.
const LONGEST_LABEL: usize = 24;

/// The secret itself, redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// What a person recognises it by: the beginning of its public fingerprint, where it has one,
    /// else its first and last characters.
    pub preview: String,
    /// Length in bytes after decoding.
    pub length: usize,
    /// The plaintext; only with `--reveal`.
    pub value: Option<String>,
}

impl Secret {
    /// Redacts a secret to a public label, or to its own ends if it has none; keeps the plaintext
    /// only if `reveal`.
    #[must_use]
    pub fn new(bytes: &[u8], label: Option<&str>, reveal: bool) -> Self {
        Self {
            preview: label.map_or_else(|| preview(bytes), shown_label),
            length: bytes.len(),
            value: reveal.then(|| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// Another owner of the place where a secret lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// In what way it owns the byte.
    pub state: String,
    /// Name of the file system.
    pub filesystem: Option<String>,
    /// The file.
    pub path: Option<String>,
    /// First byte in that file.
    pub file_offset: Option<u64>,
    /// Inode number of that file.
    pub inode: Option<u64>,
}

/// Some of the bytes of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// First byte in the image.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// The bytes around a secret, two hexadecimal digits each, with [`Surroundings::HIDDEN`] for each
/// byte of another secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// Position of the first of them, in what the secret was read from: the image, the file that
    /// was put together, or what the last decoder gave.
    pub offset: u64,
    /// Those before the secret.
    pub before: String,
    /// Bytes of the secret between them, which are not shown.
    pub length: u64,
    /// Those behind it.
    pub after: String,
}

impl Surroundings {
    /// Stands for a byte that is hidden.
    pub const HIDDEN: &'static str = "**";
}

/// Where it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The input as the user named it.
    pub input: String,
    /// First byte in the image, stream or file: of the secret, or of the outermost compressed
    /// stream that it lies in.
    pub offset: u64,
    /// Bytes it takes there, encoded as it lies: those of the secret, or of the whole compressed
    /// stream, from its magic number to the last byte that was decoded, or of the blocks of a file
    /// that the file system compressed; the sum of `pieces` if there are any.
    pub length: u64,
    /// Position through decoders: `1048576-GZIP-300` is byte 300 of what the gzip stream at
    /// 1048576 gives.
    pub forensic_path: String,
    /// The bytes of the image that give the secret, in the order of the file, where they do not lie
    /// in one piece: its own in a fragmented file, whole blocks in a compressed one. Of more than a
    /// thousand the first ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<Piece>,
    /// Encodings undone on the way, outermost first.
    pub encoding: Vec<String>,
    /// Partition number, from 1.
    pub partition: Option<u32>,
    /// Name of the file system.
    pub filesystem: Option<String>,
    /// The file that holds it.
    pub path: Option<String>,
    /// First byte in that file.
    pub file_offset: Option<u64>,
    /// Inode number of that file.
    pub inode: Option<u64>,
    /// `allocated`, `deleted`, `slack`, `unallocated`, ...
    pub state: Option<String>,
    /// Numbers of the file's user and group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<(u32, u32)>,
    /// Unix permission bits of the file, octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Last modification of that file, RFC 3339.
    pub modified: Option<String>,
    /// What else owns the byte: other names of the file, files that share or reused its blocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Place>,
    /// Line in a text file, from 1.
    pub line: Option<u64>,
    /// Column in that line, in bytes from 1.
    pub column: Option<u64>,
    /// JSON pointer in a structured document.
    pub pointer: Option<String>,
    /// The cloud deployment it lies in, by its own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// What sort of deployment: `arm.deployment`, `cfn.template`, `tf.state`, `k8s.manifest`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_kind: Option<String>,
    /// The resource of the deployment: an id, a logical id, an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What the value is there for: `parameter`, `output`, `tag`, `variable`, `property`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What lies around it, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surroundings: Option<Surroundings>,
    /// Remarks that do not change the verdict: `test-directory`.
    pub labels: Vec<String>,
}

impl Occurrence {
    /// Whether the input is a disk, so that offsets are those of the disk and a path is one of a
    /// file system on it.
    #[must_use]
    pub fn is_on_disk(&self) -> bool {
        self.partition.is_some() || self.filesystem.is_some() || self.inode.is_some()
    }

    /// The ranges of the input that give the secret, as offset and length.
    #[must_use]
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        if self.pieces.is_empty() {
            return vec![(self.offset, self.length)];
        }
        let pieces = self.pieces.iter();
        pieces.map(|piece| (piece.offset, piece.length)).collect()
    }
}

/// One secret at one place: a line of the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// [`Finding::SCHEMA`].
    pub schema: String,
    /// Identifier of the secret type.
    #[serde(rename = "type")]
    pub secret_type: String,
    /// Shape within the type.
    pub variant: String,
    /// How bad it is.
    pub severity: Severity,
    /// How sure we are.
    pub verdict: Verdict,
    /// Keyed hash of type and canonical value.
    pub fingerprint: String,
    /// The secret, redacted.
    pub secret: Secret,
    /// Where it lies.
    pub occurrence: Occurrence,
    /// What it opens.
    pub target: Option<Target>,
    /// Whose it is.
    pub identity: Map<String, Value>,
    /// When it stops working, RFC 3339.
    pub expires: Option<String>,
    /// Whether that moment has passed.
    pub expired: Option<bool>,
    /// Facts particular to the type.
    pub details: Map<String, Value>,
    /// Why it is not believed; present only with `--include-suppressed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
}

impl Finding {
    /// Name and version of the record.
    pub const SCHEMA: &'static str = "keydredge.finding/1";
}

/// A label may hold a name from the disk, and a preview is printed on terminals.
fn shown_label(label: &str) -> String {
    let is_plain =
        |character: &char| character.is_ascii_graphic() || matches!(character, ' ' | '…');
    label
        .chars()
        .map(|character| Some(character).filter(is_plain).unwrap_or('.'))
        .take(LONGEST_LABEL)
        .collect()
}

/// `ghp_…9aZ1`: at most a third of the characters, at most four at each end, nothing of a short
/// secret. Anything but printable ASCII is shown as `.`: a preview is printed on terminals.
fn preview(bytes: &[u8]) -> String {
    let shown = |part: &[u8]| -> String {
        let visible = |byte: &u8| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '.'
            }
        };
        part.iter().map(visible).collect()
    };
    let edge = (bytes.len() / 6).min(4);
    let (head, tail) = (bytes.get(..edge), bytes.get(bytes.len() - edge..));
    format!(
        "{}…{}",
        shown(head.unwrap_or(&[])),
        shown(tail.unwrap_or(&[]))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_shows_at_most_a_third() {
        assert_eq!(
            preview(b"ghp_0123456789abcdefghijABCDEFGH456789aZ"),
            "ghp_…89aZ"
        );
        assert_eq!(preview(b"hunter2hunter2"), "hu…r2");
        assert_eq!(preview(b"short"), "…");
        assert_eq!(preview(b""), "…");
        assert_eq!(preview(b"\x1b[31m4567890123456789012345"), ".[31…2345");
    }

    #[test]
    fn a_value_is_kept_only_on_request() {
        assert_eq!(Secret::new(b"value", None, false).value, None);
        let shown = Secret::new(b"value", Some("label"), true);
        assert_eq!(shown.value.as_deref(), Some("value"));
    }

    #[test]
    fn a_label_stands_for_the_secret_and_cannot_drive_a_terminal() {
        let preview = |label| Secret::new(b"-----BEGIN", Some(label), false).preview;
        assert_eq!(preview("SHA256:bUvp…"), "SHA256:bUvp…");
        assert_eq!(preview("X\x1b[2J\u{202e}"), "X.[2J.");
        assert_eq!(preview(&"long ".repeat(9)).chars().count(), LONGEST_LABEL);
    }
}
