//! Fields of documents that may hold anything.

use serde_json::Value;

/// Most pairs that one row may mean by writing two lists: rules and members, groups and ports.
pub(super) const MOST_MEMBERS: usize = 100_000;

/// The text of a field; empty if there is none.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The text behind a path of fields: `properties.networkProfile`.
pub(super) fn deep<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

/// The text behind a path; empty if there is none.
pub(super) fn deep_text<'v>(value: &'v Value, path: &str) -> &'v str {
    deep(value, path).and_then(Value::as_str).unwrap_or("")
}

/// The elements of a list behind a path; none if it is no list.
pub(super) fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    deep(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The text of a field that must be there.
pub(super) fn need<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    match value.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(format!("`{name}` is missing or not a text")),
    }
}

/// A number written as a number or as a text.
pub(super) fn number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether a source of traffic is the whole internet.
pub(super) fn is_anywhere(source: &str) -> bool {
    matches!(
        source,
        "*" | "0.0.0.0/0" | "::/0" | "0.0.0.0" | "any" | "Any"
    ) || source.eq_ignore_ascii_case("internet")
}

/// `22`, `8000-8099` or `*` as first and last port.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    if text == "*" || text.is_empty() {
        return Some((0, u16::MAX));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last).then_some((first, last))
}

/// `tcp`, `udp` or `*`; `None` for protocols without ports.
pub(super) fn protocol(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "tcp" | "6" => Some("tcp"),
        "udp" | "17" => Some("udp"),
        "*" | "all" | "-1" | "any" | "" => Some("*"),
        _ => None,
    }
}

/// Severity words of all vendors.
pub(super) fn severity(text: &str) -> u8 {
    match text.to_ascii_lowercase().as_str() {
        "critical" => 4,
        "high" | "important" => 3,
        "medium" | "moderate" => 2,
        "low" => 1,
        _ => 0,
    }
}
