//! Cloud deployments: which deployment and resource a finding lies in, and which of its values.
//!
//! A deployment is searched as any other file is: by the same anchors, in chunks, without a look
//! at what it means. Only then, hits first, the document (of JSON Lines: the line) that holds a
//! finding is read, into a tree whose values know their places; the value that holds
//! the finding gives the JSON pointer, and the objects around it say what they are.
//!
//! What no search of the bytes can see, because the document writes it differently, is decoded and
//! searched beside it ([`hidden`]).
//!
//! Everything here reads hostile bytes: depth, length and number of values are bounded, nothing is
//! expanded, and a document that breaks off or is no document costs a finding its pointer, never
//! itself.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

mod hcl;
pub mod hidden;
mod json;
mod kind;
mod layout;
mod tree;
mod yaml;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::confirm::unescape;
use crate::image::Map;
use kind::Described;
use layout::{Language, line_at, part_at};
use tree::{Document, Item, Stopped, Tree};

/// Longest document that is read: its tree is held in memory.
const LONGEST: usize = 256 << 20;
/// Longest text that is read as a document of its own.
const LONGEST_TEXT: usize = 16 << 20;
/// Most warnings of one file; a file of broken lines has as many as lines.
const WARNINGS: usize = 20;

/// Where in a deployment something lies, as far as the document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The deployment's id: an ARM id, the ARN of a stack, the lineage of a state.
    pub deployment: Option<String>,
    /// What sort of deployment: `arm.deployment`, `cfn.template`, `tf.state`, `k8s.manifest`, ...
    pub kind: Option<&'static str>,
    /// The resource in it: an id, a logical id, an address.
    pub resource: Option<String>,
    /// JSON pointer (RFC 6901) of the value.
    pub pointer: Option<String>,
    /// What the value is for: `parameter`, `output`, `tag`, `variable`, `property`, ...
    pub role: Option<&'static str>,
}

/// The documents of one file.
#[derive(Clone)]
pub struct Documents {
    map: Arc<Map>,
    name: String,
    language: Language,
    /// The document that was read last: findings come in the order of the file.
    current: Option<Current>,
    warnings: Vec<String>,
}

#[derive(Clone)]
struct Current {
    range: Range<usize>,
    tree: Tree,
    stopped: Option<Stopped>,
}

impl Documents {
    /// Looks how a file is written. `name` is what warnings call it.
    #[must_use]
    pub fn open(map: &Arc<Map>, name: &str) -> Self {
        Self {
            map: Arc::clone(map),
            name: name.to_owned(),
            language: Language::of(map.bytes()),
            current: None,
            warnings: Vec::new(),
        }
    }

    /// Where a byte of the file lies.
    pub fn place(&mut self, position: u64) -> Place {
        let Ok(position) = usize::try_from(position) else {
            return Place::default();
        };
        if !self.read(position) {
            return Place::default();
        }
        let map = Arc::clone(&self.map);
        let Some(current) = &self.current else {
            return Place::default();
        };
        let Range { start, end } = current.range;
        let bytes = map.bytes().get(start..end).unwrap_or(&[]);
        let inside = position.saturating_sub(start);
        let Some((item, is_text)) = Document::new(bytes, &current.tree).at(inside) else {
            return Place::default();
        };
        let file = self.name.rsplit(['/', '\\']).next().unwrap_or_default();
        let mut described = kind::describe(item, self.language, file);
        if is_text && let Some(inner) = self.inner(bytes, item, inside) {
            described = Described {
                id: described.id.or(inner.id),
                kind: match described.kind {
                    "json" => inner.kind,
                    outer => outer,
                },
                resource: inner.resource.or(described.resource),
                role: inner.role,
            };
        }
        let place = Place {
            deployment: described.id,
            kind: Some(described.kind),
            resource: described.resource,
            pointer: is_text.then(|| item.pointer()),
            role: is_text.then_some(described.role),
        };
        if !is_text && let Some(stopped) = &current.stopped {
            let what = format!(
                "{}: the document at {start:#x} was read up to {:#x} ({}); findings behind have \
                 line and column, and no pointer",
                self.name,
                start.saturating_add(stopped.at),
                stopped.why
            );
            self.warn(what);
        }
        place
    }

    /// Why findings have no pointer that should have one.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every deployment of the file by its id, if it has one, and its kind. Of a file that holds
    /// none with an id, what it is.
    pub fn list(&self, take: &mut dyn FnMut(Option<String>, &'static str)) {
        let mut seen = HashSet::new();
        self.each(&mut |_, document| {
            let items = document.into_iter().flat_map(Document::items);
            for owner in items.filter_map(kind::of_object) {
                if seen.insert((owner.id.clone(), owner.kind)) {
                    take(owner.id, owner.kind);
                }
            }
            true
        });
    }

    /// Reads every document, until one is enough; of one that is too long only its place is given.
    /// Whether none was enough.
    fn each(&self, visit: &mut dyn FnMut(usize, Option<Document<'_>>) -> bool) -> bool {
        let bytes = self.map.bytes();
        let mut from = self.first();
        while from < bytes.len() {
            let range = match self.language {
                Language::Lines => line_at(bytes, from),
                Language::Yaml => part_at(bytes, from),
                Language::Json | Language::Hcl => from..bytes.len(),
                Language::Other => return true,
            };
            let range = range.start.max(from)..range.end;
            let document = bytes.get(range.clone()).unwrap_or(&[]);
            let (tree, len) = match self.language {
                _ if document.len() > LONGEST => (None, document.len()),
                Language::Json => {
                    let (tree, len, stopped) = json::read(document);
                    // What follows a broken document cannot be told from what belongs to it.
                    let is_last = stopped.is_some() || len == 0;
                    (Some(tree), if is_last { document.len() } else { len })
                }
                // With the end of the line.
                Language::Lines => {
                    let len = document.len().saturating_add(1);
                    (Some(self.language.read(document).0), len)
                }
                other => (Some(other.read(document).0), document.len()),
            };
            let tree = tree.as_ref();
            if !visit(range.start, tree.map(|tree| Document::new(document, tree))) {
                return false;
            }
            from = range.start.saturating_add(len.max(1));
        }
        true
    }

    /// Where the first document begins.
    fn first(&self) -> usize {
        match self.map.bytes().starts_with(layout::BOM) {
            true => layout::BOM.len(),
            false => 0,
        }
    }

    fn warn(&mut self, what: String) {
        if self.warnings.len() < WARNINGS && !self.warnings.contains(&what) {
            self.warnings.push(what);
        }
    }

    /// Reads the document that holds a byte, unless it is the current one; whether there is one.
    fn read(&mut self, position: usize) -> bool {
        if self.language == Language::Other {
            return false;
        }
        let holds = |current: &Current| current.range.contains(&position);
        if self.current.as_ref().is_some_and(holds) {
            return true;
        }
        let map = Arc::clone(&self.map);
        let bytes = map.bytes();
        let first = self.first();
        let range = match self.language {
            Language::Lines => line_at(bytes, position),
            Language::Yaml => part_at(bytes, position),
            Language::Json => return self.read_json(bytes, position, first),
            Language::Hcl | Language::Other => 0..bytes.len(),
        };
        let range = range.start.max(first)..range.end;
        let document = bytes.get(range.clone()).unwrap_or(&[]);
        let (tree, stopped) = match self.is_short(document.len()) {
            true => self.language.read(document),
            false => (Tree::default(), None),
        };
        self.current = Some(Current {
            range,
            tree,
            stopped,
        });
        true
    }

    /// JSON values may follow each other without a mark between them: they are read one by one,
    /// from the last one on.
    fn read_json(&mut self, bytes: &[u8], position: usize, first: usize) -> bool {
        let known = self.current.take().map(|current| current.range.end);
        let mut start = known.filter(|end| *end <= position).unwrap_or(first);
        loop {
            let rest = bytes.get(start..).unwrap_or(&[]);
            let (tree, len, stopped) = match self.is_short(rest.len()) {
                true => json::read(rest),
                false => (Tree::default(), 0, None),
            };
            let is_last = stopped.is_some() || len == 0;
            let end = match is_last {
                true => bytes.len(),
                false => start.saturating_add(len),
            };
            if position < end || is_last {
                self.current = Some(Current {
                    range: start..end,
                    tree,
                    stopped,
                });
                return true;
            }
            start = end;
        }
    }

    fn is_short(&mut self, len: usize) -> bool {
        if len <= LONGEST {
            return true;
        }
        let what = format!(
            "{}: a document of {len:#x} bytes is not read (at most {LONGEST:#x}); findings in it \
             have line and column, and no pointer",
            self.name
        );
        self.warn(what);
        false
    }

    /// What a document says that lies in a text of this one: a template in the answer to
    /// `get-template`, a release in a string.
    fn inner(&self, bytes: &[u8], item: Item<'_>, position: usize) -> Option<Described> {
        let span = item.text_span();
        let is_json = matches!(self.language, Language::Json | Language::Lines);
        if !is_json || item.own_text().is_none() || span.len() > LONGEST_TEXT {
            return None;
        }
        let view = unescape::text(bytes.get(span.clone())?)?;
        let position = view.position_of(position.checked_sub(span.start)?)?;
        let language = Language::of(view.bytes());
        let range = match language {
            Language::Yaml => part_at(view.bytes(), position),
            Language::Json => 0..view.bytes().len(),
            Language::Lines | Language::Hcl | Language::Other => return None,
        };
        let part = view.bytes().get(range.clone())?;
        let (tree, _) = language.read(part);
        let (inner, _) = Document::new(part, &tree).at(position.checked_sub(range.start)?)?;
        let described = kind::describe(inner, language, "");
        // One that nothing is known of says less than the document around it.
        (!matches!(described.kind, "json" | "yaml")).then_some(described)
    }
}
