//! The grammar of the explorer.

/// Most machines on a way.
const MOST_HOPS: u8 = 6;
/// Most nodes of a query.
const MOST_NODES: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Vm,
    Storage,
    Database,
    Identity,
    Deployment,
    Asset,
    Secret,
}

const KINDS: &[(Kind, &str)] = &[
    (Kind::Vm, "vm"),
    (Kind::Storage, "storage"),
    (Kind::Database, "database"),
    (Kind::Identity, "identity"),
    (Kind::Deployment, "deployment"),
    (Kind::Asset, "asset"),
    (Kind::Secret, "secret"),
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.map_or("asset", |(_, name)| name)
    }
}

#[derive(Debug)]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) negated: bool,
    /// Operator of SQL and alternatives; `None` asks whether it is so at all.
    pub(super) test: Option<(&'static str, Vec<String>)>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) filters: Vec<Filter>,
}

#[derive(Debug)]
pub(super) enum Edge {
    Has,
    Opens { least: u8, most: u8 },
}

#[derive(Debug)]
pub(super) struct Query {
    pub(super) nodes: Vec<Node>,
    /// One less than nodes.
    pub(super) edges: Vec<Edge>,
    pub(super) limit: Option<usize>,
}

struct Text<'t> {
    whole: &'t str,
    rest: &'t str,
}

impl<'t> Text<'t> {
    fn expected(&self, what: &str) -> String {
        let at = self.whole.len().saturating_sub(self.rest.len());
        let found: String = self.rest.chars().take(16).collect();
        let found = if found.is_empty() {
            "the end".to_owned()
        } else {
            format!("`{found}`")
        };
        format!(
            "query, character {}: expected {what}, found {found}",
            at.saturating_add(1)
        )
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.expected(&format!("`{token}`")))
        }
    }

    fn word(&mut self, more: &str) -> &'t str {
        self.skip();
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || more.contains(c)))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, String> {
        let before = self.rest;
        let word = self.word("");
        word.parse().map_err(|_| {
            self.rest = before;
            self.expected("a number")
        })
    }

    /// A word, or anything in quotes.
    fn value(&mut self) -> Result<String, String> {
        self.skip();
        if let Some(rest) = self.rest.strip_prefix('"') {
            let end = rest
                .find('"')
                .ok_or_else(|| self.expected("a closing quote"))?;
            let (value, after) = rest.split_at(end);
            self.rest = after.strip_prefix('"').unwrap_or(after);
            return Ok(value.to_owned());
        }
        match self.word("-.:/*?@+") {
            "" => Err(self.expected("a value")),
            word => Ok(word.to_owned()),
        }
    }

    fn filter(&mut self) -> Result<Filter, String> {
        let negated = self.take("!");
        let name = self.word("").to_owned();
        if name.is_empty() {
            return Err(self.expected("a property"));
        }
        const OPERATORS: &[(&str, &str)] = &[
            (">=", ">="),
            ("<=", "<="),
            ("!=", "<>"),
            ("=", "="),
            (">", ">"),
            ("<", "<"),
            ("~", "GLOB"),
        ];
        let operator = OPERATORS.iter().find(|(token, _)| self.take(token));
        let test = match operator {
            None => None,
            Some((_, operator)) => {
                let mut values = vec![self.value()?];
                while self.take("|") {
                    values.push(self.value()?);
                }
                Some((*operator, values))
            }
        };
        Ok(Filter {
            name,
            negated,
            test,
        })
    }

    fn node(&mut self) -> Result<Node, String> {
        self.skip();
        let before = self.rest;
        let word = self.word("");
        let kind = KINDS.iter().find(|(_, name)| *name == word);
        let Some((kind, _)) = kind else {
            self.rest = before;
            let names: Vec<&str> = KINDS.iter().map(|(_, name)| *name).collect();
            return Err(self.expected(&format!("a kind ({})", names.join(", "))));
        };
        let mut filters = Vec::new();
        if self.take("[") {
            loop {
                filters.push(self.filter()?);
                if self.take("]") {
                    break;
                }
                self.need(",")?;
            }
        }
        Ok(Node {
            kind: *kind,
            filters,
        })
    }

    fn edge(&mut self) -> Result<Option<Edge>, String> {
        if self.take("-has->") {
            return Ok(Some(Edge::Has));
        }
        if self.take("-opens->") {
            return Ok(Some(Edge::Opens { least: 1, most: 1 }));
        }
        if !self.take("-opens{") {
            return Ok(None);
        }
        let least: u8 = self.number()?;
        self.need("..")?;
        let most: u8 = self.number()?;
        self.need("}->")?;
        if least == 0 || least > most || most > MOST_HOPS {
            return Err(format!(
                "query: {least}..{most} is no range between 1 and {MOST_HOPS}"
            ));
        }
        Ok(Some(Edge::Opens { least, most }))
    }
}

pub(super) fn query(text: &str) -> Result<Query, String> {
    let mut text = Text {
        whole: text,
        rest: text,
    };
    text.need("find")?;
    let mut query = Query {
        nodes: vec![text.node()?],
        edges: Vec::new(),
        limit: None,
    };
    while let Some(edge) = text.edge()? {
        if query.nodes.len() == MOST_NODES {
            return Err(format!("query: more than {MOST_NODES} nodes"));
        }
        query.edges.push(edge);
        query.nodes.push(text.node()?);
    }
    if text.take("limit") {
        query.limit = Some(text.number()?);
    }
    text.skip();
    if !text.rest.is_empty() {
        return Err(text.expected("-has->, -opens->, limit or the end"));
    }
    Ok(query)
}
