//! When a report shows something, and when it can be used: first paint and readiness in a headless
//! Chromium, and how long a filter and a search take.
//!
//! `cargo run --release --example report_paint -- REPORT.html`; the figures that are kept lie in
//! `benches/record`. `--example case_scale` makes a case of any size to report on.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a measurement prints, and shares the driver of the tests"
)]

#[path = "../tests/integration/html/driver.rs"]
mod driver;

use std::time::Instant;

use driver::Browser;

/// Loads that are measured; the first one finds a cold browser.
const TIMES: usize = 3;

fn main() {
    let file = std::env::args().nth(1).expect("expected a report");
    let address = format!("file://{}", std::fs::canonicalize(file).unwrap().display());
    let browser = Browser::start(1400, 1000);
    for _ in 0..TIMES {
        browser.leave();
        let begun = Instant::now();
        browser.open(&address);
        let paint = browser
            .get("return performance.getEntriesByName('first-contentful-paint')[0].startTime");
        println!(
            "first paint {:.0} ms, ready {:.0} ms",
            paint.as_f64().unwrap(),
            begun.elapsed().as_secs_f64() * 1e3
        );
    }
    for (what, script) in [
        (
            "filter",
            "document.querySelector('[data-list=findings] input[type=checkbox]').click();",
        ),
        (
            "search",
            "const search = document.querySelector('[data-list=findings] input[type=search]');
             search.value = 'settings'; search.dispatchEvent(new Event('input'));",
        ),
    ] {
        // A view is in the address once it is drawn or about to be; the next frame shows it.
        let taken = browser.wait_for(&format!(
            "const done = arguments[0], before = location.hash, begun = performance.now();
             {script}
             const look = () => location.hash === before ? setTimeout(look, 5)
                 : requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
             look();"
        ));
        println!("{what}: {:.0} ms", taken.as_f64().unwrap());
    }
}
