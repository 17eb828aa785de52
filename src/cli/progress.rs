//! Progress on standard error: a bar for a person, JSON for a program.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::ProgressArg;
use crate::scan::Progress;

/// Time between two updates of the bar.
const TICK: Duration = Duration::from_millis(100);

/// A thread that shows a running scan until it is dropped.
pub(super) struct Display {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    bar: Option<ProgressBar>,
}

impl Display {
    pub(super) fn start(wish: ProgressArg, progress: &Arc<Progress>) -> Self {
        let bar = match wish {
            ProgressArg::Auto => io::stderr().is_terminal(),
            ProgressArg::Bar => true,
            ProgressArg::Json | ProgressArg::None => false,
        };
        let ended = Arc::new(AtomicBool::new(false));
        let (watched, flag) = (Arc::clone(progress), Arc::clone(&ended));
        if bar {
            let bar = new_bar();
            let shown = bar.clone();
            let thread = thread::spawn(move || show_bar(&shown, &watched, &flag));
            return Self {
                ended,
                thread: Some(thread),
                bar: Some(bar),
            };
        }
        let json = wish == ProgressArg::Json;
        let thread = json.then(|| thread::spawn(move || show_json(&watched, &flag)));
        Self {
            ended,
            thread,
            bar: None,
        }
    }

    /// The bar, so that findings on the same terminal can be printed without tearing it.
    pub(super) fn bar(&self) -> Option<ProgressBar> {
        self.bar.clone()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _panicked = thread.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{wide_bar} {binary_bytes}/{binary_total_bytes} {decimal_bytes_per_sec} \
                    ETA {eta} {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn show_bar(bar: &ProgressBar, progress: &Progress, ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        bar.set_length(progress.total.load(Ordering::Relaxed));
        bar.set_position(progress.done.load(Ordering::Relaxed));
        bar.set_message(format!(
            "{} findings",
            progress.findings.load(Ordering::Relaxed)
        ));
        thread::park_timeout(TICK);
    }
}

fn show_json(progress: &Progress, ended: &AtomicBool) {
    let started = Instant::now();
    while !ended.load(Ordering::Relaxed) {
        let line = serde_json::json!({
            "schema": "keydredge.progress/1",
            "seconds": started.elapsed().as_secs_f64(),
            "bytes": progress.done.load(Ordering::Relaxed),
            "total": progress.total.load(Ordering::Relaxed),
            "findings": progress.findings.load(Ordering::Relaxed),
        });
        if writeln!(io::stderr(), "{line}").is_err() {
            return;
        }
        thread::park_timeout(Duration::from_secs(1));
    }
}
