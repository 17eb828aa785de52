//! Keys of Azure's services in the texts they are found in, and in texts that only look like them.
//!
//! Findings are resolved as a scan resolves them: one span, one finding.

mod facts;
mod named;
mod near_misses;
mod self_proving;
mod strings;

use keydredge::confirm::Confirmed;
use keydredge::specimen::{Stream, expand};

use crate::texts::Texts;

/// What is believed to be a secret of this type.
fn believed(text: &str, secret_type: &str) -> Vec<Confirmed> {
    let scan = Texts::shared();
    let mut found = scan.resolved(text.as_bytes());
    found.retain(|found| found.suppressed.is_none() && scan.type_of(found) == secret_type);
    found
}

/// The one secret of this type in a text.
fn only(text: &str, secret_type: &str) -> Confirmed {
    let mut found = believed(text, secret_type);
    assert_eq!(found.len(), 1, "{secret_type} in {text}");
    found.remove(0)
}

fn made(template: &str, seed: &str) -> String {
    expand(template, &mut Stream::new(seed))
}

/// The texts that a value lies in, with `@` for the value.
const PLACES: &[&str] = &[
    "NAME=@\n",
    "NAME=\"@\"\nOTHER=1\n",
    "{\"name\":\"@\",\"other\":1}",
    "{\n  \"settings\": {\n    \"name\": \"@\"\n  }\n}\n",
    "<add key=\"Name\" value=\"@\" />\n",
    "<value>@</value>",
    "settings:\n  name: @\n  other: x\n",
    "settings:\n  name: '@'\n",
    "export NAME='@' && run\n",
    "  217  curl -d '@' https://example.com\n",
    "$name = \"@\"\r\n",
    "var name = \"@\"; // C#\n",
    "a={n:\"@\",m:1};b()",
    "{\"template\":\"{\\\"name\\\":\\\"@\\\"}\"}",
    "{\"file\":\"first\\n@\\nlast\"}",
    "name = \"@\"\n",
];

/// A value is found in every place, and nothing but the value.
fn found_everywhere(template: &str, secret_type: &str) {
    for (number, place) in PLACES.iter().enumerate() {
        let value = made(template, &format!("{secret_type}/{template}/{number}"));
        let text = place.replace('@', &value);
        let found = only(&text, secret_type);
        let secret = String::from_utf8(found.secret).unwrap();
        assert!(value.contains(&secret), "{secret_type}: {secret} in {text}");
        let span = usize::try_from(found.span.end - found.span.start).unwrap();
        assert!(span >= secret.len(), "{text}");
    }
}

/// A value is found in no place.
fn found_nowhere(template: &str, secret_type: &str) {
    for (number, place) in PLACES.iter().enumerate() {
        let value = made(template, &format!("{secret_type}/{template}/{number}"));
        let text = place.replace('@', &value);
        let found = believed(&text, secret_type);
        assert!(found.is_empty(), "{secret_type} in {text}");
    }
}
