//! Every type in every kind of file and in every encoding, its near-misses in the same files, and
//! how sure each is.
//!
//! The secrets and most near-misses are made from one [table]: what one character, one host or one
//! stand-in changes is the same for all types.

mod carrier;
mod disk;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use keydredge::confirm::Confirmed;
use keydredge::finding::Verdict;
use keydredge::specimen::{Stream, expand};

use self::carrier::{CARRIERS, ENCODINGS};
use self::table::{Kind, ROWS, Row};
use crate::texts::Texts;

/// A value in three parts, the secret in the middle.
struct Value {
    before: String,
    secret: String,
    after: String,
    kind: Kind,
}

impl Value {
    fn whole(&self) -> String {
        [&*self.before, &self.secret, &self.after].concat()
    }

    fn with(&self, secret: &str) -> String {
        [&*self.before, secret, &self.after].concat()
    }
}

impl Row {
    /// The values with secrets that were made for them.
    fn values(&self) -> impl Iterator<Item = Value> {
        self.values.iter().map(|(template, kind)| {
            let marked = self.made(template);
            let (before, rest) = marked.split_once("<<").unwrap();
            let (secret, after) = rest.split_once(">>").unwrap();
            Value {
                before: before.to_owned(),
                secret: secret.to_owned(),
                after: after.to_owned(),
                kind: *kind,
            }
        })
    }

    fn made(&self, template: &str) -> String {
        expand(
            template,
            &mut Stream::new(&format!("{}/{template}", self.secret_type)),
        )
    }
}

/// What stands where a secret should be in a template or a manual.
const STAND_INS: &[&str] = &[
    "<your-key>",
    "${SECRET}",
    "{{ .Values.secret }}",
    "$(SECRET)",
    "%SECRET%",
    "REDACTED",
    "********",
    "xxxxxxxxxxxxxxxxxxxxxxxx",
    "your_secret_here",
    "changeme",
];

/// What is believed to be a secret of a type: its verdict and the value that is fingerprinted.
type Known = BTreeSet<(Verdict, Vec<u8>)>;

fn believed(secret_type: &str, text: &[u8]) -> Vec<Confirmed> {
    let texts = Texts::shared();
    let mut found = texts.resolved(text);
    found.retain(|found| found.suppressed.is_none() && texts.type_of(found) == secret_type);
    found
}

fn known(secret_type: &str, text: &[u8]) -> Known {
    let known = |found: Confirmed| {
        let value = found.proof.canonical.unwrap_or(found.secret);
        (found.proof.verdict.unwrap(), value)
    };
    believed(secret_type, text).into_iter().map(known).collect()
}

/// The setting alone in a file.
fn plain(row: &Row, value: &str) -> String {
    format!("{}={value}\n", row.name)
}

/// Collects what is wrong of many cases, to be told at once.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: String) {
        self.0.push(fault);
    }

    /// Notes a text in which something else than this is believed to be a secret of the type.
    fn unless(&mut self, secret_type: &str, text: &[u8], form: &str, expected: &Known) {
        let found = known(secret_type, text);
        if found != *expected {
            let (found, text) = (told(&found), shown(text));
            self.add(format!("{secret_type} in {form}: {found} in {text}"));
        }
    }

    #[track_caller]
    fn none(self) {
        assert!(
            self.0.is_empty(),
            "{}:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

/// Every type was tried ten times or more.
#[track_caller]
fn ten_each(tried: &BTreeMap<&str, usize>) {
    let enough = tried.values().all(|tried| *tried >= 10);
    assert!(tried.len() == 52 && enough, "{tried:?}");
}

fn told(known: &Known) -> String {
    let told = known
        .iter()
        .map(|(verdict, value)| format!("{} {}", verdict.name(), value.escape_ascii()));
    told.collect::<Vec<_>>().join(", ")
}

fn shown(text: &[u8]) -> String {
    text.iter()
        .take(400)
        .copied()
        .collect::<Vec<u8>>()
        .escape_ascii()
        .to_string()
}

#[test]
fn the_table_has_every_type_once() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.secret_type).collect();
    let rows_once: BTreeSet<&str> = rows.iter().copied().collect();
    let types = Texts::shared().rules().types.iter();
    assert_eq!(rows_once, types.map(|known| known.id.as_str()).collect());
    assert_eq!(rows.len(), rows_once.len());
}

#[test]
fn every_type_is_found_in_every_kind_of_file() {
    let (mut faults, mut tried) = (Faults::default(), BTreeMap::new());
    for row in ROWS {
        for value in row.values() {
            let text = plain(row, &value.whole());
            let expected = known(row.secret_type, text.as_bytes());
            let place = row.name.len() + 1 + value.before.len();
            let place = place as u64..(place + value.secret.len()) as u64;
            // Base64 is read to its end, blank lines included.
            let inside = |found: &Confirmed| {
                place.start <= found.span.start && found.span.end <= place.end + 1
            };
            let found = believed(row.secret_type, text.as_bytes());
            if expected.len() != 1 || !found.iter().any(inside) {
                faults.add(format!("{}: {expected:?} in {text}", row.secret_type));
            }
            for (carrier, write) in CARRIERS {
                let text = write(row.name, &value.whole());
                *tried.entry(row.secret_type).or_insert(0) += 1;
                faults.unless(row.secret_type, &text, carrier, &expected);
            }
        }
    }
    faults.none();
    ten_each(&tried);
}

#[test]
fn every_encoding_gives_the_same_secret_of_every_type() {
    let mut faults = Faults::default();
    for row in ROWS {
        for value in row.values() {
            let text = plain(row, &value.whole());
            let expected = known(row.secret_type, text.as_bytes());
            for (encoding, encode) in ENCODINGS {
                faults.unless(row.secret_type, &encode(&text), encoding, &expected);
            }
        }
    }
    faults.none();
}

/// The only exception of the test before: nothing in the token is fixed, so it is found by the run of
/// its characters, and where that is not in plain bytes by what stands beside it.
#[test]
fn a_token_without_any_mark_is_found_encoded_only_beside_its_name() {
    for (secret_type, template) in [
        ("azure-devops-pat", "{azure-devops-pat52}"),
        ("azure-devops-app-secret", "{azure-devops-app-secret}"),
    ] {
        let token = expand(template, &mut Stream::new(template));
        let text = format!("note: {token}\n");
        assert_eq!(known(secret_type, text.as_bytes()).len(), 1);
        for (encoding, encode) in ENCODINGS {
            let is_plain = !encoding.starts_with("utf") && !encoding.starts_with("base64");
            let found = known(secret_type, &encode(&text)).len();
            assert_eq!(found, usize::from(is_plain), "{secret_type} in {encoding}");
        }
    }
}

/// The secret with another character of its kind at a place.
fn altered(secret: &str, at: usize) -> String {
    let other = |byte: u8| match byte {
        b'a' => 'b',
        b'A' => 'B',
        b'2' => '3',
        _ if byte.is_ascii_digit() => '2',
        _ if byte.is_ascii_uppercase() => 'A',
        _ => 'a',
    };
    let mut text = secret.to_owned();
    let own = secret.as_bytes()[at];
    text.replace_range(at..=at, &other(own).to_string());
    text
}

/// Values that look like those of the row and hold no secret, each once.
fn near_misses(row: &Row) -> BTreeSet<String> {
    let mut values: BTreeSet<String> = row.near_misses.iter().map(|text| row.made(text)).collect();
    for value in row.values() {
        let secret = &value.secret;
        values.extend(STAND_INS.iter().map(|stand_in| value.with(stand_in)));
        if value.kind != Kind::Free {
            let middle = secret.len() / 2;
            let (left, right) = secret.split_at(middle);
            values.insert(value.with(&format!("{left}{}", &right[1..])));
            values.insert(value.with(&format!("{left}k{right}")));
            values.insert(value.with(&format!("{left}*{}", &right[1..])));
            values.insert(value.with(&format!("x{secret}")));
        }
        if value.kind == Kind::Checked {
            let last = secret.trim_end_matches('=').len() - 1;
            // Not the signature near the end: without it, an older key is as good.
            for part in 0..7 {
                values.insert(value.with(&altered(secret, last * part / 8)));
            }
        }
        // A key with a checksum is one wherever it is used.
        let host = row.host.filter(|_| value.kind != Kind::Checked);
        if let Some(host) = host.filter(|host| value.whole().contains(host)) {
            for other in ["db01.acme.example", "localhost"] {
                values.insert(value.whole().replace(host, other));
            }
            values.insert(value.whole().replace(host, &format!("{host}.evil.example")));
        }
    }
    values
}

/// The counter-examples of the rules; what one variant is not may be another.
fn counter_examples(row: &Row) -> impl Iterator<Item = String> {
    let rules = Texts::shared().rules();
    let own = rules
        .variants
        .iter()
        .filter(|variant| rules.type_of(variant).id == row.secret_type);
    let texts = own.flat_map(|variant| &variant.counter_examples);
    let texts = texts.map(|text| row.made(text));
    texts.filter(|text| known(row.secret_type, text.as_bytes()).is_empty())
}

#[test]
fn near_misses_of_every_type_are_found_in_no_kind_of_file() {
    let (mut faults, mut tried) = (Faults::default(), BTreeMap::new());
    for row in ROWS {
        let values = near_misses(row);
        let named = values.iter().map(|value| (row.name, value.clone()));
        let others = counter_examples(row).map(|value| ("note", value));
        for (name, value) in named.chain(others) {
            if !STAND_INS.iter().any(|stand_in| value.contains(stand_in)) {
                *tried.entry(row.secret_type).or_insert(0) += 1;
            }
            for (carrier, write) in CARRIERS {
                let text = write(name, &value);
                faults.unless(row.secret_type, &text, carrier, &Known::new());
            }
        }
    }
    faults.none();
    ten_each(&tried);
}

#[test]
fn every_type_is_as_sure_as_its_row_says() {
    let texts = Texts::shared();
    let rules = texts.rules();
    let mut surest: BTreeMap<&str, Verdict> = BTreeMap::new();
    for variant in &rules.variants {
        let secret_type = rules.type_of(variant);
        for (seed, template) in variant.examples.iter().enumerate() {
            let text = expand(template, &mut Stream::new(&format!("sure {seed}")));
            for (verdict, _) in known(&secret_type.id, text.as_bytes()) {
                let most = surest.entry(&secret_type.id).or_insert(verdict);
                *most = verdict.max(*most);
            }
        }
    }
    let mut faults = Faults::default();
    for secret_type in &rules.types {
        let found = surest
            .get(secret_type.id.as_str())
            .copied()
            .map(Verdict::name);
        let noted = found.is_some_and(|found| secret_type.strength_note.starts_with(found));
        if found != Some(&*secret_type.strength) && !noted {
            faults.add(format!(
                "{}: {found:?}, not {}",
                secret_type.id, secret_type.strength
            ));
        }
    }
    faults.none();
}
