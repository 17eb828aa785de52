//! Findings and assets as the explorer of the report walks them: filtered, counted, sorted, paged.
//!
//! A facet counts every row that the other filters leave. Over a million rows that takes a database
//! seconds per click; over a few integers per row in memory it takes milliseconds. So the columns
//! that are filtered by are read once, as numbers of words, and the texts of a page are looked up
//! when it is shown. A listing is the case as it was when it was loaded; a [`stamp`] tells whether it
//! still is.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::recommendation::{Terms, priority, top};
use crate::case::CaseError;

/// Most columns that a listing filters by.
const MOST: usize = 6;
/// What findings are filtered by.
pub const OF_FINDINGS: &[&str] = &["severity", "verdict", "state", "status", "type", "asset"];
/// What assets are filtered by.
pub const OF_ASSETS: &[&str] = &["kind", "cloud", "exposed", "vulnerable"];
/// Severities in their order.
pub const SEVERITIES: &[&str] = &["info", "low", "medium", "high", "critical"];
const VERDICTS: &[&str] = &["pattern", "structure", "checksum", "paired"];
const STATUSES: &[&str] = &["open", "accepted", "fixed", "false-positive"];
const VULNERABLE: &[&str] = &["none", "low", "medium", "high", "critical"];
/// State of a place of which nothing is known, or that no file system claims to know.
const NO_STATE: &str = "no file system";

/// Under which the case keeps when its findings were listed last.
const LISTED: &str = "listed";

/// Lists the findings again, and says that the case has changed.
pub(super) fn compute(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute("DELETE FROM listed", [])?;
    transaction.execute(
        &format!(
            "INSERT INTO listed (finding_id, score, severity, verdict, state, status, type, asset_id)
             {}
             SELECT f.id, max(top.score, 0), s.severity, s.verdict,
                 coalesce((SELECT l.state FROM location l WHERE l.finding_id = f.id
                     ORDER BY l.gone, l.state IS NOT 'allocated', l.id LIMIT 1), '{NO_STATE}'),
                 f.status, s.type, f.asset_id
             FROM top JOIN finding f ON f.id = top.id JOIN secret s ON s.id = f.secret_id
             ORDER BY top.score DESC, f.id",
            top()
        ),
        [i64::MAX],
    )?;
    let now = jiff::Timestamp::now().to_string();
    transaction.execute(
        "INSERT OR REPLACE INTO meta VALUES (?1, ?2)",
        [LISTED, &now],
    )?;
    Ok(())
}

/// Another one means that the case is another than it was.
///
/// # Errors
/// When the database fails.
pub fn stamp(connection: &Connection) -> Result<String, CaseError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    let found = statement.query_row([LISTED], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its id in the case.
    pub id: i64,
    /// Priority of a finding, or number of open secrets on an asset.
    pub score: i64,
    /// Numbers of its words, one for each column that is filtered by.
    words: [u32; MOST],
}

/// Rows with the words they are filtered by.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Names of the columns that are filtered by.
    pub dimensions: &'static [&'static str],
    /// The words of each, in the order in which they sort.
    pub words: Vec<Vec<String>>,
    /// The rows, those with the highest score first.
    pub entries: Vec<Entry>,
}

/// Which rows to show.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Words that are let through, by column; a column that is not named lets all through.
    pub only: BTreeMap<usize, Vec<String>>,
    /// Ids that are let through, if a text was searched for.
    pub ids: Option<HashSet<i64>>,
    /// Column to sort by; by score if none.
    pub sort: Option<usize>,
    /// Whether the order is turned round.
    pub reverse: bool,
    /// First row to show.
    pub offset: usize,
    /// Most rows to show.
    pub limit: usize,
}

/// A page, and what the filters leave.
#[derive(Clone, Debug)]
pub struct Page<'l> {
    /// Rows that all filters let through.
    pub total: usize,
    /// Rows shown.
    pub entries: Vec<&'l Entry>,
    /// How many rows each word has among those that the filters of the other columns let through.
    pub counts: Vec<Vec<u64>>,
}

impl Listing {
    /// The findings of a case, the most urgent first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn findings(connection: &Connection) -> Result<Self, CaseError> {
        let mut statement = connection.prepare("SELECT id, uid FROM asset")?;
        let assets = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let assets: HashMap<i64, String> = assets.collect::<Result<_, _>>()?;
        let mut statement = connection.prepare(
            "SELECT finding_id, score, severity, verdict, state, status, type, asset_id
             FROM listed ORDER BY rank",
        )?;
        let mut building = Building::new(
            OF_FINDINGS,
            &[SEVERITIES, VERDICTS, &["allocated"], STATUSES, &[], &[]],
        );
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let severity: u8 = row.get(2)?;
            let severity = SEVERITIES
                .get(usize::from(severity))
                .copied()
                .unwrap_or("critical");
            let word = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
            let asset = assets.get(&row.get(7)?).map_or("", String::as_str);
            let words = [severity, word(3)?, word(4)?, word(5)?, word(6)?, asset];
            building.add(row.get(0)?, row.get(1)?, &words);
        }
        Ok(building.done())
    }

    /// The assets of a case, those with the most open findings first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn assets(connection: &Connection) -> Result<Self, CaseError> {
        let mut statement = connection.prepare(
            "SELECT a.id, t.open, a.kind, a.cloud, iif(a.exposed, 'exposed', 'not exposed'), a.vuln
             FROM tally t CROSS JOIN asset a ON a.id = t.asset_id ORDER BY t.open DESC, t.uid",
        )?;
        let mut building = Building::new(OF_ASSETS, &[&[], &[], &[], VULNERABLE]);
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let vulnerable: u8 = row.get(5)?;
            let vulnerable = VULNERABLE
                .get(usize::from(vulnerable))
                .copied()
                .unwrap_or("critical");
            let words: [String; 4] = [row.get(2)?, row.get(3)?, row.get(4)?, vulnerable.to_owned()];
            let words = words.each_ref().map(String::as_str);
            building.add(row.get(0)?, row.get(1)?, &words);
        }
        Ok(building.done())
    }

    /// The word of a row in a column.
    #[must_use]
    pub fn word(&self, entry: &Entry, column: usize) -> &str {
        let words = self.words.get(column);
        let number = entry.words.get(column).map_or(0, |number| *number as usize);
        words
            .and_then(|words| words.get(number))
            .map_or("", String::as_str)
    }

    /// The numbers of a row's words.
    #[must_use]
    pub fn numbers<'e>(&self, entry: &'e Entry) -> &'e [u32] {
        entry.words.get(..self.dimensions.len()).unwrap_or(&[])
    }

    /// Filters, counts, sorts and cuts out a page.
    #[must_use]
    pub fn page(&self, wanted: &Wanted) -> Page<'_> {
        let columns = self.dimensions.len();
        let passes: Vec<Vec<bool>> = (0..columns)
            .map(|column| {
                let words = self.words.get(column).map_or(&[][..], Vec::as_slice);
                let only = wanted.only.get(&column);
                words
                    .iter()
                    .map(|word| only.is_none_or(|only| only.contains(word)))
                    .collect()
            })
            .collect();
        let mut counts: Vec<Vec<u64>> = self
            .words
            .iter()
            .map(|words| vec![0; words.len()])
            .collect();
        let mut left = Vec::new();
        for entry in &self.entries {
            if wanted
                .ids
                .as_ref()
                .is_some_and(|ids| !ids.contains(&entry.id))
            {
                continue;
            }
            // A row that one filter holds back still counts under that filter's own column.
            let mut held_back_by = None;
            let mut held_back = 0;
            for (column, (passes, number)) in passes.iter().zip(entry.words).enumerate() {
                if !passes.get(number as usize).copied().unwrap_or(false) {
                    held_back += 1;
                    held_back_by = Some(column);
                }
            }
            for (column, (counts, number)) in counts.iter_mut().zip(entry.words).enumerate() {
                let counted = held_back == 0 || (held_back == 1 && held_back_by == Some(column));
                if let Some(count) = counts.get_mut(number as usize).filter(|_| counted) {
                    *count += 1;
                }
            }
            if held_back == 0 {
                left.push(entry);
            }
        }
        if let Some(column) = wanted.sort.filter(|column| *column < columns) {
            left.sort_by_key(|entry| entry.words.get(column).copied());
        }
        if wanted.reverse {
            left.reverse();
        }
        let total = left.len();
        let entries = left
            .into_iter()
            .skip(wanted.offset)
            .take(wanted.limit)
            .collect();
        Page {
            total,
            entries,
            counts,
        }
    }
}

/// The ids of findings in whose places, names or words a text occurs.
///
/// # Errors
/// When the database fails.
pub fn findings_with(connection: &Connection, text: &str) -> Result<HashSet<i64>, CaseError> {
    ids(
        connection,
        text,
        "SELECT f.id FROM finding f JOIN secret s ON s.id = f.secret_id
         JOIN asset a ON a.id = f.asset_id
         WHERE s.type LIKE ?1 ESCAPE '\\' OR s.preview LIKE ?1 ESCAPE '\\'
             OR s.fingerprint LIKE ?1 ESCAPE '\\' OR a.uid LIKE ?1 ESCAPE '\\'
             OR a.name LIKE ?1 ESCAPE '\\' OR s.public_key LIKE ?1 ESCAPE '\\'
             OR s.key_id LIKE ?1 ESCAPE '\\'
         UNION SELECT l.finding_id FROM location l JOIN image i ON i.id = l.image_id
         WHERE l.path LIKE ?1 ESCAPE '\\' OR l.pointer LIKE ?1 ESCAPE '\\'
             OR i.input LIKE ?1 ESCAPE '\\'",
    )
}

/// The ids of assets in whose names a text occurs.
///
/// # Errors
/// When the database fails.
pub fn assets_with(connection: &Connection, text: &str) -> Result<HashSet<i64>, CaseError> {
    ids(
        connection,
        text,
        "SELECT id FROM asset WHERE uid LIKE ?1 ESCAPE '\\' OR name LIKE ?1 ESCAPE '\\'
             OR service LIKE ?1 ESCAPE '\\' OR region LIKE ?1 ESCAPE '\\'
             OR account LIKE ?1 ESCAPE '\\'",
    )
}

fn ids(connection: &Connection, text: &str, sql: &str) -> Result<HashSet<i64>, CaseError> {
    let mut pattern = String::from("%");
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([pattern], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The terms of a finding's priority, as a sentence.
///
/// # Errors
/// When there is no such finding, or the database fails.
pub(super) fn terms(connection: &Connection, finding: i64) -> Result<(i64, String), CaseError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.family, s.severity, v.exposed, v.vuln, s.protected,
             coalesce(u.ends < unixepoch(), 0), u.best, u.sensitive, u.hosts, u.test, u.deleted
         FROM finding f JOIN secret s ON s.id = f.secret_id JOIN asset v ON v.id = f.asset_id
         JOIN urgency u ON u.finding_id = f.id WHERE f.id = ?1",
    )?;
    let sum = statement.query_row([finding], |row| {
        let family: String = row.get(0)?;
        Ok(priority(&Terms {
            family: &family,
            severity: row.get(1)?,
            exposed: row.get(2)?,
            vulnerable: row.get(3)?,
            protected: row.get(4)?,
            expired: row.get(5)?,
            confidence: row.get(6)?,
            sensitive: row.get(7)?,
            hosts: row.get(8)?,
            test: row.get(9)?,
            deleted: row.get(10)?,
        }))
    })?;
    Ok(sum)
}

/// A listing while its words are still in the order in which they were met.
struct Building {
    listing: Listing,
    known: Vec<BTreeMap<String, u32>>,
    /// Words of a column that have an order of their own.
    fixed: Vec<usize>,
}

impl Building {
    fn new(dimensions: &'static [&'static str], fixed: &[&[&str]]) -> Self {
        let mut building = Self {
            listing: Listing {
                dimensions,
                ..Listing::default()
            },
            known: vec![BTreeMap::new(); dimensions.len()],
            fixed: fixed.iter().map(|words| words.len()).collect(),
        };
        for words in fixed {
            building
                .listing
                .words
                .push(words.iter().map(|word| (*word).to_owned()).collect());
        }
        for (known, words) in building.known.iter_mut().zip(fixed) {
            *known = (0..)
                .zip(*words)
                .map(|(at, word)| ((*word).to_owned(), at))
                .collect();
        }
        building
    }

    fn add(&mut self, id: i64, score: i64, row: &[&str]) {
        let mut words = [0; MOST];
        let columns = self.known.iter_mut().zip(&mut self.listing.words);
        for ((word, (known, list)), number) in row.iter().zip(columns).zip(&mut words) {
            *number = known.get(*word).copied().unwrap_or_else(|| {
                let next = u32::try_from(list.len()).unwrap_or(u32::MAX);
                list.push((*word).to_owned());
                known.insert((*word).to_owned(), next);
                next
            });
        }
        self.listing.entries.push(Entry { id, score, words });
    }

    /// Brings the words into their order.
    fn done(mut self) -> Listing {
        for (column, fixed) in self.fixed.into_iter().enumerate() {
            let Some(words) = self.listing.words.get_mut(column) else {
                continue;
            };
            let mut order: Vec<usize> = (0..words.len()).collect();
            order
                .get_mut(fixed..)
                .unwrap_or_default()
                .sort_by(|a, b| words.get(*a).cmp(&words.get(*b)));
            let mut place = vec![0_u32; order.len()];
            for (new, old) in (0..).zip(&order) {
                if let Some(place) = place.get_mut(*old) {
                    *place = new;
                }
            }
            *words = order
                .iter()
                .filter_map(|old| words.get(*old).cloned())
                .collect();
            for entry in &mut self.listing.entries {
                if let Some(number) = entry.words.get_mut(column) {
                    *number = place.get(*number as usize).copied().unwrap_or(*number);
                }
            }
        }
        self.listing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let mut building = Building::new(&["level", "name"], &[&["low", "high"], &[]]);
        for (id, level, name) in [(1, "high", "b"), (2, "low", "a"), (3, "high", "a")] {
            building.add(id, 10 - id, &[level, name]);
        }
        building.done()
    }

    fn ids(page: &Page<'_>) -> Vec<i64> {
        page.entries.iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn a_facet_counts_what_the_other_filters_leave() {
        let listing = listing();
        assert_eq!(listing.words, [vec!["low", "high"], vec!["a", "b"]]);
        let mut wanted = Wanted {
            limit: 10,
            ..Wanted::default()
        };
        assert_eq!(ids(&listing.page(&wanted)), [1, 2, 3]);
        wanted.only.insert(0, vec!["high".to_owned()]);
        let page = listing.page(&wanted);
        assert_eq!((ids(&page), page.total), (vec![1, 3], 2));
        // The own column still offers what it holds back; the other one does not count it.
        assert_eq!(page.counts, [vec![1, 2], vec![1, 1]]);
        wanted.only.insert(1, vec!["unheard of".to_owned()]);
        assert_eq!(listing.page(&wanted).total, 0);
    }

    #[test]
    fn pages_follow_the_order_asked_for() {
        let listing = listing();
        let mut wanted = Wanted {
            sort: Some(1),
            limit: 2,
            ..Wanted::default()
        };
        assert_eq!(ids(&listing.page(&wanted)), [2, 3]);
        wanted.offset = 2;
        assert_eq!(ids(&listing.page(&wanted)), [1]);
        wanted.reverse = true;
        wanted.offset = 0;
        assert_eq!(ids(&listing.page(&wanted)), [1, 3]);
        wanted.ids = Some(HashSet::from([3]));
        assert_eq!(ids(&listing.page(&wanted)), [3]);
    }
}
