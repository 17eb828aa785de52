//! What people decided about findings.

use rusqlite::params;

use super::{Case, CaseError};

/// A decision about a finding, as the command line writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// To be fixed.
    Open,
    /// Known and borne until this day.
    Accepted(Option<String>),
    /// No secret.
    FalsePositive,
}

impl Decision {
    /// Reads `open`, `accepted`, `accepted:2027-01-31` or `false-positive`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "open" => Some(Self::Open),
            None if text == "accepted" => Some(Self::Accepted(None)),
            None if text == "false-positive" => Some(Self::FalsePositive),
            Some(("accepted", day)) => {
                let day: jiff::civil::Date = day.parse().ok()?;
                Some(Self::Accepted(Some(day.to_string())))
            }
            _ => None,
        }
    }
}

impl Case {
    /// Sets the status of a finding. A later scan changes it only to `fixed`, and from there back
    /// to `open`.
    ///
    /// # Errors
    /// When there is no such finding, or the database fails.
    pub fn decide(&mut self, finding: i64, decision: &Decision) -> Result<(), CaseError> {
        let (status, until) = match decision {
            Decision::Open => ("open", None),
            Decision::Accepted(until) => ("accepted", until.clone()),
            Decision::FalsePositive => ("false-positive", None),
        };
        let changed = self.connection().execute(
            "UPDATE finding SET status = ?2, until = ?3 WHERE id = ?1",
            params![finding, status, until],
        )?;
        if changed == 0 {
            return Err(CaseError::Request(format!(
                "there is no finding {finding}; `keydredge case recommendations --findings` lists them"
            )));
        }
        Ok(())
    }

    /// Opens the findings again whose acceptance has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub fn reopen(&mut self) -> Result<usize, CaseError> {
        let today = jiff::Timestamp::now().to_string();
        let today = today.get(..10).unwrap_or_default();
        Ok(self.connection().execute(
            "UPDATE finding SET status = 'open', until = NULL
             WHERE status = 'accepted' AND until < ?1",
            [today],
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_read_strictly() {
        assert_eq!(
            Decision::parse("accepted:2027-01-31"),
            Some(Decision::Accepted(Some("2027-01-31".to_owned())))
        );
        for wrong in ["accepted:soon", "fixed", "open:2027-01-31", ""] {
            assert_eq!(Decision::parse(wrong), None, "{wrong}");
        }
    }
}
