//! `keydredge types`: the catalogue as a table.

use std::io::{self, Write};

use serde_json::json;

use super::args::{TypesArgs, TypesFormat};
use super::exit::{Ended, Failure};
use super::scan::load_rules;
use crate::rule::{RuleSet, SecretType};

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

fn variants<'r>(rules: &'r RuleSet, secret_type: &'r SecretType) -> Vec<&'r str> {
    let own = |index: usize| std::ptr::eq(&raw const rules.types[index], secret_type);
    let variants = rules
        .variants
        .iter()
        .filter(|variant| own(variant.type_index));
    variants.map(|variant| variant.name.as_str()).collect()
}

fn table(rules: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    let width = rules
        .types
        .iter()
        .map(|secret_type| secret_type.id.len())
        .max()
        .unwrap_or(4);
    writeln!(
        out,
        "{:<width$} {:<8} {:<10} {:<3} {:<10} VARIANTS",
        "TYPE", "SEVERITY", "STRENGTH", "VM", "DEPLOYMENT"
    )?;
    for secret_type in &rules.types {
        writeln!(
            out,
            "{:<width$} {:<8} {:<10} {:<3} {:<10} {}",
            secret_type.id,
            secret_type.severity.name(),
            secret_type.strength,
            yes(secret_type.vm),
            yes(secret_type.deployment),
            variants(rules, secret_type).join(", "),
        )?;
    }
    Ok(())
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
                "vm": secret_type.vm,
                "deployment": secret_type.deployment,
                "review": secret_type.review,
                "variants": variants(rules, secret_type),
                "found_in": secret_type.found_in,
            })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &types)?;
    writeln!(out)
}

fn markdown(rules: &RuleSet, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "| type | severity | strength | VM | deployment |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for secret_type in &rules.types {
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            secret_type.id,
            secret_type.severity.name(),
            secret_type.strength,
            yes(secret_type.vm),
            yes(secret_type.deployment),
        )?;
    }
    Ok(())
}
