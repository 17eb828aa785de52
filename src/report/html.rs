//! The case as a page: one file that opens from disk, or the same front end served.
//!
//! The page is drawn here, in sections of plain HTML and SVG that can be read without script and in
//! print. The script (`html/report.js`) only adds what paper cannot do: filtering, sorting, paging,
//! the evidence of a row that is picked, and a graph to move about in. It gets its rows as JSON,
//! from the file itself or from `case serve`, and writes them with `textContent`, never as markup.
//!
//! Everything that comes from a disk or an inventory may be hostile. It is escaped by the template,
//! its control characters are [made visible](super::terminal), and the page forbids every script and
//! style but its own, by their hashes, and all connections.

mod advice;
mod data;
mod drawing;
mod facts;
mod hexdump;
mod overview;
mod page;
mod paths;
mod tables;

use std::io;

use maud::{Markup, Render, html};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde_json::Value;

use super::terminal::visible;
use crate::case::CaseError;
use crate::graph::listing::{self, Listing, Wanted};
use crate::graph::{overview as known, path};

pub use page::policy;

/// How much goes into a page; the rest is counted in a sentence.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Attack paths drawn.
    pub paths: usize,
    /// Findings that can be filtered in a file.
    pub findings: usize,
    /// Assets that can be filtered in a file.
    pub assets: usize,
    /// Rows of tables that stand there without script.
    pub rows: usize,
    /// Findings of a file that show the bytes around them.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            paths: 500,
            findings: 50_000,
            assets: 20_000,
            rows: 200,
            bytes: 5_000,
        }
    }
}

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HtmlError {
    /// The case cannot be read.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The page cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Which list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The findings.
    Findings,
    /// The assets.
    Assets,
}

/// A case that was loaded to be shown.
pub struct Page {
    title: String,
    made: String,
    /// Stamp of the case when it was loaded.
    stamp: String,
    findings: Listing,
    assets: Listing,
    bounds: Bounds,
}

impl Page {
    /// Loads what is filtered and counted. `title` names the case.
    ///
    /// # Errors
    /// When the database fails.
    pub fn load(connection: &Connection, title: &str, bounds: Bounds) -> Result<Self, CaseError> {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
        let mut page = Self {
            title: title.to_owned(),
            made: now.to_string(),
            stamp: listing::stamp(connection)?,
            findings: Listing::findings(connection)?,
            assets: Listing::assets(connection)?,
            bounds,
        };
        // Filters compare what is shown with what is listed, so both are made visible here.
        let lists = [&mut page.findings, &mut page.assets];
        for word in lists.into_iter().flat_map(|list| &mut list.words).flatten() {
            *word = visible(word);
        }
        Ok(page)
    }

    /// Writes the self-contained file.
    ///
    /// # Errors
    /// When the database or the writer fails.
    pub fn write(&self, connection: &Connection, out: &mut dyn io::Write) -> Result<(), HtmlError> {
        let sections = self.sections(connection)?;
        page::head(&self.title, page::Mode::File, out)?;
        out.write_all(page::frame(self, &sections).into_string().as_bytes())?;
        // SQLite would plan a lookup again for each of a hundred thousand ids.
        let steady = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
        connection
            .set_db_config(steady, true)
            .map_err(CaseError::from)?;
        connection.flush_prepared_statement_cache();
        data::embed(self, connection, out)?;
        page::scripts(out)?;
        Ok(())
    }

    /// The served page before anybody has shown a token: it holds nothing of the case.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn shell(out: &mut dyn io::Write) -> io::Result<()> {
        page::head("", page::Mode::Served, out)?;
        out.write_all(page::frame_without_case().into_string().as_bytes())?;
        page::scripts(out)
    }

    /// The sections, as a document for the served page to take in.
    ///
    /// # Errors
    /// When the database fails.
    pub fn document(&self, connection: &Connection) -> Result<String, CaseError> {
        let sections = self.sections(connection)?;
        let body = page::frame(self, &sections);
        Ok(html! { (maud::DOCTYPE) html lang="en" { body { (body) } } }.into_string())
    }

    /// A page of a list. `text` is searched for in names and places.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rows(
        &self,
        connection: &Connection,
        list: List,
        mut wanted: Wanted,
        text: &str,
    ) -> Result<Value, CaseError> {
        if !text.is_empty() {
            wanted.ids = Some(match list {
                List::Findings => listing::findings_with(connection, text)?,
                List::Assets => listing::assets_with(connection, text)?,
            });
        }
        let mut page = data::page(self.list(list), &wanted, connection, list)?;
        data::mark(&mut page, &self.stamp);
        Ok(page)
    }

    /// A row of a list with all that is known of it, if there is such a row.
    ///
    /// # Errors
    /// When the database fails.
    pub fn row(
        &self,
        connection: &Connection,
        list: List,
        id: i64,
    ) -> Result<Option<Value>, CaseError> {
        data::whole_row(self.list(list), connection, list, id)
    }

    /// Whether the case is still the one that was loaded.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_current(&self, connection: &Connection) -> Result<bool, CaseError> {
        Ok(listing::stamp(connection)? == self.stamp)
    }

    /// Names of the columns that a list is filtered by.
    #[must_use]
    pub fn dimensions(&self, list: List) -> &'static [&'static str] {
        self.list(list).dimensions
    }

    /// Names, words and counts of a list, without its rows.
    #[must_use]
    pub fn outline(&self) -> Value {
        data::outline(self)
    }

    fn list(&self, list: List) -> &Listing {
        match list {
            List::Findings => &self.findings,
            List::Assets => &self.assets,
        }
    }

    fn sections(&self, connection: &Connection) -> Result<Sections, CaseError> {
        let ask = path::Ask {
            limit: self.bounds.paths,
            ..path::Ask::default()
        };
        let named = path::named(connection, &ask)?;
        let extras = path::extras(connection, &ask)?;
        let scans = known::scans(connection)?;
        let figures = known::figures(connection)?;
        let paths = paths::Paths::new(connection, &named, &extras, self.bounds.paths)?;
        let choke = path::choke_points(connection, &ask)?;
        let no_target = path::without_target(
            connection,
            &path::Ask {
                limit: self.bounds.rows,
                ..ask
            },
        )?;
        let advice = advice::Advice::new(connection)?;
        Ok(Sections {
            counts: vec![
                ("overview", "Overview", None),
                ("paths", "Attack paths", Some(paths.total)),
                ("choke-points", "Choke points", Some(choke.rows.len())),
                ("recommendations", "Recommendations", advice.unhealthy()),
                ("findings", "Findings", Some(self.findings.entries.len())),
                ("assets", "Assets", Some(self.assets.entries.len())),
                ("no-target", "No known target", Some(no_target.rows.len())),
                ("scans", "Scans and coverage", Some(scans.len())),
                ("reading", "How to read this", None),
            ],
            body: html! {
                (overview::section(self, &figures, &scans, &paths))
                (paths.section())
                (advice::choke_points(&choke))
                (advice.section())
                (tables::findings(self, connection)?)
                (tables::assets(self, connection)?)
                (advice::without_target(&no_target))
                (overview::scans(&scans))
                (overview::reading())
            },
        })
    }
}

/// The sections with what the navigation says of them: anchor, name, and how many.
struct Sections {
    counts: Vec<(&'static str, &'static str, Option<usize>)>,
    body: Markup,
}

/// Text from a disk or an inventory: escaped, with what has no shape made visible.
struct Shown<'t>(&'t str);

impl Render for Shown<'_> {
    fn render_to(&self, buffer: &mut String) {
        visible(self.0).render_to(buffer);
    }
}

/// `1,089,024`.
fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(0_u64).to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The name of an asset, or the last part of its uid.
fn short<'t>(name: &'t str, uid: &'t str) -> &'t str {
    if !name.is_empty() && name != uid {
        return name;
    }
    let last = uid.rsplit(['/', ':']).find(|part| !part.is_empty());
    last.unwrap_or(uid)
}

/// At most so many characters; what is left out is left out in the middle, since a path tells
/// most at its ends.
fn clipped(text: &str, most: usize) -> String {
    let text = visible(text);
    let length = text.chars().count();
    if length <= most {
        return text;
    }
    let tail = most / 2;
    let head = most.saturating_sub(tail + 1);
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_shown_short() {
        assert_eq!(grouped(0_u64), "0");
        assert_eq!(grouped(1_089_024_u64), "1,089,024");
        assert_eq!(short("", "arn:aws:ec2:eu:1:instance/i-0a1"), "i-0a1");
        assert_eq!(short("web", "arn:x"), "web");
        assert_eq!(clipped("/home/ops/.ssh/id_ed25519", 11), "/home…25519");
        assert_eq!(clipped("short", 11), "short");
    }

    #[test]
    fn markup_and_overrides_of_a_name_stay_text() {
        let shown = html! { (Shown("<img src=x>\u{202e}&\"")) }.into_string();
        assert_eq!(shown, "&lt;img src=x&gt;\u{fffd}&amp;&quot;");
    }
}
