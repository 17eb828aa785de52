//! A query as one word, to be sent and opened as it is: `kdq1:` and the base64url of a small JSON
//! document. The number is that of the form; what a later form adds, an older program refuses by
//! its number and does not misread.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::case::CaseError;

const MARK: &str = "kdq1:";
/// Longest link that is opened.
const LONGEST: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    query: String,
}

/// The link of a query.
pub(super) fn write(query: &str) -> String {
    let query = query.to_owned();
    let json = serde_json::to_vec(&Shared { query }).unwrap_or_default();
    format!("{MARK}{}", URL_SAFE_NO_PAD.encode(json))
}

/// The query of a link; none if the text is no link.
pub(super) fn read(text: &str) -> Result<Option<String>, CaseError> {
    let text = text.trim();
    if !text.starts_with("kdq") || !text.contains(':') {
        return Ok(None);
    }
    let wrong = |what: &str| CaseError::Request(format!("this link {what}; copy it whole"));
    let word = text.strip_prefix(MARK).ok_or_else(|| {
        CaseError::Request(format!(
            "this link is of another form than `{MARK}`; a newer program may read it"
        ))
    })?;
    if word.len() > LONGEST {
        return Err(wrong("is too long"));
    }
    let json = URL_SAFE_NO_PAD
        .decode(word)
        .map_err(|_| wrong("is no base64url"))?;
    let shared: Shared = serde_json::from_slice(&json).map_err(|_| wrong("holds no query"))?;
    Ok(Some(shared.query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_to_its_query_and_a_broken_one_is_refused() {
        let query = "find vm[name=\"a b\"] -has-> secret";
        let link = write(query);
        assert!(link.bytes().all(|byte| byte.is_ascii_graphic()), "{link}");
        assert_eq!(read(&link).unwrap().as_deref(), Some(query));
        assert_eq!(read(query).unwrap(), None);
        let half = &link[..link.len() / 2];
        for broken in [half, "kdq1:", "kdq1:!!", "kdq2:e30", "kdq1:e30"] {
            read(broken).unwrap_err();
        }
    }
}
