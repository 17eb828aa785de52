//! Terraform: state (version 4), `terraform show -json` of a state or plan, and configurations.
//!
//! <https://developer.hashicorp.com/terraform/internals/json-format>

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;

use super::{Described, Owner};
use crate::deployment::tree::Item;

pub(super) fn describe(owner: &Owner<'_, '_>) -> Option<Described> {
    let object = owner.object;
    let has = |name: &str| object.get(name).is_some();
    if has("version") && has("resources") && (has("terraform_version") || has("lineage")) {
        let resource = owner.below.get(1).filter(|_| owner.step(0) == "resources");
        return Some(Described {
            id: object.word("lineage").map(Cow::into_owned),
            kind: "tf.state",
            resource: resource.map(|resource| address(*resource, owner.below.get(3))),
            role: match &*owner.step(0) {
                "outputs" => "output",
                _ => role(owner),
            },
        });
    }
    let is_plan = ["planned_values", "resource_changes", "prior_state"].map(has);
    let is_plan = is_plan.contains(&true);
    if !has("format_version") || !(is_plan || has("values")) {
        return None;
    }
    let resource = owner.item.outwards().find_map(|item| item.word("address"));
    Some(Described {
        id: None,
        kind: if is_plan { "tf.plan" } else { "tf.state" },
        resource: resource.map(Cow::into_owned),
        role: role(owner),
    })
}

fn role(owner: &Owner<'_, '_>) -> &'static str {
    if owner.through(&["tags", "tags_all"]) {
        "tag"
    } else if owner.through(&["resources", "resource_changes", "resource_drift"]) {
        "property"
    } else if owner.through(&["outputs", "output_changes"]) {
        "output"
    } else if owner.through(&["variables"]) {
        "variable"
    } else if owner.through(&["provider_config"]) {
        "provider"
    } else {
        "property"
    }
}

/// `module.db.aws_db_instance.main["eu"]`, as the program writes it.
fn address(resource: Item<'_>, instance: Option<&Item<'_>>) -> String {
    let word = |name: &str| resource.word(name).unwrap_or_default();
    let module = resource.word("module");
    let module = module
        .map(|module| format!("{module}."))
        .unwrap_or_default();
    let data = match &*word("mode") {
        "data" => "data.",
        _ => "",
    };
    let index = instance.and_then(|instance| instance.word("index_key"));
    let index = index.map(
        |index| match index.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!("[{index}]"),
            false => format!("[\"{index}\"]"),
        },
    );
    let (kind, name, index) = (word("type"), word("name"), index.unwrap_or_default());
    format!("{module}{data}{kind}.{name}{index}")
}

/// A value of a configuration, or of a file of variables.
pub(super) fn configuration(item: Item<'_>) -> Described {
    let path = item.path();
    let step = |depth: usize| path.get(depth).map_or("", |step| &**step);
    let (resource, role) = match (step(0), path.len()) {
        ("resource", 3..) => (format!("{}.{}", step(1), step(2)), "property"),
        ("data", 3..) => (format!("data.{}.{}", step(1), step(2)), "property"),
        ("module", 2..) => (format!("module.{}", step(1)), "parameter"),
        ("variable", 2..) => (format!("var.{}", step(1)), "variable"),
        ("output", 2..) => (format!("output.{}", step(1)), "output"),
        ("provider", 2..) => (format!("provider.{}", step(1)), "provider"),
        ("locals", 2..) => (format!("local.{}", step(1)), "variable"),
        ("terraform", 2..) => (String::new(), "property"),
        _ => (String::new(), "variable"),
    };
    let is_tag = role == "property" && (step(3) == "tags" || step(3) == "labels");
    Described {
        id: None,
        kind: "tf.config",
        resource: Some(resource).filter(|resource| !resource.is_empty()),
        role: if is_tag { "tag" } else { role },
    }
}
