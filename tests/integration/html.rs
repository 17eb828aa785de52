//! The report as a reader has it: in a browser, on paper, without script, and served.

mod driver;
mod file;
mod hostile;
mod served;

use std::process::Command;

use serde_json::json;

use crate::case::Fleet;
use driver::Browser;

/// The report of the demo fleet, and its address.
pub fn report(fleet: &Fleet, more: &[&str]) -> String {
    let args = [&["report", "--html", "report.html"], more].concat();
    fleet.case(&args).expect(0);
    address(fleet.desk.path("report.html").to_str().unwrap())
}

/// A file as a browser opens it.
pub fn address(path: &str) -> String {
    format!("file://{path}")
}

/// Violations that axe calls serious or critical, each with the elements it is about.
pub fn serious(browser: &Browser) -> Vec<String> {
    let axe = include_str!("../data/axe/axe.min.js");
    browser.run(axe, json!([]));
    let found = browser.wait_for(
        "const done = arguments[arguments.length - 1];
         axe.run(document, { resultTypes: ['violations'] }).then((result) => done(result.violations
             .filter(({ impact }) => impact === 'serious' || impact === 'critical')
             .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`)));",
    );
    serde_json::from_value(found).unwrap()
}

/// The text of a PDF.
pub fn text_of(pdf: &std::path::Path) -> String {
    let ran = Command::new("pdftotext")
        .args(["-layout", pdf.to_str().unwrap(), "-"])
        .output()
        .expect("pdftotext (poppler-utils) is needed");
    assert!(ran.status.success());
    String::from_utf8_lossy(&ran.stdout).into_owned()
}
