//! Google Cloud Deployment Manager: configurations, manifests, and what
//! `gcloud deployment-manager` answers.
//!
//! <https://cloud.google.com/deployment-manager/docs/configuration/syntax-reference>

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;

use super::{Described, Owner};
use crate::deployment::tree::Item;

/// Marks of the types of its resources: `compute.v1.instance`, a type provider, a template.
const TYPES: &[&str] = &[".v1.", ".v1beta", ".v2", "gcp-types/", ".jinja", ".py"];

pub(super) fn describe(owner: &Owner<'_, '_>) -> Option<Described> {
    let object = owner.object;
    let link = object
        .word("selfLink")
        .or_else(|| object.word("deployment.selfLink"));
    let id = link.as_deref().and_then(id_in);
    let is_manifest = object.get("expandedConfig").is_some() && object.get("config").is_some();
    let section = owner.step(0);
    if id.is_none() && !is_manifest && !is_configuration(object) {
        return None;
    }
    let resource = owner.below.get(1).filter(|_| section == "resources");
    let resource = resource.and_then(|resource| resource.word("name"));
    let role = match &*section {
        "outputs" => "output",
        "labels" => "tag",
        "config" | "expandedConfig" | "layout" | "imports" => "template",
        _ if owner.through(&["labels"]) => "tag",
        _ => "property",
    };
    Some(Described {
        kind: match id.is_some() || is_manifest {
            true => "dm.deployment",
            false => "dm.config",
        },
        id,
        resource: resource.map(Cow::into_owned),
        role,
    })
}

/// `projects/p/global/deployments/d`, out of the address of the deployment or of what is in it.
fn id_in(link: &str) -> Option<String> {
    let (service, _) = link.split_once("/projects/")?;
    if !service.contains("deploymentmanager") {
        return None;
    }
    let (_, path) = link.split_once("/projects/")?;
    let (before, after) = path.split_once("/deployments/")?;
    let name = after.split('/').next()?;
    Some(format!("projects/{before}/deployments/{name}"))
}

fn is_configuration(object: Item<'_>) -> bool {
    let is_resource = |item: Item<'_>| {
        let kind = item.word("type");
        item.get("name").is_some()
            && kind.is_some_and(|kind| TYPES.iter().any(|mark| kind.contains(mark)))
    };
    object
        .get("resources")
        .is_some_and(|resources| resources.children().any(is_resource))
}
