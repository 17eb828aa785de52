//! The attack paths that have a name: data, not code.

/// What must be true of the two ends of a path and of the secret between them.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Short name: `A1`.
    pub id: &'static str,
    /// The name.
    pub name: &'static str,
    /// Kind of the asset that holds the secret.
    pub holder: &'static str,
    /// Its cloud; empty for any.
    pub cloud: &'static str,
    /// `Some(true)` if it must be exposed, `Some(false)` if it must not be.
    pub exposed: Option<bool>,
    /// Whether it must be vulnerable.
    pub vulnerable: bool,
    /// Families of secrets, with bars between them; empty for any.
    pub families: &'static str,
    /// Kind of the target; empty for any.
    pub target: &'static str,
    /// Beginning of the target's service; empty for any.
    pub service: &'static str,
    /// Whether both ends must lie in different clouds.
    pub crosses: bool,
}

const BASE: Scenario = Scenario {
    id: "",
    name: "",
    holder: "vm",
    cloud: "",
    exposed: Some(true),
    vulnerable: true,
    families: "",
    target: "",
    service: "",
    crosses: false,
};

/// Families whose secrets open storage: its own, and the keys of cloud users.
const STORAGE: &str = "storage|cloud";

/// The nine of the published document, word for word. Where a path fits with and without the
/// exposure, the exposed machine is reported under the graver name only.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "A1",
        name: "Exposed Vulnerable VM has an insecure SSH private key that is used to authenticate to a VM",
        cloud: "azure",
        families: "ssh",
        target: "vm",
        ..BASE
    },
    Scenario {
        id: "A2",
        name: "Exposed Vulnerable VM has insecure secrets that are used to authenticate to a storage account",
        cloud: "azure",
        families: STORAGE,
        target: "storage",
        ..BASE
    },
    Scenario {
        id: "A3",
        name: "Vulnerable VM has insecure secrets that are used to authenticate to a storage account",
        cloud: "azure",
        exposed: Some(false),
        families: STORAGE,
        target: "storage",
        ..BASE
    },
    Scenario {
        id: "A4",
        name: "Exposed Vulnerable VM has insecure secrets that are used to authenticate to an SQL server",
        cloud: "azure",
        families: "database",
        target: "database",
        ..BASE
    },
    Scenario {
        id: "W1",
        name: "Exposed Vulnerable EC2 instance has an insecure SSH private key that is used to authenticate to an EC2 instance",
        cloud: "aws",
        families: "ssh",
        target: "vm",
        service: "aws.",
        ..BASE
    },
    Scenario {
        id: "W2",
        name: "Exposed Vulnerable EC2 instance has an insecure secret that are used to authenticate to a storage account",
        cloud: "aws",
        families: STORAGE,
        target: "storage",
        ..BASE
    },
    Scenario {
        id: "W3",
        name: "Exposed Vulnerable EC2 instance has insecure secrets that are used to authenticate to an AWS RDS server",
        cloud: "aws",
        families: "database",
        target: "database",
        service: "aws.rds",
        ..BASE
    },
    Scenario {
        id: "W4",
        name: "Vulnerable EC2 instance has insecure secrets that are used to authenticate to an AWS RDS server",
        cloud: "aws",
        exposed: Some(false),
        families: "database",
        target: "database",
        service: "aws.rds",
        ..BASE
    },
    Scenario {
        id: "G1",
        name: "Exposed Vulnerable GCP VM instance has an insecure SSH private key that is used to authenticate to a GCP VM instance",
        cloud: "gcp",
        families: "ssh",
        target: "vm",
        service: "gcp.",
        ..BASE
    },
];

/// Those that the document does not have. X0 are three that it once had.
pub const EXTRAS: &[Scenario] = &[
    Scenario {
        id: "X0a",
        name: "Vulnerable VM has an insecure SSH private key that is used to authenticate to a VM",
        cloud: "azure",
        exposed: Some(false),
        families: "ssh",
        target: "vm",
        ..BASE
    },
    Scenario {
        id: "X0b",
        name: "Vulnerable EC2 instance has an insecure SSH private key that is used to authenticate to an EC2 instance",
        cloud: "aws",
        exposed: Some(false),
        families: "ssh",
        target: "vm",
        service: "aws.",
        ..BASE
    },
    Scenario {
        id: "X0c",
        name: "Vulnerable EC2 instance has insecure secrets that are used to authenticate to a storage account",
        cloud: "aws",
        exposed: Some(false),
        families: STORAGE,
        target: "storage",
        ..BASE
    },
    Scenario {
        id: "X1",
        name: "Exposed Vulnerable machine has a secret that opens something in another cloud",
        crosses: true,
        ..BASE
    },
    Scenario {
        id: "X3",
        name: "Exposed Vulnerable machine has an access key of a cloud user",
        families: "cloud",
        target: "identity",
        ..BASE
    },
    Scenario {
        id: "X4",
        name: "Cloud deployment holds a secret that opens a resource",
        holder: "deployment",
        exposed: None,
        vulnerable: false,
        ..BASE
    },
];

/// Multi-hop: from an exposed vulnerable machine to a sensitive store.
pub const REACH: (&str, &str) = (
    "X2",
    "Exposed Vulnerable machine leads over other machines to a sensitive store",
);
/// A host accepts a key that nobody knows.
pub const UNKNOWN_KEY: (&str, &str) = (
    "X5",
    "Exposed machine accepts an SSH key whose private half was not found",
);
/// A machine that may use a store without any secret on it.
pub const OWN_IDENTITY: (&str, &str) = (
    "X7",
    "Exposed Vulnerable machine has an identity that may use a storage account",
);
/// One secret on many machines.
pub const SPREAD: (&str, &str) = ("X6", "The same secret lies on three machines or more");
/// What the document calls secrets that lead nowhere.
pub const NO_TARGET: &str = "secrets without an identified target resource";
