//! One deployment with a specimen of every type: each is found, at its pointer.

use keydredge::specimen::{Stream, expand};
use serde_json::{Map, Value, json};

use super::{Desk, scan};
use crate::texts::Texts;

#[test]
fn all_types_are_found_in_one_deployment_each_at_its_pointer() {
    let rules = Texts::shared().rules();
    assert_eq!(rules.types.len(), 52);
    let mut outputs = Map::new();
    for variant in &rules.variants {
        let id = &rules.type_of(variant).id;
        for (number, example) in variant.examples.iter().enumerate() {
            let name = format!("{id}:{}:{number}", variant.name);
            let text = expand(example, &mut Stream::new(&name));
            outputs.insert(name, json!({"type": "String", "value": text}));
        }
    }
    let id = "/subscriptions/0b1c/resourceGroups/rg/providers/Microsoft.Resources/deployments/all";
    let document = json!({"id": id, "properties": {"outputs": outputs}});
    let desk = Desk::new();
    let path = desk.file("all.json", format!("{document:#}\n"));
    let found = scan(&desk, &path, &[]).expect(0).findings();
    let mut missed = Vec::new();
    for secret_type in &rules.types {
        let own = found
            .iter()
            .filter(|found| found.secret_type == secret_type.id);
        let mut pointers = own.map(|found| found.occurrence.pointer.clone().unwrap_or_default());
        let start = format!("/properties/outputs/{}:", secret_type.id);
        if !pointers.any(|pointer| pointer.starts_with(&start) && pointer.ends_with("/value")) {
            missed.push(&secret_type.id);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
    // Every pointer leads to a value of the document.
    let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for found in &found {
        let pointer = found.occurrence.pointer.as_deref().unwrap_or("none");
        assert!(
            document.pointer(pointer).is_some_and(Value::is_string),
            "{pointer}"
        );
        assert_eq!(found.occurrence.deployment.as_deref(), Some(id));
    }
}
