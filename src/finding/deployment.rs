//! A deployment that was looked at: for a case, one without findings is worth knowing too.

use serde::{Deserialize, Serialize};

/// One deployment of an input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// [`Deployment::SCHEMA`].
    pub schema: String,
    /// The input as the user named it.
    pub input: String,
    /// The file it lies in, if that has a name.
    pub path: Option<String>,
    /// Its own id, if it has one.
    pub deployment: Option<String>,
    /// `arm.deployment`, `cfn.stack`, ...
    pub deployment_kind: String,
}

impl Deployment {
    /// Name and version of the record.
    pub const SCHEMA: &'static str = "keydredge.deployment/1";
}
