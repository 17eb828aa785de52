//! Parts of patterns that several rules share.
//!
//! The host of a database is written in the same seven ways whoever runs it. A rule file names
//! such a part once, under `[fragment]`, and patterns call it as Perl calls a subpattern:
//! `(?&name)`. A type may have fragments of its own, which go before those of the files, so one
//! pattern serves every type that says what its hosts look like.

use std::collections::BTreeMap;

/// How deep fragments may call each other: more is one that calls itself.
const DEPTH: usize = 12;

/// Named parts of patterns.
pub(super) type Fragments = BTreeMap<String, String>;

/// The pattern with every call replaced by the fragment, as a group of its own.
///
/// # Errors
/// When a fragment is unknown, calls itself, or a call does not end.
pub(super) fn expand(pattern: &str, own: &Fragments, shared: &Fragments) -> Result<String, String> {
    let mut text = pattern.to_owned();
    for _ in 0..DEPTH {
        if !text.contains("(?&") {
            return Ok(text);
        }
        text = expand_once(&text, own, shared)?;
    }
    Err("a fragment of the pattern calls itself".to_owned())
}

fn expand_once(text: &str, own: &Fragments, shared: &Fragments) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, call)) = rest.split_once("(?&") {
        expanded.push_str(before);
        let (name, after) = call
            .split_once(')')
            .ok_or_else(|| format!("`(?&{call}` does not end: write `(?&name)`"))?;
        let fragment = own
            .get(name)
            .or_else(|| shared.get(name))
            .ok_or_else(|| format!("no fragment is called `{name}`"))?;
        expanded.push_str("(?:");
        expanded.push_str(fragment);
        expanded.push(')');
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments(pairs: &[(&str, &str)]) -> Fragments {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(own).collect()
    }

    #[test]
    fn a_call_becomes_a_group_and_the_types_own_fragment_goes_first() {
        let shared = fragments(&[("host", "x"), ("pair", "(?&host):(?<secret>y)")]);
        let own = fragments(&[("host", "a|b")]);
        assert_eq!(
            expand("^(?&pair)$", &own, &shared).unwrap(),
            "^(?:(?:a|b):(?<secret>y))$"
        );
        assert_eq!(expand("(?i)z", &own, &shared).unwrap(), "(?i)z");
    }

    #[test]
    fn what_cannot_be_called_is_named() {
        let shared = fragments(&[("loop", "(?&loop)")]);
        let fault = |pattern| expand(pattern, &Fragments::new(), &shared).unwrap_err();
        assert_eq!(fault("(?&hots)"), "no fragment is called `hots`");
        assert!(fault("(?&host").contains("does not end"));
        assert!(fault("(?&loop)").contains("calls itself"));
    }
}
