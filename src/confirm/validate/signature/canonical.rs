//! The texts that are signed, made from a link: both versions sign the same text however a link
//! was written, so its parts are put into one form first.

#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing
)]

use crate::confirm::unescape;

/// Labels of a host that is not Amazon's which are tried as the name of a bucket.
const MOST_LABELS: usize = 8;

/// Parameters that version 2 signs; the others it leaves alone. Source: botocore, `HmacV1Auth`.
const SIGNED_BY_VERSION_2: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Parameters that carry a version 4 signature, as they are signed: some proxies write the names in
/// lower case.
const OF_VERSION_4: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Content-Sha256",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The parts of a link that are signed.
#[derive(Clone, Copy)]
pub(crate) struct Address<'l> {
    /// As in the link, with its port.
    pub(crate) host: &'l str,
    /// Without its leading `/`, as in the link.
    pub(crate) path: &'l str,
    /// What follows the `?`, as in the link.
    pub(crate) query: &'l str,
}

/// What a link is for as version 2 names it, with the bucket that its host names: see
/// [`Signed::version_2`](super::Signed::version_2).
pub(super) fn resources(address: &Address<'_>, bucket: Option<&str>) -> Vec<String> {
    let mut resources = Vec::new();
    match bucket {
        Some("") | None => {
            resources.push(format!("/{}", address.path));
            if !address.path.contains('/') {
                // A bucket alone is signed with the slash that a client may leave out.
                resources.push(format!("/{}/", address.path));
            }
        }
        Some(bucket) => resources.push(format!("/{bucket}/{}", address.path)),
    }
    if bucket.is_none() {
        let host = host_of(address);
        let host = host.split(':').next().unwrap_or_default();
        let ends = host.match_indices('.').map(|(at, _)| at);
        let fronts = ends.chain([host.len()]).take(MOST_LABELS);
        let fronts = fronts.filter_map(|end| host.get(..end));
        resources.extend(fronts.map(|bucket| format!("/{bucket}/{}", address.path)));
    }
    resources
}

/// The canonical request of version 4 after its method.
pub(super) fn form_4(address: &Address<'_>) -> Vec<u8> {
    let mut pairs: Vec<(String, String)> = parameters(address.query)
        .into_iter()
        .map(|(name, value)| {
            let name = encoded(&name, b"");
            let known = OF_VERSION_4
                .iter()
                .find(|known| known.eq_ignore_ascii_case(&name));
            let name = known.map_or(name, |known| (*known).to_owned());
            (name, encoded(&value.unwrap_or_default(), b""))
        })
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let path = encoded(&unescape::percent_value(address.path.as_bytes()), b"/");
    let (query, host) = (query.join("&"), host_of(address));
    format!("\n/{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD").into_bytes()
}

/// The text that version 2 signs, after the method.
pub(super) fn form_2(query: &str, resource: &str, expires: &str) -> Vec<u8> {
    let mut parameters = parameters(query);
    parameters.sort();
    let value = |wanted: &[u8]| {
        let found = parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found
            .and_then(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    let mut form = Vec::new();
    for line in [
        value(b"content-md5"),
        value(b"content-type"),
        expires.into(),
    ] {
        form.push(b'\n');
        form.extend(line);
    }
    form.push(b'\n');
    // Headers may be sent as parameters, and count as headers all the same.
    for (name, value) in &parameters {
        let name = name.to_ascii_lowercase();
        if name.starts_with(b"x-amz-") {
            let value = value.as_deref().unwrap_or(&[]);
            form.extend([name.as_slice(), b":", value, b"\n"].concat());
        }
    }
    form.extend(resource.as_bytes());
    let mut mark = b'?';
    for (name, value) in &parameters {
        if SIGNED_BY_VERSION_2
            .iter()
            .any(|known| known.as_bytes() == name)
        {
            form.push(mark);
            mark = b'&';
            form.extend(name);
            if let Some(value) = value {
                form.push(b'=');
                form.extend(value);
            }
        }
    }
    form
}

/// The host as it is sent: in lower case, without the port that goes without saying.
fn host_of(address: &Address<'_>) -> String {
    let host = address.host.to_ascii_lowercase();
    let usual = [":443", ":80"];
    let bare = usual.iter().find_map(|port| host.strip_suffix(port));
    bare.map_or_else(|| host.clone(), str::to_owned)
}

/// A parameter without its percent-encoding; `acl` has no value, `acl=` an empty one.
pub(super) type Parameter = (Vec<u8>, Option<Vec<u8>>);

/// What a query holds, in order. Separators may be `&`, `&amp;` or `\u0026`.
pub(super) fn parameters(query: &str) -> Vec<Parameter> {
    let query = unescape::text_value(query.as_bytes());
    // What follows a `#` never leaves the browser.
    let query = query.split(|byte| *byte == b'#').next().unwrap_or(&[]);
    let plain = |text: &[u8]| unescape::percent_value(text).into_owned();
    query
        .split(|byte| *byte == b'&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let mut parts = parameter.splitn(2, |byte| *byte == b'=');
            let name = plain(parts.next().unwrap_or(&[]));
            (name, parts.next().map(plain))
        })
        .collect()
}

/// `UriEncode` of the API reference: everything but unreserved characters is percent-encoded.
pub(super) fn encoded(text: &[u8], keep: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || keep.contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_with_either_separator_and_without_their_fragment() {
        let read = |query| parameters(query);
        let expected = [
            (b"acl".to_vec(), None),
            (b"a b".to_vec(), Some(b"1=2".to_vec())),
            (b"c".to_vec(), Some(Vec::new())),
        ];
        assert_eq!(read("acl&a%20b=1=2&c=#part"), expected);
        assert_eq!(read("acl&amp;a%20b=1%3D2&&c="), expected);
    }
}
