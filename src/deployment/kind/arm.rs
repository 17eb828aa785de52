//! Azure Resource Manager: deployments as `az deployment group show` and Azure Resource Graph give
//! them, and templates, those that Bicep compiles to included.
//!
//! <https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax>

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{Described, Owner};
use crate::deployment::tree::Item;

const DEPLOYMENTS: &str = "microsoft.resources/deployments";

pub(super) fn describe(owner: &Owner<'_, '_>) -> Option<Described> {
    let object = owner.object;
    let (kind, role) = if is_deployment(object) {
        ("arm.deployment", of_deployment(owner))
    } else if is_template(object) {
        ("arm.template", of_template(owner, 0))
    } else if schema(object, "deploymentparameters.json") {
        ("arm.parameters", "parameter")
    } else {
        return None;
    };
    // A template inside another, or inside a deployment, is deployed by the outermost.
    let outer = object.outwards().filter(|item| is_deployment(*item)).last();
    let id = outer.and_then(|outer| outer.word("id").or_else(|| outer.word("name")));
    let resource = owner.item.outwards().find(|item| is_resource(*item));
    Some(Described {
        id: id.map(std::borrow::Cow::into_owned),
        kind: outer.map_or(kind, |_| "arm.deployment"),
        resource: resource.map(name_of),
        role,
    })
}

/// A deployment that was made: it has an id, which no template gives.
fn is_deployment(object: Item<'_>) -> bool {
    let says = |field: &str, what: &str| {
        let text = object.word(field);
        text.is_some_and(|text| text.to_ascii_lowercase().contains(what))
    };
    says("id", "/microsoft.resources/deployments/")
        || (says("type", DEPLOYMENTS)
            && object.get("apiVersion").is_none()
            && object.get("properties").is_some())
}

fn is_template(object: Item<'_>) -> bool {
    schema(object, "deploymenttemplate.json")
        || (object.get("contentVersion").is_some() && object.get("resources").is_some())
}

fn schema(object: Item<'_>, name: &str) -> bool {
    let schema = object.word("$schema");
    schema.is_some_and(|schema| schema.to_ascii_lowercase().contains(name))
}

/// A resource of a template, or one that a deployment made; not the deployment that was asked for.
fn is_resource(object: Item<'_>) -> bool {
    let kind = object.word("type");
    kind.is_some_and(|kind| kind.contains('/'))
        && (object.get("name").is_some() || object.get("apiVersion").is_some())
        && !is_deployment(object)
}

/// Its id, or what its id ends with: types and names take turns there.
fn name_of(resource: Item<'_>) -> String {
    if let Some(id) = resource.word("id") {
        return id.into_owned();
    }
    let kind = resource.word("type").unwrap_or_default();
    let name = resource.word("name").unwrap_or_default();
    let (namespace, types) = kind.split_once('/').unwrap_or((&kind, ""));
    let (types, names): (Vec<&str>, Vec<&str>) =
        (types.split('/').collect(), name.split('/').collect());
    // The slash of an expression is none of the name.
    if name.starts_with('[') || types.len() != names.len() {
        return format!("{kind}/{name}");
    }
    let pairs = types.iter().zip(names);
    let pairs: Vec<String> = pairs.map(|(kind, name)| format!("{kind}/{name}")).collect();
    format!("{namespace}/{}", pairs.join("/"))
}

fn of_deployment(owner: &Owner<'_, '_>) -> &'static str {
    match &*owner.step(0) {
        "tags" => "tag",
        "properties" => match &*owner.step(1) {
            "parameters" => "parameter",
            "outputs" => "output",
            "template" => of_template(owner, 2),
            _ => "property",
        },
        _ => "property",
    }
}

/// What a value of a template is for; the way into the template begins at `depth`.
fn of_template(owner: &Owner<'_, '_>, depth: usize) -> &'static str {
    match &*owner.step(depth) {
        "parameters" => "parameter",
        "variables" => "variable",
        "outputs" => "output",
        "tags" => "tag",
        "resources" => of_resource(owner),
        _ => "template",
    }
}

fn of_resource(owner: &Owner<'_, '_>) -> &'static str {
    let innermost = owner.below.iter().rposition(|item| is_resource(*item));
    let Some(at) = innermost else {
        return "property";
    };
    let step = |further: usize| owner.step(at.saturating_add(further));
    let nested = owner.below.get(at).and_then(|item| item.word("type"));
    let is_nested = nested.is_some_and(|kind| kind.eq_ignore_ascii_case(DEPLOYMENTS));
    match (&*step(1), &*step(2)) {
        ("tags", _) => "tag",
        ("properties", "parameters") if is_nested => "parameter",
        _ => "property",
    }
}
