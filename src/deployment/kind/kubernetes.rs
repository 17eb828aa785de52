//! Kubernetes manifests, lists of objects, and the Secrets in which Helm keeps its releases.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/>

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use super::{Described, Owner};
use crate::deployment::tree::Item;

/// Type of the Secrets in which Helm 3 keeps releases.
const RELEASE: &str = "helm.sh/release.v1";

pub(super) fn describe(owner: &Owner<'_, '_>) -> Option<Described> {
    let object = owner.object;
    if !is_object(object) {
        return None;
    }
    let kind = object.word("kind").unwrap_or_default();
    let name = object.word("metadata.name").unwrap_or_default();
    let namespace = object.word("metadata.namespace");
    let resource = match &namespace {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    };
    let release = (object.word("type").as_deref() == Some(RELEASE)).then(|| {
        let release = object.word("metadata.labels.name").unwrap_or(name);
        let namespace = namespace.as_deref().unwrap_or("default");
        format!("helm:{namespace}/{release}")
    });
    Some(Described {
        kind: match release {
            Some(_) => "helm.release",
            None => "k8s.manifest",
        },
        id: release,
        resource: Some(resource),
        role: match (&*owner.step(0), &*owner.step(1)) {
            ("data" | "stringData", _) if is_secret(object) => "secret",
            ("data" | "binaryData", _) => "data",
            ("metadata", "annotations") => "annotation",
            ("metadata", "labels") => "label",
            _ => "property",
        },
    })
}

/// `v1` or `apps/v1`: versions of Azure's resources are days.
fn is_object(object: Item<'_>) -> bool {
    let version = object.word("apiVersion").unwrap_or_default();
    let version = version.rsplit('/').next().unwrap_or("");
    let digits = version.strip_prefix('v').unwrap_or("");
    let is_version = digits.starts_with(|first: char| first.is_ascii_digit());
    let kind = object.word("kind");
    is_version && kind.is_some_and(|kind| !kind.ends_with("List"))
}

/// Whether the values under `data` of this object are base64 of secrets.
pub(in crate::deployment) fn is_secret(object: Item<'_>) -> bool {
    is_object(object) && object.word("kind").as_deref() == Some("Secret")
}
