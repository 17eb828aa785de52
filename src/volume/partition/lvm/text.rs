//! The notation of LVM2 descriptions: sections in braces, `name = value`, lists in brackets.

use std::collections::BTreeMap;

/// Deepest nesting of sections; real descriptions have five.
const DEPTH: usize = 16;

/// A section with its values by name. Looked up often, and a hostile one has a million.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section(BTreeMap<String, Value>);

#[derive(Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
}

impl Section {
    /// Reads a description up to its end, its first NUL or its first mistake: a group whose
    /// description breaks off still has the volumes before the break.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0);
        let bytes = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        let section = section(&mut Tokens(&text), 0);
        (!section.0.is_empty()).then_some(section)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        match self.get(name)? {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::Section(section) => Some((name.as_str(), section)),
            _ => None,
        })
    }

    /// The physical volume and first extent of a linear segment.
    pub(super) fn stripe(&self) -> Option<(&str, u64)> {
        match self.get("stripes")? {
            Value::List(list) => match list.as_slice() {
                [Value::Text(name), Value::Number(extent), ..] => Some((name, *extent)),
                _ => None,
            },
            _ => None,
        }
    }
}

struct Tokens<'a>(&'a str);

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    Text(String),
    Sign(char),
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            self.0 = self.0.trim_start();
            let Some(comment) = self.0.strip_prefix('#') else {
                break;
            };
            self.0 = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let first = self.0.chars().next()?;
        if first == '"' {
            return self.quoted();
        }
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+');
        let len = self.0.find(|c| !is_word(c)).unwrap_or(self.0.len());
        if len == 0 {
            self.0 = self.0.strip_prefix(first)?;
            return Some(Token::Sign(first));
        }
        let (word, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(Token::Word(word))
    }
}

impl<'a> Tokens<'a> {
    fn quoted(&mut self) -> Option<Token<'a>> {
        let mut text = String::new();
        let mut chars = self.0.chars();
        chars.next();
        while let Some(c) = chars.next() {
            match c {
                '"' => {
                    self.0 = chars.as_str();
                    return Some(Token::Text(text));
                }
                '\\' => text.push(chars.next()?),
                c => text.push(c),
            }
        }
        None
    }
}

fn section(tokens: &mut Tokens<'_>, depth: usize) -> Section {
    let mut section_found = Section::default();
    while let Some(Token::Word(name)) = tokens.next() {
        let value = match tokens.next() {
            Some(Token::Sign('{')) if depth < DEPTH => {
                Some(Value::Section(section(tokens, depth.saturating_add(1))))
            }
            Some(Token::Sign('=')) => value(tokens),
            _ => None,
        };
        let Some(value) = value else {
            break;
        };
        section_found.0.entry(name.to_owned()).or_insert(value);
    }
    section_found
}

fn value(tokens: &mut Tokens<'_>) -> Option<Value> {
    let first = tokens.next()?;
    if first != Token::Sign('[') {
        return single(first);
    }
    let mut list = Vec::new();
    loop {
        match tokens.next()? {
            Token::Sign(']') => return Some(Value::List(list)),
            Token::Sign(',') => {}
            token => list.push(single(token)?),
        }
    }
}

fn single(token: Token<'_>) -> Option<Value> {
    match token {
        Token::Text(text) => Some(Value::Text(text)),
        // Numbers are never negative or broken where it matters to us.
        Token::Word(word) => Some(Value::Number(word.parse().unwrap_or(0))),
        Token::Sign(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_read_up_to_its_first_mistake() {
        let text = b"# made by hand\nvg0 {\nid = \"a\\\"b\"\nextent_size = 8192 # 4 MiB\n\
            flags = []\nlv { segment1 { stripes = [\n\"pv0\", 17\n] } }\n}\nbroken = {\0rest = 1";
        let top = Section::parse(text).unwrap();
        let group = top.section("vg0").unwrap();
        assert_eq!(group.text("id"), Some("a\"b"));
        assert_eq!(group.number("extent_size"), Some(8192));
        let segment = group.section("lv").unwrap().section("segment1").unwrap();
        assert_eq!(segment.stripe(), Some(("pv0", 17)));
        assert_eq!(top.sections().count(), 1);
        assert_eq!(top.number("rest"), None);
    }

    #[test]
    fn a_flood_of_braces_ends() {
        let text = "a { ".repeat(100_000);
        assert!(Section::parse(text.as_bytes()).is_some());
        assert_eq!(Section::parse(b"\xff\xfe"), None);
    }
}
