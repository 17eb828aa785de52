//! What a validator learned of a secret.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Judgement;
use super::pair::Evidence;
use crate::finding::{Target, Verdict};
use crate::rule::Severity;

/// Why a candidate is believed, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proof {
    /// How sure we are.
    pub verdict: Option<Verdict>,
    /// Where the secret lies in the window, if it is not the group `secret`: a password without
    /// its quotes, the nearest of several keys.
    pub at: Option<Range<usize>>,
    /// The value that is fingerprinted, if it is not the bytes as they lie: the decoded key.
    pub canonical: Option<Vec<u8>>,
    /// Severity if it differs from the type's.
    pub severity: Option<Severity>,
    /// What the secret opens.
    pub target: Option<Target>,
    /// Whose it is: account number, user name.
    pub identity: Map<String, Value>,
    /// When it stops working.
    pub expires: Option<jiff::Timestamp>,
    /// The most severe it can be after that; [`Severity::Low`] if not set.
    pub expired_severity: Option<Severity>,
    /// What a person recognises it by, if not by its first and last characters. It is shown to
    /// everyone, so it must be public: a fingerprint, the name of a format.
    pub label: Option<String>,
    /// What may prove another finding, or be proven by one.
    pub evidence: Option<Evidence>,
    /// Facts particular to the type.
    pub details: Map<String, Value>,
}

impl Proof {
    /// A proof of this strength and nothing else yet.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        Self {
            verdict: Some(verdict),
            ..Self::default()
        }
    }

    /// Adds a fact particular to the type.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Adds whose it is.
    #[must_use]
    pub fn owner(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.identity.insert(name.to_owned(), value.into());
        self
    }

    /// Sets what it opens.
    #[must_use]
    pub fn opens(mut self, kind: &str, name: &str, endpoint: Option<String>) -> Self {
        self.target = Some(Target {
            kind: kind.to_owned(),
            name: name.to_owned(),
            endpoint,
        });
        self
    }

    /// Says where in the window the secret lies, if it is not the group `secret`.
    #[must_use]
    pub fn lies_at(mut self, range: Range<usize>) -> Self {
        self.at = Some(range);
        self
    }

    /// Sets the value that is fingerprinted.
    #[must_use]
    pub fn canonical(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.canonical = Some(value.into());
        self
    }

    /// Sets a severity other than the type's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets the most severe it can be once it has expired.
    #[must_use]
    pub fn expired_severity(mut self, severity: Severity) -> Self {
        self.expired_severity = Some(severity);
        self
    }

    /// Sets what a person recognises it by.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets what may prove another finding, or be proven by one.
    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence = Some(evidence);
        self
    }

    /// Well formed, but known not to be a secret.
    #[must_use]
    pub fn suppress(self, reason: &'static str) -> Judgement {
        Judgement::Suppress(reason, Box::new(self))
    }

    /// Believed, on this proof.
    #[must_use]
    pub fn accept(self) -> Judgement {
        Judgement::Accept(Box::new(self))
    }
}
