//! From TOML to a checked [`RuleSet`].
//!
//! The catalogue is compiled in; a user's own files go through the same door and are told, in the
//! same words, what is wrong and where. `example.toml` is the documentation of the format.

use std::collections::HashSet;

use serde::Deserialize;

use super::fragment::{self, Fragments};
use super::{AnchorSpec, Reach, RuleSet, SecretType, Severity, Variant};
use crate::unit::ByteClass;

/// Public keys that let somebody in: for scans that go into a case. Beside the catalogue, since they
/// are no secrets.
pub const AUTHORIZED_KEYS: (&str, &str) =
    ("authorized_key.toml", include_str!("authorized_key.toml"));
/// The type of [`AUTHORIZED_KEYS`].
pub const AUTHORIZED_KEY: &str = "ssh-authorized-key";

/// The built-in catalogue: file name and text. `tests/integration/rules.rs` checks that every
/// file under `src/rules` is listed.
pub const CATALOGUE: &[(&str, &str)] = &[
    ("aws.toml", include_str!("../rules/aws.toml")),
    ("azure.toml", include_str!("../rules/azure.toml")),
    ("azure_ai.toml", include_str!("../rules/azure_ai.toml")),
    (
        "azure_identity.toml",
        include_str!("../rules/azure_identity.toml"),
    ),
    (
        "azure_integration.toml",
        include_str!("../rules/azure_integration.toml"),
    ),
    (
        "azure_service.toml",
        include_str!("../rules/azure_service.toml"),
    ),
    ("cosmos.toml", include_str!("../rules/cosmos.toml")),
    ("database.toml", include_str!("../rules/database.toml")),
    (
        "database_aws.toml",
        include_str!("../rules/database_aws.toml"),
    ),
    ("odbc.toml", include_str!("../rules/odbc.toml")),
    ("generic.toml", include_str!("../rules/generic.toml")),
    ("google.toml", include_str!("../rules/google.toml")),
    ("microsoft.toml", include_str!("../rules/microsoft.toml")),
    (
        "private_key.toml",
        include_str!("../rules/private_key.toml"),
    ),
    ("saas.toml", include_str!("../rules/saas.toml")),
    ("web.toml", include_str!("../rules/web.toml")),
];

/// A rule file that documents the format, for users who write their own.
pub const EXAMPLE: &str = include_str!("example.toml");

/// The farthest a rule may look, in bytes each way: the largest private keys in PEM are about
/// 13 KiB, and every chunk carries a margin of the widest reach.
pub const LONGEST_REACH: u32 = 64 * 1024;

/// Why a rule file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what}")]
pub struct RuleError {
    /// Name of the rule file.
    pub file: String,
    /// What is wrong, with type, variant or line.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(rename = "fragment", default)]
    fragments: Fragments,
    #[serde(rename = "type", default)]
    types: Vec<TypeEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeEntry {
    id: String,
    name: String,
    severity: Severity,
    #[serde(default)]
    vm: bool,
    #[serde(default)]
    deployment: bool,
    #[serde(default)]
    review: String,
    #[serde(default)]
    strength: String,
    #[serde(default)]
    strength_note: String,
    #[serde(default)]
    found_in: Vec<String>,
    #[serde(default)]
    published: Vec<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default, rename = "fragment")]
    fragments: Fragments,
    #[serde(default, rename = "variant")]
    variants: Vec<VariantEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantEntry {
    name: String,
    anchors: Vec<AnchorEntry>,
    #[serde(default)]
    rate: Option<f64>,
    reach: Reach,
    pattern: String,
    #[serde(default = "no_validator")]
    validate: String,
    #[serde(default)]
    precedence: u8,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(default)]
    counter_examples: Vec<String>,
}

/// A rule without a validator is believed on its pattern alone.
fn no_validator() -> String {
    "pattern".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorEntry {
    literal: Option<String>,
    #[serde(default)]
    nocase: bool,
    follow: Option<String>,
    run: Option<String>,
    min: Option<u32>,
    max: Option<u32>,
}

/// The built-in catalogue.
///
/// # Errors
/// None in a released program: the tests load the same texts.
pub fn catalogue() -> Result<RuleSet, RuleError> {
    load(CATALOGUE.iter().copied())
}

/// Reads rule files, given as name and text, in order.
///
/// # Errors
/// The first thing that is wrong, with file, type and variant, or file and line for a text that
/// is not TOML of this shape.
pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<RuleSet, RuleError> {
    let mut set = RuleSet {
        types: Vec::new(),
        variants: Vec::new(),
        hash: String::new(),
    };
    let mut seen = HashSet::new();
    let mut hasher = blake3::Hasher::new();
    let fail = |file: &str, what: String| RuleError {
        file: file.to_owned(),
        what,
    };
    let mut parsed: Vec<(&str, bool, RuleFile)> = Vec::new();
    let mut shared = Fragments::new();
    for (file, text) in files {
        hasher.update(text.as_bytes());
        let mut rules: RuleFile =
            toml::from_str(text).map_err(|error| fail(file, error.to_string()))?;
        for (name, fragment) in std::mem::take(&mut rules.fragments) {
            if shared.insert(name.clone(), fragment).is_some() {
                return Err(fail(file, format!("fragment `{name}` is defined twice")));
            }
        }
        let built_in = CATALOGUE.iter().chain([&AUTHORIZED_KEYS]);
        let proven = built_in.into_iter().any(|(_, known)| *known == text);
        parsed.push((file, proven, rules));
    }
    for (file, proven, rules) in parsed {
        for entry in rules.types {
            if !seen.insert(entry.id.clone()) {
                return Err(fail(file, format!("type `{}` is defined twice", entry.id)));
            }
            add_type(&mut set, entry, &shared, proven).map_err(|what| fail(file, what))?;
        }
    }
    set.hash = hasher.finalize().to_hex().to_string();
    Ok(set)
}

fn add_type(
    set: &mut RuleSet,
    entry: TypeEntry,
    shared: &Fragments,
    proven: bool,
) -> Result<(), String> {
    let id_is_plain = !entry.id.is_empty()
        && entry
            .id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !id_is_plain {
        return Err(format!(
            "type id `{}` must be lower-case letters, digits and `-` only",
            entry.id
        ));
    }
    if entry.variants.is_empty() {
        return Err(format!("type `{}` has no variant", entry.id));
    }
    let type_index = set.types.len();
    let mut names = HashSet::new();
    for mut variant in entry.variants {
        let label = format!("type `{}`, variant `{}`", entry.id, variant.name);
        if !names.insert(variant.name.clone()) {
            return Err(format!("{label}: the name is used twice"));
        }
        variant.pattern = fragment::expand(&variant.pattern, &entry.fragments, shared)
            .map_err(|what| format!("{label}: {what}"))?;
        let variant =
            check_variant(type_index, variant).map_err(|what| format!("{label}: {what}"))?;
        set.variants.push(Variant { proven, ..variant });
    }
    set.types.push(SecretType {
        id: entry.id,
        name: entry.name,
        severity: entry.severity,
        vm: entry.vm,
        deployment: entry.deployment,
        review: entry.review,
        strength: entry.strength,
        strength_note: entry.strength_note,
        found_in: entry.found_in,
        published: entry.published,
        references: entry.references,
    });
    Ok(())
}

fn check_variant(type_index: usize, entry: VariantEntry) -> Result<Variant, String> {
    if entry.anchors.is_empty() {
        return Err("no anchor: name a literal or a run that every match contains".to_owned());
    }
    let Reach { before, after } = entry.reach;
    if before > LONGEST_REACH || after > LONGEST_REACH || after == 0 {
        return Err(format!(
            "reach before {before}, after {after}: `after` must be 1 to {LONGEST_REACH}, `before` \
             0 to {LONGEST_REACH}"
        ));
    }
    let anchors = entry
        .anchors
        .into_iter()
        .map(|anchor| check_anchor(anchor, after))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Variant {
        name: entry.name,
        type_index,
        anchors,
        rate: entry.rate,
        reach: entry.reach,
        pattern: entry.pattern,
        proven: false,
        validate: entry.validate,
        precedence: entry.precedence,
        examples: entry.examples,
        counter_examples: entry.counter_examples,
    })
}

fn check_anchor(entry: AnchorEntry, reach_after: u32) -> Result<AnchorSpec, String> {
    let class = |text: &str| {
        ByteClass::parse(text).ok_or_else(|| {
            format!("`{text}` is not a byte class: write characters and ranges such as `a-z2-7`")
        })
    };
    match entry {
        AnchorEntry {
            literal: Some(text),
            nocase,
            follow,
            run: None,
            min: None,
            max: None,
        } => {
            let (shortest, longest) = (AnchorSpec::SHORTEST, AnchorSpec::LONGEST);
            if !(shortest..=longest).contains(&text.len()) {
                return Err(format!(
                    "anchor `{text}` has {} bytes, expected {shortest} to {longest}",
                    text.len()
                ));
            }
            if u32::try_from(text.len()).is_ok_and(|len| len > reach_after) {
                return Err(format!("anchor `{text}` is longer than the reach after it"));
            }
            let follow = follow.as_deref().map(class).transpose()?;
            Ok(AnchorSpec::Literal {
                bytes: text.into_bytes(),
                nocase,
                follow,
            })
        }
        AnchorEntry {
            literal: None,
            nocase: false,
            follow: None,
            run: Some(text),
            min: Some(min),
            max: Some(max),
        } => {
            if min < AnchorSpec::SHORTEST_RUN || max < min || max >= reach_after {
                return Err(format!(
                    "run of {min} to {max} bytes: the shortest is {}, and the longest must stay \
                     below the reach of {reach_after}",
                    AnchorSpec::SHORTEST_RUN
                ));
            }
            Ok(AnchorSpec::Run {
                class: class(&text)?,
                min,
                max,
            })
        }
        _ => Err("an anchor is either { literal, nocase, follow } or { run, min, max }".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        load([("own.toml", text)]).unwrap_err().to_string()
    }

    fn with_anchor(anchor: &str) -> String {
        format!(
            "[[type]]\nid = 'x'\nname = 'X'\nseverity = 'low'\n[[type.variant]]\nname = 'v'\n\
             anchors = [{anchor}]\nreach = {{ before = 1, after = 60 }}\npattern = '(?<secret>x)'"
        )
    }

    #[test]
    fn catalogue_loads_and_its_hash_is_stable() {
        let set = catalogue().unwrap();
        assert!(!set.types.is_empty());
        assert_eq!(set.hash, catalogue().unwrap().hash);
    }

    #[test]
    fn a_short_anchor_is_refused_with_its_length() {
        let text = fault(&with_anchor("{ literal = 'ab' }"));
        assert_eq!(
            text,
            "own.toml: type `x`, variant `v`: anchor `ab` has 2 bytes, expected 3 to 16"
        );
    }

    #[test]
    fn a_run_must_cover_an_aligned_block() {
        let text = fault(&with_anchor("{ run = 'a-z', min = 20, max = 40 }"));
        assert!(text.contains("the shortest is 31"), "{text}");
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_line() {
        let text = fault("[[type]]\nid = 'x'\nnames = 'X'\n");
        assert!(text.contains("line 3") && text.contains("names"), "{text}");
    }

    #[test]
    fn a_fragment_of_any_file_is_known_to_all_of_them() {
        let rules = with_anchor("{ literal = 'abc' }").replace("(?<secret>x)", "(?&word)");
        let fragments = "[fragment]\nword = '(?<secret>abc)'\n";
        let set = load([("own.toml", rules.as_str()), ("parts.toml", fragments)]).unwrap();
        assert_eq!(set.variants[0].pattern, "(?:(?<secret>abc))");
        assert_eq!(
            fault(&rules),
            "own.toml: type `x`, variant `v`: no fragment is called `word`"
        );
    }

    #[test]
    fn selecting_a_profile_keeps_types_and_variants_together() {
        let set = catalogue().unwrap();
        let few = set.select(|secret_type| secret_type.id == set.types[1].id);
        assert_eq!(few.types.len(), 1);
        assert!(few.variants.iter().all(|variant| variant.type_index == 0));
        assert!(!few.variants.is_empty());
    }
}
