//! AWS `CloudFormation`: templates, and what `aws cloudformation describe-stacks`,
//! `describe-stack-resources` and `get-template` answer.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>

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
    if object.get("StackId").is_some() || is_stack(object) {
        let id = object.word("StackId").or_else(|| object.word("StackName"));
        let resource = object.word("LogicalResourceId").map(Cow::into_owned);
        return Some(Described {
            id: id.map(Cow::into_owned),
            kind: "cfn.stack",
            role: match &*owner.step(0) {
                "Parameters" => "parameter",
                "Outputs" => "output",
                "Tags" => "tag",
                "TemplateBody" => "template",
                _ => "property",
            },
            resource,
        });
    }
    if object.get("ParameterKey").is_some() {
        // Of a file of parameters; those of a stack are asked about with their stack.
        let is_of_stack = object
            .outwards()
            .skip(1)
            .any(|item| item.get("StackId").is_some() || is_stack(item));
        return (!is_of_stack).then_some(Described {
            id: None,
            kind: "cfn.parameters",
            resource: None,
            role: "parameter",
        });
    }
    let is_answer = object.get("TemplateBody").is_some();
    if !is_answer && !is_template(object) {
        return None;
    }
    let section = owner.step(0);
    let resource = (section == "Resources").then(|| owner.step(1).into_owned());
    Some(Described {
        id: None,
        kind: "cfn.template",
        role: match &*section {
            "Parameters" => "parameter",
            "Outputs" => "output",
            "Mappings" => "variable",
            "Resources" if owner.step(3) == "Tags" => "tag",
            "Resources" => "property",
            _ => "template",
        },
        resource: resource.filter(|name| !name.is_empty()),
    })
}

fn is_stack(object: Item<'_>) -> bool {
    object.get("StackName").is_some()
        && ["StackStatus", "Parameters", "Outputs"]
            .iter()
            .any(|field| object.get(field).is_some())
}

fn is_template(object: Item<'_>) -> bool {
    let is_resource = |item: Item<'_>| {
        let kind = item.word("Type");
        kind.is_some_and(|kind| kind.contains("::"))
    };
    object.get("AWSTemplateFormatVersion").is_some()
        || object
            .get("Resources")
            .is_some_and(|resources| resources.children().any(is_resource))
}
