//! The query string of a URL, as it lies in text.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::confirm::unescape;

/// Name and value pairs in order, percent-decoded once.
pub(crate) struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    /// Takes apart what follows the `?`. Separators may be `&`, `&amp;` or `\u0026`.
    pub(crate) fn parse(text: &[u8]) -> Self {
        let text = unescape::text_value(text);
        let pairs = text.split(|byte| *byte == b'&').filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = pair.split_at_checked(at)?;
            let value = value.get(1..).unwrap_or(&[]);
            Some((
                unescape::percent_value(name).into_owned(),
                unescape::percent_value(value).into_owned(),
            ))
        });
        Self(pairs.collect())
    }

    /// The first value of a name, in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
    }

    /// The first value of a name as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Whether a name occurs twice: no signer does that.
    pub(crate) fn has_duplicates(&self) -> bool {
        let mut names: Vec<&[u8]> = self.0.iter().map(|(name, _)| name.as_slice()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_values_are_decoded() {
        let query = Query::parse(br"sv=2024&amp;sig=a%2Bb%3D\u0026se=2026-01-01T00%3A00%3A00Z");
        assert_eq!(query.text("SV"), Some("2024"));
        assert_eq!(query.text("sig"), Some("a+b="));
        assert_eq!(query.text("se"), Some("2026-01-01T00:00:00Z"));
        assert_eq!(query.get("sp"), None);
        assert!(!query.has_duplicates());
        assert!(Query::parse(b"a=1&a=2").has_duplicates());
    }
}
