//! The forms in which a literal lies on a disk.
//!
//! A key in a registry hive is UTF-16, one in a Kubernetes Secret is base64, one in a PowerShell
//! command is base64 of UTF-16. Each form of a literal is a literal again, so looking for all of
//! them costs more anchors, not more passes; what the form was is told to the confirm stage, which
//! undoes it around the hit.
//!
//! Base64 turns three bytes into four characters, so a literal has three forms, one for each place
//! in a group where it may begin, and of each only the characters that do not depend on the bytes
//! around it:
//!
//! ```text
//!   bytes        |  x  |  A  |  K  |  I  |  A  |  y  |       shift 1: one byte before
//!   characters   | ?  | ?  | F  | L  | S  | U  | ?  | ?      the anchor is `FLSU`
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::table::{WINDOW, rarest_window};
use crate::rule::AnchorSpec;
use crate::unit::ByteClass;

/// What must be undone around a hit, and where the literal itself begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Nothing: the hit is the literal.
    Plain,
    /// Two bytes per character, low byte first. The hit lies `skip` characters into the literal.
    Utf16Le {
        /// Characters of the literal before the hit.
        skip: usize,
    },
    /// Two bytes per character, high byte first.
    Utf16Be {
        /// Characters of the literal before the hit.
        skip: usize,
    },
    /// Base64. The literal begins `shift` bytes into a group of three.
    Base64 {
        /// 0, 1 or 2.
        shift: usize,
    },
    /// Base64 of UTF-16, low byte first.
    Base64Utf16Le {
        /// 0, 1 or 2.
        shift: usize,
    },
}

impl Encoding {
    /// Bytes on the disk that one decoded byte takes at most, with room for line breaks.
    #[must_use]
    pub fn stretch(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Utf16Le { .. } | Self::Utf16Be { .. } | Self::Base64 { .. } => 2,
            Self::Base64Utf16Le { .. } => LONGEST_STRETCH as usize,
        }
    }

    /// Bytes of the literal, decoded, that may lie before the hit.
    #[must_use]
    pub fn skipped(self) -> usize {
        match self {
            Self::Utf16Le { skip } | Self::Utf16Be { skip } => skip,
            // The first character that is the literal's own holds bits of its second byte.
            Self::Base64 { .. } | Self::Base64Utf16Le { .. } => WINDOW,
            Self::Plain => 0,
        }
    }
}

/// Bytes before a hit that are looked at in any case: whether UTF-16 has its low byte first shows
/// where the text begins.
pub const SIGHT: usize = 512;

/// The longest stretch that one decoded byte can take on the disk: base64 of UTF-16, with room for
/// the line breaks in it. What a rule may look at grows by this factor.
pub const LONGEST_STRETCH: u32 = 3;

/// The ways a word is written, for the base64 of each is another: as the rule has it, in small
/// letters, in capitals, and with a capital at the beginning (`SmtpPassword`, `Authorization`) if it
/// is one word: hosts and names in pieces have none.
fn spellings(bytes: &[u8], nocase: bool) -> Vec<Vec<u8>> {
    let mut spellings = vec![bytes.to_vec()];
    let mut add = |spelling: Vec<u8>| {
        if nocase && !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    };
    add(bytes.to_ascii_lowercase());
    add(bytes.to_ascii_uppercase());
    if !bytes.iter().any(|byte| b"_-.:".contains(byte)) {
        let mut capital = bytes.to_vec();
        let first = capital.iter_mut().find(|byte| byte.is_ascii_alphabetic());
        if let Some(first) = first {
            first.make_ascii_uppercase();
        }
        add(capital);
    }
    spellings
}

/// What an encoder makes of a character, if it does not leave it as it is.
type Escape = fn(u8) -> Option<String>;

/// What writes a literal otherwise than the rules have it: JSON of .NET and Gson, JSON of all others,
/// properties of Java, XML, and links.
const ESCAPES: [Escape; 5] = [
    |byte| {
        let escaped = b"\"&'+<>=`".contains(&byte);
        escaped.then(|| format!("\\u{byte:04X}"))
    },
    |byte| {
        let escaped = b"\"/".contains(&byte);
        escaped.then(|| format!("\\{}", char::from(byte)))
    },
    |byte| {
        let escaped = b":=#!".contains(&byte);
        escaped.then(|| format!("\\{}", char::from(byte)))
    },
    |byte| {
        Some(match byte {
            b'"' => "&quot;".to_owned(),
            b'&' => "&amp;".to_owned(),
            b'<' => "&lt;".to_owned(),
            b'>' => "&gt;".to_owned(),
            _ => return None,
        })
    },
    |byte| {
        let kept = byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        (!kept).then(|| format!("%{byte:02X}"))
    },
];

/// The literal as it lies in escaped text, where that is not how the rule has it; no longer than
/// an anchor may be, and none that is all escape.
fn escaped(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for escape in ESCAPES {
        let mut form = Vec::new();
        for byte in bytes {
            match escape(*byte) {
                Some(text) => form.extend(text.into_bytes()),
                None => form.push(*byte),
            }
        }
        form.truncate(AnchorSpec::LONGEST);
        // What the rule has, or an end of it, is found without this.
        if !form.ends_with(bytes) && !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Characters of base64, both alphabets: what may follow a short piece of it.
fn base64_class() -> ByteClass {
    ByteClass::from_fn(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte))
}

/// All forms of an anchor, the plain one first. A run has only that one.
#[must_use]
pub fn forms(spec: &AnchorSpec) -> Vec<(AnchorSpec, Encoding)> {
    let mut forms = vec![(spec.clone(), Encoding::Plain)];
    let AnchorSpec::Literal {
        bytes,
        nocase,
        follow,
    } = spec
    else {
        return forms;
    };
    let escaped = escaped(bytes).into_iter().map(|bytes| AnchorSpec::Literal {
        bytes,
        // The digits of an escape are written in either case.
        nocase: true,
        follow: None,
    });
    forms.extend(escaped.map(|spec| (spec, Encoding::Plain)));
    let piece = AnchorSpec::LONGEST / 2;
    let skip = rarest_window(bytes).min(bytes.len().saturating_sub(piece));
    let part = &bytes[skip..bytes.len().min(skip + piece)];
    let whole = skip + part.len() == bytes.len();
    let wide = |low_first: bool| -> Vec<u8> {
        let pair = |byte: &u8| if low_first { [*byte, 0] } else { [0, *byte] };
        part.iter().flat_map(pair).collect()
    };
    let low = AnchorSpec::Literal {
        bytes: wide(true),
        nocase: *nocase,
        follow: follow.filter(|_| whole),
    };
    let high = AnchorSpec::Literal {
        bytes: wide(false),
        nocase: *nocase,
        follow: None,
    };
    forms.push((low, Encoding::Utf16Le { skip }));
    forms.push((high, Encoding::Utf16Be { skip }));
    for spelling in spellings(bytes, *nocase) {
        let utf16: Vec<u8> = spelling.iter().flat_map(|byte| [*byte, 0]).collect();
        for shift in 0..3 {
            let base64 = [
                (in_base64(&spelling, shift), Encoding::Base64 { shift }),
                (in_base64(&utf16, shift), Encoding::Base64Utf16Le { shift }),
            ];
            for (bytes, encoding) in base64 {
                let for_urls = bytes.iter().map(|byte| match byte {
                    b'+' => b'-',
                    b'/' => b'_',
                    other => *other,
                });
                let for_urls: Vec<u8> = for_urls.collect();
                let same = for_urls == bytes;
                for bytes in [bytes, for_urls].into_iter().take(if same { 1 } else { 2 }) {
                    let follow = (bytes.len() < WINDOW).then(base64_class);
                    forms.push((
                        AnchorSpec::Literal {
                            bytes,
                            nocase: false,
                            follow,
                        },
                        encoding,
                    ));
                }
            }
        }
    }
    forms
}

/// Where in its group of four the first character stands that depends on nothing before the
/// literal, for each shift.
pub const FIRST_CHARACTER: [usize; 3] = [0, 2, 3];

/// The characters that the bytes have in base64 after `shift` other bytes, without those that
/// depend on their neighbours, and no more than an anchor may have.
fn in_base64(bytes: &[u8], shift: usize) -> Vec<u8> {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(bytes);
    let text = STANDARD.encode(&padded);
    let end = padded.len() * 8 / 6;
    let own = &text.as_bytes()[FIRST_CHARACTER[shift]..end];
    own[..own.len().min(AnchorSpec::LONGEST)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str, nocase: bool) -> AnchorSpec {
        AnchorSpec::Literal {
            bytes: text.as_bytes().to_vec(),
            nocase,
            follow: None,
        }
    }

    fn bytes(spec: &AnchorSpec) -> &[u8] {
        match spec {
            AnchorSpec::Literal { bytes, .. } => bytes,
            AnchorSpec::Run { .. } => &[],
        }
    }

    #[test]
    fn every_base64_of_a_text_holds_the_form_of_its_alignment() {
        for before in 0..7 {
            for word in ["AKIA", "8Q~", "AccountKey", "a-rather-long-li"] {
                let text = format!("{}{word}tail", "x".repeat(before));
                let encoded = STANDARD.encode(&text);
                let (spec, _) = forms(&literal(word, false))
                    .into_iter()
                    .find(|(_, encoding)| *encoding == Encoding::Base64 { shift: before % 3 })
                    .unwrap();
                let at = memchr::memmem::find(encoded.as_bytes(), bytes(&spec)).unwrap();
                assert_eq!(
                    at,
                    before / 3 * 4 + FIRST_CHARACTER[before % 3],
                    "{word} {before}"
                );
            }
        }
    }

    #[test]
    fn a_word_in_any_case_has_a_form_for_each_common_spelling() {
        let forms = forms(&literal("AccountKey", true));
        let holds = |text: &str| {
            let encoded = STANDARD.encode(text);
            forms.iter().any(|(spec, encoding)| {
                *encoding == Encoding::Base64 { shift: 0 }
                    && encoded.as_bytes().starts_with(bytes(spec))
            })
        };
        assert!(holds("AccountKey=") && holds("accountkey=") && holds("ACCOUNTKEY="));
    }

    #[test]
    fn a_long_literal_is_cut_to_its_rarest_part_in_utf16() {
        let forms = forms(&literal("aaaaaaaaqzjx", false));
        let (spec, encoding) = &forms[1];
        assert_eq!(*encoding, Encoding::Utf16Le { skip: 4 });
        assert_eq!(bytes(spec), b"a\0a\0a\0a\0q\0z\0j\0x\0");
    }

    #[test]
    fn one_word_is_also_looked_for_with_a_capital() {
        let has = |word: &str, spelling: &str| {
            let first =
                |(_, encoding): &(AnchorSpec, Encoding)| *encoding == Encoding::Base64 { shift: 0 };
            let own = forms(&literal(spelling, false)).into_iter().find(first);
            let (own, _) = own.unwrap();
            forms(&literal(word, true))
                .iter()
                .any(|(spec, _)| bytes(spec) == bytes(&own))
        };
        assert!(has("password", "Password") && has("directLine", "DirectLine"));
        assert!(has("</pass>", "</Pass>"));
        assert!(!has("client_secret", "Client_secret"));
        assert!(!has("api.travis-ci", "Api.travis-ci"));
    }

    #[test]
    fn what_escapes_make_of_a_literal_is_looked_for_too() {
        let plain = |text: &str| -> Vec<String> {
            let forms = forms(&literal(text, true)).into_iter();
            let plain = forms.filter(|(_, encoding)| *encoding == Encoding::Plain);
            plain
                .map(|(spec, _)| String::from_utf8(bytes(&spec).to_vec()).unwrap())
                .collect()
        };
        assert_eq!(plain("password"), ["password"]);
        assert_eq!(plain("+ASt"), ["+ASt", r"\u002BASt", "%2BASt"]);
        assert_eq!(
            plain("driver="),
            ["driver=", r"driver\u003D", r"driver\=", "driver%3D"]
        );
        assert_eq!(
            plain("\"private_key"),
            [
                "\"private_key",
                r"\u0022private_ke",
                "&quot;private_ke",
                "%22private_key"
            ]
        );
        assert_eq!(
            plain("://"),
            ["://", r":\/\/", "%3A%2F%2F"],
            "a property's `\\://` ends as the literal does"
        );
        assert!(plain("BEGIN RSA PRIVAT").contains(&"BEGIN%20RSA%20PR".to_owned()));
    }
}
