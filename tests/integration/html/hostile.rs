//! Names from a stranger's disk, and scripts that are not ours.

use serde_json::{Value, json};

use super::address;
use super::driver::Browser;
use crate::fixture::Desk;

const MARKUP: &str = "/srv/<img src=x onerror='window.ran = 1'>";
const END: &str = "/srv/</script></style><script>window.ran = 2</script><!--";
const TURNED: &str = "/srv/\u{202e}gnp.exe\u{1b}[2J\u{200b}";

fn finding(number: usize, path: &str) -> Value {
    json!({
        "schema": "keydredge.finding/1", "type": "github-personal-access-token", "variant": "classic",
        "severity": "high", "verdict": "checksum", "fingerprint": format!("k1:{number:032x}"),
        "secret": {"preview": "<b>…</b>", "length": 40, "value": null},
        "occurrence": {"input": path, "offset": 4096, "length": 40, "forensic_path": "4096",
            "encoding": [], "partition": null, "filesystem": null, "path": path, "file_offset": null,
            "inode": null, "state": "<i>state</i>", "modified": null, "line": null, "column": null,
            "pointer": null, "labels": []},
        "target": null, "identity": {path: path}, "expires": null, "expired": null,
        "details": {path: path}
    })
}

/// A case whose every name is an attack, and its report.
pub fn attacked(desk: &Desk) -> String {
    let lines: Vec<String> = [MARKUP, END, TURNED]
        .iter()
        .enumerate()
        .map(|(number, path)| finding(number, path).to_string())
        .collect();
    desk.file("findings.jsonl", lines.join("\n"));
    desk.run(&[
        "case",
        "import",
        "--case",
        "c.db",
        "--asset",
        END,
        "findings.jsonl",
    ])
    .expect(0);
    desk.run(&["case", "report", "--case", "c.db", "--html", "report.html"])
        .expect(0);
    address(desk.path("report.html").to_str().unwrap())
}

#[test]
fn names_that_are_markup_stay_text_on_the_page() {
    let desk = Desk::new();
    let browser = Browser::start(1400, 1000);
    browser.open(&attacked(&desk));
    for number in [1, 2, 3] {
        browser.run(
            "location.hash = `findings/${arguments[0]}`",
            json!([number]),
        );
        browser.until(&format!(
            "return document.querySelector('dialog').open && document.querySelector('dialog h3').textContent.startsWith('Finding {number}')"
        ));
    }
    assert_eq!(browser.get("return window.ran ?? null"), Value::Null);
    assert_eq!(
        browser.get("return document.querySelectorAll('img, b > b, i, iframe').length"),
        0
    );
    let all = browser.get("return document.body.textContent");
    let all = all.as_str().unwrap();
    assert!(all.contains(MARKUP) && all.contains("</script></style><script>"));
    let file = std::fs::read_to_string(desk.path("report.html")).unwrap();
    // The first script without attributes is the library, which names such characters itself.
    let (ours, _) = file.split_once("<script>").unwrap();
    for hidden in ['\u{202e}', '\u{1b}', '\u{200b}'] {
        assert!(!ours.contains(hidden), "{hidden:?} is in the file");
    }
    assert!(all.contains("gnp.exe"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_policy_stops_scripts_styles_and_connections_that_are_not_ours() {
    let desk = Desk::new();
    let browser = Browser::start(1400, 1000);
    browser.open(&attacked(&desk));
    browser.get(
        "window.refused = [];
         addEventListener('securitypolicyviolation', (event) => window.refused.push(event.effectiveDirective));
         const script = document.createElement('script');
         script.textContent = 'window.injected = 1';
         document.body.append(script);
         const style = document.createElement('style');
         style.textContent = 'body { color: red }';
         document.body.append(style);
         const button = document.createElement('button');
         button.setAttribute('onclick', 'window.injected = 2');
         document.body.append(button);
         button.click();
         const image = document.createElement('img');
         image.src = 'http://127.0.0.1:9/x.png';
         document.body.append(image);
         fetch('http://127.0.0.1:9/').catch(() => {});",
    );
    browser.until("return window.refused.length >= 5");
    let refused = browser.get("return window.refused.sort().join(' ')");
    assert_eq!(
        refused,
        "connect-src img-src script-src-attr script-src-elem style-src-elem"
    );
    assert_eq!(browser.get("return window.injected ?? null"), Value::Null);
}
