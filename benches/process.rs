//! What the system knows of a running program: its memory and its time.

use std::error::Error;
use std::fs;

/// Anonymous memory of a process in KiB, by its number or `self`; 0 if it has ended.
pub(crate) fn anonymous(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Seconds of CPU that this process used, and those of its children that have ended.
pub(crate) fn cpu() -> Result<(f64, f64), Box<dyn Error>> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The program's name may hold spaces, and ends with the last bracket.
    let (_, fields) = text.rsplit_once(')').ok_or("/proc/self/stat has no name")?;
    let mut ticks = Vec::new();
    for field in fields.split_whitespace().skip(11).take(4) {
        ticks.push(field.parse::<f64>()?);
    }
    match ticks[..] {
        [user, system, of_children, system_of_children] => Ok((
            (user + system) / 100.0,
            (of_children + system_of_children) / 100.0,
        )),
        _ => Err("/proc/self/stat ends within its times".into()),
    }
}
