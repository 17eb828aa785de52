//! What a reader of inventories hands to the case.

/// A machine, store, database, identity or deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asset {
    /// The cloud's own id; kept in lower case.
    pub uid: String,
    /// `vm`, `storage`, `database`, `identity`, `deployment` or `other`.
    pub kind: &'static str,
    /// `azure.vm`, `aws.rds`, ...
    pub service: String,
    /// `azure`, `aws`, `gcp`, or empty.
    pub cloud: String,
    /// Subscription, account number or project.
    pub account: String,
    /// The name a person uses.
    pub name: String,
    /// Where it runs.
    pub region: String,
    /// In which network its private addresses mean something.
    pub network: String,
    /// Whether it is switched on, if that is said.
    pub running: Option<bool>,
    /// Whether it holds sensitive data.
    pub sensitive: bool,
    /// Whether a storage account refuses its shared keys.
    pub keys_refused: bool,
    /// Whether it is exposed, if a plain list says so.
    pub exposed: Option<bool>,
    /// Its most severe vulnerability, if a plain list says so.
    pub vulnerable: Option<u8>,
}

/// One statement of an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// There is such an asset.
    Asset(Asset),
    /// `subject` stands in this relation to `object`; see the table `fact`.
    Fact {
        /// Whom it is said of.
        subject: String,
        /// Which relation.
        kind: &'static str,
        /// To what.
        object: String,
    },
    /// A firewall rule for traffic from anywhere.
    Rule {
        /// The firewall.
        firewall: String,
        /// The lowest decides.
        priority: i64,
        /// Or deny.
        allow: bool,
        /// `tcp`, `udp` or `*`.
        protocol: &'static str,
        /// First and last port.
        ports: (u16, u16),
    },
    /// An open vulnerability.
    Vulnerability {
        /// Any name of the asset.
        subject: String,
        /// Its number.
        cve: String,
        /// 0 none to 4 critical.
        severity: u8,
        /// The software that has it.
        package: String,
        /// The version without it.
        fixed_in: String,
    },
    /// A machine lets the holder of a key in.
    Accepts {
        /// Any name of the machine or of its key pair.
        subject: String,
        /// `SHA256:...`
        public_key: String,
        /// As whom.
        login: String,
        /// Who says so.
        how: &'static str,
        /// 0 to 100.
        confidence: u8,
        /// Where it says so.
        evidence: String,
    },
    /// An access key belongs to an identity.
    Owner {
        /// The key's public id.
        key_id: String,
        /// Uid of the identity.
        identity: String,
        /// Whether the key works.
        active: bool,
    },
    /// A statement of a policy.
    Statement {
        /// Whose: a user, a role, a group or a policy that is attached to one.
        identity: String,
        /// Whether it denies.
        denies: bool,
        /// Whether it holds under a condition only.
        conditional: bool,
        /// Patterns of actions.
        actions: Vec<String>,
        /// Whether all actions but these are meant.
        but_actions: bool,
        /// Patterns of resources.
        resources: Vec<String>,
        /// Whether all resources but these are meant.
        but_resources: bool,
    },
    /// An image is of an asset.
    Image {
        /// The image as scans name it, or its file name.
        input: String,
        /// Any name of the asset.
        asset: String,
    },
}
