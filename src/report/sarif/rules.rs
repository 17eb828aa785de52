//! The catalogue as SARIF's rules, and what sorts them: CWE and our families.

use serde_json::{Value, json};

use super::super::explain::strength;
use super::level;
use crate::case::findings::family;
use crate::graph::recommendation::steps;
use crate::rule::{RuleSet, SecretType, Severity};

/// Entries of the Common Weakness Enumeration, with its names for them.
const CWE: &[(&str, &str)] = &[
    ("312", "Cleartext Storage of Sensitive Information"),
    ("321", "Use of Hard-coded Cryptographic Key"),
    ("798", "Use of Hard-coded Credentials"),
];

/// What a secret opens, by which its steps are chosen.
const FAMILIES: &[(&str, &str)] = &[
    ("ssh", "Private keys that machines accept for a login"),
    ("storage", "Keys and signatures that open storage"),
    ("database", "Credentials of databases"),
    ("cloud", "Access keys of a cloud's users"),
    ("other", "Tokens and keys of other services"),
];

/// The rules of a log.
pub(super) struct Rules {
    types: Vec<SecretType>,
}

impl Rules {
    pub(super) fn new(rules: &RuleSet) -> Self {
        Self {
            types: rules.types.clone(),
        }
    }

    /// Position of a rule among the log's.
    pub(super) fn index(&self, id: &str) -> Option<usize> {
        self.types.iter().position(|known| known.id == id)
    }

    pub(super) fn tool(&self) -> Value {
        let rules: Vec<Value> = self.types.iter().map(rule).collect();
        json!({"driver": {
            "name": "keydredge",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "shortDescription": {"text": env!("CARGO_PKG_DESCRIPTION")},
            "supportedTaxonomies": [{"name": "CWE", "index": 0}, {"name": "family", "index": 1}],
            "notifications": [
                notification("results-left-out", "The log is full."),
                notification("unreadable", "A part of an input could not be read."),
                notification("changed", "An input changed while it was read."),
                notification("limit", "A limit of decompression was reached."),
                notification("not-searched", "Something was not searched, or not fully."),
            ],
            "rules": rules,
        }})
    }

    pub(super) fn taxonomies(&self) -> Value {
        let taxa = |all: &[(&str, &str)]| -> Vec<Value> {
            all.iter()
                .map(|(id, name)| json!({"id": id, "shortDescription": {"text": name}}))
                .collect()
        };
        json!([
            {
                "name": "CWE",
                "organization": "MITRE",
                "shortDescription": {"text": "Common Weakness Enumeration"},
                "isComprehensive": false,
                "taxa": taxa(CWE),
            },
            {
                "name": "family",
                "organization": "keydredge",
                "shortDescription": {"text": "What a secret opens"},
                "isComprehensive": true,
                "taxa": taxa(FAMILIES),
            },
        ])
    }
}

fn notification(id: &str, text: &str) -> Value {
    json!({"id": id, "shortDescription": {"text": text}})
}

fn rule(of: &SecretType) -> Value {
    let family = family(&of.id);
    let numbered: Vec<String> = (1..)
        .zip(steps(family, !of.vm))
        .map(|(number, step)| format!("{number}. {step}"))
        .collect();
    let numbered = numbered.join("\n");
    let cwe: &[&str] = if of.id.contains("private-key") || of.id.ends_with("machine-key") {
        &["312", "321"]
    } else {
        &["312", "798"]
    };
    let mut relationships: Vec<Value> = cwe.iter().map(|id| relation("CWE", 0, id)).collect();
    relationships.push(relation("family", 1, family));
    json!({
        "id": of.id,
        "name": pascal(&of.id),
        "shortDescription": {"text": of.name},
        "fullDescription": {"text": format!(
            "{} Severity {}: {}. Verdict {}.",
            of.name, of.severity.name(), of.severity.reason(), strength(of)
        )},
        "help": {
            "text": format!("Usually found in: {}.\nWhat to do:\n{numbered}", of.found_in.join(", ")),
            "markdown": format!(
                "**Usually found in:** `{}`\n\n**What to do:**\n\n{numbered}\n",
                of.found_in.join("`, `")
            ),
        },
        "defaultConfiguration": {"level": level(of.severity)},
        "relationships": relationships,
        "properties": {
            "tags": ["security", "secret", family],
            "precision": match of.strength.as_str() {
                "pattern" => "medium",
                "structure" => "high",
                _ => "very-high",
            },
            // The scale of CVSS, by which dashboards sort.
            "security-severity": match of.severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "3.0",
                Severity::Info => "0.0",
            },
        },
    })
}

fn relation(taxonomy: &str, index: usize, id: &str) -> Value {
    json!({
        "target": {"id": id, "toolComponent": {"name": taxonomy, "index": index}},
        "kinds": ["superset"],
    })
}

/// `SshPrivateKey` of `ssh-private-key`.
fn pascal(id: &str) -> String {
    id.split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}
