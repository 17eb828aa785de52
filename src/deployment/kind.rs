//! Which deployment a value belongs to, which resource in it, and what the value is for.
//!
//! Every object that a value lies in is asked, the innermost first, whether it is a deployment of
//! some kind: exports list many, and a template may hold another.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod arm;
mod cloudformation;
mod kubernetes;
mod manager;
mod terraform;

use std::borrow::Cow;

use super::layout::Language;
use super::tree::{Item, Shape};

pub(super) use kubernetes::is_secret;

/// What is known of a value besides its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    /// The deployment's own id, if the document tells it.
    pub(super) id: Option<String>,
    pub(super) kind: &'static str,
    pub(super) resource: Option<String>,
    pub(super) role: &'static str,
}

/// An object that may be a deployment, and the way from it to the value.
struct Owner<'a, 'd> {
    object: Item<'d>,
    /// The value itself.
    item: Item<'d>,
    /// From the object's own field to the value.
    below: &'a [Item<'d>],
}

impl<'d> Owner<'_, 'd> {
    /// The key on the way at this depth; empty for an index.
    fn step(&self, depth: usize) -> Cow<'d, str> {
        let item = self.below.get(depth);
        item.and_then(|item| item.key()).unwrap_or_default()
    }

    /// Whether the way leads through such a key.
    fn through(&self, names: &[&str]) -> bool {
        let keys = self.below.iter().filter_map(|item| item.key());
        keys.into_iter().any(|key| names.contains(&&*key))
    }
}

type Recogniser = fn(&Owner<'_, '_>) -> Option<Described>;

/// Kubernetes comes before the others, whose documents may hold its objects.
const RECOGNISERS: &[Recogniser] = &[
    kubernetes::describe,
    arm::describe,
    cloudformation::describe,
    terraform::describe,
    manager::describe,
];

/// The deployment that an object is, if it is one.
pub(super) fn of_object(object: Item<'_>) -> Option<Described> {
    if object.shape() != Shape::Object {
        return None;
    }
    let owner = Owner {
        object,
        item: object,
        below: &[],
    };
    RECOGNISERS.iter().find_map(|recognise| recognise(&owner))
}

/// Describes a value; `file` is the name of its file, if it has one.
pub(super) fn describe(item: Item<'_>, language: Language, file: &str) -> Described {
    if language == Language::Hcl {
        return terraform::configuration(item);
    }
    let mut way: Vec<Item<'_>> = item.outwards().collect();
    way.reverse();
    for depth in (0..way.len()).rev() {
        let (Some(object), Some(below)) = (way.get(depth), way.get(depth.saturating_add(1)..))
        else {
            continue;
        };
        if object.shape() != Shape::Object {
            continue;
        }
        let object = *object;
        let owner = Owner {
            object,
            item,
            below,
        };
        if let Some(found) = RECOGNISERS.iter().find_map(|recognise| recognise(&owner)) {
            return found;
        }
    }
    let root = way.first();
    let is_values = language == Language::Yaml && file.starts_with("values");
    let kind = match language {
        Language::Yaml if is_values => "helm.values",
        Language::Yaml => "yaml",
        _ => "json",
    };
    Described {
        id: root.and_then(|root| root.word("id")).map(Cow::into_owned),
        kind,
        resource: None,
        role: "value",
    }
}
