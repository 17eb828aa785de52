//! The graph of a case for BloodHound: an OpenGraph payload, and the extension that defines its kinds.
//!
//! BloodHound finds paths only over kinds that an installed extension calls traversable, so the
//! extension is uploaded first. What its documents say of payloads: properties are flat and in
//! lower case, `objectid` is reserved, a kind is letters, digits and underscores, every edge names
//! its ends by id, and of a node's kinds there are at most three.

use std::io::{self, Write};

use rusqlite::Connection;
use serde_json::{Map, Value, json};

use super::terminal::visible;
use crate::case::CaseError;
use crate::graph::network::{self, Fact, Facts, Kind, Relation};

/// Prefix of every kind, and the kind that BloodHound adds to every node of the payload.
const NAMESPACE: &str = "KD";
const SOURCE_KIND: &str = "KD_Base";

/// Why there is no payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The case cannot be read.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl From<serde_json::Error> for ExportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Output(error.into())
    }
}

/// Writes the payload, node by node and edge by edge.
///
/// # Errors
/// When the case cannot be read or the writer fails.
pub fn payload(connection: &Connection, out: &mut dyn Write) -> Result<(), ExportError> {
    write!(
        out,
        "{{\"metadata\":{{\"source_kind\":\"{SOURCE_KIND}\"}},\"graph\":{{\"nodes\":["
    )?;
    let mut first = true;
    network::nodes::<ExportError>(connection, &mut |node| {
        let object = json!({
            "id": visible(&node.id),
            "kinds": [kind_of_node(node.kind).name],
            "properties": properties(&node.facts),
        });
        item(&object, &mut first, out)
    })?;
    write!(out, "\n],\"edges\":[")?;
    first = true;
    network::edges::<ExportError>(connection, &mut |edge| {
        let object = json!({
            "kind": kind_of_edge(edge.relation).name,
            "start": {"match_by": "id", "value": visible(&edge.from)},
            "end": {"match_by": "id", "value": visible(&edge.to)},
            "properties": properties(&edge.facts),
        });
        item(&object, &mut first, out)
    })?;
    writeln!(out, "\n]}}}}")?;
    out.flush()?;
    Ok(())
}

fn item(object: &Value, first: &mut bool, out: &mut dyn Write) -> Result<(), ExportError> {
    write!(out, "{}", if *first { "\n" } else { ",\n" })?;
    *first = false;
    serde_json::to_writer(out, object)?;
    Ok(())
}

fn properties(facts: &Facts) -> Map<String, Value> {
    let value = |fact: &Fact| match fact {
        Fact::Text(text) => visible(text).into(),
        Fact::Number(number) => (*number).into(),
        Fact::Flag(flag) => (*flag).into(),
    };
    facts
        .iter()
        .map(|(name, fact)| ((*name).to_owned(), value(fact)))
        .collect()
}

struct NodeKind {
    kind: Kind,
    name: &'static str,
    shown: &'static str,
    description: &'static str,
    icon: &'static str,
    colour: &'static str,
}

/// Kinds of nodes; icons are those of Font Awesome.
const NODES: &[NodeKind] = &[
    NodeKind {
        kind: Kind::Internet,
        name: "KD_Internet",
        shown: "Internet",
        description: "Everybody outside",
        icon: "globe",
        colour: "#b33a3a",
    },
    NodeKind {
        kind: Kind::Machine,
        name: "KD_VM",
        shown: "Virtual machine",
        description: "A virtual machine in a cloud",
        icon: "server",
        colour: "#3a6fb3",
    },
    NodeKind {
        kind: Kind::Storage,
        name: "KD_Storage",
        shown: "Storage",
        description: "A bucket or a storage account",
        icon: "box-archive",
        colour: "#3a9b6f",
    },
    NodeKind {
        kind: Kind::Database,
        name: "KD_Database",
        shown: "Database",
        description: "A database or its server",
        icon: "database",
        colour: "#3a9b9b",
    },
    NodeKind {
        kind: Kind::Identity,
        name: "KD_Identity",
        shown: "Cloud identity",
        description: "A user or role of a cloud",
        icon: "user",
        colour: "#7f5fb3",
    },
    NodeKind {
        kind: Kind::Deployment,
        name: "KD_Deployment",
        shown: "Deployment",
        description: "A deployment or a stack",
        icon: "layer-group",
        colour: "#8f8f3a",
    },
    NodeKind {
        kind: Kind::Resource,
        name: "KD_Resource",
        shown: "Resource",
        description: "Another resource, or an image of no known machine",
        icon: "cube",
        colour: "#7f7f7f",
    },
    NodeKind {
        kind: Kind::Secret,
        name: "KD_Secret",
        shown: "Secret",
        description: "A secret that was found; its value is not here",
        icon: "key",
        colour: "#d38b15",
    },
    NodeKind {
        kind: Kind::PublicKey,
        name: "KD_PublicKey",
        shown: "SSH public key",
        description: "A public key that machines accept, by its SHA-256 fingerprint",
        icon: "lock-open",
        colour: "#a8a83a",
    },
];

struct EdgeKind {
    relation: Relation,
    name: &'static str,
    is_traversable: bool,
    description: &'static str,
}

/// Kinds of edges. Only one that hands over control of its end is traversable.
const EDGES: &[EdgeKind] = &[
    EdgeKind {
        relation: Relation::Exposes,
        name: "KD_Exposes",
        is_traversable: false,
        description: "The internet reaches ports of this machine. Abuse: none by itself. \
            Remediation: close the ports in its firewall, or put a bastion before it.",
    },
    EdgeKind {
        relation: Relation::CanExploit,
        name: "KD_CanExploit",
        is_traversable: true,
        description: "The internet reaches this machine, which has an open vulnerability of severity High or \
            Critical. Abuse: exploit the vulnerable service. Remediation: install the fixed version, \
            close the ports until then.",
    },
    EdgeKind {
        relation: Relation::Contains,
        name: "KD_Contains",
        is_traversable: true,
        description: "The secret lies in plain text on this machine or in this deployment; the edge says where. \
            Abuse: read the file. Remediation: replace the secret where it was issued, then remove \
            this copy and those in snapshots and unallocated space.",
    },
    EdgeKind {
        relation: Relation::AuthenticatesTo,
        name: "KD_AuthenticatesTo",
        is_traversable: true,
        description: "The secret opens this resource; the edge says how that is known, how sure it is, and \
            where it stands. Abuse: log in with it. Remediation: revoke it at the resource, read \
            the logs since the file was last changed.",
    },
    EdgeKind {
        relation: Relation::MayAuthenticateTo,
        name: "KD_MayAuthenticateTo",
        is_traversable: false,
        description: "The secret may open this resource: the sign is weak, or the secret is revoked, expired or \
            under a passphrase. Remediation: check, then treat it as one that does.",
    },
    EdgeKind {
        relation: Relation::HasPublicKey,
        name: "KD_HasPublicKey",
        is_traversable: false,
        description: "This is the public half of the private key.",
    },
    EdgeKind {
        relation: Relation::AcceptsKey,
        name: "KD_AcceptsKey",
        is_traversable: false,
        description: "The machine lets in whoever holds the private half. Remediation: remove the line from \
            authorized_keys, or the key pair from the machine.",
    },
];

/// The tables name every kind; the first stands in for one that they do not.
fn kind_of_node(kind: Kind) -> &'static NodeKind {
    let known = NODES.iter().find(|known| known.kind == kind);
    known.unwrap_or(&NODES[0])
}

fn kind_of_edge(relation: Relation) -> &'static EdgeKind {
    let known = EDGES.iter().find(|known| known.relation == relation);
    known.unwrap_or(&EDGES[0])
}

/// Writes the extension, to be uploaded to BloodHound once, before the first payload.
///
/// # Errors
/// When the writer fails.
pub fn extension(out: &mut dyn Write) -> io::Result<()> {
    let nodes: Vec<Value> = NODES
        .iter()
        .map(|of| {
            json!({
                "name": of.name,
                "display_name": of.shown,
                "description": of.description,
                "is_display_kind": true,
                "icon": of.icon,
                "color": of.colour,
            })
        })
        .collect();
    let edges: Vec<Value> = EDGES
        .iter()
        .map(|of| {
            json!({
                "name": of.name,
                "description": of.description,
                "is_traversable": of.is_traversable,
            })
        })
        .collect();
    serde_json::to_writer_pretty(
        &mut *out,
        &json!({
            "schema": {
                "name": "keydredge",
                "display_name": "Secrets found by keydredge",
                "version": concat!("v", env!("CARGO_PKG_VERSION")),
                "namespace": NAMESPACE,
            },
            "node_kinds": nodes,
            "relationship_kinds": edges,
        }),
    )?;
    writeln!(out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name() {
        for kind in [
            Kind::Internet,
            Kind::Machine,
            Kind::Storage,
            Kind::Database,
            Kind::Identity,
            Kind::Deployment,
            Kind::Resource,
            Kind::Secret,
            Kind::PublicKey,
        ] {
            assert_eq!(kind_of_node(kind).kind, kind);
        }
        for relation in [
            Relation::Exposes,
            Relation::CanExploit,
            Relation::Contains,
            Relation::AuthenticatesTo,
            Relation::MayAuthenticateTo,
            Relation::HasPublicKey,
            Relation::AcceptsKey,
        ] {
            assert_eq!(kind_of_edge(relation).relation, relation);
        }
    }
}
