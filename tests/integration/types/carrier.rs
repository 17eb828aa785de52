//! The files that a setting lies in, each with the quotes and escapes of its kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::encodings::utf16;

/// Writes a setting of this name and value.
type Writer = fn(&str, &str) -> Vec<u8>;

/// Writes a text in another way.
type Encoder = fn(&str) -> Vec<u8>;

/// The kinds of files that people keep settings in.
pub(super) const CARRIERS: &[(&str, Writer)] = &[
    ("JSON", |name, value| {
        format!(
            "{{\n  \"version\": 2,\n  \"{name}\": {},\n  \"port\": 80\n}}\n",
            quoted(value)
        )
        .into_bytes()
    }),
    ("XML", |name, value| {
        format!(
            "<configuration>\n  <add key=\"{name}\" value=\"{}\" />\n</configuration>\n",
            entities(value)
        )
        .into_bytes()
    }),
    ("environment file", |name, value| {
        let value = match value {
            _ if value.contains('\n') => quoted(value),
            _ if value.contains([' ', '$', '"', '<', '(', '#']) => format!("'{value}'"),
            _ => value.to_owned(),
        };
        format!("# web\nTZ=UTC\n{name}={value}\nDEBUG=1\n").into_bytes()
    }),
    ("YAML", |name, value| {
        let value = match value {
            _ if value.contains('\n') => {
                let lines: Vec<String> = value.lines().map(|line| format!("    {line}")).collect();
                format!("|\n{}", lines.join("\n"))
            }
            _ if value.contains("'") => quoted(value),
            _ if value.contains([':', '#', '"', '{', '<', '[', '*', '?', '%', '!', ',']) => {
                format!("'{value}'")
            }
            _ => value.to_owned(),
        };
        format!("env:\n  {name}: {value}\n  TZ: UTC\n").into_bytes()
    }),
    ("shell history", |name, value| {
        format!("cd /srv\nexport {name}='{value}' && ./deploy.sh\nls -la\n").into_bytes()
    }),
    ("code", |name, value| {
        format!(
            "import os\n\n{name} = {}  # do not commit\nrun()\n",
            quoted(value)
        )
        .into_bytes()
    }),
    ("minified JavaScript", |name, value| {
        format!(
            "!function(){{var a=1,c={{\"{name}\":{},r:3}};n(c,a)}}();",
            quoted(value)
        )
        .into_bytes()
    }),
    ("UTF-16LE", |name, value| {
        let text = format!("\u{feff}{name}={}\r\nx=1\r\n", value.replace('\n', "\r\n"));
        utf16(&text, true)
    }),
    ("UTF-16BE", |name, value| {
        let text = format!("\u{feff}{name}={}\r\nx=1\r\n", value.replace('\n', "\r\n"));
        utf16(&text, false)
    }),
    ("log line", |name, value| {
        format!("2026-03-01T10:00:00.123Z INFO [main] web.Settings - {name}={value}\n").into_bytes()
    }),
    ("properties", |name, value| {
        format!("#Sun Mar 01 10:00:00 UTC 2026\n{name}={}\n", stored(value)).into_bytes()
    }),
    ("INI", |name, value| {
        let value = value.replace('\n', "\r\n");
        format!("[main]\r\n{name} = {value}\r\nother = 1\r\n").into_bytes()
    }),
];

/// What else bytes may have gone through on their way to a disk.
pub(super) const ENCODINGS: &[(&str, Encoder)] = &[
    ("utf-16le", |text| utf16(text, true)),
    ("utf-16le at an odd place", |text| {
        [b"\x90".to_vec(), utf16(text, true)].concat()
    }),
    ("utf-16be", |text| utf16(text, false)),
    ("base64, first place", |text| secret_of(text, 0)),
    ("base64, second place", |text| secret_of(text, 1)),
    ("base64, third place", |text| secret_of(text, 2)),
    ("base64 of utf-16le", |text| {
        let encoded = STANDARD.encode(utf16(text, true));
        format!("powershell -EncodedCommand {encoded}\n").into_bytes()
    }),
    ("JSON", |text| {
        format!("{{\"log\":{}}}", quoted(text)).into_bytes()
    }),
    ("JSON of .NET", |text| {
        let inner = quoted(text).replace("\\\"", "\\u0022");
        let escaped = escapes(&inner, "&'+<>`", |code| format!("\\u{code:04X}"));
        format!("{{\"log\":{escaped}}}").into_bytes()
    }),
    ("JSON of Gson", |text| {
        let escaped = escapes(&quoted(text), "&'=<>", |code| format!("\\u{code:04x}"));
        format!("{{\"log\":{escaped}}}").into_bytes()
    }),
    ("JSON of PHP", |text| {
        format!("{{\"log\":{}}}", quoted(text).replace('/', "\\/")).into_bytes()
    }),
    ("JSON in JSON", |text| {
        let inner = format!("{{\"log\":{}}}", quoted(text));
        format!("{{\"event\":{}}}", quoted(&inner)).into_bytes()
    }),
    ("XML", |text| {
        format!("<log text=\"{}\"/>", entities(text)).into_bytes()
    }),
    ("percent", |text| {
        format!("curl -d 'log={}' https://a.example/\n", percent(text)).into_bytes()
    }),
];

/// A JSON string, which is also one of Python, JavaScript, YAML and of most environment files.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// The text with these characters replaced.
fn escapes(text: &str, characters: &str, escape: fn(u32) -> String) -> String {
    text.chars()
        .map(|character| match characters.contains(character) {
            true => escape(character.into()),
            false => character.to_string(),
        })
        .collect()
}

/// The value of an XML attribute.
fn entities(text: &str) -> String {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    escaped.replace('\n', "&#xA;")
}

/// A value as `Properties.store` of Java writes it.
fn stored(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
    escapes(&escaped, ":=#!", |code| {
        format!("\\{}", char::from_u32(code).unwrap())
    })
}

/// A parameter of a link.
fn percent(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// A Kubernetes secret, whose value begins `lead` bytes before the text.
fn secret_of(text: &str, lead: usize) -> Vec<u8> {
    let encoded = STANDARD.encode(format!("{}{text}", " ".repeat(lead)));
    format!("apiVersion: v1\ndata:\n  config: {encoded}\nkind: Secret\n").into_bytes()
}
