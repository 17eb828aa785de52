//! `keydredge types`: the catalogue as a table, or one type explained.

use std::io::{self, Write};

use serde_json::json;

use super::args::{TypesArgs, TypesFormat};
use super::exit::{Ended, Failure};
use super::look;
use super::output::Output;
use super::scan::load_rules;
use crate::report::explain;
use crate::rule::{RuleSet, SecretType};

/// Columns of a terminal that the lists of the table are folded to.
const WIDTH: usize = 100;
/// Anchors and places that a row of the Markdown table has room for.
const IN_A_CELL: usize = 3;
/// Types proposed for one that does not exist.
const NEAREST: usize = 3;

pub(super) fn run(args: &TypesArgs) -> Result<Ended, Failure> {
    let rules = load_rules(&args.rules)?;
    let mut out = io::stdout().lock();
    if let Some(id) = &args.explain {
        let of = find(&rules, id)?;
        let width = look::of(&Output::Standard).width;
        write!(out, "{}", explain::text(&rules, of, width))?;
        out.flush()?;
        return Ok(Ended::Complete);
    }
    match args.format {
        TypesFormat::Table => table(&rules, &mut out)?,
        TypesFormat::Json => json_array(&rules, &mut out)?,
        TypesFormat::Markdown => markdown(&rules, &mut out)?,
    }
    out.flush()?;
    Ok(Ended::Complete)
}

/// The type of this id.
pub(super) fn find<'r>(rules: &'r RuleSet, id: &str) -> Result<&'r SecretType, Failure> {
    let known = rules.types.iter().find(|known| known.id == id);
    known.ok_or_else(|| {
        let mut near: Vec<(f64, &str)> = rules
            .types
            .iter()
            .map(|known| (strsim::jaro_winkler(&known.id, id), known.id.as_str()))
            .collect();
        near.sort_by(|one, two| two.0.total_cmp(&one.0));
        let near: Vec<String> = near
            .iter()
            .take(NEAREST)
            .map(|(_, id)| format!("`{id}`"))
            .collect();
        Failure::usage(format!(
            "no secret type is called `{id}`; the nearest are {}; `keydredge types` lists them all",
            near.join(", ")
        ))
    })
}

fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn variant_names(rules: &RuleSet, secret_type: &SecretType) -> Vec<String> {
    rules
        .variants_of(&secret_type.id)
        .map(|variant| variant.name.clone())
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
        fold("anchors", &rules.anchors_of(&secret_type.id), out)?;
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
                    "anchors": rules.anchors_of(&secret_type.id),
                    "hits_per_mib": rules
            .variants_of(&secret_type.id)
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
        let quoted: Vec<String> = rules
            .anchors_of(&secret_type.id)
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
