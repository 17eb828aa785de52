//! Keys of Azure's services in the texts they are found in, and in texts that only look like them.
//!
//! Findings are resolved as a scan resolves them: one span, one finding.

mod facts;
mod named;
mod near_misses;
mod self_proving;
mod strings;

use std::sync::{Arc, OnceLock};

use keydredge::anchor::reference::Reference;
use keydredge::anchor::table::Table;
use keydredge::anchor::{AnchorSet, Engine};
use keydredge::chunk::{Bytes, Chunk, Origin};
use keydredge::confirm::overlap::Resolver;
use keydredge::confirm::{Confirmed, Confirmer};
use keydredge::rule::load::catalogue;
use keydredge::specimen::{Stream, expand};
use keydredge::unit::ImageOffset;

/// The whole catalogue over texts in memory, with the engine that is never wrong.
struct Scan {
    confirmer: Confirmer,
    table: Arc<Table>,
}

impl Scan {
    fn shared() -> &'static Self {
        static SHARED: OnceLock<Scan> = OnceLock::new();
        SHARED.get_or_init(|| {
            let rules = Arc::new(catalogue().unwrap());
            let anchors = Arc::new(AnchorSet::of_rules(&rules));
            Self {
                table: Arc::new(Table::compile(&anchors)),
                confirmer: Confirmer::new(rules, anchors).unwrap(),
            }
        })
    }

    /// What is left when findings that share bytes have been resolved.
    fn resolved(&self, text: &str) -> Vec<Confirmed> {
        let chunk = Chunk {
            sequence: 0,
            origin: Arc::new(Origin {
                input: "text".to_owned(),
                path: None,
            }),
            at: ImageOffset(0),
            body: 0..text.len(),
            window: Bytes::read(text.as_bytes().into()),
        };
        let mut engine = Reference::new(Arc::clone(&self.table));
        engine.submit(chunk).unwrap();
        let mut hits = Vec::new();
        let chunk = engine.collect(&mut hits).unwrap().unwrap();
        let mut found = Vec::new();
        self.confirmer.confirm(&chunk, &hits, &mut found);
        let mut resolver = Resolver::default();
        resolver.push(found, u64::MAX, self.confirmer.rules())
    }

    fn type_of(&self, found: &Confirmed) -> &str {
        let rules = self.confirmer.rules();
        &rules.type_of(&rules.variants[found.variant]).id
    }
}

/// What is believed to be a secret of this type.
fn believed(text: &str, secret_type: &str) -> Vec<Confirmed> {
    let scan = Scan::shared();
    let mut found = scan.resolved(text);
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
