//! The catalogue: which secrets exist, what they look like, and what proves them.
//!
//! Rules are data. A [`SecretType`] is one row of the table a security team reads (`GitHub
//! personal access token`); its [`Variant`]s are the shapes it takes on disk. Every variant names
//! its **anchors**: the fixed byte strings one of which must occur in every match (YARA calls
//! them atoms, Snort fast patterns). Rules know nothing of engines or regex crates; they are read,
//! checked for sense, and handed on.

mod fragment;
pub mod load;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::ByteClass;

/// How bad it is that this secret lies there. The names are those of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing, opens nothing now (an expired link).
    Info,
    /// Opens little, or for a short time.
    Low,
    /// Opens something of its own only.
    Medium,
    /// Opens a service, an account or a machine.
    High,
    /// Opens an account that opens others.
    Critical,
}

impl Severity {
    /// All of them, gravest last.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// Why a secret has it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Info => "it is worth knowing, and opens nothing now",
            Self::Low => "it opens little, or for a short time",
            Self::Medium => "it opens something of its own only",
            Self::High => "it opens a service, an account or a machine",
            Self::Critical => "it opens an account that opens others",
        }
    }

    /// The lower-case word of the record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Which secrets to look for: the two columns of the catalogue's table, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Types found on virtual machine disks.
    Vm,
    /// Types found in cloud deployments.
    Deployment,
    /// Every type.
    All,
}

/// One way to recognise that a variant may begin here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnchorSpec {
    /// A fixed byte string of 3 to 16 bytes.
    Literal {
        /// The bytes as they must occur.
        bytes: Vec<u8>,
        /// ASCII letters match in either case.
        nocase: bool,
        /// If set, the byte after the literal must be of this class. Three-byte literals should
        /// have one: it keeps them rare.
        follow: Option<ByteClass>,
    },
    /// A maximal run of bytes of one class, for secrets without any fixed literal.
    Run {
        /// The bytes of the run.
        class: ByteClass,
        /// Shortest run that counts, in bytes; at least [`AnchorSpec::SHORTEST_RUN`].
        min: u32,
        /// Longest run that counts, in bytes.
        max: u32,
    },
}

impl AnchorSpec {
    /// Shortest literal: below this every engine would drown in hits.
    pub const SHORTEST: usize = 3;
    /// Longest literal; a longer one adds cost and no selectivity.
    pub const LONGEST: usize = 16;
    /// Shortest run: it must cover one whole aligned 16-byte block wherever it lies.
    pub const SHORTEST_RUN: u32 = 31;
}

/// One word to read: `"AKIA"`, `"pwd"i` where case does not matter, `"ghp_"[0-9A-Za-z]` with the
/// class of the next byte, `[2-7a-z]{52,53}` for a run.
impl fmt::Display for AnchorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal {
                bytes,
                nocase,
                follow,
            } => {
                let case = if *nocase { "i" } else { "" };
                write!(f, "\"{}\"{case}", bytes.escape_ascii())?;
                follow.map_or(Ok(()), |class| write!(f, "[{class}]"))
            }
            Self::Run { class, min, max } => write!(f, "[{class}]{{{min},{max}}}"),
        }
    }
}

/// How far around an anchor's first byte the confirm stage may look, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Bytes before the anchor's first byte.
    pub before: u32,
    /// Bytes from the anchor's first byte on.
    pub after: u32,
}

/// One shape of a secret type.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Name within the type, as in the record: `classic`.
    pub name: String,
    /// Index of the type in [`RuleSet::types`].
    pub type_index: usize,
    /// Any one of these occurs in every match.
    pub anchors: Vec<AnchorSpec>,
    /// How often they occur together, in hits per MiB of the files of a Linux system (`/usr` of a
    /// Debian machine), if it was measured: what the variant costs before its pattern is tried.
    pub rate: Option<f64>,
    /// What the confirm stage may look at.
    pub reach: Reach,
    /// Regular expression over bytes (Unicode off) with a group `secret`, and optionally groups
    /// that name the target.
    pub pattern: String,
    /// Whether the variant is of the built-in catalogue, whose patterns the tests compile.
    pub proven: bool,
    /// Name of the validator in `confirm::validate`.
    pub validate: String,
    /// When two findings share bytes the higher number stays; equal numbers keep the longer one.
    pub precedence: u8,
    /// Templates (`token={github-classic}`) of texts in which the variant must be found; the
    /// braces name a specimen that is made at run time, so that no key lies in the rule file.
    pub examples: Vec<String>,
    /// Texts in which the variant must not be found.
    pub counter_examples: Vec<String>,
}

/// One row of the table of secret types.
#[derive(Clone, Debug)]
pub struct SecretType {
    /// Stable identifier, as in the record.
    pub id: String,
    /// The row's text.
    pub name: String,
    /// Default severity of a finding.
    pub severity: Severity,
    /// Column "Virtual machines".
    pub vm: bool,
    /// Column "Cloud deployments".
    pub deployment: bool,
    /// Column "Review location".
    pub review: String,
    /// The strongest verdict the type can reach, in the words of the verdict ladder.
    pub strength: String,
    /// In which shapes it reaches only a weaker one, or a stronger one; empty if in none.
    pub strength_note: String,
    /// Where on a disk it is usually found.
    pub found_in: Vec<String>,
    /// Values that are published (documentation, emulators) and therefore no finding: the keyed
    /// part is not needed, these are not secrets.
    pub published: Vec<String>,
    /// Documents the facts were taken from.
    pub references: Vec<String>,
}

/// A loaded and checked catalogue.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// The secret types in catalogue order.
    pub types: Vec<SecretType>,
    /// All variants of all types; a variant's index is its identity within a run.
    pub variants: Vec<Variant>,
    /// BLAKE3 of the rule texts in load order, hex: two runs with the same hash looked for the
    /// same things.
    pub hash: String,
}

impl RuleSet {
    /// The type a variant belongs to.
    #[must_use]
    pub fn type_of(&self, variant: &Variant) -> &SecretType {
        &self.types[variant.type_index]
    }

    /// The variants of a type.
    pub fn variants_of<'r>(&'r self, id: &'r str) -> impl Iterator<Item = &'r Variant> {
        let of_type = move |variant: &&Variant| self.type_of(variant).id == id;
        self.variants.iter().filter(of_type)
    }

    /// The anchors of a type, each once, in the order of the rule file.
    #[must_use]
    pub fn anchors_of(&self, id: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        self.variants_of(id)
            .flat_map(|variant| &variant.anchors)
            .map(ToString::to_string)
            .filter(|anchor| seen.insert(anchor.clone()))
            .collect()
    }

    /// Keeps the types that `keep` accepts, with their variants. The hash stays that of the
    /// files: it says what was loaded, the summary says what was selected.
    #[must_use]
    pub fn select(&self, keep: impl Fn(&SecretType) -> bool) -> Self {
        let mut types = Vec::new();
        let mut variants = Vec::new();
        for (index, secret_type) in self.types.iter().enumerate() {
            if !keep(secret_type) {
                continue;
            }
            let type_index = types.len();
            types.push(secret_type.clone());
            let own = self
                .variants
                .iter()
                .filter(|variant| variant.type_index == index);
            variants.extend(own.map(|variant| Variant {
                type_index,
                ..variant.clone()
            }));
        }
        Self {
            types,
            variants,
            hash: self.hash.clone(),
        }
    }

    /// Keeps the types of a profile.
    #[must_use]
    pub fn profile(&self, profile: Profile) -> Self {
        self.select(|secret_type| match profile {
            Profile::Vm => secret_type.vm,
            Profile::Deployment => secret_type.deployment,
            Profile::All => true,
        })
    }

    /// The widest reach of any variant: the margin a chunk must carry.
    #[must_use]
    pub fn widest_reach(&self) -> Reach {
        self.variants.iter().fold(
            Reach {
                before: 0,
                after: 0,
            },
            |widest, variant| Reach {
                before: widest.before.max(variant.reach.before),
                after: widest.after.max(variant.reach.after),
            },
        )
    }
}
