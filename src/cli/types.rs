//! `keydredge types`: the catalogue as a table.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::json;

use super::args::{TypesArgs, TypesFormat};
use super::exit::{Ended, Failure};
use super::scan::load_rules;
use crate::rule::{RuleSet, SecretType, Variant};

/// Columns of a terminal that the lists of the table are folded to.
const WIDTH: usize = 100;
/// Anchors and places that a row of the Markdown table has room for.
const IN_A_CELL: usize = 3;

pub(super) fn run(args: &TypesArgs) -> Result<Ended, Failure> {
    let rules = load_rules(&[])?;
    let mut out = io::stdout().lock();
    match args.format {
        TypesFormat::Table => table(&rules, &mut out)?,
        TypesFormat::Json => json_array(&rules, &mut out)?,
        TypesFormat::Markdown => markdown(&rules, &mut out)?,
    }
    out.flush()?;
    Ok(Ended::Complete)
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn variants<'r>(rules: &'r RuleSet, id: &'r str) -> impl Iterator<Item = &'r Variant> {
    let of_type = move |variant: &&Variant| rules.type_of(variant).id == id;
    rules.variants.iter().filter(of_type)
}

fn variant_names(rules: &RuleSet, secret_type: &SecretType) -> Vec<String> {
    variants(rules, &secret_type.id)
        .map(|variant| variant.name.clone())
        .collect()
}

/// Each anchor once, in the order of the rule file.
fn anchors(rules: &RuleSet, secret_type: &SecretType) -> Vec<String> {
    let mut seen = BTreeSet::new();
    variants(rules, &secret_type.id)
        .flat_map(|variant| &variant.anchors)
        .map(ToString::to_string)
        .filter(|anchor| seen.insert(anchor.clone()))
        .collect()
}

fn table(rules: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    let ids = rules.types.iter().map(|secret_type| secret_type.id.len());
    let width = ids.max().unwrap_or(4);
    writeln!(out, "{:<width$} SEVERITY STRENGTH  VM  DEPLOYMENT", "TYPE")?;
    for secret_type in &rules.types {
        writeln!(
            out,
            "{:<width$} {:<8} {:<9} {:<3} {}",
            secret_type.id,
            secret_type.severity.name(),
            secret_type.strength,
            yes(secret_type.vm),
            yes(secret_type.deployment),
        )?;
        if !secret_type.strength_note.is_empty() {
            fold(
                "strength",
                std::slice::from_ref(&secret_type.strength_note),
                out,
            )?;
        }
        fold("variants", &variant_names(rules, secret_type), out)?;
        fold("anchors", &anchors(rules, secret_type), out)?;
        fold("found in", &secret_type.found_in, out)?;
    }
    Ok(())
}

/// A list under its type, folded between its members.
fn fold(name: &str, members: &[String], out: &mut impl Write) -> io::Result<()> {
    let mut line = format!("  {name:<9}");
    let indent = line.len();
    for (index, member) in members.iter().enumerate() {
        let comma = if index + 1 == members.len() { "" } else { "," };
        if line.len() > indent && line.len() + member.len() + 2 > WIDTH {
            writeln!(out, "{line}")?;
            line = " ".repeat(indent);
        }
        line = format!("{line} {member}{comma}");
    }
    writeln!(out, "{line}")
}

fn json_array(rules: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    let types: Vec<_> = rules
        .types
        .iter()
        .map(|secret_type| {
            json!({
                "id": secret_type.id,
                "name": secret_type.name,
                "severity": secret_type.severity,
                "strength": secret_type.strength,
                "strength_note": secret_type.strength_note,
                "vm": secret_type.vm,
                "deployment": secret_type.deployment,
                "review": secret_type.review,
                "variants": variant_names(rules, secret_type),
                "anchors": anchors(rules, secret_type),
                "hits_per_mib": variants(rules, &secret_type.id)
                    .map(|variant| (variant.name.clone(), json!(variant.rate)))
                    .collect::<serde_json::Map<_, _>>(),
                "found_in": secret_type.found_in,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &types)?;
    writeln!(out)
}

fn markdown(rules: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "| type | severity | strength | VM | deployment | anchors | found in |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for secret_type in &rules.types {
        let quoted: Vec<String> = anchors(rules, secret_type)
            .iter()
            .map(|anchor| format!("`{anchor}`"))
            .collect();
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} | {} |",
            secret_type.id,
            secret_type.severity.name(),
            secret_type.strength,
            yes(secret_type.vm),
            yes(secret_type.deployment),
            cell(&quoted),
            cell(&secret_type.found_in),
        )?;
    }
    Ok(())
}

/// The first of a list, with the number of those left out; a bar would end the cell.
fn cell(members: &[String]) -> String {
    let first: Vec<&str> = members.iter().take(IN_A_CELL).map(String::as_str).collect();
    let more = match members.len().saturating_sub(IN_A_CELL) {
        0 => String::new(),
        more => format!(", {more} more"),
    };
    format!("{}{more}", first.join(", ")).replace('|', "\\|")
}
