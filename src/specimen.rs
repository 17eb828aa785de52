//! Secrets that were never issued to anyone, made at run time.
//!
//! Rule examples, the demo disk and the tests need keys with valid checksums, and nothing that
//! looks alive may lie in the repository. A specimen is made from a seed: the same seed gives the
//! same specimen on every machine and in every version.

mod aws;
mod azure;
mod azure_identity;
mod azure_service;
pub mod check;
mod common;
mod database;
pub mod disk;
pub mod fleet;
mod planted;
mod private_key;
mod saas;
mod sample;
mod web;

/// A deterministic stream of bytes: BLAKE3 in its extendable-output mode, which is specified and
/// will not change between versions as a random-number crate's streams may.
pub struct Stream(blake3::OutputReader);

impl Stream {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("keydredge 2026 specimen stream");
        hasher.update(seed.as_bytes());
        Self(hasher.finalize_xof())
    }

    /// The next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    /// The next `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number below `bound`, every one as likely as the next to within 2^-32.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(u64::from_le_bytes(self.bytes()));
        // The product's high half is below the bound, so it fits.
        ((wide * u128::from(bound)) >> 64) as u64
    }

    /// Characters drawn from an ASCII alphabet.
    #[must_use]
    pub fn text(&mut self, alphabet: &str, len: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..len)
            .map(|_| char::from(alphabet[self.below(alphabet.len() as u64) as usize]))
            .collect()
    }
}

/// Makes one specimen.
pub type Maker = fn(&mut Stream) -> String;

/// The maker of this name: `github-classic`.
#[must_use]
pub fn maker(name: &str) -> Option<Maker> {
    MAKERS
        .iter()
        .copied()
        .flatten()
        .find(|(known, _)| *known == name)
        .map(|(_, maker)| *maker)
}

/// The names of all makers.
pub fn names() -> impl Iterator<Item = &'static str> {
    MAKERS.iter().copied().flatten().map(|(name, _)| *name)
}

/// A template with every `{maker}` replaced by a specimen of its own. Braces around anything but
/// a maker's name stay as they are.
#[must_use]
pub fn expand(template: &str, stream: &mut Stream) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        text.push_str(before);
        let inner = &after[1..];
        let close = inner.find('}');
        let found = close.and_then(|close| Some((close, maker(&inner[..close])?)));
        match found {
            Some((close, maker)) => {
                text.push_str(&maker(stream));
                rest = &inner[close + 1..];
            }
            None => {
                text.push('{');
                rest = inner;
            }
        }
    }
    text.push_str(rest);
    text
}

/// Every maker, by the name used in the examples of rule files: one table per family.
const MAKERS: &[&[(&str, Maker)]] = &[
    aws::MAKERS,
    azure::MAKERS,
    azure_identity::MAKERS,
    azure_service::MAKERS,
    common::MAKERS,
    database::MAKERS,
    private_key::MAKERS,
    private_key::deployment::MAKERS,
    saas::MAKERS,
    web::MAKERS,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_template_takes_a_new_specimen_each_time() {
        let text = expand("a={uuid} b={uuid} {x} {{uuid}}", &mut Stream::new("t"));
        let parts: Vec<&str> = text.split(' ').collect();
        assert_eq!(parts[0].len(), 2 + 36);
        assert_ne!(parts[0][2..], parts[1][2..]);
        assert_eq!(parts[2], "{x}");
        assert!(parts[3].starts_with('{') && parts[3].len() == 38, "{text}");
    }

    #[test]
    fn no_name_is_used_twice() {
        let all: HashSet<&str> = names().collect();
        assert_eq!(all.len(), names().count());
    }

    #[test]
    fn a_seed_gives_the_same_stream_everywhere() {
        assert_eq!(
            Stream::new("a").text("0123456789", 8),
            Stream::new("a").text("0123456789", 8)
        );
        assert_ne!(
            Stream::new("a").bytes::<16>(),
            Stream::new("b").bytes::<16>()
        );
    }
}
