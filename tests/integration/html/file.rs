//! The file: what it shows, how it is used, and what of it is left on paper.

use serde_json::{Value, json};

use super::driver::Browser;
use super::{address, report, serious, text_of};
use crate::case::{Fleet, all_but};

/// Kinds and names of the boxes of the path with this scenario.
fn boxes(browser: &Browser, scenario: &str) -> Vec<(String, String)> {
    let found = browser.run(
        "const card = [...document.querySelectorAll('#paths .pathcard')]
             .find((card) => card.querySelector('.badge').textContent === arguments[0]);
         return [...card.querySelectorAll('.node')].map((node) =>
             [node.getAttribute('class').replace('node n-', ''), node.querySelector('.name').textContent]);",
        json!([scenario]),
    );
    serde_json::from_value(found).unwrap()
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[test]
fn the_nine_paths_are_drawn_with_their_nodes_and_the_page_complains_of_nothing() {
    let fleet = Fleet::new();
    let browser = Browser::start(1400, 1000);
    browser.open(&report(&fleet, &[]));
    // Those further down under their own heading are not of the nine.
    let named = browser.get(
        "return [...document.querySelectorAll('#paths > .pathcard .badge')].map((its) => its.textContent)
             .filter((name) => !name.startsWith('X'))",
    );
    assert_eq!(named, json!(all_but(&[])));
    let kinds = |scenario: &str| -> Vec<String> {
        boxes(&browser, scenario)
            .into_iter()
            .map(|(kind, _)| kind)
            .collect()
    };
    assert_eq!(kinds("A1"), ["internet", "vm", "file", "secret", "vm"]);
    assert_eq!(kinds("A3"), ["inside", "vm", "file", "secret", "storage"]);
    assert_eq!(
        kinds("W3"),
        ["internet", "vm", "file", "secret", "database"]
    );
    let first = boxes(&browser, "A1");
    assert_eq!(first[1], pair("vm", "az-web01"));
    assert_eq!(first[4], pair("vm", "az-db01"));
    assert!(first[2].1.ends_with("/id_ed25519"), "{first:?}");

    // The graph of all of them: the policy lets its library work.
    browser.get("document.querySelector('#graph button').click()");
    browser.until("return document.querySelectorAll('#graph canvas').length > 0");
    assert_eq!(browser.console(), Vec::<String>::new());

    // Without script everything that does not move is still there.
    let plain = Browser::start(1400, 1000);
    plain.open_without_script(&address(fleet.desk.path("report.html").to_str().unwrap()));
    plain.command(
        "Emulation.setScriptExecutionDisabled",
        &json!({ "value": false }),
    );
    assert!(plain.texts("#paths .pathcard").len() >= 9);
    let shown = plain.get("return getComputedStyle(document.querySelector('.static')).display");
    assert_eq!(shown, "block");
    assert!(!plain.texts("#findings .evidence").is_empty());
}

/// Words in the n-th column of the table of findings.
fn column(browser: &Browser, number: usize) -> Vec<String> {
    browser.texts(&format!(
        "[data-list=findings] tbody tr > :nth-child({number})"
    ))
}

#[test]
fn findings_are_filtered_searched_sorted_and_linked_to() {
    let fleet = Fleet::new();
    let browser = Browser::start(1400, 1000);
    let page = report(&fleet, &[]);
    browser.open(&page);
    let all = column(&browser, 1).len();
    assert!(all >= 14);

    // A facet's number is what it lets through.
    let offered = browser.get(
        "const box = document.querySelector('[data-list=findings] input[data-facet=severity][data-word=critical]');
         const count = Number(box.parentElement.querySelector('.count').textContent);
         box.click();
         return count;",
    );
    browser.until("return location.hash === '#findings?severity=critical'");
    browser.until(&format!(
        "return document.querySelectorAll('[data-list=findings] tbody tr').length === {offered}"
    ));
    assert!(column(&browser, 1).iter().all(|word| word == "critical"));

    // The view is in the address.
    browser.leave();
    browser.open(&format!("{page}#findings?type=ssh-private-key&q=az-web01"));
    browser.until("return document.querySelectorAll('[data-list=findings] tbody tr').length === 1");
    assert_eq!(column(&browser, 3), ["ssh-private-key"]);
    assert_eq!(column(&browser, 4), ["az-web01"]);

    // Sorted by a column, and the other way round.
    browser.get(
        "[...document.querySelectorAll('[data-list=findings] .finder button')]
             .find((its) => its.textContent === 'Clear filters').click()",
    );
    browser.until(&format!(
        "return document.querySelectorAll('[data-list=findings] tbody tr').length === {all}"
    ));
    let mut orders = Vec::new();
    for order in ["ascending", "descending"] {
        browser.get(
            "[...document.querySelectorAll('[data-list=findings] thead button')]
                 .find((its) => its.textContent.startsWith('Asset')).click()",
        );
        browser.until(&format!(
            "return document.querySelector('[data-list=findings] thead th:nth-child(4)').getAttribute('aria-sort') === '{order}'"
        ));
        orders.push(column(&browser, 4));
    }
    assert_eq!(orders[0].first(), orders[1].last());
    assert_eq!(orders[0].last(), orders[1].first());
    assert_ne!(orders[0], orders[1]);
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_finding_shows_its_evidence_and_the_keyboard_is_enough() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    const ESCAPE: &str = "\u{e00c}";
    let fleet = Fleet::new();
    let browser = Browser::start(1400, 1000);
    browser.open(&report(&fleet, &[]));
    browser.press(&[TAB]);
    browser.until_is(
        "return document.activeElement.textContent",
        &json!("Skip to the report"),
    );
    browser.press(&[ENTER]);
    browser.until("return location.hash === '#overview'");

    // A filter keeps the focus when the table under it is drawn anew.
    browser.get("document.querySelector('[data-list=findings] input[data-word=critical]').focus()");
    browser.press(&[" "]);
    browser.until("return location.hash === '#findings?severity=critical'");
    browser.until("return [...document.querySelectorAll('[data-list=findings] tbody .chip')].every((its) => its.textContent === 'critical')");
    browser.until("return document.activeElement.dataset.word === 'critical' && document.activeElement.checked");

    // A row opens, tells where it lies, and gives the focus back.
    browser.get("document.querySelector('[data-list=findings] .open').focus()");
    let row = browser.get("return document.activeElement.dataset.row");
    browser.press(&[ENTER]);
    browser.until("return document.querySelector('dialog').open");
    let facts = browser.texts("dialog .facts").concat();
    for part in [
        "/.aws/credentials",
        "0x10",
        "sector",
        "partition 1",
        "inode",
        "k1:",
        "1. Deactivate the key",
    ] {
        assert!(facts.contains(part), "{part}: {facts}");
    }
    browser.press(&[ESCAPE]);
    browser.until("return !document.querySelector('dialog').open");
    browser.until_is("return document.activeElement.dataset.row", &row);
    browser.until_is(
        "return location.hash",
        &json!("#findings?severity=critical"),
    );
}

#[test]
fn nobody_is_kept_out_by_the_design() {
    let fleet = Fleet::new();
    let browser = Browser::start(1400, 1000);
    let page = report(&fleet, &[]);
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.open(&page);
        assert_eq!(serious(&browser), Vec::<String>::new(), "{scheme}");
        browser.get("document.querySelector('[data-list=findings] .open').click()");
        browser.until("return document.querySelector('dialog').open");
        assert_eq!(
            serious(&browser),
            Vec::<String>::new(),
            "{scheme}, evidence"
        );
        browser.get("location.hash = ''");
    }
    // The button overrules the system, and a narrow window does not cut anything off.
    let before = browser.get("return getComputedStyle(document.body).backgroundColor");
    browser.get("document.getElementById('theme').click()");
    let after = browser.get("return getComputedStyle(document.body).backgroundColor");
    assert_ne!(before, after);
    let narrow = Browser::start(500, 900);
    narrow.open(&page);
    let width = narrow.get("return document.documentElement.scrollWidth <= innerWidth");
    assert_eq!(width, true);
    assert_eq!(serious(&narrow), Vec::<String>::new());
}

#[test]
fn the_printed_page_holds_the_paths_and_the_evidence() {
    let fleet = Fleet::new();
    let browser = Browser::start(1400, 1000);
    browser.open(&report(&fleet, &[]));
    let pdf = fleet.desk.file("report.pdf", browser.print());
    let text = text_of(&pdf);
    for name in all_but(&[]) {
        assert!(
            text.lines()
                .any(|line| line.trim_start().starts_with(&format!("{name} "))),
            "{name}: {text}"
        );
    }
    for part in [
        "az-web01",
        "authorized_keys",
        "acmelogs",
        "Internet",
        "Regenerate the other account key",
        "sector",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_left_out_is_said_and_the_file_is_private() {
    let fleet = Fleet::new();
    report(&fleet, &["--findings", "5", "--paths", "1"]);
    let path = fleet.desk.path("report.html");
    let text = std::fs::read_to_string(&path).unwrap();
    for part in [
        "The 5 most urgent of ",
        "There are more paths than the 1 of a kind",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let data = text.split("\"finding_rows\":[").nth(1).unwrap();
    let data = data.split("],\"asset_rows\"").next().unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<Value>>(&format!("[{data}]"))
            .unwrap()
            .len(),
        5
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    // An empty case is a page too.
    fleet.desk.file("assets.csv", "uid,kind\nquiet,vm\n");
    fleet
        .desk
        .run(&["case", "import", "--case", "empty.db", "assets.csv"])
        .expect(0);
    fleet
        .desk
        .run(&[
            "case",
            "report",
            "--case",
            "empty.db",
            "--html",
            "empty.html",
        ])
        .expect(0);
    let text = std::fs::read_to_string(fleet.desk.path("empty.html")).unwrap();
    assert!(
        text.contains("The case holds no findings") && text.contains("No attack path was found")
    );
}
