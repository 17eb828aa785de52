//! AWS access keys: an id that carries its account, and a secret that only its neighbour proves.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use std::ops::Range;

use super::Validator;
use super::context::{self, Pattern, gap_between};
use super::{encoding, entropy, placeholder};
use crate::confirm::pair::Evidence;
use crate::confirm::{Candidate, Judgement, Proof};
use crate::finding::Verdict;
use crate::rule::Severity;

/// The validators of this family, by the name used in rule files.
pub(super) const VALIDATORS: &[(&str, Validator)] = &[
    ("aws-pair", pair),
    ("aws-secret", secret),
    ("aws-session", session),
];

/// Farthest that an id and its secret lie apart, in bytes.
const PAIR: usize = 300;
/// How far around an id other ids and secrets are looked for, to tell whose secret is whose.
const RECORDS: usize = 700;
/// Characters in a secret access key.
const SECRET_LEN: usize = 40;
/// Characters in an access key id.
const ID_LEN: usize = 20;
/// Bits per character that a secret must show. Of random keys one in 10,000 shows fewer than
/// 4.28; words, paths and repeats show much less.
const FLOOR: f64 = 4.25;

/// Accounts of the Thinkst canary service: using such a key tells its owner that you were there.
const CANARIES: &[&str] = &[
    "052310077262",
    "171436882533",
    "534261010715",
    "595918472158",
    "717712589309",
    "819147034852",
    "992382622183",
    "730335385048",
    "266735846894",
    "893192397702",
];

static REGION: Pattern = Pattern::new(
    r"(?:^|[^a-z0-9-])(?<region>(?:af|ap|ca|cn|eu|il|me|mx|sa|us|us-gov)-(?:central|east|north|northeast|northwest|south|southeast|southwest|west)-[1-9])(?:[^a-z0-9-]|$)",
);

/// What stands in a stretch of text, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Id(Range<usize>),
    Secret(Range<usize>),
}

impl Token {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Id(range) | Self::Secret(range) => range,
        }
    }
}

/// An id with the secret that belongs to it: the next one after it, or the one before it if that
/// is how the file is written.
pub(super) fn pair(candidate: &Candidate<'_>) -> Judgement {
    let forward = match (candidate.group_range("id"), candidate.group_range("secret")) {
        (Some(id), Some(secret)) => id.start < secret.start,
        _ => return Judgement::Reject("shape"),
    };
    let window = candidate.window;
    let start = candidate.anchor.saturating_sub(RECORDS);
    let end = candidate.anchor.saturating_add(RECORDS).min(window.len());
    let tokens = tokens_of(window, start..end);
    let here = tokens
        .iter()
        .position(|token| matches!(token, Token::Id(at) if at.start == candidate.anchor));
    let Some(here) = here else {
        return Judgement::Reject("not an access key id");
    };
    let Some((id, secret)) = partner(window, &tokens, here, start, forward) else {
        return Judgement::Reject("the secret belongs to another id, or there is none");
    };
    let (id, value) = (
        window.get(id).unwrap_or(&[]),
        window.get(secret.clone()).unwrap_or(&[]),
    );
    let proof = with_id(Proof::of(Verdict::Paired).lies_at(secret.clone()), id).evidence(
        Evidence::Secret {
            id: Some(context::text(id)),
        },
    );
    let proof = with_region(proof, window, &secret);
    if id.ends_with(b"EXAMPLE") || value.ends_with(b"EXAMPLEKEY") {
        return proof.suppress("published example");
    }
    if placeholder::is_typed(value) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// A secret beside its own name, without an id: no account can be told.
pub(super) fn secret(candidate: &Candidate<'_>) -> Judgement {
    let value = candidate.secret();
    if !is_random(value) {
        return Judgement::Reject("not random");
    }
    let proof = Proof::of(Verdict::Pattern)
        .severity(Severity::High)
        .detail("key_id", "not found near it")
        .evidence(Evidence::Secret { id: None });
    let proof = with_region(proof, candidate.window, &candidate.secret_range());
    if value.ends_with(b"EXAMPLEKEY") {
        return proof.suppress("published example");
    }
    if placeholder::is_typed(value) {
        return proof.suppress("placeholder");
    }
    proof.accept()
}

/// A session token: worth something only with the temporary key pair it was issued with.
pub(super) fn session(candidate: &Candidate<'_>) -> Judgement {
    let place = candidate.secret_range();
    if encoding::base64_lenient(candidate.secret()).is_none() {
        return Judgement::Reject("base64");
    }
    let around = place.start.saturating_sub(RECORDS)
        ..place
            .end
            .saturating_add(RECORDS)
            .min(candidate.window.len());
    let tokens = tokens_of(candidate.window, around);
    let temporary = |token: &&Token| {
        matches!(token, Token::Id(at)
            if candidate.window.get(at.clone()).is_some_and(|id| id.starts_with(b"ASIA")))
    };
    let id = tokens
        .iter()
        .filter(temporary)
        .min_by_key(|token| gap_between(token.range(), &place));
    let has_secret = tokens.iter().any(|token| matches!(token, Token::Secret(_)));
    let proof = Proof::of(Verdict::Structure).detail("kind", "session token");
    match id {
        Some(id) if has_secret => {
            let id = candidate.window.get(id.range().clone()).unwrap_or(&[]);
            let mut proof = with_id(proof, id);
            proof.verdict = Some(Verdict::Paired);
            proof.severity(Severity::Medium).accept()
        }
        _ => proof.suppress("session token without its key"),
    }
}

/// The account that an access key id belongs to. Ids from before 2019 (fifth character I or J) do
/// not carry it. Source: Aidan Steele, "AWS Access Key ID formats", 2020.
pub(crate) fn account_of(id: &[u8]) -> Option<String> {
    let body = id.get(4..ID_LEN)?;
    if id.len() != ID_LEN || matches!(body.first(), Some(b'I' | b'J')) {
        return None;
    }
    let raw = encoding::base32(body)?;
    let [a, b, c, d, e, f] = *raw.first_chunk::<6>()?;
    let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let account = (number & 0x7FFF_FFFF_FF80) >> 7;
    (account <= 999_999_999_999).then(|| format!("{account:012}"))
}

/// Whether 40 characters look drawn by a machine: neither hexadecimal, which is a commit id, nor a
/// path or words.
pub(crate) fn is_random(secret: &[u8]) -> bool {
    let count = |test: fn(&&u8) -> bool| secret.iter().filter(test).count();
    let lower = count(|byte| byte.is_ascii_lowercase());
    let upper = count(|byte| byte.is_ascii_uppercase());
    let slashes = count(|byte| **byte == b'/');
    // Drawn keys hold 16 letters of a case on average, 28 or more once in 10,000, and five
    // slashes four times in 10,000: words and paths do so all the time.
    (1..28).contains(&lower)
        && (1..28).contains(&upper)
        && slashes < 5
        && secret.iter().any(u8::is_ascii_digit)
        && !secret.iter().all(u8::is_ascii_hexdigit)
        && entropy::bits_per_byte(secret) >= FLOOR
}

/// The secret that belongs to the id `here`, if it stands on that side of it. The window was
/// looked at from `seen_from` on.
///
/// Ids and secrets without a break between them are one record or a list of records, and a list
/// is written in one order: the one its first token shows.
fn partner(
    window: &[u8],
    tokens: &[Token],
    here: usize,
    seen_from: usize,
    forward: bool,
) -> Option<(Range<usize>, Range<usize>)> {
    let id = tokens.get(here)?.range();
    let list = list_around(window, tokens, here);
    let next = here.checked_add(1);
    let previous = here.checked_sub(1);
    let secret_at = |at: Option<usize>| match tokens.get(at?)? {
        Token::Secret(range) if gap_between(id, range) <= PAIR => Some(range.clone()),
        _ => None,
    };
    // A list that begins before the window is taken to be in the usual order.
    let is_seen_whole = list.start > 0
        || seen_from == 0
        || tokens
            .first()
            .is_some_and(|first| first.range().start.saturating_sub(seen_from) > PAIR);
    let is_reversed = is_seen_whole && matches!(tokens.get(list.start), Some(Token::Secret(_)));
    let (partner, is_after) = if is_reversed {
        (previous, false)
    } else {
        (next, true)
    };
    let inside = partner.filter(|at| list.contains(at));
    let (secret, is_after) = match secret_at(inside) {
        Some(secret) => (secret, is_after),
        None => {
            // A break lies inside this record: a secret beyond it belongs here if no id is nearer.
            let orphan = |at: &usize| {
                let its_list = list_around(window, tokens, *at);
                !list.contains(at)
                    && tokens.get(its_list).is_some_and(|list| {
                        list.iter().all(|token| matches!(token, Token::Secret(_)))
                    })
            };
            let after = secret_at(next.filter(orphan)).map(|secret| (secret, true));
            after.or_else(|| secret_at(previous.filter(orphan)).map(|secret| (secret, false)))?
        }
    };
    (is_after == forward).then(|| (id.clone(), secret))
}

/// The tokens around one that follow each other closely and without a break.
fn list_around(window: &[u8], tokens: &[Token], here: usize) -> Range<usize> {
    let joined = |one: usize, next: usize| match (tokens.get(one), tokens.get(next)) {
        (Some(one), Some(next)) => {
            let (one, next) = (one.range(), next.range());
            gap_between(one, next) <= PAIR && !is_break(window, one.end..next.start)
        }
        _ => false,
    };
    let mut start = here;
    while let Some(before) = start.checked_sub(1).filter(|before| joined(*before, start)) {
        start = before;
    }
    let mut last = here;
    while let Some(after) = last.checked_add(1).filter(|after| joined(last, *after)) {
        last = after;
    }
    start..last.saturating_add(1)
}

/// Whether a record ends in this stretch: a blank line, a section or a closing brace.
fn is_break(window: &[u8], stretch: Range<usize>) -> bool {
    let text = window.get(stretch).unwrap_or(&[]);
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    has(b"\n\n") || has(b"\n\r\n") || has(b"\n[") || has(b"}")
}

/// Ids and believable secrets, in order.
fn tokens_of(window: &[u8], range: Range<usize>) -> Vec<Token> {
    let is_member = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=');
    let mut tokens = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let rest = window.get(at..).unwrap_or(&[]);
        let len = rest.iter().take_while(|byte| is_member(byte)).count();
        let run = at..at.saturating_add(len);
        // Behind a `%` stand two digits of an escape: what is escaped is read without its escapes.
        let before = at.checked_sub(1).and_then(|before| window.get(before));
        let is_whole = !before.is_some_and(|byte| is_member(byte) || *byte == b'%');
        if is_whole {
            tokens_of_run(window, &run, &mut tokens);
        }
        at = run.end.saturating_add(1);
    }
    tokens
}

/// A run of key characters may be `NAME=VALUE` or `ID=` or a bare value: `=` separates.
fn tokens_of_run(window: &[u8], run: &Range<usize>, tokens: &mut Vec<Token>) {
    let mut start = run.start;
    for part in window
        .get(run.clone())
        .unwrap_or(&[])
        .split(|byte| *byte == b'=')
    {
        let place = start..start.saturating_add(part.len());
        start = place.end.saturating_add(1);
        // Base64 padding after 40 characters says that they are something else.
        let rest = window.get(place.end..run.end).unwrap_or(&[]);
        let padded = !rest.is_empty() && rest.iter().all(|byte| *byte == b'=');
        if is_id(part) {
            tokens.push(Token::Id(place));
        } else if part.len() == SECRET_LEN && !padded && is_random(part) {
            tokens.push(Token::Secret(place));
        }
    }
}

fn is_id(text: &[u8]) -> bool {
    text.len() == ID_LEN
        && (text.starts_with(b"AKIA") || text.starts_with(b"ASIA"))
        && text
            .iter()
            .skip(4)
            .all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
}

/// Adds the id, its account and what follows from them.
pub(crate) fn with_id(proof: Proof, id: &[u8]) -> Proof {
    let mut proof = proof.owner("key_id", context::text(id));
    if id.starts_with(b"ASIA") {
        // Lasts 36 hours at most, and needs its session token.
        proof = proof.severity(Severity::Medium).detail("kind", "temporary");
    }
    let Some(account) = account_of(id) else {
        return proof;
    };
    if CANARIES.contains(&account.as_str()) {
        proof = proof.detail("label", "canary token");
    }
    proof
        .owner("account", account.clone())
        .opens("aws-account", &account, None)
}

fn with_region(proof: Proof, window: &[u8], place: &Range<usize>) -> Proof {
    let found = REGION.nearest(window, place, PAIR);
    match found.and_then(|found| context::text_of(&found, "region")) {
        Some(region) => proof.detail("region", region),
        None => proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_published_ids_is_read() {
        // Aidan Steele's and Tal Be'ery's articles.
        let id = ["ASIA", "Y34FZKBOKMUTVV7A"].concat();
        assert_eq!(account_of(id.as_bytes()).unwrap(), "609629065308");
        let id = ["ASIA", "QNZGKIQY56JQ7WML"].concat();
        assert_eq!(account_of(id.as_bytes()).unwrap(), "029608264753");
        assert_eq!(
            account_of(b"AKIAIOSFODNN7EXAMPLE"),
            None,
            "issued before 2019"
        );
        assert_eq!(account_of(b"AKIA"), None);
    }

    #[test]
    fn commit_ids_paths_and_words_are_no_secrets() {
        assert!(!is_random(b"2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"));
        assert!(!is_random(b"usr/share/doc/libgcc/README/Changelog/v1"));
        assert!(!is_random(b"AAAAAAAAAAAAAAAAAAAAaaaaaaaaaaaaaaaaaa11"));
        assert!(is_random(b"q8Zt2LmX0aPw7RkD5vYcN1sHb+Gj4FoUeTi3/WxK"));
    }

    #[test]
    fn assignments_without_spaces_are_taken_apart() {
        let text = b"id=AKIAIOSFODNN7EXAMPLE key=q8Zt2LmX0aPw7RkD5vYcN1sHb+Gj4FoUeTi3/WxK";
        let tokens = tokens_of(text, 0..text.len());
        assert_eq!(tokens, [Token::Id(3..23), Token::Secret(28..68)]);
    }

    #[test]
    fn a_piece_of_an_escaped_text_is_no_secret() {
        let found = |mark: &str| {
            let piece = "2FZt2LmX0aPw7RkD5vYcN1sHb4Gj4FoUeTi3mWxK";
            let text = format!("token=abc{mark}{piece}%2Bdef");
            tokens_of(text.as_bytes(), 0..text.len())
        };
        assert_eq!(found("%"), []);
        assert_eq!(found(" "), [Token::Secret(10..50)]);
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(REGION.regex().is_some());
    }
}
