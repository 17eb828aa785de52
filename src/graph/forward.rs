//! What load balancers pass on: a machine without a public address of its own is reached through
//! one that has.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Transaction};

use super::exposure::{Firewalls, Range};
use crate::case::CaseError;

/// Ports that are passed on, and the network interface they come to: of a machine that is listed
/// without interfaces its uid.
pub(super) type Forwarded = HashMap<i64, Vec<(String, Range)>>;

/// Reads which machines public load balancers pass something on to. A fact `forwards` of a balancer
/// is `PORTS TARGET PORTS`, the second ports being `0` for those that the target says itself, or
/// for the same; the targets of a target are facts `target`: `MACHINE PORT`.
pub(super) fn forwarded(
    transaction: &Transaction<'_>,
    firewalls: &Firewalls,
) -> Result<Forwarded, CaseError> {
    let mut forwarded = Forwarded::new();
    let mut statement = transaction.prepare(
        "SELECT DISTINCT f.subject, f.object FROM fact f WHERE f.kind = 'forwards' AND EXISTS
             (SELECT 1 FROM fact p WHERE p.subject = f.subject AND p.kind = 'is-public')",
    )?;
    let mut targets = transaction
        .prepare("SELECT DISTINCT object FROM fact WHERE subject = ?1 AND kind = 'target'")?;
    let mut machine = transaction.prepare(
        "SELECT asset_id, ?1 FROM name WHERE name = ?1
         UNION ALL SELECT a.id, ?1 FROM fact f JOIN asset a ON a.uid = f.subject
         WHERE f.object = ?1 AND f.kind = 'network-interface' LIMIT 1",
    )?;
    let mut walls = transaction
        .prepare("SELECT DISTINCT object FROM fact WHERE subject = ?1 AND kind = 'firewall'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (balancer, text): (String, String) = (row.get(0)?, row.get(1)?);
        let mut words = text.split(' ');
        let front = words.next().and_then(ports);
        let (Some(front), Some(target), back) = (front, words.next(), words.next()) else {
            continue;
        };
        let own = walls.query_map([&balancer], |row| row.get::<_, String>(0))?;
        let own = own.collect::<Result<Vec<_>, _>>()?;
        if !own.is_empty() && !firewalls.let_in(&own, front) {
            continue;
        }
        let listed = targets.query_map([target], |row| row.get::<_, String>(0))?;
        let mut ends = listed.collect::<Result<Vec<_>, _>>()?;
        if ends.is_empty() {
            ends.push(format!("{target} {}", back.unwrap_or("0")));
        }
        for end in ends {
            let (name, port) = end.split_once(' ').unwrap_or((&end, "0"));
            let port = ports(port).filter(|(first, _)| *first > 0);
            let found: Option<(i64, String)> = machine
                .query_row([name], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((asset, interface)) = found {
                let entry = forwarded.entry(asset).or_default();
                entry.push((interface, port.unwrap_or(front)));
            }
        }
    }
    Ok(forwarded)
}

/// `443` or `8000-8099`.
fn ports(text: &str) -> Option<Range> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first.into(), last.into()))
}
