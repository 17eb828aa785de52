//! Names of files that would like to be a formula, markup, a link or an order to the terminal.

use super::{Ocsf, Schema, children, csv_rows, file_objects, folder, parsed};
use crate::fixture::Desk;

const NAMES: &[&[u8]] = &[
    b"=cmd|' -C calc'!A0",
    b"+1-1",
    b"@SUM(A1)",
    "＝1＋1".as_bytes(),
    b"\x1b]0;owned\x07",
    b"a\x1b[2Jb\nc\rd\te",
    b"<script>&\"']]>",
    "exe.\u{202e}txt".as_bytes(),
    b"[link](http:evil) {0} \\",
    b"javascript:alert(1)",
    b"..%2f..%2f#?",
    b"\xff\xfe\x80",
    "\u{fffe}\u{ffff}\u{85}".as_bytes(),
];

fn written(desk: &Desk, format: &str) -> String {
    // The name of the folder must not stand before the names in question.
    let mut command = desk.keydredge();
    command
        .current_dir(desk.path("folder"))
        .args(["scan", ".", "--format", format]);
    crate::fixture::Ran::of(command.output().unwrap())
        .expect(0)
        .stdout
}

/// Whether a terminal or a spreadsheet would act on it.
fn acts(character: char) -> bool {
    (character.is_control() && character != '\n' && character != '\r')
        || ('\u{202a}'..='\u{202e}').contains(&character)
}

#[test]
fn they_stay_text_in_every_format() {
    let desk = Desk::new();
    folder(&desk, NAMES);
    let table = written(&desk, "table");
    assert!(!table.contains(acts), "{table:?}");
    assert!(
        table.contains("␛]0;owned␇") && !table.contains('\r'),
        "{table:?}"
    );

    let csv = written(&desk, "csv");
    assert!(!csv.contains(acts), "{csv:?}");
    let rows = csv_rows(&desk, &csv);
    assert_eq!(rows.len(), NAMES.len());
    for row in &rows {
        for (column, cell) in row.as_object().unwrap() {
            let cell = cell.as_str().unwrap();
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '＝', '＋']),
                "{column}: {cell}"
            );
        }
    }

    let dfxml = written(&desk, "dfxml");
    assert!(!dfxml.contains(acts), "{dfxml:?}");
    let objects = file_objects(&desk, &dfxml);
    assert_eq!(objects.len(), NAMES.len());
    let names: Vec<&str> = objects
        .iter()
        .map(|object| children(object, "filename")[0][2].as_str().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.ends_with("<script>&\"']]>")),
        "{names:?}"
    );

    let sarif = written(&desk, "sarif");
    assert!(!sarif.contains(|character: char| character.is_control() && character != '\n'));
    let log = parsed(&sarif);
    Schema::of("sarif-2.1.0.json").check(&log);
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let message = result["message"]["text"].as_str().unwrap();
        assert!(
            !message.contains(acts) && !message.contains("[link]("),
            "{message}"
        );
        let artifact = &result["locations"][0]["physicalLocation"]["artifactLocation"];
        let uri = artifact["uri"].as_str().unwrap();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
        assert!(uri.bytes().all(is_plain), "{uri}");
        assert_eq!(artifact["uriBaseId"], "INPUTS");
    }

    let events = Ocsf::new().events(&written(&desk, "ocsf"));
    assert_eq!(events.len(), NAMES.len() + 1);
    for event in &events[..NAMES.len()] {
        assert!(
            !event["file"]["path"].as_str().unwrap().contains(acts),
            "{event}"
        );
    }
}
