//! A document as a tree whose every value knows where it lies.
//!
//! One tree for JSON, YAML and HCL: the readers differ, the questions do not. It holds positions
//! instead of texts wherever the text lies in the document as it is, so that it is small, and what
//! differs from its source is told at once.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::borrow::Cow;
use std::ops::Range;

/// Deepest nesting that is followed: no tool writes a tenth of it.
pub(super) const DEEPEST: usize = 512;
/// Most values of one document; each takes about 100 bytes.
const MOST: usize = 2_000_000;

/// Why a reader stopped before the end. What it read until then stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stopped {
    /// Where, from the document's first byte.
    pub(super) at: usize,
    /// What was expected, and what was there.
    pub(super) why: String,
}

impl Stopped {
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { at, why }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Object,
    List,
    Scalar,
}

/// A text: where it lies, and what it says if that is not just what lies there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) span: Range<usize>,
    pub(super) own: Option<Box<str>>,
}

/// How its container calls a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Root,
    Index(usize),
    Key(Text),
}

#[derive(Clone, Debug)]
struct Node {
    shape: Shape,
    name: Name,
    parent: usize,
    /// The first node behind what is in this one.
    behind: usize,
    /// All of it: quotes and brackets too.
    span: Range<usize>,
    text: Text,
}

/// The values of a document, each before what is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    open: Vec<usize>,
    key: Option<Text>,
    counts: Vec<usize>,
}

impl Tree {
    /// Names the value that comes next.
    pub(super) fn key(&mut self, key: Text) {
        self.key = Some(key);
    }

    /// Begins an object or a list.
    pub(super) fn open(&mut self, shape: Shape, start: usize) -> Result<(), Stopped> {
        if self.open.len() >= DEEPEST {
            let why = format!("values are nested more than {DEEPEST} deep");
            return Err(Stopped::new(start, why));
        }
        let index = self.push(shape, start..start, Text::default())?;
        self.open.push(index);
        self.counts.push(0);
        Ok(())
    }

    /// Ends the innermost object or list.
    pub(super) fn close(&mut self, end: usize) {
        self.counts.pop();
        self.key = None;
        let behind = self.nodes.len();
        let node = self.open.pop().and_then(|index| self.nodes.get_mut(index));
        if let Some(node) = node {
            node.span.end = end;
            node.behind = behind;
        }
    }

    pub(super) fn scalar(&mut self, span: Range<usize>, text: Text) -> Result<(), Stopped> {
        self.push(Shape::Scalar, span, text).map(drop)
    }

    /// What the innermost open value is.
    pub(super) fn within(&self) -> Option<Shape> {
        let node = self.nodes.get(*self.open.last()?)?;
        Some(node.shape)
    }

    /// Ends all that is open: the document is over, or cannot be read on.
    pub(super) fn finish(&mut self, end: usize) {
        while !self.open.is_empty() {
            self.close(end);
        }
    }

    fn push(&mut self, shape: Shape, span: Range<usize>, text: Text) -> Result<usize, Stopped> {
        let index = self.nodes.len();
        if index >= MOST {
            let why = format!("the document holds more than {MOST} values");
            return Err(Stopped::new(span.start, why));
        }
        let parent = self.open.last().copied();
        let name = match (parent, self.key.take(), self.counts.last_mut()) {
            (None, ..) => Name::Root,
            (Some(_), Some(key), _) => Name::Key(key),
            (Some(_), None, count) => {
                let count = count.map(|count| {
                    let own = *count;
                    *count = own.saturating_add(1);
                    own
                });
                Name::Index(count.unwrap_or(0))
            }
        };
        self.nodes.push(Node {
            shape,
            name,
            parent: parent.unwrap_or(usize::MAX),
            behind: index.saturating_add(1),
            span,
            text,
        });
        Ok(index)
    }
}

#[cfg(test)]
impl Tree {
    /// The pointer to the text that a needle lies in.
    pub(super) fn pointer_of(&self, text: &str, needle: &str) -> Option<String> {
        let position = text.find(needle).unwrap();
        let (item, is_text) = Document::new(text.as_bytes(), self).at(position)?;
        is_text.then(|| item.pointer())
    }
}

/// A tree with the bytes that it was read from.
#[derive(Clone, Copy)]
pub(super) struct Document<'d> {
    bytes: &'d [u8],
    tree: &'d Tree,
}

/// One value of a document.
#[derive(Clone, Copy)]
pub(super) struct Item<'d> {
    of: Document<'d>,
    index: usize,
    node: &'d Node,
}

impl<'d> Document<'d> {
    pub(super) fn new(bytes: &'d [u8], tree: &'d Tree) -> Self {
        Self { bytes, tree }
    }

    fn item(self, index: usize) -> Option<Item<'d>> {
        let node = self.tree.nodes.get(index)?;
        let of = self;
        Some(Item { of, index, node })
    }

    pub(super) fn bytes(self) -> &'d [u8] {
        self.bytes
    }

    pub(super) fn items(self) -> impl Iterator<Item = Item<'d>> {
        (0..self.tree.nodes.len()).filter_map(move |index| self.item(index))
    }

    fn shown(self, text: &'d Text) -> Cow<'d, str> {
        match &text.own {
            Some(own) => Cow::Borrowed(own),
            None => String::from_utf8_lossy(self.bytes.get(text.span.clone()).unwrap_or(&[])),
        }
    }

    /// The innermost value that holds a byte, or whose key does; and whether the byte is one of a
    /// text and not of what stands between texts.
    pub(super) fn at(self, position: usize) -> Option<(Item<'d>, bool)> {
        // In the order of their beginnings, keys before their values.
        let begins = |node: &Node| match &node.name {
            Name::Key(key) => key.span.start.min(node.span.start),
            _ => node.span.start,
        };
        let after = self
            .tree
            .nodes
            .partition_point(|node| begins(node) <= position);
        let mut item = self.item(after.checked_sub(1)?)?;
        loop {
            let in_key = item.key_span().is_some_and(|span| span.contains(&position));
            if in_key || item.node.span.contains(&position) {
                let is_text = in_key || item.node.shape == Shape::Scalar;
                return Some((item, is_text));
            }
            item = item.parent()?;
        }
    }
}

impl<'d> Item<'d> {
    pub(super) fn shape(self) -> Shape {
        self.node.shape
    }

    pub(super) fn span(self) -> Range<usize> {
        self.node.span.clone()
    }

    pub(super) fn parent(self) -> Option<Self> {
        self.of.item(self.node.parent)
    }

    /// This value, and all that it is in, the innermost first.
    pub(super) fn outwards(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |item| item.parent())
    }

    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let first = self.index.saturating_add(1);
        let end = self.node.behind;
        let at = move |index: usize| {
            let item = self.of.item(index).filter(|_| index < end);
            item.filter(|item| item.node.parent == self.index)
        };
        std::iter::successors(at(first), move |item| at(item.node.behind))
    }

    /// The value of a field. Of several the last counts, as for most readers of JSON.
    pub(super) fn get(self, name: &str) -> Option<Self> {
        let named = |item: &Self| item.key().is_some_and(|key| key == name);
        self.children().filter(named).last()
    }

    /// The value behind a path of fields: `properties.template`.
    pub(super) fn deep(self, path: &str) -> Option<Self> {
        path.split('.').try_fold(self, |item, name| item.get(name))
    }

    /// What a scalar says; nothing of a container.
    pub(super) fn text(self) -> Cow<'d, str> {
        match self.node.shape {
            Shape::Scalar => self.of.shown(&self.node.text),
            Shape::Object | Shape::List => Cow::Borrowed(""),
        }
    }

    /// What a field of it says, if it is a text and says something.
    pub(super) fn word(self, path: &str) -> Option<Cow<'d, str>> {
        let text = self.deep(path)?.text();
        Some(text).filter(|text| !text.is_empty())
    }

    /// What a scalar says, if that is not what lies in the document.
    pub(super) fn own_text(self) -> Option<&'d str> {
        self.node.text.own.as_deref()
    }

    /// Where the text of a scalar lies, without its quotes.
    pub(super) fn text_span(self) -> Range<usize> {
        self.node.text.span.clone()
    }

    pub(super) fn key(self) -> Option<Cow<'d, str>> {
        match &self.node.name {
            Name::Key(key) => Some(self.of.shown(key)),
            Name::Root | Name::Index(_) => None,
        }
    }

    pub(super) fn key_span(self) -> Option<Range<usize>> {
        match &self.node.name {
            Name::Key(key) => Some(key.span.clone()),
            Name::Root | Name::Index(_) => None,
        }
    }

    /// Keys and indices from the outermost value to this one.
    pub(super) fn path(self) -> Vec<Cow<'d, str>> {
        let mut path: Vec<Cow<'d, str>> = self
            .outwards()
            .filter_map(|item| match &item.node.name {
                Name::Root => None,
                Name::Index(index) => Some(Cow::Owned(index.to_string())),
                Name::Key(key) => Some(item.of.shown(key)),
            })
            .collect();
        path.reverse();
        path
    }

    /// The JSON pointer (RFC 6901).
    pub(super) fn pointer(self) -> String {
        let steps = self.path().into_iter();
        steps
            .map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1")))
            .collect()
    }
}
