//! PEM blocks as they lie about on disks: escaped, indented, quoted, commented out.
//!
//! RFC 7468 wants lines of base64 between `-----BEGIN X-----` and `-----END X-----`. Where a block
//! was pasted into a program, a JSON string, a YAML list or a patch, its line ends became `\n` or
//! `&#10;`, and each line carries the indentation, comment mark or quotes of its surroundings.
//! What each line carries is read off the END line; what then still is not base64 was prose.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Refusal;

/// Base64 with or without its padding; bits that no byte takes must be zero.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const NOT_BASE64: Refusal = Refusal::Broken("the block is not base64");

/// A block, taken apart.
pub(super) struct Block {
    /// `RSA PRIVATE KEY`.
    pub(super) label: String,
    /// What the base64 says.
    pub(super) bytes: Vec<u8>,
    /// Its label or its headers say that it needs a passphrase.
    pub(super) encrypted: bool,
    /// The CRC-24 of `OpenPGP` armor, if there is one.
    pub(super) checksum: Option<[u8; 3]>,
}

/// Opens the block that begins and ends with `text`.
pub(super) fn open(text: &[u8]) -> Result<Block, Refusal> {
    let (label, rest) = heading(text, b"BEGIN ").ok_or(Refusal::Broken("no BEGIN line"))?;
    let end = find_last(rest, b"END ").ok_or(Refusal::Broken("no END line"))?;
    let body = rest.get(..end).unwrap_or(&[]);
    // `-----`, of which a patch's minus may be a sixth.
    let dashes = body.iter().rev().take_while(|byte| **byte == b'-').count();
    let (body, foot) = rest
        .split_at_checked(end.saturating_sub(dashes.min(5)))
        .unwrap_or_default();
    let (end_label, _) = heading(foot, b"END ").ok_or(Refusal::Broken("no END line"))?;
    if label != end_label {
        return Err(Refusal::Broken("BEGIN and END name different things"));
    }
    let plain = unescape(body);
    let lines = bare_lines(&plain);
    let mut base64 = Vec::with_capacity(plain.len());
    let mut encrypted = label.contains("ENCRYPTED");
    for line in lines.split(|byte| *byte == b'\n') {
        // `Proc-Type: 4,ENCRYPTED` and `DEK-Info: ...` (RFC 1421, section 4.6).
        if line.contains(&b':') {
            encrypted |= contains(line, b",ENCRYPTED") || contains(line, b"DEK-Info:");
            continue;
        }
        for &byte in line {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => base64.push(byte),
                b' ' | b'\t' | b'\r' | b'"' | b'\'' | b',' | b';' | b'\\' | b'#' | b'*' | b'|'
                | b'>' | b'(' | b')' | b'[' | b']' => {}
                _ => return Err(NOT_BASE64),
            }
        }
    }
    let checksum = take_checksum(&mut base64);
    let bytes = BASE64.decode(&base64).map_err(|_| NOT_BASE64)?;
    Ok(Block {
        label,
        bytes,
        encrypted,
        checksum,
    })
}

/// Takes off the `=` and four characters that end `OpenPGP` armor (RFC 9580, section 6.1).
fn take_checksum(base64: &mut Vec<u8>) -> Option<[u8; 3]> {
    let at = base64.len().checked_sub(5)?;
    let [b'=', sum @ ..] = base64.get(at..)? else {
        return None;
    };
    let sum = BASE64.decode(sum).ok()?.try_into().ok()?;
    base64.truncate(at);
    Some(sum)
}

/// The label after `-----BEGIN ` or `-----END `, and what follows its dashes.
fn heading<'a>(text: &'a [u8], word: &[u8]) -> Option<(String, &'a [u8])> {
    let dashes = text.iter().take_while(|byte| **byte == b'-').count();
    let after = text.get(dashes..)?.strip_prefix(word)?;
    let len = after.iter().position(|byte| *byte == b'-')?;
    let (label, rest) = after.split_at_checked(len)?;
    let dashes = rest.iter().take_while(|byte| **byte == b'-').count();
    let label = String::from_utf8(label.to_vec()).ok()?;
    Some((label, rest.get(dashes.min(5)..)?))
}

fn find_last(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).rposition(|window| window == word)
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Undoes the escapes of strings and of markup: any number of backslashes before a letter, so that
/// a string inside a string is read too, and character references.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = next(rest) {
        plain.extend(byte);
        rest = after;
    }
    plain
}

/// How many bytes of an escaped text hold the base64 of its first `len` decoded bytes, padding
/// included: where a key ends that has no END line.
pub(super) fn length_of(text: &[u8], len: usize) -> usize {
    let mut digits = len.saturating_mul(4).div_ceil(3);
    let mut rest = text;
    let mut padding = false;
    while let Some((byte, after)) = next(rest) {
        let is_digit =
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
        padding |= digits == 0;
        if padding && byte != Some(b'=') {
            break;
        }
        digits = digits.saturating_sub(usize::from(is_digit));
        rest = after;
    }
    text.len().saturating_sub(rest.len())
}

/// The next byte of the plain text, if the next bytes stand for one, and what follows them.
fn next(text: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let (first, tail) = text.split_first()?;
    Some(match first {
        b'\\' => escape(tail),
        b'&' => reference(tail).unwrap_or((Some(b'&'), tail)),
        b'<' => line_break(tail).unwrap_or((Some(b'<'), tail)),
        byte => (Some(*byte), tail),
    })
}

/// What a backslash and the bytes after it stand for, and what follows.
fn escape(after: &[u8]) -> (Option<u8>, &[u8]) {
    let more = after.iter().take_while(|byte| **byte == b'\\').count();
    let after = after.get(more..).unwrap_or(&[]);
    match after {
        [b'n' | b'r', rest @ ..] => (Some(b'\n'), rest),
        [b't', rest @ ..] => (Some(b' '), rest),
        [b'u', b'0', b'0', digits @ ..] | [b'x', digits @ ..] => {
            let code = digits.get(..2).and_then(hexadecimal);
            code.map_or((None, after), |code| {
                (Some(code), digits.get(2..).unwrap_or(&[]))
            })
        }
        // A quote, a slash, the end of a line that is continued.
        rest => (None, rest),
    }
}

/// The character that `&#10;`, `&#xA;`, `&quot;` stand for, also behind `&amp;`.
fn reference(after: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let mut after = after;
    while let Some(rest) = after.strip_prefix(b"amp;") {
        after = rest;
    }
    let len = after.iter().take(8).position(|byte| *byte == b';')?;
    let (name, rest) = after.split_at_checked(len)?;
    let byte = match name {
        b"quot" => b'"',
        b"apos" => b'\'',
        b"nbsp" => b' ',
        b"gt" => b'>',
        [b'#', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'#', digits @ ..] => std::str::from_utf8(digits).ok()?.parse().ok()?,
        _ => return None,
    };
    Some((Some(byte), rest.get(1..)?))
}

/// `<br>`, `<br/>`, `<br />`.
fn line_break(after: &[u8]) -> Option<(Option<u8>, &[u8])> {
    let rest = after.strip_prefix(b"br")?;
    let len = rest.iter().take(3).position(|byte| *byte == b'>')?;
    Some((Some(b'\n'), rest.get(len..)?.get(1..)?))
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Takes off what every line carries, told by what stands before `-----END`.
fn bare_lines(text: &[u8]) -> Vec<u8> {
    let line_start = text.iter().rposition(|byte| *byte == b'\n');
    let carried = line_start.map_or(text, |at| text.get(at..).unwrap_or(&[]).trim_ascii_start());
    match carried.last() {
        // `"MII..." +`: only what stands between quotes counts, whatever joins the strings.
        Some(quote @ (b'"' | b'\'')) => {
            let parts = text.split(|byte| byte == quote);
            let inside = parts.enumerate().filter(|(index, _)| index % 2 == 0);
            inside
                .map(|(_, part)| part)
                .collect::<Vec<_>>()
                .join(&b'\n')
        }
        Some(_) if line_start.is_some() => without_mark(text, carried.trim_ascii_end()),
        _ => text.to_vec(),
    }
}

/// Takes a comment mark, a patch's sign or a file's name off the lines, if all lines have it.
fn without_mark(text: &[u8], mark: &[u8]) -> Vec<u8> {
    // The first line is what follows the dashes of the BEGIN line, the last one is the mark.
    let lines = || {
        text.split(|byte| *byte == b'\n')
            .skip(1)
            .map(<[u8]>::trim_ascii)
    };
    let marked = lines().filter(|line| !line.is_empty());
    let bare: Option<Vec<&[u8]>> = marked.map(|line| line.strip_prefix(mark)).collect();
    match bare {
        // The mark's own line alone proves nothing: it is the end of the base64.
        Some(bare) if bare.len() > 1 => bare.join(&b'\n'),
        _ => text.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block's bytes as 16 characters a line, each line between `before` and `after`.
    fn block(before: &str, after: &str) -> String {
        let base64 = "AAECAwQFBgcICQoL\nDA0ODxAREhMUFRYX\nGBkaGxwdHh8+Pz//";
        let text = format!("-----BEGIN {0}-----\n{base64}\n-----END {0}-----", "X KEY");
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let before = if index == 0 { "" } else { before };
                let after = if index == 4 { "" } else { after };
                format!("{before}{line}{after}")
            })
            .collect();
        lines.concat()
    }

    #[test]
    fn a_block_is_read_through_whatever_surrounds_its_lines() {
        let expected = open(block("\n", "").as_bytes()).ok().unwrap().bytes;
        assert_eq!(expected.len(), 36);
        for (before, after) in [
            ("\r\n", ""),
            ("\\n", ""),
            ("\\r\\n", ""),
            ("\\\\n", ""),
            ("\\u000a", ""),
            ("&#10;", ""),
            ("&#xA;", ""),
            ("&#xD;&#xA;", ""),
            ("&amp;#10;", ""),
            (" ", ""),
            ("\n        ", ""),
            ("\n# ", ""),
            ("\n// ", ""),
            ("\n//", ""),
            ("\n * ", ""),
            ("\n> ", ""),
            ("\n+", ""),
            ("\n-", ""),
            ("\nkeys/id_rsa:", ""),
            ("    \"", "\\n\" +\n"),
            ("    '", "\\n' .\n"),
            ("    \"", "\" & vbCrLf & _\n"),
            ("\"", "\",\n"),
            ("\n    \\\"", "\\n\\\" +"),
            ("", "\\\n"),
            ("", "<br/>"),
        ] {
            let text = block(before, after);
            let bytes = open(text.as_bytes()).map(|block| block.bytes);
            assert_eq!(bytes.ok().as_deref(), Some(&*expected), "{text}");
        }
        let escaped = block("\n", "").replace('/', "\\/").replace('+', "\\u002b");
        assert_eq!(open(escaped.as_bytes()).ok().unwrap().bytes, expected);
    }

    #[test]
    fn prose_and_wrong_labels_are_refused_and_encryption_is_seen() {
        let refusal = |text: &str| open(text.as_bytes()).err();
        let prose = "-----BEGIN X KEY-----\n...\n-----END X KEY-----";
        assert_eq!(refusal(prose), Some(NOT_BASE64));
        let mixed = "-----BEGIN X KEY-----\nAAAA\n-----END Y KEY-----";
        assert_eq!(
            refusal(mixed),
            Some(Refusal::Broken("BEGIN and END name different things"))
        );
        let locked = "-----BEGIN X KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\nAAAA\n\
                      -----END X KEY-----";
        assert!(open(locked.as_bytes()).is_ok_and(|block| block.encrypted));
    }
}
