//! How standard output shows a report: in colours or not, and how wide.

use std::io::{self, IsTerminal};

use super::output::Output;
use crate::report::terminal::Look;

/// How a report on this output looks. Files get neither colours nor shortened lines, and nor do
/// pipes, unless the environment asks for them.
pub(super) fn of(output: &Output) -> Look {
    if output.is_file() {
        return Look::default();
    }
    let is_terminal = io::stdout().is_terminal();
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let size =
        || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    Look {
        colour: colour(is_terminal, set),
        // The shell keeps COLUMNS to itself: if it is here, somebody wants it.
        width: set("COLUMNS")
            .and_then(|text| text.parse().ok())
            .or_else(|| size().filter(|_| is_terminal))
            .filter(|width| *width > 0),
    }
}

/// `NO_COLOR` (no-color.org) is stronger than `CLICOLOR_FORCE`, which is stronger than `CLICOLOR=0`
/// (bixense.com/clicolors).
fn colour(is_terminal: bool, set: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, value: &str| set(name).is_some_and(|found| found == value);
    if set("NO_COLOR").is_some() {
        return false;
    }
    if set("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
        return true;
    }
    is_terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conventions_of_the_environment_are_kept() {
        let colour = |is_terminal, all: &[(&str, &str)]| {
            colour(is_terminal, |name| {
                let found = all.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(colour(true, &[]));
        assert!(!colour(false, &[]));
        assert!(!colour(true, &[("NO_COLOR", "1")]));
        assert!(!colour(true, &[("CLICOLOR", "0")]));
        assert!(!colour(true, &[("TERM", "dumb")]));
        assert!(colour(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colour(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colour(true, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }
}
