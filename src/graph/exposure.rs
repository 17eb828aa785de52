//! Who can be reached from the internet: public addresses and firewalls, as each cloud joins them.
//!
//! - Azure: a packet must pass the network security group of the subnet and that of the interface,
//!   where there is one; rules are tried by priority, and what none allows is denied. Without any
//!   group an address of the SKU Basic is open and one of the SKU Standard closed.
//!   A rule for an application security group concerns the interfaces in it.
//! - AWS: security groups only allow, and one that does is enough; the network ACL of the subnet,
//!   where it is known, must let in too.
//! - GCP: the rules of the network that pick the machine, by priority; of equal ones a denial wins.
//!
//! What a public load balancer passes on comes in by the port of the machine. In Azure and GCP the
//! packet keeps its source, so that the machine's firewalls judge it as they judge the internet's;
//! in AWS it comes from the balancer, which the machine's security group is taken to let in.

use std::collections::HashMap;

use rusqlite::{Transaction, params};

use super::forward::forwarded;
use crate::case::CaseError;

/// Number of ports.
const PORTS: u32 = 1 << 16;
/// Ranges that are listed; more are an ellipsis.
const LISTED: usize = 16;

#[derive(Clone, Copy)]
struct Rule {
    priority: i64,
    allow: bool,
    /// For TCP, and for UDP.
    protocols: [bool; 2],
    first: u32,
    last: u32,
}

/// First and last port.
pub(super) type Range = (u32, u32);

/// Ports as disjoint ascending ranges, last ones included.
type Ports = Vec<Range>;

/// The open ports of TCP and of UDP.
type Open = [Ports; 2];

/// The rules of each firewall.
#[derive(Default)]
pub(super) struct Firewalls(HashMap<String, Vec<Rule>>);

impl Firewalls {
    /// Whether these, taken as one, let in all of these ports over TCP.
    pub(super) fn let_in(&self, names: &[String], ports: Range) -> bool {
        let [tcp, _] = decide(self, names.iter());
        minus(&vec![ports], &tcp).is_empty()
    }
}

pub(super) fn compute(transaction: &Transaction<'_>) -> Result<(), CaseError> {
    transaction.execute(
        "UPDATE asset SET ports = '', exposed = coalesce(given_exposed, 0) AND running
         WHERE ports <> '' OR exposed <> (coalesce(given_exposed, 0) AND running)",
        [],
    )?;
    let mut firewalls = Firewalls::default();
    let mut statement = transaction
        .prepare("SELECT DISTINCT firewall, priority, allow, protocol, first, last FROM rule")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let protocol: String = row.get(3)?;
        let rule = Rule {
            priority: row.get(1)?,
            allow: row.get(2)?,
            protocols: [protocol != "udp", protocol != "tcp"],
            first: row.get(4)?,
            last: row.get(5)?,
        };
        firewalls.0.entry(row.get(0)?).or_default().push(rule);
    }
    drop(rows);
    let mut facts: HashMap<(String, String), Vec<String>> = HashMap::new();
    let mut statement = transaction.prepare(
        "SELECT DISTINCT subject, kind, object FROM fact WHERE kind IN
         ('network-interface', 'public-address', 'firewall', 'subnet', 'open-by-default',
          'application-group')",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        facts
            .entry((row.get(0)?, row.get(1)?))
            .or_default()
            .push(row.get(2)?);
    }
    drop(rows);
    let of = |subject: &str, kind: &str| -> &[String] {
        let found = facts.get(&(subject.to_owned(), kind.to_owned()));
        found.map_or(&[], Vec::as_slice)
    };
    let forwarded = forwarded(transaction, &firewalls)?;
    // What the firewalls before an interface let in from the internet.
    let passing = |cloud: &str, interface: &str, by_default: bool| {
        let subnets = of(interface, "subnet").iter();
        let outer: Vec<&String> = subnets.flat_map(|subnet| of(subnet, "firewall")).collect();
        let inner = of(interface, "firewall");
        if cloud != "azure" {
            let passed = decide(&firewalls, inner.iter());
            return if outer.is_empty() {
                passed
            } else {
                both(&passed, &decide(&firewalls, outer.into_iter()))
            };
        }
        let with_groups = |walls: Vec<&String>| -> Vec<String> {
            let groups = of(interface, "application-group");
            let picked = walls
                .iter()
                .flat_map(|wall| groups.iter().map(move |group| format!("{wall}#{group}")));
            let mut all: Vec<String> = picked.collect();
            all.extend(walls.into_iter().cloned());
            all
        };
        let layers = [outer, inner.iter().collect()].map(with_groups);
        layered(&firewalls, &layers, by_default)
    };
    let mut machines = transaction
        .prepare("SELECT id, uid, cloud FROM asset WHERE kind = 'vm' AND running = 1")?;
    let mut rows = machines.query([])?;
    let mut update =
        transaction.prepare("UPDATE asset SET exposed = 1, ports = ?2 WHERE id = ?1")?;
    while let Some(row) = rows.next()? {
        let (id, uid, cloud): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let own = [uid.clone()];
        let interfaces = match of(&uid, "network-interface") {
            [] => &own[..],
            several => several,
        };
        let mut open = Open::default();
        let mut add = |reached: Open| {
            for (all, more) in open.iter_mut().zip(reached) {
                *all = union(all, &more);
            }
        };
        for interface in interfaces {
            let addresses = of(interface, "public-address");
            if !addresses.is_empty() {
                let by_default = addresses
                    .iter()
                    .any(|address| !of(address, "open-by-default").is_empty());
                add(passing(&cloud, interface, by_default));
            }
        }
        for (interface, ports) in forwarded.get(&id).map_or(&[][..], Vec::as_slice) {
            let only = [vec![*ports], Ports::new()];
            add(match cloud.as_str() {
                "aws" => only,
                "gcp" => both(&passing(&cloud, &uid, false), &only),
                _ => both(&passing(&cloud, interface, false), &only),
            });
        }
        let text = shown(&open);
        if !text.is_empty() {
            update.execute(params![id, text])?;
        }
    }
    Ok(())
}

/// What passes two firewalls.
fn both([a_tcp, a_udp]: &Open, [b_tcp, b_udp]: &Open) -> Open {
    [meet(a_tcp, b_tcp), meet(a_udp, b_udp)]
}

/// What passes every layer that has a firewall.
fn layered(firewalls: &Firewalls, layers: &[Vec<String>], by_default: bool) -> Open {
    let mut open: Option<Open> = None;
    for layer in layers.iter().filter(|layer| !layer.is_empty()) {
        let passed = decide(firewalls, layer.iter());
        open = Some(match open {
            None => passed,
            Some(before) => both(&before, &passed),
        });
    }
    open.unwrap_or_else(|| {
        let all = if by_default {
            vec![(0, PORTS - 1)]
        } else {
            Vec::new()
        };
        [all.clone(), all]
    })
}

/// What the rules of these firewalls, taken as one list, let in.
fn decide<'f>(firewalls: &Firewalls, names: impl Iterator<Item = &'f String>) -> Open {
    let mut rules: Vec<Rule> = names
        .filter_map(|name| firewalls.0.get(name))
        .flatten()
        .copied()
        .collect();
    rules.sort_by_key(|rule| (rule.priority, rule.allow));
    let mut open = Open::default();
    let mut decided = Open::default();
    for rule in rules {
        for (protocol, concerned) in rule.protocols.into_iter().enumerate() {
            if !concerned {
                continue;
            }
            let range = vec![(rule.first, rule.last)];
            if rule.allow {
                let new = minus(&range, &decided[protocol]);
                open[protocol] = union(&open[protocol], &new);
            }
            decided[protocol] = union(&decided[protocol], &range);
        }
    }
    open
}

fn union(one: &Ports, two: &Ports) -> Ports {
    let mut all: Ports = one.iter().chain(two).copied().collect();
    all.sort_unstable();
    let mut joined = Ports::new();
    for (first, last) in all {
        match joined.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn meet(one: &Ports, two: &Ports) -> Ports {
    let pairs = one.iter().flat_map(|a| two.iter().map(move |b| (a, b)));
    pairs
        .map(|(a, b)| (a.0.max(b.0), a.1.min(b.1)))
        .filter(|(first, last)| first <= last)
        .collect()
}

fn minus(one: &Ports, two: &Ports) -> Ports {
    let mut rest = Ports::new();
    for &(first, last) in one {
        let mut from = first;
        for &(start, end) in two
            .iter()
            .filter(|(start, end)| *start <= last && *end >= first)
        {
            if start > from {
                rest.push((from, start - 1));
            }
            from = from.max(end + 1);
        }
        if from <= last {
            rest.push((from, last));
        }
    }
    rest
}

/// `22,443,8000-8099,udp/53`; `all` for every port.
fn shown(open: &Open) -> String {
    let mut parts = Vec::new();
    for (ports, prefix) in open.iter().zip(["", "udp/"]) {
        for (first, last) in ports {
            parts.push(match (first, last) {
                (0, last) if *last == PORTS - 1 => format!("{prefix}all"),
                (first, last) if first == last => format!("{prefix}{first}"),
                _ => format!("{prefix}{first}-{last}"),
            });
        }
    }
    if parts.len() > LISTED {
        parts.truncate(LISTED);
        parts.push("…".to_owned());
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(priority: i64, allow: bool, first: u32, last: u32) -> Rule {
        Rule {
            priority,
            allow,
            protocols: [true, false],
            first,
            last,
        }
    }

    fn open(rules: &[Rule]) -> String {
        let firewalls = Firewalls(HashMap::from([("f".to_owned(), rules.to_vec())]));
        shown(&decide(&firewalls, ["f".to_owned()].iter()))
    }

    #[test]
    fn the_lowest_priority_decides_and_a_denial_wins_a_tie() {
        assert_eq!(open(&[rule(100, true, 22, 22)]), "22");
        assert_eq!(
            open(&[rule(100, true, 22, 22), rule(90, false, 0, 65535)]),
            ""
        );
        assert_eq!(
            open(&[
                rule(100, true, 20, 30),
                rule(90, false, 22, 22),
                rule(200, false, 0, 65535)
            ]),
            "20-21,23-30"
        );
        assert_eq!(
            open(&[rule(100, true, 22, 22), rule(100, false, 22, 22)]),
            ""
        );
        assert_eq!(open(&[rule(1, true, 0, 65535)]), "all");
    }

    #[test]
    fn two_layers_must_both_let_in() {
        let firewalls = Firewalls(HashMap::from([
            ("a".to_owned(), vec![rule(1, true, 20, 25)]),
            ("b".to_owned(), vec![rule(1, true, 22, 443)]),
        ]));
        let (a, b) = ("a".to_owned(), "b".to_owned());
        assert_eq!(
            shown(&layered(
                &firewalls,
                &[vec![a.clone()], vec![b.clone()]],
                false
            )),
            "22-25"
        );
        assert_eq!(
            shown(&layered(&firewalls, &[vec![], vec![b.clone()]], false)),
            "22-443"
        );
        assert_eq!(shown(&layered(&firewalls, &[vec![], vec![]], false)), "");
        assert_eq!(
            shown(&layered(&firewalls, &[vec![], vec![]], true)),
            "all,udp/all"
        );
        let c = "unknown".to_owned();
        assert_eq!(
            shown(&layered(&firewalls, &[vec![], vec![c]], true)),
            "",
            "closed by default"
        );
    }
}
